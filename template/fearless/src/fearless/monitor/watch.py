"""`fearless monitor` and `fearless truth`: the ledger read, compared and judged; the result as plain values."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fearless.columns.dictionary import load as load_dictionary
from fearless.columns.frame import cast
from fearless.core.errors import FearlessError
from fearless.core.project import Project
from fearless.core.toolkit import toolkit_version
from fearless.gate.intervals import Interval
from fearless.gate.policy import FILE as POLICY
from fearless.gate.policy import load as load_policy
from fearless.ledger.record import LIVE, SIMULATED, Labelled, Reject
from fearless.ledger.store import Ledger, open_ledger
from fearless.monitor.chance import LEVEL, LIMIT
from fearless.monitor.drift import Moved
from fearless.monitor.findings import (
    AMBER,
    RED,
    Finding,
    breach_in_words,
    of_drift,
    of_invariants,
    of_model,
    of_refusals,
    of_silence,
    of_truth,
    told_moment,
)
from fearless.monitor.heartbeat import MONITOR, TRUTH, beat, last_beat, sign_of
from fearless.monitor.labels import ROW, Labels, read_labels, tied
from fearless.monitor.served import Answered, Served, of_kind, read_served, rows_of
from fearless.monitor.truth import Version, measure

if TYPE_CHECKING:
    import polars as pl

VERSION = 1
HEALTHY, WATCH, BREACH = "HEALTHY", "WATCH", "BREACH"
# A key is looked for among the predictions of so many days; further back it names another time's row.
KEY_DAYS = 400
KEY_STEP = timedelta(days=5)
NAMED_REJECTS = 20


def monitor(project: Project, since: timedelta, now: datetime, kind: str = LIVE) -> dict[str, Any]:
    """Compare what was served from `now` - `since` on with the profiles and, where it is known, with the truth.

    `kind` is `live` or `simulated`: one report never tells of both. Returns the plain content of report.json,
    version 1, and leaves a heartbeat. Raises FearlessError where nothing was ever recorded, or what is compared with
    is damaged.
    """
    ledger = open_ledger(project, create=False)
    try:
        served = read_served(project, ledger, now - since, _just_after(now), kind=kind)
        return _reported(project, MONITOR, served, since, now, None)
    finally:
        ledger.close()


def truth(project: Project, file: Path, since: timedelta, now: datetime, kind: str = LIVE) -> dict[str, Any]:
    """Store the labels in `file` beside their predictions, then measure those of the time since `now` - `since`.

    `kind` is `live` or `simulated`: only such predictions are measured, and looked for by their key.

    Returns and raises as `monitor` does, and raises FearlessError where no row of the file could be used.
    """
    ledger = open_ledger(project, create=False)
    try:
        labels = read_labels(file, load_dictionary(project.root))
        taken = _stored(labels, ledger, project, now, file.name, kind)
        _refuse_useless(taken, file.name)
        served = read_served(project, ledger, now - since, _just_after(now), kind=kind, compare=False)
        return _reported(project, TRUTH, served, since, now, _told_labels(labels, taken))
    finally:
        ledger.close()


def _just_after(now: datetime) -> datetime:
    """The end of a window is not in it, and a row may be decided in the very microsecond of `now`."""
    return now + timedelta(microseconds=1)


def _stored(
    labels: Labels, ledger: Ledger, project: Project, now: datetime, source: str, kind: str
) -> Labelled:
    import polars as pl

    frame, rejects = labels.frame, labels.rejects
    if labels.key:
        frame, unknown = tied(labels, _keyed(labels, ledger, project, now, kind))
        rejects += unknown
    ready = frame.select("prediction_id", "label", "labelled_at").with_columns(pl.lit(source).alias("source"))
    stored = ledger.add_labels(ready)
    rows = frame[ROW].to_list()
    again = tuple(Reject(rows[each.row - 1], each.prediction_id, each.reason) for each in stored.rejects)
    return stored._replace(rejects=tuple(sorted((*rejects, *again))))


def _keyed(
    labels: Labels, ledger: Ledger, project: Project, now: datetime, kind: str
) -> Iterable[pl.DataFrame]:
    """The predictions of `kind` of the last KEY_DAYS with their key, some days at a time."""
    import polars as pl

    dictionary = load_dictionary(project.root)
    start, end = now - timedelta(days=KEY_DAYS), _just_after(now)
    while start < end:
        rows = ledger.window(start, min(start + KEY_STEP, end), ("id", "input", "channel"))
        rows = rows.filter(of_kind(rows["channel"], kind))
        start += KEY_STEP
        if rows.height:
            known = rows_of(rows["input"], dictionary)
            typed = pl.DataFrame([cast(known[name], dictionary.columns[name]) for name in labels.key])
            yield typed.with_columns(rows["id"])


def _refuse_useless(taken: Labelled, name: str) -> None:
    if taken.added or taken.corrected or taken.repeated:
        return
    counted = ", ".join(f"{count:,} x {reason}" for reason, count in _reasons(taken).items())
    first = taken.rejects[0]
    raise FearlessError(
        f"No row of {name} could be used: {counted}. The first is row {first.row} ({first.prediction_id[:80]}).",
        fix="Name predictions by the id that their answer carried, and the truth as columns.yaml describes it.",
    )


def _reasons(taken: Labelled) -> dict[str, int]:
    counted: dict[str, int] = {}
    for each in taken.rejects:
        counted[each.reason] = counted.get(each.reason, 0) + 1
    return counted


def _reported(
    project: Project,
    job: str,
    served: Served,
    since: timedelta,
    now: datetime,
    labels: dict[str, Any] | None,
) -> dict[str, Any]:
    import polars as pl

    sign = sign_of(job, served.kind)
    last = last_beat(project, sign)
    answered = list(served.models.values())
    known = [part for model in answered for part in model.known if part.height]
    versions: list[Version] = []
    if known:
        versions = measure(
            pl.concat(known, how="diagonal"),
            {model.sha256: model.rows for model in answered},
            {model.sha256: model.model.profile if model.model else None for model in answered},
            load_policy(project.root / POLICY),
            load_dictionary(project.root),
        )
    comparisons = sum(model.window.comparisons for model in answered if model.window)
    moved = {model.sha256: model.window.compared(comparisons) if model.window else [] for model in answered}
    found = _findings(job, served, moved, versions, labels)
    if served.kind == LIVE:
        found += of_silence(last, now, since, job)
    found.sort(key=lambda each: each.light != RED)
    verdict = BREACH if any(each.light == RED for each in found) else WATCH if found else HEALTHY
    report = {
        "version": VERSION,
        "job": job,
        "verdict": verdict,
        "exit_code": 1 if verdict == BREACH else 0,
        "headline": _headline(job, verdict, found, served.kind),
        "summary": _summary(job, served, versions),
        "findings": [vars(each) for each in found],
        "next": _next(found),
        "window": _window(served),
        "last_run": None
        if last is None
        else {
            "at": _iso(last.at),
            "verdict": last.verdict,
            "age_hours": round(last.age(now).total_seconds() / 3600, 2),
        },
        "labels": labels,
        "models": [_model(model, moved[model.sha256], versions) for model in answered],
        "notes": _notes(job, served, versions),
        "context": {"toolkit": toolkit_version(), "made_at": _iso(now)},
    }
    beat(project, sign, now, verdict)
    return report


def _findings(
    job: str,
    served: Served,
    moved: dict[str, list[Moved]],
    versions: list[Version],
    labels: dict[str, Any] | None,
) -> list[Finding]:
    found: list[Finding] = []
    places = {model.sha256: _place(model) for model in served.models.values()}
    for version in versions:
        found += of_truth(version, places[version.model_sha256])
    if job == TRUTH:
        return found + _of_labels(labels or {}, served)
    if served.rows == 0:
        found.append(_nothing_served(served))
    for model in served.models.values():
        found += [*of_invariants(model), *of_model(model), *of_drift(model, moved[model.sha256], served)]
    return found + of_refusals(served)


def _nothing_served(served: Served) -> Finding:
    refused = sum(served.refused.values())
    what = (
        "Nothing was served."
        if not refused
        else f"Nothing was answered, and {refused:,} requests were refused."
    )
    return Finding(
        RED,
        "rows",
        what,
        f"since {told_moment(served.since)}",
        "The ledger holds no prediction of that time, and no answer is given without a record.",
        "If nobody should have asked, all is well; else see whether the service runs and who calls it.",
    )


def _of_labels(labels: dict[str, Any], served: Served) -> list[Finding]:
    found: list[Finding] = []
    if labels.get("rejected"):
        first = labels["rejects"][0]
        found.append(
            Finding(
                AMBER,
                "truth",
                f"{labels['rejected']:,} of {labels['rows']:,} rows of the file were not used.",
                "",
                f"The first is row {first['row']} ({first['name'] or 'without a name'}): {first['reason']}.",
                "Mend those rows and give the file again: what is stored already is not counted twice.",
            )
        )
    if not any(part.height for model in served.models.values() for part in model.known):
        found.append(
            Finding(
                AMBER,
                "truth",
                "The truth of no prediction of that time is known, so nothing was measured.",
                "",
                "",
                "Look at a longer time with `--since 365d`, or give a file with newer labels.",
            )
        )
    return found


def _headline(job: str, verdict: str, found: list[Finding], kind: str) -> str:
    said = _live_headline(job, verdict, found)
    return said if kind == LIVE else f"In the simulation: {said[0].lower()}{said[1:]}"


def _live_headline(job: str, verdict: str, found: list[Finding]) -> str:
    if verdict == BREACH:
        return breach_in_words([each for each in found if each.light == RED])
    if verdict == WATCH:
        count = len(found)
        return f"Nothing is broken. {'One thing is' if count == 1 else f'{count} things are'} worth a look."
    if job == TRUTH:
        return "The model is as good as was asked, as far as the truth is known."
    return "What is served looks like what the model learned from."


def _summary(job: str, served: Served, versions: list[Version]) -> str:
    rows = "rows" if served.kind == LIVE else "simulated rows"
    said = f"{served.rows:,} {rows} were answered from {told_moment(served.since)} to {told_moment(served.until)}"
    count = len(served.models)
    said += f", by {count} versions of the model." if count > 1 else "."
    labelled = sum(each.labelled for each in versions)
    if labelled:
        said += (
            f" The truth is known for {labelled:,} of them ({100 * labelled / max(served.rows, 1):.3g} %)."
        )
    elif job == MONITOR and served.rows:
        said += " The truth of none of them is known yet, so how good the answers were is not measured."
    return said


def _next(found: list[Finding]) -> list[str]:
    steps = list(dict.fromkeys(each.do for each in found if each.do))
    return steps or ["Nothing. Run this again tomorrow."]


def _notes(job: str, served: Served, versions: list[Version]) -> list[str]:
    notes: list[str] = []
    if served.kind != LIVE:
        notes.append(
            "All of these rows are simulated: they show that the watching works, not how the model does."
        )
    if served.left_out:
        notes.append(_left_out(job, served))
    if job == MONITOR:
        notes.append(
            f"A column has moved when it is proven that its PSI exceeds {LIMIT:g}; a run in which nothing changed says"
            f" so of any column in {100 * LEVEL:g} % of cases at most. Rows count as independent of each other."
        )
        notes.append(
            "Keys, dates and free text are not compared: they are never alike twice. Only whether they are missing is."
        )
    for version in versions:
        name = version.model_sha256[:12]
        if version.why_not:
            notes.append(f"Of {name} nothing is proven yet: {version.why_not}.")
        elif version.coverage < 0.5:
            notes.append(
                f"Of {name} the truth is known for {100 * version.coverage:.3g} % of predictions. If it comes sooner"
                " for some than for others, these figures tell of those."
            )
        if version.early:
            notes.append(
                f"{version.early:,} labels of {name} are dated before their prediction: a wrong clock, or an answer"
                " that was known already."
            )
        if version.labelled and not version.golden:
            notes.append(f"{name} has no profile here, so it was not compared with golden data.")
    return notes


def _left_out(job: str, served: Served) -> str:
    other, option = (SIMULATED, " --simulated") if served.kind == LIVE else (LIVE, "")
    command = f"{job} FILE" if job == TRUTH else job
    return (
        f"{served.left_out:,} {other} rows of that time count for nothing here:"
        f" `uv run fearless {command}{option}` tells of those."
    )


def _window(served: Served) -> dict[str, Any]:
    return {
        "since": _iso(served.since),
        "until": _iso(served.until),
        "first": _iso(served.first),
        "last": _iso(served.last),
        "rows": served.rows,
        "requests": served.requests,
        "refused": dict(sorted(served.refused.items())),
        "kind": served.kind,
        "left_out": served.left_out,
    }


def _told_labels(labels: Labels, taken: Labelled) -> dict[str, Any]:
    return {
        "rows": labels.rows,
        "added": taken.added,
        "corrected": taken.corrected,
        "repeated": taken.repeated,
        "rejected": len(taken.rejects),
        "reasons": _reasons(taken),
        "rejects": [
            {"row": each.row, "name": each.prediction_id, "reason": each.reason}
            for each in taken.rejects[:NAMED_REJECTS]
        ],
    }


def _model(model: Answered, moved: list[Moved], versions: list[Version]) -> dict[str, Any]:
    version = next((each for each in versions if each.model_sha256 == model.sha256), None)
    return {
        "sha256": model.sha256,
        "name": model.name,
        "role": model.role,
        "place": _place(model),
        "rows": model.rows,
        "compared": [_compared(each) for each in moved],
        "truth": None if version is None else _version(version),
    }


def _place(model: Answered) -> str:
    return model.model.place if model.model else f"the model {model.sha256[:12]}"


def _compared(each: Moved) -> dict[str, Any]:
    before, now = each.missing
    return {
        "of": each.of,
        "name": each.name,
        "kind": each.column.kind,
        "state": each.shift.state,
        "psi": _short(each.shift.psi),
        "chance": _short(each.shift.chance),
        "limit": _short(each.shift.limit),
        "since": each.since,
        "missing": {"reference": _short(before), "window": _short(now)},
        "mean": {"reference": each.column.mean, "window": None if each.mean is None else _short(each.mean)},
        "edges": each.column.edges,
        "levels": each.column.levels,
        "reference": each.reference.tolist(),
        "window": each.window.tolist(),
    }


def _version(version: Version) -> dict[str, Any]:
    return {
        "predictions": version.predictions,
        "labelled": version.labelled,
        "coverage": _short(version.coverage),
        "delay_days": None
        if version.delays is None
        else {"median": _short(version.delays[0]), "p90": _short(version.delays[1])},
        "early": version.early,
        "why_not": version.why_not,
        "metrics": {name: _interval(each) for name, each in version.metrics.items()},
        "golden": {name: _short(each.value) for name, each in version.golden.items()},
        "held": [
            {
                "metric": each.metric,
                "of": each.of,
                "rule": each.rule,
                "limit": each.limit,
                "against": each.against,
                "state": each.state,
                "estimate": _interval(each.estimate),
            }
            for each in version.held
        ],
    }


def _interval(found: Interval) -> dict[str, float]:
    return {name: _short(getattr(found, name)) for name in ("value", "lower", "upper")}


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat(timespec="seconds")


def _short(number: float) -> float:
    return float(f"{number:.8g}")
