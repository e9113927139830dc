"""Two distributions side by side, and how far one lies from the other, as inline SVG."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

from fearless.report.visible import visible

WIDTH, ROW = 320, 30
LONGEST, LETTER = 17, 7.4  # characters of a name, and the width of a wide one
Part = tuple[str, float, float]


def paired(parts: Sequence[Part], alt: str) -> str:
    """For each part its name, its share before (outlined) and its share now (filled), as two bars."""
    names = [visible(name, LONGEST) for name, _, _ in parts]
    label = max(56.0, LETTER * max(map(len, names), default=0) + 8)
    top = max([share for _, before, now in parts for share in (before, now)], default=0.0) or 1.0
    room = WIDTH - label - 46
    drawn: list[str] = []
    for at, (name, (_, before, now)) in enumerate(zip(names, parts, strict=True)):
        y = at * ROW + 4
        drawn.append(f'<text x="{label - 6:.1f}" y="{y + 15}" text-anchor="end">{escape(name)}</text>')
        for role, share, down in (("champion", before, 0), ("candidate", now, 11)):
            width = max(share / top * room, 0.5)
            drawn.append(
                f'<rect class="bar {role}" x="{label:.1f}" y="{y + down}" width="{width:.1f}" height="9"/>'
                f'<text style="font-size:10px" x="{label + width + 4:.1f}" y="{y + down + 8.5:.1f}">'
                f"{percent(share)}</text>"
            )
    height = len(parts) * ROW + 4
    head = f'<svg class="chart" viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{escape(alt)}">'
    return f"{head}{''.join(drawn)}</svg>"


def distance(found: float, chance: float, limit: float, alt: str) -> str:
    """A distance on a scale of its own: shaded what luck reaches, dashed from where on a move is proven."""
    top = max(found, limit) * 1.15 or 1.0

    def at(value: float) -> float:
        # The root keeps what is near nothing apart on a scale that must reach far.
        return math.sqrt(min(value, top) / top) * WIDTH

    drawn = (
        f'<rect class="good" x="0" y="3" width="{at(chance):.1f}" height="18"/>'
        f'<line class="axis" x1="0" x2="{WIDTH}" y1="12" y2="12"/>'
        f'<line class="limit" x1="{at(limit):.1f}" x2="{at(limit):.1f}" y1="1" y2="23"/>'
        f'<circle class="dot candidate" cx="{at(found):.1f}" cy="12" r="5"/>'
    )
    return (
        f'<svg class="whisker" viewBox="0 0 {WIDTH} 24" role="img" aria-label="{escape(alt)}">{drawn}</svg>'
    )


def percent(share: float) -> str:
    """A share with as many digits as say something."""
    if 0 < share < 0.0005:
        return "<0.1 %"
    return f"{100 * share:.1f} %" if share < 0.1 else f"{100 * share:.0f} %"
