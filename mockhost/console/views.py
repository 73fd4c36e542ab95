"""What each page shows, read by the operations of the running host."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

import orjson
from werkzeug.datastructures import MultiDict

from mockhost.console import rows as listed
from mockhost.console.text import flat, plain
from mockhost.control.plain import plainly
from mockhost.errors import MockhostError
from mockhost.journal import renderings, retelling
from mockhost.operations import find
from mockhost.operations.row import ROLES, Media
from mockhost.runtime import targets
from mockhost.runtime.operations import NoSuch, Operated, perform

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
        found = perform(self.host, find(operation), arguments)
        return (
            found.data.decode()
            if isinstance(found, Media)
            else plainly(self.host.runtime.journal.sink, found)
        )

    def may(self, operation: str) -> bool:
        return ROLES.index(self.host.role) >= ROLES.index(find(operation).role)


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
    return "journal.html", {"fields": ",".join(listed.FIELDS), "connectors": list(known)}


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


PAGES: tuple[Page, ...] = (
    Page("journal", "Journal", "1", ("get_journal", "stream_events"), journal),
    Page("state", "State", "2", ("get_host", "list_connectors", "compare"), state),
)
__all__ = ["PAGES", "Asked", "MockhostError", "Page", "overview", "trace"]
