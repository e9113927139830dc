"""Where golden data, models and policy meet: everything the gate judges, scored on the same rows in one run."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from fearless.columns.dictionary import load as load_dictionary
from fearless.columns.frame import target_of
from fearless.core.digest import sha256_file
from fearless.core.errors import FearlessError
from fearless.core.project import Project
from fearless.core.toolkit import toolkit_version
from fearless.gate import baselines
from fearless.gate.curves import curves
from fearless.gate.findings import Check, Report, Verdict
from fearless.gate.policy import FILE, Mode, Policy
from fearless.gate.policy import load as load_policy
from fearless.gate.verdict import judge, not_judged
from fearless.golden.frozen import Golden, equals_pointer, open_golden, pointer_of
from fearless.model.artifact import Model, matrix, open_model
from fearless.model.contract import Team
from fearless.pipeline.base import find_base
from fearless.pipeline.budgets import budget_checks
from fearless.pipeline.change import changes
from fearless.pipeline.levels import levels_of
from fearless.pipeline.own_metrics import own_metrics
from fearless.pipeline.prepare import open_train
from fearless.pipeline.train import made_from

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def judge_candidate(project: Project, mode: Mode, base: str = "") -> Report:
    """Judge models/candidate on the golden data; what stops the judgement is a report with verdict ERROR.

    The policy is that of the change's base, where there is one (see `find_base`, which takes `base`).
    """
    policy: Policy | None = None
    task = ""
    try:
        policy = load_policy(project.root / FILE)
        started_from = find_base(project, base)
        dictionary = load_dictionary(project.root)
        task = dictionary.task
        golden = open_golden(project)
        _refuse_changed(project)
        candidate = open_model(project.candidate, "models/candidate", project)
        champion = _champion(project, candidate)
        y = target_of(golden.rows, dictionary)
        rivals, descriptions = _baselines(project, candidate, golden)
        scores = candidate.score_rows(golden.rows)
        rival = _champion_scores(champion, golden)
        groups = golden.rows[dictionary.group].cast(str).to_numpy() if dictionary.group else None
        descriptions["candidate"] = (
            f"{candidate.manifest.estimator}, {len(candidate.manifest.features)} features"
        )
        if champion:
            descriptions["champion"] = (
                f"{champion.manifest.estimator}, {len(champion.manifest.features)} features"
            )
        context = _context(project, golden, candidate, champion)
        beside: list[Check] = []
        if started_from:
            beside = changes(project, started_from, task)
            policy = started_from.policy or policy
            context["base"] = started_from.commit
        parts = levels_of(golden.rows, policy)
        own = own_metrics(Team.of(project, dictionary), policy)
        costs, notes = budget_checks(policy, project.candidate, candidate, champion, golden.rows)
    except FearlessError as error:
        return not_judged([str(error)], task, mode, policy, {"toolkit": toolkit_version()})
    report = judge(
        policy,
        task,
        y,
        scores,
        rival,
        rivals,
        mode,
        groups=groups,
        slices=parts,
        own=own,
        descriptions=descriptions,
        context=context,
        beside=[*beside, *costs],
        notes=notes,
    )
    if report.models:
        drawn = {"candidate": scores} if rival is None else {"candidate": scores, "champion": rival}
        report = replace(report, curves=curves(task, y, drawn))
    changed = stale_files(project)
    if not changed:
        return report
    first = (
        f"Run `uv run fearless train` first: {', '.join(changed)} changed since this candidate was trained."
    )
    return replace(
        report, next=[first, *(step for step in report.next if report.verdict is not Verdict.PASS)]
    )


def stale_files(project: Project) -> list[str]:
    """The team's files that changed since models/candidate was trained."""
    candidate = open_model(project.candidate, "models/candidate", project)
    now = made_from(project)
    return sorted(name for name, digest in candidate.manifest.made_from.items() if now.get(name) != digest)


def _refuse_changed(project: Project) -> None:
    if pointer_of(project).is_file() and not equals_pointer(project):
        raise FearlessError(
            "data/golden is not what data/golden.dvc names, so it is not the golden data that was agreed on.",
            fix="Bring it back with `uv run dvc checkout data/golden.dvc`.",
        )


def _champion(project: Project, candidate: Model) -> Model | None:
    if not project.champion.is_dir():
        if (project.root / "models" / "champion.dvc").is_file():
            raise FearlessError("models/champion is missing.", fix="Bring it with `uv run dvc pull`.")
        return None
    champion = open_model(project.champion, "models/champion", project)
    ours, theirs = candidate.team.dictionary, champion.team.dictionary
    if (ours.task, ours.target) != (theirs.task, theirs.target):
        raise FearlessError(
            f"models/champion predicts `{theirs.target}` ({theirs.task}), the candidate `{ours.target}` ({ours.task}):"
            " they cannot be compared.",
            fix="A new question needs a new repository, or a release without a champion.",
        )
    return champion


def _champion_scores(champion: Model | None, golden: Golden) -> NDArray[np.float64] | None:
    if champion is None:
        return None
    try:
        return champion.score_rows(golden.rows)
    except FearlessError as error:
        raise FearlessError(
            f"models/champion cannot be scored on the golden data: {error.what}",
            fix="Keep the columns that it was made for in columns.yaml until a model without them is released.",
        ) from None


def _baselines(
    project: Project, candidate: Model, golden: Golden
) -> tuple[dict[str, NDArray[np.float64]], dict[str, str]]:
    """The simple rivals, fitted on the training rows with the candidate's own features, scored on golden."""
    rows = open_train(project)
    train = candidate.team.features(rows)
    fitted = baselines.fit(
        matrix(train), target_of(rows, candidate.team.dictionary), train.columns, candidate.manifest.task
    )
    x = matrix(candidate.team.features(golden.rows))
    return {each.name: each.score(x) for each in fitted}, {each.name: each.description for each in fitted}


def _context(project: Project, golden: Golden, candidate: Model, champion: Model | None) -> dict[str, Any]:
    """Who judged what, by digest: enough to know later that this report is about exactly these bytes."""
    context: dict[str, Any] = {
        "toolkit": toolkit_version(),
        "source": "ci" if os.environ.get("CI") else "local",
        "policy_sha256": sha256_file(project.root / FILE),
        "golden_sha256": golden.record.rows_sha256,
        "candidate_sha256": candidate.digest,
        "candidate_name": candidate.manifest.name,
    }
    if champion:
        context["champion_sha256"] = champion.digest
    return context
