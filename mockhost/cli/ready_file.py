"""The ready file: one JSON document that tells scripts where everything is, there for as long as it is true."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mockhost.errors import CannotRun, MockhostError, UsageError

_PATIENCE = 1.0
"""Seconds that the host of a ready file has to answer."""


class ReadyFile:
    """Written once everything is ready, removed at exit. It holds secret tokens: only its owner may read it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._written = ""

    def write(self, document: Mapping[str, Any]) -> None:
        """Write it in one go: who sees the file sees all of it. Raises CannotRun."""
        text = json.dumps(document, indent=2) + "\n"
        if text == self._written:
            return
        beside = self.path.with_name(f".{self.path.name}.{os.getpid()}")
        try:
            beside.unlink(missing_ok=True)
            # The mode is set as the file comes into being, so that it is at no time readable for others.
            with open(
                os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8"
            ) as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            os.replace(beside, self.path)
        except OSError as error:
            with contextlib.suppress(OSError):
                beside.unlink(missing_ok=True)
            why = f"the ready file {self.path} can't be written: {error.strerror or error}"
            raise CannotRun(
                why, hint="name a path in a folder that exists and that you may write to"
            ) from None
        self._written = text

    def clear(self) -> None:
        """Remove what a killed process left. Raises CannotRun for the file of a host that still runs."""
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
            self.path.unlink()

    def remove(self) -> None:
        """Remove it, unless another process has written its own in the same place."""
        try:
            if self._written and self.path.read_text("utf-8") == self._written:
                self.path.unlink()
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
    from mockhost.cli.health import ask, nearby

    control = document["control"]
    url = control.get("url") if isinstance(control, Mapping) else None
    if not isinstance(url, str):
        return True
    for plane in nearby(url):
        try:
            ask(plane, _PATIENCE)
            return True
        except MockhostError as error:
            if isinstance(error.__context__, TimeoutError):
                return True
    return False


def read(path: Path) -> dict[str, Any]:
    """The document of a ready file. Raises UsageError if there is none."""
    try:
        document = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise UsageError(
            f"there is no ready file {path}", hint="is the host running, with --ready-file?"
        ) from None
    except OSError as error:
        raise UsageError(f"the ready file {path} can't be read: {error.strerror or error}") from None
    except ValueError:
        document = None
    if not isinstance(document, dict) or "control" not in document:
        raise UsageError(
            f"{path} is no ready file of mockhost", hint="'mockhost serve --ready-file' writes one"
        )
    return document
