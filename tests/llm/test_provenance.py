"""Provenance of a local model's answer: kept with it, carried by usage, told by the report, never a reason to stop."""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from loopback import completion, listening
from projects import ROOT, Project, copy_project
from viewer_rooms import make_room, settings_for

from diziner.common.errors import UserError
from diziner.endpoints import Endpoint, client
from diziner.endpoints.local import complete_here
from diziner.endpoints.provenance import local_provenance
from diziner.llm.ask import StoreAsker
from diziner.llm.budget import Budget
from diziner.llm.lane import run
from diziner.llm.rows import fingerprint_of
from diziner.llm.store import ResponseStore
from diziner.llm.tape import read_tape, write_tape
from diziner.prompting.request import Message, ModelSettings, Request, Response
from diziner.prompting.usage import provenance_in, usage_of
from diziner.records.usage import Usage, read_usage, write_usage
from diziner.report.collect import report_data
from diziner.report.limits import Limits
from diziner.report.provenance import computed_with, provenance_note

HERE, THERE = "xllamacpp 1 on CPU; x86_64 AVX2; 2 threads", "xllamacpp 1 on CPU; aarch64 ASIMD; 2 threads"
Complete = Callable[[Request, Endpoint, str], Awaitable[Any]]
LOCAL = {"local": Endpoint("local", "local"), "web": Endpoint("web", "hosted")}


def request(word: str, endpoint: str = "local") -> Request:
    return Request("local", ModelSettings(endpoint, "m"), (Message("user", word),))


def answered(fingerprint: str, text: str = "{}") -> Response:
    return Response(text, "stop", "m", fingerprint, 7, 2)


def test_it_names_runtime_processor_kernels_and_threads() -> None:
    runtime = pytest.importorskip("xllamacpp", reason="no local runtime")
    text = local_provenance(2)
    assert re.fullmatch(r"xllamacpp (\S+) on \w+[^;]*; \S+[^;]*; kernels [\w ]+; 2 threads, blocks of 128 tokens", text)
    assert f" {runtime.__version__} " in text and "\n" not in text and str(ROOT) not in text
    assert local_provenance(1) == text.replace("2 threads", "1 thread")
    assert provenance_in(text) == text
    assert not any(map(provenance_in, ("", "b0-unknown", "fp_44709d6fcb", "scripted-0")))


def test_local_answers_carry_it_and_hosted_ones_their_providers() -> None:
    pytest.importorskip("xllamacpp", reason="no local runtime")
    reply = {**completion("{}"), "model": "/x/abc.gguf", "system_fingerprint": "b0-unknown"}
    found: list[Any] = []

    async def ask(complete: Complete, endpoint: Endpoint, base_url: str) -> None:
        found.append(await complete(request("a"), endpoint, base_url))

    with listening((200, {}, reply)) as (base_url, _):
        run(ask(complete_here, Endpoint("local", "local", threads=3), base_url))
        run(ask(client.complete, Endpoint("web", "hosted"), base_url))
    assert (found[0].model, found[0].fingerprint) == ("abc.gguf", local_provenance(3))
    assert (found[1].model, found[1].fingerprint) == ("/x/abc.gguf", "b0-unknown")


@pytest.mark.parametrize("kind", ["local", "hosted"])
def test_another_machine_is_no_other_model(tmp_path: Path, kind: str) -> None:
    """Answers of today's tapes, of here and of there go together; a hosted model's fingerprint is its identity."""
    store = ResponseStore(tmp_path / "store")
    budget = Budget(store, Endpoint("local", kind), request("a"), "work", None, [answered("b0-unknown")])

    def keep(word: str, response: Response) -> None:
        run(budget.keep(request(word), response, None))

    if kind == "hosted":
        with pytest.raises(UserError, match=r"it was m \(b0-unknown\), now it says m \(xllamacpp 1"):
            keep("a", answered(HERE))
        return
    keep("a", answered(HERE))
    keep("b", answered(THERE))
    assert {fingerprint_of(reply) for _, _, reply in store.rows()} == {HERE, THERE}
    with pytest.raises(UserError, match="is not the model that answered before"):
        keep("c", replace(answered(HERE), model="another"))


def test_usage_carries_it_and_rows_without_it_stay_byte_for_byte(tmp_path: Path) -> None:
    rows = {"a": HERE, "b": "b0-unknown", "c": ""}
    asked = [request(word) for word in rows]
    tape = tmp_path / "tape.jsonl"
    write_tape(tape, {}, [(r.key, r.canonical(), answered(fp)) for r, fp in zip(asked, rows.values(), strict=True)])
    asker = StoreAsker(ResponseStore(tmp_path / "store"), LOCAL, tape=tape)
    usage = [usage_of(one, outcome) for one, outcome in zip(asked, asker.ask(asked, "work"), strict=True)]
    assert [row.provenance for row in usage] == [HERE, "", ""]
    path = tmp_path / "usage.jsonl"
    write_usage(path, [*usage, usage[0]])
    assert read_usage(path) == sorted(usage, key=lambda row: row.key)
    written = {row["key"]: row for row in map(json.loads, path.read_text().splitlines())}
    assert written[asked[0].key]["provenance"] == HERE
    before = {"completion_tokens", "endpoint", "key", "model", "prompt_tokens", "usd"}
    assert set(written[asked[1].key]) == set(written[asked[2].key]) == before


def used(key: str, provenance: str = "", endpoint: str = "local", tokens: int | None = 7) -> Usage:
    return Usage(key, endpoint, "m", tokens, tokens, None, provenance)


def test_answers_of_local_models_are_counted_once_by_what_computed_them() -> None:
    rows = [used("a", HERE), used("b", HERE), used("a", HERE), used("c", THERE), used("d"), used("e", "", "web")]
    rows += [used("f", tokens=None), used("g", "", "gone"), used("h", THERE, "gone")]
    assert computed_with(rows, ["local"]) == [(THERE, 2), (HERE, 2), ("", 1)]
    assert computed_with(rows, ["local"]) == computed_with(rows[::-1], ["local"])


def test_a_run_is_told_to_be_mixed_only_where_it_is() -> None:
    assert provenance_note([]) is None and provenance_note([("", 67)]) is None
    one = provenance_note([(HERE, 67)])
    assert one == {"text": f"Answers of local models: all 67 by {HERE}.", "mixed": False}
    for counts in ([(HERE, 60), (THERE, 7)], [("", 60), (HERE, 7)]):
        note = provenance_note(counts)
        assert note is not None and note["mixed"]
        assert "were not all computed alike: 60 " in note["text"] and "| 7 by xllamacpp" in note["text"]
        last = note["text"]
    assert "60 not recorded | 7 by" in last


def test_the_report_tells_it_of_each_benchmark_and_of_all() -> None:
    settings = settings_for(annotators=2, rounds=1)

    def computed(provenance: str, name: str) -> Any:
        files, _ = make_room(name, annotators=2, rounds=1, documents=6)
        predicted = {
            guideline: [replace(row, provenance=provenance) for row in own] for guideline, own in files.usage.items()
        }
        [part] = files.rounds
        usage = {who: [replace(row, provenance=provenance) for row in own] for who, own in part.usage.items()}
        return replace(files, usage=predicted, rounds=(replace(part, usage=usage),))

    def data(*rooms: Any) -> Any:
        return report_data(rooms, {}, settings, Limits())

    quiet = data(computed("", "a"))
    assert quiet["computed"] is None and quiet["benchmarks"][0]["computed"] is None
    mixed = data(computed(HERE, "a"), computed(THERE, "b"))
    assert mixed["computed"]["mixed"]
    assert [b["computed"]["mixed"] for b in mixed["benchmarks"]] == [False, False]
    assert HERE in mixed["benchmarks"][0]["computed"]["text"]


# --- in a project ----------------------------------------------------------------------------------------------------

STAGE = ("annotate", "conll2003", "--annotator", "smollm_few_shot", "--round", "0")
USAGE = "data/conll2003/rounds/r0/usage/smollm_few_shot.jsonl"


def computed_by(tape: Path, change: Callable[[int, Response], Response]) -> None:
    recorded = read_tape(tape)
    rows = [
        (key, asked, change(n, reply)) for n, (key, asked, reply) in enumerate(recorded) if isinstance(reply, Response)
    ]
    assert len(rows) == len(recorded)
    write_tape(tape, {}, rows)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    copy = copy_project(tmp_path / "project", ("conll2003",), recordings=True)
    copy.stage("corpus", "conll2003")
    return copy


def test_it_changes_no_annotation_and_goes_from_tape_to_usage_to_report(project: Project, tmp_path: Path) -> None:
    tape = project.folder / "data/conll2003/tape.jsonl"
    computed_by(tape, lambda _, response: replace(response, fingerprint="b0-unknown"))
    project.stage(*STAGE)
    before = project.outputs()
    assert "provenance" not in before[USAGE].decode()
    computed_by(tape, lambda n, response: replace(response, fingerprint=HERE if n % 2 else THERE))
    project.stage(*STAGE)
    after = project.outputs()
    assert {path for path in after if after[path] != before[path]} == {USAGE}
    rows = list(map(json.loads, after[USAGE].decode().splitlines()))
    assert {row.pop("provenance") for row in rows} == {HERE, THERE}
    assert rows == list(map(json.loads, before[USAGE].decode().splitlines()))


def test_an_import_takes_an_answer_computed_elsewhere_for_the_same(project: Project, tmp_path: Path) -> None:
    tape = project.folder / "data/conll2003/tape.jsonl"
    project.diziner_here("responses", "import", str(tape))
    computed_by(tape, lambda n, response: replace(response, fingerprint=HERE))
    assert "differ" not in project.diziner_here("responses", "import", str(tape)).stdout
    computed_by(tape, lambda n, response: replace(response, text="{}"))
    assert " differ from those kept here before" in project.diziner_here("responses", "import", str(tape)).stdout
