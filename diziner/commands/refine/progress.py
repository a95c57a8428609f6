"""Progress through a round's conflicts: each step is in a file before it is done, so that nothing is lost or forgotten.

Decisions stand in the guideline from the moment they are made. The file beside the answers of models holds what the
guideline does not say: what was left as it is, which clusters are decided case by case, and in which order, to undo it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

from diziner.common.errors import UserError
from diziner.common.files import read_json, read_text, write_json
from diziner.common.locks import try_lock
from diziner.common.yamlfile import write_yaml
from diziner.guideline.choices import with_choices, without_choice
from diziner.guideline.file import load_guideline
from diziner.records.guideline import Choice

DECIDED, LEFT, PARTED = "decided", "left", "parted"


@dataclass(frozen=True, slots=True)
class Step:
    """Step taken about a conflict; `before` is the decision that a new one took the place of."""

    conflict: str
    done: str
    decision: str | None = None
    before: str | None = None


@dataclass
class Progress:
    """Steps of a person through conflicts, kept in `path`; their decisions are kept in the guideline."""

    guideline: Path
    path: Path
    steps: list[Step] = field(default_factory=list)

    def decisions(self) -> dict[str, str]:
        """Return the decisions that the guideline has now, by conflict."""
        return {choice.conflict: choice.decision for choice in load_guideline(self.guideline).choices}

    def of(self, done: str) -> set[str]:
        """Return the conflicts with which something was done."""
        return {step.conflict for step in self.steps if step.done == done}

    def decide(self, conflict: str, decision: str) -> None:
        """Put a decision into the guideline. Errors: UserError for a guideline that cannot be changed; it is as it
        was."""
        new = Choice(conflict, decision)
        before = load_guideline(self.guideline).choices
        text = with_choices(read_text(self.guideline), before, [new])
        earlier = next((choice.decision for choice in before if choice.conflict == conflict), None)
        self._add(Step(conflict, DECIDED, decision, earlier))
        write_yaml(self.guideline, text)

    def note(self, conflict: str, done: str) -> None:
        """Note that a conflict is left as it is, or decided case by case."""
        self._add(Step(conflict, done))

    def undo(self) -> tuple[Step, bool] | None:
        """Take the last step back; return it, and whether the guideline was still as it had left it: else that stays.
        None if there is no step."""
        if not self.steps:
            return None
        step = self.steps[-1]
        now = self.decisions().get(step.conflict)
        undone = step.done != DECIDED or now == step.decision
        if step.done == DECIDED and undone:
            before = load_guideline(self.guideline).choices
            text = read_text(self.guideline)
            if step.before is None:
                text = without_choice(text, before, step.conflict)
            else:
                text = with_choices(text, before, [Choice(step.conflict, step.before)])
            write_yaml(self.guideline, text)
        self.steps.pop()
        self._save()
        return step, undone

    def _add(self, step: Step) -> None:
        self.steps.append(step)
        self._save()

    def _save(self) -> None:
        write_json(self.path, {"made": [asdict(step) for step in self.steps]})


@contextlib.contextmanager
def progress_of(guideline: Path, path: Path) -> Iterator[Progress]:
    """Give the progress that is kept in a file, to one process at a time.

    Errors: UserError if another has it, if its file is damaged, and for a guideline that decisions cannot be put into.
    """
    before = load_guideline(guideline).choices
    with_choices(read_text(guideline), before, [Choice("a conflict", "a decision")])
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_suffix(".lock").open("ab") as lock:
        if not try_lock(lock):
            raise UserError(f"{guideline}: another `diziner refine --interactive` has it open; end that one first")
        steps = []
        if path.exists():
            try:
                steps = [Step(**entry) for entry in read_json(path, "decisions_made")["made"]]
            except UserError as error:
                raise UserError(f"{error}; delete the file: decisions are in {guideline}, undo alone is lost") from None
        yield Progress(guideline, path, steps)
