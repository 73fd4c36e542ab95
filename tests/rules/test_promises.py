"""The promises about rules: one atomic step, the same answers for the same seed, and a reset as good as new."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mockhost import MockHost
from tests.rules.conftest import Client, Play

RELAXED = settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))


def at_once(host: MockHost, threads: int, each: int) -> list[int]:
    """The statuses of finds by so many threads, each on a connection of its own and all at once."""
    statuses: list[int] = []
    start = threading.Barrier(threads)

    def ask() -> None:
        client = Client(host)
        start.wait()
        statuses.extend(client.statuses(each))
        client.close()

    crowd = [threading.Thread(target=ask) for _ in range(threads)]
    for thread in crowd:
        thread.start()
    for thread in crowd:
        thread.join()
    return statuses


def test_fifty_threads_get_exactly_two(play: Play) -> None:
    """times: 2 is two, however many ask at once."""
    client = play({"name": "two", "times": 2, "reply": {"status": 299}})
    assert at_once(client.host, 50, 2).count(299) == 2
    rule = client.host.rules[0]
    assert (rule["matched"], rule["fired"], rule["left"]) == (100, 2, 0)


@RELAXED
@given(
    steps=st.lists(st.tuples(st.integers(500, 504), st.integers(1, 4)), min_size=1, max_size=4),
    every=st.integers(1, 3),
    threads=st.integers(2, 8),
)
def test_a_race_takes_the_turns_of_a_sequence_one_by_one(
    steps: list[tuple[int, int]], every: int, threads: int
) -> None:
    """Each turn goes to one request and none is lost: in the journal's order the statuses are the sequence's."""
    sequence = [{"reply": {"status": status}, "times": times} for status, times in steps]
    rule = {"when": {"every": every}, "sequence": sequence, "repeat": "cycle"}
    scenario = {"format": 1, "extends": "basics/healthy", "rules": [rule]}
    with MockHost(scenario, tls=False, control=False) as host:
        at_once(host, threads, 6)
        seen = [entry.status for entry in host.journal]
    turns = [status for status, times in steps for _ in range(times)]
    wanted, taken = [], 0
    for match in range(1, len(seen) + 1):
        if match % every:
            wanted.append(200)
        else:
            wanted.append(turns[taken % len(turns)])
            taken += 1
    assert seen == wanted


# -- the same seed, the same answers ------------------------------------------------------------------------

RULES = st.lists(
    st.one_of(
        st.fixed_dictionaries(
            {
                "when": st.sampled_from(
                    [{}, {"operation": "find_users"}, {"operation": "create_user", "every": 2}]
                )
            },
            optional={
                "probability": st.sampled_from([0.2, 0.5, 0.9]),
                "reply": st.sampled_from(
                    [
                        "normal",
                        {
                            "status": 500,
                            "body": "{{faker.first_name}} {{guid}} {{ordinal}} {{request.operation}}",
                        },
                        {
                            "status": 503,
                            "body": {"a": ["{{faker.city}}", "{{request.attributes.FirstName}}"]},
                        },
                    ]
                ),
                "fault": st.sampled_from(
                    [
                        "malformed_json",
                        {"lying_totals": {"total_results": 7}},
                        {"http_error": 503},
                        "missing_id",
                    ]
                ),
                "write": st.sampled_from(["applied", "not_applied"]),
            },
        ).filter(lambda rule: "reply" in rule or "fault" in rule),
        st.fixed_dictionaries(
            {
                "sequence": st.lists(
                    st.sampled_from(
                        [{"reply": "normal", "times": 2}, {"fault": "null_list"}, {"reply": {"status": 418}}]
                    ),
                    min_size=1,
                    max_size=3,
                ),
                "repeat": st.sampled_from(["last", "cycle", "none"]),
            }
        ),
    ),
    max_size=4,
)
ASKED = st.lists(
    st.tuples(
        st.sampled_from(["find", "create", "get", "list", "delete"]),
        st.sampled_from(["ann", "bob", "ljacobson"]),
    ),
    min_size=1,
    max_size=25,
)


def answers(host: MockHost, asked: Sequence[tuple[str, str]]) -> list[tuple[object, ...]]:
    """What a client is told, byte by byte."""
    client = Client(host)
    found: list[tuple[object, ...]] = []
    for verb, login in asked:
        if verb == "find":
            answer = client.find(login)
        elif verb == "create":
            answer = client.create(login)
        elif verb == "list":
            answer = client.send("GET", "/Users")
        else:
            answer = client.send("GET" if verb == "get" else "DELETE", f"/Users/{login}")
        found.append((answer.status, sorted(answer.headers.items()), answer.body))
    client.close()
    return found


def made(rules: Sequence[Mapping[str, Any]], seed: int = 7) -> dict[str, Any]:
    return {"format": 1, "extends": "basics/healthy", "seed": seed, "rules": list(rules)}


@RELAXED
@given(rules=RULES, asked=ASKED)
def test_the_same_seed_gives_the_same_answers(
    rules: list[dict[str, Any]], asked: list[tuple[str, str]]
) -> None:
    """Two hosts of one scenario answer the same requests by the same bytes, faults and chance included."""
    with (
        MockHost(made(rules), tls=False, control=False) as one,
        MockHost(made(rules), tls=False, control=False) as other,
    ):
        first, second = answers(one, asked), answers(other, asked)
        assert first == second
        assert one.objects("SQL") == other.objects("SQL")


@RELAXED
@given(rules=RULES, before=ASKED, asked=ASKED, live=st.booleans())
def test_after_a_reset_a_host_is_as_good_as_new(
    rules: list[dict[str, Any]], before: list[tuple[str, str]], asked: list[tuple[str, str]], live: bool
) -> None:
    """At whatever moment it comes: counters, turns, states, draws, objects and live rules are those of the start."""
    with (
        MockHost(made(rules), tls=False, control=False) as used,
        MockHost(made(rules), tls=False, control=False) as fresh,
    ):
        answers(used, before)
        if live:
            used.fail_next("find_users", reply={"status": 599}, times=None)
            used.set_state("Elsewhere")
        used.reset()
        assert used.rules == fresh.rules
        assert answers(used, asked) == answers(fresh, asked)
        assert used.state() == fresh.state() == "Started"


def test_a_reset_in_the_middle_of_everything_lets_nothing_of_before_through(play: Play) -> None:
    """Threads that ask all the while: whoever is answered after the reset is answered as by a fresh host."""
    client = play({"name": "first", "times": 3, "reply": {"status": 299}})
    host, stop = client.host, threading.Event()
    gone: list[str] = []

    def ask() -> None:
        while not stop.is_set():
            mine = Client(host)
            try:
                mine.find()
            except OSError as error:
                gone.append(type(error).__name__)
            finally:
                mine.close()

    crowd = [threading.Thread(target=ask) for _ in range(6)]
    for thread in crowd:
        thread.start()
    for _ in range(10):
        host.reset()
        epoch = host.runtime.epoch.number
        with host.runtime.lock:
            assert all(entry.epoch == epoch for entry in host.journal)
            assert host.rules[0]["fired"] == sum(entry.status == 299 for entry in host.journal) <= 3
    stop.set()
    for thread in crowd:
        thread.join()


# -- live rules ---------------------------------------------------------------------------------------------


def test_live_rules_come_first_and_the_newest_first(play: Play) -> None:
    """A rule that is added goes before those of the file and before older ones; removed, it is gone."""
    client = play({"name": "file", "reply": {"status": 501}})
    host = client.host
    older = host.add_rule({"reply": {"status": 502}})
    newer = host.add_rule({"name": "newer", "reply": {"status": 503}})
    assert [rule["name"] for rule in host.rules] == [newer, older, "file"]
    assert client.find().status == 503
    host.remove_rule("newer")
    assert client.find().status == 502
    host.clear_rules()
    assert client.find().status == 501


def test_fail_next_fails_so_often_and_then_no_more(play: Play) -> None:
    """The next requests of the operation, of the connector, with the values that are named: none else."""
    client = play()
    host = client.host
    host.fail_next("create_user", reply={"status": 500}, times=2, attributes={"ContosoLogin": "bob"})
    assert [client.create(login).status for login in ("ann", "bob", "bob", "bob")] == [201, 500, 500, 201]
    host.fail_next("find_users")
    assert client.statuses(2) == [503, 200]
    host.fail_next("find_users", fault={"http_error": 429}, connector="LDAP")
    assert client.find().status == 200


@pytest.mark.parametrize(("write", "there"), [("applied", 1), ("not_applied", 0), (None, 1)])
def test_a_fault_on_a_write_says_whether_it_happened(write: str | None, there: int, play: Play) -> None:
    """The client sees the same either way; the connected system and the cache know."""
    client = play()
    client.host.fail_next("create_user", fault="malformed_json", write=write)
    answer = client.create("bob")
    assert answer.status == 201
    assert b'"id":"bob"' in answer.body
    assert len(client.host.objects("SQL", ContosoLogin="bob")) == there
    assert client.find("bob").json()["totalResults"] == there


def test_a_literal_reply_writes_nothing_unless_it_is_told_to(play: Play) -> None:
    """It stands in the place of the host's own doing; with `write: applied` it only hides it."""
    client = play()
    client.host.fail_next("create_user", reply={"status": 500})
    client.host.fail_next("create_user", reply={"status": 502}, write="applied")
    assert [client.create(login).status for login in ("ann", "bob")] == [502, 500]
    assert [len(client.host.objects("SQL", ContosoLogin=login)) for login in ("ann", "bob")] == [1, 0]
    assert client.host.journal.entries(operation="create_user")[0].native


def test_a_reply_is_filled_with_values_of_the_request(play: Play) -> None:
    """Expressions stand for the request's values, and one alone keeps its type; without `template` nothing does."""
    body = {
        "who": "{{request.attributes.FirstName}}",
        "active": "{{request.body/active}}",
        "text": "{{request.method}} {{ request.path }} of {{request.header.User-Agent}}, {{request.id}}",
        "whole": "{{request.body}}",
        "at": "{{now}}",
    }
    reply = {"status": 500, "headers": {"X-Name": "{{request.attributes.FirstName}}"}, "body": body}
    client = play({"when": {"operation": "create_user"}, "reply": reply})
    sent = {"active": True, "FirstName": "Zoë\r\nX: 1"}
    answer = client.send("POST", "/Users", sent, User_Agent="test")
    found = answer.json()
    assert found["who"] == "Zoë\r\nX: 1"
    assert found["active"] is True
    assert found["text"] == "POST /ecma2host_SQL/scim/Users of test, "
    assert found["whole"] == sent
    assert found["at"] == "2026-01-01T00:00:00.000Z"
    assert "X" not in answer.headers
    plain = play({"reply": {"status": 500, "template": False, "body": "{{nonsense}}"}})
    assert plain.find().body == b"{{nonsense}}"


def test_an_answer_that_is_cut_announces_all_of_its_length(play: Play) -> None:
    """As the healthy one would: a client has to notice by itself that bytes are missing."""
    client = play()
    whole = client.send("GET", "/Users/ljacobson")
    client.host.fail_next("get_user", fault={"dribble": {"pause": "0ms"}})
    slow = client.send("GET", "/Users/ljacobson")
    assert slow.headers["Content-Length"] == whole.headers["Content-Length"]
    assert slow.body == whole.body
    client.host.fail_next("get_user", fault="truncated_body")
    with pytest.raises(http.client.IncompleteRead) as cut:
        client.send("GET", "/Users/ljacobson")
    assert len(cut.value.partial) + (cut.value.expected or 0) == len(whole.body)


def test_a_cut_behind_the_end_of_a_body_is_said_in_the_journal() -> None:
    """The answer is whole then, which nobody should have to find out by the client's success."""
    with MockHost("basics/healthy", control=False, tls=False) as host:
        host.add_rule({"fault": {"truncated_body": {"after_bytes": 1_000_000}}})
        assert host.session("SQL").get(host.url("SQL") + "/Users/ljacobson").status_code == 200
        (seen,) = host.journal.entries()
        assert seen.reason is not None
        assert "after_bytes: 1000000 cuts nothing, the body has" in seen.reason
