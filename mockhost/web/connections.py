"""What rules make of a connection when it is accepted, before there is a request."""

from __future__ import annotations

from mockhost.errors import MockhostError
from mockhost.exchange import Exchange
from mockhost.faults.contract import Draft
from mockhost.journal.record import NAME, clipped
from mockhost.plans import SERVE, ConnectionPlan
from mockhost.runtime import Admission, Runtime
from mockhost.web.handling import context


def meet(runtime: Runtime, admission: Admission) -> ConnectionPlan:
    """What a connection that was just accepted is met with, by the first rule on connections that applies."""
    if not runtime.state.rules.has_on_connections:
        return SERVE
    with runtime.lock:
        if admission.epoch is not runtime.epoch:
            return SERVE
        runtime.state.clock.run_due()
        accepted = Exchange(
            at=runtime.state.clock.now(),
            method="",
            target="",
            operation="",
            verdict="",
            connection_nth=admission.nth,
            states=runtime.state.states.current(None),
        )
        decision = runtime.state.rules.meet(accepted, runtime.state.clock.now())
        if decision is None:
            return SERVE
        admission.record.rule = clipped(decision.rule.name, NAME)
        plan = SERVE
        for place, chosen in enumerate(decision.step.faults):
            fault = chosen.fault
            assert fault.connection is not None
            if fault.group == "tls" and runtime.certificates.plain_http:
                continue  # there is no handshake that could go wrong
            plan = fault.connection(chosen.parameters)
            if fault.host is not None:
                try:
                    fault.host(chosen.parameters, context(runtime, decision, place, accepted, _no_words))
                except MockhostError as error:  # what a scenario says of objects may no longer be so
                    runtime.tell("happening", {"what": fault.name, "problem": str(error)})
        runtime.come_true(decision)
        return plan


def _no_words(status: int, text: str, scim_type: str | None) -> Draft:
    """A refusal before there is a caller to refuse."""
    return Draft(status)
