"""Bad data, bad models and bad settings: one sentence with what, where and the way out, and nothing half-written."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

import pytest

from .conftest import Repo, refusal

RAW = "data/raw/customers.csv"


@contextlib.contextmanager
def untouched(repo: Repo, *folders: str) -> Iterator[None]:
    """What a refused command must leave as it was: the results of before, and nothing half-written beside them."""
    folders = folders or ("data/golden", "data/prepared", "models", "ops/reports")
    before = {folder: repo.snapshot(folder) for folder in folders}
    changes = repo.changes()
    yield
    assert {folder: repo.snapshot(folder) for folder in folders} == before
    assert repo.changes() == changes
    assert [path for path in repo.root.rglob("*.part") if ".git" not in path.parts] == []


def lines_of(repo: Repo) -> list[str]:
    return (repo.root / RAW).read_text(encoding="utf-8").splitlines()


def field(line: str, position: int, value: str) -> str:
    cells = line.split(",")
    return ",".join([*cells[:position], value, *cells[position + 1 :]])


def mixed(lines: list[str]) -> str:
    position = lines[0].split(",").index("devices")
    return "\n".join([*lines[:4], field(lines[4], position, "many"), *lines[5:]]) + "\n"


def outside(lines: list[str]) -> str:
    position = lines[0].split(",").index("region")
    return "\n".join([*lines[:4], field(lines[4], position, "moon"), *lines[5:]]) + "\n"


# name: (the new file made of the lines of the good one, what the sentence must hold)
FILES: dict[str, tuple[Callable[[list[str]], str | bytes], tuple[str, ...]]] = {
    "text among numbers": (mixed, ("customers.csv", "`devices` is 'many' in row 4", "no integer")),
    "a level that is none": (outside, ("`region` holds `moon`",)),
    "no rows": (lambda lines: lines[0] + "\n", ("customers.csv has no rows",)),
    "an empty file": (lambda _: "", ("customers.csv",)),
    "binary garbage": (lambda _: bytes(range(256)) * 40, ("customers.csv",)),
    "a parquet file by another name": (lambda _: b"PAR1" + b"\0" * 64, ("customers.csv",)),
    "a missing column": (
        lambda lines: "\n".join(line.rpartition(",")[0] for line in lines) + "\n",
        ("customers.csv lacks the column",),
    ),
    "a column nobody described": (
        lambda lines: "\n".join([lines[0] + ",extra", *(line + ",1" for line in lines[1:])]) + "\n",
        ("`extra`", "columns.yaml does not describe"),
    ),
    "a line with too many fields": (
        lambda lines: "\n".join([*lines[:7], lines[7] + ",1,2", *lines[8:]]) + "\n",
        ("customers.csv",),
    ),
    "a line with too few fields": (
        lambda lines: "\n".join([*lines[:7], lines[7].rsplit(",", 4)[0], *lines[8:]]) + "\n",
        ("customers.csv, line 8, has 15 fields, and its header has 19",),
    ),
    "the same header twice": (
        lambda lines: "\n".join([lines[0] + ",churned", *(line + ",no" for line in lines[1:])]) + "\n",
        ("churned",),
    ),
}


@pytest.mark.parametrize("fault", FILES)
def test_a_bad_csv_is_refused_with_the_place(fault: str, repo: Repo) -> None:
    change, expected = FILES[fault]
    content = change(lines_of(repo))
    path = repo.root / RAW
    path.write_bytes(content.encode("utf-8") if isinstance(content, str) else content)
    with untouched(repo):
        said = refusal(repo.fearless("stage", "prepare"))
    for words in expected:
        assert words in said, said


def test_a_key_that_names_two_rows_is_refused_before_anything_is_frozen(repo: Repo) -> None:
    lines = lines_of(repo)
    repo.write(RAW, "\n".join([*lines, lines[5]]) + "\n")
    with untouched(repo):
        said = refusal(repo.fearless("golden", "freeze", "--again"))
    assert f"['customer_id'] does not name one row: {lines[5].split(',')[0]}" in said


def test_golden_data_is_not_replaced_by_accident(repo: Repo) -> None:
    with untouched(repo):
        assert "There is golden data already" in refusal(repo.fearless("golden", "freeze"))


def test_a_target_that_is_no_column_is_refused_with_the_columns_there_are(repo: Repo) -> None:
    with untouched(repo):
        said = refusal(repo.fearless("columns", "draft", RAW, "--target", "left", "--replace"))
    assert "customers.csv has no column `left`" in said
    assert "customer_id, " in said


def test_a_target_with_one_value_is_refused(repo: Repo) -> None:
    lines = lines_of(repo)
    position = lines[0].split(",").index("churned")
    repo.write(RAW, "\n".join([lines[0], *(field(line, position, "no") for line in lines[1:])]) + "\n")
    with untouched(repo):
        drafted = refusal(repo.fearless("columns", "draft", RAW, "--replace"))
        frozen = refusal(repo.fearless("golden", "freeze", "--again"))
    assert "The target `churned` in customers.csv takes one value only" in drafted
    assert "`churned`" in frozen


def test_a_dictionary_that_describes_columns_is_not_replaced_by_accident(repo: Repo) -> None:
    with untouched(repo):
        assert "describes columns already" in refusal(repo.fearless("columns", "draft", RAW))


# name: (file, its new content or the text to replace with its replacement, what the sentence must hold)
MODELS: dict[str, tuple[str, str | tuple[str, str], tuple[str, ...]]] = {
    "no train": ("model.py", "from fearless.api import Training\n", ("model.py defines no train(data)",)),
    "other arguments": (
        "model.py",
        "def train(x, y):\n    return x\n",
        ("model.py: train(x, y) cannot be called as train(data)",),
    ),
    "returns nothing": ("model.py", "def train(data):\n    pass\n", ("model.py: train() returned NoneType",)),
    "returns an estimator that is not fitted": (
        "model.py",
        (
            "from sklearn.ensemble import HistGradientBoostingClassifier\n\n\n"
            "def train(data):\n    return HistGradientBoostingClassifier()\n"
        ),
        ("HistGradientBoostingClassifier",),
    ),
    "raises": (
        "model.py",
        "def train(data):\n    raise ValueError('out of\\nideas')\n",
        ("src/fearless_model/model.py, line 2, raised ValueError: out of ideas",),
    ),
    "is no Python": ("model.py", "def train(data:\n    pass\n", ("model.py, line 1",)),
    "imports what is not there": (
        "model.py",
        "import no_such_library\n",
        ("model.py, line 1", "no_such_library"),
    ),
    "leaves the program": (
        "model.py",
        "import sys\n\n\ndef train(data):\n    sys.exit(0)\n",
        ("model.py, line 5",),
    ),
    "is missing": ("model.py", "", ("model.py",)),
    "features with another count of rows": (
        "features.py",
        ("return rows.select(", "return rows.head(7).select("),
        ("features.py: features() returned 7 rows for 16000 rows",),
    ),
    "features that are text": (
        "features.py",
        ('    "calls_90d",\n', '    "calls_90d",\n    "customer_id",\n'),
        ("features.py: features() returned `customer_id` as String",),
    ),
    "infinite features": (
        "features.py",
        ('(pl.col("monthly_fee") / pl.col("data_gb_usual"))', '(pl.col("monthly_fee") / pl.lit(0))'),
        ("features.py: `fee_per_gb` is infinite in 16000 rows",),
    ),
    "features that are no frame": (
        "features.py",
        "def features(rows):\n    return [1, 2]\n",
        ("features.py", "list"),
    ),
    "a column that does not exist": (
        "features.py",
        ('    "calls_90d",\n', '    "calls_90dd",\n'),
        ("features.py, line ", "calls_90dd"),
    ),
    "a step without a conversion": (
        "model.py",
        (
            "from sklearn.ensemble import HistGradientBoostingClassifier\nfrom sklearn.pipeline import make_pipeline\n"
            "from sklearn.preprocessing import FunctionTransformer\n\n\n"
            "def train(data):\n    steps = FunctionTransformer(lambda x: x * 2), "
            "HistGradientBoostingClassifier(max_iter=2)\n    return make_pipeline(*steps).fit(data.x, data.y)\n"
        ),
        ("cannot be stored as ONNX: FunctionTransformer has no conversion",),
    ),
    "native categories": (
        "model.py",
        (
            "from sklearn.ensemble import HistGradientBoostingClassifier\n\n\n"
            "def train(data):\n    model = HistGradientBoostingClassifier(max_iter=2, categorical_features=[23])\n"
            "    return model.fit(data.x, data.y)\n"
        ),
        ("HistGradientBoostingClassifier was fitted with native categories",),
    ),
}


@pytest.mark.parametrize("fault", MODELS)
def test_code_that_does_not_follow_the_contract_is_refused_with_the_place(fault: str, repo: Repo) -> None:
    name, change, expected = MODELS[fault]
    file = repo.package / name
    if isinstance(change, tuple):
        repo.edit(file, *change)
    elif change:
        file.write_text(change, encoding="utf-8")
    else:
        file.unlink()
    with untouched(repo):
        said = refusal(repo.fearless("stage", "train"))
    for words in expected:
        assert words in said, said


SETTINGS = {
    "params.yaml": ("seed: [1\n", "params.yaml line 2"),
    "columns.yaml": ("columns: {a: 1}\n", "columns.yaml"),
    ".copier-answers.yml": ("", ".copier-answers.yml"),
}


@pytest.mark.parametrize("name", SETTINGS)
def test_broken_settings_are_refused_by_file(name: str, repo: Repo) -> None:
    content, expected = SETTINGS[name]
    repo.write(name, content)
    with untouched(repo):
        assert expected in refusal(repo.fearless("stage", "train"))


def test_a_parameter_the_estimator_does_not_know_is_told_with_the_place(repo: Repo) -> None:
    repo.edit("params.yaml", "max_leaf_nodes:", "max_leaf_nodse:")
    with untouched(repo):
        said = refusal(repo.fearless("stage", "train"))
    assert "src/fearless_model/model.py, line " in said
    assert "max_leaf_nodse" in said


def test_a_seed_that_is_no_number_is_refused(repo: Repo) -> None:
    repo.edit("params.yaml", "seed: 7 ", "seed: lucky ")
    with untouched(repo):
        assert "params.yaml: `seed` is 'lucky'" in refusal(repo.fearless("stage", "train"))


@pytest.mark.parametrize("name", ["dvc.lock", "dvc.yaml", "data/raw.dvc"])
def test_a_damaged_file_of_dvc_is_refused_by_name(name: str, repo: Repo) -> None:
    repo.write(name, "<<<<<<< ours\nschema: '2.0'\nstages: [\n")
    with untouched(repo):
        assert name in refusal(repo.fearless("train"))


def test_training_that_fails_inside_dvc_keeps_the_model_of_before(repo: Repo) -> None:
    repo.edit(repo.package / "model.py", "    return fitted\n", "    raise RuntimeError('on purpose')\n")
    before = {folder: repo.snapshot(folder) for folder in ("data", "models", "ops")}
    said = refusal(repo.fearless("train"), sentences=2)
    assert {folder: repo.snapshot(folder) for folder in before} == before
    assert "model.py, line " in said
    assert "raised RuntimeError: on purpose" in said
    assert "The stage train stopped" in said


def test_a_stage_that_does_not_exist_is_refused(repo: Repo) -> None:
    assert "There is no stage `deploy`" in refusal(repo.fearless("stage", "deploy"))
