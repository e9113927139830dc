"""Ids of predictions: UUID version 7 (RFC 9562), so that they sort by time and a window of time is a range of ids."""

from __future__ import annotations

import os

VARIANT = 0b10 << 62
RANDOM = (1 << 62) - 1


def prediction_ids(count: int, moment: int) -> list[str]:
    """`count` new ids for predictions decided at `moment` (microseconds since 1970)."""
    prefix = _prefix(moment)
    drawn = os.urandom(8 * count)
    ids = []
    for start in range(0, 8 * count, 8):
        tail = f"{int.from_bytes(drawn[start : start + 8]) & RANDOM | VARIANT:016x}"
        ids.append(f"{prefix}-{tail[:4]}-{tail[4:]}")
    return ids


def lowest_id(moment: int) -> str:
    """No id of a prediction decided at `moment` or later sorts before this text, and each earlier one does."""
    return _prefix(moment)


def _prefix(moment: int) -> str:
    """The 48 bits of milliseconds, the version, and the microseconds within the millisecond as 12 bits.

    RFC 9562, section 6.2, method 3: 4096 steps hold the thousand microseconds apart.
    """
    milliseconds, rest = divmod(min(max(moment, 0), (1000 << 48) - 1), 1000)
    stamp = f"{milliseconds:012x}"
    return f"{stamp[:8]}-{stamp[8:]}-7{rest * 4096 // 1000:03x}"
