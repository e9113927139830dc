"""The table of how each job of each pipeline is proven, and the page of the docs that is made from it.

python tests/workflows/proof.py    write docs/reference/workflows-proof.md
"""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
PAGE = ROOT / "docs" / "reference" / "workflows-proof.md"
STATIC = "tests/render/test_workflows.py"
GITLAB = "tests/workflows/gitlab"
JUDGED = f"`{GITLAB}/test_model_changes.py`, `{GITLAB}/test_merge_request.py`, `{GITLAB}/test_rules.py`"

TASKS = f"`{GITLAB}/test_tasks.py`, whole in `{GITLAB}/test_whole_tasks.py`"
WHOLE = "whole in `tests/workflows/test_whole_tasks.py`"

# workflow, job -> how it is proven, and the tests that do it or the reason why they do no more.
PROOFS = {
    **{
        ("fearless-monitor.yml", job): ("executed", "`tests/workflows/test_monitor_workflow.py`")
        for job in ("armed", "watch", "tell")
    },
    ("fearless-nightly.yml", "newest"): (
        "executed",
        "`tests/workflows/test_nightly.py`, where what is newest is a package of the tests",
    ),
    ("fearless-nightly.yml", "deep"): ("executed", f"`tests/workflows/test_nightly.py`, {WHOLE}"),
    ("fearless-nightly.yml", "tell"): ("executed", "`tests/workflows/test_nightly.py`"),
    ("fearless-pull-request.yml", "check"): ("executed", "`tests/workflows/test_pull_request.py`"),
    ("fearless-pull-request.yml", "comment"): ("executed", "`tests/workflows/test_comment.py`"),
    ("fearless-pull-request.yml", "release"): ("executed", "`tests/workflows/test_pull_request.py`"),
    ("fearless-update.yml", "update"): (
        "executed",
        f"`tests/workflows/test_update_workflow.py`, {WHOLE}",
    ),
    ("fearless-update.yml", "propose"): (
        "executed",
        f"`tests/workflows/test_update_workflow.py`, {WHOLE}",
    ),
    ("fearless-pull-request.yml", "judge"): (
        "executed",
        "`tests/workflows/test_model_changes.py`, `tests/workflows/test_pull_request.py`",
    ),
    ("fearless-pull-request.yml", "green"): ("executed", "`tests/workflows/test_pull_request.py`"),
    ("pipeline.yml", "fearless:check"): ("executed", JUDGED),
    ("pipeline.yml", "fearless"): ("executed", JUDGED),
    ("pipeline.yml", "fearless:release"): (
        "executed",
        f"`{GITLAB}/test_model_changes.py`, `{GITLAB}/test_rules.py`",
    ),
    ("pipeline.yml", "fearless:comment"): ("executed", f"`{GITLAB}/test_merge_request.py`"),
    ("pipeline.yml", "fearless:nightly"): ("executed", TASKS),
    ("pipeline.yml", "fearless:deep"): ("executed", TASKS),
    ("pipeline.yml", "fearless:red"): ("executed", f"`{GITLAB}/test_tasks.py`"),
    ("pipeline.yml", "fearless:healthy"): ("executed", f"`{GITLAB}/test_tasks.py`"),
    ("pipeline.yml", "fearless:monitor"): ("executed", TASKS),
    ("pipeline.yml", "fearless:breach"): ("executed", f"`{GITLAB}/test_tasks.py`"),
    ("pipeline.yml", "fearless:watched"): ("executed", TASKS),
    ("pipeline.yml", "fearless:not-armed"): ("executed", f"`{GITLAB}/test_tasks.py`"),
    ("pipeline.yml", "fearless:update"): ("executed", TASKS),
    ("pipeline.yml", "fearless:propose"): ("executed", TASKS),
    ("pipeline.yml", "fearless:task"): ("executed", f"`{GITLAB}/test_tasks.py`"),
    ("ci.yml", "check"): ("static only", f"`{STATIC}`; it runs `make check`, which `.ci/run` runs as well"),
    ("ci.yml", "test"): (
        "static only",
        f"`{STATIC}`; it would run these tests within themselves",
    ),
    ("ci.yml", "green"): ("static only", f"`{STATIC}`; the generated job of this name is executed"),
}

SCENARIOS = (
    "test_model_changes.py",
    "test_pull_request.py",
    "test_comment.py",
    "test_nightly.py",
    "test_monitor_workflow.py",
    "test_update_workflow.py",
    "test_whole_tasks.py",
    "test_hub.py",
    "test_storage_login.py",
    "test_flips.py",
    "test_harness.py",
)

NOT_HERE = {
    "the actions' own code": "each has an equivalent in `tests/workflows/actions.py`; one that has none fails the test",
    "that GitHub starts the run, and requires *All green*": "triggers and branch rules live on GitHub's servers",
    "the APIs of GitHub and GitLab themselves": "`tests/workflows/hub_server.py` stands for them on loopback",
    "that a job gets the rights it names, and a fork no secrets": "GitHub grants them; the stand-in refuses the rest",
    "the environments and their rules": "they live on GitHub's servers",
    "concurrency": "the expressions of the group are evaluated; ending older runs is GitHub's doing",
    "GitLab's runner and the image": "gitlab-ci-local has a shell executor; a virtual environment is the image",
    "GitLab's rights, protected variables and environments": "they live on GitLab's servers",
    "`cache`, `timeout`, `interruptible`, `resource_group`, `id_tokens`": "gitlab-ci-local passes over them",
    "`GIT_DEPTH`": "GitLab's runner fetches; the tests fetch as it does without a depth, and once with one",
    "what GitLab makes of `expose_as` and the JUnit report": "it shows them on its pages",
    "`changes`": "gitlab-ci-local compares with the default branch; the tests give it the commit before the push",
    "that GitLab starts the pipeline, and *Pipelines must succeed*": "schedules and settings live on GitLab's servers",
    "the packages of `ops/ci/apt.txt`": "the tests install nothing into the machine they run on",
}


def jobs() -> list[tuple[str, str]]:
    """Each workflow or pipeline of the template and of this repository, with each of its jobs."""
    found = []
    github = [*ROOT.glob("template/*github*/workflows/*.yml"), *ROOT.glob(".github/workflows/*.yml")]
    for path in sorted(github, key=lambda each: each.name):
        found += [(path.name, name) for name in _read(path)["jobs"]]
    for path in sorted(ROOT.glob("template/*gitlab*/fearless/*.yml")):
        found += [(path.name, name) for name, job in _read(path).items() if "script" in job]
    return found


def scenarios() -> dict[str, list[str]]:
    """The sentences of the tests, by file."""
    found = {}
    for name in (
        *SCENARIOS,
        *sorted(each.relative_to(HERE).as_posix() for each in HERE.glob("gitlab/test_*.py")),
    ):
        tree = ast.parse((HERE / name).read_text(encoding="utf-8"))
        tests = [node.name for node in tree.body if isinstance(node, ast.FunctionDef)]
        found[name] = [test[5:].replace("_", " ") for test in tests if test.startswith("test_")]
    return found


def page() -> str:
    lines = [
        "# How the pipelines are proven",
        "",
        "Made from the tests by `python tests/workflows/proof.py`; a test keeps it so.",
        "*Executed*: the generated workflow runs step by step in a fresh clone of a bare repository, each job with an",
        "empty home and nothing of the surroundings; GitHub's own engine evaluates its expressions, and",
        "gitlab-ci-local runs GitLab's pipeline.",
        "*Static only*: schema, conventions, and for GitHub the strictest auditor.",
        "",
        "| workflow | job | how | by |",
        "|---|---|---|---|",
        *(f"| `{name}` | `{job}` | {' | '.join(PROOFS[name, job])} |" for name, job in jobs()),
        "",
        "## What is run",
        "",
    ]
    for name, sentences in scenarios().items():
        lines += [f"`tests/workflows/{name}`:", "", *(f"- {sentence}" for sentence in sentences), ""]
    lines += ["## What cannot be proven here, and why", "", "| what | why |", "|---|---|"]
    lines += [f"| {what} | {why} |" for what, why in NOT_HERE.items()]
    return "\n".join(lines) + "\n"


def _read(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return content


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8", newline="\n")
