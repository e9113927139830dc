"""Scores in memory: above a number of rows the streaming engine judges them, and says what the exact one says."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import yaml
from numpy.typing import NDArray

from fearless.gate.findings import Report, Verdict
from fearless.gate.intervals import Array
from fearless.gate.policy import Policy, parse
from fearless.pipeline import judge_scores as judging
from fearless.pipeline import stream_scores
from fearless.pipeline.judge_scores import judge_scores

from .engines import BINARY, CLASSES, KINDS, REGRESSION, binary, classes, hold, regression

NAMES = ("red", "green", "blue")
SOUND = """\
version: 1
checks:
  - {metric: log_loss, max_rise: 0.1}
  - {metric: roc_auc, floor: 0.6, max_drop: 0.1}
slices: {by: [region], min_rows: 60, min_positives: 10}
"""


@dataclass(frozen=True)
class Given:
    """What the ordinary gate hands to the judge."""

    task: str
    policy: str
    rows: pl.DataFrame
    y: NDArray[Any]
    candidate: Any
    champion: Any
    baselines: dict[str, Any]
    more: dict[str, Any] = field(default_factory=dict)

    @property
    def asked(self) -> Policy:
        return parse(yaml.safe_load(self.policy))

    def judged(self, room: Path, most: int, block: int = 700, settled: bool = True) -> Report:
        """Judged where more than `most` rows are many; in doubt by the streaming engine alone, unless `settled`."""
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(judging, "MOST_EXACT_ROWS", most)
            patched.setattr(stream_scores, "BLOCK", block)
            if not settled:
                patched.setattr(judging, "doubtful", lambda _: [])
            return judge_scores(
                self.asked,
                self.task,
                self.y,
                self.candidate,
                self.champion,
                self.baselines,
                room=room,
                rows=self.rows,
                context={"toolkit": "0.0.0"},
                notes=["A note."],
                **self.more,
            )

    def both(self, room: Path, block: int = 700) -> tuple[Report, Report]:
        """By the exact engine and by the streaming one."""
        return self.judged(room, self.y.size), self.judged(room, 0, block, settled=False)


def of_binary(kind: str = "smooth", champion: bool = True, rows: int = 2500) -> Given:
    frame = binary(rows, 21, kind)
    y = frame["y_true"].to_numpy().astype(np.float64)
    weak = np.round(0.5 * frame["candidate"].to_numpy() + 0.1, 1)
    return Given(
        "binary",
        BINARY,
        frame,
        y,
        frame["candidate"].to_numpy(),
        frame["champion"].to_numpy() if champion else None,
        # What knows nothing learned its rate from other rows than these.
        {"constant": np.full(rows, 0.31), "one_feature": weak, "linear": weak[::-1].copy()},
    )


def of_regression(centre: float = 0.0) -> Given:
    frame = regression(2500, 22, centre)
    y = frame["y_true"].to_numpy()
    baselines = {
        "constant": np.full(len(y), centre + 0.2),
        "one_feature": 0.5 * (y + centre),
        "linear": y + np.sin(np.arange(len(y))),
    }
    candidate, champion = (frame[name].to_numpy() for name in ("candidate", "champion"))
    return Given("regression", REGRESSION, frame, y, candidate, champion, baselines)


def of_classes() -> Given:
    frame = classes(2500, 23)
    candidate, champion = (
        frame.select(f"{model}_{name}" for name in NAMES).to_numpy() for model in ("candidate", "champion")
    )
    baselines = {
        "constant": np.tile([0.2, 0.3, 0.5], (2500, 1)),
        "one_feature": np.asarray(0.5 * candidate + 0.5 / 3),
        "linear": champion,
    }
    y = frame["y_true"].to_numpy()
    return Given("multiclass", CLASSES, frame, y, candidate, champion, baselines, {"classes": NAMES})


def alike(exact: Report, streamed: Report, slack: float = 1e-9) -> None:
    hold(exact, streamed, slack)
    assert (exact.context["engine"], streamed.context["engine"]) == ("exact", "streaming")
    assert exact.context["toolkit"] == streamed.context["toolkit"] == "0.0.0"
    assert exact.notes[-1] == streamed.notes[-1] == "A note."
    assert any("the streaming engine" in note for note in streamed.notes)
    assert [model.name for model in streamed.models if model.role == "baseline"] == [
        "constant",
        "one_feature",
        "linear",
    ]


@pytest.mark.parametrize("champion", [True, False])
@pytest.mark.parametrize("kind", KINDS)
def test_probabilities_are_judged_alike_with_baselines_and_slices(
    tmp_path: Path, kind: str, champion: bool
) -> None:
    exact, streamed = of_binary(kind, champion).both(tmp_path)
    alike(exact, streamed, slack=1e-7 if kind in ("tiny", "near one") else 1e-9)
    assert exact.curves == streamed.curves
    assert exact.curves.keys() == {"roc", "reliability", "scores"}


@pytest.mark.parametrize("centre", [0.0, 1e7])
def test_numbers_are_judged_alike_however_far_they_are_from_0(tmp_path: Path, centre: float) -> None:
    exact, streamed = of_regression(centre).both(tmp_path)
    alike(exact, streamed, slack=1e-6)
    assert exact.curves.keys() == streamed.curves.keys() == {"reliability", "residuals"}


def test_several_classes_are_judged_alike(tmp_path: Path) -> None:
    alike(*of_classes().both(tmp_path))


@pytest.mark.parametrize("block", [1, 7, 2500, 4000])
def test_however_the_rows_fall_into_blocks_the_verdict_is_the_same(tmp_path: Path, block: int) -> None:
    alike(*of_binary(rows=300 if block == 1 else 2500).both(tmp_path, block))


@pytest.mark.parametrize("given", [replace(of_binary(), policy=SOUND), of_regression(), of_classes()])
def test_the_engine_goes_by_the_rows_and_leaves_nothing_behind(tmp_path: Path, given: Given) -> None:
    for most, engine in ((2500, "exact"), (2499, "streaming")):
        assert given.judged(tmp_path, most).context["engine"] == engine
        assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("champion", [True, False])
@pytest.mark.parametrize("kind", KINDS)
def test_no_verdict_rests_on_the_certified_error(tmp_path: Path, kind: str, champion: bool) -> None:
    given = of_binary(kind, champion)
    exact, many = given.judged(tmp_path, 2500), given.judged(tmp_path, 0)
    assert [(each.id, each.verdict) for each in many.checks] == [
        (each.id, each.verdict) for each in exact.checks
    ]
    assert (many.verdict, many.exit_code) == (exact.verdict, exact.exit_code)


def test_an_unchanged_model_is_not_worse_than_itself_in_any_part(tmp_path: Path) -> None:
    given = replace(of_binary("same"), policy=SOUND)
    found = given.judged(tmp_path, 0)
    assert (found.verdict, found.context["engine"]) == (Verdict.PASS, "streaming")


def test_where_the_certified_error_hides_whether_a_part_is_worse_it_is_judged_exactly(tmp_path: Path) -> None:
    given = replace(of_binary("same"), policy=SOUND)
    assert given.champion is not None
    nearly = given.champion * (1.0 - 1e-9 * (np.arange(len(given.y)) % 3))
    given = replace(given, candidate=nearly)
    doubted = given.judged(tmp_path, 0, settled=False)
    open_ = [each for each in doubted.checks if each.verdict is Verdict.INCONCLUSIVE]
    assert [each.id for each in open_] == ["roc_auc.slices.region"]
    assert "`--engine exact` settles it" in open_[0].sentence
    told = [each.sentence for each in doubted.slices if each.verdict is Verdict.INCONCLUSIVE]
    assert told
    assert all("perhaps worse" in each for each in told)
    settled = given.judged(tmp_path, 0)
    assert (settled.verdict, settled.context["engine"]) == (Verdict.PASS, "exact")
    assert settled.notes[-1] == (
        "All rows were held in memory and judged exactly: the certified error of the streaming engine hides how"
        " roc_auc.slices.region ends."
    )


def own(y: Array, scores: Array) -> Array:
    return np.asarray(np.abs(y - scores))


OWN = 'version: 1\nchecks:\n  - {metric: "a.b:c", direction: lower, max_rise: 0.1}\n'


@pytest.mark.parametrize(
    ("given", "hindrance"),
    [
        (replace(of_binary(), more={"groups": np.arange(2500) // 2}), "rows that belong together"),
        (replace(of_binary(), policy=OWN, more={"own": {"a.b:c": own}}), "the team's metric a.b:c"),
        (
            replace(of_classes(), policy="version: 1\nchecks:\n  - {metric: macro_f1, floor: 0.1}\n"),
            "the metric macro_f1",
        ),
    ],
)
def test_what_cannot_be_streamed_is_judged_in_memory_and_a_note_says_so(
    tmp_path: Path, given: Given, hindrance: str
) -> None:
    exact, held = given.both(tmp_path)
    assert held.context["engine"] == "exact"
    assert held.notes[-1] == f"All rows were held in memory: the streaming engine cannot judge {hindrance}."
    assert replace(held, notes=held.notes[:-1]) == exact
    assert exact.errors == []


def put(values: Array, value: float, at: int = 1000) -> Array:
    changed = values.copy()
    changed[at] = value
    return changed


B, R, C = of_binary(), of_regression(), of_classes()
ERRORS: dict[str, tuple[Given, str]] = {
    "one class": (replace(B, y=np.ones(2500)), "one class only"),
    "one value": (replace(R, y=np.ones(2500)), "one value only"),
    "one name": (replace(C, y=np.full(2500, "red")), "one class only (red)"),
    "a stranger": (replace(C, y=np.full(2500, "grey")), "the class `grey`"),
    "a single row of one class": (replace(B, y=put(np.zeros(2500), 1.0)), "a single row of one class"),
    "a target that is missing": (replace(B, y=put(B.y, np.nan)), "missing or infinite in 1 of 2,500 rows"),
    "a target that is 2": (replace(B, y=put(B.y, 2.0)), "must be 0 or 1"),
    "two columns of target": (replace(B, y=np.ones((2500, 2))), "must be one column"),
    "NaN": (replace(B, champion=put(B.champion, np.nan)), "The champion gave NaN or infinity for 1 of 2,500"),
    "infinity": (replace(R, candidate=put(R.candidate, np.inf)), "The candidate gave NaN or infinity"),
    "no probability": (replace(B, candidate=put(B.candidate, 1.5)), "a probability lies within 0..1"),
    "no distribution": (replace(C, candidate=C.candidate * 0.9), "add up to 1"),
    "too few scores": (replace(B, candidate=B.candidate[1:]), "have shape (2499,)"),
    "too few of a baseline": (
        replace(B, baselines={**B.baselines, "linear": np.zeros(3)}),
        "the scores of the linear have shape (3,)",
    ),
    "too few classes": (replace(C, champion=C.champion[:, 1:]), "have shape (2500, 2)"),
    "texts": (replace(B, candidate=np.full(2500, "high")), "must be numbers"),
    "no baseline": (replace(B, baselines={"constant": B.baselines["constant"]}), "baseline one_feature"),
    "no column": (replace(B, rows=B.rows.drop("plan")), "the golden data has no column `plan`"),
    "rows of another set": (replace(B, rows=B.rows.head(2400)), "2,500 rows and the slices by region 2,400"),
    "a metric of another task": (replace(B, policy=REGRESSION), "`mse` judges regression targets"),
    "nothing but a champion's checks": (
        replace(
            B, champion=None, policy="version: 1\nchecks: [{metric: f1, max_drop: 0.1}]\nbaselines: []\n"
        ),
        "There is no champion yet",
    ),
    "calibration of numbers": (
        replace(R, policy=REGRESSION + "calibration: {ece_max: 0.1}\n"),
        "calibration: is for probabilities",
    ),
    "scores that are too large": (replace(R, candidate=R.candidate * 1e200), "far too large"),
    "a score that is too large": (replace(R, candidate=put(R.candidate, 1e300)), "far too large"),
}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("case", ERRORS)
def test_what_cannot_be_judged_is_the_same_sentence_of_both_engines(tmp_path: Path, case: str) -> None:
    given, said = ERRORS[case]
    exact, streamed = given.both(tmp_path)
    assert (exact.verdict, streamed.verdict) == (Verdict.ERROR, Verdict.ERROR)
    assert said in " ".join(exact.errors)
    assert exact.errors == streamed.errors
    assert streamed.checks == []


def test_a_column_with_too_many_levels_is_refused_alike(tmp_path: Path) -> None:
    given = replace(B, rows=B.rows.with_columns(plan=pl.int_range(2500)))
    exact, streamed = given.both(tmp_path)
    assert exact.errors == streamed.errors
    assert "`plan` has 2,500 levels in the golden data" in exact.errors[0]
