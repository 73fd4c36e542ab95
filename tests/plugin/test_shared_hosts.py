"""Hosts that the tests of a module, or all tests, share."""

from __future__ import annotations

from mockhost import MockHost
from tests.plugin.conftest import Play

CLIENT = """
import pytest, requests

pytestmark = pytest.mark.mockhost("documented/cache_stale")

@pytest.fixture(scope="module")
def client(mockhost_module):
    with mockhost_module.session() as session:
        session.base = mockhost_module.url()
        yield session
"""


def test_a_module_shares_one_host_with_its_state_and_journal(play: Play) -> None:
    """The scenario is that of the module's marker; the address stays; another module has another host."""
    text = """
def test_first(mockhost_module, client):
    assert mockhost_module.scenario.name == "documented/cache_stale"
    client.get(client.base + "/Schemas")
    seen.append(mockhost_module)

def test_second(mockhost_module, client):
    assert seen == [mockhost_module]
    mockhost_module.verify(operation="schemas", count={"exactly": 1})
    mockhost_module.reset()
    assert not len(mockhost_module.journal)
"""
    other = """
def test_other(mockhost_module, mockhost_session):
    assert mockhost_module is not mockhost_session
    assert mockhost_module.scenario.name == mockhost_session.scenario.name == "basics/healthy"
    assert not len(mockhost_module.journal)
"""
    play(f"{CLIENT}seen = []\n{text}", test_other=other).assert_outcomes(passed=3)


def test_each_test_answers_for_its_own_rules(play: Play) -> None:
    """Those of the test and of its own fixtures, which go with it; those of wider fixtures stay."""
    result = play(
        """
@pytest.fixture(scope="module")
def wide(mockhost_module):
    mockhost_module.fail_next("find_users", name="wide", times=None)
    return mockhost_module

@pytest.fixture
def narrow(wide):
    name = wide.fail_next("schemas", name="narrow")
    yield wide
    wide.remove_rule(name)

def test_unused(wide, narrow): pass

def test_used(wide, narrow):
    with wide.session() as session:
        assert session.get(wide.url() + "/Schemas").status_code == 503

def test_adds(wide):
    wide.fail_next("schemas", name="mine")

def test_next(wide):
    assert [rule["name"] for rule in wide.rules] == ["wide"]
    with wide.session() as session:
        assert session.get(wide.url() + "/Schemas").status_code == 200
        assert session.get(wide.url() + "/Users", params={"filter": 'userName eq "x"'}).status_code == 503
"""
    )
    result.assert_outcomes(failed=2, passed=2)
    result.stdout.fnmatch_lines(
        [
            "FAILED test_it.py::test_unused - Failed: mockhost: rule 'narrow' never fired",
            "FAILED test_it.py::test_adds - Failed: mockhost: rule 'mine' never fired",
        ]
    )


def test_rules_of_the_module_are_checked_at_its_end(play: Play) -> None:
    """Those of a marker or a factory are the module's, and so are those of its fixtures."""
    result = play(
        """
@pytest.fixture(scope="module")
def host(mockhost_module_factory):
    rules = [{"name": "never", "when": {"operation": "schemas"}, "fault": "hang"}]
    return mockhost_module_factory("basics/healthy", rules=rules)

def test_first(host): pass
def test_last(host): pass
"""
    )
    result.assert_outcomes(passed=2, errors=1)
    result.stdout.fnmatch_lines(["*ERROR at teardown of test_last*", "mockhost: rule 'never' never fired"])


def test_a_failed_test_shows_only_its_own_part_of_the_journal(play: Play) -> None:
    """What a test before it asked is not shown; a test without a request has none."""
    result = play(
        """
def test_first(mockhost_session):
    with mockhost_session.session() as session:
        session.get(mockhost_session.url() + "/Schemas")

def test_second(mockhost_session):
    with mockhost_session.session() as session:
        session.get(mockhost_session.url() + "/Users/1")
    assert False

def test_third():
    assert False
"""
    )
    result.assert_outcomes(passed=1, failed=2)
    text = result.stdout.str()
    assert text.count("- mockhost -") == 1
    assert "get_user" in text
    assert " schemas " not in text


def test_an_answer_that_hangs_fails_its_test_and_goes_on_before_the_next(play: Play) -> None:
    """The next test finds nothing of it."""
    result = play(
        """
import threading

def test_hangs(mockhost_session):
    mockhost_session.fail_next("schemas", fault="hang")
    def ask():
        with mockhost_session.session() as session:
            answers.append(session.get(mockhost_session.url() + "/Schemas").status_code)
    threads.append(threading.Thread(target=ask))
    threads[0].start()
    mockhost_session.wait_for("schemas")
    while not mockhost_session.hanging():
        pass

def test_next(mockhost_session):
    threads[0].join(30)
    assert answers == [200]

answers, threads = [], []
"""
    )
    result.assert_outcomes(failed=1, passed=1)
    result.stdout.fnmatch_lines(
        ["mockhost: an answer still hangs at the end of the test: #1 (schemas at SQL)*"]
    )


def test_overrides_of_a_module_hold_for_its_host(play: Play) -> None:
    """With scope="module"; a narrower one is an error that names it."""
    play(
        """
@pytest.fixture(scope="module")
def mockhost_tls(): return False

@pytest.fixture(scope="module")
def mockhost_scenario(): return "basics/scim"

def test_it(mockhost_module):
    assert mockhost_module.url().startswith("http:")
    assert mockhost_module.scenario.name == "basics/scim"
"""
    ).assert_outcomes(passed=1)


def test_an_error_at_teardown_has_the_journal(play: Play) -> None:
    """Of a fixture that stands on the host, which is torn down before it."""
    result = play(
        """
@pytest.fixture
def client(mockhost, mockhost_client):
    yield mockhost_client
    assert mockhost_client.get("/Schemas").status_code == 500

@pytest.fixture
def shared(mockhost_session):
    yield
    with mockhost_session.session() as session:
        assert session.get(mockhost_session.url() + "/Schemas").status_code == 500

def test_it(client): pass
def test_shared(shared): pass
def test_last(shared): pass
"""
    )
    result.assert_outcomes(passed=3, errors=3)
    lines = ["*- mockhost -*", "basics/healthy: A healthy host*", "*schemas*"]
    result.stdout.fnmatch_lines(lines * 3)


def test_a_shared_host_can_not_run_once_for_each_scenario(play: Play) -> None:
    """It has one scenario for all of its tests."""
    result = play(
        """
@pytest.mark.mockhost_each("basics/healthy", "basics/scim")
def test_it(mockhost_module): pass
"""
    )
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(
        ["*mockhost_each is for the fixture mockhost; mockhost_module has one scenario*"]
    )


def test_behind_a_url_there_is_one_host(play: Play) -> None:
    """A module may have it; a test that wants another one beside it is skipped, and says why."""
    with MockHost("basics/healthy") as host:
        result = play(
            """
def test_first(mockhost_module):
    with mockhost_module.session() as session:
        session.get(mockhost_module.url() + "/Schemas")
    mockhost_module.fail_next("schemas", optional=True)

def test_second(mockhost_module):
    mockhost_module.verify(operation="schemas", count={"exactly": 1})
    assert not mockhost_module.rules

def test_both(mockhost_module, mockhost): pass
""",
            "--mockhost-url",
            host.control_url,
            "-rs",
        )
    result.assert_outcomes(passed=2, skipped=1)
    result.stdout.fnmatch_lines(["*there is one host behind --mockhost-url*"])
