"""`fearless trace` and `fearless audit verify`: what the ledger can prove."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from fearless.core.project import Project
from fearless.ledger.store import open_ledger
from fearless.serve.trace import Trace, trace

WIDTH = 24


def show_trace(project: Project, prediction_id: str, *, as_json: bool) -> int:
    """Print one prediction made again from its digests; returns 1 where it comes out different."""
    found = trace(project, prediction_id)
    if as_json:
        print(json.dumps(_plain(found), indent=2, ensure_ascii=False))
    else:
        print("\n".join(_lines(found)))
    return 1 if found.differences else 0


def verify_ledger(project: Project, *, as_json: bool) -> int:
    """Follow the hash chain of the ledger and print what was found; returns 1 where a row does not fit."""
    ledger = open_ledger(project, create=False)
    tables = ledger.verify()
    regulated = project.answers.get("profile") == "regulated"
    faults = [each.fault for each in tables if each.fault]
    if regulated:
        faults += [
            f"{each.table}: none of its {each.rows} rows is in a chain."
            for each in tables
            if each.rows and not each.chained and not each.fault
        ]
    if as_json:
        plain = {
            "version": 1,
            "ok": not faults,
            "faults": faults,
            "tables": [each._asdict() for each in tables],
        }
        print(json.dumps(plain, indent=2, ensure_ascii=False))
        return 1 if faults else 0
    for each in tables:
        head = f", head {each.head}" if each.head else ""
        print(f"{each.table:<12} {each.rows:>9,} rows, {each.chained:,} of them in the chain{head}")
    for fault in faults:
        print(f"FAIL  {fault}")
    if not faults and not regulated and not any(each.chained for each in tables):
        print("Nothing to hold against each other: the profile `light` keeps no chain.")
    elif not faults:
        print("Every chained row is as it was written.")
    return 1 if faults else 0


def _plain(found: Trace) -> dict[str, Any]:
    stored = {name: value for name, value in found.stored.items() if name not in ("features", "input")}
    for name in ("received_at", "decided_at", "labelled_at", "label_received_at"):
        stored[name] = None if stored[name] is None else _moment(stored[name])
    features = {name: None if value != value else value for name, value in found.features.items()}
    return {
        "version": 1,
        "equal": not found.differences,
        "differences": found.differences,
        "score_again": found.again,
        "stored": stored,
        "input": found.input,
        "features": features,
    }


def _lines(found: Trace) -> list[str]:
    stored = found.stored
    place = f"row {stored['row_number'] + 1} of its request ({stored['channel']})"
    model = f"{stored['model_name']} {stored['model_version']} ({stored['model_role']})"
    lines = [
        f"{'prediction':<{WIDTH}}{stored['id']}",
        f"{'decided':<{WIDTH}}{_moment(stored['decided_at'])}, {place}",
        f"{'model':<{WIDTH}}{model}, sha256 {stored['model_sha256']}",
        f"{'code':<{WIDTH}}commit {stored['git_commit'] or 'unknown'}, template {stored['template_version']}",
        "",
        "input, as it was asked",
        *(
            f"  {name:<{WIDTH - 2}}{json.dumps(value, ensure_ascii=False)}"
            for name, value in found.input.items()
        ),
        "",
        "features, made again",
        *(f"  {name:<{WIDTH - 2}}{value:g}" for name, value in found.features.items()),
        "",
        f"{'score, recorded':<{WIDTH}}{stored['score']!r}",
        f"{'score, made again':<{WIDTH}}{found.again!r}",
    ]
    if stored["decision"] is not None:
        lines.append(f"{'decision':<{WIDTH}}{stored['decision']} (threshold {stored['threshold']:g})")
    if stored["truth"] is not None:
        lines.append(
            f"{'truth':<{WIDTH}}{stored['truth']:g}, recorded {_moment(stored['label_received_at'])}"
        )
    if found.differences:
        return [*lines, "", *(f"DIFFERS  {each}" for each in found.differences)]
    return [*lines, "", "Equal: the recorded digests give this prediction again."]


def _moment(micros: int) -> str:
    return datetime.fromtimestamp(micros / 1e6, UTC).isoformat()
