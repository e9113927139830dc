"""Customers of a broadband provider, some of whom cancel: the raw data of the example `churn`.

The pattern, which a linear model sees only in part:

- on a monthly contract a newcomer leaves after several calls or a long outage; a loyal customer stays;
- a loyal one who uses less and less leaves in silence, and so does one who pays invoices late, by hand;
- under a fixed term it is the renewal that counts, and there the raised fee; before it only a long outage
  gives the right to leave, and only to those who owe nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

from fearless.sample.draws import Draws

HEADER = (
    "customer_id,observed_at,recorded_at,region,contract,months_to_renewal,tenure_months,monthly_fee,fee_change,"
    "payment,late_payments_12m,calls_90d,outage_hours_90d,data_gb_30d,data_gb_usual,devices,satisfaction,"
    "calls_total,churned"
)

_FIRST_DAY = date(2023, 1, 1)
_DAYS = 730
_LONGEST_DELAY = 45
_TERMS = {"yearly": 12, "two-year": 24}
_CONTRACTS = ("monthly",) * 10 + ("yearly",) * 8 + ("two-year",) * 2
_REGIONS = ("north",) * 4 + ("east",) * 3 + ("south",) * 5 + ("west",) * 4 + ("islands",)
_PAYMENTS = ("direct debit",) * 5 + ("card",) * 3 + ("invoice",) * 4
_CALLS = (0,) * 9 + (1,) * 4 + (2,) * 2 + (3,) * 4 + (4,) * 2 + (5, 6, 8)
_LATE = {
    "direct debit": (0,) * 6 + (1, 1, 2, 3, 4),
    "card": (0,) * 6 + (1, 2, 3),
    "invoice": (0, 0, 0, 1, 2, 3, 4, 5),
}
_FEES = (1990, 2490, 2990, 3490, 3990, 4490, 5490, 6990)
_RAISES = (0,) * 6 + (100, 150, 200, 250, 300, 400, 500, 600, 800)
_PACE_WHEN_FADING = (4, 6, 8, 10, 12, 15, 18)
_PACE_OTHERWISE = (28, 32, 36, 38, 40, 42, 45, 50, 60)  # fortieths of the usual use


def rows(count: int = 20_000, seed: int = 20230101) -> Iterator[str]:
    """CSV lines without their line end, in the order of arrival: late rows stand behind newer ones."""
    draws = Draws(seed)
    days = [(_FIRST_DAY + timedelta(days=day)).isoformat() for day in range(_DAYS + _LONGEST_DELAY)]
    arrivals: list[list[str]] = [[] for _ in days]
    for number in range(count):
        observed = number * _DAYS // count
        delay = draws.below(_LONGEST_DELAY) if draws.chance(80) else draws.below(3)
        arrivals[observed + delay].append(_row(draws, number, days[observed], days[observed + delay]))
    for lines in arrivals:
        yield from lines


def _row(draws: Draws, number: int, observed_at: str, recorded_at: str) -> str:
    below, pick, chance = draws.below, draws.pick, draws.chance
    region, contract, payment = pick(_REGIONS), pick(_CONTRACTS), pick(_PAYMENTS)
    tenure = 1 + below(72) * below(72) // 71  # newcomers are the most frequent
    renewal = below(_TERMS[contract]) if contract in _TERMS else None
    fee = pick(_FEES)
    raised = pick(_RAISES) if tenure > 12 or contract != "monthly" else 0
    late, calls = min(tenure, pick(_LATE[payment])), pick(_CALLS)
    outage = below(36) if chance(260 if region in ("north", "islands") else 150) else below(4)
    fading = chance(260)
    usual = 20 + below(90) * below(5) + below(40)  # GB a month
    use = usual * pick(_PACE_WHEN_FADING if fading else _PACE_OTHERWISE) // 40
    devices = 1 + below(3) + usual // 120

    churned = chance(_risk(renewal, tenure, raised, payment, late, calls, outage, fading))
    satisfaction = 8 - calls // 2 - outage // 10 + draws.tent(2)
    later_calls = below(2) + (1 if churned and chance(930) else 0)  # a cancellation is a call, too
    return ",".join(
        (
            f"C{100_000 + number}",
            observed_at,
            recorded_at,
            region,
            contract,
            "" if renewal is None else str(renewal),
            str(tenure),
            f"{fee // 100}.{fee % 100:02d}",
            f"{raised // 100}.{raised % 100:02d}",
            payment,
            str(late),
            str(calls),
            str(outage),
            "" if chance(15) else str(use),
            str(usual),
            "" if chance(60) else str(devices),
            "" if chance(600) else str(max(1, min(10, satisfaction))),
            str(calls + later_calls),
            "yes" if churned else "no",
        )
    )


def _risk(
    renewal: int | None,
    tenure: int,
    raised: int,
    payment: str,
    late: int,
    calls: int,
    outage: int,
    fading: bool,
) -> int:
    """How many of 1,000 such customers cancel within sixty days."""
    if renewal is not None:
        if renewal > 2:
            return 640 if outage >= 14 and late == 0 else 20
        return 760 if raised >= 200 else 600 if fading else 90
    if tenure <= 12:
        return 740 if calls >= 3 or outage >= 10 else 80
    if fading and calls <= 1:
        return 740
    if payment == "invoice" and late >= 3:
        return 680
    return 40
