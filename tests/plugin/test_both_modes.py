"""A host of this process and one behind --mockhost-url: every documented method does the same on both."""

from __future__ import annotations

import json
import re
import shutil
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote

import pytest
import requests

from mockhost import MockHost
from mockhost.errors import UsageError, VerificationError
from mockhost.pytest_plugin import findings, remote
from mockhost.pytest_plugin.tenant import TenantSession
from mockhost.running import RunningHost
from mockhost.scenario import loader
from mockhost.scenario.loader import Terms

EXAMPLES = Path(__file__).parent.parent / "examples"
URN = "urn:ietf:params:scim:schemas:extension:ECMA2Host:2.0:User"
Both = dict[str, RunningHost]


@pytest.fixture(scope="module")
def there() -> Iterator[MockHost]:
    """A host as `mockhost serve` has it, for the other side of the control plane."""
    with MockHost(clock="wall", control_token="of-the-control-plane") as host:
        yield host


@pytest.fixture(scope="module")
def hosts(there: MockHost) -> Iterator[Both]:
    """One of each mode."""
    far = remote.RemoteHost(there.control_url, there.control_token)
    with MockHost(control_token="of-the-control-plane") as near:
        yield {"near": near, "far": cast("RunningHost", far)}
    far.let_go()


@pytest.fixture
def both(hosts: Both) -> Both:
    """Both, as good as new."""
    scenario = loader.load("basics/healthy", overrides={"clock": {"mode": "frozen"}, "states": STATES})
    cast("remote.RemoteHost", hosts["far"]).begin(scenario, Terms(), findings.Terms())
    hosts["near"].use(scenario)
    return hosts


STATES = {"initial": "Fine", "Fine": {}, "Odd": {}}


def said(host: RunningHost, value: object) -> str:
    """What a method returned, without what differs between two hosts: ports, files, certificates, process."""
    text = json.dumps(value, default=str, sort_keys=True)
    text = text.replace(host.control_url, "CONTROL").replace(f":{host.port}/", ":PORT/")
    text = re.sub(r'"(?:[^"]*\.pem|/[^"]*)"', '"FILE"', text)
    return re.sub(r'"(pid|epoch|not_before|not_after|thumbprint)": [^,}]*', r'"\1": 0', text)


def asked(host: RunningHost, path: str = "/Users/ljacobson") -> int:
    """Ask the host, as its client; the status."""
    with host.session("SQL") as session:
        return session.get(host.url("SQL") + path, timeout=120).status_code


def one(host: RunningHost) -> Any:
    asked(host)
    return host.journal.entries()[-1]


def raised(call: Callable[[], object]) -> str:
    with pytest.raises((UsageError, VerificationError)) as error:
        call()
    return str(error.value)


CHANGE = {"SQL": {"insert": [{"ContosoLogin": "carol", "FirstName": "Carol", "LastName": "C"}]}}
MEMBERS: dict[str, Callable[[Any], Any]] = {
    "call": lambda h: h.call("get_service"),
    "control_token": lambda h: h.control_token,
    "control_url": lambda h: h.control_url,
    "port": lambda h: f":{h.port}/",
    "start": lambda h: h.start() is h,
    "stop": lambda h: callable(h.stop),  # see test_remote: nobody could go on with a stopped host
    "load": lambda h: h.load("basics/empty", seed=7).seed,
    "use": lambda h: (h.use("documented/secret_token_mismatch"), h.scenario.cause, h.token("SQL")),
    "scenario": lambda h: h.scenario.name,
    "reset": lambda h: (h.change(CHANGE), h.reset(), len(h.objects("SQL"))),
    "reset_connector": lambda h: (h.change(CHANGE), h.reset_connector("SQL"), len(h.objects("SQL"))),
    "connectors": lambda h: h.connectors(),
    "clients": lambda h: h.clients(),
    "told": lambda h: (h.told(), h.told("LDAP"), raised(lambda: h.told("sql"))),
    "truth": lambda h: (h.truth(), h.truth("LDAP"), raised(lambda: h.truth("sql"))),
    "url": lambda h: (h.url(), h.url("LDAP")),
    "token": lambda h: h.token("LDAP"),
    "headers": lambda h: h.headers(),
    "session": lambda h: asked(h),
    "ca_file": lambda h: Path(h.ca_file).read_text().count("BEGIN CERTIFICATE"),
    "ssl_context": lambda h: isinstance(h.ssl_context(), ssl.SSLContext),
    "client_certificate": lambda h: [pem.splitlines()[0] for pem in h.client_certificate()],
    "env": lambda h: h.env(),
    "ready": lambda h: h.ready(),
    "status": lambda h: h.status(),
    "objects": lambda h: (h.objects("SQL"), h.objects("SQL", ContosoLogin="awhite")),
    "cache": lambda h: h.cache("SQL"),
    "change": lambda h: (
        h.change(CHANGE), h.objects(ContosoLogin="carol"), raised(lambda: h.change({"sql": CHANGE["SQL"]})),
    ),
    "import_now": lambda h: (h.change(CHANGE), h.import_now("SQL"), len(h.cache("SQL"))),
    "windows": lambda h: (h.windows("hostname"), h.windows("Get-Nonsense").exit, h.windows("Get-Service").data),
    "portal": lambda h: h.portal("test_connection")["code"],
    "service": lambda h: (h.service("stop"), h.ready()["listening"], h.service("start"), asked(h)),
    "set": lambda h: (h.set("host.debug", True), h.set("client.SQL.secret_token", "x"), h.token("SQL")),
    "clock": lambda h: (h.clock.now(), h.clock.advance("90s"), h.clock.advance(minutes=1), h.clock.iso()),
    "fail_next": lambda h: (h.fail_next("get_user", times=2, fault="html"), asked(h), asked(h), asked(h)),
    "add_rule": lambda h: (
        h.add_rule({"when": {"operation": "get_user"}, "reply": {"status": 418}}), asked(h),
        raised(lambda: h.add_rule({"when": {"opration": "get_user"}})),
    ),
    "rules": lambda h: (h.fail_next("get_user", name="mine"), asked(h), h.rules),
    "remove_rule": lambda h: (h.remove_rule(h.fail_next("me")), h.rules, raised(lambda: h.remove_rule("me"))),
    "clear_rules": lambda h: (h.fail_next("me"), h.clear_rules(), h.rules),
    "state": lambda h: h.state(),
    "set_state": lambda h: (h.set_state("Odd"), h.state()),
    "release": lambda h: h.release(),
    "journal": lambda h: [(each.number, each.operation, each.status, each.delay) for each in (one(h), *h.journal)],
    "near_miss": lambda h: (h.fail_next("get_user", id="eve", name="eve's"), h.near_miss(one(h)).text),
    "verify": lambda h: (asked(h), h.verify(operation="get_user", count=1)),
    "wait_for": lambda h: (asked(h), len(h.wait_for("get_user"))),
    "check": lambda h: h.check().text,
}  # fmt: skip


def test_the_protocol_is_walked_whole() -> None:
    """A member that is added without a line above fails here."""
    members = {name for name in vars(RunningHost) if not name.startswith("_")}
    assert members | set(RunningHost.__annotations__) == set(MEMBERS)


@pytest.mark.parametrize("member", MEMBERS)
def test_every_member_does_the_same_in_both_modes(both: Both, member: str) -> None:
    """What it returns, and what comes of it."""
    near, far = (said(host, MEMBERS[member](host)) for host in both.values())
    assert far == near


def test_the_journal_has_the_same_in_both_modes(both: Both) -> None:
    """Delays, faults and bodies of exchanges; connections; and what is asked of it, credentials included."""
    found = []
    for host in both.values():
        host.add_rule({"name": "slow", "when": {"operation": "get_user"}, "delay": "20ms", "reply": "normal"})
        host.fail_next("create_user", fault="html", name="odd")
        asked(host, f"/Users/{quote('ä')}")
        body: Any = {"schemas": [URN], URN: {"ContosoLogin": "bób"}}
        with host.session("SQL") as session:
            session.post(host.url("SQL") + "/Users", json=body, timeout=120)
        words = ("delay", "faults", "rule", "operation", "status", "body", "answer_body", "native", "who")
        host.wait_for("create_user")
        journal = host.journal
        credential = {"Authorization": f"Bearer {host.token('SQL')}"}
        numbers = [each.number for each in journal.entries(header=credential)]
        exchanges = [[str(getattr(each, word)) for word in words] for each in journal.entries()]
        found.append(
            (exchanges, numbers, len(journal.entries(fault="html", since=1)), journal.last, len(journal))
        )
    assert found[0] == found[1]
    assert found[0][0][0][0] == "0.02"


def test_waiting_for_a_client_in_the_background(both: Both) -> None:
    """The exchanges come back, as soon as there are enough; other ones do not count."""
    for host in both.values():
        clients = [threading.Thread(target=asked, args=(host, f"/Users/{name}")) for name in ("a", "b", "c")]
        asked(host, "/Schemas")
        for client in clients:
            client.start()
        found = host.wait_for("get_user", count=3, timeout=60, status=404)
        assert sorted(each.who for each in found) == ["a", "b", "c"]
        for client in clients:
            client.join()


def test_waiting_ends_with_its_time_out(both: Both) -> None:
    """With what was expected and what came, as verify tells it; none at all is looked for once."""
    texts = []
    for host in both.values():
        asked(host, "/Schemas")
        with pytest.raises(VerificationError) as error:
            host.wait_for("get_user", count=2, timeout=0)
        texts.append(str(error.value).splitlines()[0])
        with pytest.raises(VerificationError, match=r"timed out after 0\.01 s"):
            host.wait_for("get_user", timeout="10ms")
    wanted = (
        "timed out after 0 s: expected at least 2 exchanges with operation 'get_user'; found none among 1"
    )
    assert texts == [wanted, wanted]


def test_a_session_of_before_follows_the_certificate(both: Both) -> None:
    """Whatever changes it: the clock, a setting, a reset. A session has the name of the file and no more."""
    for host in both.values():
        host.set("host.tls", {"issuer": "self"})
        session = TenantSession.of(cast("MockHost", host), "SQL")
        assert session.get("/Users/ljacobson").status_code == 200
        host.set("host.tls", {"issuer": "self", "valid": ["-1d", "10d"]})
        assert session.get("/Users/ljacobson").status_code == 200
        host.clock.advance(days=11)
        with pytest.raises(requests.exceptions.SSLError, match="expired"):
            session.get("/Users/ljacobson")
        host.reset()
        assert session.get("/Users/ljacobson").status_code == 200
        session.close()


def test_threads_may_ask_first(there: MockHost) -> None:
    """Before anything else has asked the host: there is one copy of what clients must trust, and it is whole."""
    far = remote.RemoteHost(there.control_url, there.control_token)
    far.begin(loader.load("basics/healthy"), Terms(), findings.Terms())
    begin, found = threading.Barrier(8), []

    def ask() -> None:
        begin.wait(30)
        found.append((far.ca_file, far.ssl_context().cert_store_stats()["x509"], asked(far)))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(found) == 8
    assert len({str(each) for each in found}) == 1
    far.let_go()
    assert not Path(str(found[0][0])).exists()


EXAMPLE_SUITES = ("test_recipes", "test_overrides", "test_shared_host", "test_with_unittest", "asyncio_suite")


@pytest.mark.slow
@pytest.mark.parametrize("example", EXAMPLE_SUITES)
def test_the_recipes_run_against_a_remote_host(
    pytester: pytest.Pytester, there: MockHost, example: str
) -> None:
    """As they stand on the pages; in process they are tests of their own."""
    if example == "asyncio_suite":
        pytest.importorskip("pytest_asyncio")
    shutil.copy(EXAMPLES / f"{example}.py", pytester.path / f"test_{example}.py")
    ini = (
        "addopts = -p no:randomly -p no:cacheprovider -W error\nasyncio_default_fixture_loop_scope = function"
    )
    pytester.makeini(f"[pytest]\n{ini}\n")
    url, token = f"--mockhost-url={there.control_url}", f"--mockhost-token={there.control_token}"
    outcomes = pytester.runpytest_inprocess(url, token).parseoutcomes()
    assert outcomes["passed"]
    assert outcomes.keys() <= {"passed", "xfailed", "skipped", "subtests passed"}
    assert outcomes.get("skipped", 0) == (example == "test_recipes")
