"""Which running host a `control` verb is for, and the words that its verbs share."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click
from click.core import ParameterSource

from mockhost import nesting
from mockhost.errors import UsageError

if TYPE_CHECKING:
    from mockhost.client.control import ControlPlane

FORMAT = click.option(
    "--format", "form", type=click.Choice(["text", "json"]), default="text", help="[default: text]"
)


class Target(NamedTuple):
    """How the control plane is found: a URL and a token, or a ready file for what of these is not said.

    Without either it is that at the default port, else that of the one host that runs.
    """

    url: str | None
    token: str | None
    ready_file: Path | None

    def plane(self, timeout: float | None = None) -> ControlPlane:
        """The control plane that is meant. Raises UsageError for an invalid ready file, and for several hosts.

        timeout: seconds that an answer may take.
        """
        from mockhost.cli.options import DEFAULT_URL
        from mockhost.client.control import TIMEOUT, ControlPlane

        url, token = self.url, self.token
        if self.ready_file is not None:
            from mockhost.cli import ready_file

            control = ready_file.read(self.ready_file)["control"]
            url = url or _reached(control.get("url")) or control.get("url")
            token = token or control.get("token")
            if url is None:
                raise UsageError(f"the host of {self.ready_file} has no control plane")
        elif url is None:
            from mockhost.cli import joined

            url, found = joined.found() or _only()
            token = token or found
        return ControlPlane(url or DEFAULT_URL, token, timeout=timeout or TIMEOUT)


WHICH = ("--url", "--token", "--ready-file")
"""The options of `which_host`."""


def which_host(command: Callable[..., object]) -> Callable[..., object]:
    """The options that say which host is meant; the command gets them as one argument `target`."""

    def gathered(**given: Any) -> object:
        which = {name: given.pop(name) for name in ("url", "token", "ready_file")}
        return command(target=target_of(click.get_current_context(), **which), **given)

    gathered.__doc__, gathered.__name__ = command.__doc__, command.__name__
    gathered.__dict__.update(command.__dict__)
    for each in reversed(
        (
            click.option(
                "--url",
                envvar="MOCKHOST_CONTROL_URL",
                metavar="URL",
                help="The control plane. [env: MOCKHOST_CONTROL_URL] [default: the class that you have joined, or "
                "http://127.0.0.1:8586, else the one host that runs]",
            ),
            click.option(
                "--token",
                envvar="MOCKHOST_CONTROL_TOKEN",
                metavar="TOKEN",
                help="Its token, where it has one. [env: MOCKHOST_CONTROL_TOKEN]",
            ),
            click.option(
                "--ready-file",
                type=click.Path(path_type=Path),
                metavar="PATH",
                help="Take both from a host's ready file. [env: MOCKHOST_READY_FILE]",
            ),
        )
    ):
        gathered = each(gathered)
    return gathered


def target_of(ctx: click.Context, url: str | None, token: str | None, ready_file: Path | None) -> Target:
    """The host that the options of `which_host` mean."""

    def flag(name: str) -> bool:
        return ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE

    # Flags before the environment: a ready file that is named by a flag goes before a URL that is not.
    from_file = ready_file is not None and not flag("url")
    if ready_file is None and url is None and (said := os.environ.get("MOCKHOST_READY_FILE")):
        ready_file, from_file = Path(said), True
    if from_file:
        url = None
        token = token if flag("token") else None
    return Target(url, token, ready_file)


def _only() -> tuple[str, str | None]:
    """The control plane at the default port, else that of the one host that runs; and its token, if it is noted."""
    from mockhost.cli import noted
    from mockhost.cli.options import DEFAULT_URL

    found = {url: plane.token for plane in noted.planes() if (url := _reached(plane.url)) is not None}
    if not found or _reached(DEFAULT_URL) is not None:
        return DEFAULT_URL, found.get(DEFAULT_URL)
    if len(found) > 1:
        raise UsageError(f"several hosts run: {', '.join(found)}", hint="name one with --url")
    return next(iter(found.items()))


def _reached(url: str | None) -> str | None:
    """A URL at which something answers, or its port on this machine where its public name leads nowhere from here.

    A container's public name is for its clients: inside, it may not be known.
    """
    from urllib.parse import urlsplit

    parts = urlsplit(url or "")
    if url is None or not parts.hostname or not parts.port:
        return None
    near = f"http://127.0.0.1:{parts.port}"
    if _answers(parts.hostname, parts.port):
        return url
    return near if _answers("127.0.0.1", parts.port) else None


def _answers(host: str, port: int) -> bool:
    import socket

    try:
        socket.create_connection((host, port), timeout=2.0).close()
    except OSError:
        return False
    return True


def document(text: str, what: str) -> dict[str, Any]:
    """A map from the command line: JSON or YAML, `@FILE`, or `-` for standard input. Raises UsageError."""
    source = text
    if text == "-":
        source = sys.stdin.read()
    elif text.startswith("@"):
        try:
            source = Path(text[1:]).read_text("utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"{text[1:]} can't be read: {error}") from None
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
            f"{what} is a map, and this is none: {source.strip()[:60]}", hint="write it as JSON, in quotes"
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
