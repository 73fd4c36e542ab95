"""The endpoint that a suite is pointed at: a host of our own, fresh for each suite, or any URL."""

from __future__ import annotations

import contextlib
import http.client
import json
import ssl
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote, urlsplit

CONNECTOR = "SCIM"
SAFE = "/:?=&%+,;@!$'()*[]~-._{}"
"""What a request target may hold as it is; everything else is percent-encoded, as browsers and Postman do."""


class Target(NamedTuple):
    """Where a suite finds the endpoint and how it is let in. `ca_file` is None over plain HTTP."""

    url: str
    token: str
    ca_file: str | None
    scenario: str = ""


class Answer(NamedTuple):
    status: int
    headers: Mapping[str, str]
    text: str

    def json(self) -> Any:
        """The body as JSON; None where it is none."""
        try:
            return json.loads(self.text)
        except ValueError:
            return None


def ask(
    target: Target,
    method: str,
    path: str,
    body: object = None,
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """One request below the target's URL; a body that is no text is sent as SCIM's JSON."""
    parts = urlsplit(target.url)
    if parts.scheme == "https":
        context = ssl.create_default_context(cafile=target.ca_file)
        connection: http.client.HTTPConnection = http.client.HTTPSConnection(
            parts.hostname or "", parts.port, timeout=30, context=context
        )
    else:
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=30)
    sent = {"Authorization": f"Bearer {target.token}", "Accept": "application/scim+json", **(headers or {})}
    if body is not None and "Content-Type" not in sent:
        sent["Content-Type"] = "application/scim+json"
    data = body if isinstance(body, str) or body is None else json.dumps(body)
    with contextlib.closing(connection):
        connection.request(
            method,
            parts.path + quote(path, safe=SAFE),
            body=None if data is None else data.encode(),
            headers=sent,
        )
        answer = connection.getresponse()
        text = answer.read().decode("utf-8", "replace")
        return Answer(answer.status, {key.lower(): value for key, value in answer.getheaders()}, text)


@contextlib.contextmanager
def served(command: str, *words: str) -> Iterator[Target]:
    """A host in a process of its own, by the words after `mockhost`; raises RuntimeError if it does not come up."""
    with tempfile.TemporaryDirectory(prefix="mockhost-conformance-") as folder:
        ready, log = Path(folder) / "ready.json", Path(folder) / "host.log"
        arguments = [*words, "--port", "0", "--control-port", "0", "--ready-file", str(ready)]
        with log.open("wb") as output:
            process = subprocess.Popen([command, *arguments, "--quiet"], stdout=output, stderr=output)
        try:
            document = _document(ready, process, log)
            told = document["connectors"].get(CONNECTOR) or next(iter(document["connectors"].values()))
            yield Target(told["url"], told["secret_token"], document.get("ca_file"), words[1])
        finally:
            process.terminate()
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _document(ready: Path, process: subprocess.Popen[bytes], log: Path, patience: int = 600) -> Any:
    """The ready file, once it is there; `patience` in twentieths of a second."""
    for _ in range(patience):
        if ready.exists():
            with contextlib.suppress(ValueError):
                return json.loads(ready.read_text("utf-8"))
        try:
            code = process.wait(timeout=0.05)
        except subprocess.TimeoutExpired:
            continue
        raise RuntimeError(f"the host ended with {code}: {log.read_text('utf-8', 'replace')[-1000:]}")
    raise RuntimeError(f"the host was not ready within {patience // 20} s")
