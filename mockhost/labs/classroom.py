"""A class on one server: a host for each student, one control plane for all of them, and what the teacher can do."""

from __future__ import annotations

import base64
import contextlib
import csv
import functools
import hashlib
import html
import io
import json
import os
import re
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from mockhost.api import LOOPBACK, MockHost
from mockhost.clock import fresh_guid, fresh_secret, iso, wall_now
from mockhost.errors import CannotRun, MockhostError, UsageError, reason_of
from mockhost.files import write
from mockhost.labs import progress, texts
from mockhost.labs.desk import Desk, find
from mockhost.labs.lab import Lab
from mockhost.operations.row import Media
from mockhost.operations.table import CSV
from mockhost.runtime.operations import Data, NoSuch, NotNow, Operated
from mockhost.server.listener import Limits, Listener
from mockhost.temporary import hold

FILE: Final = "class.json"
_FORMAT: Final = 1
_SAVES: Final = 1.0
"""Seconds between a change and its writing to the file, at most."""
MOST: Final = 100
"""Students of a class."""
_LIMITS: Final = Limits(lengths_required=False, send=10.0, head=10.0, idle=20.0, from_one_address=512)
"""One student's address can't take all connections; half of them, as a class may share one address."""
_LAST_PORT: Final = 65_535
_OF_THE_CLASS: Final = ("/v1/class", "/v1/health", "/v1/ca", "/console")
_OWNER: Final = "owner"
_LONGEST_NAME: Final = 100
_SECRET: Final = re.compile("[!-~]{8,200}")
"""A code or the teacher's token: what a client can send, and too long to be guessed."""


def code() -> str:
    """A code that a student types once: 60 bits, in groups of four."""
    text = base64.b32encode(hashlib.sha256(fresh_secret().encode()).digest()).decode().lower()
    return "-".join(text[place : place + 4] for place in (0, 4, 8))


class Classroom:
    """A class. Use it as a context manager."""

    def __init__(
        self,
        labs: Sequence[Lab],
        students: int,
        folder: Path,
        *,
        listen: str = "127.0.0.1",
        name: str = "localhost",
        port: int = 0,
    ) -> None:
        """folder: where codes, progress and the CA are kept. port: of the page; the students' are those after it.

        Raises UsageError for a folder with a file that is not a class, or without labs.
        """
        if not labs:
            raise UsageError("a class has at least one lab", hint="'mockhost lab list' lists labs and tracks")
        if not 1 <= students <= MOST:
            raise UsageError(f"a class has 1 to {MOST} students, not {students}")
        if port and port + students > _LAST_PORT:
            raise UsageError(f"there are no {students} ports after {port}", hint="take a lower --port")
        self.labs = tuple(labs)
        self.folder = folder
        self.frozen_at: float | None = None
        self._name, self._listen, self._port = name, listen, port
        self.kept = _read(folder / FILE)
        known = self.kept["students"]
        while len(known) < students:
            known.append({"name": f"student-{len(known) + 1:02}", "code": code(), "learner": fresh_guid(),
                          "lab": labs[0].id, "labs": {}})  # fmt: skip
        self.desks = {
            each["name"]: Desk(each, self.labs, functools.partial(self._host, number))
            for number, each in enumerate(known[:students], 1)
        }
        self._written = ""
        self._ends = threading.Event()
        self._saver = threading.Thread(target=self._save_now_and_then, name="mockhost-class", daemon=True)
        self._listener: Listener | None = None
        self._held: int | None = None
        """the lock on the folder: a second server would write the same files"""

    def _host(self, number: int, scenario: Any) -> MockHost:
        return MockHost(
            scenario,
            listen=None if self._listen in LOOPBACK else self._listen,
            port=self._port and self._port + number,
            control=False,
            clock="wall",
            tls_names=() if self._name == "localhost" else (self._name,),
            public_name=None if self._name == "localhost" else self._name,
            state_dir=self.folder / "ca" / f"{number:02}",
        )

    # -- life --------------------------------------------------------------------------------------------------

    def __enter__(self) -> Classroom:
        self._hold()
        try:
            for desk in self.desks.values():
                desk.start()
            self._serve()
            self.save()
        except BaseException:
            self.__exit__()
            raise
        self._saver.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ends.set()
        try:
            for desk in self.desks.values():
                desk.host.stop()
            if self._listener is not None:
                self._listener.shutdown(finish=0.5)
                self.save()
        finally:
            held, self._held = self._held, None
            if held is not None:
                os.close(held)

    def _hold(self) -> None:
        """Take the folder for this server. Raises UsageError where another one has it, CannotRun."""
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._held = hold(self.folder.resolve())
        except BlockingIOError:
            hint = "end the other one, or give another --folder"
            raise UsageError(f"another server has the class in {self.folder}", hint=hint) from None
        except OSError as error:
            raise CannotRun(
                f"{self.folder} can't be used: {reason_of(error)}", hint="give another --folder"
            ) from None

    def _serve(self) -> None:
        from mockhost.console.classes import ClassConsole
        from mockhost.control.app import create_control_app

        app = create_control_app(
            self._operated,
            token=self.kept["teacher"],
            bound_host=self._listen,
            names=[self._name],
            others={desk.kept["code"]: desk.name for desk in self.desks.values()},
            stranger="",
            console=ClassConsole,
            in_class=True,
        )
        hosts = LOOPBACK if self._listen in LOOPBACK else (self._listen,)
        self._listener = Listener(
            app,
            hosts=hosts,
            port=self._port,
            limits=_LIMITS,
            name="class",
        )
        self._listener.bind()
        self._listener.open()

    @property
    def url(self) -> str:
        """Where everybody finds the class."""
        assert self._listener is not None
        return f"http://{self._name}:{self._listener.port}"

    def link(self, token: str) -> str:
        """A link that signs a browser in; what follows # is not sent."""
        return f"{self.url}/#token={token}"

    def _operated(self, asked: Any) -> Operated:
        """The host that a request is for: a student's own, or the one that the teacher names."""
        from mockhost.control.app import OWNER, caller

        who = caller(asked)
        first = next(iter(self.desks.values()))
        if who in self.desks:
            if self.frozen_at is not None and asked.method != "GET":
                raise NotNow("the teacher has paused the class", hint="go on when the teacher says so")
            return self._of(self.desks[who], "learner", self.desks[who])
        if who != OWNER:  # the health
            return self._of(first, "learner", None)
        name = asked.headers.get("Mockhost-Student")
        if name is None and asked.path != "/" and not asked.path.startswith(_OF_THE_CLASS):
            hint = "send the header Mockhost-Student: student-01"
            raise NoSuch("this is about the host of one student", hint=hint)
        return self._of(first if name is None else self.desk(name), "teacher", self)

    def _of(self, desk: Desk, role: Any, place: Desk | Classroom | None) -> Operated:
        host = desk.host
        return host._operated(host.runtime.network)._replace(role=role, desk=_Place(self, place))

    # -- students ----------------------------------------------------------------------------------------------

    def desk(self, name: str) -> Desk:
        """A student's place. Raises NoSuch."""
        found = self.desks.get(name)
        if found is None:
            raise NoSuch(f"there is no student {name!r}", hint=f"{', '.join(list(self.desks)[:3])} ...")
        return found

    def some(self, student: str | None) -> list[Desk]:
        """One, or all."""
        return list(self.desks.values()) if student is None else [self.desk(student)]

    def freeze(self, frozen: bool) -> None:
        """Pause the class, or let it go on; no student gets stuck while it is paused."""
        if frozen and self.frozen_at is None:
            self.frozen_at = wall_now()
        elif not frozen and self.frozen_at is not None:
            for desk in self.desks.values():
                desk.moved_at += wall_now() - self.frozen_at
            self.frozen_at = None

    # -- what is kept ------------------------------------------------------------------------------------------

    def save(self) -> None:
        """Write codes and progress to the file, if they changed. Raises CannotRun."""
        text = json.dumps(self.kept, indent=1) + "\n"
        if text != self._written:
            write(self.folder / FILE, text, mode=0o600)
            self._written = text

    def _save_now_and_then(self) -> None:
        while not self._ends.wait(_SAVES):
            # A full disk; a map that changed, which is written next time; a host that is in the middle of something.
            with contextlib.suppress(MockhostError, RuntimeError):
                self.save()
            for desk in self.desks.values():
                with contextlib.suppress(MockhostError):
                    desk.hold_down()

    def progress(self) -> Iterator[tuple[object, ...]]:
        """A row for each student and lab."""
        yield "student", "lab", "title", "state", "hints", "started", "solved"
        for desk in self.desks.values():
            for lab in self.labs:
                entry = desk.kept["labs"].get(lab.id, {})
                times = [iso(entry[key]) if key in entry else "" for key in ("started", "solved")]
                yield (
                    desk.name,
                    texts.name(lab),
                    lab.title,
                    entry.get("state", "open"),
                    texts.hints_taken(entry),
                    *times,
                )

    def sheet(self) -> dict[str, str]:
        """The sheet to print, as the text of its files: name, URL and code of each student."""
        rows = [(desk.name, self.link(desk.kept["code"]), desk.kept["code"]) for desk in self.desks.values()]
        cards = "".join(
            f"<li><b>{html.escape(name)}</b><p>{html.escape(self.url)}<p><code>{html.escape(secret)}</code>"
            f"<p>or: <code>mockhost class join {html.escape(self.url)} {html.escape(secret)}</code></li>\n"
            for name, _, secret in rows
        )
        page = Path(__file__).with_name("sheet.html").read_text("utf-8")
        return {
            "sheet.html": page.replace("CARDS", cards),
            "sheet.csv": _csv([("name", "url", "code"), *rows]),
        }


class _Place:
    """Where a caller of the control plane is in the class: at a desk, or before it."""

    def __init__(self, room: Classroom, place: Desk | Classroom | None) -> None:
        self.room = room
        self.desk = place if isinstance(place, Desk) else None
        self.is_teacher = isinstance(place, Classroom)


def _csv(rows: Iterable[Sequence[object]]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(rows)
    return out.getvalue()


def _read(file: Path) -> dict[str, Any]:
    """What is kept, or the beginning of it. Raises UsageError."""
    try:
        found = progress.document(file, _FORMAT)
    except FileNotFoundError:
        return {"format": _FORMAT, "teacher": fresh_secret(), "students": []}
    students = found.get("students")
    if not isinstance(students, list) or not all(map(_is_student, students)) or not _are_apart(found):
        raise UsageError(f"{file} is not a class", hint="move it away, or give another --folder")
    return found


def _is_student(kept: object) -> bool:
    return (
        isinstance(kept, dict)
        and all(isinstance(kept.get(key), str) for key in ("name", "code", "learner", "lab"))
        and 0 < len(kept["name"]) <= _LONGEST_NAME
        and kept["name"].isprintable()
        and kept["name"] != _OWNER
        and progress.are_entries(kept.get("labs"))
        and progress.are_texts(kept.get("notes", []))
    )


def _are_apart(found: Mapping[str, Any]) -> bool:
    """Whether everybody has a name and a code of their own, long enough not to be guessed."""
    names = [each["name"] for each in found["students"]]
    secrets = [found.get("teacher"), *(each["code"] for each in found["students"])]
    return (
        all(isinstance(each, str) and _SECRET.fullmatch(each) for each in secrets)
        and len({*secrets}) == len(secrets)
        and len({*names}) == len(names)
    )


# -- the handlers of its operations ----------------------------------------------------------------------------------


def _desk(host: Operated) -> Desk:
    desk: Desk | None = host.desk.desk
    if desk is None:
        raise NoSuch("only a student has a lab", hint="GET /v1/class shows all of them")
    return desk


def lab_state(host: Operated) -> Data:
    room: Classroom = host.desk.room
    return {**_desk(host).shown(), "frozen": room.frozen_at is not None}


def lab_line(host: Operated, *, line: str, input: str | None = None) -> Data:
    return dict(_desk(host).line(line, input)._asdict())


def class_state(host: Operated) -> Data:
    room: Classroom = host.desk.room
    return {
        "frozen": room.frozen_at is not None,
        "labs": [{"id": texts.name(lab), "title": lab.title} for lab in room.labs],
        "students": [desk.row() for desk in room.desks.values()],
    }


def class_progress(host: Operated) -> Media:
    return Media(_csv(host.desk.room.progress()).encode(), CSV)


def _each(host: Operated, student: str | None, does: Callable[[Desk], None]) -> Data:
    """Do it at each desk: a student whose desk refuses it keeps it from no other."""
    desks: list[Desk] = host.desk.room.some(student)
    refused: dict[str, MockhostError] = {}
    for desk in desks:
        try:
            does(desk)
        except MockhostError as error:
            refused[desk.name] = error
    if refused:
        first = next(iter(refused.values()))
        if len(refused) == len(desks):
            raise first
        raise NotNow(
            f"done for all but {', '.join(refused)}: {first.message}",
            hint="do it again for those that are left",
        )
    return {"students": len(desks)}


def class_use(host: Operated, *, lab: str, student: str | None = None) -> Data:
    chosen = find(host.desk.room.labs, lab)
    return _each(host, student, lambda desk: desk.use(chosen))


def class_reset(host: Operated, *, student: str) -> Data:
    return _each(host, student, Desk.reset)


def class_solve(host: Operated, *, student: str) -> Data:
    return _each(host, student, Desk.solve)


def class_hint(host: Operated, *, text: str, student: str | None = None) -> Data:
    return _each(host, student, lambda desk: desk.note(text))


def class_fault(host: Operated, *, rule: Mapping[str, Any]) -> Data:
    return _each(host, None, lambda desk: desk.host.call("add_rule", rule=dict(rule)))


def class_clear(host: Operated) -> Data:
    return _each(host, None, lambda desk: desk.host.call("clear_rules"))


def class_freeze(host: Operated, *, frozen: bool) -> Data:
    host.desk.room.freeze(frozen)
    return {"students": len(host.desk.room.desks)}
