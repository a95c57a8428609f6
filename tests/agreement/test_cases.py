"""Cases of disagreement and their clusters: like cases are one question, unlike ones are not."""

from __future__ import annotations

import random

from diziner.agreement.case_clusters import Cluster, clusters_of
from diziner.agreement.cases import Case, cases_of
from diziner.records.annotations import Annotation, Failure
from diziner.records.documents import Document
from diziner.spans.brackets import parse_brackets

NAMES = {"PER": "person", "LOC": "location", "ORG": "organization"}
Lines = dict[str, list[str]]


def read(lines: Lines) -> tuple[list[Document], dict[str, list[Annotation]]]:
    """Documents and annotations of sentences in brackets, the same sentences for each annotator; "" is a failure."""
    documents: dict[str, Document] = {}
    annotations: dict[str, list[Annotation]] = {}
    for name, sentences in lines.items():
        for number, line in enumerate(sentences):
            tokens, spans = parse_brackets(line)
            failure = None if line else Failure("unavailable", "")
            annotations.setdefault(name, []).append(Annotation(f"d{number}", spans, failure))
            if line:
                assert (
                    documents.setdefault(f"d{number}", Document(f"d{number}", tokens, " ".join(tokens))).tokens
                    == tokens
                )
    return list(documents.values()), annotations


def cases(lines: Lines) -> list[Case]:
    return cases_of(*read(lines))


def clusters(lines: Lines) -> dict[str, Cluster]:
    documents, annotations = read(lines)
    found = clusters_of(cases_of(documents, annotations), {d.id: d.tokens for d in documents}, NAMES)
    assert len({cluster.name for cluster in found}) == len(found)
    return {cluster.name: cluster for cluster in found}


def told(case: Case) -> list[tuple[list[str], tuple[str, ...]]]:
    return [([f"{s.start}-{s.end} {s.type}" for s in reading], names) for reading, names in case.readings]


def test_a_case_is_a_place_with_all_that_was_given_there() -> None:
    [first, second] = cases(
        {
            "a": ["[Ajax|ORG] beat [PSV|ORG] in [Port Said|LOC] ."],
            "b": ["[Ajax|LOC] beat [PSV|ORG] in Port [Said|LOC] ."],
            "c": ["Ajax beat [PSV|ORG] in [Port Said|LOC] ."],
            "d": [""],
        }
    )
    assert (first.start, first.end, first.differing) == (0, 1, 3)
    assert told(first) == [([], ("c",)), (["0-1 LOC"], ("b",)), (["0-1 ORG"], ("a",))]
    assert (second.start, second.end, second.differing) == (4, 6, 2)
    assert told(second) == [(["4-6 LOC"], ("a", "c")), (["5-6 LOC"], ("b",))]


def test_one_who_marks_a_whole_sentence_hides_no_disagreement_within_it() -> None:
    wide, inside = cases(
        {
            "a": ["[Ada|PER] saw [York|LOC]"],
            "b": ["[Ada|PER] saw [York|ORG]"],
            "c": ["[Ada saw York|ORG]"],
        }
    )
    assert (wide.start, wide.end, wide.differing) == (0, 3, 3)
    assert told(inside) == [(["2-3 LOC"], ("a",)), (["2-3 ORG"], ("b",))], "c says nothing of York alone"


def test_kinds_types_and_words_part_clusters() -> None:
    found = clusters(
        {
            "a": [
                "[Ajax|ORG] met [Mr Bonn|PER]",
                "in [Ajax|ORG] , [Mr Cork|PER]",
                "[BONN|LOC]",
                "[the sea|LOC]",
                "[Rome|LOC]",
            ],
            "b": ["[Ajax|LOC] met Mr [Bonn|PER]", "in [Ajax|LOC] , Mr [Cork|PER]", "BONN", "the sea", "[Rome|ORG]"],
        }
    )
    assert {name: (len(c.cases), c.kind, dict(c.options)) for name, c in found.items()} == {
        '"Ajax" (location or organization)': (2, "type", {"location": 2, "organization": 2}),
        '"mr" at the start (extent of person)': (
            2, "boundary", {"the longer mention": 2, "the shorter mention": 2},
        ),
        '"BONN" (location or no entity)': (1, "missing", {"location": 1, "no entity": 1}),
        '"the sea" (location or no entity)': (1, "missing", {"location": 1, "no entity": 1}),
        '"Rome" (location or organization)': (1, "type", {"location": 1, "organization": 1}),
    }  # fmt: skip
    assert [part.name for part in found['"mr" at the start (extent of person)'].parts] == [
        '"Mr Bonn" (extent of person)',
        '"Mr Cork" (extent of person)',
    ]
    assert found['"Ajax" (location or organization)'].parts == ()


def test_what_stands_once_is_gathered_by_how_it_is_written() -> None:
    words = ["Rome", "Bath", "the sea", "a hill", "GMT", "EST", "Boeing 707", "$", "東京"]
    found = clusters({"a": [f"[{word}|LOC]" for word in words], "b": words})
    assert {name: len(cluster.cases) for name, cluster in found.items()} == {
        "capitalised words (location or no entity)": 2,
        "words in lower case (location or no entity)": 2,
        "words in capitals (location or no entity)": 2,
        # Alone of its looks: nothing is said of others.
        '"Boeing 707" (location or no entity)': 1,
        '"$" (location or no entity)': 1,
        '"東京" (location or no entity)': 1,
    }


def test_answers_of_like_words_name_them_and_of_others_do_not() -> None:
    found = clusters({"a": ["[the Bank|ORG] of [York City|LOC]"], "b": ["the [Bank|ORG] of York [City|ORG]"]})
    assert dict(found['"the" at the start (extent of organization)'].options) == {'"Bank"': 1, '"the Bank"': 1}
    assert dict(found['"York City" (location or organization, and their extent)'].options) == {
        'location "York City"': 1,
        'organization "City"': 1,
    }


def test_one_mention_or_several_and_mentions_that_cross() -> None:
    found = clusters(
        {
            "a": ["[Bonn and Bath|LOC]", "[Ann Bell|PER] [Cole Dee|PER]"],
            "b": ["[Bonn|LOC] and [Bath|LOC]", "Ann [Bell Cole|PER] Dee"],
        }
    )
    assert dict(found['"Bonn and Bath" (one location or several mentions)'].options) == {
        "the whole as one mention": 1,
        "each mention inside it": 1,
    }
    assert dict(found['"Ann Bell Cole Dee" (extents of person)'].options) == {
        'person "Ann Bell" and "Cole Dee"': 1,
        'person "Bell Cole"': 1,
    }


def test_clusters_do_not_depend_on_the_order_of_anything() -> None:
    dice = random.Random(5)
    words = ["Rome", "Bath", "the sea", "GMT", "Mr Bonn", "Rome"]
    lines: Lines = {
        name: [
            f"[{word}|{label}]" if label else word
            for word in words
            for label in [dice.choice(["LOC", "ORG", "PER", ""])]
        ]
        for name in "abcd"
    }
    documents, annotations = read(lines)
    tokens = {document.id: document.tokens for document in documents}
    usual = clusters_of(cases_of(documents, annotations), tokens, NAMES)
    turned = {name: rows[::-1] for name, rows in reversed(annotations.items())}
    again = clusters_of(cases_of(documents, turned), tokens, NAMES)
    assert again == usual and len(usual) > 2
    assert [c.differing for c in usual] == sorted((c.differing for c in usual), reverse=True)
