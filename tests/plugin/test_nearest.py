"""Which marker counts, ini keys as TOML has them, and where an error is shown."""

from __future__ import annotations

import pytest

from tests.plugin.conftest import Play

IS_NINE = int(pytest.__version__.partition(".")[0]) >= 9


def test_the_nearest_of_mockhost_and_mockhost_each_counts(play: Play) -> None:
    """Options of further ones stay; a scenario that is further out does not count, and nor does what lies over it."""
    result = play(
        """
pytestmark = pytest.mark.mockhost_each("basics/healthy", "basics/scim")
seen = []

def test_each(mockhost):
    seen.append(mockhost.scenario.name)

@pytest.mark.mockhost("basics/empty")
def test_one(mockhost):
    seen.append(mockhost.scenario.name)

@pytest.mark.mockhost("basics/empty", seed=7, host={"debug": True})
class TestClass:
    @pytest.mark.mockhost_each("basics/healthy")
    @pytest.mark.mockhost(connectors={"SQL": {"system": {"people": 3}}})
    def test_each_again(self, mockhost):
        seen.append(mockhost.scenario.name)
        assert len(mockhost.objects("SQL")) >= 3
        assert not mockhost.scenario.host.debug

    def test_of_the_class(self, mockhost):
        seen.append(mockhost.scenario.name)

def test_all():
    assert seen == ["basics/healthy", "basics/scim", "basics/empty", "basics/healthy", "basics/empty"]
"""
    )
    result.assert_outcomes(passed=6)


def test_both_on_one_test_are_an_error(play: Play) -> None:
    """Neither is nearer."""
    result = play(
        """
@pytest.mark.mockhost("basics/empty")
@pytest.mark.mockhost_each("basics/healthy")
def test_it(mockhost): pass
"""
    )
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*the marker mockhost names a scenario, too*"])


@pytest.mark.skipif(not IS_NINE, reason="native TOML came with pytest 9")
@pytest.mark.parametrize(
    "table",
    [
        'mockhost_tls = false\nmockhost_seed = 7\nmockhost_listen = ["127.0.0.1"]\nmockhost_strict = true',
        'mockhost_tls = "false"\nmockhost_seed = "7"\nmockhost_listen = "127.0.0.1"\nmockhost_strict = "true"',
    ],
)
def test_native_toml(pytester: pytest.Pytester, table: str) -> None:
    """Booleans, numbers and lists, as well as strings."""
    pytester.makefile(".toml", pytest=f"[pytest]\n{table}\n")
    pytester.makepyfile(
        """
def test_it(mockhost, mockhost_client):
    assert mockhost.url().startswith("http:")
    assert mockhost.scenario.seed == 7
    mockhost.fail_next("find_users", optional=True)
    mockhost_client.get("/Schemas")
"""
    )
    result = pytester.runpytest_inprocess("-p", "no:randomly")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*request #1 (schemas at SQL) matched no rule*"])


@pytest.mark.skipif(not IS_NINE, reason="native TOML came with pytest 9")
@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("mockhost_seed = true", "mockhost_seed is a number, not True"),
        ("mockhost_tls = 1.5", "mockhost_tls is true, false or empty, not 1.5"),
        ("mockhost_scenario = [1]", "mockhost_scenario is a name or a path, not *1*"),
    ],
)
def test_native_toml_of_another_kind(pytester: pytest.Pytester, line: str, words: str) -> None:
    """One line that says what is expected."""
    pytester.makefile(".toml", pytest=f"[pytest]\n{line}\n")
    pytester.makepyfile("def test_it(mockhost): pass")
    result = pytester.runpytest_inprocess("-p", "no:randomly")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines([f"*{words}*"])


@pytest.mark.parametrize(
    "line",
    [
        "mockhost.fail_next('create_usr')",
        "mockhost.fail_next('create_user', fault='hnag')",
        "mockhost.add_rule({'when': {'operation': 'create_user'}, 'fualt': 'hang'})",
        "mockhost.verify(operation='create_usr')",
        "mockhost.verify(operation='create_user', count=1)",
        "mockhost.wait_for('create_usr')",
        "mockhost.url('SLQ')",
        *(
            pytest.param(line, marks=pytest.mark.slow)
            for line in (
                "mockhost.wait_for('create_user', timeout='1 fortnight')",
                "mockhost.token('SLQ')",
                "mockhost.session('SLQ')",
                "mockhost.objects('SLQ')",
                "mockhost.remove_rule('nothing')",
                "mockhost.use('basics/helthy')",
                "mockhost.clock.advance('1 fortnight')",
                "mockhost.call('get_clok')",
            )
        ),
    ],
)
def test_an_error_of_the_test_is_shown_in_the_test(play: Play, line: str) -> None:
    """None of our frames is in its traceback, but with --full-trace."""
    text = f"""
def test_it(mockhost):
    {line}
"""
    output = play(text).stdout.str()
    assert f">       {line}" in output
    assert "/mockhost/" not in output.partition("FAILURES")[2].partition("short test summary")[0]
    assert "/mockhost/" in play(text, "--full-trace").stdout.str()
