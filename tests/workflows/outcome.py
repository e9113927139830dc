"""The steps of the generated workflow by name, and what it means for a run to be red."""

from __future__ import annotations

from .runner import Run

INSTALL = "Install what uv.lock names"
BASE = "Take the judge from the base"
CHANGE = "What the change does to its own judges"
PULL = "Pull data and models"
CHECK = "Everything that must hold"
TRAIN = "Train, or prove that the model is current"
GATE = "Judge the model on golden data"


def assert_red(run: Run, step: str, job: str = "judge") -> None:
    """The job is red because of `step` and of nothing before it, and no later step made the run look better."""
    found = run.job(job)
    assert found.red[:1] == [step], found.log
    assert found.result == "failure"
    assert run.result("green") == "failure"


def assert_green(run: Run) -> None:
    for name in ("check", "judge", "green"):
        assert run.result(name) == "success", run.job(name).log
