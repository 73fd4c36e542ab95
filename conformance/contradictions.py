"""What a suite asks although the RFC or Microsoft says otherwise: each with the words that it contradicts.

An entry excuses nothing: its check is counted as failed and listed with the quote. An entry that no failure needs any
more is reported by the run, so that it goes.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from conformance.checks import Check, Report

PATCH_ANSWER = (
    "On successful completion, the server either MUST return a 200 OK response code and the entire resource within the "
    'response body, subject to the "attributes" query parameter (see Section 3.9), or MAY return HTTP status code 204 '
    "(No Content) and the appropriate response headers for a successful PATCH request."
)
ENTRA, STRICT = "basics/scim", "basics/scim_strict"


class Contradiction(NamedTuple):
    """`check` is a regular expression that is searched for in the check's name."""

    suite: str
    scenario: str
    check: str
    quote: str
    source: str
    therefore: str = ""


CONTRADICTIONS: tuple[Contradiction, ...] = (
    Contradiction(
        "scim-sanity",
        ENTRA,
        r"PATCH /(Users|Groups)/\{id\}( add member| remove members)?$",
        PATCH_ANSWER,
        "RFC 7644 3.5.2",
        "The probe takes nothing but 200, Microsoft's collection “SCIM Tests” nothing but 204; at this strictness it "
        "is 204, at `strict` 200.",
    ),
    Contradiction(
        "differential",
        STRICT,
        r"^create: no schemas ",
        "All representations of SCIM schemas MUST include a non-empty array with value(s) of the URIs supported by "
        "that representation.",
        "RFC 7643 3",
        "scim2-server takes a body without `schemas`; `strict` refuses it, the other levels take it.",
    ),
    Contradiction(
        "differential",
        STRICT,
        r"^patch group: add twice ",
        'Service providers MAY return element objects with the same "value" sub-attribute more than once with a '
        'different "type" sub-attribute (e.g., the same email address may be used for work and home) but SHOULD NOT '
        "return the same (type, value) combination more than once per attribute, as this complicates processing by "
        "the client.",
        "RFC 7643 2.4",
        "scim2-server keeps a member twice that is added twice.",
    ),
)


def contradiction(report: Report, check: Check) -> Contradiction | None:
    """The entry that explains why this check fails, if there is one."""
    for each in CONTRADICTIONS:
        if (each.suite, each.scenario) == (report.suite, report.scenario) and re.search(
            each.check, check.name
        ):
            return each
    return None


def needless(reports: list[Report]) -> list[Contradiction]:
    """Entries for runs that are among the reports and have no failure that needs them."""
    ran = {(report.suite, report.scenario) for report in reports if not report.unavailable}
    needed = {contradiction(report, check) for report in reports for check in report.failures}
    return [each for each in CONTRADICTIONS if (each.suite, each.scenario) in ran and each not in needed]
