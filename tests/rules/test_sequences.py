"""Counts, windows, sequences, chance and states: which of its matches a rule is about, and what comes next."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from mockhost.errors import UsageError
from mockhost.rules.rule import delay_of
from tests.rules.conftest import Play

WINDOWS: list[tuple[Mapping[str, Any], list[int]]] = [
    ({"nth": 2}, [2]),
    ({"nth": [2, 4]}, [2, 4]),
    ({"nth": {"at_least": 5}}, [5, 6, 7, 8]),
    ({"after": 3}, [4, 5, 6, 7, 8]),
    ({"every": 3}, [3, 6]),
    ({"for": 2}, [1, 2]),
    ({"after": 2, "every": 2}, [4, 6, 8]),
    ({"after": 2, "for": 3}, [3, 4, 5]),
    ({"after": 1, "for": 5, "every": 2}, [3, 5]),
]


@pytest.mark.parametrize(("window", "hit"), WINDOWS, ids=str)
def test_a_window_of_matches(window: Mapping[str, Any], hit: list[int], play: Play) -> None:
    """nth, after, every and for count the matches of the other conditions, from 1."""
    client = play({"when": {"operation": "find_users", **window}, "reply": {"status": 299}})
    client.create("bob")  # another operation is no match
    assert [i for i, status in enumerate(client.statuses(8), 1) if status == 299] == hit


def test_a_window_of_time(play: Play) -> None:
    """after and for in virtual time: the window opens, and closes, on the scenario's clock."""
    client = play({"when": {"after": "10m", "for": "5m"}, "reply": {"status": 299}})
    seen = []
    for step in ("0s", "9m", "1m", "4m", "1m", "60m"):
        client.host.clock.advance(step)
        seen.append(client.find().status)
    assert seen == [200, 200, 299, 299, 200, 200]


def test_a_rule_that_ends(play: Play) -> None:
    """ttl counts from when the rule came into force: the start for one of the file, its arrival for a live one."""
    client = play({"ttl": "10m", "reply": {"status": 299}})
    client.host.clock.advance("9m")
    client.host.add_rule({"name": "late", "ttl": "10m", "reply": {"status": 298}})
    assert client.find().status == 298
    client.host.clock.advance("1m")
    client.host.remove_rule("late")
    assert client.find().status == 200
    client.host.reset()
    client.close()
    assert client.find().status == 299


SEQUENCES: list[tuple[Mapping[str, Any], list[int]]] = [
    ({}, [501, 501, 502, 502, 502, 502]),
    ({"repeat": "last"}, [501, 501, 502, 502, 502, 502]),
    ({"repeat": "cycle"}, [501, 501, 502, 501, 501, 502]),
    ({"repeat": "none"}, [501, 501, 502, 200, 200, 200]),
    ({"times": 2}, [501, 501, 200, 200, 200, 200]),
    ({"repeat": "cycle", "times": 4}, [501, 501, 502, 501, 200, 200]),
]


@pytest.mark.parametrize(("how", "seen"), SEQUENCES, ids=str)
def test_a_sequence(how: Mapping[str, Any], seen: list[int], play: Play) -> None:
    """Its steps take turns, each as often as `times` says; `repeat` says what follows its end."""
    steps = [{"reply": {"status": 501}, "times": 2}, {"reply": {"status": 502}}]
    assert play({"sequence": steps, **how}).statuses(6) == seen


def test_what_a_rule_passes_on_comes_to_the_next(play: Play) -> None:
    """A sequence at its end and a window that is shut are as if the rule was not there."""
    client = play(
        {"when": {"nth": 2}, "reply": {"status": 501}},
        {"sequence": [{"reply": {"status": 502}}], "repeat": "none"},
        {"reply": {"status": 503}},
    )
    assert client.statuses(3) == [502, 501, 503]


def test_chance_is_a_function_of_seed_name_and_match(play: Play) -> None:
    """The same seed gives the same draws; another name or seed others; another rule in between changes nothing."""
    lossy = {
        "name": "lossy",
        "when": {"operation": "find_users"},
        "probability": 0.5,
        "reply": {"status": 299},
    }
    first = play(lossy, seed=1).statuses(40)
    assert 8 < first.count(299) < 32
    assert play(lossy, seed=1).statuses(40) == first
    assert play({**lossy, "name": "other"}, seed=1).statuses(40) != first
    assert play(lossy, seed=2).statuses(40) != first
    beside = {
        "name": "beside",
        "probability": 0.3,
        "when": {"operation": "get_user"},
        "reply": {"status": 298},
    }
    client = play(beside, lossy, seed=1)
    seen = []
    for _ in range(40):
        client.send("GET", "/Users/ljacobson")
        seen.append(client.find().status)
    assert seen == first


def test_a_probability_of_none_and_of_all(play: Play) -> None:
    """0 never applies, 1 always."""
    assert play({"probability": 0, "reply": {"status": 299}}).statuses(5) == [200] * 5
    assert play({"probability": 1, "reply": {"status": 299}}).statuses(5) == [299] * 5


# -- states ----------------------------------------------------------------------------------------------------


def test_states_follow_each_other_and_time(play: Play) -> None:
    """A rule sets a state, another asks for it, and the clock leaves it."""
    client = play(
        {"when": {"operation": "find_users", "nth": 2}, "reply": "normal", "set_state": "Broken"},
        {"when": {"in_state": "Broken"}, "reply": {"status": 503}},
        states={"initial": "Started", "Started": {}, "Broken": {"to": "Started", "after": "5m"}},
    )
    assert client.statuses(4) == [200, 200, 503, 503]
    assert client.host.state() == "Broken"
    client.host.clock.advance("5m")
    assert client.find().status == 200
    assert client.host.state() == "Started"


def test_a_state_of_a_connector_is_its_own(play: Play) -> None:
    """What one connector is in says nothing of another; the host's states count for both."""
    own = {"initial": "Fine", "Fine": {}, "Ill": {}}
    client = play(
        {"when": {"in_state": "Ill"}, "reply": {"status": 503}},
        connectors={"SQL": {"states": own}, "LDAP": {"states": own}},
    )
    client.host.set_state("Ill", "SQL")
    ldap = {"Authorization": f"Bearer {client.host.truth('LDAP').secret_token}"}
    assert client.find().status == 503
    assert client.find(connector="LDAP", **ldap).status == 200
    assert (client.host.state("SQL"), client.host.state("LDAP"), client.host.state()) == (
        "Ill",
        "Fine",
        "Started",
    )


def test_entering_a_state_makes_things_happen(play: Play) -> None:
    """set, change, import and service, as in the timeline; by a rule after the exchange, by the clock at its time."""
    client = play(
        {"when": {"operation": "find_users"}, "reply": "normal", "set_state": "Busy", "times": 1},
        states={
            "initial": "Idle",
            "Idle": {},
            "Busy": {"set": {"connectors.SQL.import.full_takes": "3m"}, "to": "Idle", "after": "1m"},
        },
    )
    assert client.find().status == 200
    status = client.host.runtime.scenario.connectors["SQL"].imports.full_takes
    assert status == 180.0
    with pytest.raises(UsageError, match="there is no state 'Bussy'"):
        client.host.set_state("Bussy")


def test_a_rule_makes_things_happen_after_its_exchange(play: Play) -> None:
    """The token is changed by the third find, which is still answered; the fourth is refused after a restart."""
    client = play(
        {
            "when": {"operation": "find_users", "nth": 3},
            "reply": "normal",
            "change": {"SQL": {"insert": [{"ContosoLogin": "mia", "FirstName": "Mia", "LastName": "L"}]}},
            "import": "SQL",
        }
    )
    found = [client.find("mia").json()["totalResults"] for _ in range(4)]
    assert found == [0, 0, 0, 1]


@pytest.mark.parametrize(
    "happening", [{"service": "stop"}, {"service": "restart"}, {"set": {"host.service": "stopped"}}]
)
def test_a_rule_that_stops_the_service_answers_first(happening: Mapping[str, Any], play: Play) -> None:
    """The exchange that makes it happen is over before it does; then its connection ends, and the port is closed."""
    client = play({"when": {"operation": "find_users"}, "reply": "normal", **happening, "times": 1})
    assert client.find().status == 200
    client.close()
    if happening == {"service": "restart"}:
        assert client.find().status == 200
    else:
        with pytest.raises(ConnectionRefusedError):
            client.find()


# -- delays ----------------------------------------------------------------------------------------------------


def test_delays_are_drawn_from_their_distribution() -> None:
    """fixed, uniform between its ends, lognormal with its median in the middle and one in a hundred above p99."""
    grid = [(i + 0.5) / 1_000 for i in range(1_000)]
    assert delay_of("2s").drawn(0.7) == 2.0
    assert delay_of({"fixed": "20ms"}).drawn(0.1) == pytest.approx(0.02)
    uniform = sorted(delay_of({"uniform": ["1s", "3s"]}).drawn(x) for x in grid)
    assert uniform[0] >= 1
    assert uniform[-1] <= 3
    assert uniform[500] == pytest.approx(2, abs=0.01)
    lognormal = sorted(delay_of({"lognormal": {"median": "80ms", "p99": "900ms"}}).drawn(x) for x in grid)
    assert lognormal[500] == pytest.approx(0.08, rel=0.01)
    assert lognormal[990] == pytest.approx(0.9, rel=0.05)
    assert delay_of({"lognormal": {"median": "1s", "p99": "1s"}}).drawn(0.999) == pytest.approx(1)


@pytest.mark.parametrize(
    "said",
    [5, "soon", "-1s", {"fixed": "1s", "uniform": ["1s", "2s"]}, {"uniform": ["2s", "1s"]}, {"uniform": "1s"},
     {"lognormal": {"median": "2s", "p99": "1s"}}, {"lognormal": {"median": "0s", "p99": "1s"}}, {"normal": {}}, "2d"],
    ids=str,
)  # fmt: skip
def test_what_is_no_delay_is_refused(said: object) -> None:
    """With the ways in which one can be written."""
    with pytest.raises(UsageError, match=r"delay|longer|median"):
        delay_of(said)


def test_a_delay_holds_the_answer_back_and_the_journal_says_so(play: Play) -> None:
    """The client waits on the wall clock; the exchange has the delay, and took at least as long."""
    client = play({"when": {"operation": "find_users"}, "delay": "60ms"})
    assert client.find().status == 200
    client.find()
    entry = client.host.journal.entries()[0]
    assert entry.delay == pytest.approx(0.06)
    assert entry.took is not None
    assert entry.took >= 0.06
