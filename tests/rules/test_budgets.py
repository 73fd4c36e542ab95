"""What a client's text may cost: it holds up nobody else, it is bounded, and the process can always be ended."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import threading
import urllib.parse
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from mockhost import MockHost, patterns
from mockhost.errors import UsageError
from mockhost.runtime import Runtime
from tests.cli.programs import DEADLINE, Program
from tests.rules import conftest

ENDLESS, TEXT = "^(a|aa)+$", "a" * 80 + "b"
SLOW = {"name": "slow", "when": {"header": {"X-Text": {"matches": ENDLESS}}}, "reply": {"status": 418}}
NEXT = {"name": "next", "when": {"header": {"X-Text": {"starts_with": "a"}}}, "reply": {"status": 503}}
CROWD = {
    "SQL": {"behaviours": {"filter_grammar": "rfc"}, "system": {"objects": [], "people": {"count": 3_000}}}
}


CLIENTS: list[conftest.Client] = []


def client_of(host: MockHost) -> conftest.Client:
    """A client whose connection is closed at the end of the test."""
    CLIENTS.append(conftest.Client(host))
    return CLIENTS[-1]


@pytest.fixture(autouse=True)
def closing() -> Iterator[None]:
    """Close the connections of a test's clients."""
    yield
    while CLIENTS:
        CLIENTS.pop().close()


def owned(runtime: Runtime) -> bool:
    """Whether this thread holds the runtime's lock."""
    return runtime.lock._is_owned()  # type: ignore[attr-defined]


@pytest.fixture
def host() -> Iterator[MockHost]:
    with MockHost(tls=False, rules=[SLOW, NEXT]) as host:
        yield host


def filtered(text: str) -> str:
    return "/Users?filter=" + urllib.parse.quote(text)


# -- patterns ------------------------------------------------------------------------------------------------


def test_a_rule_whose_pattern_takes_too_long_does_not_apply(host: MockHost) -> None:
    """The next rule does; an event and the near miss say what happened."""
    told: list[object] = []
    host.runtime.events.call(lambda kind, data: told.append(data) if kind == "state" else None)
    assert client_of(host).find(X_Text=TEXT).status == 503
    exchange = host.journal.entries()[-1]
    assert exchange.rule == "next"
    (event,) = [data for data in told if isinstance(data, dict) and data["what"] == "pattern"]
    assert event["rule"] == "slow"
    assert "header X-Text: the pattern '^(a|aa)+$' took more than 100 ms" in event["problem"]
    near = host.near_miss(exchange)
    assert near is not None
    assert near.closest is not None
    assert (near.closest.rule, near.closest.condition, near.closest.held) == ("slow", "header X-Text", 0)
    assert "took more than 100 ms" in near.closest.why


def test_a_not_around_such_a_pattern_is_no_match() -> None:
    rule = {**SLOW, "when": {"header": {"X-Text": {"not": {"matches": ENDLESS}}}}}
    with MockHost(tls=False, control=False, rules=[rule]) as host:
        assert client_of(host).find(X_Text="b").status == 418
        assert client_of(host).find(X_Text=TEXT).status == 200


@pytest.mark.parametrize(
    "when",
    [
        {"header": {"X-Text": {"matches": "^a+$"}}},
        {"path": {"matches": "Users"}},
        {"filter": {"matches": "ljacobson"}},
        {"attributes": {"ContosoLogin": {"any_of": [{"matches": "^b"}, {"matches": "^l"}]}}},
        {"in_state": {"not": {"matches": "^b"}}, "header": {"X-Text": {"matches": "a"}}},
    ],
)
def test_patterns_are_searched_for_outside_the_lock(
    when: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A rule is decided under the lock with what was found before."""
    rule = {"name": "teapot", "when": when, "reply": {"status": 418}}
    with MockHost(tls=False, control=False, rules=[rule]) as host:
        search, held = patterns.search, []

        def spy(pattern: str, text: str) -> bool:
            held.append(owned(host.runtime))
            return search(pattern, text)

        monkeypatch.setattr(patterns, "search", spy)
        assert client_of(host).find(X_Text="aaa").status == 418
    assert held
    assert not any(held)


def test_a_rule_that_comes_during_a_search_is_asked_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """The request is looked at anew: what was searched for before counts only for the rules of then."""
    rule = {"name": "first", "when": {"header": {"X-Text": {"matches": "^b"}}}, "reply": {"status": 418}}
    later = {"name": "later", "when": {"header": {"X-Text": {"matches": "^a"}}}, "reply": {"status": 503}}
    with MockHost(tls=False, control=False, rules=[rule]) as host:
        search = patterns.search
        added: list[str] = []

        def spy(pattern: str, text: str) -> bool:
            if not added:
                added.append(host.add_rule(later))
            return search(pattern, text)

        monkeypatch.setattr(patterns, "search", spy)
        assert client_of(host).find(X_Text="aaa").status == 503


def test_an_assertion_with_such_a_pattern_is_refused_by_name(host: MockHost) -> None:
    """By `verify`, by a query of the journal and over the control plane; no answer is a guess."""
    client_of(host).find(X_Text=TEXT)
    spec: dict[str, Any] = {"header": {"X-Text": {"matches": ENDLESS}}}
    for asked in (
        spec,
        {"all": [spec]},
        {"order": [spec]},
        {"header": {"X-Text": {"not": {"matches": ENDLESS}}}},
    ):
        with pytest.raises(UsageError, match=r"the pattern '\^\(a\|aa\)\+\$' took"):
            host.call("verify", spec=asked)
    with pytest.raises(UsageError, match="the pattern"):
        host.journal.entries(**spec)
    answer = requests.post(f"{host.control_url}/v1/verify", json=spec, timeout=DEADLINE)
    assert answer.status_code == 400
    assert "the pattern '^(a|aa)+$' took more than 100 ms" in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    "spec",
    [
        {"all": [{"operation": "find_users", "body": {"/a": 1}}] * 30},
        {"id": list(map(str, range(60)))},
        {"order": [{"id": "a"}] * 60},
    ],
)
def test_an_assertion_that_would_take_very_long_is_refused(
    host: MockHost, spec: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Values times exchanges; the message says how many there are."""
    monkeypatch.setattr("mockhost.journal.verification.MOST_COMPARISONS", 59)
    host.call("verify", spec=spec)
    client_of(host).find()
    with pytest.raises(UsageError, match="the assertion names 60 values, too many to look for in 1 exchange"):
        host.call("verify", spec=spec)


@pytest.mark.parametrize("pattern", ["(", "(?:" * 50 + "a" + ")+" * 50])
@pytest.mark.parametrize("word", ["header", "attributes", "body"])
def test_what_is_no_pattern_is_refused_everywhere(host: MockHost, word: str, pattern: str) -> None:
    """As a rule and in an assertion, before anything is looked at."""
    name = "/a" if word == "body" else "A"
    condition = {word: {name: {"any_of": [{"not": {"matches": pattern}}]}}}
    with pytest.raises(UsageError, match="is not a valid regular expression"):
        host.add_rule({"when": condition, "reply": {"status": 418}})
    with pytest.raises(UsageError, match="is not a valid regular expression"):
        host.call("verify", spec=condition)


# -- finds ---------------------------------------------------------------------------------------------------


class Pauses:
    """What happens in the pauses of a search over many objects."""

    def __init__(self, host: MockHost, monkeypatch: pytest.MonkeyPatch) -> None:
        self.held: list[bool] = []
        self.first: Callable[[], object] = lambda: None
        pause = Runtime._pause

        def spy(runtime: Runtime, admission: Any) -> None:
            self.held.append(owned(runtime))
            if len(self.held) == 1:
                self.first()
            pause(runtime, admission)

        monkeypatch.setattr(Runtime, "_pause", spy)


def scim_host() -> MockHost:
    return MockHost(
        "basics/scim_people", tls=False, connectors={"SCIM": {"system": {"people": {"count": 3_000}}}}
    )


@pytest.mark.parametrize(
    ("path", "total"),
    [
        (filtered('FirstName co "a" or LastName co "a" or ContosoLogin sw "user000"'), 3_000),
        (filtered('FirstName co "zzz"'), 0),
        (filtered('active eq "00000000-0000-0000-0000-000000000000"'), 0),
    ],
)
def test_a_wide_find_is_made_outside_the_lock(path: str, total: int, monkeypatch: pytest.MonkeyPatch) -> None:
    with MockHost(tls=False, connectors=CROWD) as host:
        pauses = Pauses(host, monkeypatch)
        answer = client_of(host).send("GET", path)
        assert (answer.status, answer.json()["totalResults"]) == (200, total)
        assert pauses.held or total == 0
        assert not any(pauses.held)


@pytest.mark.parametrize(
    "path",
    [
        filtered('displayName co "a" or userName sw "user"'),
        filtered('title eq "00000000-0000-0000-0000-000000000000"'),
        filtered('meta.resourceType eq "User" and not (userName sw "z")'),
        "/Users?sortBy=userName&sortOrder=descending&count=2",
        "?filter=" + urllib.parse.quote('userName sw "user"'),
    ],
)
def test_so_is_one_of_a_scim_connector(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """In slices: others have the lock between them."""
    with scim_host() as host:
        pauses = Pauses(host, monkeypatch)
        assert client_of(host).send("GET", path, connector="SCIM").status == 200
        assert len(pauses.held) > 5
        assert not any(pauses.held)


@pytest.mark.parametrize("family", ["ecma", "scim"])
def test_others_are_answered_in_its_pauses(family: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """They read, create and delete; the search sees each object once, or not at all."""
    with MockHost(tls=False, connectors=CROWD) if family == "ecma" else scim_host() as host:
        name = "SQL" if family == "ecma" else "SCIM"
        core = {"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": "user-new"}
        other, pauses = client_of(host), Pauses(host, monkeypatch)

        def meanwhile() -> None:
            if family == "ecma":
                assert other.create("user-new").status == 201
                assert other.send("DELETE", "/Users/user0002999").status == 204
            else:
                made = other.send("POST", "/Users", core, connector=name)
                assert made.status == 201
                last = other.send("GET", "/Users?startIndex=3000&count=1", connector=name).json()
                ident = last["Resources"][0]["id"]
                assert other.send("DELETE", f"/Users/{ident}", connector=name).status == 204

        def from_another_thread() -> None:
            thread = threading.Thread(target=meanwhile)
            thread.start()
            thread.join()

        pauses.first = from_another_thread
        login = "ContosoLogin" if family == "ecma" else "userName"
        wide = filtered(f'{login} sw "user" and not ({login} ew "x")')
        total = client_of(host).send("GET", wide, connector=name).json()["totalResults"]
        assert total in (2_999, 3_000)
        assert client_of(host).send("GET", wide, connector=name).json()["totalResults"] == 3_000


@pytest.mark.parametrize("way", ["reset", "use", "stop"])
def test_a_search_of_an_older_epoch_answers_and_writes_nothing(
    way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with MockHost(tls=False, connectors=CROWD) as host:
        pauses = Pauses(host, monkeypatch)
        pauses.first = {"reset": host.reset, "use": lambda: host.use("basics/healthy"), "stop": host.stop}[
            way
        ]
        with pytest.raises((http.client.HTTPException, OSError)):
            client_of(host).send("GET", filtered('FirstName co "a" or LastName co "a"'))
        assert len(pauses.held) == 1
        assert host.journal.entries() == []


def test_a_find_with_too_many_comparisons_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same number on every machine (RFC 7644 3.12, `tooMany`); what an index answers is never refused."""
    monkeypatch.setattr("mockhost.scim.filters.MOST_COMPARISONS", 50_000)
    wide = " or ".join(f'FirstName co "q{i}"' for i in range(17))
    with MockHost(tls=False, connectors=CROWD) as host:
        answer = client_of(host).send("GET", filtered(wide))
        assert (answer.status, answer.json()["scimType"]) == (400, "tooMany")
        assert "17 with each of 3,000 resources, 50,000 at most in all" in answer.json()["detail"]
        assert (
            client_of(host).send("GET", filtered(f'ContosoLogin eq "user0000001" and ({wide})')).status == 200
        )
        assert client_of(host).send("GET", filtered(wide.rpartition(" or ")[0])).status == 200
    with scim_host() as host:
        answer = client_of(host).send(
            "GET", filtered(wide.replace("FirstName", "displayName")), connector="SCIM"
        )
        assert (answer.status, answer.json()["scimType"]) == (400, "tooMany")


@pytest.mark.parametrize("value", ["x" * 40_000, ["x"] * 200])
def test_long_texts_and_many_values_count_for_several(value: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mockhost.scim.filters.MOST_COMPARISONS", 1_000)
    name = "nickName" if isinstance(value, str) else "emails"
    resource = {
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
        "userName": "a",
        name: value if isinstance(value, str) else [{"value": f"{i}@b.example"} for i in range(200)],
    }
    with MockHost("basics/scim", tls=False) as host:
        client = client_of(host)
        assert client.send("POST", "/Users", resource, connector="SCIM").status == 201
        wide = filtered(" or ".join(f'{name} co "q{i}"' for i in range(10)))
        assert client.send("GET", wide, connector="SCIM").json().get("scimType") == "tooMany"


def test_so_is_a_patch_with_too_many_comparisons(monkeypatch: pytest.MonkeyPatch) -> None:
    """Operations times values times comparisons in brackets; nothing of it is done, and others are not held up."""
    monkeypatch.setattr("mockhost.scim.patch.MOST_WORK", 50_000)
    values = [{"value": f"{i}@b.example"} for i in range(100)]
    schemas = ["urn:ietf:params:scim:schemas:core:2.0:User"]
    brackets = " or ".join(f'value eq "q{i}"' for i in range(50))
    operations = [{"op": "remove", "path": f"emails[{brackets}]"}] * 11
    with MockHost("basics/scim", tls=False) as host:
        client = client_of(host)
        user = {"schemas": schemas, "userName": "a", "emails": values}
        made = client.send("POST", "/Users", user, connector="SCIM").json()
        answer = client.send("PATCH", f"/Users/{made['id']}", patched(operations), connector="SCIM")
        assert (answer.status, "too large" in answer.json()["detail"]) == (413, True)
        answer = client.send("PATCH", f"/Users/{made['id']}", patched(operations[:10]), connector="SCIM")
        assert answer.status == 204


def patched(operations: list[dict[str, str]]) -> dict[str, object]:
    """A PATCH of these operations."""
    return {"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": operations}


def test_what_a_connector_holds_is_read_outside_the_lock(monkeypatch: pytest.MonkeyPatch) -> None:
    """As the control plane lists it: others are answered meanwhile, and what is gone by then is left out."""
    with scim_host() as host:
        counts = len(host.objects("SCIM")), len(host.cache("SCIM"))
        assert counts == (3_000, 3_000)
    with MockHost(tls=False, connectors=CROWD) as host:
        assert len(host.objects("SQL")) == len(host.cache("SQL")) == 3_000


# -- the end -------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGTERM that a process could answer")
@pytest.mark.parametrize("what", ["pattern", "ecma", "scim"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
def test_the_process_can_be_ended_meanwhile(what: str, number: int, tmp_path: Path) -> None:
    """During a pattern without end, and finds over 100,000 people; one that does not end misses the deadline."""
    people = {"people": {"count": 100_000}}
    scim = what == "scim"
    document: dict[str, object] = {
        "format": 1,
        "extends": "basics/scim_people" if scim else "basics/healthy",
        "rules": [SLOW],
        "connectors": {"SCIM": {"system": people}} if scim else {"SQL": {**CROWD["SQL"], "system": people}},
    }
    file = tmp_path / "wide.json"
    file.write_text(json.dumps(document), encoding="utf-8")
    program = Program(
        ["serve", str(file), "--port", "0", "--control-port", "0", "--no-tls", "--log-format", "json"]
    )
    try:
        ready = program.ready()
        target = ready["connectors"]["SCIM" if scim else "SQL"]
        url = urllib.parse.urlsplit(target["url"])
        name = "displayName" if scim else "FirstName"
        wide = filtered(" or ".join(f'{name} co "q{i}"' for i in range(45)))
        path, headers = (wide, {}) if what != "pattern" else ("/Users/x", {"X-Text": TEXT})
        headers["Authorization"] = f"Bearer {target['secret_token']}"
        begun = threading.Barrier(5)

        def ask() -> None:
            connection = http.client.HTTPConnection(str(url.hostname), url.port, timeout=DEADLINE)
            connection.connect()
            begun.wait(DEADLINE)
            with contextlib.suppress(http.client.HTTPException, OSError):
                while True:
                    connection.request("GET", url.path + path, headers=headers)
                    connection.getresponse().read()

        threads = [threading.Thread(target=ask) for _ in range(4)]
        for thread in threads:
            thread.start()
        begun.wait(DEADLINE)
        program.tell(number)
        assert program.code() == 0
        for thread in threads:
            thread.join(DEADLINE)
        assert program.err.rest() == ""
    finally:
        program.kill()
