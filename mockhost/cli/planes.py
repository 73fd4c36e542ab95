"""Where running hosts are: options, ready files, the notes of hosts on this machine, and the class that was joined."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

import click
from click.core import ParameterSource

from mockhost import nesting
from mockhost.cli import saving
from mockhost.cli.options import DEFAULT_URL, PATH, gathered
from mockhost.errors import CannotRun, MockhostError, UsageError, reason_of

if TYPE_CHECKING:
    from mockhost.client.control import ControlPlane
    from mockhost.temporary import PrivateFolder

_ANSWERS = 1.0
"""Seconds that the host of a ready file has to answer."""
_NAME = "control.json"


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
        from mockhost.client.control import TIMEOUT, ControlPlane

        url, token = self.url, self.token
        if self.ready_file is not None:
            control = read(self.ready_file)["control"]
            url = url or _reached(control.get("url")) or control.get("url")
            token = token or control.get("token")
            if url is None:
                raise UsageError(f"the host of {self.ready_file} has no control plane")
        elif url is None:
            url, found = joined() or _only()
            token = token or found
        return ControlPlane(url or DEFAULT_URL, token, timeout=timeout or TIMEOUT)


def _target(given: dict[str, Any]) -> Target:
    ctx = click.get_current_context()
    return target_of(ctx, *(given.pop(name) for name in ("url", "token", "ready_file")))


which_host = gathered(
    "target",
    _target,
    [
        click.option(
            "--url",
            envvar="MOCKHOST_CONTROL_URL",
            metavar="URL",
            help="The control plane. [env: MOCKHOST_CONTROL_URL] [default: the class that you have joined, or "
            f"{DEFAULT_URL}, else the one host that runs]",
        ),
        click.option(
            "--token",
            envvar="MOCKHOST_CONTROL_TOKEN",
            metavar="TOKEN",
            help="Its token, where it has one. [env: MOCKHOST_CONTROL_TOKEN]",
        ),
        click.option(
            "--ready-file",
            type=PATH,
            metavar="PATH",
            help="Take both from a host's ready file. [env: MOCKHOST_READY_FILE]",
        ),
    ],
)
"""The options that say which host is meant; the command gets them as one argument `target`."""
WHICH = ("--url", "--token", "--ready-file")


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
    found = {url: token for noted, token in planes() if (url := _reached(noted)) is not None}
    if not found or _reached(DEFAULT_URL) is not None:
        return DEFAULT_URL, found.get(DEFAULT_URL)
    if len(found) > 1:
        raise UsageError(f"several hosts run: {', '.join(found)}", hint="name one with --url")
    return next(iter(found.items()))


def _reached(url: str | None) -> str | None:
    """A URL at which something answers, or its port on this machine where its public name leads nowhere from here.

    A container's public name is for its clients: inside, it may not be known.
    """
    parts = urlsplit(url or "")
    if url is None or not parts.hostname or not parts.port:
        return None
    near = f"http://127.0.0.1:{parts.port}"
    if _takes_connections(parts.hostname, parts.port):
        return url
    return near if _takes_connections("127.0.0.1", parts.port) else None


def _takes_connections(host: str, port: int) -> bool:
    import socket

    try:
        socket.create_connection((host, port), timeout=2.0).close()
    except OSError:
        return False
    return True


# -- ready files ----------------------------------------------------------------------------------------------------


class ReadyFile:
    """Written once everything is ready, removed at exit. It holds secret tokens: only its owner may read it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._place = saving.place_of(path)
        self._written = ""

    def write(self, document: Mapping[str, Any]) -> None:
        """Write it in one go: who sees the file sees all of it. Raises CannotRun."""
        text = json.dumps(document, indent=2) + "\n"
        if text == self._written:
            return
        self._refuse_others()
        saving.save(self.path, text, "the ready file", private=True)
        self._written = text

    def _refuse_others(self) -> None:
        """A device such as /dev/null would be replaced by the file, for everyone on this machine."""
        if not saving.is_replaced(self._place):
            why = f"the ready file {self.path} can't be written: it exists, and is not a file"
            raise CannotRun(why, hint="name a path where nothing or a file is")

    def clear(self) -> None:
        """Remove what a killed process left. Raises CannotRun for the file of a host that still runs."""
        self._refuse_others()
        try:
            document = read(self.path)
            pid = document["pid"]
        except (OSError, UsageError, LookupError):
            return
        if not isinstance(pid, int):
            return
        if _is_another(pid) and _answers(document):
            raise CannotRun(
                f"{self.path} is the ready file of a host that is running (process {pid})",
                hint=f"name another file with --ready-file, or end that host first: {_kill(pid)}",
            )
        with contextlib.suppress(OSError):
            self._place.unlink()

    def remove(self) -> None:
        """Remove it, unless another process has written its own in the same place."""
        try:
            if self._written and self._place.read_text("utf-8") == self._written:
                self._place.unlink()
        except (OSError, UnicodeDecodeError):
            pass


def _kill(pid: int) -> str:
    return f"taskkill /pid {pid} /f" if os.name == "nt" else f"kill {pid}"


def _is_another(pid: int) -> bool:
    """Whether a process of this number may run that is not this one. In a container it often has the same number."""
    if pid == os.getpid() or pid <= 0:
        return False
    if os.name == "nt":
        return True  # there, signal 0 would end it
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:
        pass  # it belongs to another process
    return True


def _answers(document: Mapping[str, Any]) -> bool:
    """Whether the host of a ready file is there: its process number may be another program's by now.

    A control plane that takes the connection and does not answer is a host that is busy or suspended.
    """
    control = document["control"]
    url = control.get("url") if isinstance(control, Mapping) else None
    if not isinstance(url, str):
        return True
    for plane in nearby(url):
        try:
            ask(plane, _ANSWERS)
            return True
        except MockhostError as error:
            if isinstance(error.__context__, TimeoutError):
                return True
    return False


def read(path: Path) -> dict[str, Any]:
    """The document of a ready file. Raises UsageError if there is none."""
    try:
        document = nesting.parse(path.read_bytes())
    except FileNotFoundError:
        raise UsageError(
            f"there is no ready file at {path}", hint="is the host running with --ready-file?"
        ) from None
    except OSError as error:
        raise UsageError(f"the ready file {path} can't be read: {reason_of(error)}") from None
    except ValueError:
        document = None
    if not isinstance(document, dict) or "control" not in document:
        raise UsageError(
            f"{path} is not a mockhost ready file", hint="'mockhost serve --ready-file' writes one"
        )
    return document


# -- hosts of this machine ------------------------------------------------------------------------------------------


def noted(control: Mapping[str, Any]) -> PrivateFolder | None:
    """A private folder with a note of where a control plane is; None where there can be none."""
    from mockhost.temporary import PrivateFolder

    with contextlib.suppress(OSError):
        folder = PrivateFolder()
        ReadyFile(folder.path / _NAME).write({"control": control})
        return folder
    return None


def planes() -> Iterator[tuple[str, str | None]]:
    """URL and token of each control plane that is noted, also of hosts that were killed a moment ago."""
    import tempfile

    from mockhost.temporary import PREFIX

    with contextlib.suppress(OSError), os.scandir(tempfile.gettempdir()) as entries:
        for entry in entries:
            if entry.name.startswith(PREFIX):
                with contextlib.suppress(OSError, ValueError, LookupError, TypeError):
                    # No other user can put a file into a private folder of this one.
                    if not hasattr(os, "getuid") or entry.stat(follow_symlinks=False).st_uid == os.getuid():
                        control = nesting.parse((Path(entry.path) / _NAME).read_bytes())["control"]
                        yield str(control["url"]), control["token"]


def joined() -> tuple[str, str] | None:
    """URL and code of the class that this user has joined, or None."""
    from mockhost.labs import progress

    file = progress.file_of(os.environ)
    said = progress.read(file).get("class") if file.exists() else None
    if not isinstance(said, dict) or not {"url", "code"} <= set(said):
        return None
    return str(said["url"]), str(said["code"])


# -- what answers -----------------------------------------------------------------------------------------------------


def nearby(url: str) -> list[str]:
    """A control plane's URL after its port on loopback."""
    port = urlsplit(url).port
    return list(dict.fromkeys([f"http://127.0.0.1:{port}", f"http://[::1]:{port}", url]))


def ask(url: str, timeout: float) -> dict[str, object]:
    """The health of a host, from its control plane. Raises MockhostError unless it is a mockhost's."""
    from mockhost.client.control import ControlPlane

    said = ControlPlane(url, timeout=timeout).call("get_health")
    if not isinstance(said, dict) or not {"status", "scenario", "service"} <= said.keys():
        raise CannotRun(f"the server at {url} is not a mockhost control plane")
    return said
