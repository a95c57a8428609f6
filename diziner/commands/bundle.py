"""`diziner bundle`: a run as one file that can be cited, read by other tools, and verified anywhere."""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from diziner.commands.standings import SUMMARY_STAGE, facts_of
from diziner.common.digests import file_sha256
from diziner.common.errors import UserError
from diziner.common.files import readable
from diziner.common.sealed import read_sealed, unpack, write_sealed
from diziner.common.words import counted, listed
from diziner.common.yamlfile import parse_yaml_as_dvc
from diziner.compare.faults import read_side, recorded_outputs
from diziner.compare.revisions import committed_at
from diziner.doctor.finding import amount
from diziner.layout import DATA, GATES, METRICS, PARAMS, ROOT_PIPELINE, SUMMARY, Room, enter_project, rooms
from diziner.llm.tape import provenance_of, tape_rows
from diziner.report.bundle import LOCK, contents_of
from diziner.report.crate import METADATA, Citation, metadata
from diziner.report.locked import output_md5
from diziner.results.room_metrics import COUNTS_BEFORE
from diziner.settings import Settings, load_settings

IN_PROJECT = False  # a bundle is verified anywhere; where one is made, the project is entered
_MOST_SAMPLES = 1_000_000
_OF_ALL = ("code_digests", SUMMARY_STAGE)  # the stages beside those of rooms whose outputs go in
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument("--out", type=Path, default=Path("run.zip"), metavar="FILE", help="default: %(default)s")
    parser.add_argument("--name", help="what the run is called")
    parser.add_argument("--author", action="append", default=[], metavar="NAME", help="who made it; may be given again")
    parser.add_argument("--date", metavar="YYYY-MM-DD", help="its day; default: the last that a tape says")
    actions = parser.add_subparsers(dest="action", metavar="verify")
    verify = actions.add_parser("verify", help="hold a bundle against its own digests, locks and counts")
    verify.add_argument("file", type=Path)
    verify.add_argument("--sha256", metavar="DIGEST", help="the digest that it is cited with")
    parser.epilog = "example: diziner bundle --out run.zip --author Ada && diziner bundle verify run.zip"


def run(options: argparse.Namespace) -> None:
    """Make a bundle, or verify one."""
    if options.action == "verify":
        _verify(options.file, options.sha256)
        return
    out = options.out.absolute()
    if out.is_dir():
        raise UserError(f"--out: {options.out} is a folder; name a file")
    enter_project(Path.cwd())
    settings = load_settings()
    if not rooms():
        raise UserError("no benchmark is in the pipeline; put one in with `diziner data link BENCHMARK`")
    contents = contents_of(settings, rooms())
    _require_one_run(settings, [room for room in rooms() if room.name not in contents.unfinished])
    date = options.date or _day()
    if not _DAY.fullmatch(date):
        raise UserError(f"--date: is {date!r}; must be a day such as 2026-11-26")
    name = options.name or f"Run of diziner over {counted(len(contents.parts), 'benchmark')}"
    citation = Citation(name, date, options.author)
    contents.members[METADATA] = metadata(contents, citation, _models(settings))
    write_sealed(out, contents.members)
    for benchmark, files in contents.left_out.items():
        part = next(part for part in contents.parts if part.card.name == benchmark)
        sys.stdout.write(f"left out  {benchmark}: {part.why}: {listed(files, 3)}\n")
    for benchmark in contents.unfinished:
        sys.stdout.write(f"left out  {benchmark}: has no results; its card and guideline are in\n")
    size = out.stat().st_size
    sys.stdout.write(
        f"{options.out}: {counted(len(contents.members), 'file')}, {amount(size)}, SHA-256 {file_sha256(out)}\n"
    )


def _require_one_run(settings: Settings, finished: Sequence[Room]) -> None:
    """Refuse to bundle what is not of one run: outputs of other files, code or settings than those beside them."""
    facts = facts_of(settings)
    pipelines: dict[Path, tuple[str, ...]] = {
        ROOT_PIPELINE: _OF_ALL,
        **{room.folder / ROOT_PIPELINE.name: () for room in finished},
    }
    for pipeline, only in pipelines.items():
        for stage in facts.facts(pipeline, only):
            if not stage.recorded:
                raise UserError(f"{pipeline.with_name(LOCK)}: {stage.name} has not been run; run `diziner repro`")
            if stage.changes:
                raise UserError(f"{stage.changes[0]}, since {stage.name} was run; run `diziner repro`")


def _models(settings: Settings) -> dict[str, str]:
    found: dict[str, str] = {}
    for endpoint, model in sorted(settings.models_in_use):
        found[model] = f"{found[model]}, {endpoint}" if model in found else f"asked at the endpoint {endpoint}"
    return found


def _day() -> str:
    """Return the last day on which a tape's answers were recorded, else that of the commit of the metrics."""
    days = [provenance_of(room.tape).get("recorded") for room in rooms() if room.tape.exists()]
    if found := [day for day in days if isinstance(day, str) and _DAY.fullmatch(day)]:
        return max(found)
    try:
        return datetime.fromtimestamp(committed_at(SUMMARY), UTC).date().isoformat()
    except UserError as error:
        raise UserError(f"{error}; or give the day: --date YYYY-MM-DD") from None


def _verify(path: Path, cited: str | None) -> None:
    with readable(path):
        digest = file_sha256(path)
    if cited and digest != cited.lower():
        raise UserError(f"{path}: its SHA-256 is {digest}, cited is {cited}: another file")
    named = read_sealed(path)
    if METADATA not in named or PARAMS.as_posix() not in named:
        raise UserError(f"{path}: has no {METADATA} or no {PARAMS}: not a bundle of diziner")
    with tempfile.TemporaryDirectory() as folder:
        unpack(path, Path(folder))
        outputs = _outputs(path, Path(folder), named)
        tapes, answers = _tapes(path, Path(folder))
        benchmarks = _figures(path, Path(folder))
    sys.stdout.write(
        f"{path}: {counted(len(named), 'file')}, {amount(path.stat().st_size)}, as they were written: "
        f"{counted(outputs, 'output')} as the locks say, {counted(tapes, 'tape')} with {counted(answers, 'answer')} "
        f"unaltered, figures of {counted(benchmarks, 'benchmark')} as their documents count; SHA-256 {digest}\n"
    )


def _outputs(path: Path, folder: Path, named: dict[str, str]) -> int:
    """Hold the outputs in a bundle against the locks in it; return how many. Errors: UserError."""
    count, held = 0, set[str]()
    there = {each.as_posix() for name in named for each in (Path(name), *Path(name).parents)}
    for lock in sorted(name for name in named if Path(name).name == LOCK):
        try:
            recorded = recorded_outputs(parse_yaml_as_dvc((folder / lock).read_bytes()))
        except (ValueError, TypeError, KeyError, AttributeError):
            raise UserError(f"{path}: {lock}: damaged") from None
        for name, expected in sorted(recorded.items()):
            if name in there:
                count += 1
                held.add(name)
                found = output_md5(folder / name)
                if found != expected:
                    raise UserError(f"{path}: {name}: its MD5 is {found}, {lock} says {expected}")
    for name in sorted(named):
        if _is_output(name) and not held & {each.as_posix() for each in (Path(name), *Path(name).parents)}:
            raise UserError(f"{path}: {name}: no {LOCK} in the bundle names it, so that nothing says which run made it")
    return count


def _is_output(name: str) -> bool:
    first, *inside = Path(name).parts
    if first == DATA.name:
        return len(inside) > 2 and inside[1] in {"corpus", "rounds", "final", "gold"}
    return first == METRICS.name and name != GATES.as_posix()


def _tapes(path: Path, folder: Path) -> tuple[int, int]:
    """Return how many tapes and answers there are. Errors: UserError for one that was altered."""
    tapes = sorted(folder.glob("data/*/tape.jsonl"))
    try:
        return len(tapes), sum(1 for tape in tapes for _ in tape_rows(tape))
    except UserError as error:
        raise UserError(f"{path}: {str(error).removeprefix(f'{folder}/')}") from None


def _figures(path: Path, folder: Path) -> int:
    """Work out each benchmark's figures from the counts of its documents; return how many. Errors: UserError."""
    samples, seed = _resampling(path, folder / PARAMS)
    files = sorted((folder / METRICS / "final").glob("*.json"))
    for file in files:
        before = folder / METRICS / COUNTS_BEFORE / file.name
        try:
            _, wrong = read_side(file.read_bytes(), before.read_bytes() if before.is_file() else None, samples, seed)
        except (ValueError, OverflowError, RecursionError) as error:
            wrong = [" ".join(str(error).split())]
        if wrong:
            raise UserError(f"{path}: {file.stem}: {wrong[0]}")
    return len(files)


def _resampling(path: Path, params: Path) -> tuple[int, int]:
    """Return how often and from which seed intervals were resampled.

    The settings are not loaded: they may name plug-ins that this machine has not.
    """
    try:
        scoring = parse_yaml_as_dvc(params.read_bytes())["scoring"]
        samples, seed = scoring["bootstrap_samples"], scoring["seed"]
    except (ValueError, TypeError, KeyError):
        raise UserError(f"{path}: {PARAMS}: has no scoring.bootstrap_samples or scoring.seed") from None
    if not (type(samples) is int and 0 < samples <= _MOST_SAMPLES and type(seed) is int and seed >= 0):
        raise UserError(f"{path}: {PARAMS}: scoring: {samples!r} resamples from seed {seed!r} are none that were drawn")
    return samples, seed
