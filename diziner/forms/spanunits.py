"""Units of spans, found from the spans themselves: tokens, characters, UTF-16 units or bytes, ends included or not."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from typing import NamedTuple

from diziner.common.errors import UserError
from diziner.forms.choices import SPAN_UNITS
from diziner.forms.spanlists import Given

TOKEN_UNITS = ("tokens", "tokens-inclusive")
CHARACTER_UNITS = ("characters", "characters-inclusive", "utf16", "utf16-inclusive", "utf8", "utf8-inclusive")
_WHOLE_WORDS = 0.5  # of all spans must end inside a word before their ends are doubted


class Sample(NamedTuple):
    """One row's spans with its text, its tokens, and where these stand in the text, where it has some."""

    where: str
    spans: Sequence[Given]
    text: str | None
    tokens: Sequence[str] | None
    offsets: Sequence[tuple[int, int]] | None


def find_unit(samples: Iterable[Sample], chosen: str, documented: str, key: str) -> str:
    """Find which of `SPAN_UNITS` the spans of a file have.

    It is the one that most spans fit: not empty or outside their document, of the text that they say they have, and, in
    characters, neither beginning nor ending inside a token of the row's own. `documented` is what a form says; of a
    form that says nothing, spans of characters exclude their ends unless most would end inside a word, and are not of
    UTF-16 units or bytes unless more of them would be whole words. `key` names them in messages.

    Errors: UserError if two units are left between which nothing decides, with the option that does.
    """
    if chosen:
        if chosen not in SPAN_UNITS:
            raise UserError(f"--spans {chosen}: unknown; allowed: {', '.join(SPAN_UNITS)}")
        return chosen
    rows = [row for row in samples if row.spans]
    if documented or not rows:
        return documented or ("tokens" if any(row.tokens for row in rows) else "characters")
    # A span that is wrong says so when it is read: it must not decide about the others.
    fitting = {unit: sum(_fits(row, span, unit) for row in rows for span in row.spans) for unit in _possible(rows, key)}
    most = max(fitting.values(), default=0)
    if not most:
        _refuse_inside_tokens(rows, key)
        return "tokens" if all(row.tokens is not None for row in rows) else "characters"
    units = [unit for unit, number in fitting.items() if number == most]
    told = [span for row in rows for span in row.spans if span.text is not None]
    if not told and not fitting.keys() & {*TOKEN_UNITS}:
        whole = _are_whole_words(rows, key)
        if _are_from_one(rows):
            raise UserError(
                f"{rows[0].where}: {key}: most spans begin inside a word, as {_shown(rows[0])}; were they counted from "
                "1, take 1 from each; if they are right: --spans characters"
            )
        if whole:
            return "characters"
    if told and any(unit.startswith("characters") for unit in units):
        units = [unit for unit in units if unit.startswith("characters")] or units
    if len(units) == 1:
        return units[0]
    where = rows[0].where
    if set(units) <= {*CHARACTER_UNITS}:
        if told or not _cut_words(rows):
            return units[0]
        raise UserError(
            f"{where}: {key}: most spans end inside a word, as {_shown(rows[0])}; --spans characters-inclusive if "
            "their ends are included, else --spans characters"
        )
    raise UserError(
        f"{where}: {key} {list(rows[0].spans[0].pieces[0])} can be read as {' or '.join(units)}, and no span of the "
        f"file decides; say which: --spans {'|'.join(units)}"
    )


def _refuse_inside_tokens(rows: Sequence[Sample], key: str) -> None:
    """Refuse spans that are places of the texts, are no tokens, and none of which begins and ends where tokens do."""
    if all(row.tokens is not None and row.text is not None for row in rows) and all(
        len(row.tokens or ()) < span.end <= len(row.text or "") and span.start < span.end
        for row in rows
        for span in row.spans
    ):
        raise UserError(
            f"{rows[0].where}: {key}: in characters no span begins and ends where tokens do, as {_shown(rows[0])}; "
            "--spans characters takes the tokens that they touch"
        )


def _possible(rows: Sequence[Sample], key: str) -> list[str]:
    has_text = all(row.text is not None for row in rows)
    has_tokens = all(row.tokens is not None for row in rows)
    told = any(span.text is not None for row in rows for span in row.spans)
    characters = CHARACTER_UNITS if told else CHARACTER_UNITS[:2]
    # What is called spans is as this project writes it: ends are excluded.
    tokens = TOKEN_UNITS[:1] if key == "spans" else TOKEN_UNITS
    return [*(tokens if has_tokens else ()), *(characters if has_text else ())]


def _fits(row: Sample, span: Given, unit: str) -> bool:
    if unit in TOKEN_UNITS:
        tokens = row.tokens or ()
        places = [(start, end + (unit != "tokens")) for start, end in span.pieces]
        inside = all(0 <= start < end <= len(tokens) for start, end in places)
        own = [token for start, end in places for token in tokens[start:end]]
        return inside and (span.text is None or "".join(own).split() == ["".join(span.text.split())])
    text = row.text or ""
    found = [as_characters(text, piece, unit) for piece in span.pieces]
    if not all(0 <= start < end <= len(text) for start, end in found):
        return False
    if span.text is not None and not has_text(text, found, span.text):
        return False
    if row.offsets is None:
        return True
    starts, ends = {start for start, _ in row.offsets}, {end for _, end in row.offsets}
    return all(start in starts and end in ends for start, end in found)


def _are_whole_words(rows: Sequence[Sample], key: str) -> bool:
    """Whether no unit makes more of the spans whole words than characters do, ends excluded.

    Errors: UserError if UTF-16 units or bytes make more of them so.
    """
    whole = {unit: sum(_is_whole(row, span, unit) for row in rows for span in row.spans) for unit in CHARACTER_UNITS}
    best = max(whole.values())
    if best > max(whole["characters"], whole["characters-inclusive"]):
        other = next(unit for unit in CHARACTER_UNITS if whole[unit] == best)
        raise UserError(
            f"{rows[0].where}: {key}: counted in characters, {whole['characters']} of "
            f"{sum(len(row.spans) for row in rows)} spans are whole words, in {other} {best}; say which: "
            f"--spans {other}, or --spans characters"
        )
    return whole["characters"] == best


def _is_whole(row: Sample, span: Given, unit: str) -> bool:
    """Whether a span is whole words, as far as that can be told from letters and blanks."""
    text = row.text or ""
    for piece in span.pieces:
        start, end = as_characters(text, piece, unit)
        if not 0 <= start < end <= len(text) or text[start].isspace() or text[end - 1].isspace():
            return False
        if (start and _inside_word(text, start)) or _inside_word(text, end):
            return False
    return True


def has_text(text: str, pieces: Sequence[tuple[int, int]], own: str) -> bool:
    """Whether pieces of a text are what a span says it has, but for white space and capital letters."""
    there = "".join("".join(text[start:end] for start, end in pieces).split())
    return there == (stated := "".join(own.split())) or there.casefold() == stated.casefold()


def as_characters(text: str, place: tuple[int, int], unit: str) -> tuple[int, int]:
    """Return a place of UTF-16 units, bytes or characters, whose end may be included, as characters, end excluded."""
    start, end = place[0], place[1] + unit.endswith("inclusive")
    if not unit.startswith("utf") or text.isascii():
        return start, end
    width = _utf16 if unit.startswith("utf16") else _utf8
    units = [0, *accumulate(map(width, map(ord, text)))]
    where = {unit: number for number, unit in enumerate(units)}
    return where.get(start, -1), where.get(end, -1)


def _utf16(character: int) -> int:
    return 1 + (character > 0xFFFF)


def _utf8(character: int) -> int:
    return 1 + (character > 0x7F) + (character > 0x7FF) + (character > 0xFFFF)


def _cut_words(rows: Sequence[Sample]) -> bool:
    """Whether more than half of all spans end inside a word, and none would if its end were included."""
    ends = [each for row in rows for each in _ends(row)]
    cut = sum(inside for inside, _ in ends)
    return cut > _WHOLE_WORDS * len(ends) and not any(next_inside for _, next_inside in ends)


def _are_from_one(rows: Sequence[Sample]) -> bool:
    """Whether more than half of all spans begin inside a word, and would be whole words were they counted from 1.

    Of one span alone a start that is a letter too late tells nothing: it may be part of a word.
    """
    spans = [(row, span) for row in rows for span in row.spans]
    inside = [
        (row, span) for row, span in spans if 0 < span.start < span.end and _inside_word(row.text or "", span.start)
    ]
    for shift in (1, 0) if len(spans) > 1 else (1,):
        moved = [(row, span._replace(pieces=((span.start - 1, span.end - shift),))) for row, span in inside]
        if sum(_is_whole(row, span, "characters") for row, span in moved) > _WHOLE_WORDS * len(spans):
            return True
    return False


def _ends(row: Sample) -> Iterator[tuple[bool, bool]]:
    text = row.text or ""
    for span in row.spans:
        yield _inside_word(text, span.end), _inside_word(text, span.end + 1)


def _inside_word(text: str, at: int) -> bool:
    """Whether letters of a script with blanks between words stand before and after."""
    return all(character.isalpha() and ord(character) < 0x590 for character in text[at - 1 : at + 1]) and at < len(text)


def _shown(row: Sample) -> str:
    span, text = row.spans[0], row.text or ""
    return f"[{span.start}, {span.end}) {text[span.start : span.end]!r} of {text[span.start : span.end + 12]!r}"
