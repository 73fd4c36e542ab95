"""The table of suites: what each is, what it asks of which scenario, and how it is run."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import NamedTuple

from conformance import clients, differential, fuzzing, okta, postman, sanity, tester, validator
from conformance.checks import Check, Unavailable
from conformance.files import edition
from conformance.target import Target

ENTRA, STRICT = "basics/scim", "basics/scim_strict"
BOTH = (ENTRA, STRICT)


class Suite(NamedTuple):
    name: str
    title: str
    source: str
    run: Callable[[Target, Path], list[Check]]
    version: Callable[[], str]
    scenarios: tuple[str, ...]


def _package(name: str) -> Callable[[], str]:
    def version() -> str:
        try:
            return distribution(name).version
        except PackageNotFoundError:
            raise Unavailable(f"{name} is not installed in this environment: make conformance") from None

    return version


SUITES = (
    Suite(
        "scim2-tester",
        "all of scim2-tester's checks, users and groups",
        "PyPI",
        tester.run,
        _package("scim2-tester"),
        BOTH,
    ),
    Suite("scim2-cli", "scim2-cli, command by command", "PyPI", clients.run_cli, _package("scim2-cli"), BOTH),
    Suite(
        "scim2-client",
        "scim2-client with discovered models",
        "PyPI",
        clients.run_scim2_client,
        _package("scim2-client"),
        BOTH,
    ),
    Suite(
        "scim-client",
        "Aplopio's scim-client",
        "PyPI",
        clients.run_scim_client,
        _package("scim-client"),
        BOTH,
    ),
    Suite(
        "scim-sanity", "scim-sanity's probe, strict mode", "PyPI", sanity.run, _package("scim-sanity"), BOTH
    ),
    Suite(
        "postman-scim-tests",
        'Microsoft\'s Postman collection "SCIM Tests"',
        "github.com/AzureAD/SCIMReferenceCode, by newman (npm)",
        postman.run_tests,
        postman.version_of(postman.TESTS),
        (ENTRA,),
    ),
    Suite(
        "postman-scim-inbound",
        'Microsoft\'s Postman collection "SCIM Inbound"',
        "github.com/AzureAD/SCIMReferenceCode, by newman (npm)",
        postman.run_inbound,
        postman.version_of(postman.INBOUND),
        (ENTRA,),
    ),
    Suite(
        "scim-validator",
        "what Microsoft's SCIM Validator asks, replayed",
        "its tests as Microsoft and others publish them; the validator is a web page",
        validator.run,
        lambda: "23 and 7 preview tests",
        (ENTRA,),
    ),
    Suite(
        "okta-spec",
        "Okta's SCIM 2.0 SPEC test",
        "github.com/okta/okta-developer-docs",
        okta.run,
        lambda: edition(okta.FILE),
        BOTH,
    ),
    Suite(
        "differential",
        f"{differential.OPERATIONS:,} random operations beside scim2-server",
        "PyPI",
        differential.run,
        _package("scim2-server"),
        (STRICT,),
    ),
    Suite(
        "schemathesis",
        "schemathesis against the OpenAPI document made from discovery",
        "PyPI",
        fuzzing.run,
        _package("schemathesis"),
        BOTH,
    ),
)
