"""Files that are there whole or not at all, and the digests of files and folders."""

from __future__ import annotations

import hashlib
import os
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fearless.core.atomic import replaced_file, replaced_folder, write_bytes, write_text
from fearless.core.digest import dvc_folder_md5, files_below, sha256_file, sha256_text
from fearless.golden.frozen import pointed_digest


class CrashError(Exception):
    """What happens in the middle of a write."""


def below(folder: Path) -> dict[str, str]:
    return {name: file.read_text(encoding="utf-8") for name, file in files_below(folder)}


def test_text_is_written_as_utf_8_with_line_feeds(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "a.txt"
    write_text(path, "ä\nb\n")
    assert path.read_bytes() == b"\xc3\xa4\nb\n"
    write_bytes(path, b"\x00\r\n")
    assert below_names(tmp_path) == ["new/folder/a.txt"]
    assert path.read_bytes() == b"\x00\r\n"


def below_names(folder: Path) -> list[str]:
    return [name for name, _ in files_below(folder)]


@pytest.mark.parametrize("before", [None, "the old text"])
def test_a_crash_while_a_file_is_written_leaves_what_was_there(tmp_path: Path, before: str | None) -> None:
    path = tmp_path / "a.txt"
    if before:
        path.write_text(before, encoding="utf-8")

    def crash() -> None:
        with replaced_file(path) as temporary:
            temporary.write_text("half of the new", encoding="utf-8")
            assert temporary.parent == path.parent  # else the move at the end would be a copy
            raise CrashError

    with pytest.raises(CrashError):
        crash()
    assert below(tmp_path) == ({"a.txt": before} if before else {})


@pytest.mark.parametrize("before", [None, {"a": "old", "b/c": "old"}])
def test_a_crash_while_a_folder_is_filled_leaves_what_was_there(
    tmp_path: Path, before: dict[str, str] | None
) -> None:
    folder = tmp_path / "folder"
    for name, text in (before or {}).items():
        write_text(folder / name, text)

    def crash() -> None:
        with replaced_folder(folder) as temporary:
            (temporary / "a").write_text("half", encoding="utf-8")
            raise CrashError

    with pytest.raises(CrashError):
        crash()
    assert sorted(path.name for path in tmp_path.iterdir()) == (["folder"] if before else [])
    assert below(tmp_path) == {f"folder/{name}": text for name, text in (before or {}).items()}


def test_a_folder_is_replaced_whole(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "folder"
    write_text(folder / "old", "old")
    with replaced_folder(folder) as temporary:
        (temporary / "sub").mkdir()
        (temporary / "sub" / "new").write_text("new", encoding="utf-8")
        assert (folder / "old").is_file()  # readers see the old one until the end
    assert below(tmp_path) == {"deep/folder/sub/new": "new"}
    assert [path.name for path in folder.parent.iterdir()] == ["folder"]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has other permissions")
def test_a_new_folder_is_as_readable_as_any(tmp_path: Path) -> None:
    with replaced_folder(tmp_path / "folder") as temporary:
        (temporary / "a").write_text("a", encoding="utf-8")
    assert (tmp_path / "folder").stat().st_mode & 0o777 == 0o755


def test_a_move_that_fails_brings_the_old_folder_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "folder"
    write_text(folder / "a", "old")
    move = Path.replace

    def refuse(self: Path, target: str | os.PathLike[str]) -> Path:
        if self.suffix == ".part" and self.is_dir():
            raise PermissionError("in use")
        return move(self, target)

    monkeypatch.setattr(Path, "replace", refuse)

    def fill() -> None:
        with replaced_folder(folder) as temporary:
            (temporary / "a").write_text("new", encoding="utf-8")

    with pytest.raises(PermissionError):
        fill()
    assert below(tmp_path) == {"folder/a": "old"}
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


@given(st.binary(max_size=200))
def test_a_files_digest_is_that_of_its_bytes(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    file = tmp_path_factory.mktemp("digest") / "a"
    file.write_bytes(content)
    assert sha256_file(file) == hashlib.sha256(content).hexdigest()


def test_a_large_file_is_digested_in_parts(tmp_path: Path) -> None:
    content = os.urandom(2_500_000)
    (tmp_path / "a").write_bytes(content)
    assert sha256_file(tmp_path / "a") == hashlib.sha256(content).hexdigest()
    assert sha256_text("ä") == hashlib.sha256(b"\xc3\xa4").hexdigest()


FOLDERS: dict[str, dict[str, str]] = {
    "one file": {"rows.parquet": "rows"},
    "nested": {"a/b/c.txt": "1", "a/b.txt": "2", "z": ""},
    # By their parts `a` comes before `a.b` and `a-c`; as text `/` comes after `-` and `.`.
    "names that sort unusually": {
        "a/c": "1",
        "a.b/c": "2",
        "a-c": "3",
        "a c": "4",
        "A": "5",
        "a0": "6",
        "_": "7",
    },
    "names in other alphabets": {"ä.txt": "1", "日本/ö": "2", "z.txt": "3", "é/b": "4"},
    "line ends": {"dos.txt": "a\r\nb\r\n", "unix.txt": "a\nb\n"},
}


@pytest.fixture(scope="module")
def pointers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A DVC repository in which DVC itself made the pointer of each folder."""
    from dvc.repo import Repo

    root = tmp_path_factory.mktemp("dvc")
    for number, files in enumerate(FOLDERS.values()):
        for name, text in files.items():
            path = root / f"folder{number}" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text.encode())
    with Repo.init(str(root), no_scm=True) as repo:
        repo.add([str(root / f"folder{number}") for number in range(len(FOLDERS))])
    return root


@pytest.mark.parametrize("kind", FOLDERS)
def test_a_folders_digest_is_the_one_in_dvcs_own_pointer(pointers: Path, kind: str) -> None:
    name = f"folder{list(FOLDERS).index(kind)}"
    expected = pointed_digest(pointers / f"{name}.dvc", f"{name}.dvc")
    assert expected.endswith(".dir")
    assert dvc_folder_md5(pointers / name) == expected


def test_a_folders_digest_changes_with_content_name_and_number_of_files(tmp_path: Path) -> None:
    digests = []
    for files in ({"a": "1"}, {"a": "2"}, {"b": "1"}, {"a": "1", "b": "1"}, {}):
        with replaced_folder(tmp_path / "folder") as temporary:
            for name, text in files.items():
                (temporary / name).write_text(text, encoding="utf-8")
        digests.append(dvc_folder_md5(tmp_path / "folder"))
    assert len(set(digests)) == 5
