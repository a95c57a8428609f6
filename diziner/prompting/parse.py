"""Reading of answers: from a model's text to a valid object, with a count of what had to be read otherwise."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise
from types import MappingProxyType
from typing import Any, NamedTuple

from diziner.common.jsontext import LOOSE
from diziner.prompting.loose_json import UNCLOSED, Piece
from diziner.prompting.pieces import ENCODED, decoded, pieces
from diziner.prompting.reasoning import visible

AMBIGUOUS = "ambiguous"  # several different objects fit; which one was taken is a rule

_RIVALS = "it holds several objects that differ, and nothing tells which of them counts; answer with one"
_MOST_CANDIDATES = 50
_MOST_ENCODED = 3  # JSON in a string in JSON in a string
_LONGEST_REASON = 300
_LONGEST_BEFORE = 200
_FENCED = re.compile(r"\A```\w*\s*\n(.*)\n\s*```\Z", re.DOTALL)
_GAP = re.compile(r"[\s,;•*-]*(?:\d+[.)]\s*)?(?:```\w*\s*)*")
_UNCLEAN = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]|\\u(?:00[01789]|[dD][89a-fA-F])|\\[bf]")
_HALF_PAIR = re.compile(r"\\u[dD][89a-fA-F]")
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
# What stands before an object that corrects an earlier one.
_CORRECTION = re.compile(
    r"\b(?:final|finally|correct\w*|revis\w*|updat\w*|actually|wait|instead|fixed|improved|better|on second thought)\b",
    re.IGNORECASE,
)
# Words for what was shown or thought of, and is not the answer.
_NOT_MEANT = r"examples?|templates?|schemas?|reject\w*|exclud\w*|discard\w*|ignored"
# What stands before an object that is none of the answer: how one looks, a part of it, what was thought of or left out.
_ASIDE = re.compile(
    rf"\b(?:{_NOT_MEANT}|e\.g|for instance|such as|alone|drafts?"
    r"|if there|had there|would)(?:\b|(?<=\w)_)|\bin the form\b|\bformat(?: used| was| is)?\s*:|\bnon[ _-]",
    re.IGNORECASE,
)
# Keys under which stands what is not the answer.
_KEY_ASIDE = re.compile(
    rf"(?:^|[\W_])(?:{_NOT_MEANT}|ignore|non(?=[\W_])|not(?=[\W_]))",
    re.IGNORECASE,
)
# Where the other side would have its turn; what a model writes behind its answer from there on is made up.
_NEXT_TURN = re.compile(
    r"<\|im_start\|>\s*user|<\|start_header_id\|>\s*user|<start_of_turn>\s*user|<\|start\|>\s*user|<\|USER_TOKEN\|>"
    r"|<[|｜]\s?user\s?[|｜]>|\[INST\]|<document>|\n\s*(?:User|Human)\s*:",
    re.IGNORECASE,
)


class ParseError(Exception):
    """No object of the expected form in the text; the message tells the model what was wrong."""

    def __init__(self, reason: str) -> None:
        plain = reason
        if not reason.isprintable():
            plain = "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in reason)
        super().__init__(plain if len(plain) <= _LONGEST_REASON else f"{plain[:_LONGEST_REASON]}…")


class Reading(NamedTuple):
    """An object as it was read, how many times each kind of other form was met, and items left out by reason."""

    value: Mapping[str, Any]
    forms: Mapping[str, int] = MappingProxyType({})
    drops: Mapping[str, int] = MappingProxyType({})


class Form:
    """Form of an answer: which objects fit. Forms that know more of their content override what is not enough."""

    keys: tuple[str, ...] = ()  # what an object of this form has; a broken piece without them is no answer
    clean = True  # whether control characters are taken out of strings

    def __init__(self, validate: Callable[[Any], Any], keys: Sequence[str] = ()) -> None:
        self.validate = validate
        self.keys = tuple(keys)

    def fault(self, value: Any) -> str:
        """Return why an object does not fit; empty for one that does."""
        try:
            self.validate(value)
        except ValueError as error:
            return str(error)
        return ""

    def read(self, value: Any) -> Reading | None:
        """Return the reading of an object that fits, or None."""
        return Reading(value) if not self.fault(value) else None

    def other(self, value: Any) -> Reading | None:
        """Return the reading of a value that stands by itself in the text and has another form, or None."""
        return None

    def joined(self, values: Sequence[Any]) -> Reading | None:
        """Return one reading of a list of objects that all fit, such as one for each sentence, or None."""
        return None

    def empty(self) -> Reading | None:
        """Return the reading of an answer that is an empty list and nothing else, or None."""
        return None

    def together(self, values: Sequence[Any]) -> Reading | None:
        """Return the reading of values that stand side by side and have to be taken together, or None."""
        return None

    def strays(self, reading: Reading) -> bool:
        """Return whether most of what a reading says is about something else."""
        return False

    def both(self, one: Reading, other: Reading) -> Reading | None:
        """Return what two readings say together if they speak of different things; None if they are rivals."""
        return None

    def weight(self, reading: Reading) -> int:
        """Return how much a reading says. Placeholders say nothing."""
        return sum(_says(item) for value in reading.value.values() if isinstance(value, list) for item in value)


class _Candidate(NamedTuple):
    reading: Reading
    before: str  # the text that leads to it
    end: int
    as_asked: bool = True  # by the form that was asked for, not by another


class _Found(NamedTuple):
    reading: Reading
    key: str  # under which it stood
    as_asked: bool


def read_object(text: str, form: Form) -> Reading:
    """Return the object in an answer, read by its form.

    A text that is one such object is taken as it is. Else reasoning is left out, and of several objects the last
    is taken, unless it is none of the answer, as what stands before it tells, or that it says nothing: an example, a
    template or an empty list behind the answer. Objects side by side about different things are one answer. An answer
    that goes on behind its last whole object with one that is broken has none.
    Errors: ParseError with the fault of the outermost object, the error of its JSON, that there is none, or that there
    are several and nothing tells which of them counts.
    """
    try:
        return _cleaned(_read(text, form), text, form)
    except RecursionError:
        raise ParseError("its JSON is nested too deeply") from None


def _read(text: str, form: Form) -> Reading:
    whole = _whole(text)
    if isinstance(whole, dict) and (reading := form.read(whole)) is not None:
        return reading
    if whole == [] and (reading := form.empty()) is not None:
        return reading
    shown = visible(text)
    found = _of_this_turn(shown.text, pieces(shown.text), form)
    if len(found) == 1 and isinstance(found[0].value, dict) and (reading := form.read(found[0].value)) is not None:
        return _with(reading, found[0].repairs)
    candidates = list(_candidates(shown.text, found, form))
    last = candidates[-1].end if candidates else 0
    broken = [p for p in found if p.fault and p.start >= last and _has_keys(shown.text, p, form) and not p.elided]
    if broken and candidates:
        raise ParseError(f"the answer goes on behind its object, and {broken[-1].fault}")
    if not candidates:
        raise ParseError(_fault(shown.text, found, form) or shown.fault or "the answer holds no JSON object")
    reading = _chosen(candidates, form)
    if len(found) > 1 and not form.weight(reading) and any(_stands_alone(piece, form) for piece in found):
        raise ParseError("the answer says something outside of its object, and nothing in it")
    return reading


def _of_this_turn(text: str, found: list[Piece], form: Form) -> list[Piece]:
    """Return the pieces without those that stand behind an answer and the beginning of the other side's turn."""
    for number, (piece, after) in enumerate(pairwise(found), 1):
        answered = not piece.fault and _has_keys(text, piece, form)
        if answered and _NEXT_TURN.search(text, piece.end, after.start):
            return found[:number]
    return found


def _stands_alone(piece: Piece, form: Form) -> bool:
    """Return whether a piece says something by itself, though it is no object of the form asked for."""
    reading = None if piece.fault else form.together([piece.value])
    return reading is not None and form.weight(reading) > 0


def is_aside(key: str) -> bool:
    """Return whether what stands under a key is not the answer, by the key's name: `rejected`, `non_entities`."""
    return _KEY_ASIDE.search(key) is not None


def parse_object(text: str, validate: Callable[[Any], Any]) -> dict[str, Any]:
    """Return the JSON object in `text` that `validate` accepts, as `read_object` does."""
    return dict(read_object(text, Form(validate)).value)


def _whole(text: str) -> Any:
    """Return the object or list that a text is, apart from blanks and a fence around it."""
    stripped = text.strip().removeprefix("\ufeff")
    if stripped.startswith("```") and (fenced := _FENCED.match(stripped)):
        stripped = fenced[1].strip()
    if stripped[:1] not in {"{", "["}:
        return None
    try:
        value, end = LOOSE.raw_decode(stripped)
    except (ValueError, RecursionError):
        return None
    return value if end == len(stripped) else None


def _candidates(text: str, found: Sequence[Piece], form: Form) -> Iterator[_Candidate]:
    """Yield what fits: all pieces together, such as a mention a line, else of each piece the objects in it, else the
    piece by another form.
    """
    singles = [piece for piece in found if not piece.fault]
    open_ended = any(UNCLOSED in piece.repairs for piece in singles)
    if len(singles) == len(found) and not open_ended and (reading := _together(text, singles, form)) is not None:
        yield _Candidate(reading, "", singles[-1].end)
        return
    position = 0
    for piece in singles:
        before = text[max(position, piece.start - _LONGEST_BEFORE) : piece.start]
        for reading, key, as_asked in _readings_of(piece, form):
            yield _Candidate(_with(reading, piece.repairs), f"{before} {key}", piece.end, as_asked)
            before = ""
        position = piece.end


def _readings_of(piece: Piece, form: Form) -> list[_Found]:
    """Return what is read from a piece.

    An object that is not closed may be cut. In the form asked for, whose list is closed, nothing can follow; in
    another, such as a key for each type, it can, so that it is none.
    """
    if UNCLOSED not in piece.repairs:
        return _readings(piece.value, form, _MOST_ENCODED)
    asked = form.read(piece.value) if isinstance(piece.value, dict) else None
    return [] if asked is None else [_Found(asked, "", True)]


def _together(text: str, found: Sequence[Piece], form: Form) -> Reading | None:
    """Return the one reading of pieces with nothing but blanks, commas or the marks of a list between them."""
    gaps = (text[piece.end : after.start] for piece, after in pairwise(found))
    if not found or not all(_GAP.fullmatch(gap) for gap in gaps):
        return None
    reading = form.together([piece.value for piece in found])
    return reading and _with(reading, [repair for piece in found for repair in piece.repairs])


def _readings(value: Any, form: Form, depth: int) -> list[_Found]:
    """Return the readings of the objects in a value that fit, each with its key there; what is inside of one is not
    looked at. Where none fits, return the value's reading by another form."""
    if isinstance(value, str):
        return _of_string(value, form, depth)
    found: list[_Found] = []
    strings: list[str] = []
    waiting: list[tuple[Any, str]] = [(value, "")]
    while waiting:
        part, key = waiting.pop()
        if isinstance(part, dict):
            if (reading := form.read(part)) is not None:
                found.append(_Found(reading, key, True))
            else:
                own = [(inner, name.replace("_", " ")) for name, inner in part.items() if not is_aside(name)]
                waiting += reversed(own)
        elif isinstance(part, list):
            if len(part) > 1 and (reading := form.joined(part)) is not None:
                found.append(_Found(reading, key, True))
            else:
                waiting += [(inner, key) for inner in reversed(part)]
        elif isinstance(part, str) and part.lstrip()[:1] in {"{", "["}:
            strings.append(part)
    if found:
        return found
    if (other := form.other(value)) is not None:
        return [_Found(other, "", False)]
    return [inner for string in strings for inner in _of_string(string, form, depth)]


def _of_string(text: str, form: Form, depth: int) -> list[_Found]:
    parts = decoded(text) if depth else ()
    if any(part.fault for part in parts):
        return []
    inner = [found for part in parts for found in _readings(part.value, form, depth - 1)]
    return [found._replace(reading=_with(found.reading, [ENCODED])) for found in inner]


def _chosen(candidates: Sequence[_Candidate], form: Form) -> Reading:
    """Return the candidate that is the last word."""
    different: list[_Candidate] = []
    for candidate in candidates[-_MOST_CANDIDATES:]:
        if not different or different[-1].reading.value != candidate.reading.value:
            different.append(candidate)
    taken, *others = different
    ambiguous = False
    for later in others:
        before, after = form.weight(taken.reading), form.weight(later.reading)
        ambiguous |= before > 0
        both = form.both(taken.reading, later.reading) if before and after else None
        if both is not None and _GAP.fullmatch(later.before):
            taken, ambiguous = later._replace(reading=both), False
        elif _takes_over(later, taken, before, after, form):
            if both is not None and not _CORRECTION.search(later.before):
                raise ParseError(_RIVALS)
            taken = later
        elif _is_empty(later) and not _ASIDE.search(later.before) and not _GAP.fullmatch(later.before):
            raise ParseError(_RIVALS)
    return _with(taken.reading, [AMBIGUOUS] if ambiguous else [])


def _takes_over(later: _Candidate, earlier: _Candidate, before: int, after: int, form: Form) -> bool:
    """Return whether a later candidate counts and not the one before it; `before` and `after` are their weights."""
    corrects = _CORRECTION.search(later.before) is not None
    aside = _ASIDE.search(later.before) is not None
    if not before:
        return True
    if not after:
        return corrects and not aside and _is_empty(later)
    if aside or corrects:
        return not aside
    lesser = after < before and (later.as_asked < earlier.as_asked or form.strays(later.reading))
    return not lesser


def _is_empty(candidate: _Candidate) -> bool:
    return not any(candidate.reading.value.values())


def _fault(text: str, found: Sequence[Piece], form: Form) -> str:
    """Return what is wrong with the outermost piece that was meant as the answer: the last one with its keys."""
    meant = [piece for piece in found if _has_keys(text, piece, form)] or [*found]
    if not meant:
        return ""
    last = meant[-1]
    return last.fault or form.fault(last.value)


def _has_keys(text: str, piece: Piece, form: Form) -> bool:
    return not form.keys or any(text.find(key, piece.start, piece.end) >= 0 for key in form.keys)


def _with(reading: Reading, forms: Sequence[str]) -> Reading:
    """Return the reading with more kinds counted, each once."""
    if not forms:
        return reading
    counts = Counter(reading.forms)
    counts.update(dict.fromkeys(forms, 1))
    return Reading(reading.value, dict(sorted(counts.items())), reading.drops)


def _says(item: Any) -> bool:
    if isinstance(item, dict):
        return any(_says(value) for value in item.values())
    return isinstance(item, str) and any(char.isalnum() for char in item) and not re.fullmatch(r"<[^<>]*>", item)


def _cleaned(reading: Reading, text: str, form: Form) -> Reading:
    """Return the reading with half surrogate pairs as U+FFFD, and without control characters if the form says so."""
    unclean = _UNCLEAN.search(text) if form.clean else _has_half_pair(text)
    return Reading(_clean(reading.value, form.clean), reading.forms, reading.drops) if unclean else reading


def _has_half_pair(text: str) -> bool:
    if "\\u" in text and _HALF_PAIR.search(text):
        return True
    if text.isascii():
        return False
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False


def _clean(value: Any, controls: bool) -> Any:
    if isinstance(value, str):
        plain = value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        return _CONTROLS.sub("", plain) if controls else plain
    if isinstance(value, dict):
        return {_clean(key, controls): _clean(part, controls) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_clean(part, controls) for part in value)
    return value
