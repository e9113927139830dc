"""The releases of the template this repository came from: which there are, and what each delivers byte for byte.

The template's own files are the ones that `fearless/MANIFEST` lists. They hold no Jinja, so their bytes in the template
are their bytes in every repository, and nothing need be rendered to compare them.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from pathlib import Path

from packaging.version import InvalidVersion, Version

from fearless.core.digest import parse_manifest
from fearless.core.errors import FearlessError
from fearless.core.project import Project

MANIFEST = "fearless/MANIFEST"
ANSWERS = ".copier-answers.yml"
FOLDER = "template"  # `_subdirectory` of the template's copier.yml
HOSTS = {"gh:": "https://github.com/", "gl:": "https://gitlab.com/"}
NETWORK = re.compile(r"^([a-z][a-z0-9+.-]+://|[^/\\]{2,}@[^/]+:)", re.IGNORECASE)  # a URL, or name@host:path
CREDENTIALS = re.compile(r"(?<=://)[^/@\s]+@")
CONDITION = re.compile(r"{%.*?%}")  # how a file or folder of one CI system is named in the template
PATIENCE_S = 120


@dataclass(frozen=True, order=True)
class Release:
    """A release of the template, compared by its version; `tag` is what git calls it."""

    version: Version
    tag: str = field(compare=False)

    def __str__(self) -> str:
        return str(self.version)


def source_of(project: Project) -> str:
    """The address of the template as git takes it, from the answer `_src_path`.

    The short forms that copier knows are spelt out: `gh:` and `gl:`, a leading `git+`, `~`, and a path from the root.
    """
    recorded = project.answers.get("_src_path")
    if not isinstance(recorded, str) or not recorded:
        raise FearlessError(
            f"{ANSWERS} does not say where the template lies (key `_src_path`).",
            fix=f"Bring it back with `git checkout -- {ANSWERS}`.",
        )
    for short, host in HOSTS.items():
        if recorded.startswith(short):
            address = host + recorded.removeprefix(short).lstrip("/")
            return address if address.endswith(".git") else f"{address}.git"
    address = recorded.removeprefix("git+")
    if NETWORK.match(address):
        return address
    return str((project.root / Path(address).expanduser()).resolve())


def recorded_release(project: Project) -> Release:
    """The release that this repository has, from the answer `_commit`."""
    return release_of(project.answers.get("_commit"), ANSWERS)


def release_of(recorded: object, where: str) -> Release:
    """The release with the tag `recorded`; `where` is how messages call the file that records it."""
    found = _release(str(recorded or ""))
    if found is None:
        raise FearlessError(
            f"{where} names no release of the template: its `_commit` is {recorded or 'missing'}.",
            fix="Only what was made or updated from a release can be compared and updated; make the repository from a"
            " tag of the template, or update once by hand: `uvx copier update --defaults`.",
        )
    return found


def releases(source: str) -> list[Release]:
    """All releases of the template at `source`, oldest first; the pre-releases among them say so by their version."""
    said = _git(["ls-remote", "--tags", "--refs", "--", source], Path.cwd(), source)
    tags = [line.split("\trefs/tags/", 1)[1] for line in said.decode().splitlines() if "\trefs/tags/" in line]
    return sorted(found for tag in tags if (found := _release(tag)) is not None)


def fetch_manifest(source: str, tag: str) -> dict[str, str]:
    """The SHA-256 of each of the template's files in the release `tag`, by its path in a repository."""
    with fetched(source, tag) as delivered:
        return delivered.manifest


@contextmanager
def fetched(source: str, tag: str) -> Iterator[Delivered]:
    """The release `tag` of the template at `source`, fetched without history into a folder that goes with the block.

    Raises FearlessError where the template cannot be reached or has no such tag.
    """
    with tempfile.TemporaryDirectory(prefix="fearless-release-", ignore_cleanup_errors=True) as folder:
        bare = Path(folder)
        _git(["init", "--quiet", "--bare"], bare, source)
        _git(["remote", "add", "origin", source], bare, source)
        ref = f"refs/tags/{tag}"
        options = ["--quiet", "--no-tags", "--depth=1", "--filter=blob:none"]
        try:
            _git(["fetch", *options, "origin", f"+{ref}:{ref}"], bare, source)
        except FearlessError:
            if _git(["ls-remote", "--tags", "origin", ref], bare, source).strip():
                raise
            raise FearlessError(
                f"The template at {shown(source)} has no release {tag}.",
                fix=f"{ANSWERS} names the release; bring that file back if it was edited.",
            ) from None
        yield Delivered(bare, source, tag)


@dataclass(frozen=True)
class Delivered:
    """What a release of the template delivers, in a bare repository that holds it."""

    bare: Path
    source: str
    tag: str

    @cached_property
    def manifest(self) -> dict[str, str]:
        """The SHA-256 of each of the template's files, by its path in a repository; both CI systems' are there."""
        return parse_manifest(self._show(MANIFEST).decode("utf-8"))

    def read(self, path: str) -> bytes:
        """The bytes of one of the template's files, `fearless/MANIFEST` included, by its path in a repository.

        Raises FearlessError where the release has no such file, or another one than its manifest says.
        """
        content = self._show(path)
        if path != MANIFEST and sha256(content).hexdigest() != self.manifest.get(path):
            raise FearlessError(
                f"{path} of the release {self.tag} is not what {MANIFEST} of that release says: the tag was moved or"
                " the template is damaged.",
                fix=f"Tell the owner of {shown(self.source)}.",
            )
        return content

    def _show(self, path: str) -> bytes:
        blob = self._blobs.get(path)
        if blob is None:
            raise FearlessError(f"The release {self.tag} of the template has no file {path}.")
        return _git(["cat-file", "blob", blob], self.bare, self.source)

    @cached_property
    def _blobs(self) -> dict[str, str]:
        """Git's name for the content of each file below the template's folder, by its path in a repository."""
        listing = _git(["ls-tree", "-r", "-z", f"refs/tags/{self.tag}:{FOLDER}"], self.bare, self.source)
        entries = [entry.split("\t", 1) for entry in listing.decode("utf-8").split("\0") if entry]
        return {CONDITION.sub("", name): about.split()[2] for about, name in entries}


def shown(source: str) -> str:
    """`source` as it may be printed: without the name and password that an address can hold."""
    return CREDENTIALS.sub("", source)


def _release(tag: str) -> Release | None:
    try:
        version = Version(tag)
    except InvalidVersion:
        return None
    # A commit's short digest, which copier records where no tag is near, can read as a version too: 0123456, 12345a6.
    return Release(version, tag) if len(version.release) > 1 else None


def _git(arguments: Sequence[str], folder: Path, source: str) -> bytes:
    """What git prints; a failure becomes a sentence about the template at `source`."""
    if shutil.which("git") is None:
        raise FearlessError("git is not installed.", fix="Install git 2.30 or newer and run this again.")
    # Where a project's git runs this (in a hook, say), its folder must not become the one that is asked.
    environment = {
        name: value for name, value in os.environ.items() if name not in ("GIT_DIR", "GIT_WORK_TREE")
    }
    try:
        done = subprocess.run(
            ["git", *arguments],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=PATIENCE_S,
        )
    except subprocess.TimeoutExpired:
        raise _unreachable(source, f"git waited {PATIENCE_S} s for an answer") from None
    if done.returncode != 0:
        raise _unreachable(source, done.stderr.decode("utf-8", errors="replace"))
    return done.stdout


def _unreachable(source: str, said: str) -> FearlessError:
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    # What git says first is the reason; below it stands advice.
    reason = next(
        (line for line in lines if line.startswith(("fatal:", "error:"))), (lines or ["no reason"])[0]
    )
    told = shown(re.sub(r"^(fatal|error): ", "", reason)).rstrip(".")
    return FearlessError(
        f"The template at {shown(source)} cannot be read: {told}.",
        fix=f"Is the network there, and is `_src_path` in {ANSWERS} still its address?",
    )
