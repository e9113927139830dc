"""A gate report on a terminal: the verdict first, then what decided, then the models side by side.

With colours and boxes where a person looks at it, as aligned text in a log or a pipe.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any, TextIO

from fearless.report.rows import CHECK_HEADER, check_rows, model_header, model_rows
from fearless.report.visible import printable
from fearless.report.words import without_model

COLOURS = {"PASS": "green", "FAIL": "red", "INCONCLUSIVE": "yellow", "ERROR": "magenta"}
UNPRINTED = ("slices", "worst_slice", "curves", "policy", "context")


def show(report: dict[str, Any], stream: TextIO | None = None) -> None:
    """Print the plain content of report.json to `stream` (standard output by default)."""
    stream = stream or sys.stdout
    if stream is None:  # closed by whoever called: the exit code and the files tell
        return
    if stream.isatty():
        _show_rich(_printable(report), stream)
    else:
        encoding = stream.encoding or "utf-8"
        # A pipe on Windows may not know the letters of a feature's name: show a ? rather than fail.
        stream.write(plain(report).encode(encoding, "replace").decode(encoding))


def plain(report: dict[str, Any]) -> str:
    """The report as aligned text without colours, ending with a line feed."""
    report = _printable(report)
    parts = [f"{report['verdict']}: {report['summary']}"]
    parts += [f"- {error}" for error in report["errors"][1:]]
    parts += [f"- {each['sentence']}" for each in report.get("sets") or []]
    if report["checks"]:
        parts += ["", *_aligned(CHECK_HEADER, check_rows(report))]
        open_checks = [check["sentence"] for check in report["checks"] if _is_told(check)]
        parts += ["", *(f"- {sentence}" for sentence in open_checks)] if open_checks else []
    if report["models"]:
        parts += ["", *_aligned(model_header(report), model_rows(report))]
    if told := without_model(report):
        parts += ["", " ".join(("Without a model:", *filter(None, told)))]
    if report["notes"]:
        parts += ["", *report["notes"]]
    if trial := report.get("trial"):
        parts += ["", f"Not in force: {trial['sentence']}", *(f"  {each}" for each in trial["differs"])]
    parts += ["", *(f"Next: {step}" for step in report["next"])]
    return "\n".join(parts) + "\n"


def _is_told(check: dict[str, Any]) -> bool:
    """What the change does to its own judges is told also where it is let through: a bar that is lowered, say."""
    return bool(check["verdict"] != "PASS" or check["kind"] == "change")


def _printable(report: dict[str, Any]) -> dict[str, Any]:
    """The report with every text that is printed harmless for a terminal and for the log of a CI system."""
    return {key: each if key in UNPRINTED else _each_printable(each) for key, each in report.items()}


def _each_printable(content: Any) -> Any:
    if isinstance(content, str):
        return printable(content)
    if isinstance(content, list):
        return [_each_printable(each) for each in content]
    if isinstance(content, dict):
        return {key: _each_printable(each) for key, each in content.items()}
    return content


def _aligned(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(line[at]) for line in (header, *rows)) for at in range(len(header))]
    lines = [header, ["-" * width for width in widths], *rows]
    padded = ([cell.ljust(width) for cell, width in zip(line, widths, strict=True)] for line in lines)
    return ["  ".join(cells).rstrip() for cells in padded]


def _show_rich(report: dict[str, Any], stream: TextIO) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(file=stream, highlight=False)
    colour = COLOURS[report["verdict"]]
    verdict = (f" {report['verdict']} ", f"bold reverse {colour}")
    console.print(Text.assemble(verdict, f" {report['summary']}"))
    for error in report["errors"][1:]:
        console.print(Text(f"- {error}"))
    for each in report.get("sets") or []:
        console.print(Text(f"- {each['sentence']}", style=COLOURS.get(each["verdict"], "")))
    tables = (
        ("What decided", CHECK_HEADER, check_rows(report)),
        ("The models", model_header(report), model_rows(report)),
    )
    for title, header, rows in tables:
        if not rows:
            continue
        table = Table(title=title, title_justify="left", header_style="bold")
        for name in header:
            table.add_column(Text(name))
        for row in rows:
            table.add_row(*(Text(cell, style=COLOURS.get(cell, "")) for cell in row))
        console.print()
        console.print(table)
        if header is CHECK_HEADER:
            for check in report["checks"]:
                if _is_told(check):
                    console.print(Text(f"- {check['sentence']}", style=COLOURS[check["verdict"]]))
    console.print()
    if told := without_model(report):
        console.print(Text.assemble(("Without a model: ", "bold"), " ".join(filter(None, told))))
    for note in report["notes"]:
        console.print(Text(note, style="dim"))
    if trial := report.get("trial"):
        console.print(Text(f"Not in force: {trial['sentence']}", style="dim"))
        for each in trial["differs"]:
            console.print(Text(f"  {each}", style="dim"))
    for step in report["next"]:
        console.print(Text.assemble(("Next: ", "bold"), step))
