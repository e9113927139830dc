"""A file of predictions: which of its columns mean what, and its rows, proven fit to be judged.

The file stands for any model, of any framework or language: the truth in `y_true`, scores in `candidate` and perhaps
`champion`, and whatever columns gate.yaml slices by. For several classes each has a column of its own, such as
`candidate_red`. docs/reference/predictions.md of the template says it in full.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fearless.columns.frame import ENDINGS, read_untyped
from fearless.columns.large_csv import LargeCsv
from fearless.core.errors import FearlessError
from fearless.gate.intervals import Array
from fearless.gate.metrics import TABLES
from fearless.gate.policy import CheckLine, Policy
from fearless.gate.rules import CHAMPION_RULES
from fearless.gate.scored import CANDIDATE, CHAMPION, CONSTANT, ROUNDING, SUM_ROUNDING

if TYPE_CHECKING:
    import polars as pl

TRUTH = "y_true"
ROW_ID = "row_id"
# Where two files were put side by side, each may have brought the ids of its rows.
PAIRED_IDS = (f"{CANDIDATE}_{ROW_ID}", f"{CHAMPION}_{ROW_ID}")
# A CSV file of more bytes is read some rows at a time, as a Parquet file of any size is.
MOST_HELD = 1 << 24
TRUE_WORDS, FALSE_WORDS = ("1", "1.0", "true"), ("0", "0.0", "false")


@dataclass(frozen=True)
class Roles:
    """What the columns are for: `models` names for each model its column, or one for each of `classes`."""

    task: str
    models: dict[str, tuple[str, ...]]
    classes: tuple[str, ...]
    slices: tuple[str, ...]
    group: str
    ids: tuple[str, ...]

    @property
    def id(self) -> str:
        """The column that tells rows apart, or an empty text."""
        return next(iter(self.ids), "")

    @property
    def columns(self) -> list[str]:
        """All that are read."""
        group = [self.group] if self.group else []
        return list(dict.fromkeys([*self.numbers, *self.slices, *group]))

    @property
    def numbers(self) -> list[str]:
        """Those that `block_of` takes: the truth, the scores and what tells rows apart."""
        of_models = [column for columns in self.models.values() for column in columns]
        return list(dict.fromkeys([TRUTH, *of_models, *self.ids]))


@dataclass(frozen=True)
class Block:
    """Some rows: the truth (n,), or names of classes, and for each model its scores, (n,) or (n, k)."""

    y: NDArray[np.generic]
    scores: dict[str, Array]


class Predictions:
    """A Parquet file of which nothing but the header is read yet, or a CSV file that was read through."""

    def __init__(self, file: Path) -> None:
        self.file = file
        if not file.is_file():
            raise FearlessError(f"{file} is not there.", fix="Name a Parquet or CSV file of predictions.")
        if file.suffix.lower() not in ENDINGS:
            raise FearlessError(
                f"{file.name} is neither a .parquet nor a .csv file.",
                fix="Write the predictions as one of them.",
            )
        if file.stat().st_size == 0:
            raise FearlessError(f"{file.name} is empty.", fix="Write the predictions again.")
        self._large: LargeCsv | None = None
        if file.suffix.lower() == ".csv" and file.stat().st_size > MOST_HELD:
            self._large = LargeCsv(file)
            self.names = self._large.names
        else:
            self._rows = self._scan()
            self.names = self._rows.collect_schema().names()

    def count(self) -> int:
        """How many rows there are; raises FearlessError for none."""
        import polars as pl

        found = self._large.rows if self._large else int(self._rows.select(pl.len()).collect().item())
        if found == 0:
            raise FearlessError(f"{self.file.name} has no rows.", fix="Score some golden rows.")
        return found

    @property
    def by_column(self) -> bool:
        """Whether a column is read without looking at the others."""
        return self._large is None

    def read(self, columns: Sequence[str], start: int = 0, rows: int | None = None) -> pl.DataFrame:
        """The columns of `rows` rows from `start` on, or of all."""
        import polars as pl

        if self._large:
            return self._large.read(columns, start, rows)
        try:
            return self._rows.select(columns).slice(start, rows).collect()
        except (pl.exceptions.PolarsError, OSError) as error:
            raise self._unreadable(error) from None

    def _scan(self) -> pl.LazyFrame:
        import polars as pl

        if self.file.suffix.lower() == ".csv":
            return read_untyped(self.file).lazy()
        try:
            rows = pl.scan_parquet(self.file, glob=False)
            rows.collect_schema()
        except (pl.exceptions.PolarsError, OSError) as error:
            raise self._unreadable(error) from None
        return rows

    def _unreadable(self, error: Exception) -> FearlessError:
        said = str(error).strip().splitlines()[0].rstrip(".") if str(error).strip() else type(error).__name__
        return FearlessError(
            f"{self.file.name} cannot be read: {said}.",
            fix="Write that file again; a copy that was cut off is the usual cause.",
        )


def roles_of(found: Predictions, policy: Policy, task: str, group: str) -> Roles:
    """What each column is for; raises FearlessError for one that is missing, with the nearest name that is there.

    The task is the one that is given, else what the columns, the metrics of gate.yaml or the truth say, in that order.
    """
    name, columns = found.file.name, found.names
    if TRUTH not in columns:
        raise _missing(name, TRUTH, columns)
    classes = [
        column.removeprefix(f"{CANDIDATE}_")
        for column in columns
        if column.startswith(f"{CANDIDATE}_") and column not in PAIRED_IDS
    ]
    task = task or _task(found, policy, classes)
    if task != "multiclass":
        classes = []
        if CANDIDATE not in columns:
            raise _missing(name, CANDIDATE, columns)
    elif len(classes) < 2:
        raise FearlessError(
            f"{name} has scores for {len(classes)} classes.",
            fix=f"Each class has a column such as `{CANDIDATE}_red`; a single score is called `{CANDIDATE}`.",
        )
    models = {CANDIDATE: _columns(CANDIDATE, classes)}
    champion = _columns(CHAMPION, classes)
    absent = [column for column in champion if column not in columns]
    if not absent:
        models[CHAMPION] = champion
    elif len(absent) < len(champion):
        raise _missing(name, absent[0], columns)
    elif _compares(policy) and (
        near := _near(CHAMPION, [each for each in columns if each not in PAIRED_IDS])
    ):
        raise FearlessError(
            f"{name} has no column `{absent[0]}`, and gate.yaml compares with the champion.",
            fix=f"Is it `{near}`? Rename that column, or take it out where there is no champion yet.",
        )
    for each in policy.baselines:
        if each != CONSTANT and all(column in columns for column in _columns(each, classes)):
            models[each] = _columns(each, classes)
    slices = tuple(policy.slices.by) if policy.slices else ()
    for column in (*slices, *([group] if group else [])):
        if column not in columns:
            raise _missing(name, column, columns)
    ids = [ROW_ID, *PAIRED_IDS] if all(each in columns for each in PAIRED_IDS) else [ROW_ID]
    return Roles(task, models, tuple(classes), slices, group, tuple(each for each in ids if each in columns))


def block_of(frame: pl.DataFrame, roles: Roles, name: str, before: int = 0) -> Block:
    """Truth and scores of some rows as numbers; raises FearlessError for the first that cannot be judged.

    `before` is how many rows of the file lie ahead of these, so that a message can say which row it is.
    """
    _refuse_unequal_ids(frame, roles, name, before)
    y: NDArray[np.generic]
    if roles.task == "multiclass":
        y = _classes(frame, roles, name, before)
    else:
        y = _truth(frame, roles.task, name, before)
    scores = {model: _scores(frame, model, roles, name, before) for model in roles.models}
    return Block(y, scores)


def refuse_row_twice(ids: pl.Series, name: str) -> None:
    """A row that is there twice would count as two pieces of evidence."""
    column = ids.name
    refuse_ids_of_parts(ids, name)
    twice = ids.is_duplicated()
    if twice.any():
        first = ids.filter(twice)[0]
        raise FearlessError(
            f"{name} has the `{column}` {first} in {int((ids == first).sum()) if first is not None else 'several'}"
            " rows, and a row counts once.",
            fix="Remove the copies; rows that belong together are named with `--group`.",
        )


def refuse_ids_of_parts(ids: pl.Series, name: str) -> None:
    """Lists, records and bytes are no names of rows."""
    import polars as pl

    if ids.dtype.is_nested() or ids.dtype in (pl.Binary, pl.Object):
        raise FearlessError(
            f"{name}: `{ids.name}` holds {ids.dtype}, which tells no rows apart.",
            fix="Write the ids as numbers or texts.",
        )


def _task(found: Predictions, policy: Policy, classes: Sequence[str]) -> str:
    ask = "Say which with `--task binary`, `--task regression` or `--task multiclass`."
    if CANDIDATE in found.names and len(classes) > 1:
        raise FearlessError(
            f"{found.file.name} has `{CANDIDATE}` and `{CANDIDATE}_{classes[0]}`: one score a row, or one a class?",
            fix=ask,
        )
    if CANDIDATE not in found.names:
        if classes:
            return "multiclass"
        raise _missing(found.file.name, CANDIDATE, found.names)
    if asked := _asked_task(policy):
        return asked
    if set(_words(found.read([TRUTH], 0, 100_000)[TRUTH])) <= {*TRUE_WORDS, *FALSE_WORDS}:
        return "binary"
    raise FearlessError(
        f"gate.yaml does not say whether `{TRUTH}` of {found.file.name} is a number or yes and no.", fix=ask
    )


def _asked_task(policy: Policy) -> str:
    """The task that the metrics and the worth in gate.yaml are for, or an empty text where they suit both."""
    names = [line.metric for line in policy.checks]
    of_two = ("binary", "regression")
    asked = {task for task in of_two for name in names if name in TABLES[task]}
    if policy.calibration is not None or (policy.value and policy.value.true_positive is not None):
        asked.add("binary")
    if policy.value and policy.value.per_unit_error is not None:
        asked.add("regression")
    # Metrics of both: the judge names the one that does not fit the task of the first.
    return next((task for task in of_two if task in asked), "")


def _words(values: pl.Series) -> list[str]:
    import polars as pl

    return [str(each).strip().lower() for each in values.drop_nulls().unique().cast(pl.String).head(1000)]


def _columns(model: str, classes: Sequence[str]) -> tuple[str, ...]:
    return tuple(f"{model}_{each}" for each in classes) or (model,)


def _compares(policy: Policy) -> bool:
    return any(_line_compares(line) for line in policy.checks)


def _line_compares(line: CheckLine) -> bool:
    return any(getattr(line, rule) is not None for rule in CHAMPION_RULES)


def _near(name: str, names: Sequence[str]) -> str:
    return next(iter(difflib.get_close_matches(name, names, n=1, cutoff=0.6)), "")


def _missing(file: str, column: str, columns: Sequence[str]) -> FearlessError:
    near = _near(column, columns)
    return FearlessError(
        f"{file} has no column `{column}`.",
        fix=f"Is it `{near}`? Rename that column." if near else f"It has: {', '.join(columns[:12])}.",
    )


def _refuse_unequal_ids(frame: pl.DataFrame, roles: Roles, name: str, before: int) -> None:
    import polars as pl

    if PAIRED_IDS[0] not in roles.ids:
        return
    ours, theirs = (frame[each] for each in PAIRED_IDS)
    if ours.dtype != theirs.dtype:  # as one of them may have been read from text
        ours, theirs = ours.cast(pl.String), theirs.cast(pl.String)
    unequal = ~ours.eq_missing(theirs)
    if unequal.any():
        at = int(unequal.arg_max() or 0)
        raise FearlessError(
            f"{name}, row {before + at + 1:,}: `{PAIRED_IDS[0]}` is {ours[at]} and `{PAIRED_IDS[1]}` {theirs[at]}:"
            " candidate and champion are not scored on the same rows.",
            fix="Join the two by their ids first.",
        )


def _truth(frame: pl.DataFrame, task: str, name: str, before: int) -> Array:
    import polars as pl

    values = frame[TRUTH]
    if task == "binary" and values.dtype == pl.String:
        words = values.str.strip_chars().str.to_lowercase()
        values = words.replace_strict(
            {**dict.fromkeys(TRUE_WORDS, 1.0), **dict.fromkeys(FALSE_WORDS, 0.0)}, default=None
        ).fill_null(words.cast(pl.Float64, strict=False))
        if values.null_count() > frame[TRUTH].null_count():
            at = int((values.is_null() & frame[TRUTH].is_not_null()).arg_max() or 0)
            raise _not_yes_or_no(name, before + at + 1, frame[TRUTH][at])
        frame = frame.with_columns(values.alias(TRUTH))
    truth = _numbers(frame, TRUTH, name, before)
    if task == "binary":
        strange = (truth != 0.0) & (truth != 1.0)
        if strange.any():
            at = int(strange.argmax())
            raise _not_yes_or_no(name, before + at + 1, f"{truth[at]:g}")
    return truth


def _not_yes_or_no(name: str, row: int, found: object) -> FearlessError:
    return FearlessError(
        f"{name}, row {row:,}: `{TRUTH}` is {found}, and the truth of a binary task is 0 or 1.",
        fix="Write 1 for what the score is the probability of; for a number say `--task regression`.",
    )


def _classes(frame: pl.DataFrame, roles: Roles, name: str, before: int) -> NDArray[np.generic]:
    """(n,) the number of each row's class, as text: its name."""
    import polars as pl

    values = frame[TRUTH].cast(pl.String)
    numbers = values.replace_strict({each: at for at, each in enumerate(roles.classes)}, default=None)
    if numbers.null_count():
        at = int(numbers.is_null().arg_max() or 0)
        if values[at] is None:
            raise FearlessError(
                f"{name}, row {before + at + 1:,}: `{TRUTH}` is missing.", fix="Leave the row out."
            )
        raise FearlessError(
            f"{name}, row {before + at + 1:,}: `{TRUTH}` is `{values[at]}`, for which there are no scores.",
            fix=f"Classes with scores: {', '.join(roles.classes[:12])}.",
        )
    named: NDArray[np.generic] = np.asarray(roles.classes)[numbers.to_numpy()]
    return named


def _scores(frame: pl.DataFrame, model: str, roles: Roles, name: str, before: int) -> Array:
    columns = [_numbers(frame, column, name, before) for column in roles.models[model]]
    if roles.task == "regression":
        return columns[0]
    for column, values in zip(roles.models[model], columns, strict=True):
        low, high = float(values.min()), float(values.max())
        if low < -ROUNDING or high > 1.0 + ROUNDING:
            at = int(np.argmin(values) if low < -ROUNDING else np.argmax(values))
            raise FearlessError(
                f"{name}, row {before + at + 1:,}: `{column}` is {values[at]:.6g}, and a probability lies within 0..1.",
                fix="The score of a binary task is the probability of 1; of several classes that of each.",
            )
    if roles.task == "binary":
        return np.clip(columns[0], 0.0, 1.0)
    scores = np.clip(np.column_stack(columns), 0.0, None)
    sums = scores.sum(axis=1)
    off = np.abs(sums - 1.0) > SUM_ROUNDING
    if off.any():
        at = int(off.argmax())
        raise FearlessError(
            f"{name}, row {before + at + 1:,}: the {len(columns)} scores of the {model} add up to {sums[at]:.6g},"
            " not to 1.",
            fix="Give one probability for each class.",
        )
    return np.asarray(scores / sums[:, None])


def _numbers(frame: pl.DataFrame, column: str, name: str, before: int) -> Array:
    """(n,) a column as finite float64."""
    import polars as pl

    values = frame[column]
    if values.null_count():
        at = int(values.is_null().arg_max() or 0)
        raise _bad(name, before + at + 1, column, "missing")
    numbers = values
    if values.dtype == pl.String:
        numbers = values.str.strip_chars().cast(pl.Float64, strict=False)
    elif not (values.dtype.is_numeric() or values.dtype == pl.Boolean):
        raise FearlessError(
            f"{name}: `{column}` holds {values.dtype}, not numbers.", fix="Write it as numbers."
        )
    if numbers.null_count():
        at = int(numbers.is_null().arg_max() or 0)
        shown = values[at]
        raise _bad(name, before + at + 1, column, f"`{shown}`" if str(shown).strip() else "missing")
    found = numbers.cast(pl.Float64).to_numpy()
    finite = np.isfinite(found)
    if not finite.all():
        at = int(np.argmin(finite))
        raise _bad(name, before + at + 1, column, "NaN" if np.isnan(found[at]) else "infinite")
    return np.asarray(found)


def _bad(name: str, row: int, column: str, what: str) -> FearlessError:
    return FearlessError(
        f"{name}, row {row:,}: `{column}` is {what}, and every row needs a number there.",
        fix="Score that row, or leave it out for every model.",
    )
