"""`diziner label`: the same rows however the work is cut, nothing done twice, nothing lost."""

from __future__ import annotations

import json
import os
import re
import signal
import time
from pathlib import Path
from typing import Any

import pytest
from annotating import annotate
from hypothesis import given
from hypothesis import strategies as st
from label_place import GUIDELINE, TEXT, Place, content, make_place, rows, shards
from loopback import completion, replying

from diziner.common.errors import ProviderError
from diziner.common.files import read_json, read_jsonl
from diziner.endpoints import Endpoint
from diziner.guideline.file import load_guideline
from diziner.labelling.input_files import Files, document_of, items_of
from diziner.labelling.output_folder import Report
from diziner.labelling.work import share_of
from diziner.layout import Room
from diziner.llm.access import asker_for
from diziner.llm.progress import Progress
from diziner.records.labelled import labelled_row
from diziner.scripted.faults import Faults
from diziner.scripted.server import ScriptedServer
from diziner.settings import load_settings


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    return make_place(tmp_path, monkeypatch)


def test_rows_are_those_of_annotating_all_at_once_however_the_input_is_cut(place: Place) -> None:
    settings = load_settings()
    documents = [document_of(item) for item in items_of(Files((place.input,), ()))]
    asker = asker_for(settings, Room("conll2003"))
    guideline, annotator = load_guideline(GUIDELINE), settings.annotator("scripted_careful")
    whole = annotate(documents, guideline, annotator, asker, "all", settings.answers)
    expected = [labelled_row(*pair) for pair in zip(documents, whole, strict=True)]
    assert any(row["spans"] for row in expected)
    for size, count in (("1", 20), ("7", 3), ("20", 1), ("1000", 1)):
        out = place.folder / size
        place.label("--shard-documents", size, out=out)
        assert len(shards(out)) == count
        assert rows(out) == json.loads(json.dumps(expected))


def test_the_same_labelling_gives_the_same_bytes_and_parquet_holds_the_same_rows(place: Place) -> None:
    import pyarrow.parquet

    for name in ("a", "b"):
        place.label("--shard-documents", "6", out=place.folder / name)
    assert content(place.folder / "a") == content(place.folder / "b")
    for name in ("p", "q"):
        place.label("--shard-documents", "6", "--format", "parquet", out=place.folder / name)
    assert content(place.folder / "p") == content(place.folder / "q")
    table = [row for path in shards(place.folder / "p") for row in pyarrow.parquet.read_table(path).to_pylist()]
    for row in table:
        assert row.pop("other") is None
        row["spans"] = [[span["start"], span["end"], span["type"]] for span in row["spans"]]
        row["drops"] = {drop["reason"]: drop["count"] for drop in row["drops"]}
        row["forms"] = {form["kind"]: form["count"] for form in row["forms"]}
        row["characters"] = [[place["start"], place["end"]] for place in row["characters"]]
        row["matched"] = {found["kind"]: found["count"] for found in row["matched"]}
    assert table == rows(place.folder / "a")


def test_a_shard_that_is_done_is_not_done_again_and_one_that_is_damaged_is(place: Place) -> None:
    place.label("--shard-documents", "6")
    before = content(place.out)
    for path in shards(place.out):
        os.utime(path, ns=(0, 0))
    cut, missing, *_ = shards(place.out)
    cut.write_bytes(cut.read_bytes()[:-20])
    os.utime(cut, ns=(0, 0))
    missing.unlink()
    place.label("--shard-documents", "6")
    assert content(place.out) == before
    changed = {path.name for path in shards(place.out) if path.stat().st_mtime_ns != 0}
    assert changed == {cut.name, missing.name}


@pytest.mark.parametrize(
    "damage",
    [
        {"repairs": ""},
        {"failures": {"refused": "one"}},
        {"drops": [1]},
        {"first": {"refused": "d1"}},
        {"widened": {"count": 1}},
        {"votes": {"nobody": {"mentions": 1}}},
        {"documents": None},
    ],
    ids=str,
)
def test_what_a_damaged_manifest_says_of_a_shard_is_not_believed(place: Place, damage: dict[str, Any]) -> None:
    place.label("--shard-documents", "6")
    before = content(place.out)
    manifest = read_json(place.out / "manifest.json")
    manifest["shards"][1] |= damage
    (place.out / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    place.label("--shard-documents", "6")
    assert content(place.out) == before


def test_failed_documents_are_rows_and_the_same_command_again_asks_only_for_them(place: Place) -> None:
    place.params["answers"]["repair_turns"] = 0
    with ScriptedServer(Faults(server_error=0.3)) as server:
        place.web(server.base_url, attempts=1)
        message = place.refuses("--shard-documents", "6", kind=ProviderError)
        port = int(server.base_url.split(":")[2].removesuffix("/v1"))
    failed = [row for row in rows(place.out) if row["failure"]]
    assert 0 < len(failed) < 20
    assert f"{len(failed)} of 20 documents failed" in message
    assert "unavailable" in message
    assert failed[0]["id"] in message
    assert all(row["failure"]["code"] == "unavailable" and not row["spans"] for row in failed)
    assert read_json(place.out / "manifest.json")["failures"] == {"unavailable": len(failed)}
    with ScriptedServer(port=port) as server:
        place.label("--shard-documents", "6")
        assert server.requests == len(failed)
        assert not [row for row in rows(place.out) if row["failure"]]
        place.label("--shard-documents", "6", out=place.folder / "whole")
    assert content(place.folder / "whole") == content(place.out)


def test_failures_within_the_allowed_share_are_accepted(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    place.params["answers"]["max_failed_share"] = 0.9
    with ScriptedServer(Faults(server_error=0.3)) as server:
        place.web(server.base_url, attempts=1)
        place.label("--shard-documents", "20")
    assert "documents failed: unavailable" in capsys.readouterr().out


def test_with_again_refused_documents_are_asked_once_more_and_only_they(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    place.documents(40)
    refusal = {"error": {"message": "Input was flagged by moderation", "code": 400}}

    def reply(asked: dict[str, Any]) -> tuple[int, dict[str, str], Any]:
        turned_down = re.search(r"sent [135] letters", asked["messages"][-1]["content"]) and not asked.get("seed")
        return (400, {}, refusal) if turned_down else (200, {}, completion())

    with replying(reply) as (base_url, bodies):
        place.web(base_url, concurrency=1)
        message = place.refuses("--shard-documents", "10", kind=ProviderError)
        assert "3 of 40 documents failed; the allowed share is 0.05" in message
        assert "`diziner label … --again` asks once more for what is refused" in message
        assert [row["id"] for row in rows(place.out) if row["failure"]] == ["d1", "d3", "d5"]
        assert place.refuses("--shard-documents", "10", kind=ProviderError) == message
        assert len(bodies) == 40
        place.label("--shard-documents", "10", "--again")
        assert len(bodies) == 43
        assert not [row for row in rows(place.out) if row["failure"]]
        place.label("--shard-documents", "10", out=place.folder / "whole")
        assert len(bodies) == 43
    assert content(place.folder / "whole") == content(place.out)


def test_a_dead_endpoint_ends_the_run_at_its_first_calls(place: Place) -> None:
    with ScriptedServer() as server:
        nobody = server.base_url
    place.web(nobody, attempts=1)
    place.documents(60)
    message = place.refuses("--shard-documents", "20", kind=ProviderError)
    assert "the first 3 calls all failed, so the run stops: document " in message
    assert ": unavailable, " in message
    assert not shards(place.out)
    assert not (place.out / "manifest.json").exists()


def test_a_last_shard_that_fails_does_not_keep_a_labelling_from_its_end(place: Place) -> None:
    with ScriptedServer() as server:
        place.web(server.base_url, attempts=1)
        place.label("--shard-documents", "20")
    place.params["answers"]["max_failed_share"] = 0.05
    place.save()
    place.documents(21)
    place.label("--shard-documents", "20")
    assert read_json(place.out / "manifest.json")["failures"] == {"unavailable": 1}


def test_killed_at_any_moment_it_ends_the_same_and_repeats_no_more_than_was_in_flight(place: Place) -> None:
    place.documents(120)

    with ScriptedServer(latency_s=0.1) as server:
        place.web(server.base_url)
        for at_least in (8, 70):
            process = place.start("--shard-documents", "20")
            while server.requests < at_least and process.poll() is None:
                time.sleep(0.01)
            process.send_signal(signal.SIGKILL)
            process.wait()
            assert not (place.out / "manifest.json").exists()
            for path in shards(place.out):
                assert len(read_jsonl(path, "labelled")) == 20
        assert place.start("--shard-documents", "20").wait() == 0
        assert 120 <= server.requests <= 120 + 2 * 8
    assert not [path for path in place.out.iterdir() if path.name.startswith(".0")]
    place.label("--shard-documents", "20", out=place.folder / "whole")
    assert content(place.folder / "whole") == content(place.out)


def test_a_forecast_asks_nothing_and_writes_nothing(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    with ScriptedServer() as server:
        place.web(server.base_url, prices={"scripted-careful": {"input": 1.0, "output": 10.0}})
        place.label("--dry", "--shard-documents", "6")
        before = capsys.readouterr().out
        assert server.requests == 0
        assert not place.out.exists()
        place.label("--shard-documents", "6")
        capsys.readouterr()
        spent = read_json(Path("metrics/cost.json"))["total"]["usd"]
        shards(place.out)[0].unlink()
        place.label("--dry", "--shard-documents", "6")
    assert "20 documents in 4 shards, 0 of them done; answered already: 0 documents" in before
    assert "calls to scripted-careful: 20" in before
    estimate = float(before.partition("USD ")[2].split()[0])
    assert estimate == pytest.approx(spent, rel=0.3)
    after = capsys.readouterr().out
    assert "4 shards, 3 of them done; answered already: 20 documents" in after
    assert "calls to scripted-careful: 0," in after


def test_labelled_rows_are_gold_to_whoever_reads_them(place: Place) -> None:
    from diziner.corpora.decode import Decoder
    from diziner.corpora.textfiles import jsonl_rows

    place.label()
    [shard] = shards(place.out)
    for row, read in zip(rows(place.out), jsonl_rows(shard), strict=True):
        decoded = Decoder(None).decode(read)  # type: ignore[arg-type]
        assert [[span.start, span.end, span.type] for span in decoded.spans or ()] == row["spans"]
        assert list(decoded.tokens) == row["tokens"]


@given(st.integers(1, 40), st.integers(1, 12), st.floats(1, 1e6))
def test_shares_of_an_endpoint_add_up_to_it(concurrency: int, workers: int, rpm: float) -> None:
    endpoint = Endpoint("web", "hosted", concurrency=concurrency, rpm=rpm)
    shares = [share_of(endpoint, worker, workers) for worker in range(workers)]
    assert sum(share.concurrency for share in shares) == max(concurrency, workers)
    assert sum(share.rpm or 0 for share in shares) == pytest.approx(rpm)
    assert {share.tpm for share in shares} == {None}


class Screen:
    def __init__(self) -> None:
        self.text = ""

    def isatty(self) -> bool:
        return False

    def write(self, text: str) -> None:
        self.text += text

    def flush(self) -> None:
        pass


def test_progress_counts_documents_failures_and_cost() -> None:
    screen = Screen()
    report = Report("000000-0", 40, 7, 0, {}, {"timeout": 3}, {"timeout": ("d1", "late")}, "", 0)
    with Progress("label", 1000, 500, screen, "documents", "from earlier runs", lambda: 1.25) as progress:  # type: ignore[arg-type]
        for _ in range(10):
            progress.advance()
        assert progress.line().startswith("510 of 1,000 documents, 500 from earlier runs, ")
        progress.finished(report.documents, report.failed)
        assert progress.line().startswith("540 of 1,000 documents")
    assert "3 failed, USD 1.2500, " in screen.text
    assert screen.text.rstrip().endswith("left")


def test_documents_that_do_not_fit_the_window_are_named_before_a_model_is_asked(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    place.params["endpoints"]["scripted"]["context"] = 4000
    place.save()
    long = [{"id": f"long{n}", "text": " ".join(TEXT.format(100 * n + k) for k in range(100))} for n in (1, 2)]
    place.input.write_text("".join(f"{json.dumps(row)}\n" for row in [*long, {"id": "d0", "text": TEXT.format(0)}]))
    place.label("--dry")
    before = capsys.readouterr().out
    said = re.search(r"2 documents do not fit into the 4,000 tokens that scripted-careful sees, .*\n", before)
    assert said and "document long1 (about 4," in said[0] and "long2 (about 4," in said[0] and "d0" not in said[0]
    assert "answers.chunk_tokens" in said[0] and "calls to scripted-careful: 3," in before
    place.label()
    assert said[0] in capsys.readouterr().err
    whole = rows(place.out)
    place.params["answers"] |= {"chunk_tokens": 200, "overlap": 20}
    place.save()
    place.label("--dry", out=place.folder / "chunks")
    chunked = capsys.readouterr().out
    assert "do not fit" not in chunked
    assert "calls to scripted-careful: 20," in chunked and "answered already: 1 document\n" in chunked
    place.label(out=place.folder / "chunks")
    err = capsys.readouterr().err
    assert "do not fit" not in err and "3 of 3 documents" in err
    found = rows(place.folder / "chunks")
    assert [row["id"] for row in found] == ["long1", "long2", "d0"]
    assert found[2] == whole[2] and len(found[0]["responses"]) == 10
    for row in found:
        assert [row["text"][first:last] for first, last in row["characters"]] == [
            " ".join(row["tokens"][start:end]) for start, end, _ in row["spans"]
        ]
