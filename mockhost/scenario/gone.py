"""What a parent says of a connector that a child removed goes with it.

`connectors: {LDAP: null}` would otherwise leave behind steps and settings of the parent that can't be carried out. What
the removing file (or a later one) says itself of such a connector stays, and is a problem.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from mockhost.actions import parse
from mockhost.errors import UsageError
from mockhost.scenario.layers import Layer, owner
from mockhost.scenario.paths import Path

LISTS = ("timeline", "expect", "cure", "cured", "wrong_cure")
"""The lists of a scenario whose entries may name connectors."""


def without_leftovers(
    document: Mapping[str, Any], layers: Sequence[Layer], connectors: Collection[str]
) -> dict[str, Any]:
    """The merged document without them; in lists there is None instead, so that the others keep their place.

    connectors: those that are left.
    """
    whole = dict(document)
    last = {
        name: i
        for i, layer in enumerate(layers)
        for name, connector in _map(layer.document.get("connectors")).items()
        if isinstance(connector, Mapping) and name not in connectors
    }
    if not last:
        return whole

    def is_left(path: Path, names: set[str]) -> bool:
        where = layers.index(owner(layers, path))
        return any(where <= last[name] for name in names if name in last)

    for key in LISTS:
        if isinstance(said := whole.get(key), Sequence):
            whole[key] = [
                None if is_left((key, i), _connectors(each)) else each for i, each in enumerate(said)
            ]
    if isinstance(told := whole.get("client"), Mapping):
        whole["client"] = {n: each for n, each in told.items() if not is_left(("client", n), {n})}
    return whole


def _map(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}


def _connectors(entry: object) -> set[str]:
    """The connectors that a step or a moment of the timeline names."""
    if not isinstance(entry, Mapping):
        return set()
    names = {entry["connector"]} if isinstance(entry.get("connector"), str) else set()
    try:
        found = () if "send" in entry else parse(entry)
    except UsageError:
        return names
    return names.union(*(action.connectors for action in found))
