"""The monitor's report as one HTML file: the verdict in plain words first, then what changed and how sure that is.

The page needs nothing but itself: style and pictures are inside, no script, no request. It is made from the plain
content of the monitor's report.json alone, and grows to 400 KB at most: what does not fit is counted and stands there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from fearless.report import markup, svg
from fearless.report.paired import Part, distance, paired, percent
from fearless.report.style import sheet
from fearless.report.visible import visible
from fearless.report.words import METRICS, metric, number

Plain = Mapping[str, Any]
# Bytes that a part may take; together with the style they stay below 400 KB.
ROOM = {"findings": 150_000, "columns": 100_000, "scores": 30_000, "truth": 40_000, "list": 15_000}
PARTS = 8

# The verdict as the class that colours it and the word on its badge.
VERDICTS = {
    "HEALTHY": ("PASS", "Healthy"),
    "WATCH": ("INCONCLUSIVE", "Worth a look"),
    "BREACH": ("FAIL", "Needs somebody"),
}
LIGHTS = {"red": ("FAIL", "Breach"), "amber": ("INCONCLUSIVE", "Look")}
STATES = {"steady": ("PASS", "Steady"), "changed": ("INCONCLUSIVE", "A little"), "moved": ("FAIL", "Moved")}
HELD = {"kept": ("PASS", "Kept"), "open": ("INCONCLUSIVE", "Open"), "broken": ("FAIL", "Broken")}
HELD_WORDS = "Kept: proven to hold. Broken: proven not to hold. Open: so few rows do not settle it."
JOBS = {"monitor": "What was served", "truth": "What came true"}
UNKNOWN = ("ERROR", "Unknown")


def html(report: Plain) -> str:
    """The plain content of the monitor's report.json as a page; sections without content are left out."""
    sections = [
        ("found", "What was found", _findings(report)),
        ("next", "What to do now", _next(report)),
        ("truth", "How good the answers were", _truth(report)),
        ("scores", "What the model answered", _scores(report)),
        ("columns", "What it was asked", _columns(report)),
        ("labels", "The labels of this file", _labels(report)),
        ("evidence", "How it was judged", _judged(report)),
    ]
    shown = [(anchor, heading, body) for anchor, heading, body in sections if body]
    links = "".join(f'<li><a href="#{anchor}">{anchor.title()}</a></li>' for anchor, _, _ in shown)
    kind, word = VERDICTS.get(report["verdict"], UNKNOWN)
    body = "".join(
        f'<section aria-labelledby="{anchor}"><h2 id="{anchor}">{heading}</h2>{body}</section>\n'
        for anchor, heading, body in shown
    )
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>{markup.text(f"{word}: {report['headline']}", markup.NAME)}</title>
<style>{sheet()}</style>
</head>
<body>
<header class="{kind}"><div class="wide">
{markup.badge(kind, word)}
<h1>{markup.commands(markup.text(report["headline"]))}</h1>
<p class="lead">{markup.commands(markup.text(report["summary"]))}</p>
<p class="meta">{markup.text(" · ".join(_meta(report)))}</p>
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
    window, last = report["window"], report.get("last_run")
    found = [
        JOBS.get(report["job"], str(report["job"])),
        f"made at {_moment(report['context'].get('made_at'))}",
    ]
    if window.get("rows"):
        found.append(f"rows from {_moment(window['first'])} to {_moment(window['last'])}")
    if window.get("kind") == "simulated":
        found.append("all of it simulated")
    if last:
        word = VERDICTS.get(last["verdict"], UNKNOWN)[1].lower()
        found.append(f"the run before: {_ago(last['age_hours'])}, {word}")
    else:
        found.append("no run before this one on this machine")
    return found


def _findings(report: Plain) -> str:
    said = [None, *(each["do"] for each in report["findings"])]
    items = [
        _finding(each, report, repeated=each["do"] == before)
        for each, before in zip(report["findings"], said, strict=False)
    ]
    shown, left = markup.fitting(items, ROOM["findings"])
    if not shown:
        return ""
    more = f'<p class="small">{left} more stand in report.json.</p>' if left else ""
    return f'<ul class="list">{"".join(shown)}</ul>{more}'


def _finding(found: Plain, report: Plain, *, repeated: bool) -> str:
    kind, word = LIGHTS.get(found["light"], UNKNOWN)
    parts = [f"<h3>{markup.commands(markup.text(found['what']))}</h3>"]
    if found["since"]:
        parts.append(f"<p><strong>Since when:</strong> {markup.text(_after_since(found['since']))}.</p>")
    if found["sure"]:
        parts.append(f"<p><strong>How sure:</strong> {markup.commands(markup.text(found['sure']))}</p>")
    if found["do"] and not repeated:
        parts.append(f"<p><strong>What to do:</strong> {markup.commands(markup.text(found['do']))}</p>")
    compared = _compared_of(found, report)
    picture = f"<div>{_pair(compared)}</div>" if compared else ""
    return f'<li>{markup.badge(kind, word)}<div class="told">{"".join(parts)}</div>{picture}</li>'


def _after_since(text: str) -> str:
    return text.removeprefix("since ")


def _compared_of(found: Plain, report: Plain) -> Plain | None:
    if found["kind"] not in ("drift", "score"):
        return None
    for model in report["models"]:
        if model["sha256"] == found["model"]:
            for each in model["compared"]:
                if each["name"] == found["about"] and (each["of"] == "score") == (found["kind"] == "score"):
                    compared: Plain = each
                    return compared
    return None


def _pair(compared: Plain) -> str:
    before = "on golden data" if compared["of"] == "score" else "in training"
    parts = parts_of(compared)
    told = "; ".join(f"{name}: {percent(a)} {before}, {percent(b)} now" for name, a, b in parts)
    legend = (
        '<p class="asked" style="max-width:23rem" aria-hidden="true">'
        f'<svg class="key" viewBox="0 0 30 14"><rect class="bar champion" x="2" y="3" width="26" height="9"/></svg>'
        f" {before} "
        f'<svg class="key" viewBox="0 0 30 14"><rect class="bar candidate" x="2" y="3" width="26" height="9"/></svg>'
        " now</p>"
    )
    return paired(parts, f"Shares of rows. {told}.") + legend


def parts_of(compared: Plain) -> list[Part]:
    """The cells of one column as at most PARTS named shares, and the missing values where there are any."""
    before, now = compared["reference"], compared["window"]
    a, b = sum(before) or 1, sum(now) or 1
    cells = [(x / a, y / b) for x, y in zip(before, now, strict=True)]
    if compared["kind"] == "number":
        parts = _ranges(compared["edges"], cells[:-1])
    elif compared["kind"] == "level":
        parts = _largest(compared["levels"], cells[:-1])
    else:
        parts = [("there", *cells[0])]
    if before[-1] or now[-1]:
        parts.append(("missing", *cells[-1]))
    return parts


def _ranges(edges: Sequence[float], cells: Sequence[tuple[float, float]]) -> list[Part]:
    """Neighbouring cells put together, so that each part has about the same share before."""
    step = max(1, -(-len(cells) // (PARTS - 1)))
    shown = _distinct([edges[at - 1] for at in range(step, len(cells), step)])
    parts: list[Part] = []
    for at, start in enumerate(range(0, len(cells), step)):
        end = min(start + step, len(cells))
        low = shown[at - 1] if start else ""
        high = shown[at] if end < len(cells) else ""
        name = (
            f"{low} to {high}" if low and high else f"above {low}" if low else f"to {high}" if high else "all"
        )
        shares = cells[start:end]
        parts.append((name, sum(each[0] for each in shares), sum(each[1] for each in shares)))
    return parts


def _distinct(numbers: Sequence[float]) -> list[str]:
    """Numbers with as few digits as tell them apart, and three at least."""
    shown: list[str] = []
    for digits in range(3, 17):
        shown = [f"{float(f'{each:.{digits}g}'):.12g}" for each in numbers]
        if len(set(shown)) == len(shown):
            break
    return shown


def _largest(levels: Sequence[str], cells: Sequence[tuple[float, float]]) -> list[Part]:
    named = [(level, *shares) for level, shares in zip(levels, cells, strict=False)]
    named.sort(key=lambda each: -max(each[1], each[2]))
    kept, rest = named[: PARTS - 1], named[PARTS - 1 :]
    other = (cells[-1][0] + sum(each[1] for each in rest), cells[-1][1] + sum(each[2] for each in rest))
    return [*kept, ("others, new", *other)] if max(other) > 0 else kept


def _next(report: Plain) -> str:
    return (
        f'<div class="card">{markup.items(report["next"], "do", ROOM["list"])}</div>'
        if report["next"]
        else ""
    )


def _truth(report: Plain) -> str:
    parts = [
        _measured(model) for model in report["models"] if model.get("truth") and model["truth"]["labelled"]
    ]
    shown, left = markup.fitting(parts, ROOM["truth"])
    more = f'<p class="small">{left} more versions stand in report.json.</p>' if left else ""
    return "".join(shown) + more


def _measured(model: Plain) -> str:
    truth = model["truth"]
    delay = truth["delay_days"]
    waited = (
        f" It came {delay['median']:.1f} days after the answer in half of the cases, and within"
        f" {delay['p90']:.1f} days in nine of ten."
        if delay
        else " The file does not say when it was known."
    )
    told = (
        f"<p><strong>{markup.text(model['place'], markup.NAME)}</strong> answered {truth['predictions']:,} rows."
        f" The truth is known"
        f" for {truth['labelled']:,} of them ({percent(truth['coverage'])}).{waited}</p>"
    )
    if not truth["metrics"]:
        return f'{told}<p class="hint">Nothing could be measured: {markup.text(truth["why_not"])}.</p>'
    rows = "".join(_metric_row(name, found, truth) for name, found in truth["metrics"].items())
    head = "".join(
        _head(word, kind)
        for word, kind in (
            ("metric", ""),
            ("measured", "n"),
            ("where it may lie; dashed: on golden data", ""),
        )
    )
    tables = markup.table("Metrics by the truth", head + _head("on golden data", "n"), [rows])
    if truth["held"]:
        lines = [_held(each) for each in truth["held"]]
        tables += markup.table(
            "What was asked",
            _head("asked") + _head("found", "n") + _head("result"),
            lines,
        )
        tables += f'<p class="small">{HELD_WORDS}</p>'
    return f"{told}{tables}"


def _metric_row(name: str, found: Plain, truth: Plain) -> str:
    golden = truth["golden"].get(name)
    marks = [found, *([{"value": golden, "lower": golden, "upper": golden}] if golden is not None else [])]
    low, high = svg.shared_axis(marks, found["value"])
    alt = f"Measured {number(found['value'])}, between {number(found['lower'])} and {number(found['upper'])}."
    meaning = METRICS[name][1] if name in METRICS else ""
    named = f'{markup.text(metric(name), markup.NAME)}<span class="small">{escape(meaning)}</span>'
    bounds = f'<span class="small">{number(found["lower"])} to {number(found["upper"])}</span>'
    return (
        f'<tr role="row"><th role="rowheader" scope="row" class="name">{named}</th>'
        f"{markup.cell(number(found['value']) + bounds, 'n', 'measured')}"
        f"{markup.cell(svg.whisker(found, low, high, golden, alt), 'drawn')}"
        f"{markup.cell('' if golden is None else number(golden), 'n', 'on golden data')}</tr>"
    )


def _held(held: Plain) -> str:
    estimate = held["estimate"]
    name = f"{metric(held['metric'])}{' skill' if held['of'] == 'skill' else ''}"
    if held["against"] == "golden":
        margin = f" by more than {number(held['limit'])}" if held["limit"] else ""
        asked = f"{name}: not worse than on golden data{margin}"
        found = f"{number(estimate['value'], True)} worse"
    else:
        word = "at most" if held["rule"] == "ceiling" else "at least"
        asked, found = f"{name}: {word} {number(held['limit'])}", number(estimate["value"])
    bounds = f'<span class="small">{number(estimate["lower"])} to {number(estimate["upper"])}</span>'
    kind, word = HELD.get(held["state"], UNKNOWN)
    return (
        f'<tr role="row"><th role="rowheader" scope="row" class="name">{markup.text(asked, 200)}</th>'
        f"{markup.cell(found + bounds, 'n', 'found')}{markup.cell(markup.badge(kind, word), 'result')}</tr>"
    )


def _scores(report: Plain) -> str:
    cards = [
        f'<figure class="card"><figcaption><h3>{markup.text(model["place"], markup.NAME)}</h3>'
        f"<p>{_said(each)}</p></figcaption>{_pair(each)}</figure>"
        for model in report["models"]
        for each in model["compared"]
        if each["of"] == "score"
    ]
    shown, left = markup.fitting(cards, ROOM["scores"])
    more = f'<p class="small">{left} more stand in report.json.</p>' if left else ""
    return f'<div class="cards">{"".join(shown)}</div>{more}' if shown else ""


def _said(each: Plain) -> str:
    words = {
        "steady": "What it answers is spread as on golden data, as far as luck lets see.",
        "changed": "What it answers is spread a little otherwise than on golden data.",
        "moved": "What it answers is spread otherwise than on golden data.",
    }
    return escape(words.get(each["state"], ""))


def _columns(report: Plain) -> str:
    order = {"moved": 0, "changed": 1, "steady": 2}
    tables: list[str] = []
    room = ROOM["columns"]
    for model in report["models"]:
        columns = [each for each in model["compared"] if each["of"] == "column"]
        columns.sort(key=lambda each: (order.get(each["state"], 0), -each["psi"]))
        lines, left = markup.fitting([_column(each) for each in columns], room)
        room -= sum(len(line.encode()) for line in lines)
        if not lines:
            continue
        heads = (
            ("column", ""),
            ("mean", "n"),
            ("missing", "n"),
            ("distance", "n"),
            ("beside luck", ""),
            ("", ""),
        )
        head = "".join(_head(word, kind) for word, kind in heads)
        more = f'<p class="small">{left} more stand in report.json.</p>' if left else ""
        title = f"<p><strong>{markup.text(model['place'], markup.NAME)}</strong>, {model['rows']:,} rows</p>"
        tables.append(title + markup.table(f"Columns of {model['place']}", head, lines) + more)
    if not tables:
        return ""
    hint = (
        '<p class="hint">The dot is how far a column lies from training. The shaded part is what luck alone can show; '
        "right of the dashed line it is proven that the column has moved.</p>"
    )
    return hint + "".join(tables)


def _column(each: Plain) -> str:
    kind, word = STATES.get(each["state"], UNKNOWN)
    alt = (
        f"Distance {number(each['psi'])}; luck reaches {number(each['chance'])}; moved is proven above"
        f" {number(each['limit'])}."
    )
    before, now = each["mean"]["reference"], each["mean"]["window"]
    means = "" if before is None or now is None else f'{now:.4g}<span class="small">was {before:.4g}</span>'
    gone = each["missing"]
    missing = ""
    if gone["reference"] or gone["window"]:
        missing = f'{percent(gone["window"])}<span class="small">was {percent(gone["reference"])}</span>'
    drawn = distance(each["psi"], each["chance"], each["limit"], alt)
    cells = (
        markup.cell(means, "n" if means else "n none", "mean"),
        markup.cell(missing, "n" if missing else "n none", "missing"),
        markup.cell("under 0.001" if each["psi"] < 0.001 else f"{each['psi']:.3f}", "n", "distance"),
        markup.cell(drawn, "drawn"),
        markup.cell(markup.badge(kind, word), "result"),
    )
    named = f'<th role="rowheader" scope="row" class="name">{markup.text(each["name"], markup.NAME)}</th>'
    return f'<tr role="row">{named}{"".join(cells)}</tr>'


def _labels(report: Plain) -> str:
    labels = report.get("labels")
    if not labels:
        return ""
    counted = (
        f"<p>{labels['rows']:,} rows: {labels['added']:,} new, {labels['corrected']:,} corrected,"
        f" {labels['repeated']:,} known already, {labels['rejected']:,} not used.</p>"
    )
    reasons = [f"{count:,} x {reason}" for reason, count in labels["reasons"].items()]
    rejects = [f"Row {each['row']} ({each['name']}): {each['reason']}." for each in labels["rejects"]]
    return (
        counted + markup.items(reasons, "notes", ROOM["list"]) + markup.items(rejects, "notes", ROOM["list"])
    )


def _judged(report: Plain) -> str:
    digests = [
        f"<dt>{markup.text(model['place'], markup.NAME)}</dt>"
        f'<dd class="id">{markup.text(model["sha256"], markup.NAME)}</dd>'
        for model in report["models"]
    ]
    listed, left = markup.fitting(digests, ROOM["list"])
    listed += [f"<dt>and</dt><dd>{left} more stand in report.json.</dd>"] if left else []
    fold = (
        f"<details><summary>Digests: exactly which models answered</summary><dl>{''.join(listed)}</dl></details>"
        if listed
        else ""
    )
    return markup.items(report["notes"], "notes", ROOM["list"]) + fold


def _moment(text: str | None) -> str:
    return f"{visible(str(text or ''), 40)[:16].replace('T', ' ')} UTC"


def _ago(hours: float) -> str:
    if hours < 1:
        return "less than an hour ago"
    return f"{hours:.1f} hours ago" if hours < 48 else f"{hours / 24:.1f} days ago"


def _head(inside: str, kind: str = "") -> str:
    return f'<th role="columnheader" scope="col" class="{kind}">{escape(inside)}</th>'
