"""Records as octets, as they are kept in a file: JSON, with a form of its own for what JSON has not."""

from __future__ import annotations

import json

import orjson

from mockhost.connectors.tables import Record


def octets_of(record: Record) -> bytes:
    """The octets of a record."""
    try:
        return orjson.dumps(record)
    except TypeError:  # numbers of more than 64 bits, halves of surrogate pairs
        return b"!" + json.dumps(record, default=lambda value: {"hex": value.hex()}).encode()


def record_of(octets: bytes) -> Record:
    """The record of which these are the octets."""
    if octets.find(b"[", 1) < 0 and b"{" not in octets and octets[:1] != b"!":  # by far the most
        return tuple(orjson.loads(octets))
    values = json.loads(octets[1:]) if octets.startswith(b"!") else orjson.loads(octets)
    return tuple(
        tuple(value)
        if isinstance(value, list)
        else bytes.fromhex(value["hex"])
        if isinstance(value, dict)
        else value
        for value in values
    )
