"""Who is in scope: assignment, scoping filters, and what else the scoping step of the log shows.

Source: Microsoft Learn, "Scoping users or groups to be provisioned with scoping filters": clauses of a filter are
joined by AND, filters by OR; a null value makes a clause fail; EQUALS and Includes are case-sensitive.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

from mockhost import patterns
from mockhost.entra.config import Clause, Scope
from mockhost.entra.functions import as_value, text_of
from mockhost.entra.users import User
from mockhost.errors import UsageError, did_you_mean

_INTEGER = re.compile(r"-?[0-9]{1,18}")


def _both(left: str, right: str, holds: Callable[[int, int], bool]) -> bool:
    """Compares integers; anything else fails."""
    return bool(_INTEGER.fullmatch(left) and _INTEGER.fullmatch(right)) and holds(int(left), int(right))


OPERATORS: Mapping[str, Callable[[str, str], bool]] = {
    "EQUALS": lambda found, value: found == value,
    "NOT EQUALS": lambda found, value: found != value,
    "IS TRUE": lambda found, value: found == "True",
    "IS FALSE": lambda found, value: found == "False",
    "IS NULL": lambda found, value: False,
    "IS NOT NULL": lambda found, value: True,
    "REGEX MATCH": lambda found, value: patterns.search(value, found),
    "NOT REGEX MATCH": lambda found, value: not patterns.search(value, found),
    "Greater_Than": lambda found, value: _both(found, value, lambda a, b: a > b),
    "Greater_Than_OR_EQUALS": lambda found, value: _both(found, value, lambda a, b: a >= b),
    "Includes": lambda found, value: value in found,
    "ENDS_WITH": lambda found, value: found.endswith(value),
    "&": lambda found, value: _both(found, value, lambda a, b: a & b != 0),
    "!&": lambda found, value: _both(found, value, lambda a, b: a & b == 0),
}
"""What is compared: the value of the attribute, which is not null, and the value of the clause."""
NOT_FILTERABLE = frozenset({"approleassignments", "usertype", "manager"})
"""Attributes that scoping filters cannot name (Microsoft Learn, "Known issues")."""


def check(clause: Clause) -> None:
    """Raise UsageError for a clause that cannot be."""
    if clause.operator not in OPERATORS:
        hint = did_you_mean(clause.operator, OPERATORS) or f"one of {', '.join(OPERATORS)}"
        raise UsageError(f"{clause.operator!r} is not an operator of scoping filters", hint=hint)
    if clause.attribute.lower() in NOT_FILTERABLE:
        raise UsageError(f"scoping filters cannot name {clause.attribute}")
    if clause.operator.endswith("REGEX MATCH"):
        patterns.check(clause.value)


class Evaluation(NamedTuple):
    """The scoping step for a user."""

    active: bool
    """enabled and not deleted in the source"""
    assigned: bool
    passed: bool
    """whether the scoping filters hold, or there are none"""

    @property
    def in_scope(self) -> bool:
        return self.assigned and self.passed

    @property
    def entitled(self) -> bool:
        """Whether the user is to have an active account in the target."""
        return self.active and self.in_scope


def evaluate(user: User, scope: Scope) -> Evaluation:
    """Whether a user is in scope. Raises UsageError where a pattern takes too long."""
    passed = not scope.filters or any(all(_holds(user, clause) for clause in each) for each in scope.filters)
    return Evaluation(user.enabled and not user.deleted, user.assigned or not scope.assigned_only, passed)


def _holds(user: User, clause: Clause) -> bool:
    value = as_value(user.attribute(clause.attribute))
    if value is None or value == ():
        return clause.operator == "IS NULL"
    return OPERATORS[clause.operator](text_of(value), clause.value)
