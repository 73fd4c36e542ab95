"""Writes docs/assets/first-lab.svg, the picture of the tutorial, from a real run of the first lab."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tools.docs import ROOT, File
from tools.docs.readme_picture import Line, Part, drawn, parts

PICTURE = ROOT / "docs" / "assets" / "first-lab.svg"
TITLE = "The first lab: a service that is stopped is found, and started"
TYPED = ("Get-Service", "hint", 'Start-Service "Microsoft ECMA2Host"')
PROMPT = "PS C:\\Users\\student> "


def run() -> list[Line]:
    """What a terminal shows of the lab."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {
            **os.environ,
            "FORCE_COLOR": "1",
            "COLUMNS": "80",
            "PYTHONUTF8": "1",
            "XDG_STATE_HOME": folder,
        }
        environment |= {"MOCKHOST_LABS": "", "LOCALAPPDATA": folder}
        done = subprocess.run(
            [sys.executable, "-m", "mockhost", "lab", "start", "L01"],
            input="\n".join(TYPED),
            env=environment,
            capture_output=True,
            encoding="utf-8",
            timeout=60,
            check=True,
        )
    lines = [[Part("$ ", "$"), Part("mockhost lab start L01", "1")]]
    for line in done.stdout.splitlines():
        if line.startswith(PROMPT):
            lines.append([Part(PROMPT, "$"), Part(line.removeprefix(PROMPT), "1")])
        elif line or lines[-1]:  # one blank line is enough
            lines.append(parts(line))
    return lines


def picture() -> str:
    """The picture of a run now."""
    return drawn((("A terminal", run()),), TITLE, "lab_picture")


FILES = (File(Path(PICTURE), picture),)
