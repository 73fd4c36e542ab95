"""The answer stops: before its first byte, or after the head and some of the body; the connection stays open.

Nothing comes until the client gives up, hangs are released, or the time that was set is over. Then the rest follows.
"""

from __future__ import annotations

from mockhost.faults.contract import Context, Draft, Fault, Parameter, Parameters, Seen
from mockhost.faults.transport.cuts import AFTER_BYTES, planned


def _answer(draft: Draft, parameters: Parameters, _: Context) -> Draft:
    lasts = parameters["for"]
    if parameters["before"] == "headers":
        return planned(draft, hang="headers", hang_for=lasts)
    after = parameters["after_bytes"] or 0
    return planned(draft, hang="body", hang_for=lasts, after_bytes=after, after_fraction=None)


def _judge(parameters: Parameters) -> str | None:
    if parameters["after_bytes"] and parameters["before"] == "headers":
        return "after_bytes belongs to {before: body}: before the headers there is no body"
    return None


FAULT = Fault(
    name="hang",
    group="transport",
    title="The answer never comes, or stops in the middle",
    seen=Seen(
        wire="Nothing, and the connection stays open; with before: body the head and so much of the body",
        requests="ReadTimeout: Read timed out or ConnectionError: Read timed out",
        curl="(28) Operation timed out",
        dotnet='TaskCanceledException "The request was canceled due to the configured HttpClient.Timeout of '
        '100 seconds elapsing." (GitHub dotnet/runtime, System.Net.Http, Strings.resx)',
        gets="{ends: {no_answer_within: 500ms}}",
    ),
    parameters={
        "before": Parameter(
            "choice",
            "headers: nothing is sent; body: the head is, and after_bytes of the body",
            "headers",
            choices=("headers", "body"),
        ),
        "after_bytes": AFTER_BYTES._replace(
            description="With `before: body`: how many bytes of the body are sent before it stops"
        ),
        "for": Parameter(
            "duration", "How long, on the wall; default: until the client leaves or hangs are released"
        ),
    },
    main="for",
    answer=_answer,
    judge=_judge,
    example={"before": "headers"},
)
