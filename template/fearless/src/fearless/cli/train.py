"""`fearless train`: run what is out of date; in CI, as `retrain:` in gate.yaml says."""

from __future__ import annotations

from fearless.core.dvc import changed
from fearless.core.errors import FearlessError
from fearless.core.project import Project
from fearless.gate.policy import FILE, load
from fearless.pipeline.run import reproduce

COMMIT = "Run `uv run fearless train`, then `uv run dvc push`, and commit dvc.lock."


def run_train(project: Project, *, ci: bool, again: bool = False) -> None:
    """Train, or with `ci` and `retrain: never` (or `nightly`) prove that dvc.lock is current.

    With `again` every stage runs, whatever dvc.lock says: it records code, parameters and data, and the versions of the
    libraries only where they gave other bytes.
    """
    stale = changed(project.root)
    if again:
        print("Training again, also where dvc.lock is current: the libraries may be others.")
    elif not stale:
        print("dvc.lock is current: models/candidate is what this code, these parameters and this data give.")
        return
    if ci and not again:
        if load(project.root / FILE).retrain != "pull_request":
            raise FearlessError(
                f"dvc.lock is not current ({', '.join(stale)}), and {FILE} says not to train here.",
                fix=COMMIT,
                code=1,
            )
        print(
            f"dvc.lock is not current ({', '.join(stale)}): training here, so that this change can be judged."
        )
    reproduce(project, again=again)
    if ci:
        print(f"What is judged now was trained in this run and is in no dvc.lock yet. {COMMIT}")
    else:
        carried = (
            ", and commit .storage with dvc.lock" if project.answers.get("dvc_remote") == "local" else ""
        )
        print(
            f"dvc.lock is current. Next: `uv run fearless gate`. Before you push: `uv run dvc push`{carried}."
        )
