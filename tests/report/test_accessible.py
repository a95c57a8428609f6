"""The report without a mouse, without colours and on a small screen: every view held against axe-core's rules."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from report_page import overflow

# Of `npm install axe-core`, as .ci/run does it.
AXE = Path(os.environ.get("DIZINER_AXE", "axe.min.js"))
VIEWS = ("", "#/compare", "#/b/alpha/r0", "#/b/alpha/r2", "#/b/beta", "#/b/gamma", "#/b/delta")


@pytest.fixture(scope="module")
def axe() -> str:
    if not AXE.is_file():
        pytest.skip("no axe-core: `npm install axe-core`, then let DIZINER_AXE name its axe.min.js")
    return AXE.read_text(encoding="utf-8")


@pytest.mark.parametrize(("scheme", "width"), [("light", 1200), ("dark", 400)])
def test_no_view_has_a_fault(report: Path, visit: Any, axe: str, scheme: str, width: int) -> None:
    page = visit(report, color_scheme=scheme, viewport={"width": width, "height": 900})
    faults = []
    for view in VIEWS:
        page.goto(report.as_uri() + view)
        page.wait_for_selector("main h1")
        page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true; })")
        page.evaluate(axe)
        found = page.evaluate("axe.run(document, { resultTypes: ['violations'] })")
        faults += [
            f"{view}: {own['id']} ({own['impact']}): {own['nodes'][0]['html'][:200]} x{len(own['nodes'])}"
            for own in found["violations"]
        ]
    assert not faults, "\n".join(faults)


def test_every_view_is_clicked_through_without_an_error(report: Path, visit: Any) -> None:
    """Each button, each choice of each list, each disclosure, once; nothing may fail, pop up or be asked for."""
    clicked = 0
    for view in ("", "#/compare", "#/b/alpha/r2", "#/b/beta"):
        page = visit(report, view, accept_downloads=True)
        clicked += page.evaluate(
            """async () => {
                const pause = () => new Promise((done) => setTimeout(done, 0));
                const seen = new Set();
                let count = 0;
                for (let left = 400; left; left -= 1) {
                    const name = (n) => n.getAttribute('aria-label') || n.textContent;
                    const key = (n) => n.tagName + name(n) + n.closest('section')?.id;
                    const found = [...document.querySelectorAll('button, summary, main select')];
                    const next = found.find((n) => !seen.has(key(n)) && !n.disabled && n.offsetParent);
                    if (!next) break;
                    seen.add(key(next));
                    count += 1;
                    if (next.tagName === 'SELECT') {
                        for (const value of [...next.options].map((one) => one.value)) {
                            next.value = value;
                            next.dispatchEvent(new Event('change', { bubbles: true }));
                            await pause();
                        }
                        next.selectedIndex = 0;
                        next.dispatchEvent(new Event('change', { bubbles: true }));
                    } else next.click();
                    await pause();
                }
                return count;
            }"""
        )
        assert page.locator("main h1").count() == 1
    assert clicked > 100


def test_all_views_fit_a_small_screen(report: Path, visit: Any) -> None:
    for view in VIEWS:
        page = visit(report, view, viewport={"width": 400, "height": 800})
        page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true; })")
        page.evaluate("document.querySelectorAll('.editor').forEach(d => { d.hidden = false; })")
        assert overflow(page) <= 0, view


def test_cards_are_walked_with_keys_while_the_focus_is_among_them(report: Path, visit: Any) -> None:
    page = visit(report, "#/b/alpha/r0")
    for place in ("#hotspots", "#documents"):
        cards = page.locator(f"{place} article")
        cards.nth(0).focus()
        page.keyboard.press("j")
        page.keyboard.press("j")
        page.keyboard.press("k")
        assert cards.nth(1).evaluate("n => n === document.activeElement")
    page.locator("#documents input[type=search]").focus()
    page.keyboard.press("j")
    assert page.locator("#documents input[type=search]").input_value() == "j"
