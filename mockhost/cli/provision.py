"""`mockhost provision`: cycles of Entra's provisioning service, on-demand provisioning, and its log."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from mockhost.cli import outcome
from mockhost.cli.options import TextType
from mockhost.cli.provisioning import (
    CA,
    FILE,
    HAR,
    STATE,
    TOKEN,
    coloured,
    opened,
    tell_what_is_used,
    title_of,
    width_of,
)
from mockhost.cli.saving import save
from mockhost.cli.terminal import Terminal, stderr, stdout
from mockhost.cli.verbs import Framed
from mockhost.errors import CannotRun, UsageError

STARTER = """\
format: 1
tenant_url: https://localhost:8585/ecma2host_SQL/scim
secret_token: {env: MOCKHOST_SECRET_TOKEN}    # or the token itself
# trust: trust.pem                            # the certificate of the host, or of its issuer
users: {count: 10, seed: 1}                   # or a list of users, or {file: people.csv}
# mappings:                                   # without them: those of Microsoft's tutorials
#   ContosoLogin: {expression: 'Word([userPrincipalName], 1, "@")', matching: 1}
#   FirstName: "[givenName]"
"""


class Time(TextType):
    """A length of virtual time, such as 40m or 6h."""

    name = "TIME"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        from mockhost.durations import seconds

        try:
            return seconds(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


@click.group("provision", cls=Framed)
def command() -> None:
    """Provision users as Entra's provisioning service does, to a mock or to any SCIM endpoint.

    FILE is a provisioning.yaml: where the target is, which users there are, and how they are mapped. The state of
    the job is kept beside it, its clock is a virtual one: a cycle begins when the one before says that it is due.

    \b
    mockhost provision init > provisioning.yaml
    mockhost provision cycle provisioning.yaml
    mockhost provision log provisioning.yaml
    """


@command.command("init")
def init() -> None:
    """Print a provisioning.yaml to start from."""
    stdout().lines(STARTER.splitlines())


@command.command("locustfile")
def locustfile() -> None:
    """Print a Locust file with the requests of the provisioning service, to load a SCIM endpoint with.

    \b
    mockhost provision locustfile > locustfile.py
    """
    from mockhost import entra

    file = Path(str(entra.__file__)).with_name("locustfile.txt")
    stdout().lines(file.read_text(encoding="utf-8").splitlines())


@command.command("schema")
def schema() -> None:
    """Print the JSON Schema of provisioning.yaml."""
    from mockhost.cli import provisioning_file

    stdout().json(provisioning_file.schema())


@command.command("cycle")
@click.argument("file", type=click.Path(path_type=Path), metavar="[FILE]", required=False)
@click.option(
    "--url", metavar="URL", help="A tenant URL, in place of FILE: generated users, default mappings."
)
@TOKEN
@CA
@click.option(
    "--users",
    type=click.IntRange(0, 10_000_000),
    default=10,
    metavar="N",
    help="How many, with --url. [default: 10]",
)
@click.option("--initial", is_flag=True, help="Look at all users, as after a change of mappings.")
@click.option(
    "--count", type=click.IntRange(1, 10_000), default=1, metavar="N", help="So many cycles. [default: 1]"
)
@click.option("--advance", type=Time(), metavar="TIME", help="Let virtual time pass first, such as 6h.")
@STATE
@HAR
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", help="[default: text]")
def cycle(
    file: Path | None,
    url: str | None,
    secret_token: str | None,
    ca: Path | None,
    users: int,
    initial: bool,
    count: int,
    advance: float | None,
    state: Path | None,
    har: Path | None,
    form: str,
) -> None:
    """Run a provisioning cycle: the first one is an initial cycle, others look at what changed.

    Between two cycles 40 minutes of virtual time pass, more in quarantine. Exit code 0 if nothing failed, 1 if
    users failed or the job is in quarantine.

    \b
    mockhost provision cycle provisioning.yaml
    mockhost provision cycle --url https://localhost:8585/ecma2host_SQL/scim --ca trust.pem --secret-token TOKEN
    """
    from mockhost.entra import rendering
    from mockhost.entra.enterprise import of_execution

    terminal, done = stdout(), []
    with opened(file, state=state, url=url, secret_token=secret_token, ca=ca, users=users, har=har) as app:
        tell_what_is_used(app)
        app.clock.advance(advance or 0.0)
        with app.job() as job:
            for _ in range(count):
                app.wait_for_cycle(job)
                try:
                    with _progress(job.config.users.count) as progress:
                        done.append(of_execution(job.cycle(initial=initial, progress=progress), job))
                except KeyboardInterrupt:
                    stderr().error(
                        "the cycle was stopped; what it has done is kept, and the next one goes on"
                    )
                    raise
                if form == "text":
                    lines = rendering.cycle_lines(done[-1], width_of(terminal), title_of)
                    terminal.lines(coloured(lines, terminal))
        if form == "json":
            terminal.json(done[0] if count == 1 else done)
    fine = done[-1]["state"] == "Succeeded" and done[-1]["quarantine"] is None
    raise click.exceptions.Exit(outcome.FINE if fine else outcome.NOT_FINE)


@contextmanager
def _progress(count: int | None) -> Iterator[Callable[[int], None]]:
    """A bar on standard error while a terminal looks on."""
    if not sys.stderr.isatty() or not count or count < 200:
        yield lambda done: None
        return
    with click.progressbar(length=count, label="users", file=sys.stderr, show_pos=True) as bar:
        yield lambda done: bar.update(done - bar.pos)


@command.command("on-demand")
@click.argument("user", metavar="USER")
@FILE
@STATE
@HAR
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", help="[default: text]")
def on_demand(user: str, file: Path, state: Path | None, har: Path | None, form: str) -> None:
    """Provision one user now, and show the steps as the portal does.

    USER is a user principal name or an object ID. Exit code 0 if it went as it should, also if there was nothing
    to do; 1 if it failed.
    """
    from mockhost.entra import rendering

    terminal = stdout()
    with opened(file, state=state, har=har) as app:
        tell_what_is_used(app)
        found = app.perform({"on_demand": user})
    if form == "json":
        terminal.json(found["record"] if "record" in found else {"verdict": found["verdict"]})
    else:
        width = width_of(terminal)
        lines = (
            rendering.step_lines(found["record"], found["app"], width)
            if "record" in found
            else rendering.verdict_page(found, width, title_of)
        )
        terminal.lines(coloured(lines, terminal))
    fine = "record" in found and found["record"]["provisioningStatusInfo"]["status"] != "failure"
    raise click.exceptions.Exit(outcome.FINE if fine else outcome.NOT_FINE)


@command.command("log")
@FILE
@STATE
@click.option(
    "--format", "form", type=click.Choice(["table", "json", "csv"]), default="table", help="[default: table]"
)
@click.option("--user", default="", metavar="TEXT", help="Only users whose name has this in it.")
@click.option(
    "--status",
    type=click.Choice(["success", "failure", "skipped", "warning"]),
    default=None,
    help="Only these.",
)
@click.option(
    "--action", type=click.Choice(["create", "update", "delete", "disable", "stageddelete", "other"]), default=None,
    help="Only these.",
)  # fmt: skip
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="With csv: write the portal's three files there.",
)
def log(
    file: Path,
    state: Path | None,
    form: str,
    user: str,
    status: str | None,
    action: str | None,
    out: Path | None,
) -> None:
    """Show the provisioning log.

    table: as the portal's list; json: a list in the shape of Microsoft Graph's provisioningObjectSummary; csv: the
    portal's ProvisioningLogs.csv, or with --out its three files.
    """
    from mockhost.entra import records, rendering
    from mockhost.entra.store import Store

    path = state or file.with_suffix(".sqlite")
    if not path.exists():
        raise UsageError(f"there is no state in {path}", hint="'mockhost provision cycle' makes it")
    if out is not None and form != "csv":
        raise UsageError("--out goes with --format csv")
    terminal = stdout()
    with Store(path) as store:
        found = store.records(user=user, status=status or "", action=action or "")
        if form == "csv":
            _write_csv(records.csv_files(found), out, terminal)
        elif form == "json":
            _write_list(found)
        else:
            terminal.lines(rendering.log_lines(found))


def _write_list(found: Iterator[dict[str, Any]]) -> None:
    """A JSON list, record by record."""
    sys.stdout.write("[")
    for index, each in enumerate(found):
        sys.stdout.write(("," if index else "") + "\n" + json.dumps(each, indent=2))
    sys.stdout.write("\n]\n")


def _write_csv(files: Mapping[str, str], out: Path | None, terminal: Terminal) -> None:
    if out is None:
        terminal.lines(files["ProvisioningLogs.csv"].splitlines())
        return
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        why = f"the folder {out} can't be made: {error.strerror or error}"
        raise CannotRun(why, hint="name a folder where you may write") from None
    for name, text in files.items():
        save(out / name, text, newline="")
        terminal.line(f"wrote {out / name}")
