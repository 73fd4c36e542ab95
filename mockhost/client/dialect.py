"""Requests in the words of Entra's provisioning service: how it writes URLs, filters, bodies and patches.

Sources: AzureAD/SCIMReferenceCode, Protocol/Query.cs and Filter.cs (the composer: order of query keys,
encoding); PowerShell Gallery, ECMA2HostTools 1.0.0, Examples (the body of a create that goes to the host);
dwbasta/Basta_IG_Entra_SCIM_EndPoint, Images/TerminalOutput.png (a body that came through the agent); Microsoft
Learn, "Develop and plan provisioning for a SCIM endpoint" (bodies, the probe), "Known
issues and resolutions with SCIM 2.0 protocol compliance" (capitalised `op`, "False" as a string, the flag
aadOptscim062020); an access log in OneUptime/oneuptime#2134 and a Rails log in MicrosoftDocs/azure-docs#94189
(GETs carry no SCIM media type and no User-Agent).
"""

from __future__ import annotations

import json
import re
from collections.abc import Container, Mapping, Sequence
from typing import NamedTuple
from urllib.parse import quote, urlsplit

from mockhost.scim.messages import CORE_USER, ECMA_USER, ENTERPRISE_USER, PATCH_OP, quote_id

PROBE_ATTRIBUTE = "PLACEHOLDER"
"""What an on-premises application matches by until it is configured (Microsoft Learn, "Troubleshoot
on-premises application provisioning", heading "Understand incoming SCIM requests")."""
CONTENT_TYPE = "application/scim+json; charset=utf-8"
NEW_DIALECT = "aadOptscim062020"
"""The flag in a tenant URL that asks for patches as RFC 7644 has them."""
_CORE = frozenset({"active", "schemas"})
"""Attributes that stand outside of the connector's extension, in bodies and patches. All others are in it, even
those called id, userName, externalId or displayName."""
_FILTERED_BARE = _CORE | {"id", "externalId", PROBE_ATTRIBUTE}
"""Attributes that a filter names without the URN: the host finds a column of that name by it too."""
_KEPT_IN_URLS = "%/:@!$&'()*+,;=~"
_ENCODED_IN_VALUES = ";/?:@&=+$,#[]'"
"""What Filter.cs encodes in a comparison value; `%`, a quote, a backslash and non-ASCII go as they are."""
_LITERAL = re.compile(r'"((?:[^"\\]|\\.)*)"')


class Request(NamedTuple):
    """A request but for its host: what goes on the request line, headers and body."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None


class Base(NamedTuple):
    """What of a tenant URL takes part in every request target."""

    path: str
    query: str
    extension: str = ECMA_USER
    """the schema that attributes belong to unless they say otherwise; empty: the standard's own"""

    @property
    def new_dialect(self) -> bool:
        return NEW_DIALECT.lower() in self.query.lower()

    def target(self, path: str, query: Sequence[str] = ()) -> str:
        """`path` below the base. Assumed: a query of the tenant URL itself follows the request's own."""
        whole = "&".join([*query, *([self.query] if self.query else [])])
        return f"{self.path}{path}?{whole}" if whole else f"{self.path}{path}" or "/"


def base_of(tenant_url: str, extension: str = ECMA_USER) -> Base:
    """Where requests to a tenant URL go, whatever its shape; a slash at its end is not doubled."""
    try:
        parts = urlsplit(tenant_url)
    except ValueError:
        return Base("", "", extension)
    path = quote(parts.path.rstrip("/"), safe=_KEPT_IN_URLS, errors="replace")
    return Base(path, quote(parts.query, safe=_KEPT_IN_URLS + "?", errors="replace"), extension)


# -- filters and queries -------------------------------------------------------------------------------------


def encoded(text: str) -> str:
    """As .NET's HttpUtility.UrlEncode, by which attribute paths and operators are encoded: lower-case hex."""
    escaped = quote(text, safe="-_.!*() ", errors="replace").replace("~", "%7e").replace(" ", "+")
    return re.sub("%[0-9A-F]{2}", lambda escape: escape[0].lower(), escaped)


def encoded_value(text: str) -> str:
    """As Filter.cs encodes a comparison value. Control characters, which no request line can carry, are escaped."""
    return "".join(
        "+" if letter == " " else encoded(letter) if letter in _ENCODED_IN_VALUES or letter < " " else letter
        for letter in text
    )


def encoded_filter(text: str) -> str:
    """A whole filter as the composer would write it: values by their own table, all the rest by UrlEncode."""
    parts = _LITERAL.split(text)
    # Every second part is what stood between quotes.
    return "".join(
        f"%22{encoded_value(part)}%22" if index % 2 else encoded(part) for index, part in enumerate(parts)
    )


def qualified(attribute: str, extension: str = ECMA_USER, bare: Container[str] = _CORE) -> str:
    """An attribute's full path: the connector's extension, unless it is a core attribute or has a URN already."""
    return attribute if not extension or attribute in bare or ":" in attribute else f"{extension}:{attribute}"


def query(
    *,
    filter_text: str | None = None,
    attributes: Sequence[str] = (),
    excluded: Sequence[str] = (),
    start_index: object = None,
    count: object = None,
    equals: Mapping[str, object] | None = None,
    extension: str = ECMA_USER,
) -> list[str]:
    """Query keys in the composer's order. `equals` is written into the filter, its values as they are."""
    keys = []
    if attributes:
        keys.append("attributes=" + ",".join(map(encoded, attributes)))
    if excluded:
        keys.append("excludedAttributes=" + ",".join(map(encoded, excluded)))
    if equals:
        parts = (
            _encoded_equality(qualified(name, extension, _FILTERED_BARE), value)
            for name, value in equals.items()
        )
        keys.append("filter=" + encoded(" and ").join(parts))
    elif filter_text is not None:
        keys.append("filter=" + encoded_filter(filter_text))
    if start_index is not None:
        keys.append(f"startIndex={encoded(str(start_index))}")
    if count is not None:
        keys.append(f"count={encoded(str(count))}")
    return keys


def _encoded_equality(name: str, value: object) -> str:
    literal = f"%22{encoded_value(value)}%22" if isinstance(value, str) else encoded(json.dumps(value))
    return encoded(f"{name} eq ") + literal


def probe(guid: str, attribute: str = PROBE_ATTRIBUTE) -> list[str]:
    """The query of a test connection: a user that does not exist."""
    return [f"filter={encoded(f'{attribute} eq ')}%22{encoded_value(guid)}%22"]


def user_path(ident: object) -> str:
    """The path of one user below the base; the id is escaped as `Uri.EscapeDataString` does."""
    return f"/Users/{quote_id(str(ident))}"


# -- bodies --------------------------------------------------------------------------------------------------


def as_json(document: object) -> bytes:
    """Compact JSON in UTF-8."""
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")


def resource(attributes: Mapping[str, object], extension: str = ECMA_USER) -> dict[str, object]:
    """A user to be created or replaced, as the service sends one.

    The core and enterprise User in `schemas`, never the connector's extension; `active`, although nothing is
    mapped to it; `meta.resourceType`; and the attributes under the extension, or the standard's own.
    """
    schemas = attributes.get("schemas", [CORE_USER, ENTERPRISE_USER])
    core: dict[str, object] = {"schemas": schemas, "active": True, "meta": {"resourceType": "User"}}
    if not extension:
        return {**core, **attributes}
    core.update((name, value) for name, value in attributes.items() if name in _CORE)
    own = {
        name.removeprefix(f"{extension}:"): value for name, value in attributes.items() if name not in _CORE
    }
    return {**core, extension: own}


def patch(
    changes: Mapping[str, object], *, new_dialect: bool = False, extension: str = ECMA_USER
) -> dict[str, object]:
    """A patch that sets attributes, and removes those that are None.

    By default one capitalised operation for each, booleans as "True" and "False". In the new dialect all
    values are one `replace` without a path.
    """
    kept = {qualified(name, extension): value for name, value in changes.items() if value is not None}
    gone = [qualified(name, extension) for name, value in changes.items() if value is None]
    operations: list[dict[str, object]]
    if new_dialect:
        operations = [{"op": "replace", "value": kept}] if kept else []
        operations += [{"op": "remove", "path": path} for path in gone]
    else:
        operations = [
            {"op": "Replace", "path": path, "value": _old_value(value)} for path, value in kept.items()
        ]
        operations += [{"op": "Remove", "path": path} for path in gone]
    return patch_body(operations)


def patch_body(operations: Sequence[object]) -> dict[str, object]:
    """Operations in their envelope (RFC 7644 3.5.2)."""
    return {"schemas": [PATCH_OP], "Operations": list(operations)}


def _old_value(value: object) -> object:
    return str(value) if isinstance(value, bool) else value
