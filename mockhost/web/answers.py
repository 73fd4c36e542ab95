"""Every body that the data plane sends besides resources, and the one place where exceptions become answers.

Three layers answer on the real host: the SCIM library (SCIM errors), ASP.NET Web API around it
(`{"Message": …}`, XML by `Accept`), and the OWIN pipeline beneath (an empty 404). Sources: RFC 7644 3.12;
aspnet/AspNetWebStack SRResources.resx and HttpErrorKeys; aspnet/AspNetKatana.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html import escape
from typing import NamedTuple, TypeAlias

import orjson

from mockhost import slices
from mockhost.connectors.ecma.connector import DllNotLoadable, Importing
from mockhost.errors import ProtocolAnswer
from mockhost.faults.plan import TransportPlan
from mockhost.scim import messages
from mockhost.scim.errors import ScimError
from mockhost.server import httpsys


class Answer(NamedTuple):
    """What goes back to the client. `body` is bytes, or pieces of them for what is too large to hold."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | Iterable[bytes] = b""
    reason: str = ""
    """for people who look at the mock, never on the wire: why it was refused"""
    native: tuple[str, ...] = ()
    plan: TransportPlan | None = None
    """what happens to it on its way out, if anything does"""


Steps: TypeAlias = "slices.Steps[Answer]"
"""An answer that takes work outside the lock."""


def scim(status: int, document: object, behaviours: Mapping[str, object], **more: object) -> Answer:
    """A SCIM message or resource as JSON."""
    headers: tuple[tuple[str, str], ...] = (("Content-Type", str(behaviours["scim_content_type"])),)
    location = more.get("location")
    if location is not None:
        headers = (*headers, ("Location", str(location)))
    native = more.get("native", ())
    assert isinstance(native, tuple)
    return Answer(status, headers, orjson.dumps(document), native=native)


def scim_error(error: ScimError, behaviours: Mapping[str, object]) -> Answer:
    """A SCIM error (RFC 7644 3.12)."""
    as_what = str(behaviours["error_status_type"])
    body = messages.error_body(error.status, error.detail, error.scim_type, status_as=as_what)
    return scim(error.status, body, behaviours)._replace(reason=error.detail)


def status_of(behaviours: Mapping[str, object], name: str) -> int:
    """The HTTP status that a behaviour holds."""
    status = behaviours[name]
    assert isinstance(status, int), name
    return status


def layered(
    status: int, text: str, layer: object, behaviours: Mapping[str, object], accept: str | None
) -> Answer:
    """One refusal as the layer that a behaviour names sends it: scim, webapi or empty."""
    if layer == "empty":
        return empty(status, text)
    if layer == "scim":
        return scim_error(ScimError(status, None, text), behaviours)
    return web_api(status, text, accept)


def web_api(
    status: int, message: str, accept: str | None, *, more: Mapping[str, str] | None = None
) -> Answer:
    """An error of ASP.NET Web API: JSON, or XML where the client prefers it. `more` are HttpError's other keys."""
    keys = {"Message": message, **(more or {})}
    if prefers_xml(accept):
        inside = "".join(f"<{key}>{escape(text, quote=False)}</{key}>" for key, text in keys.items())
        body, kind = f"<Error>{inside}</Error>".encode(), "application/xml; charset=utf-8"
    else:
        body, kind = orjson.dumps(keys), "application/json; charset=utf-8"
    return Answer(status, (("Content-Type", kind),), body, reason=message)


def prefers_xml(accept: str | None) -> bool:
    """Whether Web API's content negotiation picks XML: the first of JSON and XML by quality and position."""
    if not accept:
        return False
    best, best_quality = "json", 0.0
    for part in accept.split(","):
        kind, *parameters = (piece.strip().lower() for piece in part.split(";"))
        quality = 1.0
        for parameter in parameters:
            if parameter.startswith("q="):
                try:
                    quality = float(parameter[2:])
                except ValueError:
                    quality = 0.0
        if kind in ("application/xml", "text/xml"):
            found = "xml"
        elif kind in ("application/json", "text/json", "application/scim+json"):
            found = "json"
        else:
            continue
        if quality > best_quality:
            best, best_quality = found, quality
    return best == "xml"


def empty(status: int, reason: str) -> Answer:
    """A status and nothing else: what OWIN's default application sends for a path that nobody serves."""
    return Answer(status, (), b"", reason=reason)


def with_headers(answer: Answer, *headers: tuple[str, str]) -> Answer:
    """The answer with more headers."""
    return answer._replace(headers=(*answer.headers, *headers))


def not_found(target: str, behaviours: Mapping[str, object], accept: str | None, reason: str) -> Answer:
    """The answer to a path where nothing is: a wrong shape, or a connector that nobody knows."""
    status, layer = status_of(behaviours, "unknown_connector_status"), behaviours["not_found_body"]
    if layer == "httpapi" and status == 404:
        page = httpsys.page(httpsys.REFUSALS["not_found"])
        return Answer(404, (("Content-Type", "text/html; charset=us-ascii"),), page, reason)
    if layer == "webapi":
        text = f"No HTTP resource was found that matches the request URI '{target}'."
        return web_api(status, text, accept)._replace(reason=reason)
    return empty(status, reason)


def unauthorized(behaviours: Mapping[str, object], accept: str | None, reason: str) -> Answer:
    """A missing or wrong secret token (inferred: Web API's default for a request that is not let in)."""
    challenge = str(behaviours["unauthorized_challenge"])
    text = "Authorization has been denied for this request."
    status = status_of(behaviours, "unauthorized_status")
    answer = layered(status, text, behaviours["unauthorized_body"], behaviours, accept)._replace(
        reason=reason
    )
    return with_headers(answer, ("WWW-Authenticate", challenge)) if challenge else answer


def method_not_allowed(
    method: str,
    allow: tuple[str, ...],
    behaviours: Mapping[str, object],
    accept: str | None,
    status: int = 405,
) -> Answer:
    """A verb that the path does not take, from Web API's action selector."""
    text = f"The requested resource does not support http method '{method}'."
    answer = layered(status, text, behaviours["method_not_allowed_body"], behaviours, accept)
    allowed = ", ".join(name for name in allow if name != method)
    return with_headers(answer, ("Allow", allowed)) if status == 405 and allowed else answer


def of_exception(
    error: ProtocolAnswer, behaviours: Mapping[str, object], accept: str | None, *, local: bool
) -> Answer:
    """What the client is told of an error that the rooms below have raised.

    `local`: whether the caller is on this machine, for .NET's IncludeErrorDetailPolicy.
    """
    if isinstance(error, ScimError):
        return scim_error(error, behaviours)
    if isinstance(error, Importing):
        status, layer = status_of(behaviours, "importing_status"), behaviours["importing_body"]
        answer = layered(status, error.message, layer, behaviours, accept)
        after = behaviours["importing_retry_after"]
        return (
            with_headers(answer, ("Retry-After", str(int(after))))
            if isinstance(after, (int, float))
            else answer
        )
    assert isinstance(error, DllNotLoadable)
    more: dict[str, str] = {}
    detail = behaviours["error_detail"]
    if detail == "always" or (detail == "local" and local):
        more = {"ExceptionMessage": error.message, "ExceptionType": "System.IO.FileLoadException"}
    status = status_of(behaviours, "dll_denied_status")
    return web_api(status, "An error has occurred.", accept, more=more)._replace(reason=error.message)
