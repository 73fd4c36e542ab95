"""What the control plane does when it is asked: one function for each endpoint, with the schema of what is sent.

A function parses what was sent, calls the runtime and gives back plain data (or a response that is no JSON). Errors
are raised; `control` makes answers of them. Which path each belongs to stands in `endpoints`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from flask import Response

from mockhost import __version__
from mockhost.errors import MockhostError, UsageError, did_you_mean
from mockhost.journal import renderings, verification
from mockhost.journal.escapes import MARK
from mockhost.journal.passwords import is_password
from mockhost.runtime import ClientTarget, Runtime
from mockhost.scenario import loader
from mockhost.scenario.model import Scenario, parse_duration
from mockhost.web import events
from mockhost.web.openapi import Parameter, Schema
from mockhost.web.plain import exchange_json
from mockhost.web.sent import asked, number, sent

Load = Callable[[str | Mapping[str, Any], Mapping[str, Any]], Scenario]
"""Makes a scenario of a name, path or document and what is laid over it."""
Data = dict[str, Any]

TEXT = "text/plain; charset=utf-8"
PEM = "application/x-pem-file"


class Plane(NamedTuple):
    """What the endpoints work on."""

    runtime: Runtime
    load: Load
    heartbeat: float
    """seconds between the signs of life in an event stream"""


class NoSuch(UsageError):
    """Something in the path that is not there: 404."""


class NotNow(MockhostError):
    """Something that can't be done in the state that the host is in: 409."""


def load(scenario: str | Mapping[str, Any], overrides: Mapping[str, Any]) -> Scenario:
    """A scenario by name or path, or of a document. Raises ScenarioError, UsageError."""
    if isinstance(scenario, str):
        return loader.load(scenario, overrides=overrides)
    return loader.load_document(scenario, overrides=overrides)


# ---- the host ----


def get_health(plane: Plane) -> Data:
    # Without the lock: it must answer while something long holds it.
    runtime = plane.runtime
    return {
        "status": "ok",
        "version": __version__,
        "scenario": runtime.scenario.name,
        "epoch": runtime.epoch.number,
        "service": "running" if runtime.host.running else "stopped",
    }


def get_scenario(plane: Plane) -> Data:
    scenario = plane.runtime.scenario
    query = asked(DOCUMENT)
    summary: Data = {
        "name": scenario.name,
        "title": scenario.title,
        "why": scenario.why,
        "cause": scenario.cause,
        "client_should": scenario.client_should,
        "reproduces": list(scenario.reproduces),
        "tags": list(scenario.tags),
        "origin": scenario.origin,
        "extends": scenario.parent,
        "seed": scenario.seed,
        "connectors": list(scenario.connectors),
        "rules": len(scenario.rules),
        "timeline": len(scenario.timeline),
    }
    return {**summary, "document": scenario.document} if query.get("document") else summary


DOCUMENT = (
    Parameter(
        "document", "Whether to add the scenario as it is written, parents merged in.", {"type": "boolean"}
    ),
)


def use_scenario(plane: Plane) -> Data:
    body = sent(SCENARIO)
    plane.runtime.use(plane.load(body["scenario"], body.get("overrides", {})))
    return _begun(plane)


SCENARIO: Schema = {
    "required": ["scenario"],
    "additionalProperties": False,
    "properties": {
        "scenario": {
            "type": ["string", "object"],
            "description": "a shipped scenario's name, the path of a file, or a whole document in the scenario format",
        },
        "overrides": {
            "type": "object",
            "description": "what is laid over it: a document, or values by dotted path",
        },
    },
}


def reset(plane: Plane) -> Data:
    sent(NOTHING)
    plane.runtime.reset()
    return _begun(plane)


NOTHING: Schema = {"additionalProperties": False, "properties": {}}


def _begun(plane: Plane) -> Data:
    return {"scenario": plane.runtime.scenario.name, "epoch": plane.runtime.epoch.number}


def get_host(plane: Plane) -> Data:
    status = plane.runtime.status()
    return {name: status[name] for name in ("service", "configured", "effective", "restart_pending", "tls")}


def set_host(plane: Plane) -> Data:
    """Shared by PUT and PATCH: what is not named stays as it is."""
    paths = sent(SET)["set"]
    runtime = plane.runtime
    with runtime.lock:
        # All of them or none: first see whether the whole is a scenario.
        loader.with_overrides(runtime.scenario, paths)
        done = [runtime.set(path, value) for path, value in paths.items()]
    return {"set": done, **get_host(plane)}


def patch_host(plane: Plane) -> Data:
    return set_host(plane)


SET: Schema = {
    "required": ["set"],
    "additionalProperties": False,
    "properties": {
        "set": {
            "type": "object",
            "minProperties": 1,
            "description": 'values by the dotted path of the scenario format, e.g. {"host.debug": true}',
        }
    },
}


def get_clock(plane: Plane) -> Data:
    with plane.runtime.lock:
        return dict(plane.runtime.clock_state())


def advance_clock(plane: Plane) -> Data:
    by = sent(ADVANCE)["by"]
    plane.runtime.advance(parse_duration(by) if isinstance(by, str) else float(by))
    return get_clock(plane)


ADVANCE: Schema = {
    "required": ["by"],
    "additionalProperties": False,
    "properties": {
        "by": {
            "type": ["string", "number"],
            "minimum": 0,
            "pattern": r"^[0-9]{1,9}(\.[0-9]{1,6})?(ms|s|m|h|d)$",
            "description": "a duration with its unit, such as 4m or 731d, or seconds",
        }
    },
}


def get_service(plane: Plane) -> Data:
    status = plane.runtime.status()
    service = status["service"]
    assert isinstance(service, dict)
    return {**service, "restart_pending": status["restart_pending"]}


def control_service(plane: Plane) -> Data:
    plane.runtime.service(sent(ACTION)["action"])
    return get_service(plane)


ACTION: Schema = {
    "required": ["action"],
    "additionalProperties": False,
    "properties": {
        "action": {
            "type": "string",
            "enum": ["start", "stop", "restart"],
            "description": "start, stop or restart",
        }
    },
}

# ---- connectors ----


def list_connectors(plane: Plane) -> Data:
    return {"connectors": plane.runtime.status()["connectors"]}


def get_connector(plane: Plane, name: str) -> Data:
    runtime = plane.runtime
    with runtime.lock:
        status: Mapping[str, Any] = runtime.status()
        tenant = runtime.served.find(name)
    _known(name, status["connectors"])
    state = status["connectors"][name]
    if tenant is not None:  # nothing of it waits for a start of the service
        page = tenant.settings()
        return {
            "name": name,
            "state": state,
            "configured": page,
            "effective": page if state["running"] else None,
        }
    return {
        "name": name,
        "state": state,
        "configured": status["configured"]["connectors"].get(name),
        "effective": status["effective"]["connectors"].get(name),
    }


def reset_connector(plane: Plane, name: str) -> Data:
    sent(NOTHING)
    _known(name, _connectors(plane))
    plane.runtime.reset_connector(name)
    return {"connector": name, "state": _state(plane, name)}


def get_objects(plane: Plane, name: str) -> Data:
    _known(name, _connectors(plane))
    return _page(plane.runtime.objects(name))


def get_cache(plane: Plane, name: str) -> Data:
    _running(plane, name)
    return _page(plane.runtime.cache(name))


def import_now(plane: Plane, name: str) -> Data:
    _running(plane, name)
    plane.runtime.served.refuse(name, "imports")
    profile = sent(PROFILE).get("profile", "full")
    plane.runtime.import_now(name, profile)
    return {"connector": name, "profile": profile, "state": _state(plane, name)}


PROFILE: Schema = {
    "additionalProperties": False,
    "properties": {
        "profile": {
            "type": "string",
            "enum": ["full", "delta"],
            "description": "the run profile; default: full",
        }
    },
}


def change_system(plane: Plane, name: str) -> Data:
    _known(name, _connectors(plane))
    touched = plane.runtime.change({name: sent(CHANGE)})
    return {"connector": name, "objects": touched, "state": _state(plane, name)}


CHANGE: Schema = {
    "minProperties": 1,
    "additionalProperties": False,
    "description": "insert, update and delete",
    "properties": {
        "insert": {
            "type": "array",
            "items": {"type": "object"},
            "description": "objects, each a map of its columns",
        },
        "update": {
            "type": "array",
            "description": "which objects (`where`) get which values (`set`)",
            "items": {"type": "object", "required": ["where", "set"], "properties": {"where": {}, "set": {}}},
        },
        "delete": {
            "type": "array",
            "items": {"type": "object"},
            "description": "which objects, by their columns",
        },
    },
}


def _known(name: str, connectors: Iterable[str]) -> None:
    names = list(connectors)
    if name not in names:
        raise NoSuch(f"there is no connector {name!r}", hint=did_you_mean(name, names))


def _connectors(plane: Plane) -> list[str]:
    """The names of all connectors, those that sprang up on demand included."""
    runtime = plane.runtime
    with runtime.lock:
        return [*runtime.host.configured, *runtime.served.tenants]


def _running(plane: Plane, name: str) -> None:
    _known(name, _connectors(plane))
    host = plane.runtime.host
    if not host.running or (name in host.configured and name not in host.connectors):
        raise NotNow(f"connector {name} is not running", hint="start or restart the service")


def _state(plane: Plane, name: str) -> Any:
    states = plane.runtime.status()["connectors"]
    assert isinstance(states, dict)
    return states[name]


def _page(objects: list[dict[str, object]]) -> Data:
    """A stretch of a list, all of it if the query does not say otherwise, without passwords."""
    query = asked(PAGE)
    start = number(query, "start_index", 1)
    page = objects[start - 1 :][: number(query, "count", len(objects))]
    return {
        "total": len(objects),
        "start_index": start,
        "objects": [_without_passwords(each) for each in page],
    }


PAGE = (
    Parameter("start_index", "The first object to show, from 1.", {"type": "integer", "minimum": 1}),
    Parameter("count", "How many to show; default: all.", {"type": "integer", "minimum": 0}),
)


def _without_passwords(values: dict[str, object]) -> dict[str, object]:
    return {
        name: MARK if is_password(name) and value is not None else value for name, value in values.items()
    }


# ---- rules ----


def list_rules(plane: Plane) -> Data:
    name = asked(OF_CONNECTOR).get("connector")
    if name is not None:
        _known(str(name), _connectors(plane))
    return {"rules": plane.runtime.rule_documents(name)}


OF_CONNECTOR = (
    Parameter(
        "connector",
        "Whose counts to show: those of a connector that sprang up on demand are its own.",
        {"type": "string"},
    ),
)


def add_rule(plane: Plane) -> Data:
    return {"name": plane.runtime.add_rule(sent(RULE))}


RULE: Schema = {
    "minProperties": 1,
    "description": "a rule as in a scenario file: name, when, reply, fault, delay, sequence, …",
    "properties": {"name": {"type": "string"}, "when": {"type": "object"}},
}


def clear_rules(plane: Plane) -> Data:
    runtime = plane.runtime
    with runtime.lock:
        live = sum(1 for rule in runtime.rules if rule.live)
        runtime.clear_rules()
    return {"removed": live}


def remove_rule(plane: Plane, name: str) -> Data:
    runtime = plane.runtime
    if runtime.remove_rule(name):
        return {"removed": 1}
    with runtime.lock:
        rules = {rule.name: rule.live for rule in runtime.rules}
    if name in rules:
        raise NotNow(
            f"rule {name!r} is the scenario's", hint="only live rules can be removed; use another scenario"
        )
    raise NoSuch(f"there is no rule {name!r}", hint=did_you_mean(name, rules))


# ---- states, and answers that hang ----


def get_states(plane: Plane) -> Data:
    return plane.runtime.state_names()


def set_state(plane: Plane) -> Data:
    body = sent(STATE)
    if (name := body.get("connector")) is not None:
        _known(name, _connectors(plane))
    plane.runtime.set_state(body["state"], body.get("connector"))
    return get_states(plane)


STATE: Schema = {
    "required": ["state"],
    "additionalProperties": False,
    "properties": {
        "state": {"type": "string", "minLength": 1, "description": "the name of a state"},
        "connector": {"type": "string", "description": "the connector that has it, unless it is the host's"},
    },
}


def release(plane: Plane) -> Data:
    sent(NOTHING)
    return {"released": plane.runtime.release()}


# ---- the journal ----

_FORMATS = ("json", "har", "curl", "table")
FILTERS = (
    Parameter("format", "json, har (HAR 1.2), curl (shell lines) or table.", {"type": "string", "enum": _FORMATS}),
    Parameter("since", "Only exchanges after this number.", {"type": "integer", "minimum": 0}),
    Parameter("last", "Only so many, the latest.", {"type": "integer", "minimum": 0}),
    Parameter("width", "The table's width in columns.", {"type": "integer", "minimum": 10}),
    Parameter("connector", "Its connector.", {"type": "string"}),
    Parameter("operation", "What it was, e.g. create_user. This and the others may stand more than once: any of them.",
              {"type": "string"}),
    Parameter("status", "The answer's status.", {"type": "integer"}),
    Parameter("method", "The request's method.", {"type": "string"}),
    Parameter("id", "The id of the resource.", {"type": "string"}),
    Parameter("who", "The user concerned: an id, or the value that was searched for.", {"type": "string"}),
    Parameter("verdict", "ok, not_found, method_not_allowed, unauthorized or refused.", {"type": "string"}),
    Parameter("rule", "The rule that fired.", {"type": "string"}),
    Parameter("fault", "The fault that it met.", {"type": "string"}),
    Parameter("probe", "Whether it was a probe.", {"type": "boolean"}),
    Parameter("connection", "The number of its connection.", {"type": "integer"}),
)  # fmt: skip


def get_journal(plane: Plane) -> Data | Response:
    query = asked(FILTERS)
    shape = query.pop("format", "json")
    width = number(query, "width", 0)
    since = number(query, "since", 0)
    journal = plane.runtime.journal
    last = number(query, "last", journal.limit)
    entries = journal.entries(since=since, **query)
    entries = entries[-last:] if last else []
    if shape == "har":
        return renderings.har(entries)
    if shape == "table":
        table = renderings.table(entries, width or None, note=plane.runtime.missed)
        return Response(table + "\n", content_type=TEXT)
    if shape == "curl":
        lines = [renderings.curl(each, ca_file=_ca_file(plane)) for each in entries]
        return Response("".join(f"{line}\n" for line in lines), content_type=TEXT)
    if shape != "json":
        raise UsageError("format stands in the query more than once")
    return {
        "epoch": journal.epoch,
        "last": journal.last,
        "dropped": journal.dropped,
        "exchanges": [exchange_json(plane.runtime, each) for each in entries],
    }


def _ca_file(plane: Plane) -> str | None:
    return next((target.ca_file for target in plane.runtime.truth().values()), None)


def get_exchange(plane: Plane, number: str) -> Data:
    journal = plane.runtime.journal
    found = journal.get(int(number)) if number.isascii() and number.isdecimal() else None
    if found is None:
        gone = f"; {journal.dropped} older ones are gone" if journal.dropped else ""
        raise NoSuch(f"there is no exchange {number}", hint=f"the last is {journal.last}{gone}")
    return exchange_json(plane.runtime, found)


def clear_journal(plane: Plane) -> Data:
    journal = plane.runtime.journal
    removed = len(journal)
    journal.clear()
    return {"removed": removed}


def list_connections(plane: Plane) -> Data:
    journal = plane.runtime.journal
    return {
        "dropped": journal.dropped_connections,
        "connections": [renderings.connection_json(each) for each in journal.connections],
    }


def verify(plane: Plane) -> Data:
    return plane.runtime.verify(sent(VERIFY))._asdict()


VERIFY: Schema = {
    "additionalProperties": False,
    "description": "conditions on exchanges, and how often or in what order they are expected",
    "properties": {
        **{
            word: {"description": "a literal, a list (any of them) or a matcher"}
            for word in verification.CONDITIONS
        },
        "count": {
            "type": ["integer", "object"],
            "description": "a number, or a map of exactly, at_least, at_most, never",
        },
        "order": {
            "type": "array",
            "items": {"type": "object"},
            "description": "conditions on exchanges, in order",
        },
        "all": {
            "type": "array",
            "minItems": 1,
            "items": {"type": "object"},
            "description": "several assertions; what stands beside it is common to them",
        },
        "since": {"type": "integer", "minimum": 0, "description": "only exchanges after this number"},
    },
}


# ---- the truth ----


def get_truth(plane: Plane) -> Data:
    runtime = plane.runtime
    return {
        "connectors": {name: _target(each) for name, each in runtime.truth().items()},
        "clients": {name: _target(each) for name, each in runtime.told().items()},
        "ca": _pem(plane),
    }


def _target(target: ClientTarget) -> Data:
    return {
        "url": target.url,
        "secret_token": target.secret_token,
        "ca_file": target.ca_file,
        "trusted": target.trusted,
        "kind": target.kind,
    }


def get_ca(plane: Plane) -> Response:
    return Response(_pem(plane), content_type=PEM)


def _pem(plane: Plane) -> str:
    return plane.runtime.certificates.bundle_file.read_text("ascii")


# ---- events ----


def stream_events(plane: Plane) -> Response:
    return events.stream(plane.runtime, plane.heartbeat)
