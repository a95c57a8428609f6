"""`diziner label --annotators`: the vote, what stands behind each mention, and the queue for people."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from label_place import GUIDELINE, Place, content, make_place, rows, shards
from projects import ROOT, SCRIPTED

from diziner.agreement.voting import weighted_consensus
from diziner.commands import export
from diziner.common.errors import ProviderError, UserError
from diziner.common.files import read_json, write_json, write_jsonl
from diziner.common.remote import Remote
from diziner.common.yamlfile import write_yaml
from diziner.guideline.file import load_guideline
from diziner.labelling.ballot import annotators_of
from diziner.labelling.review import queue_name, queue_names, write_queue
from diziner.labelling.row_files import Row, read_rows, write_rows
from diziner.layout import Room
from diziner.records.annotations import Annotation, Span, annotation_to_json, spans_from_json
from diziner.records.documents import Document
from diziner.scripted.faults import Faults
from diziner.scripted.server import ScriptedServer
from diziner.settings import load_settings

PEOPLE = ["Ada Lovelace", "Alan Turing", "Grace Hopper", "Edsger Dijkstra"]
PLACES = ["London", "Port Said", "Rotterdam"]
TEXTS = [f"{who} wrote to the {what} from {where}." for who in PEOPLE for where in PLACES for what in ("U.N.", "Times")]
TEXTS += [f"It rained for {n} days and then it snowed." for n in range(6)]


class Voting(Place):
    """A place in which several annotators vote."""

    def words(self, *more: str, source: Path | None = None, out: Path | None = None) -> list[str]:
        who = [] if "--annotators" in more else ["--annotators", ",".join(SCRIPTED)]
        words = super().words(*who, *more, source=source, out=out)
        at = words.index("--annotator")
        return words[:at] + words[at + 2 :]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Voting:
    make_place(tmp_path, monkeypatch)
    place = Voting(tmp_path)
    lines = [{"id": f"d{n}", "text": text} for n, text in enumerate(TEXTS)]
    place.input.write_text("".join(f"{json.dumps(row)}\n" for row in lines))
    return place


def votes_of(row: Row) -> dict[str, set[tuple[int, int, str]]]:
    return {
        name: {tuple(span) for span in vote["spans"]} for name, vote in row["votes"].items() if vote["failure"] is None
    }


def f1(one: set[Any], other: set[Any]) -> float:
    return 2 * len(one & other) / (len(one) + len(other)) if one or other else 1.0


def check_by_hand(row: Row, weights: Mapping[str, float]) -> None:
    """Shares, confidence and disagreement of a row by plain counting."""
    votes = votes_of(row)
    total = sum(weights[name] for name in votes)

    def share(span: Sequence[Any]) -> float:
        return sum(weights[name] for name, own in votes.items() if tuple(span) in own) / total

    assert row["shares"] == pytest.approx([share(span) for span in row["spans"]], abs=1e-6)
    others = sorted(set().union(*votes.values()) - {tuple(span) for span in row["spans"]})
    assert [tuple(each[:3]) for each in row["outvoted"]] == others
    assert [each[3] for each in row["outvoted"]] == pytest.approx([share(span) for span in others], abs=1e-6)
    pairs = [f1(*pair) for pair in combinations(votes.values(), 2)]
    assert row["disagreement"] == pytest.approx(1 - sum(pairs) / len(pairs), abs=1e-6)
    decisions = [*row["shares"], *(1 - each[3] for each in row["outvoted"]), 1.0]
    assert row["confidence"] == pytest.approx(min(decisions), abs=2e-6)


def test_each_mention_carries_the_share_of_the_votes_that_have_it(place: Voting) -> None:
    place.label("--shard-documents", "7")
    found = rows(place.out)
    assert [row["id"] for row in found] == [f"d{n}" for n in range(len(TEXTS))]
    for row in found:
        check_by_hand(row, dict.fromkeys(SCRIPTED, 1.0))
        assert [row["text"][first:last] for first, last in row["characters"]] == row["surfaces"]
        assert len(row["responses"]) >= len(SCRIPTED)
    assert len({row["confidence"] for row in found}) > 1 and any(row["outvoted"] for row in found)
    manifest = read_json(place.out / "manifest.json")
    assert "annotator" not in manifest and manifest["consensus"] == "bio"
    assert [(each["name"], each["weight"], each["failures"]) for each in manifest["annotators"]] == [
        (name, 1.0, {}) for name in sorted(SCRIPTED)
    ]
    assert sum(each["mentions"] for each in manifest["annotators"]) == sum(
        len(vote["spans"]) for row in found for vote in row["votes"].values()
    )


def test_the_vote_is_the_consensus_of_the_method_and_the_same_however_the_input_is_cut(place: Voting) -> None:
    place.label("--shard-documents", "1", out=place.folder / "ones")
    place.label("--shard-documents", "100", "--format", "parquet", out=place.folder / "whole")
    found = rows(place.folder / "ones")
    [whole] = shards(place.folder / "whole")
    assert list(read_rows(whole)) == found
    documents = [Document(row["id"], tuple(row["tokens"]), row["text"]) for row in found]
    own = {
        name: [Annotation(row["id"], spans_from_json(row["votes"][name]["spans"])) for row in found]
        for name in SCRIPTED
    }
    types = [t.label for t in load_guideline(GUIDELINE).types]
    expected = weighted_consensus(documents, own, types, dict.fromkeys(SCRIPTED, 1.0))
    assert {row["id"]: spans_from_json(row["spans"]) for row in found} == expected


def agreement_of_three(weights: dict[str, float]) -> dict[str, Any]:
    """agreement.json of annotators of whom the first two are the coalition."""
    measures = ("strict_span_f1", "boundary_f1", "type_accuracy", "token_macro_f1", "cohens_kappa")
    return {
        "annotators": list(weights),
        "documents": 6,
        "pairs": {name: [[1.0] * 3] * 3 for name in measures},
        "mean": weights,
        "overall": 0.3,
        "weights": weights,
        "coalition": list(weights)[:2],
        "fleiss_kappa": 0.1,
        "krippendorff_alpha": 0.1,
    }


def test_the_coalition_is_that_of_the_guidelines_round(place: Voting) -> None:
    settings, guideline = load_settings(), load_guideline(GUIDELINE)
    assert "data/conll2003/rounds/r0/agreement.json is not there" in place.refuses("--annotators", "coalition")
    first, second, third = sorted(SCRIPTED)
    agreement = agreement_of_three({first: 0.5, second: 0.3, third: 0.2})
    path = Room("conll2003").round(0) / "agreement.json"
    write_json(path, agreement)
    place.label("--annotators", "coalition")
    for row in rows(place.out):
        assert sorted(row["votes"]) == [first, second]
        check_by_hand(row, {first: 0.5, second: 0.3})
    _, ballot = annotators_of(None, "pool", guideline, settings)
    assert ballot and ballot.weights == agreement["weights"]
    place.params["annotators"][third] = {"kind": "file"}
    place.params["annotator_pool"] = [first, second]
    place.save()
    assert [each.name for each in annotators_of(None, "pool", guideline, load_settings())[0]] == [first, second]
    write_json(path, {**agreement, "coalition": [first]})
    with pytest.raises(UserError, match=f"coalition: {first} alone is no vote"):
        annotators_of(None, "coalition", guideline, settings)
    with pytest.raises(UserError, match="no annotator 'nobody'"):
        annotators_of(None, f"{first},nobody", guideline, settings)


def test_selected_is_what_the_room_chose(place: Voting) -> None:
    """One annotator, or those whose vote was chosen, with their weights; a setting of that name comes first."""
    settings, guideline = load_settings(), load_guideline(GUIDELINE)
    with pytest.raises(UserError, match=r"--annotator selected: data/conll2003/final/selection.json is not there"):
        annotators_of("selected", None, guideline, settings)
    first, second, third = sorted(SCRIPTED)
    entries = settings.annotator_entries
    chosen = {"round": 1, "annotator": second, "settings": entries[second], "overall": {"1": 0.5}, "mean": {second: 1}}
    write_json(Room("conll2003").selection, {**chosen, "voters": {}, "consensus": "io"})
    assert annotators_of("selected", None, guideline, settings) == ((settings.annotator(second),), None)
    voters = {name: {"weight": weight, "settings": entries[name]} for name, weight in ((third, 0.4), (first, 0.6))}
    write_json(Room("conll2003").selection, {**chosen, "voters": voters, "consensus": "bio"})
    found, ballot = annotators_of("selected", None, guideline, settings)
    assert [each.name for each in found] == [first, third]
    assert ballot and (ballot.weights, ballot.consensus) == ({first: 0.6, third: 0.4}, "bio")
    place.params["annotators"]["selected"] = entries[first]
    place.save()
    assert annotators_of("selected", None, guideline, load_settings())[0][0].name == "selected"


def test_the_queue_has_what_is_least_sure_first(place: Voting, capsys: pytest.CaptureFixture[str]) -> None:
    place.label("--shard-documents", "5", "--review-below", "0.7")
    queue = list(read_rows(place.out / "review.jsonl"))
    found = rows(place.out)
    assert 0 < len(queue) < len(found)
    assert f"{len(queue)} documents to review (review.jsonl)" in capsys.readouterr().out
    in_order = sorted(found, key=lambda row: (row["confidence"], -row["disagreement"]))
    assert queue == [row for row in in_order if row["confidence"] < 0.7]
    before = (place.out / "review.jsonl").read_bytes()
    place.label("--shard-documents", "5", "--review-below", "0.7")
    assert (place.out / "review.jsonl").read_bytes() == before
    place.label("--shard-documents", "5")
    assert not (place.out / "review.jsonl").exists()
    assert "only with --annotators" in Place(place.folder).refuses("--review-below", "0.5")


def test_a_document_that_one_alone_answered_comes_before_all_others(tmp_path: Path) -> None:
    def row(name: str, confidence: float | None, disagreement: float | None) -> Row:
        empty: Row = {"drops": {}, "forms": {}, "matched": {}, "spans": [], "characters": []}
        return {"id": name, "confidence": confidence, "disagreement": disagreement, **empty}

    write_rows(tmp_path / "a.jsonl", [row("a", 0.5, 0.2), row("b", 0.9, 0.1), row("c", 0.5, 0.6)])
    write_rows(tmp_path / "b.jsonl", [row("d", None, None), row("e", 0.25, 0.9), row("f", 0.5, 0.2)])
    count = write_queue(tmp_path / "review.jsonl", [tmp_path / "a.jsonl", tmp_path / "b.jsonl"], 0.9)
    assert [each["id"] for each in read_rows(tmp_path / "review.jsonl")] == ["d", "e", "c", "a", "f"]
    assert count == 5


def test_a_voter_that_fails_has_no_vote_and_is_asked_again(place: Voting) -> None:
    name = "scripted_eager"
    place.params["answers"]["repair_turns"] = 0
    with ScriptedServer() as server:
        place.web(server.base_url, attempts=1)
        for other in set(SCRIPTED) - {name}:
            place.params["annotators"][other]["endpoint"] = "scripted"
        place.save()
        # One answer is there: else three failures at the beginning would end the run.
        (place.folder / "one.jsonl").write_text(place.input.read_text().partition("\n")[0])
        place.label(source=place.folder / "one.jsonl", out=place.folder / "one")
        port = int(server.base_url.split(":")[2].removesuffix("/v1"))
    with ScriptedServer(Faults(server_error=0.4), port=port):
        message = place.refuses("--shard-documents", "6", kind=ProviderError)
    found = rows(place.out)
    failed = [row for row in found if row["votes"][name]["failure"]]
    assert 0 < len(failed) < len(found)
    assert f"{name} gave no vote on {len(failed)} of {len(found)} documents (unavailable {len(failed)})" in message
    for row in found:
        assert row["failure"] is None
        check_by_hand(row, dict.fromkeys(SCRIPTED, 1.0))
    assert all(len(votes_of(row)) == 2 for row in failed)
    with ScriptedServer(port=port) as server:
        place.label("--shard-documents", "6")
        assert server.requests == len(failed)
        place.label("--shard-documents", "6", out=place.folder / "whole")
    assert content(place.folder / "whole") == content(place.out)
    assert {each["name"]: each["failures"] for each in read_json(place.out / "manifest.json")["annotators"]} == {
        each: {} for each in SCRIPTED
    }


def test_what_all_failed_is_a_failure_and_what_one_answered_is_not_sure() -> None:
    from diziner.pipeline.vote import vote
    from diziner.records.annotations import Failure

    document = Document("d", ("Ada", "left"), "Ada left")
    failed = Annotation("d", failure=Failure("timeout", "no answer"), responses=("k",))
    [none] = vote([document], {"a": [failed], "b": [failed]}, ["PER"], {"a": 1.0, "b": 1.0}, "io")
    assert none.annotation.failure and none.annotation.failure.code == "timeout"
    assert none.annotation.responses == ("k", "k") and none.confidence is None
    one = Annotation("d", (Span(0, 1, "PER"),), characters=((0, 3),))
    [alone] = vote([document], {"a": [one], "b": [failed]}, ["PER"], {"a": 1.0, "b": 1.0}, "io")
    assert alone.annotation.spans == one.spans and alone.shares == (1.0,)
    assert alone.confidence is None and alone.disagreement is None


def test_a_forecast_counts_every_voters_calls(place: Voting, capsys: pytest.CaptureFixture[str]) -> None:
    place.label("--dry")
    said = capsys.readouterr().out
    for name in ("careful", "eager", "shy"):
        assert f"calls to scripted-{name}: {len(TEXTS)}," in said
    place.label()
    place.label("--dry", out=place.folder / "again")
    assert f"answered already: {len(TEXTS)} documents" in capsys.readouterr().out


def test_the_queue_goes_out_in_another_tools_form_and_a_round_does(
    place: Voting, capsys: pytest.CaptureFixture[str]
) -> None:
    place.label("--review-below", "0.7", "--review-form", "label-studio")
    assert "documents to review (review.json)" in capsys.readouterr().out
    tasks = json.loads((place.out / "review.json").read_text())
    place.label("--review-below", "0.7")
    assert not (place.out / "review.json").exists()
    queue = list(read_rows(place.out / "review.jsonl"))
    assert [task["data"]["id"] for task in tasks] == [row["id"] for row in queue]
    names = ["consensus", *sorted(SCRIPTED)]
    assert all([each["model_version"] for each in task["predictions"]] == names for task in tasks)
    assert "--review-form: only with --review-below" in place.refuses("--review-form", "brat")

    found, room = rows(place.out), Room("conll2003")
    write_yaml(room.folder / "benchmark.yaml", (ROOT / room.folder / "benchmark.yaml").read_text())
    write_jsonl(room.pilot(0), [{key: row[key] for key in ("id", "text", "tokens")} for row in found])
    for name in SCRIPTED:
        own = [
            Annotation(
                row["id"], spans_from_json(row["votes"][name]["spans"]), characters=row["votes"][name]["characters"]
            )
            for row in found
        ]
        write_jsonl(room.annotations(0, name), map(annotation_to_json, own))
    write_json(room.round(0) / "agreement.json", agreement_of_three(dict.fromkeys(sorted(SCRIPTED), 1 / 3)))
    parser = argparse.ArgumentParser()
    export.arguments(parser)
    export.run(parser.parse_args(["conll2003", "--to", "label-studio", "--out", "round.json"]))
    exported = json.loads(Path("round.json").read_text())
    assert exported[: len(tasks)] == tasks and len(exported) == len(found)
    with pytest.raises(UserError, match="rounds that have been run: 0; run `dvc repro data/conll2003"):
        export.run(parser.parse_args(["conll2003", "--to", "csv", "--out", "x.csv", "--round", "1"]))


def test_the_queue_of_a_folder_elsewhere_is_that_of_one_here(place: Voting) -> None:
    out = Remote("memory://votes/labels")
    for form in ("", "label-studio"):
        more = ["--shard-documents", "5", "--review-below", "0.9", *(["--review-form", form] if form else [])]
        place.label(*more)
        place.label(*more, out=out)  # type: ignore[arg-type]
        queue = queue_name(form)
        assert (place.out / queue).read_bytes() == (out / queue).read()
        assert [name for name in queue_names() if name in out.files()] == [queue]
    out.remove()
