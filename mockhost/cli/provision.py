"""`mockhost provision`: cycles of Entra's provisioning service, on-demand provisioning, and its log."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mockhost.cli import outcome
from mockhost.cli.options import TextType
from mockhost.cli.provisioning import CA, FILE, HAR, STATE, TOKEN, opened
from mockhost.cli.saving import save
from mockhost.cli.terminal import Terminal, columns, stderr, stdout, wrapped
from mockhost.cli.test_connection import next_lines
from mockhost.cli.verbs import Framed
from mockhost.client.printing import printable
from mockhost.errors import CannotRun, UsageError

if TYPE_CHECKING:
    from mockhost.entra.portal import PortalVerdict
    from mockhost.entra.service import Execution, Service

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
    terminal, done = stdout(), []
    with opened(file, state=state, url=url, secret_token=secret_token, ca=ca, users=users, har=har) as job:
        _tell(job.notes)
        clock = job.service.clock
        clock.advance(advance or 0.0)
        for _ in range(count):
            due = job.store.get("next_run") or 0.0
            clock.advance(max(0.0, due - clock.now()))
            with _progress(job.config.users.count) as progress:
                done.append(job.service.cycle(initial=initial, progress=progress))
            if form == "text":
                terminal.lines(_in_words(done[-1], job.service, terminal))
        if form == "json":
            documents = [_as_json(each) for each in done]
            terminal.json(documents[0] if count == 1 else documents)
    fine = done[-1].state == "Succeeded" and done[-1].quarantine is None
    raise click.exceptions.Exit(outcome.FINE if fine else outcome.NOT_FINE)


@contextmanager
def _progress(count: int | None) -> Iterator[Callable[[int], None]]:
    """A bar on standard error while a terminal looks on."""
    if not sys.stderr.isatty() or not count or count < 200:
        yield lambda done: None
        return
    with click.progressbar(length=count, label="users", file=sys.stderr, show_pos=True) as bar:
        yield lambda done: bar.update(done - bar.pos)


def _tell(notes: tuple[str, ...]) -> None:
    for note in notes:
        stderr().error(note)


def _as_json(done: Execution) -> dict[str, Any]:
    from mockhost.clock import iso

    quarantine = done.quarantine and {
        **done.quarantine,
        **{key: iso(done.quarantine[key]) for key in ("currentBegan", "seriesBegan", "nextAttempt")},
    }
    return {
        "cycleId": done.cycle,
        "initial": done.initial,
        "state": done.state,
        "timeBegan": iso(done.began),
        "counts": done.counts,
        "quarantine": quarantine,
        "verdict": None if done.verdict is None else done.verdict._asdict(),
    }


def _in_words(done: Execution, service: Service, terminal: Terminal) -> list[str]:
    from mockhost.clock import iso
    from mockhost.entra import records

    width = min(terminal.width or 100, 110)
    kind = "initial cycle" if done.initial else "incremental cycle"
    fine = done.state == "Succeeded" and done.quarantine is None
    mark = terminal.styled("✓", "green", "bold") if fine else terminal.styled("✗", "red", "bold")
    lines = [f"{mark} {terminal.styled(kind, 'bold')} at {iso(done.began)}: {done.state}"]
    if done.verdict is not None:
        lines += verdict_lines(done.verdict, terminal)
    by_status = [f"{done.counts[name]} {name}" for name in records.STATUSES if name in done.counts]
    by_action = [f"{done.counts[name]} {name}" for name in records.ACTIONS if name in done.counts]
    text = f"  {done.counts['imported']} users looked at"
    lines.append(text + (f": {', '.join(by_status)} ({', '.join(by_action)})" if by_status else ""))
    if done.quarantine is not None:
        banner = "Provisioning has been quarantined. See quarantine details for more information"
        attempt, error = done.quarantine["seriesCount"], done.quarantine["error"]
        # The portal's words are above, where the probe failed.
        message = error["code"] if done.verdict is not None else error["message"]
        lines.append(f"  {terminal.styled(banner, 'yellow')}")
        lines += wrapped(f"{done.quarantine['reason']}, attempt {attempt}; {printable(message)}", width, "  ")
    return [*lines, f"  next cycle at {iso(service.store.get('next_run'))}"]


def verdict_lines(verdict: PortalVerdict, terminal: Terminal) -> list[str]:
    """What the portal says, and how sure that is."""
    width = min(terminal.width or 100, 110)
    lines = [f"  {verdict.title}"] + ([f"  Error code: {verdict.code}"] if verdict.code else [])
    lines += wrapped(printable(verdict.text), width, "  ")
    if verdict.also:
        lines += wrapped(f"Also seen in its place: {printable(verdict.also)}", width, "  ")
    lines += next_lines(verdict, width)
    source = wrapped(f"Words {verdict.evidence}: {verdict.source}", width, "  ")
    lines += [terminal.styled(line, "dim") for line in source]
    return lines


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
    terminal = stdout()
    with opened(file, state=state, har=har) as job:
        _tell(job.notes)
        verdict, record = job.service.on_demand(user)
        app = job.config.app
    if record is None:
        document: Any = {"verdict": verdict._asdict()}
        terminal.json(document) if form == "json" else terminal.lines(
            [terminal.styled("✗ Test connection", "red", "bold"), *verdict_lines(verdict, terminal)]
        )
        raise click.exceptions.Exit(outcome.NOT_FINE)
    if form == "json":
        terminal.json(record)
    else:
        terminal.lines(steps_in_words(record, app, terminal))
    failed = record["provisioningStatusInfo"]["status"] == "failure"
    raise click.exceptions.Exit(outcome.NOT_FINE if failed else outcome.FINE)


_TITLES = {
    "import": "Import {type} from Microsoft Entra ID",
    "scoping": "Determine if {type} is in scope",
    "matching": "Match {type} between Microsoft Entra ID and {app}",
    "processing": "Process {type}",
    "referenceResolution": "Resolve references of {type}",
    "export": "Perform action",
}


def steps_in_words(record: Mapping[str, Any], app: str, terminal: Terminal) -> list[str]:
    """The numbered steps of on-demand provisioning, each with its details; then the modified attributes."""
    kind, lines = record["targetIdentity"]["identityType"], []
    for number, step in enumerate(record["provisioningSteps"], 1):
        fine = step["status"] in ("success", "skipped")
        mark = terminal.styled("✓", "green") if fine else terminal.styled("✗", "red")
        title = _TITLES[step["provisioningStepType"]].format(type=kind, app=app)
        lines += [
            f"{mark} {number}. {terminal.styled(title, 'bold')}",
            f"     {step['name']}: {step['status']}",
        ]
        lines += wrapped(step["description"], min(terminal.width or 100, 110), "     ")
        lines += [
            f"     {line}" for line in columns([(f"{key}:", value) for key, value in step["details"].items()])
        ]
    if record["modifiedProperties"]:
        rows = [(each["displayName"], each["newValue"] or "") for each in record["modifiedProperties"]]
        lines += ["", *columns([("Property name", "New value"), *rows])]
    return lines


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
    from mockhost.entra import records
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
            rows = [records.row(each) for each in found]
            terminal.lines(columns([records.COLUMNS, *rows]) if rows else ["the log is empty"])


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
