"""mlflow's evaluation of two models as classifiers, without explanations: no interval, no slice. `script ROWS OUT`."""

import json
import os
import sys
import tempfile
from pathlib import Path

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")

import mlflow
import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, ClassifierMixin


class Given(ClassifierMixin, BaseEstimator):
    """A model whose probabilities are in the rows already."""

    def fit(self, x, y):  # noqa: ARG002
        self.classes_ = np.array([0, 1])
        return self

    def predict_proba(self, x):
        scores = np.asarray(x).reshape(-1)
        return np.column_stack((1 - scores, scores))

    def predict(self, x):
        return (np.asarray(x).reshape(-1) >= 0.5).astype(int)


rows = pd.read_parquet(sys.argv[1], columns=["y_true", "candidate", "champion"])
rows["y_true"] = rows["y_true"].astype("int64")
with tempfile.TemporaryDirectory() as folder:
    mlflow.set_tracking_uri(f"sqlite:///{folder}/mlflow.db")
    os.chdir(folder)
    result = None
    for model in ("champion", "candidate"):
        with mlflow.start_run():
            place = f"{folder}/{model}"
            trusted = {"serialization_format": "cloudpickle"}
            mlflow.sklearn.save_model(Given().fit(None, None), place, **trusted)
            result = mlflow.models.evaluate(
                model=place,
                data=rows[[model, "y_true"]],
                targets="y_true",
                model_type="classifier",
                evaluators="default",
                evaluator_config={"log_model_explainability": False, "log_explainer": False, "pos_label": 1},
            )
found = {
    "log_loss": result.metrics["log_loss"],
    "roc_auc": result.metrics["roc_auc"],
    "accuracy": result.metrics["accuracy_score"],
}
Path(sys.argv[2]).write_text(json.dumps({name: float(value) for name, value in found.items()}))
