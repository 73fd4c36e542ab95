"""The host that is attacked: five connectors of different kinds, and what must hold of their data at any time."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any

from mockhost import MockHost
from mockhost.scim.messages import CORE_USER
from tests.hostile.requests import URN, Target

# The one export that the shipped scenarios let fail with 500 is not what is looked for here.
BEHAVIOURS = {"export_status_other": 400, "export_status_parent": 400, "filter_grammar": "rfc"}

ODD_COLUMNS: dict[str, Any] = {
    "Number": "integer",
    "Nick": {"type": "string", "required": True},
    "Tags": {"type": "string", "multi_valued": True},
    "Marks": {"type": "integer", "multi_valued": True},
    "Flag": "boolean",
    "Blob": "binary",
    "Boss": "reference",
    "Mail": {"type": "string", "unique": True},
    "Colour": {"type": "string", "values": ["red", "green"]},
    "Alive": "boolean",
}
"""Every data type of ECMA 2, alone and as a list."""

ODD: dict[str, Any] = {
    "kind": "web_services",
    "secret_token": "odd-one-out-secret",
    "anchor": "Number",
    "selected_attributes": [name for name in ODD_COLUMNS if name != "Alive"],
    "deprovisioning": {"disable": {"set": "Alive"}, "delete": "delete"},
    "system": {
        "columns": ODD_COLUMNS,
        "objects": [
            {
                "Number": n,
                "Nick": f"n{n}",
                "Tags": ["a", f"t{n}"],
                "Flag": n % 2 == 0,
                "Alive": True,
                "Blob": "QUJD",
            }
            for n in range(6)
        ],
    },
}
GOOD: dict[str, Any] = {
    "kind": "powershell",
    "secret_token": "only-wants-to-be-served",
    "anchor": "Login",
    "selected_attributes": ["Login", "Name"],
    "deprovisioning": {"disable": {"set": "Enabled"}, "delete": "delete"},
    "system": {"columns": {"Login": "string", "Name": "string", "Enabled": "boolean"}, "objects": []},
}


SCIM: dict[str, Any] = {
    "kind": "scim",
    "secret_token": "strict-in-what-it-takes",
    "behaviours": {"strictness": "strict"},
    "system": {"resources": {"User": [{"userName": f"user{n}", "displayName": f"n{n}"} for n in range(6)]}},
}


def attacked(*, tls: bool) -> MockHost:
    """The healthy host with three more connectors: an odd one, a provider, and one for the client beside the attack."""
    return MockHost(
        "basics/healthy",
        tls=tls,
        control=False,
        host={"behaviours": BEHAVIOURS},
        connectors={"ODD": ODD, "SCIM": SCIM, "GOOD": GOOD},
    )


def targets(host: MockHost) -> dict[str, Target]:
    """What attackers know of each connector but the good client's own."""
    found = {}
    for name in ("SQL", "LDAP", "ODD", "SCIM"):
        page = host.runtime.scenario.connectors[name]
        attributes: tuple[str, ...] = ("userName", "displayName", "active", "emails", "members", "title")
        if name != "SCIM":
            attributes = (page.anchor, *(each for each in page.selected_attributes if each != page.anchor))
        ids = tuple(str(resource["id"]) for resource in host.cache(name))
        found[name] = Target(name, page.secret_token, ids, attributes, CORE_USER if name == "SCIM" else URN)
    return found


def harm(host: MockHost, connector: str) -> list[str]:
    """What is wrong with a connector's data: values of a wrong type, two with one anchor, a space that strayed."""
    if connector == "SCIM":
        return _harm_of_provider(host.cache(connector))
    page = host.runtime.scenario.connectors[connector]
    columns = {column.name: column for column in page.system.columns}
    objects = host.objects(connector)
    found = []
    for values in objects:
        for name, value in values.items():
            column = columns.get(name)
            if column is None:
                if name != "-dn-" or not isinstance(value, str):
                    found.append(f"{name} = {value!r} is in no column")
                continue
            if column.multi_valued is not isinstance(value, list):
                found.append(f"{name} = {value!r} in a column with multi_valued {column.multi_valued}")
                continue
            items = value if isinstance(value, list) else [value]
            if not all(_fits(column.type, item) for item in items):
                found.append(f"{name} = {value!r} in a column of type {column.type}")
            known = {known.casefold() for known in column.values or ()}
            if known and not all(str(item).casefold() in known for item in items):
                found.append(f"{name} = {value!r} is not one of {column.values}")
        found += [f"no {c.name} in {values}" for c in columns.values() if c.required and c.name not in values]
    for name in (column.name for column in columns.values() if column.unique):
        held = [str(values[name]).casefold() for values in objects if name in values]
        if len(set(held)) != len(held):
            found.append(f"{name} is not unique: {held}")
    anchors = sorted(str(values[page.anchor]) for values in objects)
    ids = sorted(str(resource["id"]) for resource in host.cache(connector))
    return found if anchors == ids else [*found, f"the space strayed: {anchors} and {ids}"]


def _harm_of_provider(resources: list[dict[str, Any]]) -> list[str]:
    users = [each for each in resources if each["meta"]["resourceType"] == "User"]
    found = [f"no userName in {each}" for each in users if not isinstance(each.get("userName"), str)]
    for name, values in (
        ("id", [str(each["id"]) for each in resources]),
        ("userName", [str(each.get("userName")).casefold() for each in users]),
    ):
        if len(set(values)) != len(values):
            found.append(f"{name} is not unique: {values}")
    ids = {each["id"] for each in resources}
    members = [member["value"] for each in resources for member in each.get("members", ())]
    return [*found, *(f"{member} is a member and is gone" for member in members if member not in ids)]


def _fits(kind: str, item: object) -> bool:
    if kind == "integer":
        return isinstance(item, int) and not isinstance(item, bool) and -(2**63) <= item < 2**63
    if kind == "boolean":
        return isinstance(item, bool)
    if kind == "binary" and isinstance(item, str):
        try:
            base64.urlsafe_b64decode(item.rstrip("=") + "=" * (-len(item.rstrip("=")) % 4))
        except binascii.Error:
            return False
    return isinstance(item, str)


def snapshot(host: MockHost, connector: str) -> list[Mapping[str, object]]:
    """All objects of the connected system, to be compared with those of another moment."""
    return list(host.objects(connector))
