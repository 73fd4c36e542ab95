"""Connected systems outside of the process: who may name one, where it is, and which columns it has.

A database or a directory is reached by the word of the operator alone, or of a scenario file that the operator gives.
What came over the network says nothing of it: not where it is, and not which columns of it are shown.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from mockhost.connectors.ecma.config import Column, ConnectorConfig, SqlConfig
from mockhost.durations import seconds
from mockhost.errors import UsageError
from mockhost.scenario.layers import Findings, owner
from mockhost.scenario.paths import GONE, Path, value_at
from mockhost.scenario.sources import OUTSIDE, DataProblem

OWN: Final = "sqlite://"
"""The URL of a database of the mock's own."""
KEYS: Final = ("sql",)
"""The keys of a system that say where it is, outside of the process."""
_USE: Final = re.compile(r"\$\{([^{}]*)\}")
_FOUND: dict[SqlConfig, dict[str, Column]] = {}
"""The columns that were found, so that a setting of a running host asks nothing again."""


def forget() -> None:
    """Look again for the columns of every system."""
    _FOUND.clear()


# -- who may name one ---------------------------------------------------------------------------------------


def check_sources(document: Mapping[str, object], findings: Findings) -> None:
    """Report each system outside that is named, or of which more is shown, by a document that may not."""
    for name, _ in _maps(document.get("connectors")):
        for key in KEYS:
            path: Path = ("connectors", name, "system", key)
            said = value_at(document, path)
            if said is GONE or (isinstance(said, Mapping) and said.get("url") == OWN):
                continue  # a database of the mock's own belongs to no one else
            texts = [t for layer in findings.layers for t in _texts(value_at(layer.document, path))]
            words = [path, ("connectors", name, "system", "columns")]
            words += [("vars", found) for text in texts for found in _USE.findall(text)]
            if any(_is_from_the_network(each, findings) for each in words):
                findings.add(path, *OUTSIDE)
                findings.give_up(path)


def _is_from_the_network(path: Path, findings: Findings) -> bool:
    """Whether a layer that is not the operator's says anything there."""
    return any(
        value_at(layer.document, path) not in (GONE, None) and not layer.source(path).is_trusted
        for layer in findings.layers
    )


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _texts(item)


def _maps(value: object) -> Iterator[tuple[str, Mapping[str, object]]]:
    for name, item in value.items() if isinstance(value, Mapping) else ():
        if isinstance(item, Mapping):
            yield name, item


# -- where it is --------------------------------------------------------------------------------------------


def read(name: str, system: Mapping[str, Any], findings: Findings) -> SqlConfig | None:
    """Where the system of a connector is; None if it is in the process, or if that can't be read."""
    path: Path = ("connectors", name, "system", "sql")
    said = system.get("sql")
    if not isinstance(said, Mapping) or "url" not in said or findings.spoilt(path):
        return None
    from mockhost.connectors.systems import database

    if (problem := database.missing_package()) is not None:
        findings.add((*path, "url"), problem.message, problem.hint)
        findings.give_up(path)
        return None
    try:
        url = database.read_url(said["url"])
        if url.get_backend_name() == "sqlite" and said["url"] != OWN:
            url = url.set(database=_file(url, path, findings))
    except UsageError as error:
        findings.add((*path, "url"), error.message, error.hint)
        findings.give_up(path)
        return None
    written = said["url"] if said["url"] == OWN else url.render_as_string(hide_password=False)
    plain = SqlConfig(written, said.get("table", "Employees"))
    trouble = system.get("trouble", "none")
    if trouble not in ("none", *database.TROUBLES.get(url.get_backend_name(), ())):
        findings.add((*path[:-1], "trouble"), f"{trouble!r} can't be shown with {url.get_backend_name()}")
    if trouble == "deadlock" and url.get_backend_name() == "sqlite" and written != OWN:
        message = "a deadlock can't be shown with a SQLite file that is not the mock's own"
        findings.add((*path[:-1], "trouble"), message, "write url: sqlite://")
    return plain._replace(
        rows=said.get("rows", plain.rows),
        watermark=said.get("watermark"),
        deleted=said.get("deleted"),
        timeout=seconds(said["timeout"]) if "timeout" in said else plain.timeout,
    )


def _file(url: Any, path: Path, findings: Findings) -> str:
    """The database file of a SQLite URL by its whole path. Raises UsageError."""
    text = url.database or ""
    if text in ("", ":memory:"):
        raise UsageError(
            "a database in memory has no file that connections could share", hint="write sqlite://"
        )
    if text.startswith("file:") or url.query:
        raise UsageError("a SQLite URL names a file, and nothing else", hint="write sqlite:///hr.db")
    try:
        return str(owner(findings.layers, (*path, "url")).source((*path, "url")).place(text))
    except DataProblem as problem:
        raise UsageError(problem.message, hint=problem.hint) from None


def passwords(pages: Mapping[str, ConnectorConfig]) -> tuple[str, ...]:
    """What must never be shown of where systems are: passwords, and whole URLs that hold one."""
    from mockhost.connectors.systems import database

    found: list[str] = []
    for page in pages.values():
        if isinstance(page.system.outside, SqlConfig):
            url = database.read_url(page.system.outside.url)
            if url.password:
                found += [page.system.outside.url, str(url.password)]
    return tuple(found)


# -- which columns it has -----------------------------------------------------------------------------------


def columns_of(name: str, connector: Mapping[str, Any], findings: Findings) -> dict[str, Column]:
    """The columns that the system itself says it has, with the anchor as unique; none if it is in the process."""
    path: Path = ("connectors", name, "system", "sql")
    system = connector.get("system")
    if not isinstance(system, Mapping) or (config := read(name, system, findings)) is None:
        return {}
    if config.rows == "replace":
        message = "the key 'columns' is missing: with 'rows: replace' the table is made from them"
        findings.add(path[:-1], message, spoils=False)
        return {}
    try:
        from mockhost.connectors.systems.sql import discover

        if config not in _FOUND:
            _FOUND[config] = discover(config)
    except UsageError as error:
        findings.add((*path, "url"), error.message, error.hint)
        findings.give_up(path)
        return {}
    anchor = connector.get("anchor")
    return {
        key: column._replace(unique=True) if key == anchor else column
        for key, column in _FOUND[config].items()
    }


def check_page(
    name: str, system: Mapping[str, Any], columns: Mapping[str, Column], findings: Findings
) -> None:
    """Report keys of a system that do not go with where it is."""
    path: Path = ("connectors", name, "system")
    said = system.get("sql")
    if not isinstance(said, Mapping):
        if system.get("trouble", "none") != "none":
            findings.add((*path, "trouble"), "'trouble' goes with 'sql' only", key=True)
        return
    if "containers" in system:
        findings.add((*path, "containers"), "'containers' does not go with 'sql'", key=True)
    if said.get("rows", "keep") == "keep":
        for key in ("objects", "objects_file", "people"):
            if system.get(key):
                hint = "write 'rows: replace' if the table is to hold them, or take them away with null"
                findings.add((*path, key), "the rows of the table are the database's own", hint, key=True)
    for column in columns.values():
        if column.multi_valued:
            message = f"the column {column.name} of a SQL table holds one value"
            findings.add((*path, "columns", column.name), message, "leave multi_valued out")
