"""What a scenario must mean, beyond its shape: names that exist, values that go together.

Works on a document without the parts whose shape is wrong, so that one mistake is one problem.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mockhost.clock import parse_iso
from mockhost.connectors.ecma.config import EXPORT_PASSWORD, OBJECT_DN, Column
from mockhost.durations import seconds
from mockhost.errors import UsageError, did_you_mean
from mockhost.scenario import build, shape, steps, system
from mockhost.scenario.build import SCIM
from mockhost.scenario.gone import Removed, connectors_of
from mockhost.scenario.layers import Findings
from mockhost.scenario.merge import Document
from mockhost.scenario.paths import Path
from mockhost.scenario.system import columns_of
from mockhost.tls.versions import unspoken

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
    _judge_clock(sound.get("clock"), findings)
    _judge_host(sound.get("host"), findings)
    for n, connector in _maps(sound.get("connectors")):
        if connector.get("kind") == SCIM:
            _judge_provider(n, connector, findings)
            continue
        _judge_connector(n, connector, columns[n], findings)
        system.judge(n, connector, columns[n], findings)
    _judge_on_demand(sound.get("on_demand"), whole, findings)
    removed = Removed(findings.layers, document)
    for n, told in _maps(sound.get("client")):
        if n not in columns and not removed.leaves(("client", n), {n}):
            findings.add(("client", n), f"there is no connector {n!r}", did_you_mean(n, columns), key=True)
        steps.judge_told(told, ("client", n), findings)
    for i, moment in enumerate(sound.get("timeline") or ()):
        if isinstance(moment, Mapping) and not removed.leaves(("timeline", i), connectors_of(moment)):
            steps.judge_moment(moment, ("timeline", i), columns, findings)
    own = {n: c.get("states") for n, c in _maps(sound.get("connectors"))}
    machines = tuple(m for m in (sound.get("states"), *own.values()) if isinstance(m, Mapping))
    steps.judge_states(sound.get("states"), ("states",), columns, findings)
    for n, states in own.items():
        steps.judge_states(states, ("connectors", n, "states"), columns, findings)
    steps.judge_rules(sound.get("rules"), columns, machines, findings)
    for key in ("expect", "cure", "cured", "wrong_cure"):
        for i, step in enumerate(sound.get(key) or ()):
            if isinstance(step, Mapping) and not removed.leaves((key, i), connectors_of(step)):
                steps.judge_step(step, (key, i), columns, findings)
                if key == "wrong_cure" and not ("verify" in step or ("send" in step and step.get("gets"))):
                    hint = "write send with gets, or verify"
                    findings.add((key, i), "a step of wrong_cure compares something", hint)
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
        if connector.get("kind") == SCIM:
            shape.tell_missing(("secret_token",), connector, path, findings)
            continue
        shape.tell_missing(("secret_token", "anchor", "system"), connector, path, findings)
        if isinstance(said := connector.get("system"), Mapping):
            shape.tell_missing(("columns",), said, (*path, "system"), findings)
            if isinstance(people := said.get("people"), Mapping):
                shape.tell_missing(("count",), people, (*path, "system", "people"), findings)


def _maps(value: object) -> list[tuple[str, Map]]:
    return [(n, v) for n, v in value.items() if isinstance(v, Mapping)] if isinstance(value, Mapping) else []


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
    lowest, highest = tls.get("minimum_version"), tls.get("maximum_version")
    if isinstance(lowest, str) and isinstance(highest, str) and lowest > highest:
        where = ("host", "tls", "minimum_version")
        findings.add(where, f"the oldest version is newer than the newest, {highest}")
    for key in ("minimum_version", "maximum_version"):
        if tls.get(key) in ("1.0", "1.1") and (why := unspoken(tls[key])) is not None:
            findings.add(("host", "tls", key), f"TLS {tls[key]} can't be spoken here: {why}")


def _judge_behaviours(said: object, path: Path, findings: Findings, *, of_connector: bool = False) -> None:
    if not isinstance(said, Mapping) or not said:
        return
    from mockhost.connectors.ecma import behaviours

    for name, value in said.items():
        problem = behaviours.validate(name, value, of_connector=of_connector)
        if problem is not None:
            message, _, hint = problem.partition("; ")
            findings.add((*path, name), message, hint, key=name not in behaviours.TABLE)


def _judge_connector(name: str, connector: Map, columns: Mapping[str, Column], findings: Findings) -> None:
    path: Path = ("connectors", name)
    system_said = connector.get("system")
    inside = (
        [("system", "resources")] if isinstance(system_said, Mapping) and "resources" in system_said else []
    )
    for place in [*((key,) for key in _OF_SCIM if key in connector), *inside]:
        findings.add((*path, *place), f"{place[-1]!r} goes with 'kind: scim' only", key=True)
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


_OF_SCIM = ("schemas", "resource_types", "me")
"""Keys of a connector that only one of kind scim has."""
_OF_ANY = frozenset({"kind", "secret_token", "behaviours", "states", "system", *_OF_SCIM})
_SYSTEM_OF_SCIM = frozenset({"people", "resources"})


def _judge_provider(name: str, connector: Map, findings: Findings) -> None:
    """Report what is wrong with a connector of kind scim."""
    path: Path = ("connectors", name)
    hint = "a connector of kind scim has no wizard pages"
    for key in connector:
        if key not in _OF_ANY:
            findings.add((*path, key), f"{key!r} goes with the ECMA host's own kinds only", hint, key=True)
    for key in connector.get("system") or {}:
        if key not in _SYSTEM_OF_SCIM:
            findings.add(
                (*path, "system", key),
                f"with 'kind: scim' the system has no {key!r}",
                "write resources and people",
                key=True,
            )
    behaviours = connector.get("behaviours")
    if isinstance(behaviours, Mapping) and behaviours:
        from mockhost.connectors.provider import offers

        for wrong in offers.problems(behaviours):
            findings.add((*path, "behaviours", wrong.name), wrong.message, wrong.hint, key=wrong.is_name)
    if findings.spoilt(path):
        return
    from mockhost.clock import Chance, VirtualClock
    from mockhost.connectors.provider.provider import Provider

    try:
        Provider(build.provider_config(connector), VirtualClock("frozen"), Chance(0), name=name).prepare()
    except UsageError as error:
        findings.add(path, error.message, error.hint or "")


def _judge_on_demand(said: object, connectors: Mapping[str, Map], findings: Findings) -> None:
    if not isinstance(said, Mapping) or not isinstance(template := said.get("template"), str):
        return
    kinds = {name: connector.get("kind") for name, connector in connectors.items()}
    if template not in kinds:
        findings.add(
            ("on_demand", "template"), f"there is no connector {template!r}", did_you_mean(template, kinds)
        )
    elif kinds[template] != SCIM:
        hint = "write one of kind scim"
        findings.add(("on_demand", "template"), f"connector {template!r} is the ECMA host's own", hint)


def _judge_anchor(connector: Map, path: Path, columns: Mapping[str, Column], findings: Findings) -> None:
    anchor = connector.get("anchor")
    if not isinstance(anchor, str):
        return
    if anchor == OBJECT_DN or (anchor == "dn" and anchor not in columns):
        if isinstance(dn := connector.get("dn"), Mapping) and dn.get("autogenerated") is True:
            message = "the DN is the anchor, so it can't be made from the anchor"
            hint = "write autogenerated: false, or name a column as the anchor"
            findings.add((*path, "dn", "autogenerated"), message, hint)
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
