"""Decoder of rows into documents and gold spans: every tag scheme and span form ends here."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from diziner.common.errors import UserError
from diziner.common.words import counted
from diziner.corpora.goldforms import bounds_of, read_spans, to_bio
from diziner.corpora.texts import TokenText, check_unicode, read_token_text, split_tokens
from diziner.forms.rows import CHARACTERS, TOKENS, Row
from diziner.records.annotations import Span
from diziner.records.documents import Range, tokens_touched
from diziner.spans.overlaps import resolve_overlaps
from diziner.spans.tags import OUTSIDE, ill_formed, tags_to_spans


class Decoded(NamedTuple):
    """A document before it has its final id. `spans` is None where the row has no gold.

    `repairs` counts what was mended, `overlapping` the spans among it that others left no room for. `opened_by_i`
    counts spans that an I- tag opened, `opened_by_b` those that a B- tag opened without need: a split with only the
    former is IOB1, not broken BIO2. `characters` has those of each span, as given; `own_tokens`: the row had none.
    """

    id: str | None
    tokens: tuple[str, ...]
    text: str
    spans: tuple[Span, ...] | None
    repairs: int
    opened_by_i: int
    opened_by_b: int
    characters: tuple[Range, ...] = ()
    own_tokens: bool = False
    overlapping: int = 0


class _Gold(NamedTuple):
    spans: list[Span]
    characters: list[Range]
    repairs: int = 0
    opened_by_i: int = 0
    opened_by_b: int = 0


def unfit_label(label: str) -> str | None:
    """Return why a label cannot be one: brackets could not hold it, or it means no mention. None if it can."""
    if label == OUTSIDE:
        return f"label {label!r} is the tag of what is no mention: rename it"
    if re.fullmatch(r"[^\s|\[\]]+", label):
        return None
    return f"label {label!r}; it must be without white space, [, ] and |: rename it"


@dataclass(frozen=True, slots=True)
class Decoder:
    """Decoder of one source's rows: its `types` (None: any), names of integer tags, the label map.

    `split`: tokens of ours are cut where gold begins or ends inside them, for scoring alone: they then depend on gold.
    `nested`: overlapping spans are kept, all of them.
    `origin` says in messages where the types are listed, `remedy` how to mend a label that is not among them.
    """

    types: tuple[str, ...] | None
    names: tuple[str, ...] = ()
    label_map: Mapping[str, str | None] | None = None
    split: bool = False
    nested: bool = False
    origin: str = "the card"
    remedy: str = "map others under `label_map`"

    def decode(self, row: Row) -> Decoded:
        """Make a document of a row, and spans of its tags or spans.

        The text is the row's own, in which its tokens must occur in order, else the tokens joined by one
        space; a row with only text is tokenized. Blank tokens are left out. Tags may be BIO2, IOB1, BIOES
        or BILOU, as strings or as numbers of `names`. Spans are [start, end, label] or mappings with start,
        end and label or type: token positions if the row has tokens, else characters, which are kept beside
        the tokens they touch. `characters`, where a row has them beside tokens and spans, say where in the text each
        span stands. Tokens never depend on gold, but with `split`. Overlaps are resolved, the longest span stays.

        Raises:
            UserError: the row breaks any of this, is empty, or has a label that is unknown.
        """
        try:
            return self._decode(row.value)
        except UserError as error:
            raise UserError(f"{row.where}: {error}") from None

    def _decode(self, value: Mapping[str, Any]) -> Decoded:
        text = read_token_text(value)
        gold: _Gold | None = None
        if value.get("tags") is not None:
            gold = self._from_tags(value["tags"], text)
        elif value.get("spans") is not None:
            if self.split and not text.has_tokens:
                text = split_tokens(text, bounds_of(value["spans"]))
            unit = value.get("unit") or (TOKENS if text.has_tokens else CHARACTERS)
            gold = _with_characters(_Gold(*read_spans(value["spans"], text, unit)), value.get("characters"), text)
        identifier = value.get("id")
        if identifier is not None and (isinstance(identifier, bool) or not isinstance(identifier, str | int)):
            raise UserError(f"id must be a string or a whole number, found {identifier!r}")
        name = str(identifier) if identifier not in (None, "") else None
        check_unicode(name or "", "id")
        if gold is None:
            return Decoded(name, text.tokens, text.text, None, text.mended, 0, 0, (), not text.has_tokens)
        pairs = zip(map(self._map, gold.spans), gold.characters, strict=True)
        mapped = [(span, place) for span, place in pairs if span is not None]
        places: dict[Span, Range] = {}
        for span, place in mapped:
            places.setdefault(span, place)
        kept, dropped = (tuple(sorted(places)), ()) if self.nested else resolve_overlaps(places, self.types or ())
        # Two mentions inside one token are one span in tokens: what is lost is counted.
        lost = len(set(mapped)) - len(places) + len(dropped)
        return Decoded(
            name,
            text.tokens,
            text.text,
            kept,
            gold.repairs + lost + text.mended,
            gold.opened_by_i,
            gold.opened_by_b,
            tuple(places[span] for span in kept),
            not text.has_tokens,
            len(dropped),
        )

    def _map(self, span: Span) -> Span | None:
        label = self.label_map.get(span.type, span.type) if self.label_map else span.type
        if label is None:
            return None
        check_unicode(label, "label")
        if self.types is None or label not in self.types:
            label = "_".join(label.split())  # as guidelines and worked examples can hold it
        if self.types is None and (reason := unfit_label(label)):
            raise UserError(reason)
        if self.types is not None and label not in self.types:
            allowed = ", ".join(self.types)
            raise UserError(f"unknown label {label!r}; {self.origin} has: {allowed}; {self.remedy}")
        return Span(span.start, span.end, label)

    def _from_tags(self, tags: object, text: TokenText) -> _Gold:
        if not isinstance(tags, list) or not text.has_tokens:
            raise UserError("tags must be a list, one for each of the row's tokens")
        if len(tags) != len(text.kept):
            raise UserError(f"{counted(len(text.kept), 'token')} but {counted(len(tags), 'tag')}")
        written = [self._name(tag) for tag, kept in zip(tags, text.kept, strict=True) if kept]
        bio, repairs = to_bio(written)
        spans = tags_to_spans(bio)
        pairs = zip([OUTSIDE, *bio], bio, strict=False)
        begins = sum(tag[0] == "B" and before[2:] != tag[2:] for before, tag in pairs)
        return _Gold(list(spans), _characters_of(spans, text), repairs, ill_formed(bio), begins)

    def _name(self, tag: object) -> str:
        if isinstance(tag, str):
            return tag
        if isinstance(tag, bool) or not isinstance(tag, int):
            raise UserError(f"tag {tag!r} is neither a string nor a whole number")
        if not self.names:
            raise UserError(
                f"tag {tag} has no name; --labels FILE says what each number means, in a card `labels`; or write tags "
                "as strings"
            )
        if not 0 <= tag < len(self.names):
            raise UserError(
                f"tag {tag} is outside the {counted(len(self.names), 'label')} (0 to {len(self.names) - 1})"
            )
        return self.names[tag]


def _characters_of(spans: Iterable[Span], text: TokenText) -> list[Range]:
    return [(text.offsets[span.start][0], text.offsets[span.end - 1][1]) for span in spans]


def _with_characters(gold: _Gold, value: object, text: TokenText) -> _Gold:
    """Return gold with the characters that a row of ours states beside its spans. Others may mean something else by the
    name: what does not fit the spans is not taken."""
    if not text.has_tokens or not isinstance(value, list) or len(value) != len(gold.spans):
        return gold
    for span, place in zip(gold.spans, value, strict=True):
        if not (isinstance(place, list) and len(place) == 2 and all(type(bound) is int for bound in place)):
            return gold
        if tokens_touched(text.offsets, *place) != (span.start, span.end):
            return gold
    return gold._replace(characters=[(first, last) for first, last in value])
