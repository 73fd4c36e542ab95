"""Each fault puts the host into a state, in which it stays until the time, the import or the restart that ends it."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import pytest

from mockhost import faults
from mockhost.errors import UsageError
from mockhost.faults.parameters import read
from tests.faults.host.conftest import BOB, Bench

GROUP = [name for name, group in faults.FAULTS.items() if group == "host"]
TOKEN = "correct-horse-battery"


class Story(NamedTuple):
    """One fault, and what is to be seen of it by a look at the host."""

    said: object
    look: Callable[[Bench], object]
    healthy: object
    faulty: object
    restarted: object
    """what a restart of the service leaves of it"""
    lasts: bool = False
    """whether it may be given a time after which it ends"""


def first_names(bench: Bench) -> object:
    """What ljacobson is called in the cache and in the connected system."""
    cached = [found["FirstName"] for found in bench.found('ContosoLogin eq "ljacobson"')]
    held = [v["FirstName"] for v in bench.host.system("SQL").objects({"ContosoLogin": "ljacobson"})]
    return cached, held


def bob_is_created(bench: Bench) -> object:
    """Whether bob is found, whether he can be created, and whether he is found then."""
    found = len(bench.found('ContosoLogin eq "bob"'))
    created = not isinstance(bench.create(**BOB), str)
    return found, created, len(bench.found('ContosoLogin eq "bob"'))


def import_brings_bob(bench: Bench) -> object:
    """Whether autosync brings bob, who was added to the target, and what the state says of it."""
    bench.change({"SQL": {"insert": [BOB]}})
    bench.host.clock.advance(7_200)
    return len(bench.found('ContosoLogin eq "bob"')), bench.host.state()["SQL"]["import_problem"]


def secret_tokens(bench: Bench) -> object:
    """The running connector's, the configured one, and what the client was told."""
    told = bench.scenario.client.get("SQL", {}).get("secret_token")
    return bench.connector().config.secret_token, bench.host.configured["SQL"].secret_token, told


def debug(bench: Bench) -> object:
    """What the exe.config says and what the service has read."""
    return bench.host.config.debug, bench.host.debug


STORIES = {
    "importing": Story(
        {"importing": {"for": "9m"}},
        lambda bench: (bench.ready(), len(bench.connector().space)),
        ("ready", 5),
        ("Importing", 0),
        ("ready", 5),
        lasts=True,
    ),
    "cache_stale": Story(
        {"cache_stale": {"insert": [BOB]}}, bob_is_created, (0, True, 1), (0, False, 0), (1, False, 1)
    ),
    "cache_frozen": Story(
        {"cache_frozen": {"for": "9m"}}, bob_is_created, (0, True, 1), (0, True, 0), (0, True, 1), lasts=True
    ),
    "cache_emptied": Story("cache_emptied", lambda bench: len(bench.connector().space), 5, 0, 5),
    "duplicate_anchors": Story(
        {"duplicate_anchors": {"anchor": "ljacobson", "set": {"FirstName": "Elisa"}}},
        first_names,
        (["Lisa"], ["Lisa"]),
        (["Lisa"], ["Lisa", "Elisa"]),
        (["Lisa"], ["Lisa", "Elisa"]),
    ),
    "object_changed": Story(
        {"object_changed": {"where": {"ContosoLogin": "ljacobson"}, "set": {"FirstName": "Elisa"}}},
        first_names,
        (["Lisa"], ["Lisa"]),
        (["Lisa"], ["Elisa"]),
        (["Elisa"], ["Elisa"]),
    ),
    "debug_switched": Story(
        {"debug_switched": {"for": "9m"}}, debug, (False, False), (True, True), (True, True), lasts=True
    ),
    "token_rotated": Story(
        {"token_rotated": "a-brand-new-token"},
        secret_tokens,
        (TOKEN, TOKEN, None),
        ("a-brand-new-token", "a-brand-new-token", TOKEN),
        ("a-brand-new-token", "a-brand-new-token", TOKEN),
    ),
    "autosync_fails": Story(
        {"autosync_fails": {"for": "9m"}},
        import_brings_bob,
        (1, None),
        (0, "failed-connection"),
        (1, None),
        lasts=True,
    ),
    "dll_not_loadable": Story(
        {"dll_not_loadable": "9m"},
        lambda bench: (bench.ready(), bench.host.settings(effective=True)["connectors"]["SQL"]["dll"]),  # type: ignore[index]  # plain JSON
        ("ready", "loadable"),
        ("DllNotLoadable", "access_denied"),
        ("DllNotLoadable", "access_denied"),
        lasts=True,
    ),
}
EACH = pytest.mark.parametrize("story", STORIES.values(), ids=STORIES)


def without_time(said: object) -> object:
    """The same fault, for as long as nothing ends it."""
    if not isinstance(said, dict):
        return said
    ((name, given),) = said.items()
    return name if given in ("9m", {"for": "9m"}) else said


def test_each_fault_of_the_group_has_its_story() -> None:
    """A fault without a test fails here."""
    assert list(STORIES) == GROUP


@EACH
def test_the_host_is_in_the_state_from_then_on(story: Story) -> None:
    """Before it looks healthy, and then not."""
    assert story.look(Bench()) == story.healthy
    bench = Bench()
    bench.act(without_time(story.said) if story.look is import_brings_bob else story.said)
    assert story.look(bench) == story.faulty


@EACH
def test_acting_again_changes_nothing(story: Story) -> None:
    """A rule that fires twice leaves the host as one that fired once; the time does not begin anew."""
    bench = Bench()
    said = without_time(story.said) if story.look is import_brings_bob else story.said
    bench.act(said)
    bench.host.clock.advance(300)
    jobs = len(bench.host.clock._jobs)
    bench.act(said)
    assert len(bench.host.clock._jobs) == jobs
    assert story.look(bench) == story.faulty


@EACH
def test_it_ends_by_itself(story: Story) -> None:
    """After the time that it was given, if it can be given one."""
    assert ("for" in faults.find(read(story.said)[0].fault.name).parameters) is story.lasts
    if story.lasts:
        bench = Bench()
        bench.act(story.said)
        bench.host.clock.advance(539)
        bench.host.clock.advance(1)
        assert story.look(bench) == story.healthy


@EACH
def test_a_restart_ends_what_a_restart_would_end(story: Story) -> None:
    """What is in the service's memory is gone; files, folders and the connected system are as they were."""
    bench = Bench()
    bench.act(without_time(story.said))
    bench.service("restart")
    assert story.look(bench) == story.restarted


@EACH
def test_a_fresh_host_knows_nothing_of_it(story: Story) -> None:
    """A reset builds the host anew, and that is the end of every state."""
    Bench().act(story.said)
    assert story.look(Bench()) == story.healthy


@EACH
def test_a_request_to_nobody_is_no_trouble(story: Story) -> None:
    """Where no connector is meant nothing happens; Debug is the service's own."""
    bench = Bench()
    bench.act(story.said, "", connector=None)
    assert story.look(bench) == (story.faulty if story.look is debug else story.healthy)


@EACH
def test_the_connector_may_be_another_than_the_one_that_is_asked(story: Story) -> None:
    """A fault on SQL may be brought about by a request to LDAP; one on nobody is refused, naming those there are."""
    (chosen,) = read(story.said)
    if "connector" not in chosen.fault.parameters:
        return
    given = {key: value for key, value in chosen.parameters.items() if value is not None}
    given.pop("for", None)
    if story.look is import_brings_bob or chosen.fault.name == "importing":
        given["for"] = "9h"
    bench = Bench()
    bench.act({chosen.fault.name: {**given, "connector": "SQL"}}, connector="LDAP")
    assert story.look(bench) == story.faulty
    with pytest.raises(UsageError, match="did you mean 'SQL'"):
        bench.act({chosen.fault.name: {**given, "connector": "sql"}}, connector="LDAP")


@pytest.mark.parametrize("name", GROUP)
def test_what_is_said_of_it_can_be_read(name: str) -> None:
    """Its example and, if it needs no parameter, its bare name."""
    fault = faults.find(name)
    assert (fault.name, fault.group) == (name, "host")
    assert fault.host is not None
    assert read({name: fault.example} if fault.example is not None else name)
    if name != "object_changed":
        Bench().act(name)


# -- what each of them does besides -----------------------------------------------------------------------


def test_a_create_meets_the_object_that_somebody_else_has_created() -> None:
    """Without a change, cache_stale adds what the request wants to create, or to find, once."""
    for operation in ("create_user", "find_users"):
        bench = Bench()
        bench.act("cache_stale", operation, **BOB)
        bench.act("cache_stale", operation, **{**BOB, "ContosoLogin": "rob"})
        assert bob_is_created(bench) == (0, False, 0)
        bench.import_now("SQL")
        (bob,) = bench.found('ContosoLogin eq "bob"')
        assert bob.items() >= BOB.items()
        assert not bench.found('ContosoLogin eq "rob"')
        bench.act("cache_stale", operation, **{**BOB, "ContosoLogin": "rob"})
        bench.import_now("SQL")
        assert bench.found('ContosoLogin eq "rob"')


def test_a_request_by_id_meets_an_object_that_is_gone() -> None:
    """It is read as before, and a write to it is refused; an id that nobody has makes something else happen."""
    bench = Bench()
    bench.act("cache_stale", "get_user", ident="ljacobson")
    assert first_names(bench) == (["Lisa"], [])
    bench = Bench()
    bench.act("cache_stale", "get_user", ident="nobody")
    assert len(bench.host.system("SQL")) == 6


def test_a_find_of_somebody_who_is_there_adds_nobody_like_them() -> None:
    """What the connected system has already is not added a second time."""
    bench = Bench()
    bench.act("cache_stale", "find_users", ContosoLogin="ljacobson")
    assert len(list(bench.host.system("SQL").objects({"ContosoLogin": "ljacobson"}))) == 1


@pytest.mark.parametrize("connector", ["SQL", "LDAP"])
def test_an_object_of_no_interest_is_a_proper_one(connector: str) -> None:
    """With an anchor, and in a directory with a name; the same one each time."""
    found = []
    for _ in range(2):
        bench = Bench()
        bench.act("cache_stale", connector=connector)
        before = len(bench.connector(connector).space)
        bench.import_now(connector)
        assert len(bench.connector(connector).space) == before + 1
        found.append(list(bench.host.system(connector).objects())[-1])
    assert found[0] == found[1]
    assert ("-dn-" in found[0]) is (connector == "LDAP")


def test_changes_that_cannot_be_are_refused() -> None:
    """Unknown words and columns, and an update of every object by mistake."""
    with pytest.raises(UsageError, match="insert, update and delete, not 'add'"):
        read({"cache_stale": {"add": [BOB]}})
    for said in ({"gone": False}, {"set": {"Email": "x"}, "gone": True}):
        with pytest.raises(UsageError, match="either 'set'"):
            read({"object_changed": said})
    with pytest.raises(UsageError, match="every object"):
        read({"object_changed": {"set": {"Email": "x"}, "where": {}}})
    with pytest.raises(UsageError, match="no column 'Mail'"):
        Bench().act({"cache_stale": {"insert": [{"Mail": "x"}]}})


def test_the_object_of_the_request_is_the_one_that_changes() -> None:
    """By the id that the request names; a request without one changes nothing."""
    bench = Bench()
    bench.act({"object_changed": {"FirstName": "Elisa"}}, "get_user", ident="ljacobson")
    assert first_names(bench) == (["Lisa"], ["Elisa"])
    bench = Bench()
    bench.act({"object_changed": {"FirstName": "Elisa"}})
    assert first_names(bench) == (["Lisa"], ["Lisa"])


def test_an_object_may_vanish() -> None:
    """The cache still has it, the connected system refuses what is written to it."""
    bench = Bench()
    bench.act({"object_changed": {"gone": True}}, "get_user", ident="ljacobson")
    assert first_names(bench) == (["Lisa"], [])


@pytest.mark.parametrize(("rule", "name"), [("first_wins", "Lisa"), ("last_wins", "Elisa")])
def test_one_of_two_twins_is_imported(rule: str, name: str) -> None:
    """Which, is a behaviour; a write by way of the host reaches both."""
    bench = Bench(host={"behaviours": {"duplicate_anchor_import": rule}})
    bench.act({"duplicate_anchors": {"set": {"FirstName": "Elisa"}}}, "get_user", ident="ljacobson")
    assert first_names(bench) == ([name], ["Lisa", "Elisa"])
    bench.connector().delete("ljacobson")
    assert first_names(bench) == ([], [])


def test_twins_may_wait_for_the_next_import() -> None:
    """Without an import the cache has what it had; a generated value is the twin's own."""
    bench = Bench(host={"behaviours": {"duplicate_anchor_import": "last_wins"}})
    said = {"duplicate_anchors": {"anchor": "ljacobson", "set": {"FirstName": "Elisa"}, "import": False}}
    bench.act(said)
    assert first_names(bench) == (["Lisa"], ["Lisa", "Elisa"])
    one, other = bench.host.system("SQL").objects({"ContosoLogin": "ljacobson"})
    assert one["InternalGUID"] != other["InternalGUID"]
    bench.import_now("SQL")
    assert first_names(bench) == (["Elisa"], ["Lisa", "Elisa"])


def test_debug_may_be_written_down_and_not_read() -> None:
    """It counts from the service's next start on; and it can be switched off as well as on."""
    bench = Bench()
    bench.act({"debug_switched": {"effective": "at_restart"}})
    assert debug(bench) == (True, False)
    bench.service("restart")
    assert debug(bench) == (True, True)
    bench.act({"debug_switched": False})
    assert debug(bench) == (False, False)


def test_a_token_without_a_name_is_drawn_once() -> None:
    """The same for each match of the rule and each run, another for another connector."""
    tokens = set()
    for connector in ("SQL", "LDAP", "SQL"):
        bench = Bench()
        for _ in range(2):
            bench.act("token_rotated", connector=connector)
            tokens.add(bench.connector(connector).config.secret_token)
    assert len(tokens) == 2
    assert all(len(token) == 24 for token in tokens)


def test_a_dll_is_loaded_again_after_its_time_also_by_a_service_that_was_restarted() -> None:
    """What could not be imported at the start is imported then."""
    bench = Bench()
    bench.act({"dll_not_loadable": "9m"})
    bench.service("restart")
    assert len(bench.connector().space) == 0
    bench.host.clock.advance(540)
    assert (bench.ready(), len(bench.connector().space)) == ("ready", 5)
    assert not bench.host.pending()
