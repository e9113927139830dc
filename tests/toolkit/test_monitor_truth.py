"""Truth: labels that came later are tied, counted and named; what they prove is said with the gate's own metrics."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from scipy import stats
from sklearn.metrics import log_loss, roc_auc_score

from fearless.core.errors import FearlessError
from fearless.gate.intervals import Interval
from fearless.gate.policy import parse
from fearless.monitor.labels import read_labels
from fearless.monitor.profile import Estimate, make_profile
from fearless.monitor.truth import loss, measure
from fearless.monitor.watch import monitor, truth

from .conftest import Tree
from .watched import NOW, drawn, labels_file, ledger, model, serve

QUARTER = timedelta(days=90)


def measured(tree: Tree, file: Path, since: timedelta = QUARTER) -> dict[str, Any]:
    report = truth(tree.project, file, since, NOW)
    json.dumps(report, allow_nan=False)
    return report


def said(report: dict[str, Any]) -> list[str]:
    return [each["what"] for each in report["findings"]]


def test_a_model_that_is_as_good_as_on_golden_data_is_healthy_with_the_gates_own_figures(tree: Tree) -> None:
    scorer, rows = model(tree), drawn(2000, 5)
    ids = serve(tree, scorer, rows)
    report = measured(tree, labels_file(tree, ids, rows["left"].to_list(), labelled_at=["2026-06-30"] * 2000))
    assert (report["verdict"], report["exit_code"], report["findings"]) == ("HEALTHY", 0, [])
    found = report["models"][0]["truth"]
    y = rows["left"].to_numpy().astype(float)
    joined = ledger(tree).joined()
    scores = joined["score"].to_numpy()
    assert (joined["truth"].to_numpy() == y).all()
    assert found["metrics"]["log_loss"]["value"] == pytest.approx(log_loss(y, scores), rel=1e-6)
    assert found["metrics"]["roc_auc"]["value"] == pytest.approx(roc_auc_score(y, scores), rel=1e-6)
    assert found["metrics"]["roc_auc"]["lower"] < found["metrics"]["roc_auc"]["value"]
    assert (found["predictions"], found["labelled"], found["coverage"]) == (2000, 2000, 1.0)
    held = {(each["metric"], each["rule"]): each["state"] for each in found["held"]}
    assert len(held) == 4
    assert held["log_loss", "min_skill"] == held["roc_auc", "floor"] == held["roc_auc", "golden"] == "kept"
    assert held["log_loss", "max_skill_drop"] in (
        "kept",
        "open",
    )  # whether the margin is proven, the rows decide
    assert report["labels"] == {
        "rows": 2000,
        "added": 2000,
        "corrected": 0,
        "repeated": 0,
        "rejected": 0,
        "reasons": {},
        "rejects": [],
    }


def test_a_world_that_changed_its_mind_is_a_breach_of_the_floor_and_of_what_golden_data_promised(
    tree: Tree,
) -> None:
    scorer, rows = model(tree), drawn(2000, 5)
    ids = serve(tree, scorer, rows)
    flipped = np.where(np.arange(2000) % 3 == 0, ~rows["left"].to_numpy(), rows["left"].to_numpy())
    report = measured(tree, labels_file(tree, ids, flipped.tolist()))
    assert (report["verdict"], report["exit_code"]) == ("BREACH", 1)
    assert any(
        "The ROC AUC of models/champion is 0.6" in each and "at least 0.7" in each for each in said(report)
    )
    assert any("worse than on golden data" in each for each in said(report))
    assert report["headline"] == "The model is not as good as was asked."
    held = {(each["metric"], each["against"]): each["state"] for each in report["models"][0]["truth"]["held"]}
    assert held["roc_auc", "golden"] == held["log_loss", "golden"] == "broken"


def test_the_monitor_shows_what_the_truth_proved_too(tree: Tree) -> None:
    scorer, rows = model(tree), drawn(1000, 5)
    ids = serve(tree, scorer, rows)
    measured(tree, labels_file(tree, ids, (~rows["left"]).to_list()))
    report = monitor(tree.project, timedelta(days=7), NOW)
    assert report["exit_code"] == 1
    assert {each["kind"] for each in report["findings"]} == {"truth"}


def test_every_row_that_cannot_be_used_is_counted_and_named(tree: Tree) -> None:
    scorer, rows = model(tree), drawn(200, 5)
    ids = serve(tree, scorer, rows)
    given_ids = [*ids[:100], ids[0], ids[1], "nobody", "", ids[150], ids[151], ids[152]]
    given_labels = [*map(str, rows["left"].to_list()[:100])]
    given_labels += [given_labels[0], str(given_labels[1] == "False"), "true", "true", "perhaps", "", "2"]
    when = ["2026-06-30"] * 106 + ["soon"]
    report = measured(tree, labels_file(tree, given_ids, given_labels, labelled_at=when))
    labels = report["labels"]
    assert (labels["rows"], labels["added"], labels["rejected"]) == (107, 99, 8)
    named = {(each["row"], each["name"]): each["reason"] for each in labels["rejects"]}
    assert named[101, ids[0]] == "the same label stands in row 1"
    assert named[102, ids[1]] == "row 2 gives another label"
    assert named[2, ids[1]] == "a later row gives another label"
    assert named[103, "nobody"] == "no prediction has this id"
    assert named[104, ""] == "`prediction_id` is missing or of another type"
    assert named[105, ids[150]] == "`label` is not 0 or 1"
    assert named[106, ids[151]] == "`label` is missing"
    assert named[107, ids[152]] == "`label` is not 0 or 1"
    assert report["verdict"] == "WATCH"
    assert "8 of 107 rows of the file were not used." in said(report)


def test_a_file_of_which_nothing_can_be_used_is_refused_and_changes_nothing(tree: Tree) -> None:
    serve(tree, model(tree), drawn(50, 5))
    with pytest.raises(
        FearlessError, match=r"No row of labels.csv could be used: 2 x no prediction has this id"
    ):
        measured(tree, labels_file(tree, ["a", "b"], [0, 1]))
    assert ledger(tree).joined()["truth"].null_count() == 50


def test_labels_given_twice_count_once_and_a_correction_counts_last(tree: Tree) -> None:
    scorer, rows = model(tree), drawn(300, 5)
    ids = serve(tree, scorer, rows)
    left = rows["left"].to_list()
    first = measured(tree, labels_file(tree, ids, left))
    again = measured(tree, labels_file(tree, ids, left))
    assert (again["labels"]["added"], again["labels"]["repeated"]) == (0, 300)
    assert again["models"] == first["models"]
    other = measured(tree, labels_file(tree, ids[:5], [not each for each in left[:5]]))
    assert other["labels"]["corrected"] == 5
    assert other["models"][0]["truth"]["labelled"] == 300
    assert other["models"][0]["truth"]["metrics"] != first["models"][0]["truth"]["metrics"]


def test_labels_find_their_predictions_by_key(tree: Tree) -> None:
    scorer, rows = model(tree), drawn(400, 5)
    serve(tree, scorer, rows)
    serve(tree, scorer, rows[:40])  # the same rows asked for once more: one truth, two predictions
    file = tree.root / "labels.parquet"
    named = pl.DataFrame(
        {
            "customer": [*rows["customer"][:100], rows["customer"][3], "stranger"],
            "left": [*rows["left"][:100], True, True],
            "labelled_at": [datetime(2026, 6, 30, tzinfo=UTC)] * 102,
        }
    )
    named.write_parquet(file)
    report = measured(tree, file)
    assert (report["labels"]["rows"], report["labels"]["added"]) == (102, 140)
    assert [(each["row"], each["name"], each["reason"]) for each in report["labels"]["rejects"]] == [
        (101, "s5-3", "its key is there a second time"),
        (102, "stranger", "no prediction was recorded for its key"),
    ]
    found = report["models"][0]["truth"]
    assert found["labelled"] == 140
    joined = ledger(tree).joined()
    known = joined.filter(joined["truth"].is_not_null())
    keys = known["input"].str.json_path_match("$.customer")
    truth_of = dict(zip(rows["customer"].to_list(), rows["left"].to_list(), strict=True))
    assert [truth_of[str(key)] for key in keys] == [bool(value) for value in known["truth"]]


def test_labels_by_key_and_figures_keep_live_and_simulated_rows_apart(tree: Tree) -> None:
    scorer = model(tree)
    rows = drawn(300, 5)
    live = serve(tree, scorer, rows)
    simulated = serve(tree, scorer, rows, span=timedelta(days=5), channel="simulated")
    file = tree.root / "labels.csv"
    rows.select("customer", "left").write_csv(file)
    report = truth(tree.project, file, QUARTER, NOW)
    assert (report["window"]["rows"], report["window"]["left_out"], report["labels"]["added"]) == (
        300,
        300,
        300,
    )
    assert report["models"][0]["truth"]["coverage"] == 1.0
    known = ledger(tree).joined(columns=("id", "truth")).filter(pl.col("truth").is_not_null())
    assert sorted(known["id"]) == sorted(live)
    of_simulated = labels_file(tree, simulated[:100], [int(each) for each in rows["left"]][:100], "ids.csv")
    told = truth(tree.project, of_simulated, QUARTER, NOW, "simulated")
    assert (told["window"]["rows"], told["models"][0]["truth"]["labelled"]) == (300, 100)
    assert truth(tree.project, file, QUARTER, NOW)["models"][0]["truth"]["labelled"] == 300


def test_predictions_about_one_row_are_no_independent_evidence(tree: Tree) -> None:
    scorer, rows = model(tree), drawn(300, 5)
    once = serve(tree, scorer, rows)
    alone = measured(tree, labels_file(tree, once, rows["left"].to_list()))
    again = [each for _ in range(3) for each in serve(tree, scorer, rows)]
    four = measured(tree, labels_file(tree, again, rows["left"].to_list() * 3))
    one, more = (each["models"][0]["truth"]["metrics"]["log_loss"] for each in (alone, four))
    assert more["value"] == pytest.approx(one["value"], rel=1e-6)
    assert more["upper"] - more["value"] == pytest.approx(one["upper"] - one["value"], rel=0.01)


def test_delay_coverage_and_labels_from_before_their_prediction_are_told(tree: Tree) -> None:
    scorer, rows = model(tree), drawn(200, 5)
    ids = serve(tree, scorer, rows, end=NOW - timedelta(days=30), span=timedelta(hours=1))
    when = ["2026-06-10"] * 45 + ["2026-05-01"] * 5
    report = measured(tree, labels_file(tree, ids[:50], rows["left"].to_list()[:50], labelled_at=when))
    found = report["models"][0]["truth"]
    assert found["coverage"] == 0.25
    assert found["delay_days"]["median"] == pytest.approx(9.5, abs=0.1)  # from 31 May at noon to 10 June
    assert found["early"] == 5
    assert any("5 labels" in each and "before their prediction" in each for each in report["notes"])
    assert any("known for 25 % of predictions" in each for each in report["notes"])


def test_a_handful_of_labels_proves_nothing(tree: Tree) -> None:
    scorer, rows = model(tree), drawn(200, 5)
    ids = serve(tree, scorer, rows)
    wrong = (~rows["left"]).to_list()
    report = measured(tree, labels_file(tree, ids[:12], wrong[:12]))
    assert report["exit_code"] == 0
    assert any("of the rarer class, and 10 are needed" in each for each in report["notes"])


def test_a_model_without_a_profile_is_held_to_the_floors_and_to_no_golden_figures(tree: Tree) -> None:
    scorer, rows = model(tree, profile=False), drawn(900, 5)
    ids = serve(tree, scorer, rows)
    report = measured(tree, labels_file(tree, ids, (~rows["left"]).to_list()))
    held = [(each["metric"], each["rule"], each["state"]) for each in report["models"][0]["truth"]["held"]]
    assert held == [("roc_auc", "floor", "broken")]
    assert any("no profile here, so it was not compared with golden data" in each for each in report["notes"])


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("", "labels.csv"),
        ("prediction_id,label\n", "labels.csv has no rows"),
        ("id,label\n1,2\n", "does not say which prediction a label belongs to"),
        ("prediction_id,what\n1,2\n", "labels.csv has no label: it needs a column `label` or `left`"),
        (
            "prediction_id;label\n1;2\n",
            "labels.csv is separated by `;`, not by commas. Save it with commas.",
        ),
    ],
)
def test_a_file_of_another_shape_is_told_in_a_sentence(tree: Tree, content: str, sentence: str) -> None:
    file = tree.write("labels.csv", content)
    with pytest.raises(FearlessError) as caught:
        read_labels(file, tree.dictionary)
    assert sentence in str(caught.value)
    assert "data.py" not in str(caught.value)  # which reads no labels


def test_a_file_that_is_no_table_is_told_in_a_sentence(tree: Tree) -> None:
    with pytest.raises(FearlessError, match="is not there"):
        read_labels(tree.root / "none.csv", tree.dictionary)
    with pytest.raises(FearlessError, match="no CSV or Parquet file"):
        read_labels(tree.write("labels.txt", "x"), tree.dictionary)
    (tree.root / "labels.parquet").write_bytes(b"PAR1")
    with pytest.raises(FearlessError, match=r"labels.parquet cannot be read"):
        read_labels(tree.root / "labels.parquet", tree.dictionary)


TEXTS = some.text(some.characters(exclude_categories=("Cs", "Cc")), max_size=8)
CELLS = some.one_of(TEXTS, some.sampled_from(["0", "1", "true", "no", "2026-01-01", " 1 ", "nan", "1e400"]))


@settings(max_examples=60, deadline=None)
@given(some.lists(some.tuples(CELLS, CELLS, CELLS), min_size=1, max_size=12))
def test_each_row_of_any_file_is_used_or_named(lines: list[tuple[str, str, str]]) -> None:
    from tempfile import TemporaryDirectory

    from fearless.columns.dictionary import parse as parse_columns

    columns = {"x": {"type": "integer"}, "left": {"type": "boolean"}}
    described = {
        name: {**each, "description": f"The column {name}", "known_at_prediction": str(name == "x").lower()}
        for name, each in columns.items()
    }
    dictionary = parse_columns({"version": "1", "task": "binary", "target": "left", "columns": described})
    with TemporaryDirectory() as folder:
        file = Path(folder) / "labels.csv"
        pl.DataFrame(lines, schema=["prediction_id", "label", "labelled_at"], orient="row").write_csv(file)
        found = read_labels(file, dictionary)
    assert found.frame.height + len(found.rejects) == found.rows == len(lines)
    assert sorted([*found.frame["row"].to_list(), *(each.row for each in found.rejects)]) == list(
        range(1, len(lines) + 1)
    )
    assert found.frame["label"].is_in([0.0, 1.0]).all()


def test_a_loss_against_golden_data_is_welchs(tree: Tree) -> None:
    draw = np.random.default_rng(3)
    live, golden = draw.normal(0.5, 1, 200), draw.normal(0.3, 2, 90)
    errors = [np.std(each, ddof=1) / np.sqrt(len(each)) for each in (live, golden)]
    found = loss(
        Interval(float(live.mean()), float(errors[0]), 0, 0, 199),
        Estimate(value=float(golden.mean()), standard_error=float(errors[1]), degrees=89),
        upwards=False,
        confidence=0.99,
    )
    oracle = stats.ttest_ind(live, golden, equal_var=False).confidence_interval(0.98)
    assert found.value == pytest.approx(live.mean() - golden.mean())
    assert (found.lower, found.upper) == pytest.approx((oracle.low, oracle.high), rel=1e-3)


@pytest.mark.slow
def test_a_model_that_stays_as_good_raises_an_alarm_in_one_run_of_a_hundred_at_most(tree: Tree) -> None:
    draw = np.random.default_rng(11)
    policy = parse(
        {
            "version": 1,
            "checks": [{"metric": "log_loss", "min_skill": 0.05}, {"metric": "roc_auc", "floor": 0.6}],
        }
    )
    dictionary = tree.dictionary
    alarms, runs = 0, 400

    def sample(rows: int) -> tuple[Any, Any]:
        scores = draw.beta(1.2, 2.0, rows)
        return (draw.random(rows) < scores).astype(float), scores

    rows = drawn(300, 1)
    for _ in range(runs):
        (golden_y, golden_scores), (y, scores) = sample(800), sample(500)
        golden = drawn(800, 1)
        profile = make_profile(rows, np.full(300, 0.375), golden, golden_y, golden_scores, dictionary)
        known = pl.DataFrame(
            {"model_sha256": "a", "score": scores, "truth": y, "decided_at": NOW, "labelled_at": NOW}
        )
        (version,) = measure(known, {"a": 500}, {"a": profile}, policy, dictionary)
        alarms += any(each.state == "broken" for each in version.held)
    assert alarms / runs <= 0.01 + 3 * np.sqrt(0.01 / runs)


def test_metrics_of_yes_and_no_are_held_too(tree: Tree) -> None:
    scorer, rows = model(tree), drawn(900, 5)
    tree.write(
        "gate.yaml",
        """\
        version: 1
        checks:
          - {metric: recall, floor: 0.99}
          - {metric: f1, threshold: 0.3, floor: 0.2}
          - {metric: precision, floor: 0.5}
          - {metric: "shop.worth:per_row", direction: higher, floor: 1}
        """,
    )
    ids = serve(tree, scorer, rows)
    report = measured(tree, labels_file(tree, ids, rows["left"].to_list()))
    held = {(each["metric"], each["against"]): each["state"] for each in report["models"][0]["truth"]["held"]}
    assert held["recall", ""] == "broken"
    assert held["f1@0.3", ""] == "kept"
    assert held["recall", "golden"] == held["precision", "golden"] == "kept"
    assert ("f1@0.3", "golden") not in held  # golden data was measured at 0.5
    assert any("The recall of models/champion is" in each for each in said(report))

    never = np.full(900, 0.01)  # nobody is flagged
    serve(tree, never, rows[:900], end=NOW - timedelta(days=30))
    labels = rows["left"].to_list()
    ids = ledger(tree).window(NOW - timedelta(days=40), NOW - timedelta(days=20), ("id",))["id"].to_list()
    truth(tree.project, labels_file(tree, ids, labels), QUARTER, NOW - timedelta(days=20))
    report = truth(tree.project, labels_file(tree, ids, labels), timedelta(days=20), NOW - timedelta(days=20))
    json.dumps(report, allow_nan=False)
    assert report["models"][0]["truth"]["metrics"]["recall"]["value"] == 0
