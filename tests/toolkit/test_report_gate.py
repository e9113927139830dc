"""The gate report on a terminal and in a pipe: the verdict, what decided, what to do next."""

from __future__ import annotations

import io
import json
import re
from typing import Any

import numpy as np
import pytest

from fearless.gate.policy import parse
from fearless.gate.verdict import judge, not_judged
from fearless.report.text import plain, show


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def content(name: str = "tenure", floor: float = 0.05, champion: bool = False) -> dict[str, Any]:
    """The content of report.json for a sound model; a floor of 0.9 makes it fail."""
    draw = np.random.default_rng(0)
    chance = draw.random(800)
    y = (draw.random(800) < chance).astype(np.float64)
    checks = [
        {"metric": "log_loss", "min_skill": floor, "max_skill_drop": 0.02},
        {"metric": "roc_auc", "floor": 0.6},
    ]
    report = judge(
        parse({"version": 1, "checks": checks}),
        "binary",
        y,
        chance,
        chance * 0.9 + 0.05 if champion else None,
        {
            "constant": np.full(800, 0.5),
            "one_feature": 0.3 * chance + 0.35,
            "linear": 0.5 * chance + 0.25,
        },
        descriptions={"one_feature": f"looks at {name} alone"},
        context={"toolkit": "0.1.0", "candidate": "ab" * 32},
    )
    loaded: dict[str, Any] = json.loads(report.to_json())
    return loaded


def unjudged() -> dict[str, Any]:
    return not_judged(["Golden data is empty.", "And the policy is odd."], "binary", "release").to_dict()


def on_terminal(report: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("COLUMNS", "120")
    stream = Terminal()
    show(report, stream)
    return re.sub(r"\x1b\[[0-9;]*m", "", stream.getvalue())  # without its colours


def test_the_verdict_stands_in_the_first_line() -> None:
    assert plain(content()).startswith(
        "PASS: The candidate passes all 5 checks on 800 golden rows; there is no"
    )
    assert plain(content(floor=0.9)).startswith(
        "FAIL: The candidate fails 1 of 5 checks on 800 golden rows: log_"
    )
    assert plain(unjudged()).startswith("ERROR: The candidate was not judged: Golden data is empty.")


def test_what_failed_comes_before_what_passed_and_in_a_sentence() -> None:
    text = plain(content(floor=0.9))
    assert text.index("FAIL     log_loss skill") < text.index("PASS     roc_auc")
    assert "- log_loss skill is" in text
    assert "it must be at least 0.9." in text


def test_the_models_stand_side_by_side_from_the_best_to_the_worst() -> None:
    lines = plain(content(champion=True)).splitlines()
    table = lines[next(at for at, line in enumerate(lines) if line.startswith("model ")) + 2 :]
    assert [line.split()[0] for line in table[:5]] == [
        "candidate",
        "champion",
        "linear",
        "one_feature",
        "constant",
    ]
    assert "looks at tenure alone" in table[3]


def test_what_is_done_without_a_model_stands_beside_it_with_and_without_the_team_s_words(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    report = content()
    constant, candidate = (
        next(each for each in report["models"] if each["name"] == name)["metrics"]["log_loss"]["value"]
        for name in ("constant", "candidate")
    )
    figures = (
        f"A constant guess: log loss {constant:.4g}, with this model {candidate:.4g}; ROC AUC 0.5, with this"
    )
    assert f"Without a model: {figures}" in plain(report)
    words = {**report, "do_nothing": "Nobody is called"}
    assert f"Without a model: Nobody is called. {figures}" in plain(words)
    assert "Nobody is called. A constant guess" in on_terminal(words, monkeypatch)
    assert "Without a model" not in plain(unjudged())


def test_two_golden_sets_and_a_policy_that_is_tried_are_told_and_not_mixed_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    trial = {"verdict": "FAIL", "sentence": "It would say FAIL.", "differs": ["roc_auc.floor: PASS, FAIL."]}
    sets = [
        {"name": "base", "verdict": "PASS", "rows": 9, "sentence": "PASS by the golden data of the base."}
    ]
    report = {**content(), "trial": trial, "sets": sets}
    for text in (plain(report), on_terminal(report, monkeypatch)):
        assert text.lstrip().startswith("PASS")
        assert "PASS by the golden data of the base." in text
        assert "Not in force: It would say FAIL." in text
        assert "  roc_auc.floor: PASS, FAIL." in text


def test_it_ends_with_what_to_do_next() -> None:
    assert plain(content()).splitlines()[-1] == "Next: The candidate may be merged."
    assert "pull request of its own" in plain(content(floor=0.9)).splitlines()[-1]
    assert "- And the policy is odd." in plain(unjudged())


def test_a_pipe_gets_plain_text_without_colour_codes() -> None:
    stream = io.StringIO()
    show(content(), stream)
    assert stream.getvalue() == plain(content())
    assert plain(content()).isascii()
    assert "\x1b" not in plain(content())


def test_a_pipe_that_does_not_know_a_letter_gets_a_question_mark() -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="cp1252", newline="\n")
    show(content(name="日"), stream)
    stream.flush()
    assert b"looks at ? alone" in raw.getvalue()


def test_where_standard_output_is_closed_nothing_is_printed_and_nothing_fails(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sys.stdout", None)
    show(content())


def test_a_terminal_gets_the_same_facts_in_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    report = content(floor=0.9)
    text = on_terminal(report, monkeypatch)
    assert text.lstrip().startswith("FAIL")
    for word in ("What decided", "The models", "one_feature", "Next: Improve features.py", *report["notes"]):
        assert word in text
    assert "Golden data is empty." in on_terminal(unjudged(), monkeypatch)


def test_a_name_that_looks_like_markup_is_shown_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "looks at [red]x[/nope] alone" in on_terminal(content(name="[red]x[/nope]"), monkeypatch)


@pytest.mark.parametrize("shown", ["pipe", "terminal"])
def test_a_name_from_somebodys_data_commands_neither_the_terminal_nor_the_ci_system(
    shown: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = content(floor=0.9)
    hostile = "a\x1b[2J\x9b31m\u202eb\n::stop-commands::x ##[add-mask]PASS"
    for check in report["checks"]:
        check["sentence"] += hostile
    report["models"][0]["description"] = report["notes"][0] = "::error::x" + hostile
    report["summary"] += hostile
    said = plain(report) if shown == "pipe" else on_terminal(report, monkeypatch)
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", said)
    assert "##[" not in said
    if shown == "pipe":  # what a CI system reads is no terminal, and not wrapped
        assert not [line for line in said.splitlines() if line.lstrip().startswith("::")]
    assert "[U+001B][2J" in said.replace("\n", "")


def test_a_kind_of_check_from_a_later_toolkit_is_shown_too() -> None:
    report = content()
    later = {
        **report["checks"][0],
        "kind": "budget",
        "rule": "later_rule",
        "estimate": None,
        "slice": "region=north",
    }
    assert "later_rule" in plain({**report, "checks": [later]})
