"""The rows: one function each, registered by name, in the order in which they are printed.

A row starts what it compares, measures it and its reference in alternating rounds of the same run, and gives results.
"""

from __future__ import annotations

import contextlib
import json
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from bench import scenarios, servers, systems
from bench.load import ROOT, Load, Target, put_load
from bench.mix import Endpoint, put_mix
from bench.results import Budget, Result
from bench.servers import Server, find

MILLION = 1_000_000
REFERENCE = "gunicorn 1x8, bare Flask"


class Bench:
    """One run: its folder, how long to measure, and what several rows need once."""

    def __init__(self, work: Path, *, quick: bool = False, full: bool = False) -> None:
        self.work = work
        self.quick = quick
        self.rounds = 1 if quick else 5
        self.seconds = 1.0 if quick else 4.0
        self.starts = 3 if quick else 11
        self.crowd = 20_000 if quick else MILLION
        self.people = (100, 500, 1_000) if quick else (1_000, 10_000, 100_000)
        self.requests = 5_000 if quick else MILLION if full else 200_000

    def folder(self, name: str) -> Path:
        """A folder of a server's own."""
        path = self.work / name
        path.mkdir(exist_ok=True)
        return path

    @cached_property
    def certificate(self) -> tuple[Path, Path]:
        """A certificate and key for the reference: EC P-256, as mockhost's own."""
        certificate, key = self.work / "reference.crt", self.work / "reference.key"
        command = [
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
        ]
        command += ["-subj", "/CN=localhost", "-days", "2", "-keyout", str(key), "-out", str(certificate)]
        subprocess.run(command, check=True, capture_output=True, timeout=60)
        return certificate, key

    @contextlib.contextmanager
    def mockhost(
        self,
        scenario: str,
        *,
        tls: bool = False,
        quiet: bool = True,
        name: str = "mockhost",
        data: Path | None = None,
    ) -> Iterator[Server]:
        with servers.mockhost(
            scenario, self.folder(name), tls=tls, quiet=quiet, patience=300, data=data
        ) as server:
            yield server

    @contextlib.contextmanager
    def provider(self, people: int) -> Iterator[Server]:
        """mockhost with the SCIM connector of `basics/scim_people`, over HTTP as the SCIM servers beside it."""
        with servers.mockhost(
            scenarios.people(self.work, people),
            self.folder(f"provider-{people}"),
            tls=False,
            patience=300,
            connector="SCIM",
        ) as server:
            yield server

    def mix(self, server: Server, people: int, *, seconds: float | None = None) -> Load:
        """A round of the Entra mix; CannotStart if the server answers otherwise than the mix expects."""
        endpoint = Endpoint(server.base, scenarios.SECRET_TOKEN, people)
        load, why = put_mix(endpoint, self.work, seconds=seconds or self.seconds)
        if load.errors:
            raise servers.CannotStart(f"{server.name}: {load.errors} answers did not fit; {why}")
        return load

    @contextlib.contextmanager
    def reference(self, answer: bytes, *, tls: bool = False) -> Iterator[Server]:
        certificate = self.certificate if tls else None
        with servers.gunicorn(answer, self.folder("gunicorn"), tls=certificate) as server:
            yield server

    def load(
        self, target: Target, *, seconds: float | None = None, close: bool = False, connections: int = 16
    ) -> Load:
        return put_load(
            target, self.work, seconds=seconds or self.seconds, close=close, connections=connections
        )


class Row(NamedTuple):
    name: str
    measure: Callable[[Bench], list[Result]]


ROWS: list[Row] = []


def row(name: str) -> Callable[[Callable[[Bench], list[Result]]], Callable[[Bench], list[Result]]]:
    """Register a function as the row `name`."""

    def register(measure: Callable[[Bench], list[Result]]) -> Callable[[Bench], list[Result]]:
        ROWS.append(Row(name, measure))
        return measure

    return register


# -- starting --------------------------------------------------------------------------------------------------------


@row("start-shipped")
def start_shipped(bench: Bench) -> list[Result]:
    return [_start(bench, "start-shipped", "basics/healthy", "a shipped scenario", 250)]


@row("start-file")
def start_file(bench: Bench) -> list[Result]:
    return [_start(bench, "start-file", scenarios.unshipped(bench.work), "a user's own file", 300)]


def _start(bench: Bench, name: str, scenario: str, what: str, budget: float) -> Result:
    ours, theirs = [], []
    for _ in range(bench.starts):
        with bench.mockhost(scenario, tls=True, quiet=False) as server:
            ours.append(server.first_200 * 1000)
        with bench.reference(b"{}", tls=True) as server:
            theirs.append(server.first_200 * 1000)
    return Result(
        name,
        f"start to the first 200 over TLS, {what}",
        "ms",
        value=statistics.median(ours),
        reference=REFERENCE,
        reference_value=statistics.median(theirs),
        ratio=statistics.median(ours) / statistics.median(theirs),
        budget=Budget("value", at_most=budget),
        note=f"median of {bench.starts}; fastest {min(ours):.0f}, slowest {max(ours):.0f} ms",
    )


@row("another-host")
def another_host(bench: Bench) -> list[Result]:
    figures = _in_process(bench, "another-host", str(bench.starts))
    return [
        Result(
            "another-host",
            "another host in the same process, over TLS",
            "ms",
            value=figures["ours"],
            reference="werkzeug make_server, bare Flask, ad hoc certificate",
            reference_value=figures["reference"],
            ratio=figures["ours"] / figures["reference"],
            budget=Budget("value", at_most=20),
        )
    ]


@row("reset")
def reset(bench: Bench) -> list[Result]:
    """Two lines: the cost must follow what changed, not how many users there are."""
    small, large = (
        _in_process(bench, "reset", scenarios.crowd(bench.work, count), str(bench.starts))["ours"]
        for count in (1_000, bench.crowd)
    )
    budget = Budget("value", at_most=2)
    return [
        Result("reset", "reset after ten creates, 1,000 users", "ms", small, budget=budget),
        Result(
            "reset",
            f"reset after ten creates, {bench.crowd:,} users",
            "ms",
            value=large,
            reference="the same at 1,000",
            reference_value=small,
            ratio=large / small,
            budget=budget,
        ),
    ]


@row("pytest-fixture")
def pytest_fixture(bench: Bench) -> list[Result]:
    """Set-up and teardown of a test with the fixture `mockhost`, as pytest reports them."""
    figures = _in_process(bench, "fixture", str(bench.starts), script="plugin.py")
    seen, first = Budget("value", at_most=2), Budget("value", at_most=40)
    note = f"the first test of a process, imports and all: {figures['process']:.0f} ms"
    return [
        Result("pytest-fixture", "a test's host, scenario seen before", "ms", figures["seen"], budget=seen),
        Result(
            "pytest-fixture", "a test's host, new scenario", "ms", figures["new"], budget=first, note=note
        ),
        Result(
            "pytest-fixture",
            "a second TLS host in a test",
            "ms",
            figures["second"],
            budget=Budget("value", at_most=20),
        ),
    ]


@row("pytest-unused")
def pytest_unused(bench: Bench) -> list[Result]:
    """What a run of pytest pays for a plugin that no test uses, beside pytest alone."""
    figures = _in_process(bench, "unused", str(2 * bench.starts + 1), script="plugin.py")
    return [
        Result(
            "pytest-unused",
            "pytest with mockhost installed and unused",
            "ms",
            value=figures["cost"],
            reference="the whole run of pytest alone",
            reference_value=figures["without"],
            budget=Budget("value", at_most=10),
            note="processor time of the whole process, one empty test; the median of pairs",
        )
    ]


def _in_process(bench: Bench, *arguments: str, script: str = "inprocess.py") -> dict[str, float]:
    command = [sys.executable, "-P", str(ROOT / "bench" / script), *arguments]
    done = subprocess.run(command, cwd=bench.work, capture_output=True, text=True, check=False, timeout=600)
    if done.returncode != 0:
        raise servers.CannotStart(f"{' '.join(arguments)} failed:\n{done.stderr[-1500:]}")
    figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return figures


# -- answering -------------------------------------------------------------------------------------------------------


@row("find-http")
def find_http(bench: Bench) -> list[Result]:
    return [_finds(bench, "find-http", "find by filter, HTTP, keep-alive, 16 connections", 3.5)]


@row("walk")
def walk(bench: Bench) -> list[Result]:
    """In a process of its own: whatever is watched is slow, and all threads are watched from their start."""
    command = [sys.executable, "-m", "bench.walk"]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True, timeout=120)
    figures = json.loads(done.stdout)
    rows = [
        ("find", "calls", "one find: calls of the package's functions", "calls", 85),
        ("find", "own", "the same without server, scim, clock and tables", "calls", 35),
        ("find", "files", "files that they are in", "files", 22),
        ("find", "moves", "moves from one of these files to another", "moves", 45),
        ("reset", "calls", "a create that meets connection_reset: calls", "calls", None),
        ("reset", "files", "files that they are in", "files", None),
        ("reset", "moves", "moves from one of these files to another", "moves", None),
    ]
    return [
        Result("walk", what, unit, figures[request][name],
               budget=None if limit is None else Budget("value", at_most=limit))
        for request, name, what, unit, limit in rows
    ]  # fmt: skip


@row("limit")
def limit(bench: Bench) -> list[Result]:
    people, rounds = (2_000, 3) if bench.quick else (20_000, 9)
    scenario = scenarios.crowd(bench.work, people)
    command = [sys.executable, "-m", "bench.limit", scenario, str(people), str(rounds)]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True, timeout=600)
    figures = json.loads(done.stdout)
    return [
        Result(
            "limit",
            "processor time of a find over HTTP, no value asked for twice",
            "us",
            figures["find"],
            reference="a constant application behind the same server",
            reference_value=figures["constant"],
            ratio=figures["ratio"],
            budget=Budget("value", at_most=125),
        )
    ]


@row("find-rules")
def find_rules(bench: Bench) -> list[Result]:
    return [_finds(bench, "find-rules", "the same with 20 rules", 3.0, rules=20)]


@row("console")
def console(bench: Bench) -> list[Result]:
    """As fast as it goes with and without pages that are open: far more exchanges than pages are shown."""
    targets = _people(1_000)
    with (
        bench.mockhost(scenarios.crowd(bench.work, 1_000)) as watched,
        bench.mockhost(scenarios.crowd(bench.work, 1_000), name="mockhost-alone") as alone,
        servers.pages(watched, 3),
    ):
        rounds = _alternate(bench, [watched.target(*targets), alone.target(*targets)])
    what, budget = "find by filter, HTTP, with three pages of the console open", Budget("ratio", at_least=0.9)
    return [_ratio_of_rates("console", what, rounds, "the same without", budget)]


@row("find-tls")
def find_tls(bench: Bench) -> list[Result]:
    return [_finds(bench, "find-tls", "the same over TLS", 2.0, tls=True)]


@row("handshakes-tls")
def handshakes(bench: Bench) -> list[Result]:
    return [_finds(bench, "handshakes-tls", "a TLS handshake for each find", 1.0, tls=True, close=True)]


def _finds(
    bench: Bench,
    name: str,
    what: str,
    at_least: float,
    *,
    rules: int = 0,
    tls: bool = False,
    close: bool = False,
) -> Result:
    """Finds of 200 different people by an attribute that is not the anchor, as the provisioning service asks."""
    targets = _people(1_000)
    with bench.mockhost(scenarios.crowd(bench.work, 1_000, rules=rules), tls=tls) as ours:
        answer = ours.get(targets[0])
        with bench.reference(answer, tls=tls) as theirs:
            contenders = [ours.target(*targets), theirs.target(*targets)]
            rounds = _alternate(bench, contenders, close=close)
    return _ratio_of_rates(name, what, rounds, REFERENCE, Budget("ratio", at_least=at_least))


def _people(count: int, attribute: str = "Email") -> tuple[str, ...]:
    """200 finds, spread evenly over a crowd of `count`."""
    return tuple(find(attribute, scenarios.value(attribute, n * (count // 200))) for n in range(200))


def _alternate(bench: Bench, contenders: list[Target], *, close: bool = False) -> list[list[Load]]:
    """Rounds of one load for each contender, after a warm-up; every other round begins with the last one."""
    for target in contenders:
        bench.load(target, seconds=1, close=close)
    rounds = []
    for number in range(bench.rounds):
        order = range(len(contenders)) if number % 2 == 0 else reversed(range(len(contenders)))
        loads = {index: bench.load(contenders[index], close=close) for index in order}
        rounds.append([loads[index] for index in range(len(contenders))])
    return rounds


def _ratio_of_rates(
    name: str, what: str, rounds: list[list[Load]], reference: str, budget: Budget | None = None
) -> Result:
    """The median of each round's ratio, so that a slow spell of the machine meets both alike."""
    ours, theirs = [pair[0] for pair in rounds], [pair[1] for pair in rounds]
    errors = sum(load.errors for load in ours), sum(load.errors for load in theirs)
    latency = (
        f"p50 {statistics.median(load.p50 for load in ours):.1f}, p99 {max(load.p99 for load in ours):.1f} ms"
    )
    ratios = sorted(mine.rate / max(1.0, other.rate) for mine, other in rounds)
    spread = f"; ratios {ratios[0]:.2f} to {ratios[-1]:.2f} in {len(rounds)} rounds"
    return Result(
        name,
        what,
        "req/s",
        value=statistics.median(load.rate for load in ours),
        reference=reference,
        reference_value=statistics.median(load.rate for load in theirs),
        ratio=statistics.median(ratios),
        budget=budget,
        note=latency + spread + (f"; ERRORS {errors[0]} and {errors[1]}" if any(errors) else ""),
        failed=errors[0] > 0,
    )


# -- a proxy ---------------------------------------------------------------------------------------------------------


@row("proxy")
def proxy(bench: Bench) -> list[Result]:
    """A server, and the same behind a proxy without a rule: what that adds to an answer, and how many get through."""
    asked = find("ContosoLogin", "user0000000")
    with bench.reference(b'{"totalResults": 0, "Resources": []}') as target:
        scenario = scenarios.proxy(bench.work, target.base)
        with bench.mockhost(scenario, name="proxy") as ours:
            direct, through = target.target(asked), ours.target(asked)
            for each in (direct, through):
                bench.load(each, seconds=1, connections=1)
            added = []
            for _ in range(2 * bench.rounds):
                one, other = (bench.load(each, seconds=1, connections=1) for each in (direct, through))
                added.append(other.p50 - one.p50)
            results = [
                Result(
                    "proxy",
                    "what the proxy adds to an answer, one connection, median",
                    "ms",
                    value=statistics.median(added),
                    budget=Budget("value", at_most=0.3),
                    note=f"{min(added):.3f} to {max(added):.3f} ms in {len(added)} rounds",
                )
            ]
            rounds = _alternate(bench, [through, direct])
            results.append(
                _ratio_of_rates("proxy", "finds through the proxy", rounds, "the target without it")
            )
            parts = urlsplit(target.base)
            wiremock = servers.wiremock_proxy(f"{parts.scheme}://{parts.netloc}", parts.path + asked)
            with servers.peer(wiremock, b"", bench.folder("wiremock-proxy")) as started:
                if started is None:
                    note = "WireMock is not installed: skipped"
                    return [*results, Result("proxy", "beside WireMock's", "req/s", note=note)]
                theirs, path = started
                bench.load(theirs.target(path), seconds=1 if bench.quick else 10)  # a JVM needs its warm-up
                rounds = _alternate(bench, [through, theirs.target(path)])
                results.append(_ratio_of_rates("proxy", "beside WireMock's", rounds, wiremock.name))
    return results


# -- a million users -------------------------------------------------------------------------------------------------


@row("find-million")
def find_million(bench: Bench) -> list[Result]:
    counts = (1_000, bench.crowd)
    with contextlib.ExitStack() as stack:
        contenders = []
        for count in counts:
            server = stack.enter_context(
                bench.mockhost(scenarios.crowd(bench.work, count), name=f"mockhost-{count}")
            )
            contenders.append(server.target(*_people(count)))
        rounds = _alternate(bench, contenders)
    small, large = ([pair[side] for pair in rounds] for side in (0, 1))
    errors = sum(load.errors for load in small + large)
    cost = statistics.median(pair[0].rate / max(1.0, pair[1].rate) for pair in rounds)
    return [
        Result(
            "find-million",
            f"cost of a find at {bench.crowd:,} users, its index there",
            "us",
            value=1e6 / max(1.0, statistics.median(load.rate for load in large)),
            reference="the same at 1,000",
            reference_value=1e6 / max(1.0, statistics.median(load.rate for load in small)),
            ratio=cost,
            budget=Budget("ratio", at_most=1.3),
            note=f"ERRORS {errors}" if errors else "",
            failed=errors > 0,
        )
    ]


@row("load-million")
def load_million(bench: Bench) -> list[Result]:
    """Time to load, and memory a user once three indexes are there."""
    grown = {}
    took = 0.0
    for count in (1_000, bench.crowd):
        with bench.mockhost(scenarios.crowd(bench.work, count)) as server:
            for attribute in scenarios.UNIQUE:
                server.get(_people(count, attribute)[1])
            grown[count], took = server.resident(), server.first_200
    each = (grown[bench.crowd] - grown[1_000]) * 1024 * 1024 / (bench.crowd - 1_000)
    what = f"{bench.crowd:,} users"
    return [
        Result(
            "load-million", f"{what}: start to the first find", "s", took, budget=Budget("value", at_most=20)
        ),
        Result(
            "load-million",
            f"{what}: memory a user, three indexes",
            "B",
            each,
            budget=Budget("value", at_most=1024),
        ),
    ]


@row("data-start")
def data_start(bench: Bench) -> list[Result]:
    """With every object changed and kept, beside the same start without; and what that takes of memory."""
    scenario, kept = scenarios.crowd(bench.work, bench.crowd), bench.folder("kept")
    _in_process(bench, "change-all", scenario, str(kept))
    rounds, resident = [], 0.0
    for _ in range(bench.rounds):
        with bench.mockhost(scenario, data=kept) as server:
            ours, resident = server.first_200, server.resident()
        with bench.mockhost(scenario) as server:
            rounds.append([ours, server.first_200])
    what = f"{bench.crowd:,} changed objects in --data"
    took = _beside("data-start", f"{what}: start to the first find", "s", rounds, "without --data")
    return [
        took._replace(budget=Budget("value", at_most=3)),
        Result("data-start", f"{what}: resident then", "MiB", resident),
    ]


# -- connected systems outside of the process -------------------------------------------------------------------------


@row("systems")
def connected_systems(bench: Bench) -> list[Result]:
    """Find, create and import with the users in a database or a directory, beside the same in memory."""
    found = []
    for name, opened in systems.SYSTEMS.items():
        try:
            with opened() as behind:
                found += _beside_memory(bench, name, behind)
        except systems.Missing as lacking:
            found.append(Result("systems", f"find, create, import: {name}", "", note=f"{lacking}: skipped"))
    return found


def _beside_memory(bench: Bench, name: str, behind: systems.Behind) -> list[Result]:
    count = bench.people[1]
    with (
        bench.mockhost(behind.scenario(bench.work, count), name=name) as outside,
        bench.mockhost(behind.scenario(bench.work, count, in_memory=True), name=f"{name}-memory") as inside,
    ):
        hosts = (outside, inside)
        asked = tuple(find(*behind.find(n * (count // 200))) for n in range(200))
        finds = _alternate(bench, [host.target(*asked) for host in hosts])
        creates, imports = [], []
        for host in hosts:
            systems.create(host, behind, "warm", 10)
            systems.full_import(host)  # the control plane is loaded with its first request
        for number in range(bench.rounds):
            order = hosts if number % 2 == 0 else hosts[::-1]
            rates = {h.pid: systems.create(h, behind, f"new{number}x", bench.people[0] // 5) for h in order}
            times = {h.pid: systems.full_import(h) for h in order}
            creates.append([rates[host.pid] for host in hosts])
            imports.append([times[host.pid] for host in hosts])
    return [
        _ratio_of_rates("systems", f"{name}: finds among {count:,} users", finds, "in memory"),
        _beside("systems", f"{name}: creates, one connection", "req/s", creates, "in memory"),
        _beside("systems", f"{name}: a full import of {count:,} users", "s", imports, "in memory"),
    ]


def _beside(name: str, what: str, unit: str, rounds: list[list[float]], reference: str) -> Result:
    """Medians, and the median of each round's ratio."""
    ratios = sorted(ours / theirs for ours, theirs in rounds)
    return Result(
        name,
        what,
        unit,
        value=statistics.median(ours for ours, _ in rounds),
        reference=reference,
        reference_value=statistics.median(theirs for _, theirs in rounds),
        ratio=statistics.median(ratios),
        note=f"{what}: ratios {ratios[0]:.2f} to {ratios[-1]:.2f} in {len(rounds)} rounds",
    )


# -- memory ----------------------------------------------------------------------------------------------------------


@row("memory")
def memory(bench: Bench) -> list[Result]:
    """Idle, and what many requests leave behind; the journal is on and full by then."""
    targets = _people(1_000)
    with bench.mockhost("basics/healthy", tls=True) as server:
        idle = server.resident()
    with bench.mockhost(scenarios.crowd(bench.work, 1_000)) as server:
        with bench.reference(server.get(targets[0])) as theirs:
            beside = theirs.resident()
        before, asked = server.resident(), 0
        while asked < bench.requests:
            load = bench.load(server.target(*targets), seconds=bench.seconds)
            if load.requests == load.errors:
                raise servers.CannotStart("mockhost answers nothing but errors under load")
            asked += load.requests
        growth = server.resident() - before
    faulted, faults_growth = _faulted(bench)
    return [
        Result(
            "memory",
            "resident when idle, after the first find over TLS",
            "MiB",
            value=idle,
            reference=f"{REFERENCE} (two processes)",
            reference_value=beside,
            ratio=idle / beside,
            budget=Budget("value", at_most=64),
        ),
        Result(
            "memory", f"growth after {asked:,} requests", "MiB", growth, budget=Budget("value", at_most=16)
        ),
        Result(
            "memory",
            f"growth from {WARM:,} to {faulted:,} requests that met a fault",
            "MiB",
            faults_growth,
            budget=Budget("value", at_most=16),
        ),
    ]


WARM = 5_000
"""Requests after which the journal and every pool are full."""


def _faulted(bench: Bench) -> tuple[int, float]:
    """How many requests met a fault, and by how many MiB the host has grown from the first few thousand on.

    Only whole answers count: connections that were reset, or answers that were cut, come on top of them.
    """
    targets = _people(1_000)
    with bench.mockhost(scenarios.faulty(bench.work, 1_000), name="mockhost-faulty") as server:
        asked, before = 0, 0.0
        while asked < bench.requests:
            load = bench.load(server.target(*targets), seconds=bench.seconds, connections=64)
            if not load.requests:
                raise servers.CannotStart("the host that fails answers nothing at all under load")
            asked += load.requests
            if not before and asked >= WARM:
                before = server.resident()
        return asked, server.resident() - before


# -- the SCIM connector ----------------------------------------------------------------------------------------------


@row("scim-mix")
def scim_mix(bench: Bench) -> list[Result]:
    """The Entra mix beside other SCIM servers, at three sizes; all in memory, over HTTP, with a bearer token."""
    return [result for people in bench.people for result in _mixes(bench, people)]


def _mixes(bench: Bench, people: int) -> list[Result]:
    with contextlib.ExitStack() as stack:
        ours = stack.enter_context(bench.provider(people))
        started = [
            (
                other,
                stack.enter_context(servers.scim_peer(other, people, bench.folder(f"{other.name}-{people}"))),
            )
            for other in servers.SCIM_OTHERS
        ]
        theirs = [server for _, server in started if server is not None]
        rounds = _alternate_mixes(bench, [(ours, people), *((server, people) for server in theirs)])
        results = []
        for other, server in started:
            name = other.name
            what = f"the Entra mix at {people:,} users, beside {name}"
            if server is None:
                note = f"{name} is not installed: skipped (make bench-peers)"
                results.append(Result("scim-mix", what, "req/s", note=note))
                continue
            pairs = [[loads[0], loads[theirs.index(server) + 1]] for loads in rounds]
            result = _ratio_of_rates("scim-mix", what, pairs, name, Budget("ratio", at_least=other.least))
            memory = f"{name}: {server.resident():.0f} MiB, ours {ours.resident():.0f}"
            results.append(result._replace(note=f"{memory}; {result.note}"))
        return results


def _alternate_mixes(bench: Bench, contenders: list[tuple[Server, int]]) -> list[list[Load]]:
    """Rounds of one mix for each contender, after a warm-up; every other round begins with the last one."""
    for server, people in contenders:
        bench.mix(server, people, seconds=1 if bench.quick else 3)
    rounds = []
    for number in range(bench.rounds):
        order = range(len(contenders)) if number % 2 == 0 else reversed(range(len(contenders)))
        loads = {index: bench.mix(*contenders[index]) for index in order}
        rounds.append([loads[index] for index in range(len(contenders))])
    return rounds


@row("scim-cost")
def scim_cost(bench: Bench) -> list[Result]:
    """What a request of the mix costs with the largest crowd, beside the same with the smallest."""
    small, large = bench.people[0], bench.people[-1]
    with bench.provider(small) as few, bench.provider(large) as many:
        rounds = _alternate_mixes(bench, [(few, small), (many, large)])
    ratios = sorted(pair[0].rate / max(1.0, pair[1].rate) for pair in rounds)
    return [
        Result(
            "scim-cost",
            f"cost of a request of the Entra mix at {large:,} users",
            "us",
            value=1e6 / max(1.0, statistics.median(pair[1].rate for pair in rounds)),
            reference=f"the same at {small:,}",
            reference_value=1e6 / max(1.0, statistics.median(pair[0].rate for pair in rounds)),
            ratio=statistics.median(ratios),
            budget=Budget("ratio", at_most=1.3),
            note=f"ratios {ratios[0]:.2f} to {ratios[-1]:.2f} in {len(rounds)} rounds",
        )
    ]


@row("scim-memory")
def scim_memory(bench: Bench) -> list[Result]:
    """Memory a user: of a crowd that has been through the mix, and of users that were created one by one."""
    small, large = bench.people[0], bench.people[-1]
    grown = {}
    for people in (small, large):
        with bench.provider(people) as server:
            bench.mix(server, people)
            grown[people] = server.resident()
    crowd = (grown[large] - grown[small]) * 1024 * 1024 / (large - small)
    count = large // 10
    with bench.provider(small) as server:
        bench.mix(server, small)
        before = server.resident()
        servers.create_users(server, count)
        created = (server.resident() - before) * 1024 * 1024 / count
    budget = Budget("value", at_most=3 * 1024)
    return [
        Result("scim-memory", f"memory a user of a crowd of {large:,}", "B", crowd, budget=budget),
        Result("scim-memory", f"memory a user of {count:,} created", "B", created, budget=budget),
    ]


# -- others ----------------------------------------------------------------------------------------------------------


@row("peers")
def peers(bench: Bench) -> list[Result]:
    """mockhost beside other mocks that answer the same find over HTTP; bench/peers.sh installs them."""
    results = []
    targets = _people(1_000)
    with bench.mockhost(scenarios.crowd(bench.work, 1_000)) as ours:
        answer = ours.get(targets[0])
        for other in servers.OTHERS:
            what = f"find by filter, HTTP, beside {other.name}"
            with servers.peer(other, answer, bench.folder(other.name)) as started:
                if started is None:
                    results.append(
                        Result("peers", what, "req/s", note=f"{other.name} is not installed: skipped")
                    )
                    continue
                theirs, target = started
                bench.load(theirs.target(target), seconds=1 if bench.quick else 10)  # a JVM needs its warm-up
                rounds = _alternate(bench, [ours.target(*targets), theirs.target(target)])
                result = _ratio_of_rates("peers", what, rounds, other.name)
                cost = f"first 200 after {theirs.first_200 * 1000:.0f} ms, {theirs.resident():.0f} MiB now"
                results.append(result._replace(note=f"{other.name}: {cost}; {result.note}"))
    return results
