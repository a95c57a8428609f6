"""Keys kept out of requests and of rows: a document or guideline that holds one is refused before it is sent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from diziner.common.errors import UserError
from diziner.common.secret_values import key_in, knows_keys
from diziner.llm.rows import Row, compact, reply_text
from diziner.prompting.request import Request


def refuse_keys_in_requests(requests: Iterable[Request]) -> None:
    """Refuse requests that hold the value of a key, of whichever endpoint. Errors: UserError."""
    if not knows_keys():
        return
    for request in requests:
        if variable := _key_in(request.canonical()):
            about = f", {request.about}" if request.about else ""
            raise UserError(
                f"endpoint {request.settings.endpoint}, model {request.settings.model}{about}: not sent: the request "
                f"holds the value of {variable}, which is a key; take it out of documents, guideline and settings, or, "
                "if it is an everyday word, change the key"
            )


def refuse_keys_in_row(row: Row) -> None:
    """Refuse a row with the value of a key. Errors: UserError."""
    if not knows_keys():
        return
    key, request, reply = row
    if variable := _key_in(request) or key_in(reply_text(reply)):
        raise UserError(f"the answer {key[:12]} holds the value of {variable}, which is a key: it is not kept")


def _key_in(request: Mapping[str, Any]) -> str | None:
    return key_in(compact(request))
