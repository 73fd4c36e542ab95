"""The merge rule, held as laws."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from mockhost.nesting import merged
from mockhost.scenario.documents import at_path, idle_nulls

_LEAVES = (
    st.integers(0, 3) | st.sampled_from(["a", "b"]) | st.lists(st.integers(0, 2) | st.none(), max_size=2)
)
_KEYS = st.sampled_from("abc")
SAID = st.dictionaries(
    _KEYS,
    st.recursive(_LEAVES | st.none(), lambda inner: st.dictionaries(_KEYS, inner, max_size=3), max_leaves=6),
    max_size=3,
)


def _nulls(value: object) -> bool:
    return isinstance(value, dict) and any(v is None or _nulls(v) for v in value.values())


@given(SAID, SAID)
def test_what_is_said_last_holds(base: dict[str, Any], over: dict[str, Any]) -> None:
    """Every value of `over` is in the result, every null is gone, and everything else is that of `base`."""
    clean = merged({}, base)
    result = merged(clean, over)
    for key in {*base, *over}:
        if key not in over:
            assert result.get(key) == clean.get(key)
        elif over[key] is None:
            assert key not in result
        elif not isinstance(over[key], dict):
            assert result[key] == over[key]
        else:
            below = clean.get(key)
            assert result[key] == merged(below if isinstance(below, dict) else {}, over[key])


@given(SAID, SAID)
def test_merging_changes_neither_side(base: dict[str, Any], over: dict[str, Any]) -> None:
    """Shipped documents are shared."""
    before = repr(base), repr(over)
    merged(base, over)
    assert (repr(base), repr(over)) == before


@given(SAID, SAID)
def test_merging_twice_is_merging_once(base: dict[str, Any], over: dict[str, Any]) -> None:
    """And no null is left in the maps of a result."""
    once = merged(base, over)
    assert merged(once, over) == once
    assert not _nulls(merged({}, once))


def test_layers_are_put_together_from_the_bottom() -> None:
    """A map that lies on a scalar replaces it, and whatever is further below stays hidden."""
    parent, child, grandchild = {"a": {"x": 1}}, {"a": 0}, {"a": {"y": 2}}
    assert merged(merged(parent, child), grandchild) == {"a": {"y": 2}}


@given(SAID, SAID)
def test_an_idle_null_is_one_that_removes_nothing(base: dict[str, Any], over: dict[str, Any]) -> None:
    """Leaving it out makes no difference."""
    clean = merged({}, base)
    pruned: Any = {**over}
    for path in idle_nulls(clean, over):
        pruned = _without(pruned, list(path))
    assert merged(clean, pruned) == merged(clean, over)


def _without(value: dict[str, Any], path: list[Any]) -> dict[str, Any]:
    head, *rest = path
    if not rest:
        return {key: item for key, item in value.items() if key != head}
    return {**value, head: _without(value[head], rest)}


def test_a_path_is_a_map_of_maps() -> None:
    """As `--set` has it."""
    assert at_path("host.debug", True) == {"host": {"debug": True}}
    assert at_path("$.seed", 3) == {"seed": 3}
