"""A fork of a running mock: in the same state, and nothing that happens to it happens to the other."""

from __future__ import annotations

import gc
import itertools
import threading
from collections import deque
from collections.abc import Callable, Iterator
from functools import partial
from types import FunctionType
from typing import Any

import pytest

from mockhost import MockHost
from mockhost.operations import find
from mockhost.runtime import Runtime
from mockhost.runtime.copying import FROZEN, Copier
from mockhost.runtime.operations import Operated, perform
from mockhost.scenario.sources import OPERATOR

ECMA = "urn:ietf:params:scim:schemas:extension:ECMA2Host:2.0:User"
BUSY: dict[str, Any] = {
    "extends": "basics/healthy",
    "clock": {"mode": "frozen"},
    "states": {
        "initial": "Fine",
        "Fine": {"to": "Odd", "after": "10m"},
        "Odd": {"set": {"host.debug": True}},
    },
    "timeline": [{"at": "5m", "change": {"SQL": {"delete": [{"ContosoLogin": "awhite"}]}}}],
    "rules": [
        {"name": "twice", "when": {"operation": "get_user"}, "reply": {"status": 503}, "times": 3},
        {"name": "cold", "when": {"operation": "schemas"}, "fault": {"cache_frozen": {"for": "7m"}}},
        {"name": "dll", "when": {"operation": "me"}, "fault": {"dll_not_loadable": {"for": "6m"}}},
        {"name": "debug", "when": {"operation": "bulk"}, "fault": {"debug_switched": {"for": "6m"}}},
    ],
}
SCIM: dict[str, Any] = {
    "extends": "basics/scim",
    "clock": {"mode": "frozen"},
    "on_demand": {"template": "SCIM", "max": 3},
    "states": BUSY["states"],
    "rules": [{"name": "second", "when": {"operation": "create_user", "nth": 2}, "reply": {"status": 503}}],
}


@pytest.fixture
def busy() -> Iterator[MockHost]:
    """A host to which a lot has happened: every kind of state that there is, and jobs that are due."""
    with MockHost(BUSY, tls=False) as host, host.session("SQL") as session:
        url = host.url("SQL")
        host.change({"SQL": {"insert": [{"ContosoLogin": "carol", "FirstName": "C", "LastName": "C"}]}})
        body: Any = {"schemas": [ECMA], ECMA: {"ContosoLogin": "bob", "FirstName": "B", "LastName": "K"}}
        assert session.post(f"{url}/Users", json=body).status_code == 201
        assert session.get(f"{url}/Users/bob").status_code == 503
        for path in ("/Schemas", "/Me"):
            session.get(url + path)
        host.fail_next("create_user", times=4, name="live")
        host.set("connectors.LDAP.secret_token", "another")
        host.clock.advance("1m")
        yield host


@pytest.fixture
def tenants() -> Iterator[MockHost]:
    """A host with a connector that sprang up on demand."""
    with MockHost(SCIM, tls=False) as host, host.session("SCIM") as session:
        url = host.url("SCIM").replace("_SCIM/", "_alpha/")
        assert session.post(f"{url}/Users", json={"userName": "ann"}).status_code == 201
        host.clock.advance("1m")
        yield host


def call(runtime: Runtime, operation: str, /, **arguments: Any) -> Any:
    """Do an operation on a mock without a control plane."""
    return perform(Operated(runtime, source=OPERATOR), find(operation), arguments)


def observed(runtime: Runtime) -> dict[str, Any]:
    """Whatever the control plane shows of a mock."""
    host, connectors = call(runtime, "get_host"), call(runtime, "list_connectors")["connectors"]
    host.pop("tls")
    return {
        **host,
        "connectors": connectors,
        "epoch": runtime.epoch.number,
        "states": call(runtime, "get_states"),
        "clock": call(runtime, "get_clock"),
        "rules": call(runtime, "list_rules")["rules"],
        "objects": {name: call(runtime, "get_objects", name=name) for name in connectors},
        "journal": [(each.number, each.operation, each.status) for each in runtime.journal.entries()],
        "scenario": runtime.scenario.document,
    }


@pytest.mark.parametrize("which", ["busy", "tenants"])
def test_a_fork_is_in_the_same_state(which: str, request: pytest.FixtureRequest) -> None:
    """As far as anybody can look; and goes on in the same way, the jobs that are due included."""
    runtime = request.getfixturevalue(which).runtime
    twin = runtime.fork()
    assert observed(twin) == observed(runtime)
    for seconds in (240, 240, 240, 8_000):
        twin.advance(seconds)
        assert observed(twin)["clock"] != observed(runtime)["clock"]
        runtime.advance(seconds)
        assert observed(twin) == observed(runtime)
    twin.close()


@pytest.mark.parametrize("which", ["busy", "tenants"])
def test_what_happens_to_a_fork_stays_in_it(which: str, request: pytest.FixtureRequest) -> None:
    """Whatever is done to it, its origin is as it was."""
    runtime: Runtime = request.getfixturevalue(which).runtime
    before = observed(runtime)
    twin = runtime.fork()
    twin.service("restart")
    twin.advance(90_000)
    twin.set("host.tls", "expired")
    call(twin, "set_state", state="Odd")
    call(twin, "clear_rules")
    call(twin, "add_rule", rule={"when": {"operation": "find_users"}, "fault": "html"})
    for name in call(twin, "list_connectors")["connectors"]:
        twin.change({name: {"delete": [{}]}})
        call(twin, "reset_connector", name=name)
    twin.journal.clear()
    twin.reset()
    twin.close()
    assert observed(runtime) == before


@pytest.mark.parametrize("which", ["busy", "tenants"])
def test_a_fork_and_its_origin_share_nothing_that_can_change(
    which: str, request: pytest.FixtureRequest
) -> None:
    """Their graphs of objects are walked: what both have is frozen, or made from configuration."""
    runtime: Runtime = request.getfixturevalue(which).runtime
    twin = runtime.fork()
    ours, theirs = walked(runtime), walked(twin)
    both = [ours[each] for each in ours.keys() & theirs.keys()]
    mutable = [
        each for each in both if isinstance(each, (list, set, deque, itertools.count)) or of_ours(each)
    ]
    assert [f"{type(each).__module__}.{type(each).__name__}" for each in mutable] == []
    twin.close()


STATEFUL = (
    *(f"mockhost.connectors.ecma.{name}" for name in ("host", "space", "running", "connector")),
    *(f"mockhost.connectors.provider.{name}" for name in ("store", "provider", "resources", "connector")),
    *(
        "mockhost.connectors.systems",
        "mockhost.connectors.tables",
        "mockhost.rules.states",
        "mockhost.runtime",
        "mockhost.clock",
        "mockhost.journal.record",
    ),
)


def of_ours(value: object) -> bool:
    """Whether it is an object that can change, by the module that its class is from."""
    return type(value).__module__.startswith(STATEFUL) and not isinstance(value, (*FROZEN, tuple))


def walked(root: object) -> dict[int, object]:
    """All objects that can be reached, but for what is frozen."""
    found: dict[int, object] = {}
    waiting = [root]
    while waiting:
        value = waiting.pop()
        if id(value) in found or isinstance(value, (*FROZEN, type, str, bytes, int, float, FunctionType)):
            continue
        module = type(value).__module__
        if module.split(".")[0] not in ("builtins", "mockhost", "collections", "functools", "itertools"):
            continue
        if module.startswith(("mockhost.server", "mockhost.faults", "mockhost.tls", "mockhost.scenario")):
            continue
        if type(value).__name__ in (
            "module",
            "Blueprint",
            "Discovery",
            "People",
            "ResourceType",
            "ObjectType",
        ):
            continue
        found[id(value)] = value
        waiting.extend(gc.get_referents(value))
    return found


def test_a_function_with_state_of_its_own_is_refused() -> None:
    """Its copy would act on the original: what is due is a bound method, or a partial of plain values."""
    rows: list[int] = []
    with pytest.raises(TypeError, match="holds on to a list"):
        Copier({})(lambda: rows.append(1))
    copied: Callable[[], None] = Copier({})(partial(rows.append, 1))
    assert callable(copied)


def test_a_fork_of_a_crowd_costs_what_was_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not what there is: the base is shared, and never walked."""
    crowd = {"SQL": {"system": {"people": 100_000}}}
    with MockHost("basics/healthy", control=False, tls=False, connectors=crowd) as host:
        count = 0
        of = Copier.remember

        def counted(self: Copier, value: object, copied: Any) -> Any:
            nonlocal count
            count += 1
            return of(self, value, copied)

        monkeypatch.setattr(Copier, "remember", counted)
        host.runtime.fork().close()
        assert count < 2_000


def test_a_fork_is_made_beside_requests() -> None:
    """Under the lock, so that it is one state and not two; connections are noted without it."""
    with MockHost("basics/healthy", control=False, tls=False) as host:
        done = threading.Event()

        def write() -> None:
            number = 0
            while not done.is_set():
                number += 1
                host.change({"SQL": {"insert": [{"ContosoLogin": f"user{number}"}]}})
                for _ in range(50):
                    host.runtime.opened(number, "127.0.0.1")

        thread = threading.Thread(target=write)
        thread.start()
        try:
            for _ in range(20):
                twin = host.runtime.fork()
                objects = call(twin, "get_objects", name="SQL")["total"]
                assert objects == call(twin, "list_connectors")["connectors"]["SQL"]["objects"]
                twin.close()
        finally:
            done.set()
            thread.join(30)
