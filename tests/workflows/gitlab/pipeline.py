"""Runs a GitLab pipeline on this machine with gitlab-ci-local: its shell executor, each job on a machine of its own.

Not proven by it: the runner and its images, tokens and their rights, protected variables and environments, caches,
timeouts, ending older pipelines, schedules, what GitLab makes of the reports, and that it starts the pipeline at all.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.workflows.engine import HarnessError
from tests.workflows.sandbox import NETWORK, path_without_uv

HERE = Path(__file__).resolve().parent
STATE = ".gitlab-ci-local"
# The report at the end has one line a job: how it went, its name, and for a warning which of its scripts it is about.
RESULT = re.compile(
    r"^ (?P<result>PASS|WARN|FAIL) +(?P<job>\S+)( +(?P<part>pre_script|after_script))? *$", re.MULTILINE
)
RESULTS = {"PASS": "success", "FAIL": "failed", "WARN": "allowed to fail"}
PATIENCE_S = 300


@dataclass(frozen=True)
class Event:
    """What started the pipeline. `remote` is the bare repository that stands for GitLab's.

    `base` is where a merge request left its target, and `target` what the target is where `sha` is merged with it.
    """

    remote: Path
    source: str
    sha: str
    branch: str = "main"
    base: str = ""
    target: str = ""
    before: str = "0" * 40

    def variables(self) -> dict[str, str]:
        """GitLab's predefined variables of this event, as far as a pipeline of ours may ask for them."""
        always = {
            "GITLAB_CI": "true",
            "CI_PIPELINE_SOURCE": self.source,
            "CI_COMMIT_SHA": self.sha,
            "CI_COMMIT_REF_NAME": self.branch,
            "CI_COMMIT_BEFORE_SHA": self.before,
            "CI_DEFAULT_BRANCH": "main",
        }
        if self.source != "merge_request_event":
            return {**always, "CI_COMMIT_BRANCH": self.branch}
        return {
            **always,
            "CI_MERGE_REQUEST_IID": "1",
            "CI_MERGE_REQUEST_PROJECT_ID": "1217",  # gitlab-ci-local's CI_PROJECT_ID: not a fork
            "CI_MERGE_REQUEST_EVENT_TYPE": "merged_result" if self.target else "detached",
            "CI_MERGE_REQUEST_TARGET_BRANCH_SHA": self.target,
            "CI_MERGE_REQUEST_SOURCE_BRANCH_NAME": self.branch,
            "CI_MERGE_REQUEST_TARGET_BRANCH_NAME": "main",
            "CI_MERGE_REQUEST_DIFF_BASE_SHA": self.base,
        }

    def unset(self) -> list[str]:
        """What gitlab-ci-local sets, and GitLab does not for this event."""
        return ["CI_COMMIT_BRANCH"] if self.source == "merge_request_event" else []


@dataclass
class Job:
    """How one job went. `result` is success, failed, allowed to fail or not run."""

    name: str
    result: str = "not run"
    log: str = ""
    artifacts: Path = Path()
    workspace: Path = Path()


@dataclass
class Pipeline:
    """How a whole pipeline went: green only where GitLab would show it so. `log` is of all jobs."""

    green: bool
    log: str
    jobs: dict[str, Job] = field(default_factory=dict)

    def job(self, name: str) -> Job:
        return self.jobs.get(name, Job(name))

    @property
    def ran(self) -> set[str]:
        return set(self.jobs)


class Gitlab:
    """Runs pipelines. `program` is gitlab-ci-local, `node` runs it, `image` holds the Python that each job finds."""

    def __init__(self, program: Path, node: Path, image: Path, uv_cache: str) -> None:
        self.program, self.node, self.image, self.uv_cache = program, node, image, uv_cache

    def run(
        self,
        folder: Path,
        event: Event,
        *,
        variables: Mapping[str, str] | None = None,
        scoped: Mapping[str, Mapping[str, str]] | None = None,
        environments: Path | None = None,
        depth: int = 0,
        hidden: Collection[str] = (),
    ) -> Pipeline:
        """Run the pipeline that the event's commit carries, below the empty `folder`.

        `variables` are the project's, and `scoped` those of one environment by its name. Where `environments` is given,
        jobs find there what jobs of their name have installed before. `hidden` are predefined variables that the
        files of the pipeline set: on GitLab those win, and what gitlab-ci-local is given wins over them.
        """
        checkout = _check_out(folder, event, depth)
        _write_scoped(folder / "home", scoped or {})
        given = {**event.variables(), "UV_CACHE_DIR": self.uv_cache, "UV_LINK_MODE": "hardlink"}
        given = {name: value for name, value in given.items() if name not in hidden}
        command = self._command(folder, event, {**given, **(variables or {})})
        code, log = _run(command, checkout, self._environment(folder, environments))
        jobs = _jobs(checkout, log)
        return Pipeline(code == 0 and bool(jobs), log, jobs)

    def planned(self, folder: Path, event: Event, variables: Mapping[str, str] | None = None) -> set[str]:
        """The jobs that the pipeline of this event would have, by their rules; GitLab makes no pipeline without any."""
        checkout = _check_out(folder, event, 0)
        command = self._command(folder, event, {**event.variables(), **(variables or {})})
        code, log = _run([*command, "--list-csv"], checkout, self._environment(folder, None))
        head, *lines = log[log.index("name;") :].splitlines()
        if code != 0 or not head.startswith("name;"):
            raise HarnessError(f"the jobs could not be listed:\n{log}")
        return {line.split(";")[0] for line in lines}

    def _command(self, folder: Path, event: Event, variables: Mapping[str, str]) -> list[str]:
        command = [
            str(self.node),
            str(self.program),
            "--force-shell-executor",
            "--shell-isolation",
            "--no-color",
        ]
        command += ["--home", str(folder / "home"), "--no-artifacts-to-source"]
        command += ["--ignore-predefined-vars", ",".join(variables)]
        command += [part for name, value in variables.items() for part in ("--variable", f"{name}={value}")]
        return command + [part for name in event.unset() for part in ("--unset-variable", name)]

    def _environment(self, folder: Path, environments: Path | None) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if NETWORK.fullmatch(name)}
        kept.pop("UV_CACHE_DIR", None)
        if environments:
            kept["ENVIRONMENTS"] = str(environments)
        tools = folder / "tools"
        tools.mkdir()
        shutil.copy(HERE / "rsync.sh", tools / "rsync")
        (tools / "rsync").chmod(0o755)
        rsync = shutil.which("rsync")
        if rsync is None:
            raise HarnessError("gitlab-ci-local needs rsync")
        return kept | {
            "PATH": os.pathsep.join([str(tools), *path_without_uv(folder)]),
            "RSYNC": rsync,
            "BASH_ENV": str(HERE / "machine.sh"),
            "MACHINES": str(folder / "machines"),
            "IMAGE": str(self.image),
            "HOME": str(folder / "home"),
            "LANG": "C.UTF-8",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_TERMINAL_PROMPT": "0",
            # A runner has no credentials of a cloud to find, and asking for some takes seconds.
            "AWS_EC2_METADATA_DISABLED": "true",
        }


def _check_out(above: Path, event: Event, depth: int) -> Path:
    """As the runner does it: the commit, detached, and without a depth every branch and tag."""
    folder = above / "checkout"
    _git(above, "init", "--quiet", "--initial-branch=main", str(folder))
    _git(folder, "remote", "add", "origin", event.remote.as_uri())
    how = [f"--depth={depth}"] if depth else []
    wanted = [] if depth else ["+refs/heads/*:refs/remotes/origin/*", "+refs/tags/*:refs/tags/*"]
    _git(folder, "fetch", "--quiet", "--no-tags", *how, "origin", f"+{event.sha}:refs/pipelines/1", *wanted)
    _git(folder, "checkout", "--quiet", "--force", "--detach", event.sha)
    # `changes` is compared with the default branch here, and on GitLab with where the branch was before a push.
    if event.source == "push":
        _git(folder, "update-ref", "refs/remotes/origin/before", event.before)
        _git(folder, "symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/before")
    return folder


def _write_scoped(home: Path, scoped: Mapping[str, Mapping[str, str]]) -> None:
    lines = ["global:"]
    for environment, variables in scoped.items():
        for name, value in variables.items():
            lines += [f"  {name}:", "    type: variable", "    values:", f"      {environment}: '{value}'"]
    (home / STATE).mkdir(parents=True)
    text = "\n".join(lines) if scoped else "{}"
    (home / STATE / "variables.yml").write_text(text + "\n", encoding="utf-8")


def _run(command: list[str], folder: Path, environment: Mapping[str, str]) -> tuple[int, str]:
    process = subprocess.Popen(
        command,
        cwd=folder,
        env={**environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        start_new_session=True,
    )
    try:
        log, _ = process.communicate(timeout=PATIENCE_S)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        log, _ = process.communicate()
        raise HarnessError(f"the pipeline took more than {PATIENCE_S} seconds:\n{log}") from None
    return process.returncode, log


def _jobs(checkout: Path, log: str) -> dict[str, Job]:
    found: dict[str, Job] = {}
    for line in RESULT.finditer(log):
        if line["part"] == "after_script":
            continue
        name = line["job"]
        safe = name.replace(":", "Og")  # as gitlab-ci-local names its folders
        said = checkout / STATE / "output" / f"{safe}.log"
        found[name] = Job(
            name,
            RESULTS[line["result"]],
            said.read_text(encoding="utf-8") if said.is_file() else "",
            checkout / STATE / "artifacts" / safe,
            checkout / STATE / "builds" / safe,
        )
    return found


def _git(folder: Path, *arguments: str) -> None:
    done = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, encoding="utf-8")
    if done.returncode != 0:
        raise HarnessError(f"git {' '.join(arguments)}: {done.stderr.strip()}")
