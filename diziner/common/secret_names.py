"""Names under which secrets are given, and addresses that hold one. A value looks like any other: the name tells."""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, urlsplit

_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_INSIDE = ("secret", "password", "passwd", "passphrase", "credential", "authoriz", "authoris", "authent", "oauth")
_WHOLE = frozenset({"auth", "creds", "pwd", "bearer", "cookie", "cookies", "jwt", "sas", "signature"})
_ENDS = ("key", "keys", "auth")
# Counts of tokens, and tokens of a vocabulary; a word beside them that makes a key of them all the same.
_VOCABULARY = frozenset({"eos", "bos", "pad", "unk", "stop", "special"})
_OF_ACCESS = frozenset({"access", "api", "refresh", "session", "bearer", "identity", "web", "ad", "security", "secret"})
_NO_KEYS = frozenset({"promptcachekey"})  # a name that requests share, so that one server gets them
_IN_ADDRESSES = frozenset({"sig", "code", "sv"})  # of Azure's signed addresses


def is_secret_name(name: str) -> bool:
    """Return whether a field of that name holds a key, a token, a password or the like; counts of tokens do not.

    >>> [is_secret_name(name) for name in ("apiKey", "AZURE_AD_TOKEN", "x-goog-api-key", "auth", "vertexCredentials")]
    [True, True, True, True, True]
    >>> [is_secret_name(name) for name in ("max_tokens", "stop_token_ids", "author", "top_k", "budget_tokens")]
    [False, False, False, False, False]
    """
    squeezed = re.sub(r"[\W_]", "", name).lower()
    if squeezed in _NO_KEYS:
        return False
    words = [word.lower() for word in _WORDS.findall(name)]
    if any(part in squeezed for part in _INSIDE) or any(word in _WHOLE or word.endswith(_ENDS) for word in words):
        return True
    return squeezed.endswith(_ENDS) or ("token" in squeezed and not _counts_tokens(words))


def secret_in_address(address: str) -> str | None:
    """Return what an address holds that is a secret, in words that do not repeat it; None if it holds none.

    >>> secret_in_address("http://ann:pw@127.0.0.1:8000/v1")
    'a user name or password'
    >>> secret_in_address("https://host/v1?api-version=2024-02-01&api_key=1")
    'the parameter api_key'
    >>> secret_in_address("http://[::1]:8000/v1")
    """
    try:
        parts = urlsplit(address.strip())
    except ValueError:  # no address at all
        return None
    named = f"{parts.netloc}" if parts.netloc else address.partition("?")[0]
    if "@" in named:
        return "a user name or password"
    for text in (parts.query, parts.fragment):
        for name, _ in parse_qsl(text, keep_blank_values=True):
            if is_secret_name(name) or name.lower() in _IN_ADDRESSES:
                return f"the parameter {name}"
    return None


def _counts_tokens(words: list[str]) -> bool:
    for before, word, after in zip(["", *words], words, [*words[1:], ""], strict=False):
        if "token" not in word:
            continue
        if "tokeniz" in word or "tokenis" in word:
            continue
        if _OF_ACCESS.intersection(words):
            return False
        if word != "tokens" and not word.endswith("tokens") and not (after in ("id", "ids") or before in _VOCABULARY):
            return False
    return True
