"""What a connector exports, and in which of its system's words."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from mockhost.connectors.ecma.answers import DllNotLoadable
from mockhost.connectors.ecma.connector import ready
from mockhost.connectors.ecma.host import Host
from mockhost.scim.errors import ScimError
from tests.connectors.ecma.conftest import URN, user

Hosts = Callable[..., Host]
KINDS = {
    "generic_sql": "INSERT INTO",
    "powershell": "Add",
    "web_services": "POST",
    "custom": "Add",
}


def patch(**values: object) -> dict[str, object]:
    """A PATCH in Entra's usual dialect."""
    return {"Operations": [{"op": "Replace", "path": f"{URN}:{n}", "value": v} for n, v in values.items()]}


@pytest.mark.parametrize(("kind", "word"), KINDS.items())
def test_each_kind_says_natively_what_it_does(hosts: Hosts, kind: str, word: str) -> None:
    """The journal shows the native operation of the kind, and never the password."""
    connector = hosts(connectors={"SQL": {"kind": kind}}).connector("SQL")
    created = connector.create(
        user(ContosoLogin="bob", FirstName="Bob", LastName="K", export_password="S3cret!")
    )
    assert word in created.native[0]
    assert "bob" in created.native[0]
    changed = connector.patch("bob", patch(FirstName="Rob"))
    assert "Rob" in changed.native[0]
    removed = connector.delete("bob")
    assert removed.record is None
    assert not any("S3cret!" in text for text in (*created.native, *changed.native, *removed.native))


def test_a_directory_adds_an_entry_and_names_it_by_its_dn(hosts: Hosts) -> None:
    """An LDAP add shows the DN; the attribute of the RDN is filled from it."""
    connector = hosts().connector("LDAP")
    name = "CN=Ann\\, Vance,CN=CloudUsers,CN=App,DC=Contoso,DC=lab"
    created = connector.create(user(**{"-dn-": name, "objectClass": ["top", "user"]}))
    assert created.record is not None
    assert created.native[0].lower().startswith("ldap add")
    assert connector.system.values(created.record)["cn"] == "Ann, Vance"


def test_a_password_is_a_second_call(hosts: Hosts) -> None:
    """SQL and LDAP set the initial password after the export, and only when there is one."""
    connector = hosts().connector("SQL")
    with_password = connector.create(user(ContosoLogin="a", FirstName="A", LastName="B", export_password="x"))
    without = connector.create(user(ContosoLogin="b", FirstName="A", LastName="B"))
    assert len(with_password.native) == 2
    assert len(without.native) == 1


def test_object_replace_exports_the_whole_object(hosts: Hosts) -> None:
    """With ObjectReplace a change exports every attribute; with attribute update only what changed."""
    whole = hosts(connectors={"SQL": {"export_type": "object_replace"}}).connector("SQL")
    part = hosts().connector("SQL")
    assert "Jacobson" in whole.patch("ljacobson", patch(FirstName="L")).native[0]
    assert "Jacobson" not in part.patch("ljacobson", patch(FirstName="L")).native[0]


def test_a_patch_that_changes_nothing_exports_nothing(hosts: Hosts) -> None:
    """A no-op succeeds without a word to the connected system."""
    connector = hosts().connector("SQL")
    assert connector.patch("ljacobson", patch(FirstName="Lisa")).native == ()


def test_a_failed_operation_changes_nothing(hosts: Hosts) -> None:
    """Where the second of two operations fails, the first one did not happen either."""
    host = hosts()
    connector = host.connector("SQL")
    fine = {"op": "Replace", "path": f"{URN}:LastName", "value": "X"}
    broken = {"Operations": [fine, {"op": "Remove", "path": f"{URN}:FirstName"}]}
    with pytest.raises(ScimError) as refused:
        connector.patch("ljacobson", broken)
    assert refused.value.status == 400
    assert connector.system.values(connector.get("ljacobson"))["LastName"] == "Jacobson"
    assert next(host.system("SQL").objects({"ContosoLogin": "ljacobson"}))["LastName"] == "Jacobson"


@pytest.mark.parametrize("flow", [{"set": "IsActive"}, "delete", "none"])
@pytest.mark.parametrize("value", ["False", "false", False])
def test_the_disable_flow_reads_active_in_every_form(hosts: Hosts, flow: object, value: object) -> None:
    """`active` as boolean and as string sets the same flow going."""
    host = hosts(connectors={"SQL": {"deprovisioning": {"disable": flow}}})
    connector = host.connector("SQL")
    connector.patch("ljacobson", {"Operations": [{"op": "Replace", "path": "active", "value": value}]})
    objects = list(host.system("SQL").objects({"ContosoLogin": "ljacobson"}))
    if flow == "delete":
        assert objects == []
    else:
        assert objects[0]["IsActive"] is (flow == "none")


def test_an_account_without_the_right_to_write_exports_nothing(hosts: Hosts) -> None:
    """The connected system refuses, the client gets 403, the space is as before."""
    connector = hosts(connectors={"SQL": {"system": {"rights": ["read"]}}}).connector("SQL")
    for attempt in (
        lambda: connector.create(user(ContosoLogin="b", FirstName="A", LastName="B")),
        lambda: connector.patch("ljacobson", patch(FirstName="L")),
        lambda: connector.delete("ljacobson"),
    ):
        with pytest.raises(ScimError) as refused:
            attempt()
        assert refused.value.status == 403
    assert connector.get("ljacobson")


def test_a_user_whom_only_the_target_knows_is_a_conflict(hosts: Hosts) -> None:
    """The cache is asked first; what it does not know the connected system refuses."""
    host = hosts()
    host.system("SQL").change({"insert": [{"ContosoLogin": "bob", "FirstName": "B", "LastName": "K"}]})
    with pytest.raises(ScimError) as refused:
        host.connector("SQL").create(user(ContosoLogin="BOB", FirstName="B", LastName="K"))
    assert (refused.value.status, refused.value.scim_type) == (409, "uniqueness")


def test_an_integer_column_takes_numbers_in_strings(hosts: Hosts) -> None:
    """Entra sends integers as strings; what is no number is refused, naming the attribute."""
    columns = {"Age": "integer"}
    host = hosts(
        connectors={"SQL": {"system": {"columns": columns}, "selected_attributes": ["ContosoLogin", "Age"]}}
    )
    connector = host.connector("SQL")
    connector.patch("ljacobson", patch(Age="42"))
    assert next(host.system("SQL").objects({"ContosoLogin": "ljacobson"}))["Age"] == 42
    with pytest.raises(ScimError, match="Age"):
        connector.patch("ljacobson", patch(Age="many"))


def test_treat_as_single_value_keeps_the_other_values(hosts: Hosts) -> None:
    """A multi-valued attribute that is shown as single keeps what is not shown until it is written."""
    host = hosts(connectors={"LDAP": {"single_value": ["objectClass"]}})
    connector = host.connector("LDAP")
    ident = connector.object_type.id_of(next(connector.space.snapshot()))
    before = connector.system.values(connector.get(ident))["objectClass"]
    connector.patch(ident, patch(displayName="New"))
    assert connector.system.values(connector.get(ident))["objectClass"] == before
    connector.patch(ident, patch(objectClass="user"))
    assert connector.system.values(connector.get(ident))["objectClass"] == ("user",)


STAFF = "CN=CloudUsers,CN=App,DC=Contoso,DC=lab"
SPELLINGS = [
    "cn=bsimon,cn=cloudusers,cn=app,dc=contoso,dc=LAB",
    "CN = bsimon , CN = CloudUsers,CN=App,DC=Contoso,DC=lab",
    'CN="bsimon",CN=CloudUsers,CN=App,DC=Contoso,DC=lab',
    "CN=\\62simon,CN=CloudUsers,CN=App,DC=Contoso,DC=lab",
]


def entry(name: str) -> dict[str, object]:
    """A directory's entry by its DN."""
    return user(**{"-dn-": name, "objectClass": ["top", "user"]})


@pytest.mark.parametrize("name", SPELLINGS)
def test_two_spellings_of_one_dn_are_one_name(hosts: Hosts, name: str) -> None:
    """A directory has one entry of a name, however it is written (RFC 4514 2.4, RFC 4517 4.2.15)."""
    connector = hosts().connector("LDAP")
    with pytest.raises(ScimError) as refused:
        connector.create(entry(name))
    assert (refused.value.status, refused.value.scim_type) == (409, "uniqueness")


def test_a_name_that_is_written_oddly_is_taken_as_well(hosts: Hosts) -> None:
    """It does not matter which of the spellings came first, nor which of them the entry goes by when it is deleted."""
    connector = hosts().connector("LDAP")
    created = connector.create(entry(f"CN = bob , {STAFF}"))
    with pytest.raises(ScimError):
        connector.create(entry(f"cn=BOB,{STAFF}"))
    connector.delete(created.id)
    assert connector.create(entry(f"cn=BOB,{STAFF}")).record


def test_a_container_is_there_however_it_is_written(hosts: Hosts) -> None:
    """The parent of a new entry is found by its name, be it a container or another entry."""
    host = hosts(connectors={"LDAP": {"system": {"containers": [STAFF]}}})
    connector = host.connector("LDAP")
    assert connector.create(entry(f"CN=bob,{STAFF.replace(',', ' , ').lower()}")).record
    assert connector.create(entry(f"CN=key,CN = bob,{STAFF}")).record
    with pytest.raises(ScimError):
        connector.create(entry(f"CN=key,CN=nobody,{STAFF}"))


def test_an_entry_that_is_put_may_spell_its_name_otherwise(hosts: Hosts) -> None:
    """The same name in other letters is no rename; another name is."""
    connector = hosts().connector("LDAP")
    ident = connector.create(entry(f"CN=bob,{STAFF}")).id
    for name in (f"cn = bob,{STAFF}", f"CN=\\62ob,{STAFF}"):
        assert connector.replace(ident, entry(name)).record
    with pytest.raises(ScimError) as refused:
        connector.replace(ident, entry(f"CN=rob,{STAFF}"))
    assert refused.value.scim_type == "mutability"


def test_an_object_is_looked_for_by_its_name(hosts: Hosts) -> None:
    """Changes behind the host's back name an object by any spelling of its DN."""
    system = hosts().system("LDAP")
    assert system.change({"update": {"where": {"-dn-": SPELLINGS[1]}, "set": {"displayName": "B"}}}) == 1
    assert [found["cn"] for found in system.objects({"cn": "bsimon", "-dn-": SPELLINGS[2]})] == ["bsimon"]


def test_a_dll_that_may_not_be_loaded_answers_and_imports_nothing(hosts: Hosts) -> None:
    """Taken away from a running connector and given back; a restart reads what is configured."""
    host = hosts()
    connector = host.connector("SQL")
    connector.deny_dll()
    with pytest.raises(DllNotLoadable, match="Access is denied"):
        ready(connector)
    connector.space.begin_import("full")
    assert "Access is denied" in str(host.state()["SQL"]["import_problem"])
    connector.allow_dll()
    ready(connector)
    connector.deny_dll()
    host.restart()
    ready(host.connector("SQL"))


def test_a_dll_that_could_not_be_loaded_at_the_start_imports_once_it_can(hosts: Hosts) -> None:
    """The first import and autosync, which the start of the service would have begun, begin then."""
    host = hosts(connectors={"SQL": {"dll": "access_denied"}})
    connector = host.connector("SQL")
    host.clock.advance(10_000)
    assert len(connector.space) == 0
    connector.allow_dll()
    assert len(connector.space) == len(connector.system)
    host.system("SQL").change({"insert": {"ContosoLogin": "bob"}})
    host.clock.advance(7_200)
    assert connector.space.get("bob")


def test_another_token_counts_until_the_service_starts_again(hosts: Hosts) -> None:
    """What is configured is read at the next start."""
    host = hosts()
    before = host.connector("SQL").config.secret_token
    host.connector("SQL").rotate_token("another-secret-token")
    assert host.connector("SQL").config.secret_token == "another-secret-token"
    host.restart()
    assert host.connector("SQL").config.secret_token == before
