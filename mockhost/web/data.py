"""The data plane: what answers the requests at port 8585.

A request is routed and authenticated (its verdict), shown to the rules, answered by the host or by a rule's literal
reply, and written into the journal. It decides and concludes under the runtime's lock: the order in which requests
take that lock is the order in which everything happens. Only the sending of the answer is outside.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from mockhost.clock import monotonic
from mockhost.connectors.contract import Answer, Steps
from mockhost.exchange import Exchange
from mockhost.journal.limits import NAME, clipped
from mockhost.plans import UploadPlan
from mockhost.rules import Passed, Rule, search_all, too_slow
from mockhost.runtime import Runtime
from mockhost.server.wsgi import RAW, UPLOAD
from mockhost.web import ruled
from mockhost.web.handling import Handling

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment


class DataPlane:
    """The data plane as a WSGI application: one exchange for each request."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request (PEP 3333)."""
        handling = Handling(self._runtime, environ)
        answer = self._runtime.exchange(handling.admission, steps(handling))
        start_response(f"{answer.status} ", list(answer.headers))
        if answer.plan is not None:
            environ["mockhost.plan"] = answer.plan
        if answer.raw is not None:
            environ[RAW] = answer.raw
        return (answer.body,) if isinstance(answer.body, bytes) else answer.body


def begin(runtime: Runtime, environ: Callable[[], WSGIEnvironment]) -> UploadPlan | None:
    """How the body of a request is read whose head has come, by the first rule on uploads that applies.

    The decision is left in the environ: it is the one for the exchange.
    """
    if not any(rules.has_on_uploads for rules in runtime.state.all_rules()):
        return None
    head = environ()
    handling = Handling(runtime, head)
    exchange, admission = handling.exchange, handling.admission
    with runtime.lock:
        if admission.epoch is not runtime.epoch:
            return None
        exchange.at = runtime.state.clock.run_due()
        handling.look()
        exchange.states = handling.states()
        exchange.exchange_nth += 1  # it is not counted yet
        decision = handling.rules.begin(exchange, exchange.at)
        if decision is None:
            return None
        head[UPLOAD] = decision
        uploads = [c.fault.upload(c.parameters) for c in decision.step.faults if c.fault.upload is not None]
        if any(plan.then == "rst" for plan in uploads):  # there will be no exchange to write this down
            admission.record.rule = clipped(decision.rule.name, NAME)
            runtime.come_true(decision, handling.connection)
        return uploads[0] if uploads else None


def steps(handling: Handling) -> Steps:
    """The exchange: decide, perform, conclude. All of it is under the lock but for what it yields."""
    runtime, exchange = handling.runtime, handling.exchange
    exchange.at = runtime.state.clock.run_due()
    handling.look()
    exchange.probe = yield from handling.is_probe()
    if handling.rules.on_requests:
        exchange.states = handling.states()
        while (looking := handling.rules.with_patterns(exchange)) and not _knows(exchange, looking):
            yield lambda _, looking=looking: search_all(looking, exchange)  # type: ignore[misc]
            exchange.at = runtime.state.clock.run_due()  # others were let in
            handling.look()
            exchange.states = handling.states()
        return (yield from _by_rules(handling))
    answer = yield from handling.answered()
    handling.conclude(answer)
    if isinstance(answer.body, bytes):
        return answer
    return answer._replace(body=_counted(handling, answer))


def _knows(exchange: Exchange, rules: Iterable[Rule]) -> bool:
    """Whether all that these rules look for in the request has been looked for."""
    search = exchange.search
    search.only_known = True
    try:
        return search_all(rules, exchange)
    finally:
        search.only_known = False


def _by_rules(handling: Handling) -> Steps:
    """Show the request to the rules, and answer as the first that applies says."""
    runtime, rules, exchange = handling.runtime, handling.rules, handling.exchange
    exchange.considered = rules.considered
    exchange.passed = passed = list[Passed]()
    decision = handling.decided or rules.decide(exchange, exchange.at, passed)
    for rule, why in too_slow(passed):
        runtime.tell("pattern", {"rule": rule, "problem": why})
    if decision is None:
        answer = yield from handling.answered()
    else:
        exchange.rule = decision.rule.name
        answer = yield from ruled.carried_out(decision, handling)
        if answer.plan is not None and not handling.carries_plans:
            answer = _without_plan(decision.rule.name)
        exchange.faults = tuple([chosen.fault.name for chosen in decision.step.faults])
        if answer.plan is not None:
            exchange.delay = answer.plan.delay or None
    handling.conclude(answer)
    if decision is not None and decision.follow:
        runtime.come_true(decision, handling.connection)
    if not isinstance(answer.body, bytes):
        answer = answer._replace(body=_counted(handling, answer))
    if answer.plan is None:
        return answer
    plan, journal = answer.plan, runtime.journal
    if exchange.status is None and plan.raw is None and (plan.head or plan.ending == "keep"):
        body = answer.body if isinstance(answer.body, bytes) else None
        status, headers = answer.status, answer.headers
        handling.connection.on_release = lambda: journal.answered(exchange, status, headers, body)
    took = lambda: journal.finish(exchange, took=monotonic() - handling.started)  # noqa: E731
    return answer._replace(body=ruled.carried(answer.body, took))


def _without_plan(rule: str) -> Answer:
    """In the place of what the server can't do: what to do instead."""
    text = (
        f"rule {rule!r} has a transport fault or a delay, which needs mockhost's own server: mockhost serve"
    )
    headers = (("Content-Type", "text/plain; charset=utf-8"),)
    return Answer(501, headers, f"{text}\n".encode(), reason=text)


def _counted(handling: Handling, answer: Answer) -> Iterator[bytes]:
    """Pass a streamed body on; tell the journal how long it was, and of another server's answer what it was."""
    exchange, journal = handling.exchange, handling.runtime.journal
    length = 0
    kept: list[bytes] | None = None if answer.raw is None else []
    try:
        for piece in answer.body:
            assert isinstance(piece, bytes)
            length += len(piece)
            if kept is not None and length <= journal.body_limit:
                kept.append(piece)
            yield piece
    finally:
        if kept is not None and length <= journal.body_limit:
            journal.answered(exchange, answer.status, answer.headers, b"".join(kept))
        elif answer.status:
            journal.finish(exchange, streamed=length)
