"""Annotators' answers: mentions with labels, in the form asked for or in another that means just one thing.

A mention that cannot be read is dropped and counted; the others stand. An answer of which none can be read is none.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from diziner.annotator.labels import Labels
from diziner.common.files import validator
from diziner.prompting.parse import Form, Reading, is_aside
from diziner.records.documents import Document
from diziner.records.guideline import EntityType
from diziner.spans.matching import Matches, match_answers

MALFORMED = "malformed"  # why a mention is dropped that has no text or no type, or several

# Other forms, as they are counted: once an answer, those of mentions once a mention.
BARE_LIST = "bare_list"  # [{"text", "type"}, …]
LINES = "lines"  # a mention a line
LIST_KEY = "list_key"  # another key than `entities`, or the list deeper in the object
TYPES_AS_KEYS = "types_as_keys"  # {"person": ["…"]}
TEXTS_AS_KEYS = "texts_as_keys"  # {"…": "person"}
JOINED = "joined"  # lists of several objects taken as one
ITEM_KEYS = "item_keys"  # other keys than `text` and `type`
PAIR = "pair"  # ["…", "person"]
LABEL_FORM = "label_form"  # B-PER, persons, person (PER)
TOKENS = "tokens"  # tokens tagged one by one, joined to a mention

# Keys of a mention and of its list, without case and marks. `entity` may be either text or type.
_TEXTS = {"text", "mention", "span", "word", "surface", "string", "phrase", "value", "name", "token"}
_TEXTS |= {"entitytext", "entityname", "entityvalue", "entitymention", "entityspan", "namedentity", "mentiontext"}
_TEXTS |= {"spantext", "surfaceform", "matchedtext", "exacttext", "rawtext", "originaltext"}
_TYPES = {"type", "label", "category", "class", "tag", "nertag", "nertype"}
_TYPES |= {"entitytype", "entitylabel", "entitygroup", "entityclass", "entitycategory", "namedentitytype"}
_TYPES |= {"nerlabel", "mentiontype", "spantype", "spanlabel", "labels", "types"}
_EITHER = "entity"
_LISTS = {"entities", "entity", "namedentities", "mentions", "entitymentions", "extractedentities", "annotations"}
_LISTS |= {"ner", "entitylist"}
_WORDS = _TEXTS | _TYPES | _LISTS | {_EITHER}
_DEPTH = 4


class Mention(NamedTuple):
    """A mention as read: its text, its label (or what was answered if that is none), and the forms met."""

    text: str
    label: str
    forms: tuple[str, ...] = ()
    continues: bool = False


class EntityForm(Form):
    """Form of an annotator's answer about one document."""

    keys = ("entities",)
    clean = False  # texts are only compared with the document's, which may have such characters itself

    def __init__(self, document: Document, types: Sequence[EntityType], labels: Labels) -> None:
        super().__init__(validator("answer"), self.keys)
        self._document, self._labels = document, labels
        self._scheme = [t.label for t in types]

    def read(self, value: Any) -> Reading | None:
        """Return the mentions under `entities`, as pairs of text and label; None if none of them can be read."""
        entities = value.get("entities")
        if not isinstance(entities, list):
            return None
        plain, as_asked = [], self._labels.as_asked
        for entity in entities:
            if not isinstance(entity, dict):
                return self._listed(entities)
            text, given = entity.get("text"), entity.get("type")
            label = as_asked(given) if isinstance(given, str) else None
            if label is None or not isinstance(text, str):
                return self._listed(entities)
            plain.append((text, label))
        return Reading({"entities": plain})

    def joined(self, values: Sequence[Any]) -> Reading | None:
        """Return the mentions of a list of objects that each have their own `entities`."""
        if not all(isinstance(value, dict) and isinstance(value.get("entities"), list) for value in values):
            return None
        return self._listed([entity for value in values for entity in value["entities"]], JOINED)

    def other(self, value: Any) -> Reading | None:
        """Return the mentions of a value of another form."""
        return self._other(value, _DEPTH)

    def empty(self) -> Reading | None:
        """Return no mention: an answer that is an empty list and nothing else."""
        return Reading({"entities": []}, {BARE_LIST: 1})

    def together(self, values: Sequence[Any]) -> Reading | None:
        """Return the mentions of values that are one each, or of objects with types or texts as keys."""
        if any(isinstance(value, dict) and "entities" in value for value in values):
            return None
        mentions = [self._item(value) for value in values]
        if not all(mentions) or not self._known(mentions):
            return None
        by_key = {TYPES_AS_KEYS, TEXTS_AS_KEYS}.intersection(mentions[0][0].forms)
        return self._reading(mentions, "" if by_key and len(values) == 1 else LINES)

    def strays(self, reading: Reading) -> bool:
        """Return whether most mentions are of another text."""
        mentions = reading.value["entities"]
        drops = self._matched(mentions).drops
        return 2 * (drops.get("not_in_text", 0) + drops.get("inside_token", 0)) > len(mentions)

    def both(self, one: Reading, other: Reading) -> Reading | None:
        """Return the mentions of two readings, none of which is where one of the other's is."""
        spans, others = (self._matched(reading.value["entities"]).spans for reading in (one, other))
        if any(a.start < b.end and b.start < a.end for a in spans for b in others):
            return None
        mentions = [*one.value["entities"], *other.value["entities"]]
        forms = {**Counter(one.forms) + Counter(other.forms), JOINED: 1}
        return Reading({"entities": mentions}, dict(sorted(forms.items())), Counter(one.drops) + Counter(other.drops))

    def weight(self, reading: Reading) -> int:
        """Return how many mentions stand in the document."""
        return len(self._matched(reading.value["entities"]).spans)

    def _matched(self, mentions: Sequence[tuple[str, str]]) -> Matches:
        return match_answers(self._document, mentions, self._scheme)

    def _known(self, items: Iterable[Sequence[Mention]]) -> bool:
        """Return whether one label at least is of the scheme; where no key says that these are mentions, only that
        does: {"type": "function", "name": …} is none."""
        return any(mention.label in self._scheme for item in items for mention in item)

    def _other(self, value: Any, depth: int) -> Reading | None:
        if isinstance(value, list):
            bare = self._listed(_unnested(value), BARE_LIST) if value else None
            return bare if bare and any(label in self._scheme for _, label in bare.value["entities"]) else None
        if not isinstance(value, dict) or not depth or _is_schema(value):
            return None
        lists = [part for key, part in value.items() if _plain(key) in _LISTS]
        if len(lists) == 1 and isinstance(lists[0], list):
            return self._listed(lists[0], LIST_KEY) if lists[0] else Reading({"entities": []}, {LIST_KEY: 1})
        if (by_key := self._by_key(value)) is not None:
            return self._reading([by_key] if by_key else [], "" if by_key else TYPES_AS_KEYS)
        if any(self._says_otherwise(key, part) for key, part in value.items()):
            return None
        parts = [part for key, part in value.items() if isinstance(part, dict | list) and not is_aside(key)]
        inner = [self._other(part, depth - 1) for part in parts]
        found = [reading for reading in inner if reading is not None]
        if len(found) != 1:
            return None
        return Reading(found[0].value, {**found[0].forms, LIST_KEY: 1}, found[0].drops)

    def _listed(self, items: Sequence[Any], form: str = "") -> Reading | None:
        mentions = [self._item(item) for item in items]
        return self._reading(mentions, form) if any(mentions) or not items else None

    def _reading(self, items: Iterable[Sequence[Mention]], form: str = "") -> Reading:
        """Return a reading of mentions; an item without any is a drop."""
        items = list(items)
        forms = Counter[str]({form: 1} if form else {})
        mentions = list(self._whole(mention for item in items for mention in item))
        for mention in mentions:
            forms.update(mention.forms)
        for once in (TYPES_AS_KEYS, TEXTS_AS_KEYS):
            if forms[once]:
                forms[once] = 1
        value = {"entities": [(mention.text, mention.label) for mention in mentions]}
        dropped = sum(not item for item in items)
        return Reading(value, {k: n for k, n in sorted(forms.items()) if n}, {MALFORMED: dropped} if dropped else {})

    def _whole(self, mentions: Iterable[Mention]) -> Iterator[Mention]:
        """Yield mentions with tagged tokens joined (B-PER Ada, I-PER Lovelace) where the document has them so."""
        last: Mention | None = None
        for mention in mentions:
            if last is not None and mention.continues and mention.label == last.label:
                both = f"{last.text} {mention.text}"
                if _squeezed(both) in _squeezed(self._document.text):
                    last = Mention(both, last.label, (*last.forms, TOKENS))
                    continue
            if last is not None:
                yield last
            last = mention
        if last is not None:
            yield last

    def _item(self, item: Any) -> list[Mention]:
        """Return the mentions of one item of a list, several if types or texts are its keys; none if unreadable."""
        if isinstance(item, dict):
            text, given = item.get("text"), item.get("type")
            if isinstance(text, str) and isinstance(given, str) and (label := self._labels.as_asked(given)) is not None:
                return [Mention(text, label)]
            return self._of_keys(item) or self._by_key(item) or []
        if isinstance(item, list) and len(item) == 2 and all(isinstance(part, str) for part in item):
            known = [self._labels.resolve(part) for part in item]
            if (known[0] is None) != (known[1] is None):
                text, given = item if known[0] is None else reversed(item)
                return [self._mention(text, given, PAIR)]
        return []

    def _of_keys(self, item: Mapping[str, Any]) -> list[Mention]:
        """Return the mention of an object with a key for its text and one for its type, however they are called."""
        keys = {_plain(key): key for key in item}
        texts = [k for k in keys if k in _TEXTS and _is_text(item[keys[k]])]
        types = [k for k in keys if k in _TYPES and _single(item[keys[k]]) is not None]
        if "text" in texts:
            texts = ["text"]
        if len(types) > 1:
            known = [k for k in types if self._labels.resolve(_single(item[keys[k]]) or "") is not None]
            types = known if len(known) == 1 else [k for k in types if k == "type"]
        if _EITHER in keys and not texts and _is_text(item[keys[_EITHER]]):
            texts = [_EITHER]
        elif _EITHER in keys and not types and _single(item[keys[_EITHER]]) is not None:
            types = [_EITHER]
        if len(texts) != 1 or len(types) != 1:
            return []
        text, given = item[keys[texts[0]]], _single(item[keys[types[0]]]) or ""
        asked = (keys[texts[0]], keys[types[0]]) == ("text", "type")
        plain = asked and isinstance(text, str) and isinstance(item["type"], str)
        return [
            self._mention(part, given, "" if plain else ITEM_KEYS)
            for part in ([text] if isinstance(text, str) else text)
        ]

    def _by_key(self, value: Mapping[str, Any]) -> list[Mention] | None:
        """Return the mentions of an object whose keys are types, or texts whose values are types; None if it is
        neither, or could be both."""
        known = {key for key in value if _plain(key) not in _LISTS and self._labels.resolve(key) is not None}
        given = [part for part in value.values() if isinstance(part, str) and self._labels.resolve(part) is not None]
        if known and not given and not any(isinstance(part, dict) for part in value.values()):
            texts = {key: _texts(part) for key, part in value.items() if key in known or isinstance(part, list)}
            if any(texts[key] is None or self._says_otherwise(key, value[key]) for key in known):
                return None
            return [self._mention(text, key, TYPES_AS_KEYS) for key, found in texts.items() for text in found or ()]
        if value and not known and len(given) == len(value) and not any(_plain(key) in _WORDS for key in value):
            return [self._mention(text, label, TEXTS_AS_KEYS) for text, label in value.items()]
        return None

    def _says_otherwise(self, key: str, part: Any) -> bool:
        """Return whether an object under a type has a type of its own, and another one."""
        types = [
            self._labels.resolve(given)
            for item in (part if isinstance(part, list) else ())
            if isinstance(item, dict)
            for name, given in item.items()
            if _plain(name) in _TYPES and isinstance(given, str)
        ]
        under = self._labels.resolve(key)
        return any(own is not None and under is not None and own.label != under.label for own in types)

    def _mention(self, text: str, given: str, form: str = "") -> Mention:
        resolved = self._labels.resolve(given)
        if resolved is None:
            return Mention(text, given, (form,) if form else ())
        forms = [form] if form else []
        forms += [] if resolved.plain else [LABEL_FORM]
        return Mention(text, resolved.label, tuple(forms), resolved.continues)


def _unnested(items: Sequence[Any]) -> Sequence[Any]:
    """Return the objects of a list of lists, such as one for each sentence; any other list as it is."""
    if not all(isinstance(item, list) and all(isinstance(part, dict) for part in item) for item in items):
        return items
    return [part for item in items for part in item]


def _plain(key: str) -> str:
    return re.sub(r"[\s_-]", "", key).casefold()


def _single(value: Any) -> str | None:
    """Return a type that stands alone, also in a list of one."""
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    return value if isinstance(value, str) else None


def _is_text(value: Any) -> bool:
    return isinstance(value, str) or (
        isinstance(value, list) and bool(value) and all(isinstance(part, str) for part in value)
    )


def _texts(value: Any) -> list[str] | None:
    """Return the texts under a type: a text, a list of texts or of objects with one; None for anything else."""
    if value is None or isinstance(value, str):
        return [value] if value else []
    if not isinstance(value, list):
        return None
    texts = [part if isinstance(part, str) else _own_text(part) for part in value]
    return [text for text in texts if text is not None] if None not in texts else None


def _own_text(value: Any) -> str | None:
    if not isinstance(value, dict):
        return None
    texts = [part for key, part in value.items() if _plain(key) in _TEXTS | {_EITHER} and isinstance(part, str)]
    return texts[0] if len(texts) == 1 else None


def _is_schema(value: Mapping[str, Any]) -> bool:
    return "$schema" in value or (isinstance(value.get("type"), str) and ("properties" in value or "items" in value))


def _squeezed(text: str) -> str:
    return "".join(text.split()).casefold()
