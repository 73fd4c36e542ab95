"""What a lab says to its learner: the brief, ticks, red lines with evidence, hints, and congratulations."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from mockhost.clock import wall_now
from mockhost.paragraphs import hanging, wrapped

if TYPE_CHECKING:
    from mockhost.labs.lab import Lab
    from mockhost.labs.session import Session, State, Tick


class Terminal(Protocol):
    """What colours a text, or leaves it as it is."""

    def styled(self, text: str, *styles: str) -> str: ...


class Uncoloured:
    """Leaves texts as they are: what is sent to a terminal elsewhere, or to a page."""

    def styled(self, text: str, *styles: str) -> str:
        """The text."""
        return text


WIDTH = 78
_SEEN = 160
"""Characters of what was seen."""
_JOINED = "\N{ACKNOWLEDGE}"
"""A blank at which a line is not broken."""
WORDS = ("brief", "check", "hint", "why", "solution", "reset")
"""Words of the prompt beside the server's commands."""
QUIET = ("brief", "check", "why", "solution", "help")
"""Words that change nothing, so that no ticks follow."""
HERE = "hint, check, brief, portal help, wizard, solution, reset, exit"


def name(lab: Lab) -> str:
    """L01 of L01-no-answer: what is typed."""
    return lab.id.partition("-")[0]


def of_word(
    word: str, session: Session, entry: dict[str, Any], check: Callable[[], State], terminal: Terminal
) -> list[str]:
    """Do what one of WORDS says; what to show. entry: what is kept of the lab. check: looks how far the learner is."""
    if word == "brief":
        return list(brief(session, terminal))
    if word == "check":
        return list(checked(check(), terminal))
    if word == "hint":
        return hint(session, entry)
    if word == "why":
        return paragraphs(session.filled(session.lab.text("why.md")))
    if word == "solution":
        if entry["state"] != "solved":
            entry["state"] = "seen"
        return session.filled(session.lab.text("solution.txt")).strip().splitlines()
    session.reset()
    entry["answers"].clear()
    entry.update(hints=0, said=[])
    return ["The lab is as it was at the beginning."]


def brief(session: Session, terminal: Terminal) -> Iterator[str]:
    """What a learner reads first."""
    lab = session.lab
    yield (
        terminal.styled(f"{name(lab)}  {lab.title}", "bold") + f"  ({lab.track}, about {lab.minutes} minutes)"
    )
    yield ""
    yield from session.filled(lab.text("brief.md")).strip().splitlines()
    yield ""
    yield from _row("Solved when", session.filled(lab.victory))
    if lab.answers:
        yield "Questions:   answered with 'answer KEY VALUE'"
    for key, answer in lab.answers.items():
        yield from _row(f"  {key}", session.filled(answer.ask))
    if lab.commands:
        yield from _row("May help", ", ".join(_unbroken(session.filled(each)) for each in lab.commands))
    yield from _row("Also here", HERE)


def _unbroken(command: str) -> str:
    """A command that is not broken, if it has room on a line."""
    return command.replace(" ", _JOINED) if len(command) < WIDTH - 13 else command


def _row(head: str, text: str) -> list[str]:
    return [line.replace(_JOINED, " ") for line in hanging(f"{head + ':':<13}", text, WIDTH)]


def paragraphs(text: str) -> list[str]:
    """The lines of a text file, each wrapped."""
    return [short for line in text.strip().splitlines() for short in wrapped(line, WIDTH) or [""]]


def ticks(state: State, terminal: Terminal) -> list[str]:
    """A line for each thing that has to be so, and for what must not be."""
    lines = [f"  {_mark(tick, terminal)} {tick.label}" for tick in state.ticks]
    lines += [f"  {terminal.styled('[!]', 'red')} not allowed: {tick.label}" for tick in state.cheats]
    return lines + _broken(state, terminal)


def _mark(tick: Tick, terminal: Terminal) -> str:
    return terminal.styled("[x]", "green") if tick.done else terminal.styled("[ ]", "yellow")


def _broken(state: State, terminal: Terminal) -> list[str]:
    text = f"Beyond repair: {state.broken} 'reset' begins again."
    return [terminal.styled(line, "red") for line in wrapped(text, WIDTH)] if state.broken else []


def checked(state: State, terminal: Terminal) -> Iterator[str]:
    """Each thing with its evidence: what was expected, what was seen, and a command that shows it."""
    for tick in (*state.ticks, *(each._replace(label=f"Not allowed: {each.label}") for each in state.cheats)):
        if tick.done:
            yield f"{_mark(tick, terminal)} {tick.label}"
            continue
        yield terminal.styled(f"[ ] {tick.label}", "red")
        for head, text in (("expected", tick.expected), ("seen", tick.seen), ("see it", tick.see)):
            if text:
                yield from _evidence(head, text)
    yield from _broken(state, terminal)


def _evidence(head: str, text: str) -> list[str]:
    short = text if len(text) <= _SEEN else f"{text[:_SEEN]}..."
    if head == "see it":  # to copy: whole, and never broken
        return [f"      {head:<10}{text}"]
    return hanging(f"      {head:<10}", short, WIDTH)


def hint(session: Session, entry: dict[str, Any]) -> list[str]:
    """The next hint: one for a wrong state that is there, unless it was said before; else the next rung."""
    for text in session.check().hints:
        if text not in entry.setdefault("said", []):
            entry["said"].append(text)
            return wrapped(f"On your server: {text}", WIDTH)
    rungs = session.lab.hints
    number = min(entry["hints"] + 1, len(rungs))
    more = " That was the last hint; 'solution' shows each line." if entry["hints"] == number else ""
    entry["hints"] = number
    return wrapped(f"Hint {number} of {len(rungs)}: {session.filled(rungs[number - 1])}{more}", WIDTH)


def hints_taken(entry: Mapping[str, Any]) -> int:
    """How many hints a learner took: those for wrong states that were there, and those of the lab."""
    return int(entry.get("hints", 0)) + len(entry.get("said", ()))


def congratulations(
    session: Session, entry: dict[str, Any], state: State, after: Callable[[], Lab | None], terminal: Terminal
) -> list[str]:
    """What to say when a lab is solved: once in each start of it."""
    if not state.solved or entry.get("solved_in") == entry.get("started"):
        return []
    entry["solved_in"], entry["solved"] = entry.get("started"), wall_now()
    entry["state"] = "seen" if entry["state"] == "seen" else "solved"
    return list(solved(session, entry, after(), terminal))


def solved(
    session: Session, entry: Mapping[str, Any], after: Lab | None, terminal: Terminal
) -> Iterator[str]:
    """Congratulations."""
    lab = session.lab
    count = hints_taken(entry)
    hints = f"{count} hint{'s' if count != 1 else ''}"
    minutes = max(1, round((entry["solved"] - entry["started"]) / 60))
    yield ""
    yield terminal.styled(f"Solved! {name(lab)} {lab.title}: {minutes} min, {hints}.", "green", "bold")
    yield ""
    yield from _row("Learnt", session.filled(lab.learnt))
    if session.reproduces:
        yield from _row("The page", "; ".join(session.reproduces))
    yield from _row("More", "'why' says why this happens on real servers")
    if after is None:
        yield from _row("Next", "that was the last lab. Well done.")
    else:
        yield from _row("Next", f"'next' starts {name(after)} {after.title} (about {after.minutes} minutes)")


def listed(labs: Sequence[Lab], states: Mapping[str, str], terminal: Terminal) -> Iterator[str]:
    """The labs by track, with minutes."""
    marks = {"solved": "[x]", "started": "[>]", "seen": "[s]", "open": "[ ]"}
    for track in dict.fromkeys(lab.track for lab in labs):
        of_it = [lab for lab in labs if lab.track == track]
        yield terminal.styled(track, "bold") + f"  ({sum(lab.minutes for lab in of_it)} minutes)"
        for lab in of_it:
            stars = "*" * lab.level
            yield f"  {marks[states[lab.id]]} {name(lab):<5}{lab.title:<42}{stars:<4}{lab.minutes:>3} min"
    yield ""
    yield "[x] solved  [>] begun  [s] solution seen  * to ***: level"
