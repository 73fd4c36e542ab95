"""Handlers of the operations on the host as a whole."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from mockhost import __version__
from mockhost.clock import VirtualClock, iso
from mockhost.durations import parse_duration
from mockhost.errors import CannotRun
from mockhost.expect import check as steps
from mockhost.expect.check import HostDriver
from mockhost.journal.events import TooManyListeners
from mockhost.journal.sink import printable
from mockhost.operations.row import PEM, ROLES, Media
from mockhost.running import ClientTarget
from mockhost.runtime import targets
from mockhost.runtime.operations import Data, NotAllowed, NotNow, Operated, Stream
from mockhost.runtime.runtime import Runtime
from mockhost.scenario import loader

_NAME_LENGTH = 200
_PATIENCE = 30.0
"""Seconds that a check waits for another one to end."""


def get_health(host: Operated) -> Data:
    # Without the lock: it must answer while something long holds it.
    runtime = host.runtime
    return {
        "status": "ok",
        "version": __version__,
        "scenario": runtime.scenario.name,
        "epoch": runtime.epoch.number,
        "service": "running" if runtime.host.running else "stopped",
    }


def get_scenario(host: Operated, *, document: bool = False) -> Data:
    state = host.runtime.state
    scenario = state.scenario
    summary: Data = {
        "name": scenario.name,
        "title": scenario.title,
        "why": scenario.why,
        "cause": scenario.cause,
        "client_should": scenario.client_should,
        "reproduces": list(scenario.reproduces),
        "tags": list(scenario.tags),
        "origin": scenario.origin,
        "extends": scenario.parent,
        "seed": scenario.seed,
        "connectors": list(scenario.connectors),
        "rules": len(scenario.rules),
        "timeline": len(scenario.timeline),
        "cured": state.cured,
    }
    return {**summary, "document": scenario.document} if document else summary


def use_scenario(
    host: Operated,
    *,
    scenario: str | Mapping[str, Any],
    overrides: Mapping[str, Any] | None = None,
    name: str = "",
) -> Data:
    loaded = host.load(scenario, overrides or {}, host.source)
    if name and not isinstance(scenario, str):
        loaded = loaded._replace(name=printable(name[:_NAME_LENGTH]))
    host.runtime.use(loaded)
    return _begun(host)


def reset(host: Operated) -> Data:
    host.runtime.reset()
    return _begun(host)


def _begun(host: Operated) -> Data:
    return {"scenario": host.runtime.scenario.name, "epoch": host.runtime.epoch.number}


def _status(runtime: Runtime) -> Data:
    """Configured beside effective, and the certificate, as plain JSON."""
    with runtime.lock:
        machine = runtime.state.machine
        if machine is not None:
            machine.look()
        host = runtime.host
        return {
            "machine": None if machine is None else machine.describe(),
            "service": {
                "configured": runtime.scenario.host.service,
                "effective": "running" if host.running else "stopped",
            },
            "restart_pending": host.pending() or (machine is not None and machine.pending()),
            "configured": host.settings(effective=False),
            "effective": host.settings(effective=True),
            "tls": runtime.certificates.describe(),
        }


def get_host(host: Operated) -> Data:
    return _status(host.runtime)


def set_host(host: Operated, *, set: Mapping[str, object]) -> Data:
    runtime = host.runtime
    beyond = next((path for path in set if not path.startswith("client.")), None)
    if host.role == ROLES[0] and beyond is not None:
        hint = "'mockhost windows' changes the server, as its wizard, its files and its commands do"
        raise NotAllowed(f"{beyond} is not for a {host.role} to set", hint=hint)
    with runtime.lock:
        if len(set) > 1:
            # All of them or none: first see whether the whole is a scenario.
            loader.with_overrides(runtime.scenario, set, source=host.source)
        done = [runtime.set(path, value, host.source) for path, value in set.items()]
    return {"set": done, **get_host(host)}


patch_host = set_host


def get_clock(host: Operated) -> Data:
    with host.runtime.lock:
        return _clock(host.runtime.clock)


def _clock(clock: VirtualClock) -> Data:
    """The virtual clock: mode, speed, time, and when the next job is due."""
    due = clock.next_due()
    return {
        "mode": clock.mode,
        "speed": clock.speed,
        "now": iso(clock.now()),
        "next_due": None if due is None else iso(due),
    }


def advance_clock(host: Operated, *, by: str | float) -> Data:
    runtime = host.runtime
    problems: list[str] = []

    def hear(kind: str, data: object) -> None:
        if kind == "state" and isinstance(data, Mapping) and data.get("what") == "timeline":
            problems.append(str(data.get("problem")))

    listen_no_more = runtime.events.call(hear)
    try:
        runtime.advance(parse_duration(by) if isinstance(by, str) else float(by))
    finally:
        listen_no_more()
    return {**get_clock(host), "problems": problems}


def get_service(host: Operated) -> Data:
    status = _status(host.runtime)
    return {**status["service"], "restart_pending": status["restart_pending"]}


def control_service(host: Operated, *, action: str) -> Data:
    host.runtime.service(action)
    return get_service(host)


def check(host: Operated, *, whole: bool = False, timeout: float = 10.0) -> Data:
    runtime, fork = host.runtime, host.fork
    if fork is None:
        raise NotNow("this host has no data plane that could be forked")

    @contextmanager
    def driver() -> Iterator[HostDriver]:
        with fork() as twin:
            yield HostDriver(twin)

    if not runtime.checking.acquire(timeout=_PATIENCE):
        raise NotNow("another check takes long", hint="try again")
    try:
        epoch, scenario = runtime.epoch.number, runtime.scenario
        report = steps.hold(scenario, driver, timeout=timeout)
        played = None
        if whole:
            with driver() as own:
                played = steps.check(scenario, own, timeout=timeout, confined=True)
    finally:
        runtime.checking.release()
    holds = {section.name: section.ok for section in report.sections}
    wrong = not holds.pop("wrong_cure", True)
    # Where nothing says what is true after a cure, the symptom is what should be gone; or what should be seen.
    cured = not wrong and holds.get("cured", holds.get("expect", True) == (scenario.cause is None))
    _remember(runtime, cured, epoch)
    names = [*(name for name, held in holds.items() if held), *(["wrong_cure"] if wrong else [])]
    state = "cured" if cured else f"not cured: {_why(names, holds)}"
    return {
        "scenario": scenario.name,
        "cured": cured,
        "holds": names,
        "text": "\n".join([f"{scenario.name}: {state}", *report.text.splitlines()[1:]]),
        "sections": [
            {
                "name": section.name,
                "holds": section.ok if section.name != "wrong_cure" else not section.ok,
                "steps": [
                    {
                        "ok": result.ok,
                        "text": result.text,
                        "problems": [*result.problems, *([result.error] if result.error else [])],
                    }
                    for result in section.results
                ],
            }
            for section in report.sections
        ],
        "whole": None if played is None else {"ok": played.ok, "text": played.text},
    }


def _why(names: Sequence[str], holds: Mapping[str, bool]) -> str:
    """Why a host is not cured: which sections hold that should not, or none of which all should."""
    if names:
        return f"{' and '.join(names)} hold{'s' * (len(names) < 2)}"
    return f"neither {' nor '.join(holds)} holds" if len(holds) > 1 else f"{next(iter(holds))} does not hold"


def _remember(runtime: Runtime, cured: bool, epoch: int) -> None:
    """Keep whether nothing is wrong any more; the first time in an epoch that it is so, an event says so."""
    with runtime.lock:
        if epoch != runtime.epoch.number:
            return
        state, cause = runtime.state, runtime.scenario.cause
        first = cured and not state.was_cured and cause is not None
        state.cured = cured
        state.was_cured = state.was_cured or cured
    if first:
        runtime.tell("cured", {"scenario": runtime.scenario.name, "cause": cause})


def get_truth(host: Operated) -> Data:
    runtime = host.runtime
    return {
        "connectors": {name: _target(each) for name, each in targets.truth(runtime).items()},
        "clients": {name: _target(each) for name, each in targets.told(runtime).items()},
        "ca": _ca(host),
        "pid": os.getpid(),
        "tls": runtime.scenario.host.tls.mode != "plain_http",
    }


def _target(target: ClientTarget) -> Data:
    return {name: value for name, value in target._asdict().items() if name != "connector"}


def get_ca(host: Operated) -> Media:
    return Media(_ca(host).encode("ascii"), PEM)


def _ca(host: Operated) -> str:
    return host.runtime.certificates.bundle_file.read_text("ascii")


def get_client_certificate(host: Operated) -> Data:
    certificate, key = host.runtime.certificates.client_certificate()
    return {"certificate": certificate, "key": key}


STREAMS = 64
"""Event streams at a time. Each has a connection and a thread, and every event is written to each."""


def stream_events(host: Operated) -> Stream:
    runtime = host.runtime
    try:
        subscription = runtime.events.subscribe(most=STREAMS)
    except TooManyListeners:
        raise CannotRun(
            f"{STREAMS} event streams are open, and that is the limit",
            hint="close one; GET /v1/journal?since=N asks for what happened since exchange N",
        ) from None
    hello = {
        "scenario": runtime.scenario.name,
        "epoch": runtime.epoch.number,
        "last": runtime.journal.last,
    }
    return Stream(hello, subscription)
