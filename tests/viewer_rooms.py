"""Rooms for tests of the report: synthetic documents and annotators, analysed by the pipeline's own functions."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from perf.synthetic import make_corpus
from projects import ROOT

from diziner.agreement.analysis import analyse
from diziner.agreement.case_clusters import clusters_of
from diziner.agreement.cases import cases_of
from diziner.agreement.files import confusion_to_json, disagreements_to_json
from diziner.commands.refine.conflicts import Conflicts
from diziner.corpora.card import Card, Licence
from diziner.records.agreement import agreement_to_json
from diziner.records.annotations import Annotation
from diziner.records.documents import Document
from diziner.records.guideline import EntityType, Example, Goal, Guideline, Instruction, Receipt
from diziner.records.usage import Usage
from diziner.report.files import RoomFiles, RoundFiles
from diziner.results.final_scores import final_metrics, final_scores
from diziner.results.round_metrics import round_metrics
from diziner.settings import Settings, load_settings

WORDS = ("mark", "the", "whole", "name", "of", "a", "place", "unless", "its", "title", "is", "part", "it")


def settings_for(annotators: int, rounds: int) -> Settings:
    """The active settings, with scripted annotators by the names that `make_corpus` gives."""
    raw = dict(load_settings(ROOT / "params.yaml").raw)
    names = [f"annotator-{number:02d}" for number in range(annotators)]
    template = raw["annotators"][raw["annotator_pool"][0]]
    raw["annotators"] = {name: {**template, "endpoint": "scripted", "model": f"model-of-{name}"} for name in names}
    raw["annotator_pool"] = names
    raw["endpoints"] = {**raw["endpoints"], "scripted": {"kind": "scripted"}}
    raw["rounds"] = [{"id": number, "guideline": ""} for number in range(rounds)]
    return Settings(raw)


def make_room(
    name: str,
    annotators: int,
    rounds: int,
    documents: int = 25,
    types: int = 4,
    *,
    gold: bool = True,
    failing: float = 0.02,
    seed: int = 0,
    tested: int | None = None,
) -> tuple[RoomFiles, dict[str, str]]:
    """A benchmark that was run, and the supervisor's answers by key. `tested` documents are in the test set, as many as
    in a round unless it says otherwise."""
    said: dict[str, str] = {}
    labels = [f"TYPE{number:02d}" for number in range(types)]
    guideline = _guideline(name, labels)
    parts: list[RoundFiles] = []
    golds: dict[str, Any] = {}
    for number in range(rounds):
        record = None
        if number:
            guideline, record = _refined(guideline, parts[-1], f"{name}-{number}", said)
        texts, rows, _ = make_corpus(documents, annotators, types, failing=failing, seed=seed * 100 + number)
        texts, rows = _named(texts, rows, f"{name}-{number}")
        parts.append(make_round(number, texts, rows, labels, guideline, record))
        if gold:
            golds |= {document.id: parts[-1].consensus[document.id] for document in texts}
    documents = tested or documents
    texts, rows, _ = make_corpus(documents, annotators, types, seed=seed * 100 + 99)
    tests, rows = _named(texts, rows, f"{name}-test")
    chosen, other = rows["annotator-00"], rows[f"annotator-{annotators - 1:02d}"]
    if gold:
        golds |= {row.id: row.spans for row in rows["annotator-00"][: documents // 2]}
        golds |= {row.id: row.spans for row in other[documents // 2 :]}
    pilot = {part.number: part.annotations for part in parts}
    means = {part.number: part.agreement["mean"] for part in parts}
    scores = final_scores(golds, chosen, other, pilot, means, 50, 13)
    selection = {
        "round": rounds - 1,
        "annotator": "annotator-00",
        "settings": {"endpoint": "scripted", "model": "model-of-annotator-00"},
        "mean": parts[-1].agreement["mean"],
        "overall": {str(part.number): part.agreement["overall"] for part in parts},
        "voters": {},
    }
    card = Card(name, f"The {name} benchmark", "made up", tuple(labels), Licence("none", gold, ""))
    figures = final_metrics(scores, selection, chosen)
    predictions = {"selected": chosen, "initial": other}
    usage = {guideline: _taken("annotator-00", own) for guideline, own in predictions.items()}
    room = RoomFiles(card, tuple(parts), selection, figures, scores, golds, predictions, usage, test=tuple(tests))
    return room, said


def make_round(
    number: int,
    documents: list[Document],
    annotations: dict[str, list[Annotation]],
    types: list[str],
    guideline: Guideline,
    refinement: dict[str, Any] | None = None,
) -> RoundFiles:
    """One round's outputs, by the pipeline's own analysis."""
    analysis = analyse(documents, annotations, types)
    return RoundFiles(
        number=number,
        documents=tuple(documents),
        annotations=annotations,
        agreement=agreement_to_json(analysis.agreement),
        confusion=confusion_to_json(analysis),
        hotspots=analysis.hotspots,
        consensus=analysis.consensus,
        metrics=round_metrics(analysis, annotations),
        guideline=guideline,
        refinement=refinement,
        usage={name: _taken(name, rows) for name, rows in annotations.items()},
        refinement_usage=[
            Usage(key, "scripted", "supervisor", 3000, 90) for key in sorted((refinement or {}).get("responses", ()))
        ],
        groups=disagreements_to_json(analysis)["groups"],
    )


def conflicts_of(part: RoundFiles) -> Conflicts:
    """A round's conflicts as `diziner refine` has them."""
    names = {entry.label: entry.name for entry in part.guideline.types}
    documents = {document.id: document for document in part.documents}
    clusters = clusters_of(cases_of(part.documents, part.annotations), documents, names)
    return Conflicts(part.number, clusters, documents, names, tuple(group["subtype"] for group in part.groups))


def _named(texts: Any, rows: Any, prefix: str) -> tuple[list[Document], dict[str, Any]]:
    """The corpus with ids of its own, and a response behind every row."""
    named = {
        name: [replace(row, id=f"{prefix}-{row.id}", responses=(f"{prefix}-{name}-{row.id}",)) for row in own]
        for name, own in rows.items()
    }
    return [replace(document, id=f"{prefix}-{document.id}") for document in texts], named


def _taken(annotator: str, rows: Sequence[Annotation]) -> list[Usage]:
    """What the responses behind rows took."""
    keys = sorted(key for row in rows for key in row.responses)
    return [Usage(key, "scripted", f"model-of-{annotator}", 900, 60) for key in keys]


def _guideline(name: str, labels: list[str]) -> Guideline:
    goal = Goal("Made-up sentences.", "Try the report.", "Every run of words.", "Tests.")
    kinds = tuple(EntityType(label, label.lower(), " ".join(WORDS), ("alpha",), ("beta",)) for label in labels)
    return Guideline(name, 0, goal, kinds, common=(Instruction("H1", "A person wrote this line."),))


def _refined(
    before: Guideline, part: RoundFiles, prefix: str, said: dict[str, str]
) -> tuple[Guideline, dict[str, Any]]:
    """The next guideline: a line modified, two new ones for all, one for each of the first annotators."""
    chance = random.Random(prefix)
    number = before.round + 1
    ids = [hotspot.id for hotspot in part.hotspots] or ["nowhere:0-1"]

    def line(name: str) -> Instruction:
        key = f"{prefix}-supervisor-{name}"
        said[key] = " ".join(chance.choices(WORDS, k=80))
        causes = tuple(dict.fromkeys(chance.choices(ids, k=6)))
        documents = tuple(dict.fromkeys(cause.rpartition(":")[0] for cause in causes))
        examples = (Example("alpha beta", "TYPE00", "it is named"), Example("gamma", "", ""))
        text = " ".join(chance.choices(WORDS, k=25))
        return Instruction(name, text, examples, receipt=Receipt(number, "new", causes, documents, (key,)))

    new = [line(f"C{number}.{k}") for k in (1, 2)]
    receipt = new[0].receipt
    assert receipt
    own = {f"annotator-{k:02d}": (line(f"S{number}.{k + 1}"),) for k in (0, 1)}
    kept = list(before.common)
    if len(kept) > 1:
        old = kept[1]
        text = old.text.replace("name", "full name")
        kept[1] = replace(old, text=text, receipt=replace(receipt, status="modified"))
    after = replace(before, round=number, common=(*kept, *new), specific={**before.specific, **own})
    record = {
        "round": number,
        "phases": [{"phase": "patterns", "calls": 2, "repairs": 0, "failed": []}],
        "patterns": [
            {"name": "titles", "root_cause": "not said", "readings": [{"reading": "TYPE00", "reason": "named"}]}
        ],
        "diagnoses": {"annotator-01": {"summary": "It misses titles.", "needs": []}},
        "cut": [{"text": "Mark nothing.", "reason": "over the limit"}],
        "written": 2,
        "waiting": [],
        "stopped": False,
        "outcomes": {entry.id: "added" for entry in new},
        "responses": [key for key in said if key.startswith(f"{prefix}-supervisor")],
        "changed_share": 0.125,
    }
    return after, record


def data_of(page: str) -> Any:
    """The data that a page of the report holds."""
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    assert found
    return json.loads(found[1])
