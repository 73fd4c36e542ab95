"""PATCH (RFC 7644 3.5.2), as the RFC has it and in every dialect that Microsoft Entra has spoken.

The dialects, from Microsoft Learn, Known issues and resolutions with SCIM 2.0 protocol compliance (heading
"Flags to alter the SCIM behavior") and Develop and plan provisioning for a SCIM endpoint (heading "Update
User"): `op` capitalised; "True" and "False" for booleans; operations without a path whose keys are paths
(`name.givenName`, `urn:…:User:department`); a dot instead of the colon after an extension's URN; a `remove` that
lists what to remove in its value; a `manager` that is a bare string or a list of one; an `add` to a value that
isn't there yet (`emails[type eq "work"].value`), which makes it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, NamedTuple, TypeAlias

from mockhost.matching import ABSENT
from mockhost.scim import elements, values
from mockhost.scim.attributes import (
    AttributeInfo,
    SchemaView,
    fold,
    given,
    key_of,
)
from mockhost.scim.errors import ScimError, shown, syntax_error
from mockhost.scim.filters import comparisons
from mockhost.scim.grammar import AttrPath, Path, parse_path
from mockhost.scim.messages import PATCH_OP

_OPS: Final = ("add", "replace", "remove")
MOST_WORK: Final = 1_000_000
"""Comparisons with the values of attributes that one PATCH may take: it is made while others wait."""


class Work:
    """What several PATCHes may take together: comparisons, and values that are copied. Raises ScimError 413."""

    __slots__ = ("left",)

    def __init__(self, left: int) -> None:
        self.left = left

    def take(self, amount: int) -> None:
        """Count some of it."""
        self.left -= amount
        if self.left < 0:
            detail = "The request is too large: send fewer operations, or fewer values, at a time."
            raise ScimError(413, None, detail)


def apply(
    resource: Mapping[str, object],
    body: object,
    *,
    schema: SchemaView,
    unknown: str = "ignore",
    unmatched: str = "add",
    read_only: str = "refuse",
    several_primary: str = "refuse",
    bare_words: bool = True,
    work: Work | None = None,
) -> dict[str, object]:
    """The wire-shaped `resource` after a PATCH with this body; `resource` itself never changes.

    `unknown`: unknown attributes are ignored ("ignore") or make it fail ("refuse").
    `unmatched`: whether a value path that fits no element makes one: on "add" only, "always" (on replace, too,
    against RFC 7644 3.5.2.3), or "never".
    A read-only attribute is passed over inside a value; a path that names one makes it fail ("refuse") or is
    passed over, too ("ignore"), as `read_only` says.
    `several_primary`: values that become primary at once make it fail ("refuse") or the first of them is ("first").
    `bare_words`: whether a value in the brackets of a path may be without its quotes.
    Raises ScimError 400: invalidSyntax, invalidPath, invalidFilter, invalidValue, noTarget or mutability; 413 for
    one that takes too many comparisons. The detail says which operation it was.
    """
    operations = read_operations(body)
    if work is not None:
        work.take(sum(len(value) for value in resource.values() if isinstance(value, (list, tuple, dict))))
    draft = _Draft(resource, schema, unknown == "refuse", unmatched, read_only, several_primary, bare_words)
    draft.shared = work
    for number, operation in enumerate(operations, start=1):
        try:
            draft.perform(operation)
        except ScimError as error:
            where = f"Operation {number} of {len(operations)}: "
            raise ScimError(error.status, error.scim_type, where + error.detail) from None
    return draft.resource


def _copied(value: object) -> object:
    """A copy of a resource of ours, whose nesting is shallow."""
    if isinstance(value, str):
        return value
    if isinstance(value, Mapping):
        return {key: _copied(item) for key, item in value.items()}
    return [_copied(item) for item in value] if isinstance(value, (list, tuple)) else value


def _assigned(value: object) -> bool:
    """RFC 7643 2.5: null and the empty array are "unassigned"."""
    return value is not None and value != [] and value != {}


_Place: TypeAlias = Literal["path", "key", "inner key"]
"""Where a path stands: it is the operation's own, a key of its value, or one of a schema's object in that."""


class _Draft:
    """A resource on its way through the operations; thrown away when one of them fails."""

    __slots__ = (
        "bare_words",
        "own",
        "read_only",
        "refuse",
        "resource",
        "schema",
        "several_primary",
        "shared",
        "unmatched",
    )

    def __init__(
        self,
        resource: Mapping[str, object],
        schema: SchemaView,
        refuse: bool,
        unmatched: str,
        read_only: str = "refuse",
        several_primary: str = "refuse",
        bare_words: bool = True,
    ) -> None:
        self.resource: dict[str, object] = {key: _copied(value) for key, value in resource.items()}
        self.schema = schema
        self.refuse = refuse
        self.unmatched = unmatched
        self.read_only = read_only
        self.several_primary = several_primary
        self.bare_words = bare_words
        self.own = Work(MOST_WORK)
        self.shared: Work | None = None

    def _look_at(self, values_: int, each: int = 1) -> None:
        """Count comparisons with the values of an attribute. Raises ScimError 413."""
        self.own.take(values_ * each)
        if self.shared is not None:
            self.shared.take(values_ * each)

    # -- what an operation is about --------------------------------------------------------------------------

    def perform(self, operation: Operation) -> None:
        op, value = operation.op, operation.value
        if op != "remove" and value is ABSENT:
            raise ScimError(400, "invalidValue", f"An operation '{op}' needs a value.")
        if operation.path is not None:
            self._at(parse_path(operation.path, bare_words=self.bare_words), op, value)
        elif op == "remove":
            raise ScimError(400, "noTarget", "A remove needs a path that says what to remove.")
        else:
            self._members("", op, value, "key")

    def _members(self, container: str, op: str, value: object, place: _Place) -> None:
        """An object whose keys are attributes, or paths: at the top level, or of an extension."""
        if not isinstance(value, Mapping):
            what = f"for {container}" if container else "without a path"
            raise ScimError(400, "invalidValue", f"The value {what} is an object, not {shown(value)}.")
        for key, item in value.items():
            try:
                path = parse_path(key, bare_words=self.bare_words)
            except ScimError:
                if "[" in key:
                    raise
                self._nobody_has(key)
                continue
            if container and path.attr.urn is None:
                path = path._replace(attr=path.attr._replace(urn=container))
                if fold(key) == "schemas" and self.schema.attribute(path.attr) is None:
                    continue  # "All representations of SCIM schemas" have it (RFC 7643 3): it changes nothing
            self._at(path, op, item, place)

    def _at(self, path: Path, op: str, value: object, place: _Place = "path") -> None:
        if value == [] and op != "remove":
            value = None  # both are "unassigned" (RFC 7643 2.5)
        if op == "add" and value is None:
            return None  # there is nothing to add
        attr = path.attr
        if attr.urn is not None:
            whole = f"{attr.urn}:{attr.name}"
            container = self.schema.container(whole)
            if container is not None and path.sub is None and path.filter is None:
                # A schema within a schema is none: following it would follow a body to any depth.
                return (
                    self._nobody_has(whole)
                    if place == "inner key"
                    else self._at_container(container, op, value)
                )
            if container is not None and path.sub is not None and path.filter is None:
                # The dot that once stood where the colon belongs: `urn:…:enterprise:2.0:User.department`.
                path = Path(AttrPath(whole, path.sub))
        info = self.schema.attribute(path.attr)
        sub = info.sub_attribute(path.sub) if info is not None and path.sub is not None else None
        if info is None or (path.sub is not None and sub is None):
            return self._nobody_has(str(path))
        if info.mutability == "readOnly" or (sub is not None and sub.mutability == "readOnly"):
            if place == "path" and self.read_only == "refuse":
                raise ScimError(400, "mutability", f"The attribute {path} is read-only.")
            return None
        return self._change(path, info, sub, "remove" if value is None else op, value)

    def _nobody_has(self, name: str) -> None:
        if self.refuse:
            raise ScimError(400, "invalidPath", f"There is no attribute {shown(name)}.")

    def _at_container(self, container: str, op: str, value: object) -> None:
        """The URN of a whole schema as a path, or as a key."""
        if op != "remove" and value is not None:
            return self._members(container, op, value, "inner key")
        key = key_of(self.resource, container) if container else None
        if not container:
            raise ScimError(400, "noTarget", "A resource's own schema can't be removed: name an attribute.")
        held = self.resource.get(key) if key is not None else None
        for name in held if isinstance(held, Mapping) else ():
            info = self.schema.attribute(AttrPath(container, name))
            if info is not None and (info.required or info.mutability in ("readOnly", "immutable")):
                raise ScimError(400, "mutability", f"{container} holds {name}, which can't be removed.")
        if key is not None:
            del self.resource[key]
            self._list_schema(container, present=False)
        return None

    def _list_schema(self, urn: str, *, present: bool) -> None:
        """`schemas` names the extensions that a resource has (RFC 7643 3)."""
        key = key_of(self.resource, "schemas")
        listed = self.resource[key] if key is not None else None
        if key is None or not isinstance(listed, list):
            return
        others = [name for name in listed if not (isinstance(name, str) and fold(name) == fold(urn))]
        if present and len(others) == len(listed):
            listed.append(urn)
        elif not present:
            self.resource[key] = others

    # -- what it does there ----------------------------------------------------------------------------------

    def _change(
        self, path: Path, info: AttributeInfo, sub: AttributeInfo | None, op: str, value: object
    ) -> None:
        if info.urn is None:
            return self._change_in(self.resource, path, info, sub, op, value)
        key = key_of(self.resource, info.urn) or info.urn
        held = self.resource.get(key)
        extension = held if isinstance(held, dict) else {}
        had = bool(extension)
        self._change_in(extension, path, info, sub, op, value)
        if extension:
            self.resource[key] = extension
        elif had:
            del self.resource[key]
        if had != bool(extension):
            self._list_schema(info.urn, present=not had)
        return None

    def _change_in(
        self,
        holder: dict[str, object],
        path: Path,
        info: AttributeInfo,
        sub: AttributeInfo | None,
        op: str,
        value: object,
    ) -> None:
        if info.multi_valued:
            self._store(holder, info, self._many(holder, path, info, sub, op, value))
        elif path.filter is not None:
            problem = f"This path is invalid: {info.name} has a single value, brackets choose among several."
            raise ScimError(400, "invalidPath", problem)
        elif info.type == "complex":
            self._store(holder, info, self._complex(_held(holder, info), info, sub, op, value))
        else:
            self._store(holder, info, None if op == "remove" else values.simple(info, value))

    def _store(self, holder: dict[str, object], info: AttributeInfo, value: object) -> None:
        """Put a value into a resource, an extension or a complex value, if its mutability allows."""
        key = key_of(holder, info.name) or info.name
        old = holder.get(key)
        if old == value or not (_assigned(old) or _assigned(value)):
            return
        if info.mutability == "immutable" and _assigned(old):
            if _assigned(value) and _same(info, old, value):
                return
            raise ScimError(
                400, "mutability", f"{info.name} is immutable: it has a value that can't be changed."
            )
        if _assigned(value):
            holder[key] = value
        elif info.required:
            raise ScimError(400, "mutability", f"{info.name} is required: it can't be removed.")
        else:
            del holder[key]

    # -- values ----------------------------------------------------------------------------------------------

    def _complex(
        self, current: object, info: AttributeInfo, sub: AttributeInfo | None, op: str, value: object
    ) -> object:
        """A single complex value after the change: what isn't mentioned stays (RFC 7644 3.5.2.3)."""
        found = dict(current) if isinstance(current, Mapping) else {}
        if sub is not None:
            self._store(found, sub, None if op == "remove" else values.simple(sub, value))
            return found
        if op == "remove":
            return None
        value = values.single(info, value)
        if not isinstance(value, Mapping):
            # A manager's id alone: nothing of what the old one had still holds. Empty: there is none any more.
            return values.element(info, value, self.refuse) if value != "" else None
        if info.sub_attribute("value") is not None and given(value, "value") == "":
            return None
        for name, item in value.items():
            part = values.part(info, name, self.refuse)
            if part is not None and (item is not None or op == "replace"):
                self._store(found, part, None if item is None else values.simple(part, item))
        return found

    # -- several values --------------------------------------------------------------------------------------

    def _many(
        self,
        holder: Mapping[str, object],
        path: Path,
        info: AttributeInfo,
        sub: AttributeInfo | None,
        op: str,
        value: object,
    ) -> list[object]:
        """The values of a multi-valued attribute after the change."""
        held = _held(holder, info)
        current = held if isinstance(held, list) else [held] if held is not None else []
        self._look_at(len(current), 1 if path.filter is None else comparisons(path.filter))
        if sub is not None or path.filter is not None:
            return self._chosen(current, path, info, sub, op, value)
        if op == "add":
            after = elements.added(info, current, values.elements(info, value, self.refuse))
            return elements.one_primary(info, current, after, several=self.several_primary)
        if op == "replace":
            made = values.elements(info, value, self.refuse)
            return elements.one_primary(info, (), made, several=self.several_primary)
        if value is ABSENT or value is None:
            return []
        named = values.elements(info, value, self.refuse)
        if not named and value != []:
            raise ScimError(400, "invalidValue", f"The value names nothing of {info.name} to remove.")
        return elements.removed(info, current, named)

    def _chosen(
        self,
        current: list[object],
        path: Path,
        info: AttributeInfo,
        sub: AttributeInfo | None,
        op: str,
        value: object,
    ) -> list[object]:
        """`emails[type eq "work"].value`, `emails[…]`, or `emails.value`, which means that of all of them."""
        for name in () if path.filter is None else elements.names_in(path.filter):
            known = info.sub_attribute(name) if info.type == "complex" else fold(name) == "value"
            if not known:
                self._nobody_has(f"{info.name}.{name}")
                return current
        fits = elements.chosen_by(info, path)
        chosen = {i for i, element in enumerate(current) if fits(element)}
        if op == "remove":
            kept = [self._changed(element, info, sub, op, None) if i in chosen else element
                    for i, element in enumerate(current)]  # fmt: skip
            return [element for element in kept if element is not None and element != {}]
        after = list(current)
        if not chosen:
            after.append(self._made(path, info, op))
            chosen = {len(current)}
            op = "add"
        for i in chosen:
            after[i] = self._changed(after[i], info, sub, op, value)
        if len(after) > len(current) and not fits(after[-1]):
            raise ScimError(400, "invalidValue", f"The value contradicts the brackets of {shown(str(path))}.")
        return elements.one_primary(info, current, after, several=self.several_primary)

    def _changed(
        self, element: object, info: AttributeInfo, sub: AttributeInfo | None, op: str, value: object
    ) -> object:
        """One chosen element after the change; None when it goes."""
        if sub is not None:
            found = dict(element) if isinstance(element, Mapping) else {}
            self._store(found, sub, None if op == "remove" else values.simple(sub, value))
            return found
        if op == "remove":
            return None
        made = values.element(info, values.single(info, value), self.refuse)
        if op == "replace" or not isinstance(element, Mapping) or not isinstance(made, Mapping):
            return made  # "all matching record values SHALL be replaced" (RFC 7644 3.5.2.3)
        found = dict(element)
        for name, item in made.items():
            part = info.sub_attribute(name)
            assert part is not None  # elements are made of sub-attributes only
            self._store(found, part, item)
        return found

    def _made(self, path: Path, info: AttributeInfo, op: str) -> dict[str, object]:
        """The element that the brackets describe, where there is none."""
        parts = elements.described(path.filter)
        # Without brackets there is nothing to fit: an attribute that isn't there is added (RFC 7644 3.5.2.3).
        allowed = path.filter is None or self.unmatched == "always" or (op, self.unmatched) == ("add", "add")
        if parts is None or not allowed or info.type != "complex":
            raise ScimError(400, "noTarget", f"No value of {info.name} fits the path {shown(str(path))}.")
        made: dict[str, object] = {}
        for name, value in parts.items():
            part = info.sub_attribute(name)
            assert part is not None  # unknown names were handled before
            made[part.name] = values.simple(part, value)
        return made


def _held(holder: Mapping[str, object], info: AttributeInfo) -> object:
    key = key_of(holder, info.name)
    return None if key is None else holder[key]


def _same(info: AttributeInfo, old: object, new: object) -> bool:
    return elements.comparable(old, info.case_exact) == elements.comparable(new, info.case_exact) is not None


# -- the message --


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
        raise syntax_error(f"a PATCH takes a JSON object with Operations, not {shown(body)}")
    schemas, operations = given(body, "schemas"), given(body, "Operations")
    if schemas is not ABSENT and not (
        isinstance(schemas, (list, tuple))
        and any(isinstance(s, str) and fold(s) == _MESSAGE for s in schemas)
    ):
        raise syntax_error(f"'schemas' of a PATCH names {PATCH_OP}")
    if not isinstance(operations, (list, tuple)):
        raise syntax_error("a PATCH has a member 'Operations', which is an array")
    return [_read_operation(item, number, len(operations)) for number, item in enumerate(operations, start=1)]


_MESSAGE: Final = fold(PATCH_OP)


def _read_operation(item: object, number: int, count: int) -> Operation:
    where = f"Operation {number} of {count}"
    if not isinstance(item, Mapping):
        raise syntax_error(f"{where} is {shown(item)}, not an object with op, path and value")
    op, path = given(item, "op"), given(item, "path")
    if not isinstance(op, str) or op.lower() not in _OPS:
        problem = "has no op" if op is ABSENT else f"has the op {shown(op)}"
        raise syntax_error(f"{where} {problem}; there are add, replace and remove")
    if path is ABSENT or path is None or path == "":
        return Operation(op.lower(), None, given(item, "value"))
    if not isinstance(path, str):
        raise ScimError(400, "invalidPath", f"{where}: a path is a string, not {shown(path)}.")
    return Operation(op.lower(), path, given(item, "value"))
