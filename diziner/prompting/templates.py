"""Prompt templates of `diziner/prompts/`: named with a version, rendered strictly."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from diziner.common.errors import UserError
from diziner.common.files import read_text
from diziner.prompting.request import Message

PROMPTS = Path(__file__).parent.parent / "prompts"


def render(name: str, /, **variables: Any) -> str:
    """Return the template `<name>.md` filled in; surrounding blank lines removed.

    Errors: UserError with the file for a template that is not one, that needs a variable it does not get, or that
    does not use one that it gets: a prompt that silently ignores its input would be asked for nothing.
    """
    template, known = _template(name)
    for fault, names in (("does not use", variables.keys() - known), ("has no value for", known - variables.keys())):
        if names:
            raise UserError(
                f"{_path(name)}: {fault} {', '.join(sorted(names))}; it gets: {', '.join(sorted(variables))}"
            )
    import jinja2

    try:
        text: str = template.render(**variables)
    except jinja2.TemplateError as error:
        raise UserError(f"{_path(name)}: {error}") from None
    return text.strip()


@cache
def example_turns(name: str) -> tuple[Message, ...]:
    """Return the example conversation in `<name>.md`: turns headed by lines `=== user` and `=== assistant`."""
    text = read_text(PROMPTS / f"{name}.md")
    turns = (part.partition("\n") for part in text.split("=== ")[1:])
    return tuple(Message(role.strip(), content.strip()) for role, _, content in turns)


@cache
def word_list(name: str) -> tuple[str, ...]:
    """Return the words of `<name>.txt`, in lower case."""
    return tuple(read_text(PROMPTS / f"{name}.txt").casefold().split())


@cache
def _template(name: str) -> tuple[Any, frozenset[str]]:
    import jinja2
    import jinja2.meta

    environment = jinja2.Environment(
        undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True, autoescape=False
    )
    source = read_text(PROMPTS / f"{name}.md")
    try:
        known = jinja2.meta.find_undeclared_variables(environment.parse(source))
        return environment.from_string(source), frozenset(known)
    except jinja2.TemplateSyntaxError as error:
        raise UserError(f"{_path(name)}:{error.lineno}: {error.message}") from None


def _path(name: str) -> Path:
    return PROMPTS.relative_to(PROMPTS.parent.parent) / f"{name}.md"
