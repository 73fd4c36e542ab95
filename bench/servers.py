"""The servers that the rows compare: mockhost, gunicorn with the bare view, and other mocks where installed.

Each is a context manager that gives a running `Server` and ends it. Nobody sleeps: readiness is asked for until it is
there or the deadline has passed.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar
from urllib.parse import quote, quote_plus, urlsplit

from bench.load import ROOT, Target
from bench.memory import resident
from bench.scenarios import SECRET_TOKEN

URN = "urn:ietf:params:scim:schemas:extension:ECMA2Host:2.0:User"
PEERS = ROOT / "build" / "peers"


T = TypeVar("T")


class CannotStart(Exception):
    """A server that ended or did not answer in time; the message has the end of its log."""


class Server(NamedTuple):
    """A running server. `first_200` is the seconds from its start to the first answer."""

    name: str
    pid: int
    base: str
    headers: Mapping[str, str]
    first_200: float
    control: str = ""
    """the control plane's address, of mockhost"""

    def target(self, *targets: str) -> Target:
        """For the load generator: these request targets, below the base URL's path."""
        parts = urlsplit(self.base)
        whole = tuple(parts.path + target for target in targets)
        return Target(f"{parts.scheme}://{parts.netloc}", whole, self.headers)

    def get(self, target: str) -> bytes:
        """The body of one answer; raises CannotStart if it is not 200."""
        status, body = _get(self.base + target, self.headers)
        if status != 200:
            raise CannotStart(f"{self.name}: {target} answered {status}: {body[:200]!r}")
        return body

    def resident(self) -> float:
        return resident(self.pid)


def find(attribute: str, value: str) -> str:
    """The request target of a find, encoded as the provisioning service does."""
    return "/Users?filter=" + quote_plus(f'{URN}:{attribute} eq "{value}"')


def find_user(name: str) -> str:
    """The request target of a find in a SCIM endpoint, encoded as the provisioning service does."""
    return "/Users?filter=" + quote_plus(f'userName eq "{name}"')


@contextlib.contextmanager
def mockhost(
    scenario: str,
    work: Path,
    *,
    tls: bool = True,
    quiet: bool = True,
    patience: float = 30,
    connector: str = "SQL",
    data: Path | None = None,
) -> Iterator[Server]:
    """`mockhost serve` as a user starts it, from the environment that runs the benchmark.

    `quiet` leaves out the line for each exchange, as the reference writes no access log; the journal stays on.
    It is ready once a find in `connector` answers.
    """
    command = shutil.which("mockhost", path=str(Path(sys.executable).parent))
    if command is None:
        raise CannotStart(f"no mockhost command beside {sys.executable}; try: make bench")
    ready = work / "ready.json"
    ready.unlink(missing_ok=True)
    arguments = ["serve", scenario, "--port", "0", "--control-port", "0", "--ready-file", str(ready)]
    arguments += [*([] if tls else ["--no-tls"]), *(["--quiet"] if quiet else [])]
    arguments += [] if data is None else ["--data", str(data)]
    nobody = find("ContosoLogin", "nobody") if connector == "SQL" else find_user("nobody")
    began = time.perf_counter()
    with _process([command, *arguments], work) as process:
        document = _until(lambda: _read(ready), process, work, began + patience)
        told = document["connectors"][connector]
        headers = {"Authorization": f"Bearer {told['secret_token']}"}
        base = _numeric(told["url"])
        _until(lambda: _asked(base + nobody, headers), process, work, began + patience)
        control = document["control"]["url"].removesuffix("/v1")
        yield Server("mockhost", process.pid, base, headers, time.perf_counter() - began, control)


@contextlib.contextmanager
def pages(server: Server, count: int) -> Iterator[None]:
    """So many pages of the console that are open and read what comes; of a server, not of a browser."""
    parts = urlsplit(server.control)
    opened = []
    for _ in range(count):
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=30)
        connection.request("GET", "/console/feed")
        opened.append((connection, connection.getresponse()))

    def read(answer: http.client.HTTPResponse) -> None:
        with contextlib.suppress(OSError, ValueError, AttributeError, http.client.HTTPException):
            while answer.read1(65_536):
                pass

    readers = [threading.Thread(target=read, args=(answer,), daemon=True) for _, answer in opened]
    for reader in readers:
        reader.start()
    try:
        yield
    finally:
        for connection, _ in opened:
            if connection.sock is not None:
                with contextlib.suppress(OSError):
                    connection.sock.shutdown(socket.SHUT_RDWR)
            connection.close()
        for reader in readers:
            reader.join(5)


@contextlib.contextmanager
def gunicorn(answer: bytes, work: Path, *, tls: tuple[Path, Path] | None = None) -> Iterator[Server]:
    """The yardstick: bench.reference under one gthread worker of eight threads; `tls` is (certificate, key)."""
    (work / "answer.json").write_bytes(answer)
    with socket.create_server(("127.0.0.1", 0), backlog=128) as held:
        port = held.getsockname()[1]
        command = [sys.executable, "-m", "gunicorn", "--bind", f"fd://{held.fileno()}", "--workers", "1"]
        command += [
            "--worker-class",
            "gthread",
            "--threads",
            "8",
            "--keep-alive",
            "75",
            "--log-level",
            "warning",
        ]
        command += ["--chdir", str(ROOT), "--worker-tmp-dir", str(work), "bench.reference:app"]
        if tls is not None:
            command += ["--certfile", str(tls[0]), "--keyfile", str(tls[1])]
        base = f"{'https' if tls else 'http'}://127.0.0.1:{port}/ecma2host_SQL/scim"
        began = time.perf_counter()
        more = {"BENCH_ANSWER": str(work / "answer.json")}
        with _process(command, work, environment=more, pass_fds=[held.fileno()]) as process:
            _until(lambda: _asked(base + find("ContosoLogin", "nobody"), {}), process, work, began + 30)
            yield Server("gunicorn", process.pid, base, {}, time.perf_counter() - began)


class Peer(NamedTuple):
    """Another mock: how to start it on a port (None: not installed) and how to teach it the answer."""

    name: str
    command: Callable[[int, Path, bytes], list[str] | None]
    prepare: Callable[[str, bytes], str]


@contextlib.contextmanager
def peer(which: Peer, answer: bytes, work: Path) -> Iterator[tuple[Server, str] | None]:
    """The running peer and the request target of its find; None where it is not installed."""
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
    command = which.command(port, work, answer)
    if command is None:
        yield None
        return
    base = f"http://127.0.0.1:{port}"
    began = time.perf_counter()
    with _process(command, work) as process:
        _until(lambda: _connected(port), process, work, began + 60)
        target = which.prepare(base, answer)
        _until(lambda: _asked(base + target, {}), process, work, began + 60)
        yield Server(which.name, process.pid, base, {}, time.perf_counter() - began), target


class ScimPeer(NamedTuple):
    """Another SCIM server with people in it: its command (None: not installed) for a port and a count, and its path."""

    name: str
    command: Callable[[int, int], list[str] | None]
    path: str
    least: float
    """how many times its rate mockhost should reach in the mix"""


@contextlib.contextmanager
def scim_peer(which: ScimPeer, people: int, work: Path) -> Iterator[Server | None]:
    """The running peer; None where it is not installed."""
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
    command = which.command(port, people)
    if command is None:
        yield None
        return
    base, headers = f"http://127.0.0.1:{port}{which.path}", {"Authorization": f"Bearer {SECRET_TOKEN}"}
    began = time.perf_counter()
    with _process(command, work) as process:
        # Loading a hundred thousand people takes minutes in some of them; it is not what is measured.
        deadline = began + 60 + people / 100
        _until(lambda: _asked(base + find_user("nobody"), headers), process, work, deadline)
        yield Server(which.name, process.pid, base, headers, time.perf_counter() - began)


def _scim2_people(port: int, people: int) -> list[str] | None:
    """By the Python that has scim2-server: where its command is."""
    command = _installed("scim2-server")
    if command is None:
        return None
    python = Path(command).resolve().parent / "python"
    return [str(python), "-P", str(ROOT / "bench" / "scim2_people.py"), str(port), str(people)]


def _scimmy(port: int, people: int) -> list[str] | None:
    node = shutil.which("node")
    if node is None or not (PEERS / "node_modules" / "scimmy-routers").is_dir():
        return None
    return [node, str(ROOT / "bench" / "scimmy_server.mjs"), str(port), str(people), str(PEERS)]


SCIM_OTHERS = (
    ScimPeer("scim2-server", _scim2_people, "", 8.0),
    ScimPeer("scimmy-routers", _scimmy, "/scim", 4.0),
)


def _scim2_server(port: int, work: Path, answer: bytes) -> list[str] | None:
    command = _installed("scim2-server")
    if command is None:
        return None
    return [command, "--hostname", "127.0.0.1", "--port", str(port)]


def _scim2_user(base: str, answer: bytes) -> str:
    user = {"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": "user0000000"}
    _post(base + "/Users", user, "application/scim+json")
    return "/Users?filter=" + quote('userName eq "user0000000"')


def _wiremock(port: int, work: Path, answer: bytes) -> list[str] | None:
    command = _installed("wiremock")
    if command is None:
        return None
    return [command, "--port", str(port), "--bind-address", "127.0.0.1", "--root-dir", str(work)]


def wiremock_proxy(origin: str, target: str) -> Peer:
    """WireMock as a proxy before a server; `target`: what is asked of it."""

    def command(port: int, work: Path, answer: bytes) -> list[str] | None:
        plain = _wiremock(port, work, answer)
        # Its journal is bounded as ours is.
        return plain and [*plain, "--proxy-all", origin, "--max-request-journal-entries", "1000"]

    return Peer("WireMock, as a proxy", command, lambda base, answer: target)


def _wiremock_stub(base: str, answer: bytes) -> str:
    request = {
        "method": "GET",
        "urlPath": "/Users",
        "queryParameters": {"filter": {"contains": "user0000000"}},
    }
    headers = {"Content-Type": "application/scim+json"}
    response = {"status": 200, "headers": headers, "body": answer.decode()}
    _post(base + "/__admin/mappings", {"request": request, "response": response}, "application/json")
    return find("ContosoLogin", "user0000000")


def _mockoon(port: int, work: Path, answer: bytes) -> list[str] | None:
    command = _installed("mockoon-cli")
    if command is None:
        return None
    header = {"key": "Content-Type", "value": "application/scim+json"}
    rule = {
        "target": "query",
        "modifier": "filter",
        "operator": "regex",
        "value": "user0000000",
        "invert": False,
    }
    response = {
        "uuid": "response",
        "body": answer.decode(),
        "statusCode": 200,
        "headers": [header],
        "rules": [rule],
    }
    response |= {
        "latency": 0,
        "bodyType": "INLINE",
        "rulesOperator": "OR",
        "disableTemplating": False,
        "default": True,
    }
    route = {"uuid": "route", "type": "http", "method": "get", "endpoint": "Users", "responses": [response]}
    environment = {
        "uuid": "environment",
        "name": "bench",
        "port": port,
        "hostname": "127.0.0.1",
        "routes": [route],
    }
    environment |= {"lastMigration": 33, "rootChildren": [{"type": "route", "uuid": "route"}]}
    (work / "mockoon.json").write_text(json.dumps(environment), "utf-8")
    return [command, "start", "--data", str(work / "mockoon.json"), "--repair", "--disable-log-to-file"]


OTHERS = (
    Peer("scim2-server", _scim2_server, _scim2_user),
    Peer("WireMock", _wiremock, _wiremock_stub),
    Peer("Mockoon", _mockoon, lambda base, answer: find("ContosoLogin", "user0000000")),
)


def _installed(command: str) -> str | None:
    """On the path, in the benchmark's own environment, or where bench/peers.sh puts it."""
    folders = [Path(sys.executable).parent, PEERS / "node_modules" / ".bin", PEERS / "venv" / "bin"]
    return shutil.which(command) or shutil.which(command, path=os.pathsep.join(map(str, folders)))


def _plain_environment() -> dict[str, str]:
    """Without the MOCKHOST_ options of whoever runs the benchmark."""
    return {name: value for name, value in os.environ.items() if not name.startswith("MOCKHOST_")}


@contextlib.contextmanager
def _process(
    command: Sequence[str],
    work: Path,
    *,
    environment: Mapping[str, str] | None = None,
    pass_fds: Sequence[int] = (),
) -> Iterator[subprocess.Popen[bytes]]:
    """A process in a group of its own, its output in work/server.log; ended by SIGTERM, by force after 10 seconds."""
    with open(work / "server.log", "wb") as log:
        process = subprocess.Popen(
            list(command),
            cwd=work,
            env={**_plain_environment(), **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            pass_fds=pass_fds,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        # A wrapper that ends may leave what it has started, as WireMock's does with its Java.
        for number in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(10)


def _until(
    attempt: Callable[[], T | None], process: subprocess.Popen[bytes], work: Path, deadline: float
) -> T:
    """Ask every two milliseconds until there is something; CannotStart when the process ends or time is up."""
    pause = threading.Event()
    while (found := attempt()) is None:
        if process.poll() is not None or time.perf_counter() > deadline:
            name = Path(process.args[0]).name if isinstance(process.args, list) else "the server"
            state = "is not ready in time" if process.poll() is None else f"ended with {process.returncode}"
            log = (work / "server.log").read_text("utf-8", "replace")[-1500:]
            raise CannotStart(f"{name} {state}; its log ends:\n{log}")
        pause.wait(0.002)
    return found


def _read(path: Path) -> dict[str, Any] | None:
    """The ready file, once it is there and whole."""
    try:
        document: dict[str, Any] = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    return document


def _asked(url: str, headers: Mapping[str, str]) -> bool | None:
    """True once the URL answers 200; None before."""
    try:
        return _get(url, headers)[0] == 200 or None
    except (OSError, http.client.HTTPException):
        return None


def _connected(port: int) -> bool | None:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return None
    return True


def create_users(server: Server, count: int) -> None:
    """Create users of the size that Entra sends, one request each over one kept connection."""
    parts = urlsplit(server.base)
    headers = {**server.headers, "Content-Type": "application/scim+json"}
    with contextlib.closing(http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=30)) as kept:
        for n in range(count):
            name = f"created{n:07d}@contoso.example"
            user = {
                "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
                "userName": name,
                "externalId": name,
                "active": True,
                "displayName": f"Created {n}",
                "name": {"givenName": "Created", "familyName": f"Person{n}"},
                "emails": [{"value": name, "type": "work", "primary": True}],
            }
            kept.request("POST", parts.path + "/Users", body=json.dumps(user).encode(), headers=headers)
            answer = kept.getresponse()
            if (status := (answer.status, answer.read()))[0] != 201:
                raise CannotStart(f"{server.name}: a create answered {status}")


# What is measured is the server; whether its certificate is right is the tests' business.
_UNVERIFIED = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
_UNVERIFIED.check_hostname = False
_UNVERIFIED.verify_mode = ssl.CERT_NONE


def _get(url: str, headers: Mapping[str, str]) -> tuple[int, bytes]:
    return _request("GET", url, headers, None)


def _post(url: str, body: object, media_type: str) -> None:
    status, answer = _request("POST", url, {"Content-Type": media_type}, json.dumps(body).encode())
    if status not in (200, 201):
        raise CannotStart(f"POST {url} answered {status}: {answer[:200]!r}")


def _request(method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> tuple[int, bytes]:
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port
    if parts.scheme == "https":
        connection: http.client.HTTPConnection = http.client.HTTPSConnection(
            host, port, timeout=10, context=_UNVERIFIED
        )
    else:
        connection = http.client.HTTPConnection(host, port, timeout=10)
    with contextlib.closing(connection):
        connection.request(method, url.removeprefix(f"{parts.scheme}://{parts.netloc}"), body, dict(headers))
        answer = connection.getresponse()
        return answer.status, answer.read()


def _numeric(url: str) -> str:
    """The same URL by address, so that every server is reached over IPv4."""
    return url.replace("://localhost:", "://127.0.0.1:", 1)
