"""A season in minutes: golden rows in their order of time, asked of the running service, with labels that come late.

Golden rows, because no model was trained on them and their truth is known. The service stamps what it answers with
its own clock, so a season of months is a stretch of seconds in the ledger; only the delay of the labels keeps its days.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import numpy as np

from fearless.columns.dictionary import Dictionary, load
from fearless.core import evidence
from fearless.core.atomic import write_text
from fearless.core.errors import FearlessError
from fearless.core.project import Project
from fearless.golden.frozen import open_golden
from fearless.ledger.record import SIMULATED
from fearless.ledger.store import open_ledger
from fearless.monitor.client import Answer, Service, as_json
from fearless.monitor.messy import Fault, drifting, faults

if TYPE_CHECKING:
    import polars as pl

WHAT = "simulation"
FOLDER = "simulation"
QUIET, DRIFT = "quiet", "drift"
MOST_ROWS = 20_000
LONGEST_S = 300.0
MESSY_EVERY = 40  # well below the share of refused requests that is a breach
AGAIN_EVERY = 50
DAYS = 90.0  # of a season whose rows have no time
STARTS_AT = 1 / 3  # of the season; before it nothing drifts, so that the monitor can say since when


@dataclass
class Played:
    """What was asked and what came back. `ids` and `due` are by row; `due` is the delay of its label in days, or None.

    `answered` are faults that the service answered in place of refusing them by name, `differed` how many repeated
    requests got another answer than the first time.
    """

    url: str
    model_sha256: str
    started: datetime
    season: tuple[str, str]
    column: str
    labels: Path
    ids: list[str] = field(default_factory=list)
    arrived: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    answered: list[Fault] = field(default_factory=list)
    repeated: int = 0
    differed: int = 0
    seconds: float = 0.0
    cut: bool = False


def play(project: Project, url: str, *, drift: bool, rows: int, tell: Callable[[int, int], None]) -> Played:
    """Ask the service at `url` for up to `rows` golden rows, and write the labels that have arrived by the end.

    `tell` is told how many of how many rows are done. It stops after LONGEST_S seconds, and says so. Raises
    FearlessError where nothing answers, a golden row is refused, or the answers do not stand in this ledger.
    """
    if not 1 <= rows <= MOST_ROWS:
        raise FearlessError(
            f"A season of {rows:,} rows is none.", fix=f"Choose --rows between 1 and {MOST_ROWS:,}."
        )
    dictionary = load(project.root)
    season = _in_order(open_golden(project).rows, dictionary, rows)
    column = ""
    if drift:
        column, moved = drifting(season, dictionary)
        late = np.arange(season.height) >= STARTS_AT * season.height
        season = season.with_columns(season[column].zip_with(_series(~late), moved))
    days = _days(season, dictionary)
    delays = _delays(days)
    with Service(url) as service:
        played = Played(
            url=url,
            model_sha256=service.model_sha256(),
            started=datetime.now(UTC),
            season=_span(season, dictionary),
            column=column,
            labels=project.scratch / FOLDER / "labels.csv",
        )
        decided = _ask(project, service, played, season, dictionary, tell)
    _write_labels(played, season, dictionary, days, delays, decided)
    return played


def half_of(played: Played, watched: dict[str, Any], measured: dict[str, Any]) -> dict[str, Any]:
    """What one half of the proof showed, as plain values: `held` says whether the watching did what it must.

    Without a drift the monitor must have compared and be content; with one it must name the column that drifted.
    """
    compared = sum(len(model["compared"]) for model in watched["models"])
    named = [
        each for each in watched["findings"] if (each["kind"], each["about"]) == ("drift", played.column)
    ]
    alarmed = any(each["light"] == "red" for each in named)
    if played.answered:
        first = played.answered[0]
        why = f"a messy row was answered: `{first.column}` ({first.reason})"
    elif played.differed:
        why = f"{played.differed} repeated requests got another answer"
    elif not compared:
        why = "the monitor compared nothing"
    elif played.column and not alarmed:
        why = f"the monitor did not call the drift of `{played.column}` a breach"
    elif not played.column and watched["exit_code"] != 0:
        why = f"the monitor alarmed without a drift: {watched['headline']}"
    else:
        why = ""
    return {
        "at": played.started.isoformat(timespec="seconds"),
        "season": list(played.season),
        "rows": len(played.ids),
        "seconds": round(played.seconds, 1),
        "cut": played.cut,
        "refused": dict(sorted(played.refused.items())),
        "answered": [[each.column, each.reason] for each in played.answered],
        "repeated": played.repeated,
        "differed": played.differed,
        "labels": played.arrived,
        "not_yet": len(played.ids) - played.arrived,
        "column": played.column,
        "since": named[0]["since"] if named else "",
        "monitor": watched["verdict"],
        "truth": measured["verdict"],
        "alarmed": watched["exit_code"] != 0,
        "held": not why,
        "why": why,
    }


def keep(project: Project, played: Played, half: dict[str, Any]) -> evidence.Evidence:
    """Record the half beside the other one, where that was of the same content and model; returns the evidence.

    It is proven that the monitors work when they were content without a drift **and** alarmed by one.
    """
    name = DRIFT if played.column else QUIET
    before = evidence.read(project, WHAT)
    halves: dict[str, Any] = {QUIET: None, DRIFT: None}
    same = before is not None and before.content == evidence.content_digest(project)
    if before is not None and same and before.details.get("model_sha256") == played.model_sha256:
        halves |= {each: before.details.get(each) for each in halves}
    halves[name] = half
    proof = evidence.prove(
        project,
        WHAT,
        passed=all(each is not None and each["held"] for each in halves.values()),
        source="simulated",
        details={"url": played.url, "model_sha256": played.model_sha256, **halves},
    )
    evidence.write(project, proof)
    return proof


def _in_order(rows: pl.DataFrame, dictionary: Dictionary, most: int) -> pl.DataFrame:
    """At most so many rows in the order of time, from all of the season."""
    ordered = rows.sort(dictionary.time, maintain_order=True) if dictionary.time else rows
    if ordered.height <= most:
        return ordered
    return ordered[[at * ordered.height // most for at in range(most)]]


def _days(season: pl.DataFrame, dictionary: Dictionary) -> list[float]:
    """When in the season each row stands, in days from its start."""
    if not dictionary.time:
        return [DAYS * at / season.height for at in range(season.height)]
    import polars as pl

    passed = season[dictionary.time].cast(pl.Datetime("us"))
    start = passed[0]
    return [(each - start) / timedelta(days=1) for each in passed]


def _delays(days: list[float]) -> list[float]:
    """How many days each label takes: a tenth to a third of the season."""
    length = max(days[-1], 1.0) if days else 1.0
    draw = np.random.default_rng(len(days))
    found: list[float] = (length * draw.uniform(0.1, 1 / 3, len(days))).tolist()
    return found


def _span(season: pl.DataFrame, dictionary: Dictionary) -> tuple[str, str]:
    if not dictionary.time:
        return ("", "")
    first, last = season[dictionary.time][0], season[dictionary.time][-1]
    return (first.isoformat()[:10], last.isoformat()[:10])


def _ask(
    project: Project,
    service: Service,
    played: Played,
    season: pl.DataFrame,
    dictionary: Dictionary,
    tell: Callable[[int, int], None],
) -> list[datetime]:
    """Ask for each row, and for messy and repeated ones between them; returns when each was decided."""
    run = uuid4().hex
    messy = _endless(faults(dictionary))
    decided: list[datetime] = []
    start = time.monotonic()
    for at, row in enumerate(season.select(dictionary.known).iter_rows(named=True)):
        if time.monotonic() - start > LONGEST_S:
            played.cut = True
            break
        sent = {name: as_json(value) for name, value in row.items()}
        again = at % AGAIN_EVERY == AGAIN_EVERY - 1
        key = f"{SIMULATED}-{run}-{at}" if again else ""
        answer = service.predict(sent, key)
        if answer.status != 200:
            raise _refused(answer)
        _same_model(answer.content, played)
        decided.append(datetime.now(UTC))
        played.ids.append(answer.content["id"])
        if at == 0:
            _in_this_ledger(project, played.ids[0])
        if again:
            played.repeated += 1
            played.differed += service.predict(sent, key).content != answer.content
        if at % MESSY_EVERY == MESSY_EVERY - 1:
            _ask_messy(service, next(messy), sent, played)
        tell(at + 1, season.height)
    played.seconds = time.monotonic() - start
    return decided


def _ask_messy(service: Service, fault: Fault, row: dict[str, Any], played: Played) -> None:
    answer = service.predict(fault.planted(row), "")
    named = any(
        each.get("column") == fault.column and each.get("reason") == fault.reason
        for each in answer.content.get("complaints", [])
    )
    if answer.status == 422 and named:
        played.refused[fault.reason] += 1
    else:
        played.answered.append(fault)


def _endless(found: list[Fault]) -> Iterator[Fault]:
    while True:
        yield from found


def _write_labels(
    played: Played,
    season: pl.DataFrame,
    dictionary: Dictionary,
    days: list[float],
    delays: list[float],
    decided: list[datetime],
) -> None:
    """The labels that the season's end has seen; those of its last rows are not there yet."""
    lines = ["prediction_id,label,labelled_at"]
    truths = season[dictionary.target]
    for at, name in enumerate(played.ids):
        if days[at] + delays[at] <= days[-1]:
            known_at = decided[at] + timedelta(days=delays[at])
            lines.append(f"{name},{as_json(truths[at])},{known_at:%Y-%m-%dT%H:%M:%S}")
    played.arrived = len(lines) - 1
    write_text(played.labels, "\n".join(lines) + "\n")


def _series(mask: Any) -> pl.Series:
    import polars as pl

    return pl.Series(mask)


def _same_model(content: dict[str, Any], played: Played) -> None:
    if content["model_sha256"] != played.model_sha256:
        raise FearlessError(
            "Another model was put in place while the season was played, so it proves nothing of either.",
            fix="Run it again.",
        )


def _in_this_ledger(project: Project, prediction_id: str) -> None:
    ledger = open_ledger(project, create=False)
    try:
        if ledger.get(prediction_id) is None:
            raise FearlessError(
                f"The service records somewhere else: its first answer is not in {ledger.address}.",
                fix="Run this where the service runs, with the same FEARLESS_LEDGER.",
            )
    finally:
        ledger.close()


def _refused(answer: Answer) -> FearlessError:
    said = str(answer.content.get("message", ""))[:300]
    return FearlessError(
        f"A golden row was not answered ({answer.status}): {said}",
        fix="Golden rows must fit the columns.yaml that the model was trained with: `uv run fearless check`."
        if answer.status == 422
        else "Look at /readyz of the service and at its log.",
    )
