"""What the wizard's pages set: plain, immutable values from which a host is built.

The scenario room makes them from a validated file; nothing in here looks at files or sockets.
Field names follow the wizard (Microsoft Learn, Generic SQL / Generic LDAP connector tutorials) and the scenario
format's keys. Durations are in seconds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

OBJECT_DN = "-dn-"
"""The virtual attribute that carries an object's DN (Generic LDAP connector tutorial, attribute mappings)."""
EXPORT_PASSWORD = "export_password"
"""The virtual attribute of the initial password: always in the schema, never given back."""


class TlsConfig(NamedTuple):
    """The certificate on the port and what is done with it. `valid` is relative to the virtual clock's now."""

    mode: str = "certificate"
    """certificate | none (bound port, no certificate: the handshake is reset) | plain_http"""
    names: tuple[str, ...] = ("localhost",)
    valid: tuple[float, float] = (-86_400.0, 730 * 86_400.0)
    issuer: str = "self"
    """self (as the wizard's 'Generate certificate') | ca (a CA that clients are told to trust) | untrusted"""
    key: str = "ec-p256"
    """ec-p256 | ec-p384 | rsa-2048 | rsa-3072 | rsa-4096"""
    usage: str = "server"
    """extended key usage: server | client | none"""
    minimum_version: str = "1.2"
    maximum_version: str = "1.3"
    """1.0 | 1.1 | 1.2 | 1.3, as is `minimum_version`"""
    client_certificate: str = "none"
    """none | requested | required: whether clients are asked for a certificate of their own"""

    def laid_over(self, host: TlsConfig) -> TlsConfig:
        """The host's own configuration, changed for one connection: what is empty here is as there.

        A version that is said alone takes the other one with it where they would cross: `maximum_version: "1.1"`
        on a host that speaks 1.2 and newer means 1.1 alone.
        """
        said = {name: value for name, value in self._asdict().items() if value not in _EMPTY}
        whole = host._replace(**said)
        if whole.minimum_version > whole.maximum_version:
            if "minimum_version" not in said:
                return whole._replace(minimum_version=whole.maximum_version)
            if "maximum_version" not in said:
                return whole._replace(maximum_version=whole.minimum_version)
        return whole


_EMPTY = ("", (), (0.0, 0.0))
AS_THE_HOST = TlsConfig(
    names=(),
    valid=(0.0, 0.0),
    issuer="",
    key="",
    usage="",
    minimum_version="",
    maximum_version="",
    client_certificate="",
)
"""For one connection: a certificate with every property as the host's own. See `TlsConfig.laid_over`."""
TLS_WORDS: Mapping[str, TlsConfig] = {
    "expired": AS_THE_HOST._replace(valid=(-730 * 86_400.0, -86_400.0)),
    "not_yet_valid": AS_THE_HOST._replace(valid=(86_400.0, 731 * 86_400.0)),
    "wrong_name": AS_THE_HOST._replace(names=("ecma-server-01.contoso.lab",)),
    "untrusted": AS_THE_HOST._replace(issuer="untrusted"),
    "wrong_usage": AS_THE_HOST._replace(usage="client"),
    "none": AS_THE_HOST._replace(mode="none"),
    "plain_http": AS_THE_HOST._replace(mode="plain_http"),
}
"""The shorthands of `host.tls`, each what it changes."""


HOLDS: Mapping[str, tuple[type, str]] = {
    "string": (str, "texts"),
    "reference": (str, "texts"),
    "binary": (str, "base64 texts"),
    "boolean": (bool, "true or false"),
    "integer": (int, "whole numbers"),
}
"""The data types of ECMA 2: how a value of each comes, and what a column holds in words."""


class Column(NamedTuple):
    """A column or attribute of the connected system."""

    name: str
    type: str = "string"
    """string | boolean | integer | binary | reference: the data types of ECMA 2"""
    required: bool = False
    multi_valued: bool = False
    unique: bool = False
    generated: str | None = None
    """guid: the connected system fills it on insert, like `newid()` or `objectGUID`"""
    values: tuple[str, ...] | None = None
    """the only values that the connected system accepts (object classes, for one), or None"""


class PeopleConfig(NamedTuple):
    """A crowd: people made on demand from the seed."""

    size: int
    """how many; `count` in a scenario"""
    set: Mapping[str, str] = {}
    fill: Mapping[str, str] = {}


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


class SystemConfig(NamedTuple):
    """The connected system: the pretend application behind one connector."""

    columns: tuple[Column, ...] = ()
    objects: Sequence[Mapping[str, object]] = ()
    people: PeopleConfig | None = None
    table: str = ""
    """the name of the table, container or file that holds the objects"""
    rights: tuple[str, ...] = ("read", "write")
    """what the connector's account may do there"""
    containers: tuple[str, ...] | None = None
    """the containers that a directory has, by DN; None: any that is named"""


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
