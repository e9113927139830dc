"""`fearless release`: judge, look at what is open, make the bundle and the change that brings it."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime
from typing import Any

from fearless.cli.checklist import WIDEST, open_text
from fearless.cli.gate import REPORTS, write_reports
from fearless.core.branch import default_branch
from fearless.core.errors import FearlessError
from fearless.core.git import git
from fearless.core.project import Project
from fearless.gate.findings import Report, Verdict
from fearless.guard.question import read_question
from fearless.pipeline.judge import judge_candidate
from fearless.report.visible import visible
from fearless.ship.checklist import Checklist, State, compute
from fearless.ship.concern import concern_file
from fearless.ship.deploy import LONGEST
from fearless.ship.record import whoever
from fearless.ship.release import Plan, Prepared, merge, plan_release, prepare

MERGED = "It is merged into {here}: that was the release. Next: {push}`uv run fearless deploy`."
TO_MERGE = """\
Merging the branch {branch} is the release:
  git push origin {branch}        and open a {request} request
  or, without a server: uv run fearless release --merge
Then: uv run fearless deploy"""


def run_release(project: Project, *, into_here: bool, break_glass: str | None, as_json: bool) -> int:
    """Prepare, and with `into_here` merge, a release of the candidate; returns 1 where something is open."""
    if break_glass is not None and not break_glass.strip():
        raise FearlessError(
            "`--break-glass` needs a reason.", fix='Say why: `--break-glass "the old one misprices"`.'
        )
    why = visible(break_glass or "", LONGEST)
    plan = plan_release(project)
    if into_here and not plan.here:
        raise FearlessError(
            "No branch is checked out, so there is none to merge into.", fix="`git switch main`."
        )
    if into_here and plan.here != (default := default_branch(project.root).removeprefix("origin/")):
        raise FearlessError(
            f"`{plan.here}` is checked out, and a release is what is merged into `{default}`.",
            fix=f"`git switch {default}`, or leave `--merge` out.",
        )
    report = _judged(project)
    computed = compute(project)
    if computed.open and not why:
        _tell_open(plan, report, computed, as_json)
        return 1
    items = computed.to_dict()["items"]
    beside = {}
    if why:
        said = f"{plan.version} was released in spite of {_names(computed.open)}: {why}"
        path, text = concern_file(said, whoever(project), datetime.now(UTC), kind="break-glass")
        beside = {path: text.encode()}
    prepared = prepare(project, plan, report, items, _question(project), why, beside)
    if into_here:
        merge(project, prepared, plan)
    _tell(project, prepared, plan, into_here, as_json)
    return 0


def _judged(project: Project) -> Report:
    """The gate in the mode of a release, with its reports written as `fearless gate` does."""
    folder = project.scratch / REPORTS
    shutil.rmtree(folder, ignore_errors=True)
    report = judge_candidate(project, "release")
    write_reports(folder, report.to_dict(), report.to_json())
    return report


def _question(project: Project) -> dict[str, Any]:
    try:
        return read_question(project).answers
    except FearlessError:
        return {}  # the card says so


def _names(states: list[State]) -> str:
    return ", ".join(state.id for state in states) or "nothing open"


def _tell_open(plan: Plan, report: Report, computed: Checklist, as_json: bool) -> None:
    if as_json:
        told = [
            {"id": each.id, "title": each.title, "who": each.who, "mend": each.mend} for each in computed.open
        ]
        print(json.dumps({"version": 1, "released": False, "open": told}, indent=2, ensure_ascii=False))
        return
    if report.verdict is not Verdict.PASS:
        print(
            f"The gate says {report.verdict.value}: {report.errors[0] if report.errors else report.summary}\n"
        )
    print(open_text(computed, shutil.get_terminal_size((WIDEST, 24)).columns))
    print(f"\n{plan.version} is not released, and nothing was changed.")


def _tell(project: Project, prepared: Prepared, plan: Plan, merged: bool, as_json: bool) -> None:
    release = prepared.release
    if as_json:
        told = {
            "version": 1,
            "released": True,
            "release": release.release,
            "model_sha256": release.model_sha256,
            "branch": "" if merged else prepared.branch,
            "commit": prepared.commit,
            "merged_into": plan.here if merged else "",
        }
        print(json.dumps(told, indent=2, ensure_ascii=False))
        return
    print(f"{release.release}: {visible(release.model_name)}, SHA-256 {release.model_sha256}")
    print(f"The gate says {release.verdict}; {_counted(release.items)}.")
    if release.break_glass:
        print(
            f"Released in spite of what was open, which is recorded and opened a concern: {release.break_glass}"
        )
    print(
        f"The bundle is {release.folder}/: {', '.join(sorted(release.files))}, release.json, the model by DVC.\n"
    )
    if merged:
        has_origin = git(["remote", "get-url", "origin"], project.root, check=False).returncode == 0
        print(MERGED.format(here=visible(plan.here), push="`git push`, then " if has_origin else ""))
    else:
        request = "merge" if project.answers.get("ci") == "gitlab" else "pull"
        print(TO_MERGE.format(branch=prepared.branch, request=request))


def _counted(items: list[dict[str, Any]]) -> str:
    done = sum(item["state"] == "done" for item in items)
    asked = sum(item["state"] != "not asked" for item in items)
    return f"{done} of {asked} items of the checklist are done"
