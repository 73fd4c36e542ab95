"""Names in an assertion that nothing of the running host has: with them it could never hold, or always would."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import NamedTuple

from mockhost.errors import UsageError, did_you_mean


class Known(NamedTuple):
    """What there is. None: any name may be one."""

    connectors: Collection[str] | None
    rules: Collection[str]
    columns: Collection[str] | None


def check(spec: Mapping[str, object], known: Known) -> None:
    """Raise UsageError for a connector or rule that does not exist, or an attribute that is nearly a column."""
    for part in _parts(spec):
        for word, kind, names in (
            ("connector", "connector", known.connectors),
            ("rule", "rule", known.rules),
        ):
            for name in _texts(part.get(word)):
                if names is not None and name not in names:
                    raise UsageError(f"there is no {kind} {name!r}", hint=did_you_mean(name, names))
        if isinstance(attributes := part.get("attributes"), Mapping) and known.columns is not None:
            _check_attributes(map(str, attributes), known.columns)


_OF_SCIM = frozenset({"username", "active", "externalid", "id", "schemas", "displayname", "name", "meta"})


def _check_attributes(names: Iterable[str], columns: Collection[str]) -> None:
    """Clients may send any attribute; only a name that is nearly that of a column is taken for a slip."""
    folded = {name.casefold() for name in columns} | _OF_SCIM
    for name in names:
        short = name.rpartition(":")[2]
        hint = did_you_mean(short, columns)
        if short.casefold() not in folded and hint.startswith("did you mean"):
            raise UsageError(f"no connector has a column {short!r}", hint=hint)


def _parts(spec: Mapping[str, object]) -> Iterator[Mapping[str, object]]:
    """The maps of conditions of an assertion: itself, and its parts."""
    yield spec
    for word in ("order", "all"):
        parts = spec.get(word)
        for part in parts if isinstance(parts, (list, tuple)) else ():
            if isinstance(part, Mapping):
                yield from _parts(part)


def _texts(said: object) -> Iterator[str]:
    """The texts that an expectation names by equality."""
    if isinstance(said, str):
        yield said
    elif isinstance(said, (list, tuple)):
        for each in said:
            yield from _texts(each)
    elif isinstance(said, Mapping):
        for word in ("equals", "not", "any_of"):
            yield from _texts(said.get(word))
