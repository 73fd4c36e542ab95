"""From a valid document to the values that the rest of mockhost works with: shorthands, defaults, durations."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any, Final

from mockhost.clock import parse_iso
from mockhost.connectors.ecma.config import (
    EXPORT_PASSWORD,
    OBJECT_DN,
    ConnectorConfig,
    Deprovisioning,
    DnConfig,
    HostConfig,
    ImportConfig,
    ObjectRows,
    SystemConfig,
)
from mockhost.connectors.ecma.kinds import KINDS
from mockhost.connectors.provider.config import Extension, ProviderConfig, TypeConfig
from mockhost.connectors.provider.offers import OFFERS
from mockhost.durations import seconds
from mockhost.people import PeopleConfig
from mockhost.scenario import data, naming
from mockhost.scenario.gone import Removed, connectors_of
from mockhost.scenario.layers import Findings, Layer
from mockhost.scenario.model import ClockConfig, OnDemand, Scenario, Step, Trail
from mockhost.scenario.paths import Path
from mockhost.scenario.system import columns_of, file_of
from mockhost.tls.config import AS_THE_HOST, TlsConfig
from mockhost.tls.config import TLS_WORDS as TLS_WORDS

Map = Mapping[str, Any]


def scenario(
    filled: Map,
    document: dict[str, object],
    *,
    name: str,
    origin: str | None,
    parent: str | None,
    secrets: tuple[str, ...],
    trail: Trail,
) -> Scenario:
    """The scenario of a valid document; `filled` has its variables replaced.

    Raises DataProblem if a data file that was there a moment ago can't be read now.
    """
    found = [
        naming.file(trail.layers, each.path, each.text)
        for each in naming.mentions(filled)
        if each.kind == naming.FILE
    ]
    filled = naming.settled(filled, trail.layers)
    removed = Removed(trail.layers, document)
    return Scenario(
        name=name,
        origin=origin,
        title=filled.get("title", ""),
        why=filled.get("why", ""),
        reproduces=tuple(filled.get("reproduces", ())),
        sources=tuple(filled.get("sources", ())),
        tags=tuple(filled.get("tags", ())),
        cause=filled.get("cause"),
        client_should=filled.get("client_should"),
        seed=filled.get("seed", 0),
        clock=_clock(filled.get("clock", {})),
        host=_host(filled.get("host", {})),
        connectors={n: _kept(_connector(n, c, trail.layers)) for n, c in filled["connectors"].items()},
        client={n: dict(told) for n, told in filled.get("client", {}).items() if n in filled["connectors"]},
        timeline=tuple(_in_seconds(m, ("at",)) for m in _left(filled, "timeline", removed)),
        states=dict(filled.get("states", {})),
        connector_states={n: dict(c["states"]) for n, c in filled["connectors"].items() if c.get("states")},
        providers={n: provider_config(c) for n, c in filled["connectors"].items() if c.get("kind") == SCIM},
        on_demand=_on_demand(filled.get("on_demand")),
        rules=tuple(rule(each, i, trail.layers) for i, each in enumerate(filled.get("rules", ()))),
        expect=_steps(_left(filled, "expect", removed)),
        cure=_steps(_left(filled, "cure", removed)),
        cured=_steps(_left(filled, "cured", removed)),
        wrong_cure=_steps(_left(filled, "wrong_cure", removed)),
        parent=parent,
        secrets=secrets,
        document=document,
        trail=trail._replace(data_files=tuple(found)),
    )


def _clock(said: Map) -> ClockConfig:
    start = said.get("start")
    return ClockConfig(
        mode=said.get("mode", "wall"),
        speed=float(said.get("speed", 1.0)),
        start=None if start is None else parse_iso(start),
    )


def _host(said: Map) -> HostConfig:
    return HostConfig(
        generation=said.get("generation", "current"),
        behaviours=dict(said.get("behaviours", {})),
        service=said.get("service", "running"),
        debug=said.get("debug", False),
        debug_effective=said.get("debug_effective"),
        tls=_tls(said.get("tls", {})),
    )


def _tls(said: str | Map) -> TlsConfig:
    if isinstance(said, str):
        return TLS_WORDS[said].laid_over(TlsConfig())
    values = dict(said)
    if "names" in values:
        values["names"] = tuple(values["names"])
    if "valid" in values:
        values["valid"] = tuple(map(seconds, values["valid"]))
    # laid over what is true of every host, so that a version said alone takes the other one with it
    return AS_THE_HOST._replace(**values).laid_over(TlsConfig())


_KEPT: list[ConnectorConfig] = []
_KEPT_COUNT = 16


def _kept(made: ConnectorConfig) -> ConnectorConfig:
    """An equal configuration that was made before, if there is one: hosts share their data by its identity."""
    for known in _KEPT:
        if known == made:
            return known
    _KEPT.append(made)
    del _KEPT[:-_KEPT_COUNT]
    return made


def _on_demand(said: Map | None) -> OnDemand | None:
    return None if said is None else OnDemand(said["template"], said.get("max", OnDemand("").max))


SCIM: Final = "scim"
"""The kind of connectors that are SCIM service providers of their own."""


def provider_config(said: Map) -> ProviderConfig:
    """What a connector of kind `scim` is made from. Raises UsageError for what can't be."""
    behaviours = dict(said.get("behaviours", {}))
    level = behaviours.pop("strictness", ProviderConfig().strictness)
    system = said.get("system", {})
    people = system.get("people")
    if isinstance(people, int):
        people = {"count": people}
    values: dict[str, Any] = {name: behaviours.pop(name) for name in OFFERS if name in behaviours}
    values.update({"strictness": level, "settings": behaviours, "me": said.get("me")})
    if "schemas" in said:
        values["schemas"] = said["schemas"]
    if "resource_types" in said:
        values["types"] = tuple(_resource_type(each) for each in said["resource_types"])
    if "resources" in system:
        values["objects"] = system["resources"]
    if people is not None:
        values["people"] = PeopleConfig(people["count"], people.get("set", {}), people.get("fill", {}))
    return ProviderConfig(**values)


def _resource_type(said: Map) -> TypeConfig:
    extensions = tuple(
        Extension(each) if isinstance(each, str) else Extension(each["schema"], each.get("required", False))
        for each in said.get("extensions", ())
    )
    endpoint = said.get("endpoint", f"/{said['name']}s")
    return TypeConfig(said["name"], endpoint, said["schema"], extensions, said.get("description", ""))


def _connector(name: str, said: Map, layers: Sequence[Layer]) -> ConnectorConfig:
    if said.get("kind") == SCIM:
        return ConnectorConfig(name=name, kind=SCIM, secret_token=said["secret_token"])
    columns = columns_of(said)
    flows = {key: _flow(said.get("deprovisioning", {}).get(key)) for key in ("disable", "delete")}
    set_by_flows = {attribute for _, attribute in flows.values() if attribute}
    chosen = said.get("selected_attributes")
    if chosen is None:
        # the wizard offers for a flow only what isn't selected, so "all columns" can't mean those
        chosen = [column for column in columns if column not in set_by_flows]
    plain = Deprovisioning()
    kind = KINDS[said.get("kind", ConnectorConfig("").kind)]
    return ConnectorConfig(
        name=name,
        kind=kind.name,
        secret_token=said["secret_token"],
        anchor=said["anchor"],
        object_type=said.get("object_type", kind.object_type),
        dn=DnConfig(**{"autogenerated": kind.autogenerates_dn, **said.get("dn", {})}),
        imports=_imports(said.get("import", {})),
        deprovisioning=Deprovisioning(
            flows["disable"][0] or plain.disable,
            flows["disable"][1],
            flows["delete"][0] or plain.delete,
            flows["delete"][1],
        ),
        selected_attributes=tuple(c for c in chosen if c not in (OBJECT_DN, EXPORT_PASSWORD)),
        single_value=tuple(said.get("single_value", ())),
        export_type=said.get("export_type", ""),
        dll=said.get("dll", "loadable"),
        behaviours=dict(said.get("behaviours", {})),
        system=_system(name, said, layers),
    )


def _flow(said: str | Map | None) -> tuple[str | None, str | None]:
    return (said, None) if said is None or isinstance(said, str) else ("set", said["set"])


def _imports(said: Map) -> ImportConfig:
    plain = ImportConfig()
    every = said.get("every")
    return ImportConfig(
        full_takes=seconds(said["full_takes"]) if "full_takes" in said else plain.full_takes,
        delta_takes=seconds(said["delta_takes"]) if "delta_takes" in said else plain.delta_takes,
        every=plain.every if every is None else None if every == "never" else seconds(every),
        profiles=tuple(said.get("profiles", plain.profiles)),
        table=said.get("table"),
    )


def _system(name: str, connector: Map, layers: Sequence[Layer]) -> SystemConfig:
    said = connector["system"]
    columns = columns_of(connector)
    objects: Sequence[Map] = tuple(said.get("objects", ()))
    file = file_of(connector, name, Findings(layers))
    if file is not None:
        objects = _with_file(tuple(objects), data.table(file, columns).rows)
    people = said.get("people")
    if isinstance(people, int):
        people = {"count": people}
    return SystemConfig(
        columns=tuple(columns.values()),
        objects=objects,
        people=None
        if people is None
        else PeopleConfig(people["count"], people.get("set", {}), people.get("fill", {})),
        table=said.get("table", ""),
        rights=tuple(said.get("rights", SystemConfig().rights)),
        containers=tuple(said["containers"]) if "containers" in said else None,
    )


def _with_file(objects: tuple[Map, ...], rows: Sequence[Map]) -> Sequence[Map]:
    if isinstance(rows, ObjectRows):
        return ObjectRows(rows.names, rows.rows, objects)
    return (*objects, *rows)


def rule(said: Map, index: int, layers: Sequence[Layer]) -> Step:
    made: Step = {"name": f"rules[{index}]", **said}
    path: Path = ("rules", index)
    made.update(_body_read(said, path, layers))
    if "sequence" in said:
        steps = enumerate(said["sequence"])
        made["sequence"] = [{**step, **_body_read(step, (*path, "sequence", i), layers)} for i, step in steps]
    return made


def _body_read(said: Map, path: Path, layers: Sequence[Layer]) -> Step:
    """The reply of a rule or of a step, where it has its body in a file or as base64: with the body itself."""
    reply = said.get("reply")
    if not isinstance(reply, Mapping):
        return {}
    if "body_file" in reply:
        body = data.body(naming.file(layers, (*path, "reply", "body_file"), reply["body_file"]))
    elif "body_base64" in reply:
        body = data.text_or_bytes(base64.b64decode(reply["body_base64"]))
    else:
        return {}
    return {"reply": {**{k: v for k, v in reply.items() if k not in BODIES}, "body": body}}


BODIES: Final = ("body", "body_file", "body_base64")
"""How a reply can give its body: by one of them."""


# -- durations in steps --------------------------------------------------------------------------------------

STEP_DURATIONS: Final[tuple[Path, ...]] = (
    ("advance",),
    ("gets", "took", "at_least"),
    ("gets", "took", "at_most"),
    ("gets", "ends", "no_answer_within"),
)
"""Where a step has a duration."""


def _left(filled: Map, key: str, removed: Removed) -> list[Step]:
    """The entries of a list of steps, without those about connectors that are gone."""
    said = filled.get(key, ())
    return [step for i, step in enumerate(said) if not removed.leaves((key, i), connectors_of(step))]


def _steps(said: Sequence[Step]) -> tuple[Step, ...]:
    steps = []
    for step in said:
        for path in STEP_DURATIONS:
            step = _in_seconds(step, path)
        steps.append(step)
    return tuple(steps)


def _in_seconds(value: Any, path: Path) -> Any:
    if not path:
        return seconds(value)
    if isinstance(value, Mapping) and path[0] in value:
        return {**value, path[0]: _in_seconds(value[path[0]], path[1:])}
    return value
