"""Signatures: who vouches for what, bound to the bytes it is about. They lapse by themselves, on change or by date.

A signature is a file of its own in ops/signatures, committed once and never changed. What counts is the last commit.
"""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from fearless.core.branch import has_key
from fearless.core.digest import sha256_text
from fearless.core.errors import FearlessError
from fearless.core.git import blobs, git
from fearless.core.project import Project
from fearless.core.toolkit import toolkit_version
from fearless.ship.bound import (
    CO_AUTHOR,
    authors,
    bound_files,
    committed,
    digest_over,
    emails_of,
    humans,
    is_shallow,
)
from fearless.ship.items import EVERYTHING, Item, signed_item
from fearless.ship.record import (
    MOMENT,
    STAMP,
    Person,
    Touch,
    commit_file,
    history,
    moment,
    refuse_unready,
    whoever,
)

FOLDER = "ops/signatures"
ALLOWED = "ops/allowed_signers"
RELEASES = "ops/releases"
VERSION = 1
KEYS = ("item", "statement", "signer", "at", "expires", "files", "digest", "toolkit")
SHA256 = re.compile(r"[0-9a-f]{64}")
SLACK = timedelta(minutes=5)  # two machines' clocks
SHALLOW = FearlessError(
    "This clone is shallow, so nobody can see who wrote what is signed.", fix="`git fetch --unshallow` first."
)


@dataclass(frozen=True)
class Signature:
    """What one person signed: `files` maps each bound file to its SHA-256, `digest` is one over them.

    `expires` is empty where only a change ends it. `name` is that of its file without `.json`.
    """

    name: str
    item: str
    statement: str
    signer: Person
    at: str
    expires: str
    files: dict[str, str]
    digest: str
    toolkit: str

    def text(self) -> str:
        """The file: JSON, format version 1."""
        content: dict[str, Any] = {
            "version": VERSION,
            "item": self.item,
            "statement": self.statement,
            "signer": {"name": self.signer.name, "email": self.signer.email},
            "at": self.at,
            "expires": self.expires,
            "files": self.files,
            "digest": self.digest,
            "toolkit": self.toolkit,
        }
        return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


@dataclass(frozen=True)
class Validity:
    """Whether an item is signed: `how` is `verified` or `claimed` where it is, else empty; true where it is.

    `sentence` says who signed when and until when it holds, or why nothing counts. `solo`: by the only author.
    """

    how: str
    sentence: str
    solo: bool = False
    signature: Signature | None = None

    def __bool__(self) -> bool:
        return bool(self.how)


def prepare(project: Project, item: str, now: datetime | None = None) -> Signature:
    """What `sign` would commit for whoever git says is here; raises FearlessError where they cannot sign it."""
    asked = signed_item(item)
    refuse_unready(project)
    if is_shallow(project):
        raise SHALLOW
    signer = whoever(project)
    files = bound_files(project, asked)
    _refuse_uncommitted(project, asked, files)
    if why := _own_work(project, asked, files, signer)[0]:
        raise FearlessError(why, fix=f"Ask {asked.who} to run `uv run fearless sign {item}`.")
    if _keys_in(_allowed(project), signer.email) and not has_key(project.root):
        raise FearlessError(
            f"{ALLOWED} names a key of {signer}, and git has none to sign with, so this signature would not count.",
            fix="`git config gpg.format ssh` and `git config user.signingkey ~/.ssh/id_ed25519`, then sign.",
        )
    at = (now or datetime.now(UTC)).replace(microsecond=0)
    return Signature(
        name=f"{item}-{at.strftime(STAMP)}-{sha256_text(str(signer))[:6]}",  # two may sign in one second
        item=item,
        statement=asked.statement,
        signer=signer,
        at=at.strftime(MOMENT),
        expires=_expires(asked, at),
        files=files,
        digest=digest_over(files),
        toolkit=toolkit_version(),
    )


def sign(
    project: Project, item: str, agreed: Callable[[Signature], bool], now: datetime | None = None
) -> str:
    """Show what would be signed to `agreed` and, where it says yes, commit it; returns the path, else an empty text."""
    signature = prepare(project, item, now)
    if not agreed(signature):
        return ""
    if prepare(project, item, now).files != signature.files:
        raise FearlessError("What is signed changed while it was read.", fix="Look at it and sign again.")
    path = f"{FOLDER}/{signature.name}.json"
    commit_file(project, path, signature.text(), f"Sign {item}: {signed_item(item).title}")
    return path


def valid(project: Project, item: str, now: datetime | None = None) -> Validity:
    """Whether `item` is signed, by the last commit: verified before claimed, then the newest."""
    asked = signed_item(item)
    known = committed(project)
    named = re.compile(rf"{FOLDER}/{item}-[^/]+\.json")
    paths = sorted((path for path in known if named.fullmatch(path)), reverse=True)
    if not paths:
        waiting = sorted(path.name for path in (project.root / FOLDER).glob(f"{item}-*.json"))
        told = f"{FOLDER}/{waiting[-1]} is not committed" if waiting else "Nobody signed it"
        return Validity("", f"{told}.")
    if is_shallow(project):
        return Validity("", str(SHALLOW))
    files = bound_files(project, asked)
    touched = history(project, FOLDER)
    contents = blobs([known[path] for path in paths], project.root)
    now = now or datetime.now(UTC)
    found = [
        _judge(project, asked, path, content, touched.get(path, []), files, now)
        for path, content in zip(paths, contents, strict=True)
    ]
    good = sorted(filter(None, found), key=lambda each: each.how, reverse=True)  # verified, claimed
    return (good or found)[0]


def _judge(
    project: Project,
    item: Item,
    path: str,
    content: bytes,
    touched: list[Touch],
    files: dict[str, str],
    now: datetime,
) -> Validity:
    try:
        signature = _read(path, content, item)
        _refuse_out_of_date(signature, now)
        _refuse_other_bytes(signature, files)
        _refuse_edited(
            path, content, touched, project
        )  # from here on git is asked, so old ones never come here
        _refuse_used(project, signature, item)
        how = _brought(project, signature, touched)
    except FearlessError as error:
        return Validity("", error.what)
    why, solo = _own_work(project, item, files, signature.signer)
    if why:
        return Validity("", f"{path} does not count: {why}")
    until = f"until {signature.expires[:10]} or a change" if signature.expires else "until a change"
    said = f"Signed by {signature.signer}{', the only author (solo)' if solo else ''} on {signature.at[:10]}"
    said += f", {how}, {until}; SHA-256 {signature.digest}."
    return Validity(how, said, solo, signature)


def _read(path: str, content: bytes, item: Item) -> Signature:
    """The signature in a file; raises FearlessError for one that a person wrote otherwise than `sign` does."""

    def refused(why: str) -> FearlessError:
        return FearlessError(f"{path} is no signature: {why}.")

    try:
        found = json.loads(content)
    except (UnicodeDecodeError, json.JSONDecodeError):
        raise refused("it is not JSON") from None
    if not isinstance(found, dict) or found.pop("version", None) != VERSION or set(found) != set(KEYS):
        raise refused(f"its keys are not version, {', '.join(KEYS)}")
    signer, files = found["signer"], found["files"]
    if not isinstance(signer, dict) or set(signer) != {"name", "email"} or not isinstance(files, dict):
        raise refused("`signer` needs name and email, and `files` the digests")
    texts = [value for key, value in found.items() if key not in ("signer", "files")]
    if not all(isinstance(text, str) for text in [*texts, *signer.values()]):
        raise refused("its values are not all texts")
    for name, digest in [*files.items(), ("all of them", found["digest"])]:
        if not isinstance(digest, str) or not SHA256.fullmatch(digest):
            raise refused(f"the digest of {name} is `{digest}`, and only all 64 digits name bytes")
    if found["item"] != item.id:
        raise refused(f"it speaks of {found['item']}")
    if found["digest"] != digest_over(files):
        raise refused("its digest is not the one over its files, so it was edited by hand")
    try:
        at = moment(found["at"])
    except ValueError:
        raise refused(f"`at` is {found['at']!r}") from None
    if found["expires"] != _expires(item, at):
        raise refused("`expires` is not what this item gives, so it was edited by hand")
    return Signature(**{**found, "name": Path(path).stem, "signer": Person(signer["name"], signer["email"])})


def _refuse_edited(path: str, content: bytes, touched: list[Touch], project: Project) -> None:
    """Only commits that added it may have touched it, each with these bytes (a rebase makes a second one)."""
    if not touched:
        raise FearlessError(f"{path} does not count: no commit of the signer brought it, but a merge.")
    edit = next((each for each in touched if each.how != "A"), None)
    if edit:
        raise FearlessError(
            f"{path} does not count: it was changed after it was signed, by commit {edit.commit}."
        )
    if any(brought != content for brought in blobs([each.blob for each in touched], project.root)):
        raise FearlessError(f"{path} does not count: it was changed after it was signed, by a merge.")


def _refuse_out_of_date(signature: Signature, now: datetime) -> None:
    by = f"The signature of {signature.signer}"
    if moment(signature.at) > now + SLACK:
        raise FearlessError(f"{by} is dated in the future ({signature.at}).")
    if signature.expires and moment(signature.expires) <= now:
        raise FearlessError(f"{by} of {signature.at[:10]} lapsed on {signature.expires[:10]}.")


def _refuse_other_bytes(signature: Signature, files: dict[str, str]) -> None:
    differ = sorted(
        name for name in {*files, *signature.files} if files.get(name) != signature.files.get(name)
    )
    if differ:
        named = "what is released" if differ == [EVERYTHING] else ", ".join(differ)
        raise FearlessError(
            f"The signature of {signature.signer} of {signature.at[:10]} is for other bytes: {named} changed since."
        )


def _refuse_used(project: Project, signature: Signature, item: Item) -> None:
    if item.bound != EVERYTHING:
        return
    used = git(
        ["grep", "-l", "-F", "-e", signature.name, "HEAD", "--", f"{RELEASES}/*/release.json"],
        project.root,
        check=False,
    )
    if used.stdout:
        release = used.stdout.splitlines()[0].partition(":")[2]
        raise FearlessError(f"The GO of {signature.signer} of {signature.at[:10]} was used up by {release}.")


def _brought(project: Project, signature: Signature, touched: list[Touch]) -> str:
    """`verified` or `claimed`, by the commits that brought it; raises FearlessError where they are not the signer's.

    Once a key of the signer is registered, a commit that is not signed with it counts only where it came before.
    """
    email = signature.signer.email.lower()
    by_signer: list[str] = []
    keys = _keys_in(_allowed(project), email)
    with _as_file(keys, signature.signer.email) as allowed:
        for commit in sorted({each.commit for each in touched}):
            said = git(
                [
                    *("-c", f"gpg.ssh.allowedSignersFile={allowed}"),
                    *("log", "-1", "--no-show-signature", "--format=%G?%n%GF%n%ct%n%ae%n%B", commit),
                ],
                project.root,
            ).stdout
            good, key, at, author, message = said.split("\n", 4)
            if email not in {author.lower(), *(each.lower() for each in CO_AUTHOR.findall(message))}:
                continue
            if moment(signature.at) > datetime.fromtimestamp(int(at), UTC) + SLACK:
                raise FearlessError(
                    f"The signature of {signature.signer} is dated {signature.at}, after the commit that brought it."
                )
            # A key of GPG is trusted by the machine that looks, one of SSH by ops/allowed_signers alone.
            if good == "G" and key.startswith("SHA256:"):
                return "verified"
            by_signer.append(commit)
    if not by_signer:
        raise FearlessError(
            f"{FOLDER}/{signature.name}.json names {signature.signer}, and somebody else committed it ({author})."
        )
    if keys and not any(_before_keys(project, each, email) for each in by_signer):
        raise FearlessError(
            f"The signature of {signature.signer} of {signature.at[:10]} is not verified although a key of this person"
            f" is registered in {ALLOWED}: it is to be signed again, with that key."
        )
    return "claimed"


def _before_keys(project: Project, commit: str, email: str) -> bool:
    """Whether `commit` lies before the first one that registered a key of this email.

    Before is what that commit is built on: a branch that left earlier and came later proves no date.
    """
    touched = [each for each in history(project, ALLOWED).get(ALLOWED, []) if each.how != "D"]
    texts = blobs([each.blob for each in touched], project.root)
    named = [
        each.commit
        for each, text in zip(touched, texts, strict=True)
        if _keys_in(text.decode(errors="replace"), email)
    ]
    if not named or commit == named[-1]:
        return False
    within = git(["merge-base", "--is-ancestor", commit, named[-1]], project.root, check=False)
    return within.returncode == 0


def _allowed(project: Project) -> str:
    """What ops/allowed_signers of the last commit says, an empty text where there is none."""
    return git(["show", f"HEAD:./{ALLOWED}"], project.root, check=False).stdout


def _keys_in(allowed: str, email: str) -> list[str]:
    """The keys that a text of ops/allowed_signers has for exactly this email."""
    if set("*?!") & set(email):  # what ssh-keygen would take for a pattern
        return []
    lines = [line.split(None, 1) for line in allowed.splitlines() if len(line.split(None, 1)) == 2]
    return [key for who, key in lines if email.lower() in who.lower().split(",")]


@contextmanager
def _as_file(keys: list[str], email: str) -> Iterator[str]:
    """A file for git that allows this email these keys and nobody any other."""
    with tempfile.TemporaryDirectory(prefix="fearless-signers-") as folder:
        path = Path(folder) / "allowed"
        path.write_text("".join(f"{email} {key}\n" for key in keys), encoding="utf-8", newline="\n")
        yield str(path)


def _own_work(project: Project, item: Item, files: dict[str, str], signer: Person) -> tuple[str, bool]:
    """Why this person cannot sign (empty: they can), and whether they sign as the only author there is."""
    theirs = emails_of(project, signer.email)
    wrote = authors(project, item, files)
    commit = next((wrote[email] for email in sorted(theirs) if email in wrote), "")
    if not commit:
        return "", False
    if humans(project) <= theirs:
        return "", True
    about = "this release" if item.bound == EVERYTHING else _of_these(project, commit, files)
    return f"{signer} is an author of {about} (commit {commit}), and nobody signs their own work.", False


def _of_these(project: Project, commit: str, files: dict[str, str]) -> str:
    shown = git(
        ["show", "--format=", "--name-only", "--relative", "-z", commit, "--", *files], project.root
    ).stdout
    return ", ".join(sorted(filter(None, shown.split("\0")))) or ", ".join(sorted(files))


def _refuse_uncommitted(project: Project, item: Item, files: dict[str, str]) -> None:
    within = [".", ":(exclude)ops"] if item.bound == EVERYTHING else list(files)
    changed = git(["status", "--porcelain", "-z", "--no-renames", "--", *within], project.root).stdout
    names = [entry[3:] for entry in changed.split("\0") if entry]
    if names:
        raise FearlessError(
            f"{', '.join(names[:3])} changed since the last commit, and a signature is about what is committed.",
            fix="Commit it, or put it back with `git restore`.",
        )


def _expires(item: Item, at: datetime) -> str:
    return (at + timedelta(days=item.days)).strftime(MOMENT) if item.days else ""
