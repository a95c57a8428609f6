"""What `score` and `agree` found, as tables for people; JSON has everything."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from diziner.common.tables import Column, fitted_table, left_out_note, wrapped
from diziner.common.words import counted

_MOST_TYPES = 25
_MATRIX = "strict_span_f1"  # the measure of pairs that is shown


def scores_text(result: Mapping[str, Any], width: int) -> str:
    """Return the scores of one or two predictions: by protocol, by type under the first one, and the difference."""
    predictions = result["predictions"]
    names = _told_apart([own["file"] for own in predictions])
    predictions = [{**own, "file": name} for own, name in zip(predictions, names, strict=True)]
    notes = _notes([result["gold"], *predictions], "failed, which count as nothing found")
    parts = [wrapped([_documents(result), *notes], width)]
    parts.append(_table(_PROTOCOL_HEADS, _protocol_rows(predictions), width, alone=len(names) == 1))
    first = next(iter(predictions[0]["protocols"].values()))
    types = list(_type_rows(predictions))
    parts.append(f"\n{first['name']} by type\n")
    parts.append(_table(_TYPE_HEADS, types[: _MOST_TYPES * len(names)], width, alone=len(names) == 1))
    if (more := len(types) // len(names) - _MOST_TYPES) > 0:
        parts.append(f"and {counted(more, 'rarer type')}\n")
    if "difference" in result:
        parts.append(f"\nF1 of {names[0]} minus F1 of {names[1]}\n")
        rows = [(name, _change(own), _p(own["p_value"])) for name, own in result["difference"].items()]
        parts.append(_table((("protocol", 0), ("difference [95 %]", 0), ("p", 1)), rows, width))
    for own in predictions:
        parts += _calibration(own, width)
    samples = result["bootstrap"]["samples"]
    last = f"Intervals: bootstrap of documents, {samples:,} resamples. --json has everything."
    return "".join(parts) + "\n" + wrapped([last], width)


def agreement_text(result: Mapping[str, Any], width: int, report: str = "") -> str:
    """Return how far annotators agree: of each pair, of all, hotspots; `report` is the file that has their text."""
    agreement, totals = result["agreement"], result["totals"]
    names = agreement["annotators"]
    head = (
        f"{counted(agreement['documents'], 'document')}, {counted(len(names), 'annotator')}; overall agreement "
        f"{agreement['overall']:.3f}: the mean strict span F1 of their pairs"
    )
    files = [{"file": name, **own} for name, own in result["files"].items()]
    parts = [wrapped([head, *_notes(files, "failed")], width)]
    matrix = agreement["pairs"][_MATRIX]
    cells = [
        Column("annotator", tuple(names)),
        Column("mean", tuple(_figure(agreement["mean"][name]) for name in names)),
        Column("weight", tuple(_figure(agreement["weights"][name]) for name in names), 1),
        Column("coalition", tuple("yes" if name in agreement["coalition"] else "" for name in names), 1),
    ]
    for place, name in enumerate(names):
        figures = ("" if row == place else _figure(matrix[row][place]) for row in range(len(names)))
        cells.append(Column(f"with {name}", tuple(figures), 2))
    text, left_out = fitted_table(cells, width)
    parts.append(text)
    parts.append(wrapped(left_out_note(left_out, width), width))
    of_all = {key: value for key, value in agreement.items() if isinstance(value, float) and key != "overall"}
    measures = {**of_all, **result.get("measures", {})}
    rows = [(name.replace("_", " "), _figure(value)) for name, value in sorted(measures.items())]
    parts.append("\n" + _table((("measure", 0), ("of all", 0)), rows, width) if rows else "")
    parts.append(_alt_test(result.get("alt_test"), width))
    by_kind = sorted(totals["hotspots"].items())
    kinds = ", ".join(f"{count} {kind.replace('_', ' ')}" for kind, count in by_kind if count)
    where = f"their text is in {report}" if report else "--report FILE.md writes them with their text"
    spots = counted(sum(totals["hotspots"].values()), "hotspot")
    last = [f"{spots}{f' ({kinds})' if kinds else ''}: {where}; --json has everything."]
    return "".join(parts) + "\n" + wrapped(last, width)


_PROTOCOL_HEADS = (
    ("prediction", 0), ("protocol", 0), ("F1 [95 %]", 0), ("precision", 1), ("recall", 1),
    ("macro F1", 5), ("correct", 2), ("predicted", 3), ("gold", 4),
)  # fmt: skip
_TYPE_HEADS = (
    ("prediction", 0), ("type", 0), ("F1", 0), ("precision", 1), ("recall", 1), ("correct", 2), ("predicted", 3),
    ("gold", 0),
)  # fmt: skip


def _documents(result: Mapping[str, Any]) -> str:
    left_out = f", {result['left_out']:,} more are not in all files" if result["left_out"] else ""
    return f"{counted(result['documents'], 'document')}{left_out}; gold: {result['gold']['file']}; {result['scored']}"


def _notes(files: Iterable[Mapping[str, Any]], failed: str) -> Iterator[str]:
    """Yield what is to be known of files: how they were read, what was repaired in them."""
    for file in files:
        said = [f"read as {file['read_as']}"] if file.get("read_as") else []
        said += [f"{counted(file['failures'], 'document')} {failed}"] if file.get("failures") else []
        said += [counted(file["repairs"], "repaired tag")] if file["repairs"] else []
        widened = file["widened"]["count"]
        said += [f"{counted(widened, 'mention')} widened to whole tokens"] if widened else []
        if said:
            yield f"{file['file']}: {'; '.join(said)}"


def _protocol_rows(predictions: Sequence[Mapping[str, Any]]) -> list[tuple[str, ...]]:
    return [
        (own["file"], name, _with_interval(score["f1"], score["interval"]), *_shares(score), _figure(score["macro_f1"]),
         *_counts(score))
        for own in predictions
        for name, score in own["protocols"].items()
    ]  # fmt: skip


def _type_rows(predictions: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, ...]]:
    """Yield the score of each type under the first protocol, those with the most gold first."""
    scores = [(own["file"], next(iter(own["protocols"].values()))["types"]) for own in predictions]
    gold = {label: row["gold"] for _, types in scores for label, row in types.items()}
    for label in sorted(gold, key=lambda label: (-gold[label], label)):
        for file, types in scores:
            row = types.get(label, dict.fromkeys(("f1", "precision", "recall", "correct", "predicted", "gold"), 0))
            yield (file, label, _figure(row["f1"]), *_shares(row), *_counts(row))


def _shares(score: Mapping[str, Any]) -> tuple[str, str]:
    return _figure(score["precision"]), _figure(score["recall"])


def _counts(score: Mapping[str, Any]) -> tuple[str, str, str]:
    return f"{score['correct']:,}", f"{score['predicted']:,}", f"{score['gold']:,}"


def _calibration(own: Mapping[str, Any], width: int) -> list[str]:
    """Return the F1 of the documents that a vote is at least so sure of, to choose --review-below by."""
    if "calibration" not in own:
        return []
    rows = [
        (f"{row['at_least']:.1f}", f"{row['share_of_documents']:.3f}", f"{row['documents']:,}",
         _with_interval(row["f1"], row))
        for row in own["calibration"]["kept"]
    ]  # fmt: skip
    heads = (("confidence at least", 0), ("share of documents", 1), ("documents", 2), ("F1 [95 %]", 0))
    return [f"\n{own['file']}: F1 of the documents that it is sure of\n", _table(heads, rows, width)]


def _alt_test(test: Mapping[str, Any] | None, width: int) -> str:
    if test is None:
        return ""
    rows = [
        (name, "yes" if own["passed"] else "no", _figure(own["winning_rate"]), _figure(own["advantage"]),
         _figure(own["strict_span_f1_with_people"]))
        for name, own in test["models"].items()
    ]  # fmt: skip
    heads = (("model", 0), ("may stand in", 0), ("winning rate", 1), ("advantage", 2), ("F1 with people", 3))
    title = f"May models stand in for people? epsilon {test['epsilon']:g}"
    people = test["people"]
    among = f"F1 of {', '.join(people['names'])} among themselves: {_figure(people['strict_span_f1'])}"
    return f"\n{wrapped([title], width)}{_table(heads, rows, width)}{wrapped([among], width)}"


def _table(heads: Sequence[tuple[str, int]], rows: Sequence[Sequence[str]], width: int, alone: bool = False) -> str:
    """Return a fitted table; with `alone` the first column, which says the same in every row, is left out."""
    cells = [tuple(row[place] for row in rows) for place in range(len(heads))]
    columns = [Column(head, own, rank) for (head, rank), own in zip(heads, cells, strict=True)]
    return fitted_table(columns[alone:], width)[0]


def _told_apart(names: Sequence[str]) -> list[str]:
    """Return names of files, numbered if they are alike, being of two folders."""
    return [f"{number}: {name}" for number, name in enumerate(names, 1)] if len({*names}) < len(names) else list(names)


def _with_interval(value: float, interval: Mapping[str, Any] | None) -> str:
    return _figure(value) + (f" [{interval['low']:.3f}, {interval['high']:.3f}]" if interval else "")


def _change(own: Mapping[str, Any]) -> str:
    interval = "" if own["low"] is None else f" [{own['low']:+.3f}, {own['high']:+.3f}]"
    return f"{own['difference']:+.3f}{interval}"


def _p(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}" if value >= 0.001 else "<0.001"


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
