"""The handlers of the operations on a running host. The table is `mockhost.operations`.

A handler gets the host and its arguments, already checked against its row, calls the runtime, and returns plain data
(or bytes, or a stream). It raises errors; who called makes an answer or an exception of them.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any, NamedTuple

from mockhost.errors import MockhostError, UsageError
from mockhost.journal import Subscription
from mockhost.operations import checking
from mockhost.operations.row import ROLES, Operation, Role
from mockhost.running import RunningHost
from mockhost.runtime.runtime import Runtime
from mockhost.scenario import loader
from mockhost.scenario.model import Scenario
from mockhost.scenario.sources import NETWORK, Source

Load = Callable[[str | Mapping[str, Any], Mapping[str, Any], Source], Scenario]
"""Makes a scenario of a name, path or document and what is laid over it, as far as their source may name things."""
Data = dict[str, Any]


def load(scenario: str | Mapping[str, Any], overrides: Mapping[str, Any], source: Source) -> Scenario:
    """A scenario by name or path, or of a document. Raises ScenarioError, UsageError."""
    if isinstance(scenario, str):
        return loader.load(scenario, overrides=overrides, source=source)
    return loader.load_document(scenario, overrides=overrides, source=source)


class Operated(NamedTuple):
    """A running host as its handlers see it, who operates it, and what this caller's documents may name."""

    runtime: Runtime
    load: Load = load
    role: Role = "operator"
    source: Source = NETWORK
    fork: Callable[[], AbstractContextManager[RunningHost]] | None = None
    """makes a host in the same state that listens on a port of its own"""
    desk: Any = None
    """in a class: the student's place in it, or the whole class for its teacher"""


class Stream(NamedTuple):
    """The result of an operation that goes on: what happens from now on."""

    hello: Data
    subscription: Subscription


class NoSuch(UsageError):
    """Something that is named and not there: 404."""


class NotNow(UsageError):
    """Something that can't be done in the state that the host is in: 409."""


class NotAllowed(MockhostError):
    """Something that is not for the role of who asks: 403."""


def may(role: Role, operation: Operation) -> bool:
    """Whether a caller with this role may do this."""
    return ROLES.index(role) >= ROLES.index(operation.role)


def carry_out(
    host: Operated, operation: Operation, in_path: Mapping[str, str], others: Callable[[], Mapping[str, Any]]
) -> Any:
    """Have an operation's handler do it. `others`: the arguments that are not in the path, checked.

    Raises NotAllowed where it is not for the caller's role. What the row hides is not in a learner's result.
    """
    if not may(host.role, operation):
        hint = f"a {operation.role} may, with the control plane's token: mockhost control --token TOKEN"
        raise NotAllowed(f"{operation.name} is not for a {host.role}", hint=hint)
    room = importlib.import_module(operation.room)
    with host.runtime.waited():
        if operation.first:
            getattr(room, operation.first)(host, **in_path)
        found = getattr(room, operation.name)(host, **in_path, **others())
    if operation.hidden and host.role == ROLES[0]:
        found |= {name: _EMPTY.get(type(found[name])) for name in operation.hidden}
    return found


_EMPTY: Mapping[type, Any] = {str: "", list: []}


def perform(host: Operated, operation: Operation, arguments: Mapping[str, Any]) -> Any:
    """Do an operation in this process. Raises UsageError for arguments that do not fit, and what it raises."""
    in_path, query, body = checking.split(operation, arguments)

    def others() -> Mapping[str, Any]:
        if operation.whole:  # those who know the words of such a document check them
            checking.check({"type": "object"}, body, operation.whole)
            return {**query, operation.whole: body}
        checking.checked(operation, query, body)
        return {**query, **body}

    return carry_out(host, operation, in_path, others)
