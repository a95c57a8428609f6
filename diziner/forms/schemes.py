"""Schemes of tags: every way to write spans as a tag a token, brought to one."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from diziner.common.errors import UserError
from diziner.common.words import listed

OUTSIDE = "O"
# Stand for O where it is nowhere: as for all that is empty in CoNLL's files, and in words.
_OTHER_OUTSIDES = frozenset({"_", "-", "*", "--", "0", "other", "others", "none", "null", "out", "outside", "n/a"})
TYPELESS = "ENTITY"  # the label of tags that name none

# Letters of each scheme besides O, and the letter that it has here: B begins, I goes on, E ends, S is alone.
SCHEMES: dict[str, dict[str, str]] = {
    "BIO": {"B": "B", "I": "I"},
    "IOE": {"I": "I", "E": "E"},
    "BIOES": {"B": "B", "I": "I", "E": "E", "S": "S"},
    "BILOU": {"B": "B", "I": "I", "L": "E", "U": "S"},
    "BMES": {"B": "B", "M": "I", "E": "E", "S": "S"},
    "BMEWO": {"B": "B", "M": "I", "E": "E", "W": "S"},
    "IO": {},
}
_LETTERS = "BIESLUMW"
_GOING_ON = "IEML"  # letters that need another tag of their label before them
_MOST = 0.5  # of all tags that name a mention
_LIKE_MARKED = re.compile(f"[{_LETTERS}{_LETTERS.lower()}][^\\w\\s].*|.+[^\\w\\s][{_LETTERS}]")
_SEVERAL = re.compile(f"[^\\w\\s-][{_LETTERS}]-.")  # B-PER|B-ORG: another tag within a label
_MOST_LABELS = 200  # that a corpus has; a column with more holds something else
# How letter and label are joined, most usual first: B-PER, B_PER, B:PER, PER-B, PER_B, B alone, B/PER, BPER.
_JOINTS: dict[str, re.Pattern[str]] = {
    "": re.compile(f"(?P<letter>[{_LETTERS}])-(?P<label>.+)"),
    "_": re.compile(f"(?P<letter>[{_LETTERS}])_(?P<label>.+)"),
    ":": re.compile(f"(?P<letter>[{_LETTERS}]):(?P<label>.+)"),
    "suffix": re.compile(f"(?P<label>.+)-(?P<letter>[{_LETTERS}])"),
    "_ suffix": re.compile(f"(?P<label>.+)_(?P<letter>[{_LETTERS}])"),
    "typeless": re.compile(f"(?P<letter>[{_LETTERS}])"),
    "other mark": re.compile(f"(?P<letter>[{_LETTERS}])[^\\w\\s](?P<label>.+)"),
    "other mark suffix": re.compile(f"(?P<label>.+)[^\\w\\s](?P<letter>[{_LETTERS}])"),
    "no mark": re.compile(f"(?P<letter>[{_LETTERS}])(?P<label>\\w.*)"),
}
# E.coli, Brand: tags only if B and another letter share a label.
_DOUBTFUL = ("other mark", "other mark suffix", "no mark")


@dataclass(frozen=True, slots=True)
class Style:
    """Style of a file's tags: a scheme of `SCHEMES`, how letter and label are joined, letters in lower case or not, and
    what stands for O."""

    scheme: str
    joint: str = ""
    lower: bool = False
    outside: str = OUTSIDE

    def __str__(self) -> str:
        other = "" if self.outside.upper() == OUTSIDE else f"({self.outside} for O)"
        parts = [self.scheme, self.joint, "in lower case" if self.lower else "", other]
        return " ".join(part for part in parts if part)

    @property
    def is_usual(self) -> bool:
        """Whether tags are written as most files write them, so that nothing need be said."""
        plain = not self.joint and not self.lower and self.outside == OUTSIDE
        return plain and self.scheme in ("BIO", "BIOES", "BILOU")

    def read(self, tag: str) -> tuple[str, str] | None:
        """Return letter (B, I, E, S or O) and label of a tag; None for one that is not of this style."""
        if tag in (self.outside, OUTSIDE) or (self.lower and tag == OUTSIDE.lower()):
            return OUTSIDE, ""
        if self.scheme == "IO":
            return ("I", TYPELESS if tag == "I" else tag) if tag else None
        found = _JOINTS[self.joint].fullmatch(_upper(tag, self.joint) if self.lower else tag)
        letter = SCHEMES[self.scheme].get(found["letter"]) if found else None
        if found is None or letter is None:
            return None
        return letter, found.groupdict().get("label", TYPELESS)

    def normal(self, tags: Sequence[str]) -> list[str]:
        """Write tags as O, B-label, I-label, E-label and S-label; what is not of this style stays as it is.

        In IOE, E closes a span and opens none, so here all is B and I.

        >>> Style("BMES").normal(["B-PER", "M-PER", "E-PER", "O", "S-LOC", "x"])
        ['B-PER', 'I-PER', 'E-PER', 'O', 'S-LOC', 'x']
        >>> Style("IOE").normal(["I-PER", "E-PER", "I-PER", "E-LOC"])
        ['I-PER', 'I-PER', 'B-PER', 'I-LOC']
        """
        if self.is_usual and self.scheme != "BILOU":
            return list(tags)
        pairs = [self.read(tag) for tag in tags]
        if self.scheme != "IOE":
            return [_written(pair, tag) for pair, tag in zip(pairs, tags, strict=True)]
        written, closed = [], ""
        for pair, tag in zip(pairs, tags, strict=True):
            letter, label = pair or ("", "")
            begins = "B" if label and label == closed else "I"
            written.append(_written(pair and ((begins, label) if label else pair), tag))
            closed = label if letter == "E" else ""
        return written


BIO = Style("BIO")


def _written(pair: tuple[str, str] | None, tag: str) -> str:
    if pair is None:
        return tag
    return f"{pair[0]}-{pair[1]}" if pair[1] else pair[0]


def _upper(tag: str, joint: str) -> str:
    """Return a tag of lower case letters with its letter in upper case."""
    return tag[:-1] + tag[-1:].upper() if "suffix" in joint else tag[:1].upper() + tag[1:]


def find_style(tags: Collection[str], scheme: str = "", least: float = 1.0) -> Style | None:
    """Find the style of which all these tags are, or, if `least` is less than 1, that share of them; None for none.

    `scheme` is one of `SCHEMES`, or none. Bare labels (IO) are taken for tags only if O is among them.

    >>> str(find_style({"O", "b-per", "m-per", "e-per"})), str(find_style({"O", "PER-B", "PER-I"}))
    ('BMES in lower case', 'BIO suffix')
    >>> str(find_style({"O", "B", "I"})), str(find_style({"O", "PER"})), find_style({"NN", "VB"})
    ('BIO typeless', 'IO', None)
    >>> str(find_style({"_", "B-PER"})), str(find_style({"O", "BPER", "IPER"})), str(find_style({"O", "Ebola"}))
    ('BIO (_ for O)', 'BIO no mark', 'IO')
    """
    outsides = (OUTSIDE, OUTSIDE.lower())
    outside = next((each for each in outsides if each in tags), OUTSIDE)
    marked = [tag for tag in tags if tag not in outsides]
    if not marked:
        return Style(scheme or "BIO", lower=outside != OUTSIDE, outside=outside)
    others = [each for each in {*marked} if each.lower() in _OTHER_OUTSIDES]
    if len(others) == 1 and {*marked} != {*others} and not any(each in tags for each in outsides):
        outside, marked = others[0], [tag for tag in marked if tag not in others]
    if scheme == "IO":
        return Style("IO", outside=outside)
    for lower in (False, True):
        for joint in _JOINTS:
            if joint in _DOUBTFUL and not _share_labels(marked, joint, lower):
                continue
            if least == 1 and not _letter(marked[0], joint, lower):
                continue
            letters = [letter for tag in marked if (letter := _letter(tag, joint, lower))]
            if len(letters) < least * len(marked) or not letters:
                continue
            if set(letters) == {"I"} and joint and not scheme:
                break  # PER-I and I alone are no less bare labels
            named = scheme or next((name for name, own in SCHEMES.items() if set(letters) <= own.keys()), "")
            if named and set(letters) <= SCHEMES[named].keys():
                return Style(named, joint, lower, outside)
    bare = OUTSIDE in tags and not scheme and len(set(marked)) <= _MOST_LABELS
    return Style("IO") if bare and not any(map(_LIKE_MARKED.fullmatch, marked)) else None


def are_tags(found: Collection[str]) -> bool:
    """Whether strings are tags of a known scheme and no bare labels; O alone is one.

    >>> are_tags(["O", "B-PER"]), are_tags(["O"]), are_tags(["O", "PER"]), are_tags([])
    (True, True, False, False)
    """
    style = find_style(found) if found else None
    return style is not None and (style.scheme != "IO" or {*found} == {OUTSIDE})


def _share_labels(tags: Collection[str], joint: str, lower: bool) -> bool:
    """Whether B and a letter that goes on stand before one label."""
    found = [_JOINTS[joint].fullmatch(_upper(tag, joint) if lower else tag) for tag in {*tags}]
    pairs = [(each["letter"], each["label"]) for each in found if each]
    begun = {label for letter, label in pairs if letter == "B"}
    return any(letter in _GOING_ON and label in begun for letter, label in pairs)


def _letter(tag: str, joint: str, lower: bool) -> str:
    """Return the letter of a tag that is written so; empty if it is not."""
    if lower and not (tag[-1:] if "suffix" in joint else tag[:1]).islower():
        return ""
    found = _JOINTS[joint].fullmatch(_upper(tag, joint) if lower else tag)
    return found["letter"] if found else ""


def require_one_each(tags: Collection[str], style: Style, where: str) -> None:
    """Refuse tags that hold another tag within their label: a token would have several.

    Errors: UserError with one of them.
    """
    several = next((tag for tag in sorted(tags) if (pair := style.read(tag)) and _SEVERAL.search(pair[1])), "")
    if several:
        raise UserError(
            f"{where}: {several!r} is more than one tag; documents here have one a token: put each layer into a column "
            "of its own, --columns tag=N says which to read"
        )


def require_style(tags: Iterable[str], scheme: str, where: str) -> Style:
    """Find the style of tags that must have one.

    Errors: UserError with examples of the tags, if they are of no known scheme, or not of the one that is named.
    """
    if scheme and scheme not in SCHEMES:
        raise UserError(f"--scheme {scheme}: unknown; allowed: {', '.join(SCHEMES)}")
    listed_tags = list(tags)
    found = set(listed_tags)
    # A few others are said with their rows.
    if style := find_style(found, scheme) or find_style(listed_tags, scheme, _MOST):
        require_one_each(found, style, where)
        return style
    shown = listed(sorted(map(repr, found)), 6)
    if all(tag.isdecimal() for tag in found):
        raise UserError(f"{where}: tags are numbers, {shown}; --labels FILE says what each means")
    if scheme:
        raise UserError(f"{where}: tags {shown} are not all of scheme {scheme}; --scheme names another")
    raise UserError(
        f"{where}: tags {shown} are of no known scheme; --scheme names it ({', '.join(SCHEMES)}; IO: bare labels), "
        "--columns tag=N another column"
    )
