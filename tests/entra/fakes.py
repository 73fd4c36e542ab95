"""A target in memory that answers as a SCIM server would, and can be told to fail; and a service that works with it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import unquote_plus, urlsplit

from mockhost.client.dialect import Request
from mockhost.client.observation import Observation
from mockhost.clock import VirtualClock
from mockhost.entra import config, targets, users
from mockhost.entra.config import Credentials, Provisioning, Settings
from mockhost.entra.service import Service
from mockhost.entra.store import Store
from mockhost.entra.users import Scope
from mockhost.scim.messages import LIST_RESPONSE

URL = "https://scim.contoso.example/scim"


class Target:
    """Users by their ids; `requests` has what was asked. `fail(request)` may answer instead: a status, or an ending."""

    def __init__(self) -> None:
        self.users: dict[str, dict[str, Any]] = {}
        self.requests: list[Request] = []
        self.fail: Callable[[Request], int | str | None] = lambda request: None
        self.headers: tuple[tuple[str, str], ...] = ()

    def __call__(self, request: Request) -> Observation:
        self.requests.append(request)
        failed = self.fail(request)
        if isinstance(failed, str):
            return Observation(URL, request.method, request.target, ends=failed)
        status, document = (failed, {}) if failed else self.answer(request)
        body = b"" if document is None else json.dumps(document).encode()
        return Observation(
            URL, request.method, request.target, status=status, body=body, complete=True, headers=self.headers
        )

    def answer(self, request: Request) -> tuple[int, Any]:
        parts = urlsplit(request.target)
        ident = unquote_plus(parts.path.partition("/Users")[2].lstrip("/"))
        body = json.loads(request.body or b"{}")
        if request.method == "POST":
            made = {**body, "id": f"u{len(self.users) + 1}"}
            self.users[made["id"]] = made
            return 201, made
        if not ident:
            return 200, self.found(unquote_plus(parts.query))
        if ident not in self.users:
            return 404, {}
        if request.method == "DELETE":
            del self.users[ident]
            return 204, None
        if request.method == "PATCH":
            for operation in body["Operations"]:
                self.change(self.users[ident], operation)
            return 204, None
        return 200, self.users[ident]

    def change(self, user: dict[str, Any], operation: Mapping[str, Any]) -> None:
        values = (
            operation["value"] if "path" not in operation else {operation["path"]: operation.get("value", "")}
        )
        for path, value in values.items():
            if value == "" and operation["op"].lower() == "remove":
                targets.put(user, targets.parse(path), None)
            elif path == targets.MANAGER:
                targets.put(user, targets.parse(path), {"value": value})
            else:
                targets.put(user, targets.parse(path), value)

    def found(self, query: str) -> dict[str, Any]:
        match = re.search(r'filter=(.+?) eq "(.*)"', query)
        assert match is not None, query
        target, value = targets.parse(match[1]), match[2].lower()
        found = [each for each in self.users.values() if str(targets.get(each, target)).lower() == value]
        return {"schemas": [LIST_RESPONSE], "totalResults": len(found), "Resources": found}

    def lines(self) -> list[str]:
        """What was asked, as people write it, the path without its base; then forgets it."""
        found = [f"{each.method} {unquote_plus(each.target).removeprefix('/scim')}" for each in self.requests]
        self.requests.clear()
        return found


def person(name: str, **attributes: object) -> dict[str, object]:
    return {
        "userPrincipalName": f"{name}@contoso.example",
        "objectId": name,
        "givenName": name.title(),
        **attributes,
    }


class Lab:
    """A service with a directory that a test changes."""

    def __init__(
        self,
        *people: Mapping[str, Any],
        app: str = "customappsso",
        url: str = URL,
        scope: Scope | None = None,
        **settings: Any,
    ) -> None:
        self.people = list(people)
        self.target = Target()
        self.clock = VirtualClock("frozen")
        self.store = Store()
        self.paused: list[float] = []
        self.url, self.app, self.scope = url, app, scope or Scope()
        self.mappings = config.scim_mappings()
        self.settings = Settings(**settings)

    @property
    def service(self) -> Service:
        made = Provisioning(Credentials(self.url), users.ListedUsers(self.people), self.mappings, self.scope,
                            self.settings, self.app)  # fmt: skip
        return Service(made, self.store, self.target, self.clock, pause=self.paused.append)

    def cycle(self, *, initial: bool = False) -> dict[str, int]:
        """Run a cycle at the time when it is due; how many records of each action and status."""
        due = self.store.get("next_run", self.clock.now())
        self.clock.advance(max(0.0, due - self.clock.now()))
        return self.service.cycle(initial=initial).counts

    def change(self, name: str, **attributes: object) -> None:
        """Change a user of the directory."""
        for person in self.people:
            if person["objectId"] == name:
                person.update(attributes)  # type: ignore[attr-defined]

    def records(self, **wanted: Any) -> list[dict[str, Any]]:
        return list(self.store.records(**wanted))

    def codes(self) -> list[str]:
        """The error codes of the log."""
        informations = [each["provisioningStatusInfo"]["errorInformation"] for each in self.records()]
        return [each["errorCode"] for each in informations if each]
