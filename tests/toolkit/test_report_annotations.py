"""Workflow commands for GitHub: failed checks only, at most ten, and no text that ends or forges a command."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import unquote

import pytest

from fearless.report.annotations import MOST, error_lines
from screenshots import examples


@pytest.fixture(scope="module")
def reports() -> dict[str, dict[str, Any]]:
    return examples()


def read(line: str) -> tuple[dict[str, str], str]:
    """A command as GitHub's runner reads it: properties and message."""
    found = re.fullmatch(r"::error (.*?)::(.*)", line)
    assert found, line
    properties = dict(part.split("=", 1) for part in found[1].split(","))
    return {name: unquote(value) for name, value in properties.items()}, unquote(found[2])


def test_each_failed_check_is_one_error_at_gate_yaml_with_its_sentence(
    reports: dict[str, dict[str, Any]],
) -> None:
    report = reports["fail"]
    told = [read(line) for line in error_lines(report)]
    failed = {check["sentence"] for check in report["checks"] if check["verdict"] == "FAIL"}
    assert {message for _, message in told} == failed
    assert {properties["file"] for properties, _ in told} == {"gate.yaml"}
    assert all(properties["title"].startswith("Gate: ") for properties, _ in told)


def test_a_pass_and_an_open_check_that_only_warns_say_nothing(reports: dict[str, dict[str, Any]]) -> None:
    assert error_lines(reports["pass"]) == []
    assert error_lines({**reports["inconclusive"], "exit_code": 0}) == []
    assert len(error_lines(reports["inconclusive"])) == 5


def test_both_golden_sets_are_told_where_one_fails_and_a_policy_that_is_tried_never_is(
    reports: dict[str, dict[str, Any]],
) -> None:
    told = [read(line) for line in error_lines(reports["two_sets"])]
    assert told[0][1] == (
        "PASS by the golden data of this change (5,539 rows). FAIL by the golden data of the base (6,000 rows)."
    )
    assert all(message.startswith("On the base's golden data: ") for _, message in told[1:])
    assert not any("would say" in message for _, message in told)


def test_what_was_not_judged_says_why(reports: dict[str, dict[str, Any]]) -> None:
    ((_, message),) = [read(line) for line in error_lines(reports["error"])]
    assert message == "models/champion is missing. -> Bring it with `uv run dvc pull`."


def test_there_are_never_more_than_github_shows_and_the_last_counts_the_rest(
    reports: dict[str, dict[str, Any]],
) -> None:
    lines = error_lines(reports["many"])
    assert len(lines) == MOST
    assert "13 more checks failed" in lines[-1]


def test_a_name_can_neither_end_the_command_nor_start_another(reports: dict[str, dict[str, Any]]) -> None:
    nasty = "50% a,b:c\r\n::warning file=x::y"
    check = {
        **reports["fail"]["checks"][0],
        "verdict": "FAIL",
        "kind": "later",
        "rule": "later",
        "id": nasty,
        "sentence": nasty,
    }
    (line,) = error_lines({**reports["fail"], "checks": [check]}, "some, dir/gate.yaml")
    assert "\n" not in line
    assert "\r" not in line
    properties, message = read(line)
    assert properties["file"] == "some, dir/gate.yaml"
    assert "file=odd%0Aname,title" in error_lines(reports["fail"], "odd\nname")[0]
    assert properties["title"] == "Gate: 50% a,b:c ::warning file=x::y"
    assert message == "50% a,b:c ::warning file=x::y"
