"""The guards of files: the template's are unedited, git holds nothing it should not, the team's own items run."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from fearless.core.errors import FearlessError
from fearless.guard import repository
from fearless.guard.own_items import Item, read_items, run_item
from fearless.guard.ownership import unedited
from fearless.guard.repository import lint, lint_staged, staged_content, tracked_files, unfit, unfit_staged

from .conftest import Tree


@pytest.fixture
def delivered(tree: Tree) -> Tree:
    """A repository with two files of the template, and the promise of one of the other CI system."""
    files = {"fearless/STAGES": "1\n", ".github/workflows/fearless-gate.yml": "on: push\n"}
    lines = [f"{hashlib.sha256(text.encode()).hexdigest()}  {name}\n" for name, text in files.items()]
    lines.append(f"{'0' * 64}  .gitlab/fearless/pipeline.yml\n")
    for name, text in files.items():
        tree.write(name, text)
    tree.write("fearless/MANIFEST", "".join(lines))
    return tree


def edits(tree: Tree) -> list[str]:
    return [finding.what for finding in unedited(tree.project)]


def test_files_as_delivered_pass_and_those_of_the_other_ci_are_not_asked_for(delivered: Tree) -> None:
    assert edits(delivered) == []


def test_an_edited_file_is_named_with_the_way_back(delivered: Tree) -> None:
    delivered.write("fearless/STAGES", "2\n")
    (finding,) = unedited(delivered.project)
    assert finding.what == "fearless/STAGES belongs to the template and was edited."
    assert "git checkout fearless/STAGES" in finding.fix


def test_a_removed_file_is_named(delivered: Tree) -> None:
    (delivered.root / ".github" / "workflows" / "fearless-gate.yml").unlink()
    assert edits(delivered) == [".github/workflows/fearless-gate.yml belongs to the template and is missing."]


@pytest.mark.parametrize(
    "name", ["fearless/mine.py", ".github/workflows/fearless-mine.yml", ".gitlab/fearless/mine.yml"]
)
def test_a_stranger_among_the_templates_files_is_named(delivered: Tree, name: str) -> None:
    delivered.write(name, "")
    assert edits(delivered) == [f"{name} stands among the template's files and is not one of them."]


@pytest.mark.parametrize(
    "name",
    [
        "fearless/src/fearless/__pycache__/api.cpython-311.pyc",
        "fearless/.ruff_cache/x",
        "fearless/src/fearless.egg-info/PKG-INFO",
        "fearless/.DS_Store",
        ".github/workflows/mine.yml",
    ],
)
def test_litter_of_tools_and_the_teams_own_workflows_are_no_strangers(delivered: Tree, name: str) -> None:
    delivered.write(name, "")
    assert edits(delivered) == []


def test_what_uv_makes_inside_the_toolkit_is_no_stranger_and_is_not_walked(
    delivered: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    delivered.write("fearless/.venv/lib/site-packages/polars/lazy.py", "")
    delivered.write("fearless/uv.lock", "")
    entered: list[str] = []
    scandir = os.scandir

    def watched(path: str) -> object:
        entered.append(str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", watched)
    assert edits(delivered) == []
    assert entered
    assert not any(".venv" in path for path in entered)
    delivered.write("fearless/src/uv.lock", "")
    assert edits(delivered) == [
        "fearless/src/uv.lock stands among the template's files and is not one of them."
    ]


def test_three_strangers_are_named_and_the_others_counted(delivered: Tree) -> None:
    for number in range(5):
        delivered.write(f"fearless/mine{number}.py", "")
    found = unedited(delivered.project)
    assert [finding.what.split()[0] for finding in found[:3]] == [f"fearless/mine{n}.py" for n in range(3)]
    assert [finding.what for finding in found[3:]] == ["and 2 more."]
    assert found[0].fix == "Remove it, or move it into src/ or ops/."


def test_a_repository_below_a_folder_called_like_a_cache_is_looked_at_too(
    delivered: Tree, tmp_path: Path
) -> None:
    moved = Tree(delivered.root.rename(tmp_path / ".pytest_cache"))
    moved.write("fearless/mine.py", "")
    assert edits(moved) == ["fearless/mine.py stands among the template's files and is not one of them."]


def test_a_lost_manifest_is_an_error(tree: Tree) -> None:
    with pytest.raises(FearlessError, match="fearless/MANIFEST is missing"):
        unedited(tree.project)


def findings(tree: Tree, *files: Path) -> list[str]:
    return [finding.what for finding in unfit(files, tree.project)]


# Put together here, so that no scanner takes this file for a leak.
SECRETS = {
    "a private key": "-----BEGIN RSA " + "PRIVATE KEY-----",
    "an AWS access key": "key = AKIA" + "ABCDEFGHIJKLMNOP",
    "a GitHub token": "ghp_" + "a1" * 18,
    "a GitLab token": "glpat-" + "a1-_" * 5,
    "an Azure storage key": "AccountKey=" + "Ab1+/" * 17 + "==",
    "a Google service account key": '"private_key_id": "' + "0a" * 20 + '"',
}


@pytest.mark.parametrize("kind", SECRETS)
def test_a_secret_is_named_by_its_kind_and_never_shown(tree: Tree, kind: str) -> None:
    file = tree.write("notes.md", f"first\n{SECRETS[kind]}\n")
    assert findings(tree, file) == [f"notes.md holds what looks like {kind}."]


@pytest.mark.parametrize("side", ["<<<<<<< HEAD", ">>>>>>> other"])
def test_conflict_markers_are_found_with_any_line_end(tree: Tree, side: str) -> None:
    file = tree.write("a.py", "")
    file.write_bytes(f"x = 1\r\n{side}\r\n".encode())
    assert findings(tree, file) == ["a.py holds conflict markers."]


def test_a_file_too_large_for_git_is_named_and_the_lock_may_be(tree: Tree) -> None:
    large = tree.write("data.csv", "x" * 1_100_000)
    lock = tree.write("uv.lock", "x" * 1_100_000)
    assert findings(tree, large, lock) == ["data.csv has 1074 KB, too large for git."]


@pytest.mark.parametrize(
    "text",
    [
        "a title\n=======\n",
        "x << y\n",
        "'<<<<<<< HEAD' in text\n",
        "AKIA is a prefix\n",
        "AccountKey=$KEY\n",
        "",
    ],
)
def test_ordinary_text_passes(tree: Tree, text: str) -> None:
    assert findings(tree, tree.write("notes.md", text), tree.write("image.png", "\x00\xff")) == []


def test_the_files_that_git_tracks_are_looked_at_without_the_embedded_storage(tree: Tree) -> None:
    assert tracked_files(tree.project) == []
    for name in ("a name with ä.txt", ".storage/files/md5/00", "untracked.txt", "gone.txt"):
        tree.write(name, "text")
    for command in (["init", "-q"], ["add", "--", "a name with ä.txt", ".storage", "gone.txt"]):
        subprocess.run(["git", *command], cwd=tree.root, check=True)
    (tree.root / "gone.txt").unlink()
    assert tracked_files(tree.project) == [tree.root / "a name with ä.txt"]


def git(tree: Tree, *arguments: str, check: bool = True) -> None:
    author = ["-c", "user.name=Ada", "-c", "user.email=ada@example.com"]
    subprocess.run(["git", *author, *arguments], cwd=tree.root, check=check, capture_output=True)


def test_a_file_in_a_merge_that_is_not_finished_is_looked_at_once(tree: Tree) -> None:
    git(tree, "init", "-q", "-b", "main")
    for branch, text in (("main", "one"), ("theirs", "two"), ("main", "three")):
        git(tree, "checkout", "-q", *([branch] if text == "three" else ["-B", branch]))
        tree.write("notes.txt", f"{text}\n")
        git(tree, "add", "notes.txt")
        git(tree, "commit", "-q", "-m", text)
    git(tree, "merge", "theirs", check=False)
    assert findings(tree, *tracked_files(tree.project)) == ["notes.txt holds conflict markers."]


def staged_findings(tree: Tree) -> list[str]:
    return [finding.what for finding in unfit_staged(staged_content(tree.project))]


def test_what_is_staged_is_looked_at_and_not_what_lies_in_the_work_tree(tree: Tree) -> None:
    git(tree, "init", "-q")
    secret = tree.write("a name with ä.txt", SECRETS["a GitLab token"])
    marked = tree.write("marked.txt", "<<<<<<< ours\n")
    large = tree.write("data.csv", "x" * 1_100_000)
    gone = tree.write("gone.txt", SECRETS["a GitHub token"])
    tree.write("empty.txt", "")
    tree.write(".storage/files/md5/00", SECRETS["a GitHub token"])
    git(tree, "add", "--", secret.name, marked.name, large.name, gone.name, "empty.txt", ".storage")
    for file in (secret, marked, large):
        file.write_text("clean\n", encoding="utf-8")
    gone.unlink()
    assert staged_findings(tree) == [
        "a name with ä.txt holds what looks like a GitLab token.",
        "data.csv has 1074 KB, too large for git.",
        "gone.txt holds what looks like a GitHub token.",
        "marked.txt holds conflict markers.",
    ]
    git(tree, "add", "--all")
    git(tree, "reset", "-q", "--", gone.name)
    assert staged_findings(tree) == []
    secret.write_text(SECRETS["a GitLab token"], encoding="utf-8")
    assert staged_findings(tree) == []


def test_staged_content_is_exact_and_nothing_staged_is_nothing(tree: Tree) -> None:
    git(tree, "init", "-q")
    assert staged_content(tree.project) == []
    (tree.root / "bytes.bin").write_bytes(b"\x00\xff\n\n")
    tree.write("empty.txt", "")
    git(tree, "add", "bytes.bin", "empty.txt")
    assert [(file.name, file.size, file.content) for file in staged_content(tree.project)] == [
        ("bytes.bin", 4, b"\x00\xff\n\n"),
        ("empty.txt", 0, b""),
    ]


def test_ruff_reads_what_is_staged(tree: Tree) -> None:
    tree.write("pyproject.toml", '[tool.ruff.lint]\nselect = ["F"]\n')
    git(tree, "init", "-q")
    names = ("model.py", "data.py", "features.py")
    tree.code("model.py", "import os\n\nx = {  'a':1}\n").code("data.py", "import os\n")
    tree.code("features.py", "x = 1\n")
    git(tree, "add", *(f"src/shop/{name}" for name in names))
    tree.code("model.py", "x = 1\n").code("features.py", "import os\n")
    said = [finding.what for finding in lint_staged(tree.project, staged_content(tree.project))]
    assert len(said) == 2
    assert "src/shop/model.py:1:8: F401" in said[0]
    assert "src/shop/data.py:1:8: F401" in said[0]
    assert "features.py" not in said[0]
    assert said[1] == "ruff format would change src/shop/model.py."
    tree.code("data.py", "x = 1\n")
    git(tree, "add", "src/shop/model.py", "src/shop/data.py")
    assert lint_staged(tree.project, staged_content(tree.project)) == []


def test_lint_names_what_ruff_finds_and_passes_clean_code(tree: Tree) -> None:
    tree.write("pyproject.toml", '[tool.ruff.lint]\nselect = ["F"]\n')
    for name in ("data.py", "features.py", "model.py"):
        tree.code(name, "x = 1\n")
    assert lint(tree.project) == []
    tree.code("model.py", "import os\n\nx = {  'a':1}\n")
    said = [finding.what for finding in lint(tree.project)]
    assert len(said) == 2
    assert said[0].startswith("ruff check: src/shop/model.py:1:8: F401")
    assert said[1].startswith("ruff format would change ")


def test_a_suite_that_fails_or_runs_nothing_is_a_finding(tree: Tree) -> None:
    tree.write("pyproject.toml", '[tool.pytest.ini_options]\ntestpaths = ["tests"]\n')
    file = tree.write("tests/test_model_code.py", "")
    assert [finding.what for finding in repository.tests(tree.project)] == ["pytest collected no test."]
    file.write_text("def test_one():\n    assert 1 == 2\n", encoding="utf-8")
    (finding,) = repository.tests(tree.project)
    assert finding.what.startswith("The tests failed: FAILED tests/test_model_code.py::test_one")
    file.write_text("def test_one():\n    assert 1 == 1.0\n", encoding="utf-8")
    assert repository.tests(tree.project) == []


def items(tree: Tree, *lines: str) -> list[Item]:
    tree.write("ops/checklist.yaml", "version: 1\nitems:\n" + "".join(f"  {line}\n" for line in lines))
    return read_items(tree.project)


def outcome(tree: Tree, *command: str, minutes: float = 1) -> str:
    found = run_item(Item(id="T01", title="Prices", run=list(command), minutes=minutes), tree.project)
    return found[0].what if found else ""


def test_the_teams_own_items_are_read(tree: Tree) -> None:
    assert read_items(tree.project) == []
    tree.write("ops/checklist.yaml", "version: 1\nitems:\n")
    assert read_items(tree.project) == []
    (item,) = items(tree, "- {id: T01, title: Prices are positive, run: [python, check.py], minutes: 2}")
    assert (item.id, item.run, item.minutes) == ("T01", ["python", "check.py"], 2)


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("- {id: X1, title: Prices, run: [a]}", "`items.0.id` is 'X1'"),
        ("- {id: T01, title: Prices, run: []}", "`items.0.run` is []"),
        ("- {id: T01, title: Prices, run: [a], minutes: 0}", "`items.0.minutes` is 0"),
        ("- {id: T01, title: Prices, command: [a]}", "the key `items.0.command` is not known"),
        ("- {id: T01, titel: Prices, run: [a]}", "Did you mean `title`?"),
    ],
)
def test_an_item_that_cannot_be_run_is_refused(tree: Tree, line: str, sentence: str) -> None:
    with pytest.raises(FearlessError) as caught:
        items(tree, line)
    assert str(caught.value).startswith("ops/checklist.yaml: ")
    assert sentence in str(caught.value)


def test_two_items_of_one_id_are_refused(tree: Tree) -> None:
    line = "- {id: T01, title: Prices, run: [a]}"
    with pytest.raises(FearlessError, match=r"ops/checklist.yaml has two items T01\. Give each its own id\."):
        items(tree, line, line)


def test_an_item_passes_with_exit_code_0_and_runs_in_the_root(tree: Tree) -> None:
    assert outcome(tree, sys.executable, "-c", "open('columns.yaml').close()") == ""


def test_an_item_that_fails_is_told_with_its_last_line(tree: Tree) -> None:
    said = outcome(
        tree, sys.executable, "-c", "print('one'); print('two prices are negative'); raise SystemExit(3)"
    )
    assert said == "T01 Prices: exit code 3: two prices are negative"


def test_an_item_without_its_program_or_without_an_end_is_told(tree: Tree) -> None:
    assert outcome(tree, "no-such-program") == "T01 Prices: there is no program `no-such-program`."
    slow = outcome(tree, sys.executable, "-c", "import time; time.sleep(60)", minutes=0.005)
    assert slow == "T01 Prices: took more than 0.005 minutes."


@pytest.mark.skipif(sys.platform == "win32", reason="Windows knows no executable bit")
def test_an_item_that_is_not_executable_is_told(tree: Tree) -> None:
    tree.write("check.sh", "exit 0\n")
    assert outcome(tree, "./check.sh") == "T01 Prices: `./check.sh` cannot be run: Permission denied."
