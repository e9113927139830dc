"""Stage evaluate: the candidate's metrics on the golden data, for `dvc metrics diff` and `dvc exp show`."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from fearless.columns.dictionary import load
from fearless.columns.frame import target_of
from fearless.core.atomic import replaced_folder, write_text
from fearless.core.project import Project
from fearless.gate.metrics import METRICS
from fearless.golden.frozen import open_golden
from fearless.model.artifact import open_model

CONFIDENCE = 0.95
SHOWN = 4


def evaluate(project: Project) -> str:
    """Write ops/reports/metrics.json and return the primary numbers as a line.

    Each metric has its value and its two one-sided 95 % bounds. The verdict is the gate's, not this stage's.
    """
    golden = open_golden(project).rows
    model = open_model(project.candidate, "models/candidate", project)
    y = target_of(golden, load(project.root))
    scores = model.score_rows(golden)
    metrics: dict[str, Any] = {"version": 1, "rows": len(y)}
    for name, metric in METRICS.items():
        if metric.task == model.manifest.task:
            found = metric.evidence(y, np.asarray(scores)).interval(CONFIDENCE)
            metrics[name] = {key: float(f"{getattr(found, key):.8g}") for key in ("value", "lower", "upper")}
    with replaced_folder(project.reports) as folder:
        write_text(folder / "metrics.json", json.dumps(metrics, indent=2) + "\n")
    told = [f"{name} {value['value']:.4g}" for name, value in metrics.items() if isinstance(value, dict)]
    more = f" and {len(told) - SHOWN} more" if len(told) > SHOWN else ""
    return f"{', '.join(told[:SHOWN])}{more} on {len(y):,} golden rows (ops/reports/metrics.json)"
