"""`mockhost provision` and `mockhost portal`: Entra's side of a provisioning.yaml.

Cycles of the provisioning service, on-demand provisioning, and its log; and what an administrator does in the portal.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mockhost.cli.options import FILE as TO_WRITE
from mockhost.cli.options import FOLDER, FORMAT, PATH, TextType, ca, formats, option
from mockhost.cli.saving import save as save_file
from mockhost.cli.terminal import Terminal, coloured, stderr, stdout, tell, width_of
from mockhost.cli.verbs import Framed
from mockhost.errors import CannotRun, UsageError, reason_of

if TYPE_CHECKING:
    from mockhost.client.har import HarWriter
    from mockhost.entra.agent import Machine
    from mockhost.entra.config import Credentials, Provisioning, Way
    from mockhost.entra.enterprise import EnterpriseApp

FILE = click.argument("file", type=PATH, metavar="FILE")
STATE = click.option(
    "--state",
    type=TO_WRITE,
    metavar="FILE",
    help="Where the state is kept between commands. [default: beside FILE, ending in .sqlite]",
)
HAR = click.option(
    "--har",
    type=TO_WRITE,
    metavar="FILE",
    help="Write all exchanges to a HAR file. Tokens and redacted values are left out.",
)
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


# -- the application ------------------------------------------------------------------------------------------------


class FromFile:
    """A source for an `EnterpriseApp`: what is entered is in the file, or on the command line."""

    def __init__(self, config: Provisioning, har: HarWriter | None) -> None:
        self.config = config
        self._har = har

    def provisioning(self) -> Provisioning:
        return self.config

    def enter(self, values: object) -> None:
        raise UsageError("what is entered is in the file", hint="edit it")

    change = enter

    def reached(self, saved: Credentials) -> Credentials:
        return saved

    def machine(self) -> Machine | None:
        """The agents' machine, where the control plane of a mock tells of it."""
        if self.config.control is None:
            return None
        from mockhost.client.control import ControlPlane
        from mockhost.entra import agent

        control = self.config.control
        return agent.read(ControlPlane(control.url, control.token, timeout=10.0))

    def operate(self, action: object) -> None:
        if not isinstance(action, str) or action not in ("assign", "unassign"):
            hint = "do it there, with 'mockhost windows', or leave 'control' out"
            raise UsageError("the agent's machine is the one of the mock", hint=hint)

    def way(self, config: Provisioning) -> Way:
        from mockhost.entra.config import Way

        return Way(config, self._har)


@contextlib.contextmanager
def opened(
    what: Path | Provisioning, *, state: Path | None = None, har: Path | None = None
) -> Iterator[EnterpriseApp]:
    """An application by its provisioning.yaml, beside which its state is kept, or by what would be in one."""
    from mockhost.client.har import HarWriter
    from mockhost.clock import VirtualClock, wall_now
    from mockhost.entra.enterprise import EnterpriseApp
    from mockhost.entra.store import Store

    if isinstance(what, Path):
        from mockhost.cli import provisioning_file

        config, state = provisioning_file.read(what, os.environ), state or what.with_suffix(".sqlite")
    else:
        config = what
    with contextlib.ExitStack() as stack:
        store = stack.enter_context(Store(state))
        start = store.get("now") or config.settings.start or wall_now()
        writer = None if har is None else stack.enter_context(HarWriter(har))
        clock = VirtualClock("frozen", start=start)
        yield EnterpriseApp(FromFile(config, writer), store, clock, env=os.environ, pause=_pause)


def tell_what_is_used(app: EnterpriseApp) -> None:
    """Say so where what is entered is not what cycles and on-demand provisioning use."""
    saved = app.saved()
    if saved is not None and saved != app.source.provisioning().entered:
        text = "what is entered differs from what was saved, which is used; 'mockhost portal save' saves it"
        stderr().error(text)


def _by_url(url: str, secret_token: str | None, ca: Path | None, users: int) -> Provisioning:
    from mockhost.entra.config import Credentials, Provisioning, app_of
    from mockhost.entra.users import Generated, GeneratedUsers

    made = GeneratedUsers(Generated(users))
    trust = None if ca is None else str(ca)
    return Provisioning(Credentials(url, "", secret_token), made, app=app_of(url), trust=trust)


def _pause(seconds: float) -> None:
    """Wait on the wall for what a target asked for with Retry-After."""
    threading.Event().wait(seconds)


# -- mockhost provision ----------------------------------------------------------------------------------------------


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
@click.argument("file", type=PATH, metavar="[FILE]", required=False)
@click.option(
    "--url", metavar="URL", help="A tenant URL, in place of FILE: generated users, default mappings."
)
@option("--secret-token", metavar="TOKEN", help="The secret token, with --url.")
@ca(", with --url")
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
@FORMAT
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
) -> bool:
    """Run a provisioning cycle: the first one is an initial cycle, others look at what changed.

    Between two cycles 40 minutes of virtual time pass, more in quarantine. Exit code 0 if nothing failed, 1 if
    users failed or the job is in quarantine.

    \b
    mockhost provision cycle provisioning.yaml
    mockhost provision cycle --url https://localhost:8585/ecma2host_SQL/scim \\
      --ca trust.pem --secret-token TOKEN
    """
    from mockhost.entra import rendering
    from mockhost.entra.enterprise import of_execution
    from mockhost.scenario.catalogue import title_of

    terminal, done = stdout(), []
    what = file if url is None else _by_url(url, secret_token, ca, users)
    if what is None or (file is not None and url is not None):
        raise UsageError("give either FILE or --url", hint="'mockhost provision init' writes a FILE")
    with opened(what, state=state, har=har) as app:
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
    return done[-1]["state"] == "Succeeded" and done[-1]["quarantine"] is None


@contextlib.contextmanager
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
@FORMAT
def on_demand(user: str, file: Path, state: Path | None, har: Path | None, form: str) -> bool:
    """Provision one user now, and show the steps as the portal does.

    USER is a user principal name or an object ID. Exit code 0 if it went as it should, also if there was nothing
    to do; 1 if it failed.
    """
    from mockhost.entra import rendering
    from mockhost.scenario.catalogue import title_of

    with opened(file, state=state, har=har) as app:
        tell_what_is_used(app)
        found = app.perform({"on_demand": user})
    record = found.get("record")

    def in_words(terminal: Terminal) -> list[str]:
        width = width_of(terminal)
        if record is None:
            return coloured(rendering.verdict_page(found, width, title_of), terminal)
        return coloured(rendering.step_lines(record, found["app"], width), terminal)

    tell(form, {"verdict": found["verdict"]} if record is None else record, in_words)
    return record is not None and record["provisioningStatusInfo"]["status"] != "failure"


@command.command("log")
@FILE
@STATE
@formats("table", "json", "csv")
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
    type=FOLDER,
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
        why = f"the folder {out} can't be made: {reason_of(error)}"
        raise CannotRun(why, hint="name a folder where you may write") from None
    for name, text in files.items():
        save_file(out / name, text, newline="")
        terminal.line(f"wrote {out / name}")


# -- mockhost portal -------------------------------------------------------------------------------------------------


@click.group("portal", cls=Framed)
def portal() -> None:
    """Do what an administrator does in the portal with the application of a provisioning.yaml.

    What FILE says is what is entered; cycles and on-demand provisioning use what was saved.

    \b
    mockhost portal test provisioning.yaml
    mockhost portal save provisioning.yaml
    mockhost portal agent stop agent-1 provisioning.yaml
    """


def _do(step: object, file: Path, state: Path | None, har: Path | None = None) -> dict[str, Any]:
    """The result of a step."""
    with opened(file, state=state, har=har) as app:
        return app.perform(step)


def _tell(verb: str, found: dict[str, Any]) -> None:
    """Print the result of a step."""
    from mockhost.entra import rendering

    terminal = stdout()
    terminal.lines(coloured(rendering.lines(verb, found, width_of(terminal)), terminal))


@portal.command("show")
@FILE
@STATE
@FORMAT
def show(file: Path, state: Path | None, form: str) -> None:
    """Show credentials, agents, the job, and its quarantine."""
    found = _do("show", file, state)
    stdout().json(found) if form == "json" else _tell("show", found)


@portal.command("test")
@FILE
@STATE
@HAR
def test(file: Path, state: Path | None, har: Path | None) -> bool:
    """Test connection with what is entered. Exit code 0 if the portal would be content, 1 if not."""
    from mockhost.entra import rendering
    from mockhost.scenario.catalogue import title_of

    found, terminal = _do("test_connection", file, state, har), stdout()
    terminal.lines(coloured(rendering.verdict_page(found, width_of(terminal), title_of), terminal))
    return bool(found["ok"])


@portal.command("save")
@FILE
@STATE
@HAR
def save(file: Path, state: Path | None, har: Path | None) -> bool:
    """Save what is entered, and refresh the target attribute list. Exit code 1 if the portal does not save it."""
    found = _do("save", file, state, har)
    _tell("save", found)
    return not found["error"]


@portal.command("attributes")
@FILE
@STATE
@HAR
@click.option("--refresh", is_flag=True, help="Ask for /Schemas first, as refreshing the page does.")
@FORMAT
def attributes(file: Path, state: Path | None, har: Path | None, refresh: bool, form: str) -> None:
    """Show the target attribute list, as it was when it was last refreshed."""
    found = _do({"attributes": "refresh" if refresh else "shown"}, file, state, har)
    stdout().json(found["attributes"]) if form == "json" else _tell("attributes", found)


@portal.command("agent")
@click.argument("action", metavar="ACTION")
@click.argument("name", metavar="NAME")
@FILE
@STATE
@click.option(
    "--set", "sets", multiple=True, metavar="KEY=VALUE", help="With the action machine; repeatable."
)
def agent(action: str, name: str, file: Path, state: Path | None, sets: tuple[str, ...]) -> bool:
    """Install, register, assign, unassign, start, stop, restart, reboot, wedge or remove an agent.

    The agent that there is at first is agent-1. After assign it takes 15 virtual minutes until it is usable;
    restart is the shortcut. `machine` changes what it finds on its machine: proxy=none|configured|missing,
    execution_policy=RemoteSigned|Undefined|Unrestricted, may_log_on=true|false. Exit code 1 if it fails as documented.

    \b
    mockhost portal agent stop agent-1 provisioning.yaml
    mockhost portal agent machine agent-1 provisioning.yaml --set proxy=missing
    """
    from mockhost.entra import rendering

    found = _do(rendering.of_words(["agent", action, name, *sets]), file, state)
    _tell("agent", found)
    return not found["error"]


@portal.command("restart")
@FILE
@STATE
@click.option(
    "--reset-scope",
    "scopes",
    multiple=True,
    metavar="SCOPE",
    help="Full, Escrows, QuarantineState, Watermark, ForceDeletes or None; repeatable. [default: Full]",
)
def restart(file: Path, state: Path | None, scopes: tuple[str, ...]) -> None:
    """Restart provisioning: the next cycle is an initial one where the watermark is reset."""
    _do({"restart": list(scopes)}, file, state)


def _plain(name: str, help: str) -> None:
    """A verb that does one thing and says nothing."""

    @portal.command(name, help=help)
    @FILE
    @STATE
    def verb(file: Path, state: Path | None) -> None:
        _do(name.replace("-", "_"), file, state)


_plain("start", "Start provisioning: resume a paused job. This also clears a quarantine.")
_plain("stop", "Stop provisioning: pause the job.")
_plain("allow-deletes", "Allow what the accidental deletions threshold held back; the next cycle does it.")


@portal.command("advance")
@click.argument("time", metavar="TIME")
@FILE
@STATE
def advance(time: str, file: Path, state: Path | None) -> None:
    """Let virtual time pass, such as 20m: until an agent is ready, or a retry is due."""
    from mockhost.clock import iso
    from mockhost.durations import parse_duration

    with opened(file, state=state) as app, app.job(entered=True):
        app.clock.advance(max(0.0, parse_duration(time)))
        stdout().line(iso(app.clock.now()))
