"""Writes docs/faults.md and what the scenarios' schema says of faults, from the faults themselves.

The schema lets any name and any parameter pass: it is there for an editor's completion, and what is wrong with a fault
is told by mockhost/faults/parameters.py, in words that no schema has.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from mockhost.faults import ALIASES, FAULTS, GROUPS, find
from mockhost.faults.declare import Fault, Parameter
from mockhost.faults.describe import (
    TITLES,
    completion,
    connection,
    example,
    flow,
    kind,
    offered,
    seen,
    sentence,
    write,
)
from mockhost.scenario import schema, shelves
from tools import fault_clients
from tools.docs import ROOT, File, anchor, table

_MARKED = {"requests": "`requests`", "in gets": "in `gets`"}
"""Labels with a name of code in them."""
PAGE = ROOT / "docs" / "faults.md"
HEAD = """\
# Faults

<!-- Written by python -m tools.docs faults from mockhost/faults; don't edit. -->

A fault is a failure on purpose: of an answer, of a connection, or of the host itself.
[Rules](reference/scenario-format.md#rules) say when it happens. This page describes all {count} faults.

<!-- run -->
```yaml
format: 1
extends: basics/healthy
title: The first two creates are reset, and the client does not know whether the user was created

rules:
  - when: {{operation: create_user}}
    sequence: [{{fault: connection_reset, write: applied, times: 2}}, {{reply: normal}}]

expect:
  - {{send: create, attributes: {{ContosoLogin: bob, FirstName: Bob, LastName: Kelly}}, gets: {{ends: rst}}}}
  - {{send: find, where: {{ContosoLogin: bob}}, gets: {{status: 200, totalResults: 1}}}}
```

In Python, use `host.fail_next("create_user", fault="connection_reset")`; on a running host,
`mockhost control rules add '{{"when": {{"operation": "create_user"}}, "fault": "connection_reset"}}'`.

## How to write a fault

| written | means |
|---|---|
| `fault: connection_reset` | the fault, with the defaults of its parameters |
| `fault: {{truncated_body: {{after_bytes: 20, how: rst}}}}` | with parameters |
| `fault: {{http_error: 503}}` | with its main parameter, **bold** below |
| `fault: [missing_id, dribble]` | several faults, applied in this order |
| {aliases} | WireMock's names, for {aliased} |

- **A write** says whether a write (create, replace, patch, delete) happens although the fault applies. \
`write: applied` or `write: not_applied` on the rule overrides it.
- **The connection** says whether the connection is kept. It is closed by every fault that breaks framing.
- The text for `requests` starts with the class of its exception, or with the status; \
the text for curl starts with its exit code. The tests run both against each fault.
- The text for .NET is what the agent logs and what the portal shows. \
It was not measured: it is from the named source, or assumed.
- **In `gets`** is how a [step](reference/scenario-format.md#steps) asserts it.
- A fault that this platform does not support, an unknown name and an unknown parameter \
are refused when the scenario is loaded, with a hint.

[How to make a fault of your own](how-to/CREATING_FAULTS.md).
"""
GROUP_TEXTS = {
    "transport": (
        "The answer is as always, and its way to the client is not: it is cut, slowed, scrambled, or it never comes.\n"
        "Counts of bytes are of the body before TLS.\n"
        "The faults whose names begin with `upload`, and `slow_upload`, are of the other direction: they are decided "
        "when the head of a request with a body was read, so the rule's `when` can't ask for `attributes` and `body`."
    ),
    "tls": (
        "What a connection is met with before a byte of a request was read.\n"
        "So the rule's `when` can ask for `connection.nth`, `in_state`, `nth`, `after`, `every` and `for`, and for "
        "nothing that is in a request.\n"
        "They hold for handshakes that begin after them, resumed sessions too; over plain HTTP they do nothing.\n"
        "A rule with one of them says nothing of an answer: `delay`, `write` and `reply` beside it are refused.\n"
        "To change a certificate for good, write `set: {host.tls: expired}`, in a rule or in a state."
    ),
    "http": (
        "Status and headers: what the host, http.sys or something between them and the client says instead."
    ),
    "body": (
        "The answer comes, and it is not what SCIM says it is.\nAn answer that the fault can't be applied to (no JSON, "
        "no resources) passes as it is."
    ),
    "host": (
        "The host itself is put into a state, and then answers the request, and those after it, in that state.\n"
        "Nothing of the answer is made up: the stale cache is a cache, the rotated token was rotated.\n"
        "So the cure that Microsoft documents cures it."
    ),
}


def page() -> str:
    """The whole page, ending with a newline."""
    wiremock = {alias: name for alias, name in ALIASES.items() if alias.isupper()}
    aliases = ", ".join(f"`{alias}`" for alias in wiremock)
    aliased = ", ".join(f"`{name}`" for name in wiremock.values())
    head = HEAD.format(count=len(FAULTS), aliases=aliases, aliased=aliased)
    scenarios = shown_by()
    return "\n".join([head, contents(), *(group(name, scenarios) for name in GROUPS), other_clients()])


def contents() -> str:
    """All names, by group."""
    rows = [
        (f"[{TITLES[name]}](#{anchor(TITLES[name])})", ", ".join(map(link, members(name)))) for name in GROUPS
    ]
    return table(("", "faults"), rows)


def members(group_name: str) -> list[str]:
    """The faults of a group, in the order of the registry."""
    return [name for name, group in FAULTS.items() if group == group_name]


def link(name: str) -> str:
    return f"[`{name}`](#{anchor(name)})"


def group(name: str, scenarios: Mapping[str, list[str]]) -> str:
    """A group: a table to choose from, and each fault in full."""
    title, text = TITLES[name], GROUP_TEXTS[name]
    faults = [find(each) for each in members(name)]
    rows = [(link(fault.name), fault.title, write(fault), connection(fault)) for fault in faults]
    parts = [
        f"## {title}\n\n{text}\n",
        table(("fault", "what goes wrong", "a write", "the connection"), rows),
    ]
    return "\n".join([*parts, *(in_full(fault, scenarios.get(fault.name, [])) for fault in faults)])


def in_full(fault: Fault, scenarios: list[str]) -> str:
    """One fault: what it is, what it can be told, and what is seen of it."""
    lines = [f"### {fault.name}", "", f"{fault.title}.", "", "```yaml", f"fault: {example(fault)}", "```", ""]
    if fault.parameters:
        rows = (parameter(name, each, fault) for name, each in fault.parameters.items())
        lines += [table(("parameter", "is", "default", "means"), rows)]
    shown = [
        (_MARKED.get(label, label), f"`{text}`" if label == "in gets" else text)
        for label, text in seen(fault).items()
    ]
    if alias := [f"`{alias}`" for alias, name in ALIASES.items() if name == fault.name]:
        shown.append(("also called", ", ".join(alias)))
    if scenarios:
        links = (f"[`{name}`](reference/scenarios.md#{anchor(name)})" for name in scenarios)
        shown.append(("shown by", ", ".join(links)))
    return "\n".join([*lines, table(("", "seen"), shown)])


def parameter(name: str, each: Parameter, fault: Fault) -> tuple[str, str, str, str]:
    """A row of the table of parameters."""
    shown = f"**`{name}`**" if name == fault.main else f"`{name}`"
    default = "needed" if each.required else "" if each.default is None else f"`{flow(each.default)}`"
    takes = ", ".join(map(code, each.choices)) or kind(each)
    return shown, takes, default, sentence(fault.descriptions[name])


def shown_by() -> Mapping[str, list[str]]:
    """The shipped scenarios of each fault: the one of its name first, then those whose cause or rules name it."""
    from mockhost.scenario import loader

    found: dict[str, list[str]] = {}
    for name in shelves.names(env={}):
        if not name.startswith("faults/"):
            continue
        scenario = loader.load(name, env={})
        text = json.dumps(scenario.document.get("rules", []))
        for fault in FAULTS:
            if name == f"faults/{fault}":
                found.setdefault(fault, []).insert(0, name)
            elif scenario.cause == fault or f'"{fault}"' in text:
                found.setdefault(fault, []).append(name)
    return found


# -- httpx and fetch ---------------------------------------------------------------------------------------------

OTHERS = """\
## What httpx and Node's fetch say

Each fault of the transport and of TLS, with the parameters shown above, was run against both clients once: \
{httpx}, {fetch}, each with a time-out of {patience} seconds.
`python tools/fault_clients.py` repeats that; the tests do not, so other versions may print other texts.

- httpx has a class for each kind of failure, all of them subclasses of `httpx.HTTPError`: \
after `ReadError` and `RemoteProtocolError` a retry makes sense; `ConnectError` also covers a wrong certificate.
- fetch has one class, `TypeError`: `fetch failed` before the head of the answer has arrived, `terminated` after it. \
The reason is in `error.cause` and, if there is one, in its `code`.
- fetch raises `TimeoutError` only with `AbortSignal.timeout`; by default it waits five minutes.
"""


def other_clients() -> str:
    """What the other clients reported in the last run with them."""
    kept = json.loads(fault_clients.KEPT.read_text("utf-8"))
    text = OTHERS.format(**kept["versions"], patience=fault_clients.PATIENCE)
    rows = [(link(name), code(row["httpx"]), code(row["fetch"])) for name, row in kept["rows"].items()]
    return f"{text}\n{table(('fault', 'httpx', 'fetch'), rows)}"


def code(text: str) -> str:
    return f"`{text}`"


# -- the schema --------------------------------------------------------------------------------------------------

_OLD = re.compile(r'\n    "fault[a-z_]*": ')
"""Where the definition of `fault`, or of one of its parts, begins; they stand together."""


def schema_text() -> str:
    """schema.json with what the registry says of faults in it; the rest stays as it was written."""
    text = schema.SCHEMA_FILE.read_text("utf-8")
    spans = [(each.start(), _end(text, each.end())) for each in _OLD.finditer(text)]
    made = ",".join(f'\n    "{name}": {written(part)}' for name, part in definitions().items())
    return text[: spans[0][0]] + made + text[spans[-1][1] :]


def _end(text: str, begin: int) -> int:
    """Where the JSON value that begins there ends."""
    return json.JSONDecoder().raw_decode(text, begin)[1]


def written(part: Mapping[str, Any]) -> str:
    """A definition as JSON: its own keys in one line, but each name of a fault in a line of its own."""
    lines = []
    for key, value in part.items():
        if key == "properties":
            inner = ",\n".join(f"        {json.dumps(name)}: {compact(each)}" for name, each in value.items())
            lines.append(f'"{key}": {{\n{inner}\n      }}')
        elif key == "anyOf":
            inner = ",\n".join(f"        {compact(each)}" for each in value)
            lines.append(f'"{key}": [\n{inner}\n      ]')
        else:
            lines.append(f"{json.dumps(key)}: {compact(value)}")
    return "{\n" + ",\n".join(f"      {line}" for line in lines) + "\n    }"


def compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def definitions() -> dict[str, Any]:
    """`fault`, `faults` and their two halves: a name, and a name with parameters."""
    name, parameters = {"$ref": "#/$defs/fault_name"}, {"$ref": "#/$defs/fault_parameters"}
    one = {"$ref": "#/$defs/fault"}
    return {
        "fault": {
            "description": "A fault: its name, or its name with parameters.",
            "anyOf": [name, parameters],
        },
        "faults": {
            "description": "What is wrong with the answer, the connection or the host: a fault by name, or several.",
            "anyOf": [name, parameters, {"type": "array", "minItems": 1, "items": one}],
        },
        "fault_name": {
            "description": "A fault by its name, with the defaults of its parameters.",
            "type": "string",
            "anyOf": [{"minLength": 1}, *(offered(alias, find(alias)) for alias in (*FAULTS, *ALIASES))],
        },
        "fault_parameters": {
            "description": "A fault by its name, and its parameters.",
            "type": "object",
            "minProperties": 1,
            "maxProperties": 1,
            "x-says": {"maxProperties": "a fault is one name and its parameters; several faults are a list"},
            "properties": {alias: completion(find(alias)) for alias in (*FAULTS, *ALIASES)},
            "additionalProperties": {"description": "Parameters."},
        },
    }


FILES = (
    File(schema.SCHEMA_FILE, schema_text),
    File(PAGE, page),
)
