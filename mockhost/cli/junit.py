"""Results as a JUnit XML report: the form that CI services read (the schema of Jenkins' xUnit plugin)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from html import escape  # xml.sax.saxutils costs urllib.request
from pathlib import Path
from typing import NamedTuple

from mockhost.cli.saving import save

_ILLEGAL = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class Case(NamedTuple):
    """One thing that was tried. `failure` is what was wrong with it, `error` why it could not be tried at all."""

    suite: str
    name: str
    seconds: float
    failure: str | None = None
    error: str | None = None
    output: str = ""
    kind: str = ""
    """what kind of failure it is, such as timeout"""
    properties: Mapping[str, str] = {}
    skipped: str | None = None
    """why it was not tried"""


def report(title: str, cases: Iterable[Case]) -> str:
    """The whole document."""
    chosen = list(cases)
    failures = sum(case.failure is not None for case in chosen)
    errors = sum(case.error is not None for case in chosen)
    seconds = sum(case.seconds for case in chosen)
    skipped = sum(case.skipped is not None for case in chosen)
    counts = f'tests="{len(chosen)}" failures="{failures}" errors="{errors}"'
    counts += f' skipped="{skipped}" time="{seconds:.3f}"' if skipped else f' time="{seconds:.3f}"'
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', f"<testsuites {counts}>"]
    lines.append(f"  <testsuite name={_attribute(title)} {counts}>")
    for case in chosen:
        lines += _case(case)
    return "\n".join([*lines, "  </testsuite>", "</testsuites>", ""])


def write(path: Path, title: str, cases: Iterable[Case]) -> None:
    """Write the report. Raises CannotRun."""
    save(path, report(title, cases), "the report")


def _case(case: Case) -> list[str]:
    head = f'    <testcase classname={_attribute(case.suite)} name={_attribute(case.name)} time="{case.seconds:.3f}"'
    inside = []
    if case.properties:
        pairs = (
            f"<property name={_attribute(n)} value={_attribute(v)}/>" for n, v in case.properties.items()
        )
        inside += ["      <properties>", *(f"        {pair}" for pair in pairs), "      </properties>"]
    kind = f" type={_attribute(case.kind)}" if case.kind else ""
    for tag, text in (("failure", case.failure), ("error", case.error)):
        if text is not None:
            first = text.partition("\n")[0]
            inside.append(f"      <{tag}{kind} message={_attribute(first)}>{_text(text)}</{tag}>")
    if case.skipped is not None:
        inside.append(f"      <skipped message={_attribute(case.skipped)}/>")
    if case.output:
        inside.append(f"      <system-out>{_text(case.output)}</system-out>")
    return [f"{head}>", *inside, "    </testcase>"] if inside else [f"{head}/>"]


def _attribute(text: str) -> str:
    whole = escape(_legal(text), quote=True)
    return '"' + whole.replace("\n", "&#10;").replace("\r", "&#13;").replace("\t", "&#9;") + '"'


def _text(text: str) -> str:
    return escape(_legal(text), quote=False).replace("\r", "&#13;")


def _legal(text: str) -> str:
    """The text without what XML 1.0 (section 2.2) has no way to write."""
    return _ILLEGAL.sub("\ufffd", text)
