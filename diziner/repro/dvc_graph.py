"""All of DVC that is private: its graph, change detection, run-cache, commit and lock entries, for one version.

What `dvc repro` does with a stage is cut in two, before and after its command, so that commands can run
elsewhere and at once. The order of DVC's own calls is kept (dvc.stage.Stage.reproduce and run, 3.67).
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from diziner.common.errors import UserError
from diziner.common.system_errors import in_words
from diziner.common.words import meant
from diziner.repro.dvc_once import forget_staged, one_process
from diziner.repro.dvc_yaml import as_dvc_writes
from diziner.repro.lockfiles import LockText
from diziner.repro.objects import Checked, objects_behind, remove_rotted, restored_by_contents
from diziner.repro.plan import Step

SUPPORTED = "3.67."
_TARGETS = "a target is a benchmark, a dvc.yaml, or a stage such as data/conll2003/dvc.yaml:score"


class State(Enum):
    """State of a stage before its command: nothing to do, outputs taken from the run-cache, or to be run."""

    UNCHANGED = "unchanged"
    CACHED = "cached"
    RUN = "run"


@dataclass(frozen=True, slots=True)
class Command:
    """A stage's command: its lines, each as the words that DVC would start, where, and with what environment added."""

    lines: tuple[str, ...]
    words: tuple[tuple[str, ...], ...]
    folder: Path
    environment: dict[str, str]


class StageError(Exception):
    """DVC cannot go on with a stage: a dependency or an output is missing, say. The message is one line; `code` is the
    exit code that it stands for."""

    def __init__(self, message: str, code: int = 1) -> None:
        super().__init__(message)
        self.code = code


def supported_version() -> bool:
    """Return whether the installed DVC is one that this module was written for."""
    return importlib.metadata.version("dvc").startswith(SUPPORTED)


class DvcGraph:
    """The stages of a DVC project that some targets need, by address. To be used within `open_graph`."""

    def __init__(self, repo: Any, targets: Sequence[str]) -> None:
        from dvc.exceptions import DvcException
        from dvc.repo.reproduce import collect_stages, get_active_graph, plan_repro

        self._repo = repo
        self._removed: list[Checked] = []
        whole = repo.index.graph
        graph = get_active_graph(whole)
        try:
            chosen = collect_stages(repo, targets or ["dvc.yaml"])
        except DvcException as error:
            known = [stage.addressing for stage in whole]
            raise UserError(f"{_line(error)}; {_TARGETS}{_near(targets, known)}" if targets else _line(error)) from None
        wanted = plan_repro(graph, chosen)
        self._stages = {stage.addressing: stage for stage in wanted}
        self._upstream = {name: list(graph.predecessors(stage)) for name, stage in self._stages.items()}
        self.steps = [
            Step(
                name,
                Path(stage.relpath).parent.as_posix().removeprefix("."),
                # A frozen stage asks for nothing to be run, but what does run comes before it.
                tuple(sorted({need.addressing for need in whole.successors(stage)} & self._stages.keys())),
            )
            for name, stage in self._stages.items()
        ]

    @property
    def repository(self) -> Any:
        """DVC's own repository."""
        return self._repo

    def commands(self) -> list[str]:
        """Return the stages' commands."""
        return [stage.cmd for stage in self._stages.values() if isinstance(stage.cmd, str)]

    def stages(self) -> list[tuple[str, Any]]:
        """Return DVC's own stages by address."""
        return list(self._stages.items())

    def prepare(self, name: str, force: bool) -> State:
        """Do what `dvc repro` does before a stage's command: compare, remove outputs, look into the run-cache.

        Errors: StageError.
        """
        from dvc.stage.cache import RunCacheNotFoundError

        stage = self._stages[name]
        with _errors():
            if not force and not stage.changed(False, self._upstream[name]):
                return State.UNCHANGED
            if stage.frozen or not stage.cmd:
                stage.run(force=force)
                return State.CACHED
            stage.remove_outs(ignore_remove=False, force=False)
            if not force:
                try:
                    with restored_by_contents(self._repo.stage_cache) as removed:
                        self._repo.stage_cache.restore(stage)
                except RunCacheNotFoundError:
                    self._removed += removed
                else:
                    self._removed += removed
                    stage.save(run_cache=_uses_run_cache(stage))
                    stage.commit()
                    return State.CACHED
            # Hash dependencies before the command starts, so that an edit made while it runs is seen next time.
            # Looking into the run-cache has saved it already, where a stage can be there.
            if force or not _can_hash(stage):
                stage.save_deps()
            return State.RUN

    def dependencies(self, name: str) -> list[Path]:
        """Return the files and folders that a stage depends on."""
        return [Path(dep.fs_path) for dep in self._stages[name].deps if dep.protocol == "local"]

    def finish(self, name: str) -> None:
        """Do what `dvc repro` does after a stage's command: hash outputs, move them into the cache.

        Errors: StageError.
        """
        stage = self._stages[name]
        with _errors():
            stage.save_outs()
            stage.md5 = stage.compute_md5()
            # What is in the cache already is not written again: it must be what was just made.
            for out in stage.outs:
                self._removed += remove_rotted(objects_behind(out.cache, out.hash_info.value))
            if _uses_run_cache(stage):
                self._repo.stage_cache.save(stage)
            stage.commit()
        forget_staged()

    def removed(self) -> list[str]:
        """Return a line for each file of the cache that was to be used and had rotted, since this was last asked."""
        removed, self._removed = self._removed, []
        return [
            f"{os.path.relpath(each.path)}: removed: its name says {each.expected}, its contents {each.found}"
            for each in removed
        ]

    def foresee(self, name: str, force: bool) -> State:
        """Return what `prepare` would answer if it were asked now, without touching a file; it can be asked afterwards.

        Errors: StageError.
        """
        stage = self._stages[name]
        with _errors(), _dependencies_kept(stage):
            if not force and not stage.changed(False, self._upstream[name]):
                return State.UNCHANGED
            if force or stage.frozen or not stage.cmd:
                return State.RUN
            stage.save_deps()
            cache = self._repo.stage_cache
            entry = _can_hash(stage) and cache._load(stage)
            kept = entry and cache._create_stage(entry, wdir=stage.wdir)
            if not (kept and kept.outs_cached()):
                return State.RUN
            rotted = any(c.rotted for out in kept.outs for c in objects_behind(out.cache, out.hash_info.value))
            return State.RUN if rotted else State.CACHED

    def put_away(self, names: Iterable[str]) -> None:
        """Remove the outputs of stages that are not to be run though they are out of date, as running them would: what
        sums up all outputs there are is not to find those of other settings. DVC's cache and git keep them.

        Errors: StageError.
        """
        with _errors():
            for name in names:
                self._stages[name].remove_outs(ignore_remove=False, force=False)

    def has_outputs(self, names: Iterable[str]) -> bool:
        """Say whether any output of some stages is in the workspace."""
        return any(out.exists for name in names for out in self._stages[name].outs)

    def command(self, name: str) -> Command:
        """Return the command of a stage."""
        from dvc.stage.run import _enforce_cmd_list, _make_cmd, get_executable, prepare_kwargs

        stage = self._stages[name]
        lines = _enforce_cmd_list(stage.cmd)
        given = prepare_kwargs(stage)["env"]
        added = {key: value for key, value in given.items() if os.environ.get(key) != value}
        words = tuple(tuple(_make_cmd(get_executable(), line)) for line in lines)
        return Command(tuple(lines), words, Path(stage.wdir), added)

    def lock_entry(self, name: str) -> tuple[Path, dict[str, str]] | None:
        """Return the lock file of a stage and its block there; None for a .dvc file, which DVC writes itself.

        Errors: StageError.
        """
        from dvc.stage import PipelineStage
        from dvc.stage.serialize import to_lockfile

        stage = self._stages[name]
        if not isinstance(stage, PipelineStage):
            with _errors():
                stage.dump(update_pipeline=False)
            return None
        lock = stage.dvcfile._lockfile
        self._repo.scm_context.track_file(lock.relpath)
        return Path(lock.path), _blocks(to_lockfile(stage))

    def read_lock(self, path: Path) -> LockText:
        """Return a lock file's text in blocks; a file that people wrote otherwise than DVC does is laid out anew."""
        from dvc.utils.serialize import dumps_yaml, load_yaml

        if not path.exists():
            return LockText("")
        text, known = LockText(path.read_text(encoding="utf-8")), load_yaml(path)
        entries = known.get("stages", {})
        if text.blocks.keys() != entries.keys():
            text = LockText(dumps_yaml({**known, "stages": {}}))
            text.blocks = _blocks(entries)
        return text


@contextlib.contextmanager
def open_graph(root: Path, targets: Sequence[str]) -> Iterator[DvcGraph]:
    """Open the graph below `root`, holding DVC's lock on the project until the end.

    Errors: UserError if another DVC command is at work there, a target is unknown or a pipeline file is wrong.
    """
    import logging

    from dvc.exceptions import DvcException
    from dvc.lock import LockError
    from dvc.repo import Repo, lock_repo

    logging.getLogger("dvc").setLevel(logging.CRITICAL)
    try:
        repo = Repo(str(root))
    except DvcException as error:
        raise UserError(_line(error)) from None
    with repo, contextlib.ExitStack() as stack:
        try:
            stack.enter_context(lock_repo(repo))
            _nobody_else(repo)
        except LockError:
            raise UserError(f"{root}: another DVC command is at work here; wait for its end") from None
        except DvcException as error:
            raise UserError(_line(error)) from None
        stack.enter_context(one_process())
        stack.enter_context(repo.scm_context(quiet=True))
        try:
            graph = DvcGraph(repo, targets)
        except DvcException as error:
            raise UserError(_line(error)) from None
        yield graph


def _nobody_else(repo: Any) -> None:
    """Raise LockError if a command of another `dvc repro` is running: then the project's lock is free meanwhile."""
    from dvc.rwlock import rwlock

    with rwlock(repo.tmp_dir, repo.fs, "diziner repro", [], [repo.root_dir], False):
        pass


@contextlib.contextmanager
def _errors() -> Iterator[None]:
    from dvc.exceptions import DvcException

    try:
        yield
    except DvcException as error:
        raise StageError(_line(error)) from None
    except OSError as error:
        raise StageError(in_words(error), UserError.exit_code) from None


@contextlib.contextmanager
def _dependencies_kept(stage: Any) -> Iterator[None]:
    """Leave a stage with what its lock says of dependencies. DVC takes the lock's outputs for those of the present
    dependencies where it finds these in the stage, and would restore outputs of other settings."""
    kept = [(dep, dep.hash_info, dep.meta) for dep in stage.deps]
    try:
        yield
    finally:
        for dep, hash_info, meta in kept:
            dep.hash_info, dep.meta = hash_info, meta


def _line(error: BaseException) -> str:
    """Return an error of DVC in one line, with its cause where that says more."""
    words = " ".join(str(error).split())
    cause = error.__cause__
    return f"{words} ({' '.join(str(cause).split())})" if cause and str(cause) not in words else words


def _near(targets: Sequence[str], addresses: Iterable[str]) -> str:
    """Return the question what was meant by the first of the targets that resembles a stage or its pipeline."""
    known: dict[str, None] = {}
    for address in addresses:
        path, _, stage = address.rpartition(":")
        folder = Path(path).parent.name
        known |= dict.fromkeys((address, path, stage, folder, f"{folder}:{stage}") if folder else (address, stage))
    return next((said for target in targets if target not in known and (said := meant(target, known))), "")


def _uses_run_cache(stage: Any) -> bool:
    return all(out.use_cache or out.is_metric or out.is_plot for out in stage.outs)


def _can_hash(stage: Any) -> bool:
    from dvc.stage.cache import _can_hash as can_hash

    return bool(can_hash(stage))


def _blocks(entries: dict[str, Any]) -> dict[str, str]:
    """Return the text of lock entries by stage name, as DVC writes them."""
    found = {}
    for name, entry in entries.items():
        # A value that params.yaml names twice by an anchor is written out: anchors of two blocks would clash.
        [found[name]] = LockText(as_dvc_writes({"stages": {name: _unshared(entry)}})).blocks.values()
    return found


def _unshared(value: Any) -> Any:
    """Return a copy in which no container occurs twice."""
    if isinstance(value, dict):
        return {key: _unshared(item) for key, item in value.items()}
    return [_unshared(item) for item in value] if isinstance(value, list) else value
