"""Scores that are in memory, judged by the engine that suits their number: both give one result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fearless.core.errors import FearlessError
from fearless.gate import wording
from fearless.gate.curves import curves
from fearless.gate.findings import Check, Report
from fearless.gate.intervals import Array
from fearless.gate.own import Function
from fearless.gate.policy import Mode, Policy, requirements
from fearless.gate.scored import CANDIDATE, CHAMPION, Scored
from fearless.gate.verdict import judge, judge_measured, not_judged
from fearless.pipeline.levels import levels_of

if TYPE_CHECKING:
    import polars as pl

    from fearless.gate.streamed import Streamed

# Up to here the exact engine is as fast, and its memory is modest.
MOST_EXACT_ROWS = 200_000


def judge_scores(
    policy: Policy,
    task: str,
    y: NDArray[Any],
    candidate: Array,
    champion: Array | None,
    baselines: Mapping[str, Array],
    mode: Mode = "pull_request",
    *,
    rows: pl.DataFrame,
    room: Path,
    groups: NDArray[Any] | None = None,
    own: Mapping[str, Function] | None = None,
    classes: Sequence[str] = (),
    descriptions: Mapping[str, str] | None = None,
    context: Mapping[str, Any] | None = None,
    beside: Sequence[Check] = (),
    notes: Sequence[str] = (),
) -> Report:
    """Judge the candidate on n golden rows as `fearless.gate.verdict.judge` does, which says what is given.

    `rows` (n,) hold the columns of `slices.by`. Above MOST_EXACT_ROWS rows the streaming engine judges, where it can:
    what it needs goes to a file without a name in the folder `room`, and it takes memory that hardly grows with the
    rows. What its certified error may have left open, the exact engine judges again, so that no verdict rests
    on that error. The baseline `constant` says the same of every row. The report's context names the engine, and its
    curves are drawn.
    """
    told = dict(context or {})
    if y.size > MOST_EXACT_ROWS:
        from fearless.gate.blocks import Blocks
        from fearless.gate.streamed import unstreamable
        from fearless.pipeline.stream_scores import stream

        streaming = {**told, "engine": "streaming"}
        try:
            requirements(policy, task)
            hindrance = unstreamable(policy, task, groups is not None)
            if not hindrance:
                golden = Scored.of(policy, task, y, candidate, champion, baselines, None, own, classes)
                with Blocks(room) as blocks, np.errstate(over="ignore", invalid="ignore"):
                    measured = stream(golden, levels_of(rows, policy), blocks)
                    report = judge_streamed(measured, mode, descriptions or {}, streaming, beside, notes)
        except FearlessError as error:
            return not_judged([str(error)], task, mode, policy, streaming)
        if hindrance:
            notes = [*notes, held_in_memory(hindrance)]
        elif open_ := doubtful(report):
            notes = [*notes, judged_again(open_)]
        else:
            return report
    report = judge(
        policy,
        task,
        y,
        candidate,
        champion,
        baselines,
        mode,
        groups=groups,
        slices=levels_of(rows, policy),
        own=own,
        classes=classes,
        descriptions=descriptions,
        context={**told, "engine": "exact"},
        beside=beside,
        notes=notes,
    )
    return with_curves(report, y, candidate, champion)


def doubtful(report: Report) -> list[str]:
    """The checks that are open because the streaming engine rounds: the exact one settles them.

    What the one passes or fails the other passes or fails too.
    """
    return [check.id for check in report.checks if wording.SETTLED in check.sentence]


def held_in_memory(hindrance: str) -> str:
    """Why many rows were not streamed."""
    return f"All rows were held in memory: the streaming engine cannot judge {hindrance}."


def judged_again(checks: Sequence[str]) -> str:
    """Why the streaming engine's word was not the last."""
    return (
        "All rows were held in memory and judged exactly: the certified error of the streaming engine hides how"
        f" {', '.join(checks)} ends."
    )


def with_curves(report: Report, y: NDArray[Any], candidate: Array, champion: Array | None) -> Report:
    """The report of the exact engine with the curves of the two models, where it judged and the task has some."""
    if not report.models or report.task == "multiclass":
        return report
    drawn = {CANDIDATE: candidate} if champion is None else {CANDIDATE: candidate, CHAMPION: champion}
    return replace(report, curves=curves(report.task, np.asarray(y, dtype=np.float64), drawn))


def judge_streamed(
    golden: Streamed,
    mode: Mode,
    descriptions: Mapping[str, str],
    context: Mapping[str, Any],
    beside: Sequence[Check] = (),
    notes: Sequence[str] = (),
) -> Report:
    """Judge golden rows that the streaming engine has measured, whose blocks are still open; with their curves."""
    from fearless.gate.streamed_parts import StreamedParts

    report = judge_measured(
        golden,
        StreamedParts(golden) if golden.columns else None,
        mode,
        descriptions=descriptions,
        context={**context, "engine": "streaming"},
        beside=beside,
        notes=notes,
    )
    if report.models and golden.curves is not None:
        report = replace(report, curves=golden.curves.drawn())
    return report
