"""The file in the user's state folder: who this learner is, how far in each lab, and which lab is running."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mockhost.clock import fresh_guid
from mockhost.errors import CannotRun, UsageError

_FORMAT = 1


def state_folder(env: Mapping[str, str]) -> Path:
    """Where this user's state is kept (XDG Base Directory Specification; %LOCALAPPDATA% on Windows)."""
    if env.get("XDG_STATE_HOME"):
        return Path(env["XDG_STATE_HOME"]) / "mockhost"
    if os.name == "nt" and env.get("LOCALAPPDATA"):
        return Path(env["LOCALAPPDATA"]) / "mockhost"
    return Path.home() / ".local" / "state" / "mockhost"


def file_of(env: Mapping[str, str]) -> Path:
    """The file of progress."""
    return state_folder(env) / "labs.json"


def read(file: Path) -> dict[str, Any]:
    """The progress: `learner`, `labs` by id, and `running` (or None). Raises UsageError for a file that is not one."""
    try:
        found = json.loads(file.read_bytes())
    except FileNotFoundError:
        return {"format": _FORMAT, "learner": fresh_guid(), "labs": {}, "running": None}
    except (OSError, ValueError):
        found = None
    labs = found.get("labs") if isinstance(found, dict) and found.get("format") == _FORMAT else None
    if not isinstance(labs, dict) or not all(isinstance(entry, dict) for entry in labs.values()):
        raise UsageError(f"{file} is not a file of progress in labs", hint="move it away to begin again")
    running = found.get("running")
    known = isinstance(running, dict) and {"folder", "url", "pid"} <= running.keys()
    return {**found, "learner": str(found.get("learner", "")), "running": running if known else None}


@contextlib.contextmanager
def changed(file: Path) -> Iterator[dict[str, Any]]:
    """The progress, written when the block ends. Raises UsageError, CannotRun."""
    found = read(file)
    yield found
    beside = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        # It names a control plane: only its owner may read it.
        with open(
            os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8"
        ) as out:
            out.write(json.dumps(found, indent=2) + "\n")
        os.replace(beside, file)
    except OSError as error:
        raise CannotRun(
            f"{file} cannot be written: {error.strerror or error}", hint="set XDG_STATE_HOME"
        ) from None


def of(found: dict[str, Any], lab: str) -> dict[str, Any]:
    """The entry of a lab: state (open, started, seen, solved), hints, answers, started, solved."""
    entry: dict[str, Any] = found["labs"].setdefault(lab, {})
    for key, value in {"state": "open", "hints": 0, "answers": {}}.items():
        entry.setdefault(key, value)
    return entry
