"""Refusals as the layers of the real host word them, and the one place where exceptions become answers.

Three layers answer on the real host: the SCIM library (SCIM errors), ASP.NET Web API around it
(`{"Message": …}`, XML by `Accept`), and the OWIN pipeline beneath (an empty 404). Sources: RFC 7644 3.12;
aspnet/AspNetWebStack SRResources.resx and HttpErrorKeys; aspnet/AspNetKatana.
"""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from ipaddress import ip_address

import orjson

from mockhost.connectors.contract import ROOT, Answer, NotAllowed, NotFound, Unauthorized, scim_error
from mockhost.errors import ProtocolAnswer
from mockhost.exchange import Exchange
from mockhost.scim.errors import ScimError
from mockhost.server import httpsys


class Importing(ProtocolAnswer):
    """The first import is still running (Microsoft Learn, Troubleshoot on-premises application provisioning,
    edition of April 2025, Troubleshoot test connection issues: the portal's text)."""

    def __init__(self) -> None:
        super().__init__("The ECMA host is currently importing data from the target application")


class UnsupportedMedia(ProtocolAnswer):
    """A body that no formatter of Web API reads. coding: it is for its content coding."""

    def __init__(self, message: str, *, coding: bool = False) -> None:
        super().__init__(message)
        self.coding = coding


class DllNotLoadable(ProtocolAnswer):
    """The service account may not load the connector's DLL; `message` is the text of the host's log."""


def refusal(problem: ProtocolAnswer, behaviours: Mapping[str, object], call: Exchange) -> Answer:
    """The answer to a request that is not let in, or to an operation that raised."""
    if isinstance(problem, ScimError):
        return scim_error(problem, behaviours)._replace(native=problem.native)
    if isinstance(problem, NotFound):
        return _not_found(problem.message, behaviours, call)
    if isinstance(problem, Unauthorized):
        return _unauthorized(problem.message, behaviours, call)
    if isinstance(problem, NotAllowed):
        return _not_allowed(behaviours, call)
    if isinstance(problem, Importing):
        return _importing(problem.message, behaviours, call)
    if isinstance(problem, UnsupportedMedia):
        answer = web_api(415, problem.message, call.header("accept"))
        return with_header(answer, "Accept-Encoding", "identity") if problem.coding else answer
    assert isinstance(problem, DllNotLoadable)
    return _dll_not_loadable(problem.message, behaviours, call)


def status_of(behaviours: Mapping[str, object], name: str) -> int:
    """The HTTP status that a behaviour holds."""
    status = behaviours[name]
    assert isinstance(status, int), name
    return status


def layered(
    status: int, text: str, layer: object, behaviours: Mapping[str, object], call: Exchange
) -> Answer:
    """One refusal as the layer that a behaviour names sends it: scim, webapi or empty."""
    if layer == "empty":
        return empty(status, text)
    if layer == "scim":
        return scim_error(ScimError(status, None, text), behaviours)
    return web_api(status, text, call.header("accept"))


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
    """A status and nothing else: what OWIN's default application sends for a path without a route."""
    return Answer(status, (), b"", reason=reason)


def with_header(answer: Answer, name: str, value: str) -> Answer:
    """The answer with one more header."""
    return answer._replace(headers=(*answer.headers, (name, value)))


def _not_found(reason: str, behaviours: Mapping[str, object], call: Exchange) -> Answer:
    """Nothing is at the path: it has a wrong shape, or names an unknown connector."""
    if call.resource == ROOT:
        return empty(status_of(behaviours, "root_status"), "nothing is served at /scim itself")
    status, layer = status_of(behaviours, "unknown_connector_status"), behaviours["not_found_body"]
    if layer == "httpapi" and status == 404:
        page = httpsys.page(httpsys.REFUSALS["not_found"])
        return Answer(404, (("Content-Type", "text/html; charset=us-ascii"),), page, reason)
    if layer == "webapi":
        text = f"No HTTP resource was found that matches the request URI '{call.target}'."
        return web_api(status, text, call.header("accept"))._replace(reason=reason)
    return empty(status, reason)


def _unauthorized(reason: str, behaviours: Mapping[str, object], call: Exchange) -> Answer:
    """A missing or wrong secret token (inferred: Web API's default for a request that is not let in)."""
    challenge = str(behaviours["unauthorized_challenge"])
    text = "Authorization has been denied for this request."
    status, layer = status_of(behaviours, "unauthorized_status"), behaviours["unauthorized_body"]
    answer = layered(status, text, layer, behaviours, call)._replace(reason=reason)
    return with_header(answer, "WWW-Authenticate", challenge) if challenge else answer


def _not_allowed(behaviours: Mapping[str, object], call: Exchange) -> Answer:
    """A method that the path does not take, from Web API's action selector."""
    status = 405
    if call.method in ("HEAD", "OPTIONS"):
        status = status_of(behaviours, f"{call.method.lower()}_status")
    elif call.resource == "cache":
        status = status_of(behaviours, "cache_verbs_status")
    if status < 300:
        return Answer(status, (("Allow", ", ".join(call.allow)),))
    return not_allowed(call, call.allow, behaviours, status)


def not_allowed(
    call: Exchange, allow: tuple[str, ...], behaviours: Mapping[str, object], status: int = 405
) -> Answer:
    """The refusal of a method; `allow` are those that the path takes."""
    text = f"The requested resource does not support http method '{call.method}'."
    answer = layered(status, text, behaviours["method_not_allowed_body"], behaviours, call)
    allowed = ", ".join(name for name in allow if name != call.method)
    return with_header(answer, "Allow", allowed) if status == 405 and allowed else answer


def _importing(text: str, behaviours: Mapping[str, object], call: Exchange) -> Answer:
    status, layer = status_of(behaviours, "importing_status"), behaviours["importing_body"]
    answer = layered(status, text, layer, behaviours, call)
    after = behaviours["importing_retry_after"]
    return with_header(answer, "Retry-After", str(int(after))) if isinstance(after, (int, float)) else answer


def _dll_not_loadable(text: str, behaviours: Mapping[str, object], call: Exchange) -> Answer:
    """What .NET tells of an exception: more to a client on the same machine (IncludeErrorDetailPolicy)."""
    more: dict[str, str] = {}
    detail = behaviours["error_detail"]
    if detail == "always" or (detail == "local" and ip_address(call.peer).is_loopback):
        more = {"ExceptionMessage": text, "ExceptionType": "System.IO.FileLoadException"}
    status = status_of(behaviours, "dll_denied_status")
    answer = web_api(status, "An error has occurred.", call.header("accept"), more=more)
    return answer._replace(reason=text)
