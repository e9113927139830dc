"""Programs that a command starts one after the other: what they said is kept, to be shown where they failed."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

# What belongs to the environment this runs in, and would lead another one astray.
OWN = ("VIRTUAL_ENV", "PYTHONPATH", "PYTHONHOME")


@dataclass(frozen=True)
class Ended:
    """A program that ended: its exit code, all that it printed, and how long it took."""

    code: int
    said: str
    seconds: float

    def last_lines(self, count: int) -> list[str]:
        """The last `count` lines that are not empty."""
        return [line for line in self.said.splitlines() if line.strip()][-count:]


def run(
    command: Sequence[str], folder: Path, environment: Mapping[str, str], *, patience: float | None = None
) -> Ended:
    """Run `command` in `folder` to its end, without a terminal; after `patience` seconds it is killed (code 124)."""
    began = time.perf_counter()
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=patience,
        )
    except subprocess.TimeoutExpired as late:
        said = _text(late.stdout or b"") + f"\nkilled after {patience:.0f} s"
        return Ended(124, said, time.perf_counter() - began)
    return Ended(done.returncode, _text(done.stdout), time.perf_counter() - began)


def _text(said: bytes) -> str:
    return said.decode("utf-8", errors="replace").replace("\r\n", "\n")
