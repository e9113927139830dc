"""Runs a GitHub workflow on this machine: its jobs in the order of `needs`, each on a machine of its own.

Not proven by it: the actions' own code, environments and their rules, OIDC, caches, and that GitHub starts the run at
all. What a job's `permissions` allow is proven where the run has a stand-in of GitHub, which refuses the rest. A key
that is not in the tables below is an error of the harness, never passed over.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from .actions import ACTIONS
from .engine import Engine, HarnessError
from .hub_server import BOT, REPOSITORY, HubServer
from .sandbox import RUN, Action, ActionError, Done, Event, Grant, Sandbox

WORKFLOW_KEYS = {"name", "on", "permissions", "concurrency", "jobs", "env", "defaults"}
JOB_KEYS = {
    *("name", "needs", "if", "runs-on", "timeout-minutes", "permissions", "environment", "concurrency"),
    *("strategy", "env", "outputs", "steps"),
}
STEP_KEYS = {
    *("name", "id", "if", "uses", "run", "with", "env", "shell", "working-directory"),
    *("continue-on-error", "timeout-minutes"),
}
DEFAULT_MINUTES = 360


@dataclass
class Step:
    """How one step went: outcome before and conclusion after `continue-on-error`."""

    name: str
    outcome: str = "skipped"
    conclusion: str = "skipped"
    log: str = ""
    outputs: dict[str, str] = field(default_factory=dict)


@dataclass
class Job:
    """How one job went. `result` is success, failure, cancelled or skipped."""

    name: str
    result: str = "skipped"
    steps: list[Step] = field(default_factory=list)
    outputs: dict[str, str] = field(default_factory=dict)
    summary: str = ""
    workspace: Path | None = None

    def step(self, name: str) -> Step:
        return next(each for each in self.steps if each.name == name)

    @property
    def red(self) -> list[str]:
        """The steps that failed, by name."""
        return [each.name for each in self.steps if each.outcome == "failure"]

    @property
    def log(self) -> str:
        return "\n".join(f"--- {each.name}: {each.outcome}\n{each.log}" for each in self.steps)


@dataclass
class Run:
    """How a whole run went: a job with a matrix has one entry for each combination."""

    jobs: dict[str, list[Job]]
    artifacts: Path

    def job(self, name: str) -> Job:
        (only,) = self.jobs[name]
        return only

    def result(self, name: str) -> str:
        """What `needs.<name>.result` says."""
        results = [job.result for job in self.jobs[name]]
        return next((each for each in ("failure", "cancelled", "success") if each in results), "skipped")


class Runner:
    """Runs the workflows of one event. `minute` is how many seconds a minute of `timeout-minutes` lasts here."""

    def __init__(
        self,
        engine: Engine,
        folder: Path,
        event: Event,
        *,
        uv_cache: str,
        secrets: Mapping[str, str] | None = None,
        variables: Mapping[str, str] | None = None,
        hub: HubServer | None = None,
        actions: Mapping[str, Action] = ACTIONS,
        minute: float = 60.0,
    ) -> None:
        self.engine, self.folder, self.event, self.uv_cache = engine, folder, event, uv_cache
        self.secrets, self.variables, self.hub = dict(secrets or {}), dict(variables or {}), hub
        self.actions, self.minute = actions, minute

    def run(self, text: str, *, given: Mapping[str, str | Job] | None = None) -> Run:
        """Run the workflow. The jobs in `given` are not run: they went so, or have that result."""
        workflow = yaml.safe_load(text)
        workflow["on"] = workflow.pop(True, workflow.get("on"))  # YAML 1.1 reads the key `on` as true
        self._refuse_unknown(workflow)
        github = self._github(workflow)
        if "concurrency" in workflow:  # nothing to queue for here, but its expressions must be sound
            for value in workflow["concurrency"].values():
                self.engine.text(value, {"github": github, "inputs": {}, "vars": self.variables})
        run = Run({}, self.folder / "artifacts")
        for name in _ordered(workflow["jobs"]):
            if given and name in given:
                went = given[name]
                run.jobs[name] = [Job(name, went) if isinstance(went, str) else went]
            else:
                run.jobs[name] = self._job(name, workflow, run, github)
        return run

    def _job(self, name: str, workflow: dict[str, Any], run: Run, github: dict[str, Any]) -> list[Job]:
        described = workflow["jobs"][name]
        direct = _needs(described)
        needs = {each: {"result": run.result(each), "outputs": run.jobs[each][-1].outputs} for each in direct}
        results = [run.result(each) for each in _ancestors(name, workflow["jobs"])]
        status = {
            "success": all(run.result(each) == "success" for each in direct)
            and not {"failure", "cancelled"} & {*results},
            "failure": "failure" in results,
            "cancelled": "cancelled" in results,
        }
        contexts = {"github": github, "needs": needs, "vars": self.variables, "inputs": {}}
        if not self.engine.condition(described.get("if", "success()"), contexts, status):
            return [Job(name)]
        jobs = []
        for number, combination in enumerate(self._matrix(described.get("strategy", {}), contexts)):
            grant = self._grant(name, described.get("permissions", workflow.get("permissions")))
            sandbox = Sandbox(self.folder / f"{name}-{number}", self.event, self.uv_cache, grant)
            own = {
                **contexts,
                "github": {**github, "token": grant.token},
                "matrix": combination,
                "secrets": {**self.secrets, "GITHUB_TOKEN": grant.token},
                "strategy": {},
            }
            jobs.append(_OneJob(self, sandbox, own, workflow.get("env", {})).run(name, described))
        return jobs

    def _grant(self, name: str, rights: object) -> Grant:
        """A token of the job's own, with what its `permissions` say and nothing else."""
        if rights is not None and not isinstance(rights, dict):
            raise HarnessError(f"the job {name} has the permissions {rights!r}: name each of them")
        token = self.hub.token(BOT, rights) if self.hub else f"the-token-of-{name}"
        return Grant(token, rights, self.hub)

    def _matrix(self, strategy: dict[str, Any], contexts: dict[str, Any]) -> Iterator[dict[str, Any]]:
        axes = strategy.get("matrix", {})
        if isinstance(axes, str):
            axes = self.engine.value(axes, contexts)
        if {"include", "exclude"} & axes.keys():
            raise HarnessError("a matrix with include or exclude is not done here")
        values = [
            self.engine.value(each, contexts) if isinstance(each, str) else each for each in axes.values()
        ]
        for chosen in itertools.product(*values):
            yield dict(zip(axes, chosen, strict=True))

    def _refuse_unknown(self, workflow: dict[str, Any]) -> None:
        """Look at the whole workflow before anything runs: a step that is never reached counts too."""
        _refuse("the workflow", workflow.keys() - WORKFLOW_KEYS)
        if workflow.get("defaults"):
            raise HarnessError("`defaults` is not done here")
        if self.event.name not in workflow["on"]:
            raise HarnessError(f"no run starts at {self.event.name}")
        for name, job in workflow["jobs"].items():
            _refuse(f"the job {name}", job.keys() - JOB_KEYS)
            for step in job["steps"]:
                _refuse(f"a step of {name}", step.keys() - STEP_KEYS)
                if "uses" in step and step["uses"].partition("@")[0] not in self.actions:
                    raise HarnessError(f"{step['uses']} is not in the table of actions: write its equivalent")

    def _github(self, workflow: dict[str, Any]) -> dict[str, Any]:
        return {
            "event_name": self.event.name,
            "ref": self.event.ref,
            "sha": self.event.sha,
            "base_ref": self.event.base_ref,
            "head_ref": self.event.head_ref,
            "ref_name": self.event.ref_name,
            "workflow": workflow.get("name", ""),
            "repository": REPOSITORY,
            "run_id": RUN,
            "event": {**self.event.payload},
        }


class _OneJob:
    """The steps of one job on its machine."""

    def __init__(
        self, runner: Runner, sandbox: Sandbox, contexts: dict[str, Any], env: Mapping[str, Any]
    ) -> None:
        self.runner, self.sandbox, self.engine = runner, sandbox, runner.engine
        self.workflow_env = env
        self.contexts: dict[str, Any] = {
            **contexts,
            "env": {},
            "steps": {},
            "job": {"status": "success"},
            "runner": {"os": "Linux", "temp": str(sandbox.temp)},
        }

    def run(self, name: str, described: dict[str, Any]) -> Job:
        job = Job(name, "success", workspace=self.sandbox.workspace)
        outer = self._texts(self.workflow_env) | self._texts(described.get("env", {}))
        minutes = float(self._text(described.get("timeout-minutes", DEFAULT_MINUTES)))
        deadline = time.monotonic() + minutes * self.runner.minute
        for step in described["steps"]:
            done = self._step(step, outer, deadline, job)
            job.steps.append(done)
            if "id" in step:
                self.contexts["steps"][step["id"]] = {
                    "outcome": done.outcome,
                    "conclusion": done.conclusion,
                    "outputs": done.outputs,
                }
            if job.result == "success" and done.conclusion == "failure":
                job.result = "failure"
            self.contexts["job"]["status"] = job.result
        job.outputs = self._texts(described.get("outputs", {}))
        job.summary = self._masked(self.sandbox.summary)
        return job

    def _step(self, step: dict[str, Any], outer: Mapping[str, str], deadline: float, job: Job) -> Step:
        self.contexts["env"] = {**outer, **self.sandbox.exported}
        env = self._texts(step.get("env", {}))
        self.contexts["env"] |= env
        done = Step(step.get("name", step.get("uses", step.get("run", ""))))
        status = {each: job.result == each for each in ("success", "failure", "cancelled")}
        if not self.engine.condition(
            step.get("if", "success()"), self.contexts, status, self.sandbox.workspace
        ):
            return done
        seconds = deadline - time.monotonic()
        if job.result == "cancelled":
            seconds = 5 * self.runner.minute  # GitHub gives what runs `always()` five minutes more
        own = float(self._text(step.get("timeout-minutes", DEFAULT_MINUTES))) * self.runner.minute
        ended = self._action(step) if "uses" in step else self._command(step, outer, env, min(seconds, own))
        done.log, done.outputs = self._masked(ended.log), ended.outputs
        if ended.timed_out and seconds < own:
            job.result = done.outcome = done.conclusion = "cancelled"
            done.log += "\nThe job ran longer than its timeout-minutes."
            return done
        done.outcome = "success" if ended.code == 0 else "failure"
        forgiven = self._text(step.get("continue-on-error", False)) == "true"
        done.conclusion = "success" if forgiven else done.outcome
        return done

    def _command(
        self, step: dict[str, Any], outer: Mapping[str, str], env: Mapping[str, str], seconds: float
    ) -> Done:
        return self.sandbox.run(
            self._text(step["run"]),
            shell=self._text(step.get("shell", "")),
            folder=self._text(step.get("working-directory", ".")),
            variables={**outer, **self.sandbox.exported, **env},
            seconds=seconds,
        )

    def _action(self, step: dict[str, Any]) -> Done:
        action = self.runner.actions[step["uses"].partition("@")[0]]
        self.sandbox.handed_on = {}
        try:
            log = action(self.sandbox, self._texts(step.get("with", {})))
            return Done(0, log, self.sandbox.handed_on)
        except ActionError as error:
            return Done(1, str(error))

    def _texts(self, values: Mapping[str, Any]) -> dict[str, str]:
        return {name: self._text(value) for name, value in values.items()}

    def _text(self, value: object) -> str:
        return self.engine.text(value, self.contexts, self.sandbox.workspace)

    def _masked(self, text: str) -> str:
        for secret in filter(None, self.runner.secrets.values()):
            text = text.replace(secret, "***")
        return text


def _refuse(where: str, unknown: set[str]) -> None:
    if unknown:
        raise HarnessError(f"{where} uses {', '.join(sorted(unknown))}, which the harness does not do")


def _needs(job: dict[str, Any]) -> list[str]:
    needs = job.get("needs", [])
    return [needs] if isinstance(needs, str) else list(needs)


def _ancestors(name: str, jobs: dict[str, Any]) -> set[str]:
    direct = _needs(jobs[name])
    return {*direct}.union(*(_ancestors(each, jobs) for each in direct))


def _ordered(jobs: dict[str, Any]) -> list[str]:
    """The jobs, each after those that it needs."""
    ordered: list[str] = []
    while len(ordered) < len(jobs):
        ready = [name for name in jobs if name not in ordered and {*_needs(jobs[name])} <= {*ordered}]
        if not ready:
            raise HarnessError("the jobs need each other in a circle, or one that is not there")
        ordered += ready
    return ordered
