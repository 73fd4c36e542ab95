"""What happens, told as it happens: a bus with any number of listeners, none of whom can slow it down."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator

from mockhost.exchange import Exchange

Hear = Callable[[str, object], None]


class Event:
    """One thing that happened. `number` counts the bus's events from 1, so a listener sees what it missed."""

    __slots__ = ("_lock", "_rendered", "data", "kind", "number")

    def __init__(self, number: int, kind: str, data: object) -> None:
        self.number = number
        self.kind = kind
        """exchange (data: Exchange), connection (Connection), state (a map), or what else the publisher calls it"""
        self.data = data
        self._lock = threading.Lock()
        self._rendered: tuple[object, bytes] | None = None

    def rendered(self, render: Callable[[Event], bytes], version: object) -> bytes:
        """The event as bytes that all listeners share: the first one renders it, the others wait for that.

        version: what the rendering depends on besides the event; it is rendered again where that has changed.
        """
        with self._lock:
            if self._rendered is None or self._rendered[0] is not version:
                self._rendered = version, render(self)
            return self._rendered[1]


MOST_BYTES = 16 * 1024 * 1024
"""About the memory that events may take that wait for one listener."""


class Subscription:
    """One listener's own bounded queue: when it is full its oldest event goes and is counted as lost."""

    __slots__ = ("_bus", "_condition", "_events", "_limit", "_lost", "_size", "closed", "counted")

    def __init__(self, bus: EventBus, limit: int, *, counted: bool = False) -> None:
        self._bus = bus
        self._condition = threading.Condition()
        self._events: deque[Event] = deque()
        self._limit = limit
        self._size = 0
        self._lost = 0
        self.closed = False
        self.counted = counted
        """whether it is one of those of which there are only so many"""

    def get(self, timeout: float | None = None) -> Event | None:
        """The next event; None if none came within `timeout` seconds, or if the subscription is closed and empty."""
        with self._condition:
            self._condition.wait_for(lambda: self._events or self.closed, timeout)
            if not self._events:
                return None
            event = self._events.popleft()
            self._size -= _size(event)
            return event

    def lost(self) -> int:
        """How many events were dropped since the last call."""
        with self._condition:
            lost, self._lost = self._lost, 0
            return lost

    def put(self, event: Event) -> None:
        """For the bus: append an event."""
        with self._condition:
            if self.closed:
                return
            self._events.append(event)
            self._size += _size(event)
            while self._events and (len(self._events) > self._limit or self._size > MOST_BYTES):
                self._size -= _size(self._events.popleft())
                self._lost += 1
            self._condition.notify()

    def close(self) -> None:
        """Stop listening, and end a waiting `get`. Closing twice does nothing."""
        self._bus.forget(self)
        with self._condition:
            self.closed = True
            self._condition.notify_all()

    def __iter__(self) -> Iterator[Event]:
        """Events as they come, until the subscription is closed."""
        while (event := self.get()) is not None:
            yield event

    def __enter__(self) -> Subscription:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _size(event: Event) -> int:
    return 500 + (event.data.size if isinstance(event.data, Exchange) else 0)


class TooManyListeners(Exception):
    """As many listen as may."""


class EventBus:
    """Publish events to listeners; costs next to nothing without any."""

    __slots__ = ("_callbacks", "_lock", "_number", "_subscriptions", "closed", "listening")

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._subscriptions: tuple[Subscription, ...] = ()
        self._callbacks: tuple[Hear, ...] = ()
        self._number = 0
        self.closed = False
        self.listening = False
        """whether anybody listens: for a publisher whose event takes work to make"""

    def _counted(self) -> None:
        self.listening = bool(self._subscriptions or self._callbacks)

    def subscribe(self, limit: int = 1_000, *, most: int | None = None) -> Subscription:
        """Listen from now on; at most `limit` events wait for the listener. Close it when done.

        most: how many that give a limit may listen at a time. Raises TooManyListeners for one more.
        """
        subscription = Subscription(self, limit, counted=most is not None)
        with self._lock:
            if most is not None and sum(each.counted for each in self._subscriptions) >= most:
                raise TooManyListeners
            if not self.closed:
                self._subscriptions = (*self._subscriptions, subscription)
                self._counted()
                return subscription
        subscription.close()
        return subscription

    def call(self, hear: Hear) -> Callable[[], None]:
        """Have `hear(kind, data)` called at once, on the thread of whatever happens: it must be quick and not raise.

        Returns a function that ends it.
        """
        with self._lock:
            self._callbacks = (*self._callbacks, hear)
            self._counted()

        def stop() -> None:
            with self._lock:
                self._callbacks = tuple(other for other in self._callbacks if other is not hear)
                self._counted()

        return stop

    def publish(self, kind: str, data: object) -> None:
        """Tell every listener. Never waits for one."""
        for hear in self._callbacks:
            hear(kind, data)
        if not self._subscriptions:
            return
        with self._lock:
            self._number += 1
            event = Event(self._number, kind, data)
            for subscription in self._subscriptions:
                subscription.put(event)

    def forget(self, subscription: Subscription) -> None:
        """For a subscription: it is closed."""
        with self._lock:
            self._subscriptions = tuple(other for other in self._subscriptions if other is not subscription)
            self._counted()

    def close(self) -> None:
        """The end: a subscription is closed once its events are read, and new ones are closed at once."""
        with self._lock:
            self.closed = True
            subscriptions = self._subscriptions
        for subscription in subscriptions:
            subscription.close()
