"""The branch of an update, from the bundle that another job made to the repository that everybody pulls from."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

from hub_api import TOKENS, Stop
from hub_hosts import Hub

TIMEOUT_S = 300
HERE = "refs/fearless/update"


class Update:
    """The branch that `bundle` holds, fetched into this clone: of a bundle nothing else is ever looked at."""

    def __init__(self, bundle: Path, branch: str, hub: Hub) -> None:
        self.branch, self.hub = branch, hub
        self.origin = _without_credentials(self._git("config", "--get", "remote.origin.url"))
        if not bundle.is_file():
            raise Stop(f"{bundle} is missing: it holds the branch of the update.")
        self._git("fetch", "--quiet", "--no-tags", str(bundle.resolve()), f"+refs/heads/{branch}:{HERE}")
        listed = self._git("ls-remote", self.origin, f"refs/heads/{branch}", online=True)
        self.there = listed.split()[0] if listed else ""
        if self.there:
            self._git("fetch", "--quiet", "--no-tags", self.origin, self.there, online=True)

    def is_shared(self) -> bool:
        """Whether somebody else has committed to the branch: to push over that would take it away."""
        return bool(self.there) and not self._committers(self.there) <= self._committers(HERE)

    def push(self) -> str:
        """Bring the branch to origin, unless it is there already; says which."""
        if self.there and self._content(self.there) == self._content(HERE):
            return f"{self.branch} is there already."
        lease = f"--force-with-lease=refs/heads/{self.branch}:{self.there}"
        target = f"{HERE}:refs/heads/{self.branch}"
        self._git("push", "--quiet", "--no-verify", lease, self.origin, target, online=True)
        return f"{self.branch} is pushed."

    def _committers(self, commit: str) -> set[str]:
        return set(self._git("log", "--format=%ce", commit, "--not", "HEAD").splitlines())

    def _content(self, commit: str) -> str:
        return self._git("log", "-1", "--format=%T %P", commit)

    def _git(self, *arguments: str, online: bool = False) -> str:
        try:
            done = subprocess.run(
                ["git", *arguments],
                env=self._environment(online=online),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                encoding="utf-8",
                errors="replace",
                timeout=TIMEOUT_S,
            )
        except FileNotFoundError:
            raise Stop("git is not installed here.") from None
        except subprocess.TimeoutExpired:
            raise Stop(f"`git {arguments[0]}` did not end within {TIMEOUT_S} seconds.") from None
        if done.returncode != 0:
            needs = f" To push, {self.hub.push_needs}." if online else ""
            raise Stop(f"`git {arguments[0]}` failed: {_why(done.stderr)}.{needs}")
        return done.stdout.strip()

    def _environment(self, *, online: bool) -> dict[str, str]:
        """The token as a header for origin alone: not in the arguments, which others can list, and in no file."""
        kept = {name: value for name, value in os.environ.items() if name not in TOKENS}
        kept["GIT_TERMINAL_PROMPT"] = "0"
        if online and urlsplit(self.origin).scheme in ("http", "https"):
            number = int(kept.get("GIT_CONFIG_COUNT") or 0)
            kept["GIT_CONFIG_COUNT"] = str(number + 1)
            kept[f"GIT_CONFIG_KEY_{number}"] = f"http.{self.origin}.extraHeader"
            kept[f"GIT_CONFIG_VALUE_{number}"] = f"Authorization: Basic {self.hub.credential}"
        return kept


def _without_credentials(address: str) -> str:
    """GitLab's runners write theirs into the address, and git would send them instead of ours."""
    parts = urlsplit(address)
    if parts.scheme not in ("http", "https"):
        return address
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def _why(said: str) -> str:
    """The line of git's that says why: where a branch was rejected, the line with the reason in brackets."""
    lines = said.splitlines()
    rejected = [line for line in lines if "rejected]" in line]
    told = [line for line in lines if line.startswith(("fatal:", "error:"))]
    line = (rejected or told or lines[-1:] or ["it says nothing"])[0]
    return " ".join(line.split())[:300].rstrip(".")
