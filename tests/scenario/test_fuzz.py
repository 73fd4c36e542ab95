"""Whatever a file, a setting or a test says: a scenario, or a report of problems, and never anything else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mockhost.errors import ScenarioError, UsageError
from mockhost.scenario import loader, schema
from mockhost.scenario.model import Scenario

VALID = Path(__file__).parent / "valid"
WHOLE = (VALID / "everything.yaml").read_text(encoding="utf-8")
LINES = WHOLE.splitlines(keepends=True)
DOCUMENT: dict[str, Any] = json.loads(json.dumps(loader.load(VALID / "everything.yaml", env={}).document))

_SIGNS = st.sampled_from([*":-[]{}#&*!|>'\"%@`?, \t\n\\$", "${", "null", "\x00", "\x85", "\ufeff", "<<: "])


def attempt(text: bytes, folder: Path, name: str = "x.yaml") -> Scenario | None:
    """Load a text as a file; None if it has problems, each of which says something."""
    file = folder / name
    file.write_bytes(text)
    try:
        return loader.load(file, env={})
    except (ScenarioError, UsageError) as error:
        check(error)
    return None


def check(error: ScenarioError | UsageError) -> None:
    """It says something, and where."""
    assert str(error)
    if isinstance(error, ScenarioError):
        assert error.problems
        assert all(problem.message and problem.path.startswith("$") for problem in error.problems)


@given(
    text=st.text()
    | st.text(alphabet=":-[]{}#&*!|>'\"%, \na1")
    | st.binary().map(lambda b: b.decode("latin-1"))
)
@settings(max_examples=100)
def test_random_text(tmp_path_factory: Any, text: str) -> None:
    """As YAML and as JSON."""
    folder = tmp_path_factory.getbasetemp()
    attempt(text.encode("utf-8", "surrogatepass"), folder)
    attempt(text.encode("utf-8", "surrogatepass"), folder, "x.json")


@pytest.mark.slow
@given(data=st.data())
@settings(max_examples=60)
def test_a_right_file_with_a_piece_changed(tmp_path_factory: Any, data: st.DataObject) -> None:
    """Lines lost, doubled, swapped, and signs put anywhere."""
    lines = list(LINES)
    for _ in range(data.draw(st.integers(1, 3))):
        spot = data.draw(st.integers(0, len(lines) - 1))
        match data.draw(st.sampled_from(["lose", "double", "swap", "insert", "cut"])):
            case "lose" if len(lines) > 1:
                del lines[spot]
            case "double":
                lines.insert(spot, lines[spot])
            case "swap":
                other = data.draw(st.integers(0, len(lines) - 1))
                lines[spot], lines[other] = lines[other], lines[spot]
            case "insert":
                column = data.draw(st.integers(0, len(lines[spot])))
                lines[spot] = lines[spot][:column] + data.draw(_SIGNS) + lines[spot][column:]
            case _:
                lines = lines[: spot + 1]
    attempt("".join(lines).encode(), tmp_path_factory.getbasetemp())


_KEYS = st.sampled_from(
    sorted({key for part in schema.root()["$defs"].values() for key in part.get("properties", ())})
) | st.text(max_size=3)
_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=6)
    | st.sampled_from(["3m", "HR", "${token}", "${x}", "{n}", "expired", "normal", "any"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYS, inner, max_size=3),
    max_leaves=8,
)


def _replaced(value: Any, data: st.DataObject) -> Any:
    """The document with one part of it replaced by anything."""
    if isinstance(value, dict) and value and data.draw(st.booleans() if len(value) < 4 else st.just(True)):
        key = data.draw(st.sampled_from(sorted(value)))
        return {**value, key: _replaced(value[key], data)}
    if isinstance(value, list) and value and data.draw(st.booleans()):
        spot = data.draw(st.integers(0, len(value) - 1))
        return [*value[:spot], _replaced(value[spot], data), *value[spot + 1 :]]
    return data.draw(_VALUES)


@pytest.mark.slow
@given(data=st.data())
@settings(max_examples=100)
def test_a_right_document_with_a_part_replaced(data: st.DataObject) -> None:
    """From Python, where any type may come."""
    try:
        loader.load_document(_replaced(DOCUMENT, data), folder=VALID, env={})
    except (ScenarioError, UsageError) as error:
        check(error)


@given(path=st.lists(_KEYS, min_size=1, max_size=5), text=st.text(max_size=12) | _VALUES.map(str))
@settings(max_examples=60)
def test_any_setting(path: list[str], text: str) -> None:
    """`--set` with anything before and after the `=`."""
    try:
        loader.load("basics/healthy", sets=[".".join(path) + "=" + text], env={})
    except (ScenarioError, UsageError) as error:
        check(error)


@pytest.mark.slow
@given(st.dictionaries(_KEYS, _VALUES, max_size=3), st.sampled_from(["SQL", "LDAP", "x"]))
@settings(max_examples=60)
def test_any_override_of_a_connector(values: dict[str, Any], name: str) -> None:
    """As a test may write it."""
    try:
        loader.load("basics/healthy", overrides={"connectors": {name: values}}, env={})
    except (ScenarioError, UsageError) as error:
        check(error)
