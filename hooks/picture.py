"""A terminal's text as an SVG, because the docs show real output.

COMMAND | python hooks/picture.py TITLE docs/images/NAME.svg
"""

from __future__ import annotations

import sys
from pathlib import Path
from xml.sax.saxutils import escape

NO_BREAK = "\N{NO-BREAK SPACE}"  # a plain one would be folded
CHAR, LINE, MARGIN, BAR = 7.8, 18, 18, 34
COLOURS = {
    "PASS": "#3fb950",
    "FAIL": "#f85149",
    "INCONCLUSIVE": "#d29922",
    "ERROR": "#f85149",
    "ok": "#3fb950",
}


def draw(text: str, title: str) -> str:
    """`text` on a dark card, each line as it was printed; a verdict at a line's start has its colour."""
    lines = [line.rstrip() for line in text.rstrip().splitlines()]
    width = max((len(line) for line in lines), default=1) * CHAR + 2 * MARGIN
    height = len(lines) * LINE + 2 * MARGIN + BAR
    rows = [_row(line, BAR + MARGIN + number * LINE + 12) for number, line in enumerate(lines)]
    return f"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height}" role="img"
  aria-label="{escape(title)}">
<rect width="100%" height="100%" rx="8" fill="#0d1117"/>
<text x="{MARGIN}" y="23" fill="#8b949e" font-family="monospace" font-size="13">$ {escape(title)}</text>
<g font-family="monospace" font-size="13" fill="#e6edf3">
{chr(10).join(rows)}
</g>
</svg>
"""


def _row(line: str, y: int) -> str:
    first = line.split(" ", 1)[0].rstrip(":")
    colour = f' fill="{COLOURS[first]}"' if first in COLOURS else ' fill="#8b949e"' if line[:1] == "-" else ""
    # A fixed length keeps the columns in line, whichever monospace font the reader has.
    length = f' textLength="{len(line) * CHAR:.1f}"' if line.strip() else ""
    return f'<text x="{MARGIN}" y="{y}"{colour}{length}>{escape(line).replace(" ", NO_BREAK)}</text>'


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: COMMAND | python hooks/picture.py TITLE FILE.svg")
    Path(sys.argv[2]).write_text(draw(sys.stdin.read(), sys.argv[1]), encoding="utf-8", newline="\n")
