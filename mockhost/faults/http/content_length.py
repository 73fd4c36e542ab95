"""A Content-Length that is not the body's, after which the connection ends.

Too large: the client waits for the rest, and gets the end of the connection (RFC 9112 8: the message is
incomplete). Too small: it stops in the middle, and takes the rest for garbage, if it looks.
"""

from __future__ import annotations

from collections.abc import Mapping

from mockhost.faults.contract import Context, Draft, Fault, Parameter, Parameters, Seen

_FARTHEST = 1 << 40


def _answer(draft: Draft, parameters: Parameters, _: Context) -> Draft:
    says = parameters["says"]
    body = draft.whole_body()
    draft = draft._replace(body=body).with_header("Content-Length", None)
    if draft.status in (204, 304):
        return draft
    if isinstance(says, Mapping):
        add = says["add"]
        assert isinstance(add, int)
        says = max(0, len(body) + add)
    assert isinstance(says, int)
    if says == len(body):
        return draft
    ending = "close_notify" if draft.plan.ending == "keep" else draft.plan.ending
    return draft._replace(plan=draft.plan._replace(announced=says, ending=ending))


def _judge(parameters: Parameters) -> str | None:
    says = parameters["says"]
    number = says.get("add") if isinstance(says, Mapping) and set(says) == {"add"} else says
    right = isinstance(number, int) and not isinstance(number, bool) and abs(number) <= _FARTHEST
    if right and (number != 0 if number is not says else int(number) >= 0):  # type: ignore[call-overload]
        return None
    return f"says is a length, or {{add: how much more or less than the body's}}, not {says!r}"


FAULT = Fault(
    name="content_length",
    group="http",
    title="The Content-Length is too large or too small",
    seen=Seen(
        wire="Content-Length is ten more than the body has, then the connection ends",
        requests="ChunkedEncodingError: IncompleteRead",
        curl="(18) transfer closed with 10 bytes remaining to read",
        dotnet='HttpRequestException "Error while copying content to a stream." around IOException "The '
        'response ended prematurely, with at least 10 additional bytes expected" (GitHub '
        "2020IP/TwentyTwenty.Storage#46)",
        gets="{status: 200, ends: {any_of: [fin, close_notify]}}",
    ),
    parameters={
        "says": Parameter(
            "value", "A length; or {add: n} to the true one, which may be less than nothing", {"add": 10}
        )
    },
    main="says",
    answer=_answer,
    closes=True,
    judge=_judge,
)
