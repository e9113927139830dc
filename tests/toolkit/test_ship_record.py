"""A record is committed alone: the index of whoever works here stays theirs, and a kill leaves all or nothing."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from fearless.core.errors import FearlessError
from fearless.ship.concern import open_concerns, raise_concern
from fearless.ship.record import commit_file

from .conftest import Tree
from .signing import ADA, BOB, Signed, acting, as_person, made

SOURCE = Path(__file__).resolve().parents[2] / "template" / "fearless" / "src"
RAISE = """\
import sys
from pathlib import Path
from fearless.core.project import Project
from fearless.ship.concern import raise_concern
print("ready", flush=True)
print(raise_concern(Project(Path(sys.argv[1])), sys.argv[2]), flush=True)
"""


@pytest.fixture
def shop(tree: Tree) -> Signed:
    return made(tree)


def test_what_is_staged_or_edited_stays_as_it_is(shop: Signed) -> None:
    shop.tree.write("gate.yaml", "version: 1 # staged\n")
    shop.tree.write("new.txt", "staged\n")
    shop.git("add", "gate.yaml", "new.txt")
    shop.git("rm", "--quiet", "--cached", "params.yaml")
    shop.tree.write("dvc.lock", "edited\n")
    before = shop.git("status", "--porcelain")
    with acting(BOB):
        raise_concern(shop.project, "Something")
    assert shop.git("status", "--porcelain") == before
    assert len(shop.git("show", "--format=", "--name-only").splitlines()) == 1


def test_no_hook_of_the_repository_runs(shop: Signed) -> None:
    hook = shop.tree.write(".git/hooks/pre-commit", "#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)
    with acting(BOB):
        assert raise_concern(shop.project, "Something")


def test_a_project_in_a_folder_of_a_larger_repository(tree: Tree) -> None:
    shop = Signed(tree)
    top = tree.root.parent
    subprocess.run(["git", "init", "--quiet", "--initial-branch=main"], cwd=top, check=True)
    shop.git("add", "--all")
    shop.git("commit", "--quiet", "-m", "Start")
    with acting(BOB):
        name = raise_concern(shop.project, "Something")
    assert shop.git("ls-files", "ops") == f"ops/concerns/{name}.json"
    assert shop.git("status", "--porcelain") == ""
    assert [each.id for each in open_concerns(shop.project)] == [name]


def test_a_record_is_never_written_over(shop: Signed) -> None:
    with acting(BOB):
        commit_file(shop.project, "ops/concerns/a.json", "{}\n", "One")
        with pytest.raises(FearlessError, match="never written over"):
            commit_file(shop.project, "ops/concerns/a.json", "[]\n", "Two")
    assert (shop.root / "ops/concerns/a.json").read_text(encoding="utf-8") == "{}\n"


def test_a_locked_index_is_told_and_nothing_is_left(shop: Signed) -> None:
    (shop.root / ".git" / "index.lock").touch()
    before = shop.git("rev-parse", "HEAD")
    with acting(BOB), pytest.raises(FearlessError, match="update-index"):
        commit_file(shop.project, "ops/concerns/a.json", "{}\n", "One")
    (shop.root / ".git" / "index.lock").unlink()
    assert shop.git("rev-parse", "HEAD") == before
    assert shop.git("status", "--porcelain") == ""


def test_two_at_once_are_both_committed(shop: Signed) -> None:
    errors: list[BaseException] = []

    def one(number: int) -> None:
        try:
            command = [sys.executable, "-c", RAISE, str(shop.root), f"Concern {number}"]
            while "index.lock" in (said := _run(command)):  # git waits for nobody; a person tries again
                assert "Another git process" in said or "index.lock" in said
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=one, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert errors == []
    texts = {each.text for each in open_concerns(shop.project) if not each.note}
    assert texts == {f"Concern {number}" for number in range(3)}
    assert shop.git("status", "--porcelain") == ""


def test_a_kill_at_any_moment_leaves_the_commit_whole_or_not_made(shop: Signed) -> None:
    shop.tree.write("gate.yaml", "version: 1 # staged\n")
    shop.git("add", "gate.yaml")
    environment = as_person(BOB) | {"PYTHONPATH": str(SOURCE), "HOME": str(shop.root)}

    def begun(text: str) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [sys.executable, "-c", RAISE, str(shop.root), text],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        return process

    whole, began = begun("Concern that nobody kills"), time.monotonic()
    assert whole.wait(60) == 0
    takes = time.monotonic() - began  # on this machine, as busy as it is now
    cut = 0
    for number in range(20):
        before = shop.git("rev-parse", "HEAD")
        process = begun(f"Concern {number}")
        time.sleep(
            takes * number / 9
        )  # the moment of the kill, not a wait for anything: up to twice what it takes
        os.killpg(process.pid, 9)
        process.wait(30)
        # A killed git leaves its locks, of the index and of the branch, and names them to whoever comes next.
        for lock in (shop.root / ".git").rglob("*.lock"):
            lock.unlink()
        after = shop.git("rev-parse", "HEAD")
        cut += before == after
        if before != after:
            assert shop.git("rev-parse", "HEAD~1") == before
            assert len(shop.git("show", "--format=", "--name-only").splitlines()) == 1
            assert shop.git("diff", "--cached", "--name-only").split()[0] == "gate.yaml"
    assert 0 < cut < 20
    shop.git("fsck", "--strict")
    # Whatever was half done, the next one works, and what it left blocks rather than passes.
    with acting(ADA):
        last = raise_concern(shop.project, "The last")
    assert last in [each.id for each in open_concerns(shop.project)]


def _run(command: list[str]) -> str:
    environment = as_person(BOB) | {"PYTHONPATH": str(SOURCE)}
    done = subprocess.run(command, env=environment, capture_output=True, encoding="utf-8")
    return "" if done.returncode == 0 else done.stderr
