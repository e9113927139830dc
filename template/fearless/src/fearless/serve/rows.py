"""The rows of a request, held against columns.yaml: each value fits or is refused by the name of its column.

Nothing is guessed: no default stands in for what is missing, no number is made of a text. What the training data had
done to it (texts without the spaces around them, an empty text as a missing one) is done here too.
"""

from __future__ import annotations

import difflib
import math
import re
import sys
from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from fearless.columns.dictionary import Column, Dictionary

if TYPE_CHECKING:
    import polars as pl

Value = str | int | float | bool | date | datetime | None
MOST_EXACT = 2**53  # from here on a float64 no longer holds every whole number
MOST_WHOLE = 2**63 - 1
MOST_COMPLAINTS = 20
LONGEST = 40
# Narrower than fromisoformat, which also reads 20260115 and 2026-W03-4: only what the training data may hold.
DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?Z?", re.ASCII)


class Complaint(NamedTuple):
    """One value that does not fit. `reason` is one of REASONS, `row` counts from 0."""

    row: int
    column: str
    reason: str
    message: str


REASONS = ("row", "unknown", "not_known", "missing", "type", "range", "level")


class Unfit(Exception):  # noqa: N818  it never leaves this file
    """Why a value does not fit its column."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message


class RowSchema:
    """What a row must be, made once from a dictionary; `names` are the columns that are asked for."""

    def __init__(self, dictionary: Dictionary) -> None:
        self.dictionary = dictionary
        self.names = tuple(dictionary.known)
        self._asked = frozenset(self.names)
        self._checks = [(name, _check_of(dictionary.columns[name])) for name in self.names]

    def read(self, rows: Sequence[object]) -> tuple[list[tuple[Value, ...]], list[Complaint]]:
        """The values of each row in the order of `names`, or up to twenty complaints in place of all of them."""
        asked, checks = self._asked, self._checks
        values: list[tuple[Value, ...]] = []
        for number, row in enumerate(rows):
            if not isinstance(row, dict) or row.keys() != asked:
                return [], self._complaints(rows, number)
            try:
                values.append(tuple([check(row[name]) for name, check in checks]))
            except Unfit:
                return [], self._complaints(rows, number)
        return values, []

    def frame(self, values: Sequence[tuple[Value, ...]]) -> pl.DataFrame:
        """`values` as `read` gave them, as a frame with the types that the features are trained on."""
        import polars as pl

        return pl.DataFrame(values, schema=self._types, orient="row", strict=True)

    @cached_property
    def _types(self) -> dict[str, Any]:
        import polars as pl

        kinds: dict[str, Any] = {
            "integer": pl.Int64,
            "number": pl.Float64,
            "boolean": pl.Boolean,
            "date": pl.Date,
            "datetime": pl.Datetime("us"),
        }
        return {name: kinds.get(self.dictionary.columns[name].type, pl.String) for name in self.names}

    def _complaints(self, rows: Sequence[object], first: int) -> list[Complaint]:
        """All that is wrong from the row `first` on, as far as a reader wants to know it."""
        found: list[Complaint] = []
        for number in range(first, len(rows)):
            found += [Complaint(number, *told) for told in self._wrong(rows[number])]
            if len(found) >= MOST_COMPLAINTS:
                break
        return found[:MOST_COMPLAINTS]

    def _wrong(self, row: object) -> list[tuple[str, str, str]]:
        if not isinstance(row, dict):
            return [("", "row", "A row must be a JSON object with a value for each column.")]
        found: list[tuple[str, str, str]] = []
        for name in row:
            if name not in self._asked:
                found.append((_short(name), *self._not_asked(name)))
        for name, check in self._checks:
            if name not in row:
                column = self.dictionary.columns[name]
                hint = "; send null where it is not known" if column.missing else ""
                found.append((name, "missing", f"`{name}` is not in the row{hint}."))
                continue
            try:
                check(row[name])
            except Unfit as error:
                found.append((name, error.reason, f"`{name}` {error.message}."))
        return found

    def _not_asked(self, name: str) -> tuple[str, str]:
        reason = self.dictionary.why_not_known(name)
        if reason is not None:
            said = reason.strip().rstrip(".")
            return "not_known", f"`{name}` is not known when a prediction is made: {said}. Leave it out."
        near = difflib.get_close_matches(name, self.names, n=1)
        hint = f" Did you mean `{near[0]}`?" if near else " Leave it out."
        return "unknown", f"columns.yaml describes no column `{_short(name)}`.{hint}"


def example_row(dictionary: Dictionary) -> dict[str, Any]:
    """A row that fits the dictionary, as it is sent; moments of several columns lie an hour apart."""
    moment = datetime(2026, 1, 15, 8)
    row: dict[str, Any] = {}
    for name in dictionary.known:
        column = dictionary.columns[name]
        if column.type == "datetime":
            row[name] = f"{moment.isoformat()}Z"
            moment += timedelta(hours=1)
        elif column.type == "date":
            row[name] = moment.date().isoformat()
        elif column.type == "boolean":
            row[name] = True
        elif column.type in ("integer", "number"):
            row[name] = _example_number(column)
        else:
            row[name] = column.levels[0] if column.levels else "A-1"
    return row


def _example_number(column: Column) -> float | int:
    """A number a quarter of the way into the range."""
    low, high = column.range or (0.0, 10.0)
    if math.isinf(low):
        low = min(0.0, high - 10)
    if math.isinf(high):
        high = max(0.0, low) + 10
    value = low + (high - low) / 4
    if column.type == "number":
        return round(value, 2) if low <= round(value, 2) <= high else value
    return min(math.ceil(value), math.floor(high))


def _check_of(column: Column) -> Callable[[Any], Value]:
    """The function that gives a value as its column's type, or raises Unfit."""
    read = _READERS[column.type]
    levels = frozenset(column.levels)
    low, high = column.range or (-math.inf, math.inf)
    bounded = column.range is not None

    def check(value: Any) -> Value:
        found = read(value) if value is not None else None
        if found is None:
            if column.missing:
                return None
            raise Unfit("missing", "is missing, and columns.yaml says that it never is")
        if bounded and not low <= found <= high:  # type: ignore[operator]
            raise Unfit("range", f"is {found}, outside its range {_range(low, high)}")
        if levels and found not in levels:
            told = ", ".join(column.levels[:10])
            more = ", ..." if len(column.levels) > 10 else ""
            raise Unfit("level", f"is {_shown(found)}, which is none of its levels: {told}{more}")
        return found

    # One look tells most values; the others, and all that are refused, are read with care. Both give the same.
    usual: type[float] | None = {"integer": int, "number": float}.get(column.type)
    most = MOST_WHOLE if usual is int else sys.float_info.max
    least, most = max(low, -most), min(high, most)
    as_they_are = frozenset(level for level in levels if read(level) == level)

    def check_number(value: Any) -> Value:
        return value if type(value) is usual and least <= value <= most else check(value)

    def check_level(value: Any) -> Value:
        return value if type(value) is str and value in as_they_are else check(value)

    if usual:
        return check_number
    return check_level if levels else check


def _text(value: Any) -> str | None:
    if not isinstance(value, str):
        raise Unfit("type", f"is {_shown(value)}, and it must be a text")
    return value.strip() or None


def _whole(value: Any) -> int:
    if type(value) is float and value.is_integer() and abs(value) < MOST_EXACT:
        return int(value)
    if type(value) is not int or abs(value) > MOST_WHOLE:
        raise Unfit("type", f"is {_shown(value)}, and it must be a whole number")
    return value


def _number(value: Any) -> float:
    if type(value) is float and math.isfinite(value):
        return value
    if type(value) is not int or abs(value) > MOST_WHOLE:
        raise Unfit("type", f"is {_shown(value)}, and it must be a number")
    return float(value)


def _truth(value: Any) -> bool:
    if not isinstance(value, bool):
        raise Unfit("type", f"is {_shown(value)}, and it must be true or false")
    return value


def _day(value: Any) -> date:
    if isinstance(value, str) and DAY.fullmatch(value):
        try:
            return date.fromisoformat(value)
        except ValueError:
            pass  # the 31st of February, say
    raise Unfit("type", f"is {_shown(value)}, and it must be a date such as 2026-01-15")


def _moment(value: Any) -> datetime:
    if isinstance(value, str) and MOMENT.fullmatch(value):
        try:
            return datetime.fromisoformat(value.removesuffix("Z"))
        except ValueError:
            pass
    raise Unfit("type", f"is {_shown(value)}, and it must be a moment in UTC such as 2026-01-15T08:00:00Z")


_READERS: dict[str, Callable[[Any], Value]] = {
    "string": _text,
    "category": _text,
    "integer": _whole,
    "number": _number,
    "boolean": _truth,
    "date": _day,
    "datetime": _moment,
}


def _range(low: float, high: float) -> str:
    return f"{low:g} to {high:g}"


def _shown(value: Any) -> str:
    """`value` as JSON writes it, cut where it is long."""
    words = {True: "true", False: "false", None: "null"}
    if isinstance(value, bool) or value is None:
        return words[value]
    if isinstance(value, str):
        return f'"{_short(value)}"'
    if isinstance(value, int | float):
        return _short(repr(value))
    return "an array" if isinstance(value, list) else "an object"


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."
