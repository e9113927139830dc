"""Where the project is, what its YAML files say, and the sentences a user reads when they are wrong."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import BaseModel, ConfigDict, ValidationError

from fearless.core.errors import FearlessError
from fearless.core.git import git
from fearless.core.model_error import first_complaint
from fearless.core.project import Project
from fearless.core.yaml_file import read_mapping

from .conftest import Tree


def test_the_project_is_found_from_any_folder_below_it(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    below = tree.root / "src" / "shop" / "deep"
    below.mkdir()
    assert Project.find(below).root == tree.root.resolve()
    monkeypatch.chdir(below)
    assert Project.find().root == tree.root.resolve()


def test_the_nearest_project_wins(tree: Tree) -> None:
    tree.write("inner/columns.yaml", "version: 1\n")
    tree.write("inner/fearless/STAGES", "1\n")
    assert Project.find(tree.root / "inner" / "fearless").root == tree.root.resolve() / "inner"


@pytest.mark.parametrize("missing", ["columns.yaml", "fearless/STAGES"])
def test_outside_a_project_the_way_in_is_told(tree: Tree, missing: str) -> None:
    (tree.root / missing).unlink()
    with pytest.raises(FearlessError, match=r"is not inside a Fearless repository .* Change into"):
        Project.find(tree.root / "src")


def test_the_package_is_the_one_of_the_answers(tree: Tree) -> None:
    assert tree.project.package == "shop"
    assert tree.project.source == tree.root / "src" / "shop"


@pytest.mark.parametrize("answers", ["", "package_name: not-a-name\n", "package_name:\n"])
def test_answers_without_a_package_are_refused(tree: Tree, answers: str) -> None:
    tree.write(".copier-answers.yml", answers)
    with pytest.raises(FearlessError, match="names no package"):
        _ = tree.project.package


def test_the_scratch_folder_keeps_itself_out_of_git(tree: Tree) -> None:
    assert (tree.project.scratch / ".gitignore").read_bytes() == b"*\n"
    assert tree.project.scratch == tree.root / ".fearless"


def test_paths_are_told_relative_to_the_root(tree: Tree, tmp_path: Path) -> None:
    assert tree.project.relative(tree.root / "data" / "raw") == "data/raw"
    assert tree.project.relative(tmp_path) == str(tmp_path)


def read(folder: Path, content: bytes, **how: bool) -> object:
    (folder / "a.yaml").write_bytes(content)
    return read_mapping(folder / "a.yaml", "a.yaml", **how)


def test_a_mapping_is_read_with_its_types_or_as_text(tmp_path: Path) -> None:
    content = b"a: yes\nb: [01, 1.50, 2024-01-01, ~]\nc:\n"
    assert read(tmp_path, b"a: yes\nb: [2, 1.50]\nc:\n") == {"a": True, "b": [2, 1.5], "c": None}
    assert read(tmp_path, content, as_text=True) == {
        "a": "yes",
        "b": ["01", "1.50", "2024-01-01", "~"],
        "c": "",
    }


@pytest.mark.parametrize("as_text", [False, True])
def test_anchors_and_merges_work(tmp_path: Path, as_text: bool) -> None:
    content = b"base: &base {x: a, y: b}\nmore:\n  <<: *base\n  y: c\nsame: *base\n"
    merged = {"base": {"x": "a", "y": "b"}, "more": {"x": "a", "y": "c"}, "same": {"x": "a", "y": "b"}}
    assert read(tmp_path, content, as_text=as_text) == merged


@pytest.mark.parametrize("content", [b"", b"# nothing\n", b"\xef\xbb\xbf", b"---\n"])
def test_an_empty_file_is_an_empty_mapping(tmp_path: Path, content: bytes) -> None:
    assert read(tmp_path, content) == {}


def test_a_byte_order_mark_and_windows_line_ends_are_no_part_of_the_first_key(tmp_path: Path) -> None:
    assert read(tmp_path, b"\xef\xbb\xbfa: 1\r\nb: x\r\n") == {"a": 1, "b": "x"}


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"a: 1\na: 2\n", "a.yaml line 2, column 1 is not valid YAML: the key `a` is there twice"),
        (
            b"x:\n  a: 1\n  b: 2\n  a: 3\n",
            "a.yaml line 4, column 3 is not valid YAML: the key `a` is there twice",
        ),
        (b"x: {a: 1, 'a': 2}\n", "the key `a` is there twice"),
        (b"a: [1\nb: 2\n", "a.yaml line 2"),
        (b"a:\n\t- 1\n", "a.yaml line 2"),
        (b"- 1\n", "a.yaml holds a list, not `key: value` lines"),
        (b"text\n", "a.yaml holds a str, not `key: value` lines"),
        (b"a: \xe4\n", "a.yaml is not UTF-8"),
        (b"a: !!python/object/apply:os.system [true]\n", "could not determine a constructor"),
        (b"a: *gone\n", "a.yaml line 1, column 4"),
    ],
)
@pytest.mark.parametrize("as_text", [False, True])
def test_a_file_that_is_no_mapping_is_told_with_its_place(
    tmp_path: Path, content: bytes, sentence: str, as_text: bool
) -> None:
    with pytest.raises(FearlessError) as caught:
        read(tmp_path, content, as_text=as_text)
    assert sentence in str(caught.value)


def test_a_file_that_is_gone_is_told_with_the_way_back(tmp_path: Path) -> None:
    with pytest.raises(
        FearlessError, match=r"^gone\.yaml is missing\. Bring it back with `git checkout -- gone\.yaml`"
    ):
        read_mapping(tmp_path / "gone.yaml", "gone.yaml")


class Sample(BaseModel):
    model_config = ConfigDict(extra="forbid")

    colour: str
    size: int = 1


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ({"color": "red"}, "f.yaml: the key `color` is not known. Did you mean `colour`?"),
        ({"colour": "red", "xyz": 1}, "f.yaml: the key `xyz` is not known. Valid keys: colour, size."),
        ({}, "f.yaml: `colour` is missing. Add that line."),
        ({"colour": "red", "size": "big"}, "f.yaml: `size` is 'big': input should be a valid integer"),
        ({"colour": ["long"] * 99}, "..."),
    ],
)
def test_a_complaint_is_one_sentence_about_one_key(content: dict[str, object], sentence: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Sample.model_validate(content)
    said = str(first_complaint(caught.value, "f.yaml", Sample.model_fields))
    assert sentence in said
    assert len(said) < 200


def test_an_error_is_its_two_sentences() -> None:
    error = FearlessError("This is wrong.", fix="Mend it.")
    assert (str(error), error.code) == ("This is wrong. Mend it.", 2)
    assert str(FearlessError("This is wrong.", code=3)) == "This is wrong."


def test_a_machine_without_git_is_told_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(FearlessError, match="git is not installed"):
        git(["status"], tmp_path)
