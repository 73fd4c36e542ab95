"""The message of a PATCH: its operations, whatever the case of their names (RFC 7644 3.5.2)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from mockhost.matching import ABSENT
from mockhost.scim.attributes import fold, given
from mockhost.scim.errors import ScimError, shown
from mockhost.scim.messages import PATCH_OP

_OPS: Final = ("add", "replace", "remove")


class Operation(NamedTuple):
    """One operation of a PATCH: `op` in lower case, `path` None when absent or empty, `value` perhaps ABSENT."""

    op: str
    path: str | None
    value: object


def read_operations(body: object) -> list[Operation]:
    """The operations of a PatchOp message, names in any case; none is fine (Microsoft's SCIM Validator).

    Raises ScimError 400 `invalidSyntax` where the body is no such message.
    """
    if not isinstance(body, Mapping):
        raise _syntax(f"a PATCH takes a JSON object with Operations, not {shown(body)}")
    schemas, operations = given(body, "schemas"), given(body, "Operations")
    if schemas is not ABSENT and not (
        isinstance(schemas, (list, tuple)) and any(isinstance(s, str) and fold(s) == _FOLDED for s in schemas)
    ):
        raise _syntax(f"'schemas' of a PATCH names {PATCH_OP}")
    if not isinstance(operations, (list, tuple)):
        raise _syntax("a PATCH has a member 'Operations', which is an array")
    return [_read_operation(item, number, len(operations)) for number, item in enumerate(operations, start=1)]


_FOLDED: Final = fold(PATCH_OP)


def _read_operation(item: object, number: int, count: int) -> Operation:
    where = f"Operation {number} of {count}"
    if not isinstance(item, Mapping):
        raise _syntax(f"{where} is {shown(item)}, not an object with op, path and value")
    op, path = given(item, "op"), given(item, "path")
    if not isinstance(op, str) or op.lower() not in _OPS:
        problem = "has no op" if op is ABSENT else f"has the op {shown(op)}"
        raise _syntax(f"{where} {problem}; there are add, replace and remove")
    if path is ABSENT or path is None or path == "":
        return Operation(op.lower(), None, given(item, "value"))
    if not isinstance(path, str):
        raise ScimError(400, "invalidPath", f"{where}: a path is a string, not {shown(path)}.")
    return Operation(op.lower(), path, given(item, "value"))


def _syntax(problem: str) -> ScimError:
    return ScimError(400, "invalidSyntax", f"The request is invalid: {problem}.")
