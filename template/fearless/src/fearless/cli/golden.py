"""`fearless golden`: freeze and verify."""

from __future__ import annotations

from fearless.columns.dictionary import load
from fearless.core import dvc
from fearless.core.errors import FearlessError
from fearless.core.project import Project
from fearless.golden import freeze, frozen
from fearless.model.contract import Team
from fearless.pipeline.base import find_base
from fearless.pipeline.base_golden import bring_golden_of_base


def freeze_golden(project: Project, *, again: bool, share: float) -> str:
    """Freeze golden data and track it with DVC; returns what was done and what comes next."""
    if (frozen.exists(project) or frozen.pointer_of(project).is_file()) and not again:
        raise FearlessError(
            "There is golden data already, and every verdict so far rests on it.",
            fix="Replace it knowingly with --again, in a change of its own.",
        )
    dictionary = load(project.root)
    record = freeze.freeze(Team.of(project, dictionary).load(), dictionary, project, share)
    dvc.add(["data/golden"], project.root)
    return (
        f"{record.rows:,} golden rows frozen. Commit data/golden.dvc in a change of its own,"
        " then run `uv run fearless train`."
    )


def bring_base(project: Project, base: str) -> str:
    """Bring the golden data of the change's base to .fearless, where it is another; returns what was done."""
    started_from = find_base(project, base)
    golden = bring_golden_of_base(project, started_from) if started_from else None
    if golden is None:
        return "This change brings no other golden data."
    return f"{golden.rows.height:,} golden rows of the base, to judge beside those of this change."


def verify_golden(project: Project) -> str:
    """Raise FearlessError where the golden data is not what was frozen; else say what it is."""
    golden = frozen.open_golden(project)
    pointer = project.relative(frozen.pointer_of(project))
    if not frozen.equals_pointer(project):
        raise FearlessError(
            f"data/golden is not what {pointer} names.",
            fix="Bring it back with `uv run dvc checkout data/golden.dvc`.",
            code=1,
        )
    since = f" from {golden.record.start} on" if golden.record.start else ""
    return f"{golden.rows.height:,} golden rows{since}, equal to {pointer} and to their record."
