"""What the wizard's pages set: plain, immutable values from which a host is built.

The scenario room makes them from a validated file; nothing in here looks at files or sockets.
Field names follow the wizard (Microsoft Learn, Generic SQL / Generic LDAP connector tutorials) and the scenario
format's keys. Durations are in seconds.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from mockhost.people import PeopleConfig
from mockhost.tls.config import TlsConfig

OBJECT_DN = "-dn-"
"""The virtual attribute that carries an object's DN (Generic LDAP connector tutorial, attribute mappings)."""
EXPORT_PASSWORD = "export_password"
"""The virtual attribute of the initial password: always in the schema, never given back."""
PAGE_SIZE = 100
"""The wizard's own page size of a run profile (early tutorials of the SQL connector)."""


HOLDS: Mapping[str, tuple[type, str]] = {
    "string": (str, "texts"),
    "reference": (str, "texts"),
    "binary": (str, "base64 texts"),
    "boolean": (bool, "true or false"),
    "integer": (int, "whole numbers of 64 bits"),
}
"""The data types of ECMA 2: how a value of each comes, and what a column holds in words."""
INTEGERS = range(-(2**63), 2**63)
"""What a column of integers holds; JSON answers can't have more either."""


def can_hold(kind: str, value: object) -> bool:
    """Whether a value is of a data type; that a text is base64 is not looked at."""
    if not isinstance(value, HOLDS[kind][0]):
        return False
    return kind != "integer" or (type(value) is int and value in INTEGERS)


class Column(NamedTuple):
    """A column or attribute of the connected system."""

    name: str
    type: str = "string"
    """string | boolean | integer | binary | reference: the data types of ECMA 2"""
    required: bool = False
    multi_valued: bool = False
    unique: bool = False
    generated: str | None = None
    """guid: the connected system fills it on insert, like `newid()` or `objectGUID`; system: as the system likes"""
    values: tuple[str, ...] | None = None
    """the only values that the connected system accepts (object classes, for one), or None"""


class ObjectRows(Sequence[Mapping[str, object]]):
    """Objects that share their columns, such as those of a CSV file: a tuple each, made a map when asked for.

    names: the columns. rows: the values in that order; None is no value. first: objects before them.
    """

    def __init__(
        self,
        names: tuple[str, ...],
        rows: Sequence[tuple[object, ...]],
        first: tuple[Mapping[str, object], ...] = (),
    ) -> None:
        self.names = names
        self.rows = rows
        self.first = first

    def __len__(self) -> int:
        return len(self.first) + len(self.rows)

    def __getitem__(self, place: int) -> Mapping[str, object]:  # type: ignore[override]  # no slices
        if place < len(self.first):
            return self.first[place]
        values = zip(self.names, self.rows[place - len(self.first)], strict=True)
        return {name: value for name, value in values if value is not None}

    def __eq__(self, other: object) -> bool:
        if isinstance(other, ObjectRows):
            return (self.names, self.rows, self.first) == (other.names, other.rows, other.first)
        return isinstance(other, Sequence) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]  # like a list


INPUT = "INPUT"
OUTPUT = "OUTPUT"
"""Directions of a procedure's parameter, as the wizard writes them."""


class Parameter(NamedTuple):
    """A parameter of a stored procedure, and the column whose value it takes or gives."""

    name: str
    direction: str
    column: str


class Procedure(NamedTuple):
    """A stored procedure, or a function."""

    name: str
    """perhaps with its schema before it"""
    parameters: tuple[Parameter, ...] | None = None
    """None: one for each column, of the same name; of a delete, one for the anchor"""


class Procedures(NamedTuple):
    """The procedures of the wizard's Export page: Add SP Name, Update SP Name, Delete SP Name."""

    add: Procedure
    update: Procedure
    delete: Procedure


_PART = re.compile(r'(?:^|\.)(?:"((?:[^"]|"")+)"(?=\.|$)|([^.]*))')


def name_parts(name: str) -> list[str]:
    """The parts of the name of a table or a procedure, such as `hr.Employees`; its own name is the last.

    A part that has a dot is in double quotes, as in SQL: `hr."Employees.2026"`.
    """
    return [quoted.replace('""', '"') or plain for quoted, plain in _PART.findall(name)]


class SqlConfig(NamedTuple):
    """A table of a SQL database as the connected system."""

    url: str
    """in SQLAlchemy's form; it may hold a password"""
    table: str
    """the table's name, perhaps with its schema before it: `hr.Employees`; see `name_parts`"""
    rows: str = "keep"
    """keep: they are the database's own; replace: the table is dropped and made at the start and at a reset"""
    watermark: str | None = None
    """the column by which a delta import knows what changed"""
    deleted: str | None = None
    """the boolean column that is set instead of deleting a row"""
    timeout: float = 10.0
    """seconds after which the database gives up a statement"""
    procedures: Procedures | None = None
    """what exports call; None: they are statements on the table"""


class LdapConfig(NamedTuple):
    """A part of an LDAP directory as the connected system."""

    url: str
    """`ldap://server`, `ldaps://server:636`; `ldap://` for a directory of the mock's own"""
    base: str
    """the DN below which objects are found and made"""
    object_class: str = "inetOrgPerson"
    """the class of the entries that an import reads"""
    user: str = ""
    """the DN as which the connector binds; none: anonymously"""
    password: str = ""
    rows: str = "keep"
    """as with SQL; replace: the entries of the class below the base are deleted and made"""
    operational: bool = False
    """whether attributes that the directory itself keeps are discovered, too"""
    timeout: float = 10.0
    """seconds after which a connection or an answer is given up"""


class SystemConfig(NamedTuple):
    """The connected system: the application behind one connector."""

    columns: tuple[Column, ...] = ()
    objects: Sequence[Mapping[str, object]] = ()
    people: PeopleConfig | None = None
    table: str = ""
    """the name of the table, container or file that holds the objects"""
    rights: tuple[str, ...] = ("read", "write")
    """what the connector's account may do there"""
    kind: str = "memory"
    """what holds the objects: one of `systems.system.SYSTEMS`"""
    containers: tuple[str, ...] | None = None
    """the containers that a directory has, by DN; None: any that is named"""
    outside: SqlConfig | LdapConfig | None = None
    """where a system is that is outside of the process"""
    trouble: str = "none"
    """what is wrong with such a system at the moment"""


class DnConfig(NamedTuple):
    """The Object Types and Connectivity pages: where an object's DN comes from."""

    autogenerated: bool = True
    is_anchor: bool = False


class ImportConfig(NamedTuple):
    """Run profiles and autosync."""

    full_takes: float = 0.0
    delta_takes: float = 0.0
    every: float | None = 7_200.0
    profiles: tuple[str, ...] = ("full",)
    """which import profiles exist: full, delta"""
    table: str | None = None
    """the table that the import reads (Schema 2 page); None: the right one"""


class Deprovisioning(NamedTuple):
    """The Deprovisioning page. Each flow: none | delete | set; with `set`, the attribute that is set."""

    disable: str = "none"
    disable_attribute: str | None = None
    delete: str = "delete"
    delete_attribute: str | None = None


class ConnectorConfig(NamedTuple):
    """One connector, as its wizard pages were last saved."""

    name: str
    kind: str = "generic_sql"
    secret_token: str = ""
    anchor: str = ""
    object_type: str = "User"
    dn: DnConfig = DnConfig()
    imports: ImportConfig = ImportConfig()
    deprovisioning: Deprovisioning = Deprovisioning()
    selected_attributes: tuple[str, ...] = ()
    single_value: tuple[str, ...] = ()
    """attributes with the box 'Treat as single value'"""
    export_type: str = ""
    """object_replace | attribute_update; empty: the kind's own"""
    dll: str = "loadable"
    """loadable | access_denied: whether the service account may load the connector's DLL from its cache folder"""
    page_sizes: Mapping[str, int] = {}
    """of the run profiles export, full_import, delta_import, where they are not the wizard's own; for the file only"""
    behaviours: Mapping[str, object] = {}
    system: SystemConfig = SystemConfig()

    @property
    def anchor_column(self) -> str:
        """The column that holds the anchor; `dn` means the DN itself where no column has that name."""
        is_dn = self.anchor == "dn" and all(column.name != "dn" for column in self.system.columns)
        return OBJECT_DN if is_dn else self.anchor

    @property
    def dn_is_supplied(self) -> bool:
        """Whether clients supply the DN in `-dn-`; otherwise it follows from the anchor."""
        return self.anchor_column == OBJECT_DN or not (self.dn.autogenerated or self.dn.is_anchor)


class HostConfig(NamedTuple):
    """The service's own settings."""

    generation: str = "current"
    behaviours: Mapping[str, object] = {}
    service: str = "running"
    """running | stopped: the state in which the scenario starts"""
    debug: bool = False
    """appSettings/Debug in the service's .exe.config; read when the service starts"""
    debug_effective: bool | None = None
    """what the running service read when it started, where that differs from `debug`"""
    tls: TlsConfig = TlsConfig()
