"""`mockhost control`: operate a running host through its control plane.

The host as a whole, its clock, connected systems, rules, states and portal; `control_journal` has what was asked.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mockhost.cli import control_journal, shells
from mockhost.cli.asking import document, does, flattened, pairs, shown, shows
from mockhost.cli.options import FORMAT, Setting, sets
from mockhost.cli.planes import WHICH, Target, which_host
from mockhost.cli.terminal import Terminal, coloured, count, stdout, tell, width_of
from mockhost.cli.verbs import Framed
from mockhost.errors import UsageError
from mockhost.paragraphs import columns, cut

if TYPE_CHECKING:
    from mockhost.client.control import ControlPlane


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


for _verb in control_journal.VERBS:
    command.add_command(_verb)


# -- the host ------------------------------------------------------------------------------------------------------


@command.command("status")
@FORMAT
@click.pass_obj
def status(target: Target, form: str) -> None:
    """Show what is configured beside what is effective.

    And what the connectors are doing, the clock, and the certificate.
    """
    plane = target.plane()
    scenario = plane.call("get_scenario")
    document: dict[str, Any] = {
        "scenario": {key: scenario.get(key) for key in ("name", "title", "cause", "client_should", "cured")},
        **plane.call("get_host"),
        **plane.call("list_connectors"),
        "clock": plane.call("get_clock"),
    }
    tell(form, document, lambda terminal: _in_words(document, terminal))


def _in_words(document: Mapping[str, Any], terminal: Terminal) -> list[str]:
    scenario = document["scenario"]
    lines = [
        terminal.styled(scenario["name"], "bold") + (f": {scenario['title']}" if scenario["title"] else "")
    ]
    if scenario["cause"]:
        lines.append(f"{'cured' if scenario['cured'] else 'wrong on purpose'}: {scenario['cause']}")
    rows = [("", "configured", "effective"), *_settings(document, terminal)]
    lines += ["", *columns(rows)]
    if document["restart_pending"]:
        hint = "Not all of it is effective yet: mockhost control service restart"
        lines.append(terminal.styled(hint, "yellow"))
    connectors = [_connector(name, state) for name, state in document["connectors"].items()]
    lines += ["", *columns(connectors, width=terminal.width)]
    problems = ((name, state["import_problem"]) for name, state in document["connectors"].items())
    lines += [
        terminal.styled(f"{name}: the last import failed: {why}", "yellow") for name, why in problems if why
    ]
    clock, tls = document["clock"], document["tls"]
    due = f", something is due at {clock['next_due']}" if clock["next_due"] else ""
    speed = (
        f" at {clock['speed']:g} times the speed" if clock["mode"] == "wall" and clock["speed"] != 1 else ""
    )
    reads = f"{clock['mode']}{speed}, {clock['now']}{due}"
    if "not_after" in tls:
        about = f"{tls['state']}, {tls['not_before']} to {tls['not_after']}, for {', '.join(tls['names'])}"
    else:
        about = {"none": "none on the port", "plain_http": "none: plain HTTP"}.get(tls["mode"], tls["mode"])
    return [*lines, "", *columns([("clock", reads), ("certificate", about)], width=terminal.width)]


def _settings(document: Mapping[str, Any], terminal: Terminal) -> list[tuple[str, str, str]]:
    """The service's own settings, and of the connectors' pages what differs."""
    traces = (document["machine"] or {}).get("trace", {})
    configured, effective = (
        flattened({**document[word], **({"trace": traces[word]} if traces.get(word) else {})})
        for word in ("configured", "effective")
    )
    rows = []
    for path in dict.fromkeys([*configured, *effective]):
        one, other = configured.get(path, "-"), effective.get(path, "-")
        gone = document["service"]["effective"] == "stopped"
        if path.startswith("connectors") and (one == other or gone):
            continue
        name = path if one == other else terminal.styled(path, "yellow")
        rows.append((name, shown(one), shown(other)))
    return rows


def _connector(name: str, state: Mapping[str, Any]) -> tuple[str, str, str]:
    what = "importing" if state["importing"] else "running" if state["running"] else "not running"
    held = f"{count(state['objects'], 'object')} in the system, {state['cached']} in the cache"
    last = f", last import {state['last_import']}" if state["last_import"] else ""
    return name, what, held + last


@command.command("reset")
@click.option(
    "--connector",
    metavar="NAME",
    shell_complete=shells.connectors,
    help="Only this one, with what it holds and its exchanges.",
)
@click.pass_obj
def reset(target: Target, connector: str | None) -> None:
    """Back to the scenario as loaded.

    Stores, clock, journal, certificate and service are as at the start; live rules are gone.

    \b
    mockhost control reset
    mockhost control reset --connector SQL
    """
    plane = target.plane()
    if connector is None:
        _begun(plane.call("reset"))
        return
    state = plane.call("reset_connector", name=connector)["state"]
    stdout().line(f"{connector}: a fresh start, {count(state['objects'], 'object')} in the system")


@command.command("use")
@click.argument("scenario", shell_complete=shells.scenarios)
@sets("Set a value of it; repeatable.")
@click.pass_obj
def use(target: Target, scenario: str, sets: tuple[str, ...]) -> None:
    """Begin afresh with another scenario, on the same ports.

    Prints what is wrong now, and the client's configuration.

    \b
    mockhost control use documented/certificate_expired
    mockhost control use ./mine.yaml
    """
    plane = target.plane()
    _begun(_use(plane, scenario, _values(sets) or None))
    from mockhost.cli import start_page

    truth, terminal = plane.call("get_truth"), stdout()
    terminal.lines(
        start_page.begun(plane.call("get_scenario"), truth["connectors"], truth["clients"], terminal)
    )


def _use(plane: ControlPlane, name: str, overrides: dict[str, Any] | None) -> Any:
    """A file is read here and sent as one document: the host may be on another machine, and reads no file for us."""
    from mockhost.scenario import loader, shelves, standalone

    said = standalone.arguments("use_scenario", {"scenario": name, "overrides": overrides}, os.environ)
    try:
        return plane.call("use_scenario", **said)
    except UsageError:
        if said["scenario"] != name or shelves.on_shelf(shelves.full_name(name)) is None:
            raise
        # It is on a shelf that only this side has.
        return plane.call("use_scenario", **standalone.sent(loader.load(name, overrides=overrides)))


def _begun(begun: Mapping[str, Any]) -> None:
    stdout().line(f"a fresh start with {begun['scenario']}")


def _values(sets: tuple[str, ...]) -> dict[str, Any]:
    from mockhost.scenario.layers import parse_set

    return dict(parse_set(text) for text in sets)


@command.command("set")
@click.argument("sets", nargs=-1, required=True, type=Setting(), metavar="PATH=VALUE…")
@click.pass_obj
def set_values(target: Target, sets: tuple[str, ...]) -> None:
    """Set values of the scenario while it runs.

    All or none of them; says what needs a restart of the service.

    \b
    mockhost control set host.debug=true
    mockhost control set client.SQL.secret_token=the-old-one host.tls=expired
    """
    from mockhost.scenario import standalone

    values = standalone.settings(_values(sets), os.environ)
    done = target.plane().call("patch_host", set=values)
    terminal = stdout()
    for each in done["set"]:
        terminal.line(f"{each['path']}: effective {each['applied']}")
    if any(each["applied"] != "now" for each in done["set"]):
        terminal.line("mockhost control service restart makes the host read it")


@command.command("service")
@click.argument("action", type=click.Choice(["start", "stop", "restart"]))
@does("control_service")
def service(done: Mapping[str, Any], action: str) -> str:
    """Start, stop or restart the service, and with it the data plane's port."""
    return f"the service is {done['effective']}"


@command.command("truth")
@shows("get_truth")
def truth(found: Mapping[str, Any], terminal: Terminal) -> list[str]:
    """Show the true tenant URLs and secret tokens, and those told.

    The client's configuration may differ, on purpose.
    """
    rows = [
        (name, word, each["url"], each["secret_token"])
        for word, side in (("truth", "connectors"), ("told", "clients"))
        for name, each in found[side].items()
    ]
    head = ("connector", "", "tenant URL", "secret token")
    return columns([head, *sorted(rows, key=lambda row: row[0])])


@command.group("clock", cls=Framed)
def clock() -> None:
    """Show the virtual clock, or move it on.

    \b
    mockhost control clock show
    mockhost control clock advance 731d
    """


@clock.command("show")
@shows("get_clock")
def show_clock(found: Mapping[str, Any], terminal: Terminal) -> list[str]:
    """Show what the clock reads and when something is due."""
    due = f"; something is due at {found['next_due']}" if found["next_due"] else ""
    return [f"{found['now']} ({found['mode']}){due}"]


@clock.command("advance")
@click.argument("duration")
@click.pass_obj
def advance(target: Target, duration: str) -> None:
    """Move the clock on by DURATION, such as 2s, 4m, 2h or 731d.

    Everything that is scheduled until then happens, in order. Certificates age with it.
    """
    from mockhost.durations import parse_duration

    parse_duration(duration)
    state = target.plane().call("advance_clock", by=duration)
    stdout().line(f"the clock reads {state['now']}")


# -- connected systems ---------------------------------------------------------------------------------------------


_CONNECTOR = click.argument("name", metavar="CONNECTOR", shell_complete=shells.connectors)
_COUNT = click.option("--count", type=click.IntRange(min=0), metavar="N", help="Only the first N.")


@command.command("import")
@_CONNECTOR
@click.option("--profile", type=click.Choice(["full", "delta"]), default="full", help="[default: full]")
@does("import_now")
def import_now(done: Mapping[str, Any], name: str, profile: str) -> str:
    """Begin an import run of CONNECTOR; how long it takes is virtual time.

    \b
    mockhost control import SQL
    mockhost control import LDAP --profile delta
    """
    state = done["state"]
    if state["import_problem"]:
        return f"{name}: the {profile} import failed: {state['import_problem']}"
    if state["importing"]:
        return f"{name}: the {profile} import runs; mockhost control clock advance ends it"
    return f"{name}: the {profile} import is done, {state['cached']} in the cache"


@command.command("change")
@click.argument("changes")
@click.pass_obj
def change(target: Target, changes: str) -> None:
    """Change connected systems behind the host's back.

    CHANGES is JSON or YAML by connector (insert, update, delete), or @FILE, or - for standard input.

    \b
    mockhost control change \\
      '{"SQL": {"insert": [{"ContosoLogin": "bob", "FirstName": "Bob"}]}}'
    mockhost control change '{"SQL": {"delete": [{"ContosoLogin": "bob"}]}}'
    mockhost control change @changes.yaml
    """
    done = target.plane().call("change", changes=document(changes, "a change"))
    for name, touched in done["connectors"].items():
        stdout().line(f"{name}: {count(touched, 'object')} changed")


@command.command("objects")
@_CONNECTOR
@_COUNT
@shows("get_objects", part="objects")
def objects(page: Mapping[str, Any], terminal: Terminal) -> list[str]:
    """Show the objects of the system behind CONNECTOR."""
    return _page(page, terminal)


@command.command("cache")
@_CONNECTOR
@_COUNT
@shows("get_cache", part="objects")
def cache(page: Mapping[str, Any], terminal: Terminal) -> list[str]:
    """Show the connector space of CONNECTOR: the host's copy."""
    return _page(page, terminal)


def _page(page: Mapping[str, Any], terminal: Terminal) -> list[str]:
    found = [_bare(each) for each in page["objects"]]
    names = list(dict.fromkeys(name for each in found for name in each))
    rows = [[shown(each.get(name, "")) for name in names] for each in found]
    left = page["total"] - len(found)
    more = f", {left} not shown" if left else ""
    table = [names, *rows]
    fitting = cut(table, terminal.width) if found and terminal.width else table
    more += "; --format json shows what is cut" if fitting != table else ""
    return [*(columns(fitting) if found else ()), count(page["total"], "object") + more]


def _bare(values: Mapping[str, Any]) -> dict[str, Any]:
    """A resource as a row: what the extension says, under its bare names; nothing about the protocol."""
    row: dict[str, Any] = {}
    for name, value in values.items():
        if name.lower().startswith("urn:") and isinstance(value, Mapping):
            row.update(value)
        elif name not in ("schemas", "meta"):
            row[name] = ", ".join(map(str, value)) if _is_list(value) else value
    return row


def _is_list(value: object) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)


# -- rules and states ----------------------------------------------------------------------------------------------


_COUNTED = ("matched", "fired", "left")


@command.group("rules", cls=Framed)
def rules() -> None:
    """List, add or remove rules. The first that matches wins; live ones go before the scenario's, the newest first.

    \b
    mockhost control rules add \\
      '{"when": {"operation": "create_user"}, "fault": "hang", "times": 2}'
    mockhost control rules list
    mockhost control rules clear
    """


@rules.command("list")
@click.option(
    "--connector",
    metavar="NAME",
    help="With the counts of this one, if it was created on demand and has its own.",
)
@shows("list_rules", part="rules")
def list_rules(found: Mapping[str, Any], terminal: Terminal) -> list[str]:
    """List the rules in the order in which they are tried."""
    rows = []
    for each in found["rules"]:
        rest = {key: value for key, value in each.items() if key not in (*_COUNTED, "name", "live", "when")}
        when, does = (json.dumps(value, ensure_ascii=False) for value in (each.get("when", {}), rest))
        fired = f"{each['fired']}/{each['matched']}"
        rows.append((each["name"], "live" if each["live"] else "file", fired, when, does))
    return columns([("name", "", "fired/matched", "when", "does"), *rows]) if rows else ["(no rules)"]


@rules.command("add")
@click.argument("rule")
@click.option("--name", metavar="NAME", help="Its name; a live rule of the same name is replaced.")
@click.pass_obj
def add(target: Target, rule: str, name: str | None) -> None:
    """Put RULE before all others.

    It is JSON or YAML as in a scenario file, or @FILE, or - for standard input.
    """
    from mockhost.scenario import standalone
    from mockhost.scenario.sources import OPERATOR, Beside

    said = document(rule, "a rule")
    if name is not None:
        said["name"] = name
    source = Beside(Path(rule[1:]).parent) if rule.startswith("@") else OPERATOR
    made = standalone.rule(said, os.environ, source)
    stdout().line(target.plane().call("add_rule", rule=made)["name"])


@rules.command("remove")
@click.argument("name")
@does("remove_rule")
def remove(done: object, name: str) -> str:
    """Take the live rule NAME away."""
    return f"rule {name} is gone"


@rules.command("clear")
@does("clear_rules")
def clear(done: Mapping[str, Any]) -> str:
    """Take every live rule away."""
    return f"{count(done['removed'], 'live rule')} removed"


@command.group("states", cls=Framed)
def states() -> None:
    """Show the states of a scenario, or set one.

    \b
    mockhost control states list
    mockhost control states set Rotated --connector SQL
    """


@states.command("list")
@shows("get_states")
def list_states(found: Mapping[str, Any], terminal: Terminal) -> list[str]:
    """Show the state that the host is in, and those of connectors that have their own."""
    return columns([("host", found["host"]), *found["connectors"].items()])


@states.command("set")
@click.argument("state")
@click.option(
    "--connector", metavar="NAME", help="The connector that has this state, unless it is the host's."
)
@does("set_state")
def set_state(done: object, state: str, connector: str | None) -> str:
    """Put the host, or a connector, into STATE; what the scenario says of entering it happens."""
    return f"the state is {state}"


@command.command("release")
@does("release")
def release(done: Mapping[str, Any]) -> str:
    """Let every answer that hangs go on.

    \b
    mockhost control release
    """
    return f"{count(done['released'], 'answer')} released"


# -- anything else -------------------------------------------------------------------------------------------------


@command.command("portal", context_settings={"ignore_unknown_options": True})
@click.argument("words", nargs=-1, metavar="[LINE]")
@FORMAT
@click.pass_obj
def portal(target: Target, words: tuple[str, ...], form: str) -> bool:
    """Do what an administrator does in the portal with the application that provisions to the host.

    The application, with its users and agents, is the one of the scenario's `entra`; its clock is the host's. Without
    LINE it shows the application, `help` lists the lines. Exit code 1 if what is done fails.

    \b
    mockhost control portal test-connection
    mockhost control portal agent restart agent-1
    mockhost control portal on-demand ann@contoso.example
    mockhost control portal log status=failure
    """
    from mockhost.entra import rendering
    from mockhost.scenario.catalogue import title_of

    if [word.lower() for word in words] == ["help"]:
        stdout().lines(columns(rendering.HELP, width=stdout().width))
        return True
    found = target.plane().call("portal", step=rendering.of_words(words))
    verb, result = found["step"], found["result"]
    tell(
        form,
        result,
        lambda terminal: coloured(rendering.lines(verb, result, width_of(terminal), title_of), terminal),
    )
    return rendering.went_well(verb, result)


@command.command("call")
@click.argument("operation", required=False, shell_complete=shells.operations)
@click.argument("arguments", nargs=-1, metavar="[KEY=VALUE]…")
@click.pass_obj
def call(target: Target, operation: str | None, arguments: tuple[str, ...]) -> None:
    """Do OPERATION and print its result, as JSON; without one, list them.

    Arguments are KEY=VALUE words (dots nest), or one JSON document, @FILE, or - for standard input.

    \b
    mockhost control call
    mockhost control call get_clock
    mockhost control call get_objects name=SQL count=2
    """
    from mockhost import operations
    from mockhost.scenario import standalone

    terminal = stdout()
    if operation is None:
        rows = [
            (each.name, f"{each.summary} [{', '.join(each.arguments)}]" if each.arguments else each.summary)
            for each in operations.TABLE
        ]
        terminal.lines(columns([("operation", "what it does [arguments]"), *rows], width=terminal.width))
        return
    row = operations.find(operation)
    if row.answer.kind == operations.EVENTS:
        raise UsageError(f"{operation} goes on and on", hint=f"curl -N {target.plane().url}{row.path}")
    given = pairs(arguments, "the arguments") if arguments else {}
    if row.whole and row.whole not in given:
        # Keys of the document itself, beside what is in the path.
        outside = {
            name: given.pop(name) for name in (*row.in_path, *(q.name for q in row.query)) if name in given
        }
        given = {**outside, row.whole: given}
    result = target.plane().call(operation, **standalone.arguments(operation, given, os.environ))
    if isinstance(result, str):
        terminal.line(result.rstrip("\n"))
    else:
        terminal.json(result)
