"""What was in production when, and what was taken out of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from fearless.ledger.record import Deployment, micros
from fearless.ledger.sqlite import SqliteLedger
from fearless.ledger.store import LedgerError
from fearless.ship.history import in_production, taken_out

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)


def row(version: str, kind: str = "deploy", hours: float = 0) -> Deployment:
    at = micros(NOON + timedelta(hours=hours))
    return Deployment(at, kind, "churn", version, version * 32, "Ada <ada@example.com>", "")


def test_a_clock_that_was_put_back_makes_no_older_deployment_the_newer_one() -> None:
    rows = [row("v1"), row("v2", hours=5), row("v3", hours=1)]  # the clock was five hours ahead for v2
    at = {hours: in_production(rows, NOON + timedelta(hours=hours)) for hours in (-1, 0.5, 2, 6)}
    assert [found and found.model_version for found in at.values()] == [None, "v1", "v3", "v3"]


@pytest.mark.parametrize(
    ("rows", "left"),
    [
        ([], set()),
        ([row("v1"), row("v2")], set()),
        ([row("v1"), row("v2"), row("v1", "rollback")], {"v2"}),
        ([row("v1"), row("v2"), row("v3"), row("v2", "rollback"), row("v1", "rollback")], {"v2", "v3"}),
        # it went to v2 by the name of a rollback, and away from it again
        ([row("v1"), row("v2", "rollback"), row("v1", "rollback")], {"v2"}),
        ([row("v1"), row("v2"), row("v1", "rollback"), row("v2")], set()),
        ([row("v1", "rollback")], set()),
    ],
)
def test_what_the_newest_rollbacks_went_away_from_is_known(rows: list[Deployment], left: set[str]) -> None:
    assert taken_out(rows) == left


def test_a_deployment_that_was_decided_before_another_came_is_not_stored(tmp_path: Path) -> None:
    ledger = SqliteLedger(tmp_path / "ledger.sqlite")
    ledger.deploy(row("v1"), known=0)
    ledger.deploy(row("v2"), known=1)
    SqliteLedger(ledger.path).deploy(row("v1", "rollback"))
    with pytest.raises(LedgerError, match=r"v1 was put in production meanwhile \(rollback, by Ada"):
        ledger.deploy(row("v2"), known=2)
    assert [each.model_version for each in ledger.deployments()] == ["v1", "v2", "v1"]
