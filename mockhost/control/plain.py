"""Data as the control plane shows it: JSON, and without secrets."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

import orjson

from mockhost.journal import Connection, Journal, renderings


def plainly(journal: Journal, value: object) -> object:
    """Data without secrets: connections have none, and other data is looked through."""
    if isinstance(value, Connection):
        return renderings.connection_json(value)
    if journal.is_free_of_secrets(rendered(value)):
        return value
    return _scrubbed(journal, orjson.loads(rendered(value)))


def _scrubbed(journal: Journal, value: Any) -> Any:
    if isinstance(value, str):
        return journal.scrub(value)
    if isinstance(value, list):
        return [_scrubbed(journal, item) for item in value]
    if isinstance(value, dict):
        return {journal.scrub(name): _scrubbed(journal, item) for name, item in value.items()}
    return value


def rendered(value: object) -> bytes:
    """JSON in one line. Bytes become base64, and what JSON has no word for its text."""
    return orjson.dumps(value, default=_default, option=orjson.OPT_NON_STR_KEYS)


def _default(value: object) -> object:
    if isinstance(value, tuple):
        return value._asdict() if hasattr(value, "_asdict") else list(value)
    if isinstance(value, (bytes, bytearray)):
        return base64.b64encode(value).decode("ascii")
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, (set, frozenset)):
        return sorted(value, key=str)
    return str(value)
