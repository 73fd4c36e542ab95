"""How a verb of `control` asks a running host: one operation, its result as JSON or in words; what is sent with it."""

from __future__ import annotations

import functools
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from mockhost import nesting
from mockhost.cli.options import FORMAT
from mockhost.cli.planes import Target
from mockhost.cli.terminal import stdout, tell
from mockhost.errors import UsageError, reason_of

Verb = Callable[..., Any]


def shows(operation: str, part: str = "") -> Callable[[Verb], Verb]:
    """A verb that prints the result of an operation: as JSON, or as the lines that the function makes of it.

    The verb's arguments are the operation's. part: the key of the result that is printed as JSON.
    """

    def decorate(lines: Verb) -> Verb:
        def asked(target: Target, form: str, **arguments: Any) -> None:
            found = target.plane().call(operation, **arguments)
            tell(form, found[part] if part else found, functools.partial(lines, found))

        verb: Verb = FORMAT(_for_target(asked, lines))
        return verb

    return decorate


def does(operation: str) -> Callable[[Verb], Verb]:
    """A verb that does an operation, and prints the line that the function makes of its result and arguments."""

    def decorate(line: Verb) -> Verb:
        def asked(target: Target, **arguments: Any) -> None:
            stdout().line(line(target.plane().call(operation, **arguments), **arguments))

        return _for_target(asked, line)

    return decorate


def _for_target(asked: Verb, described: Verb) -> Verb:
    """A verb with the target that the group was given first, and with the name, help and options of a function."""
    return click.pass_obj(functools.update_wrapper(asked, described))


def document(text: str, what: str) -> dict[str, Any]:
    """A map from the command line: JSON or YAML, `@FILE`, or `-` for standard input. Raises UsageError."""
    source = text
    if text == "-":
        source = sys.stdin.read()
    elif text.startswith("@"):
        try:
            source = Path(text[1:]).read_text("utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"{text[1:]} can't be read: {reason_of(error)}") from None
    try:
        value = json.loads(source)
    except RecursionError:
        raise UsageError(f"{what} can't be read: it is nested too deep", hint="flatten it") from None
    except ValueError:
        from mockhost.scenario import parsing

        value, problem = parsing.flow(source)
        if problem:
            raise UsageError(f"{what} can't be read: {problem}", hint="write it as JSON, in quotes") from None
    nesting.check(value, what)
    if not isinstance(value, Mapping):
        raise UsageError(
            f"{what} is a map, and this is not: {source.strip()[:60]}", hint="write it as JSON, in quotes"
        )
    return dict(value)


def pairs(words: Sequence[str], what: str) -> dict[str, Any]:
    """`k=v` words (dots nest: `count.exactly=2`), or one document. Raises UsageError."""
    if len(words) == 1 and words[0][:1] in ("{", "@", "-"):
        return document(words[0], what)
    result: dict[str, Any] = {}
    for word in words:
        path, equals, text = word.partition("=")
        if not equals or not path:
            raise UsageError(f"{word!r} is not KEY=VALUE", hint=f"or give {what} as JSON")
        try:
            value: object = json.loads(text)
        except RecursionError:
            raise UsageError(f"the value of {path} is nested too deep", hint="flatten it") from None
        except ValueError:
            value = text
        place = result
        *above, last = path.split(".")
        for key in above:
            below = place.setdefault(key, {})
            if not isinstance(below, dict):
                raise UsageError(f"{key!r} is given twice")
            place = below
        place[last] = value
    nesting.check(result, what)
    return result


def flattened(value: object, path: str = "") -> dict[str, object]:
    """`{"a": {"b": 1}}` as `{"a.b": 1}`; lists are values."""
    if not isinstance(value, Mapping) or not value:
        return {path: value}
    return {
        inner: leaf
        for key, below in value.items()
        for inner, leaf in flattened(below, f"{path}.{key}" if path else str(key)).items()
    }


def shown(value: object) -> str:
    """A value in a table."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
