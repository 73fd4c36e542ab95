"""`mockhost health`: whether a host is well, for a container's health check and for scripts."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from mockhost import nesting
from mockhost.cli.options import CONTROL_PORT, FORMAT, PATH, Port, option, timeout
from mockhost.cli.planes import ask, nearby
from mockhost.cli.terminal import tell
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
    type=PATH,
    metavar="PATH",
    help="Where the host writes its ready file; if it is there, it says where the host is.",
)
@timeout("For all of it.", 3.0)
@FORMAT
def command(url: str | None, control_port: int, ready_file: Path | None, timeout: float, form: str) -> bool:
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
    scenario = f"{said['scenario']}, " if said.get("scenario") else ""
    line = f"healthy: {scenario}the service is {said['service']}" if fine else f"not healthy: {said['error']}"
    tell(form, said, lambda terminal: [line])
    return fine


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


def _planes(ready_file: Path | None, port: int) -> Iterator[str]:
    """Where the control plane of this machine may be, the likeliest first.

    Its public name may mean another machine here, or nothing at all: so loopback comes before it.
    """
    known = _in_ready_file(ready_file)
    yield from nearby(known or f"http://127.0.0.1:{port}")


def _in_ready_file(path: Path | None) -> str | None:
    """The control plane's URL in a ready file; None if there is still no such file after `PATIENCE` seconds.

    A host writes the file last of all. Another may write it elsewhere, so its port is asked even if there is no file.
    """
    if path is None:
        return None
    pause, until = threading.Event(), monotonic() + PATIENCE
    while not path.exists() and monotonic() < until:
        pause.wait(0.02)
    try:
        url = nesting.parse(path.read_bytes())["control"]["url"]
    except (OSError, ValueError, LookupError, TypeError):
        return None
    return url if isinstance(url, str) else None
