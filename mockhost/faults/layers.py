"""Refusals as each layer words them, from the SCIM library down to a proxy in front of the host.

Sources: RFC 7644 3.12 (SCIM errors); GitHub aspnet/AspNetWebStack, HttpErrorKeys and SRResources.resx (Web
API); aspnet/AspNetKatana (OWIN, which sends nothing but a status); `mockhost.server.httpsys` (http.sys). The
proxy's page has the form of nginx's own error pages (GitHub nginx/nginx, ngx_http_special_response.c).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

import orjson

from mockhost.faults.contract import Context, Draft
from mockhost.scim.errors import error_body
from mockhost.server import httpsys

Layer = Literal["scim", "webapi", "empty", "httpsys", "proxy"]
"""From the top of the stack down, and what stands before it."""
LAYER_OF: Final[Mapping[int, Layer]] = {
    **dict.fromkeys((401, 405, 415, 500), "webapi"),
    **dict.fromkeys((406, 501), "empty"),
    **dict.fromkeys((408, 411, 413, 414, 417, 503), "httpsys"),
    **dict.fromkeys((407, 502, 504), "proxy"),
}
"""Which layer sends a status; every other one is a SCIM error."""

_PROXY_TITLES: Final = {
    401: "401 Authorization Required",
    429: "429 Too Many Requests",
    503: "503 Service Temporarily Unavailable",
    504: "504 Gateway Time-out",
}
"""Where nginx's words are not those of .NET."""


def refusal(status: int, text: str, layer: Layer, context: Context, scim_type: str | None = None) -> Draft:
    """One refusal as a layer words it."""
    if layer == "scim":
        return _scim(status, text, scim_type, context.behaviours)
    if layer == "webapi":
        headers = (("Content-Type", "application/json; charset=utf-8"),)
        return Draft(status, headers, orjson.dumps({"Message": text}), reason=text)
    if layer == "httpsys":
        return _http_sys(status)
    if layer == "proxy":
        return _proxy(status)
    return Draft(status, reason=text)


def _scim(status: int, text: str, scim_type: str | None, behaviours: Mapping[str, object]) -> Draft:
    kind = str(behaviours.get("scim_content_type", "application/scim+json; charset=utf-8"))
    status_as = str(behaviours.get("error_status_type", "string"))
    body = orjson.dumps(error_body(status, text, scim_type, status_as))
    return Draft(status, (("Content-Type", kind),), body, reason=text)


def _http_sys(status: int) -> Draft:
    """http.sys' page, after which it ends the connection."""
    known = next((each for each in httpsys.REFUSALS.values() if each.status == status), None)
    title = httpsys.REASONS.get(status, "Error")
    if known is None or status == 400:
        text = f"HTTP Error {status}. {title}."
        known = httpsys.Refusal("fault", status, title, title, title, text, "", "assumed")
    headers = (("Content-Type", "text/html; charset=us-ascii"), ("Connection", "close"))
    return Draft(status, headers, httpsys.page(known), reason=known.text)


def _proxy(status: int) -> Draft:
    title = _PROXY_TITLES.get(status) or f"{status} {httpsys.REASONS.get(status, 'Error')}"
    lines = (
        "<html>",
        f"<head><title>{title}</title></head>",
        "<body>",
        f"<center><h1>{title}</h1></center>",
        "<hr><center>nginx</center>",
        "</body>",
        "</html>",
        "",
    )
    headers = (("Content-Type", "text/html"), ("Server", "nginx"))
    return Draft(status, headers, "\r\n".join(lines).encode(), reason=f"a proxy says {title}")
