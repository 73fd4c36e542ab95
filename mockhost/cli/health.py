"""`mockhost health`: whether a host is there and in the state that its scenario asks for.

It asks the control plane, which answers whatever the data plane does: a scenario that keeps the service stopped or
puts a wrong certificate on the port is healthy. Made for containers: it is quick, needs no token, and its exit code
is 0 or 1 (`HEALTHCHECK` in Docker's Dockerfile reference).
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import urlsplit

import click

from mockhost.cli import outcome
from mockhost.cli.options import CONTROL_PORT, Port, Seconds, option
from mockhost.cli.terminal import stdout
from mockhost.clock import monotonic
from mockhost.errors import MockhostError

PATIENCE = 0.5
"""Seconds that a ready file may take to appear."""


@click.command("health")
@click.option(
    "--url",
    envvar="MOCKHOST_CONTROL_URL",
    metavar="URL",
    help="The control plane. [env: MOCKHOST_CONTROL_URL] [default: on this machine]",
)
@option(
    "--control-port",
    type=Port(),
    default=CONTROL_PORT,
    metavar="PORT",
    help=f"Its port on this machine, unless a ready file says another. [default: {CONTROL_PORT}]",
)
@option(
    "--ready-file",
    type=click.Path(path_type=Path),
    metavar="PATH",
    help="Where the host writes its ready file; if it is there, it says where the host is.",
)
@click.option("--timeout", type=Seconds(), default=3.0, metavar="SECONDS", help="For all of it. [default: 3]")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", help="[default: text]")
def command(url: str | None, control_port: int, ready_file: Path | None, timeout: float, form: str) -> None:
    """Tell whether a host is healthy: exit code 0, or 1 if it is not.

    It asks the control plane, without a token. A scenario that stops the service or puts a wrong certificate on
    the port is healthy: that is what it is for. The HEALTHCHECK of the Docker image is this command.

    \b
    mockhost health
    mockhost health --ready-file ready.json
    mockhost health --url http://mockhost.contoso.example:8586 --format json
    """
    planes = [url] if url is not None else list(_planes(ready_file, control_port))
    said = _first(planes, timeout)
    fine = said["status"] == "ok"
    if form == "json":
        stdout().json(said)
    elif fine:
        scenario = f"{said['scenario']}, " if said["scenario"] else ""
        stdout().line(f"healthy: {scenario}the service is {said['service']}")
    else:
        stdout().line(f"not healthy: {said['error']}")
    raise click.exceptions.Exit(outcome.FINE if fine else outcome.NOT_FINE)


def _first(urls: Sequence[str], timeout: float) -> dict[str, object]:
    """What the first one that answers says; if none does in `timeout` seconds, what is wrong with the first."""
    problem, until = "", monotonic() + timeout
    for url in urls:
        if (left := until - monotonic()) <= 0.0:
            break
        try:
            return ask(url, left)
        except MockhostError as error:
            problem = problem or error.message
    return {"status": "down", "error": problem, "url": urls[0]}


def ask(url: str, timeout: float) -> dict[str, object]:
    """The health of a host, from its control plane. Raises MockhostError unless it is a mockhost's."""
    from mockhost.client.control import ControlPlane
    from mockhost.errors import CannotRun

    said = ControlPlane(url, timeout=timeout).call("get_health")
    if not isinstance(said, dict) or not {"status", "scenario", "service"} <= said.keys():
        raise CannotRun(f"what answers at {url} is no control plane of mockhost")
    return said


def _planes(ready_file: Path | None, port: int) -> Iterator[str]:
    """Where the control plane of this machine may be, the likeliest first.

    Its public name may mean another machine here, or nothing at all: so loopback comes before it.
    """
    known = _in_ready_file(ready_file)
    yield from nearby(known or f"http://127.0.0.1:{port}")


def nearby(url: str) -> list[str]:
    """A control plane's URL after its port on loopback."""
    port = urlsplit(url).port
    return list(dict.fromkeys([f"http://127.0.0.1:{port}", f"http://[::1]:{port}", url]))


def _in_ready_file(path: Path | None) -> str | None:
    """The control plane that a ready file names; None where there is no such file, also after some patience.

    A host writes the file last of all. Another may write it elsewhere, so without one its port is asked all the same.
    """
    if path is None:
        return None
    pause, until = threading.Event(), monotonic() + PATIENCE
    while not path.exists() and monotonic() < until:
        pause.wait(0.02)
    try:
        url = json.loads(path.read_bytes())["control"]["url"]
    except (OSError, ValueError, LookupError, TypeError):
        return None
    return url if isinstance(url, str) else None
