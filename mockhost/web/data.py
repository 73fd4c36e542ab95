"""The data plane: the Flask application behind port 8585.

A request is routed and authenticated (its verdict), shown to the rules, answered by the host or by a rule's literal
reply, and written into the journal, all in one step under the runtime's lock: the order in which requests take that
lock is the order in which everything happens. Only the sending of the answer is outside.
"""

from __future__ import annotations

import hmac
import ipaddress
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

import orjson
from flask import Flask, Request, Response
from flask import request as flask_request
from flask.sessions import NullSession, SessionInterface

from mockhost import slices
from mockhost.clock import monotonic
from mockhost.connectors.ecma.connector import Connector
from mockhost.connectors.ecma.space import Found
from mockhost.errors import ProtocolAnswer
from mockhost.faults.contract import Draft
from mockhost.journal import Exchange
from mockhost.matching import ABSENT
from mockhost.patterns import Searches
from mockhost.rules import Decision, Passed, Rule, Rules, States, Unreadable, search_all, too_slow
from mockhost.rules.reply import Headers, ReplyRequest
from mockhost.runtime import Admission, Runtime
from mockhost.scim import filters, messages, queries
from mockhost.scim.errors import ScimError
from mockhost.tenants import Tenant
from mockhost.web import answers, operations, provider, ruled
from mockhost.web.answers import Answer, Steps
from mockhost.web.routes import ROOT, TABLE, Resource, Route, route

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

PLACEHOLDER = "placeholder"
_REASON_LENGTH = 1_000
"""Characters of a refusal's words that the journal keeps: a client's own text may be quoted in them."""


class WireRequest(Request):
    """A request as the server read it: everything is in its environ, and nothing is looked at before it is asked."""

    def __init__(self, environ: WSGIEnvironment) -> None:
        # What a request usually sets up is of no use here, and costs as much as finding a user.
        self.environ = environ


class NoSessions(SessionInterface):
    """No cookies, no sessions: one and the same empty one for all."""

    def __init__(self) -> None:
        self._none = NullSession()

    def open_session(self, app: Flask, request: Request) -> NullSession:
        return self._none


class DataPlane(Flask):
    """A Flask application whose router is `routes.route`: one view for every path and verb, and nothing around it."""

    request_class = WireRequest
    session_interface = NoSessions()

    def __init__(self, runtime: Runtime) -> None:
        super().__init__("mockhost.data", static_folder=None)
        self._runtime = runtime

    def create_url_adapter(self, request: Request | None) -> None:
        """No matching by Flask: the connector, its state and the behaviours decide what is routed."""
        return

    def full_dispatch_request(self, *_: object) -> Response:
        """The one view. There are no hooks around it, and no page of Flask's for what goes wrong in it."""
        return WireResponse(DataExchange(self._runtime, flask_request.environ).run())

    def handle_exception(self, *errors: object) -> Response:
        """Hand a bug to the server, which journals it; nobody gets a page about it."""
        error = errors[-1]
        assert isinstance(error, BaseException)
        raise error


def create_data_app(runtime: Runtime) -> Flask:
    """The application of the data plane of one running mock."""
    return DataPlane(runtime)


class WireResponse(Response):
    """An answer on its way out as it is: nothing added, nothing looked at again."""

    def __init__(self, answer: Answer) -> None:
        # As with WireRequest.
        self._answer = answer

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        status, headers, body = self._answer[:3]
        start_response(f"{status} ", list(headers))
        plan = self._answer.plan
        if plan is not None:
            environ["mockhost.plan"] = plan
        return [body] if isinstance(body, bytes) else body


class DataExchange:
    """One request on its way through the data plane; also what the rules look at."""

    def __init__(self, runtime: Runtime, environ: Mapping[str, Any]) -> None:
        self._runtime = runtime
        self._started = monotonic()
        self._environ = environ
        self.connection = environ["mockhost.connection"]
        self.method: str = environ["REQUEST_METHOD"]
        self.target: str = environ["mockhost.target"]
        self.head: list[tuple[str, str]] = environ["mockhost.headers"]
        self.body: bytes = environ["mockhost.body"]
        self._by_name = {name.lower(): value for name, value in reversed(self.head)}
        self.route: Route
        self._states: States
        self._query: queries.Query | None = None
        self._document: tuple[object] | None = None
        self._equalities: list[tuple[filters.AttrPath, object]] | Unreadable | None = None
        self.verdict = "ok"
        self.probe = False
        """whether it is a find on a value that nobody can have"""
        self._searches: Searches | None = None

    # -- what rules ask --------------------------------------------------------------------------------------

    @property
    def operation(self) -> str:
        return self.route.operation

    @property
    def connector(self) -> str | None:
        return self.route.connector

    @property
    def id(self) -> str | None:
        return self.route.id

    @property
    def path(self) -> str:
        return self.route.path

    @property
    def connection_nth(self) -> int:
        admission: Admission = self.connection.epoch_token
        return admission.nth

    @property
    def exchange_nth(self) -> int:
        admission: Admission = self.connection.epoch_token
        return admission.record.exchanges

    @property
    def states(self) -> tuple[str, ...]:
        return self._states.current(self.route.connector)

    def asked(self) -> queries.Query:
        """The request's query, parsed once. Raises ScimError for one that is none."""
        if self._query is None:
            self._query = queries.parse_query(self.route.query)
        return self._query

    @property
    def search(self) -> Searches:
        """What looks for the rules' patterns; made when first asked for."""
        if self._searches is None:
            self._searches = Searches()
        return self._searches

    @property
    def filter(self) -> str | Unreadable | None:
        if not self.route.operation.startswith("find_"):
            return None
        try:
            return self.asked().filter
        except ScimError as error:
            return Unreadable(f"the query can't be read: {error.detail}")

    def _compared(self) -> list[tuple[filters.AttrPath, object]] | Unreadable:
        """What a find compares for equality: (attribute, value) pairs. Worked out once."""
        if self._equalities is None:
            self._equalities = self._read_equalities()
        return self._equalities

    def _read_equalities(self) -> list[tuple[filters.AttrPath, object]] | Unreadable:
        text = self.filter
        if not isinstance(text, str):
            return text or []
        try:
            return list(filters.equalities(filters.parse(text)))
        except ScimError as error:
            return Unreadable(f"the filter can't be read: {error.detail}")

    def _equality(self) -> tuple[filters.AttrPath, object] | None:
        """The one attribute and value that a find is about, if there is just one."""
        wanted = self._compared()
        return wanted[0] if isinstance(wanted, list) and len(wanted) == 1 else None

    def _is_probe(self, connector: Connector | Tenant | None) -> slices.Steps[bool]:
        """Whether this is a find on a value that nobody can have: PLACEHOLDER, or a GUID not in the space.

        It is one comparison and no more, as Test connection sends it; so looking for it can't fail, either.
        """
        if not self.route.operation.startswith("find_"):
            return False
        text = self.filter
        if not isinstance(text, str):
            return False
        try:
            wanted = filters.parse(text)
        except ScimError:
            return False
        if not isinstance(wanted, filters.Compare) or wanted.op != "eq":
            return False
        if wanted.path.name.casefold() == PLACEHOLDER:
            return True
        value = wanted.value
        if not isinstance(value, str) or len(value) != 36 or value.count("-") != 4:
            return False
        if isinstance(connector, Tenant):
            query = queries.Query(filter=text, count=0)
            listed = yield from connector.provider.finding("User", query, base="")
            return not listed["totalResults"]
        if connector is None:
            return False
        found: object = connector.finding(wanted, 1, 1)
        if callable(found):
            found = yield found
        assert isinstance(found, Found)
        return not found.total

    def header(self, name: str) -> str | None:
        return self._by_name.get(name.lower())

    def document(self) -> object:
        """The body's JSON, ABSENT without a body, or Unreadable. Parsed once."""
        if self._document is None:
            if not self.body:
                self._document = (ABSENT,)
            else:
                try:
                    self._document = (operations.document(self.body),)
                except orjson.JSONDecodeError as error:
                    where = f"line {error.lineno} column {error.colno}"
                    self._document = (Unreadable(f"the body is no JSON ({where})"),)
        return self._document[0]

    def attribute(self, name: str) -> object:
        """A value of the request's body (of the extension, of the core, or set by a PATCH operation), or the one that a
        find's filter compares for equality; ABSENT, or Unreadable."""
        if not self.body:
            compared = self._compared()
            return compared if isinstance(compared, Unreadable) else messages.value_compared(compared, name)
        document = self.document()
        return document if isinstance(document, Unreadable) else messages.value_in_request(document, name)

    # -- the exchange ----------------------------------------------------------------------------------------

    def run(self) -> Answer:
        """Answer the request. Raises Cut if the connection belongs to an epoch that is over."""
        return self._runtime.exchange(self.connection.epoch_token, self._steps())

    def _steps(self) -> Steps:
        """The exchange: decide, perform, conclude. All of it is under the lock but for what it yields."""
        runtime = self._runtime
        rules, held = self._looked_at()
        self.probe = yield from self._is_probe(held.connector)
        if rules:
            while (looking := rules.with_patterns(self)) and not self._knows(looking):
                yield lambda _, looking=looking: search_all(looking, self)  # type: ignore[misc]
                rules, held = self._looked_at()  # others were let in meanwhile
            return (yield from self._by_rules(rules, held))
        answer = held.refusal
        if answer is None:
            assert held.connector is not None
            answer = yield from self._operate(held.connector, held.behaviours)
        entry = self._entry(answer)
        runtime.record(entry)
        if not isinstance(answer.body, bytes):
            return answer._replace(body=self._counted(entry, answer.body))
        return answer

    def unruled(self) -> Answer:
        """What the host answers by itself, whatever the rules say; under the lock. Nothing that it writes stays."""
        runtime = self._runtime
        self.route = route(self.method, self.target, runtime.served, runtime.host.behaviours, self._table_of)
        connector = runtime.served.get(self.route.connector or "")
        behaviours = runtime.host.behaviours if connector is None else connector.behaviours
        held = _Held(connector, behaviours, self._refusal(connector, behaviours))
        with nullcontext() if connector is None else connector.trial():
            return slices.at_once(self._answered(held))

    def _looked_at(self) -> tuple[Rules, _Held]:
        """Route the request and let it in, or not; the rules that are to see it."""
        runtime = self._runtime
        runtime.clock.run_due()
        host = runtime.host
        self.route = route(self.method, self.target, runtime.served, host.behaviours, self._table_of)
        connector = runtime.served.get(self.route.connector or "")
        behaviours = host.behaviours if connector is None else connector.behaviours
        refusal = self._refusal(connector, behaviours)
        rules, self._states = runtime.rules, runtime.states
        if isinstance(connector, Tenant) and connector.rules is not None:
            rules, self._states = connector.rules, connector.states or runtime.states
            if refusal is None:
                runtime.served.keep(connector)
        return rules, _Held(connector, behaviours, refusal)

    def _knows(self, rules: Iterable[Rule]) -> bool:
        """Whether all that these rules look for in the request has been looked for."""
        search = self.search
        search.only_known = True
        try:
            return search_all(rules, self)
        finally:
            search.only_known = False

    def _by_rules(self, rules: Rules, held: _Held) -> Steps:
        """Show the request to the rules, and answer as the first that applies says."""
        runtime = self._runtime
        states = self.states
        passed: list[Passed] = []
        decision = rules.decide(self, runtime.clock.now(), passed)
        for rule, why in too_slow(passed):
            runtime.tell("pattern", {"rule": rule, "problem": why})
        if decision is None:
            answer = yield from self._answered(held)
        else:
            answer = yield from ruled.carried_out(decision, self._ruled(decision, held))
        entry = self._entry(answer)
        entry.considered = rules.considered
        entry.passed = passed
        entry.states = states
        if decision is not None:
            entry.rule = decision.rule.name
            entry.faults = tuple(chosen.fault.name for chosen in decision.step.faults)
            if answer.plan is not None:
                entry.delay = answer.plan.delay or None
        runtime.record(entry)
        if decision is not None and decision.happenings:
            runtime.come_true(decision, self.connection)
        if not isinstance(answer.body, bytes):
            answer = answer._replace(body=self._counted(entry, answer.body))
        if answer.plan is not None:
            plan = answer.plan
            if entry.status is None and plan.raw is None and (plan.head or plan.ending == "keep"):
                answered = answer
                self.connection.on_release = lambda: self._released(entry, answered)
            answer = answer._replace(body=ruled.carried(answer.body, lambda: self._over(entry)))
        return answer

    def _ruled(self, decision: Decision, held: _Held) -> ruled.Exchange:
        runtime = self._runtime

        def error(status: int, text: str, scim_type: str | None) -> Draft:
            return Draft(*answers.scim_error(ScimError(status, scim_type, text), held.behaviours)[:3])

        def look_again() -> None:
            """The host is in another state: the request is looked at as if it had come just now."""
            runtime.wake()
            held.connector = runtime.served.get(self.route.connector or "")
            held.behaviours = runtime.host.behaviours if held.connector is None else held.connector.behaviours
            held.refusal = self._refusal(held.connector, held.behaviours)

        def trial() -> AbstractContextManager[None]:
            return nullcontext() if held.connector is None else held.connector.trial()

        return ruled.Exchange(
            self,
            lambda: self._answered(held),
            trial,
            look_again,
            lambda place: runtime.context(decision, place, self, error),
            lambda: self._view(decision.ordinal),
            lambda failed: runtime.tell("reply", {"rule": decision.rule.name, **failed._asdict()}),
        )

    def _view(self, ordinal: int) -> ReplyRequest:
        """The request as functions see it that compute a reply."""
        text = self.filter
        return ReplyRequest(
            self.operation,
            self.connector,
            self.id,
            self.method,
            self.target.partition("?")[0],
            self.target,
            Headers(self.head),
            self.body,
            text if isinstance(text, str) else None,
            ordinal,
            self.attribute,
        )

    def _answered(self, held: _Held) -> Steps:
        """What the host answers by itself: its refusal, or the operation."""
        if held.refusal is not None:
            return held.refusal
        assert held.connector is not None
        return (yield from self._operate(held.connector, held.behaviours))

    def _released(self, entry: Exchange, answer: Answer) -> None:
        """The answer that hung follows after all."""
        body = answer.body if isinstance(answer.body, bytes) else None
        self._runtime.journal.answered(entry, answer.status, answer.headers, body)

    def _over(self, entry: Exchange) -> None:
        """A planned answer is over: it took as long as its plan made it."""
        self._runtime.journal.finish(entry, took=monotonic() - self._started)

    def _table_of(self, name: str) -> Mapping[str, Resource]:
        """What is served below the /scim of a connector."""
        connector = self._runtime.served.get(name)
        return provider.table(connector.provider_config.types) if isinstance(connector, Tenant) else TABLE

    def _refusal(
        self, connector: Connector | Tenant | None, behaviours: Mapping[str, object]
    ) -> Answer | None:
        """The verdict (it is kept) and the answer that goes with it: routing first, then authentication."""
        found = self.route
        self.verdict = found.verdict
        accept = self._by_name.get("accept")
        if found.resource == ROOT and connector is not None and not isinstance(connector, Tenant):
            return answers.empty(
                answers.status_of(behaviours, "root_status"), "nothing is served at /scim itself"
            )
        if found.verdict == "not_found" and isinstance(connector, Tenant):
            return answers.scim_error(ScimError(404, None, self._not_found_because()), behaviours)
        if found.verdict == "not_found" or connector is None:
            return answers.not_found(self.target, behaviours, accept, self._not_found_because())
        unlisted = found.operation == "list_users" and behaviours["filterless_list"] == 405
        not_allowed = found.verdict == "method_not_allowed" or unlisted
        if not_allowed and behaviours["method_not_allowed_before_auth"]:
            return self._method_not_allowed(behaviours, accept)
        is_open = self._is_open(behaviours) and not isinstance(connector, Tenant)
        if not is_open and (reason := self._token_is_wrong(connector)):
            self.verdict = "unauthorized"
            return answers.unauthorized(behaviours, accept, reason)
        return self._method_not_allowed(behaviours, accept) if not_allowed else None

    def _is_open(self, behaviours: Mapping[str, object]) -> bool:
        """Whether nobody is asked for a token: Debug, or an endpoint that does not want one."""
        if self._runtime.host.debug:
            return True
        if self.route.operation == "schemas":
            return behaviours["schemas_access"] == "open"
        return (
            self.route.operation == "cache" and behaviours["cache_access"] == "debug"
        )  # it closes by itself

    def _method_not_allowed(self, behaviours: Mapping[str, object], accept: str | None) -> Answer:
        self.verdict = "method_not_allowed"
        status = 405
        if self.method in ("HEAD", "OPTIONS"):
            status = answers.status_of(behaviours, f"{self.method.lower()}_status")
        elif self.route.resource == "cache":
            status = answers.status_of(behaviours, "cache_verbs_status")
        if status < 300:
            return Answer(status, (("Allow", ", ".join(self.route.allow)),))
        return answers.method_not_allowed(self.method, self.route.allow, behaviours, accept, status)

    def _not_found_because(self) -> str:
        first, _, rest = self.route.path.lstrip("/").partition("/")
        name = first.partition("_")[2]
        connectors = self._runtime.served
        if self.route.connector is not None:
            return f"there is nothing at this path below /{first}"
        for known in connectors:
            if known.casefold() == name.casefold() and known != name:
                return f"no connector {name!r}: connector names are case-sensitive, there is {known!r}"
        if not first.casefold().startswith("ecma2host_") or not rest.casefold().startswith("scim"):
            return "the path is not of the form /ecma2host_{connectorName}/scim"
        return f"no connector {name!r}; there is {', '.join(connectors) or 'none'}"

    def _token_is_wrong(self, connector: Connector | Tenant) -> str:
        """Why the request is not let in, or nothing."""
        given = self._by_name.get("authorization")
        if given is None:
            return "no Authorization header"
        scheme, _, token = given.strip().partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            return "the Authorization header is not of the form 'Bearer <secret token>'"
        expected = connector.config.secret_token.encode()
        if hmac.compare_digest(token.strip().encode("latin-1", "replace"), expected):
            return ""
        return f"the secret token is not the one of connector {connector.name}"

    def _operate(self, connector: Connector | Tenant, behaviours: Mapping[str, object]) -> Steps:
        """Do the operation: at once, or outside the lock where it may take long."""
        found = self.route
        if (public := self._runtime.public_url) is not None:
            base = f"{public}/ecma2host_{connector.name}/scim"
        else:
            # An absolute target's authority, or Host; HTTP/1.0 may leave it out. X-Forwarded-* are not trusted.
            host_name = self._environ.get("HTTP_HOST") or f"localhost:{self._environ['SERVER_PORT']}"
            scheme = self._environ["wsgi.url_scheme"]
            base = f"{scheme}://{host_name}/ecma2host_{connector.name}/scim"
        if isinstance(connector, Tenant):
            called = provider.Call(
                self.method,
                found.operation,
                found.resource,
                found.id,
                self.asked,
                self._by_name,
                self.body,
                base,
            )
            try:
                done = provider.answered(called, connector)
                return done if isinstance(done, Answer) else (yield from done)
            except ScimError as error:
                return answers.scim_error(error, behaviours)
        call = operations.Call(
            self.method,
            found.operation,
            found.id,
            self.asked,
            self._by_name,
            self.body,
            base,
            self._runtime.host.debug,
        )
        try:
            done = operations.OPERATIONS[found.operation](call, connector)
            return done if isinstance(done, Answer) else (yield from done)
        except ProtocolAnswer as error:
            local = ipaddress.ip_address(self.connection.peer[0]).is_loopback
            return answers.of_exception(error, behaviours, call.accept, local=local)

    def _entry(self, answer: Answer) -> Exchange:
        body = answer.body if isinstance(answer.body, bytes) else None
        plan = answer.plan
        unanswered = plan is not None and (
            not plan.head or plan.raw is not None or (plan.hang == "headers" and plan.hang_for is None)
        )
        return Exchange(
            at=self._runtime.clock.now(),
            connection=self.connection.number,
            connector=self.route.connector,
            operation=self.route.operation,
            verdict=self.verdict,
            method=self.method,
            target=self.target,
            headers=self.head,
            body=self.body,
            status=None if unanswered else answer.status,
            answer_headers=() if unanswered else answer.headers,
            answer_body=None if unanswered else body,
            reason=answer.reason[:_REASON_LENGTH] or None,
            native=answer.native,
            took=monotonic() - self._started,
            who=self._who(),
            probe=self.probe,
            scheme=self._environ["wsgi.url_scheme"],
            connection_nth=self.connection_nth,
            exchange_nth=self.exchange_nth,
        )

    def _who(self) -> str | None:
        """The user that the exchange is about: an id, or the value of a find."""
        if self.route.id is not None:
            return self.route.id
        if self.route.operation == "create_user":
            return self._created()
        wanted = self._equality()
        return None if wanted is None else str(wanted[1])

    def _created(self) -> str | None:
        """The anchor that a new user was given, if the request names one."""
        connector = self._runtime.served.get(self.route.connector or "")
        if connector is None:
            return None
        named = "userName" if isinstance(connector, Tenant) else connector.object_type.anchor
        anchor = self.attribute(named)
        return str(anchor) if isinstance(anchor, (str, int)) else None

    def _counted(self, entry: Exchange, pieces: Iterable[bytes]) -> Iterator[bytes]:
        """Pass a streamed body on; tell the journal how long it was."""
        length = 0
        try:
            for piece in pieces:
                length += len(piece)
                yield piece
        finally:
            self._runtime.journal.finish(entry, streamed=length)


class _Held:
    """What an exchange is answered with, unless a fault puts the host into another state meanwhile."""

    __slots__ = ("behaviours", "connector", "refusal")

    def __init__(
        self, connector: Connector | Tenant | None, behaviours: Mapping[str, object], refusal: Answer | None
    ) -> None:
        self.connector = connector
        self.behaviours = behaviours
        self.refusal = refusal
