"""scim2-tester, all of its checks: discovery, and creating, reading, querying, changing and deleting every resource
type that the server announces."""

from __future__ import annotations

import ssl
from importlib import import_module
from pathlib import Path

from conformance.checks import FAILED, PASSED, SKIPPED, Check, one_line
from conformance.target import Target

VERDICTS = {"SUCCESS": PASSED, "COMPLIANT": PASSED, "ACCEPTABLE": PASSED, "SKIPPED": SKIPPED}
"""DEVIATION (a SHOULD), ERROR (a MUST) and CRITICAL count as failed."""


def run(target: Target, work: Path) -> list[Check]:
    """Every result line of the tester."""
    from httpx2 import Client
    from scim2_client.engines.httpx2 import SyncSCIMClient

    # By name: it is installed in build/conformance, not where the types are checked.
    check_server = import_module("scim2_tester").check_server

    verify = ssl.create_default_context(cafile=target.ca_file) if target.ca_file else True
    with Client(
        base_url=target.url,
        headers={"Authorization": f"Bearer {target.token}"},
        verify=verify,
        timeout=30,
    ) as http:
        results = check_server(SyncSCIMClient(http))
    return [
        Check(
            f"{result.resource_type or 'server'}: {result.title}",
            VERDICTS.get(result.status.name, FAILED),
            ""
            if result.status.name == "SUCCESS"
            else one_line(f"{result.status.name}: {result.reason or ''} {result.data or ''}"),
            one_line((result.description or "").partition(".")[0]),
        )
        for result in results
    ]
