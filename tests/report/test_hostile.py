"""The report in a browser with hostile texts: they are texts, run nothing and ask for nothing."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from report_page import overflow
from viewer_rooms import make_room, make_round, settings_for

from diziner.records.annotations import Annotation, Failure, Span
from diziner.records.documents import Document
from diziner.records.guideline import Example, Instruction, Receipt
from diziner.report.collect import report_page

HOSTILE = {
    "script": "<script>alert(1)</script>",
    "end": "</script><script>alert(2)</script>",
    "image": "<img src=x onerror=alert(3)>",
    "link": "javascript:alert(4)",
    "comment": "<!--",
    "bidi": "safe\u202egnp.exe\u2066",
    "quote": '"\' onfocus=alert(5) x="',
    "half": "\ud800",
}


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Hostile texts wherever a text can stand: documents, types, answers, instructions, records, failures."""
    full, said = make_room("alpha", annotators=3, rounds=2, documents=6)
    texts = list(HOSTILE.values())
    tokens = (*texts, "and", "more")
    document = Document("<b>doc</b>", tokens, " ".join(tokens))
    types = [*full.card.types, "<i>odd</i>"]
    rows = {
        "annotator-00": [Annotation(document.id, (Span(0, len(texts), "<i>odd</i>"),))],
        "annotator-01": [Annotation(document.id, (Span(0, 1, types[0]),))],
        "annotator-02": [Annotation(document.id)],
    }
    second = Document("second", ("calm",), "calm")
    for name, own in rows.items():
        failed = Failure("unparsable", " ".join(texts)) if name == "annotator-02" else None
        own.append(Annotation(second.id, failure=failed))
    before = make_round(0, [document, second], rows, types, full.rounds[0].guideline)
    cause = before.hotspots[0].id
    line = Instruction(
        '<a href="javascript:alert(6)">C1.1</a>',
        " ".join(texts),
        (Example(texts[1], texts[2], texts[3]),),
        receipt=Receipt(1, "new", (cause, HOSTILE["end"]), (document.id,), ("key",)),
    )
    guideline = replace(
        full.rounds[1].guideline, common=(line,), goal=replace(full.rounds[1].guideline.goal, use=texts[0])
    )
    former = full.rounds[1].refinement
    assert former is not None
    record = {
        **former,
        "patterns": [
            {
                "name": texts[1],
                "root_cause": texts[2],
                "principle": texts[5],
                "readings": [{"reading": texts[0], "reason": texts[3]}],
            }
        ],
        "diagnoses": {texts[2]: {"summary": texts[1], "needs": [{"kind": texts[0], "need": texts[2]}]}},
        "cut": [{"text": texts[1], "reason": texts[2]}],
        "written": 2,
        "waiting": [],
        "outcomes": {line.id: texts[2]},
        "rejected": texts,
        "responses": ["key"],
        "phases": [{"phase": texts[2], "calls": 1, "repairs": 1, "failed": [texts[1]]}],
    }
    after = make_round(1, [document, second], rows, types, guideline, record)
    card = replace(full.card, types=tuple(types), title=HOSTILE["image"], domain=HOSTILE["end"])
    gold = {**full.gold, document.id: (Span(1, 3, "<i>odd</i>"),)}
    room = replace(full, card=card, rounds=(before, after), gold=gold)
    file = tmp_path_factory.mktemp("hostile") / "report.html"
    said["key"] = " ".join(texts)
    file.write_text(report_page([room], said, settings_for(3, 2)), encoding="utf-8")
    return file


def test_hostile_texts_are_texts(hostile: Path, visit: Any) -> None:
    page = visit(hostile)
    for route in ("", "#/b/alpha/r0", "#/b/alpha/r1"):
        page.goto(hostile.as_uri() + route)
        page.wait_for_selector("main h1")
        page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true; })")
        assert page.locator("main img, main script, main i, main a[href^='javascript' i]").count() == 0
        assert page.locator("script").count() == 2
        assert page.evaluate("[...document.querySelectorAll('a')].every(a => /^#/.test(a.getAttribute('href')))")
        assert page.evaluate(
            "[...document.querySelectorAll('*')].every(n => ![...n.attributes].some(a => /^on/i.test(a.name)))"
        )
        assert overflow(page) <= 0
    whole = page.text_content("main")
    for key in ("script", "end", "image", "link", "comment", "quote"):
        assert HOSTILE[key] in whole, key
    # Where each of them stands: in a document, as an entity, in an instruction and in an answer.
    assert HOSTILE["end"] in page.text_content("#hotspots article .context")
    assert "<i>odd</i>" in page.text_content("#hotspots article .span")
    assert HOSTILE["image"] in page.text_content("#guideline .line.new .says")
    assert HOSTILE["end"] in page.text_content("#refinement pre")
    assert HOSTILE["image"] in page.text_content("#annotators")


def test_characters_that_turn_or_hide_text_are_shown(hostile: Path, visit: Any) -> None:
    page = visit(hostile, "#/b/alpha/r1")
    marks = set(page.locator("main .control").all_text_contents())
    assert {"U+202E", "U+2066", "U+D800"} <= marks
    assert page.evaluate("!/[\\u202a-\\u202e\\u2066-\\u2069]/.test(document.body.innerText)")


@pytest.fixture
def elsewhere() -> Iterator[tuple[str, list[str]]]:
    """A server that a page must not reach: its address, and what it was asked for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

        def log_message(self, *words: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", asked
    server.shutdown()
    server.server_close()


def test_markup_that_got_in_all_the_same_runs_nothing_and_asks_for_nothing(
    report: Path, browser: Any, elsewhere: tuple[str, list[str]], tmp_path: Path
) -> None:
    """The policy is a second wall, for a mistake of ours; without it the planted markup does run."""
    address, asked = elsewhere
    planted = f"<script>window.ran = 1</script><img src='{address}/x' onerror='window.failed = 1'>"
    text = report.read_text(encoding="utf-8").replace("</main>", f"</main>{planted}")
    open_text = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", text)
    for name, content, expected in (("open", open_text, 1), ("ours", text, None)):
        asked.clear()
        file = tmp_path / f"{name}.html"
        file.write_text(content, encoding="utf-8")
        page = browser.new_page()
        page.goto(file.as_uri())
        page.wait_for_selector("#benchmarks")
        assert page.evaluate("window.ran ?? null") == expected
        assert page.evaluate("window.failed ?? null") == expected
        assert bool(asked) == bool(expected)
        page.close()
