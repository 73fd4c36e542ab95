"""The schemas of RFC 7643: User (4.1), EnterpriseUser (4.3) and Group (4.2), with the characteristics of 8.7.1.

Where 8.7.1 and the text contradict each other the text stands: a group's displayName is required (4.2), references
and binary values are case exact (2.3.6, 2.3.7), members have a `display` (2.4) and addresses may be primary (2.4).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from mockhost.scim.attributes import AttributeInfo
from mockhost.scim.messages import CORE_GROUP, CORE_USER, ENTERPRISE_USER


class SchemaDefinition(NamedTuple):
    """A schema: its URN, its name and its attributes."""

    urn: str
    name: str
    description: str
    attributes: tuple[AttributeInfo, ...]


def _subs(infos: Iterable[AttributeInfo]) -> dict[str, AttributeInfo]:
    return {info.name: info for info in infos}


def _text(name: str, description: str) -> AttributeInfo:
    return AttributeInfo(name, description=description)


def _complex(name: str, description: str, *infos: AttributeInfo, many: bool = False) -> AttributeInfo:
    return AttributeInfo(name, "complex", many, sub=_subs(infos), description=description)


def _reference(name: str, description: str, *types: str) -> AttributeInfo:
    return AttributeInfo(name, "reference", case_exact=True, description=description, references=types)


_PRIMARY: Final = AttributeInfo(
    "primary",
    "boolean",
    description="Whether this is the preferred one. At most one value of the attribute is.",
)


def _type(*canonical: str) -> AttributeInfo:
    return AttributeInfo("type", description="What the value is for.", canonical=canonical)


def _plural(
    name: str, description: str, *canonical: str, value: AttributeInfo | None = None
) -> AttributeInfo:
    """A multi-valued attribute with the default sub-attributes (RFC 7643 2.4)."""
    return _complex(
        name,
        description,
        value or _text("value", "The value itself."),
        _text("display", "A name to show for the value."),
        _type(*canonical),
        _PRIMARY,
        many=True,
    )


_NAME: Final = _complex(
    "name",
    "The parts of the user's name.",
    _text("formatted", "The whole name as it is shown, with titles and suffixes."),
    _text("familyName", "The family name."),
    _text("givenName", "The given name."),
    _text("middleName", "The middle name or names."),
    _text("honorificPrefix", "What stands before the name, such as Ms."),
    _text("honorificSuffix", "What stands after the name, such as III."),
)
_ADDRESS: Final = _complex(
    "addresses",
    "Postal addresses of the user.",
    _text("formatted", "The whole address as it is written on an envelope; may hold line feeds."),
    _text("streetAddress", "Street, house number, post office box; may hold line feeds."),
    _text("locality", "The city or place."),
    _text("region", "The state or region."),
    _text("postalCode", "The postal code."),
    _text("country", "The country, by its two letters (ISO 3166-1)."),
    _type("work", "home", "other"),
    _PRIMARY,
    many=True,
)
_GROUPS: Final = _complex(
    "groups",
    "The groups that the user is a member of. They are changed at the groups.",
    AttributeInfo("value", mutability="readOnly", case_exact=True, description="The group's id."),
    _reference("$ref", "The group's URL.", "User", "Group")._replace(mutability="readOnly"),
    AttributeInfo("display", mutability="readOnly", description="The group's displayName."),
    _type("direct", "indirect")._replace(mutability="readOnly"),
    many=True,
)._replace(mutability="readOnly")

USER: Final = SchemaDefinition(
    CORE_USER,
    "User",
    "User Account",
    (
        AttributeInfo(
            "userName",
            required=True,
            uniqueness="server",
            description="The name by which the user signs in; no two users have the same, in whatever case.",
        ),
        _NAME,
        _text("displayName", "The name that is shown for the user."),
        _text("nickName", "What the user is called by friends."),
        _reference("profileUrl", "The URL of the user's profile.", "external"),
        _text("title", "The user's title, such as Vice President."),
        _text("userType", "How user and organization are related: Employee, Contractor, Intern."),
        _text("preferredLanguage", "The user's languages, as in Accept-Language (RFC 7231 5.3.5)."),
        _text("locale", "What numbers, dates and currency are written for, such as en-US (RFC 5646)."),
        _text("timezone", "The user's time zone by its Olson name, such as America/Los_Angeles."),
        AttributeInfo("active", "boolean", description="Whether the user may sign in."),
        AttributeInfo(
            "password",
            mutability="writeOnly",
            returned="never",
            case_exact=True,
            description="The user's password in clear text: it can be set and is never given back.",
        ),
        _plural("emails", "E-mail addresses of the user (RFC 5321).", "work", "home", "other"),
        _plural(
            "phoneNumbers",
            "Phone numbers of the user, best as in RFC 3966.",
            *("work", "home", "mobile", "fax", "pager", "other"),
        ),
        _plural(
            "ims",
            "Instant messaging addresses of the user.",
            *("aim", "gtalk", "icq", "xmpp", "msn", "skype", "qq", "yahoo"),
        ),
        _plural(
            "photos",
            "URLs of pictures of the user.",
            *("photo", "thumbnail"),
            value=_reference("value", "The picture's URL.", "external"),
        ),
        _ADDRESS,
        _GROUPS,
        _plural("entitlements", "What the user is entitled to."),
        _plural("roles", "Who the user is, collectively: Student, Faculty."),
        _plural(
            "x509Certificates",
            "Certificates of the user.",
            value=AttributeInfo("value", "binary", case_exact=True, description="The certificate (DER)."),
        ),
    ),
)

ENTERPRISE: Final = SchemaDefinition(
    ENTERPRISE_USER,
    "EnterpriseUser",
    "Enterprise User",
    (
        _text("employeeNumber", "What the organization numbers the person by."),
        _text("costCenter", "The cost center."),
        _text("organization", "The organization."),
        _text("division", "The division."),
        _text("department", "The department."),
        _complex(
            "manager",
            "The user's manager.",
            AttributeInfo("value", case_exact=True, description="The manager's id."),
            _reference("$ref", "The manager's URL.", "User"),
            AttributeInfo("displayName", mutability="readOnly", description="The manager's displayName."),
        ),
    ),
)

GROUP: Final = SchemaDefinition(
    CORE_GROUP,
    "Group",
    "Group",
    (
        AttributeInfo("displayName", required=True, description="The name that is shown for the group."),
        _complex(
            "members",
            "The members of the group.",
            AttributeInfo("value", mutability="immutable", case_exact=True, description="The member's id."),
            _reference("$ref", "The member's URL.", "User", "Group")._replace(mutability="immutable"),
            _text("display", "The member's name."),
            AttributeInfo(
                "type",
                mutability="immutable",
                description="What the member is.",
                canonical=("User", "Group"),
            ),
            many=True,
        ),
    ),
)

STANDARD: Final = {definition.urn: definition for definition in (USER, ENTERPRISE, GROUP)}
