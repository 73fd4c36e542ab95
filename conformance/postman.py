"""Microsoft's Postman collections of its SCIM reference code, run by newman.

"SCIM Tests" asks a server through its whole surface, "SCIM Inbound" asks it as an inbound client pages through it. The
requests that fetch a token from somewhere else are left out (the secret token is given instead), and the user that
"SCIM Inbound" expects under the name `id1` is created first; nothing else is changed.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from conformance.checks import FAILED, PASSED, Check, Unavailable, one_line
from conformance.files import ROOT, edition, wanted
from conformance.target import Target, ask

NEWMAN = ROOT / "build" / "conformance" / "node_modules" / ".bin" / "newman"
TESTS, INBOUND = "PostmanCollection.json", "SCIM Inbound.postman_collection.json"
TOKEN_REQUEST = "Get Token"


def version_of(name: str) -> Callable[[], str]:
    """newman's, and whether the collection is the published one: it has no version of its own."""
    return lambda: f"{newman()}; {edition(name)}"


def newman() -> str:
    """newman's version; raises Unavailable where it is not installed."""
    package = NEWMAN.parent.parent / "newman" / "package.json"
    if not package.is_file():
        raise Unavailable("newman is not installed: npm was not there when build/conformance was made")
    return f"newman {json.loads(package.read_text('utf-8'))['version']}"


def run_tests(target: Target, work: Path) -> list[Check]:
    """The collection "SCIM Tests"."""
    parts = urlsplit(target.url)
    variables = {
        "Protocol": parts.scheme,
        "Server": parts.hostname or "",
        "Port": f":{parts.port}",
        "Api": parts.path.strip("/"),
    }
    return list(_played(TESTS, target, work, variables))


def run_inbound(target: Target, work: Path) -> list[Check]:
    """The collection "SCIM Inbound", whose URLs all begin with https."""
    parts = urlsplit(target.url)
    base, _, last = parts.path.rpartition("/")
    if parts.scheme != "https" or last != "scim":
        raise Unavailable("the collection asks https://…/scim and nothing else")
    user = {"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": "id1", "active": True}
    made = ask(target, "POST", "/Users", user).json()
    variables = {"endpoint": f"{parts.hostname}:{parts.port}{base}", "id1": made["id"]}
    return list(_played(INBOUND, target, work, variables))


def _played(name: str, target: Target, work: Path, variables: Mapping[str, str]) -> Iterator[Check]:
    newman()
    collection = json.loads(wanted(name).read_text("utf-8"))
    collection["item"] = [item for item in collection["item"] if item["name"] != TOKEN_REQUEST]
    source, report = work / "collection.json", work / "newman.json"
    source.write_text(json.dumps(collection), "utf-8")
    command = [str(NEWMAN), "run", str(source), "--reporters", "json", "--reporter-json-export", str(report)]
    for key, value in {**variables, "token": target.token}.items():
        command += ["--env-var", f"{key}={value}"]
    if target.ca_file:
        command += ["--ssl-extra-ca-certs", target.ca_file]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    if not report.is_file():
        raise RuntimeError(f"newman wrote no report: {one_line(done.stderr or done.stdout)}")
    folders = dict(_folders(collection["item"]))
    for execution in json.loads(report.read_text("utf-8"))["run"]["executions"]:
        yield from _checks(execution, folders)


def _folders(items: list[dict[str, Any]], above: str = "") -> Iterator[tuple[str, str]]:
    """(name of a request, name of its folder); of two requests with one name, the later folder."""
    for item in items:
        if "item" in item:
            yield from _folders(item["item"], item["name"])
        else:
            yield item["name"], above


def _checks(execution: dict[str, Any], folders: Mapping[str, str]) -> Iterator[Check]:
    request, name = execution["request"], execution["item"]["name"]
    title = " / ".join(part for part in (folders.get(name, ""), name) if part)
    asked = one_line(f"{request['method']} {_path(request['url'])} {request.get('body', {}).get('raw', '')}")
    answer = execution.get("response")
    if answer is None:
        yield Check(title, FAILED, one_line(execution.get("requestError", "no answer")), asked)
        return
    text = bytes(answer.get("stream", {}).get("data", ())).decode("utf-8", "replace")
    for assertion in execution.get("assertions") or ():
        error = assertion.get("error")
        reason = f"{error['message']}; the answer was {answer['code']} {text}" if error else ""
        yield Check(
            f"{title}: {assertion['assertion']}", FAILED if error else PASSED, one_line(reason), asked
        )
    for event in execution.get("testScript") or ():
        if event.get("error"):
            yield Check(f"{title}: script", FAILED, one_line(event["error"]), asked)


def _path(url: Mapping[str, Any]) -> str:
    query = "&".join(f"{pair['key']}={pair.get('value')}" for pair in url.get("query") or ())
    return "/" + "/".join(url.get("path") or ()) + (f"?{query}" if query else "")
