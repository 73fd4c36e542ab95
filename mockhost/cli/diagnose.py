"""`mockhost diagnose`: from a pasted error, a log, a HAR file or exported events to the likely cause."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, BinaryIO

import click

from mockhost.cli import outcome
from mockhost.cli.doctor import labelled
from mockhost.cli.terminal import Terminal, stdout, wrapped
from mockhost.errors import CannotRun, UsageError

if TYPE_CHECKING:
    from mockhost.diagnosis.catalogue import Finding

LIMIT = 4 << 20
"""Bytes that are read."""
_PIECES = 400
"""Pieces of a file that are looked up."""
_PIECE = 4_000
_BEST = 3
_WIDTH = 80
_SURE = ((0.9, "almost certain"), (0.75, "likely"), (0.0, "possible"))
_EVENT = re.compile(r"<(?:Data|Message)\b[^>]*>([^<]{8,4000})</(?:Data|Message)>", re.IGNORECASE)
_TROUBLE = re.compile(
    r"error|exception|fail|refus|denied|invalid|unable|cannot|could not|reset|timed? ?out|unauthori|warn|4\d\d|5\d\d"
    r"|certificate|unexpected|not\b", re.IGNORECASE)  # fmt: skip


@click.command("diagnose")
@click.argument("file", type=click.File("rb"), metavar="FILE|-")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", help="[default: text]")
def command(file: BinaryIO, form: str) -> None:
    """Name the likely cause of an error: a pasted text, a log, a HAR file, exported events.

    Names, hosts, ports, GUIDs, numbers, quotes and line breaks do not matter. The best three are shown, each with
    how sure it is, why, and what to look at next. Exit code 0 with a match, 1 without.

    \b
    mockhost diagnose agent.log
    mockhost diagnose - < pasted.txt
    mockhost diagnose portal.har --format json
    """
    from mockhost.doctor.decoding import decoded

    name = getattr(file, "name", "<stdin>")
    try:
        text = decoded(file.read(LIMIT))
    except (OSError, ValueError) as problem:
        raise CannotRun(f"{name} can't be read: {problem}") from None
    if not text.strip():
        where = "standard input" if name == "<stdin>" else name
        raise UsageError(f"{where} is empty", hint="paste the text of the error")
    found, nearest = diagnose(text)
    if form == "json":
        stdout().json([as_json(each, piece) for each, piece in found])
    else:
        terminal = stdout()
        terminal.lines(in_words(found, terminal) if found else unknown(nearest))
    raise click.exceptions.Exit(outcome.FINE if found else outcome.NOT_FINE)


def diagnose(text: str) -> tuple[list[tuple[Finding, str]], list[Finding]]:
    """The best findings, each with the piece of the text that led to it; and the nearest, if there are none."""
    from mockhost.diagnosis import catalogue

    best: dict[object, tuple[Finding, str]] = {}
    nearest: list[Finding] = []
    for piece in pieces(text):
        result = catalogue.search(piece)
        for finding in result.findings:
            key = finding.card or finding.scenario
            if key not in best or finding.score > best[key][0].score:
                best[key] = (finding, piece)
        nearest += result.nearest
    ranked = sorted(best.values(), key=lambda each: -each[0].match.score)
    nearest.sort(key=lambda finding: -finding.match.score)
    return ranked[:_BEST], nearest[:1]


def pieces(text: str) -> Iterator[str]:
    """What to look up: the messages of a HAR or of events, the whole of a short text, the telling lines of a log."""
    if text.lstrip()[:1] == "{" and (messages := _of_har(text)):
        yield from messages[:_PIECES]
        return
    if messages := [found[1] for found in _EVENT.finditer(text)]:
        yield from messages[:_PIECES]
        return
    lines = [line for line in text.splitlines() if line.strip()]
    if len(lines) <= 12:
        yield text[:_PIECE]
    seen: set[str] = set()
    for number, line in enumerate(lines if len(lines) > 1 else ()):
        if len(line.strip()) >= 8 and _TROUBLE.search(line) and line not in seen:
            seen.add(line)
            yield line[:_PIECE]
            if number + 1 < len(lines) and len(lines) <= _PIECES:
                yield f"{line} {lines[number + 1]}"[:_PIECE]
        if len(seen) >= _PIECES:
            return


def _of_har(text: str) -> list[str]:
    """The texts of a HAR file: what went wrong with each request."""
    try:
        entries = json.loads(text)["log"]["entries"]
    except (ValueError, LookupError, TypeError, RecursionError):
        return []
    found: list[str] = []
    for entry in entries if isinstance(entries, list) else []:
        response = entry.get("response") if isinstance(entry, Mapping) else None
        if not isinstance(response, Mapping):
            continue
        content = response.get("content")
        texts = (response.get("_error"), response.get("_errorMessage"),
                 content.get("text") if isinstance(content, Mapping) else None)  # fmt: skip
        found += [str(each)[:_PIECE] for each in texts if each]
        if isinstance(response.get("status"), int) and response["status"] >= 400:
            found.append(f"{response['status']} {response.get('statusText', '')}")
    return list(dict.fromkeys(found))


def sure(finding: Finding) -> str:
    """How sure a finding is, in words."""
    return next(words for least, words in _SURE if finding.score >= least)


def in_words(found: list[tuple[Finding, str]], terminal: Terminal) -> list[str]:
    """The findings for people, the best first."""
    lines: list[str] = []
    for number, (finding, piece) in enumerate(found, 1):
        title, cure = told(finding)
        lines += [""] if lines else []
        head = terminal.styled(f"{number}. {title}", "bold")
        lines += [
            *wrapped(head, _WIDTH),
            *labelled("sure", [f"{sure(finding)} ({finding.score:.2f})"], _WIDTH),
        ]
        lines += labelled("why", [f"you have: {_cut(piece)}", f"known:    {_cut(finding.text.text)}",
                                  f"from {finding.text.by}, {finding.text.evidence}"], _WIDTH)  # fmt: skip
        lines += labelled("cure", [cure], _WIDTH) if cure else []
        lines += labelled("next", next_steps(finding), _WIDTH)
    return lines


def told(finding: Finding) -> tuple[str, str]:
    """The title of a finding and its cure, where the catalogue has one."""
    from mockhost.scenario import catalogue

    if finding.card is not None:
        return finding.card.title, finding.card.cure
    entry = next((each for each in catalogue.entries(None) if each["name"] == finding.scenario), None)
    return (entry["title"] if entry else finding.scenario or ""), ""


def next_steps(finding: Finding) -> list[str]:
    """Commands that show more of a finding."""
    if finding.scenario is None:
        return [finding.card.heading] if finding.card else []
    return [f"mockhost scenarios show {finding.scenario}", f"mockhost serve {finding.scenario}"]


def unknown(nearest: list[Finding]) -> list[str]:
    """The output for an unknown text."""
    lines = ["I do not know this text."]
    if nearest:
        lines += wrapped(f"The nearest that is known: {_cut(nearest[0].text.text)}", _WIDTH)
    return [
        *lines,
        "mockhost doctor URL examines the host itself; mockhost scenarios WORD searches by a word.",
    ]


def _cut(text: str, size: int = 200) -> str:
    text = " ".join(text.split())
    return text if len(text) <= size else f"{text[: size - 1]}…"


def as_json(finding: Finding, piece: str) -> dict[str, Any]:
    """A finding for programs."""
    title, cure = told(finding)
    return {
        "title": title,
        "score": finding.score,
        "sure": sure(finding),
        "scenario": finding.scenario,
        "cure": cure,
        "text": finding.text.text,
        "said_by": finding.text.by,
        "evidence": finding.text.evidence,
        "matched": piece,
        "next": next_steps(finding),
    }
