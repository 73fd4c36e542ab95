"""The table of behaviours: complete, honest about its evidence, and hard to set wrongly."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mockhost.connectors.ecma import behaviours, kinds
from mockhost.connectors.ecma.behaviours import GENERATIONS, TABLE, Behaviour
from mockhost.errors import UsageError
from tools.docs import fidelity

ROOT = Path(__file__).resolve().parents[3]

HOST_WIDE = {name for name, row in TABLE.items() if row.host_wide}

by_name = pytest.mark.parametrize("row", TABLE.values(), ids=lambda row: row.name)


# -- the table is complete and honest ----------------------------------------------------------------------------


def test_every_open_point_has_at_least_one_row() -> None:
    """The points that no source settles are numbered U1 to U30, and none is forgotten."""
    stated = json.loads((ROOT / "tools" / "docs" / "statements.json").read_text("utf-8"))["statements"]
    covered = {point for row in TABLE.values() for point in row.ids}
    covered.update(point for row in stated for point in row.get("ids", ()))
    assert covered == {f"U{number}" for number in range(1, 31)}


@by_name
def test_a_default_may_be_set_explicitly(row: Behaviour) -> None:
    """What both generations do by default is among the choices."""
    for value in (row.default, row.preview_2020):
        if value is not None:
            assert behaviours.validate(row.name, value) is None


def test_each_reason_for_a_failed_export_has_a_behaviour() -> None:
    """Connectors and table agree on the closed set of reasons."""
    named = {name.removeprefix("export_status_") for name in TABLE if name.startswith("export_status_")}
    assert named == set(kinds.CODES)


# -- generations and overrides -----------------------------------------------------------------------------------


def test_every_generation_has_a_value_for_every_behaviour() -> None:
    """Code that reads a behaviour never has to ask whether it is there."""
    for generation in GENERATIONS:
        assert behaviours.resolve(generation).keys() == TABLE.keys()


@pytest.mark.parametrize(
    ("name", "current", "preview"),
    [
        ("filterless_list", "list", 405),
        ("cache_access", "token", "debug"),
        ("patch_reply", "user", "empty"),
        ("filter_invalid_status", 400, 406),
        ("filter_unsupported_status", 400, 501),
    ],
)
def test_the_generations_differ_where_the_sources_do(name: str, current: object, preview: object) -> None:
    """The preview of 2020 is another product in a handful of points."""
    assert behaviours.resolve("current")[name] == current
    assert behaviours.resolve("preview-2020")[name] == preview


def test_the_generations_are_the_same_elsewhere() -> None:
    """What differs is listed above, all of it."""
    current, preview = map(behaviours.resolve, GENERATIONS)
    assert len([name for name in current if current[name] != preview[name]]) == 5


def test_a_later_override_wins() -> None:
    """The host's own come first, a connector's after them."""
    values = behaviours.resolve(
        "preview-2020", {"patch_reply": "user", "put": 405}, {"patch_reply": "no_content"}
    )
    assert (values["patch_reply"], values["put"]) == ("no_content", 405)


def test_resolved_values_are_nobody_elses() -> None:
    """Whoever changes them changes no other host."""
    behaviours.resolve()["put"] = "changed"
    assert behaviours.resolve()["put"] == "accept"


@pytest.mark.parametrize(
    ("said", "seconds"), [("60s", 60.0), ("1.5m", 90.0), ("250ms", 0.25), ("2h", 7200.0), ("1d", 86400.0)]
)
def test_a_duration_is_resolved_to_seconds(said: str, seconds: float) -> None:
    """Files write units, code counts seconds."""
    assert behaviours.resolve("current", {"importing_retry_after": said})["importing_retry_after"] == seconds


def test_a_duration_of_none_is_none() -> None:
    """The header that is not sent has no number."""
    assert behaviours.resolve("current", {"importing_retry_after": "none"})["importing_retry_after"] is None


# -- what can't be set -------------------------------------------------------------------------------------------


def test_an_unknown_behaviour_is_met_with_the_nearest_name() -> None:
    """A slip of the pen costs one glance."""
    problem = behaviours.validate("patch_replies", "user")
    assert problem == "there is no behaviour 'patch_replies'; did you mean 'patch_reply'?"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("patch_reply", "nothing"),
        ("filterless_list", "405"),
        ("filterless_list", 404),
        ("importing_status", "503"),
        ("importing_status", True),
        ("importing_status", 99),
        ("importing_status", 100),
        ("importing_status", 600),
        ("importing_status", None),
        ("meta_in_resources", 1),
        ("meta_in_resources", "true"),
        ("list_page_size", -1),
        ("list_page_size", 1.5),
        ("list_page_size", False),
        ("importing_retry_after", 60),
        ("importing_retry_after", "60"),
        ("importing_retry_after", "-1s"),
        ("importing_retry_after", "never"),
        ("unauthorized_challenge", 5),
        ("unauthorized_challenge", "Bearer\r\nX-Injected: 1"),
        ("search", "Serve"),
        ("put", ["accept"]),
    ],
)
def test_a_value_that_is_not_allowed_is_refused_with_what_is(name: str, value: object) -> None:
    """Each refusal names the behaviour and the way out, and resolving refuses the same."""
    problem = behaviours.validate(name, value)
    assert problem is not None
    assert name in problem
    assert "allowed: " in problem
    with pytest.raises(UsageError, match="allowed: "):
        behaviours.resolve("current", {name: value})


@pytest.mark.parametrize("name", sorted(HOST_WIDE))
def test_what_shows_before_a_connector_is_known_is_the_hosts(name: str) -> None:
    """A connector can't have a wire of its own."""
    value = TABLE[name].default
    assert behaviours.validate(name, value) is None
    assert "under host" in (behaviours.validate(name, value, of_connector=True) or "")


def test_an_unknown_generation_is_refused() -> None:
    """With the names of those that there are."""
    with pytest.raises(UsageError, match="known: current, preview-2020"):
        behaviours.resolve("next")


# -- the JSON Schema ---------------------------------------------------------------------------------------------

SAMPLES = st.one_of(
    st.integers(-10, 700),
    st.booleans(),
    st.none(),
    st.text(max_size=8),
    st.sampled_from(
        ["serve", "none", "60s", "1.5h", "list", "accept", "exact", "user", "scim", 404, 405, 1.5, []]
    ),
    st.sampled_from([row.default for row in TABLE.values()]),
)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(list(TABLE.values())), SAMPLES)
def test_schema_and_validation_agree(row: Behaviour, value: object) -> None:
    """An editor that knows the schema and the loader that asks `validate` never disagree."""
    schema = jsonschema.Draft202012Validator(behaviours.json_schema())
    assert schema.is_valid({row.name: value}) == (behaviours.validate(row.name, value) is None)


def test_the_schema_is_one_and_describes_every_behaviour() -> None:
    """Editors show a description with each name."""
    schema = behaviours.json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    properties = schema["properties"]
    assert isinstance(properties, dict)
    assert set(properties) == set(TABLE)
    assert all(each["description"] for each in properties.values())


def test_the_schema_of_a_connector_leaves_out_what_is_the_hosts() -> None:
    """The editor does not offer what the loader refuses."""
    properties = behaviours.json_schema(of_connector=True)["properties"]
    assert isinstance(properties, dict)
    assert HOST_WIDE.isdisjoint(properties)


# -- the page ----------------------------------------------------------------------------------------------------


def test_the_page_shows_every_row_in_tables_that_hold_together() -> None:
    """No cell breaks its row: every line of a table has as many cells as its head."""
    page = fidelity.page()
    assert all(f"| `{row.name}`: " in page for row in TABLE.values())
    width = 0
    for line in page.splitlines():
        if not line.startswith("|"):
            width = 0
            continue
        cells = line.replace("\\|", "").count("|")
        width = width or cells
        assert cells == width, line
