"""The generated GitLab pipeline, run on what else a change or a runner may bring: each turns red for its own reason."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from tests.project.conftest import Repo
from tests.project.published import made_from, updated
from tests.project.published import published as published
from tests.workflows.conftest import IDENTITY, succeeded
from tests.workflows.hub_server import HubServer
from tests.workflows.test_pull_request import locked

from .conftest import Proposed, asked
from .outcome import CHECK, COMMENT, GATE, assert_red, sentence

PIPELINE = ".gitlab/fearless/pipeline.yml"
OWN = ".gitlab-ci.yml"


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
    assert_red(run, GATE, CHECK)
    assert "data/golden" in sentence(run.job(GATE))
    assert "toolkit.sh" not in run.job(GATE).log.split("pull.sh")[-1]


def test_golden_data_that_was_altered_with_its_pointer_is_refused(repo: Repo, proposed: Proposed) -> None:
    golden = repo.root / "data" / "golden" / "rows.parquet"
    golden.chmod(0o644)
    program = "import polars as pl, sys; rows = pl.read_parquet(sys.argv[1]); rows.tail(-1).write_parquet(sys.argv[1])"
    subprocess.run([repo.python, "-c", program, golden], check=True)
    succeeded(repo, "dvc", "add", "data/golden")
    succeeded(repo, "dvc", "push")
    run = proposed()
    assert not run.green
    assert "rows.parquet is not what was frozen" in run.job(CHECK).log


def test_golden_data_that_changes_alone_goes_green(repo: Repo, proposed: Proposed) -> None:
    succeeded(repo, "fearless", "golden", "freeze", "--again", "--share", "0.3")
    succeeded(repo, "fearless", "train")
    succeeded(repo, "dvc", "push")
    run = proposed()
    assert run.green, run.log
    assert "data/golden.dvc names other golden data, in a change of its own" in run.job(GATE).log
    assert "PASS by the golden data of the base (4,000 rows)." in run.job(GATE).log


def test_one_edited_line_of_the_toolkit_is_named_by_the_toolkit_of_the_base(
    repo: Repo, proposed: Proposed
) -> None:
    file = "fearless/src/fearless/gate/verdict.py"
    repo.write(file, (repo.root / file).read_text(encoding="utf-8") + "# edited\n")
    run = proposed()
    assert not run.green
    assert file in run.job(CHECK).log
    assert run.job(CHECK).result == "failed"


@pytest.mark.parametrize(
    ("job", "other", "how"),
    [
        (GATE, CHECK, "script: ['true']"),
        (GATE, CHECK, "allow_failure: true"),
        (GATE, CHECK, "rules: [{if: '$CI_COMMIT_BRANCH'}, {when: always}]"),
        (CHECK, GATE, "script: ['true']"),
        (".fearless", CHECK, "after_script: ['true']"),
    ],
)
def test_a_judge_that_the_change_overrides_is_named_by_the_other(
    repo: Repo, proposed: Proposed, job: str, other: str, how: str
) -> None:
    file = repo.root / OWN
    repo.write(OWN, file.read_text(encoding="utf-8") + f'"{job}":\n  {how}\n')
    run = proposed()
    assert not run.green
    assert run.job(other).result == "failed", run.log
    assert OWN in run.job(other).log


def test_a_change_that_hides_from_its_judges_that_it_is_one_is_named(repo: Repo, proposed: Proposed) -> None:
    file = repo.root / OWN
    hidden = "variables:\n  CI_MERGE_REQUEST_IID: ''\n"
    repo.write(OWN, file.read_text(encoding="utf-8") + hidden)
    run = proposed(hidden=["CI_MERGE_REQUEST_IID"])
    assert_red(run, GATE, CHECK)
    assert f"{OWN} sets `CI_MERGE_REQUEST_IID` for all jobs" in run.job(GATE).log


def test_a_verdict_that_the_pipeline_shrugs_off_is_named(repo: Repo, proposed: Proposed) -> None:
    repo.edit(PIPELINE, '--mode "$MODE"', '--mode "$MODE" || true')
    run = proposed()
    assert_red(run, GATE, CHECK)
    assert PIPELINE in run.job(CHECK).log


def test_a_fork_has_no_secrets_and_so_a_storage_in_the_cloud_is_not_judged(
    repo: Repo, proposed: Proposed
) -> None:
    """The storage within git asks for none: every other test here runs without secrets."""
    repo.edit(".dvc/config", "url = ../.storage", "url = s3://models-of-nobody/churn")
    repo.edit("pyproject.toml", 'dependencies = ["fearless"]', 'dependencies = ["fearless[s3]"]')
    locked(repo)
    run = proposed()
    assert_red(run, GATE, CHECK)
    assert "s3://models-of-nobody/churn" in sentence(run.job(GATE))
    assert "Gate:" not in run.job(GATE).log


def test_a_lock_that_is_not_current_is_refused_before_anything_is_pulled(
    repo: Repo, proposed: Proposed
) -> None:
    repo.edit("pyproject.toml", 'dependencies = ["fearless"]', 'dependencies = ["fearless", "packaging<99"]')
    run = proposed()
    assert_red(run, GATE, CHECK)
    assert sentence(run.job(GATE)) == "fearless: uv.lock is not current: run `uv lock` and commit it."
    assert "pull.sh" not in run.job(GATE).log


def test_a_runner_that_cannot_install_uv_fails_before_anything_is_pulled(
    repo: Repo, proposed: Proposed
) -> None:
    run = proposed(environments=None, variables={"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": ""})
    assert_red(run, GATE, CHECK)
    assert sentence(run.job(GATE)).startswith("fearless: uv could not be installed")
    assert "install.sh" not in run.job(GATE).log


def test_a_cache_that_holds_damaged_files_is_red_with_a_sentence(
    repo: Repo, proposed: Proposed, tmp_path: Path
) -> None:
    cache = tmp_path / "cache"
    cache.mkdir()
    for part in ("archive-v0", "wheels-v5", "simple-v16"):
        (cache / part).write_text("damaged", encoding="utf-8")
    run = proposed(environments=None, variables={"UV_CACHE_DIR": str(cache)})
    assert_red(run, GATE, CHECK)
    assert sentence(run.job(GATE)).startswith(
        "fearless: The versions that uv.lock names could not be installed"
    )


def test_a_shallow_clone_which_the_pipeline_avoids_could_not_be_judged(
    repo: Repo, proposed: Proposed
) -> None:
    assert 'GIT_DEPTH: "0"' in (repo.root / PIPELINE).read_text(encoding="utf-8")
    run = proposed(depth=1)
    assert_red(run, GATE, CHECK)
    assert sentence(run.job(GATE)).endswith("The pipeline needs the whole history.")


def test_the_steps_of_the_team_run_before_and_after_and_are_told_how_it_went(
    repo: Repo, proposed: Proposed
) -> None:
    repo.write("ops/ci/before.sh", "exit 3\n")
    repo.write("ops/ci/after.sh", 'echo "it ended with $FEARLESS_RESULT"\n')
    run = proposed()
    assert_red(run, GATE, CHECK)
    assert sentence(run.job(GATE)) == "fearless: Your ops/ci/before.sh ended with exit code 3."
    assert run.job(GATE).log.splitlines()[-1] == "it ended with failed"


def test_the_token_is_seen_by_the_script_of_the_base_and_by_nothing_that_the_change_brings(
    repo: Repo, hub: Path, proposed: Proposed
) -> None:
    repo.write("ops/ci/before.sh", 'echo "before.sh sees ${FEARLESS_GITLAB_TOKEN:-nothing}"; exit 1\n')
    repo.write("fearless/ci/hub.py", "print('the script of the change')\n")
    with HubServer(hub) as server:
        change = server.add("A change", head="change", base="main")
        token = server.token("project_7_bot", {"api": "write"})
        scoped = {"fearless-hub": {"FEARLESS_GITLAB_TOKEN": token}}
        run = proposed(scoped=scoped, variables={**asked(server), "CI_MERGE_REQUEST_IID": str(change.number)})
    assert_red(run, GATE, CHECK)
    assert "before.sh sees nothing" in run.job(GATE).log
    assert run.job(COMMENT).result == "success"
    assert "the script of the change" not in run.job(COMMENT).log
    assert token not in run.log
    (note,) = change.notes
    assert "**Not judged:**" in note.body


def test_a_genuine_update_of_the_template_goes_green_and_both_toolkits_judge(
    repo: Repo, hub: Path, proposed: Proposed, published: Path
) -> None:
    made_from_a_release(repo, published)
    updated(repo, published)
    run = proposed()
    assert run.green, run.log
    for job in (run.job(CHECK), run.job(GATE)):
        assert "The template's files are those of release v0.2.0" in job.log
        assert "--- By the toolkit of the base" in job.log
        assert "--- By the toolkit of this change" in job.log
    reports = run.job(GATE).artifacts / ".fearless"
    assert (reports / "gate" / "report.json").is_file()
    assert (reports / "gate-of-base" / "report.json").is_file()


def test_an_update_with_a_stray_edit_is_refused(
    repo: Repo, hub: Path, proposed: Proposed, published: Path
) -> None:
    made_from_a_release(repo, published)
    updated(repo, published)
    file = "fearless/ci/pull.sh"
    repo.write(file, (repo.root / file).read_text(encoding="utf-8") + "# stray\n")
    run = proposed()
    assert_red(run, GATE, CHECK)
    assert "The template's files are not those of release v0.2.0" in run.job(CHECK).log
    assert file in run.job(CHECK).log


def made_from_a_release(repo: Repo, published: Path) -> None:
    """Make main what was rendered from the first release."""
    made_from(repo, published, "v0.1.0")
    repo.git("add", "--all")
    repo.git(*IDENTITY, "commit", "--quiet", "--message", "Made from a release")
    repo.git("push", "--quiet", "origin", "HEAD:refs/heads/main")
    repo.git("fetch", "--quiet", "origin")
