"""`fearless update`: one command from a release to the next, on a branch, verified, and nothing left where it fails."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest
import yaml
from uv import find_uv_bin

from .clone import Clone
from .commands import ENVIRONMENT, commit, copier_command, fearless, git, run, tracked, uv

pytestmark = pytest.mark.slow

DRIFTED = "fearless/README.md"  # the next release leaves it as it is
CHANGED = "fearless/src/fearless/gate/policy.py"  # the next release changes it, too
NEW = "fearless/deploy/notes.md"
PATIENCE_S = 120


def test_an_update_arrives_verified_on_a_branch_of_its_own_and_can_be_taken_back(
    present: Path, clone: Clone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (present / "README.md").write_text("# Ours\n", encoding="utf-8", newline="\n")
    edit(present / DRIFTED, "# The toolkit", "# Our toolkit")
    commit(present, "An edit of a file of the template, too")
    before = tracked(present)
    outputs = tmp_path / "outputs"
    monkeypatch.setitem(ENVIRONMENT, "CI", "true")
    monkeypatch.setitem(ENVIRONMENT, "GITHUB_OUTPUT", str(outputs))
    said = fearless(present, "update")

    branch = f"fearless-update-{clone.next[1:]}"
    assert git(present, "symbolic-ref", "--short", "HEAD").strip() == branch
    assert git(present, "log", "-1", "--format=%s").strip() == f"Update of the template to {clone.next[1:]}"
    assert git(present, "rev-parse", "HEAD~1") == git(present, "rev-parse", "main")
    assert git(present, "status", "--porcelain") == ""
    after = tracked(present)
    assert (present / NEW).is_file()
    assert yaml.safe_load(after[".copier-answers.yml"])["_commit"] == clone.next
    assert after["README.md"] == b"# Ours\n"
    assert after[DRIFTED] == delivered(clone, DRIFTED)
    assert f"{DRIFTED} was not as the release delivers it" in said
    assert "ended with" not in said

    assert outputs.read_text(encoding="utf-8") == f"version={clone.next[1:]}\nbranch={branch}\n"
    text = (present / ".fearless/update/body.md").read_text(encoding="utf-8")
    assert f"from {clone.present[1:]} to {clone.next[1:]}" in text
    assert "| `fearless check` | content |" in text
    assert "| `fearless gate` | PASS |" in text
    assert f"`{DRIFTED}`" in text
    other = tmp_path / "other"
    git(tmp_path, "clone", "--quiet", "--branch", "main", str(present), str(other))
    git(other, "fetch", "--quiet", str(present / ".fearless/update/update.bundle"), branch)
    assert git(other, "rev-parse", "FETCH_HEAD") == git(present, "rev-parse", branch)

    assert f"the newest release, {clone.next[1:]}." in fearless(present, "update")
    monkeypatch.delitem(ENVIRONMENT, "CI")
    rehearsed = fearless(present, "ci")
    for toolkit in ("base", "change"):
        for command in ("check --change", "gate"):
            assert re.search(rf"fearless {command} --base \w+ \(the {toolkit}'s toolkit\)\n +ok", rehearsed)
    shutil.rmtree(present / "ops/evidence")
    take_back(present, said)
    assert tracked(present) == before
    assert git(present, "branch", "--format=%(refname:short)").split() == ["main"]


def test_where_both_changed_the_same_lines_nothing_is_left(present: Path) -> None:
    edit(
        present / CHANGED,
        "    too_good: TooGood | None = None",
        "    too_good: TooGood | None = None  # ours",
    )
    commit(present, "An edit where the next release has one")
    before = tracked(present)
    said = fearless(present, "update", code=2)
    assert f"changed the same lines of {CHANGED}." in said
    assert "Traceback" not in said
    assert untouched(present, before)


def test_a_lock_that_cannot_be_made_leaves_nothing_of_an_update_and_nothing_of_its_finish(
    present: Path,
) -> None:
    edit(present / "pyproject.toml", '"fearless"]', '"fearless", "rich<15"]')
    uv(present, "lock", "--quiet")
    start = commit(present, "A limit that the next release cannot meet")
    before = tracked(present)
    git(present, "switch", "--quiet", "--detach")  # as some pipelines check out
    said = fearless(present, "update", code=2)
    assert "could not be locked together with yours" in said
    assert f"{start[:12]} is checked out, as it was." in said
    assert git(present, "rev-parse", "HEAD").strip() == start
    git(present, "switch", "--quiet", "main")
    assert untouched(present, before)

    git(present, "switch", "--quiet", "--create", "bot/template")
    run(copier_command("update", "--defaults"), present)
    bot = commit(present, "chore: update the template")
    said = uv(present, "run", "--quiet", "--frozen", "fearless", "update", "--finish", code=2)
    assert "could not be finished" in said
    assert "The branch is as it was." in said
    assert git(present, "rev-parse", "HEAD").strip() == bot
    assert git(present, "status", "--porcelain") == ""


@pytest.mark.skipif(os.name == "nt", reason="Windows has no groups of processes to kill")
def test_an_update_that_is_killed_is_taken_back_by_the_commands_it_printed(present: Path) -> None:
    before = tracked(present)
    said = kill_when(present / NEW, present)
    assert tracked(present) != before
    take_back(present, said)
    assert untouched(present, before)


def test_a_release_that_trains_differently_is_trained_and_pushed_when_copier_s_update_is_finished(
    present: Path, clone: Clone
) -> None:
    lock = (present / "dvc.lock").read_bytes()
    refused = fearless(present, "update", "--finish", code=2)
    assert "There is no update to finish" in refused
    run(copier_command("update", "--defaults", f"--vcs-ref={clone.later}"), present)
    uv(present, "lock", "--quiet")
    assert "belongs on a branch of its own" in fearless(present, "update", "--finish", code=2)
    git(present, "switch", "--quiet", "--create", "bot/template")
    result = json.loads(only_json(fearless(present, "update", "--finish", "--json")))
    assert (result["from"], result["to"]) == (clone.present[1:], clone.later[1:])
    assert result["branch"] == "bot/template"
    assert result["train"] == {"code": 0, "trained": "trained again"}
    assert result["gate"] == {"code": 0, "verdict": "PASS"}
    assert git(present, "status", "--porcelain") == ""
    assert (present / "dvc.lock").read_bytes() != lock
    changed = git(present, "diff", "--name-only", "main", "HEAD").split()
    assert {"dvc.lock", "uv.lock", NEW} <= set(changed)
    assert any(name.startswith(".storage/") for name in changed)
    assert "are in sync" in uv(present, "run", "--quiet", "dvc", "status", "--cloud")


def test_what_a_bot_committed_is_finished_by_one_more_commit(present: Path, clone: Clone) -> None:
    git(present, "switch", "--quiet", "--create", "bot/template")
    run(copier_command("update", "--defaults"), present)
    edit(present / DRIFTED, "# The toolkit", "# Our toolkit")
    bot = commit(present, "chore: update the template")
    assert "uv.lock" not in git(present, "show", "--name-only", "--format=", "HEAD").split()
    said = fearless(present, "update", "--finish")
    assert f"{DRIFTED} was not as the release delivers it" in said
    assert git(present, "rev-parse", "HEAD~1").strip() == bot
    assert set(git(present, "show", "--name-only", "--format=", "HEAD").split()) == {DRIFTED, "uv.lock"}


def test_a_check_that_finds_something_is_committed_and_a_training_that_cannot_be_pushed_is_not(
    present: Path, clone: Clone
) -> None:
    (present / "tests/test_ours.py").write_text("def test_it():\n    assert 1 == 2\n", encoding="utf-8")
    edit(present / ".dvc/config", "url = ../.storage", "url = /dev/null/storage")
    commit(present, "A test that fails, and a storage that is not there")
    lock, reports = (present / "dvc.lock").read_bytes(), tracked(present / "ops/reports")
    said = fearless(present, "update", "--to", clone.later, code=1)
    assert "the pull request's pipeline will train" in said
    assert git(present, "log", "-1", "--format=%s").strip() == f"Update of the template to {clone.later[1:]}"
    assert git(present, "status", "--porcelain") == ""
    assert (present / "dvc.lock").read_bytes() == lock
    assert tracked(present / "ops/reports") == reports
    text = (present / ".fearless/update/body.md").read_text(encoding="utf-8")
    assert "found something: " in text
    assert "tests (pytest)" in text


def test_what_cannot_be_updated_is_told_in_a_sentence_and_left_alone(present: Path, clone: Clone) -> None:
    assert "has the release" in fearless(present, "update", "--to", clone.present)
    assert "has no release 9.9.9." in refused(present, "--to", "9.9.9")
    assert "which is newer than" in refused(present, "--to", clone.oldest)

    git(present, "branch", f"fearless-update-{clone.next[1:]}")
    assert f"The branch fearless-update-{clone.next[1:]} is there already" in refused(present)
    git(present, "branch", "--quiet", "-D", f"fearless-update-{clone.next[1:]}")

    (present / "notes.txt").write_text("mine", encoding="utf-8")
    assert "not committed: notes.txt" in refused(present)
    assert (present / "notes.txt").read_text(encoding="utf-8") == "mine"
    (present / "notes.txt").unlink()

    git(present, "switch", "--quiet", "--create", "side")
    (present / "params.yaml").write_text("seed: 1\n", encoding="utf-8")
    commit(present, "One side")
    git(present, "switch", "--quiet", "main")
    (present / "params.yaml").write_text("seed: 2\n", encoding="utf-8")
    commit(present, "The other side")
    git(present, "merge", "--quiet", "side", code=1)
    assert "A merge is not finished here." in refused(present)
    git(present, "merge", "--abort")

    answers = present / ".copier-answers.yml"
    edit(answers, str(clone.path), "/nowhere/template")
    commit(present, "The template moved")
    assert "The template at /nowhere/template cannot be read" in refused(present)
    assert git(present, "branch", "--format=%(refname:short)").split() == ["main", "side"]


def refused(project: Path, *arguments: str) -> str:
    said = fearless(project, "update", *arguments, code=2)
    assert said.count("fearless: ") == 1, said
    assert "Traceback" not in said
    return said


def kill_when(appears: Path, project: Path) -> str:
    """Start an update and kill it and all that it started when the new file appears; returns what it had said."""
    command = [find_uv_bin(), "run", "--quiet", "fearless", "update"]
    with subprocess.Popen(
        command,
        cwd=project,
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        start_new_session=True,
        encoding="utf-8",
    ) as update:
        until = time.monotonic() + PATIENCE_S
        while not appears.exists() and update.poll() is None and time.monotonic() < until:
            time.sleep(0.002)
        os.killpg(update.pid, signal.SIGKILL)
        assert update.wait() != 0, "the update was done before it could be killed"
        assert update.stdout is not None
        return update.stdout.read()


def take_back(project: Path, said: str) -> None:
    """Type the commands that an update printed as the way back."""
    printed = re.search(r"^The way back, at any time: (.*)$", said, re.MULTILINE)
    assert printed, said
    for command in printed[1].split(" && "):
        run(command.split(), project)


def untouched(project: Path, before: dict[str, bytes]) -> bool:
    """Whether files and branches are as before, on main."""
    branches = git(project, "branch", "--format=%(HEAD)%(refname:short)").split()
    return (
        tracked(project) == before and git(project, "status", "--porcelain") == "" and branches == ["*main"]
    )


def only_json(said: str) -> str:
    """The steps are told on the other stream, which the tests read together with this one."""
    return said[said.index("\n{\n") + 1 : said.rindex("\n}") + 2]


def delivered(clone: Clone, name: str) -> bytes:
    return git(clone.path, "show", f"{clone.next}:template/{name}").encode("utf-8")


def edit(path: Path, before: str, after: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert before in text
    path.write_text(text.replace(before, after, 1), encoding="utf-8", newline="\n")
