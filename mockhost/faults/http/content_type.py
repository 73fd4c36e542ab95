"""A Content-Type that is not the body's, or none.

Microsoft Learn, "Tutorial: Develop and plan provisioning for a SCIM endpoint in Microsoft Entra ID", asks for
`application/scim+json`; `application/json` usually works. RFC 9110 8.3: without one, a client may guess.
"""

from __future__ import annotations

from mockhost.faults.contract import Context, Draft, Fault, Parameter, Parameters, Seen
from mockhost.faults.http.heads import value_problem


def _answer(draft: Draft, parameters: Parameters, _: Context) -> Draft:
    return draft.with_header("Content-Type", None if parameters["missing"] else str(parameters["value"]))


def _judge(parameters: Parameters) -> str | None:
    return value_problem(parameters["value"])


FAULT = Fault(
    name="content_type",
    group="http",
    title="The Content-Type is wrong or missing",
    seen=Seen(
        wire="Content-Type: text/html, or none; the body stays as it is",
        requests="200; response.json() gives the document, whatever the header says",
        curl="(0) the body as it came",
        dotnet="HttpClient reports 200; HttpContent.ReadAsAsync of Web API's client finds no formatter and "
        "raises UnsupportedMediaTypeException (GitHub aspnet/AspNetWebStack, HttpContentExtensions)",
        gets="{status: 200, headers: {Content-Type: text/html}}",
    ),
    parameters={
        "value": Parameter("text", "What it says", "text/html"),
        "missing": Parameter("boolean", "Whether it is left out", False),
    },
    main="value",
    answer=_answer,
    judge=_judge,
)
