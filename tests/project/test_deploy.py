"""Released, deployed under load, rolled back: with the real service, real kills and real damage."""

from __future__ import annotations

import json
import shutil
import signal
import socketserver
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from .conftest import Repo, refusal, run
from .releasing import another_candidate, commit, damage, released
from .test_serve import Load, Serve, Service, extra, golden_rows, here, serve

__all__ = ["here", "serve"]  # fixtures

PATIENCE_S = 60
IDENTITY = {"GIT_AUTHOR_NAME": "Ada", "GIT_AUTHOR_EMAIL": "ada@example.com"}


@pytest.fixture(scope="module")
def two_releases(started: tuple[Repo, str], tmp_path_factory: pytest.TempPathFactory) -> Repo:
    """A repository with the releases v1 and v2, both merged. Read only: tests copy it."""
    root = tmp_path_factory.mktemp("released") / "repo"
    shutil.copytree(
        started[0].root, root, symlinks=True, ignore=shutil.ignore_patterns(".venv", "__pycache__")
    )
    repo = Repo(root, started[0].python, started[0].surroundings)
    assert released(repo)[0] == "v1"
    another_candidate(repo, 50)
    assert released(repo)[0] == "v2"
    return repo


@pytest.fixture
def released_twice(two_releases: Repo, here: Callable[..., Repo]) -> Repo:
    return here(two_releases)


def production(repo: Repo) -> list[str]:
    """The kinds and versions that the history tells, oldest first."""
    told = repo.fearless("history", "--json")
    assert told.returncode == 0, told.stdout + told.stderr
    return [f"{each['kind']} {each['model_version']}" for each in json.loads(told.stdout)["deployments"]]


def address(service: Service) -> str:
    return f"http://127.0.0.1:{service.port}"


def ok(result: subprocess.CompletedProcess[str]) -> str:
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def test_a_release_is_a_bundle_whose_digests_hold_and_a_change_that_names_the_champion(repo: Repo) -> None:
    name, digest = released(repo)
    folder = repo.root / "ops" / "releases" / name
    record = json.loads((folder / "release.json").read_text(encoding="utf-8"))
    manifest = (folder / "model" / "manifest.json").read_bytes()
    assert manifest == (repo.root / "models/champion/manifest.json").read_bytes()
    assert manifest == (repo.root / "models/candidate/manifest.json").read_bytes()
    assert (record["release"], record["model_sha256"], record["verdict"]) == ("v1", digest, "PASS")
    assert json.loads((folder / "gate.json").read_text(encoding="utf-8"))["mode"] == "release"
    card = (folder / "card.md").read_text(encoding="utf-8")
    assert "SHA-256 of its manifest: `" + digest in card
    assert "| this model | log loss |" in card
    assert repo.changes() == []
    assert "models/champion.dvc" in repo.git("show", "--name-only", "--format=", "HEAD")
    assert "is the champion already (v1)" in refusal(repo.fearless("release"))
    assert ok(repo.fearless("check", "--staged"))


def test_what_is_not_committed_is_not_released_and_an_open_index_is_left_alone(repo: Repo) -> None:
    repo.edit("params.yaml", "max_iter: 60", "max_iter: 61")
    assert "Some changes are not committed: params.yaml." in refusal(repo.fearless("release"))
    repo.git("checkout", "params.yaml")
    repo.write("README.md", "changed")
    repo.git("add", "README.md")
    assert "README.md" in refusal(repo.fearless("release"))
    assert repo.changes() == ["M  README.md"]


@extra
def test_a_deploy_and_a_rollback_switch_a_service_under_load_without_dropping_a_request(
    released_twice: Repo, serve: Serve
) -> None:
    repo = released_twice
    repo.git("checkout", "--quiet", "HEAD~1", "--", "models/champion.dvc")
    commit(repo, "The champion is v1")
    assert "in production" in ok(repo.fearless("deploy", **IDENTITY))
    service = serve(repo)
    assert service.ask("GET", "/version")[1]["model_version"] == "v1"
    load = Load(service, golden_rows(repo, service, 50))
    with load.running():
        repo.git("checkout", "--quiet", "HEAD~1", "--", "models/champion.dvc")
        commit(repo, "The champion is v2")
        told = repo.fearless("deploy", "--url", address(service), "--why", "fewer trees", **IDENTITY)
        assert f"{address(service)} answers with v2" in ok(told)
        back = ok(repo.fearless("rollback", "--url", address(service), "--json", **IDENTITY))
        assert json.loads(back)["services"][0]["follows"]
        service.process.send_signal(signal.SIGTERM)
    assert service.process.wait(PATIENCE_S) == 0
    assert load.other == []
    stored = dict(service.stored("idempotency_key, id"))
    assert {key: stored[key] for key in load.answered} == load.answered
    answered_by = {row[0] for row in versions(service)}
    assert answered_by == {"v1", "v2"}
    assert production(repo) == ["deploy v1", "deploy v2", "rollback v1"]
    again = refusal(repo.fearless("deploy"))
    assert "v2 was taken out of production by Ada <ada@example.com>, and is still the champion." in again
    assert production(repo)[-1] == "rollback v1"
    assert "v2 (SHA-256" in ok(repo.fearless("deploy", "--again"))
    branch = repo.git("show", "fearless-rollback-v1:models/champion.dvc")
    assert (
        branch
        == (repo.root / "ops/releases/v1/model.dvc")
        .read_text("utf-8")
        .replace("path: model", "path: champion")
        .strip()
    )
    line = repo.fearless("history").stdout.splitlines()[1]
    assert "deploy      v2" in line
    assert "Ada <ada@example.com>: fewer trees" in line


def versions(service: Service) -> list[Any]:
    import sqlite3

    query = (
        "SELECT DISTINCT o.model_version FROM predictions AS p JOIN provenance AS o ON o.seq = p.provenance"
    )
    return sqlite3.connect(service.ledger).execute(query).fetchall()


@extra
def test_a_service_started_after_a_deploy_answers_with_what_is_deployed_and_traces_it(
    released_twice: Repo, serve: Serve
) -> None:
    repo = released_twice
    ok(repo.fearless("deploy"))
    ok(repo.fearless("rollback", "v1"))
    service = serve(repo)
    told = service.ask("GET", "/version")[1]
    assert (told["model_version"], told["deployment"]["kind"]) == ("v1", "rollback")
    _, answer = service.ask("POST", "/v1/predict", golden_rows(repo, service, 1)[0])
    assert answer["model_version"] == "v1"
    assert "Equal:" in ok(repo.fearless("trace", answer["id"]))


@extra
def test_a_candidate_that_answers_gets_the_name_of_its_release_when_it_is_deployed(
    released_twice: Repo, serve: Serve
) -> None:
    repo = released_twice
    (repo.root / "models/champion.dvc").unlink()
    shutil.rmtree(repo.root / "models/champion")
    following = serve(repo)  # models/candidate, which is v2 by its other name
    row = golden_rows(repo, following, 1)[0]
    answer = following.ask("POST", "/v1/predict", row)[1]
    digest = answer["model_sha256"]
    assert answer["model_version"] == digest[:12]
    ok(repo.fearless("deploy"))
    wait_for(following, lambda told: (told["model_version"], told["model_role"]) == ("v2", "champion"))
    answer = following.ask("POST", "/v1/predict", row)[1]
    assert (answer["model_sha256"], answer["model_version"]) == (digest, "v2")
    assert versions(following)[-1][0] == "v2"


@extra
def test_a_deployed_model_that_is_not_here_leaves_the_present_one_and_says_so(
    released_twice: Repo, serve: Serve
) -> None:
    repo = released_twice
    ok(repo.fearless("deploy"))
    service = serve(repo)
    hidden = repo.root / "hidden"
    ok(repo.fearless("rollback", "v1"))
    ok(repo.fearless("deploy", "--again", "--url", address(service)))
    for folder in ("ops/releases/v1/model",):
        (repo.root / folder).rename(hidden)
    deployed_by_hand(repo, "v1")
    told = wait_for(service, lambda version: bool(version["deployment"]["trouble"]))
    assert told["model_version"] == "v2"
    assert "v1 was deployed, and its model" in told["deployment"]["trouble"]
    assert "dvc pull ops/releases/v1/model.dvc" in service.ask("GET", "/readyz")[1]["behind"]
    assert b"ml_behind 1" in service.ask("GET", "/metrics")[1]
    status, answer = service.ask("POST", "/v1/predict", golden_rows(repo, service, 1)[0])
    assert (status, answer["model_version"]) == (200, "v2")


ROW = """
import sys, time
from fearless.core.project import Project
from fearless.ledger.record import Deployment
from fearless.ledger.store import open_ledger
from fearless.model.releases import read_release
project = Project.find()
release = read_release(project, sys.argv[1])
open_ledger(project).deploy(
    Deployment(time.time_ns() // 1000, "deploy", release.model_name, release.release, release.model_sha256, "x", "")
)
"""


def deployed_by_hand(repo: Repo, name: str) -> None:
    done = run([str(repo.python), "-c", ROW, name], repo.root, repo.environment())
    assert done.returncode == 0, done.stderr


def wait_for(service: Service, fits: Callable[[Any], bool]) -> Any:
    """What /version says once it fits; the service looks at the ledger every second."""
    import time

    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        told = service.ask("GET", "/version")[1]
        if fits(told):
            return told
        time.sleep(0.05)
    raise AssertionError(f"the service still says {told}")


def test_a_rollback_to_a_damaged_bundle_is_refused_and_production_stays(released_twice: Repo) -> None:
    repo = released_twice
    ok(repo.fearless("deploy"))
    before = production(repo)
    bundle = repo.root / "ops/releases/v1"
    for name, says in (
        ("release.json", "ops/releases/v1/release.json is no JSON"),
        ("model.dvc", "ops/releases/v1/model.dvc names another model than release.json"),
        ("model/model.onnx", "ops/releases/v1/model/model.onnx is not the file that was trained"),
        ("model/manifest.json", "ops/releases/v1/model is not the model that was released as v1"),
    ):
        content = (bundle / name).read_bytes()
        if name == "model.dvc":
            (bundle / name).write_text(content.decode().replace("md5: ", "md5: 0"), encoding="utf-8")
        else:
            damage(bundle / name)
        said = refusal(repo.fearless("rollback", "v1"))
        assert says in said, said
        (bundle / name).write_bytes(content)
    (bundle / "model" / "extra.py").write_text("import os\n", encoding="utf-8")
    assert "is not among the files that the manifest names" in refusal(repo.fearless("rollback", "v1"))
    (bundle / "model" / "extra.py").unlink()
    assert production(repo) == before == ["deploy v2"]
    ok(repo.fearless("rollback", "v1"))
    assert production(repo) == ["deploy v2", "rollback v1"]


def test_a_text_that_only_people_read_is_told_when_it_is_damaged_and_stops_no_rollback(
    released_twice: Repo,
) -> None:
    repo = released_twice
    ok(repo.fearless("deploy"))
    bundle = repo.root / "ops/releases/v1"
    damage(bundle / "card.md")
    mend = "Bring the bundle back: `git checkout -- ops/releases/v1`."
    said = ok(repo.fearless("rollback", "v1"))
    assert f"warning: ops/releases/v1/card.md is not what was released: its SHA-256 differs. {mend}\n" in said
    assert production(repo) == ["deploy v2", "rollback v1"]
    ok(repo.fearless("deploy", "--again"))
    (bundle / "card.md").unlink()
    damage(bundle / "gate.json")
    told = json.loads(ok(repo.fearless("rollback", "v1", "--json")))
    assert told["in_production"] == "v1"
    assert told["warnings"] == [
        f"ops/releases/v1/gate.json is not what was released: its SHA-256 differs. {mend}",
        f"ops/releases/v1/card.md is missing. {mend}",
    ]
    # A deploy has time for a review, so there it stops.
    damage(repo.root / "ops/releases/v2/card.md")
    assert "ops/releases/v2/card.md is not what was released" in refusal(repo.fearless("deploy", "--again"))
    assert production(repo)[-1] == "rollback v1"
    repo.git("checkout", "--", "ops/releases")
    assert "warning" not in ok(repo.fearless("rollback", "v2"))


def test_a_rollback_brings_its_model_from_the_storage_and_asks_for_no_clean_tree(
    released_twice: Repo,
) -> None:
    repo = released_twice
    ok(repo.fearless("deploy"))
    shutil.rmtree(repo.root / "ops/releases/v1/model")
    shutil.rmtree(repo.root / ".dvc/cache", ignore_errors=True)
    storage = repo.root / ".storage"
    storage.rename(repo.root / "elsewhere")
    said = refusal(repo.fearless("rollback", "v1"))
    assert "The model of v1 is not here, and the storage does not give it:" in said
    assert "-> `uv run dvc push` where it was made" in said
    assert production(repo) == ["deploy v2"]
    shutil.rmtree(storage, ignore_errors=True)
    (repo.root / "elsewhere").rename(storage)
    repo.write("params.yaml", "broken: [\n")
    said = ok(repo.fearless("rollback", "v1", "--why", "it overcharges"))
    assert "v1 (SHA-256" in said
    assert "in production in place of v2" in said
    assert (repo.root / "ops/releases/v1/model/model.onnx").is_file()
    assert "v1 " in repo.fearless("history", "--at", "2100-01-01").stdout
    early = repo.fearless("history", "--at", "2001-01-01")
    assert (early.returncode, early.stdout) == (1, "Nothing was in production at 2001-01-01 00:00:00 UTC.\n")


def test_a_deploy_that_is_killed_left_the_old_model_or_the_new_one(released_twice: Repo) -> None:
    repo = released_twice
    ok(repo.fearless("rollback", "v1"))  # nothing was there before, so v2 was never taken out
    command = [str(repo.python), "-m", "fearless.cli", "deploy"]
    seen = set()
    for share in (0.05, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 1.0):
        process = subprocess.Popen(
            command,
            cwd=repo.root,
            env={**repo.environment()},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            process.wait(share * 3.0)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        told = production(repo)
        assert told in (["rollback v1"], ["rollback v1", "deploy v2"]), told
        seen.add(told[-1])
    ok(repo.fearless("deploy"))
    assert production(repo) == ["rollback v1", "deploy v2"]
    assert "rollback v1" in seen


def test_only_what_was_merged_is_deployed_and_nothing_to_go_back_to_is_said(
    repo: Repo, released_twice: Repo
) -> None:
    assert "nothing was released yet" in refusal(repo.fearless("deploy"))
    elsewhere = f"sqlite:///{repo.root / 'elsewhere' / 'predictions.sqlite'}"
    assert "There is no ledger at" in refusal(repo.fearless("rollback", FEARLESS_LEDGER=elsewhere))
    assert not (repo.root / "elsewhere").exists()
    assert "Released were: none yet." in refusal(repo.fearless("rollback", "v7"))
    assert "`best` names no release" in refusal(repo.fearless("rollback", "best"))
    assert "is no address of a service" in refusal(repo.fearless("deploy", "--url", "file:///etc/passwd"))
    assert "There is no ledger at" in refusal(repo.fearless("history"))
    begun = "from fearless.core.project import Project; from fearless.ledger.store import open_ledger; \
open_ledger(Project.find()).production()"
    assert run([str(repo.python), "-c", begun], repo.root, repo.environment()).returncode == 0
    assert ok(repo.fearless("history")) == "Nothing was deployed yet.\n"
    assert "Nothing was deployed yet by the ledger sqlite:///" in refusal(repo.fearless("rollback"))
    two = released_twice
    two.git("branch", "--quiet", "kept")
    two.git("reset", "--quiet", "--hard", "HEAD~1")
    two.git("checkout", "--quiet", "kept", "--", "ops/releases/v2", "models/champion.dvc")
    assert "v1 (SHA-256" in ok(two.fearless("deploy"))  # v2 lies here, and was not merged
    first = refusal(two.fearless("rollback"))
    assert "v1 is the first that was in production" in first
    two.git("reset", "--quiet", "--hard", "kept")
    record = two.root / "ops/releases/v2/release.json"
    record.write_text(record.read_text("utf-8").replace('"PASS"', '"FAIL"'), encoding="utf-8")
    assert "is not the one that was merged" in refusal(two.fearless("deploy"))


def test_a_release_in_spite_of_what_is_open_is_told_as_such(repo: Repo) -> None:
    released(repo, "the old one misprices every tariff")
    assert "v1 (SHA-256" in ok(repo.fearless("deploy"))
    assert production(repo) == ["break-glass v1"]
    assert "the old one misprices every tariff" in repo.fearless("history").stdout
    card = (repo.root / "ops/releases/v1/card.md").read_text(encoding="utf-8")
    assert "**Released in spite of what was open:** the old one misprices every tariff" in card


def test_damage_to_one_release_does_not_keep_another_from_being_put_back(released_twice: Repo) -> None:
    repo = released_twice
    ok(repo.fearless("rollback", "v1"))
    ok(repo.fearless("deploy"))
    record = repo.root / "ops/releases/v2/release.json"
    record.write_bytes(record.read_bytes()[:200])
    said = refusal(repo.fearless("deploy"))
    assert "ops/releases/v2/release.json is no JSON" in said
    assert "git checkout -- ops/releases/v2" in said
    assert "v1 (SHA-256" in ok(repo.fearless("rollback"))
    assert production(repo)[-1] == "rollback v1"


def test_a_model_that_was_brought_in_part_is_brought_whole(released_twice: Repo) -> None:
    repo = released_twice
    model = repo.root / "ops/releases/v1/model"
    shutil.rmtree(model)
    model.mkdir()  # as a killed `dvc checkout` leaves it
    ok(repo.fearless("rollback", "v1"))
    assert (model / "manifest.json").is_file()


def test_a_rollback_is_no_way_round_a_review(released_twice: Repo, repo: Repo) -> None:
    two = released_twice
    two.git("branch", "--quiet", "kept")
    two.git("reset", "--quiet", "--hard", "HEAD~1")
    ok(two.fearless("deploy"))
    two.git("checkout", "--quiet", "kept", "--", "ops/releases/v2")
    said = refusal(two.fearless("rollback", "v2"))
    assert "v2 was never in production by the ledger sqlite:///" in said
    assert production(two) == ["deploy v1"]
    two.git("reset", "--quiet", "--hard", "kept")
    ok(two.fearless("rollback", "v2"))  # merged, so it was reviewed
    two.git("reset", "--quiet", "--hard", "HEAD~1")
    ok(two.fearless("rollback"))
    two.git("checkout", "--quiet", "kept", "--", "ops/releases/v2")
    ok(two.fearless("rollback", "v2"))  # it was in production, whatever is merged here


MEANWHILE = """
from fearless.core.project import Project
from fearless.ledger.store import open_ledger
from fearless.ship import deploy
project = Project.find()
proven = deploy.bring
def bring(project, release):
    deploy.bring = proven
    proven(project, release)
    deploy.roll_back(project, open_ledger(project), "v1", "v2 overcharges")
deploy.bring = bring
deploy.deploy(project, open_ledger(project), again=True)
"""


def test_a_deploy_does_not_undo_a_rollback_that_came_while_it_proved_the_model(released_twice: Repo) -> None:
    repo = released_twice
    deployed_by_hand(repo, "v1")
    deployed_by_hand(repo, "v2")
    done = run([str(repo.python), "-c", MEANWHILE], repo.root, repo.environment())
    assert done.returncode == 1
    assert "v1 was put in production meanwhile (rollback, by" in done.stderr
    assert production(repo)[-1] == "rollback v1"


def test_what_is_told_as_a_reason_makes_no_line_of_its_own_in_the_history(released_twice: Repo) -> None:
    repo = released_twice
    forged = "worse\n2026-01-01 00:00:00 UTC  deploy      v9     deadbeef  Boss \x1b[31m"
    who = {"GIT_AUTHOR_NAME": "Eve\x1b[2J", "GIT_AUTHOR_EMAIL": "eve@example.com"}
    ok(repo.fearless("rollback", "v1", "--why", forged, **who))
    (line,) = repo.fearless("history").stdout.splitlines()
    assert "worse 2026-01-01" in line
    assert "\x1b" not in line


def test_whatever_answers_at_an_address_production_has_moved_and_that_is_told(released_twice: Repo) -> None:
    repo = released_twice
    for url in ("http://a b/", "http://127.0.0.1:x", "http://", "http://[::1", "http://127.0.0.1:99999"):
        assert f"`--url {url}` is no address of a service." in refusal(repo.fearless("deploy", "--url", url))
    assert not (repo.root / ".fearless/ledger").exists()
    for said, told in (
        (b"garbage\r\n\r\n", "no answer (garbage)"),
        (b"HTTP/1.0 200 OK\r\n\r\n[1, 2]", "what it says is no /version of a service like this one"),
        (b'HTTP/1.0 200 OK\r\n\r\n{"deployment": "x"}', "answers, and is no service like this one"),
        (b'HTTP/1.0 200 OK\r\n\r\n{"model_sha256": "x", "deployment": null}', "is its ledger this one?"),
    ):
        with answering(said) as url:
            script = (
                f"import fearless.cli.deploy as d; d.PATIENCE_S = 0.5; from fearless.core.project import Project; \
raise SystemExit(d.run_deploy(Project.find(), why='', urls=[{url!r}], again=False, as_json=False))"
            )
            done = run([str(repo.python), "-c", script], repo.root, repo.environment())
        assert done.returncode == 1, done.stderr
        assert "v2 (SHA-256" in done.stdout
        assert told in done.stdout, done.stdout
    assert production(repo) == ["deploy v2"]


@contextmanager
def answering(said: bytes) -> Iterator[str]:
    """A program on the loopback that answers each request with these bytes."""

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.rfile.readline()
            self.wfile.write(said)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


def test_a_release_is_merged_into_the_default_branch_only_and_break_glass_has_a_reason(repo: Repo) -> None:
    repo.git("switch", "--quiet", "-c", "feature")
    said = refusal(repo.fearless("release", "--merge", "--break-glass", "now"))
    assert "`feature` is checked out, and a release is what is merged into `main`." in said
    assert "`--break-glass` needs a reason" in refusal(repo.fearless("release", "--break-glass", " "))
    assert not (repo.root / "ops/releases").exists()


def test_a_default_branch_that_is_not_origins_is_told_and_stops_nothing(
    released_twice: Repo, tmp_path: Path
) -> None:
    repo = released_twice
    repo.write("README.md", "one")
    commit(repo, "One")
    origin = tmp_path / "origin.git"
    repo.git("clone", "--quiet", "--bare", "--no-hardlinks", str(repo.root), str(origin))
    repo.git("remote", "add", "origin", str(origin))
    repo.git("fetch", "--quiet", "origin")
    origin.rename(tmp_path / "away.git")  # what is not there is asked nothing: what was fetched counts
    assert "warning" not in ok(repo.fearless("deploy"))
    repo.git("reset", "--quiet", "--hard", "HEAD~1")
    behind = "Local main is 1 commit behind origin/main; what origin/main has is deployed."
    said = ok(repo.fearless("deploy"))
    assert f"warning: {behind}\n" in said
    assert "v2 (SHA-256" in said
    for text in ("two", "three"):
        repo.write("README.md", text)
        commit(repo, text)
    (told,) = json.loads(ok(repo.fearless("deploy", "--json")))["warnings"]
    assert (
        "is 2 commits ahead of origin/main, which CI has not seen, and 1 commit behind origin/main;" in told
    )


def test_a_release_that_was_merged_here_and_not_pushed_is_told_as_such(
    released_twice: Repo, tmp_path: Path
) -> None:
    repo = released_twice
    repo.git("branch", "--quiet", "early", "main~3")
    origin = tmp_path / "origin.git"
    repo.git("init", "--quiet", "--bare", str(origin))
    repo.git("push", "--quiet", str(origin), "early:refs/heads/main")
    repo.git("remote", "add", "origin", str(origin))
    repo.git("fetch", "--quiet", "origin")
    said = refusal(repo.fearless("deploy"))
    assert "origin/main has no models/champion.dvc: nothing was released yet." in said
    assert "Local main is 3 commits ahead of origin/main, which CI has not seen" in said


def test_a_branch_of_another_name_is_the_default_one_where_there_is_no_other(released_twice: Repo) -> None:
    released_twice.git("branch", "-m", "trunk")
    assert "v2 (SHA-256" in ok(released_twice.fearless("deploy"))


def test_a_model_that_nobody_could_bring_is_not_released(repo: Repo) -> None:
    shutil.rmtree(repo.root / ".dvc/cache")
    said = refusal(repo.fearless("release", "--merge", "--break-glass", "now"))
    assert "DVC's cache does not hold models/candidate" in said
    kept = run([str(repo.python), "-m", "dvc", "commit", "models/candidate"], repo.root, repo.environment())
    assert kept.returncode == 0, kept.stderr
    assert repo.changes() == []
    assert released(repo)[0] == "v1"


def test_a_release_whose_model_cannot_be_laid_in_place_is_told_to_be_merged(repo: Repo) -> None:
    (repo.root / "models/champion").mkdir(exist_ok=True)
    repo.write("models/champion/notes.txt", "of a person")  # which DVC does not write over
    said = refusal(repo.fearless("release", "--merge", "--break-glass", "now", **IDENTITY))
    assert "v1 is merged into main: that was the release. Its model could not be laid in place:" in said
    assert "-> `uv run dvc checkout --force models/champion.dvc`, then `uv run fearless deploy`." in said
    assert "v1 (SHA-256" in ok(repo.fearless("deploy"))


def test_a_model_that_was_taken_out_and_is_released_again_goes_to_production_again(
    released_twice: Repo,
) -> None:
    repo = released_twice
    ok(repo.fearless("rollback", "v1"))
    ok(repo.fearless("deploy"))
    ok(repo.fearless("rollback"))
    repo.git("merge", "--quiet", "--ff-only", "fearless-rollback-v1")
    assert "is in production already" in ok(repo.fearless("deploy"))
    assert released(repo)[0] == "v3"
    assert "v3 (SHA-256" in ok(repo.fearless("deploy"))
    assert production(repo) == ["rollback v1", "deploy v2", "rollback v1", "deploy v3"]
