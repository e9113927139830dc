"""A stand-in of GitHub and GitLab on loopback: their APIs with state and rights, and git over HTTP.

It refuses what they would refuse: a token it does not know, a right that the token lacks, a second request for one
branch, a change of workflows by a token that may not. A call that it does not know gets 404, and all are recorded.
"""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

REPOSITORY = "team/model"
PROJECT = 7
BOT = "github-actions[bot]"
LEVELS = ("none", "read", "write")
LONGEST_COMMENT = 65_536
# What GitHub's servers do before they take a push: a token without the right changes no workflow.
PRE_RECEIVE = """#!/bin/sh
test "$MAY_CHANGE_WORKFLOWS" = yes && exit 0
while read -r old new ref; do
    if git diff --name-only "$(git merge-base main "$new")" "$new" | grep -q '^.github/workflows/'; then
        echo "refusing to allow a GitHub App to change workflows without \\`workflows\\` permission" >&2
        exit 1
    fi
done
"""


@dataclass(frozen=True)
class Token:
    """Whose a token is and what it may; `rights` of None is everything."""

    account: str
    rights: Mapping[str, str] | None

    def may(self, right: str, level: str) -> bool:
        if self.rights is None:
            return True
        return LEVELS.index(self.rights.get(right, "none")) >= LEVELS.index(level)


@dataclass
class Note:
    number: int
    author: str
    body: str


@dataclass
class Thread:
    """An issue, or a request to merge `head`. `state` is open, closed or merged."""

    number: int
    title: str
    body: str
    author: str
    state: str = "open"
    head: str = ""
    base: str = ""
    fork: bool = False
    notes: list[Note] = field(default_factory=list)

    @property
    def right(self) -> str:
        return "pull-requests" if self.head else "issues"


@dataclass(frozen=True)
class Call:
    method: str
    path: str
    account: str
    status: int


@dataclass(frozen=True)
class Fault:
    """An answer that replaces the right one. With `late` the call is carried out, and only its answer is lost."""

    status: int
    content: str = ""
    method: str = ""
    late: bool = False
    location: str = ""


@dataclass(frozen=True)
class Reply:
    status: int
    content: Any
    headers: Mapping[str, str] = field(default_factory=dict)


class Refused(Exception):  # noqa: N818 (an answer, not a fault)
    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class HubServer:
    """Serves until its `with` block ends. `longest_page` is how many entries a page has at most."""

    def __init__(self, repository: Path, *, longest_page: int = 100) -> None:
        self.repository, self.longest_page = repository, longest_page
        self.threads: list[Thread] = []
        self.calls: list[Call] = []
        self.faults: list[Fault] = []
        self.tokens: dict[str, Token] = {}
        self.apps: dict[
            str, tuple[str, Mapping[str, str]]
        ] = {}  # app -> its private key, and what it was granted
        self.born_expired = False  # whether a new token of an app is one that is not accepted any more
        self._count = 0
        self._lock = threading.Lock()
        hook = repository / "hooks" / "pre-receive"
        if repository.is_dir():
            hook.parent.mkdir(exist_ok=True)
            hook.write_text(PRE_RECEIVE, encoding="utf-8")
            hook.chmod(0o755)

    def __enter__(self) -> HubServer:
        hub = self

        class Handler(_Handler):
            server_of = hub

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._serving = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._serving.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._serving.join()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def api(self) -> str:
        """The address of GitHub's API."""
        return f"{self.url}/api/v3"

    @property
    def origin(self) -> str:
        """The address that git clones from and pushes to."""
        return f"{self.url}/{REPOSITORY}.git"

    def token(self, account: str = BOT, rights: Mapping[str, str] | None = None) -> str:
        """A new token. Its account and rights are known until `revoke`."""
        token = f"token-{self._next()}-of-nobody-else"
        self.tokens[token] = Token(account, rights)
        return token

    def revoke(self, token: str) -> None:
        del self.tokens[token]

    def app_token(self, app: str, key: str, rights: Mapping[str, str]) -> str | None:
        """A token of a GitHub App; none where the key is not the app's, or it asks for what it was not granted."""
        known, granted = self.apps.get(app, ("", {}))
        allowed = all(Token("", granted).may(right, level) for right, level in rights.items())
        if not known or known != key or not allowed:
            return None
        token = self.token("fearless-app[bot]", rights)
        if self.born_expired:
            self.revoke(token)
        return token

    def issues(self, state: str = "open") -> list[Thread]:
        return [each for each in self.threads if not each.head and each.state == state]

    def requests(self, state: str = "open") -> list[Thread]:
        return [each for each in self.threads if each.head and each.state == state]

    def add(self, title: str = "", body: str = "", *, author: str = "ada", **more: Any) -> Thread:
        """Something that was there before."""
        thread = Thread(self._next(), title, body, author, **more)
        self.threads.append(thread)
        return thread

    def note(self, thread: Thread, author: str, body: str) -> Note:
        note = Note(self._next(), author, body)
        thread.notes.append(note)
        return note

    def writes(self) -> list[str]:
        """The calls that changed something; to fetch with git is a POST as well."""
        asking = ("GET", "/git-upload-pack")
        return [
            f"{call.method} {call.path}"
            for call in self.calls
            if call.status < 300 and call.method not in asking and call.path not in asking
        ]

    def _next(self) -> int:
        self._count += 1
        return self._count

    def answer(self, method: str, target: str, header: Message, data: dict[str, Any]) -> Reply:
        """Answer one call of either API, and record it."""
        with self._lock:
            path, _, query = target.partition("?")
            fault = next((each for each in self.faults if each.method in ("", method)), None)
            if fault:
                self.faults.remove(fault)
            account = ""
            try:
                if fault and not fault.late:
                    reply = Reply(fault.status, fault.content)
                else:
                    token = self._token(path, header)
                    account = token.account
                    reply = self._route(token, method, path, dict(parse_qsl(query)), data)
                    if fault:
                        reply = Reply(fault.status, fault.content)
                if fault and fault.location:
                    reply = Reply(fault.status, fault.content, {"Location": fault.location})
            except Refused as refused:
                reply = Reply(refused.status, {"message": str(refused)})
            self.calls.append(Call(method, path, account, reply.status))
            return reply

    def _token(self, path: str, header: Message) -> Token:
        given = header.get("PRIVATE-TOKEN", "") if path.startswith("/api/v4/") else ""
        if path.startswith("/api/v3/"):
            given = header.get("Authorization", "").removeprefix("Bearer ")
        if given not in self.tokens:
            raise Refused(401, "Bad credentials")
        return self.tokens[given]

    def _route(
        self, token: Token, method: str, path: str, query: dict[str, str], data: dict[str, Any]
    ) -> Reply:
        for host in (_GitHub, _GitLab):
            for wanted, pattern, name in host.ROUTES:
                found = re.fullmatch(host.BELOW + pattern, path)
                if found and method == wanted:
                    answering: Callable[..., Reply] = getattr(host(self, token, path, query, data), name)
                    return answering(*map(int, found.groups()))
        raise Refused(404, "Not Found")


def can_serve_git() -> bool:
    """Whether git's own server for HTTP is there, and a shell for the hook in front of it."""
    if shutil.which("git") is None or sys.platform == "win32":
        return False
    where = subprocess.run(["git", "--exec-path"], check=True, capture_output=True, encoding="utf-8").stdout
    return (Path(where.strip()) / "git-http-backend").is_file()


class _Host:
    """What both APIs share."""

    def __init__(
        self, hub: HubServer, token: Token, path: str, query: Mapping[str, str], data: Mapping[str, Any]
    ) -> None:
        self.hub, self.token, self.path, self.query, self.data = hub, token, path, query, data

    def needs(self, right: str, level: str) -> None:
        if not self.token.may(right, level):
            raise Refused(403, "Resource not accessible by integration")

    def thread(self, number: int, *, request: bool | None = None) -> Thread:
        for each in self.hub.threads:
            if each.number == number and request in (None, bool(each.head)):
                return each
        raise Refused(404, "Not Found")

    def paged(self, entries: list[Any]) -> Reply:
        size = min(int(self.query.get("per_page", "30")), self.hub.longest_page)
        page = int(self.query.get("page", "1"))
        links = {}
        for relation, number in (("prev", page - 1), ("next", page + 1), ("first", 1)):
            if number >= 1 and (number - 1) * size < max(len(entries), 1):
                links[relation] = f"{self.hub.url}{self.path}?{urlencode({**self.query, 'page': number})}"
        link = ", ".join(f'<{address}>; rel="{relation}"' for relation, address in links.items())
        return Reply(200, entries[(page - 1) * size : page * size], {"Link": link})

    def branch_is_there(self, branch: str) -> bool:
        command = [
            "git",
            "-C",
            str(self.hub.repository),
            "show-ref",
            "--verify",
            "--quiet",
            f"refs/heads/{branch}",
        ]
        return subprocess.run(command).returncode == 0


class _GitHub(_Host):
    BELOW = f"/api/v3/repos/{REPOSITORY}"
    ROUTES = (
        ("GET", r"/issues", "issues"),
        ("POST", r"/issues", "new_issue"),
        ("PATCH", r"/issues/(\d+)", "change_issue"),
        ("GET", r"/issues/(\d+)/comments", "notes"),
        ("POST", r"/issues/(\d+)/comments", "new_note"),
        ("PATCH", r"/issues/comments/(\d+)", "change_note"),
        ("GET", r"/pulls", "requests"),
        ("POST", r"/pulls", "new_request"),
        ("PATCH", r"/pulls/(\d+)", "change_request"),
    )

    def issues(self) -> Reply:
        self.needs("issues", "read")
        state = self.query.get("state", "open")
        return self.paged([self.shown(each) for each in self.hub.threads if each.state == state])

    def new_issue(self) -> Reply:
        self.needs("issues", "write")
        return Reply(
            201, self.shown(self.hub.add(self.data["title"], self.data["body"], author=self.token.account))
        )

    def change_issue(self, number: int) -> Reply:
        self.needs("issues", "write")
        return self.changed(self.thread(number))

    def notes(self, number: int) -> Reply:
        thread = self.thread(number)
        self.needs(thread.right, "read")
        return self.paged([self.shown_note(each) for each in thread.notes])

    def new_note(self, number: int) -> Reply:
        thread = self.thread(number)
        self.needs(thread.right, "write")
        self.short(self.data["body"])
        return Reply(201, self.shown_note(self.hub.note(thread, self.token.account, self.data["body"])))

    def change_note(self, number: int) -> Reply:
        for thread in self.hub.threads:
            for note in thread.notes:
                if note.number == number:
                    self.needs(thread.right, "write")
                    self.short(self.data["body"])
                    note.body = self.data["body"]
                    return Reply(200, self.shown_note(note))
        raise Refused(404, "Not Found")

    def requests(self) -> Reply:
        self.needs("pull-requests", "read")
        _, _, branch = self.query.get("head", "").partition(":")
        found = [each for each in self.hub.threads if each.head and branch in ("", each.head)]
        if self.query.get("state", "open") != "all":
            found = [each for each in found if each.state == self.query.get("state", "open")]
        return self.paged([self.shown_request(each) for each in found])

    def new_request(self) -> Reply:
        self.needs("pull-requests", "write")
        if not self.branch_is_there(self.data["head"]) or not self.branch_is_there(self.data["base"]):
            raise Refused(422, "Validation Failed")
        if any(each.head == self.data["head"] and not each.fork for each in self.hub.requests()):
            raise Refused(422, f"A pull request already exists for team:{self.data['head']}.")
        made = self.hub.add(
            self.data["title"],
            self.data["body"],
            author=self.token.account,
            head=self.data["head"],
            base=self.data["base"],
        )
        return Reply(201, self.shown_request(made))

    def change_request(self, number: int) -> Reply:
        self.needs("pull-requests", "write")
        return self.changed(self.thread(number, request=True))

    def changed(self, thread: Thread) -> Reply:
        for name in self.data.keys() & {"title", "body", "state"}:
            setattr(thread, name, self.data[name])
        return Reply(200, self.shown(thread))

    def short(self, body: str) -> None:
        if len(body) > LONGEST_COMMENT:
            raise Refused(422, f"body is too long (maximum is {LONGEST_COMMENT} characters)")

    def shown(self, thread: Thread) -> dict[str, Any]:
        shown = {
            "id": thread.number + 10_000,
            "number": thread.number,
            "title": thread.title,
            "body": thread.body,
            "state": "open" if thread.state == "open" else "closed",
            "user": {"login": thread.author},
        }
        return {**shown, "pull_request": {}} if thread.head else shown

    def shown_request(self, thread: Thread) -> dict[str, Any]:
        repository = "someone/model" if thread.fork else REPOSITORY
        return {
            **self.shown(thread),
            "merged_at": "2026-01-01T00:00:00Z" if thread.state == "merged" else None,
            "head": {"ref": thread.head, "repo": {"full_name": repository}},
            "base": {"ref": thread.base},
        }

    def shown_note(self, note: Note) -> dict[str, Any]:
        return {"id": note.number, "body": note.body, "user": {"login": note.author}}


class _GitLab(_Host):
    BELOW = "/api/v4"
    ROUTES = (
        ("GET", r"/user", "user"),
        ("GET", rf"/projects/{PROJECT}/issues", "issues"),
        ("POST", rf"/projects/{PROJECT}/issues", "new_issue"),
        ("PUT", rf"/projects/{PROJECT}/issues/(\d+)", "change"),
        ("GET", rf"/projects/{PROJECT}/issues/(\d+)/notes", "notes"),
        ("POST", rf"/projects/{PROJECT}/issues/(\d+)/notes", "new_note"),
        ("GET", rf"/projects/{PROJECT}/merge_requests", "requests"),
        ("POST", rf"/projects/{PROJECT}/merge_requests", "new_request"),
        ("PUT", rf"/projects/{PROJECT}/merge_requests/(\d+)", "change"),
        ("GET", rf"/projects/{PROJECT}/merge_requests/(\d+)/notes", "notes"),
        ("POST", rf"/projects/{PROJECT}/merge_requests/(\d+)/notes", "new_note"),
        ("PUT", rf"/projects/{PROJECT}/merge_requests/(\d+)/notes/(\d+)", "change_note"),
    )

    def user(self) -> Reply:
        self.needs("api", "read")
        return Reply(200, {"id": 1, "username": self.token.account})

    def issues(self) -> Reply:
        self.needs("api", "read")
        state = "open" if self.query.get("state") == "opened" else self.query.get("state", "")
        found = [each for each in self.hub.threads if not each.head and state in ("", each.state)]
        return self.paged([self.shown(each) for each in found])

    def new_issue(self) -> Reply:
        self.needs("api", "write")
        made = self.hub.add(self.data["title"], self.data["description"], author=self.token.account)
        return Reply(201, self.shown(made))

    def change(self, number: int) -> Reply:
        self.needs("api", "write")
        thread = self.thread(number, request="/merge_requests/" in self.path)
        thread.title = self.data.get("title", thread.title)
        thread.body = self.data.get("description", thread.body)
        thread.state = "closed" if self.data.get("state_event") == "close" else thread.state
        return Reply(200, self.shown(thread))

    def notes(self, number: int) -> Reply:
        self.needs("api", "read")
        thread = self.thread(number, request="/merge_requests/" in self.path)
        return self.paged([self.shown_note(each) for each in thread.notes])

    def new_note(self, number: int) -> Reply:
        self.needs("api", "write")
        thread = self.thread(number, request="/merge_requests/" in self.path)
        return Reply(201, self.shown_note(self.hub.note(thread, self.token.account, self.data["body"])))

    def change_note(self, number: int, which: int) -> Reply:
        self.needs("api", "write")
        for note in self.thread(number, request=True).notes:
            if note.number == which:
                note.body = self.data["body"]
                return Reply(200, self.shown_note(note))
        raise Refused(404, "404 Note Not Found")

    def requests(self) -> Reply:
        self.needs("api", "read")
        found = [each for each in self.hub.threads if each.head and each.head == self.query["source_branch"]]
        return self.paged([self.shown(each) for each in found])

    def new_request(self) -> Reply:
        self.needs("api", "write")
        branch = self.data["source_branch"]
        if not self.branch_is_there(branch):
            raise Refused(422, f"Source branch {branch} does not exist")
        if any(each.head == branch and not each.fork for each in self.hub.requests()):
            raise Refused(409, "Another open merge request already exists for this source branch")
        made = self.hub.add(
            self.data["title"],
            self.data["description"],
            author=self.token.account,
            head=branch,
            base=self.data["target_branch"],
        )
        return Reply(201, self.shown(made))

    def shown(self, thread: Thread) -> dict[str, Any]:
        shown = {
            "id": thread.number + 10_000,
            "iid": thread.number,
            "title": thread.title,
            "description": thread.body,
            "state": "opened" if thread.state == "open" else thread.state,
            "author": {"username": thread.author},
        }
        if not thread.head:
            return shown
        source = PROJECT + 1 if thread.fork else PROJECT
        branches = {"source_branch": thread.head, "target_branch": thread.base}
        return {**shown, **branches, "source_project_id": source, "target_project_id": PROJECT}

    def shown_note(self, note: Note) -> dict[str, Any]:
        return {"id": note.number, "body": note.body, "author": {"username": note.author}, "system": False}


class _Handler(BaseHTTPRequestHandler):
    server_of: HubServer

    def do_GET(self) -> None:
        self._serve()

    do_POST = do_PATCH = do_PUT = do_GET  # noqa: N815 (the names are the library's)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing: the calls are recorded."""

    def _serve(self) -> None:
        content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if urlsplit(self.path).path.startswith(f"/{REPOSITORY}.git/"):
            self._git(content)
            return
        reply = self.server_of.answer(
            self.command, self.path, self.headers, json.loads(content) if content else {}
        )
        text = reply.content if isinstance(reply.content, str) else json.dumps(reply.content)
        self._send(reply.status, {"Content-Type": "application/json", **reply.headers}, text.encode())

    def _git(self, content: bytes) -> None:
        """Git's own server, behind the question whose the token is and what it may."""
        path, _, query = self.path.partition("?")
        token = self._basic()
        level = "write" if "git-receive-pack" in self.path else "read"
        if token is None:
            self._send(401, {"WWW-Authenticate": 'Basic realm="hub"'}, b"")
            return
        if not (token.may("contents", level) or token.may("write_repository", level)):
            self._send(403, {}, b"Permission to team/model.git denied.")
            return
        inside = path.removeprefix(f"/{REPOSITORY}.git")
        environment = {
            "PATH": os.environ["PATH"],
            "GIT_PROJECT_ROOT": str(self.server_of.repository),
            "GIT_HTTP_EXPORT_ALL": "1",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
            "PATH_INFO": inside,
            "QUERY_STRING": query,
            "REQUEST_METHOD": self.command,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(content)),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "REMOTE_USER": token.account,
            "REMOTE_ADDR": "127.0.0.1",
            "MAY_CHANGE_WORKFLOWS": "yes"
            if token.may("workflows", "write") or token.may("write_repository", "write")
            else "",
        }
        done = subprocess.run(["git", "http-backend"], input=content, env=environment, capture_output=True)
        head, _, body = done.stdout.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n") if ": " in line)
        status = int(headers.pop("Status", "200").split()[0])
        self.server_of.calls.append(Call(self.command, inside, token.account, status))
        self._send(status, headers, body)

    def _basic(self) -> Token | None:
        kind, _, given = self.headers.get("Authorization", "").partition(" ")
        if kind != "Basic":
            return None
        user, _, password = base64.b64decode(given).decode().partition(":")
        return self.server_of.tokens.get(password) if user in ("x-access-token", "oauth2") else None

    def _send(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
