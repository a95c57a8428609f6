"""Verification of a pipeline's outputs, DVC's cache and its run-cache: every byte is read, nothing is believed of DVC's
notes on what it read before. Nothing is changed. Private to DVC, as `diziner.repro.dvc_graph` is.
"""

from __future__ import annotations

import importlib.metadata
import os
import shlex
import subprocess
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from diziner.common.errors import UserError
from diziner.repro.dvc_graph import SUPPORTED, open_graph, supported_version
from diziner.repro.objects import Checked, all_entries, all_objects, objects_behind, outputs_of_runs

OUTPUT, OBJECT, ENTRY = "output", "object of DVC's cache", "run-cache entry"  # what is counted


@dataclass
class Verdict:
    """Findings of a verification: a line for each fault, what was read and how much of it, and what is not at hand."""

    faults: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    missing: Counter[str] = field(default_factory=Counter)
    size: int = 0

    def add(self, thing: str, size: int) -> None:
        """Count one thing that was read, and its bytes."""
        self.counts[thing] += 1
        self.size += size


def verify_outputs(root: Path, targets: Sequence[str]) -> Verdict:
    """Read the outputs that targets need and what the cache has of them; without targets all stages and all the cache.

    What lock files name and nobody has here is no fault: it was not fetched, or not run yet.
    Errors: UserError as of `open_graph`.
    """
    from dvc_data.hashfile.state import StateNoop

    if not supported_version():
        raise UserError(f"DVC {importlib.metadata.version('dvc')} is not {SUPPORTED}*, which `diziner verify` needs")
    verdict = Verdict()
    with open_graph(root, targets) as graph:
        repo = graph.repository
        locks = _Locks(repo.stage_cache, _changed_files())
        odbs = [repo.cache.local, repo.cache.legacy]
        for odb in odbs:
            odb.state = StateNoop()
        stages = graph.stages() if targets else [(stage.addressing, stage) for stage in repo.index.stages]
        named: dict[str, str] = {}
        for name, stage in sorted(stages, key=lambda pair: pair[0]):
            for out in stage.outs:
                if out.protocol == "local":
                    _out(verdict, locks, f"output of {name}", stage, out, named)
        for checked in _objects(odbs, sorted(named) if targets else None):
            verdict.add(OBJECT, checked.size)
            verdict.faults += _cache_faults(checked, named.get(checked.expected, OBJECT))
        for checked in () if targets else all_entries(repo.stage_cache):
            verdict.add(ENTRY, checked.size)
            verdict.faults += _cache_faults(checked, ENTRY)
    return verdict


def _out(verdict: Verdict, locks: _Locks, label: str, stage: Any, out: Any, named: dict[str, str]) -> None:
    """Count an output as there or missing, here and in the cache; read it where it is here."""
    path = _shown(out.fs_path)
    if out.hash_info:
        named.setdefault(out.hash_info.value, f"{path}, {label}")
        named.setdefault(out.hash_info.value.removesuffix(".dir"), f"{path}, {label}")
        if out.use_cache and not Path(out.cache.oid_to_path(out.hash_info.value)).exists():
            verdict.missing[OBJECT] += 1
    if not out.hash_info or not out.exists:
        verdict.missing[OUTPUT] += 1
        return
    try:
        _, meta, built = out._build(
            out.cache if out.use_cache else out.local_cache,
            out.fs_path,
            out.fs,
            out.hash_name,
            ignore=out.dvcignore,
            dry_run=True,
        )
    except OSError as error:
        verdict.faults.append(f"{path}: {label}: cannot be read: {error.strerror}")
        return
    verdict.add(OUTPUT, meta.size or 0)
    if fault := _fault(locks, stage, out, meta, built):
        verdict.faults.append(f"{path}: {label}: {fault}")


def _fault(locks: _Locks, stage: Any, out: Any, meta: Any, built: Any) -> str | None:
    expected, found = out.hash_info.value, built.hash_info.value
    lock, path = _shown(_lock_of(stage)), _shown(out.fs_path)
    says = f"{lock} says MD5 {expected}, found is {found}"
    restore = f"the lock was edited: `git checkout -- {shlex.quote(lock)}` brings back the committed one"
    if locks.were_edited(lock, stage, out):
        return f"{says}; {restore}, and `{_removal(path)} && diziner repro` makes the output anew"
    if expected != found:
        return f"{says}{_inside(out, built)}; {_again(stage, path)}"
    if out.meta.size is not None and meta.size != out.meta.size:
        return f"{lock} says {out.meta.size} bytes, found are {meta.size}; {restore}"
    return None


def _inside(out: Any, built: Any) -> str:
    """Say which files of a folder are others than the cache's list of them has."""
    expected = out.get_obj() if built.hash_info.isdir and out.is_dir_checksum else None
    if expected is None:
        return ""
    lists = [{"/".join(key): digest.value for key, _, digest in tree} for tree in (expected, built)]
    wrong = sorted(name for name, _ in set(lists[0].items()) ^ set(lists[1].items()))
    return f" (in {', '.join(dict.fromkeys(wrong))})" if wrong else ""


@dataclass(frozen=True)
class _Locks:
    """Lock files, by what the last commit and the run-cache have: `changed` are files that are not as committed, None
    if there is no commit to ask."""

    stage_cache: Any
    changed: frozenset[str] | None

    def were_edited(self, lock: str, stage: Any, out: Any) -> bool:
        """Say whether a lock file is not the committed one and names an output that its run never had.

        A committed lock may be that of another machine, where models answered differently: nothing is wrong with it.
        """
        from dvc.stage.cache import _get_cache_hash
        from dvc.stage.serialize import to_single_stage_lockfile

        if self.changed is not None and lock not in self.changed:
            return False
        if not stage.cmd or not stage.deps or not all(each.hash_info for each in (*stage.deps, *stage.outs)):
            return False
        key = _get_cache_hash(to_single_stage_lockfile(stage), key=True)
        known = {run.get(out.def_path) for run in outputs_of_runs(self.stage_cache, key)}
        return bool(known) and out.hash_info.value not in known


def _changed_files() -> frozenset[str] | None:
    try:
        words = ["git", "diff", "--name-only", "--relative", "-z", "HEAD", "--"]
        done = subprocess.run(words, capture_output=True, check=False)
    except FileNotFoundError:
        return None
    return None if done.returncode else frozenset(os.fsdecode(done.stdout).split("\0"))


def _objects(odbs: Sequence[Any], digests: Iterable[str] | None) -> Iterator[Checked]:
    seen: set[Path] = set()
    for odb in odbs:
        found = all_objects(odb) if digests is None else (c for name in digests for c in objects_behind(odb, name))
        for checked in found:
            if checked.path not in seen:
                seen.add(checked.path)
                yield checked


def _cache_faults(checked: Checked, what: str) -> Iterator[str]:
    path = _shown(checked.path)
    if checked.error:
        yield f"{path}: {what}: cannot be read: {checked.error}"
    elif checked.rotted:
        mend = f"`rm -f {shlex.quote(path)}`, then `diziner repro` makes it anew where it is needed"
        yield f"{path}: {what}: its name says {checked.expected}, its contents {checked.found}; {mend}"


def _again(stage: Any, path: str) -> str:
    if not stage.cmd:
        return f"`{_removal(path)} && dvc checkout {shlex.quote(path)}` brings it back from the cache"
    return f"`{_removal(path)} && diziner repro` makes it anew"


def _removal(path: str) -> str:
    return f"rm -rf {shlex.quote(path)}"


def _lock_of(stage: Any) -> str:
    lock = getattr(stage.dvcfile, "_lockfile", None)
    return str(stage.path if lock is None else lock.path)


def _shown(path: str | Path) -> str:
    return os.path.relpath(path)
