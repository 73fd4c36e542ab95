"""schemathesis against the OpenAPI document of the endpoints: all of its checks, its four phases, a fixed seed."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from pathlib import Path

from conformance.checks import FAILED, PASSED, SKIPPED, Check, one_line
from conformance.openapi import document
from conformance.target import Target

SEED = 7643
EXAMPLES = 40
EXCLUDED = "negative_data_rejection"
"""A request that the document does not allow may still be one that the RFC allows: the document describes the part of
PATCH and of filters that JSON Schema can say, and names are compared without case (RFC 7643 2.1). Such requests are
sent all the same, and their answers are judged by every other check."""
TITLE = re.compile(r"^- (ST\d+ .*)$", re.MULTILINE)
ANSWER = re.compile(r"^\[(\d{3})\] [^\n]*\n\s*(.*?)\n\s*Reproduce with:", re.MULTILINE | re.DOTALL)
CURL = re.compile(r"^\s*(curl .*)$", re.MULTILINE)


def run(target: Target, work: Path) -> list[Check]:
    """One check an operation and phase, as schemathesis counts them."""
    schema, report = work / "openapi.json", work / "report.xml"
    schema.write_text(json.dumps(document(target)), "utf-8")
    command = [str(Path(sys.executable).parent / "schemathesis"), "run", str(schema)]
    command += ["--url", target.url, "--header", f"Authorization: Bearer {target.token}"]
    command += ["--checks", "all", "--exclude-checks", EXCLUDED]
    command += ["--max-examples", str(EXAMPLES), "--seed", str(SEED), "--continue-on-failure"]
    command += ["--report", "junit", "--report-junit-path", str(report), "--output-truncate", "false"]
    if target.ca_file:
        command += ["--tls-verify", target.ca_file]
    environment = {**os.environ, "NO_COLOR": "1"}
    done = subprocess.run(
        command, cwd=work, env=environment, capture_output=True, text=True, timeout=900, check=False
    )
    (work / "output.txt").write_text(done.stdout + done.stderr, "utf-8")
    if not report.is_file():
        raise RuntimeError(
            f"schemathesis wrote no report: {one_line((done.stderr or done.stdout)[-600:], 600)}"
        )
    return [
        check
        for suite in ElementTree.parse(report).getroot().iter("testsuite")
        for case in suite.iter("testcase")
        for check in _case(case)
    ]


def _case(case: ElementTree.Element) -> Iterator[Check]:
    name, skipped = case.get("name", ""), case.find("skipped")
    failures = [*case.iter("failure"), *case.iter("error")]
    for failure in failures:
        text = failure.text or failure.get("message") or ""
        titles, answer, curl = TITLE.findall(text), ANSWER.search(text), CURL.search(text)
        seen = f" Answered {answer[1]} {answer[2].strip()}" if answer else ""
        reason = ("; ".join(titles) + "." + seen) if titles else text
        yield Check(name, FAILED, one_line(reason, 500), one_line(curl[1], 600) if curl else "")
    if not failures:
        why = "" if skipped is None else one_line(skipped.get("message") or "")
        yield Check(name, PASSED if skipped is None else SKIPPED, why)
