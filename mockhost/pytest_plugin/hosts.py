"""The hosts of a process: they outlive the tests, and each test gets one that is as good as new.

A host is kept for each way of speaking TLS that was asked for, because minting a certificate is what costs most of a
fresh start. The others are what `MockHost.use` changes in a fraction of a millisecond.
"""

from __future__ import annotations

import contextlib
import inspect
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import pytest

from mockhost.api import MockHost
from mockhost.errors import MockhostError, ScenarioError, UsageError, VerificationError, did_you_mean
from mockhost.pytest_plugin import compiled, findings, marks
from mockhost.pytest_plugin.findings import Evidence, Gathered, redact
from mockhost.pytest_plugin.judged import Judged
from mockhost.pytest_plugin.marks import ini
from mockhost.runtime import names
from mockhost.scenario.loader import Terms
from mockhost.scenario.model import Scenario

if TYPE_CHECKING:
    from mockhost.journal import Exchange
    from mockhost.pytest_plugin.remote import RemoteHost

IDLE = 12
"""How many running hosts a process keeps for tests to come."""


class Defaults(NamedTuple):
    """What the fixtures say that tests may override."""

    server: Mapping[str, Any]
    tls: bool | None
    seed: int | None
    clock: str


class PooledHost(Judged, MockHost):
    """A host that test after test uses."""

    def __init__(self, scenario: Scenario, terms: Terms, server: Mapping[str, Any]) -> None:
        super().__init__(scenario, **server)
        self.terms = terms
        self.passing = findings.Terms()
        self.gathered = []
        self.bugs, self.raised = [], []
        self.is_running = False
        self.runtime.events.call(self._hear)

    def _hear(self, kind: str, data: object) -> None:
        if kind == "bug" and isinstance(data, Mapping):
            self.bugs.append(f"{data.get('error')} ({data.get('place')})")
        if kind == "state" and isinstance(data, Mapping) and data.get("what") == "reply":
            self.raised.append(findings.failed_reply(data["rule"], data["problem"], data["where"]))

    def start(self) -> PooledHost:
        """As MockHost does."""
        super().start()
        self.is_running = True
        return self

    def stop(self) -> None:
        """As MockHost does; the next test gets another host."""
        self.is_running = False
        super().stop()

    def hanging(self) -> list[Exchange]:
        """The exchanges whose clients still wait for an answer that hangs."""
        numbers = [] if self.listener is None else self.listener.hanging()
        last = {entry.connection: entry for entry in self.journal.entries()} if numbers else {}
        return [last[number] for number in numbers if number in last]

    def begun(self, scenario: Scenario) -> None:
        """Begin again with a scenario."""
        self.runtime.use(scenario)

    def begin(self, scenario: Scenario, terms: Terms, passing: findings.Terms) -> bool:
        """Begin again for a test; whether nothing of the test before is left."""
        runtime = self.runtime
        self.terms, self.passing = terms, passing
        with runtime.lock:
            before = runtime.epoch.number
            self.begun(scenario)
            self.gathered, self.bugs = [], []
            self.since, self.older, self.raised = 0, None, []
            return (
                runtime.epoch.number == before + 1
                and runtime.scenario is scenario
                and not len(runtime.journal)
                and not runtime.journal.dropped
                and not any(rule.live for rule in runtime.state.rules)
            )


class Pool:
    """The running hosts of one way of listening."""

    def __init__(self, server: Mapping[str, Any]) -> None:
        self._server = dict(server)
        self._idle: list[PooledHost] = []
        # Where the port is given there can be one host at a time.
        self._most = 1 if any(server.get(word) for word in ("port", "control_port")) else IDLE

    def take(self, scenario: Scenario, terms: Terms, passing: findings.Terms) -> PooledHost:
        """A host that has just begun with this scenario. Raises CannotRun where no more can listen."""
        host = self._suitable(scenario)
        if host is not None:
            if host.begin(scenario, terms, passing):
                return host
            host.stop()
        host = PooledHost(scenario, terms, self._server)
        host.passing = passing
        return host.start()

    def _suitable(self, scenario: Scenario) -> PooledHost | None:
        """Of the idle hosts with this TLS the one used last; where there are many, the one used longest ago."""
        for place in range(len(self._idle) - 1, -1, -1):
            if self._idle[place].runtime.scenario.host.tls == scenario.host.tls:
                return self._idle.pop(place)
        return self._idle.pop(0) if len(self._idle) >= self._most else None

    def give_back(self, host: PooledHost) -> None:
        """Let go whatever still hangs on it, and keep it for the next test."""
        if not host.is_running:
            return
        host.gathered = []
        host.runtime.reset()
        self._idle.append(host)
        while len(self._idle) > self._most:
            self._idle.pop(0).stop()

    def close(self) -> None:
        """Stop every host that no test has."""
        for host in self._idle:
            host.stop()
        self._idle.clear()


_POOLS: pytest.StashKey[dict[str, Pool]] = pytest.StashKey()
_REMOTE: pytest.StashKey[RemoteHost] = pytest.StashKey()


def _check_server(server: object) -> None:
    """Raise UsageError unless it is what MockHost takes, other than what has a fixture or a marker of its own."""
    if not isinstance(server, Mapping):
        hint = 'for example {"listen": "127.0.0.1"}'
        raise UsageError(f"mockhost_server is a dict of MockHost's arguments, not {server!r}", hint=hint)
    known = inspect.signature(MockHost).parameters.keys() - {"scenario", "overrides", *marks.OPTIONS}
    for name in server:
        if name not in known:
            raise UsageError(
                f"mockhost_server has an unknown argument {name!r}", hint=did_you_mean(str(name), known)
            )


def _pool(config: pytest.Config, server: Mapping[str, Any]) -> Pool:
    pools = config.stash.setdefault(_POOLS, {})
    key = repr(sorted(server.items()))
    if key not in pools:
        pools[key] = Pool(server)
    return pools[key]


def close(config: pytest.Config) -> None:
    """Stop every host of a run of pytest."""
    for pool in config.stash.get(_POOLS, {}).values():
        pool.close()
    remote = config.stash.get(_REMOTE, None)
    if remote is not None:
        remote.let_go()


SHARED: pytest.StashKey[list[Hosts]] = pytest.StashKey()
"""The hosts that tests share, of a module or of the session."""


class Hosts:
    """The hosts of one test, or those that the tests of a module or of the session share."""

    def __init__(self, request: pytest.FixtureRequest, defaults: Defaults) -> None:
        self._node: pytest.Item | pytest.Collector = request.node
        self._config = request.config
        self._defaults = defaults
        folder = self._node.path if self._node.path.is_dir() else self._node.path.parent
        self._folders = (folder, self._config.rootpath)
        with _readably():
            _check_server(defaults.server)
        self._pool = _pool(self._config, defaults.server)
        self._hosts: list[PooledHost | RemoteHost] = []
        self._reported: list[str] = []
        self._judged = False
        self._is_over = False
        self._evidence: Evidence | None = None
        self._is_shared = request.scope != "function"
        self._test: pytest.Item | None = None
        """the present test, of those that share the hosts"""
        if self._is_shared:
            self._config.stash.setdefault(SHARED, []).append(self)

    # -- making them -------------------------------------------------------------------------------------------

    def main(self, scenario: Any) -> MockHost:
        """The host of the fixture `mockhost`, as the markers ask for it."""
        with _readably():
            asked = marks.asked_by(self._node)
        return self._make(asked._replace(scenario=scenario if asked.scenario is None else asked.scenario))

    def further(self, *args: Any, **kwargs: Any) -> MockHost:
        """Another host. Arguments are those of the marker; without a scenario it is the default one."""
        __tracebackhide__ = True
        with _readably():
            asked = marks.of_call(args, kwargs)
            marks.judge_keys(asked.overrides)
        if asked.scenario is None:
            asked = asked._replace(scenario=ini(self._config, "mockhost_scenario"))
        return self._make(asked)

    def _make(self, asked: marks.Asked) -> MockHost:
        __tracebackhide__ = True
        options, defaults = asked.options, self._defaults
        with _readably():
            terms = Terms.of(
                options.get("tls", defaults.tls),
                options.get("seed", defaults.seed),
                options.get("sets", ()),
                options.get("clock", defaults.clock),
            )
            passing = findings.Terms(
                strict=self._option("strict", options),
                allow_unused=self._option("allow_unused", options),
                own_rules=findings.has_rules(asked.scenario, asked.overrides),
            )
            scenario = marks.found_beside(asked.scenario, self._folders)
            loaded = compiled.load(scenario, asked.overrides, terms)
            if passing.own_rules:
                names.check_rules(loaded)
            host = self._remote(loaded, terms, passing) or self._pool.take(loaded, terms, passing)
        self._hosts.append(host)
        if self._test is not None:
            host.share()
        # One behind --mockhost-url is a MockHost in all that is documented: both are a RunningHost.
        return cast("MockHost", host)

    def _option(self, name: str, options: Mapping[str, Any]) -> bool:
        if name in options:
            if not isinstance(value := options[name], bool):
                raise UsageError(f"{name} is True or False, not {value!r}")
            return value
        said = self._config.getoption("--mockhost-strict") if name == "strict" else None
        return bool(ini(self._config, f"mockhost_{name}") if said is None else said)

    def _remote(self, loaded: Scenario, terms: Terms, passing: findings.Terms) -> RemoteHost | None:
        urls: Sequence[str] | None = self._config.getoption("--mockhost-url")
        if not urls:
            return None
        from mockhost.pytest_plugin import remote

        others = (each for each in self._config.stash.get(SHARED, ()) if each is not self)
        if self._hosts or any(each._hosts for each in others):
            pytest.skip("there is one host behind --mockhost-url, and this test wants another one")
        host = self._config.stash.get(_REMOTE, None)
        if host is None:
            worker = getattr(self._config, "workerinput", {})
            token = self._config.getoption("--mockhost-token") or os.environ.get("MOCKHOST_CONTROL_TOKEN")
            host = self._config.stash[_REMOTE] = remote.RemoteHost(remote.own_of(urls, worker), token)
        host.begin(loaded, terms, passing)
        return host

    # -- judging them ------------------------------------------------------------------------------------------

    def begin(self, test: pytest.Item) -> None:
        """A test begins that shares these hosts: it answers for what comes from now on."""
        if self._test is not test:
            self._test = test
            self._reported = []
            for host in self._hosts:
                host.share()

    def end(self) -> None:
        """Every report of the test has been made: the rules that it added go, and what was kept for its reports."""
        self._test = None
        for host in self._hosts:
            host.take_back()
        if self._is_over:
            self._evidence = None
            if self._is_shared and self in self._config.stash[SHARED]:
                self._config.stash[SHARED].remove(self)

    def judge(self) -> None:
        """Fail the test if it should not have passed."""
        self._judged = True
        found = self._found(again=False)
        if found:
            pytest.fail(self._report(found), pytrace=False)

    def finish(self) -> None:
        """Their scope is over: what came to light since they were judged is an error, and they are given back."""
        if self._is_shared:
            self.end()
        try:
            found = self._found(again=not self._is_shared) if self._judged else []
            found = [finding for finding in found if finding.title not in self._reported]
            for host in self._hosts:
                host.since = 0  # the whole journal is shown
            text = self._report(found) if found else ""
            self._evidence = self._gather()
        finally:
            for host in reversed(self._hosts):
                if isinstance(host, PooledHost):
                    self._pool.give_back(host)
            self._hosts, self._is_over = [], True
        if text:
            pytest.fail(text, pytrace=False)

    def _found(self, *, again: bool) -> list[findings.Finding]:
        found: list[findings.Finding] = []
        for host in self._hosts:
            found += [finding for before in host.gathered for finding in before.findings]
            found += host.found(again=again)
        return found

    def _report(self, found: Sequence[findings.Finding]) -> str:
        self._reported += [finding.title for finding in found]
        if len(found) == 1:
            texts = [f"mockhost: {found[0].text}"]
        else:
            head = f"mockhost: {len(found)} things are wrong: {found[0].title}, …"
            texts = [head, "", *(finding.text for finding in found)]
        marked = frozenset(finding.exchange for finding in found if finding.exchange)
        texts += [gathered.table(marked) for gathered in self._gather().epochs]
        return "\n".join(texts)

    # -- showing them ------------------------------------------------------------------------------------------

    def _gather(self) -> Evidence:
        epochs = [
            epoch
            for host in self._hosts
            for epoch in (
                *host.gathered,
                Gathered.of(host, host.found(), since=host.since),
            )
        ]
        return Evidence(self._node.nodeid, epochs)

    def attach(self, report: pytest.TestReport, call: pytest.CallInfo[None]) -> None:
        """Give a failed report its journal, and write it below --mockhost-artifacts."""
        redact(report, [host.journal.sink for host in self._hosts])
        evidence = self._evidence or (self._gather() if self._hosts else None)
        if evidence is None or not evidence.epochs:
            return
        if self._is_shared and not self._reported and not any(each.entries for each in evidence.epochs):
            return  # the test has nothing to do with them
        error = None if call.excinfo is None else call.excinfo.value
        shown = isinstance(error, VerificationError) or bool(self._reported)
        lines = [evidence.text(tables=not shown, findings=not self._reported, heads=not self._reported)]
        folder = self._config.getoption("--mockhost-artifacts")
        if folder:
            own = evidence._replace(nodeid=report.nodeid)
            lines.append(f"written to {own.write(folder, report.when)}")
        if any(lines):
            report.sections.append(("mockhost", "\n".join(filter(None, lines))))


@contextlib.contextmanager
def _readably() -> Iterator[None]:
    """What is wrong with a scenario is its author's to mend; a traceback into mockhost would not help."""
    __tracebackhide__ = True
    try:
        yield
        return
    except ScenarioError as error:
        problem = str(error)
    except MockhostError as error:
        problem = f"{type(error).__name__}: {error}"
    raise pytest.fail.Exception(problem, pytrace=False) from None  # else the error is shown twice
