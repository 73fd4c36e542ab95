"""One connector of the running service: what it answers, and what it exports.

Queries are answered from the connector space alone; writes are exported to the connected system first and
mirrored into the space when they succeed (Microsoft Learn, On-premises application provisioning architecture).
Answers here are plain values; `ScimError` says what the client is told when something can't be done.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import NamedTuple, TypeAlias, TypeVar

from mockhost.clock import VirtualClock
from mockhost.connectors.contract import Service
from mockhost.connectors.ecma import dn as dns
from mockhost.connectors.ecma.backlog import Backlog
from mockhost.connectors.ecma.config import EXPORT_PASSWORD, OBJECT_DN, ConnectorConfig
from mockhost.connectors.ecma.kinds import HIDDEN, KINDS, ExportError, export_status
from mockhost.connectors.ecma.objecttype import Given, ObjectType, text_of
from mockhost.connectors.ecma.space import ConnectorSpace, Found
from mockhost.connectors.systems.system import System
from mockhost.connectors.tables import Record, Value, fold
from mockhost.scim import grammar, messages, patch
from mockhost.scim.errors import ScimError
from mockhost.slices import Pause, Steps, Work, at_once, no_pause, performed, within

Perform: TypeAlias = "Callable[[object, Steps[None]], object]"
"""Performs what is done with a system outside of the process: told the system and the steps, under the lock."""
T = TypeVar("T")


def done_at_once(_: object, steps: Steps[None]) -> None:
    """For a host without a lock."""
    at_once(steps)


class Outcome(NamedTuple):
    """What a write did: the id, the record afterwards (None once it is gone), and natively what."""

    id: str
    record: Record | None
    native: tuple[str, ...] = ()


class RunningConnector:
    """A connector as the service runs it: built when the service starts, gone when it stops."""

    def __init__(
        self,
        config: ConnectorConfig,
        system: System,
        behaviours: Mapping[str, object],
        clock: VirtualClock,
        service: Service,
        backlog: Backlog,
        outside: Perform = done_at_once,
    ) -> None:
        self.config = config
        self.service = service
        self.name = config.name
        self.kind = KINDS[config.kind]
        self.system = system
        self.export_type = config.export_type or self.kind.export_type
        self.behaviours = behaviours
        self._outside = outside
        self.object_type = ObjectType(config, system, behaviours)
        self.space = ConnectorSpace(
            config.name,
            config.imports,
            self.kind,
            system,
            self.object_type,
            behaviours,
            clock,
            backlog,
            self.perform,
        )
        if config.dll == "access_denied":
            self.deny_dll()

    def behave(self, behaviours: Mapping[str, object]) -> None:
        """Go on under other behaviours."""
        if behaviours is not self.behaviours:
            self.behaviours = behaviours
            self.object_type = ObjectType(self.config, self.system, behaviours)
            self.space.behave(self.object_type, behaviours)

    def start(self) -> None:
        """Begin the first import and autosync; while the DLL can't be loaded there are none, for it is what imports."""
        if self.config.dll == "loadable":
            self.space.start()

    def perform(self, steps: Steps[None]) -> None:
        """Do something with the system; in its turn and without the lock, if that is outside of the process."""
        if self.system.waits:
            self._outside(self.system, steps)
        else:
            at_once(steps)

    @contextmanager
    def trial(self) -> Iterator[None]:
        """Take back, at the end, every write that is made within: in the cache and in the connected system.

        Nothing of it remains, values that were generated and the delta import's log included, whether or not
        something is raised. It costs what the writes cost. Nothing may be imported within.
        """
        with self.system.transaction(), self.space.trial():
            yield

    def tried(self, steps: Steps[T]) -> Steps[T]:
        """The same of steps whose system is waited for: each export is taken back before the lock is taken again."""
        return within(self.space.trial, steps, lambda work: partial(self._on_trial, work))

    def _on_trial(self, work: Work, pause: Pause) -> object:
        with self.system.transaction():
            return work(pause)

    # -- what can be wrong with it ------------------------------------------------------------------------

    def deny_dll(self) -> None:
        """Take from the service's account the right to load the connector's DLL: no requests, no imports."""
        self.config = self.config._replace(dll="access_denied")
        self.space.fail_imports(self.kind.dll_denied(self.name), "dll")

    def allow_dll(self) -> None:
        """Give the right back. What the connector could not do when the service started, it does now."""
        self.config = self.config._replace(dll="loadable")
        self.space.mend_imports("dll")
        self.space.start()

    def rotate_token(self, token: str) -> None:
        """Ask for another secret token from now on; the service's next start reads the configured one."""
        self.config = self.config._replace(secret_token=token)

    # -- queries ------------------------------------------------------------------------------------------

    def find(self, query: grammar.Filter | None, start: int, count: int) -> Found:
        """A page of the connector space. Raises ScimError 400 `tooMany`."""
        found = self.space.find(query, start, count)
        return found if isinstance(found, Found) else found(no_pause)

    def get(self, ident: str) -> Record:
        """The object with this id. Raises ScimError 404."""
        return self._known(ident)[1]

    def _known(self, ident: str) -> tuple[int, Record]:
        found = self.space.get(ident)
        if found is None:
            raise ScimError(404, None, f"Resource {ident} not found.")
        return found

    # -- writes -------------------------------------------------------------------------------------------

    def create(self, body: object) -> Outcome:
        """Export a new object, waiting for the system. Raises ScimError; so do the next three."""
        return at_once(self.create_steps(body))

    def replace(self, ident: str, body: object) -> Outcome:
        return at_once(self.replace_steps(ident, body))

    def patch(self, ident: str, body: object) -> Outcome:
        return at_once(self.patch_steps(ident, body))

    def delete(self, ident: str) -> Outcome:
        return at_once(self.delete_steps(ident))

    # The same in steps: a system outside of the process keeps only its own client waiting.

    def create_steps(self, body: object) -> Steps[Outcome]:
        """Export a new object. Raises ScimError, with the export's result code where the system refuses."""
        given = self.object_type.given(body)
        values, anchor_name = given.values, self.object_type.anchor
        flow, name = self.config.deprovisioning.disable, self.config.deprovisioning.disable_attribute
        if given.active is not None and flow == "set" and name is not None:
            values[name] = given.active
        with self._exporting():
            self._give_anchor(values)
        anchor = values.get(anchor_name)
        if isinstance(anchor, str) and len(anchor) > messages.LONGEST_ID:
            text = f"The anchor {anchor_name} has {len(anchor)} characters; at most {messages.LONGEST_ID} are allowed."
            raise ScimError(400, "invalidValue", text)
        if anchor is not None and self.space.rows_of_anchor(anchor):
            status = self.behaviours["create_existing_status"]
            assert isinstance(status, int)
            raise ScimError(
                status, "uniqueness", f"An object with the anchor {text_of(anchor)} exists already."
            )
        with self._exporting():
            self._check_dn(values)
            record = yield from self._exported(lambda: self.system.add(values))
        self.space.add(record)
        exported = self.system.values(record)
        second = yield from self._password(given, record)
        first_pass = given.password and self.kind.password_pass == "first"
        if first_pass:
            exported[EXPORT_PASSWORD] = HIDDEN
        native = (self._native("add", record, exported), *(() if first_pass else second))
        return Outcome(self.object_type.id_of(record), record, native)

    def _give_anchor(self, values: dict[str, Value]) -> None:
        name = self.object_type.anchor
        column = self.system.columns[self.object_type.anchor_position]
        if name == OBJECT_DN or values.get(name) not in (None, ""):
            return
        if column.generated or self.behaviours["post_without_anchor"] == "generate":
            values[name] = self.system.generate(column)
        else:
            raise self.kind.missing_anchor(name)

    def _check_dn(self, values: dict[str, Value]) -> None:
        """The rule for DNs at export (troubleshooting page, 'Invalid LDAP style DN error'). Raises ExportError."""
        if self.object_type.dn_is_supplied:
            supplied = values.get(OBJECT_DN)
            if supplied is None and self.object_type.anchor == OBJECT_DN:
                raise self.kind.missing_anchor(OBJECT_DN)
            if supplied is None and self.kind.dn_style == "ldap":
                raise self.kind.missing_attribute(OBJECT_DN)
        else:
            values.pop(OBJECT_DN, None)
            supplied = values.get(self.object_type.anchor) if self.config.dn.is_anchor else None
        if supplied is not None and self.kind.dn_style == "ldap":
            try:
                name = dns.parse(str(supplied))
            except dns.InvalidDN as error:
                raise self.kind.invalid_dn(str(error)) from None
            self._name_by_dn(values, name)

    def _name_by_dn(self, values: dict[str, Value], name: dns.DN) -> None:
        """A directory gives an entry the attribute that names it (RFC 4511 4.7: the RDN's values are added)."""
        by_name = {column.name.casefold(): column for column in self.system.columns}
        for kind, value in name.rdns[0]:
            column = by_name.get(kind.casefold())
            if column is not None and values.get(column.name) is None and isinstance(value, str):
                values[column.name] = (value,) if column.multi_valued else value

    def replace_steps(self, ident: str, body: object) -> Steps[Outcome]:
        """PUT: the attributes given stand, those not given are emptied; anchor and DN stay as they are."""
        row, record = self._known(ident)
        given = self.object_type.given(body)
        self._keep_anchor(record, given.values)
        wanted = {a.name: given.values.get(a.name) for a in self.object_type.attributes}
        return (yield from self._write(row, record, wanted, given))

    def patch_steps(self, ident: str, body: object) -> Steps[Outcome]:
        """PATCH in any dialect; the object is as before unless all of it succeeds."""
        row, record = self._known(ident)
        before = self.object_type.resource(record, "")
        unknown = str(self.behaviours["unknown_attributes"])
        if _work(before, patch.read_operations(body)) > _MOST_WORK:
            raise ScimError(
                413, None, "The request is too large: send fewer operations, or fewer values, at a time."
            )
        after = patch.apply(before, body, schema=self.object_type.patch_schema, unknown=unknown)
        shown_before, shown_after = _extension(before), _extension(after)
        # What the patch leaves alone is the system's own, even a value that no client could write.
        touched = {name: value for name, value in shown_after.items() if shown_before.get(name) != value}
        given = self.object_type.given({**after, messages.ECMA_USER: touched})
        if after.get("active") == before.get("active"):
            given = given._replace(active=None)
        self._keep_anchor(record, given.values)
        wanted = {
            a.name: given.values.get(a.name)
            for a in self.object_type.attributes
            if shown_before.get(a.name) != shown_after.get(a.name)
        }
        return (yield from self._write(row, record, wanted, given))

    def delete_steps(self, ident: str) -> Steps[Outcome]:
        """The delete flow of the Deprovisioning page: none, delete, or set an attribute to false."""
        found = self.space.get(ident)
        if found is None:
            status = self.behaviours["delete_unknown_status"]
            assert isinstance(status, int)
            if status < 300:
                return Outcome(ident, None)
            raise ScimError(status, None, f"Resource {ident} not found.")
        row, record = found
        flow, name = self.config.deprovisioning.delete, self.config.deprovisioning.delete_attribute
        if flow == "delete":
            return (yield from self._remove(row, record))
        if flow == "set" and name is not None:
            return (yield from self._export_change(row, record, {name: False}))
        return Outcome(ident, record)

    def _write(self, row: int, record: Record, wanted: Mapping[str, Value], given: Given) -> Steps[Outcome]:
        """Export what differs from the record; let `active` set the disable flow going."""
        fixed = (self.object_type.anchor, OBJECT_DN)
        position = self.system.position
        changed = {
            name: value
            for name, value in wanted.items()
            if name not in fixed and _differs(record[position[name]], value)
        }
        flow, name = self.config.deprovisioning.disable, self.config.deprovisioning.disable_attribute
        if given.active is not None:
            if flow == "delete" and not given.active:
                return (yield from self._remove(row, record))
            if flow == "set" and name is not None:
                changed.pop(name, None)  # what the client says of `active` is the last word on it
                if record[position[name]] is not given.active:
                    changed[name] = given.active
        outcome = yield from self._export_change(row, record, changed)
        second = yield from self._password(given, record)
        return outcome._replace(native=(*outcome.native, *second))

    def _export_change(self, row: int, record: Record, changed: Mapping[str, Value]) -> Steps[Outcome]:
        if not changed:
            return Outcome(self.object_type.id_of(record), record)
        anchor = record[self.object_type.anchor_position]
        with self._exporting():
            exported = yield from self._exported(lambda: self.system.modify(anchor, changed))
        self.space.note(anchor, exported)
        for at in self._rows_now(row, anchor):
            self.space.put(at, exported)
        return Outcome(
            self.object_type.id_of(exported), exported, (self._native("modify", exported, changed),)
        )

    def _remove(self, row: int, record: Record) -> Steps[Outcome]:
        anchor = record[self.object_type.anchor_position]
        with self._exporting():
            yield from self._exported(lambda: self.system.remove(anchor))
        self.space.note(anchor, None)
        for at in self._rows_now(row, anchor):
            self.space.delete(at)
        return Outcome(self.object_type.id_of(record), None, (self._native("delete", record, {}),))

    def _exported(self, export: Callable[[], T]) -> Steps[T]:
        """Export; without the lock, where the system keeps it waiting."""
        return (yield from performed(export)) if self.system.waits else export()

    def _rows_now(self, row: int, anchor: Value) -> list[int]:
        """Where the cache has the object: an import may have gone by while it was exported."""
        return self.space.rows_of_anchor(anchor) if self.system.waits else [row]

    def _keep_anchor(self, record: Record, values: Mapping[str, Value]) -> None:
        """Anchors and DNs can't be renamed (Microsoft Learn, Known issues for provisioning, On-premises)."""
        anchor = self.object_type.anchor
        held = {anchor: record[self.object_type.anchor_position]}
        names = {OBJECT_DN, anchor} if self.config.dn.is_anchor else {OBJECT_DN}
        if self.object_type.dn_is_supplied:
            held[OBJECT_DN] = self.object_type.dn_of(record)
        for name, value in held.items():
            form = self.system.forms.get(self.system.position[name], fold)
            given, key = values.get(name), dns.name_key if name in names else form
            if given is not None and key(str(given)) != key(str(value)):
                raise ScimError(
                    400, "mutability", f"The attribute {name} can't be changed once the object exists."
                )

    def _password(self, given: Given, record: Record) -> Steps[tuple[str, ...]]:
        """The call that sets a password (known issues page: not in the first export, unless the kind can do that)."""
        if not given.password:
            return ()
        anchor = record[self.object_type.anchor_position]
        with self._exporting():
            yield from self._exported(lambda: self.system.set_password(anchor, given.password))
        return (self._native("password", record, {}),)

    def _native(self, operation: str, record: Record, changed: Mapping[str, Value]) -> str:
        if (own := self.system.native(operation)) is not None:
            return own
        return self.kind.native(
            operation,
            table=self.system.table_name,
            anchor_column=self.object_type.anchor,
            anchor=record[self.object_type.anchor_position],
            changed=changed,
            whole=self.system.values(record),
            dn=self.object_type.dn_of(record),
            export_type=self.export_type,
        )

    @contextmanager
    def _exporting(self) -> Iterator[None]:
        """Turns a connector's export result code into what the client is told (no mapping is published)."""
        try:
            yield
        except ExportError as error:
            status, scim_type = export_status(error.reason, self.behaviours)
            native = (error.native,) if error.native else ()
            # Without a name for it: its traceback would keep this frame, and so the request, until a collection.
            raise ScimError(status, scim_type, f"{error.code}. {error.text}", native) from None


_MOST_WORK = 2_000_000
"""A PATCH that may take more comparisons is refused: it would keep every other client waiting. A thousand values
added one by one are half of that; the provisioning service sends some dozens of operations."""


def _work(resource: Mapping[str, object], operations: Iterable[patch.Operation]) -> int:
    """About how many comparisons a PATCH can take: each of its steps may look at every value there is."""
    steps, values = 0, sum(_count(value) for value in _leaves(_extension(resource)))
    for operation in operations:
        for value in _leaves(operation.value):
            steps += 1
            values += _count(value)
    return steps * values


def _leaves(value: object, depth: int = 2) -> Iterator[object]:
    """The attributes' values in an operation's value, which may be an object of them, or of an extension's."""
    if depth and isinstance(value, Mapping):
        for item in value.values():
            yield from _leaves(item, depth - 1)
    else:
        yield value


def _count(value: object) -> int:
    return len(value) if isinstance(value, list) else 1


def _extension(resource: Mapping[str, object]) -> Mapping[str, object]:
    held = resource.get(messages.ECMA_USER)
    return held if isinstance(held, Mapping) else {}


def _differs(held: Value, wanted: Value) -> bool:
    if held in (None, ()) and wanted in (None, (), ""):
        return False
    return held != wanted or isinstance(held, bool) is not isinstance(wanted, bool)
