"""scim-sanity's probe, in its strict mode: seven phases of requests and what it expects of each answer."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from conformance.checks import FAILED, PASSED, SKIPPED, Check, one_line
from conformance.target import Target

VERDICTS = {"pass": PASSED, "skip": SKIPPED, "fail": FAILED, "error": FAILED, "warn": FAILED}


def run(target: Target, work: Path) -> list[Check]:
    """Every result of the probe; a warning counts as failed."""
    command = [sys.executable, "-m", "scim_sanity", "probe", target.url, "--token", target.token]
    command += ["--json-output", "--i-accept-side-effects"]
    if target.ca_file:
        command += ["--ca-bundle", target.ca_file]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    begin = done.stdout.find("{")
    if begin < 0:
        raise RuntimeError(f"scim-sanity printed no report: {one_line(done.stderr or done.stdout)}")
    document, _ = json.JSONDecoder().raw_decode(done.stdout[begin:])
    return [
        Check(
            f"{result.get('phase', '')}: {result['name']}",
            VERDICTS.get(result["status"].lower().removesuffix("ing"), FAILED),
            "" if result["status"] == "pass" else one_line(result.get("message", "")),
        )
        for result in document["results"]
    ]
