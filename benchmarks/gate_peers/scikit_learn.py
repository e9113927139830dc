"""Six metrics of two models with plain scikit-learn: no interval, no slice, no report but JSON. `script ROWS OUT`."""

import json
import sys
from pathlib import Path

import polars as pl
from sklearn import metrics

rows = pl.read_parquet(sys.argv[1], columns=["y_true", "candidate", "champion"])
y = rows["y_true"].to_numpy()
found = {}
for model in ("candidate", "champion"):
    scores = rows[model].to_numpy()
    found[model] = {
        "log_loss": metrics.log_loss(y, scores),
        "roc_auc": metrics.roc_auc_score(y, scores),
        "brier": metrics.brier_score_loss(y, scores),
        "average_precision": metrics.average_precision_score(y, scores),
        "accuracy": metrics.accuracy_score(y, scores >= 0.5),
        "f1": metrics.f1_score(y, scores >= 0.3),
    }
Path(sys.argv[2]).write_text(json.dumps({name: float(value) for name, value in found["candidate"].items()}))
