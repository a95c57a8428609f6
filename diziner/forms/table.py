"""Table of the forms of files that are read, and which of them a file is of. docs/forms.md is made from it."""

from __future__ import annotations

from diziner.common.errors import UserError
from diziner.forms import arrowfiles, columnfiles, plaintext
from diziner.forms.choices import Choices
from diziner.forms.form import Form, Look, Task
from diziner.forms.jsonfiles import json_values
from diziner.forms.jsonrows import rows_of_values
from diziner.forms.rows import Table

JSON_ENDINGS = (".jsonl", ".json", ".ndjson")


def _json_table(task: Task) -> Table:
    return rows_of_values(task, json_values(task.path))


def _is_json(look: Look) -> bool:
    return look.suffix in JSON_ENDINGS or isinstance(look.value, dict)


# In the order in which a file is held against them.
FORMS: dict[str, Form] = {
    form.name: form
    for form in (
        Form(
            "parquet",
            "Parquet: a row a document, columns as the keys of JSON Lines",
            arrowfiles.parquet_table,
            arrowfiles.looks_like_parquet,
            (".parquet",),
        ),
        Form(
            "datasets",
            "A folder of `Dataset.save_to_disk`",
            arrowfiles.saved_table,
            arrowfiles.looks_like_saved,
        ),
        Form("json", "JSON objects, one a line or in an array", _json_table, _is_json, JSON_ENDINGS),
        Form(
            "columns",
            "CoNLL and its kin: a token a line with its tag, blank lines between sentences",
            columnfiles.column_table,
            columnfiles.looks_like_columns,
            (*columnfiles.ENDINGS, ".tsv"),
        ),
        Form(
            "text",
            "Plain text: a document a line",
            plaintext.text_table,
            plaintext.looks_like_text,
            plaintext.ENDINGS,
        ),
    )
}


def form_of(look: Look, choices: Choices) -> Form:
    """Return the form of a file: the one that is chosen, that of its ending, else the first that it looks like.

    Errors: UserError for a form that is unknown, a file that is not there, and one of no known form.
    """
    path = look.path
    if choices.form:
        if choices.form not in FORMS:
            raise UserError(f"--form {choices.form}: unknown; allowed: {', '.join(FORMS)}")
        return FORMS[choices.form]
    if not path.exists():
        raise UserError(f"{path}: no such file")
    by_ending = [form for form in FORMS.values() if look.suffix in form.endings and not path.is_dir()]
    if by_ending and look.suffix in plaintext.ENDINGS and (choices.scheme or "tokens" in choices.columns):
        return FORMS["columns"]
    if len(by_ending) == 1 and by_ending[0].name != "text":
        return by_ending[0]
    found = next((form for form in [*by_ending, *FORMS.values()] if form.looks(look)), None)
    if found is None or (found.name == "text" and not by_ending):
        raise UserError(
            f"{path}: unknown kind of file; allowed: {' '.join(endings())}, a folder of Dataset.save_to_disk, or "
            f"--form with one of {', '.join(FORMS)}"
        )
    return found


def endings() -> tuple[str, ...]:
    """Return the endings of files whose form they say."""
    return tuple(dict.fromkeys(ending for form in FORMS.values() for ending in form.endings))


def is_folder_form(look: Look, choices: Choices) -> bool:
    """Whether a folder is of a form that folders have, and not one with files of a form."""
    return choices.form in ("brat", "datasets") or any(
        (look.path / name).exists() for name in ("dataset_info.json", "dataset_dict.json")
    )


def table_of(task: Task) -> Table:
    """Return the rows of a file of any known form.

    Errors: UserError as `form_of`, and where the form leaves open how to read it.
    """
    return form_of(Look(task.path), task.choices).read(task)
