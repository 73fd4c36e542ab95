"""Every vendor's PATCH over HTTP: the transcripts of tests/connectors/provider/dialects, at each strictness."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from mockhost import MockHost
from mockhost.connectors.provider.strictness import LEVELS
from mockhost.scim.messages import CORE_GROUP, CORE_USER, ENTERPRISE_USER
from tests.connectors.provider.test_dialects import CASES, filled
from tests.web.test_provider import TOKEN, Client


@pytest.fixture(scope="module")
def running() -> Iterator[MockHost]:
    """One host with a connector for each strictness."""
    connectors = {
        level.title(): {"kind": "scim", "secret_token": TOKEN, "behaviours": {"strictness": level}}
        for level in LEVELS
    }
    with MockHost({"format": 1, "connectors": connectors}, tls=False, control=False) as host:
        yield host


def shape(resource: dict[str, Any], names: dict[str, str]) -> dict[str, Any]:
    """A resource as a transcript writes it."""
    found = {key: value for key, value in resource.items() if key not in ("schemas", "id", "meta", "groups")}
    if CORE_GROUP in resource["schemas"]:
        found["members"] = [names[member["value"]] for member in found.get("members", [])]
    if "manager" in found.get(ENTERPRISE_USER, {}):
        found[ENTERPRISE_USER]["manager"] = {"value": found[ENTERPRISE_USER]["manager"]["value"]}
    return found


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_every_dialect_is_understood_on_the_wire(running: MockHost, case: dict[str, Any], level: str) -> None:
    """The end state is what its sender means; a strict connector does the same, or answers 400 and changes nothing."""
    running.reset()
    client = Client(running, level.title())
    ids = {name: client.create(f"{name}.other").json["id"] for name in ("ann", "bob")}
    before = filled(case["before"], ids)
    if "members" in before:
        before["members"] = [{"value": ids[name]} for name in before["members"]]
    core = CORE_USER if case["type"] == "User" else CORE_GROUP
    before["schemas"] = [core, *([ENTERPRISE_USER] if ENTERPRISE_USER in before else [])]
    made = client("POST", f"/{case['type']}s", before)
    assert made.status == 201, made.body
    path = f"/{case['type']}s/{made.json['id']}"
    ids["self"] = made.json["id"]
    names = {ident: name for name, ident in ids.items()}
    answer = client("PATCH", path, filled(case["request"], ids))
    now = shape(client("GET", path).json, names)
    if level == "strict" and case["strict"] != "same":
        assert (answer.status, now) == (400, shape(made.json, names)), answer.body
    else:
        assert answer.status == (204 if level == "entra" else 200), answer.body
        assert now == filled(case["after"], ids)
    assert not [entry.bug for entry in running.journal if entry.bug]
