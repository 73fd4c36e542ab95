"""The resource types that the tests patch: RFC 7643's User, Group and enterprise extension, and a connector's."""

from __future__ import annotations

from mockhost.scim.attributes import AttributeInfo, Schema
from mockhost.scim.messages import ECMA_USER, ENTERPRISE_USER


def _named(*infos: AttributeInfo) -> dict[str, AttributeInfo]:
    return {info.name: info for info in infos}


def _strings(*names: str) -> tuple[AttributeInfo, ...]:
    return tuple(AttributeInfo(name) for name in names)


def _labelled(name: str, value: AttributeInfo | None = None) -> AttributeInfo:
    """A multi-valued attribute with the default sub-attributes of RFC 7643 2.4."""
    subs = (
        value or AttributeInfo("value"),
        *_strings("display", "type"),
        AttributeInfo("primary", "boolean"),
    )
    return AttributeInfo(name, "complex", multi_valued=True, sub=_named(*subs))


_NAME = _strings("formatted", "familyName", "givenName", "middleName", "honorificPrefix", "honorificSuffix")
_ADDRESS = _strings("formatted", "streetAddress", "locality", "region", "postalCode", "country", "type")
_MANAGER = (
    AttributeInfo("value"),
    AttributeInfo("$ref", "reference"),
    AttributeInfo("displayName", mutability="readOnly"),
)
_MEMBER = (
    AttributeInfo("value", mutability="immutable", case_exact=True),
    AttributeInfo("$ref", "reference", mutability="immutable"),
    AttributeInfo("type", mutability="immutable"),
    AttributeInfo("display"),
)

USER = Schema(
    _named(
        AttributeInfo("userName", required=True, uniqueness="server"),
        AttributeInfo("externalId", case_exact=True),
        AttributeInfo("name", "complex", sub=_named(*_NAME)),
        *_strings("displayName", "nickName", "title", "userType", "preferredLanguage", "locale", "timezone"),
        AttributeInfo("profileUrl", "reference"),
        AttributeInfo("active", "boolean"),
        AttributeInfo("password", mutability="writeOnly", returned="never"),
        *(_labelled(name) for name in ("emails", "phoneNumbers", "ims", "entitlements", "roles")),
        _labelled("photos", AttributeInfo("value", "reference")),
        _labelled("x509Certificates", AttributeInfo("value", "binary")),
        AttributeInfo(
            "addresses",
            "complex",
            multi_valued=True,
            sub=_named(*_ADDRESS, AttributeInfo("primary", "boolean")),
        ),
        AttributeInfo(
            "groups",
            "complex",
            multi_valued=True,
            mutability="readOnly",
            sub=_named(*_strings("value", "$ref", "display", "type")),
        ),
    ),
    {
        ENTERPRISE_USER: _named(
            *_strings("employeeNumber", "costCenter", "organization", "division", "department"),
            AttributeInfo("manager", "complex", sub=_named(*_MANAGER)),
        )
    },
)

GROUP = Schema(
    _named(
        AttributeInfo("displayName", required=True),
        AttributeInfo("externalId", case_exact=True),
        AttributeInfo("members", "complex", multi_valued=True, sub=_named(*_MEMBER)),
    )
)

ECMA = Schema(
    {"active": AttributeInfo("active", "boolean")},
    {
        ECMA_USER: _named(
            AttributeInfo("ContosoLogin", mutability="immutable", uniqueness="server"),
            AttributeInfo("-dn-", mutability="readOnly"),
            *_strings("FirstName", "LastName", "Email", "AzureID", "export_password"),
            AttributeInfo("msDS-UserAccountDisabled", "boolean"),
            AttributeInfo("EmployeeNumber", "integer"),
            AttributeInfo("jpegPhoto", "binary"),
            AttributeInfo("objectClass", multi_valued=True),
        )
    },
)

BY_NAME = {"User": USER, "Group": GROUP, "ECMA": ECMA}
