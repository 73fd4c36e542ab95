"""The first thing that `serve` says: where to point a client, what it was told, what to trust, what is wrong.

Sources of the lines on trust: the manual pages of update-ca-certificates (Debian) and trust (p11-kit), Apple's
`security` and Microsoft's `certutil`.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from mockhost import __version__
from mockhost.cli import cure, shells
from mockhost.cli.hiding import variables
from mockhost.cli.options import DEFAULT_URL
from mockhost.cli.public_names import is_made_up
from mockhost.cli.terminal import Terminal, columns, wrapped

if TYPE_CHECKING:
    from mockhost.api import MockHost


class Told(NamedTuple):
    """One connector: what the client was told, and the truth where the host has such a connector."""

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
    container: str = ""
    """the container's ID, where this process runs in one that has no other name: then the page is read outside"""

    @property
    def trusted_file(self) -> str | None:
        """What to trust, where the reader has it."""
        return OUTSIDE if self.container and self.ca_file else self.ca_file

    @property
    def prefix(self) -> tuple[str, ...]:
        """The words that go before a command of ours, for it to run beside the host."""
        return ("docker", "exec", self.container) if self.container else ()


OUTSIDE = "trust.pem"
"""Where the reader of a container's page is told to copy the certificate to."""


def render(facts: Facts, terminal: Terminal, shell: str) -> list[str]:
    """The page as lines."""
    bold = terminal.styled
    width = min(terminal.width or 100, 110)
    page = [f"{bold('mockhost', 'bold')} {__version__} · {bold(facts.scenario, 'bold')}"]
    if facts.title:
        page += wrapped(facts.title, width)
    for told in facts.connectors:
        page += ["", *_connector(told, terminal)]
    page += ["", *_listening(facts)]
    page += _trust(facts, terminal)
    page += _try(facts, terminal, shell)
    page += _control(facts, terminal, shell)
    page += _wrong(facts, terminal, shell, width)
    return [*page, "", bold("Ctrl-C ends it. From here on, one line for each exchange.", "dim"), ""]


def _connector(told: Told, terminal: Terminal) -> list[str]:
    token = _held(told.variable) if told.variable else told.secret_token or "(none)"
    rows = [("  tenant URL", told.url), ("  secret token", token)]
    if told.true_url is None:
        rows.append(("", _note("the host has no connector of this name", terminal)))
    else:
        if told.true_url != told.url:
            rows.insert(
                1, ("", _note(f"that is what the client was told; the truth is {told.true_url}", terminal))
            )
        if told.true_token != told.secret_token:
            truth = _held(told.true_variable) if told.true_variable else told.true_token
            rows.append(("", _note(f"that is what the client was told; the truth is {truth}", terminal)))
    return [terminal.styled(told.connector, "bold"), *columns(rows, gap=3)]


def _held(variable: str) -> str:
    return f"what {variable} holds"


def _note(text: str, terminal: Terminal) -> str:
    return terminal.styled(f"({text})", "yellow")


def _listening(facts: Facts) -> list[str]:
    if not facts.listening:
        return ["The service is stopped: the port is held and refuses connections."]
    lines = [f"Listening on {' and '.join(facts.addresses)}."] if facts.addresses else []
    if facts.ipv6_missing:
        lines.append("This machine has no IPv6: only IPv4 is answered.")
    return lines


def _trust(facts: Facts, terminal: Terminal) -> list[str]:
    if facts.tls == "plain_http":
        return ["The port speaks plain HTTP: there is no certificate to trust."]
    if facts.tls == "none":
        return ["There is no certificate on the port: every TLS handshake on it fails."]
    file = facts.trusted_file
    if file is None or facts.ca_file is None:
        return []
    head = [f"To trust the certificate: {terminal.styled(file, 'bold')}"]
    if not any(told.trusted for told in facts.connectors):
        head.append("  (the client was told to trust nothing that the machine does not trust already)")
    anchor = "/usr/local/share/ca-certificates/mockhost.crt"
    keychain = "~/Library/Keychains/login.keychain-db"
    rows = [
        ("  one process", "SSL_CERT_FILE, REQUESTS_CA_BUNDLE or NODE_EXTRA_CA_CERTS set to that file"),
        (
            "  Linux",
            f"sudo cp {shells.quoted(file, 'sh')} {anchor} && sudo update-ca-certificates"
            f"   (Fedora, Arch: sudo trust anchor {shells.quoted(file, 'sh')})",
        ),
        ("  macOS", f"security add-trusted-cert -r trustRoot -k {keychain} {shells.quoted(file, 'sh')}"),
        ("  Windows", f"certutil -user -addstore Root {shells.quoted(file, 'cmd')}"),
    ]
    kept = (
        [] if facts.state_kept else ["  It is a new one at each start; with --state DIR it stays the same."]
    )
    if facts.container:
        copy = shells.command_line(["docker", "cp", f"{facts.container}:{facts.ca_file}", file], "sh")
        rows.insert(0, ("  first", f"{terminal.styled(copy, 'cyan')}   (copies it out of the container)"))
    return [*head, *columns(rows, gap=3), *kept]


def _try(facts: Facts, terminal: Terminal, shell: str) -> list[str]:
    if not facts.connectors:
        return []
    # As the steps of a scenario: the connector that it is about is the first one that the client was told of.
    told = next((each for each in facts.connectors if each.connector == facts.about), facts.connectors[0])
    trusted = facts.trusted_file if told.trusted else None
    proxy = shells.behind_proxy()
    line = shells.curl(told.url, told.secret_token, trusted, shell, proxy=proxy, variable=told.variable)
    who = "as the client was told" if facts.cause else "the portal's own probe"
    return ["", f"Try it ({who}):", f"  {terminal.styled(line, 'cyan')}"]


def control_words(facts: Facts) -> list[str]:
    """What calls this host's control plane; a host on the default port needs no more than the verb."""
    words = [*facts.prefix, *cure.CONTROL]
    if facts.container:
        return words  # there the image's own environment says where the control plane is
    if facts.control_url != DEFAULT_URL:
        words += ["--url", facts.control_url]
    return words if facts.control_token is None else [*words, "--token", facts.control_token]


def _control(facts: Facts, terminal: Terminal, shell: str) -> list[str]:
    lines = ["", f"Control plane: {terminal.styled(facts.control_url, 'bold')}"]
    if facts.control_token is not None:
        lines.append(f"  token: {facts.control_token}")
    status = shells.command_line([*control_words(facts), "status"], shell)
    return [*lines, f"  {terminal.styled(status, 'cyan')}"]


def _wrong(facts: Facts, terminal: Terminal, shell: str, width: int) -> list[str]:
    if facts.cause is None:
        return []
    lines = ["", f"Wrong on purpose: {terminal.styled(facts.cause, 'yellow', 'bold')}"]
    lines += wrapped(facts.why, width, "  ") if facts.why else []
    if facts.client_should:
        lines.append(f"  A good client should: {facts.client_should.replace('_', ' ')}.")
    show = shells.command_line([*facts.prefix, "mockhost", "scenarios", "show", facts.called], shell)
    lines.append(f"  What a client sees, step by step: {terminal.styled(show, 'cyan')}")
    steps = cure.lines(facts.cure, shell, control_words(facts))
    if steps:
        lines.append("  The cure:")
        lines += [f"    {index}. {step}" for index, step in enumerate(steps, 1)]
    return lines


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
    scenario, truth = runtime.scenario, runtime.truth()
    held = variables(scenario)
    connectors = []
    for name, told in runtime.told().items():
        true = truth.get(name)
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
        about=next(iter([*scenario.client, *scenario.connectors]), ""),
        tls=scenario.host.tls.mode,
        listening=runtime.host.running,
        ca_file=host.ca_file,
        control_url=host.control_url,
        control_token=host.control_token,
        addresses=shown,
        ipv6_missing=ipv6_wanted and bool(addresses) and not any(":" in address for address, _ in addresses),
        state_kept=state_kept,
        container=_container(),
    )


def _container() -> str:
    """The ID of the container that this process runs in, where its host name says so and `control` needs no more."""
    machine = socket.gethostname()
    return machine if is_made_up(machine) and "MOCKHOST_READY_FILE" in os.environ else ""
