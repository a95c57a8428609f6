"""Verification of a benchmark's guidelines against all that their receipts name, as it lies on disk."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from diziner.commands.guideline.agreed import agreed_problems
from diziner.common.errors import UserError
from diziner.common.files import check, read_json, read_jsonl, read_text
from diziner.guideline.file import all_instructions, dump_guideline, guideline_from_json, load_guideline
from diziner.guideline.receipts import Causes, RoundEvidence, named_responses, receipt_problems
from diziner.layout import Room, store_path
from diziner.llm.store import ResponseStore
from diziner.llm.tape import read_tape
from diziner.records.documents import read_documents
from diziner.records.guideline import Guideline
from diziner.settings import Settings


@dataclass
class Verdict:
    """Findings about one benchmark: problems, a line each, and how much was checked."""

    benchmark: str
    problems: list[str] = field(default_factory=list)
    guidelines: int = 0
    receipts: int = 0


def verify_room(room: Room, settings: Settings) -> Verdict:
    """Check the guideline of every round of the active settings, and the selected one.

    Round 0's, which people write, must load. Those that a supervisor wrote must be the bytes that writing them
    again gives, count their round right, and every receipt in them must lead somewhere: hotspots and documents of
    the rounds before, responses in the store or the room's tape. A file that is missing or broken is a problem like
    any other.
    """
    verdict, start = Verdict(room.name), settings.start
    if len(settings.rounds) > 1 and not room.round(1).is_dir():
        _guideline(room, 0, start, verdict)
        verdict.problems.append(f"{room.round(1)}: no such folder; run `dvc repro {room.folder}/dvc.yaml`")
        return verdict
    found = {number: g for number in settings.rounds if (g := _guideline(room, number, start, verdict)) is not None}
    evidence = {}
    for number in settings.rounds[:-1]:
        try:
            evidence[number] = _evidence(room, number, settings.evidence.folder)
        except UserError as error:
            verdict.problems.append(str(error))
    refined = {number: guideline for number, guideline in found.items() if number}
    answered = _answered([key for g in refined.values() for key in named_responses(g)], room, verdict)
    waited: set[str] = set()
    for number, guideline in refined.items():
        try:
            record = read_json(room.round(number) / "refinement.json", "refinement")
        except UserError as error:
            verdict.problems.append(str(error))
            record = {"base": {"guideline": None}, "stopped": False, "findings": {}, "addresses": {}, "waiting": []}
        before = _base(record, room, number, verdict) or found.get(number - 1)
        causes = _causes(record, room, number, settings.evidence.folder)
        problems = receipt_problems(guideline, before, evidence, answered, record["stopped"], causes, waited)
        waited |= {entry["instruction"]["text"] for entry in record["waiting"]}
        try:
            problems += agreed_problems(room, guideline, settings)
        except UserError as error:
            problems.append(str(error))
        verdict.problems += [f"{room.guideline(number, start)}: {problem}" for problem in problems]
        verdict.receipts += sum(line.receipt is not None for line in all_instructions(guideline))
        verdict.receipts += len(guideline.agreed.examples) if guideline.agreed else 0
    verdict.problems += _selected_problems(room, start)
    return verdict


def _guideline(room: Room, number: int, start: str, verdict: Verdict) -> Guideline | None:
    path = room.guideline(number, start)
    try:
        guideline = load_guideline(path)
        text = read_text(path)
    except UserError as error:
        verdict.problems.append(str(error))
        return None
    verdict.guidelines += 1
    if guideline.round != number:
        verdict.problems.append(f"{path}: round: is {guideline.round}; must be {number}")
    if guideline.benchmark != room.name:
        verdict.problems.append(f"{path}: benchmark: is {guideline.benchmark!r}; must be {room.name!r}")
    if number and text != (written := dump_guideline(guideline)):
        line = _first_difference(text, written)
        verdict.problems.append(f"{path}:{line}: not as the supervisor's stage writes it: edited by hand?")
    return guideline


def _evidence(room: Room, number: int, folder: str) -> RoundEvidence:
    documents = {document.id for document in read_documents(room.pilot(number))}
    if folder == "gold":
        # An ablation: rounds are refined by their errors against gold, which have no hotspot file.
        value = read_json(room.evidence(folder, number) / "disagreements.json", "disagreements")
        return RoundEvidence(dict(_hotspots_of(value)), documents)
    rows = read_jsonl(room.round(number) / "hotspots.jsonl", "hotspot")
    return RoundEvidence({row["id"]: row["document"] for row in rows}, documents)


def _causes(record: Mapping[str, Any], room: Room, number: int, folder: str) -> dict[str, Causes]:
    """Return what the receipts of a round's new lines may name, by id, where the record says what they settle."""
    if not record["addresses"]:
        return {}
    value = read_json(room.evidence(folder, number - 1) / "disagreements.json", "disagreements")
    causes = {}
    for line, patterns in record["addresses"].items():
        examples = [
            example
            for pattern in patterns
            for group in _groups_of(record["findings"][pattern], value)
            for example in group["examples"]
        ]
        hotspots, documents = ({example[key] for example in examples} for key in ("hotspot", "document"))
        causes[line] = Causes(tuple(patterns), hotspots, documents)
    return causes


def _groups_of(finding: Mapping[str, Any], disagreements: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the kinds of disagreement that a pattern or need explains; their ids count from 1 behind a letter."""
    name = finding["annotator"]
    groups = disagreements["groups"] if name is None else disagreements["annotators"][name]
    return [groups[int(group[1:]) - 1] for group in finding["groups"]]


def _hotspots_of(disagreements: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for groups in (disagreements["groups"], *disagreements["annotators"].values()):
        for group in groups:
            for example in group["examples"]:
                yield example["hotspot"], example["document"]


def _answered(keys: list[str], room: Room, verdict: Verdict) -> Collection[str]:
    try:
        answered = set(ResponseStore(store_path()).get(keys, failures=True))
        # The tape is read only for what the store lacks: it is checked row by row.
        if room.tape.exists() and not answered >= set(keys):
            answered |= {key for key, _, _ in read_tape(room.tape)}
    except UserError as error:
        verdict.problems.append(str(error))
        return keys
    return answered


def _base(record: Mapping[str, Any], room: Room, number: int, verdict: Verdict) -> Guideline | None:
    """Return the guideline that a round's was refined from, where the record keeps it: a round may have been taken
    back."""
    kept = record["base"]["guideline"]
    where = f"{room.round(number) / 'refinement.json'}: base.guideline"
    try:
        if kept is not None:
            check(kept, "guideline", where)
            return guideline_from_json(kept, where)
    except UserError as error:
        verdict.problems.append(str(error))
    return None


def _selected_problems(room: Room, start: str) -> Iterator[str]:
    try:
        chosen = room.guideline(read_json(room.selection, "selection")["round"], start)
        if read_text(room.selected_guideline) != read_text(chosen):
            yield f"{room.selected_guideline}: differs from the chosen {chosen}"
    except UserError as error:
        yield str(error)


def _first_difference(text: str, other: str) -> int:
    """Return the number of the first line, from 1, in which two texts differ."""
    lines, others = text.split("\n"), other.split("\n")
    same = (number for number, (a, b) in enumerate(zip(lines, others, strict=False), 1) if a != b)
    return next(same, min(len(lines), len(others)) + 1)
