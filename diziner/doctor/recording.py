"""Checks of what differs here from what the tapes were recorded on.

A difference is a note, no problem: recorded answers are replayed as they are, new ones may come out otherwise.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from diziner.common.words import counted, listed
from diziner.doctor.finding import Finding, State
from diziner.doctor.packages import installed
from diziner.doctor.subject import Subject
from diziner.doctor.weights import digests, folder_of_weights, held, verified
from diziner.endpoints.local import ADDRESS as LOCAL_ADDRESS
from diziner.endpoints.provenance import processor
from diziner.llm.rows import fingerprint_of


def check_recording(subject: Subject) -> Iterator[Finding]:
    """Yield the first lines of the tapes, held against this machine."""
    heads = list(subject.recordings.values())
    if subject.root is None:
        return
    if not heads:
        yield Finding("recording", "tapes", "note", "no tape says what it was recorded on")
        return
    dates = sorted({str(head.get("recorded", "of unknown date")) for head in heads})
    span = dates[0] if len(dates) == 1 else f"{dates[0]} to {dates[-1]}"
    yield Finding("recording", "date", "ok", f"{counted(len(heads), 'tape')}, {span}", facts={"dates": dates})
    yield _runtime(_values(heads, "runtime"))
    yield from _weights(subject, heads)
    yield _processor(subject)


def _values(heads: Iterable[Mapping[str, Any]], key: str) -> list[Any]:
    """Return the different values of a key, in their first order; None where a tape has none."""
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
    said = listed(["not named" if value is None else str(value) for value in recorded])
    return Finding("recording", "runtime", "note", f"recorded with: {said}; here: {here}", facts=facts)


def _processor(subject: Subject) -> Finding:
    """Return the processors that local answers of the tapes were computed on, as far as their fingerprints name
    them."""
    rows = [row for tape in subject.tapes.values() if isinstance(tape, list) for row in tape]
    local = [reply for _, request, reply in rows if request.get("address") == LOCAL_ADDRESS]
    told = Counter(_processor_of(fingerprint_of(reply)) for reply in local)
    here = processor()
    facts = {"recorded": dict(sorted(told.items())), "here": here}
    if not any(told):
        return Finding("recording", "processor", "note", f"the tapes do not say; here {here}", facts=facts)
    if set(told) == {here}:
        return Finding("recording", "processor", "ok", f"{here}, as recorded", facts=facts)
    said = [f"{counted(count, 'answer')} with {words or 'one not named'}" for words, count in told.most_common()]
    return Finding("recording", "processor", "note", f"recorded: {listed(said, 3)}; here {here}", facts=facts)


def _processor_of(fingerprint: str) -> str:
    """Return the processor that a local answer's fingerprint names; empty for one that names none.

    >>> _processor_of("xllamacpp 2026.10 on CPU; x86_64 AVX2 FMA3; kernels F16C; 2 threads"), _processor_of("b0")
    ('x86_64 AVX2 FMA3', '')
    """
    parts = fingerprint.split("; ")
    return parts[1] if fingerprint.startswith("xllamacpp ") and len(parts) > 1 else ""


def _weights(subject: Subject, heads: Iterable[Mapping[str, Any]]) -> Iterator[Finding]:
    """Yield the weights behind the recorded answers: those of the settings, and on this machine."""
    recorded = {
        name.partition(":")[2]: model["sha256"]
        for head in heads
        for name, model in head.get("models", {}).items()
        if isinstance(model, dict) and isinstance(model.get("sha256"), str)
    }
    known = subject.settings.weights if subject.settings else {}
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
            if sha256 in files and (subject.quick or verified(files[sha256], sha256))
        }
    except (OSError, RuntimeError):  # said by the check of weights
        yield Finding("recording", "weights", "note", "not known, as weights here cannot be read", facts=facts)
        return
    facts["here"] = sorted(here)
    found = f"{len(here)} of {counted(len(recorded), 'recorded model')} on this machine, by SHA-256"
    state: State = "ok" if len(here) == len(recorded) else "note"
    yield Finding("recording", "weights", state, found, facts=facts)
