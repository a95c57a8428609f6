"""Text and tokens of a row."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from string import whitespace
from sys import intern
from typing import Any, NamedTuple

from diziner.common.errors import UserError
from diziner.corpora.tokenize import tokenize
from diziner.records.documents import Range, token_offsets

_NO_BREAK = str.maketrans(dict.fromkeys(whitespace, "\xa0"))


class TokenText(NamedTuple):
    """A text and its tokens, the row's own or ours."""

    tokens: tuple[str, ...]
    text: str
    offsets: tuple[Range, ...]  # characters of each token in `text`
    kept: tuple[bool, ...]  # per token of the row: False where it was blank
    has_tokens: bool  # the row's own; else they are ours
    mended: int = 0  # blank tokens left out, and tokens with blanks in them


def read_token_text(value: Mapping[str, Any]) -> TokenText:
    """Read tokens and text of a row, neither of which ever depends on its gold; see `Decoder.decode`.

    Raises:
        UserError: they are of the wrong kind, empty, do not fit each other, or are not valid Unicode.
    """
    own_text, own_tokens = value.get("text"), value.get("tokens")
    if own_text is not None and not isinstance(own_text, str):
        raise UserError(f"text must be a string, found {own_text!r:.80}")
    mended = 0
    if own_tokens is None:
        tokens = list(tokenize(own_text or ""))
        kept = [True] * len(tokens)
    elif isinstance(own_tokens, list) and all(isinstance(token, str) for token in own_tokens):
        kept = [bool(token.strip()) for token in own_tokens]
        tokens = [token for token, keep in zip(own_tokens, kept, strict=True) if keep]
        mended = len(own_tokens) - len(tokens)
    else:
        raise UserError(f"tokens must be a list of strings, found {own_tokens!r:.80}")
    if not tokens:
        raise UserError("empty document")
    text = " ".join(tokens) if own_text is None else own_text
    check_unicode(text, "text")
    offsets = token_offsets(tokens, text)
    if any(blank in token for token in tokens for blank in whitespace):
        mended += sum(any(blank in token for blank in whitespace) for token in tokens)
        tokens, text = _without_blanks(tokens, text, offsets)
    # One string for all tokens that are equal: a corpus has some thousand words, and each of them thousands of times.
    return TokenText(tuple(map(intern, tokens)), text, offsets, tuple(kept), own_tokens is not None, mended)


def _without_blanks(tokens: Sequence[str], text: str, offsets: Sequence[Range]) -> tuple[list[str], str]:
    """Put a no-break space for each blank inside a token, in the text too: blanks are what tokens are told apart by."""
    written = [token.translate(_NO_BREAK) for token in tokens]
    parts, end = [], 0
    for token, (first, last) in zip(written, offsets, strict=True):
        parts += [text[end:first], token]
        end = last
    return written, "".join([*parts, text[end:]])


def split_tokens(text: TokenText, cuts: Iterable[int]) -> TokenText:
    """Cut tokens of ours where spans begin or end inside them.

    >>> split_tokens(read_token_text({"text": "서울에 갔다"}), [0, 2]).tokens
    ('서울', '에', '갔다')
    """
    offsets = cut_ranges(text.offsets, cuts)
    tokens = tuple(intern(text.text[start:end]) for start, end in offsets)
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
