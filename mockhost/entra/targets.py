"""Target attributes: as mappings name them, in a SCIM resource, in the requests of the service, and on their way.

`displayName`, `name.givenName`, `emails[type eq "work"].value`, `urn:…:User:department` (Microsoft Learn, "Customize
user provisioning attribute mappings", and the requests in "Develop and plan provisioning for a SCIM endpoint"). The
words of single requests are in `client/dialect`, with their sources; which headers go with them: an access log in
OneUptime/oneuptime#2134 and a Rails log in MicrosoftDocs/azure-docs#94189 (GETs carry neither a media type nor a
User-Agent), MicrosoftDocs/azure-docs#12728 (POST and PATCH).
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Iterator, Mapping, MutableMapping, Sequence
from typing import Any, NamedTuple

from mockhost.client import dialect
from mockhost.client.dialect import Base, Request
from mockhost.errors import UsageError
from mockhost.matching import ABSENT
from mockhost.scim.messages import CORE_USER, ECMA_USER, ENTERPRISE_USER

MANAGER = f"{ENTERPRISE_USER}:manager"
_PATH = re.compile(
    r"""(?:(?P<schema>urn:[^\s\[\]"]*):)?(?P<name>[A-Za-z_$\-][^\s.\[\]":]*)
    (?:\[(?P<key>[A-Za-z]\w*)\ eq\ (?P<value>"[^"\\]*"|true|false)\])?(?:\.(?P<sub>[A-Za-z]\w*))?""",
    re.VERBOSE,
)
_BOOLEANS = frozenset({"active", "primary"})
_PRIMARY = frozenset({"emails", "addresses"})
"""Attributes whose element of the type `work` is sent as the primary one (the page's example of a create)."""
_ORDER = (
    *("schemas", "externalId", "userName", "active", "displayName", "title", "preferredLanguage", "emails"),
    *("phoneNumbers", "addresses", "meta", "name"),
)
"""The order of keys in the page's example of a create; extensions and `roles` follow."""
_INNER_ORDER = ("primary", "type", "value", "formatted", "familyName", "givenName")


class Target(NamedTuple):
    """A target attribute."""

    text: str
    schema: str
    """an extension's URN, or ''"""
    name: str
    key: str = ""
    """of a value filter, `type` in `emails[type eq "work"].value`; '' for an attribute without one"""
    value: str | bool = ""
    sub: str = ""

    @property
    def is_boolean(self) -> bool:
        return (self.sub or self.name) in _BOOLEANS and not self.schema


@functools.lru_cache(maxsize=4_000)
def parse(text: str) -> Target:
    """A target attribute by its path. Raises UsageError."""
    found = _PATH.fullmatch(text)
    if found is None:
        raise UsageError(
            f"{text!r} is not a target attribute",
            hint='such as displayName, name.givenName, emails[type eq "work"].value or urn:…:User:department',
        )
    schema, value = found["schema"] or "", found["value"] or ""
    literal = value[1:-1] if value.startswith('"') else value == "true"
    schema = "" if schema.lower() == CORE_USER.lower() else schema
    return Target(text, schema, found["name"], found["key"] or "", literal, found["sub"] or "")


def typed(target: Target, value: object) -> object:
    """A value as a document has it: `True` and `False` are booleans where the attribute is one."""
    if target.is_boolean and isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    return list(value) if isinstance(value, tuple) else value


def put(document: MutableMapping[str, Any], target: Target, value: object) -> None:
    """Set an attribute in a document that is being made."""
    place = document.setdefault(target.schema, {}) if target.schema else document
    value = typed(target, value)
    if target.key:
        elements = place.setdefault(target.name, [])
        element = next((each for each in elements if each.get(target.key) == target.value), None)
        if element is None:
            element = {target.key: target.value}
            if target.name in _PRIMARY and (target.key, target.value) == ("type", "work"):
                element = {"primary": True, **element}
            elements.append(element)
        element[target.sub or "value"] = value
    elif target.sub:
        inner = place.setdefault(target.name, {})
        inner[target.sub] = value
    else:
        place[target.name] = value


def ordered(document: Mapping[str, Any]) -> dict[str, Any]:
    """The document with its keys in the order of the page's example."""
    top = sorted(document, key=lambda key: _place(key, _ORDER, len(_ORDER) + (key == "roles")))
    return {key: _inner(document[key]) for key in top}


def _inner(value: object) -> object:
    if isinstance(value, list):
        return [_inner(each) for each in value]
    if isinstance(value, dict) and value.keys() & set(_INNER_ORDER):
        keys = sorted(value, key=lambda key: _place(key, _INNER_ORDER, len(_INNER_ORDER)))
        return {key: value[key] for key in keys}
    return value


def _place(key: str, order: tuple[str, ...], last: int) -> int:
    return order.index(key) if key in order else last


def get(resource: object, target: Target) -> object:
    """An attribute's value in what a server answered, or `matching.ABSENT`. Names are found in any case."""
    place = _member(resource, target.schema) if target.schema else resource
    found = _member(place, target.name)
    if target.key:
        elements = found if isinstance(found, list) else []
        matching = (each for each in elements if _equals(_member(each, target.key), target.value))
        found = next(matching, ABSENT)
        return _member(found, target.sub or "value")
    return _member(found, target.sub) if target.sub else found


def _member(value: object, name: str) -> object:
    if not isinstance(value, Mapping):
        return ABSENT
    if name in value:
        return value[name]
    folded = name.lower()
    return next((item for key, item in value.items() if str(key).lower() == folded), ABSENT)


def _equals(found: object, wanted: str | bool) -> bool:
    return found == wanted or (isinstance(found, (str, bool)) and str(found).lower() == str(wanted).lower())


def is_empty(value: object) -> bool:
    """Whether it is as good as no value (RFC 7643 2.5)."""
    return value is ABSENT or value is None or value in ("", [], {})


def same(wanted: object, found: object) -> bool:
    """Whether a value in the target is the wanted one: booleans also as texts, of references the id."""
    if isinstance(found, Mapping):
        found = found.get("value")
    if isinstance(wanted, (list, tuple)) or isinstance(found, list):
        return _texts(wanted) == _texts(found)
    if isinstance(wanted, bool) or isinstance(found, bool):
        return str(wanted).lower() == str(found).lower()
    return str(wanted) == ("" if is_empty(found) else str(found))


def _texts(value: object) -> list[str]:
    values: Iterable[object] = (
        value if isinstance(value, (list, tuple)) else () if is_empty(value) else (value,)
    )
    return sorted(str(each.get("value")) if isinstance(each, Mapping) else str(each) for each in values)


# -- what a target offers -----------------------------------------------------------------------------------


class Attribute(NamedTuple):
    """A row of the target attribute list."""

    name: str
    type: str = "String"
    required: bool = False
    primary_key: bool = False
    anchor: bool = False


def attributes_in(document: object) -> Iterator[Attribute]:
    """The target attributes that an answer to /Schemas offers, flattened to paths of mappings."""
    resources = document.get("Resources") if isinstance(document, dict) else None
    for resource in (resources if isinstance(resources, list) else [])[:100]:
        if not isinstance(resource, dict) or not isinstance(resource.get("attributes"), list):
            continue
        urn = str(resource.get("id", ""))
        if urn.lower().endswith((":group", ":schema", ":resourcetype", ":serviceproviderconfig")):
            continue
        for each in resource["attributes"][:1_000]:
            if isinstance(each, dict) and isinstance(each.get("name"), str):
                yield from _flattened(each, "" if urn.lower() == CORE_USER.lower() else f"{urn}:")


def _flattened(said: Mapping[str, Any], prefix: str) -> Iterator[Attribute]:
    name = f"{prefix}{said['name']}"
    inner = said.get("subAttributes")
    if not isinstance(inner, list) or not inner:
        anchor = bool(prefix) and said.get("uniqueness") == "server"
        yield Attribute(
            name, str(said.get("type", "string")).capitalize(), bool(said.get("required")), anchor=anchor
        )
        return
    for each in inner[:100]:
        sub = each.get("name") if isinstance(each, dict) else None
        if not isinstance(sub, str) or sub in ("type", "primary", "display", "$ref"):
            continue
        if not said.get("multiValued"):
            yield Attribute(f"{name}.{sub}", str(each.get("type", "string")).capitalize())
        for kind in _kinds(said, inner) if said.get("multiValued") else ():
            yield Attribute(f'{name}[type eq "{kind}"].{sub}', str(each.get("type", "string")).capitalize())


def _kinds(said: Mapping[str, Any], inner: Iterable[object]) -> list[str]:
    """The canonical types of a multi-valued attribute, `work` where none is named."""
    types = (each for each in inner if isinstance(each, dict) and each.get("name") == "type")
    for values in (each.get("canonicalValues") for each in (said, *types)):
        if isinstance(values, list) and values:
            return [str(kind) for kind in values[:20]]
    return ["work"]


def sorted_attributes(found: Iterable[Attribute]) -> list[Attribute]:
    """The anchor, `-dn-`, then by alphabet."""
    return sorted(
        found, key=lambda each: (not each.anchor, not each.name.endswith(":-dn-"), each.name.lower())
    )


# -- requests ------------------------------------------------------------------------------------------------

_JSON = (("Content-Type", dialect.CONTENT_TYPE),)


class Change(NamedTuple):
    """An attribute that is set in the target, in requests and in the log. `new` is None if its source was cleared."""

    target: Target
    old: object
    new: object


class Composer:
    """Composes requests for one tenant URL."""

    def __init__(self, tenant_url: str, *, patches: str = "legacy", extension: str = "") -> None:
        self.base: Base = dialect.base_of(tenant_url, extension)
        self.patches = patches
        """one of config.DIALECTS"""
        self.extension = extension

    # -- queries ---------------------------------------------------------------------------------------------

    def probe(self, attribute: str, guid: str) -> Request:
        """A search for a user that does not exist."""
        return Request("GET", self.base.target("/Users", dialect.probe(guid, attribute)))

    def find_user(self, attribute: str, value: object) -> Request:
        """A search by a matching attribute."""
        keys = dialect.query(equals={attribute: value}, extension=self.extension)
        return Request("GET", self.base.target("/Users", keys))

    def get_user(self, ident: str) -> Request:
        return Request("GET", self.base.target(dialect.user_path(ident)))

    def schemas(self) -> Request:
        return Request("GET", self.base.target("/Schemas"))

    def find_group(self, name: str) -> Request:
        keys = dialect.query(excluded=["members"], equals={"displayName": name}, extension="")
        return Request("GET", self.base.target("/Groups", keys))

    # -- writes ----------------------------------------------------------------------------------------------

    def create_user(self, changes: Iterable[Change]) -> Request:
        """A create with the values that are there: nulls are not provisioned."""
        return Request("POST", self.base.target("/Users"), _JSON, dialect.as_json(self.user(changes)))

    def user(self, changes: Iterable[Change]) -> dict[str, Any]:
        """The body of a create."""
        if self.extension == ECMA_USER:
            own = {target.text: typed(target, value) for target, _, value in changes}
            return dialect.resource(own, self.extension)
        document: dict[str, Any] = {"schemas": [CORE_USER, ENTERPRISE_USER], "meta": {"resourceType": "User"}}
        for target, _, value in changes:
            put(document, target, value)
        document.setdefault("active", True)
        document.setdefault("roles", [])
        return ordered(document)

    def patch_user(self, ident: str, changes: Sequence[Change]) -> Request:
        body = dialect.as_json(dialect.patch_body(list(self.operations(changes))))
        return Request("PATCH", self.base.target(dialect.user_path(ident)), _JSON, body)

    def operations(self, changes: Sequence[Change]) -> Iterable[dict[str, object]]:
        """The operations of a patch, in the dialect of the app."""
        if self.patches != "scim062020":
            return [self._operation(change) for change in changes]
        replaced = [each for each in changes if _op(each) == "Replace" and not each.target.key]
        if len(replaced) < 2:
            return [self._operation(change) for change in changes]
        alone = [self._operation(each) for each in changes if each not in replaced]
        merged = {each.target.text: typed(each.target, each.new) for each in replaced}
        return [*alone, {"op": "replace", "value": merged}]

    def _operation(self, change: Change) -> dict[str, object]:
        """With a path; capitalised, and booleans as texts, but in newer dialects."""
        op = _op(change)
        operation: dict[str, object] = {
            "op": op.lower() if self.patches == "scim062020" else op,
            "path": change.target.text,
        }
        if change.new is not None:
            value = typed(change.target, change.new)
            is_text = isinstance(value, bool) and self.patches == "legacy"
            operation["value"] = str(value) if is_text else value
        return operation

    def set_manager(self, ident: str, manager: str | None, old: str | None = None) -> Request:
        """A reference, once both objects are there; its bare id as the value (SCIM-SDK#686, a capture)."""
        return self.patch_user(ident, [Change(parse(MANAGER), old, manager)])

    def delete_user(self, ident: str) -> Request:
        return Request("DELETE", self.base.target(dialect.user_path(ident)))


def _op(change: Change) -> str:
    """Add where the target had no value, Replace where it had one, Remove where the source was cleared."""
    if change.new is None:
        return "Remove"
    return "Add" if is_empty(change.old) else "Replace"
