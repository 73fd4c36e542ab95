"""Exchanges as a data plane would make them."""

from __future__ import annotations

from mockhost.journal import Exchange

TOKEN = "correct-horse-battery"
KEY = bytes(range(32))
BASE = "/ecma2host_SQL/scim"
ECMA = "urn:ietf:params:scim:schemas:extension:ECMA2Host:2.0:User"


def make(**fields: object) -> Exchange:
    """An exchange as the data plane makes it."""
    given: dict[str, object] = {
        "at": 1_767_225_600.0,
        "method": "GET",
        "target": f"{BASE}/Users?filter=ContosoLogin+eq+%22bob%22",
        "headers": [("Host", "localhost:8585"), ("Authorization", f"Bearer {TOKEN}")],
        "connection": 1,
        "connector": "SQL",
        "operation": "find_users",
        "status": 200,
        "answer_headers": (("Content-Type", "application/scim+json; charset=utf-8"),),
        "answer_body": b'{"totalResults":0}',
        "took": 0.0012,
        "who": "bob",
        **fields,
    }
    return Exchange(**given)  # type: ignore[arg-type]  # the fields of a test are as good as its author
