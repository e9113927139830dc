"""`fearless golden`: freeze, verify and grow."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from fearless.columns.dictionary import load
from fearless.core import dvc
from fearless.core.errors import FearlessError
from fearless.core.project import Project
from fearless.golden import freeze, frozen
from fearless.golden.grown import count_grown
from fearless.model.contract import Team
from fearless.pipeline.base import find_base
from fearless.pipeline.base_golden import bring_golden_of_base

MOST_PROPOSED = 10_000


def freeze_golden(project: Project, *, again: bool, share: float) -> str:
    """Freeze golden data and track it with DVC; returns what was done and what comes next."""
    if (frozen.exists(project) or frozen.pointer_of(project).is_file()) and not again:
        raise FearlessError(
            "There is golden data already, and every verdict so far rests on it.",
            fix="Replace it knowingly with --again, in a change of its own.",
        )
    dictionary = load(project.root)
    lost = count_grown(frozen.read_record(project)) if frozen.exists(project) else 0
    record = freeze.freeze(Team.of(project, dictionary).load(), dictionary, project, share)
    dvc.add(["data/golden"], project.root)
    gone = f" {lost:,} that had grown from live predictions are no longer among them." if lost else ""
    return (
        f"{record.rows:,} golden rows frozen.{gone} Commit data/golden.dvc in a change of its own,"
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
    grew = count_grown(golden.record)
    since += f", {grew:,} of them grown from live predictions" if grew else ""
    return f"{golden.rows.height:,} golden rows{since}, equal to {pointer} and to their record."


def grow_golden(project: Project, *, rows: int, since: str) -> str:
    """Propose live predictions as golden rows; returns what was proposed and what comes next."""
    from fearless.cli.monitor import span_of
    from fearless.pipeline.eligible import told
    from fearless.pipeline.grow import propose, share_wrong

    if not 1 <= rows <= MOST_PROPOSED:
        raise FearlessError(
            f"A proposal of {rows:,} rows is none.", fix=f"Choose --rows between 1 and {MOST_PROPOSED:,}."
        )
    file, chosen, found = propose(project, rows, span_of(since), datetime.now(UTC))
    dictionary = load(project.root)
    ours, all_of_it = share_wrong(chosen, dictionary), share_wrong(found.rows, dictionary)
    wrong = f"the model erred by {ours:.3g} on average in these rows, by {all_of_it:.3g} in all"
    if dictionary.task == "binary":
        wrong = f"the model decided wrongly in {ours:.1%} of these rows, and in {all_of_it:.1%} of all"
    lines = [
        f"{chosen.height:,} of {found.rows.height:,} live predictions that can become golden rows are proposed.",
        f"They are chosen by chance and not by what came out: {wrong}.",
    ]
    if found.left_out:
        lines.append(f"Left out: {told(found.left_out)}.")
    if not found.mature:
        lines.append(
            f"Take care: the truth is known for {found.coverage:.0%} of the live predictions of that time. If it is"
            " known sooner for some than for others, these rows tell of those."
        )
    where = project.relative(file)
    lines.append(
        f"Next: read {where}, write your name into `reviewed` in each row whose values and truth you hold right,"
        f" then `uv run fearless golden grow --take {where}`."
    )
    return "\n".join(lines)


def take_grown(project: Project, file: Path, *, since: str) -> str:
    """Add the reviewed rows of a proposal to the golden data; returns what was done and what comes next."""
    from fearless.cli.monitor import span_of
    from fearless.pipeline.grow import share_wrong, take

    record, added, left = take(project, file, span_of(since), datetime.now(UTC))
    dictionary = load(project.root)
    grew = f"{count_grown(record):,} of them grown from live predictions"
    lines = [f"{added.height:,} rows added: {record.rows:,} golden rows, {grew}."]
    if left.height:
        shown = "{:.1%}" if dictionary.task == "binary" else "{:.3g}"
        of_added, of_left = (shown.format(share_wrong(each, dictionary)) for each in (added, left))
        lines.append(
            f"{left.height:,} proposed rows were not reviewed. The model erred in {of_added} of the added and"
            f" {of_left} of these: were they left out for how they came out, golden data now tells of the picking."
        )
    lines.append("Commit data/golden.dvc in a change of its own, then run `uv run fearless train`.")
    return "\n".join(lines)
