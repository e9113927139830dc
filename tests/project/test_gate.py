"""`fearless gate` on real models: what passes, what is refused and by which check, and what cannot be judged."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import pytest

from fearless.core.digest import dvc_folder_md5

from .conftest import Repo

CHAMPION_CHECKS = {"log_loss.max_skill_drop", "roc_auc.max_drop"}


@pytest.fixture(scope="module")
def others(started: tuple[Repo, str], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Artifacts that the repository's own stage trained with other parameters and other features."""
    base = tmp_path_factory.mktemp("others")
    source = started[0]
    root = base / "repo"
    shutil.copytree(source.root, root, symlinks=True, ignore=shutil.ignore_patterns(".venv", "__pycache__"))
    repo = Repo(root, source.python, source.surroundings)
    changes: dict[str, tuple[str | Path, str, str]] = {
        "weaker": ("params.yaml", "max_iter: 60 ", "max_iter: 15 "),
        "similar": ("params.yaml", "l2_regularization: 1.0 ", "l2_regularization: 3.0 "),
        "narrower": (repo.package / "features.py", '    "outage_hours_90d",\n', ""),
    }
    made: dict[str, Path] = {}
    for name, (file, old, new) in changes.items():
        before = (repo.root / file).read_bytes()
        repo.edit(file, old, new)
        result = repo.fearless("stage", "train")
        assert result.returncode == 0, result.stdout + result.stderr
        made[name] = base / name
        shutil.copytree(repo.root / "models" / "candidate", made[name])
        (repo.root / file).write_bytes(before)
    return made


def judged(repo: Repo, *arguments: str, code: int) -> dict[str, str]:
    """Run the gate; returns the verdict of each check."""
    result = repo.fearless("gate", *arguments)
    assert result.returncode == code, result.stdout + result.stderr
    assert "Traceback" not in result.stdout + result.stderr
    report = repo.report()
    assert report["exit_code"] == code
    return {check["id"]: check["verdict"] for check in report["checks"]}


def crowned(repo: Repo, artifact: Path | None = None) -> Path:
    """Make `artifact` (the candidate, where none is given) the champion, as a release would."""
    champion = repo.root / "models" / "champion"
    shutil.copytree(artifact or repo.root / "models" / "candidate", champion)
    return champion


def nominated(repo: Repo, artifact: Path) -> None:
    shutil.rmtree(repo.root / "models" / "candidate")
    shutil.copytree(artifact, repo.root / "models" / "candidate")


def error(repo: Repo, *arguments: str) -> str:
    """Run a gate that cannot judge; returns the sentence. No report of an earlier run may be left."""
    stale = repo.root / ".fearless" / "gate" / "report.md"
    stale.parent.mkdir(parents=True, exist_ok=True)
    stale.write_text("PASS of yesterday\n", encoding="utf-8")
    result = repo.fearless("gate", *arguments)
    assert result.returncode == 2, result.stdout + result.stderr
    assert "Traceback" not in result.stdout + result.stderr
    report = repo.report()
    assert (report["verdict"], report["exit_code"], report["checks"]) == ("ERROR", 2, [])
    assert "yesterday" not in stale.read_text(encoding="utf-8")
    assert "ERROR" in result.stdout
    (said,) = report["errors"]
    return str(said)


def test_a_model_worsened_in_params_and_trained_again_is_refused_by_name(repo: Repo) -> None:
    repo.edit("params.yaml", "max_iter: 60 ", "max_iter: 2 ")
    trained = repo.fearless("train")
    assert trained.returncode == 0, trained.stdout + trained.stderr
    verdicts = judged(repo, code=1)
    assert verdicts["log_loss.min_skill"] == "FAIL"
    said = repo.fearless("gate").stdout
    assert "FAIL" in said
    assert "log_loss" in said


def test_an_equal_champion_is_no_reason_to_refuse(repo: Repo) -> None:
    crowned(repo)
    verdicts = judged(repo, "--mode", "release", code=0)
    assert verdicts.keys() >= CHAMPION_CHECKS
    assert set(verdicts.values()) == {"PASS"}


def test_a_champion_that_is_not_the_one_that_was_released_judges_nothing(
    repo: Repo, others: dict[str, Path]
) -> None:
    champion = crowned(repo)
    repo.write(
        "models/champion.dvc", f"outs:\n- md5: {dvc_folder_md5(champion)}\n  hash: md5\n  path: champion\n"
    )
    assert set(judged(repo, code=0).values()) == {"PASS"}
    shutil.rmtree(champion)
    crowned(repo, others["weaker"])
    assert "models/champion is not what models/champion.dvc names" in error(repo)


def test_a_candidate_that_is_worse_than_the_champion_is_refused_though_it_clears_the_floors(
    repo: Repo, others: dict[str, Path]
) -> None:
    crowned(repo)
    nominated(repo, others["weaker"])
    verdicts = judged(repo, code=1)
    assert verdicts["log_loss.min_skill"] == "PASS"
    assert verdicts["log_loss.max_skill_drop"] == "FAIL"


def test_a_champion_is_scored_with_the_features_it_was_trained_with(
    repo: Repo, others: dict[str, Path]
) -> None:
    crowned(repo, others["narrower"])
    judged(repo, code=0)
    models = {model["name"]: model for model in repo.report()["models"]}
    assert "24 features" in models["candidate"]["description"]
    assert "23 features" in models["champion"]["description"]
    assert models["candidate"]["metrics"]["log_loss"] != models["champion"]["metrics"]["log_loss"]


def test_what_the_rows_cannot_settle_warns_in_a_pull_request_and_fails_in_a_release(
    repo: Repo, others: dict[str, Path]
) -> None:
    crowned(repo, others["similar"])
    repo.edit("gate.yaml", "max_skill_drop: 0.02}", "max_skill_drop: 0.000001}")
    verdicts = judged(repo, code=0)
    assert verdicts["log_loss.max_skill_drop"] == "INCONCLUSIVE"
    assert repo.report()["verdict"] == "INCONCLUSIVE"
    judged(repo, "--mode", "release", code=3)
    (check,) = [each for each in repo.report()["checks"] if each["id"] == "log_loss.max_skill_drop"]
    assert check["rows_needed"] > 4000


def test_a_champion_whose_files_are_not_there_is_an_error_and_not_the_first_release(repo: Repo) -> None:
    repo.write(
        "models/champion.dvc", "outs:\n- md5: 0123456789abcdef0123456789abcdef.dir\n  path: champion\n"
    )
    assert "models/champion is missing. Bring it with `uv run dvc pull`." in error(repo)


def test_a_champion_that_predicts_something_else_cannot_be_compared(repo: Repo) -> None:
    champion = crowned(repo)
    dictionary = champion / "columns.yaml"
    text = dictionary.read_text(encoding="utf-8").replace("churned", "cancelled")
    dictionary.write_text(text, encoding="utf-8")
    manifest = champion / "manifest.json"
    content = json.loads(manifest.read_text(encoding="utf-8"))
    content["files"]["columns.yaml"] = hashlib.sha256(dictionary.read_bytes()).hexdigest()
    manifest.write_text(json.dumps(content), encoding="utf-8")
    said = error(repo)
    assert "models/champion predicts `cancelled`" in said
    assert "the candidate `churned`" in said


def test_changed_golden_rows_judge_nothing(repo: Repo) -> None:
    rows = repo.root / "data" / "golden" / "rows.parquet"
    content = rows.read_bytes()
    rows.write_bytes(content[:-9] + b"x" + content[-8:])
    assert "data/golden" in error(repo)


def test_golden_rows_with_a_record_that_fits_but_is_not_the_one_in_git_judge_nothing(repo: Repo) -> None:
    record = repo.root / "data" / "golden" / "golden.json"
    record.write_text(
        record.read_text(encoding="utf-8").replace('"share": 0.2', '"share": 0.3'), encoding="utf-8"
    )
    assert "data/golden is not what data/golden.dvc names" in error(repo)


def test_a_model_file_that_was_swapped_is_not_judged(repo: Repo, others: dict[str, Path]) -> None:
    shutil.copy(others["weaker"] / "model.onnx", repo.root / "models" / "candidate" / "model.onnx")
    said = error(repo)
    assert "models/candidate/model.onnx is not the file that was trained" in said
    assert "uv run fearless train" in said


def test_a_missing_model_file_is_named(repo: Repo) -> None:
    (repo.root / "models" / "candidate" / "model.onnx").unlink()
    assert "models/candidate/model.onnx is missing" in error(repo)


def test_no_candidate_at_all_is_an_error_that_says_how_to_get_one(repo: Repo) -> None:
    shutil.rmtree(repo.root / "models" / "candidate")
    assert "There is no model in models/candidate" in error(repo)


def test_a_misspelt_key_in_the_policy_is_answered_with_the_nearest(repo: Repo) -> None:
    repo.edit("gate.yaml", "confidence: ", "confidense: ")
    said = error(repo)
    assert "gate.yaml: confidense" in said
    assert "Did you mean `confidence`?" in said


def test_a_policy_that_is_no_yaml_is_an_error_with_the_line(repo: Repo) -> None:
    repo.write("gate.yaml", "version: 1\nchecks: [\n")
    assert "gate.yaml line 3" in error(repo)


def test_the_summary_is_added_to_what_stands_in_the_file(repo: Repo) -> None:
    summary = repo.root / "summary.md"
    summary.write_text("before\n", encoding="utf-8")
    for _ in range(2):
        judged(repo, "--summary", "summary.md", code=0)
    text = summary.read_text(encoding="utf-8")
    report = (repo.root / ".fearless" / "gate" / "report.md").read_text(encoding="utf-8")
    assert text.startswith("before\n")
    assert text.count(report) == 2


def test_the_gate_leaves_every_form_of_its_report_with_the_curves_of_both_models(repo: Repo) -> None:
    crowned(repo)
    judged(repo, code=0)
    folder = repo.root / ".fearless" / "gate"
    assert {file.name for file in folder.iterdir()} == {
        "report.json",
        "report.html",
        "report.md",
        "junit.xml",
    }
    for drawn in repo.report()["curves"].values():
        assert {"candidate", "champion"} <= drawn.keys()
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "This model may be merged." in page
    assert 'class="chart"' in page
    assert "<failure" not in (folder / "junit.xml").read_text(encoding="utf-8")


def test_failed_checks_are_annotations_in_a_github_workflow_and_nowhere_else(repo: Repo) -> None:
    repo.edit("gate.yaml", "min_skill: 0.35", "min_skill: 0.9")
    here = repo.fearless("gate", "--json")
    there = repo.fearless("gate", "--json", GITHUB_ACTIONS="true")
    assert "::error" not in here.stdout + here.stderr
    (line,) = [line for line in there.stderr.splitlines() if line.startswith("::")]
    assert line.startswith("::error file=gate.yaml,title=Gate%3A Knows more than nothing")
    assert json.loads(there.stdout)["verdict"] == "FAIL"


def test_the_gate_prints_its_report_as_json_and_nothing_else(repo: Repo) -> None:
    result = repo.fearless("gate", "--json")
    assert json.loads(result.stdout) == repo.report()


def test_a_mode_that_does_not_exist_is_refused(repo: Repo) -> None:
    result = repo.fearless("gate", "--mode", "nightly")
    assert result.returncode == 2
    assert "There is no mode `nightly`" in result.stderr
    assert not (repo.root / ".fearless" / "gate").exists()


def test_files_changed_since_training_are_named_beside_the_verdict(repo: Repo) -> None:
    repo.edit("params.yaml", "max_iter: 60 ", "max_iter: 61 ")
    result = repo.fearless("gate")
    assert result.returncode == 0
    assert "params.yaml changed since this candidate was trained" in result.stdout
    assert "may be merged" not in result.stdout
