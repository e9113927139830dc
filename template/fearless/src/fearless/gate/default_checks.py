"""Checks that came after version 1 of gate.yaml: what a file does not name yet, it is warned of and never failed by.

This is the one place where a later toolkit may ask more of every model. A file is judged by the rules it was
written under: a check listed here is measured, and where it would not pass a note in the report says so. It
counts from the day on which the team writes it into gate.yaml.
"""

from __future__ import annotations

from dataclasses import dataclass

from fearless.gate.policy import Requirement


@dataclass(frozen=True)
class DefaultCheck:
    """A floor for every model of one task, and the release of the toolkit that brought it."""

    task: str
    requirement: Requirement
    since: str

    @property
    def id(self) -> str:
        return self.requirement.id


DEFAULT_CHECKS: tuple[DefaultCheck, ...] = ()
