"""The one table of the actions that the workflows use, and what stands for each here.

What these equivalents do not prove: the actions' own code, the caches, the tokens and their rights.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from uv import find_uv_bin

from .engine import HarnessError
from .sandbox import Action, ActionError, Sandbox


def checkout(job: Sandbox, asked: dict[str, str]) -> str:
    """Fetch the event's commit from the bare repository, with the depth that is asked (1, as the action's default)."""
    depth = asked.pop("fetch-depth", "1")
    asked.pop("persist-credentials", "true")  # a folder on the disk asks for none
    _refuse("actions/checkout", asked)
    event = job.event
    remote_ref = event.ref.replace("refs/heads/", "refs/remotes/origin/").replace(
        "refs/pull/", "refs/remotes/pull/"
    )
    wanted = [f"+{event.sha}:{remote_ref}"]
    how = [f"--depth={depth}"]
    if depth == "0":
        how = []
        wanted = ["+refs/heads/*:refs/remotes/origin/*", "+refs/tags/*:refs/tags/*", *wanted]
    job.git("init", "--quiet", "--initial-branch=main")
    job.git("remote", "add", "origin", event.remote.as_uri())
    job.git("fetch", "--quiet", "--no-tags", "--prune", *how, "origin", *wanted)
    job.git("checkout", "--quiet", "--force", "--detach", event.sha)
    return f"checked out {event.sha}, depth {depth}"


def setup_uv(job: Sandbox, asked: dict[str, str]) -> str:
    """Put uv on the PATH of the steps that follow; it must be the version that the workflow asks for."""
    version = asked.pop("version", "")
    _refuse("astral-sh/setup-uv", asked)
    program = Path(find_uv_bin())
    said = subprocess.run(
        [program, "--version"], check=True, capture_output=True, encoding="utf-8"
    ).stdout.strip()
    if version and said.split()[1] != version:
        raise HarnessError(f"the workflow asks for uv {version}, and these tests have {said}")
    tools = job.folder / "tools"
    tools.mkdir()
    (tools / "uv").symlink_to(program)
    job.path.insert(0, str(tools))
    return said


def upload_artifact(job: Sandbox, asked: dict[str, str]) -> str:
    """Copy what is named to the run's artifacts; hidden files, nothing found and a name in use as the action does."""
    name = asked.pop("name", "artifact")
    hidden = asked.pop("include-hidden-files", "false") == "true"
    otherwise = asked.pop("if-no-files-found", "warn")
    overwrite = asked.pop("overwrite", "false") == "true"
    paths = asked.pop("path").split("\n")
    asked.pop("retention-days", "")
    _refuse("actions/upload-artifact", asked)
    found: list[tuple[Path, Path]] = []
    for each in filter(None, (line.strip() for line in paths)):
        if set(each) & set("*?[]!"):
            raise HarnessError(f"actions/upload-artifact: the pattern {each!r} is not done here")
        start = job.workspace / each
        files = [start] if start.is_file() else [file for file in start.rglob("*") if file.is_file()]
        base = start.parent if start.is_file() else start
        found += [
            (file, file.relative_to(base)) for file in sorted(files) if hidden or not _is_hidden(file, job)
        ]
    if not found:
        if otherwise == "error":
            raise ActionError("No files were found with the provided path.")
        return "No files were found with the provided path." if otherwise == "warn" else ""
    folder = job.artifacts / name
    if folder.exists() and not overwrite:
        raise ActionError(f"an artifact with the name {name} exists already")
    for file, path in found:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(file, folder / path)
    return f"{len(found)} files kept as {name}"


ACTIONS: Mapping[str, Action] = {
    "actions/checkout": checkout,
    "actions/upload-artifact": upload_artifact,
    "astral-sh/setup-uv": setup_uv,
}


def _is_hidden(file: Path, job: Sandbox) -> bool:
    return any(part.startswith(".") for part in file.relative_to(job.workspace).parts)


def _refuse(action: str, asked: dict[str, str]) -> None:
    if asked:
        raise HarnessError(f"{action} is used with {', '.join(asked)}, which its equivalent does not do")
