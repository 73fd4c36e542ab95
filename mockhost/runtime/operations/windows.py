"""The handler of the operation that runs commands on the Windows server around the host."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mockhost.errors import UsageError
from mockhost.operations.row import ROLES
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
    machine = runtime.first_look()
    window = shell.Session.parse(session)
    right = machine.config.elevated if elevated is None else elevated
    done = shell.run(machine, command, elevated=right, session=window, given=input)
    edit = None if done.edit is None else dict(done.edit)
    if host.role != ROLES[-1] and runtime.journal.sink.data(edit) != edit:
        # It would be shown redacted, and saved so.
        raise UsageError(
            f"{command!r} opens a file with secrets, which are not for a {host.role}",
            hint="notepad FILE /replace OLD NEW changes a part of it",
        )
    after = done.session or window
    return {
        "exit": done.code,
        "output": done.text,
        "data": done.data,
        "session": {"location": after.location, "modules": list(after.modules), "policy": after.policy},
        "edit": edit,
    }
