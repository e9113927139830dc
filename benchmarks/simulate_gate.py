"""How often the gate errs, simulated with models whose truth is known; writes docs/benchmarks/gate-simulation.md.

    .venv/bin/python benchmarks/simulate_gate.py                 1,200 golden sets a line: some minutes on one core
    .venv/bin/python benchmarks/simulate_gate.py --runs 300      fewer, for a look; prints and writes nothing
    .venv/bin/python benchmarks/simulate_gate.py --json          the rates for a program; writes nothing

Each line judges many golden sets with the real judge. Equal models are two that differ by independent noise of the
same size. A drop equal to the margin is made by more noise; its size is measured once on very many rows.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "template" / "fearless" / "src"))

from fearless.gate.findings import Check, Report, Verdict  # noqa: E402
from fearless.gate.levels import Levels  # noqa: E402
from fearless.gate.metrics import METRICS  # noqa: E402
from fearless.gate.policy import Policy, parse  # noqa: E402
from fearless.gate.verdict import judge  # noqa: E402

PAGE = ROOT / "docs" / "benchmarks" / "gate-simulation.md"
RUNS = 1200
TRUTH_ROWS = 1_000_000
NOISE, MORE_NOISE = 0.5, 0.7
Array = NDArray[np.float64]

MARGINS: dict[str, float] = {
    "log_loss": 0.01,
    "roc_auc": 0.01,
    "average_precision": 0.02,
    "accuracy": 0.01,
    "f1": 0.02,
    "precision": 0.02,
    "recall": 0.02,
    "mcc": 0.02,
    "brier": 0.005,
}
ALL = ("log_loss", "roc_auc", "average_precision", "accuracy", "f1", "mcc")
HEAD = """# How often the gate errs

Made by `benchmarks/simulate_gate.py` with the real judge, on golden sets whose truth is known. Behind each
line stand {runs} golden sets, half as many for slices and calibration: the standard error of a
rate of 5 % is {error} points. The confidence is 0.95.

*Equal models* differ by independent noise of the same size: FAIL is the error. A *drop of the margin* is
a candidate that is worse by exactly `max_drop` or `max_rise`: PASS is the error. One column says how often
the error happened, the next how often it may.

| simulated | golden rows | error | happened | allowed |
|---|---:|---|---:|---:|
"""


@dataclass(frozen=True)
class Line:
    """One line of the table: what was simulated, how often the wrong thing happened, and how often it may."""

    what: str
    rows: int
    error: str
    rate: float
    allowed: float
    runs: int

    @property
    def holds(self) -> bool:
        """Whether the rate is within what is allowed, but for twice its own standard error."""
        slack = 2 * math.sqrt(self.allowed * (1 - self.allowed) / self.runs)
        return self.rate <= self.allowed + slack


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--runs", type=int, default=RUNS, help="golden sets a line")
    parser.add_argument("--json", action="store_true", help="print the rates as JSON")
    options = parser.parse_args(arguments)
    lines: list[Line] = []
    for found in table(options.runs):
        lines.append(found)
        if not options.json:
            print(f"{found.what}, {found.rows:,} rows: {found.error} {100 * found.rate:.1f} %", flush=True)
    if options.json:
        print(json.dumps([asdict(line) for line in lines], indent=2))
    elif options.runs >= RUNS:
        PAGE.write_text(page(lines), encoding="utf-8", newline="\n")
    wrong = [line for line in lines if not line.holds]
    for line in wrong:
        print(
            f"too often: {line.what}, {line.rows:,} rows: {100 * line.rate:.1f} % (allowed {100 * line.allowed:g} %)"
        )
    return 1 if wrong else 0


def table(runs: int) -> Iterator[Line]:
    """The lines one by one, each as soon as it is known."""
    for rows in (200, 500, 2000):
        yield from equal_models(rows, runs)
    for rows in (500, 2000):
        yield from drops_of_the_margin(rows, runs)
    for levels, rows in ((4, 2000), (20, 10_000)):
        yield any_slice(levels, rows, runs // 2)
    for rows in (200, 1000, 5000):
        yield calibrated(rows, runs // 2)
    for rows in (1000, 5000):
        yield as_far_off_as_allowed(rows, runs // 2)


def equal_models(rows: int, runs: int) -> Iterator[Line]:
    """Two equally good models: how often the gate calls the candidate worse, by one metric or by six together."""
    alone, together = dict.fromkeys(MARGINS, 0), 0
    draw = np.random.default_rng(rows)
    for _ in range(runs):
        models = _models(draw, rows, NOISE)
        for check in _judged(_policy(MARGINS), models).checks:
            alone[check.metric] += _alone(check) is Verdict.FAIL
        six = {name: MARGINS[name] for name in ALL}
        together += _judged(_policy(six), models).verdict is Verdict.FAIL
    for name, fails in alone.items():
        yield Line(f"equal models, {name}", rows, "FAIL", fails / runs, 0.06, runs)
    yield Line(f"equal models, {len(ALL)} metrics together", rows, "FAIL", together / runs, 0.06, runs)


def drops_of_the_margin(rows: int, runs: int) -> Iterator[Line]:
    """A candidate that is worse by exactly the margin: how often the gate lets it pass."""
    policy, passes = _policy({name: _true_drop(name) for name in MARGINS}), dict.fromkeys(MARGINS, 0)
    draw = np.random.default_rng(rows)
    for _ in range(runs):
        for check in _judged(policy, _models(draw, rows, MORE_NOISE)).checks:
            passes[check.metric] += check.verdict is Verdict.PASS
    for name, count in passes.items():
        yield Line(f"a drop of the margin, {name}", rows, "PASS", count / runs, 0.065, runs)


def any_slice(levels: int, rows: int, runs: int) -> Line:
    """Two equal models in many slices on three metrics: how often any slice is called worse."""
    names = ("log_loss", "roc_auc", "accuracy")
    slices = {"by": ["region"], "min_rows": 50, "min_positives": 10}
    policy = _policy(dict.fromkeys(names, 0.2), slices=slices)
    fails = 0
    draw = np.random.default_rng(levels)
    for _ in range(runs):
        codes = draw.integers(0, levels, size=rows).astype(np.intp)
        region = Levels("region", codes, tuple(str(at) for at in range(levels)))
        report = _judged(policy, _models(draw, rows, NOISE), [region])
        fails += any(check.kind == "slice" and check.verdict is Verdict.FAIL for check in report.checks)
    return Line(
        f"equal models, {levels} slices x {len(names)} metrics", rows, "FAIL", fails / runs, 0.06, runs
    )


def calibrated(rows: int, runs: int) -> Line:
    """Probabilities that are exact, asked for hardly any error at all: how often they are called wrong."""
    rate = _calibration(rows, runs, off=0.0, limit=0.0001)[Verdict.FAIL] / runs
    return Line("a calibrated model, ece_max 0.0001", rows, "FAIL", rate, 0.06, runs)


def as_far_off_as_allowed(rows: int, runs: int) -> Line:
    """Probabilities that are all 0.05 too high, with ece_max 0.05: how often they pass."""
    rate = _calibration(rows, runs, off=0.05, limit=0.05)[Verdict.PASS] / runs
    return Line("probabilities 0.05 too high, ece_max 0.05", rows, "PASS", rate, 0.065, runs)


def page(lines: list[Line]) -> str:
    """The page for the docs."""
    rows = [
        f"| {line.what} | {line.rows:,} | {line.error} | {100 * line.rate:.1f} % | {100 * line.allowed:g} % |"
        for line in lines
    ]
    error = f"{100 * math.sqrt(0.05 * 0.95 / lines[0].runs):.1f}"
    return HEAD.format(runs=f"{lines[0].runs:,}", error=error) + "".join(f"{row}\n" for row in rows)


def _policy(margins: dict[str, float], **more: object) -> Policy:
    rules = {name: "max_drop" if METRICS[name].better == "higher" else "max_rise" for name in margins}
    checks = [{"metric": name, rules[name]: margin} for name, margin in margins.items()]
    return parse({"version": 1, "checks": checks, "baselines": [], **more})


def _alone(check: Check) -> Verdict:
    """The verdict that a check would have as the only one: without Holm its own bound decides."""
    if check.verdict is Verdict.INCONCLUSIVE and check.estimate is not None and check.estimate.upper < 0:
        return Verdict.FAIL
    return check.verdict


def _judged(policy: Policy, models: tuple[Array, Array, Array], slices: Sequence[Levels] = ()) -> Report:
    y, candidate, champion = models
    constant = {"constant": np.full(len(y), 0.34)}
    report = judge(policy, "binary", y, candidate, champion, constant, slices=slices)
    if report.errors:
        raise SystemExit(report.errors[0])
    return report


def _models(draw: np.random.Generator, rows: int, noise: float) -> tuple[Array, Array, Array]:
    """A target, a candidate whose score carries `noise`, and a champion with NOISE."""
    signal = 2 * draw.normal(size=rows) - 1
    y = (draw.random(rows) < _sigmoid(signal)).astype(np.float64)
    candidate, champion = (_sigmoid(signal + each * draw.normal(size=rows)) for each in (noise, NOISE))
    return y, candidate, champion


@cache
def _true_drop(name: str) -> float:
    y, candidate, champion = _models(np.random.default_rng(1), TRUTH_ROWS, MORE_NOISE)
    metric = METRICS[name]
    apart = metric.measure(y, candidate).value - metric.measure(y, champion).value
    return -apart if metric.better == "higher" else apart


def _calibration(rows: int, runs: int, off: float, limit: float) -> Counter[Verdict]:
    check = {"metric": "brier", "ceiling": 1}
    policy = parse({"version": 1, "checks": [check], "baselines": [], "calibration": {"ece_max": limit}})
    draw = np.random.default_rng(rows)
    found: Counter[Verdict] = Counter()
    for _ in range(runs):
        chance = 0.05 + 0.8 * draw.random(rows)
        y = (draw.random(rows) < chance).astype(np.float64)
        report = judge(policy, "binary", y, chance + off, None, {"constant": np.full(rows, 0.45)})
        found[report.checks[-1].verdict] += 1
    return found


def _sigmoid(straight: Array) -> Array:
    return np.asarray(1 / (1 + np.exp(-straight)))


if __name__ == "__main__":
    sys.exit(main())
