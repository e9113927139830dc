"""A signature says who vouches for which bytes, and lapses by itself: on change, by date, after one use."""

from __future__ import annotations

import json
import subprocess
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from fearless.core.errors import FearlessError
from fearless.core.project import Project
from fearless.ship.record import Person
from fearless.ship.signature import valid

from .conftest import CODE, COLUMNS, Tree
from .signing import ADA, BOB, EVE, Signed, acting, key_of, made

ALL = ["S1", "S2", "S3", "S4", "S5", "S6", "S7"]


@pytest.fixture
def shop(tree: Tree) -> Signed:
    """Written by Ada; Bob has only ever touched a page of docs/."""
    return made(tree)


@pytest.fixture
def signed(shop: Signed) -> Signed:
    """Bob signed all seven."""
    for item in ALL:
        shop.sign(item)
    return shop


def test_nobody_signed_what_nobody_signed(shop: Signed) -> None:
    assert not shop.valid("S1")
    assert shop.valid("S1").sentence == "Nobody signed it."


def test_a_signature_names_signer_date_files_and_full_digests(signed: Signed) -> None:
    found = signed.valid("S1")
    assert found
    assert found.how == "claimed"
    assert not found.solo
    assert found.signature is not None
    assert found.signature.signer == BOB
    assert list(found.signature.files) == ["QUESTION.md", "columns.yaml", "src/shop/data.py"]
    assert {len(digest) for digest in found.signature.files.values()} == {64}
    assert f"on {signed.now:%Y-%m-%d}, claimed" in found.sentence
    assert signed.git("show", "--format=%an", "--name-only", "HEAD~6").split() == [
        "Bob",
        f"ops/signatures/{found.signature.name}.json",
    ]


@pytest.mark.parametrize(
    ("name", "text", "void"),
    [
        ("dvc.lock", "schema: '2.0' # retrained\n", ["S7"]),
        ("params.yaml", "seed: 8\n", ["S7"]),
        ("src/shop/model.py", CODE["model.py"] + "# other\n", ["S7"]),
        ("columns.yaml", COLUMNS.replace("monthly fee", "yearly fee"), ["S1", "S2", "S4", "S7"]),
        ("data/golden.dvc", "outs:\n- md5: ffff.dir\n", ["S3", "S5", "S7"]),
        ("README.md", "# Shop, better explained\n", []),
        ("docs/notes.md", "More notes\n", []),
        ("LICENSE", "MIT\n", []),
        ("ops/reports/metrics.json", "{}\n", []),
        ("QUESTION.md", "---\nversion: 1\n---\n", ["S1", "S4", "S7"]),
        ("src/shop/data.py", CODE["data.py"] + "# other\n", ["S1", "S7"]),
        ("src/shop/features.py", CODE["features.py"] + "# other\n", ["S2", "S7"]),
        ("gate.yaml", "version: 1\nchecks: []\n", ["S5", "S7"]),
        ("uv.lock", "version = 2\n", ["S6", "S7"]),
        ("ops/README.md", "# Another runbook\n", ["S6"]),
        ("models/champion.dvc", "outs:\n- md5: aaaa.dir\n", ["S7"]),
    ],
)
def test_a_change_voids_exactly_the_signatures_it_is_about(
    signed: Signed, name: str, text: str, void: list[str]
) -> None:
    assert signed.standing() == ALL
    signed.change(name, text)
    assert signed.standing() == [item for item in ALL if item not in void]
    for item in void:
        assert "for other bytes" in signed.valid(item).sentence


@pytest.mark.parametrize(("item", "days"), [("S1", 90), ("S3", 180), ("S4", 365), ("S6", 90), ("S7", 7)])
def test_a_signature_lapses_by_date(signed: Signed, item: str, days: int) -> None:
    assert signed.valid(item, days=days - 0.01)
    late = signed.valid(item, days=days)
    assert not late
    assert "lapsed on" in late.sentence


@pytest.mark.parametrize("item", ["S2", "S5"])
def test_what_only_a_change_ends_has_no_date(signed: Signed, item: str) -> None:
    assert signed.valid(item, days=4000)


def test_a_go_serves_one_release(signed: Signed) -> None:
    go = signed.valid("S7").signature
    assert go is not None
    signed.change("ops/releases/1/release.json", json.dumps({"signatures": [go.name]}), by=ADA)
    assert "was used up by ops/releases/1/release.json" in signed.valid("S7").sentence
    assert signed.standing() == ALL[:-1]


def test_a_module_that_the_feature_code_imports_is_signed_with_it(shop: Signed) -> None:
    shop.change("src/shop/cleaning.py", "def clean(rows):\n    return rows\n")
    shop.change("src/shop/spare.py", "X = 1\n")
    shop.change(
        "src/shop/features.py",
        "from .cleaning import (\n    clean,\n)\n\ndef features(rows):\n    return clean(rows)\n",
    )
    shop.sign("S2")
    shop.sign("S1")
    shop.change("src/shop/spare.py", "X = 2\n")
    assert shop.standing() == ["S1", "S2"]
    shop.change("src/shop/cleaning.py", "def clean(rows):\n    return rows * 2\n")
    assert shop.standing() == ["S1"]
    assert "src/shop/cleaning.py changed since" in shop.valid("S2").sentence


class TestAuthors:
    @pytest.mark.parametrize("item", ALL)
    def test_an_author_of_what_is_signed_cannot_sign(self, shop: Signed, item: str) -> None:
        before = shop.git("rev-parse", "HEAD")
        with pytest.raises(
            FearlessError, match=r"Ada <ada@example.com> is an author of .*nobody signs their own"
        ):
            shop.sign(item, by=ADA)
        assert shop.git("rev-parse", "HEAD") == before
        assert shop.git("status", "--porcelain") == ""

    def test_the_size_of_letters_makes_no_second_person(self, shop: Signed) -> None:
        with pytest.raises(FearlessError, match="nobody signs their own work"):
            shop.sign("S1", by=Person("A. L.", "ADA@Example.COM"))

    def test_a_co_author_cannot_sign(self, shop: Signed) -> None:
        shop.change("QUESTION.md", "x\n", message="Ask\n\nco-authored-by: Eve <Eve@example.com>\n\nand more")
        with pytest.raises(FearlessError, match=r"Eve <eve@example.com> is an author of QUESTION.md"):
            shop.sign("S1", by=EVE)
        assert shop.sign("S3", by=EVE)

    def test_who_touched_only_pages_and_records_may_say_go(self, signed: Signed) -> None:
        assert signed.valid("S7")

    def test_a_go_is_for_those_who_changed_nothing_since_the_last_release(self, shop: Signed) -> None:
        shop.change("gate.yaml", "version: 1\n", by=EVE)
        with pytest.raises(FearlessError, match=r"Eve <eve@example.com> is an author of this release"):
            shop.sign("S7", by=EVE)
        shop.change("models/champion.dvc", "outs:\n- md5: aaaa.dir\n", by=ADA)
        shop.change("gate.yaml", "version: 1 # more\n", by=ADA)
        assert shop.sign("S7", by=EVE)
        assert shop.valid("S7")

    def test_a_champion_that_is_moved_and_moved_back_makes_nobody_a_stranger(self, shop: Signed) -> None:
        shop.change("models/champion.dvc", "outs:\n- md5: aaaa.dir\n", by=ADA)
        shop.change("gate.yaml", "version: 1\n", by=EVE)
        shop.change("models/champion.dvc", "outs:\n- md5: bbbb.dir\n", by=ADA)
        shop.change("models/champion.dvc", "outs:\n- md5: aaaa.dir\n", by=ADA)
        shop.change("ops/releases/1/release.json", "{}\n", by=ADA)
        for author in (ADA, EVE):
            with pytest.raises(FearlessError, match="is an author of this release"):
                shop.sign("S7", by=author)

    def test_a_mailmap_hides_no_author(self, shop: Signed) -> None:
        shop.change(".mailmap", "Ada <ada@home.example> <ada@example.com>\n")
        for email in ("ada@home.example", "ada@example.com"):
            with pytest.raises(FearlessError, match="nobody signs their own work"):
                shop.sign("S1", by=Person("Ada", email))

    def test_a_signature_that_an_author_commits_by_hand_does_not_count(self, shop: Signed) -> None:
        shop.sign("S1")
        shop.rewrite("S1", by=ADA, signer={"name": ADA.name, "email": ADA.email})
        assert "nobody signs their own work" in shop.valid("S1").sentence

    def test_a_name_like_a_bot_s_hides_no_author(self, shop: Signed) -> None:
        shop.change("gate.yaml", "version: 1\n", by=Person("Eve [bot]", EVE.email))
        with pytest.raises(FearlessError, match="nobody signs their own work"):
            shop.sign("S5", by=EVE)

    def test_the_only_author_signs_as_solo_until_somebody_joins(self, tree: Tree) -> None:
        shop = Signed(tree)
        tree.write("QUESTION.md", "---\n---\n")
        shop.git("init", "--quiet", "--initial-branch=main")
        shop.git("add", "--all")
        shop.git("commit", "--quiet", "-m", "Start")
        shop.change("a.txt", "a", by=Person("dependabot[bot]", "49699333+dependabot[bot]@example.com"))
        shop.change("a.txt", "b", message="With a tool\n\nCo-authored-by: A tool <noreply@example.com>")
        shop.sign("S1", by=ADA)
        found = shop.valid("S1")
        assert found.solo
        assert "the only author (solo)" in found.sentence
        shop.change("b.txt", "b", by=BOB)
        assert "nobody signs their own work" in shop.valid("S1").sentence

    def test_a_shallow_clone_does_not_know_the_authors(self, signed: Signed, tmp_path: Path) -> None:
        clone = tmp_path / "shallow"
        subprocess.run(
            ["git", "clone", "--quiet", "--depth=1", f"file://{signed.root}", str(clone)], check=True
        )
        assert "git fetch --unshallow" in valid(Project(clone), "S1", signed.now).sentence
        with acting(BOB), pytest.raises(FearlessError, match="shallow"):
            Signed(Tree(clone)).sign("S1")


class TestForged:
    """What looks like a signature and is none, each with its sentence."""

    @pytest.fixture
    def shop(self, shop: Signed) -> Signed:
        shop.sign("S1")
        return shop

    def said(self, shop: Signed, **changes: Any) -> str:
        shop.rewrite("S1", **changes)
        found = shop.valid("S1")
        assert not found
        return found.sentence

    def files(self, shop: Signed) -> dict[str, str]:
        files: dict[str, str] = json.loads(shop.file_of("S1").read_text(encoding="utf-8"))["files"]
        return files

    def test_rewritten_as_it_was_it_counts(self, shop: Signed) -> None:
        shop.rewrite("S1")
        assert shop.valid("S1")

    def test_a_short_hash(self, shop: Signed) -> None:
        files = {name: digest[:7] for name, digest in self.files(shop).items()}
        assert "only all 64 digits name bytes" in self.said(shop, files=files)

    def test_other_bytes_with_a_digest_that_fits(self, shop: Signed) -> None:
        from fearless.ship.bound import digest_over

        files = {**self.files(shop), "QUESTION.md": "0" * 64}
        assert "for other bytes: QUESTION.md" in self.said(shop, files=files, digest=digest_over(files))

    def test_fewer_files_than_the_item_is_about(self, shop: Signed) -> None:
        from fearless.ship.bound import digest_over

        files = {"QUESTION.md": self.files(shop)["QUESTION.md"]}
        said = self.said(shop, files=files, digest=digest_over(files))
        assert "for other bytes: columns.yaml, src/shop/data.py" in said

    def test_a_digest_that_does_not_fit(self, shop: Signed) -> None:
        assert "edited by hand" in self.said(shop, digest="1" * 64)

    def test_a_later_end(self, shop: Signed) -> None:
        assert "edited by hand" in self.said(shop, expires="2999-01-01T00:00:00Z")

    def test_a_date_in_the_future(self, shop: Signed) -> None:
        at = shop.now + timedelta(days=30)
        ends = (at + timedelta(days=90)).strftime("%Y-%m-%dT%H:%M:%SZ")
        said = self.said(shop, at=at.strftime("%Y-%m-%dT%H:%M:%SZ"), expires=ends)
        assert "dated in the future" in said
        # Nor does it become good when that day has come: its commit was made before.
        assert "after the commit that brought it" in shop.valid("S1", days=31).sentence

    def test_no_date_at_all(self, shop: Signed) -> None:
        assert "`at` is 'yesterday'" in self.said(shop, at="yesterday")

    def test_another_item_under_this_name(self, shop: Signed) -> None:
        assert "it speaks of S7" in self.said(shop, item="S7")

    def test_a_key_more(self, shop: Signed) -> None:
        assert "its keys are not" in self.said(shop, approved=True)

    def test_a_file_that_is_no_json(self, shop: Signed) -> None:
        file = shop.file_of("S1")
        shop.change(f"ops/signatures/{file.name}", "S1: approved by Bob\n", by=BOB)
        assert "it is not JSON" in shop.valid("S1").sentence

    def test_an_edit_after_it_was_signed(self, shop: Signed) -> None:
        file = shop.file_of("S1")
        content = json.loads(file.read_text(encoding="utf-8"))
        shop.change(f"ops/signatures/{file.name}", json.dumps(content), by=BOB)
        edit = shop.git("rev-parse", "HEAD")
        assert f"changed after it was signed, by commit {edit}" in shop.valid("S1").sentence

    def test_taken_away_and_put_back(self, shop: Signed) -> None:
        file = shop.file_of("S1")
        content = file.read_text(encoding="utf-8")
        shop.git("rm", "--quiet", f"ops/signatures/{file.name}")
        shop.git("commit", "--quiet", "-m", "Withdraw", by=BOB)
        assert not shop.valid("S1")
        shop.change(f"ops/signatures/{file.name}", content, by=ADA)
        assert "changed after it was signed" in shop.valid("S1").sentence

    def test_in_the_name_of_somebody_else(self, shop: Signed) -> None:
        shop.rewrite("S1", by=EVE)
        assert "somebody else committed it (eve@example.com)" in shop.valid("S1").sentence

    def test_not_committed(self, shop: Signed) -> None:
        file = shop.file_of("S1")
        text = file.read_text(encoding="utf-8")
        shop.git("reset", "--quiet", "--hard", "HEAD~1")
        shop.tree.write(f"ops/signatures/{file.name}", text)
        assert "is not committed" in shop.valid("S1").sentence
        shop.git("add", "--all")
        assert "is not committed" in shop.valid("S1").sentence

    def test_a_text_that_quotes_it(self, shop: Signed) -> None:
        text = shop.file_of("S1").read_text(encoding="utf-8")
        shop.git("reset", "--quiet", "--hard", "HEAD~1")
        shop.change("docs/minutes.md", f"Bob approved:\n\n{text}", by=BOB)
        shop.change("ops/signatures/README.md", f"S1 is signed.\n{text}", by=BOB)
        shop.change("ops/S1-20260101T000000Z-aaaaaa.json", text, by=BOB)
        assert shop.valid("S1").sentence == "Nobody signed it."

    @pytest.mark.parametrize("edited", [False, True])
    def test_what_only_a_merge_brought_or_changed(self, shop: Signed, edited: bool) -> None:
        file = shop.file_of("S1")
        text = file.read_text(encoding="utf-8")
        if not edited:
            shop.git("reset", "--quiet", "--hard", "HEAD~1")
        shop.git("switch", "--quiet", "--create", "other")
        shop.change("docs/other.md", "x\n", by=BOB)
        shop.git("switch", "--quiet", "main")
        shop.git("merge", "--quiet", "--no-ff", "--no-commit", "other", by=BOB)
        shop.tree.write(f"ops/signatures/{file.name}", text + "\n" * edited)
        shop.git("add", "--all")
        shop.git("commit", "--quiet", "-m", "Merge", by=BOB)
        assert "merge" in shop.valid("S1").sentence
        assert not shop.valid("S1")

    def test_a_rebase_keeps_it(self, shop: Signed) -> None:
        shop.git("switch", "--quiet", "--create", "other", "HEAD~1")
        shop.change("docs/other.md", "x\n")
        shop.git("cherry-pick", "main", by=BOB)
        assert shop.valid("S1")
        shop.git("merge", "--quiet", "-m", "Merge", "main")
        assert shop.valid("S1")


class TestVerified:
    def test_by_a_key_of_the_signer_in_the_repository(self, shop: Signed, tmp_path: Path) -> None:
        shop.change("ops/allowed_signers", key_of(shop, BOB, tmp_path))
        shop.sign("S1")
        assert shop.valid("S1").how == "verified"

    def test_not_by_a_key_that_the_repository_does_not_name(self, shop: Signed, tmp_path: Path) -> None:
        key_of(shop, BOB, tmp_path)
        shop.sign("S1")
        assert shop.valid("S1").how == "claimed"

    def test_not_by_a_key_of_somebody_else(self, shop: Signed, tmp_path: Path) -> None:
        shop.change("ops/allowed_signers", key_of(shop, EVE, tmp_path))
        shop.sign("S1")
        assert shop.valid("S1").how == "claimed"

    def test_not_by_keys_on_disk_that_are_not_committed(self, shop: Signed, tmp_path: Path) -> None:
        shop.tree.write("ops/allowed_signers", key_of(shop, BOB, tmp_path))
        shop.sign("S1")
        assert shop.valid("S1").how == "claimed"

    def test_not_by_somebody_whose_email_is_a_pattern(self, shop: Signed, tmp_path: Path) -> None:
        shop.change("ops/allowed_signers", key_of(shop, BOB, tmp_path).replace("bob@", "*@"))
        shop.sign("S1", by=Person("Bob", "*@example.com"))
        assert shop.valid("S1").how == "claimed"

    def test_not_by_a_pattern_of_emails(self, shop: Signed, tmp_path: Path) -> None:
        shop.change("ops/allowed_signers", key_of(shop, BOB, tmp_path).replace("bob@", "*@"))
        shop.sign("S1")
        assert shop.valid("S1").how == "claimed"

    def test_rather_than_claimed_where_there_are_both(self, shop: Signed, tmp_path: Path) -> None:
        shop.sign("S1", now=shop.now - timedelta(seconds=1))
        shop.change("ops/allowed_signers", key_of(shop, BOB, tmp_path))
        assert shop.valid("S1").how == "claimed"
        shop.sign("S1")
        assert shop.valid("S1").how == "verified"

    @pytest.fixture
    def keyed(self, shop: Signed, tmp_path: Path) -> Signed:
        """Bob signed S1 before his key was registered; from then on git has no key of his at hand."""
        shop.sign("S1")
        shop.git("switch", "--quiet", "--create", "earlier")
        shop.git("switch", "--quiet", "main")
        shop.change("ops/allowed_signers", key_of(shop, BOB, tmp_path))
        shop.git("config", "--unset", "user.signingkey")
        return shop

    def test_no_signature_without_the_key_counts_once_one_is_registered(self, keyed: Signed) -> None:
        with pytest.raises(FearlessError, match=r"names a key of Bob <bob@example.com>, and git has none"):
            keyed.sign("S5")
        assert keyed.git("status", "--porcelain") == ""
        by_hand = self.forged(keyed, "S5")
        found = keyed.valid("S5")
        assert not found
        assert "is not verified although a key of this person is registered" in found.sentence
        keyed.change("ops/allowed_signers", "eve@example.com ssh-ed25519 AAAA\n")
        assert keyed.valid("S5").how == "claimed", by_hand

    def test_what_was_signed_before_a_key_was_registered_stays_claimed(self, keyed: Signed) -> None:
        keyed.change("ops/allowed_signers", (keyed.root / "ops/allowed_signers").read_text("utf-8") + "# x\n")
        assert keyed.valid("S1").how == "claimed"

    def test_a_branch_that_left_before_a_key_was_registered_proves_no_earlier_date(
        self, keyed: Signed
    ) -> None:
        keyed.git("switch", "--quiet", "earlier")
        self.forged(keyed, "S5")
        assert keyed.valid("S5").how == "claimed"  # there no key is registered
        keyed.git("switch", "--quiet", "main")
        keyed.git("merge", "--quiet", "-m", "Merge", "earlier")
        assert "is not verified although" in keyed.valid("S5").sentence
        assert keyed.valid("S1").how == "claimed"

    def test_the_commit_that_registers_a_key_brings_no_signature_without_it(
        self, shop: Signed, tmp_path: Path
    ) -> None:
        shop.sign("S1")
        shop.git("reset", "--quiet", "--soft", "HEAD~1")
        shop.tree.write("ops/allowed_signers", key_of(shop, BOB, tmp_path))
        shop.git("add", "--all")
        shop.git("commit", "--quiet", "-m", "Sign", by=BOB)
        assert "is not verified although" in shop.valid("S1").sentence

    def test_the_size_of_letters_is_no_way_round_a_key(self, keyed: Signed) -> None:
        self.forged(keyed, "S5", Person("Bob", "BOB@Example.com"))
        assert "is not verified although" in keyed.valid("S5").sentence

    def forged(self, shop: Signed, item: str, by: Person = BOB) -> str:
        """A signature in the name of `by` that anybody could have committed; returns its commit."""
        allowed = shop.root / "ops/allowed_signers"
        before = shop.git("rev-parse", "HEAD")
        if allowed.is_file():
            shop.git("rm", "--quiet", "ops/allowed_signers")
            shop.git("commit", "--quiet", "-m", "Aside")
        path = shop.sign(item, by=by)
        text = (shop.root / path).read_text(encoding="utf-8")
        shop.git("reset", "--quiet", "--hard", before)
        return shop.change(path, text, by=by, message="Sign")

    def test_a_key_that_cannot_sign_leaves_nothing(self, shop: Signed) -> None:
        shop.git("config", "gpg.format", "ssh")
        shop.git("config", "user.signingkey", "/nowhere/key")
        before = shop.git("rev-parse", "HEAD")
        with pytest.raises(FearlessError, match="commit-tree"):
            shop.sign("S1")
        assert shop.git("rev-parse", "HEAD") == before
        assert shop.git("status", "--porcelain") == ""


class TestRefused:
    def test_an_unknown_item(self, shop: Signed) -> None:
        with pytest.raises(FearlessError, match="no item `S9`"):
            shop.sign("S9")

    def test_an_item_that_a_command_proves(self, shop: Signed) -> None:
        with pytest.raises(FearlessError, match="A01 is proven by a command"):
            shop.sign("A01")

    def test_nobody(self, shop: Signed) -> None:
        with pytest.raises(FearlessError, match="git does not know who you are"):
            shop.sign("S1", by=Person("", ""))

    def test_what_is_not_committed(self, shop: Signed) -> None:
        shop.tree.write("QUESTION.md", "---\nquestion: another\n---\n")
        with pytest.raises(FearlessError, match=r"QUESTION.md changed since the last commit"):
            shop.sign("S1")
        assert shop.sign("S3")

    def test_everything_where_anything_is_not_committed(self, shop: Signed) -> None:
        shop.tree.write("new.py", "x = 1\n")
        with pytest.raises(FearlessError, match=r"new.py changed since the last commit"):
            shop.sign("S7")

    def test_a_file_that_is_not_there(self, shop: Signed) -> None:
        shop.git("rm", "--quiet", "ops/README.md")
        shop.git("commit", "--quiet", "-m", "No runbook")
        with pytest.raises(
            FearlessError, match=r"ops/README.md is not in the last commit, and S6 is about it"
        ):
            shop.sign("S6")

    def test_where_no_branch_is_checked_out(self, shop: Signed) -> None:
        shop.git("switch", "--quiet", "--detach")
        with pytest.raises(FearlessError, match="No branch is checked out"):
            shop.sign("S1")

    def test_in_the_middle_of_a_merge(self, shop: Signed) -> None:
        shop.git("switch", "--quiet", "--create", "other")
        shop.change("docs/x.md", "x\n")
        shop.git("switch", "--quiet", "main")
        shop.git("merge", "--quiet", "--no-ff", "--no-commit", "other")
        with pytest.raises(FearlessError, match="in the middle of a merge"):
            shop.sign("S1")
