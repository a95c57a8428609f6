"""The report in a browser: every view, by mouse and by keyboard, narrow and dark, and with hostile texts."""

from __future__ import annotations

import re
import shutil
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from projects import ROOT
from viewer_rooms import make_room, make_round, settings_for

from diziner.common.yamlfile import read_yaml
from diziner.layout import PUBLISHED
from diziner.records.annotations import Annotation, Failure, Span
from diziner.records.documents import Document
from diziner.records.guideline import Example, Instruction, Receipt
from diziner.report.collect import report_page
from diziner.report.files import RoomFiles

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on the path")

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


@dataclass
class Seen:
    """What a page must not do."""

    dialogs: list[str] = field(default_factory=list)
    console: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def dialog(self, shown: Any) -> None:
        self.dialogs.append(shown.message)
        shown.dismiss()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with sync_api.sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield launched
        launched.close()


@pytest.fixture
def visit(browser: Any) -> Iterator[Any]:
    """Open a file in a fresh context; at the end nothing may have been asked for, said or popped up."""
    contexts = []
    seen = Seen()

    def open_page(file: Path, route: str = "", **context: Any) -> Any:
        contexts.append(browser.new_context(**{"viewport": {"width": 1200, "height": 900}, **context}))
        page = contexts[-1].new_page()
        page.set_default_timeout(5000)
        page.on("dialog", seen.dialog)
        page.on("console", lambda message: seen.console.append(message.text))
        page.on("pageerror", lambda error: seen.console.append(str(error)))
        page.on("request", lambda request: seen.requests.append(request.url))
        page.goto(file.as_uri() + route)
        page.wait_for_selector("main h1")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert not seen.dialogs
    assert not seen.console
    assert all(re.match(r"file:///.*\.html(#|$)|data:,$", url) for url in seen.requests), seen.requests


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two benchmarks that were run, one without gold and with a single round, one not run."""
    full, said = make_room("alpha", annotators=3, rounds=3, documents=14)
    blind, more = make_room("beta", annotators=3, rounds=1, documents=6, gold=False, seed=4)
    later = type(full)(replace(full.card, name="gamma"))
    file = tmp_path_factory.mktemp("page") / "report.html"
    file.write_text(report_page([full, blind, later], {**said, **more}, settings_for(3, 3)), encoding="utf-8")
    return file


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


def overflow(page: Any) -> int:
    found: int = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    return found


def test_every_benchmark_opens_from_the_table_and_back_returns(report: Path, visit: Any) -> None:
    page = visit(report)
    assert page.title().startswith("where annotators disagree")
    for name in ("alpha", "beta", "gamma"):
        page.click(f"#benchmarks table a:text-is('{name}')")
        page.wait_for_selector(f"main h1:text-is('{name}')")
        assert page.evaluate("document.activeElement.tagName") == "H1"
        page.go_back()
        page.wait_for_selector("#benchmarks")
    assert "not run yet" in page.text_content("#benchmarks")


def test_the_overview_says_n_protocol_and_intervals(report: Path, visit: Any) -> None:
    page = visit(report)
    text = page.text_content("#benchmarks")
    assert "strict span F1 [95 %]" in text and "n = 14 test documents" in text
    assert "no gold" in text
    assert page.locator("#plots svg.plot").count() == 2
    assert "axis" not in page.text_content("#plots")
    labels = page.locator("#plots svg.plot .title").all_text_contents()
    assert labels[0] == "round" and "agreement (strict span F1)" in labels
    page.click("#plots figure:first-of-type summary")
    assert page.locator("#plots figure:first-of-type table tbody tr").count() == 2


def test_the_overview_answers_whether_agreement_predicts_f1(visit: Any, tmp_path: Path) -> None:
    """Two benchmarks with gold, of which the paper has one, and one without: its correlations are not defined."""
    rooms: list[RoomFiles] = []
    texts: dict[str, str] = {}
    for number, name in enumerate(("conll2003", "letters", "unlabelled")):
        own, said = make_room(name, annotators=3, rounds=2, documents=8, seed=number, gold=name != "unlabelled")
        rooms.append(own)
        texts |= said
    published = read_yaml(ROOT / PUBLISHED, "published")
    file = tmp_path / "page.html"
    file.write_text(report_page(rooms, texts, settings_for(3, 2), published), encoding="utf-8")
    page = visit(file)
    place = page.locator("#correlation")
    assert place.locator("h2").text_content() == "Does agreement predict F1?"
    assert re.search(r"mean over 2 benchmarks \(paper, 1 of them: 0\.839\)", place.locator(".lead").text_content())
    heads = place.locator("thead th").all_text_contents()
    assert heads[:4] == ["benchmark", "points", "Pearson [95 %]", "the paper's"] and len(heads) == 8
    rows = [row.locator("th, td").all_text_contents() for row in place.locator("tbody tr").all()]
    assert [row[0] for row in rows] == ["conll2003", "letters", "unlabelled", "mean"]
    assert [row[3] for row in rows] == ["0.839", "–", "–", "0.839"]
    assert rows[2][1] == "0" and set(rows[2][2:3] + rows[2][4:]) == {"not defined"}
    assert rooms[0].scores is not None
    own = rooms[0].scores["validity"]["correlations"]["pearson"]
    shown = f"{own['value']:.3f}[{own['low']:.3f}, {own['high']:.3f}]".replace("-", "−")
    assert rows[0][2].startswith(shown)
    # Dots stand on a line from -1 to 1.
    dot = place.locator("tbody tr").first.locator("svg .dot").first
    assert float(dot.get_attribute("cx")) == pytest.approx(2 + 43 * (own["value"] + 1))
    place.locator("a:text-is('letters')").click()
    page.wait_for_selector("main h1:text-is('letters')")


def test_a_run_that_was_not_computed_alike_is_warned_of(report: Path, visit: Any, tmp_path: Path) -> None:
    assert "computed" not in visit(report).text_content("main")
    files, said = make_room("alpha", annotators=3, rounds=1, documents=6)
    for provenances, style in [(("xllamacpp 1; A", "xllamacpp 1; B"), "warn"), (("xllamacpp 1; A",) * 2, "note")]:
        chosen = zip(files.usage, provenances, strict=True)
        usage = {name: [replace(row, provenance=text) for row in files.usage[name]] for name, text in chosen}
        [part] = files.rounds
        part = replace(part, usage={})
        file = tmp_path / f"{style}.html"
        file.write_text(report_page([replace(files, usage=usage, rounds=(part,))], said, settings_for(3, 1)))
        for route, place in (("", "#benchmarks"), ("#/b/alpha", "main")):
            text = visit(file, route).text_content(f"{place} p.{style}:has-text('nswers of local models')")
            assert "by xllamacpp 1; A" in text and ("by xllamacpp 1; B" in text) == (style == "warn")


def test_a_line_of_the_plot_names_itself_on_focus(report: Path, visit: Any) -> None:
    page = visit(report)
    line = page.locator("#plots svg.plot").first.locator(".series").first
    line.focus()
    assert "on" in page.locator("#plots svg.plot").first.locator("[data-name=alpha]").get_attribute("class")
    assert "alpha: round 0" in page.text_content("#plots .said")


def test_every_round_of_every_benchmark_shows_every_part(report: Path, visit: Any) -> None:
    page = visit(report)
    for name, rounds in (("alpha", 3), ("beta", 1)):
        for number in range(rounds):
            page.goto(f"{report.as_uri()}#/b/{name}/r{number}")
            page.wait_for_selector(f"#guideline-title:has-text('round {number}')")
            for part in ("hotspots", "matrices", "guideline", "refinement", "annotators"):
                assert page.locator(f"#{part} h2").count() == 1
            assert page.locator("#hotspots article").count() > 0
            assert page.locator("table.heat").count() == 2
    page.goto(f"{report.as_uri()}#/b/beta/r0")
    assert "the only one" in page.text_content(".rounds")
    assert "No gold for these documents" in page.text_content("#hotspots")
    assert "No refinement led to round 0" in page.text_content("#refinement")


def test_the_slider_goes_through_the_rounds_by_keyboard(report: Path, visit: Any) -> None:
    page = visit(report, "#/b/alpha/r0")
    page.focus("#slider")
    for number in (1, 2):
        page.keyboard.press("ArrowRight")
        page.wait_for_selector(f"#guideline-title:has-text('round {number}')")
        assert page.evaluate("document.activeElement.id") == "slider"
        assert page.get_attribute("#slider", "aria-valuetext") == f"round {number} of 2"
    page.keyboard.press("ArrowLeft")
    page.wait_for_selector("#guideline-title:has-text('round 1')")
    assert page.url.endswith("#/b/alpha/r1")
    page.click("button[aria-label='Round before']")
    page.wait_for_selector("#guideline-title:has-text('round 0')")
    assert page.is_disabled("button[aria-label='Round before']")


def test_filters_keep_what_fits_and_say_how_many(report: Path, visit: Any) -> None:
    page = visit(report, "#/b/alpha/r0")

    def shown() -> tuple[int, int]:
        found = re.match(r"(\d+) of (\d+) hotspot", page.text_content("#hotspots .count"))
        assert found
        return int(found[1]), int(found[2])

    everything, total = shown()
    assert everything == total
    page.select_option("label:has-text('Annotator who differs') select", "annotator-02")
    fitting, _ = shown()
    assert 0 < fitting < total
    assert page.locator("#hotspots article").count() == min(fitting, 12)
    for row in page.locator("#hotspots article tr:has(th:text-is('annotator-02')) .why").all_text_contents():
        assert row.startswith("≠")
    page.select_option("label:has-text('Annotator who differs') select", "")
    counts = 0
    for value in page.locator("label:has-text('Kind') option").evaluate_all(
        "all => all.map(o => o.value).filter(Boolean)"
    ):
        page.select_option("label:has-text('Kind') select", value)
        counts += shown()[0]
    assert counts == total, "kinds do not add up to all hotspots"


def test_a_receipt_leads_to_its_hotspot_and_the_hotspot_back_to_its_line(report: Path, visit: Any) -> None:
    page = visit(report, "#/b/alpha/r1")
    page.select_option("label:has-text('Kind') select", "minor")
    chip = page.locator("#guideline a.chip").first
    name = chip.text_content()
    chip.click()
    page.wait_for_selector("#guideline-title:has-text('round 0')")
    card = page.locator("article.target")
    assert card.get_attribute("data-hotspot") == name
    assert page.evaluate("document.activeElement.dataset.hotspot") == name
    assert card.evaluate("n => { const b = n.getBoundingClientRect(); return b.top >= 0 && b.top < innerHeight; }")
    card.locator("a", has_text=re.compile(r"[CS]1\.")).first.click()
    page.wait_for_selector("#guideline-title:has-text('round 1')")
    assert page.evaluate("document.activeElement.dataset.line").startswith(("C1.", "S1."))
    page.go_back()
    page.wait_for_selector("article.target")


def test_the_guideline_shows_what_changed_word_by_word(report: Path, visit: Any) -> None:
    page = visit(report, "#/b/alpha/r2")
    statuses = set(page.locator("#guideline li.line .status").all_text_contents())
    assert {"= retained", "± modified", "+ new"} <= statuses
    assert "full" in page.text_content("#guideline li.modified ins")
    before = page.locator("#guideline li.line").count()
    page.check("#guideline input[type=checkbox]")
    assert 0 < page.locator("#guideline li.line").count() < before
    assert page.locator("#guideline li.line.retained").count() == 0


def test_the_refinement_says_what_was_cut_and_why(report: Path, visit: Any) -> None:
    page = visit(report, "#/b/alpha/r1")
    text = page.text_content("#refinement")
    assert "Mark nothing." in text and "over the limit" in text
    assert "12.5 %" in text
    page.click("#refinement details:last-of-type summary")
    assert page.locator("#refinement pre").first.is_visible()


def test_the_theme_follows_the_system_and_the_button(report: Path, visit: Any) -> None:
    page = visit(report, color_scheme="dark")
    background = "getComputedStyle(document.body).backgroundColor"
    dark = page.evaluate(background)
    page.click("#theme")
    assert page.text_content("#theme") == "Theme: light"
    light = page.evaluate(background)
    page.click("#theme")
    assert page.evaluate(background) == dark != light
    page.click("#theme")
    assert page.text_content("#theme") == "Theme: system"


@pytest.mark.parametrize("route", ["", "#/b/alpha/r2", "#/b/beta", "#/b/gamma"])
def test_a_narrow_page_does_not_scroll_sideways(report: Path, visit: Any, route: str) -> None:
    page = visit(report, route, viewport={"width": 400, "height": 800})
    page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true; })")
    assert overflow(page) <= 0


def test_the_skip_link_is_first_and_leads_to_the_content(report: Path, visit: Any) -> None:
    page = visit(report)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "skip"
    assert page.evaluate("document.activeElement.getBoundingClientRect().left") >= 0
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"


def test_everything_that_takes_input_has_a_name(report: Path, visit: Any) -> None:
    for route in ("", "#/b/alpha/r1"):
        page = visit(report, route)
        nameless = page.evaluate(
            "[...document.querySelectorAll('button, select, input, a, [tabindex=\"0\"]')].filter(n => "
            "!(n.textContent.trim() || n.getAttribute('aria-label') || n.closest('label'))).map(n => n.outerHTML)"
        )
        assert nameless == []
        assert page.evaluate(
            "[...document.querySelectorAll('table')].every(t => t.caption || t.closest('[aria-label]'))"
        )


@pytest.mark.parametrize(
    "route", ["#/nowhere", "#/b/unknown", "#/b/alpha/r99/h/none", "#/b/%E0%A4%A", "#/b/alpha/r1/i/%3Cb%3E"]
)
def test_an_address_that_leads_nowhere_shows_something_that_exists(report: Path, visit: Any, route: str) -> None:
    page = visit(report, route)
    assert page.locator("main h1").count() == 1


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
