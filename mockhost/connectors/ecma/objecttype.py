"""The object type of a connector: which attributes it shows, and how records and resources become each other.

What the wizard's Object Types and Select Attributes pages say: anchor, DN, the attributes that clients see. One
object type a connector, always called User on the wire (exported configurations of MIMPowerShellConnectors).
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from mockhost.clock import Chance
from mockhost.connectors.ecma import dn as dns
from mockhost.connectors.ecma.config import EXPORT_PASSWORD, OBJECT_DN, Column, ConnectorConfig
from mockhost.connectors.systems.described import frozen
from mockhost.connectors.systems.system import System
from mockhost.connectors.tables import Record, Value
from mockhost.scim import grammar, messages, values
from mockhost.scim.attributes import AttributeInfo, Schema
from mockhost.scim.errors import ScimError

_URN = messages.ECMA_USER.casefold()
_INTEGER = re.compile(r"-?[0-9]{1,19}")


def text_of(anchor: Value) -> str:
    """An anchor as ids, DNs and messages show it.

    Assumed: as .NET writes a value, so that true is `True`; bytes in base64.
    """
    return base64.b64encode(anchor).decode() if isinstance(anchor, bytes) else str(anchor)


def meant_by(text: str) -> Iterator[Value]:
    """The anchors that `text_of` writes as a text, without regard to case."""
    yield text
    if _INTEGER.fullmatch(text) and text_of(int(text)) == text:
        yield int(text)
    for truth in (True, False):
        if text.casefold() == text_of(truth).casefold():
            yield truth


class Attribute(NamedTuple):
    """An attribute that `/schemas` shows."""

    name: str
    column: Column
    multi_valued: bool
    position: int
    indexed: bool
    """whether strings can be looked up in its column"""
    case_exact: bool
    """whether filters compare its strings with their case"""


class Given(NamedTuple):
    """What a client's resource sets: columns by name, its initial password ("" for none), what it says of `active`."""

    values: dict[str, Value]
    password: str
    active: bool | None


class ObjectType:
    """One object type under one set of behaviours; immutable."""

    def __init__(self, config: ConnectorConfig, system: System, behaviours: Mapping[str, object]) -> None:
        self._config = config
        self._system = system
        self._behaviours = behaviours
        self.anchor = config.anchor_column
        self.anchor_position = system.position[self.anchor]
        self._dn_position = system.position[OBJECT_DN]
        self.dn_is_supplied = config.dn_is_supplied
        """whether the DN comes from the client, in `-dn-`, rather than from the anchor"""
        self.attributes = self._select()
        self._by_name = {attribute.name.casefold(): attribute for attribute in self.attributes}
        self._anchor_attribute = self._make(self.anchor, False)
        self._shown = tuple(
            (a.name, a.position, a.multi_valued) for a in self.attributes if self._is_shown(a)
        )
        active = behaviours["active_in_responses"]
        self._shows_active = active == "always" or (
            active != "never" and config.deprovisioning.disable_attribute is not None
        )
        self.patch_schema = self._make_patch_schema()

    # -- the schema ---------------------------------------------------------------------------------------

    def _select(self) -> tuple[Attribute, ...]:
        chosen = []
        position = self._system.position
        for name in self._config.selected_attributes:
            if name in position and name != OBJECT_DN:
                column = self._system.columns[position[name]]
                multi = column.multi_valued and name not in self._config.single_value
                chosen.append(self._make(name, multi))
        offered = self._behaviours["schemas_dn"]
        if offered == "always" or (offered == "when_supplied" and self.dn_is_supplied):
            chosen.append(self._make(OBJECT_DN, False))
        return tuple(chosen)

    def _make(self, name: str, multi_valued: bool) -> Attribute:
        position = self._system.position[name]
        is_dn = name == OBJECT_DN
        column = Column(OBJECT_DN) if is_dn else self._system.columns[position]
        indexed = column.type in ("string", "reference") and (self.dn_is_supplied or not is_dn)
        return Attribute(name, column, multi_valued, position, indexed, self.case_exact(name))

    def _is_shown(self, attribute: Attribute) -> bool:
        if attribute.name != OBJECT_DN:
            return True
        shown = self._behaviours["dn_returned"]
        return shown == "always" or (shown == "when_supplied" and self.dn_is_supplied)

    def mutability(self, name: str) -> str:
        """readWrite; immutable for an anchor or DN that the client gives; readOnly for one that it does not."""
        if name == OBJECT_DN:
            return "immutable" if self.dn_is_supplied else "readOnly"
        if name == self.anchor:
            column = self._system.columns[self.anchor_position]
            return "readOnly" if column.generated else "immutable"
        return "readWrite"

    def schema_attributes(self) -> list[dict[str, object]]:
        """The attribute definitions of `/schemas` (RFC 7643 7), in the order of the wizard's page."""
        shown = []
        for attribute in self.attributes:
            column, name = attribute.column, attribute.name
            shown.append(
                messages.schema_attribute(
                    name,
                    type=column.type,
                    multi_valued=attribute.multi_valued,
                    required=name == self.anchor and not column.generated,
                    mutability=self.mutability(name),
                    returned="default",
                    uniqueness="server" if column.unique or name == self.anchor else "none",
                )
            )
        shown.append(
            messages.schema_attribute(
                EXPORT_PASSWORD,
                type="string",
                multi_valued=False,
                required=False,
                mutability="writeOnly",
                returned="never",
                uniqueness="none",
            )
        )
        return shown

    def _make_patch_schema(self) -> Schema:
        infos = {
            a.name: AttributeInfo(
                name=a.name,
                type=a.column.type,
                multi_valued=a.multi_valued,
                mutability=self.mutability(a.name),
                sub=None,
                case_exact=False,
                urn=messages.ECMA_USER,
            )
            for a in self.attributes
        }
        password = AttributeInfo(
            EXPORT_PASSWORD, "string", False, "readWrite", None, True, messages.ECMA_USER
        )
        infos[EXPORT_PASSWORD] = password
        active = AttributeInfo("active", "boolean", False, "readWrite", None, False, messages.CORE_USER)
        return Schema({"active": active}, {messages.ECMA_USER: infos})

    # -- records as resources -----------------------------------------------------------------------------

    def dn_of(self, record: Record) -> str:
        """The object's DN: generated from the anchor, the anchor itself, or as it was supplied."""
        if self.dn_is_supplied:
            return str(record[self._dn_position] or "")
        anchor = text_of(record[self.anchor_position])
        return anchor if self._config.dn.is_anchor else dns.generated(anchor)

    def id_of(self, record: Record) -> str:
        """The SCIM `id`, derived from the anchor (architecture page: 'an id derived from the anchor')."""
        anchor = record[self.anchor_position]
        if not isinstance(anchor, str):
            anchor = text_of(anchor)
        derivation = self._behaviours["id_derivation"]
        if derivation == "verbatim":
            return anchor
        if derivation == "base64url":
            return base64.urlsafe_b64encode(anchor.encode()).decode().rstrip("=")
        return Chance(0).guid(f"{self._config.name}: {anchor}", 0)

    def resource(self, record: Record, base_url: str) -> dict[str, object]:
        """The record as a SCIM resource. `base_url` ends with `/scim`."""
        values: dict[str, object] = {}
        for name, position, multi in self._shown:
            value: object = record[position]
            if name == OBJECT_DN:
                value = self.dn_of(record) or None
            elif type(value) is str and not multi:  # by far the most
                values[name] = value
                continue
            if value is None or value == ():
                continue
            if isinstance(value, tuple):
                value = list(value) if multi else value[0]
            elif multi:
                value = [value]
            if isinstance(value, bytes):
                value = base64.b64encode(value).decode()
            values[name] = value
        ident = self.id_of(record)
        core = self._behaviours["core_schema_in_resources"]
        resource: dict[str, object] = {
            "schemas": [messages.CORE_USER, messages.ECMA_USER] if core else [messages.ECMA_USER],
            "id": ident,
        }
        if self._shows_active and (active := self.active(record)) is not None:
            resource["active"] = active
        resource[messages.ECMA_USER] = values
        if self._behaviours["meta_in_resources"]:
            resource["meta"] = messages.meta("User", f"{base_url}/Users/{messages.quote_id(ident)}")
        return resource

    def active(self, record: Record) -> bool | None:
        """What `active` shows of the record: the attribute that the disable flow sets, if it sets one."""
        name = self._config.deprovisioning.disable_attribute
        if not self._shows_active:
            return None
        if name is None:
            return True
        value = record[self._system.position[name]]
        return value if isinstance(value, bool) else None

    # -- filters ------------------------------------------------------------------------------------------

    def case_exact(self, name: str) -> bool:
        """Whether filters compare the strings of this attribute with their case."""
        behaviour = "id_case" if name.casefold() == "id" else "value_case"
        return self._behaviours[behaviour] == "exact"

    def column_of(self, path: grammar.AttrPath) -> int | None:
        """The column that this path shows as it is, or None for what is derived or unknown."""
        attribute = self.attribute(path)
        derived = attribute is None or attribute.name == OBJECT_DN or attribute.column.type == "binary"
        return None if attribute is None or derived else attribute.position

    def attribute(self, path: grammar.AttrPath) -> Attribute | None:
        """The attribute of this path, or None for one that is derived or unknown."""
        if path.sub is not None or (path.urn and path.urn.casefold() != messages.ECMA_USER.casefold()):
            return None
        found = self._by_name.get(path.name.casefold())
        if found is None and path.name.casefold() == self.anchor.casefold():
            return self._anchor_attribute
        return found

    def getter(self, path: grammar.AttrPath) -> Callable[[Record], object] | None:
        """How to read a filter's attribute from a record; None for an unknown one."""
        attribute = self.attribute(path)
        if attribute is not None:
            position = attribute.position
            if attribute.name == OBJECT_DN:
                return self.dn_of
            if attribute.column.type == "binary":
                return lambda record: _octets(record[position])
            return lambda record: record[position]
        if path.urn and path.urn.casefold() != messages.CORE_USER.casefold():
            return None
        name, sub = path.name.casefold(), (path.sub or "").casefold()
        if name == "id" and not sub:
            return self.id_of
        if name == "active" and not sub:
            return self.active
        if name == "schemas" and not sub:
            return lambda record: (messages.CORE_USER, messages.ECMA_USER)
        if name == "meta" and sub == "resourcetype":
            return lambda record: "User"
        return None

    # -- what clients send --------------------------------------------------------------------------------

    def given(self, body: object) -> Given:
        """What a resource sets.

        Attributes stand under the extension's URN or as flat `urn:…:User:name` keys. Raises ScimError 400.
        """
        if not isinstance(body, Mapping):
            raise ScimError(400, "invalidSyntax", "The request is invalid: a resource is a JSON object.")
        given: dict[str, object] = {}
        active: bool | None = None
        for key, value in body.items():
            folded = str(key).casefold()
            if folded == _URN:
                if not isinstance(value, Mapping):
                    raise ScimError(
                        400, "invalidValue", f"{key}: expected a JSON object with the user's attributes."
                    )
                given.update(value)
            elif folded.startswith(_URN + ":"):
                given[str(key)[len(_URN) + 1 :]] = value
            elif folded == "active" and value is not None:
                active = _flag(value)
        return Given(*self._columns_of(given), active)

    def _columns_of(self, given: Mapping[str, object]) -> tuple[dict[str, Value], str]:
        values: dict[str, Value] = {}
        password = ""
        for name, value in given.items():
            folded = str(name).casefold()
            if folded == EXPORT_PASSWORD:
                password = str(value) if value else ""
                continue
            attribute = self._by_name.get(folded)
            if attribute is None and folded == self.anchor.casefold():
                attribute = self._anchor_attribute
            if attribute is None and folded == OBJECT_DN and self.dn_is_supplied:
                attribute = self._make(OBJECT_DN, False)
            if attribute is None:
                if self._behaviours["unknown_attributes"] == "refuse":
                    raise ScimError(
                        400, "invalidPath", f"The attribute {name} is not in the connector's schema."
                    )
                continue
            values[attribute.name] = self._column_value(attribute, value)
        return values, password

    def _column_value(self, attribute: Attribute, value: object) -> Value:
        """A value as the column holds it; nothing, an empty list and a list of nulls are one (RFC 7643 2.5)."""
        column, name = attribute.column, attribute.name
        if type(value) is str and column.type == "string":  # by far the most
            return (value,) if column.multi_valued else value
        listed = value if isinstance(value, (list, tuple)) else [value]
        given = [item for item in listed if item is not None]
        if not given:
            return None
        if len(given) != 1 and not attribute.multi_valued:
            raise ScimError(400, "invalidValue", f"{name}: expected one value, got {len(given)}.")
        if any(isinstance(item, (list, tuple)) for item in given):
            raise ScimError(400, "invalidValue", f"{name}: expected values, got an array in an array.")
        made = [values.coerce(column.type, item, name) for item in given]
        items = tuple(frozen(item) for item in made if item is not None)
        return None if not items else items if column.multi_valued else items[0]


def _octets(value: object) -> object:
    """What the base64 text of a binary column says: filters compare its bytes, not its letters (RFC 7643 2.3.6)."""
    if isinstance(value, tuple):
        return tuple(map(_octets, value))
    if not isinstance(value, str):
        return value
    digits = value.rstrip("=")  # padding may be left out, and the digits those of a URL (RFC 4648 5)
    return base64.b64decode(digits.replace("-", "+").replace("_", "/") + "=" * (-len(digits) % 4))


def _flag(value: object) -> bool | None:
    """What a client says of `active`: one boolean, also as a string, also in an array. Raises ScimError 400."""
    flags = values.coerce("boolean", value if isinstance(value, (list, tuple)) else [value], "active")
    assert isinstance(flags, list)
    if len(flags) > 1:
        raise ScimError(400, "invalidValue", f"active: expected one value, got {len(flags)}.")
    return flags[0] if flags and isinstance(flags[0], bool) else None
