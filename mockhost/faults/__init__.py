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


@functools.cache
def find(name: str) -> Fault:
    """The fault of this name or alias. Raises UsageError naming near names."""
    known = ALIASES.get(name, name)
    group = FAULTS.get(known)
    if group is None:
        raise UsageError(f"there is no fault {name!r}", hint=did_you_mean(name, FAULTS))
    module = importlib.import_module(f"mockhost.faults.{group}.{known}")
    fault = module.FAULT
    assert isinstance(fault, Fault)
    return fault
