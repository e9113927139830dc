"""Running the stages: one by name, as dvc.yaml does, or all that are out of date, as a person does."""

from __future__ import annotations

import contextlib
import os
import re
import sys
from collections.abc import Callable
from importlib import import_module

from fearless.core import dvc
from fearless.core.errors import FearlessError
from fearless.core.project import Project

STAGES = ("prepare", "train", "evaluate")
# One thread and a fixed hash seed: the same inputs then give the same bytes, which dvc.lock records.
FIXED = {"PYTHONHASHSEED": "0", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


def run_stage(name: str) -> None:
    """Run one stage in this process, in the fixed surroundings that make its result repeatable."""
    if name not in STAGES:
        raise FearlessError(f"There is no stage `{name}`.", fix=f"The stages are {', '.join(STAGES)}.")
    if any(os.environ.get(key) != value for key, value in FIXED.items()):
        _again_with_fixed_surroundings(name)
    stage: Callable[[Project], str] = getattr(import_module(f"fearless.pipeline.{name}"), name)
    print(f"      {name}: {stage(Project.find())}", flush=True)


def reproduce(project: Project, *, again: bool = False) -> None:
    """Run the stages of dvc.yaml that are out of date, or `again` all of them, and write dvc.lock."""
    _need_data(project)
    os.environ.update(FIXED)
    try:
        dvc.reproduce(project.root, again=again)
    except FearlessError as error:
        if stopped := next(
            (name for name in STAGES if f"'{name}'" in error.what or f"stage {name}" in error.what), ""
        ):
            _bring_back(stopped, project)
            raise _stopped(stopped, error.what) from None
        raise


def _need_data(project: Project) -> None:
    """DVC calls data that was never pulled a missing source, which tells nobody what to do."""
    for name in ("raw", "golden"):
        if (project.root / "data" / f"{name}.dvc").is_file() and not (project.root / "data" / name).is_dir():
            raise FearlessError(f"data/{name} is not here yet.", fix="Bring it with `uv run dvc pull`.")


def _stopped(stage: str, said: str) -> FearlessError:
    ended = re.search(r"exited with (-?\d+)", said)
    code = int(ended.group(1)) if ended else 2
    if code in (1, 2):  # the stage has told its reason
        return FearlessError(
            f"The stage {stage} stopped, for the reason above.",
            fix="Mend that and run `uv run fearless train`.",
        )
    killed = " (it was killed, often for lack of memory)" if code in (-9, 137) else ""
    return FearlessError(f"The stage {stage} ended with code {code} and without a word{killed}.")


def _bring_back(stage: str, project: Project) -> None:
    """DVC removes a stage's outputs before it runs: put the last good ones back, where there are any."""
    with contextlib.suppress(FearlessError):
        dvc.checkout([stage], project.root)


def _again_with_fixed_surroundings(name: str) -> None:
    """Python reads its hash seed only at its start: start it again with it."""
    import subprocess

    command = [sys.executable, "-m", "fearless.cli", "stage", name]
    raise SystemExit(subprocess.run(command, env={**os.environ, **FIXED}).returncode)
