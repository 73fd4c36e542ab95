"""A redirect instead of an answer: to the same address again, to plain HTTP, ever on, or anywhere.

RFC 9110 15.4. .NET follows up to 50 (HttpClientHandler.MaxAutomaticRedirections), never from https to http
(Microsoft Learn, WinHttpHandler.AutomaticRedirection); for 301, 302 and 303 a POST becomes a GET.
"""

from __future__ import annotations

import re

from mockhost.faults.contract import Context, Draft, Fault, Parameter, Parameters, Seen
from mockhost.faults.http.heads import value_problem

_STATUSES = (301, 302, 303, 307, 308)
_COUNTER = re.compile(r"([?&])redirected=([0-9]{1,9})")


def _location(parameters: Parameters, context: Context) -> str:
    if parameters["location"] is not None:
        return str(parameters["location"])
    target = context.asked.target
    if parameters["to"] == "http":
        return f"http://{context.asked.header('Host') or 'localhost'}{target}"
    if parameters["to"] == "onward":
        if found := _COUNTER.search(target):
            return f"{target[: found.start()]}{found[1]}redirected={int(found[2]) + 1}{target[found.end() :]}"
        return f"{target}{'&' if '?' in target else '?'}redirected=1"
    return target


def _answer(_: Draft, parameters: Parameters, context: Context) -> Draft:
    status = parameters["status"]
    assert isinstance(status, int)
    location = _location(parameters, context)
    if value_problem(location):
        location = location.encode("ascii", "replace").decode()
    return Draft(status, (("Location", location),), reason="a redirect")


def _judge(parameters: Parameters) -> str | None:
    if parameters["status"] not in _STATUSES:
        return f"status is one of {', '.join(map(str, _STATUSES))}, not {parameters['status']!r}"
    return None if parameters["location"] is None else value_problem(parameters["location"])


FAULT = Fault(
    name="redirect",
    group="http",
    title="The client is sent elsewhere, or in a circle",
    seen=Seen(
        wire="307 with Location, without a body",
        requests="TooManyRedirects: Exceeded 30 redirects.",
        curl="(0) 307 and no body; (47) with --location",
        dotnet="Assumed: HttpClient follows 50 times (HttpClientHandler.MaxAutomaticRedirections) and "
        "reports 307; a redirect from https to http is not followed (Microsoft Learn, "
        "WinHttpHandler.AutomaticRedirection)",
        gets="{status: 307, headers: {Location: {contains: /scim/Users}}}",
    ),
    parameters={
        "to": Parameter(
            "choice",
            "itself: the same address, a circle; http: the same without TLS; onward: ever another address, "
            "by a query key that counts",
            "itself",
            choices=("itself", "http", "onward"),
        ),
        "location": Parameter("text", "Instead: what Location says"),
        "status": Parameter("integer", "301, 302, 303, 307 or 308", 307, minimum=301, maximum=308),
    },
    main="to",
    answer=_answer,
    write="not_applied",
    judge=_judge,
)
