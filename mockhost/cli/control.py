"""`mockhost control`: operate a running host through its control plane. The verbs are in the `control_…` modules."""

from __future__ import annotations

from pathlib import Path

import click

from mockhost.cli import (
    control_call,
    control_check,
    control_clock,
    control_journal,
    control_rules,
    control_state,
    control_stores,
)
from mockhost.cli.control_target import target_of
from mockhost.cli.verbs import Framed

_HOISTED = ("--url", "--token", "--ready-file")
_VERBS = (
    *(control_state.status, control_state.reset, control_state.use, control_state.set_values, control_state.service),
    *(control_clock.clock, control_stores.import_now, control_stores.change, control_stores.objects),
    *(control_stores.cache, control_rules.rules, control_rules.states, control_rules.release,
      control_journal.journal, control_journal.verify),
    *(control_journal.connections, control_state.truth, control_check.check, control_call.call),
)  # fmt: skip


class Control(Framed):
    """Which host is meant may be said before the verb or after it."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        first, rest, words = [], [], iter(args)
        for word in words:
            if word == "--":
                rest += [word, *words]
            elif word in _HOISTED:
                first += [word, *([value] if (value := next(words, None)) is not None else [])]
            else:
                (first if word.startswith(tuple(f"{name}=" for name in _HOISTED)) else rest).append(word)
        return super().parse_args(ctx, [*first, *rest])


@click.group("control", cls=Control)
@click.option("--url", envvar="MOCKHOST_CONTROL_URL", metavar="URL",
              help="The control plane. [env: MOCKHOST_CONTROL_URL] [default: http://127.0.0.1:8586]")  # fmt: skip
@click.option("--token", envvar="MOCKHOST_CONTROL_TOKEN", metavar="TOKEN",
              help="Its token, where it has one. [env: MOCKHOST_CONTROL_TOKEN]")  # fmt: skip
@click.option("--ready-file", type=click.Path(path_type=Path), metavar="PATH",
              help="Take both from a host's ready file. [env: MOCKHOST_READY_FILE]")  # fmt: skip
@click.pass_context
def command(ctx: click.Context, url: str | None, token: str | None, ready_file: Path | None) -> None:
    """Operate a running host through its control plane.

    Which host is meant may stand before or after the verb. A host that was started by `mockhost run` is found by
    the environment that it gives its command.

    \b
    mockhost control status
    mockhost control use documented/secret_token_mismatch
    mockhost control set host.debug=true
    mockhost control service restart
    mockhost control clock advance 40m
    mockhost control journal --ready-file ready.json
    """

    ctx.obj = target_of(ctx, url, token, ready_file)


for _verb in _VERBS:
    command.add_command(_verb)
