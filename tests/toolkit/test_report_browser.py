"""report.html in a real browser: it fits a phone and a desktop in both schemes, and fetches nothing.

Skipped, and said so, where the machine has no chromium.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import screenshots
from fearless.report.html import html
from screenshots import DESKTOP, PHONE, Page, browser, examples, page

PROGRAM = browser()
pytestmark = pytest.mark.skipif(
    PROGRAM is None, reason="no chromium on this machine (apt-get install chromium)"
)
REPORTS = examples()
LONG = REPORTS["slices"] | {
    "summary": "x" * 300,
    "checks": [{**check, "sentence": "y" * 300} for check in REPORTS["slices"]["checks"]],
    "models": [{**model, "name": "z" * 300} for model in REPORTS["slices"]["models"]],
    "slices": [{**part, "level": "w" * 300} for part in REPORTS["slices"]["slices"]],
}


@pytest.fixture(scope="module")
def shown() -> Iterator[Page]:
    assert PROGRAM is not None
    with page(PROGRAM) as opened:
        yield opened


@pytest.mark.parametrize("width", [PHONE, DESKTOP])
@pytest.mark.parametrize("name", ["error", "many", "regression", "slices", "long"])
def test_nothing_is_wider_than_the_window(shown: Page, tmp_path: Path, name: str, width: int) -> None:
    file = tmp_path / "report.html"
    file.write_text(html({**REPORTS, "long": LONG}[name]), encoding="utf-8")
    shown.open(file, width, "light")
    assert shown.value("document.documentElement.scrollWidth") == width
    if width == PHONE:  # no table of a phone scrolls sideways either
        wide = "[...document.querySelectorAll('.scroll')].filter(e => e.scrollWidth > e.clientWidth).length"
        assert shown.value(wide) == 0


def test_it_asks_for_nothing_but_itself(shown: Page, tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    file.write_text(html(REPORTS["slices"]), encoding="utf-8")
    shown.open(file, DESKTOP, "dark")
    assert shown.requests() == [file.resolve().as_uri()]
    assert not [event for event in shown.events if event["method"] == "Log.entryAdded"]


def test_the_reader_gets_the_scheme_they_prefer_and_paper_is_light(shown: Page, tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    file.write_text(html(REPORTS["fail"]), encoding="utf-8")
    ground = "getComputedStyle(document.body).backgroundColor"
    found = {}
    for scheme in ("light", "dark"):
        shown.open(file, DESKTOP, scheme)
        found[scheme] = shown.value(ground)
    shown.call(
        "Emulation.setEmulatedMedia",
        {"media": "print", "features": [{"name": "prefers-color-scheme", "value": "dark"}]},
    )
    found["print"] = shown.value(ground)
    shown.call("Emulation.setEmulatedMedia", {"media": ""})
    assert found == {"light": "rgb(244, 245, 247)", "dark": "rgb(13, 16, 20)", "print": "rgb(244, 245, 247)"}


def test_the_verdict_and_the_first_number_are_seen_on_a_phone_without_scrolling(
    shown: Page, tmp_path: Path
) -> None:
    file = tmp_path / "report.html"
    file.write_text(html(REPORTS["fail"]), encoding="utf-8")
    shown.open(file, PHONE, "light", height=812)
    assert shown.value("document.querySelector('.card .number').getBoundingClientRect().bottom") < 812


def test_the_pictures_of_the_docs_are_there() -> None:
    for name in screenshots.SHOWN:
        picture = screenshots.ROOT / "docs" / "images" / f"{name}.png"
        assert picture.read_bytes().startswith(b"\x89PNG")
        assert picture.stat().st_size < 400_000
