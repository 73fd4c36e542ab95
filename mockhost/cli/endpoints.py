"""`mockhost test-connection`, `compare` and `calibrate`: what SCIM endpoints answer, real ones too."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mockhost.cli.options import FORMAT, READABLE, Seconds, ca, option, out, timeout
from mockhost.cli.saving import save, try_out
from mockhost.cli.terminal import Terminal, mark, stderr, stdout, tell, width_of
from mockhost.client.printing import printable
from mockhost.errors import CannotRun, UsageError
from mockhost.paragraphs import columns, wrapped

if TYPE_CHECKING:
    from mockhost.client.observation import Observation
    from mockhost.doctor.calibrate import Shown
    from mockhost.doctor.patient import Patient
    from mockhost.entra.portal import PortalVerdict
    from mockhost.record.comparing import Compared

MOST = 10
"""Differences of one request that the text report shows."""
_LIMIT = 120.0
"""Seconds that `calibrate` may take."""

# -- test-connection: what the portal's button does and says ---------------------------------------------------------


@click.command("test-connection")
@click.argument("url")
@option(
    "--secret-token", metavar="TOKEN", help="The secret token. Without one no Authorization header is sent."
)
@ca()
@timeout("How long the answer may take.")
@FORMAT
def test_connection(url: str, secret_token: str | None, ca: Path | None, timeout: float, form: str) -> bool:
    """Test the connection to a tenant URL as the portal does.

    It sends one search for a user that does not exist, and prints what the portal would say, where its words are
    published and how sure that is; then the most likely cause and the next step. It works against every SCIM
    endpoint, also a real one. Exit code 0 if the portal would be content, 1 if not.

    \b
    mockhost test-connection https://localhost:8585/ecma2host_SQL/scim \\
      --ca trust.pem --secret-token TOKEN
    MOCKHOST_SECRET_TOKEN=… mockhost test-connection \\
      https://host.contoso.lab:8585/ecma2host_SQL/scim
    """
    from mockhost.entra import portal

    seen, verdict = portal.test_connection(
        url, secret_token, None if ca is None else str(ca), timeout=timeout
    )
    tell(form, _verdict_json(seen, verdict), lambda terminal: _verdict(seen, verdict, terminal))
    return verdict.ok


def _verdict_json(seen: Observation, verdict: PortalVerdict) -> dict[str, Any]:
    """The verdict and what it rests on."""
    from mockhost.client.observation import shown

    said = ("ok", "code", "title", "text", "also", "source", "evidence", "likely", "next")
    return {
        **{name: getattr(verdict, name) for name in said},
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


def _verdict(seen: Observation, verdict: PortalVerdict, terminal: Terminal) -> list[str]:
    """What the portal shows, then what was seen on the wire, then how sure the words are."""
    from mockhost.entra import rendering
    from mockhost.scenario.catalogue import title_of

    width = width_of(terminal)
    lines = [f"{mark(verdict.ok, terminal, 'bold')} {terminal.styled(verdict.title, 'bold')}"]
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


# -- compare: the same requests to two servers -----------------------------------------------------------------------


@click.command("compare")
@click.argument("one", metavar="A")
@click.argument("other", metavar="B")
@option("--token-a", metavar="TOKEN", help="A's bearer token.")
@option("--token-b", metavar="TOKEN", help="B's bearer token.")
@option("--ca-a", type=READABLE, metavar="FILE", help="What to trust at A, as PEM.")
@option("--ca-b", type=READABLE, metavar="FILE", help="What to trust at B, as PEM.")
@option("--insecure", is_flag=True, help="Check no certificate.")
@option(
    "--requests",
    "har",
    type=READABLE,
    metavar="FILE",
    help="A HAR file whose requests are sent, writes included. [default: requests that change nothing]",
)
@option("--base", metavar="URL", help="With --requests: the URL in it that stands for /scim.")
@option("--timeout", type=Seconds(), default=30.0, metavar="SECONDS", help="For each request. [default: 30s]")
@option("--format", "form", type=click.Choice(["text", "json"]), default="text", help="[default: text]")
def compare(
    one: str,
    other: str,
    token_a: str | None,
    token_b: str | None,
    ca_a: Path | None,
    ca_b: Path | None,
    insecure: bool,
    har: Path | None,
    base: str | None,
    timeout: float,
    form: str,
) -> bool:
    """Send the same requests to two servers and report what differs: a mock and a real one, or two versions.

    A and B are URLs that stand for /scim. Ids that each server makes, dates and each server's own URL are not
    differences. Exit code 0: they answer alike; 1: they differ.

    \b
    mockhost compare https://localhost:8585/ecma2host_SQL/scim \\
      https://real.example/ecma2host_SQL/scim
    mockhost compare http://localhost:5000/v1 http://localhost:5001/v2 \\
      --requests traffic.har --format json
    """
    from mockhost.client.observation import endpoint
    from mockhost.record import comparing
    from mockhost.record.recorded import read_har

    for url in (one, other):
        try:
            endpoint(url)
        except ValueError as problem:
            raise UsageError(
                str(problem), hint="A and B are URLs such as https://scim.example/scim/v2"
            ) from None
    requests = list(comparing.READING)
    if har is not None:
        requests = comparing.requests_of(read_har(har, base)[0])
        if not requests:
            raise UsageError(
                f"{har} has no SCIM request", hint="name the URL that stands for /scim with --base"
            )
    servers = [
        comparing.Server(url, token, None if trusted is None else str(trusted), not insecure)
        for url, token, trusted in ((one, token_a, ca_a), (other, token_b, ca_b))
    ]
    found = list(comparing.compare(servers[0], servers[1], requests, timeout))
    if all(each.silent for each in found):
        raise CannotRun(
            f"neither server answers ({found[0].silent})",
            hint="are both running? --ca-a and --ca-b say what to trust, --insecure checks no certificate",
        )
    different = [each for each in found if each.differences]
    document = {
        "a": one,
        "b": other,
        "requests": len(found),
        "different": [
            {"method": e.asked.method, "path": e.asked.path, "differences": list(e.differences)}
            for e in different
        ],
    }
    last = f"{len(found)} requests, {len(different)} answered differently (A and B)"
    tell(form, document, lambda terminal: [*_differences(different), last])
    return not different


def _differences(different: Iterable[Compared]) -> Iterator[str]:
    for each in different:
        yield f"{each.asked.method} {each.asked.path}"
        yield from (f"  {text}" for text in each.differences[:MOST])
        if len(each.differences) > MOST:
            yield f"  … and {len(each.differences) - MOST} more"


# -- calibrate: which named behaviours a host shows, as a scenario ---------------------------------------------------


@click.command("calibrate")
@click.argument("url")
@option("--secret-token", metavar="TOKEN", required=True, help="The connector's secret token.")
@ca()
@out("Write the behaviours there, as a scenario. [default: standard output]")
@timeout()
def calibrate(url: str, secret_token: str, ca: Path | None, out: Path | None, timeout: float) -> None:
    """Find out which named behaviours a host shows, and write them as a scenario.

    It only reads: about 30 requests. The file holds behaviours and how each was seen, and no name, value or token of
    the host, so that it can be kept beside tests and sent to others. Behaviours that only writes, imports or
    failures show are not in it; 'mockhost behaviours' lists all.

    \b
    mockhost calibrate https://localhost:8585/ecma2host_SQL/scim \\
      --secret-token TOKEN --ca trust.pem --out mine.yaml
    mockhost serve mine.yaml
    """
    from mockhost.clock import monotonic
    from mockhost.doctor import calibrate as calibrating
    from mockhost.doctor.patient import Patient

    if out is not None:
        try_out(out)
    ca_file = None if ca is None else str(ca)
    patient = Patient(url, secret_token, ca_file, timeout=timeout, deadline=monotonic() + _LIMIT)
    _let_in(patient)
    shown = settable(list(calibrating.calibrate(patient)))
    text = calibrating.document(shown)
    if out is None:
        stdout().line(text.rstrip("\n"))
    else:
        try:
            save(out, text)
        except CannotRun as problem:
            stdout().line(text.rstrip("\n"))  # what was found out is not lost
            raise CannotRun(problem.message, hint="the behaviours are on standard output") from None
        stdout().lines(
            [
                *columns([(each.name, str(each.value), each.evidence) for each in shown]),
                "",
                *_last(shown, out),
            ]
        )


def _let_in(patient: Patient) -> None:
    """Raises CannotRun unless the host lets the client in: other answers would say nothing about its behaviours."""
    seen = patient.probe()
    if seen.status != 200:
        raise CannotRun(f"the host cannot be calibrated: {seen.describe()}", hint="mockhost doctor says why")


def settable(shown: list[Shown]) -> list[Shown]:
    """Those whose value mockhost can be set to; the others are told on standard error."""
    from mockhost.connectors.ecma import behaviours

    good = []
    for each in shown:
        problem = behaviours.validate(each.name, each.value)
        if problem is None:
            good.append(each)
        else:
            stderr().line(
                f"left out: {each.name}, shown as {_short(each.value)} ({each.evidence}); mockhost can't be set to it"
            )
    return good


def _short(value: Any) -> str:
    text = str(value)
    return repr(text if len(text) <= 60 else f"{text[:59]}…")


def _last(shown: list[Shown], out: Path) -> list[str]:
    from mockhost.connectors.ecma import behaviours

    other = sum(each.value != behaviours.TABLE[each.name].default for each in shown)
    return [f"{len(shown)} behaviours seen, {other} of them other than mockhost's own. Written to {out}."]
