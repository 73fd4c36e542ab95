"""Writes docs/reference/pytest.md from the plugin: its fixtures, markers, options and ini keys."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from typing import Any

from mockhost import pytest_plugin
from mockhost.pytest_plugin import marks
from tools.docs import ROOT, File

PAGE = ROOT / "docs" / "reference" / "pytest.md"
HEAD = """\
# pytest

<!-- Written by python -m tools.docs pytest_plugin from the plugin; don't edit. -->

The fixtures, markers and options of the plugin. pytest loads it if mockhost is installed.
[How to use it](../how-to/pytest.md) · [recipes](../how-to/pytest-recipes.md) · [tutorial](../tutorial/test-a-client.md)

```console
$ pytest --fixtures -v
$ pytest --markers
```

For a suite without hosts, pytest imports one small module; the first test with a host imports the rest."""
MARKER = {
    "tls": "`True`: always TLS. `False`: always plain HTTP. By default the scenario decides.",
    "seed": "The seed for random values.",
    "clock": "`frozen` or `wall`, unless the scenario sets it. A dict is merged as the scenario's key.",
    "sets": "A list of `PATH=VALUE`, as `mockhost serve --set` takes them.",
    "strict": "Whether a request without a matching rule fails the test, if there are rules.",
    "allow_unused": "Whether rules of the test may be unused at its end.",
}
EACH = {
    "shelf": "All scenarios of a shelf, or of several: `documented`, `faults`, …",
    "faults": "The scenarios of these faults; `True`: of all faults.",
    "group": "The scenarios of the faults of a group, or of several: `transport`, `tls`, `http`, `body`, `host`.",
    "tag": "Of those only the ones with this tag, or one of several.",
    "cause": "Of those only the ones with this cause, or one of several.",
    "client_should": "Of those only the ones with this advice, or one of several.",
    "exclude": "Names to leave out.",
    "xfail": "A dict: the names of scenarios that are known to fail, with the reason. One that passes is a failure.",
}


class Options:
    """Stands for pytest's parser, and keeps what it is told."""

    def __init__(self) -> None:
        self.options: list[tuple[str, str, str]] = []
        self.keys: list[tuple[str, str, str]] = []

    def getgroup(self, *_: str) -> Options:
        return self

    def addoption(self, name: str, *, help: str, metavar: str = "", **_: Any) -> None:
        self.options.append((name, metavar, help))

    def addini(self, name: str, help: str, type: str = "string", default: object = "") -> None:
        self.keys.append(
            (name, type, help + (f" (default: {default})" if default not in ("", False) else ""))
        )


def page() -> str:
    """The whole page, ending with a newline."""
    told = Options()
    pytest_plugin.pytest_addoption(told)  # type: ignore[arg-type]  # it is asked for two things only
    parts = [HEAD, "## Fixtures", *fixtures(), *markers()]
    parts += ["## Options", "| option | does |\n|---|---|\n" + "\n".join(options(told))]
    parts += ["## Ini keys", "| key | kind | is |\n|---|---|---|\n" + "\n".join(keys(told))]
    return "\n\n".join(part.strip("\n") for part in parts) + "\n"


def fixtures() -> Iterator[str]:
    """A section for each fixture: those for tests first, then those to be overridden."""
    found = [each for each in map(_fixture, vars(pytest_plugin).values()) if each is not None]
    first = ("mockhost", "mockhost_client", "mockhost_factory")
    found.sort(key=lambda each: first.index(each.__name__) if each.__name__ in first else len(first))
    for function in found:
        yield f"### {function.__name__}\n\n{prose(function)}"


def _fixture(value: object) -> Any:
    """The function behind a fixture, or None."""
    function = getattr(value, "_fixture_function", None) or getattr(value, "__pytest_wrapped__", None)
    return getattr(function, "obj", function)


def prose(function: Any) -> str:
    """A docstring, one sentence a line."""
    paragraphs = (" ".join(each.split()) for each in (inspect.getdoc(function) or "").split("\n\n"))
    return "\n\n".join(re.sub(r"(?<=[a-z0-9)`]\.) (?=[A-Z`])", "\n", each) for each in paragraphs)


def markers() -> Iterator[str]:
    """A section for each marker, with a table of what it takes."""
    if set(MARKER) != set(marks.OPTIONS) or set(EACH) != set(marks.SELECTIONS):
        raise SystemExit("tools/docs/pytest_plugin.py describes other arguments than the markers take")
    yield "## Markers"
    for line, table in zip(pytest_plugin.MARKERS, (MARKER, EACH), strict=True):
        call, _, text = line.partition(": ")
        rows = "\n".join(f"| `{name}` | {meaning} |" for name, meaning in table.items())
        text = text[0].upper() + text[1:]
        yield f"### {call.partition('(')[0]}\n\n```text\n@pytest.mark.{call}\n```\n\n{text}"
        yield f"| argument | means |\n|---|---|\n{rows}"


def options(told: Options) -> Iterator[str]:
    """A row for each option."""
    for name, metavar, text in told.options:
        yield f"| `{f'{name} {metavar}'.strip()}` | {text[0].upper()}{text[1:]}. |"


def keys(told: Options) -> Iterator[str]:
    """A row for each ini key."""
    for name, kind, text in told.keys:
        yield f"| `{name}` | {kind} | {text[0].upper()}{text[1:]}. |"


FILES = (File(PAGE, page),)
