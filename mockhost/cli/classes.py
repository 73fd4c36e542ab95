"""`mockhost class`: labs for many learners on one server."""

from __future__ import annotations

import contextlib
import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mockhost.cli.options import FOLDER, Port
from mockhost.cli.planes import joined
from mockhost.cli.terminal import stdout
from mockhost.cli.verbs import SETTINGS, Framed
from mockhost.errors import CannotRun, UsageError

if TYPE_CHECKING:
    from mockhost.labs.lab import Lab

FIRST_PORT = 8600
_FILES = 65_536


@click.group("class", cls=Framed, context_settings=SETTINGS)
def command() -> None:
    """Serve labs to a class: one server, a host for each student, a page for each and for the teacher.

    \b
    mockhost class serve --students 30 --labs 'Test connection'
    mockhost class join http://teacher.example:8600 CODE
    """


@command.command("serve")
@click.option(
    "--students", type=click.IntRange(1, 100), required=True, metavar="N", help="How many, 1 to 100."
)
@click.option(
    "--labs",
    "wanted",
    required=True,
    metavar="LABS",
    help="A track, as 'mockhost lab list' shows it, or IDs with commas between: L01,L02; all: every lab.",
)
@click.option(
    "--folder",
    type=FOLDER,
    default=Path("mockhost-class"),
    metavar="DIR",
    help="Codes, progress, the CA and the sheet to print are kept here; the same folder goes on with the class. "
    "[default: mockhost-class]",
)
@click.option(
    "--host",
    default="127.0.0.1",
    metavar="ADDRESS",
    help="The address to bind; 0.0.0.0 is all of them. [default: 127.0.0.1]",
)
@click.option(
    "--name",
    metavar="NAME",
    help="The name of this machine in URLs and certificates. [default: its own name, or localhost]",
)
@click.option(
    "--port",
    type=Port(),
    default=FIRST_PORT,
    metavar="PORT",
    help="The port of the page; each student's host has one of those after it; 0 takes free ones. "
    f"[default: {FIRST_PORT}]",
)
def serve(students: int, wanted: str, folder: Path, host: str, name: str | None, port: int) -> None:
    """Serve labs to a class until Ctrl-C or SIGTERM."""
    from mockhost.cli.signals import STOP, Mailbox, Signalled
    from mockhost.labs.classroom import Classroom

    _open_more_files()
    loopback = host in ("127.0.0.1", "::1", "localhost")
    named = name or ("localhost" if loopback else socket.gethostname())
    mailbox = Mailbox(lambda: None)
    with mailbox, contextlib.suppress(Signalled):
        mailbox.starting()
        room = Classroom(
            chosen(wanted),
            students,
            folder.absolute(),
            listen="127.0.0.1" if loopback else host,
            name=named,
            port=port,
        )
        with room:
            files = _written(folder, room.sheet())
            stdout().lines(
                [
                    f"A class of {students}, {len(room.labs)} labs: {room.url}",
                    f"Teacher:  {room.link(room.kept['teacher'])}",
                    f"Students: {', '.join(files)} to print; it has each student's code",
                    f"Kept in {folder}: the same command goes on with this class.",
                    *(
                        ["Only this machine reaches it; --host 0.0.0.0 opens it to a room."]
                        if loopback
                        else []
                    ),
                    "Ctrl-C ends it.",
                ]
            )
            mailbox.ready()
            while mailbox.get(None) != STOP:
                pass


@command.command("join")
@click.argument("url", metavar="URL")
@click.argument("code", metavar="CODE")
def join(url: str, code: str) -> None:
    """Join a class: 'mockhost lab' and 'mockhost windows' then are about your host there."""
    from mockhost.client.control import ControlPlane
    from mockhost.labs import progress

    try:
        state = ControlPlane(url, code.strip().lower()).call("lab_state")
    except (CannotRun, UsageError) as error:
        raise type(error)(error.message, hint="URL and code are on the sheet of your class") from None
    with progress.changed(progress.file_of(os.environ)) as kept:
        kept["class"] = {"url": url, "code": code.strip().lower()}
    stdout().lines([f"You are {state['student']}. 'mockhost lab' opens the prompt of your server.",
                    f"In a browser: {url.rstrip('/')}/#token={code.strip().lower()}",
                    "'mockhost class leave' ends it."])  # fmt: skip


@command.command("leave")
def leave() -> None:
    """Leave the class; your progress stays with the teacher."""
    from mockhost.labs import progress

    if joined() is None:
        raise UsageError("you have not joined a class", hint="mockhost class join URL CODE")
    with progress.changed(progress.file_of(os.environ)) as kept:
        del kept["class"]
    stdout().line("You have left the class.")


def chosen(wanted: str) -> list[Lab]:
    """The labs of a track, or those that are named. Raises UsageError."""
    from mockhost.labs import lab as labs

    known = [labs.read(folder) for folder in labs.folders()]
    said = wanted.casefold().replace("-", " ")
    of_track = [lab for lab in known if said == "all" or lab.track.casefold() == said]
    if of_track:
        return of_track
    try:
        return [labs.find(each.strip()) for each in wanted.split(",")]
    except UsageError as error:
        tracks = ", ".join(dict.fromkeys(lab.track for lab in known))
        raise UsageError(error.message, hint=f"tracks: {tracks}; or IDs such as L01,L02") from None


def _open_more_files() -> None:
    """Take as many file descriptors as are allowed: one student's connections must not use up those of the others."""
    with contextlib.suppress(ImportError, OSError, ValueError):  # there is no limit of this kind on Windows
        import resource

        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        most = _FILES if hard == resource.RLIM_INFINITY else min(hard, _FILES)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def _written(folder: Path, files: dict[str, str]) -> list[str]:
    """Write the sheet, which only its owner may read: it has the codes."""
    from mockhost.files import write

    for name, text in files.items():
        write(folder / name, text, mode=0o600)
    return [str(folder / name) for name in files]
