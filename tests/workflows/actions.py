"""The one table of the actions that the workflows use, and what stands for each here.

What these equivalents do not prove: the actions' own code, and the caches.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from uv import find_uv_bin

from .engine import HarnessError
from .sandbox import Action, ActionError, Sandbox


def checkout(job: Sandbox, asked: dict[str, str]) -> str:
    """Fetch the event's commit, or what `ref` names, with the depth that is asked (1, as the action's default).

    The repository is taken for a private one: without `contents: read` there is nothing to fetch. A branch is checked
    out as a branch, everything else detached. Where the run has a stand-in of GitHub, that is the origin.
    """
    depth = asked.pop("fetch-depth", "1")
    ref = asked.pop("ref", "")
    if asked.pop("persist-credentials", "true") != "false":
        raise HarnessError("actions/checkout keeps the token in the clone, and no workflow here wants that")
    _refuse("actions/checkout", asked)
    event = job.event
    if not job.grant.may("contents", "read"):
        raise ActionError("remote: Repository not found: the job's token lacks contents: read.")
    branch = (ref or event.ref).removeprefix("refs/heads/") if _is_branch(ref or event.ref) else ""
    commit = event.sha if not ref else "" if branch else ref
    name = f"origin/{branch}" if branch else "origin/asked" if ref else event.ref.removeprefix("refs/")
    wanted = [f"+{commit or f'refs/heads/{branch}'}:refs/remotes/{name}"]
    how = [f"--depth={depth}"]
    if depth == "0":
        how = []
        every = ["+refs/heads/*:refs/remotes/origin/*", "+refs/tags/*:refs/tags/*"]
        wanted = every if branch else [*every, *wanted]
    job.git("init", "--quiet", "--initial-branch=main")
    job.git("remote", "add", "origin", event.remote.as_uri())
    job.git("fetch", "--quiet", "--no-tags", "--prune", *how, "origin", *wanted)
    at = ["-B", branch] if branch else ["--detach"]
    job.git("checkout", "--quiet", "--force", *at, commit or f"refs/remotes/{name}")
    if job.grant.hub:
        job.git("remote", "set-url", "origin", job.grant.hub.origin)
    return f"checked out {job.git('rev-parse', 'HEAD')}, depth {depth}"


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
    job.handed_on["artifact-id"] = str(1 + sorted(job.artifacts.iterdir()).index(folder))
    return f"{len(found)} files kept as {name}"


def download_artifact(job: Sandbox, asked: dict[str, str]) -> str:
    """Copy one artifact of this run into the workspace; one that nobody kept is an error, as with the action."""
    name, path = asked.pop("name"), asked.pop("path", ".")
    _refuse("actions/download-artifact", asked)
    if not (job.artifacts / name).is_dir():
        raise ActionError(f"Artifact not found for name: {name}")
    shutil.copytree(job.artifacts / name, job.workspace / path, dirs_exist_ok=True)
    job.handed_on["download-path"] = str(job.workspace / path)
    return f"{name} is in {path}"


def create_github_app_token(job: Sandbox, asked: dict[str, str]) -> str:
    """A token of the app that the stand-in of GitHub knows, with the rights that are asked and no others."""
    app, key = asked.pop("client-id"), asked.pop("private-key")
    rights = {
        name.removeprefix("permission-"): asked.pop(name)
        for name in [*asked]
        if name.startswith("permission-")
    }
    _refuse("actions/create-github-app-token", asked)
    if job.grant.hub is None:
        raise HarnessError("actions/create-github-app-token needs a run with a stand-in of GitHub")
    token = job.grant.hub.app_token(app, key, rights)
    if token is None:
        raise ActionError("The app is not known with this key, or asks for more than it was granted.")
    job.handed_on |= {"token": token, "app-slug": "fearless-app"}
    return "made a token"


ACTIONS: Mapping[str, Action] = {
    "actions/checkout": checkout,
    "actions/create-github-app-token": create_github_app_token,
    "actions/download-artifact": download_artifact,
    "actions/upload-artifact": upload_artifact,
    "astral-sh/setup-uv": setup_uv,
}


def _is_branch(ref: str) -> bool:
    return ref.startswith("refs/heads/") or not re.fullmatch(r"refs/.*|[0-9a-f]{40}", ref)


def _is_hidden(file: Path, job: Sandbox) -> bool:
    return any(part.startswith(".") for part in file.relative_to(job.workspace).parts)


def _refuse(action: str, asked: dict[str, str]) -> None:
    if asked:
        raise HarnessError(f"{action} is used with {', '.join(asked)}, which its equivalent does not do")
