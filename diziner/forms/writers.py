"""Table of the forms of files that are written; docs/forms.md is made from it and from `table`.

It stands apart from the table of those that are read, on which the stages depend: an edit to a writer reruns none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from diziner.forms import file_writers, json_writers, spacy_writer
from diziner.forms.exported import Exported


@dataclass(frozen=True, slots=True)
class Writer:
    """One form that is written, to a file of the ending `ending` (empty: a folder).

    `read_as` is the name of the form that reads it back, empty where none does. `tokens`: mentions are written by
    tokens, so that what is inside a token takes the whole of it. `flat`: of mentions that overlap it holds one. `ids`:
    those that are read back are the documents' own. `review`: people correct labels there, so that of a vote it gets
    every annotator's own, and the least sure documents first.
    `others`: what else a document's file says about it goes along.
    """

    title: str
    write: Callable[[Path, Iterable[Exported]], None]
    ending: str
    read_as: str = ""
    tokens: bool = False
    flat: bool = False
    ids: bool = True
    review: bool = False
    others: bool = False


WRITERS: dict[str, Writer] = {
    "label-studio": Writer(
        "tasks to import; the text is `text`, the labels `label`; each annotator is a prediction with its score",
        json_writers.write_label_studio,
        ".json",
        "label-studio",
        review=True,
        others=True,
    ),
    "doccano": Writer(
        "JSON Lines with `text` and `label`; annotators' own as metadata",
        json_writers.write_doccano,
        ".jsonl",
        "json",
        review=True,
        others=True,
    ),
    "prodigy": Writer(
        "JSON Lines with tokens and spans; annotators' own in `meta`",
        json_writers.write_prodigy,
        ".jsonl",
        "prodigy",
        review=True,
        others=True,
    ),
    "argilla": Writer(
        "records of Argilla 2 for `Dataset.records.from_json`, the labels as the suggestion to `label`; "
        "annotators' own as metadata",
        json_writers.write_argilla,
        ".json",
        review=True,
        others=True,
    ),
    "spacy": Writer("pairs of a text and its entities", json_writers.write_spacy, ".json", "spacy"),
    "docbin": Writer(
        "spaCy's DocBin, to train on; needs `diziner[spacy]`",
        spacy_writer.write_docbin,
        ".spacy",
        "docbin",
        tokens=True,
        flat=True,
        ids=False,
        others=True,
    ),
    "gliner": Writer(
        "training data of GLiNER, by tokens", json_writers.write_gliner, ".json", "gliner", tokens=True, others=True
    ),
    "conll": Writer(
        "a token a line with its BIO2 tag behind a tab",
        file_writers.write_conll,
        ".conll",
        "columns",
        True,
        True,
        False,
    ),
    "csv": Writer("a table: document, token, BIO2 tag", file_writers.write_csv, ".csv", "csv", True, True, False),
    "brat": Writer(
        "a new folder with a text and its annotations for each document", file_writers.write_brat, "", "brat"
    ),
    "hf": Writer(
        "a new folder of `datasets`, tags as class labels",
        file_writers.write_datasets,
        "",
        "datasets",
        True,
        True,
        others=True,
    ),
}
