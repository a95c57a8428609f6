"""Habits of the scripted annotators: how often each one errs, and in which way."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from diziner.common.errors import UserError
from diziner.scripted.chance import choose, fraction

PREFIX = "scripted-"


@dataclass(frozen=True, slots=True)
class Habits:
    """Error rates of one annotator, each a probability per candidate mention.

    `miss`: a mention is left out. `slip`: a boundary is off by one token. `confuse`: another type is given.
    `extra`: something doubtful is tagged. `heeds`: instructions are read. `identity` enters every decision:
    annotators of equal identity and rates answer alike. `guided`: how much less is missed where there are instructions,
    whatever they say; `worded`: how far that depends on the wording of the prompt (`missed`).
    """

    identity: str
    miss: float
    slip: float
    confuse: float
    extra: float
    heeds: bool = True
    guided: float = 0.0
    worded: float = 0.0


_CAREFUL = Habits(f"{PREFIX}careful", miss=0.12, slip=0.08, confuse=0.10, extra=0.03)

PROFILES: Mapping[str, Habits] = {
    "careful": _CAREFUL,
    "eager": Habits(f"{PREFIX}eager", miss=0.04, slip=0.12, confuse=0.15, extra=0.30),
    "shy": Habits(f"{PREFIX}shy", miss=0.40, slip=0.06, confuse=0.08, extra=0.0),
    "random": Habits(f"{PREFIX}random", miss=0.50, slip=0.40, confuse=0.90, extra=0.30, heeds=False),
    "lazy": Habits(f"{PREFIX}lazy", miss=1.0, slip=0.0, confuse=0.0, extra=0.0, heeds=False),
    "twin": _CAREFUL,
    "reader": Habits(f"{PREFIX}reader", miss=0.60, slip=0.0, confuse=0.0, extra=0.0, heeds=False),
    "supervisor": replace(_CAREFUL, identity=f"{PREFIX}supervisor"),
}

MODELS: tuple[str, ...] = tuple(f"{PREFIX}{profile}" for profile in PROFILES)

# Who stands in for real models: none that always errs or always misses.
_STAND_INS = ("careful", "eager", "shy")

# Of the profile reader: `scripted-reader-g30-p10` misses 0.30 less where there are instructions, by up to 0.10 more or
# less by the wording of the prompt. What it is given is then known, and what is measured can be held against it.
_SENSITIVITIES = re.compile(r"-g(?P<guided>\d{1,2})-p(?P<worded>\d{1,2})\b")

_NAME = re.compile(rf"{PREFIX}(?P<profile>[a-z]+)(?P<variant>-[a-z0-9-]+)?")


def habits_of(model: str) -> Habits:
    """Return the habits behind a model name.

    A provider's prefix is ignored (`openai/scripted-shy`). A suffix makes another annotator with the same
    rates and errors of its own (`scripted-shy-2`), save that every twin equals `scripted-careful`.
    Errors: UserError where the name is no scripted model's.
    """
    name = model.rpartition("/")[2]
    match = _NAME.fullmatch(name)
    if match is None or match["profile"] not in PROFILES:
        raise UserError(f"model {model!r}: no scripted model; allowed: {', '.join(MODELS)}, each also with -SUFFIX")
    habits = PROFILES[match["profile"]]
    if match["profile"] == "reader":
        return _reader(habits, name)
    if match["variant"] and match["profile"] != "twin":
        return replace(habits, identity=name)
    return habits


def _reader(habits: Habits, name: str) -> Habits:
    """Return a reader with the sensitivities that its name says, in hundredths, if it says any."""
    said = _SENSITIVITIES.search(name)
    if said is None:
        return replace(habits, identity=name)
    return replace(habits, identity=name, guided=int(said["guided"]) / 100, worded=int(said["worded"]) / 100)


def missed(habits: Habits, guided: bool, wording: str) -> float:
    """Return the probability that a mention is left out, by whether there are instructions and how a prompt is worded.

    >>> reader = habits_of("scripted-reader-g30-p10")
    >>> missed(reader, False, "Mark every mention."), 0.2 <= missed(reader, True, "Mark every mention.") <= 0.4
    (0.6, True)
    """
    if not guided:
        return habits.miss
    return habits.miss - habits.guided - habits.worded * (2 * fraction("wording", wording) - 1)


def stand_in(model: str) -> str:
    """Return the scripted model that answers in place of a real one: one of the plausible profiles, errors of its own.

    >>> stand_in("qwen/qwen3-14b")
    'scripted-shy-qwen-qwen3-14b'
    """
    slug = re.sub(r"[^a-z0-9]+", "-", model.lower()).strip("-")
    return f"{PREFIX}{choose(_STAND_INS, 'stand-in', model)}-{slug or 'model'}"


@dataclass(frozen=True, slots=True)
class Served:
    """Which model names are answered: the scripted ones, with `any_model` every other too, but none that is `gone`."""

    any_model: bool = False
    gone: frozenset[str] = frozenset()

    def stand_in(self, model: object) -> str:
        """Return the scripted model behind a name. Errors: UserError for a name that is not served."""
        if not isinstance(model, str) or not model or model in self.gone:
            raise UserError(f"model {model!r}: no such model here")
        if self.any_model and not model.rpartition("/")[2].startswith(PREFIX):
            return stand_in(model)
        habits_of(model)
        return model
