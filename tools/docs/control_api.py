"""Writes docs/reference/control-api.md from the OpenAPI document that the control plane serves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from mockhost.control.openapi import document
from tools.docs import ROOT, File, anchor

PAGE = ROOT / "docs" / "reference" / "control-api.md"
Schema = Mapping[str, Any]

HEAD = """\
# Control API

<!-- Written by python -m tools.docs control_api from the control plane's OpenAPI document; don't edit. -->

The control plane is always available, in whatever state the data plane is: \
`http://127.0.0.1:8586` for `mockhost serve`, `$MOCKHOST_CONTROL_URL` within `mockhost run`, \
`host.control_url` in Python.
`mockhost control` uses it from the command line.
`/v1/openapi.json` describes it (OpenAPI 3.1); this page is generated from that document.

<!-- run -->
```console
$ echo 'curl -sS $MOCKHOST_CONTROL_URL/v1/health' > ask.sh
$ echo 'curl -sS $MOCKHOST_CONTROL_URL/v1/service --json "{\\"action\\": \\"stop\\"}"' >> ask.sh
$ echo 'curl -sS -X PUT $MOCKHOST_CONTROL_URL/v1/host --json "{\\"set\\": {\\"host.dbug\\": true}}"' >> ask.sh
$ mockhost run basics/healthy -- sh ask.sh
{"status":"ok",…,"scenario":"basics/healthy","epoch":0,"service":"running"}
{"configured":"running","effective":"stopped","restart_pending":false}
{"error":{"message":"1 problem in the scenario",…unknown key 'dbug'…did you mean 'debug'?…
```

## Access

- Send every change as `Content-Type: application/json`.
- The `Host` header must be an address or name of this machine, \
and an `Origin` header its own: other web sites can't use it.
- A browser's `Sec-Fetch-Site` header must be `same-origin` or `none`.
- On loopback there is no token.
  On other addresses (`--control-host`), everything but `GET /v1/health` needs \
`Authorization: Bearer …` with the token that `mockhost` printed or was given by `--control-token`.
- Only `/v1/truth` returns secrets.

## What a document may name

mockhost does not trust a scenario, a setting or a rule that is sent here.
It may name scenarios on the host's shelves (`basics/healthy`), but no other file, parent or environment variable.
`mockhost serve --control-files DIR` allows a folder: a file in it may be a scenario, a parent, an `objects_file` or a \
`body_file`, named by its path from there.
`mockhost serve --control-env NAME` allows a variable.
A refusal does not depend on whether the file or variable exists.

`mockhost control` and the pytest plugin read files and variables on their own side, and send one document.
A value that came from the client's environment is sent as `{"value": …, "secret": true}` in `vars`, and is redacted \
on the host as well.
A body that is not text is sent as `body_base64`.

## Errors

Every error is `{"error": {"message": …, "hint": …}}`; for an invalid scenario, \
`problems` lists all mistakes, each with `file`, `line`, `column`, `path`, `message` and `hint`.

| status | means |
|---|---|
{statuses}
"""


def page() -> str:
    """The whole page, ending with a newline."""
    described = document()
    operations = list(_operations(described))
    head = HEAD.replace("{statuses}", "\n".join(_statuses(operations)))
    parts = [head, "## Endpoints", "\n".join(_contents(operations))]
    parts += [_endpoint(path, method, operation) for path, method, operation in operations]
    parts += [
        "## Shapes",
        *(
            _shape(name, schema)
            for name, schema in described["components"]["schemas"].items()
            if name != "Error"
        ),
    ]
    return "\n\n".join(part.strip("\n") for part in parts) + "\n"


def _operations(described: Schema) -> Iterator[tuple[str, str, Schema]]:
    for path, methods in described["paths"].items():
        for method, operation in methods.items():
            yield path, method.upper(), operation


def _statuses(operations: list[tuple[str, str, Schema]]) -> list[str]:
    known = {
        status: answer["description"]
        for _, _, operation in operations
        for status, answer in operation["responses"].items()
        if status >= "400"
    }
    return [f"| {status} | {known[status]} |" for status in sorted(known)]


def _contents(operations: list[tuple[str, str, Schema]]) -> Iterator[str]:
    yield "| | | |\n|---|---|---|"
    for path, method, operation in operations:
        yield f"| {method} | [`{path}`](#{anchor(f'{method} {path}')}) | {operation['summary']} |"


def _endpoint(path: str, method: str, operation: Schema) -> str:
    lines = [f"### {method} {path}", "", operation["summary"]]
    if said := operation.get("description"):
        lines.append(said)
    asked = [each for each in operation.get("parameters", ()) if each["in"] == "query"]
    if asked:
        lines += ["", "| query | is | means |", "|---|---|---|"]
        lines += [f"| `{each['name']}` | {_kind(each['schema'])} | {each['description']} |" for each in asked]
    if "requestBody" in operation:
        lines += _body(operation["requestBody"]["content"]["application/json"]["schema"])
    status, answer = next((s, a) for s, a in operation["responses"].items() if s < "400")
    kinds = ", ".join(f"`{kind}`" for kind in answer["content"] if kind != "application/json")
    shown = f"Answers {status}: {answer['description'].rstrip('.')}"
    schema = next(iter(answer["content"].values()))["schema"]
    lines += ["", f"{shown}{_answered(schema)}{f' ({kinds})' if kinds else ''}."]
    return "\n".join(lines)


def _answered(schema: Schema) -> str:
    if "$ref" in schema:
        return f", as {_kind(schema)}"
    keys = schema.get("properties")
    return f", with {', '.join(f'`{key}` ({_kind(inner)})' for key, inner in keys.items())}" if keys else ""


def _body(schema: Schema) -> list[str]:
    keys = schema.get("properties", {})
    if not keys:
        said = schema.get("description")
        return ["", f"Send {said}." if said else "Send nothing, or `{}`."]
    said = schema.get("description", "")
    lines = ["", f"{said[:1].upper()}{said[1:].rstrip('.')}."] if said else []
    lines += ["", "| send | is | means |", "|---|---|---|"]
    rows: dict[tuple[str, str], list[str]] = {}
    for name, inner in keys.items():
        needed = ", needed" if name in schema.get("required", ()) else ""
        rows.setdefault((_kind(inner) + needed, inner.get("description", "")), []).append(f"`{name}`")
    return lines + [f"| {', '.join(names)} | {kind} | {text} |" for (kind, text), names in rows.items()]


def _kind(schema: Schema) -> str:
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "enum" in schema:
        return " or ".join(f"`{value}`" for value in schema["enum"])
    named = schema.get("type", "any value")
    names = [named] if isinstance(named, str) else named
    if "array" in names:
        return f"array of {_kind(schema['items'])}" if schema.get("items") else "array"
    values = schema.get("additionalProperties")
    if "object" in names and isinstance(values, Mapping):
        return f"object, by name: {_kind(values)}"
    return " or ".join(names)


def _shape(name: str, schema: Schema) -> str:
    lines = [f"### {name}", "", "| key | is |", "|---|---|"]
    for key, inner in schema["properties"].items():
        lines.append(f"| `{key}` | {_kind(inner)} |")
        for below, inside in inner.get("properties", {}).items():
            lines.append(f"| `{key}.{below}` | {_kind(inside)} |")
    return "\n".join(lines)


FILES = (File(PAGE, page),)
