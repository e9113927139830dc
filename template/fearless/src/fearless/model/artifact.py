"""The artifact: a folder with a manifest that names its loader, so that a new kind of model needs no new contract.

    models/candidate/manifest.json    what it is, from what it was made, and the digests of its files
    models/candidate/model.onnx       (loader `onnx`) or whatever the team's own save() wrote (loader `team`)
    models/candidate/columns.yaml     the dictionary it was trained with
    models/candidate/code/<package>/  the team's code it was trained with: a champion is scored with its own features

Nothing here unpickles: loading a pickle runs the code in it.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from fearless.columns.dictionary import FILE as DICTIONARY
from fearless.columns.dictionary import load
from fearless.core.atomic import write_text
from fearless.core.digest import CACHE, files_below, sha256_file
from fearless.core.errors import FearlessError
from fearless.core.model_error import first_complaint
from fearless.core.project import Project
from fearless.model.contract import Scorer, Team

if TYPE_CHECKING:
    import numpy as np
    import polars as pl
    from numpy.typing import NDArray

MANIFEST = "manifest.json"
ONNX_FILE = "model.onnx"
CODE = "code"


class Parity(BaseModel):
    """How far the stored model is from the fitted one, over `rows` rows (golden data and extremes)."""

    rows: int
    worst_difference: float


class Manifest(BaseModel):
    """What the artifact is. Version 1; a later toolkit reads it, and ignores no key it does not know."""

    model_config = ConfigDict(extra="allow", protected_namespaces=())

    version: Literal[1] = 1
    model_api: Literal[1] = 1
    name: str
    loader: str
    task: Literal["binary", "regression"]
    features: list[str]
    made_from: dict[str, str]
    train_rows: int
    seed: int
    estimator: str
    files: dict[str, str]
    parity: Parity


@dataclass(frozen=True)
class Model:
    """An artifact that was read and can score.

    `digest` names it exactly: the SHA-256 of its manifest, which holds the digest of every other file. A model
    is judged, shipped and recorded under it.
    """

    manifest: Manifest
    digest: str
    scorer: Scorer
    team: Team

    def score_rows(self, rows: pl.DataFrame) -> NDArray[np.float64]:
        """(rows,) float64 for `rows` as columns.yaml describes them, through the feature code it was trained with."""
        return self.score(self.features_of(rows))

    def features_of(self, rows: pl.DataFrame) -> NDArray[np.float32]:
        """(rows, features) float32 for `rows`, through the feature code that the model was trained with."""
        made = self.team.features(rows)
        if made.columns != self.manifest.features:
            raise FearlessError(
                f"The features of the model's own code are not those it was trained with ({len(made.columns)} and"
                f" {len(self.manifest.features)}).",
                fix="Make features() depend on its rows alone.",
            )
        return matrix(made)

    def score(self, x: NDArray[np.float32]) -> NDArray[np.float64]:
        """(rows,) float64: the probability of the positive class, or the predicted number."""
        return self.scorer.score(x)


class OnnxScorer:
    """Scores with onnxruntime in one thread: default threads fight each other on a busy machine."""

    def __init__(self, file: Path, task: str) -> None:
        import onnxruntime as ort

        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        try:
            self._session = ort.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime raises plain classes of its own for a damaged file
            raise FearlessError(
                f"{file.name} in {file.parent.name} cannot be loaded: {str(error).splitlines()[0][:200]}",
                fix="Bring it back with `uv run dvc pull`, or train again with `uv run fearless train`.",
            ) from None
        self._input = self._session.get_inputs()[0].name
        self._output = self._session.get_outputs()[1 if task == "binary" else 0].name
        self._task = task

    def score(self, x: NDArray[np.float32]) -> NDArray[np.float64]:
        import numpy as np

        (out,) = self._session.run([self._output], {self._input: np.ascontiguousarray(x, dtype=np.float32)})
        column = out[:, 1] if self._task == "binary" else out.reshape(len(x))
        return np.asarray(column, dtype=np.float64)


def matrix(features: pl.DataFrame) -> NDArray[np.float32]:
    """A frame of features as (rows, features) float32 with NaN for missing: what is fitted is what is served."""
    import numpy as np

    return np.ascontiguousarray(features.to_numpy(), dtype=np.float32)


def pack_code(folder: Path, project: Project) -> None:
    """Copy the team's package and its dictionary into the artifact in `folder`."""
    shutil.copytree(
        project.source, folder / CODE / project.package, ignore=shutil.ignore_patterns(CACHE, "*.pyc")
    )
    shutil.copyfile(project.root / DICTIONARY, folder / DICTIONARY)


def seal(folder: Path, manifest: dict[str, Any]) -> Manifest:
    """Write the manifest of the artifact in `folder`, with the digest of every other file there."""
    files = {
        file.relative_to(folder).as_posix(): sha256_file(file)
        for file in sorted(folder.rglob("*"))
        if file.is_file() and file != folder / MANIFEST
    }
    complete = Manifest.model_validate({**manifest, "files": files})
    text = json.dumps(complete.model_dump(mode="json"), indent=2, ensure_ascii=False) + "\n"
    write_text(folder / MANIFEST, text)
    return complete


def read_manifest(folder: Path, name: str) -> Manifest:
    """The manifest of the artifact in `folder`; `name` is how messages call it (`models/candidate`)."""
    file = folder / MANIFEST
    if not file.is_file():
        raise FearlessError(
            f"There is no model in {name}.",
            fix="Bring it with `uv run dvc pull`, or train it with `uv run fearless train`.",
        )
    try:
        return Manifest.model_validate_json(file.read_bytes())
    except ValidationError as error:
        raise first_complaint(error, f"{name}/{MANIFEST}", Manifest.model_fields) from None


def open_model(folder: Path, name: str, project: Project) -> Model:
    """Read the artifact in `folder` after checking every file against the manifest's digests."""
    manifest = read_manifest(folder, name)
    for file, digest in manifest.files.items():
        path = folder / file
        if not path.is_file():
            raise FearlessError(f"{name}/{file} is missing.", fix="Bring it back with `uv run dvc pull`.")
        if sha256_file(path) != digest:
            raise FearlessError(
                f"{name}/{file} is not the file that was trained: its SHA-256 differs from the manifest's.",
                fix="Bring it back with `uv run dvc checkout`, or train again with `uv run fearless train`.",
            )
    for file, _ in files_below(folder):
        if file != MANIFEST and file not in manifest.files and CACHE not in Path(file).parts:
            raise FearlessError(
                f"{name}/{file} is not among the files that the manifest names, so nobody judged it.",
                fix="Remove it, or train again with `uv run fearless train`.",
            )
    digest = sha256_file(folder / MANIFEST)
    team = Team(project, load(folder), folder / CODE, digest)
    return Model(manifest, digest, _scorer(folder, manifest, team), team)


def _scorer(folder: Path, manifest: Manifest, team: Team) -> Scorer:
    if manifest.loader == "team":
        return team.load_own(folder)
    if manifest.loader == "onnx":
        return OnnxScorer(folder / ONNX_FILE, manifest.task)
    raise FearlessError(
        f"This toolkit has no loader `{manifest.loader}`, which {folder.name} needs.",
        fix="Bring in the newest with `copier update`.",
    )
