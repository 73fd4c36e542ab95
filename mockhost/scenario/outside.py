"""Connected systems outside of the process: who may name one, where it is, and which columns it has.

A database or a directory is reached by the word of the operator alone, or of a scenario file that the operator gives.
What came over the network says nothing of it: not where it is, and not which columns of it are shown.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, TypeAlias

from mockhost.connectors.ecma import dn as dns
from mockhost.connectors.ecma.config import (
    Column,
    ConnectorConfig,
    LdapConfig,
    Parameter,
    Procedure,
    Procedures,
    SqlConfig,
    name_parts,
)
from mockhost.connectors.ecma.kinds import KINDS
from mockhost.connectors.systems.system import NotThere
from mockhost.durations import seconds
from mockhost.errors import UsageError, did_you_mean
from mockhost.scenario.documents import GONE, Path, maps_in, value_at
from mockhost.scenario.layers import Findings, owner
from mockhost.scenario.sources import OUTSIDE, DataProblem

OWN: Final = ("sqlite://", "ldap://")
"""The URLs of a database and a directory of the mock's own."""
KEYS: Final = ("sql", "ldap")
"""The keys of a system that say where it is, outside of the process."""
_USE: Final = re.compile(r"\$\{([^{}]*)\}")
_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9-]*")
"""How an attribute of a directory is called (RFC 4512 1.4)."""
Outside: TypeAlias = "SqlConfig | LdapConfig"
_FOUND: dict[Outside, dict[str, Column]] = {}
"""The columns that were found, so that a setting of a running host asks nothing again."""


def forget() -> None:
    """Look again for the columns of every system."""
    _FOUND.clear()


# -- who may name one ---------------------------------------------------------------------------------------


def check_sources(document: Mapping[str, object], findings: Findings) -> None:
    """Report each system outside that is named, or of which more is shown, by a document that may not."""
    for name in maps_in(document.get("connectors")):
        for key in KEYS:
            path: Path = ("connectors", name, "system", key)
            said = value_at(document, path)
            if said is GONE or (isinstance(said, Mapping) and said.get("url") in OWN):
                continue  # one of the mock's own belongs to no one else
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


# -- where it is --------------------------------------------------------------------------------------------


def key_of(system: Mapping[str, Any]) -> str | None:
    """The key that says where a system is; None if it is in the process."""
    return next((key for key in KEYS if isinstance(system.get(key), Mapping)), None)


def read(name: str, system: Mapping[str, Any], findings: Findings) -> Outside | None:
    """Where the system of a connector is; None if it is in the process, or if that can't be read."""
    if (key := key_of(system)) is None:
        return None
    said, path = system[key], ("connectors", name, "system", key)
    needed = ("url",) if key == "sql" else ("url", "base")
    if any(each not in said for each in needed) or findings.spoilt(path):
        return None
    try:
        return (_sql if key == "sql" else _ldap)(said, path, system.get("trouble", "none"), findings)
    except UsageError as error:
        findings.add((*path, getattr(error, "key", "url")), error.message, error.hint)
        findings.give_up(path)
        return None


def _sql(said: Mapping[str, Any], path: Path, trouble: str, findings: Findings) -> SqlConfig:
    """Raises UsageError for what is wrong with the URL."""
    from mockhost.connectors.systems import database, procedures

    if (problem := database.missing_package()) is not None:
        raise problem
    is_own = said["url"] == database.OWN
    url = database.read_url(said["url"])
    dialect = url.get_backend_name()
    if dialect == "sqlite" and not is_own:
        url = url.set(database=_file(url, path, findings))
    written = said["url"] if is_own else url.render_as_string(hide_password=False)
    _check_trouble(trouble, database.TROUBLES.get(dialect, ("none",)), dialect, path, findings)
    if trouble == "deadlock" and dialect == "sqlite" and not is_own:
        message = "a deadlock can't be shown with a SQLite file that is not the mock's own"
        findings.add((*path[:-1], "trouble"), message, "write url: sqlite://")
    plain = SqlConfig(written, said.get("table", "Employees"))
    *schema, _ = parts = name_parts(plain.table)
    if "" in parts:
        raise NotThere("table", *_empty_part(plain.table))
    if dialect == "sqlite" and schema and ".".join(schema).casefold() != "main":
        message = f"SQLite has no schema {'.'.join(schema)!r}, which {plain.table!r} names"
        raise NotThere("table", message, f"if the table's own name has a dot, write '\"{plain.table}\"'")
    if said.get("procedures") is not None and dialect not in procedures.DIALECTS:
        message = f"stored procedures can't be called with {dialect}"
        findings.add((*path, "procedures"), message, "name a PostgreSQL, or leave 'procedures' out")
    return plain._replace(
        procedures=_procedures(said.get("procedures")),
        rows=said.get("rows", plain.rows),
        watermark=said.get("watermark"),
        deleted=said.get("deleted"),
        timeout=seconds(said["timeout"]) if "timeout" in said else plain.timeout,
    )


def _empty_part(name: str) -> tuple[str, str]:
    """Message and hint for a name such as `hr.`."""
    hint = """write NAME or SCHEMA.NAME; a name that has a dot is in double quotes, like '"my.table"'"""
    return f"a part of the name {name!r} is empty", hint


def _procedures(said: Mapping[str, Any] | None) -> Procedures | None:
    return None if said is None else Procedures(*(_procedure(said[word]) for word in Procedures._fields))


def _procedure(said: Mapping[str, Any]) -> Procedure:
    """A procedure; its parameters are in the wizard's form, `name:INPUT:@Column`."""
    lines = said.get("parameters")
    if lines is None:
        return Procedure(said["name"])
    parts = [line.split(":") for line in lines]
    return Procedure(
        said["name"], tuple(Parameter(n, way, value.removeprefix("@")) for n, way, value in parts)
    )


def _ldap(said: Mapping[str, Any], path: Path, trouble: str, findings: Findings) -> LdapConfig:
    """Raises UsageError for what is wrong with the URL."""
    from mockhost.connectors.systems import directory

    if (problem := directory.missing_package()) is not None:
        raise problem
    directory.check_url(said["url"])
    for word in ("base", "user"):
        if word in said and not dns.is_ldap_style(said[word]):
            findings.add(
                (*path, word), f"{said[word]!r} is not a DN", "write it like ou=people,dc=contoso,dc=lab"
            )
    plain = LdapConfig(said["url"], said["base"])
    rows = said.get("rows", plain.rows)
    is_own = said["url"] == directory.OWN
    if is_own and rows == "keep":
        findings.add((*path, "url"), "a directory of the mock's own is empty", "write rows: replace")
    _check_trouble(trouble, directory.TROUBLES, "ldap", path, findings)
    if trouble == "read_only" and not is_own:
        message = "only a directory of the mock's own can be made read-only"
        findings.add((*path[:-1], "trouble"), message, "write url: ldap://")
    return plain._replace(
        object_class=said.get("object_class", plain.object_class),
        user=said.get("user", ""),
        password=said.get("password", ""),
        rows=rows,
        operational=said.get("operational", False),
        timeout=seconds(said["timeout"]) if "timeout" in said else plain.timeout,
    )


def _check_trouble(trouble: str, known: Sequence[str], what: str, path: Path, findings: Findings) -> None:
    if trouble not in known:
        findings.add((*path[:-1], "trouble"), f"{trouble!r} can't be shown with {what}")


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
        if isinstance(page.system.outside, LdapConfig) and page.system.outside.password:
            found.append(page.system.outside.password)
        if isinstance(page.system.outside, SqlConfig):
            url = database.read_url(page.system.outside.url)
            if url.password:
                found += [page.system.outside.url, str(url.password)]
    return tuple(found)


# -- which columns it has -----------------------------------------------------------------------------------


def columns_of(name: str, connector: Mapping[str, Any], findings: Findings) -> dict[str, Column]:
    """The columns that the system itself says it has, with the anchor as unique; none if it is in the process."""
    system = connector.get("system")
    if not isinstance(system, Mapping) or (config := read(name, system, findings)) is None:
        return {}
    path: Path = ("connectors", name, "system", str(key_of(system)))
    if config.rows == "replace":
        message = "the key 'columns' is missing: with 'rows: replace' the objects have them"
        findings.add(path[:-1], message, spoils=False)
        return {}
    try:
        columns = _FOUND.get(config)  # which another thread may forget
        if columns is None:
            columns = _FOUND[config] = _discovered(config)
    except UsageError as error:
        key = getattr(error, "key", "url")
        findings.add((*path, key if key in system[path[-1]] else "url"), error.message, error.hint)
        findings.give_up(path)
        return {}
    anchor = connector.get("anchor")
    return {key: column._replace(unique=True) if key == anchor else column for key, column in columns.items()}


def _discovered(config: Outside) -> dict[str, Column]:
    """Raises UsageError."""
    if isinstance(config, SqlConfig):
        from mockhost.connectors.systems import sql

        return sql.discover(config)
    from mockhost.connectors.systems import ldap

    return ldap.discover(config)


def check_page(
    name: str, connector: Mapping[str, Any], columns: Mapping[str, Column], findings: Findings
) -> None:
    """Report keys of a connector that do not go with where its system is."""
    path: Path = ("connectors", name, "system")
    system = connector["system"]
    if (key := key_of(system)) is None:
        if system.get("trouble", "none") != "none":
            findings.add((*path, "trouble"), "'trouble' goes with 'sql' and 'ldap' only", key=True)
        return
    for other in KEYS:
        if other != key and isinstance(system.get(other), Mapping):
            findings.add(
                (*path, other), f"a system has '{key}' or '{other}'", "take one away with null", key=True
            )
    if system[key].get("rows", "keep") == "keep":
        for word in ("objects", "objects_file", "people", *(("containers",) if key == "ldap" else ())):
            if system.get(word):
                hint = "write 'rows: replace' if they are to be replaced, or take these away with null"
                findings.add((*path, word), _OWN_ROWS[key], hint, key=True)
    (_check_table if key == "sql" else _check_directory)(path, connector, columns, findings)


_OWN_ROWS: Final = {
    "sql": "the rows of the table are the database's own",
    "ldap": "the entries are the directory's own",
}


def _check_table(
    path: Path, connector: Mapping[str, Any], columns: Mapping[str, Column], findings: Findings
) -> None:
    if "containers" in connector["system"]:
        findings.add((*path, "containers"), "'containers' does not go with 'sql'", key=True)
    is_dn = connector.get("anchor") == "dn" and "dn" not in columns
    if is_dn and connector["system"]["sql"].get("rows", "keep") == "keep":
        findings.add(
            (*path[:-1], "anchor"), "a table of the database's own has no DN", "name a column of the table"
        )
    for word, said in (connector["system"]["sql"].get("procedures") or {}).items():
        if "" in name_parts(str((said or {}).get("name", "?"))):
            findings.add((*path, "sql", "procedures", word, "name"), *_empty_part(said["name"]))
        for number, line in enumerate((said or {}).get("parameters") or ()):
            before, _, name = str(line).rpartition("@")
            if line is not None and name not in columns:
                where = (*path, "sql", "procedures", word, "parameters", number)
                hint = did_you_mean(line, [f"{before}@{each}" for each in columns])
                findings.add(where, f"the table has no column {name!r}", hint)
    marker = columns.get(connector["system"]["sql"].get("deleted") or "")
    if marker is not None and marker.type != "boolean":
        message = f"'deleted' needs a boolean column, and {marker.name} is of type {marker.type}"
        findings.add((*path, "columns", marker.name), message, "write type: boolean")
    for column in columns.values():
        if column.multi_valued:
            message = f"the column {column.name} of a SQL table holds one value"
            findings.add((*path, "columns", column.name), message, "leave multi_valued out")


def _check_directory(
    path: Path, connector: Mapping[str, Any], columns: Mapping[str, Column], findings: Findings
) -> None:
    for column in columns.values():
        if not _NAME.fullmatch(column.name):
            findings.add((*path, "columns", column.name), f"no attribute is called {column.name!r}", key=True)
    said = connector.get("dn")
    default = KINDS[connector["kind"]].autogenerates_dn if connector.get("kind") in KINDS else True
    if connector.get("anchor") != "dn" and (said or {}).get("autogenerated", default):
        where = path[:-1] if said is None else (*path[:-1], "dn")
        findings.add(
            where, "a directory can't find entries by a generated DN", "write dn: {autogenerated: false}"
        )
