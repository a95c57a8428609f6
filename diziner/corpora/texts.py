"""Text and tokens of a row."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from diziner.common.errors import UserError
from diziner.corpora.tokenize import tokenize
from diziner.records.documents import Range, token_offsets


class TokenText(NamedTuple):
    """A text and its tokens, the row's own or ours."""

    tokens: tuple[str, ...]
    text: str
    offsets: tuple[Range, ...]  # characters of each token in `text`
    kept: tuple[bool, ...]  # per token of the row: False where it was blank
    has_tokens: bool  # the row's own; else they are ours


def read_token_text(value: Mapping[str, Any]) -> TokenText:
    """Read tokens and text of a row, neither of which ever depends on its gold; see `Decoder.decode`.

    Raises:
        UserError: they are of the wrong kind, empty, do not fit each other, or are not valid Unicode.
    """
    own_text, own_tokens = value.get("text"), value.get("tokens")
    if own_text is not None and not isinstance(own_text, str):
        raise UserError(f"text must be a string, found {own_text!r:.80}")
    if own_tokens is None:
        tokens = list(tokenize(own_text or ""))
        kept = [True] * len(tokens)
    elif isinstance(own_tokens, list) and all(isinstance(token, str) for token in own_tokens):
        kept = [bool(token.strip()) for token in own_tokens]
        tokens = [token for token, keep in zip(own_tokens, kept, strict=True) if keep]
        if " ".join(tokens).split() != tokens:
            spaced = next(token for token in tokens if token.split() != [token])
            raise UserError(f"token {spaced!r} has white space in it")
    else:
        raise UserError(f"tokens must be a list of strings, found {own_tokens!r:.80}")
    if not tokens:
        raise UserError("empty document")
    text = " ".join(tokens) if own_text is None else own_text
    check_unicode(text, "text")
    return TokenText(tuple(tokens), text, token_offsets(tokens, text), tuple(kept), own_tokens is not None)


def split_tokens(text: TokenText, cuts: Iterable[int]) -> TokenText:
    """Cut tokens of ours where spans begin or end inside them.

    >>> split_tokens(read_token_text({"text": "서울에 갔다"}), [0, 2]).tokens
    ('서울', '에', '갔다')
    """
    offsets = cut_ranges(text.offsets, cuts)
    tokens = tuple(text.text[start:end] for start, end in offsets)
    return TokenText(tokens, text.text, offsets, (True,) * len(tokens), text.has_tokens)


def cut_ranges(ranges: Sequence[Range], cuts: Iterable[int]) -> tuple[Range, ...]:
    """Cut ranges, which are sorted, at the places that fall inside them."""
    bounds = sorted({*cuts})
    found: list[Range] = []
    for start, end in ranges:
        inside = bounds[bisect_right(bounds, start) : bisect_left(bounds, end)]
        found += pairwise([start, *inside, end])
    return tuple(found)


def check_unicode(text: str, what: str) -> None:
    """Refuse, with a UserError, a string that cannot be written to a file; JSON can smuggle one in."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise UserError(f"{what} has half a surrogate pair at character {error.start}") from None
