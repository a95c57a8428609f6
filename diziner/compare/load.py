"""Loading of a snapshot's benchmarks as sides of a comparison."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from diziner.common import jsontext
from diziner.common.errors import UserError
from diziner.compare.comparison import Side
from diziner.compare.faults import FaultError, changed_outputs, read_metric, read_side, recorded_outputs
from diziner.compare.revisions import Snapshot, outputs_known, outputs_of, read_lock
from diziner.layout import DATA, METRICS, SUMMARY, Room
from diziner.records.annotations import Span
from diziner.results.document_counts import counts_from_json
from diziner.scoring.bootstrap import DocumentCounts, document_counts
from diziner.settings import ScoringSettings


def benchmarks(snapshot: Snapshot) -> list[str]:
    """Return the benchmarks that have metrics or a pipeline, by name."""
    found = set()
    for path in map(Path, snapshot.blobs):
        if path.parent == METRICS / "final" and path.suffix == ".json":
            found.add(path.stem)
        elif len(path.parts) == 3 and path.parts[0] == DATA.name and path.name == "dvc.yaml":
            found.add(path.parts[1])
    return sorted(found)


def lenient_sides(snapshot: Snapshot, unread: dict[str, str] | None = None) -> dict[str, Side]:
    """Return every benchmark that has metrics, as they are: of an earlier version, keys may be missing.

    Counts come from metrics/documents, else from the predictions and gold that DVC's cache still has. Why metrics
    cannot be read is put into `unread` by name. Errors: UserError for them without it.
    """
    found = {}
    for name in benchmarks(snapshot):
        try:
            figures = _figures(snapshot, Room(name).final_metrics)
        except UserError as error:
            if unread is None:
                raise
            unread[name] = str(error)
            continue
        if figures is not None:
            found[name] = Side(figures, _counts(snapshot, name), test_set(snapshot, name))
    return found


def strict_sides(snapshot: Snapshot, scoring: ScoringSettings) -> tuple[dict[str, Side], dict[str, list[str]]]:
    """Return every benchmark whose metrics are whole and as computed, and what is wrong with the others, by name.

    Faults of metrics/summary.json are under "".
    """
    sides: dict[str, Side] = {}
    faults: dict[str, list[str]] = {}
    for name in benchmarks(snapshot):
        room = Room(name)
        final, counts = snapshot.read(room.final_metrics), snapshot.read(room.document_counts)
        side, wrong = read_side(final, counts, scoring.bootstrap_samples, scoring.seed, test_set(snapshot, name))
        files = {room.final_metrics.as_posix(): final, room.document_counts.as_posix(): counts}
        try:
            recorded = outputs_of(snapshot, name)
            wrong += [f"{path} is {fault}" for path, fault in changed_outputs(recorded, files).items()]
        except UserError as error:
            wrong.append(str(error))
        if side is not None and not wrong:
            sides[name] = side
        else:
            faults[name] = wrong
    return sides, faults


def read_summary(snapshot: Snapshot) -> tuple[dict[str, Any] | None, list[str]]:
    """Return metrics/summary.json and what is wrong with it; None if it cannot be used."""
    data = snapshot.read(SUMMARY)
    try:
        recorded = recorded_outputs(read_lock(snapshot, Path("dvc.lock")))
        wrong = [f"{path} is {fault}" for path, fault in changed_outputs(recorded, {SUMMARY.as_posix(): data}).items()]
    except UserError as error:
        wrong = [str(error)]
    try:
        return read_metric(data, "summary"), wrong
    except FaultError as fault:
        return None, [*wrong, f"{SUMMARY}: {fault}"]


def test_set(snapshot: Snapshot, name: str) -> str | None:
    """Return a name for the test documents and their gold; None if the lock does not say."""
    room, recorded = Room(name), outputs_known(snapshot, name)
    digests = [recorded.get(path.as_posix()) for path in (room.test, room.gold)]
    return None if None in digests else " ".join(map(str, digests))


def _counts(snapshot: Snapshot, name: str) -> DocumentCounts | None:
    room = Room(name)
    try:
        return counts_from_json(read_metric(snapshot.read(room.document_counts), "document_counts")).selected
    except (FaultError, ValueError):
        pass  # an earlier version wrote none
    gold, predicted = (_spans(snapshot.output(path)) for path in (room.gold, room.predictions("selected")))
    if gold is None or predicted is None:
        return None
    scored = {id_: spans for id_, spans in predicted.items() if id_ in gold}
    return document_counts({id_: gold[id_] for id_ in scored}, scored)


def _spans(data: bytes | None) -> dict[str, tuple[Span, ...]] | None:
    """Return spans by document of a file of gold or predictions of any version; None if it is none."""
    try:
        rows = [jsontext.row(line) for line in (data or b"").decode().splitlines()]
        return {row["id"]: tuple(Span(*span) for span in row["spans"]) for row in rows} if data else None
    except (ValueError, TypeError, KeyError):
        return None


def _figures(snapshot: Snapshot, path: Path) -> dict[str, float | None] | None:
    """Return the figures of a metric file of any version; None for no file, and for a figure that is no finite
    number."""
    data = snapshot.read(path)
    if data is None:
        return None
    try:
        value = jsontext.row(data)
    except jsontext.JsonError as error:
        raise UserError(f"{path} ({snapshot.name}): not JSON: {error}") from None
    if not isinstance(value, dict):
        raise UserError(f"{path} ({snapshot.name}): not a JSON object")
    return {key: figure if _is_number(figure) else None for key, figure in value.items()}


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and math.isfinite(value)
