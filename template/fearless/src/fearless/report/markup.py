"""The pieces of a page that both reports are made of: tables, lists, badges, escaped text, and what still has room."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape

from fearless.report.visible import visible

NAME = 120  # characters of a name in a table
ICONS = {
    "PASS": '<circle cx="10" cy="10" r="9"/><path d="m6 10.5 3 3 5.5-6.5"/>',
    "FAIL": '<path d="M6.5 1h7L19 6.5v7L13.5 19h-7L1 13.5v-7z"/><path d="m7 7 6 6m0-6-6 6"/>',
    "INCONCLUSIVE": '<circle cx="10" cy="10" r="9" stroke-dasharray="4 3"/>'
    '<path d="M7.5 7.8a2.5 2.5 0 1 1 3.6 2.3c-.8.4-1.1.9-1.1 1.7m0 2.6v.1"/>',
    "ERROR": '<path d="M10 1.5 19 18H1z"/><path d="M10 7.5v5m0 2.7v.1"/>',
}


def table(label: str, head: str, lines: Sequence[str]) -> str:
    """A table. On a phone each row becomes a block, so the roles are written out: a sheet can take them away."""
    name = f'role="region" tabindex="0" aria-label="{text(label, NAME)}"'
    top = f'<thead role="rowgroup"><tr role="row">{head}</tr></thead>'
    body = f'<tbody role="rowgroup">{"".join(lines)}</tbody>'
    return f'<div class="scroll" {name}><table role="table">{top}{body}</table></div>'


def cell(inside: str, kind: str, label: str = "") -> str:
    """A cell of a table; `inside` is escaped already, `label` is the column that a phone shows beside it."""
    return f'<td role="cell" class="{kind}" data-label="{text(label, NAME)}">{inside}</td>'


def items(sentences: Sequence[str], kind: str, room: int) -> str:
    """A list of sentences, as many as fit into `room` bytes, and how many more there are."""
    shown, left = fitting([f"<li>{commands(text(each))}</li>" for each in sentences], room)
    more = f"<li>{left} more stand in report.json.</li>" if left else ""
    return f'<ul class="{kind}">{"".join(shown)}{more}</ul>' if shown else ""


def badge(kind: str, word: str) -> str:
    """A word with the icon and the colour of `kind`, one of ICONS."""
    drawn = (
        '<svg viewBox="0 0 20 20" fill="none" stroke="currentColor" stroke-width="2" stroke-linecap="round"'
        f' stroke-linejoin="round" aria-hidden="true">{ICONS[kind]}</svg>'
    )
    return f'<span class="badge {kind}">{drawn}{escape(word)}</span>'


def commands(escaped: str) -> str:
    """What stands between two backticks as code, in text that is escaped already."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escaped)


def fitting(items: Sequence[str], room: int) -> tuple[list[str], int]:
    """As many of the items as fit into so many bytes, and how many are left."""
    used = 0
    for at, item in enumerate(items):
        used += len(item.encode())
        if used > room:
            return list(items[:at]), len(items) - at
    return list(items), 0


def text(text: object, limit: int = 600) -> str:
    """`text` as it may stand in HTML: escaped, what cannot be seen made visible, cut to `limit` characters."""
    return escape(visible(text, limit))
