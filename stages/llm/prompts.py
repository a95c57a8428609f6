"""Prompt templates of `stages/prompts/`: named with a version, rendered strictly."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from stages.llm.request import Message

PROMPTS = Path(__file__).parent.parent / "prompts"


def render(name: str, **variables: Any) -> str:
    """The template `<name>.md` filled in; surrounding blank lines removed.

    Errors: jinja2.UndefinedError for a variable the template needs and did not get; TypeError for one that it
    does not know: a prompt that silently ignores its input is a bug.
    """
    template, known = _template(name)
    unknown = sorted(variables.keys() - known)
    if unknown:
        raise TypeError(f"prompt {name} does not use: {', '.join(unknown)}")
    text: str = template.render(**variables)
    return text.strip()


@cache
def example_turns(name: str) -> tuple[Message, ...]:
    """The example conversation in `<name>.md`: turns headed by lines `=== user` and `=== assistant`."""
    text = (PROMPTS / f"{name}.md").read_text(encoding="utf-8")
    turns = (part.partition("\n") for part in text.split("=== ")[1:])
    return tuple(Message(role.strip(), content.strip()) for role, _, content in turns)


@cache
def word_list(name: str) -> tuple[str, ...]:
    """The words of `<name>.txt`, in lower case."""
    return tuple((PROMPTS / f"{name}.txt").read_text(encoding="utf-8").casefold().split())


@cache
def _template(name: str) -> tuple[Any, frozenset[str]]:
    import jinja2
    import jinja2.meta

    environment = jinja2.Environment(
        undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True, autoescape=False
    )
    source = (PROMPTS / f"{name}.md").read_text(encoding="utf-8")
    known = jinja2.meta.find_undeclared_variables(environment.parse(source))
    return environment.from_string(source), frozenset(known)
