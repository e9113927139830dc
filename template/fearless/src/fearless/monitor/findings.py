"""What a run found, in plain words: what changed, since when, how sure that is, what to do."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import NormalDist

import numpy as np

from fearless.monitor.chance import LEVEL, LIMIT
from fearless.monitor.drift import FEWEST_ROWS, SCORE, Moved
from fearless.monitor.heartbeat import Beat
from fearless.monitor.served import Answered, Served
from fearless.monitor.truth import Held, Version
from fearless.report.words import metric

RED, AMBER = "red", "amber"
# More of the requests refused than this, proven, is more than a client's slip.
REFUSED = 0.05
# Kinds of breaches, the gravest first.
GRAVEST = ("rows", "truth", "refused", "invariant", "drift", "score")


@dataclass(frozen=True)
class Finding:
    """One thing that somebody should know. `light` is `red` for a breach, `amber` for something to look at.

    `kind` is `drift`, `score`, `invariant`, `refused`, `model`, `truth`, `rows` or `heartbeat`; `about` names the
    column and `model` the digest, where it is about one.
    """

    light: str
    kind: str
    what: str
    since: str
    sure: str
    do: str
    about: str = ""
    model: str = ""


def of_drift(model: Answered, moved: Iterable[Moved], served: Served) -> list[Finding]:
    """What moved, the farthest first."""
    found = [each for each in moved if each.shift.state != "steady"]
    found.sort(key=lambda each: (each.shift.state != "moved", -each.shift.excess))
    by = f" (in the rows of {model.model.place})" if model.model and len(served.models) > 1 else ""
    return [_of_column(each, by, served, model.sha256) for each in found]


def of_model(model: Answered) -> list[Finding]:
    """What keeps the rows of one model from being compared."""
    if model.model is None:
        return [
            Finding(
                AMBER,
                "model",
                f"{model.rows:,} rows were answered by a model that is not here ({model.sha256[:12]}), so they were"
                " not compared.",
                "",
                "",
                "Bring it with `uv run dvc pull`, or run this where models/ holds what is in production.",
            )
        ]
    if model.model.profile is None:
        return [Finding(AMBER, "model", model.model.why_not, "", "", model.model.fix)]
    if model.rows < FEWEST_ROWS:
        return [
            Finding(
                AMBER,
                "rows",
                f"{model.model.place} answered {model.rows:,} rows: too few to tell whether they are like those of"
                " training.",
                "",
                f"Below {FEWEST_ROWS} rows nothing is compared.",
                "Run this again when more was served, or look at a longer time with `--since 30d`.",
            )
        ]
    return []


def of_invariants(model: Answered) -> list[Finding]:
    """Rows that columns.yaml does not allow and that were answered all the same."""
    if model.invariants is None:
        return []
    return [
        Finding(
            RED,
            "invariant",
            f"`{each.column}` {each.rule} in {each.rows:,} of {model.invariants.rows:,} answered rows"
            + (f", such as {each.example[:60]}." if each.example else "."),
            "",
            "Counted, row by row.",
            f"The service refuses such rows, so find out how these came into the ledger; or mend what columns.yaml"
            f" says of `{each.column}` and train again.",
            about=each.column,
            model=model.sha256,
        )
        for each in model.invariants.broken
    ]


def of_refusals(served: Served) -> list[Finding]:
    """Requests that were not answered, where they are many or the service's own fault."""
    found: list[Finding] = []
    failed, rejected = served.refused.get("failed", 0), served.refused.get("rejected", 0)
    if failed:
        found.append(
            Finding(
                AMBER,
                "refused",
                f"{failed:,} requests failed for reasons of the service's own.",
                "",
                "Counted.",
                "Look into the log of the service.",
            )
        )
    asked = served.requests + rejected
    if rejected and share_at_least(rejected, asked) > REFUSED:
        (reason, column), count = max(
            ((place, count) for place, count in served.reasons.items() if place[0] != "failed"),
            key=lambda each: each[1],
        )
        where = f" of `{column}`" if column else ""
        found.append(
            Finding(
                RED,
                "refused",
                f"{rejected:,} of {asked:,} requests were refused, {count:,} of them for the {reason}{where}.",
                "",
                f"At least {100 * share_at_least(rejected, asked):.1f} % of requests, with"
                f" {100 * (1 - LEVEL):g} % confidence; {100 * REFUSED:g} % are let pass.",
                "Ask who calls the service what they changed; if they are right, columns.yaml is out of date.",
            )
        )
    return found


def of_truth(version: Version, place: str) -> list[Finding]:
    """What gate.yaml asks or golden data promised, and the truth proves not to be so."""
    return [_of_held(each, version, place) for each in version.held if each.state == "broken"]


def of_silence(last: Beat | None, now: datetime, window: timedelta, job: str) -> list[Finding]:
    """A run that comes so late that rows between the last one and its own window were looked at by nobody."""
    if last is None or last.age(now) <= window:
        return []
    return [
        Finding(
            AMBER,
            "heartbeat",
            f"The last run of {job} is {told_span(last.age(now))} old, and this one looks back {told_span(window)}:"
            " what was served between was seen by nobody.",
            f"since {told_moment(last.at)}",
            "Each run leaves a heartbeat; this one found the last.",
            "Look at the schedule that should have run it, and run once with a longer `--since`.",
        )
    ]


def breach_in_words(red: list[Finding]) -> str:
    """The gravest of the breaches as a headline, and how many more there are. `red` is not empty."""
    kind = min((each.kind for each in red), key=GRAVEST.index)
    named = list(dict.fromkeys(f"`{each.about}`" for each in red if each.kind == kind and each.about))
    columns = " and ".join(named) if len(named) < 3 else f"{len(named)} columns"
    are = "is" if len(named) == 1 else "are"
    words = {
        "rows": "Nothing was served.",
        "truth": "The model is not as good as was asked.",
        "refused": "Many requests are refused.",
        "invariant": f"Rows were answered whose {columns} columns.yaml does not allow.",
        "drift": f"{columns} {are} no longer what the model was trained on.",
        "score": "The model answers otherwise than it did on golden data.",
    }
    more = sum(each.kind != kind for each in red)
    rest = (
        ""
        if not more
        else " One more thing needs somebody."
        if more == 1
        else f" {more} more things need somebody."
    )
    return words[kind] + rest


def share_at_least(count: int, total: int, confidence: float = 1.0 - LEVEL) -> float:
    """The lower bound of a share (Wilson, Journal of the American Statistical Association 22, 1927)."""
    if total == 0:
        return 0.0
    z = NormalDist().inv_cdf(confidence)
    share = count / total
    middle = share + z * z / (2 * total)
    reach = z * math.sqrt(share * (1 - share) / total + z * z / (4 * total * total))
    return max(0.0, (middle - reach) / (1 + z * z / total))


def told_moment(moment: datetime) -> str:
    """A moment in UTC as a person reads it."""
    return f"{moment:%Y-%m-%d %H:%M} UTC"


def told_span(span: timedelta) -> str:
    """A stretch of time in the largest unit that fits."""
    for unit, seconds in (("days", 86_400), ("hours", 3600), ("minutes", 60)):
        if span.total_seconds() >= 2 * seconds:
            return f"{span.total_seconds() / seconds:.3g} {unit}"
    return f"{span.total_seconds():.0f} seconds"


def _of_column(each: Moved, by: str, served: Served, model: str) -> Finding:
    light = RED if each.shift.state == "moved" else AMBER
    extent = "is no longer" if light == RED else "is a little different from"
    if each.of == SCORE:
        what = f"What the model answers {extent} what it answered on golden data{by}{_detail(each)}"
        do = "See which columns moved with it; if none did, ask whether the same model and code are in place."
    else:
        what = f"`{each.name}` {extent} what the model was trained on{by}{_detail(each)}"
        do = f"Find out what changed where `{each.name}` comes from. If the world has changed, train on newer rows."
    proof = (
        f"above {each.shift.limit:.3g} it is proven that the change exceeds {LIMIT:g}"
        if light == RED
        else f"up to {each.shift.limit:.3g} it is not proven that the change exceeds {LIMIT:g}"
    )
    return Finding(
        light,
        "score" if each.of == SCORE else "drift",
        what,
        _since(each, served),
        f"Its distance (PSI) is {each.shift.psi:.3g}. Luck alone reaches {each.shift.chance:.3g}; {proof}.",
        do if light == RED else f"Nothing yet; see whether it goes on. {do}",
        about=each.name,
        model=model,
    )


def _detail(each: Moved) -> str:
    """The part of the change that weighs most, as a clause."""
    p = each.reference / max(each.reference.sum(), 1)
    q = each.window / max(each.window.sum(), 1)
    half = 0.5 / max(each.reference.sum(), 1)
    weight = (q - p) * np.log((q + half) / (p + half))
    at = int(np.argmax(weight))
    golden = "on golden data" if each.of == SCORE else "in training"
    if at == len(p) - 1:
        return f": it is missing in {_percent(q[at])} of rows, {golden} in {_percent(p[at])}."
    if each.column.kind == "level":
        named = [*(f"`{level}`" for level in each.column.levels), "a level that is rare or new"]
        return f": {named[at]} stands in {_percent(q[at])} of rows, {golden} in {_percent(p[at])}."
    if each.mean is None or each.column.mean is None:
        return "."
    before, now = each.column.mean, each.mean
    if abs(now - before) > 0.1 * (each.column.sd or 0.0):
        return f": its mean is {now:.4g}, {golden} {before:.4g}."
    edges = each.column.edges
    if not edges:
        return "."
    place = (
        f"at most {edges[0]:.4g}"
        if at == 0
        else f"above {edges[-1]:.4g}"
        if at == len(edges)
        else f"above {edges[at - 1]:.4g} and at most {edges[at]:.4g}"
    )
    return f": {_percent(q[at])} of rows are {place}, {golden} {_percent(p[at])}."


def _since(each: Moved, served: Served) -> str:
    if each.since is None or not served.slots:
        return ""
    if each.since == 0:
        return "during all of the time that was looked at"
    return f"since about {told_moment(served.slots[each.since])}"


def _of_held(held: Held, version: Version, place: str) -> Finding:
    bounds = held.estimate
    of = f"{metric(held.metric)} skill" if held.of == "skill" else metric(held.metric)
    labelled = f"the truth of {version.labelled:,} predictions"
    if held.against == "golden":
        by = f" by more than the {held.limit:g} that gate.yaml lets pass" if held.limit else ""
        what = f"The {of} of {place} is worse than on golden data{by}: {bounds.value:.3g} worse."
        luck = f"luck shows that in {100 * LEVEL:g} % of runs at most"
        sure = f"At least {bounds.lower:.3g} worse, by {labelled}; {luck}."
    else:
        most = "at most" if held.rule == "ceiling" else "at least"
        what = f"The {of} of {place} is {bounds.value:.3g}, and gate.yaml asks for {most} {held.limit:g}."
        between = f"Between {bounds.lower:.3g} and {bounds.upper:.3g}"
        sure = f"{between}, by {labelled}: even the better end does not reach it."
    return Finding(
        RED,
        "truth",
        what,
        "",
        sure,
        "Go back to the release that was better, or train on newer rows; until then tell those who decide by it.",
    )


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"
