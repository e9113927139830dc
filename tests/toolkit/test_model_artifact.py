"""The artifact: what is stored scores like what was fitted, and a file that was swapped is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from fearless.core.errors import FearlessError
from fearless.model.artifact import (
    ONNX_FILE,
    Manifest,
    OnnxScorer,
    open_model,
    pack_code,
    read_manifest,
    seal,
)
from fearless.model.export import export_onnx, extremes, prove_parity

from .conftest import Tree, make_rows

Floats = NDArray[np.float32]


def data(rows: int = 300, seed: int = 0) -> tuple[Floats, NDArray[np.float64]]:
    draw = np.random.default_rng(seed)
    x = draw.normal(size=(rows, 3)).astype(np.float32)
    return x, (x[:, 0] + draw.normal(size=rows) > 0).astype(np.float64)


def stored(estimator: Any, task: str, folder: Path, width: int = 3) -> OnnxScorer:
    export_onnx(estimator, width, task, folder)
    return OnnxScorer(folder / ONNX_FILE, task)


@pytest.mark.parametrize(
    ("estimator", "task"),
    [
        (HistGradientBoostingClassifier(max_iter=10), "binary"),
        (LogisticRegression(), "binary"),
        (make_pipeline(StandardScaler(), LogisticRegression()), "binary"),
        (HistGradientBoostingRegressor(max_iter=10), "regression"),
        (LinearRegression(), "regression"),
    ],
)
def test_the_stored_model_scores_like_the_fitted_one(tmp_path: Path, estimator: Any, task: str) -> None:
    x, y = data()
    target = y if task == "binary" else 1000 * x[:, 1] + y
    estimator.fit(x, target)
    rows = np.concatenate([x, extremes(x)])
    proof = prove_parity(estimator, stored(estimator, task, tmp_path), rows, task)
    assert proof.rows == len(rows)
    assert proof.worst_difference <= 1e-5


def test_missing_values_score_alike_where_training_had_some(tmp_path: Path) -> None:
    x, y = data()
    x[::5, 1] = np.nan
    estimator = HistGradientBoostingClassifier(max_iter=10).fit(x, y)
    assert prove_parity(
        estimator, stored(estimator, "binary", tmp_path), np.concatenate([x, extremes(x)]), "binary"
    )


def test_decimals_on_a_threshold_take_the_branch_they_took_in_training(tmp_path: Path) -> None:
    draw = np.random.default_rng(5)
    tenths = draw.integers(0, 400, size=(2000, 3))
    x = (tenths / 10).astype(np.float32)
    estimator = HistGradientBoostingClassifier(max_iter=6).fit(x[::2], tenths[::2].sum(axis=1) % 7 > 3)
    between = ((tenths + 0.5) / 10).astype(np.float32)  # where the thresholds of training lie
    before = estimator.predict_proba(between)[:, 1]
    proof = prove_parity(
        estimator, stored(estimator, "binary", tmp_path), np.concatenate([x, between]), "binary"
    )
    assert proof.rows == 4000
    assert (estimator.predict_proba(between)[:, 1] == before).all()


class Shifted:
    """A stored model that is not the fitted one."""

    def __init__(self, true: Any, by: float, on: int) -> None:
        self.true, self.by, self.on = true, by, on

    def score(self, x: Floats) -> NDArray[np.float64]:
        scores = np.array(self.true.predict_proba(x)[:, 1])
        scores[: self.on] += self.by
        return scores


class Says:
    """A stored model that says the same whatever it is asked."""

    def __init__(self, scores: NDArray[np.float64]) -> None:
        self.scores = scores

    def score(self, x: Floats) -> NDArray[np.float64]:  # noqa: ARG002
        return self.scores


@pytest.mark.parametrize(
    ("by", "on", "is_refused"), [(0.0, 0, False), (1e-6, 50, False), (1e-3, 1, True), (-0.5, 2, True)]
)
def test_an_unfaithful_model_is_refused_and_an_equal_one_passes(by: float, on: int, is_refused: bool) -> None:
    x, y = data()
    estimator = LogisticRegression().fit(x, y)
    shifted = Shifted(estimator, by, on)
    if not is_refused:
        assert prove_parity(estimator, shifted, x, "binary").worst_difference <= 1e-5
        return
    with pytest.raises(FearlessError, match=rf"The stored model is not the fitted one.* on {on} of 300 rows"):
        prove_parity(estimator, shifted, x, "binary")


def test_a_stored_model_that_scores_nothing_or_other_shapes_is_refused() -> None:
    x, y = data()
    estimator = LogisticRegression().fit(x, y)
    with pytest.raises(FearlessError, match="The stored model gives NaN on 1 of 300 rows"):
        prove_parity(estimator, Shifted(estimator, float("nan"), 1), x, "binary")
    short = Says(np.zeros(3))
    with pytest.raises(FearlessError, match=r"shape \(3,\) for 300 rows"):
        prove_parity(estimator, short, x, "binary")


def test_a_fitted_model_that_gives_nan_is_told_so() -> None:
    class Hollow:
        def predict_proba(self, x: Floats) -> NDArray[np.float64]:
            return np.full((len(x), 2), np.nan)

    x, _ = data()
    with pytest.raises(FearlessError, match=r"The Hollow from model\.py gives NaN on 300 of 300 rows"):
        prove_parity(Hollow(), Says(np.zeros(300)), x, "binary")


def test_a_large_number_may_differ_in_proportion_to_its_size() -> None:
    x, _ = data()
    estimator = LinearRegression().fit(x, 1e6 + x[:, 0])
    near, far = Says(estimator.predict(x) + 1.0), Says(estimator.predict(x) + 100.0)
    assert prove_parity(estimator, near, x, "regression")
    with pytest.raises(FearlessError, match="not the fitted one"):
        prove_parity(estimator, far, x, "regression")


def test_an_estimator_that_refuses_golden_rows_is_told_in_its_own_words() -> None:
    x, y = data()
    estimator = LogisticRegression().fit(x, y)
    holes = x.copy()
    holes[0, 0] = np.nan
    with pytest.raises(
        FearlessError, match=r"LogisticRegression from model.py cannot score 300 rows .*contains NaN"
    ):
        prove_parity(estimator, Shifted(estimator, 0, 0), holes, "binary")


def test_a_classifier_that_saw_one_class_is_refused() -> None:
    x, _ = data()
    estimator = DummyClassifier().fit(x, np.zeros(len(x)))
    with pytest.raises(FearlessError, match="the training rows need both values of the target"):
        prove_parity(estimator, Shifted(estimator, 0, 0), x, "binary")


def test_native_categories_are_refused(tmp_path: Path) -> None:
    x, y = data()
    x[:, 2] = np.arange(len(x)) % 5
    for estimator in (
        HistGradientBoostingClassifier(max_iter=3, categorical_features=[2]),
        make_pipeline(
            FunctionTransformer(), HistGradientBoostingClassifier(max_iter=3, categorical_features=[2])
        ),
    ):
        with pytest.raises(FearlessError, match="native categories"):
            export_onnx(estimator.fit(x, y), 3, "binary", tmp_path)
    assert not (tmp_path / ONNX_FILE).exists()


def test_a_step_without_a_conversion_is_named(tmp_path: Path) -> None:
    x, y = data()

    class Odd(KNeighborsClassifier):  # type: ignore[misc]
        pass

    with pytest.raises(FearlessError, match="Odd has no conversion") as caught:
        export_onnx(Odd().fit(x, y), 3, "binary", tmp_path)
    assert "Move that step into features.py" in caught.value.fix
    lambda_step = make_pipeline(FunctionTransformer(np.log1p), LogisticRegression()).fit(np.abs(x), y)
    with pytest.raises(FearlessError, match="FunctionTransformer has no conversion"):
        export_onnx(lambda_step, 3, "binary", tmp_path)


def test_extremes_reach_the_ends_zero_far_out_and_missing() -> None:
    x = np.array([[1, 5], [2, np.nan], [3, 7]], dtype=np.float32)
    rows = extremes(x)
    assert rows.dtype == np.float32
    assert rows[0].tolist() == [2.0, 6.0]
    first, second = rows[1:6], rows[6:]
    assert sorted(first[:, 0].tolist()) == [-30.0, 0.0, 1.0, 3.0, 30.0]
    assert set(first[:, 1]) == {6.0}
    assert {5.0, 7.0, 0.0, 70.0, -70.0} < set(second[:, 1].tolist())
    assert np.isnan(second[:, 1]).sum() == 1  # only a feature that has missing values is tried without one
    assert not np.isnan(rows[:, 0]).any()


@pytest.mark.parametrize("value", [np.nan, 3e38, -3e38, 0.0])
def test_extremes_of_strange_columns_stay_finite_or_missing(value: float) -> None:
    rows = extremes(np.full((4, 1), value, dtype=np.float32))
    assert not np.isinf(rows).any()


def sealed(tree: Tree) -> Path:
    """An artifact as the train stage makes it, in models/candidate."""
    folder = tree.root / "models" / "candidate"
    folder.mkdir(parents=True)
    features = tree.team.features(make_rows(60))
    y = make_rows(60)["left"].to_numpy().astype(np.float64)
    estimator = HistGradientBoostingClassifier(max_iter=3).fit(features.to_numpy(), y)
    export_onnx(estimator, features.width, "binary", folder)
    pack_code(folder, tree.project)
    manifest = {
        "name": "shop",
        "loader": "onnx",
        "task": "binary",
        "features": features.columns,
        "made_from": {},
        "train_rows": 60,
        "seed": 0,
        "estimator": "HistGradientBoostingClassifier",
        "parity": {"rows": 1, "worst_difference": 0.0},
    }
    seal(folder, manifest)
    return folder


def reopened(tree: Tree) -> Any:
    return open_model(tree.project.candidate, "models/candidate", tree.project)


def refusal(tree: Tree) -> str:
    with pytest.raises(FearlessError) as caught:
        reopened(tree)
    return str(caught.value)


def test_a_sealed_model_is_read_back_and_scores(tree: Tree) -> None:
    sealed(tree)
    model = reopened(tree)
    scores = model.score_rows(make_rows(20))
    assert scores.shape == (20,)
    assert scores.dtype == np.float64
    assert ((scores > 0) & (scores < 1)).all()
    assert len(np.unique(scores)) > 1


def test_the_manifest_names_every_file_by_its_digest(tree: Tree) -> None:
    tree.code("manifest.json", "{}")  # a file of the team that is called like ours
    folder = sealed(tree)
    manifest = read_manifest(folder, "models/candidate")
    present = {file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file()}
    assert set(manifest.files) == present - {"manifest.json"}
    assert "code/shop/manifest.json" in manifest.files


@pytest.mark.parametrize("name", ["model.onnx", "columns.yaml", "code/shop/features.py"])
def test_a_swapped_or_lost_file_is_refused(tree: Tree, name: str) -> None:
    file = sealed(tree) / name
    file.write_bytes(file.read_bytes() + b" ")
    assert f"models/candidate/{name} is not the file that was trained" in refusal(tree)
    file.unlink()
    assert f"models/candidate/{name} is missing" in refusal(tree)


def test_a_file_that_nobody_judged_is_refused(tree: Tree) -> None:
    folder = sealed(tree)
    (folder / "code" / "shop" / "__pycache__").mkdir()
    (folder / "code" / "shop" / "__pycache__" / "features.pyc").write_bytes(b"")
    reopened(tree)  # Python's own cache is no stranger
    (folder / "code" / "numpy.py").write_text("", encoding="utf-8")
    assert "models/candidate/code/numpy.py is not among the files that the manifest names" in refusal(tree)


def test_a_damaged_model_is_told_also_when_its_digest_is_right(tree: Tree) -> None:
    folder = sealed(tree)
    (folder / ONNX_FILE).write_bytes(b"no model")
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    seal(folder, manifest)
    assert "model.onnx in candidate cannot be loaded" in refusal(tree)


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ('"version": 1', '"version": 2', "models/candidate/manifest.json: `version` is 2"),
        ('"loader": "onnx"', '"loader": "pickle"', "This toolkit has no loader `pickle`"),
        ('"task": "binary",', "", "`task` is missing"),
        ("{", "", "manifest.json is no JSON: trailing characters"),
        ('"loader": "onnx"', '"loader": "skops"', "This toolkit has no loader `skops`"),
    ],
)
def test_a_manifest_that_cannot_be_read_is_told_in_one_line(
    tree: Tree, old: str, new: str, sentence: str
) -> None:
    file = sealed(tree) / "manifest.json"
    file.write_text(file.read_text(encoding="utf-8").replace(old, new, 1), encoding="utf-8")
    said = refusal(tree)
    assert sentence in said
    assert len(said) < 250


def test_a_key_of_a_later_toolkit_is_kept(tree: Tree) -> None:
    folder = sealed(tree)
    file = folder / "manifest.json"
    file.write_text(json.dumps({**json.loads(file.read_text("utf-8")), "later": 1}), encoding="utf-8")
    assert read_manifest(folder, "models/candidate").model_dump()["later"] == 1


def test_no_model_is_told_with_the_ways_to_get_one(tree: Tree) -> None:
    assert "There is no model in models/candidate. Bring it with `uv run dvc pull`" in refusal(tree)


def test_the_digest_changes_with_any_file_and_with_what_the_manifest_says(tree: Tree) -> None:
    folder = sealed(tree)
    digest = open_model(folder, "models/candidate", tree.project).digest
    assert open_model(folder, "models/candidate", tree.project).digest == digest
    file = folder / "manifest.json"
    file.write_text(file.read_text("utf-8").replace('"seed": 0', '"seed": 1'), encoding="utf-8")
    assert open_model(folder, "models/candidate", tree.project).digest != digest


def test_a_champion_is_scored_with_its_own_code_and_dictionary(tree: Tree) -> None:
    folder = sealed(tree)
    folder.rename(tree.root / "models" / "champion")
    before = make_rows(20)
    champion = open_model(tree.project.champion, "models/champion", tree.project)
    scores = champion.score_rows(before)
    tree.columns("[basic, plus]", "[basic, plus, gold]")
    tree.code("features.py", "def features(rows):\n    return rows.select('fee')\n")
    again = open_model(tree.project.champion, "models/champion", tree.project)
    assert (again.score_rows(before) == scores).all()


def test_features_that_differ_from_those_of_training_are_refused(tree: Tree) -> None:
    folder = sealed(tree)
    manifest = read_manifest(folder, "models/candidate")
    seal(folder, Manifest.model_validate({**manifest.model_dump(), "features": ["fee"]}).model_dump())
    with pytest.raises(FearlessError, match=r"not those it was trained with \(5 and 1\)"):
        reopened(tree).score_rows(make_rows(3))


def test_the_teams_own_format_is_loaded_by_its_own_code(tree: Tree) -> None:
    tree.code(
        "model.py",
        """\
        import json

        import numpy as np

        class Constant:
            def __init__(self, share):
                self.share = share

            def score(self, x):
                return np.full(len(x), self.share)

        def train(data):
            return Constant(float(data.y.mean()))

        def save(model, folder):
            (folder / "model.json").write_text(json.dumps(model.share))

        def load(folder):
            return Constant(json.loads((folder / "model.json").read_text()))
        """,
    )
    folder = sealed(tree)
    manifest = read_manifest(folder, "models/candidate").model_dump()
    assert tree.team.own_format
    (folder / "model.json").write_text("0.25", encoding="utf-8")
    seal(folder, {**manifest, "loader": "team"})
    assert reopened(tree).score_rows(make_rows(2)).tolist() == [0.25, 0.25]
