"""One call to a model over HTTP, through litellm.

litellm is imported when the first call is due, never before: a run served from the store does without it.
Its retries, cache, router, budget, prices and records are off; `diziner.llm.lane` owns attempts and waiting.
"""

from __future__ import annotations

import contextlib
import email.utils
import gc
import json
import logging
import os
import re
import time
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any

from diziner.common import jsontext
from diziner.common.errors import ModelGoneError, UserError
from diziner.common.plain import plain_message
from diziner.common.secret_values import key_in, masked, masked_message
from diziner.endpoints import Endpoint
from diziner.endpoints.causes import asks_for_login, cause_of
from diziner.endpoints.extra import check_extra
from diziner.endpoints.failures import TransientError, UnclearRefusalError
from diziner.endpoints.prompt_cache import messages_to_send
from diziner.endpoints.refusals import REFUSED, concerns_all, message_in, model_is_gone, refusal_in
from diziner.endpoints.replies import response_in
from diziner.prompting.request import ModelSettings, Refusal, Reply, Request, Response

if TYPE_CHECKING:
    from diziner.endpoints.exchange import Exchange

# What a provider may not know, at the value that makes no difference or asks for nothing.
_NEUTRAL: dict[str, Any] = {"top_p": 1.0, "seed": 0}
# Models that turn the neutral value down as well where another way of sampling, or reasoning, is on.
_NO_NEUTRAL = re.compile(r"claude|\bgpt-(?:[5-9]|\d\d)|\bo\d\b")
_USER_STATUS = frozenset({400, 402, 403, 404, 405, 422})
_NOISE = re.compile(
    r"^(?:litellm\.)?(?:\w+Exception )?(?:\w+(?:Error|Exception)|Timeout)(?::| -) | ssl:<[^>]*>| at 0x[0-9a-f]+"
    r"|\.? Handle with `litellm\.\w+`\.|: <ContentLengthError.*"
)


def prepare() -> None:
    """Import what calls need: it takes seconds, and is not for the clock of the first call."""
    _litellm()


def litellm_module() -> Any:
    """Return litellm, set up as calls need it."""
    return _litellm()


async def complete(request: Request, endpoint: Endpoint, api_base: str | None) -> Reply:
    """Make one call; `api_base` is the base URL, None for the provider's own.

    Errors: UserError for what will not mend itself (key, money, model name); UnclearRefusalError for a request that
    is turned down for reasons that are not clear; TransientError else.
    """
    litellm = _litellm()
    from openai import APIError

    from diziner.endpoints.exchange import CURRENT, Exchange, whole

    key = endpoint.key()
    _without_records()
    exchange = Exchange(most=round(endpoint.max_reply_mb * 2**20))
    # litellm works in copies of this context, which hold the same exchange.
    token = CURRENT.set(exchange)
    try:
        call = litellm.acompletion(**_arguments(request, endpoint, api_base), api_key=key or "none")
        reply = await whole(call, exchange)
    except APIError as error:
        # The class of all errors of litellm; what it wraps is not ours to show.
        if exchange.is_too_large:
            said = f"the reply is larger than {endpoint.max_reply_mb:g} MB (max_reply_mb of the endpoint)"
            raise TransientError("unavailable", said, billed=True) from None
        return _typed(error, exchange, request, endpoint, key, api_base)
    finally:
        CURRENT.reset(token)
    if not exchange.is_chat:
        response = _without_keys(response_in(reply.model_dump()))
        return replace(response, model=response.model.removeprefix(f"{endpoint.provider}/"))
    body = _json(exchange.body)
    if isinstance(body, dict) and body.get("error") and not body.get("choices"):
        # OpenRouter sends errors with status 200 once a model has begun.
        status = _status_in(body["error"])
        return _typed(None, replace(exchange, status=status), request, endpoint, key)
    return _without_keys(response_in(body))


async def body_of(request: Request, endpoint: Endpoint) -> dict[str, Any]:
    """Return the body that a call would send, as a line of a batch has it; nothing is sent, no key is needed.

    Errors: UserError where litellm makes no chat completion in OpenAI's form of it.
    """
    litellm = _litellm()
    from openai import APIError

    from diziner.endpoints.exchange import CURRENT, Exchange

    _without_records()
    exchange = Exchange(only_written=True)
    token = CURRENT.set(exchange)
    try:
        await litellm.acompletion(**_arguments(request, endpoint, endpoint.api_base), api_key="none")
    except APIError as error:
        raise UserError(f"endpoint {endpoint.name}, model {request.settings.model}: {_brief(error)}") from None
    finally:
        CURRENT.reset(token)
    body = _json(exchange.written.decode())
    if not exchange.is_chat or not isinstance(body, dict):
        raise UserError(f"endpoint {endpoint.name}: {endpoint.provider} takes no chat completions in OpenAI's form")
    return body


def reply_in(status: int, body: Any, request: Request, endpoint: Endpoint) -> Reply:
    """Return the reply in a line that came back: what `complete` makes of such a status and body.

    Errors: as `complete`.
    """
    failed = isinstance(body, dict) and body.get("error") and not body.get("choices")
    if status == 200 and not failed:
        return _without_keys(response_in(body))
    code = _status_in(body["error"]) if status == 200 else status
    text = body if isinstance(body, str) else json.dumps(body, ensure_ascii=False)
    from diziner.endpoints.exchange import Exchange

    return _typed(None, Exchange(code, text), request, endpoint, os.environ.get(endpoint.key_env or ""))


def sends_seed(settings: ModelSettings, endpoint: Endpoint) -> bool:
    """Return whether a request takes the seed along: litellm says whether the provider knows such a field."""
    return "seed" in _arguments(Request("", settings, ()), endpoint, None)


def _arguments(request: Request, endpoint: Endpoint, api_base: str | None) -> dict[str, Any]:
    settings = request.settings
    check_extra(settings)
    provider = endpoint.provider
    decoding = {"temperature": settings.temperature, "top_p": settings.top_p, "seed": settings.sent_seed}
    known = _supported(settings.model, provider)
    arguments: dict[str, Any] = {
        "model": f"{provider}/{settings.model}",
        "messages": messages_to_send(request, provider),
        **{k: v for k, v in decoding.items() if v != _NEUTRAL.get(k) or (k in known and _takes(settings.model, k))},
        "max_tokens": settings.max_tokens,
        "timeout": endpoint.timeout_s,
        "num_retries": 0,
        "max_retries": 0,
        "api_base": api_base,
        **settings.extra,
    }
    if settings.stop:
        arguments["stop"] = list(settings.stop)
    if form := _response_format(settings.structured, request.schema):
        arguments["response_format"] = form
        if "response_format" not in known:
            # The capability is declared by us. Where litellm knows of it, it finds the provider's own form, and
            # would send this one beside it, which Anthropic and Gemini refuse.
            arguments["allowed_openai_params"] = ["response_format"]
    return arguments


def _takes(model: str, name: str) -> bool:
    return name != "top_p" or not _NO_NEUTRAL.search(model.lower())


@cache
def _litellm() -> Any:
    # Read at import: without it litellm asks the network for a price file.
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    # The import makes 300,000 objects that stay. A collector that walks them makes it a quarter longer, and later
    # holds up all calls for 0.2 s at a time.
    gc.disable()
    try:
        import litellm
    finally:
        gc.freeze()
        gc.enable()

    litellm.suppress_debug_info = True
    litellm.telemetry = False
    # Below errors it logs its own housekeeping, and at debug level whole prompts.
    logging.getLogger("LiteLLM").setLevel(logging.ERROR)
    # Prices are ours (diziner.prices); its own look-up after every call takes a sixth of the call's CPU time.
    module: Any = litellm
    module.response_cost_calculator = _no_price
    from litellm.llms.custom_httpx.http_handler import AsyncHTTPHandler

    from diziner.endpoints.exchange import listen

    listen(AsyncHTTPHandler)
    return litellm


def _no_price(**_call: Any) -> None:
    """Return no price, in place of litellm's own price of a call."""


def _without_records() -> None:
    # For callbacks, of which there are none, litellm makes a record of every call: a tenth of the call's CPU time.
    with contextlib.suppress(ImportError):
        from litellm._internal_context import is_internal_call

        is_internal_call.set(True)


@cache
def _supported(model: str, provider: str) -> frozenset[str]:
    return frozenset(_litellm().get_supported_openai_params(model=model, custom_llm_provider=provider) or ())


def _response_format(structured: str, schema: Any) -> dict[str, Any] | None:
    if structured == "json_object":
        return {"type": "json_object"}
    if schema is not None and structured in {"json_schema", "grammar"}:
        name = schema.get("title", "answer")
        return {"type": "json_schema", "json_schema": {"name": name, "schema": schema, "strict": True}}
    return None


def _json(text: str) -> Any:
    try:
        return jsontext.body(text)
    except jsontext.JsonError:
        return text


def _status_in(error: Any) -> int:
    code = error.get("code") if isinstance(error, dict) else None
    return code if isinstance(code, int) and 400 <= code < 600 else 502


def _typed(
    error: Exception | None,
    exchange: Exchange,
    request: Request,
    endpoint: Endpoint,
    key: str | None,
    address: str | None = None,
) -> Refusal:
    """Return the refusal that an error is; all other errors are raised. `error` is litellm's, if it made any."""
    status, body = exchange.status, exchange.body
    if status < 400:  # no reply, or one of another kind than litellm reads
        status, body = getattr(error, "status_code", None) or 0, ""
    headers = getattr(error, "litellm_response_headers", None)
    body = masked_message(body, key)
    said = masked_message(message_in(status, body) if body else plain_message(_brief(error)), key)
    where = f"endpoint {endpoint.name}, model {request.settings.model}"
    if body and (refusal := refusal_in(status, body)):
        return refusal
    if model_is_gone(status, body):
        raise ModelGoneError(f"{where}: it is not there ({said}); name another model in params.yaml")
    if status in {401, 403} or "API_KEY_INVALID" in body:
        hint = f"check the key in {endpoint.key_env}" if endpoint.key_env else "it asks for a key: set key_env"
        if status != 403 or concerns_all(status, body):
            raise UserError(f"{where}: {hint} ({said})")
    if "insufficient_quota" in f"{body} {error}":
        # Sent as 429, but no waiting fills an account.
        raise UserError(f"{where}: the account has no money left ({said})")
    if status in _USER_STATUS:
        if exchange.status < 400 or concerns_all(status, body):
            raise UserError(f"{where}: the request is refused ({said})")
        raise UnclearRefusalError(Refusal(REFUSED, said, status))
    if status == 429:
        raise TransientError("rate_limited", said, _retry_after(headers) or _retry_delay(body))
    if status == 407:
        raise UserError(f"{where}: {asks_for_login(address)}")
    if status == 408 and headers is None:
        raise TransientError("timeout", f"no answer in {endpoint.timeout_s:g} s", billed=True)
    cause = None if body else cause_of(error, address)
    if cause is not None and cause.lasting:
        raise UserError(f"{where}: {cause.words}")
    # Without headers there was no answer; it may have got lost on the way back, unless nobody was there at all.
    unreached = cause is not None and cause.unreached
    billed = headers is None and not unreached
    said = cause.words if cause is not None else said
    raise TransientError("unavailable", said, _retry_after(headers), billed, unreached)


def _without_keys(response: Response) -> Response:
    """Return the response without a key that a server sent back in it."""
    texts: dict[str, str] = {
        name: getattr(response, name) for name in ("text", "finish_reason", "model", "fingerprint")
    }
    hidden: dict[str, Any] = {name: masked(text) for name, text in texts.items() if key_in(text)}
    return replace(response, **hidden) if hidden else response


def _brief(error: Exception | None) -> str:
    line, before = " ".join(str(error).split()), ""
    while before != line:
        before, line = line, _NOISE.sub("", line)
    return line


def _retry_after(headers: Any) -> float | None:
    """Return the wish in `retry-after-ms` or `retry-after`, in seconds; the latter may be a date."""
    values = {name.lower(): value for name, value in dict(headers or {}).items()}
    for name, unit in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        try:
            return max(0.0, float(values[name]) / unit)
        except (KeyError, ValueError):
            continue
    try:
        return max(0.0, email.utils.parsedate_to_datetime(values["retry-after"]).timestamp() - time.time())
    except (KeyError, ValueError):
        return None


def _retry_delay(body: str) -> float | None:
    """Return the wish in Google's `retryDelay`, in seconds: it sends no header."""
    found = re.search(r'"retryDelay":\s*"(\d+(?:\.\d+)?)s"', body)
    return float(found[1]) if found else None
