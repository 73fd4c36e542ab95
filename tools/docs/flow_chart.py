"""Writes docs/flow-chart.svg and docs/flow-chart.md: from the portal's text to the cause, on one page to print.

From mockhost/doctor/catalogue.toml, matrix.json and played texts.
"""

from __future__ import annotations

import html
import json
import textwrap
from collections.abc import Iterator, Sequence
from functools import cache
from typing import NamedTuple

from mockhost.diagnosis import catalogue as texts
from mockhost.doctor import examine
from mockhost.entra import portal
from tools.docs import ROOT, File

SVG = ROOT / "docs" / "flow-chart.svg"
PAGE = ROOT / "docs" / "flow-chart.md"
MATRIX = ROOT / "mockhost" / "doctor" / "matrix.json"
START = "Test connection fails. What does the portal show?"
TEXTS = (
    ("invalid resource", "invalid resource"),
    ("invalid credentials", portal.agent_errors()["token"].code),
    ("currently importing", portal.agent_errors()["importing"].text),
    ("not fully compatible: not SCIM", portal.agent_errors()["not_scim"].code),
    (
        "unexpected response, or an error occurred while sending the request",
        portal.agent_errors()["server_error"].code,
    ),
)
"""What the portal shows, short, and a text of it by which the scenarios that show it are known."""
LAST = "EMH0402"
"""The last check of what Test connection asks for."""
COLUMNS = ("the portal shows", "check in this order", "if it does not hold")
_WIDTH, _GAP = 1120, 14
_LEFT, _MIDDLE, _RIGHT = 30, 330, 640


class Branch(NamedTuple):
    """What the portal shows, and the checks that fail when it does, with their first cure."""

    shown: str
    checks: tuple[examine.Entry, ...]


@cache
def branches() -> tuple[Branch, ...]:
    """One for each text; the checks in the order in which the doctor makes them."""
    matrix = json.loads(MATRIX.read_text("utf-8"))
    found = []
    for shown, text in TEXTS:
        codes = {
            code
            for name, produced in texts.played().items()
            if any(by == "portal" and text in said for by, said in produced["texts"])
            for code in matrix.get(name, ())
            if code <= LAST
        }
        checks = tuple(entry for code, entry in examine.entries().items() if code in codes)
        found.append(Branch(shown, checks))
    return tuple(found)


def page() -> str:
    """The chart as text, for terminals, screen readers and search."""
    lines = [
        "# From the portal's text to the cause",
        "",
        "<!-- Written by python -m tools.docs flow_chart from mockhost/doctor/catalogue.toml; don't edit. -->",
        "",
        "![Flow chart: the text on the left, the checks in order in the middle, the first cure on the right]"
        "(flow-chart.svg)",
        "",
        f"{START} `mockhost doctor URL` makes the checks for you, in the same order.",
        "[The checks](doctor-checks.md) says more about each.",
    ]
    for branch in branches():
        lines += ["", f"## {branch.shown[0].upper()}{branch.shown[1:]}", ""]
        for number, entry in enumerate(branch.checks, 1):
            lines.append(f"{number}. **{entry.title}?** If not ({entry.code}): {entry.fix[0]}")
    return "\n".join([*lines, ""])


def svg() -> str:
    """The chart as a picture."""
    body: list[str] = []
    top = 70
    for branch in branches():
        top = _branch(branch, top, body) + _GAP
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {top + 30}" width="{_WIDTH}" '
        f'height="{top + 30}" font-family="system-ui, Segoe UI, Helvetica, Arial, sans-serif" font-size="14" '
        'role="img" aria-labelledby="t d">'
    )
    desc = "From what the portal shows, through the checks in order, to the first thing to do."
    return "\n".join([
        head, f'<title id="t">{html.escape(START)}</title>', f'<desc id="d">{desc}</desc>',
        f'<rect width="{_WIDTH}" height="{top + 30}" fill="#ffffff"/>',
        f'<text x="{_LEFT}" y="38" font-size="20" font-weight="600" fill="#111827">{html.escape(START)}</text>',
        *(f'<text x="{x}" y="60" fill="#4b5563">{text}</text>'
          for x, text in zip((_LEFT, _MIDDLE, _RIGHT), COLUMNS, strict=True)),
        *body,
        f'<text x="{_LEFT}" y="{top + 14}" fill="#4b5563">mockhost doctor URL makes these checks; '
        "mockhost explain CODE says more.</text>",
        "</svg>", "",
    ])  # fmt: skip


def _branch(branch: Branch, top: int, body: list[str]) -> int:
    """Draw one branch from `top` down; where it ends."""
    y, rows = top, []
    for entry in branch.checks:
        title, cure = textwrap.wrap(f"{entry.title}?", 34), textwrap.wrap(entry.fix[0], 56)
        height = 12 + 18 * max(len(title) + 1, len(cure))
        rows.append((y, height, entry, title, cure))
        y += height + 8
    bottom = y - 8
    middle = (top + bottom) // 2
    shown = textwrap.wrap(branch.shown, 25)
    size = 18 + 18 * len(shown)
    box = max(top, min(middle - size // 2, bottom - size))
    body += _box(_LEFT, box, 240, size, "#fee2e2", "#b91c1c", shown, bold=True)
    for at, height, entry, title, cure in rows:
        line = f"M270 {box + size // 2} C 300 {box + size // 2}, 300 {at + height // 2}, {_MIDDLE} {at + height // 2}"
        body.append(f'<path d="{line}" fill="none" stroke="#9ca3af"/>')
        body += _box(_MIDDLE, at, 290, height, "#f3f4f6", "#6b7280", [entry.code, *title])
        body.append(f'<path d="M620 {at + height // 2} H {_RIGHT}" stroke="#9ca3af"/>')
        body += _box(_RIGHT, at, 450, height, "#ecfdf5", "#047857", cure)
    return max(bottom, box + size)


def _box(x: int, y: int, width: int, height: int, fill: str, stroke: str, lines: Sequence[str], *,
         bold: bool = False) -> Iterator[str]:  # fmt: skip
    yield f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="6" fill="{fill}" stroke="{stroke}"/>'
    first = y + (height - 18 * len(lines)) // 2 + 14
    for number, text in enumerate(lines):
        weight = ' font-weight="600"' if bold or (len(lines) > 1 and text.startswith("EMH")) else ""
        yield f'<text x="{x + 12}" y="{first + 18 * number}" fill="#111827"{weight}>{html.escape(text)}</text>'


FILES = (File(SVG, svg), File(PAGE, page))
