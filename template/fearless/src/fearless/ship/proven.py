"""What commands proved and left in ops/evidence: CI, the rehearsal, the simulation."""

from __future__ import annotations

from fearless.core.errors import FearlessError
from fearless.core.git import git
from fearless.core.toolkit import toolkit_version
from fearless.ship.here import Found, Here, refuse_failed

CHECK = "uv run --locked fearless check"
REHEARSE = "uv run fearless rehearse"
# Both halves, against a service that runs; told between backticks, as one command is.
SIMULATE = (
    "uv run fearless serve`, and beside it `uv run fearless simulate`, then `uv run fearless simulate --drift"
)
# What commands record in ops/ is no part of what `fearless check` runs.
STATE = ("evidence", "signatures", "concerns", "releases", "reports")


def schema_holds(here: Here) -> Found:
    """A04."""
    ran_well(here, CHECK)
    return said_by_ci(here, f"`{CHECK}` was content")


def own_item(here: Here) -> Found:
    """An item of ops/checklist.yaml: `fearless check` ran it, with the ops/ that is here."""
    ran_well(here, CHECK)
    apart = [f":(exclude)ops/{name}" for name in STATE]
    differ = git(
        ["diff", "--quiet", here.ci.commit, "HEAD", "--", "ops", *apart], here.project.root, check=False
    )
    if differ.returncode > 1:
        raise FearlessError(
            f"CI ran it for commit {here.ci.commit}, which is not in this clone.", fix="`uv run fearless ci`"
        )
    if differ.returncode == 1:
        raise FearlessError(
            f"ops/ is not as it was when CI ran (commit {here.ci.commit}).", fix="`uv run fearless ci`"
        )
    return said_by_ci(here, f"`{CHECK}` ran it and was content")


def answers_alike(here: Here) -> Found:
    """A23."""
    return _rehearsed(here, "A23")


def recorded_first(here: Here) -> Found:
    """A24."""
    return _rehearsed(here, "A24")


def way_back(here: Here) -> Found:
    """A27: rehearsed for the production that is here now."""
    found = _rehearsed(here, "A27")
    production = here.proof("rehearsal", ("ci", "local"), REHEARSE).details.get("production_sha256")
    if production != here.champion:
        raise FearlessError(
            f"The way back was walked to {production or 'no production'}, and the champion is"
            f" {here.champion or 'none'}.",
            fix=f"`{REHEARSE}`",
        )
    return found


def alarm_arrived(here: Here) -> Found:
    """A25: simulated by this toolkit, with the candidate or with what is in production."""
    proof = here.proof("simulation", ("simulated",), SIMULATE)
    refuse_failed(proof)
    named = proof.details.get("model_sha256")
    if proof.toolkit != toolkit_version() or named not in (here.candidate, here.champion):
        raise FearlessError(
            f"The simulation of {proof.at} was of another model ({named or 'none is named'}) or toolkit"
            f" ({proof.toolkit}).",
            fix=f"`{SIMULATE}`",
        )
    return Found(
        f"Quiet without a drift, an alarm with one (simulation of {proof.at}, model {named}).", proof.source
    )


def ran_well(here: Here, command: str) -> None:
    """Raise FearlessError unless CI ran `command` for this content, and it was content."""
    commands = here.ci.details.get("commands")
    ran = [each for each in commands if isinstance(each, dict)] if isinstance(commands, list) else []
    # A label in brackets says by whose toolkit, where the base's and the change's both judged.
    named = [
        each
        for each in ran
        if str(each.get("command", "")).partition(" (")[0].partition(" --base")[0] == command
    ]
    if not named:
        raise FearlessError(f"CI did not run `{command}`.", fix="`uv run fearless ci`")
    if any(each.get("code") != 0 for each in named):
        raise FearlessError(f"CI ran `{command}`, and it failed or was skipped.", fix="`uv run fearless ci`")


def said_by_ci(here: Here, sentence: str) -> Found:
    """`sentence` with when that was and of which content."""
    return Found(f"{sentence} at {here.ci.at} (content {here.content}).", here.ci.source)


def _rehearsed(here: Here, item: str) -> Found:
    proof = here.proof("rehearsal", ("ci", "local"), REHEARSE)
    here.of_candidate(proof, REHEARSE)
    part = proof.details.get(item)
    if not isinstance(part, dict) or part.get("passed") is not True:
        told = str(part.get("told", "")) if isinstance(part, dict) else ""
        raise FearlessError(
            f"The rehearsal of {proof.at} did not pass this. {told}".strip(), fix=f"`{REHEARSE}`"
        )
    told = str(part.get("told") or "It passed").rstrip(".")
    return Found(f"{told} (rehearsal of {proof.at}, candidate {here.candidate}).", proof.source)
