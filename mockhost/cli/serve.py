"""`mockhost serve`: a host that runs until it is stopped, and what it does when its scenario's file changes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from mockhost.cli import outcome, shells, signals
from mockhost.cli.options import CONTROL_PORT, DATA_PORT, FILE, Hosting, gathered, hosting, option
from mockhost.cli.signals import STOP, Mailbox, Signalled
from mockhost.cli.terminal import stderr, stdout
from mockhost.clock import iso
from mockhost.errors import CannotRun, UsageError

if TYPE_CHECKING:
    from mockhost.api import MockHost
    from mockhost.cli.live import Live
    from mockhost.cli.planes import ReadyFile
    from mockhost.cli.telling import Hide
    from mockhost.temporary import PrivateFolder

FRESH = "fresh"


class Lasting(NamedTuple):
    """How a verb runs a host until it is stopped."""

    ready_file: Path | None
    reload: bool
    quiet: bool
    log_format: str


lasting = gathered(
    "lasting",
    lambda given: Lasting(*(given.pop(name) for name in Lasting._fields)),
    [
        option(
            "--ready-file",
            type=FILE,
            metavar="PATH",
            help="Write a JSON document (mode 0600) there once everything is ready; it is removed at exit. The "
            "file of a host that still runs is not overwritten.",
        ),
        option(
            "--reload",
            is_flag=True,
            help="Begin afresh when the scenario's file, a parent or a data file changes. An invalid one changes "
            "nothing.",
        ),
        option("--quiet", is_flag=True, help="No start page and no lines for exchanges."),
        option(
            "--log-format",
            type=click.Choice(["text", "json"]),
            default="text",
            help="Lines for people, or one JSON object a line. [default: text]",
        ),
    ],
)
"""The options of such a verb; the command gets them as one argument `lasting`."""


@click.command("serve")
@click.argument(
    "scenario", default="basics/healthy", envvar="MOCKHOST_SCENARIO", shell_complete=shells.scenarios
)
@hosting(port=DATA_PORT, control_port=CONTROL_PORT)
@lasting
@option(
    "--blind",
    is_flag=True,
    help="Tell only who has the control plane's token (--control-token) what the scenario is; others are learners.",
)
def command(scenario: str, hosting: Hosting, lasting: Lasting) -> None:
    """Run a host with a scenario until Ctrl-C or SIGTERM.

    SCENARIO (default: basics/healthy) is a shipped name (`mockhost scenarios` lists them) or a file
    (./mine.yaml). It prints where to point a client, what the client was told, what to trust and a curl line,
    then one line for each exchange.

    \b
    mockhost serve
    mockhost serve documented/secret_token_mismatch
    mockhost serve ./mine.yaml --reload
    mockhost serve --port 0 --control-port 0 --ready-file ready.json --quiet &
    mockhost serve --set host.tls.valid='[-30d, -1d]'
    """
    if hosting.blind and lasting.reload:
        raise UsageError(
            "--blind and --reload do not go together", hint="what changed in a file would be shown"
        )
    run(Source(scenario), hosting, lasting)


class Source(NamedTuple):
    """What a host serves: a scenario by its name or file, or a document; and what is laid over it."""

    scenario: str | Mapping[str, Any]
    overrides: Mapping[str, Any] = {}
    name: str = ""
    """what a document is called on the start page"""

    @property
    def called(self) -> str:
        """The scenario as a user names it."""
        return self.scenario if isinstance(self.scenario, str) else ""


def run(
    source: Source,
    hosting: Hosting,
    lasting: Lasting,
    *,
    begun: Callable[[MockHost], None] = lambda host: None,
    ending: Callable[[MockHost], None] = lambda host: None,
    patience: float = signals.PATIENCE,
) -> None:
    """Run a host until a signal comes.

    begun, ending: what is done with it at first and at last. patience: seconds that the end may take; a search over a
    million people holds it up for no longer.
    """
    mailbox = Mailbox(lambda: signals.leave_within(patience, outcome.FINE, serving.tidy))
    serving = Serving(source, hosting, mailbox, lasting)
    with mailbox:
        try:
            mailbox.starting()
            serving.start(begun)
            mailbox.ready()
            serving.until_told()
        except Signalled:
            pass
        finally:
            mailbox.ready()
            serving.stop(ending)


class Serving:
    """A host on the command line: its page, its lines, its ready file and its watch."""

    def __init__(self, source: Source, hosting: Hosting, mailbox: Mailbox, lasting: Lasting) -> None:
        self._source = source
        self._hosting = hosting
        self._mailbox = mailbox
        self._lasting = lasting
        self._as_json = lasting.log_format == "json"
        self._host: MockHost | None = None
        self._live: Live | None = None
        self._ready_file: ReadyFile | None = None
        self._watch: Watch | None = None
        self._note: PrivateFolder | None = None

    def start(self, begun: Callable[[MockHost], None]) -> None:
        """Start the host, write the ready file and say so, in this order."""
        if self._lasting.ready_file is not None:
            from mockhost.cli.planes import ReadyFile

            self._ready_file = ReadyFile(self._lasting.ready_file.absolute())
            self._ready_file.clear()
        host = self._host = self._hosting.make(self._source.scenario, **self._source.overrides)
        begun(host)
        if self._lasting.reload:
            self._watch = Watch(host.scenario.files)
        if not self._lasting.quiet and not host.blind:  # its lines name rules and reasons
            from mockhost.cli.live import Live

            self._live = Live(host.runtime.events, host.journal.sink, stdout(), as_json=self._as_json)
        host.start()
        host.runtime.events.call(self._on_event)
        if self._ready_file is not None:
            self._ready_file.clear()  # another may have started since
            self._ready_file.write(host.ready())
        if (control := host.ready()["control"])["url"] is not None:
            from mockhost.cli.planes import noted

            self._note = noted(control)
        if not self._lasting.quiet:
            self._say(host)
        if self._live is not None:
            self._live.start()

    def _say(self, host: MockHost) -> None:
        from mockhost.cli import start_page
        from mockhost.cli.telling import hidden, hider

        terminal = stdout()
        given = self._hosting
        facts = start_page.facts_of(
            host, self._source.called, state_kept=given.state is not None, ipv6_wanted=given.wants_ipv6
        )
        if host.blind:
            facts = start_page.blinded(facts, host.learner_token)
        elif self._source.name:
            facts = facts._replace(scenario=self._source.name)
        hide = hider(host.runtime.scenario)
        if self._as_json:
            import json

            terminal.line(json.dumps(hidden(start_page.as_json(facts, host.ready()), hide)))
        else:
            # Paragraphs first: a value that goes on in the next line would not be found.
            cure = tuple(hidden(step, hide) for step in facts.cure)
            facts = facts._replace(title=hide(facts.title), why=hide(facts.why), cure=cure)
            terminal.lines([hide(line) for line in start_page.render(facts, terminal, shells.detect())])
        if not host.blind:
            self._warn(host, hide)

    def _warn(self, host: MockHost, hide: Hide) -> None:
        """What has no effect in a file of the user's own; those on the shelves have nothing of that kind."""
        from mockhost.scenario import shelves

        if shelves.looks_like_file(self._source.called):
            from mockhost.scenario import lint

            stderr().lines([f"warning: {hide(str(each))}" for each in lint.find(host.scenario)])

    def _on_event(self, kind: str, data: object) -> None:
        if kind == "state" and isinstance(data, Mapping) and data.get("what") == "reset":
            self._mailbox.put(FRESH)

    def until_told(self) -> None:
        """Wait for the end, and watch the files until then."""
        while True:
            letter = self._mailbox.get(INTERVAL if self._watch is not None else None)
            if letter == STOP:
                return
            if letter == FRESH:
                self._begun_afresh()
            elif self._watch is not None and (changed := self._watch.changed()):
                self._reload(self._watch, changed)

    def _begun_afresh(self) -> None:
        """Rewrite the ready file after a reset or with another scenario."""
        assert self._host is not None
        if self._ready_file is not None:
            try:
                self._ready_file.write(self._host.ready())
            except CannotRun as error:
                stderr().error(str(error))

    def _reload(self, watch: Watch, changed: Iterable[Path]) -> None:
        """Begin again with the file as it is now; if it is no scenario, say so and leave everything as it was."""
        assert self._host is not None
        terminal = stderr()
        names = ", ".join(file.name for file in changed)
        try:
            self._host.use(self._source.scenario, **self._source.overrides)
        except Exception as error:
            terminal.error(
                f"{names} changed, and can't be used; the host goes on as it was\n{outcome.said(error)}"
            )
            return
        watch.follow(self._host.scenario.files)
        runtime = self._host.runtime
        scenario = runtime.scenario
        wrong = {"title": scenario.title, "cause": scenario.cause, "client_should": scenario.client_should}
        told = {"what": "reload", "at": iso(runtime.clock.now()), "files": names, **wrong}
        runtime.events.publish("state", told)
        if not self._lasting.quiet and not self._as_json:
            from mockhost.cli import start_page
            from mockhost.cli.telling import hidden, hider

            hide, shown = hider(scenario), stdout()
            truth = {name: each._asdict() for name, each in self._host.connectors().items()}
            clients = {name: each._asdict() for name, each in self._host.clients().items()}
            begun = start_page.begun(hidden(wrong, hide), truth, clients, shown)
            shown.lines([hide(line) for line in begun])

    def tidy(self) -> None:
        """Remove the files that are there for as long as the process is."""
        self._remove_files()
        if self._host is not None:
            self._host.runtime.certificates.close()

    def _remove_files(self) -> None:
        if self._ready_file is not None:
            self._ready_file.remove()
        if self._note is not None:
            self._note.remove()

    def stop(self, ending: Callable[[MockHost], None]) -> None:
        """Leave nothing behind. May be called at any moment after the beginning, also twice."""
        self._remove_files()
        if self._host is not None:
            try:
                ending(self._host)
            finally:
                self._host.stop()
        if self._live is not None:
            self._live.stop()


# -- files that change -----------------------------------------------------------------------------------------------

INTERVAL = 0.5
"""Seconds between two looks."""

_Mark = tuple[int, int, int] | None


class Watch:
    """Tells which files have changed since the last call of `changed`. It runs no thread, so the caller has to ask."""

    def __init__(self, files: Iterable[Path] = ()) -> None:
        self._marks: dict[Path, _Mark] = {}
        self.follow(files)

    def follow(self, files: Iterable[Path]) -> None:
        """Watch these files and no others: new ones as they are now, the others as they were last seen."""
        self._marks = {file: self._marks[file] if file in self._marks else _mark(file) for file in files}

    def changed(self) -> list[Path]:
        """The files that changed since the last call; each change is returned once.

        A file that is gone tells nothing until it is back: editors replace files, and a reader must not come between.
        """
        found = []
        for file, before in self._marks.items():
            now = _mark(file)
            if now is not None and now != before:
                self._marks[file] = now
                found.append(file)
        return found


def _mark(file: Path) -> _Mark:
    try:
        status = file.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino
