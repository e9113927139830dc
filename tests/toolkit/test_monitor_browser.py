"""The monitor's page as the service shows it, in a real browser: it fits a phone and a desktop, and fetches nothing.

Skipped, and said so, where the machine has no chromium.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from fearless.report.monitor_html import html
from fearless.report.shown import empty, framed
from screenshots import DESKTOP, PHONE, Page, browser, page

from .conftest import Tree
from .test_monitor_html import breach

PROGRAM = browser()
pytestmark = pytest.mark.skipif(
    PROGRAM is None, reason="no chromium on this machine (apt-get install chromium)"
)
LINKS = [
    ("/dashboard/monitor", "What was served", "2 hours old"),
    ("/dashboard/truth", "What came true", "3 days old"),
]


@pytest.fixture(scope="module")
def shown() -> Iterator[Page]:
    assert PROGRAM is not None
    with page(PROGRAM) as opened:
        yield opened


@pytest.fixture
def file(tree: Tree, tmp_path: Path) -> Path:
    made = tmp_path / "report.html"
    made.write_text(
        framed(html(breach(tree)), "This report was made 2 hours ago.", LINKS, LINKS[0][0]), encoding="utf-8"
    )
    return made


def test_nothing_is_wider_than_the_window_and_no_word_is_cut(shown: Page, file: Path) -> None:
    for width in (PHONE, DESKTOP):
        shown.open(file, width, "dark")
        assert shown.value("document.documentElement.scrollWidth") == width
        outside = (
            "[...document.querySelectorAll('svg.chart text')].filter(e => {"
            " const box = e.getBoundingClientRect(), all = e.ownerSVGElement.getBoundingClientRect();"
            " return box.left < all.left - 0.5 || box.right > all.right + 0.5}).length"
        )
        assert shown.value("document.querySelectorAll('svg.chart text').length") > 20
        assert shown.value(outside) == 0
        if width == PHONE:  # no table of a phone scrolls sideways either
            wide = (
                "[...document.querySelectorAll('.scroll')].filter(e => e.scrollWidth > e.clientWidth).length"
            )
            assert shown.value(wide) == 0


def test_the_verdict_and_the_age_are_seen_on_a_phone_without_scrolling(shown: Page, file: Path) -> None:
    shown.open(file, PHONE, "light", height=667)
    for part in (".bar p", "header .badge", "h1"):
        assert shown.value(f"document.querySelector('{part}').getBoundingClientRect().bottom") < 667


def test_it_asks_for_nothing_but_itself(shown: Page, file: Path) -> None:
    shown.open(file, DESKTOP, "light")
    assert shown.requests() == [file.resolve().as_uri()]
    assert not [event for event in shown.events if event["method"] == "Log.entryAdded"]


def test_the_page_without_a_report_fits_a_phone(shown: Page, tmp_path: Path) -> None:
    file = tmp_path / "none.html"
    file.write_text(
        empty("There is no report of what was served yet.", LINKS, "uv run fearless monitor"), "utf-8"
    )
    shown.open(file, PHONE, "light")
    assert shown.value("document.documentElement.scrollWidth") == PHONE
