"""What a guard found."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong: what and where, and how to mend it."""

    what: str
    fix: str = ""
