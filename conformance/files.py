"""Files of others that a suite needs and that no package registry has.

They are not part of this repository: who wants their suites lays them into build/conformance/files (or the folder that
CONFORMANCE_FILES names) under the names below. What is not there is reported as such, and the run goes on.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

from conformance.checks import Unavailable

ROOT = Path(__file__).parent.parent


class Source(NamedTuple):
    """Where a file is published, and its licence as far as its repository states it."""

    repository: str
    path: str
    licence: str


SOURCES = {
    "Okta-SCIM-20-SPEC-Test.json": Source(
        "github.com/okta/okta-developer-docs",
        "packages/@okta/vuepress-site/.vuepress/public/standards/SCIM/SCIMFiles/Okta-SCIM-20-SPEC-Test.json",
        "none stated for this file",
    ),
    "PostmanCollection.json": Source(
        "github.com/AzureAD/SCIMReferenceCode", "PostmanCollection.json", "see its repository"
    ),
    "SCIM Inbound.postman_collection.json": Source(
        "github.com/AzureAD/SCIMReferenceCode", "SCIM Inbound.postman_collection.json", "see its repository"
    ),
}


MARKS = {"Okta-SCIM-20-SPEC-Test.json": '"trigger_url"'}
"""What the publisher's own file holds and a copy by hand does not; for Postman's collections their id."""


def edition(name: str) -> str:
    """Whether the file is the publisher's own. Raises Unavailable."""
    own = MARKS.get(name, '"_postman_id"') in wanted(name).read_text("utf-8")
    return "as published" if own else "a copy by hand of the published file"


def folder() -> Path:
    return Path(os.environ.get("CONFORMANCE_FILES") or ROOT / "build" / "conformance" / "files")


def wanted(name: str) -> Path:
    """The file; raises Unavailable with where to get it."""
    path = folder() / name
    if path.is_file():
        return path
    source = SOURCES[name]
    raise Unavailable(
        f"{name} is not in build/conformance/files; it is published in {source.repository} as {source.path} "
        f"(licence: {source.licence}), and in no package of PyPI or npm"
    )
