"""A setting of the supervisor that is left out means what the page of settings says."""

from __future__ import annotations

from dataclasses import asdict

import pytest
from settings_page import said_defaults

from diziner.prompting.request import ModelSettings
from diziner.supervisor.settings import SupervisorSettings, supervisor_settings

REQUIRED = {
    "model": {"endpoint": "there", "model": "m"},
    "batch": "all",
    "max_patterns": 7,
    "max_common": 8,
    "max_specific": 9,
    "specific_for_all": True,
    "update_goal": False,
}


def test_what_is_left_out_is_as_the_page_says() -> None:
    said = said_defaults("supervisor")
    settings = supervisor_settings(REQUIRED)
    own = asdict(settings)
    assert {name: own[name] for name in said} == said and len(said) == 15
    assert own.keys() == said.keys() | REQUIRED.keys()
    assert {name: own[name] for name in REQUIRED if name != "model"} == {
        name: value for name, value in REQUIRED.items() if name != "model"
    }
    assert settings.model == ModelSettings("there", "m")


def test_a_models_stop_strings_are_kept() -> None:
    model = {"endpoint": "there", "model": "m", "stop": ["a", "b"], "seed": 3}
    settings = supervisor_settings({**REQUIRED, "model": model, "examples": "fixed"})
    assert settings.model == ModelSettings("there", "m", stop=("a", "b"), seed=3) and settings.examples == "fixed"
    assert model["stop"] == ["a", "b"]


@pytest.mark.parametrize(
    ("common", "specific", "update", "show", "may"),
    [
        (0, 0, False, True, False),
        (0, 0, True, False, False),
        (0, 0, True, True, True),
        (1, 0, False, False, True),
        (0, 1, False, False, True),
        (None, 0, False, False, True),
        (0, None, False, False, True),
    ],
)
def test_a_refinement_may_change_something_where_a_limit_or_the_goal_leaves_anything(
    common: int | None, specific: int | None, update: bool, show: bool, may: bool
) -> None:
    settings = SupervisorSettings(
        ModelSettings("there", "m"), max_common=common, max_specific=specific, update_goal=update, show_goal=show
    )
    assert settings.may_change is may
