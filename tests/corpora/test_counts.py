"""Counts against a card, shares of own texts, copies of originals: what is taken and what is said, worked by hand."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diziner.common.errors import UserError
from diziner.corpora.card import Card, Counts, Layout, Licence, SourceEntry
from diziner.corpora.corpus import Corpus, Labelled
from diziner.corpora.counts import count_differences, type_counts
from diziner.corpora.newroom import document_rows, new_card, new_guideline, read_own_texts
from diziner.corpora.originals import convert, cut, rows_of
from diziner.corpora.pilot import _medoids, pilot_sets
from diziner.embedding.clusters import cluster
from diziner.embedding.tfidf import tfidf
from diziner.forms.choices import Choices
from diziner.records.annotations import Span
from diziner.records.documents import Document


def labelled(name: str, text: str, *types: str, gold: bool = True) -> Labelled:
    spans = tuple(Span(place, place + 1, label) for place, label in enumerate(types))
    return Labelled(Document(name, tuple(text.split()), text), spans if gold else None)


PILOT = (labelled("p0", "a b c", "PER", "LOC"), labelled("p1", "a b", "PER"))
TEST = (labelled("t0", "a b c", "LOC"),)


def differences(pilot: Sequence[Counts] = (), test: Sequence[Counts] = ()) -> tuple[str, ...]:
    expected = {name: own for name, own in (("pilot", pilot), ("test", test)) if own}
    return count_differences(expected, Corpus(PILOT, TEST))


def test_each_split_is_held_against_its_own_counts() -> None:
    assert type_counts(PILOT) == {"LOC": 1, "PER": 2}
    assert differences([Counts(2, {"PER": 2, "LOC": 1})], [Counts(1, {"LOC": 1})]) == ()
    assert differences([Counts(1)], [Counts(2)]) == (
        "pilot sentences: found 2, expected 1",
        "test sentences: found 1, expected 2",
    )
    # A type that only one of them has; in the order of the words.
    assert differences([Counts(2, {"PER": 2, "ORG": 1})]) == (
        "pilot type LOC: found 1, expected 0",
        "pilot type ORG: found 0, expected 1",
    )
    without = Corpus((labelled("p", "a", gold=False),), TEST)
    assert count_differences({"pilot": [Counts(1, {"PER": 7})]}, without) == ()


def test_of_several_copies_one_must_fit_and_differences_are_from_the_nearest() -> None:
    far, near, fits = Counts(90), Counts(3, {"PER": 2, "LOC": 1}), Counts(2, {"PER": 2, "LOC": 1})
    assert differences([far, fits]) == differences([fits, far]) == ()
    assert differences([far, near]) == ("pilot sentences: found 2, expected 3 (or a copy of 90 sentences)",)
    assert differences([Counts(1), far, near, Counts(70)]) == (
        "pilot sentences: found 2, expected 1 (or a copy of 90, 3, 70 sentences)",
    )


def plain_medoids(documents: Sequence[Document], size: int, seed: int, spread: int) -> list[int]:
    """The definition in plain Python: whole numbers, one document after the other."""
    vectors = tfidf(documents)
    found = cluster(vectors, size, seed)
    dense, labels = vectors.toarray().tolist(), found.labels.tolist()
    chosen: list[int] = []
    for number in sorted(range(size), key=lambda each: -labels.count(each)):
        best: tuple[int, int] | None = None
        for place in [place for place, label in enumerate(labels) if label == number]:
            near = max((sum(a * b for a, b in zip(dense[place], dense[one], strict=True)) for one in chosen), default=0)
            worth = int(found.similarity[place, number]) - spread * max(near, 0)
            if best is None or worth > best[0]:
                best = worth, place
        chosen += [best[1]] if best else []
    others = [place for place in range(len(documents)) if place not in chosen]
    return chosen + random.Random(seed).sample(others, size - len(chosen))


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=5), min_size=4, max_size=14),
    st.integers(1, 4),
    st.integers(0, 3),
    st.sampled_from([0, 4]),
)
def test_pilot_documents_are_those_of_the_definition(texts: list[list[str]], size: int, seed: int, spread: int) -> None:
    documents = [Document(f"d{n}", tuple(tokens), " ".join(tokens)) for n, tokens in enumerate(texts)]
    chosen = _medoids(tfidf(documents), size, seed, spread)
    assert chosen == plain_medoids(documents, size, seed, spread)
    assert len(set(chosen)) == size and np.array(chosen).dtype.kind == "i"
    # Under TF-IDF likeness to chosen documents counts, by the published factor.
    [drawn] = pilot_sets(documents, 1, size, "kmeans", seed=seed)
    assert [each.id for each in drawn] == [f"d{place}" for place in sorted(plain_medoids(documents, size, seed, 4))]


def own(folder: Path, count: int, share: float, *types: str, seed: int = 1, gold: bool = True) -> tuple[int, int]:
    row = {"tokens": ["Ann", "left"], "ner_tags": ["B-PER", "O"]} if gold else {"text": "Ann left"}
    path = folder / "own.jsonl"
    path.write_text("".join(f"{json.dumps(row)}\n" for _ in range(count)))
    texts = read_own_texts("toy", path, None, types, share, seed)
    pilot, test = ([int(each.document.id.partition(":")[2]) for each in split] for split in (texts.pilot, texts.test))
    assert sorted(pilot + test) == list(range(1, count + 1)) and pilot == sorted(pilot) and test == sorted(test)
    assert texts.types == (types or ("PER",))
    return len(pilot), len(test)


def test_the_test_split_is_a_share_of_at_least_one_and_never_all(tmp_path: Path) -> None:
    assert own(tmp_path, 10, 0.3) == (7, 3)
    assert own(tmp_path, 10, 0.01) == (9, 1)
    assert own(tmp_path, 3, 0.99) == (1, 2)
    assert own(tmp_path, 2, 0.5) == (1, 1)
    assert own(tmp_path, 10, 0.3, "LOC", "PER", gold=True) == (7, 3)
    assert own(tmp_path, 4, 0.5, "PER", gold=False) == (2, 2)
    for count, share, types, gold, message in (
        (1, 0.5, (), True, "own.jsonl: 1 document; two or more are needed, one of them to test on"),
        (2, 0.0, (), True, "--test-share: 0; allowed: between 0 and 1"),
        (2, 1.0, (), True, "--test-share: 1; allowed: between 0 and 1"),
        (4, 0.5, (), False, "own.jsonl: no gold to find types in; name them: --types PER,ORG,LOC"),
        (4, 0.5, ("LOC",), True, "unknown label 'PER'; --types has: LOC; add it there"),
        (4, 0.5, ("A-B", "A_B"), False, "--types: labels 'A-B' and 'A_B' are the same to a model; keep one of them"),
        (4, 0.5, ("PER", "PER"), False, "--types: labels 'PER' and 'PER' are the same to a model"),
    ):
        with pytest.raises(UserError) as error:
            own(tmp_path, count, share, *types, gold=gold)
        assert message in str(error.value)


def test_a_room_says_what_was_read(tmp_path: Path) -> None:
    path, held = tmp_path / "own.jsonl", tmp_path / "test.jsonl"
    path.write_text(json.dumps({"id": "a", "text": "Ann left", "spans": [[0, 3, "PER"]]}) + "\n")
    held.write_text(json.dumps({"tokens": ["Rome"]}) + "\n")
    texts = read_own_texts("my_room", path, held, ["PER", "CELL-LINE"], 0.5, 1)
    assert list(document_rows(texts)) == [
        {"split": "pilot", "id": "a", "tokens": ["Ann", "left"], "text": "Ann left", "spans": [[0, 1, "PER"]],
         "characters": [[0, 3]]},
        {"split": "test", "id": "test.jsonl:1", "tokens": ["Rome"], "text": "Rome"},
    ]  # fmt: skip
    card = new_card("my_room", texts)
    assert (card["title"], card["types"], card["tokenizer"]) == ("my room", ["PER", "CELL-LINE"], "diziner 1")
    assert "tokenizer" not in new_card("x", replace(texts, pilot=()))
    guideline = new_guideline("my_room", texts.types, "")
    assert guideline.goal.documents == "Short texts." and new_guideline("r", ["PER"], "Mail.").goal.documents == "Mail."
    assert [(t.name, t.definition) for t in guideline.types] == [
        ("person", "Every person that is mentioned."),
        ("cell line", "Every cell line that is mentioned."),
    ]
    held.write_text("\n")
    with pytest.raises(UserError, match=r"test\.jsonl: no documents to test on"):
        read_own_texts("my_room", path, held, ["PER"], 0.5, 1)


ORIGINAL = {"pilot": {"train": "train.txt", "dev": "dev.txt"}, "test": {"test": "test.txt"}}
LOCAL = SourceEntry({"original": {**ORIGINAL, "cut": {"pilot": 2, "test": 2, "seed": 5}}}, "ask Ann", Layout())
CARD = Card("toy", "Toy", "tests", ("PER", "LOC"), Licence("CC0", True), sources={"local": LOCAL})


def columns(*sentences: str) -> str:
    return "".join(
        "".join(f"{word} {'B-PER' if word == 'Ann' else 'O'}\n" for word in s.split()) + "\n" for s in sentences
    )


def test_originals_are_read_whole_in_their_order_and_cut_by_a_shuffle(tmp_path: Path) -> None:
    (tmp_path / "train.txt").write_text(columns("Ann left", "she sang", "Ann sang"))
    (tmp_path / "dev.txt").write_text(columns("they met", "Ann met"))
    with pytest.raises(
        UserError, match=r"test\.txt: no such file; toy is converted from train\.txt, dev\.txt, test\.txt"
    ):
        convert(CARD, tmp_path)
    (tmp_path / "test.txt").write_text(columns("she sang", "it rained"))
    whole = convert(CARD, tmp_path)
    assert [each.document.id for each in whole.splits["pilot"]] == [
        "toy-train-00000", "toy-train-00001", "toy-train-00002", "toy-dev-00000", "toy-dev-00001",
    ]  # fmt: skip
    assert [row["ner_tags"] for row in rows_of(whole.splits["pilot"])][:2] == [["B-PER", "O"], ["O", "O"]]
    assert (whole.repairs, whole.dropped) == (0, 0)
    small = cut(CARD, whole)
    left = [each for each in whole.splits["pilot"] if each.document.text != "she sang"]
    order = list(range(4))
    random.Random(5).shuffle(order)
    assert small.splits["pilot"] == tuple(left[place] for place in order[:2])
    assert (small.splits["test"], small.dropped) == (whole.splits["test"], 1)
    without = replace(CARD, sources={"local": replace(LOCAL, options={"original": ORIGINAL})})
    assert convert(without, tmp_path) == whole
    with pytest.raises(UserError, match="toy: its card describes no smaller copy; leave out --cut"):
        cut(without, whole)
    with pytest.raises(UserError, match=r"nowhere: no such folder; it is to hold train\.txt, dev\.txt, test\.txt"):
        convert(CARD, tmp_path / "nowhere")
    with pytest.raises(UserError, match="toy: its card says nothing of an original to convert; ask Ann"):
        convert(replace(CARD, sources={"local": replace(LOCAL, options={})}), tmp_path)
    with pytest.raises(UserError, match=r"toy: its card says nothing of an original to convert$"):
        convert(replace(CARD, sources={}), tmp_path)


def test_texts_without_tokens_are_converted_with_the_characters_of_their_mentions() -> None:
    own_text = Labelled(Document("d", ("서울에", "갔다"), "서울에 갔다"), (Span(0, 1, "LOC"),), ((0, 2),), True)
    assert list(rows_of([own_text])) == [{"id": "d", "text": "서울에 갔다", "spans": [[0, 2, "LOC"]]}]


def test_ids_of_two_files_of_a_hub_are_passed_over_and_of_one_kept(tmp_path: Path) -> None:
    for name in ("one", "two"):
        rows = [{"id": str(number), "text": f"{name} {number}"} for number in range(2)]
        polars.DataFrame(rows).write_parquet(tmp_path / f"{name}.parquet")
    one, two = tmp_path / "one.parquet", tmp_path / "two.parquet"
    both = read_own_texts("toy", one, two, ["PER"], 0.5, 1)
    assert [each.document.id for each in (*both.pilot, *both.test)] == [
        "one.parquet:1", "one.parquet:2", "two.parquet:1", "two.parquet:2",
    ]  # fmt: skip
    alone = read_own_texts("toy", one, None, ["PER"], 0.5, 1)
    assert sorted(each.document.id for each in (*alone.pilot, *alone.test)) == ["0", "1"]


def test_spans_that_flat_documents_cannot_have_are_refused_unless_they_are_to_be_dropped(tmp_path: Path) -> None:
    path = tmp_path / "own.jsonl"

    def read(*spans: list[object], **choices: bool) -> tuple[tuple[Span, ...] | None, int]:
        rows = [{"id": "a", "text": "Ann Lee", "spans": list(spans)}, {"id": "b", "text": "x"}]
        path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
        texts = read_own_texts("toy", path, None, ["PER"], 0.5, 1, choices=Choices(**choices))  # type: ignore[arg-type]
        [labelled] = [each for each in (*texts.pilot, *texts.test) if each.document.id == "a"]
        return labelled.spans, texts.repairs

    inner: tuple[list[object], list[object]] = ([0, 7, "PER"], [0, 3, "PER"])
    assert read([0, 3, "PER"], [4, 7, "PER"]) == ((Span(0, 1, "PER"), Span(1, 2, "PER")), 0)
    with pytest.raises(UserError, match=r"own\.jsonl: 1 nested or overlapping span: documents here have flat spans"):
        read(*inner)
    assert read(*inner, drop=True) == ((Span(0, 2, "PER"),), 1)
    assert read(*inner, nested=True) == ((Span(0, 1, "PER"), Span(0, 2, "PER")), 0)
    gap = {"text": "Ann saw Lee", "entities": [{"label": "PER", "span": [[0, 3], [8, 11]]}]}
    path.write_text(f"{json.dumps(gap)}\n{json.dumps({'text': 'x'})}\n")
    with pytest.raises(
        UserError, match=r"own\.jsonl: 1 discontinuous span: documents here have flat spans without gaps"
    ):
        read_own_texts("toy", path, None, ["PER"], 0.5, 1)
    assert read_own_texts("toy", path, None, ["PER"], 0.5, 1, choices=Choices(drop=True)).repairs == 1


def test_bad_rows_of_own_texts_are_refused_unless_they_may_be_left_out(tmp_path: Path) -> None:
    path = tmp_path / "own.jsonl"
    path.write_text('{"text": "Ann"}\n{"text": 5}\n{"text": "Lee"}\n')
    with pytest.raises(UserError, match=r"own\.jsonl:2: text must be a string, found 5"):
        read_own_texts("toy", path, None, ["PER"], 0.5, 1)
    texts = read_own_texts("toy", path, None, ["PER"], 0.5, 1, skip_bad=True)
    assert [row["reason"] for row in texts.rejected] == ["text must be a string, found 5"]
    assert len(texts.pilot) == len(texts.test) == 1
