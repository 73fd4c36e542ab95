"""`mockhost doctor`: examines a host from outside, and says what is wrong and how to cure it."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import click

from mockhost.cli.options import ca, formats, option, timeout
from mockhost.cli.terminal import Terminal, stderr, stdout
from mockhost.errors import CannotRun, UsageError, reason_of
from mockhost.paragraphs import cells, hanging, wrapped

if TYPE_CHECKING:
    from mockhost.doctor.examine import Result
    from mockhost.doctor.patient import Finding

_MARKS: Mapping[str, tuple[str, str]] = {
    "pass": ("✓", "green"),
    "warn": ("!", "yellow"),
    "fail": ("✗", "red"),
    "error": ("✗", "red"),
    "info": ("·", "dim"),
    "skip": ("-", "dim"),
}
_WIDTH = 100
_LEAST_WIDTH = 30
_WHAT_TO_PASTE = "give what the commands print that 'mockhost doctor --commands' lists"


@click.command("doctor")
@click.argument("url", required=False)
@option(
    "--secret-token", metavar="TOKEN", help="The connector's secret token. Without it no check needs one."
)
@ca()
@click.option(
    "--attribute",
    "attributes",
    multiple=True,
    metavar="NAME",
    help="An attribute that the schema should have; repeatable.",
)
@click.option("--write-probe", is_flag=True, help="Also create and delete one user, called emh-probe-….")
@click.option("--control", metavar="URL", help="A mock's control plane, for what only it knows.")
@option("--control-token", metavar="TOKEN", help="Its token, where it has one.")
@click.option("--drive", type=click.Path(exists=True, file_okay=False, path_type=Path), metavar="DIR",
              help="A folder with the tree of the server's drive C:, for its configuration files.")  # fmt: skip
@click.option("--pasted", type=click.File("rb"), metavar="FILE",
              help="Output of the commands that --commands prints; - is standard input.")  # fmt: skip
@click.option("--commands", is_flag=True, help="Print the read-only commands whose output --pasted takes.")
@timeout()
@click.option(
    "--verbose", "-v", is_flag=True, help="Show the checks that were skipped or have nothing to tell, too."
)
@formats("text", "json", "junit")
def command(
    url: str | None,
    secret_token: str | None,
    ca: Path | None,
    attributes: tuple[str, ...],
    write_probe: bool,
    control: str | None,
    control_token: str | None,
    drive: Path | None,
    pasted: BinaryIO | None,
    commands: bool,
    timeout: float,
    verbose: bool,
    form: str,
) -> bool:
    """Examine the host behind a tenant URL, and name what is wrong, why it matters and how to cure it.

    It works against every SCIM endpoint, also a real host. It only reads, unless --write-probe is given, and sends
    the secret token only over a connection whose certificate is accepted. It ends within 45 seconds.
    Exit code 0 if nothing failed, 1 if a check failed, 2 for wrong usage or if there is nothing to examine.

    \b
    mockhost doctor https://localhost:8585/ecma2host_SQL/scim \\
      --secret-token TOKEN --ca trust.pem
    mockhost doctor --commands
    mockhost doctor --pasted output.txt
    """
    from mockhost.doctor import examine, given

    if commands:
        stdout().lines(["# Run these on the server of the host, in PowerShell, and save what they print.",
                        *given.COMMANDS])  # fmt: skip
        return True
    if not (url or drive or pasted):
        raise click.UsageError("nothing to examine; give a tenant URL, --drive DIR or --pasted FILE")
    from mockhost.client.observation import shown
    from mockhost.clock import monotonic
    from mockhost.doctor.checks import CHECKS
    from mockhost.doctor.patient import Finding, Patient

    deadline = monotonic() + examine.LIMIT
    runs: dict[str, Callable[[], Finding]] = {}
    if url:
        ca_file = None if ca is None else str(ca)
        patient = Patient(
            url, secret_token, ca_file, timeout=timeout, deadline=deadline, attributes=attributes
        )
        runs = {code: functools.partial(check, patient) for code, check in CHECKS.items()}
        if not write_probe:
            del runs["EMH0501"]
        if secret_token is None:
            runs["EMH0305"] = lambda: Finding("skip", "no --secret-token was given")
    if control:
        runs |= _inside(control, control_token, url or "", deadline)
    if drive:
        runs |= given.of_drive(drive)
    if pasted:
        runs |= given.of_pasted(_read(pasted), known_cause)
    results = _shown(examine.examine(runs, list(runs), deadline), runs, form)
    target = shown(url) if url else f"{drive}" if drive else "pasted output"
    if all(result.finding.status == "info" for result in results):
        hint = _WHAT_TO_PASTE if pasted else "give the folder that has 'Program Files' in it"
        raise UsageError(f"{target}: there is nothing in it that a check can examine", hint=hint)
    if form == "json":
        stdout().json(examine.as_json(target, results))
    elif form == "junit":
        stdout().line(_junit(target, results).rstrip("\n"))
    else:
        terminal = stdout()
        terminal.lines(in_words(target, results, terminal, verbose=verbose))
    return not any(result.finding.status in ("fail", "error") for result in results)


def _inside(control: str, token: str | None, url: str, deadline: float) -> dict[str, Callable[[], Finding]]:
    from urllib.parse import urlsplit

    from mockhost.client.control import BoundedControlPlane
    from mockhost.doctor import given

    try:
        name = urlsplit(url).path.partition("/ecma2host_")[2].partition("/")[0]
    except ValueError:  # which EMH0001 reports
        name = ""
    return given.of_control_plane(BoundedControlPlane(control, token, timeout=10.0, deadline=deadline), name)


def _read(file: BinaryIO) -> str:
    from mockhost.doctor.given import LIMIT
    from mockhost.elements import decoded

    name = getattr(file, "name", "<stdin>")
    try:
        text = decoded(file.read(2 * LIMIT))
    except (OSError, ValueError) as problem:
        raise CannotRun(f"{name} can't be read: {reason_of(problem)}") from None
    if not text.strip():
        where = "standard input" if name == "<stdin>" else name
        raise UsageError(f"{where} is empty: nothing was pasted", hint=_WHAT_TO_PASTE)
    return text


def known_cause(text: str) -> str:
    """The first finding of the catalogue of error texts, in a few words; '' if there is none."""
    from mockhost.diagnosis import catalogue

    found = catalogue.search(text).findings
    if not found:
        return ""
    best = found[0]
    return f"{best.scenario or ''} {best.card.title if best.card else ''}".strip()


def _shown(results: Iterator[Result], runs: Mapping[str, object], form: str) -> list[Result]:
    """All results; on a terminal a line tells which check is running."""
    if form != "text" or not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":
        return list(results)
    done: list[Result] = []
    codes = [*runs, ""]
    terminal = stderr()
    for number, result in enumerate(results, 1):
        done.append(result)
        terminal.stream.write(f"\r\033[K[{number}/{len(runs)}] {codes[number]}")
        terminal.stream.flush()
    terminal.stream.write("\r\033[K")
    terminal.stream.flush()
    return done


def in_words(
    target: str, results: Sequence[Result], terminal: Terminal, *, verbose: bool = False
) -> list[str]:
    """The report for people: a line for each check, below each finding why it matters and what to do."""
    width = width_of(terminal, _WIDTH)
    lines = [terminal.styled(f"Examining {target}", "bold")]
    category = ""
    for result in results:
        is_quiet = result.finding.status in ("info", "skip") and result.entry.code != "EMH0002"
        if is_quiet and not verbose:
            continue
        if result.entry.category != category:
            category = result.entry.category
            lines += ["", terminal.styled(category, "bold")]
        lines += _lines(result, terminal, width)
    return [*lines, "", _summary(results, terminal, width)]


def _lines(result: Result, terminal: Terminal, width: int) -> list[str]:
    entry, finding = result.entry, result.finding
    mark, colour = _MARKS[finding.status]
    first, *more = wrapped(entry.title, width - 13)
    head = f"  {terminal.styled(mark, colour)} {entry.code}  {first}"
    quiet = finding.status not in ("fail", "warn", "error")
    if quiet and not more and cells(head) + len(finding.saw) + 3 <= width:
        return [f"{head}  {terminal.styled(finding.saw, 'dim')}"]
    lines = [head, *(" " * 13 + line for line in more), *wrapped(finding.saw, width, " " * 13)]
    if finding.status not in ("fail", "warn"):
        return lines
    lines += labelled("why", [entry.why], width)
    lines += labelled("fix", [f"{n}. {step}" for n, step in enumerate(entry.fix, 1)], width)
    for label, text in (("here", entry.here), ("page", entry.heading)):
        lines += labelled(label, [text], width) if text else []
    return lines


def width_of(terminal: Terminal, most: int = 80) -> int:
    """Columns of a report: those of the terminal, at most `most`; words and paths stay whole where it is narrow."""
    return max(_LEAST_WIDTH, min(terminal.width or most, most))


def labelled(label: str, texts: Sequence[str], width: int) -> list[str]:
    """Texts behind a label, wrapped and aligned."""
    lines: list[str] = []
    for text in texts:
        lines += hanging(" " * 13 if lines else f"       {label:<6}", text, width)
    return lines


def _summary(results: Sequence[Result], terminal: Terminal, width: int) -> str:
    counts = {status: sum(result.finding.status == status for result in results) for status in _MARKS}
    bad = counts["fail"] + counts["error"]
    warnings = f"{counts['warn']} warning{'s' * (counts['warn'] != 1)}"
    parts = (
        f"{bad} failed" if bad else "",
        warnings if counts["warn"] else "",
        f"{counts['pass']} passed",
        f"{counts['skip']} skipped" if counts["skip"] else "",
    )
    text = " · ".join(part for part in parts if part)
    mark, colour = _MARKS["fail" if bad else "warn" if counts["warn"] else "pass"]
    more = "(mockhost explain CODE tells more)" if bad or counts["warn"] else ""
    head = terminal.styled(f"{mark} {text}", colour, "bold")
    return f"{head}{'  ' if cells(head) + len(more) + 2 <= width else chr(10)}{more}".rstrip()


def _junit(target: str, results: Sequence[Result]) -> str:
    from mockhost.cli import junit

    cases = []
    for result in results:
        entry, finding = result.entry, result.finding
        text = f"{finding.saw}\n{entry.why}\n" + "\n".join(
            f"{n}. {step}" for n, step in enumerate(entry.fix, 1)
        )
        cases.append(junit.Case(
            "mockhost.doctor", f"{entry.code} {entry.title}", result.took,
            failure=text if finding.status == "fail" else None,
            error=finding.saw if finding.status == "error" else None,
            skipped=finding.saw if finding.status == "skip" else None,
            output=f"{finding.status}: {finding.saw}",
            kind=entry.code if finding.status == "fail" else "",
        ))  # fmt: skip
    return junit.report(f"mockhost doctor {target}", cases)
