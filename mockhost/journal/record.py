"""The bounded record itself: entries go in redacted, the oldest go out, and readers never wait for writers."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable, Iterator, Mapping

from mockhost.journal import verification
from mockhost.journal.entries import OPERATIONS, Connection, Exchange
from mockhost.journal.redaction import Redactor
from mockhost.journal.verification import VerifyResult, Window


class Journal:
    """Exchanges and connections of one epoch, as many as the limits allow.

    `limit` counts exchanges (and connections), `max_bytes` their memory, `body_limit` what is kept of a body;
    `key` is the run's, for fingerprints of credentials. Thread-safe. An exchange belongs to the journal once it
    is added: it is redacted in place, and only `finish` changes it.
    """

    def __init__(
        self,
        *,
        key: bytes,
        limit: int = 1_000,
        max_bytes: int = 32 * 1024 * 1024,
        body_limit: int = 64 * 1024,
    ) -> None:
        self.limit = limit
        self.max_bytes = max_bytes
        self.body_limit = body_limit
        self.epoch = 0
        self.dropped = 0
        """how many exchanges of this epoch are gone for want of room"""
        self.dropped_connections = 0
        self._lock = threading.Lock()
        self._redactor = Redactor(key)
        self._secrets: frozenset[str] = frozenset()
        self._known: frozenset[str] = frozenset()
        self._entries: deque[Exchange] = deque()
        self._connections: deque[Connection] = deque()
        self._size = 0
        self._last = 0
        self._dropped_through = 0

    # ---- exchanges ----

    def add(self, exchange: Exchange) -> bool:
        """Redact and keep an exchange. It gets the next number unless it has one above the last.

        False, and nothing is kept, if it belongs to an earlier epoch: what a reset cut off writes nothing.
        """
        if exchange.epoch < self.epoch:
            return False
        self._redactor.exchange(exchange, self.body_limit)
        with self._lock:
            if exchange.epoch < self.epoch:
                return False
            if exchange.number <= self._last:
                exchange.number = self._last + 1
            self._last = exchange.number
            self._entries.append(exchange)
            self._size += exchange.size
            if len(self._entries) > self.limit or self._size > self.max_bytes:
                self._make_room()
        return True

    def _make_room(self) -> None:
        entries = self._entries
        while entries and (len(entries) > self.limit or self._size > self.max_bytes):
            oldest = entries.popleft()
            self._size -= oldest.size
            self.dropped += 1
            self._dropped_through = oldest.number

    def finish(
        self,
        exchange: Exchange,
        *,
        streamed: int | None = None,
        took: float | None = None,
        bug: str | None = None,
    ) -> None:
        """Complete an exchange that was added while its answer was still on the way: `streamed` bytes, in all."""
        if streamed is not None:
            exchange.streamed = exchange.answer_length = streamed
        if took is not None:
            exchange.took = took
        if bug is not None:
            exchange.bug = self._redactor.words(bug)

    # ---- connections ----

    def opened(self, connection: Connection) -> None:
        """Keep a connection, unless it is of an earlier epoch. Who opened it may go on filling it in."""
        with self._lock:
            if connection.epoch < self.epoch:
                return
            self._connections.append(connection)
            if len(self._connections) > self.limit:
                self._connections.popleft()
                self.dropped_connections += 1

    @property
    def connections(self) -> list[Connection]:
        """The connections, oldest first."""
        with self._lock:
            return list(self._connections)

    def clear(self, epoch: int | None = None) -> None:
        """Forget everything. With a new `epoch`, whatever of an older one is still on the way writes nothing."""
        with self._lock:
            if epoch is not None:
                self.epoch = epoch
                self._last = 0
            self._entries.clear()
            self._connections.clear()
            self._size = 0
            self.dropped = self.dropped_connections = 0
            self._dropped_through = 0
            if self._known != self._secrets:
                self._known = self._secrets
                self._redactor.learn(self._known)
            self._redactor.forget()

    def forget(self, connector: str) -> int:
        """Drop the exchanges of one connector, as when it begins anew; how many there were. Numbers go on."""
        with self._lock:
            kept = [each for each in self._entries if each.connector != connector]
            removed = len(self._entries) - len(kept)
            self._entries = deque(kept)
            self._size = sum(each.size for each in kept)
        return removed

    # ---- secrets ----

    @property
    def secrets(self) -> frozenset[str]:
        """Texts that are replaced wherever they occur: secret tokens, and values that came from the environment.

        Setting new ones also takes them out of what is kept already. What was secret stays so until `clear`:
        a client may go on using a token that was rotated.
        """
        return self._secrets

    @secrets.setter
    def secrets(self, values: Iterable[str]) -> None:
        with self._lock:
            self._secrets = frozenset(values)
            if self._secrets <= self._known:
                return
            self._known |= self._secrets
            self._redactor.learn(self._known)
            for exchange in self._entries:
                self._redactor.scrub_again(exchange)

    def fingerprint(self, token: str) -> str:
        """The 16 hex digits under which a credential stands in this run's journal."""
        return self._redactor.fingerprint(token)

    def credential(self, token: str) -> str:
        """A credential as it stands in this run's journal, to be compared with what does."""
        return self._redactor.credential(token)

    def scrub(self, text: str) -> str:
        """Any text without the known secrets: for what is shown beside the journal."""
        return self._redactor.scrub(text)

    def is_free_of_secrets(self, data: bytes) -> bool:
        """Whether no known secret stands in the data, as it is or JSON-escaped."""
        return self._redactor.is_free(data)

    # ---- reading ----

    @property
    def last(self) -> int:
        """The number of the latest exchange, 0 before the first: a mark for `since`."""
        return self._last

    @property
    def size(self) -> int:
        """About how many bytes the exchanges take."""
        return self._size

    def entries(self, *, since: int = 0, **conditions: object) -> list[Exchange]:
        """The exchanges after number `since`, oldest first, for which every condition holds.

        Conditions are those of `verify`: connector, operation, status, method, id, attributes, …; literals, lists
        or matchers. Raises UsageError for one that is unknown.
        """
        with self._lock:
            chosen = [each for each in self._entries if each.number > since] if since else list(self._entries)
        if not conditions:
            return chosen
        operations = OPERATIONS | {each.operation for each in chosen}
        compiled = verification.compile_conditions(conditions, self._redactor.credential, operations)
        return verification.select(compiled, chosen)

    def get(self, number: int) -> Exchange | None:
        """The exchange of this number, or None if there is none or it is gone."""
        return next((each for each in self.entries() if each.number == number), None)

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[Exchange]:
        return iter(self.entries())

    def __repr__(self) -> str:
        return f"<Journal of epoch {self.epoch}: {len(self)} exchanges, {self.dropped} dropped>"

    def verify(self, spec: Mapping[str, object]) -> VerifyResult:
        """Whether an assertion holds; see `mockhost.journal.verification` for its words.

        An assertion that the loss of entries could have changed fails and says so. Raises UsageError for a
        specification that is none.
        """
        since = verification.since_of(spec)
        with self._lock:
            lost = self.dropped if self._dropped_through > since else 0
            window = Window([each for each in self._entries if each.number > since], lost)
        result = verification.verify(spec, window, self._redactor.credential)
        return result._replace(text=self._redactor.scrub(result.text))
