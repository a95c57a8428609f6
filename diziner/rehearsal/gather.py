"""Gathering of requests that could be asked now: those of all stages, in all rooms, whose inputs are there."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from diziner.annotator.annotate import MODEL_GONE
from diziner.annotator.outcomes import refuse_too_many_failures
from diziner.common.errors import ModelGoneError, ProviderError, UserError
from diziner.layout import Room, store_path
from diziner.llm.ask import StoreAsker
from diziner.llm.store import ResponseStore
from diziner.llm.waiting import is_of_refinement
from diziner.prompting.request import Outcome, Request
from diziner.records.annotations import LEFT_OUT, Annotation, Failure, read_annotations, taking_part
from diziner.rehearsal.rehearse import rehearse
from diziner.settings import Settings

# Says of a request's endpoint and the label of its work whether it is wanted.
Wanted = Callable[[str, str], bool]
_TO_COME = Failure("unavailable", "not asked yet")


class _NotReadyError(Exception):
    """An answer is not there that the rest would follow from."""


@dataclass
class Gatherer(StoreAsker):
    """An asker that calls nobody: what has no response is noted down, and fails.

    A response that is no answer (cut off, empty) is what came of a request: nobody sends it again unasked. `missing`
    are requests by key with the label of their work; those of `wanted` endpoints and labels only. `lacks` says whether
    any response was missing, wanted or not. `gone` are models that a stage was told are not there any more.
    """

    wanted: Wanted = lambda endpoint, label: True
    missing: dict[str, tuple[str, Request]] = field(default_factory=dict)
    lacks: bool = False
    gone: Mapping[tuple[str, str], str] = field(default_factory=dict)

    def ask(self, requests: Sequence[Request], label: str) -> list[Outcome]:
        """Answer from the store and the tape as `StoreAsker.ask`; what is not there fails as an outage does."""
        keys = [request.key for request in requests]
        found = {**self.store.get(keys, failures=True), **self._found(keys)}
        for key, request in zip(keys, requests, strict=True):
            if key not in found:
                if why := self.gone.get((request.settings.endpoint, request.settings.model)):
                    raise ModelGoneError(why)
                self.lacks = True
                if self.wanted(request.settings.endpoint, label):
                    self.missing.setdefault(key, (label, request))
        if len(found) < len(set(keys)) and is_of_refinement(label):
            raise _NotReadyError  # a refinement goes from one answer to the next
        return [found.get(key, _TO_COME) for key in keys]


@dataclass(frozen=True, slots=True)
class Gathered:
    """Requests without an answer that could be asked now, each with the label of its work, in the stages' order; and
    what keeps rooms from more, by room."""

    missing: list[tuple[str, Request]]
    held_up: dict[str, str]


def gather(rooms: Sequence[Room], settings: Settings, wanted: Wanted) -> Gathered:
    """Go through the rooms as far as answers are there, and gather what is missing then.

    A request that several rooms or rounds have in common is gathered once.
    """
    store = ResponseStore(store_path())
    patient = replace(settings.answers, max_failed_share=1.0)
    missing: dict[str, tuple[str, Request]] = {}
    held_up: dict[str, str] = {}
    for room in rooms:
        gone = _gone(room, settings)
        asker = Gatherer(store, settings.endpoints, settings.weights, room.tape, wanted=wanted, gone=gone)

        def proceed(made: Mapping[str, Sequence[Annotation]], asker: Gatherer = asker, room: Room = room) -> bool:
            if not asker.lacks:
                for name, annotations in taking_part(made).items():
                    refuse_too_many_failures(annotations, settings.answers, f"{room.name}, {name}")
            return not asker.lacks

        try:
            rehearse(room, settings, asker, patient, proceed)
        except _NotReadyError:
            pass
        except (UserError, ProviderError) as error:
            held_up[room.name] = str(error).splitlines()[0]
        for key, work in asker.missing.items():
            missing.setdefault(key, work)
    return Gathered(list(missing.values()), held_up)


def _gone(room: Room, settings: Settings) -> dict[tuple[str, str], str]:
    """Return what stages of a room were told of models that are gone, by endpoint and model."""
    found: dict[tuple[str, str], str] = {}
    for number in settings.rounds:
        for name in settings.pool:
            path, model = room.annotations(number, name), settings.annotator(name).model
            rows = read_annotations(path) if model and path.is_file() else []
            failure = rows[0].failure if rows else None
            if model and failure is not None and failure.code == LEFT_OUT and MODEL_GONE in failure.detail:
                found[model.endpoint, model.model] = failure.detail
    return found
