"""Operations in the portal: the application in Entra that provisions to the host."""

from __future__ import annotations

from functools import partial

from mockhost.operations.row import Operation, Parameter, an_object, answers, takes

_STEP = takes(
    step={
        "type": ["string", "object"],
        "description": "a step as a scenario has it under `entra`, such as cycle or {on_demand: ann@contoso.example}",
    },
    line={
        "type": "string",
        "description": "the same as a line, such as on-demand ann@contoso.example; instead of step",
    },
    timeout={
        "type": "number", "minimum": 0,
        "description": "seconds that each answer of the host may take, at most 60; default: 10",
    },
)  # fmt: skip
_LOG = tuple(
    Parameter(name, text, {"type": "string"})
    for name, text in (
        ("user", "Only users whose name has this in it."),
        ("status", "success, failure, skipped or warning."),
        ("action", "create, update, delete, disable, stageddelete or other."),
    )
)

_row = partial(Operation, room="mockhost.runtime.operations.portal")

ROWS: tuple[Operation, ...] = (
    _row("get_portal", "GET", "/v1/portal", "learner",
         "The application in Entra that provisions to the host: credentials, agents, job.",
         answers("The overview.", an_object(
             app="string", entered="object", saved="object?", saved_is_entered="boolean", clock="string",
             agents="{string}", machine="object?", status="string", next_run="string?", last="object?",
             quarantine="object?", mails="[object]", attributes="count", records="count")), cost="wait"),
    _row("portal", "POST", "/v1/portal", "learner",
         "Do one thing that an administrator or the provisioning service does.",
         answers("What came of it: data, and lines as the portal shows it.", an_object(
             step="string", result="object", text="string")),
         body=_STEP, errors=(409, 422, 503), cost="wait",
         description=(
             "The application is the one of the scenario's `entra`; its clock is the host's, so a cycle advances the "
             "host's clock until it is due. Requests go to the host's own port and nowhere else: another host "
             "name is not found, another port refuses.")),
    _row("get_portal_log", "GET", "/v1/portal/log", "learner",
         "The provisioning log of that application, its newest 1,000 records, the newest last.",
         answers("Records in the shape of Microsoft Graph's provisioningObjectSummary.", an_object(
             records="[object]")), query=_LOG, cost="wait"),
)  # fmt: skip
