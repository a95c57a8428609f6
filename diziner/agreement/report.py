"""Disagreement report for the supervisor, in Markdown (method sections 6 and 7)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import combinations

from diziner.agreement.analysis import Analysis, annotator_errors
from diziner.agreement.error_families import FAMILIES
from diziner.agreement.hotspots import KINDS
from diziner.common.words import counted
from diziner.records.agreement import Agreement
from diziner.records.disagreements import ErrorExample, ErrorGroup
from diziner.records.documents import Document
from diziner.records.type_names import renaming

FAMILY_MEANINGS = {
    "O_to_Ent": "an annotator marks an entity where the consensus has none",
    "Ent_to_O": "an annotator misses an entity of the consensus",
    "Ent_to_Ent": "an annotator gives an entity another type than the consensus",
    "Span_Error": "an annotator gives the consensus's type, but other bounds",
}
KIND_NAMES = {
    "elite_split": "Elite split",
    "systematic_bias": "Systematic bias",
    "complex": "Complex (elite split and systematic bias)",
    "minor": "Minor disagreement",
}


def render_report(
    analysis: Analysis,
    documents: Sequence[Document],
    names: Mapping[str, str] | None = None,
    others: Mapping[str, str] | None = None,
) -> str:
    """Return Markdown on all hotspots: overview, statistics, then each error family with examples.

    `documents` are those that the analysis was asked about. `names` are types' names by label, as guidelines have them:
    types go by these then, with the label beside it where they are listed. `others` are annotators that are no language
    models, with what they are. No timestamp: the same analysis, the same
    text.
    """
    agreement, unit = analysis.agreement, analysis.units.words.label
    groups = _named(analysis.groups, names)
    rest = [name for name in agreement.annotators if name not in agreement.coalition]
    lines = [
        "# Disagreement report",
        "",
        _reference(analysis),
        "",
        "## Overview",
        "",
        *_overview(analysis, documents, others or {}),
        _types(analysis, names),
        "",
        "Error families:",
        "",
        *(f"- **{family}**: {FAMILY_MEANINGS[family]}" for family in FAMILIES),
        "",
        "## Overall statistics",
        "",
        *_table(
            ("Hotspot kind", "Hotspots", "%", "Disagreeing labels"),
            [
                (KIND_NAMES[kind], analysis.totals.hotspots[kind], analysis.totals.disagreeing_by_kind[kind])
                for kind in KINDS
            ],
        ),
        "",
        *_group_table(groups, unit),
        "",
        f"- Coalition: {_listed(agreement.coalition)}",
        f"- Rest: {_listed(rest)}",
        "",
        *_families(groups, unit),
    ]
    return "\n".join(lines).rstrip("\n") + "\n"


def render_annotator_report(analysis: Analysis, annotator: str, names: Mapping[str, str] | None = None) -> str:
    """Return Markdown on one annotator's disagreements with the consensus, in hotspots and elsewhere.

    `names` as in `render_report`.
    Errors: UserError for an annotator that is not in the analysis.
    """
    groups, unit = _named(annotator_errors(analysis, annotator), names), analysis.units.words.label
    bias = analysis.bias[annotator]
    leaning = [f"{(names or {}).get(label, label)} {count:+d}" for label, count in bias.type_bias.items() if count]
    lines = [
        f"# Disagreements of {annotator} with the consensus",
        "",
        _types(analysis, names),
        f"- Tokens labelled like the consensus: {bias.agreement_rate:.1%}",
        f"- Mean strict span F1 with the other annotators: {analysis.agreement.mean[annotator]:.3f}",
        f"- Member of the coalition: {'yes' if annotator in analysis.agreement.coalition else 'no'}",
        f"- Entity tokens more (+) or fewer (-) than the consensus: {bias.over_tagging:+d}"
        + (f" ({', '.join(leaning)})" if leaning else ""),
        f"- Documents without an answer: {analysis.failed[annotator]}",
        "",
        *_group_table(groups, unit),
        "",
        *_families(groups, unit),
    ]
    return "\n".join(lines).rstrip("\n") + "\n"


def _named(groups: Sequence[ErrorGroup], names: Mapping[str, str] | None) -> Sequence[ErrorGroup]:
    if names is None:
        return groups
    rename = renaming(names)
    return [
        replace(
            group,
            subtype=rename(group.subtype),
            examples=tuple(_renamed(example, rename) for example in group.examples),
        )
        for group in groups
    ]


def _renamed(example: ErrorExample, rename: Callable[[str], str]) -> ErrorExample:
    alternatives = tuple((rename(reading), annotators) for reading, annotators in example.alternatives)
    return replace(example, consensus=rename(example.consensus), alternatives=alternatives)


def _types(analysis: Analysis, names: Mapping[str, str] | None) -> str:
    """Return the line that lists the types: here a name has its label beside it, further down it stands alone."""
    known = names or {}
    types = (f"{known[label]} ({label})" if label in known else label for label in analysis.readings.corpus.types)
    return f"- Entity types: {_listed(types)}"


def _reference(analysis: Analysis) -> str:
    if name := analysis.readings.reference:
        return f"Reference: the {name}. Wherever a consensus is named, it means them: they are right."
    return "Reference: the consensus, a weighted majority vote of all annotators. It is not the truth."


def _overview(analysis: Analysis, documents: Sequence[Document], others: Mapping[str, str]) -> Iterator[str]:
    totals, agreement = analysis.totals, analysis.agreement
    yield f"- Documents: {len(documents)}, with {totals.tokens} {analysis.units.words.explained}"
    yield f"- Annotators: {len(agreement.annotators)}"
    for name in agreement.annotators:
        if name in others:
            yield f"- {name}: {others[name]}"
    unanswered = sorted(document.id for document in documents if document.id not in analysis.consensus)
    if unanswered:
        yield f"- Documents that nobody answered, left out: {_listed(unanswered)}"
    failed = [f"{name} {count}" for name, count in analysis.failed.items() if count]
    if failed:
        yield f"- Failed documents, left out of their annotator's votes: {', '.join(failed)}"
    if fewer := fewer_in_common(agreement):
        yield f"- Pairs by documents in common, where these are not all: {', '.join(fewer)}"
    if analysis.held_back:
        yield f"- Documents held back, whose disagreements are not shown here: {len(analysis.held_back)}"
    yield f"- Overall agreement (mean pairwise strict span F1): {agreement.overall:.3f}"
    yield f"- Hotspots: {len(analysis.hotspots)}, covering {totals.hot_tokens} {analysis.units.words.plural}"
    yield (
        f"- Labels that differ from the consensus: {totals.disagreeing} of {totals.labels}; "
        f"{totals.in_hotspots} in hotspots, {totals.below_threshold} below the threshold"
        f"{'' if analysis.readings.reference else ' and not shown here'}"
    )


def fewer_in_common(agreement: Agreement) -> list[str]:
    """Return the pairs of annotators that have fewer documents in common than were analysed, with how many."""
    pairs = combinations(enumerate(agreement.annotators), 2)
    counts = [(f"{one} and {other}", agreement.common[i][j]) for (i, one), (j, other) in pairs if agreement.common]
    return [f"{pair} {count}" for pair, count in counts if count < agreement.documents]


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names) or "none"


def _table(head: tuple[str, str, str, str], rows: Sequence[tuple[str, int, int]]) -> Iterator[str]:
    """Name, count, share of all counts, second count; then the totals."""
    total = sum(count for _, count, _ in rows)
    yield f"| {' | '.join(head)} |"
    yield "| --- | ---: | ---: | ---: |"
    for name, count, second in rows:
        yield f"| {name} | {count} | {100 * count / total if total else 0:.1f} | {second} |"
    yield f"| **Total** | {total} | {100 if total else 0:.1f} | {sum(second for _, _, second in rows)} |"


def _group_table(groups: Sequence[ErrorGroup], unit: str) -> Iterator[str]:
    rows = [(group.subtype, group.tokens, group.mentions) for group in groups]
    yield from _table(("Error type", f"{unit.title()}s", "%", "Mentions"), rows)


def _families(groups: Sequence[ErrorGroup], unit: str) -> Iterator[str]:
    for family in FAMILIES:
        own = [group for group in groups if group.family == family]
        if own:
            yield f"## {family}: {counted(sum(group.tokens for group in own), unit)}"
            yield ""
            for group in own:
                yield from _group(group, unit)


def _group(group: ErrorGroup, unit: str) -> Iterator[str]:
    size = f"{counted(group.tokens, unit)} in {counted(group.mentions, 'mention')}"
    yield f"### {group.subtype}: {size}"
    yield ""
    for number, example in enumerate(group.examples, 1):
        yield from _example(number, example)
    omitted = group.mentions - len(group.examples)
    if omitted:
        yield f"({omitted} more not shown)"
        yield ""


def _example(number: int, example: ErrorExample) -> Iterator[str]:
    tokens = f"tokens {example.start}-{example.end}"
    place = f"hotspot {example.hotspot}" if example.hotspot else "below the threshold"
    yield f'{number}. "{example.span_text}" ({example.document}, {tokens}; {place})'
    yield f"    - Context: {example.context}"
    if example.kind:
        yield f"    - Kind: {KIND_NAMES[example.kind]}"
    agreeing = ", ".join(example.agreeing) or "nobody: a tie"
    yield f"    - Consensus: {example.consensus} ({agreeing})"
    for reading, names in example.alternatives:
        yield f"    - Alternative: {reading} ({', '.join(names)})"
    yield ""
