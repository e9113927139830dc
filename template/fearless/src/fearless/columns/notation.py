"""Text that is meant as a number or a date, and is written in a way that columns.yaml does not read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fearless.columns.frame import moments

if TYPE_CHECKING:
    import polars as pl

LONGEST = 30
MOST_STRANGERS = 5  # so many different words may stand among numbers; with more it is text
# 1234,56 and 1.234,56 and 1,234.56 and 1 234 and 12 % and 5 EUR as a sign
NUMBER = r"^[+-]?(\d+|\d{1,3}([.,' \x{a0}\x{202f}]\d{3})+)([.,]\d+)?[ \x{a0}]?[%€$£]?$"
# 31.12.2025 and 12/31/25 and 2025/12/31, each perhaps with a time of day
DAY = r"^(\d{1,2}[./-]\d{1,2}[./-](\d{4}|\d{2})|\d{4}[./]\d{1,2}[./]\d{1,2})([ T,]+\d{1,2}:\d{2}(:\d{2}(\.\d+)?)?)?$"
# 2025-12-31T08:00:00+02:00
OFFSET = r"^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)? ?(Z|[+-]\d{2}(:?\d{2})?)$"


def remark(values: pl.Series) -> str:
    """One sentence about text `values` that are meant as numbers or dates, with an example; empty for other text.

    `values` are strings without missing ones. They are meant so where at least half of them are, in whatever
    notation, and the others are a few words said again and again, such as `k.A.`.
    """
    import polars as pl

    numbers = values.cast(pl.Float64, strict=False).is_finite().fill_null(False)
    said = _remark(values, numbers, values.str.contains(NUMBER), "a number", "Write it as 1234.56", "number")
    if said:
        return said
    days = moments(values).is_not_null()
    offsets = values.str.contains(OFFSET)
    shown, kind = (
        ("2025-12-31T08:00:00", "datetime") if values.str.contains(":").any() else ("2025-12-31", "date")
    )
    if bool((offsets & ~days).any()):
        how = f"Turn all moments into one time zone, written {shown},"
        return _remark(values, days, offsets, "a moment with an offset", how, kind)
    return _remark(values, days, values.str.contains(DAY), "a date", f"Write it as {shown}", kind)


def example(value: str) -> str:
    """`value` short and without line breaks, to stand in a comment."""
    shown = "".join(letter if letter.isprintable() else "?" for letter in value)
    return shown if len(shown) <= LONGEST else f"{shown[:LONGEST]}..."


def _remark(
    values: pl.Series, readable: pl.Series, elsewhere: pl.Series, what: str, how: str, kind: str
) -> str:
    fits = readable | elsewhere
    strange = values.filter(~fits)
    if not len(values) or 2 * int(fits.sum()) < len(values) or strange.n_unique() > MOST_STRANGERS:
        return ""
    foreign = values.filter(elsewhere & ~readable)
    then = f"in data.py, reading the file with polars there, and set `type: {kind}`."
    if len(foreign):
        also = f" (and make `{example(strange[0])}` missing)" if len(strange) else ""
        return f"`{example(foreign[0])}` looks like {what}. {how}{also} {then}"
    if len(strange):
        return f"`{example(strange[0])}` stands among {kind}s. Make it missing or mend it {then}"
    return ""
