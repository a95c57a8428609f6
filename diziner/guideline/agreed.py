"""Examples from agreement as a guideline's file has them, and as documents with mentions."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from diziner.common.errors import UserError
from diziner.records.annotations import Span
from diziner.records.documents import token_offsets
from diziner.records.guideline import AgreedExample, AgreedExamples
from diziner.spans.brackets import parse_brackets


class Worked(NamedTuple):
    """An example as it is shown: its tokens, the text that they stand in, and its mentions."""

    tokens: tuple[str, ...]
    text: str
    spans: tuple[Span, ...]

    @property
    def mentions(self) -> list[tuple[str, str]]:
        """The mentions as strings of the text, with their labels, in order."""
        offsets = token_offsets(self.tokens, self.text)
        return [(self.text[offsets[s.start][0] : offsets[s.end - 1][1]], s.type) for s in self.spans]


def worked(example: AgreedExample, where: str = "guideline") -> Worked:
    """Return an example's tokens, text and mentions.

    Errors: UserError naming `where` for a sentence that is no bracket notation, and for a text without its tokens.
    """
    try:
        tokens, spans = parse_brackets(example.sentence)
        text = example.text or " ".join(tokens)
        token_offsets(tokens, text)
    except UserError as error:
        raise UserError(f"{where}: {error}") from None
    return Worked(tokens, text, spans)


def agreed_from_json(raw: Mapping[str, Any] | None) -> AgreedExamples | None:
    """Make the examples of a guideline file, already checked by its schema; None if it has none."""
    if raw is None:
        return None
    examples = tuple(
        AgreedExample(
            entry["sentence"],
            entry["receipt"]["round"],
            entry["receipt"]["document"],
            tuple(entry["receipt"]["annotators"]),
            entry["receipt"]["agreement"],
            entry.get("text", ""),
        )
        for entry in raw["examples"]
    )
    return AgreedExamples(raw["choice"], raw["shown"], examples)


def agreed_to_json(agreed: AgreedExamples) -> dict[str, Any]:
    """Return the inverse of `agreed_from_json`, keys in reading order."""
    return {
        "choice": agreed.choice,
        "shown": agreed.shown,
        "examples": [
            {
                "sentence": example.sentence,
                **({"text": example.text} if example.text else {}),
                "receipt": {
                    "round": example.round,
                    "document": example.document,
                    "annotators": list(example.annotators),
                    "agreement": example.agreement,
                },
            }
            for example in agreed.examples
        ],
    }


def check_agreed(agreed: AgreedExamples | None, labels: Collection[str], where: str) -> None:
    """Check examples that a file has.

    Errors: UserError naming the place for one that cannot be read, and for a label that no type has.
    """
    for number, example in enumerate(agreed.examples if agreed else ()):
        place = f"{where}: agreed.examples[{number}]"
        for span in worked(example, place).spans:
            if span.type not in labels:
                raise UserError(f"{place}: label {span.type}; allowed: {', '.join(labels)}")
