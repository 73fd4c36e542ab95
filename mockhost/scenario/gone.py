"""What a parent says of a connector that a child removed goes with it.

`connectors: {LDAP: null}` would otherwise leave behind steps and settings of the parent that nobody can carry
out. What the removing file (or a later one) says itself of such a connector stays, and is a problem.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mockhost.scenario.layers import Layer, owner
from mockhost.scenario.paths import Path


class Removed:
    """The connectors that were removed on the way, and what may be left of them."""

    def __init__(self, layers: Sequence[Layer], document: Mapping[str, object]) -> None:
        self._layers = layers
        self._last: dict[str, int] = {}
        """by name: the last layer that still had it"""
        left = document.get("connectors")
        for i, layer in enumerate(layers):
            said = layer.document.get("connectors")
            had = [n for n, c in said.items() if isinstance(c, Mapping)] if isinstance(said, Mapping) else []
            for name in had:
                if not (isinstance(left, Mapping) and name in left):
                    self._last[name] = i

    @property
    def names(self) -> list[str]:
        """The removed connectors."""
        return list(self._last)

    def leaves(self, path: Path, names: set[str]) -> bool:
        """Whether what stands at `path` and is about connectors `names` is left over from a parent."""
        if not self._last or names.isdisjoint(self._last):
            return False
        where = self._layers.index(owner(self._layers, path))
        return any(where <= self._last[name] for name in names if name in self._last)


def connectors_of(step: Mapping[str, object]) -> set[str]:
    """The connectors that a step or a moment of the timeline names."""
    run, changes, settings = step.get("import"), step.get("change"), step.get("set")
    said = [step.get("connector"), run.get("connector") if isinstance(run, Mapping) else run]
    names = {name for name in said if isinstance(name, str)}
    if isinstance(changes, Mapping):
        names.update(changes)
    if isinstance(settings, Mapping):
        paths = [dotted.removeprefix("$.").split(".") for dotted in settings]
        names.update(path[1] for path in paths if len(path) > 1 and path[0] in ("connectors", "client"))
    return names
