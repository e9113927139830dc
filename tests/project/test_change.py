"""What a change does to its own judges is named from its base, and refused where it comes with the model."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from pathlib import Path

import pytest

from .conftest import Repo
from .published import IDENTITY, JUDGE, NEW, OLD, made_from, updated
from .published import published as published
from .releasing import released

TARGET = {"CI": "true", "GITHUB_BASE_REF": "main"}
WORKFLOW = ".github/workflows/fearless-pull-request.yml"


@pytest.fixture
def change(repo: Repo, published: Path) -> Repo:
    """A branch that left main, of a repository made from the first release."""
    made_from(repo, published, "v0.1.0")
    commit(repo)
    remote = repo.root.parent / "remote.git"
    repo.git("clone", "--quiet", "--bare", ".", str(remote))
    repo.git("remote", "add", "origin", str(remote))
    repo.git("fetch", "--quiet", "origin")
    repo.git("switch", "--quiet", "--create", "change")
    return repo


def commit(repo: Repo) -> None:
    repo.git("add", "--all")
    repo.git(*IDENTITY, "commit", "--quiet", "--allow-empty", "--message", "A change")


def run_dvc(repo: Repo, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [str(repo.python), "-m", "dvc", *arguments]
    return subprocess.run(
        command, cwd=repo.root, env=repo.environment(), capture_output=True, encoding="utf-8"
    )


def said(repo: Repo, code: int, **variables: str) -> str:
    result = repo.fearless("check", "--change", **(variables or TARGET))
    assert result.returncode == code, result.stdout + result.stderr
    assert "Traceback" not in result.stderr
    return result.stdout


def test_a_change_of_the_model_touches_none_of_its_judges(change: Repo) -> None:
    change.edit("params.yaml", "max_iter: 60", "max_iter: 50")
    commit(change)
    assert "ok    this change touches none of its judges" in said(change, 0)


@pytest.mark.parametrize("how", [("--change",), ()], ids=["change", "whole"])
def test_the_base_of_a_change_is_asked_for_once(change: Repo, tmp_path: Path, how: tuple[str, ...]) -> None:
    (change.root / "ops/releases").mkdir()
    change.write("ops/releases/notes.md", "no release\n")  # what is released is looked at as well
    commit(change)
    heard = tmp_path / "git.json"
    change.fearless("check", *how, **TARGET, GIT_TRACE2_EVENT=str(heard))
    events = [json.loads(line) for line in heard.read_text(encoding="utf-8").splitlines()]
    calls = [event["argv"][1:] for event in events if event["event"] == "start"]
    assert [call for call in calls if call[0] == "merge-base"] == [["merge-base", "origin/main", "HEAD"]]


def test_an_update_to_a_release_is_proven_by_the_template_itself(change: Repo, published: Path) -> None:
    updated(change, published)
    commit(change)
    assert "files are those of release v0.2.0, compared with the template itself" in said(change, 0)


def test_an_update_with_a_stray_edit_is_refused_even_with_its_digest_in_the_manifest(
    change: Repo, published: Path
) -> None:
    updated(change, published)
    before = hashlib.sha256((change.root / JUDGE).read_bytes()).hexdigest()
    change.edit(JUDGE, NEW, NEW + " Or not.")
    change.edit("fearless/MANIFEST", before, hashlib.sha256((change.root / JUDGE).read_bytes()).hexdigest())
    commit(change)
    told = said(change, 1)
    assert f"not those of release v0.2.0: {JUDGE} belongs to the template and was edited." in told
    assert "fearless/MANIFEST belongs to the template and was edited." in told


def test_an_update_that_keeps_an_old_file_or_brings_one_of_its_own_is_refused(
    change: Repo, published: Path
) -> None:
    updated(change, published)
    change.write("fearless/src/fearless/gate/other.py", "PASS = True\n")
    change.edit(JUDGE, NEW, OLD)
    commit(change)
    told = said(change, 1)
    assert f"{JUDGE} belongs to the template and was edited" in told
    assert "fearless/src/fearless/gate/other.py stands among the template's files" in told


def test_an_update_that_goes_back_is_refused(change: Repo, published: Path) -> None:
    change.git("switch", "--quiet", "main")
    updated(change, published)
    commit(change)
    change.git("push", "--quiet", "origin", "main")
    change.git("switch", "--quiet", "--create", "back")
    change.git("checkout", "--quiet", "main~1", "--", JUDGE, "fearless/MANIFEST", ".copier-answers.yml")
    commit(change)
    assert "goes back from 0.2.0 to 0.1.0" in said(change, 1)


def test_another_source_of_the_template_is_named_even_before_anything_comes_from_it(
    change: Repo, published: Path, tmp_path: Path
) -> None:
    change.edit(".copier-answers.yml", str(published), str(tmp_path / "other"))
    commit(change)
    assert f"takes the template from {tmp_path / 'other'}, the base from {published}, in a" in said(change, 0)
    change.edit("params.yaml", "max_iter: 60", "max_iter: 50")
    commit(change)
    assert f"the base from {published}, together with params.yaml" in said(change, 1)


def test_a_toolkit_from_another_place_is_named(change: Repo) -> None:
    change.edit("pyproject.toml", 'path = "fearless", editable', 'path = "tools/fearless", editable')
    commit(change)
    assert "pyproject.toml takes the toolkit from" in said(change, 1)
    assert "FAIL  the toolkit that runs is the one in fearless/" in said(change, 1)


def test_a_module_beside_the_toolkit_does_not_stand_in_for_it(change: Repo) -> None:
    change.write("fearless.py", "raise SystemExit(0)\n")
    change.edit(JUDGE, OLD, NEW)
    commit(change)
    script = ["bash", "fearless/ci/toolkit.sh", "check", "--change", "--base", "main"]
    environment = {**change.surroundings, "UV_PROJECT_ENVIRONMENT": str(change.root.parent / "environment")}
    done = subprocess.run(script, cwd=change.root, env=environment, capture_output=True, encoding="utf-8")
    assert done.returncode == 1, done.stdout + done.stderr
    assert f"files differ from the base: {JUDGE}" in done.stdout


def test_a_champion_of_the_change_s_own_is_refused_beside_a_model_and_none_may_go(change: Repo) -> None:
    change.git("switch", "--quiet", "main")
    shutil.copytree(change.root / "models" / "candidate", change.root / "models" / "champion")
    added = run_dvc(change, "add", "models/champion")
    assert added.returncode == 0, added.stderr
    commit(change)
    change.git("push", "--quiet", "origin", "main")
    change.git("switch", "--quiet", "--create", "another")
    pointer = change.root / "models" / "champion.dvc"
    pointer.write_text(pointer.read_text("utf-8").replace("md5: ", "md5: 0", 1), "utf-8")
    commit(change)
    told = said(change, 1)
    assert "ok    models/champion.dvc names another champion, in a change of its own" in told
    assert "models/champion.dvc names a model that no release in ops/releases has." in told
    change.edit("params.yaml", "max_iter: 60", "max_iter: 20")
    commit(change)
    assert "names another champion, together with params.yaml" in said(change, 1)
    pointer.unlink()
    commit(change)
    assert "models/champion.dvc is gone" in said(change, 1)


def test_what_is_measured_does_not_change_together_with_the_model(change: Repo) -> None:
    change.git("switch", "--quiet", "main")
    columns = (change.root / "columns.yaml").read_text("utf-8")
    change.write("columns.yaml", columns.replace("version: 1\n", "version: 1\ngroup: region\n", 1))
    commit(change)
    change.git("push", "--quiet", "origin", "main")
    change.git("switch", "--quiet", "--create", "ungrouped")
    change.write("columns.yaml", columns)
    commit(change)
    assert "columns.yaml changes what is measured: group region -> None, in a change" in said(change, 0)
    change.edit("params.yaml", "max_iter: 60", "max_iter: 50")
    commit(change)
    assert "group region -> None, together with params.yaml" in said(change, 1)


def test_the_team_s_own_metric_does_not_change_together_with_what_it_measures(change: Repo) -> None:
    package = change.package.name
    change.git("switch", "--quiet", "main")
    change.write(change.package / "money.py", "def profit(y, score):\n    return score\n")
    gate = (change.root / "gate.yaml").read_text("utf-8")
    own = f'  - {{metric: "{package}.money:profit", direction: higher, floor: 0.1}}\n'
    change.write("gate.yaml", gate.replace("checks:\n", f"checks:\n{own}", 1))
    commit(change)
    change.git("push", "--quiet", "origin", "main")
    change.git("switch", "--quiet", "--create", "richer")
    change.write(change.package / "money.py", "def profit(y, score):\n    return score + 1\n")
    commit(change)
    assert f"src/{package}/money.py holds a metric of gate.yaml, in a change of its own" in said(change, 0)
    change.edit("params.yaml", "max_iter: 60", "max_iter: 50")
    commit(change)
    assert "holds a metric of gate.yaml, together with params.yaml" in said(change, 1)


def test_what_the_team_s_own_metric_uses_does_not_change_together_with_what_it_measures(change: Repo) -> None:
    package = change.package.name
    change.git("switch", "--quiet", "main")
    change.write(
        change.package / "money.py", "from .prices import GAIN\n\ndef profit(y, score):\n    return GAIN\n"
    )
    change.write(change.package / "prices.py", "GAIN = 1.0\n")
    gate = (change.root / "gate.yaml").read_text("utf-8")
    own = f'  - {{metric: "{package}.money:profit", direction: higher, floor: 0.1}}\n'
    change.write("gate.yaml", gate.replace("checks:\n", f"checks:\n{own}", 1))
    commit(change)
    change.git("push", "--quiet", "origin", "main")
    change.git("switch", "--quiet", "--create", "richer")
    change.write(change.package / "prices.py", "GAIN = 50.0\n")
    commit(change)
    assert f"src/{package}/prices.py is used by a metric of gate.yaml, in a change of its own" in said(
        change, 0
    )
    change.edit("params.yaml", "max_iter: 60", "max_iter: 50")
    commit(change)
    assert "is used by a metric of gate.yaml, together with params.yaml" in said(change, 1)


def test_steps_of_the_team_that_change_are_told(change: Repo) -> None:
    change.write("ops/ci/before.sh", "date\n")
    commit(change)
    assert "ops/ci/before.sh changes, and runs on the machine that judges" in said(change, 0)


def test_where_there_is_no_base_that_is_said(repo: Repo) -> None:
    assert "there is no base to compare with" in said(repo, 0, CI="true")


def test_an_update_from_another_template_is_refused(change: Repo, published: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(published, other)
    updated(change, published)
    change.edit(".copier-answers.yml", str(published), str(other))
    commit(change)
    assert f"takes the template from {other}, the base from {published}" in said(change, 1)


@pytest.mark.parametrize(
    ("tag", "why"),
    [
        ("v9.9.9", "has no release v9.9.9"),
        ("main", "names no release of the template"),
        ("v0.2.0", "cannot be read"),
    ],
)
def test_an_update_that_cannot_be_proven_is_refused(
    change: Repo, published: Path, tag: str, why: str
) -> None:
    updated(change, published)
    change.edit(".copier-answers.yml", "v0.2.0", tag)
    commit(change)
    if why == "cannot be read":
        shutil.rmtree(published)
    told = said(change, 1)
    assert "cannot be proven" in told
    assert why in told


def test_an_edit_of_the_toolkit_by_one_line_is_refused(change: Repo) -> None:
    change.edit(JUDGE, OLD, NEW)
    commit(change)
    told = said(change, 1)
    assert f"files differ from the base: {JUDGE}" in told
    assert "names the same release, so this is an edit and no update" in told


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ('--mode "$MODE" --summary "$GITHUB_STEP_SUMMARY"', "--mode x || true", "adds `|| true`"),
        ("  judge:\n", "  judged:\n", "the job `judge` is gone"),
        (
            "    needs: [check, judge]\n    runs-on: ubuntu-24.04\n    timeout-minutes: 5",
            "    runs-on: ubuntu-24.04\n    timeout-minutes: 5",
            "the job `green` no longer needs `check`",
        ),
        (
            "fearless train --ci",
            "fearless train --ci\n        continue-on-error: true",
            "adds `continue-on-error`",
        ),
    ],
)
def test_what_an_edit_takes_out_of_the_workflow_is_named(
    change: Repo, old: str, new: str, named: str
) -> None:
    change.edit(WORKFLOW, old, new)
    commit(change)
    assert named in said(change, 1)


def test_a_workflow_that_is_removed_is_named(change: Repo) -> None:
    (change.root / WORKFLOW).unlink()
    commit(change)
    assert f"{WORKFLOW} (it is gone)" in said(change, 1)


def test_another_pipeline_is_not_chosen_by_the_change_that_it_would_judge(change: Repo) -> None:
    change.edit(".copier-answers.yml", "ci: github", "ci: gitlab")
    shutil.rmtree(change.root / ".github" / "workflows")
    commit(change)
    told = said(change, 1)
    assert "says `ci: gitlab`, the base `ci: github`" in told


def test_tests_that_are_switched_off_together_with_the_model_are_named_and_alone_they_are_shown(
    change: Repo,
) -> None:
    tests = change.root / "tests" / "test_model_code.py"
    text = tests.read_text("utf-8")
    name = text.split("def ", 1)[1].split("(", 1)[0]
    tests.write_text(text.replace("def test_", "@pytest.mark.skip\ndef test_", 1), "utf-8")
    commit(change)
    assert f"tests/ switches off: tests/test_model_code.py: {name}, in a change of its own." in said(
        change, 0
    )
    change.edit("params.yaml", "max_iter: 60", "max_iter: 50")
    commit(change)
    assert f"tests/ switches off: tests/test_model_code.py: {name}, together with params.yaml." in said(
        change, 1
    )


def test_tests_that_are_chosen_otherwise_together_with_the_model_are_named(change: Repo) -> None:
    change.edit(
        "pyproject.toml", 'testpaths = ["tests"]', 'testpaths = ["tests"]\naddopts = ["-k", "nothing"]'
    )
    change.write("pytest.ini", "[pytest]\n")
    change.edit("params.yaml", "max_iter: 60", "max_iter: 50")
    commit(change)
    assert "switches off: pyproject.toml: addopts of pytest; pytest.ini, together with params.yaml" in said(
        change, 1
    )


def test_fewer_tests_are_told_and_not_refused(change: Repo) -> None:
    change.write("tests/test_model_code.py", "def test_one() -> None:\n    assert 1\n")
    change.edit("params.yaml", "max_iter: 60", "max_iter: 50")
    commit(change)
    assert "fewer than the base" in said(change, 0)


def test_a_dropped_item_of_the_team_is_named(change: Repo) -> None:
    change.git("switch", "--quiet", "main")
    change.write("ops/checklist.yaml", "version: 1\nitems:\n  - {id: T01, title: A date, run: [date]}\n")
    commit(change)
    change.git("push", "--quiet", "origin", "main")
    change.git("switch", "--quiet", "--create", "dropping")
    change.write("ops/checklist.yaml", "version: 1\nitems: []\n")
    change.edit("params.yaml", "max_iter: 60", "max_iter: 50")
    commit(change)
    assert "ops/checklist.yaml drops or changes items: T01, together with params.yaml" in said(change, 1)


def test_the_same_is_said_before_a_commit_on_a_branch_of_one_s_own(change: Repo) -> None:
    change.edit("gate.yaml", "min_skill: 0.35", "min_skill: 0.01")
    change.edit("params.yaml", "max_iter: 60", "max_iter: 50")
    told = said(change, 1, CI="")
    assert "gate.yaml asks for less: log_loss.min_skill 0.35 -> 0.01, together with params.yaml" in told


def test_a_base_that_is_not_there_is_a_sentence_in_the_summary_too(change: Repo, tmp_path: Path) -> None:
    summary = tmp_path / "summary.md"
    result = change.fearless("check", "--change", GITHUB_BASE_REF="no-such", GITHUB_STEP_SUMMARY=str(summary))
    assert result.returncode == 2
    assert "there is no common commit with origin/no-such" in result.stderr
    assert summary.read_text("utf-8").startswith("⛔ **Not judged.** The base of this change cannot be found")


def test_what_a_place_needs_is_printed_and_two_kinds_of_checks_at_once_are_refused(change: Repo) -> None:
    result = change.fearless("check", "--env", "ci")
    assert result.returncode == 0, result.stdout
    for named in (
        "All green",
        "code owners",
        "fearless-release",
        "FEARLESS_APP_ID",
        "No file in a repository can",
    ):
        assert named in result.stdout
    (change.root / ".github" / "CODEOWNERS").unlink()
    bare = change.fearless("check", "--env", "ci")
    assert bare.returncode == 1
    assert "There is no CODEOWNERS" in bare.stdout
    assert "Choose: ci." in change.fearless("check", "--env", "moon").stderr
    assert "Choose one of them" in change.fearless("check", "--env", "ci", "--staged").stderr


def test_a_release_that_was_prepared_is_let_through_and_each_forgery_of_one_is_named(change: Repo) -> None:
    change.git("switch", "--quiet", "main")
    released(change)
    change.git("branch", "--quiet", "prepared")
    change.git("reset", "--quiet", "--hard", "HEAD~1")
    change.git("switch", "--quiet", "prepared")
    bundle = change.root / "ops/releases/v1"
    shutil.rmtree(bundle / "model")  # as in the pipeline, which pulls no release
    # The bundle of these tests has no checklist, which is what a release made by hand looks like.
    assert "v1 is not fit to be merged: its checklist has open items: there is no checklist." in said(
        change, 1
    )
    record = json.loads((bundle / "release.json").read_text("utf-8"))

    def forged(**values: object) -> str:
        (bundle / "release.json").write_text(json.dumps(record | values), encoding="utf-8")
        return said(change, 1)

    done = [{"id": "A14", "title": "floors", "state": "done"}]
    (bundle / "release.json").write_text(json.dumps(record | {"items": done}), encoding="utf-8")
    assert "ok    what this change releases was judged and agreed" in said(change, 0)
    assert "its checklist has open items: S7." in forged(items=[*done, {"id": "S7", "state": "open"}])
    assert "its gate judged another model." in forged(items=done, model_sha256="0" * 64)
    assert "its record and its gate report tell two stories." in forged(items=done, verdict="FAIL")
    digests = record["digests"]
    other = forged(items=done, digests=digests | {"gate.yaml": "0" * 64})
    assert "it was judged by another gate.yaml than the base's." in other
    other = forged(items=done, digests=digests | {"data/golden": "0" * 32 + ".dir"})
    assert "it was judged on other golden data than the base's (data/golden.dvc)." in other
    bare = forged(items=done, files={})
    assert "ops/releases/v1/release.json names no digest of gate.json and card.md." in bare
    # Brought without the champion, it would be taken for an old one by the change that makes it the champion.
    (change.root / "models/champion.dvc").unlink()
    assert "its checklist has open items: S7." in forged(items=[*done, {"id": "S7", "state": "open"}])
    change.git("checkout", "--quiet", "models/champion.dvc")
    (bundle / "release.json").write_text(json.dumps(record | {"items": done}), encoding="utf-8")
    gate = (bundle / "gate.json").read_text("utf-8")
    (bundle / "gate.json").write_text(gate.replace("PASS", "FAIL"), encoding="utf-8")
    assert "The bundle of v1 does not hold: ops/releases/v1/gate.json is not what was released" in said(
        change, 1
    )
    for text in ("null", '{"context": 5}'):
        (bundle / "gate.json").write_text(text, encoding="utf-8")
        told = forged(
            items=done, files=record["files"] | {"gate.json": hashlib.sha256(text.encode()).hexdigest()}
        )
        assert "The bundle of v1 does not hold: gate.json is no report of the gate." in told
    (change.root / "models/champion.dvc").write_bytes(b"\xff\xfe")
    assert "models/champion.dvc" in said(change, 1)


def test_a_champion_without_a_release_is_refused_and_so_is_an_edit_of_a_merged_bundle(change: Repo) -> None:
    change.git("switch", "--quiet", "main")
    released(change)
    change.git("push", "--quiet", "origin", "main")
    change.git("switch", "--quiet", "--create", "hand-made")
    card = change.root / "ops/releases/v1/card.md"
    card.write_text(card.read_text("utf-8") + "It is perfect.\n", encoding="utf-8")
    assert "ops/releases/v1/card.md belongs to a release that was merged" in said(change, 1)
    card.unlink()
    assert "ops/releases/v1/card.md belongs to a release that was merged" in said(change, 1)
    change.git("checkout", "--quiet", "ops")
    pointer = change.root / "models" / "champion.dvc"
    pointer.write_text(pointer.read_text("utf-8").replace("md5: ", "md5: 0", 1), "utf-8")
    assert "models/champion.dvc names a model that no release in ops/releases has." in said(change, 1)
