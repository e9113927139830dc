"""A concern blocks until somebody answers it; taking its file away answers nothing."""

from __future__ import annotations

import json
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from fearless.core.errors import FearlessError
from fearless.core.project import Project
from fearless.ship.concern import FOLDER, answer, concern_file, open_concerns, raise_concern

from .conftest import Tree
from .signing import ADA, BOB, EVE, Signed, acting, made

DOUBT = "Two customers have one number"


@pytest.fixture
def shop(tree: Tree) -> Signed:
    return made(tree)


@pytest.fixture
def raised(shop: Signed) -> str:
    """The concern that Eve raised."""
    with acting(EVE):
        return raise_concern(shop.project, DOUBT, shop.now)


def test_no_concern_is_open_where_none_was_raised(shop: Signed) -> None:
    assert open_concerns(shop.project) == []


def test_a_concern_is_a_commit_of_its_own_and_names_who_and_when(shop: Signed, raised: str) -> None:
    (found,) = open_concerns(shop.project)
    assert (found.id, found.text, found.by, found.note) == (raised, DOUBT, "Eve <eve@example.com>", "")
    assert found.at == shop.now.strftime("%Y-%m-%dT%H:%M:%SZ")
    assert shop.git("show", "--format=%an", "--name-only").split() == ["Eve", f"{FOLDER}/{raised}.json"]


def test_an_answer_closes_it_and_leaves_it_on_record(shop: Signed, raised: str) -> None:
    with acting(BOB):
        answer(shop.project, raised, "They are one customer with two contracts")
    assert open_concerns(shop.project) == []
    shown = json.loads((shop.root / FOLDER / f"{raised}.answer.json").read_text(encoding="utf-8"))
    assert (shown["id"], shown["by"]["name"]) == (raised, "Bob")
    assert (shop.root / FOLDER / f"{raised}.json").is_file()


def test_a_concern_is_one_line_that_a_terminal_shows_as_it_is(shop: Signed) -> None:
    with acting(EVE):
        raise_concern(shop.project, "All is well\x1b[2J\nnobody\tsaw", shop.now)
    (found,) = open_concerns(shop.project)
    assert found.text == "All is well[U+001B][2J nobody saw"


def test_oldest_first(shop: Signed, raised: str) -> None:
    with acting(BOB):
        later = raise_concern(shop.project, "The labels look late", shop.now + timedelta(minutes=1))
    assert [each.id for each in open_concerns(shop.project)] == [raised, later]


def test_a_concern_that_was_deleted_still_blocks_and_names_the_commit(shop: Signed, raised: str) -> None:
    shop.git("rm", "--quiet", f"{FOLDER}/{raised}.json")
    shop.git("commit", "--quiet", "-m", "Tidy up")
    commit = shop.git("rev-parse", "HEAD")
    (found,) = open_concerns(shop.project)
    assert (found.text, found.note) == (DOUBT, f"commit {commit} took its file away")
    assert raised in str(found)
    with acting(BOB):
        answer(shop.project, raised, "Settled")
    assert open_concerns(shop.project) == []


def test_a_concern_whose_text_was_softened_shows_its_first_text(shop: Signed, raised: str) -> None:
    file = shop.root / FOLDER / f"{raised}.json"
    shop.change(f"{FOLDER}/{raised}.json", file.read_text(encoding="utf-8").replace(DOUBT, "All is well"))
    (found,) = open_concerns(shop.project)
    assert found.text == DOUBT
    assert "edited" in found.note


def test_a_concern_that_a_merge_dropped_still_blocks(shop: Signed) -> None:
    shop.git("switch", "--quiet", "--create", "other")
    with acting(EVE):
        name = raise_concern(shop.project, DOUBT, shop.now)
    shop.git("switch", "--quiet", "main")
    shop.git("merge", "--quiet", "--strategy=ours", "--no-ff", "-m", "Merge", "other")
    (found,) = open_concerns(shop.project)
    assert (found.id, found.note) == (name, "a merge took its file away")


def test_a_deleted_answer_opens_it_again(shop: Signed, raised: str) -> None:
    with acting(BOB):
        answer(shop.project, raised, "Settled")
    shop.git("rm", "--quiet", f"{FOLDER}/{raised}.answer.json")
    shop.git("commit", "--quiet", "-m", "Not settled")
    assert [each.id for each in open_concerns(shop.project)] == [raised]


@pytest.mark.parametrize("text", ["", "settled", "{}", '{"version": 1, "id": "another"}'])
def test_a_file_that_is_no_answer_answers_nothing(shop: Signed, raised: str, text: str) -> None:
    shop.change(f"{FOLDER}/{raised}.answer.json", text)
    assert [each.id for each in open_concerns(shop.project)] == [raised]


def test_an_answer_that_is_not_committed_answers_nothing(shop: Signed, raised: str) -> None:
    with acting(BOB):
        answer(shop.project, raised, "Settled")
    shop.git("reset", "--quiet", "--mixed", "HEAD~1")
    assert [each.id for each in open_concerns(shop.project)] == [raised]


def test_a_concern_that_somebody_only_wrote_down_blocks_too(shop: Signed) -> None:
    path, text = concern_file(DOUBT, EVE, shop.now)
    shop.tree.write(path, text)
    (found,) = open_concerns(shop.project)
    assert (found.text, found.note) == (DOUBT, "its file is not committed")


def test_a_damaged_concern_blocks_by_its_name(shop: Signed) -> None:
    shop.change(f"{FOLDER}/C-1.json", "{")
    (found,) = open_concerns(shop.project)
    assert str(found) == "C-1: its file cannot be read (by an unknown person)"


def test_a_shallow_clone_does_not_know_what_was_taken_away(shop: Signed, raised: str, tmp_path: Path) -> None:
    clone = tmp_path / "shallow"
    subprocess.run(["git", "clone", "--quiet", "--depth=1", f"file://{shop.root}", str(clone)], check=True)
    with pytest.raises(FearlessError, match="shallow"):
        open_concerns(Project(clone))


def test_the_file_of_a_command_touches_nothing_and_opens_a_concern_once_it_is_committed(shop: Signed) -> None:
    before = shop.git("status", "--porcelain")
    path, text = concern_file("Released past the checklist", ADA, shop.now, kind="break-glass")
    assert shop.git("status", "--porcelain") == before
    assert concern_file("Released past the checklist", ADA, shop.now, kind="break-glass") == (path, text)
    shop.change(path, text)
    (found,) = open_concerns(shop.project)
    assert found.text == "Released past the checklist"
    assert json.loads(text)["kind"] == "break-glass"


@pytest.mark.parametrize("text", ["", "  \n"])
def test_words_are_needed(shop: Signed, raised: str, text: str) -> None:
    with acting(BOB), pytest.raises(FearlessError, match="needs words"):
        raise_concern(shop.project, text)
    with acting(BOB), pytest.raises(FearlessError, match="needs words"):
        answer(shop.project, raised, text)


def test_only_what_is_open_can_be_answered(shop: Signed, raised: str) -> None:
    with acting(BOB), pytest.raises(FearlessError, match="No concern `C-9` is open") as refused:
        answer(shop.project, "C-9", "Settled", datetime.now(UTC))
    assert raised in refused.value.fix
