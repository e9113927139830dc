"""A project of the oldest release, brought to what is checked out, goes the road that came later."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from .clone import Clone
from .commands import ENVIRONMENT, commit, copier_command, fearless, git, run, uv
from .conftest import Started

pytestmark = pytest.mark.slow

PATIENCE_S = 60
SIGNED = {"github": ["S1", "S7"], "gitlab": [f"S{number}" for number in range(1, 8)]}


@contextmanager
def served(project: Path) -> Iterator[str]:
    """The service of the project on a free port; gives its address."""
    python = Path(ENVIRONMENT["UV_PROJECT_ENVIRONMENT"]) / "bin" / "python"
    process = subprocess.Popen(
        [str(python), "-m", "fearless.cli", "serve", "--port", "0"],
        cwd=project,
        env=ENVIRONMENT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        assert process.stdout
        said = []
        for line in process.stdout:
            said.append(line)
            if found := re.search(r"http://127\.0\.0\.1:\d+", line):
                yield found[0]
                break
        else:
            raise AssertionError(f"the service did not start: {''.join(said)}")
        process.terminate()
        assert process.wait(PATIENCE_S) == 0
    finally:
        process.kill()
        process.communicate()


def signed_by_bob(project: Path, item: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as as_bob:
        as_bob.setitem(ENVIRONMENT, "GIT_AUTHOR_NAME", "Bob")
        as_bob.setitem(ENVIRONMENT, "GIT_AUTHOR_EMAIL", "bob@example.com")
        fearless(project, "sign", item, "--yes")


@pytest.mark.parametrize("ci", ["github", "gitlab"])
def test_a_project_of_the_oldest_release_goes_to_production_after_an_update(
    ci: str, started: Started, clone: Clone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = started(ci, tmp_path / "project")
    run(copier_command("update", "--defaults", f"--vcs-ref={clone.present}"), project)
    uv(project, "add", "--quiet", "fearless[serve]")
    commit(project, "Update of the template, and the service")
    # Its model was trained before there were profiles: the monitor asks for one, and training again gives it.
    fearless(project, "train", "--again")
    uv(project, "run", "--quiet", "dvc", "push", "--quiet")
    commit(project, "Train again")

    fearless(project, "gate", "--mode", "release")
    fearless(project, "ci")
    fearless(project, "rehearse")
    with served(project) as url:
        fearless(project, "simulate", "--url", url, "--rows", "1200")
        fearless(project, "simulate", "--url", url, "--rows", "1200", "--drift")
    commit(project, "Evidence")
    for item in SIGNED[ci]:
        signed_by_bob(project, item, monkeypatch)
    told = json.loads(fearless(project, "checklist", "--json", code=None))
    assert told["open"] == []
    released = json.loads(fearless(project, "release", "--merge", "--json"))
    assert released["release"] == "v1"
    with served(project) as url:
        assert f"{url} answers with v1" in fearless(project, "deploy", "--url", url)
    assert "v1 is the first that was in production" in fearless(project, "rollback", code=2)
    assert git(project, "status", "--porcelain") == ""
    check = fearless(project, "check", code=None)
    assert "All " in check, check
