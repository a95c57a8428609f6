"""Examples from agreement in prompts: which ones a document is shown, and in what form."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from projects import ROOT

from diziner.annotator.agreed_examples import shown_to
from diziner.annotator.annotate import requests_for
from diziner.annotator.settings import AnnotatorSettings
from diziner.common.errors import UserError
from diziner.guideline.file import guideline_from_json, guideline_to_json, load_guideline
from diziner.prompting.request import ModelSettings
from diziner.records.documents import Document
from diziner.records.guideline import AgreedExample, AgreedExamples, Guideline
from diziner.scripted.reading import read

SENTENCES = (
    "[Ada|PER] flew to [Rome|LOC] .",
    "Shares of [Acme|ORG] fell .",
    "Nothing happened .",
    "[Bob|PER] plays for [Ajax|ORG] .",
    "Rain fell .",
)


class Address:
    def address(self, endpoint: str) -> str:
        return endpoint


def agreed(choice: str, shown: int, sentences: Sequence[str] = SENTENCES) -> AgreedExamples:
    examples = [AgreedExample(line, 0, f"p{i}", ("a", "b"), 1.0) for i, line in enumerate(sentences)]
    return AgreedExamples(choice, shown, tuple(examples))


def guideline(choice: str = "fixed", shown: int = 2) -> Guideline:
    return replace(load_guideline(ROOT / "data/conll2003/guideline.yaml"), agreed=agreed(choice, shown))


def document(text: str) -> Document:
    return Document("d", tuple(text.split()), text)


def texts(choice: str, shown: int, text: str) -> list[str]:
    [found] = shown_to([document(text)], agreed(choice, shown))
    return [example.text for example in found]


def test_fixed_examples_are_the_first_but_never_the_document_itself() -> None:
    assert texts("fixed", 2, "Some other text") == ["Ada flew to Rome .", "Shares of Acme fell ."]
    # The same text is the same document, whatever its id, case and spacing.
    assert texts("fixed", 2, "ADA  flew to Rome .") == ["Shares of Acme fell .", "Nothing happened ."]


def test_similar_examples_are_the_nearest_with_the_most_similar_last_and_one_without_mentions_at_most() -> None:
    assert texts("similar", 2, "Acme shares rose") == ["Ada flew to Rome .", "Shares of Acme fell ."]
    assert texts("similar", 3, "Rain fell heavily and nothing more")[-1] == "Rain fell ."
    assert "Nothing happened ." not in texts("similar", 4, "Rain fell heavily and nothing more")
    assert texts("similar", 1, "Rain fell .") == ["Shares of Acme fell ."]
    # Nothing in common with any: the guideline's order.
    assert texts("similar", 2, "xyz") == ["Shares of Acme fell .", "Ada flew to Rome ."]


WORDS = st.lists(
    st.sampled_from(["Ada", "flew", "to", "Rome", ".", "Shares", "of", "Acme", "fell", "Rain", "Bob", "plays"]),
    min_size=1,
    max_size=7,
)


@given(WORDS, WORDS, st.sampled_from(["fixed", "similar"]), st.integers(1, 6))
def test_what_a_document_is_shown_hangs_on_nothing_but_itself(
    one: list[str], other: list[str], choice: str, shown: int
) -> None:
    documents = [document(" ".join(words)) for words in (one, other)]
    together = shown_to(documents, agreed(choice, shown))
    assert together == [shown_to([each], agreed(choice, shown))[0] for each in documents]
    for each, examples in zip(documents, together, strict=True):
        assert len(examples) == len({example.text for example in examples}) <= shown
        assert each.text not in {example.text for example in examples}
        if choice == "similar":
            assert sum(not example.spans for example in examples) <= 1


@pytest.mark.parametrize("style", ["plain", "few_shot"])
def test_examples_stand_before_the_document_in_the_form_of_an_answer(style: str) -> None:
    annotator = AnnotatorSettings("a", ModelSettings("local", "m"), style=style)
    guide = guideline()
    [with_them] = requests_for([document("Acme rose .")], guide, annotator, Address())  # type: ignore[arg-type]
    [without] = requests_for([document("Acme rose .")], replace(guide, agreed=None), annotator, Address())  # type: ignore[arg-type]
    prompt = "\n".join(message.content for message in with_them.messages)
    answer = json.dumps({"entities": [{"text": "Ada", "type": "person"}, {"text": "Rome", "type": "location"}]})
    assert prompt.count("<document>\nAda flew to Rome .\n</document>") == 1 and answer in prompt
    assert prompt.index("Shares of Acme fell .") < prompt.index("<document>\nAcme rose .")
    # What comes before them is as it was, so that servers keep what they have read.
    plain = "\n".join(message.content for message in without.messages)
    assert prompt.startswith(plain[: plain.index("<document>\nAcme rose .")])
    if style == "few_shot":
        roles = [message.role for message in with_them.messages]
        assert roles == ["system", *["user", "assistant"] * 6, "user"]
    shown = read([{"role": m.role, "content": m.content} for m in with_them.messages], ())
    assert (shown.document, shown.shown["acme"]) == ("Acme rose .", ("Acme", "organization"))


def test_a_guideline_s_examples_are_checked_with_their_place() -> None:
    raw = guideline_to_json(guideline())
    raw["agreed"]["examples"][1]["sentence"] = "[Acme|FIRM] fell"
    with pytest.raises(UserError, match=r"here: agreed.examples\[1\]: label FIRM; allowed: PER, ORG, LOC, MISC"):
        guideline_from_json(raw, "here")
    raw["agreed"]["examples"][1]["sentence"] = "[Acme|ORG"
    with pytest.raises(UserError, match=r"here: agreed.examples\[1\]: .*never closed"):
        guideline_from_json(raw, "here")
    raw["agreed"]["examples"][1] |= {"sentence": "[Acme|ORG] fell", "text": "Acme rose"}
    with pytest.raises(UserError, match=r"here: agreed.examples\[1\]: token 1 'fell'"):
        guideline_from_json(raw, "here")
