"""Dialogues: which answer counts where a request was asked again, and how often it may be."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from diziner.prompting.dialogue import ask_objects
from diziner.prompting.parse import Form
from diziner.prompting.request import NEXT_REPLICA, Message, ModelSettings, Outcome, Request, Response
from diziner.records.annotations import Failure

REQUEST = Request("openai", ModelSettings("here", "m"), (Message("user", "Who?"),), None)
GOOD, PROSE = json.dumps({"who": "Ada"}), "I cannot say."
UNAVAILABLE = Failure("unavailable", "no server")


def validate(value: Any) -> None:
    if not isinstance(value, dict) or value.keys() != {"who"}:
        raise ValueError("must have who")


class Replicas:
    """Gives each replica of a request its answer; `held` are those at hand before."""

    def __init__(self, answers: Mapping[int, Outcome], held: Sequence[int] = (), again: bool = False) -> None:
        self.answers, self.held, self.again = answers, held, again
        self.asked: list[int] = []

    def address(self, endpoint: str) -> str:
        return endpoint

    def ask(self, requests: Sequence[Request], label: str) -> list[Outcome]:
        self.asked += [request.settings.replica // NEXT_REPLICA for request in requests]
        return [self.answers[request.settings.replica // NEXT_REPLICA] for request in requests]

    def kept(self, requests: Sequence[Request]) -> list[bool]:
        return [request.settings.replica // NEXT_REPLICA in self.held for request in requests]


def said(text: str) -> Response:
    return Response(text, "stop")


@pytest.mark.parametrize(
    ("answers", "held", "again", "asked", "read"),
    [
        ([PROSE, GOOD], [], False, [0], False),  # nobody wants it asked again
        ([PROSE, GOOD], [1], False, [0, 1], True),
        ([PROSE, GOOD], [], True, [0, 1], True),
        ([PROSE, PROSE, GOOD], [], True, [0, 1], False),  # one more a run
        ([PROSE, PROSE, GOOD], [1], True, [0, 1, 2], True),
        ([PROSE, PROSE, GOOD], [1, 2], False, [0, 1, 2], True),
        ([GOOD, PROSE], [1], True, [0], True),
    ],
)
def test_the_lowest_replica_that_can_be_read_is_the_answer(
    answers: list[str], held: list[int], again: bool, asked: list[int], read: bool
) -> None:
    asker = Replicas(dict(enumerate(map(said, answers))), held, again)
    [dialogue] = ask_objects(asker, [REQUEST], [Form(validate)], "work", repair_turns=0)
    assert asker.asked == asked
    assert (dialogue.value == {"who": "Ada"}) == read == (dialogue.failure is None)
    assert len(dialogue.responses) == len(dialogue.usage) == len(asked), "receipts of all"
    if not read:
        assert dialogue.failure is not None and dialogue.failure.code == "unparsable"


def test_what_has_no_answer_at_all_is_not_asked_again() -> None:
    asker = Replicas({0: UNAVAILABLE}, [1], again=True)
    [dialogue] = ask_objects(asker, [REQUEST], [Form(validate)], "work")
    assert (asker.asked, dialogue.failure, dialogue.value) == ([0], UNAVAILABLE, None)


def test_an_asker_that_keeps_nothing_is_asked_once() -> None:
    class Plain:
        asked = 0

        def address(self, endpoint: str) -> str:
            return endpoint

        def ask(self, requests: Sequence[Request], label: str) -> list[Outcome]:
            self.asked += 1
            return [said(PROSE) for _ in requests]

    asker = Plain()
    [dialogue] = ask_objects(asker, [REQUEST], [Form(validate)], "work", repair_turns=2)
    assert (asker.asked, dialogue.repairs) == (3, 2)
    assert dialogue.failure is not None and dialogue.failure.code == "unparsable"
