"""The guideline: goal, types, examples and instructions (guideline.schema.json; files by `diziner.guideline.file`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class EntityType:
    """One type of a scheme: the benchmark's `label`, the readable `name` models see, and how to decide."""

    label: str
    name: str
    definition: str
    positive: tuple[str, ...] = ()
    negative: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Goal:
    """Goal of the annotation: where documents come from, purpose, what counts, who uses the result."""

    documents: str
    purpose: str
    types: str
    use: str


@dataclass(frozen=True, slots=True)
class Receipt:
    """Receipt of an instruction, what caused it: the round's hotspots, their documents, the supervisor's responses."""

    round: int
    status: str  # new | retained | modified
    hotspots: tuple[str, ...] = ()
    documents: tuple[str, ...] = ()
    responses: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Example:
    """An example below an instruction: how a text is annotated, why, and (`error`) what was wrongly marked in it.

    `text` has its mentions in brackets by label, none where it holds no mention (`diziner.spans.marked`):
    `said 25-year-old [Amina Muhammad|PER]`. Where `annotation` is given, `text` is plain and it says in a word what is
    marked there: a type's name, or "no entity".
    """

    text: str
    annotation: str = ""
    explanation: str = ""
    error: str = ""


@dataclass(frozen=True, slots=True)
class Instruction:
    """One line of guidance; `children` go one level down. `receipt` is None for hand-written lines."""

    id: str
    text: str
    examples: tuple[Example, ...] = ()
    children: tuple[Instruction, ...] = ()
    receipt: Receipt | None = None


@dataclass(frozen=True, slots=True)
class Choice:
    """A person's decision about a conflict, such as `organization_to_location`: the supervisor follows it."""

    conflict: str
    decision: str


@dataclass(frozen=True, slots=True)
class AgreedExample:
    """A pilot document with the mentions that annotators agreed on, shown to annotators as an example.

    `sentence` is in bracket notation (`diziner.spans.brackets`); `text` is the document's own where it is not its
    tokens with a space between them, else empty. The rest is its receipt: the round and its document, the annotators
    that gave exactly these mentions, and the agreement with them of all who answered (0 to 1, by weight).
    """

    sentence: str
    round: int
    document: str
    annotators: tuple[str, ...]
    agreement: float
    text: str = ""


@dataclass(frozen=True, slots=True)
class AgreedExamples:
    """The examples from agreement, and how annotators are shown them.

    `choice` is fixed (the first `shown` of them for every document) or similar (the `shown` ones that are most
    similar to the document, by common words). A document is never shown itself.
    """

    choice: str
    shown: int
    examples: tuple[AgreedExample, ...]


@dataclass(frozen=True, slots=True)
class Guideline:
    """All that an annotator is told about a benchmark: goal, types, worked examples, instructions.

    `examples` are sentences in bracket notation (`diziner.spans.brackets`), our own, never from gold.
    `common` binds every annotator, `specific` one annotator by name. `choices` speak to the supervisor only.
    `left_out` names annotators that label no more, because they agreed too little with the others.
    `agreed` are pilot documents on which annotators agreed, shown beside `examples`.
    """

    benchmark: str
    round: int
    goal: Goal
    types: tuple[EntityType, ...]
    examples: tuple[str, ...] = ()
    common: tuple[Instruction, ...] = ()
    specific: Mapping[str, tuple[Instruction, ...]] = field(default_factory=dict)
    choices: tuple[Choice, ...] = ()
    left_out: tuple[str, ...] = ()
    agreed: AgreedExamples | None = None
