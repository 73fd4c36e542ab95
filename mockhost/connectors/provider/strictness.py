"""Strictness: how much a provider forgives, as one table of rows with a value for each of three levels.

`strict` is RFC 7643 and 7644 to the letter, `entra` what Microsoft Entra's provisioning service needs (Microsoft
Learn, Develop and plan provisioning for a SCIM endpoint; Known issues and resolutions with SCIM 2.0 protocol
compliance), `lenient` what the most forgiving providers do. A row's value can also be set by itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from mockhost.errors import UsageError, did_you_mean

LEVELS: Final = ("strict", "entra", "lenient")


class Row(NamedTuple):
    """One thing about which providers differ."""

    title: str
    words: Mapping[str, str]
    """what each value means, the strictest first"""
    strict: str
    entra: str
    lenient: str
    source: str


_REFUSE: Final = "refuse"
_IGNORE: Final = "ignore"
_ACCEPT: Final = "accept"

TABLE: Final[Mapping[str, Row]] = {
    "value_types": Row(
        'A value of another type than its attribute\'s: "True" for a boolean, "12" for an integer, a single value in a '
        'list or in an object (`[{"$ref": null, "value": "Ann"}]`), a bare string, an array of one or JSON in a string '
        "for a complex value such as a manager, text for a reference that is no URI (RFC 3986)",
        {_REFUSE: "400 invalidValue", _ACCEPT: "it becomes the value that it spells, or is kept"},
        _REFUSE,
        _ACCEPT,
        _ACCEPT,
        'RFC 7643 2.3; Microsoft Learn, Known issues, heading "Flags to alter the SCIM behavior"',
    ),
    "unknown_attributes": Row(
        "An attribute in the body of a POST or PUT that no schema of the resource has",
        {_REFUSE: "400 invalidSyntax", _IGNORE: "it is passed over"},
        _REFUSE,
        _IGNORE,
        _IGNORE,
        'RFC 7644 3.12, Table 9, invalidSyntax: "did not conform to the request schema"',
    ),
    "missing_schemas": Row(
        "A body without `schemas`, or whose `schemas` does not name the resource's own schema or an extension that "
        "the body uses, or names one that the resource type has not got",
        {_REFUSE: "400 invalidSyntax", _ACCEPT: "`schemas` is worked out from what the body holds"},
        _REFUSE,
        _ACCEPT,
        _ACCEPT,
        'RFC 7643 3: "All representations of SCIM schemas MUST include a non-empty array"',
    ),
    "flat_keys": Row(
        "A key that is a path, in a body or in the value of a PATCH operation without a path: `name.givenName`, "
        '`urn:…:User:department`, `emails[type eq "work"].value`',
        {_REFUSE: "400 invalidSyntax or invalidPath", _ACCEPT: "it means what the path means"},
        _REFUSE,
        _ACCEPT,
        _ACCEPT,
        'RFC 7644 3.5.2.1; Microsoft Learn, Known issues, heading "Flags to alter the SCIM behavior"',
    ),
    "required": Row(
        "A resource without a required attribute, or a PATCH that removes one",
        {
            _REFUSE: "400 invalidValue, or mutability",
            _ACCEPT: "the resource is without it, and /Schemas announces that nothing is required",
        },
        _REFUSE,
        _REFUSE,
        _ACCEPT,
        "RFC 7643 7, required",
    ),
    "canonical_values": Row(
        "A value that is not among its attribute's canonicalValues",
        {_REFUSE: "400 invalidValue", _ACCEPT: "it is kept"},
        _REFUSE,
        _ACCEPT,
        _ACCEPT,
        'RFC 7643 7, canonicalValues: "In some cases, service providers MAY choose to ignore unsupported values"; '
        '2.3.1 lets them restrict "accepted values to the specified values"',
    ),
    "several_primary": Row(
        "A body in which more than one value of an attribute is primary",
        {_REFUSE: "400 invalidValue", "first": "the first one is, the others are not"},
        _REFUSE,
        _REFUSE,
        "first",
        'RFC 7643 2.4: "The primary attribute value "true" MUST appear no more than once"',
    ),
    "unknown_members": Row(
        "A member of a group whose `value` is no id of a resource",
        {_REFUSE: "400 invalidValue", _ACCEPT: "it is kept as it was sent"},
        _ACCEPT,
        _ACCEPT,
        _ACCEPT,
        'RFC 7643 4.2: "The "value" sub-attribute contains the value of an "id" attribute of a SCIM resource"; nothing '
        "in RFC 7644 makes a provider look whether it is one",
    ),
    "member_names": Row(
        "A member of a group that states its name as `displayName`; the schema says `display`",
        {_IGNORE: "as any attribute that no schema has", _ACCEPT: "it is its `display`"},
        _IGNORE,
        _ACCEPT,
        _ACCEPT,
        'Microsoft\'s Postman collection "SCIM Tests"',
    ),
    "group_names": Row(
        "Two groups of one displayName",
        {"unique": "409 uniqueness, and /Schemas announces uniqueness server", "any": "there may be both"},
        "any",
        "unique",
        "any",
        "RFC 7643 8.7.1 says uniqueness none; Microsoft's SCIM Validator expects 409 for the second group",
    ),
    "operation_case": Row(
        'A PATCH whose `op` is not in lower case ("Add", "Replace", "Remove")',
        {_REFUSE: "400 invalidSyntax", _ACCEPT: "it is the same operation"},
        _REFUSE,
        _ACCEPT,
        _ACCEPT,
        'RFC 7644 3.5.2: "one of "add", "remove", or "replace""; Microsoft Learn, Known issues',
    ),
    "patch_schemas": Row(
        "A PATCH, search or bulk body without its message's URN in `schemas`, or a PATCH of no operations",
        {_REFUSE: "400 invalidSyntax", _ACCEPT: "it is taken for that message"},
        _REFUSE,
        _ACCEPT,
        _ACCEPT,
        'RFC 7644 3.1; 3.5.2: "whose value is an array of one or more PATCH operations"',
    ),
    "unknown_paths": Row(
        "A PATCH of an attribute that no schema of the resource has",
        {_REFUSE: "400 invalidPath", _IGNORE: "the operation is passed over"},
        _REFUSE,
        _IGNORE,
        _IGNORE,
        "RFC 7644 3.12, Table 9, invalidPath",
    ),
    "unmatched_paths": Row(
        'A PATCH whose value path fits no value: `emails[type eq "work"].value`',
        {
            "never": "400 noTarget",
            "add": "an `add` makes the value that the brackets describe; others 400 noTarget",
            "always": "a `replace` makes it, too",
        },
        "never",
        "always",
        "always",
        'RFC 7644 3.5.2.3, noTarget; Microsoft Learn, Known issues, heading "Flags to alter the SCIM behavior" '
        "(add); better-auth/better-auth issue 10682, sourcegraph issue 49200, SCIM-SDK issue 416 (replace)",
    ),
    "read_only_paths": Row(
        "A PATCH whose path is a read-only attribute",
        {_REFUSE: "400 mutability", _IGNORE: "the operation is passed over"},
        _REFUSE,
        _REFUSE,
        _IGNORE,
        'RFC 7644 3.5.2: "a client MUST NOT modify an attribute that has mutability "readOnly" or "immutable""',
    ),
    "remove_values": Row(
        "A PATCH `remove` that lists in `value` what to remove",
        {_REFUSE: "400 invalidSyntax", _ACCEPT: "only the values listed go"},
        _REFUSE,
        _ACCEPT,
        _ACCEPT,
        "RFC 7644 3.5.2.2 gives a remove a path and nothing else; Microsoft Learn, Develop and plan, heading "
        '"Update Group [Remove Members]"',
    ),
    "filter_grammar": Row(
        "A filter that the grammar does not allow but whose meaning is clear: unescaped quotes, odd names, a string "
        "without quotes (`userName sw O`), in the brackets of a PATCH path, too",
        {_REFUSE: "400 invalidFilter", _ACCEPT: "it is understood"},
        _REFUSE,
        _ACCEPT,
        _ACCEPT,
        "RFC 7644 3.4.2.2; AzureAD/SCIMReferenceCode, Filter.cs",
    ),
    "filter_attributes": Row(
        "A filter on an attribute that no schema has",
        {_REFUSE: "400 invalidFilter", "nothing": "no comparison with it holds"},
        _REFUSE,
        "nothing",
        "nothing",
        'RFC 7644 3.12, Table 9, invalidFilter: "the specified attribute and filter comparison combination is not '
        'supported"',
    ),
    "gone_references": Row(
        "A reference to a resource that is deleted, such as a manager's `value` (a group's members always go)",
        {"drop": "it goes with the resource", "keep": "it stays, and leads nowhere"},
        "drop",
        "drop",
        "drop",
        'RFC 7643 2.3.7: a service provider "MAY choose to enforce referential integrity"',
    ),
    "delete_missing": Row(
        "A DELETE of what is not there, or no longer",
        {_REFUSE: "404", _ACCEPT: "204"},
        _REFUSE,
        _REFUSE,
        _ACCEPT,
        "RFC 7644 3.6",
    ),
    "patch_answer": Row(
        "The answer to a PATCH",
        {
            "resource": "200 with the resource",
            "groups": "204 for a group, 200 with the resource for all others",
            "nothing": "204, unless `attributes` is asked for",
        },
        "resource",
        "nothing",
        "resource",
        "RFC 7644 3.5.2 allows both, and Microsoft's client takes both. Microsoft shows both, too: its Postman "
        'collection "SCIM Tests" asks for 204, Microsoft Learn, Develop and plan, has 204 under "Update Group" and 200 '
        'under "Update User"',
    ),
}
"""By name. What no provider does otherwise has no row: duplicates of a userName are 409, an empty result is 200."""


class Strictness(NamedTuple):
    """The value of every row, as attributes."""

    value_types: str
    unknown_attributes: str
    missing_schemas: str
    flat_keys: str
    required: str
    canonical_values: str
    several_primary: str
    unknown_members: str
    member_names: str
    group_names: str
    operation_case: str
    patch_schemas: str
    unknown_paths: str
    unmatched_paths: str
    read_only_paths: str
    remove_values: str
    filter_grammar: str
    filter_attributes: str
    gone_references: str
    delete_missing: str
    patch_answer: str


def strictness(level: str, settings: Mapping[str, str] | None = None) -> Strictness:
    """The rows' values at `level`, with those of `settings` instead. Raises UsageError for what is not in the table."""
    if level not in LEVELS:
        raise UsageError(f"there is no strictness {level!r}", hint=did_you_mean(level, LEVELS))
    found = {name: getattr(row, level) for name, row in TABLE.items()}
    for name, value in (settings or {}).items():
        if name not in TABLE:
            raise UsageError(f"strictness has no row {name!r}", hint=did_you_mean(name, TABLE))
        if value not in TABLE[name].words:
            hint = did_you_mean(value, TABLE[name].words)
            raise UsageError(f"strictness: {name} cannot be {value!r}", hint=hint)
        found[name] = value
    return Strictness(**found)
