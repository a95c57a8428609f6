"""Table of the forms of files that are read, and which of them a file is of. docs/forms.md is made from it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import PurePath

from diziner.common.errors import UserError
from diziner.forms import (
    arrowfiles,
    bioc,
    brat,
    columnfiles,
    columnlooks,
    csvfiles,
    docbin,
    jsonforms,
    labelstudio,
    plaintext,
    shards,
    spacyjson,
    webanno,
)
from diziner.forms.choices import Choices
from diziner.forms.form import Form, Look, Task
from diziner.forms.rows import Table

JSON_ENDINGS = jsonforms.ENDINGS

# In the order in which a file is held against them.
FORMS: dict[str, Form] = {
    form.name: form
    for form in (
        Form(
            "parquet",
            "Parquet: a row a document, columns as the keys of `json`; names of class labels are in it",
            arrowfiles.parquet_table,
            arrowfiles.looks_like_parquet,
            (".parquet",),
        ),
        Form(
            "brat",
            "brat: a folder of texts with `.ann` files beside them, or one `.ann`; a text is a document",
            brat.brat_table,
            brat.looks_like_brat,
            (brat.ENDING,),
            "T1\tPER 0 4\tMara",
        ),
        Form(
            "labelled",
            "A folder that `diziner label` wrote: its shards one after another",
            shards.shards_table,
            shards.looks_like_shards,
        ),
        Form(
            "datasets",
            "A folder of `Dataset.save_to_disk`; of several splits, name one's folder",
            arrowfiles.saved_table,
            arrowfiles.looks_like_saved,
        ),
        Form(
            "docbin",
            "spaCy's DocBin; needs `diziner[spacy]`",
            docbin.docbin_table,
            docbin.looks_like_docbin,
            (docbin.ENDING,),
        ),
        Form(
            "bioc-xml",
            "BioC as XML: passages of a document, labels by characters",
            bioc.bioc_xml_table,
            bioc.looks_like_bioc_xml,
            (".xml", ".bioc"),
        ),
        Form(
            "webanno",
            "WebAnno and INCEpTION's TSV 3; the layer of named entities, or `--columns tag=N`",
            webanno.webanno_table,
            webanno.looks_like_webanno,
            (".tsv",),
            "1-1\t0-4\tMara\t*\tPER[1]",
        ),
        Form(
            "pubtator",
            "PubTator: title, abstract, labels by characters",
            bioc.pubtator_table,
            bioc.looks_like_pubtator,
            (".pubtator", ".txt"),
            "12\\|t\\|Mara sings",
        ),
        Form(
            "label-studio",
            "Label Studio's JSON; of several annotators, `--columns annotator=ID`",
            labelstudio.label_studio_table,
            labelstudio.looks_like_label_studio,
            JSON_ENDINGS,
            '{"data": {"text": …}, "annotations": [{"result": […]}]}',
        ),
        Form(
            "label-studio-min",
            "Label Studio's JSON-MIN: a row an annotation",
            labelstudio.label_studio_min_table,
            labelstudio.looks_like_label_studio_min,
            JSON_ENDINGS,
            '{"text": …, "label": [{"start": 0, "end": 4, "labels": ["PER"]}], "annotator": 1}',
        ),
        Form(
            "gliner",
            "GLiNER's training data: tokens, ends included",
            jsonforms.gliner_table,
            jsonforms.looks_like_gliner,
            JSON_ENDINGS,
            '{"tokenized_text": ["Mara"], "ner": [[0, 0, "PER"]]}',
        ),
        Form(
            "langextract",
            "LangExtract; extractions without a place are counted as repairs",
            jsonforms.langextract_table,
            jsonforms.looks_like_langextract,
            JSON_ENDINGS,
            '{"text": …, "extractions": [{"extraction_class": "PER", "char_interval": {"start_pos": 0, …}}]}',
        ),
        Form(
            "prodigy",
            "Prodigy, tokens as strings or objects; only what was accepted",
            jsonforms.prodigy_table,
            jsonforms.looks_like_prodigy,
            JSON_ENDINGS,
            '{"text": …, "spans": [{"start": 0, "end": 4, "label": "PER"}], "answer": "accept"}',
        ),
        Form(
            "spacy",
            "spaCy's pairs of text and entities, and its documents of version 2",
            spacyjson.spacy_table,
            spacyjson.looks_like_spacy,
            JSON_ENDINGS,
            '["Mara sings", {"entities": [[0, 4, "PER"]]}]',
        ),
        Form(
            "bioc-json",
            "BioC as JSON",
            bioc.bioc_json_table,
            bioc.looks_like_bioc_json,
            JSON_ENDINGS,
        ),
        Form(
            "json",
            "An object a line, an array of them, or one object around it: tokens with tags or spans, text with spans",
            jsonforms.json_table,
            jsonforms.looks_like_json,
            JSON_ENDINGS,
            '{"tokens": ["Mara"], "ner_tags": ["B-PER"]}',
        ),
        Form(
            "csv",
            "CSV or TSV with a header: a text a row, or a token a row with its tag and sentence",
            csvfiles.csv_table,
            csvfiles.looks_like_table,
            (".csv", ".tsv"),
            "id,text,source",
        ),
        Form(
            "columns",
            "CoNLL and its kin: a token a line with its tag, blank lines between sentences",
            columnfiles.column_table,
            columnlooks.looks_like_columns,
            (*columnfiles.ENDINGS, ".tsv", ".txt"),
            "Mara B-PER",
        ),
        Form(
            "text",
            "Plain text: a document a line",
            plaintext.text_table,
            plaintext.looks_like_text,
            plaintext.ENDINGS,
            "Mara sings.",
        ),
    )
}
FOLDER_FORMS = ("brat", "labelled", "datasets")
_SAVED = frozenset({"dataset_info.json", "dataset_dict.json"})  # what tells a folder of `Dataset.save_to_disk`
_LAST = {".tsv": "columns", ".csv": "csv", ".txt": "text", ".text": "text", ".md": "text"}
# What is no form, by its first bytes.
_PACKED = {
    b"\x1f\x8b": "compressed by gzip",
    b"BZh": "compressed by bzip2",
    b"\xfd7zXZ\0": "compressed by xz",
    b"\x28\xb5\x2f\xfd": "compressed by zstd",
    b"PK\x03\x04": "a zip archive, as documents and tables of office programs are",
    b"%PDF-": "a PDF document",
}


def form_of(look: Look, choices: Choices) -> Form:
    """Return the form of a file: the one that is chosen, that of its ending, else the first that it looks like.

    Errors: UserError for a form that is unknown, a file that is not there, a pipe, and a file of no known form.
    """
    path = look.path
    if path.exists() and not path.is_file() and not path.is_dir():
        raise UserError(f"{path}: no file but a pipe or a device, and files are read more than once: save it as a file")
    if choices.form:
        if choices.form not in FORMS:
            raise UserError(f"--form {choices.form}: unknown; allowed: {', '.join(FORMS)}")
        return FORMS[choices.form]
    if not path.exists():
        raise UserError(f"{path}: no such file")
    if packed := next((what for mark, what in _PACKED.items() if look.head.startswith(mark)), ""):
        raise UserError(f"{path}: is {packed}; take out the file that is in it")
    if arrowfiles.looks_like_parquet(look):
        return FORMS["parquet"]
    if webanno.looks_like_webanno(look):
        return FORMS["webanno"]  # its first line says so, whatever its ending
    by_ending = [form for form in FORMS.values() if look.suffix in form.endings and not path.is_dir()]
    tagged = choices.scheme or choices.labels or choices.columns.keys() & {"tokens", "tags"}
    if look.suffix in plaintext.ENDINGS and tagged:
        return FORMS["columns"]
    numbered = any(isinstance(column, int) for column in choices.columns.values())
    if look.suffix == ".tsv" and numbered:
        return FORMS["columns"]
    if len(by_ending) == 1:
        return by_ending[0]
    others = [form for form in FORMS.values() if form.name != "text"]
    found = next((form for form in by_ending or others if form.looks(look)), None)
    if by_ending:
        return found or FORMS[_LAST.get(look.suffix, "json")]
    if found is None and not path.is_dir() and not look.head.strip():
        raise UserError(f"{path}: no documents: the file is empty")
    if found is None:
        raise UserError(
            f"{path}: unknown kind of file; allowed: {' '.join(endings())}, a folder of Dataset.save_to_disk, or "
            f"--form with one of {', '.join(FORMS)}"
        )
    return found


def endings() -> tuple[str, ...]:
    """Return the endings of files whose form they say."""
    return tuple(dict.fromkeys(ending for form in FORMS.values() for ending in form.endings))


def is_folder_form(names: Iterable[str], choices: Choices) -> bool:
    """Whether a folder is of a form that folders have, and not one with files of a form; `names` of what is in it.

    Errors: UserError for a folder of brat's that has files of other forms too, which would not be read.
    """
    listed_names = list(names)
    if choices.form in FOLDER_FORMS or any(name in _SAVED or shards.is_shard(name) for name in listed_names):
        return True
    if not any(name.endswith(brat.ENDING) for name in listed_names):
        return False
    known = {*endings()} - {brat.ENDING, *plaintext.ENDINGS}
    if other := next((name for name in sorted(listed_names) if PurePath(name).suffix.lower() in known), None):
        raise UserError(f"{other}: beside files of brat's, which are read as one corpus; --form brat leaves it out")
    return True


def table_of(task: Task) -> Table:
    """Return the rows of a file of any known form.

    Errors: UserError as `form_of`, and where the form leaves open how to read it.
    """
    return form_of(Look(task.path), task.choices).read(task)
