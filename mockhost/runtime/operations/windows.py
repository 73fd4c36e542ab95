"""The handler of the operation that runs commands on the Windows server around the host."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mockhost.errors import UsageError
from mockhost.runtime.operations import Data, Operated
from mockhost.windows import shell


def windows(
    host: Operated,
    *,
    command: str,
    elevated: bool | None = None,
    session: Mapping[str, Any] | None = None,
    input: str | None = None,
) -> Data:
    if input is not None and len(input) > shell.LONGEST_INPUT:
        raise UsageError(f"the input is longer than {shell.LONGEST_INPUT} characters")
    runtime = host.runtime
    with runtime.lock:
        machine = runtime.around()
    window = shell.Session.parse(session)
    right = machine.config.elevated if elevated is None else elevated
    done = shell.run(machine, command, elevated=right, session=window, given=input)
    after = done.session or window
    return {
        "exit": done.code,
        "output": done.text,
        "data": done.data,
        "session": {"location": after.location, "modules": list(after.modules), "policy": after.policy},
        "edit": None if done.edit is None else dict(done.edit),
    }
