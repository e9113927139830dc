"""A year-old project, edited everywhere, takes the next release: what is new arrives, what is yours stays."""

from __future__ import annotations

import json
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

import ownership

from .clone import Clone
from .commands import commit, copier_command, fearless, git, render, run, tracked, uv
from .conftest import ANSWERS, Started
from .edits import DELETED, edits, work_on
from .next_release import MOVED, range_of_rich

pytestmark = pytest.mark.slow

SYSTEMS = sorted(ANSWERS)
STATE = ".copier-answers.yml"
Files = dict[str, bytes]


@dataclass(frozen=True)
class Updated:
    """A project after `copier update`: its files before and after, and those of a fresh rendering."""

    ci: str
    project: Path
    before: Files
    after: Files
    fresh: Files
    unmerged: str
    whitespace: str


@pytest.fixture(scope="module", params=SYSTEMS)
def updated(
    request: pytest.FixtureRequest, started: Started, clone: Clone, tmp_path_factory: pytest.TempPathFactory
) -> Updated:
    ci: str = request.param
    folder = tmp_path_factory.mktemp(ci)
    project = started(ci, folder / "project")
    package = ANSWERS[ci]["package_name"]
    work_on(project, package)
    git(project, "add", "--all", ".")
    # A lock that is behind: the oldest rich that the toolkit of the old release takes.
    rich = range_of_rich((project / "fearless" / "pyproject.toml").read_text(encoding="utf-8"))
    uv(project, "lock", "--quiet", f"--upgrade-package=rich=={rich}")
    fearless(project, "train")
    uv(project, "run", "--quiet", "dvc", "push", "--quiet")
    commit(project, "A year of work")
    before = tracked(project)
    run(copier_command("update", "--defaults"), project)
    unmerged = git(project, "ls-files", "--unmerged")
    git(project, "add", "--intent-to-add", ".")
    whitespace = git(project, "diff", "--check", code=None)
    render(clone.path, clone.next, folder / "fresh", ANSWERS[ci])
    git(folder / "fresh", "init", "--quiet")
    return Updated(ci, project, before, tracked(project), tracked(folder / "fresh"), unmerged, whitespace)


@pytest.fixture(scope="module")
def relocked(updated: Updated) -> Path:
    """The project after the next command that copier's message names."""
    uv(updated.project, "lock", "--quiet")
    return updated.project


def test_the_edits_touch_every_file_that_is_the_user_s() -> None:
    named = set(edits(ownership.PACKAGE)) | DELETED
    skipped, _ = ownership.yours()
    assert named == skipped, "give each user-owned file an edit in tests/update/edits.py"


def test_no_conflict_is_left(updated: Updated) -> None:
    assert updated.unmerged == ""
    assert updated.whitespace == ""
    assert [name for name in updated.after if name.endswith((".rej", ".orig"))] == []
    markers = re.compile(rb"^(<{7}|={7}|>{7}|\|{7})( |$)", re.MULTILINE)
    assert [name for name, content in updated.after.items() if markers.search(content)] == []


def test_the_template_s_files_equal_a_fresh_rendering(updated: Updated) -> None:
    assert the_template_s(updated.after) == the_template_s(updated.fresh)


def test_new_moved_and_removed_files_of_the_template_arrive(updated: Updated) -> None:
    workflow = {"github": ".github/workflows/fearless-season.yml", "gitlab": ".gitlab/fearless/season.yml"}
    new = {"fearless/deploy/notes.md", "fearless/src/fearless/season/length.py", workflow[updated.ci]}
    assert new <= set(updated.after) - set(updated.before)
    before, after = MOVED
    assert before in updated.before
    assert before not in updated.after
    assert updated.after[after] == updated.fresh[after]


def test_every_other_file_is_byte_equal(updated: Updated) -> None:
    assert the_user_s(updated.after) == the_user_s(updated.before)
    assert b"Another text for new projects only" in updated.fresh["README.md"]


def test_what_was_deleted_stays_deleted(updated: Updated) -> None:
    there = DELETED & set(updated.fresh)
    assert len(there) >= 5
    assert there.isdisjoint(updated.after)


def test_a_file_for_the_user_that_is_new_is_not_pushed_into_an_old_project(updated: Updated) -> None:
    assert "monitor.yaml" in updated.fresh
    assert "monitor.yaml" not in updated.after


def test_the_answers_are_kept_and_the_new_question_has_its_default(updated: Updated, clone: Clone) -> None:
    before, after = (yaml.safe_load(files[STATE]) for files in (updated.before, updated.after))
    assert (before["_commit"], after["_commit"]) == (clone.oldest, clone.next)
    assert after == {**before, "_commit": clone.next, "alarm_channel": "nowhere"}


def test_the_lock_resolves_and_moves_only_what_had_to_move(updated: Updated, relocked: Path) -> None:
    uv(relocked, "lock", "--check")
    before, after = (
        versions(text) for text in (updated.before["uv.lock"], (relocked / "uv.lock").read_bytes())
    )
    toolkit = tomllib.loads(updated.fresh["fearless/pyproject.toml"].decode())["project"]["version"]
    assert after["fearless"] == toolkit
    assert {name for name in before if before[name] != after.get(name)} == {"fearless", "rich"}
    assert after["rich"] != before["rich"]


def test_check_and_gate_work_with_the_old_files(updated: Updated, relocked: Path, clone: Clone) -> None:
    assert "dvc.lock is current: " in fearless(relocked, "train")
    fearless(relocked, "check")
    report = gate(relocked)
    assert report["context"]["toolkit"] == clone.next.removeprefix("v")
    assert {"brier.min_skill", "mae.min_skill"} & {check["id"] for check in report["checks"]}
    assert fearless(relocked, "season") == "3 months\n"
    assert {**the_user_s(tracked(relocked)), "uv.lock": b""} == {**the_user_s(updated.before), "uv.lock": b""}


def test_the_new_artifacts_and_fields_come_with_the_team_s_next_change(
    updated: Updated, relocked: Path
) -> None:
    commit(relocked, "Update of the template")
    stages = (relocked / "dvc.yaml").read_bytes()
    assert not (relocked / "models/candidate/card.json").exists()
    rewrite(relocked / "params.yaml", "max_iter: 40", "max_iter: 41")
    rewrite(relocked / "columns.yaml", "    description:", "    source: the warehouse\n    description:")
    fearless(relocked, "train")
    assert (relocked / "models/candidate/card.json").is_file()
    assert (relocked / "ops/reports/slices.json").is_file()
    fearless(relocked, "check")
    assert gate(relocked)["verdict"] == "PASS"
    assert (relocked / "dvc.yaml").read_bytes() == stages


@pytest.mark.parametrize("updated", SYSTEMS[:1], indirect=True)  # which CI system it is has no part in it
def test_a_release_that_trains_differently_says_so_and_trains_again(
    updated: Updated, relocked: Path, clone: Clone
) -> None:
    commit(relocked, "A change of the model")
    run(copier_command("update", "--defaults", f"--vcs-ref={clone.later}"), relocked)
    uv(relocked, "lock", "--quiet")
    stale = json.loads(uv(relocked, "run", "--quiet", "dvc", "status", "--json"))
    assert {"prepare", "train", "evaluate"} <= set(stale)
    assert "train: " in fearless(relocked, "train")
    assert gate(relocked)["verdict"] == "PASS"


def the_template_s(files: Files) -> Files:
    skipped, _ = ownership.yours()
    return {name: files[name] for name in files if ownership.classes_of(name, skipped) == ["template"]}


def the_user_s(files: Files) -> Files:
    """All but the template's files and the answers: the user's, what commands wrote, what the team added."""
    others = {STATE, *the_template_s(files)}
    return {name: files[name] for name in files if name not in others}


def versions(lock: bytes) -> dict[str, str]:
    return {
        package["name"]: package.get("version", "") for package in tomllib.loads(lock.decode())["package"]
    }


def gate(project: Path) -> dict[str, Any]:
    fearless(project, "gate")
    report: dict[str, Any] = json.loads((project / ".fearless/gate/report.json").read_text(encoding="utf-8"))
    return report


def rewrite(path: Path, before: str, after: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert before in text
    path.write_text(text.replace(before, after, 1), encoding="utf-8", newline="\n")
