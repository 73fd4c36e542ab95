"""Writes docs/assets/terminal.svg, the picture of the README, from a real run of `mockhost serve` and curl.

The host runs with a frozen clock, so a run prints the same each time. Changed are: the ports, to those that a host has
unless told otherwise, and the milliseconds, which are those of the run that was drawn. Lines left out are shown as `…`.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path
from typing import Any, NamedTuple

from mockhost.errors import CannotRun
from tools.docs import ROOT, File

PICTURE = ROOT / "docs" / "assets" / "terminal.svg"
SCENARIO = "documented/first_import_running"
TITLE = "A host that is still importing answers 503; four minutes later it answers 200"
OPTIONS = ("--set", "clock.mode=frozen", "--set", "clock.start=2026-03-02T09:00:00Z")
HOST_SHOWS = re.compile(
    r"mockhost \S+ · |Test connection|SQL$|  tenant URL.*_SQL|  secret token +correct"
    r"|$|Wrong on purpose|  The cure:|    \d\. |\d\d:"
)
CLIENT_SHOWS = re.compile(r"HTTP/|Retry-After|the clock|$|\{")
BODY_LINES = 2
"""How many lines of a body are shown."""
ASK = """\
curl -sSi --cacert trust.pem --oauth2-bearer correct-horse-battery \\
    https://localhost:8585/ecma2host_SQL/scim/Users/ljacobson"""
CURE = "mockhost control clock advance 4m"

COLUMNS = 94
CELL, LINE, FONT, MARGIN, BAR = 8.2, 20, 13.6, 22, 40
COLOURS = {"": "#d7dee9", "1": "#ffffff", "2": "#7d8a9e", "31": "#ff7b72", "32": "#6bd68c", "33": "#f0c674"}
COLOURS |= {"36": "#79c0ff", "$": "#6bd68c"}
STYLE = re.compile(r"\033\[([\d;]*)m")


class Part(NamedTuple):
    """A piece of a line, and its style: the number of the terminal's escape sequence, or `$` for a prompt."""

    text: str
    style: str


Line = list[Part]


def run() -> tuple[list[Line], list[Line]]:
    """What the host printed and what the client saw."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        environment = {
            **os.environ,
            "FORCE_COLOR": "1",
            "COLUMNS": str(COLUMNS),
            "PYTHONUTF8": "1",
            "TZ": "UTC",
        }
        ports = ("--port", "0", "--control-port", "0", "--state", ".", "--ready-file", "ready.json")
        command = [sys.executable, "-m", "mockhost", "serve", SCENARIO, *OPTIONS, *ports]
        with (folder / "host.txt").open("w") as output:
            host = subprocess.Popen(command, cwd=folder, stdout=output, stderr=output, env=environment)
        try:
            ready = wait_for(folder / "ready.json", host)
            environment["MOCKHOST_CONTROL_URL"] = ready["control"]["url"]
            port = ready["connectors"]["SQL"]["url"].split(":")[2].split("/")[0]
            client: list[Line] = []
            for command_line in (ASK, CURE, ASK):
                client += [[], *typed(command_line), *play(command_line, port, folder, environment)]
        finally:
            host.terminate()
            host.wait(timeout=30)
        printed = (folder / "host.txt").read_text("utf-8")
    control = ready["control"]["url"]
    printed = printed.replace(f" --url {control}", "").replace(f":{port}", ":8585")
    return [
        *typed(f"mockhost serve {SCENARIO}"),
        *map(cut, selected(printed.splitlines(), HOST_SHOWS)),
    ], client[1:]


def wait_for(file: Path, host: subprocess.Popen[bytes]) -> dict[str, Any]:
    """The ready file of a host that starts."""
    pause = threading.Event()
    for _ in range(600):
        if file.exists():
            return json.loads(file.read_text("utf-8"))  # type: ignore[no-any-return]
        if host.poll() is not None:
            break
        pause.wait(0.05)
    raise SystemExit(f"the host did not start: {(file.parent / 'host.txt').read_text('utf-8')}")


def play(command_line: str, port: str, folder: Path, environment: dict[str, str]) -> list[Line]:
    """The output of a command, as a terminal of our width breaks it."""
    python = str(Path(sys.executable).parent)
    done = subprocess.run(
        ["bash", "-c", command_line.replace(":8585", f":{port}")],
        cwd=folder,
        env={**environment, "PATH": os.pathsep.join([python, environment["PATH"]])},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    lines = list(selected(done.stdout.replace(f":{port}", ":8585").splitlines(), CLIENT_SHOWS))
    return [piece for line in lines for piece in broken(line)]


def broken(line: Line) -> list[Line]:
    """A line as a terminal of our width breaks it; a long body ends with `…`."""
    if sum(len(part.text) for part in line) <= COLUMNS:
        return [line]
    text = "".join(part.text for part in line)
    whole = len(text) <= BODY_LINES * COLUMNS
    shown = text if whole else text[: BODY_LINES * COLUMNS - 1] + "…"
    return [[Part(shown[i : i + COLUMNS], "")] for i in range(0, len(shown), COLUMNS)]


def typed(command_line: str) -> list[Line]:
    first, *rest = command_line.splitlines()
    return [[Part("$ ", "$"), Part(first, "1")], *([Part(line, "1")] for line in rest)]


def selected(lines: Sequence[str], shows: re.Pattern[str]) -> Iterator[Line]:
    """The lines that match `shows`, with `…` for each run of others."""
    left_out = False
    for line in lines:
        if not shows.match(STYLE.sub("", line)) or (left_out and not line):
            left_out = True
            continue
        if left_out:
            yield [Part("…", "2")]
        yield coloured(line)
        left_out = False


def coloured(line: str) -> Line:
    """A line in its own colours; the status line of an answer is green, or red for an error."""
    status = re.match(r"HTTP/1.1 (\d)", line)
    return [Part(line, "32" if status[1] == "2" else "31")] if status else parts(line)


def cut(line: Line) -> Line:
    """A line that is no wider than the picture."""
    left = COLUMNS
    kept: Line = []
    for text, style in line:
        kept.append(Part(text if len(text) <= left else text[: left - 1] + "…", style))
        left -= len(kept[-1].text)
        if left <= 0:
            break
    return kept


def parts(line: str) -> Line:
    """A line with escape sequences, in pieces of one style each."""
    style, at = "", 0
    found: Line = []
    for match in STYLE.finditer(line):
        found.append(Part(line[at : match.start()], style))
        style = match[1].removesuffix(";1").removeprefix("0")
        at = match.end()
    return [part for part in (*found, Part(line[at:], style)) if part.text]


def drawn(panes: Sequence[tuple[str, list[Line]]], title: str, generator: str) -> str:
    """The picture: one window above the other."""
    width = round(COLUMNS * CELL) + 2 * MARGIN
    top = 0
    body: list[str] = []
    for head, lines in panes:
        height = BAR + len(lines) * LINE + MARGIN
        body.append(f'<g transform="translate(0 {top})">')
        body.append(f'<rect class="window" width="{width - 1}" height="{height}" x=".5" y=".5" rx="9"/>')
        body.append(f'<text class="title" x="{MARGIN}" y="25">{escape(head)}</text>')
        for number, line in enumerate(lines):
            body += pieces(line, BAR + 14 + number * LINE)
        body.append("</g>")
        top += height + 14
    styles = "\n".join(
        f".s{'p' if name == '$' else name} {{ fill: {colour}; {'font-weight: 600' if name == '1' else ''} }}"
        for name, colour in COLOURS.items()
        if name
    )
    return f"""\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {top - 13}" width="{width}" height="{top - 13}" role="img">
<title>{escape(title)}</title>
<!-- Drawn by python -m tools.docs {generator} from a real run; don't edit. -->
<style>
text {{ font: {FONT}px ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace }}
text {{ fill: {COLOURS[""]}; white-space: pre }}
.window {{ fill: #10151f; stroke: #2b3547 }}
.title {{ font: 600 12.5px system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; fill: #8b98ad }}
{styles}
</style>
{chr(10).join(body)}
</svg>
"""


def pieces(line: Line, y: int) -> Iterator[str]:
    """Each piece is stretched to its columns, whatever the width of the font that is there."""
    column = 0
    for text, style in line:
        indent = len(text) - len(text.lstrip(" "))
        word = text.strip(" ")
        if word:
            x, length = MARGIN + (column + indent) * CELL, len(word) * CELL
            name = f' class="s{"p" if style == "$" else style}"' if style else ""
            place = f'x="{x:.1f}" y="{y}" textLength="{length:.1f}" lengthAdjust="spacingAndGlyphs"'
            yield f"<text{name} {place}>{escape(word, quote=False)}</text>"
        column += len(text)


def picture() -> str:
    """The picture of a run now; the one that is there, if only milliseconds differ."""
    for tool in ("bash", "curl"):
        if shutil.which(tool) is None:
            raise CannotRun(f"the README's picture needs {tool}, which is not on the path")
    host, client = run()
    panes = (("Terminal 1: the host", host), ("Terminal 2: a client", client))
    new = drawn(panes, TITLE, "readme_picture")
    old = PICTURE.read_text("utf-8") if PICTURE.exists() else ""
    return old if without_milliseconds(old) == without_milliseconds(new) else new


def without_milliseconds(text: str) -> str:
    return re.sub(r"<text[^>]*>[\d.]+ ms<", "<text>… ms<", text)


FILES = (File(PICTURE, picture),)
