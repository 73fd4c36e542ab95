"""Clients of an attack: lanes of attackers, slow and silent ones, and one that only wants to be served beside them."""

from __future__ import annotations

import json
import random
import socket
import ssl
import struct
import threading
from types import TracebackType
from typing import Any

from mockhost import MockHost
from tests.hostile.requests import BROKEN, URN, WHOLE, Case, Target, base, case, large, request
from tests.hostile.system import harm, snapshot
from tests.server.raw import Answer, RawClient

WRITES = ("POST", "PUT", "PATCH", "DELETE")
STATUSES = frozenset({200, 201, 204, 400, 401, 403, 404, 405, 409, 411, 413, 414, 415, 417, 501, 505})
"""What hostile requests may be answered with; 500 is not among them."""
INSPECT_EVERY = 100
_DRIP = 7


class Failed(AssertionError):
    """A request that was not met as it should be."""


class Journal:
    """Reads the journal of a host as it goes by, which keeps only the latest exchanges."""

    def __init__(self, host: MockHost) -> None:
        self._host = host
        self._lock = threading.Lock()
        self._read = 0
        self.count = 0

    def inspect(self) -> None:
        with self._lock:
            for entry in self._host.journal.entries(since=self._read):
                self._read = entry.number
                self.count += 1
                if entry.bug or "smuggled" in entry.target.partition("?")[0] or entry.status == 500:
                    raise Failed(
                        f"{entry.method} {entry.target[:300]} {entry.status} {entry.bug} {entry.body[:300]!r}"
                    )


class Lane(threading.Thread):
    """One attacker of one connector, request after request, who sees after each that nothing was harmed by it."""

    def __init__(self, host: MockHost, target: Target, numbers: range, journal: Journal) -> None:
        super().__init__(name=f"lane {target.connector}", daemon=True)
        self._host = host
        self._target = target
        self._numbers = numbers
        self._journal = journal
        self._context = _trusting() if host.ca_file else None
        self._client: RawClient | None = None
        self._before = snapshot(host, target.connector)
        self._drip = Drip(host, target, self._context)
        self.sent = 0
        self.changed = 0
        self.refused = 0
        self.failed: BaseException | None = None

    def run(self) -> None:
        try:
            for number in self._numbers:
                self._step(number)
                self._drip.step()
            self._journal.inspect()
        except BaseException as error:
            self.failed = error
        finally:
            self._drip.close()
            self._hang_up()

    def _step(self, number: int) -> None:
        kinds = len(WHOLE) + len(BROKEN)
        kind = number % kinds
        if kind < len(WHOLE):
            maker = large if kind == 0 and number // kinds % 8 == 0 else WHOLE[kind]
            attacking = case(maker, number, self._target)
            if number // kinds % 5 == 1:
                self._pipeline(attacking)
            else:
                self._whole(attacking)
        else:
            self._broken(case(BROKEN[kind - len(WHOLE)], number, self._target), number // kinds % 3)
        self.sent += 1
        if number % INSPECT_EVERY == 0:
            self._journal.inspect()

    # -- requests that get one answer ----------------------------------------------------------------------

    def _whole(self, attacking: Case) -> None:
        client = self._client or self._dial()
        try:
            answer = client.ask(attacking.data, attacking.method)
        except (OSError, AssertionError, ValueError) as error:
            raise Failed(f"{type(error).__name__} {error} to {attacking}") from error
        self._judge(attacking, answer)
        if (answer.header("Connection") or "").lower() == "close":
            self._hang_up()

    def _pipeline(self, attacking: Case) -> None:
        """Between two requests that are right; the first is answered, and so is the last unless the line is cut."""
        valid = request(self._target, "GET", f"{base(self._target)}/Users?filter=id+eq+%22x%22")[1]
        self._hang_up()
        with RawClient(self._host.port, tls=self._context) as client:
            client.send(valid + attacking.data + valid)
            first = client.answer()
            if first.status != 200:
                raise Failed(f"{first.status} to the valid request before {attacking}")
            answer = client.answer(attacking.method)
            self._judge(attacking, answer)
            if (answer.header("Connection") or "").lower() != "close" and client.answer().status != 200:
                raise Failed(f"no 200 to the valid request after {attacking}")

    def _judge(self, attacking: Case, answer: Answer) -> None:
        if answer.status not in STATUSES:
            raise Failed(f"{answer.status} {answer.body[:500]!r} to {attacking}")
        if b"Traceback" in answer.body:
            raise Failed(f"a traceback to {attacking}")
        if "json" in (answer.header("Content-Type") or "") and attacking.method != "HEAD":
            json.loads(answer.body)
        self.refused += answer.status >= 400
        if attacking.method not in WRITES:
            return
        after = snapshot(self._host, self._target.connector)
        if after == self._before:
            return
        if answer.status >= 300:
            raise Failed(f"{answer.status}, but objects changed: {attacking}")
        if problems := harm(self._host, self._target.connector):
            raise Failed(f"{problems} after {answer.status} to {attacking}")
        self._before = after
        self.changed += 1

    # -- what is no request ------------------------------------------------------------------------------------

    def _broken(self, attacking: Case, manner: int) -> None:
        """Send it on a line of its own, and wait for the end, or hang up, or cut the line."""
        if attacking.method in WRITES:
            manner = 0  # it may have come through whole: what it did must be done before the next request
        with RawClient(self._host.port, tls=self._context) as client:
            try:
                client.send(attacking.data)
                if manner == 0:
                    client.sock.shutdown(socket.SHUT_WR)
                    self._judge_all(attacking, client.until_end().data)
                elif manner == 1:
                    client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            except TimeoutError as error:
                raise Failed(f"no end of {attacking}") from error
            except (OSError, ssl.SSLError):
                pass  # hung up on
        self._before = snapshot(self._host, self._target.connector)
        if problems := harm(self._host, self._target.connector):
            raise Failed(f"{problems} after {attacking}")

    def _judge_all(self, attacking: Case, data: bytes) -> None:
        for line in data.split(b"HTTP/1.1 ")[1:]:
            if line[:4] != b"100 " and int(line[:3]) not in STATUSES:
                raise Failed(f"{line[:100]!r} to {attacking}")
        self.refused += data.startswith(b"HTTP/1.1 4")

    def _dial(self) -> RawClient:
        self._client = RawClient(self._host.port, tls=self._context)
        return self._client

    def _hang_up(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None


class Drip:
    """A client that sends a few bytes whenever it is asked to, and is answered all the same."""

    def __init__(self, host: MockHost, target: Target, context: ssl.SSLContext | None) -> None:
        self._data = request(target, "GET", f"{base(target)}/Users?filter=id+eq+%22x%22")[1]
        self._client = RawClient(host.port, tls=context)
        self._at = 0

    def step(self) -> None:
        self._client.send(self._data[self._at : self._at + _DRIP])
        self._at += _DRIP
        if self._at >= len(self._data):
            answer = self._client.answer()
            if answer.status != 200:
                raise Failed(f"{answer.status} to the slow client")
            self._at = 0

    def close(self) -> None:
        self._client.close()


class Held:
    """Clients that connect and then stop: silent, in the midst of a hello, a head, a body, or deaf to the answer."""

    def __init__(self, host: MockHost, target: Target, *, each: int = 4) -> None:
        context = _trusting() if host.ca_file else None
        get = request(target, "GET", f"{base(target)}/Users")[1]
        post = request(target, "POST", f"{base(target)}/Users", body=b"{" * 1_000)[1]
        self._lines: list[RawClient] = []
        for number in range(each):
            silent = RawClient(host.port)
            hello = RawClient(host.port)
            hello.sock.sendall(b"\x16\x03\x01\x02\x00\x01"[: number + 1] if context else b"G")
            self._lines += [silent, hello]
            for data in (b"", get[:20], get[:-1], post[:-500], get * 300):
                line = RawClient(host.port, tls=context)
                line.send(data)
                self._lines.append(line)

    def __enter__(self) -> Held:
        return self

    def __exit__(self, *_: object) -> None:
        for line in self._lines:
            line.close()


class Valid:
    """A client on a connector of its own that creates, finds, changes and deletes, and must always get its way."""

    def __init__(self, host: MockHost) -> None:
        page = host.runtime.scenario.connectors["GOOD"]
        self._host = host
        self._target = Target("GOOD", page.secret_token, (), ("Login", "Name"))
        self._context = host.ssl_context() if host.ca_file else None
        self._enough = threading.Event()
        self._thread = threading.Thread(target=self._run, name="valid", daemon=True)
        self.rounds = 0
        self.failed: BaseException | None = None

    def __enter__(self) -> Valid:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._enough.set()
        self._thread.join(30)
        if self.failed is not None:
            raise self.failed
        assert not self._thread.is_alive(), "the well-behaved client hangs"

    def _run(self) -> None:
        try:
            while not self._enough.is_set():
                with RawClient(self._host.port, tls=self._context) as client:
                    for _ in range(5):
                        self._round(client)
                        self.rounds += 1
        except BaseException as error:
            self.failed = error

    def _round(self, client: RawClient) -> None:
        login = f"user {self.rounds}@x/y"
        path = f"{base(self._target)}/Users"
        user = f"{path}/user%20{self.rounds}%40x%2Fy"
        named = {URN: {"Login": login, "Name": "Zoë"}}
        change = {"Operations": [{"op": "Replace", "path": f"{URN}:Name", "value": "Zoe"}]}
        steps: list[tuple[str, str, Any, int]] = [
            ("POST", path, named, 201),
            ("GET", f"{path}?filter=Login+eq+%22{login.replace(' ', '+')}%22", None, 200),
            ("PATCH", user, change, 200),
            ("GET", user, None, 200),
            ("DELETE", user, None, 204),
            ("GET", user, None, 404),
        ]
        bodies: list[Any] = []
        for method, where, body, status in steps:
            data = None if body is None else json.dumps(body, ensure_ascii=False).encode()
            answer = client.ask(request(self._target, method, where, body=data)[1], method)
            if answer.status != status:
                raise Failed(f"the well-behaved client's {method} {where}: {answer.status} {answer.body!r}")
            bodies.append(json.loads(answer.body) if answer.body else None)
        created, found, _, changed, _, _ = bodies
        if (created["id"], found["totalResults"], changed[URN]) != (
            login,
            1,
            {"Login": login, "Name": "Zoe"},
        ):
            raise Failed(f"the well-behaved client was told {bodies}")


def knock(host: MockHost, count: int) -> None:
    """Meet a TLS port with what is no TLS: noise, half hellos, plain HTTP. Each line must find its end."""
    chance = random.Random("knock")
    hellos = (
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"\x16\x03\x01\x00\x00",
        b"\x15\x03\x01\x00\x02\x02\x28",
    )
    for number in range(count):
        data = (*hellos, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"", b"\x80\x2e\x01")[number % 6]
        with RawClient(host.port) as client:
            try:
                client.send(data + chance.randbytes(number % 200 if number % 6 < 3 else 0))
                client.sock.shutdown(socket.SHUT_WR)
                client.until_end()
            except TimeoutError as error:
                raise Failed(f"no end of {data!r} on the TLS port") from error
            except OSError:
                pass  # hung up on


def _trusting() -> ssl.SSLContext:
    """An attacker's context, which takes any certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
