"""The one error a user sees: a sentence that says what and where, and one that says how to mend it."""

from __future__ import annotations


class FearlessError(Exception):
    """Something the user can mend.

    `what` says what is wrong and where, `fix` how to mend it. `code` becomes the exit code of the command
    (2 unless the command's exit codes mean something, as those of `fearless gate` do).
    """

    def __init__(self, what: str, *, fix: str = "", code: int = 2) -> None:
        super().__init__(what)
        self.what = what
        self.fix = fix
        self.code = code

    def __str__(self) -> str:
        return f"{self.what} {self.fix}".strip()
