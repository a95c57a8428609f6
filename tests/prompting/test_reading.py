"""Reading of answers: whatever a right answer is wrapped in, it is read rightly or not at all; faults are named."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from field_answers import read_answer
from hypothesis import given, settings
from hypothesis import strategies as st

from diziner.annotator.answers import EntityForm
from diziner.annotator.labels import Labels
from diziner.common.files import schema_of, validator
from diziner.prompting.dialogue import ask_objects
from diziner.prompting.parse import Form, ParseError, Reading, read_object
from diziner.prompting.request import ModelSettings, Outcome, Request, Response
from diziner.records.documents import Document
from diziner.records.guideline import EntityType

TEXT = "Ada Lovelace met Dr. Müller of the Bank of Lisbon in Port Said , near O'Brien & Sons ."
MENTIONS = {
    "Ada Lovelace": "PER",
    "Dr. Müller": "PER",
    "Bank of Lisbon": "ORG",
    "Port Said": "LOC",
    "O'Brien & Sons": "ORG",
}
NAMES = {"PER": "person", "ORG": "organisation", "LOC": "location"}
TYPES = tuple(EntityType(label, name, f"A {name}.") for label, name in NAMES.items())
DOCUMENT = Document("d", tuple(TEXT.split()), TEXT)
FORM = EntityForm(DOCUMENT, TYPES, Labels(TYPES))
Items = list[tuple[str, str]]


def read(text: str) -> Items | None:
    """What an answer comes to: pairs of text and label, sorted; None for a failure."""
    try:
        reading = read_object(text, FORM)
    except ParseError:
        return None
    return sorted((" ".join(mention.split()), label) for mention, label in reading.value["entities"])


def entities(items: Items) -> list[dict[str, str]]:
    return [{"text": text, "type": NAMES[label]} for text, label in items]


def by_type(items: Items) -> dict[str, list[str]]:
    return {name: [text for text, label in items if label == kind] for kind, name in NAMES.items()}


def asked(items: Items) -> str:
    return json.dumps({"entities": entities(items)})


def loosely(items: Items) -> str:
    return f"{{entities: {[(t, NAMES[k]) for t, k in items]!r}, // all\n}}"


# Every shape says the same thing. Those of SPLIT may end anywhere between mentions, so a cut one looks whole.
SHAPES: dict[str, Callable[[Items], str]] = {
    "asked": asked,
    "pretty": lambda items: json.dumps({"entities": entities(items)}, indent=2, ensure_ascii=False),
    "bare list": lambda items: json.dumps(entities(items)),
    "types as keys": lambda items: json.dumps(by_type(items)),
    "texts as keys": lambda items: json.dumps({"entities": {text: NAMES[label] for text, label in items}}),
    "python": lambda items: repr({"entities": entities(items)}),
    "tuples": loosely,
    "pairs": lambda items: json.dumps({"entities": [[text, label] for text, label in items]}),
    "other keys": lambda items: json.dumps({"mentions": [{"entity": t, "label": f"B-{k}"} for t, k in items]}),
    "plural": lambda items: json.dumps({"entities": [{"text": t, "type": f"{NAMES[k]}s ({k})"} for t, k in items]}),
    "encoded": lambda items: json.dumps(asked(items)),
    "call": lambda items: json.dumps({"name": "answer", "arguments": asked(items)}),
    "escaped": lambda items: json.dumps(asked(items))[1:-1],
    "wrapped": lambda items: json.dumps({"thoughts": "{...}", "result": {"entities": entities(items)}}),
    "trailing commas": lambda items: asked(items).replace("}", ",}").replace("]", ",]").replace("[,]", "[]"),
    "raw line breaks": lambda items: asked(items).replace(" Said", "\n\tSaid").replace(" of ", "\r\nof "),
    "bad item": lambda items: json.dumps({"entities": [*entities(items), {"text": "met", "type": None}]}),
}
SPLIT: dict[str, Callable[[Items], str]] = {
    "lines": lambda items: "\n".join(json.dumps(item) for item in entities(items)),
}

DRAFT = json.dumps({"entities": [{"text": "Port Said", "type": "person"}, {"text": "Ada", "type": "location"}]})
REASONING = [
    "<think>{}</think>",
    "<think>\n<think>\n{}\n</think>\n",
    "{}</think>",
    "<thinking>a <reflection>{}</reflection> b</thinking>",
    "<reasoning>{}</reasoning>\n",
    "<thought>{}</thought>",
    "[THINK]{}[/THINK]",
    "◁think▷{}◁/think▷",
    "<|channel|>analysis<|message|>{}<|end|><|start|>assistant<|channel|>final<|message|>",
    "analysisWe try {} and then.assistantfinal",
    "<|channel>thought\n{}<channel|>",
    "<|START_THINKING|>{}<|END_THINKING|>",
]
AROUND = [
    "{}",
    "\ufeff{}",
    " \r\n{}\r\n",
    "```json\n{}\n```",
    "```\n{}\n```\nI hope this helps [see above]!",
    "Here are the entities (types: {{person, location}}):\n\n{}",
    "**Answer**\n\n{}\n\nNote: {{}} stands for nothing.",
    '{}\n\nFormat used: {{"entities": [{{"text": "...", "type": "..."}}]}}',
    "{}<|im_end|>",
    'The form is {{"entities": [{{"text": string, "type": string}}, ...]}}.\n\n{}',
]


def wrapped(around: str, text: str) -> str:
    before, _, after = around.partition("{}")
    return f"{_braces(before)}{text}{_braces(after)}"


def _braces(text: str) -> str:
    return text.replace("{{", "{").replace("}}", "}")


items_ = st.lists(st.sampled_from(sorted(MENTIONS.items())), unique=True, min_size=1, max_size=4)


def test_an_analysis_inside_the_final_channel_is_no_answer() -> None:
    """Found by the test below: the draft of a second analysis, whose markers are lost, was taken for the answer."""
    items = [("Ada Lovelace", "PER")]
    text = f"{REASONING[-4]}{REASONING[-3]}".replace("{}", DRAFT) + SHAPES["asked"](items)
    assert "assistantfinal" in text and "<|channel|>final" in text
    assert read(text) == items


@given(items_, st.sampled_from(sorted(SHAPES | SPLIT)), st.lists(st.sampled_from(REASONING), max_size=2), st.data())
@settings(max_examples=300, deadline=None)
def test_a_wrapped_answer_is_read_rightly_or_not_at_all(
    items: Items, shape: str, reasoning: list[str], data: st.DataObject
) -> None:
    around = data.draw(st.sampled_from(AROUND))
    text = wrapped(around, (SHAPES | SPLIT)[shape](items))
    for pattern in reasoning:
        text = pattern.replace("{}", DRAFT) + text
    assert read(text) in (sorted(items), None)


@pytest.mark.parametrize("around", AROUND)
@pytest.mark.parametrize("shape", sorted(SHAPES))
def test_one_wrapping_at_a_time_is_read(shape: str, around: str) -> None:
    items = sorted(MENTIONS.items())
    # Where it ends cannot be told if it has no quotes around: another object behind it makes it unreadable.
    unreadable = shape == "escaped" and "Format used" in around
    assert read(wrapped(around, SHAPES[shape](items))) == (None if unreadable else items)


@pytest.mark.parametrize("reasoning", REASONING)
@pytest.mark.parametrize("shape", sorted(SHAPES | SPLIT))
def test_a_draft_in_reasoning_is_never_the_answer(shape: str, reasoning: str) -> None:
    items = sorted(MENTIONS.items())
    assert read(reasoning.replace("{}", DRAFT) + (SHAPES | SPLIT)[shape](items)) == items
    assert read(reasoning.replace("{}", DRAFT)) is None
    assert read(reasoning.partition("{}")[0] + DRAFT) is None or reasoning == "{}</think>"


@given(items_, st.sampled_from(sorted(SHAPES)), st.floats(0, 1), st.sampled_from(["", "```json\n", "Here it is: "]))
@settings(max_examples=300, deadline=None)
def test_an_answer_that_is_cut_anywhere_is_read_whole_or_not_at_all(
    items: Items, shape: str, share: float, before: str
) -> None:
    text = SHAPES[shape](items)
    assert read(before + text[: int(share * len(text))]) in (sorted(items), None)


PIECES = ['{"entities": [', '{"text": "Port Said", "type": "location"}', "]", "}", "{", "[", ",", ":", '"', "'", "\\"]
PIECES += [
    "<think>",
    "</think>",
    "<|channel|>final<|message|>",
    "```\n",
    "\n",
    "\n\n",
    "None",
    "...",
    "\ud83d",
    "\x1b[31m",
]
PIECES += ['"entities"', '\\"', "(", ")", "//", "/*", "“", "”", "\\ud83d", "\x00", " ", "1e999", "-", "{}", "[]"]


@given(st.lists(st.sampled_from(PIECES), max_size=25).map("".join))
@settings(max_examples=300, deadline=None)
def test_nothing_is_raised_but_a_parse_error_in_printable_characters(text: str) -> None:
    for form in (FORM, Form(validator("answer"), ["entities"])):
        try:
            reading = read_object(text, form)
        except ParseError as error:
            assert str(error).isprintable()
            assert len(str(error)) <= 301
        else:
            json.dumps(reading.value, ensure_ascii=False).encode()


HOSTILE = {
    "braces": "{" * 200_000,
    "brackets": "[" * 2_000_000,
    "objects that do not end": '{"a":' * 400_000,
    "lists that do not end": '{"entities": [' * 200_000,
    "nested and closed": '{"a":' * 100_000 + "1" + "}" * 100_000,
    "nested just enough": '{"a":' * 900 + "1" + "}" * 900,
    "nested beside the answer": '{"x": '
    + "[" * 900
    + "]" * 900
    + ', "entities": [{"text": "\\ud83d", "type": "person"}]}',
    "one long string": '{"entities": "' + "x" * 10_000_000 + '"}',
    "a string that does not end": '{"entities": "' + "x" * 10_000_000,
    "commas": '{"a": 1,}' * 200_000,
    "broken objects": "{'a': 1, b c}\n" * 200_000,
    "broken paragraphs": '{"a": [\n\nx' * 200_000,
    "quotes": '"' * 1_000_000,
    "strings of brackets": '"{\\"' * 300_000,
    "escaped": '{\\"a\\": ' * 200_000,
    "think tags": "<think>" * 300_000,
    "think tags that close": "</think>" * 300_000,
    "open angles": "<" * 1_000_000,
    "channels": "<|channel|>final" * 100_000,
    "fences": "```\n{" * 200_000,
    "comments": '{"a": /*' * 100_000,
    "backslashes": '{"a": "' + "\\" * 1_000_001,
    "escaped quotes": '{"a": ' + '\\"' * 500_000,
    "escaped single quotes": '{"a": ' + "\\'" * 500_000,
    "digits": '{"a": ' + "1" * 1_000_000 + "}",
    "many answers": '{"entities": [{"text": "Port Said", "type": "location"}]}\n' * 20_000,
    "many items a line": '{"text": "Port Said", "type": "location"}\n' * 20_000,
    "a long type": '{"entities": [{"text": "a", "type": "' + "(" * 100_000 + '"}]}',
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_answers_take_no_time_and_end_in_an_answer_or_a_failure(kind: str) -> None:
    started = time.process_time()
    for form in (FORM, Form(validator("answer"), ["entities"])):
        try:
            read_object(HOSTILE[kind], form)
        except ParseError:
            continue
    assert time.process_time() - started < 10.0


def test_an_answer_of_ten_megabytes_is_read() -> None:
    items = [{"text": "Port Said", "type": "location"}] * 240_000
    text = json.dumps({"entities": items})
    assert len(text) > 10_000_000
    assert len(read_object(text, FORM).value["entities"]) == 240_000


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("none", "holds no JSON object"),
        ('{"entities": "none", "x": {"entities": 7}}', "data.entities must be array"),
        ('{"answer": {"text": 7}}', "data must contain ['entities'] properties"),
        ('{"entities": [{"text": "a" "type": "b"}]}', "Expecting ',' delimiter at line 1, column 28"),
        ('{"x": 1} {"entities": [{"text": "a", "ty', "Unterminated string starting at line 1"),
        ('{"entities": [], "x": 1, "x": 2}', "says two things: the key 'x' is given twice"),
        ("<think>{}", "reasoning that does not end"),
        ("<|channel|>analysis<|message|>{}", "no final channel"),
        ('{"entities": [{"text": "\x1b[31m\u202e", "type": 7 8}]}', "\\x1b[31m\\u202e"),
        ('{"entities": [{"text": "a", "type": 7}, {"x": 1}]}', "data.entities[0].type must be string"),
    ],
)
def test_the_reason_names_the_outermost_fault_or_the_error_of_the_json(text: str, reason: str) -> None:
    with pytest.raises(ParseError) as error:
        read_object(text, FORM)
    assert reason in str(error.value)


class Talk:
    """An asker that answers in turn and keeps what it was asked."""

    def __init__(self, *texts: str) -> None:
        self.texts, self.asked = list(texts), list[Request]()

    def address(self, endpoint: str) -> str:
        return endpoint

    def ask(self, requests: Any, label: str) -> list[Outcome]:
        self.asked += requests
        return [Response(self.texts.pop(0), "stop") for _ in requests]


def test_a_repair_turn_repeats_whole_characters_and_the_beginning_of_what_ran_away() -> None:
    talk = Talk("\ud83d" + "x" * 10_000_000, asked([("Port Said", "LOC")]))
    request = Request("here", ModelSettings("here", "m"), ())
    [dialogue] = ask_objects(talk, [request], [FORM], "test")
    assert list(dialogue.items("entities")) == [("Port Said", "LOC")]  # type: ignore[comparison-overlap]
    assert dialogue.repairs == 1
    repeated = talk.asked[1].messages[0].content
    assert len(talk.asked[1].key) == 64
    assert repeated.startswith("\ufffdx") and repeated.endswith("…") and len(repeated) == 20_001


SUPERVISOR = Form(validator("supervisor/patterns"), schema_of("supervisor/patterns")["required"])
PATTERN = {"name": "a", "root_cause": "b", "readings": [], "principle": "c", "covered_by": ""}


def patterns(text: str) -> Reading:
    return read_object(text, SUPERVISOR)


def test_a_supervisors_answer_loses_its_control_characters_and_keeps_its_line_breaks() -> None:
    raw = json.dumps({"patterns": [{**PATTERN, "principle": "a\x1b[31m\nb\x9bc\ud83d"}]})
    assert patterns(raw).value["patterns"][0]["principle"] == "a[31m\nbc\ufffd"
    assert patterns(raw.replace("\\u001b", "\x1b").replace("\\u009b", "\x9b")).value == patterns(raw).value
    for control in ("\x1b", "\x7f", "\x9b", "\x08", "\x0c"):
        raw = json.dumps({"patterns": [{**PATTERN, "principle": f"a{control}b"}]})
        assert patterns(raw).value["patterns"][0]["principle"] == "ab"


class Verbatim(Form):
    """A form that keeps control characters, as an annotator's does."""

    clean = False


def test_half_a_pair_of_surrogates_never_comes_out_and_nothing_else_is_changed() -> None:
    form = Verbatim(lambda value: None)
    for text, read_as in (
        ('"\\ud83d"', "\ufffd"),
        ('"\ud83d"', "\ufffd"),
        ('"\\ud83d\\ude00"', "\U0001f600"),
        ('"\U0001f600"', "\U0001f600"),
        ('"a\\u001b\x9b"', "a\x1b\x9b"),
    ):
        assert read_object(f'{{"a": [{text}, {{{text}: 1}}]}}', form).value == {"a": [read_as, {read_as: 1}]}


def test_marks_of_reasoning_inside_of_an_answer_are_its_own() -> None:
    value = {"entities": [{"text": "<think>a</think> ◁/think▷ assistantfinal", "type": "person"}]}
    form = Form(validator("answer"), ["entities"])
    text = json.dumps(value, ensure_ascii=False)
    for around in ("{}", " {}\n", "```json\n{}\n```", "\ufeff{}"):
        assert read_object(around.replace("{}", text), form) == Reading(value)
    every_mark = f"<think>◁ [T [t [R [r [/ {DRAFT}</think>"
    assert read(every_mark + asked([("Port Said", "LOC")])) == [("Port Said", "LOC")] and read(every_mark) is None


def test_a_reason_is_printable_and_of_a_bounded_length() -> None:
    assert str(ParseError("a \x1b\u202eb é")) == "a \\x1b\\u202eb é"
    assert str(ParseError("x" * 300)) == "x" * 300
    assert str(ParseError("x" * 301)) == "x" * 300 + "…"


def test_a_supervisors_template_behind_its_answer_is_not_the_answer() -> None:
    answer = json.dumps({"patterns": [PATTERN]})
    template = json.dumps({"patterns": [{**PATTERN, "name": "...", "root_cause": "…", "principle": "<principle>"}]})
    assert patterns(f"{answer}\nThe form was {template}").value == {"patterns": [PATTERN]}
    assert patterns(f'{answer}\nIf there were none: {{"patterns": []}}').value == {"patterns": [PATTERN]}
    assert patterns(f"{template}\nbecomes {answer}").value == {"patterns": [PATTERN]}
    assert patterns(repr({"patterns": [PATTERN]})).forms == {"syntax": 1}


@pytest.mark.parametrize(
    ("given", "label"),
    [
        *[(given, "PER") for given in ("Persons", "PERSON(S)", "person_", "people", "B-PER", "PER: person")],
        *[
            (given, "PER")
            for given in ("Type: person", "type=person", "EntityType.PERSON", "label:person", "per\u200bson")
        ],
        *[(given, "PER") for given in ("#person", "/person", "person;", "{person}", "entity type: PER")],
        *[(given, "LOC") for given in ("S-LOC", "E_LOC", "**location**", "Location.", "<loc>", "I-locations")],
        *[(given, "ORG") for given in ("ORG - Organization", "organisation/ORG", "Organizations")],
        *[
            (given, None)
            for given in (
                "b-per",
                "loc/org",
                "per son",
                "",
                "()",
                "O",
                "persona",
                "B-",
                "B-MISC",
                "peoples",
                "type: ",
                "type: event",
            )
        ],
    ],
)
def test_a_label_is_what_one_type_is_called_and_never_a_guess(given: str, label: str | None) -> None:
    resolved = Labels(TYPES).resolve(given)
    assert (resolved and resolved.label) == label


def test_a_label_that_fits_two_types_fits_none() -> None:
    types = (
        EntityType("GENE", "gene", "g"),
        EntityType("GENES", "gene family", "f"),
        EntityType("B-CELL", "b-cell", "c"),
    )
    labels = Labels((*types, EntityType("CELL", "cell", "c")))
    assert labels.resolve("gene") == ("GENE", True, False)
    assert labels.resolve("GENES") == ("GENES", True, False)
    for written, label in (("Genes.", "GENES"), ("b cell", "B-CELL")):
        found = labels.resolve(written)
        assert found is not None and found.label == label
    assert labels.resolve("B-CELL") == ("B-CELL", True, False)
    assert labels.resolve("I-CELL") == ("CELL", False, True)


def test_a_documents_own_control_characters_can_be_answered() -> None:
    row = read_answer('{"entities": [{"text": "O\x92Neil", "type": "person"}]}', "Mr. O\x92Neil left", NAMES)
    assert [span.start for span in row.spans] == [1]
