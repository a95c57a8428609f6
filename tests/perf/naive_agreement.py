"""The measures written as one writes them first: loops over tokens, strings and dictionaries.

Kept as the yardstick of `bench_agreement.py` and as an independent check of the array code.
`tags` maps annotator -> one BIO2 tag list per document; a missing document is None.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

Tags = Mapping[str, Sequence[Sequence[str] | None]]


def common_tags(tags: Tags, first: str, second: str) -> tuple[list[str], list[str]]:
    """Both annotators' tags, joined over the documents that both answered."""
    left: list[str] = []
    right: list[str] = []
    for own, other in zip(tags[first], tags[second], strict=True):
        if own is not None and other is not None:
            left.extend(own)
            right.extend(other)
    return left, right


def spans(tags: Sequence[str]) -> list[tuple[int, int, str]]:
    """Spans of one document's well-formed tags."""
    found: list[tuple[int, int, str]] = []
    for position, tag in enumerate(tags):
        if tag.startswith("B-"):
            found.append((position, position + 1, tag[2:]))
        elif tag.startswith("I-"):
            start, _, name = found[-1]
            found[-1] = (start, position + 1, name)
    return found


def span_f1(tags: Tags, first: str, second: str, typed: bool = True) -> float:
    """F1 of the two sets of spans, keyed by document."""
    left: set[tuple[int, int, int, str]] = set()
    right: set[tuple[int, int, int, str]] = set()
    for number, (own, other) in enumerate(zip(tags[first], tags[second], strict=True)):
        if own is None or other is None:
            continue
        left.update((number, start, end, name if typed else "") for start, end, name in spans(own))
        right.update((number, start, end, name if typed else "") for start, end, name in spans(other))
    if not left and not right:
        return 1.0
    return 2 * len(left & right) / (len(left) + len(right))


def cohens_kappa(left: Sequence[str], right: Sequence[str]) -> float:
    """Cohen's kappa of two tag sequences."""
    cells: dict[tuple[str, str], int] = defaultdict(int)
    rows: dict[str, int] = defaultdict(int)
    columns: dict[str, int] = defaultdict(int)
    for own, other in zip(left, right, strict=True):
        cells[own, other] += 1
        rows[own] += 1
        columns[other] += 1
    size = len(left)
    if size == 0:
        return 1.0
    observed = sum(count for (own, other), count in cells.items() if own == other) / size
    expected = sum(rows[label] * columns[label] for label in rows) / (size * size)
    if len(rows.keys() | columns.keys()) == 1:
        return 1.0
    return (observed - expected) / (1 - expected)


def token_measures(
    labels: Mapping[str, str], weights: Mapping[str, float], coalition: Sequence[str]
) -> tuple[float, ...]:
    """The eight columns of one token, from its labels by annotator (method section 5)."""
    elite = {name: weights[name] for name in labels if name in coalition}
    rest = {name: weights[name] for name in labels if name not in coalition}
    shares = _distribution(labels, {name: weights[name] for name in labels})
    elite_shares, rest_shares = _distribution(labels, elite), _distribution(labels, rest)
    d_bio = 1 - sum(share**2 for share in shares.values())
    types: dict[str, float] = defaultdict(float)
    for label, share in shares.items():
        if label != "O":
            types[label[2:]] += share
    entity = sum(types.values())
    d_type = 1 - sum((share / entity) ** 2 for share in types.values()) if entity > 1e-12 else 0.0
    begin = sum(share for label, share in shares.items() if label.startswith("B-"))
    inside = sum(share for label, share in shares.items() if label.startswith("I-"))
    u_boundary = max(4 * begin * (1 - begin), 4 * inside * (1 - inside))
    between = 0.0
    if elite_shares and rest_shares:
        every = elite_shares.keys() | rest_shares.keys()
        between = 0.5 * sum(abs(elite_shares.get(y, 0.0) - rest_shares.get(y, 0.0)) for y in every)
    elite_internal = 1 - sum(share**2 for share in elite_shares.values()) if elite_shares else 0.0
    rest_internal = 1 - sum(share**2 for share in rest_shares.values()) if rest_shares else 0.0
    dominance = between - elite_internal if between > 1e-12 else 0.0
    u_star = max(d_bio, d_type, u_boundary)
    return d_bio, d_type, u_boundary, u_star, between, elite_internal, rest_internal, dominance


def _distribution(labels: Mapping[str, str], weights: Mapping[str, float]) -> dict[str, float]:
    mass: dict[str, float] = defaultdict(float)
    for name, weight in weights.items():
        mass[labels[name]] += weight
    total = sum(mass.values())
    return {label: share / total for label, share in mass.items()} if total > 0 else {}


def all_token_measures(tags: Tags, weights: Mapping[str, float], coalition: Sequence[str]) -> list[tuple[float, ...]]:
    """`token_measures` of every token of every document."""
    rows = []
    for own in zip(*tags.values(), strict=True):
        answered = {name: labels for name, labels in zip(tags, own, strict=True) if labels is not None}
        for column in zip(*answered.values(), strict=True):
            rows.append(token_measures(dict(zip(answered, column, strict=True)), weights, coalition))
    return rows


def vote(tags: Tags, weights: Mapping[str, float], kind: str = "io") -> list[list[str]]:
    """Weighted majority of types per token, ties to O, then by name; back to BIO2 tags.

    With `kind` bio a mention also begins where most of the type's voters begin one.
    """
    documents = []
    for own in zip(*tags.values(), strict=True):
        answered = {name: labels for name, labels in zip(tags, own, strict=True) if labels is not None}
        total = sum(weights[name] for name in answered)
        voted: list[str] = []
        previous = "O"
        for column in zip(*answered.values(), strict=True):
            mass: dict[str, float] = defaultdict(float)
            for name, label in zip(answered, column, strict=True):
                mass[label if label == "O" else label[2:]] += weights[name] / total
            most = max(mass.values())
            best = sorted(name for name, share in mass.items() if most - share <= 1e-9)
            winner = "O" if "O" in best else best[0]
            apart = winner != previous
            if kind == "bio" and not apart:
                edges: dict[str, float] = defaultdict(float)
                for name, label in zip(answered, column, strict=True):
                    edges[label] += weights[name]
                apart = edges[f"B-{winner}"] > edges[f"I-{winner}"] + 1e-9
            voted.append("O" if winner == "O" else f"{'B' if apart else 'I'}-{winner}")
            previous = winner
        documents.append(voted)
    return documents


def merged_runs(hot: Sequence[bool]) -> list[tuple[int, int]]:
    """Blocks `[start, end)` of one document's hot tokens; one cold token is bridged, once per block."""
    blocks: list[tuple[int, int]] = []
    position = 0
    while position < len(hot):
        if not hot[position]:
            position += 1
            continue
        start, bridged = position, False
        while position < len(hot):
            if hot[position]:
                position += 1
            elif not bridged and position + 1 < len(hot) and hot[position + 1]:
                bridged = True
                position += 1
            else:
                break
        blocks.append((start, position))
    return blocks


def fleiss_kappa(items: Sequence[Sequence[str]]) -> float:
    """Fleiss' kappa of items given as their labels; items with fewer than two are left out."""
    kept = [Counter(labels) for labels in items if len(labels) > 1]
    totals = Counter(label for item in kept for label in item.elements())
    if len(totals) < 2:
        return 1.0
    agreeing = []
    for item in kept:
        size = item.total()
        agreeing.append(sum(count * (count - 1) for count in item.values()) / (size * (size - 1)))
    observed = sum(agreeing) / len(agreeing)
    expected = sum((count / totals.total()) ** 2 for count in totals.values())
    return (observed - expected) / (1 - expected)


def krippendorff_alpha(items: Sequence[Sequence[str]]) -> float:
    """Krippendorff's nominal alpha from the coincidence matrix."""
    coincidences: dict[tuple[str, str], float] = defaultdict(float)
    for labels in items:
        for i, own in enumerate(labels):
            for j, other in enumerate(labels):
                if i != j:
                    coincidences[own, other] += 1 / (len(labels) - 1)
    totals: dict[str, float] = defaultdict(float)
    for (own, _), count in coincidences.items():
        totals[own] += count
    if len(totals) < 2:
        return 1.0
    values = sum(totals.values())
    observed = sum(count for (own, other), count in coincidences.items() if own != other)
    expected = sum(totals[a] * totals[b] for a in totals for b in totals if a != b) / (values - 1)
    return 1 - observed / expected
