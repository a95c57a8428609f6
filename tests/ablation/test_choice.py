"""Choice among configurations by agreement: over the same annotators and documents, ties to the plainest."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
import yaml
from projects import ROOT

from diziner.ablation.agreement import draw_documents, mean_difference, resampled_agreement
from diziner.ablation.choice import Choice, choice_to_json, choose
from diziner.ablation.pilot import PilotRound, instruction_words
from diziner.ablation.profiles import profile_of, profile_text
from diziner.ablation.takeover import takeover_command
from diziner.ablation.variants import changed
from diziner.agreement.analysis import analyse
from diziner.common.errors import UserError
from diziner.common.files import check
from diziner.guideline.file import guideline_to_json
from diziner.records.annotations import LEFT_OUT, Annotation, Failure, Span, taking_part
from diziner.records.documents import Document
from diziner.records.guideline import Example, Goal, Guideline, Instruction

NAMES = ("ada", "ben", "cleo", "dan")
DOCUMENTS = tuple(Document(f"d{number:02}", tuple("abcdefgh"), "a b c d e f g h") for number in range(40))


def run_of(sloppy: float, words: int, seed: int, names: Sequence[str] = NAMES, failing: float = 0.0) -> PilotRound:
    """A round in which each annotator leaves out, with the chance `sloppy`, each of the spans that all could see."""
    chance = random.Random(seed)
    rows: dict[str, list[Annotation]] = {name: [] for name in names}
    for document in DOCUMENTS:
        seen = [Span(start, start + 1, chance.choice("XY")) for start in range(0, 8, 2)]
        for own in rows.values():
            kept = tuple(span for span in seen if chance.random() >= sloppy)
            failed = chance.random() < failing
            own.append(
                Annotation(document.id, failure=Failure("timeout", "")) if failed else Annotation(document.id, kept)
            )
    return PilotRound(1, DOCUMENTS, rows, words)


def chosen(runs: Mapping[str, PilotRound], changes: Mapping[str, int] | None = None) -> Choice:
    there = {name: {"news": run} for name, run in runs.items()}
    return choose(there, dict.fromkeys(runs, 1) | dict(changes or {}), 1000, seed=13)


def test_agreement_compared_is_that_of_the_analysis_over_the_same_annotators_failures_included() -> None:
    run = run_of(0.3, 0, seed=1, failing=0.1)
    drawn = draw_documents({"news": len(DOCUMENTS)}, 3, seed=13)["news"]
    for names in (NAMES, NAMES[1:], ("ada", "dan")):
        rows = {name: run.annotations[name] for name in names}
        expected = analyse(DOCUMENTS, rows, ["X", "Y"]).agreement
        found = resampled_agreement(run, names, drawn)
        assert found.value == pytest.approx(expected.overall, abs=1e-12)
        assert found.value == pytest.approx(analyse(DOCUMENTS, run.annotations, ["X", "Y"]).agreement.among(names))
        # A resample is the analysis of the drawn documents, a document drawn twice counting twice.
        for sample, numbers in zip(found.samples, drawn, strict=True):
            again = {
                name: [replace(own[place], id=f"n{number}") for number, place in enumerate(numbers)]
                for name, own in rows.items()
            }
            documents = [replace(DOCUMENTS[place], id=f"n{number}") for number, place in enumerate(numbers)]
            assert sample == pytest.approx(analyse(documents, again, ["X", "Y"]).agreement.overall, abs=1e-12)


def test_the_interval_pairs_documents_and_is_that_of_plain_loops() -> None:
    one, other = run_of(0.2, 0, seed=2), run_of(0.3, 0, seed=3)
    drawn = draw_documents({"news": len(DOCUMENTS)}, 200, seed=13)["news"]
    found = mean_difference(
        {"news": resampled_agreement(one, NAMES, drawn)}, {"news": resampled_agreement(other, NAMES, drawn)}
    )
    differences = [plain_agreement(one, row) - plain_agreement(other, row) for row in drawn.tolist()]
    low, high = np.percentile(differences, (2.5, 97.5))
    everything = list(range(len(DOCUMENTS)))
    assert found.difference == pytest.approx(
        plain_agreement(one, everything) - plain_agreement(other, everything), abs=1e-6
    )
    assert (found.low, found.high) == pytest.approx((low, high), abs=1e-6)


def plain_agreement(run: PilotRound, numbers: Sequence[int]) -> float:
    scores = []
    for first, second in combinations(NAMES, 2):
        equal = spans = 0
        for number in numbers:
            a, b = set(run.annotations[first][number].spans), set(run.annotations[second][number].spans)
            equal, spans = equal + len(a & b), spans + len(a) + len(b)
        scores.append(2 * equal / spans if spans else 1.0)
    return sum(scores) / len(scores)


def test_a_clear_gain_in_agreement_is_chosen_however_long_its_guideline() -> None:
    found = chosen({"as it is": run_of(0.4, 0, seed=4), "relaxed": run_of(0.05, 900, seed=5)})
    assert (found.chosen, found.plainest) == ("relaxed", "as it is")
    change = found.candidates["relaxed"].change
    assert change is not None and 0 < change.low < change.difference < change.high
    assert found.candidates["as it is"].change is None
    assert found.reason.startswith("agreement is higher than in 'as it is', the plainest, by +0.")


def test_where_the_interval_holds_zero_the_plainest_is_chosen_though_another_agrees_more() -> None:
    runs = {"aggressive": run_of(0.3, 300, seed=8), "stable": run_of(0.3, 40, seed=6)}
    for name in runs:  # in whichever order they are named
        found = chosen(dict(sorted(runs.items(), reverse=name == "stable")))
        assert found.plainest == found.chosen == "stable"
    change = found.candidates["aggressive"].change
    assert change is not None and change.low < 0 < change.difference
    assert "holds 0" in found.reason


def test_equal_words_go_to_fewer_changed_settings_then_to_the_one_named_first() -> None:
    same = run_of(0.3, 40, seed=6)
    assert chosen({"b": same, "a": same}, {"b": 3, "a": 2}).chosen == "a"
    assert chosen({"b": same, "a": same}).chosen == "b"


def test_among_those_that_are_better_ties_go_to_the_plainest_too() -> None:
    runs = {
        "long": run_of(0.1, 500, seed=10),
        "base": run_of(0.5, 0, seed=9),
        "short": run_of(0.1, 50, seed=11),
        "middling": run_of(0.3, 20, seed=12),
    }
    found = chosen(runs)
    # `middling` is plainer and better than the plainest, too, but clearly below the highest.
    assert list(found.candidates) == ["base", "middling", "short", "long"]
    assert found.candidates["long"].agreement > found.candidates["short"].agreement
    assert found.chosen == "short"
    assert "'long' agrees more still, but not clearly" in found.reason


def test_equal_configurations_are_told_apart_as_often_as_an_interval_of_95_percent_should() -> None:
    """In 120 pairs of equal configurations on 25 documents, 1 in 40 is expected to be taken for better."""
    wrong = 0
    for seed in range(120):
        pair = {name: run_of(0.3, words, 2 * seed + words) for name, words in (("plain", 0), ("long", 1))}
        short = {name: first_documents(run, 25) for name, run in pair.items()}
        wrong += (
            choose({name: {"news": run} for name, run in short.items()}, dict.fromkeys(pair, 1), 400, 13).chosen
            == "long"
        )
    assert wrong <= 8  # the chance of more is 1 in 100


def first_documents(run: PilotRound, count: int) -> PilotRound:
    rows = {name: own[:count] for name, own in run.annotations.items()}
    return replace(run, documents=run.documents[:count], annotations=rows)


def test_only_annotators_of_all_runs_count() -> None:
    """Without its worst, every pool agrees better: that alone is no gain."""
    run = run_of(0.2, 0, seed=14)
    worst = [Annotation(document.id) for document in DOCUMENTS]
    away = [Annotation(document.id, failure=Failure(LEFT_OUT, "by the guideline")) for document in DOCUMENTS]
    everybody = replace(run, annotations={**run.annotations, "worst": worst})
    dropped = replace(run, annotations=taking_part({**run.annotations, "worst": away}))
    found = chosen({"as it is": everybody, "drop-worst": dropped})
    assert found.annotators["news"] == NAMES
    change = found.candidates["drop-worst"].change
    assert change is not None and (change.difference, change.low, change.high) == (0, 0, 0)
    assert found.chosen == "as it is"


def test_what_cannot_be_compared_is_refused() -> None:
    run = run_of(0.2, 0, seed=14)
    others = replace(run, documents=DOCUMENTS[::-1])
    with pytest.raises(UserError, match=r"^news: 'a' and 'b' labelled different pilot documents; .*corpus\.pilot"):
        chosen({"a": run, "b": others})
    strangers = replace(run, annotations={f"new {name}": own for name, own in run.annotations.items()})
    with pytest.raises(UserError, match="fewer than two annotators took part in all of 'a', 'b'"):
        chosen({"a": run, "b": strangers})


def test_one_choice_for_all_benchmarks_is_by_their_mean_and_each_is_shown() -> None:
    before, after, other = run_of(0.4, 0, seed=4), run_of(0.05, 30, seed=5), run_of(0.4, 30, seed=15)
    runs = {"base": {"news": before, "tweets": before}, "relaxed": {"news": after, "tweets": other}}
    found = choose(runs, {"base": 0, "relaxed": 4}, 1000, seed=13)
    own = found.candidates["relaxed"]
    parts = [own.benchmarks[name].change for name in ("news", "tweets")]
    assert own.change and own.words == 60
    assert own.change.difference == pytest.approx(sum(part.difference for part in parts if part) / 2, abs=1e-6)
    value = choice_to_json(found, "diziner use paper")
    check(value, "choice", "the choice")
    assert value["candidates"]["relaxed"]["change"]["low"] == own.change.low


def test_words_are_those_of_all_lines_and_their_examples() -> None:
    child = Instruction("C1.2", "not even then", (Example("two words", "person", "a reason"),))
    top = Instruction("C1.1", "Mark it", children=(child,))
    own = Instruction("S1.1", "You too")
    guideline = Guideline("news", 1, Goal("", "", "", ""), (), (), (top,), {"ada": (own,)})
    assert instruction_words(guideline_to_json(guideline)) == 2 + 3 + 2 + 2


def test_the_command_gives_just_the_settings_that_were_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    embedded, paper = profile_text("embedded", []), profile_text("paper", ["stable"])
    fixed = profile_text("paper", ["fixed-pilot"])
    relaxed = profile_text("paper", ["fixed-pilot", "relaxed"])
    assert takeover_command(embedded, relaxed, "paper", ["fixed-pilot"], ["relaxed"]) == (
        "diziner use paper --with fixed-pilot relaxed"
    )
    # From what `diziner use` made: its own variants stay, unless they do not go with the chosen one.
    assert profile_of(paper) == ("paper", "stable")
    coalition = profile_text("paper", ["stable", "coalition"])
    assert takeover_command(paper, coalition, None, [], ["coalition"]) == "diziner use paper --with stable coalition"
    wanted = changed(
        paper,
        {"supervisor.max_common": 5, "supervisor.max_patterns": 8}
        | {"supervisor.max_specific": 3, "supervisor.max_change": 0.2},
    )
    line = takeover_command(paper, wanted, None, [], ["relaxed"])
    assert line.startswith("dvc exp run -S ++supervisor.max_common=5 ")
    # From a person's own settings.
    own = changed(fixed, {"corpus.seed": 14})
    assert profile_of(own) is None
    assert takeover_command(own, own, None, ["fixed-pilot"], []) == ""
    assert yaml.safe_load(relaxed)["corpus"]["pilot"]["mode"] == "fixed"
