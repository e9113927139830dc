"""The frozen golden data: read, and held against its pointer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from fearless.columns.dictionary import FILE as DICTIONARY
from fearless.columns.dictionary import Dictionary
from fearless.core.digest import dvc_folder_md5, sha256_file
from fearless.core.dvc import pointed_md5
from fearless.core.errors import FearlessError
from fearless.core.model_error import first_complaint
from fearless.core.project import Project
from fearless.core.yaml_file import read_mapping

if TYPE_CHECKING:
    import polars as pl

ROWS = "rows.parquet"
RECORD = "golden.json"
PULL = "Bring it back with `uv run dvc pull`."


class Record(BaseModel):
    """How the golden data was chosen. It lies beside the rows, so its digest covers both."""

    model_config = ConfigDict(extra="allow")

    version: Literal[1] = 1
    rows: int
    rows_sha256: str
    split: Literal["time", "hash"]
    share: float
    time: str = ""
    start: str = ""
    key: list[str]
    group: str = ""
    target: str


@dataclass(frozen=True)
class Golden:
    """The golden rows as the team's load() gave them, with their record."""

    rows: pl.DataFrame
    record: Record


def exists(project: Project) -> bool:
    """True where golden data was frozen here."""
    return (project.golden / RECORD).is_file()


def open_golden(project: Project) -> Golden:
    """Read the golden data; raises FearlessError where it is missing, empty, or not what was frozen."""
    return read_golden(project, project.golden, read_record(project))


def read_golden(project: Project, folder: Path, record: Record) -> Golden:
    """Read the golden rows in `folder` and hold them against their record; raises FearlessError as `open_golden`."""
    import polars as pl

    file = folder / ROWS
    if not file.is_file():
        raise FearlessError(f"{project.relative(file)} is missing.", fix=PULL)
    if sha256_file(file) != record.rows_sha256:
        raise FearlessError(
            f"{project.relative(file)} is not what was frozen: its SHA-256 differs from the one in {RECORD}.",
            fix="Bring it back with `uv run dvc checkout data/golden.dvc`.",
        )
    try:
        rows = pl.read_parquet(file, glob=False)
    except (pl.exceptions.PolarsError, OSError) as error:
        said = str(error).partition("\n")[0]
        raise FearlessError(f"{project.relative(file)} cannot be read: {said}.", fix=PULL) from None
    if rows.height == 0:
        raise FearlessError("The golden data is empty, so it judges nothing.", fix="Freeze it again.")
    return Golden(rows, record)


def refuse_other_columns(golden: Golden, dictionary: Dictionary, whose: str = "The golden data") -> None:
    """Raise FearlessError where the rows lack a column that the dictionary describes."""
    absent = [name for name in dictionary.columns if name not in golden.rows.columns]
    if absent:
        raise FearlessError(
            f"{whose} has no column `{absent[0]}`, which {DICTIONARY} describes.",
            fix="Freeze anew with `uv run fearless golden freeze --again`.",
        )


def read_record(project: Project) -> Record:
    """The record beside the golden rows."""
    file = project.golden / RECORD
    if not file.is_file():
        raise FearlessError(
            f"There is no golden data here ({project.relative(file)} is missing).",
            fix=PULL if pointer_of(project).is_file() else "Freeze it with `uv run fearless golden freeze`.",
        )
    return parse_record(file.read_bytes(), project.relative(file))


def parse_record(content: bytes, name: str) -> Record:
    """The record in the JSON of a file called `name`."""
    try:
        return Record.model_validate_json(content)
    except ValidationError as error:
        raise first_complaint(error, name, Record.model_fields) from None


def pointer_of(project: Project) -> Path:
    """DVC's pointer of the golden data, the file that git knows."""
    return project.root / "data" / "golden.dvc"


def pointed_digest(pointer: Path, name: str) -> str:
    """The digest in a DVC pointer."""
    return digest_in(read_mapping(pointer, name), name)


def digest_in(pointer: Mapping[str, Any], name: str) -> str:
    """The digest in the content of a DVC pointer called `name`."""
    digest = pointed_md5(pointer)
    if not digest:
        raise FearlessError(f"{name} names no digest.", fix=f"Bring it back with `git checkout -- {name}`.")
    return digest


def equals_pointer(project: Project) -> bool:
    """True where the golden data on disk is exactly what its pointer names."""
    return is_pointed_at(project, project.golden, pointer_of(project))


def is_pointed_at(project: Project, folder: Path, pointer: Path) -> bool:
    """True where a folder on disk is exactly what a DVC pointer names."""
    return dvc_folder_md5(folder) == pointed_digest(pointer, project.relative(pointer))
