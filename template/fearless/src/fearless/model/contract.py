"""What the team's data.py, features.py and model.py must define, and how they are called."""

from __future__ import annotations

import importlib
import inspect
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any, Literal, Protocol, TypeVar

import numpy as np
import polars as pl
from numpy.typing import NDArray

from fearless.columns.dictionary import Dictionary, in_force
from fearless.columns.frame import typed
from fearless.core.errors import FearlessError
from fearless.core.project import Project

MODEL_API = 1
Frame = pl.DataFrame
Result = TypeVar("Result")
NAMES = {"data": "load(raw)", "features": "features(rows)", "model": "train(data)"}


@dataclass(frozen=True)
class Training:
    """What `train` in model.py learns from.

    x: (rows, features) float32, NaN where a value is missing.  y: (rows,) float64, the target; 0 or 1 when
    `task` is `binary`.  names: the features, in the order of the columns of x.  params: params.yaml.
    seed: params.yaml's `seed` (0 without one), to hand to everything that draws random numbers.
    """

    x: NDArray[np.float32]
    y: NDArray[np.float64]
    names: tuple[str, ...]
    params: Mapping[str, Any]
    seed: int
    task: Literal["binary", "regression"]


class Estimator(Protocol):
    """What `train` returns: fitted, in scikit-learn's manner. A binary model also has `predict_proba`."""

    def predict(self, x: NDArray[np.float32]) -> NDArray[Any]: ...


class Scorer(Protocol):
    """What `load(folder)` in model.py returns, where the team brings its own way to store a model."""

    def score(self, x: NDArray[np.float32]) -> NDArray[np.float64]: ...


@dataclass(frozen=True)
class Team:
    """The team's code, with every call checked and every error told as one sentence.

    `code` is the folder that holds the package: `src/`, or the `code/` of an artifact, which carries the code
    it was trained with. Code of several folders lives side by side: each call sees the modules of its own.
    `digest` tells the artifacts apart that lie in one folder one after the other.
    """

    project: Project
    dictionary: Dictionary
    code: Path
    digest: str = ""

    @staticmethod
    def of(project: Project, dictionary: Dictionary) -> Team:
        """The code in `src/`."""
        return Team(project, dictionary, project.root / "src")

    def load(self) -> pl.DataFrame:
        """All rows of data/raw through `load` in data.py, with the columns of columns.yaml, typed."""
        given = self._call("data", "load", self.project.raw)
        rows = self._frame(given, "data", "load")
        return typed(rows, self.dictionary, "The result of load() in data.py")

    def features(self, rows: pl.DataFrame) -> pl.DataFrame:
        """The features of `rows` through `features` in features.py.

        The code is handed only the columns that are known at prediction time: reaching for another one is
        refused by name. The result has one row per row and finite or missing numbers, as float32.
        """
        absent = [name for name in self.dictionary.known if name not in rows.columns]
        if absent:
            raise FearlessError(
                f"{self._file('features')} was written for the column `{absent[0]}`, which the rows do not have.",
                fix="Freeze and train anew when columns.yaml changes: `uv run fearless golden freeze --again`.",
            )
        known = rows if rows.columns == self.dictionary.known else rows.select(self.dictionary.known)
        given = self._call("features", "features", known)
        made = self._frame(given, "features", "features")
        if not made.width:  # first, because a frame without columns has no rows either
            raise FearlessError(
                f"{self._file('features')}: features() returned no column, so none is left to learn from.",
                fix="plain() keeps numbers, truth values and categories that are known at prediction time; make"
                " a number of something else, such as the month of a date.",
            )
        if made.height != rows.height:
            raise FearlessError(
                f"{self._file('features')}: features() returned {made.height} rows for {rows.height} rows.",
                fix="Return one row per row, in the same order.",
            )
        columns = made.get_columns()
        for column in columns:
            kind = column.dtype
            if not (kind.is_numeric() or kind == pl.Boolean):
                raise FearlessError(
                    f"{self._file('features')}: features() returned `{column.name}` as {kind}, not as a number.",
                    fix="Make it one or more numbers there.",
                )
        # A column at a time: a service asks this for every batch, and polars would plan a query for all of them.
        small = pl.DataFrame([column.cast(pl.Float32, strict=False) for column in columns])
        if np.isinf(small.to_numpy()).any():
            infinite = small.select(pl.all().is_infinite().sum()).row(0)
            name, count = next(found for found in zip(small.columns, infinite, strict=True) if found[1])
            raise FearlessError(
                f"{self._file('features')}: `{name}` is infinite in {count} rows"
                " (a division by zero, or a number too large for float32).",
                fix="Guard the division or clip the value.",
            )
        return small

    def train(self, training: Training) -> Any:
        """The fitted estimator from `train` in model.py."""
        fitted = self._call("model", "train", training)
        needed = "predict_proba" if training.task == "binary" else "predict"
        if not self.own_format and not callable(getattr(fitted, needed, None)):
            raise FearlessError(
                f"{self._file('model')}: train() returned {type(fitted).__name__}, which has no {needed}().",
                fix="Return a fitted estimator.",
            )
        return fitted

    @property
    def own_format(self) -> bool:
        """True where model.py brings its own `save(model, folder)` and `load(folder)`."""
        with modules_of(self.code, self.project.package, self.digest):
            module = self._module("model")
        return all(callable(getattr(module, name, None)) for name in ("save", "load"))

    def save_own(self, fitted: Any, folder: Path) -> None:
        self._call("model", "save", fitted, folder)

    def load_own(self, folder: Path) -> Scorer:
        scorer: Scorer = self._call("model", "load", folder)
        return _Own(scorer, self)

    def check_metric(self, module: str, function: str) -> None:
        """Prove that the module of the team's package defines `function(y, scores)`."""
        with modules_of(self.code, self.project.package, self.digest), in_force(self.dictionary):
            self._function(module, function, 2, f"{function}(y, scores)")

    def metric(self, module: str, function: str, y: NDArray[Any], scores: NDArray[Any]) -> Any:
        """What a metric of the team's says of (n,) targets and scores."""
        return self._call(module, function, y, scores, promise=f"{function}(y, scores)")

    def _call(self, file: str, function: str, *arguments: Any, promise: str = "") -> Any:
        with modules_of(self.code, self.project.package, self.digest), in_force(self.dictionary):
            return _told(self._function(file, function, len(arguments), promise), arguments, self)

    def _function(self, file: str, function: str, count: int, promise: str = "") -> Callable[..., Any]:
        """The function in that file; `promise` is how it is called where it is none of the three."""
        found = getattr(self._module(file, promise), function, None)
        fix = "Add it." if promise else "Add it: fearless/README.md names the three."
        promise = promise or NAMES[file]
        if not callable(found):
            raise FearlessError(f"{self._file(file)} defines no {promise}.", fix=fix)
        try:
            inspect.signature(found).bind(*([None] * count))
        except TypeError:
            raise FearlessError(
                f"{self._file(file)}: {function}{inspect.signature(found)} cannot be called as {promise}.",
                fix="Give it exactly that argument.",
            ) from None
        chosen: Callable[..., Any] = found
        return chosen

    def _module(self, file: str, promise: str = "") -> ModuleType:
        name = f"{self.project.package}.{file}"
        if (here := sys.modules.get(name)) is not None:
            return here
        if not (self.code / self.project.package / f"{file.replace('.', '/')}.py").is_file():
            defined = promise or NAMES[file]
            raise FearlessError(f"{self._file(file)} is missing.", fix=f"It must define {defined}.")
        module: ModuleType = _told(importlib.import_module, (name,), self)
        return module

    def _frame(self, given: Any, file: str, function: str) -> pl.DataFrame:
        if isinstance(given, pl.LazyFrame):
            collect: Callable[[], pl.DataFrame] = given.collect
            given = _told(collect, (), self)
        if not isinstance(given, pl.DataFrame):
            raise FearlessError(
                f"{self._file(file)}: {function}() returned {type(given).__name__}, not a polars DataFrame.",
                fix="Return the frame.",
            )
        return given

    def _file(self, file: str) -> str:
        return self.project.relative(self.code / self.project.package / f"{file.replace('.', '/')}.py")


@dataclass(frozen=True)
class _Own:
    """The team's scorer; what it raises is told by its place in the team's code."""

    scorer: Scorer
    team: Team

    def score(self, x: NDArray[np.float32]) -> NDArray[np.float64]:
        return _told(lambda given: self.scorer.score(given), (x,), self.team)


_kept: dict[tuple[Path, str, str], dict[str, ModuleType]] = {}


@contextmanager
def modules_of(code: Path, package: str, digest: str = "") -> Iterator[None]:
    """Let `package` be the one in the folder `code` inside the block, and whatever it was again after it.

    Champion and candidate are scored in one process, each with the feature code it was trained with.
    """
    mine = (_real(code), package, digest)
    # None of its modules is there without it, and a look at each name that was ever imported costs a service time.
    before = _taken_out(package) if package in sys.modules else {}
    kept = _kept.get(mine)
    sys.path.insert(0, str(code))
    if kept is None:  # files that were written since the last import; looking for them costs a service time
        kept = {}
        importlib.invalidate_caches()
    sys.modules.update(kept)
    count = len(sys.modules)
    try:
        yield
    finally:
        sys.path.remove(str(code))
        if len(sys.modules) == count:  # nothing was imported
            for name in kept:
                sys.modules.pop(name, None)
        else:
            kept = _taken_out(package)
        _kept[mine] = kept
        sys.modules.update(before)


@cache
def _real(code: Path) -> Path:
    return code.resolve()


def _taken_out(package: str) -> dict[str, ModuleType]:
    near = [
        name for name in sys.modules if name.startswith(package)
    ]  # one look at each of some thousand names
    names = [name for name in near if name.partition(".")[0] == package]
    return {name: sys.modules.pop(name) for name in names}


def _told(call: Callable[..., Result], arguments: tuple[Any, ...], team: Team) -> Result:
    """Call the team's code; what it raises becomes a sentence with the file and line in the team's code."""
    try:
        return call(*arguments)
    except FearlessError:
        raise
    except (Exception, SystemExit) as error:  # code that calls exit() would end a command without a word
        place = _place(error, team.project, team.code)
        if (refused := _refused_column(error, team.dictionary)) is not None:
            name, reason = refused
            raise FearlessError(
                f"{place}uses the column `{name}`, which is not known at prediction time: {reason}.",
                fix="Take it out of the features; columns.yaml says when each column is known.",
            ) from None
        said = " ".join(str(error).split())[:300]
        fix = _fix_of_import(error, team) if isinstance(error, ModuleNotFoundError) else ""
        said = f"{said}." if fix and not said.endswith(".") else said
        raise FearlessError(f"{place}raised {type(error).__name__}: {said}", fix=fix) from error


def _fix_of_import(error: ModuleNotFoundError, team: Team) -> str:
    """How to mend an import; a file of the team's own must not be looked for among packages of strangers."""
    name, package = error.name or "", team.project.package
    if (team.code / package / f"{name}.py").is_file():
        return f"Write `from {package} import {name}`."
    if not name or "." in name or name == package:
        return "Mend the name in that import."
    return f"Add the package that holds it (often `uv add {name}`), or mend the name."


def _place(error: BaseException, project: Project, code: Path) -> str:
    if isinstance(error, SyntaxError) and error.filename:
        return f"{project.relative(Path(error.filename))}, line {error.lineno}, "
    frames = traceback.extract_tb(error.__traceback__)
    inside = [frame for frame in frames if Path(frame.filename).is_relative_to(code)]
    if not inside:
        return "The team's code "
    return f"{project.relative(Path(inside[-1].filename))}, line {inside[-1].lineno}, "


def _refused_column(error: BaseException, dictionary: Dictionary) -> tuple[str, str] | None:
    """The column that the features reached for and must not, with the reason, or None for another error."""
    if not isinstance(error, pl.exceptions.ColumnNotFoundError | KeyError):
        return None
    # polars says `"x" not found` or `unable to find column "x"; valid columns: [...]`, pandas `'x'` or `['x'] not in`.
    said = str(error).strip().split("\n")[0].split(";")[0]
    for name in dictionary.columns:
        reason = dictionary.why_not_known(name)
        if reason is not None and (said == name or f'"{name}"' in said or f"'{name}'" in said):
            return name, reason.strip().rstrip(".")
    return None
