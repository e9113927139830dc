"""A first dictionary from a data file: types and levels are read off, meanings are left to a person."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from fearless.columns.frame import FALSE_WORDS, MISSING_WORDS, OR_IN_CODE, TRUE_WORDS, read_untyped
from fearless.columns.notation import example, remark
from fearless.core.errors import FearlessError

if TYPE_CHECKING:
    import polars as pl

MOST_LEVELS = 20
MOST_CLASSES = 10
YES_WORDS = ("yes", "ja", "oui", "si", "sí", "true", "wahr", "y", "j", "t", "1")
HEAD = """\
# The column dictionary: what each column means, and whether it is known at the moment of prediction.
# Drafted from {source}. Replace each TODO: `fearless check` refuses them, and nothing is trained until they are gone.
# known_at_prediction: false keeps a column away from the features; it then needs a `reason:`.
version: 1
task: {task}              # binary: yes or no; regression: a number
target: {target}
{positive}key: [{key}]                # the columns that name one row; may stay empty
{time}columns:
"""


def draft(file: Path, target: str) -> str:
    """columns.yaml drafted from the data in `file`, with a TODO for each thing that only a person knows.

    `target` is the column to predict. Raises FearlessError where the file cannot be read, has no rows, or
    has no such column, and where the target takes one value only or is text with more than two.
    """
    rows = read_untyped(file, OR_IN_CODE)
    if rows.height == 0:
        raise FearlessError(f"{file.name} has no rows.", fix="Put data below its header line.")
    if target not in rows.columns:
        raise FearlessError(
            f"{file.name} has no column `{target}` to predict.",
            fix=f"Name one with --target: {', '.join(rows.columns[:12])}.",
        )
    columns = {name: _Drafted(rows[name]) for name in rows.columns}
    goal = columns[target]
    if goal.distinct < 2:
        raise FearlessError(
            f"The target `{target}` in {file.name} takes one value only, so there is nothing to learn."
        )
    task = "binary" if goal.distinct == 2 else "regression"
    if task == "regression" and goal.type not in ("integer", "number"):
        raise FearlessError(
            f"The target `{target}` in {file.name} is text with {goal.distinct} values;"
            " a target is a number, or has two values.",
            fix=goal.remark or "Name another with --target.",
        )
    if task == "regression" and goal.distinct <= MOST_CLASSES and goal.is_whole:
        values = ", ".join(sorted(goal.words, key=float))
        goal.remark = (
            f"It has {goal.distinct} whole values ({values}) and is drafted as a number. If they name classes,"
            " make two of them in data.py and set `task: binary`."
        )
    positive = ""
    if task == "binary" and goal.type != "boolean":
        goal.type, goal.levels = "category", goal.words
        positive = _positive(goal.levels)
        if goal.said_missing:
            goal.remark = (
                f"Some rows hold `{goal.said_missing}`, none of its two levels: drop them in data.py."
            )
    key = next(
        (name for name, column in columns.items() if name and name != target and column.names_rows), ""
    )
    time = next(
        (n for n, c in columns.items() if n != target and c.type in ("date", "datetime") and not c.empty), ""
    )
    head = HEAD.format(
        source=file.name,
        task=task,
        target=_quoted(target),
        positive=positive,
        key=_quoted(key) if key else "",
        time=f"time: {_quoted(time)}               # the moment of prediction: rows are split by it\n"
        if time
        else "",
    )
    return head + "".join(_entry(name, column, name == target) for name, column in columns.items())


def _positive(levels: list[str]) -> str:
    """The line that names the level to predict: the one that says yes, else a TODO, which no check lets pass."""
    said = [level for level in levels if level.lower() in YES_WORDS]
    if len(said) != 1:
        question = f"TODO which of {levels[0]} and {levels[1]} is predicted"
        return f"positive: {_quoted(question)}\n"
    other = next(level for level in levels if level != said[0])
    return (
        f"positive: {_quoted(said[0])}    # TODO the value to predict: or is it `{example(other)}`?"
        " Delete this remark when you are sure\n"
    )


class _Drafted:
    """What can be read off a column's values."""

    def __init__(self, values: pl.Series) -> None:
        import polars as pl

        text = values.cast(pl.String, strict=False).str.strip_chars()
        filled = text.set(text == "", None).drop_nulls()
        sure = filled.filter(~filled.str.to_lowercase().is_in(MISSING_WORDS))
        self.type = self._type(sure)
        self.remark = remark(sure) if self.type == "string" else ""
        self.said_missing = ""
        if self.type != "string":  # in text, `NA` may be a value
            self.said_missing = (
                ""
                if len(sure) == len(filled)
                else str(filled.filter(filled.str.to_lowercase().is_in(MISSING_WORDS))[0])
            )
            filled = sure
        self.empty = len(values) - len(filled)
        self.distinct = filled.n_unique()
        self.words: list[str] = filled.unique().sort().to_list() if self.distinct <= MOST_LEVELS else []
        self.is_whole = self.type in ("integer", "number") and all(
            float(word).is_integer() for word in self.words
        )
        self.levels: list[str] = []
        if self.type == "string" and 1 < self.distinct <= MOST_LEVELS and self.distinct < len(filled) / 5:
            self.type, self.levels = "category", self.words
        self.names_rows = (
            self.distinct == len(values)
            and not self.empty
            and self.type in ("string", "integer")
            and len(values) > 1
        )

    def _type(self, filled: pl.Series) -> str:
        import polars as pl

        words = {word.lower() for word in filled.unique()} if filled.n_unique() == 2 else set()
        if any(words == {yes, no} for yes, no in zip(TRUE_WORDS, FALSE_WORDS, strict=True)):
            return "boolean"
        if len(filled) and bool(filled.str.contains(r"^[+-]?[0-9]+$").all()):
            padded = bool(filled.str.contains(r"^[+-]?0[0-9]").any())
            too_long = bool(filled.cast(pl.Int64, strict=False).null_count())
            return "string" if padded or too_long else "integer"  # 007 and numbers of 20 digits are names
        numbers = filled.cast(pl.Float64, strict=False)
        if len(filled) and bool(numbers.is_finite().fill_null(False).all()):
            return "number"
        if len(filled) and not filled.str.to_date("%Y-%m-%d", strict=False).null_count():
            return "date"
        moments = filled.str.replace("T", " ", literal=True).str.strip_suffix("Z")
        for pattern in ("%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%d %H:%M"):
            if len(filled) and not moments.str.to_datetime(pattern, strict=False).null_count():
                return "datetime"
        return "string"


def _entry(name: str, column: _Drafted, is_target: bool) -> str:
    lines = [
        f"  {_quoted(name)}:",
        f"    type: {column.type}",
        *([f"    # TODO {column.remark}"] if column.remark else []),
        "    description: TODO what it holds, in which unit",
    ]
    if is_target:
        lines.append("    known_at_prediction: false    # it is what the model predicts")
    else:
        lines.append("    known_at_prediction: true    # TODO is it? Delete this remark when you are sure")
    if column.empty:
        lines.append(f"    missing: true    # {column.empty} rows lack it")
    if column.levels:
        lines.append(f"    levels: [{', '.join(_quoted(level) for level in column.levels)}]")
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    """`text` as YAML reads it back: plain where every reader takes it as text, else in quotes."""
    import yaml

    safe = text.isascii() and text.replace("_", "a").isalnum() and text[0].isalpha()
    if safe and text.lower() not in (*TRUE_WORDS, *FALSE_WORDS, "null", "on", "off"):
        return text
    quoted: str = yaml.safe_dump(text, default_style='"', allow_unicode=True, width=float("inf"))
    return quoted.rstrip("\n")
