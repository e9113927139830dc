"""columns.yaml, read and checked: a column that nobody described is a column that nobody checked."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from fearless.core.errors import FearlessError
from fearless.core.model_error import first_complaint
from fearless.core.project import Project
from fearless.core.yaml_file import read_mapping

FILE = "columns.yaml"
Type = Literal["string", "category", "integer", "number", "boolean", "date", "datetime"]
Task = Literal["binary", "regression"]
NUMBERS = ("integer", "number")
TEXTS = ("string", "category")
EMPTY_WORDS = ("todo", "tbd", "fixme", "xxx", "n/a", "none", "?", "-")


def _number(value: object) -> object:
    """YAML writes infinity as `.inf`: an end of a range that is open."""
    return value.replace(".inf", "inf") if isinstance(value, str) else value


def _one_or_more(value: object) -> object:
    return ([value] if value else []) if isinstance(value, str) else value


def _version(value: object) -> object:
    return int(value) if isinstance(value, str) and value.isdecimal() else value


End = Annotated[float, BeforeValidator(_number)]


class Column(BaseModel):
    """One column of the rows: three fields always, the rest where they say something."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    type: Type
    description: str
    known_at_prediction: bool
    reason: str = ""
    missing: bool = False
    range: tuple[End, End] | None = None
    levels: tuple[str, ...] = ()
    unit: str = ""
    personal: bool = False


class Dictionary(BaseModel):
    """columns.yaml, version 1. `task` says what the target is: `binary` or `regression`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: Annotated[Literal[1], BeforeValidator(_version)]
    task: Task
    target: str
    positive: str = ""
    key: Annotated[tuple[str, ...], BeforeValidator(_one_or_more)] = ()
    time: str = ""
    group: str = ""
    columns: dict[str, Column] = Field(min_length=1)

    @property
    def known(self) -> list[str]:
        """The columns that are known when a prediction is made, without the target, in file order."""
        return [
            name
            for name, column in self.columns.items()
            if column.known_at_prediction and name != self.target
        ]

    def why_not_known(self, name: str) -> str | None:
        """The reason why the column `name` must not reach the features, or None where it may."""
        if name == self.target:
            return "it is what the model predicts"
        column = self.columns.get(name)
        if column is None or column.known_at_prediction:
            return None
        return column.reason


@dataclass(frozen=True)
class Gap:
    """One thing that the dictionary leaves open. `column` is empty where it is about the whole file."""

    column: str
    what: str
    fix: str


_in_force: ContextVar[Dictionary | None] = ContextVar("dictionary", default=None)


@contextmanager
def in_force(dictionary: Dictionary) -> Iterator[None]:
    """Let `current` answer with `dictionary` inside the block: a champion's code sees the one it was trained with."""
    token = _in_force.set(dictionary)
    try:
        yield
    finally:
        _in_force.reset(token)


def current() -> Dictionary:
    """The dictionary for the team's code that runs now: the one in force, or the working directory's."""
    return _in_force.get() or load(Project.find().root)


def load(root: Path) -> Dictionary:
    """The dictionary of the project at `root`; raises FearlessError for the first thing that is wrong in it."""
    dictionary = read_open(root)
    if found := gaps(dictionary):
        first = found[0]
        more = f" ({len(found) - 1} more of this kind.)" if len(found) > 1 else ""
        where = f"the column `{first.column}` " if first.column else ""
        raise FearlessError(f"{FILE}: {where}{first.what}.", fix=first.fix + more)
    return dictionary


def read_open(root: Path) -> Dictionary:
    """The dictionary of the project at `root`, whose shape is checked; what it leaves open is for `gaps` to find."""
    return parse(read_mapping(root / FILE, FILE, as_text=True))


def parse(content: dict[str, Any]) -> Dictionary:
    """The dictionary in `content`, the mapping of columns.yaml with its values as they stand there, as text.

    Text, because YAML would read the level `no` as false and `01` as 1, which are not what the data holds.
    """
    if not content.get("columns"):
        raise FearlessError(
            f"{FILE} describes no column yet.",
            fix="Put your file into data/raw/ and run `uv run fearless columns draft data/raw/FILE.csv`.",
        )
    known = [*Dictionary.model_fields, *Column.model_fields, *get_args(Type), *get_args(Task)]
    try:
        return Dictionary.model_validate(content)
    except ValidationError as error:
        raise first_complaint(error, FILE, known) from None


def gaps(dictionary: Dictionary) -> list[Gap]:
    """All that the dictionary leaves open: descriptions that say nothing, names that are not columns, and the like."""
    found: list[Gap] = []
    columns = dictionary.columns
    for role in ("target", "time", "group"):
        name = getattr(dictionary, role)
        if name and name not in columns:
            found.append(
                Gap("", f"names `{name}` as its {role}, and there is no such column", _columns_there(columns))
            )
    for name in dictionary.key:
        if name not in columns:
            found.append(
                Gap("", f"names `{name}` in its key, and there is no such column", _columns_there(columns))
            )
    for name, column in columns.items():
        found += _gaps_of(name, column, dictionary)
    target = columns.get(dictionary.target)
    if target is not None:
        found += _gaps_of_target(dictionary, target)
    time = columns.get(dictionary.time) if dictionary.time else None
    if time is not None and time.type not in ("date", "datetime"):
        found.append(Gap(dictionary.time, "is the time and must be a date or datetime", "Set its `type`."))
    if not found and not dictionary.known:
        found.append(
            Gap(
                "",
                "marks no column but the target as known at prediction time",
                "A model needs at least one.",
            )
        )
    return found


def _gaps_of(name: str, column: Column, dictionary: Dictionary) -> list[Gap]:
    found: list[Gap] = []
    if says_nothing(column.description, name):
        found.append(
            Gap(
                name,
                "has no meaningful description",
                "Write what it holds, its unit and where it comes from.",
            )
        )
    if not column.known_at_prediction and name != dictionary.target and says_nothing(column.reason, name):
        found.append(
            Gap(
                name,
                "is not known at prediction time and gives no reason",
                "Add `reason:` with when it is known.",
            )
        )
    if column.type == "category" and not column.levels:
        found.append(Gap(name, "is a category without levels", "List them: `levels: [a, b]`."))
    if column.levels and column.type not in TEXTS:
        found.append(Gap(name, f"has levels but is a {column.type}", "Only text has them."))
    if len(set(column.levels)) < len(column.levels):
        found.append(Gap(name, "names a level twice", "Each level stands once."))
    if column.range is not None and column.range[0] > column.range[1]:
        found.append(Gap(name, f"has an empty range {list(column.range)}", "Write the lower end first."))
    if column.range is not None and column.type not in NUMBERS:
        found.append(Gap(name, f"has a range but is a {column.type}", "Only numbers have one."))
    if name in dictionary.key and column.missing:
        found.append(
            Gap(name, "is part of the key and may be missing", "A key names each row: drop `missing`.")
        )
    return found


def _gaps_of_target(dictionary: Dictionary, target: Column) -> list[Gap]:
    name = dictionary.target
    if target.known_at_prediction:
        return [Gap(name, "is the target and cannot be known at prediction time", "Set it to false.")]
    for role in ("key", "time", "group"):
        if name in (dictionary.key if role == "key" else (getattr(dictionary, role),)):
            return [Gap(name, f"is the target and cannot be the {role} too", f"Take it out of `{role}:`.")]
    if dictionary.positive and target.type not in TEXTS:
        return [
            Gap(
                name,
                f"is a {target.type}, and only a text target has a `positive:`",
                "Drop `positive:` at the top: true, 1 or the number itself is predicted.",
            )
        ]
    if dictionary.task == "regression" and target.type not in NUMBERS:
        return [Gap(name, f"is a {target.type}, and a regression needs a number", "Set `task: binary`?")]
    if dictionary.task == "binary" and target.type in TEXTS:
        if len(target.levels) == 2 and dictionary.positive not in target.levels:
            first, second = target.levels
            said = f"says `{dictionary.positive}`" if dictionary.positive else "is missing"
            return [
                Gap(
                    name,
                    f"is text, and `positive:` at the top {said}",
                    f"Write there which of its two levels is predicted: `{first}` or `{second}`.",
                )
            ]
        if len(target.levels) != 2:
            return [
                Gap(
                    name,
                    "is text",
                    "Give it two `levels` and name the one to predict as `positive:` at the top.",
                )
            ]
    elif dictionary.task == "binary" and target.type not in ("boolean", "integer"):
        return [
            Gap(
                name,
                f"is a {target.type}, and a binary target is boolean, 0/1 or two levels",
                "Set its type.",
            )
        ]
    return []


def says_nothing(text: str, name: str) -> bool:
    """True for an empty text, a placeholder such as TODO, or the column's own name said again."""
    words = text.strip().lower()
    plain = words.replace("_", " ")
    starts_open = any(words.startswith(word) for word in ("todo", "tbd", "fixme"))
    return starts_open or words in EMPTY_WORDS or len(plain) < 3 or plain == name.lower().replace("_", " ")


def _columns_there(columns: dict[str, Column]) -> str:
    names = list(columns)
    return f"The columns are: {', '.join(names[:12])}{', ...' if len(names) > 12 else ''}."
