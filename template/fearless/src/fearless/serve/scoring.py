"""A model in place: the artifact, the schema of its rows, and what is recorded about its origin."""

from __future__ import annotations

import math
import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from fearless.columns.dictionary import FILE as DICTIONARY
from fearless.columns.dictionary import Dictionary
from fearless.core.digest import sha256_file
from fearless.core.errors import FearlessError
from fearless.core.git import git, has_commit
from fearless.core.project import Project
from fearless.core.toolkit import toolkit_version
from fearless.ledger.record import Provenance
from fearless.model.artifact import MANIFEST, Model, open_model
from fearless.serve.rows import RowSchema, Value, example_row

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

ROLES = ("champion", "candidate")
THRESHOLD = 0.5
SHORT = 12


class Scored(NamedTuple):
    """What a model made of rows: `features` (rows, features) float32 and `scores`, one for each row."""

    features: NDArray[np.float32]
    scores: list[float]


@dataclass(frozen=True)
class InPlace:
    """A model that answers. Everything of it is read: replacing it is the replacement of one object."""

    model: Model
    schema: RowSchema
    provenance: Provenance

    def score(self, values: Sequence[tuple[Value, ...]]) -> Scored:
        """Score rows that the schema read. Raises FearlessError where the team's code or the model cannot."""
        features = self.model.features_of(self.schema.frame(values))
        scores = self.model.score(features).tolist()
        if not all(map(math.isfinite, scores)):
            row = next(number for number, score in enumerate(scores) if not math.isfinite(score))
            raise FearlessError(
                f"The model gives {scores[row]} for row {row}.", fix="Each row needs a score."
            )
        return Scored(features, scores)

    def decide(self, score: float) -> tuple[float | None, str | None]:
        """The threshold and the decision it gives for `score`; both None for a regression."""
        if self.model.manifest.task == "regression":
            return None, None
        return THRESHOLD, self._answers[score >= THRESHOLD]

    @cached_property
    def _answers(self) -> tuple[str, str]:
        return answers_of(self.schema.dictionary)


def chosen_role(project: Project, asked: str) -> str:
    """The role that answers: the one that was asked for, else the champion, else the candidate."""
    if asked:
        if asked not in ROLES:
            raise FearlessError(f"There is no model `{asked}`.", fix=f"Choose one of {', '.join(ROLES)}.")
        return asked
    return "champion" if (project.champion / MANIFEST).is_file() else "candidate"


def put_in_place(project: Project, role: str) -> InPlace:
    """Read models/<role>, with every file held against the digests of its manifest, and score one example with it."""
    return in_place(project, open_model(project.root / "models" / role, f"models/{role}", project), role)


def in_place(project: Project, model: Model, role: str) -> InPlace:
    """`model` with what is recorded about it; `role` says what it is when it answers."""
    schema = RowSchema(model.team.dictionary)
    ready = InPlace(model, schema, _provenance(project, model, role))
    values, _ = schema.read([example_row(schema.dictionary)])
    try:
        ready.score(values)  # imports the team's code now, and not while the first request waits
    except FearlessError as error:
        # The example knows no more than columns.yaml, so the features may refuse it; but they must be there.
        if isinstance(error.__cause__, ImportError | SyntaxError | NameError):
            raise
    return ready


def find_model(project: Project, digest: str) -> Path | None:
    """The folder below models/ whose manifest has the SHA-256 `digest`, or None."""
    for manifest in sorted((project.root / "models").glob(f"*/{MANIFEST}")):
        if sha256_file(manifest) == digest:
            return manifest.parent
    return None


def answers_of(dictionary: Dictionary) -> tuple[str, str]:
    """How the negative and the positive class of a binary target are called in columns.yaml."""
    target = dictionary.columns[dictionary.target]
    if target.type == "boolean":
        return "false", "true"
    if target.type == "integer":
        return "0", "1"
    (negative,) = [level for level in target.levels if level != dictionary.positive]
    return negative, dictionary.positive


def _provenance(project: Project, model: Model, role: str) -> Provenance:
    lock = project.root / "uv.lock"
    dictionary = model.manifest.files.get(DICTIONARY)
    commit = ""
    try:
        if has_commit(project.root):
            commit = git(["rev-parse", "HEAD"], project.root).stdout.strip()
    except FearlessError:
        pass  # a container need not hold git
    return Provenance(
        model_name=model.manifest.name,
        model_role=role,
        model_version=str((model.manifest.model_extra or {}).get("release") or model.digest[:SHORT]),
        model_sha256=model.digest,
        git_commit=commit,
        template_version=toolkit_version(),
        columns_sha256=dictionary or "",
        lock_sha256=sha256_file(lock) if lock.is_file() else "",
        writer=f"{platform.node()}/{os.getpid()}",
    )
