"""Production is what the newest deployment in the ledger says; a running service follows it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from fearless.core.errors import FearlessError
from fearless.core.project import Project
from fearless.ledger.record import Deployment, Provenance
from fearless.ledger.store import Ledger, LedgerError
from fearless.model.artifact import open_model
from fearless.model.releases import find_model
from fearless.serve.scoring import InPlace, in_place

EVERY_S = 1.0
ROLE = "champion"
AGAIN_S = 30.0  # a model that could not be read is tried again so much later: reading it holds up requests


class Follower:
    """Looks at the newest deployment and puts its model in place of the one that answers.

    `replace` puts it in place, as `Service.replace` does. All of it runs on the thread of the batches. `trouble` is the
    sentence why the deployed model does not answer here, or empty.
    """

    def __init__(
        self, project: Project, ledger: Ledger, replace: Callable[[Callable[[], InPlace]], InPlace]
    ) -> None:
        self.project = project
        self.ledger = ledger
        self.replace = replace
        self.deployment: Deployment | None = None
        self.trouble = ""
        self._failed_at = 0.0

    def look(self, answers: Provenance) -> None:
        """Follow the newest deployment where it names another model than the one that `answers`, or another release.

        The candidate that is released is one model under two names: what it answers from then on is the release's.
        What goes wrong is kept in `trouble`: the model that answers goes on.
        """
        try:
            newest = self.ledger.production()
        except LedgerError:
            return  # readiness says so; what answers stays
        if newest != self.deployment:
            self.deployment, self.trouble, self._failed_at = newest, "", 0.0
        if newest is None or _named(answers) == (newest.model_sha256, newest.model_version, ROLE):
            self.trouble = ""
            return
        if self.trouble and time.monotonic() - self._failed_at < AGAIN_S:
            return
        try:
            self.replace(lambda: deployed(self.project, newest))
        except FearlessError as error:
            self.trouble, self._failed_at = str(error), time.monotonic()
        except Exception as error:  # whatever it is, what follows production must not end with it
            self.trouble = f"{newest.model_version} cannot be read: {type(error).__name__}: {error}"
            self._failed_at = time.monotonic()
        else:
            self.trouble = ""

    def told(self) -> dict[str, Any] | None:
        """What /version says of the newest deployment; None before the first."""
        newest = self.deployment
        if newest is None:
            return None
        return {
            "kind": newest.kind,
            "model_version": newest.model_version,
            "model_sha256": newest.model_sha256,
            "at": newest.at,
            "trouble": self.trouble,
        }


def deployed(project: Project, deployment: Deployment) -> InPlace:
    """The model that `deployment` names, read and proven. Raises FearlessError where it is not here or damaged."""
    folder = find_model(project, deployment.model_sha256)
    if folder is None:
        raise FearlessError(
            f"{deployment.model_version} was deployed, and its model (SHA-256 {deployment.model_sha256}) is not here.",
            fix=f"Bring it: `uv run dvc pull ops/releases/{deployment.model_version}/model.dvc`.",
        )
    found = in_place(project, open_model(folder, project.relative(folder), project), ROLE)
    # The same model may have been released twice.
    return replace(found, provenance=found.provenance._replace(model_version=deployment.model_version))


def _named(answers: Provenance) -> tuple[str, str, str]:
    return answers.model_sha256, answers.model_version, answers.model_role
