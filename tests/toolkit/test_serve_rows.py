"""A row that is served is a row as the model was trained on, or it is refused by the name of its column."""

from __future__ import annotations

import json
import math
from datetime import date, datetime
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fearless.columns.dictionary import Dictionary, parse
from fearless.columns.frame import check_rows, typed
from fearless.core.errors import FearlessError
from fearless.serve.rows import REASONS, RowSchema, example_row

from .conftest import Tree, make_rows


def column(kind: str, **said: Any) -> dict[str, Any]:
    return {"type": kind, "description": f"A {kind} of the test", "known_at_prediction": "true", **said}


EVERY_KIND = parse(
    {
        "version": "1",
        "task": "regression",
        "target": "cost",
        "columns": {
            "name": column("string", missing="true"),
            "plan": column("category", levels=["basic", "plus", "1"]),
            "calls": column("integer", range=["0", "60"], missing="true"),
            "fee": column("number", range=["-1.5", ".inf"]),
            "loyal": column("boolean"),
            "day": column("date"),
            "at": column("datetime", missing="true"),
            "later": {
                **column("integer"),
                "known_at_prediction": "false",
                "reason": "it is counted afterwards",
            },
            "cost": {**column("number"), "known_at_prediction": "false"},
        },
    }
)
GOOD = {
    "name": "Ada",
    "plan": "plus",
    "calls": 3,
    "fee": 9.5,
    "loyal": True,
    "day": "2026-01-15",
    "at": "2026-01-15T08:30:00Z",
}


def refused(**changed: Any) -> list[tuple[str, str]]:
    values, complaints = RowSchema(EVERY_KIND).read([{**GOOD, **changed}])
    assert (values == []) == bool(complaints)
    return [(each.column, each.reason) for each in complaints]


def test_a_row_that_fits_is_read_in_the_types_of_its_columns() -> None:
    schema = RowSchema(EVERY_KIND)
    values, complaints = schema.read([GOOD, {**GOOD, "name": " Ada ", "calls": None, "fee": 3, "at": None}])
    assert complaints == []
    frame = schema.frame(values)
    assert frame.to_dicts()[0] == {
        **GOOD,
        "day": date(2026, 1, 15),
        "at": datetime(2026, 1, 15, 8, 30),
    }
    assert frame.to_dicts()[1]["name"] == "Ada"
    assert [str(kind) for kind in frame.dtypes] == [
        "String",
        "String",
        "Int64",
        "Float64",
        "Boolean",
        "Date",
        "Datetime(time_unit='us', time_zone=None)",
    ]


@pytest.mark.parametrize(
    ("changed", "column", "reason"),
    [
        ({"calls": 61}, "calls", "range"),
        ({"calls": -1}, "calls", "range"),
        ({"fee": -1.6}, "fee", "range"),
        ({"plan": "gold"}, "plan", "level"),
        ({"plan": "Plus"}, "plan", "level"),
        ({"plan": 1}, "plan", "type"),
        ({"plan": None}, "plan", "missing"),
        ({"plan": "  "}, "plan", "missing"),
        ({"fee": None}, "fee", "missing"),
        ({"calls": "3"}, "calls", "type"),
        ({"calls": 3.5}, "calls", "type"),
        ({"calls": True}, "calls", "type"),
        ({"calls": [3]}, "calls", "type"),
        ({"fee": "9.5"}, "fee", "type"),
        ({"fee": math.inf}, "fee", "type"),
        ({"fee": math.nan}, "fee", "type"),
        ({"fee": 10**400}, "fee", "type"),
        ({"loyal": 1}, "loyal", "type"),
        ({"loyal": "true"}, "loyal", "type"),
        ({"day": "2026-02-30"}, "day", "type"),
        ({"day": "20260115"}, "day", "type"),
        ({"day": "2026-01-15T00:00:00"}, "day", "type"),
        ({"day": 20260115}, "day", "type"),
        ({"at": "2026-01-15"}, "at", "type"),
        ({"at": "2026-01-15T08:00:00+02:00"}, "at", "type"),
        ({"at": "2026-01-15T25:00:00"}, "at", "type"),
        ({"name": 7}, "name", "type"),
        ({"later": 3}, "later", "not_known"),
        ({"cost": 3.0}, "cost", "not_known"),
        ({"plam": "plus"}, "plam", "unknown"),
    ],
)
def test_a_value_that_does_not_fit_is_refused_by_its_column(
    changed: dict[str, Any], column: str, reason: str
) -> None:
    assert refused(**changed) == [(column, reason)]
    assert reason in REASONS


def test_a_column_that_is_not_sent_is_refused_also_where_it_may_be_null() -> None:
    row = {name: value for name, value in GOOD.items() if name not in ("calls", "fee")}
    _, complaints = RowSchema(EVERY_KIND).read([row])
    assert [(each.column, each.reason) for each in complaints] == [("calls", "missing"), ("fee", "missing")]
    assert "send null where it is not known" in complaints[0].message
    assert "send null" not in complaints[1].message


def test_what_is_wrong_is_told_with_what_would_be_right() -> None:
    _, complaints = RowSchema(EVERY_KIND).read(
        [GOOD, {**GOOD, "cals": 3, "calls": 99, "plan": "gold", "later": 1}]
    )
    assert {each.row for each in complaints} == {1}
    assert [each.message for each in complaints] == [
        "columns.yaml describes no column `cals`. Did you mean `calls`?",
        "`later` is not known when a prediction is made: it is counted afterwards. Leave it out.",
        '`plan` is "gold", which is none of its levels: basic, plus, 1.',
        "`calls` is 99, outside its range 0 to 60.",
    ]


@pytest.mark.parametrize("row", [3, None, "text", [1]])
def test_a_row_that_is_no_object_is_refused(row: Any) -> None:
    _, complaints = RowSchema(EVERY_KIND).read([GOOD, row])
    assert [(each.row, each.reason) for each in complaints] == [(1, "row")]


def test_a_thousand_bad_rows_are_told_by_the_first_of_them() -> None:
    _, complaints = RowSchema(EVERY_KIND).read([{**GOOD, "calls": 99}] * 1000)
    assert len(complaints) == 20


TEXTS = st.sampled_from(
    [
        *("Ada", " Ada ", "", "plus", "basic ", "1", "3", "3.0", "nan", "null", "true", "yes", "0x10", "1e3"),
        *(
            "2026-01-15",
            "2026-1-5",
            "2026-01-15T08:30",
            "2026-01-15 08:30:00.25Z",
            "2026-01-15T08:30:00,5",
            "\u0661",
        ),
    ]
)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-100, 100),
    st.integers(2**52, 2**65),
    st.floats(allow_nan=False, width=32),
    TEXTS,
    st.text(max_size=5),
)


@given(st.sampled_from(list(GOOD)), SCALARS)
def test_what_the_service_takes_the_training_data_may_hold_with_the_same_value(name: str, value: Any) -> None:
    schema = RowSchema(EVERY_KIND)
    row = {**GOOD, name: value}
    values, complaints = schema.read([row])
    if complaints:
        return
    served = schema.frame(values)
    whole = pl.DataFrame({**{key: [each] for key, each in row.items()}, "later": [1], "cost": [1.0]})
    trained = typed(whole, EVERY_KIND, "the test")
    assert served.to_dicts()[0] == trained.select(served.columns).to_dicts()[0]
    assert served.schema == trained.select(served.columns).schema
    assert check_rows(trained, EVERY_KIND, "the test") == []


@given(st.sampled_from(list(GOOD)), SCALARS)
def test_what_the_training_data_must_not_hold_is_refused(name: str, value: Any) -> None:
    row = {**GOOD, name: value}
    whole = pl.DataFrame(
        {**{key: [each] for key, each in row.items()}, "later": [1], "cost": [1.0]}, strict=False
    )
    try:
        wrong = check_rows(typed(whole, EVERY_KIND, "the test"), EVERY_KIND, "the test")
    except FearlessError as error:
        wrong = [error.what]
    if wrong and whole[name][0] == value:  # polars may have made another value of it
        assert refused(**{name: value})


def test_rows_of_the_training_data_come_through_json_as_they_are(tree: Tree) -> None:
    rows = make_rows(50, calls=[None, *range(1, 50)])
    schema = RowSchema(tree.dictionary)
    sent = json.loads(json.dumps(rows.select(schema.names).to_dicts(), default=str))
    values, complaints = schema.read(sent)
    assert complaints == []
    expected = typed(rows, tree.dictionary, "the test").select(schema.names)
    assert schema.frame(values).equals(expected)


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"calls": column("integer", range=["-.inf", "-5"])},
        {"calls": column("integer", range=["7", "7"])},
        {"fee": column("number", range=["0.001", "0.002"])},
    ],
)
def test_the_example_fits_its_own_dictionary(changed: dict[str, Any]) -> None:
    plain = EVERY_KIND.model_dump()
    dictionary = Dictionary.model_validate({**plain, "columns": {**plain["columns"], **changed}})
    _, complaints = RowSchema(dictionary).read([json.loads(json.dumps(example_row(dictionary)))])
    assert complaints == []
