"""The page on adding an operation is followed: what it says to write is enough for all that it promises."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.machine import copy_folder

ROOT = Path(__file__).parent.parent.parent
PAGE = ROOT / "docs" / "how-to" / "add-an-operation.md"
FOLLOWED = """
import http.client, json
from mockhost import MockHost
from mockhost.client.control import ControlPlane
from mockhost.cli.verbs import mockhost

with MockHost("basics/healthy", tls=False) as host:
    wanted = {"objects": sum(len(host.objects(name)) for name in host.connectors())}
    plane = ControlPlane(host.control_url)
    assert host.call("count_objects") == plane.call("count_objects") == wanted
    assert "/v1/count" in plane.call("describe")["paths"]
    try:
        mockhost(["control", "--url", host.control_url, "call", "count_objects"])
    except SystemExit as end:
        assert end.code == 0
"""


def test_the_page_is_followed(tmp_path: Path) -> None:
    """In a copy of the package: a row and its handler, and the operation is everywhere."""
    row, handler = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    for name in ("mockhost", "scenarios"):
        copy_folder(ROOT / name, tmp_path / name)
    rows = tmp_path / "mockhost" / "operations" / "table.py"
    text = rows.read_text("utf-8")
    end = text.index(")  # fmt: skip", text.index("CONNECTORS: "))
    rows.write_text(f"{text[:end]}    {row},\n{text[end:]}", "utf-8")
    handlers = tmp_path / "mockhost" / "runtime" / "operations" / "connectors.py"
    handlers.write_text(f"{handlers.read_text('utf-8')}\n\n{handler}", "utf-8")
    done = subprocess.run(
        [sys.executable, "-c", FOLLOWED],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert '"objects":' in done.stdout
