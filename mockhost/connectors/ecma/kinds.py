"""The kinds of connector, and everything in which one differs from another.

A kind is what the wizard's *Extension DLL* chooses. Here it is data (names, anchors, DN style, export type, the
texts with which an application refuses an export) and one function that writes down, for the journal, what such
a connector does natively: an INSERT, an LDAP add, a call of a script or of a web service. Nothing is executed.

Every text says where it comes from and how sure it is, in the words of `behaviours.py`; `docs/fidelity.md` shows
them. What no source publishes is marked `assumed` and worded by this project.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import ClassVar, Final, NamedTuple

from mockhost.connectors.ecma.config import OBJECT_DN
from mockhost.errors import ProtocolAnswer

CODES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "exists": "ExportErrorDuplicateAnchor",
        "missing_object": "ExportErrorConnectedDirectoryMissingObject",
        "permission": "ExportErrorPermissionIssue",
        "bad_value": "ExportErrorInvalidProvisioningAttributeValue",
        "missing_attribute": "ExportErrorMissingProvisioningAttribute",
        "missing_anchor": "ExportErrorMissingAnchorComponent",
        "dn": "ExportErrorInvalidDN",
        "parent": "ExportErrorCustomContinueRun",
        "other": "ExportErrorCustomContinueRun",
    }
)
"""Reason -> result code of ECMA 2 (Microsoft Learn, MAExportError Enumeration). Published for one failure only,
an unknown object class (`other`); which code a connector gives in the other cases is assumed."""

_SCIM_TYPES: Final[Mapping[str, str]] = {
    "exists": "uniqueness",
    "bad_value": "invalidValue",
    "missing_attribute": "invalidValue",
    "missing_anchor": "invalidValue",
    "dn": "invalidValue",
}


class ExportError(ProtocolAnswer):
    """A connector could not export an object. Raised and caught within this room; the client gets `message`."""

    def __init__(self, code: str, text: str, reason: str) -> None:
        super().__init__(f"{code}. {text}")
        self.code = code
        """the result code of ECMA 2"""
        self.text = text
        """the application's own words"""
        self.reason = reason
        """one of CODES"""


def export_status(reason: str, behaviours: Mapping[str, object]) -> tuple[int, str | None]:
    """HTTP status and `scimType` for an export that failed: the behaviour `export_status_<reason>`.

    Assumed: no mapping is published. A `scimType` goes with 400 and 409 only (RFC 7644 3.12).
    """
    status = behaviours[f"export_status_{reason}"]
    assert isinstance(status, int)
    return status, _SCIM_TYPES.get(reason) if status in (400, 409) else None


class Text(NamedTuple):
    """Words of an application, as a format string, and how well they are known."""

    reason: str
    words: str
    evidence: str
    source: str


_OURS = "This project's words."
_NET_LDAP = "System.DirectoryServices.Protocols (GitHub dotnet/runtime, Strings.resx)"
_OPENLDAP = "OpenLDAP slapd, diagnostic messages"
_SQL_PAGE = "Microsoft Learn, Configuring Microsoft Entra ID to provision users into a SQL database"
_LDAP_PAGE = "Microsoft Learn, Configuring Microsoft Entra ID to provision users into LDAP directories"
_TROUBLE = "Microsoft Learn, Troubleshoot on-premises application provisioning"
_WEB_PAGE = "Microsoft Learn, Provisioning with the web services connector"
_SCRIPTS = "GitHub microsoft/MIMPowerShellConnectors, src/ECMA2HostCSV"
_SAP = "Microsoft Learn, Author SAP ECC 7 Template for ECMA2Host"
_ODBC = "[Microsoft][ODBC SQL Server Driver][SQL Server]"
_CACHE = r"C:\Program Files\Microsoft ECMA2Host\Service\ECMA\Cache"

COMMON: Final[Mapping[str, Text]] = {
    "null_value": Text("missing_attribute", "The attribute '{column}' is required.", "assumed", _OURS),
    "unknown_object_class": Text("other", "The object class '{value}' is unknown.", "assumed", _OURS),
    "duplicate": Text("exists", "An object with {column} '{value}' exists already.", "assumed", _OURS),
    "missing_object": Text("missing_object", "There is no object '{value}'.", "assumed", _OURS),
    "bad_value": Text(
        "bad_value", "The value '{value}' of the attribute '{column}' is refused.", "assumed", _OURS
    ),
    "permission": Text("permission", "Access is denied.", "assumed", _OURS),
    "missing_attribute": Text(
        "missing_attribute", "The attribute '{column}' has no value.", "assumed", _OURS
    ),
    "missing_anchor": Text("missing_anchor", "The anchor '{column}' has no value.", "assumed", _OURS),
    "missing_parent": Text("parent", "There is no container for '{value}'.", "assumed", _OURS),
    "invalid_dn": Text("dn", "{value}", "documented", f"{_TROUBLE}, Common errors"),
    "dll_denied": Text(
        "other",
        f"Could not load file or assembly 'file:///{_CACHE}\\{{value}}\\{{dll}}' or one of its dependencies. "
        "Access is denied.",
        "inferred",
        f"{_TROUBLE}, Common errors (published for Generic SQL)",
    ),
}


class Kind:
    """A kind of connector. The one instance of each is in KINDS."""

    name: ClassVar[str]
    """as in a scenario's `kind`"""
    title: ClassVar[str]
    dll: ClassVar[str]
    """the wizard's *Extension DLL*"""
    object_type: ClassVar[str] = "User"
    """the wizard's *Target object*: the default of `object_type`"""
    object_class: ClassVar[str | None] = None
    """the class that a directory's own words name"""
    table: ClassVar[str] = "Users"
    """the name of the table, container, file or resource where a scenario gives none"""
    container: ClassVar[str] = "OBJECT=USER"
    """what follows the first RDN in a DN that fits this kind"""
    dn_style: ClassVar[str] = "none"
    """ldap: a DN must be one in LDAP style; generic: any text; none: there is no DN besides the anchor"""
    autogenerates_dn: ClassVar[bool] = True
    """whether its tutorial checks *Autogenerated*: the default of `dn.autogenerated`"""
    export_type: ClassVar[str] = "attribute_update"
    """attribute_update: an update exports what changed; object_replace: the whole object"""
    password_pass: ClassVar[str] = "second"
    """whether an initial password is exported with the object (first) or by a call of its own (second)"""
    delta_sees_deletes: ClassVar[bool] = False
    texts: ClassVar[Mapping[str, Text]] = {}
    """this kind's own texts; the others are those that all kinds share"""
    source: ClassVar[str]

    # -- refusals -------------------------------------------------------------------------------------------------

    def text(self, event: str) -> Text:
        """The words for an event, a name such as `null_value`. Raises KeyError for one that does not exist."""
        return self.texts.get(event) or COMMON[event]

    def refusal(self, event: str, *, table: str = "", **values: str) -> ExportError:
        """The error for an event, its words filled in."""
        text = self.text(event)
        return ExportError(CODES[text.reason], self._words(text, table, values), text.reason)

    def _words(self, text: Text, table: str, values: Mapping[str, str]) -> str:
        return text.words.format_map({**self._names(table or self.table), "dll": self.dll, **values})

    def _names(self, table: str) -> dict[str, str]:
        return {"table": table}

    def null_value(self, column: str, table: str = "") -> ExportError:
        """A required column or attribute is empty."""
        return self.refusal("null_value", column=column, table=table)

    def unknown_object_class(self, value: str) -> ExportError:
        """`objectClass` names a class that the application does not know."""
        return self.refusal("unknown_object_class", value=value)

    def duplicate(self, column: str, value: str, table: str = "") -> ExportError:
        """A value that must be unique is taken; `column` is `-dn-` where it is the object's name."""
        return self.refusal("duplicate", column=column, value=_shown(column, value), table=table)

    def missing_object(self, anchor: str, table: str = "") -> ExportError:
        """The object to change or delete is not there."""
        return self.refusal("missing_object", value=anchor, table=table)

    def bad_value(self, column: str, value: str, table: str = "") -> ExportError:
        """The application accepts other values only."""
        return self.refusal("bad_value", column=column, value=_shown(column, value), table=table)

    def permission(self, table: str = "", operation: str = "add") -> ExportError:
        """The connector's account may not add, modify or delete here."""
        return self.refusal("permission", table=table, verb=_SQL_VERBS.get(operation, "UPDATE"))

    def missing_attribute(self, name: str) -> ExportError:
        """The host needs an attribute before it can export at all."""
        return self.refusal("missing_attribute", column=name)

    def missing_anchor(self, name: str) -> ExportError:
        """An object without a value for its anchor."""
        return self.refusal("missing_anchor", column=name)

    def missing_parent(self, dn: str) -> ExportError:
        """The container above a DN does not exist."""
        return self.refusal("missing_parent", value=dn)

    def invalid_dn(self, text: str) -> ExportError:
        """A DN that is not LDAP style; `text` is the message of `dn.InvalidDN`."""
        return self.refusal("invalid_dn", value=text)

    def dll_denied(self, connector: str) -> str:
        """What the host logs when the service account may not read the DLL in the connector's cache folder."""
        return self._words(self.text("dll_denied"), "", {"value": connector})

    # -- what it does, for the journal ----------------------------------------------------------------------------

    def native(
        self,
        operation: str,
        *,
        table: str,
        anchor_column: str,
        anchor: object,
        changed: Mapping[str, object],
        whole: Mapping[str, object],
        dn: str = "",
        export_type: str = "",
    ) -> str:
        """What a connector of this kind does for an export, as one line that holds no password.

        `operation` is add, modify, delete or password; `changed` the attributes that change (all of them for
        add), `whole` the object afterwards, both by column name. An `export_type` of object_replace makes a
        modification send the whole object. An initial password that goes with the object is in `changed`.
        """
        if operation == "modify" and (export_type or self.export_type) == "object_replace":
            changed = whole
        values = {name: value for name, value in changed.items() if name != OBJECT_DN}
        call = _Call(
            operation, table or self.table, anchor_column, anchor, values, dn, export_type or self.export_type
        )
        return _one_line(self._native(call))

    def _native(self, call: _Call) -> str:
        raise NotImplementedError


class _Call(NamedTuple):
    """One export, as a kind writes it down."""

    operation: str
    table: str
    anchor_column: str
    anchor: object
    values: Mapping[str, object]
    dn: str
    export_type: str

    def others(self) -> Iterator[tuple[str, object]]:
        """The values besides the anchor."""
        return ((name, value) for name, value in self.values.items() if name != self.anchor_column)

    def modification(self) -> str:
        """ObjectModificationType of ECMA 2: Add, Update, Replace, Delete."""
        replaces = self.operation == "modify" and self.export_type == "object_replace"
        return "Replace" if replaces else {"add": "Add", "delete": "Delete"}.get(self.operation, "Update")


# -- the kinds ---------------------------------------------------------------------------------------------------

_SQL_VERBS: Final = {"add": "INSERT", "modify": "UPDATE", "delete": "DELETE"}


class GenericSql(Kind):
    """Databases through ODBC. The texts are those of SQL Server, which the tutorial uses."""

    name = "generic_sql"
    title = "Generic SQL"
    dll = "Microsoft.IAM.Connector.GenericSql.dll"
    table = "Employees"
    dn_style = "ldap"
    source = f"{_SQL_PAGE}, 6. Create a generic SQL connector"
    texts = MappingProxyType(
        {
            "null_value": Text(
                "missing_attribute",
                f"ERROR [23000] {_ODBC}Cannot insert the value NULL into column '{{column}}', table '{{qualified}}'; "
                "column does not allow nulls.",
                "documented",
                f"{_SQL_PAGE}, Troubleshooting provisioning errors",
            ),
            "duplicate": Text(
                "exists",
                f"ERROR [23000] {_ODBC}Violation of UNIQUE KEY constraint 'UQ_{{table}}_{{column}}'. Cannot insert "
                "duplicate key in object '{owned}'. The duplicate key value is ({value}).",
                "inferred",
                "SQL Server, error 2627; the ODBC prefix as published for a NULL value",
            ),
            "missing_object": Text(
                "missing_object", "No row of '{owned}' has the anchor '{value}'.", "assumed", _OURS
            ),
            "bad_value": Text(
                "bad_value",
                f"ERROR [23000] {_ODBC}The INSERT statement conflicted with the CHECK constraint "
                '"CK_{table}_{column}". The conflict occurred in database "{database}", table "{owned}", '
                "column '{column}'.",
                "inferred",
                "SQL Server, error 547; the ODBC prefix as published for a NULL value",
            ),
            "permission": Text(
                "permission",
                f"ERROR [42000] {_ODBC}The {{verb}} permission was denied on the object '{{table}}', database "
                "'{database}', schema '{schema}'.",
                "inferred",
                "SQL Server, error 229; the ODBC prefix as published for a NULL value",
            ),
            "dll_denied": Text(
                "other",
                f"Could not load file or assembly 'file:///{_CACHE}\\8b514472-c18a-4641-9a44-732c296534e8\\{{dll}}' "
                "or one of its dependencies. Access is denied.",
                "documented",
                f"{_TROUBLE}, Common errors",
            ),
        }
    )

    def _names(self, table: str) -> dict[str, str]:
        """The parts of a name such as `CONTOSO.dbo.Employees`; the tutorial's database and schema where left out."""
        *before, name = table.split(".")
        database, schema = [*["CONTOSO", "dbo"][: 2 - len(before)], *before][-2:]
        return {
            "table": name,
            "owned": f"{schema}.{name}",
            "qualified": f"{database}.{schema}.{name}",
            "database": database,
            "schema": schema,
        }

    def _native(self, call: _Call) -> str:
        table = _sql_name(self._names(call.table)["table"])
        where = f"WHERE {_sql_name(call.anchor_column)} = {_sql_value(call.anchor_column, call.anchor)}"
        if call.operation == "add":
            filled = {name: value for name, value in call.values.items() if value is not None}
            names = ", ".join(map(_sql_name, filled))
            values = ", ".join(_sql_value(name, value) for name, value in filled.items())
            return f"INSERT INTO {table} ({names}) VALUES ({values})"
        if call.operation == "delete":
            return f"DELETE FROM {table} {where}"
        if call.operation == "password":
            return f"Set password in {table} {where}"
        changes = ", ".join(f"{_sql_name(name)} = {_sql_value(name, value)}" for name, value in call.others())
        return f"UPDATE {table} SET {changes} {where}"


class GenericLdap(Kind):
    """Directories. The tutorial's OpenLDAP; a directory's own words come through as it sends them."""

    name = "generic_ldap"
    title = "Generic LDAP"
    dll = "Microsoft.IAM.Connector.GenericLdap.dll"
    object_type = "inetOrgPerson"
    object_class = "inetOrgPerson"
    table = "DC=Contoso,DC=lab"
    container = "DC=Contoso,DC=lab"
    dn_style = "ldap"
    autogenerates_dn = False
    delta_sees_deletes = True
    source = f"{_LDAP_PAGE}, Configure a generic LDAP connector"
    texts = MappingProxyType(
        {
            "null_value": Text(
                "missing_attribute",
                "object class '{value}' requires attribute '{column}'",
                "inferred",
                _OPENLDAP,
            ),
            "unknown_object_class": Text(
                "other",
                "objectClass: value number invalid per syntax",
                "documented",
                f"{_TROUBLE}, Common errors",
            ),
            "duplicate": Text(
                "exists", "The object exists.", "inferred", f"{_NET_LDAP}, LDAP_ALREADY_EXISTS"
            ),
            "duplicate_value": Text(
                "exists", "some attributes not unique", "inferred", f"{_OPENLDAP} (unique overlay)"
            ),
            "missing_object": Text(
                "missing_object",
                "The object does not exist.",
                "inferred",
                f"{_NET_LDAP}, LDAP_NO_SUCH_OBJECT",
            ),
            "bad_value": Text("bad_value", "{column}: value #0 invalid per syntax", "inferred", _OPENLDAP),
            "permission": Text(
                "permission",
                "The user has insufficient access rights.",
                "inferred",
                f"{_NET_LDAP}, LDAP_INSUFFICIENT_RIGHTS",
            ),
            "missing_parent": Text(
                "parent", "The object does not exist.", "inferred", f"{_NET_LDAP}, LDAP_NO_SUCH_OBJECT"
            ),
            "invalid_dn": Text(
                "dn", "{value}", "inferred", f"{_TROUBLE}, Common errors (published for Generic SQL)"
            ),
        }
    )

    def null_value(self, column: str, table: str = "") -> ExportError:
        """A required column or attribute is empty."""
        return self.refusal("null_value", column=column, value=self.object_class)

    def duplicate(self, column: str, value: str, table: str = "") -> ExportError:
        """A value that must be unique is taken; `column` is `-dn-` where it is the object's name."""
        return self.refusal("duplicate" if column == OBJECT_DN else "duplicate_value")

    def _native(self, call: _Call) -> str:
        name = call.dn or _plain(call.anchor)
        if call.operation == "add":
            return f"LDAP add {name}: " + _listed(call.values.items())
        if call.operation == "delete":
            return f"LDAP delete {name}"
        if call.operation == "password":
            return f"LDAP modify {name}: replace userPassword={HIDDEN}"
        changes = (
            f"delete {attribute}" if value in (None, ()) else "replace " + _listed([(attribute, value)])
            for attribute, value in call.others()
        )
        return f"LDAP modify {name}: " + "; ".join(changes)


class PowerShell(Kind):
    """Scripts. The sample that Microsoft publishes keeps its users in a CSV file."""

    name = "powershell"
    title = "PowerShell"
    dll = "Microsoft.IAM.Connector.PowerShell.dll"
    object_type = "Person"
    table = "InputFile.txt"
    autogenerates_dn = False
    export_type = "object_replace"
    source = (
        "Microsoft Learn, Provisioning users into applications using PowerShell, Capabilities; Autogenerated is off in "
        "both exported configurations (GitHub microsoft/MIMPowerShellConnectors, SuryenduB/MIMPowerShellConnectors)"
    )
    texts = MappingProxyType(
        {
            "permission": Text(
                "permission",
                r"Access to the path 'C:\Program Files\Microsoft ECMA2Host\Service\ECMA\MAData\{table}' is denied.",
                "inferred",
                ".NET Framework, UnauthorizedAccessException",
            ),
        }
    )

    def _native(self, call: _Call) -> str:
        return _modification("Export script", call)


class WebServices(Kind):
    """REST and SOAP services, SAP ECC for one: what is sent is up to a template of workflows."""

    name = "web_services"
    title = "Web Services"
    dll = "Microsoft.IdentityManagement.MA.WebServices.dll"
    dn_style = "generic"
    export_type = "object_replace"
    password_pass = "first"
    source = f"{_WEB_PAGE}, Configure the generic web services connector"
    texts = MappingProxyType(
        {
            "duplicate": Text(
                "exists", "User {value} already exists", "inferred", f"{_SAP} (SAP message 01 224)"
            ),
            "missing_object": Text(
                "missing_object", "User {value} does not exist", "inferred", f"{_SAP} (SAP message 01 124)"
            ),
        }
    )

    def _native(self, call: _Call) -> str:
        resource = f"/{call.table.strip('/')}"
        one = f"{resource}/{_plain(call.anchor)}"
        if call.operation == "delete":
            return f"DELETE {one}"
        if call.operation == "password":
            return f"POST {resource}: it held the initial password"
        body = {name: _in_json(name, value) for name, value in call.values.items() if value not in (None, ())}
        sent = json.dumps(body, ensure_ascii=False)
        if call.operation == "add":
            return f"POST {resource} {sent}"
        return f"{'PUT' if call.modification() == 'Replace' else 'PATCH'} {one} {sent}"


class Custom(Kind):
    """A connector of one's own for ECMA 2. Nothing is known of it but the interface, so all texts are ours."""

    name = "custom"
    title = "Custom ECMA 2 connector"
    dll = "Custom.Connector.dll"
    source = "Microsoft Learn, Provisioning with the custom connectors"

    def _native(self, call: _Call) -> str:
        return _modification("PutExportEntries", call)


KINDS: Final[Mapping[str, Kind]] = MappingProxyType(
    {kind.name: kind for kind in (GenericSql(), GenericLdap(), PowerShell(), WebServices(), Custom())}
)
"""By the name that a scenario gives in `kind`."""


# -- writing values ----------------------------------------------------------------------------------------------

_SECRET: Final = re.compile(r"passw|pwd|passphrase|secret|credential", re.IGNORECASE)
HIDDEN: Final = "***"
_VALUE_LENGTH: Final = 200
_LINE_LENGTH: Final = 4000
_SQL_PLAIN_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def is_secret(column: str) -> bool:
    """Whether a column's name says that its values are passwords or the like: they are never written down."""
    return _SECRET.search(column) is not None


def _shown(column: str, value: str) -> str:
    return HIDDEN if is_secret(column) else _cut(value)


def _cut(text: str) -> str:
    return text if len(text) <= _VALUE_LENGTH else text[: _VALUE_LENGTH - 1] + "…"


def _plain(value: object) -> str:
    if isinstance(value, bytes):
        value = "0x" + value.hex()
    return _cut("" if value is None else str(value).lower() if isinstance(value, bool) else str(value))


def _one_line(text: str) -> str:
    """Text without a character that would break a line or turn a terminal's text around."""
    if len(text) > _LINE_LENGTH:
        text = text[: _LINE_LENGTH - 1] + "…"
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def _sql_name(name: str) -> str:
    return name if _SQL_PLAIN_NAME.fullmatch(name) else "[" + name.replace("]", "]]") + "]"


def _sql_value(column: str, value: object) -> str:
    if value is None or value == ():
        return "NULL"
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, (int, bytes)):
        return _plain(value)
    if is_secret(column):
        return f"'{HIDDEN}'"
    text = "; ".join(map(_plain, value)) if isinstance(value, (list, tuple)) else _plain(value)
    return "'" + text.replace("'", "''") + "'"


def _listed(values: Iterable[tuple[str, object]]) -> str:
    """`objectClass=inetOrgPerson, cn=bob`: one pair for each value, none for what is empty."""
    pairs = []
    for name, value in values:
        items = value if isinstance(value, (list, tuple)) else () if value is None else (value,)
        for item in items:
            hidden = is_secret(name) and not isinstance(item, bool)
            pairs.append(f"{name}={HIDDEN if hidden else _plain(item)}")
    return ", ".join(pairs)


def _modification(what: str, call: _Call) -> str:
    target = f"{call.anchor_column}={_plain(call.anchor)}"
    if call.operation == "password":
        return f"{what}: set password of {target}"
    values = "" if call.operation == "delete" else _listed(call.others())
    return f"{what}: {call.modification()} {target}" + (f": {values}" if values else "")


def _in_json(column: str, value: object) -> object:
    if is_secret(column) and not isinstance(value, bool):
        return HIDDEN
    if isinstance(value, (list, tuple)):
        return [_in_json(column, item) for item in value]
    return value if isinstance(value, (bool, int)) else _plain(value)
