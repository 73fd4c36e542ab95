"""`--data`: what clients wrote to a SCIM service provider is there in the next host, as they left it."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from mockhost import MockHost
from mockhost.clock import Chance, VirtualClock
from mockhost.connectors.kept import Kept
from mockhost.connectors.provider.bulk import BULK_REQUEST
from mockhost.connectors.provider.config import ProviderConfig
from mockhost.connectors.provider.provider import Provider
from mockhost.errors import CannotRun, UsageError
from mockhost.people import PeopleConfig
from mockhost.scim.errors import ScimError
from tests.connectors.killing import everybody, kill_while_writing
from tests.connectors.provider.making import BASE, add, found, group, patch, read, user

CONFIG = ProviderConfig(
    people=PeopleConfig(4),
    objects={
        "User": [{"userName": "ann", "id": "a"}, {"userName": "bea", "id": "b"}],
        "Group": [
            {"displayName": "One", "id": "g1", "members": [{"value": "a"}, {"value": "b"}]},
            {"displayName": "Two", "id": "g2", "members": [{"value": "g1"}, {"value": "a"}]},
        ],
    },
)


@contextlib.contextmanager
def kept(
    folder: Path, config: ProviderConfig = CONFIG, clock: VirtualClock | None = None
) -> Iterator[Provider]:
    """A provider that keeps what is written: another process, as far as the data is concerned."""
    file = Kept(folder)
    try:
        provider = Provider(config, clock or VirtualClock("frozen"), Chance(7))
        provider.keep(file.store(provider.name, provider.made_from()))
        yield provider
    finally:
        file.close()


def world(provider: Provider) -> list[Any]:
    """All that a client can see, in order, and the next id."""
    seen: list[Any] = [list(provider.resources(type_.name)) for type_ in provider.types]
    with provider.trial():
        return [*seen, provider.new_id()]


def test_all_that_a_client_sees_is_as_it_was(tmp_path: Path) -> None:
    """Resources of the crowd, of the scenario and of clients; members, groups, times, versions and ids."""
    clock = VirtualClock("frozen")
    with kept(tmp_path, clock=clock) as provider:
        clock.advance(60)
        new, gone = add(provider, "cid", "dan")
        person = str(next(iter(provider.resources("User")))["id"])
        patch(provider, "User", person, {"op": "replace", "path": "displayName", "value": "P\n1"})
        patch(provider, "User", "a", {"op": "replace", "path": "password", "value": "secret"})
        patch(
            provider,
            "Group",
            "g1",
            {"op": "add", "path": "members", "value": [{"value": new}, {"value": person}]},
        )
        provider.delete("User", gone)
        provider.delete("User", "b")
        before = world(provider)
    with kept(tmp_path) as provider:
        assert world(provider) == before
        seen = read(provider, "User", person)
        assert (seen["displayName"], seen["meta"]["version"]) == ("P\n1", 'W/"2"')
        assert seen["meta"]["created"] < seen["meta"]["lastModified"]
        assert [each["value"] for each in read(provider, "Group", "g1")["members"]] == ["a", new, person]
        assert found(provider, "User", filter='userName eq "CID"') == ["cid"]
        assert gone not in add(provider, "eve")


def test_the_objects_of_the_start_keep_their_time(tmp_path: Path) -> None:
    """Also if nothing was written before the end, and the next clock stands elsewhere."""
    with kept(tmp_path) as provider:
        before = world(provider)
    later = VirtualClock("frozen", start=2_000_000_000.0)
    with kept(tmp_path, clock=later) as provider:
        assert world(provider) == before


@pytest.mark.parametrize("seed", range(6))
def test_whatever_is_written_is_kept_or_taken_back(tmp_path: Path, seed: int) -> None:
    """Random writes, some of them on trial and some that fail; after each few, another process sees the same."""
    chance = random.Random(seed)
    clock = VirtualClock("frozen")
    for _ in range(8):
        with kept(tmp_path, clock=clock) as provider:
            for _ in range(chance.randrange(1, 12)):
                clock.advance(1)
                before = world(provider)
                if chance.random() < 0.3:
                    with provider.trial():
                        write(provider, chance)
                    assert world(provider) == before
                else:
                    write(provider, chance)
            before = world(provider)
        with kept(tmp_path) as provider:
            assert world(provider) == before


def write(provider: Provider, chance: random.Random) -> None:
    """One write, which may be refused."""
    users = [str(each["id"]) for each in provider.resources("User")]
    groups = [str(each["id"]) for each in provider.resources("Group")]
    everybody = [*users, *groups, "stranger"]
    some = [{"value": each} for each in chance.sample(everybody, chance.randrange(len(everybody)))]
    one, other = chance.choice([*users, "nobody"]), chance.choice([*groups, "nobody"])
    name = f"u{chance.randrange(12)}"
    operation = {"op": chance.choice(["add", "replace", "remove"]), "path": "members", "value": some}
    bulk = [
        {"method": "POST", "path": "/Users", "bulkId": "x", "data": user(name)},
        {"method": "PATCH", "path": f"/Groups/{other}", "data": {
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
            "Operations": [{"op": "add", "path": "members", "value": [{"value": "bulkId:x"}]}]}},
        {"method": "DELETE", "path": f"/Users/{one}"},
    ]  # fmt: skip
    steps = (
        lambda: provider.create("User", user(name), base=BASE),
        lambda: provider.create("Group", {**group(name), "members": some}, base=BASE),
        lambda: provider.replace("User", one, user(name, title="T"), base=BASE),
        lambda: provider.replace("Group", other, {**group("G"), "members": some}, base=BASE),
        lambda: patch(provider, "Group", other, operation),
        lambda: patch(provider, "Group", other, operation),
        lambda: patch(provider, "Group", other, {"op": "remove", "path": f'members[value eq "{one}"]'}),
        lambda: provider.delete("User", one),
        lambda: provider.delete("Group", other),
        lambda: provider.bulk({"schemas": [BULK_REQUEST], "Operations": bulk}, base=BASE),
        lambda: provider.put_object("Group", {"displayName": name, "members": some}),
    )
    with contextlib.suppress(ScimError):
        chance.choice(steps)()


def test_a_write_that_can_not_be_kept_is_not_made(tmp_path: Path) -> None:
    """No part of it; memory and file go on together."""
    with kept(tmp_path) as provider:
        add(provider, "cid")
        before = world(provider)
        store: Any = provider._store
        store._kept._connection.execute("PRAGMA query_only=ON")
        for seed in range(300):
            with contextlib.suppress(CannotRun):
                write(provider, random.Random(seed))
            assert world(provider) == before
        with pytest.raises(
            CannotRun, match=r"a change of SCIM can't be kept in .*: attempt to write a readonly"
        ):
            add(provider, "dan")
        store._kept._connection.execute("PRAGMA query_only=OFF")
        add(provider, "dan")
        before = world(provider)
    with kept(tmp_path) as provider:
        assert world(provider) == before


def test_a_bulk_is_in_the_file_whole(tmp_path: Path) -> None:
    """It is one transaction; what it was refused is not there, what it was granted is."""
    with kept(tmp_path) as provider:
        statements: list[str] = []
        store: Any = provider._store
        store._kept._connection.set_trace_callback(statements.append)
        data = [user("cid"), user("ann"), group("Three", "bulkId:1", "bulkId:0")]
        paths = ["/Users", "/Users", "/Groups"]
        operations = [
            {"method": "POST", "path": path, "bulkId": str(n), "data": each}
            for n, (path, each) in enumerate(zip(paths, data, strict=True))
        ]
        provider.bulk({"schemas": [BULK_REQUEST], "Operations": operations[:2]}, base=BASE)
        assert [each for each in statements if each in ("BEGIN IMMEDIATE", "COMMIT")] == [
            "BEGIN IMMEDIATE",
            "COMMIT",
        ]
        before = world(provider)
    with kept(tmp_path) as provider:
        assert world(provider) == before
        assert found(provider, "User")[-1] == "cid"


@pytest.mark.parametrize(
    "other",
    [
        {"people": PeopleConfig(5)},
        {"objects": {}},
        {"schemas": {"urn:x:y": {"attributes": {"badge": "string"}, "extends": "User"}}},
    ],
)
def test_other_objects_or_schemas_are_refused(tmp_path: Path, other: dict[str, Any]) -> None:
    with kept(tmp_path):
        pass
    with (
        pytest.raises(UsageError, match="belongs to other columns or objects of SCIM"),
        kept(tmp_path, CONFIG._replace(**other)),
    ):
        pass
    with kept(tmp_path, CONFIG._replace(max_results=7, page_size=3)):
        pass


# -- in a host -----------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def mock(folder: Path, scenario: Any = "basics/scim", **more: Any) -> Iterator[MockHost]:
    """A host that keeps its data, not listening."""
    host = MockHost(scenario, control=False, data=folder, **more)
    try:
        yield host
    finally:
        host.runtime.close()


def names(host: MockHost, connector: str = "SCIM") -> list[Any]:
    return [each.get("userName") or each.get("displayName") for each in host.objects(connector)]


def test_changes_behind_the_clients_back_are_kept_all_or_none(tmp_path: Path) -> None:
    with mock(tmp_path) as host:
        host.change({"SCIM": {"insert": [{"userName": "bob"}, {"userName": "eve"}, {"displayName": "G"}]}})
        host.change({"SCIM": {"delete": [{"userName": "bob"}], "update": [
            {"where": {"userName": "eve"}, "set": {"title": "T"}}]}})  # fmt: skip
        with pytest.raises(UsageError, match="userName"):
            host.change({"SCIM": {"insert": [{"userName": "fay"}, {"type": "User"}]}})
        assert names(host) == ["eve", "G"]
    with mock(tmp_path) as host:
        assert names(host) == ["eve", "G"]
        assert host.objects("SCIM")[0]["title"] == "T"


def test_a_reset_empties_it(tmp_path: Path) -> None:
    """Of the host, of one connector, and another scenario."""
    for again in (
        lambda host: host.reset(),
        lambda host: host.reset_connector("SCIM"),
        lambda host: host.use("basics/scim"),
    ):
        with mock(tmp_path) as host:
            host.change({"SCIM": {"insert": [{"userName": "bob"}]}})
            again(host)
            assert names(host) == []
            host.change({"SCIM": {"insert": [{"userName": "eve"}]}})
        with mock(tmp_path) as host:
            assert names(host) == ["eve"]
            host.reset()


def test_a_fork_writes_nothing(tmp_path: Path) -> None:
    """`mockhost check` plays a scenario's steps on one."""
    with mock(tmp_path) as host:
        host.change({"SCIM": {"insert": [{"userName": "bob"}]}})
        twin = host.runtime.fork()
        twin.change({"SCIM": {"insert": [{"userName": "eve"}], "delete": [{"userName": "bob"}]}})
        twin.state.served.reset("SCIM")
        twin.reset()
        assert host.check().ok
    with mock(tmp_path) as host:
        assert names(host) == ["bob"]


TENANTS: dict[str, Any] = {
    "format": 1,
    "connectors": {"SCIM": {"kind": "scim", "secret_token": "x" * 12}},
    "on_demand": {"template": "SCIM", "max": 3},
}


def test_connectors_created_on_demand_are_there_again(tmp_path: Path) -> None:
    """With their objects, unless they were reset."""
    with mock(tmp_path, TENANTS) as host:
        created(host, "one")
        created(host, "two")
        host.change({"one": {"insert": [{"userName": "bob"}]}, "two": {"insert": [{"userName": "eve"}]}})
        host.reset_connector("two")
        ids = [each["id"] for each in host.objects("one")]
    with mock(tmp_path, TENANTS) as host:
        assert host.runtime.state.served.on_demand == ["one", "two"]
        assert [each["id"] for each in host.objects("one")] == ids
        assert names(host, "two") == []
    with (
        pytest.raises(UsageError, match="belongs to another scenario: one with a connector one"),
        mock(tmp_path, {key: value for key, value in TENANTS.items() if key != "on_demand"}),
    ):
        pass


def created(host: MockHost, name: str) -> None:
    """A request to a connector that there is not yet was let in."""
    served = host.runtime.state.served
    assert served.get(name) is not None
    served.keep(name)


@pytest.mark.slow
def test_a_killed_host_loses_no_acknowledged_write(tmp_path: Path) -> None:
    """Users, memberships and whole bulks."""

    def write(client: requests.Session, url: str, name: str) -> set[str]:
        bulk = [
            {"method": "POST", "path": "/Users", "bulkId": "u", "data": user(name)},
            {"method": "POST", "path": "/Groups", "bulkId": "g", "data": group(name, "bulkId:u")},
        ]
        sent: Any = {"schemas": [BULK_REQUEST], "Operations": bulk}
        answered = client.post(f"{url}/Bulk", json=sent, timeout=120).json()["Operations"]
        ident, of_group = (each["location"].rpartition("/")[2] for each in answered)
        other = client.post(f"{url}/Users", json=user(f"{name}b"), timeout=120).json()["id"]
        adding = {"op": "add", "path": "members", "value": [{"value": other}]}
        body: Any = {"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": [adding]}
        assert client.patch(f"{url}/Groups/{of_group}", json=body, timeout=120).status_code in (200, 204)
        return {ident, other, f"{of_group} {ident}", f"{of_group} {other}"}

    def read(client: requests.Session, url: str) -> set[str]:
        users, groups = everybody(client, f"{url}/Users"), everybody(client, f"{url}/Groups")
        assert all(each["members"][0]["display"] == each["displayName"] for each in groups)
        members = {f"{each['id']} {member['value']}" for each in groups for member in each["members"]}
        return {each["id"] for each in users} | members

    kill_while_writing(tmp_path, "basics/scim", write, read)
