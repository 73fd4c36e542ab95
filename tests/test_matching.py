"""A difference shows values as a scenario file writes them, whatever they are."""

from __future__ import annotations

import pytest

from mockhost.matching import ABSENT, difference


@pytest.mark.parametrize(
    ("expected", "value", "text"),
    [
        (False, True, "expected false, got true"),
        (None, "TooManyDeletes", "expected null, got 'TooManyDeletes'"),
        (3, ABSENT, "expected 3, got nothing"),
        ({"a": None}, {"a": [True, {"b": 1.5}]}, "expected {a: null}, got {a: [true, {b: 1.5}]}"),
        ({"any_of": [{"absent": True}, None]}, "x", "expected any of [{absent: true}, null], got 'x'"),
        ({"not": True}, True, "expected anything but true, got true"),
        ({"contains": False}, [True], "expected to contain false, got [true]"),
    ],
)
def test_values_are_shown_as_they_are_written(expected: object, value: object, text: str) -> None:
    assert difference(expected, value) == text


def test_a_value_may_be_nested_without_limit() -> None:
    """What a server sends is not bounded by what a scenario may have."""
    value: object = 1
    for _ in range(900):
        value = [value]
    assert (difference(1, value) or "").startswith("expected 1, got [[[")
