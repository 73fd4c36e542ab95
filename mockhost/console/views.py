"""What each page shows, read by the operations of the running host."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, NamedTuple

import orjson
from werkzeug.datastructures import MultiDict

from mockhost import actions
from mockhost.console.feed import FIELDS
from mockhost.exchange import OPERATIONS
from mockhost.faults import describe
from mockhost.journal import renderings, retelling
from mockhost.journal.renderings import plainly
from mockhost.operations import find
from mockhost.operations.row import Media
from mockhost.runtime import targets
from mockhost.runtime.operations import NoSuch, Operated, may, perform
from mockhost.scenario.model import Scenario
from mockhost.scenario.sources import NETWORK

Shown = tuple[str, dict[str, Any]]
"""A template, and its values."""
Row = tuple[str, str, dict[str, Any], dict[str, Any]]
"""Of a connector's table: same, stale, missing or extra; the object's key, its values, and those that differ."""


class Asked(NamedTuple):
    """Which host a page is about, and what follows its path."""

    host: Operated
    query: MultiDict[str, str]
    rest: str = ""

    def read(self, operation: str, **arguments: Any) -> Any:
        """The result of an operation as the control plane shows it: JSON data without secrets."""
        row = find(operation)
        found = perform(self.host, row, arguments)
        if isinstance(found, Media):
            return found.data.decode()
        return found if row.is_for_all else plainly(self.host.runtime.journal.sink, found)

    def may(self, operation: str) -> bool:
        return may(self.host.role, find(operation))


class Page(NamedTuple):
    """A page: its path below /console/, its title, the key that leads to it, and what its caller must be allowed."""

    name: str
    title: str
    key: str
    needs: tuple[str, ...]
    show: Callable[[Asked], Shown | None]


def overview(host: Operated) -> dict[str, Any]:
    """What the head of every page shows."""
    asked = Asked(host, MultiDict())
    found = {
        **asked.read("get_health"),
        "clock": asked.read("get_clock"),
        "title": "",
        "cause": None,
        "cured": None,
    }
    if asked.may("get_scenario"):
        scenario = asked.read("get_scenario")
        found.update({name: scenario[name] for name in ("title", "cause", "cured")})
    return found


# -- the journal -----------------------------------------------------------------------------------------------------


def journal(asked: Asked) -> Shown | None:
    """The list, which the feed fills; or one exchange."""
    if asked.rest:
        return _exchange(asked)
    known = asked.read("list_connectors")["connectors"] if asked.may("list_connectors") else {}
    truth = targets.truth(asked.host.runtime)
    urls = [truth[name].url for name in list(known)[:4] if name in truth]
    return "journal.html", {"fields": ",".join(FIELDS), "connectors": list(known), "urls": urls}


def _exchange(asked: Asked) -> Shown | None:
    try:
        found = asked.read("get_exchange", number=asked.rest)
    except NoSuch:
        return "gone.html", {"number": asked.rest}
    kept = asked.host.runtime.journal.get(found["number"])
    if kept is None:
        return "gone.html", {"number": asked.rest}
    name = asked.host.runtime.scenario.name
    har = orjson.dumps(renderings.har([kept]), option=orjson.OPT_INDENT_2).decode()
    ca_file = next((each.ca_file for each in targets.truth(asked.host.runtime).values()), None)
    copies = [
        ("curl", renderings.curl(kept, ca_file=ca_file)),
        ("HAR", har),
        ("Scenario step", retelling.step(kept)),
        ("pytest test", retelling.pytest(kept, name)),
    ]
    return "exchange.html", {"e": found, "trace": list(trace(found)), "copies": copies}


def trace(e: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """How it was decided, one step each: (mark, what was looked at, what came of it)."""
    steps: list[tuple[str, str, str]] = []
    verdict, operation = e["verdict"], e["operation"].replace("_", " ")
    if verdict == "refused":
        return [("no", "Read", e["reason"] or "http.sys refused it before the host saw it")]
    where = f"{operation}{' (a probe)' if e['probe'] else ''}"
    where += f" of connector {e['connector']}" if e["connector"] else ""
    routed = verdict not in ("not_found", "method_not_allowed")
    steps.append(("yes" if routed else "no", "Routed", where if routed else verdict.replace("_", " ")))
    if routed:
        let_in = verdict != "unauthorized"
        steps.append(
            (
                "yes" if let_in else "no",
                "Let in",
                "the secret token is right" if let_in else e["reason"] or "",
            )
        )
        if let_in and e["reason"] and e["rule"] is None:
            steps[-1] = ("yes", "Let in", "")
    for miss in e["tried"]:
        steps.append(("skip", f"Rule {miss['rule']}", f"{miss['condition']}: {miss['why']}"))
    if e["rule"] is not None:
        faults = ", ".join(e["faults"])
        delay = f"; held back for {e['delay_ms']:g} ms" if e["delay_ms"] else ""
        steps.append(("fault", f"Rule {e['rule']}", f"applied{': ' + faults if faults else ''}{delay}"))
    elif not e["tried"]:
        steps.append(("skip", "Rules", "none was asked"))
    steps += [("done", "In the target", each) for each in e["native"]]
    if e["bug"]:
        steps.append(("no", "A bug in mockhost", e["bug"]))
    why = f": {e['reason']}" if e["reason"] else ""
    took = "" if e["took_ms"] is None else f" after {e['took_ms']:g} ms"
    good = e["status"] is not None and e["status"] < 400
    answered = "no answer" if e["status"] is None else str(e["status"])
    steps.append(("yes" if good else "no", "Answered", f"{answered}{took}{why}"))
    return steps


# -- the state -------------------------------------------------------------------------------------------------------

_COMPARED: Final = 5_000
"""Objects of a connector up to which its copy is compared when the page is shown."""
_LISTED: Final = 50
_TEXT: Final = 1_000
"""Characters of an error's text that are searched for, and shown."""
_RESULTS: Final = 20


def state(asked: Asked) -> Shown | None:
    """The service, the settings and the clock; and each connector: its objects, and the host's copy of them."""
    if asked.rest:
        return None
    host = asked.read("get_host")
    configured, effective = (dict(flat(host[word])) for word in ("configured", "effective"))
    settings = [(path, value, effective.get(path)) for path, value in configured.items()]
    settings += [(path, None, value) for path, value in effective.items() if path not in configured]
    settings.sort(key=lambda row: row[1] == row[2])
    known_as = targets.truth(asked.host.runtime)
    profiles = {name: page.get("import", {}).get("profiles", ())
                for name, page in host["configured"].get("connectors", {}).items()}  # fmt: skip
    connectors = [
        {"name": name, "url": known_as[name].url if name in known_as else "", "profiles": profiles.get(name, ()),
         **known, **_compared(asked, name, known)}
        for name, known in asked.read("list_connectors")["connectors"].items()
    ]  # fmt: skip
    return "state.html", {
        "service": asked.read("get_service"),
        "tls": host["tls"],
        "settings": settings,
        "clock": asked.read("get_clock"),
        "connectors": connectors,
    }


def _compared(asked: Asked, name: str, known: Mapping[str, Any]) -> dict[str, Any]:
    """What differs, and the rows of a connector's table: (what is so, the object's key, values, differing ones)."""
    nothing: dict[str, Any] = {"compared": None, "rows": [], "columns": [], "example": {}}
    if not known["running"] or max(known["objects"], known["cached"]) > _COMPARED:
        return nothing
    found = asked.read("compare", name=name, count=_LISTED)
    objects = asked.read("get_objects", name=name, count=_LISTED)["objects"]
    key, differ = found["key"], found["differences"]
    stale = {plain(each["object"]): each["columns"] for each in differ["stale"]}
    missing = {plain(each.get(key)) for each in differ["missing"]}
    rows: list[Row] = [("extra", plain(each.get(key)), each, {}) for each in differ["extra"]]
    for each in objects:
        place = plain(each.get(key))
        word = "stale" if place in stale else "missing" if place in missing else "same"
        rows.append((word, place, each, stale.get(place, {})))
    rows.sort(key=lambda row: row[0] == "same")
    columns = list(dict.fromkeys(column for _, _, each, _ in rows for column in each if column != key))
    return {"compared": found, "rows": rows, "columns": columns, "example": _example(key, rows)}


def _example(key: str, rows: list[Row]) -> dict[str, Any]:
    """A change of the first object, to begin with."""
    for _, _, each, _ in rows:
        text = next((name for name, value in each.items() if name != key and isinstance(value, str)), None)
        if text is not None and each.get(key) is not None:
            return {"update": [{"where": {key: each[key]}, "set": {text: "another value"}}]}
    return {"delete": [{"name": "value"}]}


# -- scenarios, rules and faults -------------------------------------------------------------------------------------


def scenarios(asked: Asked) -> Shown | None:
    """What is played and what cures it; the catalogue, searched by the text of an error; or one scenario of it."""
    from mockhost.scenario import catalogue, shelves

    playing = asked.host.runtime.scenario
    shown = {"now": asked.read("get_scenario"), "query": asked.query.get("text", "")[:_TEXT]}
    if asked.rest:
        if shelves.on_shelf(asked.rest) is None:
            return None
        return "scenario.html", {**shown, "one": _scenario(asked, asked.host.load(asked.rest, {}, NETWORK))}
    shelved: dict[str, list[dict[str, Any]]] = {}
    for entry in catalogue.entries():
        shelved.setdefault(entry["name"].rpartition("/")[0] or "other", []).append(entry)
    found = _search(shown["query"]) if shown["query"].strip() else None
    return "scenarios.html", {**shown, "one": _scenario(asked, playing), "shelves": shelved, "found": found}


def _search(wanted: str) -> list[dict[str, Any]]:
    """Scenarios that produce a text, and causes that none reproduces; else those that have the words."""
    from mockhost.diagnosis import catalogue as known
    from mockhost.scenario import catalogue

    entries = {entry["name"]: entry for entry in catalogue.entries()}
    titles = [(name, [entry["title"]]) for name, entry in entries.items() if entry["title"]]
    found = []
    for each in known.search(wanted, [*titles, *catalogue.texts(entries)]).findings[:_RESULTS]:
        said = {"score": each.score, "text": each.text.text[:_TEXT], "by": each.text.by}
        if each.scenario in entries:
            found.append({**entries[each.scenario], **said, "cure": None})
        elif each.card is not None:
            found.append({"name": None, "title": each.card.title, **said, "cure": each.card.cure})
    if not found:
        found = [{**each, "score": None, "text": "", "by": "", "cure": None}
                 for each in catalogue.find(wanted.split())[:_RESULTS]]  # fmt: skip
    return found


def _scenario(asked: Asked, scenario: Scenario) -> dict[str, Any]:
    """A scenario in words; each step of its cure with the operation that does it."""
    shown = {
        "name": scenario.name, "title": scenario.title, "why": scenario.why, "cause": scenario.cause,
        "client_should": scenario.client_should, "reproduces": list(scenario.reproduces),
        "expect": [_step(step) for step in scenario.expect], "cured": [_step(step) for step in scenario.cured],
        "cure": [{**_step(step), **_operation(step)} for step in scenario.cure],
    }  # fmt: skip
    return plainly(asked.host.runtime.journal.sink, shown)  # type: ignore[return-value]


def _step(step: Mapping[str, object]) -> dict[str, Any]:
    rest = {key: value for key, value in step.items() if key not in ("note", "gets")}
    gets = step.get("gets")
    return {"note": step.get("note", ""), "does": describe.flow(rest)[1:-1] if rest else "",
            "gets": describe.flow(gets)[1:-1] if isinstance(gets, Mapping) else ""}  # fmt: skip


def _operation(step: Mapping[str, object]) -> dict[str, Any]:
    """The operation that a step of a cure is, and the body to ask for it with."""
    action = None if set(step) <= {"note"} else actions.of_step(step)
    if isinstance(action, actions.Advance):
        return {"operation": "advance_clock", "body": {"by": action.seconds}, "of": {}}
    if isinstance(action, actions.Service):
        return {"operation": "control_service", "body": {"action": action.action}, "of": {}}
    if isinstance(action, actions.Set):
        return {"operation": "set_host", "body": {"set": dict(action.values)}, "of": {}}
    if isinstance(action, actions.Change):
        return {"operation": "change", "body": dict(action.changes), "of": {}}
    if isinstance(action, actions.Import):
        return {
            "operation": "import_now",
            "body": {"profile": action.profile},
            "of": {"name": action.connector},
        }
    return {"operation": None, "body": {}, "of": {}}


def rules(asked: Asked) -> Shown | None:
    """The rules in the order in which they are tried, why the latest request passed one, and the faults there are."""
    from mockhost.faults import everything

    if asked.rest:
        return None
    known = asked.read("list_rules")["rules"]
    latest: dict[str, tuple[int, str]] = {}
    for each in asked.read("get_journal", last=_LISTED)["exchanges"]:
        miss = (each["near_miss"] or {}).get("closest")
        if miss:
            latest[miss["rule"]] = each["number"], f"{miss['condition']}: {miss['why']}"
    for rule in known:
        does = {
            key: rule[key]
            for key in ("fault", "reply", "delay", "sequence", "set_state", "write")
            if key in rule
        }
        rule["does"], rule["asks"] = describe.flow(does)[1:-1], describe.flow(rule.get("when") or {})[1:-1]
        rule["missed"] = latest.get(rule["name"])
    faults = [{"name": each.name, "group": describe.TITLES[each.group], "title": describe.sentence(each.title),
               "example": describe.example(each), "seen": each.seen, "write": describe.write(each),
               "value": each.name if each.example is None else {each.name: each.example}}
              for each in everything()[0].values()]  # fmt: skip
    operations = [each for each in sorted(OPERATIONS) if each != "unknown"]
    return "rules.html", {"rules": known, "faults": faults, "operations": operations}


# -- the Windows server around the host ------------------------------------------------------------------------------

_LOOKS: Final = (
    ("Services", "Get-Service"),
    ("Event log", "Get-WinEvent -LogName 'Microsoft ECMA2Host Logs' -MaxEvents 20"),
    ("Files", "dir 'C:\\Program Files\\Microsoft ECMA2Host' -Recurse"),
)


def server(asked: Asked) -> Shown | None:
    """Its services, event log and files, as its commands show them; and a prompt for the others."""
    if asked.rest:
        return None
    looks = [(title, command, asked.read("windows", command=command)["output"]) for title, command in _LOOKS]
    return "server.html", {"looks": looks}


# -- the portal of Entra ID ------------------------------------------------------------------------------------------


def portal(asked: Asked) -> Shown | None:
    """The application that provisions to this host: what is entered and saved, agents, job, and the newest records."""
    if asked.rest:
        return None
    records = asked.read("get_portal_log")["records"][: -_LISTED - 1 : -1]
    return "portal.html", {"portal": asked.read("get_portal"), "records": records}


PAGES: tuple[Page, ...] = (
    Page("journal", "Journal", "1", ("get_journal", "stream_events"), journal),
    Page("state", "State", "2", ("get_host", "list_connectors", "compare"), state),
    Page("scenarios", "Scenarios", "3", ("get_scenario", "use_scenario"), scenarios),
    Page("rules", "Rules and faults", "4", ("list_rules", "add_rule"), rules),
    Page("server", "Server", "5", ("windows",), server),
    Page("portal", "Portal", "6", ("portal", "get_portal", "get_portal_log"), portal),
)
__all__ = ["PAGES", "Asked", "Page", "overview", "trace"]


# -- text: JSON indented and in parts that can be coloured, and what a rule or setting says --------------------------

_COLOURED: Final = 40_000
"""Characters of JSON that are coloured; more than that is shown plain."""
_PARTS = re.compile(
    r'"(?:[^"\\]|\\.)*"(?P<colon>:)?|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|\b(?:true|false|null)\b'
)


def pretty(text: str) -> str | None:
    """JSON indented; None for what is no JSON."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return json.dumps(document, indent=2, ensure_ascii=False)


def parts(text: str) -> Iterator[tuple[str, str]]:
    """Indented JSON in (class, text): names, strings, and other values, and what is between them."""
    if len(text) > _COLOURED:
        yield "", text
        return
    at = 0
    for found in _PARTS.finditer(text):
        if found.start() > at:
            yield "", text[at : found.start()]
        at = found.end()
        if found["colon"]:
            yield "key", found[0][:-1]
            at -= 1
        else:
            yield "text" if found[0][0] == '"' else "value", found[0]
    yield "", text[at:]


def words(operation: str) -> str:
    """An operation as it begins a sentence: `Find users`."""
    return operation.replace("_", " ").capitalize()


def flat(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Nested settings as (dotted path, value)."""
    if isinstance(value, Mapping) and value:
        for name, inner in value.items():
            yield from flat(inner, f"{path}.{name}" if path else str(name))
    else:
        yield path, value


def plain(value: Any) -> str:
    """A value in a word or a line of JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def moment(iso: str | None) -> str:
    """`2026-01-01T00:03:00.000Z` as `2026-01-01 00:03:00`."""
    return "never" if iso is None else iso[:19].replace("T", " ")
