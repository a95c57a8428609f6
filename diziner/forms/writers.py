"""Table of the forms of files that are written."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from diziner.forms import file_writers, json_writers
from diziner.forms.exported import Exported


@dataclass(frozen=True, slots=True)
class Writer:
    """One form that is written, to a file of the ending `ending` (empty: a folder).

    `read_as` is the name of the form that reads it back, empty where none does. `tokens`: mentions are written by
    tokens, so that what is inside a token takes the whole of it. `flat`: of
    mentions that overlap it holds one. `ids`: those that are read back are the documents' own.
    """

    title: str
    write: Callable[[Path, Iterable[Exported]], None]
    ending: str
    read_as: str = ""
    tokens: bool = False
    flat: bool = False
    ids: bool = True


WRITERS: dict[str, Writer] = {
    "label-studio": Writer("Label Studio's tasks (JSON)", json_writers.write_label_studio, ".json", "label-studio"),
    "doccano": Writer("doccano's JSON Lines", json_writers.write_doccano, ".jsonl", "json"),
    "prodigy": Writer("Prodigy's JSON Lines", json_writers.write_prodigy, ".jsonl", "prodigy"),
    "argilla": Writer("Argilla 2's records (JSON), one suggestion each", json_writers.write_argilla, ".json"),
    "spacy": Writer("pairs of text and entities for spaCy (JSON)", json_writers.write_spacy, ".json", "spacy"),
    "gliner": Writer("GLiNER's training data (JSON)", json_writers.write_gliner, ".json", "gliner", tokens=True),
    "conll": Writer("token, tab, BIO2 tag", file_writers.write_conll, ".conll", "columns", True, True, ids=False),
    "csv": Writer("a table of tokens with tags", file_writers.write_csv, ".csv", "csv", True, True, ids=False),
    "brat": Writer("brat's standoff, a folder", file_writers.write_brat, "", "brat"),
    "hf": Writer("a folder of `datasets`, with class labels", file_writers.write_datasets, "", "datasets", True, True),
}
