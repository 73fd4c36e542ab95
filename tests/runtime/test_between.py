"""What comes between the moment at which an operation is asked for and the one at which it has the lock."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import requests

from mockhost import MockHost
from mockhost.errors import UsageError
from mockhost.runtime import names

OTHER = "basics/scim"
"""A scenario without a connector SQL."""


@pytest.fixture
def host() -> Iterator[MockHost]:
    with MockHost("basics/healthy", host={"tls": "plain_http"}) as made:
        yield made


def test_a_reset_begins_the_scenario_that_there_is_once_it_has_the_lock(
    host: MockHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    runtime, asked = host.runtime, threading.Event()
    waited = runtime.waited

    def waiting() -> Any:
        asked.set()
        return waited()

    with runtime.lock:
        monkeypatch.setattr(runtime, "waited", waiting)
        thread = threading.Thread(target=runtime.reset)
        thread.start()
        assert asked.wait(60)
        host.use(OTHER)
    thread.join(60)
    assert (runtime.scenario.name, runtime.epoch.number) == (OTHER, 2)


def test_a_connector_that_is_gone_after_an_import_was_asked_for(
    host: MockHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(host.runtime, "import_now", lambda *_: host.use(OTHER))
    with pytest.raises(UsageError, match="no connector 'SQL'"):
        host.import_now("SQL")


def test_a_rule_is_checked_against_the_scenario_that_gets_it(
    host: MockHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    check = names.check

    def checked(spec: Any, known: names.Known) -> None:
        check(spec, known)
        monkeypatch.setattr(names, "check", check)
        host.use(OTHER)

    monkeypatch.setattr(names, "check", checked)
    with pytest.raises(UsageError, match="no connector 'SQL'"):
        host.add_rule({"when": {"connector": "SQL"}, "reply": {"status": 503}})
    assert host.runtime.scenario.name == OTHER
    assert not any(rule.live for rule in host.runtime.state.rules)


def test_the_reset_is_the_first_event_of_its_epoch(host: MockHost) -> None:
    """Before whatever the scenario has happen at its start, and before another thread can have the lock."""
    runtime, told = host.runtime, list[tuple[object, bool, int]]()

    def has_lock() -> bool:
        if runtime.lock.acquire(blocking=False):
            runtime.lock.release()
            return True
        return False

    def hear(kind: str, data: object) -> None:
        free = list[bool]()
        thread = threading.Thread(target=lambda: free.append(has_lock()))
        thread.start()
        thread.join()
        assert isinstance(data, Mapping)
        told.append((data["what"], free[0], len([*host.journal])))

    probe = requests.get(host.url("SQL") + "/Schemas", timeout=60)
    assert probe.status_code == 401
    runtime.events.call(hear)
    host.use("basics/healthy", states={"initial": "A", "A": {"service": "stop"}})
    assert [what for what, *_ in told] == ["reset", "service"]
    assert told[0][1:] == (False, 0)
