"""What the gate said, held against the bytes that are here: a report about another model proves nothing."""

from __future__ import annotations

from typing import Any

from fearless.core.errors import FearlessError
from fearless.ship.here import REPORT, Found, Here

AGAIN = "`uv run fearless gate`"


def shipped_is_gated(here: Here) -> Found:
    """A03: the report is about what is here, and its verdict lets it ship."""
    report = here.report
    verdict, context = report["verdict"], report["context"]
    if verdict != "PASS" and not (verdict == "INCONCLUSIVE" and _unsettled_may_ship(report)):
        raise FearlessError(
            f"The gate says {verdict}: {report.get('summary', '')}", fix=f"{AGAIN} says what to do"
        )
    return _said(here, f"{verdict} for the candidate {context['candidate_sha256']}")


def floors(here: Here) -> Found:
    """A14."""
    return _all_pass(here, "floor", "gate.yaml asks for no floor, so nothing was promised.")


def not_worse(here: Here) -> Found:
    """A15: before the first release there is nobody to be worse than, and that is said."""
    if not here.champion:
        _ = here.report
        return _said(here, "There is no champion yet: this is the first release")
    return _all_pass(here, "champion", "gate.yaml compares nothing with the champion.")


def beats_the_simple(here: Here) -> Found:
    """A16."""
    return _all_pass(here, "baseline", "gate.yaml names no baseline to beat.")


def worth(here: Here) -> Found:
    """A19: asked where gate.yaml has `value:`."""
    if not here.report["policy"].get("value"):
        return Found("gate.yaml has no `value:`, so nothing is asked.", _source(here), asked=False)
    return _all_pass(here, "value", "gate.yaml has a `value:` that asks for no number.")


def _all_pass(here: Here, kind: str, none: str) -> Found:
    checks = [each for each in here.report["checks"] if each.get("kind") == kind]
    if not checks:
        raise FearlessError(none, fix="Write it into gate.yaml, in a change of its own")
    may = ("PASS", "INCONCLUSIVE") if _unsettled_may_ship(here.report) else ("PASS",)
    bad = [each for each in checks if each.get("verdict") not in may]
    if bad:
        raise FearlessError(" ".join(f"{each['verdict']}: {each['sentence']}" for each in bad))
    return _said(here, " ".join(each["sentence"].rstrip(".") + "." for each in checks).rstrip("."))


def _said(here: Here, sentence: str) -> Found:
    return Found(
        f"{sentence} ({REPORT}, golden rows {here.report['context'].get('golden_sha256')}).", _source(here)
    )


def _source(here: Here) -> str:
    return str(here.report["context"].get("source", "local"))


def _unsettled_may_ship(report: dict[str, Any]) -> bool:
    """What `on_inconclusive` in gate.yaml says of a release."""
    reaction = report["policy"].get("on_inconclusive")
    return isinstance(reaction, dict) and reaction.get("release") == "warn"
