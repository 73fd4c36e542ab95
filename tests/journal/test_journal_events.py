"""The bus tells everybody and waits for nobody."""

from __future__ import annotations

import threading

from mockhost.journal import EventBus


def test_every_listener_hears_every_event_from_its_subscription_on() -> None:
    """Each has a queue of its own."""
    bus = EventBus()
    bus.publish("state", "nobody hears this")
    first = bus.subscribe()
    bus.publish("exchange", 1)
    second = bus.subscribe()
    bus.publish("exchange", 2)
    bus.close()
    assert [event.data for event in first] == [1, 2]
    assert [(event.kind, event.data) for event in second] == [("exchange", 2)]


def test_a_slow_listener_loses_its_oldest_events_and_learns_how_many() -> None:
    """The publisher never waits."""
    bus = EventBus()
    with bus.subscribe(limit=2) as slow:
        for number in range(5):
            bus.publish("exchange", number)
        assert slow.lost() == 3
        assert slow.lost() == 0
        assert [getattr(slow.get(0), "number", None) for _ in range(3)] == [4, 5, None]


def test_get_gives_up_after_its_time() -> None:
    """So that a heartbeat can be sent."""
    assert EventBus().subscribe().get(timeout=0.001) is None


def test_closing_lets_a_waiting_listener_go() -> None:
    """Shutdown does not hang on somebody who listens."""
    bus = EventBus()
    subscription = bus.subscribe()
    seen: list[object] = []
    thread = threading.Thread(target=lambda: seen.extend(event.data for event in subscription))
    thread.start()
    bus.publish("exchange", 1)
    bus.close()
    thread.join(30)
    assert not thread.is_alive()
    assert seen == [1]
    assert subscription.closed


def test_a_closed_bus_gives_closed_subscriptions() -> None:
    """Who comes too late is not left waiting."""
    bus = EventBus()
    bus.close()
    late = bus.subscribe()
    assert late.closed
    assert late.get() is None


def test_whoever_closes_is_no_longer_listened_for() -> None:
    """The bus forgets him; closing twice does nothing."""
    bus = EventBus()
    assert not bus.listening
    subscription = bus.subscribe()
    assert bus.listening
    subscription.close()
    subscription.close()
    assert not bus.listening
    bus.publish("exchange", 1)
    assert subscription.get(0) is None


def test_a_callback_is_called_at_once_until_it_is_stopped() -> None:
    """For the terminal of the one process."""
    bus = EventBus()
    heard: list[tuple[str, object]] = []
    stop = bus.call(lambda kind, data: heard.append((kind, data)))
    bus.publish("exchange", 1)
    stop()
    bus.publish("exchange", 2)
    assert heard == [("exchange", 1)]
