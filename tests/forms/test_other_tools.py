"""What we write is read by the tools themselves, where they are installed: `make test-forms`.

They are extras, not in the lock: elsewhere these tests skip and say so.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from labelled_rows import Row, rows

from diziner.common.errors import UserError
from diziner.forms.exported import exported
from diziner.forms.writers import WRITERS
from diziner.standalone.files import read_plain

ABSENT = "an extra: make test-forms"
ROWS = rows(500)
CONFIG = """<View>
  <Labels name="label" toName="text"><Label value="PER"/><Label value="LOC"/><Label value="MISC"/></Labels>
  <Text name="text" value="$text"/>
</View>"""


def written(folder: Path, form: str) -> Path:
    path = folder / f"out{WRITERS[form].ending}"
    WRITERS[form].write(path, map(exported, ROWS))
    return path


def test_label_studios_converter_reads_our_tasks_and_we_read_what_it_makes(tmp_path: Path) -> None:
    converter = pytest.importorskip("label_studio_sdk.converter", reason=ABSENT)
    tasks = written(tmp_path, "label-studio")
    converter.Converter(CONFIG, str(tmp_path)).convert(str(tasks), str(tmp_path / "min"), "JSON_MIN", is_dir=False)
    made = read_plain(tmp_path / "min/result.json")
    assert made.documents is not None and not made.repairs
    for given, own in zip(ROWS, made.annotations, strict=True):
        assert made.documents[own.id].text == given["text"]
        assert [[*place] for place in own.characters] == given["characters"]
        assert [span.type for span in own.spans] == [label for *_, label in given["spans"]]


def test_label_studio_takes_our_predictions(tmp_path: Path) -> None:
    interfaces = pytest.importorskip("label_studio_sdk.label_interface", reason=ABSENT)
    interface = interfaces.LabelInterface(CONFIG)
    voted = [
        {
            **row,
            "votes": {"a": {key: row[key] for key in ("spans", "characters", "failure")}},
            "shares": [0.75] * len(row["spans"]),
            "outvoted": [],
            "confidence": 0.75,
            "disagreement": 0.25,
        }
        for row in ROWS
    ]
    path = tmp_path / "voted.json"
    WRITERS["label-studio"].write(path, map(exported, voted))
    for task in json.loads(path.read_text()):
        assert interface.validate_task({"data": task["data"]})
        for prediction in task["predictions"]:
            assert interface.validate_prediction(prediction), prediction


def test_spacy_takes_our_pairs_as_examples_and_our_docbin_as_a_corpus(tmp_path: Path) -> None:
    spacy = pytest.importorskip("spacy", reason=ABSENT)
    from spacy.tokens import Doc
    from spacy.training import Corpus, Example

    nlp = spacy.blank("xx")
    expected = [mentions(row) for row in ROWS]
    pairs = json.loads(written(tmp_path, "spacy").read_text())
    for row, (text, said), wanted in zip(ROWS, pairs, expected, strict=True):
        spaces = [text[end : end + 1] == " " for end in ends(row["tokens"], text)]
        document = Doc(nlp.vocab, words=row["tokens"], spaces=spaces)
        example = Example.from_dict(document, {"entities": said["entities"]})
        assert [(found.text, found.label_) for found in example.reference.ents] == wanted
    corpus = Corpus(written(tmp_path, "docbin"))
    found = [[(own.text, own.label_) for own in example.reference.ents] for example in corpus(nlp)]
    assert found == expected


def test_a_damaged_docbin_is_refused_with_its_name(tmp_path: Path) -> None:
    pytest.importorskip("spacy", reason=ABSENT)
    import zlib

    srsly = pytest.importorskip("srsly", reason=ABSENT)
    whole = written(tmp_path, "docbin")
    fields = srsly.msgpack_loads(zlib.decompress(whole.read_bytes()))
    without = [
        {key: fields[key] for key in fields if key != name} for name in ("tokens", "lengths", "strings", "attrs")
    ]
    values: list[object] = [None, 7, "x", []]
    wrong = [{**fields, name: value} for name in ("tokens", "strings", "spaces") for value in values]
    packed = [zlib.compress(srsly.msgpack_dumps(each)) for each in (*without, *wrong)]
    size = whole.stat().st_size
    path = tmp_path / "damaged.spacy"
    for content in (*packed, b"", b"x", *(whole.read_bytes()[: size * part // 9] for part in range(1, 9))):
        path.write_bytes(content)
        with pytest.raises(
            UserError, match=r"damaged.spacy: not a DocBin that can be read, after 0 documents: .+"
        ) as no:
            read_plain(path)
        assert "\n" not in str(no.value)


def mentions(row: Row) -> list[tuple[str, str]]:
    return [(surface, label) for surface, (*_, label) in zip(row["surfaces"], row["spans"], strict=True)]


def ends(tokens: list[str], text: str) -> list[int]:
    found, end = [], 0
    for token in tokens:
        end = text.index(token, end) + len(token)
        found.append(end)
    return found


def test_argilla_takes_our_records(tmp_path: Path) -> None:
    argilla = pytest.importorskip("argilla", reason=ABSENT)
    for given, record in zip(ROWS, json.loads(written(tmp_path, "argilla").read_text()), strict=True):
        taken = argilla.Record.from_dict(record)
        assert taken.id == given["id"] and taken.fields["text"] == given["text"]
        [suggestion] = taken.suggestions
        assert [[each["start"], each["end"]] for each in suggestion.value] == given["characters"]
        assert taken.api_model().suggestions
