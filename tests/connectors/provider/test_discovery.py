"""What a provider says of itself is what is there, in the words of the standard."""

from __future__ import annotations

from typing import Any

import pytest

from mockhost.connectors.provider.config import GROUP_TYPE, USER_TYPE, PeopleConfig, TypeConfig
from mockhost.connectors.provider.strictness import LEVELS, TABLE, Strictness, strictness
from mockhost.errors import UsageError
from mockhost.scim.errors import ScimError
from mockhost.scim.messages import CORE_GROUP, CORE_USER, ENTERPRISE_USER
from tests.connectors.provider.making import BASE, asking, found, make
from tests.connectors.provider.test_resources import BADGE, BADGES

CHARACTERISTICS = (
    "type",
    "multiValued",
    "required",
    "mutability",
    "returned",
    "uniqueness",
    "canonicalValues",
)
# What this provider says and scim2-models does not, with the RFC's words.
DEPARTURES = {
    f"{ENTERPRISE_USER}:manager.value": 'RFC 7643 8.7.1: "required": false (4.3: RECOMMENDED)',
    f"{ENTERPRISE_USER}:manager.$ref": 'RFC 7643 8.7.1: "required": false (4.3: RECOMMENDED)',
}


def flat(schema: Any) -> dict[str, dict[str, Any]]:
    """Attributes and sub-attributes by name."""
    everything = {}
    for attribute in schema["attributes"]:
        everything[f"{schema['id']}:{attribute['name']}"] = attribute
        for sub in attribute.get("subAttributes") or ():
            everything[f"{schema['id']}:{attribute['name']}.{sub['name']}"] = sub
    return everything


def test_the_standards_schemas_are_those_of_scim2_models() -> None:
    """Attribute by attribute and characteristic by characteristic; departures are listed with the RFC's words."""
    scim2_models = pytest.importorskip("scim2_models")
    provider = make(strictness="strict")
    for model in (scim2_models.User, scim2_models.EnterpriseUser, scim2_models.Group):
        reference = model.to_schema().model_dump()
        theirs, ours = flat(reference), flat(provider.schema(reference["id"], base=BASE))
        assert set(ours) == set(theirs)
        for name, attribute in theirs.items():
            for key in CHARACTERISTICS:
                if name not in DEPARTURES or key != "required":
                    assert (name, key, ours[name].get(key)) == (name, key, attribute.get(key))
            if attribute["type"] not in ("complex", "boolean"):
                assert (name, ours[name]["caseExact"]) == (name, attribute["caseExact"])


def test_scim2_models_takes_all_discovery_documents() -> None:
    """Each is valid to a client that checks."""
    scim2_models = pytest.importorskip("scim2_models")
    provider = make(schemas=BADGES)
    context = scim2_models.Context.RESOURCE_QUERY_RESPONSE
    for document in provider.schemas(base=BASE):
        scim2_models.Schema.model_validate(document, scim_ctx=context)
    for document in provider.resource_types(base=BASE):
        scim2_models.ResourceType.model_validate(document, scim_ctx=context)
    config = provider.service_provider_config(base=BASE)
    scim2_models.ServiceProviderConfig.model_validate(config, scim_ctx=context)


def test_resource_types_name_their_extensions() -> None:
    """An own schema that extends User is one of User's, and is in /Schemas."""
    provider = make(schemas=BADGES)
    users: Any
    groups: Any
    users, groups = provider.resource_types(base=BASE)
    assert [each["schema"] for each in users["schemaExtensions"]] == [ENTERPRISE_USER, BADGE]
    assert groups["schemaExtensions"] == []
    assert [each["id"] for each in provider.schemas(base=BASE)] == [
        CORE_USER,
        ENTERPRISE_USER,
        CORE_GROUP,
        BADGE,
    ]
    assert provider.resource_type("User", base=BASE) == users
    with pytest.raises(ScimError):
        provider.schema("urn:nothing", base=BASE)


def test_a_type_of_ones_own() -> None:
    """With a core schema of another URN, as /Schemas prints one."""
    urn = "urn:example:scim:Device"
    device = {"id": urn, "name": "Device", "attributes": [
        {"name": "serial", "type": "string", "required": True, "uniqueness": "global"},
        {"name": "owner", "type": "complex", "subAttributes": [
            {"name": "value", "type": "string"},
            {"name": "$ref", "type": "reference", "referenceTypes": ["User"]},
            {"name": "display", "type": "string", "mutability": "readOnly"}]},
    ]}  # fmt: skip
    provider = make(
        schemas={urn: device},
        types=(USER_TYPE, GROUP_TYPE, TypeConfig("Device", "/Devices", urn)),
        objects={
            "User": [{"userName": "ann", "id": "a"}],
            "Device": [{"serial": "1", "owner": {"value": "ann"}}],
        },
    )
    assert provider.type_at("/devices") == "Device"
    answer: Any = provider.find("Device", asking(filter=f'{urn}:serial eq "1"'), base=BASE)
    assert answer["Resources"][0]["owner"] == {"value": "a", "$ref": f"{BASE}/Users/a"}
    assert answer["Resources"][0]["schemas"] == [urn]
    assert found(provider, "Device", filter='owner.value eq "a"') == [None]


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"strictness": "mild"}, "mild"),
        ({"settings": {"required": "perhaps"}}, "perhaps"),
        ({"settings": {"requires": "refuse"}}, "required"),
        ({"schemas": {"urn:x": {}}}, "attributes"),
        ({"schemas": {"urn:x": {"attributes": {"a": "text"}}}}, "text"),
        ({"schemas": {"urn:x": {"attributes": {"1a": "string"}}}}, "1a"),
        ({"schemas": {"urn:x": {"attributes": {"a": {"sort": "string"}}}}}, "sort"),
        ({"schemas": {"urn:x": {"attributes": {"a": {"type": "complex"}}}}}, "sub-attributes"),
        ({"schemas": {"urn:x": {"extends": "Person", "attributes": {}}}}, "Person"),
        ({"types": (TypeConfig("Thing", "/Things", "urn:nothing"),)}, "urn:nothing"),
        ({"objects": {"Person": []}}, "Person"),
        ({"objects": {"User": [{}]}}, "userName"),
        ({"objects": {"User": [{"userName": "a"}, {"userName": "A"}]}}, "already"),
        ({"objects": {"User": [{"userName": "a", "id": "1"}, {"userName": "b", "id": "1"}]}}, "already"),
        ({"people": PeopleConfig(1, {"nothing": "x"})}, "nothing"),
    ],
)
def test_a_configuration_that_cannot_be_says_what_is_wrong(config: dict[str, Any], words: str) -> None:
    """UsageError, before anything is served."""
    with pytest.raises(UsageError, match=words):
        make(**config)


def test_the_table_of_strictness_is_whole() -> None:
    """Every row has a value at every level, is read by somebody, and says where it is from."""
    assert tuple(TABLE) == Strictness._fields
    for row in TABLE.values():
        assert {row.strict, row.entra, row.lenient} <= set(row.values)
        assert row.source
    assert len({strictness(level) for level in LEVELS}) == len(LEVELS)


def test_me() -> None:
    """501 where nobody is configured, 404 where that user is gone, else its type and id."""
    with pytest.raises(ScimError) as refused:
        make().me()
    assert refused.value.status == 501
    provider = make(me="ANN", objects={"User": [{"userName": "ann", "id": "a"}]})
    assert provider.me() == ("User", "a")
    provider.delete("User", "a")
    with pytest.raises(ScimError) as refused:
        provider.me()
    assert refused.value.status == 404


def test_discovery_is_not_filtered() -> None:
    """RFC 7644 4: 403 for a filter."""
    with pytest.raises(ScimError) as refused:
        make().refuse_filter(asking(filter='id eq "x"'))
    assert refused.value.status == 403
