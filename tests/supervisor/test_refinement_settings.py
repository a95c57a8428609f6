"""Settings of refinement in a run: who is left out, what is taken back, when it stops, who predicts."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from projects import Project, copy_project, use_scripted
from stage_runs import (
    BENCHMARK,
    add_annotators,
    answers,
    params_of,
    read,
    rows,
    run_predictions,
    run_round,
    run_rounds,
    stage,
    standing_in,
    use_variants,
)

from diziner.common.errors import UserError
from diziner.layout import store_path
from diziner.llm.store import ResponseStore
from diziner.llm.tape import TapeRow
from diziner.pipeline.prediction import predict
from diziner.settings import load_settings

MORE = {"scripted_other": "scripted-careful-2", "scripted_lazy": "scripted-lazy"}


@pytest.fixture
def project(make_project: Callable[..., Project]) -> Project:
    return make_project(BENCHMARK)


@pytest.fixture(scope="module")
def left_out(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Three rounds with DVC, one annotator of five being lazy, and the coalition's vote."""
    made = copy_project(tmp_path_factory.mktemp("left_out") / "project", (BENCHMARK,))
    made.edit_params(use_scripted)
    add_annotators(made, **MORE)
    made.edit_params(lambda params: params["corpus"]["pilot"].update(documents=5))
    use_variants(made, "rounds-3", "drop-worst", "coalition")
    made.edit_params(lambda params: params["supervisor"].update(drop_worst_margin=0.05))
    made.edit_params(lambda params: params["disagreement"].update(consensus="bio"))
    made.diziner("repro", "-j", "2")
    return made


def is_supervisor(request: Mapping[str, Any]) -> bool:
    return str(request["model"]) == "scripted-supervisor"


def record(project: Project, number: int) -> Any:
    return read(project, f"rounds/r{number}/refinement.json")


def common(project: Project, number: int) -> list[Any]:
    return list(read(project, f"rounds/r{number}/guideline.yaml")["instructions"]["common"])


def overall(project: Project, number: int) -> float:
    return float(read(project, f"rounds/r{number}/agreement.json")["overall"])


# An annotator that is left out.


def test_a_lazy_annotator_is_not_asked_from_round_two_on(left_out: Project) -> None:
    for number in (0, 1):
        assert all(row["responses"] for row in read(left_out, f"rounds/r{number}/annotations/scripted_lazy.jsonl"))
    last = read(left_out, "rounds/r2/annotations/scripted_lazy.jsonl")
    assert last
    for row in last:
        assert row["failure"]["code"] == "left_out" and not row["responses"]
    assert read(left_out, "rounds/r2/tallies/scripted_lazy.json")["failures"] == {"left_out": len(last)}
    # Nobody asked it about the documents of round 2.
    texts = {row["text"] for row in read(left_out, "corpus/pilot/r2.jsonl")}
    asked = [
        request["messages"][-1]["content"] for _, request, _ in rows(left_out) if request["model"] == "scripted-lazy"
    ]
    assert asked and not [text for text in texts if any(text in message for message in asked)]


def test_who_is_left_out_is_nowhere_in_that_rounds_figures(left_out: Project) -> None:
    for number, names in ((1, []), (2, ["scripted_lazy"])):
        assert read(left_out, f"rounds/r{number}/guideline.yaml").get("left_out", []) == names
        assert record(left_out, number)["left_out"] == names
    others = {"scripted_careful", "scripted_eager", "scripted_shy", "scripted_other"}
    for number, expected in ((1, others | {"scripted_lazy"}), (2, others)):
        agreement = read(left_out, f"rounds/r{number}/agreement.json")
        assert set(agreement["annotators"]) == set(agreement["mean"]) == set(agreement["weights"]) == expected
        assert set(read(left_out, "final/scores.json")["pilot"][str(number)]) == expected
    for spot in read(left_out, "rounds/r2/hotspots.jsonl"):
        assert set(spot["labels"]) == others
    metrics = json.loads((left_out.folder / f"data/{BENCHMARK}/rounds/r2/metrics.json").read_text())
    assert metrics["failed_share"] == 0.0
    assert read(left_out, "final/selection.json")["annotator"] in others


def test_the_report_of_a_run_with_somebody_left_out_says_so(left_out: Project) -> None:
    page = (left_out.folder / "report.html").read_text()
    data = json.loads(re.search(r'id="data">(.*?)</script>', page, re.DOTALL)[1])  # type: ignore[index]
    text = json.dumps(data)
    assert '"left_out": ["scripted_lazy"]' in text or '"left_out":["scripted_lazy"]' in text
    assert left_out.diziner_here("summary").returncode == 0


def test_that_run_is_up_to_date_for_dvc_itself_afterwards(left_out: Project) -> None:
    assert "Data and pipelines are up to date." in left_out.dvc("repro").stdout


# A guideline that is taken back.


def sabotage(project: Project, number: int) -> None:
    """Put bad answers in place of the supervisor's instructions that led to a round: each forbids to mark a string
    that annotators agreed on. Then run the refinement again, from the store."""
    agreed = agreed_strings(project, number - 1)
    assert agreed
    store = ResponseStore(project.folder / store_path())
    keys = set(record(project, number)["responses"])
    changed: list[TapeRow] = []
    for key, request, response in rows(project):
        if key in keys and '"instructions"' in json.dumps(request["schema"]):
            string = agreed[len(changed) % len(agreed)]
            line = {"text": f'Never label "{string}": it is no entity, and no person.', "examples": [], "replaces": ""}
            changed.append((key, request, replace(response, text=json.dumps({"instructions": [line]}))))
    assert changed
    store.remove([key for key, _, _ in changed])
    store.put_rows(changed)
    store.close()
    before = answers(project)
    stage(project, "refine", "--round", str(number))
    assert answers(project) == before


def agreed_strings(project: Project, number: int) -> list[str]:
    """Strings that two annotators at least mark alike, most often marked first."""
    tokens = {row["id"]: row["tokens"] for row in read(project, f"corpus/pilot/r{number}.jsonl")}
    votes: dict[tuple[str, int, int, str], int] = {}
    for name in params_of(project)["annotator_pool"]:
        for row in read(project, f"rounds/r{number}/annotations/{name}.jsonl"):
            for start, end, label in row["spans"] or ():
                votes[row["id"], start, end, label] = votes.get((row["id"], start, end, label), 0) + 1
    agreed = sorted((-count, " ".join(tokens[id_][start:end])) for (id_, start, end, _), count in votes.items())
    return list(dict.fromkeys(string for count, string in agreed if count < -1))


def test_a_round_under_which_agreement_fell_is_taken_back_and_not_tried_again(project: Project) -> None:
    use_variants(project, "rounds-3", "accept-agreement")
    run_round(project, 0)
    stage(project, "refine", "--round", "1")
    sabotage(project, 1)
    bad = [line["text"] for line in common(project, 1)]
    assert bad and all(text.startswith("Never label") for text in bad)
    for name in params_of(project)["annotator_pool"]:
        stage(project, "annotate", "--annotator", name, "--round", "1")
    stage(project, "disagree", "--round", "1")
    assert overall(project, 1) < overall(project, 0), "the bad guideline did no harm: nothing is tested"
    run_round(project, 2)
    said = record(project, 2)
    assert said["accepted"] is False
    assert set(bad) <= set(said["rejected"])
    assert said["agreement"] == overall(project, 0)
    last = read(project, "rounds/r2/guideline.yaml")
    assert last["round"] == 2
    assert not {line["text"] for line in last["instructions"]["common"]} & set(bad)
    told = [str(request) for key, request, _ in rows(project) if key in said["responses"]]
    assert told and all("Tried before and taken back" in text and bad[0][13:20] in text for text in told)
    stage(project, "select")
    assert read(project, "final/selection.json")["round"] != 1


def test_without_the_setting_a_bad_round_is_built_on(project: Project) -> None:
    use_variants(project, "rounds-3")
    project.edit_params(lambda params: params["corpus"]["pilot"].update(mode="fixed"))
    run_round(project, 0)
    stage(project, "refine", "--round", "1")
    sabotage(project, 1)
    for name in params_of(project)["annotator_pool"]:
        stage(project, "annotate", "--annotator", name, "--round", "1")
    stage(project, "disagree", "--round", "1")
    stage(project, "refine", "--round", "2")
    first, second = ({line["text"] for line in common(project, number)} for number in (1, 2))
    assert first and first <= second
    assert record(project, 2)["accepted"] and not record(project, 2)["rejected"]


# Refinement that ends.


def test_after_agreement_has_settled_nobody_is_asked_anything_more(project: Project) -> None:
    use_variants(project, "rounds-5", "early-stop")
    project.edit_params(lambda params: params["supervisor"].update(stop_below=0.9))
    added = run_rounds(project)
    assert added[0] and added[1]
    # On the same documents, by the same guideline, also annotators have answered everything before.
    assert added[2:] == [0, 0, 0]
    for number in (2, 3, 4):
        said = record(project, number)
        assert said["stopped"] and said["kept_previous"] and not said["responses"] and not said["phases"]
    stood = common(project, 1)
    assert [line["receipt"]["status"] for line in stood] == ["new"] * len(stood)
    retained = [{**line, "receipt": {**line["receipt"], "status": "retained"}} for line in stood]
    for number in (2, 3, 4):
        assert read(project, f"rounds/r{number}/guideline.yaml")["round"] == number
        assert common(project, number) == retained
    assert len({overall(project, number) for number in (1, 2, 3, 4)}) == 1


def test_refinement_goes_on_while_agreement_moves(project: Project) -> None:
    use_variants(project, "rounds-3", "early-stop")
    run_rounds(project)
    assert not record(project, 2)["stopped"] and record(project, 2)["responses"]


# The vote of the coalition.


def test_the_coalition_s_vote_predicts(left_out: Project) -> None:
    selection = read(left_out, "final/selection.json")
    agreement = read(left_out, f"rounds/r{selection['round']}/agreement.json")
    voters = {name: voter["weight"] for name, voter in selection["voters"].items()}
    assert set(voters) == set(agreement["coalition"]) and len(voters) > 1
    assert selection["consensus"] == params_of(left_out)["disagreement"]["consensus"] == "bio"
    predicted = read(left_out, "final/predictions.selected.jsonl")
    keys = {key: request["model"] for key, request, _ in rows(left_out)}
    models = {params_of(left_out)["annotators"][name]["model"] for name in voters}
    assert all({keys[key] for key in row["responses"]} == models for row in predicted)
    assert any(row["spans"] for row in predicted)
    assert all(not row["failure"] for row in predicted)


def test_a_voter_that_fails_is_no_vote_and_only_a_document_that_all_fail_is_a_failure(
    left_out: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Weights 3, 2, 2: the first decides alone where one of the others failed, and is outvoted where they agree."""
    from diziner.annotator.annotate import Annotated
    from diziner.annotator.settings import AnnotatorSettings
    from diziner.guideline.file import load_guideline
    from diziner.records.annotations import Annotation, Failure, Span
    from diziner.records.documents import Document
    from diziner.records.selection import Selection, Voter
    from diziner.records.usage import Usage

    person, place = Span(0, 1, "PER"), Span(0, 1, "LOC")
    lost = Failure("truncated", "cut off")
    given: dict[str, list[Failure | tuple[Span, ...]]] = {
        "a": [(person,), (person,), lost, lost],
        "b": [(place,), (place,), (place,), lost],
        "c": [(place,), lost, (), lost],
    }
    documents = [Document(f"d{k}", ("Bonn", "won"), "Bonn won") for k in range(4)]

    def annotate(documents: Any, guideline: Any, annotator: AnnotatorSettings, *_: object) -> Annotated:
        rows = [
            Annotation(d.id, failure=what, responses=(f"{annotator.name}{d.id}",))
            if isinstance(what, Failure)
            else Annotation(d.id, spans=what, responses=(f"{annotator.name}{d.id}",))
            for d, what in zip(documents, given[annotator.name], strict=True)
        ]
        return Annotated(rows, [Usage(f"{annotator.name}{d.id}", "scripted", "m", 1, 1) for d in documents])

    monkeypatch.setattr("diziner.pipeline.prediction.annotate", annotate)
    settings = {"endpoint": "scripted", "model": "scripted-careful"}
    voters = {name: Voter(weight, settings) for name, weight in (("a", 3 / 7), ("b", 2 / 7), ("c", 2 / 7))}
    selection = Selection(0, "a", settings, {0: 0.5}, {}, voters)
    guideline = load_guideline(left_out.folder / f"data/{BENCHMARK}/guideline.yaml")
    with standing_in(left_out):
        found, usage = predict(documents, guideline, selection, None, "test", load_settings().answers)  # type: ignore[arg-type]
    assert len(usage) == 12
    # d2: b and c are equally heavy and differ, and a tie is no entity.
    assert [row.spans for row in found] == [(place,), (person,), (), ()]
    assert [row.failure is not None for row in found] == [False, False, False, True]
    assert found[3].failure and found[3].failure.detail.startswith("all 3 voters failed")
    assert found[0].responses == ("ad0", "bd0", "cd0")


@pytest.mark.parametrize(("consensus", "bounds"), [("io", [(0, 2)]), ("bio", [(0, 1), (1, 2)])])
def test_voters_keep_adjacent_mentions_apart_where_the_selection_says_so(
    left_out: Project, monkeypatch: pytest.MonkeyPatch, consensus: str, bounds: list[tuple[int, int]]
) -> None:
    from diziner.annotator.annotate import Annotated
    from diziner.annotator.settings import AnnotatorSettings
    from diziner.guideline.file import load_guideline
    from diziner.pipeline.selection import select
    from diziner.records.agreement import agreement_from_json
    from diziner.records.annotations import Annotation, Span
    from diziner.records.documents import Document
    from diziner.records.selection import selection_from_json, selection_to_json

    def annotate(documents: Any, guideline: Any, annotator: AnnotatorSettings, *_: object) -> Annotated:
        return Annotated([Annotation("d0", (Span(0, 1, "ORG"), Span(1, 2, "ORG")))], [])

    monkeypatch.setattr("diziner.pipeline.prediction.annotate", annotate)
    agreement = agreement_from_json(read(left_out, "rounds/r0/agreement.json"))
    entries = params_of(left_out)["annotators"]
    selection = selection_from_json(selection_to_json(select({0: agreement}, entries, "coalition", consensus)))
    guideline = load_guideline(left_out.folder / f"data/{BENCHMARK}/guideline.yaml")
    document = Document("d0", ("CSU", "SPD"), "CSU SPD")
    with standing_in(left_out):
        found, _ = predict([document], guideline, selection, None, "test", load_settings().answers)  # type: ignore[arg-type]
    assert [(span.start, span.end) for span in found[0].spans] == bounds


def test_plan_counts_the_calls_of_every_voter(project: Project) -> None:
    add_annotators(project, scripted_other="scripted-careful-2", scripted_third="scripted-eager-2")
    use_variants(project, "coalition")
    run_rounds(project)
    voters = read(project, "final/selection.json")["voters"]
    assert len(voters) > 1
    planned = project.diziner_here("plan", BENCHMARK).stdout
    total = next(line for line in planned.splitlines() if line.startswith("total")).split()
    for name in voters:
        assert f"{BENCHMARK} test by the selected guideline, {name}" in planned
    before = answers(project)
    run_predictions(project)
    assert answers(project) - before == int(total[1]) > 0


# Gold.


def test_with_every_setting_in_use_the_label_free_part_never_sees_gold(make_project: Callable[..., Project]) -> None:
    """Gold is taken away; every byte but its own file and the counts of it stays, predictions and tallies included."""
    found = {}
    for name in ("with", "without"):
        project = make_project(BENCHMARK, name=name)
        add_annotators(project, **MORE)
        use_variants(project, "rounds-3", "drop-worst", "accept-agreement", "early-stop", "coalition")
        if name == "without":
            sample = project.folder / f"data/{BENCHMARK}/sample.txt"
            sample.write_text(re.sub(r"\[((?:\\.|[^\]\\|])*)\|\w+\]", r"\1", sample.read_text()))
        run_rounds(project)
        run_predictions(project)
        found[name] = {p: data for p, data in project.outputs().items() if Path(p).stem not in {"gold", "manifest"}}
    assert found["with"] == found["without"]
    for part in (
        "tallies/",
        "report.md",
        "selection.json",
        "refinement.json",
        "predictions.selected",
        "/metrics.json",
    ):
        assert any(part in path for path in found["with"]), part


def test_supervision_by_gold_tells_the_supervisor_that_it_is_gold(project: Project) -> None:
    use_variants(project, "gold-supervised")
    run_rounds(project)
    evidence = read(project, "gold/r0/disagreements.json")
    gold = {row["id"]: row["spans"] for row in read(project, "corpus/gold.jsonl")}
    examples = [example for group in evidence["groups"] for example in group["examples"]]
    assert examples and all(example["agreeing"][0] == "gold labels" for example in examples)
    marked = [e for e in examples if [e["start"], e["end"], e["consensus"]] in gold[e["document"]]]
    assert marked, "no example is about a gold mention"
    told = [str(request) for key, request, _ in rows(project) if key in record(project, 1)["responses"]]
    assert told and all("it means gold labels: they are right" in text for text in told)
    assert not any("majority vote" in text for text in told)
    report = (project.folder / f"data/{BENCHMARK}/gold/r0/report.md").read_text()
    assert "Reference: the gold labels." in report and "not shown here" not in report
    usual = (project.folder / f"data/{BENCHMARK}/rounds/r0/report.md").read_text()
    from diziner.guideline.file import load_guideline

    types = load_guideline(project.folder / f"data/{BENCHMARK}/guideline.yaml").types
    for shown in (report, usual):
        assert all(f"{t.name} ({t.label})" in shown for t in types)
    assert "Reference: the consensus" in usual and "gold" not in usual
    # What agreement says, and so the selection, is as it would be: the annotators' own.
    assert read(project, "rounds/r0/disagreements.json")["groups"] != evidence["groups"]


def test_supervision_by_gold_without_gold_is_refused(project: Project) -> None:
    run_round(project, 0)
    use_variants(project, "gold-supervised")
    (project.folder / f"data/{BENCHMARK}/corpus/gold.jsonl").write_text("")
    expected = r"gold\.jsonl: no gold for \S+ and 5 more pilot documents; .*gold_rounds"
    with pytest.raises(UserError, match=expected) as error:
        stage(project, "golderrors", "--round", "0")
    assert "\n" not in str(error.value)


# What is mistyped.


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (
            lambda p: p["annotators"]["scripted_shy"].update(prompt="anotate.v1"),
            "params.yaml: annotators.scripted_shy.prompt: no anotate.v1.md in diziner/prompts/annotator; "
            "there are: annotate.v1",
        ),
        (
            lambda p: p["annotators"]["scripted_shy"].update(prompt="document.v1"),
            "params.yaml: annotators.scripted_shy.prompt: no document.v1.md .*; there are: annotate.v1",
        ),
        (
            lambda p: p["endpoints"].update(here={"kind": "local"}) or p["supervisor"]["model"].update(endpoint="here"),
            "params.yaml: supervisor.model.model: no weights of 'scripted-supervisor'; there are: qwen",
        ),
        (
            lambda p: p["supervisor"].update(accept="agreement"),
            "params.yaml: supervisor.accept: .*corpus.pilot.mode is 'fresh', must be 'fixed'",
        ),
        (
            lambda p: p["evidence"].update(folder="gold"),
            r"params.yaml: evidence.gold_rounds: is \[\]; with folder gold it must be \[0\]",
        ),
        (lambda p: p["selection"].update(predictor="vote"), "params.yaml: selection.predictor: 'vote' .*coalition"),
    ],
)
def test_a_wrong_setting_is_one_line(project: Project, change: Callable[[Any], object], expected: str) -> None:
    project.edit_params(change)
    with standing_in(project), pytest.raises(UserError, match=expected) as error:
        load_settings()
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("number", ["0", "7", "-1"])
def test_a_round_that_no_refinement_leads_to(project: Project, number: str) -> None:
    with pytest.raises(UserError, match=rf"refinements: none leads to round {number}; there are: 1$"):
        stage(project, "refine", "--round", number)
