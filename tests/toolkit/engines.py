"""Rows to be judged by both engines, and what must hold of the two reports."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from fearless.gate.findings import Estimate, Report, Verdict
from fearless.gate.intervals import Array

RANKED = ("roc_auc", "average_precision")
BINARY = """\
version: 1
checks:
  - {metric: log_loss, min_skill: 0.05, max_skill_drop: 0.02}
  - {metric: roc_auc, min_skill: 0.2, floor: 0.6, max_drop: 0.01, max_skill_drop: 0.02}
  - {metric: average_precision, min_skill: 0.1, floor: 0.3, max_drop: 0.01, max_skill_drop: 0.03}
  - {metric: brier, ceiling: 0.25, max_rise: 0.01}
  - {metric: accuracy, min_skill: 0.01, max_drop: 0.01, max_skill_drop: 0.2}
  - {metric: mcc, min_skill: 0.01, max_drop: 0.05}
  - {metric: f1, threshold: 0.3, max_drop: 0.02}
  - {metric: value, floor: 0.01, max_drop: 0.5}
value: {currency: EUR, per: row, true_positive: 4, false_positive: -1, false_negative: -2, true_negative: 0.5}
calibration: {ece_max: 0.2}
slices: {by: [region, plan], min_rows: 60, min_positives: 10}
"""
REGRESSION = """\
version: 1
checks:
  - {metric: mse, min_skill: 0.05, max_rise: 0.5}
  - {metric: mae, max_rise: 0.2}
  - {metric: rmse, max_rise: 0.2}
  - {metric: r2, floor: 0.3, max_drop: 0.05, max_skill_drop: 0.05}
  - {metric: value, max_drop: 0.5}
value: {currency: EUR, per: row, per_unit_error: -2}
slices: {by: [region, plan], min_rows: 60}
"""
CLASSES = """\
version: 1
checks:
  - {metric: log_loss, min_skill: 0.05, max_rise: 0.1}
  - {metric: brier, max_rise: 0.1}
  - {metric: accuracy, floor: 0.3, max_drop: 0.05}
slices: {by: [region], min_rows: 60}
"""
KINDS = ["smooth", "rounded", "tiny", "near one", "two values", "same", "constant", "sorted"]


def binary(rows: int, seed: int, kind: str, champion: bool = True) -> pl.DataFrame:
    draw = np.random.default_rng(seed)
    signal = draw.normal(size=rows) * 1.5
    y = draw.random(rows) < 1 / (1 + np.exp(1 - signal))
    y[:4] = [True, True, False, False]

    def scores(noise: float) -> Array:
        found: Array = 1 / (1 + np.exp(1 - signal - noise * draw.normal(size=rows)))
        return found

    models = {"candidate": scores(0.5), "champion": scores(0.6)}
    if kind == "rounded":
        models = {name: np.asarray(np.round(each, 2)) for name, each in models.items()}
    elif kind == "tiny":
        models = {name: each * 1e-9 for name, each in models.items()}
    elif kind == "near one":
        models = {name: 1 - each * 1e-12 for name, each in models.items()}
    elif kind == "two values":
        models = {name: (each > 0.3).astype(np.float64) for name, each in models.items()}
    elif kind == "same":
        models["champion"] = models["candidate"]
    elif kind == "constant":
        models["candidate"] = np.full(rows, 0.25)
    frame = pl.DataFrame(
        {
            "y_true": y.astype(int),
            **models,
            "region": np.array(["north", "south", "east"])[draw.integers(0, 3, rows)],
            "plan": pl.Series([None, "plus", "pro"])[draw.integers(0, 3, rows).tolist()],
        }
    )
    if kind == "sorted":
        frame = frame.sort("candidate")
    return frame if champion else frame.drop("champion")


def regression(rows: int, seed: int, centre: float) -> pl.DataFrame:
    draw = np.random.default_rng(seed)
    y = draw.normal(size=rows) * 2 + centre
    return pl.DataFrame(
        {
            "y_true": y,
            "candidate": y + draw.normal(size=rows),
            "champion": y + draw.normal(size=rows),
            "region": np.array(["north", "south", "east"])[draw.integers(0, 3, rows)],
            "plan": np.array(["basic", "plus"])[draw.integers(0, 2, rows)],
        }
    )


def classes(rows: int, seed: int) -> pl.DataFrame:
    draw = np.random.default_rng(seed)
    truth = draw.integers(0, 3, rows)
    shares = np.exp(draw.normal(size=(2, rows, 3)) + 1.5 * np.eye(3)[truth])
    shares /= shares.sum(axis=2, keepdims=True)
    names = ["red", "green", "blue"]
    columns = {
        f"{model}_{name}": shares[which][:, at]
        for which, model in enumerate(("candidate", "champion"))
        for at, name in enumerate(names)
    }
    region = np.array(["north", "south", "east"])[draw.integers(0, 3, rows)]
    return pl.DataFrame({"y_true": [names[at] for at in truth], **columns, "region": region})


def hold(exact: Report, streamed: Report, slack: float = 1e-9) -> None:
    """Figures but those of ranks are the same; those of ranks have bounds around the exact ones; never the opposite."""
    assert (exact.errors, streamed.errors) == ([], [])
    assert exact.golden == streamed.golden
    assert [each.id for each in exact.checks] == [each.id for each in streamed.checks]
    for one, other in zip(exact.checks, streamed.checks, strict=True):
        assert other.verdict in (one.verdict, Verdict.INCONCLUSIVE), (one, other)
        if one.metric not in RANKED:
            assert (one.verdict, one.kind, one.limit) == (other.verdict, other.kind, other.limit)
            if one.kind != "slice":
                same(one.estimate, other.estimate, slack)
        elif one.kind != "slice":
            around(one.estimate, other.estimate)
    for model, too in zip(exact.models, streamed.models, strict=True):
        assert (model.name, model.role, model.metrics.keys()) == (too.name, too.role, too.metrics.keys())
        same(model.skill, too.skill, slack)
        for name, estimate in model.metrics.items():
            (around if name in RANKED else lambda a, b: same(a, b, slack))(estimate, too.metrics[name])
    assert [(each.by, each.level, each.metric) for each in exact.slices] == [
        (each.by, each.level, each.metric) for each in streamed.slices
    ]
    for part, again in zip(exact.slices, streamed.slices, strict=True):
        assert (part.rows, part.positives) == (again.rows, again.positives)
        assert again.verdict in (part.verdict, Verdict.INCONCLUSIVE)
        for one_, other_ in (
            (part.candidate, again.candidate),
            (part.champion, again.champion),
            (part.difference, again.difference),
        ):
            (around if part.metric in RANKED else lambda a, b: same(a, b, slack))(one_, other_)
    if exact.worst_slice is not None and streamed.worst_slice is not None:
        assert (exact.worst_slice.by, exact.worst_slice.level) == (
            streamed.worst_slice.by,
            streamed.worst_slice.level,
        )
    if exact.value is not None and streamed.value is not None:
        same(exact.value.candidate, streamed.value.candidate, slack)
        same(exact.value.difference, streamed.value.difference, slack)


def same(one: Estimate | None, other: Estimate | None, slack: float) -> None:
    assert (one is None) == (other is None)
    if one is not None and other is not None:
        for name in ("value", "lower", "upper", "standard_error"):
            assert getattr(other, name) == pytest.approx(getattr(one, name), rel=slack, abs=slack), name


def around(one: Estimate | None, other: Estimate | None) -> None:
    """The bounds of the streaming engine lie around those of the exact one, and not far away."""
    assert (one is None) == (other is None)
    if one is not None and other is not None:
        assert other.lower <= one.lower + 1e-9
        assert other.upper >= one.upper - 1e-9
