"""The host as a whole: configured beside effective, restarts, and the systems that outlive them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from mockhost.connectors.ecma.host import Host
from mockhost.errors import UsageError
from mockhost.scenario import loader

Hosts = Callable[..., Host]


def reconfigured(host: Host, overrides: dict[str, object]) -> bool:
    """Take over basics/healthy with overrides; whether something waits for a restart."""
    scenario = loader.load("basics/healthy", overrides=overrides)
    return host.configure(scenario.host, scenario.connectors)


def test_debug_counts_from_the_next_start(hosts: Hosts) -> None:
    """What is configured and what the running service has read are two things until it restarts."""
    host = hosts()
    assert reconfigured(host, {"host": {"debug": True}})
    assert (host.config.debug, host.debug, host.pending()) == (True, False, True)
    host.restart()
    assert (host.debug, host.pending()) == (True, False)


def test_the_first_start_may_have_read_another_debug(hosts: Hosts) -> None:
    """`debug_effective` tells what the service read before the scenario begins."""
    host = hosts(host={"debug": True, "debug_effective": False})
    assert not host.debug
    assert host.pending()
    host.restart()
    assert host.debug


def test_a_connectors_pages_count_from_the_next_start(hosts: Hosts) -> None:
    """A new selection of attributes is in the schema after a restart."""
    host = hosts()
    assert reconfigured(host, {"connectors": {"SQL": {"selected_attributes": ["ContosoLogin"]}}})
    assert len(host.connector("SQL").object_type.attributes) > 1
    host.restart()
    assert [a.name for a in host.connector("SQL").object_type.attributes] == ["ContosoLogin"]


def test_behaviours_and_rights_count_at_once(hosts: Hosts) -> None:
    """The mock's own settings and the connected system's are not the service's to read."""
    host = hosts()
    changed = {
        "host": {"behaviours": {"put": 405}},
        "connectors": {"SQL": {"system": {"rights": ["read"]}, "behaviours": {"patch_reply": "empty"}}},
    }
    assert not reconfigured(host, changed)
    assert host.connector("SQL").behaviours["put"] == 405
    assert host.connector("SQL").behaviours["patch_reply"] == "empty"
    assert host.connector("LDAP").behaviours["patch_reply"] == "user"
    assert not host.system("SQL").can("write")


def test_the_data_outlives_restarts_and_new_columns(hosts: Hosts) -> None:
    """A restart forgets the cache and not the target; a new column is empty in the objects that are there."""
    host = hosts()
    host.system("SQL").change({"insert": [{"ContosoLogin": "bob", "FirstName": "B", "LastName": "K"}]})
    reconfigured(host, {"connectors": {"SQL": {"system": {"columns": {"CostCenter": "string"}}}}})
    host.restart()
    assert host.connector("SQL").space.get("bob")
    host.system("SQL").change({"update": [{"where": {"ContosoLogin": "bob"}, "set": {"CostCenter": "9"}}]})
    assert next(host.system("SQL").objects({"CostCenter": "9"}))["ContosoLogin"] == "bob"


def test_new_objects_in_the_configuration_are_new_data(hosts: Hosts) -> None:
    """Setting the objects or the crowd of a system replaces what it held."""
    host = hosts()
    reconfigured(host, {"connectors": {"SQL": {"system": {"objects": [], "people": 7}}}})
    assert len(host.system("SQL")) == 7


def test_a_crowd_fills_the_columns_that_nobody_set(hosts: Hosts) -> None:
    """`people: 50` alone gives users whom every connector can import and find."""
    people = {"system": {"objects": [], "people": 3}}
    host = hosts(connectors={"SQL": people, "LDAP": people})
    first = next(host.system("SQL").objects())
    assert first["ContosoLogin"] == "user0000000"
    assert first["FirstName"]
    assert first["LastName"]
    assert first["IsActive"] is True
    entry = next(host.system("LDAP").objects())
    assert str(entry["-dn-"]).startswith("CN=user0000000,CN=")
    assert entry["objectGUID"]
    assert len(host.connector("LDAP").space) == 3
    assert host.connector("LDAP").space.get(str(entry["objectGUID"]))


@pytest.mark.parametrize("name", ["sql", "Sql", "NONE"])
def test_an_unknown_connector_is_named_with_what_is_near(hosts: Hosts, name: str) -> None:
    """Whoever operates the mock is told which connectors there are."""
    with pytest.raises(UsageError, match="SQL"):
        hosts().connector(name)


def test_a_connector_of_a_stopped_service_is_said_to_be_stopped(hosts: Hosts) -> None:
    """The connector is known, and not running."""
    host = hosts()
    host.stop()
    with pytest.raises(UsageError, match="not running"):
        host.connector("SQL")


def test_a_change_of_a_column_that_is_not_there(hosts: Hosts) -> None:
    """A change behind the host's back has to fit the table."""
    with pytest.raises(UsageError, match="ContosoLogin"):
        hosts().system("SQL").change({"insert": [{"ContosoLogn": "bob"}]})


def test_a_change_holds_what_the_columns_hold_or_nothing_at_all(hosts: Hosts) -> None:
    """Behind the host's back, too, a column has its type; one bad value and nothing of the change is done."""
    host = hosts(connectors={"SQL": {"system": {"columns": {"Age": "integer", "Photo": "binary"}}}})
    system = host.system("SQL")
    for bad, words in (
        ({"ContosoLogin": 5}, "5 in the column ContosoLogin, which holds texts; write it in quotes"),
        ({"ContosoLogin": ["a"]}, "a list, but the column ContosoLogin holds one value"),
        ({"Age": "old"}, "'old' in the column Age, which holds whole numbers of 64 bits"),
        ({"Age": True}, "True in the column Age, which holds whole numbers of 64 bits"),
        ({"Age": 2**63}, f"{2**63} in the column Age, which holds whole numbers of 64 bits"),
        ({"IsActive": "True"}, "'True' in the column IsActive, which holds true or false"),
        ({"Photo": "A"}, "'A' in the column Photo, which holds base64 texts"),
        ({"Phto": "AA=="}, "no column 'Phto'; did you mean 'Photo'?"),
    ):
        for change in (
            {"insert": [{"ContosoLogin": "bob"}, bad]},
            {
                "insert": [{"ContosoLogin": "bob"}],
                "update": [{"where": {"ContosoLogin": "awhite"}, "set": bad}],
            },
        ):
            with pytest.raises(UsageError) as caught:
                system.change(change)
            assert str(caught.value).endswith(words)
    with pytest.raises(UsageError, match="no column"):
        system.change({"insert": [{"ContosoLogin": "bob"}], "delete": [{"Login": "bob"}]})
    assert not list(system.objects({"ContosoLogin": "bob"}))


def test_a_change_shapes_values_and_finds_them_without_regard_to_case(hosts: Hosts) -> None:
    """One value of a multi-valued column is a list of one; every column of `where` is compared alike."""
    system = hosts().system("LDAP")
    assert (
        system.change({"insert": [{"-dn-": "CN=m,DC=x", "cn": "m", "sn": "Moe", "objectClass": "top"}]}) == 1
    )
    assert [found["objectClass"] for found in system.objects({"cn": "M"})] == [("top",)]
    assert (
        system.change(
            {"update": [{"where": {"cn": "m", "sn": "moe", "objectClass": "TOP"}, "set": {"sn": "Mu"}}]}
        )
        == 1
    )
    assert system.change({"delete": [{"sn": "MU", "cn": "M"}]}) == 1
