"""Writes docs/reference/python-api.md from the docstrings of the Python face."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from types import FunctionType
from typing import Any

from mockhost import errors
from mockhost.api import MockHost
from mockhost.journal import Connection, Exchange, Journal, verification
from mockhost.rules.nearmiss import Miss, NearMiss
from mockhost.running import Checked, ClientTarget, Command, HostClock, RunningHost
from tools.docs import ROOT, File

PAGE = ROOT / "docs" / "reference" / "python-api.md"
HEAD = """\
# Python API

<!-- Written by python -m tools.docs python_api from the docstrings; don't edit. -->

`MockHost` is a running host in your own process, with its data plane and its control plane on free ports.

<!-- run -->
```python
from mockhost import MockHost

with MockHost("documented/secret_token_mismatch") as host:
    users = host.url("SQL") + "/Users"
    asked = {"filter": 'ContosoLogin eq "ljacobson"'}
    assert host.session("SQL").get(users, params=asked).status_code == 401

    right = {"Authorization": f"Bearer {host.truth('SQL').secret_token}"}
    answer = host.session("SQL").get(users, params=asked, headers=right)
    assert answer.json()["totalResults"] == 1

    host.verify(operation="find_users", status=401, count=1)
```

`url`, `token`, `headers` and `session` are what the *client was told*, including mistakes.
`truth` has the host's own values.
The virtual clock is frozen unless the scenario or `clock="wall"` sets it running.
`host.clock.advance(minutes=5)` advances it.
The default for a connector is the first one.
"""
METHODS = {
    "Start and stop": ("start", "stop", "reset", "reset_connector", "use", "load", "scenario"),
    "What the client was told, and the truth": (
        "url", "token", "headers", "session", "told", "truth", "clients", "connectors", "ca_file", "ssl_context",
        "client_certificate", "port", "control_url", "env", "ready",
    ),
    "What is inside": ("status", "objects", "cache", "change", "import_now", "service", "set"),
    "What goes wrong": (
        "fail_next", "add_rule", "rules", "remove_rule", "clear_rules", "state", "set_state", "release",
    ),
    "The Windows server around the host": ("windows",),
    "The portal": ("portal",),
    "What has happened": ("journal", "near_miss", "verify", "wait_for", "check"),
    "Any operation": ("call",),
}  # fmt: skip
JOURNAL = ("entries", "get", "connections", "verify")


def page() -> str:
    """The whole page, ending with a newline."""
    parts = [HEAD, "## MockHost", called(MockHost.__init__, "MockHost"), prose(MockHost)]
    listed: set[str] = set()
    for title, names in METHODS.items():
        listed.update(names)
        parts += [f"## {title}", *(member(MockHost, name, "host") for name in names)]
    if left := [name for name in (*public(RunningHost), *public(MockHost)) if name not in listed]:
        raise SystemExit(f"tools/docs/python_api.py has no place for: {', '.join(left)}")
    parts += [
        "## host.clock",
        prose(HostClock),
        *(member(HostClock, name, "host.clock") for name in public(HostClock)),
    ]
    parts += ["## host.journal", prose(Journal), *(member(Journal, name, "host.journal") for name in JOURNAL)]
    parts += [
        asking(),
        "### Exchange",
        prose(Exchange),
        fields(Exchange),
        "### NearMiss",
        prose(NearMiss),
        fields(NearMiss),
        "### Miss",
        prose(Miss),
        fields(Miss),
        "### Connection",
        prose(Connection),
    ]
    parts += [
        "## Command",
        prose(Command),
        fields(Command),
        "## ClientTarget",
        prose(ClientTarget),
        fields(ClientTarget),
        "## Checked",
        prose(Checked),
        fields(Checked),
        "## Errors",
        families(),
    ]
    return "\n\n".join(part.strip("\n") for part in parts if part) + "\n"


def public(cls: type) -> list[str]:
    """What a class offers, in the order in which it is written."""
    return [
        name
        for name, value in vars(cls).items()
        if not name.startswith("_") and isinstance(value, (FunctionType, property, staticmethod, classmethod))
    ]


def member(cls: type, name: str, owner: str) -> str:
    """A method or property: how it is written, and what it says of itself."""
    value = inspect.getattr_static(cls, name)
    if isinstance(value, property):
        assert value.fget is not None
        kind = annotation(inspect.signature(value.fget).return_annotation)
        return f"### {owner}.{name}\n\n```text\n{owner}.{name}: {kind}\n```\n\n{prose(value)}"
    assert isinstance(value, FunctionType)
    return f"### {owner}.{name}\n\n{called(value, f'{owner}.{name}')}\n\n{prose(value)}"


def called(function: Any, name: str) -> str:
    """A call as one writes it, with types and defaults."""
    signature = inspect.signature(function)
    parameters = [each.replace(annotation=_Plain(each.annotation)) for each in signature.parameters.values()]
    own = [each for each in parameters if each.name != "self"]
    returned = annotation(signature.return_annotation)
    tail = "" if returned == "None" else f" -> {returned}"
    line = f"{name}{signature.replace(parameters=own, return_annotation=inspect.Signature.empty)}{tail}"
    if len(line) > 100:
        inner = _arguments(own)
        line = f"{name}(\n" + "".join(f"    {each},\n" for each in inner) + f"){tail}"
    return f"```text\n{line}\n```"


def _arguments(parameters: list[inspect.Parameter]) -> Iterator[str]:
    star = False
    for each in parameters:
        if each.kind is inspect.Parameter.KEYWORD_ONLY and not star:
            star = True
            yield "*"
        yield str(each)


class _Plain(str):
    """An annotation that prints without quotes."""

    def __new__(cls, value: object) -> Any:
        return (
            inspect.Parameter.empty
            if value is inspect.Parameter.empty
            else super().__new__(cls, annotation(value))
        )

    def __repr__(self) -> str:
        return str(self)


def annotation(value: object) -> str:
    """An annotation without the modules' names."""
    text = value if isinstance(value, str) else getattr(value, "__name__", str(value))
    return re.sub(r"\b(?:[a-z_]+\.)+(?=[A-Za-z])", "", text)


def prose(thing: object) -> str:
    """A docstring, one sentence a line; what is indented in it stays as it is."""
    text = inspect.getdoc(thing) or ""
    return "\n\n".join(map(_paragraph, text.split("\n\n")))


def _paragraph(text: str) -> str:
    if text.startswith("    "):
        return f"```text\n{inspect.cleandoc(text)}\n```"
    lines = re.split(r"\n(?=\w+(?:, \w+)*: )", text)
    joined = [" ".join(line.split()) for line in lines]
    items = [re.fullmatch(r"((?:\w+)(?:, \w+)*): (.*)", line) for line in joined]
    shown = [
        f"- {', '.join(f'`{n}`' for n in item[1].split(', '))}: {item[2]}"
        if item and item[1][0].islower()
        else line
        for item, line in zip(items, joined, strict=True)
    ]
    text = "\n".join(re.sub(r"(?<=[a-z0-9)`'\"]\.)(?<!e\.g\.) (?=[A-Z`])", "\n", line) for line in shown)
    return re.sub(r"(?<=\n)(- .*\n)(?!- )", r"\1\n", text)  # what follows a list is a paragraph of its own


def fields(cls: type) -> str:
    """The attributes of a value: what the source says below each."""
    tree = ast.parse(inspect.cleandoc("\n" + inspect.getsource(cls)))
    body = tree.body[0]
    assert isinstance(body, ast.ClassDef)
    init = next((n for n in body.body if isinstance(n, ast.FunctionDef) and n.name == "__init__"), None)
    types = {a.arg: ast.unparse(a.annotation) for a in init.args.kwonlyargs if a.annotation} if init else {}
    rows = list(_fields(init.body if init else body.body, types))
    return "| attribute | is | means |\n|---|---|---|\n" + "\n".join(
        f"| `{name}` | {kind.replace('|', 'or')} | {text} |" for name, kind, text in rows
    )


def _fields(body: list[ast.stmt], types: dict[str, str]) -> Iterator[tuple[str, str, str]]:
    for index, node in enumerate(body):
        if isinstance(node, ast.Assign) and isinstance(target := node.targets[0], ast.Attribute):
            name, kind = (
                target.attr,
                types.get(target.attr, "int" if isinstance(node.value, ast.Constant) else ""),
            )
        elif isinstance(node, ast.AnnAssign):
            where = node.target
            name = (
                where.attr
                if isinstance(where, ast.Attribute)
                else where.id
                if isinstance(where, ast.Name)
                else ""
            )
            kind = ast.unparse(node.annotation)
        else:
            continue
        yield name, kind.replace("ClassVar", ""), _said(body, index)


def _said(body: list[ast.stmt], index: int) -> str:
    following = body[index + 1] if index + 1 < len(body) else None
    if isinstance(following, ast.Expr) and isinstance(following.value, ast.Constant):
        return " ".join(str(following.value.value).split()).replace("|", "\\|")
    return ""


def asking() -> str:
    """What `entries` and `verify` can be asked."""
    names = ", ".join(f"`{name}`" for name in verification.CONDITIONS)
    counts = ", ".join(f"`{name}`" for name in verification.COUNTS)
    return (
        "### What can be asked of an exchange\n\n"
        f"{names}.\n"
        "`attributes`, `header` and `body` are maps: by attribute name, by header name, by JSON pointer.\n"
        "A value is a literal, a list of which one must be it, or a "
        "[matcher](scenario-format.md#matchers).\n"
        f"`verify` also takes `count` (a number, or a map of {counts}; the default is at least one), "
        "`order` (a list of "
        "such conditions, in this order) and `since` (the number of an exchange)."
    )


def families() -> str:
    """The errors, from the most general one down."""
    rows = ["All derive from `mockhost.errors.MockhostError` and have `message` and `hint`.", ""]
    rows += ["| error | when |", "|---|---|"]
    for name in ("ScenarioError", "UsageError", "CannotRun", "VerificationError"):
        cls = getattr(errors, name)
        rows.append(f"| `{name}` | {' '.join((inspect.getdoc(cls) or '').split())} |")
    return "\n".join(rows)


FILES = (File(PAGE, page),)
