"""Bringing a release of the template here: on a branch of its own, verified, committed, and easy to take back.

From the moment copier has run, the toolkit on the disk is the new release's. So all that this process needs is imported
before, and what must be new (check, train, gate) runs in processes of its own.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import filelock

from fearless.core.atomic import write_text
from fearless.core.errors import FearlessError
from fearless.core.git import git, identity
from fearless.core.program import OWN, Ended, run
from fearless.core.project import Project
from fearless.core.release import (
    ANSWERS,
    Release,
    fetched,
    recorded_release,
    release_of,
    source_of,
)
from fearless.core.yaml_file import parse_mapping
from fearless.pipeline.base import find_base
from fearless.pipeline.pins import LOCKED, uv_program
from fearless.pipeline.restore import restore
from fearless.pipeline.update_plan import (
    BRANCH,
    Plan,
    need_git,
    refuse_conflicts,
    refuse_unfinished,
    uncommitted,
)
from fearless.pipeline.update_result import Result, body

COPIER = "9.19.1"  # the one that the template's own tests run
FOLDER = "update"  # of .fearless/
TRAINED = ("dvc.lock", "ops/reports")
PUSH_PATIENCE_S = 600
# A cloud's client asks for credentials that are not there again and again; once is enough to know.
ASK_ONCE = {"AWS_MAX_ATTEMPTS": "1", "AWS_METADATA_SERVICE_NUM_ATTEMPTS": "1"}


class Update:
    """One run of `fearless update`. Where it cannot be made, everything is as it was before."""

    def __init__(self, project: Project, say: Callable[[str], None]) -> None:
        self.project = project
        self.say = say
        self.environment = {name: value for name, value in os.environ.items() if name not in OWN}
        if os.name == "nt":  # Windows locks the fearless.exe that runs this, and uv could not replace it
            self.environment.setdefault("UV_PROJECT_ENVIRONMENT", str(project.scratch / "venv-of-update"))

    def run(self, plan: Plan) -> Result:
        """Make the branch, bring in the release, verify it and commit; returns what came of it."""
        uv_program()
        result = Result(plan.before, plan.after, plan.branch, plan.start, plan.back, [], [])
        with self._alone():
            made = False
            try:
                git(["switch", "--quiet", "--create", plan.branch], self.project.root)
                made = True
                self._step("copier", f"the template's files of {plan.after} (copier {COPIER})")
                self._copier(plan)
                self._verify(plan.source, plan.after, result)
                result.commit = self._commit(f"Update of the template to {plan.after}")
            except BaseException as error:
                if made:
                    self._undo(plan)
                if isinstance(error, FearlessError):
                    where = plan.here or plan.start[:12]
                    raise FearlessError(
                        f"The update to {plan.after} could not be made. {error.what}",
                        fix=f"{error.fix} Nothing is left of the attempt: {where} is checked out, as it was.".strip(),
                    ) from None
                raise
            self._record(result)
        return result

    def finish(self) -> Result:
        """The rest of an update that copier made on this branch: restore, lock, check, train, judge, commit."""
        root = self.project.root
        need_git(self.project)
        refuse_unfinished(root)
        uv_program()
        after = recorded_release(self.project)
        base = self._base()
        refuse_conflicts(root, base)
        before = _release_at(root, base)
        if before == after:
            raise FearlessError(
                f"There is no update to finish: {ANSWERS} names {after} here and in {base[:12]}.",
                fix="`uv run fearless update` brings the newest release.",
            )
        start = git(["rev-parse", "HEAD"], root).stdout.strip()
        clean = not uncommitted(root)
        here = git(["symbolic-ref", "--short", "-q", "HEAD"], root, check=False).stdout.strip()
        if not clean and start == base:
            self._refuse_default_branch(here, after)
        back = f"git reset --hard {start[:12]} && git clean -fd"
        result = Result(before, after, here or start[:12], base, back, [], [])
        self.say(f"Finishing the update of the template from {before} to {after}. The way back: {back}")
        with self._alone():
            try:
                self._verify(source_of(self.project), after, result)
                whole, rest = "Update of the template to", "The rest of the update of the template to"
                result.commit = self._commit(f"{rest if clean else whole} {after}")
            except BaseException as error:
                if clean:
                    self._take_back(start)
                if isinstance(error, FearlessError):
                    left = f"What copier changed is still here, not committed; `{back}` takes it back."
                    raise FearlessError(
                        f"The update to {after} could not be finished. {error.what}",
                        fix=f"{error.fix} {'The branch is as it was.' if clean else left}".strip(),
                    ) from None
                raise
            self._record(result)
        return result

    def _copier(self, plan: Plan) -> None:
        python = ["--python", sys.executable]
        command = [uv_program(), "tool", "run", *python, "--from", f"copier=={COPIER}", "copier", "update"]
        ended = run(
            [*command, "--defaults", "--vcs-ref", plan.after.tag], self.project.root, self.environment
        )
        refuse_conflicts(self.project.root, plan.start)
        if ended.code != 0:
            raise FearlessError(f"`copier update` ended with {ended.code}: {_reason(ended)}")
        self.project = Project(self.project.root)  # the answers are new
        if recorded_release(self.project) != plan.after:
            raise FearlessError(f"After `copier update`, {ANSWERS} names {recorded_release(self.project)}.")

    def _verify(self, source: str, after: Release, result: Result) -> None:
        """Restore, lock, install, check, train, judge, push: all of it with the new release's toolkit."""
        with fetched(source, after.tag) as delivered:
            result.restored = restore(self.project, delivered)
        for name in result.restored:
            self.say(f"      {name} was not as the release delivers it, and is now")
        self._step("lock", "the versions (uv lock)")
        result.locked = self._lock()
        self._step("install", "the new versions (uv sync)")
        self._need(["sync", "--locked"], "The new versions could not be installed.")
        self._step("check", "everything that must hold (fearless check)")
        checked = self._fearless("check")
        result.check = checked.code
        result.found = tuple(
            line[4:].strip() for line in checked.said.splitlines() if line.startswith("FAIL")
        )
        self._step("train", "the model (fearless train)")
        self._train(result)
        self._step("gate", "the model on golden data (fearless gate)")
        self._gate(result)
        if result.trained:
            self._push(result)

    def _lock(self) -> list[str]:
        path = self.project.root / "uv.lock"
        before = _versions(path)
        self._need(["lock"], "The new release's requirements could not be locked together with yours.")
        after = _versions(path)
        moved = [
            f"{name} {before.get(name, 'new')} -> {after.get(name, 'gone')}"
            for name in sorted({*before, *after})
            if before.get(name) != after.get(name)
        ]
        self.say(f"      {', '.join(moved) or 'nothing moved'}")
        return moved

    def _train(self, result: Result) -> None:
        lock = self.project.root / "dvc.lock"
        before = lock.read_bytes() if lock.is_file() else b""
        ended = self._fearless("train")
        result.train = ended.code
        if ended.code != 0:
            self._take_training_back()
        elif lock.is_file() and lock.read_bytes() != before:
            result.trained = "trained again"

    def _gate(self, result: Result) -> None:
        """Judge against the commit the update started from, also where CI names no target of the change."""
        report = self.project.root / ".fearless" / "gate" / "report.json"
        report.unlink(missing_ok=True)
        ended = self._fearless("gate", "--base", result.base)
        result.gate = ended.code
        with contextlib.suppress(OSError, ValueError, KeyError):
            result.verdict = str(json.loads(report.read_text(encoding="utf-8"))["verdict"])

    def _push(self, result: Result) -> None:
        command = [uv_program(), "run", "--locked", "dvc", "push"]
        environment = {**ASK_ONCE, **self.environment}
        ended = run(command, self.project.root, environment, patience=PUSH_PATIENCE_S)
        if ended.code == 0:
            self.say("      and pushed to the storage")
            return
        self._take_training_back()
        result.trained = "trained again here, and not pushed: the pull request's pipeline will train"
        self.say(f"      not pushed: {_reason(ended)}")
        self.say(
            "      dvc.lock and ops/reports are back as they were: the pull request's pipeline will train"
        )

    def _take_training_back(self) -> None:
        root = self.project.root
        for name in TRAINED:
            git(["checkout", "--quiet", "HEAD", "--", name], root, check=False)
        git(["clean", "--quiet", "-fd", "--", *TRAINED, ".storage"], root)

    def _commit(self, message: str) -> str:
        root = self.project.root
        git(["add", "--all", "."], root)
        if git(["diff", "--cached", "--quiet", "--", "."], root, check=False).returncode == 0:
            self.say("      nothing to commit: all of it was here already")
        else:
            # A hook that runs the checks would keep an update from the review that is to see what they found.
            author = identity(root, self.project.answers)
            git([*author, "commit", "--quiet", "--no-verify", "-m", message, "--", "."], root)
        return git(["rev-parse", "HEAD"], root).stdout.strip()

    def _record(self, result: Result) -> None:
        """What a pull request needs: its text, and in CI the commits themselves for a job that may push."""
        folder = self.project.scratch / FOLDER
        write_text(folder / "body.md", body(result))
        if os.environ.get("CI"):
            branch = git(
                ["symbolic-ref", "--short", "-q", "HEAD"], self.project.root, check=False
            ).stdout.strip()
            bundle = str(folder / "update.bundle")
            git(
                ["bundle", "create", "--quiet", bundle, f"{result.base}..{branch or 'HEAD'}"],
                self.project.root,
            )
        if outputs := os.environ.get("GITHUB_OUTPUT"):
            with Path(outputs).open("a", encoding="utf-8") as file:
                file.write(f"version={result.after}\nbranch={result.branch}\n")

    def _undo(self, plan: Plan) -> None:
        """Back to where the update began. A model that was trained on the way is taken back too."""
        self.say("      taken back")
        self._take_back(plan.start)
        there = [plan.here] if plan.here else ["--detach", plan.start]
        git(["switch", "--quiet", "--discard-changes", *there], self.project.root)
        git(["branch", "--quiet", "-D", plan.branch], self.project.root)

    def _take_back(self, start: str) -> None:
        root = self.project.root
        lock = root / "dvc.lock"
        trained = lock.read_bytes() if lock.is_file() else b""
        git(["reset", "--quiet", "--hard", start], root)
        git(["clean", "--quiet", "-fd"], root)
        if lock.is_file() and lock.read_bytes() != trained:
            run([uv_program(), "run", "--locked", "dvc", "checkout"], root, self.environment)

    def _base(self) -> str:
        """The commit the branch left the default branch at; HEAD where it did not leave it."""
        # On a push CI names no target, and the branch that a bot pushed has a base all the same.
        environment = {name: value for name, value in os.environ.items() if name != "CI"}
        base = find_base(self.project, environment=environment)
        return base.commit if base else git(["rev-parse", "HEAD"], self.project.root).stdout.strip()

    def _refuse_default_branch(self, here: str, after: Release) -> None:
        if here in ("main", "master"):
            raise FearlessError(
                f"The update lies on {here}, and belongs on a branch of its own.",
                fix=f"Run `git switch -c {BRANCH}{after}`, which takes it along, and this again.",
            )

    def _fearless(self, *arguments: str) -> Ended:
        """Run the new release's toolkit, and show what it said."""
        ended = run(
            [uv_program(), "run", "--locked", "fearless", *arguments], self.project.root, self.environment
        )
        for line in ended.said.rstrip().splitlines():
            self.say(f"      {line}")
        return ended

    def _need(self, arguments: list[str], otherwise: str) -> None:
        ended = run([uv_program(), *arguments], self.project.root, self.environment)
        if ended.code != 0:
            raise FearlessError(f"{otherwise} `uv {arguments[0]}` says: {_reason(ended)}")

    def _step(self, name: str, text: str) -> None:
        self.say(f"[{name}] {text}")

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        scratch = self.project.scratch
        lock = filelock.FileLock(scratch / "update.lock")
        try:
            lock.acquire(timeout=0)
        except filelock.Timeout:
            raise FearlessError(
                f"Another `fearless update` is running in {self.project.root}.", fix="Wait until it is done."
            ) from None
        try:
            # What an earlier update left must not pass for this one's.
            shutil.rmtree(scratch / FOLDER, ignore_errors=True)
            yield
        finally:
            lock.release()


def _release_at(root: Path, commit: str) -> Release:
    name = f"{ANSWERS} of {commit[:12]}"
    shown_text = git(["show", f"{commit}:./{ANSWERS}"], root).stdout
    return release_of(parse_mapping(shown_text, name).get("_commit"), name)


def _versions(lock: Path) -> dict[str, str]:
    """The locked version of each package; of one that has several, all of them."""
    found: dict[str, list[str]] = {}
    if lock.is_file():
        for name, version in LOCKED.findall(lock.read_text(encoding="utf-8")):
            found.setdefault(name, []).append(version)
    return {name: "/".join(versions) for name, versions in found.items()}


def _reason(ended: Ended) -> str:
    """Why a program failed, in the line that says so, or its last ones."""
    lines = [line.strip() for line in ended.said.splitlines() if line.strip()]
    telling = [line for line in lines if line.lower().startswith(("error", "fatal"))]
    return " ".join((telling or lines[-3:] or ["no reason given"])[-3:])
