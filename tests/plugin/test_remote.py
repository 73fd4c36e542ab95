"""`--mockhost-url`: the same tests, against a host that somebody else started."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from mockhost import MockHost
from mockhost.errors import CannotRun, UsageError, VerificationError
from mockhost.journal.sink import shown
from mockhost.pytest_plugin import remote
from mockhost.pytest_plugin.findings import Terms as Passing
from tests.plugin.conftest import Play

ECMA = "urn:ietf:params:scim:schemas:extension:ECMA2Host:2.0:User"


@pytest.fixture
def there() -> Iterator[MockHost]:
    """A host as `mockhost serve` has it: on the wall's clock, with a token."""
    with MockHost(clock="wall", control_token="of-the-control-plane") as host:
        yield host


@pytest.fixture
def here(there: MockHost) -> Iterator[remote.RemoteHost]:
    """The other side of it."""
    host = remote.RemoteHost(there.control_url, there.control_token)
    host.begin(host.load("basics/healthy"), host.terms, Passing())
    yield host
    host.let_go()


@pytest.mark.slow
def test_the_same_tests_run_against_a_remote_host(play: Play, there: MockHost) -> None:
    """With scenarios, clock, rules, journal, verification and judgement; a second host is a skip with its reason."""
    result = play(
        """
@pytest.mark.mockhost_each(shelf="documented")
def test_each(mockhost):
    assert mockhost.scenario.cause

@pytest.mark.mockhost("documented/first_import_running", connectors={"SQL": {"system": {"people": 2}}})
def test_clock(mockhost, mockhost_client):
    assert mockhost.clock.iso() == "2026-01-01T00:00:00.000Z"
    assert mockhost_client.get("/Users").status_code == 503
    mockhost.clock.advance("4m")
    assert mockhost_client.get("/Users").json()["totalResults"] == 7
    mockhost.verify(operation="list_users", status=503, count=1)

def test_unused(mockhost, mockhost_client):
    mockhost.fail_next("create_user")
    mockhost_client.get("/Schemas")

def test_verify(mockhost, mockhost_client):
    mockhost_client.get("/Users/bob")
    mockhost.verify(operation="get_user", id="eve")

def test_two(mockhost, mockhost_factory):
    mockhost_factory()
""",
        f"--mockhost-url={there.control_url}",
        "--mockhost-token=of-the-control-plane",
    )
    result.stdout.fnmatch_lines([f"mockhost: {there.control_url}"])
    result.stdout.fnmatch_lines(
        [
            "mockhost: rule * never fired",
            "  nearest: #1 (schemas at SQL)",
            "  rule * came closest *",
            "E       ! id         'eve'       'bob'",
            "* 2 failed, * passed, 1 skipped in *",
        ]
    )


def test_what_a_host_is_asked_and_told(here: remote.RemoteHost, there: MockHost) -> None:
    """Everything that the control API carries, as of a host in this process."""
    assert (here.url(), here.token(), here.port) == (there.url(), there.token(), there.port)
    assert here.control_url == there.control_url
    bob: Any = {"schemas": [ECMA], ECMA: {"ContosoLogin": "bob", "FirstName": "Bób", "LastName": "Kelly"}}
    with here.session() as session:
        assert session.post(here.url() + "/Users", json=bob).status_code == 201
    assert here.objects("SQL", ContosoLogin="bob")[0]["FirstName"] == "Bób"
    assert here.cache("SQL")[-1]["id"] == "bob"
    assert here.change({"SQL": {"delete": [{"ContosoLogin": "bob"}]}}) == 1
    here.import_now("SQL")
    assert here.set("host.debug", True) == "at restart"
    here.service("restart")
    assert there.runtime.host.running
    name = here.fail_next("schemas", times=None)
    assert [rule["name"] for rule in here.rules] == [name]
    here.remove_rule(name)
    with pytest.raises(UsageError):
        here.remove_rule(name)
    assert here.state() == there.state()
    assert here.release() == 0
    here.service("stop")
    assert not there.runtime.host.running
    here.reset()
    assert there.runtime.host.running
    assert here.env()["MOCKHOST_SQL_URL"] == here.url()


def test_its_journal_is_asked_like_any_other(here: remote.RemoteHost, there: MockHost) -> None:
    """Exchanges and connections are copies with the same words; credentials are asked about over there."""
    with here.session() as session:
        session.get(here.url() + "/Users/ä%C3%BC", headers={"X-Name": "a"})
    ours, theirs = here.journal.entries()[0], shown(there.journal.entries()[0])
    for word in (
        *remote._SAME,
        "method",
        "target",
        "headers",
        "body",
        "native",
        "answer_headers",
        "answer_body",
    ):
        assert getattr(ours, word) == getattr(theirs, word), word
    assert here.journal.entries(operation="get_user", status={"at_least": 400})
    assert not here.journal.entries(operation="get_user", since=1)
    assert here.journal.get(1) is not None
    assert here.journal.get(2) is None
    assert (len(here.journal), here.journal.last, here.journal.dropped) == (1, 1, 0)
    assert [each.number for each in here.journal.connections] == [
        each.number for each in there.journal.connections
    ]
    credential = {"Authorization": f"Bearer {here.token()}"}
    here.verify(header=credential)
    assert len(here.journal.entries(header=credential)) == 1
    assert not here.journal.entries(header={"Authorization": "Bearer another"})
    with pytest.raises(VerificationError, match="expected"):
        here.verify(header={"Authorization": "Bearer another"})


def test_a_scenario_is_sent_whole(
    here: remote.RemoteHost, there: MockHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also one that is a dict, and with the values that its variables have on this side."""
    monkeypatch.setenv("THE_TOKEN", "a-secret-of-here")
    here.use(
        {
            "extends": "basics/empty",
            "cause": "x",
            "vars": {"t": {"env": "THE_TOKEN"}, "n": 3},
            "connectors": {"SQL": {"secret_token": "${t}", "system": {"people": "${n}"}}},
        }
    )
    monkeypatch.delenv("THE_TOKEN")
    assert there.token("SQL") == here.token("SQL") == "a-secret-of-here"
    assert len(here.objects("SQL")) == 3
    here.use("basics/healthy", client={"SQL": {"trusts": []}})
    assert here.told().ca_file is None
    here.use("basics/healthy", host={"tls": "plain_http"})
    assert here.url().startswith("http://")


def test_a_host_that_is_not_there_is_an_error() -> None:
    """In words."""
    with pytest.raises(CannotRun, match="no control plane answers"):
        remote.RemoteHost("http://127.0.0.1:9")


def test_its_service_is_stopped_and_started_in_the_place_of_its_process(
    here: remote.RemoteHost, there: MockHost
) -> None:
    """The process belongs to the one that started it; a client sees the same."""
    with here:
        here.stop()
        assert not there.runtime.host.running
        here.start()
        assert there.runtime.host.running
    assert not there.runtime.host.running


def test_data_files_are_sent_along(
    here: remote.RemoteHost, there: MockHost, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """A file of this side can't be read over there, so what is in it is sent."""
    folder = tmp_path_factory.mktemp("data")
    (folder / "people.csv").write_text("ContosoLogin,FirstName,LastName\neve,Eve,E\n")
    text = "format: 1\nextends: basics/empty\nconnectors: {SQL: {system: {objects_file: people.csv}}}\n"
    (folder / "own.yaml").write_text(text)
    here.use(folder / "own.yaml")
    assert there.objects("SQL", ContosoLogin="eve")


@pytest.mark.parametrize(
    ("urls", "worker", "expected"),
    [
        (["a"], {}, "a"),
        (["a", "b"], {"workercount": 2, "workerid": "gw0"}, "a"),
        (["a", "b"], {"workercount": 2, "workerid": "gw1"}, "b"),
    ],
)
def test_each_worker_has_a_remote_host_of_its_own(
    urls: list[str], worker: dict[str, Any], expected: str
) -> None:
    """Two that share one would trip each other up."""
    assert remote.own_of(urls, worker) == expected
    with pytest.raises(UsageError, match="3 workers can't share"):
        remote.own_of(urls, {**worker, "workercount": 3})
