"""What a shell offers at Tab: scenarios, shelves, faults, behaviours, operations, labs, and a host's connectors.

click asks these functions when the variable `_MOCKHOST_COMPLETE` is set (click documentation, "Shell Completion").
A failure offers nothing: no message may come between the words of a command line.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import click
    from click.shell_completion import CompletionItem

PATIENCE = 1.0
"""Seconds that a running host has to name its connectors."""

Complete = Callable[["click.Context", "click.Parameter", str], list[str]]


def _from(names: Callable[[click.Context], Iterable[str]]) -> Complete:
    def complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
        try:
            return [name for name in names(ctx) if name.startswith(incomplete)]
        except Exception:
            return []

    return complete


def scenarios(
    ctx: click.Context, param: click.Parameter, incomplete: str
) -> list[CompletionItem] | list[str]:
    """Full names; once something is typed also short ones that are unique; files where a path is typed."""
    if incomplete.startswith((".", "/", "~")):
        from click.shell_completion import CompletionItem

        return [CompletionItem(incomplete, type="file")]
    found = _full(ctx, param, incomplete)
    if incomplete:
        found += _short(ctx, param, incomplete)
    return found


def _names(ctx: click.Context) -> Iterable[str]:
    from mockhost.scenario import shelves

    return shelves.names()


def _short_names(ctx: click.Context) -> Iterable[str]:
    short = [name.rpartition("/")[2] for name in _names(ctx) if "/" in name]
    return [name for name in short if short.count(name) == 1]


def _shelf_names(ctx: click.Context) -> Iterable[str]:
    return dict.fromkeys(name.partition("/")[0] for name in _names(ctx) if "/" in name)


def _fault_names(ctx: click.Context) -> Iterable[str]:
    from mockhost.faults import ALIASES, FAULTS, installed

    return [*FAULTS, *ALIASES, *installed()]


def _behaviour_names(ctx: click.Context) -> Iterable[str]:
    from mockhost.connectors.ecma import behaviours

    return list(behaviours.TABLE)


def _operation_names(ctx: click.Context) -> Iterable[str]:
    from mockhost.operations import TABLE

    return [row.name for row in TABLE]


def _lab_ids(ctx: click.Context) -> Iterable[str]:
    from mockhost.labs import lab

    return [folder.name for folder in lab.folders()]


def _connector_names(ctx: click.Context) -> Iterable[str]:
    """Of the running host that the command line, or the environment, means."""
    from mockhost.cli.control_target import target_of

    control = ctx.parent
    assert control is not None
    plane = target_of(control, **control.params).plane(timeout=PATIENCE)
    names: dict[str, object] = plane.call("list_connectors")["connectors"]
    return names


_full, _short = _from(_names), _from(_short_names)
shelf_names, faults, behaviours = _from(_shelf_names), _from(_fault_names), _from(_behaviour_names)
operations, connectors, labs = _from(_operation_names), _from(_connector_names), _from(_lab_ids)
