"""`mockhost compare`: the same requests to two servers, and what differs."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from mockhost.cli.options import Seconds, option
from mockhost.cli.terminal import stdout
from mockhost.errors import UsageError

MOST = 10
"""Differences of one request that the text report shows."""


@click.command("compare")
@click.argument("one", metavar="A")
@click.argument("other", metavar="B")
@option("--token-a", metavar="TOKEN", help="A's bearer token.")
@option("--token-b", metavar="TOKEN", help="B's bearer token.")
@option(
    "--ca-a", type=click.Path(exists=True, dir_okay=False), metavar="FILE", help="What to trust at A, as PEM."
)
@option(
    "--ca-b", type=click.Path(exists=True, dir_okay=False), metavar="FILE", help="What to trust at B, as PEM."
)
@option("--insecure", is_flag=True, help="Check no certificate.")
@option(
    "--requests",
    "har",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="A HAR file whose requests are sent, writes included. [default: requests that change nothing]",
)
@option("--base", metavar="URL", help="With --requests: the URL in it that stands for /scim.")
@option("--timeout", type=Seconds(), default=30.0, metavar="SECONDS", help="For each request. [default: 30s]")
@option("--format", "form", type=click.Choice(["text", "json"]), default="text", help="[default: text]")
def command(
    one: str,
    other: str,
    token_a: str | None,
    token_b: str | None,
    ca_a: str | None,
    ca_b: str | None,
    insecure: bool,
    har: Path | None,
    base: str | None,
    timeout: float,
    form: str,
) -> int:
    """Send the same requests to two servers and report what differs: a mock and a real one, or two versions.

    A and B are URLs that stand for /scim. Ids that each server makes, dates and each server's own URL are not
    differences. Exit code 0: they answer alike; 1: they differ.

    \b
    mockhost compare https://localhost:8585/ecma2host_SQL/scim https://real.example/ecma2host_SQL/scim
    mockhost compare http://localhost:5000/v1 http://localhost:5001/v2 --requests traffic.har --format json
    """
    from mockhost.client.observation import endpoint
    from mockhost.record.comparing import READING, Server, compare, requests_of
    from mockhost.record.recorded import read_har

    for url in (one, other):
        try:
            endpoint(url)
        except ValueError as problem:
            raise UsageError(
                str(problem), hint="A and B are URLs such as https://scim.example/scim/v2"
            ) from None
    requests = list(READING)
    if har is not None:
        requests = requests_of(read_har(har, base)[0])
        if not requests:
            raise UsageError(
                f"{har} has no SCIM request", hint="name the URL that stands for /scim with --base"
            )
    servers = Server(one, token_a, ca_a, not insecure), Server(other, token_b, ca_b, not insecure)
    found = list(compare(*servers, requests, timeout))
    different = [each for each in found if each.differences]
    if form == "json":
        document = {
            "a": one,
            "b": other,
            "requests": len(found),
            "different": [
                {"method": e.asked.method, "path": e.asked.path, "differences": list(e.differences)}
                for e in different
            ],
        }
        sys.stdout.write(json.dumps(document, indent=2, ensure_ascii=True) + "\n")
        return 1 if different else 0
    terminal = stdout()
    for each in different:
        terminal.line(f"{each.asked.method} {each.asked.path}")
        terminal.lines([f"  {text}" for text in each.differences[:MOST]])
        if len(each.differences) > MOST:
            terminal.line(f"  … and {len(each.differences) - MOST} more")
    terminal.line(f"{len(found)} requests, {len(different)} answered differently (A and B)")
    return 1 if different else 0
