"""What a scenario must mean, beyond its shape: names that exist, values that go together.

Works on a document without the parts whose shape is wrong, so that one mistake is one problem.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mockhost.clock import parse_iso
from mockhost.ecma.config import EXPORT_PASSWORD, OBJECT_DN, Column
from mockhost.errors import did_you_mean
from mockhost.scenario import schema, shape, steps, system
from mockhost.durations import seconds
from mockhost.scenario.gone import Removed, connectors_of
from mockhost.scenario.layers import Findings
from mockhost.scenario.merge import Document
from mockhost.scenario.paths import Path
from mockhost.scenario.system import columns_of

Map = Mapping[str, Any]

DOCUMENTED = "documented/"
"""The shelf whose scenarios must say cause, cure and what they reproduce."""


def judge(document: Document, name: str, findings: Findings) -> None:
    """Report what is wrong with a document whose ill-shaped parts are in `findings` already."""
    sound = findings.sound(document)
    assert isinstance(sound, dict)
    said = document.get("connectors")
    whole = {n: c for n, c in said.items() if isinstance(c, Mapping)} if isinstance(said, Mapping) else {}
    columns = {n: columns_of(connector) for n, connector in whole.items()}
    _judge_missing(document, whole, findings)
    _judge_reserved(sound, findings)
    _judge_clock(sound.get("clock"), findings)
    _judge_host(sound.get("host"), findings)
    for n, connector in _maps(sound.get("connectors")):
        _judge_connector(n, connector, columns[n], findings)
        system.judge(n, connector, columns[n], findings)
    removed = Removed(findings.layers, document)
    for n, told in _maps(sound.get("client")):
        if n not in columns and not removed.leaves(("client", n), {n}):
            findings.add(("client", n), f"there is no connector {n!r}", did_you_mean(n, columns), key=True)
        steps.judge_told(told, ("client", n), findings)
    for i, moment in enumerate(sound.get("timeline") or ()):
        if isinstance(moment, Mapping) and not removed.leaves(("timeline", i), connectors_of(moment)):
            steps.judge_moment(moment, ("timeline", i), columns, findings)
    steps.judge_rules(sound.get("rules"), findings)
    for key in ("expect", "cure", "cured"):
        for i, step in enumerate(sound.get(key) or ()):
            if isinstance(step, Mapping) and not removed.leaves((key, i), connectors_of(step)):
                steps.judge_step(step, (key, i), columns, findings)
    if name.startswith(DOCUMENTED):
        for key in ("cause", "cure", "reproduces"):
            if not document.get(key):
                findings.add(
                    (), f"the key {key!r} is missing", f"every scenario of {DOCUMENTED} says it", spoils=False
                )


def _judge_missing(document: Document, connectors: Mapping[str, Map], findings: Findings) -> None:
    """Keys that are needed, here or in a parent: the schema can't ask for them, a file may be half of a scenario."""
    if "connectors" not in document and not shape.mistyped("connectors", (), findings):
        findings.add(
            (), "the key 'connectors' is missing", "'extends: basics/healthy' brings two", spoils=False
        )
    for name, connector in connectors.items():
        path: Path = ("connectors", name)
        shape.tell_missing(("secret_token", "anchor", "system"), connector, path, findings)
        if isinstance(said := connector.get("system"), Mapping):
            shape.tell_missing(("columns",), said, (*path, "system"), findings)
            if isinstance(people := said.get("people"), Mapping):
                shape.tell_missing(("count",), people, (*path, "system", "people"), findings)


def _maps(value: object) -> list[tuple[str, Map]]:
    return [(n, v) for n, v in value.items() if isinstance(v, Mapping)] if isinstance(value, Mapping) else []


def _judge_reserved(document: Document, findings: Findings) -> None:
    for key in document:
        if schema.is_reserved((key,)):
            findings.add((key,), f"{key!r} is reserved for a later release", key=True)


def _judge_clock(clock: object, findings: Findings) -> None:
    if not isinstance(clock, Mapping):
        return
    if clock.get("mode") == "frozen" and "speed" in clock:
        findings.add(
            ("clock", "speed"), "a frozen clock has no speed", "leave one of mode and speed out", key=True
        )
    if isinstance(start := clock.get("start"), str):
        try:
            parse_iso(start)
        except (ValueError, OverflowError):
            hint = "write it like 2026-01-01T00:00:00Z"
            findings.add(("clock", "start"), f"{start!r} is no date or date-time", hint)


def _judge_host(host: object, findings: Findings) -> None:
    if not isinstance(host, Mapping):
        return
    _judge_behaviours(host.get("behaviours"), ("host", "behaviours"), findings)
    tls = host.get("tls")
    if not isinstance(tls, Mapping):
        return
    valid = tls.get("valid")
    if (
        isinstance(valid, list)
        and all(isinstance(v, str) for v in valid)
        and seconds(valid[0]) >= seconds(valid[1])
    ):
        findings.add(("host", "tls", "valid"), "the certificate ends before it begins", "write [-1d, 730d]")
    if tls.get("minimum_version") == "1.3" and tls.get("maximum_version") == "1.2":
        findings.add(("host", "tls", "minimum_version"), "the oldest version is newer than the newest, 1.2")


def _judge_behaviours(said: object, path: Path, findings: Findings, *, of_connector: bool = False) -> None:
    if not isinstance(said, Mapping) or not said:
        return
    from mockhost.ecma import behaviours

    for name, value in said.items():
        problem = behaviours.validate(name, value, of_connector=of_connector)
        if problem is not None:
            message, _, hint = problem.partition("; ")
            findings.add((*path, name), message, hint, key=name not in behaviours.BY_NAME)


def _judge_connector(name: str, connector: Map, columns: Mapping[str, Column], findings: Findings) -> None:
    path: Path = ("connectors", name)
    if connector.get("kind") == "scim":
        findings.add((*path, "kind"), "the kind 'scim' is reserved for a later release")
    _judge_behaviours(connector.get("behaviours"), (*path, "behaviours"), findings, of_connector=True)
    if not columns:
        return
    _judge_anchor(connector, path, columns, findings)
    for key, always in (("selected_attributes", (OBJECT_DN, EXPORT_PASSWORD)), ("single_value", ())):
        for i, column in enumerate(connector.get(key) or ()):
            if isinstance(column, str) and column not in columns and column not in always:
                hint = did_you_mean(column, columns)
                findings.add((*path, key, i), f"the connected system has no column {column!r}", hint)
    _judge_deprovisioning(connector, path, columns, findings)


def _judge_anchor(connector: Map, path: Path, columns: Mapping[str, Column], findings: Findings) -> None:
    anchor = connector.get("anchor")
    if not isinstance(anchor, str) or anchor in ("dn", OBJECT_DN):
        return
    column = columns.get(anchor)
    if column is None:
        hint = did_you_mean(anchor, columns)
        findings.add((*path, "anchor"), f"the connected system has no column {anchor!r}", hint)
    elif column.multi_valued:
        findings.add((*path, "anchor"), f"{anchor} is multi-valued; an anchor has one value")


def _judge_deprovisioning(
    connector: Map, path: Path, columns: Mapping[str, Column], findings: Findings
) -> None:
    flows = connector.get("deprovisioning")
    for word, flow in flows.items() if isinstance(flows, Mapping) else ():
        attribute = flow.get("set") if isinstance(flow, Mapping) else None
        if not isinstance(attribute, str):
            continue
        where = (*path, "deprovisioning", word, "set")
        column = columns.get(attribute)
        if column is None:
            hint = did_you_mean(attribute, columns)
            findings.add(where, f"the connected system has no column {attribute!r}", hint)
        elif column.type in system.TYPES - {"boolean"} or column.multi_valued:
            booleans = [c.name for c in columns.values() if c.type == "boolean"]
            hint = "boolean columns: " + ", ".join(booleans) if booleans else "there is no boolean column"
            findings.add(where, f"{attribute} is no boolean column; the wizard sets only those", hint)
        elif attribute in (connector.get("selected_attributes") or ()):
            hint = f"take {attribute} out of selected_attributes"
            findings.add(
                where, f"{attribute} is a selected attribute; the wizard doesn't offer those here", hint
            )
