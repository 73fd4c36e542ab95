"""A refusal by its status, worded by the layer that would send it.

The host's stack has several (see `mockhost.faults.http.layers`), and each status has one that is likely: SCIM
errors for what the library refuses, Web API's `{"Message": …}` for authorization, verbs, media types and
exceptions, nothing but the status where nothing is served, http.sys' page for what never reaches the service,
and a proxy's page for 502 and 504. What the provisioning service makes of each: Microsoft Learn, "What are the
Microsoft Entra provisioning logs?", error codes.
"""

from __future__ import annotations

from typing import Final

from mockhost.faults.contract import Context, Draft, Fault, Parameter, Parameters, Seen
from mockhost.faults.http.heads import RETRY_AFTER_AS, retry_after
from mockhost.faults.http.layers import LAYERS, behaviours_of, refusal

_LAYER: Final = {
    **{401: "webapi", 405: "webapi", 415: "webapi", 500: "webapi"},
    **{406: "empty", 501: "empty"},
    **{408: "httpsys", 411: "httpsys", 413: "httpsys", 414: "httpsys", 417: "httpsys", 503: "httpsys"},
    **{502: "proxy", 504: "proxy", 407: "proxy"},
}
"""Which layer sends a status; every other one is a SCIM error."""
_TEXT: Final = {
    400: "The request is invalid.",
    401: "Authorization has been denied for this request.",
    403: "The operation is not permitted with this authorization.",
    404: "Resource {id} not found.",
    405: "The requested resource does not support http method '{method}'.",
    409: "An object with this anchor exists already.",
    412: "The resource has changed since it was read.",
    415: "The request entity's media type '{media_type}' is not supported for this resource.",
    422: "The values can't be processed.",
    429: "Too many requests.",
    500: "An error has occurred.",
    503: "The service is unavailable.",
}
_REFUSED_UNDONE: Final = frozenset({501, 503})
"""Of the statuses from 500 on, those that say that nothing was done."""
_METHODS: Final = {True: ("GET", "PUT", "PATCH", "DELETE"), False: ("GET", "POST")}


def _status(parameters: Parameters) -> int:
    status = parameters["status"]
    assert isinstance(status, int)
    return status


def _answer(_: Draft, parameters: Parameters, context: Context) -> Draft:
    status, asked = _status(parameters), context.asked
    layer = str(parameters["layer"])
    if layer == "stack":
        layer = _of_stack(status, context)
    scim_type = parameters["scim_type"]
    if scim_type is None and status == 409:
        scim_type = "uniqueness"
    text = parameters["detail"]
    if text is None:
        text = _TEXT.get(status, f"The request failed with status {status}.").format(
            id=asked.id or "", method=asked.method, media_type=_media_type(context)
        )
    draft = refusal(status, str(text), layer, context, str(scim_type) if scim_type else None)
    if parameters["layer"] == "stack":
        # A status is the whole of this fault; whoever wants http.sys' ending too names the layer.
        draft = draft.with_header("Connection", None)
    if status == 401:
        challenge = str(behaviours_of(context).get("unauthorized_challenge", "Bearer"))
        draft = draft.with_header("WWW-Authenticate", challenge or None)
    elif status == 405:
        allowed = [method for method in _METHODS[asked.id is not None] if method != asked.method]
        draft = draft.with_header("Allow", ", ".join(allowed))
    if isinstance(wait := parameters["retry_after"], float):
        draft = draft.with_header("Retry-After", retry_after(wait, parameters["retry_after_as"], context))
    return draft


def _of_stack(status: int, context: Context) -> str:
    """The layer that would send it; a behaviour may say another than usual."""
    layer = _LAYER.get(status, "scim")
    if context.standard:
        return layer if layer == "proxy" else "scim"  # a service provider: RFC 7644 3.12
    if status == 404 and context.asked.id is None:
        return "empty"  # a path without a route, not a resource that isn't there
    behaviours = behaviours_of(context)
    if status == 401:
        return str(behaviours.get("unauthorized_body", _LAYER[401]))
    if status == 405:
        return str(behaviours.get("method_not_allowed_body", _LAYER[405]))
    return layer


def _media_type(context: Context) -> str:
    return (context.asked.header("Content-Type") or "text/plain").partition(";")[0].strip()


def _write(parameters: Parameters) -> str:
    status = _status(parameters)
    return "not_applied" if status < 500 or status in _REFUSED_UNDONE else "applied"


FAULT = Fault(
    name="http_error",
    group="http",
    title="The answer is a refusal with this status",
    seen=Seen(
        wire="The status, its headers (WWW-Authenticate, Allow, Retry-After) and the body of the layer that "
        "sends it; the connection is kept, except with the layer httpsys",
        requests="500; response.raise_for_status() raises HTTPError",
        curl="(0) 500 and the body; (22) with --fail",
        dotnet="HttpResponseMessage.StatusCode is the status, EnsureSuccessStatusCode raises "
        "HttpRequestException (.NET API); the provisioning logs have InternalServerError, Unauthorized, … "
        "(Microsoft Learn, provisioning logs, error codes)",
        gets="{status: 500, message: An error has occurred.}",
    ),
    parameters={
        "status": Parameter(
            "integer",
            "The status. A write does not happen under 400 to 499, 501 and 503, and has happened under the "
            "others, unless the rule says otherwise",
            500,
            minimum=400,
            maximum=599,
        ),
        "detail": Parameter(
            "text", "The words of the refusal, where its layer has any; default: those of the layer"
        ),
        "scim_type": Parameter(
            "text", "The scimType of a SCIM error; default: uniqueness for 409, else none"
        ),
        "layer": Parameter(
            "choice",
            "Who words it: scim, webapi, empty (OWIN), httpsys, proxy; stack: whoever would send this status",
            "stack",
            choices=("stack", *LAYERS),
        ),
        "retry_after": Parameter("duration", "Adds Retry-After"),
        "retry_after_as": RETRY_AFTER_AS,
    },
    main="status",
    answer=_answer,
    write=_write,
)
