"""Every vendor's PATCH as a transcript: what was, what is sent, what is then; and what a strict provider says to it.

In a transcript `{ann}` and `{bob}` stand for the ids of two users, `{self}` for that of the resource itself; members
are given by these names. `strict` says whether a strict provider does the same or refuses the request.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mockhost.connectors.provider.provider import Provider
from mockhost.scim.errors import ScimError
from mockhost.scim.messages import CORE_GROUP, CORE_USER, ENTERPRISE_USER
from tests.connectors.provider.making import BASE, add, make, read

CASES = {
    path.stem: json.loads(path.read_text("utf-8"))
    for path in sorted((Path(__file__).parent / "dialects").glob("*.json"))
}


def filled(value: Any, ids: dict[str, str]) -> Any:
    """The transcript with ids for the names in braces."""
    text = json.dumps(value)
    for name, ident in ids.items():
        text = text.replace("{" + name + "}", ident)
    return json.loads(text)


def stage(strictness: str, case: dict[str, Any]) -> tuple[Provider, str, dict[str, str]]:
    """A provider in which the transcript's resource is as it was."""
    provider = make(strictness=strictness)
    ids = dict(zip(("ann", "bob"), add(provider, "ann.other", "bob.other"), strict=True))
    before = filled(case["before"], ids)
    if "members" in before:
        before["members"] = [{"value": ids[name]} for name in before["members"]]
    core = CORE_USER if case["type"] == "User" else CORE_GROUP
    before["schemas"] = [core, *([ENTERPRISE_USER] if ENTERPRISE_USER in before else [])]
    ident = provider.create(case["type"], before, base=BASE).id
    return provider, ident, {**ids, "self": ident}


def shape(provider: Provider, case: dict[str, Any], ident: str, ids: dict[str, str]) -> Any:
    """The resource as a transcript writes it."""
    found = read(provider, case["type"], ident)
    names = {other: name for name, other in ids.items()}
    if case["type"] == "Group":
        found["members"] = [names[member["value"]] for member in found.get("members", [])]
    if "manager" in found.get(ENTERPRISE_USER, {}):
        found[ENTERPRISE_USER]["manager"] = {"value": found[ENTERPRISE_USER]["manager"]["value"]}
    return {key: value for key, value in found.items() if key not in ("schemas", "id", "meta")}


@pytest.mark.parametrize("strictness", ["entra", "lenient"])
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_every_dialect_means_what_its_sender_means(case: dict[str, Any], strictness: str) -> None:
    """The end state is looked at, not the status: servers have answered 204 and dropped half of a request."""
    provider, ident, ids = stage(strictness, case)
    provider.patch(case["type"], ident, filled(case["request"], ids), base=BASE)
    assert shape(provider, case, ident, ids) == filled(case["after"], ids)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_strict_provider_takes_what_the_rfc_says_and_nothing_else(case: dict[str, Any]) -> None:
    """What it refuses changes nothing."""
    provider, ident, ids = stage("strict", case)
    body = filled(case["request"], ids)
    if case["strict"] == "same":
        provider.patch(case["type"], ident, body, base=BASE)
        assert shape(provider, case, ident, ids) == filled(case["after"], ids)
        return
    with pytest.raises(ScimError) as refused:
        provider.patch(case["type"], ident, body, base=BASE)
    assert refused.value.status == 400
    assert shape(provider, case, ident, ids) == filled(case["before"], ids)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_transcript_says_where_it_is_from(case: dict[str, Any]) -> None:
    """A transcript without a source is a guess."""
    assert set(case) == {"name", "source", "type", "before", "request", "after", "strict"}
    assert case["name"]
    assert case["source"]
