"""Two hosts on one PostgreSQL behind haproxy: each has its own cache, and a restart in turn loses no write."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.connectors.ecma.conftest import page_on, user
from tests.servers import Postgres, folder_of, free_port, plain_user, postgres, program, running

pytestmark = pytest.mark.slow
TOKEN = {"Authorization": "Bearer correct-horse-battery"}
PATH = "/ecma2host_SQL/scim/Users"
HAPROXY = """
defaults
  mode http
  retries 3
  option redispatch 1
  timeout connect 2s
  timeout client 30s
  timeout server 30s
listen hosts
  bind 127.0.0.1:{port}
  balance roundrobin
  server a 127.0.0.1:{a} check inter 200ms
  server b 127.0.0.1:{b} check inter 200ms
"""


class Serving:
    """A host as a process, which can be ended and started again on its port."""

    def __init__(self, folder: Path, name: str) -> None:
        self.port, self.control = free_port(), free_port()
        self._ready = folder / f"{name}.ready"
        self._command = [
            sys.executable,
            "-m",
            "mockhost",
            "serve",
            str(folder / "hr.json"),
            "--quiet",
            "--no-tls",
        ]
        self._command += [
            "--port",
            str(self.port),
            "--control-port",
            str(self.control),
            "--host",
            "127.0.0.1",
        ]
        self._command += ["--ready-file", str(self._ready)]

    def start(self) -> None:
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL)
        for _ in range(1200):
            if self._ready.exists():
                return
            assert self._process.poll() is None
            threading.Event().wait(0.05)
        pytest.fail("the host does not start")

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        self._process.send_signal(how)
        self._process.wait(60)
        self._ready.unlink(missing_ok=True)

    def find(self, login: str) -> int:
        """How many its cache has."""
        where = {"filter": f'ContosoLogin eq "{login}"'}
        url = f"http://127.0.0.1:{self.port}{PATH}"
        return int(requests.get(url, params=where, headers=TOKEN, timeout=60).json()["totalResults"])

    def import_now(self) -> None:
        url = f"http://127.0.0.1:{self.control}/v1/connectors/SQL/import"
        assert requests.post(url, json={}, timeout=60).ok


@pytest.fixture(scope="module")
def database() -> Iterator[Postgres]:
    program("haproxy", "/usr/sbin")
    with postgres() as made:
        made.run("""CREATE TABLE staff ("ContosoLogin" varchar(50) PRIMARY KEY, "FirstName" text NOT NULL)""")
        yield made


@pytest.fixture(scope="module")
def hosts(database: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Serving]]:
    folder = tmp_path_factory.mktemp("hosts")
    made = {
        "format": 1,
        "extends": "basics/healthy",
        "title": "One of two",
        "connectors": {"LDAP": None, "SQL": page_on(database.url)},
    }
    (folder / "hr.json").write_text(json.dumps(made))
    found = [Serving(folder, name) for name in ("a", "b")]
    with contextlib.ExitStack() as ending:
        for host in found:
            ending.callback(host.stop)
            host.start()
        yield found


@contextlib.contextmanager
def haproxy(hosts: list[Serving]) -> Iterator[str]:
    user, port = plain_user("haproxy"), free_port()
    with folder_of(user) as folder:
        config = folder / "haproxy.cfg"
        config.write_text(HAPROXY.format(port=port, a=hosts[0].port, b=hosts[1].port))
        config.chmod(0o644)
        command = [program("haproxy", "/usr/sbin"), "-db", "-f", str(config)]
        with running(command, port, cwd=folder, **user):
            yield f"http://127.0.0.1:{port}{PATH}"


def test_the_other_cache_is_older_until_its_import(database: Postgres, hosts: list[Serving]) -> None:
    """What one host exports, the database has at once, and the other host after its import; till then it collides."""
    one, other = hosts
    body: Any = user(ContosoLogin="bob", FirstName="Bob")
    assert (
        requests.post(f"http://127.0.0.1:{one.port}{PATH}", json=body, headers=TOKEN, timeout=60).status_code
        == 201
    )
    assert [one.find("bob"), other.find("bob")] == [1, 0]
    answer = requests.post(f"http://127.0.0.1:{other.port}{PATH}", json=body, headers=TOKEN, timeout=60)
    assert answer.status_code == 409
    assert "duplicate key value" in answer.json()["detail"]
    other.import_now()
    assert other.find("bob") == 1


@pytest.mark.parametrize("how", ["SIGTERM", "SIGKILL"], ids=["ended", "killed"])
def test_a_restart_in_turn_under_load_loses_no_acknowledged_write(
    database: Postgres, hosts: list[Serving], how: str
) -> None:
    """Clients try again what got no answer, as the provisioning service does; what is there already is a 409 then."""
    acknowledged: set[str] = set()
    again = [0]
    seen: dict[int, int] = {}
    enough = threading.Event()

    def write(name: str, url: str) -> None:
        with requests.Session() as session:
            session.headers.update(TOKEN)
            for n in range(1_000_000):
                body: Any = user(ContosoLogin=f"{how}{name}n{n}", FirstName="F")
                while True:
                    with contextlib.suppress(requests.RequestException):
                        status = session.post(url, json=body, timeout=30).status_code
                        seen[status] = seen.get(status, 0) + 1
                        if status in (201, 409):
                            acknowledged.add(f"{how}{name}n{n}")
                            break
                    again[0] += 1
                    threading.Event().wait(0.05)
                if enough.is_set():
                    return

    with haproxy(hosts) as url:
        clients = [threading.Thread(target=write, args=(f"c{n}", url)) for n in range(4)]
        for client in clients:
            client.start()
        try:
            for host in hosts * 2:
                host.stop(signal.Signals[how])
                host.start()
                threading.Event().wait(0.5)
        finally:
            enough.set()
            for client in clients:
                client.join()
    there = {row[0] for row in database.run('SELECT "ContosoLogin" FROM staff')}
    print(f"{how}: {len(acknowledged)} acknowledged, {again[0]} tried again, answers: {seen}")
    assert len(acknowledged) > 100
    assert not acknowledged - there
    assert set(seen) <= {201, 409, 502, 503}
