"""Totals of a labelling: its manifest, and whether too many documents failed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

from diziner.annotator.outcomes import allowed_in_words, may_fail, ways_on
from diziner.annotator.settings import AnswerSettings
from diziner.common.errors import ProviderError
from diziner.common.words import counted
from diziner.labelling.job import Job, described
from diziner.labelling.output_folder import Report
from diziner.spans.widened import EXAMPLES

_TELLING = 20  # documents of a shard; fewer can fail by chance


def manifest(job: Job, reports: Sequence[Report], shard_documents: int, rejected: int) -> dict[str, Any]:
    """Return manifest.json: what was done, what came of it, and the shards in reading order. The same labelling gives
    the same bytes; `failures` and `drops` count documents and answered entities by reason, `forms` other forms of
    answers by kind, `matched` used answers that differ from the text, `widened` those that end inside a token. Of a
    vote, each annotator has its own mentions and failures."""
    own = described(job)
    for voter in own.get("annotators", ()):
        counts = [report.votes[voter["name"]] for report in reports]
        voter["mentions"] = sum(each["mentions"] for each in counts)
        voter["failures"] = _summed(each["failures"] for each in counts)
    return {
        **own,
        "shard_documents": shard_documents,
        "documents": sum(report.documents for report in reports),
        "mentions": sum(report.mentions for report in reports),
        "repairs": sum(report.repairs for report in reports),
        "rejected": rejected,
        "drops": _summed(report.drops for report in reports),
        "forms": _summed(report.forms for report in reports),
        "failures": _summed(report.failures for report in reports),
        "matched": _summed(report.matched for report in reports),
        "widened": {
            "count": sum(report.widened["count"] for report in reports),
            "examples": [each for report in reports for each in report.widened["examples"]][:EXAMPLES],
        },
        "shards": [
            {
                "file": f"{report.name}.{job.format}",
                "failed": report.failed,
                **{key: value for key, value in asdict(report).items() if key != "name"},
            }
            for report in reports
        ],
    }


def refuse_too_many_failures(reports: Sequence[Report], answers: AnswerSettings, label: str) -> None:
    """Raise ProviderError with a table of the causes if more documents failed than may."""
    documents, failed = sum(report.documents for report in reports), sum(report.failed for report in reports)
    if failed <= may_fail(documents, answers):
        _refuse_a_voter_that_fails(reports, documents, answers, label)
        return
    raise ProviderError(
        f"{label}: {failed:,} of {counted(documents, 'document')} failed; {allowed_in_words(answers)}\n"
        f"{_causes(reports)}"
        f"Their rows say why, all others are labelled. {_ways_on(reports)}"
    )


def _refuse_a_voter_that_fails(reports: Sequence[Report], documents: int, answers: AnswerSettings, label: str) -> None:
    for voter in reports[0].votes if reports else ():
        failures = _summed(report.votes[voter]["failures"] for report in reports)
        if sum(failures.values()) > may_fail(documents, answers):
            causes = ", ".join(f"{code} {count:,}" for code, count in _by_count(failures))
            raise ProviderError(
                f"{label}: {voter} gave no vote on {sum(failures.values()):,} of {counted(documents, 'document')} "
                f"({causes}); {allowed_in_words(answers)}. Their rows have the others' votes. "
                f"{ways_on(failures, 'diziner label … --again')}"
            )


def refuse_a_shard_without_answers(report: Report, allowed: float, label: str) -> None:
    """Raise ProviderError if every document of a shard failed, and there were enough to tell: whatever is wrong,
    more shards will not mend it. Not where all documents may fail (`allowed` is 1)."""
    if report.failed < report.documents or report.documents < _TELLING or allowed >= 1:
        return
    raise ProviderError(
        f"{label}: all {report.documents:,} documents of shard {report.name} failed, so the run stops here\n"
        f"{_causes([report])}"
        f"{_ways_on([report])} To label past such a shard set answers.max_failed_share to 1 in params.yaml."
    )


def failures_in_words(reports: Iterable[Report]) -> str:
    """Render counts of failures, such as `timeout 3, unparsable 1`."""
    return ", ".join(f"{code} {count:,}" for code, count in _by_count(_summed(r.failures for r in reports)))


def _ways_on(reports: Iterable[Report]) -> str:
    return ways_on(_summed(report.failures for report in reports), "diziner label … --again")


def _causes(reports: Sequence[Report]) -> str:
    table = ""
    for code, count in _by_count(_summed(report.failures for report in reports)):
        document, detail = next(report.first[code] for report in reports if code in report.first)
        table += f"  {code:<14}{count:>8,}   first {document}: {detail}\n"
    return table


def _by_count(counts: dict[str, int]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))


def _summed(counts: Iterable[Any]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for each in counts:
        total.update(each)
    return dict(sorted(total.items()))
