"""Where the control planes of this user's hosts are: each host of the command line notes its own while it runs."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from mockhost.cli.ready_file import ReadyFile
from mockhost.temporary import PREFIX, PrivateFolder

_NAME = "control.json"


class Plane(NamedTuple):
    """A control plane: its URL, and its token where it has one."""

    url: str
    token: str | None


class Note:
    """The note of one host, in a private folder, until `remove`. Where none can be written, there is none."""

    def __init__(self, control: Mapping[str, Any]) -> None:
        self._folder: PrivateFolder | None = None
        with contextlib.suppress(OSError):
            self._folder = PrivateFolder()
            ReadyFile(self._folder.path / _NAME).write({"control": control})

    def remove(self) -> None:
        if self._folder is not None:
            self._folder.remove()


def planes() -> Iterator[Plane]:
    """The control planes that are noted, also of hosts that were killed a moment ago."""
    with contextlib.suppress(OSError), os.scandir(tempfile.gettempdir()) as entries:
        for entry in entries:
            if entry.name.startswith(PREFIX):
                with contextlib.suppress(OSError, ValueError, LookupError, TypeError):
                    # No other user can put a file into a private folder of this one.
                    if not hasattr(os, "getuid") or entry.stat(follow_symlinks=False).st_uid == os.getuid():
                        control = json.loads((Path(entry.path) / _NAME).read_bytes())["control"]
                        yield Plane(str(control["url"]), control["token"])
