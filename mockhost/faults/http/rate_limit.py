"""So many requests in so much time, and 429 for what is more.

A token bucket on the virtual clock: it holds `limit` tokens (or `burst`), a request takes one, and `limit` of
them come back evenly in each `window`. RFC 6585 4 has the status, RFC 9110 10.2.3 `Retry-After`. Microsoft
Learn, "What are the Microsoft Entra provisioning logs?", error codes, has TooManyRequests, which is tried again
later; GitHub rancher/rancher#54870 is a SCIM server that answers so.
"""

from __future__ import annotations

import threading
from typing import Final

from mockhost.faults.contract import Context, Draft, Fault, Parameter, Parameters, Seen
from mockhost.faults.http.heads import RETRY_AFTER_AS, name_problem, retry_after

_MOST_BUCKETS: Final = 10_000
"""How many clients are told apart; the one that was first seen is forgotten for one more."""
_SLACK: Final = 1e-9
_lock = threading.Lock()
"""A look into a bucket and the taking of a token are one step, whoever calls."""


class _Buckets(dict[bytes, tuple[float, float]]):
    """(tokens, when there were so many) for each client."""


def _instead(parameters: Parameters, context: Context) -> Draft | None:
    limit, window, burst = parameters["limit"], parameters["window"], parameters["burst"]
    assert isinstance(limit, int)
    assert isinstance(window, float)
    holds = float(burst if isinstance(burst, int) else limit)
    with _lock:
        buckets = context.memory.setdefault("buckets", _Buckets())
        assert isinstance(buckets, _Buckets)
        who = _who(str(parameters["per"]), context)
        tokens, at = buckets.get(who, (holds, context.now))
        tokens = min(holds, tokens + max(0.0, context.now - at) * limit / window)
        through = tokens >= 1.0 - _SLACK
        buckets[who] = (max(0.0, tokens - 1.0) if through else tokens, context.now)
        if len(buckets) > _MOST_BUCKETS:
            del buckets[next(iter(buckets))]
    if through:
        return None
    wait = parameters["retry_after"]
    if not isinstance(wait, float):
        wait = max(1.0, (1.0 - tokens) * window / limit)
    draft = context.error(429, str(parameters["detail"]), None)
    return draft.with_header("Retry-After", retry_after(wait, parameters["retry_after_as"], context))


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


def _judge(parameters: Parameters) -> str | None:
    if parameters["window"] == 0.0:
        return "window is longer than nothing"
    return name_problem(parameters["per"])


FAULT = Fault(
    name="rate_limit",
    group="http",
    title="Too many requests in a time are refused",
    seen=Seen(
        wire="429 with Retry-After and a SCIM error; within the limit the answer as always",
        requests="429; response.raise_for_status() raises HTTPError",
        curl="(0) 429 and the error; (22) with --fail",
        dotnet="HttpResponseMessage.StatusCode is 429, Headers.RetryAfter says how long; the provisioning "
        "logs have TooManyRequests and try again (Microsoft Learn, provisioning logs, error codes)",
        gets='{status: 429, headers: {Retry-After: "5"}}',
    ),
    parameters={
        "limit": Parameter("integer", "How many requests in each window", 60, minimum=1, maximum=1_000_000),
        "window": Parameter("duration", "The time that the limit is for, on the virtual clock", "1m"),
        "burst": Parameter(
            "integer",
            "How many may come at once after a quiet time; default: the limit",
            minimum=1,
            maximum=1_000_000,
        ),
        "retry_after": Parameter(
            "duration", "What Retry-After says; default: the time until the next token, at least a second"
        ),
        "retry_after_as": RETRY_AFTER_AS,
        "per": Parameter(
            "text",
            "Who has a limit of its own: host (all requests that the rule matches share one), connector, "
            "operation, or each value of a header, by its name: Authorization, User-Agent",
            "host",
        ),
        "detail": Parameter("text", "The error's words", "Too many requests."),
    },
    main="limit",
    instead=_instead,
    write="not_applied",
    judge=_judge,
    example={"limit": 2, "window": "10s", "retry_after": "5s"},
)
