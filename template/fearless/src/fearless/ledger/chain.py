"""The hash chain: each row carries the hash of the row before it, so an edited row no longer fits its neighbours.

What a chain cannot show is that its newest rows were cut off: hold its head (`Verified.head`) against one that was
written down elsewhere.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from typing import NamedTuple

START = bytes(32)
Value = str | int | float | bytes | None


class Link(NamedTuple):
    """A stored row as the chain sees it: its number, its values, and the two hashes it carries."""

    seq: int
    values: Sequence[Value]
    previous: bytes | None
    own: bytes | None


class Verified(NamedTuple):
    """What was found in one table. `fault` is a sentence that names the first bad row, or empty.

    rows: all that were read.  chained: how many of them the chain holds; those before it were written under the
    profile `light`.  head: the hash of the newest row, as hexadecimal digits.
    """

    table: str
    rows: int
    chained: int
    head: str
    fault: str


def link_hash(previous: bytes, seq: int, values: Sequence[Value]) -> bytes:
    """SHA-256 over the hash of the row before, the number of this row and its values in the order of the table."""
    plain = [value.hex() if isinstance(value, bytes) else value for value in values]
    text = json.dumps([seq, *plain], ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(previous + text.encode("utf-8", "surrogatepass")).digest()


def verify(table: str, links: Iterable[Link]) -> Verified:
    """Follow the chain through `links` in the order of their numbers, up to the first row that does not fit."""
    rows = chained = 0
    before: bytes | None = None
    last = 0
    for link in links:
        rows += 1
        fault = _fault(link, before, last)
        if fault:
            return Verified(table, rows, chained, before.hex() if before else "", f"{table}: {fault}")
        last = link.seq
        if link.own is not None:
            before = link.own
            chained += 1
    return Verified(table, rows, chained, before.hex() if before else "", "")


def _fault(link: Link, before: bytes | None, last: int) -> str:
    if link.own is None or link.previous is None:
        if before is None and link.own is link.previous:
            return ""  # written before the chain began
        return f"row {link.seq} is not in the chain, and the rows before it are."
    if before is not None and link.seq != last + 1:
        return f"row {last + 1} was removed: row {link.seq} follows row {last}."
    if link.previous != (START if before is None else before):
        return f"row {link.seq} does not follow the row before it: one of the two was changed, removed or put in."
    if link_hash(link.previous, link.seq, link.values) != link.own:
        return f"row {link.seq} was changed after it was written."
    return ""
