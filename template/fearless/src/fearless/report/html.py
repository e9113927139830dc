"""The gate report as one HTML file: the verdict in plain words first, then what it stands on.

The page needs nothing but itself: style and pictures are inside, no script, no request. It is made from the
plain content of report.json alone, the same bytes each time, and grows to 300 KB at most: what does not fit
is counted and stands in report.json.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from itertools import pairwise
from typing import Any

from fearless.report import markup, svg
from fearless.report.deciding import ORDER, asked, deciding, in_order, side
from fearless.report.rows import by_role, judged_metrics
from fearless.report.style import sheet
from fearless.report.visible import visible
from fearless.report.words import (
    METRICS,
    TERMS,
    between,
    headline,
    lead,
    metric,
    number,
    result,
    rival,
    span,
    title,
    without_model,
)

FOLDED_FROM = 12  # that many passed checks are shown folded
# Bytes that a part may take; together with style and curves they stay below 300 KB.
ROOM = {
    "checks": 100_000,
    "slices": 50_000,
    "models": 30_000,
    "context": 16_000,
    "policy": 20_000,
    "list": 10_000,
}

Plain = Mapping[str, Any]


def html(report: Plain) -> str:
    """The plain content of report.json as a page; sections whose keys it lacks are left out."""
    name = report["context"].get("candidate_name", "")
    sections = [
        ("decision", "What decided", _decided(report)),
        ("next", "What to do now", _next(report)),
        ("checks", "Every check", _checks(report)),
        ("slices", "Parts of the data", _slices(report)),
        ("curves", "How the model behaves", _curves(report)),
        ("models", "The models beside each other", _models(report)),
        ("trial", "Not in force: the gate.yaml of this change", _trial(report.get("trial"))),
        ("evidence", "How it was judged", _judged(report)),
    ]
    shown = [(anchor, heading, body) for anchor, heading, body in sections if body]
    links = "".join(f'<li><a href="#{anchor}">{anchor.title()}</a></li>' for anchor, _, _ in shown)
    verdict = _class(report["verdict"])
    body = "".join(
        f'<section aria-labelledby="{anchor}"><h2 id="{anchor}">{heading}</h2>{body}</section>\n'
        for anchor, heading, body in shown
    )
    page_title = markup.text(f"{report['verdict']}: {name or 'benchmark gate'}", markup.NAME)
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>{page_title}</title>
<style>{sheet()}</style>
</head>
<body>
<header class="{verdict}"><div class="wide">
{_badge(report["verdict"], visible(report["verdict"], 20))}
<h1>{markup.text(headline(report))}</h1>
<p class="lead">{markup.commands(markup.text(lead(report), 1200))}</p>
{_errors(report)}{_sets(report)}<p class="meta">{markup.text(" · ".join(_meta(report)))}</p>
<nav aria-label="Parts of this report"><ul>{links}</ul></nav>
</div></header>
<main class="wide">
{body}</main>
<footer><p class="wide">Made by Fearless {markup.text(report["context"].get("toolkit", ""), 40)} from report.json, \
which holds every number of this page in full.</p></footer>
</body>
</html>
"""


def _meta(report: Plain) -> list[str]:
    golden, name = report.get("golden") or {}, report["context"].get("candidate_name")
    found = [f"Model {visible(name, markup.NAME)}"] if name else []
    found.append("Judged for a release" if report["mode"] == "release" else "Judged for a pull request")
    if golden.get("rows"):
        positives = golden.get("positives")
        counted = f", {positives:,} of them positive" if positives is not None else ""
        found.append(f"{golden['rows']:,} golden rows{counted}")
    return found


def _errors(report: Plain) -> str:
    return markup.items(
        [each.strip().removeprefix("-> ") for each in report["errors"][1:]], "do", ROOM["list"]
    )


def _sets(report: Plain) -> str:
    """What each of two golden sets says; the worse one is the verdict above."""
    sets = report.get("sets") or []
    told = "".join(
        f"<li>{_badge(each['verdict'], visible(each['verdict'], 20))}"
        f" {markup.text(each['sentence'].removeprefix(each['verdict']), 500)}</li>"
        for each in sets
    )
    return f'<ul class="sets">{told}</ul>' if told else ""


def _decided(report: Plain) -> str:
    cards = [_card(check, report) for check in deciding(report)]
    if report.get("value"):
        cards.append(_worth(report["value"]))
    told = without_model(report)
    beside = (
        f'<p class="nothing"><strong>Without a model:</strong> {markup.text(" ".join(filter(None, told)))}</p>'
        if told
        else ""
    )
    return f'<div class="cards few">{"".join(cards)}</div>{beside}' if cards else beside


def _card(check: Plain, report: Plain) -> str:
    head = f"{_badge(check['verdict'])}<h3>{markup.text(title(check), markup.NAME)}</h3>"
    estimate = check.get("estimate")
    if not estimate:
        told = f'<p class="small">{markup.text(check["sentence"])}</p>'
        return f'<article class="card {_class(check["verdict"])}">{head}{told}</article>'
    against = check.get("against")
    of = f"{metric(check['metric'])}{' skill' if check['of'] == 'skill' else ''}"
    what = f"advantage over {rival(against)} in {of}" if against else of
    return (
        f'<article class="card {_class(check["verdict"])}">{head}'
        f'<p class="number">{number(estimate["value"], bool(against))}</p>'
        f'<p class="of">{markup.text(what, markup.NAME)}, between {between(estimate, bool(against))}</p>'
        f"{_picture(check, report)}</article>"
    )


def _worth(value: Plain) -> str:
    compared = value.get("difference")
    estimate = compared or value["candidate"]
    unit = markup.text(f"{value['currency']} per {value['per']}", markup.NAME)
    against = "beside the champion" if compared else "with the decisions of the candidate"
    return (
        '<article class="card"><h3>Worth</h3>'
        f'<p class="number">{number(estimate["value"], bool(compared))}</p>'
        f'<p class="of">{unit}, {against}, between {between(estimate, bool(compared))}</p></article>'
    )


def _next(report: Plain) -> str:
    steps = markup.items(report["next"], "do", ROOM["list"])
    return f'<div class="card">{steps}</div>' if steps else ""


def _checks(report: Plain) -> str:
    if not report["checks"]:
        return ""
    checks = in_order(report["checks"])
    counted = dict.fromkeys(("ERROR", "FAIL", "INCONCLUSIVE", "PASS"), 0)
    for check in checks:
        counted[_class(check["verdict"])] += 1
    tally = ", ".join(f"{count} {result(word).lower()}" for word, count in counted.items() if count)
    hint = (
        f'<p class="hint">{tally}. A dot is what was measured, its bar where the number may lie; '
        "the dashed line is what was asked, and the shaded side is where the bar must be.</p>"
    )
    items = [_check(check, report) for check in checks]
    shown, left = markup.fitting(items, ROOM["checks"])
    cut = next((at for at, check in enumerate(checks) if check["verdict"] == "PASS"), len(checks))
    more = f'<p class="small">{left} more stand in report.json.</p>' if left else ""
    if len(shown) - cut < FOLDED_FROM:
        return f'{hint}<ul class="list">{"".join(shown)}</ul>{more}'
    first = f'<ul class="list">{"".join(shown[:cut])}</ul>' if cut else ""
    passed = f'<ul class="list">{"".join(shown[cut:])}</ul>'
    return f"{hint}{first}<details><summary>{len(shown) - cut} passed</summary>{passed}</details>{more}"


def _check(check: Plain, report: Plain) -> str:
    sentence = markup.commands(markup.text(check["sentence"], 500))
    told = f"<h3>{markup.text(title(check), markup.NAME)}</h3><p>{sentence}</p>"
    picture = f"<div>{_picture(check, report)}</div>" if check.get("estimate") else ""
    return f'<li>{_badge(check["verdict"])}<div class="told">{told}</div>{picture}</li>'


def _picture(check: Plain, report: Plain) -> str:
    estimate, limit = check["estimate"], asked(check)
    word = {1: "above " if check.get("against") else "at least ", -1: "at most ", 0: ""}[side(check)]
    label = "asked: not proven below 0" if check["rule"] == "slices" else f"asked: {word}{number(limit)}"
    bounds = (
        ""
        if report["confidence"] is None
        else f", each bound with {100 * report['confidence']:.4g} % confidence"
    )
    alt = f"Measured {number(estimate['value'])}, from {span(estimate)}{bounds}; {label}."
    return f'{svg.interval(estimate, limit, side(check), alt)}<p class="asked" aria-hidden="true">{label}</p>'


def _slices(report: Plain) -> str:
    slices = report.get("slices") or []
    if not slices:
        return ""
    worst = report.get("worst_slice")
    first = (
        f"<p>The weakest corner that was found: {markup.text(worst['sentence'], 500)}</p>" if worst else ""
    )
    hint = (
        '<p class="hint">Where the champion is there, a dot right of the dashed line says that the candidate is better '
        "in this part, left of it worse; the bar is where the number may lie.</p>"
    )
    tables, room = [], ROOM["slices"]
    for name, rows in _by_metric(slices, report["primary"]):
        rows.sort(key=lambda each: (ORDER.get(each["verdict"], 0), _advantage(each)))
        shown = [each.get("difference") or each["candidate"] for each in rows]
        low, high = svg.shared_axis(shown, 0.0 if rows[0].get("difference") else shown[0]["value"])
        lines, left = markup.fitting([_slice(each, low, high) for each in rows], room)
        room -= sum(len(line.encode()) for line in lines)
        beside = "beside the champion" if rows[0].get("difference") else "with its bounds"
        axis = f'{beside} <span class="small">axis from {number(low)} to {number(high)}</span>'
        measured = _head(markup.text(metric(name), markup.NAME), "n")
        head = f"{_head('part')}{_head('rows', 'n')}{measured}{_head(axis)}{_head('result')}"
        more = f'<p class="small">{left} more stand in report.json.</p>' if left else ""
        heading = f"<h3>{markup.text(metric(name), markup.NAME)}</h3>"
        tables.append(heading + markup.table(f"{metric(name)} by part of the data", head, lines) + more)
    return f"{first}{hint}{''.join(tables)}"


def _by_metric(slices: Sequence[Plain], primary: str) -> list[tuple[str, list[Plain]]]:
    """The parts of each metric; one in which something failed comes first, then the primary one."""
    found: dict[str, list[Plain]] = {}
    for each in slices:
        found.setdefault(each["metric"], []).append(each)
    worst = {name: min(ORDER.get(each["verdict"], 0) for each in rows) for name, rows in found.items()}
    return sorted(found.items(), key=lambda item: (worst[item[0]], item[0] != primary, item[0]))


def _advantage(part: Plain) -> float:
    return float((part.get("difference") or part["candidate"])["value"])


def _slice(part: Plain, low: float, high: float) -> str:
    compared = part.get("difference")
    estimate = compared or part["candidate"]
    alt = f"{'Advantage ' if compared else ''}{number(estimate['value'], bool(compared))}, from {span(estimate)}."
    drawn = svg.whisker(estimate, low, high, 0.0 if compared else None, alt)
    positives = part.get("positives")
    counted = f'<span class="small">{positives:,} positive</span>' if positives is not None else ""
    difference = f'<span class="small">{number(compared["value"], True)}</span>' if compared else ""
    cells = (
        markup.cell(f"{part['rows']:,}{counted}", "n", "rows"),
        markup.cell(number(part["candidate"]["value"]) + difference, "n", metric(part["metric"])),
        markup.cell(drawn, "drawn"),
        markup.cell(_badge(part["verdict"]), "result"),
    )
    by = f'<span class="small">{markup.text(part["by"], markup.NAME)}</span>'
    named = (
        f'<th role="rowheader" scope="row" class="name">{markup.text(part["level"], markup.NAME)}{by}</th>'
    )
    return f'<tr role="row">{named}{"".join(cells)}</tr>'


def _curves(report: Plain) -> str:
    curves = report.get("curves") or {}
    figures = []
    if roc := _by_model(curves.get("roc")):
        found = "; ".join(
            f"the {name} finds {100 * _height(points, 0.1):.0f} %" for name, points in roc.items()
        )
        alt = f"When one in ten negatives is flagged by mistake, {found} of the positives."
        drawn = svg.lines(roc, "negatives flagged", "positives found", f"ROC curve. {alt}", marked=False)
        figures.append(
            _figure("Telling positives from negatives", f"Nearer the upper left is better. {alt}", drawn, roc)
        )
    if reliability := _by_model(curves.get("reliability")):
        figures.append(_reliability(report, reliability))
    if scores := curves.get("scores"):
        figures.append(_scores(scores))
    if residuals := curves.get("residuals"):
        counts = {name: each["rows"] for name, each in _models_of(residuals).items()}
        told = "Errors of the single rows, prediction minus truth: narrow and around zero is better."
        drawn = svg.bars(
            residuals["edges"], counts, "prediction minus truth", f"Distribution of errors. {told}"
        )
        figures.append(_figure("How far off single predictions are", told, drawn, counts))
    return f'<div class="cards">{"".join(figures)}</div>' if figures else ""


def _reliability(report: Plain, reliability: Mapping[str, Sequence[Sequence[float]]]) -> str:
    binary = report["task"] != "regression"
    said, came = ("stated probability", "share that came true") if binary else ("predicted", "what came true")
    told = f"On the dotted line, what is {'stated' if binary else 'predicted'} is what happens."
    points = {name: [(each[0], each[1]) for each in groups] for name, groups in reliability.items()}
    gaps = {name: max(abs(a - b) for a, b in each) for name, each in points.items()}
    widest = "; ".join(f"widest gap of the {name}: {number(gap)}" for name, gap in gaps.items())
    drawn = svg.lines(points, said, came, f"Reliability curve. {told} {widest}.", marked=True)
    labels = (said, came, "rows")
    rows = [
        f'<tr role="row"><th role="rowheader" scope="row">{name}</th>'
        + "".join(markup.cell(number(value), "n", label) for value, label in zip(each, labels, strict=False))
        + "</tr>"
        for name, groups in reliability.items()
        for each in groups[:40]
    ]
    head = _head("model") + "".join(_head(each, "n") for each in labels)
    table = markup.table("The reliability curve as numbers", head, rows)
    figure = _figure(
        "Whether stated probabilities can be believed" if binary else "Whether predictions can be believed",
        f"{told} {widest[0].upper()}{widest[1:]}.",
        drawn,
        points,
    )
    return figure.replace("</figure>", f"<details><summary>As numbers</summary>{table}</details></figure>")


def _scores(scores: Plain) -> str:
    rows = scores["candidate"]
    told = (
        "Scores of the candidate, rows that are positive above the line, the others below: apart is better."
    )
    middle = (len(scores["edges"]) - 1) // 2
    high = 100 * sum(rows["positive"][middle:]) / (sum(rows["positive"]) or 1)
    low = 100 * sum(rows["negative"][:middle]) / (sum(rows["negative"]) or 1)
    half = f"{high:.0f} % of the positives score in the upper half, {low:.0f} % of the others in the lower."
    drawn = svg.mirrored(
        scores["edges"], rows["positive"], rows["negative"], ("positive", "not positive"), f"{told} {half}"
    )
    return _figure("Where the scores lie", f"{told} {half}", drawn, {})


def _figure(heading: str, told: str, drawn: str, models: Iterable[str]) -> str:
    keys = "".join(f"<li>{svg.key(name)}{markup.text(name, markup.NAME)}</li>" for name in models)
    legend = f'<ul class="legend">{keys}</ul>' if keys else ""
    caption = f"<figcaption><h3>{heading}</h3><p>{markup.text(told)}</p></figcaption>"
    return f'<figure class="card">{caption}{drawn}{legend}</figure>'


def _height(points: Sequence[Sequence[float]], x: float) -> float:
    """How high a rising curve is at x."""
    for (left, low), (right, high) in pairwise(points):
        if left <= x <= right:
            return low + (high - low) * ((x - left) / (right - left) if right > left else 1.0)
    return points[-1][1]


def _models(report: Plain) -> str:
    models = by_role(report)
    if not models:
        return ""
    names = judged_metrics(report)
    skills = [model["skill"] for model in models if model.get("skill")]
    low, high = svg.shared_axis([*skills, *([{"lower": 1.0, "value": 1.0, "upper": 1.0}] if skills else [])])
    lines, left = markup.fitting([_model(model, names, low, high) for model in models], ROOM["models"])
    head = "".join(_head(markup.text(metric(name), markup.NAME), "n") for name in names)
    drawn = _head("skill, from nothing (dashed line) to perfect (right end)")
    more = f'<p class="small">{left} more stand in report.json.</p>' if left else ""
    return markup.table("Figures of each model", _head("model") + drawn + head, lines) + more


def _model(model: Plain, names: Sequence[str], low: float, high: float) -> str:
    skill, drawn = model.get("skill"), ""
    if skill:
        drawn = svg.whisker(skill, low, high, 0.0, f"Skill {number(skill['value'])}, from {span(skill)}.")
        drawn = f'{drawn}<span class="small">skill {number(skill["value"])}, {span(skill)}</span>'
    cells = "".join(_measured(name, model["metrics"].get(name)) for name in names)
    described = (
        f'<span class="small">{markup.text(model["description"], 200)}</span>' if model["description"] else ""
    )
    named = f'<th role="rowheader" scope="row" class="name">{markup.text(model["name"], markup.NAME)}{described}</th>'
    return f'<tr role="row">{named}{markup.cell(drawn, "drawn", "skill")}{cells}</tr>'


def _measured(name: str, estimate: Mapping[str, float] | None) -> str:
    if not estimate:
        return markup.cell("", "n none")
    return markup.cell(
        f'{number(estimate["value"])}<span class="small">{span(estimate)}</span>', "n", metric(name)
    )


def _judged(report: Plain) -> str:
    context = [
        f'<dt>{markup.text(name, markup.NAME)}</dt><dd class="id">{markup.text(value, 200)}</dd>'
        for name, value in sorted(report["context"].items())
    ]
    listed, left = markup.fitting(context, ROOM["context"])
    listed += [f"<dt>and</dt><dd>{left} more stand in report.json.</dd>"] if left else []
    policy = escape(_lines(json.dumps(report["policy"], indent=2, sort_keys=True, ensure_ascii=False)))
    if len(policy.encode()) > ROOM["policy"]:
        policy = "gate.yaml is too long for this page; report.json holds it."
    used = {check["metric"] for check in report["checks"]}
    used = {name.partition("@")[0] for name in used}
    words = {METRICS[name][0]: METRICS[name][1] for name in sorted(used & METRICS.keys())} | TERMS
    glossary = "".join(
        f"<dt>{escape(word)}</dt><dd>{escape(meaning)}</dd>" for word, meaning in words.items()
    )
    folds = [
        ("What the words mean", f"<dl>{glossary}</dl>"),
        ("Digests: exactly what was judged, and by what", f"<dl>{''.join(listed)}</dl>" if listed else ""),
        ("gate.yaml as it was understood", f"<pre>{policy}</pre>" if report["policy"] else ""),
    ]
    folded = (f"<details><summary>{name}</summary>{body}</details>" for name, body in folds if body)
    return markup.items(report["notes"], "notes", ROOM["list"]) + "".join(folded)


def _lines(text: str) -> str:
    return "\n".join(
        " " * (len(line) - len(line.lstrip(" "))) + visible(line, 300) for line in text.splitlines()
    )


def _trial(trial: Plain | None) -> str:
    """Words alone, without a badge or a colour: no second verdict may be taken for the first."""
    if not trial:
        return ""
    differs = markup.items(trial["differs"], "do", ROOM["list"])
    return f'<div class="card trial"><p>{markup.text(trial["sentence"])}</p>{differs}</div>'


def _by_model(curves: Mapping[str, Any] | None) -> dict[str, Any]:
    return {name: points for name, points in _models_of(curves or {}).items() if points}


def _models_of(entries: Mapping[str, Any]) -> dict[str, Any]:
    """The candidate first, then the champion: report.json sorts its keys otherwise, and none but these are drawn."""
    return {name: entries[name] for name in ("candidate", "champion") if name in entries}


def _head(inside: str, kind: str = "") -> str:
    return f'<th role="columnheader" scope="col" class="{kind}">{inside}</th>'


def _badge(verdict: str, word: str = "") -> str:
    return markup.badge(_class(verdict), word or result(verdict))


def _class(verdict: str) -> str:
    """The verdict as a class of the sheet; what a later toolkit may add looks like an error."""
    return verdict if verdict in markup.ICONS else "ERROR"
