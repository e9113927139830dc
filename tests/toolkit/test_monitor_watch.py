"""The monitor over a real ledger: health stays green, each planted fault turns it red and is named, silence is told."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest

from fearless.core.errors import FearlessError
from fearless.monitor.findings import share_at_least
from fearless.monitor.heartbeat import last_beat
from fearless.monitor.watch import monitor

from .conftest import Tree
from .ledger_rows import refusal
from .watched import NOW, drawn, ledger, model, serve

WEEK = timedelta(days=7)


def watched(tree: Tree, **changed: Any) -> dict[str, Any]:
    report = monitor(tree.project, changed.get("since", WEEK), changed.get("now", NOW))
    json.dumps(report, allow_nan=False)  # what is written is JSON that every reader takes
    return report


def said(report: dict[str, Any], kind: str) -> list[str]:
    return [each["what"] for each in report["findings"] if each["kind"] == kind]


def test_what_looks_like_training_is_healthy(tree: Tree) -> None:
    serve(tree, model(tree), drawn(1500, 5))
    report = watched(tree)
    assert (report["verdict"], report["exit_code"], report["findings"]) == ("HEALTHY", 0, [])
    assert report["window"]["rows"] == report["window"]["requests"] == 1500
    compared = report["models"][0]["compared"]
    assert [each["name"] for each in compared] == ["calls", "fee", "loyal", "plan", ""]
    assert {each["state"] for each in compared} == {"steady"}


def test_a_column_that_moved_is_named_dated_and_a_breach(tree: Tree) -> None:
    scorer = model(tree)
    fee = drawn(1600, 5)["fee"]
    late = pl.Series(np.arange(1600) >= 800)
    serve(tree, scorer, drawn(1600, 5, fee=fee.zip_with(~late, fee + 25)))
    report = watched(tree)
    assert (report["verdict"], report["exit_code"]) == ("BREACH", 1)
    assert report["headline"].startswith("`fee` is no longer what the model was trained on.")
    drift = next(each for each in report["findings"] if each["kind"] == "drift")
    assert drift["what"].startswith("`fee` is no longer what the model was trained on")
    assert "its mean is 52" in drift["what"]
    assert drift["since"] == "since about 2026-06-27 11:57 UTC"
    assert "Luck alone reaches" in drift["sure"]


def test_a_column_that_goes_missing_more_often_is_told_as_that(tree: Tree) -> None:
    calls = drawn(1500, 5)["calls"]
    holes = calls.to_frame().select(pl.when(pl.int_range(pl.len()) % 3 > 0).then("calls")).to_series()
    serve(tree, model(tree), drawn(1500, 5, calls=holes))
    assert any(
        "`calls`" in each and "missing in 33.3 % of rows" in each for each in said(watched(tree), "drift")
    )


def test_answers_that_moved_are_told_apart_from_columns(tree: Tree) -> None:
    model(tree)
    serve(tree, np.full(800, 0.97), drawn(800, 5))
    report = watched(tree)
    assert len(said(report, "score")) == 1
    assert said(report, "drift") == []
    assert report["exit_code"] == 1


def test_an_answered_row_that_the_dictionary_forbids_is_counted_and_a_breach(tree: Tree) -> None:
    rows = drawn(600, 5)
    odd = {
        3: '{"customer":"a","day":"2026-06-01","calls":99,"fee":40,"plan":"basic","loyal":true}',
        4: '{"customer":"b","day":"2026-06-01","calls":3,"fee":"dear","plan":"gold","loyal":true}',
        5: '{"customer":"c","day":"2026-06-01","calls":3,"plan":"basic","loyal":true}',
        6: "no json at all",
    }
    serve(tree, model(tree), rows, inputs=odd)
    report = watched(tree)
    found = said(report, "invariant")
    assert any("`calls` is outside [0, 60] in 1 of 600" in each and "99" in each for each in found)
    assert any("`fee` is no number in 1 of 600" in each and "dear" in each for each in found)
    assert any("`plan` is none of its levels in 1 of 600" in each for each in found)
    assert any("`fee` is missing and must not be in 2 of 600" in each for each in found)
    assert report["exit_code"] == 1


def test_an_empty_window_is_no_health(tree: Tree) -> None:
    scorer = model(tree)
    serve(tree, scorer, drawn(100, 5), end=NOW - timedelta(days=20))
    report = watched(tree)
    assert (report["verdict"], report["exit_code"]) == ("BREACH", 1)
    assert report["headline"] == "Nothing was served."
    assert said(report, "rows") == ["Nothing was served."]


def test_where_nothing_was_ever_recorded_a_sentence_says_so(tree: Tree) -> None:
    with pytest.raises(FearlessError, match="nothing was predicted yet") as caught:
        watched(tree)
    assert "fearless serve" in caught.value.fix
    assert last_beat(tree.project, "monitor") is None  # a run that saw nothing is no sign of life


def test_a_model_of_the_first_release_is_told_to_train_again(tree: Tree) -> None:
    serve(tree, model(tree, profile=False), drawn(300, 5))
    report = watched(tree)
    assert (report["verdict"], report["exit_code"]) == ("WATCH", 0)
    assert "has no profile.json" in said(report, "model")[0]
    assert "Train again with `uv run fearless train --again`" in report["next"][0]


def test_rows_of_a_model_that_is_not_here_are_not_passed_over(tree: Tree) -> None:
    serve(tree, np.full(50, 0.5), drawn(50, 5))
    report = watched(tree)
    assert "a model that is not here" in said(report, "model")[0]
    assert report["verdict"] == "WATCH"


def test_too_few_rows_are_told_and_their_faults_found_all_the_same(tree: Tree) -> None:
    scorer = model(tree)
    serve(tree, scorer, drawn(20, 5))
    assert "too few" in said(watched(tree), "rows")[0]
    serve(tree, scorer, drawn(5, 6, calls=[99] * 5))
    assert "`calls` is outside" in said(watched(tree), "invariant")[0]


def test_many_refused_requests_are_a_breach_and_a_slip_is_none(tree: Tree) -> None:
    scorer = model(tree)
    serve(tree, scorer, drawn(400, 5))
    moment = int((NOW - timedelta(days=1)).timestamp() * 1e6)
    ledger(tree).append([], [refusal(moment, column="plan", reason="level")] * 10)
    assert watched(tree)["verdict"] == "HEALTHY"
    ledger(tree).append([], [refusal(moment)] * 90)
    report = watched(tree)
    assert said(report, "refused") == [
        "100 of 500 requests were refused, 90 of them for the range of `calls`."
    ]
    assert report["exit_code"] == 1


def test_failures_of_the_service_itself_are_worth_a_look(tree: Tree) -> None:
    serve(tree, model(tree), drawn(400, 5))
    moment = int((NOW - timedelta(days=1)).timestamp() * 1e6)
    ledger(tree).append([], [refusal(moment, status="failed", reason="failed", column="")])
    assert "1 requests failed" in said(watched(tree), "refused")[0]


def test_the_share_is_wilsons_bound() -> None:
    from scipy.stats import binomtest

    for count, total in ((1, 50), (20, 100), (0, 10), (10, 10)):
        exact = binomtest(count, total).proportion_ci(confidence_level=0.98, method="wilson").low
        assert share_at_least(count, total, 0.99) == pytest.approx(exact, abs=1e-12)


def test_each_run_leaves_a_heartbeat_and_the_next_says_how_old_it_is(tree: Tree) -> None:
    serve(tree, model(tree), drawn(300, 5))
    assert watched(tree)["last_run"] is None
    later = watched(tree, now=NOW + timedelta(hours=5))
    assert later["last_run"] == {"at": "2026-06-30T12:00:00+00:00", "verdict": "HEALTHY", "age_hours": 5.0}
    beat = last_beat(tree.project, "monitor")
    assert beat is not None
    assert beat.at == NOW + timedelta(hours=5)


def test_a_monitor_that_was_silent_for_longer_than_it_looks_back_says_so(tree: Tree) -> None:
    scorer = model(tree)
    serve(tree, scorer, drawn(300, 5))
    watched(tree)
    serve(tree, scorer, drawn(300, 6), end=NOW + timedelta(days=20))
    report = watched(tree, now=NOW + timedelta(days=20))
    assert "seen by nobody" in said(report, "heartbeat")[0]
    assert report["verdict"] == "WATCH"


def test_a_damaged_heartbeat_is_none(tree: Tree) -> None:
    serve(tree, model(tree), drawn(300, 5))
    watched(tree)
    tree.write(".fearless/heartbeats/monitor.json", "{")
    assert watched(tree)["last_run"] is None


def test_a_swapped_profile_is_refused(tree: Tree) -> None:
    serve(tree, model(tree), drawn(300, 5))
    file = tree.root / "models" / "champion" / "profile.json"
    file.write_bytes(file.read_bytes() + b"\n")
    with pytest.raises(FearlessError, match=r"models/champion/profile.json is not the file that was saved"):
        watched(tree)


def test_two_models_are_compared_each_with_its_own_profile(tree: Tree) -> None:
    champion = model(tree)
    candidate = model(tree, "candidate", rows=2500)
    serve(tree, champion, drawn(500, 5))
    serve(tree, candidate, drawn(500, 6, fee=drawn(500, 6)["fee"] + 30), place="candidate")
    report = watched(tree)
    assert [(each["place"], each["rows"]) for each in report["models"]] == [
        ("models/champion", 500),
        ("models/candidate", 500),
    ]
    assert all("(in the rows of models/candidate)" in each for each in said(report, "drift"))
    assert said(report, "drift")


def test_simulated_rows_have_a_report_of_their_own_that_says_so(tree: Tree) -> None:
    serve(tree, model(tree), drawn(300, 5), channel="simulated")
    report = monitor(tree.project, WEEK, NOW, "simulated")
    assert (report["window"]["kind"], report["window"]["rows"]) == ("simulated", 300)
    assert report["headline"].startswith("In the simulation: ")
    assert any("All of these rows are simulated" in each for each in report["notes"])
    assert last_beat(tree.project, "monitor") is None  # it is no sign of life of the live job


def test_simulated_rows_are_no_sign_that_anything_was_served(tree: Tree) -> None:
    serve(tree, model(tree), drawn(300, 5), channel="simulated")
    report = watched(tree)
    assert (report["verdict"], report["headline"]) == ("BREACH", "Nothing was served.")
    assert (report["window"]["rows"], report["window"]["left_out"]) == (0, 300)
    assert any("300 simulated rows of that time count for nothing here" in each for each in report["notes"])


def test_a_simulated_drift_neither_alarms_the_live_monitor_nor_is_thinned_by_live_rows(tree: Tree) -> None:
    scorer = model(tree)
    serve(tree, scorer, drawn(2000, 5), span=timedelta(days=6))
    serve(
        tree,
        scorer,
        drawn(300, 6, fee=drawn(300, 6)["fee"] + 20),
        span=timedelta(days=5),
        channel="simulated",
    )
    moment = int((NOW - timedelta(days=1)).timestamp() * 1e6)
    ledger(tree).append([], [refusal(moment, channel="simulated")] * 500)
    live = watched(tree)
    assert live["verdict"] == "HEALTHY", live["findings"]
    assert (live["window"]["rows"], live["window"]["left_out"]) == (2000, 300)
    assert live["window"]["refused"] == {}
    simulated = monitor(tree.project, WEEK, NOW, "simulated")
    assert simulated["window"]["rows"] == 300
    assert "`fee` is no longer what the model was trained on" in " ".join(said(simulated, "drift"))
    assert said(simulated, "refused")
