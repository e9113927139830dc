"""The ledger keeps what it took, gives back what was asked, and says so where it cannot."""

from __future__ import annotations

import contextlib
import resource
import sqlite3
import subprocess
import sys
import threading
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fearless.core.errors import FearlessError
from fearless.core.project import Project
from fearless.ledger.identity import lowest_id, prediction_ids
from fearless.ledger.record import Prediction, Reject, micros
from fearless.ledger.sqlite import SqliteLedger
from fearless.ledger.store import LedgerError, ledger_address, open_ledger

from .ledger_rows import DAY, ORIGIN, START, deployment, prediction, refusal

ROOT = Path(__file__).resolve().parents[2]
FIRST = datetime(2026, 9, 21, 14, 13, 20, tzinfo=UTC)  # START


@pytest.fixture
def ledger(tmp_path: Path) -> SqliteLedger:
    return SqliteLedger(tmp_path / "new" / "folder" / "predictions.sqlite")


def test_what_was_appended_is_there_for_another_reader(ledger: SqliteLedger) -> None:
    first, second = prediction(client_request_id="r1"), prediction(score=0.75, decision="yes")
    ledger.append([first, second])
    read = SqliteLedger(ledger.path).window()
    assert read["id"].to_list() == [first.id, second.id]
    assert read["score"].to_list() == [0.25, 0.75]
    assert read["features"].to_list() == [first.features, second.features]
    assert read["client_request_id"].to_list() == ["r1", None]
    assert read["model_sha256"].to_list() == [ORIGIN.model_sha256] * 2
    assert read["decided_at"].to_list() == [FIRST, FIRST]
    assert read.schema["decided_at"] == pl.Datetime("us", "UTC")
    stored = ledger.get(second.id)
    assert stored is not None
    for name, value in {**second._asdict(), **ORIGIN._asdict(), "truth": None}.items():
        if name != "provenance":
            assert stored[name] == value, name
    assert ledger.get("nobody") is None


def test_a_batch_is_stored_whole_or_not_at_all(ledger: SqliteLedger) -> None:
    good = prediction()
    ledger.append([good])
    with pytest.raises(LedgerError, match="UNIQUE"):
        ledger.append([prediction(), prediction(id=good.id)], [refusal()])
    assert ledger.window()["id"].to_list() == [good.id]
    assert ledger.refusals().is_empty()
    ledger.append([prediction()])  # and it goes on
    assert ledger.window().height == 2


def test_an_empty_ledger_gives_empty_frames_with_the_same_columns(ledger: SqliteLedger) -> None:
    empty, joined, refused = ledger.window(), ledger.joined(), ledger.refusals()
    assert empty.is_empty()
    ledger.append([prediction()], [refusal()])
    assert ledger.window().schema == empty.schema
    assert ledger.joined().schema == joined.schema
    assert ledger.refusals().schema == refused.schema


@given(
    st.lists(st.integers(0, 5 * DAY), min_size=1, max_size=20),
    st.integers(0, 5 * DAY),
    st.integers(0, 5 * DAY),
)
def test_a_window_holds_what_was_decided_in_it(offsets: list[int], low: int, high: int) -> None:
    ledger = SqliteLedger(Path(":memory:"))
    offsets = sorted(offsets)
    # SQLite in memory has no file to look after.
    ledger._connection, ledger._inode = ledger._opened(), -1
    ledger.append([prediction(START + offset) for offset in offsets])
    since, until = (datetime.fromtimestamp((START + offset) / 1e6, UTC) for offset in (low, high))
    found = ledger.window(since, until, ["decided_at"])["decided_at"].to_list()
    assert [micros(each) - START for each in found] == [
        offset for offset in offsets if micros(since) <= START + offset < micros(until)
    ]


@given(st.integers(0, 2**52), st.integers(0, 2**52))
def test_ids_sort_by_the_microsecond_of_their_decision(one: int, other: int) -> None:
    first, second = prediction_ids(1, one)[0], prediction_ids(1, other)[0]
    if one != other:
        assert (first < second) == (one < other)
        assert (first < lowest_id(other)) == (one < other)
    assert lowest_id(one) <= first
    assert len(first) == 36
    assert (first[14], first[19] in "89ab") == ("7", True)


def test_ids_of_one_moment_differ() -> None:
    assert len(set(prediction_ids(10_000, START))) == 10_000


def test_the_rows_of_a_request_are_found_by_their_key(ledger: SqliteLedger) -> None:
    rows = [prediction(idempotency_key="k", request_sha256="s", row_number=number) for number in (1, 0)]
    ledger.append([*rows, prediction()])
    assert [row["row_number"] for row in ledger.by_idempotency_key("k")] == [0, 1]
    assert ledger.by_idempotency_key("other") == []


def test_labels_are_joined_and_each_that_does_not_fit_is_named(ledger: SqliteLedger) -> None:
    first, second, third = (prediction(START + day * DAY) for day in range(3))
    ledger.append([first, second, third])
    ids = [first.id, "nobody", second.id, second.id, third.id, third.id, "", first.id]
    frame = pl.DataFrame(
        {
            "prediction_id": ids,
            "label": [1.0, 1.0, 0.0, 1.0, 1.0, 1.0, 1.0, None],
            "labelled_at": [date(2026, 11, 1)] * 8,
        }
    )
    done = ledger.add_labels(frame)
    assert (done.added, done.corrected, done.repeated) == (2, 0, 0)
    assert done.rejects == (
        Reject(2, "nobody", "no prediction has this id"),
        Reject(3, second.id, "a later row gives another label"),
        Reject(4, second.id, "row 3 gives another label"),
        Reject(6, third.id, "the same label stands in row 5"),
        Reject(7, "", "the id is missing"),
        Reject(8, first.id, "the label is missing or no finite number"),
    )
    joined = ledger.joined()
    assert joined["truth"].to_list() == [1.0, None, 1.0]
    assert joined["labelled_at"].to_list()[0] == datetime(2026, 11, 1, tzinfo=UTC)


def test_a_corrected_label_counts_and_the_one_before_stays_in_the_table(ledger: SqliteLedger) -> None:
    row = prediction()
    ledger.append([row])
    for label, expected in ((1.0, (1, 0, 0)), (1.0, (0, 0, 1)), (0.0, (0, 1, 0))):
        done = ledger.add_labels(pl.DataFrame({"prediction_id": [row.id], "label": [label]}))
        assert (done.added, done.corrected, done.repeated) == expected
    assert ledger.joined()["truth"].to_list() == [0.0]
    stored = ledger.get(row.id)
    assert stored is not None
    assert stored["truth"] == 0.0
    assert sqlite3.connect(ledger.path).execute("SELECT label FROM labels").fetchall() == [(1.0,), (0.0,)]


@pytest.mark.parametrize(
    ("frame", "said"),
    [
        (pl.DataFrame({"id": ["a"]}), "no column `prediction_id`"),
        (pl.DataFrame({"prediction_id": ["a"]}), "no column `label`"),
        (
            pl.DataFrame({"prediction_id": [1], "label": [1]}),
            "`prediction_id` of the labels is Int64, not text",
        ),
        (pl.DataFrame({"prediction_id": ["a"], "label": ["yes"]}), "is String, not a number"),
        (
            pl.DataFrame({"prediction_id": ["a"], "label": [1], "labelled_at": ["soon"]}),
            "`labelled_at` of the labels is String",
        ),
    ],
)
def test_labels_of_another_shape_are_refused_by_column(
    ledger: SqliteLedger, frame: pl.DataFrame, said: str
) -> None:
    with pytest.raises(LedgerError, match=said):
        ledger.add_labels(frame)


def test_deployments_are_read_in_the_order_in_which_they_were_made(ledger: SqliteLedger) -> None:
    assert ledger.deployments() == []
    first, second = deployment(START + 5), deployment(START, kind="rollback", reason="worse")
    ledger.deploy(first)
    ledger.deploy(second)
    assert SqliteLedger(ledger.path).deployments() == [first, second]


@pytest.mark.parametrize("act", ["UPDATE predictions SET score = 1", "DELETE FROM predictions"])
def test_a_row_cannot_be_changed_by_accident(ledger: SqliteLedger, act: str) -> None:
    ledger.append([prediction()])
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        sqlite3.connect(ledger.path).execute(act)


def test_two_writers_of_one_ledger_wait_for_each_other(tmp_path: Path) -> None:
    path, wrong = tmp_path / "p.sqlite", []

    def write() -> None:
        ledger = SqliteLedger(path, chained=True)
        try:
            for _ in range(40):
                ledger.append([prediction(), prediction()])
        except FearlessError as error:
            wrong.append(error)
        ledger.close()

    threads = [threading.Thread(target=write) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    ledger = SqliteLedger(path)
    assert ledger.window()["seq"].to_list() == list(range(1, 161))
    assert [each.fault for each in ledger.verify()] == [""] * 5


def test_a_ledger_locked_by_another_process_says_so_and_is_used_again_afterwards(
    ledger: SqliteLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fearless.ledger.sqlite.PATIENCE_S", 0.05)
    ledger.append([prediction()])
    ledger.close()
    other = sqlite3.connect(ledger.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(LedgerError, match="database is locked"):
        ledger.append([prediction()])
    with pytest.raises(LedgerError, match="database is locked"):
        ledger.prove_writable()
    other.execute("ROLLBACK")
    ledger.prove_writable()
    ledger.append([prediction()])
    assert ledger.window().height == 2


def test_a_ledger_that_was_removed_is_not_written_into_the_void(ledger: SqliteLedger) -> None:
    ledger.append([prediction()])
    ledger.path.unlink()
    kept = prediction()
    ledger.append([kept])
    assert SqliteLedger(ledger.path).window()["id"].to_list() == [kept.id]


def test_a_full_disk_refuses_the_batch_and_is_used_again_when_there_is_room(ledger: SqliteLedger) -> None:
    ledger.append([prediction()])
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, before[1]))  # no file may grow beyond it
    try:
        with pytest.raises(LedgerError, match="cannot be used"):
            ledger.append([prediction(input="x" * 200_000)])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    ledger.append([prediction()])
    assert ledger.window().height == 2


@pytest.mark.parametrize(
    "content", [b"not a database at all, whatever its name says" * 20, b"SQLite format 3\x00"]
)
def test_a_file_that_is_no_ledger_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "p.sqlite"
    path.write_bytes(content)
    if content.startswith(b"SQLite"):
        path.write_bytes(content + b"\xff" * 4080)
    with pytest.raises(LedgerError, match=r"p\.sqlite cannot be used: file is not a database"):
        SqliteLedger(path).append([prediction()])


def test_a_ledger_of_a_later_version_is_refused(ledger: SqliteLedger) -> None:
    ledger.append([prediction()])
    ledger.close()
    sqlite3.connect(ledger.path, isolation_level=None).execute("PRAGMA user_version = 9")
    with pytest.raises(LedgerError, match="has the version 9, and this toolkit reads version 1"):
        ledger.window()


KILLED = """
import sys
from pathlib import Path
from fearless.ledger.sqlite import SqliteLedger
from tests.toolkit.ledger_rows import prediction
ledger = SqliteLedger(Path(sys.argv[1]))
while True:
    row = prediction()
    ledger.append([row])
    print(row.id, flush=True)
"""


def test_nothing_that_append_acknowledged_is_lost_by_kill_9(tmp_path: Path) -> None:
    path = tmp_path / "p.sqlite"
    acknowledged: list[str] = []
    for _ in range(3):
        command = [sys.executable, "-c", KILLED, str(path)]
        source = str(ROOT / "template" / "fearless" / "src")
        with subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.PIPE, text=True, env={"PYTHONPATH": source}
        ) as writer:
            assert writer.stdout
            acknowledged += [writer.stdout.readline().strip() for _ in range(30)]
            writer.kill()
            acknowledged += [line.strip() for line in writer.stdout if len(line) == 37]
    assert len(acknowledged) >= 90
    stored = set(SqliteLedger(path).window()["id"].to_list())
    assert set(acknowledged) <= stored


def test_every_commit_is_synced(ledger: SqliteLedger) -> None:
    ledger.append([prediction()])
    assert ledger._connection is not None
    # No test can cut the power: FULL (2) syncs the log at each commit, NORMAL would not.
    assert ledger._connection.execute("PRAGMA synchronous").fetchone() == (2,)
    assert ledger._connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


@pytest.mark.parametrize("other", [False, True], ids=["empty", "another program's"])
def test_who_only_reads_makes_no_ledger_of_a_file_that_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, other: bool
) -> None:
    (tmp_path / ".copier-answers.yml").write_text("profile: light\n", encoding="utf-8")
    path = tmp_path / "there.sqlite"
    path.touch()
    if other:
        with contextlib.closing(sqlite3.connect(path)) as program:
            program.execute("CREATE TABLE bookmarks (address TEXT)")
    before = path.read_bytes()
    monkeypatch.setenv("FEARLESS_LEDGER", f"sqlite:///{path}")
    with pytest.raises(LedgerError, match=r"There is no ledger in .*there.sqlite: the file is empty, or"):
        open_ledger(Project(tmp_path), create=False).verify()
    assert path.read_bytes() == before
    assert sorted(tmp_path.glob("there*")) == [path]


def test_a_ledger_that_went_away_after_it_was_found_is_not_made_anew_by_who_only_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".copier-answers.yml").write_text("profile: light\n", encoding="utf-8")
    path = tmp_path / "there.sqlite"
    SqliteLedger(path).append([prediction()])
    monkeypatch.setenv("FEARLESS_LEDGER", f"sqlite:///{path}")
    ledger = open_ledger(Project(tmp_path), create=False)
    for file in tmp_path.glob("there*"):
        file.unlink()
    with pytest.raises(LedgerError, match="cannot be used: No such file"):
        ledger.verify()
    assert list(tmp_path.glob("there*")) == []


def test_the_address_comes_from_the_environment_or_lies_in_the_scratch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".copier-answers.yml").write_text("profile: regulated\n", encoding="utf-8")
    project = Project(tmp_path)
    monkeypatch.delenv("FEARLESS_LEDGER", raising=False)
    with pytest.raises(FearlessError, match="nothing was predicted yet"):
        open_ledger(project, create=False)
    ledger = open_ledger(project)
    ledger.append([prediction()])
    assert (tmp_path / ".fearless" / "ledger" / "predictions.sqlite").is_file()
    assert [each.chained for each in ledger.verify()] == [
        1,
        1,
        0,
        0,
        0,
    ]  # regulated: one origin, one prediction
    monkeypatch.setenv("FEARLESS_LEDGER", f"sqlite:///{tmp_path}/own.sqlite")
    open_ledger(project).append([prediction()])
    assert (tmp_path / "own.sqlite").is_file()
    assert ledger_address(project).endswith("/own.sqlite")
    monkeypatch.setenv("FEARLESS_LEDGER", "mysql://host/db")
    with pytest.raises(FearlessError, match="of the kind `mysql`"):
        open_ledger(project)


def test_a_window_of_two_fields_reads_no_more(ledger: SqliteLedger) -> None:
    ledger.append([prediction()])
    assert ledger.window(columns=["score", "model_name"]).to_dicts() == [
        {"score": 0.25, "model_name": "churn"}
    ]
    assert set(Prediction._fields[:-1]) < set(ledger.window().columns)
