"""Kinds of connector: their refusals word for word, what they do natively, and that no password is written down."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mockhost.connectors.ecma import behaviours, dn
from mockhost.connectors.ecma.kinds import CODES, KINDS, ExportError, Kind, export_status
from mockhost.errors import ProtocolAnswer

SQL, LDAP = KINDS["generic_sql"], KINDS["generic_ldap"]

by_kind = pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.name)


def native(kind: Kind, operation: str, **given_: object) -> str:
    """What a kind does for bob, unless the test says otherwise."""
    values: Mapping[str, object] = {"ContosoLogin": "bob", "FirstName": "Bob"}
    call: dict[str, object] = {
        "table": "",
        "anchor_column": "ContosoLogin",
        "anchor": "bob",
        "changed": values,
        "whole": values,
        "dn": "CN=bob,OBJECT=USER",
        **given_,
    }
    return kind.native(operation, **call)  # type: ignore[arg-type]  # one map for all keywords


# -- refusals ----------------------------------------------------------------------------------------------------


def test_a_null_value_is_refused_in_the_documented_words() -> None:
    """Microsoft Learn, Configuring … into a SQL database, Troubleshooting provisioning errors."""
    error = SQL.null_value("FirstName", "CONTOSO.dbo.Employees")
    assert error.text == (
        "ERROR [23000] [Microsoft][ODBC SQL Server Driver][SQL Server]Cannot insert the value NULL into column "
        "'FirstName', table 'CONTOSO.dbo.Employees'; column does not allow nulls."
    )
    assert error.reason == "missing_attribute"


def test_an_unknown_object_class_is_refused_in_the_documented_words() -> None:
    """Microsoft Learn, Troubleshoot on-premises application provisioning, Common errors: code, full stop, text."""
    error = LDAP.unknown_object_class("inetOrgPersn")
    assert str(error) == "ExportErrorCustomContinueRun. objectClass: value number invalid per syntax"


def test_a_dn_that_is_none_is_refused_in_the_documented_words() -> None:
    """The same table of common errors."""
    with pytest.raises(dn.InvalidDN) as caught:
        dn.parse("username@domain.com")
    error = SQL.invalid_dn(str(caught.value))
    assert error.text == "Invalid LDAP style of object's DN. DN: username@domain.com"
    assert error.reason == "dn"


def test_a_dll_that_may_not_be_read_is_logged_in_the_documented_words() -> None:
    """The same table: the folder's GUID is part of the published text."""
    assert SQL.dll_denied("SQL") == (
        "Could not load file or assembly 'file:///C:\\Program Files\\Microsoft ECMA2Host\\Service\\ECMA\\Cache\\"
        "8b514472-c18a-4641-9a44-732c296534e8\\Microsoft.IAM.Connector.GenericSql.dll' or one of its dependencies. "
        "Access is denied."
    )


def test_another_dll_lies_in_the_folder_of_its_connector() -> None:
    """Microsoft Learn, Provisioning with the custom connectors, Updating a custom connector DLL."""
    assert r"\ECMA\Cache\LDAP\Microsoft.IAM.Connector.GenericLdap.dll'" in LDAP.dll_denied("LDAP")


@pytest.mark.parametrize(
    ("table", "qualified"),
    [
        ("Employees", "CONTOSO.dbo.Employees"),
        ("hr.Employees", "CONTOSO.hr.Employees"),
        ("HR.dbo.Employees", "HR.dbo.Employees"),
        ("server.HR.dbo.Employees", "HR.dbo.Employees"),
        ("", "CONTOSO.dbo.Employees"),
    ],
)
def test_a_table_is_named_in_full(table: str, qualified: str) -> None:
    """With the tutorial's database and schema where the scenario names none."""
    assert f"table '{qualified}'" in SQL.null_value("FirstName", table).text


@pytest.mark.parametrize(
    ("error", "reason", "text"),
    [
        (
            SQL.duplicate("ContosoLogin", "bob", "Employees"),
            "exists",
            "Violation of UNIQUE KEY constraint 'UQ_Employees_ContosoLogin'. Cannot insert duplicate key in object "
            "'dbo.Employees'. The duplicate key value is (bob).",
        ),
        (
            SQL.bad_value("Status", "x", "hr.Employees"),
            "bad_value",
            'The conflict occurred in database "CONTOSO", table "hr.Employees", column \'Status\'.',
        ),
        (
            SQL.permission("Employees", "delete"),
            "permission",
            "The DELETE permission was denied on the object 'Employees', database 'CONTOSO', schema 'dbo'.",
        ),
        (SQL.missing_object("bob"), "missing_object", "No row of 'dbo.Employees' has the anchor 'bob'."),
        (LDAP.null_value("sn"), "missing_attribute", "object class 'inetOrgPerson' requires attribute 'sn'"),
        (LDAP.duplicate("-dn-", "CN=bob"), "exists", "The object exists."),
        (LDAP.duplicate("mail", "bob@contoso.com"), "exists", "some attributes not unique"),
        (LDAP.permission(), "permission", "The user has insufficient access rights."),
        (LDAP.missing_parent("CN=a,OU=b"), "parent", "The object does not exist."),
        (KINDS["web_services"].duplicate("userName", "BOB"), "exists", "User BOB already exists"),
        (KINDS["custom"].missing_anchor("id"), "missing_anchor", "The anchor 'id' has no value."),
    ],
)
def test_each_kind_refuses_in_its_own_words(error: ExportError, reason: str, text: str) -> None:
    """The reason is from a closed set, the words are the application's."""
    assert error.reason == reason
    assert error.code == CODES[reason]
    assert text in error.text
    assert str(error) == f"{error.code}. {error.text}"
    assert isinstance(error, ProtocolAnswer)


REFUSALS = (
    lambda kind: kind.null_value("c", "t"),
    lambda kind: kind.unknown_object_class("x"),
    lambda kind: kind.duplicate("c", "{v}", "t"),
    lambda kind: kind.duplicate("-dn-", "v", "t"),
    lambda kind: kind.missing_object("v", "t"),
    lambda kind: kind.bad_value("c", "v", "t"),
    lambda kind: kind.permission("t"),
    lambda kind: kind.missing_attribute("c"),
    lambda kind: kind.missing_anchor("c"),
    lambda kind: kind.missing_parent("cn=v"),
    lambda kind: kind.invalid_dn("v"),
)


@by_kind
@pytest.mark.parametrize("refuse", REFUSALS)
def test_every_kind_can_refuse_everything(kind: Kind, refuse: object) -> None:
    """Nothing is left unfilled, braces in values included."""
    assert callable(refuse)
    error = refuse(kind)
    assert error.text
    assert "{column}" not in error.text
    assert "{value}" not in error.text


@by_kind
def test_a_secret_value_is_never_part_of_a_refusal(kind: Kind) -> None:
    """A database would quote it; the mock does not."""
    for error in (
        kind.duplicate("Password", "hunter2"),
        kind.bad_value("userPassword", "hunter2"),
    ):
        assert "hunter2" not in str(error)


def test_a_long_value_is_cut() -> None:
    """A megabyte of client's text does not come back."""
    assert len(SQL.duplicate("ContosoLogin", "x" * 1_000_000).text) < 1000


# -- statuses ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reason", "status", "scim_type"),
    [
        ("exists", 409, "uniqueness"),
        ("missing_object", 404, None),
        ("permission", 403, None),
        ("bad_value", 400, "invalidValue"),
        ("missing_attribute", 400, "invalidValue"),
        ("missing_anchor", 400, "invalidValue"),
        ("dn", 400, "invalidValue"),
        ("parent", 500, None),
        ("other", 500, None),
    ],
)
def test_a_reason_becomes_a_status(reason: str, status: int, scim_type: str | None) -> None:
    """By the table of behaviours, since no mapping is published."""
    assert export_status(reason, behaviours.resolve()) == (status, scim_type)


def test_a_status_that_takes_no_scim_type_gets_none() -> None:
    """RFC 7644 3.12 defines scimType for 400 and 409."""
    assert export_status("exists", behaviours.resolve("current", {"export_status_exists": 500})) == (
        500,
        None,
    )
    assert export_status("exists", behaviours.resolve("current", {"export_status_exists": 400})) == (
        400,
        "uniqueness",
    )


# -- what it does natively ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "operation", "line"),
    [
        ("generic_sql", "add", "INSERT INTO Employees (ContosoLogin, FirstName) VALUES ('bob', 'Bob')"),
        ("generic_sql", "modify", "UPDATE Employees SET FirstName = 'Bob' WHERE ContosoLogin = 'bob'"),
        ("generic_sql", "delete", "DELETE FROM Employees WHERE ContosoLogin = 'bob'"),
        ("generic_sql", "password", "Set password in Employees WHERE ContosoLogin = 'bob'"),
        ("generic_ldap", "add", "LDAP add CN=bob,OBJECT=USER: ContosoLogin=bob, FirstName=Bob"),
        ("generic_ldap", "modify", "LDAP modify CN=bob,OBJECT=USER: replace FirstName=Bob"),
        ("generic_ldap", "delete", "LDAP delete CN=bob,OBJECT=USER"),
        ("generic_ldap", "password", "LDAP modify CN=bob,OBJECT=USER: replace userPassword=***"),
        ("powershell", "add", "Export script: Add ContosoLogin=bob: FirstName=Bob"),
        ("powershell", "modify", "Export script: Replace ContosoLogin=bob: FirstName=Bob"),
        ("powershell", "delete", "Export script: Delete ContosoLogin=bob"),
        ("powershell", "password", "Export script: set password of ContosoLogin=bob"),
        ("web_services", "add", 'POST /Users {"ContosoLogin": "bob", "FirstName": "Bob"}'),
        ("web_services", "modify", 'PUT /Users/bob {"ContosoLogin": "bob", "FirstName": "Bob"}'),
        ("web_services", "delete", "DELETE /Users/bob"),
        ("web_services", "password", "POST /Users: it held the initial password"),
        ("custom", "add", "PutExportEntries: Add ContosoLogin=bob: FirstName=Bob"),
        ("custom", "modify", "PutExportEntries: Update ContosoLogin=bob: FirstName=Bob"),
        ("custom", "delete", "PutExportEntries: Delete ContosoLogin=bob"),
    ],
)
def test_each_kind_writes_down_what_it_does(kind: str, operation: str, line: str) -> None:
    """One line for the journal."""
    assert native(KINDS[kind], operation) == line


def test_object_replace_sends_the_whole_object() -> None:
    """The setting of the connector counts, the kind's own where there is none."""
    given_ = {"changed": {"FirstName": "Rob"}, "whole": {"ContosoLogin": "bob", "FirstName": "Rob", "Age": 5}}
    assert (
        native(SQL, "modify", **given_) == "UPDATE Employees SET FirstName = 'Rob' WHERE ContosoLogin = 'bob'"
    )
    assert native(SQL, "modify", export_type="object_replace", **given_) == (
        "UPDATE Employees SET FirstName = 'Rob', Age = 5 WHERE ContosoLogin = 'bob'"
    )
    assert native(KINDS["web_services"], "modify", export_type="attribute_update", **given_) == (
        'PATCH /Users/bob {"FirstName": "Rob"}'
    )


def test_sql_quotes_names_and_values() -> None:
    """A value can't end its quotes, a name can't end its brackets."""
    values = {
        "First Name": "O'Brien",
        "odd]name": None,
        "On": True,
        "Age": 5,
        "Photo": b"\x01\x02",
        "Roles": ("a", "b"),
    }
    assert native(SQL, "modify", table="CONTOSO.dbo.Staff List", changed=values, anchor="x'y") == (
        "UPDATE [Staff List] SET [First Name] = 'O''Brien', [odd]]name] = NULL, On = 1, Age = 5, Photo = 0x0102, "
        "Roles = 'a; b' WHERE ContosoLogin = 'x''y'"
    )


def test_ldap_names_each_value_and_each_deletion() -> None:
    """A multi-valued attribute has a pair for each value; what is emptied is deleted."""
    changed = {"objectClass": ("inetOrgPerson", "posixAccount"), "title": None, "enabled": False}
    assert native(LDAP, "modify", changed=changed) == (
        "LDAP modify CN=bob,OBJECT=USER: replace objectClass=inetOrgPerson, objectClass=posixAccount; delete title; "
        "replace enabled=false"
    )


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.text(max_size=20),
    st.binary(max_size=4),
    st.lists(st.text()).map(tuple),
)


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from(list(KINDS.values())),
    st.sampled_from(["add", "modify", "delete", "password"]),
    st.dictionaries(st.text(min_size=1, max_size=8), VALUES, max_size=4),
    st.text(max_size=20),
)
def test_a_journal_line_is_one_line(
    kind: Kind, operation: str, values: dict[str, object], anchor: str
) -> None:
    """No value can forge another line or turn a terminal's text around, and no line is endless."""
    line = native(kind, operation, changed=values, whole=values, anchor=anchor, dn=f"CN={anchor}")
    assert line.isprintable()
    assert len(line) <= 4000 * 10  # an escaped character takes up to ten


@by_kind
@pytest.mark.parametrize("operation", ["add", "modify", "delete", "password"])
@pytest.mark.parametrize(
    "column", ["export_password", "userPassword", "unicodePwd", "Passwd", "ClientSecret"]
)
def test_no_password_is_ever_written_down(kind: Kind, operation: str, column: str) -> None:
    """Whatever the column is called that carries it."""
    for value in ("hunter2", ("hunter2", "hunter2")):
        values = {"ContosoLogin": "bob", column: value}
        assert "hunter2" not in native(kind, operation, changed=values, whole=values)


# -- the kinds themselves ----------------------------------------------------------------------------------------


def test_the_five_kinds_are_there() -> None:
    """What a scenario may name; scim comes later."""
    assert list(KINDS) == ["generic_sql", "generic_ldap", "powershell", "web_services", "custom"]


@by_kind
def test_a_kind_describes_itself(kind: Kind) -> None:
    """Closed sets where there are any, and a DN that fits."""
    assert kind.title
    assert kind.dll.endswith(".dll")
    assert kind.source.startswith("Microsoft Learn, ")
    assert kind.dn_style in ("ldap", "generic", "none")
    assert kind.export_type in ("attribute_update", "object_replace")
    assert isinstance(kind.autogenerates_dn, bool)
    assert kind.password_pass in ("first", "second")
    assert dn.is_ldap_style(f"CN=bob,{kind.container}")
