"""Writes docs/reference/provisioning.md from the JSON Schema, the functions, operators and error codes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from mockhost.cli import provisioning_file
from mockhost.entra import functions, portal, users
from tools.docs import ROOT, File, anchor, table

PAGE = ROOT / "docs" / "reference" / "provisioning.md"
REFERENCE = (
    "https://learn.microsoft.com/entra/identity/app-provisioning/functions-for-customizing-application-data"
)
PREFIX = "SystemForCrossDomainIdentityManagement"
_PLACEHOLDER = re.compile(r"\{(relayed|answer|body)\}")
HEAD = """\
# Provisioning

<!-- Written by python -m tools.docs provisioning; don't edit. -->

What a provisioning.yaml can say, and what the provisioning service of `mockhost provision` does by it.
[How to provision users](../how-to/provision-users.md) shows it at work.

## provisioning.yaml

The file is validated like a scenario: every mistake is named with its line, its column and a hint.
`mockhost provision schema` prints its JSON Schema.

{keys}
## Expressions

Source: Microsoft Learn, \
[Reference for writing expressions for attribute mappings]({url}).
Names are case-sensitive, `[attribute]` is found in any case, and a mistake is named with its character.
An expression has 10,000 characters and 50 levels at most.

{functions}
Other functions of that page are refused by name:

{refused}
`[IsSoftDeleted]` is computed: true for a user that is disabled, deleted, unassigned or out of scope.
Of a guest's `[userPrincipalName]` the service removes `#EXT#`; `[originalUserPrincipalName]` has it.
`Guid` and `RandomString` give the same value each time for the same user, attribute and `settings.seed`.

## Operators of scoping filters

{operators}

An attribute without a value makes a clause fail, except `IS NULL`.

## Error codes

What a record of the log says by the answer of the target.
*Again* says when the user is tried again: with the next cycle, or 6, 12 and 24 hours after \
the first failure and then every day (escrow).

{codes}
## What a failure on the way becomes

The agent stands between the service and the target, and reports what it meets there.
*Log* is the error code of a user's record if the failure begins in the middle of a cycle; where it is empty, the \
status says it (above).
A test reproduces every row. `mockhost test-connection` and `mockhost portal test` name the scenario and the next step.

{agent_errors}
## What is assumed

- A user that is disabled in the source and not in the target is not created.
- A `DELETE` that is answered with 404 counts as done.
- A job in quarantine tries all users again that failed, whether their retry is due or not.
- The proportion of failures is taken over all users that the job knows.
- Requests are sent one after the other on one connection; an answer may take 100 seconds.
- What a target answers with `Retry-After` is waited for once, if it is at most 60 seconds.
- The agent adds nothing to a request.
- A request that hangs takes 10 minutes of virtual time where there is an agent.

Not here: groups, several roles, dates in expressions, and the documented mistake of `Switch`, which gives null when \
another attribute changed.
"""


def page() -> str:
    """The whole page, ending with a newline."""
    known = table(
        ("function", "arguments"),
        [(f"`{name}`", f"`{function.signature}`") for name, function in sorted(functions.FUNCTIONS.items())],
    )
    refused = table(
        ("function", "why"), [(f"`{name}`", why) for name, why in sorted(functions.REFUSED.items())]
    )
    return HEAD.format(
        keys=table(("key", "what it says"), keys(provisioning_file.schema(), "")),
        url=REFERENCE,
        functions=known,
        refused=refused,
        operators=", ".join(f"`{name}`" for name in users.OPERATORS),
        codes=table(("answer", "code", "again", "evidence", "source"), codes()),
        agent_errors=table(
            ("failure", "Test connection", "log", "scenario", "next step", "evidence"), errors()
        ),
    )


def keys(part: Mapping[str, Any], path: str) -> Iterator[tuple[str, str]]:
    """The keys of a part of the schema with their descriptions, depth first."""
    for name, inner in part.get("properties", {}).items():
        if name == "$schema":
            continue
        here = f"{path}.{name}" if path else name
        yield f"`{here}`", described(inner)
        for below in (inner, *inner.get("anyOf", ())):
            yield from keys(below, here)
            entry = below.get("items", below.get("additionalProperties"))
            for each in [entry, *entry.get("anyOf", ())] if isinstance(entry, dict) else []:
                yield from keys(each, f"{here}[]" if "items" in below else f"{here}.*")


def described(part: Mapping[str, Any]) -> str:
    """A key's description, with the values that it can have."""
    values = f" One of {', '.join(f'`{each}`' for each in part['enum'])}." if "enum" in part else ""
    default = f" Default: `{part['default']}`." if "default" in part else ""
    return f"{part['description']}{values}{default}"


def codes() -> Iterator[tuple[str, ...]]:
    """The answers and their codes."""
    for row in portal.failures().values():
        yield row.answer, f"`{row.code}`", row.again, row.evidence, row.source


def errors() -> Iterator[tuple[str, ...]]:
    """The agent's errors."""
    for row in portal.agent_errors().values():
        code = f"`{row.code.removeprefix(PREFIX)}`: " if row.code else ""
        text = _PLACEHOLDER.sub("…", row.text)
        link = f"[{row.likely}](scenarios.md#{anchor(row.likely)})" if row.likely else ""
        yield row.what, code + text, f"`{row.log}`" if row.log else "", link, row.next, row.evidence


FILES = (File(PAGE, page),)
