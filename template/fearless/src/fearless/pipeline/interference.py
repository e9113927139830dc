"""Guard: golden rows do not reach the model. They are exchanged in the raw data, and the model must stay the same."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fearless.columns.dictionary import Dictionary, load
from fearless.core.project import Project
from fearless.golden.frozen import Golden, open_golden
from fearless.golden.grown import without_grown
from fearless.golden.scrambled import donors, exchange_frozen, exchange_raw
from fearless.guard.finding import Finding
from fearless.model.artifact import matrix, open_model, read_manifest
from fearless.model.contract import Team
from fearless.model.export import MOST_ROWS, extremes
from fearless.pipeline.prepare import open_train
from fearless.pipeline.rerun import WITH_GOLDEN, Reruns, StepError, run
from fearless.pipeline.run import FIXED

if TYPE_CHECKING:
    from numpy.typing import NDArray

TOLERANCE = 1e-9
FIX = (
    "What is learned from rows (a mean, a scale, an encoding) belongs into the estimator of model.py, which is"
    " given the training rows alone."
)


def interference(reruns: Reruns) -> tuple[list[Finding], str]:
    """Train once more with the golden rows exchanged; what was found, and how far the proof reaches.

    The rows are exchanged in the files of data/raw, before load() reads them. Where that cannot be done the
    frozen rows alone are, which proves features.py and model.py but not load().
    """
    plain = reruns.plain
    dictionary = load(plain.root)
    # Those that grew are in no file of data/raw, or stand there otherwise, and never among the rows to train on.
    golden = without_grown(open_golden(plain), dictionary)
    drawn = donors(golden, dictionary)
    trial = _Trial(reruns, golden, dictionary)
    where = trial.in_raw("exchanged", drawn)
    in_raw = not where.why_not
    if not in_raw:
        reruns.drop(where.project)
    try:
        other = where.project if in_raw else trial.in_frozen("exchanged", drawn)
    except StepError as stopped:
        return [_stops(stopped)], ""
    if where.stopped is not None:
        return [_stops(where.stopped)], ""
    if in_raw:
        seen = f"{golden.rows.height:,} golden rows exchanged in {' and '.join(where.files)}"
    else:
        seen = f"the frozen rows alone exchanged, so load() in data.py is not proven: {where.why_not}"
    difference = _difference(plain, other)
    if not difference:
        return [], f"{seen}; the model is the same"
    # The same road with every row in its place: what differs there is not the golden rows' doing.
    unmoved = np.arange(golden.rows.height)
    again = trial.in_raw("unmoved", unmoved).project if in_raw else trial.in_frozen("unmoved", unmoved)
    if noise := _difference(plain, again):
        return [
            Finding(
                f"Whether golden rows reach the model cannot be told: trained again on the same rows, {noise}.",
                "Make training repeatable first: the guard beside this one says how.",
            )
        ], seen
    return [Finding(f"Golden rows reach the model: with {seen}, {difference}.", FIX)], seen


@dataclass(frozen=True)
class _InRaw:
    """A copy that was trained on exchanged raw data, or why it was not."""

    project: Project
    files: list[str]
    why_not: str = ""
    stopped: StepError | None = None


@dataclass(frozen=True)
class _Trial:
    reruns: Reruns
    golden: Golden
    dictionary: Dictionary

    def in_raw(self, name: str, drawn: NDArray[np.int64]) -> _InRaw:
        copy = self.reruns.copy(f"{name}-raw")
        if not self.dictionary.key:
            return _InRaw(copy, [], "columns.yaml names no key to find them by in data/raw")
        files = exchange_raw(copy, self.golden, self.dictionary, drawn)
        if not files:
            key = ", ".join(self.dictionary.key)
            return _InRaw(copy, [], f"no CSV or Parquet file of data/raw holds them by {key}")
        try:
            run(copy, WITH_GOLDEN, FIXED)
        except StepError as stopped:
            if stopped.step == "golden":
                return _InRaw(copy, files, f"it refuses exchanged rows ({stopped.what.rstrip('.')})")
            return _InRaw(copy, files, stopped=stopped)
        return _InRaw(copy, files, self._out_of_place(copy, drawn))

    def in_frozen(self, name: str, drawn: NDArray[np.int64]) -> Project:
        copy = self.reruns.copy(f"{name}-frozen")
        exchange_frozen(copy, self.golden, self.dictionary, drawn)
        shutil.copytree(self.reruns.plain.prepared, copy.prepared)
        run(copy, ["train"], FIXED)
        return copy

    def _out_of_place(self, copy: Project, drawn: NDArray[np.int64]) -> str:
        """Why the exchange proves nothing, although all steps ran; an empty text where it proves something."""
        now, then = without_grown(open_golden(copy), self.dictionary).rows, self.golden.rows
        group = self.dictionary.group
        if group and set(now[group].to_list()) != set(then[group].to_list()):
            return f"it makes `{group}` from other columns, which moved with the rows"
        moved = bool((drawn != np.arange(len(drawn))).any())
        if moved and now.height == then.height and now.sort(now.columns).equals(then.sort(then.columns)):
            return "it does not take them from data/raw"
        return ""


def _stops(stopped: StepError) -> Finding:
    return Finding(
        f"With the golden rows exchanged and nothing else, {stopped.step} stops: {stopped.what}",
        stopped.fix or FIX,
    )


def _difference(plain: Project, other: Project) -> str:
    """How the training rows or the model of `other` differ from those of `plain`; an empty text where they do not."""
    before, after = open_train(plain), open_train(other)
    if before.height != after.height:
        return f"prepare leaves {after.height:,} training rows instead of {before.height:,}"
    for name in before.columns:
        if count := int(before[name].ne_missing(after[name]).sum()):
            return f"load() in data.py gives {count:,} of {before.height:,} training rows another `{name}`"
    if (
        read_manifest(plain.candidate, "models/candidate").files
        == read_manifest(other.candidate, "models/candidate").files
    ):
        return ""
    first, second = (open_model(each.candidate, "models/candidate", each) for each in (plain, other))
    if first.manifest.features != second.manifest.features:
        return (
            f"features() gives other columns ({len(second.manifest.features)} instead of"
            f" {len(first.manifest.features)})"
        )
    # Other bytes may still be the same model: a format of the team's own may hold the time of day.
    x = matrix(Team.of(plain, load(plain.root)).features(before))
    x = np.concatenate([x[:MOST_ROWS], extremes(x)])
    apart = float(np.abs(first.score(x) - second.score(x)).max(initial=0.0))
    return "" if apart <= TOLERANCE else f"its scores on the training rows differ by up to {apart:.2g}"
