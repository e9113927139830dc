"""Predictions with the truth that came later: the gate's own metrics, by version of the model, with their bounds.

A breach is what the rows prove: a metric whose better bound does not reach what gate.yaml asks, or one that is
worse than the same model's on golden data by more than gate.yaml lets a successor lose.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from fearless.columns.dictionary import Dictionary
from fearless.gate.intervals import Array, Clusters, Interval, Measured, interval, t_quantile
from fearless.gate.metrics import TABLES, Metric
from fearless.gate.own import is_own
from fearless.gate.policy import Policy, Requirement, metrics_of, requirements
from fearless.gate.rules import CHAMPION_RULES, SKILL_RULES
from fearless.gate.verdict import FEWEST_ROWS
from fearless.monitor.chance import LEVEL
from fearless.monitor.profile import Estimate, Profile, can_be_measured, measured, skills_of

if TYPE_CHECKING:
    import polars as pl

DAY = 86_400.0
# Measured whatever gate.yaml asks for.
ALWAYS = {"binary": ("log_loss", "roc_auc", "brier"), "regression": ("mse", "mae", "rmse", "r2")}


@dataclass(frozen=True)
class Held:
    """One thing that gate.yaml asks, or golden data promised, held against the truth.

    `state` is `kept`, `broken` (proven) or `open`; a comparison with golden data to which gate.yaml gives no margin
    is kept as long as it is not proven to be worse. `of` is `value` or `skill`, `limit` what the estimate is held to;
    `against` is empty or `golden`.
    """

    metric: str
    of: str
    rule: str
    limit: float
    against: str
    state: str
    estimate: Interval


@dataclass(frozen=True)
class Version:
    """What one version of the model proved to be worth. `delays` are the median and the 90th percentile, in days."""

    model_sha256: str
    predictions: int
    labelled: int
    early: int
    delays: tuple[float, float] | None
    metrics: dict[str, Interval]
    golden: dict[str, Estimate]
    held: list[Held]
    why_not: str

    @property
    def coverage(self) -> float:
        """The share of predictions whose truth is known."""
        return self.labelled / max(self.predictions, 1)


def measure(
    known: pl.DataFrame,
    predictions: Mapping[str, int],
    profiles: Mapping[str, Profile | None],
    policy: Policy,
    dictionary: Dictionary,
) -> list[Version]:
    """Every version that answered, in the order of `predictions`, which counts what each of them answered.

    `known` has the predictions whose truth is known: `model_sha256`, `score`, `truth`, `decided_at`, `labelled_at`
    (may be missing) and perhaps `belongs`, which names the customer or the row that several predictions are about.
    `profiles` gives each version's profile, or None where it has none here.
    """
    task = dictionary.task
    # What the team's own code measures is the gate's affair: that code need not be where the model serves.
    asked = [each for each in requirements(policy, task) if not is_own(each.metric)]
    metrics = {name: TABLES[task][name] for name in ALWAYS[task]}
    metrics |= {name: each for name, each in metrics_of(policy, task).items() if not is_own(name)}
    compared = len({each.metric for each in asked}) * max(len(predictions), 1)
    return [
        _version(
            name,
            count,
            known.filter(known["model_sha256"] == name),
            profiles.get(name),
            asked,
            metrics,
            policy.confidence,
            task,
            compared,
        )
        for name, count in predictions.items()
    ]


def _version(
    name: str,
    predictions: int,
    known: pl.DataFrame,
    profile: Profile | None,
    asked: list[Requirement],
    metrics: Mapping[str, Metric],
    confidence: float,
    task: str,
    comparisons: int,
) -> Version:
    y = known["truth"].to_numpy().astype(np.float64)
    scores = known["score"].to_numpy().astype(np.float64)
    why_not = _too_little(task, y)
    bounds: dict[str, Interval] = {}
    held: list[Held] = []
    if can_be_measured(task, y):
        clusters = Clusters.of(known["belongs"].to_numpy()) if "belongs" in known.columns else None
        of = {"value": measured(metrics, y, scores)}
        if profile is not None:
            of["skill"] = skills_of(metrics, y, scores, profile.target_mean)
        bounds = {each: interval(found, confidence, clusters) for each, found in of["value"].items()}
        held = [
            found
            for each in asked
            if each.rule not in CHAMPION_RULES
            for found in _floor(each, of, confidence, clusters)
        ]
        if profile is not None:
            held += _beside_golden(asked, metrics, of, profile, clusters, comparisons)
        if why_not:  # the bounds of a handful of rows rest on too little to prove anything
            held = [replace(each, state="open") for each in held]
    return Version(
        model_sha256=name,
        predictions=predictions,
        labelled=known.height,
        early=_early(known),
        delays=_delays(known),
        metrics=bounds,
        golden=dict(profile.golden.metrics) if profile else {},
        held=held,
        why_not=why_not,
    )


def _too_little(task: str, y: Array) -> str:
    if len(y) == 0:
        return "the truth of no prediction is known yet"
    if task == "binary":
        rarer = int(min(y.sum(), len(y) - y.sum()))
        if rarer < FEWEST_ROWS:
            needed = f"{rarer} of the rarer class, and {FEWEST_ROWS} are needed"
            return f"the truth is known for {len(y):,} predictions, {needed}"
    elif len(y) < FEWEST_ROWS or y.min() == y.max():
        return f"the truth is known for {len(y):,} predictions only"
    return ""


def _floor(
    asked: Requirement, of: Mapping[str, Mapping[str, Measured]], confidence: float, clusters: Clusters | None
) -> list[Held]:
    kind = "skill" if asked.rule in SKILL_RULES else "value"
    found = of.get(kind, {}).get(asked.metric)
    if found is None:
        return []
    bounds = interval(found, confidence, clusters)
    upwards = asked.rule != "ceiling"
    careful, hopeful = (bounds.lower, bounds.upper) if upwards else (-bounds.upper, -bounds.lower)
    limit = asked.limit if upwards else -asked.limit
    state = "kept" if careful >= limit else "broken" if hopeful < limit else "open"
    return [Held(asked.metric, kind, asked.rule, asked.limit, "", state, bounds)]


def _beside_golden(
    asked: list[Requirement],
    metrics: Mapping[str, Metric],
    of: Mapping[str, Mapping[str, Measured]],
    profile: Profile,
    clusters: Clusters | None,
    comparisons: int,
) -> list[Held]:
    """How much worse than on golden data, for each metric that gate.yaml names; the margin is the one it gives."""
    confidence = 1.0 - LEVEL / max(comparisons, 1)
    found: list[Held] = []
    for metric in dict.fromkeys(each.metric for each in asked):
        named = (each for each in asked if each.metric == metric and each.rule in CHAMPION_RULES)
        margins: list[Requirement | None] = [*named]
        for margin in margins or [None]:
            kind = "skill" if margin and margin.rule in SKILL_RULES else "value"
            golden = (profile.golden.skills if kind == "skill" else profile.golden.metrics).get(metric)
            live = of.get(kind, {}).get(metric)
            if golden is None or live is None:
                continue
            upwards = kind == "skill" or metrics[metric].better == "higher"
            worse = loss(interval(live, confidence, clusters), golden, upwards=upwards, confidence=confidence)
            limit = margin.limit if margin else 0.0
            settled = margin is None or worse.upper <= limit  # without a margin nothing can be proven equal
            state = "broken" if worse.lower > limit else "kept" if settled else "open"
            found.append(
                Held(metric, kind, margin.rule if margin else "golden", limit, "golden", state, worse)
            )
    return found


def loss(live: Interval, golden: Estimate, *, upwards: bool, confidence: float) -> Interval:
    """How much worse `live` is than `golden`; positive is worse. The rows are others, so the variances add.

    The degrees of freedom are Welch and Satterthwaite's (Welch, Biometrika 34, 1947).
    """
    value = (golden.value - live.value) * (1.0 if upwards else -1.0)
    parts = [(live.standard_error, live.degrees), (golden.standard_error, golden.degrees)]
    variance = sum(error**2 for error, _ in parts)
    spread = sum(error**4 / degrees for error, degrees in parts if degrees > 0)
    degrees = max(int(variance**2 / spread), 1) if spread > 0 else 1
    error = math.sqrt(variance)
    reach = t_quantile(confidence, degrees) * error if error > 0 else 0.0
    return Interval(value, error, value - reach, value + reach, degrees)


def _delays(known: pl.DataFrame) -> tuple[float, float] | None:
    days = _days(known)
    if days is None or len(days) == 0:
        return None
    waited = np.maximum(
        days, 0.0
    )  # a label of a day stands at its midnight, before the prediction of that morning
    return float(np.median(waited)), float(np.quantile(waited, 0.9))


def _early(known: pl.DataFrame) -> int:
    """How many labels are dated a day or more before their prediction: a wrong clock, or an answer known before."""
    days = _days(known)
    return 0 if days is None else int(np.count_nonzero(days <= -1.0))


def _days(known: pl.DataFrame) -> Array | None:
    if "labelled_at" not in known.columns:
        return None
    both = known.filter(known["labelled_at"].is_not_null())
    waited = (both["labelled_at"] - both["decided_at"]).dt.total_seconds().to_numpy()
    return np.asarray(waited, dtype=np.float64) / DAY
