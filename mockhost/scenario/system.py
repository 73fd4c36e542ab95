"""The connected system of a connector: its columns, its objects, its people, and what is wrong with them."""

from __future__ import annotations

import base64
import binascii
import itertools
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from mockhost.connectors.ecma import dn as dns
from mockhost.connectors.ecma.config import (
    EXPORT_PASSWORD,
    HOLDS,
    OBJECT_DN,
    Column,
    ObjectRows,
    SqlConfig,
    SystemConfig,
    can_hold,
)
from mockhost.connectors.systems.memory import filled_by_faker
from mockhost.errors import Problem, UsageError, did_you_mean
from mockhost.people import Crowd, PeopleConfig, missing_faker, provider_problem
from mockhost.scenario import data, outside
from mockhost.scenario.documents import Path, written
from mockhost.scenario.layers import Findings
from mockhost.scenario.parsing import core_scalar
from mockhost.scenario.shape import boolean_hint, shown

FILE_PROBLEMS_LIMIT = 20
"""How many problems of one data file are listed."""


def columns_of(connector: Mapping[str, object]) -> dict[str, Column]:
    """The columns of a connector's system by name, short forms included. Ill-shaped ones become text columns."""
    system = connector.get("system")
    said = system.get("columns") if isinstance(system, Mapping) else None
    anchor = connector.get("anchor")
    columns: dict[str, Column] = {}
    for name, form in said.items() if isinstance(said, Mapping) else ():
        column = Column(name, type=form) if isinstance(form, str) else Column(name)
        unique = name == anchor
        if isinstance(form, Mapping):
            unique = bool(form.get("unique", unique))
            values = form.get("values")
            column = Column(
                name,
                type=str(form.get("type", "string")),
                required=bool(form.get("required", False)),
                multi_valued=bool(form.get("multi_valued", False)),
                generated=form.get("generated"),
                values=tuple(map(str, values)) if isinstance(values, list) else None,
            )
        columns[name] = column._replace(unique=unique)
    return columns


# -- the system ---------------------------------------------------------------------------------------------------


def _anchor_of(connector: Mapping[str, object], columns: Mapping[str, Column]) -> str:
    """The column of the anchor, as `ConnectorConfig.anchor_column`."""
    anchor = str(connector.get("anchor"))
    return OBJECT_DN if anchor == "dn" and anchor not in columns else anchor


def _unique_columns(columns: Mapping[str, Column], anchor: str) -> list[str]:
    names = [column.name for column in columns.values() if column.unique]
    return [*names, OBJECT_DN] if anchor == OBJECT_DN else names


class _Seen(NamedTuple):
    """What the objects so far hold in a unique column: folded value to the number of the object, see `_place`."""

    column: str
    values: dict[object, int]
    has_case: bool
    """whether letters that differ in case only are different: in base64 they are"""


def _place(number: int, file: str) -> str:
    """An object's place in words: rows of the data file count from 1, objects of the scenario down from -1."""
    return f"row {number} of {file}" if number > 0 else f"objects[{-number - 1}]"


def parse(
    name: str, connector: Mapping[str, object], columns: Mapping[str, Column], findings: Findings
) -> SystemConfig:
    """The connected system of a connector; what is wrong with it is reported."""
    path: Path = ("connectors", name, "system")
    system = connector.get("system")
    if not isinstance(system, Mapping) or not columns:
        return SystemConfig()
    if EXPORT_PASSWORD in columns:
        findings.add(
            (*path, "columns", EXPORT_PASSWORD),
            f"{EXPORT_PASSWORD} is always there; no column can have this name",
            key=True,
        )
    where_it_is = outside.read(name, system, findings)
    outside.check_page(name, connector, columns, findings)
    anchor = _anchor_of(connector, columns)
    seen = [
        _Seen(name, {}, has_case=name in columns and columns[name].type == "binary")
        for name in _unique_columns(columns, anchor)
    ]
    for i, row in enumerate(system.get("objects") or ()):
        where = (*path, "objects", i)
        if isinstance(row, Mapping):
            for column, message, hint in row_problems(row, columns, anchor, findings, where):
                findings.add(
                    where if column is None else (*where, column), message, hint, key=column not in columns
                )
            for column, message in _doubles(row, seen, -i - 1):
                findings.add(
                    (*where, column), message, "an anchor must be unique" if column == anchor else ""
                )
    for i, container in enumerate(system.get("containers") or ()):
        if isinstance(container, str) and not dns.is_ldap_style(container):
            message = f"{container!r} is not an LDAP-style DN"
            findings.add((*path, "containers", i), message, "write it like CN=Users,DC=contoso,DC=lab")
    objects: Sequence[Mapping[str, object]] = tuple(system.get("objects") or ())
    table = _table((*path, "objects_file"), system.get("objects_file"), columns, anchor, seen, findings)
    if table is not None and isinstance(table.rows, ObjectRows):
        objects = ObjectRows(table.rows.names, table.rows.rows, tuple(objects))
    elif table is not None:
        objects = (*objects, *table.rows)
    people = system.get("people")
    if isinstance(people, Mapping):
        _check_people((*path, "people"), people, columns, findings)
    crowd = people_of(people)
    if crowd is not None and crowd.size:
        _check_faker((*path, "people"), crowd, columns, anchor, findings)
    containers = system.get("containers")
    return SystemConfig(
        columns=tuple(columns.values()),
        objects=objects,
        people=crowd,
        table=system.get("table", _table_of(where_it_is)),
        rights=tuple(system.get("rights", SystemConfig().rights)),
        containers=None if containers is None else tuple(containers),
        kind="memory" if where_it_is is None else outside.key_of(system) or "memory",
        outside=where_it_is,
        trouble=system.get("trouble", "none"),
    )


def _table_of(where: outside.Outside | None) -> str:
    """The name of the table, or of the container, where a scenario gives none."""
    return "" if where is None else where.table if isinstance(where, SqlConfig) else where.base


def people_of(said: object) -> PeopleConfig | None:
    """The generated people of a system, said as their number or as a map."""
    if isinstance(said, int):
        return PeopleConfig(said, {}, {})
    if not isinstance(said, Mapping) or not isinstance(said.get("count"), int):
        return None
    return PeopleConfig(said["count"], said.get("set") or {}, said.get("fill") or {})


def _doubles(
    row: Mapping[str, object], seen: list[_Seen], number: int, file: str = ""
) -> Iterator[tuple[str, str]]:
    for column, values, has_case in seen:
        value = row.get(column)
        if value is None or isinstance(value, list):
            continue
        key = value.casefold() if isinstance(value, str) and not has_case else value
        first = values.setdefault(key, number)
        if first != number:
            yield column, f"{shown(value)} is already the {column} of {_place(first, file)}"


def _table(
    path: Path,
    said: object,
    columns: Mapping[str, Column],
    anchor: str,
    seen: list[_Seen],
    findings: Findings,
) -> data.Table | None:
    """The data file of a system, if it has one."""
    if not isinstance(said, str):
        return None
    try:
        table = data.table(findings.locate(path, said), columns)
    except data.DataProblem as problem:
        findings.add(path, problem.message, problem.hint)
        return None
    found = _table_problems(table, columns, anchor, seen)
    findings.add_elsewhere(itertools.islice(found, FILE_PROBLEMS_LIMIT))
    more = sum(1 for _ in found)
    if more:
        count = FILE_PROBLEMS_LIMIT + more
        message = f"{table.file.name} has {count} problems; the first {FILE_PROBLEMS_LIMIT} are listed"
        findings.add(path, message)
    return table


def _table_problems(
    table: data.Table, columns: Mapping[str, Column], anchor: str, seen: list[_Seen]
) -> Iterator[Problem]:
    for found in table.problems:
        where = "$" if found.row is None else f"$[{found.row}]"
        yield Problem(table.shown, found.line, found.column, where, found.message, found.hint)
    unknown = [name for name in table.header if name not in columns and name not in ("", OBJECT_DN)]
    for name in unknown:
        line, column_number = table.header[name]
        message = f"the connected system has no column {name!r}"
        yield Problem(table.shown, line, column_number, "$", message, did_you_mean(name, columns))
    misshapen = {problem.row for problem in table.problems}
    for i, row in enumerate(table.rows):
        if i in misshapen:
            continue
        if unknown:
            row = {name: value for name, value in row.items() if name in columns or name == OBJECT_DN}
        problems = list(row_problems(row, columns, anchor, None, ()))
        problems += [(c, m, "") for c, m in _doubles(row, seen, i + 1, table.file.name)]
        line = table.line(i)
        for column, message, hint in problems:
            place = (i,) if column is None else (i, column)
            yield Problem(table.shown, line, 1 if line else 0, written(place), message, hint)


def row_problems(
    row: Mapping[str, object],
    columns: Mapping[str, Column],
    anchor: str,
    findings: Findings | None,
    where: Path,
    *,
    whole: bool = True,
) -> Iterator[tuple[str | None, str, str]]:
    """What is wrong with an object: (column or None, message, hint). `whole`: it must have what is required."""
    for name, value in row.items():
        column = columns.get(name)
        if column is None and name != OBJECT_DN:
            yield name, f"the connected system has no column {name!r}", did_you_mean(name, columns)
        elif value is not None:
            column = column or Column(OBJECT_DN)
            for message, hint in value_problems(value, column):
                if hint == QUOTE:
                    hint = "" if findings is None else f'quote it: "{findings.raw((*where, name), value)}"'
                yield name, message, hint
    if not whole:
        return
    if anchor == OBJECT_DN and row.get(OBJECT_DN) is None:
        yield None, f"the object has no {OBJECT_DN}, which is the anchor", ""
    for column in columns.values():
        if row.get(column.name) is None and column.generated is None:
            if column.name == anchor:
                yield None, f"the object has no {anchor}, which is the anchor", ""
            elif column.required:
                yield None, f"the object has no {column.name}, which is required", ""


TYPES = frozenset(HOLDS)
"""The types of columns."""


QUOTE = "quote it"


def value_problems(value: object, column: Column) -> Iterator[tuple[str, str]]:
    """What is wrong with a value for a column: messages and hints. QUOTE stands for the hint to quote it."""
    if not isinstance(value, list):
        yield from _single_problems(value, column)
    elif not column.multi_valued:
        yield f"a list, but {column.name} holds one value", "write multi_valued: true at the column"
    else:
        for item in value:
            yield from _single_problems(item, column)


def _single_problems(value: object, column: Column) -> Iterator[tuple[str, str]]:
    if column.type not in HOLDS:
        return  # which is reported where the column is declared
    kind, words = HOLDS[column.type]
    if not can_hold(column.type, value):
        hint = QUOTE if kind is str and not isinstance(value, (dict, list)) else ""
        if kind is not str and isinstance(value, str) and isinstance(core_scalar(value.lower()), kind):
            hint = "write it without quotes"
        elif kind is bool and isinstance(value, str):
            hint = boolean_hint(value)
        yield f"{shown(value, json.dumps(value))} in the column {column.name}, which holds {words}", hint
    elif column.type == "binary" and not _is_base64(str(value)):
        yield f"{shown(value)} in the column {column.name} is not base64", ""
    elif column.values is not None and str(value).casefold() not in map(str.casefold, column.values):
        yield (
            f"{shown(value)} is not one of the values of {column.name}",
            did_you_mean(str(value), column.values),
        )


def _is_base64(text: str) -> bool:
    try:
        base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return False
    return True


# -- the crowd ----------------------------------------------------------------------------------------------


def _check_faker(
    path: Path, people: PeopleConfig, columns: Mapping[str, Column], anchor: str, findings: Findings
) -> None:
    """Report people with made-up values where faker is not installed."""
    needed = filled_by_faker(people, columns.values(), anchor)
    if needed and (problem := missing_faker(needed)) is not None:
        findings.add(path, problem.message.removeprefix("people: "), problem.hint)


def _check_people(
    path: Path, people: Mapping[str, object], columns: Mapping[str, Column], findings: Findings
) -> None:
    sound: dict[str, str] = {}
    for key in ("set", "fill"):
        said = people.get(key)
        for name, text in said.items() if isinstance(said, Mapping) else ():
            where = (*path, key, name)
            if name not in columns and name != OBJECT_DN:
                hint = did_you_mean(name, columns)
                findings.add(where, f"the connected system has no column {name!r}", hint, key=True)
            elif key == "fill":
                _check_fill(where, name, text, people, findings)
            elif isinstance(text, str):
                if (problem := _pattern_problem({name: text}, columns)) is not None:
                    _tell(where, problem, findings)
                elif not _may_become(text, columns.get(name, Column(name))):
                    holds = HOLDS[columns[name].type][1]
                    findings.add(where, f"a text in the column {name}, which holds {holds}")
                else:
                    sound[name] = text
            else:
                for message, hint in value_problems(text, columns.get(name, Column(name))):
                    findings.add(
                        where, message, f'quote it: "{findings.raw(where, text)}"' if hint == QUOTE else hint
                    )
    circle = _pattern_problem(sound, columns)
    if circle is not None:
        _tell((*path, "set"), circle, findings)


_FIELD = re.compile(r"\{[^{}]*\}")


def _may_become(pattern: str, column: Column) -> bool:
    """Whether what a pattern makes can be what a column holds: digits around numbers, never true or false."""
    if column.type == "integer":
        return re.fullmatch("-?[0-9]*", _FIELD.sub("", pattern)) is not None
    return column.type != "boolean"


def _check_fill(
    where: Path, name: str, provider: object, people: Mapping[str, object], findings: Findings
) -> None:
    patterns = people.get("set")
    if isinstance(patterns, Mapping) and name in patterns:
        findings.add(where, f"{name!r} is in 'set' as well", "keep one of the two", key=True)
    elif missing_faker([name]) is not None:
        return  # which is reported once for the whole crowd
    elif isinstance(provider, str) and (problem := provider_problem(provider)) is not None:
        _tell(where, problem, findings)


def _tell(path: Path, problem: str, findings: Findings) -> None:
    message, _, hint = problem.removeprefix("people: ").partition("; ")
    findings.add(path, message, hint)


def _pattern_problem(patterns: Mapping[str, str], columns: Mapping[str, Column]) -> str | None:
    """What is wrong with patterns, any of which may use every other column."""
    names = (*columns, OBJECT_DN)
    try:
        Crowd(0, 0, names, {**dict.fromkeys(names, ""), **patterns}, {})
    except UsageError as error:
        return str(error)
    return None
