"""`mockhost proxy`, `record` and `import`: a real server behind rules and faults, and its answers as a scenario."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mockhost.cli import shells
from mockhost.cli.options import (
    CONTROL_PORT,
    DATA_PORT,
    READABLE,
    Hosting,
    Seconds,
    gathered,
    hosting,
    option,
    out,
    together,
)
from mockhost.cli.saving import save, try_out
from mockhost.cli.serve import Lasting, Source, lasting, run
from mockhost.cli.terminal import stderr
from mockhost.cli.verbs import Framed
from mockhost.clock import fresh_secret
from mockhost.errors import UsageError, reason_of

if TYPE_CHECKING:
    from mockhost.api import MockHost
    from mockhost.record.recorded import Recorded

NAME = "TARGET"
MOST = 10_000
"""Exchanges of one recording."""
MOST_BYTES = 64 * 1024 * 1024
_PATIENCE = 60.0
"""Seconds that writing the recording may take after Ctrl-C."""


def _connector(given: dict[str, Any]) -> dict[str, Any]:
    """Take the options out of `given`."""
    token, secret = given.pop("target_token"), given.pop("secret_token")
    ca_file, unchecked = given.pop("target_ca"), given.pop("no_target_verify")
    if ca_file is not None and unchecked:
        raise UsageError("--no-target-verify checks nothing, so --target-ca has no use")
    made: dict[str, Any] = {
        "kind": "proxy",
        "target": given.pop("target").replace("${", "$${"),
        "timeout": f"{given.pop('target_timeout'):g}s",
    }
    if token:
        made["token"] = token.replace("${", "$${")
        secret = secret or fresh_secret()
    if secret:
        made["secret_token"] = secret.replace("${", "$${")
    if ca_file is not None:
        made["ca"] = _pem(ca_file).replace("${", "$${")
    if unchecked:
        made["verify"] = False
    return made


def _pem(file: Path) -> str:
    from mockhost.connectors.proxy.target import ca_problem

    try:
        text = file.read_text("ascii", "replace")
    except OSError as error:
        raise UsageError(f"{file} can't be read: {reason_of(error)}") from None
    if (problem := ca_problem(text)) is not None:
        raise UsageError(f"{file}: {problem}", hint="--target-ca takes a PEM file with certificates")
    return text


def named(connector: Mapping[str, Any], name: str) -> dict[str, Any]:
    """What is laid over a scenario so that it has the proxy."""
    found: dict[str, Any] = {"connectors": {name: connector}}
    if "token" in connector:  # as a variable it is redacted wherever the scenario is shown
        found["vars"] = {"target_token": {"value": connector["token"], "secret": True}}
        found["connectors"] = {name: {**connector, "token": "${target_token}"}}
    return found


def document(target: str) -> dict[str, Any]:
    """The scenario of a proxy that has no other."""
    title = f"Requests go on to {target}; what no rule matches comes back unchanged"
    return {"format": 1, "title": title.replace("${", "$${")}


reaching = gathered(
    "connector",
    _connector,
    [
        option(
            "--target-token",
            metavar="TOKEN",
            help="The target's bearer token, which replaces the credentials of clients; they show the secret "
            "token instead. [default: the client's own credentials go on]",
        ),
        option(
            "--secret-token",
            metavar="TOKEN",
            help="What clients are told. [default: made up with --target-token, else none]",
        ),
        option(
            "--target-ca",
            type=READABLE,
            metavar="FILE",
            help="A PEM file to check the target's certificate against. [default: the machine's store]",
        ),
        option("--no-target-verify", is_flag=True, help="Do not check the target's certificate."),
        option(
            "--target-timeout",
            type=Seconds(),
            default=30.0,
            metavar="SECONDS",
            help="How long the target may take to answer, and to go on with a body. [default: 30s]",
        ),
    ],
)
"""The options that say how a target is reached; the command gets `connector`, as a scenario writes it."""


@click.command("proxy")
@click.argument("target", metavar="TARGET")
@click.argument("scenario", required=False, shell_complete=shells.scenarios)
@option("--name", default=NAME, metavar="NAME", help=f"The connector's name. [default: {NAME}]")
@reaching
@hosting(port=DATA_PORT, control_port=CONTROL_PORT)
@lasting
def command(
    connector: Mapping[str, Any],
    scenario: str | None,
    name: str,
    hosting: Hosting,
    lasting: Lasting,
) -> None:
    """Run a host in front of a real server until Ctrl-C or SIGTERM.

    TARGET is the URL that stands for /scim, such as https://scim.example/scim/v2. What no rule matches goes on to it
    and comes back unchanged, byte for byte; rules and faults come from SCENARIO, or over the control plane while it
    runs. A rule with `write: not_applied` keeps a write from the target.

    \b
    mockhost proxy https://scim.example/scim/v2
    mockhost proxy https://scim.example/scim/v2 ./faults.yaml --port 9443
    mockhost proxy http://localhost:5000/v2 --no-tls \\
      --ready-file ready.json --quiet &
    mockhost proxy https://localhost:8585/ecma2host_SQL/scim --port 9443 \\
      --no-target-verify
    """
    target = connector["target"].replace("$${", "${")
    source = Source(scenario or document(target), named(connector, name), "" if scenario else target)
    run(source, hosting, lasting)


# -- recordings ------------------------------------------------------------------------------------------------------

writing = together(
    out("The scenario file to write, as YAML, or as JSON if it ends with .json.", required=True),
    option(
        "--scrub",
        type=click.Choice(["people"]),
        help="people: replace names, addresses and numbers of people, consistently. Secrets are always removed.",
    ),
)
"""The options that say where a recording goes."""


def write(exchanges: Sequence[Recorded], out: Path, title: str, scrub: str | None) -> None:
    """Write a recording, check it, and report what was done. Raises UsageError, CannotRun."""
    from mockhost.record import people, recorded
    from mockhost.scenario import loader

    said = []
    if scrub == "people":
        exchanges, report = people.scrubbed(exchanges)
        said.append(f"{report.values} values of people were replaced at {report.places} places; none is left")
        if report.kept:
            said.append(f"{report.kept} values are too short or too common to be a person's, and were kept")
    made, text, count = recorded.fitting(exchanges, NAME, title, as_json=out.suffix.lower() == ".json")
    loader.load_document(made)
    save(out, text)
    rules = len(made["rules"]) - 1
    stderr().line(f"{out}: {count} exchanges as {rules} rules; secrets are removed")
    if count < len(exchanges):
        said.append(
            f"{len(exchanges) - count} exchanges are left out: a scenario file may have 1 MiB; record fewer at a time"
        )
    stderr().lines(said)


class Recorder:
    """Keeps what passes through a proxy, as it will be written."""

    def __init__(self, host: MockHost) -> None:
        from mockhost.connectors.proxy.target import HELD

        self._host = host
        self._journal = host.journal
        self._journal.body_limit = HELD
        self.kept: list[Recorded] = []
        self.left_out = 0
        self._size = 0
        self._keep_whole()
        host.runtime.events.call(self._hear)

    def _keep_whole(self) -> None:
        """Have the connector, which a reset makes again, read answers whole."""
        from mockhost.connectors.proxy.connector import ProxyConnector

        connector = self._host.runtime.state.served.find(NAME)
        if isinstance(connector, ProxyConnector):
            connector.keep_whole()

    def _hear(self, kind: str, data: object) -> None:
        from mockhost.exchange import Exchange
        from mockhost.record.recorded import of_exchange

        if kind == "state" and isinstance(data, Mapping) and data.get("what") == "reset":
            self._keep_whole()
        if (
            kind != "exchange"
            or not isinstance(data, Exchange)
            or data.upstream is None
            or data.rule is not None
        ):
            return
        made = of_exchange(data, f"/ecma2host_{NAME}/scim", self._journal)
        size = 0 if made is None else len(made.body) + len(made.answer)
        if made is None or len(self.kept) >= MOST or self._size + size > MOST_BYTES:
            self.left_out += 1
            return
        self._size += size
        self.kept.append(made)


@click.command("record")
@click.argument("target", metavar="TARGET")
@writing
@reaching
@hosting(port=DATA_PORT, control_port=CONTROL_PORT)
@lasting
def record(
    connector: Mapping[str, Any],
    out: Path,
    scrub: str | None,
    hosting: Hosting,
    lasting: Lasting,
) -> None:
    """Keep what passes to a real server and back, until Ctrl-C, as a scenario that answers as the server did.

    It is `mockhost proxy TARGET` that writes FILE when it ends. Requests are told apart by method, path, query,
    filter and JSON body; repeats become a sequence. GUIDs and dates that a client made up are captured.

    \b
    mockhost record https://scim.example/scim/v2 --out recorded.yaml
    mockhost record https://scim.example/scim/v2 --out recorded.yaml \\
      --scrub people
    mockhost check ./recorded.yaml
    mockhost serve ./recorded.yaml
    """
    try_out(out)
    target = connector["target"].replace("$${", "${")
    recorders: list[Recorder] = []

    def end(host: MockHost) -> None:
        if not recorders:
            return
        if recorders[0].left_out:
            stderr().lines(
                [
                    f"{recorders[0].left_out} exchanges without a whole answer, or beyond the limits, are left out"
                ]
            )
        write(recorders[0].kept, out, f"Recorded from {target}", scrub)

    run(
        Source(document(target), named(connector, NAME), target),
        hosting,
        lasting,
        begun=lambda host: recorders.append(Recorder(host)),
        ending=end,
        patience=_PATIENCE,
    )


@click.group("import", cls=Framed)
def importing() -> None:
    """Make a scenario from what another program recorded."""


@importing.command("har")
@click.argument("file", type=READABLE, metavar="FILE")
@option(
    "--base",
    metavar="URL",
    help="The URL that stands for /scim. [default: what stands before /Users, /Groups, /Schemas, …]",
)
@writing
def har(file: Path, base: str | None, out: Path, scrub: str | None) -> None:
    """Make a scenario from a HAR file, as `mockhost record` makes one.

    \b
    mockhost import har traffic.har --out recorded.yaml
    """
    from mockhost.record.recorded import read_har

    try_out(out)
    found, left_out = read_har(file, base)
    stderr().lines(left_out[:20] + ([f"… and {len(left_out) - 20} more"] if len(left_out) > 20 else []))
    write(found, out, f"Imported from {file.name}", scrub)
