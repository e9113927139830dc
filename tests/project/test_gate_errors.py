"""What cannot be judged is ERROR: one sentence, exit code 2, and in no form a report that could pass for a pass."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest

from .conftest import Repo, run

# Rewrites the golden rows and everything that vouches for them, so that only the rows themselves are wrong.
REFREEZE = """
import hashlib, json, sys
import polars as pl
from fearless.core import dvc
from fearless.core.project import Project

project = Project.find()
file, record = project.golden / "rows.parquet", project.golden / "golden.json"
rows = pl.read_parquet(file)
content = json.loads(record.read_text())
file.unlink(), record.unlink()
{spoil}
content |= {{"rows": rows.height, "rows_sha256": hashlib.sha256(file.read_bytes()).hexdigest()}}
record.write_text(json.dumps(content))
dvc.add(["data/golden"], project.root)
"""
WRITE = "rows.write_parquet(file)"
TARGET = "churned"
OWN_SCORER = """
import numpy as np


class Own:
    def score(self, x):
        return {gives}


def load(folder):
    return Own()
"""


def refuses(repo: Repo, said: str, *arguments: str) -> None:
    """The gate ends with 2 and one sentence that holds `said`, and every form of its report says ERROR alone."""
    result = repo.fearless("gate", *arguments, GITHUB_ACTIONS="true")
    assert result.returncode == 2, result.stdout + result.stderr
    assert "Traceback" not in result.stdout + result.stderr
    assert result.stdout.startswith("ERROR: The candidate was not judged: ")
    report = repo.report()
    (error,) = report["errors"]
    assert said in error
    assert (report["verdict"], report["exit_code"], report["checks"]) == ("ERROR", 2, [])
    folder = repo.root / ".fearless" / "gate"
    text = (folder / "report.md").read_text(encoding="utf-8")
    assert text.startswith("## ⛔ Gate: ERROR\n\n**The model was not judged.** ")
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "<h1>The model was not judged.</h1>" in page
    suite = ElementTree.fromstring((folder / "junit.xml").read_text(encoding="utf-8"))  # noqa: S314
    assert {name: suite.attrib[name] for name in ("tests", "errors")} == {"tests": "1", "errors": "1"}
    (annotation,) = [line for line in result.stderr.splitlines() if line.startswith("::error")]
    assert "title=Gate%3A not judged" in annotation
    for form in (result.stdout, text, page, json.dumps(report)):
        assert "PASS" not in form.replace("PASS{--tone", "").replace("}.PASS", "")
        assert "may be merged" not in form


def asking(line: str) -> Callable[[Repo], None]:
    return lambda repo: repo.edit("gate.yaml", "checks:\n", f"checks:\n  - {line}\n")


def with_section(text: str) -> Callable[[Repo], None]:
    return lambda repo: repo.write(
        "gate.yaml", (repo.root / "gate.yaml").read_text(encoding="utf-8") + text + "\n"
    )


def only_asking(text: str) -> Callable[[Repo], None]:
    return lambda repo: repo.write("gate.yaml", "version: 1\n" + text)


def with_golden(spoil: str) -> Callable[[Repo], None]:
    def spoiled(repo: Repo) -> None:
        code = REFREEZE.format(spoil=spoil)
        done = run([str(repo.python), "-c", code], repo.root, repo.environment())
        assert done.returncode == 0, done.stdout + done.stderr

    return spoiled


def with_champion(
    file: str, spoil: Callable[[bytes], bytes], *, vouched: bool = True
) -> Callable[[Repo], None]:
    """The candidate as its own champion with one file spoiled, which the manifest vouches for or not."""

    def spoiled(repo: Repo) -> None:
        champion = repo.root / "models" / "champion"
        shutil.copytree(repo.root / "models" / "candidate", champion)
        (path,) = champion.rglob(file)
        path.write_bytes(spoil(path.read_bytes()))
        if vouched:
            _vouch(champion, path)

    return spoiled


def _vouch(champion: Path, path: Path) -> None:
    manifest = champion / "manifest.json"
    content = json.loads(manifest.read_text(encoding="utf-8"))
    content["files"][path.relative_to(champion).as_posix()] = hashlib.sha256(path.read_bytes()).hexdigest()
    manifest.write_text(json.dumps(content), encoding="utf-8")


def with_own_scorer(gives: str) -> Callable[[Repo], None]:
    """A champion with the loader `team`, whose scores for the golden features `x` are what `gives` says."""

    def spoiled(repo: Repo) -> None:
        champion = repo.root / "models" / "champion"
        shutil.copytree(repo.root / "models" / "candidate", champion)
        (code,) = champion.rglob("model.py")
        code.write_text(code.read_text(encoding="utf-8") + OWN_SCORER.format(gives=gives), encoding="utf-8")
        _vouch(champion, code)
        manifest = champion / "manifest.json"
        content = json.loads(manifest.read_text(encoding="utf-8")) | {"loader": "team"}
        manifest.write_text(json.dumps(content), encoding="utf-8")

    return spoiled


def other_columns(content: bytes) -> bytes:
    """A dictionary of a time when there was another column."""
    return content.replace(b"\n  outage_hours_90d:", b"\n  satellite_hours_90d:")


CASES: dict[str, tuple[Callable[[Repo], None], str]] = {
    "a metric that does not exist": (
        asking("{metric: roc_acu, floor: 0.5}"),
        "Did you mean `roc_auc`?",
    ),
    "a metric of another task": (
        asking("{metric: mae, ceiling: 3}"),
        "`mae` judges regression targets",
    ),
    "a metric of the team that is not there": (
        lambda repo: asking(f'{{metric: "{repo.package.name}.model:gone", direction: higher, max_drop: 1}}')(
            repo
        ),
        "gone",
    ),
    "a metric of somebody else's package": (
        asking('{metric: "numpy.linalg:norm", direction: higher, max_drop: 1}'),
        "the metric `numpy.linalg:norm` is not in the team's package",
    ),
    "a slice that is no column": (
        with_section("slices: {by: [planet]}"),
        "slices.by: the golden data has no column `planet`",
    ),
    "a slice that is a name for each row": (
        with_section("slices: {by: [customer_id]}"),
        "customer_id",
    ),
    "no check at all": (only_asking("checks: []\nbaselines: []\n"), "gate.yaml"),
    "nothing but margins and no champion": (
        only_asking("checks:\n  - {metric: roc_auc, max_drop: 0.1}\nbaselines: []\ntoo_good: null\n"),
        "There is no champion yet, and gate.yaml asks for nothing else.",
    ),
    "a target that is missing": (
        with_golden(
            f"rows = rows.with_columns(pl.when(pl.int_range(pl.len()) == 3).then(None)"
            f".otherwise(pl.col('{TARGET}')).alias('{TARGET}')); {WRITE}"
        ),
        "missing",
    ),
    "one class only": (
        with_golden(f"rows = rows.filter(pl.col('{TARGET}') == rows['{TARGET}'][0]); {WRITE}"),
        "has one class only",
    ),
    "golden data without a row": (with_golden(f"rows = rows.clear(); {WRITE}"), "golden data is empty"),
    "golden data without its target": (
        with_golden(f"rows = rows.drop('{TARGET}'); {WRITE}"),
        TARGET,
    ),
    "golden data without a column of the model": (
        with_golden(f"rows = rows.drop('outage_hours_90d'); {WRITE}"),
        "outage_hours_90d",
    ),
    "golden data that was cut off": (
        with_golden(f"{WRITE}; file.write_bytes(file.read_bytes()[:-200])"),
        "data/golden/rows.parquet cannot be read",
    ),
    "a model that gives NaN": (
        with_own_scorer("np.where(np.arange(len(x)) == 3, np.nan, 0.5)"),
        "The champion gave NaN or infinity for 1 of 4,000 golden rows.",
    ),
    "a model that gives no probability": (
        with_own_scorer("np.full(len(x), 1.5)"),
        "The champion scores from 1.5 to 1.5, and a probability lies within 0..1.",
    ),
    "a model that gives fewer scores than rows": (
        with_own_scorer("np.full(len(x) - 1, 0.5)"),
        "Golden data has 4,000 rows and the scores of the champion have shape (3999,).",
    ),
    "a model that gives no numbers": (
        with_own_scorer("np.array(['yes'] * len(x))"),
        "The scores of the champion must be numbers.",
    ),
    "a model whose code raises": (
        with_own_scorer("x.no_such_thing"),
        "raised AttributeError",
    ),
    "a champion that was damaged": (
        with_champion("model.onnx", lambda content: content[:-1000], vouched=False),
        "models/champion/model.onnx is not the file",
    ),
    "a champion that cannot be loaded": (
        with_champion("model.onnx", lambda content: content[:1000]),
        "model.onnx in champion cannot be loaded",
    ),
    "a champion without a manifest that can be read": (
        with_champion("manifest.json", lambda content: content[:40], vouched=False),
        "models/champion/manifest.json is no JSON: EOF while parsing a string at line 4 column 4.",
    ),
    "a champion made for other columns": (
        with_champion("columns.yaml", other_columns),
        "models/champion cannot be scored on the golden data:",
    ),
    "a champion whose features are not those it was trained with": (
        with_champion("features.py", lambda content: content.replace(b'    "outage_hours_90d",\n', b"")),
        "models/champion cannot be scored on the golden data: The features of the model's own code",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_what_cannot_be_judged_is_one_sentence_and_in_no_form_a_pass(repo: Repo, case: str) -> None:
    spoil, said = CASES[case]
    spoil(repo)
    refuses(repo, said)


def test_the_same_forms_of_a_sound_model_do_say_pass(repo: Repo) -> None:
    """Or the search for the word above would prove nothing."""
    result = repo.fearless("gate")
    assert result.returncode == 0
    folder = repo.root / ".fearless" / "gate"
    for form in (
        result.stdout,
        *((folder / name).read_text("utf-8") for name in ("report.md", "report.html")),
    ):
        assert "PASS" in form.replace("PASS{--tone", "").replace("}.PASS", "")
