"""What an update did, and the text of its pull request."""

from __future__ import annotations

from dataclasses import dataclass

from fearless.core.release import Release


@dataclass
class Result:
    """What an update did. An exit code that is None belongs to a command that did not run."""

    before: Release
    after: Release
    branch: str
    base: str
    back: str
    restored: list[str]
    locked: list[str]
    check: int | None = None
    found: tuple[str, ...] = ()
    train: int | None = None
    trained: str = ""
    gate: int | None = None
    verdict: str = ""
    commit: str = ""

    @property
    def code(self) -> int:
        """0 where check, train and gate are content, else 1."""
        return 0 if (self.check, self.train, self.gate) == (0, 0, 0) else 1


def body(result: Result) -> str:
    """The text of the pull request, as Markdown."""
    files = "as the release delivers them"
    if result.restored:
        named = ", ".join(f"`{name}`" for name in result.restored)
        files = f"as the release delivers them; these had drifted and were brought back: {named}"
    check = (
        "content"
        if result.check == 0
        else f"found something: {'; '.join(result.found) or 'see the pipeline'}"
    )
    train = result.trained or ("`dvc.lock` is current" if result.train == 0 else "stopped: see the pipeline")
    gate = result.verdict or ("PASS" if result.gate == 0 else "could not judge: see the pipeline")
    return f"""## Update of the template from {result.before} to {result.after}

| | |
|---|---|
| the template's files | {files} |
| `uv lock` | {", ".join(result.locked) or "nothing moved"} |
| `fearless check` | {check} |
| `fearless train` | {train} |
| `fearless gate` | {gate} |

Files that are yours are as they were. To do the same by hand: `uv run fearless update --to {result.after}`.

**The way back.** Before the merge: close this and delete the branch `{result.branch}`. After it: revert the merge,
then `uv sync` and `uv run dvc checkout`.
"""
