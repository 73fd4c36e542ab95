"""Exchanges as a data plane would make them."""

from __future__ import annotations

from mockhost.connectors.ecma.connector import TABLE
from mockhost.exchange import Exchange
from mockhost.web.handling import route

TOKEN = "correct-horse-battery"
KEY = bytes(range(32))
BASE = "/ecma2host_SQL/scim"
BEHAVIOURS = {"double_slash": "refuse", "trailing_slash": "accept", "prefix_case": "sensitive"}
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
    routed = route(str(given["method"]), str(given["target"]), lambda _: None, BEHAVIOURS, TABLE)
    given.setdefault("id", routed.id)
    return Exchange(**given)  # type: ignore[arg-type]  # the fields of a test are as good as its author
