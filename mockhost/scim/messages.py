"""The messages that go over the wire: lists, errors, and a service's description of itself (RFC 7643, 7644).

Plain data in the order in which AzureAD/SCIMReferenceCode serialises it; who needs a wrong one changes it
afterwards.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final
from urllib.parse import quote

from mockhost.matching import ABSENT
from mockhost.scim.attributes import CORE_PREFIX, AttributeInfo, fold, given
from mockhost.scim.grammar import AttrPath, attr_path

LIST_RESPONSE: Final = "urn:ietf:params:scim:api:messages:2.0:ListResponse"
PATCH_OP: Final = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
CORE_USER: Final = CORE_PREFIX + "2.0:User"
CORE_GROUP: Final = CORE_PREFIX + "2.0:Group"
ENTERPRISE_USER: Final = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
ECMA_USER: Final = "urn:ietf:params:scim:schemas:extension:ECMA2Host:2.0:User"
"""The extension under which a connector's attributes appear (Microsoft Learn, Generic SQL connector tutorial)."""
_SCHEMA: Final = CORE_PREFIX + "2.0:Schema"
_RESOURCE_TYPE: Final = CORE_PREFIX + "2.0:ResourceType"
_PROVIDER_CONFIG: Final = CORE_PREFIX + "2.0:ServiceProviderConfig"

LONGEST_ID: Final = 4_000
"""Characters of an anchor or of a unique attribute, as of an nvarchar column that is no MAX. Assumed."""


def list_response(resources: Sequence[Mapping[str, object]], total: int, start: int) -> dict[str, object]:
    """A page of resources (RFC 7644 3.4.2). `total` counts all that match; `start` is the page's first, from 1."""
    return {
        "schemas": [LIST_RESPONSE],
        "totalResults": total,
        "itemsPerPage": len(resources),
        "startIndex": start,
        "Resources": resources,
    }


def meta(
    resource_type: str, location: str, *, created: str | None = None, last_modified: str | None = None
) -> dict[str, object]:
    """A resource's `meta` (RFC 7643 3.1) without what isn't known."""
    found: dict[str, object] = {"resourceType": resource_type}
    if created is not None:
        found["created"] = created
    if last_modified is not None:
        found["lastModified"] = last_modified
    found["location"] = location
    return found


def quote_id(ident: str) -> str:
    """An id as a path segment: all but RFC 3986's unreserved characters escaped, in upper-case hex.

    The same as .NET's `Uri.EscapeDataString`, by which AzureAD/SCIMReferenceCode composes its requests.
    """
    if ident.isalnum() and ident.isascii():
        return ident
    return quote(ident, safe="", errors="replace")


def schema_attribute(
    name: str,
    *,
    type: str = "string",
    multi_valued: bool = False,
    description: str = "",
    required: bool = False,
    case_exact: bool = False,
    mutability: str = "readWrite",
    returned: str = "default",
    uniqueness: str = "none",
    sub_attributes: Iterable[Mapping[str, object]] | None = None,
    canonical_values: Sequence[str] = (),
    reference_types: Sequence[str] = (),
) -> dict[str, object]:
    """One attribute of a Schema resource (RFC 7643 7).

    All characteristics are there and none is null, as Entra asks (Microsoft Learn, Develop and plan provisioning
    for a SCIM endpoint, heading "Schema discovery").
    """
    definition: dict[str, object] = {
        "name": name,
        "type": type,
        "multiValued": multi_valued,
        "description": description or name,
        "required": required,
        "caseExact": case_exact,
        "mutability": mutability,
        "returned": returned,
        "uniqueness": uniqueness,
    }
    if canonical_values:
        definition["canonicalValues"] = list(canonical_values)
    if reference_types:
        definition["referenceTypes"] = list(reference_types)
    if sub_attributes is not None:
        definition["subAttributes"] = list(sub_attributes)
    return definition


def definition_of(info: AttributeInfo) -> dict[str, object]:
    """`schema_attribute` for what PATCH works with; `attributes.read_attributes` is the way back."""
    subs = None if info.sub is None else [definition_of(sub) for sub in info.sub.values()]
    return schema_attribute(
        info.name,
        type=info.type,
        multi_valued=info.multi_valued,
        description=info.description,
        required=info.required,
        case_exact=info.case_exact,
        mutability=info.mutability,
        returned=info.returned,
        uniqueness=info.uniqueness,
        sub_attributes=subs,
        canonical_values=info.canonical,
        reference_types=info.references,
    )


def schema_resource(
    urn: str,
    name: str,
    attributes: Iterable[Mapping[str, object]],
    *,
    location: str,
    description: str = "",
) -> dict[str, object]:
    """A Schema resource (RFC 7643 7). `location` is the URL of the Schemas endpoint, without the URN."""
    return {
        "schemas": [_SCHEMA],
        "id": urn,
        "name": name,
        "description": description or name,
        "attributes": list(attributes),
        "meta": meta("Schema", f"{location}/{urn}"),
    }


def service_provider_config(
    *,
    location: str,
    patch: bool = True,
    filter: bool = True,
    max_results: int = 1000,
    bulk: bool = False,
    sort: bool = False,
    etag: bool = False,
    change_password: bool = False,
) -> dict[str, object]:
    """What the service can do (RFC 7643 5): by default what AzureAD/SCIMReferenceCode's ProviderBase says."""
    return {
        "schemas": [_PROVIDER_CONFIG],
        "patch": {"supported": patch},
        "bulk": {"supported": bulk, "maxOperations": 0, "maxPayloadSize": 0},
        "filter": {"supported": filter, "maxResults": max_results},
        "changePassword": {"supported": change_password},
        "sort": {"supported": sort},
        "etag": {"supported": etag},
        "authenticationSchemes": [
            {
                "type": "oauthbearertoken",
                "name": "OAuth Bearer Token",
                "description": "The connector's secret token as a bearer token (RFC 6750).",
                "primary": True,
            }
        ],
        "meta": meta("ServiceProviderConfig", location),
    }


def resource_type(
    name: str, endpoint: str, schema: str, extensions: Iterable[str] = (), *, location: str
) -> dict[str, object]:
    """A ResourceType (RFC 7643 6). `extensions` are URNs, none required; `location` is this resource's URL."""
    return {
        "schemas": [_RESOURCE_TYPE],
        "id": name,
        "name": name,
        "endpoint": endpoint,
        "description": name,
        "schema": schema,
        "schemaExtensions": [{"schema": urn, "required": False} for urn in extensions],
        "meta": meta("ResourceType", location),
    }


def resource_type_user(base_url: str) -> dict[str, object]:
    """The connector host's only resource type. `base_url` ends with `/scim`."""
    location = f"{base_url}/ResourceTypes/User"
    return resource_type("User", "/Users", CORE_USER, (ECMA_USER,), location=location)


def value_in_request(document: object, name: str) -> object:
    """What a POST, PUT or PATCH body gives for an attribute, or ABSENT.

    `name` is an attribute of an extension or of the core, in any case, with or without its URN, perhaps with a
    sub-attribute. Of a PATCH it is what the last operation on it says; a removal without a value gives None.
    Nothing is coerced; `emails[…].value` is found as `emails` and as `emails.value`. Never raises.
    """
    wanted = attr_path(name)
    if wanted is None or not isinstance(document, Mapping):
        return ABSENT
    operations = given(document, "Operations")
    sources = map(_as_document, operations) if isinstance(operations, list) else (document,)
    found: object = ABSENT
    for source in sources:
        for path, value in _pairs(source):
            if fold(path.name) == fold(wanted.name) and _same_schema(path, wanted):
                value = _narrowed(path, value, wanted.sub)
                found = found if value is ABSENT else value
    return found


def value_compared(compared: Iterable[tuple[AttrPath, object]], name: str) -> object:
    """The value that a filter compares an attribute with (`filters.equalities`), or ABSENT. `name` as above."""
    wanted = attr_path(name)
    for path, value in compared if wanted is not None else ():
        assert wanted is not None
        same = fold(path.name) == fold(wanted.name) and fold(path.sub or "") == fold(wanted.sub or "")
        if same and (path.urn is None or wanted.urn is None or fold(path.urn) == fold(wanted.urn)):
            return value
    return ABSENT


def _as_document(operation: object) -> Mapping[str, object]:
    """What one PATCH operation names, as a resource would hold it."""
    if not isinstance(operation, Mapping):
        return {}
    value, target = given(operation, "value"), given(operation, "path")
    if isinstance(target, str) and target:
        head, _, tail = target.partition("[")
        return {head + tail.rpartition("]")[2]: None if value is ABSENT else value}
    return value if isinstance(value, Mapping) else {}


def _pairs(document: Mapping[str, object]) -> Iterator[tuple[AttrPath, object]]:
    """The attributes of a body: top-level members, flat keys, and those under an extension's URN."""
    for key, value in document.items():
        if ":" in key and isinstance(value, Mapping):
            for name, inner in value.items():
                yield AttrPath(key, name), inner
        path = attr_path(key)
        if path is not None:
            yield path, value


def _same_schema(path: AttrPath, wanted: AttrPath) -> bool:
    return path.urn is None or wanted.urn is None or fold(path.urn) == fold(wanted.urn)


def _narrowed(path: AttrPath, value: object, sub: str | None) -> object:
    """The sub-attribute that is asked for, of a value that may be that sub-attribute already."""
    if sub is None:
        return value
    if path.sub is not None:
        return value if fold(path.sub) == fold(sub) else ABSENT
    return given(value, sub) if isinstance(value, Mapping) else ABSENT
