"""`mockhost lab`: exercises that reproduce a documented error, on a host of the learner's own."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mockhost.cli import shells, windows
from mockhost.cli.options import PATH
from mockhost.cli.terminal import Terminal, stderr, stdout
from mockhost.cli.verbs import SETTINGS, Framed
from mockhost.errors import CannotRun, MockhostError, ScenarioError, UsageError, reason_of
from mockhost.labs import texts

if TYPE_CHECKING:
    from mockhost.labs.lab import Lab
    from mockhost.labs.session import Session, State

_PATIENCE = 15.0
"""Seconds that a detached host has to start in."""
_NONE = ("no lab is running", "'mockhost lab start L01' starts one; 'mockhost lab list' lists them")


@click.group("lab", cls=Framed, invoke_without_command=True, context_settings=SETTINGS)
@click.pass_context
def command(ctx: click.Context) -> None:
    """Repair a broken host: exercises for each documented error, with hints and checks.

    Without a verb: go on with the lab that is running, or begin the next one. MOCKHOST_LABS names folders with
    labs of your own.

    \b
    mockhost lab
    mockhost lab list
    mockhost lab start L01
    """
    if ctx.invoked_subcommand is not None:
        return
    windows.prompt_in_class()
    with contextlib.suppress(UsageError), _running() as session:
        _prompt(session)
        return
    lab = _next(None)
    if lab is None:
        stdout().line("All labs are solved. Well done. 'mockhost lab list' lists them.")
        return
    stdout().line(f"Next lab: {texts.name(lab)} {lab.title} ({lab.track}, about {lab.minutes} minutes)")
    if not sys.stdin.isatty():
        stdout().line(f"mockhost lab start {texts.name(lab)}")
    elif click.confirm("Start it?", default=True):
        _attached(lab)


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="A list of maps with id, title, track, minutes, state.")
def list_labs(as_json: bool) -> None:
    """List the labs by track, with minutes, and how far you are.

    The state of a lab is open, started, seen (its solution was shown), or solved.
    """
    labs = _all()
    done = _progress()["labs"]
    states = {lab.id: done.get(lab.id, {}).get("state", "open") for lab in labs}
    if as_json:
        rows = [
            {
                "id": lab.id,
                "title": lab.title,
                "track": lab.track,
                "minutes": lab.minutes,
                "state": states[lab.id],
            }
            for lab in labs
        ]
        stdout().json(rows)
    else:
        stdout().lines(list(texts.listed(labs, states, stdout())))


@command.command("start")
@click.argument("lab_id", metavar="ID", shell_complete=shells.labs)
@click.option(
    "--detach", is_flag=True, help="Start the host only; use the verbs in as many terminals as you like."
)
@click.option("--serve", is_flag=True, hidden=True)
def start(lab_id: str, detach: bool, serve: bool) -> None:
    """Start a lab on a host of your own, on free ports, and open the server's prompt.

    ID is like L01, or the path of a folder with a lab.
    """
    from mockhost.labs import lab as labs

    windows.say_in_class(f"next {lab_id}")
    lab = labs.find(lab_id)
    with contextlib.suppress(UsageError), _running() as session:
        raise CannotRun(
            f"{texts.name(session.lab)} is running",
            hint="'mockhost lab' goes on with it, 'mockhost lab stop' ends it",
        )
    if serve:
        with _begun(lab):
            threading.Event().wait()
    elif detach:
        _detached(lab)
    else:
        _attached(lab)


_HELP = {
    "brief": "Show the brief of the running lab again.",
    "check": "Check how far you are. Exit code 0 if the lab is solved, 1 if not.",
    "hint": "Give the next hint: for a wrong state that is there, else the next of three.",
    "why": "Say why this happens on real servers. It names the cause.",
    "reset": "Put the running lab back to its beginning; answers and hints, too.",
}


def _verb(word: str, *, sure: bool = False) -> bool:
    """A word of the prompt as a verb: in the class that was joined, or in the running lab."""
    windows.say_in_class(word)
    with _running() as session:
        return _do(session, word, sure=sure)


for _word, _help in _HELP.items():
    command.command(_word, help=_help)(lambda word=_word: _verb(word))


@command.command("solution")
@click.option("--yes", is_flag=True, help="Do not ask.")
def solution(yes: bool) -> None:
    """Show the solution. The lab then counts as seen, not as solved."""
    _verb("solution", sure=yes)


def _do(session: Session, word: str, *, sure: bool = False) -> bool:
    """Do a word of the prompt and show what comes of it; False for a check that finds the lab unsolved."""
    terminal, states = stdout(), []
    asks = word == "solution" and not sure and sys.stdin.isatty()
    if asks and not click.confirm("Show it? The lab then counts as seen, not as solved."):
        return True

    def check() -> State:
        states.append(session.check())
        return states[0]

    with _entry(session) as entry:
        lines = texts.of_word(word, session, entry, check, terminal)
    terminal.lines(lines)
    for state in states:
        _congratulate(session, state)
    return all(state.solved for state in states)


@command.command("answer")
@click.argument("key", metavar="KEY")
@click.argument("value", metavar="VALUE", nargs=-1, required=True)
def answer(key: str, value: tuple[str, ...]) -> bool:
    """Answer a question of the brief. Exit code 0 if the answer is right, 1 if not."""
    return _typed(f"answer {key} {' '.join(value)}")


@command.command("portal", context_settings={"ignore_unknown_options": True})
@click.argument("words", metavar="[WORDS]...", nargs=-1, type=click.UNPROCESSED)
def portal(words: tuple[str, ...]) -> bool:
    """Do something in the portal of the running lab; `portal help` lists what there is."""
    from mockhost.windows import powershell

    return _typed(f"portal {powershell.join(words)}")


def _typed(line: str) -> bool:
    """Type a line in the class that was joined, or in the running lab; whether it went well."""
    windows.say_in_class(line)
    with _running() as session:
        return not _line(session, line)


@command.command("stop")
def stop() -> None:
    """End the host of the running lab."""
    with _running() as session:
        running = _progress()["running"]
        lab = session.lab
    _end(running["pid"])
    with _changed() as found:
        found["running"] = None
    stdout().line(f"{texts.name(lab)} has ended")


@command.command("progress")
@click.option("--export", "form", type=click.Choice(["md", "json"]), default="md", help="[default: md]")
def progress(form: str) -> None:
    """Show what you have solved, to keep or to hand in."""
    from mockhost.clock import iso

    done = _progress()["labs"]
    rows: list[dict[str, Any]] = []
    for lab in _all():
        entry = done.get(lab.id, {})
        solved = entry.get("solved")
        rows.append({"id": lab.id, "title": lab.title, "state": entry.get("state", "open"),
                     "hints": texts.hints_taken(entry), "solved": solved and iso(solved)})  # fmt: skip
    if form == "json":
        stdout().json(rows)
        return
    count = sum(row["state"] == "solved" for row in rows)
    lines = [
        f"{count} of {len(rows)} labs solved",
        "",
        "| lab | title | state | hints | solved |",
        "|---|---|---|---|---|",
    ]
    for row in rows:
        cells = [
            row["id"].partition("-")[0],
            row["title"],
            row["state"],
            str(row["hints"]),
            row["solved"] or "",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    stdout().lines(lines)


@command.command("init")
@click.argument("folder", type=PATH)
def init(folder: Path) -> None:
    """Write a lab to start from into FOLDER, which is created."""
    from mockhost.labs import lab as labs

    for file in labs.write_starter(folder):
        stdout().line(f"wrote {file}")
    stdout().line(f"try it: mockhost lab lint --play {folder}{os.sep}")


@command.command("lint")
@click.argument("names", metavar="[ID]...", nargs=-1, shell_complete=shells.labs)
@click.option(
    "--play", is_flag=True, help="Play each: red, solved by its solution, red after a reset; cheats stay red."
)
def lint(names: tuple[str, ...], play: bool) -> bool:
    """Check labs, by ID or folder; without ID all of them. Exit code 0 if all are sound, 1 if not."""
    from mockhost.labs import lab as labs
    from mockhost.labs import lint as linting

    terminal, failed = stdout(), 0
    for each in names or [f"{folder}{os.sep}" for folder in labs.folders()]:
        try:
            lab = labs.find(each)
            title, found = lab.id, linting.problems(lab, play=play)
        except MockhostError as error:
            title, found = each, [str(error)]
        terminal.lines(
            [f"{title}: {'ok' if not found else 'not sound'}", *(f"  {problem}" for problem in found)]
        )
        failed += bool(found)
    return not failed


# -- progress ----------------------------------------------------------------------------------------------------


def _progress() -> dict[str, Any]:
    from mockhost.labs import progress

    return progress.read(progress.file_of(os.environ))


def _changed() -> contextlib.AbstractContextManager[dict[str, Any]]:
    from mockhost.labs import progress

    return progress.changed(progress.file_of(os.environ))


@contextlib.contextmanager
def _entry(session: Session) -> Iterator[dict[str, Any]]:
    """The entry of the session's lab, written when the block ends."""
    from mockhost.labs import progress

    with _changed() as found:
        entry = progress.of(found, session.lab.id)
        session.answers = entry["answers"]
        yield entry


def _all() -> list[Lab]:
    """All labs. One that can't be read is left out, and named: the others can be played all the same."""
    from mockhost.labs import lab as labs

    found = []
    for folder in labs.folders():
        try:
            found.append(labs.read(folder))
        except ScenarioError as error:
            problems = str(error).partition(":\n")[0]
            stderr().line(f"{folder.name} is left out: {problems}; see 'mockhost lab lint {folder.name}'")
    return found


def _after(lab: Lab, wanted: str) -> Lab | None:
    """The lab that is named, or the next one. Raises UsageError, ScenarioError."""
    from mockhost.labs import lab as labs

    return labs.find(wanted) if wanted else _next(lab)


def _next(after: Lab | None) -> Lab | None:
    """The first lab that is not solved, after this one; then from the beginning."""
    labs, done = _all(), _progress()["labs"]
    place = next((index + 1 for index, lab in enumerate(labs) if after is not None and lab.id == after.id), 0)
    order = [*labs[place:], *labs[:place]]
    return next(
        (
            lab
            for lab in order
            if done.get(lab.id, {}).get("state") != "solved" and (after is None or lab.id != after.id)
        ),
        None,
    )


# -- hosts ---------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def _running() -> Iterator[Session]:
    """The session of the lab that is running. Raises UsageError if none is."""
    from mockhost.client.control import ControlPlane
    from mockhost.labs import lab as labs
    from mockhost.labs.session import Session

    found = _progress()
    running = found["running"]
    if running is None:
        raise UsageError(_NONE[0], hint=_NONE[1])
    plane = ControlPlane(running["url"])
    try:
        plane.call("get_health")
    except MockhostError:
        with _changed() as found:
            found["running"] = None
        raise UsageError(_NONE[0], hint=_NONE[1]) from None
    lab = labs.read(Path(running["folder"]))
    yield Session(lab, lab.scenario(found["learner"]), plane, {})


@contextlib.contextmanager
def _begun(lab: Lab) -> Iterator[Session]:
    """A host of this process with a lab, which other terminals find."""
    from mockhost.api import MockHost
    from mockhost.clock import wall_now
    from mockhost.labs import progress
    from mockhost.labs.session import Session

    learner = _progress()["learner"]
    scenario = lab.scenario(learner)
    with MockHost(scenario, clock="wall") as host:
        running = {"folder": str(lab.folder.absolute()), "url": host.control_url, "pid": os.getpid()}
        with _changed() as found:
            found["learner"] = learner
            found["running"] = running
            entry = progress.of(found, lab.id)
            entry |= {"started": wall_now(), "answers": {}, "said": []}
            if entry["state"] == "open":
                entry["state"] = "started"
        try:
            yield Session(lab, scenario, host, {})
        finally:
            with _changed() as found:
                if found["running"] == running:
                    found["running"] = None


def _detached(lab: Lab) -> None:
    """Start a process with the host, and say how to go on."""
    words = [sys.executable, "-m", "mockhost", "lab", "start", f"{lab.folder.absolute()}{os.sep}", "--serve"]
    with open(os.devnull, "r+b") as null, tempfile.TemporaryFile() as errors:
        child = subprocess.Popen(words, stdin=null, stdout=null, stderr=errors, start_new_session=True)
        for _ in range(int(_PATIENCE / 0.05)):
            running = _progress()["running"]
            if running is not None and running["pid"] == child.pid:
                break
            if child.poll() is not None:
                errors.seek(0)
                raise CannotRun(f"the host ended: {errors.read(2_000).decode(errors='replace').strip()}")
            threading.Event().wait(0.05)
        else:
            child.terminate()
            child.wait()
            raise CannotRun(f"the host did not start in {_PATIENCE:g} s", hint="try again on an idle machine")
    child.returncode = 0  # it goes on without us, and Popen has nothing to wait for
    with _running() as session:
        _do(session, "brief")
    stdout().lines(["", "The host runs until 'mockhost lab stop'. In any terminal:",
                    "  mockhost lab                     the server's prompt",
                    "  mockhost lab check|hint|answer|portal|solution|reset",
                    f"  mockhost windows --url {running['url']} Get-Service"])  # fmt: skip


def _end(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGTERM)
    except OSError as error:
        raise CannotRun(f"process {pid} cannot be ended: {reason_of(error)}") from None


def _attached(lab: Lab) -> None:
    """The prompt, for one lab after another."""
    after: Lab | None = lab
    while after is not None:
        with _begun(after) as session:
            _do(session, "brief")
            after = _prompt(session)


# -- the prompt ----------------------------------------------------------------------------------------------------


def _prompt(session: Session) -> Lab | None:
    """Read lines until the end; the lab that is to be started next, or None."""
    terminal, is_terminal = stdout(), sys.stdin.isatty()
    if is_terminal:
        terminal.lines(["", "This is the server's prompt. 'help' lists its commands, 'exit' leaves."])
    shown: list[str] = []
    following: Lab | None = None
    terminal.line()

    def handle(line: str) -> bool:
        nonlocal shown, following
        if not is_terminal:  # so that what is printed reads as in a terminal
            terminal.line(session.prompt + line)
        word = line.casefold()
        if word in windows.LEAVING and not session.leave():
            return False
        try:
            if word == "next" or word.startswith("next "):
                following = _after(session.lab, line[len("next") :].strip())
                return False
            if word in texts.WORDS:
                _do(session, word)
            elif word not in windows.LEAVING:
                _line(session, line)
            if word not in texts.QUIET:
                with _entry(session):  # another terminal may have answered
                    pass
                shown = _ticks(session, shown, terminal)
        except MockhostError as error:
            terminal.line(str(error))
        except KeyboardInterrupt:
            terminal.line("interrupted")
        return True

    windows.at_prompt(lambda: session.prompt, handle)
    return following


def _ticks(session: Session, shown: list[str], terminal: Terminal) -> list[str]:
    """Show how far the learner is: all at first, then what has changed; congratulate when it is all done."""
    state = session.check()
    lines = texts.ticks(state, terminal)
    done = sum(tick.done for tick in state.ticks)
    terminal.lines([line for line in lines if line not in shown])
    if shown:
        terminal.line(f"  {done} of {len(state.ticks)} done")
    _congratulate(session, state)
    return lines


def _congratulate(session: Session, state: State) -> None:
    terminal = stdout()
    with _entry(session) as entry:
        lines = texts.congratulations(session, entry, state, lambda: _next(session.lab), terminal)
    terminal.lines(lines)


def _line(session: Session, line: str, given: str | None = None) -> int:
    """Run a line and show what comes of it; its exit code."""
    with _entry(session):
        said = session.run(line, given)
    if said.edit is not None:
        path, text = said.edit["path"], said.edit["text"]
        new = windows.edited(path, text)
        return int(new is None) if new in (None, text) else _line(session, windows.saving(path), new)
    if said.text:
        stdout().lines(said.text.removesuffix("\n").split("\n"))
    return said.code
