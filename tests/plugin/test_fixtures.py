"""The fixtures: a host for each test, as good as new, with what the test asks for."""

from __future__ import annotations

from tests.plugin.conftest import Play

FIND = """
def find(session, login="ljacobson"):
    return session.get("/Users", params={"filter": f'ContosoLogin eq "{login}"'})
"""


def test_a_test_has_a_running_host_and_a_client(play: Play) -> None:
    """Without a word said it is the healthy host, over TLS, with the clock standing still."""
    play(
        FIND
        + """
def test_it(mockhost, mockhost_client):
    assert find(mockhost_client).json()["totalResults"] == 1
    assert mockhost.url().startswith("https://localhost:")
    assert mockhost.scenario.name == "basics/healthy"
    before = mockhost.clock.now()
    mockhost.clock.advance(minutes=5)
    assert mockhost.clock.now() == before + 300
    mockhost.verify(operation="find_users", count=1)
"""
    ).assert_outcomes(passed=1)


def test_nothing_is_left_of_the_test_before(play: Play) -> None:
    """Objects, journal, rules, settings, clock, service, state and certificate are those of the scenario again."""
    play(
        """
import requests

@pytest.mark.parametrize("nth", range(3))
def test_it(mockhost, mockhost_client, nth):
    assert len(mockhost.journal) == 0
    assert mockhost.rules == []
    assert mockhost.clock.iso() == "2026-01-01T00:00:00.000Z"
    assert mockhost.runtime.host.running
    assert not mockhost.runtime.scenario.host.debug
    assert len(mockhost.objects("SQL")) == 5
    assert mockhost_client.get("/Schemas").status_code == 200
    mockhost.change({"SQL": {"insert": [{"ContosoLogin": "bob", "FirstName": "B", "LastName": "K"}]}})
    mockhost.fail_next("create_user", times=None, optional=True)
    mockhost.set("host.debug", True)
    mockhost.set("host.tls", "expired")
    mockhost.clock.advance(days=800)
    mockhost.service("stop")
    with pytest.raises(requests.ConnectionError):
        requests.get(mockhost.url(), timeout=5)
"""
    ).assert_outcomes(passed=3)


def test_hosts_are_shared_between_tests_and_not_within_one(play: Play) -> None:
    """A process keeps few running hosts; two in one test are two."""
    play(
        """
PORTS = set()

@pytest.mark.parametrize("nth", range(20))
def test_one(mockhost, nth):
    PORTS.add(mockhost.port)
    assert len(PORTS) == 1

def test_two(mockhost, mockhost_factory):
    other = mockhost_factory("documented/cache_stale", connectors={"SQL": {"system": {"people": 7}}})
    assert other.port != mockhost.port
    assert other.scenario.cause == "cache_stale"
    assert len(other.objects("SQL")) == 12
    assert other.session().get(other.url() + "/Schemas").status_code == 200
    assert len(mockhost.journal) == 0
"""
    ).assert_outcomes(passed=21)


def test_every_default_is_a_fixture_that_can_be_overridden(play: Play) -> None:
    """Scenario, TLS, seed, clock, server and the client's connector; for a class as for a module."""
    play(
        """
@pytest.fixture
def mockhost_scenario():
    return {"extends": "basics/healthy", "connectors": {"HR": {"kind": "generic_sql", "anchor": "Login",
            "secret_token": "of-hr", "system": {"columns": {"Login": "string"}, "people": 3}}}}

@pytest.fixture
def mockhost_seed():
    return 7

@pytest.fixture
def mockhost_clock():
    return "wall"

@pytest.fixture
def mockhost_connector():
    return "HR"

@pytest.fixture
def mockhost_server():
    return {"listen": "127.0.0.1", "public_name": "127.0.0.1"}

class TestPlain:
    @pytest.fixture
    def mockhost_tls(self):
        return False

    def test_it(self, mockhost, mockhost_client):
        assert mockhost_client.url == f"http://127.0.0.1:{mockhost.port}/ecma2host_HR/scim"
        assert mockhost_client.get("/Users").json()["totalResults"] == 3
        assert mockhost.scenario.seed == 7
        assert mockhost.scenario.clock.mode == "wall"

def test_encrypted(mockhost):
    assert mockhost.url().startswith("https://127.0.0.1:")
"""
    ).assert_outcomes(passed=2)


def test_every_default_is_an_ini_key(play: Play) -> None:
    """What a whole suite wants stands in its ini file."""
    play(
        """
def test_it(mockhost):
    assert mockhost.scenario.name == "documented/cache_stale"
    assert mockhost.scenario.seed == 9
    assert mockhost.scenario.clock.mode == "wall"
    assert mockhost.url().startswith("http://localhost:")
""",
        ini="mockhost_scenario = documented/cache_stale\nmockhost_seed = 9\nmockhost_clock = wall\n"
        "mockhost_tls = false\nmockhost_listen = 127.0.0.1\n",
    ).assert_outcomes(passed=1)


def test_a_slip_in_an_ini_key_is_told(play: Play) -> None:
    """Nothing is silently replaced by a default."""
    result = play("def test_it(mockhost): pass", ini="mockhost_tls = perhaps\n")
    result.stdout.fnmatch_lines(["*mockhost_tls is true, false or empty, not 'perhaps'*"])


def test_a_file_beside_the_test_is_read_again_when_it_changes(play: Play) -> None:
    """Scenarios are compiled once, by what stands in their files."""
    play(
        '''
TEXT = """
format: 1
extends: basics/empty
title: {title}
"""

@pytest.mark.parametrize("title", ["one", "two", "one"])
def test_it(request, mockhost_factory, title):
    (request.path.parent / "own.yaml").write_text(TEXT.format(title=title))
    assert mockhost_factory("./own.yaml").scenario.title == title
    assert mockhost_factory("./own.yaml").scenario is mockhost_factory("./own.yaml").scenario
'''
    ).assert_outcomes(passed=3)


def test_a_value_of_the_environment_counts_as_it_is_now(play: Play) -> None:
    """A scenario that reads the environment is compiled anew when that has changed."""
    play(
        """
SCENARIO = {"extends": "basics/healthy", "vars": {"t": {"env": "THE_TOKEN"}},
            "connectors": {"SQL": {"secret_token": "${t}"}}}

@pytest.mark.parametrize("value", ["first-token", "second-token"])
def test_it(monkeypatch, mockhost_factory, value):
    monkeypatch.setenv("THE_TOKEN", value)
    assert mockhost_factory(SCENARIO).token("SQL") == value
"""
    ).assert_outcomes(passed=2)


def test_what_is_wrong_with_a_scenario_is_told_without_a_traceback(play: Play) -> None:
    """Its author sees the problems with their places, not the inside of mockhost."""
    result = play(
        """
@pytest.mark.mockhost(connectors={"SQL": {"anhcor": "x"}})
def test_it(mockhost):
    pass
"""
    )
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["1 problem in the scenario:", "*anhcor*did you mean 'anchor'?*"])
    result.stdout.no_fnmatch_line("*Traceback*")
    result.stdout.no_fnmatch_line("*loader.py*")


def test_a_host_that_a_test_has_stopped_is_not_used_again(play: Play) -> None:
    """The next test gets another one."""
    play(
        """
def test_a(mockhost):
    mockhost.stop()

def test_b(mockhost, mockhost_client):
    assert mockhost_client.get("/Schemas").status_code == 200
"""
    ).assert_outcomes(passed=2)


def test_whoever_hangs_is_let_go_when_the_test_ends(play: Play) -> None:
    """A thread that a test left waiting does not wait for ever."""
    play(
        """
import threading
import requests

THREADS = []

def test_a(mockhost):
    mockhost.add_rule({"name": "hangs", "when": {"operation": "schemas"}, "delay": "1h"})
    arrived = threading.Event()
    mockhost.runtime.events.call(lambda kind, data: arrived.set())

    def ask():
        with pytest.raises(requests.ConnectionError), mockhost.session() as session:
            session.get(mockhost.url() + "/Schemas", timeout=60)

    THREADS.append(threading.Thread(target=ask))
    THREADS[0].start()
    while not mockhost.rules[0]["fired"]:
        arrived.wait(0.01)

def test_b(mockhost):
    THREADS[0].join(30)
    assert not THREADS[0].is_alive()
    assert len(mockhost.journal) == 0
"""
    ).assert_outcomes(passed=2)


def test_the_help_reads_well(play: Play) -> None:
    """`--fixtures` and `--markers` name what there is, each with its first sentences."""
    result = play("", "--fixtures", "-v")
    result.stdout.fnmatch_lines(
        [
            "mockhost_factory -- *",
            "    Make further hosts: *",
            "mockhost -- *",
            "    A running host with the scenario *",
            "mockhost_client -- *",
            "    A requests.Session with the client's configuration*",
        ]
    )
    play("", "--markers").stdout.fnmatch_lines(["@pytest.mark.mockhost(*", "@pytest.mark.mockhost_each(*"])


def test_nothing_is_imported_until_it_is_used(play: Play) -> None:
    """A suite without hosts pays for one small module."""
    result = play(
        """
import subprocess, sys

def test_it():
    script = "import sys, mockhost.pytest_plugin; print(*sorted(n for n in sys.modules if n.startswith('mockhost')))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["mockhost", "mockhost.clock", "mockhost.pytest_plugin"]
"""
    )
    result.assert_outcomes(passed=1)
