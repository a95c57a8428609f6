"""Fixtures of the tests of the report's page: a browser, and visits on which nothing may pop up or be asked for."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from report_page import Seen
from viewer_rooms import make_room, settings_for

from diziner.report.collect import report_page

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Chromium; tests are skipped where it or playwright is not installed."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("no chromium on the path")
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
    """Two benchmarks that were run, one without gold and with a single round, one not run, one left out."""
    full, said = make_room("alpha", annotators=3, rounds=3, documents=14)
    blind, more = make_room("beta", annotators=3, rounds=1, documents=6, gold=False, seed=4)
    later = type(full)(replace(full.card, name="gamma"))
    away = type(full)(replace(full.card, name="delta"), left_out="mine/delta/pilot.jsonl: no such file; see <b>x</b>")
    file = tmp_path_factory.mktemp("page") / "report.html"
    file.write_text(report_page([full, blind, later, away], {**said, **more}, settings_for(3, 3)), encoding="utf-8")
    return file
