"""Thousands of requests that mean no good, over real sockets, against a whole host; and one client beside them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import example, given, settings

from mockhost import MockHost
from tests.hostile.__main__ import attack, quiet
from tests.hostile.attack import Held, Journal, Valid, knock
from tests.hostile.requests import URN, Target, base, request
from tests.hostile.sequences import MODELLED, Player, Step, anchors, steps
from tests.hostile.system import ODD, ODD_COLUMNS, attacked, targets
from tests.server.raw import PATIENCE, Answer, RawClient

HEAD = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("tls", "each"),
    [(False, 75), (True, 75), *(pytest.param(tls, 700, marks=pytest.mark.slow) for tls in (False, True))],
)
def test_hostile_requests_harm_nobody(tls: bool, each: int, capfd: pytest.CaptureFixture[str]) -> None:
    """No 500, no bug, no hang, nothing smuggled, nothing on the terminal; data and threads as they should be.

    Each of four attackers sends so many requests, beside clients that stop in the midst of one.
    """
    before = set(threading.enumerate())
    with attacked(tls=tls) as host:
        journal = Journal(host)
        with Held(host, targets(host)["SQL"]), Valid(host) as valid:
            lanes = attack(host, range(each), journal)
            if tls:
                knock(host, each)
        quiet(host)
        journal.inspect()
        assert [line.peer for line in host.journal.connections if line.closed_by is None] == []
    assert sum(lane.sent for lane in lanes) == 4 * each
    assert sum(lane.refused for lane in lanes) > each  # what was sent was hostile,
    assert sum(lane.changed for lane in lanes) > each // 10  # but not all of it in vain
    assert journal.count > 2 * each  # and most of it HTTP
    assert valid.rounds > 5
    for thread in set(threading.enumerate()) - before:
        thread.join(PATIENCE)
        assert not thread.is_alive(), f"{thread.name} outlived its host"
    assert capfd.readouterr() == ("", "")


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads the process's size from /proc")
def test_memory_stays_flat() -> None:
    """What the first half of an attack leaves behind, the second half does not leave behind once more."""
    # One arena, so that what is seen is what is held, and not what glibc keeps for threads that were.
    env = {**os.environ, "MALLOC_ARENA_MAX": "1"}
    command = [sys.executable, "-m", "tests.hostile", "4", "110"]
    run = subprocess.run(command, cwd=HEAD, env=env, capture_output=True, text=True, timeout=120, check=False)
    assert (run.returncode, run.stderr) == (0, "")
    sizes = json.loads(run.stdout)
    assert sizes[3][0] - sizes[1][0] < 8 * 1024 * 1024
    assert sizes[3][1] - sizes[1][1] < 300_000


@pytest.fixture(scope="module")
def modelled() -> Iterator[MockHost]:
    """A host with one connector that the model knows."""
    with MockHost(MODELLED, tls=False, control=False) as host:
        yield host


@pytest.mark.slow
@settings(max_examples=120)
@given(played=steps)
def test_a_sequence_of_requests_ends_as_the_model_says(modelled: MockHost, played: list[Step]) -> None:
    """Creates, replacements, changes, deletions and finds with any JSON: what fails changes nothing."""
    modelled.reset()
    player = Player(modelled)
    try:
        for step in played:
            player.play(step)
    finally:
        player.close()
    assert not [entry.bug for entry in modelled.journal if entry.bug]


@settings(max_examples=80)
@given(anchor=anchors)
@example(anchor="%2e%2e%2f")
@example(anchor="\U0001f600" * 60)
@example(anchor="e\u0301\u00a0\u202e")
def test_an_id_is_found_again_at_its_location(modelled: MockHost, anchor: str) -> None:
    """Whatever an anchor holds, `Location` leads to the object, and so does any way of escaping its id."""
    modelled.reset()
    player = Player(modelled)
    try:
        created = player.ask("POST", "/Users", {URN: {"Login": anchor, "Nick": "x"}})
        assert (created.status, json.loads(created.body)["id"]) == (201, anchor)
        location = str(created.header("Location"))
        assert location.startswith("http://localhost/ecma2host_ODD/scim/Users/")
        octets = "".join(f"%{octet:02x}" for octet in anchor.encode())
        for path in (location.partition("/scim")[2], "/users/" + quote(anchor, safe=""), f"/Users/{octets}/"):
            answer = player.ask("GET", path)
            assert answer.status == 200, path
            assert json.loads(answer.body)["id"] == anchor
    finally:
        player.close()


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
def test_of_fifty_that_create_the_same_user_one_succeeds(tls: bool) -> None:
    """Fifty at once, in two spellings of one name: one 201, the others 409, one object."""
    statuses: list[int] = []
    with MockHost(tls=tls, control=False) as host:
        target = Target("SQL", host.truth("SQL").secret_token, (), ())
        ready = threading.Barrier(50)
        context = host.ssl_context() if tls else None

        def create(number: int) -> None:
            for turn in range(3):
                login = f"twin{turn}".upper() if number % 2 else f"twin{turn}"
                named = {"ContosoLogin": login, "FirstName": str(number), "LastName": "x"}
                data = request(
                    target, "POST", f"{base(target)}/Users", body=json.dumps({URN: named}).encode()
                )[1]
                with RawClient(host.port, tls=context) as client:
                    ready.wait(PATIENCE)
                    statuses.append(client.ask(data).status)

        threads = [threading.Thread(target=create, args=(number,)) for number in range(50)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE)
        twins = [
            each for each in host.objects("SQL") if str(each["ContosoLogin"]).startswith(("twin", "TWIN"))
        ]
    assert (statuses.count(201), statuses.count(409)) == (3, 147)
    assert len(twins) == 3


# -- what once broke -----------------------------------------------------------------------------------------------

NEW = {"Number": 100, "Nick": "x"}
GUID = "8646d011-1693-4cd3-9ee6-0d7482ca2219"


@pytest.fixture(scope="module")
def odd() -> Iterator[MockHost]:
    """The attacked host, asked for one thing at a time."""
    with attacked(tls=False) as host:
        yield host


def ask(host: MockHost, method: str, path: str, body: object = None, *, connector: str = "ODD") -> Answer:
    """One request; `path` is below `/scim`, or a whole target."""
    target = Target(connector, host.runtime.scenario.connectors[connector].secret_token, (), ())
    data = None if body is None else json.dumps(body).encode()
    where = path if path.startswith("http") else base(target) + path
    with RawClient(host.port) as client:
        return client.ask(request(target, method, where, body=data)[1], method)


@pytest.mark.parametrize("ident", ["--5", "-", "%D9%A3", "1_0", "+1", "01", "9" * 100])
def test_an_id_that_is_no_whole_number_is_nobodys(odd: MockHost, ident: str) -> None:
    """Where the anchor is an integer, an id that is none, or not as it is written, is just unknown."""
    assert ask(odd, "GET", f"/Users/{ident}").status == 404


@pytest.mark.parametrize(
    ("name", "value", "held"),
    [
        ("Tags", [["a"]], ...),
        ("Tags", [[]], ...),
        ("Tags", [["a", "b"], "c"], ...),
        ("Nick", [["a"]], ...),
        ("Number", [[100]], ...),
        ("Tags", [None], None),
        ("Tags", [None, "a"], ["a"]),
        ("Mail", [None], None),
        ("Mail", ["a"], "a"),
    ],
)
def test_arrays_in_arrays_are_refused_and_nulls_are_nothing(
    odd: MockHost, name: str, value: object, held: object
) -> None:
    """A value is never an array of its own; a null in an array is no value (RFC 7643 2.5)."""
    odd.reset()
    answer = ask(odd, "POST", "/Users", {URN: {**NEW, name: value}})
    if held is ...:
        assert (answer.status, json.loads(answer.body)["scimType"]) == (400, "invalidValue")
        assert not odd.objects("ODD", Number=100)
    else:
        assert answer.status == 201
        assert odd.objects("ODD", Number=100)[0].get(name) == held


def test_a_filter_that_fails_on_some_objects_is_refused(odd: MockHost) -> None:
    """It has a GUID in it as Test connection's has, and a comparison that a boolean does not take."""
    text = quote(f'active gt "x" and id eq "{GUID}" or active gt "x"')
    answer = ask(odd, "GET", f"/Users?filter={text}")
    assert (answer.status, json.loads(answer.body)["scimType"]) == (400, "invalidFilter")


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/Users", {URN: NEW}),
        ("PUT", "/Users/1", {URN: {"Nick": "changed"}}),
        ("PATCH", "/Users/1", {"Operations": [{"op": "replace", "path": "Nick", "value": "changed"}]}),
    ],
)
def test_a_query_that_is_none_is_refused_before_anything_is_written(
    odd: MockHost, method: str, path: str, body: object
) -> None:
    """The answer that says 400 must not come after the change."""
    odd.reset()
    before = odd.objects("ODD")
    assert ask(odd, method, f"{path}?count=many", body).status == 400
    assert odd.objects("ODD") == before


def test_a_created_user_is_shown_as_far_as_is_asked(odd: MockHost) -> None:
    """`attributes` counts wherever a resource is returned (RFC 7644 3.9)."""
    odd.reset()
    answer = ask(odd, "POST", "/Users?attributes=Nick", {URN: {**NEW, "Mail": "m"}})
    assert (answer.status, json.loads(answer.body)[URN]) == (201, {"Nick": "x"})


def test_the_authority_of_an_absolute_target_is_where_the_user_is(odd: MockHost) -> None:
    """RFC 9112 3.2.2: `Host` is ignored beside it."""
    odd.reset()
    answer = ask(odd, "POST", "http://proxied.example:81/ecma2host_ODD/scim/Users", {URN: NEW})
    assert answer.header("Location") == "http://proxied.example:81/ecma2host_ODD/scim/Users/100"


def test_what_is_said_of_active_is_the_last_word(odd: MockHost) -> None:
    """POST, PUT and PATCH alike copy `active` to the attribute that the disable flow sets."""
    odd.reset()
    created = ask(odd, "POST", "/Users", {URN: NEW, "active": ["False"]})
    assert json.loads(created.body)["active"] is False
    assert ask(odd, "PUT", "/Users/100", {URN: {"Nick": "x"}, "active": [True, False]}).status == 400
    for active in (True, False, False):
        replaced = ask(odd, "PUT", "/Users/100", {URN: {"Nick": "x"}, "active": active})
        assert json.loads(replaced.body)["active"] is active
        assert odd.objects("ODD", Number=100)[0]["Alive"] is active


@pytest.mark.parametrize(
    ("text", "outcome"), [("eq", 6), ("ne", 0), ("sw", 0), ("co", 0), ("gt", 400), ("le", 400)]
)
def test_binary_values_compare_as_bytes(odd: MockHost, text: str, outcome: int) -> None:
    """They are case-exact and in no order (RFC 7643 2.3.6, RFC 7644 3.4.2.2); `QUJD` is not `qujd`."""
    odd.reset()
    answer = ask(odd, "GET", f"/Users?filter=Blob+{text}+%22QUJD%22")
    assert outcome == (json.loads(answer.body)["totalResults"] if answer.status == 200 else answer.status)
    assert json.loads(ask(odd, "GET", "/Users?filter=Blob+eq+%22qujd%22").body)["totalResults"] == 0


def test_a_user_may_be_called_search(modelled: MockHost) -> None:
    """Only POST means the search of RFC 7644 3.4.3."""
    modelled.reset()
    assert ask(modelled, "POST", "/Users", {URN: {"Login": ".search", "Nick": "x"}}).status == 201
    assert ask(modelled, "GET", "/Users/.search").status == 200
    assert ask(modelled, "DELETE", "/Users/%2Esearch").status == 204


def test_each_of_several_values_is_unique() -> None:
    """A column that is unique is so value by value."""
    odd_one = {**ODD, "system": {**ODD["system"], "columns": {**ODD_COLUMNS}, "objects": []}}
    odd_one["system"]["columns"]["Tags"] = {"type": "string", "multi_valued": True, "unique": True}
    with MockHost("basics/empty", tls=False, control=False, connectors={"ODD": odd_one}) as host:
        assert ask(host, "POST", "/Users", {URN: {**NEW, "Tags": ["a", "b"]}}).status == 201
        assert ask(host, "POST", "/Users", {URN: {**NEW, "Number": 101, "Tags": ["c", "B"]}}).status == 409


def test_columns_that_change_while_the_service_runs_wait_for_its_next_start() -> None:
    """The running connector goes on with the columns that it knows; the data is taken along at the restart."""
    with attacked(tls=False) as host:
        columns = "connectors.ODD.system.columns"
        assert host.runtime.set(columns, {"Extra": "string"})["applied"] == "at restart"
        assert ask(host, "POST", "/Users", {URN: {**NEW, "Extra": "e"}}).status == 201
        assert ask(host, "DELETE", "/Users/1").status == 204
        host.runtime.service("restart")
        assert [each["Number"] for each in host.objects("ODD")] == [0, 2, 3, 4, 5, 100]
        assert ask(host, "GET", "/Users/100").status == 200


def test_a_new_user_takes_nobodys_place_when_the_data_was_exchanged() -> None:
    """The space still holds what it imported; a delta import then brings all, for there is no list of changes."""
    odd_one = {**ODD, "import": {"profiles": ["full", "delta"]}}
    with MockHost("basics/empty", tls=False, control=False, connectors={"ODD": odd_one}) as host:
        host.runtime.set("connectors.ODD.system.objects", [{"Number": 7, "Nick": "seven"}])
        assert ask(host, "POST", "/Users", {URN: NEW}).status == 201
        assert [str(each["id"]) for each in host.cache("ODD")] == ["0", "1", "2", "3", "4", "5", "100"]
        host.runtime.import_now("ODD", "delta")
        assert [str(each["id"]) for each in host.cache("ODD")] == ["7", "100"]


def test_a_connector_without_its_dll_has_imported_nothing() -> None:
    """It is the DLL that imports, so the cache of such a connector is empty."""
    with MockHost("documented/dll_access_denied", tls=False, control=False) as host:
        assert host.cache("SQL") == []
        assert host.objects("SQL")


@pytest.mark.parametrize(
    ("count", "values", "status"), [(1_000, 1, 200), (1, 50_000, 200), (5_000, 1, 413), (300, 100, 413)]
)
def test_a_patch_that_would_keep_everybody_waiting_is_refused(
    odd: MockHost, count: int, values: int, status: int
) -> None:
    """Many values one by one, or a lot of them at once, but not both; and nothing is changed by halves."""
    odd.reset()
    before = odd.objects("ODD")
    added = [
        {"op": "Add", "path": "Tags", "value": [f"{n} {m}" for m in range(values)]} for n in range(count)
    ]
    assert ask(odd, "PATCH", "/Users/1", {"Operations": added}).status == status
    if status == 413:
        assert odd.objects("ODD") == before
    else:
        tags = odd.objects("ODD", Number=1)[0]["Tags"]
        assert isinstance(tags, list)
        assert len(tags) == 2 + count * values


def test_a_search_that_would_keep_everybody_waiting_is_refused() -> None:
    """`tooMany` (RFC 7644 3.12) for many comparisons with many users; one comparison, or an index, is fine."""
    crowd = {"SQL": {"system": {"objects": [], "people": 200_000}}}
    grammar = {"behaviours": {"filter_grammar": "rfc"}}
    with MockHost("basics/healthy", tls=False, control=False, connectors=crowd, host=grammar) as host:
        terms = [f'FirstName co "zz{n}"' for n in range(120)]
        answer = ask(host, "GET", "/Users?filter=" + quote(" or ".join(terms)), connector="SQL")
        assert (answer.status, json.loads(answer.body)["scimType"]) == (400, "tooMany")
        for text in (terms[0], 'ContosoLogin eq "user0000007" and ' + " and ".join(terms)):
            assert ask(host, "GET", "/Users?filter=" + quote(text), connector="SQL").status == 200


def test_a_refusal_that_quotes_a_megabyte_is_kept_short() -> None:
    """The client is told its DN; the journal's reason for it is a sentence."""
    with attacked(tls=False) as host:
        answer = ask(host, "POST", "/Users", {URN: {"-dn-": "\\" * 200_000}}, connector="LDAP")
        assert answer.status == 400
        assert len(str(host.journal.entries()[-1].reason)) <= 1_000


def test_one_value_in_two_spellings_can_be_changed_again(odd: MockHost) -> None:
    """An index knows such a row once, so it forgets it once."""
    odd.reset()
    for tags in (["a"], ["x", "X"], ["y"]):
        assert ask(odd, "GET", "/Users?filter=Tags+eq+%22x%22").status == 200
        change = {"Operations": [{"op": "Replace", "path": "Tags", "value": tags}]}
        assert ask(odd, "PATCH", "/Users/1", change).status == 200
        assert odd.objects("ODD", Number=1)[0]["Tags"] == tags
