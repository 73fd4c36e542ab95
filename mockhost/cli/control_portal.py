"""`mockhost control portal`: the portal of a running host, line by line."""

from __future__ import annotations

import click

from mockhost.cli import outcome
from mockhost.cli.control_target import FORMAT, Target
from mockhost.cli.provisioning import coloured, title_of, width_of
from mockhost.cli.terminal import columns, stdout


@click.command("portal", context_settings={"ignore_unknown_options": True})
@click.argument("words", nargs=-1, metavar="[LINE]")
@FORMAT
@click.pass_obj
def portal(target: Target, words: tuple[str, ...], form: str) -> None:
    """Do what an administrator does in the portal with the application that provisions to the host.

    The application, with its users and agents, is the one of the scenario's `entra`; its clock is the host's. Without
    LINE it shows the application, `help` lists the lines. Exit code 1 if what is done fails.

    \b
    mockhost control portal test-connection
    mockhost control portal agent restart agent-1
    mockhost control portal on-demand ann@contoso.example
    mockhost control portal log status=failure
    """
    from mockhost.entra import rendering

    terminal = stdout()
    if [word.lower() for word in words] == ["help"]:
        terminal.lines(columns(rendering.HELP))
        return
    found = target.plane().call("portal", step=rendering.of_words(words))
    verb, result = found["step"], found["result"]
    if form == "json":
        terminal.json(result)
    else:
        width = width_of(terminal)
        shown = rendering.lines(verb, result, width, title_of)
        terminal.lines(coloured(shown, terminal))
    raise click.exceptions.Exit(outcome.FINE if rendering.went_well(verb, result) else outcome.NOT_FINE)
