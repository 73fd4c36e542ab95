"""What is odd, huge or nested in a rule or in a request: it is refused at load, or it harms nobody."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from mockhost.errors import MockhostError, UsageError
from mockhost.rules import CONSIDERED_MOST, PASSED_MOST, conditions
from mockhost.rules.reply import is_template, template_problem
from mockhost.rules.rule import Rule, parse
from mockhost.runtime.operations import NoSuch
from tests.rules.conftest import Client, Play


def rule(**said: Any) -> Rule:
    made = parse({"reply": {"status": 500}, **said}, "it", live=False)
    assert made is not None
    return made


@pytest.mark.parametrize(
    "body", ["{{request.body}}", "of {{request.body}}", {"a": ["{{request.body}}"]}], ids=str
)
@pytest.mark.parametrize("depth", [10, 300, 1000])
def test_a_deeply_nested_body_may_stand_in_a_reply(body: object, depth: int, play: Play) -> None:
    """However deep it is, the client gets the reply; what can't be written is left out."""
    client = play({"reply": {"status": 501, "body": body}})
    assert client.send("POST", "/Users", b"[" * depth + b"]" * depth).status == 501


def test_a_number_of_any_size_may_stand_in_a_reply(play: Play) -> None:
    """JSON has no largest number."""
    client = play({"reply": {"status": 501, "body": {"n": 10**30}}})
    assert client.find().body == b'{"n":1000000000000000000000000000000}'


@pytest.mark.parametrize("name", ["", "a b", "a:b", "naïve", "☃", "a\r\nb"])
def test_what_can_be_no_name_of_a_header_is_refused(name: str) -> None:
    """Such a line would be dropped, split in two, or break the answer."""
    with pytest.raises(UsageError, match="header"):
        rule(reply={"headers": {name: "1"}})


@pytest.mark.parametrize(
    "when",
    [
        {"nth": {"at_least": 10**400}},
        {"connection": {"nth": {"not": {"at_most": 10**400}}}},
        {"body": {"/a": [{"at_least": -(10**400)}]}},
    ],
    ids=["nth", "connection", "body"],
)
def test_a_bound_that_nothing_can_be_compared_with_is_refused(when: dict[str, Any]) -> None:
    """At load, and not when the first request comes."""
    with pytest.raises(UsageError, match="too large"):
        rule(when=when)


def test_values_of_a_request_are_not_looked_at_for_expressions(play: Play) -> None:
    """Whatever a client sends stays what it sent, in headers, names and values."""
    said = {"status": 501, "headers": {"X-Name": "{{request.attributes.FirstName}}"}}
    said["body"] = {"{{request.attributes.FirstName}}": "a {{request.attributes.FirstName}}"}
    answer = play({"reply": said}).create("bob", "{{guid}}")
    assert answer.json() == {"{{guid}}": "a {{guid}}"}
    assert answer.headers["X-Name"] == "{{guid}}"


@pytest.mark.parametrize(
    "text", ["{{" * 200_000, "{{ " * 200_000, "{{" + " " * 400_000, "{{a" + "}" + "{{" * 100_000]
)
def test_braces_that_lead_to_nothing_are_read_through_once(text: str) -> None:
    """A large file with many of them is a reply like any other."""
    assert not is_template(text)
    assert template_problem("{{{now}}}") is not None
    assert template_problem("{{ now\n}} {{ {{guid}} }}") is None


def test_a_pattern_is_not_tried_on_very_long_texts(play: Play) -> None:
    """It might take the square of its length or more, while everybody waits; the near miss says so."""
    when = {"attributes": {"FirstName": [{"matches": "x.*y.*z"}, "short"]}}
    client = play({"name": "it", "when": when, "reply": {"status": 501}})
    assert client.create("ann", "xyz").status == 501
    assert client.create("bob", "xy" * conditions.PATTERN_LENGTH).status == 201
    miss = client.host.near_miss(client.host.journal.entries()[-1])
    assert miss is not None
    assert "'matches' looks at 4,096 at most" in miss.text


def test_generated_names_of_live_rules_are_ones_that_nobody_has(play: Play) -> None:
    """A rule that somebody called like one of them is not replaced."""
    host = play({"name": "live[2]", "reply": {"status": 500}}).host
    host.add_rule({"name": "live[1]", "reply": {"status": 500}})
    names = [host.add_rule({"reply": {"status": 500}}) for _ in range(3)]
    assert names == ["live[3]", "live[4]", "live[5]"]
    assert len(host.rules) == 5


def test_of_two_rules_of_one_name_the_near_miss_knows_which_fired(play: Play) -> None:
    """A live rule may be called like one of the file's."""
    client = play({"name": "it", "when": {"operation": "create_user"}, "reply": {"status": 501}})
    client.host.add_rule(
        {"name": "it", "when": {"operation": "create_user", "id": "x"}, "reply": {"status": 502}}
    )
    assert client.create("bob").status == 501
    miss = client.host.near_miss(client.host.journal.entries()[-1])
    assert miss is not None
    assert miss.considered == ("it", "it")
    assert miss.closest is not None
    assert miss.closest.condition == "id"


def test_very_many_rules_are_kept_with_no_exchange(play: Play) -> None:
    """What the journal has of each exchange stays small, however many rules let it pass."""
    client = play()
    for _ in range(CONSIDERED_MOST + 10):
        client.host.fail_next("create_user")
        client.host.runtime.state.rules._live[0].fired = 1
    assert client.create("bob").status == 201
    entry = client.host.journal.entries()[-1]
    assert (len(entry.considered), len(entry.passed)) == (CONSIDERED_MOST, PASSED_MOST)


def test_rules_come_and_go_while_requests_are_answered(play: Play) -> None:
    """From several threads: nobody is answered by half a rule, and nothing breaks."""
    host, over = play().host, threading.Event()
    wrong: list[object] = []

    def change() -> None:
        try:
            for number in range(40):
                name = host.fail_next("find_users", times=1)
                assert any(known["name"] == name for known in host.rules) or number % 2
                if number % 3 == 0:
                    host.remove_rule(name)
                if number % 20 == 0:
                    host.clear_rules()
        except (AssertionError, NoSuch):
            pass  # another thread cleared them
        except Exception as error:
            wrong.append(error)

    def ask() -> None:
        mine = Client(host)
        while not over.is_set():
            if (status := mine.find().status) not in (200, 503):
                wrong.append(status)
        mine.close()

    changing = [threading.Thread(target=change) for _ in range(4)]
    asking = [threading.Thread(target=ask) for _ in range(3)]
    for thread in (*changing, *asking):
        thread.start()
    for thread in changing:
        thread.join()
    over.set()
    for thread in asking:
        thread.join()
    assert wrong == []


# -- states -------------------------------------------------------------------------------------------------

SET = {"set": {"host.debug": False}}


def test_the_state_of_another_connector_is_none_for_this_one(play: Play) -> None:
    """The exchange is answered all the same; the journal says that no state was entered."""
    client = play(
        {"when": {"verdict": "any"}, "set_state": "B"},
        connectors={"SQL": {"states": {"A": SET, "B": SET}}},
        states={"X": SET},
    )
    assert client.find(connector="Nobody").status == 404
    assert "there is no state 'B'" in str(client.host.journal.entries()[-1].reason)
    assert client.find().status == 200
    assert client.host.state("SQL") == "B"


@pytest.mark.parametrize("after", ["0s", "0.000001ms", "1ms"])
@pytest.mark.parametrize(
    "clock", [{"mode": "frozen"}, {"mode": "wall"}, {"mode": "wall", "speed": 1_000_000}], ids=str
)
def test_states_that_follow_one_another_at_once_and_in_a_circle_stop_no_clock(
    after: str, clock: dict[str, Any], play: Play
) -> None:
    """They go round a hundred times a second at most."""
    around = {
        "A": {"to": "B", "after": after},
        "B": {"to": "C", "after": after},
        "C": {"to": "A", "after": after},
    }
    client = play(states={"initial": "In", "In": {"to": "A", "after": "0s"}, **around}, clock=clock)
    assert client.statuses(5) == [200] * 5
    client.host.clock.advance(seconds=1)
    assert client.host.state() in around


def test_no_jump_of_the_clock_stands_for_millions_of_states(play: Play) -> None:
    """Nobody would wait for it; it is refused, and the host goes on."""
    client = play(states={"A": {"to": "B", "after": "1s"}, "B": {"to": "A", "after": "1s"}})
    with pytest.raises(MockhostError, match="states would follow"):
        client.host.clock.advance(days=731)
    client.host.clock.advance(hours=1)
    assert client.host.state() == "A"


def test_a_state_that_is_entered_again_and_again_leaves_nothing_behind(play: Play) -> None:
    """On a frozen clock nothing that was planned ever falls due."""
    client = play(states={"A": {"to": "B", "after": "10m"}, "B": SET})
    for _ in range(500):
        client.host.set_state("A")
    clock = client.host.runtime.clock
    assert len(clock._jobs) < 20
    client.host.clock.advance(minutes=10)
    assert client.host.state() == "B"
