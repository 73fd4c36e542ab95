"""`mockhost proxy`: a real server behind rules and faults."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click

from mockhost.cli import completing
from mockhost.cli.options import CONTROL_PORT, DATA_PORT, Hosting, Seconds, hosting, option
from mockhost.cli.serve import Source, lasting, run
from mockhost.clock import fresh_secret
from mockhost.errors import UsageError

NAME = "TARGET"


def reaching(command: Callable[..., object]) -> Callable[..., object]:
    """The options that say how a target is reached; the command gets `connector`, as a scenario writes it."""

    def gathered(**given: Any) -> object:
        return command(connector=_connector(given), **given)

    gathered.__doc__, gathered.__name__ = command.__doc__, command.__name__
    gathered.__dict__.update(command.__dict__)
    for each in reversed(
        (
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
                type=click.Path(exists=True, dir_okay=False, path_type=Path),
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
        )
    ):
        gathered = each(gathered)
    return gathered


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
    from mockhost.connectors.proxy.config import ca_problem

    try:
        text = file.read_text("ascii", "replace")
    except OSError as error:
        raise UsageError(f"{file} can't be read: {error.strerror or error}") from None
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


@click.command("proxy")
@click.argument("target", metavar="TARGET")
@click.argument("scenario", required=False, shell_complete=completing.scenarios)
@option("--name", default=NAME, metavar="NAME", help=f"The connector's name. [default: {NAME}]")
@reaching
@hosting(port=DATA_PORT, control_port=CONTROL_PORT)
@lasting
def command(
    connector: Mapping[str, Any],
    scenario: str | None,
    name: str,
    hosting: Hosting,
    ready_file: Path | None,
    reload: bool,
    quiet: bool,
    log_format: str,
) -> None:
    """Run a host in front of a real server until Ctrl-C or SIGTERM.

    TARGET is the URL that stands for /scim, such as https://scim.example/scim/v2. What no rule matches goes on to it
    and comes back unchanged, byte for byte; rules and faults come from SCENARIO, or over the control plane while it
    runs. A rule with `write: not_applied` keeps a write from the target.

    \b
    mockhost proxy https://scim.example/scim/v2
    mockhost proxy https://scim.example/scim/v2 ./faults.yaml --port 9443
    mockhost proxy http://localhost:5000/v2 --no-tls --ready-file ready.json --quiet &
    mockhost proxy https://localhost:8585/ecma2host_SQL/scim --port 9443 --no-target-verify
    """
    target = connector["target"].replace("$${", "${")
    source = Source(scenario or document(target), named(connector, name), "" if scenario else target)
    run(source, hosting, ready_file, reload=reload, quiet=quiet, as_json=log_format == "json")
