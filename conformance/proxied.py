"""Suites of others against servers of others, with and without `mockhost proxy` between: docs/through-the-proxy.md.

The figures have to be the same, check by check, whatever they are: a proxy changes nothing that no rule asks for.
"""

from __future__ import annotations

import contextlib
import re
import shutil
import socket
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from conformance.checks import FAILED, PASSED, SKIPPED, Check, Unavailable, one_line
from conformance.files import ROOT
from conformance.suites import SUITES, Suite
from conformance.target import Target, ask, served

PAGE = ROOT / "docs" / "through-the-proxy.md"
NAMES = ("scim2-tester", "scim2-cli", "scim2-client", "scim-sanity")
SCIMMY = ("scimmy@1.3.5", "scimmy-routers@1.3.2", "express@5.3.0")
TOKEN = "any-secret-token"
HEAD = """\
# Suites through the proxy

<!-- Written by `make conformance ARGS=--proxied` from the runs; don't edit. -->

Suites and clients of other projects against two servers of other projects: once directly, once through
[`mockhost proxy`](how-to/break-a-real-server.md) without a rule, each time against a fresh server.
What the suites say of these servers does not matter here; they have to say the same through the proxy.

| server | suite | checks | passed, failed, skipped | through the proxy | the same, check by check |
|---|---|---|---|---|---|
"""


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        return int(holder.getsockname()[1])


@contextlib.contextmanager
def _running(command: list[str], url: str, work: Path) -> Iterator[Target]:
    """A server, once it answers."""
    target = Target(url, TOKEN, None)
    with (work / "server.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=work, stdout=log, stderr=log)
        try:
            for _ in range(600):
                with contextlib.suppress(OSError):
                    ask(target, "GET", "/ServiceProviderConfig")
                    break
                with contextlib.suppress(subprocess.TimeoutExpired):
                    raise RuntimeError(f"{command[0]} ended with {process.wait(timeout=0.1)}")
            yield target
        finally:
            process.terminate()
            process.wait(30)


@contextlib.contextmanager
def scim2_server(work: Path) -> Iterator[Target]:
    port = _free_port()
    program = Path(sys.executable).with_name("scim2-server")
    with _running([str(program), "--port", str(port)], f"http://localhost:{port}/v2", work) as target:
        yield target


@contextlib.contextmanager
def scimmy_routers(work: Path) -> Iterator[Target]:
    folder, port = ROOT / "build" / "conformance" / "scimmy", _free_port()
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(ROOT / "tests" / "entra" / "servers" / "scimmy.mjs", folder)
    npm = ["npm", "install", "--silent", "--no-audit", "--no-fund", *SCIMMY]
    if not (folder / "node_modules" / "scimmy-routers").exists() and (
        shutil.which("npm") is None or subprocess.run(npm, cwd=folder, check=False).returncode
    ):
        raise Unavailable("npm cannot install scimmy-routers here")
    command = ["node", str(folder / "scimmy.mjs"), str(port)]
    with _running(command, f"http://localhost:{port}/scim", work) as target:
        yield target


SERVERS: dict[str, Callable[[Path], contextlib.AbstractContextManager[Target]]] = {
    "scim2-server 0.8.3 (PyPI)": scim2_server,
    "scimmy-routers 1.3.2 (npm)": scimmy_routers,
}
_OWN = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|localhost:\d+")
"""What is another at each run."""


def run(suite: Suite, target: Target, work: Path) -> list[Check]:
    """What a suite says; its own crash is a check that failed."""
    try:
        return suite.run(target, work)
    except Exception as error:  # whatever a server makes a suite do
        text = _OWN.sub("…", f"{type(error).__name__}: {error}")
        return [Check("the suite runs to its end", FAILED, one_line(text))]


def verdicts(checks: list[Check]) -> Counter[tuple[str, str]]:
    return Counter((_OWN.sub("…", check.name), check.verdict) for check in checks)


def main(command: str) -> int:
    """Run all, write the page, and say what differs; the exit code."""
    lines, different = [], 0
    for title, server in SERVERS.items():
        for suite in (each for each in SUITES if each.name in NAMES):
            said = []
            for through in (False, True):
                with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
                    work = Path(name)
                    target = stack.enter_context(server(work))
                    if through:
                        arguments = ("proxy", target.url, "--no-tls")
                        target = stack.enter_context(served(command, *arguments))._replace(token=TOKEN)
                    said.append(run(suite, target, work))
            counts = [
                ", ".join(
                    str(sum(check.verdict == verdict for check in each))
                    for verdict in (PASSED, FAILED, SKIPPED)
                )
                for each in said
            ]
            direct, proxied = map(verdicts, said)
            same = direct == proxied
            different += not same
            cells = [title, f"{suite.name} {suite.version()}", len(said[0]), *counts, "yes" if same else "no"]
            lines.append("| " + " | ".join(map(str, cells)) + " |")
            print(lines[-1], flush=True)
            for each in sorted((direct - proxied) | (proxied - direct)):
                print(
                    f"       {each[0]}: {each[1]}, {direct[each]} directly and {proxied[each]} through the proxy"
                )
    PAGE.write_text(HEAD + "\n".join(lines) + "\n", "utf-8")
    return 1 if different else 0
