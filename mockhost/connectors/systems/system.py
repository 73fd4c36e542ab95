"""What a connected system is to the ECMA host, and where each kind of one is.

The host's cache and the system know each other's objects by their anchors alone: no row, key or table of one means
anything to the other. An import reads a snapshot, or the anchors of what changed since a mark.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol

from mockhost.clock import Chance
from mockhost.connectors.ecma.config import Column, ConnectorConfig
from mockhost.connectors.ecma.kinds import Kind
from mockhost.connectors.tables import Form, Record, Table, Value
from mockhost.errors import MockhostError, UsageError
from mockhost.slices import Pause, no_pause

if TYPE_CHECKING:
    from mockhost.connectors.kept import Kept

SYSTEMS: dict[str, str] = {
    "memory": "mockhost.connectors.systems.memory:MemorySystem",
    "ldap": "mockhost.connectors.systems.ldap:LdapSystem",
    "sql": "mockhost.connectors.systems.sql:SqlSystem",
}
"""Kind of system -> module:class, which is imported when there is one. It is made from a page and the host's chance."""


class ReadError(MockhostError):
    """An import can't read the system: `message` has its own words."""


class NotThere(UsageError):
    """What a key of a system outside of the process names is not there, or does not fit."""

    def __init__(self, key: str, message: str, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.key = key


class System(Protocol):
    """One target application. It outlives restarts of the service.

    The runtime's lock guards it, unless it `waits`: then exports are made without the lock, several at a time, and
    beside them one import or change at a time.
    """

    waits: bool
    """whether it is outside of the process: then it is used without the lock, but for its columns and `len`"""
    sees_deletes: bool
    """whether `changes` has objects that are gone, whatever the kind of connector makes of them"""
    kind: Kind
    columns: tuple[Column, ...]
    """the last one is that of the DN"""
    position: dict[str, int]
    """column name -> place in a record"""
    forms: dict[int, Form]
    """how values are compared, by place in a record, where it is not by their letters without case"""

    @property
    def table_name(self) -> str: ...
    def __len__(self) -> int:
        """How many objects there are; of a system that `waits`, how many there were when it was last read."""

    def can(self, right: str) -> bool:
        """Whether the connector's account may `read` or `write`."""

    def record(self, values: Mapping[str, Value]) -> Record:
        """A record with values by column name."""

    def values(self, record: Record) -> dict[str, Value]:
        """The filled columns of a record by name."""

    # -- what an import reads

    def prepare(self) -> None:
        """Put the objects of the start there, if the system is outside of the process. Raises UsageError."""

    def snapshot(self, pause: Pause = no_pause, known: Sequence[Record] = ()) -> Table:
        """All objects as they are now, in a table of the caller's own. It may share what never changes.

        A system that `waits` calls `pause` now and then, which may end the reading with an exception.
        known: what an earlier snapshot had; records that are the same may be taken from it.
        This, `changes` and `find` raise ReadError.
        """

    def mark(self) -> object:
        """What `changes` is told to learn of what changed after what was last read."""

    def changes(self, since: object) -> list[Value] | None:
        """The anchors, old and new, of the objects that changed since a mark; None: it is not known."""

    def find(self, column: str, value: object) -> list[Record]:
        """The objects in which a column equals a value, in a lasting order."""

    def objects(self, where: Mapping[str, object] | None = None) -> Iterator[dict[str, Value]]:
        """The objects, or those whose columns equal the given values. Raises UsageError for an unknown column."""

    # -- what a connector exports; each raises ExportError in the application's own words

    def transaction(self) -> AbstractContextManager[None]:
        """In this context everything that is exported is taken back at its end."""

    def generate(self, column: Column) -> Value:
        """The value that the application itself gives a new object; None: it does so on insert."""

    def native(self, operation: str) -> str | None:
        """What an add, modify, delete or password calls, for the journal; None: what the kind of connector does."""

    def add(self, values: dict[str, Value]) -> Record:
        """Insert an object; its record."""

    def modify(self, anchor: Value, changed: Mapping[str, Value]) -> Record:
        """Change columns of the objects with this anchor; the first one's record."""

    def remove(self, anchor: Value) -> None:
        """Delete the objects with this anchor."""

    def set_password(self, anchor: Value, password: str) -> None:
        """Set the initial password of the object with this anchor, in a call of its own."""

    # -- what happens behind the host's back

    def check_change(self, changes: Mapping[str, object]) -> None:
        """Raise UsageError for what `change` cannot do; nothing is changed."""

    def change(self, changes: Mapping[str, object]) -> int:
        """Insert, update and delete as an administrator would; how many objects. Raises UsageError."""

    # -- its life

    def keep(self, kept: Kept) -> None:
        """Take over what was kept of it, and keep what is changed from now on. Raises UsageError."""

    def configure(self, page: ConnectorConfig, *, running: bool = False) -> None:
        """Take over a changed page; `running`: whether its connector goes on with the columns that it has read."""

    def reset(self, page: ConnectorConfig) -> None:
        """Go back to the objects of the start. Raises UsageError, and changes nothing, if it can't."""

    def separate(self) -> None:
        """Become a fork's own: share nothing outside of the process with the original, which keeps what it has.

        What can't be copied is read from now on, and never written. Raises CannotRun.
        """

    def close(self) -> None:
        """Let go of what it holds open. It is not used after that."""


def open_system(page: ConnectorConfig, chance: Chance, *, copied: bool = False) -> System:
    """The system that a connector's page describes, with the objects of the start. Raises UsageError.

    copied: for a fork, which is not to write into what is outside of the process.
    """
    module, _, name = SYSTEMS[page.system.kind].partition(":")
    made: Any = getattr(import_module(module), name)
    system: System = (
        made(page, chance, copied=True) if copied and page.system.outside is not None else made(page, chance)
    )
    return system
