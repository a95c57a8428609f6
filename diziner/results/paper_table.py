"""The paper's table: this project's F1 beside the published values, and the abstract's claims, worked out from it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from typing import Any

from diziner.common.exact import as_written
from diziner.common.rounding import rounded
from diziner.common.tables import Column
from diziner.results.published import Published, published_of

HEADING = (
    "The paper's table: F1 in percent. 'here' is this project's run; all else is as printed, on other samples and by "
    "other protocols"
)

SAMPLE = "sample"  # the source of the short texts that this project ships


@dataclass(frozen=True, slots=True)
class Line:
    """A benchmark of the paper: its row of summary.json (None if it was not run here), where its documents came from
    ("" if nobody knows), and what was published of it."""

    benchmark: str
    own: Mapping[str, Any] | None
    source: str
    published: Mapping[str, Published]

    @property
    def f1(self) -> Fraction | None:
        """F1 here, in percent; None without run or gold."""
        return None if self.own is None else _percent(self.own["f1"])

    @property
    def comparable(self) -> Fraction | None:
        """F1 here, in percent, if the documents are the benchmark's and not a sample of this project's own."""
        return None if self.source == SAMPLE else self.f1


@dataclass(frozen=True, slots=True)
class Claims:
    """What the abstract says of 18 benchmarks, by one column of the table, over the benchmarks that have a value in it.

    `best` of `compared` benchmarks are above the best earlier zero-shot method (a tie is none), of them `clear` with
    the whole interval (None where there are no intervals); `best_of_all` also above the supervisor asked alone.
    `gain` is the mean difference to the best earlier method. `gap_before` and `gap_after` are the mean distances of
    that method and of this column to the best supervised one, over the `with_supervised` benchmarks that have one;
    `gap_reduced` is by how much the second is less. `above_supervisor` of `with_supervisor` are above the supervisor,
    `supervisor_gain` is the mean difference. F1 points; means are None over nothing.
    """

    compared: int
    best: int
    clear: int | None
    best_of_all: int
    gain: float | None
    with_supervised: int
    gap_before: float | None
    gap_after: float | None
    gap_reduced: float | None
    with_supervisor: int
    above_supervisor: int
    supervisor_gain: float | None


def paper_lines(
    summary: Mapping[str, Any], published: Mapping[str, Any], sources: Mapping[str, str]
) -> tuple[Line, ...]:
    """Return a line for every benchmark that anything was published of, by name."""
    own = {row["benchmark"]: row for row in summary["benchmarks"]}
    names = sorted({name for method in published["methods"] for name in method["f1"]})
    return tuple(Line(name, own.get(name), sources.get(name, ""), published_of(name, published)) for name in names)


def claims(lines: Sequence[Line], value: Callable[[Line], Fraction | None], low: str | None = None) -> Claims:
    """Work out the claims by one column; `low` is the figure of the own row that bounds the value from below."""
    pairs = [(line, f1) for line in lines if (f1 := value(line)) is not None and "best_zero_shot" in line.published]
    earlier = [_printed(line, "best_zero_shot") for line, _ in pairs]
    best = [(line, f1) for (line, f1), before in zip(pairs, earlier, strict=True) if f1 > before]
    sure = [
        line
        for line, _ in best
        if low and (_percent((line.own or {}).get(low)) or 0) > _printed(line, "best_zero_shot")
    ]
    taught = [(line, f1) for line, f1 in pairs if "best_supervised" in line.published]
    before = _mean([_printed(line, "best_supervised") - _printed(line, "best_zero_shot") for line, _ in taught])
    after = _mean([_printed(line, "best_supervised") - f1 for line, f1 in taught])
    judged = [f1 - _printed(line, "supervisor") for line, f1 in pairs if "supervisor" in line.published]
    alone = [line for line, f1 in best if "supervisor" not in line.published or f1 > _printed(line, "supervisor")]
    return Claims(
        compared=len(pairs),
        best=len(best),
        clear=len(sure) if low else None,
        best_of_all=len(alone),
        gain=_shown(_mean([f1 - least for (_, f1), least in zip(pairs, earlier, strict=True)])),
        with_supervised=len(taught),
        gap_before=_shown(before),
        gap_after=_shown(after),
        gap_reduced=None if before is None or after is None else _shown(before - after),
        with_supervisor=len(judged),
        above_supervisor=sum(difference > 0 for difference in judged),
        supervisor_gain=_shown(_mean(judged)),
    )


def all_claims(lines: Sequence[Line]) -> dict[str, Claims]:
    """Return the claims by column: the README's values, the paper's where they are known, and this project's on
    the benchmarks' own documents."""
    return {
        "README": claims(lines, lambda line: _of(line, "diziner_readme")),
        "paper": claims(lines, lambda line: _of(line, "diziner_paper", "diziner_readme")),
        "here": claims(lines, lambda line: line.comparable, "f1_low"),
    }


def paper_columns(lines: Sequence[Line]) -> list[Column]:
    """Return the table for a terminal. What there is no value of stays empty."""
    heads: tuple[tuple[str, int, Callable[[Line], str]], ...] = (
        ("benchmark", 0, lambda line: line.benchmark),
        ("n", 1, lambda line: str(line.own["documents"]) if line.own else ""),
        ("rounds", 5, lambda line: str(line.own["rounds"]) if line.own else ""),
        ("here [95 %]", 0, _own),
        ("DiZiNER (paper)", 0, lambda line: _cell(line, "diziner_paper")),
        ("DiZiNER (README)", 0, lambda line: _cell(line, "diziner_readme")),
        ("best zero-shot before", 2, lambda line: _cell(line, "best_zero_shot", named=True)),
        ("here - before", 3, _difference),
        ("GPT-5 mini", 4, lambda line: _cell(line, "supervisor")),
        ("best supervised", 6, lambda line: _cell(line, "best_supervised", named=True)),
        ("documents of", 1, lambda line: line.source),
        ("protocol here", 8, lambda line: line.own["protocol"] if line.own else ""),
        ("cost here", 7, lambda line: "" if not line.own or line.own["usd"] is None else f"${line.own['usd']:.2f}"),
    )
    return [Column(head, tuple(map(of, lines)), importance) for head, importance, of in heads]


def claim_rows(lines: Sequence[Line], published: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """Return the claims for a terminal: as the abstract has them, then by each column of the table."""
    printed = published.get("claims", {})
    found = all_claims(lines).values()
    return [
        (
            "above the best zero-shot before",
            printed.get("best", ""),
            *(_count(own.best, own.compared, own.clear) for own in found),
        ),
        ("and above GPT-5 mini alone", "", *(_count(own.best_of_all, own.compared) for own in found)),
        ("mean difference to the best before", printed.get("gain", ""), *(_signed(own.gain) for own in found)),
        ("gap to the best supervised reduced by", printed.get("gap_reduced", ""), *(_gap(own) for own in found)),
        (
            "above GPT-5 mini, mean difference",
            printed.get("above_supervisor", ""),
            *(_above_supervisor(own) for own in found),
        ),
    ]


CLAIM_HEAD = ("claim", "abstract", "README's values", "paper's, else README's", "here")


def paper_notes(lines: Sequence[Line], published: Mapping[str, Any]) -> list[str]:
    """Return what the reader must know before believing a comparison."""
    run = [line for line in lines if line.own]
    notes = [f"Run here: {len(run)} of {len(lines)} benchmarks, {sum(line.f1 is not None for line in run)} with gold."]
    samples = sum(line.source == SAMPLE for line in run)
    if samples:
        notes.append(
            f"{samples} of them on the short samples shipped with this project (documents of: {SAMPLE}), which are not "
            "the benchmarks: these figures say nothing about the paper's, and no claim counts them."
        )
    notes.append(
        "A claim counts the benchmarks that have a value; clearly: with the whole 95 % interval. Equal is not above."
    )
    used = {value.source for line in lines for value in line.published.values()} | {
        own["source"] for key in ("claims", "run") if (own := published.get(key))
    }
    notes += [f"source: {text}" for key, text in published["sources"].items() if key in used]
    if (own := published.get("run")) is not None:
        notes.append(
            f"The paper's runs: {own['documents']} test documents, {own['rounds']} rounds of {own['pilot_documents']} "
            f"documents, ${own['usd']:g} a benchmark."
        )
    return notes + [f"{name}: {text}" for name, text in published["notes"].items()]


def paper_json(lines: Sequence[Line], published: Mapping[str, Any]) -> dict[str, Any]:
    """Return everything: lines, claims by column, the abstract's."""
    return {
        "benchmarks": [
            {
                "benchmark": line.benchmark,
                "here": line.own,
                "documents_of": line.source or None,
                "published": {slot: asdict(value) for slot, value in line.published.items()},
            }
            for line in lines
        ],
        "claims": {name: asdict(own) for name, own in all_claims(lines).items()},
        "abstract": published.get("claims"),
        "run": published.get("run"),
        "sources": published["sources"],
    }


def _percent(value: float | None) -> Fraction | None:
    return None if value is None else 100 * as_written(value)


def _of(line: Line, *slots: str) -> Fraction | None:
    return next((_printed(line, slot) for slot in slots if slot in line.published), None)


def _printed(line: Line, slot: str) -> Fraction:
    return as_written(line.published[slot].f1)


def _mean(values: Sequence[Fraction]) -> Fraction | None:
    return sum(values, Fraction(0)) / len(values) if values else None


def _shown(value: Fraction | None) -> float | None:
    return None if value is None else rounded(float(value))


def _own(line: Line) -> str:
    if line.own is None or line.own["f1"] is None:
        return "" if line.own is None else "no gold"
    return f"{100 * line.own['f1']:.1f} [{100 * line.own['f1_low']:.1f}, {100 * line.own['f1_high']:.1f}]"


def _difference(line: Line) -> str:
    f1 = line.f1
    return (
        ""
        if f1 is None or "best_zero_shot" not in line.published
        else f"{float(f1 - _printed(line, 'best_zero_shot')):+.1f}"
    )


def _cell(line: Line, slot: str, named: bool = False) -> str:
    value = line.published.get(slot)
    return "" if value is None else f"{value.f1:.1f} {value.method}" if named else f"{value.f1:.1f}"


def _count(number: int, of: int, clear: int | None = None) -> str:
    return "" if not of else f"{number} of {of}" + (f", {clear} clearly" if clear is not None else "")


def _signed(value: float | None) -> str:
    return "" if value is None else f"{value:+.1f}"


def _gap(own: Claims) -> str:
    if own.gap_reduced is None:
        return ""
    return f"{own.gap_reduced:.1f} ({own.gap_before:.1f} -> {own.gap_after:.1f}, n {own.with_supervised})"


def _above_supervisor(own: Claims) -> str:
    if not own.with_supervisor:
        return ""
    return f"{own.above_supervisor} of {own.with_supervisor}, {_signed(own.supervisor_gain)}"
