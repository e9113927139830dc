"""report.html: one file that needs nothing else, read by anyone, and stopped by nothing that a team's data holds."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fearless.report.deciding import deciding
from fearless.report.html import html
from fearless.report.junit import junit
from fearless.report.markdown import markdown
from fearless.report.style import DARK, LIGHT
from fearless.report.words import headline, metric, number, title
from screenshots import examples

FIRST: dict[str, Any] = json.loads(
    (Path(__file__).parent / "reports" / "report-0.1.0.json").read_text(encoding="utf-8")
)
MOST = 300_000
NAMES = [
    "pass",
    "fail",
    "inconclusive",
    "error",
    "first",
    "regression",
    "multiclass",
    "many",
    "slices",
    "two_sets",
]
HOSTILE = [
    "<script>alert(1)</script>",
    "]]> --> </style></svg></details></main>",
    '" onmouseover="x" style="background:url(//example.com)',
    "\u202eevil\u2066",
    "x" * 300,
    "😀" * 300,
    "&lt;b&gt; &#60; `code` \x00\x1b[31m",
]
VOID = {"meta", "br", "img", "link", "hr", "input"}


class Page(HTMLParser):
    """A strict reader: every tag closed in order, nothing that runs, nothing that is fetched."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        assert len(given) == len(attrs), f"an attribute twice in {tag}"
        self.tags.append((tag, given))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open[-1:] != ["style"]:
            self.words.append(data)

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.tags if name == tag]

    @property
    def text(self) -> str:
        return " ".join("".join(self.words).split())


@pytest.fixture(scope="module")
def reports() -> dict[str, dict[str, Any]]:
    return {**examples(), "0.1.0": FIRST}


def named(value: Any, name: str, at: str = "") -> Any:
    """The report with `name` wherever a team's data can put one."""
    kept = {"verdict", "mode", "kind", "rule", "of", "role", "task", "against", "primary"}
    if isinstance(value, dict):
        renamed = at in ("context", "metrics", "policy")
        return {
            (f"{name}{key}" if renamed and key != "toolkit" else key): named(each, name, key)
            for key, each in value.items()
        }
    if isinstance(value, list):
        return [named(each, name, at) for each in value]
    return f"{name}{value}" if isinstance(value, str) and at not in kept else value


@pytest.mark.parametrize("name", [*NAMES, "0.1.0"])
def test_the_page_is_whole_small_and_asks_for_nothing(reports: dict[str, dict[str, Any]], name: str) -> None:
    text = html(reports[name])
    page = Page(text)
    assert len(text.encode()) <= MOST
    assert not {tag for tag, _ in page.tags} & {"script", "link", "img", "iframe", "object", "form", "base"}
    for _, attributes in page.tags:
        assert not any(key.startswith("on") or key in ("src", "style", "srcset") for key in attributes)
        assert attributes.get("href", "#").startswith("#")
    assert not re.search(r"https?:|url\(|@import|//\w", text)
    assert "default-src 'none'" in text


@pytest.mark.parametrize("name", [*NAMES, "0.1.0"])
def test_landmarks_headings_and_text_alternatives(reports: dict[str, dict[str, Any]], name: str) -> None:
    page = Page(html(reports[name]))
    assert [len(page.all(tag)) for tag in ("header", "nav", "main", "footer", "h1")] == [1] * 5
    assert page.all("html") == [{"lang": "en"}]
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch(r"h[1-6]", tag)]
    assert all(after - before <= 1 for before, after in pairwise(levels))
    for picture in page.all("svg"):
        hidden = picture.get("aria-hidden") == "true"
        assert hidden or (picture["role"] == "img" and len(picture["aria-label"]) > 10)
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    links = {attributes["href"][1:] for attributes in page.all("a")}
    assert links <= set(ids)
    for table in page.all("table"):
        assert table["role"] == "table"
    assert all("scope" in cell for cell in page.all("th"))
    labels = [each["aria-label"] for each in page.all("div") if each.get("role") == "region"]
    assert len(labels) == len(set(labels))


@pytest.mark.parametrize("name", NAMES)
def test_the_verdict_comes_first_in_plain_words_then_what_decided_then_what_to_do(
    reports: dict[str, dict[str, Any]], name: str
) -> None:
    report = reports[name]
    words = Page(html(report)).text
    places = [words.index(headline(report)), words.index("What to do now")]
    if report["checks"]:
        places = [places[0], words.index("What decided"), places[1], words.index("Every check")]
        for check in deciding(report):
            assert places[1] < words.index(title(check), places[1]) < places[2]
            assert number(check["estimate"]["value"], bool(check["against"])) in words
    assert places == sorted(places)
    for step in report["next"]:
        assert step.replace("`", "") in words


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"rule": "max_drop", "against": "champion", "metric": "f1"}, "No worse than the champion in F1"),
        ({"rule": "beats", "against": "linear"}, "Better than a linear model"),
        ({"rule": "slices", "id": "roc_auc.slices.region"}, "No part of region is worse off (ROC AUC)"),
        ({"rule": "floor", "metric": "value", "kind": "value"}, "Worth is high enough"),
        ({"rule": "floor", "metric": "churn.metrics:profit"}, "Churn.metrics:profit is high enough"),
        ({"rule": "ece_max", "kind": "calibration"}, "Probabilities mean what they say"),
        ({"rule": "alone", "metric": "gate.yaml"}, "What changes gate.yaml changes nothing else"),
        ({"rule": "later", "id": "some.later"}, "some.later"),
    ],
)
def test_the_title_of_a_check_is_plain_words(changes: dict[str, str], words: str) -> None:
    check = {**FIRST["checks"][0], "of": "value", "against": None, "metric": "roc_auc", **changes}
    assert title(check) == words
    assert words in Page(html({**FIRST, "checks": [check]})).text


def test_both_golden_sets_stand_under_the_verdict_and_a_policy_that_is_tried_far_below_it(
    reports: dict[str, dict[str, Any]],
) -> None:
    report = reports["two_sets"]
    text = html(report)
    header, main = text.split("</header>")
    assert "by the golden data of this change (5,539 rows)." in header
    assert "by the golden data of the base (6,000 rows)." in header
    assert header.count('class="badge PASS"') == 1
    assert header.count('class="badge FAIL"') == 2  # the verdict, and the base's
    assert "would say" not in header
    tried = main.split('<h2 id="trial">')[1].split("</section>")[0]
    assert tried.startswith("Not in force: the gate.yaml of this change</h2>")
    assert "would say PASS on this golden data, and does not count before it is merged" in tried
    assert "badge" not in tried
    assert "on the base&#x27;s golden data</h3>" in main


def test_what_is_done_without_a_model_stands_beside_what_decided(reports: dict[str, dict[str, Any]]) -> None:
    page = " ".join(re.sub(r"<[^>]+>", "", html(reports["regression"])).split())
    assert (
        "Without a model: Every flight is expected to have the average delay. A constant guess: worth -452.3 EUR per"
        " flight, with this model -246.8; mean squared error 542.2, with this model 151.9;"
    ) in page
    assert "Without a model: A constant guess" in re.sub(r"<[^>]+>", "", html(reports["pass"]))
    assert "Without a model" not in html(FIRST | {"models": []})


def test_a_metric_at_a_threshold_of_its_own_is_called_by_both() -> None:
    assert metric("f1@0.3") == "F1 at 0.3"
    assert metric("macro_f1") == "macro F1"
    assert metric("churn.metrics:profit") == "churn.metrics:profit"


def test_every_check_stands_there_as_a_sentence_with_its_interval(reports: dict[str, dict[str, Any]]) -> None:
    for name in ("fail", "many", "regression"):
        page = Page(html(reports[name]))
        for check in reports[name]["checks"]:
            assert check["sentence"] in page.text
        pictures = [each for each in page.all("svg") if each.get("class") == "interval"]
        assert len(pictures) == len(reports[name]["checks"]) + 3


def test_the_picture_of_an_interval_says_in_words_what_it_shows(reports: dict[str, dict[str, Any]]) -> None:
    (check,) = [each for each in reports["fail"]["checks"] if each["id"] == "roc_auc.floor"]
    shown = check["estimate"]
    alt = (
        f"Measured {number(shown['value'])}, from {number(shown['lower'])} to {number(shown['upper'])}, each bound"
        " with 95 % confidence; asked: at least 0.7."
    )
    assert alt in {each.get("aria-label") for each in Page(html(reports["fail"])).all("svg")}


def test_a_verdict_is_told_by_a_word_and_a_shape_not_by_colour_alone(
    reports: dict[str, dict[str, Any]],
) -> None:
    text = html(reports["slices"])
    badges = re.findall(r'<span class="badge (\w+)"><svg .*?>(.*?)</svg>(.*?)</span>', text)
    told = {verdict: (shape, word) for verdict, shape, word in badges if word != "FAIL"}
    assert {verdict: word for verdict, (_, word) in told.items()} == {
        "FAIL": "Failed",
        "PASS": "Passed",
        "INCONCLUSIVE": "Open",
    }
    assert len({shape for shape, _ in told.values()}) == 3


def test_parts_of_the_data_stand_by_metric_with_what_failed_first(reports: dict[str, dict[str, Any]]) -> None:
    report = reports["slices"]
    passed = [
        {**part, "metric": name, "verdict": "PASS"}
        for name in ("f1", "log_loss")
        for part in report["slices"]
    ]
    words = Page(html({**report, "slices": [*passed, *report["slices"]]})).text
    start, end = words.index("Parts of the data"), words.index("How the model behaves")
    section = words[start:end]
    tables = [section.index(f"{name}part") for name in ("ROC AUC", "log loss", "F1")]
    assert tables == sorted(tables)
    first = section[tables[0] : tables[1]]
    assert first.index("north") < first.index("overseas") < first.index("monthly")


def test_what_the_report_lacks_is_left_out_and_a_report_of_0_1_0_is_whole() -> None:
    page = Page(html(FIRST))
    headings = {each["id"] for each in page.all("h2")}
    assert headings == {"decision", "next", "checks", "models", "evidence"}
    assert (
        Page(html({**FIRST, "curves": {}, "slices": [], "worst_slice": None, "value": None})).text
        == page.text
    )


@pytest.mark.parametrize("key", ["roc", "reliability", "scores"])
def test_each_curve_is_drawn_without_the_others(reports: dict[str, dict[str, Any]], key: str) -> None:
    report = {**reports["pass"], "curves": {key: reports["pass"]["curves"][key]}}
    assert len([each for each in Page(html(report)).all("svg") if each.get("class") == "chart"]) == 1


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("example", ["slices", "error", "regression"])
def test_names_from_somebodys_data_stay_text(
    reports: dict[str, dict[str, Any]], example: str, name: str
) -> None:
    report = named(reports[example], name)
    text = html(report)
    page = Page(text)
    tame = Page(html(named(reports[example], "anna")))
    assert [tag for tag, _ in page.tags if tag != "code"] == [tag for tag, _ in tame.tags if tag != "code"]
    assert not any(
        key.startswith("on") or key == "style" for _, attributes in page.tags for key in attributes
    )
    assert not page.all("script")
    assert not set(text) & set("\u202e\u2066\x00\x1b")
    assert len(text.encode()) <= MOST


def test_a_report_of_any_size_fits_and_says_how_much_is_left(reports: dict[str, dict[str, Any]]) -> None:
    huge = named(reports["slices"], "😀" * 300)
    for key in ("checks", "slices", "models", "notes", "next", "errors"):
        huge[key] = huge[key] * 200
    huge["policy"] = {str(at): "😀" * 200 for at in range(900)}
    text = html(huge)
    assert len(text.encode()) <= MOST
    Page(text)
    assert len(re.findall(r"\d+ more stand in report\.json", text)) >= 3
    assert "gate.yaml is too long for this page" in text


@settings(max_examples=60, deadline=None)
@given(
    st.text(max_size=60),
    st.floats(-1e9, 1e9),
    st.floats(0, 1e6),
    st.sampled_from(["PASS", "FAIL", "NEUTRAL"]),
)
def test_any_text_and_any_number_make_a_sound_page(
    text: str, value: float, error: float, verdict: str
) -> None:
    estimate = {"value": value, "standard_error": error, "lower": value - error, "upper": value + error}
    check = {**FIRST["checks"][0], "id": text, "kind": text, "sentence": text, "estimate": estimate}
    report = {**FIRST, "verdict": verdict, "checks": [{**check, "verdict": verdict}], "summary": text}
    assert Page(html(report)).all("h1")
    assert markdown(report)
    assert junit(report).encode("utf-8")


def test_the_same_report_gives_the_same_bytes(reports: dict[str, dict[str, Any]]) -> None:
    again = json.loads(json.dumps(reports["slices"], sort_keys=True))
    assert html(again) == html(reports["slices"])


def luminance(colour: str) -> float:
    """Relative luminance of #rrggbb (WCAG 2.2)."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("scheme", [LIGHT, DARK], ids=["light", "dark"])
def test_text_and_pictures_are_told_from_their_ground_in_both_schemes(scheme: dict[str, str]) -> None:
    for text in ("ink", "soft", "pass", "fail", "open", "error", "candidate", "champion"):
        for ground in ("page", "card"):
            assert contrast(scheme[text], scheme[ground]) >= 4.5, f"{text} on {ground}"
    for mark in ("candidate", "ink"):
        assert contrast(scheme[mark], scheme["good"]) >= 3, f"{mark} on good"


def test_both_schemes_name_the_same_colours_and_the_sheet_uses_no_other() -> None:
    text = html(FIRST)
    assert LIGHT.keys() == DARK.keys()
    used = set(re.findall(r"var\(--(\w+)", text))
    assert used <= {*LIGHT, "tone"}
    body = text.split("</style>")[1]
    assert not re.search(r"#[0-9a-f]{6}", re.sub(r'href="#\w+"', "", body))
