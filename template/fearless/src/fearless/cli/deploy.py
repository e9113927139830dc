"""`fearless deploy`, `rollback` and `history`: what is in production, and what was."""

from __future__ import annotations

import http.client
import json
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from fearless.core.errors import FearlessError
from fearless.core.project import Project
from fearless.ledger.record import Deployment
from fearless.ledger.store import open_ledger
from fearless.report.visible import visible
from fearless.ship.deploy import Moved, Placed, deploy, move_champion, roll_back
from fearless.ship.history import in_production

PATIENCE_S = 60.0
LOOK_S = 0.2
SLOW_S = 5.0
LONGEST = 1_000_000  # bytes
SHORT = 12


class Answered(NamedTuple):
    """What a service said that was asked until it answered with the model, or did not in time."""

    url: str
    follows: bool
    said: str


def run_deploy(project: Project, *, why: str, urls: Sequence[str], again: bool, as_json: bool) -> int:
    """Put the champion in production, and look at the services at `urls`; returns 1 where one does not follow."""
    _refuse_unfit(urls)
    ledger = open_ledger(project)
    try:
        placed = deploy(project, ledger, why, again=again)
    finally:
        ledger.close()
    return _tell(placed, ledger.address, _looked(placed, urls), None, as_json)


def run_rollback(project: Project, version: str, *, why: str, urls: Sequence[str], as_json: bool) -> int:
    """Put the release before, or `version`, in production, prepare the champion's change; returns as `run_deploy`."""
    _refuse_unfit(urls)
    # The release before is named by a ledger that is there; a mistyped address must not become an empty one.
    ledger = open_ledger(project, create=bool(version))
    try:
        placed = roll_back(project, ledger, version, why)
    finally:
        ledger.close()
    # Production first: what git is about can wait.
    return _tell(
        placed, ledger.address, _looked(placed, urls), move_champion(project, placed.release), as_json
    )


def show_history(project: Project, *, at: str, as_json: bool) -> int:
    """Print all deployments, or the one that was in place at a moment; returns 1 where there was none."""
    ledger = open_ledger(project, create=False)
    try:
        deployments = ledger.deployments()
    finally:
        ledger.close()
    when = ""
    if at:
        moment = _moment(at)
        when = f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
        found = in_production(deployments, moment)
        deployments = [found] if found else []
    if as_json:
        print(json.dumps({"version": 1, "deployments": [_plain(each) for each in deployments]}, indent=2))
    elif at and deployments:
        print(f"At {when} was in production:")
    elif not deployments:
        print(f"Nothing was in production at {when}." if at else "Nothing was deployed yet.")
    if not as_json:
        for each in deployments:
            print(_line(each))
    return 1 if at and not deployments else 0


def _refuse_unfit(urls: Sequence[str]) -> None:
    for url in urls:
        try:
            parts = urlsplit(url)
            fits = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        except ValueError:  # a port that is none, half an address of IPv6
            fits = False
        if not fits or not url.isprintable() or " " in url:
            raise FearlessError(
                f"`--url {url}` is no address of a service.", fix="Write it as http://127.0.0.1:8000."
            )


def _looked(placed: Placed, urls: Sequence[str]) -> list[Answered]:
    return [_wait(url.rstrip("/"), placed) for url in urls]


def _wait(url: str, placed: Placed) -> Answered:
    """Ask a service for its version until it is the one that was put in place, for a minute at most."""
    until = time.monotonic() + PATIENCE_S
    said = "no answer"
    while time.monotonic() < until:
        try:
            told = _version(url, until)
        except (OSError, ValueError, http.client.HTTPException) as error:
            said = f"no answer ({visible(getattr(error, 'reason', None) or error)})"
        else:
            if told.get("model_sha256") == placed.release.model_sha256:
                return Answered(url, True, f"answers with {placed.release.release}")
            said = _still(told)
        time.sleep(LOOK_S)
    return Answered(url, False, said)


def _version(url: str, until: float) -> dict[str, Any]:
    """What /version says; raises ValueError for what is no JSON object, is too long, or comes too slowly."""
    content = b""
    # S310: the scheme was looked at, and the address is the operator's own.
    with urllib.request.urlopen(f"{url}/version", timeout=SLOW_S) as reply:  # noqa: S310
        while part := reply.read1(LONGEST):
            content += part
            if len(content) > LONGEST or time.monotonic() > until:
                raise ValueError("what it says does not end")
    try:
        told = json.loads(content)
    except ValueError:
        told = None
    if not isinstance(told, dict):
        raise ValueError("what it says is no /version of a service like this one")
    return told


def _still(told: dict[str, Any]) -> str:
    if "model_sha256" not in told:
        return "answers, and is no service like this one"
    deployment = told.get("deployment")
    trouble = deployment.get("trouble") if isinstance(deployment, dict) else ""
    if not deployment:
        trouble = "It follows no deployment: is its ledger this one?"
    return visible(f"still answers with {told.get('model_version')}. {trouble or ''}")


def _tell(
    placed: Placed, ledger: str, services: Sequence[Answered], moved: Moved | None, as_json: bool
) -> int:
    code = 0 if all(each.follows for each in services) else 1
    if as_json:
        told: dict[str, Any] = {
            "version": 1,
            "in_production": placed.release.release,
            "model_sha256": placed.release.model_sha256,
            "was": placed.was.model_version if placed.was else "",
            "already": placed.already,
            "warnings": list(placed.warnings),
            "services": [each._asdict() for each in services],
        }
        if moved:
            told["champion"] = moved._asdict()
        print(json.dumps(told, indent=2, ensure_ascii=False))
        return code
    name = f"{placed.release.release} (SHA-256 {placed.release.model_sha256})"
    if placed.already:
        print(f"{name} is in production already; nothing was changed.")
    else:
        was = f" in place of {visible(placed.was.model_version)}" if placed.was else ""
        print(f"{name} is in production{was}. Each running service follows within seconds.")
    for warning in placed.warnings:
        print(f"warning: {visible(warning)}")
    for each in services:
        print(f"  {each.url} {each.said}")
    if not services:
        print(
            f"It stands in {ledger}, and a service with another ledger does not follow:"
            " `--url http://HOST:PORT` waits until one answers with it."
        )
    if moved:
        _tell_moved(moved)
    elif not placed.already:
        print(
            "Unconfirmed until the first report: `uv run fearless monitor --since 1h` once it has answered."
            " The way back: `uv run fearless rollback`."
        )
    return code


def _tell_moved(moved: Moved) -> None:
    if moved.branch:
        print(
            f"The branch {moved.branch} moves the champion back as well: `git push origin {moved.branch}` and merge it,"
            f" or `git merge {moved.branch}`. Until then the gate names both."
        )
    elif moved.trouble:
        print(f"The change that moves the champion back could not be prepared: {moved.trouble}")
    else:
        print("models/champion.dvc names it already, so no change is needed.")


def _moment(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise FearlessError(
            f"`--at {text}` is no moment.", fix="Write it as 2026-11-25 or 2026-11-25T14:30, in UTC."
        ) from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _plain(each: Deployment) -> dict[str, Any]:
    return {**each._asdict(), "at": datetime.fromtimestamp(each.at / 1e6, UTC).isoformat()}


def _line(each: Deployment) -> str:
    at = datetime.fromtimestamp(each.at / 1e6, UTC).strftime("%Y-%m-%d %H:%M:%S")
    why = f": {each.reason}" if each.reason else ""
    who = visible(f"{each.actor}{why}", LONGEST)
    what = f"{visible(each.kind):<11} {visible(each.model_version):<6} {visible(each.model_sha256[:SHORT])}"
    return f"{at} UTC  {what}  {who}"
