"""Bodies that connectors of every kind read and write: JSON documents and SCIM messages."""

from __future__ import annotations

from collections.abc import Mapping

import orjson

from mockhost.connectors.contract import Answer
from mockhost.scim import messages
from mockhost.scim.errors import ScimError


def scim(
    status: int,
    document: object,
    behaviours: Mapping[str, object],
    headers: tuple[tuple[str, str], ...] = (),
    native: tuple[str, ...] = (),
) -> Answer:
    """A SCIM message or resource as JSON."""
    kind = ("Content-Type", str(behaviours["scim_content_type"]))
    return Answer(status, (kind, *headers), orjson.dumps(document), native=native)


def scim_error(error: ScimError, behaviours: Mapping[str, object]) -> Answer:
    """A SCIM error (RFC 7644 3.12)."""
    as_what = str(behaviours["error_status_type"])
    body = messages.error_body(error.status, error.detail, error.scim_type, status_as=as_what)
    return scim(error.status, body, behaviours)._replace(reason=error.detail)


def coding_of(given: str | None) -> str:
    """The content coding of a body, which no connector understands (415, RFC 9110 15.5.16); empty: there is none."""
    coding = (given or "").strip()[:40]
    return "" if coding.lower() == "identity" else coding
