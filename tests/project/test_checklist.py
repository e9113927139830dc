"""`fearless checklist` on a real repository: done where all is proven, and each fault opens exactly what it breaks."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from fearless.core import evidence
from fearless.core.digest import dvc_folder_md5, sha256_file
from fearless.core.project import Project
from fearless.ship.checklist import PROOFS, Checklist, compute
from fearless.ship.items import built_in

from .conftest import Copied, Repo, refusal

ADA = ("Ada", "ada@example.com")
BOB = ("Bob", "bob@example.com")
OWN = f"""\
version: 1
items:
  - {{id: T01, title: "The price list is there", run: [{json.dumps(sys.executable)}, "-c", "pass"]}}
"""
FROM_CI = {"A01", "A04", "A05", "A28", "T01"}
FROM_GATE = {"A03", "A14", "A15", "A16", "A19"}
PARTS = ("A23", "A24", "A27")


def person(who: tuple[str, str]) -> dict[str, str]:
    return {
        f"GIT_{role}_{part}": value
        for role in ("AUTHOR", "COMMITTER")
        for part, value in zip(("NAME", "EMAIL"), who, strict=True)
    }


def commit(repo: Repo, message: str = "A change", who: tuple[str, str] = ADA) -> None:
    repo.git("add", "--all")
    subprocess.run(
        ["git", "commit", "--quiet", "--no-verify", "-m", message],
        cwd=repo.root,
        env={**repo.surroundings, **person(who)},
        check=True,
    )


def proven(
    repo: Repo, what: str, source: evidence.Source, details: dict[str, Any], *, passed: bool = True
) -> None:
    evidence.write(
        Project(repo.root),
        evidence.prove(Project(repo.root), what, passed=passed, source=source, details=details),
    )


def candidate(repo: Repo) -> str:
    return sha256_file(repo.root / "models/candidate/manifest.json")


def rehearsed(repo: Repo, production: str = "", **parts: dict[str, Any]) -> None:
    told = {item: {"passed": True, "told": f"{item} was tried"} for item in PARTS}
    about = {"candidate_sha256": candidate(repo), "production_sha256": production}
    proven(repo, "rehearsal", "local", {**about, **told, **parts})


def simulated(repo: Repo, *, passed: bool = True, **details: Any) -> None:
    proven(repo, "simulation", "simulated", {"model_sha256": candidate(repo), **details}, passed=passed)


def sign(repo: Repo, *items: str, who: tuple[str, str] = BOB) -> None:
    for item in items:
        result = repo.fearless("sign", item, "--yes", **person(who))
        assert result.returncode == 0, result.stdout + result.stderr


def states(repo: Repo, now: datetime | None = None) -> Checklist:
    return compute(Project(repo.root), now)


def opened(repo: Repo, now: datetime | None = None) -> set[str]:
    return {each.id for each in states(repo, now).open}


def said(repo: Repo, item: str, now: datetime | None = None) -> str:
    return next(each.evidence for each in states(repo, now).items if each.id == item)


@pytest.fixture(scope="module")
def proven_repo(started: tuple[Repo, str], tmp_path_factory: pytest.TempPathFactory) -> Repo:
    """Everything that the light profile asks for is proven: CI and the gate by the real commands, signatures by Bob."""
    source = started[0]
    root = tmp_path_factory.mktemp("proven") / "repo"
    shutil.copytree(source.root, root, symlinks=True, ignore=shutil.ignore_patterns(".venv", "__pycache__"))
    repo = Repo(root, source.python, source.surroundings)
    repo.write("ops/checklist.yaml", OWN)
    commit(repo, "An item of our own")
    for command in ("ci", "gate"):
        result = repo.fearless(command, CI="true")
        assert result.returncode == 0, result.stdout + result.stderr
    rehearsed(repo)
    simulated(repo)
    commit(repo, "What was proven")
    sign(repo, "S1", "S7")
    return repo


@pytest.fixture
def ready(proven_repo: Repo, copied: Copied) -> Repo:
    return copied(proven_repo)


def test_a_fresh_repository_says_what_is_open_and_who_must_act(repo: Repo) -> None:
    result = repo.fearless("checklist")
    assert result.returncode == 1
    assert "done  A02" in result.stdout
    assert "OPEN  A23" in result.stdout
    assert "-> the decision maker (Head of customer retention): `uv run fearless sign S1`" in result.stdout
    assert (
        "items are open. Next:\n      A01, A04, A05, A28: whoever releases: `uv run fearless ci`"
        in result.stdout
    )
    assert repo.changes() == []


def test_all_is_done_where_all_is_proven(ready: Repo) -> None:
    result = ready.fearless("checklist")
    assert result.returncode == 0, result.stdout + result.stderr
    assert "OPEN" not in result.stdout
    assert "it may be released" in result.stdout
    assert "S2, S3, S4, S5, S6: The profile `light` does not ask for it." in result.stdout

    shown = json.loads(ready.fearless("checklist", "--json").stdout)
    assert (shown["version"], shown["open"]) == (1, [])
    sources = {each["id"]: each["source"] for each in shown["items"] if each["state"] == "done"}
    assert (sources["A01"], sources["A03"], sources["A23"]) == ("ci", "ci", "local")
    assert sources["A02"] == "computed"
    assert sources["A25"] == "simulated"
    assert sources["S1"] == "claimed"
    assert "T01" in sources
    assert {each["id"] for each in shown["items"] if each["state"] == "not asked"} == {
        "A19",
        *(f"S{n}" for n in range(2, 7)),
    }
    assert all(each["who"] and each["mend"] and each["evidence"] for each in shown["items"])


def test_it_changes_nothing(ready: Repo) -> None:
    def everything() -> list[str]:
        listed = ready.git("status", "--porcelain", "--ignored").splitlines()
        return [line for line in listed if "__pycache__" not in line]

    before = everything()
    ready.fearless("checklist")
    assert everything() == before


def test_records_that_are_not_pushed_yet_are_no_other_content(ready: Repo) -> None:
    """Signing puts the default branch ahead of origin; what ships is the same."""
    ready.git("update-ref", "refs/remotes/origin/main", "HEAD~3")
    assert opened(ready) == set()


# One fault for each item, and exactly what it opens.


def loose_file(repo: Repo) -> None:
    repo.write("notes.txt", "not committed")


def hidden_edit(repo: Repo) -> None:
    repo.git("update-index", "--assume-unchanged", "README.md")
    repo.write("README.md", "# Nobody sees this\n")


def other_branch(repo: Repo) -> None:
    repo.git("switch", "--quiet", "--create", "change")


def no_branch(repo: Repo) -> None:
    repo.git("switch", "--quiet", "--detach")
    repo.git("branch", "--quiet", "--move", "main", "trunk")


def behind_origin(repo: Repo) -> None:
    repo.write("README.md", "# Of somebody else\n")
    commit(repo)
    repo.git("update-ref", "refs/remotes/origin/main", "HEAD")
    repo.git("reset", "--quiet", "--hard", "HEAD~1")


def swapped_model(repo: Repo) -> None:
    path = repo.root / "models/candidate/model.onnx"
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:-1] + b"!")


def swapped_raw_data(repo: Repo) -> None:
    path = next((repo.root / "data/raw").glob("*.csv"))
    content = path.read_bytes()
    path.unlink()
    path.write_bytes(content + b"\n")


def swapped_golden_rows(repo: Repo) -> None:
    path = repo.root / "data/golden/rows.parquet"
    content = path.read_bytes()
    path.unlink()
    path.write_bytes(content + b"\n")


def swapped_training_rows(repo: Repo) -> None:
    path = repo.root / "data/prepared/train.parquet"
    content = path.read_bytes()
    path.unlink()
    path.write_bytes(content + b"\n")


def edited(
    change: Callable[[dict[str, Any]], None], path: str = ".fearless/gate/report.json"
) -> Callable[[Repo], None]:
    def plant(repo: Repo) -> None:
        file = repo.root / path
        content = json.loads(file.read_text(encoding="utf-8"))
        change(content)
        file.write_text(json.dumps(content), encoding="utf-8")

    return plant


def failing(kind: str) -> Callable[[Repo], None]:
    def change(report: dict[str, Any]) -> None:
        next(each for each in report["checks"] if each["kind"] == kind)["verdict"] = "FAIL"

    return edited(change)


def without(kind: str) -> Callable[[Repo], None]:
    return edited(
        lambda report: report.update(checks=[each for each in report["checks"] if each["kind"] != kind])
    )


def worthless(report: dict[str, Any]) -> None:
    report["policy"]["value"] = {"currency": "EUR"}
    report["checks"].append({"kind": "value", "verdict": "FAIL", "sentence": "It costs more than it gains."})


def golden_with_company(repo: Repo) -> None:
    pointer, gate = repo.root / "data/golden.dvc", repo.root / "gate.yaml"
    before = pointer.read_bytes(), gate.read_bytes()
    pointer.write_bytes(before[0] + b"# other rows\n")
    gate.write_bytes(before[1] + b"# another bar\n")
    commit(repo)
    pointer.write_bytes(before[0])
    gate.write_bytes(before[1])
    commit(repo)


def unknown_job(evidence: dict[str, Any]) -> None:
    commands = evidence["details"]["commands"]
    evidence["details"]["commands"] = [each for each in commands if "--change" not in each["command"]]


def failed_check(evidence: dict[str, Any]) -> None:
    next(each for each in evidence["details"]["commands"] if each["command"].endswith("fearless check"))[
        "code"
    ] = 1


def skipped_training(evidence: dict[str, Any]) -> None:
    next(each for each in evidence["details"]["commands"] if "train" in each["command"])["code"] = None


def edited_workflow(repo: Repo) -> None:
    path = next((repo.root / ".github/workflows").glob("fearless-*"))
    path.write_text(path.read_text(encoding="utf-8") + "# edited\n", encoding="utf-8")


def lock_without_a_hash(repo: Repo) -> None:
    path = repo.root / "uv.lock"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("hash = ", "hush = ", 1), encoding="utf-8")


def pickled(repo: Repo) -> None:
    import pickle

    (repo.root / "models/candidate/extra.bin").write_bytes(pickle.dumps({"a": 1}))


def raise_concern(repo: Repo) -> None:
    assert repo.fearless("concern", "Two customers have one number", **person(BOB)).returncode == 0


def unanswered(repo: Repo) -> None:
    repo.edit("QUESTION.md", "do_nothing: ", "do_nothing: TODO, perhaps ")


def undescribed(repo: Repo) -> None:
    text = (repo.root / "columns.yaml").read_text(encoding="utf-8")
    first = next(line for line in text.splitlines() if "description:" in line)
    repo.write(
        "columns.yaml", text.replace(first, first.partition("description:")[0] + "description: TODO", 1)
    )


def withdrawn(item: str) -> Callable[[Repo], None]:
    def plant(repo: Repo) -> None:
        next((repo.root / "ops/signatures").glob(f"{item}-*.json")).unlink()
        commit(repo, "Withdraw")

    return plant


def another_item(repo: Repo) -> None:
    repo.write("ops/checklist.yaml", OWN.replace("price list", "list of prices"))
    commit(repo)


CI = "ops/evidence/ci.json"
FAULTS: list[tuple[str, Callable[[Repo], None], set[str]]] = [
    ("a file that is not committed", loose_file, {"A01"}),
    ("an edit that git was told not to see", hidden_edit, {"A01"}),
    ("another branch", other_branch, {"A01"}),
    ("no branch", no_branch, {"A01"}),
    ("origin has other content", behind_origin, {"A01"}),
    ("a model file that was swapped", swapped_model, {"A02"}),
    ("raw data that was swapped", swapped_raw_data, {"A02"}),
    ("golden rows that were swapped", swapped_golden_rows, {"A02"} | (FROM_GATE)),
    ("training rows that were swapped", swapped_training_rows, {"A02"}),
    ("a gate that said no", edited(lambda report: report.update(verdict="FAIL")), {"A03"}),
    ("a gate that could not tell", edited(lambda report: report.update(verdict="INCONCLUSIVE")), {"A03"}),
    (
        "a gate that judged another model",
        edited(lambda report: report["context"].update(candidate_sha256="0" * 64)),
        FROM_GATE,
    ),
    (
        "a gate that judged by another policy",
        edited(lambda report: report["context"].update(policy_sha256="0" * 64)),
        FROM_GATE,
    ),
    (
        "a gate that knew another champion",
        edited(lambda report: report["context"].update(champion_sha256="0" * 64)),
        FROM_GATE,
    ),
    ("a floor that is not reached", failing("floor"), {"A14"}),
    ("no floor at all", without("floor"), {"A14"}),
    ("no better than a simple model", failing("baseline"), {"A16"}),
    ("no baseline at all", without("baseline"), {"A16"}),
    ("not worth it", edited(worthless), {"A19"}),
    ("golden data changed in company", golden_with_company, {"A13"}),
    ("a check that failed", edited(failed_check, CI), FROM_CI - {"A01"}),
    ("a job that is missing", edited(unknown_job, CI), {"A28"}),
    ("a command that was skipped", edited(skipped_training, CI), {"A28"}),
    ("a workflow that was edited", edited_workflow, {"A01", "A28"}),
    ("CI that failed", edited(lambda proof: proof.update(passed=False), CI), FROM_CI),
    ("CI of other content", edited(lambda proof: proof.update(content="0" * 64), CI), FROM_CI),
    ("CI of a future time", edited(lambda proof: proof.update(at="2999-01-01T00:00:00Z"), CI), FROM_CI),
    ("CI at no time", edited(lambda proof: proof.update(at="today"), CI), FROM_CI),
    ("CI that was only simulated", edited(lambda proof: proof.update(source="simulated"), CI), FROM_CI),
    ("CI with a key that nobody knows", edited(lambda proof: proof.update(ticked=True), CI), FROM_CI),
    ("CI without commands", edited(lambda proof: proof.update(details={}), CI), FROM_CI - {"A01"}),
    ("CI that is gone", lambda repo: (repo.root / CI).unlink(), FROM_CI),
    ("CI that is damaged", lambda repo: repo.write(CI, "{"), FROM_CI),
    ("no report", lambda repo: shutil.rmtree(repo.root / ".fearless/gate"), FROM_GATE),
    ("a damaged report", lambda repo: repo.write(".fearless/gate/report.json", "[]"), FROM_GATE),
    (
        "a report with a check that is none",
        edited(lambda report: report.update(checks=[1]), ".fearless/gate/report.json"),
        FROM_GATE,
    ),
    ("a column that nobody described", undescribed, {"A01", "A02", "A05"}),
    (
        "a service that answers otherwise",
        lambda repo: rehearsed(repo, A23={"passed": False, "told": "1 of 50 differ"}),
        {"A23"},
    ),
    ("a ledger that lost a row", lambda repo: rehearsed(repo, A24={"passed": False}), {"A24"}),
    ("a rehearsal that says passed in words", lambda repo: rehearsed(repo, A24={"passed": "yes"}), {"A24"}),
    ("a way back that failed", lambda repo: rehearsed(repo, A27={"passed": False}), {"A27"}),
    ("a way back to another production", lambda repo: rehearsed(repo, production="1" * 64), {"A27"}),
    (
        "a rehearsal of another candidate",
        edited(
            lambda proof: proof["details"].update(candidate_sha256="1" * 64), "ops/evidence/rehearsal.json"
        ),
        set(PARTS),
    ),
    ("a short hash in the rehearsal", lambda repo: rehearsed_short(repo), set(PARTS)),
    ("no rehearsal", lambda repo: (repo.root / "ops/evidence/rehearsal.json").unlink(), set(PARTS)),
    (
        "a simulated rehearsal",
        edited(lambda proof: proof.update(source="simulated"), "ops/evidence/rehearsal.json"),
        set(PARTS),
    ),
    ("an alert that never came", lambda repo: simulated(repo, passed=False), {"A25"}),
    ("a simulation of another model", lambda repo: simulated(repo, model_sha256="1" * 64), {"A25"}),
    ("no simulation", lambda repo: (repo.root / "ops/evidence/simulation.json").unlink(), {"A25"}),
    ("a lock without a hash", lock_without_a_hash, {"A01", "A30"}),
    ("a pickle beside the model", pickled, {"A02", "A30"}),
    ("a concern", raise_concern, {"A34"}),
    ("a question that is not answered", unanswered, {"A01", "Q01"}),
    ("no GO", withdrawn("S7"), {"S7"}),
    ("nobody wants it", withdrawn("S1"), {"S1"}),
    ("an item of the team's own that changed", another_item, {"T01"}),
]


def rehearsed_short(repo: Repo) -> None:
    proof = evidence.read(Project(repo.root), "rehearsal")
    assert proof is not None
    short = {**proof.details, "candidate_sha256": candidate(repo)[:12]}
    evidence.write(Project(repo.root), replace(proof, details=short))


@pytest.mark.parametrize(
    ("plant", "opens"), [fault[1:] for fault in FAULTS], ids=[fault[0] for fault in FAULTS]
)
def test_a_fault_opens_exactly_what_it_breaks(
    ready: Repo, plant: Callable[[Repo], None], opens: set[str]
) -> None:
    plant(ready)
    found = states(ready).open
    assert {each.id for each in found} == opens
    assert all(each.evidence and not each.source for each in found)


def test_an_alert_that_never_came_names_the_service_and_both_halves(ready: Repo) -> None:
    (ready.root / "ops/evidence/simulation.json").unlink()
    (found,) = states(ready).open
    for command in ("serve", "simulate", "simulate --drift"):
        assert f"`uv run fearless {command}`" in found.mend


def test_every_item_has_a_proof_and_a_fault() -> None:
    """S2 to S6 are those of the regulated profile; their faults stand with those of signatures."""
    assert set(PROOFS) == {item.id for item in built_in() if not item.signed}
    asked = {item.id for item in built_in() if "light" in item.profiles} | {"T01"}
    assert asked == {item for _, _, opens in FAULTS for item in opens}


def test_a_report_without_the_comparison_with_a_champion_is_no_comparison(ready: Repo) -> None:
    """With a champion, the gate must have compared with it, and the way back must lead to it."""
    champion = ready.root / "models/champion"
    shutil.copytree(ready.root / "models/candidate", champion)
    ready.write(
        "models/champion.dvc", f"outs:\n- md5: {dvc_folder_md5(champion)}\n  hash: md5\n  path: champion\n"
    )
    commit(ready, "Release")
    proven(ready, "ci", "ci", json.loads((ready.root / CI).read_text(encoding="utf-8"))["details"])
    # The GO was for what was there before the release; the report and the rehearsal know no champion.
    assert opened(ready) == FROM_GATE | {"A27", "S7"}

    assert ready.fearless("gate").returncode == 0
    rehearsed(ready, production=candidate(ready))
    sign(ready, "S7")
    assert opened(ready) == set()
    assert "advantage over the champion" in said(ready, "A15")

    failing("champion")(ready)
    assert opened(ready) == {"A15"}
    without("champion")(ready)
    assert opened(ready) == {"A15"}

    (champion / "profile.json").chmod(0o644)
    (champion / "profile.json").write_text("{}", encoding="utf-8")
    assert opened(ready) == {"A15", "A02"}


def test_the_review_date_and_the_signatures_pass_with_time(ready: Repo) -> None:
    now = datetime.now(UTC)
    assert opened(ready, now + timedelta(days=6)) == set()
    assert opened(ready, now + timedelta(days=8)) == {"S7"}
    assert opened(ready, now + timedelta(days=200)) == {"S7", "S1", "Q01"}


def test_evidence_of_yesterday_s_future_is_refused_by_an_earlier_clock(ready: Repo) -> None:
    early = datetime.now(UTC) - timedelta(days=2)
    assert opened(ready, early) >= FROM_CI | set(PARTS) | {"A25", "S1", "S7"}


def test_a_change_of_the_code_opens_what_was_proven_of_the_code_before(ready: Repo) -> None:
    ready.edit("params.yaml", "max_iter: 60 ", "max_iter: 61 ")
    commit(ready)
    assert opened(ready) == {"A01", "A02", "A04", "A05", "A28", "S7", "T01"}


def test_a_page_of_the_readme_takes_no_signature_away(ready: Repo) -> None:
    ready.write("README.md", "# Better explained\n")
    commit(ready)
    assert opened(ready) == FROM_CI  # what CI said was of another README


def test_the_regulated_profile_asks_for_all_seven(ready: Repo) -> None:
    ready.edit(".copier-answers.yml", "profile: light", "profile: regulated")
    assert {f"S{number}" for number in range(2, 7)} <= opened(ready)


def test_a_checklist_of_the_team_that_cannot_be_read_is_refused(ready: Repo) -> None:
    ready.write("ops/checklist.yaml", "version: 1\nitems:\n  - {id: T01, titel: x}\n")
    assert "titel" in refusal(ready.fearless("checklist"))


def test_a_shallow_clone_proves_nothing_that_is_in_history(ready: Repo, tmp_path: Path) -> None:
    shutil.copytree(ready.root / ".git", tmp_path / "whole.git")
    clone = tmp_path / "shallow"
    ready.git("clone", "--quiet", "--depth=1", f"file://{tmp_path / 'whole.git'}", str(clone))
    shutil.rmtree(ready.root / ".git")
    shutil.move(clone / ".git", ready.root / ".git")
    assert opened(ready) == {"A13", "A34", "S1", "S7", "T01"}


def test_what_was_never_committed_has_no_checklist(fresh: Copied) -> None:
    repo = fresh()
    for command in (["checklist"], ["concern"], ["concern", "Something"], ["sign", "S1"]):
        assert "has no commit yet" in refusal(repo.fearless(*command, **person(BOB)))


class TestSign:
    def test_shows_what_is_signed_before_it_is(self, repo: Repo) -> None:
        result = repo.fearless("sign", "S1", **person(BOB))
        said = result.stdout + result.stderr
        assert "S1: The question is the right one" in said
        assert "signed by  Bob <bob@example.com>" in said
        assert f"{sha256_file(repo.root / 'QUESTION.md')}  QUESTION.md" in said
        assert "Nobody is here to answer" in refusal(result)
        assert not (repo.root / "ops/signatures").exists()

    @pytest.mark.skipif(sys.platform == "win32", reason="a terminal of its own is made with pty")
    @pytest.mark.parametrize(("typed", "code"), [("n\n", 1), ("\n", 1), ("y\n", 0)])
    def test_asks_on_a_terminal(self, repo: Repo, typed: str, code: int) -> None:
        import pty

        ours, theirs = pty.openpty()
        process = subprocess.Popen(
            [str(repo.python), "-m", "fearless.cli", "sign", "S1"],
            cwd=repo.root,
            env=repo.environment(**person(BOB)),
            stdin=theirs,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        os.close(theirs)
        os.write(ours, typed.encode())
        said, _ = process.communicate(timeout=60)
        os.close(ours)
        assert process.returncode == code, said
        assert ("Committed as ops/signatures/S1-" in said.decode()) == (code == 0)
        assert (repo.root / "ops/signatures").exists() == (code == 0)

    def test_a_go_shows_what_else_is_open(self, repo: Repo) -> None:
        said = repo.fearless("sign", "S7", "--yes", **person(BOB)).stdout
        assert "  everything\n" in said
        assert "Still open beside it: A01, A04, A05, A23, A24, A25, A27, A28, S1." in said

    def test_an_author_is_refused_by_name(self, repo: Repo) -> None:
        repo.write("QUESTION.md", (repo.root / "QUESTION.md").read_text(encoding="utf-8") + "\nMore.\n")
        commit(repo, who=BOB)
        said = refusal(repo.fearless("sign", "S1", "--yes", **person(BOB)))
        assert "Bob <bob@example.com> is an author of QUESTION.md" in said
        assert "Ask the decision maker" in said

    def test_nobody_is_asked_who_they_are(self, repo: Repo) -> None:
        empty = dict.fromkeys(person(BOB), "")
        assert "git does not know who you are" in refusal(repo.fearless("sign", "S1", "--yes", **empty))


class TestConcern:
    def test_is_raised_listed_and_answered(self, repo: Repo) -> None:
        said = repo.fearless("concern", "Two customers have one number", **person(BOB)).stdout
        name = said.split()[1].rstrip(".")
        listed = repo.fearless("concern")
        assert listed.returncode == 1
        assert f"{name}: Two customers have one number (Bob <bob@example.com>, " in listed.stdout
        shown = json.loads(repo.fearless("concern", "--json").stdout)
        assert [each["id"] for each in shown["open"]] == [name]
        assert "needs words" in refusal(repo.fearless("concern", "--answer", name, **person(ADA)))
        answered = repo.fearless("concern", "--answer", name, "One customer, two contracts", **person(ADA))
        assert answered.returncode == 0, answered.stderr
        assert repo.fearless("concern").stdout == "No concern is open.\n"
        assert repo.changes() == []


def test_it_works_without_a_home_or_settings(proven_repo: Repo, copied: Copied, tmp_path: Path) -> None:
    repo = copied(proven_repo)
    bare = {"PATH": os.environ["PATH"], "PYTHONPATH": str(repo.root / "fearless/src")}
    command = [str(repo.python), "-m", "fearless.cli"]
    result = subprocess.run(
        [*command, "checklist"], cwd=repo.root, env=bare, capture_output=True, encoding="utf-8"
    )
    assert result.returncode == 0, result.stdout + result.stderr
    who = person(BOB)
    for arguments in (["sign", "S1", "--yes"], ["concern", "Something"]):
        done = subprocess.run(
            [*command, *arguments], cwd=repo.root, env=bare | who, capture_output=True, encoding="utf-8"
        )
        assert done.returncode == 0, done.stdout + done.stderr
