"""`mockhost check`: plays the symptom, the cure and what is true then, on a fresh host."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from mockhost import clock
from mockhost.cli import junit, outcome, shells, telling, validate
from mockhost.cli.endpoints import observed
from mockhost.cli.options import formats, sets, timeout
from mockhost.cli.telling import Hide, hidden, hider
from mockhost.cli.terminal import Terminal, count, mark, stderr, stdout
from mockhost.client.printing import printable
from mockhost.errors import MockhostError, NotInstalled, ScenarioError

if TYPE_CHECKING:
    from mockhost.expect.check import Proof, Report
    from mockhost.expect.steps import StepResult


class Played(NamedTuple):
    """How one scenario went. `error` says why it could not be played."""

    name: str
    seconds: float
    report: Report | None
    proof: Proof | None
    error: MockhostError | None
    hide: Hide = str
    """takes what the scenario has from the environment out of what is printed"""

    @property
    def fine(self) -> bool:
        """Whether every step got what it says, and the proof holds if one was asked for."""
        played = self.report is not None and self.report.ok
        return self.error is None and played and (self.proof is None or self.proof.holds)


@click.command("check")
@click.argument("files", nargs=-1, metavar="[FILE…]", shell_complete=shells.scenarios)
@formats("text", "json", "junit")
@click.option("--verbose", "-v", is_flag=True, help="Show every step, also where all is fine.")
@click.option(
    "--prove",
    is_flag=True,
    help="Also play the symptom against what the scenario extends: there, at least one step must fail.",
)
@sets("Play it with this value set.")
@timeout("For each exchange that does not say how long it takes.")
def command(
    files: tuple[str, ...], form: str, verbose: bool, prove: bool, sets: tuple[str, ...], timeout: float
) -> int:
    """Play scenarios: the symptom, the cure, and what is true then.

    Each is played against a host of its own. FILE is a file, a folder, a name on a shelf or a shelf; all that ship
    with mockhost if there is none, without those that need a program which is not installed. Each step shows what
    was sent and what came; a step that rests on an assumption about the real host names it. Exit code 0 if every
    step got what it says, 1 if one did not.

    \b
    mockhost check ./mine.yaml --verbose
    mockhost check documented --prove
    mockhost check documented/first_import_running --format junit > report.xml
    """
    from mockhost.scenario import shelves

    chosen = list(validate.spread(files)) if files else shelves.names()
    played: list[Played] = []
    terminal = stdout()
    for name in chosen:
        each = play(name, sets, timeout=timeout, prove=prove)
        if not files and isinstance(each.error, NotInstalled):
            stderr().error(f"{name} is left out: {each.error}")
            continue
        played.append(each)
        if form == "text":
            _tell(each, terminal, verbose=verbose or len(chosen) == 1)
    if form == "json":
        terminal.json([as_json(each) for each in played])
    elif form == "junit":
        _junit(played, terminal)
    elif len(played) > 1:
        fine = sum(each.fine for each in played)
        terminal.line(f"{fine} of {count(len(played), 'scenario')} as they say")
    return _code(played)


def _code(played: Sequence[Played]) -> int:
    """The worst of what happened: could not run, then missing, then not fine."""
    codes = {each.error.exit_code for each in played if each.error is not None}
    for code in (outcome.COULD_NOT_RUN, outcome.USAGE):
        if code in codes:
            return code
    return outcome.FINE if all(each.fine for each in played) else outcome.NOT_FINE


def play(name: str, sets: Sequence[str] = (), *, timeout: float, prove: bool = False) -> Played:
    """Play one scenario on a fresh host with a frozen clock."""
    from mockhost.api import MockHost
    from mockhost.cli.recorded import RecordedHost
    from mockhost.expect import check as steps
    from mockhost.expect.check import HostDriver

    started = clock.monotonic()
    report = proof = error = None
    hide: Hide = str
    try:
        with RecordedHost.of(name, sets) as host:
            scenario = host.scenario
            hide = hider(scenario)
            driver = HostDriver(host)
            report = steps.check(scenario, driver, timeout=timeout, alternatives=host.alternatives)
        if prove and scenario.parent is not None and scenario.expect:
            with MockHost(scenario.parent, control=False) as healthy:
                proof = steps.prove(scenario, HostDriver(healthy), timeout=timeout)
    except MockhostError as problem:
        error = problem
    return Played(name, clock.monotonic() - started, report, proof, error, hide)


def _tell(played: Played, terminal: Terminal, *, verbose: bool) -> None:
    took = terminal.styled(f"{played.seconds:.2f} s", "dim")
    head = f"{mark(played.fine, terminal)} {terminal.styled(played.name, 'bold')}  {took}"
    if played.error is not None:
        terminal.line(head)
        stderr().error(played.hide(str(played.error)))
        return
    lines = [head]
    assert played.report is not None
    for section in played.report.sections:
        if verbose or not all(result.ok for result in section.results):
            lines.append(f"  {section.name}")
            for result in section.results:
                lines += [f"    {line}" for line in _step(result, terminal, played.hide, verbose=verbose)]
    if not verbose:
        rests = sorted({name for s in played.report.sections for r in s.results for name in r.assumed})
        lines += [terminal.styled(f"  rests on assumptions: {', '.join(rests)}", "dim")] if rests else []
    if played.proof is not None and (verbose or not played.proof.holds):
        lines += [f"  {line}" for line in printable_lines(played.proof.text)]
    terminal.lines([played.hide(line) for line in lines])


def _step(result: StepResult, terminal: Terminal, hide: Hide, *, verbose: bool) -> list[str]:
    what = result.text if "send" in result.step else "; ".join(telling.lines([result.step], "sh"))
    lines = [f"{mark(result.ok, terminal)} {printable(what)}"]
    for problem in result.problems:
        if problem not in result.text:
            lines += [f"  {terminal.styled(line, 'red')}" for line in printable_lines(problem)]
    if result.near_miss:
        lines += [f"  {line}" for line in printable_lines(result.near_miss)]
    seen = result.observation
    if seen is not None and (verbose or not result.ok):
        lines += [f"  {line}" for line in observed(seen)]
        if body := _body(hide(seen.text)):
            lines.append(f"  body  {body}")
    if result.verdict is not None and (verbose or not result.ok):
        lines.append(f"  said  {printable(' / '.join(result.verdict.words.splitlines()))}")
    if result.assumed:
        names = ", ".join(result.assumed)
        lines.append(terminal.styled(f"  rests on {names}: assumed, see docs/fidelity.md", "dim"))
    return lines


def _body(text: str, limit: int = 300) -> str:
    """The body on one line, cut where it is long."""
    shown = printable(" ".join(text.split()))
    return shown if len(shown) <= limit else f"{shown[:limit]}… ({len(text)} characters)"


def printable_lines(text: str) -> list[str]:
    """The lines of a text, each safe for a terminal."""
    return [printable(line) for line in text.splitlines()]


def as_json(played: Played) -> dict[str, Any]:
    """One scenario's result, with every step."""
    document: dict[str, Any] = {
        "scenario": played.name,
        "ok": played.fine,
        "seconds": round(played.seconds, 3),
    }
    if played.error is not None:
        document["error"] = str(played.error)
        if isinstance(played.error, ScenarioError):
            document["problems"] = [problem._asdict() for problem in played.error.problems]
    if played.report is not None:
        document["sections"] = [
            {"name": section.name, "steps": [_step_json(result) for result in section.results]}
            for section in played.report.sections
        ]
    if played.proof is not None:
        document["proof"] = {"holds": played.proof.holds, "text": played.proof.text}
    shown: dict[str, Any] = hidden(document, played.hide)
    return shown


def _step_json(result: StepResult) -> dict[str, Any]:
    seen = result.observation
    return {
        "step": dict(result.step),
        "ok": result.ok,
        "text": result.text,
        "problems": list(result.problems),
        "error": result.error,
        "assumed": list(result.assumed),
        "near_miss": result.near_miss or None,
        "seen": None
        if seen is None
        else {
            "method": seen.method,
            "target": seen.target,
            "status": seen.status,
            "ends": list(seen.words),
            "body": seen.text,
            "took_ms": round(seen.took * 1_000, 3),
        },
        "portal": None if result.verdict is None else result.verdict.words,
    }


def _junit(played: Sequence[Played], terminal: Terminal) -> None:
    cases = []
    for each in played:
        failure = None
        if each.error is None and not each.fine:
            assert each.report is not None
            parts = [] if each.report.ok else [each.report.text]
            parts += [] if each.proof is None or each.proof.holds else [each.proof.text]
            failure = each.hide("\n".join(parts))
        error = None if each.error is None else each.hide(str(each.error))
        cases.append(junit.Case("mockhost.check", Path(each.name).as_posix(), each.seconds, failure, error))
    terminal.line(junit.report("mockhost check", cases).rstrip("\n"))
