"""Prompt templates that people edit: what is wrong with one is said in a line with its file."""

from __future__ import annotations

from pathlib import Path

import pytest

from diziner.common.errors import UserError
from diziner.prompting import templates as prompts


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("ignores", "Mark names.", r"prompts/ignores\.md: does not use sentence; it gets: sentence$"),
        ("wants", "{{ sentence }} {{ tone }}", r"prompts/wants\.md: has no value for tone; it gets: sentence$"),
        ("broken", "Mark\n{% if sentence %}", r"prompts/broken\.md:2: Unexpected end of template"),
        ("looks", "{{ sentence.words.first }}", r"prompts/looks\.md: 'str object' has no attribute 'words'$"),
    ],
)
def test_a_faulty_template_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, text: str, reason: str
) -> None:
    folder = tmp_path / "stages" / "prompts"
    folder.mkdir(parents=True)
    (folder / f"{name}.md").write_text(text)
    monkeypatch.setattr(prompts, "PROMPTS", folder)
    with pytest.raises(UserError, match=reason):
        prompts.render(name, sentence="Ada saw Lisbon.")


def test_a_template_that_is_not_there_is_named() -> None:
    with pytest.raises(UserError, match=r"no_such\.md: no such file"):
        prompts.render("no_such")
