"""The golden data of the base, where a change brings other golden data: both sets judge the candidate."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fearless.columns.dictionary import Dictionary
from fearless.core import dvc
from fearless.core.digest import dvc_folder_md5
from fearless.core.errors import FearlessError
from fearless.core.git import git
from fearless.core.project import Project
from fearless.core.yaml_file import parse_mapping
from fearless.golden.freeze import FEWEST, row_names
from fearless.golden.frozen import (
    RECORD,
    Golden,
    digest_in,
    parse_record,
    pointed_digest,
    pointer_of,
    read_golden,
    refuse_other_columns,
)
from fearless.pipeline.base import Base

if TYPE_CHECKING:
    import polars as pl

POINTER = "data/golden.dvc"
# ci/pull.sh puts it there, since the step that judges has no credentials; its digest is proven in any case.
FOLDER = "golden-of-base"


@dataclass(frozen=True)
class BaseGolden:
    """The base's golden rows that the candidate was not trained on, and how many it was."""

    golden: Golden
    left_out: int
    enough: bool

    @property
    def left(self) -> int:
        return self.golden.rows.height


def golden_of_base(
    project: Project, base: Base, train: pl.DataFrame, dictionary: Dictionary
) -> BaseGolden | None:
    """The base's golden data, or None where it is that of the change or the base has none.

    `train` are the rows that the candidate was trained on: what is among them, or in a group with one of them, would
    reward memory. Raises FearlessError where the data is in neither the cache nor the storage, or not what the base
    names.
    """
    golden = bring_golden_of_base(project, base)
    if golden is None:
        return None
    refuse_other_columns(golden, dictionary, "The golden data of the base")
    for name in dictionary.key or dictionary.columns:
        was, now = golden.rows.schema[name], train.schema.get(name)
        if was != now:  # 1 and 1.0 would be two rows, and one that was trained on would not be recognised
            raise FearlessError(
                f"`{name}` is {was} in the golden data of the base and {now} in the training data, so that rows"
                " cannot be recognised.",
                fix="Bring another type and other golden data in changes of their own.",
            )
    seen = row_names(golden.rows, dictionary).is_in(row_names(train, dictionary).implode())
    if dictionary.group:
        groups = train[dictionary.group].cast(str).unique().implode()
        seen = seen | golden.rows[dictionary.group].cast(str).is_in(groups).fill_null(False)
    rows = golden.rows.filter(~seen)
    enough = rows.height >= FEWEST and rows[dictionary.target].n_unique() > 1
    return BaseGolden(Golden(rows, golden.record), int(seen.sum()), enough)


def bring_golden_of_base(project: Project, base: Base) -> Golden | None:
    """Bring the base's golden data to .fearless and read it; None where it is that of the change, or there is none."""
    shown = git(["show", f"{base.commit}:./{POINTER}"], project.root, check=False)
    if shown.returncode != 0:
        return None
    name = f"{POINTER} of the base {base.commit[:12]}"
    digest = digest_in(parse_mapping(shown.stdout, name), name)
    if digest == pointed_digest(pointer_of(project), POINTER):
        return None
    folder = project.scratch / FOLDER
    if not folder.is_dir() or dvc_folder_md5(folder) != digest:
        shutil.rmtree(folder, ignore_errors=True)
        try:
            dvc.bring(digest, folder, project.root)
        except FearlessError as error:
            raise FearlessError(
                f"This change brings other golden data, and that of the base must judge it too, but {error.what}",
                fix="Check the base out where its data is, and run `uv run dvc push`.",
            ) from None
    if dvc_folder_md5(folder) != digest:
        raise FearlessError(
            f"The golden data of the base is not what {POINTER} names there: it was damaged in the storage.",
            fix="Check the base out where its data is whole, and run `uv run dvc push`.",
        )
    file = folder / RECORD
    if not file.is_file():
        raise FearlessError(f"The golden data of the base {base.commit[:12]} has no {RECORD}.")
    return read_golden(project, folder, parse_record(file.read_bytes(), f"{RECORD} of the base"))
