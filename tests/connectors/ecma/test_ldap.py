"""A part of an LDAP directory as the connected system: what needs no server, and a real OpenLDAP."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from mockhost import MockHost
from mockhost.connectors.ecma.config import Column, LdapConfig
from mockhost.connectors.ecma.host import Host
from mockhost.connectors.systems import directory, ldap, slapd
from mockhost.connectors.systems.directory import Directory, DirectoryError
from mockhost.connectors.systems.ldap import LdapSystem
from mockhost.errors import CannotRun, NotInstalled, UsageError
from mockhost.scim.errors import ScimError
from tests.connectors.ecma.conftest import URN, make_host, user
from tests.servers import OpenLdap, openldap

BASE = "ou=people,dc=lab"
CONFIG = LdapConfig("ldap://127.0.0.1", BASE)


# -- without a server ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "term"),
    [
        ("bob", "(cn=bob)"),
        ("*)(cn=*", "(cn=\\2a\\29\\28cn=\\2a)"),
        ("José\\\0", "(cn=Jos\\c3\\a9\\5c\\00)"),
        (True, "(cn=TRUE)"),
        (("a", "b"), "(cn=a)(cn=b)"),
        (None, "(!(cn=*))"),
        ((), "(!(cn=*))"),
    ],
)
def test_a_value_stays_a_value_in_a_filter(value: Any, term: str) -> None:
    """RFC 4515: nothing in it means anything."""
    assert ldap._term(Column("cn"), value) == term


@pytest.mark.parametrize("names", [["cn", "cn;lang-de"], ["CN;lang-de", "cn"], ["cn"], ["cn;binary"]])
def test_an_attribute_without_options_counts_before_one_with_them(names: list[str]) -> None:
    """It is also the one that exports write."""
    values = {name: [name.encode()] for name in names}
    found = directory._entry({"dn": "cn=x", "raw_attributes": values}).attributes
    assert found == {"cn": values.get("cn", values[names[0]])}


def test_a_search_that_is_refused_without_words_says_what_it_means() -> None:
    """Words of the server's own stay as they are."""
    host = make_host(connectors={"SQL": None, "LDAP": page(url="ldap://127.0.0.1:1")})
    system = host.system("LDAP")
    assert isinstance(system, LdapSystem)
    few = system._unread(DirectoryError(4, "sizeLimitExceeded", "")).message
    assert few.startswith(
        "LDAP: the directory can't be read: sizeLimitExceeded (the base has more entries than"
    )
    assert system._unread(DirectoryError(32, "noSuchObject", "no base")).message.endswith(
        "noSuchObject: no base"
    )
    host.close()


def test_columns_are_those_of_the_object_class_and_of_what_it_derives_from() -> None:
    """Types by syntax; the password is not among them, and what the directory keeps is on request only."""
    directory._ldap3()
    from ldap3 import SchemaInfo
    from ldap3.protocol.schemas.slapd24 import slapd_2_4_schema

    schema = SchemaInfo.from_json(slapd_2_4_schema)
    columns = ldap._columns(schema, CONFIG)
    assert [name for name, column in columns.items() if column.required] == ["objectClass", "sn", "cn"]
    shown = ("mail", "displayName", "jpegPhoto", "manager")
    assert {name: (columns[name].type, columns[name].multi_valued) for name in shown} == {
        **{"mail": ("string", True), "displayName": ("string", False)},
        **{"jpegPhoto": ("binary", True), "manager": ("reference", True)},
    }
    assert not {"userPassword", "entryUUID"} & set(columns)
    kept = ldap._columns(schema, CONFIG._replace(operational=True))["entryUUID"]
    assert (kept.generated, kept.unique, kept.required) == ("system", True, False)
    with pytest.raises(UsageError, match="no object class 'inetOrgPersn'; did you mean 'inetOrgPerson'"):
        ldap._columns(schema, CONFIG._replace(object_class="inetOrgPersn"))


def test_without_slapd_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda *_, **__: None)
    with pytest.raises(NotInstalled, match="needs slapd, which is not installed; run: apt-get install slapd"):
        make_host(connectors=own())


def own(**system: Any) -> dict[str, Any]:
    """The LDAP connector in front of a directory of the mock's own."""
    return {"SQL": None, "LDAP": page(url="ldap://", rows="replace", **system)}


def page(*, anchor: str = "dn", columns: Any = None, system: Any = None, **where: Any) -> dict[str, Any]:
    held: Any = columns or {
        **{"objectGUID": None, "userPrincipalName": None, "msDS-UserAccountDisabled": None, "uid": "string"},
        "objectClass": {"values": None},
    }
    return {
        "anchor": anchor,
        "selected_attributes": None,
        "import": {"profiles": ["full", "delta"]},
        "system": {"columns": held, "objects": None, "table": None, "ldap": {"base": BASE, **where}}
        | (system or {}),
    }


# -- a server that is there ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def server() -> Iterator[OpenLdap]:
    """One server for the module."""
    with openldap() as made:
        yield made


@pytest.fixture
def people(server: OpenLdap) -> OpenLdap:
    """The container with lisa and david, and nothing else."""
    with server.directory().session() as session:
        if session.exists(BASE):
            found = [each.dn for each in session.search(BASE, "(objectClass=*)", ["1.1"])]
            for name in sorted(found, key=len, reverse=True):
                session.delete(name)
    server.add(BASE, objectClass="organizationalUnit", ou="people")
    for name in ("lisa", "david"):
        server.person(name)
    return server


def there(server: OpenLdap, **more: Any) -> dict[str, Any]:
    """The LDAP connector in front of that server, its columns read from the schema."""
    where = {"url": server.url, "user": "cn=admin,dc=lab", "password": server.password}
    made = page(**{**where, **more})
    made["system"]["columns"] = more.get("columns")
    return {"SQL": None, "LDAP": made}


@contextlib.contextmanager
def host_on(server: OpenLdap, **more: Any) -> Iterator[Host]:
    made = make_host(connectors=there(server, **more))
    try:
        yield made
    finally:
        made.close()


def names(host: Host) -> list[str]:
    """The first RDNs in the cache."""
    connector = host.connector("LDAP")
    return sorted(connector.object_type.dn_of(each).partition(",")[0] for each in connector.space.snapshot())


def entry(server: OpenLdap, name: str, *wanted: str) -> dict[str, list[str]]:
    """Attributes of an entry as another program sees them."""
    with server.directory().session() as session:
        [found] = session.search(f"cn={name},{BASE}", "(objectClass=*)", wanted, "BASE")
    return {key: [each.decode() for each in values] for key, values in found.attributes.items()}


BOB = {"-dn-": f"cn=bob,{BASE}", "sn": ["Kelly"], "objectClass": ["inetOrgPerson"]}


@pytest.mark.slow
def test_exports_reach_the_directory_and_imports_read_it(people: OpenLdap) -> None:
    """Add, password, modify, delete; the naming attribute comes from the DN."""
    with host_on(people) as host:
        assert names(host) == ["cn=david", "cn=lisa"]
        connector = host.connector("LDAP")
        made = connector.create(user(**BOB, export_password="Pa55-w0rd", jpegPhoto=["AQI="]))
        assert made.native[-1] == f"LDAP modify cn=bob,{BASE}: replace userPassword=***"
        assert entry(people, "bob", "cn", "sn") == {"cn": ["bob"], "sn": ["Kelly"]}
        with people.directory(f"cn=bob,{BASE}", "Pa55-w0rd").session():
            pass
        change = [
            {"op": "replace", "path": f"{URN}:sn", "value": ["Kent", "K"]},
            {"op": "remove", "path": f"{URN}:jpegPhoto"},
        ]
        connector.patch(made.id, {"Operations": change})
        assert entry(people, "bob", "sn", "jpegPhoto") == {"sn": ["Kent", "K"]}
        connector.delete(made.id)
        assert names(host) == ["cn=david", "cn=lisa"]
        people.delete("lisa")
        with pytest.raises(ScimError, match="MissingObject"):
            connector.delete(f"cn=lisa,{BASE}")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("values", "status", "words", "driver"),
    [
        ({"sn": None}, 400, "object class 'inetOrgPerson' requires attribute 'sn'", "objectClassViolation: obj"),
        ({"objectClass": ["inetOrgPersn"]}, 500, "objectClass: value #0 invalid per syntax", "invalidAttributeS"),
        ({"objectClass": ["person"], "uid": ["b"]}, 400, "attribute 'uid' not allowed", "objectClassViolation: a"),
        ({"manager": ["bob"]}, 400, "manager: value #0 invalid per syntax", "invalidAttributeSyntax: manager"),
        ({"mail": ["lisa@contoso.example"]}, 409, "non-unique attributes found", "constraintViolation: "),
        ({"-dn-": f"cn=bob,ou=sales,{BASE}"}, 500, "The object does not exist.", "noSuchObject"),
        ({"-dn-": "cn=bob,dc=elsewhere"}, 500, "The object does not exist.", ""),
    ],
)  # fmt: skip
def test_it_refuses_in_its_own_words(
    people: OpenLdap, values: dict[str, object], status: int, words: str, driver: str
) -> None:
    """And nothing is mirrored."""
    with host_on(people) as host:
        with pytest.raises(ScimError, match=r".") as caught:
            host.connector("LDAP").create(user(**{**BOB, **values}))
        assert caught.value.status == status, caught.value.detail
        assert words in caught.value.detail
        assert "".join(caught.value.native).startswith(driver)
        assert names(host) == ["cn=david", "cn=lisa"]


@pytest.mark.slow
def test_an_entry_that_the_cache_does_not_know_is_a_duplicate(people: OpenLdap) -> None:
    with host_on(people) as host:
        people.person("bob")
        with pytest.raises(ScimError, match="ExportErrorDuplicateAnchor") as caught:
            host.connector("LDAP").create(user(**BOB))
        assert caught.value.status == 409


@pytest.mark.slow
def test_an_account_without_rights_reads_only(people: OpenLdap) -> None:
    with host_on(people, user="cn=reader,dc=lab") as host:
        assert len(names(host)) == 2
        with pytest.raises(ScimError, match=r"PermissionIssue\. no write access to parent") as caught:
            host.connector("LDAP").create(user(**BOB))
        assert caught.value.status == 403


@pytest.mark.slow
def test_a_delta_import_follows_the_time_of_the_last_change(people: OpenLdap) -> None:
    """Also when this host has exported since; an entry that is gone is not missed."""
    with host_on(people) as host:
        connector = host.connector("LDAP")
        people.person("carol")
        threading.Event().wait(1.1)  # the times of a directory are whole seconds
        connector.create(user(**BOB))
        connector.space.begin_import("delta")
        assert names(host) == ["cn=bob", "cn=carol", "cn=david", "cn=lisa"]
        people.delete("carol")
        connector.space.begin_import("delta")
        assert "cn=carol" in names(host)
        connector.space.begin_import("full")
        assert "cn=carol" not in names(host)


@pytest.mark.slow
def test_results_are_read_page_by_page(people: OpenLdap, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(directory, "PAGE", 3)
    for n in range(8):
        people.person(f"user{n}")
    with host_on(people) as host:
        assert len(names(host)) == 10


@pytest.mark.slow
def test_the_directory_gives_the_anchor(people: OpenLdap) -> None:
    """`entryUUID` is known once the entry is there, and finds it."""
    with host_on(people, anchor="entryUUID", operational=True) as host:
        connector = host.connector("LDAP")
        made = connector.create(user(**BOB))
        assert len(made.id) == 36
        connector.patch(made.id, {"Operations": [{"op": "replace", "path": f"{URN}:sn", "value": "Kent"}]})
        assert entry(people, "bob", "sn") == {"sn": ["Kent"]}
        connector.space.begin_import("delta")
        connector.delete(made.id)
        assert names(host) == ["cn=david", "cn=lisa"]


@pytest.mark.slow
def test_a_write_that_is_not_to_happen_is_not_sent(people: OpenLdap) -> None:
    """But what is there already is found out."""
    rule = {"when": {"operation": "create_user"}, "fault": {"http_error": 503}, "times": 1}
    overrides: Any = {"host": {"tls": "plain_http"}, "rules": [rule]}
    with MockHost("basics/healthy", control=False, connectors=there(people), **overrides) as mock:
        body: Any = user(**BOB, export_password="x")

        def post() -> int:
            return mock.session("LDAP").post(f"{mock.url('LDAP')}/Users", json=body).status_code

        assert [post(), len(mock.objects("LDAP"))] == [503, 2]
        assert [post(), len(mock.objects("LDAP"))] == [201, 3]
        people.person("eve")
        with mock.runtime.host.connector("LDAP").trial(), pytest.raises(ScimError, match="Duplicate"):
            mock.runtime.host.connector("LDAP").create(user(**{**BOB, "-dn-": f"cn=eve,{BASE}"}))


@pytest.mark.slow
def test_changes_behind_the_hosts_back(people: OpenLdap) -> None:
    with MockHost("basics/healthy", control=False, connectors=there(people)) as mock:
        bob = {**BOB, "cn": ["bob"]}
        mock.change({"LDAP": {"insert": [bob], "update": [{"where": {"cn": "lisa"}, "set": {"sn": ["L"]}}]}})
        mock.change({"LDAP": {"delete": [{"-dn-": f"CN=David, {BASE}"}]}})
        assert sorted(str(each["cn"]) for each in mock.objects("LDAP")) == ["['bob']", "['lisa']"]
        assert entry(people, "lisa", "sn") == {"sn": ["L"]}
        for change, words in {
            "insert": ([{"cn": ["x"]}], "needs -dn-"),
            "update": ([{"where": {}, "set": {"-dn-": "cn=x"}}], "can't be changed"),
            "delete": ([{"cn": "*)(cn=*"}, {"cn": []}], ""),
        }.items():
            with pytest.raises(UsageError, match=words[1]) if words[1] else contextlib.nullcontext():
                mock.change({"LDAP": {change: words[0]}})
        assert len(mock.objects("LDAP")) == 2
        with pytest.raises(UsageError, match="requires attribute 'sn'; 1 were changed before it"):
            mock.change(
                {
                    "LDAP": {
                        "insert": [
                            {**bob, "-dn-": f"cn=e,{BASE}", "cn": ["e"]},
                            {**bob, "-dn-": f"cn=f,{BASE}", "sn": None},
                        ]
                    }
                }
            )
        assert len(mock.objects("LDAP")) == 3


@pytest.mark.slow
def test_what_is_wrong_with_the_account_is_told_without_the_password(people: OpenLdap) -> None:
    """The service starts; import and export say why they fail."""
    columns = {"cn": "string", "sn": "string", "objectClass": {"type": "string", "multi_valued": True}}
    with host_on(people, password="canary-that-is-wrong", columns=columns) as host:
        problem = str(host.state_of("LDAP")["import_problem"])
        assert "invalidCredentials" in problem
        with pytest.raises(ScimError, match=r"invalidCredentials") as caught:
            host.connector("LDAP").create(user(**{**BOB, "sn": "Kelly"}))
        assert "canary" not in problem + caught.value.detail + str(caught.value.native)


@pytest.mark.slow
def test_a_url_may_end_in_a_slash(people: OpenLdap) -> None:
    """As `urlunsplit` and many configurations write it."""
    with host_on(people, url=f"{people.url}/") as host:
        assert names(host) == ["cn=david", "cn=lisa"]


@pytest.mark.slow
def test_entries_are_the_directorys_own_unless_the_scenario_says_so(people: OpenLdap) -> None:
    with host_on(people) as host, pytest.raises(UsageError, match="the directory's own"):
        host.reset("LDAP")
    mine = page(url=people.url, user="cn=admin,dc=lab", password=people.password, rows="replace")
    mine["system"]["objects"] = [{**BOB, "sn": "Kelly", "cn": "bob"}]
    with MockHost("basics/healthy", control=False, connectors={"SQL": None, "LDAP": mine}) as mock:
        assert [each["cn"] for each in mock.objects("LDAP")] == ["bob"]
        mock.change({"LDAP": {"delete": [{"cn": "bob"}]}})
        mock.reset_connector("LDAP")
        assert [each["cn"] for each in mock.objects("LDAP")] == ["bob"]


# -- a directory of the mock's own --------------------------------------------------------------------------


@pytest.mark.slow
def test_a_directory_of_the_mocks_own_goes_with_it() -> None:
    """Its process and its files."""
    host = make_host(connectors=own())
    system = host.system("LDAP")
    assert isinstance(system, LdapSystem)
    assert system._own is not None
    process, folder = system._own._process, system._own._folder.path
    assert process is not None
    assert process.poll() is None
    host.close()
    assert process.poll() is not None
    assert not folder.exists()


@pytest.mark.slow
def test_one_process_has_some_directories_and_not_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is a process, and a document from the network can ask for them."""
    monkeypatch.setattr(slapd, "MOST", 0)
    slapd_is_there()
    with pytest.raises(CannotRun, match="there are 0 directories of the mock's own already"):
        make_host(connectors=own())


def slapd_is_there() -> None:
    from tests.servers import program

    program("slapd", "/usr/sbin")


@pytest.mark.slow
def test_it_ends_with_a_process_that_is_killed() -> None:
    """Nobody is left to end it."""
    slapd_is_there()
    code = """
from mockhost.connectors.systems.slapd import Slapd
made = Slapd()
made.start()
print(made._socket, flush=True)
input()
"""
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        socket = process.stdout.readline().strip()
        server = Directory("ldapi://" + socket.replace("/", "%2F"), "", "", 5)
        with server.session():
            pass
        os.kill(process.pid, signal.SIGKILL)
    for _ in range(200):
        try:
            with server.session():
                pass
        except DirectoryError:
            return
        threading.Event().wait(0.05)
    pytest.fail("slapd is still there")
