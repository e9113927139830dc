"""What the monitor costs: the whole command over a ledger, and drift with its report over a large file.

    python benchmarks/monitor.py                       100,000 recorded predictions; 1,000,000 rows x 20 columns
    python benchmarks/monitor.py --long 2000000        also a ledger of so many rows whose window has 10,000
    python benchmarks/monitor.py --json > result.json

Each measured run is a process of its own; CPU is its user plus system time with the imports, peak memory its own. Needs
Linux or macOS and the packages of requirements.txt. Everything is written below one temporary folder.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "template" / "fearless" / "src"
sys.path.insert(0, str(SOURCE))

import numpy as np  # noqa: E402
import polars as pl  # noqa: E402

from fearless.columns.dictionary import Dictionary, parse  # noqa: E402
from fearless.core.digest import sha256_file  # noqa: E402
from fearless.core.project import Project  # noqa: E402
from fearless.ledger.identity import prediction_ids  # noqa: E402
from fearless.ledger.record import Prediction, Provenance, micros  # noqa: E402
from fearless.ledger.store import open_ledger  # noqa: E402
from fearless.model.artifact import seal  # noqa: E402
from fearless.monitor.profile import make_profile, save_profile  # noqa: E402

NUMBERS, LEVELS = 14, 6
DRIFTED = ("n0", "n1", "l0")
CHUNK = 20_000
GAP = 5 * 86_400 * 10**6  # microseconds
# What issue and design promise: checked and printed, never enforced here, because the machine may be busy.
TARGETS = {"command_cpu_s": 3.0, "frame_cpu_s": 3.0, "frame_peak_mb": 400.0, "report_kb": 500.0}
# The peak that the system tells of a child counts what its parent held when it was started, so each writes its own.
PEAK = """
import atexit, os, pathlib, resource, sys
def peak():
    status = pathlib.Path("/proc/self/status")
    if status.is_file():
        return next(int(line.split()[1]) * 1024 / 1e6 for line in status.open() if line.startswith("VmHWM"))
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
atexit.register(lambda: pathlib.Path(os.environ["PEAK"]).write_text(str(peak())))
"""
COMMAND = "import sys; sys.argv = ['fearless', 'monitor', '--json']; from fearless.cli import main; main()"
FRAME = """
import sys
from pathlib import Path
import numpy as np, polars as pl
from fearless.monitor.drift import Window
from fearless.monitor.invariants import Invariants
from fearless.monitor.profile import read_profile
from fearless.columns.dictionary import load
folder, rows = Path(sys.argv[1]), Path(sys.argv[2])
window, looked = Window(read_profile(folder, "the model"), 1), Invariants(load(folder))
count = pl.scan_parquet(rows).select(pl.len()).collect().item()
for start in range(0, count, 100_000):
    part = pl.scan_parquet(rows).slice(start, 100_000).collect()
    window.add(looked.add(part), part["score"].to_numpy())
moved = window.compared()
from fearless.report.monitor_html import html
compared = [
    {"of": m.of, "name": m.name, "kind": m.column.kind, "state": m.shift.state, "psi": m.shift.psi,
     "chance": m.shift.chance, "limit": m.shift.limit, "since": m.since,
     "missing": {"reference": m.missing[0], "window": m.missing[1]},
     "mean": {"reference": m.column.mean, "window": m.mean}, "edges": m.column.edges, "levels": m.column.levels,
     "reference": m.reference.tolist(), "window": m.window.tolist()}
    for m in moved
]
page = html({
    "verdict": "BREACH", "headline": "", "summary": "", "job": "monitor", "findings": [
        {"light": "red", "kind": "drift", "what": m["name"], "since": "", "sure": "", "do": "", "about": m["name"],
         "model": "a"} for m in compared if m["state"] == "moved"],
    "next": [], "notes": [], "labels": None, "window": {}, "context": {},
    "models": [{"sha256": "a", "place": "the model", "rows": count, "compared": compared, "truth": None}]})
print(len(page), *(m["name"] for m in compared if m["state"] == "moved"))
"""


def main() -> None:
    asked = argparse.ArgumentParser(description="What the monitor costs.")
    asked.add_argument("--rows", type=int, default=100_000, help="predictions in the ledger")
    asked.add_argument("--frame", type=int, default=1_000_000, help="rows of the file")
    asked.add_argument("--long", type=int, default=0, help="rows of a long ledger with a short window")
    asked.add_argument("--rounds", type=int, default=3)
    asked.add_argument("--json", action="store_true")
    options = asked.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        result = measured(Path(folder), options)
    if options.json:
        print(json.dumps(result, indent=2))
    else:
        print(told(result))


def measured(work: Path, options: argparse.Namespace) -> dict[str, Any]:
    place = f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores"
    result: dict[str, Any] = {
        "machine": f"{place}, Python {platform.python_version()}",
        "targets": TARGETS,
    }
    world = dictionary()
    root = project(work / "repository", world)
    record(root, options.rows, options.rows, labelled=True)
    runs = [run(COMMAND, [], root) for _ in range(options.rounds)]
    report = json.loads(runs[-1]["said"])
    result["command"] = {
        "rows": report["window"]["rows"],
        "labelled": report["models"][0]["truth"]["labelled"],
        **middle(runs),
        "report_kb": (root / ".fearless" / "monitor" / "report.html").stat().st_size / 1000,
        "moved": [each["name"] for each in report["models"][0]["compared"] if each["state"] == "moved"],
    }
    rows = draw(options.frame, 9, moved=True)
    file = work / "rows.parquet"
    rows.drop("y").with_columns(score=pl.Series(scores(rows))).write_parquet(file, row_group_size=100_000)
    runs = [run(FRAME, [str(root / "models" / "champion"), str(file)], root) for _ in range(options.rounds)]
    size, *moved = runs[-1]["said"].split()
    result["frame"] = {
        "rows": options.frame,
        **middle(runs),
        "report_kb": int(size) / 1000,
        "moved": moved,
    }
    if options.long:
        result["window of 10,000 rows"] = {}
        for count in (20_000, options.long):
            place = project(work / f"ledger{count}", world)
            record(place, count, 10_000, labelled=False)
            runs = [run(COMMAND, [], place) for _ in range(options.rounds)]
            result["window of 10,000 rows"][f"ledger of {count:,}"] = middle(runs)
    return result


def told(result: dict[str, Any]) -> str:
    lines = [result["machine"]]
    for name in ("command", "frame"):
        each = result[name]
        lines.append(
            f"{name}: {each['rows']:,} rows, {each['cpu_s']:.2f} CPU s, {each['peak_mb']:.0f} MB, report"
            f" {each['report_kb']:.0f} KB, moved: {', '.join(each['moved']) or 'none'}"
        )
    for name, each in result.get("window of 10,000 rows", {}).items():
        lines.append(
            f"window of 10,000 rows in a {name}: {each['cpu_s']:.2f} CPU s, {each['peak_mb']:.0f} MB"
        )
    lines.append("targets: " + ", ".join(f"{name} {value:g}" for name, value in result["targets"].items()))
    return "\n".join(lines)


def dictionary() -> Dictionary:
    columns: dict[str, dict[str, Any]] = {f"n{at}": {"type": "number"} for at in range(NUMBERS)}
    columns |= {f"l{at}": {"type": "category", "levels": list("abcd")} for at in range(LEVELS)}
    columns["y"] = {"type": "boolean"}
    for name, column in columns.items():
        column |= {"description": f"Column {name}", "known_at_prediction": str(name != "y").lower()}
    return parse({"version": "1", "task": "binary", "target": "y", "columns": columns})


def draw(rows: int, seed: int, *, moved: bool) -> pl.DataFrame:
    """Rows of the world; with `moved`, three columns are no longer what they were."""
    drawing = np.random.default_rng(seed)
    made: dict[str, Any] = {}
    for at in range(NUMBERS):
        values = drawing.normal(size=rows) if at % 2 else drawing.lognormal(size=rows)
        made[f"n{at}"] = values * (1.7 if moved and f"n{at}" in DRIFTED else 1.0)
    for at in range(LEVELS):
        shares = [0.3, 0.2, 0.2, 0.3] if moved and f"l{at}" in DRIFTED else [0.6, 0.2, 0.15, 0.05]
        made[f"l{at}"] = np.array(list("abcd"))[drawing.choice(4, rows, p=shares)]
    made["y"] = drawing.random(rows) < 1 / (1 + np.exp(1 - made["n5"]))
    return pl.DataFrame(made)


def scores(rows: pl.DataFrame) -> Any:
    return 1 / (1 + np.exp(1 - rows["n5"].to_numpy()))


def project(root: Path, world: Dictionary) -> Path:
    """A repository with a sealed artifact that has a profile; nobody scores with it here."""
    champion = root / "models" / "champion"
    champion.mkdir(parents=True)
    (root / "fearless").mkdir()
    (root / "fearless" / "STAGES").write_text("1\n", encoding="utf-8")
    (root / ".copier-answers.yml").write_text("package_name: shop\n", encoding="utf-8")
    (root / "gate.yaml").write_text(
        "version: 1\nchecks:\n  - {metric: log_loss, min_skill: 0.05}\n", encoding="utf-8"
    )
    columns = json.dumps(world.model_dump(mode="json", exclude_defaults=True) | {"version": 1})
    for place in (root, champion):
        (place / "columns.yaml").write_text(columns, encoding="utf-8")
    train, golden = draw(20_000, 1, moved=False), draw(5000, 2, moved=False)
    y, golden_y = train["y"].to_numpy().astype(float), golden["y"].to_numpy().astype(float)
    save_profile(champion, make_profile(train, y, golden, golden_y, scores(golden), world))
    parity = {"rows": 1, "worst_difference": 0.0}
    seal(
        champion,
        {
            "name": "shop",
            "loader": "onnx",
            "task": "binary",
            "features": world.known,
            "made_from": {},
            "train_rows": 20_000,
            "seed": 0,
            "estimator": "none",
            "parity": parity,
        },
    )
    return root


def record(root: Path, count: int, recent: int, *, labelled: bool) -> None:
    """Fill the ledger: `recent` rows of the last six days, the others before them; every second one has a label."""
    ledger = open_ledger(Project(root))
    digest = sha256_file(root / "models" / "champion" / "manifest.json")
    origin = Provenance("shop", "champion", "1", digest, "b" * 40, "0.2.0", "c" * 64, "d" * 64, "host/1")
    now = datetime.now(UTC)
    newest, oldest = micros(now), micros(now - timedelta(days=6))
    for start in range(0, count, CHUNK):
        rows = draw(min(CHUNK, count - start), 100 + start, moved=True)
        answered, truth = scores(rows), rows["y"].to_list()
        predictions: list[Prediction] = []
        for at, row in enumerate(rows.drop("y").to_dicts()):
            behind = count - start - at
            moment = newest - (newest - oldest) * behind // recent
            if behind > recent:  # long before the window
                moment = oldest - GAP - behind * 10**6
            predictions.append(
                Prediction(
                    prediction_ids(1, moment)[0],
                    *(moment, moment, "http", None, None, None, 0, json.dumps(row), b"\0" * 80),
                    *(float(answered[at]), 0.5, "no", origin),
                )
            )
        ledger.append(predictions)
        if labelled:
            ids = [each.id for each in predictions[::2]]
            ledger.add_labels(pl.DataFrame({"prediction_id": ids, "label": truth[::2]}))
    ledger.close()


def run(code: str, arguments: list[str], folder: Path) -> dict[str, Any]:
    """Run `code` in a process of its own; exit codes 0 and 1 are both results of a monitor."""
    environment = {**os.environ, "PYTHONPATH": str(SOURCE), "PEAK": str(folder / "peak.txt")}
    started = time.perf_counter()
    with tempfile.TemporaryFile() as out:
        process = subprocess.Popen(
            [sys.executable, "-c", PEAK + code, *arguments], cwd=folder, env=environment, stdout=out
        )
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        said = out.read().decode()
    if process.returncode not in (0, 1):
        sys.exit(f"a measured command ended with {process.returncode}")
    peak = float((folder / "peak.txt").read_text(encoding="utf-8"))
    return {
        "cpu_s": used.ru_utime + used.ru_stime,
        "wall_s": time.perf_counter() - started,
        "peak_mb": peak,
        "said": said,
    }


def middle(runs: list[dict[str, Any]]) -> dict[str, float]:
    return {name: statistics.median(run[name] for run in runs) for name in ("cpu_s", "wall_s", "peak_mb")}


if __name__ == "__main__":
    main()
