"""The same six metrics in each level of four columns with fairlearn's MetricFrame: no interval. `script ROWS OUT`."""

import json
import sys
from pathlib import Path

import pandas as pd
from fairlearn.metrics import MetricFrame
from sklearn import metrics

rows = pd.read_parquet(sys.argv[1])
asked = {
    "log_loss": metrics.log_loss,
    "roc_auc": metrics.roc_auc_score,
    "brier": metrics.brier_score_loss,
    "average_precision": metrics.average_precision_score,
    "accuracy": lambda y, scores: metrics.accuracy_score(y, scores >= 0.5),
    "f1": lambda y, scores: metrics.f1_score(y, scores >= 0.3),
}
overall = {}
for model in ("champion", "candidate"):
    for column in ("region", "plan", "channel", "age"):
        frame = MetricFrame(
            metrics=asked, y_true=rows["y_true"], y_pred=rows[model], sensitive_features=rows[column]
        )
        frame.by_group.to_dict()
        overall = frame.overall.to_dict()
Path(sys.argv[2]).write_text(json.dumps({name: float(value) for name, value in overall.items()}))
