"""What a change is compared with: the commit it left the default branch at, and the policy there.

A change that brought its own bar could lower it. So the bar is the base's.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from fearless.core.errors import FearlessError
from fearless.core.git import git, is_work_tree
from fearless.core.project import Project
from fearless.core.yaml_file import parse_mapping
from fearless.gate.policy import FILE, Policy, parse

CANDIDATES = ("origin/HEAD", "origin/main", "origin/master", "main", "master")


@dataclass(frozen=True)
class Base:
    """The commit a change started from. `policy` is None where it has no gate.yaml yet."""

    commit: str
    policy: Policy | None


def find_base(project: Project, asked: str = "", environment: Mapping[str, str] = os.environ) -> Base | None:
    """The base of the change in the work tree, or None where there is nothing to compare with.

    `asked` names a commit or branch. Without it the merge request's or pull request's target is taken, and on
    a person's machine the default branch, unless it is the one checked out. Raises FearlessError where a base
    is named, by a person or by CI, and cannot be found: the change's own policy never stands in for it.
    """
    if not is_work_tree(project.root):
        return None
    named = asked or _target(environment)
    if named:
        return _read(project, _merge_base(project, named))
    if environment.get("CI"):
        return None  # a push to a branch: what was merged is judged by what was merged
    for name in CANDIDATES:
        commit = git(["merge-base", name, "HEAD"], project.root, check=False).stdout.strip()
        if commit and (commit != _named(project, "rev-parse", "HEAD") or not _on_default(project)):
            return _read(project, commit)
    return None


def _on_default(project: Project) -> bool:
    """Whether the default branch is checked out: there a person's work tree is judged by its own numbers."""
    branch = _named(project, "symbolic-ref", "--short", "--quiet", "HEAD")
    default = _named(project, "symbolic-ref", "--short", "--quiet", "refs/remotes/origin/HEAD")
    return branch in {default.removeprefix("origin/") or "main", "main", "master"}


def _named(project: Project, *command: str) -> str:
    return git(command, project.root, check=False).stdout.strip()


def _target(environment: Mapping[str, str]) -> str:
    """The target that GitHub or GitLab names for a pull or merge request, else an empty text."""
    if branch := environment.get("GITHUB_BASE_REF"):
        return f"origin/{branch}"
    if environment.get("CI_MERGE_REQUEST_IID"):
        # GitLab's pipeline of merged results holds what the target has gained since: that is no part of the change.
        named = ("CI_MERGE_REQUEST_TARGET_BRANCH_SHA", "CI_MERGE_REQUEST_DIFF_BASE_SHA")
        branch = environment.get("CI_MERGE_REQUEST_TARGET_BRANCH_NAME", "main")
        return next(filter(None, map(environment.get, named)), f"origin/{branch}")
    return ""


def _merge_base(project: Project, named: str) -> str:
    found = git(["merge-base", named, "HEAD"], project.root, check=False)
    if found.returncode == 0 and found.stdout.strip():
        return found.stdout.strip()
    shallow = git(["rev-parse", "--is-shallow-repository"], project.root).stdout.strip() == "true"
    raise FearlessError(
        f"The base of this change cannot be found: {'this clone is shallow and ' if shallow else ''}there is no"
        f" common commit with {named}.",
        fix="Fetch the whole history (`git fetch --unshallow`)."
        if shallow
        else f"Fetch it: `git fetch origin {named.removeprefix('origin/')}`.",
    )


def _read(project: Project, commit: str) -> Base:
    shown = git(["show", f"{commit}:./{FILE}"], project.root, check=False)
    if shown.returncode != 0:
        return Base(commit, None)
    name = f"{FILE} of the base {commit[:12]}"
    try:
        return Base(commit, parse(parse_mapping(shown.stdout, name)))
    except FearlessError as error:
        raise FearlessError(f"The policy that must judge, {name}, cannot be read: {error}") from None
