"""A small repository with real git, real people and real keys, for what is signed."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from fearless.core.project import Project
from fearless.ship.record import Person
from fearless.ship.signature import FOLDER, Signature, Validity, sign, valid

from .conftest import COLUMNS, Tree

ADA = Person("Ada", "ada@example.com")  # writes everything
BOB = Person("Bob", "bob@example.com")  # reads and signs
EVE = Person("Eve", "eve@example.com")  # somebody else
FILES = {
    "QUESTION.md": "---\nversion: 1\nquestion: Who leaves?\n---\n",
    "README.md": "# Shop\n",
    "LICENSE": "All rights reserved\n",
    "docs/notes.md": "Notes\n",
    "gate.yaml": "version: 1\nchecks:\n  - {metric: primary, min_skill: 0.1}\n",
    "params.yaml": "seed: 7\n",
    "uv.lock": "version = 1\n",
    "dvc.lock": "schema: '2.0'\n",
    "data/golden.dvc": "outs:\n- md5: 0123456789abcdef0123456789abcdef.dir\n  path: golden\n",
    "ops/README.md": "# Stop it like this\n",
    ".gitignore": ".*.part\n.fearless/\n",
}


@dataclass
class Signed:
    """A repository of one author, and what people do in it."""

    tree: Tree
    now: datetime = field(default_factory=lambda: datetime.now(UTC).replace(microsecond=0))

    @property
    def project(self) -> Project:
        return Project(self.tree.root)

    @property
    def root(self) -> Path:
        return self.tree.root

    def git(self, *arguments: str, by: Person = ADA) -> str:
        command = ["git", *arguments]
        return subprocess.run(
            command, cwd=self.root, env=as_person(by), check=True, capture_output=True, encoding="utf-8"
        ).stdout.strip()

    def change(self, name: str, text: str, by: Person = ADA, message: str = "A change") -> str:
        """Commit one file with `text`; returns the commit."""
        self.tree.write(name, text)
        self.git("add", "--", name, by=by)
        self.git("commit", "--quiet", "--allow-empty", "-m", message, by=by)
        return self.git("rev-parse", "HEAD")

    def sign(self, item: str, by: Person = BOB, now: datetime | None = None) -> str:
        with acting(by):
            return sign(self.project, item, lambda _: True, now or self.now)

    def valid(self, item: str, days: float = 0) -> Validity:
        return valid(self.project, item, self.now + timedelta(days=days))

    def standing(self) -> list[str]:
        """The items that are signed now."""
        return [item for item in (f"S{number}" for number in range(1, 8)) if self.valid(item)]

    def file_of(self, item: str) -> Path:
        return next((self.root / FOLDER).glob(f"{item}-*.json"))

    def rewrite(self, which: str, by: Person = BOB, **changes: Any) -> Path:
        """Take the signature of `which` out of history and commit another text in its place, as a forger would."""
        file = self.file_of(which)
        content = json.loads(file.read_text(encoding="utf-8")) | changes
        self.git("reset", "--quiet", "--hard", "HEAD~1")
        self.change(f"{FOLDER}/{file.name}", json.dumps(content), by=by, message="Sign")
        return file


def as_person(person: Person) -> dict[str, str]:
    """The environment of a person whose git has no settings but their name."""
    return {
        "PATH": os.environ["PATH"],
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_AUTHOR_NAME": person.name,
        "GIT_AUTHOR_EMAIL": person.email,
        "GIT_COMMITTER_NAME": person.name,
        "GIT_COMMITTER_EMAIL": person.email,
    }


@contextmanager
def acting(person: Person) -> Iterator[None]:
    """Inside the block git, called by this process, acts for `person`."""
    before = dict(os.environ)
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        del os.environ[name]
    os.environ.update(as_person(person))
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def made(tree: Tree, **answers: str) -> Signed:
    """The repository of `tree` with every file that a signature can be about, in one commit of Ada's."""
    repository = Signed(tree)
    for name, text in FILES.items():
        tree.write(name, text)
    repository.git("init", "--quiet", "--initial-branch=main")
    repository.git("add", "--all")
    repository.git("commit", "--quiet", "-m", "Start")
    # Bob was here before, so that Ada is not alone.
    repository.change("docs/bob.md", "Hello\n", by=BOB)
    return repository


def key_of(repository: Signed, person: Person, folder: Path) -> str:
    """A new key that this person's commits are signed with from now on; returns its line for ops/allowed_signers."""
    key = folder / f"key-{person.name}"
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", person.name, "-f", str(key)], check=True
    )
    repository.git("config", "gpg.format", "ssh")
    repository.git("config", "user.signingkey", str(key))
    kind, public, _ = key.with_suffix(".pub").read_text(encoding="utf-8").split()
    return f"{person.email} {kind} {public}\n"


__all__ = ["ADA", "BOB", "COLUMNS", "EVE", "Signature", "Signed", "acting", "as_person", "key_of", "made"]
