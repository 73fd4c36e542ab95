"""Warnings: what a scenario may say and what then never happens."""

from __future__ import annotations

from pathlib import Path

import pytest

from mockhost.scenario import lint, loader, shelves

WIDE = "{when: {operation: [find_users, create_user]}, fault: {http_error: 503}}"


def warnings(tmp_path: Path, text: str) -> list[str]:
    """The warnings about a scenario of these lines."""
    file = tmp_path / "x.yaml"
    file.write_text(f"format: 1\nextends: basics/healthy\n{text}\n")
    found = lint.find(loader.load(file, env={}))
    assert all(each.file == str(file) and each.line == 3 for each in found)
    return [f"{each.message}; {each.hint}".removesuffix("; ") for each in found]


@pytest.mark.parametrize(
    ("rule", "warning"),
    [
        (
            "{when: {connector: sql}, reply: normal}",
            "no connector 'sql': the rule never fires for it; did you mean 'SQL'?",
        ),
        (
            "{when: {connector: [SQL, HR]}, reply: normal}",
            "no connector 'HR': the rule never fires for it; known: LDAP, SQL",
        ),
        (
            "{when: {method: get}, reply: normal}",
            "no method 'get': the rule never fires for it; did you mean 'GET'?",
        ),
        (
            "{when: {operation: find_resources}, reply: normal}",
            "'find_resources' exists at connectors of kind scim only, and there is none; "
            "write the operation of users or groups",
        ),
        (
            "{when: {attributes: {contsoLogin: x}}, reply: normal}",
            "no connector has an attribute 'contsoLogin'; did you mean 'ContosoLogin'?",
        ),
        (
            "{when: {body: {/username: x}}, reply: normal}",
            "'username': clients write 'userName', and a pointer is case-sensitive; write 'userName'",
        ),
        (
            "{when: {in_state: Brokn}, reply: normal}",
            "no state 'Brokn': no rule and no state leads to it; known: Started",
        ),
        ("{probability: 0, reply: normal}", "the rule never fires: its probability is 0"),
        (
            "{when: {operation: list_users, filter: {contains: ann}}, reply: normal}",
            "the rule never fires for 'list_users': a request with a filter is a find; write find_users",
        ),
        (
            "{when: {operation: find_users, id: ann}, reply: normal}",
            "the rule never fires for 'find_users': its path has no id; write get, replace, patch or delete",
        ),
        (
            "{when: {operation: create_user, probe: true}, reply: normal}",
            "the rule never fires for 'create_user': a probe is a find; write find_users",
        ),
        (
            "{when: {operation: get_user, attributes: {ContosoLogin: ann}}, reply: normal}",
            "the rule never fires for 'get_user': its requests have no body; write create, replace or patch",
        ),
        (
            "{when: {operation: [create_user, find_users], body: {/active: true}}, reply: normal}",
            "the rule never fires for 'find_users': its requests have no body; write create, replace or patch",
        ),
        (
            "{when: {operation: patch_user, method: [PUT, POST]}, reply: normal}",
            "the rule never fires for 'patch_user': its method is PATCH; leave method out",
        ),
    ],
)
def test_a_rule_that_can_never_fire_is_a_warning(tmp_path: Path, rule: str, warning: str) -> None:
    """With its place and what was probably meant."""
    assert warnings(tmp_path, f"rules: [{rule}]") == [warning]


@pytest.mark.parametrize(
    "rule",
    [
        "{when: {operation: find_users, attributes: {ContosoLogin: ann}}, reply: normal}",
        "{when: {operation: get_user, body: {/active: {absent: true}}}, reply: normal}",
        "{when: {operation: list_users, filter: {absent: true}, probe: false, method: GET}, reply: normal}",
        "{when: {operation: [search, bulk, me, unknown], body: {/a: 1}, id: ann, method: POST}, reply: normal}",
    ],
)
def test_a_rule_that_may_fire_is_no_warning(tmp_path: Path, rule: str) -> None:
    """A find's filter has attributes, and what is absent is asked for, too."""
    assert not warnings(tmp_path, f"rules: [{rule}]")


def test_a_variable_made_of_another_is_a_warning(tmp_path: Path) -> None:
    """Values are taken as they are."""
    said = "${b} in the value of a variable stands for itself; write the whole value"
    assert warnings(tmp_path, "vars: {a: 'x ${b}', b: '${c}', c: '$${a}'}")[:1] == [said]


@pytest.mark.parametrize(
    "rule",
    [
        "{when: {operation: find_users}, reply: normal}",
        "{when: {operation: find_users, attributes: {ContosoLogin: x}}, reply: normal}",
        "{when: {operation: create_user, nth: 2}, reply: normal}",
        "{reply: normal, times: 2}",
        "{name: other, when: {operation: find_users}, fault: hang}",
    ],
)
def test_a_rule_behind_one_that_takes_its_requests_is_a_warning(tmp_path: Path, rule: str) -> None:
    """Whatever it asks for more."""
    if rule.startswith("{reply"):
        assert warnings(tmp_path, f"rules: [{{reply: normal}}, {rule}]") != []
    else:
        (found,) = warnings(tmp_path, f"rules: [{WIDE}, {rule}]")
        assert "the rule never fires: 'rules[0]' comes first" in found


@pytest.mark.parametrize(
    "rules",
    [
        f"[{WIDE}, {{reply: normal}}]",
        f"[{WIDE}, {{when: {{operation: get_user}}, reply: normal}}]",
        f"[{WIDE}, {{when: {{operation: find_users, verdict: any}}, reply: normal}}]",
        "[{times: 1, reply: normal}, {reply: normal}]",
        "[{when: {nth: 1}, reply: normal}, {reply: normal}]",
        "[{probability: 0.5, reply: normal}, {reply: normal}]",
        "[{ttl: 5m, reply: normal}, {reply: normal}]",
        "[{sequence: [{reply: normal}], repeat: none}, {reply: normal}]",
        "[{fault: tls_stall}, {when: {operation: find_users}, reply: normal}]",
        "[{when: {attributes: {FirstName: a}}, reply: normal}, {when: {attributes: {FirstName: b}}, reply: normal}]",
        "[{when: {connector: {starts_with: S}, operation: [find_users]}, reply: normal}]",
        "[{when: {method: PROPFIND, operation: [unknown]}, reply: normal}]",
        "[{when: {in_state: Broken}, reply: normal}, {when: {operation: create_user}, set_state: Broken}]",
        "[{when: {attributes: {userName: a, '-dn-': b, 'urn:x:y:LastName': c, madeUp: d}}, reply: normal}]",
    ],
)
def test_rules_that_can_fire_are_none(tmp_path: Path, rules: str) -> None:
    """However alike they look; what a client may send of its own is not for us to say, unless it is nearly a name."""
    assert [each for each in warnings(tmp_path, f"rules: {rules}") if "madeUp" not in each] == []


def test_connectors_on_demand_may_have_any_name(tmp_path: Path) -> None:
    """They come into being when they are asked for."""
    (tmp_path / "y.yaml").write_text(
        "format: 1\nextends: basics/scim\non_demand: {template: SCIM}\n"
        "rules: [{when: {connector: tenant7, operation: find_resources}, reply: normal}]\n"
    )
    assert lint.find(loader.load(tmp_path / "y.yaml", env={})) == ()


def test_a_misspelt_state_to_go_to_is_a_warning(tmp_path: Path) -> None:
    """One that is described nowhere and nearly one that is; a last state needs no description."""
    text = "states: {initial: A, A: {to: Rotatd, after: 1m}, Rotated: {to: Over, after: 1m}}"
    assert warnings(tmp_path, text) == ["no state is described as 'Rotatd'; did you mean 'Rotated'?"]


def test_a_column_that_a_parents_selection_hides_is_a_warning(tmp_path: Path) -> None:
    """Not one that the same file leaves out."""
    added = "connectors: {SQL: {system: {columns: {Extra: string}}%s}}"
    (found,) = warnings(tmp_path, added % "")
    assert found.endswith("a parent selects the attributes without it; add Extra to selected_attributes")
    assert warnings(tmp_path, added % ", selected_attributes: [ContosoLogin, FirstName]") == []


def test_no_shipped_scenario_has_one() -> None:
    """They are what people copy."""
    for name in shelves.names():
        assert lint.find(loader.load(name, env={})) == (), name
