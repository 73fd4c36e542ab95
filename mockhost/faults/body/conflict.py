"""Every create is refused, as if the object were there already.

RFC 7644 3.3 and 3.12: 409 with scimType `uniqueness`. Microsoft Learn, provisioning logs, error codes: Conflict
and EntryConflict; the object is left alone until its data or the matching is put right.
"""

from __future__ import annotations

from mockhost.faults.contract import Context, Draft, Fault, Parameter, Parameters, Seen

_DETAIL = "An object with the anchor {anchor} exists already."
_CREATES = ("create_user", "create_group", "create_resource")
_TAKEN = "There is already a resource with the {name} {value!r}."
_NAMES = {"create_user": "userName", "create_group": "displayName"}


def _instead(parameters: Parameters, context: Context) -> Draft | None:
    if context.asked.operation not in _CREATES:
        return None
    detail, scim_type = parameters["detail"], parameters["scim_type"]
    if detail is None:
        detail = _DETAIL.format(anchor=_anchor(context)) if context.connector is not None else _taken(context)
    return context.error(409, str(detail), str(scim_type) if scim_type else None)


def _anchor(context: Context) -> str:
    """The value of the request's anchor, if it has one, in the words of the connector."""
    connector = context.connector
    value = None if connector is None else context.asked.attribute(connector.object_type.anchor)
    return value if isinstance(value, str) else "that was given"


def _taken(context: Context) -> str:
    """What a connector of kind scim says, which has no anchors."""
    name = _NAMES.get(context.asked.operation, "externalId")
    value = context.asked.attribute(name)
    return _TAKEN.format(name=name, value=value if isinstance(value, str) else "that was given")


FAULT = Fault(
    name="conflict",
    group="body",
    title="Every create is answered by 409",
    seen=Seen(
        wire="409 with a SCIM error whose scimType is uniqueness; other requests are answered as always",
        requests="409; response.raise_for_status() raises HTTPError",
        curl="(0) 409 and the error; (22) with --fail",
        dotnet="HttpResponseMessage.StatusCode is Conflict; the provisioning logs have EntryConflict "
        "(Microsoft Learn, provisioning logs, error codes)",
        gets="{status: 409, scimType: uniqueness}",
    ),
    parameters={
        "detail": Parameter(
            "text", "The error's words; default: those of the host for an anchor that is taken"
        ),
        "scim_type": Parameter("text", "The error's scimType; an empty text leaves it out", "uniqueness"),
    },
    main="detail",
    instead=_instead,
    write="not_applied",
)
