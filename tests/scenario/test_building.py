"""What the shorthands of a file stand for, once it is loaded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mockhost.actions import Service
from mockhost.connectors.ecma.config import Column
from mockhost.durations import parse_duration
from mockhost.errors import ScenarioError, UsageError
from mockhost.scenario import loader
from mockhost.scenario.model import ClockConfig, Moment, Scenario
from mockhost.tls.config import TlsConfig

CONNECTOR: dict[str, Any] = {
    "secret_token": "visibly-fake",
    "anchor": "Login",
    "system": {"columns": {"Login": "string", "Active": "boolean"}},
}
DAY = 86_400.0


def load(connector: dict[str, Any] | None = None, **document: Any) -> Scenario:
    """A scenario with one connector, `HR`."""
    return loader.load_document(
        {"connectors": {"HR": {**CONNECTOR, **(connector or {})}}, **document}, env={}
    )


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("250ms", 0.25),
        ("2s", 2.0),
        ("3m", 180.0),
        ("120m", 7200.0),
        ("2h", 7200.0),
        ("1.5h", 5400.0),
        ("-1d", -DAY),
        ("730d", 730 * DAY),
    ],
)
def test_durations_become_seconds(text: str, seconds: float) -> None:
    """Each unit."""
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "3", "m", "3 m", "3M", "1h30m", "٣m", "1e3s", "3m\n", "9999999999s"])
def test_what_is_no_duration_is_a_wrong_usage(text: str) -> None:
    """With what to write instead."""
    with pytest.raises(UsageError, match="write a number with a unit"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("said", "made"),
    [
        ({}, TlsConfig()),
        ("expired", TlsConfig(valid=(-730 * DAY, -DAY))),
        ("not_yet_valid", TlsConfig(valid=(DAY, 731 * DAY))),
        ("untrusted", TlsConfig(issuer="untrusted")),
        ("wrong_usage", TlsConfig(usage="client")),
        ("none", TlsConfig(mode="none")),
        ("plain_http", TlsConfig(mode="plain_http")),
        (
            {"valid": ["-2d", "12h"], "names": ["a", "b"]},
            TlsConfig(valid=(-2 * DAY, DAY / 2), names=("a", "b")),
        ),
    ],
)
def test_tls_is_a_word_or_a_map(said: Any, made: TlsConfig) -> None:
    """A word stands for the properties that make it true."""
    assert load(host={"tls": said}).host.tls == made


def test_a_certificate_for_another_name_does_not_name_localhost() -> None:
    """`wrong_name` is wrong for whoever is on this machine."""
    assert "localhost" not in load(host={"tls": "wrong_name"}).host.tls.names


def test_the_clock() -> None:
    """Wall, twenty times as fast, or frozen; a start without an offset is UTC."""
    assert load().clock == ClockConfig("wall", 1.0, None)
    assert load(clock={"speed": 20}).clock == ClockConfig("wall", 20.0, None)
    assert load(clock={"mode": "frozen", "start": "1970-01-02"}).clock == ClockConfig("frozen", 1.0, DAY)
    assert load(clock={"start": "1970-01-01T02:00:00+01:00"}).clock.start == 3600.0


def test_the_anchor_is_unique_unless_it_says_otherwise() -> None:
    """As a primary key is; the tutorial's table has none, which a scenario can say."""
    assert load().connectors["HR"].system.columns[0] == Column("Login", unique=True)
    columns = {"Login": {"type": "string", "unique": False}}
    doubled = load({"system": {"columns": columns, "objects": [{"Login": "a"}, {"Login": "a"}]}})
    assert doubled.connectors["HR"].system.columns == (Column("Login"),)


def test_short_and_long_columns() -> None:
    """A type alone, or a map."""
    columns = {
        "Login": "string",
        "Id": {"generated": "guid"},
        "Class": {
            "type": "string",
            "multi_valued": True,
            "values": ["a", "b"],
            "required": True,
            "unique": True,
        },
    }
    assert load({"system": {"columns": columns}}).connectors["HR"].system.columns == (
        Column("Login", unique=True),
        Column("Id", generated="guid"),
        Column("Class", required=True, multi_valued=True, unique=True, values=("a", "b")),
    )


@pytest.mark.parametrize(
    ("said", "made"),
    [
        ({}, ("none", None, "delete", None)),
        ({"disable": "delete", "delete": "none"}, ("delete", None, "none", None)),
        ({"disable": {"set": "Active"}}, ("set", "Active", "delete", None)),
        ({"disable": {"set": "Active"}, "delete": {"set": "Active"}}, ("set", "Active", "set", "Active")),
    ],
)
def test_deprovisioning(said: Any, made: tuple[str | None, ...]) -> None:
    """none, delete, or a boolean column that isn't selected."""
    page = load({"deprovisioning": said}).connectors["HR"]
    assert tuple(page.deprovisioning) == made
    chosen = ("Login",) if "Active" in made else ("Login", "Active")
    assert page.selected_attributes == chosen, "all columns, but not what a flow sets"


def test_import_settings() -> None:
    """Durations in seconds; `never` is no timer."""
    plain = load().connectors["HR"].imports
    assert (plain.full_takes, plain.every, plain.profiles) == (0.0, 7200.0, ("full",))
    page = load({"import": {"full_takes": "3m", "every": "never", "profiles": [], "table": "Old"}})
    made = page.connectors["HR"].imports
    assert (made.full_takes, made.every, made.profiles, made.table) == (180.0, None, (), "Old")


def test_people_are_a_number_or_a_map() -> None:
    """50 means {count: 50}."""
    system = {**CONNECTOR["system"], "people": 50}
    people = load({"system": system}).connectors["HR"].system.people
    assert people is not None
    assert (people.size, dict(people.set), dict(people.fill)) == (50, {}, {})


def test_virtual_attributes_may_be_selected_as_in_the_wizard() -> None:
    """The Select Attributes page offers -dn- and export_password, which are no columns."""
    page = load({"selected_attributes": ["Login", "-dn-", "export_password"]}).connectors["HR"]
    assert page.selected_attributes == ("Login",)


def test_steps_are_as_written_with_durations_in_seconds() -> None:
    """Nothing else about them changes; the document keeps them as they were."""
    steps = [
        {"advance": "4m", "note": "wait"},
        {"send": "cache", "gets": {"took": {"at_least": "250ms"}, "ends": {"no_answer_within": "2s"}}},
        {"send": "cache", "gets": {"ends": "rst"}},
    ]
    scenario = load(expect=steps, timeline=[{"at": "10m", "service": "stop"}])
    assert scenario.expect == (
        {"advance": 240.0, "note": "wait"},
        {"send": "cache", "gets": {"took": {"at_least": 0.25}, "ends": {"no_answer_within": 2.0}}},
        {"send": "cache", "gets": {"ends": "rst"}},
    )
    assert scenario.timeline == (Moment(600.0, (Service("stop"),)),)
    assert scenario.document["expect"] == steps


def test_rules_have_names_and_bodies(tmp_path: Path) -> None:
    """`rules[i]` unless named; a body of a file is what the file holds, also if that is no text."""
    (tmp_path / "page.html").write_text("<p>ü</p>", encoding="utf-8")
    (tmp_path / "raw.bin").write_bytes(b"\xff\x00")
    rules = [
        {"reply": {"status": 503, "body_file": "page.html"}},
        {"name": "raw", "reply": {"body_file": "raw.bin"}},
        {"reply": "normal", "when": {"probe": True}},
    ]
    document = {"connectors": {"HR": CONNECTOR}, "rules": rules}
    scenario = loader.load_document(document, folder=tmp_path, env={})
    assert tuple(rule.document for rule in scenario.rules) == (
        {"name": "rules[0]", "reply": {"status": 503, "body": "<p>ü</p>"}},
        {"name": "raw", "reply": {"body": b"\xff\x00"}},
        {"name": "rules[2]", "reply": "normal", "when": {"probe": True}},
    )


def test_no_connector_at_all_is_a_scenario_too() -> None:
    """A host whose last connector was removed."""
    assert loader.load_document({"connectors": {}}, env={}).connectors == {}
    with pytest.raises(ScenarioError, match="the key 'connectors' is missing"):
        loader.load_document({}, env={})
