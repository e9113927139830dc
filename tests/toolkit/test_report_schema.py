"""report.schema.json: current, true of every report that the judge writes, and of what 0.1.0 wrote."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

import report_schema
from screenshots import examples

FIRST = json.loads((Path(__file__).parent / "reports" / "report-0.1.0.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def validator() -> Draft202012Validator:
    schema = json.loads(report_schema.FILE.read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def test_the_schema_is_what_the_types_of_the_toolkit_say() -> None:
    assert report_schema.FILE.read_text(encoding="utf-8") == report_schema.text(), (
        "python hooks/report_schema.py"
    )


def test_every_kind_of_report_fits_it(validator: Draft202012Validator) -> None:
    for name, report in examples().items():
        assert not list(validator.iter_errors(report)), name


def test_what_0_1_0_wrote_fits_it_and_so_does_a_report_with_keys_of_a_later_release(
    validator: Draft202012Validator,
) -> None:
    assert not list(validator.iter_errors(FIRST))
    assert not list(validator.iter_errors({**FIRST, "later": 1}))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda report: report.pop("verdict"),
        lambda report: report.pop("checks"),
        lambda report: report.update(verdict="MAYBE"),
        lambda report: report.update(schema=2),
        lambda report: report["checks"][0].update(limit="0.5"),
        lambda report: report["checks"][0]["estimate"].pop("lower"),
    ],
)
def test_a_spoiled_report_does_not(validator: Draft202012Validator, spoil: Any) -> None:
    report = json.loads(json.dumps(FIRST))
    spoil(report)
    assert list(validator.iter_errors(report))
