"""Checks of what differs here from what the tapes were recorded on.

A difference is a note, no problem: recorded answers are replayed as they are, new ones may come out otherwise.
"""

from __future__ import annotations

import platform
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from stages.doctor.finding import Finding, State, counted, listed
from stages.doctor.packages import installed
from stages.doctor.place import Place
from stages.doctor.system import dispatched, features
from stages.doctor.weights import digests, folder_of_weights, held, verified

_UNSAID = "the tapes do not say"


def check_recording(place: Place) -> Iterator[Finding]:
    """The first lines of the tapes, held against this machine."""
    heads = list(place.recordings.values())
    if place.root is None:
        return
    if not heads:
        yield Finding("recording", "tapes", "note", "no tape says what it was recorded on")
        return
    dates = sorted({str(head.get("recorded", "of unknown date")) for head in heads})
    span = dates[0] if len(dates) == 1 else f"{dates[0]} to {dates[-1]}"
    yield Finding("recording", "date", "ok", f"{counted(len(heads), 'tape')}, {span}", facts={"dates": dates})
    yield _runtime(_values(heads, "runtime"))
    yield from _weights(place, heads)
    yield _processor(_values(heads, "processor"))


def _values(heads: Iterable[Mapping[str, Any]], key: str) -> list[Any]:
    """The different values of a key, in their first order; None where a tape has none."""
    values: list[Any] = []
    for head in heads:
        if head.get(key) not in values:
            values.append(head.get(key))
    return values


def _runtime(recorded: list[Any]) -> Finding:
    version = installed("xllamacpp")
    here = f"xllamacpp {version}" if version else "no local runtime"
    facts = {"recorded": recorded, "here": here}
    if recorded == [here]:
        return Finding("recording", "runtime", "ok", f"{here}, as recorded", facts=facts)
    said = listed([_UNSAID if value is None else str(value) for value in recorded])
    return Finding("recording", "runtime", "note", f"recorded with: {said}; here: {here}", facts=facts)


def _processor(recorded: list[Any]) -> Finding:
    """Whether every recording's processor has the same loops as this one, as far as its words name them."""
    here = {platform.machine(), *features()}
    facts = {"recorded": recorded, "here": sorted(here)}
    if recorded == [None]:
        return Finding("recording", "processor", "note", _UNSAID, facts=facts)
    lacking, more = set[str](), set[str]()
    for value in recorded:
        named = _words(value)
        lacking |= named - here
        more |= set(dispatched()[0]) - named
    if not lacking and not more:
        return Finding("recording", "processor", "ok", "this one has what the recording's has", facts=facts)
    differences = [
        *([f"not here: {listed(sorted(lacking), 8)}"] if lacking else []),
        *([f"only here: {listed(sorted(more), 8)}"] if more else []),
    ]
    return Finding("recording", "processor", "note", f"another one; {'; '.join(differences)}", facts=facts)


def _words(value: Any) -> set[str]:
    """The words of a description of a processor: a text, a list, or names that are true in a mapping.

    >>> sorted(_words({"machine": "x86_64", "features": ["AVX2", "FMA3 F16C"], "AVX512F": False, "SSE": True}))
    ['AVX2', 'F16C', 'FMA3', 'SSE', 'x86_64']
    """
    if isinstance(value, str):
        return {word for word in re.split(r"[\s,;]+", value) if word}
    if isinstance(value, Mapping):
        named = {str(name) for name, has in value.items() if has is True}
        return named | {word for each in value.values() for word in _words(each)}
    return {word for each in value for word in _words(each)} if isinstance(value, list) else set()


def _weights(place: Place, heads: Iterable[Mapping[str, Any]]) -> Iterator[Finding]:
    """The weights behind the recorded answers: those of the settings, and on this machine."""
    recorded = {
        name.partition(":")[2]: model["sha256"]
        for head in heads
        for name, model in head.get("models", {}).items()
        if isinstance(model, dict) and isinstance(model.get("sha256"), str)
    }
    known = place.settings.raw["weights"] if place.settings else {}
    others = sorted(name for name in recorded if name in known and recorded[name] not in digests(known[name]).values())
    facts: dict[str, Any] = {"recorded": recorded, "others": others}
    if others:
        found = f"the settings name other weights of {listed(others)} than the recording was made with"
        yield Finding("recording", "weights", "note", found, facts=facts)
        return
    try:
        files = held(folder_of_weights())
        here = {
            name
            for name, sha256 in recorded.items()
            if sha256 in files and (place.quick or verified(files[sha256], sha256))
        }
    except (OSError, RuntimeError):  # said by the check of weights
        yield Finding("recording", "weights", "note", "not known, as weights here cannot be read", facts=facts)
        return
    facts["here"] = sorted(here)
    found = f"{len(here)} of {counted(len(recorded), 'recorded model')} on this machine, by SHA-256"
    state: State = "ok" if len(here) == len(recorded) else "note"
    yield Finding("recording", "weights", state, found, facts=facts)
