"""Calls of a host's API with a token: pages, bounded retries, and each failure as one sentence that holds no token."""

from __future__ import annotations

import base64
import http.client
import json
import os
import re
import time
from collections.abc import Iterator
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

TIMEOUT_S = 20
PAUSES_S = (1.0, 3.0)  # before the second and the third try
TOKENS = ("GITHUB_TOKEN", "FEARLESS_TOKEN", "FEARLESS_GITLAB_TOKEN")


class Stop(Exception):  # noqa: N818 (it is raised where a sentence says why it ends here)
    """Why it ends here, in one sentence for the log and the summary."""


class Unreachable(Stop):
    """No answer, or a fault of the server: what was asked for may have been done or not."""


class Api:
    """Calls with one token below one address; `to` says in words what a call does, `right` what it needs."""

    def __init__(self, host: str, address: str, header: tuple[str, str], token: str) -> None:
        self.host, self.address, self.header, self.token = host, address, header, token
        if urlsplit(address).scheme not in ("http", "https"):
            raise Stop(f"The address of the API, {address}, begins neither with https:// nor with http://.")
        self._opener = build_opener(_SameHost(header))

    def call(
        self, method: str, path: str, to: str, right: str, data: dict[str, str] | None = None
    ) -> dict[str, Any]:
        """One call that answers with one object. Raises Stop, and Unreachable where trying again may help."""
        answer, _ = self._answer(method, self.address + path, to, right, data)
        if not isinstance(answer, dict):
            raise Stop(f"{self.host} answered with something else than one object when asked to {to}.")
        return answer

    def pages(self, path: str, to: str, right: str) -> Iterator[dict[str, Any]]:
        """The objects of all pages, one after the other."""
        following: str | None = self.address + path
        seen: set[str] = set()
        while following and following not in seen:
            seen.add(following)
            answer, link = self._answer("GET", following, to, right, None)
            if not isinstance(answer, list) or not all(isinstance(each, dict) for each in answer):
                raise Stop(f"{self.host} answered with something else than a list when asked to {to}.")
            yield from answer
            following = self._following(link)

    def _following(self, link: str) -> str | None:
        """The next page, at our own address whatever host the answer names."""
        found = re.search(r'<([^<>]*)>[^<,]*;\s*rel="?next"?', link)
        if not found:
            return None
        here = urlsplit(self.address)
        return urlsplit(found[1])._replace(scheme=here.scheme, netloc=here.netloc).geturl()

    def _answer(
        self, method: str, address: str, to: str, right: str, data: dict[str, str] | None
    ) -> tuple[Any, str]:
        # Another POST could make a thing twice: who asks for one looks before trying again.
        pauses = () if method == "POST" else PAUSES_S
        for pause in (*pauses, None):
            try:
                status, link, content = self._send(method, address, data)
            except (OSError, http.client.HTTPException) as error:
                why = _line(str(error)) or type(error).__name__
                problem = f"{self.host} could not be reached to {to}: {why}."
            else:
                if status < 400:
                    return self._read(content, to), link
                if status < 500:
                    raise Stop(self._refusal(status, to, right, content))
                problem = f"{self.host} could not {to}: it answered with a fault of its own ({status})."
            if pause is not None:
                time.sleep(pause)
        raise Unreachable(problem)

    def _send(self, method: str, address: str, data: dict[str, str] | None) -> tuple[int, str, bytes]:
        body = None if data is None else json.dumps(data).encode()
        headers = {"Accept": "application/json", "User-Agent": "fearless"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        request = Request(address, body, headers, method=method)  # noqa: S310 (the scheme was looked at)
        request.add_unredirected_header(*self.header)
        try:
            with self._opener.open(request, timeout=TIMEOUT_S) as response:
                return response.status, ", ".join(response.headers.get_all("Link", [])), response.read()
        except HTTPError as error:
            with error:
                return error.code, "", error.read()

    def _read(self, content: bytes, to: str) -> Any:
        try:
            return json.loads(content.decode("utf-8"))
        except ValueError:
            where = urlsplit(self.address).netloc
            raise Stop(
                f"{self.host} answered with no JSON when asked to {to}: {where} may be a proxy, not its API."
            ) from None

    def _refusal(self, status: int, to: str, right: str, content: bytes) -> str:
        said = _message(content)
        if status == 401:
            return f"{self.host} does not accept {self.token} (401): it has expired or was revoked."
        if status == 429 or "rate limit" in said.lower():
            return f"{self.host} was asked too often ({status}): run this job again later."
        if status == 403:
            return f"{self.host} refuses to {to} (403{said}): {self.token} lacks {right}."
        return (
            f"{self.host} could not {to} ({status}{said}): it says so too where {self.token} lacks {right}."
        )


class _SameHost(HTTPRedirectHandler):
    """Follows to a new place on the same host, with method and token; to another host not at all."""

    def __init__(self, header: tuple[str, str]) -> None:
        self.header = header

    def redirect_request(
        self,
        req: Request,
        fp: Any,  # noqa: ARG002 (the arguments are the library's)
        code: int,  # noqa: ARG002
        msg: str,  # noqa: ARG002
        headers: Any,  # noqa: ARG002
        newurl: str,
    ) -> Request | None:
        old, new = urlsplit(req.full_url), urlsplit(newurl)
        if (old.scheme, old.netloc) != (new.scheme, new.netloc):
            raise Stop(f"{old.netloc} sends on to {new.netloc}, and the token goes to no other host.")
        again = Request(newurl, req.data, dict(req.headers), method=req.get_method())  # noqa: S310
        again.add_unredirected_header(*self.header)
        return again

    http_error_308 = HTTPRedirectHandler.http_error_302  # which Python knows from 3.11 on


def basic(user: str, token: str) -> str:
    """What follows `Authorization: Basic`."""
    return base64.b64encode(f"{user}:{token}".encode()).decode()


def hidden(text: str) -> str:
    """`text` without any token, whoever brought it in."""
    for token in filter(None, map(os.environ.get, TOKENS)):
        for shown in (token, basic("x-access-token", token), basic("oauth2", token)):
            text = text.replace(shown, "***")
    return text


def _message(content: bytes) -> str:
    """What the API says of a refusal, as `: words`, or nothing."""
    try:
        answer = json.loads(content.decode("utf-8"))
    except ValueError:
        return ""
    if not isinstance(answer, dict):
        return ""
    errors = answer.get("errors")
    more = (
        [each.get("message") for each in errors if isinstance(each, dict)] if isinstance(errors, list) else []
    )
    said = [answer.get("message"), answer.get("error"), answer.get("error_description"), *more]
    words = _line("; ".join(str(each) for each in said if each))
    return f": {words}" if words else ""


def _line(text: str) -> str:
    return " ".join(text.split())[:300].rstrip(".")
