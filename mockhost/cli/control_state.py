"""`mockhost control status`, `reset`, `use`, `set`, `service` and `truth`: the host as a whole."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from mockhost.cli import completing
from mockhost.cli.control_target import FORMAT, Target, flattened, shown
from mockhost.cli.options import Setting
from mockhost.cli.terminal import Terminal, columns, stdout
from mockhost.cli.validate import count
from mockhost.errors import UsageError

if TYPE_CHECKING:
    from mockhost.client.control import ControlPlane


@click.command("status")
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
    terminal = stdout()
    if form == "json":
        terminal.json(document)
    else:
        terminal.lines(_in_words(document, terminal))


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
    lines += ["", *columns([_connector(name, state) for name, state in document["connectors"].items()])]
    problems = ((name, state["import_problem"]) for name, state in document["connectors"].items())
    lines += [
        terminal.styled(f"{name}: the last import failed: {why}", "yellow") for name, why in problems if why
    ]
    clock, tls = document["clock"], document["tls"]
    due = f", something is due at {clock['next_due']}" if clock["next_due"] else ""
    speed = (
        f" at {clock['speed']:g} times the speed" if clock["mode"] == "wall" and clock["speed"] != 1 else ""
    )
    lines += ["", f"clock        {clock['mode']}{speed}, {clock['now']}{due}"]
    if "not_after" in tls:
        about = f"{tls['state']}, {tls['not_before']} to {tls['not_after']}, for {', '.join(tls['names'])}"
    else:
        about = {"none": "none on the port", "plain_http": "none: plain HTTP"}.get(tls["mode"], tls["mode"])
    return [*lines, f"certificate  {about}"]


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


@click.command("reset")
@click.option(
    "--connector",
    metavar="NAME",
    shell_complete=completing.connectors,
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


@click.command("use")
@click.argument("scenario", shell_complete=completing.scenarios)
@click.option(
    "--set",
    "sets",
    multiple=True,
    type=Setting(),
    metavar="PATH=VALUE",
    help="Set a value of it; repeatable.",
)
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
    from mockhost.cli import begun

    truth, terminal = plane.call("get_truth"), stdout()
    terminal.lines(begun.lines(plane.call("get_scenario"), truth["connectors"], truth["clients"], terminal))


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


@click.command("set")
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


@click.command("service")
@click.argument("action", type=click.Choice(["start", "stop", "restart"]))
@click.pass_obj
def service(target: Target, action: str) -> None:
    """Start, stop or restart the service, and with it the data plane's port."""
    done = target.plane().call("control_service", action=action)
    stdout().line(f"the service is {done['effective']}")


@click.command("truth")
@FORMAT
@click.pass_obj
def truth(target: Target, form: str) -> None:
    """Show the true tenant URLs and secret tokens, and those told.

    The client's configuration may differ, on purpose.
    """
    document = target.plane().call("get_truth")
    terminal = stdout()
    if form == "json":
        terminal.json(document)
        return
    rows = []
    for word, side in (("truth", "connectors"), ("told", "clients")):
        rows += [(name, word, each["url"], each["secret_token"]) for name, each in document[side].items()]
    terminal.lines(
        columns([("connector", "", "tenant URL", "secret token"), *sorted(rows, key=lambda r: r[0])])
    )
