"""Stage prepare: the rows to learn from, without the golden ones and without what comes after them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fearless.columns.dictionary import FILE, Dictionary, load
from fearless.columns.frame import check_rows
from fearless.core.atomic import replaced_folder
from fearless.core.errors import FearlessError
from fearless.core.project import Project
from fearless.golden.freeze import row_names
from fearless.golden.frozen import Golden, open_golden, refuse_other_columns
from fearless.golden.grown import without_grown
from fearless.guard.leakage import moment
from fearless.model.contract import Team

if TYPE_CHECKING:
    import polars as pl

ROWS = "train.parquet"


def prepare(project: Project) -> str:
    """Write data/prepared/train.parquet and return a line that says how many rows went where."""
    dictionary = load(project.root)
    golden = open_golden(project)
    _same_names(golden, dictionary)
    rows = Team.of(project, dictionary).load()
    _same_types(golden, rows)
    _same_values(without_grown(golden, dictionary), rows, dictionary)
    train, left_out = split_off(rows, golden, dictionary)
    if train.height < 2:
        raise FearlessError("No rows are left to train on.", fix="Bring more data into data/raw.")
    if found := check_rows(train, dictionary, "The training data"):
        raise FearlessError(f"{found[0]}.", fix=f"Mend the data, or what {FILE} says of it.")
    with replaced_folder(project.prepared) as folder:
        train.write_parquet(folder / ROWS, compression="zstd")
    counts = ", ".join(f"{count:,} {why}" for why, count in left_out.items() if count)
    return f"{train.height:,} rows to train on (left out: {counts or 'none'})"


def open_train(project: Project) -> pl.DataFrame:
    """The rows that the stage wrote."""
    import polars as pl

    file = project.prepared / ROWS
    if not file.is_file():
        raise FearlessError(
            f"{project.relative(file)} is missing.",
            fix="Bring it with `uv run dvc pull`, or make it with `uv run fearless train`.",
        )
    try:
        return pl.read_parquet(file, glob=False)
    except (pl.exceptions.PolarsError, OSError) as error:
        said = str(error).partition("\n")[0]
        raise FearlessError(
            f"{project.relative(file)} cannot be read: {said}.", fix="Bring it with `uv run dvc checkout`."
        ) from None


def split_off(
    rows: pl.DataFrame, golden: Golden, dictionary: Dictionary
) -> tuple[pl.DataFrame, dict[str, int]]:
    """The rows to train on, and how many were left out for which reason."""

    left_out: dict[str, int] = {}

    def keep(mask: pl.Series, why: str) -> None:
        nonlocal rows
        left_out[why] = rows.height - int(mask.sum())
        rows = rows.filter(mask)

    keep(rows[dictionary.target].is_not_null(), "without a target")
    keep(~row_names(rows, dictionary).is_in(row_names(golden.rows, dictionary).implode()), "golden")
    if golden.record.start and dictionary.time:
        start = moment(golden.record.start, rows[dictionary.time].dtype)
        keep((rows[dictionary.time] < start).fill_null(False), "after the golden data began")
    if dictionary.group:
        shared = rows[dictionary.group].is_in(golden.rows[dictionary.group].unique().implode())
        keep(~shared.fill_null(False), f"of a {dictionary.group} in the golden data")
    return rows, left_out


def _same_names(golden: Golden, dictionary: Dictionary) -> None:
    record = golden.record
    now = {
        "key": list(dictionary.key),
        "target": dictionary.target,
        "time": dictionary.time,
        "group": dictionary.group,
    }
    for role, value in now.items():
        if getattr(record, role) != value:
            raise FearlessError(
                f"The golden data was frozen with the {role} {getattr(record, role)!r}, and {FILE} now says {value!r}.",
                fix="Set it back, or freeze anew with `uv run fearless golden freeze --again`.",
            )
    refuse_other_columns(golden, dictionary)


def _same_types(golden: Golden, rows: pl.DataFrame) -> None:
    """A row is recognised by the text of its values: 1 and 1.0 would be two rows."""
    for name, kind in rows.schema.items():
        if golden.rows.schema[name] != kind:
            raise FearlessError(
                f"`{name}` is {golden.rows.schema[name]} in the golden data, and {FILE} now makes it {kind}.",
                fix="Set its type back, or freeze anew with `uv run fearless golden freeze --again`.",
            )


def _same_values(golden: Golden, rows: pl.DataFrame, dictionary: Dictionary) -> None:
    """Golden rows are what load() gave when they were frozen: a model must not be trained on another reading of them.

    Without a key a row is named by its values, so one that reads differently now would not be recognised and
    would be trained on.
    """

    again = "Freeze anew with `uv run fearless golden freeze --again`, in a change of its own"
    now = rows.with_columns(row_names(rows, dictionary).alias("\x1f"))
    then = golden.rows.with_columns(row_names(golden.rows, dictionary).alias("\x1f"))
    both = then.join(now, on="\x1f", how="inner", suffix="\x1f")
    if not dictionary.key and both.height < then.height:
        raise FearlessError(
            f"{then.height - both.height} golden rows are not among those that load() in data.py gives now:"
            " changed, they would be trained on.",
            fix=f"{again}, or name a `key:` in {FILE} first.",
        )
    for name in dictionary.columns:
        differs = both[name].ne_missing(both[f"{name}\x1f"]) if f"{name}\x1f" in both.columns else None
        if differs is not None and differs.any():
            raise FearlessError(
                f"load() in data.py gives {int(differs.sum())} golden rows another `{name}` than when they were"
                " frozen.",
                fix=f"{again}, or take the change back.",
            )
