"""A scenario from its merged document: every value, or a report of everything that is wrong.

Works on the document without the parts whose shape is wrong, so that one mistake is one problem.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mockhost.clock import parse_iso
from mockhost.connectors.ecma.config import ConnectorConfig, HostConfig
from mockhost.durations import seconds
from mockhost.errors import did_you_mean
from mockhost.scenario import connectors, naming, outside, shape, steps
from mockhost.scenario.connectors import PROXY, SCIM, check_behaviours
from mockhost.scenario.documents import Document, Path, maps_in
from mockhost.scenario.layers import Findings, without_leftovers
from mockhost.scenario.model import ClockConfig, OnDemand, Scenario, Trail
from mockhost.scenario.system import columns_of
from mockhost.tls.config import AS_THE_HOST, TLS_WORDS, TlsConfig
from mockhost.tls.versions import unspoken

if TYPE_CHECKING:
    from mockhost.connectors.provider.blueprint import Blueprint
    from mockhost.connectors.proxy.target import ProxyConfig
    from mockhost.windows.config import MachineConfig

Map = Mapping[str, Any]

DOCUMENTED = "documented/"
"""The shelf whose scenarios must say cause, cure and what they reproduce."""


def scenario(
    filled: Document,
    findings: Findings,
    *,
    document: dict[str, object],
    name: str,
    origin: str | None,
    parent: str | None,
    secrets: tuple[str, ...],
    env: Mapping[str, str],
) -> Scenario | None:
    """The scenario of a document whose ill-shaped parts are in `findings` already; None if there is any problem.

    `filled` is the document with its variables replaced.
    """
    given = maps_in(filled.get("connectors"))
    outside.check_sources(filled, findings)
    columns = {n: columns_of(each) or outside.columns_of(n, each, findings) for n, each in given.items()}
    if "connectors" not in filled and not shape.mistyped("connectors", (), findings):
        findings.add_missing((), "connectors", "'extends: basics/healthy' brings two")
    for n, connector in given.items():
        connectors.check_missing(connector, ("connectors", n), findings)
    sound: Any = findings.sound(filled)
    said = naming.settled(without_leftovers(sound, findings.layers, given), findings)
    pages, providers, proxies = _connectors(said, columns, findings)
    own = {
        n: steps.parse_states(c["states"], ("connectors", n, "states"), columns, findings)
        for n, c in maps_in(said.get("connectors")).items()
        if c.get("states")
    }
    states = steps.parse_states(said.get("states"), ("states",), columns, findings)
    if name.startswith(DOCUMENTED):
        for key in ("cause", "cure", "reproduces"):
            if not filled.get(key):
                hint = f"every scenario of {DOCUMENTED} says it"
                findings.add_missing((), key, hint)
    made: dict[str, Any] = {
        "clock": _clock(said.get("clock", {}), findings),
        "host": _host(said, findings),
        "machine": _machine(said.get("machine"), given, findings),
        "entra": _entra(said.get("entra"), said, given, findings),
        "client": _client(said.get("client"), columns, findings),
        "on_demand": _on_demand(said.get("on_demand"), given, findings),
        "timeline": steps.parse_timeline(said.get("timeline"), columns, findings),
        "rules": steps.parse_rules(said.get("rules"), columns, (states, *own.values()), findings),
        **{
            key: steps.parse_steps(said.get(key), key, columns, findings)
            for key in ("expect", "cure", "cured", "wrong_cure")
        },
    }
    if findings:
        return None
    return Scenario(
        name=name,
        origin=origin,
        title=said.get("title", ""),
        why=said.get("why", ""),
        reproduces=tuple(said.get("reproduces", ())),
        sources=tuple(said.get("sources", ())),
        tags=tuple(said.get("tags", ())),
        cause=said.get("cause"),
        client_should=said.get("client_should"),
        seed=said.get("seed", 0),
        connectors=pages,
        states=states,
        connector_states=own,
        providers=providers,
        proxies=proxies,
        parent=parent,
        secrets=(*secrets, *outside.passwords(pages)),
        document=document,
        trail=Trail(tuple(findings.layers), env, tuple(findings.files)),
        **made,
    )


def _connectors(
    said: Map, columns: steps.Columns, findings: Findings
) -> tuple[dict[str, ConnectorConfig], dict[str, Blueprint], dict[str, ProxyConfig]]:
    """The pages of all connectors, and what those of kind scim and proxy are made from."""
    pages: dict[str, ConnectorConfig | None] = {}
    providers: dict[str, Blueprint] = {}
    proxies: dict[str, ProxyConfig] = {}
    for name, connector in maps_in(said.get("connectors")).items():
        if connector.get("kind") == PROXY:
            if (proxy := connectors.parse_proxy(name, connector, findings)) is not None:
                proxies[name] = proxy
                pages[name] = ConnectorConfig(
                    name, kind=PROXY, secret_token=connector.get("secret_token", "")
                )
        elif connector.get("kind") != SCIM:
            pages[name] = connectors.parse(name, connector, columns[name], findings)
        elif (
            provider := connectors.parse_provider(name, connector, said.get("seed", 0), findings)
        ) is not None:
            providers[name] = provider
            pages[name] = ConnectorConfig(
                name=name, kind=SCIM, secret_token=connector.get("secret_token", "")
            )
    return {name: page for name, page in pages.items() if page is not None}, providers, proxies


def _clock(said: Map, findings: Findings) -> ClockConfig:
    mode, start = said.get("mode", "wall"), None
    if mode == "frozen" and "speed" in said:
        hint = "leave one of mode and speed out"
        findings.add(("clock", "speed"), "a frozen clock has no speed", hint, key=True)
    if isinstance(written := said.get("start"), str):
        try:
            start = parse_iso(written)
        except (ValueError, OverflowError):
            hint = "write it like 2026-01-01T00:00:00Z"
            findings.add(("clock", "start"), f"{written!r} is not a date or date-time", hint)
    return ClockConfig(mode, float(said.get("speed", 1.0)), start)


def _host(scenario: Map, findings: Findings) -> HostConfig:
    said = dict(scenario.get("host", {}))
    machine = scenario.get("machine", {})
    state = machine.get("services", {}).get("host", {}).get("state")
    same = {
        "service": ("stopped" if state == "absent" else state, ("machine", "services", "host", "state")),
        "debug": (machine.get("debug"), ("machine", "debug")),
        "tls": (machine.get("certificate"), ("machine", "certificate")),
    }
    for key, (value, path) in same.items():
        if value is None:
            continue
        if key in said and said[key] != value:
            findings.add(path, f"host.{key} says something else: {said[key]!r}", "leave one of the two out")
        said[key] = value
    check_behaviours(said.get("behaviours"), ("host", "behaviours"), findings)
    return HostConfig(
        generation=said.get("generation", "current"),
        behaviours=dict(said.get("behaviours") or {}),
        service=said.get("service", "running"),
        debug=said.get("debug", False),
        debug_effective=said.get("debug_effective"),
        tls=_tls(said.get("tls", {}), findings),
    )


def _machine(said: Map | None, connectors: Map, findings: Findings) -> MachineConfig | None:
    if not isinstance(said, Mapping):
        return None
    from mockhost.windows import config

    return config.parse(said, connectors, findings)


class _BelowEntra:
    """Reports mistakes of `entra`, by their places in it."""

    def __init__(self, findings: Findings) -> None:
        self._findings = findings

    def add(self, path: Path, message: str, hint: str = "", *, key: bool = False) -> None:
        self._findings.add(("entra", *path), message, hint, key=key)


def _entra(said: object, whole: Map, connectors: Map, findings: Findings) -> dict[str, object]:
    """The application in Entra as it is written; `entra/reading.py` makes values of it."""
    if not isinstance(said, Mapping) or not said:
        return {}
    from mockhost.entra.reading import Reader
    from mockhost.scim.messages import ECMA_USER

    name = said.get("connector", next(iter([*maps_in(whole.get("client")), *connectors]), ""))
    if name not in connectors:
        findings.add(
            ("entra", "connector"), f"there is no connector {name!r}", did_you_mean(str(name), connectors)
        )
    is_scim = maps_in(connectors).get(name, {}).get("kind") == SCIM
    Reader(_without_gaps(said), _BelowEntra(findings)).check("" if is_scim else ECMA_USER)
    return dict(said)


def _without_gaps(value: Any) -> Any:
    """Without what was in lists and can't be used, which is reported already."""
    if isinstance(value, Mapping):
        return {key: _without_gaps(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_gaps(item) for item in value if item is not None]
    return value


def _tls(said: str | Map, findings: Findings) -> TlsConfig:
    if isinstance(said, str):
        return TLS_WORDS[said].laid_over(TlsConfig())
    values = dict(said)
    if "names" in values:
        values["names"] = tuple(values["names"])
    if "valid" in values and None not in values["valid"]:
        begins, ends = values["valid"] = tuple(map(seconds, values["valid"]))
        if begins >= ends:
            findings.add(
                ("host", "tls", "valid"), "the certificate ends before it begins", "write [-1d, 730d]"
            )
    lowest, highest = said.get("minimum_version"), said.get("maximum_version")
    if lowest and highest and lowest > highest:
        where = ("host", "tls", "minimum_version")
        findings.add(where, f"the oldest version is newer than the newest, {highest}")
    for key in ("minimum_version", "maximum_version"):
        if said.get(key) in ("1.0", "1.1") and (why := unspoken(said[key])) is not None:
            findings.add(("host", "tls", key), f"TLS {said[key]} can't be spoken here: {why}")
    # laid over what is true of every host, so that a version said alone takes the other one with it
    return AS_THE_HOST._replace(**values).laid_over(TlsConfig())


def _client(said: object, columns: steps.Columns, findings: Findings) -> dict[str, dict[str, object]]:
    told = maps_in(said)
    for name, each in told.items():
        if name not in columns:
            hint = did_you_mean(name, columns)
            findings.add(("client", name), f"there is no connector {name!r}", hint, key=True)
        steps.check_told(each, ("client", name), findings)
    return {name: dict(each) for name, each in told.items()}


def _on_demand(said: Map | None, given: Map, findings: Findings) -> OnDemand | None:
    if not isinstance(said, Mapping) or not isinstance(template := said.get("template"), str):
        return None
    if template not in given:
        hint = did_you_mean(template, given)
        findings.add(("on_demand", "template"), f"there is no connector {template!r}", hint)
    elif given[template].get("kind") != SCIM:
        hint = "write one of kind scim"
        findings.add(("on_demand", "template"), f"connector {template!r} is the ECMA host's own", hint)
    return OnDemand(template, said.get("max", OnDemand("").max))
