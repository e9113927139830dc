"""Guard: training is repeatable. A model that nobody can make again can neither be mended nor be compared."""

from __future__ import annotations

from fearless.golden.frozen import open_golden
from fearless.guard.finding import Finding
from fearless.model.artifact import open_model
from fearless.pipeline.rerun import TRAINING, Reruns, run

TOLERANCE = 1e-6
OTHER = {
    "PYTHONHASHSEED": "1",
    "OMP_NUM_THREADS": "2",
    "OPENBLAS_NUM_THREADS": "2",
    "MKL_NUM_THREADS": "2",
    "POLARS_MAX_THREADS": "1",
}


def repeatable(reruns: Reruns) -> tuple[list[Finding], str]:
    """Train twice, the second time with other threads and another hash seed; what was found, and what was seen.

    The predictions on the golden rows may differ by TOLERANCE of the largest of them.
    """
    import numpy as np

    plain = reruns.plain
    other = reruns.copy("other")
    run(other, TRAINING, OTHER)
    rows = open_golden(plain).rows
    first, second = (
        open_model(each.candidate, "models/candidate", each).score_rows(rows) for each in (plain, other)
    )
    reruns.drop(other)
    largest = float(np.abs(first).max(initial=0.0)) or 1.0
    difference = float(np.abs(first - second).max(initial=0.0)) / largest
    seen = f"{rows.height:,} golden predictions differ by at most {difference:.1e} of the largest"
    if difference <= TOLERANCE:
        return [], seen
    return [
        Finding(
            "Trained again on the same data, with another number of threads and another hash seed, the model is"
            f" another one: {seen} (allowed: {TOLERANCE:g}).",
            "Hand data.seed to everything random (`random_state=data.seed`), and sort what comes from a set, a"
            " group_by or a folder's listing.",
        )
    ], seen
