"""The generated nightly, run: what breaks it is one issue while it does, and newest versions are taken and named."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.project.conftest import Repo
from uv import find_uv_bin

from .conftest import Executed, remote_of, scheduled
from .hub_server import HubServer
from .runner import Run

WORKFLOW = ".github/workflows/fearless-nightly.yml"
SCRIPT = Path(__file__).resolve().parents[2] / "template" / "fearless" / "ci" / "newest.sh"
# What is newest today is nothing for a test to depend on; the script has tests of its own below.
NEWEST = "run: bash fearless/ci/newest.sh"

Told = Callable[..., Run]
on_linux = pytest.mark.skipif(
    shutil.which("bash") is None or sys.platform == "win32", reason="CI's scripts run on Linux"
)


@pytest.fixture
def server(published: Repo) -> Iterator[HubServer]:
    with HubServer(remote_of(published)) as server:
        yield server


@pytest.fixture
def told(published: Repo, executed: Executed, server: HubServer) -> Told:
    """Runs the job that tells, after jobs that ended so."""

    def run(newest: str, deep: str, old: str = "", new: str = "") -> Run:
        event = scheduled(published)
        text = published.git("show", f"{event.sha}:{WORKFLOW}")
        assert old in text
        given = {"newest": newest, "deep": deep}
        return executed(text.replace(old, new) if old else text, event, server=server, given=given)

    return run


def test_a_red_night_is_one_issue_and_a_healthy_one_closes_it(told: Told, server: HubServer) -> None:
    assert told("failure", "success").result("tell") == "success"
    (issue,) = server.issues()
    assert "Newest versions: failure. Expensive guards: success." in issue.body
    assert f"{server.url}/team/model/actions/runs/123" in issue.body
    told("failure", "success")
    assert server.issues() == [issue]
    assert issue.notes == []
    told("failure", "cancelled")
    assert [note.body.partition("\n")[0] for note in issue.notes] == [
        "Newest versions: failure. Expensive guards: cancelled."
    ]
    told("success", "success")
    assert server.issues() == []
    written = server.writes()
    told("success", "success")
    assert server.writes() == written


@pytest.mark.parametrize("result", ["failure", "cancelled", "skipped"])
def test_a_night_is_healthy_only_where_both_jobs_were(told: Told, server: HubServer, result: str) -> None:
    told("success", result)
    assert len(server.issues()) == 1


def test_the_right_to_write_issues_is_needed_and_its_lack_is_named(told: Told, server: HubServer) -> None:
    run = told("failure", "success", "issues: write # to open", "issues: read # to open")
    assert run.result("tell") == "failure"
    assert "GITHUB_TOKEN lacks `issues: write`." in run.job("tell").summary
    assert server.issues() == []


def test_what_breaks_at_night_turns_its_job_red_and_is_told(
    repo: Repo, hub: Path, executed: Executed
) -> None:
    repo.write("tests/test_of_the_team.py", "def test_that_fails() -> None:\n    assert not 'broken'\n")
    event = scheduled(repo)
    text = repo.git("show", f"{event.sha}:{WORKFLOW}")
    assert text.count(NEWEST) == 1
    with HubServer(hub) as server:
        run = executed(text.replace(NEWEST, "run: exit 0"), event, server=server)
        (issue,) = server.issues()
    assert run.job("newest").red == ["Everything that must hold"], run.job("newest").log
    assert "test_that_fails" in run.job("newest").log
    assert run.job("newest").step("Train with them").outcome == "success"
    assert run.result("deep") == "success", run.job("deep").log
    assert "Newest versions: failure. Expensive guards: success." in issue.body


@on_linux
def test_the_newest_versions_are_locked_installed_and_named(tmp_path: Path) -> None:
    project = versions(tmp_path, "1.0", "2.0")
    assert 'name = "tiny"\nversion = "1.0"' in (project / "uv.lock").read_text(encoding="utf-8")
    done = newest(project)
    assert done.returncode == 0, done.stdout + done.stderr
    assert 'name = "tiny"\nversion = "2.0"' in (project / "uv.lock").read_text(encoding="utf-8")
    assert "Updated tiny v1.0 -> v2.0" in (project / "summary.md").read_text(encoding="utf-8")
    assert newest(project).returncode == 0
    assert (project / "summary.md").read_text(encoding="utf-8").endswith("as in uv.lock\n```\n\n")


@on_linux
def test_newest_versions_that_do_not_fit_together_are_one_sentence(tmp_path: Path) -> None:
    project = versions(tmp_path, "1.0", "2.0")
    text = (project / "pyproject.toml").read_text(encoding="utf-8")
    (project / "pyproject.toml").write_text(text.replace('"tiny"', '"tiny>2"'), encoding="utf-8")
    done = newest(project)
    assert done.returncode == 1
    summary = (project / "summary.md").read_text(encoding="utf-8")
    assert summary.startswith("⛔ **Not judged.** The newest versions do not fit together: ")
    assert summary.count("\n") == 1


def versions(folder: Path, locked: str, *more: str) -> Path:
    """A project that depends on a package of ours, locked while only its version `locked` was there."""
    wheels, project = folder / "wheels", folder / "project"
    wheels.mkdir()
    project.mkdir()
    (project / "pyproject.toml").write_text(
        '[project]\nname = "team"\nversion = "1"\nrequires-python = ">=3.11"\ndependencies = ["tiny"]\n'
        f"[tool.uv]\nno-index = true\nfind-links = ['{wheels.as_posix()}']\n",
        encoding="utf-8",
    )
    wheel(wheels, locked)
    done = uv(project, [find_uv_bin(), "lock"])
    assert done.returncode == 0, done.stderr
    for version in more:
        wheel(wheels, version)
    return project


def wheel(folder: Path, version: str) -> None:
    about = f"tiny-{version}.dist-info"
    with zipfile.ZipFile(folder / f"tiny-{version}-py3-none-any.whl", "w") as file:
        file.writestr("tiny.py", f"VERSION = {version!r}\n")
        file.writestr(f"{about}/METADATA", f"Metadata-Version: 2.1\nName: tiny\nVersion: {version}\n")
        file.writestr(
            f"{about}/WHEEL", "Wheel-Version: 1.0\nGenerator: us\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        file.writestr(f"{about}/RECORD", "")


def newest(project: Path) -> subprocess.CompletedProcess[str]:
    return uv(project, ["bash", str(SCRIPT)])


def uv(project: Path, command: list[str]) -> subprocess.CompletedProcess[str]:
    environment = {
        "PATH": os.pathsep.join([str(Path(find_uv_bin()).parent), os.environ["PATH"]]),
        "HOME": str(project),
        "UV_CACHE_DIR": str(project.parent / "cache"),
        "UV_PYTHON": sys.executable,
        "GITHUB_STEP_SUMMARY": str(project / "summary.md"),
    }
    return subprocess.run(command, cwd=project, env=environment, capture_output=True, encoding="utf-8")
