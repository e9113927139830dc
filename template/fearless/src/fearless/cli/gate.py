"""`fearless gate`: judge, write the reports, print the verdict."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

from fearless.core.atomic import replaced_folder
from fearless.core.errors import FearlessError
from fearless.core.project import Project
from fearless.gate.policy import FILE, Mode
from fearless.report.annotations import error_lines
from fearless.report.html import html
from fearless.report.junit import junit
from fearless.report.markdown import markdown
from fearless.report.text import show

REPORTS = "gate"


def judge_and_print(
    project: Project, *, mode: str = "pull_request", base: str = "", summary: str = "", as_json: bool = False
) -> int:
    """Judge models/candidate, write .fearless/gate/, print the result; returns the exit code.

    The folder holds report.{json,html,md} and junit.xml, all of them or none. In a GitHub workflow the failed
    checks are also written to standard error as annotations.
    """
    from fearless.pipeline.judge import judge_candidate  # what it imports is not needed to judge a file
    from fearless.pipeline.production import production_notes

    folder = project.scratch / REPORTS
    remove_reports(folder)
    modes = get_args(Mode)
    if mode not in modes:
        raise FearlessError(f"There is no mode `{mode}`.", fix=f"Choose one of {', '.join(modes)}.")
    if summary:
        Path(summary).open(
            "a", encoding="utf-8"
        ).close()  # one that cannot be written to ends it before the judging
    report = judge_candidate(project, "release" if mode == "release" else "pull_request", base)
    report = replace(report, notes=[*report.notes, *production_notes(project)])
    content, text = report.to_dict(), report.to_json()
    write_reports(folder, content, text)
    print_report(content, text, summary=summary, as_json=as_json)
    if os.environ.get("GITHUB_ACTIONS") == "true":
        for line in error_lines(content, _in_repository(project, os.environ)):
            print(line, file=sys.stderr)
    return report.exit_code


def remove_reports(folder: Path) -> None:
    """Remove the reports of the run before: whatever happens now, none of yesterday can pass for today's.

    Raises FearlessError where they stay.
    """
    if folder.is_symlink():
        folder.unlink()
    shutil.rmtree(folder, ignore_errors=True)
    if folder.exists():
        raise FearlessError(
            f"The reports of the run before in {folder} cannot be removed, and may say what is not true any more.",
            fix="Remove that folder, or let this user do it.",
        )


def print_report(content: dict[str, Any], text: str, *, summary: str, as_json: bool) -> None:
    """Print the report, whose `content` and `text` are those of report.json, and add it to the file `summary`."""
    if summary:
        with Path(summary).open("a", encoding="utf-8") as file:
            file.write(markdown(content) + "\n")
    if as_json:
        print(text, end="")
    else:
        show(content)


def write_reports(folder: Path, content: dict[str, Any], text: str) -> None:
    """Put every form of the report into `folder`, which is replaced as a whole; report.json comes last."""
    with replaced_folder(folder) as made:
        for name, written in (
            ("report.html", html(content)),
            ("report.md", markdown(content)),
            ("junit.xml", junit(content)),
            ("report.json", text),
        ):
            (made / name).write_bytes(written.encode("utf-8"))


def _in_repository(project: Project, environment: Mapping[str, str]) -> str:
    """Where gate.yaml is for GitHub, which counts from the root of the git repository."""
    checkout = Path(environment.get("GITHUB_WORKSPACE") or project.root).resolve()
    file = project.root.resolve() / FILE
    return file.relative_to(checkout).as_posix() if file.is_relative_to(checkout) else FILE
