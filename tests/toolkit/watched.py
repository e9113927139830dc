"""A small world that was served: a model with a profile, and a ledger that recorded what it answered."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from fearless.columns.frame import target_of
from fearless.core.digest import sha256_file
from fearless.ledger.identity import prediction_ids
from fearless.ledger.record import Prediction, Provenance, micros
from fearless.ledger.sqlite import SqliteLedger
from fearless.ledger.store import open_ledger
from fearless.model.artifact import ONNX_FILE, OnnxScorer, matrix, pack_code, seal
from fearless.model.export import export_onnx
from fearless.monitor.profile import make_profile, save_profile

from .conftest import Tree
from .ledger_rows import prediction

NOW = datetime(2026, 6, 30, 12, tzinfo=UTC)
POLICY = """\
version: 1
checks:
  - {metric: log_loss, min_skill: 0.2, max_skill_drop: 0.1}
  - {metric: roc_auc, floor: 0.7}
"""


def drawn(count: int, seed: int, **replaced: Any) -> pl.DataFrame:
    """Rows of the tree's dictionary, with a target that depends on them; `replaced` takes other columns."""
    draw = np.random.default_rng(seed)
    calls = draw.poisson(4, count)
    fee = draw.normal(40, 8, count)
    plan = np.where(draw.random(count) < 0.4, "basic", "plus")
    straight = 0.6 * (calls - 4) + 0.08 * (fee - 40) + np.where(plan == "basic", 0.8, -0.8)
    left = draw.random(count) < 1 / (1 + np.exp(-straight))
    made = {
        "customer": [f"s{seed}-{at}" for at in range(count)],
        "day": [date(2026, 6, 1) + timedelta(days=at % 28) for at in range(count)],
        "calls": calls,
        "fee": np.round(fee, 2),
        "plan": plan,
        "loyal": draw.random(count) < 0.5,
        "all_calls": calls,
        "left": left,
    }
    return pl.DataFrame({**made, **replaced})


def model(tree: Tree, place: str = "champion", profile: bool = True, rows: int = 3000) -> OnnxScorer:
    """Train and seal a model in models/<place>, with its profile; returns its scorer."""
    folder = tree.root / "models" / place
    folder.mkdir(parents=True)
    train, golden = drawn(rows, 1), drawn(1500, 2)
    x = matrix(tree.team.features(train))
    y = target_of(train, tree.dictionary)
    fitted = make_pipeline(SimpleImputer(), LogisticRegression(max_iter=500)).fit(x, y)
    export_onnx(fitted, x.shape[1], "binary", folder)
    scorer = OnnxScorer(folder / ONNX_FILE, "binary")
    pack_code(folder, tree.project)
    if profile:
        scores = scorer.score(matrix(tree.team.features(golden)))
        target = target_of(golden, tree.dictionary)
        save_profile(folder, make_profile(train, y, golden, target, scores, tree.dictionary))
    manifest = {
        "name": "shop",
        "loader": "onnx",
        "task": "binary",
        "features": tree.team.features(golden).columns,
        "made_from": {},
        "train_rows": rows,
        "seed": 0,
        "estimator": "LogisticRegression",
        "parity": {"rows": 1, "worst_difference": 0.0},
    }
    seal(folder, manifest)
    if not (tree.root / "gate.yaml").exists():
        tree.write("gate.yaml", POLICY)
    return scorer


def serve(
    tree: Tree,
    scorer: OnnxScorer | NDArray[np.float64],
    rows: pl.DataFrame,
    *,
    end: datetime = NOW,
    span: timedelta = timedelta(days=6),
    place: str = "champion",
    inputs: Mapping[int, str] | None = None,
    **said: Any,
) -> list[str]:
    """Record that `rows` were answered, evenly over the `span` before `end`; returns their ids."""
    known = rows.select(tree.dictionary.known)
    scores = scorer if isinstance(scorer, np.ndarray) else scorer.score(matrix(tree.team.features(rows)))
    manifest = tree.root / "models" / place / "manifest.json"
    digest = sha256_file(manifest) if manifest.exists() else "f" * 64
    origin = Provenance("shop", place, "1", digest, "b" * 40, "0.2.0", "c" * 64, "d" * 64, "host/1")
    step = span / rows.height
    recorded: list[Prediction] = []
    for at, row in enumerate(known.to_dicts()):
        moment = micros(end - span + at * step)
        text = json.dumps(row, default=str)
        recorded.append(
            prediction(
                moment,
                id=prediction_ids(1, moment)[0],
                input=(inputs or {}).get(at, text),
                score=float(scores[at]),
                provenance=origin,
                **said,
            )
        )
    ledger(tree).append(recorded)
    return [each.id for each in recorded]


def ledger(tree: Tree) -> SqliteLedger:
    found = open_ledger(tree.project)
    assert isinstance(found, SqliteLedger)
    return found


def labels_file(
    tree: Tree, ids: list[str], labels: list[Any], name: str = "labels.csv", **columns: Any
) -> Path:
    """A file of labels by prediction id."""
    path = tree.root / name
    frame = pl.DataFrame({"prediction_id": ids, "label": labels, **columns})
    if path.suffix == ".parquet":
        frame.write_parquet(path)
    else:
        frame.write_csv(path)
    return path
