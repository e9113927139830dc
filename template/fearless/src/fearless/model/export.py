"""From the fitted estimator to ONNX, and the proof that both give the same scores."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fearless.core.atomic import write_bytes
from fearless.core.errors import FearlessError
from fearless.model.artifact import ONNX_FILE, Parity
from fearless.model.contract import Scorer

TOLERANCE = 1e-5
MOST_ROWS = 20_000


def export_onnx(estimator: Any, width: int, task: str, folder: Path) -> None:
    """Write `estimator` as model.onnx with one float32 input of (rows, width).

    Raises FearlessError, naming the step, for what has no faithful conversion. Native categories of gradient
    boosting convert without an error and then flip labels, so they are refused here.
    """
    _refuse_native_categories(estimator)
    _round_thresholds_down(estimator)
    from skl2onnx import convert_sklearn
    from skl2onnx.common.data_types import FloatTensorType

    options = {id(estimator): {"zipmap": False}} if task == "binary" else None
    try:
        converted = convert_sklearn(
            estimator,
            name="model",  # the default is a random one, and the same training must give the same bytes
            initial_types=[("x", FloatTensorType([None, width]))],
            options=options,
            target_opset=21,
        )
    except Exception as error:  # skl2onnx raises its own classes, and plain ones from inside converters
        step = _unconvertible(str(error), estimator)
        raise FearlessError(
            f"The estimator from model.py cannot be stored as ONNX: {step} has no conversion.",
            fix="Move that step into features.py, or take an estimator that converts (fearless/README.md names the way"
            " for your own format).",
        ) from None
    write_bytes(folder / ONNX_FILE, converted.SerializeToString())


def scores_of(estimator: Any, x: NDArray[np.float32], task: str) -> NDArray[np.float64]:
    """(rows,) float64 from the fitted estimator itself: probability of the positive class, or the number.

    An object with `score` and without `predict` (from the team's own format) gives its scores by that name.
    """
    name = type(estimator).__name__
    try:
        if hasattr(estimator, "score") and not hasattr(estimator, "predict"):
            return np.asarray(estimator.score(x), dtype=np.float64)
        if task == "regression":
            return np.asarray(estimator.predict(x), dtype=np.float64).reshape(len(x))
        both = np.asarray(estimator.predict_proba(x), dtype=np.float64)
    except Exception as error:  # whatever the estimator raises, its own message says it best
        said = " ".join(str(error).split())[:200]
        raise FearlessError(
            f"The {name} from model.py cannot score {len(x)} rows of golden data and extremes:"
            f" {type(error).__name__}: {said}",
            fix="It must take what data.x had in training, and missing values where the golden data has them.",
        ) from None
    if both.ndim != 2 or both.shape[1] != 2:
        raise FearlessError(
            f"The {name} from model.py gives probabilities of shape {both.shape}, not a column a class.",
            fix="Fit on data.y as it is given; the training rows need both values of the target.",
        )
    return both[:, 1]


def extremes(x: NDArray[np.float32]) -> NDArray[np.float32]:
    """Rows at the edges of `x`: the median row with one feature at a time at its ends, at zero, far out, missing.

    A missing value is tried only for a feature that has one in `x`: an estimator that never saw one may
    rightly refuse it.
    """
    with np.errstate(all="ignore"):
        empty = np.isnan(x).all(axis=0)
        # In float64, because the median of two large float32 numbers overflows.
        filled = np.where(empty, 0.0, x.astype(np.float64))
        middle = np.nanmedian(filled, axis=0).astype(np.float32)
        low, high = np.nanmin(filled, axis=0), np.nanmax(filled, axis=0)
    rows = [middle]
    for feature in range(x.shape[1]):
        reach = max(abs(float(low[feature])), abs(float(high[feature])), 1.0)
        far = min(10 * reach, float(np.finfo(np.float32).max))
        values = [float(low[feature]), float(high[feature]), 0.0, far, -far]
        if np.isnan(x[:, feature]).any():
            values.append(float("nan"))
        for value in values:
            row = middle.copy()
            row[feature] = value
            rows.append(row)
    return np.stack(rows)


def prove_parity(estimator: Any, stored: Scorer, x: NDArray[np.float32], task: str) -> Parity:
    """Hold the stored model against the fitted one on `x`; raises FearlessError where they differ.

    The difference is absolute for probabilities and relative to the score for numbers above 1, because a
    float32 output of 200 cannot be right to 1e-5. Within the tolerance no answer at 0.5 turns round but where the
    score itself is 0.5 to five digits.
    """
    fitted, loaded = scores_of(estimator, x, task), np.asarray(stored.score(x), dtype=np.float64)
    if loaded.shape != fitted.shape:
        raise FearlessError(f"The stored model returned shape {loaded.shape} for {len(x)} rows.")
    for name, scores in ((f"{type(estimator).__name__} from model.py", fitted), ("stored model", loaded)):
        if holes := int(np.isnan(scores).sum()):
            raise FearlessError(
                f"The {name} gives NaN on {holes} of {len(x)} rows.",
                fix="Each row needs a score: fit on data.x as it is given, and guard divisions and logarithms.",
            )
    scale = np.ones(len(x)) if task == "binary" else np.maximum(1.0, np.abs(fitted))
    difference = np.abs(fitted - loaded) / scale
    worst = float(difference.max(initial=0.0))
    apart = difference > TOLERANCE
    if not np.isfinite(worst) or worst > TOLERANCE:
        raise FearlessError(
            f"The stored model is not the fitted one: they differ by up to {worst:.2g} on {int(apart.sum()) or 'some'}"
            f" of {len(x)} rows (allowed: {TOLERANCE:g}).",
            fix="Fit on data.x as it is given (float32) and keep other transforms in features.py.",
        )
    return Parity(rows=len(x), worst_difference=worst)


def _round_thresholds_down(estimator: Any) -> None:
    """Make every threshold of histogram gradient boosting a float32, without changing one prediction.

    They are float64 midpoints, and the conversion rounds them to the nearest float32: upwards in half of the
    cases, so that a value just above the midpoint goes the other way (in a trial on decimals 734 of 20,000
    rows). For a float32 x, x <= t and x <= (the largest float32 up to t) are the same question.
    """
    for step in _steps(estimator):
        for trees in getattr(step, "_predictors", None) or []:
            for tree in trees:
                exact = tree.nodes["num_threshold"]
                near = exact.astype(np.float32)
                below = np.nextafter(near, np.float32(-np.inf))
                tree.nodes["num_threshold"] = np.where(near.astype(np.float64) > exact, below, near)


def _steps(estimator: Any) -> list[Any]:
    return [step for _, step in estimator.steps] if hasattr(estimator, "steps") else [estimator]


def _refuse_native_categories(estimator: Any) -> None:
    for step in _steps(estimator):
        marked = getattr(step, "is_categorical_", None)
        if marked is not None and np.any(marked):
            raise FearlessError(
                f"{type(step).__name__} was fitted with native categories, which flip predictions once stored as ONNX.",
                fix="Drop `categorical_features` and give features.py one column a level.",
            )


def _unconvertible(said: str, estimator: Any) -> str:
    """The class that skl2onnx names, as `<class 'package.Name'>` or plainly, else that of the whole estimator."""
    if "<class '" in said:
        return said.split("<class '", 1)[1].split("'")[0].rsplit(".", 1)[-1]
    names = [type(step).__name__ for step in _steps(estimator)]
    return next((name for name in names if name in said), type(estimator).__name__)
