"""The whole road once, by the commands that a person types: from a rendering to production, and back."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from .conftest import Rendered, Repo, run
from .releasing import another_candidate, commit
from .test_serve import LINE, Service, golden_rows

PATIENCE_S = 60
ADA, BOB = ("Ada", "ada@example.com"), ("Bob", "bob@example.com")
SIGNED = {"light": ["S1", "S7"], "regulated": [f"S{number}" for number in range(1, 8)]}


@dataclass
class Road:
    """A repository with an environment of its own, and its commands."""

    repo: Repo

    def say(self, *command: str, code: int = 0, by: tuple[str, str] = ADA, **variables: str) -> str:
        """What `uv run fearless ...` printed, when its exit code is `code`."""
        who = {"GIT_AUTHOR_NAME": by[0], "GIT_AUTHOR_EMAIL": by[1]}
        environment = {**self.repo.surroundings, **who, **variables}
        done = run(["uv", "run", "--quiet", "fearless", *command], self.repo.root, environment)
        said = done.stdout + done.stderr
        assert done.returncode == code, f"{' '.join(command)}: {done.returncode}\n{said}"
        assert "Traceback" not in said
        return said

    def json(self, *command: str, code: int = 0) -> Any:
        return json.loads(self.say(*command, "--json", code=code))

    def open_items(self) -> set[str]:
        told = self.repo.fearless("checklist", "--json")
        found = json.loads(told.stdout)
        assert told.returncode == (1 if found["open"] else 0)
        return set(found["open"])

    @contextmanager
    def served(self) -> Iterator[Service]:
        process = subprocess.Popen(
            [str(self.repo.python), "-m", "fearless.cli", "serve", "--port", "0"],
            cwd=self.repo.root,
            env={**self.repo.surroundings},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        try:
            assert process.stdout
            found = next(filter(None, map(LINE.search, process.stdout)), None)
            assert found, "the service did not start"
            yield Service(process, int(found[1]), Path(found[2].strip()))
            process.terminate()
            assert process.wait(PATIENCE_S) == 0
        finally:
            process.kill()
            process.communicate()


@pytest.mark.parametrize("profile", ["light", "regulated"])
@pytest.mark.parametrize("story", ["churn", "travel-delay"])
def test_the_whole_road_from_a_rendering_to_production_and_back(
    story: str, profile: str, rendered: Rendered, surroundings: dict[str, str]
) -> None:
    root = rendered(example=story, profile=profile)
    road = Road(Repo(root, root / ".venv" / "bin" / "python", surroundings))
    repo = road.repo
    assert "This repository works" in road.say("start")
    repo.git("config", "user.name", ADA[0])
    repo.git("config", "user.email", ADA[1])
    added = run(["uv", "add", "--quiet", "fearless[serve]"], root, surroundings)
    assert added.returncode == 0, added.stderr
    commit(repo, "Add the service")

    before = repo.git("rev-parse", "HEAD")
    refused = road.say("release", code=1)
    assert "v1 is not released" in refused
    assert "A23" in refused
    assert repo.git("rev-parse", "HEAD") == before
    assert repo.changes() == []

    # Evidence, each by the command that makes it.
    road.say("ci")
    road.say("rehearse")
    with road.served() as service:
        url = f"http://127.0.0.1:{service.port}"
        road.say("simulate", "--url", url, "--rows", "1200")
        proven = road.say("simulate", "--url", url, "--rows", "1200", "--drift")
        assert "Proven: the monitor was content without a drift, and alarmed by one." in proven
        status, page = service.ask("GET", "/dashboard")
        assert status == 200
        assert b"simulat" in page
    commit(repo, "Evidence")
    assert road.open_items() == set(SIGNED[profile])

    concern = re.search(r"C-\S+", road.say("concern", "Are students customers?"))
    assert concern
    for item in SIGNED[profile]:
        road.say("sign", item, "--yes", by=BOB)
    assert road.open_items() == {"A34"}
    assert "Are students customers?" in road.say("release", code=1)
    road.say("concern", "--answer", concern[0].strip(".:,"), "They are, by their contract.", by=BOB)
    assert road.open_items() == set()
    sources = {item["source"] for item in road.json("checklist")["items"] if item["state"] == "done"}
    assert {"local", "simulated", "claimed", "computed"} <= sources

    released = road.json("release", "--merge")
    assert (released["release"], released["merged_into"]) == ("v1", "main")
    assert repo.changes() == []
    with road.served() as service:
        url = f"http://127.0.0.1:{service.port}"
        assert f"{url} answers with v1" in road.say("deploy", "--url", url, "--why", "the first")
        rows = golden_rows(repo, service, 300)
        status, answers = service.ask("POST", "/v1/predict", rows)
        assert status == 200
        assert {answer["model_version"] for answer in answers} == {"v1"}
        assert "Equal:" in road.say("trace", answers[0]["id"])
        labels = repo.root / ".fearless" / "labels.csv"
        (file,) = (root / "data" / "golden").glob("*.parquet")
        target = json.loads((root / "data/golden/golden.json").read_text(encoding="utf-8"))["target"]
        pairs = zip(answers, pl.read_parquet(file)[target].head(250), strict=False)
        lines = ["prediction_id,label", *(f"{answer['id']},{truth}" for answer, truth in pairs)]
        labels.write_text("\n".join(lines) + "\n", encoding="utf-8")
        told = repo.fearless("truth", str(labels), "--json")
        assert told.returncode in (0, 1), told.stdout + told.stderr
        assert json.loads(told.stdout)["labels"]["added"] == 250
        told = repo.fearless("monitor", "--since", "1h", "--json")
        assert told.returncode in (0, 1), told.stdout + told.stderr
        assert json.loads(told.stdout)["window"]["rows"] == 300

        # Another model, in a hurry: nothing of it is proven, and that it was released all the same stays on record.
        another_candidate(repo, 40)
        assert "v2 is not released" in road.say("release", "--merge", code=1)
        assert "v2" in road.say("release", "--merge", "--break-glass", "v1 misprices a tariff")
        assert f"{url} answers with v2" in road.say("deploy", "--url", url)
        assert f"{url} answers with v1" in road.say("rollback", "--url", url, "--why", "it was worse")
        assert service.ask("POST", "/v1/predict", rows[0])[1]["model_version"] == "v1"
    deployed = [(each["kind"], each["model_version"]) for each in road.json("history")["deployments"]]
    assert deployed == [("deploy", "v1"), ("break-glass", "v2"), ("rollback", "v1")]
    assert {"A34", "S7"} <= road.open_items()
    assert "v1 misprices a tariff" in road.say("concern", code=1)
    both = road.say("gate")
    assert "In production is v1" in both
    assert "models/champion is v2" in both
    repo.git("switch", "--quiet", "fearless-rollback-v1")
    assert "models/champion.dvc names another champion, in a change of its own" in road.say(
        "check", "--change"
    )
    repo.git("switch", "--quiet", "main")
    repo.git("merge", "--quiet", "--ff-only", "fearless-rollback-v1")
    assert run([str(repo.python), "-m", "dvc", "checkout", "-q"], root, repo.environment()).returncode == 0
    again = repo.fearless("gate")  # a smaller model may be worse than v1, which is the champion again
    assert again.returncode in (0, 1), again.stdout + again.stderr
    assert "In production is" not in again.stdout
    if profile == "regulated":
        assert "Every chained row is as it was written." in road.say("audit", "verify")
