"""`fearless gate --predictions`: any model's scores are judged; what cannot be judged is one sentence and exit 2."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from fearless.cli.gate import remove_reports
from fearless.cli.predictions import judge_file_and_print
from fearless.columns import large_csv
from fearless.core.errors import FearlessError
from fearless.gate.findings import Verdict
from fearless.gate.policy import parse
from fearless.gate.verdict import judge
from fearless.pipeline import predictions, stream_predictions
from fearless.pipeline.judge_predictions import Asked, judge_predictions
from fearless.pipeline.levels import levels_of

SOURCE = Path(__file__).parents[2] / "template" / "fearless" / "src"
POLICY = """\
version: 1
checks:
  - {metric: log_loss, min_skill: 0.05, max_skill_drop: 0.05}
  - {metric: roc_auc, floor: 0.6, max_drop: 0.02}
slices: {by: [region], min_rows: 50}
"""


def binary(rows: int = 3000, seed: int = 0, worse: float = 0.0) -> pl.DataFrame:
    draw = np.random.default_rng(seed)
    signal = draw.normal(size=rows) * 2
    y = (draw.random(rows) < 1 / (1 + np.exp(-signal))).astype(int)
    scores = [
        1 / (1 + np.exp(-(signal * (1 - bad) + draw.normal(size=rows) * (0.2 + 2 * bad))))
        for bad in (worse, 0)
    ]
    return pl.DataFrame(
        {
            "y_true": y,
            "candidate": scores[0],
            "champion": scores[1],
            "region": np.array(["north", "south"])[draw.integers(0, 2, rows)],
        }
    )


def run(folder: Path, *options: str, policy: str = POLICY) -> subprocess.CompletedProcess[str]:
    """The real command in a folder that is no repository."""
    (folder / "policy.yaml").write_text(policy)
    environment = {**os.environ, "PYTHONPATH": str(SOURCE)}
    environment.pop("GITHUB_ACTIONS", None)
    line = [sys.executable, "-m", "fearless.cli", "gate", "--policy", "policy.yaml", *options]
    return subprocess.run(line, capture_output=True, text=True, cwd=folder, env=environment, check=False)


def report_of(folder: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((folder / ".fearless/predictions/report.json").read_text())
    return content


def refused(folder: Path, rows: pl.DataFrame, *options: str, policy: str = POLICY) -> str:
    """The one sentence of the error, which stands in every report and passes in none."""
    rows.write_parquet(folder / "scores.parquet")
    (folder / "policy.yaml").write_text(policy)
    given = dict(zip([each.removeprefix("--") for each in options[::2]], options[1::2], strict=True))
    code = judge_file_and_print(
        folder / "scores.parquet",
        policy=str(folder / "policy.yaml"),
        out=str(folder / ".fearless" / "predictions"),
        **given,  # type: ignore[arg-type]
    )
    assert code == 2
    found = report_of(folder)
    assert (found["verdict"], found["checks"], len(found["errors"])) == ("ERROR", [], 1)
    reports = folder / ".fearless/predictions"
    assert '<header class="ERROR">' in (reports / "report.html").read_text()
    assert "PASS" not in (reports / "report.md").read_text() + (reports / "junit.xml").read_text()
    return str(found["errors"][0])


@pytest.mark.parametrize("ending", ["parquet", "csv"])
def test_an_equal_candidate_passes_and_a_worse_one_fails_outside_a_repository(
    tmp_path: Path, ending: str
) -> None:
    for worse, code, verdict in ((0.0, 0, "PASS"), (0.5, 1, "FAIL")):
        rows = binary(worse=worse)
        if ending == "csv":
            rows.write_csv(tmp_path / "scores.csv")
        else:
            rows.write_parquet(tmp_path / "scores.parquet")
        done = run(tmp_path, "--predictions", f"scores.{ending}")
        assert done.returncode == code, done.stdout + done.stderr
        assert done.stdout.startswith(f"{verdict}: ")
        assert report_of(tmp_path)["verdict"] == verdict
        made = {each.name for each in (tmp_path / ".fearless/predictions").iterdir()}
        assert made == {"report.json", "report.html", "report.md", "junit.xml"}
        assert "fearless train" not in done.stdout


def test_the_report_is_that_of_the_judge_of_models(tmp_path: Path) -> None:
    rows = binary()
    rows.write_parquet(tmp_path / "scores.parquet")
    run(tmp_path, "--predictions", "scores.parquet")
    y = rows["y_true"].to_numpy()
    policy = parse(
        {
            "version": 1,
            "checks": [
                {"metric": "log_loss", "min_skill": 0.05, "max_skill_drop": 0.05},
                {"metric": "roc_auc", "floor": 0.6, "max_drop": 0.02},
            ],
            "slices": {"by": ["region"], "min_rows": 50},
            "baselines": ["constant"],
        }
    )
    expected = judge(
        policy,
        "binary",
        y,
        rows["candidate"].to_numpy(),
        rows["champion"].to_numpy(),
        {"constant": np.full(len(y), y.mean())},
        slices=levels_of(rows, policy),
    ).to_dict()
    assert report_of(tmp_path)["checks"] == expected["checks"]
    assert report_of(tmp_path)["slices"] == expected["slices"]


def test_a_regression_is_known_by_the_metrics_of_the_policy(tmp_path: Path) -> None:
    draw = np.random.default_rng(1)
    y = draw.normal(size=2000) * 10
    rows = pl.DataFrame(
        {"y_true": y, "candidate": y + draw.normal(size=2000), "champion": y + draw.normal(size=2000)}
    )
    rows.write_parquet(tmp_path / "scores.parquet")
    policy = "version: 1\nchecks:\n  - {metric: mae, max_rise: 0.2}\n  - {metric: r2, floor: 0.9}\n"
    done = run(tmp_path, "--predictions", "scores.parquet", policy=policy)
    assert done.returncode == 0, done.stdout
    assert report_of(tmp_path)["task"] == "regression"
    assert report_of(tmp_path)["golden"]["rows"] == 2000


def test_several_classes_have_a_column_each(tmp_path: Path) -> None:
    draw = np.random.default_rng(2)
    truth = draw.integers(0, 3, 3000)
    straight = draw.normal(size=(2, 3000, 3)) + 2 * np.eye(3)[truth]
    shares = np.exp(straight) / np.exp(straight).sum(axis=2, keepdims=True)
    names = ["red", "green", "blue"]
    columns = {
        f"{model}_{name}": shares[which][:, at]
        for which, model in enumerate(("candidate", "champion"))
        for at, name in enumerate(names)
    }
    rows = pl.DataFrame({"y_true": [names[at] for at in truth], **columns})
    policy = (
        "version: 1\nchecks:\n  - {metric: log_loss, max_rise: 0.1}\n  - {metric: accuracy, max_drop: 0.05}\n"
    )
    rows.write_csv(tmp_path / "scores.csv")
    done = run(tmp_path, "--predictions", "scores.csv", policy=policy)
    assert done.returncode == 0, done.stdout
    assert report_of(tmp_path)["task"] == "multiclass"
    bad = rows.with_columns(pl.lit("purple").alias("y_true"))
    assert "`y_true` is `purple`, for which there are no scores" in refused(tmp_path, bad, policy=policy)
    assert "has no column `champion_blue`" in refused(tmp_path, rows.drop("champion_blue"), policy=policy)
    less = rows.with_columns(candidate_red=pl.lit(0.0))
    assert "row 1: the 3 scores of the candidate add up to" in refused(tmp_path, less, policy=policy)


def changed(column: str, at: int, value: Any) -> pl.DataFrame:
    rows = binary(600)
    values = rows[column].to_list()
    values[at] = value
    return rows.with_columns(pl.Series(column, values, strict=False))


FAULTS = [
    (changed("y_true", 4, 2), "row 5: `y_true` is 2, and the truth of a binary task is 0 or 1"),
    (changed("y_true", 4, None), "row 5: `y_true` is missing"),
    (changed("candidate", 9, 1.5), "row 10: `candidate` is 1.5, and a probability lies within 0..1"),
    (changed("champion", 9, -0.1), "row 10: `champion` is -0.1, and a probability"),
    (changed("candidate", 2, float("nan")), "row 3: `candidate` is NaN"),
    (changed("candidate", 2, None), "row 3: `candidate` is missing"),
    (changed("candidate", 2, float("inf")), "row 3: `candidate` is infinite"),
    (binary(600).with_columns(pl.col("candidate").cast(pl.String) + "x"), "row 1: `candidate` is `0."),
    (binary(600).rename({"y_true": "y_ture"}), "has no column `y_true`. Is it `y_ture`?"),
    (binary(600).rename({"candidate": "candidat"}), "has no column `candidate`. Is it `candidat`?"),
    (binary(600).rename({"champion": "chmapion"}), "has no column `champion`, and gate.yaml compares"),
    (binary(600).rename({"region": "regoin"}), "has no column `region`. Is it `regoin`?"),
    (binary(0), "has no rows"),
    (binary(600).with_columns(y_true=pl.lit(1)), "one class only"),
    (
        binary(600).with_columns(row_id=pl.int_range(600) // 2),
        "has the `row_id` 0 in 2 rows, and a row counts once",
    ),
    (
        binary(600).with_columns(
            candidate_row_id=pl.int_range(600),
            champion_row_id=pl.int_range(600) + (pl.int_range(600) > 6),
        ),
        "row 8: `candidate_row_id` is 7 and `champion_row_id` 8: candidate and champion are not scored on the same",
    ),
    (
        binary(600).with_columns(candidate_row_id=pl.lit(1), champion_row_id=pl.lit(1)),
        "has the `candidate_row_id` 1 in 600 rows, and a row counts once",
    ),
    (
        binary(600).with_columns(candidate_red=pl.lit(0.5), candidate_blue=pl.lit(0.5)),
        "has `candidate` and `candidate_red`: one score a row, or one a class?",
    ),
]


@pytest.mark.parametrize(("rows", "said"), FAULTS)
def test_bad_input_is_one_sentence_and_no_pass(tmp_path: Path, rows: pl.DataFrame, said: str) -> None:
    assert said in refused(tmp_path, rows)


@pytest.mark.parametrize("rows", [rows for rows, _ in FAULTS])
def test_a_large_csv_file_is_refused_with_the_sentence_of_a_small_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows: pl.DataFrame
) -> None:
    file = tmp_path / "scores.csv"
    rows.write_csv(file)
    (tmp_path / "policy.yaml").write_text(POLICY)
    asked = Asked(file, tmp_path / "policy.yaml", room=tmp_path)
    small = judge_predictions(asked)
    assert small.verdict is Verdict.ERROR
    monkeypatch.setattr(predictions, "MOST_HELD", 0)
    monkeypatch.setattr(large_csv, "PIECE", 3000)
    monkeypatch.setattr(stream_predictions, "READ", 2 * 150)
    monkeypatch.setattr(stream_predictions, "BLOCK", 150)
    for engine in ("exact", "streaming"):
        large = judge_predictions(replace(asked, engine=engine))
        assert large.errors == small.errors or (
            "one class" in small.errors[0] and "one class" in large.errors[0]
        )
    assert {each.name for each in tmp_path.iterdir()} == {"scores.csv", "policy.yaml"}


@pytest.mark.parametrize("engine", ["exact", "streaming"])
def test_a_large_csv_file_is_judged_as_the_same_rows_in_parquet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, engine: str
) -> None:
    monkeypatch.setattr(predictions, "MOST_HELD", 0)
    monkeypatch.setattr(large_csv, "PIECE", 3000)
    monkeypatch.setattr(stream_predictions, "READ", 2 * 700)
    monkeypatch.setattr(stream_predictions, "BLOCK", 700)
    rows = binary().with_columns(
        pl.lit('a "note",\nof two lines').alias("note"), pl.int_range(3000).alias("row_id")
    )
    rows = rows.with_columns(region=pl.when(pl.int_range(3000) % 3 > 0).then("region"))
    rows.write_csv(tmp_path / "scores.csv")
    rows.write_parquet(tmp_path / "scores.parquet")
    (tmp_path / "policy.yaml").write_text(POLICY)
    found = [
        judge_predictions(Asked(tmp_path / name, tmp_path / "policy.yaml", engine=engine, room=tmp_path))
        for name in ("scores.csv", "scores.parquet")
    ]
    assert found[0].errors == []
    assert found[0].checks == found[1].checks
    assert found[0].slices == found[1].slices
    assert found[0].golden == found[1].golden


@pytest.mark.parametrize("engine", ["exact", "streaming"])
@pytest.mark.parametrize("scale", [1e80, 1e150, 1e200])
def test_numbers_that_are_far_too_large_are_one_sentence_by_either_engine(
    tmp_path: Path, scale: float, engine: str
) -> None:
    known = np.random.default_rng(0).normal(size=500) * scale
    rows = pl.DataFrame({"y_true": known, "candidate": 0.9 * known, "champion": 0.8 * known})
    lines = "version: 1\nchecks:\n  - {metric: mse, max_rise: 0.5}\n  - {metric: r2, floor: 0.1}\n"
    said = refused(tmp_path, rows, "--engine", engine, policy=lines)
    assert "far too large" in said


@pytest.mark.parametrize("engine", ["exact", "streaming"])
@pytest.mark.parametrize(
    ("column", "values", "said"),
    [
        ("row_id", [[at] for at in range(600)], "`row_id` holds List(Int64), which tells no rows apart"),
        ("region", [[at] for at in range(600)], "policy.yaml: slices.by: `region` holds List(Int64)"),
        ("region", [b"\xff"] * 600, "policy.yaml: slices.by: `region` holds Binary"),
        ("candidate", [[0.5]] * 600, "`candidate`"),
    ],
)
def test_columns_of_strange_types_are_one_sentence_by_either_engine(
    tmp_path: Path, column: str, values: list[Any], said: str, engine: str
) -> None:
    rows = binary(600).with_columns(pl.Series(column, values))
    assert said in refused(tmp_path, rows, "--engine", engine)


def test_ids_of_two_types_are_compared_as_they_are_written(tmp_path: Path) -> None:
    ids = pl.int_range(3000)
    rows = binary().with_columns(candidate_row_id=ids, champion_row_id=ids.cast(pl.String))
    rows.write_parquet(tmp_path / "scores.parquet")
    assert run(tmp_path, "--predictions", "scores.parquet").returncode == 0
    other = rows.with_columns(champion_row_id=pl.lit("x").add(ids.cast(pl.String)))
    assert "row 1: `candidate_row_id` is 0 and `champion_row_id` x0" in refused(tmp_path, other)


def test_stars_and_brackets_in_the_name_of_a_file_are_letters(tmp_path: Path) -> None:
    binary(worse=3.0).write_parquet(tmp_path / "a[1].parquet")
    binary().write_parquet(tmp_path / "a1.parquet")
    assert run(tmp_path, "--predictions", "a[1].parquet").returncode == 1


def test_stars_and_brackets_are_letters_in_the_name_of_a_large_csv_file_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    binary(worse=3.0).write_csv(tmp_path / "a[1].csv")
    binary().write_csv(tmp_path / "a1.csv")
    (tmp_path / "policy.yaml").write_text(POLICY)
    monkeypatch.setattr(predictions, "MOST_HELD", 0)
    for engine in ("exact", "streaming"):
        asked = Asked(tmp_path / "a[1].csv", tmp_path / "policy.yaml", engine=engine, room=tmp_path)
        assert judge_predictions(asked).verdict is Verdict.FAIL


@pytest.mark.parametrize("noise", [0.0, 1e-12, 1e-3])
def test_many_rows_of_a_model_beside_nearly_itself_fail_in_no_part(tmp_path: Path, noise: float) -> None:
    draw = np.random.default_rng(5)
    rows = 210_000
    truth = draw.random(rows) * 0.8 + 0.1

    def scores() -> Any:
        return np.clip(truth + noise * draw.normal(size=rows), 0, 1)

    made = {"y_true": (draw.random(rows) < truth).astype(int), "candidate": scores(), "champion": scores()}
    parts = [f"part {at}" for at in draw.integers(0, 20, rows)]
    pl.DataFrame({**made, "region": parts}).write_parquet(tmp_path / "scores.parquet")
    for engine, verdicts in (("auto", {"PASS"}), ("streaming", {"PASS", "INCONCLUSIVE"})):
        run(tmp_path, "--predictions", "scores.parquet", "--engine", engine)
        assert {check["verdict"] for check in report_of(tmp_path)["checks"]} <= verdicts
    found = report_of(tmp_path)
    assert found["verdict"] == ("INCONCLUSIVE" if noise else "PASS")
    assert any("`--engine exact`" in step for step in found["next"]) == bool(noise)


def test_parts_that_are_too_small_ask_for_rows_and_not_to_be_taken_out(tmp_path: Path) -> None:
    asked = POLICY.replace("min_rows: 50", "min_rows: 5000")
    assert asked != POLICY
    binary().write_parquet(tmp_path / "scores.parquet")
    run(tmp_path, "--predictions", "scores.parquet", policy=asked)
    found = " ".join(report_of(tmp_path)["next"])
    assert "rows would settle what is open" in found
    assert "Bring what is not judged" not in found
    binary(worse=3.0).write_parquet(tmp_path / "scores.parquet")
    run(tmp_path, "--predictions", "scores.parquet", policy=asked)
    assert report_of(tmp_path)["verdict"] == "FAIL"
    assert "would settle" not in " ".join(report_of(tmp_path)["next"])


def test_files_that_cannot_be_read_are_one_sentence(tmp_path: Path) -> None:
    binary().write_parquet(tmp_path / "whole.parquet")
    content = (tmp_path / "whole.parquet").read_bytes()
    (tmp_path / "cut.parquet").write_bytes(content[: len(content) // 2])
    (tmp_path / "empty.parquet").write_bytes(b"")
    (tmp_path / "empty.csv").write_bytes(b"")
    (tmp_path / "header.csv").write_text("y_true,candidate\n")
    (tmp_path / "scores.txt").write_text("y_true,candidate\n")
    for name, said in (
        ("cut.parquet", "cut.parquet cannot be read"),
        ("empty.parquet", "empty.parquet is empty"),
        ("empty.csv", "empty.csv is empty"),
        ("header.csv", "header.csv has no column `region`"),
        ("scores.txt", "neither a .parquet nor a .csv file"),
        ("none.parquet", "none.parquet is not there"),
    ):
        done = run(tmp_path, "--predictions", name)
        assert done.returncode == 2, done.stdout
        assert "Traceback" not in done.stderr
        assert said in report_of(tmp_path)["errors"][0]


def test_a_policy_that_does_not_parse_is_named_by_its_own_name(tmp_path: Path) -> None:
    said = refused(tmp_path, binary(600), policy="version: 1\nchecks:\n  - {metric: log_los, floor: 1}\n")
    assert "policy.yaml: checks[0].metric: `log_los` is not known. Did you mean `log_loss`?" in said
    binary(600).write_parquet(tmp_path / "scores.parquet")
    done = run(tmp_path, "--predictions", "scores.parquet", "--policy", "nowhere.yaml")
    assert (done.returncode, report_of(tmp_path)["errors"]) == (
        2,
        ["nowhere.yaml is not there. Name the policy with `--policy FILE`; a check and a metric are enough."],
    )


def test_what_a_file_cannot_answer_stays_open_and_is_named(tmp_path: Path) -> None:
    asked = POLICY + "baselines: [constant, linear]\nbudgets: {model_mb: 50, p95_ms_ratio: 1.2}\n"
    rows = binary()
    rows.write_parquet(tmp_path / "scores.parquet")
    done = run(tmp_path, "--predictions", "scores.parquet", policy=asked)
    found = report_of(tmp_path)
    open_checks = {check["id"] for check in found["checks"] if check["verdict"] == "INCONCLUSIVE"}
    assert open_checks == {"log_loss.beats_linear", "size.model_mb", "latency.p95_ms_ratio"}
    assert (done.returncode, found["verdict"]) == (0, "INCONCLUSIVE")
    assert "Bring what is not judged, or take it out of the policy" in " ".join(found["next"])
    assert run(tmp_path, "--predictions", "scores.parquet", "--mode", "release", policy=asked).returncode == 3
    rows.with_columns(linear=pl.lit(0.5)).write_parquet(tmp_path / "scores.parquet")
    run(tmp_path, "--predictions", "scores.parquet", policy=POLICY + "baselines: [constant, linear]\n")
    assert report_of(tmp_path)["verdict"] == "PASS"


def test_the_engine_is_chosen_by_name_and_leaves_nothing_but_reports(tmp_path: Path) -> None:
    binary().write_parquet(tmp_path / "scores.parquet")
    for engine in ("exact", "streaming"):
        assert run(tmp_path, "--predictions", "scores.parquet", "--engine", engine).returncode == 0
        assert report_of(tmp_path)["context"]["engine"] == engine
    assert {each.name for each in (tmp_path / ".fearless").iterdir()} == {".gitignore", "predictions"}


def test_without_a_champion_floors_judge_and_the_report_says_so(tmp_path: Path) -> None:
    binary().drop("champion").write_parquet(tmp_path / "scores.parquet")
    done = run(tmp_path, "--predictions", "scores.parquet")
    assert done.returncode == 0, done.stdout
    assert "not run" in " ".join(report_of(tmp_path)["notes"])


def test_rows_of_one_group_are_one_piece_of_evidence(tmp_path: Path) -> None:
    rows = binary(1000)
    five = pl.concat([rows] * 5).with_columns(customer=pl.int_range(5000) % 1000)
    widths = []
    for given, options in ((rows, []), (five, []), (five, ["--group", "customer"])):
        given.write_parquet(tmp_path / "scores.parquet")
        run(tmp_path, "--predictions", "scores.parquet", *options)
        estimate = next(each for each in report_of(tmp_path)["checks"] if each["id"] == "roc_auc.max_drop")[
            "estimate"
        ]
        widths.append(estimate["upper"] - estimate["lower"])
    assert widths[1] < 0.5 * widths[0]
    assert widths[2] == pytest.approx(widths[0], rel=0.05)
    assert "has no column `custmer`. Is it `customer`?" in refused(tmp_path, five, "--group", "custmer")


def test_ambiguity_is_asked_for_and_never_guessed(tmp_path: Path) -> None:
    asked = "version: 1\nchecks:\n  - {metric: primary, min_skill: 0.05}\n"
    rows = binary(600)
    assert report_of_task(tmp_path, rows, asked) == "binary"
    counts = rows.with_columns(pl.col("y_true") * 3)
    assert "does not say whether `y_true` of scores.parquet is a number" in refused(
        tmp_path, counts, policy=asked
    )
    assert report_of_task(tmp_path, counts, asked, "--task", "regression") == "regression"


def report_of_task(folder: Path, rows: pl.DataFrame, policy: str, *options: str) -> str:
    rows.write_parquet(folder / "scores.parquet")
    run(folder, "--predictions", "scores.parquet", *options, policy=policy)
    return str(report_of(folder)["task"])


def test_a_folder_with_other_files_is_never_replaced(tmp_path: Path) -> None:
    binary().write_parquet(tmp_path / "scores.parquet")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years")
    done = run(tmp_path, "--predictions", "scores.parquet", "--out", "mine")
    assert done.returncode == 2
    assert "holds something else than reports" in done.stderr
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "years"
    assert run(tmp_path, "--predictions", "scores.parquet", "--out", "reports").returncode == 0
    assert run(tmp_path, "--predictions", "scores.parquet", "--out", "reports").returncode == 0
    assert (tmp_path / "reports" / "report.json").is_file()


def test_a_sentence_about_somebodys_data_makes_nothing_come_alive_where_it_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
    binary().write_parquet(tmp_path / "scores.parquet")
    done = run(tmp_path, "--predictions", "scores.parquet", "--mode", "<img src=x>\x1b[31m\n::error::@ada")
    assert "\x1b" not in done.stderr
    assert not [line for line in done.stderr.splitlines() if line.startswith("::")]
    said = (tmp_path / "summary.md").read_text("utf-8")
    assert "**Not judged.** There is no mode `&#60;img src=x>" in said
    assert "@ada" not in said


def test_options_that_belong_together_are_asked_for_together(tmp_path: Path) -> None:
    done = run(tmp_path)
    assert (done.returncode, "--policy goes with --predictions FILE" in done.stderr) == (2, True)
    binary().write_parquet(tmp_path / "scores.parquet")
    for options, said in (
        (["--base", "main"], "A file of predictions has no base"),
        (["--engine", "fast"], "There is no engine `fast`"),
        (["--task", "ranking"], "There is no task `ranking`"),
    ):
        done = run(tmp_path, "--predictions", "scores.parquet", *options)
        assert (done.returncode, said in done.stderr) == (2, True), done.stderr


def test_a_report_of_yesterday_never_outlives_a_run_that_fails(tmp_path: Path) -> None:
    binary().write_parquet(tmp_path / "scores.parquet")
    assert run(tmp_path, "--predictions", "scores.parquet").returncode == 0
    assert run(tmp_path, "--predictions", "gone.parquet").returncode == 2
    assert report_of(tmp_path)["verdict"] == "ERROR"


@pytest.mark.parametrize(
    "option", [("--mode", "pr"), ("--engine", "fast"), ("--summary", "no/such/folder/s.md")]
)
def test_not_even_one_that_ends_before_it_judges(tmp_path: Path, option: tuple[str, str]) -> None:
    binary().write_parquet(tmp_path / "scores.parquet")
    assert run(tmp_path, "--predictions", "scores.parquet").returncode == 0
    assert run(tmp_path, "--predictions", "scores.parquet", *option).returncode == 2
    assert not (tmp_path / ".fearless" / "predictions").exists()


@pytest.mark.parametrize("command", ["gate", "stage", "golden"])
def test_every_command_tells_what_it_does(tmp_path: Path, command: str) -> None:
    line = [sys.executable, "-m", "fearless.cli", command, "--help"]
    environment = {**os.environ, "PYTHONPATH": str(SOURCE)}
    done = subprocess.run(line, capture_output=True, text=True, cwd=tmp_path, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    assert f" {command} " in done.stdout.partition("\n")[0]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names on Windows")
def test_an_interrupted_run_says_so_and_leaves_no_report(tmp_path: Path) -> None:
    stale = tmp_path / ".fearless" / "predictions" / "report.json"
    stale.parent.mkdir(parents=True)
    stale.write_text("{}")
    binary().write_parquet(tmp_path / "scores.parquet")
    (tmp_path / "policy.yaml").write_text(POLICY)
    os.mkfifo(tmp_path / "summary")  # nobody reads it, so that the run waits there
    line = [sys.executable, "-m", "fearless.cli", "gate", "--predictions", "scores.parquet"]
    child = subprocess.Popen(
        [*line, "--policy", "policy.yaml", "--summary", "summary"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(SOURCE)},
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        end = time.monotonic() + 60
        while stale.exists() and time.monotonic() < end:
            time.sleep(0.01)
        assert not stale.exists()
        child.send_signal(signal.SIGINT)
        _, said = child.communicate(timeout=60)
    finally:
        child.kill()
    assert (child.returncode, "fearless: Stopped." in said) == (130, True), said
    assert not (tmp_path / ".fearless" / "predictions").exists()


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="no links without rights on Windows")
def test_reports_behind_a_link_are_left_and_the_link_is_not(tmp_path: Path) -> None:
    binary().write_parquet(tmp_path / "scores.parquet")
    assert run(tmp_path, "--predictions", "scores.parquet").returncode == 0
    (tmp_path / ".fearless" / "predictions").rename(tmp_path / "elsewhere")
    (tmp_path / ".fearless" / "predictions").symlink_to(tmp_path / "elsewhere")
    assert run(tmp_path, "--predictions", "gone.parquet").returncode == 2
    assert report_of(tmp_path)["verdict"] == "ERROR"
    assert sorted(each.name for each in (tmp_path / ".fearless").iterdir()) == [".gitignore", "predictions"]
    assert json.loads((tmp_path / "elsewhere" / "report.json").read_text())["verdict"] == "PASS"


def test_reports_that_cannot_be_removed_end_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "rmtree", lambda *_, **__: None)  # what a folder of another user comes to
    with pytest.raises(FearlessError, match=r"of the run before in .* cannot be removed"):
        remove_reports(tmp_path)
