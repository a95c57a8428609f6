"""Refusals of one request: too long, or a text that a provider will not have. Told by what providers say.

A refusal concerns one request and no other; anything else that will not mend itself (key, money, model name)
concerns them all. Codes and types are read first, then words. What words are known is in the tests, with sources.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from diziner.common import jsontext
from diziner.common.plain import plain_message, shortened
from diziner.prompting.request import Refusal

TOO_LONG, REFUSED = "too_long", "refused"

# Names in the fields code, type, status, reason and the like, without regard to case and separators.
_LONG_NAMES = frozenset(
    {
        *("contextlengthexceeded", "contextwindowexceeded", "contextlengtherror", "exceedcontextsizeerror"),
        *("stringabovemaxlength", "stringtoolong", "inputtoolong", "inputtoolarge", "prompttoolong"),
        *("prompttoolarge", "requesttoolarge", "requestentitytoolarge", "payloadtoolarge", "contenttoolarge"),
        *("tokenlimitexceeded", "tokenslimitreached", "tokenslimitexceeded", "maxtokenslimitexceeded"),
        *("inputlengthexceeded", "inputtokensexceeded", "contextoverflow", "oversizetext", "1261"),
    }
)
_FILTER_NAMES = frozenset(
    {
        *("contentfilter", "contentfiltered", "contentpolicyviolation", "responsibleaipolicyviolation"),
        *("datainspectionfailed", "invalidprompt", "moderation", "moderationblocked", "moderationerror"),
        *("contentmoderation", "inputmoderation", "safety", "prohibitedcontent", "blocklist", "spii"),
        *("promptblocked", "guardrailintervened", "guardrailviolation", "sensitivecontent", "contentsecurity"),
        *("contentblocked", "blockedcontent", "policyviolation", "usagepolicyviolation", "1301"),
    }
)
# A window that a text does not fit into.
_LONG_WORDS = re.compile(
    r"context[ _-]?(?:length|window|size|limit)|max_?model_?len|n_ctx\b"
    r"|maximum (?:prompt|sequence|input) (?:length|tokens)"
    r"|(?:prompt|input|request|text|message|document|messages|conversation)\b[^.]{0,40}"
    r"\btoo (?:long|large|big|many tokens)"
    r"|too many (?:input |prompt |total )?tokens|reduce (?:the |your )?(?:length|prompt|input|messages)"
    r"|tokens?\b[^.]{0,80}\b(?:exceed|must be <=|larger than|greater than|over the limit)"
    r"|(?:exceed\w*|above|over)\b[^.]{0,60}\b(?:token limit|tokens? allowed|number of tokens|max_(?:seq|input|total)\w*"
    r"|(?:input|prompt) (?:length|limit))"
    r"|must have less than \d+ tokens|max_?length: \d+, actual|shorten (?:the|your) (?:prompt|input|text|message)"
    r"|(?:exceed\w*|longer than)\b[^.]{0,20}\bmax(?:imum)?[ _](?:length|size|(?:number of )?tokens)"
    r"|(?:input|prompt|text|message)\b[^.]{0,20}\bexceeds the (?:limit|maximum)"
    r"|payload size exceeds|range of input length|input length|model token limit|超长|过长|长度超",
    re.IGNORECASE,
)
# A filter that a text does not pass.
_FILTER_WORDS = re.compile(
    r"moderat(?:ion|ed)|\bflagged\b|content[ _-]?(?:management |safety |security )?(?:polic(?:y|ies)|filter\w*)"
    r"|(?:usage|acceptable use|safety|content) (?:polic(?:y|ies)|guidelines?)"
    r"|responsible ai|inappropriate content|content (?:was |is )?blocked"
    r"|data.?inspection.?failed|content exists risk|considered high risk|\bhigh[- ]risk\b"
    r"|sensitive (?:content|words?|info)|new_sensitive|unsafe content|harmful content|prohibited content"
    r"|safety (?:system|filter|settings|check|reasons?)"
    r"|\bguardrails?\b|safety_check|blocked by (?:our|the) (?:safety|content)|prompt (?:was |is )?blocked"
    r"|(?:input|prompt|request|content|text) (?:was |is |has been )?(?:rejected|blocked|refused)"
    r" (?:by|for|due to|because)"
    r"|(?:unsafe|harmful) (?:prompt|input|request|text)|\bprohibited\b[^.]{0,60}\b(?:violat\w*|terms|polic\w*)"
    r"|敏感|不安全|违规|违法|不合规|审核|不当内容|安全检测|存在风险",
    re.IGNORECASE,
)
# What concerns the account or the key, whatever else is said.
_ACCOUNT = re.compile(
    r"(?:incorrect|invalid|missing|expired|no|your|wrong|valid) (?:\w+ )?(?:api[ _-]?)?(?:key|token|credentials?)\b"
    r"|api[ _-]?key (?:not|is|was|has)|unauthori[sz]ed|authenticat"
    r"|your (?:account|organi[sz]ation|project|team|workspace)"
    r"|account (?:is|was|has|not|deactivated|suspended|disabled)"
    r"|api[ _-]?key expired|\bkey limit\b|not been used in project|terms of service have not"
    r"|deactivated|suspended|billing|credit(?!s? (?:was|were|have been|has been) )|balance|quota|payment|arrear"
    r"|overdue|subscription"
    r"|(?:country|region|territory|location)\b[^.]{0,40}\bnot (?:supported|available)",
    re.IGNORECASE,
)
# What concerns what one may do at all, unless a filter is named beside it.
_ACCESS = re.compile(
    r"permission|not (?:allowed|entitled|permitted)|access (?:denied|to (?:this |the )?(?:model|resource|region))"
    r"|no access|\bforbidden\b",
    re.IGNORECASE,
)
# What concerns the form that all requests of a run have.
_FORM = re.compile(
    r"unsupported (?:parameter|value)|unrecognized request argument|extra inputs are not permitted"
    r"|max_\w*tokens\W{1,3}(?:must be less|\d+ >)|supports at most \d+ (?:completion|output) tokens"
    r"|unknown name \W{1,2}\w+\W{1,2}|cannot both be specified|deprecated for this model|invalid schema for",
    re.IGNORECASE,
)
# A model that is not there. With these words about it, it is there: for another account, or for other requests.
_GONE_STATUS = frozenset({400, 404, 410})
_GONE_NAMES = frozenset(
    {
        *("modelnotfound", "modeldecommissioned", "modeldeprecated", "deploymentnotfound", "modelnotavailable"),
        "modelnotsupported",
    }
)
_GONE_WORDS = re.compile(
    r"no (?:allowed )?(?:endpoints|providers?) (?:found|available) for \S"
    r"|(?:not a valid|invalid|unknown|no such|unsupported) model\b|\bmodel:"
    r"|\b(?:models?|deployment)\b(?:[^.]|\.(?!\s)){0,120}?"
    r"\b(?:not found|does ?n[o']t exist|does not exist|not exist|decommissioned"
    r"|no longer (?:available|supported)|is not (?:found|available|supported)|has been (?:deprecated|retired|removed))"
    r"|no scripted model|model_not_found|\bmodel\b[^.]{0,120}\bdeprecated and\b",
    re.IGNORECASE,
)
_OTHERWISE = re.compile(
    r"data policy|guardrail restrictions|that support|privacy|tool use|modalit|parameter|api[ _-]?key|response_format",
    re.IGNORECASE,
)
_NAMED = ("code", "type", "status", "reason", "error_code", "errorCode", "err_code", "blockReason", "finish_reason")
_SAID = frozenset({"message", "msg", "detail", "error_message", "errorMessage", "raw", "title", "description"})
_SAID |= {"error_msg", "status_msg"}
_LEGAL = 451  # withheld for legal reasons


def refusal_in(status: int, body: str) -> Refusal | None:
    """Return the refusal that a reply's status and body state; None for everything else.

    >>> refusal_in(413, "<html>too large</html>")
    Refusal(code='too_long', detail='<html>too large</html>', status=413)
    >>> refusal_in(401, '{"error": {"message": "Incorrect API key provided", "code": "invalid_api_key"}}')
    """
    if status in (401, 402, 404):
        return None
    names, words = _told(body)
    detail = plain_message(words or f"HTTP {status}: {body}")
    if names & _LONG_NAMES or status == 413:
        return Refusal(TOO_LONG, detail, status)
    if status == 429:
        # Mostly the pace; but a request that is larger than a minute's tokens waits for ever.
        return Refusal(TOO_LONG, detail, status) if re.search("request too large", words, re.IGNORECASE) else None
    if _ACCOUNT.search(words):
        return None
    # Errors of servers come in all words: there, only names and those of a window are telling.
    filtered = status < 500 and (_FILTER_WORDS.search(words) or "flagged_input" in body)
    if names & _FILTER_NAMES or filtered or status == _LEGAL:
        return Refusal(REFUSED, detail, status)
    if _LONG_WORDS.search(words) and not _ACCESS.search(words) and not _FORM.search(words):
        return Refusal(TOO_LONG, detail, status)
    return None


def concerns_all(status: int, body: str) -> bool:
    """Return whether an error that is no known refusal is about the key, the account or the model for certain."""
    names, words = _told(body)
    return (
        status in (401, 402, 404, 405)
        or bool(names & _GONE_NAMES)
        or (status == 403 and not words)
        or any(concern.search(words) for concern in (_ACCOUNT, _ACCESS, _GONE_WORDS, _FORM))
    )


def model_is_gone(status: int, body: str) -> bool:
    """Return whether an error says that the server has no such model (any more).

    A wrong address is not meant, nor hosts that one's own account or request rules out.

    >>> model_is_gone(404, '{"error": {"message": "No endpoints found for a/b.", "code": 404}}')
    True
    >>> model_is_gone(404, '{"detail": "Not Found"}')
    False
    """
    names, words = _told(body)
    if status not in _GONE_STATUS or _OTHERWISE.search(words):
        return False
    return bool(names & _GONE_NAMES or _GONE_WORDS.search(words))


def message_in(status: int, body: str) -> str:
    """Return what the body says, on one line."""
    _, words = _told(body)
    return plain_message(words or f"HTTP {status}: {body}".removesuffix(": "))


def _told(body: str) -> tuple[set[str], str]:
    """Return the names of the error that a body holds, and what it says in words."""
    try:
        value = jsontext.body(body)
    except jsontext.JsonError:
        return set(), shortened(body)
    pairs = list(_pairs(value, 0))
    names = {re.sub(r"[^a-z0-9]", "", str(held)[:200].lower()) for name, held in pairs if name in _NAMED}
    said = [str(held) for name, held in pairs if name in _SAID and isinstance(held, str) and held]
    if isinstance(value, str):
        said.append(value)
    return names, shortened("; ".join(dict.fromkeys(said)))


def _pairs(value: Any, depth: int) -> Iterator[tuple[str, Any]]:
    """Yield the texts and numbers of an error object by name; errors in errors, and JSON in texts, too."""
    if depth > 6:
        return
    if isinstance(value, list):
        for item in value:
            yield from _pairs(item, depth + 1)
    elif isinstance(value, dict):
        for name, held in value.items():
            if isinstance(held, dict | list):
                yield from _pairs(held, depth + 1)
            elif isinstance(held, str) and held.lstrip()[:1] == "{" and (inner := _json(held)) is not None:
                yield from _pairs(inner, depth + 1)
            elif name == "error" and isinstance(held, str):
                yield "message", held
            else:
                yield name, held


def _json(text: str) -> Any:
    try:
        return jsontext.body(text)
    except jsontext.JsonError:
        return None
