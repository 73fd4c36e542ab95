"""Writes mockhost/diagnosis/played.json: what each shipped scenario produces when its `expect` is played.

Error texts are kept: bodies of refusals, their messages, what the portal says, and bodies with status 200 that a
healthy host does not send. Of endings and statuses the symptom is kept, by which clients.toml has the clients' texts.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from mockhost.api import MockHost
from mockhost.client.observation import Observation
from mockhost.errors import NotInstalled
from mockhost.expect import check
from mockhost.expect.check import HostDriver
from mockhost.expect.steps import Player, StepResult
from mockhost.faults import FAULTS, find
from mockhost.scenario import loader, shelves
from mockhost.scenario.model import Scenario
from tools import fault_clients
from tools.docs import ROOT, File, side_by_side

KEPT = ROOT / "mockhost" / "diagnosis" / "played.json"
ENV = {"MOCKHOST_SCENARIOS": ""}
LONGEST = 800
"""Characters of a body that are kept."""
SHORTEST = 40
"""Characters of a body with status 200 below which it says nothing."""
ORDINARY = "200"
"""Marks the body of an exchange that succeeded, until it is compared with what a healthy host sends."""
NOT_A_TEXT = re.compile(
    r"with --|the alert's name|^none:|\(none:|not published|^TimeOut$|^SSL certificate problem, no"
)
REMARK = re.compile(r", by default .*|: where .*|: accept, where .*|\(certificate has expired$|^\u2026 ")
TIMEOUT = 20.0
MESSAGES = ("detail", "Message", "MessageDetail", "ExceptionMessage")
_GUID = re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b")
_PORT = re.compile(r"(localhost|127\.0\.0\.1):\d+")


@cache
def text() -> str:
    """The whole file: one line for each text."""
    plays = side_by_side(play_or_keep, shelves.names(env=ENV))
    return json.dumps(plays, ensure_ascii=False, indent=1) + "\n"


def play_or_keep(name: str) -> Any:
    """What one scenario produces; what it produced elsewhere, if this machine lacks its server."""
    try:
        return play(name)
    except NotInstalled:
        return json.loads(KEPT.read_text("utf-8"))[name]


def play(name: str) -> dict[str, Any]:
    """What one scenario produces."""
    with MockHost(name, control=False) as host:
        scenario = host.scenario
        report = check.check(scenario, HostDriver(host), timeout=TIMEOUT)
    if not report.ok:
        raise SystemExit(report.text)
    results = [result for part in report.sections if part.name == "expect" for result in part.results]
    texts = [each for result in results for each in produced(result)]
    if any(by == ORDINARY for by, _ in texts):
        healthy = ordinary(scenario) if scenario.parent and not name.startswith("basics/") else None
        texts = [("answer", text) if by == ORDINARY else (by, text) for by, text in texts
                 if by != ORDINARY or (healthy is not None and text not in healthy)]  # fmt: skip
    texts += of_faults(name)
    symptoms = dict.fromkeys(each for result in results for each in symptoms_of(result))
    cut = dict.fromkeys((by, text[:LONGEST].strip()) for by, text in texts)
    return {"texts": [list(each) for each in cut], "symptoms": list(symptoms)}


def ordinary(scenario: Scenario) -> set[str]:
    """The bodies with status 200 that the healthy counterpart of a scenario sends."""
    assert scenario.parent is not None
    with MockHost(scenario.parent, control=False) as host:
        player = Player(
            HostDriver(host).targets(), HostDriver(host), check.default_connector(scenario), TIMEOUT
        )
        results = [player.play(step) for step in scenario.expect]
    return {text for result in results for by, text in produced(result) if by == ORDINARY}


def produced(result: StepResult) -> Iterator[tuple[str, str]]:
    """The texts of one exchange: (who says it, text)."""
    seen = result.observation
    if seen is None:
        return
    if seen.alert:
        yield "alert", seen.alert
    if result.verdict is not None and not result.verdict.ok:
        for part in (result.verdict.words, result.verdict.code, result.verdict.text, result.verdict.also):
            if part and not NOT_A_TEXT.search(part):
                yield "portal", stable(part)
    body = readable(seen)
    if body and (seen.status or 0) >= 400:
        yield "body", body
        for message in messages(seen.json()):
            yield "body", stable(message)
    elif len(body) >= SHORTEST and seen.status == 200:
        yield ORDINARY, body


def readable(seen: Observation) -> str:
    """The body, if it is text."""
    if not seen.body or "\0" in seen.text or seen.text.count("\ufffd") > 3 or len(seen.body) > 16 * LONGEST:
        return ""
    return stable(seen.text).strip()


def messages(document: object) -> Iterator[str]:
    """The messages in the body of an error, of whichever layer."""
    if isinstance(document, Mapping):
        for key in MESSAGES:
            if isinstance(document.get(key), str) and document[key]:
                yield document[key]
        yield from messages(document.get("InnerException"))


def stable(value: str) -> str:
    """The text with what differs from run to run replaced."""
    return _PORT.sub(r"\1:8585", _GUID.sub("00000000-0000-0000-0000-000000000000", value))


def symptoms_of(result: StepResult) -> Iterator[str]:
    """What a client goes by: the ending, the alert, the status, or a body that is no JSON."""
    seen = result.observation
    if seen is None:
        return
    if seen.status is None:
        yield from of_ending(result, seen)
        return
    if seen.status >= 400:
        yield f"status:{seen.status}"
    elif seen.status >= 300:
        yield "redirect"
    if not seen.complete:
        yield (
            "timeout" if seen.ends == "no_answer_within" else "bad_chunk" if "chunk" in seen.error else "cut"
        )
        if seen.ends == "rst":
            yield "rst"
    elif (seen.header("Content-Encoding") or "") == "gzip" and not seen.body.startswith(b"\x1f\x8b"):
        yield "bad_gzip"
    elif seen.status == 200 and seen.body:
        yield from of_body(seen)


def of_ending(result: StepResult, seen: Observation) -> Iterator[str]:
    """The symptoms of an exchange without an answer; where a step allows several endings, all of them."""
    gets = result.step.get("gets") or {}
    ends = gets.get("ends") if isinstance(gets, Mapping) else None
    words = tuple(ends["any_of"]) if isinstance(ends, Mapping) and "any_of" in ends else seen.words
    for word in words:
        if word == "alert":
            yield "alert"
            yield f"alert:{seen.alert}"
        elif word in ("fin", "close_notify"):
            if "not_http" not in words:
                yield "empty"
        elif word == "no_answer_within":
            yield "timeout"
        else:
            yield word
            if word == "rst" and result.step.get("send") == "test_connection":
                yield "rst_tls"
        if word == "not_tls":
            return


def of_body(seen: Observation) -> Iterator[str]:
    """The symptoms of a body with status 200."""
    if seen.text.startswith("\ufeff"):
        yield "byte_order_mark"
        return
    try:
        json.loads(seen.body)
    except ValueError:
        yield "html" if seen.text.lstrip().startswith("<") else "not_json"


def of_faults(name: str) -> Iterator[tuple[str, str]]:
    """What docs/faults.md says that clients report of the faults which a scenario of this shelf shows."""
    if not name.startswith("faults/"):
        return
    scenario = loader.load(name, env=ENV)
    rules = json.dumps(scenario.document.get("rules", []))
    found: list[tuple[str, str]] = []
    others = json.loads(fault_clients.KEPT.read_text("utf-8"))["rows"]
    for fault in FAULTS:
        if not (name == f"faults/{fault}" or scenario.cause == fault or f'"{fault}"' in rules):
            continue
        seen = find(fault).seen
        for each in re.findall(
            r"\(\d+\) (?!the (?:answer|body|error)|\d{3}\b)([^;]+?)(?= or \(|$)", seen.curl
        ):
            found.append(("curl", each.strip()))
        if find(fault).group in ("transport", "tls"):
            for each in re.findall(
                r"[A-Z]\w+(?:Error|Timeout): [^;]+?(?= or [A-Z]|;|, e\.g\.|$)", seen.requests
            ):
                found.append(("requests", each))
            for each in re.findall(r'"([^"]{12,})"', seen.dotnet):
                found.append(("dotnet", each))
        for client, each in others.get(fault, {}).items():
            if not each.isdecimal():
                found.append(({"fetch": "node"}.get(client, client), each))
    for client, text in found:
        if not NOT_A_TEXT.search(text):
            yield client, REMARK.sub("", text).strip()


FILES = (File(KEPT, text),)
