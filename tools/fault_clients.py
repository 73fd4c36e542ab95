"""Has httpx and Node's fetch meet each fault of the transport and of TLS once, and keeps what they report.

python tools/fault_clients.py [--httpx-python PYTHON] [--node NODE]

Writes tools/fault_clients.json, which tools/docs/faults.py puts into docs/faults.md. Run it when a fault comes or
changes, or to see what newer clients say; the tests don't, for they need neither of the two. PYTHON is one that has
httpx; without the option it is this one.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from mockhost import MockHost  # noqa: E402 - a tool runs from a checkout, without installation
from mockhost.faults import FAULTS, find  # noqa: E402
from mockhost.scim.messages import ECMA_USER  # noqa: E402

KEPT = Path(__file__).with_suffix(".json")
GROUPS = ("transport", "tls")
PATIENCE = 5
"""Seconds that a client waits: httpx for each read, fetch for all of the answer."""
HTTPX = """
import ssl, sys, httpx
url, token, ca, patience, body = sys.argv[1:]
headers = {"Authorization": "Bearer " + token, "Content-Type": "application/scim+json"}
try:
    with httpx.Client(verify=ssl.create_default_context(cafile=ca), trust_env=False) as client:
        method = "POST" if body else "GET"
        answer = client.request(method, url, headers=headers, content=body or None, timeout=float(patience))
    print(answer.status_code)
except Exception as error:
    print(f"{type(error).__name__}: {error}")
"""
FETCH = """
const [url, token, , patience, body] = process.argv.slice(1);
const headers = {Authorization: "Bearer " + token, "Content-Type": "application/scim+json"};
const request = {method: body ? "POST" : "GET", headers, body: body || undefined};
fetch(url, {...request, signal: AbortSignal.timeout(patience * 1000)})
  .then(async answer => { await answer.text(); console.log(answer.status); })
  .catch(error => {
    const {code, message} = error.cause ?? {};
    const cause = [code, code?.startsWith("ERR_SSL") ? "" : message].filter(Boolean).join(": ");
    console.log(`${error.name}: ${error.message}${cause && ` (${cause})`}`);
    process.exit(0);
  });
"""
BOB = json.dumps(
    {"schemas": [ECMA_USER], ECMA_USER: {"ContosoLogin": "bob", "FirstName": "B", "LastName": "K"}}
)
"""What is created to meet a fault of the request's direction."""
VERSIONS = {
    "httpx": "import httpx, ssl; print(f'httpx {httpx.__version__} with {ssl.OPENSSL_VERSION}')",
    "fetch": "console.log(`Node ${process.versions.node} with undici ${process.versions.undici}`)",
}


def main(arguments: Sequence[str]) -> int:
    """Meet all of them and keep what was reported; the exit code."""
    parser = argparse.ArgumentParser(description="Have httpx and fetch meet each fault on the wire.")
    parser.add_argument("--httpx-python", default=sys.executable, help="a Python that has httpx")
    parser.add_argument("--node", default="node", help="Node 18 or later")
    options = parser.parse_args(arguments)
    clients = {
        "httpx": ([options.httpx_python, "-c"], HTTPX),
        "fetch": ([options.node, "-e"], FETCH),
    }
    versions = {name: said([*command, VERSIONS[name]]) for name, (command, _) in clients.items()}
    names = [name for name, group in FAULTS.items() if group in GROUPS]
    rows = {name: {each: meets(name, *client) for each, client in clients.items()} for name in names}
    kept = json.dumps({"versions": versions, "rows": rows}, indent=2, ensure_ascii=False) + "\n"
    KEPT.write_text(kept, encoding="utf-8", newline="\n")
    return 0


def meets(name: str, command: Sequence[str], program: str) -> str:
    """What a client reports of a fault, on a host of its own."""
    with MockHost("basics/healthy", control=False) as host:
        asks_first = (
            find(name).host is not None
        )  # the port is closed by a request, and the next one is refused
        host.add_rule(rule(name, {"operation": "find_users"} if asks_first else {}))
        uploads = find(name).upload is not None
        url = host.url("SQL") + ("/Users" if uploads else "/Users?filter=ContosoLogin%20eq%20%22ljacobson%22")
        words = [*command, program, url, host.token("SQL"), str(host.ca_file), str(PATIENCE)]
        words.append(BOB if uploads else "")
        if asks_first:
            said(words, host.env())
        text = said(words, host.env()).replace(str(host.port), "8585")
        return re.sub(r" \(_ssl\.c:\d+\)|_ssl\.c:\d+: ", "", text)  # a line of Python's own source


def rule(name: str, when: Mapping[str, object]) -> dict[str, Any]:
    """The rule that has everybody meet it, with the parameters of its documentation."""
    example = find(name).example
    return {"fault": name if example is None else {name: example}, "when": dict(when)}


def said(command: Sequence[str], env: Mapping[str, str] | None = None) -> str:
    """The one line that a program prints."""
    done = subprocess.run(
        command,
        env={**os.environ, **(env or {})},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    if done.returncode or not done.stdout.strip():
        raise SystemExit(f"{command[0]} failed:\n{done.stderr}")
    return " ".join(done.stdout.split())


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
