"""What people, branches and files are called in git is printed as a terminal shows it, and never as it obeys it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from fearless.cli.checklist import show_checklist
from fearless.cli.concern import concern_and_print
from fearless.cli.deploy import show_history
from fearless.cli.sign import sign_and_print
from fearless.ledger.record import Deployment
from fearless.ledger.store import open_ledger
from fearless.report.visible import INVISIBLE
from fearless.ship.concern import concern_file
from fearless.ship.record import Person

from .conftest import Tree
from .signing import ADA, BOB, Signed, acting, as_person, made

# Clears the screen, colours by a single byte, writes backwards, and goes back to the start of the line.
HIDDEN = "\x1b[2J\x9b31m\u202egnirts\r"
EVE = Person(f"Eve{HIDDEN}Boss", "eve\x1b[1A\u2066@example.com")
SOURCE = Path(__file__).resolve().parents[2] / "template" / "fearless" / "src"


@pytest.fixture
def shop(tree: Tree) -> Signed:
    return made(tree)


def harmless(text: str) -> str:
    """`text`, where nothing but line ends is hidden in it."""
    assert not INVISIBLE.search(text.replace("\n", "")), repr(text)
    return text


def test_a_signature_names_its_signer_as_they_are_called(
    shop: Signed, capsys: pytest.CaptureFixture[str]
) -> None:
    with acting(EVE):
        assert sign_and_print(shop.project, "S6", yes=True) == 0
    said = harmless(capsys.readouterr().out)
    assert (
        said.count("Eve[U+001B][2J[U+009B]31m[U+202E]gnirts Boss <eve[U+001B][1A[U+2066]@example.com>") == 2
    )


def test_a_checklist_names_signers_branches_and_files_as_they_are_called(
    shop: Signed, capsys: pytest.CaptureFixture[str]
) -> None:
    with acting(EVE):
        sign_and_print(shop.project, "S1", yes=True)
    shop.tree.write("notes\u202etxt.md", "not committed\n")
    capsys.readouterr()
    for as_json in (False, True):
        assert show_checklist(shop.project, as_json=as_json) == 1
        said = harmless(capsys.readouterr().out)
        assert "Eve[U+001B][2J[U+009B]31m[U+202E]gnirts Boss" in said.replace("\n           ", " ")
        assert "notes[U+202E]txt.md" in said
    (shop.root / "notes\u202etxt.md").unlink()
    shop.git("switch", "--quiet", "--create", "side\u202eways\u009b2J")
    show_checklist(shop.project, as_json=False)
    assert "side[U+202E]ways[U+009B]2J" in harmless(capsys.readouterr().out)


def test_a_concern_that_was_written_by_hand_is_listed_as_it_stands_there(
    shop: Signed, capsys: pytest.CaptureFixture[str]
) -> None:
    path, content = concern_file("Two customers have one number", EVE, shop.now)
    forged = json.loads(content) | {"text": f"All is well{HIDDEN}"}
    shop.tree.write(path.replace("C-", "C-\u202e"), json.dumps(forged))
    for as_json in (False, True):
        assert concern_and_print(shop.project, "", answered="", as_json=as_json) == 1
        said = harmless(capsys.readouterr().out)
        assert "All is well[U+001B][2J[U+009B]31m[U+202E]gnirts (Eve[U+001B]" in said or as_json
    (listed,) = json.loads(said)["open"]
    assert listed["id"].startswith("C-\u202e")  # exact, for it is what an answer names


def test_the_history_names_who_deployed_as_they_are_called(
    shop: Signed, capsys: pytest.CaptureFixture[str]
) -> None:
    ledger = open_ledger(shop.project)
    ledger.deploy(Deployment(1, f"dep{HIDDEN}", "shop", f"v1{HIDDEN}", HIDDEN * 9, str(EVE), HIDDEN))
    ledger.close()
    assert show_history(shop.project, at="", as_json=False) == 0
    (line,) = harmless(capsys.readouterr().out).splitlines()
    assert "Eve[U+001B][2J" in line
    assert show_history(shop.project, at="", as_json=True) == 0
    harmless(capsys.readouterr().out)


def test_a_refusal_names_people_as_they_are_called(shop: Signed) -> None:
    shop.change("ops/README.md", "# Stop it\n", by=EVE)
    command = [sys.executable, "-m", "fearless.cli", "sign", "S6", "--yes"]
    environment = as_person(EVE) | {"PYTHONPATH": str(SOURCE), "HOME": str(shop.root), "PYTHONUTF8": "1"}
    done = subprocess.run(command, cwd=shop.root, env=environment, capture_output=True, encoding="utf-8")
    assert done.returncode == 2
    said = harmless(done.stderr)
    assert "Eve[U+001B][2J" in said
    assert "is an author of ops/README.md" in said
    assert "\n  -> Ask the operator to run" in said  # a line of ours stays a line


@pytest.mark.parametrize("person", [ADA, BOB], ids=str)
def test_a_plain_name_stays_as_it_is(
    shop: Signed, capsys: pytest.CaptureFixture[str], person: Person
) -> None:
    named = Person(f"Zoë {person.name} 木村", person.email.replace("@", "+1@"))
    with acting(named):
        sign_and_print(shop.project, "S1", yes=True)
    assert f"  signed by  {named}\n" in capsys.readouterr().out
