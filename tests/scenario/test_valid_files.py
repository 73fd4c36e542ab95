"""The folder of right files; every key of the format is used in one of them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from mockhost.faults import ALIASES, FAULTS
from mockhost.scenario import loader, schema, shape
from mockhost.scenario.schema import Schema

FOLDER = Path(__file__).parent / "valid"
FILES = sorted(path.name for path in FOLDER.iterdir() if path.suffix in (".yaml", ".json"))


@pytest.mark.parametrize("name", FILES)
def test_a_right_file_has_no_problem(name: str) -> None:
    """It loads, and what it was read from is known."""
    scenario = loader.load(FOLDER / name, env={})
    assert scenario.name == Path(name).stem
    assert scenario.origin == str(FOLDER / name)
    assert FOLDER / name in scenario.files


def _used(value: object, parts: list[Schema]) -> Iterator[tuple[int, str]]:
    """The properties of the schema that a document uses: which schema, which key."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            for part in parts:
                if key in part.get("properties", ()):
                    yield id(part["properties"]), key
            yield from _used(item, schema.below(parts, key))
    elif isinstance(value, list):
        for i, item in enumerate(value):
            yield from _used(item, schema.below(parts, i))


def _properties(part: object) -> Iterator[tuple[int, str]]:
    if isinstance(part, Mapping):
        properties = part.get("properties")
        if isinstance(properties, Mapping) and "type" in part:
            for key in properties:
                yield id(properties), key
        for inner in part.values():
            yield from _properties(inner)
    elif isinstance(part, list):
        for inner in part:
            yield from _properties(inner)


def test_every_key_of_the_format_is_used_by_a_right_file() -> None:
    """A key that is added to the schema needs a right file that uses it; each fault has a shipped scenario."""
    used: set[tuple[int, str]] = set()
    for name in FILES:
        document = loader.load(FOLDER / name, env={}).document
        used.update(_used(document, list(schema.alternatives(schema.root()))))
    unused = {key for place, key in _properties(schema.root()) if (place, key) not in used}
    unused -= {*FAULTS, *ALIASES}
    assert unused == {"$schema", "extends"}, "the loader itself takes these two out"


@pytest.mark.parametrize("name", FILES)
def test_jsonschema_agrees_that_a_right_file_is_right(name: str) -> None:
    """The quick yes is never given where jsonschema has something to say."""
    document = loader.load(FOLDER / name, env={}).document
    if "${" in json.dumps(document):
        document = {key: value for key, value in document.items() if key != "connectors"}
    assert shape.failures(document) == []
