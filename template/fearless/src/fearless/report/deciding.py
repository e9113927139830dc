"""Which checks decided, and in which order a reader needs them: one rule for every report."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

ORDER = {"ERROR": 0, "FAIL": 1, "INCONCLUSIVE": 2, "PASS": 3}
# Rules whose limit says how much of an advantage may be lost, so that the estimate is held to minus the limit.
MARGINS = ("max_skill_drop", "max_drop", "max_rise")
AT_LEAST = ("min_skill", "floor", "beats", *MARGINS)
AT_MOST = ("ceiling", "too_good", "ece_max", "p95_ms_ratio", "model_mb")


def deciding(report: Mapping[str, Any], count: int = 3) -> list[Mapping[str, Any]]:
    """The checks that decided: the worst verdict first, then the surest failure, or what is nearest to its limit."""
    return in_order(report["checks"])[:count]


def in_order(checks: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """All checks in that order; equals stay as they stand in the report."""
    return sorted(checks, key=lambda check: (ORDER.get(check["verdict"], 0), _rank(check)))


def of_judges(report: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The checks of what the change does to its own judges, in that order: a person reads them, whatever they say."""
    return [check for check in in_order(report["checks"]) if check["kind"] == "change"]


def asked(check: Mapping[str, Any]) -> float:
    """The number that the estimate is held to, in the estimate's own terms."""
    limit = float(check["limit"])
    return -limit if check["rule"] in MARGINS else limit


def side(check: Mapping[str, Any]) -> int:
    """1 where the estimate must lie above what is asked, -1 where below, 0 for a rule of a later toolkit."""
    if check["rule"] in AT_LEAST:
        return 1
    return -1 if check["rule"] in AT_MOST else 0


def _rank(check: Mapping[str, Any]) -> float:
    distance = _distance(check)
    return -distance if check["verdict"] == "FAIL" else distance


def _distance(check: Mapping[str, Any]) -> float:
    """How many standard errors the estimate is from what is asked."""
    estimate = check.get("estimate")
    error = estimate["standard_error"] if estimate else 0.0
    if estimate and error > 0:
        # A part fails when it is proven worse, so that its upper bound is what comes near to the limit.
        nearest = estimate["upper" if check["rule"] == "slices" else "value"]
        return float(abs(nearest - asked(check)) / error)
    # Known exactly: nothing is as sure as such a failure, and nothing is as far from failing as such a pass.
    return math.inf if check["verdict"] in ("PASS", "FAIL") else 0.0
