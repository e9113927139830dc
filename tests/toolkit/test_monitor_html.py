"""The monitor's page: self-contained, small, the verdict first, and harmless whatever the data is called."""

from __future__ import annotations

import re
from datetime import timedelta
from html.parser import HTMLParser
from typing import Any

import pytest

from fearless.monitor.watch import monitor, truth
from fearless.report.monitor_html import html, parts_of
from fearless.report.monitor_text import plain
from fearless.report.paired import percent

from .conftest import Tree
from .watched import NOW, drawn, labels_file, model, serve

WEEK = timedelta(days=7)


def breach(tree: Tree) -> dict[str, Any]:
    """The report of a week in which a column moved and the truth came out badly."""
    scorer, rows = model(tree), drawn(900, 5)
    ids = serve(tree, scorer, rows.with_columns(rows["fee"] + 20))
    truth(tree.project, labels_file(tree, ids, (~rows["left"]).to_list()), WEEK, NOW)
    return monitor(tree.project, WEEK, NOW)


class Page(HTMLParser):
    """The tags that are open, the text, and all that a browser would fetch."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.words: list[str] = []
        self.fetched: list[str] = []
        self.anchors: set[str] = set()
        self.links: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag not in ("meta", "br", "path", "circle", "line", "rect"):
            self.open.append(tag)
        self.fetched += [str(given[name]) for name in ("src", "srcset", "action", "data") if name in given]
        self.fetched += [tag] if tag in ("script", "link", "iframe", "object", "img") else []
        self.anchors |= {str(given["id"])} if "id" in given else set()
        if tag == "a":
            self.links.add(str(given["href"]))

    def handle_endtag(self, tag: str) -> None:
        if tag not in ("path", "circle", "line", "rect"):
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def test_the_page_says_the_verdict_first_and_what_changed_since_when_how_sure_and_what_to_do(
    tree: Tree,
) -> None:
    report = breach(tree)
    page = Page(html(report))
    said = " ".join(" ".join(page.words).split())
    assert page.open == []
    first = said.index("The model is not as good as was asked.")
    assert first < said.index("What was found") < said.index("What to do now")
    for words in ("Since when:", "How sure:", "What to do:", "on golden data", "was 39.9"):
        assert words in said
    for found in report["findings"]:
        assert found["what"].replace("`", "")[:40] in said.replace("  ", " ") or "`" in found["what"]


def test_the_page_needs_nothing_but_itself(tree: Tree) -> None:
    text = html(breach(tree))
    page = Page(text)
    assert page.fetched == []
    assert {link.removeprefix("#") for link in page.links} <= page.anchors
    assert not re.search(r"https?://|url\(|@import", text)
    assert "default-src 'none'" in text


def test_the_same_report_gives_the_same_bytes(tree: Tree) -> None:
    report = breach(tree)
    assert html(report) == html(report)


def test_a_report_of_very_many_columns_and_findings_stays_small_and_says_what_it_left_out(tree: Tree) -> None:
    report = breach(tree)
    found = next(each for each in report["findings"] if each["kind"] == "drift")
    column = next(each for each in report["models"][0]["compared"] if each["name"] == "fee")
    report["findings"] = [found] * 2000
    report["models"][0]["compared"] = [{**column, "name": f"column{at}"} for at in range(3000)]
    report["models"] = report["models"] * 40
    report["notes"] = ["Something to note. " * 20] * 500
    text = html(report)
    assert len(text.encode()) < 500_000
    assert "more stand in report.json" in text


HOSTILE = "<script>alert(1)</script>\"'&`\u202e"


def test_names_from_the_data_cannot_become_markup(tree: Tree) -> None:
    report = breach(tree)
    for model_of in report["models"]:
        model_of["place"] = HOSTILE
        for each in model_of["compared"]:
            each["name"] = HOSTILE
            each["levels"] = [HOSTILE for _ in each["levels"]]
    for found in report["findings"]:
        found.update(what=HOSTILE, about=HOSTILE, sure=HOSTILE, do=HOSTILE)
    report["labels"] = {
        **dict.fromkeys(("rows", "added", "corrected", "repeated", "rejected"), 1),
        "reasons": {HOSTILE: 1},
        "rejects": [{"row": 1, "name": HOSTILE, "reason": HOSTILE}],
    }
    text = html(report)
    page = Page(text)
    assert page.open == []
    assert page.fetched == []
    assert "<script" not in text
    assert "\u202e" not in text


def test_an_empty_window_has_a_page_that_says_so(tree: Tree) -> None:
    serve(tree, model(tree), drawn(50, 5))
    report = monitor(tree.project, WEEK, NOW + timedelta(days=60))
    page = Page(html(report))
    assert "Nothing was served." in "".join(page.words)
    assert "BREACH: Nothing was served." in plain(report)


def test_the_parts_of_a_column_add_up(tree: Tree) -> None:
    for each in breach(tree)["models"][0]["compared"]:
        parts = parts_of(each)
        assert len(parts) <= 9
        assert sum(before for _, before, _ in parts) == pytest.approx(1)
        assert sum(now for _, _, now in parts) == pytest.approx(1)
        assert len({name for name, _, _ in parts}) == len(parts)


@pytest.mark.parametrize(
    ("share", "text"), [(0, "0.0 %"), (0.0001, "<0.1 %"), (0.05, "5.0 %"), (0.5, "50 %"), (1, "100 %")]
)
def test_shares_are_written_with_the_digits_that_say_something(share: float, text: str) -> None:
    assert percent(share) == text
