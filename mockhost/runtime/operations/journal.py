"""Handlers of the operations on the journal."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from mockhost.journal import Exchange, renderings
from mockhost.operations.row import TEXT, Media
from mockhost.rules.nearmiss import near_miss
from mockhost.runtime import names, targets
from mockhost.runtime.operations import Data, NoSuch, Operated
from mockhost.runtime.runtime import Runtime

_NUMBER = re.compile("[0-9]{1,18}")


def get_journal(
    host: Operated,
    *,
    format: str = "json",
    since: int = 0,
    last: int | None = None,
    width: int | None = None,
    **conditions: Any,
) -> Data | Media:
    runtime, journal = host.runtime, host.runtime.journal
    entries = journal.entries(since=since, **conditions)
    if last is not None:
        entries = entries[-last:] if last else []
    if format == "har":
        return renderings.har(entries)
    if format == "table":
        return _text(renderings.table(entries, width, note=lambda each: _missed(runtime, each)) + "\n")
    if format == "curl":
        ca_file = next((target.ca_file for target in targets.truth(runtime).values()), None)
        return _text("".join(f"{renderings.curl(each, ca_file=ca_file)}\n" for each in entries))
    return {
        "epoch": journal.epoch,
        "last": journal.last,
        "dropped": journal.dropped,
        "exchanges": [exchange_json(runtime, each) for each in entries],
    }


def _text(text: str) -> Media:
    return Media(text.encode(), TEXT)


def exchange_json(runtime: Runtime, exchange: Exchange) -> Data:
    """An exchange of the journal, with what the rules made of it."""
    missed = near_miss(exchange, runtime.journal.sink)
    return {**renderings.to_json(exchange), "near_miss": None if missed is None else missed.to_json()}


def _missed(runtime: Runtime, exchange: Exchange) -> str:
    """One line about the rule that came close to an exchange and did not apply; empty where none asks for such."""
    if exchange.rule is not None or not exchange.considered:
        return ""
    found = near_miss(exchange, runtime.journal.sink)
    if found is None or found.closest is None or found.closest.condition in ("operation", "connector"):
        return ""
    return found.text


def clear_journal(host: Operated) -> Data:
    journal = host.runtime.journal
    removed = len(journal)
    journal.clear()
    return {"removed": removed}


def get_exchange(host: Operated, *, number: str) -> Data:
    journal = host.runtime.journal
    found = journal.get(int(number)) if _NUMBER.fullmatch(number) else None
    if found is None:
        gone = f"; {journal.dropped} older ones are gone" if journal.dropped else ""
        raise NoSuch(f"there is no exchange {number}", hint=f"the last is {journal.last}{gone}")
    return exchange_json(host.runtime, found)


def list_connections(host: Operated) -> Data:
    journal = host.runtime.journal
    return {
        "dropped": journal.dropped_connections,
        "connections": [renderings.connection_json(each) for each in journal.connections],
    }


def verify(host: Operated, *, spec: Mapping[str, object]) -> Data:
    runtime = host.runtime
    names.check(spec, names.of_running(runtime.state, runtime.journal))
    return runtime.journal.verify(spec)._asdict()
