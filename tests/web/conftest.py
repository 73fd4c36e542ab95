"""Transcripts: data files of requests and answers, replayed over plain sockets by one runner."""

from __future__ import annotations

import http.client
import pathlib
import socket
from collections.abc import Iterator, Mapping
from typing import Any

import orjson
import pytest
from ruamel.yaml import YAML

from mockhost import MockHost
from mockhost.matching import ABSENT, difference, pointer

FOLDER = pathlib.Path(__file__).parent / "transcripts"
URN = "urn:ietf:params:scim:schemas:extension:ECMA2Host:2.0:User"


def load_cases() -> list[Any]:
    """Every case of every file, named file:case."""
    cases = []
    for path in sorted(FOLDER.glob("*.yaml")):
        for case in YAML(typ="safe", pure=True).load(path.read_text()):
            cases.append(pytest.param(case, id=f"{path.stem}: {case['case']}"))
    return cases


class Replayer:
    """Plays the exchanges of a case against a host that speaks plain HTTP."""

    def __init__(self) -> None:
        self._hosts: dict[bytes, MockHost] = {}

    def host(self, overrides: Mapping[str, Any]) -> MockHost:
        """A host with these overrides, as good as new."""
        key = orjson.dumps(overrides, option=orjson.OPT_SORT_KEYS)
        if key not in self._hosts:
            self._hosts[key] = MockHost("basics/healthy", tls=False, control=False, **overrides).start()
        host = self._hosts[key]
        host.reset()
        return host

    def close(self) -> None:
        for host in self._hosts.values():
            host.stop()

    def play(self, case: Mapping[str, Any]) -> None:
        host = self.host(case.get("with", {}))
        for number, exchange in enumerate(case["exchanges"]):
            if "advance" in exchange:
                host.clock.advance(exchange["advance"])
                continue
            problems = self._exchange(host, exchange)
            assert not problems, f"exchange {number} ({exchange['send']}): " + "; ".join(problems)
        assert not [e.bug for e in host.journal if e.bug]

    def _exchange(self, host: MockHost, exchange: Mapping[str, Any]) -> list[str]:
        method, _, target = exchange["send"].partition(" ")
        target = target.replace("{urn}", URN)
        connector = exchange.get("connector", "SQL")
        if not target.startswith("//"):
            target = f"/ecma2host_{connector}/scim{target}"
        headers = {"Host": "localhost:8585", **exchange.get("headers", {})}
        token = exchange.get("token", host.truth(connector).secret_token)
        if token is not None and "Authorization" not in headers:
            headers["Authorization"] = f"Bearer {token}"
        body = None
        if "attributes" in exchange:
            body = orjson.dumps({"schemas": [URN], URN: exchange["attributes"]})
        elif "json" in exchange:
            body = orjson.dumps(_with_urn(exchange["json"]))
        elif "text" in exchange:
            body = exchange["text"].encode()
        if body is not None:
            headers.setdefault("Content-Type", "application/scim+json; charset=utf-8")
        answer, content = _ask(host.port, method, target, headers, body)
        return _differences(exchange["gets"], answer, content)


def _ask(
    port: int, method: str, target: str, headers: Mapping[str, Any], body: bytes | None
) -> tuple[http.client.HTTPResponse, bytes]:
    """One request with exactly this target, as UTF-8; the answer and its body."""
    if body is not None:
        headers = {**headers, "Content-Length": str(len(body))}
    path = "/" + target.lstrip("/") if target.startswith("//") else target
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    with socket.create_connection(("127.0.0.1", port), timeout=120) as sock:
        sock.sendall("\r\n".join([*lines, "", ""]).encode() + (body or b""))
        answer = http.client.HTTPResponse(sock, method=method)
        answer.begin()
        return answer, answer.read()


def _with_urn(value: Any) -> Any:
    """`{urn}` in keys and strings stands for the extension's URN."""
    if isinstance(value, Mapping):
        return {key.replace("{urn}", URN): _with_urn(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_with_urn(item) for item in value]
    return value.replace("{urn}", URN) if isinstance(value, str) else value


def _differences(gets: Mapping[str, Any], answer: http.client.HTTPResponse, content: bytes) -> list[str]:
    found = []

    def compare(what: str, expected: object, value: object) -> None:
        if (text := difference(_with_urn(expected), value)) is not None:
            found.append(f"{what}: {text} [{answer.status} {content[:300]!r}]")

    for key, expected in gets.items():
        if key == "status":
            compare("status", expected, answer.status)
        elif key == "reason":
            compare("reason", expected, answer.reason)
        elif key == "text":
            compare("text", expected, content.decode("utf-8", "replace"))
        elif key == "headers":
            for name, wanted in expected.items():
                value = answer.getheader(name)
                compare(name, wanted, ABSENT if value is None else value)
        elif key == "user":
            held = orjson.loads(content).get(URN, {})
            for name, wanted in expected.items():
                compare(name, wanted, held.get(name, ABSENT))
        else:
            document = orjson.loads(content) if content else ABSENT
            path = key if key.startswith("/") else f"/{key}"
            compare(path, expected, pointer(document, path.replace("{urn}", URN.replace("/", "~1"))))
    return found


@pytest.fixture(scope="module")
def replayer() -> Iterator[Replayer]:
    """One runner for all cases; hosts with the same overrides are used again, reset in between."""
    player = Replayer()
    yield player
    player.close()
