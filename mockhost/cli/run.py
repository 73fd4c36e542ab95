"""`mockhost run`: a host for the length of a command, in any language."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from mockhost import clock
from mockhost.cli import junit, outcome
from mockhost.cli.options import Hosting, hosting
from mockhost.cli.signals import Bell, Told
from mockhost.cli.terminal import stderr
from mockhost.errors import CannotRun, MockhostError, UsageError

if TYPE_CHECKING:
    from mockhost.api import MockHost

_COMMAND = "mockhost.command"


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
@click.argument("scenario", required=False, envvar="MOCKHOST_SCENARIO")
@hosting(port=0, control_port=0)
@click.option(
    "--each",
    multiple=True,
    metavar="SHELF",
    help="Run the command once for each scenario of a shelf; repeatable.",
)
@click.option(
    "--junit",
    "report",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write a JUnit XML report, one case for each scenario.",
)
@click.pass_context
def command(
    ctx: click.Context, scenario: str | None, hosting: Hosting, each: tuple[str, ...], report: Path | None
) -> None:
    """Run a command with a host.

    The command finds the host by its environment: MOCKHOST_SQL_URL and MOCKHOST_SQL_TOKEN (for each connector, as
    the client was told), MOCKHOST_CONTROL_URL, and SSL_CERT_FILE, NODE_EXTRA_CA_CERTS and REQUESTS_CA_BUNDLE with
    what it should trust. The exit code is the command's (128 + n if signal n ended it); if it failed, the journal
    follows on stderr. With --each it is 1 if the command failed with any scenario.

    \b
    mockhost run documented/secret_token_mismatch -- pytest tests/test_client.py
    mockhost run basics/healthy -- sh -c 'curl -s --oauth2-bearer $MOCKHOST_SQL_TOKEN $MOCKHOST_SQL_URL/schemas'
    mockhost run --each documented --junit report.xml -- npm test
    """
    words: list[str] = ctx.meta[_COMMAND]
    if not words:
        raise click.UsageError("there is no command to run; put it after --", ctx)
    if each and scenario is not None and ctx.get_parameter_source("scenario") is ParameterSource.COMMANDLINE:
        raise click.UsageError(f"either a scenario ({scenario}) or --each, not both", ctx)
    if shutil.which(words[0]) is None:
        raise UsageError(f"there is no command {words[0]!r}", hint="is it installed and on the PATH?")
    with Child(words) as child:
        try:
            child.awaited()
            if each:
                code = _run_each(each, hosting, child, report)
            else:
                code = _run_one(scenario or "basics/healthy", hosting, child, report)
        except Told:
            code = 128 + child.stopped
    ctx.exit(code)


class Result:
    """What became of the command with one scenario."""

    def __init__(
        self, scenario: str, code: int, seconds: float, journal: str, error: MockhostError | None
    ) -> None:
        self.scenario = scenario
        self.code = code
        self.seconds = seconds
        self.journal = journal
        self.error = error

    @property
    def case(self) -> junit.Case:
        """The result as a line of a report."""
        failure = f"exit code {self.code}\n{self.journal}" if self.code and self.error is None else None
        error = None if self.error is None else str(self.error)
        return junit.Case("mockhost.run", self.scenario, self.seconds, failure, error)


def run_once(scenario: str, hosting: Hosting, child: Child) -> Result:
    """Run the command with one scenario; errors of ours are in the result."""
    started = clock.monotonic()
    try:
        with hosting.make(scenario) as host:
            code = child.run(environment(host, os.environ))
            journal = "" if code == 0 else record_of(host)
    except MockhostError as error:
        return Result(scenario, error.exit_code, clock.monotonic() - started, "", error)
    if code:
        terminal = stderr()
        terminal.error(f"{child.words[0]} ended with exit code {code}; the journal of {scenario}:")
        terminal.line(journal)
    return Result(scenario, code, clock.monotonic() - started, journal, None)


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
    for name in chosen:
        result = run_once(name, hosting, child)
        results.append(result)
        if result.error is not None:
            terminal.error(str(result.error))
        if child.stopped:
            break
    if report is not None:
        junit.write(report, f"mockhost run --each {' '.join(shelves)}", [result.case for result in results])
    wide = max(len(result.scenario) for result in results)
    for result in results:
        ok = result.code == 0 and result.error is None
        mark = terminal.styled("✓ ok    " if ok else "✗ failed", "green" if ok else "red")
        why = "" if ok else "  could not run" if result.error else f"  exit code {result.code}"
        terminal.line(f"{mark}  {result.scenario.ljust(wide)}  {result.seconds:6.2f} s{why}".rstrip())
    failed = sum(result.code != 0 for result in results)
    left = len(chosen) - len(results)
    terminal.line(
        f"{len(results) - failed} of {len(chosen)} scenarios fine" + (f", {left} not begun" if left else "")
    )
    if child.stopped:
        return 128 + child.stopped
    return outcome.NOT_FINE if failed else outcome.FINE


class Child:
    """The command, and the signals that are meant for it. A context: within it the signals are passed on."""

    def __init__(self, words: Sequence[str]) -> None:
        self.words = list(words)
        self.stopped = 0
        """the signal that asked this process to end, or 0"""
        self._process: subprocess.Popen[bytes] | None = None
        self._starting = True
        """whether a signal is only remembered, because there will soon be a command that can be told"""
        self._bell = Bell()
        self._before: dict[int, Any] = {}

    def awaited(self) -> None:
        """From now on a signal that finds no command raises Told; one that came already does so now."""
        self._starting = False
        if self.stopped:
            raise Told

    def run(self, env: Mapping[str, str]) -> int:
        """Run it to its end; its exit code, or 128 + n for signal n. Raises UsageError, CannotRun."""
        self._starting = True
        try:
            process = self._process = self._start(env)
            self._starting = False
            if self.stopped:  # while it was not yet there to be told
                process.send_signal(self.stopped)
            threading.Thread(
                target=self._wait_for, args=(process,), name="mockhost-command", daemon=True
            ).start()
            while process.returncode is None:
                self._bell.wait()
        finally:
            self._process, self._starting = None, False
        code = process.returncode
        return 128 - code if code < 0 else code

    def _wait_for(self, process: subprocess.Popen[bytes]) -> None:
        process.wait()
        self._bell.ring()

    def _start(self, env: Mapping[str, str]) -> subprocess.Popen[bytes]:
        sys.stdout.flush()
        try:
            return subprocess.Popen(self.words, env=dict(env))
        except (OSError, ValueError) as error:
            raise CannotRun(f"{self.words[0]!r} can't be started: {error}") from None

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
        if ends:
            first, self.stopped = self.stopped == 0, number
            if process is None:
                # A host is on its way up or down, and no command is there to be told.
                if first and not self._starting:
                    raise Told
                return
        # What is typed at a terminal (Ctrl-C, Ctrl-\) goes to every process in the foreground, the command too.
        if number in (signal.SIGINT, getattr(signal, "SIGQUIT", -1)) and _in_foreground():
            return
        if process is not None:
            process.send_signal(number)


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
