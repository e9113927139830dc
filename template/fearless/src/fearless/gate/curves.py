"""What the report draws of each model: ROC and reliability curves, distributions of scores and residuals.

Pictures decide nothing, so they may be rounded: rows are counted into fine bins once, and every curve is read
off those counts. That costs a few passes over the rows and no sort.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
FINE = 16_000  # fine bins, a multiple of BARS; a ROC curve is straight within one of them
POINTS = 100  # of a ROC curve
GROUPS = 10  # of a reliability curve, each with about as many rows
BARS = 20  # of a distribution
SAMPLE = 20_000  # rows that say where predictions without bounds lie
DRAWN = 200_000  # rows whose residuals are counted
TAIL = 0.005  # their share on each side that is drawn in the outermost bar


def curves(task: str, y: Array, models: dict[str, Array]) -> dict[str, Any]:
    """The curves of each model, by their kind; empty for a task that has none.

    `y` and each array of `models` are (n,): for `binary` 0/1 and probabilities of 1, for `regression` both in
    the target's unit; finite, n > 0. Gives for `binary`:

    - `roc`: by model [[share of negatives at or above a threshold, share of positives], ...] from (0, 0) to (1, 1);
    - `reliability`: by model [[mean score, share of positives, rows], ...] in groups of about as many rows;
    - `scores`: `edges` of the bars, and by model the rows in each bar, `negative` and `positive`;

    and for `regression`:

    - `reliability`: by model [[mean prediction, mean of the target, rows], ...];
    - `residuals`: `edges`, and by model the `rows` in each bar of prediction - target, of at most 2 DRAWN evenly
      taken rows; the outermost bars hold what lies beyond them too.
    """
    drawn = Curves.of(task, y, models)
    if drawn is None:
        return {}
    drawn.add(y, models)
    return drawn.drawn()


class Curves:
    """The curves of each model, of rows that come block by block; `some` of them say where the axes end."""

    def __init__(self, task: str, y: Array, some: dict[str, Array]) -> None:
        self._task = task
        low, high = 0.0, 1.0
        if task == "regression":
            low, high = _range(np.concatenate([_some(scores, SAMPLE) for scores in some.values()]))
            self._residuals = _residuals(y, some)
        self._counted = {name: _Counted(low, high) for name in some}

    @classmethod
    def of(cls, task: str, y: Array, some: dict[str, Array]) -> Curves | None:
        """None for a task that has no curves."""
        return cls(task, y, some) if task in ("binary", "regression") else None

    def add(self, y: Array, scores: Mapping[str, Array]) -> None:
        """Count (n,) more rows."""
        for name, counted in self._counted.items():
            counted.add(scores[name], y)

    def drawn(self) -> dict[str, Any]:
        """What `curves` gives."""
        reliability = {name: each.reliability() for name, each in self._counted.items()}
        if self._task == "regression":
            return {"reliability": reliability, "residuals": self._residuals}
        return {
            "roc": {name: each.roc() for name, each in self._counted.items()},
            "reliability": reliability,
            "scores": {
                "edges": _rounded(np.linspace(0.0, 1.0, BARS + 1)),
                **{name: each.scores() for name, each in self._counted.items()},
            },
        }


class _Counted:
    """Rows counted into FINE bins of their score: how many, and the sums of the scores and of y."""

    def __init__(self, low: float, high: float) -> None:
        self.low, self.high = low, high
        self.rows = np.zeros(FINE, dtype=np.intp)
        self.score_sum, self.y_sum = np.zeros(FINE), np.zeros(FINE)

    def add(self, scores: Array, y: Array) -> None:
        codes = _codes(scores, self.low, self.high, FINE)
        self.rows += np.bincount(codes, minlength=FINE)
        self.score_sum += np.bincount(codes, scores, FINE)
        self.y_sum += np.bincount(codes, y, FINE)

    def roc(self) -> list[list[float]]:
        positives = np.concatenate(([0.0], np.cumsum(self.y_sum[::-1])))
        negatives = np.concatenate(([0.0], np.cumsum((self.rows - self.y_sum)[::-1])))
        x, up = negatives / max(negatives[-1], 1.0), positives / max(positives[-1], 1.0)
        # Points at equal steps of the way along the curve, so that a steep part has as many as a flat one.
        kept = np.searchsorted(x + up, np.linspace(0.0, x[-1] + up[-1], POINTS))
        kept = kept[np.diff(kept, prepend=-1) > 0]
        return [[round(float(a), 4), round(float(b), 4)] for a, b in zip(x[kept], up[kept], strict=True)]

    def reliability(self) -> list[list[float]]:
        reached = np.cumsum(self.rows)
        ends = np.searchsorted(reached, reached[-1] * np.arange(1, GROUPS + 1) / GROUPS) + 1
        starts = np.concatenate(([0], ends[:-1]))
        found: list[list[float]] = []
        for start, end in zip(starts, ends, strict=True):
            rows = int(self.rows[start:end].sum())
            if rows:  # a score that many rows share fills several groups by itself
                means = self.score_sum[start:end].sum() / rows, self.y_sum[start:end].sum() / rows
                found.append([*_rounded(np.array(means)), rows])
        return found

    def scores(self) -> dict[str, list[int]]:
        positive = _bars(self.y_sum)
        return {"negative": (_bars(self.rows) - positive).tolist(), "positive": positive.tolist()}


def _residuals(y: Array, models: dict[str, Array]) -> dict[str, Any]:
    residuals = {name: _some(scores, DRAWN) - _some(y, DRAWN) for name, scores in models.items()}
    low, high = _range(np.concatenate([_some(each, SAMPLE) for each in residuals.values()]))
    return {
        "edges": _rounded(np.linspace(low, high, BARS + 1)),
        **{
            name: {"rows": np.bincount(_codes(each, low, high, BARS), minlength=BARS).tolist()}
            for name, each in residuals.items()
        },
    }


def _codes(values: Array, low: float, high: float, bins: int) -> NDArray[np.intp]:
    scaled = (values - low) * (bins / (high - low))
    np.clip(scaled, 0.0, bins - 1.0, out=scaled)
    return scaled.astype(np.intp)


def _bars(fine: NDArray[Any]) -> NDArray[np.int64]:
    starts = np.arange(0, FINE, FINE // BARS)
    return np.rint(np.add.reduceat(fine, starts)).astype(np.int64)


def _some(values: Array, rows: int) -> Array:
    return values[:: max(len(values) // rows, 1)]


def _range(values: Array) -> tuple[float, float]:
    low, high = (float(end) for end in np.quantile(values, (TAIL, 1.0 - TAIL)))
    if high > low:
        return low, high
    return low - max(abs(low), 1.0) / 2, high + max(abs(high), 1.0) / 2


def _rounded(values: Array) -> list[float]:
    return [float(f"{value:.5g}") for value in values]
