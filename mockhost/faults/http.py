"""Faults of HTTP: status and headers, as the host, http.sys or something between them and the client sends them.

Refusals are worded as each layer does, from the SCIM library down to a proxy in front of the host. Sources: RFC 7644
3.12 (SCIM errors); GitHub aspnet/AspNetWebStack, HttpErrorKeys and SRResources.resx (Web API); aspnet/AspNetKatana
(OWIN, which sends nothing but a status); `mockhost.server.httpsys` (http.sys). The proxy's page has the form of nginx's
own error pages (GitHub nginx/nginx, ngx_http_special_response.c).
"""

from __future__ import annotations

import math
import re
import threading
import zlib
from collections.abc import Mapping
from typing import Annotated, Final, Literal

import orjson

from mockhost.clock import http_date
from mockhost.faults.contract import Context, Draft
from mockhost.faults.declare import Duration, How, Write, at_least, between, instead, on_answer
from mockhost.plans import AS_IS, UploadPlan
from mockhost.scim.errors import error_body
from mockhost.server import httpsys

_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,100}")
_VALUE = re.compile("[\t\x20-\x7e\xa0-\xff]{0,2000}")

RetryAfterAs = Annotated[
    Literal["seconds", "date", "none"],
    "How Retry-After says it: in seconds, as an HTTP date by the host's clock, or not at all",
]


def _name_problem(name: object) -> str | None:
    """None for the name of a header (RFC 9110 5.6.2), else what is wrong."""
    return None if isinstance(name, str) and _NAME.fullmatch(name) else f"{name!r} is not a valid header name"


def _value_problem(value: object) -> str | None:
    """None for what a header may say (RFC 9110 5.5), else what is wrong."""
    if isinstance(value, str) and _VALUE.fullmatch(value):
        return None
    return f"{value!r} can't stand in a header; it is Latin-1 without line breaks, of at most 2000 signs"


def _with_retry_after(draft: Draft, seconds: float, how: str, context: Context) -> Draft:
    """The draft with Retry-After (RFC 9110 10.2.3), rounded up, unless it is to be left out."""
    whole = math.ceil(seconds - 1e-6)
    text = http_date(context.now + whole) if how == "date" else str(whole)
    return draft.with_header("Retry-After", None if how == "none" else text)


def _ending(draft: Draft) -> Draft:
    """The draft, after which the connection ends: where the answer ends can't be seen."""
    if draft.plan.ending != "keep":
        return draft
    return draft._replace(plan=draft.plan._replace(ending="close_notify"))


# -- layers ------------------------------------------------------------------------------------------------------

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


# -- refusals ----------------------------------------------------------------------------------------------------

_MOST_BUCKETS: Final = 10_000
"""How many clients `rate_limit` tells apart; the one that was first seen is forgotten for one more."""
_SLACK: Final = 1e-9
_lock = threading.Lock()
"""A look into a bucket and the taking of a token are one step for every caller."""


class _Buckets(dict[bytes, tuple[float, float]]):
    """(tokens, when there were so many) for each client."""


def _limit_problem(window: float, per: str, **_: object) -> str | None:
    return "window is longer than nothing" if window == 0.0 else _name_problem(per)


@instead(main="limit", check=_limit_problem)
def rate_limit(
    context: Context,
    limit: Annotated[int, between(1, 1_000_000)] = 60,
    window: Duration = 60.0,
    burst: Annotated[int | None, between(1, 1_000_000)] = None,
    retry_after: Duration | None = None,
    retry_after_as: RetryAfterAs = "seconds",
    per: str = "host",
    detail: str = "Too many requests.",
) -> Draft | None:
    """Too many requests in a time are refused.

    A token bucket on the virtual clock: it holds `limit` tokens (or `burst`), a request takes one, and `limit` of
    them come back evenly in each `window`. RFC 6585 4 has the status, RFC 9110 10.2.3 `Retry-After`. Microsoft
    Learn, "What are the Microsoft Entra provisioning logs?", error codes, has TooManyRequests, which is tried again
    later; GitHub rancher/rancher#54870 is a SCIM server that answers so.
    """
    holds = float(limit if burst is None else burst)
    with _lock:
        buckets = context.memory.setdefault("buckets", _Buckets())
        assert isinstance(buckets, _Buckets)
        who = _who(per, context)
        tokens, at = buckets.get(who, (holds, context.now))
        tokens = min(holds, tokens + max(0.0, context.now - at) * limit / window)
        through = tokens >= 1.0 - _SLACK
        buckets[who] = (max(0.0, tokens - 1.0) if through else tokens, context.now)
        if len(buckets) > _MOST_BUCKETS:
            del buckets[next(iter(buckets))]
    if through:
        return None
    wait = max(1.0, (1.0 - tokens) * window / limit) if retry_after is None else retry_after
    return _with_retry_after(context.error(429, detail, None), wait, retry_after_as, context)


def _who(per: str, context: Context) -> bytes:
    """Whose bucket it is. What headers say is not kept: a secret token may be in one."""
    asked = context.asked
    if per == "host":
        name = ""
    elif per == "connector":
        name = asked.connector or ""
    elif per == "operation":
        name = f"{asked.connector or ''}/{asked.operation}"
    else:
        name = asked.header(per) or ""
    return context.chance.digest(f"rate limit\0{name}", 0)


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


def _write_under(status: int, **_: object) -> Write:
    return "not_applied" if status < 500 or status in _REFUSED_UNDONE else "applied"


@on_answer(main="status", write=_write_under)
def http_error(
    _: Draft,
    context: Context,
    status: Annotated[int, between(400, 599)] = 500,
    detail: str | None = None,
    scim_type: str | None = None,
    layer: Literal["stack", "scim", "webapi", "empty", "httpsys", "proxy"] = "stack",
    retry_after: Duration | None = None,
    retry_after_as: RetryAfterAs = "seconds",
) -> Draft:
    """The answer is a refusal with this status.

    The host's stack has several layers (see `Layer`), and each status has one that is likely: SCIM
    errors for what the library refuses, Web API's `{"Message": …}` for authorization, verbs, media types and
    exceptions, nothing but the status where nothing is served, http.sys' page for what never reaches the service,
    and a proxy's page for 502 and 504. What the provisioning service makes of each: Microsoft Learn, "What are the
    Microsoft Entra provisioning logs?", error codes.
    """
    asked = context.asked
    if scim_type is None and status == 409:
        scim_type = "uniqueness"
    if detail is None:
        kind = (asked.header("Content-Type") or "text/plain").partition(";")[0].strip()
        detail = _TEXT.get(status, f"The request failed with status {status}.").format(
            id=asked.id or "", method=asked.method, media_type=kind
        )
    by = _of_stack(status, context) if layer == "stack" else layer
    draft = refusal(status, detail, by, context, scim_type or None)
    if layer == "stack":
        # A status is the whole of this fault; to have http.sys' ending too, name the layer.
        draft = draft.with_header("Connection", None)
    if status == 401:
        challenge = str(context.behaviours.get("unauthorized_challenge", "Bearer"))
        draft = draft.with_header("WWW-Authenticate", challenge or None)
    elif status == 405:
        allowed = [method for method in _METHODS[asked.id is not None] if method != asked.method]
        draft = draft.with_header("Allow", ", ".join(allowed))
    if retry_after is None:
        return draft
    return _with_retry_after(draft, retry_after, retry_after_as, context)


def _stop_reading(after_bytes: int, **_: object) -> UploadPlan:
    return UploadPlan(after_bytes, "answer")


@instead(main="status", closes=True, upload=_stop_reading)
def early_answer(
    context: Context,
    status: Annotated[int, between(400, 599)] = 413,
    after_bytes: Annotated[int, at_least(0)] = 0,
    detail: str | None = None,
    how: How = "close_notify",
) -> Draft:
    """The answer comes while the client still sends the request's body, and the connection ends.

    RFC 9112 9.6: a server that closes after an early answer has to go on reading for a while, or the reset that the
    unread bytes cause takes the answer with it; `how: rst` is a server that does not. RFC 9110 10.1.1: a client that
    waits for 100 Continue gets the answer instead and need not send the body.
    """
    draft: Draft = http_error.function(Draft(status), context, status=status, detail=detail)
    return draft._replace(plan=AS_IS._replace(ending=how))


def _of_stack(status: int, context: Context) -> Layer:
    """The layer that would send it; a behaviour may say another than usual."""
    layer = LAYER_OF.get(status, "scim")
    if context.standard:
        return layer if layer == "proxy" else "scim"  # a service provider: RFC 7644 3.12
    if status == 404 and context.asked.id is None:
        return "empty"  # a path without a route, not a resource that isn't there
    said = {401: "unauthorized_body", 405: "method_not_allowed_body"}.get(status)
    return context.behaviours.get(said, layer) if said else layer  # type: ignore[return-value]  # the table's choices


_STATUSES: Final = (301, 302, 303, 307, 308)
_COUNTER = re.compile(r"([?&])redirected=([0-9]{1,9})")


def _redirect_problem(status: int, location: str | None, **_: object) -> str | None:
    if status not in _STATUSES:
        return f"status is one of {', '.join(map(str, _STATUSES))}, not {status!r}"
    return None if location is None else _value_problem(location)


@on_answer(main="to", write="not_applied", check=_redirect_problem)
def redirect(
    _: Draft,
    context: Context,
    to: Literal["itself", "http", "onward"] = "itself",
    location: str | None = None,
    status: Annotated[int, between(301, 308)] = 307,
) -> Draft:
    """The client is sent elsewhere, or in a circle.

    RFC 9110 15.4. .NET follows up to 50 (HttpClientHandler.MaxAutomaticRedirections), never from https to http
    (Microsoft Learn, WinHttpHandler.AutomaticRedirection); for 301, 302 and 303 a POST becomes a GET.
    """
    target = context.asked.target
    if location is None and to == "http":
        location = f"http://{context.asked.header('Host') or 'localhost'}{target}"
    elif location is None and to == "onward":
        if found := _COUNTER.search(target):
            counted = f"{found[1]}redirected={int(found[2]) + 1}"
            location = target[: found.start()] + counted + target[found.end() :]
        else:
            location = f"{target}{'&' if '?' in target else '?'}redirected=1"
    elif location is None:
        location = target
    if _value_problem(location):
        location = location.encode("ascii", "replace").decode()
    return Draft(status, (("Location", location),), reason="a redirect")


_REMEMBERED: Final = 1 << 20
"""Bytes of a body that `mismatched_response` keeps at most; an answer that is longer passes."""


@on_answer(main="of")
def mismatched_response(
    draft: Draft,
    context: Context,
    of: Literal["previous", "first"] = "previous",
) -> Draft:
    """The answer belongs to another request.

    Of those that the rule matches; the first of them has no other, and gets its own. `previous` is a proxy or a pool of
    connections that is one answer behind (RFC 9112 9.3.2: answers come in the order of the requests), `first` a cache
    that leaves the query out of its key (RFC 9111 4.1).
    """
    own = draft._replace(body=draft.whole_body())
    if len(own.whole_body()) > _REMEMBERED:
        return own
    other = context.memory.get("answer", own)
    assert isinstance(other, Draft)
    if of == "previous" or other is own:
        context.memory["answer"] = own._replace(plan=AS_IS)
    return other._replace(plan=draft.plan, reason="the answer to another request")


# -- headers -----------------------------------------------------------------------------------------------------


def _content_type_problem(value: str, **_: object) -> str | None:
    return _value_problem(value)


@on_answer(main="value", check=_content_type_problem)
def content_type(draft: Draft, _: Context, value: str = "text/html", missing: bool = False) -> Draft:
    """The Content-Type is wrong or missing.

    Microsoft Learn, "Tutorial: Develop and plan provisioning for a SCIM endpoint in Microsoft Entra ID", asks for
    `application/scim+json`; `application/json` usually works. RFC 9110 8.3: without one, a client may guess.
    """
    return draft.with_header("Content-Type", None if missing else value)


_FARTHEST: Final = 1 << 40
_TEN_MORE: Final = {"add": 10}


def _length_problem(says: object) -> str | None:
    number = says.get("add") if isinstance(says, Mapping) and set(says) == {"add"} else says
    right = isinstance(number, int) and not isinstance(number, bool) and abs(number) <= _FARTHEST
    if right and (number != 0 if number is not says else int(number) >= 0):  # type: ignore[call-overload]
        return None
    return f"says is a length, or {{add: how much more or less than the body's}}, not {says!r}"


@on_answer(main="says", closes=True, check=_length_problem)
def content_length(draft: Draft, _: Context, says: object = _TEN_MORE) -> Draft:
    """The Content-Length is too large or too small.

    Too large: the client waits for the rest, and gets the end of the connection (RFC 9112 8: the message is
    incomplete). Too small: it stops in the middle, and takes the rest for garbage, if it looks.
    """
    body = draft.whole_body()
    draft = draft._replace(body=body).with_header("Content-Length", None)
    length = max(0, len(body) + says["add"]) if isinstance(says, Mapping) else says
    assert isinstance(length, int)
    if draft.status in (204, 304) or length == len(body):
        return draft
    return _ending(draft._replace(plan=draft.plan._replace(announced=length)))


_HEAD: Final = 10
"""Bytes of gzip's own header (RFC 1952 2.3)."""
_RESERVED: Final = 0x07
"""A deflate block of the type that does not exist (RFC 1951 3.2.3)."""


def _gzip(body: bytes) -> bytes:
    """The body compressed, without a time in it: the same bytes each time."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    return packer.compress(body) + packer.flush()


@on_answer(main="how")
def bad_gzip(draft: Draft, _: Context, how: Literal["plain", "damaged", "truncated"] = "plain") -> Draft:
    """The header says gzip, and the body is none.

    RFC 9110 8.4.1.3. Clients decode whether or not they asked for it; proxies that forget one of header and body
    make this.
    """
    body = draft.whole_body()
    draft = draft._replace(body=body)
    if not body:
        return draft
    if how == "damaged":
        packed = _gzip(body)
        body = packed[:_HEAD] + bytes((_RESERVED,)) + packed[_HEAD + 1 :]
    elif how == "truncated":
        packed = _gzip(body)
        body = packed[: max(_HEAD, len(packed) // 2)]
    draft = draft._replace(body=body).with_header("Content-Length", None)
    return draft.with_header("Content-Encoding", "gzip")


def _page(title: str, body: str) -> str:
    return f"<!DOCTYPE html><html><head><title>{title}</title></head><body>{body}</body></html>"


_PAGES: Final = {
    "sign_in": _page(
        "Sign in to the network",
        '<h1>Sign in to the network</h1><form method="post" action="/login"><input name="user">'
        '<input name="password" type="password"></form>',
    ),
    "iis": _page("IIS Windows Server", "<h1>Welcome</h1>"),
    "blocked": _page(
        "Access blocked",
        "<h1>Access blocked</h1><p>Your organization's policy does not allow this address.</p>",
    ),
}


@on_answer(main="page", write="not_applied")
def html(
    draft: Draft,
    _: Context,
    page: Literal["sign_in", "iis", "blocked"] = "sign_in",
    body: str | None = None,
    status: Annotated[int, between(200, 599)] = 200,
) -> Draft:
    """A web page comes where JSON is expected.

    With a status of success: a captive portal, an empty IIS, a proxy that blocks. GitHub grokability/snipe-it#14138 is
    a page that the provisioning service got, with what the portal then says. The troubleshooting page of Microsoft
    Learn has an answer by something else than the host among its causes.
    """
    headers: tuple[tuple[str, str], ...] = (("Content-Type", "text/html; charset=utf-8"),)
    if page == "iis" and body is None:
        headers = (*headers, ("Server", "Microsoft-IIS/10.0"))
    content = (_PAGES[page] if body is None else body).encode("utf-8", "replace")
    return Draft(status, headers, content, draft.plan, reason="a page that is not the host's")


def _header_problem(name: str, value: str | None, **_: object) -> str | None:
    if problem := _name_problem(name):
        return problem
    if name.lower() in ("transfer-encoding", "connection"):
        return f"{name} belongs to the server; see malformed_chunk and the other faults of the transport"
    if value is None:
        return None
    if name.lower() == "content-length" and not (value and value.isascii() and value.isdecimal()):
        return f"a Content-Length is a number, not {value!r}"
    return _value_problem(value)


@on_answer(main="name", check=_header_problem)
def duplicate_headers(
    draft: Draft,
    _: Context,
    name: str = "Content-Type",
    value: str | None = None,
    times: Annotated[int, between(2, 100)] = 2,
) -> Draft:
    """A header comes twice.

    RFC 9110 5.3 allows that for lists alone; two different Content-Length are an error that can't be mended (RFC
    9112 6.3), so with these the connection ends.
    """
    if name.lower() == "content-length":
        return _lengths(draft, value, times)
    had = draft.header(name)
    again = had if value is None else value
    if again is None:
        return draft
    headers = draft.headers if had is not None else (*draft.headers, (name, again))
    return draft._replace(headers=(*headers, *(((name, again),) * (times - 1))))


def _lengths(draft: Draft, value: str | None, times: int) -> Draft:
    """The true length first, so that a client that takes the first one gets a whole body."""
    body = draft.whole_body()
    says = str(len(body) + 1) if value is None else value
    lengths = (("Content-Length", str(len(body))), *((("Content-Length", says),) * (times - 1)))
    draft = draft._replace(body=body).with_header("Content-Length", None)
    return _ending(draft._replace(headers=(*draft.headers, *lengths)))
