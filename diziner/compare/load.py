"""Loading of a snapshot's benchmarks as sides of a comparison."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from diziner.common import jsontext
from diziner.common.errors import UserError
from diziner.common.files import check
from diziner.compare.comparison import Side
from diziner.compare.faults import FaultError, changed_outputs, read_metric, read_side, recorded_outputs
from diziner.compare.revisions import Snapshot, outputs_known, outputs_of, read_lock
from diziner.layout import DATA, METRICS, SUMMARY, Room
from diziner.records.annotations import Span
from diziner.results.document_counts import counts_from_json
from diziner.results.room_metrics import COUNTS_BEFORE, SCHEMA, counts_in, is_of_before
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

    Counts come from the metrics, else from the predictions and gold that DVC's cache still has. Why metrics cannot be
    read is put into `unread` by name. Errors: UserError for them without it.
    """
    found = {}
    for name in benchmarks(snapshot):
        try:
            value = _metrics(snapshot, name)
            figures = None if value is None else _figures(value)
        except UserError as error:
            if unread is None:
                raise
            unread[name] = str(error)
            continue
        if value is not None and figures is not None:
            found[name] = Side(figures, _counts(snapshot, name, value), test_set(snapshot, name))
    return found


def strict_sides(snapshot: Snapshot, scoring: ScoringSettings) -> tuple[dict[str, Side], dict[str, list[str]]]:
    """Return every benchmark whose metrics are whole and as computed, and what is wrong with the others, by name.

    Faults of metrics/summary.json are under "".
    """
    sides: dict[str, Side] = {}
    faults: dict[str, list[str]] = {}
    for name in benchmarks(snapshot):
        paths = (Room(name).final_metrics, _beside(name, COUNTS_BEFORE))
        final, counts = map(snapshot.read, paths)
        side, wrong = read_side(final, counts, scoring.bootstrap_samples, scoring.seed, test_set(snapshot, name))
        files = {paths[0].as_posix(): final}
        try:
            recorded = outputs_of(snapshot, name)
            if paths[1].as_posix() in recorded:  # else it is left over from a version before
                files[paths[1].as_posix()] = counts
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


def _counts(snapshot: Snapshot, name: str, value: Mapping[str, Any]) -> DocumentCounts | None:
    room = Room(name)
    try:
        if is_of_before(value):
            counts = read_metric(snapshot.read(_beside(name, COUNTS_BEFORE)), "document_counts")
            return counts_from_json(counts).selected
        check(value, SCHEMA, "")
        return counts_in(value).selected
    except (FaultError, UserError, ValueError):
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


def _metrics(snapshot: Snapshot, name: str) -> dict[str, Any] | None:
    """Return the value of a benchmark's metric file of any version; None for no file."""
    path = Room(name).final_metrics
    data = snapshot.read(path)
    if data is None:
        return None
    try:
        value = jsontext.row(data)
    except jsontext.JsonError as error:
        raise UserError(f"{path} ({snapshot.name}): not JSON: {error}") from None
    if not isinstance(value, dict):
        raise UserError(f"{path} ({snapshot.name}): not a JSON object")
    return value


def _figures(value: Mapping[str, Any]) -> dict[str, float | None]:
    """Return the figures of a metric file of any version; None for a figure that is no finite number."""
    more = [own for own in value["figures"] if isinstance(own, dict)] if isinstance(value.get("figures"), list) else []
    bare = {key: figure for key, figure in value.items() if not isinstance(figure, list)}
    found = {key: figure for own in (bare, *more) for key, figure in own.items()}
    return {key: figure if _is_number(figure) else None for key, figure in found.items()}


def _beside(name: str, folder: str) -> Path:
    """Return a benchmark's other file of versions before."""
    return METRICS / folder / f"{name}.json"


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and math.isfinite(value)
