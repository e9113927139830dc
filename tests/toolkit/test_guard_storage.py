"""What git names must be in the storage that git carries."""

from __future__ import annotations

import json
import subprocess

from fearless.guard.storage import pushed

from .conftest import Tree

FOLDER, FILE = "ab" + "0" * 30 + ".dir", "cd" + "1" * 30
LOCK = f"""\
schema: '2.0'
stages:
  train:
    cmd: fearless stage train
    outs:
    - path: models/candidate
      md5: {FOLDER}
  evaluate:
    cmd: fearless stage evaluate
    outs:
    - path: ops/reports
      md5: {"ef" + "2" * 30}.dir
"""


def kept(tree: Tree) -> Tree:
    """A repository whose one kept output lies whole in its storage, in git."""
    tree.write(".copier-answers.yml", "package_name: shop\nci: github\ndvc_remote: local\n")
    tree.write("dvc.lock", LOCK)
    tree.write(
        f".storage/files/md5/{FOLDER[:2]}/{FOLDER[2:]}", json.dumps([{"md5": FILE, "relpath": "model.onnx"}])
    )
    tree.write(f".storage/files/md5/{FILE[:2]}/{FILE[2:]}", "model")
    _git(tree, "init", "-q")
    _commit(tree)
    return tree


def _git(tree: Tree, *arguments: str) -> None:
    who = ["-c", "user.name=Ada", "-c", "user.email=ada@example.com"]
    subprocess.run(["git", *who, *arguments], cwd=tree.root, check=True)


def _commit(tree: Tree) -> None:
    _git(tree, "add", "--all")
    _git(tree, "commit", "-q", "-m", "work")


def test_a_pushed_and_committed_model_passes(tree: Tree) -> None:
    assert pushed(kept(tree).project) == []


def test_a_forgotten_push_is_named_for_the_listing_and_for_a_file_in_it(tree: Tree) -> None:
    kept(tree)
    for name in (FILE, FOLDER):
        (tree.root / ".storage" / "files" / "md5" / name[:2] / name[2:]).unlink()
        (finding,) = pushed(tree.project)
        assert finding.what.startswith("models/candidate would be missing in a clone")


def test_a_pushed_object_that_git_does_not_know_is_named(tree: Tree) -> None:
    kept(tree)
    _git(tree, "rm", "-q", "--cached", f".storage/files/md5/{FILE[:2]}/{FILE[2:]}")
    (finding,) = pushed(tree.project)
    assert "git does not know it yet" in finding.what


def test_a_pointer_counts_like_the_lock(tree: Tree) -> None:
    kept(tree).write("data/golden.dvc", f"outs:\n- md5: {'99' + '3' * 30}.dir\n  path: golden\n")
    assert pushed(tree.project) == []  # not committed yet
    _commit(tree)
    (finding,) = pushed(tree.project)
    assert finding.what.startswith("data/golden would be missing")


def test_another_storage_is_asked_by_ci_and_not_here(tree: Tree) -> None:
    kept(tree).write(".copier-answers.yml", "package_name: shop\nci: github\ndvc_remote: s3\n")
    (tree.root / ".storage" / "files" / "md5" / FILE[:2] / FILE[2:]).unlink()
    assert pushed(tree.project) == []
