"""The gap between the connected system and the connector space, and what closes it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from mockhost.connectors.ecma.answers import Importing
from mockhost.connectors.ecma.connector import ready
from mockhost.connectors.ecma.host import Host
from mockhost.connectors.systems.memory import MemorySystem
from mockhost.errors import UsageError
from mockhost.scim import grammar
from tests.connectors.ecma.conftest import user

Hosts = Callable[..., Host]
BOB = {"ContosoLogin": "bob", "FirstName": "Bob", "LastName": "Kelly"}


def logins(host: Host) -> set[str]:
    """Who is in the connector space of SQL."""
    position = host.system("SQL").position["ContosoLogin"]
    return {str(record[position]) for record in host.connector("SQL").space.snapshot()}


def test_a_full_import_runs_when_the_service_starts(hosts: Hosts) -> None:
    """At the first moment the connector space holds what the connected system holds."""
    host = hosts()
    assert len(host.connector("SQL").space) == len(host.system("SQL")) > 0
    assert host.state()["SQL"]["last_import"] == "2026-01-01T00:00:00.000Z"


def test_a_change_in_the_target_is_seen_after_autosync_and_not_before(hosts: Hosts) -> None:
    """Autosync imports again at its interval, and again after that."""
    host = hosts()
    host.system("SQL").change({"insert": [BOB]})
    host.clock.advance(7_199)
    assert "bob" not in logins(host)
    host.clock.advance(1)
    assert "bob" in logins(host)
    host.system("SQL").change({"delete": [{"ContosoLogin": "bob"}]})
    host.clock.advance(7_200)
    assert "bob" not in logins(host)


def test_without_autosync_only_a_restart_helps(hosts: Hosts) -> None:
    """`every: never` means never."""
    host = hosts(connectors={"SQL": {"import": {"every": "never"}}})
    host.system("SQL").change({"insert": [BOB]})
    host.clock.advance(10_000_000)
    assert "bob" not in logins(host)
    host.restart()
    assert "bob" in logins(host)


def test_an_import_takes_its_virtual_time(hosts: Hosts) -> None:
    """The space fills at the end of the import, with what the system holds then."""
    host = hosts(connectors={"SQL": {"import": {"full_takes": "3m"}}})
    connector = host.connector("SQL")
    assert connector.space.importing
    assert not logins(host)
    host.clock.advance(100)
    host.system("SQL").change({"insert": [BOB]})
    host.clock.advance(80)
    assert not connector.space.importing
    assert "bob" in logins(host)


def test_a_second_import_does_not_begin_beside_a_running_one(hosts: Hosts) -> None:
    """A manual import during the first one changes nothing about when it ends."""
    host = hosts(connectors={"SQL": {"import": {"full_takes": "3m"}}})
    space = host.connector("SQL").space
    host.clock.advance(170)
    space.begin_import("full")
    host.clock.advance(10)
    assert not space.importing
    assert space.imports_done == 1


def test_a_stopped_service_imports_nothing(hosts: Hosts) -> None:
    """Jobs of a service that was stopped do not come true later."""
    host = hosts(connectors={"SQL": {"import": {"full_takes": "3m"}}})
    space = host.connector("SQL").space
    host.stop()
    host.clock.advance(100_000)
    assert space.imports_done == 0
    assert host.connectors == {}


def test_a_delta_import_brings_what_changed(hosts: Hosts) -> None:
    """With a delta profile autosync reads changes; a SQL watermark does not see deletes, a directory's log does."""
    profiles = {"import": {"profiles": ["full", "delta"]}}
    host = hosts(connectors={"SQL": profiles, "LDAP": profiles})
    host.system("SQL").change({"insert": [BOB], "delete": [{"ContosoLogin": "ljacobson"}]})
    host.system("LDAP").change({"delete": [{"cn": "bsimon"}]})
    host.clock.advance(7_200)
    assert {"bob", "ljacobson"} <= logins(host)
    parsed = grammar.parse('cn eq "bsimon"')
    assert host.connector("LDAP").find(parsed, 1, 10).total == 0
    host.connector("SQL").space.begin_import("full")
    assert "ljacobson" not in logins(host)


def test_whether_a_delta_sees_deletes_can_be_decided(hosts: Hosts) -> None:
    """The behaviour stands above the kind."""
    for seen, expected in (("always", False), ("never", True)):
        host = hosts(
            host={"behaviours": {"delta_sees_deletes": seen}},
            connectors={"SQL": {"import": {"profiles": ["full", "delta"]}}},
        )
        host.system("SQL").change({"delete": [{"ContosoLogin": "ljacobson"}]})
        host.clock.advance(7_200)
        assert ("ljacobson" in logins(host)) is expected


def test_rights_that_are_lost_later_leave_the_cache_as_it_was(hosts: Hosts) -> None:
    """A later import that may not read keeps the cache (a behaviour); after a restart there is nothing to keep."""
    for keeps in (True, False):
        host = hosts(host={"behaviours": {"failed_import_keeps_cache": keeps}})
        system = host.system("SQL")
        assert isinstance(system, MemorySystem)
        system.config = system.config._replace(rights=("write",))
        host.clock.advance(7_200)
        assert bool(logins(host)) is keeps


def test_two_objects_with_one_anchor_are_one_in_the_space(hosts: Hosts) -> None:
    """Which of them stays is a behaviour; the target keeps both."""
    for rule, name in (("first_wins", "Lisa"), ("last_wins", "Elisa")):
        host = hosts(
            host={"behaviours": {"duplicate_anchor_import": rule}},
            connectors={
                "SQL": {"system": {"columns": {"ContosoLogin": {"type": "string", "unique": False}}}}
            },
        )
        twin = {"ContosoLogin": "ljacobson", "FirstName": "Elisa", "LastName": "Jacobson"}
        host.system("SQL").change({"insert": [twin]})
        host.restart()
        _, record = host.connector("SQL").space.get("ljacobson") or (0, ())
        assert host.system("SQL").values(record)["FirstName"] == name
        assert len(host.system("SQL").find("ContosoLogin", "ljacobson")) == 2


def test_an_object_without_an_anchor_is_not_imported(hosts: Hosts) -> None:
    """What has no anchor can't be in the connector space."""
    host = hosts()
    host.system("SQL").change({"insert": [{"FirstName": "No", "LastName": "Body"}]})
    before = len(host.system("SQL"))
    host.restart()
    assert len(host.connector("SQL").space) == before - 1


def test_a_run_profile_that_there_is_not_cannot_be_run(hosts: Hosts) -> None:
    """The message names those that the Run Profiles page has."""
    space = hosts().connector("SQL").space
    with pytest.raises(UsageError, match="SQL has no run profile for a delta import; it has full"):
        space.begin_import("delta")
    space = hosts(connectors={"SQL": {"import": {"profiles": []}}}).connector("SQL").space
    with pytest.raises(UsageError, match="no import profile at all"):
        space.begin_import("full")
    space.synchronise()
    assert space.last_import is None


def twin(host: Host, **differs: str) -> None:
    """Give Lisa Jacobson a second object with her login."""
    values = {"ContosoLogin": "ljacobson", "FirstName": "Elisa", "LastName": "Jacobson", **differs}
    host.system("SQL").change({"insert": [values]})


def first_names(host: Host) -> list[str]:
    """Those of everybody in the connector space who goes by ljacobson."""
    parsed = grammar.parse('ContosoLogin eq "ljacobson"')
    found = host.connector("SQL").find(parsed, 1, 10).records
    return [str(host.system("SQL").values(record)["FirstName"]) for record in found]


@pytest.mark.parametrize("profile", ["full", "delta"])
@pytest.mark.parametrize("unique", [True, False])
@pytest.mark.parametrize(("rule", "name"), [("first_wins", "Lisa"), ("last_wins", "Elisa")])
def test_no_import_brings_two_objects_with_one_anchor(
    hosts: Hosts, rule: str, name: str, unique: bool, profile: str
) -> None:
    """Neither a full nor a delta import, whether or not the column says of itself that it is unique."""
    columns = {"ContosoLogin": {"type": "string", "unique": unique}}
    host = hosts(
        host={"behaviours": {"duplicate_anchor_import": rule}},
        connectors={"SQL": {"import": {"profiles": ["full", "delta"]}, "system": {"columns": columns}}},
    )
    twin(host)
    host.connector("SQL").space.begin_import(profile)
    assert first_names(host) == [name]
    assert len(host.connector("SQL").space) == len(host.system("SQL")) - 1


def test_anchors_that_change_places_are_followed(hosts: Hosts) -> None:
    """A delta import in which one object takes over the anchor that another gives up loses neither."""
    host = hosts(connectors={"SQL": {"import": {"profiles": ["full", "delta"]}}})
    system = host.system("SQL")
    for before, after in (("awhite", "x"), ("ljacobson", "awhite"), ("x", "ljacobson")):
        system.change({"update": {"where": {"ContosoLogin": before}, "set": {"ContosoLogin": after}}})
    host.connector("SQL").space.begin_import("delta")
    assert first_names(host) == ["Amber"]
    assert len(host.connector("SQL").space) == len(system)


def test_a_first_import_can_begin_again(hosts: Hosts) -> None:
    """The space is as after a start: empty and importing for so long, and then filled; a second wish adds nothing."""
    host = hosts()
    connector = host.connector("SQL")
    connector.space.import_first(180)
    with pytest.raises(Importing):
        ready(connector)
    assert (len(connector.space), connector.space.importing) == (0, True)
    host.clock.advance(100)
    connector.space.import_first(180)
    connector.space.begin_import("full")
    host.clock.advance(80)
    ready(connector)
    assert len(connector.space) == len(connector.system)


def test_a_first_import_breaks_a_later_one_off(hosts: Hosts) -> None:
    """An import that autosync began does not end the wait."""
    host = hosts(connectors={"SQL": {"import": {"full_takes": "1m"}}})
    connector = host.connector("SQL")
    host.clock.advance(7_230)
    assert connector.space.importing
    ready(connector)
    connector.space.import_first(180)
    host.clock.advance(179)
    with pytest.raises(Importing):
        ready(connector)
    host.clock.advance(1)
    ready(connector)
    assert logins(host)


def test_without_an_import_profile_nothing_is_lost_by_a_first_import(hosts: Hosts) -> None:
    """Who was exported through such a connector is known after the wait as before."""
    host = hosts(connectors={"SQL": {"import": {"profiles": []}}})
    connector = host.connector("SQL")
    connector.create(user(**BOB))
    connector.space.import_first(60)
    with pytest.raises(Importing):
        ready(connector)
    host.clock.advance(60)
    ready(connector)
    assert logins(host) == {"bob"}


def test_a_frozen_space_stays_as_it_is(hosts: Hosts) -> None:
    """Imports run and exports succeed; what was missed comes with the first import after the thaw."""
    host = hosts(connectors={"SQL": {"import": {"profiles": ["full", "delta"], "every": "1h"}}})
    connector = host.connector("SQL")
    before = logins(host)
    connector.space.freeze(9_000)
    connector.space.freeze(1)
    connector.create(user(**BOB))
    connector.delete("awhite")
    host.clock.advance(7_200)
    assert host.state()["SQL"]["last_import"] == "2026-01-01T02:00:00.000Z"
    assert logins(host) == before
    host.clock.advance(1_800)
    assert not connector.space.frozen
    assert logins(host) == before
    host.clock.advance(1_800)
    assert "bob" in logins(host)
    connector.space.freeze()
    host.restart()
    assert not host.connector("SQL").space.frozen
    assert "awhite" not in logins(host)


@pytest.mark.parametrize("profile", ["full", "delta"])
def test_an_emptied_space_is_filled_by_the_next_import(hosts: Hosts, profile: str) -> None:
    """Whatever its profile; emptying again what is empty takes nothing that was exported since."""
    host = hosts(connectors={"SQL": {"import": {"profiles": ["full", "delta"]}}})
    connector = host.connector("SQL")
    connector.space.empty()
    assert logins(host) == set()
    connector.create(user(**BOB))
    connector.space.empty()
    assert logins(host) == {"bob"}
    connector.space.begin_import(profile)
    assert len(logins(host)) == 6


def test_imports_that_fail_do_nothing_and_say_why(hosts: Hosts) -> None:
    """Scheduled ones and those asked for, until they are mended; each cause for itself."""
    host = hosts()
    space = host.connector("SQL").space
    before = host.state()["SQL"]["last_import"]
    space.fail_imports("failed-connection", seconds=20_000)
    space.fail_imports("another reason")
    host.system("SQL").change({"insert": [BOB]})
    host.clock.advance(7_200)
    space.begin_import("full")
    assert (host.state()["SQL"]["import_problem"], host.state()["SQL"]["last_import"]) == (
        "failed-connection",
        before,
    )
    assert "bob" not in logins(host)
    host.clock.advance(14_400)
    assert "bob" in logins(host)
    assert host.state()["SQL"]["import_problem"] is None
