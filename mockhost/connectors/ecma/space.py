"""The connector space: the host's own copy of the connected system's objects, and the imports that fill it.

It is in memory, filled when the service starts and again by autosync; every query is answered from it and from
nothing else (Microsoft Learn, On-premises application provisioning architecture).
"""

from __future__ import annotations

import base64
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, NamedTuple, TypeAlias

from mockhost.clock import Job, VirtualClock
from mockhost.connectors.ecma.backlog import Backlog, Imported
from mockhost.connectors.ecma.config import ImportConfig
from mockhost.connectors.ecma.kinds import Kind
from mockhost.connectors.ecma.objecttype import ObjectType, meant_by
from mockhost.connectors.systems.system import ReadError, System
from mockhost.connectors.tables import Base, Record, Table, Value
from mockhost.errors import UsageError
from mockhost.scim import filters, grammar
from mockhost.slices import SLICE, Pause, Steps, no_pause, paced

_AT_ONCE = 2_000
"""A search without an index that takes more comparisons is made outside the lock, on a snapshot."""
_FINDS = 100
"""Objects that a delta import looks up from one pause to the next."""


class Found(NamedTuple):
    """A page of a query: how many there are in all, and the records of the page."""

    total: int
    records: list[Record]


Walk: TypeAlias = "Callable[[Pause], Found]"
"""A search that looks at every object of a snapshot."""


class _BrokenOff(Exception):
    """What the import reads is no longer wanted."""


class _Reading:
    """An import that reads the system."""

    def __init__(self, profile: str) -> None:
        self.profile = profile
        self.is_over = False
        """whether it was broken off"""
        self.exported: dict[Value, Record | None] = {}
        """what was exported since it began, by anchor; None: it was deleted"""

    def paused(self, pause: Pause) -> Pause:
        """A pause that also ends the reading once it is broken off."""

        def paused() -> None:
            pause()
            if self.is_over:
                raise _BrokenOff

        return paused


class _What(NamedTuple):
    """What an import is to read, as decided when it began."""

    sees: bool
    """whether it sees the table at all"""
    is_delta: bool
    since: object
    behaviours: Mapping[str, Any]
    """those of the beginning, read only where two objects have one anchor: an answer rests on what was read"""
    known: Sequence[Record]
    """what the last full import read, so that what is the same is held once while the old cache answers"""

    def winner(self, found: Sequence[object]) -> int:
        """Which of the objects with one anchor is imported: they can't all be in the connector space."""
        return -1 if len(found) > 1 and self.behaviours["duplicate_anchor_import"] == "last_wins" else 0


class _Read(NamedTuple):
    """What an import has read."""

    table: Table | None
    """all objects; None: only what changed"""
    changed: Iterable[tuple[Value, list[Record]]]
    """anchors, with the objects that have them now"""
    mark: object


class ConnectorSpace:
    """One connector's objects as the running service knows them."""

    def __init__(
        self,
        name: str,
        config: ImportConfig,
        kind: Kind,
        system: System,
        object_type: ObjectType,
        behaviours: Mapping[str, object],
        clock: VirtualClock,
        backlog: Backlog,
        perform: Callable[[Steps[None]], None],
    ) -> None:
        """perform: does something with the system."""
        self._perform = perform
        self._reading: _Reading | None = None
        """the import that reads the system, if one does"""
        self._on_trial = False
        self.table = self._nothing(system)
        self.importing = False
        self.imports_done = 0
        self.last_import: float | None = None
        """virtual seconds since 1970 at which the last import ended"""
        self.frozen = False
        """whether it stays as it is, whatever is imported and exported"""
        self.emptied = False
        """whether it was emptied and no import has filled it since"""
        self.problem: str | None = None
        """why the last import did nothing, or None if it did its work"""
        self._obstacles: dict[str, str] = {}
        self._started = False
        self._import: Job | None = None
        self._name = name
        self._config = config
        self._kind = kind
        self._system = system
        self._clock = clock
        self._backlog = backlog
        self._jobs: list[Job] = []
        self._mark: object = None
        """up to where the connected system's changes were imported"""
        self._by_id: dict[str, int] | None = None
        self.object_type: ObjectType
        self.behave(object_type, behaviours)

    def behave(self, object_type: ObjectType, behaviours: Mapping[str, object]) -> None:
        """Go on under other behaviours."""
        self.object_type = object_type
        self._behaviours = behaviours
        self._by_id = None

    def __len__(self) -> int:
        return len(self.table)

    @staticmethod
    def _nothing(system: System) -> Table:
        return Table(Base(forms=system.forms))

    # -- imports ------------------------------------------------------------------------------------------

    def start(self) -> None:
        """What happens when the service starts: a full import if there is a run profile for it, then autosync."""
        if self._started:
            return
        self._started = True
        profiles = self._config.profiles
        if "full" in profiles:
            self.begin_import("full")
        elif "delta" in profiles:
            self.begin_import("delta")
        if profiles and self._config.every:
            self._schedule(self._config.every, self._autosync, "autosync")

    def stop(self) -> None:
        """Nothing that was still to be done will happen."""
        for job in self._jobs:
            job.cancel()
        self._jobs.clear()
        self._break_off()
        self.importing = False

    def _schedule(self, seconds: float, action: Callable[[], None], name: str) -> Job:
        now = self._clock.now()
        self._jobs = [job for job in self._jobs if job.at > now and not job.cancelled]
        job = self._clock.schedule(now + seconds, action, f"{self._name}: {name}")
        self._jobs.append(job)
        return job

    def _autosync(self) -> None:
        assert self._config.every is not None
        self.begin_import(self._autosync_profile())
        self._schedule(self._config.every, self._autosync, "autosync")

    def _autosync_profile(self) -> str:
        return "delta" if "delta" in self._config.profiles else "full"

    def synchronise(self) -> None:
        """Import now as autosync does; nothing happens if the connector has no import profile."""
        if self._config.profiles:
            self.begin_import(self._autosync_profile())

    def begin_import(self, profile: str) -> None:
        """Start an import; one that takes no time is done at once. Beside a running one nothing begins.

        Raises UsageError if the connector has no such run profile (Run Profiles page of the wizard).
        """
        profiles = self._config.profiles
        if profile not in profiles:
            known = f"it has {' and '.join(profiles)}" if profiles else "it has no import profile at all"
            raise UsageError(f"connector {self._name} has no run profile for a {profile} import", hint=known)
        if self.importing:
            return
        takes = self._config.full_takes if profile == "full" else self._config.delta_takes
        self.importing = True
        if takes <= 0:
            self._finish_import(profile)
        else:
            action = f"{profile} import"
            self._import = self._schedule(takes, partial(self._finish_import, profile), action)

    def _finish_import(self, profile: str) -> None:
        self._import = None
        self._reading = reading = _Reading(profile)
        self._perform(self._steps(reading))

    def begin_again(self) -> None:
        """Read again, as a fork, what the original was reading."""
        if self._reading is not None:
            self._finish_import(self._reading.profile)

    def _break_off(self) -> None:
        if self._reading is not None:
            self._reading.is_over = True
            self._reading = None

    def _steps(self, reading: _Reading) -> Steps[None]:
        """An import: decided, read, and taken over. One that was broken off changes nothing."""
        problem = next(iter(self._obstacles.values()), None)
        failed: str | None = None
        read: object = None
        if problem is None and not self.frozen and not self._keeps():
            what = self._what(reading.profile)
            try:
                read = yield lambda pause: self._read(what, reading.paused(pause))
            except ReadError as error:
                failed = error.message
            except Exception as error:  # a mistake of ours; the import is over all the same
                if reading.is_over:
                    return
                self.importing, self._reading = False, None
                self.problem = f"the import ended with an internal error: {type(error).__name__}: {error}"
                raise
        if reading.is_over:
            return
        self.importing, self._reading = False, None
        self.problem = problem or failed
        if failed is not None and not (self.imports_done and self._behaviours["failed_import_keeps_cache"]):
            self._clear()
        if isinstance(read, _Read) and not self.frozen:
            self._take_over(read, reading)
        if problem is None:
            self.imports_done += 1
            self.last_import = self._clock.now()
        self._backlog.event(Imported(self._clock.now(), self._name, reading.profile, self.problem, len(self)))

    def _keeps(self) -> bool:
        """Whether an import that may not read leaves the cache as it is."""
        may_not = not self._system.can("read") and self.imports_done > 0
        return may_not and bool(self._behaviours["failed_import_keeps_cache"])

    def _what(self, profile: str) -> _What:
        is_delta = profile == "delta" and self.imports_done > 0 and not self.emptied
        rows = self.table.base.rows
        known = rows if isinstance(rows, list) else ()
        return _What(self._sees_the_table(), is_delta, self._mark, self._behaviours, known)

    def _read(self, what: _What, pause: Pause) -> _Read:
        """What an import reads; a system outside of the process is read without the lock. Raises ReadError."""
        system = self._system
        changed = system.changes(what.since) if what.is_delta else None
        if changed is None:
            table = self._import_all(what, pause) if what.sees else self._nothing(system)
            return _Read(table, (), system.mark() if what.sees else None)
        if not what.sees:
            return _Read(None, (), what.since)
        name, found = self.object_type.anchor, list[tuple[Value, list[Record]]]()
        for anchor in changed:
            found.append((anchor, system.find(name, anchor)))
            if len(found) % _FINDS == 0:
                pause()
        return _Read(None, found, system.mark())

    def _take_over(self, read: _Read, reading: _Reading) -> None:
        """Have what was read, and what was exported since."""
        if read.table is None and self.emptied:
            return  # while the changes were read; only a full import brings everything back
        if read.table is None:
            self._import_changes(read.changed)
        else:
            self.table = read.table
        self._mark = read.mark
        self.emptied = False
        self._by_id = None
        for anchor, record in reading.exported.items():
            rows = self.rows_of_anchor(anchor)
            if record is not None:
                self._put_or_insert(rows, record)
            for row in rows:
                self.table.delete(row)

    def _put_or_insert(self, rows: list[int], record: Record) -> None:
        """Have a record in the first of the rows, which is taken from them, or in a new one."""
        if rows:
            self.table.put(rows.pop(0), record)
        else:
            self.table.insert(record)

    def _sees_the_table(self) -> bool:
        table = self._config.table
        return self._system.can("read") and (
            table is None or table.casefold() == self._system.table_name.casefold()
        )

    def _import_all(self, what: _What, pause: Pause) -> Table:
        table = self._system.snapshot(pause, what.known)
        anchor = self.object_type.anchor_position
        for row in table.find_empty(anchor):
            table.delete(row)
        for rows in table.shared_rows(anchor, changed=self._system.columns[anchor].unique):
            for row in rows:
                if row != rows[what.winner(rows)]:
                    table.delete(row)
        return table

    def _import_changes(self, changed: Iterable[tuple[Value, list[Record]]]) -> None:
        seen = self._behaviours["delta_sees_deletes"]
        by_kind = self._kind.delta_sees_deletes or self._system.sees_deletes
        sees_deletes = by_kind if seen == "by_kind" else seen == "always"
        position, what = self.object_type.anchor_position, self._what("delta")
        for anchor, records in changed:
            rows = self.table.find(position, anchor)
            if records:
                self._put_or_insert(rows, records[what.winner(records)])
            if records or sees_deletes:
                for row in rows:
                    self.table.delete(row)

    # -- what can be wrong with it ------------------------------------------------------------------------

    def import_first(self, takes: float) -> None:
        """Be as after a start of the service: empty, until a first import has ended that takes so many seconds.

        While a first import runs already, nothing changes; a later one is broken off. A connector without an import
        profile keeps what it has.
        """
        if self.importing:
            if self.imports_done == 0:
                return
            if self._import is not None:
                self._import.cancel()
            self._break_off()
        profiles = self._config.profiles
        self.importing = True
        self.imports_done = 0
        if profiles:
            self._clear()
        profile = "full" if "full" in profiles else "delta"
        end = partial(self._finish_import, profile) if profiles else self._end_without_import
        self._import = self._schedule(takes, end, f"{profile} import")

    def _end_without_import(self) -> None:
        self.importing = False
        self._import = None

    def freeze(self, seconds: float | None = None) -> None:
        """Stay as it is from now on, whatever is imported and exported; for good, or for so many virtual seconds."""
        if self.frozen:
            return
        self.frozen = True
        if seconds is not None:
            self._schedule(seconds, self.thaw, "the cache thaws")

    def thaw(self) -> None:
        """Follow again: exports at once, what was missed with the next import."""
        self.frozen = False

    def empty(self) -> None:
        """Lose every object; the next import, whatever its profile, brings them all back."""
        if not self.emptied:
            self.emptied = True
            self._clear()

    def _clear(self) -> None:
        self.table = self._nothing(self._system)
        self._by_id = None

    def fail_imports(self, reason: str, cause: str = "autosync", seconds: float | None = None) -> None:
        """Let every import, scheduled or asked for, end without doing anything; for good, or for so long.

        `reason` is what `problem` says then. `cause` tells apart what keeps imports from working: each is mended on
        its own.
        """
        if cause in self._obstacles:
            return
        self._obstacles[cause] = reason
        if seconds is not None:
            self._schedule(seconds, partial(self.mend_imports, cause), "imports work again")

    def mend_imports(self, cause: str = "autosync") -> None:
        """Let imports work again, from the next one on."""
        self._obstacles.pop(cause, None)

    # -- queries ------------------------------------------------------------------------------------------

    def find(self, query: grammar.Filter | None, start: int, count: int) -> Found | Walk:
        """The objects that match, `count` of them from the `start`-th (from 1) on, and how many there are.

        At once where an index tells or there is little to look at; else a walk over the objects as they are now, which
        needs no lock. Raises ScimError 400 `tooMany`.
        """
        if query is None:
            first = start - 1
            records: list[Record] = []
            if count:
                for _, record in self.table.records(first):
                    records.append(record)
                    if len(records) == count:
                        break
            return Found(len(self.table), records)
        rows = self._indexed(query)
        if rows is not None:
            return _page(self.table, rows, start, count)
        budget = filters.Budget(query, len(self.table))
        if budget.each * len(self.table) <= _AT_ONCE:
            return _page(self.table, self._matching(self.table, query, budget, no_pause), start, count)
        snapshot = self.table.copy()
        return lambda pause: _page(snapshot, self._matching(snapshot, query, budget, pause), start, count)

    def _wanted(self, query: grammar.Filter) -> Callable[[Record], bool]:
        return filters.predicate(query, self.object_type.getter, case_exact=self._case_exact)

    def _case_exact(self, path: grammar.AttrPath) -> bool:
        return self.object_type.case_exact(path.name)

    def _indexed(self, query: grammar.Filter) -> Iterable[int] | None:
        """The rows that match, in order, if an index tells."""
        kind = self.object_type
        for path, value in filters.equalities(query):
            attribute = kind.attribute(path)
            if attribute is not None and attribute.indexed and isinstance(value, str):
                rows = self.table.find(attribute.position, value)
                by_form = attribute.case_exact or attribute.position in self.table.base.forms
                if isinstance(query, grammar.Compare) and not by_form:
                    return rows  # the index compares as the filter does
                wanted = self._wanted(query)
                return (row for row in rows if wanted(self.table.get(row) or ()))
            getter = kind.getter(path)
            if getter is None:
                return ()  # no object has an unknown attribute
            if isinstance(value, str) and self._behaviours["id_case"] == "exact" and getter == kind.id_of:
                found = self.get(value)
                return () if found is None or not self._wanted(query)(found[1]) else (found[0],)
        return None

    def _matching(
        self, table: Table, query: grammar.Filter, budget: filters.Budget, pause: Pause
    ) -> Iterator[int]:
        """The rows that match, in order: by the one column that is asked about, else by all."""
        kind, size = self.object_type, max(1, SLICE // budget.each)
        asked = {kind.column_of(path) for path in filters.paths(query)}
        columns = sorted(column for column in asked if column is not None)
        if len(asked) == len(columns) == 1:
            fits = filters.predicate(query, lambda path: _itself, case_exact=self._case_exact)
            for row, value in paced(table.column(columns[0]), size, pause):
                budget.look_at(value)
                if fits(value):
                    yield row
            return
        wanted = self._wanted(query)
        for row, record in paced(table.records(), size, pause):
            for column in columns:
                budget.look_at(record[column])
            if wanted(record):
                yield row

    def get(self, ident: str) -> tuple[int, Record] | None:
        """Row and record of the object with this SCIM id, or None."""
        derivation = self._behaviours["id_derivation"]
        exact = self._behaviours["id_case"] == "exact"
        if derivation == "guid":
            return self._get_derived(ident.lower())
        text = ident
        if derivation == "base64url":
            try:
                text = base64.urlsafe_b64decode(ident + "=" * (-len(ident) % 4)).decode()
            except ValueError:
                return None
        form = str if exact else str.casefold
        for row in itertools.chain.from_iterable(map(self.rows_of_anchor, meant_by(text))):
            record = self.table.get(row)
            if record is not None and form(self.object_type.id_of(record)) == form(ident):
                return row, record
        return None

    def rows_of_anchor(self, anchor: Value) -> list[int]:
        """The rows whose anchor is this value."""
        return self.table.find(self.object_type.anchor_position, anchor)

    def _get_derived(self, ident: str) -> tuple[int, Record] | None:
        """Ids that can't be turned back into anchors are looked up among all; the look-up is kept."""
        if self._by_id is None:
            id_of = self.object_type.id_of
            self._by_id = {id_of(record): row for row, record in self.table.records()}
        row = self._by_id.get(ident)
        record = None if row is None else self.table.get(row)
        return None if row is None or record is None else (row, record)

    @contextmanager
    def trial(self) -> Iterator[None]:
        """Take back, at the end, whatever was mirrored within."""
        changed: set[int] = set()
        outer, self._on_trial = self._on_trial, True
        try:
            with self.table.trial() as changed_rows:
                try:
                    yield
                finally:
                    changed = changed_rows()
                    self._forget(changed)
        finally:
            self._on_trial = outer
            self._remember(changed)

    def _forget(self, rows: set[int]) -> None:
        """Take rows out of the look-up by ids."""
        if self._by_id is not None:
            for row in rows:
                record = self.table.get(row)
                if record is not None and self._by_id.get(ident := self.object_type.id_of(record)) == row:
                    del self._by_id[ident]

    def _remember(self, rows: set[int]) -> None:
        """Put rows into the look-up by ids."""
        if self._by_id is not None:
            for row in rows:
                record = self.table.get(row)
                if record is not None:
                    self._by_id[self.object_type.id_of(record)] = row

    def note(self, anchor: Value, record: Record | None) -> None:
        """Remember what was exported while an import reads, which may have read what was there before."""
        if self._reading is not None and not self._on_trial:
            self._reading.exported[anchor] = record

    def add(self, record: Record) -> None:
        """Mirror a new object. An import may have brought it already, while it was exported."""
        anchor = record[self.object_type.anchor_position]
        self.note(anchor, record)
        if self.frozen:
            return
        rows = self.rows_of_anchor(anchor) if self._system.waits else []
        if rows:
            self.put(rows[0], record)
        else:
            self._remember({self.table.insert(record)})

    def put(self, row: int, record: Record) -> None:
        """Mirror what was exported."""
        if self.frozen:
            return
        self.table.put(row, record)
        self._remember({row})

    def delete(self, row: int) -> None:
        """Mirror that an object is gone."""
        if not self.frozen:
            self.table.delete(row)

    def snapshot(self) -> Iterator[Record]:
        """Every object as it is at this moment, whatever happens while it is read."""
        return (record for _, record in self.table.copy().records())


def _page(table: Table, rows: Iterable[int], start: int, count: int) -> Found:
    """How many rows there are, and the records of one page."""
    first, last = start - 1, start - 1 + count
    total = 0
    records: list[Record] = []
    for row in rows:
        if first <= total < last:
            records.append(table.get(row) or ())
        total += 1
    return Found(total, records)


def _itself(value: object) -> object:
    return value
