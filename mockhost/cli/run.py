"""`mockhost run`: a host for the length of a command, in any language."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import IO, TYPE_CHECKING, Any, NamedTuple, TextIO

import click
from click.core import ParameterSource

from mockhost import clock
from mockhost.cli import junit, outcome, saving, shells
from mockhost.cli.options import FILE, Hosting, Seconds, hosting
from mockhost.cli.signals import Bell, Signalled
from mockhost.cli.terminal import mark, stderr
from mockhost.errors import CannotRun, MockhostError, UsageError, reason_of

if TYPE_CHECKING:
    from mockhost.api import MockHost

TIMED_OUT = 124
"""The exit code for a command that took too long, as of coreutils' timeout."""
_COMMAND = "mockhost.command"
_GRACE = 5.0
"""Seconds that a command has to end by itself after its time-out."""
_OUTPUT = 65_536
"""Bytes of a command's output in a report."""


class WithCommand(click.Command):
    """Everything after the first `--` is the command, whatever it looks like."""

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:
        return [*super().collect_usage_pieces(ctx), "-- COMMAND…"]

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        before, after = args, []
        if "--" in args:
            index = args.index("--")
            before, after = args[:index], args[index + 1 :]
        ctx.meta[_COMMAND] = after
        return super().parse_args(ctx, before)


@click.command("run", cls=WithCommand)
@click.argument("scenario", required=False, envvar="MOCKHOST_SCENARIO", shell_complete=shells.scenarios)
@hosting(port=0, control_port=0)
@click.option(
    "--each",
    multiple=True,
    metavar="SHELF",
    shell_complete=shells.shelf_names,
    help="Run the command once for each scenario of a shelf; repeatable.",
)
@click.option(
    "--junit",
    "report",
    type=FILE,
    metavar="FILE",
    help="Write a JUnit XML report, one case for each scenario.",
)
@click.option(
    "--timeout", type=Seconds(), metavar="TIME", help="End the command if it takes longer, e.g. 30s."
)
@click.pass_context
def command(
    ctx: click.Context,
    scenario: str | None,
    hosting: Hosting,
    each: tuple[str, ...],
    report: Path | None,
    timeout: float | None,
) -> int:
    """Run a command with a host.

    The command finds the host by its environment: MOCKHOST_SQL_URL and MOCKHOST_SQL_TOKEN (for each connector, as
    the client was told), MOCKHOST_CONTROL_URL, MOCKHOST_CA_FILE, and SSL_CERT_FILE, NODE_EXTRA_CA_CERTS and
    REQUESTS_CA_BUNDLE with what it should trust; MOCKHOST_SCENARIO, _TITLE, _CAUSE and _CLIENT_SHOULD say what is
    played. The exit code is the command's (128 + n if signal n ended it, 124 after --timeout); if it failed, the
    journal follows on stderr. With --each it is 1 if the command failed with any scenario.

    \b
    mockhost run documented/secret_token_mismatch -- pytest tests/test_client.py
    mockhost run basics/healthy -- sh -c \\
      'curl -s --oauth2-bearer $MOCKHOST_SQL_TOKEN $MOCKHOST_SQL_URL/schemas'
    mockhost run --each documented --junit report.xml -- npm test
    """
    words: list[str] = ctx.meta[_COMMAND]
    if not words:
        raise click.UsageError("there is no command to run; put it after --", ctx)
    if each and scenario is not None and ctx.get_parameter_source("scenario") is ParameterSource.COMMANDLINE:
        raise click.UsageError(f"either a scenario ({scenario}) or --each, not both", ctx)
    if shutil.which(words[0]) is None:
        raise UsageError(f"there is no command {words[0]!r}", hint="is it installed and on the PATH?")
    if report is not None:
        saving.try_out(report, "the report")
    with Child(words, timeout=timeout, keeps_output=report is not None) as child:
        try:
            child.awaited()
            if each:
                return _run_each(each, hosting, child, report)
            return _run_one(scenario or "basics/healthy", hosting, child, report)
        except Signalled:
            return 128 + child.stopped


class Result(NamedTuple):
    """The outcome of the command with one scenario."""

    scenario: str
    code: int
    seconds: float
    journal: str = ""
    error: MockhostError | None = None
    output: str = ""
    """the last of what the command wrote, if it was kept"""
    facts: Mapping[str, str] = {}
    """the scenario's, as given to the command, without secrets"""

    @property
    def ok(self) -> bool:
        return self.code == 0 and self.error is None

    @property
    def outcome(self) -> str:
        """In a few words."""
        if self.error is not None:
            return "could not run"
        if self.code == TIMED_OUT:
            return "timed out"
        return f"exit code {self.code}" if self.code else "ok"

    @property
    def case(self) -> junit.Case:
        """The result as a case of a report."""
        failure = f"{self.outcome}\n{self.journal}" if self.code and self.error is None else None
        error = None if self.error is None else str(self.error)
        kind = "timeout" if self.outcome == "timed out" else ""
        return junit.Case(
            "mockhost.run", self.scenario, self.seconds, failure, error, self.output, kind, self.facts
        )


def run_once(scenario: str, hosting: Hosting, child: Child) -> Result:
    """Run the command with one scenario; errors of ours are in the result."""
    started = clock.monotonic()
    try:
        with hosting.make(scenario) as host:
            told = facts(host)
            code = child.run(environment(host, {**os.environ, **told}))
            journal = "" if code == 0 else record_of(host)
            show = host.journal.sink.text
            output, shown = show(child.output), {name: show(text) for name, text in told.items()}
    except MockhostError as error:
        return Result(scenario, error.exit_code, clock.monotonic() - started, error=error)
    result = Result(scenario, code, clock.monotonic() - started, journal, None, output, shown)
    if code:
        terminal = stderr()
        terminal.error(f"{child.words[0]} ended: {result.outcome}; the journal of {scenario}:")
        terminal.line(journal)
    return result


def facts(host: MockHost) -> dict[str, str]:
    """The environment variables that describe the scenario to the command."""
    scenario = host.scenario
    return {
        "MOCKHOST_SCENARIO": scenario.name,
        "MOCKHOST_TITLE": scenario.title,
        "MOCKHOST_CAUSE": scenario.cause or "",
        "MOCKHOST_CLIENT_SHOULD": scenario.client_should or "",
    }


def record_of(host: MockHost) -> str:
    """The journal as a table, and the connections that never became one, for a command that failed."""
    from mockhost.journal.renderings import connection_line, table

    failed = [each for each in host.journal.connections if each.error is not None]
    return "\n".join([table(host.journal, stderr().width), *map(connection_line, failed)])


def environment(host: MockHost, env: Mapping[str, str]) -> dict[str, str]:
    """The command's environment: this one's, with how to reach the host, and no proxy on the way there."""
    variables = {**env, **host.env()}
    if "CURL_CA_BUNDLE" in env and "SSL_CERT_FILE" in host.env():
        # curl asks this one first.
        variables["CURL_CA_BUNDLE"] = variables["SSL_CERT_FILE"]
    if any(name.lower() in ("http_proxy", "https_proxy", "all_proxy") for name in env):
        near = ["localhost", "127.0.0.1", "::1"]
        for name in ("NO_PROXY", "no_proxy"):
            said = [part for part in env.get(name, "").split(",") if part]
            variables[name] = ",".join(dict.fromkeys([*said, *near]))
    return variables


def _run_one(scenario: str, hosting: Hosting, child: Child, report: Path | None) -> int:
    result = run_once(scenario, hosting, child)
    if report is not None:
        junit.write(report, "mockhost run", [result.case])
    if result.error is not None:
        raise result.error
    return result.code


def _run_each(shelves: Sequence[str], hosting: Hosting, child: Child, report: Path | None) -> int:
    from mockhost.scenario.shelves import names

    chosen = list(dict.fromkeys(name for shelf in shelves for name in names(shelf)))
    terminal = stderr()
    results: list[Result] = []
    for number, name in enumerate(chosen, 1):
        terminal.line(terminal.styled(f"[{number}/{len(chosen)}] {name}", "bold"))
        result = run_once(name, hosting, child)
        results.append(result)
        if result.error is not None:
            terminal.error(str(result.error))
        terminal.line(f"{mark(result.ok, terminal)} {name}: {result.outcome} ({result.seconds:.2f} s)")
        if child.stopped:
            break
    if report is not None:
        junit.write(report, f"mockhost run --each {' '.join(shelves)}", [result.case for result in results])
    failed = [result for result in results if not result.ok]
    terminal.lines([f"{mark(False, terminal)} {each.scenario}: {each.outcome}" for each in failed])
    left = len(chosen) - len(results)
    terminal.line(
        f"{len(results) - len(failed)} of {len(chosen)} scenarios fine"
        + (f", {left} not begun" if left else "")
    )
    if child.stopped:
        return 128 + child.stopped
    return outcome.NOT_FINE if failed else outcome.FINE


class Child:
    """The command, and the signals that are meant for it. A context: within it the signals are passed on.

    timeout: seconds after which it is ended, with what it started. keeps_output: whether its output is kept for a
    report, and passed on; the command then sees pipes instead of a terminal.
    """

    def __init__(
        self, words: Sequence[str], *, timeout: float | None = None, keeps_output: bool = False
    ) -> None:
        self.words = list(words)
        self._timeout = timeout
        self._kept = _Kept() if keeps_output else None
        self.stopped = 0
        """the signal that asked this process to end, or 0"""
        self._process: subprocess.Popen[bytes] | None = None
        self._starting = True
        """whether a signal is only remembered, because a command that can receive it starts soon"""
        self._early: list[int] = []
        """the signals that are remembered, beside the one that asks to end"""
        self._bell = Bell()
        self._before: dict[int, Any] = {}

    def awaited(self) -> None:
        """From now on a signal that finds no command raises Signalled; one that came already does so now."""
        self._starting = False
        if self.stopped:
            raise Signalled(self.stopped)

    @property
    def output(self) -> str:
        """The last of what it wrote, both streams in the order in which that came."""
        return "" if self._kept is None else self._kept.text

    def run(self, env: Mapping[str, str]) -> int:
        """Run it to its end; its exit code, 128 + n for signal n, 124 after the time limit. Raises CannotRun."""
        self._starting = True
        try:
            process = self._process = self._start(env)
            self._starting = False
            for number in [*self._early, *([self.stopped] if self.stopped else [])]:
                process.send_signal(number)  # which came before it could receive one
            self._early.clear()
            threading.Thread(
                target=self._wait_for, args=(process,), name="mockhost-command", daemon=True
            ).start()
            timed_out = self._await(process)
            if self._kept is not None:
                self._kept.finish()
        finally:
            self._process, self._starting = None, False
        code = process.returncode
        if timed_out:
            return TIMED_OUT
        return 128 - code if code < 0 else code

    def _await(self, process: subprocess.Popen[bytes]) -> bool:
        """Wait for its end; whether it had to be ended because its time was over."""
        until = None if self._timeout is None else clock.monotonic() + self._timeout
        told = False
        while process.returncode is None:
            left = None if until is None else max(0.0, until - clock.monotonic())
            if left == 0.0:
                self._tell(
                    process, signal.SIGTERM if not told else getattr(signal, "SIGKILL", signal.SIGTERM)
                )
                told, until, left = True, clock.monotonic() + _GRACE, _GRACE
            self._bell.wait(left)
        return told

    def _tell(self, process: subprocess.Popen[bytes], number: int) -> None:
        """Send a signal to the command, and to what it started where it has a group of its own."""
        with contextlib.suppress(ProcessLookupError):
            if self._timeout is not None and os.name == "posix":
                os.killpg(process.pid, number)
            else:
                process.send_signal(number)

    def _wait_for(self, process: subprocess.Popen[bytes]) -> None:
        process.wait()
        self._bell.ring()

    def _start(self, env: Mapping[str, str]) -> subprocess.Popen[bytes]:
        sys.stdout.flush()
        try:
            pipe = None if self._kept is None else subprocess.PIPE
            # A command with a time limit leads a group of its own, so that all of it can be ended.
            group = 0 if self._timeout is not None and os.name == "posix" else None
            process = subprocess.Popen(
                self.words, env=dict(env), stdout=pipe, stderr=pipe, process_group=group
            )
        except (OSError, ValueError) as error:
            raise CannotRun(f"{self.words[0]!r} can't be started: {reason_of(error)}") from None
        if self._kept is not None:
            self._kept.begin(process)
        return process

    def __enter__(self) -> Child:
        self._bell.__enter__()
        for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGBREAK"):
            number = getattr(signal, name, None)
            if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
                self._before[number] = signal.signal(number, self._pass_on)
        return self

    def __exit__(self, *error: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._bell.__exit__(*error)

    def _pass_on(self, number: int, frame: FrameType | None) -> None:
        process = self._process
        ends = number not in (getattr(signal, "SIGUSR1", -1), getattr(signal, "SIGUSR2", -1))
        if process is None and not ends and self._starting:
            self._early.append(number)
            return
        if ends:
            first, self.stopped = self.stopped == 0, number
            if process is None:
                # A host is starting or stopping, and no command is running that could receive the signal.
                if first and not self._starting:
                    raise Signalled(self.stopped)
                return
        # What is typed at a terminal (Ctrl-C, Ctrl-\) goes to every process in the foreground, the command too.
        typed = number in (signal.SIGINT, getattr(signal, "SIGQUIT", -1)) and _in_foreground()
        if process is not None and (not typed or self._timeout is not None):
            self._tell(process, number)


class _Kept:
    """Passes a command's output on and keeps the last of it."""

    def __init__(self) -> None:
        self._data = bytearray()
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()

    def begin(self, process: subprocess.Popen[bytes]) -> None:
        """Begin with a new process, whose streams are pipes."""
        self._data.clear()
        self._threads = [
            threading.Thread(target=self._copy, args=pair, name="mockhost-output", daemon=True)
            for pair in ((process.stdout, sys.stdout), (process.stderr, sys.stderr))
        ]
        for thread in self._threads:
            thread.start()

    def _copy(self, source: IO[bytes], target: TextIO) -> None:
        with source:
            while piece := os.read(source.fileno(), 65_536):
                with self._lock:
                    self._data += piece
                    del self._data[:-_OUTPUT]
                with contextlib.suppress(OSError, ValueError):
                    target.buffer.write(piece)
                    target.flush()

    def finish(self) -> None:
        """Wait for what is still in the pipes; what the command left running may hold them open, so not for long."""
        for thread in self._threads:
            thread.join(_GRACE)

    @property
    def text(self) -> str:
        """What was kept, from the first whole line on where more was written."""
        with self._lock:
            data = bytes(self._data)
        if len(data) == _OUTPUT:
            data = data.partition(b"\n")[2]
        return data.decode("utf-8", "replace")


def _in_foreground() -> bool:
    if os.name == "nt":
        return True
    try:
        terminal = os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY)
    except OSError:
        return False
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:
        return False
    finally:
        os.close(terminal)
