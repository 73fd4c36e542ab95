"""What the service makes of an answer that is not the expected one: an error code of its log, and when it tries again.

Sources: Microsoft Learn, "Understanding the provisioning logs", error codes (L); Graph's and users' records where
named. Where a case is not published the row says `inferred`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from mockhost.client.observation import Observation
from mockhost.entra import agent_errors
from mockhost.entra.portal import NOT_SENT, status_name

NEXT_CYCLE = "next cycle"
ESCROW = "escrow"
LOG_PAGE = 'Microsoft Learn, "Understanding the provisioning logs" (error codes)'
_QUOTED = 1_000
INCOMPATIBLE = agent_errors.named("not_scim").code
INCOMPATIBLE_TEXT = (
    "The SCIM endpoint is not fully compatible with the Azure Active Directory SCIM client. Please refer to the Azure "
    "Active Directory SCIM client documentation and adapt the SCIM endpoint to be able to process provisioning requests"
)
"""Its beginning is published (1Password/scim-examples#82); what follows "Please refer to" is not."""


class Code(NamedTuple):
    """An error code of the provisioning log."""

    code: str
    advice: str
    """the recommended action, in our words"""
    again: str = ESCROW
    evidence: str = "documented"
    source: str = LOG_PAGE


class Failure(NamedTuple):
    """Why an operation on a user failed."""

    code: str
    reason: str
    advice: str
    again: str
    evidence: str
    source: str
    retry_after: float | None = None


INVALID_ANCHOR = Code(
    "InvalidAnchor",
    "A user that was created or matched before is gone. Restart the job, so that users are matched again.",
)
DUPLICATE = Code(
    "DuplicateTargetEntries",
    "More than one user of the target has the matching value. Remove the duplicate, or match by another attribute.",
)
NO_MATCHING_VALUE = Code(
    "ImportSkipped",
    "The user has no value for a matching attribute. Give it one, or match by another attribute.",
)
NO_ID = Code(
    INCOMPATIBLE, "The target has to answer a create with the resource and its id.", ESCROW, "inferred"
)
_AGAIN = "It is tried again with the next cycle."
BY_STATUS: Mapping[int, Code] = {
    400: Code(INCOMPATIBLE, "Look at the answer, and adapt the endpoint or the attribute mapping.", ESCROW,
              "documented", "1Password/scim-examples#82"),
    401: Code("Unauthorized", "The target does not accept the secret token for this."),
    403: Code("InsufficientRights", "The credentials are valid, but do not allow this."),
    404: INVALID_ANCHOR,
    405: Code("MethodNotAllowed", "The target does not offer this method."),
    409: Code("Conflict", "Another user of the target has a value that must be unique: change one, or the matching."),
    422: Code("UnprocessableEntity", "The target gave an answer that was not expected."),
    429: Code("TooManyRequests", f"The target is overloaded. {_AGAIN}", NEXT_CYCLE),
    501: Code("NotImplemented", "The target does not offer this."),
}  # fmt: skip
SERVER_ERROR = Code("InternalServerError", f"The target failed. {_AGAIN}", NEXT_CYCLE)
FILTERING = Code(
    "SystemForCrossDomainIdentityManagementServiceIncompatibleFiltering",
    "The target has to find users by the matching attribute, and to answer with an empty list where there is none.",
    ESCROW,
    "inferred",
    "a question on Microsoft Q&A (1185756); for a status of a search",
)
NOT_PARSED = Code(
    INCOMPATIBLE, "The target has to answer with SCIM: a JSON document with its schemas.", ESCROW, "documented",
    f"{LOG_PAGE}; Budibase/budibase#15369",
)  # fmt: skip
SEVERAL = Code(
    "SystemForCrossDomainIdentityManagementMultipleEntriesInResponse",
    "The target has to answer with one resource where one is asked for.",
)
PROTOCOL = Code("WebExceptionProtocolError", f"What came is not HTTP. {_AGAIN}", NEXT_CYCLE)
TIMEOUT = Code("Timeout", f"The target did not answer in time. {_AGAIN}", NEXT_CYCLE)
UNREACHABLE = Code(
    "EndpointUnavailable", f"Look whether the target runs, and at its certificate. {_AGAIN}", NEXT_CYCLE, "inferred",
    "Graph's examples: an agent that cannot read; no code is published for each cause",
)  # fmt: skip
_BY_LOG = {code.code: code for code in (UNREACHABLE, TIMEOUT, PROTOCOL)}
"""Where no whole answer came: by the code that the table of the agent's errors names."""
MAPPING_FAILED = Code("AttributeMappingFailed", "Change the attribute mapping.", ESCROW, "assumed", "ours")


def of_answer(seen: Observation, *, search: bool = False) -> Failure:
    """Why an operation failed by what a client saw of it. search: it was a query with a filter."""
    code = _code(seen, search)
    return failure(code, _reason(seen, code), _retry_after(seen) if code.code == "TooManyRequests" else None)


def failure(code: Code, reason: str = "", retry_after: float | None = None) -> Failure:
    """A failure with the code's advice."""
    return Failure(
        code.code, reason or code.advice, code.advice, code.again, code.evidence, code.source, retry_after
    )


def _code(seen: Observation, search: bool) -> Code:
    if seen.status is None or not seen.complete or seen.ends == "no_answer_within":
        return _BY_LOG[agent_errors.of(seen, ecma=False).log]
    if 200 <= seen.status < 300:
        return NOT_PARSED
    if search and seen.status in (400, 404):
        return FILTERING
    if seen.status >= 500 and seen.status != 501:
        return SERVER_ERROR
    return BY_STATUS.get(seen.status, BY_STATUS[400]._replace(evidence="inferred"))


def _reason(seen: Observation, code: Code) -> str:
    body = seen.text[:_QUOTED]
    if seen.status is None or not seen.complete:
        return NOT_SENT if code is UNREACHABLE else seen.error or seen.describe()
    if code.code == INCOMPATIBLE and 200 <= seen.status < 300:
        return agent_errors.named("not_scim").text.replace("{body}", body)
    head = f"Error: {INCOMPATIBLE_TEXT}; " if code.code == INCOMPATIBLE else ""
    return (
        f"{head}StatusCode: {status_name(seen.status)} Message: Processing of the HTTP request resulted in an "
        "exception. Please see the HTTP response returned by the 'Response' property of this exception for details. "
        f"Web Response: {body}"
    )


def _retry_after(seen: Observation) -> float | None:
    """Seconds of a Retry-After in delay-seconds (RFC 9110 10.2.3); dates are not read."""
    text = (seen.header("retry-after") or "").strip()
    return float(text) if text.isascii() and text.isdecimal() and len(text) < 8 else None
