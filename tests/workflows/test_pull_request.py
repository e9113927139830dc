"""The generated workflow, run on what else a change or a runner may bring: each turns red for its own reason."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest
import yaml
from tests.project.conftest import Repo
from tests.project.published import JUDGE, NEW, made_from, updated
from tests.project.published import published as published

from .actions import ACTIONS
from .conftest import IDENTITY, WORKFLOW, Executed, Proposed, pull_request, succeeded
from .outcome import BASE, CHANGE, CHECK, GATE, INSTALL, PULL, assert_green, assert_red
from .sandbox import Event, Sandbox

# Said of the jobs that a test does not look at, to be quick.
ONLY_CHECK = {"judge": "success"}
ONLY_JUDGE = {"check": "success"}


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
    for job in ("check", "judge"):
        assert_red(run, PULL, job=job)
        assert "Not judged" in run.job(job).summary
        assert "data/golden" in run.job(job).summary
    assert run.job("judge").step(GATE).outcome == "skipped"


def test_golden_data_that_was_altered_with_its_pointer_is_refused(repo: Repo, proposed: Proposed) -> None:
    golden = repo.root / "data" / "golden" / "rows.parquet"
    golden.chmod(0o644)
    program = "import polars as pl, sys; rows = pl.read_parquet(sys.argv[1]); rows.tail(-1).write_parquet(sys.argv[1])"
    subprocess.run([repo.python, "-c", program, golden], check=True)
    succeeded(repo, "dvc", "add", "data/golden")
    succeeded(repo, "dvc", "push")
    run = proposed()
    assert_red(run, CHECK, job="check")
    assert "rows.parquet is not what was frozen" in run.job("check").summary
    assert run.result("judge") == "failure"


def test_one_edited_line_of_the_toolkit_is_named_by_both_jobs(repo: Repo, proposed: Proposed) -> None:
    repo.write(JUDGE, (repo.root / JUDGE).read_text(encoding="utf-8") + "# edited\n")
    succeeded(repo, "dvc", "push")
    run = proposed()
    assert_red(run, CHANGE, job="check")
    assert_red(run, GATE)
    for job in ("check", "judge"):
        assert f"files differ from the base: {JUDGE}." in run.job(job).summary


def test_a_verdict_that_the_workflow_shrugs_off_is_named_by_the_other_job(
    repo: Repo, proposed: Proposed
) -> None:
    repo.edit(WORKFLOW, '--mode "$MODE" --summary "$GITHUB_STEP_SUMMARY"', "--mode release || true")
    run = proposed(given=ONLY_CHECK)
    assert_red(run, CHANGE, job="check")
    assert "adds `&#124;&#124; true`" in run.job("check").summary


def test_a_gate_that_is_taken_out_is_named_by_the_other_job(repo: Repo, proposed: Proposed) -> None:
    _without(repo, "judge")
    run = proposed()
    assert_red(run, CHANGE, job="check")
    assert "the job `judge` is gone" in run.job("check").summary


def test_a_check_that_is_taken_out_is_named_by_the_gate(repo: Repo, proposed: Proposed) -> None:
    _without(repo, "check")
    succeeded(repo, "dvc", "push")
    run = proposed()
    assert_red(run, GATE)
    assert "the job `check` is gone" in run.job("judge").summary


def test_a_judge_that_is_taken_from_the_change_is_named_by_the_toolkit_of_the_change(
    repo: Repo, proposed: Proposed
) -> None:
    repo.edit("fearless/ci/base.sh", "scripts=$theirs", "true")
    run = proposed(given=ONLY_CHECK)
    assert_red(run, CHANGE, job="check")
    assert "files differ from the base: fearless/ci/base.sh" in run.job("check").summary


def test_a_step_of_the_team_cannot_move_the_base_under_the_judge(repo: Repo, proposed: Proposed) -> None:
    """With the base moved to the change itself, nothing would be loosened by it."""
    repo.write("ops/ci/before.sh", "git update-ref refs/remotes/origin/main HEAD\n")
    repo.edit("gate.yaml", "min_skill: 0.35", "min_skill: 0.01")
    repo.edit("params.yaml", "max_iter: 60 ", "max_iter: 3 ")
    run = proposed(given=ONLY_CHECK)
    assert_red(run, CHANGE, job="check")
    assert "gate.yaml asks for less" in run.job("check").summary
    assert "ops/ci/before.sh changes, and runs on the machine that judges" in run.job("check").summary


def test_a_genuine_update_of_the_template_goes_green_and_both_toolkits_judge(
    repo: Repo, hub: Path, proposed: Proposed, published: Path
) -> None:
    _made_from_a_release(repo, published)
    updated(repo, published)
    run = proposed()
    assert_green(run)
    for job, verdict in (("check", "All 2 guards are content."), ("judge", "PASS: The candidate passes")):
        log = run.job(job).log
        assert log.count(verdict) == 2, log
        for toolkit in ("By the toolkit of the base", "By the toolkit of this change"):
            assert toolkit in log
            assert toolkit in run.job(job).summary
    assert "are those of release v0.2.0, compared with the template itself" in run.job("check").summary


def test_an_update_with_a_stray_edit_is_refused(
    repo: Repo, hub: Path, proposed: Proposed, published: Path
) -> None:
    _made_from_a_release(repo, published)
    updated(repo, published)
    repo.edit(JUDGE, NEW, NEW + " Or not.")
    run = proposed()
    assert_red(run, CHANGE, job="check")
    assert_red(run, GATE)
    assert f"not those of release v0.2.0: {JUDGE} belongs to the template" in run.job("check").summary


def test_a_fork_has_no_secrets_and_so_a_storage_in_the_cloud_is_not_judged_and_never_green(
    repo: Repo, proposed: Proposed
) -> None:
    """The storage within git asks for none: every other test here runs without secrets."""
    repo.edit(".dvc/config", "url = ../.storage", "url = s3://models-of-nobody/churn")
    repo.edit("pyproject.toml", 'dependencies = ["fearless"]', 'dependencies = ["fearless[s3]"]')
    locked(repo)
    run = proposed()
    for job in ("check", "judge"):
        assert_red(run, PULL, job=job)
        assert "Not judged" in run.job(job).summary
        assert "none of the secrets that s3://models-of-nobody/churn may ask for" in run.job(job).summary
    assert run.job("check").step(CHANGE).outcome == "success"
    assert run.result("comment") == "skipped"


def test_a_storage_that_is_not_configured_is_named(repo: Repo, proposed: Proposed) -> None:
    repo.write(".dvc/config", "[core]\n    analytics = false\n")
    run = proposed(given=ONLY_JUDGE)
    assert_red(run, PULL)
    assert "names no remote" in run.job("judge").summary


def test_a_lock_that_is_not_current_is_refused_before_anything_is_pulled(
    repo: Repo, proposed: Proposed
) -> None:
    repo.edit("pyproject.toml", 'dependencies = ["fearless"]', 'dependencies = ["fearless", "packaging<99"]')
    run = proposed(given=ONLY_JUDGE)
    assert_red(run, INSTALL)
    assert run.job("judge").summary == (
        "⛔ **Not judged.** uv.lock is not current: run `uv lock` and commit it.\n"
    )
    assert run.job("judge").step(PULL).outcome == "skipped"


def test_a_runner_without_uv_fails_before_anything_is_pulled(repo: Repo, proposed: Proposed) -> None:
    def nothing(job: Sandbox, asked: dict[str, str]) -> str:
        return "installed nothing"

    run = proposed(actions={**ACTIONS, "astral-sh/setup-uv": nothing}, given=ONLY_JUDGE)
    assert_red(run, INSTALL)
    assert "This runner has no uv" in run.job("judge").summary
    assert run.job("judge").step(PULL).outcome == "skipped"


def test_a_cache_with_a_damaged_library_ends_red_with_a_sentence(
    repo: Repo, hub: Path, executed: Executed, tmp_path: Path, surroundings: dict[str, str]
) -> None:
    event = pull_request(repo, hub)
    cache = damaged_cache(
        Path(surroundings["UV_CACHE_DIR"]), tmp_path / "cache", repo.python.parents[1], "pydantic/main.py"
    )
    text = repo.git("show", f"{event.sha}:{WORKFLOW}")
    text = text.replace("permissions: {}", f"permissions: {{}}\nenv: {{UV_CACHE_DIR: {cache}}}", 1)
    run = executed(text, event, given=ONLY_CHECK)
    assert_red(run, CHANGE, job="check")
    assert "A library is missing or damaged" in run.job("check").summary


def test_a_shallow_clone_which_the_workflow_avoids_could_not_be_judged(
    repo: Repo, hub: Path, executed: Executed
) -> None:
    event = pull_request(repo, hub)
    text = repo.git("show", f"{event.sha}:{WORKFLOW}")
    assert "fetch-depth: 0" in text
    run = executed(text.replace("fetch-depth: 0", "fetch-depth: 1"), event)
    for job in ("check", "judge"):
        assert_red(run, BASE, job=job)
        assert "The base of this change cannot be found" in run.job(job).summary


def test_the_steps_of_the_team_run_before_and_after_and_are_told_how_it_went(
    repo: Repo, proposed: Proposed
) -> None:
    repo.write("ops/ci/before.sh", "echo before >> before.txt\nexit 3\n")
    repo.write("ops/ci/after.sh", 'echo "it ended with $FEARLESS_RESULT"\n')
    run = proposed(given=ONLY_JUDGE)
    assert_red(run, INSTALL)
    assert "Your ops/ci/before.sh ended with exit code 3." in run.job("judge").summary
    assert run.job("judge").step("Your steps after").log == "it ended with failure\n"


RESULTS = ("success", "failure", "cancelled", "skipped")


@pytest.mark.parametrize(
    ("check", "judge"), [*product(RESULTS, ["success"]), *product(["success"], RESULTS[1:])]
)
def test_all_is_green_only_where_both_jobs_were(
    repo: Repo, hub: Path, executed: Executed, check: str, judge: str
) -> None:
    event = pull_request(repo, hub)
    text = repo.git("show", f"{event.sha}:{WORKFLOW}")
    run = executed(text, event, given={"check": check, "judge": judge, "comment": "skipped"})
    assert run.result("green") == ("success" if check == judge == "success" else "failure")


def test_a_push_that_brings_another_champion_is_a_release_and_runs_the_team_s_own_steps(
    repo: Repo, hub: Path, executed: Executed
) -> None:
    before = repo.git("rev-parse", "HEAD")
    shutil.copytree(repo.root / "models" / "candidate", repo.root / "models" / "champion")
    succeeded(repo, "dvc", "add", "models/champion")
    succeeded(repo, "dvc", "push")
    repo.write("ops/ci/release.sh", "echo released > released.txt\n")
    repo.git("add", "--all")
    repo.git(*IDENTITY, "commit", "--quiet", "--message", "A release")
    repo.git("push", "--quiet", "origin", "HEAD:main")
    sha = repo.git("rev-parse", "HEAD")
    event = Event(hub, "push", "refs/heads/main", sha, payload={"before": before})
    run = executed(repo.git("show", f"{sha}:{WORKFLOW}"), event)
    assert_green(run)
    assert run.job("judge").outputs["mode"] == "release"
    assert "release" in run.job("judge").summary
    assert run.result("release") == "success"
    released = run.job("release").workspace
    assert released is not None
    assert (released / "released.txt").is_file()
    assert run.result("comment") == "skipped"

    repo.edit("README.md", "## Commands", "## The commands")
    repo.git(*IDENTITY, "commit", "--quiet", "--all", "--message", "No release")
    repo.git("push", "--quiet", "origin", "HEAD:main")
    event = Event(hub, "push", "refs/heads/main", repo.git("rev-parse", "HEAD"), payload={"before": sha})
    run = executed(repo.git("show", f"{event.sha}:{WORKFLOW}"), event, given=ONLY_JUDGE)
    assert_green(run)
    assert run.job("judge").outputs["mode"] == "pull_request"
    assert run.result("release") == "skipped"


def test_a_merge_queue_judges_by_the_commit_before_and_not_by_the_change_itself(
    repo: Repo, hub: Path, executed: Executed
) -> None:
    before = repo.git("rev-parse", "origin/main")
    repo.edit("gate.yaml", "min_skill: 0.35", "min_skill: 0.01")
    repo.edit("params.yaml", "max_iter: 60 ", "max_iter: 3 ")
    event = queued(repo, hub)
    text = repo.git("show", f"{event.sha}:{WORKFLOW}")
    run = executed(text, replace(event, payload={"merge_group": {"base_sha": before}}), given=ONLY_CHECK)
    assert_red(run, CHANGE, job="check")
    assert "gate.yaml asks for less" in run.job("check").summary
    assert run.job("check").step(BASE).outputs["base"] == before

    nameless = executed(text, event, given=ONLY_CHECK)
    assert_red(nameless, BASE, job="check")
    assert "the merge queue names none" in nameless.job("check").summary


def test_a_merge_queue_lets_an_equal_change_pass_and_comments_nothing(
    repo: Repo, hub: Path, executed: Executed
) -> None:
    before = repo.git("rev-parse", "origin/main")
    repo.edit("README.md", "## Commands", "## The commands")
    succeeded(repo, "dvc", "push")
    event = replace(queued(repo, hub), payload={"merge_group": {"base_sha": before}})
    run = executed(repo.git("show", f"{event.sha}:{WORKFLOW}"), event, given={"check": "success"})
    assert_green(run)
    assert before in (run.artifacts / "gate" / "report.json").read_text("utf-8")
    assert [run.result(job) for job in ("comment", "release")] == ["skipped", "skipped"]


def queued(repo: Repo, hub: Path) -> Event:
    """The change in a merge queue: a branch of GitHub's own that holds what main would be."""
    event = pull_request(repo, hub)
    branch = f"refs/heads/gh-readonly-queue/main/pr-1-{event.sha}"
    repo.git("push", "--quiet", "origin", f"{event.sha}:{branch}")
    return Event(hub, "merge_group", branch, event.sha)


def damaged_cache(whole: Path, cache: Path, environment: Path, name: str) -> Path:
    """A cache of uv with the libraries of `environment`, in which the file `name` of one of them is cut in half."""
    wanted = {path.name for path in environment.glob("lib/python*/site-packages/*.dist-info")}
    cache.mkdir()
    for entry in whole.iterdir():
        if entry.name not in ("archive-v0", "builds-v0"):
            (cache / entry.name).symlink_to(entry)
    (cache / "archive-v0").mkdir()
    damaged = 0
    for library in (whole / "archive-v0").iterdir():
        known = {path.name for path in library.glob("*.dist-info")}
        if not known & wanted and not any(each.startswith(("uv_build-", "setuptools-")) for each in known):
            continue
        place = cache / "archive-v0" / library.name
        shutil.copytree(library, place, copy_function=os.link)
        if (place / name).is_file():
            content = (place / name).read_bytes()
            (place / name).unlink()  # a link: the whole cache keeps its file
            (place / name).write_bytes(content[: len(content) // 2])
            damaged += 1
    assert damaged
    return cache


def _without(repo: Repo, job: str) -> None:
    """Take a job out of the workflow, and out of what needs it, as somebody would who wants to be green."""
    workflow = yaml.safe_load((repo.root / WORKFLOW).read_text("utf-8"))
    workflow["on"] = workflow.pop(True)
    del workflow["jobs"][job]
    for other in [name for name, each in workflow["jobs"].items() if each.get("needs") == [job]]:
        del workflow["jobs"][other]
    (left,) = {"check", "judge"} - {job}
    workflow["jobs"].pop("release")
    workflow["jobs"]["green"] |= {"needs": [left]}
    workflow["jobs"]["green"]["steps"] = [
        {"run": 'test "$RESULT" = success', "env": {"RESULT": f"${{{{ needs.{left}.result }}}}"}}
    ]
    repo.write(WORKFLOW, yaml.safe_dump(workflow, sort_keys=False))


def _made_from_a_release(repo: Repo, published: Path) -> None:
    """Let main be made from the first release, with its model in the storage."""
    made_from(repo, published, "v0.1.0")
    succeeded(repo, "dvc", "push")
    repo.git("add", "--all")
    repo.git(*IDENTITY, "commit", "--quiet", "--message", "From a release")
    repo.git("push", "--quiet", "origin", "HEAD:main")
    repo.git("fetch", "--quiet", "origin")


def locked(repo: Repo) -> None:
    done = subprocess.run(
        ["uv", "lock"], cwd=repo.root, env={**repo.surroundings}, capture_output=True, encoding="utf-8"
    )
    assert done.returncode == 0, done.stderr
