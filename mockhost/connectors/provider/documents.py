"""From a request's body to the resource that is kept: names in the schema's spelling, values of their types.

What is kept is a document of ours: `schemas` first, then attributes that have a value; never `id`, `meta` or anything
read-only. Sources: RFC 7643 2 and 7, RFC 7644 3.3 and 3.5.1.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from mockhost.connectors.provider.resourcetypes import Document, Place, ResourceType
from mockhost.connectors.provider.strictness import Strictness
from mockhost.matching import ABSENT
from mockhost.scim import patch, values
from mockhost.scim.attributes import AttributeInfo, fold, given
from mockhost.scim.elements import added, comparable
from mockhost.scim.errors import ScimError, shown, syntax_error
from mockhost.scim.grammar import parse_path
from mockhost.scim.messages import PATCH_OP

_COMMON: Final = frozenset({"schemas", "id", "meta"})
_SEPARATORS: Final = frozenset(".[:")


def read_document(body: object, type_: ResourceType, rules: Strictness) -> Document:
    """What a POST or PUT states, without what is read-only. Raises ScimError 400.

    Nothing is said yet of what is missing: see `complete`.
    """
    if not isinstance(body, Mapping):
        raise syntax_error(f"a resource is a JSON object, not {shown(body)}")
    core: Document = {}
    extensions: dict[str, Document] = {}
    flat: list[tuple[str, object]] = []
    for key, value in body.items():
        info = type_.core.get(key) or type_.core.get(_spelling(type_.core, key))
        if info is not None:
            _take(core, info, value, rules)
        elif (urn := type_.container(key)) and ":" in key:
            extensions[urn] = _read_extension(urn, value, type_, rules)
        elif not _SEPARATORS.isdisjoint(key):
            flat.append((key, value))
        elif rules.unknown_attributes == "refuse":
            raise syntax_error(f"a {type_.name} has no attribute {shown(key)}")
    document = {"schemas": [], **core, **{urn: found for urn, found in extensions.items() if found}}
    if flat:
        document = _with_flat_keys(document, flat, type_, rules)
    if rules.missing_schemas == "refuse":
        _check_schemas(given(body, "schemas"), [type_.urn, *extensions], type_)
    return list_schemas(document, type_)


def _spelling(attributes: Mapping[str, AttributeInfo], key: str) -> str:
    folded = fold(key)
    return next((name for name in attributes if fold(name) == folded), "")


def _read_extension(urn: str, value: object, type_: ResourceType, rules: Strictness) -> Document:
    found: Document = {}
    if value is None:
        return found
    if not isinstance(value, Mapping):
        raise syntax_error(f"{urn} is an object, not {shown(value)}")
    attributes = type_.extensions[urn]
    for key, item in value.items():
        info = attributes.get(key) or attributes.get(_spelling(attributes, key))
        if info is not None:
            _take(found, info, item, rules)
        elif rules.unknown_attributes == "refuse" and fold(key) != "schemas":
            # "All representations of SCIM schemas" have `schemas` (RFC 7643 3): some clients put it here, too.
            raise syntax_error(f"{urn} has no attribute {shown(key)}")
    return found


def _take(holder: Document, info: AttributeInfo, value: object, rules: Strictness) -> None:
    if info.mutability == "readOnly" or info.name in _COMMON or value is None:
        return
    found = read_value(info, value, rules)
    if found is not None and found != [] and found != {}:
        holder[info.name] = found


def read_value(info: AttributeInfo, value: object, rules: Strictness) -> object:
    """A value as a resource keeps it; None, [] and {} are unassigned. Raises ScimError 400 invalidValue."""
    refuse = rules.unknown_attributes == "refuse"
    if info.multi_valued:
        if info.exact and not isinstance(value, (list, tuple)):
            raise _value(f"{info.name} takes an array, not {shown(value)}")
        found = values.elements(info, value, refuse)
        if info.name == "members":
            found = added(info, (), found)
        return _primary_once(info, found, rules)
    if info.type != "complex":
        return values.simple(info, value)
    value = values.single(info, value)
    if value == "" or (isinstance(value, Mapping) and given(value, "value") == ""):
        return None  # no manager
    return values.element(info, value, refuse)


def _primary_once(info: AttributeInfo, found: list[object], rules: Strictness) -> list[object]:
    primary = [item for item in found if isinstance(item, dict) and item.get("primary") is True]
    if len(primary) > 1 and info.sub_attribute("primary") is not None:
        if rules.several_primary == "refuse":
            raise _value(f"only one value of {info.name} can be primary, not {len(primary)}")
        for item in primary[1:]:
            item["primary"] = False
    return found


def _with_flat_keys(
    document: Document, flat: list[tuple[str, object]], type_: ResourceType, rules: Strictness
) -> Document:
    """Keys that are paths mean what they mean in a PATCH without a path."""
    if rules.flat_keys == "refuse":
        raise syntax_error(f"a {type_.name} has no attribute {shown(flat[0][0])}")
    return patch.apply(
        document,
        {"Operations": [{"op": "replace", "value": dict(flat)}]},
        schema=type_,
        unknown="refuse" if rules.unknown_attributes == "refuse" else "ignore",
        unmatched="always",
    )


def _check_schemas(listed: object, used: list[str], type_: ResourceType) -> None:
    if not isinstance(listed, (list, tuple)) or not all(isinstance(urn, str) for urn in listed):
        raise syntax_error("`schemas` is an array of the URNs of the schemas that the resource uses")
    folded = {fold(urn) for urn in listed}
    for urn in used:
        if fold(urn) not in folded:
            raise syntax_error(f"`schemas` does not name {urn}")
    known = {fold(urn) for urn in (type_.urn, *type_.extensions)}
    for urn in listed:
        if fold(urn) not in known:
            raise syntax_error(f"a {type_.name} has no schema {shown(urn)}")


def list_schemas(document: Document, type_: ResourceType) -> Document:
    """`document` with `schemas`: its own schema and the extensions that it has attributes of (RFC 7643 3)."""
    document["schemas"] = [type_.urn, *(urn for urn in type_.extensions if document.get(urn))]
    return document


# -- what a whole resource must be -----------------------------------------------------------------------------------


def complete(document: Document, type_: ResourceType, rules: Strictness) -> None:
    """Refuse a resource without what is required, or with a value that is not one of the canonical ones."""
    if rules.required == "refuse":
        _check_required(document, type_)
    if rules.canonical_values == "refuse":
        for place in type_.canonical:
            _check_canonical(place.last, place.get(document), place.name)


def _check_required(document: Document, type_: ResourceType) -> None:
    for urn in type_.required_extensions:
        if not document.get(urn):
            raise _value(f"a {type_.name} has attributes of {urn}, and here are none")
    for place in type_.required:
        if _is_missing(place, document):
            raise _value(f"{place.name} is required: give it a value")


def _is_missing(place: Place, document: Document) -> bool:
    """Whether it has no value where it needs one: an extension, or a complex attribute, may be absent as a whole."""
    if place.sub is not None:
        return any(item.get(place.sub.name) in (None, "") for item in place.items(document))
    is_asked = place.info.urn is None or isinstance(document.get(place.info.urn), Mapping)
    return is_asked and place.get(document) in (None, "", [], {})


def _check_canonical(info: AttributeInfo, value: object, name: str) -> None:
    allowed = {comparable(item, info.case_exact) for item in info.canonical}
    for item in value if isinstance(value, list) else (value,):
        if item is not None and comparable(item, info.case_exact) not in allowed:
            raise _value(f"{name} is one of {', '.join(info.canonical)}, not {shown(item)}")


def replaced(old: Document, new: Document, type_: ResourceType) -> Document:
    """What a PUT of `new` makes of `old` (RFC 7644 3.5.1): immutable values stay, or must be the same.

    A password, which cannot be read, is not cleared by a client that cannot state it.
    """
    for info in type_.lasting:
        before = old if info.urn is None else old.get(info.urn)
        value = before.get(info.name) if isinstance(before, dict) else None
        if value is None:
            continue
        after = new if info.urn is None else new.setdefault(info.urn, {})
        assert isinstance(after, dict)
        stated = after.get(info.name)
        if stated is None:
            after[info.name] = value
        elif info.mutability == "immutable" and not same_values(info, value, stated):
            raise ScimError(
                400, "mutability", f"{info.name} is immutable: it has a value that can't be changed."
            )
    return list_schemas({key: value for key, value in new.items() if value != {}}, type_)


def same_values(info: AttributeInfo, old: object, new: object) -> bool:
    """Whether two values of an attribute are equal, by its rule of case."""
    if info.type == "complex":
        return old == new
    return comparable(old, info.case_exact) == comparable(new, info.case_exact)


# -- messages --------------------------------------------------------------------------------------------------------


def check_patch(body: object, rules: Strictness) -> None:
    """Refuse a PATCH in a dialect that the strictness does not take. What is no PATCH at all is found later."""
    strict = (rules.patch_schemas, rules.operation_case, rules.remove_values, rules.flat_keys)
    if "refuse" not in strict or not isinstance(body, Mapping):
        return
    check_message(body, PATCH_OP, rules)
    operations = given(body, "Operations")
    if not isinstance(operations, (list, tuple)):
        return
    if not operations and rules.patch_schemas == "refuse":
        raise syntax_error("a PATCH has one or more operations")
    for number, item in enumerate(operations, start=1):
        if isinstance(item, Mapping):
            _check_operation(item, f"Operation {number} of {len(operations)}", rules)


def _check_operation(item: Mapping[str, object], where: str, rules: Strictness) -> None:
    op, path, value = given(item, "op"), given(item, "path"), given(item, "value")
    if not isinstance(op, str):
        return
    if rules.operation_case == "refuse" and op != op.lower():
        raise syntax_error(f"{where} has the op {shown(op)}; it is written {op.lower()}")
    if (
        rules.remove_values == "refuse"
        and op.lower() == "remove"
        and value is not ABSENT
        and value is not None
    ):
        raise syntax_error(f"{where}: a remove has a path and no value: name what goes in brackets")
    if rules.flat_keys == "refuse" and not (isinstance(path, str) and path) and isinstance(value, Mapping):
        for key in value:
            if "." in key.rpartition(":")[2] or "[" in key:
                raise ScimError(
                    400, "invalidPath", f"{where}: {shown(key)} is not an attribute; write it as the path."
                )


def check_message(body: Mapping[str, object], urn: str, rules: Strictness) -> None:
    """Refuse a message that does not say in `schemas` what it is."""
    if rules.patch_schemas == "refuse":
        listed = given(body, "schemas")
        if not isinstance(listed, (list, tuple)) or urn not in listed:
            raise syntax_error(f"`schemas` names {urn}")


def path_name(text: str) -> str:
    """The attribute that a path is about, folded; "" when it is no path."""
    try:
        return fold(parse_path(text).attr.name)
    except ScimError:
        return ""


def _value(problem: str) -> ScimError:
    return ScimError(400, "invalidValue", f"The request is invalid: {problem}.")
