"""Monitoring of a labelling: progress as JSON Lines, and as a text file for Prometheus' node exporter.

Neither is an output: both hold times, and a run is the same without them.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from diziner.common.errors import UserError
from diziner.common.files import dump_line, write_text

_EVERY_S = 5.0
# What is told, with what it means; all are gauges but the last two.
FIGURES = {
    "documents": "Documents of the input",
    "documents_done": "Documents that are labelled, or whose first answer has come back",
    "documents_failed": "Documents of finished shards that no answer was got for",
    "shards": "Shards of the input",
    "shards_done": "Shards that are finished",
    "workers": "Processes that label",
    "workers_lost": "Processes that were lost and replaced, in this run",
    "usd": "US dollars that the calls of this run have cost",
}
_ENDED = "1 once the run has ended well"


class Monitor:
    """State of one run; written to `lines` and `metrics`, where they are given, at every event and every 5 seconds.

    `label` is the name of the work; `cost` tells US dollars spent.
    """

    def __init__(
        self,
        label: str,
        lines: Path | None,
        metrics: Path | None,
        cost: Callable[[], float],
        documents: int,
        shards: int,
    ) -> None:
        self._label, self._lines, self._metrics, self._cost = label, lines, metrics, cost
        self._figures: dict[str, float] = dict.fromkeys(FIGURES, 0)
        self._figures |= {"documents": documents, "shards": shards}
        self._finished = 0
        self._told_at = 0.0

    def begin(self, documents: int, shards: int) -> None:
        """Tell that the run begins, with what was done before."""
        self._finished = documents
        self._figures["shards_done"] = shards
        self._tell("begin", 0)

    def stands_at(self, under_way: int) -> None:
        """Tell how many documents are done beyond those of finished shards."""
        if time.monotonic() - self._told_at >= _EVERY_S:
            self._tell("progress", under_way)

    def shard(self, name: str, documents: int, failed: int) -> None:
        """Tell that a shard is finished."""
        self._finished += documents
        self._figures["documents_failed"] += failed
        self._figures["shards_done"] += 1
        self._tell("shard", 0, shard=name)

    def worker(self, event: str, node: str) -> None:
        """Tell what happened to a worker on a machine: `worker_started` or `worker_lost`."""
        lost = event == "worker_lost"
        self._figures["workers"] += -1 if lost else 1
        self._figures["workers_lost"] += lost
        self._tell(event, 0, node=node)

    def end(self) -> None:
        """Tell that the run has ended well."""
        self._figures["workers"] = 0
        self._tell("end", 0)

    def _tell(self, event: str, under_way: int, **more: str) -> None:
        self._told_at = time.monotonic()
        whole = self._figures["documents"]
        self._figures |= {"documents_done": min(whole, self._finished + under_way), "usd": self._cost()}
        if self._lines is not None:
            now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
            line = {"at": now, "event": event, "label": self._label, **self._figures, **more}
            try:
                self._lines.parent.mkdir(parents=True, exist_ok=True)
                with self._lines.open("a", encoding="utf-8", newline="\n") as file:
                    file.write(f"{dump_line(line)}\n")
            except OSError as error:
                raise UserError(f"--progress {self._lines}: {error.strerror}") from None
        if self._metrics is not None:
            write_text(self._metrics, self._prometheus(event == "end"))

    def _prometheus(self, ended: bool) -> str:
        """Return the figures in Prometheus' text format."""
        label = self._label.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
        text = ""
        for name, meaning in (*FIGURES.items(), ("ended", _ENDED)):
            value = ended if name == "ended" else self._figures[name]
            metric, kind = f"diziner_label_{name}", "gauge"
            if name in ("workers_lost", "usd"):
                metric, kind = f"{metric}_total", "counter"
            text += f'# HELP {metric} {meaning}\n# TYPE {metric} {kind}\n{metric}{{label="{label}"}} {value:.10g}\n'
        return text
