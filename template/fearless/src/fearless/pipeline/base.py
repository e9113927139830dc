"""What a change is compared with: the policy of the commit it left the default branch at, and the files it touches.

A change that brought its own bar could lower it. So the bar is the base's, and what the change loosens is named.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from fearless.core.errors import FearlessError
from fearless.core.git import git, is_work_tree
from fearless.core.project import Project
from fearless.core.yaml_file import parse_mapping
from fearless.gate.findings import Check, Verdict
from fearless.gate.loosened import loosened
from fearless.gate.policy import FILE, Policy, load, parse

POINTER = "data/golden.dvc"
# What makes another model: a looser bar must not arrive together with any of it.
MODEL = ("src/", "params.yaml", "columns.yaml", "dvc.yaml", "dvc.lock", "data/", "models/")
# What must not arrive together with other golden data. dvc.lock follows the golden data and may.
BESIDE_GOLDEN = (
    "src/",
    "params.yaml",
    "columns.yaml",
    "dvc.yaml",
    "gate.yaml",
    "data/raw.dvc",
    "models/champion.dvc",
)
TEMPLATE = ("fearless/", ".github/workflows/fearless-", ".gitlab/fearless/")
ANSWERS = ".copier-answers.yml"
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
        if commit and commit != git(["rev-parse", "HEAD"], project.root).stdout.strip():
            return _read(project, commit)
    return None


def changes(project: Project, base: Base, task: str) -> list[Check]:
    """One check each for a loosened policy, other golden data and edited files of the template, where there are any."""
    touched = _touched(project, base)
    found = _template(project, base, [name for name in touched if name.startswith(TEMPLATE)])
    if base.policy is not None:
        looser = loosened(base.policy, load(project.root / FILE), task)
        if looser:
            found.append(_alone(FILE, "asks for less", looser, [n for n in touched if n.startswith(MODEL)]))
    known = git(["cat-file", "-e", f"{base.commit}:./{POINTER}"], project.root, check=False).returncode == 0
    if known and POINTER in touched:
        company = [name for name in touched if name.startswith(BESIDE_GOLDEN)]
        found.append(_alone(POINTER, "names other golden data", [], company))
    return found


def _template(project: Project, base: Base, edited: list[str]) -> list[Check]:
    """The toolkit that judges is the template's: it changes with a release of the template and in no other way."""
    if not edited:
        return []
    shown = git(["show", f"{base.commit}:./{ANSWERS}"], project.root, check=False)
    before = parse_mapping(shown.stdout, f"{ANSWERS} of the base") if shown.returncode == 0 else {}
    if before.get("_commit") != project.answers.get("_commit") or not before:
        return []
    more = f" and {len(edited) - 3} more" if len(edited) > 3 else ""
    sentence = (
        f"The template's files differ from the base: {', '.join(edited[:3])}{more}. {ANSWERS} names the same release,"
        " so this is an edit and no update."
    )
    return [_check("template.unedited", "template", "unedited", Verdict.FAIL, sentence)]


def _target(environment: Mapping[str, str]) -> str:
    """The target that GitHub or GitLab names for a pull or merge request, else an empty text."""
    if branch := environment.get("GITHUB_BASE_REF"):
        return f"origin/{branch}"
    if environment.get("CI_MERGE_REQUEST_IID"):
        return environment.get("CI_MERGE_REQUEST_DIFF_BASE_SHA") or "origin/" + environment.get(
            "CI_MERGE_REQUEST_TARGET_BRANCH_NAME", "main"
        )
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


def _touched(project: Project, base: Base) -> list[str]:
    """The files that differ from the base in the work tree, committed or not, relative to the project."""
    differ = git(["diff", "--name-only", "-z", "--relative", base.commit, "--", "."], project.root).stdout
    new = git(["ls-files", "--others", "--exclude-standard", "-z", "--", "."], project.root).stdout
    return sorted({name for name in (differ + new).split("\0") if name})


def _alone(file: str, does: str, details: list[str], company: list[str]) -> Check:
    listed = f": {'; '.join(details)}" if details else ""
    judged = " This change is judged by the base's." if file == FILE else ""
    if not company:
        sentence = f"{file} {does}{listed}, in a change of its own.{judged}"
    else:
        more = f" and {len(company) - 3} more" if len(company) > 3 else ""
        sentence = f"{file} {does}{listed}, together with {', '.join(company[:3])}{more}.{judged}"
    return _check(f"{file}.alone", file, "alone", Verdict.FAIL if company else Verdict.PASS, sentence)


def _check(name: str, of: str, rule: str, verdict: Verdict, sentence: str) -> Check:
    return Check(
        id=name,
        kind="change",
        metric=of,
        of="value",
        against=None,
        rule=rule,
        limit=0.0,
        verdict=verdict,
        sentence=sentence,
    )
