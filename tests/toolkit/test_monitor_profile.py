"""The reference profile: what it counts, that equal training gives equal bytes, and what it does not keep."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as some
from sklearn.metrics import log_loss, roc_auc_score

from fearless.columns.dictionary import Dictionary, parse
from fearless.columns.frame import target_of
from fearless.core.errors import FearlessError
from fearless.monitor.profile import (
    CELLS,
    FILE,
    Profile,
    cells_of,
    counts_of,
    make_profile,
    profile_column,
    read_profile,
    save_profile,
)

from .conftest import Tree, make_rows


def made(tree: Tree, rows: int = 400) -> Profile:
    """A profile of 400 rows, with 200 golden rows whose scores are not bad."""
    train, golden = make_rows(rows), make_rows(200)
    y = target_of(golden, tree.dictionary)
    scores = np.clip(y * 0.5 + np.linspace(0.05, 0.45, 200), 0.01, 0.99)
    return make_profile(train, target_of(train, tree.dictionary), golden, y, scores, tree.dictionary)


def test_every_column_known_at_prediction_is_counted_and_no_other(tree: Tree) -> None:
    profile = made(tree)
    assert list(profile.columns) == ["customer", "day", "calls", "fee", "plan", "loyal"]
    kinds = {name: column.kind for name, column in profile.columns.items()}
    assert kinds == {
        "customer": "unique",
        "day": "unique",
        "calls": "number",
        "fee": "number",
        "plan": "level",
        "loyal": "level",
    }
    for column in profile.columns.values():
        assert sum(column.counts) + column.missing == profile.rows == 400
        assert len(column.edges) < CELLS


def test_a_column_of_numbers_is_cut_into_cells_of_equal_mass(tree: Tree) -> None:
    column = profile_column(pl.Series([float(each) for each in range(1000)]), "fee", tree.dictionary)
    assert column.counts == [50] * 20
    assert column.mean == pytest.approx(499.5)
    assert column.sd == pytest.approx(np.std(np.arange(1000.0)))


def test_a_number_with_few_values_has_a_cell_for_each(tree: Tree) -> None:
    values = pl.Series([0.0] * 900 + [1.0] * 60 + [2.0] * 40)
    column = profile_column(values, "fee", tree.dictionary)
    assert column.edges == [0.0, 1.0]
    assert column.counts == [900, 60, 40]


def test_levels_that_could_name_a_person_are_counted_among_the_others(tree: Tree) -> None:
    values = pl.Series(["basic"] * 50 + ["plus"] * 30 + ["the mayor's"] * 4 + [None])
    column = profile_column(values, "plan", tree.dictionary)
    assert column.levels == ["basic", "plus"]
    assert column.counts == [50, 30, 4]
    assert column.missing == 1


@given(
    some.lists(
        some.one_of(some.none(), some.floats(allow_nan=False, allow_infinity=False)), min_size=1, max_size=200
    )
)
def test_counting_the_same_numbers_again_gives_the_counts_of_the_profile(values: list[float | None]) -> None:
    series = pl.Series(values, dtype=pl.Float64)
    column = profile_column(series, "x", _one_column("number"))
    again = np.bincount(cells_of(series, column), minlength=len(column.counts) + 1)
    assert again.tolist() == counts_of(column).tolist()
    assert again.sum() == len(values)
    json.loads(column.model_dump_json(), parse_constant=pytest.fail)  # no infinity, which JSON does not know


@given(some.lists(some.one_of(some.none(), some.text(max_size=3)), min_size=1, max_size=200))
def test_counting_the_same_levels_again_gives_the_counts_of_the_profile(values: list[str | None]) -> None:
    series = pl.Series(values, dtype=pl.String)
    column = profile_column(series, "x", _one_column("category"))
    again = np.bincount(cells_of(series, column), minlength=len(column.counts) + 1)
    assert again.tolist() == counts_of(column).tolist()


def test_the_metrics_on_golden_data_are_those_of_scikit_learn(tree: Tree) -> None:
    profile = made(tree)
    golden = make_rows(200)
    y = target_of(golden, tree.dictionary)
    scores = np.clip(y * 0.5 + np.linspace(0.05, 0.45, 200), 0.01, 0.99)
    assert profile.golden.metrics["log_loss"].value == pytest.approx(log_loss(y, scores))
    assert profile.golden.metrics["roc_auc"].value == pytest.approx(roc_auc_score(y, scores))
    assert profile.golden.metrics["log_loss"].standard_error > 0
    nothing = log_loss(y, np.full(200, profile.target_mean))
    assert profile.golden.skills["log_loss"].value == pytest.approx(1 - log_loss(y, scores) / nothing)
    assert sum(profile.golden.scores.counts) == profile.golden.rows == 200


def test_equal_training_gives_equal_bytes_whatever_the_order_of_rows(tree: Tree, tmp_path: Path) -> None:
    train, golden = make_rows(400), make_rows(200)
    y = target_of(golden, tree.dictionary)
    for name, rows in (("a", train), ("b", train.sample(fraction=1.0, shuffle=True, seed=3))):
        target = target_of(rows, tree.dictionary)
        save_profile(
            tmp_path / name, make_profile(rows, target, golden, y, np.full(200, 0.3), tree.dictionary)
        )
    first, second = ((tmp_path / name / FILE).read_bytes() for name in ("a", "b"))
    assert first == second
    assert json.loads(first)["version"] == 1


def test_what_was_saved_is_read_back(tree: Tree, tmp_path: Path) -> None:
    profile = made(tree)
    save_profile(tmp_path, profile)
    assert read_profile(tmp_path, "models/candidate") == profile


def test_no_key_moment_or_name_of_a_row_is_kept(tree: Tree, tmp_path: Path) -> None:
    save_profile(tmp_path, made(tree))
    text = (tmp_path / FILE).read_text(encoding="utf-8")
    assert "c00001" not in text
    assert str(date(2024, 1, 2)) not in text


def test_a_golden_target_that_judges_nothing_leaves_the_metrics_out(tree: Tree) -> None:
    rows = make_rows(100)
    y = target_of(rows, tree.dictionary)
    for golden_target in (None, np.zeros(100)):
        profile = make_profile(rows, y, rows, golden_target, np.full(100, 0.2), tree.dictionary)
        assert profile.golden.metrics == {}
        assert profile.golden.rows == 100


def test_a_model_without_a_profile_is_told_to_train_again(tmp_path: Path) -> None:
    with pytest.raises(FearlessError, match=r"models/champion has no profile.json") as caught:
        read_profile(tmp_path, "models/champion")
    assert "Train again" in caught.value.fix


@pytest.mark.parametrize("text", ["", "{}", '{"version": 2}', "[1]", '{"version": 1, "rows": "many"}'])
def test_a_profile_that_cannot_be_read_is_told_in_one_line(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE).write_text(text, encoding="utf-8")
    with pytest.raises(FearlessError, match=r"models/candidate/profile.json") as caught:
        read_profile(tmp_path, "models/candidate")
    assert len(str(caught.value)) < 250


def _one_column(kind: str) -> Dictionary:
    return parse(
        {
            "version": "1",
            "task": "binary",
            "target": "y",
            "columns": {
                "x": {"type": kind, "description": "The only one", "known_at_prediction": "true"},
                "y": {"type": "boolean", "description": "What came", "known_at_prediction": "false"},
            },
        }
    )
