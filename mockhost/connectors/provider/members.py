"""Members of a group in requests: what a body states of them, and the PATCHes that only add or remove some.

The ways of removing one: `members[value eq "id"]` (RFC 7644 3.5.2.2; Entra with aadOptscim062020, Okta), and
`members` with a list in `value` (Entra without it; Microsoft Learn, Develop and plan provisioning for a SCIM
endpoint, heading "Update Group [Remove Members]").
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from mockhost.connectors.provider.documents import path_name
from mockhost.connectors.provider.resourcetypes import ResourceType
from mockhost.connectors.provider.store import Member
from mockhost.connectors.provider.strictness import Strictness
from mockhost.matching import ABSENT
from mockhost.scim import values
from mockhost.scim.attributes import AttributeInfo, fold, given
from mockhost.scim.errors import ScimError
from mockhost.scim.grammar import Compare, parse_path
from mockhost.scim.patch import Operation, read_operations

_STATED: Final = ("$ref", "type", "display")


def read_members(elements: object) -> dict[str, Member]:
    """Members by their ids, each once, from the values of the attribute. Raises ScimError 400 invalidValue."""
    found: dict[str, Member] = {}
    for element in elements if isinstance(elements, list) else ():
        value = element.get("value") if isinstance(element, Mapping) else None
        if not isinstance(value, str) or not value:
            raise ScimError(
                400, "invalidValue", "members: a member has a `value`, the id of a user or a group."
            )
        stated = {key: element[key] for key in _STATED if element.get(key) is not None}
        found[value] = {**(found.get(value) or {}), **stated} or None
    return found


def mentions_members(body: object) -> bool:
    """Whether a PATCH could be about members."""
    operations = given(body, "Operations") if isinstance(body, Mapping) else ABSENT
    for item in operations if isinstance(operations, (list, tuple)) else ():
        path, value = (
            (given(item, "path"), given(item, "value")) if isinstance(item, Mapping) else (None, None)
        )
        if isinstance(path, str) and path:
            if path_name(path) in ("members", "group"):  # `…:Group` is the schema's URN as a path
                return True
        elif isinstance(value, Mapping) and any("members" in fold(key) or ":" in key for key in value):
            return True
    return False


def simple_changes(
    body: object, type_: ResourceType, rules: Strictness
) -> list[tuple[bool, dict[str, Member]]] | None:
    """A PATCH that does nothing but add and remove named members: (whether it adds, whom). None for any other.

    Raises ScimError 400 as the general way would.
    """
    info = type_.core["members"]
    changes = []
    operations = read_operations(body)
    for number, operation in enumerate(operations, start=1):
        try:
            change = _simple_change(operation, info, rules)
        except ScimError as error:
            where = f"Operation {number} of {len(operations)}: "
            raise ScimError(error.status, error.scim_type, where + error.detail) from None
        if change is None:
            return None
        changes.append(change)
    return changes or None


def _simple_change(
    operation: Operation, info: AttributeInfo, rules: Strictness
) -> tuple[bool, dict[str, Member]] | None:
    op, text, value = operation
    if text is None or op == "replace":
        return None
    if op == "remove" and value in (ABSENT, None) and "[" in text:
        path = parse_path(text, bare_words=rules.filter_grammar == "accept")
        chosen = path.filter
        if (
            fold(path.attr.name) == "members"
            and path.attr.urn is None
            and path.sub is None
            and isinstance(chosen, Compare)
            and (chosen.op, fold(chosen.path.name), chosen.path.urn, chosen.path.sub)
            == ("eq", "value", None, None)
            and isinstance(chosen.value, str)
        ):
            return False, {chosen.value: None}
        return None
    if fold(text) != "members" or not value or not isinstance(value, (list, tuple, Mapping)):
        return None
    elements = values.elements(info, value, rules.unknown_paths == "refuse")
    if not elements or not all(isinstance(each, Mapping) and each.get("value") for each in elements):
        return None
    if op == "remove" and any(isinstance(each, Mapping) and "type" in each for each in elements):
        return None  # then the type has to fit, too
    return op == "add", read_members(elements)
