"""Two engines, one result: what the streaming engine says is what the exact one says, within the bound it certifies."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from fearless.gate import bins as bins_of_gate
from fearless.gate.bins import ERRORS, Binned, Bins, Told, auc_errors, average_precision_errors
from fearless.gate.blocks import Blocks
from fearless.gate.findings import Check, Report, Verdict
from fearless.gate.intervals import Array, Measured, interval, ratio, scaled
from fearless.gate.metrics import METRICS
from fearless.gate.wording import SETTLED
from fearless.pipeline import judge_predictions as judging
from fearless.pipeline import stream_predictions as streaming
from fearless.pipeline.judge_predictions import Asked, judge_predictions

from .engines import BINARY, CLASSES, KINDS, RANKED, REGRESSION, binary, classes, hold, regression, same

Plant = Callable[[pytest.MonkeyPatch], None]


def both(
    folder: Path, rows: pl.DataFrame, policy: str, block: int = 700, **more: Any
) -> tuple[Report, Report]:
    """The same file judged by the exact and by the streaming engine, in several blocks."""
    rows.write_parquet(folder / "scores.parquet")
    (folder / "policy.yaml").write_text(policy)
    found = []
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(streaming, "READ", 2 * block)
        patched.setattr(streaming, "BLOCK", block)
        for engine in ("exact", "streaming"):
            asked = Asked(
                folder / "scores.parquet", folder / "policy.yaml", engine=engine, room=folder, **more
            )
            found.append(judge_predictions(asked))
    return found[0], found[1]


@pytest.mark.parametrize("champion", [True, False])
@pytest.mark.parametrize("kind", KINDS)
def test_a_binary_file_is_judged_alike(tmp_path: Path, kind: str, champion: bool) -> None:
    exact, streamed = both(tmp_path, binary(2500, 3, kind, champion), BINARY)
    hold(exact, streamed, slack=1e-7 if kind in ("tiny", "near one") else 1e-9)
    assert streamed.curves.keys() == exact.curves.keys() == {"roc", "reliability", "scores"}
    assert streamed.curves == exact.curves
    assert streamed.context["engine"] == "streaming"
    assert "certified" in " ".join(streamed.notes)


@given(
    rows=st.integers(200, 1500),
    seed=st.integers(0, 10_000),
    kind=st.sampled_from(KINDS),
    block=st.integers(64, 900),
)
@settings(max_examples=12, deadline=None)
def test_however_the_rows_fall_into_blocks_the_result_is_within_the_certified_bound(
    tmp_path_factory: pytest.TempPathFactory, rows: int, seed: int, kind: str, block: int
) -> None:
    exact, streamed = both(tmp_path_factory.mktemp("rows"), binary(rows, seed, kind), BINARY, block)
    hold(exact, streamed, slack=1e-6)


@pytest.mark.parametrize("centre", [0.0, 1e7])
def test_a_regression_is_judged_alike_however_far_its_target_is_from_0(tmp_path: Path, centre: float) -> None:
    exact, streamed = both(tmp_path, regression(2500, 4, centre), REGRESSION)
    hold(exact, streamed, slack=1e-6)
    assert streamed.curves.keys() == exact.curves.keys()


@pytest.mark.parametrize(
    "checks",
    [
        "{metric: roc_auc, max_drop: 0.01}",
        "{metric: accuracy, max_drop: 0.01}",
        "{metric: primary, min_skill: 0.05}",
        "{metric: average_precision, floor: 0.2}",
    ],
)
def test_a_policy_of_one_line_is_judged_alike(tmp_path: Path, checks: str) -> None:
    policy = f"version: 1\nchecks:\n  - {checks}\n"
    rows = binary(1500, 12, "smooth")
    hold(*both(tmp_path, rows, policy, task="binary"))
    hold(*both(tmp_path, rows, policy + "slices: {by: [plan], min_rows: 60}\n", task="binary"))
    hold(*both(tmp_path, rows, policy + "floor_mode: point\n", task="binary"))


def test_columns_with_too_many_levels_to_be_crossed_at_once_are_judged_alike(tmp_path: Path) -> None:
    draw = np.random.default_rng(13)
    names = ["shop", "day", "seller"]
    rows = binary(4000, 13, "smooth").with_columns(
        pl.Series(name, [f"{name} {at}" for at in draw.integers(0, 60, 4000)]) for name in names
    )
    lines = "{metric: log_loss, max_rise: 0.1}\n  - {metric: roc_auc, max_drop: 0.1}\n  - {metric: f1, max_drop: 0.1}"
    policy = f"version: 1\nchecks:\n  - {lines}\nslices: {{by: [shop, day, seller], min_rows: 20, min_positives: 10}}\n"
    hold(*both(tmp_path, rows, policy))


def test_a_column_may_be_called_as_what_the_engine_keeps_of_its_own(tmp_path: Path) -> None:
    for name in ("y", "bin of candidate", "level of region"):
        rows = binary(1500, 15, "smooth").rename({"plan": name})
        hold(*both(tmp_path, rows, BINARY.replace("plan", name)))


def test_several_classes_are_judged_alike(tmp_path: Path) -> None:
    hold(*both(tmp_path, classes(2500, 5), CLASSES))


def test_what_the_certified_error_hides_is_neither_passed_nor_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = "{metric: log_loss, max_rise: 0.1}\n  - {metric: roc_auc, floor: 0.6, max_drop: 0.1}"
    policy = f"version: 1\nchecks:\n  - {lines}\nslices: {{by: [region], min_rows: 60, min_positives: 10}}\n"
    _, known = both(tmp_path, binary(2500, 14, "smooth"), policy)
    assert {each.verdict for each in known.checks} == {Verdict.PASS}
    monkeypatch.setitem(ERRORS, "roc_auc", lambda *_: (0.5, 0.0))  # as if all that is known were the classes
    _, doubtful = both(tmp_path, binary(2500, 14, "smooth"), policy)
    for check in doubtful.checks:
        open_ = check.metric == "roc_auc"
        assert check.verdict is (Verdict.INCONCLUSIVE if open_ else Verdict.PASS), check.sentence
    ids = {check.id for check in doubtful.checks if check.verdict is Verdict.INCONCLUSIVE}
    assert ids == {"roc_auc.floor", "roc_auc.max_drop", "roc_auc.slices.region"}


def checks_of(report: Report) -> dict[str, Check]:
    return {each.id: each for each in report.checks}


def test_a_margin_that_the_certified_error_hides_is_not_failed_where_the_drop_is_sure(tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    rows = binary(1500, 0, "smooth")
    rows = rows.with_columns(candidate=pl.Series(0.6 * rows["champion"].to_numpy() + 0.4 * draw.random(1500)))

    def policy(limit: float) -> str:
        return f"version: 1\nbaselines: []\nchecks:\n  - {{metric: average_precision, max_drop: {limit!r}}}\n"

    exact, streamed = (each.checks[0].estimate for each in both(tmp_path, rows, policy(0.5)))
    assert exact is not None
    assert streamed is not None
    assert streamed.lower < exact.lower < exact.upper <= streamed.upper < 0
    exact_report, streamed_report = both(tmp_path, rows, policy(-(exact.lower + streamed.lower) / 2))
    assert (exact_report.verdict, streamed_report.verdict) == (Verdict.PASS, Verdict.INCONCLUSIVE)
    assert SETTLED in streamed_report.checks[0].sentence
    beyond = policy(-exact.upper)  # surely worse, and by more than the margin
    assert [each.verdict for each in both(tmp_path, rows, beyond)] == [Verdict.FAIL, Verdict.FAIL]


def test_a_drop_that_is_sure_among_several_is_told_as_hidden_where_it_is_not_sure_in_bins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = "{metric: roc_auc, max_drop: 0.001}\n  - {metric: log_loss, max_rise: 0.001}"
    policy = f"version: 1\nbaselines: []\nchecks:\n  - {lines}\n"
    rows, draw = binary(1500, 1, "smooth"), np.random.default_rng(1)
    score = rows["champion"].to_numpy()
    # The champion is far too sure of itself, so that nothing but its ranks is better.
    sure = score**4 / (score**4 + (1 - score) ** 4)
    rows = rows.with_columns(
        candidate=pl.Series(0.7 * score + 0.3 * draw.random(1500)), champion=pl.Series(sure)
    )
    exact, _ = both(tmp_path, rows, policy)
    known, other = checks_of(exact)["roc_auc.max_drop"], checks_of(exact)["log_loss.max_rise"]
    assert (known.verdict, other.verdict) == (Verdict.FAIL, Verdict.PASS)
    assert known.estimate is not None
    # By itself the drop is sure in bins too; as one of two it is not.
    error = -known.estimate.value - 1.8 * known.estimate.standard_error
    monkeypatch.setitem(ERRORS, "roc_auc", lambda *_: (error / 2, 0.0))
    _, streamed = both(tmp_path, rows, policy)
    found = checks_of(streamed)["roc_auc.max_drop"]
    assert found.verdict is Verdict.INCONCLUSIVE
    assert found.estimate is not None
    assert found.estimate.upper < 0
    assert SETTLED in found.sentence


@pytest.mark.parametrize("metric", RANKED)
def test_a_measured_number_that_bins_hide_beside_its_floor_says_so(tmp_path: Path, metric: str) -> None:
    rows = binary(1500, 2, "smooth")

    def policy(floor: float) -> str:
        return f"version: 1\nfloor_mode: point\nbaselines: []\nchecks:\n  - {{metric: {metric}, floor: {floor!r}}}\n"

    exact, _ = both(tmp_path, rows, policy(0.1))
    assert exact.checks[0].estimate is not None
    exact, streamed = both(tmp_path, rows, policy(exact.checks[0].estimate.value))
    assert (exact.verdict, streamed.verdict) == (Verdict.PASS, Verdict.INCONCLUSIVE)
    assert SETTLED in streamed.checks[0].sentence


def test_a_constant_candidate_has_exactly_the_area_of_knowing_nothing(tmp_path: Path) -> None:
    policy = "version: 1\nbaselines: []\nchecks:\n  - {metric: roc_auc, floor: 0.5}\n"
    exact, streamed = both(tmp_path, binary(905, 1, "constant"), policy)
    assert (exact.verdict, streamed.verdict) == (Verdict.PASS, Verdict.PASS)
    same(exact.checks[0].estimate, streamed.checks[0].estimate, 1e-15)


@pytest.mark.parametrize(
    ("task", "name"),
    [
        ("binary", "linear"),
        ("regression", "linear"),
        ("multiclass", "linear"),
        ("binary", "constant"),
        ("multiclass", "constant"),
    ],
)
def test_a_candidate_that_says_what_a_baseline_says_fails_beside_it(
    tmp_path: Path, task: str, name: str
) -> None:
    kinds = {"binary": binary(2000, 3, "smooth"), "regression": regression(2000, 3, 0.0)}
    rows = kinds.get(task, classes(2000, 3))
    policy = "version: 1\nbaselines: [constant, linear]\nchecks:\n  - {metric: primary, max_rise: 9}\n"
    candidate = [each for each in rows.columns if each.startswith("candidate")]
    rows = rows.with_columns(pl.col(each).alias(each.replace("candidate", "linear")) for each in candidate)
    if name == "constant":
        said = {each: pl.col("y_true").mean() for each in candidate[:1]}
        if task == "multiclass":
            said = {each: (pl.col("y_true") == each.removeprefix("candidate_")).mean() for each in candidate}
        rows = rows.with_columns(**said)
    reports = both(tmp_path, rows, policy, task=task)
    for report in reports:
        (check,) = [each for each in report.checks if each.against == name]
        assert check.verdict is Verdict.FAIL, check


@pytest.mark.parametrize("other", ["linear", "champion"])
def test_a_difference_that_is_nothing_but_rounding_has_the_same_bounds(tmp_path: Path, other: str) -> None:
    rows = binary(2500, 4, "smooth").with_columns(
        pl.col("candidate").cast(pl.Float32).cast(pl.Float64).alias(other)
    )
    policy = "version: 1\nbaselines: [linear]\nchecks:\n  - {metric: log_loss, max_rise: 0.01}\n"
    exact, streamed = both(tmp_path, rows, policy)
    for one, too in zip(exact.checks, streamed.checks, strict=True):
        if one.against == other:
            assert one.estimate is not None
            assert too.estimate is not None
            assert too.estimate.standard_error == pytest.approx(one.estimate.standard_error, rel=1e-4, abs=0)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("kind", ["smooth", "rounded", "sorted"])
def test_a_large_file_is_judged_alike(tmp_path: Path, kind: str, seed: int) -> None:
    exact, streamed = both(tmp_path, binary(400_000, seed, kind), BINARY, 1 << 17)
    hold(exact, streamed)
    for check, too in zip(exact.checks, streamed.checks, strict=True):
        if check.metric in RANKED and check.kind == "champion" and check.estimate and too.estimate:
            width = check.estimate.upper - check.estimate.lower
            assert too.estimate.upper - too.estimate.lower < 1.3 * width  # certified, and still of use


@pytest.mark.parametrize(
    ("policy", "options", "said"),
    [
        (BINARY, {"group": "region"}, "rows that belong together"),
        (
            'version: 1\nchecks:\n  - {metric: "a.b:c", direction: higher, floor: 1}\n',
            {},
            "the team's metric a.b:c",
        ),
    ],
)
def test_what_the_streaming_engine_cannot_do_is_said_and_never_skipped(
    tmp_path: Path, policy: str, options: dict[str, Any], said: str
) -> None:
    _, streamed = both(tmp_path, binary(600, 6, "smooth"), policy, task="binary", **options)
    assert streamed.verdict is Verdict.ERROR
    assert f"The streaming engine cannot judge {said}." in streamed.errors[0]


def test_macro_f1_stays_with_the_exact_engine_and_auto_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    classes(600, 7).write_parquet(tmp_path / "scores.parquet")
    (tmp_path / "policy.yaml").write_text("version: 1\nchecks:\n  - {metric: macro_f1, floor: 0.1}\n")
    monkeypatch.setattr(judging, "MOST_EXACT_ROWS", 100)
    report = judge_predictions(Asked(tmp_path / "scores.parquet", tmp_path / "policy.yaml", room=tmp_path))
    assert (report.verdict, report.context["engine"]) == (Verdict.PASS, "exact")
    assert "the streaming engine cannot judge the metric macro_f1" in " ".join(report.notes)


def test_auto_goes_by_the_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    binary(600, 8, "smooth").write_parquet(tmp_path / "scores.parquet")
    (tmp_path / "policy.yaml").write_text(BINARY)
    for most, held, engine in ((600, 0, "exact"), (599, 0, "streaming"), (599, 600, "exact")):
        monkeypatch.setattr(judging, "MOST_EXACT_ROWS", most)
        monkeypatch.setattr(judging, "MOST_HELD_ROWS", held)
        report = judge_predictions(
            Asked(tmp_path / "scores.parquet", tmp_path / "policy.yaml", room=tmp_path)
        )
        assert report.context["engine"] == engine
    # On so few rows the bins hide much: the last one was held in memory for that.
    assert "judged exactly: the certified error of the streaming engine hides" in report.notes[-1]


@pytest.mark.parametrize(
    ("column", "at", "value", "said"),
    [
        ("y_true", 1000, 2, "row 1,001: `y_true` is 2"),
        ("candidate", 1000, 1.5, "row 1,001: `candidate` is 1.5"),
        ("champion", 1000, None, "row 1,001: `champion` is missing"),
    ],
)
def test_a_bad_row_of_a_later_block_is_named_by_its_place_in_the_file(
    tmp_path: Path, column: str, at: int, value: Any, said: str
) -> None:
    rows = binary(1500, 9, "smooth")
    values = rows[column].to_list()
    values[at] = value
    _, streamed = both(tmp_path, rows.with_columns(pl.Series(column, values, strict=False)), BINARY)
    assert (streamed.verdict, len(streamed.errors)) == (Verdict.ERROR, 1)
    assert said in streamed.errors[0]


def test_a_row_that_is_there_twice_is_found_in_another_block(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streaming, "IDS_AT_ONCE", 400)
    rows = binary(1500, 10, "smooth").with_columns(row_id=pl.int_range(1500))
    hold(*both(tmp_path, rows, BINARY))
    twice = rows.with_columns(row_id=pl.when(pl.col("row_id") == 1400).then(3).otherwise("row_id"))
    _, streamed = both(tmp_path, twice, BINARY)
    assert "has the `row_id` 3 in 2 rows" in streamed.errors[0]


@pytest.mark.parametrize(
    "ids", [[[at] for at in range(600)], [{"a": at % 9} for at in range(600)], [b"a"] * 600]
)
def test_ids_that_tell_no_rows_apart_are_an_error_of_both(tmp_path: Path, ids: list[Any]) -> None:
    rows = binary(600, 11, "smooth").with_columns(row_id=pl.Series(ids))
    for report in both(tmp_path, rows, BINARY):
        assert "scores.parquet: `row_id` holds " in report.errors[0]
        assert "tells no rows apart. Write the ids as numbers or texts." in report.errors[0]


def test_the_id_of_one_model_alone_may_be_a_slice_and_is_no_id_of_a_row(tmp_path: Path) -> None:
    rows = binary(1500, 15, "smooth").rename({"plan": "candidate_row_id"})
    hold(*both(tmp_path, rows, BINARY.replace("plan", "candidate_row_id"), task="binary"))
    hold(*both(tmp_path, rows, BINARY.replace(", plan", ""), task="binary"))


def test_a_part_in_which_both_say_the_same_is_no_worse_where_its_worth_cancels(tmp_path: Path) -> None:
    # 4 - 2 - 2 and 0.5 + 0.5 - 1, eight times
    answers = {"y_true": [1, 1, 1, 0, 0, 0] * 8, "candidate": [0.7, 0.3, 0.3, 0.3, 0.3, 0.7] * 8}
    north = pl.DataFrame({**answers, "champion": answers["candidate"], "region": "north"})
    draw = np.random.default_rng(18)
    y = draw.integers(0, 2, 301)
    south = pl.DataFrame(
        {"y_true": y.tolist(), "candidate": draw.random(301), "champion": draw.random(301), "region": "south"}
    )
    policy = """\
version: 1
checks:
  - {metric: value, max_drop: 3}
baselines: []
value: {currency: EUR, per: row, true_positive: 4, false_positive: -1, false_negative: -2, true_negative: 0.5}
slices: {by: [region], min_rows: 20, min_positives: 10}
"""
    for report in both(tmp_path, pl.concat([north, south]), policy):
        (part,) = [each for each in report.slices if each.level == "north" and each.metric == "value"]
        assert part.verdict is Verdict.PASS, part


def test_one_class_only_is_an_error_of_both(tmp_path: Path) -> None:
    for report in both(tmp_path, binary(600, 11, "smooth").with_columns(y_true=pl.lit(1)), BINARY):
        assert "one class only" in report.errors[0]


ORDERS = ["luck", "best", "worst"]


@given(
    seed=st.integers(0, 10_000),
    rows=st.integers(8, 400),
    distinct=st.integers(1, 400),
    about=st.sampled_from([1, 2, 5, 30, 300]),
    shift=st.integers(0, 2),
    order=st.sampled_from(ORDERS),
)
@settings(max_examples=100, deadline=None)
def test_value_and_influences_of_ranks_are_within_the_certified_errors(
    seed: int, rows: int, distinct: int, about: int, shift: int, order: str
) -> None:
    assert violations(seed, rows, distinct, about, shift, order) == []


def orders(positives: int, negatives: int) -> Iterator[list[tuple[int, int]]]:
    """Every order of some rows, from the highest score down: how many of each class share each score."""
    if positives == negatives == 0:
        yield []
    for p, q in product(range(positives + 1), range(negatives + 1)):
        if p + q:
            for rest in orders(positives - p, negatives - q):
                yield [(p, q), *rest]


@pytest.mark.parametrize("metric", RANKED)
def test_no_order_within_a_bin_is_further_off_than_is_certified(metric: str) -> None:
    by_rank = METRICS[metric].ranked
    assert by_rank is not None
    for p, q, p_above, q_above in product((1, 2, 3), (1, 2, 4), (0, 1, 3), (0, 1, 3)):
        counts = np.array([[1, 1], [q, p], [q_above, p_above]])
        ranks = Binned(counts, np.array([False, True, False]))
        if min(ranks.positives, ranks.rows - ranks.positives) < 2:
            continue
        most, binned = ERRORS[metric](ranks), by_rank(ranks, None)
        for order in orders(p, q):
            # From the highest score down: what is above, the rows of the bin in this order, what is below.
            scored = [(p_above, q_above), *order, (1, 1)]
            at_bin = np.array([2, *[1] * len(order), 0])
            y = np.concatenate([np.repeat([1.0, 0.0], each) for each in scored])
            score = np.repeat(-np.arange(len(scored)), [sum(each) for each in scored]).astype(np.float64)
            exact = METRICS[metric].measure(y, score)
            influence = binned.influence[2 * at_bin[(-score).astype(int)] + (y > 0.5)]
            off = abs(binned.value - exact.value), float(np.linalg.norm(influence - exact.influence))
            assert off[0] <= most[0] + 1e-12, (counts, order)
            assert off[1] <= most[1] + 1e-12, (counts, order)


def violations(seed: int, rows: int, distinct: int, about: int, shift: int, order: str) -> list[str]:
    """Which of the certified errors are exceeded, on rows that come in two blocks.

    In the best order every positive row scores higher than every negative one, in the worst it is the other way round:
    what the bins then hide is as much as can be hidden. `shift` makes one bin of 2^shift neighbours.
    """
    draw = np.random.default_rng(seed)
    scores = np.round(draw.beta(0.5, 1.5, rows) * distinct) / distinct
    y = (draw.random(rows) < 0.2 + 0.6 * scores).astype(np.float64)
    y[:4] = [0, 0, 1, 1]
    if order != "luck":
        y = np.sort(y)[np.argsort(np.argsort(scores if order == "best" else -scores))]
    bins = Bins.of(y[::2], scores[::2], about)
    told, fine = Told(bins.count), bins(scores)
    told.add(fine[: rows // 2], scores[: rows // 2])
    told.add(fine[rows // 2 :], scores[rows // 2 :])
    count, at = (bins.count - 1 >> shift) + 1, fine >> shift
    counts = np.bincount(2 * at + (y > 0.5), minlength=2 * count).reshape(-1, 2)
    ranks = Binned(counts, told.merged(shift))
    found = []
    for name in RANKED:
        by_rank = METRICS[name].ranked
        assert by_rank is not None
        exact, binned = METRICS[name].measure(y, scores), by_rank(ranks, None)
        influence = binned.influence[2 * at + (y > 0.5)]
        apart = abs(binned.value - exact.value), float(np.linalg.norm(influence - exact.influence))
        for what, off, most in zip(("value", "influences"), apart, ERRORS[name](ranks), strict=True):
            if off > most + 1e-9:
                found.append(f"{name}: {what} off by {off:.6g}, and at most {most:.6g} was certified")
    return found


def sure_violations() -> list[str]:
    """Of the same cases every time: bins of one score and of many, in every order."""
    return [
        each
        for seed in range(4)
        for rows, distinct, about in ((40, 400, 1), (60, 7, 5), (150, 400, 5), (300, 400, 30), (40, 3, 1))
        for shift in (0, 2)
        for order in ORDERS
        for each in violations(seed, rows, distinct, about, shift, order)
    ]


def too_small(name: str, value: float, influences: float) -> Plant:
    """The certified errors of a metric, each by a factor."""
    known = ERRORS[name]

    def plant(patched: pytest.MonkeyPatch) -> None:
        def errors(ranks: Binned) -> tuple[float, float]:
            of_value, of_influences = known(ranks)
            return value * of_value, influences * of_influences

        patched.setitem(ERRORS, name, errors)

    return plant


def concave_on_the_wrong_side(patched: pytest.MonkeyPatch) -> None:
    """It is the worst order of a bin that is concave and counts half; here it is the best one."""

    def errors(ranks: Binned) -> tuple[float, float]:
        p, above = ranks.tied, ranks.positives - ranks.below - ranks.tied
        rows_above = ranks.rows - ranks.starts - ranks.sizes
        precision = (above + p) / (rows_above + ranks.sizes)
        hides = ranks.hides & (p > 0)
        lowest = np.where(hides, (above + 1) / (rows_above + ranks.sizes - p + 1), precision)
        highest = np.where(hides, (above + p) / np.maximum(rows_above + p, 1), precision)
        best, worst = float(np.sum(p * (highest - precision))), float(np.sum(p * (precision - lowest)))
        return max(best / 2, worst) / ranks.positives, average_precision_errors(ranks)[1]

    patched.setitem(ERRORS, "average_precision", errors)


def own_bin_left_out(patched: pytest.MonkeyPatch) -> None:
    def summed(_hides: NDArray[np.bool_], taken: Array, low: Array, high: Array) -> Array:
        apart = np.maximum(high - taken, taken - low)
        return np.asarray(np.cumsum(apart) - apart)

    patched.setattr(bins_of_gate, "_summed", summed)


def pairs_of_one_class_left_out(patched: pytest.MonkeyPatch) -> None:
    def errors(ranks: Binned) -> tuple[float, float]:
        up = ranks.tied[ranks.hides]
        down = ranks.sizes[ranks.hides] - up
        m, n = ranks.positives, ranks.rows - ranks.positives
        of_positive = float(np.sum(up * np.square(down / (2 * n)))) / (m * (m - 1))
        return auc_errors(ranks)[0], math.sqrt(of_positive)

    patched.setitem(ERRORS, "roc_auc", errors)


def several_scores_never_seen(patched: pytest.MonkeyPatch) -> None:
    known = Told.add

    def add(told: Told, at: NDArray[np.int64], scores: Array) -> None:
        known(told, at, scores)
        told.mixed[:] = False

    patched.setattr(Told, "add", add)


def first_block_forgotten(patched: pytest.MonkeyPatch) -> None:
    known = Told.add

    def add(told: Told, at: NDArray[np.int64], scores: Array) -> None:
        alone = Told(len(told.mixed))
        known(alone, at, scores)
        known(told, at[alone.mixed[at]], scores[alone.mixed[at]])

    patched.setattr(Told, "add", add)


def neighbours_forgotten(patched: pytest.MonkeyPatch) -> None:
    def merged(told: Told, shift: int) -> NDArray[np.bool_]:
        return np.asarray(np.logical_or.reduceat(told.mixed, np.arange(0, len(told.mixed), 1 << shift)))

    patched.setattr(Told, "merged", merged)


def test_none_of_the_sure_cases_exceeds_what_is_certified() -> None:
    assert sure_violations() == []


@pytest.mark.parametrize(
    ("metric", "plant"),
    [
        ("average_precision: value", too_small("average_precision", 0.9, 1)),
        ("average_precision: influences", too_small("average_precision", 1, 0.5)),
        ("average_precision: value", concave_on_the_wrong_side),
        ("average_precision: influences", own_bin_left_out),
        ("roc_auc: value", too_small("roc_auc", 0.9, 1)),
        ("roc_auc: influences", too_small("roc_auc", 1, 0.9)),
        ("roc_auc: influences", pairs_of_one_class_left_out),
        ("average_precision: value", several_scores_never_seen),
        ("roc_auc: value", several_scores_never_seen),
        ("average_precision: value", first_block_forgotten),
        ("roc_auc: value", first_block_forgotten),
        ("average_precision: value", neighbours_forgotten),
        ("roc_auc: value", neighbours_forgotten),
    ],
)
def test_a_fault_in_the_certified_error_or_in_the_flag_of_mixed_bins_is_found(
    metric: str, plant: Plant
) -> None:
    with pytest.MonkeyPatch.context() as patched:
        plant(patched)
        found = sure_violations()
    assert [each for each in found if each.startswith(metric)]


@given(scores=st.lists(st.floats(0, 1), min_size=2, max_size=200), seed=st.integers(0, 100))
@settings(max_examples=100, deadline=None)
def test_bins_keep_the_order_of_the_scores(scores: list[float], seed: int) -> None:
    values = np.sort(np.array(scores))
    sample = np.random.default_rng(seed).choice(values, size=max(len(values) // 2, 1))
    bins = Bins.of(np.zeros(len(sample)), sample, 50)
    at = bins(values)
    assert (np.diff(at) >= 0).all()
    assert at.min() >= 0
    assert at.max() < bins.count
    assert bins(np.array([-0.0]))[0] == bins(np.array([0.0]))[0]


@given(seed=st.integers(0, 10_000), noise=st.floats(0, 0.2))
@settings(max_examples=60, deadline=None)
def test_certified_errors_travel_through_ratios_and_differences(seed: int, noise: float) -> None:
    draw = np.random.default_rng(seed)

    def pair() -> tuple[Measured, Measured]:
        value, influence = float(draw.uniform(1, 2)), draw.normal(size=5) * 0.1
        off, moved = float(draw.uniform(-noise, noise)), draw.normal(size=5) * noise * 0.01
        told = Measured(value + off, influence + moved, 40, abs(off), float(np.linalg.norm(moved)))
        return Measured(value, influence, 40), told

    (top, top_told), (bottom, bottom_told) = pair(), pair()
    exact, told = scaled(ratio(top, bottom), -1.0, 1.0), scaled(ratio(top_told, bottom_told), -1.0, 1.0)
    assert abs(exact.value - told.value) <= told.value_error + 1e-12
    assert float(np.linalg.norm(exact.influence - told.influence)) <= told.influence_error + 1e-12
    one, other = interval(exact, 0.95), interval(told, 0.95)
    assert other.lower - 1e-12 <= one.lower
    assert one.upper <= other.upper + 1e-12


def test_arrays_come_back_from_the_disk_as_they_went(tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    with Blocks(tmp_path) as blocks:
        kept: list[dict[str, NDArray[Any]]] = []
        for rows in (5, 1, 1000):
            block: dict[str, NDArray[Any]] = {
                "a": draw.random(rows),
                "b": draw.integers(0, 9, rows).astype(np.uint8),
                "c": draw.random((rows, 3)),
            }
            blocks.append(block)
            kept.append(block)
        blocks.add(1, "a", np.array([7.0]))
        kept[1]["a"] = np.array([7.0])
        assert [blocks.rows(at, "c") for at in range(3)] == [5, 1, 1000]
        for at, block in enumerate(kept):
            for name, array in block.items():
                assert np.array_equal(blocks.read(at, name), array)
                assert blocks.read(at, name).dtype == array.dtype
    assert list(tmp_path.iterdir()) == []
    assert math.isfinite(kept[0]["a"].sum())
