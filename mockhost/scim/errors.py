"""The errors that a client gets: SCIM errors (RFC 7644 3.12)."""

from __future__ import annotations

from typing import Final

from mockhost.errors import ProtocolAnswer

ERROR: Final = "urn:ietf:params:scim:api:messages:2.0:Error"

_LONGEST_SHOWN = 60


class ScimError(ProtocolAnswer):
    """An answer with a status, perhaps a `scimType`, and a detail in words.

    `detail` says what was wrong, where (column, operation) and what to try. Whatever a client sent can be
    quoted in it: what UTF-8 can't carry is escaped, so that an error can always be written to the wire.
    `native` is what the application behind a connector said itself, for the journal.
    """

    def __init__(self, status: int, scim_type: str | None, detail: str, native: tuple[str, ...] = ()) -> None:
        if not detail.isascii():
            detail = detail.encode("utf-8", "backslashreplace").decode("utf-8")
        super().__init__(detail)
        self.status = status
        self.scim_type = scim_type
        self.detail = detail
        self.native = native

    def body(self, *, status_as: str = "string") -> dict[str, object]:
        """The error as JSON-ready data; `status_as` as for `error_body`."""
        return error_body(self.status, self.detail, self.scim_type, status_as)


def syntax_error(problem: str) -> ScimError:
    """The 400 for a body that is not a request: `invalidSyntax`."""
    return ScimError(400, "invalidSyntax", f"The request is invalid: {problem}.")


def error_body(
    status: int, detail: str | None, scim_type: str | None = None, status_as: str = "string"
) -> dict[str, object]:
    """An Error message: `schemas`, `scimType`, `detail`, `status` in this order, without what is None.

    RFC 7644 3.12 writes `status` as a string; AzureAD/SCIMReferenceCode serialises it as a number
    (`status_as="number"`).
    """
    body: dict[str, object] = {"schemas": [ERROR]}
    if scim_type is not None:
        body["scimType"] = scim_type
    if detail is not None:
        body["detail"] = detail
    body["status"] = status if status_as == "number" else str(status)
    return body


def shown(value: object) -> str:
    """`value` as an error quotes it: strings in single quotes and cut short, containers by their kind only.

    It never looks inside a container, so that no nesting of a body can make an error fail.
    """
    if isinstance(value, str):
        text = value if len(value) <= _LONGEST_SHOWN else f"{value[:_LONGEST_SHOWN]}…"
        return f"'{text}'"
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, (list, tuple)):
        return "an array"
    if isinstance(value, int) and value.bit_length() > 128:
        return "a very long number"
    if isinstance(value, (int, float)):
        return str(value)
    return "something that is not JSON"
