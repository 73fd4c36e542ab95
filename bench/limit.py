"""What a find costs beside the least that a WSGI application can cost: processor time of one process for each request.

Both applications are behind mockhost's own server; the other one returns a constant. No value is asked for twice, so no
cache over clients' texts can help. `python -m bench.limit SCENARIO PEOPLE ROUNDS` prints one JSON line.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
import urllib.parse
from collections.abc import Callable, Iterable
from typing import Any

from bench import scenarios
from bench.servers import find
from mockhost import MockHost
from mockhost.server.listener import Listener

_CLIENT = """
import json, socket, sys
port, requests = json.loads(sys.stdin.read())
with socket.create_connection(("127.0.0.1", port)) as sock:
    for request in requests:
        sock.sendall(request.encode())
        answer = b""
        while b"\\r\\n\\r\\n" not in answer:
            answer += sock.recv(65536)
        head, _, body = answer.partition(b"\\r\\n\\r\\n")
        assert head.startswith(b"HTTP/1.1 200"), head
        length = int(head.lower().split(b"content-length: ")[1].split(b"\\r\\n")[0])
        while len(body) < length:
            body += sock.recv(65536)
        assert b'"totalResults":1' in body, body
"""
"""A client in a process of its own, whose processor time does not count."""


def _constant(body: bytes) -> Callable[[dict[str, Any], Any], Iterable[bytes]]:
    headers = [("Content-Type", "application/scim+json; charset=utf-8")]

    def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        start_response("200 ", headers)
        return (body,)

    return application


def _cost(port: int, requests: list[str]) -> float:
    """Microseconds of this process' processor time for each request."""
    client = subprocess.Popen([sys.executable, "-c", _CLIENT], stdin=subprocess.PIPE, text=True)
    began = time.process_time()
    client.communicate(json.dumps([port, requests]))
    if client.returncode != 0:
        raise SystemExit("a find was not answered with one user")
    return (time.process_time() - began) / len(requests) * 1_000_000


def main() -> None:
    """Measure in alternating rounds, each with people of its own."""
    scenario, people, rounds = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    with MockHost(scenario, tls=False, control=False) as host:
        target = host.truth("SQL")
        path = urllib.parse.urlsplit(target.url).path
        head = f"Host: 127.0.0.1\r\nAuthorization: Bearer {target.secret_token}\r\n\r\n"
        share = people // (rounds + 1)

        def asked(turn: int) -> list[str]:
            numbers = range(turn * share, (turn + 1) * share)
            finds = (find("Email", scenarios.value("Email", number)) for number in numbers)
            return [f"GET {path}{each} HTTP/1.1\r\n{head}" for each in finds]

        answer = host.session("SQL").get(f"{target.url}/Users?filter=Email+eq+%22user0000000@contoso.com%22")
        constant = Listener(
            _constant(answer.content), hosts=("127.0.0.1",), heads=lambda: ("httpapi", time.time())
        )
        constant.bind()
        constant.open()
        try:
            pairs = []
            for turn in range(rounds + 1):
                requests = asked(turn)
                costs = {port: _cost(port, requests) for port in _order(turn, host.port, constant.port)}
                pairs.append((costs[host.port], costs[constant.port]))
        finally:
            constant.shutdown()
    warm = pairs[1:]
    figures = {
        "find": statistics.median(ours for ours, _ in warm),
        "constant": statistics.median(theirs for _, theirs in warm),
        "ratio": statistics.median(ours / theirs for ours, theirs in warm),
    }
    print(json.dumps(figures))


def _order(turn: int, *ports: int) -> tuple[int, ...]:
    return ports if turn % 2 else ports[::-1]


if __name__ == "__main__":
    main()
