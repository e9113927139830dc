"""Golden data that grows: live predictions with their truth, proposed by chance and added once a person reviewed them.

Which rows are proposed is decided by a digest of their key, never by what the model answered or whether it erred.
Golden data of picked errors would punish the model that made them and nobody else, and tell of the picking.
Levels with few golden rows get some more, which changes how many rows of a kind there are and not how they came out.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fearless.columns.dictionary import Dictionary, load
from fearless.columns.frame import cast, read_untyped
from fearless.core import dvc
from fearless.core.atomic import write_text
from fearless.core.digest import sha256_text
from fearless.core.errors import FearlessError
from fearless.core.project import Project
from fearless.golden import grown
from fearless.golden.frozen import Golden, Record, equals_pointer, open_golden, pointer_of
from fearless.pipeline.eligible import DECIDED, NAME, Found, find, told

if TYPE_CHECKING:
    import polars as pl

PROPOSAL, TAKEN = "golden/proposal.csv", "taken.csv"
ID, REVIEWED, WHY = "prediction_id", "reviewed", "why"
THRESHOLD = 0.5
THIN = 30  # golden rows of a level: with fewer it is hard to tell how the model does there
THIN_SHARE = 0.2  # of a proposal at most
NO_NAME = frozenset(("yes", "no", "ok", "okay", "true", "false", "done", "reviewed", "right", "wrong"))


def propose(
    project: Project, count: int, since: timedelta, now: datetime
) -> tuple[Path, pl.DataFrame, Found]:
    """Write .fearless/golden/proposal.csv with up to `count` rows to be reviewed; returns it, its rows and all found.

    Raises FearlessError where a proposal with reviews in it lies there, or no row can be proposed.
    """
    import polars as pl

    file = project.scratch / PROPOSAL
    _refuse_reviewed(file, project)
    dictionary = load(project.root)
    golden = _untouched(project)
    found = find(project, golden, dictionary, since, now)
    if found.rows.is_empty():
        raise FearlessError(
            f"No live prediction can become a golden row: {told(found.left_out) or 'there is none in that time'}.",
            fix="Give the labels to `uv run fearless truth FILE` first, or look further back with `--since 365d`.",
        )
    chosen, why = _chosen(found.rows, golden.rows, dictionary, count)
    answers = _truths(chosen["truth"], golden, dictionary)
    shown = pl.DataFrame(
        [
            chosen["id"].alias(ID),
            pl.Series(REVIEWED, [None] * chosen.height, dtype=pl.String),
            pl.Series(WHY, why),
            chosen[DECIDED],
        ]
    ).with_columns(answers, *(_harmless(chosen[name]) for name in dictionary.known))
    file.parent.mkdir(parents=True, exist_ok=True)
    write_text(file, shown.write_csv())
    return file, chosen, found


def take(
    project: Project, file: Path, since: timedelta, now: datetime
) -> tuple[Record, pl.DataFrame, pl.DataFrame]:
    """Add the rows of `file` that somebody reviewed to data/golden, and track it with DVC.

    What is added comes from the ledger: of the file only the ids, the reviewers and the truth are read, and a truth
    that differs from the ledger's is refused. Returns the record, what was added and what was left. Raises
    FearlessError where a row may not become golden (any more); nothing is added then.
    """
    import polars as pl

    dictionary = load(project.root)
    golden = _untouched(project)
    given = _read_proposal(file, dictionary)
    reviewed = given.filter(given[REVIEWED] != "")
    if reviewed.is_empty():
        raise FearlessError(
            f"Nobody reviewed a row of {file.name}: the column `{REVIEWED}` is empty.",
            fix="Write your name into it in each row whose values and truth you hold right.",
        )
    _refuse_no_name(reviewed)
    found = find(project, golden, dictionary, since, now)
    both = reviewed.join(
        found.rows, left_on=ID, right_on="id", how="left", maintain_order="left", suffix="\x1f"
    )
    for row in both.filter(both["truth"].is_null())[ID].to_list()[:1]:
        raise FearlessError(
            f"The prediction {row} may not become a golden row: {told(found.left_out) or 'it is not in that time'}.",
            fix="Propose anew with `uv run fearless golden grow`, or look further back with --since.",
        )
    rows = found.rows.filter(found.rows["id"].is_in(both[ID].implode()))
    rows = reviewed.select(ID).join(rows, left_on=ID, right_on="id", how="inner", maintain_order="left")
    answers = _truths(rows["truth"], golden, dictionary)
    differs = cast(reviewed[dictionary.target], dictionary.columns[dictionary.target]).ne_missing(answers)
    if differs.any():
        first = reviewed[ID][differs.arg_true()[0]]
        raise FearlessError(
            f"The `{dictionary.target}` of {first} is not what the ledger holds.",
            fix="Where the ledger is wrong, give the right label to `uv run fearless truth FILE` and propose anew.",
        )
    empty = [
        pl.Series(name, [None] * rows.height, dtype=kind)
        for name, kind in golden.rows.schema.items()
        if name not in dictionary.known and name != dictionary.target
    ]
    ready = rows.with_columns(answers, *empty).select(golden.rows.columns)
    about = {
        "at": now.isoformat(timespec="seconds"),
        "reviewed_by": sorted(set(reviewed[REVIEWED])),
        "predictions": reviewed[ID].to_list(),
        "models": sorted(set(rows["model_sha256"])),
    }
    record = grown.add(project, golden, ready, dictionary, about)
    dvc.add(["data/golden"], project.root)
    if file.resolve() == (project.scratch / PROPOSAL).resolve():
        file.replace(file.with_name(TAKEN))  # so that the next proposal has its place
    left = found.rows.filter(found.rows["id"].is_in(given.filter(given[REVIEWED] == "")[ID].implode()))
    return record, rows, left


def share_wrong(rows: pl.DataFrame, dictionary: Dictionary) -> float:
    """How wrong the model was in `rows`: the share of wrong decisions, or the mean absolute error of a number."""
    scores, truths = rows["score"].to_numpy(), rows["truth"].to_numpy()
    if dictionary.task == "binary":
        return float(np.mean((scores >= THRESHOLD) != (truths == 1.0)))
    return float(np.mean(np.abs(scores - truths)))


def _refuse_reviewed(file: Path, project: Project) -> None:
    if not file.is_file():
        return
    try:
        given = read_untyped(file)
        begun = REVIEWED in given.columns and any(str(each or "").strip() for each in given[REVIEWED])
    except FearlessError:
        return
    if begun:
        where = project.relative(file)
        raise FearlessError(
            f"{where} holds reviews, which a new proposal would replace.",
            fix=f"Take it with `uv run fearless golden grow --take {where}`, or remove it.",
        )


def _untouched(project: Project) -> Golden:
    golden = open_golden(project)
    if not equals_pointer(project):
        raise FearlessError(
            f"data/golden is not what {project.relative(pointer_of(project))} names.",
            fix="Bring it back with `uv run dvc checkout data/golden.dvc`, or commit the pointer first.",
        )
    return golden


def _chosen(
    rows: pl.DataFrame, golden: pl.DataFrame, dictionary: Dictionary, count: int
) -> tuple[pl.DataFrame, list[str]]:
    """Up to `count` rows by the digest of their key, some of them of levels with few golden rows; and why each."""
    import polars as pl

    order = pl.Series([sha256_text(name) for name in rows[NAME]])
    rows = rows.with_columns(order.alias("\x1forder")).sort("\x1forder").drop("\x1forder")
    thin: dict[str, str] = {}
    room = int(THIN_SHARE * count)
    for name in dictionary.known:
        if not dictionary.columns[name].levels:
            continue
        for level in dictionary.columns[name].levels:
            have = int((golden[name] == level).sum())
            wanted = min(THIN - have, room - len(thin))
            for each in rows.filter(rows[name] == level)["id"].head(max(wanted, 0)):
                thin.setdefault(each, f"few golden rows have {name} {level} ({have})")
    rest = [each for each in rows["id"] if each not in thin][: max(count - len(thin), 0)]
    chosen = rows.filter(rows["id"].is_in([*rest, *thin]))
    return chosen, [thin.get(each, "by chance") for each in chosen["id"]]


def _truths(truth: pl.Series, golden: Golden, dictionary: Dictionary) -> pl.Series:
    """The ledger's labels as the target stands in the golden rows."""
    import polars as pl

    name = dictionary.target
    kind = golden.rows.schema[name]
    if dictionary.task == "binary" and kind == pl.String:
        (negative,) = [each for each in dictionary.columns[name].levels if each != dictionary.positive]
        return pl.Series(
            name, [dictionary.positive if each == 1.0 else negative for each in truth], dtype=kind
        )
    return truth.alias(name).cast(kind)


def _harmless(values: pl.Series) -> pl.Series:
    """Texts that a spreadsheet takes for a formula, with a quote before them: they came from outside."""
    import polars as pl

    if values.dtype != pl.String:
        return values
    return values.str.replace(r"^([=+\-@\t])", "'$1")


def _read_proposal(file: Path, dictionary: Dictionary) -> pl.DataFrame:
    import polars as pl

    if not file.is_file():
        raise FearlessError(f"{file} is not there.", fix="Make one with `uv run fearless golden grow`.")
    given = read_untyped(file)
    for name in (ID, REVIEWED, dictionary.target):
        if name not in given.columns:
            raise FearlessError(
                f"{file.name} has no column `{name}`.", fix="Leave the columns of the proposal in it."
            )
    given = given.with_columns(pl.col(ID, REVIEWED).cast(pl.String).str.strip_chars().fill_null(""))
    twice = given[ID].is_duplicated()
    if twice.any():
        raise FearlessError(
            f"{file.name} names {given[ID][twice.arg_true()[0]]} twice.", fix="Leave one of the rows."
        )
    return given


def _refuse_no_name(reviewed: pl.DataFrame) -> None:
    for name in reviewed[REVIEWED]:
        if sum(letter.isalpha() for letter in name) < 2 or name.lower() in NO_NAME:
            raise FearlessError(
                f"`{REVIEWED}` says `{name[:40]}`, and it must say who reviewed the row.",
                fix="Write a name, such as Ada Lovelace; leave it empty in rows that are not to be golden.",
            )
