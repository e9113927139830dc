"""One prediction, made again from the digests that were recorded with it."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from fearless.core.errors import FearlessError
from fearless.core.project import Project
from fearless.ledger.store import open_ledger
from fearless.model.artifact import open_model
from fearless.model.releases import POINTER, find_model, release_of
from fearless.serve.scoring import in_place

TOLERANCE = 1e-9


class Trace(NamedTuple):
    """`stored` as it was recorded, `features` by name, `again` the score now, and in words what differs."""

    stored: dict[str, Any]
    input: dict[str, Any]
    features: dict[str, float]
    again: float
    differences: list[str]


def trace(project: Project, prediction_id: str) -> Trace:
    """Score the recorded input of a prediction again with the model that made it.

    Raises FearlessError where nothing has this id, or where the model is not below models/ any more or is damaged.
    """
    import numpy as np

    stored = open_ledger(project, create=False).get(prediction_id)
    if stored is None:
        raise FearlessError(
            f"No prediction has the id {prediction_id}.",
            fix="Is FEARLESS_LEDGER the ledger that recorded it?",
        )
    folder = find_model(project, stored["model_sha256"])
    if folder is None:
        released = release_of(project, stored["model_sha256"])
        raise FearlessError(
            f"The model {stored['model_version']} that made this prediction is not here: no manifest below models/ or"
            f" ops/releases/ has the SHA-256 {stored['model_sha256']}.",
            fix=f"Bring it with `uv run dvc pull {released.folder}/{POINTER}`."
            if released
            else "Check out the commit that is recorded with it"
            f"{' (' + stored['git_commit'] + ')' if stored['git_commit'] else ''} and run `uv run dvc pull`.",
        )
    model = open_model(folder, project.relative(folder), project)
    ready = in_place(project, model, stored["model_role"])
    asked = json.loads(stored["input"])
    values, complaints = ready.schema.read([asked])
    if complaints:
        raise FearlessError(
            f"The recorded input does not fit the model's columns.yaml: {complaints[0].message}"
        )
    scored = ready.score(values)
    names = model.manifest.features
    before = np.frombuffer(stored["features"], "<f4")
    now = scored.features[0]
    differences = []
    if len(before) != len(now):
        differences.append(f"{len(before)} features were recorded, and there are {len(now)} now.")
    else:
        for name, old, new in zip(names, before.tolist(), now.tolist(), strict=True):
            if old != new and not (old != old and new != new):
                differences.append(f"The feature `{name}` was {old:g} and is {new:g} now.")
    score = scored.scores[0]
    if abs(score - stored["score"]) > TOLERANCE * max(1.0, abs(score)):
        differences.append(f"The score was {stored['score']!r} and is {score!r} now.")
    decision = ready.decide(score)[1]
    if decision != stored["decision"]:
        differences.append(f"The decision was {stored['decision']} and is {decision} now.")
    return Trace(stored, asked, dict(zip(names, now.tolist(), strict=True)), score, differences)
