"""An exchange as a step of a scenario, and as a test, says again what was sent and what came."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import pytest
import requests
from ruamel.yaml import YAML

from mockhost import MockHost
from mockhost.expect.check import HostDriver
from mockhost.expect.steps import play
from mockhost.journal import retelling

URN = "urn:ietf:params:scim:schemas:extension:ECMA2Host:2.0:User"
PERSON = {"ContosoLogin": "ann", "FirstName": "Ann", "LastName": "Ö'N\"eil", "Email": "a@contoso.com"}
Send = Callable[[MockHost], None]


def create(host: MockHost) -> None:
    host.session("SQL").post(f"{host.url('SQL')}/Users", json={"schemas": [URN], URN: PERSON})


def find(host: MockHost) -> None:
    host.session("SQL").get(f"{host.url('SQL')}/Users", params={"filter": f'{URN}:ContosoLogin eq "x"'})


def unauthorized(host: MockHost) -> None:
    session = host.session("SQL")
    del session.headers["Authorization"]
    session.get(f"{host.url('SQL')}/Users/x")


def odd(host: MockHost) -> None:
    host.session("SQL").put(
        f"{host.url('SQL')}/Users/x?a=%22", data="no 'json' \\ here", headers={"X-Mine": "1"}
    )


SENDS = [create, find, unauthorized, odd]


@pytest.mark.parametrize("send", SENDS)
def test_a_step_does_the_same_again(send: Send, tmp_path: Path) -> None:
    """Played on a fresh host it gets the same status; and the same request is in the journal."""
    with MockHost("basics/healthy") as host:
        send(host)
        (first,) = host.journal.entries()
        steps = YAML(typ="safe").load(io.StringIO(retelling.step(first)))
        host.reset()
        results = play(steps, targets=host.clients(), driver=HostDriver(host), default_connector="SQL")
        assert [result.problems for result in results] == [()]
        (again,) = host.journal.entries()
        assert (again.method, again.target, again.status) == (first.method, first.target, first.status)


@pytest.mark.parametrize("send", SENDS)
def test_a_test_does_the_same_again(send: Send) -> None:
    """It runs as it is, and what it asserts holds."""
    with MockHost("basics/healthy") as host:
        send(host)
        (first,) = host.journal.entries()
        source = retelling.pytest(first, "")
        host.reset()
        names: dict[str, Callable[[MockHost], None]] = {}
        exec(compile(source, "retold", "exec"), names)
        next(each for name, each in names.items() if name.startswith("test_"))(host)
        (again,) = host.journal.entries()
        assert (again.method, again.target, again.status) == (first.method, first.target, first.status)


def test_a_test_names_a_scenario_of_a_shelf() -> None:
    """A document or a file has no name that a marker could find."""
    with MockHost("basics/healthy") as host:
        find(host)
        (first,) = host.journal.entries()
    assert '@pytest.mark.mockhost("basics/healthy")' in retelling.pytest(first, "basics/healthy")
    assert "mark" not in retelling.pytest(first, "(document)")
    assert "mark" not in retelling.pytest(first, "./mine\n.yaml")
    compile(retelling.pytest(first, "basics/healthy"), "retold", "exec")


def test_no_answer_is_retold_as_one() -> None:
    """A step asks for what is missing, a test expects an error."""
    with MockHost("basics/healthy") as host:
        host.fail_next("get_user", fault="connection_reset")
        with pytest.raises(requests.ConnectionError):
            host.session("SQL").get(f"{host.url('SQL')}/Users/x")
        (first,) = host.journal.entries()
        assert "gets" in retelling.step(first)
        source = retelling.pytest(first, "")
        assert "requests.RequestException" in source
        host.fail_next("get_user", fault="connection_reset")
        names: dict[str, Callable[[MockHost], None]] = {}
        exec(compile(source, "retold", "exec"), names)
        names["test_get_user_fails"](host)
