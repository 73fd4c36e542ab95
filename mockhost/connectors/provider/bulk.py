"""Bulk: many operations in one request, which may refer to what others of them make (RFC 7644 3.7).

Every POST is promised its id before anything happens, so that references, circular ones too (3.7.1), are known from
the start. An operation is done after those that make what it refers to, as far as that is possible.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple, Protocol

from mockhost.connectors.provider.config import ProviderConfig
from mockhost.connectors.provider.documents import check_message
from mockhost.connectors.provider.strictness import Strictness
from mockhost.errors import MockhostError
from mockhost.scim.attributes import given, member
from mockhost.scim.errors import ScimError, shown, syntax_error

BULK_REQUEST: Final = "urn:ietf:params:scim:api:messages:2.0:BulkRequest"
BULK_RESPONSE: Final = "urn:ietf:params:scim:api:messages:2.0:BulkResponse"
_METHODS: Final = ("POST", "PUT", "PATCH", "DELETE")
_PREFIX: Final = "bulkId:"
_DEEPEST: Final = 40


class Done(Protocol):
    """What an operation on one resource gives."""

    @property
    def status(self) -> int: ...
    @property
    def version(self) -> str: ...
    @property
    def location(self) -> str: ...


class Target(Protocol):
    """The provider, as far as a bulk needs it."""

    @property
    def config(self) -> ProviderConfig: ...
    @property
    def strictness(self) -> Strictness: ...
    def type_at(self, endpoint: str) -> str | None: ...
    def new_id(self) -> str: ...
    def drop_member(self, member: str) -> None: ...
    def perform(
        self,
        method: str,
        type: str,
        id: str,
        document: object,
        *,
        base: str,
        if_match: str | None,
        coming: Iterable[str],
    ) -> Done | None: ...


class Operation(NamedTuple):
    """One operation, read; `problem` is what is wrong with it, if anything."""

    number: int
    method: str
    bulk_id: str | None
    endpoint: str
    ident: str
    data: object
    version: str | None
    problem: ScimError | None
    needs: frozenset[str]
    """the bulkIds that it refers to"""


def run_bulk(target: Target, body: object, base: str) -> dict[str, object]:
    """The BulkResponse to a BulkRequest. Raises ScimError for the whole: 400 invalidSyntax, 413."""
    if not isinstance(body, Mapping):
        raise syntax_error(f"a bulk takes a JSON object with Operations, not {shown(body)}")
    check_message(body, BULK_REQUEST, target.strictness)
    items, limit = given(body, "Operations"), member(body, "failOnErrors")
    if not isinstance(items, (list, tuple)):
        raise syntax_error("a bulk has a member 'Operations', which is an array")
    if len(items) > target.config.bulk_operations:
        detail = f"A bulk has at most {target.config.bulk_operations} operations, not {len(items)}."
        raise ScimError(413, None, detail)
    if limit is not None and (isinstance(limit, bool) or not isinstance(limit, int) or limit < 0):
        raise syntax_error(f"'failOnErrors' is a whole number, not {shown(limit)}")
    operations = [_read(i, item) for i, item in enumerate(items)]
    _check_bulk_ids(operations)
    return _Run(target, operations, base).answer(limit or 0)


def _check_bulk_ids(operations: Iterable[Operation]) -> None:
    """A bulkId is "unique within a bulk request" (RFC 7644 3.7): otherwise a reference is ambiguous."""
    seen: set[str] = set()
    for operation in operations:
        if operation.bulk_id is not None and operation.bulk_id in seen:
            raise syntax_error(f"the bulkId {shown(operation.bulk_id)} is there more than once")
        if operation.bulk_id is not None:
            seen.add(operation.bulk_id)


class _Run:
    """A bulk on its way."""

    __slots__ = ("base", "failed", "ids", "operations", "target")

    def __init__(self, target: Target, operations: list[Operation], base: str) -> None:
        self.target = target
        self.base = base
        self.operations = operations
        self.ids: dict[str, str] = {}
        """by bulkId: the ids that POSTs were promised"""
        self.failed: set[str] = set()
        for operation in operations:
            if operation.method == "POST" and operation.bulk_id:
                self.ids[operation.bulk_id] = target.new_id()

    def answer(self, limit: int) -> dict[str, object]:
        results: dict[int, dict[str, object]] = {}
        errors = 0
        coming = set(self.ids.values())
        for operation in self._ordered():
            result, failed = self._perform(operation, coming)
            results[operation.number] = result
            if operation.method == "POST" and operation.bulk_id in self.ids:
                coming.discard(self.ids[operation.bulk_id])
            errors += failed
            if limit and errors >= limit:
                break
        for bulk_id in self.ids:
            if bulk_id in self.failed or not any(
                self.operations[number].bulk_id == bulk_id and self.operations[number].method == "POST"
                for number in results
            ):
                self.target.drop_member(self.ids[bulk_id])
        return {"schemas": [BULK_RESPONSE], "Operations": [results[number] for number in sorted(results)]}

    def _ordered(self) -> list[Operation]:
        """Each after those that make what it refers to; in a cycle, the one that was written first begins."""
        made_by = {
            each.bulk_id: each for each in reversed(self.operations) if each.method == "POST" and each.bulk_id
        }
        ordered: list[Operation] = []
        seen: set[int] = set()
        for first in self.operations:
            # Without recursion: a chain of references may be as long as the bulk.
            stack = [(first, iter(sorted(first.needs)))]
            if first.number in seen:
                continue
            seen.add(first.number)
            while stack:
                operation, needs = stack[-1]
                needed = next((made_by[name] for name in needs
                               if name in made_by and made_by[name].number not in seen), None)  # fmt: skip
                if needed is None:
                    ordered.append(operation)
                    stack.pop()
                else:
                    seen.add(needed.number)
                    stack.append((needed, iter(sorted(needed.needs))))
        return ordered

    def _perform(self, operation: Operation, coming: Iterable[str]) -> tuple[dict[str, object], bool]:
        """The operation's part of the response, and whether it has failed."""
        result: dict[str, object] = {"method": operation.method}
        if operation.bulk_id:
            result["bulkId"] = operation.bulk_id
        try:
            done = self._attempt(operation, coming, result)
        except MockhostError as error:
            if not isinstance(error, ScimError):
                raise
            if operation.bulk_id and operation.method == "POST":
                self.failed.add(operation.bulk_id)
            return {**result, "status": str(error.status), "response": error.body()}, True
        if done is None:
            return {**result, "status": "204"}, False
        if done.version:
            result["version"] = done.version
        return {**result, "location": done.location, "status": str(done.status)}, False

    def _attempt(self, operation: Operation, coming: Iterable[str], result: dict[str, object]) -> Done | None:
        if operation.problem is not None:
            raise operation.problem
        type_ = self.target.type_at(operation.endpoint)
        if type_ is None:
            raise ScimError(404, None, f"There is no endpoint {shown(operation.endpoint)}.")
        for name in operation.needs:
            if name not in self.ids:
                raise ScimError(400, "invalidValue", f"No POST of this bulk has the bulkId {shown(name)}.")
            if name in self.failed:
                raise ScimError(409, None, f"The operation with the bulkId {shown(name)} has failed.")
        ident = self._referred(operation.ident)
        if operation.method == "POST":
            ident = self.ids[operation.bulk_id] if operation.bulk_id else self.target.new_id()
        else:
            result["location"] = f"{self.base}/{operation.endpoint}/{ident}"
        data = self._resolved(operation.data, 0)
        return self.target.perform(
            operation.method,
            type_,
            ident,
            data,
            base=self.base,
            if_match=operation.version,
            coming=coming,
        )

    def _referred(self, text: str) -> str:
        return self.ids.get(text.removeprefix(_PREFIX), text) if text.startswith(_PREFIX) else text

    def _resolved(self, value: object, depth: int) -> object:
        """The data with ids for references, in keys' values, paths and filters."""
        if isinstance(value, str) and _PREFIX in value:
            if value.startswith(_PREFIX):
                return self._referred(value)
            for name in sorted(self.ids, key=len, reverse=True):
                value = value.replace(_PREFIX + name, self.ids[name])
            return value
        if depth >= _DEEPEST:
            return value
        if isinstance(value, Mapping):
            return {key: self._resolved(item, depth + 1) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [self._resolved(item, depth + 1) for item in value]
        return value


def _read(number: int, item: object) -> Operation:
    if not isinstance(item, Mapping):
        return Operation(
            number, "", None, "", "", None, None, syntax_error("an operation is an object"), frozenset()
        )
    method, path = member(item, "method"), member(item, "path")
    bulk_id, version, data = member(item, "bulkId"), member(item, "version"), member(item, "data")
    endpoint, _, ident = (path if isinstance(path, str) else "").strip("/").partition("/")
    known = method.upper() if isinstance(method, str) else ""
    problem = None
    if known not in _METHODS:
        problem = syntax_error(
            f"the method of an operation is POST, PUT, PATCH or DELETE, not {shown(method)}"
        )
    elif not endpoint or (known == "POST") is bool(ident):
        what = "an endpoint such as /Users" if known == "POST" else "a resource such as /Users/2819c223"
        problem = syntax_error(f"the path of a {known} is {what}, not {shown(path)}")
    elif known == "POST" and not (isinstance(bulk_id, str) and bulk_id):
        problem = syntax_error("a POST has a bulkId")  # "REQUIRED when 'method' is 'POST'" (RFC 7644 3.7)
    elif known != "DELETE" and data is None:
        problem = syntax_error(f"a {known} has data")
    needs: set[str] = set()
    _references(data, needs, 0)
    if ident.startswith(_PREFIX):
        needs.add(ident.removeprefix(_PREFIX))
    if known == "POST" and isinstance(bulk_id, str):
        needs.discard(bulk_id)  # of itself
    return Operation(
        number,
        known,
        bulk_id if isinstance(bulk_id, str) and bulk_id else None,
        endpoint,
        ident,
        data,
        version if isinstance(version, str) else None,
        problem,
        frozenset(needs),
    )


def _references(value: object, found: set[str], depth: int) -> None:
    """The bulkIds that data refers to: whole values that begin with `bulkId:`."""
    if isinstance(value, str):
        if value.startswith(_PREFIX):
            found.add(value.removeprefix(_PREFIX))
    elif depth < _DEEPEST:
        for item in (
            value.values()
            if isinstance(value, Mapping)
            else value
            if isinstance(value, (list, tuple))
            else ()
        ):
            _references(item, found, depth + 1)
