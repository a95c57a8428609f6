"""The report in a browser: documents, decisions and lines, and the files that are saved from it."""

from __future__ import annotations

import csv
import io
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from viewer_rooms import conflicts_of, make_room, settings_for

from diziner.common.errors import UserError
from diziner.guideline.choices import choices_from
from diziner.report.collect import report_page


def saved(page: Any, button: Any) -> tuple[str, str]:
    """The name and text of the file that a button saves."""
    with page.expect_download() as waiting:
        button.click()
    return waiting.value.suggested_filename, Path(waiting.value.path()).read_bytes().decode()


def rows_of(text: str) -> list[list[str]]:
    assert text.startswith("\ufeff") and text.endswith("\r\n")
    return list(csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline="")))


def test_decisions_and_lines_become_a_file_that_refine_takes(report: Path, visit: Any) -> None:
    """One of the answers, a rule in own words with marks that YAML knows, and lines accepted, rejected, edited."""
    page = visit(report, "#/b/alpha/r1", accept_downloads=True)
    cards = page.locator("#decide article.decision")
    assert cards.count() == 5
    assert "gold" not in "".join(cards.locator(".meta").all_text_contents()), "nobody decides by gold"
    names = [card.get_attribute("data-kind") for card in cards.all()]
    first = cards.nth(0).locator("form > button").first
    option = first.text_content().removesuffix(" is right")
    first.click()
    assert first.get_attribute("aria-pressed") == "true"
    cards.nth(1).locator("input").fill('  never "x": [a]\t# not – é ')
    page.keyboard.press("Enter")
    assert "2 conflicts" in page.text_content(".chosen h3")
    name, text = saved(page, page.locator(".chosen button", has_text="Save choices.alpha.r1.yaml"))
    assert name == "choices.alpha.r1.yaml" and "# diziner refine alpha --round 1 --choices FILE\n" in text
    written = yaml.safe_load(text)
    assert list(written) == sorted(names[:2])
    assert written[names[0]].startswith(f"{option} is right, not ")
    assert written[names[1]] == 'never "x": [a] # not – é'
    assert "diziner refine alpha --round 1 --choices choices.alpha.r1.yaml" in page.text_content(".chosen")
    lines = page.locator("#guideline li.line.new")
    said = [line.locator(".says").text_content() for line in lines.all()[:3]]
    lines.nth(0).locator("button", has_text="Accept").click()
    lines.nth(1).locator("button", has_text="Reject").click()
    lines.nth(2).locator("button", has_text="Edit").click()
    assert page.input_value("#guideline textarea:visible") == said[2]
    page.fill("#guideline textarea:visible", "Other words.")
    lines.nth(2).locator("button", has_text="Use these words").click()
    _, text = saved(page, page.locator(".chosen button", has_text="Save choices.alpha.r0.yaml"))
    told = " ".join(yaml.safe_load(text).values())
    assert all(words in told for words in (said[0], f"do not use this rule: {said[1]}", "Other words."))
    assert ";" not in told
    # Left and taken up again; taken back one by one.
    page.reload()
    page.wait_for_selector(".chosen ul")
    pressed = page.locator("#guideline [aria-pressed=true], #decide form [aria-pressed=true]")
    assert pressed.count() == 4
    while page.locator(".chosen ul button").count():
        page.locator(".chosen ul button").first.click()
    assert page.text_content(".chosen h3") == "Your decisions: none yet" and pressed.count() == 0
    assert cards.nth(1).locator("input").input_value() == ""


def test_the_file_is_taken_by_the_command(report: Path, visit: Any) -> None:
    """Questions that quote words, of the last round; of a benchmark without texts, kinds of disagreement."""
    kinds = {"documents": 6, "rounds": 1, "seed": 4}
    for route, made in (("#/b/alpha/r2", {"documents": 14, "rounds": 3}), ("#/b/beta/r0", kinds)):
        page = visit(report, route, accept_downloads=True)
        for card in page.locator("#decide article.decision").all():
            card.locator("form > button").last.click()
        _, text = saved(page, page.locator(".chosen button", has_text="Save"))
        files, _ = make_room("alpha", annotators=3, gold=True, **made)
        value = yaml.safe_load(text)
        assert len(choices_from(value, conflicts_of(files.rounds[-1]).spellings(), "choices.yaml")) == len(value) > 2
        with pytest.raises(UserError, match="is no conflict of this round"):
            choices_from({"other_to_thing": "x"}, conflicts_of(files.rounds[-1]).spellings(), "choices.yaml")


def test_documents_are_filtered_searched_and_saved(report: Path, visit: Any) -> None:
    page = visit(report, "#/b/alpha/r0", accept_downloads=True)
    place = page.locator("#documents")

    def shown() -> int:
        return int(place.locator(".count").text_content().split(" ")[0])

    assert shown() == 14 and place.locator("article").count() == 10
    place.locator("button", has_text="Show 4 more").click()
    assert place.locator("article").count() == 14
    counts = []
    for value in ("disputed", "agreed"):
        place.locator("select[name=show]").select_option(value)
        counts.append(shown())
    assert sum(counts) == 14 and counts[0] > 0
    place.locator("select[name=show]").select_option("")
    place.locator("select[name=type]").select_option("TYPE01")
    typed = shown()
    assert 0 < typed < 14
    place.locator("select[name=type]").select_option("")
    word = place.locator("article .context bdi").first.text_content().split()[0]
    place.locator("input[type=search]").fill("doc-000003")
    assert shown() == 1 and "doc-000003" in place.locator("article .meta").text_content()
    place.locator("input[type=search]").fill(word.upper())
    assert shown() > 0
    place.locator("input[type=search]").fill("nowhere at all")
    assert shown() == 0 and "No document fits" in place.text_content()
    place.locator("input[type=search]").fill("")
    place.locator("select[name=set]").select_option("test")
    assert shown() == 14
    place.locator("select[name=as]").select_option("gold")
    name, text = saved(page, place.locator("button[aria-label*='the mentions']"))
    rows = rows_of(text)
    assert name == "alpha-test-mentions.csv" and rows[0] == ["document", "reading", "start", "end", "type", "text"]
    assert {row[1] for row in rows[1:]} == {"guideline of the chosen round", "guideline of round 0", "gold"}
    assert all(len(row) == 6 and int(row[2]) < int(row[3]) for row in rows[1:])
    heads = place.locator("thead").first.locator("th").all_text_contents()
    assert heads[:2] == ["type", "agreement"] and heads[-1] == "F1 on test"


def test_a_benchmark_without_texts_says_so_and_shows_places(report: Path, visit: Any) -> None:
    """Of `beta`, whose licence forbids to pass its texts on."""
    page = visit(report, "#/b/beta")
    assert "holds no texts of this benchmark" in page.text_content("#documents .warn")
    assert page.locator("#documents input[type=search]").count() == 0
    assert page.locator("#hotspots article h3").first.text_content().startswith("[word")
    assert page.locator("#documents .mention").count() > 0
    assert "Texts of beta are left out" in page.text_content("#foot")


def test_every_table_and_chart_can_be_saved(report: Path, visit: Any) -> None:
    for route in ("", "#/b/alpha/r1"):
        page = visit(report, route, accept_downloads=True)
        page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true; })")
        tables = page.locator("main table:not(.readings)").count()
        assert page.locator("main .tabled button.save").count() == tables > 0
        for button in page.locator("main .tabled button.save").all():
            name, text = saved(page, button)
            rows = rows_of(text)
            assert name.endswith(".csv") and len(rows) > 1 and len(rows[0]) > 1, name
        for button in page.locator("main figure button", has_text="SVG").all():
            name, text = saved(page, button)
            drawn = ET.fromstring(text)
            assert name.endswith(".svg") and drawn.tag == "{http://www.w3.org/2000/svg}svg"
            # It stands alone: nothing of it needs the page's style.
            assert "var(" not in text and "class=" not in text and drawn.find("{*}rect") is not None
    page = visit(report, "", accept_downloads=True)
    _, text = saved(page, page.locator("#benchmarks .tabled button.save").first)
    head, first, *_ = rows_of(text)
    row = dict(zip(head, first, strict=True))
    assert row["benchmark"] == "alpha" and float(row["f1_low"]) <= float(row["f1"]) <= float(row["f1_high"])


def test_a_saved_table_runs_nothing_in_a_spreadsheet(visit: Any, tmp_path: Path) -> None:
    files, said = make_room("alpha", annotators=3, rounds=1, documents=6)
    [part] = files.rounds
    documents = tuple(
        replace(d, tokens=("=1+1", *d.tokens[1:]), text=" ".join(("=1+1", *d.tokens[1:]))) for d in part.documents
    )
    file = tmp_path / "page.html"
    files = replace(files, rounds=(replace(part, documents=documents),))
    file.write_text(report_page([files], said, settings_for(3, 1)), encoding="utf-8")
    page = visit(file, "#/b/alpha", accept_downloads=True)
    _, text = saved(page, page.locator("#hotspots button", has_text="CSV"))
    cells = [cell for row in rows_of(text) for cell in row]
    assert not [cell for cell in cells if cell.startswith(("=", "+", "@"))]
    _, text = saved(page, page.locator("#documents button[aria-label*='the mentions']"))
    assert not [cell for row in rows_of(text) for cell in row if cell.startswith("=")]
