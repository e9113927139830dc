"""One job's machine: an empty home, an empty workspace, and of the surroundings only what a runner has."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .engine import HarnessError
from .hub_server import REPOSITORY, HubServer, Token

RUN = "123"

# How this machine reaches the package index, which a runner knows too; nothing else of the surroundings gets in.
NETWORK = re.compile(
    r"(UV_(CACHE_DIR|DEFAULT_INDEX|INDEX.*|NATIVE_TLS|OFFLINE)|PIP_.*|SSL_CERT_.*|.*_PROXY)", re.IGNORECASE
)
SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
FILES = ("GITHUB_ENV", "GITHUB_OUTPUT", "GITHUB_PATH", "GITHUB_STEP_SUMMARY")
SHELLS = {
    "": ["bash", "-e"],
    "bash": ["bash", "--noprofile", "--norc", "-eo", "pipefail"],
    "sh": ["sh", "-e"],
}


@dataclass(frozen=True)
class Event:
    """What started the run. `remote` is the bare repository that stands for GitHub's."""

    remote: Path
    name: str
    ref: str
    sha: str
    base_ref: str = ""
    head_ref: str = ""
    payload: Mapping[str, Any] = field(default_factory=dict)  # what `github.event` says

    @property
    def ref_name(self) -> str:
        return self.ref.removeprefix("refs/").partition("/")[2]


@dataclass(frozen=True)
class Grant:
    """What a job has in its hands: its token, the rights of that, and the stand-in of GitHub that knows both."""

    token: str
    rights: Mapping[str, str] | None  # None is what GitHub grants where a workflow says nothing
    hub: HubServer | None = None

    def may(self, right: str, level: str) -> bool:
        return Token("", self.rights).may(right, level)


@dataclass(frozen=True)
class Done:
    """How a step's process ended, what it printed, and what it handed on."""

    code: int
    log: str
    outputs: dict[str, str] = field(default_factory=dict)
    timed_out: bool = False


class Sandbox:
    """A machine for one job, below `folder`."""

    def __init__(self, folder: Path, event: Event, uv_cache: str, grant: Grant) -> None:
        self.folder = folder
        self.event = event
        self.grant = grant
        self.handed_on: dict[str, str] = {}  # the outputs of the action that runs
        self.workspace = folder / "work" / "model" / "model"
        self.temp = folder / "temp"
        self.artifacts = folder.parent / "artifacts"
        home = folder / "home"
        for each in (self.workspace, self.temp, home, self.artifacts):
            each.mkdir(parents=True, exist_ok=True)
        self.path = [*path_without_uv(folder), str(_python(folder))]
        self.exported: dict[str, str] = {}
        self.summary = ""
        self._steps = 0
        kept = {name: value for name, value in os.environ.items() if NETWORK.fullmatch(name)}
        self._machine = kept | {
            "CI": "true",
            "GITHUB_ACTIONS": "true",
            "GITHUB_WORKSPACE": str(self.workspace),
            "GITHUB_EVENT_NAME": event.name,
            "GITHUB_REF": event.ref,
            "GITHUB_SHA": event.sha,
            "GITHUB_BASE_REF": event.base_ref,
            "GITHUB_HEAD_REF": event.head_ref,
            "GITHUB_REF_NAME": event.ref_name,
            "GITHUB_REPOSITORY": REPOSITORY,
            "GITHUB_RUN_ID": RUN,
            "GITHUB_SERVER_URL": grant.hub.url if grant.hub else "https://git.example.com",
            "GITHUB_API_URL": grant.hub.api if grant.hub else "https://api.git.example.com",
            "RUNNER_OS": "Linux",
            "RUNNER_TEMP": str(self.temp),
            "HOME": str(home),
            "LANG": "C.UTF-8",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_TERMINAL_PROMPT": "0",
            "DVC_SITE_CACHE_DIR": str(home / "dvc"),  # else root's lies below /var, for all jobs at once
            "UV_CACHE_DIR": uv_cache,
            "UV_PYTHON": sys.executable,
            # A runner has no credentials of a cloud to find, and asking for some takes seconds.
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        for name in (
            "NO_PROXY",
            "no_proxy",
        ):  # the stand-in of GitHub is here, whatever stands before the index
            self._machine[name] = ",".join(filter(None, [kept.get(name), "127.0.0.1"]))

    def run(
        self, script: str, *, shell: str, folder: str, variables: Mapping[str, str], seconds: float
    ) -> Done:
        """Run one `run:` step as the runner does: a script in a file, its four files beside it."""
        if shell not in SHELLS:
            raise HarnessError(f"the shell {shell!r} is not one of {', '.join(SHELLS)}")
        self._steps += 1
        file = self.temp / f"step-{self._steps}.sh"
        file.write_text(script + "\n", encoding="utf-8")
        files = {name: self.temp / f"{name.lower()}-{self._steps}" for name in FILES}
        for each in files.values():
            each.touch()
        environment = self._machine | {
            **self.exported,
            **variables,
            **{name: str(path) for name, path in files.items()},
            "PATH": os.pathsep.join(self.path),
        }
        code, log, timed_out = _run(
            [*SHELLS[shell], str(file)], self.workspace / folder, environment, seconds
        )
        self.exported.update(_assignments(files["GITHUB_ENV"]))
        self.path[:0] = reversed(files["GITHUB_PATH"].read_text(encoding="utf-8").split("\n")[:-1])
        self.summary += files["GITHUB_STEP_SUMMARY"].read_text(encoding="utf-8")
        return Done(code, log, _assignments(files["GITHUB_OUTPUT"]), timed_out)

    def git(self, *arguments: str) -> str:
        """Git as an action calls it; raises where it fails."""
        environment = {**self._machine, "PATH": os.pathsep.join(self.path)}
        done = subprocess.run(
            ["git", *arguments], cwd=self.workspace, env=environment, capture_output=True, encoding="utf-8"
        )
        if done.returncode != 0:
            raise ActionError(f"git {' '.join(arguments)}: {done.stderr.strip()}")
        return done.stdout.strip()


class ActionError(Exception):
    """An action ended red, as the real one would."""


Action = Callable[[Sandbox, dict[str, str]], str]


def _python(folder: Path) -> Path:
    """A folder with `python3` in it, which a runner has and this machine may have elsewhere."""
    tools = folder / "python"
    tools.mkdir()
    (tools / "python3").symlink_to(Path(sys.executable).resolve())
    return tools


def path_without_uv(folder: Path) -> list[str]:
    """The system's programs; where uv is among them, all of them but uv, as on a fresh runner."""
    path = []
    for number, each in enumerate(SYSTEM_PATH.split(":")):
        if not (Path(each) / "uv").exists():
            path.append(each)
            continue
        mirror = folder / f"bin{number}"
        mirror.mkdir()
        for program in Path(each).iterdir():
            if program.name not in ("uv", "uvx"):
                (mirror / program.name).symlink_to(program)
        path.append(str(mirror))
    return path


def _run(
    command: list[str], folder: Path, environment: Mapping[str, str], seconds: float
) -> tuple[int, str, bool]:
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
        log, _ = process.communicate(timeout=max(seconds, 0.0))
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        log, _ = process.communicate()
        return process.returncode, log, True
    return process.returncode, log, False


def _assignments(file: Path) -> dict[str, str]:
    """What a step wrote as `name=value`, or as `name<<END`, lines, `END`."""
    found: dict[str, str] = {}
    lines = iter(file.read_text(encoding="utf-8").splitlines())
    for line in lines:
        if long := re.fullmatch(r"([^=]+?)<<(.+)", line):
            value = []
            for each in lines:
                if each == long[2]:
                    break
                value.append(each)
            else:
                raise HarnessError(f"{file.name}: {long[1]} has no closing {long[2]}")
            found[long[1]] = "\n".join(value)
        elif "=" in line:
            name, _, content = line.partition("=")
            found[name] = content
        elif line:
            raise HarnessError(f"{file.name}: {line!r} is no assignment")
    return found
