"""Rows as the dictionary describes them: read from files, typed, and held against it."""

from __future__ import annotations

import codecs
import os
from pathlib import Path
from typing import TYPE_CHECKING

from fearless.columns.dictionary import TEXTS, Column, Dictionary, current
from fearless.core.errors import FearlessError

if TYPE_CHECKING:
    import numpy as np
    import polars as pl
    from numpy.typing import NDArray

ENDINGS = (".csv", ".parquet")
TRUE_WORDS = ("true", "1", "yes", "t", "y", "1.0")
FALSE_WORDS = ("false", "0", "no", "f", "n", "0.0")
# In a column of numbers, dates or truth values these say that there is none; in text they may be a value.
MISSING_WORDS = ("nan", "na", "n/a", "null", "none")
# For raw data, which the team's own code reads.
OR_IN_CODE = ', or read it in data.py with polars: `read_csv(file, separator="{separator}")`'
MOST_EXACT = 2.0**53  # from here on a float64 no longer holds every whole number


def read(path: str | os.PathLike[str]) -> pl.DataFrame:
    """Read a CSV or Parquet file, or all of them in a folder, typed as columns.yaml says.

    Returns one row per row of the files, exactly the columns of the dictionary in its order. An empty CSV
    field is a missing value, and in a column that is no text one of MISSING_WORDS too. Raises FearlessError
    naming file, column, row and value where they do not fit.
    """
    import polars as pl

    given = Path(path)
    dictionary = current()
    if given.is_dir():
        files = data_files(given)
        if not files:
            raise FearlessError(f"{given} holds no CSV or Parquet file.", fix="Put your data there.")
    elif given.is_file():
        files = [given]
    else:
        raise FearlessError(f"{given} is not there.", fix="Bring it with `uv run dvc pull`, or put it there.")
    return pl.concat([typed(read_untyped(file, OR_IN_CODE), dictionary, file.name) for file in files])


def data_files(folder: Path) -> list[Path]:
    """The CSV and Parquet files directly in `folder`, by name."""
    return sorted(file for file in folder.glob("*") if file.suffix.lower() in ENDINGS)


def read_untyped(file: Path, or_else: str = "") -> pl.DataFrame:
    """A CSV file with every field as text, or a Parquet file as it is.

    `or_else` is what else may be done with a file that has another separator than commas, such as OR_IN_CODE.
    """
    import polars as pl

    try:
        if file.suffix.lower() == ".parquet":
            return pl.read_parquet(file, glob=False)
        rows = pl.read_csv(file, infer_schema=False, glob=False)
    except (pl.exceptions.PolarsError, OSError, UnicodeDecodeError) as error:
        raise unreadable(file, error, or_else) from None
    refuse_other_forms(file, or_else)
    refuse_names_given_twice(file)
    if rows.width > 1 and rows[rows.columns[-1]].null_count():
        refuse_short_lines(file, rows.width)
    return rows


def unreadable(file: Path, error: Exception, or_else: str = "") -> FearlessError:
    """What to say of a file that polars cannot read."""
    try:
        refuse_other_forms(file, or_else)
    except FearlessError as told:
        return told
    said = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    # Polars may add where the fault lies in what it was given at a time, which helps nobody.
    said = said.partition(", in chunk starting")[0]
    is_parquet = file.suffix.lower() == ".parquet"
    return FearlessError(
        f"{file.name} cannot be read: {said}.",
        fix="Write that Parquet file again; a copy that was cut off is the usual cause."
        if is_parquet
        else "It must be a CSV in UTF-8 with one header line and commas, or a Parquet file.",
    )


def refuse_other_forms(file: Path, or_else: str = "") -> None:
    """UTF-16, and semicolons or tabs where the header has no comma, which are then what separates the fields."""
    if file.suffix.lower() == ".parquet" or not file.is_file():
        return
    with file.open("rb") as lines:
        header = lines.readline()
    if header.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise FearlessError(
            f"{file.name} is UTF-16, as some programs of Windows write it, and not UTF-8.",
            fix="Save it as UTF-8.",
        )
    for separator, name, option in ((b";", "`;`", ";"), (b"\t", "tabs", "\\t")):
        if separator in header and b"," not in header:
            raise FearlessError(
                f"{file.name} is separated by {name}, not by commas.",
                fix=f"Save it with commas{or_else.format(separator=option)}.",
            )


def refuse_names_given_twice(file: Path) -> None:
    """Of a CSV file; polars would name the second `x` of a header `x_duplicated_0`."""
    import csv

    with file.open(encoding="utf-8-sig", errors="replace", newline="") as lines:
        header = next((fields for fields in csv.reader(lines) if fields), [])
    twice = [name for position, name in enumerate(header) if name in header[:position]]
    if twice:
        raise FearlessError(
            f"{file.name} has the column `{twice[0]}` twice in its header.",
            fix="Rename or remove one of them.",
        )


def refuse_short_lines(file: Path, width: int) -> None:
    """Of a CSV file; polars refuses a line with too many fields and fills up one with too few, which hides a fault.

    A blank line is no fault: it becomes a row of missing values, and without a target no row is used.
    """
    import csv

    with file.open(encoding="utf-8-sig", newline="") as lines:
        reader = csv.reader(lines)
        for fields in reader:
            if fields and len(fields) < width:
                raise FearlessError(
                    f"{file.name}, line {reader.line_num}, has {len(fields)} fields, and its header has {width}.",
                    fix="Mend that line; a row that was cut off is the usual cause.",
                )


def typed(rows: pl.DataFrame, dictionary: Dictionary, source: str) -> pl.DataFrame:
    """`rows` with exactly the dictionary's columns and types; raises FearlessError for what does not fit."""
    import polars as pl

    unknown = [name for name in rows.columns if name not in dictionary.columns]
    if unknown:
        raise FearlessError(
            f"{source} has the column `{unknown[0]}`, which columns.yaml does not describe.",
            fix="Describe it there, or leave it out in data.py.",
        )
    absent = [name for name in dictionary.columns if name not in rows.columns]
    if absent:
        raise FearlessError(
            f"{source} lacks the column `{absent[0]}`, which columns.yaml describes.",
            fix=f"It has: {', '.join(rows.columns[:12])}.",
        )
    if rows.height == 0:
        raise FearlessError(f"{source} has no rows.", fix="Put data below its header line.")
    return pl.DataFrame(
        {name: _typed_column(rows[name], name, column, source) for name, column in dictionary.columns.items()}
    )


def check_rows(rows: pl.DataFrame, dictionary: Dictionary, source: str) -> list[str]:
    """Sentences about `rows` that do not hold what the dictionary says: missing values, ranges, levels.

    The frame must have the dictionary's columns (see `typed`); the target is checked like the rest.
    """
    import polars as pl

    found: list[str] = []
    for name, column in dictionary.columns.items():
        if name not in rows.columns:
            found.append(f"{source} lacks the column `{name}`")
            continue
        values = rows[name]
        if values.null_count() and not column.missing and name != dictionary.target:
            found.append(
                f"{source}: `{name}` is missing in {values.null_count()} rows and columns.yaml allows none"
            )
        if column.range is not None and values.dtype.is_numeric():
            low, high = column.range
            outside = values.filter((values < low) | (values > high))
            if outside.len():
                found.append(
                    f"{source}: `{name}` is {outside[0]} in a row, outside its range [{low:g}, {high:g}]"
                )
        if column.levels and values.dtype == pl.String:
            unseen = values.drop_nulls().unique().sort().to_list()
            strange = [value for value in unseen if value not in column.levels]
            if strange:
                found.append(f"{source}: `{name}` holds `{strange[0]}`, which is none of its levels")
    return found


def target_of(rows: pl.DataFrame, dictionary: Dictionary) -> NDArray[np.float64]:
    """The target of `rows` as (n,) float64: 1 for the positive class and 0 for the other, or the number itself."""
    import numpy as np
    import polars as pl

    values = rows[dictionary.target]
    if values.null_count():
        raise FearlessError(f"The target `{dictionary.target}` is missing in {values.null_count()} rows.")
    if values.dtype == pl.String:
        levels = dictionary.columns[dictionary.target].levels
        strange = values.filter(~values.is_in(levels))
        if strange.len():
            raise FearlessError(
                f"The target `{dictionary.target}` holds `{strange[0]}`, which is none of its levels.",
                fix="Add it in columns.yaml, or mend the data.",
            )
        return (values == dictionary.positive).to_numpy().astype(np.float64)
    numbers: NDArray[np.float64] = values.cast(pl.Float64).to_numpy()
    if dictionary.task == "binary" and not np.isin(numbers, (0.0, 1.0)).all():
        odd = numbers[~np.isin(numbers, (0.0, 1.0))][0]
        raise FearlessError(
            f"The target `{dictionary.target}` holds {odd:g}, and a binary target is 0 or 1.",
            fix="Set `task: regression` in columns.yaml, or make the target 0/1 in data.py.",
        )
    return numbers


def _typed_column(values: pl.Series, name: str, column: Column, source: str) -> pl.Series:
    import polars as pl

    if values.dtype == pl.String:
        values = values.str.strip_chars()
        values = values.set(values == "", None)
        if column.type not in TEXTS:
            values = values.set(values.str.to_lowercase().is_in(MISSING_WORDS), None)
    elif values.dtype.is_float():
        values = values.fill_nan(None)
    result = cast(values, column)
    bad = values.is_not_null() & result.is_null()
    if bad.any():
        row = bad.arg_true()[0]
        raise FearlessError(
            f"{source}: `{name}` is {values[row]!r} in row {row + 1}, which is no {column.type}"
            f" ({int(bad.sum())} such rows).",
            fix="Mend the data, change the column's type in columns.yaml, or clean it in data.py.",
        )
    return result


def cast(values: pl.Series, column: Column) -> pl.Series:
    """`values` as the column's type; what does not fit becomes null, for the caller to find."""
    import polars as pl

    if values.dtype in (pl.Categorical, pl.Enum):
        values = values.cast(pl.String)
    text = values.dtype == pl.String
    if not (text or _can_be(values.dtype, column)):
        return pl.Series(values.name, [None] * len(values))
    if column.type in ("string", "category"):
        return values.cast(pl.String, strict=False)
    if column.type == "number":
        numbers = values.cast(pl.Float64, strict=False)
        return numbers.set(~numbers.is_finite() & numbers.is_not_null(), None)
    if column.type == "integer":
        if text or values.dtype.is_float() or values.dtype.is_decimal():
            numbers = values.cast(pl.Float64, strict=False)
            whole = values.cast(pl.Int64, strict=False)
            return whole.zip_with((whole.cast(pl.Float64) == numbers).fill_null(False), _as_whole(numbers))
        return values.cast(pl.Int64, strict=False)
    if column.type == "boolean":
        if not text and not values.dtype.is_numeric():
            return values.cast(pl.Boolean, strict=False)
        words = values.cast(pl.String, strict=False).str.to_lowercase()
        frame = words.to_frame("w").select(
            pl.when(pl.col("w").is_in(TRUE_WORDS))
            .then(True)
            .when(pl.col("w").is_in(FALSE_WORDS))
            .then(False)
            .alias(values.name)
        )
        return frame.to_series()
    if column.type == "date":
        return values.str.to_date("%Y-%m-%d", strict=False) if text else _whole_days(values)
    return moments(values) if text else values.cast(pl.Datetime("us"), strict=False)


def _can_be(kind: pl.DataType, column: Column) -> bool:
    """Whether values of the polars type `kind` mean something as the column's type; 5 is no date, say."""
    import polars as pl

    if kind == pl.Null:
        return True
    if column.type in ("string", "category"):
        return not kind.is_nested()
    if column.type in ("date", "datetime"):
        return kind in (pl.Date, pl.Datetime)
    return kind.is_numeric() or kind == pl.Boolean


def _whole_days(values: pl.Series) -> pl.Series:
    """Moments at midnight as dates, as pandas stores them; a moment within a day becomes null."""
    import polars as pl

    moments = values.cast(pl.Datetime("us"), strict=False)
    days = moments.cast(pl.Date)
    within = days.cast(pl.Datetime("us")) != moments
    return days.zip_with(
        ~within.fill_null(False), pl.Series([None], dtype=pl.Date).new_from_index(0, len(days))
    )


def _as_whole(numbers: pl.Series) -> pl.Series:
    """Whole numbers written as `3.0` as integers; others become null."""
    import polars as pl

    whole = numbers.cast(pl.Int64, strict=False)
    same = (whole.cast(pl.Float64) == numbers) & (numbers.abs() < MOST_EXACT)
    return whole.set(~same.fill_null(False), None)


def moments(values: pl.Series) -> pl.Series:
    """ISO 8601 moments and days, with a `T` or a space, with or without seconds; null where the text is none."""
    import polars as pl

    spaced = values.str.replace("T", " ", literal=True).str.strip_suffix("Z")
    result = spaced.str.to_datetime("%Y-%m-%d %H:%M:%S%.f", strict=False, time_unit="us")
    if result.null_count() > values.null_count():
        short = spaced.str.to_datetime("%Y-%m-%d %H:%M", strict=False, time_unit="us")
        days = spaced.str.to_date("%Y-%m-%d", strict=False).cast(pl.Datetime("us"))
        frame = pl.DataFrame({"a": result, "b": short, "c": days})
        result = frame.select(pl.coalesce("a", "b", "c").alias(values.name)).to_series()
    return result
