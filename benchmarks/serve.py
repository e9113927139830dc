"""Our service with its ledger beside FastAPI with the scikit-learn model and no ledger, on one machine in one run.

    python benchmarks/serve.py                            three rounds, both stories
    python benchmarks/serve.py --rounds 5 --seconds 10 --example churn
    python benchmarks/serve.py --json > result.json

Both answer the same golden rows, one row a request, through the team's own features.py. Ours validates by columns.yaml,
scores with ONNX and has each prediction synced to disk before it answers. The peer validates with pydantic, scores with
the fitted scikit-learn estimator and keeps nothing; it runs as the documentation shows it (`def`) and as `async def`,
on the same uvicorn with uvloop and httptools, and like ours with one thread for OpenMP.

Load is `wrk` over loopback, with 64 connections and with one, while all share the machine. Rounds alternate between
the servers. CPU is user plus system time of the server's process, memory its high-water mark, and ready is from the
start of the process to the first answered health check. Needs Linux, the packages of requirements.txt, uv, git, wrk.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import platform
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
SECONDS_MOST = 600
CONNECTIONS = (64, 1)
ROWS = 200
STORIES = ("churn", "travel-delay")
SERVERS = ("ours", "FastAPI def", "FastAPI async def")
TARGETS = {"ratio": 10.0, "ready_s": 2.0, "memory_mb": 160.0, "cpu_ms": 0.30}
LEFT_OUT = ("PYTHONDONTWRITEBYTECODE", "PYTHONPYCACHEPREFIX", "VIRTUAL_ENV", "PYTHONPATH", "CI")

WRK = """
local bodies = {}
for line in io.lines(os.getenv("BODIES")) do bodies[#bodies + 1] = line end
local count = 0
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
request = function()
  count = count % #bodies + 1
  return wrk.format(nil, nil, nil, bodies[count])
end
done = function(summary, latency)
  local bad = summary.errors
  print(string.format('RESULT {"requests": %d, "seconds": %f, "p50_ms": %f, "p99_ms": %f, "errors": %d}',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    bad.connect + bad.read + bad.write + bad.status + bad.timeout))
end
"""
PEER = '''
"""What a team would write: pydantic for the row, the features of the team, the fitted estimator."""
import importlib, json, os, pickle, sys
from datetime import date, datetime
from pathlib import Path
from typing import Literal, Optional
import numpy as np
import polars as pl
import uvicorn
from fastapi import FastAPI
from pydantic import Field, create_model
from fearless.columns.dictionary import in_force, load

root, package, kind, port = Path.cwd(), sys.argv[1], sys.argv[2], int(sys.argv[3])
dictionary = load(root)
features = importlib.import_module(f"{package}.features").features
model = pickle.loads((root / "peer.pickle").read_bytes())
types = {"integer": int, "number": float, "boolean": bool, "date": date, "datetime": datetime}
fields = {}
for name in dictionary.known:
    column = dictionary.columns[name]
    of = Literal[column.levels] if column.levels else types.get(column.type, str)
    low, high = column.range or (None, None)
    fields[name] = (Optional[of] if column.missing else of, Field(ge=low, le=high) if column.range else ...)
Row = create_model("Row", **fields)
app = FastAPI()

def scored(row):
    made = row.model_dump()
    for name, value in made.items():
        if isinstance(value, datetime):
            made[name] = value.replace(tzinfo=None)
    x = features(pl.DataFrame([made])).cast(pl.Float32).to_numpy()
    if dictionary.task == "binary":
        return {"score": float(model.predict_proba(x)[0, 1])}
    return {"score": float(model.predict(x)[0])}

if kind == "def":
    @app.post("/v1/predict")
    def predict(row: Row): return scored(row)
else:
    @app.post("/v1/predict")
    async def predict(row: Row): return scored(row)

@app.get("/healthz")
async def healthz(): return "ok"

uvicorn.run(app, host="127.0.0.1", port=port, log_level="warning", access_log=False)
'''
PREPARE = """
import json, pickle, sys
from pathlib import Path
from fearless.columns.dictionary import load
from fearless.columns.frame import target_of
from fearless.core.project import Project
from fearless.core.yaml_file import read_mapping
from fearless.golden.frozen import open_golden
from fearless.model.artifact import matrix, open_model
from fearless.model.contract import Team, Training
from fearless.pipeline.prepare import open_train
project = Project(Path.cwd())
dictionary = load(project.root)
team = Team.of(project, dictionary)
rows, params = open_train(project), read_mapping(project.root / "params.yaml", "params.yaml")
made = team.features(rows)
y = target_of(rows, dictionary)
training = Training(matrix(made), y, tuple(made.columns), params, params["seed"], dictionary.task)
Path("peer.pickle").write_bytes(pickle.dumps(team.train(training)))
sent = open_golden(project).rows.head(int(sys.argv[1])).select(dictionary.known).to_dicts()
lines = [json.dumps(row, default=lambda value: value.isoformat()) for row in sent]
Path("bodies.jsonl").write_text("\\n".join(lines) + "\\n", encoding="utf-8")
print(project.package)
"""


class BenchmarkError(Exception):
    """A measured server did not do what is measured; a figure without it is none."""


@dataclass(frozen=True)
class Load:
    """What one server took under one load."""

    connections: int
    requests_s: float
    p50_ms: float
    p99_ms: float
    cpu_ms: float


@dataclass(frozen=True)
class Round:
    """One start of one server."""

    ready_s: float
    memory_mb: float
    loads: tuple[Load, ...]


class Bench:
    """One rendered project of one story, with all servers in its environment."""

    def __init__(self, folder: Path, example: str, seconds: int) -> None:
        self.seconds = seconds
        self.uv, self.wrk = found("uv"), found("wrk")
        self.base = {key: value for key, value in os.environ.items() if key not in LEFT_OUT}
        self.base |= {"OMP_NUM_THREADS": "1", "POLARS_MAX_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        self.project = folder / example
        source = folder / "template-source"
        if not source.exists():
            source.mkdir()
            for name in ("template", "hooks"):
                ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
                shutil.copytree(ROOT / name, source / name, ignore=ignored)
            shutil.copyfile(ROOT / "copier.yml", source / "copier.yml")
        told = ["--data", f"example={example}"]
        self._quietly(
            [
                sys.executable,
                "-m",
                "copier",
                "copy",
                "-q",
                "--defaults",
                *told,
                str(source),
                str(self.project),
            ]
        )
        self._quietly([self.uv, "run", "--python", sys.executable, "fearless", "start"])
        self._quietly([self.uv, "add", "fearless[serve]"])
        self._quietly([self.uv, "pip", "install", "fastapi"])
        self.python = self.project / ".venv" / "bin" / "python"
        self.package = self._quietly([str(self.python), "-c", PREPARE, str(ROWS)]).split()[-1]
        (self.project / "peer.py").write_text(PEER, encoding="utf-8")
        (self.project / "load.lua").write_text(WRK, encoding="utf-8")
        self.bodies = (self.project / "bodies.jsonl").read_text(encoding="utf-8").splitlines()

    def round(self, server: str) -> tuple[Round, list[float]]:
        """Start the server, load it, stop it; returns what it took, and its scores of the first rows."""
        with self._started(server) as (process, port, ready_s):
            scores = [ask(port, body) for body in self.bodies[:20]]
            self._load(port, CONNECTIONS[0], 1, process.pid)  # warm
            loads = tuple(
                self._load(port, connections, self.seconds, process.pid) for connections in CONNECTIONS
            )
            return Round(ready_s, memory_mb(process.pid), loads), scores

    @contextmanager
    def _started(self, server: str) -> Iterator[tuple[subprocess.Popen[bytes], int, float]]:
        port = free_port()
        if server == "ours":
            command = [str(self.project / ".venv" / "bin" / "fearless"), "serve", "--port", str(port)]
        else:
            command = [str(self.python), "peer.py", self.package, server.partition(" ")[2], str(port)]
        began = time.perf_counter()
        with tempfile.TemporaryFile() as said:
            process = subprocess.Popen(
                command,
                cwd=self.project,
                env=self.base | {"PYTHONPATH": str(self.project / "src")},
                stdout=said,
                stderr=subprocess.STDOUT,
            )
            try:
                while not answers(port):
                    if process.poll() is not None or time.perf_counter() - began > 60:
                        said.seek(0)
                        raise BenchmarkError(f"{server} did not start: {said.read().decode()[-500:]}")
                    time.sleep(0.01)
                yield process, port, time.perf_counter() - began
            finally:
                process.terminate()
                process.wait(60)

    def _load(self, port: int, connections: int, seconds: int, pid: int) -> Load:
        before = cpu_s(pid)
        command = [self.wrk, "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "20s", "-s", "load.lua"]
        done = subprocess.run(
            [*command, f"http://127.0.0.1:{port}/v1/predict"],
            cwd=self.project,
            env=self.base | {"BODIES": "bodies.jsonl"},
            capture_output=True,
            text=True,
            timeout=SECONDS_MOST,
            check=False,
        )
        used = cpu_s(pid) - before
        line = next((line for line in done.stdout.splitlines() if line.startswith("RESULT ")), "")
        if not line:
            raise BenchmarkError(f"wrk said: {(done.stderr or done.stdout)[-300:]}")
        told = json.loads(line.removeprefix("RESULT "))
        if told["errors"] or not told["requests"]:
            raise BenchmarkError(
                f"{told['errors']} of {told['requests']} requests were not answered with 200."
            )
        return Load(
            connections,
            told["requests"] / told["seconds"],
            told["p50_ms"],
            told["p99_ms"],
            1000 * used / told["requests"],
        )

    def _quietly(self, command: Sequence[str]) -> str:
        folder = self.project if self.project.exists() else self.project.parent
        done = subprocess.run(
            command,
            cwd=folder,
            env=self.base,
            capture_output=True,
            text=True,
            timeout=SECONDS_MOST,
            check=False,
        )
        if done.returncode != 0:
            last = (done.stderr or done.stdout).strip().splitlines()[-1:] or ["no message"]
            raise BenchmarkError(f"`{' '.join(Path(word).name for word in command[:3])}` failed: {last[0]}")
        return done.stdout


def ask(port: int, body: str) -> float:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("POST", "/v1/predict", body, {"content-type": "application/json"})
    reply = connection.getresponse()
    text = reply.read()
    if reply.status != 200:
        raise BenchmarkError(f"a golden row was answered with {reply.status}: {text.decode()[:300]}")
    return float(json.loads(text)["score"])


def answers(port: int) -> bool:
    try:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        connection.request("GET", "/healthz")
        return connection.getresponse().status == 200
    except OSError:
        return False


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
        return port


def cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory_mb(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    (told,) = [line.split()[1] for line in lines if line.startswith("VmHWM:")]
    return int(told) * 1024 / 1e6


def found(program: str) -> str:
    """The program beside this Python, or the one on the PATH."""
    beside = Path(sys.executable).parent / program
    path = str(beside) if beside.is_file() else shutil.which(program)
    if not path:
        raise BenchmarkError(f"{program} is not installed.")
    return path


def measure(bench: Bench, rounds: int) -> dict[str, list[Round]]:
    """`rounds` rounds of each server, taking turns; raises BenchmarkError where their scores differ."""
    taken: dict[str, list[Round]] = {server: [] for server in SERVERS}
    scores: dict[str, list[float]] = {}
    for number in range(1, rounds + 1):
        for server in SERVERS:
            done, scores[server] = bench.round(server)
            taken[server].append(done)
            tell(
                f"{bench.project.name} {number}/{rounds} {server}: {done.loads[0].requests_s:.0f} requests/s"
            )
    for server in SERVERS[1:]:
        for ours, theirs in zip(scores["ours"], scores[server], strict=True):
            if abs(ours - theirs) > 1e-5 * max(1.0, abs(theirs)):
                raise BenchmarkError(f"ours scores {ours} where {server} scores {theirs}.")
    return taken


def show(example: str, taken: dict[str, list[Round]]) -> None:
    """The figures as a Markdown table: medians, with the range of requests/s."""
    print(f"\n### {example}\n")
    print(
        "| server | connections | requests/s | p50 / p99 ms | CPU ms/request | memory MB | ready s | ours / this |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for place, connections in enumerate(CONNECTIONS):
        ours = middle(each.loads[place].requests_s for each in taken["ours"])
        for server in SERVERS:
            loads = [each.loads[place] for each in taken[server]]
            rate = [load.requests_s for load in loads]
            ratio = "" if server == "ours" else f"{ours / middle(rate):.1f}x"
            print(
                f"| {'ours, ledger on' if server == 'ours' else f'{server}, no ledger'} | {connections}"
                f" | {middle(rate):.0f} ({min(rate):.0f} .. {max(rate):.0f})"
                f" | {middle(load.p50_ms for load in loads):.1f} / {middle(load.p99_ms for load in loads):.1f}"
                f" | {middle(load.cpu_ms for load in loads):.3f}"
                f" | {max(each.memory_mb for each in taken[server]):.0f}"
                f" | {middle(each.ready_s for each in taken[server]):.2f} | {ratio} |"
            )
    mine = taken["ours"]
    busy = [each.loads[0] for each in mine]
    times = middle(load.requests_s for load in busy) / middle(
        each.loads[0].requests_s for each in taken[SERVERS[1]]
    )
    print(
        f"\nTargets: at least {TARGETS['ratio']:.0f}x at {CONNECTIONS[0]} connections (here {times:.1f}x), ready within"
        f" {TARGETS['ready_s']:.0f} s (here {middle(each.ready_s for each in mine):.2f}), memory under"
        f" {TARGETS['memory_mb']:.0f} MB (here {max(each.memory_mb for each in mine):.0f}), at most"
        f" {TARGETS['cpu_ms']:.2f} CPU ms a request (here {middle(load.cpu_ms for load in busy):.3f})."
    )


def middle(values: Iterable[float]) -> float:
    return statistics.median(values)


def tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=3, help="rounds of each server (default 3)")
    parser.add_argument("--seconds", type=int, default=5, help="seconds of each load (default 5)")
    parser.add_argument("--example", choices=STORIES, help="one story; default: both")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    options = parser.parse_args(arguments)
    if platform.system() != "Linux":
        print("This benchmark needs Linux: it reads CPU time and memory of a process from /proc.")
        return 2
    if options.rounds < 1 or options.seconds < 1:
        parser.error("--rounds and --seconds must be 1 or more")
    stories = [options.example] if options.example else STORIES
    with tempfile.TemporaryDirectory(prefix="serve-", ignore_cleanup_errors=True) as folder:
        try:
            figures = {
                example: measure(Bench(Path(folder), example, options.seconds), options.rounds)
                for example in stories
            }
        except BenchmarkError as error:
            print(f"serve: {error}", file=sys.stderr)
            return 2
    here = f"Linux, {os.cpu_count()} CPUs, Python {platform.python_version()}, load {os.getloadavg()[0]:.1f} at the end"
    if options.json:
        plain = {
            name: {server: [plain_round(each) for each in rounds] for server, rounds in taken.items()}
            for name, taken in figures.items()
        }
        print(json.dumps({"machine": here, "targets": TARGETS, "stories": plain}, indent=2))
        return 0
    print(here)
    for example, taken in figures.items():
        show(example, taken)
    return 0


def plain_round(each: Round) -> dict[str, Any]:
    return {
        "ready_s": each.ready_s,
        "memory_mb": each.memory_mb,
        "loads": [vars(load) for load in each.loads],
    }


if __name__ == "__main__":
    raise SystemExit(main())
