"""The stages run again in a copy of the repository, from the raw data on, so that nothing here changes.

python -m fearless.pipeline.rerun golden prepare train    what a copy runs, in its own process
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from pathlib import Path

from fearless.columns.dictionary import load
from fearless.core.atomic import write_text
from fearless.core.errors import FearlessError
from fearless.core.git import git
from fearless.core.project import Project
from fearless.golden.freeze import row_names
from fearless.golden.frozen import open_golden
from fearless.golden.grown import grown_rows, without_grown
from fearless.golden.scrambled import write_golden
from fearless.model.contract import Team
from fearless.pipeline.run import FIXED

TRAINING = ("prepare", "train")
WITH_GOLDEN = ("golden", *TRAINING)
STOPPED = "stopped.json"
PASSED_OVER = shutil.ignore_patterns("__pycache__", "*.pyc")


class StepError(FearlessError):
    """A step stopped in a copy. `step` is its name."""

    def __init__(self, step: str, what: str, fix: str) -> None:
        super().__init__(what, fix=fix)
        self.step = step


class Reruns:
    """Copies of `project` below `folder`, each trained once."""

    def __init__(self, project: Project, folder: Path) -> None:
        self.project = project
        self.folder = folder
        self._plain: Project | StepError | None = None

    @property
    def plain(self) -> Project:
        """A copy trained as `fearless train` does, for the others to be held against; raises StepError each time."""
        if self._plain is None:
            copy = self.copy("plain")
            try:
                run(copy, TRAINING, FIXED)
                self._plain = copy
            except StepError as error:
                self._plain = error
        if isinstance(self._plain, StepError):
            raise self._plain
        return self._plain

    def copy(self, name: str) -> Project:
        """A new copy: what git tracks or would track, and all data but what the stages make of it."""
        root = self.folder / name
        listed = git(
            ["ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", "."], self.project.root
        )
        for file in dict.fromkeys(listed.stdout.split("\0")):
            source = self.project.root / file
            if file and not file.startswith((".storage/", ".dvc/", "data/")) and source.is_file():
                (root / file).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source, root / file)

        def passed_over(folder: str, names: list[str]) -> set[str]:
            made = [self.project.prepared.name] if Path(folder) == self.project.prepared.parent else []
            return {*made, *PASSED_OVER(folder, names)}

        shutil.copytree(self.project.root / "data", root / "data", ignore=passed_over)
        return Project(root)

    def drop(self, copy: Project) -> None:
        """Give the room of a copy back: the data may be large."""
        shutil.rmtree(copy.root)


def run(copy: Project, steps: Sequence[str], surroundings: Mapping[str, str]) -> None:
    """Run `steps` in `copy`, in a process of their own; raises StepError with the sentence of the one that stopped."""
    # This toolkit and not the copy's: both are the same unless the base's toolkit judges a change.
    own = str(Path(__file__).resolve().parents[2])
    path = os.pathsep.join(filter(None, [own, os.environ.get("PYTHONPATH", "")]))
    done = subprocess.run(
        [sys.executable, "-m", "fearless.pipeline.rerun", *steps],
        cwd=copy.root,
        env={**os.environ, **surroundings, "PYTHONPATH": path},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
    )
    if done.returncode == 0:
        return
    file = copy.scratch / STOPPED
    if not file.is_file():
        said = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise StepError(steps[-1], f"Training in a copy ended with code {done.returncode}: {said}", "")
    raise StepError(**json.loads(file.read_text(encoding="utf-8")))


def golden(project: Project) -> str:
    """Take the golden rows anew from load(): those of the frozen keys, with the values that they have now.

    Those that grew from live predictions stay as they are.
    """
    import polars as pl

    dictionary = load(project.root)
    frozen = open_golden(project)
    rows = Team.of(project, dictionary).load()
    names = row_names(without_grown(frozen, dictionary).rows, dictionary)
    rows = rows.filter(row_names(rows, dictionary).is_in(names.implode()))
    rows = pl.concat([rows, grown_rows(frozen, dictionary).select(rows.columns)])
    write_golden(project, rows, frozen)
    return f"{rows.height:,} golden rows"


def main(steps: Sequence[str]) -> int:
    """Run `steps` in the working directory; what stops one goes into a file, apart from what the team's code prints."""
    project = Project.find()
    for name in steps:
        step: Callable[[Project], str] = (
            golden if name == "golden" else getattr(import_module(f"fearless.pipeline.{name}"), name)
        )
        try:
            step(project)
        except FearlessError as error:
            write_text(
                project.scratch / STOPPED, json.dumps({"step": name, "what": error.what, "fix": error.fix})
            )
            return 2
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
