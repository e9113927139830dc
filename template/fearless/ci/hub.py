"""Tells GitHub or GitLab what a pipeline found: one comment a change, one pull request an update, one issue a task.

    hub.py comment --number 7 [--report FILE]
    hub.py propose --bundle FILE --body FILE --branch NAME --title TEXT --base NAME
    hub.py tell monitor|nightly|update --result success|failure --text TEXT

It judges nothing, and it holds a token: so it needs only Python 3.9 or newer, and runs where nothing of the change did.
The environment names the host: GITHUB_ACTIONS with GITHUB_TOKEN and, to propose, FEARLESS_TOKEN; or GITLAB_CI with
FEARLESS_GITLAB_TOKEN. A failure is one sentence, in the log and in the summary of the job, and exit code 1.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path

# Last, so that nothing beside this file hides a module of Python's; `python3 -I` leaves the folder out altogether.
sys.path.append(str(Path(__file__).resolve().parent))

from hub_api import PAUSES_S, Stop, Unreachable, hidden
from hub_branch import Update
from hub_hosts import Entry, GitHub, GitLab, Hub

LONGEST = 60_000  # characters; GitHub takes 65,536 in one comment
BRANCH = re.compile(r"fearless-update-[0-9A-Za-z][0-9A-Za-z.+-]*")
COMMAND = "`uv run fearless update`"


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns 1 where it could not be done."""
    asked = _parser().parse_args(arguments)
    try:
        if os.environ.get("GITHUB_ACTIONS") == "true":
            said = asked.command(GitHub(os.environ), asked)
        elif os.environ.get("GITLAB_CI") != "true":
            raise Stop("hub.py runs in a pipeline: neither GITHUB_ACTIONS nor GITLAB_CI is true.")
        elif os.environ.get("FEARLESS_GITLAB_TOKEN"):
            said = asked.command(GitLab(os.environ), asked)
        else:
            said = _without_token(asked)
    except Stop as stop:
        print(f"fearless: {hidden(str(stop))}", file=sys.stderr)
        _summarise(f"⛔ **Not told.** {stop}")
        return 1
    print(hidden(said))
    return 0


def comment(hub: Hub, asked: argparse.Namespace) -> str:
    """Write the report below the change, or that there is none, into the one comment that is there for it."""
    marker = _marker("gate")
    report = _text(asked.report) if asked.report else ""
    if report:
        body = _cut(f"{marker}\n{report}", marker, hub)
    else:
        body = f"{marker}\n⛔ **Not judged:** the run stopped before the gate. [What happened]({hub.run})"

    def present() -> Entry | None:
        return next((each for each in hub.notes("request", asked.number) if _ours(hub, each, marker)), None)

    mine = _once(present, lambda: hub.new_note("request", asked.number, body))
    if mine.body.strip() != body.strip():
        hub.change_note(mine, body)
    return f"The comment on {hub.word} {asked.number} is up to date."


def propose(hub: Hub, asked: argparse.Namespace) -> str:
    """Push the update's branch and have exactly one pull request for it; without a token for that, one issue."""
    if not BRANCH.fullmatch(asked.branch):
        raise Stop(f"{asked.branch!r} is not fearless-update-<version>: no other branch is ever pushed.")
    described = _text(asked.body)
    if not described:
        raise Stop(f"{asked.body} is missing or empty: it says what the update brings.")
    if not hub.may_push:
        return _summarised(_ask_by_issue(hub, asked.title, described))

    def present() -> Entry | None:
        return next((each for each in hub.requests(asked.branch) if each.state == "open"), None)

    request = present()
    declined = [each for each in hub.requests(asked.branch) if each.state == "closed"]
    if declined and not request:
        said = f"{hub.word} {declined[-1].number} for {asked.branch} was closed, so it is not opened again"
        return _summarised(f"{said}: reopen it, or run {COMMAND}.")
    update = Update(asked.bundle, asked.branch, hub)
    if update.is_shared():
        said = f"{asked.branch} holds commits of others, so it is left as it is"
        if not request:
            raise Stop(f"{said}: open its {hub.word} yourself, or delete the branch.")
        return _summarised(f"{said}, and so is {hub.word} {request.number}.")
    pushed = update.push()
    body = _cut(described, "", hub)
    request = _once(present, lambda: hub.new_request(asked.branch, asked.base, asked.title, body))
    if (request.title, request.body.strip()) != (asked.title, body.strip()):
        hub.change_request(request, asked.title, body)
    for issue in _issues(hub, "update"):
        hub.new_note("issue", issue.number, f"{hub.sign}{request.number} proposes it.")
        hub.close_issue(issue)
    return _summarised(f"{pushed} {hub.word} {request.number} proposes it.")


def tell(hub: Hub, asked: argparse.Namespace) -> str:
    """Keep one issue open for a task while it is red, with a comment where the reason changed."""
    marker = _marker(asked.task)
    if asked.result == "success":
        issues = _issues(hub, asked.task)
        for issue in issues:
            hub.new_note("issue", issue.number, f"Healthy again. {asked.text}\n\n[The run]({hub.run})")
            hub.close_issue(issue)
        return f"{asked.task} is healthy" + (", and its issue is closed." if issues else ".")
    said = _marker(f"said:{hashlib.sha256(asked.text.encode()).hexdigest()[:16]}")
    text = f"{asked.text}\n\n[The run]({hub.run})\n{said}"
    body = f"{marker}\n{text}\n\nThe first healthy run closes this issue."
    issue = _once(
        lambda: next(iter(_issues(hub, asked.task)), None),
        lambda: hub.new_issue(f"Fearless: {asked.task} is red", body),
    )

    def repeated() -> Entry | None:
        notes = [each for each in hub.notes("issue", issue.number) if each.author == hub.account]
        last = [each for each in (issue, *notes) if "<!-- fearless:said:" in each.body][-1:]
        return last[0] if last and said in last[0].body else None

    _once(repeated, lambda: hub.new_note("issue", issue.number, text))
    return f"{asked.task} is red, and issue {issue.number} says so."


def _ask_by_issue(hub: Hub, title: str, described: str) -> str:
    marker = _marker("update")
    why = "A newer version of the template is there, and the pipeline has no token to propose it with."
    body = _cut(f"{marker}\n{why} In a clone, run {COMMAND}.\n\n{described}", marker, hub)
    issue = _once(lambda: next(iter(_issues(hub, "update")), None), lambda: hub.new_issue(title, body))
    if (issue.title, issue.body.strip()) != (title, body.strip()):
        hub.change_issue(issue, title, body)
    return f"Issue {issue.number} names the command, because there is no token to push with."


def _without_token(asked: argparse.Namespace) -> str:
    """On GitLab a job's own token may neither comment nor open issues."""
    why = "The variable FEARLESS_GITLAB_TOKEN is not set"
    if asked.command is propose:
        raise Stop(f"{why}, so {asked.branch} cannot be proposed: set it, or run {COMMAND} in a clone.")
    return f"{why}, so nothing is written on GitLab; the verdict is the pipeline's own."


def _issues(hub: Hub, task: str) -> list[Entry]:
    """Our open issues for a task, the oldest first: more than one only where somebody made it so."""
    found = (each for each in hub.issues() if _ours(hub, each, _marker(task)))
    return sorted(found, key=lambda each: each.number)


def _ours(hub: Hub, entry: Entry, marker: str) -> bool:
    return entry.body.startswith(marker) and entry.author == hub.account


def _once(look: Callable[[], Entry | None], make: Callable[[], Entry]) -> Entry:
    """Make what is not there. Whether a lost answer made it is seen by looking, so nothing is made twice."""
    for pause in PAUSES_S:
        found = look()
        if found:
            return found
        try:
            return make()
        except Unreachable:
            time.sleep(pause)
    return look() or make()


def _marker(name: str) -> str:
    return f"<!-- fearless:{name} -->"


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace").strip() if path.is_file() else ""


def _cut(text: str, marker: str, hub: Hub) -> str:
    """A text that the host takes. That it was cut stands first: below, an open fold would swallow it."""
    if len(text) <= LONGEST:
        return text
    said = f"*This is cut after {LONGEST:,} characters: [the run]({hub.run}) keeps all of it.*"
    return f"{marker}\n{said}\n\n{text[len(marker) :].strip()}".strip()[:LONGEST]


def _summarised(text: str) -> str:
    _summarise(text)
    return text


def _summarise(text: str) -> None:
    summary = os.environ.get("GITHUB_STEP_SUMMARY")
    if summary:
        with Path(summary).open("a", encoding="utf-8") as file:
            file.write(f"{hidden(text)}\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="hub.py", description=(__doc__ or "").partition("\n")[0])
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    one = commands.add_parser("comment", help="write the gate's report below a pull or merge request")
    one.add_argument("--number", type=int, required=True, help="of the pull or merge request")
    one.add_argument("--report", type=Path, help="the report in Markdown; where it is missing, that is said")
    one.set_defaults(command=comment)
    one = commands.add_parser(
        "propose", help="push the branch of an update and open its pull or merge request"
    )
    one.add_argument(
        "--bundle", type=Path, required=True, help="what `git bundle` wrote, with the branch in it"
    )
    one.add_argument("--body", type=Path, required=True, help="the text of the request, in Markdown")
    one.add_argument("--branch", required=True, help="fearless-update-<version>")
    one.add_argument("--title", required=True)
    one.add_argument("--base", required=True, help="the branch that the update is for")
    one.set_defaults(command=propose)
    one = commands.add_parser("tell", help="keep one issue open while a task is red")
    one.add_argument("task", choices=("monitor", "nightly", "update"))
    one.add_argument("--result", choices=("success", "failure"), required=True)
    one.add_argument("--text", required=True, help="what was found; another text makes another comment")
    one.set_defaults(command=tell)
    return parser


if __name__ == "__main__":
    sys.exit(main())
