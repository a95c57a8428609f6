"""Documents of the report: their text as it was written, pages without texts, agreement by type."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import pytest
from viewer_rooms import conflicts_of, make_room, settings_for

from diziner.corpora.card import Licence
from diziner.records.annotations import Annotation, Failure, Span
from diziner.records.documents import Document
from diziner.report.benchmarks import benchmark_view
from diziner.report.collect import report_data, report_page
from diziner.report.documents import document_view
from diziner.report.limits import Limits
from diziner.report.type_agreement import type_agreement
from diziner.scoring.strict import strict_span_scores


def written(view: dict[str, Any]) -> str:
    """What the page makes of a document's tokens and gaps."""
    tokens = view["tokens"].split(" ") if isinstance(view["tokens"], str) else view["tokens"]
    gaps = [" "] * (len(tokens) - 1)
    for place in view.get("glued", ()):
        gaps[place] = ""
    for place, gap in view.get("gaps", ()):
        gaps[place] = gap
    return "".join(token + gap for token, gap in zip(tokens, [*gaps, ""], strict=True))


@pytest.mark.parametrize(
    ("tokens", "text", "shown"),
    [
        ("It 's 5 % ( or so ) , he said .", None, "It's 5% (or so), he said."),
        ("Rock 'n roll", None, "Rock 'n roll"),
        ("Don 't", "Don't", "Don't"),
        ("a b c", "a\n\nb  c", "a\n\nb  c"),
        ("東京 タワー", "東京タワー", "東京タワー"),
        ("x", "x", "x"),
    ],
)
def test_a_text_is_shown_as_it_was_written(tokens: str, text: str | None, shown: str) -> None:
    """Where there are tokens alone, blanks around punctuation are closed up; no other text is touched."""
    document = Document("d", tuple(tokens.split()), tokens if text is None else text)
    assert written(document_view(document, [], None, ["PER"])) == shown


def test_a_token_with_a_blank_in_it_stays_one() -> None:
    document = Document("d", ("New York", "is", "big"), "New York is big")
    view = document_view(document, [[Span(0, 1, "LOC")], None], [], ["PER", "LOC"])
    assert view["tokens"] == ["New York", "is", "big"] and written(view) == document.text
    assert view["readings"] == [0, None] and view["sets"] == [[[0, 1, 1]], []] and view["gold"] == 1


def test_parts_of_a_document_keep_their_gaps() -> None:
    document = Document("d", ("a", "b", "c", ".", "d"), "a b  c. d")
    view = document_view(document, [[Span(2, 4, "PER")]], None, ["PER"], bounds=(1, 3))
    assert (view["from"], view["to"]) == (1, 4) and written(view) == "b  c."


@pytest.mark.parametrize(
    ("licence", "chosen", "texts"),
    [
        (Licence("research", False, ""), None, False),
        (Licence("research", False, ""), True, True),
        (Licence("CC0", True, ""), None, True),
        (Licence("CC0", True, ""), False, False),
        (Licence("own", False, ""), None, True),  # what `diziner new` writes: the reader's own texts
        (Licence("own", False, ""), False, False),
    ],
)
def test_texts_that_may_not_be_passed_on_are_left_out_unless_asked_for(
    licence: Licence, chosen: bool | None, texts: bool
) -> None:
    files, said = make_room("made-up", annotators=3, rounds=2, documents=8)
    secret = [document.text for part in files.rounds for document in part.documents] + [d.text for d in files.test]
    said = dict.fromkeys(said, f"the supervisor quotes: {secret[0]}")
    rows = [Annotation(files.test[0].id, failure=Failure("unparsable", secret[1])), *files.predictions["initial"][1:]]
    files = replace(
        files, card=replace(files.card, licence=licence), predictions={**files.predictions, "initial": rows}
    )
    page = report_page([files], said, settings_for(3, 2), show_text=chosen)
    assert [any(text in page for text in secret), "alpha beta → TYPE00" in page] == [texts, texts]
    found = re.search(r'id="data">(.*?)</script>', page, re.DOTALL)
    assert found
    [own] = json.loads(found[1])["benchmarks"]
    assert own["text"] is texts
    # All that can be said without texts is still there.
    assert own["rounds"][0]["hotspots"] and own["test_documents"]["documents"][0]["sets"]
    assert any(block["lines"] for block in own["rounds"][1]["guideline"] if block["part"] == "instructions")


def test_a_run_has_the_same_name_whatever_is_left_out() -> None:
    files, said = make_room("made-up", annotators=3, rounds=2, documents=8)
    settings = settings_for(3, 2)
    views = [
        report_data([files], said, settings, limits, show_text=text)
        for limits, text in ((Limits(), True), (Limits(), False), (Limits(documents=1, hotspots=1, examples=1), True))
    ]
    assert len({view["run"]["digest"] for view in views}) == 1
    assert files.figures is not None
    other = replace(files, figures={**files.figures, "f1": 0.123})
    assert report_data([other], said, settings, Limits())["run"]["digest"] != views[0]["run"]["digest"]


def test_agreement_by_type_is_that_of_pairs_on_what_both_answered() -> None:
    files, _ = make_room("made-up", annotators=3, rounds=1, documents=20, failing=0.2)
    [part] = files.rounds
    types = list(files.card.types)
    for row in type_agreement(part.annotations, types):
        expected = []
        for one, other in (
            ("annotator-00", "annotator-01"),
            ("annotator-00", "annotator-02"),
            ("annotator-01", "annotator-02"),
        ):
            sides = [
                {
                    own.id: [s for s in own.spans if s.type == row["type"]]
                    for own in part.annotations[name]
                    if not own.failure
                }
                for name in (one, other)
            ]
            both = sides[0].keys() & sides[1].keys()
            kept = [{name: side[name] for name in both} for side in sides]
            if any(any(side.values()) for side in kept):
                expected.append(strict_span_scores(*kept).micro.f1)
        assert row["pairs"] == len(expected)
        assert row["f1"] == pytest.approx(sum(expected) / len(expected), abs=1e-6)
    nobody = type_agreement(part.annotations, ["NONE"])
    assert nobody[0]["f1"] is None and set(nobody[0]["mentions"].values()) == {0}


def test_decisions_are_the_questions_that_most_disagree_about_by_the_names_that_refine_knows() -> None:
    files, said = make_room("made-up", annotators=3, rounds=2, documents=12)
    view = benchmark_view(files, said, settings_for(3, 2), Limits())
    for part, shown in zip(files.rounds, view["rounds"], strict=True):
        known = conflicts_of(part)
        questions = shown["decisions"]["questions"]
        assert [one["name"] for one in questions] == [cluster.name for cluster in known.clusters[:5]]
        assert shown["decisions"]["share"] == pytest.approx(
            sum(cluster.differing for cluster in known.clusters[:5]) / known.differing, abs=1e-6
        )
        ids = {document["id"] for document in shown["documents"]}
        assert all(document in ids for one in questions for document, *_ in one["cases"])
        for one, cluster in zip(questions, known.clusters, strict=False):
            assert [option for option, _ in one["options"]] == [option for option, _ in cluster.options]
    # Without texts the questions are kinds of disagreement: names of clusters quote words.
    closed = benchmark_view(files, said, settings_for(3, 2), Limits(), show_text=False)
    for part, shown in zip(files.rounds, closed["rounds"], strict=True):
        names = [one["name"] for one in shown["decisions"]["questions"]]
        assert names and set(names) <= conflicts_of(part).spellings().keys()
        assert not any('"' in name for name in names)


def test_held_back_documents_are_asked_about_nowhere() -> None:
    files, said = make_room("made-up", annotators=3, rounds=1, documents=12)
    [part] = files.rounds
    held = [document.id for document in part.documents[:6]]
    view = benchmark_view(replace(files, rounds=(replace(part, held_back=held),)), said, settings_for(3, 1), Limits())
    asked = {document for one in view["rounds"][0]["decisions"]["questions"] for document, *_ in one["cases"]}
    assert asked and not asked & set(held)
