"""Where a file of predictions and a policy meet: the same judge as for models, without a model."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from fearless.core.digest import sha256_file
from fearless.core.errors import FearlessError
from fearless.core.project import Project
from fearless.core.toolkit import toolkit_version
from fearless.gate.blocks import Blocks
from fearless.gate.findings import Check, Report, Verdict
from fearless.gate.metrics import PRIMARY
from fearless.gate.own import Function, is_own
from fearless.gate.policy import FILE, Mode, Policy
from fearless.gate.policy import load as load_policy
from fearless.gate.scored import CANDIDATE, CHAMPION, CONSTANT
from fearless.gate.streamed import unstreamable
from fearless.gate.verdict import judge, not_judged
from fearless.pipeline.judge_scores import (
    MOST_EXACT_ROWS,
    doubtful,
    held_in_memory,
    judge_streamed,
    judged_again,
    with_curves,
)
from fearless.pipeline.levels import levels_of
from fearless.pipeline.predictions import Predictions, Roles, block_of, refuse_row_twice, roles_of

# Up to here rows may be held in memory, some hundred bytes each, where only the exact engine can tell.
MOST_HELD_ROWS = 2_000_000
ENGINES = ("auto", "exact", "streaming")
TASKS = ("binary", "regression", "multiclass")


@dataclass(frozen=True)
class Asked:
    """What is judged, and how. `room` is a folder for what does not fit into memory."""

    file: Path
    policy: Path
    mode: Mode = "pull_request"
    task: str = ""
    group: str = ""
    engine: str = "auto"
    room: Path = Path()


def judge_predictions(asked: Asked) -> Report:
    """Judge the candidate of a file of predictions; what stops the judgement is a report with verdict ERROR."""
    import polars as pl

    policy: Policy | None = None
    task = asked.task
    context: dict[str, Any] = {
        "toolkit": toolkit_version(),
        "source": "ci" if os.environ.get("CI") else "local",
    }
    try:
        policy = _policy(asked.policy)
        found = Predictions(asked.file)
        roles = roles_of(found, policy, asked.task, asked.group)
        task = roles.task
        context |= {
            "candidate_name": asked.file.name,
            "policy_sha256": sha256_file(asked.policy),
            "predictions_sha256": sha256_file(asked.file),
        }
        rows = found.count()
        hindrance = unstreamable(policy, task, bool(asked.group))
        if asked.engine == "streaming" and hindrance:
            raise FearlessError(
                f"The streaming engine cannot judge {hindrance}.",
                fix="Take `--engine exact`, or take that out.",
            )
        large = rows > MOST_EXACT_ROWS
        if asked.engine == "streaming" or (asked.engine == "auto" and large and not hindrance):
            report = _streamed(found, roles, policy, asked, rows, context)
            open_ = doubtful(report)
            if open_ and asked.engine == "auto" and rows <= MOST_HELD_ROWS:
                report = _exact(found, roles, policy, asked.mode, context, [judged_again(open_)])
        else:
            notes = []
            if large and asked.engine == "auto":
                notes.append(held_in_memory(hindrance))
            report = _exact(found, roles, policy, asked.mode, context, notes)
    except FearlessError as error:
        report = not_judged([str(error)], task, asked.mode, policy, context)
    except pl.exceptions.PolarsError as error:
        said = f"{asked.file.name} cannot be judged: {str(error).strip().splitlines()[0].rstrip('.')}."
        fix = "Write each column as plain numbers or plain texts."
        report = not_judged([f"{said} {fix}"], task, asked.mode, policy, context)
    if report.errors:
        # The judge knows the policy by the name that it has in a repository.
        errors = [each.replace(f"{FILE}:", f"{asked.policy.name}:") for each in report.errors]
        report = not_judged(errors, task, asked.mode, policy, report.context)
    return replace(report, next=_next(report), policy=policy.model_dump() if policy else {})


def _exact(
    found: Predictions,
    roles: Roles,
    policy: Policy,
    mode: Mode,
    context: dict[str, Any],
    notes: Sequence[str],
) -> Report:
    own = _own_metrics(policy)
    frame = found.read(roles.columns)
    name = found.file.name
    if roles.id:
        refuse_row_twice(frame[roles.id], name)
    rows = block_of(frame, roles, name)
    judged, beside = _judgeable(policy, roles)
    given = dict(rows.scores)
    candidate, champion = given.pop(CANDIDATE), given.pop(CHAMPION, None)
    given[CONSTANT] = _constant(rows.y, roles, len(frame))
    groups = None
    if roles.group:
        import polars as pl

        groups = (
            frame[roles.group].cast(pl.String).cast(pl.Categorical).to_physical().cast(pl.Float64).to_numpy()
        )
    report = judge(
        judged,
        roles.task,
        rows.y,
        candidate,
        champion,
        given,
        mode,
        groups=groups,
        slices=levels_of(frame, policy),
        own=own,
        classes=roles.classes,
        descriptions=descriptions(roles),
        context={**context, "engine": "exact"},
        beside=beside,
        notes=notes,
    )
    return with_curves(report, rows.y, candidate, champion)


def _streamed(
    found: Predictions, roles: Roles, policy: Policy, asked: Asked, rows: int, context: dict[str, Any]
) -> Report:
    from fearless.pipeline.stream_predictions import stream

    judged, beside = _judgeable(policy, roles)
    with Blocks(asked.room) as blocks, np.errstate(over="ignore", invalid="ignore"):
        golden = stream(found, roles, judged, rows, blocks)
        return judge_streamed(golden, asked.mode, descriptions(roles), context, beside)


def _policy(file: Path) -> Policy:
    if not file.is_file():
        raise FearlessError(
            f"{file} is not there.",
            fix="Name the policy with `--policy FILE`; a check and a metric are enough.",
        )
    try:
        return load_policy(file)
    except FearlessError as error:
        raise FearlessError(error.what.replace(FILE, file.name), fix=error.fix) from None


def _judgeable(policy: Policy, roles: Roles) -> tuple[Policy, list[Check]]:
    """The policy as far as a file of predictions can answer it, and an open check for each thing that it cannot."""
    available = [name for name in policy.baselines if name == CONSTANT or name in roles.models]
    beside: list[Check] = []
    if "baselines" in policy.model_fields_set:
        for name in policy.baselines:
            if name not in available:
                beside.append(_open_baseline(name, PRIMARY[roles.task]))
    if policy.budgets is not None:
        for rule in sorted(policy.budgets.model_fields_set):
            limit = getattr(policy.budgets, rule)
            if limit is not None:
                beside.append(_open_budget(rule, limit))
    return policy.model_copy(update={"baselines": available, "budgets": None}), beside


def _open_baseline(name: str, primary: str) -> Check:
    return Check(
        id=f"{primary}.beats_{name}",
        kind="baseline",
        metric=primary,
        of="value",
        against=name,
        rule="beats",
        limit=0.0,
        verdict=Verdict.INCONCLUSIVE,
        sentence=f"not judged: the file has no scores of the baseline in a column `{name}`; bring them, or take it out"
        " of `baselines` in the policy.",
    )


def _open_budget(rule: str, limit: float) -> Check:
    what = "latency" if rule == "p95_ms_ratio" else "size"
    return Check(
        id=f"{what}.{rule}",
        kind="budget",
        metric=rule.removesuffix("_ratio"),
        of="value",
        against=None,
        rule=rule,
        limit=limit,
        verdict=Verdict.INCONCLUSIVE,
        sentence="not judged: a file of predictions brings no model to measure; take it out of `budgets` in the"
        " policy.",
    )


def _constant(y: np.ndarray[Any, Any], roles: Roles, rows: int) -> np.ndarray[Any, Any]:
    """The best that saying the same of every row can do: the mean, or the share of each class, on these very rows."""
    if roles.task == "multiclass":
        shares = np.array([float(np.mean(y == name)) for name in roles.classes])
        return np.broadcast_to(shares, (rows, len(shares)))
    return np.full(rows, float(np.mean(np.asarray(y, dtype=np.float64))))


def descriptions(roles: Roles) -> dict[str, str]:
    """What each model is, in words."""
    told = {name: f"column {', '.join(columns[:6])}" for name, columns in roles.models.items()}
    return {**told, CONSTANT: "always says the mean of these rows: the best that a constant can do on them"}


def _own_metrics(policy: Policy) -> Mapping[str, Function]:
    """The team's metrics that the policy names; they are the code of a repository, which must be around."""
    names = [line.metric for line in policy.checks if is_own(line.metric)]
    if not names:
        return {}
    from fearless.columns.dictionary import load as load_dictionary
    from fearless.model.contract import Team
    from fearless.pipeline.own_metrics import own_metrics

    try:
        project = Project.find()
    except FearlessError:
        raise FearlessError(
            f"The metric {names[0]} is code of a Fearless repository, and this is none.",
            fix="Run this inside the repository, or take the metric out of the policy.",
        ) from None
    return own_metrics(Team.of(project, load_dictionary(project.root)), policy)


def _next(report: Report) -> list[str]:
    """What to do now; the candidate may come from anywhere, so that no file of a repository is named."""
    if report.verdict is Verdict.ERROR:
        return ["Mend this and run the command again: what cannot be judged never passes."]
    if report.verdict is Verdict.PASS:
        return list(report.next)
    failed = {check.kind for check in report.checks if check.verdict is Verdict.FAIL}
    unmeasured = [
        check.id
        for check in report.checks
        if check.verdict is Verdict.INCONCLUSIVE and check.estimate is None and check.kind != "slice"
    ]
    # Beside a failure more rows would settle what is open, and mend nothing.
    needed = [check.rows_needed for check in report.checks if check.rows_needed and not failed]
    steps = []
    if "too_good" in failed:
        steps.append(
            "Look for a feature that knows the answer; if there is none, write who looked into `too_good`."
        )
    if "baseline" in failed:
        steps.append("A simpler model does as well or better: ship that one.")
    if "slice" in failed:
        steps.append("Look at the rows of the part that got worse: what serves most may harm a few.")
    if "calibration" in failed:
        steps.append("Calibrate the probabilities on rows that are not golden.")
    if failed:
        steps.append("Improve the model, score the same rows again and run this command again.")
    if unmeasured:
        steps.append(f"Bring what is not judged, or take it out of the policy: {', '.join(unmeasured)}.")
    if doubtful(report):
        steps.append("Run it again with `--engine exact`, where there is memory for all rows.")
    if needed:
        steps.append(
            f"About {max(needed):,} rows would settle what is open, if the figures stay as they are."
        )
    if report.verdict is Verdict.INCONCLUSIVE and report.exit_code == 0:
        steps.append("You may go on: it is neither proven good enough nor proven worse.")
    return steps
