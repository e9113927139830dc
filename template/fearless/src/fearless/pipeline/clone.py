"""The pipeline's commands in a fresh clone of the last commit: what was not committed or pushed is missing there."""

from __future__ import annotations

import configparser
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from fearless.core.errors import FearlessError
from fearless.core.evidence import FOLDER
from fearless.core.git import git, has_commit, is_work_tree
from fearless.core.program import OWN, run
from fearless.core.project import Project
from fearless.pipeline.base import find_base
from fearless.pipeline.pins import uv_program

# What the pipeline of a service, git, or the surroundings of this command set, and a newcomer's machine has not.
LEFT_OUT = (
    "GITHUB_",
    "GITLAB_",
    "CI_",
    "RUNNER_",
    "FEARLESS_",
    "UV_PROJECT",
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX",
)
REFS = (
    "+refs/heads/*:refs/heads/*",
    "+refs/remotes/origin/*:refs/remotes/origin/*",
    "+refs/tags/*:refs/tags/*",
)
# The clone has a cache of its own, whatever the person's settings share: else a forgotten push would not be missed.
OWN_CACHE = "[cache]\n    dir = cache\n"
UV = "uv run --locked"


@dataclass(frozen=True)
class Command:
    """One command of the pipeline, its exit code (None: it was not run), and what it said."""

    command: str
    code: int | None
    seconds: float = 0.0
    said: str = ""


@dataclass(frozen=True)
class Outcome:
    """What the pipeline's commands said of `commit`. `uncommitted` was not part of it; `kept` is the clone's place."""

    commit: str
    branch: str
    base: str
    uncommitted: tuple[str, ...]
    commands: tuple[Command, ...] = ()
    kept: Path | None = None

    @property
    def failed(self) -> Command | None:
        """The first command that failed."""
        return next((each for each in self.commands if each.code), None)


def run_in_clone(project: Project, say: Callable[[str], None], *, keep: bool) -> Outcome:
    """Clone the last commit into a temporary folder and run the pipeline's commands there, in their order.

    `say` is told of each as it begins and ends. The base is the one that `find_base` finds here. With `keep` the clone
    is left. Raises FearlessError where there is no commit, or no base where one is named.
    """
    root = project.root
    uv_program()
    if not is_work_tree(root) or not has_commit(root):
        raise FearlessError(f"{root} has no commit yet, and a clone holds nothing else.", fix="Commit first.")
    base = find_base(project)
    branch = git(["symbolic-ref", "--short", "-q", "HEAD"], root, check=False).stdout.strip()
    outcome = Outcome(
        commit=git(["rev-parse", "HEAD"], root).stdout.strip(),
        branch=branch,
        base=base.commit if base else "",
        uncommitted=_uncommitted(root),
    )
    say(f"A fresh clone of {outcome.commit[:12]} ({branch or 'no branch'})")
    with _folder(keep) as folder:
        clone = _clone(root, folder, branch)
        commands = _Commands(project, clone, folder / "home", outcome.base, say).run()
        return replace(outcome, commands=tuple(commands), kept=clone.root if keep else None)


class _Commands:
    def __init__(
        self, project: Project, clone: Project, home: Path, base: str, say: Callable[[str], None]
    ) -> None:
        self.project = project
        self.clone = clone
        self.base = base
        self.say = say
        # Installing and pulling have this machine's access. What checks and judges finds an empty home.
        self.with_access = _clean(os.environ)
        self.alone = {**self.with_access, **_empty_home(home)}
        self.ran: list[Command] = []

    def run(self) -> list[Command]:
        self._one("uv sync --locked", [uv_program(), "sync", "--locked"], self.with_access)
        toolkits = self._toolkits()
        pulled = False
        if self._content():
            for label, source in toolkits:
                self._check_change(label, source)
            with _access_to_storage(self.project, self.clone):
                wanted = _pulled(self.clone.root)
                self._one(f"{UV} dvc pull", [*self._uv("dvc"), "pull", *wanted], self.with_access)
            pulled = self.ran[-1].code == 0
        for name in ("check", "train --ci"):
            if pulled:
                self._one(f"{UV} fearless {name}", [*self._uv("fearless"), *name.split()], self.alone)
            else:
                self.ran.append(Command(f"{UV} fearless {name}", None))
        trained = self.ran[-1].code == 0
        for label, source in toolkits:
            if trained:
                self._of_toolkit("gate", label, source, self._against(), self.alone)
            else:
                self.ran.append(Command(f"{UV} fearless gate{label}", None))
        return self.ran

    def _toolkits(self) -> list[tuple[str, Path]]:
        """The base's toolkit judges; where the change brings another one, that judges as well."""
        root = self.clone.root
        own = root / "fearless"
        if not self.base:
            return [("", own / "src")]
        tree = self.clone.scratch / "base"  # where the pipeline lays it out as well
        git(["worktree", "add", "--quiet", "--detach", str(tree), self.base], root)
        there = tree / git(["rev-parse", "--show-prefix"], root).stdout.strip() / "fearless"
        if not there.is_dir():
            return [("", own / "src")]
        if (there / "MANIFEST").read_bytes() == (own / "MANIFEST").read_bytes():
            return [("", there / "src")]
        return [(" (the base's toolkit)", there / "src"), (" (the change's toolkit)", own / "src")]

    def _check_change(self, label: str, source: Path) -> None:
        """The template, which proves an update, may ask for this machine's access as well."""
        with_toolkit = {**self.with_access, "PYTHONPATH": str(source), "PYTHONSAFEPATH": "1"}
        command = [*self._uv("python"), "-m", "fearless.cli", "check", "--help"]
        if "--change" in run(command, self.clone.root, with_toolkit).said:
            self._of_toolkit("check", label, source, ["--change", *self._against()], self.with_access)
        else:
            self.say(f"{UV} fearless check --change{label}\n      not run: that toolkit does not know it")

    def _of_toolkit(
        self, name: str, label: str, source: Path, arguments: list[str], environment: Mapping[str, str]
    ) -> None:
        """Run a command of the toolkit at `source`, in the environment that the commit's own lock gives."""
        options = " ".join(part if part != self.base else part[:12] for part in ("", *arguments))
        command = [*self._uv("python"), "-m", "fearless.cli", name, *arguments]
        self._one(
            f"{UV} fearless {name}{options}{label}",
            command,
            {**environment, "PYTHONPATH": str(source), "PYTHONSAFEPATH": "1"},
        )

    def _one(self, name: str, command: list[str], environment: Mapping[str, str]) -> None:
        self.say(name)
        ended = run(command, self.clone.root, environment)
        result = "ok" if ended.code == 0 else f"ended with {ended.code}"
        self.say(f"      {result}  [{ended.seconds:.1f} s]")
        self.ran.append(Command(name, ended.code, round(ended.seconds, 1), ended.said))

    def _uv(self, program: str) -> list[str]:
        return [uv_program(), "run", "--locked", program]

    def _against(self) -> list[str]:
        return ["--base", self.base] if self.base else []

    def _content(self) -> bool:
        return all(each.code == 0 for each in self.ran)


def _pulled(root: Path) -> list[str]:
    """What the pipeline pulls: everything but old releases, as fearless/ci/pull.sh says."""
    kept = ["dvc.yaml", "*/dvc.yaml", "*.dvc", ":!ops/releases"]
    return git(["ls-files", "-z", "--", *kept], root).stdout.split("\0")[:-1]


def _clone(root: Path, folder: Path, branch: str) -> Project:
    """The repository of `root` with its whole history and the branches of its origin, in `folder`."""
    place = folder / "clone"
    place.mkdir()
    top = git(["rev-parse", "--show-toplevel"], root).stdout.strip()
    prefix = git(["rev-parse", "--show-prefix"], root).stdout.strip()
    git(["init", "--quiet"], place)
    git(
        ["fetch", "--quiet", "--update-head-ok", "--update-shallow", top, "+HEAD:refs/fearless/here", *REFS],
        place,
    )
    if branch:
        git(["symbolic-ref", "HEAD", f"refs/heads/{branch}"], place)
        git(["reset", "--quiet", "--hard"], place)
    else:
        git(["checkout", "--quiet", "--detach", "refs/fearless/here"], place)
    return Project(place / prefix)


def _uncommitted(root: Path) -> tuple[str, ...]:
    listing = git(["status", "--porcelain", "-z", "--no-renames", "--", "."], root).stdout
    names = [entry[3:] for entry in listing.split("\0") if entry]
    return tuple(name for name in names if not name.startswith(FOLDER))


@contextmanager
def _folder(keep: bool) -> Iterator[Path]:
    """A temporary folder that goes with the block, or with `keep` stays."""
    if keep:
        yield Path(tempfile.mkdtemp(prefix="fearless-ci-")).resolve()
        return
    with tempfile.TemporaryDirectory(prefix="fearless-ci-", ignore_cleanup_errors=True) as folder:
        yield Path(folder).resolve()


@contextmanager
def _access_to_storage(project: Project, clone: Project) -> Iterator[None]:
    """Lend the clone what .dvc/config.local says of remotes, which git never holds; the rest of it stays here."""
    local = clone.root / ".dvc" / "config.local"
    if not local.parent.is_dir():
        yield
        return
    local.write_text(OWN_CACHE + _remotes(project.root / ".dvc" / "config.local"), encoding="utf-8")
    try:
        yield
    finally:
        local.write_text(OWN_CACHE, encoding="utf-8")


def _remotes(path: Path) -> str:
    config = configparser.RawConfigParser(strict=False)
    try:
        config.read(path, encoding="utf-8")
    except (configparser.Error, UnicodeDecodeError):
        return ""  # DVC itself says what is wrong with it
    return "".join(
        f"[{name}]\n" + "".join(f"    {key} = {value}\n" for key, value in config.items(name))
        for name in config.sections()
        if "remote" in name
    )


def _clean(environment: Mapping[str, str]) -> dict[str, str]:
    """This machine's environment without what marks a pipeline, and without this command's own interpreter."""
    kept = {
        name: value
        for name, value in environment.items()
        if name not in (*OWN, "CI") and not name.startswith(LEFT_OUT)
    }
    if sys.prefix != sys.base_prefix:
        own = Path(sys.executable).parent
        folders = kept.get("PATH", "").split(os.pathsep)
        kept["PATH"] = os.pathsep.join(folder for folder in folders if not folder or Path(folder) != own)
    return kept


def _empty_home(home: Path) -> dict[str, str]:
    """The variables of an empty home. uv keeps its packages, interpreters and settings where they are."""
    settings = home / ".config"
    theirs = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "uv" / "uv.toml"
    (settings / "uv").mkdir(parents=True)
    if theirs.is_file():
        shutil.copy(theirs, settings / "uv")
    places = {"HOME": str(home), "USERPROFILE": str(home), "XDG_CONFIG_HOME": str(settings)}
    for name, folder in (("CACHE", ".cache"), ("DATA", ".local/share"), ("STATE", ".local/state")):
        places[f"XDG_{name}_HOME"] = str(home / folder)
    for name, asked in (("UV_CACHE_DIR", "cache"), ("UV_PYTHON_INSTALL_DIR", "python")):
        ended = run([uv_program(), asked, "dir"], home, os.environ)
        places[name] = ended.said.strip()
    return places
