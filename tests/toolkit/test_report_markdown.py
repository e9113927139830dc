"""The comment on a pull request: one screen that says it all, the rest folded, nothing in it comes alive."""

from __future__ import annotations

import math
import re
from typing import Any

import pytest

from fearless.report.deciding import deciding
from fearless.report.markdown import MOST, markdown
from fearless.report.text import plain
from screenshots import examples

WIDTH = 100  # characters of a line in a comment, on the safe side
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


@pytest.fixture(scope="module")
def reports() -> dict[str, dict[str, Any]]:
    return examples()


def unfolded(text: str) -> str:
    return text.split("<details>")[0]


def rendered_lines(text: str) -> int:
    """How many lines a reader sees, with long ones wrapped and table rows of one line each."""
    lines = [line for line in unfolded(text).splitlines() if line and not line.startswith("| ---")]
    return sum(1 if line.startswith("|") else math.ceil(len(line) / WIDTH) for line in lines)


def named(report: dict[str, Any], name: str) -> dict[str, Any]:
    """The report with a name from somebody's data wherever one can stand."""
    return {
        **report,
        "checks": [
            {**check, "id": f"{name}{check['id']}", "sentence": f"{name}: {check['sentence']}"}
            for check in report["checks"]
        ],
        "models": [{**model, "description": name} for model in report["models"]],
        "notes": [name],
        "context": {**report["context"], "candidate_name": name},
    }


@pytest.mark.parametrize("name", NAMES)
def test_what_is_not_folded_fits_on_one_screen(reports: dict[str, dict[str, Any]], name: str) -> None:
    assert 3 <= rendered_lines(markdown(reports[name])) <= 25


def test_the_verdict_is_the_heading_and_the_decision_follows_in_plain_words(
    reports: dict[str, dict[str, Any]],
) -> None:
    assert markdown(reports["pass"]).startswith(
        "## ✅ Gate: PASS\n\n**This model may be merged.** The candidate"
    )
    assert markdown(reports["fail"]).startswith("## ❌ Gate: FAIL\n\n**This model must not be merged.** ")
    opened = markdown(reports["inconclusive"])
    assert opened.startswith("## 🟡 Gate: INCONCLUSIVE\n")
    assert "Here this counts as a failure." in unfolded(opened)
    refused = unfolded(markdown(reports["error"]))
    assert refused.startswith(
        "## ⛔ Gate: ERROR\n\n**The model was not judged.** models/champion is missing."
    )
    assert "- Bring it with `uv run dvc pull`." in refused


def test_the_three_checks_that_decided_stand_in_the_table(reports: dict[str, dict[str, Any]]) -> None:
    table = [line for line in unfolded(markdown(reports["fail"])).splitlines() if line.startswith("| ❌")]
    assert len(table) == 3
    for line, check in zip(table, deciding(reports["fail"]), strict=True):
        assert line.startswith(f"| ❌ FAIL | {check['metric']}")


def test_a_check_of_slices_names_its_column(reports: dict[str, dict[str, Any]]) -> None:
    check = {
        **reports["fail"]["checks"][2],
        "id": "roc_auc.slices.region",
        "rule": "slices",
        "against": "champion",
    }
    assert "roc_auc by region, ahead of champion" in unfolded(
        markdown({**reports["fail"], "checks": [check]})
    )


def test_worth_and_the_weakest_part_are_shown_where_the_report_has_them(
    reports: dict[str, dict[str, Any]],
) -> None:
    text = unfolded(markdown(reports["slices"]))
    assert "**Worth:** -1.234 EUR per customer beside the champion, between -2.06 and -0.41" in text
    assert "**Weakest part:** region = north and plan = monthly" in text
    assert "Worth" not in markdown(reports["fail"])


LOWERED = {
    "id": "gate.yaml.alone",
    "kind": "change",
    "metric": "gate.yaml",
    "of": "value",
    "against": None,
    "rule": "alone",
    "limit": 0.0,
    "verdict": "PASS",
    "sentence": "gate.yaml asks for less: roc_auc.floor 0.85 -> 0.5, in a change of its own.",
    "estimate": None,
    "rows_needed": None,
    "golden": None,
}


@pytest.mark.parametrize("verdict", ["PASS", "FAIL"])
def test_a_bar_that_is_lowered_is_seen_by_whoever_approves_it_even_where_it_is_let_through(
    reports: dict[str, dict[str, Any]], verdict: str
) -> None:
    report = {**reports["pass"], "checks": [*reports["pass"]["checks"], {**LOWERED, "verdict": verdict}]}
    first = unfolded(markdown(report))
    assert "**Beside the model:** gate.yaml asks for less: roc_auc.floor 0.85 -> 0.5, in a change" in first
    assert rendered_lines(markdown(report)) <= 25
    assert "\n- gate.yaml asks for less: roc_auc.floor 0.85 -> 0.5, in a change" in plain(report)
    assert "Beside the model" not in markdown(reports["pass"])


def test_the_sentence_about_the_weakest_part_is_whole(reports: dict[str, dict[str, Any]]) -> None:
    weakest = reports["slices"]["worst_slice"] | {
        "sentence": "region = south, contract = monthly (1,139 rows, 264 positive): log_loss 0.3431, the champion's"
        " 0.2632; advantage -0.07987, from -0.09165 to -0.06808 with 95 % confidence each way. It is the weakest of"
        " 55 parts that were looked at, and decides nothing."
    }
    text = unfolded(markdown({**reports["slices"], "worst_slice": weakest}))
    assert "decides nothing." in text
    assert rendered_lines(text) <= 25


def test_both_golden_sets_are_seen_at_once_and_a_policy_that_is_tried_is_folded_and_unmarked(
    reports: dict[str, dict[str, Any]],
) -> None:
    text = markdown(reports["two_sets"])
    first = unfolded(text)
    assert "- ✅ PASS by the golden data of this change (5,539 rows).\n" in first
    assert "- ❌ FAIL by the golden data of the base (6,000 rows).\n" in first
    assert re.search(r"\| ❌ FAIL \| [^|]*, base's golden data \|", first)
    assert "would say" not in first
    tried = text.split("Not in force: what the gate.yaml of this change would say</summary>")[1].split(
        "</details>"
    )[0]
    assert "would say PASS" in tried
    assert "roc_auc.max_drop: PASS (asked: 0.02) by the gate.yaml that judges, not asked by that" in tried
    assert not re.search("[✅❌🟡⛔]", tried)


def test_what_is_done_without_a_model_is_on_the_first_screen(reports: dict[str, dict[str, Any]]) -> None:
    first = unfolded(markdown(reports["two_sets"]))
    assert (
        "**Without a model:** Nobody is called, or 200 customers chosen by chance. A constant guess: log loss"
        in first
    )
    assert "**Without a model:** A constant guess" in unfolded(markdown(reports["pass"]))


def test_every_check_model_and_digest_is_behind_a_fold(reports: dict[str, dict[str, Any]]) -> None:
    text = markdown(reports["fail"])
    folded = text[len(unfolded(text)) :]
    assert text.count("<details>") == text.count("</details>") == 4
    for check in reports["fail"]["checks"]:
        assert check["sentence"] in folded
    assert "| one_feature | 0.5886 |" in folded
    assert f"- golden_sha256: {reports['fail']['context']['golden_sha256']}" in folded
    assert text.endswith("</details>\n")


def test_every_table_has_as_many_cells_in_each_row_as_in_its_head(reports: dict[str, dict[str, Any]]) -> None:
    text = markdown(named(reports["fail"], "a|b\\|c\nd"))
    tables = [block for block in text.split("\n\n") if block.startswith("|")]
    assert len(tables) == 3
    for table in tables:
        assert len({line.count("|") for line in table.splitlines()}) == 1


def test_a_name_makes_no_tag_link_or_mention(reports: dict[str, dict[str, Any]]) -> None:
    text = markdown(named(reports["fail"], "<img src=x> [a](b) @team #12 *x* </details>"))
    assert "<img" not in text
    assert "[a]" not in text
    assert "@team" not in text
    assert "#12" not in text
    assert "&#60;img src=x>" in text
    assert "&#42;x&#42;" in text
    assert text.count("<details>") == text.count("</details>")


@pytest.mark.parametrize("name", ["x" * 300, "<" * 300, "😀" * 300, "\u202eevil" * 60])
def test_however_long_the_names_are_it_stays_below_what_a_comment_takes(
    reports: dict[str, dict[str, Any]], name: str
) -> None:
    huge = named(reports["many"], name)
    huge["checks"] = huge["checks"] * 25
    text = markdown(huge)
    assert len(text) <= MOST
    assert rendered_lines(text) <= 45  # names that fill lines by themselves are cut, not dropped
    left = re.findall(r"(\d+) more stand in report\.json\.", text)
    assert left
    assert text.count("<details>") == text.count("</details>")
    assert "\u202e" not in text


def test_the_same_report_gives_the_same_text(reports: dict[str, dict[str, Any]]) -> None:
    assert markdown(reports["slices"]) == markdown(examples()["slices"])
