"""The two hosts that hub.py talks to, with the same methods: comments, issues, and the requests to merge a branch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Union
from urllib.parse import quote

from hub_api import Api, Stop, basic


@dataclass(frozen=True)
class Entry:
    """A comment, an issue or a request; `place` is its path in the API, `state` is open, closed or merged."""

    number: int
    place: str
    title: str
    body: str
    author: str
    state: str


class GitHub:
    """GitHub. The job's own token writes comments and issues, FEARLESS_TOKEN pushes and opens pull requests."""

    word, sign = "pull request", "#"
    account = "github-actions[bot]"  # whose the token of a job is
    push_needs = "FEARLESS_TOKEN needs `contents: write` and `workflows: write`"

    def __init__(self, variables: Mapping[str, str]) -> None:
        self.repository = _wanted(variables, "GITHUB_REPOSITORY")
        server = variables.get("GITHUB_SERVER_URL") or "https://github.com"
        self.run = f"{server}/{self.repository}/actions/runs/{variables.get('GITHUB_RUN_ID', '')}"
        address = f"{variables.get('GITHUB_API_URL') or 'https://api.github.com'}/repos/{self.repository}/"
        self._job = _github(address, variables, "GITHUB_TOKEN")
        self.may_push = bool(variables.get("FEARLESS_TOKEN"))
        if self.may_push:
            self._app = _github(address, variables, "FEARLESS_TOKEN")
            self.credential = basic("x-access-token", variables["FEARLESS_TOKEN"])

    def notes(self, on: str, number: int) -> Iterator[Entry]:
        path = f"issues/{number}/comments?per_page=100"
        for each in self._job.pages(path, "read comments", _right(on)):
            yield self._note(each)

    def new_note(self, on: str, number: int, body: str) -> Entry:
        path = f"issues/{number}/comments"
        return self._note(self._job.call("POST", path, "write a comment", _right(on), {"body": body}))

    def change_note(self, note: Entry, body: str) -> None:
        self._job.call("PATCH", note.place, "change a comment", _right("request"), {"body": body})

    def issues(self) -> Iterator[Entry]:
        for each in self._job.pages("issues?state=open&per_page=100", "list issues", _right("issue")):
            if "pull_request" not in each:
                yield self._entry(each, "issues")

    def new_issue(self, title: str, body: str) -> Entry:
        data = {"title": title, "body": body}
        return self._entry(self._job.call("POST", "issues", "open an issue", _right("issue"), data), "issues")

    def change_issue(self, issue: Entry, title: str, body: str) -> None:
        data = {"title": title, "body": body}
        self._job.call("PATCH", issue.place, "change an issue", _right("issue"), data)

    def close_issue(self, issue: Entry) -> None:
        self._job.call("PATCH", issue.place, "close an issue", _right("issue"), {"state": "closed"})

    def requests(self, branch: str) -> Iterator[Entry]:
        head = quote(f"{self.repository.partition('/')[0]}:{branch}")
        path = f"pulls?state=all&sort=created&direction=asc&per_page=100&head={head}"
        for each in self._app.pages(path, "list pull requests", _right("request")):
            # A head that the API does not understand filters nothing, and a fork may use the same name.
            head_of = each.get("head") or {}
            whose = str((head_of.get("repo") or {}).get("full_name", ""))
            if head_of.get("ref") == branch and whose.lower() == self.repository.lower():
                yield self._entry(each, "pulls")

    def new_request(self, branch: str, base: str, title: str, body: str) -> Entry:
        data = {"head": branch, "base": base, "title": title, "body": body}
        return self._entry(
            self._app.call("POST", "pulls", "open a pull request", _right("request"), data), "pulls"
        )

    def change_request(self, request: Entry, title: str, body: str) -> None:
        data = {"title": title, "body": body}
        self._app.call("PATCH", request.place, "change a pull request", _right("request"), data)

    @staticmethod
    def _note(raw: dict[str, Any]) -> Entry:
        return _entry(raw, raw.get("id"), "issues/comments", raw.get("body"), ("user", "login"), "open")

    @staticmethod
    def _entry(raw: dict[str, Any], place: str) -> Entry:
        state = "merged" if raw.get("merged_at") else str(raw.get("state"))
        return _entry(raw, raw.get("number"), place, raw.get("body"), ("user", "login"), state)


class GitLab:
    """GitLab. FEARLESS_GITLAB_TOKEN does everything: a job's own token may do nothing of it."""

    word, sign = "merge request", "!"
    push_needs = "FEARLESS_GITLAB_TOKEN needs the scope `write_repository` and the role Developer"
    may_push = True

    def __init__(self, variables: Mapping[str, str]) -> None:
        address = _wanted(variables, "CI_API_V4_URL")
        token = _wanted(variables, "FEARLESS_GITLAB_TOKEN")
        project = quote(_wanted(variables, "CI_PROJECT_ID"), safe="")
        self.run = variables.get("CI_PIPELINE_URL") or variables.get("CI_JOB_URL", "")
        self.credential = basic("oauth2", token)
        self._api = Api("GitLab", f"{address}/", ("PRIVATE-TOKEN", token), "FEARLESS_GITLAB_TOKEN")
        self._project = f"projects/{project}"
        self._account = ""

    @property
    def account(self) -> str:
        """Whose the token is: a person's, or the bot that GitLab makes for the token of a project."""
        if not self._account:
            answer = self._api.call("GET", "user", "say whose the token is", _SCOPE)
            self._account = str(answer.get("username", ""))
        return self._account

    def notes(self, on: str, number: int) -> Iterator[Entry]:
        place = self._notes_of(on, number)
        path = f"{place}?sort=asc&order_by=created_at&per_page=100"
        for each in self._api.pages(path, "read comments", _SCOPE):
            yield self._note(each, place)

    def new_note(self, on: str, number: int, body: str) -> Entry:
        place = self._notes_of(on, number)
        return self._note(self._api.call("POST", place, "write a comment", _SCOPE, {"body": body}), place)

    def change_note(self, note: Entry, body: str) -> None:
        self._api.call("PUT", note.place, "change a comment", _SCOPE, {"body": body})

    def issues(self) -> Iterator[Entry]:
        path = f"{self._project}/issues?state=opened&per_page=100"
        for each in self._api.pages(path, "list issues", _SCOPE):
            yield self._entry(each, "issues")

    def new_issue(self, title: str, body: str) -> Entry:
        data = {"title": title, "description": body}
        path = f"{self._project}/issues"
        return self._entry(self._api.call("POST", path, "open an issue", _SCOPE, data), "issues")

    def change_issue(self, issue: Entry, title: str, body: str) -> None:
        data = {"title": title, "description": body}
        self._api.call("PUT", issue.place, "change an issue", _SCOPE, data)

    def close_issue(self, issue: Entry) -> None:
        self._api.call("PUT", issue.place, "close an issue", _SCOPE, {"state_event": "close"})

    def requests(self, branch: str) -> Iterator[Entry]:
        asked = f"state=all&sort=asc&per_page=100&source_branch={quote(branch, safe='')}"
        for each in self._api.pages(f"{self._project}/merge_requests?{asked}", "list merge requests", _SCOPE):
            # A fork may use the same name.
            own = each.get("source_project_id") == each.get("target_project_id")
            if own and each.get("source_branch") == branch:
                yield self._entry(each, "merge_requests")

    def new_request(self, branch: str, base: str, title: str, body: str) -> Entry:
        data = {"source_branch": branch, "target_branch": base, "title": title, "description": body}
        path = f"{self._project}/merge_requests"
        return self._entry(
            self._api.call("POST", path, "open a merge request", _SCOPE, data), "merge_requests"
        )

    def change_request(self, request: Entry, title: str, body: str) -> None:
        data = {"title": title, "description": body}
        self._api.call("PUT", request.place, "change a merge request", _SCOPE, data)

    def _notes_of(self, on: str, number: int) -> str:
        return f"{self._project}/{'merge_requests' if on == 'request' else 'issues'}/{number}/notes"

    @staticmethod
    def _note(raw: dict[str, Any], place: str) -> Entry:
        return _entry(raw, raw.get("id"), place, raw.get("body"), ("author", "username"), "open")

    def _entry(self, raw: dict[str, Any], place: str) -> Entry:
        state = {"opened": "open", "locked": "open"}.get(str(raw.get("state")), str(raw.get("state")))
        place = f"{self._project}/{place}"
        return _entry(raw, raw.get("iid"), place, raw.get("description"), ("author", "username"), state)


Hub = Union[GitHub, GitLab]  # noqa: UP007 (Python 3.9 reads no other way)

_SCOPE = "the scope `api` and the role Developer"


def _entry(
    raw: dict[str, Any], number: object, place: str, body: object, author: tuple[str, str], state: str
) -> Entry:
    if not isinstance(number, int):
        raise Stop("The API answered with an entry that has no number, which is not what it documents.")
    who = raw.get(author[0])
    name = str(who.get(author[1], "")) if isinstance(who, dict) else ""
    title = str(raw.get("title") or "")
    return Entry(number, f"{place}/{number}", title, str(body or ""), name, state)


def _right(on: str) -> str:
    return "`pull-requests: write`" if on == "request" else "`issues: write`"


def _github(address: str, variables: Mapping[str, str], token: str) -> Api:
    return Api("GitHub", address, ("Authorization", f"Bearer {_wanted(variables, token)}"), token)


def _wanted(variables: Mapping[str, str], name: str) -> str:
    if not variables.get(name):
        raise Stop(f"The variable {name} is empty or not set: the step that calls hub.py hands it over.")
    return variables[name]
