"""What `provision` and `portal` share: the file, the state beside it, and the way to the target."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mockhost.cli.options import option
from mockhost.cli.terminal import Terminal, stderr
from mockhost.errors import UsageError

if TYPE_CHECKING:
    from mockhost.client.har import HarWriter
    from mockhost.entra.agent import Machine
    from mockhost.entra.config import Credentials, Provisioning, Way
    from mockhost.entra.enterprise import EnterpriseApp

FILE = click.argument("file", type=click.Path(path_type=Path), metavar="FILE")
STATE = click.option(
    "--state",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Where the state is kept between commands. [default: beside FILE, ending in .sqlite]",
)
HAR = click.option(
    "--har",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write all exchanges to a HAR file. Tokens and redacted values are left out.",
)
TOKEN = option("--secret-token", metavar="TOKEN", help="The secret token, with --url.")
CA = click.option(
    "--ca",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Certificates to trust, as PEM, with --url. [default: what this machine trusts]",
)


class FromFile:
    """A source for an `EnterpriseApp`: what is entered is in the file, or on the command line."""

    def __init__(self, config: Provisioning, har: HarWriter | None) -> None:
        self.config = config
        self._har = har

    def provisioning(self) -> Provisioning:
        return self.config

    def enter(self, values: object) -> None:
        raise UsageError("what is entered is in the file", hint="edit it")

    change = enter

    def reached(self, saved: Credentials) -> Credentials:
        return saved

    def machine(self) -> Machine | None:
        """The agents' machine, where the control plane of a mock tells of it."""
        if self.config.control is None:
            return None
        from mockhost.client.control import ControlPlane
        from mockhost.entra import agent

        control = self.config.control
        return agent.read(ControlPlane(control.url, control.token, timeout=10.0))

    def operate(self, action: object) -> None:
        if not isinstance(action, str) or action not in ("assign", "unassign"):
            hint = "do it there, with 'mockhost windows', or leave 'control' out"
            raise UsageError("the agent's machine is the one of the mock", hint=hint)

    def way(self, config: Provisioning) -> Way:
        from mockhost.entra.config import Way

        return Way(config, self._har)


@contextlib.contextmanager
def opened(
    file: Path | None,
    *,
    state: Path | None = None,
    url: str | None = None,
    secret_token: str | None = None,
    ca: Path | None = None,
    users: int = 10,
    har: Path | None = None,
) -> Iterator[EnterpriseApp]:
    """An application by its provisioning.yaml, or by a URL alone; its state is kept beside the file."""
    from mockhost.client.har import HarWriter
    from mockhost.clock import VirtualClock, wall_now
    from mockhost.entra.enterprise import EnterpriseApp
    from mockhost.entra.store import Store

    config = _said(file, url, secret_token, ca, users)
    if state is None and file is not None:
        state = file.with_suffix(".sqlite")
    with contextlib.ExitStack() as stack:
        store = stack.enter_context(Store(state))
        start = store.get("now") or config.settings.start or wall_now()
        writer = None if har is None else stack.enter_context(HarWriter(har))
        clock = VirtualClock("frozen", start=start)
        yield EnterpriseApp(FromFile(config, writer), store, clock, env=os.environ, pause=_pause)


def tell_what_is_used(app: EnterpriseApp) -> None:
    """Say so where what is entered is not what cycles and on-demand provisioning use."""
    saved = app.saved()
    if saved is not None and saved != app.source.provisioning().entered:
        text = "what is entered differs from what was saved, which is used; 'mockhost portal save' saves it"
        stderr().error(text)


def title_of(scenario: str) -> str:
    """The title of a shipped scenario; '' if there is none of this name."""
    from mockhost.scenario import catalogue

    entry = next((each for each in catalogue.entries(None) if each["name"] == scenario), None)
    return str(entry["title"]) if entry else ""


def coloured(lines: Iterable[str], terminal: Terminal) -> list[str]:
    """Lines of `entra.rendering` with their marks in colour."""
    styles = {"✓": "green", "✗": "red"}
    return [
        f"{terminal.styled(line[0], styles[line[0]], 'bold')}{line[1:]}" if line[:1] in styles else line
        for line in lines
    ]


def width_of(terminal: Terminal) -> int:
    return min(terminal.width or 100, 110)


def _said(
    file: Path | None, url: str | None, secret_token: str | None, ca: Path | None, users: int
) -> Provisioning:
    """What the file says, or the command line. Raises UsageError unless it is one of the two."""
    if (file is None) == (url is None):
        raise UsageError("give either FILE or --url", hint="'mockhost provision init' writes a FILE")
    if file is not None:
        from mockhost.cli import provisioning_file

        return provisioning_file.read(file, os.environ)
    from mockhost.entra.config import Credentials, Provisioning, app_of
    from mockhost.entra.users import Generated, GeneratedUsers

    assert url is not None
    credentials = Credentials(url, "", secret_token)
    made = GeneratedUsers(Generated(users))
    return Provisioning(credentials, made, app=app_of(url), trust=None if ca is None else str(ca))


def _pause(seconds: float) -> None:
    """Wait on the wall for what a target asked for with Retry-After."""
    threading.Event().wait(seconds)
