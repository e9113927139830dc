"""An update that is killed half way costs nothing: git has every byte."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

from .clone import Clone
from .commands import ENVIRONMENT, commit, copier_command, git, render, run, tracked
from .conftest import ANSWERS, PACKAGE
from .edits import work_on

PATIENCE_S = 60


def test_a_killed_update_is_taken_back_with_two_git_commands_and_can_be_run_again(
    clone: Clone, tmp_path: Path
) -> None:
    project = tmp_path / "project"
    render(clone.path, clone.oldest, project, ANSWERS["github"])
    git(project, "init", "--quiet", "--initial-branch=main")
    work_on(project, PACKAGE)
    commit(project, "A year of work")
    before = tracked(project)

    kill_in_the_middle(project, project / "fearless" / "deploy" / "notes.md")
    assert tracked(project) != before
    git(project, "reset", "--quiet", "--hard")
    git(project, "clean", "--quiet", "-fd")
    assert tracked(project) == before
    assert git(project, "status", "--porcelain") == ""

    run(copier_command("update", "--defaults"), project)
    assert (project / "fearless" / "deploy" / "notes.md").is_file()
    assert git(project, "ls-files", "--unmerged") == ""


def kill_in_the_middle(project: Path, appears: Path) -> None:
    """Start an update and kill it when the new file `appears`, long before it is done."""
    command = copier_command("update", "--defaults", "--quiet")
    update = subprocess.Popen(command, cwd=project, env=ENVIRONMENT, stdin=subprocess.DEVNULL)
    until = time.monotonic() + PATIENCE_S
    while not appears.exists() and update.poll() is None and time.monotonic() < until:
        time.sleep(0.002)
    update.kill()
    assert update.wait() != 0, "the update was done before it could be killed"
