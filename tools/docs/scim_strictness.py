"""Writes docs/scim-strictness.md from mockhost/facts: where SCIM providers differ."""

from __future__ import annotations

from mockhost.connectors.provider.strictness import LEVELS, OFFERS, TABLE, Row, default_of
from tools.docs import ROOT, File, table

PAGE = ROOT / "docs" / "scim-strictness.md"
HEAD = """\
# Strictness: what a SCIM connector forgives

<!-- Written by python -m tools.docs scim_strictness from mockhost/facts; don't edit. -->

A [connector of kind `scim`](how-to/scim-connector.md) has a strictness:

| level | is |
|---|---|
| `strict` | RFC 7643 and RFC 7644 to the letter |
| `entra`, the default | what Microsoft Entra's provisioning service needs forgiven, and Microsoft's own tests |
| `lenient` | what the most forgiving providers do |

The level is a behaviour of the connector, and each row below can be set beside it:

<!-- run -->
```yaml
format: 1
title: To the letter, but a group is changed without an answer
connectors:
  SCIM:
    kind: scim
    secret_token: correct-horse-battery
    behaviours: {strictness: strict, patch_answer: groups}
```

What a connector announces in `/Schemas` and `/ResourceTypes` follows from its rows.
"""
TAIL = """\
What no level does otherwise is in no row: a userName that is taken is 409 `uniqueness`, a search that finds nothing \
is 200 with an empty list, and `If-Match` with another version is 412.
"""


def page() -> str:
    """The whole page, ending with a newline."""
    parts = [
        HEAD,
        offers(),
        "## In short\n",
        summary(),
        *(section(name, row) for name, row in TABLE.items()),
        TAIL,
    ]
    return "\n".join(parts)


def summary() -> str:
    """Every row with its value at each level."""
    return table(
        ("row", *(f"`{level}`" for level in LEVELS)),
        (
            (f"[`{name}`](#{name})", *(f"`{getattr(row, level)}`" for level in LEVELS))
            for name, row in TABLE.items()
        ),
    )


def offers() -> str:
    """What a provider can be told not to offer, and its limits."""
    rows = (
        (
            f"`{name}`",
            offer.title,
            f"`{default_of(name)}`".lower(),
            f"`{offer.announced}`",
            offer.without,
            offer.source,
        )
        for name, offer in OFFERS.items()
    )
    head = ("behaviour", "what", "default", "announced as", "without it, or beyond it", "source")
    return f"""\
## What a connector offers

Switches and limits that `/ServiceProviderConfig` announces and that hold, set among the behaviours as well:

<!-- run -->
```yaml
format: 1
title: A small provider without PATCH
connectors:
  SCIM:
    kind: scim
    secret_token: correct-horse-battery
    behaviours: {{patch: false, bulk: false, sort: false, max_results: 50}}
```

{table(head, rows)}"""


def section(name: str, row: Row) -> str:
    """What a row is about, what its values mean, who has which, and who says so."""
    values = table(
        ("value", "means", "at"),
        ((f"`{value}`", words, at(row, value)) for value, words in row.values.items()),
    )
    return f"## `{name}`\n\n{row.title}.\n\n{values}\nSource: {row.source}.\n"


def at(row: Row, value: str) -> str:
    """The levels that have this value."""
    return ", ".join(f"`{level}`" for level in LEVELS if getattr(row, level) == value) or "where it is set"


FILES = (File(PAGE, page),)
