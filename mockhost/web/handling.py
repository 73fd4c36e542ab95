"""An exchange in the hands of the data plane: where its request leads, whether it is let in, and what it is answered.

Everything here happens under the runtime's lock, but for the work that steps yield.

Flask's own router redirects `//`, is case-sensitive, sees `%2F` decoded and answers HEAD and OPTIONS by itself; the
stack that we imitate does none of this. Each connector says what is where below its `/scim`. That segments are found
in any case is ASP.NET Web API's routing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from typing import Any, NamedTuple
from urllib.parse import unquote_to_bytes

from mockhost import slices
from mockhost.clock import monotonic
from mockhost.connectors.contract import (
    ELSEWHERE,
    ROOT,
    UNKNOWN,
    Answer,
    Connector,
    NotFound,
    Refused,
    Resource,
    Steps,
    Waits,
)
from mockhost.errors import ProtocolAnswer
from mockhost.exchange import Exchange
from mockhost.faults.contract import Context, Draft
from mockhost.rules import Decision, Rules, States
from mockhost.rules.reply import Failed, Headers, ReplyRequest
from mockhost.runtime import Admission, Runtime
from mockhost.scim import grammar
from mockhost.scim.errors import ScimError
from mockhost.server.wsgi import UPLOAD

FOUND_BY_FILTER = {f"list_{noun}": f"find_{noun}" for noun in ("users", "groups", "resources")}
_FILTER = re.compile(r"(?:^|&)filter(?:[=&]|$)", re.IGNORECASE).search
PREFIX = "ecma2host_"
PLACEHOLDER = "placeholder"


class Handling:
    """One exchange, the connector that it leads to, and the answer to it."""

    def __init__(self, runtime: Runtime, environ: Mapping[str, Any]) -> None:
        self.runtime = runtime
        self.connection = environ["mockhost.connection"]
        self.admission: Admission = self.connection.epoch_token
        """lets its connection's exchanges in"""
        self.carries_plans: bool = environ.get("mockhost.carries_plans", True)
        """whether the server can do what transport faults ask of it"""
        self.started = monotonic()
        self.exchange = Exchange(
            at=0.0,
            method=environ["REQUEST_METHOD"],
            target=environ["mockhost.target"],
            headers=environ["mockhost.headers"],
            body=environ["mockhost.body"],
            scheme=environ["wsgi.url_scheme"],
            connection=self.connection.number,
            connection_nth=self.admission.nth,
        )
        self.exchange.peer = self.connection.peer[0]
        self._environ = environ
        self.decided: Decision | None = environ.get(UPLOAD)
        """by a rule that was shown the head alone"""
        self.rules: Rules
        """the rules that are to see it"""
        self._states: States
        self._routed = "ok"
        """the verdict of routing alone"""
        self.connector: Connector | None = None
        self.refusal: Answer | None = None
        """what it is answered unless it is let in"""

    # -- deciding ------------------------------------------------------------------------------------------------

    def look(self) -> None:
        """Route the request, and let it in or not."""
        state, exchange = self.runtime.state, self.exchange
        host, served = state.host, state.served
        found = route(exchange.method, exchange.target, served.get, host.behaviours, served.operations)
        self._routed = found.verdict
        exchange.operation, exchange.connector = found.operation, found.connector
        exchange.resource, exchange.id, exchange.allow = found.resource, found.id, found.allow
        exchange.exchange_nth = self.admission.record.exchanges
        self._let_in(found.to)
        own = served.own.get(found.connector or "")
        if own is None:
            self.rules, self._states = state.rules, state.states
            return
        self.rules, self._states = own
        if self.refusal is None:
            served.keep(found.connector or "")

    def _let_in(self, connector: Connector | None) -> None:
        """Set the connector, the verdict, and the answer that goes with a bad one."""
        exchange = self.exchange
        self.connector = connector
        if connector is None or self._routed == "not_found":
            problem: Refused | None = NotFound(self._not_found_because())
        else:
            problem = connector.admit(exchange)
        if problem is None:
            exchange.verdict, self.refusal = self._routed, None
        else:
            exchange.verdict = problem.verdict
            self.refusal = (connector or self.runtime.host).refuse(problem, exchange)

    def states(self) -> tuple[str, ...]:
        """The states that the host and its connector are in."""
        return self._states.current(self.exchange.connector)

    def is_probe(self) -> slices.Steps[bool]:
        """Whether this is a find on a value that no user can have: PLACEHOLDER, or a GUID not in the space.

        It is one comparison and no more, as Test connection sends it.
        """
        if not self.exchange.operation.startswith("find_"):
            return False
        try:
            wanted = self.exchange.asked().wanted()
        except ScimError:
            return False
        if not isinstance(wanted, grammar.Compare) or wanted.op != "eq":
            return False
        if wanted.path.name.casefold() == PLACEHOLDER:
            return True
        value = wanted.value
        if not isinstance(value, str) or len(value) != 36 or value.count("-") != 4:
            return False
        if self.connector is None:
            return False
        try:
            return not (yield from self.connector.matches(self.exchange))
        except ScimError:
            return False  # its answer will say what is wrong with it

    def _not_found_because(self) -> str:
        first, _, rest = self.exchange.path.lstrip("/").partition("/")
        name = first.partition("_")[2]
        connectors = self.runtime.state.served
        if self.exchange.connector is not None:
            return f"there is nothing at this path below /{first}"
        for known in connectors:
            if known.casefold() == name.casefold() and known != name:
                return f"no connector {name!r}: connector names are case-sensitive, there is {known!r}"
        if not first.casefold().startswith("ecma2host_") or not rest.casefold().startswith("scim"):
            return "the path is not of the form /ecma2host_{connectorName}/scim"
        return f"no connector {name!r}; there is {', '.join(connectors) or 'none'}"

    # -- performing ----------------------------------------------------------------------------------------------

    def answered(self) -> Steps:
        """What the host answers by itself: its refusal, or the operation, which may take work outside the lock."""
        if self.refusal is not None:
            return self.refusal
        e, connector = self.exchange, self.connector
        assert connector is not None
        if (public := self.runtime.public_url) is not None:
            e.base_url = f"{public}/ecma2host_{connector.name}/scim"
        else:
            # An absolute target's authority, or Host; HTTP/1.0 may leave it out. X-Forwarded-* are not trusted.
            host_name = self._environ.get("HTTP_HOST") or f"localhost:{self._environ['SERVER_PORT']}"
            e.base_url = f"{e.scheme}://{host_name}/ecma2host_{connector.name}/scim"
        try:
            done = connector.answer(e.operation, e)
            return done if isinstance(done, Answer) else (yield from done)
        except ProtocolAnswer as error:
            return connector.refuse(error, e)

    def tried(self) -> Steps:
        """The same. Nothing that it writes stays."""
        connector = self.connector
        if isinstance(connector, Waits) and connector.outside is not None:
            return (yield from connector.tried(self.answered()))
        with nullcontext() if connector is None else connector.trial():
            return slices.at_once(self.answered())

    def unruled(self) -> Steps:
        """The same, whatever the rules say."""
        self.look()
        return (yield from self.tried())

    def change_state(self) -> None:
        """The host is in another state: the request is looked at as if it had come just now."""
        self.runtime.wake()
        self._let_in(self.runtime.state.served.get(self.exchange.connector or ""))

    def context(self, decision: Decision, place: int) -> Context:
        """What the fault at a place of the rule's list may ask."""
        return context(self.runtime, decision, place, self.exchange, self._error)

    def _error(self, status: int, text: str, scim_type: str | None) -> Draft:
        speaker = self.connector or self.runtime.host
        return Draft(*speaker.refuse(ScimError(status, scim_type, text), self.exchange)[:3])

    def view(self, decision: Decision) -> ReplyRequest:
        """The request as functions see it that compute a reply."""
        e = self.exchange
        text = e.filter
        return ReplyRequest(
            e.operation,
            e.connector,
            e.id,
            e.method,
            e.path,
            e.target,
            Headers(e.headers),
            e.body,
            text if isinstance(text, str) else None,
            decision.ordinal,
            e.attribute,
        )

    def tell_failed(self, decision: Decision, failed: Failed) -> None:
        """Tell that a function gave no reply."""
        self.runtime.tell("reply", {"rule": decision.rule.name, **failed._asdict()})

    # -- concluding ----------------------------------------------------------------------------------------------

    def conclude(self, answer: Answer) -> None:
        """Write the exchange into the journal, with what it was answered."""
        exchange, plan = self.exchange, answer.plan
        if plan is None or (
            plan.head and plan.raw is None and (plan.hang != "headers" or plan.hang_for is not None)
        ):
            exchange.status, exchange.answer_headers = answer.status or None, answer.headers
            exchange.answer_body = answer.body if isinstance(answer.body, bytes) else None
        exchange.reason = answer.reason or None
        exchange.native = answer.native
        if exchange.operation == "create_user":
            exchange.who = self._created()
        exchange.took = monotonic() - self.started
        self.runtime.record(exchange)

    def _created(self) -> str | None:
        """The anchor that a new user was given, if the request names one."""
        if self.connector is None:
            return None
        anchor = self.exchange.attribute(self.connector.identifier)
        return str(anchor) if isinstance(anchor, (str, int)) else None


def context(
    runtime: Runtime,
    decision: Decision,
    place: int,
    asked: Exchange,
    error: Callable[[int, str, str | None], Draft],
) -> Context:
    """What the fault at a place of a rule's list may ask."""
    served = runtime.state.served.get(asked.connector or "")
    return Context(
        asked=asked,
        connector=runtime.state.host.connectors.get(asked.connector or ""),
        behaviours=runtime.state.host.behaviours if served is None else served.behaviours,
        standard=served is not None and served.standard,
        operator=runtime,
        now=runtime.state.clock.now(),
        chance=runtime.chance,
        name=f"{decision.rule.name}\0{place}",
        ordinal=decision.ordinal,
        memory=decision.course.remembered(place),
        error=error,
    )


# -- routing --


class Route(NamedTuple):
    """Where a request leads. `verdict`: ok, not_found or method_not_allowed; `allow`: what the path allows."""

    verdict: str
    operation: str
    connector: str | None
    resource: str
    id: str | None
    allow: tuple[str, ...] = ()
    to: Connector | None = None
    """the connector itself"""


def connector_named(path: str) -> str:
    """The connector that a path names, whether or not there is one; empty if it names none."""
    first = decode(path.lstrip("/").partition("/")[0])
    return first[len(PREFIX) :] if first[: len(PREFIX)].casefold() == PREFIX else ""


def decode(segment: str) -> str:
    """A path segment as text: percent-escapes and raw bytes are UTF-8, or Latin-1 where they are not."""
    if "%" not in segment and segment.isascii():
        return segment
    raw = unquote_to_bytes(segment.encode("latin-1", "replace"))
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def route(
    method: str,
    target: str,
    find: Callable[[str], Connector | None],
    behaviours: Mapping[str, object],
    unknown: Mapping[str, Resource],
) -> Route:
    """Find the operation of a request. `target` is path and query, as the server gives it; `find` gives the connector
    of a name, `unknown` is what would be below the /scim of one that there is not."""
    path, _, query = target.partition("?")
    segments = path.removeprefix("/").split("/")
    if "" in segments[:-1] and behaviours["double_slash"] == "accept":
        segments = [*filter(None, segments[:-1]), segments[-1]]
    if len(segments) > 1 and segments[-1] == "" and behaviours["trailing_slash"] == "accept":
        segments.pop()
    if "%" in path or not path.isascii():
        segments = list(map(decode, segments))
    first, *rest = segments
    prefix, name = first[: len(PREFIX)], first[len(PREFIX) :]
    to = None
    if prefix == PREFIX or (prefix.casefold() == PREFIX and behaviours["prefix_case"] == "insensitive"):
        to = find(name)
    if not rest or rest[0].casefold() != "scim":
        return Route("not_found", UNKNOWN, None if to is None else name, "", None, (), to)
    takes_all = to is not None and ELSEWHERE in to.operations
    if "" in rest:
        verdict = "ok" if takes_all else "not_found"
        return Route(verdict, UNKNOWN, None if to is None else name, "", None, (), to)
    if to is None:
        return _below_scim(method, rest[1:], None, query, unknown)._replace(verdict="not_found")
    found = _below_scim(method, rest[1:], name, query, to.operations, to)
    return found._replace(verdict="ok") if takes_all else found


def _below_scim(
    method: str,
    rest: list[str],
    connector: str | None,
    query: str,
    table: Mapping[str, Resource],
    to: Connector | None = None,
) -> Route:
    segment = rest[0].casefold() if rest else ROOT
    resource = table.get(segment)
    if resource is None or len(rest) > 2:
        return Route("not_found", UNKNOWN, connector, segment, None, (), to)
    ident = rest[1] if len(rest) == 2 else None
    methods: Mapping[str, str] | None = resource.collection
    if ident is not None:
        methods = resource.item
        is_search = resource.search and ident.casefold() == ".search"
        if is_search and (method == "POST" or not resource.search_is_an_id):
            methods, ident = {"POST": str(resource.search)}, None
    if methods is None:
        return Route("not_found", UNKNOWN, connector, segment, ident, (), to)
    operation = methods.get(method)
    if operation is None:
        return Route("method_not_allowed", UNKNOWN, connector, segment, ident, tuple(methods), to)
    if operation in FOUND_BY_FILTER and (_FILTER(query) or ("%" in query and _escaped_filter(query))):
        operation = FOUND_BY_FILTER[operation]
    return Route("ok", operation, connector, segment, ident, tuple(methods), to)


def _escaped_filter(query: str) -> bool:
    """Whether a key written with escapes says filter; a value full of them is no reason to look."""
    return any(
        "%" in (key := pair.partition("=")[0]) and decode(key).casefold() == "filter"
        for pair in query.split("&")
    )
