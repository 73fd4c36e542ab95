"""Writes docs/reference/scenario-format.md from the JSON Schema of scenarios."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from mockhost.actions import VERBS
from mockhost.scenario import schema, steps
from tools.docs import ROOT, File, anchor

PAGE = ROOT / "docs" / "reference" / "scenario-format.md"
Schema = Mapping[str, Any]

HEAD = """\
# Scenario files, format 1

<!-- Written by python -m tools.docs scenario_format from mockhost/scenario/schema.json; don't edit. -->

A scenario file is YAML 1.2 or JSON.
`mockhost init mine.yaml` writes one to start from, `mockhost validate ./mine.yaml` reports all its mistakes, \
and `mockhost check ./mine.yaml` plays it.
`mockhost schema` prints the JSON Schema (2020-12) of this page, for editors.

<!-- run -->
```yaml
format: 1
extends: basics/healthy
title: The password of the service account has changed
why: >
  The connector can't write any more, and every export fails.
tags: [mine, export]
cause: no_right_to_write
client_should: report

connectors:
  SQL:
    system: {rights: [read]}

expect:
  - send: create
    attributes: {ContosoLogin: bob, FirstName: Bob, LastName: Kelly}
    gets: {status: 403}
cure:
  - {set: {connectors.SQL.system.rights: [read, write]}}
  - {service: restart}
cured:
  - send: create
    attributes: {ContosoLogin: bob, FirstName: Bob, LastName: Kelly}
    gets: {status: 201}
```

## General rules

- A file has at most one parent, named by `extends`: a shipped name (`basics/healthy`) or a file (`./base.yaml`).
  Maps merge deeply, lists and scalars replace, `null` removes.
  `--set PATH=VALUE`, `mockhost control set` and the keyword arguments of `MockHost` merge in the same way.
- A key that is not on this page is a problem, with "did you mean"; \
so is a number where a string is expected (`textID: 1001` should be `"1001"`).
- In YAML 1.2, `yes`, `no`, `on` and `off` are strings.
- A duration has a unit: `250ms`, `2s`, `3m`, `2h`, `730d`.
- `${name}` in any text stands for a variable of [`vars`](#vars); `$${` stands for a literal `${`.
- In steps, `{{name}}` stands for a value that an earlier step stored with `capture`.
- Files that a scenario names (`objects_file`, `body_file`) are in its own folder or below, \
also if a later `set` names them.
- A document [from the network](control-api.md#what-a-document-may-name) can name only files that the operator allows.
- For a valid setting without effect, such as a rule that can never fire, `mockhost validate` prints a warning; \
`--strict` makes it a problem.
- A file has at most 1 MiB and 60,000 values; a data file beside it 256 MiB.
- An `objects_file` in CSV has a header row with the column names. \
Commas, semicolons or tabs separate the cells, `|` separates several values in one cell; an empty cell is no value. \
UTF-8, UTF-16 with a byte order mark, and the first lines `#TYPE …` of PowerShell and `sep=;` of Excel are supported.
"""


class Part(NamedTuple):
    """One section of the page: a definition of the schema (or the root) and what is said before its table."""

    title: str
    definition: str | None
    text: str = ""


TLS_TEXT = """\
The certificate on the port and how it is used: a shorthand, or a map of the properties below, which can be combined.

| word | means |
|---|---|
| `expired` | expired a day ago |
| `not_yet_valid` | valid from tomorrow |
| `wrong_name` | issued for `ecma-server-01.contoso.lab` instead of the name in the tenant URL |
| `untrusted` | issued by an authority that clients do not trust |
| `wrong_usage` | issued for clients, not for servers |
| `none` | no certificate is bound: every handshake is reset |
| `plain_http` | no TLS at all |

A certificate for `localhost` also names 127.0.0.1, ::1, the machine's name and each `--tls-name`.
"""
STATES_TEXT = """\
Named states of the host, or of a connector. Each is a map with the next state and what happens on entering.
`initial` names the first state; the default is the first one in the map.
[How states, rules and windows work together](../explanation/rules.md).
"""
PARTS = (
    Part("The file", None),
    Part("vars", "variable", "Each variable is a value, or a map that says where it comes from."),
    Part("clock", "clock"),
    Part("host", "host"),
    Part("host.tls", "tls", TLS_TEXT),
    Part("connectors.NAME", "connector"),
    Part("connectors.NAME.system", "system"),
    Part("connectors.NAME.system.columns.NAME", "column", "A column is a type, or a map with:"),
    Part("connectors.NAME.system.people", "people", "A number of people, or a map with:"),
    Part("An object", "object"),
    Part("client.NAME", "client"),
    Part("timeline", "moment", "A list of moments, each a map with:"),
    Part("Changes in connected systems", "changes"),
    Part("rules", "rule", "A list of rules, each a map with:"),
    Part("rules[].when", "when"),
    Part("rules[].reply", "reply"),
    Part("rules[].delay", "delay", "A length of time, or a map with one of:"),
    Part("rules[].sequence", "sequence_step", "A list of steps, each a map with:"),
    Part("states.NAME", "state", STATES_TEXT),
    Part(
        "Operations",
        "operation",
        "It follows from method, path and the presence of a filter, also for a refused request.",
    ),
    Part("Steps", "step", "`expect`, `cure`, `cured` and `wrong_cure` are lists of steps."),
    Part("gets", "gets"),
    Part(
        "Matchers",
        "matcher",
        "Where a value is compared, it is a literal (deep equality) or a map of these words.",
    ),
)
LINKED = {part.definition: part.title for part in PARTS if part.definition}
WORDS = {
    "string": "text",
    "integer": "whole number",
    "number": "number",
    "boolean": "true or false",
    "object": "map",
    "array": "list",
    "null": "null",
}
WORD_OF = {"gets": "map", "sequence_step": "step"}
ELSEWHERE = {
    "fault": "[fault](../faults.md)",
    "faults": "[fault](../faults.md), or list of them",
}
"""Definitions with a page of their own."""
SHORT = {
    "duration": "duration",
    "relative_duration": "duration, also negative",
    "duration_or_never": "duration or `never`",
}


def definition(ref: str) -> tuple[str, Schema]:
    """The name and body of what a `$ref` points to."""
    name = ref.rpartition("/")[2]
    return name, schema.root()["$defs"][name]


def kind(part: Schema) -> str:
    """A schema's type in words, with a link where it has a section of its own."""
    if "$ref" in part:
        name, target = definition(part["$ref"])
        if name in SHORT:
            return SHORT[name]
        if name in ELSEWHERE:
            return ELSEWHERE[name]
        if name in LINKED:
            return f"[{WORD_OF.get(name, name)}](#{anchor(LINKED[name])})"
        return kind(target)
    if "anyOf" in part:
        return ", or ".join(dict.fromkeys(map(kind, part["anyOf"])))
    if "const" in part:
        return f"`{json.dumps(part['const'])}`"
    if "enum" in part:
        return ", ".join(f"`{value}`" for value in part["enum"])
    named = part.get("type")
    if named is None:
        return "any value"
    if named == "array":
        return f"list of {_grouped(part['items'])}" if "items" in part else "list"
    if named == "object":
        inner = part.get("properties")
        if inner:
            return "map"
        values = part.get("additionalProperties")
        return f"map of {_grouped(values)}" if isinstance(values, Mapping) else "map"
    return " or ".join(WORDS[name] for name in ([named] if isinstance(named, str) else named))


def _grouped(part: Schema) -> str:
    """A type in brackets where it is a choice."""
    words = kind(part)
    return f"({words})" if " or " in words else words


class Row(NamedTuple):
    """A line of a table."""

    key: str
    kind: str
    default: str
    text: str


def rows(part: Schema, prefix: str = "") -> Iterator[Row]:
    """The keys of a map, and below each the keys of maps that have no section of their own."""
    needed = part.get("required", ())
    for name, inner in part.get("properties", {}).items():
        if "x-reserved" in inner or name == "$schema":
            continue
        default = (
            f"`{json.dumps(inner['default'])}`" if "default" in inner else "needed" if name in needed else ""
        )
        yield Row(prefix + name, kind(inner), default, _description(inner))
        yield from _nested(inner, prefix + name)


def _description(part: Schema) -> str:
    """What a key means: its own words, or the first sentence of what it refers to."""
    if "description" in part or "$ref" not in part:
        return str(part.get("description", ""))
    said = str(definition(part["$ref"])[1].get("description", ""))
    return said.partition(". ")[0].rstrip(".") + "."


def _nested(inner: Schema, path: str) -> Iterator[Row]:
    for below, suffix in _inline(inner):
        if below.get("type") == "object" and below.get("properties"):
            yield from rows(below, f"{path}{suffix}.")


def _inline(inner: Schema) -> Iterator[tuple[Schema, str]]:
    """The maps in a schema that is described where it is used."""
    if "$ref" in inner:
        name, target = definition(inner["$ref"])
        if name not in LINKED and name not in ELSEWHERE:
            yield from _inline(target)
        return
    yield inner, ""
    for branch in inner.get("anyOf", ()):
        yield from _inline(branch)
    if isinstance(inner.get("items"), Mapping):
        for below, _ in _inline(inner["items"]):
            yield below, "[]"


def reserved(part: Schema) -> list[str]:
    """The keys of a map that a later release will fill."""
    return [name for name, inner in part.get("properties", {}).items() if "x-reserved" in inner]


def section(part: Part) -> str:
    """One section with its table."""
    body: Schema = schema.root() if part.definition is None else schema.root()["$defs"][part.definition]
    lines = [f"## {part.title}", ""]
    if part.text:
        lines += [part.text.rstrip(), ""]
    description = body.get("description", "")
    if description and part.definition is not None and not part.text:
        lines += [*_sentences(description), ""]
    if part.definition == "operation":
        lines += [", ".join(f"`{name}`" for name in body["enum"]) + ".", ""]
    found = list(_rows_of(part.definition, body))
    if found:
        lines += [*table(("key", "is", "default", "means"), found), ""]
    if held := reserved(body):
        lines += ["Reserved for a later release: " + ", ".join(f"`{name}`" for name in held) + ".", ""]
    if part.definition == "step":
        lines += [*_siblings(), ""]
    return "\n".join(lines)


def _rows_of(name: str | None, body: Schema) -> Iterator[Row]:
    if name == "variable":
        for branch in body["anyOf"]:
            yield from rows(branch)
    elif name == "delay":
        yield from rows(body["anyOf"][1])
    elif name == "changes":
        yield from rows(body["additionalProperties"], "CONNECTOR.")
    else:
        yield from rows(body)


def _siblings() -> list[str]:
    """Which keys go with each `send`."""
    always = sorted(frozenset.intersection(*steps.SIBLINGS.values()) - {"send"})
    lines = [
        f"A step does one thing: {', '.join(f'`{verb}`' for verb in VERBS)}.",
        "`note` goes with each.",
        f"With every `send` go {', '.join(f'`{key}`' for key in always if key != 'note')}; besides them:",
        "",
        "| `send` | keys |",
        "|---|---|",
    ]
    for send, keys in steps.SIBLINGS.items():
        own = sorted(keys - set(always) - {"send"})
        lines.append(f"| `{send}` | {', '.join(f'`{key}`' for key in own)} |")
    return lines


def _sentences(text: str) -> list[str]:
    """One sentence a line."""
    return text.replace(". ", ".\n").split("\n")


def table(head: tuple[str, ...], found: Iterable[tuple[str, ...]]) -> list[str]:
    """A Markdown table; the first cell of a row is a name."""
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for key, *cells in found:
        escaped = [cell.replace("|", "\\|").replace("<", "\\<") for cell in (f"`{key}`", *cells)]
        lines.append("| " + " | ".join(escaped) + " |")
    return lines


def page() -> str:
    """The whole page."""
    return (HEAD + "\n" + "\n".join(map(section, PARTS))).rstrip("\n") + "\n"


FILES = (File(PAGE, page),)
