"""The journal is bounded, numbered, cleared by epochs, and readable while it is written."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable

import pytest

from mockhost.errors import UsageError
from mockhost.journal import Connection, Exchange, Journal
from mockhost.journal.renderings import to_json
from tests.journal.exchanges import BASE, KEY, TOKEN, make

Add = Callable[..., Exchange]


def test_exchanges_are_numbered_in_the_order_in_which_they_are_added(add: Add, journal: Journal) -> None:
    """From 1, and `last` is a mark for what comes after."""
    assert journal.last == 0
    assert [add().number, add().number] == [1, 2]
    assert journal.last == 2
    assert [each.number for each in journal] == [1, 2]
    assert journal.get(2) is journal.entries()[1]
    assert journal.get(3) is None


def test_a_number_that_is_given_is_kept_if_it_leads_on(add: Add) -> None:
    """Numbers never go back and are never given twice."""
    assert [add(number=7).number, add().number, add(number=3).number] == [7, 8, 9]


def test_the_oldest_go_when_there_are_too_many(journal: Journal) -> None:
    """And are counted."""
    small = Journal(key=KEY, limit=3)
    for _ in range(5):
        small.add(make())
    assert [each.number for each in small] == [3, 4, 5]
    assert small.dropped == 2
    assert len(small) == 3


def test_the_oldest_go_when_they_take_too_much_room() -> None:
    """Never more than `max_bytes`, whatever is asked and answered."""
    small = Journal(key=KEY, max_bytes=200_000)
    for number in range(50):
        small.add(make(body=b"x" * 10_000 * (number % 3), answer_body=b"y" * 5_000))
        assert small.size <= 200_000
        assert small.size >= sum(len(each.body) + len(each.answer_body or b"") for each in small)
    assert small.dropped == 50 - len(small)
    assert small.entries()[-1].number == 50


def test_one_exchange_that_is_larger_than_the_journal_is_not_kept() -> None:
    """The bound is a bound."""
    small = Journal(key=KEY, max_bytes=10_000)
    small.add(make(body=b"x" * 20_000))
    assert (len(small), small.size, small.dropped) == (0, 0, 1)


def test_a_long_body_is_kept_to_its_limit_with_its_length_and_digest() -> None:
    """64 KiB by default; the digest is of the whole, in SHA-256."""
    journal = Journal(key=KEY)
    body = b"0123456789abcdef" * 5_000
    exchange = make(body=body, answer_body=body)
    journal.add(exchange)
    assert exchange.body == exchange.answer_body == body[: 64 * 1024]
    shown = to_json(exchange)
    for part in ("request", "answer"):
        described = shown[part]
        assert isinstance(described, dict)
        assert described["body"]["length"] == len(body)
        assert described["body"]["kept"] == 64 * 1024
        assert described["body"]["sha256"] == hashlib.sha256(body).hexdigest()


def test_the_digest_of_a_body_that_is_kept_whole_is_its_own(add: Add) -> None:
    """It is computed when somebody looks."""
    described = to_json(add(body=b"abc"))["request"]
    assert isinstance(described, dict)
    assert described["body"]["sha256"] == hashlib.sha256(b"abc").hexdigest()


def test_a_streamed_answer_is_finished_later(add: Add, journal: Journal) -> None:
    """Its bytes are counted, not kept."""
    exchange = add(answer_body=None, took=None)
    assert exchange.answer_length is None
    journal.finish(exchange, streamed=123_456, took=0.5)
    kept: object = (exchange.streamed, exchange.answer_length, exchange.answer_body)
    assert kept == (123_456, 123_456, None)
    assert to_json(exchange)["took_ms"] == 500


def test_a_bug_that_shows_later_is_noted_without_secrets(add: Add, journal: Journal) -> None:
    """An exception's text may quote anything."""
    exchange = add()
    journal.finish(exchange, bug=f"ValueError: {TOKEN}")
    assert exchange.bug == f"ValueError: {TOKEN}"
    assert to_json(exchange)["bug"] == "ValueError: [redacted]"


def test_clear_begins_an_epoch_and_numbers_start_again(add: Add, journal: Journal) -> None:
    """After a reset the journal is as new."""
    add()
    journal.opened(Connection(number=1, at=0.0, peer="127.0.0.1:1"))
    journal.clear(1)
    assert (len(journal), journal.connections, journal.size, journal.last, journal.dropped) == (
        0,
        [],
        0,
        0,
        0,
    )
    assert add(epoch=1).number == 1


def test_what_hangs_over_from_an_older_epoch_writes_nothing(journal: Journal) -> None:
    """Neither exchanges nor connections."""
    journal.clear(3)
    assert journal.add(make(epoch=2)) is False
    journal.opened(Connection(number=1, at=0.0, peer="127.0.0.1:1", epoch=2))
    assert (len(journal), journal.connections) == (0, [])


def test_clear_without_an_epoch_only_forgets(add: Add, journal: Journal) -> None:
    """The numbers go on, so that a mark taken before still means the same."""
    add()
    journal.clear()
    assert len(journal) == 0
    assert add().number == 2


def test_the_exchanges_of_one_connector_can_be_forgotten(add: Add, journal: Journal) -> None:
    """When it begins anew; the others stay, numbers go on, and nothing counts as lost."""
    for connector in ("SQL", "LDAP", "SQL"):
        add(connector=connector)
    size = journal.size
    assert journal.forget("SQL") == 2
    assert [each.connector for each in journal] == ["LDAP"]
    assert (journal.dropped, 0 < journal.size < size) == (0, True)
    assert add().number == 4
    assert journal.forget("nobody") == 0


def test_connections_are_bounded_as_well() -> None:
    """A port scan must not fill the memory."""
    journal = Journal(key=KEY, limit=2)
    for number in (1, 2, 3):
        journal.opened(Connection(number=number, at=0.0, peer="127.0.0.1:1"))
    assert [each.number for each in journal.connections] == [2, 3]
    assert journal.dropped_connections == 1


@pytest.mark.parametrize(
    ("conditions", "numbers"),
    [
        ({}, [1, 2, 3, 4]),
        ({"operation": "find_users"}, [1, 4]),
        ({"operation": ["find_users", "delete_user"]}, [1, 3, 4]),
        ({"status": 201}, [2]),
        ({"status": {"at_least": 204}}, [3, 4]),
        ({"connector": "LDAP"}, [4]),
        ({"method": "DELETE"}, [3]),
        ({"id": "bob"}, [2, 3]),
        ({"since": 2}, [3, 4]),
        ({"since": 2, "operation": "find_users"}, [4]),
        ({"connector": None}, []),
        ({"status": None}, []),
    ],
)
def test_entries_are_found_by_what_they_are(
    add: Add, journal: Journal, conditions: dict[str, object], numbers: list[int]
) -> None:
    """By literals, lists, matchers, and after a number."""
    add()
    add(
        method="POST",
        target=f"{BASE}/Users",
        operation="create_user",
        status=201,
        answer_body=b'{"id":"bob"}',
    )
    add(method="DELETE", target=f"{BASE}/Users/bob", operation="delete_user", status=204)
    add(connector="LDAP", status=401)
    assert [each.number for each in journal.entries(**conditions)] == numbers  # type: ignore[arg-type]  # a table


def test_an_unknown_condition_is_refused_with_a_hint(journal: Journal) -> None:
    """Not ignored: a filter that filters nothing misleads."""
    with pytest.raises(UsageError, match="did you mean 'operation'"):
        journal.entries(opperation="find_users")


def test_reading_while_writing_never_fails() -> None:
    """Eight writers and two readers."""
    journal = Journal(key=KEY, limit=50)
    failed: list[BaseException] = []
    done = threading.Event()

    def write() -> None:
        try:
            for _ in range(150):
                journal.add(make())
        except BaseException as error:
            failed.append(error)

    def read() -> None:
        try:
            while not done.is_set():
                list(journal)
                journal.entries(operation="find_users")
                assert (
                    journal.verify({"operation": "find_users", "count": {"at_least": 0}}).matched is not None
                )
        except BaseException as error:
            failed.append(error)

    readers = [threading.Thread(target=read) for _ in range(2)]
    writers = [threading.Thread(target=write) for _ in range(8)]
    for thread in readers + writers:
        thread.start()
    for thread in writers:
        thread.join(60)
    done.set()
    for thread in readers:
        thread.join(60)
    assert failed == []
    numbers = [each.number for each in journal]
    assert len(numbers) == 50
    assert numbers == sorted(set(numbers))
    assert journal.last == 1_200
