"""Handlers of the operations on the journal."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from mockhost.journal import Exchange, renderings, retelling
from mockhost.operations.row import TEXT, Media
from mockhost.rules.nearmiss import near_miss, tried
from mockhost.runtime import names, targets
from mockhost.runtime.operations import Data, NoSuch, NotNow, Operated
from mockhost.runtime.runtime import Runtime

_NUMBER = re.compile("[0-9]{1,18}")
_PATIENCE = 10.0
"""Seconds that a request which is sent again waits for its answer."""
_OF_THE_CONNECTION = frozenset({"content-length", "transfer-encoding", "connection", "expect"})
"""Headers that are the new connection's own."""


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
    if format in retelling.FORMATS:
        return _text("\n".join(retelling.FORMATS[format](each, runtime.scenario.name) for each in entries))
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
    found = _exchange(host, number)
    misses = tried(found, host.runtime.journal.sink)
    return {
        **exchange_json(host.runtime, found),
        "tried": [{**each._asdict(), "text": each.text} for each in misses],
    }


def _exchange(host: Operated, number: str) -> Exchange:
    journal = host.runtime.journal
    found = journal.get(int(number)) if _NUMBER.fullmatch(number) else None
    if found is None:
        gone = f"; {journal.dropped} older ones are gone" if journal.dropped else ""
        raise NoSuch(f"there is no exchange {number}", hint=f"the last is {journal.last}{gone}")
    return found


def send_again(host: Operated, *, number: str) -> Data:
    from mockhost.client.observation import exchange

    runtime, found = host.runtime, _exchange(host, number)
    if found.verdict == "refused" or not found.method:
        raise NotNow(f"exchange {number} is not a request that can be sent again", hint="http.sys refused it")
    if found.body_digest is not None:
        raise NotNow(
            f"the journal has only the first {len(found.body)} of the {found.body_length} bytes of its body",
            hint="send it again from its client",
        )
    plain = runtime.scenario.host.tls.mode == "plain_http"
    url = f"{'http' if plain else 'https'}://127.0.0.1:{runtime.address[1]}"
    headers = [pair for pair in found.headers if pair[0].casefold() not in _OF_THE_CONNECTION]
    if not runtime.state.accepting:
        raise NotNow("the port is closed", hint="start the service")
    before = runtime.journal.last
    seen = exchange(
        url,
        found.method,
        found.target,
        headers,
        found.body or None,
        timeout=_PATIENCE,
        trusts=("anything",),
    )
    new = next(
        (each.number for each in runtime.journal.entries(since=before) if each.target == found.target), None
    )
    return {"status": seen.status, "ends": list(seen.words), "text": seen.describe(), "number": new}


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
