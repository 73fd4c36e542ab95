"""The lab that `mockhost lab init` writes: small, sound, and to be changed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from mockhost.errors import CannotRun, UsageError

_FILES = {
    "scenario.yaml": """\
# What is broken, and what has to be so in the end. `mockhost schema` describes the keys.
format: 1
extends: documented/secret_token_mismatch    # 'mockhost scenarios' lists what there is; a path begins with ./
title: The token that looked right

machine: {elevated: true}                    # the prompt is an administrator's

cured:                                       # the checks; 'note' is what the learner reads
  - entra: test_connection
    says: {ok: true}
    note: The portal's Test connection succeeds
wrong_cure:                                  # what must not be so: short cuts that hide the problem
  - send: test_connection
    as: {secret_token: anything-at-all}
    gets: {status: 200}
    note: The host takes any token
""",
    "lab.yaml": """\
format: 1
title: The token that looked right
track: My labs
level: 1
minutes: 10
victory: The portal's Test connection succeeds, and the host still refuses wrong tokens.
learnt: >
  The token is typed twice, in the wizard and in the portal, and shown in neither. Enter it again on both sides.
commands: [portal test-connection, wizard properties SQL, Restart-Service "Microsoft ECMA2Host"]
hints:                                       # three: where to look, what to run, the answer
  - The address is right, for the host answers. Think of what else both sides have to agree on.
  - "'wizard properties SQL token=VALUE' sets the host's token, 'portal enter secret-token VALUE' the portal's."
  - "Give both sides the same token, and restart the service: the host reads it when it starts."
# hintchecks: []    # steps as in wrong_cure; the note of the first that holds is the next hint
# failchecks: []    # states beyond repair
# answers: {port: {ask: Which port does the host listen at?, is: ["8585"], see: wizard settings}}
# vary: {token: token, user: [bob, carol]}    # variables of the scenario that differ by learner
""",
    "brief.md": """\
Since this morning the portal's Test connection is red. A colleague has
"typed the token in again, to be safe".

You are at the server, with the rights of an administrator. Repair it.
""",
    "why.md": """\
Neither the wizard nor the portal shows a token once it is saved.
""",
    "solution.txt": """\
# PS> at the server's prompt, portal> in the portal, wizard> in the wizard, answer> KEY VALUE
# Fails: the symptom. Any other line has to succeed.
portal> test-connection
wizard> properties SQL token=a-new-one
PS> Restart-Service "Microsoft ECMA2Host"
portal> enter secret-token a-new-one
portal> test-connection
""",
    "wrong-debug.txt": """\
# Debug=true lets everybody in.
PS> cd 'C:\\Program Files\\Microsoft ECMA2Host\\Service'
PS> notepad Microsoft.ECMA2Host.Service.exe.config /replace '"false"' '"true"'
PS> Restart-Service "Microsoft ECMA2Host"
""",
}


def write(folder: Path) -> Iterator[Path]:
    """Write the files into a folder, which must be empty or not there. Raises UsageError, CannotRun."""
    try:
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise UsageError(f"{folder} is not an empty folder", hint="name one that is not there yet")
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in _FILES.items():
            (folder / name).write_text(text, "utf-8")
            yield folder / name
    except OSError as error:
        raise CannotRun(f"{folder} cannot be written: {error.strerror or error}") from None
