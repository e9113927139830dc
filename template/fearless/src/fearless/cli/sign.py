"""`fearless sign`: what exactly is signed is shown first, then asked, then committed."""

from __future__ import annotations

import sys

from fearless.core.errors import FearlessError
from fearless.core.project import Project
from fearless.report.visible import visible
from fearless.ship.checklist import compute
from fearless.ship.items import EVERYTHING, signed_item
from fearless.ship.signature import Signature, sign, valid


def sign_and_print(project: Project, item: str, *, yes: bool) -> int:
    """Show what is signed, ask unless `yes`, sign; returns 1 for a no, and where it does not count."""

    def agreed(signature: Signature) -> bool:
        print(as_text(signature) + _still_open(project, item), flush=True)
        if yes:
            return True
        if not sys.stdin.isatty():
            raise FearlessError(
                "Nobody is here to answer.", fix="Read the above, then run it again with --yes."
            )
        return input("\nSign this? [y/N] ").strip().lower() in ("y", "yes")

    path = sign(project, item, agreed)
    if not path:
        print("Not signed.")
        return 1
    found = valid(project, item)
    print(f"\nCommitted as {path}.\n{visible(found.sentence)}")
    if found.how == "claimed":
        print(
            "It is claimed, not verified: anybody can set a name in git. With a key of yours in ops/allowed_signers and"
            " `user.signingkey` set, it is verified."
        )
    return 0 if found else 1


def _still_open(project: Project, item: str) -> str:
    """Beside a GO: what else is open, for it says that the checklist was looked at."""
    if signed_item(item).bound != EVERYTHING:
        return ""
    others = [each.id for each in compute(project).open if each.id != item]
    return f"\n\nStill open beside it: {', '.join(others)}." if others else "\n\nNothing else is open."


def as_text(signature: Signature) -> str:
    """The statement, who says it, until when, and each file with its digest."""
    until = (
        f"until {signature.expires[:10]}, or until one of these changes"
        if signature.expires
        else "until one of these changes"
    )
    return "\n".join(
        [
            f"{signature.item}: {signature.statement}",
            "",
            f"  signed by  {visible(signature.signer)}",
            f"  holds      {until}",
            *(f"  {digest}  {visible(name)}" for name, digest in signature.files.items()),
            f"  {signature.digest}  all of it",
        ]
    )
