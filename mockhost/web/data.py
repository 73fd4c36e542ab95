"""The data plane: what answers the requests at port 8585.

A request is routed and authenticated (its verdict), shown to the rules, answered by the host or by a rule's literal
reply, and written into the journal. It decides and concludes under the runtime's lock: the order in which requests
take that lock is the order in which everything happens. Only the sending of the answer is outside.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

import orjson

from mockhost.clock import monotonic
from mockhost.connectors.contract import Answer, Steps
from mockhost.errors import MockhostError
from mockhost.exchange import Exchange
from mockhost.faults.contract import Draft
from mockhost.journal.record import NAME, clipped
from mockhost.plans import AS_IS, TransportPlan, UploadPlan
from mockhost.rules import Decision, Passed, Reply, Rule, search_all, too_slow
from mockhost.rules.reply import Failed, Function, Sources, rendered, rendered_text
from mockhost.runtime import Runtime, wait
from mockhost.server.wsgi import RAW, UPLOAD
from mockhost.slices import Steps as Work
from mockhost.web.handling import Handling

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

WRITES = frozenset(
    f"{verb}_{noun}"
    for verb in ("create", "replace", "patch", "delete")
    for noun in ("user", "group", "resource")
) | {"bulk", "me"}
"""Operations that change something, with which `write` has a meaning."""


class DataPlane:
    """The data plane as a WSGI application: one exchange for each request."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request (PEP 3333)."""
        handling = Handling(self._runtime, environ)
        answer = self._runtime.run(handling.admission.epoch, steps(handling))
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
    if not runtime.state.rules.has_on_uploads:  # connectors that were created on demand have the same rules
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
    handling.admission.record.exchanges += 1
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
        answer = yield from _carried_out(decision, handling)
        if answer.plan is not None and not handling.carries_plans:
            answer = _without_plan(decision.rule.name)
        exchange.faults = tuple([chosen.fault.name for chosen in decision.step.faults])
        if answer.plan is not None:
            exchange.delay = answer.plan.delay or None
    handling.conclude(answer)
    if decision is not None and decision.follow:
        with runtime.outside.noted() as begun:
            runtime.come_true(decision, handling.connection)
        if begun:
            yield lambda _: wait(begun)
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
    return answer._replace(body=_carried(answer.body, took))


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


# -- what a rule makes of it --


def _carried_out(decision: Decision, handling: Handling) -> Steps:
    """The answer that a rule leads to, with the plan for its way out."""
    step = decision.step
    problems = [decision.problem] if decision.problem else []
    with handling.runtime.outside.noted() as begun:
        problems += _act(decision, handling)
    if begun:
        try:
            yield lambda _: wait(begun)
        except MockhostError as error:
            problems.append(f"a fault could not act: {error}")
        handling.change_state()
    base = yield from _base(decision, handling)
    draft = Draft(base.status, base.headers, base.body, base.plan or AS_IS, base.reason)
    for place, chosen in enumerate(step.faults):
        if chosen.fault.answer is not None:
            draft = chosen.fault.answer(draft, chosen.parameters, handling.context(decision, place))
    plan = draft.plan
    problems += _uncut(plan, draft.body)
    if step.delay is not None:
        context = handling.context(decision, len(step.faults))
        plan = plan._replace(delay=plan.delay + step.delay.drawn(context.draw("delay")))
    reason = "; ".join([*([draft.reason] if draft.reason else []), *problems])
    headers = _on_the_wire(draft.headers)
    raw = base.raw
    if raw is not None and (draft.status, headers, draft.body) != (base.status, base.headers, base.body):
        raw = raw._replace(block=b"")
    return Answer(
        draft.status, headers, draft.body, reason, base.native, None if plan == AS_IS else plan, raw
    )


def _uncut(plan: TransportPlan, body: bytes | Iterable[bytes]) -> list[str]:
    """What to say of a cut that lies behind the end of the body. A streamed body has no known end."""
    most = plan.after_bytes
    if most is None or plan.bad_chunk is not None or not isinstance(body, bytes) or most < len(body):
        return []
    return [f"after_bytes: {most} cuts nothing, the body has {len(body)} bytes"]


def _act(decision: Decision, handling: Handling) -> list[str]:
    """Put the host into the states that the step's faults say; what kept it from any of them."""
    problems = []
    acting = [(i, chosen.fault, chosen.parameters) for i, chosen in enumerate(decision.step.faults)]
    acting = [each for each in acting if each[1].host is not None]
    for place, fault, parameters in acting:
        assert fault.host is not None
        try:
            fault.host(parameters, handling.context(decision, place))
        except MockhostError as error:  # what a scenario says of objects may no longer be so
            problems.append(f"the fault {fault.name} could not act: {error}")
    if acting:
        handling.change_state()
    return problems


def _base(decision: Decision, handling: Handling) -> Steps:
    """The answer before faults are laid upon it: the rule's reply, a fault's own, or the host's."""
    step = decision.step
    operation = handling.exchange.operation
    writes = operation in WRITES
    instead: Draft | None = None
    if isinstance(step.reply, Function):
        reply = yield from _computed(step.reply, decision, handling)
        if isinstance(reply, Answer):
            return reply
    else:
        reply = step.reply
    if reply is None:
        for place, chosen in enumerate(step.faults):
            if chosen.fault.instead is None:
                continue
            instead = chosen.fault.instead(chosen.parameters, handling.context(decision, place))
            if instead is not None:
                said = step.write or chosen.write
                break
        else:
            said = step.write or _default(decision)
    else:
        said = step.write or "not_applied"
    if reply is None and instead is None:
        if writes and said == "not_applied":
            return (yield from handling.tried())._replace(native=())
        return (yield from handling.answered())
    native: tuple[str, ...] = ()
    if writes and said == "applied" and handling.exchange.verdict == "ok":
        native = (yield from handling.answered()).native
    if reply is not None:
        return _literal(reply, decision, handling)._replace(native=native)
    assert instead is not None
    return Answer(instead.status, instead.headers, instead.body, instead.reason, native, instead.plan)


def _computed(function: Function, decision: Decision, handling: Handling) -> Work[Reply | Answer | None]:
    """What a function replies, called without the lock; where it fails, the answer that says so."""
    view = handling.view(decision)
    outcome = yield lambda _: function.reply(view)
    if not isinstance(outcome, Failed):
        assert outcome is None or isinstance(outcome, Reply)
        return outcome
    handling.tell_failed(decision, outcome)
    text = f"the reply of rule {decision.rule.name!r}, {function}, {outcome.problem}"
    draft = handling.context(decision, 0).error(500, text, None)
    return Answer(500, draft.headers, draft.body, text)


def _default(decision: Decision) -> str:
    """Whether a write happens under faults that alter the host's answer: not if one of them refuses it."""
    altering = (chosen for chosen in decision.step.faults if chosen.fault.answer is not None)
    return "not_applied" if any(chosen.write == "not_applied" for chosen in altering) else "applied"


def _literal(reply: Reply, decision: Decision, handling: Handling) -> Answer:
    """A rule's own answer."""
    headers, body = reply.headers, reply.body
    if reply.template:
        context = handling.context(decision, 0)
        name, ordinal = decision.rule.name, decision.ordinal
        sources = Sources(handling.exchange, context.chance, name, ordinal, context.now)
        headers = tuple((key, _one_line(rendered_text(text, sources))) for key, text in headers)
        body = rendered_text(body, sources) if isinstance(body, str) else rendered(body, sources)
    if body is None:
        return Answer(reply.status, headers, reason="a rule's reply")
    if isinstance(body, bytes):
        content, kind = body, "application/octet-stream"
    elif isinstance(body, str):
        content, kind = body.encode("utf-8", "replace"), "text/plain; charset=utf-8"
    else:
        content, kind = _json(body), "application/scim+json; charset=utf-8"
    if not any(name.lower() == "content-type" for name, _ in headers):
        headers = (*headers, ("Content-Type", kind))
    return Answer(reply.status, headers, content, reason="a rule's reply")


def _json(body: object) -> bytes:
    try:
        return orjson.dumps(body)
    except (
        orjson.JSONEncodeError
    ):  # a number of more than 64 bits, or a request's value that is nested very deeply
        pass
    try:
        return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
    except RecursionError:
        return b"null"


def _one_line(text: str) -> str:
    """A header's value that a request's values got into: without what would end its line."""
    return "".join(" " if c in "\r\n\0" else c for c in text)


def _on_the_wire(headers: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    """Header values as the server writes them, which is Latin-1: what isn't goes out as UTF-8."""
    if all(value.isascii() for _, value in headers):
        return headers
    return tuple((name, _latin(value)) for name, value in headers)


def _latin(value: str) -> str:
    try:
        value.encode("latin-1")
    except UnicodeEncodeError:
        return value.encode("utf-8", "replace").decode("latin-1")
    return value


def _carried(body: bytes | Iterable[bytes], over: Callable[[], None]) -> Iterable[bytes]:
    """The body of a planned answer, which tells when the answer is over."""
    return _Whole(body, over) if isinstance(body, bytes) else _Streamed(body, over)


class _Whole(list[bytes]):
    """A body in one piece, whose length the server sees."""

    def __init__(self, body: bytes, over: Callable[[], None]) -> None:
        super().__init__((body,))
        self._over = over

    def close(self) -> None:
        """Called by the server when it is done with the answer, however that went."""
        self._over()


class _Streamed:
    """The same of a body that comes in pieces."""

    def __init__(self, pieces: Iterable[bytes], over: Callable[[], None]) -> None:
        self._pieces = iter(pieces)
        self._over = over

    def __iter__(self) -> Iterator[bytes]:
        return self._pieces

    def close(self) -> None:
        """As above; whatever is behind the pieces is told, too."""
        close = getattr(self._pieces, "close", None)
        if close is not None:
            close()
        self._over()
