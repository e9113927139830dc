"""The workflows, ours and the generated ones, before they run: schemas, conventions, one table of pins."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from .conftest import ROOT, Render

GENERATED = ROOT / "template"
PINNED = re.compile(r"uses: (?P<action>\S+)@(?P<commit>[0-9a-f]{40}) # (?P<version>v\S+)$")
# What each job that judges runs, in this order, on both systems.
COMMANDS = {
    "check": ["base.sh", "install.sh", "toolkit.sh check --change", "pull.sh", "fearless check"],
    "judge": ["base.sh", "install.sh", "pull.sh", "fearless train --ci", "toolkit.sh gate"],
}
COMMAND = re.compile(
    r"(toolkit\.sh\"? (?:check --change|gate)|(?:install|base|pull)\.sh|fearless (?:check|train --ci))"
)


def workflows() -> list[Path]:
    return [
        path for folder in (ROOT / ".github", GENERATED) for path in sorted(folder.rglob("workflows/*.yml"))
    ]


def pins() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "hooks" / "action-pins.yml").read_text(encoding="utf-8"))
    return loaded


def test_every_action_is_pinned_as_the_one_table_says_and_the_table_holds_no_other() -> None:
    used = set()
    for path in workflows():
        for line in path.read_text(encoding="utf-8").splitlines():
            if "uses:" in line:
                found = PINNED.search(line)
                assert found, f"{path}: {line.strip()} is not pinned by commit with its version in a comment"
                used.add((found["action"], found["version"], found["commit"]))
    assert used == {(name, pin["version"], pin["commit"]) for name, pin in pins()["actions"].items()}


def test_every_workflow_installs_the_uv_of_the_table() -> None:
    sources = [*workflows(), *GENERATED.rglob("pipeline.yml")]
    named = {
        version
        for path in sources
        for version in re.findall(r'(?:uv==|version: ")(\d[\d.]+)', path.read_text(encoding="utf-8"))
    }
    assert named == {pins()["uv"]}


@pytest.mark.parametrize("path", workflows(), ids=lambda path: path.name)
def test_a_workflow_starts_from_no_rights_and_keeps_no_token(path: Path) -> None:
    workflow = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert workflow["permissions"] == {}
    assert "pull_request_target" not in workflow[True]  # YAML 1.1 reads the key `on` as true
    assert workflow["concurrency"]["group"]
    for job in workflow["jobs"].values():
        assert job["timeout-minutes"]
        for step in job["steps"]:
            if step.get("uses", "").startswith("actions/checkout@"):
                assert step["with"]["persist-credentials"] is False
                assert step["with"].keys() <= {"fetch-depth", "persist-credentials", "ref"}
            assert "continue-on-error" not in step


def test_only_these_jobs_may_write_and_none_of_them_runs_what_a_change_brings() -> None:
    """`id-token` lets a job say who it is, and writes nothing."""
    writing = {}
    for path in workflows():
        for name, job in yaml.safe_load(path.read_text(encoding="utf-8"))["jobs"].items():
            rights = {right for right, level in job.get("permissions", {}).items() if level == "write"}
            if rights - {"id-token"}:
                writing[path.name, name] = rights
                assert "uv " not in str(job["steps"])
    assert writing == {
        ("fearless-monitor.yml", "tell"): {"issues"},
        ("fearless-nightly.yml", "tell"): {"issues"},
        ("fearless-pull-request.yml", "comment"): {"pull-requests"},
        ("fearless-update.yml", "propose"): {"issues"},
    }


def test_both_systems_run_the_same_commands_in_the_same_order(render: Render) -> None:
    github = yaml.safe_load(
        (render(ci="github") / ".github/workflows/fearless-pull-request.yml").read_text("utf-8")
    )
    gitlab = yaml.safe_load(next(GENERATED.rglob("pipeline.yml")).read_text(encoding="utf-8"))
    for job, name in {"check": "fearless:check", "judge": "fearless"}.items():
        steps = "\n".join(step.get("run", "") for step in github["jobs"][job]["steps"])
        assert commands(steps) == COMMANDS[job]
        script = commands(
            "\n".join(gitlab[gitlab[name]["extends"]]["before_script"] + gitlab[name]["script"])
        )
        if (
            job == "judge"
        ):  # .gitlab-ci.yml can replace a job by its name, so both look at what a change does to them
            assert script.pop() == "toolkit.sh check --change"
        assert script == COMMANDS[job]


def commands(script: str) -> list[str]:
    return [found.replace('"', "") for found in COMMAND.findall(script)]


@pytest.mark.parametrize("ci", ["github", "gitlab"])
def test_generated_ci_follows_the_published_schema(render: Render, ci: str) -> None:
    project = render(ci=ci)
    schemas = {
        "github": {"github-workflows": ".github/workflows/*.yml", "dependabot": ".github/dependabot.yml"},
        "gitlab": {"gitlab-ci": ".gitlab*/**/*.yml"},
    }
    for schema, pattern in schemas[ci].items():
        assert_schema(schema, [*project.glob(pattern), *project.glob(".gitlab-ci.yml")])


def test_our_own_ci_follows_the_published_schema() -> None:
    assert_schema("github-workflows", [*(ROOT / ".github" / "workflows").glob("*.yml")])
    assert_schema("dependabot", [ROOT / ".github" / "dependabot.yml"])


def test_the_strictest_auditor_finds_nothing_in_the_generated_workflows(render: Render) -> None:
    assert_audited(render(ci="github"))


def test_the_strictest_auditor_finds_nothing_in_ours(tmp_path: Path) -> None:
    shutil.copytree(ROOT / ".github", tmp_path / ".github")
    assert_audited(tmp_path)


def test_the_auditor_does_find_a_planted_fault(render: Render) -> None:
    project = render(ci="github")
    path = project / ".github" / "workflows" / "fearless-pull-request.yml"
    path.write_text(
        path.read_text("utf-8").replace("persist-credentials: false", "persist-credentials: true"), "utf-8"
    )
    assert audit(project).returncode != 0


@pytest.mark.skipif(
    shutil.which("bash") is None or sys.platform == "win32", reason="CI's scripts run on Linux"
)
def test_every_script_of_ci_is_sound_bash(render: Render) -> None:
    project = render()
    for path in [*project.rglob("*.sh"), ROOT / ".ci" / "run"]:
        assert subprocess.run(["bash", "-n", str(path)], capture_output=True).returncode == 0, path
    for name in ("before.sh", "after.sh"):
        assert subprocess.run(["bash", f"ops/ci/{name}"], cwd=project).returncode == 0
    assert subprocess.run(["bash", "fearless/ci/packages.sh"], cwd=project).returncode == 0


def assert_schema(schema: str, paths: list[Path]) -> None:
    assert paths
    done = subprocess.run(
        [sys.executable, "-m", "check_jsonschema", "--builtin-schema", f"vendor.{schema}", *map(str, paths)],
        capture_output=True,
        text=True,
        encoding="utf-8",
    )
    assert done.returncode == 0, done.stdout + done.stderr


def assert_audited(folder: Path) -> None:
    done = audit(folder)
    assert done.returncode == 0, done.stdout + done.stderr


def audit(folder: Path) -> subprocess.CompletedProcess[str]:
    beside = Path(sys.executable).parent / ("zizmor.exe" if sys.platform == "win32" else "zizmor")
    command = [str(beside), "--offline", "--strict-collection", "--persona", "auditor", "."]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, encoding="utf-8")
