"""Where the CPU time of a served prediction goes, by part, for batches of 1, 32 and 64 requests of one row.

    python benchmarks/serve_parts.py                       both stories
    python benchmarks/serve_parts.py --example churn

Everything runs in one process without sockets, and each figure is the least of many rounds, so that a busy machine
disturbs little: good to compare two states of the code, too kind as a forecast (caches are warm). What a request costs
under load, over sockets and with threads that wait for each other, `benchmarks/serve.py` measures.

Needs what benchmarks/serve.py needs, without wrk's load: Linux, the packages of requirements.txt, uv, git, wrk.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from serve import STORIES, Bench, BenchmarkError

SIZES = (1, 32, 64)
MEASURE = """
import asyncio, gc, json, os, sys, time
from pathlib import Path
import msgspec
from fearless.columns.dictionary import in_force
from fearless.core.project import Project
from fearless.ledger.store import open_ledger
from fearless.model.contract import modules_of
from fearless.serve.app import Served
from fearless.serve.scoring import put_in_place
from fearless.serve.service import Request

project = Project(Path.cwd())
ready, ledger = put_in_place(project, "candidate"), open_ledger(project)
served = Served(ready, ledger)
service, schema, model, team = served.service, ready.schema, ready.model, ready.model.team
bodies = [line.encode() for line in Path("bodies.jsonl").read_text(encoding="utf-8").splitlines()]
gc.collect()
gc.freeze()
gc.set_threshold(20_000)

def least(call, rounds=10):
    # CPU of the process in microseconds, of the best round
    call()
    best, times = float("inf"), max(4, 60 // size)
    for _ in range(rounds):
        before = time.process_time_ns()
        for _ in range(times):
            call()
        best = min(best, (time.process_time_ns() - before) / times / 1000)
    return best

async def ask(body):
    headers = [(b"host", b"here"), (b"content-length", b"%d" % len(body)), (b"content-type", b"application/json")]
    scope = {"type": "http", "method": "POST", "path": "/v1/predict", "headers": headers}
    async def receive():
        return {"type": "http.request", "body": body, "more_body": False}
    async def send(message):
        assert message.get("status", 200) == 200
    await served.app(scope, receive, send)

def together():
    loop.run_until_complete(asyncio.wait([loop.create_task(ask(body)) for body in bodies[:size]]))

loop = asyncio.new_event_loop()
work = served.batcher._work
told = {}
for size in json.loads(sys.argv[1]):
    rows = [msgspec.json.decode(body) for body in bodies[:size]]
    requests = [Request([row], False, time.time_ns() // 1000) for row in rows]
    values, _ = schema.read(rows)
    frame = schema.frame(values)
    x = model.features_of(frame)
    with modules_of(team.code, project.package, team.digest), in_force(team.dictionary):
        own = team._function("features", "features", 1)
        features = least(lambda: own(frame))
    # Durable commits of nothing but these rows.
    service.answer(requests)
    kept = []
    append, ledger.append = ledger.append, lambda rows, refusals: kept.append((rows, refusals))
    without = least(lambda: service.answer(requests), 20)
    ledger.append = append
    walls = []
    def answer():
        before = time.perf_counter_ns()
        service.answer(requests)
        walls.append((time.perf_counter_ns() - before) / 1000)
    durable = least(answer, 20)
    answers = service.answer(requests)
    served.batcher._work = lambda batch: answers
    http = least(together)
    served.batcher._work = work
    told[size] = {
        "checking the values": least(lambda: [schema.read([row]) for row in rows]),
        "the frame of them": least(lambda: schema.frame(values)),
        "features: the team's own code": features,
        "features: calling it, float32, checks": least(lambda: model.features_of(frame)) - features,
        "onnxruntime": least(lambda: model.score(x)),
        "ids, JSON of the rows, records, answers": 0.0,
        "ledger: insert and synced commit": durable - without,
        "HTTP without uvicorn, two threads": http,
    }
    named = sum(list(told[size].values())[:5])
    told[size]["ids, JSON of the rows, records, answers"] = without - named
    told[size]["all"] = durable + http
    told[size]["wall time of a batch, middle"] = sorted(walls)[len(walls) // 2]
served.batcher.close()
print(json.dumps(told))
"""


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--example", choices=STORIES, help="one story; default: both")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="parts-", ignore_cleanup_errors=True) as folder:
        for example in [options.example] if options.example else STORIES:
            try:
                bench = Bench(Path(folder), example, 1)
            except BenchmarkError as error:
                print(f"serve_parts: {error}", file=sys.stderr)
                return 2
            done = subprocess.run(
                [str(bench.python), "-c", MEASURE, json.dumps(SIZES)],
                cwd=bench.project,
                env=bench.base,
                stdout=subprocess.PIPE,
                text=True,
                check=True,
            )
            show(example, json.loads(done.stdout))
    return 0


def show(example: str, told: dict[str, dict[str, float]]) -> None:
    """A Markdown table: microseconds of CPU a request, by part and size of the batch."""
    print(f"\n### {example}\n")
    print(f"| CPU us a request, in batches of | {' | '.join(told)} |")
    print(f"|---|{'---|' * len(told)}")
    for part in next(iter(told.values())):
        print(f"| {part} | {' | '.join(f'{told[size][part] / int(size):.1f}' for size in told)} |")


if __name__ == "__main__":
    raise SystemExit(main())
