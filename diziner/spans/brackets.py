r"""Bracket notation for annotated sentences: `[Angela Merkel|PER] visited [Paris|LOC] .`

Tokens are separated by ASCII whitespace. A span's `[` touches its first token and its `|TYPE]` its last;
both stand at token boundaries, and spans do not nest. `\[`, `\]`, `\|` and `\\` are the literal
characters, anywhere; unescaped they are always syntax.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from string import whitespace

from diziner.common.errors import UserError
from diziner.records.annotations import Span

_SYNTAX = "[]|"
_ESCAPES = str.maketrans({character: f"\\{character}" for character in "[]|\\"})
_EXCERPT = 20  # characters shown on each side of a syntax error


def render_brackets(tokens: Sequence[str], spans: Iterable[Span]) -> str:
    """Write a sentence in bracket notation; `parse_brackets` reads back equal tokens and sorted spans.

    Raises:
        ValueError: a token or type is empty or has ASCII whitespace in it, or spans are empty, out of
            range or overlap.
    """
    words = [_literal(token) for token in tokens]
    free_from = 0
    for span in sorted(spans):
        if not free_from <= span.start < span.end <= len(words):
            raise ValueError(f"{span} is empty, overlaps another span or leaves the {len(words)} tokens")
        free_from = span.end
        words[span.start] = f"[{words[span.start]}"
        words[span.end - 1] += f"|{_literal(span.type)}]"
    return " ".join(words)


def parse_brackets(line: str) -> tuple[tuple[str, ...], tuple[Span, ...]]:
    """Read one sentence in bracket notation: (tokens, sorted spans). A blank line has neither.

    Raises:
        UserError: brackets that are unbalanced, nested, empty, without a type or not at a token boundary;
            an unescaped `|` in text; an unknown escape. The message gives the column, from 1.
    """
    return _Parser(line).parse()


class _Parser:
    """One pass over the characters; `token`, `type` and `opened` say where in the notation it stands."""

    def __init__(self, line: str) -> None:
        self.line = line
        self.tokens: list[str] = []
        self.spans: list[Span] = []
        self.token = ""
        self.type: str | None = None  # text after `|`, while inside a type
        self.opened: int | None = None  # column of the open `[`
        self.first = 0  # index of the open span's first token
        self.closed = False  # just after `]`: only whitespace may follow

    def parse(self) -> tuple[tuple[str, ...], tuple[Span, ...]]:
        for column, character, is_syntax in self._characters():
            if not is_syntax and character in whitespace:
                self._space(column)
            elif self.closed:
                raise self._error(column, "a span must end at the end of a token; put a space after ']'")
            elif not is_syntax:
                self._literal(character)
            elif character == "[":
                self._open(column)
            elif character == "|":
                self._bar(column)
            else:
                self._close(column)
        if self.opened is not None:
            raise self._error(self.opened, "'[' is never closed; close it with '|TYPE]' or write '\\['")
        self._end_token()
        return tuple(self.tokens), tuple(self.spans)

    def _characters(self) -> Iterator[tuple[int, str, bool]]:
        """Yield (column, character, unescaped bracket or bar), with escapes undone."""
        characters = iter(enumerate(self.line, start=1))
        for column, character in characters:
            if character != "\\":
                yield column, character, character in _SYNTAX
                continue
            _, escaped = next(characters, (column, ""))
            if not escaped or escaped not in "[]|\\":
                raise self._error(column, "'\\' must be followed by '[', ']', '|' or '\\'")
            yield column, escaped, False

    def _literal(self, character: str) -> None:
        if self.type is None:
            self.token += character
        else:
            self.type += character

    def _space(self, column: int) -> None:
        if self.type is not None:
            raise self._error(column, "whitespace inside a type")
        if self.opened is not None and not self.token and len(self.tokens) == self.first:
            raise self._error(column, "'[' must touch the first token of its span")
        self._end_token()
        self.closed = False

    def _open(self, column: int) -> None:
        if self.opened is not None:
            raise self._error(column, "'[' inside a span: spans do not nest; write '\\[' for the character")
        if self.token:
            raise self._error(column, "a span must start at the start of a token; write '\\[' for the character")
        self.opened, self.first = column, len(self.tokens)

    def _bar(self, column: int) -> None:
        if self.opened is None or self.type is not None:
            raise self._error(column, "'|' is allowed once in a span; write '\\|' for the character")
        if not self.token:
            empty = len(self.tokens) == self.first
            raise self._error(
                column,
                "empty span: no text before '|'" if empty else "'|' must touch the last token of its span",
            )
        self._end_token()
        self.type = ""

    def _close(self, column: int) -> None:
        if self.opened is None:
            raise self._error(column, "']' without '['; write '\\]' for the character")
        if not self.type:
            empty = self.type is None and not self.token and len(self.tokens) == self.first
            raise self._error(column, "empty span '[]'" if empty else "span without a type; write '[text|TYPE]'")
        self.spans.append(Span(self.first, len(self.tokens), self.type))
        self.opened, self.type, self.closed = None, None, True

    def _end_token(self) -> None:
        if self.token:
            self.tokens.append(self.token)
            self.token = ""

    def _error(self, column: int, what: str) -> UserError:
        near = self.line[max(0, column - 1 - _EXCERPT) : column - 1 + _EXCERPT]
        return UserError(f"bracket notation, column {column}: {what} (near {near!r})")


def _literal(text: str) -> str:
    if not text or any(character in whitespace for character in text):
        raise ValueError(f"{text!r} is empty or has whitespace in it; bracket notation cannot hold it")
    return text.translate(_ESCAPES)
