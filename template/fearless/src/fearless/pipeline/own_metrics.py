"""The team's own metrics that gate.yaml names, loaded from the team's package."""

from __future__ import annotations

from typing import Any

from fearless.core.errors import FearlessError
from fearless.gate.intervals import Array
from fearless.gate.own import Function, is_own
from fearless.gate.policy import Policy
from fearless.model.contract import Team


def own_metrics(team: Team, policy: Policy) -> dict[str, Function]:
    """Each metric `package.module:function` of the policy, as a call that tells the team's errors in a sentence.

    Raises FearlessError where the function is not the team's, or is not there.
    """
    names = dict.fromkeys(line.metric for line in policy.checks if is_own(line.metric))
    return {name: _function(team, name) for name in names}


def _function(team: Team, name: str) -> Function:
    place, _, function = name.partition(":")
    package, _, module = place.partition(".")
    if package != team.project.package or not module:
        raise FearlessError(
            f"gate.yaml: the metric `{name}` is not in the team's package `{team.project.package}`.",
            fix=f"Write it as `{team.project.package}.metrics:{function}`.",
        )
    team.check_metric(module, function)

    def call(y: Array, scores: Array) -> Any:
        # Copies: code that sorts in place must not change what the next metric is measured on.
        return team.metric(module, function, y.copy(), scores.copy())

    return call
