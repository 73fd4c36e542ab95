"""The pytest plugin: `mockhost`, a running host for each test that fails exactly as the test asks.

pytest imports this module at every start, whether a test uses it or not, so it imports nothing of mockhost but the
empty package and its clock, which takes its references before any test can move the machine's; what does the work
is in the modules beside it and is imported by the first test that needs it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator, Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Any

import pytest

from mockhost import clock as _clock  # noqa: F401  takes its references now

if TYPE_CHECKING:
    import requests

    from mockhost.api import MockHost
    from mockhost.pytest_plugin.hosts import Hosts

if not hasattr(pytest, "StashKey"):
    raise pytest.UsageError(
        f"the fixtures of mockhost need pytest 7.0 or later, and this is {pytest.__version__}: "
        "upgrade pytest, or leave them out with -p no:mockhost"
    )

_ROOTS = {
    *(
        "mockhost",
        "blinker",
        "click",
        "cryptography",
        "defusedxml",
        "faker",
        "flask",
        "itsdangerous",
        "jinja2",
        "jsonschema",
    ),
    *("orjson", "referencing", "requests", "rpds", "ruamel", "urllib3", "werkzeug"),
}
_LOADED: dict[str, Any] = {}
"""The modules of mockhost and of what it stands on. pytester forgets modules that were first imported in a run of
pytest inside of pytest; with some of ours forgotten and imported again there would be two of each of their classes."""


def _remember_modules() -> None:
    _LOADED.update({name: m for name, m in sys.modules.items() if name.partition(".")[0] in _ROOTS})


def _restore_modules() -> None:
    for name, module in _LOADED.items():
        sys.modules.setdefault(name, module)


_HOSTS: pytest.StashKey[Hosts] = pytest.StashKey()
"""The hosts that an item, a module or the session has."""


def _shared(config: pytest.Config) -> list[Hosts]:
    """The hosts that tests share now."""
    hosts = sys.modules.get("mockhost.pytest_plugin.hosts")
    return [] if hosts is None else list(config.stash.get(hosts.SHARED, ()))


def _hosts_of(item: pytest.Item) -> list[Hosts]:
    """All that a test answers for."""
    own = item.stash.get(_HOSTS, None)
    return _shared(item.config) if own is None else [*_shared(item.config), own]


MARKERS = (
    "mockhost(scenario=None, /, *, tls, seed, clock, sets, strict, allow_unused, **keys): "
    "the scenario of the `mockhost` fixture: a name, a path or a dict; "
    "the keys of a scenario (connectors, host, rules, ...) are laid over it.",
    "mockhost_each(*names, shelf, faults, group, tag, cause, client_should, exclude, xfail): "
    "run the test once with each of these scenarios.",
)
_TLS = {"true": True, "false": False, "": None}


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options and ini keys."""
    _restore_modules()  # before any conftest.py imports something of mockhost
    group = parser.getgroup("mockhost", "mockhost: hosts that fail exactly as asked")
    group.addoption(
        "--mockhost-url",
        action="append",
        metavar="URL",
        help="use the host whose control plane is at URL, e.g. in a container; once for each xdist worker",
    )
    group.addoption(
        "--mockhost-token",
        metavar="TOKEN",
        help="the token of that control plane (default: the environment's MOCKHOST_CONTROL_TOKEN)",
    )
    group.addoption(
        "--mockhost-artifacts",
        metavar="DIR",
        help="write the journal of every failed test below DIR, as JSON, as HAR and as text",
    )
    group.addoption(
        "--mockhost-strict",
        action="store_true",
        default=None,
        help="fail a test in which a request met no rule although there were rules",
    )
    parser.addini("mockhost_scenario", "scenario of a test that names none", default="basics/healthy")
    parser.addini("mockhost_tls", "true: always TLS; false: always plain HTTP", default="")
    parser.addini("mockhost_seed", "seed of chance, in the place of the scenarios' own", default="")
    parser.addini("mockhost_clock", "clock of scenarios that name none: frozen or wall", default="frozen")
    parser.addini("mockhost_listen", "addresses to listen on (default: 127.0.0.1 and ::1)", type="args")
    parser.addini("mockhost_strict", "as --mockhost-strict", type="bool", default=False)
    parser.addini(
        "mockhost_allow_unused", "let rules be left over at the end of a test", type="bool", default=False
    )


def _ini(config: pytest.Config, name: str) -> Any:
    from mockhost.pytest_plugin.marks import ini

    return ini(config, name)


def pytest_configure(config: pytest.Config) -> None:
    """Register the markers."""
    for line in MARKERS:
        config.addinivalue_line("markers", line)


def pytest_report_header(config: pytest.Config) -> str | None:
    """Report that the hosts are remote."""
    urls = config.getoption("--mockhost-url")
    return f"mockhost: {', '.join(urls)}" if urls else None


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test once for each scenario of its `mockhost_each`."""
    if metafunc.definition.get_closest_marker("mockhost_each") is not None:
        from mockhost.pytest_plugin import marks

        marks.parametrize(metafunc)


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Report what is wrong with a marker where the test is collected, not where it would run."""
    report = yield
    marked = [
        node
        for node in report.result or ()
        if isinstance(node, pytest.Item)
        and (node.get_closest_marker("mockhost") or node.get_closest_marker("mockhost_each"))
    ]
    if marked:
        from mockhost.pytest_plugin import marks

        problems = marks.problems(marked)
        if problems:
            report.outcome = "failed"
            report.longrepr = "\n".join(problems)
            report.result = []
    return report


def pytest_fixture_setup(fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest) -> None:
    """A test begins with its own first fixture; what wider fixtures did before it is not the test's."""
    if fixturedef.scope == "function":
        for hosts in _shared(request.config):
            hosts.begin(request.node)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    """Give back what a run of pytest inside of pytest has taken away: a test may use mockhost without its fixtures."""
    _restore_modules()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """After a test has passed: what it should not have passed with."""
    for hosts in _shared(item.config):
        hosts.begin(item)
    result = yield
    for hosts in _hosts_of(item):
        hosts.judge()
    if _HOSTS not in item.stash and any(mark.name == "mockhost" for mark in getattr(item, "own_markers", ())):
        pytest.fail(
            "@pytest.mark.mockhost: the test has no host; add the fixture mockhost or mockhost_client",
            pytrace=False,
        )
    return result


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A failed test has its journal with it. Nothing of a test is left on hosts that others share."""
    if call.excinfo is not None and not item.config.getoption("fulltrace"):
        _hide_frames(call.excinfo)
    report = yield
    for hosts in _hosts_of(item):
        if report.failed:
            hosts.attach(report, call)
        if call.when == "teardown":
            hosts.end()  # only now: a failed teardown shows the journal, too
    return report


def _hide_frames(excinfo: pytest.ExceptionInfo[BaseException]) -> None:
    """An error that mockhost tells the test's author is shown where the test met it, without frames of mockhost."""
    errors = sys.modules.get("mockhost.errors")
    if errors is None or not isinstance(excinfo.value, errors.MockhostError):
        return
    trace: TracebackType | None = excinfo.tb
    while trace is not None:
        while trace.tb_next is not None and _is_ours(trace.tb_next):
            trace.tb_next = trace.tb_next.tb_next
        trace = trace.tb_next


def _is_ours(trace: TracebackType) -> bool:
    return str(trace.tb_frame.f_globals.get("__name__")).partition(".")[0] == "mockhost"


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop every host of this process."""
    hosts = sys.modules.get("mockhost.pytest_plugin.hosts")
    if hosts is not None:
        hosts.close(config)
    _remember_modules()


@pytest.fixture(scope="session")
def mockhost_scenario(pytestconfig: pytest.Config) -> Any:
    """The scenario of tests without a marker: a name, a path or a dict. Override it for a module or a class.

    Default: the ini key mockhost_scenario, or basics/healthy.
    """
    return _ini(pytestconfig, "mockhost_scenario")


@pytest.fixture(scope="session")
def mockhost_tls(pytestconfig: pytest.Config) -> bool | None:
    """True: always TLS. False: always plain HTTP. None: as the scenario says. Override it to change that.

    Default: the ini key mockhost_tls, or None.
    """
    said = str(_ini(pytestconfig, "mockhost_tls")).lower()
    if said not in _TLS:
        raise pytest.UsageError(f"mockhost_tls is true, false or empty, not {said!r}")
    return _TLS[said]


@pytest.fixture(scope="session")
def mockhost_seed(pytestconfig: pytest.Config) -> int | None:
    """The seed of chance, in the place of the scenarios' own. Override it to change it.

    Default: the ini key mockhost_seed, or None: each scenario's own.
    """
    said = _ini(pytestconfig, "mockhost_seed")
    try:
        return None if said == "" else int(said)
    except ValueError:
        raise pytest.UsageError(f"mockhost_seed is a number, not {said!r}") from None


@pytest.fixture(scope="session")
def mockhost_clock(pytestconfig: pytest.Config) -> str:
    """The clock of scenarios that name none: `frozen` stands still until the test moves it, `wall` runs.

    Default: the ini key mockhost_clock, or frozen.
    """
    return str(_ini(pytestconfig, "mockhost_clock"))


@pytest.fixture(scope="session")
def mockhost_server(pytestconfig: pytest.Config) -> dict[str, Any]:
    """Where hosts listen: MockHost's arguments on its sockets (listen, port, public_name, tls_names, state_dir, ...).

    Tests that return the same share running servers. Default: the addresses of the ini key mockhost_listen, or
    both of loopback, on any free port.
    """
    listen = _ini(pytestconfig, "mockhost_listen")
    return {"listen": tuple(listen.split() if isinstance(listen, str) else listen)} if listen else {}


@pytest.fixture
def mockhost_connector() -> str | None:
    """The connector of `mockhost_client`. Override it to change it. Default: None, the scenario's first one."""
    return None


@pytest.fixture
def mockhost_factory(
    request: pytest.FixtureRequest,
    mockhost_server: dict[str, Any],
    mockhost_tls: bool | None,
    mockhost_seed: int | None,
    mockhost_clock: str,
) -> Iterator[Callable[..., MockHost]]:
    """Make further hosts: mockhost_factory("documented/cache_stale", connectors={...}).

    Each call gives a running MockHost with ports of its own until the end of the test. Arguments are those of the
    marker: a scenario, tls, seed, clock, sets, strict, allow_unused, and the keys of a scenario.
    """
    yield from _serving(request, mockhost_server, mockhost_tls, mockhost_seed, mockhost_clock)


def _serving(
    request: pytest.FixtureRequest, server: dict[str, Any], tls: bool | None, seed: int | None, clock: str
) -> Iterator[Callable[..., MockHost]]:
    """The factory of a scope, and the end of its hosts."""
    _restore_modules()
    from mockhost.pytest_plugin.hosts import Defaults, Hosts

    hosts = request.node.stash[_HOSTS] = Hosts(request, Defaults(server, tls, seed, clock))
    yield hosts.further
    hosts.finish()


@pytest.fixture
def mockhost_proxy(mockhost_factory: Callable[..., MockHost]) -> Callable[..., MockHost]:
    """Put a server under test behind faults: mockhost_proxy("http://localhost:5000/scim/v2", verify=False).

    Each call gives a running MockHost whose connector TARGET (or `name`) passes on what no rule matches, until the end
    of the test. Keywords are those of a connector of kind proxy: token, secret_token, verify, ca, timeout. `scenario`
    has rules, and other connectors beside the target.
    """

    def proxied(target: str, scenario: Any = None, *, name: str = "TARGET", **connector: Any) -> MockHost:
        base = {"format": 1, "title": "A server under test behind faults"} if scenario is None else scenario
        said = {"kind": "proxy", "target": target, **connector}
        return mockhost_factory(base, connectors={name: said})

    return proxied


@pytest.fixture
def mockhost(
    request: pytest.FixtureRequest, mockhost_factory: Callable[..., MockHost], mockhost_scenario: Any
) -> MockHost:
    """A running host with the scenario that the test's `mockhost` marker names, as good as new for each test.

    It is a MockHost: url(), token(), session(), clock, journal, fail_next(), verify(), scenario.cause, ...
    After the test, rules that never fired and bugs of mockhost itself fail it, with the journal.
    """
    hosts: Hosts = request.node.stash[_HOSTS]
    return hosts.main(mockhost_scenario)


@pytest.fixture(scope="module")
def mockhost_module_factory(
    request: pytest.FixtureRequest,
    mockhost_server: dict[str, Any],
    mockhost_tls: bool | None,
    mockhost_seed: int | None,
    mockhost_clock: str,
) -> Iterator[Callable[..., MockHost]]:
    """As mockhost_factory, for fixtures of scope module: each host runs until the end of the module.

    The tests share it; see mockhost_module.
    """
    yield from _serving(request, mockhost_server, mockhost_tls, mockhost_seed, mockhost_clock)


@pytest.fixture(scope="module")
def mockhost_module(
    request: pytest.FixtureRequest,
    mockhost_module_factory: Callable[..., MockHost],
    mockhost_scenario: Any,
) -> MockHost:
    """A running host that the tests of a module share, with the scenario of the module's `pytestmark`.

    Its URL, objects, clock and journal stay from test to test; call reset() for a fresh start. Each test is checked for
    itself: the rules that it or its own fixtures added have to fire, and are removed at its end, as answers that hang
    are released. Rules of the marker and of wider fixtures are checked at the end of the module. Override
    mockhost_scenario, mockhost_tls, ... with scope="module" to change its defaults.
    """
    hosts: Hosts = request.node.stash[_HOSTS]
    return hosts.main(mockhost_scenario)


@pytest.fixture(scope="session")
def mockhost_session_factory(
    request: pytest.FixtureRequest,
    mockhost_server: dict[str, Any],
    mockhost_tls: bool | None,
    mockhost_seed: int | None,
    mockhost_clock: str,
) -> Iterator[Callable[..., MockHost]]:
    """As mockhost_factory, for fixtures of scope session: each host runs until the end of the session.

    The tests share it; see mockhost_module. With xdist each worker has a session of its own.
    """
    yield from _serving(request, mockhost_server, mockhost_tls, mockhost_seed, mockhost_clock)


@pytest.fixture(scope="session")
def mockhost_session(
    request: pytest.FixtureRequest,
    mockhost_session_factory: Callable[..., MockHost],
    mockhost_scenario: Any,
) -> MockHost:
    """A running host that all tests share, with the scenario of `mockhost_scenario`; as mockhost_module otherwise."""
    hosts: Hosts = request.node.stash[_HOSTS]
    return hosts.main(mockhost_scenario)


@pytest.fixture
def mockhost_client(mockhost: MockHost, mockhost_connector: str | None) -> Iterator[requests.Session]:
    """A requests.Session with the client's configuration: the secret token, what to trust, and the tenant URL.

    Paths are taken below the tenant URL: mockhost_client.get("/Users", params={"count": 1}).
    """
    from mockhost.pytest_plugin.tenant import TenantSession

    with TenantSession.of(mockhost, mockhost_connector) as session:
        yield session
