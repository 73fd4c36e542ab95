"""Where an answer is cut and how its connection then ends: what several faults have in common."""

from __future__ import annotations

from mockhost.faults.contract import Draft, Parameter, Parameters
from mockhost.faults.plan import TransportPlan

AFTER_BYTES = Parameter(
    "integer", "How many bytes of the body are sent, counted before TLS and chunks", minimum=0
)
AT_FRACTION = Parameter("fraction", "Instead of after_bytes: which part of the body is sent, rounded down")
HOW = "fin: over TLS without the closing alert close_notify; close_notify: after it; rst: a reset"
ENDINGS = ("fin", "rst", "close_notify")


def how(default: str) -> Parameter:
    """The parameter that says how the connection ends."""
    return Parameter("choice", HOW, default, choices=ENDINGS)


def cut(draft: Draft, parameters: Parameters, **plan: object) -> Draft:
    """The draft, cut where its parameters say; everything else of its plan as it was or as `plan` says."""
    said = {name: plan[name] for name in plan}
    said["after_bytes"] = parameters["after_bytes"]
    said["after_fraction"] = parameters["at_fraction"]
    return planned(draft, **said)


def planned(draft: Draft, **plan: object) -> Draft:
    """The draft with this changed of its plan."""
    changed: TransportPlan = draft.plan._replace(**plan)  # type: ignore[arg-type]  # names and types are the caller's
    return draft._replace(plan=changed)


def uncut(parameters: Parameters) -> bool:
    """Whether no place was given."""
    return parameters["after_bytes"] is None and parameters["at_fraction"] is None


def one_place(parameters: Parameters) -> str | None:
    """Refuse two places."""
    if parameters["after_bytes"] is not None and parameters["at_fraction"] is not None:
        return "give after_bytes or at_fraction, not both"
    return None
