"""Limits belong to the stack that has them: http.sys' to the ECMA host, those of SCIM to both families."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from mockhost import MockHost

LONG = "u" * 400
GROUP = {"schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "displayName": "g"}


@pytest.fixture(scope="module")
def host() -> Iterator[MockHost]:
    """Both families on one port, and more providers on demand."""
    resources = {"User": [{"userName": "x", "id": LONG}]}
    scim = {"kind": "scim", "secret_token": "scim-token", "system": {"resources": resources}}
    over: dict[str, Any] = {
        "connectors": {"SCIM": scim},
        "on_demand": {"template": "SCIM"},
        "host": {"behaviours": {"search": "serve", "filter_grammar": "rfc"}},
    }
    with MockHost("basics/healthy", tls=False, control=False, **over) as running:
        yield running


@pytest.mark.parametrize(
    ("name", "ident", "status"),
    [
        ("SCIM", LONG, 200),
        ("SCIM", "%41" * 300, 404),
        ("sprung", LONG, 200),
        ("SQL", LONG, 400),
        ("SQL", "%41" * 300, 400),
        ("SQL", "%41" * 260, 404),
        ("a.b", LONG, 400),
    ],
)
def test_long_segments_are_refused_by_http_sys_alone(
    host: MockHost, name: str, ident: str, status: int
) -> None:
    """UrlSegmentMaxLength is 260; a SCIM service provider of its own has no http.sys below it."""
    token = host.token("SQL" if name == "SQL" else "SCIM")
    url = host.url("SQL").replace("ecma2host_SQL", f"ecma2host_{name}")
    with host.session("SQL") as session:
        answer = session.get(f"{url}/Users/{ident}", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == status


@pytest.mark.parametrize("connector", ["SQL", "SCIM"])
def test_a_long_filter_is_found_by_search(host: MockHost, connector: str) -> None:
    """What does not fit into a URL goes into a body (RFC 7644 3.4.3)."""
    name, value = ("ContosoLogin", "ljacobson") if connector == "SQL" else ("userName", "x")
    text = " or ".join([f'{name} eq "{value}"'] * 1_500)
    assert len(text) > 25_000
    body = {"schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"], "filter": text}
    with host.session(connector) as session:
        found = session.post(f"{host.url(connector)}/Users/.search", data=json.dumps(body),
                             headers={"Content-Type": "application/scim+json"})  # fmt: skip
    assert (found.status_code, found.json()["totalResults"]) == (200, 1)
