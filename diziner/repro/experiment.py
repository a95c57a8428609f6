"""Experiments of DVC around a run of ours: set as by `dvc exp run -S`, kept as by `dvc exp save`.

`dvc exp run` reads every pipeline anew after each command, since it asks of each dependency whether DVC has it. With
254 stages that takes ten times as long as the run. Here they are read three times in all, to keep what came out.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from diziner.common.errors import UserError
from diziner.common.files import write_text
from diziner.common.words import meant
from diziner.common.yamledit import with_value
from diziner.common.yamlfile import broken_by_dvc, parse_yaml
from diziner.repro.dvc_once import one_process

# `dvc exp save` commits outputs of the stages it is given, whether or not they are those of the lock: one that every
# run has brought up to date. The files that git tracks it takes all.
_ALWAYS_RUN = "code_digests"
_LONGEST_NAME = 200  # bytes; git adds to it in the name of a file, of which systems take 255


def set_params(overrides: Sequence[str], params: Path) -> None:
    """Write settings as `dvc exp run -S` does: `key=value`, `++key=value`, `~key`, `file:key=value`; but the file
    `params`, which people write, keeps its comments where it can.

    Errors: UserError for what is no such setting, and for several values of one: they are a queue's.
    """
    from dvc.exceptions import DvcException
    from dvc.utils.cli_parse import to_path_overrides
    from dvc.utils.hydra import apply_overrides, get_hydra_sweeps
    from hydra.errors import HydraException

    before = params.read_text(encoding="utf-8") if params.is_file() else ""
    try:
        wanted = to_path_overrides(overrides)
        if place := broken_by_dvc(before):
            raise UserError(
                f"{params}: {place}: DVC rewrites this so that it cannot be read; write it in block style, each item "
                "or key on a line of its own, and give another name to what needs quotes"
            )
        if len(get_hydra_sweeps(wanted)) > 1:
            raise UserError("-S: several values of one setting: `dvc exp run --queue -S …` queues a run for each")
        for path, own in wanted.items():
            apply_overrides(path, own)
        after = params.read_text(encoding="utf-8")
        if after != before:
            write_text(params, _with_values(before, after))
    except (DvcException, HydraException, KeyError, OSError, ValueError) as error:
        reason = str(error.__cause__ or error) or type(error).__name__
        similar = _similar(overrides, before)
        raise UserError(f"-S {' '.join(overrides)}: {' '.join(reason.split())}{similar}") from None


def _similar(overrides: Sequence[str], text: str) -> str:
    """Return the question whether another setting was meant, for the first that there is not."""
    known = [*_settings(parse_yaml(text, ""))]
    names = (override.partition("=")[0].lstrip("+~") for override in overrides)
    return next((meant(name, known) for name in names if name not in known), "")


def _settings(value: Any, above: str = "") -> Iterator[str]:
    """Yield the dotted names of all settings."""
    if isinstance(value, dict):
        for key, own in value.items():
            yield f"{above}{key}"
            yield from _settings(own, f"{above}{key}.")


def _with_values(before: str, after: str) -> str:
    """Return a YAML text with the values of another, all else as it was; the other where that cannot be done."""
    try:
        new, text = parse_yaml(after, ""), before
        for path, value in _changes(parse_yaml(before, ""), new, ()):
            text = with_value(text, path, value)
        return text if parse_yaml(text, "") == new else after
    except UserError:
        return after


def _changes(old: Any, new: Any, path: tuple[str | int, ...]) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    if isinstance(old, dict) and isinstance(new, dict) and old.keys() <= new.keys():
        for key, value in new.items():
            if key in old:
                yield from _changes(old[key], value, (*path, key))
            else:
                yield (*path, key), value
    elif repr(old) != repr(new):
        yield path, new


def refuse_taken(root: Path, name: str) -> None:
    """Raise UserError for a name that another experiment of this commit has, or that git takes for none."""
    from dvc.repo.experiments.refs import ExpRefInfo
    from dvc.repo.experiments.utils import check_ref_format

    if len(name.encode()) > _LONGEST_NAME:
        raise UserError(
            f"--name: {len(name.encode())} bytes long; must be at most {_LONGEST_NAME}, as git makes a file of it"
        )
    with _repository(root) as repo:
        place = ExpRefInfo(baseline_sha=repo.scm.get_rev(), name=name)
        check_ref_format(repo.scm, place)
        if repo.scm.get_ref(str(place)):
            raise UserError(
                f"--name {name}: an experiment of this commit has it; `dvc exp remove {name}` takes it away"
            )


def save_experiment(root: Path, name: str | None, untracked: Sequence[str]) -> str:
    """Keep the state of the project as an experiment, with the files that git does not track yet; return its name.

    Errors: UserError as DVC says it.
    """
    with _repository(root) as repo, one_process():
        revision = repo.experiments.save(targets=[_ALWAYS_RUN], name=name, include_untracked=list(untracked))
        found: dict[str, str] = repo.experiments.get_exact_name([revision])
        return found[revision]


@contextlib.contextmanager
def _repository(root: Path) -> Iterator[Any]:
    """Open DVC's repository; within the block, what DVC or git refuse is the user's error."""
    from dvc.exceptions import DvcException
    from dvc.repo import Repo
    from scmrepo.exceptions import SCMError

    try:
        with Repo(str(root)) as repo:
            yield repo
    except (DvcException, SCMError) as error:
        raise UserError(f"DVC keeps no experiment: {' '.join(str(error).split())}") from None
