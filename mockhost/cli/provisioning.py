"""What `provision` and `portal` share: the file, the state beside it, and the way to the target."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from mockhost.cli.options import option
from mockhost.errors import UsageError

if TYPE_CHECKING:
    from mockhost.entra.config import Provisioning
    from mockhost.entra.machine import Machine
    from mockhost.entra.service import Service
    from mockhost.entra.store import Store
    from mockhost.entra.way import Way

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


class Opened(NamedTuple):
    """A job that can be worked with."""

    config: Provisioning
    """with the credentials that count: the entered or the saved ones"""
    service: Service
    store: Store
    notes: tuple[str, ...]
    """what the user should know before anything happens"""


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
    entered: bool = False,
) -> Iterator[Opened]:
    """A job by its provisioning.yaml, or by a URL alone; its state is kept beside the file.

    entered: use what is entered instead of what was saved. What is entered is saved if nothing was saved before.
    """
    from mockhost.clock import VirtualClock, wall_now
    from mockhost.entra import application
    from mockhost.entra.service import Service
    from mockhost.entra.store import Store

    said = _said(file, url, secret_token, ca, users)
    if state is None and file is not None:
        state = file.with_suffix(".sqlite")
    with contextlib.ExitStack() as stack:
        store = stack.enter_context(Store(state))
        start = store.get("now") or said.settings.start or wall_now()
        config, notes, first = said, [], store.get("saved") is None
        if not entered and not first:
            credentials = application.saved(store, os.environ)
            assert credentials is not None
            if credentials != said.entered:
                notes.append(
                    "what is entered differs from what was saved, which is used; 'mockhost portal save' saves it"
                )
            config = said._replace(entered=credentials)
        way = stack.enter_context(_way(config, har))
        clock = VirtualClock("frozen", start=start)
        service = Service(config, store, way, clock, pause=_pause, machine=_machine(config))
        if way.har is not None:
            token = config.entered.secret_token
            way.har.secrets = lambda: [*service.work.secrets, *([token] if token else [])]
        if not entered and first:
            application.save(config, store)
            application.discover(service)
            store.commit()
        yield Opened(config, service, store, tuple(notes))


@contextlib.contextmanager
def _way(config: Provisioning, har: Path | None) -> Iterator[Way]:
    from mockhost.client.har import HarWriter
    from mockhost.entra.way import Way

    with contextlib.ExitStack() as stack:
        way = Way(config, None if har is None else stack.enter_context(HarWriter(har)))
        stack.callback(way.session.close)
        yield way


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


def _machine(config: Provisioning) -> Machine | None:
    """The agents' machine, where the control plane of a mock tells of it."""
    if config.control is None:
        return None
    from mockhost.client.control import ControlPlane
    from mockhost.entra import machine

    return machine.read(ControlPlane(config.control.url, config.control.token, timeout=10.0))


def _pause(seconds: float) -> None:
    """Wait on the wall for what a target asked for with Retry-After."""
    threading.Event().wait(seconds)
