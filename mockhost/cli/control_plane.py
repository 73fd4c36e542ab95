"""The client of the control plane: one request, JSON in and out, and its errors as ours.

On `http.client`, because a proxy must not stand between: `urllib.request` would ask the environment for one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from http.client import HTTPConnection, HTTPException
from typing import Any, NamedTuple
from urllib.parse import urlencode, urlsplit

from mockhost.cli.options import DEFAULT_URL
from mockhost.errors import CannotRun, MockhostError, Problem, ScenarioError, UsageError

TIMEOUT = 60.0
"""Seconds that an answer may take: a fresh start with a million people is no quick thing."""


class Answer(NamedTuple):
    """A good answer: its media type and its text."""

    kind: str
    text: str

    @property
    def json(self) -> Any:
        """The answer as JSON data. Raises CannotRun if it is none."""
        try:
            return json.loads(self.text)
        except ValueError:
            raise CannotRun("what answers is no control plane of mockhost", hint="is --url right?") from None


class ControlPlane:
    """A running host's control plane, by its base URL. `token` is its bearer token, if it has one."""

    def __init__(self, url: str = DEFAULT_URL, token: str | None = None, *, timeout: float = TIMEOUT) -> None:
        parts = urlsplit(url if "://" in url else f"http://{url}")
        try:
            port = parts.port or 80
        except ValueError:
            port = 0
        if parts.scheme != "http" or not parts.hostname or not port:
            raise UsageError(f"{url!r} is no URL of a control plane", hint=f"it is like {DEFAULT_URL}")
        self.url = url
        self._address = (parts.hostname, port)
        self._base = parts.path.rstrip("/")
        self._token = token
        self._timeout = timeout

    def get(
        self, path: str, query: Mapping[str, object] | None = None, *, kind: str = "application/json"
    ) -> Answer:
        """Ask for something, in a media type. `None` among the query's values leaves the key out."""
        said = [(name, value) for name, value in (query or {}).items() if value is not None]
        target = f"{path}?{urlencode(said, doseq=True)}" if said else path
        return self._ask("GET", target, None, kind)

    def change(self, method: str, path: str, document: object = None) -> Any:
        """Change something; what it says to that, as JSON data."""
        answer = self._ask(method, path, {} if document is None else document, "application/json")
        return answer.json if answer.text else None

    def _ask(self, method: str, target: str, document: object, kind: str) -> Answer:
        headers = {"Accept": kind}
        if self._token is not None:
            headers["Authorization"] = f"Bearer {self._token}"
        body = None
        if document is not None:
            headers["Content-Type"] = "application/json"
            body = json.dumps(document).encode()
        connection = HTTPConnection(*self._address, timeout=self._timeout)
        try:
            connection.request(method, self._base + target, body, headers)
            answer = connection.getresponse()
            text = answer.read().decode("utf-8", "replace")
        except (HTTPException, OSError, UnicodeError) as error:
            raise self._silent(error) from None
        finally:
            connection.close()
        if answer.status >= 400:
            raise _refusal(answer.status, text)
        return Answer(answer.getheader("Content-Type", ""), text)

    def _silent(self, error: Exception) -> CannotRun:
        if isinstance(error, TimeoutError):
            return CannotRun(f"the control plane at {self.url} did not answer in {self._timeout:.3g} seconds")
        if isinstance(error, ConnectionError) or not isinstance(error, HTTPException):
            hint = "start a host with 'mockhost serve', or name another with --url or --ready-file"
            return CannotRun(f"no control plane answers at {self.url}", hint=hint)
        return CannotRun(
            f"what answers at {self.url} is no control plane of mockhost", hint="is --url right?"
        )


def _refusal(status: int, text: str) -> MockhostError:
    """The error that the control plane tells of."""
    try:
        said = json.loads(text)["error"]
        message, hint, problems = str(said["message"]), str(said.get("hint", "")), said.get("problems")
    except (ValueError, LookupError, TypeError, AttributeError):
        return CannotRun(
            f"the control plane answered {status}, which nothing explains", hint="is --url right?"
        )
    if problems:
        return ScenarioError([Problem(**problem) for problem in problems])
    if status in (401, 403) and not hint:
        hint = "give it with --token, MOCKHOST_CONTROL_TOKEN or --ready-file"
    if status >= 500:
        return CannotRun(message, hint=hint)
    return UsageError(message, hint=hint)
