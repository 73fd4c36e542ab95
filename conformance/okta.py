"""Okta's SPEC test: the BlazeMeter (Runscope) document that Okta publishes, replayed as it is.

The document lists requests with assertions and variables to keep. It asks for at least one user on the server before
it begins (Okta developer documentation, "Prepare your SCIM API service", heading "Test your SCIM API"), and for some
variables of the tester's own, which are drawn here. Its pauses are for slow servers and are left out.
"""

from __future__ import annotations

import json
import re
import secrets
import shutil
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from conformance.checks import FAILED, PASSED, SKIPPED, Check, one_line
from conformance.files import wanted
from conformance.target import Answer, Target, ask

FILE = "Okta-SCIM-20-SPEC-Test.json"
MISSING = object()
PLACEHOLDER = re.compile(r"\{\{(\w+)\}\}")
STEP = re.compile(r"([^.\[\]]+)|\[(\d+)\]")

# Just enough of BlazeMeter's script sandbox for the one script of the document: chai's assert, the answer, log.
SANDBOX = """
const {response, script} = JSON.parse(require('fs').readFileSync(0, 'utf8'));
const assert = (holds, message) => { if (!holds) throw new Error(message); };
assert.ok = assert;
require('vm').runInNewContext(script, {response, assert, log: () => {}, JSON, Array}, {timeout: 5000});
"""


def run(target: Target, work: Path) -> list[Check]:
    """Every assertion and script of the document, as one check each."""
    document = json.loads(wanted(FILE).read_text("utf-8"))
    known = _variables(target)
    _somebody(target)
    checks: list[Check] = []
    for number, step in enumerate((s for s in document["steps"] if s["step_type"] == "request"), 1):
        if step.get("skipped"):
            continue
        headers = {name: _filled(values[0], known) for name, values in step["headers"].items()}
        path = _filled(step["url"], known).removeprefix(target.url)
        body = _filled(step["body"], known) if "body" in step else None
        began = time.perf_counter()
        answer = ask(target, step["method"], path, body, headers)
        took = (time.perf_counter() - began) * 1000
        name = f"{number}. {step['note'].strip()}"
        asked = one_line(f"{step['method']} {path}" + (f" {body}" if body else ""))
        for assertion in step["assertions"]:
            checks.append(_judged(name, asked, assertion, answer, took, known))
        checks += [_played(name, asked, script, answer) for script in step["scripts"] if script.strip()]
        for variable in step["variables"]:
            value = _at(answer.json(), variable["property"])
            known[variable["name"]] = "" if value is MISSING else str(value)
    return checks


def _variables(target: Target) -> dict[str, str]:
    """The initial variables of the document, as Okta's page tells to set them."""
    word = secrets.token_hex(4)
    return {
        "SCIMBaseURL": target.url,
        "auth": f"Bearer {target.token}",
        "InvalidUserEmail": f"nobody.{word}@atko.example",
        "UserIdThatDoesNotExist": f"no-such-user-{word}",
        "randomEmail": f"spec.{word}@atko.example",
        "randomUsername": f"spec.user.{word}@atko.example",
        "randomUsernameCaps": f"SPEC.USER.{word.upper()}@ATKO.EXAMPLE",
        "randomGivenName": "Spec",
        "randomFamilyName": f"User{word}",
    }


def _somebody(target: Target) -> None:
    """The user that has to be there before the test begins."""
    user = {
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
        "userName": "somebody@atko.example",
        "name": {"givenName": "Some", "familyName": "Body"},
        "emails": [{"value": "somebody@atko.example", "type": "work", "primary": True}],
        "active": True,
    }
    ask(target, "POST", "/Users", user)


def _filled(text: str, known: Mapping[str, str]) -> str:
    return PLACEHOLDER.sub(lambda match: known.get(match[1], match[0]), text)


def _at(document: Any, path: str) -> Any:
    """The value at `Resources[0].name.familyName`; MISSING where there is none, the whole for an empty path."""
    for name, index in STEP.findall(path):
        try:
            document = document[int(index)] if index else document[name]
        except (KeyError, IndexError, TypeError):
            return MISSING
    return document


def _judged(
    name: str, asked: str, assertion: Mapping[str, Any], answer: Answer, took: float, known: Mapping[str, str]
) -> Check:
    source, comparison = assertion["source"], assertion["comparison"]
    wanted_value = _filled(assertion["value"] or "", known)
    where = {"response_status": "status", "response_time": "time in ms"}.get(
        source, assertion.get("property") or "body"
    )
    if source == "response_status":
        value: Any = answer.status
    elif source == "response_time":
        value = took
    else:
        value = _at(answer.json(), assertion.get("property") or "")
    holds = value is not MISSING and _holds(comparison, value, wanted_value)
    title = " ".join(part for part in (f"{name}: {where} {comparison}", wanted_value) if part)
    seen = "is not there" if value is MISSING else f"was {json.dumps(value)}"
    return Check(title, PASSED if holds else FAILED, "" if holds else one_line(f"{where} {seen}"), asked)


def _holds(comparison: str, value: Any, expected: str) -> bool:
    """BlazeMeter's comparisons, as its page on assertions describes them."""
    text = json.dumps(value) if isinstance(value, (bool, dict, list)) else str(value)
    match comparison:
        case "equal":
            return text == expected
        case "equal_number":
            return _number(value) is not None and _number(value) == _number(expected)
        case "is_less_than":
            return (_number(value) or 0.0) < float(expected)
        case "is_a_number":
            return _number(value) is not None
        case "not_empty":
            return value is not None and value not in ("", [], {})
        case "contains":
            return expected in text
        case "has_value":
            return _has_value(value, expected)
    raise ValueError(f"the document has a comparison that is not known here: {comparison}")


def _has_value(value: Any, expected: str) -> bool:
    """Whether a list or map holds the value, also inside the lists of a map (one check names no property)."""
    if isinstance(value, dict):
        return any(_has_value(member, expected) for member in value.values())
    if isinstance(value, list):
        return any(_has_value(member, expected) for member in value)
    return str(value) == expected


def _number(value: Any) -> float | None:
    if isinstance(value, bool):
        return None
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def _played(name: str, asked: str, script: str, answer: Answer) -> Check:
    """The document's own JavaScript, by node."""
    title = f"{name}: script"
    node = shutil.which("node")
    if node is None:
        return Check(title, SKIPPED, "node is not installed", asked)
    order = json.dumps({"response": {"status": answer.status, "body": answer.text}, "script": script})
    done = subprocess.run(
        [node, "-e", SANDBOX], input=order, capture_output=True, text=True, timeout=30, check=False
    )
    complaint = next((line for line in done.stderr.splitlines() if "Error" in line), done.stderr)
    return Check(title, FAILED if done.returncode else PASSED, one_line(complaint), asked)
