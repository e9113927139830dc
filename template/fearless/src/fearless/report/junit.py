"""The gate report as JUnit XML, for GitLab's merge requests and any CI that counts tests: one test case a check."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

from fearless.report.deciding import in_order
from fearless.report.visible import visible

SENTENCE = 2000


def junit(report: Mapping[str, Any]) -> str:
    """The plain content of report.json as one test suite, ending with a line feed.

    FAIL is a failure, ERROR an error; INCONCLUSIVE is skipped, and a failure where the mode counts it as one.
    A report without checks is one test case with an error: never an empty suite, which would read as passed.
    """
    counts_as_failure = report["exit_code"] == 3
    cases = [_case(check, counts_as_failure) for check in _named_apart(in_order(report["checks"]))]
    sets = [{**each, "kind": "golden", "id": f"golden.{each['name']}"} for each in report.get("sets") or []]
    cases = [*(_case(each, counts_as_failure) for each in sets), *cases]
    if not cases or report["errors"]:
        cases.insert(0, ("gate", "judged", "error", "ERROR", _why(report)))
    counts = {kind: sum(case[2] == kind for case in cases) for kind in ("failure", "error", "skipped")}
    numbers = f'tests="{len(cases)}" failures="{counts["failure"]}" errors="{counts["error"]}"'
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'<testsuites name="fearless gate" {numbers} time="0">',
        f'  <testsuite name="gate" {numbers} skipped="{counts["skipped"]}" time="0">',
        *(_xml(*case) for case in cases),
        "  </testsuite>",
        "</testsuites>",
    ]
    return "\n".join(lines) + "\n"


def _case(check: Mapping[str, Any], counts: bool) -> tuple[str, str, str, str, str]:
    """The class, the name, what became of it ("" for passed), the verdict and the sentence."""
    verdict = check["verdict"]
    undecided = "failure" if counts else "skipped"
    result = {"PASS": "", "FAIL": "failure", "INCONCLUSIVE": undecided}.get(verdict, "error")
    return f"gate.{check['kind']}", check["id"], result, verdict, check["sentence"]


def _named_apart(checks: list[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """GitLab shows the first of several cases of one name only, so each further one gets a number."""
    seen: dict[str, int] = {}
    found: list[Mapping[str, Any]] = []
    for check in checks:
        seen[check["id"]] = number = seen.get(check["id"], 0) + 1
        found.append(check if number == 1 else {**check, "id": f"{check['id']} ({number})"})
    return found


def _why(report: Mapping[str, Any]) -> str:
    return " ".join(report["errors"]) or report["summary"] or "Nothing was judged."


def _xml(classname: str, name: str, result: str, verdict: str, sentence: str) -> str:
    told = escape(visible(sentence, SENTENCE))
    case = f'    <testcase classname={_attribute(classname)} name={_attribute(name)} time="0">'
    if not result:
        return f"{case}<system-out>{told}</system-out></testcase>"
    kind = "" if result == "skipped" else f" type={_attribute(verdict)}"
    # GitLab shows the text of the element, others its message.
    return f'{case}<{result} message="{told}"{kind}>{told}</{result}></testcase>'


def _attribute(text: str) -> str:
    return f'"{escape(visible(text))}"'
