"""Session of a person with a round's conflicts: one after the other, each step kept as it is made."""

from __future__ import annotations

import shutil
import sys

from diziner.agreement.case_clusters import Cluster
from diziner.commands.refine.answers import HELP, Answer, answer_about, is_meant
from diziner.commands.refine.conflicts import Conflicts
from diziner.commands.refine.progress import DECIDED, LEFT, PARTED, Progress
from diziner.commands.refine.screens import broken, told
from diziner.common.words import counted
from diziner.guideline.choices import decision_for

SHOWN = 4  # cases of a conflict


class Session:
    """Questions about conflicts that are neither decided nor left (`again`: about all), from the first on."""

    def __init__(self, conflicts: Conflicts, progress: Progress, again: bool = False) -> None:
        self._conflicts = conflicts
        self._progress = progress
        self._again = again
        self._at = 0
        self._undone = ""  # the conflict that is to be asked about again, decided before or not

    def run(self) -> None:
        """Ask until the person stops, the input ends, or nothing is open."""
        if waiting := self._open():
            self._say(
                f"{counted(len(waiting), 'conflict')} to decide; every decision is kept as you make it:\n{HELP}", ""
            )
        while (cluster := self._next()) is not None:
            answer = self._asked(cluster)
            if answer.command in {"quit", "end"}:
                break
            self._do(cluster, answer)
        self._say(f"\n{self.standing()}")

    def standing(self) -> str:
        """Return how many conflicts are decided, left and open."""
        clusters = self._clusters()
        decided = sum(cluster.name in self._progress.decisions() for cluster in clusters)
        waiting = len(self._open())
        left = len(clusters) - decided - waiting
        return f"{decided} of {counted(len(clusters), 'conflict')} decided, {left} left as they are, {waiting} open"

    def _clusters(self) -> list[Cluster]:
        parted = self._progress.of(PARTED)
        return [
            part
            for cluster in self._conflicts.clusters
            for part in (cluster.parts if cluster.name in parted and cluster.parts else (cluster,))
        ]

    def _open(self) -> list[Cluster]:
        settled = self._progress.of(LEFT) | set(self._progress.decisions())
        return [cluster for cluster in self._clusters() if cluster.name not in settled]

    def _next(self) -> Cluster | None:
        """Return the conflict that is to be asked about, none before the present place."""
        clusters = self._clusters()
        waiting = {cluster.name for cluster in (clusters if self._again else self._open())} | {self._undone}
        while self._at < len(clusters) and clusters[self._at].name not in waiting:
            self._at += 1
        return clusters[self._at] if self._at < len(clusters) else None

    def _asked(self, cluster: Cluster) -> Answer:
        self._show(cluster, SHOWN)
        options = [option for option, _ in cluster.options]
        while True:
            answer = answer_about(options)
            if answer.command == "help":
                self._say(HELP, end="")
            elif answer.command == "more":
                self._show(cluster, None)
            elif answer.command == "each" and not cluster.parts:
                self._say("these cases have the same words; give a rule in your own words")
            elif answer.rule:
                meant = is_meant(answer.rule)
                if meant is not False:
                    return answer if meant else Answer("end")
            else:
                return answer

    def _show(self, cluster: Cluster, most: int | None) -> None:
        width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
        place = f"[{self._at + 1} of {len(self._clusters())}] "
        self._say(f"\n{told(self._conflicts, cluster, most, width, place)}\n")
        if (decision := self._progress.decisions().get(cluster.name)) is not None:
            self._say(f"{broken(f'  decided: {decision}', width)}\n")
        for row, (option, votes) in enumerate(cluster.options, 1):
            self._say(broken(f"  {row}  {option} is right ({counted(votes, 'vote')})", width))

    def _do(self, cluster: Cluster, answer: Answer) -> None:
        self._undone = ""
        if answer.command == "undo":
            self._undo()
            return
        if answer.command == "each":
            self._progress.note(cluster.name, PARTED)
            self._say(f"{counted(len(cluster.parts), 'conflict')} of their own")
            return
        if answer.command == "leave":
            self._progress.note(cluster.name, LEFT)
        else:
            options = [option for option, _ in cluster.options]
            decision = answer.rule or decision_for(options, answer.option)
            self._progress.decide(cluster.name, decision)
            self._say(f"kept: {decision}")
        self._at += 1

    def _undo(self) -> None:
        found = self._progress.undo()
        if found is None:
            self._say("there is nothing to undo")
            return
        step, undone = found
        if not undone:
            self._say(f"{step.conflict}: {self._progress.guideline} was changed since; nothing is undone there")
        elif step.before is not None:
            self._say(f"undone: {step.conflict}: decided as before: {step.before}")
        else:
            what = {DECIDED: f"not decided any more: {step.decision}", LEFT: "open again", PARTED: "one conflict again"}
            self._say(f"undone: {step.conflict}: {what[step.done]}")
        self._undone = step.conflict
        names = [cluster.name for cluster in self._clusters()]
        self._at = names.index(step.conflict) if step.conflict in names else min(self._at, len(names))

    def _say(self, text: str, end: str = "\n") -> None:
        sys.stdout.write(f"{text}{end}")
