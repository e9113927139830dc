"""The ledger in one SQLite file: write-ahead log, every commit synced, one transaction for a batch.

`synchronous=FULL` because NORMAL keeps a commit through a killed process and loses it in a power cut. One host: the
write-ahead log needs shared memory, so the file must not lie on a network drive.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fearless.ledger.chain import START, Link, Value, Verified, link_hash, verify
from fearless.ledger.identity import lowest_id
from fearless.ledger.record import Deployment, Labelled, Prediction, Provenance, Refusal, Reject, micros
from fearless.ledger.store import SCHEME, LedgerError

if TYPE_CHECKING:
    import polars as pl

VERSION = 1
PATIENCE_S = 2.0  # how long a lock of another process is waited for, while requests wait too
CHUNK = 50_000
CHECKPOINT_PAGES = 4000  # 16 MB of log; each checkpoint syncs twice while requests wait

PREDICTIONS = Prediction._fields[:-1]  # without the provenance, which stands in a table of its own
TABLES: dict[str, tuple[str, ...]] = {
    "provenance": Provenance._fields,
    "predictions": (*PREDICTIONS, "provenance"),
    "refusals": Refusal._fields,
    "labels": ("prediction_id", "label", "labelled_at", "received_at", "source"),
    "deployments": Deployment._fields,
}
KINDS = {
    **dict.fromkeys(("received_at", "decided_at", "labelled_at", "row_number", "rows", "at"), "INTEGER"),
    **dict.fromkeys(("score", "threshold", "label"), "REAL"),
    "features": "BLOB",
}
MAY_BE_EMPTY = (
    *("client_request_id", "idempotency_key", "request_sha256", "threshold", "decision", "labelled_at"),
    "source",
)
INDEXES = """
CREATE UNIQUE INDEX predictions_id ON predictions (id);
CREATE UNIQUE INDEX predictions_key ON predictions (idempotency_key, row_number) WHERE idempotency_key IS NOT NULL;
CREATE INDEX refusals_received ON refusals (received_at);
CREATE INDEX labels_prediction ON labels (prediction_id, seq);
"""
_DEPLOYED = "seq, model_version, kind, actor"
NEWEST_LABEL = "SELECT max(seq) FROM labels WHERE prediction_id = p.id"


class SqliteLedger:
    """A Ledger in the SQLite file at `path`; with `chained` every row carries the hash of the one before it.

    It is made where there is none; with create=False that raises LedgerError and leaves nothing behind.
    """

    def __init__(self, path: Path, *, chained: bool = False, create: bool = True) -> None:
        self.path = path
        self.address = f"{SCHEME}{path}"
        self.chained = chained
        self.create = create
        self._connection: sqlite3.Connection | None = None
        self._inode = 0
        self._known: dict[Provenance, int] = {}

    def append(self, predictions: Sequence[Prediction], refusals: Sequence[Refusal] = ()) -> None:
        with self._transaction() as connection:
            if predictions:
                numbers = self._numbers_of({each.provenance for each in predictions}, connection)
                rows = [(*each[:-1], numbers[each[-1]]) for each in predictions]
                self._insert("predictions", rows, connection)
            if refusals:
                self._insert("refusals", refusals, connection)

    def prove_writable(self) -> None:
        with self._transaction() as connection:
            # Page 1 is written and synced: a full disk, a lock and a file that was taken away all show.
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            connection.execute(f"PRAGMA user_version = {version}")

    def get(self, prediction_id: str) -> dict[str, Any] | None:
        with self._reading() as connection:
            found = _dicts(connection.execute(f"{_select(_JOINED)} WHERE p.id = ?", (prediction_id,)))
        return found[0] if found else None

    def by_idempotency_key(self, key: str) -> list[dict[str, Any]]:
        with self._reading() as connection:
            query = f"{_select(_COLUMNS)} WHERE p.idempotency_key = ? ORDER BY p.row_number"
            return _dicts(connection.execute(query, (key,)))

    def window(
        self, since: datetime | None = None, until: datetime | None = None, columns: Sequence[str] = ()
    ) -> pl.DataFrame:
        return self._window({name: _COLUMNS[name] for name in columns or _COLUMNS}, since, until)

    def joined(
        self, since: datetime | None = None, until: datetime | None = None, columns: Sequence[str] = ()
    ) -> pl.DataFrame:
        return self._window({name: _JOINED[name] for name in columns or _JOINED}, since, until)

    def refusals(self, since: datetime | None = None, until: datetime | None = None) -> pl.DataFrame:
        names = {name: name for name in ("seq", *Refusal._fields)}
        low = micros(since) if since else -(2**62)
        high = micros(until) if until else 2**62
        with self._reading() as connection:
            rows = connection.execute(
                f"SELECT {', '.join(names)} FROM refusals WHERE received_at >= ? AND received_at < ? ORDER BY seq",
                (low, high),
            ).fetchall()
        return _frame(rows, names)

    def add_labels(self, labels: pl.DataFrame) -> Labelled:
        now = time.time_ns() // 1000
        rows, rejects = _fit_labels(labels)
        added = corrected = repeated = 0
        with self._transaction() as connection:
            for start in range(0, len(rows), CHUNK):
                chunk = rows[start : start + CHUNK]
                stored = _newest_labels([row[1] for row in chunk], connection)
                fresh: list[tuple[Value, ...]] = []
                for number, prediction_id, label, labelled_at, source in chunk:
                    if prediction_id not in stored:
                        rejects.append(Reject(number, prediction_id, "no prediction has this id"))
                        continue
                    before = stored[prediction_id]
                    added += before is None
                    repeated += before == label
                    corrected += before is not None and before != label
                    if before != label:
                        fresh.append((prediction_id, label, labelled_at, now, source))
                self._insert("labels", fresh, connection)
        return Labelled(added, corrected, repeated, tuple(sorted(rejects)))

    def deploy(self, deployment: Deployment, known: int | None = None) -> None:
        with self._transaction() as connection:
            newest = connection.execute(f"SELECT {_DEPLOYED} FROM deployments ORDER BY seq DESC LIMIT 1")
            (seq, version, kind, actor) = newest.fetchone() or (0, "", "", "")
            if known is not None and seq > known:
                raise LedgerError(
                    f"{version} was put in production meanwhile ({kind}, by {actor}), and nothing was changed.",
                    fix="Look at `uv run fearless history`, and say it again if it is still meant.",
                )
            self._insert("deployments", [deployment], connection)

    def deployments(self) -> list[Deployment]:
        with self._reading() as connection:
            query = f"SELECT {', '.join(Deployment._fields)} FROM deployments ORDER BY seq"
            return [Deployment(*row) for row in connection.execute(query)]

    def production(self) -> Deployment | None:
        with self._reading() as connection:
            query = f"SELECT {', '.join(Deployment._fields)} FROM deployments ORDER BY seq DESC LIMIT 1"
            found = connection.execute(query).fetchone()
        return Deployment(*found) if found else None

    def verify(self) -> list[Verified]:
        with self._reading() as connection:
            return [verify(table, _links(table, connection)) for table in TABLES]

    def close(self) -> None:
        connection, self._connection = self._connection, None
        self._known = {}
        if connection is not None:
            with contextlib.suppress(sqlite3.Error):
                connection.close()

    def _numbers_of(self, wanted: set[Provenance], connection: sqlite3.Connection) -> dict[Provenance, int]:
        for each in wanted - self._known.keys():
            where = " AND ".join(f"{name} = ?" for name in Provenance._fields)
            stored = connection.execute(f"SELECT min(seq) FROM provenance WHERE {where}", each).fetchone()[0]
            self._known[each] = stored or self._insert("provenance", [each], connection)
        return self._known

    def _insert(self, table: str, rows: Sequence[Sequence[Value]], connection: sqlite3.Connection) -> int:
        """Add `rows` behind the newest row of `table`; returns the number of the last one."""
        # Read within the transaction: another process may have written since.
        newest = connection.execute(f"SELECT seq, row_hash FROM {table} ORDER BY seq DESC LIMIT 1").fetchone()
        last, head = newest or (0, None)
        head = head or START
        reals = [place for place, name in enumerate(TABLES[table]) if KINDS.get(name) == "REAL"]
        stored: list[tuple[Value, ...]] = []
        for seq, row in enumerate(rows, start=last + 1):
            if self.chained:
                own = link_hash(head, seq, _as_stored(row, reals))
                stored.append((seq, *row, head, own))
                head = own
            else:
                stored.append((seq, *row, None, None))
        marks = ", ".join("?" * (len(TABLES[table]) + 3))
        connection.executemany(f"INSERT INTO {table} VALUES ({marks})", stored)
        return int(last) + len(rows)

    def _window(self, chosen: dict[str, str], since: datetime | None, until: datetime | None) -> pl.DataFrame:
        # Ids sort by the time of decision, so the one index that there is finds the window.
        bounds = {"low": lowest_id(micros(since)) if since else "", "high": "g"}
        if until:
            bounds["high"] = lowest_id(micros(until))
        with self._reading() as connection:
            query = f"{_select(chosen)} WHERE p.id >= :low AND p.id < :high ORDER BY p.seq"
            return _frame(connection.execute(query, bounds).fetchall(), chosen)

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """One transaction: durable when the block has ended, undone when it raises."""
        with self._reading() as connection:
            connection.execute("BEGIN IMMEDIATE")
            yield connection
            connection.execute("COMMIT")
            if _inode(self.path) != self._inode:
                raise sqlite3.OperationalError("the file was moved or removed while it was written")

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        try:
            if self._connection is None or _inode(self.path) != self._inode:
                self.close()
                self._connection = self._opened()
                self._inode = _inode(self.path)
            yield self._connection
        except (sqlite3.Error, OSError, OverflowError) as error:
            self.close()
            raise _unusable(self.path, error) from None
        except BaseException:
            self.close()  # an open transaction is undone with it
            raise

    def _opened(self) -> sqlite3.Connection:
        if self.create:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        else:
            self.path.stat()
        connection = sqlite3.connect(
            self.path, timeout=PATIENCE_S, isolation_level=None, check_same_thread=False
        )
        try:
            if not self.create:
                _refuse_without_tables(connection, self.path)
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA fullfsync = ON")  # macOS: an ordinary sync stops in the drive's cache
            connection.execute("PRAGMA checkpoint_fullfsync = ON")
            connection.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
            _make_tables(connection, self.path)
        except BaseException:
            connection.close()
            raise
        return connection


_COLUMNS = {
    "seq": "p.seq",
    **{name: f"p.{name}" for name in PREDICTIONS},
    **{name: f"o.{name}" for name in Provenance._fields},
}
_JOINED = {
    **_COLUMNS,
    "truth": "l.label",
    "labelled_at": "l.labelled_at",
    "label_received_at": "l.received_at",
}
_MOMENTS = ("received_at", "decided_at", "labelled_at", "label_received_at")


def _select(chosen: dict[str, str]) -> str:
    told = ", ".join(f"{place} AS {name}" for name, place in chosen.items())
    query = f"SELECT {told} FROM predictions AS p"
    if any(place.startswith("o.") for place in chosen.values()):
        query += " JOIN provenance AS o ON o.seq = p.provenance"
    if "truth" in chosen:
        query += f" LEFT JOIN labels AS l ON l.seq = ({NEWEST_LABEL})"
    return query


def _refuse_without_tables(connection: sqlite3.Connection, path: Path) -> None:
    """Ask before anything is written: an empty file, or another program's, is told as such and stays as it is."""
    if connection.execute("PRAGMA user_version").fetchone()[0] == 0:
        raise LedgerError(
            f"There is no ledger in {path}: the file is empty, or another program's.",
            fix="Is FEARLESS_LEDGER the service's? A ledger that was emptied comes back from a copy of it.",
        )


def _make_tables(connection: sqlite3.Connection, path: Path) -> None:
    found = connection.execute("PRAGMA user_version").fetchone()[0]
    if found == VERSION:
        return
    if found > VERSION:
        raise LedgerError(
            f"The ledger {path.name} has the version {found}, and this toolkit reads version {VERSION}.",
            fix="Bring in the newest toolkit with `uvx copier update --defaults`.",
        )
    connection.execute("BEGIN IMMEDIATE")
    if connection.execute("PRAGMA user_version").fetchone()[0] == 0:  # no other process made them meanwhile
        for table, names in TABLES.items():
            told = [
                f"{name} {_kind(table, name)}{'' if name in MAY_BE_EMPTY else ' NOT NULL'}" for name in names
            ]
            connection.execute(
                f"CREATE TABLE {table} (seq INTEGER PRIMARY KEY, {', '.join(told)},"
                " previous_hash BLOB, row_hash BLOB)"
            )
            for act in ("UPDATE", "DELETE"):
                connection.execute(
                    f"CREATE TRIGGER {table}_no_{act.lower()} BEFORE {act} ON {table}"
                    " BEGIN SELECT raise(ABORT, 'the ledger is append-only'); END"
                )
        for statement in INDEXES.strip().splitlines():
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {VERSION}")
    connection.execute("COMMIT")


def _kind(table: str, name: str) -> str:
    if table == "predictions" and name == "provenance":
        return "INTEGER"
    return KINDS.get(name, "TEXT")


def _as_stored(row: Sequence[Value], reals: Sequence[int]) -> list[Value]:
    """`row` as SQLite gives it back: a whole number in a column of reals becomes one."""
    values = list(row)
    for place in reals:
        value = values[place]
        if isinstance(value, int):
            values[place] = float(value)
    return values


def _links(table: str, connection: sqlite3.Connection) -> Iterator[Link]:
    names = ", ".join(TABLES[table])
    rows = connection.execute(f"SELECT seq, previous_hash, row_hash, {names} FROM {table} ORDER BY seq")
    for seq, previous, own, *values in rows:
        yield Link(seq, values, previous, own)


def _dicts(cursor: sqlite3.Cursor) -> list[dict[str, Any]]:
    names = [about[0] for about in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor]


def _frame(rows: list[tuple[Any, ...]], chosen: dict[str, str]) -> pl.DataFrame:
    import polars as pl

    columns = list(zip(*rows, strict=True)) or [()] * len(chosen)
    made = []
    for name, values in zip(chosen, columns, strict=True):
        kind = pl.Int64 if name == "seq" else _polars_kind(name)
        made.append(pl.Series(name, values, dtype=kind))
    frame = pl.DataFrame(made)
    moments = [name for name in _MOMENTS if name in frame.columns]
    return frame.with_columns(pl.col(moments).cast(pl.Datetime("us", "UTC")))


def _polars_kind(name: str) -> type[pl.DataType]:
    import polars as pl

    if name in _MOMENTS:
        return pl.Int64
    if name == "truth":
        return pl.Float64
    return {"INTEGER": pl.Int64, "REAL": pl.Float64, "BLOB": pl.Binary}.get(KINDS.get(name, ""), pl.String)


LabelRow = tuple[int, str, float, int | None, str | None]


def _fit_labels(labels: pl.DataFrame) -> tuple[list[LabelRow], list[Reject]]:
    """The rows of `labels` that can be a label, and those that cannot."""
    import polars as pl

    for name, fits in (("prediction_id", pl.String), ("label", None)):
        if name not in labels.columns:
            raise LedgerError(
                f"The labels have no column `{name}`.", fix=f"They have: {', '.join(labels.columns[:12])}."
            )
        kind = labels[name].dtype
        if (fits is not None and kind != fits) or (
            fits is None and not (kind.is_numeric() or kind == pl.Boolean)
        ):
            wanted = "text" if fits else "a number"
            raise LedgerError(f"The column `{name}` of the labels is {kind}, not {wanted}.")
    count = labels.height
    label = labels["label"].cast(pl.Float64)
    moments = _moments(labels, count)
    sources = labels["source"].cast(pl.String).to_list() if "source" in labels.columns else [None] * count
    ids = labels["prediction_id"].to_list()
    chosen: dict[str, LabelRow] = {}
    contradicted: set[str] = set()
    rejects: list[Reject] = []
    for number, (given, value) in enumerate(zip(ids, label.to_list(), strict=True), start=1):
        if not given:
            rejects.append(Reject(number, "", "the id is missing"))
        elif value is None or value != value or value in (float("inf"), float("-inf")):
            rejects.append(Reject(number, given, "the label is missing or no finite number"))
        elif given not in chosen:
            chosen[given] = (number, given, value, moments[number - 1], sources[number - 1])
        elif chosen[given][2] == value:
            rejects.append(Reject(number, given, f"the same label stands in row {chosen[given][0]}"))
        else:
            contradicted.add(given)
            rejects.append(Reject(number, given, f"row {chosen[given][0]} gives another label"))
    for given in contradicted:
        rejects.append(Reject(chosen.pop(given)[0], given, "a later row gives another label"))
    return list(chosen.values()), rejects


def _moments(labels: pl.DataFrame, count: int) -> list[int | None]:
    import polars as pl

    if "labelled_at" not in labels.columns:
        return [None] * count
    kind = labels["labelled_at"].dtype
    if kind not in (pl.Date, pl.Datetime, pl.Null):
        raise LedgerError(f"The column `labelled_at` of the labels is {kind}, not a date or datetime.")
    found: list[int | None] = []
    for moment in labels["labelled_at"]:
        whole = moment if isinstance(moment, datetime) or moment is None else _midnight(moment)
        found.append(None if whole is None else micros(whole))
    return found


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day)


def _newest_labels(ids: Sequence[str], connection: sqlite3.Connection) -> dict[str, float | None]:
    """The newest label of each of `ids` that a prediction has, None where it has none yet."""
    connection.execute("CREATE TEMP TABLE IF NOT EXISTS asked (id TEXT PRIMARY KEY)")
    connection.execute("DELETE FROM asked")
    connection.executemany("INSERT INTO asked VALUES (?)", [(each,) for each in ids])
    rows = connection.execute(
        "SELECT p.id, l.label FROM asked JOIN predictions AS p ON p.id = asked.id"
        f" LEFT JOIN labels AS l ON l.seq = ({NEWEST_LABEL})"
    )
    return dict(rows.fetchall())


def _inode(path: Path) -> int:
    try:
        return os.stat(path).st_ino  # noqa: PTH116  the path object is slower, and this runs twice a batch
    except OSError:
        return -1


def _unusable(path: Path, error: Exception) -> LedgerError:
    said = str(error) or type(error).__name__
    if isinstance(error, OSError):
        said = error.strerror or said
    return LedgerError(
        f"The ledger {path} cannot be used: {said}.",
        fix="Is the disk full, the file locked by another process, or the folder not writable?",
    )
