"""`mockhost test-connection`: what the portal's Test connection button does and says."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mockhost.cli import outcome
from mockhost.cli.options import Seconds, option
from mockhost.cli.provisioning import title_of, width_of
from mockhost.cli.terminal import Terminal, stdout, wrapped
from mockhost.client.printing import hider, printable

if TYPE_CHECKING:
    from mockhost.client.observation import Observation
    from mockhost.entra.portal import PortalVerdict


@click.command("test-connection")
@click.argument("url")
@option(
    "--secret-token", metavar="TOKEN", help="The secret token. Without one no Authorization header is sent."
)
@click.option(
    "--ca",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Certificates to trust, as PEM. [default: what this machine trusts]",
)
@click.option(
    "--timeout",
    type=Seconds(),
    default=10.0,
    metavar="SECONDS",
    help="How long the answer may take. [default: 10]",
)
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", help="[default: text]")
def command(url: str, secret_token: str | None, ca: Path | None, timeout: float, form: str) -> None:
    """Test the connection to a tenant URL as the portal does.

    It sends one search for a user that does not exist, and prints what the portal would say, where its words are
    published and how sure that is; then the most likely cause and the next step. It works against every SCIM
    endpoint, also a real one. Exit code 0 if the portal would be content, 1 if not.

    \b
    mockhost test-connection https://localhost:8585/ecma2host_SQL/scim --ca trust.pem --secret-token TOKEN
    MOCKHOST_SECRET_TOKEN=… mockhost test-connection https://host.contoso.lab:8585/ecma2host_SQL/scim
    """
    from mockhost.entra import portal

    seen, verdict = portal.test_connection(
        url, secret_token, None if ca is None else str(ca), timeout=timeout
    )
    hide = hider(secret_token)  # some servers send it back
    verdict = verdict._replace(text=hide(verdict.text), also=hide(verdict.also))
    seen = seen._replace(reason=hide(seen.reason), error=hide(seen.error))
    if form == "json":
        stdout().json(as_json(seen, verdict))
    else:
        terminal = stdout()
        terminal.lines(in_words(seen, verdict, terminal))
    raise click.exceptions.Exit(outcome.FINE if verdict.ok else outcome.NOT_FINE)


def as_json(seen: Observation, verdict: PortalVerdict) -> dict[str, Any]:
    """The verdict and what it rests on."""
    from mockhost.client.observation import shown

    return {
        "ok": verdict.ok,
        "code": verdict.code,
        "title": verdict.title,
        "text": verdict.text,
        "also": verdict.also,
        "source": verdict.source,
        "evidence": verdict.evidence,
        "likely": verdict.likely,
        "next": verdict.next,
        "seen": {
            "url": shown(seen.url),
            "method": seen.method,
            "target": seen.target,
            "status": seen.status,
            "ends": list(seen.words),
            "alert": seen.alert,
            "error": seen.error,
            "tls": seen.tls_version,
            "took_ms": round(seen.took * 1_000, 3),
        },
    }


def in_words(seen: Observation, verdict: PortalVerdict, terminal: Terminal) -> list[str]:
    """What the portal shows, then what was seen on the wire, then how sure the words are."""
    from mockhost.entra import rendering

    width = width_of(terminal)
    mark = terminal.styled("✓", "green", "bold") if verdict.ok else terminal.styled("✗", "red", "bold")
    lines = [f"{mark} {terminal.styled(verdict.title, 'bold')}"]
    if verdict.code:
        lines.append(f"  Error code: {verdict.code}")
    lines += wrapped(printable(verdict.text), width, "  ")
    if verdict.also:
        lines += wrapped(f"Also seen in its place: {printable(verdict.also)}", width, "  ")
    lines += ["", *(f"  {line}" for line in observed(seen))]
    lines += rendering.next_lines(verdict, width, title_of)
    lines += [] if verdict.ok else wrapped("mockhost doctor URL looks closer", width, " " * 10)
    return [*lines, *(terminal.styled(line, "dim") for line in rendering.source_lines(verdict, width))]


def observed(seen: Observation) -> list[str]:
    """What was sent and what came, each on a line."""
    from mockhost.client.observation import shown

    answer = "no answer" if seen.status is None else f"{seen.status} {printable(seen.reason)}".rstrip()
    tls = f", {seen.tls_version}" if seen.tls_version else ""
    lines = [
        f"sent  {seen.method} {printable(seen.target)} to {printable(shown(seen.url))}",
        f"got   {answer} in {seen.took * 1_000:.0f} ms{tls}",
    ]
    if seen.ends != "keep":
        alert = f" ({seen.alert})" if seen.alert else ""
        lines.append(f"ended {', '.join(seen.words)}{alert}")
    if seen.error:
        lines.append(f"why   {printable(seen.error)}")
    return lines
