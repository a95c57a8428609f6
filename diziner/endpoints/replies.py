"""Reading a chat completion's JSON: the text in whatever form it comes, who answered, and numbers that can be true."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any

from diziner.common import jsontext
from diziner.common.plain import plain_line, plain_message
from diziner.endpoints.failures import TransientError
from diziner.prompting.request import ONLY_REASONING, Response

# Of one call. What lies above is no count and no cost, and would break the sums that it goes into.
_MOST_TOKENS = 10**9
_MOST_USD = 10_000.0
_REASONING = ("reasoning_content", "reasoning", "thinking", "thinking_content")
_TEXT = ("text", "output_text")
_NO_TEXT = ("thinking", "reasoning", "redacted_thinking", "reasoning_text", "summary")
# Finish reasons as providers call them, by words in them, in this order; all others are `stop`.
_FILTERED = re.compile(
    r"filter|refus|safety|prohibited|recitation|block(?:ed|list)|spii|sensitive|guardrail|moderat|inspection|toxic|polic(?:y|ies)"
    r"|\blanguage\b"
)
_LENGTH = re.compile(r"length|max_?\w*tokens|tokens?_limit|context_window|truncat|incomplete|(?:output|error)_limit")
_BROKEN = re.compile(r"error|abort|cancel|fail|timeout|timed_out|interrupt|overload|preempt|insufficient")


def response_in(body: Any) -> Response:
    """Return the response that a reply with status 200 holds, in OpenAI's form.

    Errors: TransientError for a reply that holds none: the model broke off, or nothing is where a choice should be.
    """
    choice = _choice(body)
    reason = _text(choice.get("finish_reason")).lower()
    message = choice.get("message")
    filtered = _FILTERED.search(reason) is not None
    cut = not filtered and _LENGTH.search(reason) is not None
    if choice.get("error") or (_BROKEN.search(reason) and not filtered and not cut):
        said = plain_message(_said(choice.get("error")))
        raise _broken(f"the model broke off, finish reason {reason or 'error'}{f': {said}' if said else ''}")
    if message is None and isinstance(choice.get("text"), str):
        message = {"content": choice["text"]}
    if not isinstance(message, Mapping):
        raise _broken("the reply holds a choice without a message")
    text, finish = _content(message.get("content")), "stop"
    refused = message.get("refusal") or _is_refusal(message.get("content"))
    if refused or filtered:
        finish = "refusal" if refused else "content_filter"
    elif cut:
        finish = "length"
    elif not text.strip() and (reasoning := _reasoning(message)):
        # A server that takes all of an answer for reasoning; what is a bare object was none.
        text, finish = (reasoning, "stop") if _is_object(reasoning) else ("", ONLY_REASONING)
    usage = body.get("usage")
    return Response(text, finish, _name(body.get("model")), _name(body.get("system_fingerprint")), **numbers_in(usage))


def numbers_in(usage: Any) -> dict[str, Any]:
    """Return tokens and cost of a reply as the fields of a Response: none but finite, non-negative ones of sane size.

    >>> numbers_in({"prompt_tokens": 5, "completion_tokens": 10**22, "cost": -100})
    {'prompt_tokens': 5, 'completion_tokens': 0, 'cost_usd': None, 'cached_tokens': 0}
    """
    held = usage if isinstance(usage, Mapping) else {}
    details = held.get("prompt_tokens_details")
    known = details if isinstance(details, Mapping) else {}
    prompt = count(held.get("prompt_tokens"))
    cached = [known.get("cached_tokens"), held.get("prompt_cache_hit_tokens"), held.get("cache_read_input_tokens")]
    return {
        "prompt_tokens": prompt,
        "completion_tokens": count(held.get("completion_tokens")),
        "cost_usd": cost(held.get("cost")),
        "cached_tokens": min(prompt, max(map(count, cached))),
    }


def count(value: Any) -> int:
    """Return a number of tokens; 0 for what cannot be one."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _MOST_TOKENS:
        return 0
    return int(value)


def cost(value: Any) -> float | None:
    """Return US dollars of a call; None for what cannot be."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if 0 <= value <= _MOST_USD and math.isfinite(value) else None


def valid_unicode(text: str) -> str:
    """Return the text with half surrogate pairs, which JSON can carry and no file can, replaced."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _choice(body: Any) -> Mapping[str, Any]:
    if not isinstance(body, Mapping):
        raise _broken(f"the reply is no JSON object but {plain_message(json.dumps(body), 80)}")
    choices = body.get("choices")
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], Mapping):
        said = plain_message(_said(body.get("error") or body.get("detail") or body.get("message")))
        raise _broken(f"the reply holds no choice{f': {said}' if said else ''}")
    first: Mapping[str, Any] = choices[0]
    return first


def _content(content: Any) -> str:
    if content is None:
        return ""
    if isinstance(content, str):
        return valid_unicode(content)
    if isinstance(content, list):
        return valid_unicode("".join(map(_part, content)))
    if isinstance(content, Mapping) and content.get("type") in _TEXT and (text := _part(content)):
        return valid_unicode(text)
    return valid_unicode(json.dumps(content, ensure_ascii=False))


def _is_refusal(content: Any) -> bool:
    """Return whether a part of content is a refusal."""
    parts = content if isinstance(content, list) else [content]
    return any(isinstance(part, Mapping) and part.get("type") == "refusal" for part in parts)


def _part(part: Any) -> str:
    """Return the text of a part of content; none for reasoning."""
    if isinstance(part, str):
        return part
    if not isinstance(part, Mapping) or part.get("type") in _NO_TEXT:
        return ""
    text = part.get("text", part.get("content"))
    if isinstance(text, Mapping):
        text = text.get("value")
    return text if isinstance(text, str) else ""


def _reasoning(message: Mapping[str, Any]) -> str:
    for name in _REASONING:
        if isinstance(held := message.get(name), str) and held.strip():
            return valid_unicode(held)
    parts = message.get("content")
    if not isinstance(parts, list):
        parts = message.get("reasoning_details")
    return "reasoning" if parts else ""


def _is_object(text: str) -> bool:
    try:
        return isinstance(jsontext.body(text), dict)
    except jsontext.JsonError:
        return False


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _name(value: Any) -> str:
    """Return a model's name or fingerprint: text without control characters, or nothing."""
    return plain_line(valid_unicode(_text(value)))[:500]


def _said(error: Any) -> str:
    if isinstance(error, Mapping):
        return _text(error.get("message")) or (f"code {error['code']}" if "code" in error else "")
    return _text(error)


def _broken(detail: str) -> TransientError:
    return TransientError("unavailable", detail, billed=True)
