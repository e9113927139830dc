"""Where things are in a generated repository: the one place that knows its paths."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from fearless.core.errors import FearlessError
from fearless.core.yaml_file import read_mapping

MARKERS = ("columns.yaml", "fearless/STAGES")


@dataclass(frozen=True)
class Project:
    """A generated repository. `root` is its folder, which need not be the root of the git repository."""

    root: Path

    @staticmethod
    def find(start: Path | None = None) -> Project:
        """The project that `start` (default: the working directory) is in, searching upwards."""
        here = (start or Path.cwd()).resolve()
        for folder in (here, *here.parents):
            if all((folder / marker).is_file() for marker in MARKERS):
                return Project(folder)
        raise FearlessError(
            f"{here} is not inside a Fearless repository (no columns.yaml beside fearless/STAGES).",
            fix="Change into the repository that `copier copy` made.",
        )

    @cached_property
    def answers(self) -> dict[str, Any]:
        """The answers the template recorded."""
        return read_mapping(self.root / ".copier-answers.yml", ".copier-answers.yml")

    @property
    def package(self) -> str:
        """The name of the team's package, the folder below `src/`."""
        name = self.answers.get("package_name")
        if not isinstance(name, str) or not name.isidentifier():
            raise FearlessError(
                ".copier-answers.yml names no package (key `package_name`).",
                fix="Bring it back with `git checkout -- .copier-answers.yml`.",
            )
        return name

    @property
    def source(self) -> Path:
        """The folder of the team's code."""
        return self.root / "src" / self.package

    @property
    def raw(self) -> Path:
        return self.root / "data" / "raw"

    @property
    def golden(self) -> Path:
        return self.root / "data" / "golden"

    @property
    def prepared(self) -> Path:
        return self.root / "data" / "prepared"

    @property
    def candidate(self) -> Path:
        return self.root / "models" / "candidate"

    @property
    def champion(self) -> Path:
        return self.root / "models" / "champion"

    @property
    def reports(self) -> Path:
        return self.root / "ops" / "reports"

    @property
    def storage(self) -> Path:
        """The DVC remote inside the repository (only with the answer `dvc_remote: local`)."""
        return self.root / ".storage"

    @property
    def scratch(self) -> Path:
        """Files of this machine that git ignores; the folder carries its own ignore file."""
        folder = self.root / ".fearless"
        ignore = folder / ".gitignore"
        if not ignore.is_file():
            folder.mkdir(exist_ok=True)
            ignore.write_text("*\n", encoding="utf-8", newline="\n")
        return folder

    def relative(self, path: Path) -> str:
        """`path` as a user reads it: relative to the root, with `/`."""
        try:
            return path.resolve().relative_to(self.root.resolve()).as_posix()
        except ValueError:
            return str(path)
