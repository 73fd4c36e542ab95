"""Data as the control plane shows it: JSON, and without secrets."""

from __future__ import annotations

import base64
from collections.abc import Mapping

import orjson

from mockhost.journal import Connection, Sink, renderings


def plainly(sink: Sink, value: object) -> object:
    """Data as JSON and without secrets."""
    if isinstance(value, Connection):
        return renderings.connection_json(value)
    return sink.data(orjson.loads(rendered(value)))


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
