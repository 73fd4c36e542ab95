"""A database that keeps the mock waiting: nothing else waits, and what was done in between is not lost.

A statement is held on its way to the database until the test has seen what it wants to see.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import requests

from mockhost import MockHost
from mockhost.connectors.ecma.space import ConnectorSpace
from mockhost.connectors.systems.sql import SqlSystem
from mockhost.errors import UsageError
from tests.connectors.ecma import test_sql
from tests.connectors.ecma.conftest import URN, user
from tests.connectors.ecma.test_sql import Hr

hr = test_sql.hr
BOB = test_sql.BOB
PATIENCE = 60


class Held:
    """Holds the next statement of a system that has a word in it, until `let_go`."""

    def __init__(self, system: SqlSystem, word: str) -> None:
        from sqlalchemy import event

        self.word = word
        self.waits, self.go_on = threading.Event(), threading.Event()
        event.listen(system.database.engine, "before_cursor_execute", self._hold)

    def _hold(self, _connection: object, _cursor: object, statement: str, *_: object) -> None:
        if self.word in statement and not self.waits.is_set():
            self.waits.set()
            assert self.go_on.wait(PATIENCE)


class Lab:
    """A host in front of the database file, with a table in memory as its other connector."""

    def __init__(self, mock: MockHost) -> None:
        self.mock = mock

    @property
    def system(self) -> SqlSystem:
        system = self.mock.runtime.host.system("SQL")
        assert isinstance(system, SqlSystem)
        return system

    @property
    def space(self) -> ConnectorSpace:
        return self.mock.runtime.host.connector("SQL").space

    @contextmanager
    def held(self, act: Callable[[], object], word: str = "SELECT") -> Iterator[Held]:
        """In this context an act is under way in a thread, whose statement with the word is held; then it ends."""
        held, results = Held(self.system, word), list[object]()

        def run() -> None:
            act()
            results.append(None)

        thread = threading.Thread(target=run)
        thread.start()
        try:
            assert held.waits.wait(PATIENCE)
            yield held
            assert held.go_on.is_set() or not results
        finally:
            held.go_on.set()
            thread.join(PATIENCE)
        assert results

    def ask(self, method: str, path: str, connector: str = "SQL", **more: Any) -> requests.Response:
        return self.mock.session(connector).request(
            method, f"{self.mock.url(connector)}{path}", timeout=PATIENCE, **more
        )

    def status(self, ident: str) -> int:
        return self.ask("GET", f"/Users/{ident}").status_code

    def create(self, **values: object) -> int:
        return self.ask("POST", "/Users", json=user(**{**BOB, **values})).status_code

    def assert_all_else_goes_on(self) -> None:
        """The other connector, this one's cache, the control plane with the count, and the journal."""
        url = self.mock.url("LDAP")
        assert self.mock.session("LDAP").get(f"{url}/Users", timeout=PATIENCE).status_code == 200
        assert self.status("lisa") == 200
        assert self.mock.call("list_connectors")["connectors"]["SQL"]["cached"] >= 2
        assert [*self.mock.journal][-1].operation == "get_user"
        assert self.mock.change({"LDAP": {"delete": [{}]}}) >= 0


IMPORTS = {"import": {"profiles": ["full", "delta"], "every": "120m"}}


@contextmanager
def lab(hr: Hr, *, more: dict[str, Any] | None = None, **where: Any) -> Iterator[Lab]:
    page = {**hr.page(watermark="UpdatedAt", **where), **IMPORTS}
    overrides: dict[str, Any] = {"host": {"tls": "plain_http"}, **(more or {})}
    with MockHost("basics/healthy", connectors={"SQL": page}, **overrides) as mock:
        yield Lab(mock)


ACTS: dict[str, tuple[Callable[[Lab], object], str]] = {
    "full import": (lambda lab: lab.mock.import_now("SQL"), "ORDER BY"),
    "delta import": (lambda lab: lab.mock.import_now("SQL", "delta"), ">="),
    "change": (lambda lab: lab.mock.change({"SQL": {"insert": [BOB]}}), "INSERT"),
    "objects": (lambda lab: lab.mock.objects("SQL"), "ORDER BY"),
    "comparison": (lambda lab: lab.mock.call("compare", name="SQL"), "ORDER BY"),
    "advance": (lambda lab: lab.mock.clock.advance("3h"), "SELECT"),
}


@pytest.mark.parametrize("act", ACTS)
def test_whatever_asks_the_database_keeps_nothing_else_waiting(hr: Hr, act: str) -> None:
    """Each of these takes as long as the database does and holds no lock."""
    do, word = ACTS[act]
    with lab(hr) as made, made.held(lambda: do(made), word):
        made.assert_all_else_goes_on()


FAULTS: dict[str, tuple[object, set[str]]] = {
    "cache_stale": ("cache_stale", {"lisa", "david", "bob"}),
    "duplicate_anchors": ({"duplicate_anchors": {"anchor": "lisa"}}, {"lisa", "david"}),
    "duplicate_anchors of any": ("duplicate_anchors", {"lisa", "david"}),
    "object_changed": ({"object_changed": {"where": {"ContosoLogin": "lisa"}, "gone": True}}, {"david"}),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_that_looks_something_up_keeps_only_its_request_waiting(hr: Hr, fault: str) -> None:
    """The request is answered once the fault has acted."""
    hr.run("CREATE TABLE WithoutKey AS SELECT * FROM Employees")
    written, left = FAULTS[fault]
    rule = {"when": {"operation": "find_users"}, "fault": written, "times": 1}
    with lab(hr, more={"rules": [rule]}, table="WithoutKey") as made:
        find = lambda: made.ask("GET", "/Users", params={"filter": 'ContosoLogin eq "bob"'})  # noqa: E731
        with made.held(find):
            made.assert_all_else_goes_on()
        objects = [each["ContosoLogin"] for each in made.mock.objects("SQL")]
        assert set(objects) == left
        assert len(objects) == len(left) + ("duplicate" in fault)
        assert made.space.imports_done == 1 + ("duplicate" in fault)


def test_what_a_fault_can_not_look_up_is_the_reason_of_its_answer(hr: Hr) -> None:
    """In the database's words; the request is answered as if there were no fault."""
    rule = {"when": {"operation": "find_users"}, "fault": "cache_stale", "times": 1}
    with lab(hr, more={"rules": [rule]}) as made:
        hr.run("DROP TABLE Employees")
        assert made.ask("GET", "/Users", params={"filter": 'ContosoLogin eq "bob"'}).status_code == 200
        assert "no such table" in str([*made.mock.journal][-1].reason)


def test_what_is_done_with_a_system_comes_before_what_waits_for_it(hr: Hr) -> None:
    """A change that follows from a look-up is made before the next one looks; who waits for one waits for both."""
    done: list[str] = []
    with lab(hr) as made:
        runtime, system = made.mock.runtime, made.system

        def steps(name: str, *then: str) -> Any:
            yield lambda _: done.append(name)
            for each in then:
                runtime.begin_outside(system, steps(each))

        with runtime.waited(), runtime.lock:
            runtime.begin_outside(system, steps("first", "its change", "its import"))
            runtime.begin_outside(system, steps("second"))
    assert done == ["first", "its change", "its import", "second"]


def test_what_is_begun_is_waited_for_with_all_that_it_begins(hr: Hr) -> None:
    """One that is begun last, by one that was waited for."""
    with lab(hr) as made:
        runtime, system, done = made.mock.runtime, made.system, list[int]()

        def steps(left: int) -> Any:
            yield lambda _: done.append(left)
            if left:
                runtime.begin_outside(system, steps(left - 1))

        with runtime.waited(), runtime.lock:
            runtime.begin_outside(system, steps(3))
        assert done == [3, 2, 1, 0]


def test_a_check_that_looks_for_assumptions_keeps_nothing_else_waiting(hr: Hr) -> None:
    """The write is tried under each value that an assumed behaviour can have, and taken back."""
    from mockhost.cli.recorded import RecordedHost
    from mockhost.connectors.ecma import behaviours

    page = {**hr.page(watermark="UpdatedAt"), **IMPORTS}
    with behaviours.recording() as read:
        mock = RecordedHost("basics/healthy", connectors={"SQL": page}, host={"tls": "plain_http"})
        mock.read = read
        with mock:
            made = Lab(mock)
            with made.held(made.create, "INSERT"):
                made.assert_all_else_goes_on()
            assert mock.alternatives()
            assert len(hr.rows()) == 3


def test_a_write_on_trial_keeps_nothing_else_waiting(hr: Hr) -> None:
    """It is taken back before the answer."""
    rule = {"when": {"operation": "create_user"}, "fault": {"http_error": 503}}
    with lab(hr, more={"rules": [rule]}) as made:
        with made.held(made.create, "INSERT"):
            made.assert_all_else_goes_on()
        assert made.status("bob") == 404
        assert len(hr.rows()) == 2
        assert len(made.system) == 2


def test_an_import_that_falls_due_keeps_no_request_waiting(hr: Hr) -> None:
    """The request that finds it due is answered; the import is taken over when it ends."""
    with lab(hr) as made:
        hr.run("DELETE FROM Employees WHERE ContosoLogin = 'david'")
        held = Held(made.system, "SELECT")
        with made.mock.runtime.lock:
            made.space._schedule(0.0, made.space.synchronise, "autosync")
        made.assert_all_else_goes_on()
        assert held.waits.wait(PATIENCE)
        assert made.space.importing
        held.go_on.set()
        with made.mock.runtime.waited(), made.mock.runtime.lock:
            made.mock.runtime.begin_outside(made.system, iter_nothing())
        assert not made.space.importing


def iter_nothing() -> Any:
    """Steps that do nothing: they are over when what was begun before them is."""
    yield lambda _: None


def test_a_clock_waits_at_each_import(hr: Hr) -> None:
    """The second import is due only after the first one has ended."""
    with lab(hr) as made:
        start = made.mock.runtime.clock.now()
        with made.held(lambda: made.mock.clock.advance("5h")):
            assert made.mock.runtime.clock.now() - start == 7200
        assert made.mock.runtime.clock.now() - start == 5 * 3600
        assert made.space.imports_done == 3


def test_what_is_exported_while_an_import_reads_is_kept(hr: Hr) -> None:
    """Created, changed and deleted: the cache has it, although the import read what was there before."""
    with lab(hr) as made:
        read = made.system.snapshot

        def snapshot(*given: Any) -> Any:
            """Read, and be held then."""
            found = read(*given)
            with made.system.database.reading() as connection:
                connection.exec_driver_sql("SELECT 'held'")
            return found

        made.system.snapshot = snapshot  # type: ignore[method-assign, assignment]
        with made.held(lambda: made.mock.import_now("SQL"), "held"):
            assert made.create() == 201
            change = {"Operations": [{"op": "replace", "path": f"{URN}:LastName", "value": "Kent"}]}
            assert made.ask("PATCH", "/Users/bob", json=change).status_code == 200
            assert made.ask("DELETE", "/Users/lisa").status_code == 204
            assert made.create(ContosoLogin="eve") == 201
            assert made.ask("DELETE", "/Users/eve").status_code == 204
        assert [made.status(name) for name in ("bob", "lisa", "eve", "david")] == [200, 404, 404, 200]
        assert made.ask("GET", "/Users/bob").json()[URN]["LastName"] == "Kent"
        assert len(made.space) == 2


def test_an_import_that_ends_during_an_export_leaves_one_object(hr: Hr) -> None:
    """The import has read the new row before the answer to its client."""
    with lab(hr) as made:
        add = made.system.add

        def imported_then(values: Any) -> Any:
            record = add(values)
            made.mock.import_now("SQL")
            return record

        made.system.add = imported_then  # type: ignore[method-assign]
        assert made.create() == 201
        assert len(made.space) == 3
        assert (
            made.ask("GET", "/Users", params={"filter": 'ContosoLogin eq "bob"'}).json()["totalResults"] == 1
        )


def test_a_failed_trial_is_not_noted(hr: Hr) -> None:
    """Nor does an import take over what was only tried."""
    rule = {"when": {"operation": "create_user"}, "fault": {"http_error": 503}}
    with lab(hr, more={"rules": [rule]}) as made:
        with made.held(lambda: made.mock.import_now("SQL"), "ORDER BY"):
            assert made.create() == 503
        assert made.status("bob") == 404


# -- what happens by itself ---------------------------------------------------------------------------------


def test_a_rule_that_changes_the_database_has_done_so_before_the_next_request(hr: Hr) -> None:
    """In the order of the rule: the change, then the import."""
    then = {"change": {"SQL": {"delete": [{"ContosoLogin": "david"}]}}, "import": "SQL"}
    rule = {"when": {"operation": "get_user"}, "reply": "normal", "times": 1, **then}
    with lab(hr, more={"rules": [rule]}) as made:
        assert [made.status("david"), made.status("david")] == [200, 404]


def test_a_fault_on_the_host_has_acted_before_its_answer(hr: Hr) -> None:
    """The row is gone, and the cache is stale."""
    rule = {"when": {"operation": "get_user"}, "fault": "cache_stale", "times": 1}
    with lab(hr, more={"rules": [rule]}) as made:
        assert made.status("lisa") == 200
        assert hr.rows() == [("david",)]


def test_what_the_timeline_can_not_do_is_told(hr: Hr) -> None:
    """By the advance that comes to it, in the database's words; the clock goes on."""
    moments = [
        {"at": "1m", "change": {"SQL": {"insert": [{"ContosoLogin": "lisa", "FirstName": "L"}]}}},
        {"at": "2m", "change": {"SQL": {"insert": [BOB]}}},
    ]
    with lab(hr, more={"timeline": moments}) as made:
        told = made.mock.call("advance_clock", by="5m")
        assert "UNIQUE constraint failed" in str(told["problems"])
        assert len(hr.rows()) == 3


# -- what goes wrong in the middle ----------------------------------------------------------------------------


def test_an_import_of_an_epoch_that_is_over_changes_nothing(hr: Hr) -> None:
    """The reset does not wait for it, nor do those who waited for the import."""
    with lab(hr) as made:
        space = made.space
        with made.held(lambda: made.mock.import_now("SQL"), "ORDER BY") as held:
            made.mock.reset()
            assert made.space is not space
            assert made.status("lisa") == 200
            held.go_on.set()
        assert (space.imports_done, made.space.imports_done) == (1, 1)


def test_a_service_that_stops_breaks_its_import_off(hr: Hr) -> None:
    """And the next start imports again, once the broken one has ended."""
    with lab(hr) as made:
        with made.held(lambda: made.mock.import_now("SQL"), "ORDER BY") as held:
            old = made.space
            made.mock.service("stop")
            assert made.mock.call("list_connectors")["connectors"]["LDAP"]["running"] is False
            held.go_on.set()
        assert (old.imports_done, old.importing) == (1, False)
        made.mock.service("start")
        assert made.status("lisa") == 200


def test_an_export_of_an_epoch_that_is_over_writes_nothing(hr: Hr) -> None:
    """Its client learns nothing of it, and its connection to the database is closed."""
    from sqlalchemy import event

    with lab(hr) as made:

        def create() -> None:
            with pytest.raises(requests.ConnectionError):
                made.create()

        closed: list[object] = []
        event.listen(made.system.database.engine, "close_detached", closed.append)
        with made.held(create, "INSERT") as held:
            made.mock.reset()
            held.go_on.set()
            assert made.status("lisa") == 200
        made.mock.import_now("SQL")
        assert made.status("bob") == 404
        assert len(hr.rows()) == 2
        assert len(closed) == 1


def test_an_export_that_ends_after_its_host_has_no_answer(hr: Hr, monkeypatch: pytest.MonkeyPatch) -> None:
    """That its database is closed by then is nothing to tell a client."""
    answered = threading.Event()
    with lab(hr) as made:
        close = made.mock.runtime.close

        def create() -> None:
            with pytest.raises(requests.ConnectionError):
                made.create()
            answered.set()

        with made.held(create, "INSERT") as held:

            def close_and_see() -> None:
                close()
                held.go_on.set()
                assert answered.wait(PATIENCE)

            monkeypatch.setattr(made.mock.runtime, "close", close_and_see)
            made.mock.stop()
    assert len(hr.rows()) == 2


def test_a_service_that_stops_during_an_export_leaves_it_in_the_journal(hr: Hr) -> None:
    """The database has the object; only the client learns nothing of it."""
    with lab(hr) as made:

        def create() -> None:
            with pytest.raises(requests.ConnectionError):
                made.create()

        with made.held(create, "INSERT") as held:
            made.mock.service("stop")
            held.go_on.set()
        assert len(hr.rows()) == 3
        written = [(each.operation, each.status, each.who) for each in made.mock.journal]
        assert written == [("create_user", 201, "bob")]


def test_a_second_import_beside_a_running_one_does_nothing(hr: Hr) -> None:
    """As an import that takes its time on the virtual clock."""
    with lab(hr) as made:
        with made.held(lambda: made.mock.import_now("SQL"), "ORDER BY"):
            made.mock.import_now("SQL")
            assert made.space.importing
        assert made.space.imports_done == 2


def test_a_connection_that_is_lost_in_the_middle_keeps_the_cache(
    hr: Hr, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was read of a table that could not be read to its end is not taken over."""
    monkeypatch.setattr("mockhost.connectors.systems.sql.SLICE", 1)
    with lab(hr) as made:
        streamed = made.system._streamed

        def lost(connection: Any, query: Any) -> Iterator[Any]:
            for number, row in enumerate(streamed(connection, query)):
                if number == 1:
                    made.system.database.lose(connection)
                yield row

        made.system._streamed = lost  # type: ignore[method-assign]
        hr.run("DELETE FROM Employees WHERE ContosoLogin = 'david'")
        hr.run("INSERT INTO Employees (ContosoLogin, FirstName) VALUES ('zoe', 'Z'), ('yan', 'Y')")
        made.mock.import_now("SQL")
        state = made.mock.call("list_connectors")["connectors"]["SQL"]
        assert "can't be read" in state["import_problem"]
        assert state["cached"] == 2
        made.system._streamed = streamed  # type: ignore[method-assign]
        made.mock.import_now("SQL")
        assert made.mock.call("list_connectors")["connectors"]["SQL"]["cached"] == 3


def test_a_fork_during_an_import_imports_for_itself(hr: Hr) -> None:
    """It waits for the original's database no more than the original's clients do."""
    with lab(hr) as made:
        hr.run("DELETE FROM Employees WHERE ContosoLogin = 'david'")
        with made.held(lambda: made.mock.import_now("SQL"), "ORDER BY"):
            twin = made.mock.runtime.fork()
            try:
                with twin.waited(), twin.lock:
                    twin.begin_outside(twin.host.system("SQL"), iter_nothing())
                space = twin.host.connector("SQL").space
                assert (len(space), space.importing) == (1, False)
                assert made.space.importing
            finally:
                twin.close()


def test_a_problem_of_the_start_is_told_by_the_start(hr: Hr) -> None:
    """Objects that the table can't hold, for one: no traceback, no service that runs without them."""
    system = {
        "columns": {"Badge": {"type": "integer", "unique": True}},
        "people": {"count": 2, "set": {"Badge": "1"}},
        "sql": {"url": f"sqlite:///{hr.file}", "table": "Made", "rows": "replace"},
    }
    page = {"anchor": "ContosoLogin", "selected_attributes": None, "system": system}
    with pytest.raises(UsageError, match="the table Made can't be made"):
        MockHost("basics/healthy", control=False, connectors={"LDAP": None, "SQL": page}).start()
