"""Many scores that are in memory, kept on disk block by block for the streaming engine."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from fearless.gate.blocks import Blocks
from fearless.gate.levels import Levels
from fearless.gate.rank_pass import Column, kept_of
from fearless.gate.scored import CONSTANT, Scored
from fearless.gate.slices import refuse_other_slices
from fearless.gate.streamed import Streamed
from fearless.gate.sums import TRUTH
from fearless.pipeline.spread import Spread

BLOCK = 1 << 17
# The truth on disk, in as few bytes as it needs: a class 0 or 1, a number, the number of a class.
KEPT = {"binary": np.uint8, "regression": np.float64, "multiclass": np.uint16}


def stream(golden: Scored, slices: Iterable[Levels], blocks: Blocks) -> Streamed:
    """Golden rows that were proven fit to be judged, measured by the streaming engine; `blocks` are empty.

    The baseline `constant` says the same of every row. Raises FearlessError where `slices` lack a column of the policy.
    """
    columns, codes = _narrow(golden, slices)
    models = [name for name in golden.scores if name != CONSTANT]
    spread = Spread((TRUTH, *models), golden.rows)
    for start in range(0, golden.rows, BLOCK):
        rows = slice(start, start + BLOCK)
        block: dict[str, NDArray[np.generic]] = {TRUTH: golden.y[rows].astype(KEPT[golden.task])}
        block |= {name: golden.scores[name][rows] for name in models}
        block |= {kept_of(name): each[rows] for name, each in codes.items()}
        blocks.append(block)
        spread.take(start, block)
    said = golden.scores[CONSTANT][0]
    if (golden.scores[CONSTANT] != said).any():
        raise ValueError("the constant baseline does not say the same of every row")
    measured = Streamed.of(
        golden.policy,
        golden.task,
        blocks,
        models,
        said if golden.task == "multiclass" else float(said),
        columns,
        spread.sample(),
    )
    # Models stand in a report in the order in which they are given.
    return replace(measured, scores={name: measured.scores[name] for name in golden.scores})


def _narrow(golden: Scored, slices: Iterable[Levels]) -> tuple[list[Column], dict[str, NDArray[np.uint8]]]:
    """The columns of `slices.by`, and for each (n,) the number of each row's level in one byte."""
    asked = golden.policy.slices
    if asked is None:
        return [], {}
    names: dict[str, tuple[str, ...]] = {}
    codes: dict[str, NDArray[np.uint8]] = {}
    for levels in slices:
        names[levels.column] = levels.names
        codes[levels.column] = levels.narrow
    refuse_other_slices(asked, golden.rows, {name: len(each) for name, each in codes.items()})
    return [Column(name, names[name]) for name in asked.by], {name: codes[name] for name in asked.by}
