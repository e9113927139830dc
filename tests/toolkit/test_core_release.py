"""Which releases a template has, and what each delivers: asked of real git repositories on disk."""

from __future__ import annotations

import hashlib
import re
import subprocess
from pathlib import Path

import pytest

from fearless.core.errors import FearlessError
from fearless.core.project import Project
from fearless.core.release import (
    MANIFEST,
    fetch_manifest,
    fetched,
    recorded_release,
    releases,
    shown,
    source_of,
)
from fearless.pipeline.restore import restore
from fearless.pipeline.update import COPIER

from .conftest import Tree

ROOT = Path(__file__).resolve().parents[2]
GITHUB = "{% if ci == 'github' %}.github{% endif %}/workflows/fearless-a.yml"
GITLAB = "{% if ci == 'gitlab' %}.gitlab{% endif %}/fearless/a.yml"
FILES = {
    "fearless/STAGES": ("fearless/STAGES", b"2\n"),
    ".github/workflows/fearless-a.yml": (GITHUB, b"name: a\n"),
    ".gitlab/fearless/a.yml": (GITLAB, b"a:\n"),
}


@pytest.fixture
def template(tmp_path: Path) -> Path:
    """A template with the tags v0.1.0, v0.2.0, v0.10.0, a pre-release and two that are no releases."""
    root = tmp_path / "template of all"
    lines = ""
    for path, (place, content) in FILES.items():
        file = root / "template" / place
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
        lines += f"{hashlib.sha256(content).hexdigest()}  {path}\n"
    (root / "template" / MANIFEST).write_text(lines, encoding="utf-8")
    (root / "template" / "README.md.jinja").write_text("{{ name }}", encoding="utf-8")
    git(root, "init", "--quiet")
    commit(root)
    for tag in ("v0.1.0", "v0.10.0", "v0.11.0rc1", "v0.2.0", "nightly", "0.2.0-is-out"):
        git(root, "tag", tag)
    return root


def git(folder: Path, *arguments: str) -> None:
    author = ["-c", "user.name=A", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *author, *arguments], cwd=folder, check=True, capture_output=True)


def commit(root: Path) -> None:
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "-m", "A release")


def answered(tree: Tree, **answers: str) -> Project:
    lines = "".join(f"{name}: {value!r}\n" for name, value in answers.items())
    tree.write(".copier-answers.yml", "package_name: shop\nci: github\n" + lines)
    return tree.project


@pytest.mark.parametrize(
    ("recorded", "source"),
    [
        ("gh:example/fearless", "https://github.com/example/fearless.git"),
        ("gh:/example/fearless.git", "https://github.com/example/fearless.git"),
        ("gl:example/ml/fearless", "https://gitlab.com/example/ml/fearless.git"),
        ("git+https://example.com/fearless", "https://example.com/fearless"),
        ("git+ssh://git@example.com/fearless", "ssh://git@example.com/fearless"),
        ("git@example.com:ml/fearless.git", "git@example.com:ml/fearless.git"),
        ("/srv/fearless", str(Path("/srv/fearless").resolve())),
        ("~/fearless", str((Path.home() / "fearless").resolve())),
    ],
)
def test_an_address_is_read_as_copier_reads_it(tree: Tree, recorded: str, source: str) -> None:
    assert source_of(answered(tree, _src_path=recorded)) == source


def test_a_relative_path_counts_from_the_root(tree: Tree) -> None:
    assert source_of(answered(tree, _src_path="../template")) == str(tree.root.parent.resolve() / "template")


def test_releases_are_ordered_by_version_and_other_tags_are_none(template: Path) -> None:
    found = releases(str(template))
    assert [release.tag for release in found] == ["v0.1.0", "v0.2.0", "v0.10.0", "v0.11.0rc1"]
    assert [str(release) for release in found if release.version.is_prerelease] == ["0.11.0rc1"]


@pytest.mark.parametrize(
    "address", ["{}", "file://{}"]
)  # over file:// git filters and fetches each blob apart
def test_a_release_gives_its_files_byte_for_byte_for_both_systems(template: Path, address: str) -> None:
    git(template, "config", "uploadpack.allowFilter", "true")
    git(template, "config", "uploadpack.allowAnySHA1InWant", "true")
    source = address.format(template)
    with fetched(source, "v0.2.0") as delivered:
        assert {path: delivered.read(path) for path in FILES} == {path: FILES[path][1] for path in FILES}
        assert delivered.read(MANIFEST) == (template / "template" / MANIFEST).read_bytes()
        assert set(delivered.manifest) == set(FILES)
        with pytest.raises(FearlessError, match=r"has no file README\.md"):
            delivered.read("README.md")
    assert fetch_manifest(source, "v0.2.0")["fearless/STAGES"] == hashlib.sha256(b"2\n").hexdigest()


def test_a_file_that_is_not_what_the_manifest_says_is_refused(template: Path) -> None:
    (template / "template/fearless/STAGES").write_bytes(b"3\n")
    commit(template)
    git(template, "tag", "v0.12.0")
    with (
        fetched(str(template), "v0.12.0") as delivered,
        pytest.raises(FearlessError, match="the tag was moved or the template is damaged"),
    ):
        delivered.read("fearless/STAGES")


def test_a_missing_release_and_a_missing_template_are_told_apart_and_no_password_is_printed(
    template: Path,
) -> None:
    with pytest.raises(FearlessError, match=r"has no release v9\.9\.9"):
        fetch_manifest(str(template), "v9.9.9")
    with pytest.raises(FearlessError, match="cannot be read"):
        releases(str(template.parent / "nowhere"))
    with pytest.raises(FearlessError, match="cannot be read") as error:
        releases("http://ada:secret@127.0.0.1:9/fearless.git")
    assert "secret" not in str(error.value)
    assert shown("https://ada:secret@example.com/a") == "https://example.com/a"


@pytest.mark.parametrize("recorded", ["v0.1.0-3-g0123456", "0123456", "12345a6", ""])
def test_what_was_made_from_no_release_cannot_be_compared(tree: Tree, recorded: str) -> None:
    with pytest.raises(FearlessError, match="names no release of the template"):
        recorded_release(answered(tree, _commit=recorded))


def test_what_drifted_is_brought_back_and_what_did_not_is_left(tree: Tree, template: Path) -> None:
    project = answered(tree)
    tree.write("fearless/STAGES", "7\n")
    with fetched(str(template), "v0.2.0") as delivered:
        assert restore(project, delivered) == [
            ".github/workflows/fearless-a.yml",
            MANIFEST,
            "fearless/STAGES",
        ]
        assert (tree.root / "fearless/STAGES").read_bytes() == b"2\n"
        assert not (tree.root / ".gitlab").exists()
        assert restore(project, delivered) == []


def test_the_copier_that_updates_is_the_one_that_the_tests_run() -> None:
    locked = re.search(
        r"^copier==(\S+)", (ROOT / "requirements.txt").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert locked
    assert locked[1] == COPIER
