"""Without a network: a warm cache is enough, and an empty one ends before anything is made."""

from __future__ import annotations

from pathlib import Path

from .conftest import Copied, run

CLOSED = "http://127.0.0.1:9"
NO_NETWORK = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy"), CLOSED)


def test_on_a_warm_cache_start_needs_no_network(fresh: Copied) -> None:
    repo = fresh()
    result = repo.fearless("start", **NO_NETWORK)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "the tested ones" in result.stdout
    assert repo.changes() == []


def test_on_an_empty_cache_uv_says_what_it_cannot_fetch_and_nothing_is_half_written(
    fresh: Copied, tmp_path: Path
) -> None:
    repo = fresh()
    before = repo.snapshot(".")
    environment = {
        **repo.environment(**NO_NETWORK),
        "UV_CACHE_DIR": str(tmp_path / "cache"),
        "UV_HTTP_RETRIES": "0",
    }
    del environment["PYTHONPATH"]
    result = run(["uv", "run", "fearless", "start"], repo.root, environment)
    assert result.returncode != 0
    assert "Traceback" not in result.stdout + result.stderr
    assert "fetch" in result.stderr
    after = {name: content for name, content in repo.snapshot(".").items() if not name.startswith(".venv/")}
    assert after == before
