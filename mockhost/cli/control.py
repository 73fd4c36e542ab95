"""`mockhost control`: operate a running host through its control plane. The verbs are in the `control_…` modules."""

from __future__ import annotations

import click

from mockhost.cli import (
    control_call,
    control_check,
    control_clock,
    control_journal,
    control_portal,
    control_rules,
    control_state,
    control_stores,
)
from mockhost.cli.control_target import WHICH, Target, which_host
from mockhost.cli.verbs import Framed

_VERBS = (
    *(control_state.status, control_state.reset, control_state.use, control_state.set_values, control_state.service),
    *(control_clock.clock, control_stores.import_now, control_stores.change, control_stores.objects),
    *(control_stores.cache, control_rules.rules, control_rules.states, control_rules.release,
      control_journal.journal, control_journal.verify),
    *(control_journal.connections, control_state.truth, control_check.check, control_portal.portal, control_call.call),
)  # fmt: skip


class Control(Framed):
    """Which host is meant may be said before the verb or after it."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        first, rest, words = [], [], iter(args)
        for word in words:
            if word == "--":
                rest += [word, *words]
            elif word in WHICH:
                first += [word, *([value] if (value := next(words, None)) is not None else [])]
            else:
                (first if word.startswith(tuple(f"{name}=" for name in WHICH)) else rest).append(word)
        return super().parse_args(ctx, [*first, *rest])


@click.group("control", cls=Control)
@which_host
@click.pass_context
def command(ctx: click.Context, target: Target) -> None:
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
    ctx.obj = target


for _verb in _VERBS:
    command.add_command(_verb)
