"""`mockhost scenarios`: the catalogue, search by a word or by the text of an error, and one scenario in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mockhost.cli import shells
from mockhost.cli.options import FORMAT, together
from mockhost.cli.telling import Hide
from mockhost.cli.terminal import Terminal, stdout, tell, width_of
from mockhost.cli.verbs import Framed
from mockhost.errors import UsageError, did_you_mean, reason_of
from mockhost.paragraphs import columns, hanging, wrapped

if TYPE_CHECKING:
    from mockhost.diagnosis.catalogue import Card, Finding
    from mockhost.scenario.model import Scenario

_FOR_PROGRAMS = ("name", "title", "cause", "client_should", "reproduces", "tags", "problems")
"""The keys of an entry with --format json; `problems` only where the file has any."""
_WIDTH = 80
_COLUMN = 34
"""Where titles begin; the title of a longer name is on the line below it."""
_IN_FULL = 5
"""How many findings are shown with the text that was found."""

SHELVES = {
    "basics": "healthy hosts, to develop against and to extend",
    "documented": "what Microsoft's troubleshooting page describes",
    "faults": "one for each fault, see 'mockhost faults'",
}

_FILTERS = together(
    click.option(
        "--text", metavar="TEXT", help="Those that produce this text: an error message as you saw it."
    ),
    click.option(
        "--tag", "tags", multiple=True, metavar="TAG", help="Those with this tag; repeatable, all needed."
    ),
    click.option(
        "--cause",
        "causes",
        multiple=True,
        metavar="CAUSE",
        help="Those with this cause; repeatable, any will do.",
    ),
    click.option("--shelf", metavar="SHELF", help="Those of one shelf: basics, documented, …"),
)
"""The options that say which scenarios are meant, before or after words."""


class _Words(Framed):
    """A group that takes words to search for in the place of a command."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and self.get_command(ctx, args[0]) is None and not "show".startswith(args[0]):
            return "find", _find, args
        return super().resolve_command(ctx, args)


@click.group("scenarios", cls=_Words, invoke_without_command=True, subcommand_metavar="[WORD…] | show NAME")
@_FILTERS
@FORMAT
@click.pass_context
def command(
    ctx: click.Context,
    text: str | None,
    tags: tuple[str, ...],
    causes: tuple[str, ...],
    shelf: str | None,
    form: str,
) -> bool:
    """List the scenarios, or find one by a word or by the text of an error.

    They are those that ship with mockhost and those in the folders of MOCKHOST_SCENARIOS.
    --text takes an error message as you saw it: in a log line, cut off, with names and numbers of your own.
    Each result has a score: 1 is the text itself, 0.75 and more means that one text is in the other.
    A cause that no scenario reproduces is shown with Microsoft's cure.
    With --format json: a list of objects with name, title, cause, client_should, reproduces and tags; with --text
    also score, text and said_by, and for a cause without a scenario (name is null) cure.
    Exit code 1 if nothing is found.

    \b
    mockhost scenarios
    mockhost scenarios cache
    mockhost scenarios --text "Invalid LDAP style of object's DN"
    mockhost scenarios --tag test-connection --format json
    mockhost scenarios show secret_token_mismatch
    """
    return ctx.invoked_subcommand is not None or _search(ctx, ())


@click.command("find", hidden=True)
@click.argument("words", nargs=-1)
@_FILTERS
@FORMAT
@click.pass_context
def _find(ctx: click.Context, /, words: tuple[str, ...], **given: Any) -> bool:
    """Find scenarios by words."""
    assert ctx.parent is not None
    ctx.parent.params.update(
        {name: value for name, value in given.items() if value not in (None, (), "text")}
    )
    return _search(ctx.parent, words)


def _search(ctx: click.Context, words: Sequence[str]) -> bool:
    """Carry out what the options and words of `mockhost scenarios` ask for; whether anything was found."""
    from mockhost.scenario import catalogue

    tags, causes, shelf = ctx.params["tags"], ctx.params["causes"], ctx.params["shelf"]
    text, as_json = ctx.params["text"], ctx.params["form"] == "json"
    found = catalogue.find(words, tags=tags, causes=causes, shelf=shelf)
    if text is not None:
        by_name = {entry["name"]: entry for entry in found}
        fitting, nearest = _by_text(text, by_name, cards=not (tags or causes or shelf))
        if as_json:
            stdout().json([_finding_json(each, entry) for each, entry in fitting])
        elif fitting:
            _list_findings(fitting)
        else:
            _nothing_like(nearest)
        return bool(fitting)
    if as_json:
        stdout().json([_entry_json(entry) for entry in found])
    elif found:
        _list(found)
    else:
        hint = _near(catalogue.entries(shelf), tags, causes)
        stdout().line(f"no matching scenario{'; ' + hint if hint else ''}")
    return bool(found)


def _entry_json(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {key: entry[key] for key in _FOR_PROGRAMS if key in entry}


def _near(known: Sequence[dict[str, Any]], tags: Sequence[str], causes: Sequence[str]) -> str:
    """The tag or cause that was probably meant."""
    of_tags = {tag for entry in known for tag in entry["tags"]}
    of_causes = {entry["cause"] for entry in known if entry["cause"]}
    hints = [did_you_mean(tag, of_tags) for tag in tags if tag not in of_tags]
    hints += [did_you_mean(cause, of_causes) for cause in causes if cause not in of_causes]
    return next((hint for hint in hints if hint.startswith("did")), "")


def _list(found: Sequence[dict[str, Any]]) -> None:
    """The scenarios by shelf: name and title, within the width of the terminal."""
    terminal = stdout()
    for number, (shelf, entries) in enumerate(
        groupby(found, key=lambda entry: entry["name"].rpartition("/")[0])
    ):
        about = f": {SHELVES[shelf]}" if shelf in SHELVES else ""
        terminal.lines([*([""] if number else []), terminal.styled(shelf or "other", "bold") + about])
        for entry in entries:
            _list_one(entry, terminal)


def _list_one(entry: Mapping[str, Any], terminal: Terminal) -> None:
    title = entry["title"] or "(no title)"
    if "problems" in entry:
        title = f"can't be used; see mockhost validate {entry['name']}"
    width = terminal.width or _WIDTH
    name = f"  {entry['name']}"
    lines = wrapped(title, max(width - _COLUMN, 20))
    if "problems" in entry:
        lines = [terminal.styled(line, "red") for line in lines]
    first = [name.ljust(_COLUMN) + lines[0]] if len(name) < _COLUMN else [name, " " * _COLUMN + lines[0]]
    terminal.lines([*first, *(" " * _COLUMN + line for line in lines[1:])])


# -- by the text of an error -------------------------------------------------------------------------------------


_Found = Sequence["tuple[Finding, Mapping[str, Any] | None]"]
"""What was found for a text, each with the entry of its scenario, if it has one."""


def _by_text(
    text: str, entries: Mapping[str, dict[str, Any]], *, cards: bool
) -> tuple[_Found, Sequence[Finding]]:
    """What fits the text among the entries, and, if `cards`, among the causes that no scenario reproduces.

    Else the scenarios that have each of a few words in what they say about themselves; and what comes nearest.
    """
    from mockhost.diagnosis import catalogue as known
    from mockhost.scenario import catalogue

    titles = [(name, [entry["title"]]) for name, entry in entries.items() if entry["title"]]
    result = known.search(text, [*titles, *catalogue.texts(entries)])
    found: _Found = [
        (finding, None if finding.scenario is None else entries[finding.scenario])
        for finding in result.findings
        if (cards if finding.scenario is None else finding.scenario in entries)
    ]
    words = text.split()
    if not found and 0 < len(words) <= 4:
        alike = [entry for entry in catalogue.find(words) if entry["name"] in entries]
        found = [(known.by_words(each["name"], each["title"]), entries[each["name"]]) for each in alike]
    return found, result.nearest


def _finding_json(finding: Finding, entry: Mapping[str, Any] | None) -> dict[str, Any]:
    said = {
        "score": finding.score,
        "text": finding.text.text,
        "said_by": finding.text.by,
        "evidence": finding.text.evidence,
    }
    if entry is not None:
        return {**_entry_json(entry), **said}
    card = finding.card
    assert card is not None
    nothing = {"name": None, "title": card.title, "cause": None, "client_should": None}
    return {
        **nothing,
        "reproduces": [card.heading],
        "tags": [],
        **said,
        "cure": card.cure,
        "line": card.line or None,
    }


def _list_findings(found: _Found) -> None:
    terminal = stdout()
    width = terminal.width or _WIDTH
    for number, (finding, entry) in enumerate(found):
        head = f"{finding.score:.2f}  "
        if entry is not None:
            terminal.line(head + terminal.styled(entry["name"], "bold"))
            terminal.lines([f"      {line}" for line in wrapped(entry["title"], width - 6)])
        else:
            assert finding.card is not None
            terminal.lines(_card_lines(head, finding.card, terminal, width))
        if number < _IN_FULL:
            terminal.lines(
                [terminal.styled(f"      {line}", "dim") for line in wrapped(_said(finding), width - 6)]
            )
    names = [entry["name"] for _, entry in found if entry is not None]
    if names:
        terminal.lines(["", f"What each is, and its cure: mockhost scenarios show {names[0]}"])


def _card_lines(head: str, card: Card, terminal: Terminal, width: int) -> list[str]:
    """A cause that no scenario reproduces: what it is, where Microsoft writes about it, and the cure there."""
    where = f"{card.heading} (line {card.line})" if card.line else card.heading
    lines = [head + terminal.styled("no scenario reproduces this", "bold")]
    for label, text in (("error", card.title), ("page", where), ("cure", card.cure)):
        lines += hanging(f"      {label.ljust(7)}", text, width)
    return lines


def _said(finding: Finding) -> str:
    """Who says the text that was found."""
    text = " ".join(finding.text.text.split())
    text = text if len(text) <= 100 else f"{text[:100]}…"
    assumed = ", assumed" if finding.text.evidence == "assumed" else ""
    return f'{finding.text.by}{assumed}: "{text}"'


def _nothing_like(nearest: Sequence[Finding]) -> None:
    terminal = stdout()
    terminal.line("no matching text")
    for finding in nearest:
        name = finding.scenario or (finding.card.title if finding.card else "")
        terminal.lines(
            [
                f"nearest: {name}",
                *(f"  {line}" for line in wrapped(_said(finding), _WIDTH - 4)),
            ]
        )
    terminal.lines(
        [
            "Try another piece of the message, or a word: mockhost scenarios WORD",
            "Or search in Microsoft's page, Troubleshoot on-premises application provisioning.",
        ]
    )


@command.command("show")
@click.argument("name", shell_complete=shells.scenarios)
@FORMAT
@click.option("--source", is_flag=True, help="Print the file as it is instead.")
def show(name: str, form: str, source: bool) -> None:
    """Tell what a client sees, why, what cures it, and what is true then.

    \b
    mockhost scenarios show documented/secret_token_mismatch
    mockhost scenarios show basics/healthy --source > mine.yaml
    """
    from mockhost.scenario import loader, shelves

    if source:
        file = shelves.find(name).file
        try:
            text = file.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"{file} can't be read: {reason_of(error)}") from None
        stdout().line(text.rstrip("\n"))
        return
    from mockhost.cli.telling import hider

    scenario = loader.load(name)
    hide = hider(scenario)
    tell(form, _as_json(scenario), lambda terminal: map(hide, _in_words(scenario, terminal, hide)))


def _as_json(scenario: Scenario) -> dict[str, Any]:
    return {
        "name": scenario.name,
        "file": scenario.origin,
        **{name: getattr(scenario, name) for name in ("title", "why", "cause", "client_should")},
        "reproduces": list(scenario.reproduces),
        "sources": list(scenario.sources),
        "tags": list(scenario.tags),
        "extends": scenario.parent,
        "connectors": {
            name: {"kind": page.kind, "anchor": page.anchor} for name, page in scenario.connectors.items()
        },
        **{key: scenario.document.get(key, []) for key in ("expect", "cure", "cured", "wrong_cure")},
    }


def _numbered(number: int, text: str, width: int | None) -> list[str]:
    head = f"  {number}. "
    return hanging(head, text, width) if width else [head + text]


def _in_words(scenario: Scenario, terminal: Terminal, hide: Hide) -> list[str]:
    """What is wrapped is hidden first: a secret that goes on in the next line is not found."""
    from mockhost.cli import telling

    width = width_of(terminal)
    lines = [terminal.styled(scenario.name, "bold"), *wrapped(hide(scenario.title), width)]
    if scenario.why:
        lines += ["", *wrapped(hide(scenario.why), width)]
    facts = [
        ("cause", scenario.cause or ""),
        ("a client should", (scenario.client_should or "").replace("_", " ")),
        ("reproduces", "; ".join(scenario.reproduces)),
        ("sources", "; ".join(scenario.sources)),
        ("tags", ", ".join(scenario.tags)),
        ("extends", scenario.parent or ""),
        ("connectors", ", ".join(f"{name} ({page.kind})" for name, page in scenario.connectors.items())),
        ("file", "" if scenario.origin is None else str(Path(scenario.origin))),
    ]
    lines += ["", *columns([(name, hide(text)) for name, text in facts if text], width=terminal.width)]
    for head, steps in (
        ("What a client sees", scenario.expect),
        ("What cures it", scenario.cure),
        ("What is true then", scenario.cured),
        ("What must not be true then", scenario.wrong_cure),
    ):
        if steps is scenario.cure:  # commands are for copying, in one line each
            texts = [f"  {i}. {text}" for i, text in enumerate(telling.lines(steps, shells.detect()), 1)]
        else:
            texts = [
                line
                for i, step in enumerate(steps, 1)
                for line in _numbered(i, hide(telling.step_line(step)), terminal.width)
            ]
        if texts:
            lines += ["", terminal.styled(head, "bold"), *texts]
    return lines
