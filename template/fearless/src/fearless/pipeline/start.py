"""From a bare rendering to a working repository. Each step looks whether it is done, so a killed start goes on."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from fearless.columns.dictionary import load
from fearless.columns.frame import data_files
from fearless.core import dvc
from fearless.core.atomic import remove_leftovers
from fearless.core.errors import FearlessError
from fearless.core.git import git, has_commit, identity, is_work_tree
from fearless.core.project import Project
from fearless.gate.policy import FILE as POLICY
from fearless.gate.policy import load as load_policy
from fearless.golden.freeze import freeze
from fearless.golden.frozen import exists, read_record
from fearless.model.contract import Team
from fearless.pipeline.pins import asks_for_tested, drop_tested
from fearless.pipeline.run import reproduce
from fearless.report.visible import visible

REMOTE_PATIENCE_S = 60
LEAST_ROOM_MB = 64


class Start:
    """One run of `fearless start`. `judge` runs the gate on what was trained, prints it and gives its exit code."""

    def __init__(self, project: Project, judge: Callable[[Project], int], say: Callable[[str], None]) -> None:
        self.project = project
        self.judge = judge
        self.say = say
        self.code = 0

    def run(self) -> int:
        """Run all steps; returns the gate's exit code."""
        steps: list[tuple[str, Callable[[], str]]] = [
            ("git repository", self.repository),
            ("locked versions", self.versions),
            ("data", self.data),
            ("golden data", self.golden),
            ("tracked by DVC", self.track),
            ("pipeline", self.pipeline),
            ("gate", self.gate),
            ("DVC remote", self.push),
            ("first commit", self.commit),
        ]
        with self._alone():
            remove_leftovers(self.project.root)  # of a start that was killed; the first commit would take it
            for number, (name, step) in enumerate(steps, 1):
                began = time.perf_counter()
                self.say(f"[{number}/{len(steps)}] {name}")
                self._need_room()
                result = step()
                self.say(f"      {result}  [{time.perf_counter() - began:.1f} s]")
        return self.code

    def repository(self) -> str:
        if is_work_tree(self.project.root):
            return "is there"
        git(["init", "--quiet", "--initial-branch=main"], self.project.root)
        return "made, branch main"

    def versions(self) -> str:
        if not asks_for_tested(self.project):
            return "the team's own (uv.lock)"
        different = drop_tested(self.project)
        if different:
            return "locked; not the tested ones: " + ", ".join(different)
        return "the tested ones, and from now on the team's own (uv.lock)"

    def data(self) -> str:
        load_policy(
            self.project.root / POLICY
        )  # what cannot judge at the end stops it before anything is made
        raw, example = self.project.raw, str(self.project.answers.get("example", "none"))
        if raw.is_dir() and data_files(raw):
            return f"{', '.join(file.name for file in data_files(raw))} in data/raw"
        if (self.project.root / "data" / "raw.dvc").is_file():
            dvc.pull(["data/raw.dvc"], self.project.root)
            return "pulled from the DVC remote"
        if example == "none":
            raw.mkdir(parents=True, exist_ok=True)
            raise FearlessError(
                "data/raw holds no CSV or Parquet file yet.",
                fix="Put yours there, then: `uv run fearless columns draft data/raw/FILE.csv`, fill in columns.yaml,"
                " and `uv run fearless start` again.",
            )
        from fearless.sample import write

        files = write(example, raw)
        return f"{', '.join(file.name for file in files)} written to data/raw (the {example} story)"

    def golden(self) -> str:
        dictionary = load(self.project.root)
        if exists(self.project):
            record = read_record(self.project)
            return f"{record.rows:,} rows, frozen before"
        if (self.project.root / "data" / "golden.dvc").is_file():
            dvc.pull(["data/golden.dvc"], self.project.root)
            return "pulled from the DVC remote"
        record = freeze(Team.of(self.project, dictionary).load(), dictionary, self.project)
        chosen = f"from {record.start} on" if record.split == "time" else "chosen by a digest of their key"
        return f"{record.rows:,} rows frozen, {chosen}; they judge every model and train none"

    def track(self) -> str:
        dvc.add(["data/raw", "data/golden"], self.project.root)
        return "data/raw.dvc, data/golden.dvc"

    def pipeline(self) -> str:
        reproduce(self.project)
        return "dvc.lock is current"

    def gate(self) -> str:
        self.code = self.judge(self.project)
        if self.code == 2:
            raise FearlessError(
                "The model could not be judged, for the reason above.", fix="Mend that and start again."
            )
        return "report: .fearless/gate/report.md"

    def push(self) -> str:
        if self.project.answers.get("dvc_remote") == "local":
            dvc.push(self.project.root)
            return "pushed to .storage, which git carries"
        return self._push_to_cloud()

    def commit(self) -> str:
        root = self.project.root
        if has_commit(root) and git(["cat-file", "-e", "HEAD:./dvc.lock"], root, check=False).returncode == 0:
            return "made before; what you changed since is yours to commit"
        self._free_index()
        git(["add", "--all", "."], root)
        if git(["diff", "--cached", "--quiet", "--", "."], root, check=False).returncode == 0:
            return "nothing to commit"
        # `-- .`: in a folder of a larger repository, what others have staged there is not ours to commit.
        message = ["-m", "Start: golden data, baseline and gate"]
        author = identity(root, self.project.answers)
        git([*author, "commit", "--quiet", *message, "--", "."], root)
        return visible(git(["log", "-1", "--format=%h %an: %s"], root).stdout)

    def _push_to_cloud(self) -> str:
        """In a process of its own: a cloud client can wait for minutes for credentials that are not there."""
        url = str(self.project.answers.get("dvc_remote_url", "the remote"))
        later = "Everything works locally; run `uv run dvc push` when it is there."
        command = [sys.executable, "-m", "dvc", "push"]  # --quiet would also keep the reason back
        environment = {"AWS_MAX_ATTEMPTS": "1", "AWS_METADATA_SERVICE_NUM_ATTEMPTS": "1", **os.environ}
        try:
            result = subprocess.run(
                command,
                cwd=self.project.root,
                env=environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                encoding="utf-8",
                errors="replace",
                timeout=REMOTE_PATIENCE_S,
            )
        except subprocess.TimeoutExpired:
            return f"not pushed: {url} took longer than {REMOTE_PATIENCE_S} s. {later}"
        if result.returncode == 0:
            return f"pushed to {url}"
        return f"not pushed to {url}: {_reason(result.stderr)}\n      Credentials: see .env.example. {later}"

    def _need_room(self) -> None:
        """Refuse a step on a nearly full disk: DVC's own index waits for ever there instead of failing."""
        raw = (
            sum(file.stat().st_size for file in data_files(self.project.raw))
            if self.project.raw.is_dir()
            else 0
        )
        needed = LEAST_ROOM_MB + 3 * raw // 2**20  # the data, its copy in DVC's cache, and one in .storage
        free = shutil.disk_usage(self.project.root).free // 2**20
        if free < needed:
            raise FearlessError(
                f"The disk of {self.project.root} has {free:,} MB left, and this needs {needed:,} MB.",
                fix="Free some space and run `uv run fearless start` again: it goes on where it stopped.",
            )

    def _free_index(self) -> None:
        """Remove git's lock that a killed start left; only before the first commit, when nobody else works here."""
        lock = Path(git(["rev-parse", "--git-path", "index.lock"], self.project.root).stdout.strip())
        lock = lock if lock.is_absolute() else self.project.root / lock
        if lock.exists() and not has_commit(self.project.root):
            lock.unlink()

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        import filelock

        lock = filelock.FileLock(self.project.scratch / "start.lock")
        try:
            lock.acquire(timeout=0)
        except filelock.Timeout:
            raise FearlessError(
                f"Another `fearless start` is running in {self.project.root}.", fix="Wait until it is done."
            ) from None
        try:
            yield
        finally:
            lock.release()


def _reason(said: str) -> str:
    """Why a push failed, out of all that DVC and a cloud's client write: DVC's last error."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    errors = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR: ")]
    return (errors or lines or ["no reason given"])[-1].removeprefix("unexpected error - ")
