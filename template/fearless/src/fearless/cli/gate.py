"""`fearless gate`: judge, write the reports, print the verdict."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import get_args

from fearless.core.atomic import write_text
from fearless.core.errors import FearlessError
from fearless.core.project import Project
from fearless.gate.policy import Mode
from fearless.pipeline.judge import judge_candidate
from fearless.report.markdown import markdown
from fearless.report.text import show

REPORTS = "gate"


def judge_and_print(
    project: Project, *, mode: str = "pull_request", base: str = "", summary: str = "", as_json: bool = False
) -> int:
    """Judge models/candidate, write .fearless/gate/report.{json,md}, print the result; returns the exit code."""
    modes = get_args(Mode)
    if mode not in modes:
        raise FearlessError(f"There is no mode `{mode}`.", fix=f"Choose one of {', '.join(modes)}.")
    folder = project.scratch / REPORTS
    # Whatever happens now, no report of yesterday can pass for today's.
    shutil.rmtree(folder, ignore_errors=True)
    report = judge_candidate(project, "release" if mode == "release" else "pull_request", base)
    text = markdown(report.to_dict())
    write_text(folder / "report.json", report.to_json())
    write_text(folder / "report.md", text)
    if summary:
        with Path(summary).open("a", encoding="utf-8") as file:
            file.write(text + "\n")
    if as_json:
        print(report.to_json(), end="")
    else:
        show(report.to_dict())
    return report.exit_code
