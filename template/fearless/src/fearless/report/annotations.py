"""Failed checks as GitHub's workflow commands, which it shows beside the lines of a pull request."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fearless.report.deciding import in_order
from fearless.report.visible import visible
from fearless.report.words import title

MOST = 10  # GitHub shows no more errors of one step
SENTENCE = 1000


def error_lines(report: Mapping[str, Any], file: str = "gate.yaml") -> list[str]:
    """A line `::error ...` for each check that makes the command fail, at most ten; none for a pass.

    `file` is where the numbers stand, relative to the root of the git repository. A report without a
    judgement gives one line with its causes.
    """
    counted = ("FAIL", "ERROR", "INCONCLUSIVE") if report["exit_code"] == 3 else ("FAIL", "ERROR")
    found = [("Gate: not judged", " ".join(report["errors"]))] if report["errors"] else []
    sets = report.get("sets") or []
    if any(each["verdict"] in counted for each in sets):
        found.append(
            ("Gate: golden data of the change and of the base", " ".join(each["sentence"] for each in sets))
        )
    for check in in_order(report["checks"]):
        if check["verdict"] in counted:
            found.append((f"Gate: {title(check)}", check["sentence"]))
    if len(found) > MOST:
        left = len(found) - MOST + 1
        found = [*found[: MOST - 1], ("Gate", f"{left} more checks failed; the report lists them.")]
    return [
        f"::error file={_property(file)},title={_property(visible(name, 200))}::{_data(visible(text, SENTENCE))}"
        for name, text in found
    ]


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
