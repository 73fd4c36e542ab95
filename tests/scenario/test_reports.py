"""Problems and scenarios in print, and the file that one starts with."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mockhost.errors import Problem, UsageError
from mockhost.scenario import loader, parsing, report, shelves, writing
from mockhost.scenario.documents import value_at
from mockhost.scenario.parsing import plain

PROBLEMS = [
    Problem("a,b.yaml", 3, 5, "$.x", "100% wrong", "try\nthis"),
    Problem("--set seed", 0, 0, "$.seed", "no number"),
]


def test_problems_as_text() -> None:
    """A line each."""
    assert report.render(PROBLEMS).splitlines() == [
        "a,b.yaml:3:5: $.x: 100% wrong; try",
        "this",
        "--set seed: $.seed: no number",
    ]
    assert report.render([]) == ""


def test_problems_as_json() -> None:
    """A list of maps with fixed keys."""
    found = json.loads(report.render(PROBLEMS, "json"))
    assert [list(problem) for problem in found] == [["file", "line", "column", "path", "message", "hint"]] * 2
    assert json.loads(report.render([], "json")) == []


def test_problems_as_workflow_commands() -> None:
    """Escaped as GitHub wants it; without a line where there is none."""
    assert report.render(PROBLEMS, "github").splitlines() == [
        "::error file=a%2Cb.yaml,line=3,col=5,title=scenario::$.x: 100%25 wrong; try%0Athis",
        "::error file=--set seed,title=scenario::$.seed: no number",
    ]


def test_an_unknown_format_is_a_wrong_usage() -> None:
    """With a near name."""
    with pytest.raises(UsageError, match="did you mean 'json'"):
        report.render(PROBLEMS, "jsn")


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.slow) if name.startswith("faults/") else name
        for name in shelves.names(env={})
    ],
)
def test_a_resolved_scenario_is_the_same_scenario(name: str) -> None:
    """Read back, with all defaults written out, it means the same."""
    scenario = loader.load(name, env={})
    reading = parsing.parse(report.resolved(scenario).encode(), "resolved")
    assert reading.problems == ()
    assert reading.root is not None
    document = plain(reading.root)
    assert isinstance(document, dict)
    again = loader.load_document(document, env={})
    for field in (
        "title",
        "host",
        "clock",
        "connectors",
        "client",
        "rules",
        "expect",
        "cure",
        "cured",
        "seed",
    ):
        assert getattr(again, field) == getattr(scenario, field), field


@pytest.mark.parametrize(
    "said",
    [
        {"host": {"service": "stopped", "debug": True, "tls": "expired"}, "machine": {"edition": 2022}},
        {
            "machine": {
                "services": {"host": {"state": "absent"}, "agent": {"start": "manual"}},
                "debug": True,
                "certificate": {"valid": ["-2d", "-1d"]},
                "trace": {"ECMA2Host": "Off"},
            }
        },
        {"host": {"service": "stopped"}, "machine": {"services": {"host": {"state": "stopped"}}}},
    ],
)
def test_a_resolved_scenario_has_the_same_machine(said: dict[str, object]) -> None:
    """What the host and its machine both have stands where it was said, and no default contradicts it."""
    scenario = loader.load_document({"extends": "basics/healthy", **said}, env={})
    reading = parsing.parse(report.resolved(scenario).encode(), "resolved")
    assert reading.root is not None
    document = plain(reading.root)
    assert isinstance(document, dict)
    again = loader.load_document(document, env={})
    assert again.host == scenario.host
    assert scenario.machine is not None
    assert again.machine is not None
    assert again.machine.edition == scenario.machine.edition
    assert again.machine.trace.get("ECMA2Host", "Verbose") == scenario.machine.trace.get(
        "ECMA2Host", "Verbose"
    )
    for key in ("agent", "updater"):
        assert again.machine.service(key) == scenario.machine.service(key)
    states = [value_at(one.document, ("machine", "services", "host", "state")) for one in (again, scenario)]
    assert states[0] == states[1]


def test_a_resolved_scenario_has_no_machine_of_which_it_does_not_speak() -> None:
    """A machine of defaults alone would have mockhost play a server that nobody asked for."""
    scenario = loader.load("basics/healthy", env={})
    assert scenario.machine is None
    assert "machine:" not in report.resolved(scenario)


def test_a_resolved_scenario_tells_the_origin_of_each_value() -> None:
    """File and line, `--set`, or default; what the environment says is not shown."""
    document = {
        "extends": "basics/healthy",
        "vars": {"t": {"env": "T"}},
        "client": {"SQL": {"secret_token": "${t}"}},
    }
    scenario = loader.load_document(document, sets=["host.debug=true"], env={"T": "hunter2"}, name="mine")
    lines = {
        line.partition("#")[0].strip(): line.partition("# ")[2]
        for line in report.resolved(scenario).splitlines()
    }
    assert lines["debug: true"] == "--set host.debug"
    assert lines["service: running"] == "default"
    assert lines['secret_token: "${t}"'] == "mine"
    assert lines["anchor: ContosoLogin"].partition(".yaml:")[0].endswith("healthy")
    assert "hunter2" not in report.resolved(scenario)


def test_programs_get_the_origin_by_path() -> None:
    """The same places, of what somebody said; defaults have none."""
    scenario = loader.load("basics/empty", sets=["host.debug=true"], env={})
    origins = report.origins(scenario)
    assert origins["$.host.debug"] == "--set host.debug"
    assert origins["$.connectors.SQL.anchor"].rpartition("healthy.yaml:")[2] == "17:13"
    assert "$.host.service" not in origins


_TEXTS = st.text(max_size=12) | st.sampled_from(
    ["no", "12", "a: b", "# x", "- a", "null", "\x85", "😀", "a\n"]
)


@given(st.dictionaries(_TEXTS, _TEXTS | st.lists(_TEXTS, max_size=3), min_size=1, max_size=4), _TEXTS)
def test_any_text_survives_being_printed(attributes: dict[str, object], why: str) -> None:
    """Quoted where it must be."""
    step = {"send": "create", "attributes": attributes}
    document = {"connectors": {}, "why": why.replace("${", ""), "expect": [step, {"send": "cache"}]}
    if "${" in json.dumps(document):
        return
    scenario = loader.load_document(document, env={})
    reading = parsing.parse(report.resolved(scenario).encode(), "resolved")
    assert reading.problems == ()
    assert reading.root is not None
    read = plain(reading.root)
    assert isinstance(read, dict)
    assert (read["expect"], read["why"]) == (document["expect"], document["why"])


def test_the_starter_is_a_valid_scenario_that_names_the_schema() -> None:
    """Also with each of its suggestions uncommented that stands alone."""
    text = writing.starter()
    assert text.startswith("# yaml-language-server: $schema=mockhost.schema.json\n")
    assert "$schema=https://example.org/s.json\n" in writing.starter("https://example.org/s.json")
    reading = parsing.parse(text.encode(), "starter")
    assert reading.problems == ()
    assert reading.root is not None
    document = plain(reading.root)
    assert isinstance(document, dict)
    scenario = loader.load_document(document, env={})
    assert (scenario.cause, scenario.cure) == ("import_running", ({"advance": 240.0},))


def test_the_starter_as_json_is_the_same_scenario() -> None:
    """Without the comments."""
    document = json.loads(writing.starter_json(parent="basics/empty", connector="LDAP"))
    scenario = loader.load_document(document, env={})
    assert (scenario.cause, scenario.cure) == ("import_running", ({"advance": 240.0},))
    assert scenario.parent == "basics/empty"
    assert scenario.connectors["LDAP"].imports.full_takes == 180.0


def test_every_suggestion_of_the_starter_is_valid() -> None:
    """With all comments that hold keys taken away."""
    lines = []
    for line in writing.starter().splitlines():
        stripped = line.lstrip(" ")
        if stripped.startswith("# ") and line not in writing.starter().splitlines()[:8]:
            line = " " * (len(line) - len(stripped)) + stripped[2:]
        lines.append(line)
    reading = parsing.parse("\n".join(lines).encode(), "starter")
    assert reading.problems == ()
    assert reading.root is not None
    document = plain(reading.root)
    assert isinstance(document, dict)
    document["connectors"].pop("LDAP")  # null, which removes it
    scenario = loader.load_document(document, env={})
    assert scenario.rules
    assert scenario.timeline
    assert scenario.client
    assert scenario.host.debug
