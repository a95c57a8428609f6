"""What the dialects that follow OpenAI's chat completions have in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from diziner.scripted.dialects import Failed, TurnedDownError
from diziner.scripted.protocol import Reply


class Chat:
    """A server with OpenAI's chat completions: nothing refused, replies as they are."""

    says_when: bool = False
    address: ClassVar[str] = "/v1/chat/completions"
    fields: ClassVar[frozenset[str] | None] = None  # of a body; None: whatever else comes is passed over

    def model_in(self, path: str, body: Mapping[str, Any]) -> str | None:
        """See `Dialect`."""
        return str(body.get("model", "")) if path == self.address else None

    def key_in(self, headers: Mapping[str, str]) -> str:
        """See `Dialect`."""
        scheme, _, key = headers.get("authorization", "").partition(" ")
        return key.strip() if scheme.lower() == "bearer" else ""

    def asked(self, body: Mapping[str, Any], model: str, headers: Mapping[str, str]) -> dict[str, Any]:
        """See `Dialect`."""
        if self.fields is not None and (unknown := sorted(body.keys() - self.fields)):
            raise self.unknown(unknown[0])
        return dict(body)

    def unknown(self, field: str) -> TurnedDownError:
        """Return the error of a field that the provider does not know."""
        return TurnedDownError(f"Unrecognized request argument supplied: {field}")

    def answered(self, completion: Mapping[str, Any], body: Mapping[str, Any]) -> Mapping[str, Any]:
        """See `Dialect`."""
        return completion

    def failed(self, failed: Failed) -> Reply:
        """See `Dialect`."""
        raise NotImplementedError


def an_object(held: Any, field: str) -> Mapping[str, Any]:
    """Return what is an object, or nothing for null. Errors: TurnedDownError."""
    if not isinstance(held, dict | None):
        raise TurnedDownError(f"{field}: Input should be an object")
    return held or {}


def objects(held: Any, field: str) -> list[Mapping[str, Any]]:
    """Return what is a list of objects. Errors: TurnedDownError."""
    if not isinstance(held, list) or not all(isinstance(part, dict) for part in held):
        raise TurnedDownError(f"{field}: Input should be a list of objects")
    return held


def text_of(content: Any, field: str) -> str:
    """Return a text, or those of a list of parts put together. Errors: TurnedDownError."""
    if isinstance(content, str):
        return content
    texts = [part.get("text", "") for part in objects(content, field)]
    if not all(isinstance(text, str) for text in texts):
        raise TurnedDownError(f"{field}: Input should be a valid string")
    return "".join(texts)


def with_message(completion: Mapping[str, Any], **message: Any) -> dict[str, Any]:
    """Return a completion whose message has these fields too."""
    [choice] = completion["choices"]
    return {**completion, "choices": [{**choice, "message": {**(choice["message"] or {}), **message}}]}


def without_reasoning(completion: Mapping[str, Any]) -> dict[str, Any]:
    """Return a completion whose message does not show the reasoning; its tokens stay counted."""
    [choice] = completion["choices"]
    if choice["message"] is None:
        return dict(completion)
    message = {name: held for name, held in choice["message"].items() if name != "reasoning_content"}
    return {**completion, "choices": [{**choice, "message": message}]}


def message_of(completion: Mapping[str, Any]) -> tuple[str, str, str, str]:
    """Return text, reasoning, refusal and finish reason of a plain completion."""
    [choice] = completion["choices"]
    message = choice["message"] or {}
    content = message.get("content")
    if isinstance(content, list):
        content = "".join(part.get("text", "") for part in content)
    texts = (content, message.get("reasoning_content"), message.get("refusal"))
    return *(str(text or "") for text in texts), str(choice["finish_reason"])  # type: ignore[return-value]
