"""A header that comes twice, with the same or another value.

RFC 9110 5.3 allows that for lists alone; two different Content-Length are an error that can't be mended (RFC
9112 6.3), so with these the connection ends.
"""

from __future__ import annotations

from mockhost.faults.contract import Context, Draft, Fault, Parameter, Parameters, Seen
from mockhost.faults.http.heads import name_problem, value_problem


def _answer(draft: Draft, parameters: Parameters, _: Context) -> Draft:
    name, value, times = str(parameters["name"]), parameters["value"], parameters["times"]
    assert isinstance(times, int)
    if name.lower() == "content-length":
        return _lengths(draft, value, times)
    had = draft.header(name)
    again = str(value) if value is not None else had
    if again is None:
        return draft
    headers = draft.headers if had is not None else (*draft.headers, (name, again))
    return draft._replace(headers=(*headers, *(((name, again),) * (times - 1))))


def _lengths(draft: Draft, value: object, times: int) -> Draft:
    """The true length first, so that a client that takes the first one gets a whole body."""
    body = draft.whole_body()
    says = str(value) if value is not None else str(len(body) + 1)
    lengths = (("Content-Length", str(len(body))), *((("Content-Length", says),) * (times - 1)))
    draft = draft._replace(body=body).with_header("Content-Length", None)
    ending = "close_notify" if draft.plan.ending == "keep" else draft.plan.ending
    return draft._replace(headers=(*draft.headers, *lengths), plan=draft.plan._replace(ending=ending))


def _judge(parameters: Parameters) -> str | None:
    name, value = str(parameters["name"]), parameters["value"]
    if problem := name_problem(name):
        return problem
    if name.lower() in ("transfer-encoding", "connection"):
        return f"{name} belongs to the server; see malformed_chunk and the other faults of the transport"
    if value is None:
        return None
    if name.lower() == "content-length" and not (value and str(value).isascii() and str(value).isdecimal()):
        return f"a Content-Length is a number, not {value!r}"
    return value_problem(value)


FAULT = Fault(
    name="duplicate_headers",
    group="http",
    title="A header comes twice",
    seen=Seen(
        wire="Two lines Content-Type",
        requests="200; response.headers has both values, joined by a comma",
        curl="(0) the body as it came",
        dotnet="Assumed: HttpClient keeps the first Content-Type and reports 200; of two different "
        "Content-Length it raises HttpRequestException",
        gets="{status: 200, headers: {Content-Type: {matches: ', application/scim'}}}",
    ),
    parameters={
        "name": Parameter("text", "Which header", "Content-Type"),
        "value": Parameter(
            "text", "What the others say; default: the same, for Content-Length one more than the body has"
        ),
        "times": Parameter("integer", "How often it comes", 2, minimum=2, maximum=100),
    },
    main="name",
    answer=_answer,
    judge=_judge,
)
