"""Same scenario, seed and requests in the same order: the same bytes. And a reset is as good as new.

These are the promises on which every repeatable test of a client stands, so they are proven over real sockets with
threads that race, before and beside everything else.
"""

from __future__ import annotations

import http.client
import sys
import threading
from collections.abc import Sequence
from typing import NamedTuple

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mockhost import MockHost

URN = "urn:ietf:params:scim:schemas:extension:ECMA2Host:2.0:User"
LOGINS = ["ann", "bea", "cid", "dan", "ljacobson"]


class Operation(NamedTuple):
    """One request, small enough to be drawn at random."""

    kind: str
    login: str
    value: str

    def request(self) -> tuple[str, str, bytes | None]:
        base = "/ecma2host_SQL/scim/Users"
        if self.kind == "find":
            return "GET", f"{base}?filter=ContosoLogin+eq+%22{self.login}%22", None
        if self.kind == "create":
            user: dict[str, object] = {"ContosoLogin": self.login, "FirstName": self.value, "LastName": "X"}
            return "POST", base, orjson.dumps({"schemas": [URN], URN: user})
        if self.kind == "create_in_directory":
            name = f"CN={self.login}{self.value},DC=Contoso,DC=lab"
            entry: dict[str, object] = {"-dn-": name, "cn": self.login, "objectClass": ["top"]}
            return "POST", "/ecma2host_LDAP/scim/Users", orjson.dumps({"schemas": [URN], URN: entry})
        if self.kind == "patch":
            change = {"op": "Replace", "path": f"{URN}:FirstName", "value": self.value}
            return "PATCH", f"{base}/{self.login}", orjson.dumps({"Operations": [change]})
        if self.kind == "delete":
            return "DELETE", f"{base}/{self.login}", None
        return "GET", "/ecma2host_SQL/scim/cache", None


OPERATIONS = st.builds(
    Operation,
    st.sampled_from(["find", "create", "create_in_directory", "patch", "delete", "cache"]),
    st.sampled_from(LOGINS),
    st.sampled_from(["one", "two", "three"]),
)


def ask(connection: http.client.HTTPConnection, host: MockHost, operation: Operation, mark: str) -> bytes:
    """The whole plaintext answer to one operation."""
    method, target, body = operation.request()
    name = "LDAP" if "LDAP" in target else "SQL"
    headers = {
        "Host": "localhost:8585",
        "Authorization": f"Bearer {host.truth(name).secret_token}",
        "Content-Type": "application/scim+json",
        "X-Mark": mark,
    }
    connection.request(method, target, body, headers)
    answer = connection.getresponse()
    head = f"{answer.status} {answer.reason} {answer.getheaders()}".encode()
    return head + answer.read()


def play(host: MockHost, operations: Sequence[Operation], marks: Sequence[str]) -> list[bytes]:
    """The answers to operations, one after the other on one connection."""
    connection = http.client.HTTPConnection("127.0.0.1", host.port, timeout=120)
    answers = [ask(connection, host, op, mark) for op, mark in zip(operations, marks, strict=True)]
    connection.close()
    return answers


def race(host: MockHost, batches: Sequence[Sequence[Operation]]) -> dict[str, bytes]:
    """Play each batch on a thread and connection of its own, all at once; the answers by mark."""
    answers: dict[str, bytes] = {}
    start = threading.Barrier(len(batches))

    def one(number: int, batch: Sequence[Operation]) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", host.port, timeout=120)
        start.wait()
        for step, operation in enumerate(batch):
            mark = f"{number}.{step}"
            answers[mark] = ask(connection, host, operation, mark)
        connection.close()

    threads = [threading.Thread(target=one, args=pair) for pair in enumerate(batches)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def order_of(host: MockHost) -> list[str]:
    """The marks of the exchanges in the order in which they took the lock."""
    return [dict(entry.headers)["X-Mark"] for entry in host.journal]


RELAXED = settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))


@RELAXED
@given(batches=st.lists(st.lists(OPERATIONS, min_size=1, max_size=6), min_size=8, max_size=8))
def test_the_same_order_gives_the_same_bytes(batches: list[list[Operation]]) -> None:
    """What eight racing threads were told, a second host tells again when it is asked in the recorded order."""
    by_mark = {f"{n}.{s}": op for n, batch in enumerate(batches) for s, op in enumerate(batch)}
    with MockHost(tls=False, control=False) as first:
        answers = race(first, batches)
        order = order_of(first)
    assert sorted(order) == sorted(by_mark)
    with MockHost(tls=False, control=False) as second:
        again = play(second, [by_mark[mark] for mark in order], order)
    assert dict(zip(order, again, strict=True)) == answers


@RELAXED
@given(
    before=st.lists(st.lists(OPERATIONS, min_size=1, max_size=5), min_size=4, max_size=4),
    after=st.lists(OPERATIONS, min_size=1, max_size=10),
)
def test_a_reset_at_any_moment_is_a_fresh_start(
    before: list[list[Operation]], after: list[Operation]
) -> None:
    """After a reset in the middle of traffic a host answers like one that was just started."""
    marks = [str(number) for number in range(len(after))]
    with MockHost(tls=False, control=False) as used, MockHost(tls=False, control=False) as fresh:
        racing = threading.Thread(target=lambda: _race_until_cut(used, before))
        racing.start()
        used.clock.advance(minutes=7)
        used.reset()
        racing.join()
        used.reset()
        assert len(used.journal) == 0
        assert play(used, after, marks) == play(fresh, after, marks)
        assert used.objects("SQL") == fresh.objects("SQL")
        assert len(used.cache("LDAP")) == len(fresh.cache("LDAP")) > 0


def _race_until_cut(host: MockHost, batches: Sequence[Sequence[Operation]]) -> None:
    def one(batch: Sequence[Operation]) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", host.port, timeout=120)
        try:
            for operation in batch:
                ask(connection, host, operation, "before")
        except (OSError, http.client.HTTPException):
            return  # the reset cut the connection, as it should
        finally:
            connection.close()

    threads = [threading.Thread(target=one, args=(batch,)) for batch in batches]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_nothing_of_the_old_epoch_is_written_after_a_reset() -> None:
    """An exchange on a connection that was opened before the reset neither answers nor writes."""
    with MockHost(tls=False, control=False) as host:
        connection = http.client.HTTPConnection("127.0.0.1", host.port, timeout=120)
        ask(connection, host, Operation("find", "ann", ""), "1")
        host.reset()
        connection.auto_open = 0
        with pytest.raises((OSError, http.client.HTTPException)):
            ask(connection, host, Operation("create", "ann", "late"), "2")
        connection.close()
        assert len(host.journal) == 0
        assert host.objects("SQL", ContosoLogin="ann") == []


@pytest.mark.slow
def test_a_reset_costs_what_was_changed_and_not_how_many_there_are() -> None:
    """A million people are neither copied nor made again by a reset: the frozen base is the same object."""
    people = {"SQL": {"system": {"objects": [], "people": {"count": 1_000_000}}}}
    with MockHost(tls=False, control=False, connectors=people) as host:
        base = host.runtime.host.system("SQL").snapshot().base
        play(host, [Operation("create", "ann", "new")], ["1"])
        assert len(host.runtime.host.connector("SQL").space) == 1_000_001
        host.reset()
        assert host.runtime.host.system("SQL").snapshot().base is base
        assert len(host.runtime.host.connector("SQL").space) == 1_000_000


def test_hosts_may_be_made_on_several_threads_at_once() -> None:
    """As those of a class are: none sees what another is just about to share."""
    problems: list[BaseException] = []
    patience, made = sys.getswitchinterval(), []

    def make(first: int) -> None:
        try:
            for seed in range(first, first + 40):
                made.append(MockHost(tls=False, control=False, seed=seed // 2))
        except BaseException as problem:
            problems.append(problem)

    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=make, args=(40 * number,)) for number in range(4)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
    finally:
        sys.setswitchinterval(patience)
    assert not problems
    bases = [host.runtime.host.system("SQL").snapshot().base for host in made]
    assert len(bases) == 160
    assert len({id(each) for each in bases}) == 80


def test_hosts_of_one_scenario_share_their_data_and_nothing_else() -> None:
    """Two hosts of one loaded scenario have one frozen base, and neither sees what the other was told."""
    with MockHost(tls=False, control=False) as one, MockHost(one.scenario, tls=False, control=False) as two:
        assert (
            one.runtime.host.system("SQL").snapshot().base is two.runtime.host.system("SQL").snapshot().base
        )
        play(one, [Operation("create", "ann", "new")], ["1"])
        assert one.objects("SQL", ContosoLogin="ann")
        assert not two.objects("SQL", ContosoLogin="ann")
