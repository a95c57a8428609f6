"""Reader of ACE 2005 English as LDC gives it out (LDC2006T06): apf.xml annotations of sgm texts, by the usual splits.

A document is a sentence. Mentions are the heads of names, nouns and pronouns: what the benchmark's guideline asks for.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from diziner.common.errors import UserError
from diziner.common.files import read_text
from diziner.common.xmlfile import xml_root
from diziner.common.yamlfile import read_yaml
from diziner.forms.rows import Row, Table

SPLIT_LISTS = Path(__file__).with_suffix(".yaml")
_LIST_OF = {"pilot": "train", "test": "test"}
_ANNOTATED = ("timex2norm", "adj")  # folders of a source with the annotation, first found first
_TAG = re.compile(r"<[^<>]*>")
_ESCAPES = {"&amp;": "&", "&lt;": "<", "&gt;": ">", "&quot;": '"', "&apos;": "'"}
_UNIT = re.compile(rf"(?i:{'|'.join(_ESCAPES)})|\s+|.", re.DOTALL)
# A sentence ends behind . ! or ? with closing marks, where no small letter follows; and at an empty line.
_END = re.compile(r"""[.!?]["'’”)\]]*(?=\s+["'‘“(\[]*[^\sa-z"'‘“(\[])|(?=\n[ \t]*\n)""")
_ABBREVIATED = re.compile(r"\b(?:[A-Z]|Mr|Mrs|Ms|Dr|Sen|Rep|Gov|Gen|Lt|Col|Sgt|Capt|Rev|St|Jr|vs|No)\.$")
_SPARE = 40  # characters that escapes in a mention may take more than its annotation counts


@dataclass(frozen=True, slots=True)
class Mention:
    """Head of a mention: its type, and where it stands in the text without tags."""

    start: int
    end: int
    type: str


def split_tables(folder: Path, split: str, types: Sequence[str]) -> Iterator[Table]:
    """Yield a table of sentences for each document of a split. `folder` is `data/English`, or one or two above it.

    Errors: UserError for documents that are missing, with how many, and annotations that do not fit their text.
    """
    places = (folder, folder / "English", folder / "data" / "English")
    english = next((path for path in places if (path / "nw").is_dir()), None)
    if english is None:
        raise UserError(f"{folder}: no folder nw in it, in its English or its data/English; name that of LDC2006T06")
    wanted = _LIST_OF[split]
    names = [f"{source}/{name}" for source, own in read_yaml(SPLIT_LISTS)[wanted].items() for name in own.split()]
    found = {name: _folder_of(english, name) for name in names}
    missing = [name for name, place in found.items() if place is None]
    if missing:
        raise UserError(
            f"{english}: {len(missing)} of the {len(names)} {wanted} documents are missing, such as {missing[0]} "
            f"(.apf.xml and .sgm, in {' or '.join(_ANNOTATED)})"
        )
    for name, place in found.items():
        if place is not None:
            document = name.partition("/")[2]
            rows = sentences(place / f"{document}.apf.xml", place / f"{document}.sgm", document, types)
            yield Table(document, rows)


def sentences(annotation: Path, text: Path, document: str, types: Sequence[str]) -> Iterator[Row]:
    """Yield the sentences of a document's body as rows of text and character spans, for mentions of some types.

    Errors: UserError for a file that is no apf.xml, and a mention that does not stand where the annotation says.
    """
    raw, tags, body = _untagged(read_text(text).removeprefix("\ufeff"))
    mentions = [each for each in _mentions(annotation, raw) if each.type in types]
    number = 0
    for start, end in _sentence_bounds(raw, tags, body, mentions):
        plain, places = _decoded(raw, start, end)
        if plain:
            inside = [each for each in mentions if start <= each.start and each.end <= end]
            spans = [[places[each.start - start], places[each.end - start], each.type] for each in inside]
            yield Row(f"{text}: sentence {number}", {"id": f"{document}-{number:03}", "text": plain, "spans": spans})
            number += 1


def _folder_of(english: Path, name: str) -> Path | None:
    source, _, document = name.partition("/")
    for part in _ANNOTATED:
        place = english / source / part
        if all((place / f"{document}{suffix}").is_file() for suffix in (".apf.xml", ".sgm")):
            return place
    return None


def _untagged(sgm: str) -> tuple[str, list[int], tuple[int, int]]:
    """Return the text without tags, whose characters annotations count, where tags stood, and the body's bounds."""
    parts: list[str] = []
    tags: list[int] = []
    length, last, body = 0, 0, [0, -1]
    for match in _TAG.finditer(sgm):
        parts.append(sgm[last : match.start()])
        length += match.start() - last
        last = match.end()
        tags.append(length)
        if match.group().upper() in ("<BODY>", "</BODY>"):
            body["/" in match.group()] = length
    raw = "".join([*parts, sgm[last:]])
    return raw, tags, (body[0], len(raw) if body[1] < 0 else body[1])


def _mentions(path: Path, raw: str) -> list[Mention]:
    root = xml_root(path)
    found = []
    for entity in root.iter("entity"):
        for mention in entity.iter("entity_mention"):
            head = mention.find("head/charseq")
            try:
                if head is None:
                    raise ValueError
                first, last, kind = int(head.attrib["START"]), int(head.attrib["END"]), entity.attrib["TYPE"]
            except (KeyError, ValueError):
                raise UserError(
                    f"{path}: entity mention {mention.get('ID')}: no TYPE, or no head with a charseq of START and END"
                ) from None
            start, end = _place(raw, first, last + 1, "".join(head.itertext()), f"{path}: {mention.get('ID')}")
            found.append(Mention(start, end, kind))
    return found


def _place(raw: str, start: int, end: int, said: str, where: str) -> tuple[int, int]:
    """Return where a head stands, without blanks around it. Annotations count escapes (&amp;) as they are written, but
    for some heads not in their own length."""
    wanted = _bare(said)
    for last in range(end, min(end + _SPARE, len(raw)) + 1) if wanted and start >= 0 else ():
        if _bare(raw[start:last]) == wanted:
            head = raw[start:last]
            return last - len(head.lstrip()), start + len(head.rstrip())
    raise UserError(f"{where}: the head is {said!r}, but {raw[start:end]!r} stands at {start} to {end - 1} of the text")


def _bare(text: str) -> str:
    return "".join(_ESCAPES.get(unit.casefold(), unit) for unit in _UNIT.findall(re.sub(r"\s+", "", text)))


def _sentence_bounds(
    raw: str, tags: Sequence[int], body: tuple[int, int], mentions: Sequence[Mention]
) -> list[tuple[int, int]]:
    """Return the bounds of sentences: they end at tags and behind closing marks, never inside a mention."""
    first, last = body
    breaks = {first, last, *(place for place in tags if first < place < last)}
    for match in _END.finditer(raw, first, last):
        before = raw[max(first, match.start() - 8) : match.start() + 1]
        if not (match.group().startswith(".") and _ABBREVIATED.search(before)):
            breaks.add(match.end())
    inside = {place for each in mentions for place in range(each.start + 1, each.end)}
    return list(pairwise(sorted(breaks - inside)))


def _decoded(raw: str, start: int, end: int) -> tuple[str, list[int]]:
    """Return a piece of text with escapes read and white space as one blank, without it at the ends; and where each of
    its characters, and its end, have come to stand."""
    plain: list[str] = []
    places: list[int] = []
    for unit in _UNIT.findall(raw[start:end]):
        text = _ESCAPES.get(unit.casefold(), " " if unit.isspace() else unit)
        if text == " " and (not plain or plain[-1] == " "):
            text = ""
        places += [len(plain)] * len(unit)
        plain += [text] if text else []
    places.append(len(plain))
    whole = "".join(plain).rstrip()
    return whole, [min(place, len(whole)) for place in places]
