"""A report as the service shows it: how old it is and where the others are, above the page itself."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from fearless.report.style import sheet

Link = tuple[str, str, str]  # address, name, age
BAR = """.bar{background:var(--card);border-bottom:1px solid var(--rule);font-size:.95rem;padding:.6rem 0}
.bar ul{display:flex;flex-wrap:wrap;gap:.2rem 1.4rem;list-style:none;margin:0}
.bar p{color:var(--soft);margin-top:.2rem}
.bar [aria-current]{color:var(--ink);font-weight:700;text-decoration:none}"""


def framed(page: str, age: str, links: Sequence[Link], here: str) -> str:
    """`page`, one of our own, with a bar on top; `age` is a sentence of HTML, `here` the address of this one."""
    bar = f'<div class="bar"><div class="wide">{_listed(links, here)}<p>{age}</p></div></div>'
    return page.replace("</style>", f"{BAR}</style>", 1).replace("<body>", f"<body>\n{bar}", 1)


def empty(headline: str, links: Sequence[Link], command: str) -> str:
    """A page for when there is nothing to show; it names the command that changes that."""
    how = ""
    if command:
        how = (
            "<section><h2>How to have one</h2><p>Run this where the service keeps its ledger, best on a schedule:</p>"
            f"<pre>{escape(command)}</pre></section>"
        )
    other = "<section><h2>What there is</h2>" + _listed(links, "") + "</section>" if links else ""
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{escape(headline)}</title>
<style>{sheet()}{BAR}</style>
</head>
<body>
<header class="INCONCLUSIVE"><div class="wide"><h1>{escape(headline)}</h1>
<p class="lead">Nobody has looked at what this service answers, as far as it can tell.</p></div></header>
<main class="wide">{how}{other}</main>
</body>
</html>
"""


def _listed(links: Sequence[Link], here: str) -> str:
    items = "".join(
        f'<li><a href="{escape(address)}"{" aria-current=page" if address == here else ""}>{escape(name)}</a>'
        f' <span class="small">{escape(age)}</span></li>'
        for address, name, age in links
    )
    return f'<nav aria-label="Reports"><ul>{items}</ul></nav>' if items else ""
