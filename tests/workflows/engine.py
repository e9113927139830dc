"""GitHub's own expression engine, asked from Python: a Node process that answers one line for each line."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

HERE = Path(__file__).resolve().parent
PARTS = ("package.json", "package-lock.json", "expressions.mjs")


class HarnessError(Exception):
    """The workflow uses something that the harness does not do: that fails a test, it is never passed over."""


def install(folder: Path) -> None:
    """Install the engine into `folder` from its lock, so that nothing appears beside the tests."""
    for part in PARTS:
        shutil.copy(HERE / part, folder)
    command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    done = subprocess.run(command, cwd=folder, capture_output=True, encoding="utf-8")
    if done.returncode != 0:
        raise HarnessError(f"`npm ci` failed: {done.stdout}{done.stderr}")


class Engine:
    """Evaluates expressions; a context manager that ends its process."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._process = subprocess.Popen(
            ["node", "expressions.mjs"],
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            encoding="utf-8",
        )

    def __enter__(self) -> Engine:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.communicate(timeout=30)

    def text(self, source: object, contexts: Mapping[str, Any], workspace: Path | None = None) -> str:
        """A value of the workflow as the text GitHub makes of it, with each ${{ }} replaced."""
        plain = json.dumps(source) if isinstance(source, bool | int | float) else str(source)
        return str(self._ask("text", plain, contexts, None, workspace)) if "${{" in plain else plain

    def value(self, source: str, contexts: Mapping[str, Any]) -> Any:
        """One expression as data: a matrix that another job made, say."""
        return self._ask("value", source, contexts, None, None)

    def condition(
        self,
        source: object,
        contexts: Mapping[str, Any],
        status: Mapping[str, bool],
        workspace: Path | None = None,
    ) -> bool:
        """Whether an `if:` holds, given whether the run so far is a success, a failure or cancelled."""
        plain = json.dumps(source) if isinstance(source, bool) else str(source)
        return bool(self._ask("condition", plain, contexts, status, workspace))

    def _ask(
        self,
        kind: str,
        source: str,
        contexts: Mapping[str, Any],
        status: Mapping[str, bool] | None,
        workspace: Path | None,
    ) -> Any:
        request = {
            "kind": kind,
            "source": source,
            "contexts": contexts,
            "status": status,
            "workspace": str(workspace) if workspace else None,
        }
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        reply = json.loads(self._process.stdout.readline())
        if "error" in reply:
            raise HarnessError(f"{source!r} cannot be evaluated: {reply['error']}")
        return reply["value"]
