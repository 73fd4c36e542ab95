"""`check` and `test-connection`: what is fine, what is not, and how sure anybody can be."""

from __future__ import annotations

import json
import shlex
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from mockhost import facts
from mockhost.api import MockHost
from mockhost.cli import telling
from mockhost.expect.check import CURED, HostDriver, default_connector
from mockhost.expect.steps import Player
from mockhost.scenario import loader, shelves
from tests.cli.conftest import Invoke

HEAD = "format: 1\nextends: basics/healthy\n"
WRONG = HEAD + "expect: [{send: test_connection, gets: {status: 401}}]\n"
FINE = HEAD + (
    "client: {SQL: {secret_token: the-old-one}}\n"
    "expect: [{send: test_connection, gets: {status: 401}}]\n"
    "cure: [{set: {client.SQL.secret_token: correct-horse-battery}}]\n"
)


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "fine.yaml").write_text(FINE, "utf-8")
    (tmp_path / "wrong.yaml").write_text(WRONG, "utf-8")
    (tmp_path / "broken.yaml").write_text(HEAD + "sed: 1\n", "utf-8")
    return tmp_path


def test_each_step_shows_what_was_sent_and_what_came(invoke: Invoke, files: Path) -> None:
    result = invoke("check", "fine.yaml")
    assert result.exit_code == 0
    for text in (
        "expect",
        "sent  GET /ecma2host_SQL/scim/Users?filter=PLACEHOLDER",
        "got   401 Unauthorized",
        "body  ",
        "mockhost control set client.SQL.secret_token=correct-horse-battery",
        "cured",
        "got   200 OK",
    ):
        assert text in result.stdout


def test_a_step_that_gets_something_else_is_shown_with_the_difference(invoke: Invoke, files: Path) -> None:
    result = invoke("check", "fine.yaml", "wrong.yaml")
    assert result.exit_code == 1
    assert "status: expected 401, got 200" in result.stdout
    assert "1 of 2 scenarios as they say" in result.stdout


@pytest.mark.parametrize(
    ("names", "code"),
    [
        (["fine.yaml"], 0),
        (["wrong.yaml"], 1),
        (["fine.yaml", "broken.yaml"], 1),
        (["fine.yaml", "missing.yaml"], 2),
    ],
)
@pytest.mark.parametrize("form", ["text", "json", "junit"])
def test_exit_codes_do_not_depend_on_the_format(
    invoke: Invoke, files: Path, form: str, names: list[str], code: int
) -> None:
    assert invoke("check", *names, "--format", form).exit_code == code


def test_the_result_for_programs(invoke: Invoke, files: Path) -> None:
    documents = json.loads(invoke("check", ".", "--format", "json").stdout)
    found = {Path(each["scenario"]).stem: each for each in documents}
    assert {name: each["ok"] for name, each in found.items()} == {
        "fine": True,
        "wrong": False,
        "broken": False,
    }
    assert found["broken"]["problems"][0]["hint"] == "did you mean 'seed'?"
    step = found["wrong"]["sections"][0]["steps"][0]
    assert step["problems"] == ["status: expected 401, got 200"]
    assert step["seen"]["status"] == 200


def test_the_result_for_a_ci_service(invoke: Invoke, files: Path) -> None:
    root = ET.fromstring(invoke("check", ".", "--format", "junit").stdout.encode())
    outcomes = {
        Path(str(case.get("name"))).stem: [child.tag for child in case] for case in root.iter("testcase")
    }
    assert outcomes == {"fine": [], "wrong": ["failure"], "broken": ["error"]}


MISSED = HEAD + (
    "rules: [{name: bob only, when: {operation: find_users, attributes: {ContosoLogin: bob}}, fault: hang}]\n"
    "expect: [{send: find, where: {ContosoLogin: ann}, gets: {status: 503}}]\n"
)


def test_what_needs_a_program_that_is_missing_is_left_out_unless_it_is_named(
    invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the reason; a scenario that was asked for by its name can't be played."""
    monkeypatch.setattr("shutil.which", lambda *_, **__: None)
    monkeypatch.setattr(shelves, "names", lambda: ["basics/ldap", "basics/healthy"])
    everything = invoke("check")
    assert everything.exit_code == 0
    assert "basics/ldap is left out: a directory of the mock's own needs slapd" in everything.stderr
    assert "basics/healthy" in everything.stdout
    assert invoke("check", "basics/ldap").exit_code == 4


@pytest.mark.parametrize("form", ["text", "json", "junit"])
def test_a_rule_that_did_not_fire_says_why(invoke: Invoke, files: Path, form: str) -> None:
    """In every format, beside what differs."""
    (files / "missed.yaml").write_text(MISSED, "utf-8")
    result = invoke("check", "missed.yaml", "--format", form)
    assert result.exit_code == 1
    assert "rule 'bob only' came closest (1 of 2 conditions hold)" in result.stdout
    assert "expected 'bob', got 'ann'" in result.stdout


def test_a_symptom_that_a_healthy_host_shows_too_proves_nothing(invoke: Invoke, files: Path) -> None:
    (files / "idle.yaml").write_text(
        HEAD + "expect: [{send: test_connection, gets: {status: 200}}]\n", "utf-8"
    )
    assert invoke("check", "idle.yaml").exit_code == 0
    result = invoke("check", "idle.yaml", "--prove")
    assert result.exit_code == 1
    assert "the symptom tells nothing" in result.stdout
    assert invoke("check", "fine.yaml", "--prove").exit_code == 0


def test_steps_to_a_scim_connector_rest_on_no_assumption_about_the_ecma_host(invoke: Invoke) -> None:
    """What a connector of kind scim answers is in the RFCs: a DELETE of nobody, a group, an unknown filter."""
    result = invoke("check", "basics/scim", "basics/scim_strict", "--format", "json")
    assert result.exit_code == 0
    played = [
        step for each in json.loads(result.stdout) for part in each["sections"] for step in part["steps"]
    ]
    assert played
    assert not [step for step in played if step.get("assumed")]


def test_a_step_names_the_assumption_that_it_rests_on(invoke: Invoke) -> None:
    result = invoke("check", "documented/first_import_running")
    assert "rests on importing_body, importing_status: assumed" in result.stdout
    document = json.loads(invoke("check", "documented/first_import_running", "--format", "json").stdout)[0]
    assert "importing_status" in document["sections"][0]["steps"][0]["assumed"]


def named(invoke: Invoke, files: Path, steps: list[object], **said: object) -> list[list[str]]:
    """The assumptions that each step of a scenario rests on."""
    (files / "rests.yaml").write_text(
        json.dumps({"format": 1, "extends": "basics/healthy", "expect": steps, **said}), "utf-8"
    )
    played = json.loads(invoke("check", "rests.yaml", "--format", "json").stdout)[0]
    assert played["ok"], played
    return [step["assumed"] for step in played["sections"][0]["steps"]]


RESTS: list[tuple[str, list[object], list[str]]] = [
    ("nothing", [{"send": "find", "where": {"ContosoLogin": "ljacobson"}, "gets": {"totalResults": 1}}], []),
    ("case", [{"send": "find", "where": {"ContosoLogin": "LJacobson"}, "gets": {"totalResults": 1}}], ["value_case"]),
    ("total", [{"send": "list", "gets": {"totalResults": 5}}], []),
    ("page", [{"send": "list", "gets": {"resources": 5}}], ["list_page_max", "list_page_size"]),
    ("id", [{"send": "get", "id": "ljacobson", "gets": {"status": 200}}], ["id_derivation"]),
    ("id's case", [{"send": "get", "id": "LJACOBSON", "gets": {"status": 404}}], ["id_case"]),
    ("no DELETE", [{"send": "delete", "id": "nobody", "gets": {"status": 404}}], ["delete_unknown_status"]),
    ("PUT", [{"send": "replace", "id": "ljacobson", "body": {}, "gets": {"status": 400}}],
     ["export_status_missing_attribute", "id_derivation", "put"]),
    ("not compared", [{"send": "delete", "id": "nobody", "gets": {"headers": {"Server": {"absent": False}}}}], []),
    ("filter", [{"send": "find", "filter": "a eq", "gets": {"status": 400}}], ["filter_invalid_status"]),
    ("filter's scimType", [{"send": "find", "filter": "a eq", "gets": {"scimType": "invalidFilter"}}],
     ["filter_invalid_status"]),
    ("cache", [{"send": "cache", "gets": {"body": {"/0/id": "ljacobson"}}}], ["cache_body", "id_derivation"]),
    ("groups", [{"send": "raw", "path": "/Groups", "gets": {"status": 501}}], ["groups_answer"]),
    ("prefix", [{"send": "raw", "target": "/ECMA2HOST_SQL/scim/Users?filter=a+eq+1", "gets": {"status": 200}}],
     ["prefix_case"]),
    ("slashes", [{"send": "raw", "path": "//Users", "gets": {"status": 404}}], ["double_slash"]),
    ("unknown", [{"send": "create", "attributes": {"ContosoLogin": "a", "FirstName": "A", "LastName": "B", "Odd": "x"},
                  "gets": {"status": 201}}], ["unknown_attributes"]),
]  # fmt: skip


@pytest.mark.parametrize(("steps", "names"), [each[1:] for each in RESTS], ids=[each[0] for each in RESTS])
def test_a_step_rests_on_what_would_change_its_result(
    invoke: Invoke, files: Path, steps: list[object], names: list[str]
) -> None:
    """Neither more nor less: each is found by answering the request under another value."""
    assert named(invoke, files, steps) == [names]


def test_what_an_import_decided_is_named_with_the_bodies_that_show_it(invoke: Invoke, files: Path) -> None:
    """Two objects of one anchor: which of them is imported nobody has published."""
    twice = {
        "connectors": {
            "SQL": {
                "anchor": "Email",
                "system": {
                    "columns": {"Email": {"type": "string", "unique": False}},
                    "objects": [
                        {"Email": "a", "FirstName": "A", "LastName": "B"},
                        {"Email": "a", "FirstName": "C", "LastName": "B"},
                    ],
                },
            }
        }
    }
    find = {"send": "find", "where": {"LastName": "B"}, "gets": {"totalResults": 1}}
    assert named(invoke, files, [find], **twice) == [["duplicate_anchor_import"]]


@pytest.mark.parametrize("name", shelves.names())
def test_every_step_of_every_scenario_has_words(name: str) -> None:
    """Also those that operate the host: the command line that does the same."""
    scenario = loader.load(name)
    for step in (*scenario.expect, *scenario.cure, *scenario.cured):
        assert telling.step_line(step).strip()
    for line in telling.lines(scenario.cure, "sh"):
        assert line.strip()


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        ({"advance": 240.0}, "mockhost control clock advance 4m"),
        ({"advance": 86_400.0 * 731}, "mockhost control clock advance 731d"),
        ({"advance": 0.25}, "mockhost control clock advance 250ms"),
        ({"service": "restart"}, "mockhost control service restart"),
        ({"import": "SQL"}, "mockhost control import SQL"),
        ({"import": {"connector": "SQL", "profile": "delta"}}, "mockhost control import SQL --profile delta"),
        ({"set": {"host.debug": True}}, "mockhost control set host.debug=true"),
        ({"set": {"a.b": "two words"}}, "mockhost control set 'a.b=two words'"),
        ({"set": {"a": [1, "x"]}}, "mockhost control set 'a=[1, \"x\"]'"),
        ({"change": {"SQL": {"delete": [{"A": 1}]}}}, 'mockhost control change \'{"SQL": {"delete": [{"A": 1}]}}\''),
        ({"verify": {"status": 401}}, "mockhost control verify '{\"status\": 401}'"),
        (
            {"send": "test_connection", "as": {"secret_token": "x"}},
            "the client: test connection, as a client with the secret token x",
        ),
        ({"entra": {"agent": {"agent-1": "restart"}}}, "mockhost control portal agent restart agent-1"),
        ({"entra": {"agent": {"a": {"proxy": "none"}}}}, "mockhost control portal agent machine a proxy=none"),
        ({"entra": {"change": {"users": {"ann@a.b": {"assigned": True}}}}},
         "mockhost control portal user ann@a.b assigned=true"),
        ({"entra": {"change": {"scope": {"sync": "all"}}}}, "in Entra: change scope sync 'all'"),
    ],
)  # fmt: skip
def test_a_step_is_a_command(step: Mapping[str, object], expected: str) -> None:
    assert telling.lines([step], "sh") == [expected]


CURABLE = [name for name in shelves.names() if loader.load(name).cure]


@pytest.mark.parametrize("name", CURABLE)
def test_every_cure_can_be_carried_out_by_its_commands(invoke: Invoke, name: str) -> None:
    """As they stand on the start page: pasted one after the other, they cure what is wrong."""
    with MockHost(name) as sick:
        scenario, driver = sick.scenario, HostDriver(sick)
        client = Player(driver.targets(), driver, default_connector(scenario))
        for step in scenario.expect:
            assert client.play(step).ok
        for step in scenario.cure:
            if "send" in step:
                assert client.play(step).ok
                continue
            commands = telling.lines([step], "sh", ["mockhost", "control", "--url", sick.control_url])
            commands = [line for line in commands if line.startswith("mockhost ")]
            assert commands
            for line in commands:
                result = invoke(*shlex.split(line)[1:])
                assert result.exit_code == 0, f"{line}: {result.output}"
        client._targets = driver.targets()
        for after in scenario.cured or CURED:
            played = client.play(after)
            assert played.ok, played


# -- test-connection ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def host() -> Iterator[MockHost]:
    with MockHost("basics/healthy", control=False) as running:
        yield running


def test_a_connection_that_the_portal_would_like(invoke: Invoke, host: MockHost) -> None:
    told = host.truth("SQL")
    assert told.ca_file is not None
    result = invoke("test-connection", told.url, "--ca", told.ca_file, "--secret-token", told.secret_token)
    assert result.exit_code == 0
    assert "The supplied credentials are authorized" in result.stdout
    assert told.secret_token not in result.output


def test_the_token_may_come_from_the_environment(
    invoke: Invoke, host: MockHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = host.truth("SQL")
    monkeypatch.setenv("MOCKHOST_SECRET_TOKEN", told.secret_token)
    words = ("test-connection", told.url, "--ca", str(told.ca_file), "--format", "json")
    assert json.loads(invoke(*words).stdout)["ok"] is True
    result = invoke(*words, "--secret-token", "wrong")
    assert result.exit_code == 1
    document = json.loads(result.stdout)
    assert document["seen"]["status"] == 401
    assert document["evidence"] in facts.EVIDENCE


def test_an_untrusted_certificate_is_what_the_portal_says_of_one(invoke: Invoke, host: MockHost) -> None:
    result = invoke("test-connection", host.truth("SQL").url, "--secret-token", "x")
    assert result.exit_code == 1
    assert "tls_untrusted" in result.stdout
    assert "CredentialValidationUnavailable" in result.stdout


def test_a_missing_ca_file_is_wrong_usage(invoke: Invoke) -> None:
    assert invoke("test-connection", "https://localhost/x", "--ca", "no.pem").exit_code == 2
