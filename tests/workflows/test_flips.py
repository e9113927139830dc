"""Each guard of the pipelines is taken out, one at a time: the base's toolkit names the hole from outside of it."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.project.conftest import Copied, Repo
from tests.project.conftest import fresh as fresh

from .conftest import TEMPLATE

IDENTITY = ["-c", "user.name=Ada", "-c", "user.email=ada@example.com"]
SYSTEMS = {"github": ".github/workflows", "gitlab": ".gitlab/fearless"}
Flip = tuple[str, str, str]


def files(system: str) -> list[Path]:
    pattern = "*github*/workflows/fearless-*.yml" if system == "github" else "*gitlab*/fearless/*.yml"
    return sorted(TEMPLATE.glob(pattern))


def flips(content: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """What can be taken out of a pipeline, each with what is left."""
    jobs = content.get("jobs", {name: job for name, job in content.items() if "script" in job})
    for name, job in jobs.items():
        yield f"{name}", _without(content, name)
        for key in ("steps", "script", "needs"):
            for number, entry in enumerate(job[key] if isinstance(job.get(key), list) else []):
                left = copy.deepcopy(content)
                del left.get("jobs", left)[name][key][number]
                yield f"{name}.{key}: {_title(entry)}", left


def _without(content: dict[str, Any], job: str) -> dict[str, Any]:
    left = copy.deepcopy(content)
    del left.get("jobs", left)[job]
    return left


def _title(entry: Any) -> str:
    text = entry["name"] if isinstance(entry, dict) and "name" in entry else entry
    return re.sub(r"\s+", " ", str(text))[:40]


@pytest.fixture
def proposed(request: pytest.FixtureRequest, fresh: Copied) -> Repo:
    """A rendering on a branch that has left main; nothing of it was ever trained."""
    repo = fresh(ci=request.param)
    repo.git("init", "--quiet", "--initial-branch=main")
    repo.git("add", "--all")
    repo.git(*IDENTITY, "commit", "--quiet", "--message", "A rendering")
    repo.git("switch", "--quiet", "--create", "change")
    return repo


@pytest.mark.parametrize("proposed", sorted(SYSTEMS), indirect=True)
def test_whatever_is_taken_out_of_a_pipeline_is_named_and_refused(
    proposed: Repo, request: pytest.FixtureRequest
) -> None:
    system = request.node.callspec.params["proposed"]
    assert proposed.fearless("check", "--change").returncode == 0
    unseen: list[str] = []
    tried = 0
    for source in files(system):
        path = proposed.root / SYSTEMS[system] / source.name
        whole = path.read_text(encoding="utf-8")
        for flip, left in flips(yaml.safe_load(whole)):
            path.write_text(yaml.safe_dump(left, sort_keys=False), encoding="utf-8")
            result = proposed.fearless("check", "--change")
            job = flip.partition(".")[0]
            named = (
                f"{SYSTEMS[system]}/{source.name} (" in result.stdout and f"the job `{job}`" in result.stdout
            )
            if result.returncode != 1 or not named:
                unseen.append(f"{source.name} {flip}: {result.stdout}{result.stderr}")
            tried += 1
        path.write_text(whole, encoding="utf-8", newline="\n")
    assert unseen == []
    assert tried > 10
    assert proposed.fearless("check", "--change").returncode == 0
