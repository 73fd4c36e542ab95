"""`mockhost calibrate`: which named behaviours a host shows, as a scenario."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mockhost.cli import outcome
from mockhost.cli.options import Seconds, option
from mockhost.cli.saving import save, try_out
from mockhost.cli.terminal import columns, stderr, stdout
from mockhost.errors import CannotRun

if TYPE_CHECKING:
    from mockhost.doctor.calibrate import Shown
    from mockhost.doctor.patient import Patient

_LIMIT = 120.0
"""Seconds that it may take."""


@click.command("calibrate")
@click.argument("url")
@option("--secret-token", metavar="TOKEN", required=True, help="The connector's secret token.")
@click.option("--ca", type=click.Path(exists=True, dir_okay=False, path_type=Path), metavar="FILE",
              help="Certificates to trust, as PEM. [default: what this machine trusts]")  # fmt: skip
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
              help="Write the behaviours there, as a scenario. [default: standard output]")  # fmt: skip
@click.option(
    "--timeout", type=Seconds(), default=10.0, metavar="SECONDS", help="For each request. [default: 10]"
)
def command(url: str, secret_token: str, ca: Path | None, out: Path | None, timeout: float) -> None:
    """Find out which named behaviours a host shows, and write them as a scenario.

    It only reads: about 30 requests. The file holds behaviours and how each was seen, and no name, value or token of
    the host, so that it can be kept beside tests and sent to others. Behaviours that only writes, imports or
    failures show are not in it; 'mockhost behaviours' lists all.

    \b
    mockhost calibrate https://localhost:8585/ecma2host_SQL/scim --secret-token TOKEN --ca trust.pem --out mine.yaml
    mockhost serve mine.yaml
    """
    from mockhost.clock import monotonic
    from mockhost.doctor import calibrate
    from mockhost.doctor.patient import Patient

    if out is not None:
        try_out(out)
    ca_file = None if ca is None else str(ca)
    patient = Patient(url, secret_token, ca_file, timeout=timeout, deadline=monotonic() + _LIMIT)
    _let_in(patient)
    shown = settable(list(calibrate.calibrate(patient)))
    text = calibrate.document(shown)
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
    raise click.exceptions.Exit(outcome.FINE)


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
