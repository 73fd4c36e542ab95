"""What the tests of faults on answers share: requests, the host's answers, and what a fault makes of one."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any, NamedTuple, cast

import orjson

from mockhost.clock import FROZEN_START, Chance
from mockhost.faults.contract import Context, Draft, Operator
from mockhost.faults.parameters import Chosen, read
from mockhost.matching import ABSENT
from mockhost.scim.errors import error_body
from mockhost.scim.messages import CORE_GROUP, CORE_USER, ECMA_USER, ENTERPRISE_USER, list_response

KIND = "application/scim+json; charset=utf-8"


class Request(NamedTuple):
    """A request, as far as faults look at it."""

    operation: str = "find_users"
    connector: str | None = "SQL"
    id: str | None = None
    method: str = "GET"
    path: str = "/ecma2host_SQL/scim/Users"
    target: str = "/ecma2host_SQL/scim/Users?filter=ContosoLogin+eq+%22ljacobson%22"
    headers: tuple[tuple[str, str], ...] = (("Host", "localhost:8585"),)
    values: tuple[tuple[str, object], ...] = (("userName", "bob"),)

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)

    def attribute(self, name: str) -> object:
        return dict(self.values).get(name, ABSENT)


FIND, GET = Request(), Request("get_user", id="ljacobson", path="/ecma2host_SQL/scim/Users/ljacobson")
CREATE = Request("create_user", method="POST")


def error(status: int, text: str, scim_type: str | None) -> Draft:
    """A refusal, as the host words most."""
    return Draft(
        status, (("Content-Type", KIND),), orjson.dumps(error_body(status, text, scim_type)), reason=text
    )


def context(
    asked: Request = FIND,
    *,
    seed: int = 7,
    ordinal: int = 1,
    now: float = FROZEN_START,
    memory: MutableMapping[str, object] | None = None,
) -> Context:
    """What a fault may ask, on a host that it does nothing to."""
    operator = cast(Operator, None)
    held: MutableMapping[str, object] = {} if memory is None else memory
    return Context(asked, None, operator, now, Chance(seed), "rules[0]", ordinal, held, error)


def chosen(name: str, given: object = None) -> Chosen:
    """A fault with parameters as a scenario would write them."""
    return read(name if given is None else {name: given})[0]


def made(name: str, given: object, draft: Draft, where: Context | None = None) -> Draft:
    """What a fault makes of an answer; one that it lets through is as it was."""
    fault, parameters = chosen(name, given)
    where = where or context()
    if fault.instead is not None:
        return fault.instead(parameters, where) or draft
    assert fault.answer is not None
    return fault.answer(draft, parameters, where)


def answer(document: object, status: int = 200) -> Draft:
    """An answer with this JSON."""
    return Draft(status, (("Content-Type", KIND),), orjson.dumps(document))


def json(draft: Draft) -> Any:
    """The JSON of an answer."""
    return orjson.loads(draft.whole_body())


def user() -> dict[str, Any]:
    """A user of a connector."""
    return {
        "schemas": [CORE_USER, ECMA_USER],
        "id": "ljacobson",
        ECMA_USER: {
            "ContosoLogin": "ljacobson",
            "FirstName": "Lisa",
            "LastName": "Jacobsön",
            "textID": "0100",
            "Level": 3,
            "objectClass": ["top", "person"],
        },
        "active": True,
        "meta": {"resourceType": "User", "location": "https://localhost/scim/Users/ljacobson"},
    }


def core_user() -> dict[str, Any]:
    """A user with the core's attributes, as servers other than the connector host have them."""
    return {
        "schemas": [CORE_USER, ENTERPRISE_USER],
        "id": "2819",
        "userName": "bjensen@example.com",
        "name": {"givenName": "Barbara", "familyName": "Jensen"},
        "emails": [
            {"value": "bjensen@example.com", "type": "work"},
            {"value": "b@home.example", "type": "home"},
        ],
        "phoneNumbers": [{"value": "+1 425 555 0100", "type": "work"}],
        ENTERPRISE_USER: {
            "employeeNumber": "701984",
            "manager": {"value": "26118915", "$ref": "../Users/26118915", "displayName": "John Smith"},
        },
        "active": True,
    }


def group() -> dict[str, Any]:
    """A group."""
    members = [{"value": "2819", "display": "Babs"}, {"value": "902c", "display": "Mandy"}]
    return {"schemas": [CORE_GROUP], "id": "e9e3", "displayName": "Tour Guides", "members": members}


def listing(*resources: dict[str, Any]) -> dict[str, object]:
    """A list response."""
    return list_response(list(resources), len(resources), 1)
