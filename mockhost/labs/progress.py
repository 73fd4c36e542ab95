"""The file in the user's state folder: who this learner is, how far in each lab, and which lab is running."""

from __future__ import annotations

import contextlib
import copy
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mockhost.clock import fresh_guid
from mockhost.errors import CannotRun, UsageError, reason_of
from mockhost.files import write
from mockhost.temporary import holding

_FORMAT = 1
_STATES = ("open", "started", "seen", "solved")
_MOST_HINTS = 1_000
_LATEST = 2.0**32
_ELSEWHERE = "set XDG_STATE_HOME"


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
        found = document(file, _FORMAT)
    except FileNotFoundError:
        return {"format": _FORMAT, "learner": fresh_guid(), "labs": {}, "running": None}
    if not are_entries(found.get("labs")):
        raise UsageError(f"{file} is not a file of progress in labs", hint="move it away to begin again")
    running = found.get("running")
    known = _is_running(running)
    return {**found, "learner": str(found.get("learner", "")), "running": running if known else None}


def document(file: Path, wanted: int) -> dict[str, Any]:
    """The map of a file in this format; an empty one for what is no such file. Raises FileNotFoundError."""
    try:
        found = json.loads(file.read_bytes())
    except FileNotFoundError:
        raise
    except (OSError, ValueError, RecursionError):
        found = None
    return found if isinstance(found, dict) and found.get("format") == wanted else {}


def are_entries(labs: object) -> bool:
    """Whether these are entries of labs by id, as they are written here: a file may be damaged, or edited."""
    return isinstance(labs, dict) and all(map(_is_entry, labs.values()))


def _is_entry(entry: object) -> bool:
    if not isinstance(entry, dict):
        return False
    hints, answers, times = (
        entry.get("hints", 0),
        entry.get("answers", {}),
        ("started", "solved", "solved_in"),
    )
    return (
        entry.get("state", "open") in _STATES
        and (entry.get("state", "open") == "open" or "started" in entry)
        and _is_number(hints, _MOST_HINTS)
        and isinstance(hints, int)
        and isinstance(answers, dict)
        and all(isinstance(each, str) for each in answers.values())
        and are_texts(entry.get("said", []))
        and all(_is_number(entry[key], _LATEST) for key in times if key in entry)
    )


def are_texts(value: object) -> bool:
    """Whether it is a list of texts."""
    return isinstance(value, list) and all(isinstance(each, str) for each in value)


def _is_number(value: object, most: float) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value <= most


def _is_running(running: object) -> bool:
    """Whether it says where a lab runs. A process id below 2 would be a group, or everything."""
    return (
        isinstance(running, dict)
        and all(isinstance(running.get(key), str) for key in ("folder", "url"))
        and _is_number(running.get("pid"), _LATEST)
        and isinstance(running["pid"], int)
        and running["pid"] > 1
    )


@contextlib.contextmanager
def changed(file: Path) -> Iterator[dict[str, Any]]:
    """The progress. What the block changes in it is written when the block ends. Raises UsageError, CannotRun.

    What other terminals wrote during the block stays, but for the same values.
    """
    found = read(file)
    before = copy.deepcopy(found)
    yield found
    try:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with holding(file.parent.resolve()):
            current = read(file) if file.exists() else before
            _take_over(current, before, found)
            # It names a control plane: only its owner may read it.
            write(file, json.dumps(current, indent=2) + "\n", mode=0o600)
    except OSError as error:
        raise CannotRun(f"{file} can't be written: {reason_of(error)}", hint=_ELSEWHERE) from None
    except CannotRun as error:
        raise CannotRun(error.message, hint=_ELSEWHERE) from None


def _take_over(current: dict[str, Any], before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
    """Change in `current` what is not the same in `before` and `after`."""
    for key in before.keys() | after.keys():
        old, new = before.get(key), after.get(key)
        if old == new:
            continue
        if isinstance(old, dict) and isinstance(new, dict) and isinstance(current.get(key), dict):
            _take_over(current[key], old, new)
        elif key in after:
            current[key] = new
        else:
            current.pop(key, None)


def of(found: dict[str, Any], lab: str) -> dict[str, Any]:
    """The entry of a lab: state (open, started, seen, solved), hints, answers, started, solved."""
    entry: dict[str, Any] = found["labs"].setdefault(lab, {})
    for key, value in {"state": "open", "hints": 0, "answers": {}}.items():
        entry.setdefault(key, value)
    return entry
