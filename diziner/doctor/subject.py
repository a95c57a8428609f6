"""Subject of an examination: a project with its settings and recordings, or none."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from diziner.common import jsontext
from diziner.doctor.finding import CANNOT
from diziner.layout import has_library, rooms

if TYPE_CHECKING:
    from diziner.llm.tape import TapeRow
    from diziner.settings import Settings

SOURCE = Path(__file__).resolve().parents[2]  # the checkout, or the folder of packages, that this code runs from
_REQUIREMENTS = "pyproject.toml"


@dataclass(frozen=True)
class Subject:
    """Surroundings of the doctor: `root` is the project's, the present folder then; None outside a project.

    `outside` says why there is no project. With `quick` the contents of weights are not read; `say` takes a line
    before what may take long.
    """

    root: Path | None
    outside: str = ""
    quick: bool = False
    say: Callable[[str], object] = str

    @cached_property
    def base(self) -> Path | None:
        """The folder whose lock and requirements hold: a checkout as project, else that of the code; None without any.

        A project that `diziner init` laid has neither: the installed package was chosen when it was installed.
        """
        if self.root is not None and (has_library(self.root) or (self.root / _REQUIREMENTS).is_file()):
            return self.root
        return SOURCE if has_library(SOURCE) and (SOURCE / _REQUIREMENTS).is_file() else None

    @cached_property
    def settings(self) -> Settings | None:
        """The active settings; None where there are none, or `fault` says why not."""
        return self._loaded[0]

    @cached_property
    def fault(self) -> Exception | None:
        """Fault of the settings, if they have one."""
        return self._loaded[1]

    @cached_property
    def recordings(self) -> dict[str, Mapping[str, Any]]:
        """The provenance of each room's tape by room; tapes without a readable one are left out."""
        return dict(self._provenances())

    @cached_property
    def tapes(self) -> dict[str, list[TapeRow] | Exception | None]:
        """The tape of each room by room: its rows, why it cannot be read, or None where there is none."""
        from diziner.llm.tape import read_tape

        found: dict[str, list[TapeRow] | Exception | None] = {}
        for room in rooms() if self.root else ():
            try:
                found[room.name] = read_tape(room.tape) if room.tape.exists() else None
            except CANNOT as error:
                found[room.name] = error
        return found

    @cached_property
    def in_use(self) -> set[tuple[str, str]]:
        """Endpoint and model of all active annotators and the supervisor."""
        return self.settings.models_in_use if self.settings else set()

    @cached_property
    def weights_in_use(self) -> set[str]:
        """Models whose weights a run reads."""
        return self.settings.weights_in_use if self.settings else set()

    def recorded(self, address: str, model: str) -> bool:
        """Return whether every room has a tape with answers of a model, so that a replay needs neither it nor its
        key."""
        if self.root is None or {room.name for room in rooms()} != self.recordings.keys():
            return False
        return bool(self.recordings) and all(
            f"{address}:{model}" in head.get("models", {}) for head in self.recordings.values()
        )

    @cached_property
    def _loaded(self) -> tuple[Settings | None, Exception | None]:
        if self.root is None:
            return None, None
        try:
            # Here, so that a missing package is a finding.
            from diziner.settings import load_settings

            return load_settings(), None
        except CANNOT as error:
            return None, error

    def _provenances(self) -> Iterator[tuple[str, Mapping[str, Any]]]:
        for room in rooms() if self.root else ():
            try:
                with room.tape.open(encoding="utf-8") as lines:
                    head = jsontext.body(lines.readline())
            except CANNOT:
                continue
            if isinstance(head, dict) and "tape" in head and isinstance(head.get("models", {}), dict):
                yield room.name, head


def project_table(base: Path | None) -> Mapping[str, Any]:
    """Return the table `project` of a folder's pyproject.toml; empty where there is none of either.

    Errors: OSError or ValueError for a file that cannot be read.
    """
    if base is None:
        return {}
    with (base / "pyproject.toml").open("rb") as file:
        table = tomllib.load(file).get("project")
    return table if isinstance(table, dict) else {}
