"""What connected systems outside of the process have in common: a database's table, a directory's container.

They are waited for without the runtime's lock; the objects in them are their own, or the scenario's; what they refuse
is told in their words, or in those that are published for the connector, with theirs in the journal.
"""

from __future__ import annotations

import operator
import threading
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final, NamedTuple

from mockhost.clock import Chance, fresh_guid
from mockhost.connectors.ecma.config import Column, ConnectorConfig
from mockhost.connectors.ecma.kinds import CODES, ExportError
from mockhost.connectors.systems.described import Changes, Described
from mockhost.connectors.systems.system import ReadError
from mockhost.connectors.tables import Record, Value
from mockhost.errors import CannotRun, UsageError

_LONGEST: Final = 500
_ON_A_FORK: Final = "run 'mockhost check SCENARIO' to play its steps on a host of its own"


class Refusal(NamedTuple):
    """What a driver raised, read: which of a kind's events it is, or None; the driver's words; what it names."""

    event: str | None
    words: str
    code: str
    """the driver's own name of the error"""
    column: str = ""


def clean(words: str, secrets: Iterable[str]) -> str:
    """Words of a driver on one line, without secrets."""
    for secret in secrets:
        words = words.replace(secret, "***")
    line = " ".join(words.split())
    line = "".join(c if c.isprintable() else "?" for c in line)
    return line if len(line) <= _LONGEST else line[: _LONGEST - 1] + "…"


_AHEAD: Final = 64
"""How many known records are looked at for one that was read: those between them are gone."""
_MOST_SHARED: Final = 50_000
"""Records after which it is looked at which columns have values in common."""


class Sharing:
    """Makes the records of an import small: what was read before, and what many of them have, is held once.

    known: records that were read before, about in the same order.
    """

    def __init__(self, columns: Sequence[Column], known: Sequence[Record] = ()) -> None:
        self._known = known
        self._next = 0
        self._read = 0
        texts = (
            at for at, each in enumerate(columns) if each.type in ("string", "reference") and not each.unique
        )
        self._values: list[tuple[int, dict[Value, Value]]] = [(at, {}) for at in texts]

    def of(self, record: Record) -> Record:
        """The known record that is equal, or this one with values that others have, too."""
        known, first = self._known, self._next
        for at in range(first, min(first + _AHEAD, len(known))):
            if known[at] == record and not _differ_in_type(known[at], record):
                self._next = at + 1
                return known[at]
        made = list(record)
        for at, values in self._values:
            made[at] = values.setdefault(made[at], made[at])
        self._read += 1
        if not self._read % _MOST_SHARED:  # a column most of whose values are different is given up
            self._values = [each for each in self._values if len(each[1]) < self._read / 2]
        return tuple(made)


def _differ_in_type(one: Record, other: Record) -> bool:
    """Whether equal records are not the same: true is 1."""
    return any(map(operator.is_not, map(type, one), map(type, other)))


class OutsideSystem(Described):
    """The base of systems outside of the process. Exports, `find` and `snapshot` of one are thread-safe."""

    waits = True

    def __init__(self, page: ConnectorConfig, chance: Chance, *, copied: bool = False) -> None:
        super().__init__(page, chance)
        self.copied = copied
        """whether it belongs to a fork of a mock, which writes only into what it has for itself"""
        self._generated = 0
        self._seen: Any = None
        """the newest change, as the last reading found it"""
        self._count = 0
        self._filling, self._counting = threading.Lock(), threading.Lock()
        self._open(page)

    def _connect(self, page: ConnectorConfig) -> None:
        """Take over where the system is. Raises UsageError; it need not be reached."""
        raise NotImplementedError

    @property
    def may_write(self) -> bool:
        """False for a fork that could not make a copy of its own."""
        raise NotImplementedError

    def _map(self, page: ConnectorConfig) -> None:
        """Take over the columns."""
        raise NotImplementedError

    def _reach(self) -> None:
        """Start what is the mock's own, if it is not started. Raises CannotRun."""

    def _make(self) -> None:
        """Replace what is there by the scenario's objects. Raises ReadError, UsageError."""
        raise NotImplementedError

    def _open(self, page: ConnectorConfig) -> None:
        outside = page.system.outside
        assert outside is not None
        self._connect(page)
        self._map(page)
        self._filled = outside.rows == "keep"

    def prepare(self) -> None:
        """What fails now is tried again with the next import or export, which tell what is wrong."""
        with suppress(ReadError):
            self._fill()

    def _fill(self) -> None:
        """Put the scenario's objects there, if that is still to be done. Raises ReadError, UsageError."""
        with self._filling:
            self._reach()
            if not self._filled and self.may_write:
                self._make()
                self._filled = True

    def _fill_to_read(self) -> None:
        """The same for an import. Raises ReadError."""
        try:
            self._fill()
        except (UsageError, CannotRun) as error:
            raise ReadError(error.message) from None

    def __len__(self) -> int:
        """How many objects there were when they were last read, with the mock's own changes since."""
        return self._count

    def _count_on(self, more: int) -> None:
        with self._counting:
            self._count += more

    def mark(self) -> object:
        return self._seen

    # -- its life -----------------------------------------------------------------------------------------

    def configure(self, page: ConnectorConfig, *, running: bool = False) -> None:
        """Take over a changed page. A connection is the running connector's until it starts again."""
        if running:
            held = self.page.system
            page = self.page._replace(
                system=held._replace(rights=page.system.rights, trouble=page.system.trouble)
            )
        before = self.page.system
        self.describe(page)
        if page.system.outside != before.outside:
            self.close()
            self._open(page)
        elif page.system.columns != before.columns:
            self._map(page)

    def reset(self, page: ConnectorConfig) -> None:
        """Put the scenario's objects back. Raises UsageError where they are the system's own."""
        assert self.page.system.outside is not None
        if self.page.system.outside.rows == "keep":
            own = f"the rows of {self.table_name} are the {self.own_word} own"
            message = f"{self.name}: {own}, so a reset leaves them alone"
            raise UsageError(message, hint="with 'rows: replace' they are the scenario's")
        if not self.may_write:
            raise UsageError(self._not_its_own(), hint=_ON_A_FORK)
        self.configure(page)
        self._generated, self._filled = 0, False

    own_word = "system's"

    def close(self) -> None:
        raise NotImplementedError

    def _not_its_own(self) -> str:
        return f"{self.name}: a copy of the host reads the {self.own_word} data, and does not write it"

    def read_changes(self, changes: Mapping[str, object]) -> Changes:
        found = super().read_changes(changes)
        if not self.may_write:
            raise UsageError(self._not_its_own(), hint=_ON_A_FORK)
        return found

    # -- exports ------------------------------------------------------------------------------------------

    def check_right(self, operation: str) -> None:
        super().check_right(operation)
        if not self.may_write:
            raise ExportError(CODES["other"], f"{self._not_its_own()}. {_ON_A_FORK}", "other")

    def generate(self, column: Column) -> Value:
        """A GUID; None for what the system generates itself on insert."""
        if column.generated != "guid":
            return None
        assert self.page.system.outside is not None
        if self.page.system.outside.rows == "keep":
            return fresh_guid()
        self._generated += 1
        return self.chance.guid(f"{self.name}.{column.name}.insert", self._generated)

    def _give_guids(self, values: dict[str, Value]) -> None:
        for column in self.columns:
            if column.generated == "guid" and values.get(column.name) is None:
                values[column.name] = self.generate(column)

    def _refused(self, refusal: Refusal, values: Mapping[str, Value]) -> ExportError:
        """The error in the published words, where there are any and the system names what they name."""
        reason, words = "other", refusal.words or refusal.code
        if refusal.event is not None:
            known = self.kind.text(refusal.event)
            reason = known.reason
            if not refusal.words or (known.evidence == "documented" and refusal.column):
                value = str(values.get(refusal.column, ""))
                words = self.kind.refusal(
                    refusal.event, column=refusal.column, value=value, table=self.table_name
                ).text
        native = f"{refusal.code}: {refusal.words}" if refusal.words else refusal.code
        return ExportError(CODES[reason], words, reason, native=native)
