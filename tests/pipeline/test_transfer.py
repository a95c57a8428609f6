"""`diziner transfer`: readers of known sensitivities are told apart; nothing is asked twice; the plan is exact."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from projects import ROOT, use_scripted

from diziner.annotator.settings import AnnotatorSettings, AnswerSettings
from diziner.commands import transfer as command
from diziner.common.errors import UserError
from diziner.guideline.file import load_guideline, save_guideline
from diziner.pipeline.transfer import OWN, Cell, Design, check_design, paraphrases, read_cells, template_of
from diziner.prompting.request import ModelSettings, Outcome, Request, Response
from diziner.prompting.templates import render
from diziner.records.annotations import Span
from diziner.records.documents import Document
from diziner.records.guideline import EntityType, Goal, Guideline, Instruction
from diziner.results.transfer import analysed, counts_by_agreement, counts_by_gold
from diziner.scoring.crossed import Estimate, mean_squares, variance
from diziner.scripted.brain import answer
from diziner.scripted.habits import habits_of, missed
from diziner.scripted.knowledge import Knowledge
from diziner.scripted.server import ScriptedServer

TYPES = (EntityType("PER", "person", "A human being."), EntityType("LOC", "location", "A place."))
FIRST = Guideline("letters", 0, Goal("Letters.", "Research.", "Names.", "Historians."), TYPES)
REFINED = replace(FIRST, round=1, common=(Instruction("CI1", "Look at headings and at signatures, too."),))
MENTIONS = 6
# In the pool, then outside: by how many hundredths instructions help, and by how many that depends on the wording.
POOL = ("scripted-reader-g35-p05", "scripted-reader-g20-p05")
OUTSIDE = ("scripted-reader-g10-p05", "scripted-reader-g05-p00")
PROMPTS = (OWN, *paraphrases())


class Scripted:
    """An asker in this process, of scripted models that have heard of these documents."""

    def __init__(self, known: Knowledge) -> None:
        self.known = known
        self.asked = 0

    def address(self, endpoint: str) -> str:
        return endpoint

    def ask(self, requests: Sequence[Request], label: str) -> list[Outcome]:
        self.asked += len(requests)
        return [
            Response(
                answer(
                    [{"role": m.role, "content": m.content} for m in request.messages],
                    request.settings.model,
                    request.settings.seed,
                    request.schema,
                    self.known,
                ),
                "stop",
            )
            for request in requests
        ]


def letters(count: int) -> tuple[list[Document], dict[str, tuple[Span, ...]], Knowledge]:
    """Documents of some made-up names, each name once, their gold, and what scripted models have heard of them."""
    documents, gold, known = [], {}, {}
    for number in range(count):
        words, spans, pairs = [], [], []
        for place in range(MENTIONS):
            label, name = (("PER", "person"), ("LOC", "location"))[place % 2]
            mention = [f"q{number}x{place}{part}" for part in ("an", "or")]
            words += ["of", *mention]
            spans.append(Span(len(words) - 2, len(words), label))
            pairs.append((" ".join(mention), name))
        text = " ".join(words)
        documents.append(Document(f"d{number:03}", tuple(words), text))
        gold[f"d{number:03}"] = tuple(spans)
        known[text] = pairs
    return documents, gold, Knowledge.of(known)


def reader(model: str) -> AnnotatorSettings:
    return AnnotatorSettings(model, ModelSettings("scripted", model, structured="json_schema"))


def first_line(prompt: str) -> str:
    name = "annotate.v1" if prompt == OWN else template_of(prompt)
    text = render(
        name if "/" in name else f"annotator/{name}",
        goal=FIRST.goal,
        types=TYPES,
        common=(),
        specific=(),
        shown_example=str,
    )
    return text.partition("\n")[0]


def holds(estimate: Estimate | None, value: float) -> bool:
    assert estimate is not None
    return estimate.low <= value <= estimate.high


def test_sensitivities_that_are_known_are_recovered() -> None:
    documents, gold, known = letters(40)
    models = (*POOL, *OUTSIDE)
    design = Design((FIRST, REFINED), tuple(map(reader, models)), frozenset(POOL), PROMPTS, 2, 0.5)
    asker = Scripted(known)
    read = read_cells(design, documents, asker, AnswerSettings(), "letters")
    assert asker.asked == 2 * 4 * 4 * 2 * 40
    rows = {(*cell,): own for cell, own in read.items()}
    found, split = analysed(counts_by_gold(rows, models, PROMPTS, 2, gold), 400, 13)

    heard = sum(map(len, known.texts.values())) / (40 * MENTIONS)
    recall = np.array(
        [
            [
                [heard * (1 - missed(habits_of(model), guided, first_line(prompt))) for prompt in PROMPTS]
                for model in models
            ]
            for guided in (False, True)
        ]
    )
    f1 = 2 * recall / (1 + recall)
    truth = f1[1] - f1[0]
    squares = mean_squares(truth[:, :, None], 1)
    model, prompt, both = (
        max(float(variance(squares, effect, (4, 4, 1, 1), None)), 0.0) ** 0.5 for effect in ((0,), (1,), (0, 1))
    )
    assert truth.mean() > 0.1 and model > 0.08 and 0.005 < prompt < 0.05  # so there is something to find
    assert np.abs(found.gains.mean(axis=2) - truth).max() < 0.1
    assert holds(split.gain, truth.mean())
    assert holds(split.models, model) and split.models is not None and split.models.low > 0.03
    assert holds(split.prompts, prompt)
    assert holds(split.both, both)
    inside, outside = np.array([0, 1]), np.array([2, 3])
    every = np.arange(4)
    fallen = found.difference((outside, every), (inside, every))
    assert holds(fallen, truth[2:].mean() - truth[:2].mean()) and fallen.high < 0
    # A mention more found by one answer: to first order, from the spread of binomial numbers.
    total = 40 * MENTIONS
    per_reading = (
        (2 * total / (total * recall + total) ** 2) ** 2 * heard * total * (recall / heard) * (1 - recall / heard)
    )
    assert split.answers is not None
    assert split.answers.value == pytest.approx(float(per_reading.sum(axis=0).mean() ** 0.5), rel=0.15)
    assert split.documents.value < split.answers.value  # all documents are alike


def test_without_gold_models_that_find_more_agree_more() -> None:
    documents, _, known = letters(15)
    models = (*POOL, OUTSIDE[1])
    design = Design((FIRST, REFINED), tuple(map(reader, models)), frozenset(POOL), (OWN,), 1, 0.5)
    read = read_cells(design, documents, Scripted(known), AnswerSettings(), "letters")
    rows = {(*cell,): own for cell, own in read.items()}
    counts = counts_by_agreement(rows, models, (OWN,), 1)
    one, two, three = ({(row.id, span) for row in rows[1, name, OWN, 0] for span in row.spans} for name in models)
    assert counts[1, 0, 0, 0].sum(axis=0).tolist() == [
        len(one & two) + len(one & three),
        2 * len(one),
        len(two | set()) + len(three),
    ]
    _, split = analysed(counts, 100, 1)
    assert split.gain.low > 0


def test_each_paraphrase_says_all_that_the_prompt_says_in_other_words() -> None:
    guideline = load_guideline(ROOT / "data/conll2003/guideline.yaml")
    told = replace(guideline, common=REFINED.common, specific={"a": (Instruction("MI1_a", "Mind the weather."),)})
    said = []
    for prompt in PROMPTS:
        design = Design((guideline, told), (replace(reader(POOL[0]), name="a"),), frozenset(), PROMPTS, 1, 0.5)
        asker = Scripted(Knowledge({}))
        from diziner.annotator.prompt import messages_for

        [message] = messages_for(Document("d", ("x",), "x"), told, design.reader(Cell(1, "a", prompt, 0)))
        text = " ".join(message.content.split())
        parts = [t.definition for t in told.types] + [
            f'"{one}"' for t in told.types for one in (*t.positive, *t.negative)
        ]
        parts += [told.goal.documents, told.goal.purpose, told.goal.types, told.goal.use]
        parts += [told.common[0].text, "Mind the weather.", '{"entities": []}', "<document> x </document>"]
        for part in parts:
            assert " ".join(part.split()) in text, (prompt, part)
        said.append(text)
        assert asker.asked == 0
    assert len({text.split("<document>")[0] for text in said}) == len(PROMPTS)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"guidelines": (FIRST, replace(FIRST, round=3))}, "same"),
        ({"guidelines": (FIRST, replace(REFINED, types=TYPES[:1]))}, "different types"),
        ({"guidelines": (FIRST, replace(REFINED, left_out=(POOL[0],)))}, "leaves scripted-reader-g35-p05 out"),
        ({"prompts": (OWN, OWN)}, "named twice"),
        ({"prompts": ("breif.v1",)}, "there are: own, brief.v1"),
        ({"prompts": ("../supervisor/x",)}, "no prompt"),
        ({"prompts": ("missing.md",)}, "no such file"),
        ({"models": (reader(POOL[0]), reader(POOL[0]))}, "named twice"),
    ],
)
def test_what_cannot_be_compared_is_refused(change: dict[str, Any], words: str) -> None:
    design = Design((FIRST, REFINED), (reader(POOL[0]),), frozenset(), PROMPTS, 2, 0.5)
    check_design(design)
    with pytest.raises(UserError, match=words):
        check_design(replace(design, **change))


class Place:
    """A project's folder with a corpus of one's own, its guidelines, and settings with readers in the pool and not."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, base_url: str, with_gold: bool) -> None:
        monkeypatch.chdir(folder)
        monkeypatch.setenv("DIZINER_SCRIPTED_KNOWLEDGE", str(folder / "data"))
        documents, gold, _ = letters(6)
        room = folder / "data/letters"
        (room / "corpus").mkdir(parents=True)
        (room / "final").mkdir()
        (room / "benchmark.yaml").write_text("name: letters\n")
        save_guideline(room / "guideline.yaml", FIRST)
        save_guideline(room / "final/guideline.yaml", REFINED)
        rows = [{"id": d.id, "tokens": list(d.tokens), "text": d.text} for d in documents]
        (room / "corpus/test.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
        spans = [{"id": name, "spans": [[s.start, s.end, s.type] for s in own]} for name, own in gold.items()]
        (room / "corpus/gold.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in spans if with_gold))
        lines = []
        for document in documents:
            words = list(document.tokens)
            for span in gold[document.id]:
                words[span.start] = f"[{words[span.start]}"
                words[span.end - 1] += f"|{span.type}]"
            lines.append(" ".join(words))
        (room / "sample.txt").write_text("\n".join(lines) + "\n")
        params = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
        use_scripted(params)
        entry = {**next(iter(params["annotators"].values())), "endpoint": "web", "style": "plain"}
        params["annotators"] = {name: {**entry, "model": f"scripted-reader-{name}"} for name in ("g30-p00", "g10-p00")}
        params["annotator_pool"] = ["g30-p00"]
        params["endpoints"]["web"] = {
            "kind": "hosted",
            "provider": "hosted_vllm",
            "api_base": base_url,
            "concurrency": 4,
            "timeout_s": 60.0,
            "prices": {f"scripted-reader-{name}": {"input": 1.0, "output": 4.0} for name in params["annotators"]},
        }
        (folder / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))

    def run(self, *words: str) -> None:
        parser = argparse.ArgumentParser()
        command.arguments(parser)
        command.run(parser.parse_args(["letters", *words]))


def test_the_plan_counts_what_is_asked_and_nothing_is_asked_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    chosen = ("--prompts", "own,brief.v1", "--documents", "5")
    with ScriptedServer() as server:
        place = Place(tmp_path, monkeypatch, server.base_url, with_gold=True)
        place.run(*chosen, "--dry")
        planned = capsys.readouterr().out
        assert [line.split()[4:6] for line in planned.splitlines() if line.startswith("letters transfer")] == [
            ["40", "0"],
            ["40", "0"],
        ]
        assert "USD" in planned and server.requests == 0
        place.run(*chosen)
        text = capsys.readouterr().out
        assert server.requests == 2 * 2 * 2 * 2 * 5
        # What has no gold is not paid for.
        gold = tmp_path / "data/letters/corpus/gold.jsonl"
        whole = gold.read_text()
        gold.write_text("".join(line for line in whole.splitlines(keepends=True) if '"d005"' not in line))
        with pytest.raises(UserError, match="has 5 test documents with gold"):
            place.run("--documents", "6")
        gold.write_text(whole)
        place.run(*chosen, "--json")
        value = json.loads(capsys.readouterr().out)
        assert server.requests == 80
    assert [(row["name"], row["outside"]) for row in value["models"]] == [("g30-p00", False), ("g10-p00", True)]
    assert value["scored"] == "strict span F1"
    assert [(row["models"], row["prompts"]) for row in value["groups"]] == [
        ("pool", "own prompt"),
        ("pool", "paraphrased"),
        ("outside", "own prompt"),
        ("outside", "paraphrased"),
    ]
    gain = value["split"]["guideline"]
    assert gain["value"] == pytest.approx(np.mean([row["gain"]["value"] for row in value["models"]]), abs=1e-6)
    assert f"{100 * gain['value']:+.1f}  [{100 * gain['low']:+.1f}, {100 * gain['high']:+.1f}]" in " ".join(
        text.split(" ")
    ).replace("   ", "  ")
    assert "outside less pool" in text and "80 readings, 0 of them unreadable" in text


def test_texts_without_gold_are_read_by_agreement(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with ScriptedServer() as server:
        place = Place(tmp_path, monkeypatch, server.base_url, with_gold=False)
        with pytest.raises(UserError, match="letters has no gold"):
            place.run("--by", "gold")
        with pytest.raises(UserError, match="name two at least"):
            place.run("--models", "g30-p00")
        place.run("--prompts", "own", "--samples", "1")
        text = capsys.readouterr().out
        assert server.requests == 2 * 2 * 6
    assert "agreement with the other models" in text
    assert text.count("cannot be told") == 4  # others like these (without gold), prompts, model by prompt, sampling
    for words, said in (
        (("--models", "g30-p00,,"), "empty name"),
        (("--models", "nobody"), "no annotator 'nobody'"),
        (("--documents", "7"), "has 6 test documents"),
        (("--refined", "data/letters/rounds/r1/guideline.yaml"), "not there"),
    ):
        with pytest.raises(UserError, match=said):
            place.run(*words)
