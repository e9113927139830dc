"""The service over HTTP: what it answers, what it refuses by name, and that each answer is recorded before."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import sqlite3
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from fearless.columns.frame import typed
from fearless.core.errors import FearlessError
from fearless.serve.app import MOST_BYTES, MOST_ROWS
from fearless.serve.scoring import chosen_role, put_in_place
from fearless.serve.service import Request
from fearless.serve.trace import trace

from .conftest import Tree, make_rows
from .serving import Client, Running, running, trained

JSON = {"content-type": "application/json"}


@pytest.fixture
def service(tree: Tree) -> Iterator[Running]:
    with running(tree, trained(tree)) as started:
        yield started


def as_sent(rows: Any) -> list[dict[str, Any]]:
    names = ["customer", "day", "calls", "fee", "plan", "loyal"]
    sent: list[dict[str, Any]] = json.loads(json.dumps(rows.select(names).to_dicts(), default=str))
    return sent


def test_one_row_is_answered_and_can_be_read_back(service: Running) -> None:
    reply = service.client.predict(service.row, x_request_id="order 17")
    assert reply.status == 200
    told = reply.content
    assert set(told) == {"id", "score", "decision", "threshold", "model", "model_version", "model_sha256"}
    assert told["decision"] == ("true" if told["score"] >= told["threshold"] else "false")
    stored = service.client.get(f"/v1/predictions/{told['id']}").content
    assert stored["input"] == service.row
    assert stored["score"] == told["score"]
    assert stored["client_request_id"] == "order 17"
    assert stored["features"]["plan=basic"] == 1.0
    assert service.client.get("/v1/predictions/nobody").status == 404


def test_many_rows_give_the_scores_that_the_model_gives_and_each_is_recorded(
    service: Running, tree: Tree
) -> None:
    rows = make_rows(150, calls=[None, *range(50), *range(50), *range(49)])
    reply = service.client.predict(as_sent(rows))
    assert reply.status == 200
    model = service.served.service.in_place.model
    expected = model.score_rows(typed(rows, tree.dictionary, "the test"))
    assert np.array_equal([each["score"] for each in reply.content], expected)
    stored = service.ledger.window()
    assert stored["id"].to_list() == [each["id"] for each in reply.content]
    assert stored["row_number"].to_list() == list(range(150))
    assert stored["model_sha256"].unique().to_list() == [model.digest]


@pytest.mark.parametrize(
    ("changed", "column", "reason"),
    [
        ({"calls": 61}, "calls", "range"),
        ({"plan": "gold"}, "plan", "level"),
        ({"fee": "9.5"}, "fee", "type"),
        ({"fee": None}, "fee", "missing"),
        ({"left": True}, "left", "not_known"),
        ({"all_calls": 3}, "all_calls", "not_known"),
        ({"colour": "red"}, "colour", "unknown"),
    ],
)
def test_a_row_that_does_not_fit_is_refused_by_column_and_nothing_is_predicted(
    service: Running, changed: dict[str, Any], column: str, reason: str
) -> None:
    reply = service.client.predict([service.row, {**service.row, **changed}])
    assert reply.status == 422
    assert reply.content["error"] == reason
    (complaint,) = reply.content["complaints"]
    assert (complaint["row"], complaint["column"]) == (1, column)
    assert f"`{column}`" in reply.content["message"]
    assert service.ledger.window().is_empty()
    (refused,) = service.ledger.refusals().to_dicts()
    assert (refused["status"], refused["reason"]) == ("rejected", reason)
    assert refused["column"] == ("" if reason == "unknown" else column)
    assert "gold" not in refused["sentence"]
    assert f'ml_requests_refused_total{{reason="{reason}"}} 1' in service.client.get("/metrics").content


@pytest.mark.parametrize(
    ("body", "headers", "status", "error"),
    [
        (b"{", JSON, 400, "json"),
        (b"", JSON, 400, "json"),
        (b'{"calls": NaN}', JSON, 400, "json"),
        (b'{"calls": 1, "\xff": 2}', JSON, 400, "json"),
        (b'{"customer": "\\ud800"}', JSON, 400, "json"),
        (b"[" * 100_000, JSON, 400, "json"),
        (b"[]", JSON, 422, "rows"),
        (b"[3]", JSON, 422, "row"),
        (b"null", JSON, 422, "row"),
        (b"{}", {"content-type": "text/plain"}, 415, "content_type"),
        (b"{}", {}, 415, "content_type"),
        (b"a=1", {"content-type": "application/x-www-form-urlencoded"}, 415, "content_type"),
        (b"x" * (10 * 1024 * 1024), JSON, 413, "size"),
        (b"{}", {**JSON, "idempotency-key": ""}, 422, "idempotency_key"),
        (b"{}", {**JSON, "idempotency-key": "k" * 201}, 422, "idempotency_key"),
        (b"{}", {**JSON, "x-fearless-channel": "other"}, 422, "channel"),
    ],
)
def test_what_is_no_request_is_refused_without_harm(
    service: Running, body: bytes, headers: dict[str, str], status: int, error: str
) -> None:
    try:
        reply = service.client.post(body, headers)
    except (BrokenPipeError, ConnectionResetError):
        assert status == 413  # the service may close before all of it is sent
    else:
        assert (reply.status, reply.content["error"]) == (status, error)
        assert reply.content["message"]
    assert service.client.predict(service.row).status == 200


@pytest.mark.parametrize(
    "changed",
    [
        '"customer": "caf\\u00e9 \\ud83d\\ude00"',
        '"customer": "café 😀 \u2028"',
        '"customer": "  Ada  "',
        '"customer": "a\\"b\\\\c\\n"',
        '"calls": 3.0',
        '"calls": 2e1',
        '"fee": 10000000000000000000e-18',
        '"fee": 0.1000000000000000055511151231257827',
        '"fee": 1e-320',
        '"fee": 9007199254740993',
        '"calls": 61, "calls": 7',
        '"calls"\t:\r\n null ',
    ],
)
def test_what_was_asked_is_stored_with_the_same_values_and_made_again_from_it(
    service: Running, tree: Tree, monkeypatch: pytest.MonkeyPatch, changed: str
) -> None:
    body = f" {json.dumps(service.row)[:-1]}, {changed}}}\n".encode()
    reply = service.client.post(body, JSON)
    assert reply.status == 200
    monkeypatch.setenv("FEARLESS_LEDGER", f"sqlite:///{service.ledger.path}")
    found = trace(tree.project, reply.content["id"])
    asked = json.loads(body)  # of a name that is sent twice the last value counts, there and here
    assert (found.input, list(map(type, found.input.values()))) == (asked, list(map(type, asked.values())))
    assert found.differences == []


@pytest.mark.parametrize("changed", ['{"a": 1}', "[1]", "61", "1e400", "12345678901234567890123", '"3"'])
def test_a_value_of_another_kind_is_refused_by_its_column(service: Running, changed: str) -> None:
    reply = service.client.post(f'{json.dumps(service.row)[:-1]}, "calls": {changed}}}'.encode(), JSON)
    assert reply.status in (400, 422)
    assert reply.status == 400 or reply.content["complaints"][0]["column"] == "calls"
    assert service.ledger.window().is_empty()


def ask_raw(service: Running, head: str, body: bytes) -> bytes:
    """The whole answer to a request written by hand, on a connection of its own."""
    with socket.create_connection(("127.0.0.1", service.port), 60) as connection:
        told = f"POST /v1/predict HTTP/1.1\r\nhost: here\r\nconnection: close\r\n{head}\r\n"
        connection.sendall(told.encode("latin-1") + body)
        return b"".join(iter(lambda: connection.recv(65536), b""))


def test_of_a_header_that_is_sent_twice_the_first_one_counts(service: Running) -> None:
    body = json.dumps(service.row).encode()
    head = (
        f"Content-Type: Application/JSON ; charset=utf-8\r\ncontent-type: text/plain\r\ncontent-length: {len(body)}\r\n"
        "Idempotency-Key: fürst\r\nidempotency-key: other\r\nX-REQUEST-ID: order 17\r\nx-request-id: 18\r\n"
    )
    assert ask_raw(service, head, body).startswith(b"HTTP/1.1 200 OK\r\n")
    (stored,) = service.ledger.window().to_dicts()
    assert (stored["idempotency_key"], stored["client_request_id"]) == ("fürst", "order 17")


def test_a_client_that_goes_away_within_its_body_disturbs_nobody(service: Running) -> None:
    with socket.create_connection(("127.0.0.1", service.port), 60) as gone:
        gone.sendall(
            b"POST /v1/predict HTTP/1.1\r\nhost: here\r\ncontent-type: application/json\r\n"
            b'content-length: 400\r\n\r\n{"customer"'
        )
    assert service.client.predict(service.row).status == 200
    assert service.ledger.window().height == 1


def test_a_fault_of_the_service_is_answered_and_the_next_request_is_served(
    service: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(service.served.service, "_encode", lambda row: row / 0)
        reply = service.client.predict(service.row)
    assert (reply.status, reply.content["error"]) == (500, "fault")
    assert "TypeError" in reply.content["message"]
    assert service.client.predict(service.row).status == 200
    assert service.ledger.window().height == 1


def test_a_body_without_a_length_is_cut_off_at_the_most_bytes(service: Running) -> None:
    parts = (b" " * 1_000_000 for _ in range(MOST_BYTES // 1_000_000 + 2))
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # it may close before all of it is sent
        assert service.client.post(parts, JSON).status == 413
    assert service.client.predict(service.row).status == 200


def test_a_hundred_thousand_rows_are_refused_and_the_most_rows_are_answered(service: Running) -> None:
    reply = service.client.post(b"[" + b",".join([b"{}"] * 100_000) + b"]", JSON)
    assert (reply.status, reply.content["error"]) == (413, "rows")
    small = {**service.row, "customer": "a"}
    assert service.client.predict([small] * (MOST_ROWS + 1)).status == 413
    assert len(service.client.predict([small] * MOST_ROWS).content) == MOST_ROWS
    assert service.ledger.window(columns=["id"]).height == MOST_ROWS


def test_an_unknown_address_and_a_wrong_method_are_answered_in_json(service: Running) -> None:
    for path, status in (("/v1/nothing", 404), ("/v1/predict", 405)):
        reply = service.client.get(path)
        assert (reply.status, reply.content["error"]) == (status, "address")


def test_a_retry_with_the_same_key_gets_the_stored_answer(service: Running) -> None:
    rows = [service.row, {**service.row, "calls": 40}]
    first = service.client.predict(rows, idempotency_key="order 17")
    again = service.client.predict(rows, idempotency_key="order 17")
    assert (first.status, again.status) == (200, 200)
    assert again.content == first.content
    assert service.ledger.window().height == 2
    other = service.client.predict(rows[:1], idempotency_key="order 17")
    assert (other.status, other.content["error"]) == (422, "idempotency_key")
    one = service.client.predict(service.row, idempotency_key="order 18")
    assert service.client.predict(service.row, idempotency_key="order 18").content == one.content


def test_retries_that_run_into_each_other_are_recorded_once(service: Running) -> None:
    def ask(_: int) -> Any:
        return service.client.predict(service.row, idempotency_key="same").content

    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(ask, range(64)))
    assert all(answer == answers[0] for answer in answers)
    assert service.ledger.window().height == 1


def test_two_requests_with_one_key_in_one_batch_are_one_prediction(service: Running) -> None:
    asked = Request([service.row], False, 1, idempotency_key="same", sha256="a")
    other = replace(asked, sha256="b")
    first, second, third = service.served.service.answer([asked, asked, other])
    assert (first.status, second) == (200, first)
    assert (third.status, third.content["error"]) == (422, "idempotency_key")
    assert service.ledger.window().height == 1


def test_without_a_writable_ledger_nothing_is_predicted_until_it_is_mended(
    service: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fearless.ledger.sqlite.PATIENCE_S", 0.05)
    service.served.service.ledger.close()  # opened again with that patience
    assert service.client.get("/readyz").status == 200
    other = sqlite3.connect(service.ledger.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    reply = service.client.predict(service.row)
    assert (reply.status, reply.content["error"], reply.headers["retry-after"]) == (503, "ledger", "1")
    assert service.client.get("/healthz").status == 200
    ready = service.client.get("/readyz")
    assert (ready.status, ready.content["ready"]) == (503, False)
    assert "database is locked" in ready.content["trouble"]
    metrics = service.client.get("/metrics").content
    assert "ml_ready 0" in metrics
    assert "ml_ledger_errors_total 1" in metrics
    other.execute("ROLLBACK")
    assert service.client.get("/readyz").status == 200
    assert service.client.predict(service.row).status == 200
    assert service.ledger.window().height == 1


def test_a_row_that_the_teams_code_cannot_take_fails_alone(tree: Tree) -> None:
    tree.code(
        "features.py",
        """\
        from fearless.api import plain

        def features(rows):
            if (rows["customer"] == "poison").any():
                raise RuntimeError("no such customer")
            return plain(rows)
        """,
    )
    with running(tree, trained(tree)) as service:
        rows = [{**service.row, "customer": "poison" if number == 7 else str(number)} for number in range(16)]
        barrier = threading.Barrier(16)

        def ask(row: dict[str, Any]) -> int:
            client = service.client
            barrier.wait(20)
            return client.predict(row).status

        with ThreadPoolExecutor(16) as pool:
            assert list(pool.map(ask, rows)) == [500 if number == 7 else 200 for number in range(16)]
        (failed,) = service.ledger.refusals().to_dicts()
        assert (failed["status"], failed["reason"]) == ("failed", "failed")
        assert "no such customer" in failed["sentence"]
        assert service.ledger.window().height == 15


def test_another_model_is_put_in_place_under_load_and_no_request_is_dropped(tree: Tree) -> None:
    first = trained(tree, "candidate", seed=0)
    second = trained(tree, "champion", seed=5)
    known = {each.model.digest: each for each in (first, second)}
    assert len(known) == 2
    with running(tree, first) as service:
        stop = threading.Event()

        def load(_: int) -> list[tuple[int, Any]]:
            client, replies = service.client, []
            while not stop.is_set():
                reply = client.predict(service.row)
                replies.append((reply.status, reply.content))
            return replies

        with ThreadPoolExecutor(8) as pool:
            loads = [pool.submit(load, number) for number in range(8)]
            loop = asyncio.new_event_loop()
            for role in ("champion", "candidate") * 3:
                made = loop.run_until_complete(
                    service.served.batcher.between(
                        lambda role=role: service.served.service.replace(  # type: ignore[misc]
                            lambda: put_in_place(tree.project, role)
                        )
                    )
                )
                told = Client(service.port).predict(service.row).content
                assert told["model_sha256"] == made.model.digest
            loop.close()
            stop.set()
            replies = [reply for each in loads for reply in each.result()]
    assert {status for status, _ in replies} == {200}
    scores = {
        digest: each.score(each.schema.read([service.row])[0]).scores[0] for digest, each in known.items()
    }
    assert {told["model_sha256"] for _, told in replies} == set(known)
    assert all(told["score"] == scores[told["model_sha256"]] for _, told in replies)


def test_a_model_put_into_the_folder_of_the_one_before_answers_with_its_own_code(tree: Tree) -> None:
    plain = "from fearless.api import plain\n\ndef features(rows):\n    return plain(rows)\n"
    tree.code("features.py", plain)
    with running(tree, trained(tree)) as service:
        folder = tree.root / "models" / "candidate"
        before = service.client.predict(service.row).content
        folder.rename(tree.root / "models" / "before")
        doubled = plain.replace("plain(rows)", 'plain(rows).with_columns(pl.col("calls") * 2)')
        tree.code("features.py", f"import polars as pl\n{doubled}")
        made = trained(tree)
        service.served.service.replace(lambda: put_in_place(tree.project, "candidate"))
        after = service.client.predict(service.row).content
        assert after["model_sha256"] == made.model.digest != before["model_sha256"]
        stored = service.client.get(f"/v1/predictions/{after['id']}").content
        assert stored["features"]["calls"] == 2 * service.row["calls"]


def test_a_model_that_cannot_be_read_leaves_the_one_in_place(service: Running, tree: Tree) -> None:
    before = service.client.predict(service.row).content["model_sha256"]
    with pytest.raises(FearlessError, match="There is no model in models/champion"):
        asyncio.run(
            service.served.batcher.between(
                lambda: service.served.service.replace(lambda: put_in_place(tree.project, "champion"))
            )
        )
    assert service.client.predict(service.row).content["model_sha256"] == before


def test_a_model_file_that_was_swapped_on_disk_is_refused(tree: Tree) -> None:
    trained(tree)
    file = tree.root / "models" / "candidate" / "model.onnx"
    file.write_bytes(file.read_bytes().replace(b"skl2onnx", b"skl2onnz"))
    with pytest.raises(FearlessError, match=r"model\.onnx is not the file that was trained"):
        put_in_place(tree.project, "candidate")


def test_the_champion_answers_where_there_is_one(tree: Tree) -> None:
    assert chosen_role(tree.project, "") == "candidate"
    trained(tree, "champion")
    assert chosen_role(tree.project, "") == "champion"
    assert chosen_role(tree.project, "candidate") == "candidate"
    with pytest.raises(FearlessError, match="There is no model `best`"):
        chosen_role(tree.project, "best")


def test_the_digests_of_what_answers_are_told(service: Running, tree: Tree) -> None:
    told = service.client.get("/version").content
    ready = service.served.service.in_place
    assert told["model_sha256"] == ready.model.digest
    assert told["files"] == ready.model.manifest.files
    assert told["columns_sha256"] == told["files"]["columns.yaml"]
    assert told["model_role"] == "candidate"


def test_the_description_holds_an_example_that_is_answered(service: Running) -> None:
    schema = pytest.importorskip("jsonschema")
    document = service.client.get("/openapi.json").content
    row = document["components"]["schemas"]["Row"]
    (example,) = row["examples"]
    schema.Draft202012Validator.check_schema(row)
    schema.validate(example, row)
    assert service.client.predict(example).status == 200
    for changed in ({"calls": 61}, {"plan": "gold"}, {"fee": None}, {"colour": 1}, {"left": True}):
        with pytest.raises(schema.ValidationError):
            schema.validate({**example, **changed}, row)
        assert service.client.predict({**example, **changed}).status == 422


def test_predictions_are_counted(service: Running) -> None:
    service.client.predict([service.row] * 3)
    service.client.predict(service.row, x_fearless_channel="simulated")
    lines = service.client.get("/metrics").content.splitlines()
    version = service.served.service.in_place.provenance.model_version
    for channel, count in (("http", 3), ("simulated", 1)):
        assert (
            f'ml_predictions_total{{model="shop",version="{version}",channel="{channel}"}} {count}' in lines
        )
    assert "ml_prediction_duration_seconds_count 2" in lines
    assert "ml_ready 1" in lines
    assert service.ledger.window()["channel"].to_list() == ["http"] * 3 + ["simulated"]


def test_a_prediction_is_made_again_from_its_digests(
    service: Running, tree: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = service.client.predict([service.row, {**service.row, "calls": None}]).content[1]
    monkeypatch.setenv("FEARLESS_LEDGER", f"sqlite:///{service.ledger.path}")
    found = trace(tree.project, told["id"])
    assert found.differences == []
    assert found.again == told["score"]
    assert found.input["calls"] is None
    assert found.features["plan=basic"] == 1.0
    with pytest.raises(FearlessError, match="No prediction has the id nobody"):
        trace(tree.project, "nobody")
    with sqlite3.connect(service.ledger.path) as hostile:
        hostile.execute("DROP TRIGGER predictions_no_update")
        hostile.execute(
            "UPDATE predictions SET score = score + 0.5, decision = 'maybe' WHERE id = ?", (told["id"],)
        )
    changed = trace(tree.project, told["id"]).differences
    assert [sentence.split(" was ")[0] for sentence in changed] == ["The score", "The decision"]
    (tree.root / "models" / "candidate" / "manifest.json").write_text("{}", encoding="utf-8")
    with pytest.raises(FearlessError, match="is not here: no manifest below models/"):
        trace(tree.project, told["id"])
