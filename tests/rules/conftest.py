"""A client that asks in few words, of a host that speaks plain HTTP."""

from __future__ import annotations

import http.client
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import orjson
import pytest

from mockhost import MockHost

URN = "urn:ietf:params:scim:schemas:extension:ECMA2Host:2.0:User"


class Answer(NamedTuple):
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        return orjson.loads(self.body)


class Client:
    """One connection to a host."""

    def __init__(self, host: MockHost) -> None:
        self.host = host
        self._connection = http.client.HTTPConnection("127.0.0.1", host.port, timeout=120)

    def send(
        self, method: str, path: str, body: object = None, *, connector: str = "SQL", **headers: str | None
    ) -> Answer:
        """One request; `path` is below the connector's /scim. A header that is None is not sent."""
        given = {"Authorization": f"Bearer {self.host.truth().secret_token}", "Host": "localhost:8585"}
        sent = {**given, **{name.replace("_", "-"): value for name, value in headers.items()}}
        data = body if isinstance(body, bytes) or body is None else orjson.dumps(body)
        if data is not None:
            sent.setdefault("Content-Type", "application/scim+json")
        target = f"/ecma2host_{connector}/scim{path}"
        final = {name: value for name, value in sent.items() if value is not None}
        self._connection.request(method, target, data, final)
        answer = self._connection.getresponse()
        return Answer(answer.status, dict(answer.getheaders()), answer.read())

    def find(self, login: str = "ljacobson", **more: Any) -> Answer:
        return self.send("GET", f"/Users?filter={URN}:ContosoLogin+eq+%22{login}%22", **more)

    def create(self, login: str, first_name: str = "Bob", **more: Any) -> Answer:
        user = {"ContosoLogin": login, "FirstName": first_name, "LastName": "X"}
        return self.send("POST", "/Users", {"schemas": [URN], URN: user}, **more)

    def statuses(self, count: int) -> list[int]:
        """The statuses of so many finds."""
        return [self.find().status for _ in range(count)]

    def close(self) -> None:
        self._connection.close()


Play = Callable[..., Client]


@pytest.fixture
def play() -> Iterator[Play]:
    """Starts a host with rules, and gives a client of it."""
    clients: list[Client] = []

    def start(*rules: Mapping[str, Any], extends: str = "basics/healthy", **more: Any) -> Client:
        scenario = {"format": 1, "extends": extends, "rules": list(rules), **more}
        client = Client(MockHost(scenario, tls=False, control=False).start())
        clients.append(client)
        return client

    yield start
    for client in clients:
        client.close()
        bugs = [entry.bug for entry in client.host.journal if entry.bug]
        client.host.stop()
        assert not bugs
