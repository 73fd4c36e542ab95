"""Writes docs/assets/doctor.svg, a picture of `mockhost doctor`, from a real run against a documented error.

Ports, dates and durations are those of the run that was drawn; a run that differs only in numbers changes nothing.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from tools.docs import ROOT, File
from tools.docs.readme_picture import COLUMNS, Line, drawn, parts, typed, wait_for

PICTURE = ROOT / "docs" / "assets" / "doctor.svg"
SCENARIO = "documented/certificate_wrong_name"
COMMAND = "mockhost doctor https://localhost:8585/ecma2host_SQL/scim --ca trust.pem"
TITLE = "mockhost doctor finds that a certificate is for another name, and says how to cure it"


def run() -> list[Line]:
    """What the doctor printed."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        environment = {**os.environ, "FORCE_COLOR": "1", "COLUMNS": str(COLUMNS), "PYTHONUTF8": "1"}
        command = [sys.executable, "-m", "mockhost"]
        ports = ("--port", "0", "--control-port", "0", "--state", ".", "--ready-file", "ready.json")
        with (folder / "host.txt").open("w") as output:
            serve = [*command, "serve", SCENARIO, *ports]
            host = subprocess.Popen(serve, cwd=folder, stdout=output, stderr=output, env=environment)
        try:
            ready = wait_for(folder / "ready.json", host)
            url, token = (ready["clients"]["SQL"][key] for key in ("url", "secret_token"))
            trust = os.path.relpath(ready["ca_file"], folder)
            words = [*command, "doctor", url, "--ca", trust, "--secret-token", token]
            done = subprocess.run(
                words, cwd=folder, env=environment, capture_output=True, text=True, timeout=60, check=False
            )
        finally:
            host.terminate()
            host.wait(timeout=30)
    port = url.split(":")[2].split("/")[0]
    return [*typed(COMMAND), *map(parts, done.stdout.replace(port, "8585").splitlines())]


def picture() -> str:
    """The picture of a run now; the one that is there, if only numbers differ."""
    new = drawn((("mockhost doctor", run()),), TITLE, "doctor_picture")
    old = PICTURE.read_text("utf-8") if PICTURE.exists() else ""
    return old if _without_numbers(old) == _without_numbers(new) else new


def _without_numbers(text: str) -> str:
    """Without digits, and the widths and places that follow from how many there are."""
    return re.sub(r"\d+", "", re.sub(r"<text[^>]*>", "<text>", text))


FILES = (File(PICTURE, picture),)
