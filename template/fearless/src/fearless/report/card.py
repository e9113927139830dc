"""The model card: what was released, for whom and with what proof, made from records alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from fearless.report.markdown import safe
from fearless.report.words import METRICS, between, metric, number, rival

CELL = 200
UNTOLD = ("", "TODO")
QUESTION = {
    "question": "Question",
    "decision": "What is decided with the answer",
    "decision_maker": "Who decides",
    "label": "What is predicted",
    "horizon": "How far ahead",
    "unit": "One prediction is for",
    "do_nothing": "Without a model",
    "purpose": "Purpose",
    "legal_basis": "Legal basis",
    "retention": "Retention",
    "personal_data": "Personal data",
    "review": "To be asked again by",
}


def card(
    record: Mapping[str, Any],
    manifest: Mapping[str, Any],
    report: Mapping[str, Any],
    question: Mapping[str, Any],
) -> str:
    """The card as Markdown, of the plain contents of release.json, the artifact's manifest, gate.json and QUESTION.md.

    Texts of the team are escaped. What was not answered is named as such.
    """
    lines = [
        f"# {safe(record['model_name'], CELL)} {record['release']}",
        "",
        *_head(record, report),
        "",
        *_broken(record),
        "## What it is for",
        "",
        *_question(question),
        "",
        "## What it is",
        "",
        *_model(record, manifest),
        "",
        "## How good it is",
        "",
        *_figures(report),
        *_parts(report),
        *_worth(report),
        "## What it must not be trusted with",
        "",
        *_limits(manifest, report),
        "",
        "## Who agreed, and what was proven",
        "",
        *_items(record["items"]),
    ]
    return "\n".join(lines) + "\n"


def _head(record: Mapping[str, Any], report: Mapping[str, Any]) -> Iterator[str]:
    said = safe(report["summary"] or report["errors"][0], 400)
    yield f"Released on {record['at'][:10]} by {safe(record['by']['name'], CELL)}."
    yield f"The gate said **{safe(report['verdict'], CELL)}**: {said}"


def _broken(record: Mapping[str, Any]) -> Iterator[str]:
    if record["break_glass"]:
        yield f"**Released in spite of what was open:** {safe(record['break_glass'], 400)}"
        yield ""


def _question(question: Mapping[str, Any]) -> Iterator[str]:
    for key, title in QUESTION.items():
        if key in question:
            told = str(question[key]).strip()
            yield f"- {title}: {'not answered' if told in UNTOLD else safe(told, 400)}"
    costs = question.get("costs")
    if isinstance(costs, Mapping):
        told = ", ".join(f"{safe(str(name), CELL)} {safe(str(value), CELL)}" for name, value in costs.items())
        yield f"- What an error costs: {told}"
    owners = question.get("owners")
    if isinstance(owners, Sequence) and not isinstance(owners, str):
        names = [str(each.get("name", "")) for each in owners if isinstance(each, Mapping)]
        yield f"- Owners: {safe(', '.join(filter(None, names)) or 'not answered', CELL)}"
    if not question:
        yield "- QUESTION.md could not be read."


def _model(record: Mapping[str, Any], manifest: Mapping[str, Any]) -> Iterator[str]:
    yield f"- Estimator: {safe(manifest['estimator'], CELL)}, stored as {safe(manifest['loader'], CELL)}"
    yield f"- Features: {len(manifest['features'])}; rows it was trained on: {manifest['train_rows']:,}"
    yield f"- SHA-256 of its manifest: `{record['model_sha256']}`"
    if record["replaces"]:
        yield f"- Replaces: {safe(record['replaces'], CELL)}"
    yield (
        f"- The stored model and the fitted one differ by at most {manifest['parity']['worst_difference']:.1e}"
        f" over {manifest['parity']['rows']:,} rows"
    )


def _figures(report: Mapping[str, Any]) -> Iterator[str]:
    golden = report["golden"]
    if not report["models"]:
        yield "It was not measured."
        yield ""
        return
    sure = f"{report['confidence']:.0%}" if report["confidence"] else "the stated"
    yield (
        f"On {golden['rows']:,} golden rows, which no model is trained on. Each bound holds with {sure} confidence."
    )
    yield ""
    yield "| model | metric | value | between |"
    yield "|---|---|---|---|"
    for model in report["models"]:
        name = "this model" if model["role"] == "candidate" else rival(model["name"])
        for each, estimate in model["metrics"].items():
            told = f"{number(estimate['value'])} | {between(estimate)}"
            yield f"| {safe(name, CELL)} | {safe(metric(each), CELL)} | {told} |"
    yield ""
    for each in report["models"][0]["metrics"]:
        if each in METRICS:
            yield f"- {METRICS[each][0]}: {METRICS[each][1]}"
    yield ""


def _parts(report: Mapping[str, Any]) -> Iterator[str]:
    worst = report.get("worst_slice")
    if worst:
        yield f"Weakest part: {safe(worst['sentence'], 400)}"
        yield ""


def _worth(report: Mapping[str, Any]) -> Iterator[str]:
    worth = report.get("value")
    if worth:
        each = worth["candidate"]
        yield (
            f"Worth: {number(each['value'])} {safe(worth['currency'], CELL)} for one {safe(worth['per'], CELL)},"
            f" between {between(each)}."
        )
        yield ""


def _limits(manifest: Mapping[str, Any], report: Mapping[str, Any]) -> Iterator[str]:
    yield "- Rows unlike those it was trained on: `fearless monitor` says when what is served has moved."
    yield "- Questions other than the one above, and columns other than those of its columns.yaml."
    for note in report["notes"]:
        yield f"- {safe(note, 400)}"
    if manifest["train_rows"] < 1000:
        yield f"- It was trained on {manifest['train_rows']:,} rows only."


def _items(items: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    yield "| item | state | proof | source |"
    yield "|---|---|---|---|"
    for item in items:
        if item["state"] != "not asked":
            told = [
                safe(str(item.get(key, "")), CELL) for key in ("id", "title", "state", "evidence", "source")
            ]
            yield f"| {told[0]} {told[1]} | {' | '.join(told[2:])} |"
    unasked = [str(item["id"]) for item in items if item["state"] == "not asked"]
    if unasked:
        yield ""
        yield f"Not asked here: {safe(', '.join(unasked), CELL)}."
