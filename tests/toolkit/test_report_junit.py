"""junit.xml: parsed by a real parser, held against what CI systems read, never an empty suite."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree  # our own output

import pytest

from fearless.report.junit import junit
from screenshots import examples

# The elements and attributes that Jenkins' schema for JUnit knows; GitLab and GitHub read a part of them.
KNOWN = {
    "testsuites": ({"name", "time", "tests", "failures", "errors"}, {"testsuite"}),
    "testsuite": ({"name", "time", "tests", "failures", "errors", "skipped"}, {"testcase"}),
    "testcase": ({"name", "time", "classname"}, {"failure", "error", "skipped", "system-out"}),
    "failure": ({"message", "type"}, set()),
    "error": ({"message", "type"}, set()),
    "skipped": ({"message", "type"}, set()),
    "system-out": (set(), set()),
}


def parsed(report: dict[str, Any]) -> ElementTree.Element:
    root = ElementTree.fromstring(junit(report).encode("utf-8"))  # noqa: S314
    for element in root.iter():
        attributes, children = KNOWN[element.tag]
        assert set(element.attrib) <= attributes
        assert {child.tag for child in element} <= children
    for suite in root.iter("testsuite"):
        assert int(suite.attrib["tests"]) == len(suite.findall("testcase")) > 0
        for kind, counted in (("failure", "failures"), ("error", "errors"), ("skipped", "skipped")):
            assert int(suite.attrib[counted]) == len(suite.findall(f"testcase/{kind}"))
    return root


@pytest.fixture(scope="module")
def reports() -> dict[str, dict[str, Any]]:
    return examples()


def test_each_check_is_one_case_with_its_id_kind_and_sentence(reports: dict[str, dict[str, Any]]) -> None:
    report = reports["fail"]
    cases = {case.attrib["name"]: case for case in parsed(report).iter("testcase")}
    assert set(cases) == {check["id"] for check in report["checks"]}
    for check in report["checks"]:
        case = cases[check["id"]]
        assert case.attrib["classname"] == f"gate.{check['kind']}"
        assert case[0].text == check["sentence"]
        assert (
            case[0].tag
            == {"PASS": "system-out", "FAIL": "failure", "INCONCLUSIVE": "skipped"}[check["verdict"]]
        )


def test_each_golden_set_is_a_case_and_a_policy_that_is_tried_is_none(
    reports: dict[str, dict[str, Any]],
) -> None:
    report = reports["two_sets"]
    root = parsed(report)
    cases = {case.attrib["name"]: case for case in root.iter("testcase")}
    assert set(cases) == {"golden.change", "golden.base", *(check["id"] for check in report["checks"])}
    assert cases["golden.change"][0].tag == "system-out"
    assert cases["golden.base"][0].tag == "failure"
    assert cases["base_golden.roc_auc.floor"][0].tag == "failure"
    assert "would say" not in junit(report)


def test_what_is_open_is_skipped_where_it_warns_and_a_failure_where_it_counts_as_one(
    reports: dict[str, dict[str, Any]],
) -> None:
    opened = reports["inconclusive"]
    assert opened["exit_code"] == 3
    assert not parsed(opened).findall(".//skipped")
    assert {each.attrib["type"] for each in parsed(opened).iter("failure")} == {"INCONCLUSIVE"}
    warned = parsed({**opened, "exit_code": 0})
    assert not warned.findall(".//failure")
    assert len(warned.findall(".//skipped")) == 5


def test_what_was_not_judged_is_a_case_with_an_error(reports: dict[str, dict[str, Any]]) -> None:
    (error,) = parsed(reports["error"]).iter("error")
    assert error.text == "models/champion is missing. -> Bring it with `uv run dvc pull`."


def test_no_checks_are_an_error_even_if_the_report_says_pass(reports: dict[str, dict[str, Any]]) -> None:
    empty = {**reports["pass"], "checks": []}
    assert len(parsed(empty).findall(".//error")) == 1


def test_characters_that_xml_forbids_are_named_instead(reports: dict[str, dict[str, Any]]) -> None:
    nasty = "]]> <b>\"'&\x00\x0b\x1b[31m \ud800 \uffff \u202e 😀"
    check = {**reports["fail"]["checks"][0], "id": nasty, "sentence": nasty, "kind": nasty}
    (case,) = parsed({**reports["fail"], "checks": [check]}).iter("testcase")
    assert case.attrib["name"].startswith("]]> <b>\"'&[U+0000]")
    assert case[0].text is not None
    assert case[0].text.endswith("[U+D800] [U+FFFF] [U+202E] 😀")


def test_cases_of_one_name_are_told_apart(reports: dict[str, dict[str, Any]]) -> None:
    check = reports["fail"]["checks"][0]
    names = [
        case.attrib["name"] for case in parsed({**reports["fail"], "checks": [check] * 3}).iter("testcase")
    ]
    assert names == [check["id"], f"{check['id']} (2)", f"{check['id']} (3)"]
