"""What the story leaves behind with each kind of connected system, and where that is not what memory has."""

from __future__ import annotations

import difflib
import json
import re
from typing import Any
from urllib.parse import unquote

from mockhost import MockHost
from mockhost.exchange import Exchange
from tests.connectors.systems.backends import BACKENDS, Backend
from tests.connectors.systems.story import CHAPTERS, Page, Teller, scenario

Recording = dict[tuple[str, str], str]
"""(chapter, what was looked at) -> lines: `wire`, `system`, `cache` or `log`"""
_PROBED = re.compile(r'eq "[^"]*"')


def record(backend: str, page: Page) -> Recording:
    """Tell the story."""
    with BACKENDS[backend]() as made:
        return _record(made, page)


def _record(backend: Backend, page: Page) -> Recording:
    found: Recording = {}
    hosts: list[MockHost] = []

    def another() -> MockHost:
        if hosts:
            hosts[-1].stop()
        system = backend.again if hosts else backend.first
        hosts.append(MockHost("basics/healthy", data=backend.data, **scenario(page, system)).start())
        return hosts[-1]

    tell = Teller(another, page)
    try:
        for chapter in CHAPTERS:
            exchanges, records = len(tell.host.journal), len(_records(tell.host))
            before = tell.host
            tell.said.clear()
            chapter(tell)
            if tell.host is not before:
                exchanges = records = 0
            host = tell.host
            looked: dict[str, list[Any]] = {
                "wire": [_exchange(each, host) for each in list(host.journal)[exchanges:]],
                "system": _sorted(backend.read(host, page)),
                "cache": _sorted(host.cache(page.name)),
                "log": [_verdict(each) for each in tell.said] + [_logged(each) for each in _records(host)[records:]],
            }  # fmt: skip
            for name, lines in looked.items():
                found[chapter.__name__, name] = "\n".join(_line(each, host) for each in lines)
    finally:
        hosts[-1].stop()
    return found


def _line(value: object, host: MockHost) -> str:
    return json.dumps(value, ensure_ascii=False, default=str).replace(f"localhost:{host.port}", "HOST")


def _sorted(objects: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Objects in one order, without the columns that are empty."""
    filled = [{k: v for k, v in sorted(each.items()) if v not in (None, ())} for each in objects]
    return sorted(filled, key=lambda each: json.dumps(each, sort_keys=True, default=str))


def _exchange(each: Exchange, host: MockHost) -> list[Any]:
    target = unquote(each.target.replace("+", " "))
    if each.probe:
        target = _PROBED.sub('eq "PROBE"', target)
    body, answer = (json.loads(text) if text else None for text in (each.body, each.answer_body))
    return [each.method, target, each.operation, body, each.status, answer]


def _records(host: MockHost) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = host.portal({"log": {}})["records"]
    return found


def _verdict(said: dict[str, Any]) -> dict[str, Any]:
    kept = ("ok", "code", "text", "state", "initial", "counts", "quarantine", "users")
    return {
        key: dict(sorted(said[key].items())) if key == "counts" else said[key] for key in kept if key in said
    }


def _logged(each: dict[str, Any]) -> list[Any]:
    info = each["provisioningStatusInfo"]
    modified = {every["displayName"]: every["newValue"] for every in each["modifiedProperties"]}
    return [
        each["sourceIdentity"]["displayName"], each["targetIdentity"]["id"], each["provisioningAction"],
        info["status"], info["errorInformation"], modified, each["mockhost"]["requests"],
    ]  # fmt: skip


def differences(expected: Recording, found: Recording) -> dict[tuple[str, str], str]:
    """Where the two are not the same, with the lines that are not, each after `- ` (expected) or `+ `."""
    assert expected.keys() == found.keys()
    return {where: _changed(text, found[where]) for where, text in expected.items() if text != found[where]}


def _changed(text: str, other: str) -> str:
    lines = list(difflib.unified_diff(text.splitlines(), other.splitlines(), lineterm="", n=0))
    return "\n".join(line for line in lines[2:] if not line.startswith("@@"))
