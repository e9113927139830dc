"""Pictures of gate reports for the docs, taken by a real browser from reports that the real judge made.

python hooks/screenshots.py                 writes docs/images/gate-report-*.png
python hooks/screenshots.py FOLDER          writes every example in both widths and schemes, to be looked at

It needs Debian's chromium (or any on the PATH), speaks to it through a pipe, and loads nothing but the file.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "template" / "fearless" / "src"))

import numpy as np  # noqa: E402
from numpy.typing import NDArray  # noqa: E402

from fearless.gate.curves import curves  # noqa: E402
from fearless.gate.findings import Report  # noqa: E402
from fearless.gate.levels import Levels  # noqa: E402
from fearless.gate.policy import parse  # noqa: E402
from fearless.gate.trial import tried  # noqa: E402
from fearless.gate.two_sets import on_both  # noqa: E402
from fearless.gate.verdict import judge, not_judged  # noqa: E402
from fearless.report.html import html  # noqa: E402

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
DESKTOP, PHONE = 1280, 375
# What the docs show: the example, the width, the scheme, the heading it begins with, and how many pixels of it.
SHOWN = {
    "gate-report-fail": ("slices", DESKTOP, "light", "", 1130),
    "gate-report-curves": ("slices", DESKTOP, "dark", "slices", 1420),
    "gate-report-phone": ("inconclusive", PHONE, "light", "", 1130),
}
CONTEXT = {
    "toolkit": "0.2.0",
    "source": "ci",
    "policy_sha256": "9f2c" * 16,
    "golden_sha256": "41ab" * 16,
    "candidate_sha256": "c0de" * 16,
    "candidate_name": "churn",
}
# The browser reads commands from descriptor 3 and writes answers to 4.
LAUNCH = """
import fcntl, os, sys
read, write = (fcntl.fcntl(int(given), fcntl.F_DUPFD, 10) for given in sys.argv[1:3])
os.dup2(read, 3)
os.dup2(write, 4)
os.execv(sys.argv[3], sys.argv[3:])
"""


def examples() -> dict[str, dict[str, Any]]:
    """Reports as the judge makes them: passed, failed, open, not judged, without a champion, with 40 checks."""
    passed = judged(noise=0.02, rows=6000)
    failed = judged(noise=0.17, rows=6000, margin=0.01)
    found = {
        "pass": passed,
        "fail": failed,
        "inconclusive": judged(noise=0.1, rows=400, mode="release"),
        "error": not_judged(
            ["models/champion is missing.\n  -> Bring it with `uv run dvc pull`."], "binary", "pull_request"
        ).to_dict(),
        "first": judged(noise=0.05, rows=3000, champion=False),
        "regression": regression(),
        "multiclass": multiclass(),
        "two_sets": two_sets(),
        "many": {
            **failed,
            "checks": [
                {**check, "id": f"{check['id']}_{number}"}
                for number in range(5)
                for check in failed["checks"]
            ][:40],
        },
    }
    estimate = {"value": -0.021, "standard_error": 0.008, "lower": -0.034, "upper": -0.008}
    parts = [
        part("region", "north", 1510, 0.78, -0.021, 0.008, "FAIL"),
        part("region", "south", 2210, 0.83, 0.004, 0.006, "PASS"),
        part("region", "overseas", 84, 0.81, -0.002, 0.041, "INCONCLUSIVE"),
        part("plan", "monthly", 3100, 0.80, 0.001, 0.005, "PASS"),
        part("plan", "yearly", 2900, 0.84, 0.002, 0.006, "PASS"),
    ]
    worth = {"value": -1.234, "standard_error": 0.5, "lower": -2.06, "upper": -0.41}
    found["slices"] = {
        **failed,
        "do_nothing": "Nobody is called, or 200 customers chosen by chance",
        "slices": parts,
        "worst_slice": parts[0]
        | {"sentence": "region = north and plan = monthly loses 0.021 ROC AUC on 810 rows."},
        "value": {
            "currency": "EUR",
            "per": "customer",
            "candidate": worth,
            "champion": estimate,
            "difference": worth,
        },
    }
    return found


def judged(
    noise: float, rows: int, *, champion: bool = True, margin: float = 0.02, mode: str = "pull_request"
) -> dict[str, Any]:
    """A binary report about a candidate that is as good as what is known, but for noise in its scores."""
    draw = np.random.default_rng(7)
    known = draw.beta(1.2, 2.2, rows)
    y = (draw.random(rows) < known).astype(np.float64)
    candidate = np.clip(known + draw.normal(0.0, noise, rows), 0.005, 0.995)
    before = np.clip(known + draw.normal(0.0, 0.1, rows), 0.005, 0.995) if champion else None
    checks = [
        {"metric": "log_loss", "min_skill": 0.05, "max_skill_drop": margin},
        {"metric": "roc_auc", "floor": 0.7, "max_drop": margin},
        {"metric": "brier", "max_rise": 0.01},
    ]
    report = judge(
        parse({"version": 1, "checks": checks, "too_good": {"skill": 0.9}}),
        "binary",
        y,
        candidate,
        before,
        {"constant": np.full(rows, 0.35), "one_feature": 0.3 * known + 0.25, "linear": 0.5 * known + 0.18},
        "release" if mode == "release" else "pull_request",
        descriptions={
            "candidate": "HistGradientBoostingClassifier, 14 features",
            "champion": "HistGradientBoostingClassifier, 14 features",
            "constant": "always says 0.35",
            "one_feature": "looks at tenure_months alone",
            "linear": "logistic regression on all features",
        },
        context={**CONTEXT, **({"champion_sha256": "beef" * 16} if champion else {})},
    ).to_dict()
    return with_curves(report, y, {"candidate": candidate, "champion": before})


def regression() -> dict[str, Any]:
    """A report about minutes of delay, with what a minute costs and the airports as parts."""
    draw = np.random.default_rng(3)
    truth = draw.gamma(2.0, 14.0, 4000)
    y = truth + draw.normal(0.0, 12.0, 4000)
    candidate, champion = truth + draw.normal(0, 3, 4000), truth + draw.normal(0, 6, 4000)
    airports = Levels("airport", draw.integers(0, 4, 4000).astype(np.intp), ("BER", "FRA", "HAM", "MUC"))
    report = judge(
        parse(
            {
                "version": 1,
                "checks": [{"metric": "primary", "min_skill": 0.05}, {"metric": "mae", "max_rise": 0.5}],
                "slices": {"by": ["airport"]},
                "value": {"currency": "EUR", "per": "flight", "per_unit_error": -25},
            }
        ),
        "regression",
        y,
        candidate,
        champion,
        {"constant": np.full(4000, 28.0), "one_feature": 0.3 * truth + 20.0, "linear": 0.6 * truth + 11.0},
        slices=[airports],
        descriptions={"candidate": "HistGradientBoostingRegressor, 9 features", "constant": "always says 28"},
        context={**CONTEXT, "candidate_name": "delays"},
    ).to_dict()
    report["do_nothing"] = "Every flight is expected to have the average delay"
    return with_curves(report, y, {"candidate": candidate, "champion": champion})


def multiclass() -> dict[str, Any]:
    """A report about which of three tariffs a customer takes."""
    draw = np.random.default_rng(4)
    names, rows = ("basic", "family", "plus"), 3000
    known = draw.dirichlet((1.5, 0.8, 1.0), rows)
    y = np.array(names)[(draw.random(rows)[:, None] > np.cumsum(known, axis=1)).sum(axis=1).clip(0, 2)]
    scores = [
        _distributions(known + draw.normal(0.0, noise, known.shape)) for noise in (0.03, 0.12, 0.4, 0.25)
    ]
    regions = Levels("region", draw.integers(0, 3, rows).astype(np.intp), ("east", "north", "south"))
    return judge(
        parse(
            {
                "version": 1,
                "checks": [
                    {"metric": "log_loss", "min_skill": 0.05, "max_skill_drop": 0.02},
                    {"metric": "accuracy", "floor": 0.5, "max_drop": 0.02},
                    {"metric": "macro_f1", "floor": 0.4},
                ],
                "slices": {"by": ["region"]},
            }
        ),
        "multiclass",
        y,
        scores[0],
        scores[1],
        {
            "constant": np.tile([0.45, 0.25, 0.3], (rows, 1)),
            "one_feature": scores[2],
            "linear": scores[3],
        },
        slices=[regions],
        classes=names,
        descriptions={"candidate": "scores of a file", "constant": "the shares of the training rows"},
        context={**CONTEXT, "candidate_name": "tariff"},
    ).to_dict()


def _distributions(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    positive = np.clip(scores, 0.01, None)
    return np.asarray(positive / positive.sum(axis=1, keepdims=True))


def two_sets() -> dict[str, Any]:
    """Golden data on which the candidate looks good, that of the base, and another gate.yaml that is tried."""
    asked = {"version": 1, "checks": [{"metric": "roc_auc", "floor": 0.78, "max_drop": 0.02}]}
    policy, proposed = parse(asked), parse({**asked, "checks": [{"metric": "roc_auc", "floor": 0.7}]})
    draw = np.random.default_rng(6)
    known = draw.beta(1.2, 2.2, 6000)
    y = (draw.random(6000) < known).astype(np.float64)
    candidate, before = (np.clip(known + draw.normal(0.0, each, 6000), 0.005, 0.995) for each in (0.2, 0.05))
    chosen = np.abs(y - candidate) < 0.8

    def judged_on(rows: NDArray[np.bool_], by: Any) -> Report:
        parts = {"constant": 0.35 + 0 * known, "one_feature": 0.1 * known + 0.3, "linear": 0.2 * known + 0.28}
        simple = {name: scores[rows] for name, scores in parts.items()}
        return judge(by, "binary", y[rows], candidate[rows], before[rows], simple, context=CONTEXT)

    every = np.ones(6000, dtype=np.bool_)
    report = on_both(judged_on(chosen, policy), judged_on(every, policy), 0, policy).to_dict()
    trial = tried(judged_on(chosen, policy), judged_on(chosen, proposed))
    report["trial"] = {"verdict": trial.verdict, "sentence": trial.sentence, "differs": trial.differs}
    report["do_nothing"] = "Nobody is called, or 200 customers chosen by chance"
    return with_curves(report, y[chosen], {"candidate": candidate[chosen], "champion": before[chosen]})


def with_curves(
    report: dict[str, Any], y: NDArray[np.float64], models: dict[str, NDArray[np.float64] | None]
) -> dict[str, Any]:
    drawn = {name: scores for name, scores in models.items() if scores is not None}
    return {**report, "curves": curves(report["task"], y, drawn)}


def part(
    by: str, level: str, rows: int, value: float, gain: float, error: float, verdict: str
) -> dict[str, Any]:
    """An entry of `slices`."""
    return {
        "by": by,
        "level": level,
        "rows": rows,
        "positives": rows // 3,
        "metric": "roc_auc",
        "candidate": estimated(value, error),
        "champion": estimated(value - gain, error),
        "difference": estimated(gain, error),
        "verdict": verdict,
        "sentence": f"{by} = {level}: the advantage over the champion in roc_auc is {gain:.3g}.",
    }


def estimated(value: float, error: float) -> dict[str, float]:
    return {
        "value": value,
        "standard_error": error,
        "lower": value - 1.645 * error,
        "upper": value + 1.645 * error,
    }


def browser() -> str | None:
    """The path of a browser that this can steer, or None."""
    return next((found for name in BROWSERS if (found := shutil.which(name))), None)


class Page:
    """One page of a browser, steered through the protocol of its developer tools over a pipe."""

    def __init__(self, process: subprocess.Popen[bytes], send: int, receive: int) -> None:
        self.process, self.send, self.receive = process, send, receive
        self.asked, self.events, self.rest = 0, list[dict[str, Any]](), b""
        target = self._call("Target.createTarget", {"url": "about:blank"})["targetId"]
        attached = self._call("Target.attachToTarget", {"targetId": target, "flatten": True})
        self.session: str = attached["sessionId"]
        for domain in ("Page", "Network", "Log", "Runtime"):
            self.call(f"{domain}.enable")

    def open(self, file: Path, width: int, scheme: str, *, height: int = 900) -> None:
        """Load a file in a window of that width, with the reader preferring `light` or `dark`."""
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
        self.call("Emulation.setDeviceMetricsOverride", metrics)
        feature = {"name": "prefers-color-scheme", "value": scheme}
        self.call("Emulation.setEmulatedMedia", {"features": [feature]})
        self.events.clear()
        self.call("Page.navigate", {"url": file.resolve().as_uri()})
        while not any(event["method"] == "Page.loadEventFired" for event in self.events):
            self._read()

    def value(self, expression: str) -> Any:
        """What a JavaScript expression gives in the page."""
        found = self.call("Runtime.evaluate", {"expression": expression, "returnByValue": True})
        return found["result"].get("value")

    def requests(self) -> list[str]:
        """The addresses that were asked for since `open`."""
        sent = [event for event in self.events if event["method"] == "Network.requestWillBeSent"]
        return [str(event["params"]["request"]["url"]) for event in sent]

    def picture(self, heading: str = "", most: int = 20_000) -> bytes:
        """The page as PNG, from its top or from the heading with that id, at most `most` pixels of it."""
        size = self.call("Page.getLayoutMetrics")["cssContentSize"]
        place = f"document.getElementById('{heading}').getBoundingClientRect().top + scrollY - 24"
        top = self.value(place) if heading else 0
        height = min(size["height"] - top, most)
        clip = {"x": 0, "y": top, "width": size["width"], "height": height, "scale": 1}
        taken = self.call("Page.captureScreenshot", {"clip": clip, "captureBeyondViewport": True})
        return base64.b64decode(taken["data"])

    def call(self, method: str, parameters: dict[str, Any] | None = None) -> dict[str, Any]:
        """One call of the protocol on this page."""
        return self._call(method, parameters or {}, self.session)

    def _call(self, method: str, parameters: dict[str, Any], session: str = "") -> dict[str, Any]:
        self.asked += 1
        message: dict[str, Any] = {"id": self.asked, "method": method, "params": parameters}
        if session:
            message["sessionId"] = session
        os.write(self.send, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._read()
            if answer.get("id") == self.asked:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                result: dict[str, Any] = answer["result"]
                return result

    def _read(self) -> dict[str, Any]:
        while b"\0" not in self.rest:
            more = os.read(self.receive, 1 << 16)
            if not more:
                raise RuntimeError(f"The browser ended with {self.process.wait(10)}.")
            self.rest += more
        first, self.rest = self.rest.split(b"\0", 1)
        message: dict[str, Any] = json.loads(first)
        if "method" in message:
            self.events.append(message)
        return message


@contextlib.contextmanager
def page(program: str) -> Iterator[Page]:
    """A page of a fresh browser with a profile of its own; the browser ends with the block."""
    read_commands, send = os.pipe()
    receive, write_answers = os.pipe()
    with tempfile.TemporaryDirectory() as profile:
        options = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--hide-scrollbars",
            "--remote-debugging-pipe",
        ]
        options += [f"--user-data-dir={profile}", "--no-first-run", "--disable-background-networking"]
        process = subprocess.Popen(
            [sys.executable, "-c", LAUNCH, str(read_commands), str(write_answers), program, *options],
            pass_fds=(read_commands, write_answers),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(read_commands)
        os.close(write_answers)
        try:
            yield Page(process, send, receive)
        finally:
            os.close(send)  # which is how it learns that nobody listens any more
            os.close(receive)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(10)


def main(folder: Path | None) -> None:
    program = browser()
    if program is None:
        sys.exit("No chromium here: `apt-get install chromium`.")
    reports = examples()
    with tempfile.TemporaryDirectory() as made, page(program) as shown:
        for name, report in reports.items():
            Path(made, f"{name}.html").write_text(html(report), encoding="utf-8", newline="\n")
        if folder is None:
            for picture, (name, width, scheme, heading, most) in SHOWN.items():
                shown.open(Path(made, f"{name}.html"), width, scheme)
                (ROOT / "docs" / "images" / f"{picture}.png").write_bytes(shown.picture(heading, most))
            return
        folder.mkdir(parents=True, exist_ok=True)
        for name in reports:
            for width in (DESKTOP, PHONE):
                for scheme in ("light", "dark"):
                    shown.open(Path(made, f"{name}.html"), width, scheme)
                    (folder / f"{name}-{width}-{scheme}.png").write_bytes(shown.picture())


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else None)
