"""A rehearsal of production: the real service with the candidate and a ledger of its own, killed, restored, taken back.

What it finds is evidence for three items of the checklist, by their names: A23 training and serving agree, A24 the
ledger keeps what was answered, A27 the way back to the present production works.
"""

from __future__ import annotations

import os
import sqlite3
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from fearless.core import evidence
from fearless.core.errors import FearlessError
from fearless.core.project import Project
from fearless.golden.frozen import open_golden
from fearless.ledger.record import Deployment
from fearless.ledger.sqlite import SqliteLedger
from fearless.ledger.store import FILE, open_ledger
from fearless.model.artifact import MANIFEST, Model, open_model
from fearless.model.releases import find_model, release_of
from fearless.monitor.client import as_sent
from fearless.ship.deploy import roll_back
from fearless.ship.rehearsed_service import Client, Rows, acknowledged_before_a_kill, served

if TYPE_CHECKING:
    import polars as pl

WHAT = "rehearsal"
ROWS = 2_000
ROWS_AT_ONCE = 500
ROWS_ROLLED_BACK = 200
TOLERANCE = 1e-9  # relative to a score above 1, as `fearless trace` takes it


@dataclass(frozen=True)
class Found:
    """What was found for one item: whether it holds, and in a sentence what was seen."""

    passed: bool
    told: str


@dataclass(frozen=True)
class Rehearsal:
    """What was found, by item, for the candidate and the model that is in production now (empty: none yet)."""

    candidate_sha256: str
    production_sha256: str
    items: dict[str, Found]

    @property
    def passed(self) -> bool:
        return all(found.passed for found in self.items.values())


def rehearse(project: Project, say: Callable[[str, Found], None]) -> Rehearsal:
    """Run the rehearsal, telling `say` each item as it is found, and leave ops/evidence/rehearsal.json.

    Raises FearlessError where there is no candidate, no golden data, or the service cannot be started.
    """
    model = open_model(project.candidate, "models/candidate", project)
    production = _production(project)
    rows = open_golden(project).rows.head(ROWS)
    items: dict[str, Found] = {}

    def found(item: str, result: Found) -> None:
        items[item] = result
        say(item, result)

    with tempfile.TemporaryDirectory(prefix="fearless-rehearsal-") as folder:
        file = Path(folder) / FILE
        ledger = SqliteLedger(file, chained=project.answers.get("profile") == "regulated")
        for version, digest in (("production", production), ("candidate", model.digest)):
            if digest:
                ledger.deploy(_deployment(model.manifest.name, version, digest))
        sent = as_sent(rows, model.team.dictionary.known)
        with served(project, file) as client:
            found("A23", _agrees(client, sent, model, rows))
            counted = _count(file) if items["A23"].passed else -1
            kept = acknowledged_before_a_kill(client, sent)
        found("A24", _keeps(ledger, file, counted, len(sent), kept))
        found("A27", _goes_back(project, ledger, file, production, sent, rows))
        ledger.close()
    rehearsal = Rehearsal(model.digest, production, items)
    proof = evidence.prove(
        project,
        WHAT,
        passed=rehearsal.passed,
        source="ci" if os.environ.get("CI") else "local",
        details={
            "candidate_sha256": rehearsal.candidate_sha256,
            "production_sha256": rehearsal.production_sha256,
            **{name: {"passed": each.passed, "told": each.told} for name, each in items.items()},
        },
    )
    evidence.write(project, proof)
    return rehearsal


def _production(project: Project) -> str:
    """The model that is in production now: by the ledger of this machine, else the champion."""
    try:
        newest = open_ledger(project, create=False).production()
    except FearlessError:
        newest = None
    if newest:
        return newest.model_sha256
    if (project.champion / MANIFEST).is_file():
        return open_model(project.champion, "models/champion", project).digest
    return ""


def _deployment(name: str, version: str, digest: str) -> Deployment:
    return Deployment(time.time_ns() // 1000, "deploy", name, version, digest, "rehearsal", "")


def _agrees(client: Client, sent: Rows, model: Model, rows: pl.DataFrame) -> Found:
    """The scores of the service beside those of the gate, on the same golden rows."""
    answered: list[float] = []
    for start in range(0, len(sent), ROWS_AT_ONCE):
        status, told = client.predict(sent[start : start + ROWS_AT_ONCE])
        if status != 200:
            return Found(False, f"The service refused golden rows: {told.get('message', status)}")
        if told[0]["model_sha256"] != model.digest:
            return Found(False, f"The service answers with another model ({told[0]['model_sha256'][:12]}).")
        answered += [each["score"] for each in told]
    worst = _worst(answered, model.score_rows(rows).tolist())
    asked = f"{len(answered):,} golden rows through /v1/predict"
    return Found(worst <= TOLERANCE, f"{asked}: the largest difference to the gate's score is {worst:.1e}.")


def _worst(one: Sequence[float], other: Sequence[float]) -> float:
    """The largest difference, relative where a score is beyond 1."""
    return max(abs(a - b) / max(1.0, abs(b)) for a, b in zip(one, other, strict=True))


def _keeps(ledger: SqliteLedger, file: Path, counted: int, asked: int, kept: Sequence[str]) -> Found:
    """Rows counted before the kill, every acknowledged one after it, the chain, and a copy that was restored."""
    if counted != asked:
        return Found(False, f"{asked:,} rows were asked and {max(counted, 0):,} recorded.")
    if not kept:
        return Found(
            False, "The service was killed before it acknowledged a prediction, so nothing was seen."
        )
    lost = [each for each in kept if ledger.get(each) is None]
    if lost:
        return Found(
            False, f"{len(lost)} of {len(kept)} acknowledged predictions are lost after kill -9: {lost[0]}."
        )
    restored_file = file.with_name("restored.sqlite")
    with closing(sqlite3.connect(file)) as source, closing(sqlite3.connect(restored_file)) as copy:
        source.backup(copy)
    restored = SqliteLedger(restored_file, chained=ledger.chained)
    tables = restored.verify()
    faults = [each.fault for each in tables if each.fault]
    loose = [each.table for each in tables if ledger.chained and each.chained != each.rows]
    same = restored.get(kept[-1]) == ledger.get(kept[-1]) and _count(restored_file) == _count(file)
    restored.close()
    if faults or loose:
        return Found(False, f"The chain of the ledger does not hold: {(faults or loose)[0]}")
    if not same:
        return Found(False, "A copy of the ledger that was restored holds other rows.")
    chain = ", its chain holds" if ledger.chained else ""
    return Found(
        True,
        f"{asked:,} rows asked and recorded; of {len(kept)} acknowledged before kill -9 none is lost; a restored copy"
        f" is equal{chain}.",
    )


def _goes_back(
    project: Project,
    ledger: SqliteLedger,
    file: Path,
    production: str,
    sent: Rows,
    rows: pl.DataFrame,
) -> Found:
    """Back to what is in production now, while the service runs with the candidate."""
    if not production:
        return Found(True, "This is the first release: there is no production to go back to yet.")
    try:
        release = release_of(project, production)
        if release is None:
            return Found(False, f"What is in production ({production[:12]}) has no bundle in ops/releases.")
        with served(project, file) as client:
            began = time.monotonic()
            roll_back(project, ledger, release.release, "rehearsal")
            if not client.answers_with(production):
                return Found(False, f"The service did not switch to {release.release}.")
            seconds = time.monotonic() - began
            status, told = client.predict(sent[:ROWS_ROLLED_BACK])
        if status != 200:
            # Rows of today need not fit a model that was made for other columns; that it answers is what counts.
            return Found(
                True,
                f"The service switched to {release.release} after {seconds:.1f} s; it refuses today's rows.",
            )
        folder = find_model(project, production)
        assert folder  # noqa: S101  it was just brought
        before = open_model(folder, project.relative(folder), project)
        worst = _worst([each["score"] for each in told], before.score_rows(rows.head(len(told))).tolist())
    except FearlessError as error:
        return Found(False, f"The way back does not work: {error}")
    if worst > TOLERANCE:
        return Found(
            False, f"After the way back the scores differ by {worst:.1e} from those of {release.release}."
        )
    return Found(
        True, f"The service went back to {release.release} in {seconds:.1f} s, and gives its scores."
    )


def _count(file: Path) -> int:
    with closing(sqlite3.connect(file)) as connection:
        (rows,) = connection.execute("SELECT count(*) FROM predictions").fetchone()
    return int(rows)
