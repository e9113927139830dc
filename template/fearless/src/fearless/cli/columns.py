"""`fearless columns`: draft and show."""

from __future__ import annotations

import json
from pathlib import Path

from fearless.columns import dictionary as dictionaries
from fearless.columns.draft import draft
from fearless.core.atomic import write_text
from fearless.core.errors import FearlessError
from fearless.core.project import Project
from fearless.core.yaml_file import read_mapping


def draft_columns(project: Project, file: Path, *, target: str, replace: bool) -> str:
    """Write columns.yaml drafted from `file`; a dictionary that describes columns is replaced only when told to."""
    path = project.root / dictionaries.FILE
    content = read_mapping(path, dictionaries.FILE, as_text=True)
    if content.get("columns") and not replace:
        raise FearlessError(
            f"{dictionaries.FILE} describes columns already.",
            fix="Replace it with --replace; git keeps what was committed.",
        )
    if not file.is_file():
        raise FearlessError(f"There is no file {file}.", fix="Name a CSV or Parquet file.")
    chosen = target or str(content.get("target") or project.answers.get("target_column") or "")
    if not chosen:
        raise FearlessError("Which column is to be predicted?", fix="Name it with --target.")
    text = draft(file, chosen)
    write_text(path, text)
    return (
        f"{dictionaries.FILE} drafted from {file.name}: {text.count('TODO what')} columns.\n"
        "Now open it, replace each TODO, and look hard at `known_at_prediction`; `uv run fearless columns show` says"
        " what is open.\nThen: uv run fearless start"
    )


def show_columns(project: Project, *, as_json: bool) -> int:
    """Print the dictionary and its gaps; returns 1 when there are any."""
    dictionary = dictionaries.read_open(project.root)
    gaps = dictionaries.gaps(dictionary)
    if as_json:
        open_ones = [{"column": gap.column, "what": gap.what, "fix": gap.fix} for gap in gaps]
        print(
            json.dumps(
                {**dictionary.model_dump(mode="json"), "open": open_ones}, indent=2, ensure_ascii=False
            )
        )
        return 1 if gaps else 0
    from rich.console import Console
    from rich.table import Table

    table = Table(
        "column", "type", "known", "what it holds", title=f"{dictionary.task}: predict {dictionary.target}"
    )
    for name, column in dictionary.columns.items():
        known = "yes" if column.known_at_prediction else "no"
        why = f" [not known: {column.reason}]" if column.reason else ""
        table.add_row(name, column.type, known, (column.description + why).replace("[", r"\["))
    Console().print(table)
    for gap in gaps:
        where = f"{gap.column}: " if gap.column else ""
        print(f"open: {where}{gap.what}. {gap.fix}")
    return 1 if gaps else 0
