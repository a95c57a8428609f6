"""Cases of disagreement and their clusters: like cases are one question, unlike ones are not."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from diziner.agreement.case_clusters import Cluster, clusters_of
from diziner.agreement.cases import Case, cases_of
from diziner.records.annotations import Annotation, Failure, Span
from diziner.records.documents import Document
from diziner.spans.brackets import parse_brackets

NAMES = {"PER": "person", "LOC": "location", "ORG": "organization"}
WORDS = ["Rome is", "Port Said", "the sea", "GMT 5", "Mr Bonn", "Port Blair"]
MARKS = ["{} {}", "[{}|LOC] {}", "[{} {}|LOC]", "{} [{}|PER]", "[{} {}|PER]", "[{}|PER] [{}|ORG]"]
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
    found = clusters_of(cases_of(documents, annotations), {d.id: d for d in documents}, NAMES)
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


def test_pairs_that_read_a_place_otherwise_are_counted_in_whole_numbers() -> None:
    [case] = cases({name: [line] for name, line in zip("abcd", ["[x|ORG]", "[x|ORG]", "[x|LOC]", "x"], strict=True)})
    assert case.differing == 5 and isinstance(case.differing, int)


def test_of_two_mentions_as_long_as_one_another_there_is_a_first_and_a_later_one() -> None:
    early, late = "[{} {}|LOC] {}", "{} [{} {}|LOC]"
    words = ("Port", "Said", "town"), ("Cape", "Cod", "bay")
    found = clusters(
        {name: [form.format(*own) for own in words] for name, form in zip("abc", (early, late, late), strict=True)}
    )
    [cluster] = found.values()
    assert dict(cluster.options) == {"the mention that begins later": 4, "the mention that begins first": 2}
    assert [dict(part.options) for part in cluster.parts] == [
        {'"Cod bay"': 2, '"Cape Cod"': 1},
        {'"Said town"': 2, '"Port Said"': 1},
    ]


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


def test_mentions_inside_others_are_places_of_their_own() -> None:
    document = Document("d", ("Bonn", "and", "Bath"), "Bonn and Bath")
    whole, first, last = Span(0, 3, "ORG"), Span(0, 1, "LOC"), Span(2, 3, "LOC")
    spans = {"a": (first, whole, last), "b": (whole,), "c": (first, whole)}
    found = cases_of([document], {name: [Annotation("d", own)] for name, own in spans.items()})
    assert [(case.start, case.end, [names for _, names in case.readings]) for case in found] == [
        (0, 1, [("a", "c"), ("b",)]),
        (2, 3, [("b", "c"), ("a",)]),
    ]


def test_the_same_words_are_one_question_and_unlike_ones_of_a_pair_of_types_are_not() -> None:
    found = clusters(
        {
            "a": ["[Ajax|ORG] met [Rome|LOC]", "in [Ajax|ORG] , [Bonn|LOC]", "[Ajax|PER] of [Cork|ORG]"],
            "b": ["[Ajax|LOC] met [Rome|ORG]", "in Ajax , [Bonn|ORG]", "[Ajax|PER] of [Cork|LOC]"],
        }
    )
    assert {name: (len(c.cases), c.kind, dict(c.options)) for name, c in found.items()} == {
        '"Ajax" (location or organization or no entity)': (
            2, "type", {"organization": 2, "location": 1, "no entity": 1},
        ),
        '"Rome" (location or organization)': (1, "type", {"location": 1, "organization": 1}),
        '"Bonn" (location or organization)': (1, "type", {"location": 1, "organization": 1}),
        '"Cork" (location or organization)': (1, "type", {"location": 1, "organization": 1}),
    }  # fmt: skip


def test_extents_are_alike_by_the_words_in_dispute() -> None:
    found = clusters(
        {
            "a": ["[Mr Bonn|PER] , [the sea|LOC] , [big Rome|LOC]", "[Mr Cork|PER]", "[Tom Dee Jr.|PER]"],
            "b": ["Mr [Bonn|PER] , the [sea|LOC] , big [Rome|LOC]", "Mr [Cork|PER]", "[Tom Dee|PER] Jr."],
        }
    )
    mister = found['"mr" at the start (extent of person)']
    assert dict(mister.options) == {"the longer mention": 2, "the shorter mention": 2}
    assert [part.name for part in mister.parts] == ['"Mr Bonn" (extent of person)', '"Mr Cork" (extent of person)']
    assert {name: len(cluster.cases) for name, cluster in found.items() if cluster is not mister} == {
        "words in lower case at the start (extent of location)": 2,
        '"jr." at the end (extent of person)': 1,
    }


def test_what_stands_once_is_gathered_by_a_word_or_by_how_it_is_written() -> None:
    words = ["Rome", "Bath", "the sea", "a hill", "GMT", "EST", "Boeing 707", "$", "東京", "Acme Ltd", "Globex Ltd"]
    words += ["Port Said", "Port Blair"]
    found = clusters({"a": [f"[{word}|LOC]" for word in words], "b": words})
    assert {name: len(cluster.cases) for name, cluster in found.items()} == {
        'words ending in "Ltd" (location or no entity)': 2,
        'words beginning with "Port" (location or no entity)': 2,
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


@given(
    st.lists(st.tuples(st.sampled_from(WORDS), st.lists(st.sampled_from(MARKS), min_size=3, max_size=3)), max_size=12)
)
def test_every_case_is_in_one_cluster_whatever_the_order(drawn: list[tuple[str, list[str]]]) -> None:
    lines = {name: [marks[n].format(*word.split()) for word, marks in drawn] for n, name in enumerate("abc")}
    documents, annotations = read(lines)
    found_cases = cases_of(documents, annotations)
    by_id = {document.id: document for document in documents}
    found = clusters_of(found_cases, by_id, NAMES)
    names = [cluster.name for cluster in found]
    assert len(set(names)) == len(names)
    assert sorted(str(case) for cluster in found for case in cluster.cases) == sorted(map(str, found_cases))
    for cluster in found:
        assert len(cluster.options) > 1 and sum(part.differing for part in cluster.parts) in {0, cluster.differing}
        assert sum(votes for _, votes in cluster.options) == sum(
            len(annotators) for case in cluster.cases for _, annotators in case.readings
        )
    turned = {name: rows[::-1] for name, rows in reversed(annotations.items())}
    again = clusters_of(cases_of(documents[::-1], turned), by_id, NAMES)
    assert [(c.name, c.options, sorted(map(str, c.cases))) for c in again] == [
        (c.name, c.options, sorted(map(str, c.cases))) for c in found
    ]
