"""What the candidate costs to serve, measured on the real models."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from fearless.gate import budgets
from fearless.gate.findings import Check
from fearless.gate.policy import Policy
from fearless.model.artifact import MANIFEST, Model

if TYPE_CHECKING:
    import polars as pl

# So many golden rows take turns at being scored alone; more would only fill memory.
TIMED_ROWS = 500


def budget_checks(
    policy: Policy, folder: Path, candidate: Model, champion: Model | None, rows: pl.DataFrame
) -> tuple[list[Check], list[str]]:
    """The checks that `budgets` asks for, and a note where there is no champion to take turns with.

    `folder` holds the candidate's artifact, `rows` the golden rows. Takes about a second where times are asked for.
    """
    asked = policy.budgets
    if asked is None:
        return [], []
    checks: list[Check] = []
    notes: list[str] = []
    if asked.model_mb is not None:
        files = [MANIFEST, *candidate.manifest.files]
        checks.append(
            budgets.size_check(sum((folder / name).stat().st_size for name in files), asked.model_mb)
        )
    if asked.p95_ms_ratio is not None and champion is None:
        notes.append("budgets.p95_ms_ratio is not run: there is no champion to take turns with.")
    elif asked.p95_ms_ratio is not None and champion is not None:
        single = [rows[at : at + 1] for at in range(min(rows.height, TIMED_ROWS))]
        times = budgets.measure(
            lambda at: candidate.score_rows(single[at]),
            lambda at: champion.score_rows(single[at]),
            len(single),
        )
        checks.append(budgets.time_check(times, asked.p95_ms_ratio, policy.confidence))
    return checks, notes
