"""Layout of a project: paths below its root, relative to it, as DVC names them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from diziner.common.errors import UserError
from diziner.common.version import VERSION
from diziner.common.words import there_are

DATA = Path("data")
METRICS = Path("metrics")
# What a room's dvc.yaml is a copy of: DVC does not follow links in the files of another revision.
PIPELINE = Path("stages") / "benchmark.dvc.yaml"
ROOT_PIPELINE = Path("dvc.yaml")
# Which source each room is loaded from, worked out of params.yaml: a room's stage depends on its own entry alone.
ROOM_SOURCES = Path("stages") / "sources.json"
PARAMS = Path("params.yaml")
COST_REPORT = METRICS / "cost.json"
SUMMARY = METRICS / "summary.json"
FORECAST = METRICS / "forecast.json"
CORRELATION = METRICS / "correlation.json"
GATES = METRICS / "gates.yaml"
PLOTS = METRICS / "plots"
PUBLISHED = DATA / "published.yaml"
REPORT = Path("report.html")
GUIDELINES = ("selected", "initial")  # of which test predictions are made
RICH, TERSE = "rich", "terse"
STARTS = {RICH: "guideline.yaml", TERSE: "guideline.terse.yaml"}  # what round 0 begins with, in the room


# A project is known by this file. It holds the version of diziner that laid its stages.
MARK = Path(".diziner")
LIBRARY = Path("diziner") / "__init__.py"  # in a checkout of diziner itself


def project_root(start: Path) -> Path:
    """Return the nearest folder upward that is a project.

    Errors: UserError if there is none.
    """
    for folder in (start, *start.parents):
        if (folder / MARK).is_file():
            return folder
    raise UserError(
        f"{start}: not inside a diziner project (no {MARK} here or above); make one with `diziner init DIR`"
    )


def has_library(root: Path) -> bool:
    """Say whether a project holds the library's code itself: a checkout of diziner, or a copy of one."""
    return (root / LIBRARY).is_file()


def enter_project(start: Path) -> Path:
    """Make the project around `start` the current folder, and return it.

    Errors: UserError if there is none, or if another version of diziner laid its stages than is running.
    """
    root = project_root(start)
    if not has_library(root):
        laid = laid_version(root)
        if laid != VERSION:
            raise UserError(
                f"{root}: laid by diziner {laid}, while this is diziner {VERSION}; run `diziner init --upgrade` "
                f"there, or install diziner=={laid}"
            )
    os.chdir(root)
    return root


def laid_version(root: Path) -> str:
    """Return the version that laid a project's stages.

    Errors: UserError if its mark cannot be read or says none.
    """
    try:
        text = (root / MARK).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{root / MARK}: cannot be read: {error}") from None
    if not re.fullmatch(r"\d[\w.+-]*", text):
        raise UserError(
            f"{root / MARK}: says {text[:40]!r}; it must be the version of diziner that laid the project, such as "
            f"{VERSION}; `diziner init --upgrade` writes it anew"
        )
    return text


def home() -> Path:
    """Return the project that the current one belongs to: itself, or the one that an isolated experiment is a copy of.

    DVC runs such an experiment in a copy of the whole git repository, somewhere below `.dvc/tmp`. Empty (the current
    folder) for the project itself, so that paths stay relative.
    """
    here = Path.cwd()
    copy = next((folder for folder in (here, *here.parents) if (folder / ".git").exists()), here)
    for folder in copy.parents:
        if (folder.parent.name, folder.name) == (".dvc", "tmp"):
            # DVC's folder may be in the repository's root, in the project's (`dvc init --subdir`) or between them.
            for repository in folder.parents[1:]:
                if (repository / here.relative_to(copy) / MARK).is_file():
                    return repository / here.relative_to(copy)
    return Path()


def store_path() -> Path:
    """Return the file of the project's response store: one for all its isolated experiments."""
    return home() / ".responses" / "responses.sqlite"


def cost_report() -> Path:
    """Return the file that says what calls cost: among the project's metrics, beside the store outside of one."""
    return COST_REPORT if MARK.is_file() else store_path().parent / COST_REPORT.name


@dataclass(frozen=True, slots=True)
class Room:
    """The room of one benchmark: everything about it in one folder."""

    name: str

    @property
    def folder(self) -> Path:
        return DATA / self.name

    @property
    def tape(self) -> Path:
        return self.folder / "tape.jsonl"

    @property
    def pins(self) -> Path:
        """Published pilot sets."""
        return self.folder / "pilots.yaml"

    @property
    def test(self) -> Path:
        return self.folder / "corpus" / "test.jsonl"

    @property
    def gold(self) -> Path:
        return self.folder / "corpus" / "gold.jsonl"

    @property
    def manifest(self) -> Path:
        return self.folder / "corpus" / "manifest.json"

    @property
    def left_out(self) -> Path:
        """File of why the last run left the benchmark out, in one line; there is none where it did not."""
        return self.folder / "corpus" / "left_out.txt"

    @property
    def selection(self) -> Path:
        return self.folder / "final" / "selection.json"

    @property
    def final_metrics(self) -> Path:
        """The room's one file that git holds: figures, usage, counts by document (`diziner.results.room_metrics`)."""
        return METRICS / "final" / f"{self.name}.json"

    @property
    def selected_guideline(self) -> Path:
        return self.folder / "final" / "guideline.yaml"

    @property
    def scores(self) -> Path:
        return self.folder / "final" / "scores.json"

    def has_results(self) -> bool:
        """Say whether a run has scored the benchmark; it has not where its documents could not be loaded."""
        return self.final_metrics.is_file()

    def pilot(self, number: int) -> Path:
        """Return the pilot documents of a round."""
        return self.folder / "corpus" / "pilot" / f"r{number}.jsonl"

    def round(self, number: int) -> Path:
        """Return the folder of a round's outputs. Rounds share a parent, so that `select` can depend on all of them."""
        return self.folder / "rounds" / f"r{number}"

    def evidence(self, folder: str, number: int) -> Path:
        """Return what the supervisor sees of a round: folder `rounds`, or `gold` for errors against gold labels."""
        return self.folder / folder / f"r{number}"

    def label_file(self, name: str) -> Path:
        """Return a file of labels that an annotator is: people's, or another system's."""
        return self.folder / "annotators" / name

    def guideline(self, number: int, start: str) -> Path:
        """Return the guideline of a round: round 0's is one that people write, the rich or the terse one."""
        return self.folder / guideline_of(number, start)

    def annotations(self, number: int, annotator: str) -> Path:
        return self.round(number) / "annotations" / f"{annotator}.jsonl"

    def tally(self, number: int, annotator: str) -> Path:
        """Return what became of an annotator's answers in a round."""
        return self.round(number) / "tallies" / f"{annotator}.json"

    def usage(self, number: int, annotator: str) -> Path:
        """Return what an annotator's answers in a round took."""
        return self.round(number) / "usage" / f"{annotator}.jsonl"

    def sample(self, number: int, annotator: str, sample: int) -> Path:
        """Return one of an annotator's repeated answers to a round's documents, for selection by GLaPE."""
        return self.round(number) / "samples" / annotator / f"{sample}.jsonl"

    def sample_usage(self, number: int, annotator: str) -> Path:
        """Return what an annotator's repeated answers in a round took."""
        return self.round(number) / "samples" / annotator / "usage.jsonl"

    def refinement_usage(self, number: int) -> Path:
        """Return what the supervisor's answers took that led to a round."""
        return self.round(number) / "refinement.usage.jsonl"

    def prediction_usage(self, guideline: str) -> Path:
        """Return what the answers behind `predictions` took."""
        return self.folder / "final" / f"usage.{guideline}.jsonl"

    def predictions(self, guideline: str) -> Path:
        """Test predictions under the selected round's guideline (`selected`) or round 0's (`initial`)."""
        return self.folder / "final" / f"predictions.{guideline}.jsonl"

    def usage_files(self, rounds: Iterable[int], pool: Sequence[str], sampled: Sequence[str] = ()) -> list[Path]:
        """Return the usage behind all outputs of the rounds and annotators; `sampled` are those that answer again."""
        numbers = list(rounds)
        asked = [self.usage(number, name) for number in numbers for name in pool]
        asked += [self.sample_usage(number, name) for number in numbers for name in sampled]
        refined = [self.refinement_usage(number) for number in numbers if number]
        return asked + refined + [self.prediction_usage(name) for name in GUIDELINES]

    def refinement_metrics(self, number: int) -> Path:
        return self.round(number) / "refinement.metrics.json"

    def round_metrics(self, number: int) -> Path:
        return self.round(number) / "metrics.json"


def guideline_of(number: int, start: str) -> str:
    """Return a round's guideline below its room, as settings name it."""
    return f"rounds/r{number}/guideline.yaml" if number else STARTS[start]


def record_of(number: int, start: str) -> str:
    """Return the record of what led to a round, as settings name it: a refinement's, for round 0 the guideline
    itself."""
    return f"rounds/r{number}/refinement.json" if number else STARTS[start]


def rooms() -> list[Room]:
    """Return every benchmark that has a pipeline (a dvc.yaml in its room), sorted by name."""
    return [Room(path.parent.name) for path in sorted(DATA.glob("*/dvc.yaml"))]


def room_names() -> list[str]:
    """Return the names of all rooms, in the pipeline or not, sorted."""
    return sorted(path.parent.name for path in DATA.glob("*/benchmark.yaml"))


def room_named(name: str) -> Room:
    """Return the room of that name.

    Errors: UserError with the names there are.
    """
    found = Room(name)
    # Not whether the file is there: `name/` would be the same room with other files in metrics/.
    if name not in room_names():
        raise UserError(f"no benchmark {name!r} in {DATA}/; {there_are(room_names(), name)}")
    return found


# Weights lie by the SHA-256 of their bytes, for all checkouts; written once they are verified.
GGUF = "model.gguf"  # what the one file of a language model is called here


def cache_folder() -> Path:
    """Find the folder that checkouts share: $DIZINER_CACHE, else $XDG_CACHE_HOME/diziner, else ~/.cache/diziner."""
    chosen = os.environ.get("DIZINER_CACHE")
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "diziner"
    return Path(chosen) if chosen else base


def weights_folder() -> Path:
    """Find the folder of weights, below the cache folder."""
    return cache_folder() / "weights"


def files_of(entry: Mapping[str, Any]) -> Mapping[str, str]:
    """List the files of an entry of params `weights`: the SHA-256 of each by name.

    >>> files_of({"sha256": "cc32"}), files_of({"files": {"tokenizer.json": "be50"}})
    ({'model.gguf': 'cc32'}, {'tokenizer.json': 'be50'})
    """
    files: Mapping[str, str] = entry["files"] if "files" in entry else {GGUF: entry["sha256"]}
    return files


def weights_path(name: str, sha256: str) -> Path:
    """Say where the file of that name and digest lies, fetched or not.

    >>> weights_path("tokenizer.json", "be50").name
    'be50.json'
    """
    return weights_folder() / f"{sha256}{Path(name).suffix}"


def fetched_files(model: str, files: Mapping[str, str]) -> dict[str, Path]:
    """Find the files of a model on this machine, by name; `files` has the SHA-256 of each.

    Errors: UserError if one has not been fetched.
    """
    paths = {name: weights_path(name, sha256) for name, sha256 in files.items()}
    if not all(path.exists() for path in paths.values()):
        raise UserError(
            f"the weights of {model} are not on this machine; fetch them once with `diziner weights fetch {model}`"
        )
    return paths
