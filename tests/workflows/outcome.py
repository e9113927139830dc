"""The steps of the generated workflow by name, and what it means for a run to be red."""

from __future__ import annotations

from .runner import Run

INSTALL = "Install what uv.lock names"
PULL = "Pull data and models"
CHECK = "Everything that must hold"
TRAIN = "Train, or prove that the model is current"
GATE = "Judge the model on golden data"


def assert_red(run: Run, step: str) -> None:
    """The run is red because of `step` and of nothing before it, and no later step made it look better."""
    judge = run.job("judge")
    assert judge.red[:1] == [step], judge.log
    assert judge.result == "failure"
    assert run.result("green") == "failure"
