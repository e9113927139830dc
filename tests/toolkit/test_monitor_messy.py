"""The mess of a simulated season: the service refuses each fault by its name, and what drifts it answers."""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl
import pytest

from fearless.columns.dictionary import Dictionary
from fearless.core.errors import FearlessError
from fearless.monitor.messy import drifting, faults
from fearless.serve.rows import REASONS, RowSchema, example_row

from .conftest import Tree
from .test_serve_rows import EVERY_KIND
from .watched import drawn


def test_every_fault_is_refused_by_its_reason_and_its_column() -> None:
    schema, clean = RowSchema(EVERY_KIND), example_row(EVERY_KIND)
    planted = faults(EVERY_KIND)
    for fault in planted:
        _, complaints = schema.read([fault.planted(clean)])
        assert [(each.column, each.reason) for each in complaints] == [(fault.column, fault.reason)]
    assert schema.read([clean])[1] == []  # and without a fault it is answered
    assert {each.reason for each in planted} == {*REASONS} - {"row"}


def test_the_first_faults_show_each_reason(tree: Tree) -> None:
    assert {each.reason for each in faults(tree.dictionary)[:7]} == {*REASONS} - {"row"}


def test_the_lower_half_of_the_richest_number_is_gone_and_all_of_it_is_still_answered(tree: Tree) -> None:
    rows = drawn(400, 3)
    name, drifted = drifting(rows, tree.dictionary)
    assert name == "fee"
    assert drifted.min() >= rows["fee"].sort()[200]
    assert set(drifted) <= set(rows["fee"])
    above = rows["fee"] >= rows["fee"].sort()[200]
    assert drifted.filter(above).equals(rows["fee"].filter(above))
    sent = rows.with_columns(drifted).select(tree.dictionary.known).to_dicts()
    schema = RowSchema(tree.dictionary)
    assert schema.read([{**row, "day": row["day"].isoformat()} for row in sent])[1] == []


def test_missing_values_stay_missing(tree: Tree) -> None:
    fee = pl.Series("fee", [None if at % 5 == 0 else float(at) for at in range(100)])
    name, drifted = drifting(drawn(100, 3, fee=fee), tree.dictionary)
    assert (name, drifted.is_null().sum()) == ("fee", 20)


def test_where_no_number_can_drift_the_rarest_level_stands_everywhere(tree: Tree) -> None:
    rows = drawn(200, 3, fee=np.full(200, 40.0), calls=np.full(200, 1))
    rarest = rows["plan"].value_counts(sort=True)["plan"][-1]
    name, drifted = drifting(rows, tree.dictionary)
    assert (name, set(drifted)) == ("plan", {rarest})


def test_where_nothing_can_drift_that_is_said() -> None:
    plain = EVERY_KIND.model_dump(mode="json")
    kept = {name: each for name, each in plain["columns"].items() if each["type"] in ("string", "date")}
    target = {"type": "boolean", "description": "The target", "known_at_prediction": False}
    only = Dictionary.model_validate(
        {
            **plain,
            "target": "y",
            "positive": "",
            "key": [],
            "time": "",
            "group": "",
            "columns": {**kept, "y": target},
        }
    )
    rows = pl.DataFrame({name: [date(2026, 1, 1)] for name in only.columns})
    with pytest.raises(FearlessError, match="No column can drift"):
        drifting(rows, only)
