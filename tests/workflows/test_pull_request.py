"""The generated workflow, run on what else a change or a runner may bring: each turns red for its own reason."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from tests.project.conftest import Repo

from .actions import ACTIONS
from .conftest import WORKFLOW, Executed, Proposed, pull_request, succeeded
from .outcome import CHECK, GATE, INSTALL, PULL, assert_red
from .sandbox import Sandbox

# Left out where only the gate counts, to be quick.
CHECKS = "run: uv run --locked fearless check"


def test_golden_data_that_was_altered_in_the_storage_is_not_taken_for_golden(
    repo: Repo, proposed: Proposed
) -> None:
    rows = (repo.root / "data" / "golden" / "rows.parquet").read_bytes()
    (stored,) = [
        file for file in (repo.root / ".storage").rglob("*") if file.is_file() and file.read_bytes() == rows
    ]
    stored.chmod(0o644)
    stored.write_bytes(rows[:-1] + bytes([rows[-1] ^ 1]))
    run = proposed()
    assert_red(run, PULL)
    assert "Not judged" in run.job("judge").summary
    assert "data/golden" in run.job("judge").summary
    assert run.job("judge").step(GATE).outcome == "skipped"


def test_golden_data_that_was_altered_with_its_pointer_is_refused(repo: Repo, proposed: Proposed) -> None:
    golden = repo.root / "data" / "golden" / "rows.parquet"
    golden.chmod(0o644)
    program = "import polars as pl, sys; rows = pl.read_parquet(sys.argv[1]); rows.tail(-1).write_parquet(sys.argv[1])"
    subprocess.run([repo.python, "-c", program, golden], check=True)
    succeeded(repo, "dvc", "add", "data/golden")
    succeeded(repo, "dvc", "push")
    run = proposed()
    assert_red(run, CHECK)
    assert "rows.parquet is not what was frozen" in run.job("judge").step(CHECK).log


def test_one_edited_line_of_the_toolkit_is_named(repo: Repo, proposed: Proposed) -> None:
    file = "fearless/src/fearless/gate/verdict.py"
    repo.write(file, (repo.root / file).read_text(encoding="utf-8") + "# edited\n")
    run = proposed()
    assert_red(run, CHECK)
    assert f"{file} belongs to the template and was edited" in run.job("judge").step(CHECK).log


def test_a_verdict_that_the_workflow_shrugs_off_is_named_by_the_check_before_it(
    repo: Repo, proposed: Proposed
) -> None:
    repo.edit(WORKFLOW, '"$GITHUB_STEP_SUMMARY"', '"$GITHUB_STEP_SUMMARY" || true')
    run = proposed()
    assert_red(run, CHECK)
    assert f"{WORKFLOW} belongs to the template and was edited" in run.job("judge").step(CHECK).log


def test_a_fork_has_no_secrets_and_so_a_storage_in_the_cloud_is_not_judged(
    repo: Repo, proposed: Proposed
) -> None:
    """The storage within git asks for none: every other test here runs without secrets."""
    repo.edit(".dvc/config", "url = ../.storage", "url = s3://models-of-nobody/churn")
    repo.edit("pyproject.toml", 'dependencies = ["fearless"]', 'dependencies = ["fearless[s3]"]')
    locked(repo)
    run = proposed()
    assert_red(run, PULL)
    summary = run.job("judge").summary
    assert "Not judged" in summary
    assert "none of the secrets that s3://models-of-nobody/churn may ask for" in summary
    assert summary.count("\n") == 1


def test_a_lock_that_is_not_current_is_refused_before_anything_is_pulled(
    repo: Repo, proposed: Proposed
) -> None:
    repo.edit("pyproject.toml", 'dependencies = ["fearless"]', 'dependencies = ["fearless", "packaging<99"]')
    run = proposed()
    assert_red(run, INSTALL)
    assert "needs to be updated" in run.job("judge").step(INSTALL).log
    assert run.job("judge").step(PULL).outcome == "skipped"


def test_a_runner_without_uv_fails_before_anything_is_pulled(repo: Repo, proposed: Proposed) -> None:
    def nothing(job: Sandbox, asked: dict[str, str]) -> str:
        return "installed nothing"

    run = proposed(actions={**ACTIONS, "astral-sh/setup-uv": nothing})
    assert_red(run, INSTALL)
    assert "uv: command not found" in run.job("judge").step(INSTALL).log
    assert run.job("judge").step(PULL).outcome == "skipped"


def test_a_shallow_clone_which_the_workflow_avoids_could_not_be_judged(
    repo: Repo, hub: Path, executed: Executed
) -> None:
    event = pull_request(repo, hub)
    text = repo.git("show", f"{event.sha}:{WORKFLOW}")
    assert text.count("fetch-depth: 0") == 1
    run = executed(text.replace("fetch-depth: 0", "fetch-depth: 1").replace(CHECKS, "run: exit 0"), event)
    assert_red(run, GATE)
    assert "this clone is shallow" in run.job("judge").summary


def test_the_steps_of_the_team_run_before_and_after_and_are_told_how_it_went(
    repo: Repo, proposed: Proposed
) -> None:
    repo.write("ops/ci/before.sh", "echo before >> before.txt\nexit 3\n")
    repo.write("ops/ci/after.sh", 'echo "it ended with $FEARLESS_RESULT"\n')
    run = proposed()
    assert_red(run, "Your steps before")
    assert run.job("judge").step("Your steps after").log == "it ended with failure\n"


@pytest.mark.parametrize("result", ["success", "failure", "cancelled", "skipped"])
def test_all_is_green_only_where_the_judge_was(
    repo: Repo, hub: Path, executed: Executed, result: str
) -> None:
    event = pull_request(repo, hub)
    run = executed(repo.git("show", f"{event.sha}:{WORKFLOW}"), event, given={"judge": result})
    assert run.result("green") == ("success" if result == "success" else "failure")


def locked(repo: Repo) -> None:
    done = subprocess.run(
        ["uv", "lock"], cwd=repo.root, env={**repo.surroundings}, capture_output=True, encoding="utf-8"
    )
    assert done.returncode == 0, done.stderr
