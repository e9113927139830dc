"""Where golden data, models and policy meet: everything the gate judges, scored on the same rows in one run."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from fearless.columns.dictionary import Dictionary
from fearless.columns.dictionary import load as load_dictionary
from fearless.columns.frame import target_of
from fearless.core.digest import sha256_file
from fearless.core.errors import FearlessError
from fearless.core.project import Project
from fearless.core.toolkit import toolkit_version
from fearless.gate import baselines
from fearless.gate.findings import Check, Report, Trial, Verdict
from fearless.gate.policy import FILE, Mode, Policy
from fearless.gate.policy import load as load_policy
from fearless.gate.trial import not_tried, tried
from fearless.gate.two_sets import not_on_base, on_both
from fearless.gate.verdict import not_judged
from fearless.golden.frozen import (
    Golden,
    equals_pointer,
    is_pointed_at,
    open_golden,
    pointer_of,
    refuse_other_columns,
)
from fearless.guard import question
from fearless.model.artifact import Model, matrix, open_model
from fearless.model.contract import Team
from fearless.pipeline.base import find_base
from fearless.pipeline.base_golden import BaseGolden, golden_of_base
from fearless.pipeline.budgets import budget_checks
from fearless.pipeline.change import changes
from fearless.pipeline.judge_scores import judge_scores
from fearless.pipeline.own_metrics import own_metrics
from fearless.pipeline.prepare import open_train
from fearless.pipeline.train import made_from

if TYPE_CHECKING:
    import numpy as np
    import polars as pl
    from numpy.typing import NDArray


def judge_candidate(project: Project, mode: Mode, base: str = "") -> Report:
    """Judge models/candidate on the golden data; what stops the judgement is a report with verdict ERROR.

    The policy is that of the change's base, where there is one (see `find_base`, which takes `base`). Where the change
    brings other golden data, that of the base judges as well, and the worse verdict counts. Where it brings another
    gate.yaml, the report says beside the verdict what that one would say.
    """
    policy: Policy | None = None
    task = ""
    try:
        policy = proposed = load_policy(project.root / FILE)
        started_from = find_base(project, base)
        dictionary = load_dictionary(project.root)
        task = dictionary.task
        golden = open_golden(project)
        refuse_other_columns(golden, dictionary)
        _refuse_changed(project)
        candidate = open_model(project.candidate, "models/candidate", project)
        bench = _Bench.of(project, dictionary, candidate, _champion(project, candidate), mode)
        beside: list[Check] = []
        older: BaseGolden | None = None
        context = _context(project, golden, candidate, bench.champion)
        if started_from:
            beside = changes(project, started_from, task)
            policy = started_from.policy or policy
            context["base"] = started_from.commit
            older = golden_of_base(project, started_from, bench.train, dictionary)
        scores = bench.scores(golden)
        report = bench.report(policy, scores, context, beside)
        if report.models and proposed != policy:
            report = replace(report, trial=_tried(report, proposed, policy, bench, scores))
        if older and report.models:
            report = _beside_base(report, older, bench, policy)
    except FearlessError as error:
        return not_judged([str(error)], task, mode, policy, {"toolkit": toolkit_version()})
    if report.models:
        report = replace(report, do_nothing=question.do_nothing(project))
    changed = stale_files(project)
    if not changed:
        return report
    first = (
        f"Run `uv run fearless train` first: {', '.join(changed)} changed since this candidate was trained."
    )
    return replace(
        report, next=[first, *(step for step in report.next if report.verdict is not Verdict.PASS)]
    )


@dataclass(frozen=True)
class _Scores:
    """What each model says of the rows of one golden set."""

    golden: Golden
    y: NDArray[np.float64]
    candidate: NDArray[np.float64]
    champion: NDArray[np.float64] | None
    baselines: dict[str, NDArray[np.float64]]


@dataclass(frozen=True)
class _Bench:
    """Candidate, champion and baselines, ready to be held against any golden rows by any policy."""

    project: Project
    dictionary: Dictionary
    candidate: Model
    champion: Model | None
    baselines: list[baselines.Baseline]
    train: pl.DataFrame
    mode: Mode

    @classmethod
    def of(
        cls, project: Project, dictionary: Dictionary, candidate: Model, champion: Model | None, mode: Mode
    ) -> _Bench:
        """With the simple rivals fitted on the training rows, with the candidate's own features."""
        train = open_train(project)
        features = candidate.team.features(train)
        target = target_of(train, candidate.team.dictionary)
        fitted = baselines.fit(matrix(features), target, features.columns, candidate.manifest.task)
        return cls(project, dictionary, candidate, champion, fitted, train, mode)

    def scores(self, golden: Golden) -> _Scores:
        x = matrix(self.candidate.team.features(golden.rows))
        return _Scores(
            golden,
            target_of(golden.rows, self.dictionary),
            self.candidate.score_rows(golden.rows),
            _champion_scores(self.champion, golden),
            {each.name: each.score(x) for each in self.baselines},
        )

    def report(
        self, policy: Policy, scores: _Scores, context: dict[str, Any], beside: Sequence[Check] = ()
    ) -> Report:
        """The whole judgement by `policy`, what the model costs to serve among it."""
        rows = scores.golden.rows
        costs, notes = budget_checks(policy, self.project.candidate, self.candidate, self.champion, rows)
        return self.judged(policy, scores, context, [*beside, *costs], notes)

    def judged(
        self,
        policy: Policy,
        scores: _Scores,
        context: dict[str, Any],
        beside: Sequence[Check] = (),
        notes: Sequence[str] = (),
    ) -> Report:
        """What the golden rows say by `policy`; checks that need no rows come in `beside`."""
        rows, group = scores.golden.rows, self.dictionary.group
        return judge_scores(
            policy,
            self.dictionary.task,
            scores.y,
            scores.candidate,
            scores.champion,
            scores.baselines,
            self.mode,
            rows=rows,
            room=self.project.scratch,
            groups=rows[group].cast(str).to_numpy() if group else None,
            own=own_metrics(Team.of(self.project, self.dictionary), policy),
            descriptions=self._descriptions(),
            context=context,
            beside=beside,
            notes=notes,
        )

    def _descriptions(self) -> dict[str, str]:
        models = {"candidate": self.candidate, **({"champion": self.champion} if self.champion else {})}
        said = {each.name: each.description for each in self.baselines}
        return said | {
            name: f"{model.manifest.estimator}, {len(model.manifest.features)} features"
            for name, model in models.items()
        }


def _tried(report: Report, proposed: Policy, policy: Policy, bench: _Bench, scores: _Scores) -> Trial:
    """What the policy that the change proposes would say of the same rows; nothing of it stops the judgement."""
    try:
        if proposed.budgets != policy.budgets:
            trial = bench.report(proposed, scores, {})
        else:
            costs = [check for check in report.checks if check.kind == "budget"]
            trial = bench.judged(proposed, scores, {}, costs)
    except FearlessError as error:
        return not_tried(str(error))
    found, engine, other = tried(report, trial), report.context["engine"], trial.context["engine"]
    if engine == other or trial.errors:
        return found
    said = f"It is judged by the {other} engine here, and the gate.yaml in force by the {engine} one."
    return replace(found, sentence=f"{found.sentence} {said}")


def _beside_base(report: Report, older: BaseGolden, bench: _Bench, policy: Policy) -> Report:
    """The report with what the base's golden data says; raises FearlessError where that cannot judge."""
    if not older.enough:
        return not_on_base(report, older.left, older.left_out, policy)
    of_base = bench.judged(policy, bench.scores(older.golden), {})
    if of_base.errors:
        raise FearlessError(f"On the base's golden data: {' '.join(of_base.errors)}")
    return on_both(report, of_base, older.left_out, policy)


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
    pointer = project.root / "models" / "champion.dvc"
    if not project.champion.is_dir():
        if pointer.is_file():
            raise FearlessError("models/champion is missing.", fix="Bring it with `uv run dvc pull`.")
        return None
    if pointer.is_file() and not is_pointed_at(project, project.champion, pointer):
        raise FearlessError(
            "models/champion is not what models/champion.dvc names, so it is not the model that was released.",
            fix="Bring it back: `uv run dvc pull models/champion.dvc`, or `dvc checkout` where it is here already.",
        )
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
