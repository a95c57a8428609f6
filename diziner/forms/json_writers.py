"""Writers of JSON that annotation tools and training scripts take: an object a document."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from diziner.common.files import atomic, dump_line
from diziner.forms.exported import Exported, Labels, plain_value

_FIELD, _QUESTION = "text", "label"  # names of the text and of the labels in Label Studio and Argilla


def write_label_studio(path: Path, documents: Iterable[Exported]) -> None:
    """Write tasks of Label Studio: labels as annotations; of a vote, it and each annotator's own as predictions."""
    _write_array(path, (_task(number, document) for number, document in enumerate(documents, 1)))


def write_doccano(path: Path, documents: Iterable[Exported]) -> None:
    """Write doccano's JSON Lines: text with labels by characters; what the annotators of a vote say is its metadata."""
    rows = (each.beside(_with_meta(each, {"label": _triples(each.labels)} | _said(each))) for each in documents)
    _write_lines(path, rows)


def write_prodigy(path: Path, documents: Iterable[Exported]) -> None:
    """Write examples of Prodigy, with tokens; accepted ones, but for votes, which have no answer yet, and what their
    annotators say in `meta`."""
    _write_lines(path, map(_example, documents))


def write_argilla(path: Path, documents: Iterable[Exported]) -> None:
    """Write records of Argilla 2 (`Dataset.records.from_json`), the labels as the one suggestion that a question
    takes."""
    _write_array(path, map(_record, documents))


def write_spacy(path: Path, documents: Iterable[Exported]) -> None:
    """Write pairs of a text and its entities by characters, as training scripts of spaCy take them."""
    _write_array(path, ([each.text, {"id": each.id, "entities": _triples(each.labels)}] for each in documents))


def write_gliner(path: Path, documents: Iterable[Exported]) -> None:
    """Write training data of GLiNER: tokens, and mentions by tokens with their ends included."""
    _write_array(path, map(_gliner, documents))


def _task(number: int, document: Exported) -> dict[str, Any]:
    """Return a task. Label Studio gives it a number of its own when it is imported; its converter needs one before."""
    task: dict[str, Any] = {"id": number, "data": document.beside(_with_meta(document, {}))}
    if document.voted:
        offered = [document.labels] if document.labels else []
        task["predictions"] = [_prediction(labels) for labels in (*offered, *document.predictions)]
    elif document.labels is not None:
        task["annotations"] = [{"result": _regions(document.labels)}]
    for each in task.get("predictions", task.get("annotations", ())):
        for region in each["result"]:
            value = region["value"]
            value["text"] = document.text[value["start"] : value["end"]]
    return task


def _prediction(labels: Labels) -> dict[str, Any]:
    score = {} if labels.score is None else {"score": labels.score}
    return {"model_version": labels.by, "result": _regions(labels), **score}


def _regions(labels: Labels) -> list[dict[str, Any]]:
    return [
        {
            "id": f"m{number}",
            "from_name": _QUESTION,
            "to_name": _FIELD,
            "type": "labels",
            "value": {"start": each.first, "end": each.last, "labels": [each.label]},
            **({} if each.share is None else {"score": each.share}),
        }
        for number, each in enumerate(labels.mentions)
    ]


def _example(document: Exported) -> dict[str, Any]:
    offsets = _offsets(document)
    mentions = document.labels.mentions if document.labels else ()
    meta = {} if document.confidence is None else {"confidence": document.confidence}
    example = {
        "id": document.id,
        "text": document.text,
        "tokens": [
            {"text": token, "start": first, "end": last, "id": number}
            for number, (token, (first, last)) in enumerate(zip(document.tokens, offsets, strict=True))
        ],
        "spans": [
            {"start": m.first, "end": m.last, "token_start": m.start, "token_end": m.end - 1, "label": m.label}
            for m in mentions
        ],
        "meta": document.beside(meta | _said(document)),
    }
    return example if document.voted else {**example, "answer": "accept"}


def _offsets(document: Exported) -> list[tuple[int, int]]:
    found, end = [], 0
    for token in document.tokens:
        start = document.text.index(token, end)
        end = start + len(token)
        found.append((start, end))
    return found


def _record(document: Exported) -> dict[str, Any]:
    own = {"confidence": document.confidence, "disagreement": document.disagreement}
    metadata = document.beside({key: value for key, value in own.items() if value is not None} | _said(document))
    record: dict[str, Any] = {
        "id": document.id,
        "fields": {_FIELD: document.text},
        # Argilla takes texts and numbers there.
        "metadata": {name: plain_value(value) for name, value in metadata.items() if value is not None},
        "suggestions": {},
    }
    if document.labels is not None:
        suggestion: dict[str, Any] = {
            "value": [{"start": m.first, "end": m.last, "label": m.label} for m in document.labels.mentions]
        }
        if document.voted:
            suggestion |= {"score": document.labels.score, "agent": document.labels.by}
        record["suggestions"] = {_QUESTION: suggestion}
    return record


def _gliner(document: Exported) -> dict[str, Any]:
    mentions = document.labels.mentions if document.labels else ()
    return document.beside(
        {
            "id": document.id,
            "tokenized_text": list(document.tokens),
            "ner": [[m.start, m.end - 1, m.label] for m in mentions],
        }
    )


def _with_meta(document: Exported, more: dict[str, Any]) -> dict[str, Any]:
    meta = {"confidence": document.confidence, "disagreement": document.disagreement}
    return {
        "id": document.id,
        "text": document.text,
        **more,
        **{key: value for key, value in meta.items() if value is not None},
    }


def _said(document: Exported) -> dict[str, str]:
    """Return each annotator's mentions with its score as text, for tools that show one set of labels alone."""
    return {
        f"by {labels.by}": "; ".join(f"{document.text[m.first : m.last]} {m.label}" for m in labels.mentions)
        + ("" if labels.score is None else f" ({labels.score:.2f})")
        for labels in document.predictions
    }


def _triples(labels: Labels | None) -> list[list[Any]]:
    return [[m.first, m.last, m.label] for m in (labels.mentions if labels else ())]


def _write_lines(path: Path, values: Iterable[object]) -> None:
    with atomic(path) as temporary, temporary.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(f"{dump_line(value)}\n" for value in values)


def _write_array(path: Path, values: Iterable[object]) -> None:
    """Write a JSON array, an entry a line, one after the other."""
    with atomic(path) as temporary, temporary.open("w", encoding="utf-8", newline="\n") as file:
        mark = "["
        for value in values:
            file.write(f"{mark}\n{json.dumps(value, ensure_ascii=False, sort_keys=True, allow_nan=False)}")
            mark = ","
        file.write("[]\n" if mark == "[" else "\n]\n")
