"""Scripted annotators that know a corpus: good, never perfect, better with the right instructions."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from diziner.common.errors import UserError
from diziner.records.annotations import Span
from diziner.records.documents import Document
from diziner.scoring.strict import strict_span_scores
from diziner.scripted.brain import answer
from diziner.scripted.knowledge import VARIABLE, Knowledge, knowledge_from_environment, knowledge_in
from diziner.spans.brackets import parse_brackets
from diziner.spans.matching import match_answers

NAMES = {"PER": "person", "LOC": "location", "ORG": "organization", "MISC": "other name"}
SAMPLE = """\
== pilot ==
[Ilse Vandermeer|PER] left [Ghent|LOC] for [Porto|LOC] last spring .
The [Harbour Trust|ORG] hired [Tomas Lindgren|PER] as chairman .
[Kestrel Airways|ORG] will fly from [Oslo|LOC] to [Accra|LOC] .
Farmers near [Lake Tana|LOC] met [Ministry of Water|ORG] officials .
A [Dutch|MISC] crew filmed [Amina Bello|PER] in [Kano|LOC] .
# A comment .
[Rovers|ORG] beat [Athletic|ORG] 2 - 1 in [Leeds|LOC] .
The [Winter Cup|MISC] opens on Friday in [Turin|LOC] .
[Okafor|PER] told [Radio Nova|ORG] that talks had failed .
Prices rose again in March .
[Bluestone Mining|ORG] sold its [Chilean|MISC] copper unit .
== test ==
[Pavel Horak|PER] of [Charles University|ORG] won the [Delta Prize|MISC] .
The [Irish|MISC] senate thanked [Mary Quill|PER] .
[Sato|PER] and [Nakamura|PER] reached the final in [Osaka|LOC] .
Nobody from the [Union of Carters|ORG] came to [Bonn|LOC] .
[Marisol Vega|PER] sings [Spanish|MISC] ballads in [Lima|LOC] .
[Northgate Bank|ORG] opened an office in [Cardiff|LOC] .
The [Treaty of Sark|MISC] was signed by [Edmund Frost|PER] .
[Quito|LOC] and [La Paz|LOC] share a problem .
[Halvorsen Foods|ORG] named [Ingrid Dahl|PER] its director .
Rain is expected in [Galway|LOC] on Sunday .
"""
PROMPT = "\n".join(f"- {name}: a kind of name" for name in NAMES.values())

Corpus = list[tuple[Document, tuple[Span, ...]]]


def corpus_of(sample: str) -> Corpus:
    lines = [line for line in sample.splitlines() if not line.startswith(("# ", "== "))]
    parsed = [parse_brackets(line) for line in lines]
    return [(Document(str(n), tokens, " ".join(tokens)), spans) for n, (tokens, spans) in enumerate(parsed)]


CORPUS = corpus_of(SAMPLE)
KNOWLEDGE = Knowledge.of(
    {
        document.text: [(" ".join(document.tokens[s.start : s.end]), NAMES[s.type]) for s in spans]
        for document, spans in CORPUS
    }
)


def f1(model: str, instructions: Sequence[str] = (), seed: int = 0, knowledge: Knowledge | None = KNOWLEDGE) -> float:
    labels = {name: label for label, name in NAMES.items()}
    schema = {"properties": {"entities": {"items": {"properties": {"type": {"enum": list(labels)}}}}}}
    guidance = "\n".join(["<instructions>", *instructions, "</instructions>"])
    gold: dict[str, Sequence[Span]] = {}
    predicted: dict[str, Sequence[Span]] = {}
    for document, spans in CORPUS:
        content = f"{PROMPT}\n{guidance}\n<document>\n{document.text}\n</document>"
        raw = answer([{"role": "user", "content": content}], model, seed, schema, knowledge)
        pairs = [(entity["text"], labels[entity["type"]]) for entity in json.loads(raw)["entities"]]
        gold[document.id] = spans
        predicted[document.id] = match_answers(document, pairs, list(NAMES)).spans
    return strict_span_scores(gold, predicted).micro.f1


def test_careful_is_good_and_never_perfect() -> None:
    scores = [f1("scripted-careful", seed=seed) for seed in range(8)]
    assert all(0.3 < score < 0.97 for score in scores)
    assert len(set(scores)) > 1


def test_annotators_rank_as_their_names_say() -> None:
    mean: Mapping[str, float] = {
        name: sum(f1(f"scripted-{name}", seed=seed) for seed in range(4)) / 4
        for name in ("careful", "eager", "random", "lazy")
    }
    assert mean["careful"] > mean["eager"] > mean["random"] > mean["lazy"] == 0.0


def test_knowledge_helps() -> None:
    assert f1("scripted-careful") > f1("scripted-careful", knowledge=None) + 0.2


def test_true_instructions_help_and_false_ones_hurt() -> None:
    true = ['Label "Oslo" as location.', 'Label "Okafor" as person.', 'Label "Winter Cup" as other name.']
    false = ['Label "Oslo" as person.', 'Label "Okafor" as location.', 'Never label "Winter Cup".']
    helped, hurt, left = ([f1("scripted-shy", lines, seed) for seed in range(4)] for lines in (true, false, ()))
    assert all(more >= plain > less for more, plain, less in zip(helped, left, hurt, strict=True))
    assert sum(helped) > sum(left)


def test_one_mention_in_twenty_is_forgotten_and_at_least_one() -> None:
    total = sum(len(spans) for _, spans in CORPUS)
    known = sum(len(KNOWLEDGE.mentions(document.text, NAMES.values()) or ()) for document, _ in CORPUS)
    assert total - known == -(-total // 20)
    assert Knowledge.of({"Oslo .": [("Oslo", "location")]}).mentions("Oslo .", {"location"}) == ()


def test_texts_are_known_whatever_their_spacing_and_only_under_their_scheme() -> None:
    knowledge = Knowledge.of({"Ann , of Oslo .": [("Ann", "person"), ("Oslo", "location")], "It rains .": []})
    kept = knowledge.mentions("Ann, of Oslo.", {"person", "location"})
    assert kept is not None
    assert len(kept) == 1
    assert knowledge.mentions("Ann , of Oslo .", {"gene"}) is None
    assert knowledge.mentions("It rains .", {"gene"}) == ()
    assert knowledge.mentions("Who knows ?", {"person"}) is None


@pytest.fixture
def data(tmp_path: Path) -> Path:
    room = tmp_path / "invented"
    room.mkdir()
    (room / "sample.txt").write_text(SAMPLE, encoding="utf-8")
    types = [{"label": label, "name": name} for label, name in NAMES.items()]
    (room / "guideline.yaml").write_text(json.dumps({"types": types}), encoding="utf-8")
    return tmp_path


def test_the_environment_names_a_directory_of_samples(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    assert knowledge_from_environment() is None
    monkeypatch.setenv(VARIABLE, str(data))
    assert knowledge_from_environment() == KNOWLEDGE


def test_without_a_guideline_labels_are_the_names(data: Path) -> None:
    (data / "invented" / "guideline.yaml").unlink()
    text = CORPUS[2][0].text
    assert set(knowledge_in(data).mentions(text, NAMES) or ()) <= {
        ("Kestrel Airways", "ORG"),
        ("Oslo", "LOC"),
        ("Accra", "LOC"),
    }


def test_faulty_samples_are_reported_with_file_and_line(data: Path, tmp_path: Path) -> None:
    sample = data / "invented" / "sample.txt"
    sample.write_text("== pilot ==\nFine .\n[Oslo|LOC is open\n", encoding="utf-8")
    with pytest.raises(UserError, match=r"sample\.txt:3: "):
        knowledge_in(data)
    with pytest.raises(UserError, match=r"no \*/sample\.txt in it"):
        knowledge_in(tmp_path / "nowhere")
