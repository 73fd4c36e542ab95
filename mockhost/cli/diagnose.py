"""`mockhost diagnose`: from a pasted error, a log, a HAR file or exported events to the likely cause."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, BinaryIO

import click

from mockhost.cli.doctor import labelled, width_of
from mockhost.cli.options import FORMAT
from mockhost.cli.terminal import Terminal, tell
from mockhost.client.printing import printable
from mockhost.errors import CannotRun, UsageError, reason_of
from mockhost.paragraphs import wrapped

if TYPE_CHECKING:
    from mockhost.diagnosis.catalogue import Finding

LIMIT = 8 << 20
"""Bytes of a file that are looked at; of a larger one, the first and the last half of it."""
_MOST = 1 << 30
"""Bytes after which reading stops."""
_PIECES = 200
"""Pieces of a file that are looked up."""
_PIECE = 4_000
_SHORTEST = 8
_BEST = 3
_SURE = ((0.9, "almost certain"), (0.75, "likely"), (0.0, "possible"))
_EVTX = b"ElfFile\0"
"""How a file begins that Event Viewer saved in its own format (libyal/libevtx, "Windows XML Event Log format")."""
_WIDE = re.compile(rb"(?:[\x20-\x7e\xa0-\xff]\x00){8,}")
"""A text in such a file: UTF-16, little-endian."""
_EVENT = re.compile(r"<(?:Data|Message)\b[^<>]{0,400}>([^<]{8,})</(?:Data|Message)>", re.IGNORECASE)
_QUOTE = re.compile(r'(?<!\\)"')
"""What parts the strings of JSON. What is between them counts, too, as a part of a file may begin inside of one."""
_VARIES = re.compile(r"[0-9a-fA-F-]{12,}|\d+")
_TROUBLE = (
    *(
        "error",
        "exception",
        "fail",
        "refus",
        "denied",
        "invalid",
        "unable",
        "cannot",
        "could not",
        "reset",
        "timeout",
    ),
    *("timed out", "time-out", "time out", "unauthori", "warn", "certificate", "unexpected", "not "),
)
_STATUS = re.compile(r"(?<![\d.:])[45]\d\d(?![\d.:])")


@click.command("diagnose")
@click.argument("file", type=click.File("rb"), metavar="FILE|-")
@FORMAT
def command(file: BinaryIO, form: str) -> bool:
    """Name the likely cause of an error: a pasted text, a log, a HAR file, exported events.

    Names, hosts, ports, GUIDs, numbers, quotes and line breaks do not matter. The best three are shown, each with
    how sure it is, why, and what to look at next. Exit code 0 with a match, 1 without.

    \b
    mockhost diagnose agent.log
    mockhost diagnose - < pasted.txt
    mockhost diagnose portal.har --format json
    """
    name = getattr(file, "name", "<stdin>")
    try:
        text = _text(_read(file))
    except (OSError, ValueError) as problem:
        raise CannotRun(f"{name} can't be read: {reason_of(problem)}") from None
    if not text.strip():
        where = "standard input" if name == "<stdin>" else name
        raise UsageError(f"{where} is empty", hint="paste the text of the error")
    found, nearest = diagnose(text)
    tell(
        form,
        [as_json(each, piece) for each, piece in found],
        lambda terminal: in_words(found, terminal) if found else unknown(nearest, terminal),
    )
    return bool(found)


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


def _read(file: BinaryIO) -> bytes:
    """A file, or the first and the last half of what may be looked at: the newest lines of a log are its last."""
    data = file.read(LIMIT)
    if len(data) < LIMIT:
        return data
    first, last, total = data[: LIMIT // 2], data[LIMIT // 2 :], len(data)
    while total < _MOST and (more := file.read(LIMIT // 2)):
        total += len(more)
        last = (last + more)[-LIMIT // 2 :]
    return first + b"\n" + last


def _text(data: bytes) -> str:
    from mockhost.elements import decoded

    if data.startswith(_EVTX):
        return "\n".join(found[0].decode("utf-16-le") for found in _WIDE.finditer(data))
    return decoded(data)


def pieces(text: str) -> Iterator[str]:
    """What to look up: the messages of a HAR or of events, the whole of a short text, the telling lines of a log."""
    messages = _of_har(text) if text.lstrip()[:1] == "{" else []
    messages = messages or [found[1] for found in _EVENT.finditer(text)]
    if messages:
        yield from _chosen(messages)
        return
    lines = [line for line in text.splitlines() if line.strip()]
    if len(lines) <= 12:
        yield text[:_PIECE]
    if len(lines) > 1 or len(text) > _PIECE:
        telling = [number for number, line in enumerate(lines) if _telling(line)]
        yield from _chosen([part for number in telling for part in _parts(lines[number])])
        if len(lines) <= _PIECES:  # a message may go on in the next line
            yield from _chosen([" ".join(lines[number : number + 2]) for number in telling])


def _telling(text: str) -> bool:
    """Whether it could be about an error: it has such a word, or a status of HTTP."""
    folded = text.lower()
    return any(word in folded for word in _TROUBLE) or _STATUS.search(text) is not None


def _parts(line: str) -> list[str]:
    """A line; of one that is too long to be a message, the strings in it, or else pieces of it."""
    if len(line) <= _PIECE:
        return [line]
    strings = [part[:_PIECE] for part in _QUOTE.split(line)]
    telling = [each for each in strings if _telling(each)]
    windows = (line[start : start + _PIECE] for start in range(0, len(line), _PIECE - 400))
    return telling or [each for each in windows if _telling(each)]


def _chosen(found: Sequence[str]) -> list[str]:
    """The different ones of them: numbers and GUIDs make no difference. Of many, the first and the last."""
    different: dict[str, str] = {}
    for each in found:
        each = each[:_PIECE]
        if len(each.strip()) >= _SHORTEST:
            different.setdefault(_VARIES.sub("0", each), each)
    every = list(different.values())
    return every if len(every) <= _PIECES else every[: _PIECES // 2] + every[-_PIECES // 2 :]


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
        found += [each[:_PIECE] for each in texts if isinstance(each, str) and each]
        if isinstance(response.get("status"), int) and response["status"] >= 400:
            found.append(f"{response['status']} {response.get('statusText', '')}")
    return list(dict.fromkeys(found))


def sure(finding: Finding) -> str:
    """How sure a finding is, in words."""
    return next(words for least, words in _SURE if finding.score >= least)


def in_words(found: list[tuple[Finding, str]], terminal: Terminal) -> list[str]:
    """The findings for people, the best first."""
    width = width_of(terminal)
    lines: list[str] = []
    for number, (finding, piece) in enumerate(found, 1):
        title, cure = told(finding)
        lines += [""] if lines else []
        head = terminal.styled(f"{number}. {title}", "bold")
        lines += [
            *wrapped(head, width),
            *labelled("sure", [f"{sure(finding)} ({finding.score:.2f})"], width),
        ]
        lines += labelled("why", [f"you have: {_cut(piece)}", f"known:    {_cut(finding.text.text)}",
                                  f"from {finding.text.by}, {finding.text.evidence}"], width)  # fmt: skip
        lines += labelled("cure", [cure], width) if cure else []
        lines += labelled("next", next_steps(finding), width)
    return lines


def told(finding: Finding) -> tuple[str, str]:
    """The title of a finding and its cure, where the catalogue has one."""
    from mockhost.scenario.catalogue import title_of

    if finding.card is not None:
        return finding.card.title, finding.card.cure
    return title_of(finding.scenario) or finding.scenario or "", ""


def next_steps(finding: Finding) -> list[str]:
    """Commands that show more of a finding."""
    if finding.scenario is None:
        return [finding.card.heading] if finding.card else []
    return [f"mockhost scenarios show {finding.scenario}", f"mockhost serve {finding.scenario}"]


def unknown(nearest: list[Finding], terminal: Terminal) -> list[str]:
    """The output for an unknown text."""
    lines = ["I do not know this text."]
    if nearest:
        lines += wrapped(f"The nearest that is known: {_cut(nearest[0].text.text)}", width_of(terminal))
    return [
        *lines,
        "mockhost doctor URL examines the host itself; mockhost scenarios WORD searches by a word.",
    ]


def _cut(text: str, size: int = 200) -> str:
    text = printable(" ".join(text.split()))
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
