"""What was in production when: read from the deployments of the ledger, the oldest first."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from datetime import datetime

from fearless.ledger.record import Deployment, micros

ROLLBACK = "rollback"


def in_production(deployments: Sequence[Deployment], moment: datetime) -> Deployment | None:
    """The deployment that was in place at `moment`, None before the first."""
    place = bisect_right([each.at for each in deployments], micros(moment))
    return deployments[place - 1] if place else None


def before(deployments: Sequence[Deployment]) -> Deployment | None:
    """What a rollback goes back to: the deployment below the present one, None where there is none.

    Deployments lie on each other; a rollback takes away those above the one it went back to. So a second rollback goes
    one further back, and not forth again to what was just left.
    """
    pile: list[Deployment] = []
    for each in deployments:
        known = [place for place, below in enumerate(pile) if below.model_sha256 == each.model_sha256]
        if each.kind == ROLLBACK and known:
            del pile[known[-1] + 1 :]
        elif not pile or pile[-1].model_sha256 != each.model_sha256:
            pile.append(each)
    return pile[-2] if len(pile) > 1 else None
