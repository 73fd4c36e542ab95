"""Faults: everything that can be wrong with an answer, a connection or the host, each by its name.

One fault is one module, `mockhost/faults/<group>/<name>.py`, which is imported when a scenario or a test names it.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from mockhost.errors import UsageError, did_you_mean
from mockhost.faults.contract import Fault

_GROUPS: Final[Mapping[str, str]] = {
    "transport": """
        connection_reset empty_response truncated_body malformed_chunk random_data raw_bytes hang dribble bandwidth
        slow_status_line half_close refuse silent
    """,
    "tls": """
        tls tls_alert tls_stall tls_reset old_protocol plain_http client_certificate
    """,
    "http": """
        rate_limit http_error redirect content_type content_length bad_gzip html duplicate_headers
    """,
    "body": """
        malformed_json truncated_json byte_order_mark wrong_charset xml missing_schemas missing_resources lying_totals
        numbers_as_strings strings_as_numbers null_list missing_id changed_id dropped_attributes renamed_attributes
        recased_attributes manager_as_string several_resources reformatted_values conflict error_with_200
    """,
    "host": """
        importing cache_stale cache_frozen cache_emptied duplicate_anchors object_changed debug_switched
        token_rotated autosync_fails dll_not_loadable
    """,
}
GROUPS: Final = tuple(_GROUPS)
"""The kinds of faults, which are the folders beside this module."""
FAULTS: Final[Mapping[str, str]] = MappingProxyType(
    {name: group for group, names in _GROUPS.items() for name in names.split()}
)
"""Every fault's name and its group."""
ALIASES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "CONNECTION_RESET_BY_PEER": "connection_reset",
        "EMPTY_RESPONSE": "empty_response",
        "MALFORMED_RESPONSE_CHUNK": "malformed_chunk",
        "RANDOM_DATA_THEN_CLOSE": "random_data",
        "total_results": "lying_totals",
    }
)
"""Other names: WireMock's, and the number that lies most often."""


_MEANT: Final[Mapping[str, str]] = MappingProxyType(
    {
        **dict.fromkeys(("timeout", "time_out", "no_response", "stall", "blackhole"), "write hang"),
        **dict.fromkeys(("slow", "latency", "delay"), "write 'delay: 2s' in the place of 'fault'"),
        **dict.fromkeys(
            ("reset", "rst", "reset_peer", "connection_refused"), "write connection_reset or refuse"
        ),
        **dict.fromkeys(("expired", "certificate_expired"), "write {tls: expired}"),
        **dict.fromkeys(("untrusted", "certificate_not_trusted"), "write {tls: untrusted}"),
        **dict.fromkeys(("wrong_name", "certificate_wrong_name"), "write {tls: wrong_name}"),
        **dict.fromkeys(("limit_data", "truncate", "cut"), "write truncated_body"),
        **dict.fromkeys(("slow_close", "slicer"), "write dribble"),
        "throttle": "write bandwidth or rate_limit",
        "too_many_requests": "write rate_limit or {http_error: 429}",
    }
)
"""What to write for words of other tools, and of scenarios on the shelf of faults."""


def _meant(name: str) -> str:
    """What to write for the name of a status, its number or a word of another tool; empty for anything else."""
    from http import HTTPStatus

    word = name.strip().lower().replace("-", "_").replace(" ", "_")
    status = int(word) if word.isascii() and word.isdigit() and len(word) == 3 else 0
    if not status:
        status = next((each.value for each in HTTPStatus if each.name.lower() == word), 0)
    if word not in _MEANT and 400 <= status <= 599:
        return f"write {{http_error: {status}}}"
    return _MEANT.get(word, "")


@functools.cache
def find(name: str) -> Fault:
    """The fault of this name or alias. Raises UsageError naming near names."""
    known = ALIASES.get(name, name)
    group = FAULTS.get(known)
    if group is None:
        raise UsageError(f"there is no fault {name!r}", hint=_meant(name) or did_you_mean(name, FAULTS))
    module = importlib.import_module(f"mockhost.faults.{group}.{known}")
    fault = module.FAULT
    assert isinstance(fault, Fault)
    return fault
