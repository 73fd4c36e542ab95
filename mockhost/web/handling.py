"""An exchange in the hands of the data plane: where its request leads, whether it is let in, and what it is answered.

Everything here happens under the runtime's lock, but for the work that steps yield.
"""

from __future__ import annotations

import hmac
import ipaddress
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

from mockhost import slices
from mockhost.clock import monotonic
from mockhost.connectors.ecma.space import Found
from mockhost.errors import ProtocolAnswer
from mockhost.exchange import Exchange
from mockhost.faults.contract import Context, Draft
from mockhost.rules import Decision, Rules, States
from mockhost.rules.reply import Failed, Headers, ReplyRequest
from mockhost.runtime import Admission, Runtime
from mockhost.scim import filters, queries
from mockhost.scim.errors import ScimError
from mockhost.tenants import Tenant
from mockhost.web import answers, operations, provider
from mockhost.web.answers import Answer, Steps
from mockhost.web.routes import ROOT, TABLE, Resource, route

if TYPE_CHECKING:
    from mockhost.connectors.ecma.connector import Connector

PLACEHOLDER = "placeholder"


class Handling:
    """One exchange, the connector that it leads to, and the answer to it."""

    def __init__(self, runtime: Runtime, environ: Mapping[str, Any]) -> None:
        self.runtime = runtime
        self.connection = environ["mockhost.connection"]
        self.admission: Admission = self.connection.epoch_token
        """lets its connection's exchanges in"""
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
        self._environ = environ
        self.rules: Rules
        """the rules that are to see it"""
        self._states: States
        self._routed = "ok"
        """the verdict of routing alone"""
        self.connector: Connector | Tenant | None = None
        self.behaviours: Mapping[str, object]
        self.refusal: Answer | None = None
        """what it is answered unless it is let in"""

    # -- deciding ------------------------------------------------------------------------------------------------

    def look(self) -> None:
        """Route the request, and let it in or not."""
        runtime, exchange = self.runtime, self.exchange
        self.connector = None
        found = route(exchange.method, exchange.target, self._table_of, runtime.host.behaviours)
        self._routed = found.verdict
        exchange.operation, exchange.connector = found.operation, found.connector
        exchange.resource, exchange.id, exchange.allow = found.resource, found.id, found.allow
        exchange.exchange_nth = self.admission.record.exchanges
        self._let_in()
        self.rules, self._states = runtime.rules, runtime.states
        connector = self.connector
        if isinstance(connector, Tenant) and connector.rules is not None:
            self.rules, self._states = connector.rules, connector.states or runtime.states
            if self.refusal is None:
                runtime.served.keep(connector)

    def states(self) -> tuple[str, ...]:
        """The states that the host and its connector are in."""
        return self._states.current(self.exchange.connector)

    def is_probe(self) -> slices.Steps[bool]:
        """Whether this is a find on a value that nobody can have: PLACEHOLDER, or a GUID not in the space.

        It is one comparison and no more, as Test connection sends it.
        """
        wanted = self.exchange.wanted()
        if not isinstance(wanted, filters.Compare) or wanted.op != "eq":
            return False
        if wanted.path.name.casefold() == PLACEHOLDER:
            return True
        value = wanted.value
        if not isinstance(value, str) or len(value) != 36 or value.count("-") != 4:
            return False
        connector = self.connector
        if isinstance(connector, Tenant):
            type_ = connector.provider.type_at(self.exchange.resource)
            try:
                query = queries.Query(filter=self.exchange.asked().filter, count=0)
                listed = yield from connector.provider.finding(type_, query, base="")
            except ScimError:
                return False  # its answer will say what is wrong with it
            return not listed["totalResults"]
        if connector is None:
            return False
        found: object = connector.finding(wanted, 1, 1)
        if callable(found):
            found = yield found
        assert isinstance(found, Found)
        return not found.total

    def _table_of(self, name: str) -> Mapping[str, Resource] | None:
        """What is below the /scim of a connector; the connector is kept."""
        self.connector = connector = self.runtime.served.get(name)
        if isinstance(connector, Tenant):
            return provider.table(connector.provider_config.types)
        return None if connector is None else TABLE

    def _let_in(self) -> None:
        """Set the verdict, and the answer that goes with a bad one: routing first, then authentication."""
        found, connector = self.exchange, self.connector
        self.behaviours = behaviours = (
            self.runtime.host.behaviours if connector is None else connector.behaviours
        )
        found.verdict = self._routed
        self.refusal = None
        if self._routed == "not_found" or connector is None or found.resource == ROOT:
            self.refusal = self._not_found(connector, behaviours)
            if self.refusal is not None:
                return
        assert connector is not None
        unlisted = found.operation == "list_users" and behaviours["filterless_list"] == 405
        not_allowed = self._routed == "method_not_allowed" or unlisted
        if not not_allowed or not behaviours["method_not_allowed_before_auth"]:
            reason = self._token_is_wrong(connector)
            if reason and not self._is_open(connector):
                found.verdict = "unauthorized"
                self.refusal = answers.unauthorized(behaviours, found.header("accept"), reason)
                return
        if not_allowed:
            self.refusal = self._method_not_allowed(behaviours)

    def _not_found(
        self, connector: Connector | Tenant | None, behaviours: Mapping[str, object]
    ) -> Answer | None:
        found = self.exchange
        if found.resource == ROOT and connector is not None and not isinstance(connector, Tenant):
            return answers.empty(
                answers.status_of(behaviours, "root_status"), "nothing is served at /scim itself"
            )
        if self._routed == "not_found" and isinstance(connector, Tenant):
            return answers.scim_error(ScimError(404, None, self._not_found_because()), behaviours)
        if self._routed == "not_found" or connector is None:
            accept = found.header("accept")
            return answers.not_found(found.target, behaviours, accept, self._not_found_because())
        return None

    def _is_open(self, connector: Connector | Tenant) -> bool:
        """Whether nobody is asked for a token: Debug, or an endpoint that does not want one."""
        if isinstance(connector, Tenant):
            return False
        if self.runtime.host.debug:
            return True
        if self.exchange.operation == "schemas":
            return connector.behaviours["schemas_access"] == "open"
        return (
            self.exchange.operation == "cache" and connector.behaviours["cache_access"] == "debug"
        )  # it closes by itself

    def _method_not_allowed(self, behaviours: Mapping[str, object]) -> Answer:
        self.exchange.verdict = "method_not_allowed"
        status = 405
        if self.exchange.method in ("HEAD", "OPTIONS"):
            status = answers.status_of(behaviours, f"{self.exchange.method.lower()}_status")
        elif self.exchange.resource == "cache":
            status = answers.status_of(behaviours, "cache_verbs_status")
        if status < 300:
            return Answer(status, (("Allow", ", ".join(self.exchange.allow)),))
        return answers.method_not_allowed(
            self.exchange.method, self.exchange.allow, behaviours, self.exchange.header("accept"), status
        )

    def _not_found_because(self) -> str:
        first, _, rest = self.exchange.path.lstrip("/").partition("/")
        name = first.partition("_")[2]
        connectors = self.runtime.served
        if self.exchange.connector is not None:
            return f"there is nothing at this path below /{first}"
        for known in connectors:
            if known.casefold() == name.casefold() and known != name:
                return f"no connector {name!r}: connector names are case-sensitive, there is {known!r}"
        if not first.casefold().startswith("ecma2host_") or not rest.casefold().startswith("scim"):
            return "the path is not of the form /ecma2host_{connectorName}/scim"
        return f"no connector {name!r}; there is {', '.join(connectors) or 'none'}"

    def _token_is_wrong(self, connector: Connector | Tenant) -> str:
        """Why the request is not let in, or nothing."""
        given = self.exchange.header("authorization")
        if given is None:
            return "no Authorization header"
        scheme, _, token = given.strip().partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            return "the Authorization header is not of the form 'Bearer <secret token>'"
        expected = connector.config.secret_token.encode()
        if hmac.compare_digest(token.strip().encode("latin-1", "replace"), expected):
            return ""
        return f"the secret token is not the one of connector {connector.name}"

    # -- performing ----------------------------------------------------------------------------------------------

    def answered(self) -> Steps:
        """What the host answers by itself: its refusal, or the operation."""
        if self.refusal is not None:
            return self.refusal
        return (yield from self.operate())

    def operate(self) -> Steps:
        """Do the operation: at once, or outside the lock where it may take long."""
        e, connector = self.exchange, self.connector
        assert connector is not None
        if (public := self.runtime.public_url) is not None:
            e.base_url = f"{public}/ecma2host_{connector.name}/scim"
        else:
            # An absolute target's authority, or Host; HTTP/1.0 may leave it out. X-Forwarded-* are not trusted.
            host_name = self._environ.get("HTTP_HOST") or f"localhost:{self._environ['SERVER_PORT']}"
            e.base_url = f"{e.scheme}://{host_name}/ecma2host_{connector.name}/scim"
        headers = Headers(e.headers)
        if isinstance(connector, Tenant):
            called = provider.Call(
                e.method, e.operation, e.resource, e.id, e.asked, headers, e.body, e.base_url
            )
            try:
                done = provider.answered(called, connector)
                return done if isinstance(done, Answer) else (yield from done)
            except ScimError as error:
                return answers.scim_error(error, self.behaviours)
        debug = self.runtime.host.debug
        call = operations.Call(e.method, e.operation, e.id, e.asked, headers, e.body, e.base_url, debug)
        try:
            done = operations.OPERATIONS[e.operation](call, connector)
            return done if isinstance(done, Answer) else (yield from done)
        except ProtocolAnswer as error:
            local = ipaddress.ip_address(self.connection.peer[0]).is_loopback
            return answers.of_exception(error, self.behaviours, call.accept, local=local)

    def unruled(self) -> Answer:
        """The same, whatever the rules say. Nothing that it writes stays."""
        self.look()
        with self.trial():
            return slices.at_once(self.answered())

    def trial(self) -> AbstractContextManager[None]:
        """In this context everything that is written is taken back at its end."""
        return nullcontext() if self.connector is None else self.connector.trial()

    def change_state(self) -> None:
        """The host is in another state: the request is looked at as if it had come just now."""
        self.runtime.wake()
        self.connector = self.runtime.served.get(self.exchange.connector or "")
        self._let_in()

    def context(self, decision: Decision, place: int) -> Context:
        """What the fault at a place of the rule's list may ask."""
        return self.runtime.context(decision, place, self.exchange, self._error)

    def _error(self, status: int, text: str, scim_type: str | None) -> Draft:
        return Draft(*answers.scim_error(ScimError(status, scim_type, text), self.behaviours)[:3])

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
            exchange.status, exchange.answer_headers = answer.status, answer.headers
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
        named = "userName" if isinstance(self.connector, Tenant) else self.connector.object_type.anchor
        anchor = self.exchange.attribute(named)
        return str(anchor) if isinstance(anchor, (str, int)) else None
