"""The records that pass between stages. Every file between stages is made of these.

Positions are token positions, `[start, end)`. BIO2 tags exist only at the edges (`stages.ner.tags`).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import combinations


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """One entity mention: tokens `start` (included) to `end` (excluded), with a benchmark label as `type`."""

    start: int
    end: int
    type: str


@dataclass(frozen=True, slots=True)
class Document:
    """One text to annotate. `tokens` are non-empty and occur in `text` in order; `id` is unique in its file."""

    id: str
    tokens: tuple[str, ...]
    text: str


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a document has no annotation. `code` is closed (see schemas/annotation.schema.json)."""

    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class Annotation:
    """One annotator's answer for one document: spans, or a failure, never both.

    `spans` is sorted and free of overlaps. `drops` counts answered entities that were not used, by reason.
    `repairs` is the number of repair turns. `responses` are the request keys behind the row (its receipt).
    """

    id: str
    spans: tuple[Span, ...] = ()
    failure: Failure | None = None
    drops: Mapping[str, int] = field(default_factory=dict)
    repairs: int = 0
    responses: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Usage:
    """What one request behind an output took. `key` is the request's, `endpoint` and `model` say who was asked.

    Token counts and `usd` are the provider's: the counts are None for a call that no response came back from, `usd`
    where the provider names no cost. `provenance` is what a local model's answer was computed with, empty where that
    is not recorded and for models that are not local.
    """

    key: str
    endpoint: str
    model: str
    prompt_tokens: int | None
    completion_tokens: int | None
    usd: float | None = None
    provenance: str = ""


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
    """What the annotation is for: where documents come from, purpose, what counts, who uses the result."""

    documents: str
    purpose: str
    types: str
    use: str


@dataclass(frozen=True, slots=True)
class Receipt:
    """What caused an instruction: the round's hotspots, their documents, the supervisor's responses."""

    round: int
    status: str  # new | retained | modified
    hotspots: tuple[str, ...] = ()
    documents: tuple[str, ...] = ()
    responses: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Example:
    """An example below an instruction: the text, how it is annotated, and why."""

    text: str
    annotation: str
    explanation: str = ""


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
class Guideline:
    """All that an annotator is told about a benchmark: goal, types, worked examples, instructions.

    `examples` are sentences in bracket notation (`stages.ner.brackets`), our own, never from gold.
    `common` binds every annotator, `specific` one annotator by name. `choices` speak to the supervisor only.
    `left_out` names annotators that label no more, because they agreed too little with the others.
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


@dataclass(frozen=True, slots=True)
class Hotspot:
    """A block of tokens `[start, end)` of one document where annotators disagree most (method section 5)."""

    id: str
    document: str
    start: int
    end: int
    kind: str  # elite_split | systematic_bias | complex | minor
    score: float  # mean U* over the block
    consensus: tuple[str, ...]  # BIO2 tag per token
    labels: Mapping[str, tuple[str, ...]]  # annotator -> BIO2 tag per token


@dataclass(frozen=True, slots=True)
class ErrorExample:
    """One mention: tokens `[start, end)` of a document where annotators read otherwise than the consensus.

    `hotspot` is the hotspot's id and `kind` its kind, both "" for a mention below the threshold.
    `context` has three tokens on each side, the mention in « ». A reading lists the entities that touch
    the mention: "O" where there is none, "ORG" where the mention is exactly one, else with the entity's
    own text, such as 'ORG "Bank of England"'. `agreeing` are the annotators that read as the consensus does
    (none, where a tie made it O), after "gold labels" where these take its place. `alternatives` holds each
    other reading with the annotators that gave it, most frequent first.
    """

    hotspot: str
    document: str
    start: int
    end: int
    span_text: str
    context: str
    consensus: str
    agreeing: tuple[str, ...]
    alternatives: tuple[tuple[str, tuple[str, ...]], ...]
    kind: str


@dataclass(frozen=True, slots=True)
class ErrorGroup:
    """All disagreements of one subtype, such as ORG_to_LOC, O_to_MISC, PER_to_O or PER_bounds.

    `tokens` counts pairs of annotator and token; `mentions` counts places: tokens of one hotspot (or of
    none) at most two apart, whoever disagrees there.
    """

    family: str
    subtype: str
    tokens: int
    mentions: int
    examples: tuple[ErrorExample, ...]


@dataclass(frozen=True, slots=True)
class Agreement:
    """Agreement of one round's annotators, all over the documents that both of a pair answered.

    `pairs` maps measure -> square matrix in the order of `annotators` (diagonal 1.0). `mean` is each
    annotator's mean pairwise strict span F1, `overall` the mean of those, `weights` sum to 1.
    """

    annotators: tuple[str, ...]
    documents: int
    pairs: Mapping[str, tuple[tuple[float, ...], ...]]
    mean: Mapping[str, float]
    overall: float
    weights: Mapping[str, float]
    coalition: tuple[str, ...]
    fleiss_kappa: float
    krippendorff_alpha: float

    def among(self, names: Collection[str]) -> float:
        """Overall agreement of some of the annotators: the mean strict span F1 of their pairs, to 9 places as in files.

        Rounds in which others took part are compared by it: without its worst annotator every pool agrees better.
        Fewer than two, or all of them: `overall`.
        """
        chosen = [position for position, name in enumerate(self.annotators) if name in names]
        if not 2 <= len(chosen) < len(self.annotators):
            return self.overall
        matrix = self.pairs["strict_span_f1"]
        # Decimals of nine places as fractions: rounds are told apart by this figure.
        found = [Fraction(repr(matrix[one][other])) for one, other in combinations(chosen, 2)]
        return round(float(sum(found, Fraction(0)) / len(found)), 9)


@dataclass(frozen=True, slots=True)
class Voter:
    """An annotator that votes on the test documents: its weight and settings."""

    weight: float
    settings: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Selection:
    """The label-free choice: round by overall agreement, annotator by its mean agreement in that round.

    `settings` are the chosen annotator's, so that `predict` depends on nothing else. `voters` are the round's
    coalition where its vote predicts, else empty.
    """

    round: int
    annotator: str
    settings: Mapping[str, object]
    overall: Mapping[int, float]  # round -> overall agreement
    mean: Mapping[str, float]  # annotator -> mean agreement in the chosen round
    voters: Mapping[str, Voter] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Score:
    """Strict span precision, recall and F1 with the counts they come from. 0/0 is 0.0, except that
    no gold and no predicted span at all is 1.0."""

    precision: float
    recall: float
    f1: float
    correct: int
    predicted: int
    gold: int
