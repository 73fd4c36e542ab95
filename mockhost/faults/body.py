"""Faults of the body: answers whose JSON is none, has another shape, or says something else than it should.

An answer that a fault can't be applied to (no JSON, no resources) passes as it is.
"""

from __future__ import annotations

import copy
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from html import escape
from itertools import chain
from typing import Annotated, Any, Final, Literal

import orjson

from mockhost.faults.contract import Context, Draft
from mockhost.faults.declare import Fraction, at_least, between, instead, on_answer
from mockhost.faults.documents import (
    Document,
    Resource,
    change_values,
    holders,
    is_message,
    listed,
    on_document,
    on_resources,
    places,
    read,
    remove,
    resources,
    settled,
    with_body,
)
from mockhost.scim.attributes import fold, key_of
from mockhost.scim.messages import ENTERPRISE_USER, list_response

Names = tuple[str, ...] | None
_KEPT: Final = frozenset({"schemas", "id", "meta"})

# -- what is no JSON ---------------------------------------------------------------------------------------------

_NAME = re.compile(r'"([A-Za-z_][A-Za-z0-9_]*)":')
_MALFORMED: Final[dict[str, Callable[[str, Document], str]]] = {
    "unclosed": lambda text, _: text[:-1],
    "trailing_comma": lambda text, _: f"{text[:-1]},{text[-1]}",
    "unquoted_names": lambda text, _: _NAME.sub(r"\1:", text),
    "python": lambda _, document: repr(document),
    "twice": lambda text, _: text + text,
    "comment": lambda text, _: f"// generated\n{text}",
}


@on_answer(main="how")
def malformed_json(
    draft: Draft,
    _: Context,
    how: Literal["unclosed", "trailing_comma", "unquoted_names", "python", "twice", "comment"] = "unclosed",
) -> Draft:
    """The answer's JSON has an error in it.

    Of a kind that real servers make. Sources: RFC 8259 (what JSON is); GitHub grokability/snipe-it#14138 (what the
    portal says of a body that it can't read).
    """
    draft = settled(draft)
    if (document := read(draft)) is None:
        return draft
    text = draft.whole_body().decode().strip()
    try:
        wrong = _MALFORMED[how](text, document).encode()
    except RecursionError:
        wrong = text[:-1].encode()
    try:
        orjson.loads(wrong)
    except orjson.JSONDecodeError:
        return with_body(draft, wrong)
    return with_body(draft, text[:-1].encode())  # an empty document has no name to spoil


@on_answer(main="at_fraction")
def truncated_json(
    draft: Draft,
    _: Context,
    at_fraction: Fraction = 0.5,
    after_bytes: Annotated[int | None, at_least(0)] = None,
) -> Draft:
    """The answer's JSON ends in the middle, though nothing is wrong with the length.

    It is what a buffer that was too small, or a process that died behind a proxy, leaves. For an answer that is cut
    short on the wire see `truncated_body`.
    """
    draft = settled(draft)
    if read(draft) is None:
        return draft
    body = draft.whole_body().strip()
    most = int(len(body) * at_fraction) if after_bytes is None else after_bytes
    return with_body(draft, body[: min(most, len(body) - 1)])


_MARK: Final = b"\xef\xbb\xbf"


@on_answer()
def byte_order_mark(draft: Draft, _: Context) -> Draft:
    """A byte order mark stands before the JSON.

    RFC 8259 8.1: implementations MUST NOT add one to JSON that they send; parsers MAY ignore it. What .NET makes of
    it depends on what reads it: GitHub dotnet/runtime#37327 (text and bytes are refused), dotnet/corefx#38418 (a
    stream's mark is skipped).
    """
    if isinstance(draft.body, bytes):
        return with_body(draft, _MARK + draft.body) if draft.body else draft
    return draft._replace(body=_marked(iter(draft.body))).with_header("Content-Length", None)


def _marked(body: Iterator[bytes]) -> Iterator[bytes]:
    first = next(body, b"")
    return chain((_MARK + first,) if first else (), body)


_CHARSET = re.compile(r";\s*charset\s*=\s*(?:\"[^\"]*\"|[^;\s]*)", re.IGNORECASE)
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,40}")


def _charset_problem(says: str, **_: object) -> str | None:
    return None if _TOKEN.fullmatch(says) else f"says is the name of a charset, not {says!r}"


@on_answer(main="actually", check=_charset_problem)
def wrong_charset(
    draft: Draft,
    _: Context,
    actually: Literal["utf-16", "utf-16-le", "utf-16-be", "utf-32", "latin-1", "windows-1252"] = "utf-16",
    says: str = "utf-8",
) -> Draft:
    """The body is not in the encoding that the header says.

    RFC 8259 8.1: JSON between systems MUST be UTF-8. In `latin-1` and `windows-1252` only letters beyond ASCII are
    wrong.
    """
    draft = settled(draft)
    try:
        text = draft.whole_body().decode()
    except UnicodeDecodeError:
        return draft
    if not text:
        return draft
    kind = _CHARSET.sub("", draft.header("Content-Type") or "application/scim+json").strip()
    draft = with_body(draft, text.encode(actually, "replace"))
    return draft.with_header("Content-Type", f"{kind}; charset={says}")


_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_.-]")
_NOT_IN_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def _element_name(key: str) -> str:
    name = _NOT_IN_NAMES.sub("_", key.rpartition(":")[2])
    return name if name[:1].isalpha() or name[:1] == "_" else f"_{name}"


def _element(name: str, value: object) -> Iterator[str]:
    if isinstance(value, list):
        for member in value:
            yield from _element(name, member)
    elif value is None:
        yield f"<{name}/>"
    elif isinstance(value, dict):
        yield f"<{name}>"
        for key, member in value.items():
            yield from _element(_element_name(key), member)
        yield f"</{name}>"
    else:
        text = str(value).lower() if isinstance(value, bool) else str(value)
        yield f"<{name}>{escape(_NOT_IN_XML.sub('?', text), quote=False)}</{name}>"


def _root_problem(root: str, **_: object) -> str | None:
    right = root and _element_name(root) == root
    return None if right else f"root is the name of an element, not {root!r}"


@on_answer(check=_root_problem)
def xml(draft: Draft, _: Context, root: str = "Response", keep_content_type: bool = False) -> Draft:
    """The answer is XML.

    ASP.NET Web API, on which hosts of this kind are likely built, answers in XML to a client that prefers it (Microsoft
    Learn, Content Negotiation in ASP.NET Web API), and SCIM 1.1 had an XML form. The elements are named after the
    members; what is under a schema's URN has the last part of the URN for its name.
    """
    draft = settled(draft)
    if (document := read(draft)) is None:
        return draft
    inside = {"Resource": document} if isinstance(document, list) else document
    try:
        text = "".join(_element(root, inside))
    except RecursionError:
        return draft
    body = f'<?xml version="1.0" encoding="utf-8"?>\n{text}\n'.encode("utf-8", "replace")
    draft = with_body(draft, body)
    return draft if keep_content_type else draft.with_header("Content-Type", "application/xml; charset=utf-8")


# -- what is missing ---------------------------------------------------------------------------------------------


@on_document(main="where")
def missing_schemas(
    document: Document,
    _: Context,
    where: Literal["everywhere", "message", "resources"] = "everywhere",
) -> Document:
    """The answer does not say which schemas it follows.

    RFC 7643 3: every representation of a resource, and RFC 7644 3.1: every message, MUST have `schemas`.
    """
    chosen = holders(document)
    if where == "message":
        chosen = [document] if is_message(document) else []
    elif where == "resources":
        chosen = resources(document)
    for holder in chosen:
        remove(holder, "schemas")
    return document


@on_document()
def missing_resources(document: Document, _: Context) -> Document:
    """A list has totals and no resources.

    RFC 7644 3.4.2: `Resources` is required if totalResults is not zero; many servers leave it out when it is zero,
    which is allowed.
    """
    if isinstance(document, dict):
        remove(document, "Resources")
    return document


_FARTHEST: Final = 1 << 53
"""JSON's integers are exact up to here (RFC 8259 6)."""


def _whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) <= _FARTHEST


def _counts_problem(**given: object) -> str | None:
    for name, value in given.items():
        adds = isinstance(value, Mapping) and set(value) == {"add"} and _whole(value["add"])
        if value not in (None, "returned") and not _whole(value) and not adds:
            return f"{name} is a whole number, {{add: a whole number}} or returned, not {value!r}"
    return None


@on_document(main="total_results", check=_counts_problem)
def lying_totals(
    document: Document,
    _: Context,
    total_results: object = None,
    start_index: object = None,
    items_per_page: object = None,
) -> Document:
    """The numbers of a list are not those of the list.

    How many match, where the page begins, how many it has: RFC 7644 3.4.2 says what they count. Counting the page
    instead of all that match (`total_results: returned`) is what AzureAD/SCIMReferenceCode does.
    """
    if (total_results, start_index, items_per_page) == (None, None, None):
        total_results = {"add": 1}
    wanted = {"totalResults": total_results, "startIndex": start_index, "itemsPerPage": items_per_page}
    members = listed(document)
    if isinstance(document, dict) and (members is not None or key_of(document, "totalResults")):
        for name, value in wanted.items():
            if value is not None:
                key = key_of(document, name) or name
                document[key] = _counted(value, document.get(key), len(members or ()))
    return document


def _counted(value: object, true: object, returned: int) -> object:
    if isinstance(value, Mapping):
        add: int = value["add"]
        return true + add if isinstance(true, int) and not isinstance(true, bool) else add
    return returned if value == "returned" else value


# -- values ------------------------------------------------------------------------------------------------------


@on_document(main="attributes")
def numbers_as_strings(
    document: Document,
    _: Context,
    attributes: Names = None,
    booleans: bool = False,
) -> Document:
    """Numbers are written as strings.

    Newtonsoft.Json converts them where a number is expected; System.Text.Json refuses them unless told otherwise
    (Microsoft Learn, "ASP.NET Core apps allow deserializing quoted numbers").
    """

    def quoted(value: object) -> object:
        if isinstance(value, bool):
            return str(value) if booleans else value
        return str(value) if isinstance(value, (int, float)) else value

    return change_values(document, attributes or (), quoted, frozenset())


_NUMBER = re.compile(r"-?[0-9]{1,300}(?:\.[0-9]{1,300})?")


def _number(value: object) -> object:
    if not isinstance(value, str) or not _NUMBER.fullmatch(value):
        return value
    if "." not in value and -(1 << 63) <= (whole := int(value)) < 1 << 63:
        return whole
    return float(value)


@on_document(main="attributes")
def strings_as_numbers(document: Document, _: Context, attributes: Names = None) -> Document:
    """Strings of digits are written as numbers.

    That loses leading zeros and what is too long for a number. Databases whose column is a number are where this comes
    from: an id of 1001 leaves the server without quotes, though RFC 7643 3.1 has `id` as a string.
    """
    keep = _KEPT - {"id"}
    return change_values(document, attributes or (), _number, keep)


@on_document(main="attributes")
def null_list(document: Document, _: Context, attributes: tuple[str, ...] = ("Resources",)) -> Document:
    """There is null where a list is expected.

    `"Resources": null` of an empty list, `"emails": null` of a user without any. RFC 7643 2.5: null and an empty array
    both mean unassigned; but RFC 7644 3.4.2 has `Resources` as an array, and clients walk through it.
    """
    # The innermost first: whose list is null has nothing to look for in it.
    for holder in reversed(holders(document)):
        for name in attributes:
            for container, key in places(holder, name):
                if isinstance(container[key], list):
                    container[key] = None
    return document


@on_resources()
def missing_id(resource: Resource, _: Context) -> None:
    """Resources have no id.

    RFC 7643 3.1: every resource MUST have one. Microsoft Learn, "Tutorial: Develop and plan provisioning for a SCIM
    endpoint in Microsoft Entra ID", asks for it as well: the service keeps it and uses it in all later requests.
    """
    remove(resource, "id")


@on_document(main="to", of_success=True)
def changed_id(
    document: Document,
    context: Context,
    to: Literal["guid", "other_case", "trailing_blank", "value"] = "guid",
    value: str | None = None,
) -> Document:
    """Resources have another id than they should.

    RFC 7643 3.1: an id is stable and never reassigned. A client that keeps this one gets 404 for its next request.
    """
    for position, resource in enumerate(resources(document)):
        if (key := key_of(resource, "id")) is None:
            continue
        text = str(resource[key])
        if to == "guid":
            resource[key] = _guid(context.octets(16, f"id {position}"))
        elif to == "other_case":
            resource[key] = text.swapcase()
        elif to == "trailing_blank":
            resource[key] = f"{text} "
        else:
            resource[key] = value or f"{text}-{context.ordinal}"
    return document


def _guid(octets: bytes) -> str:
    """Octets as a version 4 GUID (RFC 9562 5.4)."""
    raw = bytearray(octets)
    raw[6] = raw[6] & 0x0F | 0x40
    raw[8] = raw[8] & 0x3F | 0x80
    text = raw.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


@on_resources(main="attributes")
def dropped_attributes(resource: Resource, _: Context, attributes: Names = None) -> None:
    """Attributes are missing from the resources.

    A client that compares what it sent with what it reads back sends it again in each cycle.
    """
    names = attributes or ()
    for name in names:
        for container, key in places(resource, name):
            container.pop(key, None)
    if not names:
        for key in [key for key in resource if fold(key) not in _KEPT]:
            del resource[key]


def _renamed(container: dict[str, Any], old: str, new: str) -> None:
    """Call a member otherwise, in its place."""
    items = [
        (new if key == old else key, value) for key, value in container.items() if key != new or old == new
    ]
    container.clear()
    container.update(items)


def _names_problem(names: Mapping[object, object]) -> str | None:
    for old, new in names.items():
        if not isinstance(old, str) or not isinstance(new, str) or not new:
            return f"names maps names to names, not {old!r} to {new!r}"
    return None if names else "names says nothing; e.g. {FirstName: GivenName}"


@on_resources(main="names", check=_names_problem)
def renamed_attributes(resource: Resource, _: Context, names: Mapping[str, str]) -> None:
    """Attributes come under other names.

    Other than they are written by: `mail` for `emails`, `GivenName` for `FirstName`.
    """
    for old, new in names.items():
        for container, key in places(resource, old):
            _renamed(container, key, new)


_CASES: Final[dict[str, Callable[[str], str]]] = {
    "lower": str.lower,
    "upper": str.upper,
    "camel": lambda name: name[:1].lower() + name[1:],
    "pascal": lambda name: name[:1].upper() + name[1:],
    "swapped": str.swapcase,
}


@on_document(main="to")
def recased_attributes(
    document: Document,
    _: Context,
    to: Literal["lower", "upper", "camel", "pascal", "swapped"] = "lower",
    attributes: Names = None,
) -> Document:
    """The names of attributes come in another case.

    `totalresults`, `resources`, `firstName`. RFC 7643 2.1: attribute names are case-insensitive, so a client should not
    mind, and many do. PascalCase is what .NET's serializers write unless told otherwise.
    """
    case = _CASES[to]
    if not attributes:
        return _recased(document, case)
    for holder in holders(document):
        for name in attributes:
            for container, key in places(holder, name):
                _renamed(container, key, case(key))
    return document


def _recased(value: Any, case: Callable[[str], str]) -> Any:
    """The value with every name in it in another case, but for URNs."""
    if isinstance(value, dict):
        return {
            key if key.lower().startswith("urn:") else case(key): _recased(part, case)
            for key, part in value.items()
        }
    return [_recased(part, case) for part in value] if isinstance(value, list) else value


@on_resources(main="value")
def manager_as_string(
    resource: Resource,
    _: Context,
    attributes: tuple[str, ...] = ("manager",),
    value: str | None = None,
) -> None:
    """The manager is a plain string.

    RFC 7643 4.3 has a complex attribute: `{"value": "26118915", "$ref": …}`. GitHub Budibase/budibase#15369 is a server
    that did so: users with a manager failed with SystemForCrossDomainIdentityManagementServiceIncompatible, "We are
    not able to deserialize the resource received from your SCIM endpoint"; an Auth0 support article tells the same.
    """
    for name in attributes:
        for container, key in places(resource, name):
            container[key] = _plain(container[key], value)
    if value is not None and not any(places(resource, name) for name in attributes):
        _appoint(resource, attributes[0] if attributes else "manager", value)


def _plain(given: object, value: object) -> object:
    """The id alone of a reference; a list's members each."""
    if isinstance(given, list):
        return [_plain(member, value) for member in given]
    if isinstance(given, dict):
        key = key_of(given, "value")
        return value if value is not None else given if key is None else given[key]
    return given if value is None else value


def _appoint(resource: dict[str, Any], name: str, value: object) -> None:
    """Give a user the manager that it has not, where RFC 7643 4.3 has it."""
    key = key_of(resource, ENTERPRISE_USER) or ENTERPRISE_USER
    part = resource.setdefault(key, {})
    if isinstance(part, dict):
        part[name] = value
    schemas = resource.get("schemas")
    if isinstance(schemas, list) and ENTERPRISE_USER not in schemas:
        schemas.append(ENTERPRISE_USER)


@on_document(main="count", of_success=True)
def several_resources(
    document: Document,
    _: Context,
    count: Annotated[int, between(2, 1000)] = 2,
    same_id: bool = False,
    of_one: Literal["list_response", "array"] = "list_response",
) -> Document:
    """Several resources come where one is expected.

    Two for a find on a unique value, a list for a GET by id. Microsoft Learn, "What are the Microsoft Entra
    provisioning logs?", error codes: DuplicateTargetEntries for more than one match,
    SystemForCrossDomainIdentityManagementMultipleEntriesInResponse for several resources in one answer.
    """

    def family(first: dict[str, Any]) -> list[Any]:
        return [first, *(_twin(first, number, same=same_id) for number in range(2, count + 1))]

    members = listed(document)
    if members is None:
        if is_message(document):
            return document
        return family(document) if of_one == "array" else list_response(family(document), count, 1)
    if members and len(members) < count and isinstance(members[0], dict):
        added = family(members[0])[len(members) - count :]
        members.extend(added)
        for name in ("totalResults", "itemsPerPage"):
            if isinstance(document, dict) and isinstance(document.get(name), int):
                document[name] += len(added)
    return document


def _twin(resource: dict[str, Any], number: int, *, same: bool) -> dict[str, Any]:
    twin = copy.deepcopy(resource)
    key = key_of(twin, "id")
    if key is not None and not same:
        twin[key] = f"{twin[key]}-{number}"
    return twin


_PHONE = re.compile(r"(tel:)?(\+?)([0-9(][0-9 ()./-]{5,30})")
_PHONE_NAME = re.compile("phone|mobile|fax|pager")


def _phone(text: str) -> str:
    """`+1 425 555 0100` -> `(425) 555-0100`, `+44 20 7946 0958` -> `+442079460958` and the other way round.

    Numbers of North America are grouped as there and lose their country; others keep every digit.
    """
    found = _PHONE.fullmatch(text)
    if found is None:
        return text
    plus, digits = found[2], re.sub(r"\D", "", found[3])
    if not 6 <= len(digits) <= 15:  # E.164 has 15 at most
        return text
    local = digits[1:] if len(digits) == 11 and digits[0] == "1" else digits
    if len(local) == 10 and not (plus and local is digits):
        grouped = f"({local[:3]}) {local[3:6]}-{local[6:]}"
        return grouped if grouped != text else local
    bare = plus + digits
    return bare if bare != text else plus + " ".join(digits[at : at + 3] for at in range(0, len(digits), 3))


_REFORMATTED: Final[dict[str, Callable[[str], str]]] = {
    "trailing_blanks": lambda text: f"{text}  ",
    "phone": _phone,
    "upper": str.upper,
    "lower": str.lower,
    "decomposed": lambda text: unicodedata.normalize("NFD", text),
    "html": lambda text: text.replace("&", "&amp;").replace("'", "&#39;"),
}


@on_document(main="how", of_success=True)
def reformatted_values(
    document: Document,
    _: Context,
    how: Literal["trailing_blanks", "phone", "upper", "lower", "decomposed", "html"] = "trailing_blanks",
    attributes: Names = None,
) -> Document:
    """Values come back otherwise than they were written.

    Microsoft Learn, "Tutorial: Develop and plan provisioning for a SCIM endpoint in Microsoft Entra ID": values
    must come back as they were sent; a server that reformats a phone number is updated in each cycle.
    """
    way = _REFORMATTED[how]

    def reformatted(value: object) -> object:
        return way(value) if isinstance(value, str) else value

    for resource in resources(document):
        if how == "phone" and not attributes:
            resource.update(_phones(resource, reformatted))  # type: ignore[call-overload]  # a map of a map
        else:
            resource.update(change_values(resource, attributes or (), reformatted, _KEPT))
    return document


def _phones(value: object, way: Callable[[object], object], named: bool = False) -> object:
    """The value with `way` done to the texts of attributes that are named like telephone numbers."""
    if isinstance(value, dict):
        return {
            key: part
            if fold(key) in _KEPT
            else _phones(part, way, named or bool(_PHONE_NAME.search(fold(key))))
            for key, part in value.items()
        }
    if isinstance(value, list):
        return [_phones(part, way, named) for part in value]
    return way(value) if named else value


# -- refusals ----------------------------------------------------------------------------------------------------

_NAME_OF: Final = {"create_user": "userName", "create_group": "displayName", "create_resource": "externalId"}
"""What is unique in what a create makes, at a connector of kind scim, which has no anchors."""


@instead(main="detail")
def conflict(context: Context, detail: str | None = None, scim_type: str = "uniqueness") -> Draft | None:
    """Every create is answered by 409.

    As if the object were there already. RFC 7644 3.3 and 3.12: 409 with scimType `uniqueness`. Microsoft Learn,
    provisioning logs, error codes: Conflict and EntryConflict; the object is left alone until its data or the matching
    is put right.
    """
    asked, connector = context.asked, context.connector
    if asked.operation not in _NAME_OF:
        return None
    name = _NAME_OF[asked.operation] if connector is None else connector.object_type.anchor
    value = asked.attribute(name)
    taken = str(value) if isinstance(value, (str, int)) else "that was given"
    if detail is None and connector is not None:
        detail = f"An object with the anchor {taken} exists already."
    elif detail is None:
        detail = f"There is already a resource with the {name} {taken!r}."
    return context.error(409, detail, scim_type or None)


@on_answer(main="error")
def error_with_200(
    draft: Draft,
    context: Context,
    error: Annotated[int, between(400, 599)] = 500,
    detail: str = "Something went wrong.",
    scim_type: str | None = None,
    status: Annotated[int, between(200, 299)] = 200,
) -> Draft:
    """An error comes with a status of success.

    A client that looks at the status alone takes the error for a resource: it finds neither `id` nor `Resources`.
    """
    if draft.status >= 400 and settled(draft).body:
        return settled(draft)._replace(status=status)
    wrong = settled(context.error(error, detail, scim_type or None))
    if not wrong.body:
        body = orjson.dumps({"Message": detail})
        wrong = wrong._replace(body=body).with_header("Content-Type", "application/json; charset=utf-8")
    return wrong._replace(status=status, plan=draft.plan)
