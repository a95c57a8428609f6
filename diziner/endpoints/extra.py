"""Fields of settings `extra`: those that shape an answer pass; whatever holds a secret or leads elsewhere does not.

They are part of a request, and are kept with each answer. litellm takes hundreds of further arguments beside them:
keys, addresses, other models to fall back on, answers that no model gave. So a field is passed by its name; what only
a provider knows goes under `extra_body`, which litellm sends on as it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from diziner.common import jsontext
from diziner.common.errors import UserError
from diziner.common.secret_names import is_secret_name, secret_in_address
from diziner.common.secret_values import key_in
from diziner.prompting.request import ModelSettings


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


BODY = "extra_body"
# What chat completions take to shape an answer: of OpenAI and litellm, OpenRouter, vLLM and SGLang, llama.cpp and
# Ollama, Anthropic and Gemini, and others.
FIELDS = _words(
    """
    reasoning reasoning_effort reasoning_format reasoning_split include_reasoning thinking thinking_budget
    enable_thinking disable_reasoning clear_thinking separate_reasoning think effort verbosity output_config
    top_k top_a min_p typical_p tfs_z epsilon_cutoff eta_cutoff xtc_probability xtc_threshold
    frequency_penalty presence_penalty repetition_penalty repeat_penalty repeat_last_n length_penalty
    no_repeat_ngram_size dry_multiplier dry_base dry_allowed_length mirostat mirostat_tau mirostat_eta
    dynatemp_range dynatemp_exponent samplers min_tokens ignore_eos bad_words logit_bias logprobs top_logprobs
    prompt_logprobs best_of use_beam_search
    do_sample early_stopping num_beams random_seed safe_prompt prompt_mode
    stop_token_ids allowed_token_ids include_stop_str_in_output skip_special_tokens spaces_between_special_tokens
    add_special_tokens truncate_prompt_tokens add_generation_prompt continue_final_message
    chat_template chat_template_kwargs
    guided_json guided_regex guided_choice guided_grammar guided_decoding_backend structured_outputs
    grammar regex ebnf provider transforms plugins usage safety_settings safety_identifier service_tier
    prediction modalities web_search_options tools tool_choice parallel_tool_calls functions function_call
    prompt_cache_key
    prompt_cache_retention context_length_exceeded_behavior user store cache_prompt keep_alive num_ctx num_predict
    num_keep options extra_body
    """
)
_OWN_PLACE = _words(
    "model messages temperature top_p max_tokens seed stop response_format stream stream_options n "
    "max_completion_tokens timeout num_retries max_retries"
)
# Written together and in small letters. They lead a request, or what it brings, elsewhere, wherever they stand.
_ROUTING = _words(
    "apibase baseurl apiversion endpoint endpointurl host proxy proxies httpproxy httpsproxy headers extraheaders "
    "defaultheaders extraquery defaultquery customllmprovider modellist fallbacks contextwindowfallbacks "
    "contextwindowfallbackdict contentpolicyfallbacks defaultfallbacks mockresponse mocktoolcalls mocktimeout "
    "mockdelay organization deploymentid client httpclient sslverify sslcert certificate callbacks successcallback "
    "failurecallback webhook webhookurl"
)
_IN_TEXT = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY|^\s*(?:bearer|basic) +\S{8}", re.IGNORECASE)


def check_extra(settings: ModelSettings) -> None:
    """Refuse what `extra` of a model cannot take. Errors: UserError."""
    check_fields(settings.extra, f"params.yaml: extra of {settings.model}")


def check_fields(extra: Mapping[str, Any], where: str) -> None:
    """Refuse fields that have their own place, are no field of an answer, hold a secret or lead elsewhere.

    `where` begins the message, which never holds a value. Errors: UserError.
    """
    found = next(_faults(extra), None)
    if found is not None:
        name, why = found
        raise UserError(f"{where}: {name} cannot be set there: {why}")


def _faults(extra: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for field in sorted(map(str, extra)):
        if field in _OWN_PLACE:
            yield field, "it has a place of its own, or is not for settings"
    yield from _forbidden(extra, "")
    for field in sorted(map(str, extra)):
        if field not in FIELDS:
            yield field, f"no field known to shape an answer; what only the provider knows goes under extra: {BODY}"
    body = extra.get(BODY, {})
    if not isinstance(body, Mapping):
        yield BODY, "it must be a mapping"
        return
    for field in sorted(map(str, body)):
        if field in _OWN_PLACE or field == BODY:
            yield f"{BODY}.{field}", "it has a place of its own, or is not for settings"


def _forbidden(value: Any, path: str) -> Iterator[tuple[str, str]]:
    """Yield the place of what may stand nowhere, with the reason, at any depth, in a text that is JSON too."""
    if isinstance(value, Mapping):
        for name, held in value.items():
            own = f"{path}.{name}".lstrip(".")
            if is_secret_name(str(name)):
                yield own, "by its name it is a secret, which endpoints.NAME.key_env is for"
            elif re.sub(r"[\W_]", "", str(name)).lower() in _ROUTING or str(name).lower().startswith("litellm"):
                yield own, "it may lead requests elsewhere; endpoints say where they go"
            else:
                yield from _forbidden(held, own)
    elif isinstance(value, list | tuple):
        for place, held in enumerate(value):
            yield from _forbidden(held, f"{path}[{place}]")
    elif isinstance(value, str):
        if (variable := key_in(value)) is not None:
            yield path, f"it holds the value of {variable}, which is a key"
        elif _IN_TEXT.search(value):
            yield path, "it holds a secret, which endpoints.NAME.key_env is for"
        elif "://" in value and (secret := secret_in_address(value)):
            yield path, f"it is an address with {secret}"
        elif value.lstrip()[:1] in ("{", "["):
            yield from _forbidden(_json(value), path)


def _json(text: str) -> Any:
    try:
        return jsontext.loads(text)
    except jsontext.JsonError:
        return None
