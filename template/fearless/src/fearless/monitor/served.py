"""What the ledger holds of a stretch of time, counted by the model that answered; memory does not grow with it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fearless.columns.dictionary import FILE as DICTIONARY
from fearless.columns.dictionary import Dictionary, load
from fearless.core.digest import sha256_file
from fearless.core.errors import FearlessError
from fearless.core.project import Project
from fearless.ledger.record import LIVE, SIMULATED
from fearless.ledger.store import Ledger
from fearless.model.artifact import MANIFEST, read_manifest
from fearless.model.releases import model_folders
from fearless.monitor.drift import SLOTS, Window
from fearless.monitor.invariants import Invariants
from fearless.monitor.profile import FILE as PROFILE
from fearless.monitor.profile import Profile, read_profile

if TYPE_CHECKING:
    import polars as pl
    from numpy.typing import NDArray

READ = (
    *("decided_at", "channel", "row_number", "input", "score", "model_name", "model_role", "model_sha256"),
    *("truth", "labelled_at"),
)
KNOWN = ("model_sha256", "score", "truth", "decided_at", "labelled_at")
CHUNK = 20_000


@dataclass(frozen=True)
class Known:
    """A model that is here: what its rows must look like, and its profile or the sentence why it has none."""

    place: str
    dictionary: Dictionary
    profile: Profile | None
    why_not: str
    fix: str


@dataclass
class Answered:
    """The rows that one model answered.

    `window` is None where it has no profile to be compared with. `known` are the rows whose truth is known, in parts.
    """

    sha256: str
    name: str
    role: str
    model: Known | None
    invariants: Invariants | None
    window: Window | None
    rows: int = 0
    known: list[pl.DataFrame] = field(default_factory=list)


@dataclass
class Served:
    """All that was served between two moments, either live or simulated, as `kind` says.

    What simulation put in must not pass for what is live, nor hide it: a window counts rows of one kind, and
    `left_out` is how many of the other lie in the same time. `slots` are the starts of the stretches
    into which the time from the first to the last row is cut. `requests` counts the requests that were answered,
    `refused` those that were not, by their status.
    """

    since: datetime
    until: datetime
    kind: str = LIVE
    left_out: int = 0
    first: datetime | None = None
    last: datetime | None = None
    slots: list[datetime] = field(default_factory=list)
    rows: int = 0
    requests: int = 0
    refused: dict[str, int] = field(default_factory=dict)
    reasons: dict[tuple[str, str], int] = field(default_factory=dict)
    models: dict[str, Answered] = field(default_factory=dict)


def read_served(
    project: Project,
    ledger: Ledger,
    since: datetime,
    until: datetime,
    *,
    kind: str = LIVE,
    compare: bool = True,
) -> Served:
    """Count what the ledger holds of `kind` (`live` or `simulated`) from `since` (included) to `until` (not included).

    Without `compare` only the rows whose truth is known are looked into.
    """
    served = Served(since, until, kind)
    _count_refusals(served, ledger)
    every = ledger.window(since, until, ("decided_at", "channel"))
    moments = every["decided_at"].filter(of_kind(every["channel"], kind)).sort()
    served.left_out = every.height - len(moments)
    if len(moments) == 0:
        return served
    first: datetime = moments[0]
    last: datetime = moments[-1]
    served.first, served.last = first, last
    step = max((last - first) / SLOTS, timedelta(microseconds=1))
    served.slots = [first + at * step for at in range(SLOTS)]
    here = models_here(project)
    for part in _parts(ledger, since, until, served.slots, len(moments)):
        rows = part.filter(of_kind(part["channel"], kind))
        served.rows += rows.height
        served.requests += int((rows["row_number"] == 0).sum())
        passed = (rows["decided_at"] - first).dt.total_microseconds().to_numpy()
        slot = np.minimum(passed // int(step / timedelta(microseconds=1)), SLOTS - 1).astype(np.intp)
        for name in rows["model_sha256"].unique(maintain_order=True).to_list():
            mine = (rows["model_sha256"] == name).to_numpy()
            model = _answered(served, here, rows.filter(mine), compare)
            _count(model, rows.filter(mine), slot[mine])
    return served


def of_kind(channels: pl.Series, kind: str) -> pl.Series:
    """Which of the `channels` are of `kind`."""
    simulated = channels == SIMULATED
    return simulated if kind == SIMULATED else ~simulated


def models_here(project: Project) -> dict[str, Known]:
    """The models that are here, by digest. A damaged one is refused by name: nothing may be compared with it."""
    found: dict[str, Known] = {}
    for folder in model_folders(project):
        name = project.relative(folder)
        _refuse_swapped(folder, name)
        profile, why_not, fix = None, "", ""
        try:
            profile = read_profile(folder, name)
        except FearlessError as error:
            if (folder / PROFILE).is_file():
                raise
            why_not, fix = error.what, error.fix
        found.setdefault(sha256_file(folder / MANIFEST), Known(name, load(folder), profile, why_not, fix))
    return found


def rows_of(inputs: pl.Series, dictionary: Dictionary) -> pl.DataFrame:
    """The recorded rows (JSON, one object each) as a frame with the columns known at prediction time."""
    import polars as pl

    kinds = {"number": pl.Float64, "integer": pl.Float64, "boolean": pl.Boolean}
    fields = {name: kinds.get(dictionary.columns[name].type, pl.String) for name in dictionary.known}
    try:
        return inputs.str.json_decode(pl.Struct(fields)).struct.unnest()
    except pl.exceptions.ComputeError:
        # Some row has another type than was promised: take all as text, and let the invariants count which.
        return _as_words(inputs, list(fields))


def _as_words(inputs: pl.Series, names: list[str]) -> pl.DataFrame:
    import polars as pl

    rows = [_object(text) for text in inputs]
    return pl.DataFrame(
        {name: [_word(row.get(name)) for row in rows] for name in names},
        schema=dict.fromkeys(names, pl.String),
    )


def _object(text: str) -> dict[str, Any]:
    """The row in `text`; what is no row has no column, which the invariants count."""
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _word(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value)


def _parts(
    ledger: Ledger, since: datetime, until: datetime, slots: list[datetime], rows: int
) -> Iterator[pl.DataFrame]:
    """The rows in order, some tens of thousands at a time."""
    together = max(1, SLOTS * CHUNK // max(rows, 1))
    starts = [since, *slots[together::together]]
    for start, end in zip(starts, [*starts[1:], until], strict=True):
        yield ledger.joined(start, end, READ)


def _answered(served: Served, here: dict[str, Known], rows: pl.DataFrame, compare: bool) -> Answered:
    sha256 = rows["model_sha256"][0]
    if sha256 not in served.models:
        model = here.get(sha256)
        served.models[sha256] = Answered(
            sha256=sha256,
            name=rows["model_name"][0],
            role=rows["model_role"][0],
            model=model,
            invariants=Invariants(model.dictionary) if model and compare else None,
            window=Window(model.profile, SLOTS) if model and model.profile and compare else None,
        )
    return served.models[sha256]


def _count(answered: Answered, rows: pl.DataFrame, slot: NDArray[np.intp]) -> None:
    answered.rows += rows.height
    has_truth = rows["truth"].is_not_null()
    known = rows.filter(has_truth).select(KNOWN)
    if answered.model is None:
        answered.known.append(known)
        return
    dictionary = answered.model.dictionary
    if answered.invariants is None:
        answered.known.append(
            _with_belongs(known, rows_of(rows["input"].filter(has_truth), dictionary), dictionary)
        )
        return
    typed = answered.invariants.add(rows_of(rows["input"], dictionary))
    answered.known.append(_with_belongs(known, typed.filter(has_truth), dictionary))
    if answered.window is not None:
        answered.window.add(typed, rows["score"].to_numpy(), slot)


def _with_belongs(known: pl.DataFrame, rows: pl.DataFrame, dictionary: Dictionary) -> pl.DataFrame:
    """`known` with what its rows are about: several predictions about one of these are no independent evidence."""
    import polars as pl

    names = [dictionary.group] if dictionary.group else list(dictionary.key)
    if not names or any(name not in rows.columns for name in names):
        return known
    words = rows.select(pl.concat_str([pl.col(name).cast(pl.String) for name in names], separator="\x1f"))
    return known.with_columns(words.to_series().alias("belongs"))


def _count_refusals(served: Served, ledger: Ledger) -> None:
    every = ledger.refusals(served.since, served.until)
    refused = every.filter(of_kind(every["channel"], served.kind))
    for status, reason, column in zip(refused["status"], refused["reason"], refused["column"], strict=True):
        served.refused[status] = served.refused.get(status, 0) + 1
        place = (reason, column)
        served.reasons[place] = served.reasons.get(place, 0) + 1


def _refuse_swapped(folder: Path, name: str) -> None:
    manifest = read_manifest(folder, name)
    for file in (PROFILE, DICTIONARY):
        if (folder / file).is_file() and sha256_file(folder / file) != manifest.files.get(file):
            raise FearlessError(
                f"{name}/{file} is not the file that was saved at training: its SHA-256 differs from the manifest's.",
                fix="Bring it back with `uv run dvc checkout`, or train again with `uv run fearless train`.",
            )
