"""What was in production when: read from the deployments of the ledger, the oldest first."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from fearless.ledger.record import Deployment, micros

ROLLBACK = "rollback"


def in_production(deployments: Sequence[Deployment], moment: datetime) -> Deployment | None:
    """The deployment that was in place at `moment`, None before the first.

    The order is that of the ledger: a clock that was put back makes no older deployment the newer one.
    """
    when = micros(moment)
    return next((each for each in reversed(deployments) if each.at <= when), None)


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


def taken_out(deployments: Sequence[Deployment]) -> set[str]:
    """The releases that the newest rollbacks, one after the other, went away from; empty after any other deployment.

    Releases and not models: a model that was taken out and is released again was agreed on again.
    """
    left: set[str] = set()
    for place in range(len(deployments) - 1, 0, -1):
        if deployments[place].kind != ROLLBACK:
            break
        left.add(deployments[place - 1].model_version)
    return left - {deployments[-1].model_version} if deployments else left
