"""DVC, called in this process: a second call then costs hundredths of a second instead of most of one."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from fearless.core.errors import FearlessError


def dvc(arguments: Sequence[str], root: Path) -> str:
    """Run a DVC command in `root` and return what it printed; a failure becomes a FearlessError."""
    code, printed, errors = _run(arguments, root)
    if code != 0:
        said = errors[-1] if errors else "it gave no reason"
        raise FearlessError(f"`dvc {arguments[0]}` failed: {said}")
    return printed


def dvc_json(arguments: Sequence[str], root: Path) -> Any:
    """Run a DVC command with `--json` and return what it printed, parsed."""
    printed = dvc([*arguments, "--json"], root)
    return json.loads(printed or "{}")


def _run(arguments: Sequence[str], root: Path) -> tuple[int, str, list[str]]:
    with contextlib.chdir(root), _own_programs_first(), _collected_errors() as errors:
        from dvc.cli import main

        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            code = main([*arguments, "--quiet"] if "--json" not in arguments else list(arguments))
    return code, printed.getvalue(), errors


@contextlib.contextmanager
def _own_programs_first() -> Iterator[None]:
    """Let the stages' `fearless` be the one of this environment, also when it is not activated."""
    before = os.environ.get("PATH", "")
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), before])
    try:
        yield
    finally:
        os.environ["PATH"] = before


@contextlib.contextmanager
def _collected_errors() -> Iterator[list[str]]:
    """Collect what DVC logs as an error: with `--quiet` it still logs, and its handlers print nothing."""
    errors: list[str] = []

    class Collect(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            cause = record.exc_info[1] if record.exc_info else None
            text = record.getMessage() or str(cause or "")
            if text and cause and str(cause) not in text:
                text = f"{text}: {cause}"
            errors.append(" ".join((text or str(cause)).split()))

    handler = Collect(level=logging.ERROR)
    logger = logging.getLogger("dvc")
    logger.addHandler(handler)
    try:
        yield errors
    finally:
        logger.removeHandler(handler)
