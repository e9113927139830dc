"""What is in production beside what git calls the champion: they differ from a rollback to the merge of its change."""

from __future__ import annotations

from datetime import UTC, datetime

from fearless.core.digest import sha256_file
from fearless.core.errors import FearlessError
from fearless.core.project import Project
from fearless.ledger.store import open_ledger
from fearless.model.artifact import MANIFEST
from fearless.model.releases import release_of


def production_notes(project: Project) -> list[str]:
    """A sentence where this machine's ledger has another model in production than models/champion; else nothing.

    Where there is no ledger, as in CI, nothing is known and nothing said.
    """
    champion = project.champion / MANIFEST
    try:
        newest = open_ledger(project, create=False).production()
    except FearlessError:
        return []
    if newest is None or not champion.is_file():
        return []
    named = sha256_file(champion)
    if newest.model_sha256 == named:
        return []
    released = release_of(project, named)
    when = datetime.fromtimestamp(newest.at / 1e6, UTC).strftime("%Y-%m-%d %H:%M UTC")
    there = f"In production is {newest.model_version} (SHA-256 {newest.model_sha256[:12]}), by {newest.kind} of {when}"
    here = (
        f"models/champion is {released.release if released else 'a model without a release'} ({named[:12]})"
    )
    merge = "Merge the change that the rollback prepared, or put the champion in production: `uv run fearless deploy`."
    return [f"{there}; {here}, and the candidate is compared with that one. {merge}"]
