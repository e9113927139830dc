"""The names that the team's code may import. They are frozen: a later toolkit keeps them, and what they promise."""

from __future__ import annotations

from fearless.columns.frame import read
from fearless.columns.plain import plain
from fearless.model.contract import MODEL_API, Estimator, Frame, Training

__all__ = ["MODEL_API", "Estimator", "Frame", "Training", "plain", "read"]
