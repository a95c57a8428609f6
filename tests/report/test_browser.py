"""The report in a browser: every view, by mouse and by keyboard, narrow and dark."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from projects import ROOT
from report_page import overflow
from viewer_rooms import make_room, settings_for

from diziner.common.freshness import Standing, State
from diziner.common.yamlfile import read_yaml
from diziner.layout import PUBLISHED
from diziner.report.collect import report_page
from diziner.report.files import RoomFiles


def test_every_benchmark_opens_from_the_table_and_back_returns(report: Path, visit: Any) -> None:
    page = visit(report)
    assert page.title().startswith("where annotators disagree")
    for name in ("alpha", "beta", "gamma"):
        page.click(f"#benchmarks table a:text-is('{name}')")
        page.wait_for_selector(f"main h1:text-is('{name}')")
        assert page.evaluate("document.activeElement.tagName") == "H1"
        page.go_back()
        page.wait_for_selector("#benchmarks")
    assert page.text_content("#benchmarks").count("not run yet") == 1
    why = "mine/delta/pilot.jsonl: no such file; see <b>x</b>"
    assert f"left out: {why}" in page.text_content("#benchmarks")
    page.click("#benchmarks table a:text-is('delta')")
    assert page.text_content("main .empty") == f"The last run left this benchmark out: {why}"


def test_the_overview_says_n_protocol_and_intervals(report: Path, visit: Any) -> None:
    page = visit(report)
    text = page.text_content("#benchmarks")
    assert "strict span F1 [95 %]" in text and "n = 14 test documents" in text
    assert "no gold" in text
    assert page.locator("#plots svg.plot").count() == 2
    assert "axis" not in page.text_content("#plots")
    labels = page.locator("#plots svg.plot .title").all_text_contents()
    assert labels[0].startswith("round (left to right); agreement (strict span F1)")
    assert labels[1:] == ["mean agreement with the others", "pilot strict span F1"]
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
    assert heads[:4] == ["benchmark", "points", "Pearson [95 %]−101", "the paper's"] and len(heads) == 8
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
    assert float(dot.get_attribute("cx")) == pytest.approx(3 + 42 * (own["value"] + 1))
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


def test_each_benchmark_has_a_small_chart_of_its_own_with_axes(report: Path, visit: Any) -> None:
    page = visit(report)
    charts = page.locator("#plots svg.plot").first.locator(".multiple")
    assert charts.count() == 2
    label = charts.first.get_attribute("aria-label")
    assert re.fullmatch(r"alpha: round 0 0\.\d{3}, round 1 0\.\d{3}, round 2 0\.\d{3}", label)
    assert float(charts.first.locator("text.value").text_content()) == pytest.approx(float(label[-5:]), abs=0.0051)
    assert charts.first.locator("line.zero").count() == 1
    places = charts.evaluate_all("all => all.map(n => n.getAttribute('transform'))")
    assert len(set(places)) == 2


def test_marks_of_f1_by_agreement_have_colours_a_diagonal_and_the_coefficient(report: Path, visit: Any) -> None:
    page = visit(report)
    plot = page.locator("#plots svg.plot").nth(1)
    colours = plot.locator(".series").evaluate_all("all => all.map(n => getComputedStyle(n.firstChild).stroke)")
    assert len(colours) == len(set(colours)) == 3
    assert plot.locator(".diagonal").count() == 1
    assert re.match(r"Pearson's r = −?0\.\d{3} ", plot.locator(".over").first.text_content())
    button = page.locator("#plots .legend button", has_text="annotator-01")
    button.focus()
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.getAttribute('aria-pressed')") == "true"
    assert "on" in plot.locator("[data-name='annotator-01']").get_attribute("class")
    assert page.text_content("#plots .said").startswith("annotator-01: 3 points")
    page.keyboard.press("Enter")
    assert page.text_content("#plots .said") == "" and "faded" not in plot.get_attribute("class")


def test_the_first_screen_says_which_run_this_is(report: Path, visit: Any) -> None:
    page = visit(report)
    said = page.text_content("#run")
    assert re.search(r"run[0-9a-f]{12}file written ", said)
    assert "model-of-annotator-02" in said and "refined by " in said
    assert "free" in said and re.search(r"\+\d+ ±\d+ −\d+", said)
    page.click("#run ~ details summary")
    assert "model-of-annotator-01" in page.text_content("#run ~ details tbody")


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
        assert row.startswith("≠ ")
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
    name = chip.get_attribute("title")
    assert chip.text_content() == "beta"  # its words, the id behind them
    chip.click()
    page.wait_for_selector("#guideline-title:has-text('round 0')")
    card = page.locator("article.target")
    assert card.get_attribute("data-hotspot") == name and card.locator("h3").text_content() == "beta"
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


def test_states_and_what_cannot_be_read_are_said_beside_the_figures(visit: Any, tmp_path: Path) -> None:
    """A room without its outputs has the row that its metrics give; a broken round costs neither room nor page."""
    full, said = make_room("alpha", annotators=3, rounds=3, documents=14)
    broken = replace(full, rounds=(full.rounds[0], full.rounds[2]), faults=("r1/hotspots.jsonl:1: not JSON",))
    bare = replace(RoomFiles(replace(full.card, name="beta")), figures=full.figures, counted=14)
    states = {
        "alpha": Standing(State.STALE, ("params.yaml answers.repair_turns: 1 -> 2",)),
        "beta": Standing(State.NOT_FETCHED),
    }
    file = tmp_path / "page.html"
    unread = ["data/gamma/benchmark.yaml: not YAML"]
    settings = settings_for(3, 3)
    file.write_text(report_page([broken, bare], said, settings, states=states, unread=unread), encoding="utf-8")
    page = visit(file)
    assert page.text_content("main .warn") == unread[0]
    first, second = page.locator("#benchmarks table").first.locator("tbody tr").all()
    assert "stale: params.yaml answers.repair_turns: 1 -> 2" in first.text_content()
    assert "not fetched" in second.text_content() and "n = 14 test documents" in second.text_content()
    assert page.locator("#plots figure").first.locator("table tbody td").all_text_contents()[1] == "–"
    page.click("#benchmarks table a:text-is('alpha')")
    page.wait_for_selector("main h1:text-is('alpha')")
    assert page.locator("main > .warn, main .warn").all_text_contents()[:2] == [str(states["alpha"]), broken.faults[0]]
    for number in (0, 2, 1):
        page.goto(f"{file.as_uri()}#/b/alpha/r{number}")
        assert page.locator("#hotspots").count() == 1
    page.goto(f"{file.as_uri()}#/b/beta")
    page.wait_for_selector("main h1:text-is('beta')")
    assert "Its rounds are not here" in page.text_content("main")
