"""What is here now, read once for all items: the last commit, the evidence, the gate's report, the candidate."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from fearless.core import evidence
from fearless.core.digest import sha256_file
from fearless.core.errors import FearlessError
from fearless.core.evidence import Evidence, content_digest
from fearless.core.git import git
from fearless.core.project import Project
from fearless.core.toolkit import toolkit_version
from fearless.gate.policy import FILE as POLICY
from fearless.golden.frozen import ROWS
from fearless.guard.question import Question, read_question
from fearless.model.artifact import MANIFEST, Manifest, read_manifest
from fearless.ship.bound import CHAMPION, committed
from fearless.ship.record import moment
from fearless.ship.signature import SLACK

REPORT = ".fearless/gate/report.json"
SHOWN = 3


@dataclass(frozen=True)
class Found:
    """What proves an item, in one sentence with a digest or a date, and where that comes from."""

    evidence: str
    source: str = "computed"
    asked: bool = True


class Here:
    """The project at one moment. What cannot be read raises FearlessError: the item that needs it stays open."""

    def __init__(self, project: Project, now: datetime) -> None:
        self.project = project
        self.now = now

    @cached_property
    def commit(self) -> str:
        return git(["rev-parse", "HEAD"], self.project.root).stdout.strip()

    @cached_property
    def content(self) -> str:
        return content_digest(self.project)

    @cached_property
    def files(self) -> dict[str, str]:
        """Git's name for each file of the last commit."""
        return committed(self.project)

    @cached_property
    def manifest(self) -> Manifest:
        return read_manifest(self.project.candidate, "models/candidate")

    @cached_property
    def candidate(self) -> str:
        """The digest of the candidate: the SHA-256 of its manifest."""
        read_manifest(self.project.candidate, "models/candidate")
        return sha256_file(self.project.candidate / MANIFEST)

    @cached_property
    def champion(self) -> str:
        """The digest of the champion, an empty text before the first release."""
        if not (self.project.root / CHAMPION).is_file():
            return ""
        read_manifest(self.project.champion, "models/champion")
        return sha256_file(self.project.champion / MANIFEST)

    @cached_property
    def question(self) -> Question:
        return read_question(self.project)

    @cached_property
    def ci(self) -> Evidence:
        """What CI, or `fearless ci`, said of exactly this content."""
        found = self.proof("ci", ("ci", "local"), "uv run fearless ci")
        refuse_failed(found)
        if found.content != self.content:
            raise FearlessError(
                f"ops/evidence/ci.json of {found.at} is for other content: {self._changed_since(found)}.",
                fix="`uv run fearless ci`",
            )
        return found

    def _changed_since(self, found: Evidence) -> str:
        """The files that differ from the commit that was proven, or where it is not here the two digests."""
        command = [
            "diff",
            "--name-only",
            "--relative",
            "-z",
            found.commit,
            "HEAD",
            "--",
            ".",
            ":(exclude)ops",
        ]
        names = git(command, self.project.root, check=False).stdout.split("\0")[:-1]
        if not names:
            return f"{found.content}, and this is {self.content}"
        more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
        return f"{', '.join(names[:SHOWN])}{more} changed since"

    @cached_property
    def report(self) -> dict[str, Any]:
        """The gate's report; raises FearlessError where it is about other bytes than those that are here now."""
        report = read_report(self.project)
        now = {
            "candidate_sha256": ("the candidate", self.candidate),
            "golden_sha256": ("the golden rows", sha256_file(self.project.golden / ROWS)),
            "policy_sha256": (POLICY, sha256_file(self.project.root / POLICY)),
            "champion_sha256": ("the champion", self.champion),
            "toolkit": ("the toolkit", toolkit_version()),
        }
        for key, (name, digest) in now.items():
            judged = report["context"].get(key, "")
            if judged != digest:
                raise FearlessError(
                    f"The gate judged other bytes: {name} was {judged or 'not there'}, and is"
                    f" {digest or 'not there'}.",
                    fix="`uv run fearless gate`",
                )
        return report

    def proof(self, what: str, sources: tuple[str, ...], command: str) -> Evidence:
        """The evidence of `what` where it comes from one of `sources` and is not dated in the future."""
        found = evidence.read(self.project, what)
        name = f"ops/evidence/{what}.json"
        mend = f"`{command}`"
        if found is None:
            raise FearlessError(f"There is no {name}.", fix=mend)
        try:
            at = moment(found.at)
        except ValueError:
            raise FearlessError(f"{name} is damaged: `at` is {found.at!r}.", fix=mend) from None
        if at > self.now + SLACK:
            raise FearlessError(f"{name} is dated in the future ({found.at}).", fix=mend)
        if found.source not in sources:
            raise FearlessError(
                f"{name} is `{found.source}`, and here {' or '.join(sources)} counts.", fix=mend
            )
        return found

    def of_candidate(self, found: Evidence, command: str) -> None:
        """Raise FearlessError where `found` is about another candidate."""
        about = found.details.get("candidate_sha256")
        if about != self.candidate:
            raise FearlessError(
                f"ops/evidence/{found.what}.json of {found.at} is for another candidate: {about or 'none is named'},"
                f" and this is {self.candidate}.",
                fix=f"`{command}`",
            )


def refuse_failed(found: Evidence) -> None:
    """Raise FearlessError where the evidence says that it did not pass."""
    if not found.passed:
        raise FearlessError(f"ops/evidence/{found.what}.json of {found.at} says that it failed.")


def read_report(project: Project) -> dict[str, Any]:
    """The gate's last report as it lies there; raises FearlessError where there is none."""
    path = project.root / REPORT
    if not path.is_file():
        raise FearlessError(
            "The gate has not judged here (.fearless/gate is empty).", fix="`uv run fearless gate`"
        )
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError):
        found = None
    shapes = {"context": dict, "checks": list, "golden": dict, "policy": dict, "verdict": str}
    if (
        not isinstance(found, dict)
        or not all(isinstance(found.get(key), kind) for key, kind in shapes.items())
        or not all(isinstance(check, dict) and _texts(check) for check in found["checks"])
    ):
        raise FearlessError(f"{REPORT} is damaged.", fix="`uv run fearless gate`")
    return found


def _texts(check: dict[str, Any]) -> bool:
    return all(isinstance(check.get(key), str) for key in ("kind", "verdict", "sentence"))
