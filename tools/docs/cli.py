"""Writes docs/reference/cli.md from the --help texts of every verb."""

from __future__ import annotations

from collections.abc import Iterator

import click

from mockhost.cli.verbs import mockhost as root
from tools.docs import ROOT, File

PAGE = ROOT / "docs" / "reference" / "cli.md"
WIDTH = 100

HEAD = """\
# Command line

<!-- Written by python -m tools.docs cli from the --help texts; don't edit. -->

`mockhost VERB --help` prints these texts.
`python -m mockhost` is the same command.

| exit code | means |
|---|---|
| 0 | fine |
| 1 | the thing checked is not fine: an invalid file, a failed check, a failed test connection |
| 2 | wrong usage, or a file or name that is not there |
| 4 | could not run: a port in use, no host to talk to |
| 130, 143 | ended by Ctrl-C (SIGINT) or SIGTERM before it was done; `serve` ends with 0 once it has begun |

Exit codes do not depend on the output format.
`mockhost run` gives the exit code of its command.

Options of `serve` and `run` can also be given as environment variables, named in the texts below.
Precedence: flag, environment, `--set`, the file, its parent.
Output has no colours if `NO_COLOR` is set or if it does not go to a terminal; `FORCE_COLOR` forces colours.
`MOCKHOST_SCENARIOS` names more folders of scenarios, separated as in `PATH`.
"""


def commands(
    command: click.Command, path: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """A command and all below it, each with the words that call it."""
    yield path, command
    if isinstance(command, click.Group):
        context = click.Context(command, info_name=path[-1])
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            assert below is not None
            yield from commands(below, (*path, name))


def help_text(path: tuple[str, ...], root: click.Command) -> str:
    """The --help text as it stands on a terminal of WIDTH columns."""
    settings = {**root.context_settings, "terminal_width": WIDTH, "max_content_width": WIDTH}
    command, context = root, click.Context(root, info_name=path[0], **settings)
    for word in path[1:]:
        assert isinstance(command, click.Group)
        below = command.get_command(context, word)
        assert below is not None
        command, context = below, click.Context(below, info_name=word, parent=context, **settings)
    lines = [line.rstrip() for line in command.get_help(context).splitlines()]
    return "\n".join(lines).strip()


def page() -> str:
    """The whole page."""
    parts = [HEAD]
    for path, command in commands(root, ("mockhost",)):
        if command.hidden:
            continue
        level = "#" * min(len(path) + 1, 4)
        parts.append(f"{level} {' '.join(path)}\n\n```text\n{help_text(path, root)}\n```\n")
    return "\n".join(parts)


FILES = (File(PAGE, page),)
