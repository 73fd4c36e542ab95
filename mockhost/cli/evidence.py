"""Which unpublished behaviours a step of a check rests on: so that nobody takes an assumption for a fact.

Only rows of the behaviours table that are `assumed` count, and only if the step compares what the row decides. A
row is found by what was sent and what came back, so this works on what a client sees and on nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from mockhost.expect.client import Observation
    from mockhost.expect.steps import StepResult

KIND = "scim"
"""The kind of connectors that answer as RFC 7644 has it."""
_STATUS = frozenset({"status"})
_BODY = frozenset({"detail", "body", "scimType", "message", "totalResults", "resources"})
_EITHER = _STATUS | _BODY
_WRITES = frozenset({"POST", "PUT", "PATCH", "DELETE"})


class Rule(NamedTuple):
    """A row of the behaviours table, the keys of `gets` that compare what it decides, and how to tell."""

    behaviour: str
    compares: frozenset[str]
    applies: Callable[[Observation], bool]


def _resource(seen: Observation, name: str) -> bool:
    return re.search(rf"/scim/+{name}(?:[/?]|$)", seen.target, re.IGNORECASE) is not None


def _failed(seen: Observation) -> bool:
    return seen.status is not None and seen.status >= 400


def _says(*texts: str) -> Callable[[Observation], bool]:
    return lambda seen: _failed(seen) and any(text in seen.text for text in texts)


def _failed_export(*texts: str) -> Callable[[Observation], bool]:
    """A write that the connected system refused, by the words of its answer."""
    return lambda seen: seen.method in _WRITES and _says(*texts)(seen)


RULES: tuple[Rule, ...] = (
    Rule("importing_status", _STATUS, _says("currently importing")),
    Rule("importing_body", _BODY, _says("currently importing")),
    Rule("dll_denied_status", _STATUS, _says("Could not load file or assembly")),
    Rule("filter_invalid_status", _STATUS, _says("invalidFilter")),
    Rule("cache_closed_status", _STATUS, lambda seen: _failed(seen) and _resource(seen, "cache")),
    Rule("cache_body", _BODY, lambda seen: seen.status == 200 and _resource(seen, "cache")),
    Rule("groups_answer", _EITHER, lambda seen: _resource(seen, "groups")),
    Rule("root_status", _STATUS, lambda seen: re.search(r"/scim/?$", seen.target) is not None),
    Rule("double_slash", _STATUS, lambda seen: "//" in seen.target.partition("?")[0]),
    Rule("put", _EITHER, lambda seen: seen.method == "PUT"),
    Rule(
        "delete_unknown_status", _STATUS, lambda seen: seen.method == "DELETE" and seen.status in (204, 404)
    ),
    Rule("export_status_missing_attribute", _STATUS, _failed_export("Cannot insert the value NULL")),
    Rule("export_status_dn", _STATUS, _failed_export("Invalid LDAP style")),
    Rule("export_status_permission", _STATUS, _failed_export("ExportErrorPermissionIssue")),
    Rule("export_status_missing_anchor", _STATUS, _failed_export("ExportErrorMissingAnchorComponent")),
    Rule("export_status_bad_value", _STATUS, _failed_export("value #0 invalid", "value number invalid")),
    Rule(
        "stale_update_missing", _STATUS, lambda seen: seen.method in ("PUT", "PATCH") and seen.status == 404
    ),
)


def assumed(result: StepResult) -> list[str]:
    """The assumed behaviours that a step rests on, by name."""
    from mockhost.ecma import behaviours

    return [name for name in _named(result) if behaviours.evidence_of(name) == "assumed"]


def _named(result: StepResult) -> Iterator[str]:
    seen, gets = result.observation, result.step.get("gets")
    if seen is None or not isinstance(gets, Mapping) or result.kind == KIND:
        return  # a connector of kind scim is no ECMA host: what it answers is in RFC 7644, or in its strictness
    for rule in RULES:
        if rule.compares & gets.keys() and rule.applies(seen):
            yield rule.behaviour
