"""Text from a team's data as one harmless line: nothing in it hides, reverses or breaks what stands around it."""

from __future__ import annotations

import re

# Control characters, marks that turn the direction of writing, halves of surrogate pairs and the code points
# that XML forbids. Joiners stay: emoji and several scripts need them.
INVISIBLE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufeff\ufffe\uffff]"
)


def visible(text: object, limit: int = 600) -> str:
    """`text` on one line and at most `limit` characters, with what cannot be seen named, such as [U+202E]."""
    flat = " ".join(str(text).split())
    shown = _named(flat)
    return shown if len(shown) <= limit else f"{shown[: limit - 1]}…"


def visible_lines(text: str) -> str:
    """`text` with its lines and its indents, with what cannot be seen named, and no command to a CI system."""
    return "\n".join(_inert(_named(line.expandtabs())) for line in text.replace("\r\n", "\n").split("\n"))


def printable(text: object, limit: int = 600) -> str:
    """`text` as `visible` gives it, and no command to the CI system that reads what is printed."""
    return _inert(visible(text, limit))


def _named(line: str) -> str:
    return INVISIBLE.sub(lambda found: f"[U+{ord(found.group()):04X}]", line)


def _inert(line: str) -> str:
    """GitHub's runner obeys `::name::` at the start of a line and `##[name]` anywhere in it, whoever wrote them."""
    shown = line.replace("##[", "# #[")
    bare = shown.lstrip()
    return f"{shown[: len(shown) - len(bare)]}: {bare[1:]}" if bare.startswith("::") else shown
