"""Evidently's classification preset for two models, written as HTML: no interval, no slice. `script ROWS OUT`."""

import json
import sys
from pathlib import Path

import pandas as pd
from evidently import BinaryClassification, DataDefinition, Dataset, Report
from evidently.presets import ClassificationPreset

rows = pd.read_parquet(sys.argv[1], columns=["y_true", "candidate", "champion"])
found = {}
for model in ("champion", "candidate"):
    some = rows[["y_true", model]].rename(columns={model: "score"})
    some["label"] = (some["score"] >= 0.5).astype(int)
    some["y_true"] = some["y_true"].astype(int)
    definition = DataDefinition(
        classification=[
            BinaryClassification(
                target="y_true", prediction_labels="label", prediction_probas="score", pos_label=1
            )
        ]
    )
    made = Report([ClassificationPreset()]).run(Dataset.from_pandas(some, data_definition=definition), None)
    made.save_html(f"{sys.argv[2]}.html")
    for each in made.dict()["metrics"]:
        name = str(each.get("metric_name", each.get("metric_id", "")))
        for ours, theirs in (("accuracy", "Accuracy("), ("roc_auc", "RocAuc("), ("log_loss", "LogLoss(")):
            if name.startswith(theirs) and isinstance(each["value"], float):
                found[ours] = each["value"]
Path(sys.argv[2]).write_text(json.dumps(found))
