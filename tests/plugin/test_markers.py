"""The markers: which scenario, what is laid over it, and all scenarios of a kind."""

from __future__ import annotations

import pytest

from mockhost import faults
from mockhost.errors import UsageError
from mockhost.pytest_plugin import marks
from mockhost.scenario import shelves
from tests.plugin.conftest import Play


def test_a_marker_names_a_scenario_and_lays_keys_over_it(play: Play) -> None:
    """Keys merge as `extends` merges, dotted ones too; the nearest marker counts most."""
    play(
        """
pytestmark = pytest.mark.mockhost("documented/secret_token_mismatch", host={"debug": True}, seed=3)

@pytest.mark.mockhost(connectors={"SQL": {"system": {"people": 50}}})
def test_laid_over(mockhost):
    assert mockhost.scenario.cause == "secret_token_mismatch"
    assert mockhost.scenario.client_should == "fix_configuration"
    assert mockhost.scenario.host.debug
    assert mockhost.scenario.seed == 3
    assert len(mockhost.objects("SQL")) == 55

@pytest.mark.mockhost("basics/empty", **{"connectors.SQL.secret_token": "another"})
def test_begun_anew(mockhost):
    assert mockhost.token("SQL") == "another"
    assert not mockhost.scenario.host.debug
    assert mockhost.scenario.seed == 3

@pytest.mark.mockhost(host=None)
class TestTakenAway:
    def test_it(self, mockhost):
        assert not mockhost.scenario.host.debug
"""
    ).assert_outcomes(passed=3)


SLIPS = [
    (
        'mockhost("documented/secret_token_mismach")',
        "*there is no scenario*did you mean 'documented/secret_token_mismatch'?",
    ),
    ("mockhost(conectors={})", "*a scenario has no key 'conectors'; did you mean 'connectors'?"),
    ('mockhost("./none.yaml")', "*./none.yaml: there is no such file*"),
    ('mockhost("basics/empty", "basics/healthy")', "*one scenario only; mockhost_each takes several"),
    ('mockhost_each(shelf="documentd")', "*there is no shelf 'documentd'; did you mean 'documented'?"),
    ('mockhost_each(faults=["hnag"])', "*there is no fault 'hnag'; did you mean 'hang'?"),
    ('mockhost_each(group="transprt")', "*there is no group*did you mean 'transport'?"),
    ('mockhost_each("basics/emty")', "*there is no scenario 'basics/emty'; did you mean 'basics/empty'?"),
    (
        'mockhost_each(cause="secret_token_mismach", shelf="documented")',
        "*no scenario has the cause*did you mean 'secret_token_mismatch'?",
    ),
    ('mockhost_each(shelv="documented")', "*there is no 'shelv'; did you mean 'shelf'?"),
    ('mockhost_each("basics/empty", exclude="basics/empty")', "*no scenario is left*"),
    ('mockhost_each("basics/empty", xfail={5: "why"})', "*xfail names 5, which is not selected*"),
    ("mockhost(5)", "*a scenario is a name, a path or a dict, not 5"),
    ("mockhost(b'basics/empty')", "*a scenario is a name, a path or a dict, not b'basics/empty'"),
    ('mockhost_each(["basics/empty"])', "*a scenario is a name, a path or a dict, not ?'basics/empty'?"),
    ("mockhost_each(shelf=5)", "*expected a text or a list of texts, not 5"),
    ('mockhost_each("basics/empty", xfail=["basics/empty"])', "*xfail is a dict of names and reasons*"),
]


def test_slips_are_told_when_tests_are_collected(play: Play) -> None:
    """With near names, for the test that has it, before any test has run; and all of them at once."""
    files = {
        f"test_{number}": f"import pytest\n@pytest.mark.{marker}\ndef test_it(mockhost):\n    pass\n"
        for number, (marker, _) in enumerate(SLIPS, 10)
    }
    result = play("def test_fine(): pass", **files)
    result.assert_outcomes(errors=len(SLIPS))
    for number, (_, message) in enumerate(SLIPS, 10):
        result.stdout.fnmatch_lines(
            [f"*ERROR collecting test_{number}.py*", f"test_it: @pytest.mark.mockhost{message}"]
        )


def test_what_a_fixture_returns_is_checked(play: Play) -> None:
    """What is wrong with it is said without a traceback into mockhost."""
    wrong: dict[str, tuple[object, ...]] = {
        "mockhost_server": (
            5,
            None,
            [],
            {"prot": 1},
            {"scenario": "x"},
            {5: 1},
            {"control_token": 5},
            {"seed": 1},
        ),
        "mockhost_scenario": (5, None),
        "mockhost_tls": ("no",),
        "mockhost_seed": ("x",),
        "mockhost_clock": (5,),
        "mockhost_connector": (5, []),
    }
    classes = [
        f"""
class Test_{name}_{number}:
    @pytest.fixture
    def {name}(self):
        return {value!r}

    def test_it(self, mockhost_client):
        pass
"""
        for name, values in wrong.items()
        for number, value in enumerate(values)
    ]
    result = play("\n".join(classes))
    result.assert_outcomes(errors=len(classes))
    text = result.stdout.str()
    assert not any(f"{each}Error:" in text for each in ("Type", "Value", "Attribute", "Key"))
    assert "mockhost_server has an unknown argument 'prot'; did you mean 'port'?" in text


def test_an_option_is_not_read_as_something_else(play: Play) -> None:
    """A text is true, and its letters are a list."""
    result = play(
        """
def asked(**options):
    return pytest.mark.mockhost(**options)

@pytest.mark.parametrize("host", [
    pytest.param("tls", marks=asked(tls="no")),
    pytest.param("strict", marks=asked(strict="no")),
    pytest.param("unused", marks=asked(allow_unused=0)),
    pytest.param("sets", marks=asked(sets="host.debug=true")),
])
def test_it(host, mockhost):
    pass
"""
    )
    result.assert_outcomes(errors=4)
    for message in (
        "tls is True, False or None, not 'no'",
        "strict is True or False, not 'no'",
        "allow_unused is True or False, not 0",
        "sets is a list of PATH=VALUE, not 'host.debug=true'; write ['host.debug=true']",
    ):
        result.stdout.fnmatch_lines([f"UsageError: {message.replace('[', '[[]')}"])


@pytest.mark.parametrize("wrong", ["5", "None", "['basics/empty']", "'./none.yaml'", "{'rules': 5}"])
def test_a_wrong_scenario_of_a_fixture_is_told_once(play: Play, wrong: str) -> None:
    """Without a traceback into mockhost."""
    result = play(
        f"""
@pytest.fixture
def mockhost_scenario():
    return {wrong}

def test_it(mockhost):
    pass

def test_factory(mockhost_factory):
    mockhost_factory("none")
"""
    )
    result.assert_outcomes(errors=1, failed=1)
    result.stdout.no_fnmatch_line("*During handling of the above exception*")
    result.stdout.no_fnmatch_line("*mockhost/scenario/*.py*")


def test_a_test_runs_for_each_scenario_of_a_shelf(play: Play) -> None:
    """Names are the ids, so that one scenario is picked with -k and played with `mockhost serve`."""
    names = shelves.names("documented")
    result = play(
        """
@pytest.mark.mockhost_each(shelf="documented")
def test_it(mockhost, request):
    assert request.node.callspec.id == mockhost.scenario.name
    assert mockhost.scenario.cause
    assert mockhost.scenario.client_should
""",
        "-v",
    )
    result.assert_outcomes(passed=len(names))
    result.stdout.fnmatch_lines(["*::test_it[[]documented/anchor_gone[]] PASSED*"])


def test_each_can_select_by_what_a_scenario_says(play: Play) -> None:
    """By names, by cause, by what the client should do, without some, and with those known to fail."""
    play(
        """
SEEN = []

@pytest.mark.mockhost_each("basics/empty", "basics/healthy")
@pytest.mark.mockhost(connectors={"SQL": {"system": {"people": 1}}})
def test_named(mockhost):
    SEEN.append(mockhost.scenario.name)
    assert mockhost.objects("SQL")

@pytest.mark.mockhost_each(client_should="wait", shelf="documented")
def test_by_advice(mockhost):
    assert mockhost.scenario.client_should == "wait"

@pytest.mark.mockhost_each("basics/empty", "basics/healthy", xfail={"basics/empty": "nobody is there"})
def test_known_to_fail(mockhost):
    assert mockhost.objects("SQL")

def test_last():
    assert SEEN == ["basics/empty", "basics/healthy"]
"""
    ).stdout.fnmatch_lines(["* passed, 1 xfailed in *"])


@pytest.mark.parametrize("group", faults.GROUPS)
def test_each_knows_the_faults_of_a_group(group: str) -> None:
    """A group stands for its faults' scenarios, in the order of the table of faults."""
    there = set(shelves.names())
    wanted = [f"faults/{name}" for name, its in faults.FAULTS.items() if its == group]
    wanted = [name for name in wanted if name in there]
    if not wanted:
        pytest.skip("none of its scenarios is there")
    assert marks.selected((), {"group": group}) == wanted
    assert set(wanted) <= set(marks.selected((), {"faults": True}))


def test_two_ways_to_name_a_scenario_are_one_too_many(play: Play) -> None:
    """Where both markers name scenarios, nobody knows which is meant."""
    result = play(
        """
@pytest.mark.mockhost("basics/empty")
@pytest.mark.mockhost_each("basics/healthy")
def test_it(mockhost): pass
"""
    )
    result.stdout.fnmatch_lines(["*the marker mockhost names a scenario, too; leave one of them out"])


def test_each_is_for_tests_with_a_host(play: Play) -> None:
    """A test that would run the same for each scenario is told so."""
    result = play("@pytest.mark.mockhost_each(shelf='basics')\ndef test_it(): pass")
    result.stdout.fnmatch_lines(["*mockhost_each is for tests with the fixture mockhost"])


def test_a_test_case_of_unittest_is_told_what_it_can_do_instead(play: Play) -> None:
    """unittest knows no parameters, so the marker would be passed over in silence."""
    result = play(
        """
import unittest

@pytest.mark.mockhost_each(shelf="basics")
class TestIt(unittest.TestCase):
    def test_it(self): pass
"""
    )
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*loop over them with self.subTest and mockhost.use"])


def test_a_call_says_what_a_marker_says() -> None:
    """Options stand apart from the keys of a scenario; a clock can be either."""
    said = marks.of_call(
        ("x",), {"clock": "wall", "host.debug": True, "host": {"service": "stopped"}, "seed": 1}
    )
    assert said == marks.Asked(
        "x", {"host": {"debug": True, "service": "stopped"}}, {"clock": "wall", "seed": 1}
    )
    assert marks.of_call((), {"clock": {"start": "2026-01-01"}}).options == {}
    with pytest.raises(UsageError):
        marks.of_call(("x", "y"), {})


def test_a_marker_without_a_host_is_an_error(play: Play) -> None:
    """The test would pass against nothing; markers of a class may be for some of its tests."""
    result = play(
        """
@pytest.mark.mockhost("basics/empty")
def test_it():
    pass
"""
    )
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["@pytest.mark.mockhost: the test has no host; add the fixture mockhost*"])
    play(
        """
@pytest.mark.mockhost("basics/empty")
class TestIt:
    def test_none(self): pass
    def test_one(self, mockhost_client): pass
    @pytest.mark.mockhost(seed=3)
    def test_factory(self, mockhost_factory): pass

@pytest.fixture
def mine(request):
    return request.getfixturevalue("mockhost")

@pytest.mark.mockhost("basics/empty")
@pytest.mark.usefixtures("mockhost")
def test_used(): pass

@pytest.mark.mockhost("basics/empty")
def test_asked(mine):
    assert mine.scenario.name == "basics/empty"
"""
    ).assert_outcomes(passed=5)


def test_each_takes_paths_beside_the_test(play: Play, pytester: pytest.Pytester) -> None:
    """As `mockhost` does, as texts or as paths."""
    folder = pytester.path / "deep"
    folder.mkdir()
    (folder / "mine.yaml").write_text("format: 1\nextends: basics/empty\ntitle: Mine\n", "utf-8")
    (folder / "test_deep.py").write_text(
        """
from pathlib import Path
import pytest

@pytest.mark.mockhost_each("./mine.yaml", "basics/healthy", xfail={"basics/healthy": "it has another title"})
def test_text(mockhost):
    assert mockhost.scenario.title == "Mine"

@pytest.mark.mockhost_each(Path("mine.yaml"))
def test_path(mockhost):
    assert mockhost.scenario.title == "Mine"
""",
        "utf-8",
    )
    result = play("", "-v", "deep")
    result.assert_outcomes(passed=2, xfailed=1)
    result.stdout.fnmatch_lines(["*test_text[[]mine[]] PASSED*"])
