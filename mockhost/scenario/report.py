"""Problems and scenarios for people and programs to read."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from mockhost.errors import Problem, UsageError, did_you_mean
from mockhost.scenario import schema
from mockhost.scenario.connectors import PROXY, SCIM
from mockhost.scenario.documents import GONE, Path, is_of, value_at, written
from mockhost.scenario.layers import Layer, place
from mockhost.scenario.model import Scenario
from mockhost.scenario.parsing import core_scalar
from mockhost.scenario.schema import Schema

FORMATS: Final = ("text", "json", "github")

# -- problems ------------------------------------------------------------------------------------------------


def render(problems: Iterable[Problem], form: str = "text") -> str:
    """The problems, each on a line of its own: as `file:line:column: $.path: what; hint`, as a JSON list of maps
    with the keys of `Problem`, or as GitHub's workflow commands. Empty (`[]` in JSON) if there are none.

    Raises UsageError for another format.
    """
    if form == "text":
        return "\n".join(map(str, problems))
    if form == "json":
        return json.dumps([problem._asdict() for problem in problems], indent=2, ensure_ascii=False)
    if form == "github":
        return "\n".join(map(command, problems))
    raise UsageError(f"there is no format {form!r}", hint=did_you_mean(form, FORMATS))


def annotation(text: str, where: str = "", level: str = "error") -> str:
    """A text as an annotation of a GitHub workflow; `where` has its properties, each followed by a comma.

    GitHub Docs, Workflow commands for GitHub Actions, Setting an error message.
    """
    return f"::{level} {where}title=scenario::{_escaped(text)}"


def command(problem: Problem, level: str = "error") -> str:
    """A problem as an annotation, at its place in the file."""
    where = f"file={_escaped(problem.file, ':,')},"
    if problem.line:
        where += f"line={problem.line},col={problem.column},"
    text = f"{problem.path}: {problem.message}" + (f"; {problem.hint}" if problem.hint else "")
    return annotation(text, where, level)


def _escaped(text: str, more: str = "") -> str:
    for sign in "%\r\n" + more:
        text = text.replace(sign, f"%{ord(sign):02X}")
    return text


# -- the merged result ---------------------------------------------------------------------------------------

_COMMENT_COLUMN = 56
_PLAIN = re.compile(r"[A-Za-z_/.$][A-Za-z0-9_/.@+-]*(?: [A-Za-z0-9_/.@+-]+)*")
_NO_DEFAULTS = frozenset({"columns", "vars", "behaviours"})


def origins(scenario: Scenario) -> dict[str, str]:
    """The origin of each scalar (and of each empty list or map) by its path: `{"$.title": "mine.yaml:3:8"}`."""
    return {written(path): _origin(scenario.trail.layers, path) for path in _leaves(scenario.document, ())}


def _leaves(value: object, path: Path) -> Iterator[Path]:
    if isinstance(value, Mapping) and value:
        for key, inner in value.items():
            yield from _leaves(inner, (*path, key))
    elif isinstance(value, list) and value:
        for index, inner in enumerate(value):
            yield from _leaves(inner, (*path, index))
    else:
        yield path


def _origin(layers: Sequence[Layer], path: Path) -> str:
    """`mine.yaml:3:8`, or `--set seed` for what stands in no file; empty for what mockhost adds itself."""
    found = place(layers, path)
    return f"{found.file}:{found.line}:{found.column}" if found.line else found.file


def resolved(scenario: Scenario) -> str:
    """The merged scenario as YAML, with the origin of each value (its place, `--set …`, default) as a comment.

    Variables stand as they were written, so that nothing of the environment is shown.
    """
    lines = [f"# {scenario.name}, merged"]
    document = _with_defaults(scenario.document, list(schema.alternatives(schema.root())))
    assert isinstance(document, dict)
    for name, said in document.get("connectors", {}).items():
        if scenario.connectors[name].kind in (SCIM, PROXY):  # the wizard's pages are not for it
            document["connectors"][name] = _as_said(said)
    _say_once(document, scenario.document)
    order = list(schema.root()["properties"])
    ordered = {key: document[key] for key in sorted(document, key=order.index)}
    lines.extend(_block(ordered, (), "", scenario.trail.layers))
    return "\n".join(lines) + "\n"


class _Default:
    """A value that is not written in a file."""

    def __init__(self, value: object) -> None:
        self.value = value


def _with_defaults(value: object, parts: Sequence[Schema]) -> object:
    """`value` with what the schema says of keys that aren't there; entries of lists stay as they are."""
    if not isinstance(value, Mapping):
        return value
    filled: dict[str, object] = {
        key: item if key in _NO_DEFAULTS else _with_defaults(item, schema.below(parts, key))
        for key, item in value.items()
    }
    for key in dict.fromkeys(key for part in parts for key in part.get("properties", ())):
        if key not in filled and key not in _NO_DEFAULTS:
            default = _default(schema.below(parts, key))
            if default is not None:
                filled[key] = default
    return filled


_SAME: Final[Mapping[Path, Path]] = {
    ("host", "service"): ("machine", "services", "host", "state"),
    ("host", "debug"): ("machine", "debug"),
    ("host", "tls"): ("machine", "certificate"),
}
"""Values of the host, and where its machine has the same ones."""


def _say_once(document: dict[str, Any], said: Mapping[str, object]) -> None:
    """Take the machine away if the scenario does not speak of it, and defaults of what is said at its other place."""
    if "machine" not in said:
        document.pop("machine", None)
        return
    for ours, theirs in _SAME.items():
        if value_at(said, theirs) is GONE:
            _take_away(document, theirs)
        elif value_at(said, ours) is GONE:
            _take_away(document, ours)


def _take_away(document: dict[str, Any], path: Path) -> None:
    holder = value_at(document, path[:-1])
    if isinstance(holder, dict):
        holder.pop(path[-1], None)


def _as_said(value: object) -> object:
    """A map without what is not written in a file."""
    if not isinstance(value, Mapping):
        return value
    items = ((key, _as_said(item)) for key, item in value.items() if not isinstance(item, _Default))
    return {key: item for key, item in items if item != {}}


def _default(parts: Sequence[Schema]) -> object:
    said = next((part["default"] for part in parts if "default" in part), None)
    if said is not None and said != {}:
        return _Default(said)
    # What needs an unknown value has no defaults, either.
    optional = any(part.get("type") == "object" and not part.get("required") for part in parts)
    return (_with_defaults({}, parts) or None) if optional else None


def _block(value: object, path: Path, indent: str, layers: Sequence[Layer]) -> Iterator[str]:
    """The lines of a map, or of a list of maps."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _entry(f"{indent}{_scalar(key)}:", item, (*path, key), indent + "  ", layers)
    elif isinstance(value, list):
        for i, item in enumerate(value):
            inner = list(_block(item, (*path, i), indent + "  ", layers))
            if inner and isinstance(item, Mapping):
                yield (
                    f"{indent}- {inner[0].lstrip()}" if not inner[0].startswith(indent + "  -") else inner[0]
                )
                yield from inner[1:]
            else:
                yield from _entry(f"{indent}-", item, (*path, i), indent + "  ", layers)


def _entry(head: str, value: object, path: Path, indent: str, layers: Sequence[Layer]) -> Iterator[str]:
    if isinstance(value, _Default):
        yield _commented(f"{head} {_flow(value.value)}", "default")
    elif (isinstance(value, Mapping) and value) or (
        isinstance(value, list) and any(isinstance(v, (dict, list)) for v in value)
    ):
        yield head
        yield from _block(value, path, indent, layers)
    else:
        yield _commented(f"{head} {_flow(value)}", _origin(layers, path))


def _commented(text: str, origin: str) -> str:
    return f"{text.ljust(_COMMENT_COLUMN)}  # {origin}"


def _flow(value: object) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_scalar(k)}: {_flow(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_flow, value)) + "]"
    return _scalar(value)


def _scalar(value: object) -> str:
    if not isinstance(value, str):
        return json.dumps(value)
    if _PLAIN.fullmatch(value) and is_of(core_scalar(value), "string"):
        return value
    return json.dumps(value, ensure_ascii=not value.isprintable())
