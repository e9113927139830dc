"""Pictures as inline SVG: an interval beside what is asked, curves, bars. Colours come from the page's classes.

Nothing is told by colour alone: a model has its own line and its own marker, and each picture carries the
sentence that says the same in words.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape

WIDTH = 320
LEFT, TOP, RIGHT, BOTTOM = 46, 10, 308, 268
HEIGHT = 310
Point = tuple[float, float]


def interval(estimate: Mapping[str, float], asked: float, side: int, alt: str) -> str:
    """One estimate with its bounds; the side of `asked` on which it must lie is shaded (see deciding.side)."""
    low, high = _span([*_ends(estimate), asked])
    at = _Scale(low, high, 0, WIDTH)
    x = at(asked)
    parts = []
    if side:
        start, end = (x, float(WIDTH)) if side > 0 else (0.0, x)
        parts.append(f'<rect class="good" x="{start:.1f}" y="4" width="{end - start:.1f}" height="24"/>')
    parts += [
        f'<line class="axis" x1="0" x2="{WIDTH}" y1="16" y2="16"/>',
        f'<line class="limit" x1="{x:.1f}" x2="{x:.1f}" y1="0" y2="32"/>',
        *_whisker(estimate, at, 16),
    ]
    return _svg(parts, 32, alt, "interval")


def whisker(estimate: Mapping[str, float], low: float, high: float, zero: float | None, alt: str) -> str:
    """One estimate with its bounds on an axis that several pictures share, with a line at `zero`."""
    at = _Scale(low, high, 0, WIDTH)
    parts = [f'<line class="axis" x1="0" x2="{WIDTH}" y1="12" y2="12"/>']
    if zero is not None and low <= zero <= high:
        parts.append(f'<line class="limit" x1="{at(zero):.1f}" x2="{at(zero):.1f}" y1="1" y2="23"/>')
    return _svg([*parts, *_whisker(estimate, at, 12)], 24, alt, "whisker")


def shared_axis(estimates: Sequence[Mapping[str, float]], zero: float = 0.0) -> Point:
    """The ends of an axis on which all of these have room, and zero."""
    return _span([zero, *(end for each in estimates for end in _ends(each))])


def lines(
    curves: Mapping[str, Sequence[Point]], x_title: str, y_title: str, alt: str, *, marked: bool
) -> str:
    """Curves by model on one square with its diagonal; with `marked` each point is one measurement."""
    ends = [value for points in curves.values() for point in points for value in point]
    low, high = (0.0, 1.0) if min(ends) >= 0 and max(ends) <= 1 else _span(ends)
    x, y = _Scale(low, high, LEFT, RIGHT), _Scale(low, high, BOTTOM, TOP)
    parts = _grid(low, high, x, y, x_title, y_title)
    parts.append(f'<line class="even" x1="{LEFT}" y1="{BOTTOM}" x2="{RIGHT}" y2="{TOP}"/>')
    for name in reversed(list(curves)):  # the candidate lies on top
        points = [(x(a), y(b)) for a, b in curves[name]]
        path = " ".join(f"{a:.1f},{b:.1f}" for a, b in points)
        parts.append(f'<polyline class="line {_role(name)}" points="{path}"/>')
        if marked:
            parts += [marker(name, a, b) for a, b in points]
    return _svg(parts, HEIGHT, alt, "chart")


def mirrored(
    edges: Sequence[float], up: Sequence[float], down: Sequence[float], names: tuple[str, str], alt: str
) -> str:
    """Two distributions over the same bars, one upwards and one downwards, each as shares of its own rows."""
    x = _Scale(edges[0], edges[-1], LEFT, RIGHT)
    middle = (TOP + BOTTOM) / 2
    top = max([*_shares(up), *_shares(down)], default=0.0) or 1.0
    reach = (BOTTOM - TOP) / 2 - 16
    parts = _ticks(edges[0], edges[-1], x)
    for shares, sign, role in ((_shares(up), -1, "candidate"), (_shares(down), 1, "champion")):
        for at, share in enumerate(shares):
            tall = share / top * reach
            start = middle - tall if sign < 0 else middle
            parts.append(_bar(x(edges[at]), x(edges[at + 1]), start, tall, f"bar {role}"))
    parts += [
        f'<line class="frame" x1="{LEFT}" x2="{RIGHT}" y1="{middle:.0f}" y2="{middle:.0f}"/>',
        f'<text class="tick" x="{LEFT}" y="{TOP + 8}">{escape(names[0])}</text>',
        f'<text class="tick" x="{LEFT}" y="{BOTTOM - 3}">{escape(names[1])}</text>',
        _axis_title("score"),
    ]
    return _svg(parts, HEIGHT, alt, "chart")


def bars(edges: Sequence[float], counts: Mapping[str, Sequence[float]], x_title: str, alt: str) -> str:
    """A distribution as bars, and that of further models as an outline over them."""
    x = _Scale(edges[0], edges[-1], LEFT, RIGHT)
    shares = {name: _shares(rows) for name, rows in counts.items()}
    y = _Scale(0.0, max((max(each) for each in shares.values()), default=0.0) or 1.0, BOTTOM, TOP + 4)
    parts = _ticks(edges[0], edges[-1], x)
    for number, (name, each) in enumerate(shares.items()):
        if number == 0:
            parts += [
                _bar(x(edges[at]), x(edges[at + 1]), y(share), BOTTOM - y(share), f"bar {_role(name)}")
                for at, share in enumerate(each)
            ]
        else:
            steps = " ".join(
                f"{x(edges[at + end]):.1f},{y(s):.1f}" for at, s in enumerate(each) for end in (0, 1)
            )
            parts.append(f'<polyline class="line {_role(name)}" points="{steps}"/>')
    if edges[0] < 0 < edges[-1]:
        parts.append(f'<line class="limit" x1="{x(0):.1f}" x2="{x(0):.1f}" y1="{TOP}" y2="{BOTTOM}"/>')
    parts += [
        f'<line class="frame" x1="{LEFT}" x2="{RIGHT}" y1="{BOTTOM}" y2="{BOTTOM}"/>',
        _axis_title(x_title),
    ]
    return _svg(parts, HEIGHT, alt, "chart")


def key(name: str) -> str:
    """The line and the marker of a model, as they stand in a legend."""
    line = f'<line class="line {_role(name)}" x1="0" x2="30" y1="7" y2="7"/>'
    return f'<svg class="key" viewBox="0 0 30 14" aria-hidden="true">{line}{marker(name, 15, 7)}</svg>'


def marker(name: str, x: float, y: float) -> str:
    """A disc for the candidate, a hollow diamond for another model."""
    if _role(name) == "candidate":
        return f'<circle class="dot candidate" cx="{x:.1f}" cy="{y:.1f}" r="4"/>'
    corners = f"{x:.1f},{y - 5:.1f} {x + 5:.1f},{y:.1f} {x:.1f},{y + 5:.1f} {x - 5:.1f},{y:.1f}"
    return f'<polygon class="dot champion" points="{corners}"/>'


class _Scale:
    """A value's place: `low` lies at `start`, `high` at `end`."""

    def __init__(self, low: float, high: float, start: float, end: float) -> None:
        self.low, self.width, self.start, self.length = low, high - low, start, end - start

    def __call__(self, value: float) -> float:
        return self.start + (value - self.low) / self.width * self.length


def _svg(parts: Sequence[str], height: int, alt: str, kind: str) -> str:
    head = f'<svg class="{kind}" viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{escape(alt)}">'
    return f"{head}{''.join(parts)}</svg>"


def _whisker(estimate: Mapping[str, float], at: _Scale, y: int) -> list[str]:
    low, high, value = at(estimate["lower"]), at(estimate["upper"]), at(estimate["value"])
    caps = "".join(
        f'<line class="reach" x1="{x:.1f}" x2="{x:.1f}" y1="{y - 5}" y2="{y + 5}"/>' for x in (low, high)
    )
    return [
        f'<line class="reach" x1="{low:.1f}" x2="{high:.1f}" y1="{y}" y2="{y}"/>{caps}',
        f'<circle class="dot candidate" cx="{value:.1f}" cy="{y}" r="5"/>',
    ]


def _grid(low: float, high: float, x: _Scale, y: _Scale, x_title: str, y_title: str) -> list[str]:
    parts = _ticks(low, high, x)
    for value in nice(low, high):
        parts += [
            f'<line class="grid" x1="{LEFT}" x2="{RIGHT}" y1="{y(value):.1f}" y2="{y(value):.1f}"/>',
            f'<text class="tick" x="{LEFT - 5}" y="{y(value) + 4:.1f}" text-anchor="end">{value:.4g}</text>',
        ]
    middle = (TOP + BOTTOM) / 2
    turned = f'<text class="title" text-anchor="middle" transform="translate(11 {middle:.0f}) rotate(-90)">'
    return [*parts, _axis_title(x_title), f"{turned}{escape(y_title)}</text>"]


def _ticks(low: float, high: float, x: _Scale) -> list[str]:
    return [
        f'<line class="grid" x1="{x(value):.1f}" x2="{x(value):.1f}" y1="{TOP}" y2="{BOTTOM}"/>'
        f'<text class="tick" x="{x(value):.1f}" y="{BOTTOM + 15}" text-anchor="middle">{value:.4g}</text>'
        for value in nice(low, high)
    ]


def nice(low: float, high: float, count: int = 5) -> list[float]:
    """About `count` round numbers from `low` to `high`."""
    rough = (high - low) / count
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= rough * 0.999)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [float(f"{number * step:.10g}") for number in range(first, last + 1)]


def _axis_title(text: str) -> str:
    middle = (LEFT + RIGHT) / 2
    return f'<text class="title" x="{middle:.0f}" y="{HEIGHT - 6}" text-anchor="middle">{escape(text)}</text>'


def _bar(start: float, end: float, y: float, tall: float, kind: str) -> str:
    width = max(end - start - 1, 0.5)
    return f'<rect class="{kind}" x="{start + 0.5:.1f}" y="{y:.1f}" width="{width:.1f}" height="{tall:.1f}"/>'


def _ends(estimate: Mapping[str, float]) -> list[float]:
    return [estimate["lower"], estimate["value"], estimate["upper"]]


def _span(values: Sequence[float]) -> Point:
    """The smallest and the largest with some air around them, and some width where they are equal."""
    low, high = min(values), max(values)
    air = (high - low) * 0.1 or max(abs(low), 1e-9) * 0.1
    return low - air, high + air


def _shares(rows: Sequence[float]) -> list[float]:
    total = sum(rows) or 1.0
    return [each / total for each in rows]


def _role(name: str) -> str:
    return "candidate" if name == "candidate" else "champion"
