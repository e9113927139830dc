"""Stage train: the team's model, fitted, stored without pickle, and proven equal to the fitted one."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING, Any

import numpy as np

from fearless.columns.dictionary import FILE, Dictionary, load
from fearless.columns.frame import target_of
from fearless.core.atomic import replaced_folder
from fearless.core.digest import files_below, sha256_file
from fearless.core.errors import FearlessError
from fearless.core.project import Project
from fearless.core.yaml_file import read_mapping
from fearless.golden.frozen import open_golden
from fearless.guard.row_by_row import row_by_row
from fearless.model.artifact import ONNX_FILE, Manifest, OnnxScorer, matrix, pack_code, seal
from fearless.model.contract import MODEL_API, Team, Training
from fearless.model.export import MOST_ROWS, export_onnx, extremes, prove_parity
from fearless.monitor.profile import make_profile, save_profile
from fearless.pipeline.prepare import ROWS, open_train

if TYPE_CHECKING:
    import polars as pl
    from numpy.typing import NDArray

PARAMS = "params.yaml"


def train(project: Project) -> str:
    """Write models/candidate and return a line that says what was trained on how much."""
    dictionary = load(project.root)
    team = Team.of(project, dictionary)
    rows = open_train(project)
    features = team.features(rows)
    params = read_mapping(project.root / PARAMS, PARAMS)
    training = Training(
        x=matrix(features),
        y=target_of(rows, dictionary),
        names=tuple(features.columns),
        params=params,
        seed=_seed(params),
        task=dictionary.task,
    )
    frozen = open_golden(project).rows
    golden = matrix(team.features(frozen))
    if found := row_by_row(team.features, frozen):
        raise FearlessError(found[0].what, fix=found[0].fix)
    gc.freeze()  # what the imports made stays; what a long training makes is collected again
    gc.enable()
    fitted = team.train(training)
    with replaced_folder(project.candidate) as folder:
        if team.own_format:
            team.save_own(fitted, folder)
            stored = team.load_own(folder)
        else:
            export_onnx(fitted, training.x.shape[1], training.task, folder)
            stored = OnnxScorer(folder / ONNX_FILE, training.task)
        pack_code(folder, project)
        save_profile(
            folder,
            make_profile(
                rows, training.y, frozen, _target(frozen, dictionary), stored.score(golden), dictionary
            ),
        )
        proof = np.concatenate([golden[:MOST_ROWS], extremes(training.x)])
        manifest: dict[str, Any] = {
            "model_api": MODEL_API,
            "name": project.package,
            "loader": "team" if team.own_format else "onnx",
            "task": training.task,
            "features": list(training.names),
            "made_from": made_from(project),
            "train_rows": len(training.y),
            "seed": training.seed,
            "estimator": type(fitted).__name__,
            "parity": prove_parity(fitted, stored, proof, training.task).model_dump(),
        }
        sealed = seal(folder, manifest)
    return _told(sealed)


def made_from(project: Project) -> dict[str, str]:
    """The digests of all that the model depends on, by relative path, with the number of the toolkit's stages."""
    files = [file for _, file in files_below(project.source) if file.suffix != ".pyc"]
    files += [
        project.root / PARAMS,
        project.root / FILE,
        project.prepared / ROWS,
        project.root / "fearless" / "STAGES",
    ]
    return {project.relative(file): sha256_file(file) for file in files if file.is_file()}


def _target(golden: pl.DataFrame, dictionary: Dictionary) -> NDArray[np.float64] | None:
    """The golden target, or None where it cannot be read: the stage evaluate says what is wrong with it."""
    try:
        return target_of(golden, dictionary)
    except FearlessError:
        return None


def _told(sealed: Manifest) -> str:
    return (
        f"{sealed.estimator} on {sealed.train_rows:,} rows x {len(sealed.features)} features; stored as"
        f" {sealed.loader}, within {sealed.parity.worst_difference:.0e} of the fitted model"
    )


def _seed(params: dict[str, Any]) -> int:
    seed = params.get("seed", 0)
    if not isinstance(seed, int) or isinstance(seed, bool) or seed < 0:
        raise FearlessError(f"{PARAMS}: `seed` is {seed!r}, not a whole number from 0 on.")
    return seed
