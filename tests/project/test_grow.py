"""Golden data that grows from live predictions: proposed by chance, reviewed by a person, told apart ever after."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from .conftest import Copied, Repo, refusal, run

# Records predictions of the last month. argv: how many, from which row on, the channel, and which: `new` are golden
# rows under other keys and half a year later, `golden` and `train` are rows as they are there.
ASKED = """
import json, sys
from datetime import UTC, datetime, timedelta
import polars as pl
from fearless.core.project import Project
from fearless.golden.frozen import open_golden
from fearless.ledger.identity import prediction_ids
from fearless.ledger.record import Prediction, Provenance, micros
from fearless.ledger.store import open_ledger
from fearless.model.artifact import open_model
from fearless.pipeline.prepare import open_train

count, start, channel, of = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4]
project = Project.find()
model = open_model(project.candidate, "models/candidate", project)
rows = (open_train(project) if of == "train" else open_golden(project).rows)[start:start + count]
if of == "new":
    rows = rows.with_columns(
        ("N" + pl.col("customer_id")).alias("customer_id"), pl.col("observed_at") + pl.duration(days=180)
    )
scores = model.score_rows(rows)
origin = Provenance(project.package, "candidate", "1", model.digest, "b" * 40, "0", "c" * 64, "d" * 64, "host/1")
end, step = datetime.now(UTC), timedelta(days=30) / rows.height
recorded, lines = [], ["prediction_id,churned"]
for at, row in enumerate(rows.select(model.team.dictionary.known).to_dicts()):
    moment = micros(end - (rows.height - at) * step)
    name = prediction_ids(1, moment)[0]
    recorded.append(Prediction(name, moment, moment, channel, None, None, None, 0, json.dumps(row, default=str),
                               b"", float(scores[at]), None, None, origin))
    lines.append(f"{name},{rows['churned'][at]}")
open_ledger(project).append(recorded)
print("\\n".join(lines))
"""


def asked(
    repo: Repo, count: int, start: int = 0, channel: str = "http", of: str = "new", known: int = 10_000
) -> pl.DataFrame:
    """Records predictions, and stores the truth of the first `known` of them; returns all of them with their truth."""
    done = run(
        [str(repo.python), "-c", ASKED, str(count), str(start), channel, of], repo.root, repo.environment()
    )
    assert done.returncode == 0, done.stdout + done.stderr
    rows = pl.read_csv(io.StringIO(done.stdout))
    labelled(repo, rows.head(known), *(["--simulated"] if channel == "simulated" else []))
    return rows


def labelled(repo: Repo, rows: pl.DataFrame, *options: str) -> None:
    labels = repo.root / ".fearless" / "labels.csv"
    rows.write_csv(labels)
    done = repo.fearless("truth", str(labels), *options)
    assert done.returncode in (0, 1), done.stdout + done.stderr


def proposal(repo: Repo) -> Path:
    return repo.root / ".fearless" / "golden" / "proposal.csv"


def reviewed(repo: Repo, count: int, by: str = "Ada Lovelace") -> pl.DataFrame:
    """Marks the first rows of the proposal as reviewed; returns those."""
    rows = pl.read_csv(proposal(repo), infer_schema=False)
    marks = [by if at < count else "" for at in range(rows.height)]
    rows.with_columns(pl.Series("reviewed", marks)).write_csv(proposal(repo))
    return rows.head(count)


def golden(repo: Repo) -> tuple[pl.DataFrame, dict[str, Any]]:
    folder = repo.root / "data" / "golden"
    return pl.read_parquet(folder / "rows.parquet"), json.loads((folder / "golden.json").read_text("utf-8"))


def said(repo: Repo, *arguments: str, code: int = 0) -> str:
    done = repo.fearless(*arguments)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


def test_live_rows_are_proposed_reviewed_and_become_golden(copied: Copied) -> None:
    repo = copied()
    before, _ = golden(repo)
    new = asked(repo, 300)
    simulated = asked(repo, 40, 300, channel="simulated")
    asked(repo, 30, of="golden")
    asked(repo, 30, of="train")
    told = said(repo, "golden", "grow", "--rows", "60")
    assert "60 of 300 live predictions that can become golden rows are proposed." in told
    assert "30 golden already, 30 in the training data" in told
    rows = pl.read_csv(proposal(repo), infer_schema=False)
    assert rows.height == 60
    assert set(rows["prediction_id"]) <= set(new["prediction_id"])
    assert not set(rows["prediction_id"]) & set(simulated["prediction_id"])
    assert rows["reviewed"].null_count() == 60
    assert set(rows["why"]) == {"by chance"}
    assert "score" not in rows.columns  # a reviewer who sees the answer agrees with it
    assert repo.changes() == []

    taken = reviewed(repo, 45)
    told = said(repo, "golden", "grow", "--take", str(proposal(repo)))
    assert "45 rows added: 4,045 golden rows, 45 of them grown from live predictions." in told
    assert "15 proposed rows were not reviewed." in told
    assert repo.changes() == ["M data/golden.dvc"]  # a change of its own
    after, record = golden(repo)
    assert after.schema == before.schema
    assert after[:4000].equals(before)
    grew = after[4000:]
    assert grew["customer_id"].to_list() == taken["customer_id"].to_list()
    assert grew["churned"].to_list() == taken["churned"].to_list()
    assert grew["recorded_at"].null_count() == 45  # it was not known then, and nothing is made up
    (growth,) = record["grown"]
    assert growth["reviewed_by"] == ["Ada Lovelace"]
    assert growth["predictions"] == taken["prediction_id"].to_list()
    assert "4,045 golden rows from 2024-08-07 on, 45 of them grown" in said(repo, "golden", "verify")

    said(repo, "train")
    said(repo, "check")
    said(repo, "gate")
    assert repo.report()["golden"]["rows"] == 4045
    # A quarter later the same customers are in data/raw, with what is known of them by then.
    first = grew.row(0, named=True)
    raw = repo.root / "data" / "raw" / "customers.csv"
    known = {**first, "recorded_at": "2025-07-01", "tenure_months": 200, "calls_total": 9}
    line = ",".join("" if value is None else str(value) for value in known.values())
    content = raw.read_text(encoding="utf-8")
    raw.unlink()  # it may be a link into DVC's cache
    raw.write_text(f"{content}{line}\n", encoding="utf-8")
    said(repo, "train")
    train = pl.read_parquet(repo.root / "data" / "prepared" / "train.parquet")
    assert first["customer_id"] not in train["customer_id"].to_list()
    assert (train.height, golden(repo)[0].height) == (16_000, 4045)
    assert "No live prediction can become" in refusal(repo.fearless("golden", "grow", "--since", "1h"))
    assert "of 255 live predictions" in said(
        repo, "golden", "grow"
    )  # the next ones, in the place of those taken


def test_what_nobody_reviewed_or_somebody_changed_is_not_taken(copied: Copied) -> None:
    repo = copied()
    trained = asked(repo, 5, of="train")
    asked(repo, 80)
    said(repo, "golden", "grow", "--rows", "20")
    where = str(proposal(repo))
    before = repo.snapshot("data/golden")
    assert "Nobody reviewed a row" in refusal(repo.fearless("golden", "grow", "--take", where))
    rows = reviewed(repo, 20, by="yes")
    assert "must say who reviewed the row" in refusal(repo.fearless("golden", "grow", "--take", where))
    reviewed(repo, 20)
    assert "holds reviews, which a new proposal would replace" in refusal(repo.fearless("golden", "grow"))

    def refused_with(**changed: pl.Series) -> str:
        signed = rows.with_columns(pl.lit("Ada Lovelace").alias("reviewed"))
        signed.with_columns(**changed).write_csv(proposal(repo))
        return refusal(repo.fearless("golden", "grow", "--take", where))

    other = ["no" if each == "yes" else "yes" for each in rows["churned"]]
    assert "is not what the ledger holds" in refused_with(churned=pl.Series(other))
    ids = [trained["prediction_id"][0], *rows["prediction_id"][1:]]
    assert f"The prediction {ids[0]} may not become a golden row" in refused_with(
        prediction_id=pl.Series(ids)
    )
    ids[0] = ids[1]
    assert "twice" in refused_with(prediction_id=pl.Series(ids))
    assert repo.snapshot("data/golden") == before
    assert repo.changes() == []


def test_truth_that_comes_sooner_for_some_is_waited_for_or_told(copied: Copied) -> None:
    repo = copied()
    rows = asked(repo, 200, known=100)
    # Of the newer half only those are known that left already: who stays is known later.
    quick = rows[120:].filter(pl.col("churned") == "yes")
    labelled(repo, quick)
    told = said(repo, "golden", "grow", "--rows", "200")
    assert "100 of 100 live predictions" in told
    assert f"{quick.height} so new that the truth of many beside them is not known yet" in told
    assert "Take care" not in told
    assert not set(pl.read_csv(proposal(repo))["prediction_id"]) & set(quick["prediction_id"])

    asked(repo, 900, 200, known=20)  # and now the truth of hardly any is known
    assert "Take care: the truth is known for 1" in said(repo, "golden", "grow")


@pytest.mark.slow
def test_the_expensive_guards_know_grown_rows(copied: Copied) -> None:
    repo = copied()
    asked(repo, 120)
    said(repo, "golden", "grow", "--rows", "100")
    reviewed(repo, 100)
    said(repo, "golden", "grow", "--take", str(proposal(repo)))
    said(repo, "train")
    told = said(repo, "check", "--deep")
    assert "4,000 golden rows exchanged in data/raw/customers.csv; the model is the same" in told
