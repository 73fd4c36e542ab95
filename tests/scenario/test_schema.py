"""The schema itself, and that it says the same as the code beside it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mockhost import actions, matching
from mockhost.client.observation import ENDS
from mockhost.connectors.ecma import behaviours
from mockhost.connectors.provider import strictness
from mockhost.rules import conditions, rule
from mockhost.scenario import schema, shape, steps
from mockhost.tls.config import TLS_WORDS, TlsConfig

ROOT: dict[str, Any] = json.loads(schema.SCHEMA_FILE.read_text(encoding="utf-8"))


def _parts(part: object, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], dict[str, Any]]]:
    """Every schema within the schema, with its place."""
    if not isinstance(part, dict):
        return
    yield path, part
    for key in ("properties", "$defs"):
        for name, inner in part.get(key, {}).items():
            yield from _parts(inner, (*path, key, name))
    for key in ("items", "additionalProperties", "propertyNames"):
        yield from _parts(part.get(key), (*path, key))
    for key in ("anyOf", "oneOf"):
        for i, inner in enumerate(part.get(key, ())):
            yield from _parts(inner, (*path, key, str(i)))


PARTS = dict(_parts(ROOT))


def test_it_is_a_json_schema_of_2020_12_with_an_id() -> None:
    """Editors and validators can use it; so can they the one that is printed."""
    for document in (ROOT, json.loads(schema.text())):
        jsonschema.Draft202012Validator.check_schema(document)
        assert document["$schema"] == "https://json-schema.org/draft/2020-12/schema"
        assert document["$id"]


@pytest.mark.parametrize("path", [path for path in PARTS if len(path) > 1 and path[-2] == "properties"])
def test_every_property_has_a_description(path: tuple[str, ...]) -> None:
    """A description of its own, or that of what it refers to; a sentence."""
    part = PARTS[path]
    described = part if "description" in part else ROOT["$defs"][part["$ref"].rpartition("/")[2]]
    assert described["description"].endswith(".")


def test_a_map_by_declared_keys_takes_no_others() -> None:
    """Unknown keys are problems everywhere, but where keys are names."""
    loose = [
        path for path, part in PARTS.items() if "properties" in part and "additionalProperties" not in part
    ]
    assert loose == []


def test_behaviours_are_named_in_the_schema_that_is_printed() -> None:
    """Completion in an editor offers each behaviour that can be set."""
    printed = json.loads(schema.text())["$defs"]
    settable = set(behaviours.TABLE)
    assert set(printed["host"]["properties"]["behaviours"]["properties"]) == settable
    of_connector = printed["connector"]["properties"]["behaviours"]["properties"]
    of_scim = {"strictness", *strictness.TABLE, *strictness.OFFERS}
    assert (
        set(of_connector)
        == (settable - {name for name, row in behaviours.TABLE.items() if row.host_wide}) | of_scim
    )


def test_it_knows_the_words_of_the_code() -> None:
    """Matchers, conditions, verbs, shorthands and kinds of step: neither side has one that the other lacks."""
    definitions = ROOT["$defs"]
    step = definitions["step"]["properties"]
    tls = ROOT["$defs"]["host"]["properties"]["tls"]["anyOf"][0]["enum"]
    assert set(definitions["matcher"]["properties"]) == matching.WORDS
    effects = set(rule.EFFECTS) | {"write", "times", "note"}
    assert set(definitions["when"]["properties"]) == set(conditions.WORDS)
    assert set(definitions["sequence_step"]["properties"]) == effects
    assert effects | {"name", "when", "sequence", "repeat", "probability", "ttl", "optional"} == set(
        definitions["rule"]["properties"]
    )
    assert tuple(definitions["rule"]["properties"]["repeat"]["enum"]) == rule.REPEATS
    assert tuple(definitions["rule"]["properties"]["write"]["enum"]) == rule.WRITES
    assert set(definitions["state"]["properties"]) == {"to", "after", "note", *actions.WORDS}
    assert set(tls) == set(TLS_WORDS)
    # A certificate with an intermediate CA is for the fault incomplete_chain alone.
    assert set(definitions["tls"]["properties"]) == set(TlsConfig._fields) - {"intermediate"}
    assert set(step["send"]["enum"]) == set(steps.SIBLINGS)
    siblings = frozenset[str]().union(*steps.SIBLINGS.values())
    assert siblings | set(actions.VERBS) | {"says"} == set(step)
    assert set(actions.WORDS) | {"at", "note"} == set(definitions["moment"]["properties"])
    assert {option["required"][0] for option in definitions["step"]["anyOf"]} == set(actions.VERBS)
    assert tuple(definitions["host"]["properties"]["generation"]["enum"]) == behaviours.GENERATIONS


def _durations(part: dict[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    if part.get("$ref") == "#/$defs/duration":
        yield path
        return
    if "$ref" in part:
        yield from _durations(ROOT["$defs"][part["$ref"].rpartition("/")[2]], path)
    for name, inner in part.get("properties", {}).items():
        yield from _durations(inner, (*path, name))
    for inner in part.get("anyOf", ()):
        yield from _durations(inner, path)


def test_every_duration_of_a_step_becomes_seconds() -> None:
    """A step's durations in the schema are those that are converted."""
    assert set(_durations(ROOT["$defs"]["step"])) == set(steps.DURATIONS)
    assert list(_durations(ROOT["$defs"]["moment"])) == [("at",)]


# -- the quick yes and jsonschema ------------------------------------------------------------------------------

_WORDS = sorted({key for part in PARTS.values() for key in part.get("properties", ())})
_VALUES = sorted({str(word) for part in PARTS.values() for word in part.get("enum", ())})
_SCALARS = (
    st.sampled_from(_VALUES)
    | st.sampled_from(["3m", "-1d", "0s", "3m\n", "/a", "x y", "${v}", "", "SQL", "A-B"])
    | st.integers(-2, 700)
    | st.booleans()
    | st.none()
    | st.floats(-2, 3, allow_nan=False)
)
_KEYS = st.sampled_from(_WORDS) | st.sampled_from(["SQL", "Login", "A-B", "/x", "x"])
_ANYTHING = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYS, inner, max_size=4),
    max_leaves=12,
)


@given(st.sampled_from(sorted(PARTS)), _ANYTHING)
def test_the_quick_yes_agrees_with_jsonschema(path: tuple[str, ...], value: object) -> None:
    """For any part of the schema and any value, both come to the same answer."""
    part = PARTS[path]
    assert schema.accepts(value, part, ROOT) is (shape.failures(value, part) == [])


def test_the_quick_yes_knows_every_keyword_of_the_schema() -> None:
    """With one that it does not know, a start waits for jsonschema though nothing is wrong."""
    used = {keyword for part in PARTS.values() for keyword in part}
    assert used - schema._CHECKS.keys() == set()


def test_a_keyword_that_is_not_known_here_is_left_to_jsonschema() -> None:
    """So that a schema that grows stays right before this file knows of it."""
    assert not schema.accepts("x", {"format": "date"}, ROOT)


def test_the_schema_is_found_by_editors_in_a_checkout() -> None:
    """Shipped scenarios name it by a path that leads there."""
    for file in (Path(__file__).parents[2] / "scenarios").rglob("*.yaml"):
        first = file.read_text(encoding="utf-8").partition("\n")[0]
        if "$schema=" in first:
            assert (file.parent / first.partition("$schema=")[2]).resolve() == schema.SCHEMA_FILE.resolve()


def test_an_exchange_can_end_in_every_way_that_a_client_tells() -> None:
    """`ends` knows the client's words."""
    words = ROOT["$defs"]["gets"]["properties"]["ends"]["anyOf"][0]["enum"]
    assert tuple(words) == ENDS
