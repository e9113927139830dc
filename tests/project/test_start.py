"""`uv run fearless start`: from a bare rendering to a working repository, whatever gets in its way."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from .conftest import Copied, Repo, refusal

STEPS = ("git repository", "locked versions", "data", "golden data", "tracked by DVC", "pipeline", "gate")


def test_the_defaults_start_to_a_gated_model_and_one_clean_commit(started: tuple[Repo, str]) -> None:
    repo, said = started
    assert "PASS: " in said
    assert repo.git("log", "--format=%an <%ae>") == "Data Team <data-team@example.com>"
    assert repo.changes() == []
    assert repo.git("symbolic-ref", "--short", "HEAD") == "main"
    tracked = repo.git("ls-files").splitlines()
    assert {"dvc.lock", "uv.lock", "data/raw.dvc", "data/golden.dvc", "ops/reports/metrics.json"} <= set(
        tracked
    )
    assert [name for name in tracked if name.startswith(".storage/")]
    assert not [name for name in tracked if name.startswith((".dvc/cache", "data/raw/", "models/candidate"))]


def test_start_tells_each_step_with_its_result(started: tuple[Repo, str]) -> None:
    _, said = started
    for number, name in enumerate([*STEPS, "DVC remote", "first commit"], 1):
        assert f"[{number}/9] {name}" in said
    assert "16,000 rows to train on (left out: 4,000 golden)" in said
    assert said.count(" s]") == 9, "each step says how long it took"


def test_start_makes_no_champion_since_the_first_release_does(started: tuple[Repo, str]) -> None:
    repo, said = started
    assert not (repo.root / "models" / "champion").exists()
    assert not (repo.root / "models" / "champion.dvc").exists()
    assert "No champion yet" in said


def test_start_leaves_the_team_free_to_choose_versions(started: tuple[Repo, str]) -> None:
    repo, _ = started
    assert '"fearless"' in (repo.root / "pyproject.toml").read_text(encoding="utf-8")
    lock = (repo.root / "uv.lock").read_text(encoding="utf-8")
    assert "/work" not in lock
    assert str(repo.root) not in lock


def test_all_guards_are_content_after_start(repo: Repo) -> None:
    result = repo.fearless("check")
    assert result.returncode == 0, result.stdout + result.stderr
    assert "FAIL" not in result.stdout


def test_a_second_start_changes_nothing(repo: Repo) -> None:
    before = (repo.git("rev-parse", "HEAD"), repo.snapshot("data"), repo.snapshot("models"))
    result = repo.fearless("start")
    assert result.returncode == 0, result.stdout + result.stderr
    assert (repo.git("rev-parse", "HEAD"), repo.snapshot("data"), repo.snapshot("models")) == before
    assert repo.changes() == []


def test_what_a_person_changed_after_the_first_commit_is_left_for_them_to_commit(repo: Repo) -> None:
    repo.write("README.md", "mine\n")
    result = repo.fearless("start")
    assert result.returncode == 0, result.stdout + result.stderr
    assert repo.changes() == ["M README.md"] or repo.changes() == [" M README.md"]
    assert "yours to commit" in result.stdout


@pytest.mark.skipif(sys.platform == "win32", reason="process groups are killed with signals")
def test_a_start_killed_again_and_again_still_finishes_with_one_clean_commit(fresh: Copied) -> None:
    """One repository, killed at one point after another: each start goes on where the last one was."""
    repo = fresh()
    for line in ("[2/9]", "[3/9]", "[4/9]", "[5/9]", "prepare:", "train:", "[7/9]", "[8/9]", "[9/9]"):
        seen = _killed_at(line, repo)
        assert line in seen, f"start ended before {line}: {seen}"
    result = repo.fearless("start")
    assert result.returncode == 0, result.stdout + result.stderr
    _is_complete(repo)


@pytest.mark.skipif(sys.platform == "win32", reason="process groups are killed with signals")
def test_a_lock_that_a_killed_git_left_does_not_stop_the_first_commit(repo: Repo) -> None:
    shutil.rmtree(repo.root / ".git")
    repo.git("init", "--quiet", "--initial-branch=main")
    (repo.root / ".git" / "index.lock").touch()
    result = repo.fearless("start")
    assert result.returncode == 0, result.stdout + result.stderr
    _is_complete(repo)


def test_of_two_starts_at_once_the_second_is_refused_and_the_first_finishes(copied: Copied) -> None:
    repo = copied()
    (repo.root / "dvc.lock").unlink()
    with _running(repo) as first:
        assert first.stdout is not None
        for line in first.stdout:
            if "[5/9]" in line:
                break
        said = refusal(repo.fearless("start"))
        assert "Another `fearless start` is running" in said
        rest = first.stdout.read()
        assert first.wait() == 0, rest


def test_without_git_start_says_so(fresh: Copied, tmp_path: Path) -> None:
    repo = fresh()
    said = refusal(repo.fearless("start", PATH=str(tmp_path)))
    assert "git is not installed" in said
    assert "Install git" in said
    assert not (repo.root / ".git").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="links to programs need rights on Windows")
def test_without_uv_start_says_so_and_goes_on_when_it_is_there(fresh: Copied, tmp_path: Path) -> None:
    repo = fresh()
    git = shutil.which("git")
    assert git
    (tmp_path / "git").symlink_to(git)
    before = (repo.root / "pyproject.toml").read_bytes()
    said = refusal(repo.fearless("start", PATH=str(tmp_path)))
    assert "uv is not installed" in said
    assert (repo.root / "pyproject.toml").read_bytes() == before


def test_a_rendering_that_was_committed_before_start_gets_a_second_commit(repo: Repo) -> None:
    shutil.rmtree(repo.root / ".git")
    kept = [repo.root / name for name in ("dvc.lock", "data/raw.dvc", "data/golden.dvc")]
    held = {file: file.read_bytes() for file in kept}
    for file in kept:
        file.unlink()
    repo.git("init", "--quiet")
    identity = ("-c", "user.name=Someone", "-c", "user.email=someone@example.com")
    repo.git("add", "--all")
    repo.git(*identity, "commit", "--quiet", "-m", "Bare rendering")
    for file, content in held.items():
        file.write_bytes(content)
    result = repo.fearless("start")
    assert result.returncode == 0, result.stdout + result.stderr
    assert repo.git("log", "--format=%s").splitlines() == [
        "Start: golden data, baseline and gate",
        "Bare rendering",
    ]
    assert repo.changes() == []


def test_an_identity_that_git_knows_signs_the_commit(repo: Repo) -> None:
    shutil.rmtree(repo.root / ".git")
    repo.git("init", "--quiet")
    repo.git("config", "user.name", "Known Person")
    repo.git("config", "user.email", "known@example.com")
    result = repo.fearless("start")
    assert result.returncode == 0, result.stdout + result.stderr
    assert repo.git("log", "-1", "--format=%an <%ae>") == "Known Person <known@example.com>"


def test_in_a_folder_of_a_bigger_repository_start_commits_that_folder_only(
    copied: Copied, tmp_path: Path
) -> None:
    inner = copied()
    shutil.rmtree(inner.root / ".git")
    outer = tmp_path / "monorepo"
    outer.mkdir()
    inner = Repo(inner.root.rename(outer / "model"), inner.python, inner.surroundings)
    whole = Repo(outer, inner.python, inner.surroundings)
    whole.git("init", "--quiet")
    whole.write("notes.txt", "of another team\n")
    whole.git("add", "notes.txt")
    whole.git("-c", "user.name=Other", "-c", "user.email=other@example.com", "commit", "-qm", "Notes")
    whole.write("half-done.txt", "staged by another team, not finished\n")
    whole.git("add", "half-done.txt")
    result = inner.fearless("start")
    assert result.returncode == 0, result.stdout + result.stderr
    assert not (inner.root / ".git").exists()
    assert whole.changes() == ["A  half-done.txt"]
    assert all(
        name.startswith("model/") for name in whole.git("show", "--format=", "--name-only").splitlines()
    )
    checked = inner.fearless("check")
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 128 MB, where the system lets this user mount one."""
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("mounting a small disk needs root on Linux")
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=128m", "tmpfs", str(place)], capture_output=True
    )
    if mounted.returncode != 0:
        pytest.skip(f"this system mounts no disk: {mounted.stderr.decode().strip()}")
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=False)


def test_on_a_full_disk_start_stops_with_a_sentence_and_finishes_once_there_is_room(
    fresh: Copied, small_disk: Path
) -> None:
    rendering = fresh()
    root = small_disk / "project"
    shutil.copytree(rendering.root, root)
    # Python before 3.14 itself keeps truncated bytecode when the disk is full, so it writes none here.
    bare = {"DVC_SITE_CACHE_DIR": str(small_disk / "site"), "PYTHONDONTWRITEBYTECODE": "1"}
    repo = Repo(root, rendering.python, {**rendering.surroundings, **bare})
    ballast = small_disk / "ballast"
    for line in ("[1/9]", "[3/9]", "[4/9]"):
        with _running(repo) as process:
            assert process.stdout is not None
            said = ""
            for printed in process.stdout:
                said += printed
                if line in printed and not ballast.exists():
                    _fill(ballast)
            code = process.wait()
        ballast.unlink()
        assert code == 2, said
        assert "Traceback" not in said
        (told,) = [each for each in said.splitlines() if each.startswith("fearless: ")]
        assert "disk" in told or "space" in told, told
    result = repo.fearless("start")
    assert result.returncode == 0, result.stdout + result.stderr
    _is_complete(repo)
    checked = repo.fearless("check")
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_outside_a_repository_start_says_where_to_go(started: tuple[Repo, str], tmp_path: Path) -> None:
    repo, _ = started
    lost = Repo(tmp_path, repo.python, {**repo.surroundings})
    result = subprocess.run(
        [str(repo.python), "-m", "fearless.cli", "start"],
        cwd=lost.root,
        env=repo.environment(),
        capture_output=True,
        encoding="utf-8",
    )
    assert "is not inside a Fearless repository" in refusal(result)


def test_an_owner_with_a_name_outside_ascii_signs_the_commit(repo: Repo) -> None:
    shutil.rmtree(repo.root / ".git")
    repo.edit(".copier-answers.yml", "owner_name: Data Team", "owner_name: 'Équipe \"Données\" Ünicode 数据'")
    result = repo.fearless("start")
    assert result.returncode == 0, result.stdout + result.stderr
    assert repo.git("log", "-1", "--format=%an") == 'Équipe "Données" Ünicode 数据'


def _is_complete(repo: Repo) -> None:
    assert repo.git("log", "--format=%s").splitlines() == ["Start: golden data, baseline and gate"]
    assert repo.changes() == []
    assert repo.git("fsck", "--strict") == ""
    left = [path.name for path in repo.root.rglob("*.part") if ".git" not in path.parts]
    assert left == [], "half-written files were left behind"
    verified = repo.fearless("golden", "verify")
    assert verified.returncode == 0, verified.stdout + verified.stderr
    assert (repo.root / "models" / "candidate" / "model.onnx").is_file()


def _running(repo: Repo) -> subprocess.Popen[str]:
    """A start in a process group of its own, so that a kill reaches its children too."""
    return subprocess.Popen(
        [str(repo.python), "-u", "-m", "fearless.cli", "start"],
        cwd=repo.root,
        env=repo.environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        start_new_session=True,
    )


def _killed_at(line: str, repo: Repo) -> str:
    """Run start, kill it without warning when `line` appears, and return what it had printed."""
    seen = ""
    with _running(repo) as process:
        guard = threading.Timer(120, os.killpg, (process.pid, signal.SIGKILL))
        guard.start()
        try:
            assert process.stdout is not None
            for said in process.stdout:
                seen += said
                if line in said:
                    os.killpg(process.pid, signal.SIGKILL)
                    break
        finally:
            guard.cancel()
            process.wait()
    return seen


def _fill(ballast: Path) -> None:
    """Take all that is free on the disk, while another program is writing to it too."""
    with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as file:
        while file.write(b"\0" * 65_536):
            pass
