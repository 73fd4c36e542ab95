"""A provisioning.yaml: its values, every mistake with its place, and users from lists, files and seeds."""

from __future__ import annotations

from pathlib import Path

import pytest

from mockhost.cli import provisioning_file
from mockhost.entra import config, users
from mockhost.entra.config import Provisioning
from mockhost.errors import ScenarioError, UsageError

HEAD = 'format: 1\ntenant_url: "https://localhost:8585/ecma2host_SQL/scim"\n'


def read(folder: Path, text: str, head: str = HEAD, **env: str) -> Provisioning:
    file = folder / "provisioning.yaml"
    file.write_text(head + text, "utf-8")
    return provisioning_file.read(file, env)


def test_values(tmp_path: Path) -> None:
    """Everything that a file can say."""
    (tmp_path / "ca.pem").write_text("x")
    found = read(
        tmp_path,
        """
secret_token: {env: TOKEN}
trust: ca.pem
users: {count: 50, seed: 3, guests: 2}
mappings:
  ContosoLogin: {expression: 'Word([userPrincipalName], 1, "@")', matching: 1}
  FirstName: "[givenName]"
  Email: {attribute: mail, default: none@contoso.example}
  Kind: {constant: person, apply: create}
scope: {sync: all, filters: [[{attribute: department, operator: EQUALS, value: Sales}]]}
settings: {interval: 20m, accidental_deletions: 5, quarantine: {failures: 5, intervals: [1h, 2h]}, lost_target: rematch}
""",
        TOKEN="abc",
    )
    assert found.app == "ScimOnPremises"
    assert (found.entered.secret_token, found.entered.token_source) == ("abc", "env:TOKEN")
    assert found.trust == str(tmp_path / "ca.pem")
    assert found.users.count == 50
    assert found.mappings is not None
    assert [each.target.text.rpartition(":")[2] for each in found.mappings] == [
        "ContosoLogin",
        "FirstName",
        "Email",
        "Kind",
    ]
    assert [each.matching for each in found.mappings] == [1, 0, 0, 0]
    assert found.mappings[3].create_only
    assert not found.scope.assigned_only
    assert (found.settings.interval, found.settings.rematch_lost) == (1_200.0, True)
    assert found.settings.quarantine.intervals == (3_600.0, 7_200.0)


def test_the_certificate_may_lie_where_the_host_put_it(tmp_path: Path) -> None:
    """Which a start page names, in a folder of its own; nothing of a CA file is sent anywhere."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "trust.pem").touch()
    inside = tmp_path / "inside"
    inside.mkdir()
    for said in (str(elsewhere / "trust.pem"), "../elsewhere/trust.pem"):
        assert read(inside, f"users: []\ntrust: {said}").trust == str(elsewhere / "trust.pem")


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        ("users: []\nsecret_tokn: x", "4:1: $.secret_tokn", "did you mean 'secret_token'?"),
        ("users: {cuont: 5}", "3:9: $.users.cuont", "did you mean 'count'?"),
        ("users: {count: five}", "3:16: $.users.count", "expected a whole number, got the text 'five'"),
        ("users: {count: 2, guests: 3}", "3:1: $.users", "together more than count"),
        ("users: {file: no.csv}", "$.users.file", "there is no file no.csv"),
        ("users: {file: ../../etc/passwd}", "$.users.file", "not in the folder of the file that names it"),
        ("users: [{mail: a}]", "$.users", "without userPrincipalName"),
        ("users: [{userPrincipalName: a, assigned: maybe}]", "$.users", "write true or false"),
        ("users: [{userPrincipalName: a}, {userPrincipalName: A}]", "$.users", "listed twice"),
        ("users: []\nmappings: {a: [b]}", "4:12: $.mappings.a", 'quote it: "[userPrincipalName]"'),
        ("users: []\nmappings: {a: 'Jion([b])'}", "4:15: $.mappings.a", "did you mean 'Join'?"),
        ("users: []\nmappings: {a: {expression: 'Not([b]'}}", "$.mappings.a.expression", "(character 1)"),
        ("users: []\nmappings: {a: {attribute: b, constant: c}}", "$.mappings.a", "exactly one source"),
        ("users: []\nmappings: {a: '[b]'}", "$.mappings", "give one of them matching: 1"),
        (
            "users: []\nmappings: {id: {attribute: b, matching: 1}}",
            "$.mappings.id",
            "primary key id cannot be mapped",
        ),
        (
            "users: []\nmappings: {'a b': {attribute: b, matching: 1}}",
            '$.mappings["a b"]',
            "not a target attribute",
        ),
        (
            "users: []\nscope: {filters: [[{attribute: a, operator: EQUAL}]]}",
            "$.scope.filters[0][0]",
            "'EQUALS'",
        ),
        (
            "users: []\nscope: {filters: [[{attribute: manager, operator: IS NULL}]]}",
            "$.scope",
            "cannot name manager",
        ),
        (
            "users: []\nsettings: {interval: 40}",
            "$.settings.interval",
            "write a number with a unit: 30s, 40m",
        ),
        ("users: []\nsettings: {start: yesterday}", "$.settings.start", "is not a time"),
        ("users: []\nsettings: {actions: [creat]}", "$.settings.actions[0]", "'create'"),
        ("users: [", "$", "not YAML"),
    ],
)
def test_a_mistake_is_reported_as_in_a_scenario(tmp_path: Path, text: str, place: str, message: str) -> None:
    """With file, line, column, path, and what to try."""
    with pytest.raises(ScenarioError) as raised:
        read(tmp_path, text)
    (problem,) = raised.value.problems
    assert place in str(problem)
    assert message in str(problem)
    assert problem.file.endswith("provisioning.yaml")
    assert str(raised.value).startswith("1 problem in ")


def test_all_mistakes_come_at_once(tmp_path: Path) -> None:
    """In the order of the file."""
    with pytest.raises(ScenarioError) as raised:
        read(tmp_path, "users: {count: 5, seeds: 3}\nmapping: {}\nsettings: {interval: 40}\n")
    assert [problem.line for problem in raised.value.problems] == [3, 4, 5]


@pytest.mark.parametrize("name", ["provisioning.yaml", "."])
def test_a_file_that_is_not_there(tmp_path: Path, name: str) -> None:
    """Is a wrong argument."""
    with pytest.raises(UsageError, match="cannot be read"):
        provisioning_file.read(tmp_path / name, {})


@pytest.mark.parametrize(
    ("url", "app"),
    [
        ("https://localhost:8585/ecma2host_SQL/scim", "ScimOnPremises"),
        ("https://localhost:8585/ecma2host_SQL/scim/?aadOptscim062020", "ScimOnPremises"),
        ("https://scim.contoso.example/scim", "customappsso"),
    ],
)
def test_the_app_follows_from_the_tenant_url(url: str, app: str) -> None:
    """Unless the file says another."""
    assert config.app_of(url) == app


def test_users_of_a_csv_file(tmp_path: Path) -> None:
    """Cells are texts, empty ones nothing, flags true or false, lists parted by bars; names in any case."""
    (tmp_path / "people.csv").write_text(
        "\ufeffUserPrincipalName,givenName,accountEnabled,assigned,proxyAddresses,appRoleAssignments\n"
        "zoë@contoso.example,Zoë,FALSE,,a|b,Admin\nbob@contoso.example,,,no,,\n",
        "utf-8",
    )
    zoe, bob = read(tmp_path, "users: {file: people.csv}").users
    assert (zoe.enabled, zoe.assigned, zoe.attribute("GivenName")) == (False, True, "Zoë")
    assert zoe.attribute("proxyaddresses") == ["a", "b"]
    assert zoe.attribute("appRoleAssignments") == [{"displayName": "Admin"}]
    assert (bob.enabled, bob.assigned, bob.attribute("givenName")) == (True, False, None)
    assert bob.id == users.user_of({"userPrincipalName": "BOB@contoso.example"}).id


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.csv", "mail\nx\n", "a.csv:1: there is no column userPrincipalName"),
        ("a.csv", "userPrincipalName\nx,y\n", "a.csv:2: more cells"),
        ("a.csv", "userPrincipalName,assigned\nx,perhaps\n", "a.csv:2: assigned is 'perhaps'"),
        ("a.csv", "userPrincipalName\nf\udce4\n", "not UTF-8"),
        ("a.json", "{}", "not a list of users"),
        ("a.json", "[", "not JSON"),
        ("a.json", "[" * 100_000, "not JSON"),
        ("a.json", '[{"mail": "x"}]', "a.json[0]: a user without"),
    ],
)
def test_files_of_users_that_cannot_be_used(tmp_path: Path, name: str, text: str, message: str) -> None:
    """Name, line and what is wrong."""
    (tmp_path / name).write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(ScenarioError) as raised:
        read(tmp_path, f"users: {{file: {name}}}")
    assert message in str(raised.value)


def test_generated_users() -> None:
    """The same for the same seed; of each kind so many; no two of one name."""
    made = users.GeneratedUsers(
        users.Generated(200, 3, guests=5, disabled=4, soft_deleted=3, unassigned=2, missing=6, managers=True)
    )
    people = list(made)
    assert people == list(users.GeneratedUsers(made.config))
    assert people != list(users.GeneratedUsers(made.config._replace(seed=4)))
    assert len({user.name for user in people}) == len({user.id for user in people}) == 200
    assert sum("#EXT#" in user.name for user in people) == 5
    assert not any("#EXT#" in str(user.attribute("userPrincipalName")) for user in people)
    assert sum("#EXT#" in str(user.attribute("originalUserPrincipalName")) for user in people) == 5
    assert [
        sum(not u.enabled for u in people),
        sum(u.deleted for u in people),
        sum(not u.assigned for u in people),
    ] == [4, 3, 2]
    assert sum(user.attribute("mail") is None for user in people) == 6
    assert {user.attributes["manager"] for user in people if "manager" in user.attributes} <= {
        user.id for user in people
    }
    assert any(not str(user.attribute("displayName")).isascii() for user in people)
    assert all(user.name.isascii() for user in people)
    assert made.find(people[7].name.upper()) == people[7]
