"""What the service shows of the watching: the newest report, its age, and the age of each heartbeat."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from fearless.cli.monitor import written
from fearless.monitor.heartbeat import beat
from fearless.monitor.watch import monitor

from .conftest import Tree
from .serving import Running, running, trained
from .watched import drawn, model, serve

NOW = datetime.now(UTC)


@pytest.fixture
def service(tree: Tree) -> Iterator[Running]:
    with running(tree, trained(tree)) as found:
        yield found


def report(tree: Tree, sign: str = "monitor", kind: str = "live", before: timedelta = timedelta(0)) -> None:
    written(tree.project, sign, lambda: monitor(tree.project, timedelta(days=7), NOW - before, kind))


def metrics(service: Running) -> dict[str, str]:
    lines = service.client.get("/metrics").content.splitlines()
    return dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))


def test_without_a_report_the_page_names_the_command(service: Running) -> None:
    reply = service.client.get("/dashboard")
    assert reply.status == 200
    assert "There is no report of what was served yet" in reply.content
    assert "<pre>uv run fearless monitor</pre>" in reply.content


def test_the_newest_live_report_is_shown_with_its_age(service: Running, tree: Tree) -> None:
    serve(tree, model(tree), drawn(300, 5), end=NOW)
    report(tree, before=timedelta(hours=5))
    reply = service.client.get("/dashboard")
    page = (tree.project.scratch / "monitor" / "report.html").read_text(encoding="utf-8")
    headline = page[page.index("<h1>") : page.index("</h1>")]
    assert headline in reply.content
    assert "This report was made 5 hours ago." in reply.content
    assert reply.content.count("<!DOCTYPE html>") == 1
    assert service.client.get("/dashboard/monitor").content == reply.content


def test_a_simulated_report_never_stands_in_the_place_of_a_live_one(service: Running, tree: Tree) -> None:
    scorer = model(tree)
    serve(tree, scorer, drawn(300, 5), end=NOW)
    serve(tree, scorer, drawn(300, 6), end=NOW, span=timedelta(days=5), channel="simulated")
    report(tree, "monitor-simulated", "simulated")
    alone = service.client.get("/dashboard").content
    assert "<h1>In the simulation: " in alone
    report(tree)
    both = service.client.get("/dashboard").content
    assert "<h1>In the simulation: " not in both
    assert 'href="/dashboard/monitor-simulated"' in both
    assert "<h1>In the simulation: " in service.client.get("/dashboard/monitor-simulated").content


@pytest.mark.parametrize(
    "path",
    [
        "/dashboard/..",
        "/dashboard/ledger",
        "/dashboard/%2e%2e%2fledger",
        "/dashboard/../columns.yaml",
        "/dashboard/a/b",
    ],
)
def test_no_other_file_is_shown(service: Running, tree: Tree, path: str) -> None:
    serve(tree, model(tree), drawn(40, 5), end=NOW)
    report(tree)
    reply = service.client.get(path)
    assert reply.status == 404
    assert "known_at_prediction" not in str(reply.content)


def test_the_page_asks_for_nothing_from_elsewhere_and_runs_nothing(service: Running, tree: Tree) -> None:
    serve(tree, model(tree), drawn(300, 5), end=NOW)
    report(tree)
    reply = service.client.get("/dashboard")
    assert reply.headers["content-security-policy"].startswith(
        "default-src 'none'; style-src 'unsafe-inline'"
    )
    assert reply.headers["x-content-type-options"] == "nosniff"
    for word in ("http://", "https://", "<script", "src=", "url(", "@import"):
        assert word not in reply.content.replace('xmlns="http://www.w3.org/2000/svg"', ""), word


def test_a_damaged_report_counts_as_none(service: Running, tree: Tree) -> None:
    serve(tree, model(tree), drawn(40, 5), end=NOW)
    report(tree)
    (tree.project.scratch / "monitor" / "report.json").write_text("{", encoding="utf-8")
    assert "There is no report of what was served yet" in service.client.get("/dashboard").content


def test_metrics_say_how_old_each_heartbeat_is(service: Running, tree: Tree) -> None:
    never = metrics(service)
    for job in ("monitor", "truth"):
        assert never[f'ml_monitor_last_success_timestamp_seconds{{job="{job}"}}'] == "0"
        assert never[f'ml_monitor_heartbeat_age_seconds{{job="{job}"}}'] == "+Inf"
    assert not any("simulated" in name for name in never if "monitor" in name)
    then = datetime.now(UTC) - timedelta(hours=3)
    beat(tree.project, "monitor", then, "HEALTHY")
    beat(tree.project, "truth-simulated", then, "HEALTHY")
    found = metrics(service)
    at = float(found['ml_monitor_last_success_timestamp_seconds{job="monitor"}'])
    assert abs(at - then.timestamp()) <= 1
    age = float(found['ml_monitor_heartbeat_age_seconds{job="monitor"}'])
    assert 3 * 3600 - 1 <= age < 3 * 3600 + 600
    assert found['ml_monitor_heartbeat_age_seconds{job="truth"}'] == "+Inf"
    assert 'ml_monitor_heartbeat_age_seconds{job="truth-simulated"}' in found
