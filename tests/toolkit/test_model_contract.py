"""The team's code: called as promised, kept apart by folder, and refused by name where it reaches too far."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import polars as pl
import pytest

from fearless import api
from fearless.core.errors import FearlessError
from fearless.model.contract import Team, Training

from .conftest import Tree, make_rows


def refusal(tree: Tree, rows: pl.DataFrame | None = None) -> str:
    with pytest.raises(FearlessError) as caught:
        tree.team.features(make_rows(5) if rows is None else rows)
    return str(caught.value)


def test_the_frozen_names_are_at_most_eight() -> None:
    assert set(api.__all__) == {"MODEL_API", "Estimator", "Frame", "Training", "plain", "read"}
    assert api.MODEL_API == 1


def test_features_are_float32_and_one_row_per_row(tree: Tree) -> None:
    made = tree.team.features(make_rows(5))
    assert made.columns == ["calls", "fee", "plan=basic", "plan=plus", "loyal"]
    assert set(made.dtypes) == {pl.Float32}
    assert made.height == 5


def test_features_see_the_known_columns_only(tree: Tree) -> None:
    seen = "import polars as pl\n\ndef features(rows):\n    return rows.select('fee', n=pl.lit(len(rows.columns)))\n"
    tree.code("features.py", seen)
    assert tree.team.features(make_rows(2))["n"].to_list() == [6.0, 6.0]


@pytest.mark.parametrize(
    "reach",
    [
        "rows['all_calls'].to_frame()",
        "rows.get_column('all_calls').to_frame()",
        "rows.select(pl.col('all_calls') + 1)",
        "rows.select('all_calls')",
        "rows[['fee', 'all_calls']]",
        "rows.with_columns(x=pl.col('all_calls') / pl.col('fee'))",
        "rows.lazy().with_columns(x=pl.col('all_calls')).select('x')",
        "rows.lazy().select(pl.col('fee') + pl.col('all_calls')).collect()",
        "rows.filter(pl.col('all_calls') > 0)",
        "rows.group_by('all_calls').len()",
        "rows.drop('all_calls')",
        "rows.select(cs.by_name('all_calls'))",
        "pl.DataFrame({'x': [row['all_calls'] for row in rows.iter_rows(named=True)]})",
    ],
)
def test_a_column_that_is_not_known_at_prediction_time_is_refused_by_name(tree: Tree, reach: str) -> None:
    header = "import polars as pl\nimport polars.selectors as cs\n\n\ndef features(rows):\n"
    tree.code("features.py", f"{header}    return {reach}\n")
    said = refusal(tree)
    assert (
        "uses the column `all_calls`, which is not known at prediction time: it counts the call that cancels."
        in said
    )


def test_the_place_in_the_teams_code_is_told(tree: Tree) -> None:
    tree.code("features.py", "def features(rows):\n    n = 1\n    return rows.select('all_calls')\n")
    assert refusal(tree).startswith("src/shop/features.py, line 3, uses the column `all_calls`")


def test_the_target_is_refused_like_any_column_of_the_future(tree: Tree) -> None:
    tree.code("features.py", "def features(rows):\n    return rows.select('left')\n")
    assert (
        "uses the column `left`, which is not known at prediction time: it is what the model predicts."
        in refusal(tree)
    )


def test_asking_whether_the_column_is_there_answers_no(tree: Tree) -> None:
    tree.code(
        "features.py",
        """\
        def features(rows):
            names = ["fee"] + [name for name in ("all_calls", "left") if name in rows.columns or name in rows]
            return rows.select(names)
        """,
    )
    assert tree.team.features(make_rows(2)).columns == ["fee"]


def test_a_column_that_nobody_described_is_told_as_what_it_is(tree: Tree) -> None:
    tree.code("features.py", "def features(rows):\n    return rows.select('nonsense')\n")
    said = refusal(tree)
    assert "src/shop/features.py, line 2, raised ColumnNotFoundError" in said
    assert "nonsense" in said


def test_a_known_column_whose_name_contains_a_refused_one_is_not_mistaken_for_it(tree: Tree) -> None:
    tree.code("features.py", "def features(rows):\n    return rows.select('left_over')\n")
    assert "not known at prediction time" not in refusal(tree)


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ("return rows.head(2).select('fee')", "features() returned 2 rows for 5 rows"),
        (
            "return rows.select([])",
            "features() returned no column, so none is left to learn from. plain() keeps",
        ),
        ("return rows.select('fee', 'plan')", "features() returned `plan` as String, not as a number"),
        ("return rows.select('day')", "features() returned `day` as Date, not as a number"),
        ("return rows.select(pl.col('fee') / 0)", "`fee` is infinite in 5 rows"),
        ("return rows.select(pl.col('fee') * 1e300)", "`fee` is infinite in 5 rows"),
        ("return rows['fee']", "features() returned Series, not a polars DataFrame"),
        ("return None", "features() returned NoneType, not a polars DataFrame"),
        ("return 1 / 0", "line 5, raised ZeroDivisionError: division by zero"),
        (
            "import no_such_package",
            "No module named 'no_such_package'. Add the package that holds it (often `uv add no_such_package`)",
        ),
        (
            "import model",
            "raised ModuleNotFoundError: No module named 'model'. Write `from shop import model`.",
        ),
        ("import shop.gone", "No module named 'shop.gone'. Mend the name in that import."),
    ],
)
def test_features_that_are_no_features_are_refused(tree: Tree, body: str, sentence: str) -> None:
    tree.code("features.py", f"import polars as pl\n\n\ndef features(rows):\n    {body}\n")
    said = refusal(tree)
    assert "src/shop/features.py" in said
    assert sentence in said


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("def feature(rows):\n    return rows\n", "src/shop/features.py defines no features(rows)"),
        ("features = 3\n", "defines no features(rows)"),
        ("def features():\n    return 1\n", "features() cannot be called as features(rows)"),
        (
            "def features(rows, model):\n    return 1\n",
            "features(rows, model) cannot be called as features(rows)",
        ),
        ("def features(rows:\n", "src/shop/features.py, line 1, raised SyntaxError"),
        ("import no_such_package\n", "src/shop/features.py, line 1, raised ModuleNotFoundError"),
    ],
)
def test_code_that_breaks_the_contract_is_told_in_one_sentence(tree: Tree, text: str, sentence: str) -> None:
    tree.code("features.py", text)
    assert sentence in refusal(tree)


def test_a_file_that_is_gone_is_told_with_what_it_must_define(tree: Tree) -> None:
    (tree.root / "src" / "shop" / "features.py").unlink()
    assert "src/shop/features.py is missing. It must define features(rows)." in refusal(tree)


def test_rows_without_a_column_of_the_dictionary_are_told_before_the_code_runs(tree: Tree) -> None:
    assert "was written for the column `fee`, which the rows do not have" in refusal(
        tree, make_rows(3).drop("fee")
    )


def test_load_returns_typed_rows_also_from_a_lazy_frame(tree: Tree) -> None:
    raw = tree.root / "data" / "raw"
    raw.mkdir(parents=True)
    make_rows(4).write_csv(raw / "rows.csv")
    assert tree.team.load().equals(make_rows(4))


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ("return read(raw / 'gone.csv')", "gone.csv is not there"),
        (
            "return read(raw / 'rows.csv').drop('fee')",
            "The result of load() in data.py lacks the column `fee`",
        ),
        ("return read(raw / 'rows.csv').clear()", "The result of load() in data.py has no rows"),
        ("return [1]", "load() returned list, not a polars DataFrame"),
        ("return read(raw / 'rows.csv')['nonsense']", "raised ColumnNotFoundError"),
    ],
)
def test_a_load_that_brings_no_rows_is_told(tree: Tree, body: str, sentence: str) -> None:
    raw = tree.root / "data" / "raw"
    raw.mkdir(parents=True)
    make_rows(4).write_csv(raw / "rows.csv")
    tree.code("data.py", f"from fearless.api import read\n\n\ndef load(raw):\n    {body}\n")
    with pytest.raises(FearlessError) as caught:
        tree.team.load()
    assert sentence in str(caught.value)


def training(rows: int = 40) -> Training:
    import numpy as np

    x = np.linspace(0, 1, rows * 2, dtype=np.float32).reshape(rows, 2)
    return Training(x, (x[:, 0] > 0.5).astype(np.float64), ("a", "b"), {"seed": 3}, 3, "binary")


@pytest.mark.parametrize("made", ["object()", "None", "data.x"])
def test_train_must_return_a_classifier(tree: Tree, made: str) -> None:
    tree.code("model.py", f"def train(data):\n    return {made}\n")
    with pytest.raises(
        FearlessError, match=r"src/shop/model.py: train\(\) returned \w+, which has no predict_proba"
    ):
        tree.team.train(training())


def test_train_is_handed_the_seed_and_the_parameters(tree: Tree) -> None:
    tree.code(
        "model.py",
        """\
        class Fitted:
            def predict_proba(self, x):
                return x

        def train(data):
            made = Fitted()
            made.said = (data.seed, data.params["seed"], data.names, data.task, str(data.x.dtype), str(data.y.dtype))
            return made
        """,
    )
    assert tree.team.train(training()).said == (3, 3, ("a", "b"), "binary", "float32", "float64")


def test_two_folders_with_a_package_of_one_name_live_side_by_side(tree: Tree) -> None:
    for folder, factor in (("old", 1), ("new", 2)):
        tree.write(f"{folder}/shop/__init__.py", "")
        tree.write(f"{folder}/shop/factor.py", f"FACTOR = {factor}\n")
        tree.write(
            f"{folder}/shop/features.py",
            """\
            import polars as pl

            from shop.factor import FACTOR

            def features(rows):
                from .factor import FACTOR as again  # imported while it runs, from its own folder too

                return rows.select(fee=pl.col("fee") * FACTOR * again)
            """,
        )
    old, new = (Team(tree.project, tree.dictionary, tree.root / folder) for folder in ("old", "new"))
    seen = [team.features(make_rows(1))["fee"].item() for team in (old, new, old, new)]
    assert seen == [10.0, 40.0, 10.0, 40.0]


def test_a_package_of_the_same_name_that_was_imported_before_is_neither_used_nor_lost(
    tree: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed, its_features = ModuleType("shop"), ModuleType("shop.features")
    monkeypatch.setitem(sys.modules, "shop", installed)
    monkeypatch.setitem(sys.modules, "shop.features", its_features)
    assert tree.team.features(make_rows(1)).height == 1
    assert sys.modules["shop"] is installed
    assert sys.modules["shop.features"] is its_features


def test_nothing_of_the_teams_code_stays_behind(tree: Tree) -> None:
    path = list(sys.path)
    tree.team.features(make_rows(1))
    refusal(tree.code("model.py", ""), make_rows(1).drop("fee"))
    assert sys.path == path
    assert not [name for name in sys.modules if name.split(".")[0] == "shop"]


def test_a_module_that_only_a_later_call_imports_is_the_one_of_its_folder(tree: Tree) -> None:
    for folder, factor in (("old", 1), ("new", 2)):
        tree.write(f"{folder}/shop/__init__.py", "")
        tree.write(f"{folder}/shop/late.py", f"FACTOR = {factor}\n")
        tree.write(
            f"{folder}/shop/features.py",
            """\
            import polars as pl

            def features(rows):
                if rows.height == 1:
                    return rows.select("fee")
                from shop.late import FACTOR

                return rows.select(fee=pl.col("fee") * FACTOR)
            """,
        )
    old, new = (Team(tree.project, tree.dictionary, tree.root / folder) for folder in ("old", "new"))
    seen = [team.features(make_rows(count))["fee"][0] for count in (1, 2, 2, 1, 2) for team in (old, new)]
    assert seen == [10.0, 10.0, 10.0, 20.0, 10.0, 20.0, 10.0, 10.0, 10.0, 20.0]
    assert not [name for name in sys.modules if name.split(".")[0] == "shop"]


def test_an_import_that_fails_half_way_leaves_nothing_behind(tree: Tree) -> None:
    tree.write("broken/shop/__init__.py", "from shop import first\n\n1 / 0\n")
    tree.write("broken/shop/first.py", "FACTOR = 1\n")
    tree.write("broken/shop/features.py", "def features(rows):\n    return rows\n")
    with pytest.raises(FearlessError, match="division by zero"):
        Team(tree.project, tree.dictionary, tree.root / "broken").features(make_rows(1))
    assert not [name for name in sys.modules if name.split(".")[0] == "shop"]


def test_the_code_of_an_artifact_sees_the_dictionary_it_was_trained_with(tree: Tree) -> None:
    team = tree.team
    tree.columns("[basic, plus]", "[basic, plus, gold]")
    assert "plan=gold" not in team.features(make_rows(2)).columns
    assert "plan=gold" in tree.team.features(make_rows(2)).columns


def test_code_outside_the_project_is_named_by_its_whole_path(tree: Tree, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    (elsewhere / "shop").mkdir(parents=True)
    (elsewhere / "shop" / "features.py").write_text(
        "def features(rows):\n    return 1 / 0\n", encoding="utf-8"
    )
    with pytest.raises(FearlessError, match=r"elsewhere.shop.features\.py, line 2, raised ZeroDivisionError"):
        Team(tree.project, tree.dictionary, elsewhere).features(make_rows(1))
