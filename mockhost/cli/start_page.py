"""The first output of `serve`: where to point a client, its configuration, what to trust, what is wrong."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote

from mockhost import __version__
from mockhost.cli import shells, telling
from mockhost.cli.options import DEFAULT_URL, is_made_up
from mockhost.cli.telling import variables
from mockhost.cli.terminal import Terminal, width_of
from mockhost.paragraphs import wrapped

if TYPE_CHECKING:
    from mockhost.api import MockHost
    from mockhost.connectors.ecma.config import ConnectorConfig


class Told(NamedTuple):
    """One connector: the client's configuration, and the actual one if the host has this connector."""

    connector: str
    url: str
    secret_token: str
    trusted: bool
    true_url: str | None
    true_token: str | None
    variable: str = ""
    """the environment's variable that the client's token came from: then the token itself is not shown"""
    true_variable: str = ""
    """the same for the true token"""
    lisa: str = ""
    """the attribute by which `ljacobson` is found, where the connector has her"""
    target: str = ""
    """where a proxy's requests go"""
    problem: str = ""
    """why its first import failed"""


class Facts(NamedTuple):
    """Everything that the page shows."""

    scenario: str
    called: str
    """how the scenario was named when the host was started"""
    title: str
    why: str
    cause: str | None
    client_should: str | None
    cure: tuple[Mapping[str, object], ...]
    connectors: tuple[Told, ...]
    about: str
    """the connector that the scenario is about"""
    tls: str
    """certificate | none | plain_http"""
    listening: bool
    ca_file: str | None
    control_url: str
    control_token: str | None
    addresses: tuple[str, ...]
    ipv6_missing: bool
    state_kept: bool
    public_url: str | None = None
    machine: str = ""
    """this machine's name"""
    container: str = ""
    """the container's ID, where this process runs in one that has no other name: then the page is read outside"""
    blind: bool = False
    """whether the reader is a learner, who is to find out what is wrong"""

    @property
    def trusted_file(self) -> str | None:
        """What to trust, where the reader has it."""
        return OUTSIDE if self.container and self.ca_file else self.ca_file

    @property
    def proxied(self) -> bool:
        """Whether something in front of this host ends TLS."""
        return self.tls == "plain_http" and (self.public_url or "").startswith("https:")

    @property
    def prefix(self) -> tuple[str, ...]:
        """The words that go before a command of ours, for it to run beside the host."""
        return ("docker", "exec", self.container) if self.container else ()


LISA = "ljacobson"
OUTSIDE = "trust.pem"
"""Where the reader of a container's page is asked to copy the certificate to."""


TRUST_PAGE = "docs/how-to/trust-the-certificate.md"


def render(facts: Facts, terminal: Terminal, shell: str) -> list[str]:
    """The page as lines."""
    bold = terminal.styled
    width = width_of(terminal)
    page = [f"{bold('mockhost', 'bold')} {__version__} · {bold(facts.scenario or 'a blind host', 'bold')}"]
    page += [*wrapped(facts.title, width), ""] if facts.title else [""]
    for told in facts.connectors:
        page += _connector(told, terminal)
    page += ["", *_listening(facts, width), *_trust(facts, terminal, shell, width)]
    page += _try(facts, terminal, shell)
    page += _control(facts, terminal, shell)
    page += _wrong(facts, terminal, shell, width)
    more = "" if facts.blind else " From here on, one line for each exchange."
    return [*page, "", bold(f"Ctrl-C ends it.{more}", "dim"), ""]


def _connector(told: Told, terminal: Terminal) -> list[str]:
    none = "(the one of the target)" if told.target else "(none)"
    token = _held(told.variable) if told.variable else told.secret_token or none
    lines = [
        terminal.styled(told.connector, "bold"),
        f"  tenant URL     {told.url}",
        f"  secret token   {token}",
        *([f"  target         {told.target}"] if told.target else ()),
    ]
    if told.true_url is None:
        return [*lines, _note("the host has no connector of this name", terminal)]
    if told.true_token != told.secret_token:
        truth = _held(told.true_variable) if told.true_variable else told.true_token
        lines.append(_note(f"as the client was told; the truth is {truth}", terminal))
    if told.true_url != told.url:
        lines.insert(2, _note(f"as told; the truth is {told.true_url}", terminal))
    if told.problem:
        failed = wrapped(f"the first import failed: {told.problem}", width_of(terminal), "  ")
        lines += [terminal.styled(line, "yellow") for line in failed]
    return lines


def _held(variable: str) -> str:
    return f"what {variable} holds"


def _note(text: str, terminal: Terminal) -> str:
    return f"    {terminal.styled(f'({text})', 'yellow')}"


def _listening(facts: Facts, width: int) -> list[str]:
    if not facts.listening:
        return wrapped("The service is stopped: the port is held and refuses connections.", width)
    lines = wrapped(f"Listening on {' and '.join(facts.addresses)}.", width) if facts.addresses else []
    if facts.ipv6_missing:
        lines.append("This machine has no IPv6: only IPv4 is answered.")
    return [*lines, *wrapped(_from_elsewhere(facts), width)]


def _from_elsewhere(facts: Facts) -> str:
    """How clients on other machines reach a host that is bound wider than loopback, or stands behind a proxy."""
    if facts.public_url is not None:
        proxy = " The proxy there has the certificate." if facts.proxied else ""
        return f"Clients reach it at {facts.public_url}.{proxy}"
    wide = any(not address.startswith(("127.", "[::1]")) for address in facts.addresses)
    if not wide or not facts.connectors:
        return ""
    base = (facts.connectors[0].true_url or facts.connectors[0].url).partition("/ecma2host_")[0]
    if "//localhost" not in base:
        return f"Other machines reach it at {base}, if they can resolve that name."
    if facts.container:
        return "Reached by another port or name? Set MOCKHOST_PUBLIC_URL to the URL that clients use."
    return (
        "Other machines reach it by a name of this machine: put the name in URLs and certificate "
        f"with --public-name {facts.machine or 'NAME'}, or the whole URL with --public-url."
    )


def _trust(facts: Facts, terminal: Terminal, shell: str, width: int) -> list[str]:
    if facts.tls == "plain_http":
        return [] if facts.proxied else ["The port speaks plain HTTP: there is no certificate to trust."]
    if facts.tls == "none":
        return ["There is no certificate on the port: every TLS handshake on it fails."]
    file = facts.trusted_file
    if file is None or facts.ca_file is None:
        return []
    lines = [f"To trust the certificate: {terminal.styled(file, 'bold')}"]
    kept = "" if facts.state_kept else "new each time without --state DIR; "
    lines += wrapped(f"({kept}{TRUST_PAGE})", width, "  ")
    if facts.container:
        lines += _to_paste(["docker", "cp", f"{facts.container}:{facts.ca_file}", file], terminal, shell)
    if not any(told.trusted for told in facts.connectors):
        told = "(the client is configured to trust only what the machine trusts already)"
        lines += wrapped(told, width, "  ")
    return lines


def _try(facts: Facts, terminal: Terminal, shell: str) -> list[str]:
    if not facts.connectors:
        return []
    # As the steps of a scenario: its connector is the first one in the client's configuration.
    told = next((each for each in facts.connectors if each.connector == facts.about), facts.connectors[0])
    as_told = ", as the client was told" if facts.cause else ""
    lines = [
        "",
        f"Search as the portal's probe does{as_told}:",
        *_curl(facts, told, terminal, shell),
    ]
    if told.lisa:
        lines += ["Find Lisa Jacobson:", *_curl(facts, told, terminal, shell, (told.lisa, LISA))]
    return lines


def _curl(
    facts: Facts, told: Told, terminal: Terminal, shell: str, user: tuple[str, str] | None = None
) -> list[str]:
    trusted = facts.trusted_file if told.trusted else None
    proxy = shells.behind_proxy()
    # A host that asks for no token of its own passes on what the client has, and that is not known here.
    token = told.secret_token or ("TOKEN" if told.true_token == "" else "")
    line = shells.curl(told.url, token, trusted, shell, proxy=proxy, variable=told.variable, user=user)
    return _to_paste(line, terminal, shell)


def _to_paste(command: str | Sequence[str], terminal: Terminal, shell: str, indent: str = "  ") -> list[str]:
    line = command if isinstance(command, str) else shells.command_line(command, shell)
    return [terminal.styled(each, "cyan") for each in shells.folded(line, shell, terminal.width, indent)]


def _reachable(name: str, started_as: str) -> str:
    """How to call a program that was started by its path and is not on the path, as by `make serve`."""
    file = os.path.basename(started_as)
    if os.path.splitext(file)[0] != name or os.path.dirname(started_as) == "":
        return name
    folders = os.environ.get("PATH", "").split(os.pathsep)
    found = any(os.path.exists(os.path.join(folder, file)) for folder in folders if folder)
    return name if found else os.path.abspath(started_as)


def control_words(facts: Facts, verb: Sequence[str] = telling.CONTROL) -> list[str]:
    """What calls this host's control plane; a host on the default port needs no more than the verb."""
    words = [*facts.prefix, *verb]
    if not facts.prefix and words[0] == telling.CONTROL[0]:
        words[0] = _reachable(words[0], sys.argv[0])
    if facts.container:
        return words  # there the image's own environment says where the control plane is
    if facts.control_url != DEFAULT_URL:
        words += ["--url", facts.control_url]
    return words if facts.control_token is None else [*words, "--token", facts.control_token]


def _control(facts: Facts, terminal: Terminal, shell: str) -> list[str]:
    lines = ["", f"Control plane: {terminal.styled(facts.control_url, 'bold')}"]
    if facts.control_token is not None:
        lines.append(f"  token: {facts.control_token}")
    at = (
        f"{facts.control_url}/"
        if facts.control_token is None
        else f"{facts.control_url}/#token={quote(facts.control_token)}"
    )
    lines.append(f"  in a browser: {terminal.styled(at, 'bold')}")
    if facts.blind:
        words = [*control_words(facts, ("mockhost", "windows")), "help"]
    else:
        words = [*control_words(facts), "status"]
    return [*lines, *_to_paste(words, terminal, shell)]


def _wrong(facts: Facts, terminal: Terminal, shell: str, width: int) -> list[str]:
    if facts.cause is None:
        return []
    lines = ["", f"Wrong on purpose: {terminal.styled(facts.cause, 'yellow', 'bold')}"]
    lines += wrapped(facts.why, width, "  ") if facts.why else []
    if facts.client_should:
        lines.append(f"  A good client should: {facts.client_should.replace('_', ' ')}.")
    lines.append("  What a client sees, step by step:")
    show = [*facts.prefix, "mockhost", "scenarios", "show", facts.called]
    lines += _to_paste(show, terminal, shell, "    ")
    control = control_words(facts)
    steps = telling.lines(facts.cure, shell, control)
    if steps:
        lines.append("  The cure:")
    begins = shells.command_line(control, shell)
    for index, step in enumerate(steps, 1):
        number = f"    {index}. "
        if step.startswith(begins):
            first, *rest = shells.folded(step, shell, terminal.width, " " * len(number))
        else:
            first, *rest = wrapped(step, width, " " * len(number)) or [""]
        lines += [number + first.lstrip(), *rest]
    return lines


def blinded(facts: Facts, token: str | None) -> Facts:
    """The page of a learner, with this token: how to reach the host, and not what is wrong with it."""
    client = (each._replace(true_url=each.url, true_token=each.secret_token) for each in facts.connectors)
    return facts._replace(
        scenario="",
        title="",
        why="",
        cause=None,
        client_should=None,
        cure=(),
        connectors=tuple(each._replace(true_variable="", lisa="", problem="") for each in client),
        tls=facts.tls if facts.tls == "plain_http" else "certificate",
        listening=True,
        control_token=token,
        blind=True,
    )


def as_json(facts: Facts, ready: Mapping[str, Any]) -> dict[str, object]:
    """The page for programs: the ready file's document, and what is wrong on purpose."""
    return {
        "event": "ready",
        **ready,
        "title": facts.title,
        "cause": facts.cause,
        "client_should": facts.client_should,
        "addresses": list(facts.addresses),
    }


def facts_of(host: MockHost, called: str, *, state_kept: bool, ipv6_wanted: bool) -> Facts:
    """What there is to show of a host that was started."""
    runtime = host.runtime
    scenario, truth = runtime.scenario, host.connectors()
    held = variables(scenario)
    connectors = []
    for name, told in host.clients().items():
        true, running = truth.get(name), runtime.host.connectors.get(name)
        connectors.append(
            Told(
                name,
                told.url,
                told.secret_token,
                told.trusted,
                None if true is None else true.url,
                None if true is None else true.secret_token,
                held.get(told.secret_token, ""),
                "" if true is None else held.get(true.secret_token, ""),
                _lisa(scenario.connectors.get(name)),
                scenario.proxies[name].target if name in scenario.proxies else "",
                "" if running is None else running.space.problem or "",
            )
        )
    addresses = () if host.listener is None else host.listener.addresses
    shown = tuple(
        f"[{address}]:{port}" if ":" in address else f"{address}:{port}" for address, port in addresses
    )
    return Facts(
        scenario=scenario.name,
        called=called,
        title=scenario.title,
        why=scenario.why,
        cause=scenario.cause,
        client_should=scenario.client_should,
        cure=scenario.cure,
        connectors=tuple(connectors),
        about=next(iter([*scenario.proxies, *scenario.client, *scenario.connectors]), ""),
        tls=scenario.host.tls.mode,
        listening=runtime.host.running,
        ca_file=host.ca_file,
        control_url=host.control_url,
        control_token=host.control_token,
        addresses=shown,
        ipv6_missing=ipv6_wanted and bool(addresses) and not any(":" in address for address, _ in addresses),
        state_kept=state_kept,
        public_url=None if runtime.public_url is None else str(runtime.public_url),
        machine=socket.gethostname(),
        container=_container(),
    )


def _lisa(config: ConnectorConfig | None) -> str:
    """The attribute by which a client finds `ljacobson` among the objects that a scenario lists; or none."""
    objects = () if config is None else config.system.objects
    if config is None or not isinstance(objects, tuple):
        return ""  # a data file may be long
    return next((n for each in objects for n in config.selected_attributes if each.get(n) == LISA), "")


def _container() -> str:
    """The ID of the container that this process runs in, where its host name says so and `control` needs no more."""
    machine = socket.gethostname()
    return machine if is_made_up(machine) and "MOCKHOST_READY_FILE" in os.environ else ""


def begun(
    scenario: Mapping[str, Any],
    truth: Mapping[str, Mapping[str, Any]],
    told: Mapping[str, Mapping[str, Any]],
    terminal: Terminal,
) -> list[str]:
    """After a fresh start with another scenario: title, cause, what a client should do, and its wrong URLs and tokens.

    scenario: at least `title`, `cause` and `client_should`. truth, told: `url` and `secret_token` by connector.
    """
    found = wrapped(scenario.get("title") or "", width_of(terminal))
    if scenario.get("cause"):
        found.append(f"wrong on purpose: {terminal.styled(scenario['cause'], 'yellow', 'bold')}")
        if scenario.get("client_should"):
            found.append(f"a good client should: {scenario['client_should'].replace('_', ' ')}")
    for name, client in told.items():
        true = truth.get(name)
        if true is None:
            found.append(
                f"{name}: the client is configured with this connector, and the host has none of this name"
            )
            continue
        for key, words in (("url", "tenant URL"), ("secret_token", "secret token")):
            if client[key] != true[key]:
                found.append(f"{name}: the client is configured with the {words} {client[key]}")
                found.append(f"{' ' * len(name)}  the truth is {true[key]}")
        if not client.get("trusted", True):
            found.append(f"{name}: the client trusts only what its machine trusts already")
    return found
