"""Apply a rule to an exchange: the host's answer or the rule's own, and the faults on it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator

import orjson

from mockhost.connectors.contract import Answer, Steps
from mockhost.errors import MockhostError
from mockhost.faults.contract import Draft
from mockhost.plans import AS_IS, TransportPlan
from mockhost.rules import Decision, Reply
from mockhost.rules.reply import Failed, Function, Sources, rendered, rendered_text
from mockhost.slices import Steps as Work
from mockhost.slices import at_once
from mockhost.web.handling import Handling

WRITES = frozenset(
    f"{verb}_{noun}"
    for verb in ("create", "replace", "patch", "delete")
    for noun in ("user", "group", "resource")
) | {"bulk", "me"}
"""Operations that change something, with which `write` has a meaning."""


def carried_out(decision: Decision, handling: Handling) -> Steps:
    """The answer that a rule leads to, with the plan for its way out."""
    step = decision.step
    problems = [decision.problem] if decision.problem else []
    problems += _act(decision, handling)
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
            with handling.trial():
                tried = at_once(handling.answered())
            return tried._replace(native=())
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


def carried(body: bytes | Iterable[bytes], over: Callable[[], None]) -> Iterable[bytes]:
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
