"""Names in a test's own rules that nothing of the host has."""

from __future__ import annotations

import pytest

from mockhost import MockHost
from mockhost.errors import UsageError
from tests.plugin.conftest import Play

WRONG = [
    ({"connector": "SLQ"}, "there is no connector 'SLQ'; did you mean 'SQL'?"),
    (
        {"operation": "create_user", "attributes": {"ContosoLgin": "x"}},
        "no connector has a column 'ContosoLgin'; *",
    ),
    ({"method": "GETT"}, "there is no method 'GETT'; did you mean 'GET'?"),
    ({"method": ["get", "POST"]}, "there is no method 'get'; did you mean 'GET'?"),
    ({"operation": "schemas", "in_state": "lokced"}, "there is no state 'lokced'; did you mean 'locked'?"),
]
LOCKS = {"name": "locks", "when": {"operation": "get_user"}, "set_state": "locked", "optional": True}


@pytest.mark.parametrize(("when", "words"), WRONG)
@pytest.mark.parametrize("how", ["marker", "factory", "use", "added"])
def test_a_name_that_does_not_exist_is_refused(play: Play, how: str, when: object, words: str) -> None:
    """Wherever the test wrote the rule."""
    result = play(
        f"""
RULES = [{LOCKS}, {{"name": "mine", "when": {when}, "fault": "hang"}}]
HOW = {how!r}

@pytest.mark.mockhost(rules=RULES if HOW == "marker" else [RULES[0]])
def test_it(mockhost, mockhost_factory):
    if HOW == "factory":
        mockhost_factory("basics/healthy", rules=RULES)
    if HOW == "use":
        mockhost.use("basics/healthy", rules=RULES)
    if HOW == "added":
        mockhost.add_rule(RULES[1])
"""
    )
    assert not result.parseoutcomes().get("passed")
    result.stdout.fnmatch_lines([f"*{words}*"])


def test_names_that_may_come_yet_are_taken() -> None:
    """A client may send any method and any attribute, and a test may set any state."""
    with MockHost() as host:
        for when in (
            {"method": "PROPFIND"},
            {"attributes": {"shoeSize": 1}},
            {"in_state": "nowhere"},
            {"method": "GET"},
        ):
            host.add_rule({"when": when, "fault": "hang"})
        with pytest.raises(UsageError, match="no method 'GETT'"):
            host.verify(method="GETT", count=0)
