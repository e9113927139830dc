"""`fearless gate --predictions FILE`: judge scores that stand in a file, with no model and no repository."""

from __future__ import annotations

import json
from pathlib import Path
from typing import get_args

from fearless.cli.gate import print_report, remove_reports, write_reports
from fearless.core.errors import FearlessError
from fearless.gate.policy import FILE, Mode
from fearless.pipeline.judge_predictions import ENGINES, TASKS, Asked, judge_predictions

SCRATCH = Path(".fearless")
# What a folder of reports may hold; one with anything else is not ours to replace.
REPORTS = {"report.html", "report.md", "junit.xml", "report.json"}


def judge_file_and_print(
    file: Path,
    *,
    policy: str = "",
    task: str = "",
    group: str = "",
    engine: str = "auto",
    out: str = "",
    mode: str = "pull_request",
    summary: str = "",
    as_json: bool = False,
) -> int:
    """Judge the predictions in `file`, write the four reports into `out`, print the result; returns the exit code.

    `out` is `.fearless/predictions` below the working directory where none is named: the reports of models/candidate
    in `.fearless/gate` stay what they are.
    """
    folder = _folder(out)
    remove_reports(folder)
    for what, given, known in (
        ("mode", mode, get_args(Mode)),
        ("engine", engine, ENGINES),
        ("task", task, ("", *TASKS)),
    ):
        if given not in known:
            names = ", ".join(each for each in known if each)
            raise FearlessError(f"There is no {what} `{given}`.", fix=f"Choose one of {names}.")
    if summary:
        Path(summary).open("a", encoding="utf-8").close()
    asked = Asked(
        file=file,
        policy=Path(policy or FILE),
        mode="release" if mode == "release" else "pull_request",
        task=task,
        group=group,
        engine=engine,
        room=folder.parent,
    )
    report = judge_predictions(asked)
    text = report.to_json()
    content = json.loads(text)
    write_reports(folder, content, text)
    print_report(content, text, summary=summary, as_json=as_json)
    return report.exit_code


def _folder(out: str) -> Path:
    if not out:
        SCRATCH.mkdir(exist_ok=True)
        ignore = SCRATCH / ".gitignore"
        if not ignore.is_file():
            ignore.write_text("*\n", encoding="utf-8", newline="\n")
        return SCRATCH / "predictions"
    folder = Path(out)
    if folder.exists() and (not folder.is_dir() or {each.name for each in folder.iterdir()} - REPORTS):
        raise FearlessError(
            f"{out} holds something else than reports of the gate, and would be replaced as a whole.",
            fix="Name a folder that is not there yet.",
        )
    folder.parent.mkdir(parents=True, exist_ok=True)
    return folder
