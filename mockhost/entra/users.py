"""The users of a directory, and who of them is in scope.

They are a list, a CSV or JSON file that is read as it is needed, or generated ones.

Attributes have the names of Entra's mappings (userPrincipalName, surname, jobTitle …) and are found in any case.
Besides them a user says whether it is `assigned` to the application and `deleted` (in the recycle bin).
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from mockhost import nesting, patterns
from mockhost.clock import Chance
from mockhost.entra.functions import as_value, text_of, without_diacritics
from mockhost.errors import UsageError, did_you_mean, reason_of

FILE_LIMIT = 256 << 20
"""Bytes of a file of users."""
_FLAGS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
_SWITCHES = ("assigned", "deleted", "accountenabled")
_LISTS = frozenset({"proxyaddresses", "othermails", "approleassignments"})
_GUEST = "#EXT#"


class User(NamedTuple):
    """A user of the directory."""

    id: str
    """the object ID"""
    name: str
    """the user principal name"""
    attributes: Mapping[str, object]
    """by their names in lower case"""
    enabled: bool = True
    assigned: bool = True
    deleted: bool = False
    """soft-deleted"""

    def attribute(self, name: str) -> object:
        """A source attribute as a mapping sees it; None where the user has none.

        Of a guest's user principal name `#EXT#` is removed; originalUserPrincipalName has it (Microsoft Learn, "How
        provisioning works", B2B users).
        """
        folded = name.lower()
        if folded == "userprincipalname":
            return self.name.replace(_GUEST, "")
        if folded == "originaluserprincipalname":
            return self.name
        if folded in ("objectid", "id"):
            return self.id
        if folded == "accountenabled":
            return self.enabled
        return self.attributes.get(folded)


class Users(Protocol):
    """Users that can be gone through again and again."""

    @property
    def count(self) -> int | None:
        """How many; None where that is not known before they are read."""

    def __iter__(self) -> Iterator[User]: ...

    def find(self, name: str) -> User | None:
        """The user with this user principal name or object ID."""


def user_of(said: Mapping[str, Any], where: str = "users") -> User:
    """A user as a list or a file has it. Raises UsageError, which begins with `where`."""
    folded = {str(key).lower(): value for key, value in said.items() if value is not None and value != ""}
    flags = {key: _flag(folded.pop(key), where, key) for key in _SWITCHES if key in folded}
    name = str(folded.pop("userprincipalname", ""))
    ident = str(folded.pop("objectid", folded.pop("id", "")))
    if not name and not ident:
        raise UsageError(f"{where}: a user without userPrincipalName", hint="give each user one")
    for key in _LISTS & folded.keys():
        folded[key] = _values(key, folded[key])
    nesting.check(folded, where)
    return User(
        ident or Chance(0).guid(name.lower(), 0),
        name or ident,
        folded,
        flags.get("accountenabled", True),
        flags.get("assigned", True),
        flags.get("deleted", False),
    )


def _flag(value: object, where: str, key: str) -> bool:
    known = _FLAGS.get(str(value).strip().lower())
    if known is None:
        place = f"{where}: " if where else ""
        raise UsageError(f"{place}{key} is {value!r}", hint="write true or false")
    return known


def _values(key: str, value: object) -> object:
    values = value.split("|") if isinstance(value, str) else value
    if key == "approleassignments" and isinstance(values, list):
        return [each if isinstance(each, Mapping) else {"displayName": str(each)} for each in values]
    return values


class _Found:
    """The search that all kinds of users share."""

    def __iter__(self) -> Iterator[User]:
        raise NotImplementedError

    def find(self, name: str) -> User | None:
        wanted = name.casefold()
        return next((user for user in self if wanted in (user.name.casefold(), user.id.casefold())), None)


class ListedUsers(_Found):
    """Users that a provisioning.yaml or a scenario names."""

    def __init__(self, said: Sequence[Mapping[str, Any] | User]) -> None:
        """Raises UsageError for a user without a name, and for two of the same."""
        self._users = [
            each if isinstance(each, User) else user_of(each, f"users[{index}]")
            for index, each in enumerate(said)
        ]
        seen: dict[str, str] = {}
        for user in self._users:
            if user.id.casefold() in seen:
                raise UsageError(f"users: {user.name!r} is listed twice")
            seen[user.id.casefold()] = user.name

    @property
    def count(self) -> int | None:
        return len(self._users)

    def __iter__(self) -> Iterator[User]:
        return iter(self._users)


class FileUsers(_Found):
    """Users in a CSV file with a header row, which is never in memory as a whole, or in a JSON file with a list."""

    count = None

    def __init__(self, file: Path) -> None:
        """Raises UsageError for a file that cannot be read, or that does not begin as one of users does."""
        self.file = file
        try:
            if file.stat().st_size > FILE_LIMIT:
                raise UsageError(f"{file.name} is larger than {FILE_LIMIT >> 20} MiB")
        except OSError as error:
            raise UsageError(f"{file.name} cannot be read: {reason_of(error)}") from None
        next(iter(self), None)

    def __iter__(self) -> Iterator[User]:
        try:
            yield from self._json() if self.file.suffix.lower() == ".json" else self._csv()
        except OSError as error:
            raise UsageError(f"{self.file.name} cannot be read: {reason_of(error)}") from None
        except UnicodeDecodeError:
            raise UsageError(f"{self.file.name} is not UTF-8", hint="save it in UTF-8") from None

    def _json(self) -> Iterator[User]:
        try:
            said = json.loads(self.file.read_text("utf-8-sig"))
        except (ValueError, RecursionError) as error:
            raise UsageError(f"{self.file.name} is not JSON: {error}") from None
        if not isinstance(said, list) or not all(isinstance(each, dict) for each in said):
            raise UsageError(
                f"{self.file.name} is not a list of users", hint='[{"userPrincipalName": "…"}, …]'
            )
        for index, each in enumerate(said):
            yield user_of(each, f"{self.file.name}[{index}]")

    def _csv(self) -> Iterator[User]:
        name = self.file.name
        with self.file.open(encoding="utf-8-sig", newline="") as text:
            reader = csv.DictReader(text, restval=None)
            try:
                if not {"userprincipalname", "objectid"} & {each.lower() for each in reader.fieldnames or ()}:
                    hint = "the first row has the names of attributes"
                    raise UsageError(f"{name}:1: there is no column userPrincipalName", hint=hint)
                for row in reader:
                    if None in row:
                        raise UsageError(f"{name}:{reader.line_num}: more cells than the first row has")
                    yield user_of(row, f"{name}:{reader.line_num}")
            except csv.Error as error:
                raise UsageError(f"{name}:{reader.line_num}: not CSV: {error}") from None


# -- generated ones ------------------------------------------------------------------------------------------

_GIVEN = ("Lisa", "David", "Amber", "José", "Zoë", "Søren", "Łukasz", "Maeve", "Aïcha", "Jürgen", "Chloé", "Nuño",
          "Иван", "美咲", "Noah", "Priya", "Omar", "Grace", "Ingrid", "Thandi")  # fmt: skip
_SURNAMES = ("Jacobson", "Martin", "White", "García", "O'Connor", "Müller", "Østergård", "Wiśniewski", "Nguyễn",
             "Smith", "Dupont", "Ångström", "Петров", "佐藤", "de la Cruz", "Patel", "Haddad", "Kovač", "Kaya",
             "Dlamini")  # fmt: skip
_DEPARTMENTS = ("Sales", "Help Desk", "Finance", "R&D", "Operations", "Légal")
_TITLES = ("Engineer", "Analyst", "Manager", "Assistant", "Director")


class Generated(NamedTuple):
    """What `users:` says of generated users. Of each kind so many, counted from the end of the list."""

    size: int
    """how many; `count` in a file"""
    seed: int = 0
    guests: int = 0
    disabled: int = 0
    soft_deleted: int = 0
    unassigned: int = 0
    missing: int = 0
    """users without mail, givenName, department and jobTitle"""
    managers: bool = False
    domain: str = "contoso.example"


class GeneratedUsers(_Found):
    """Users made from a seed, one by one, each a function of the seed and its number."""

    def __init__(self, config: Generated) -> None:
        """Raises UsageError where there are more of the kinds than users."""
        self.config = config
        self._chance = Chance(config.seed)
        kinds = ("guests", "disabled", "soft_deleted", "unassigned", "missing")
        self._kinds: list[tuple[str, int, int]] = []
        end = config.size
        for kind in kinds:
            begin = end - getattr(config, kind)
            self._kinds.append((kind, begin, end))
            end = begin
        if end < 0:
            raise UsageError(f"users: {', '.join(kinds)} are together more than count ({config.size})")

    @property
    def count(self) -> int | None:
        return self.config.size

    def __iter__(self) -> Iterator[User]:
        return map(self.user, range(self.config.size))

    def user(self, number: int) -> User:
        """The user of a number, from 0."""
        kind = next((kind for kind, begin, end in self._kinds if begin <= number < end), "")
        given, surname = self._pick(_GIVEN, "given", number), self._pick(_SURNAMES, "surname", number)
        nickname = self.nickname(given, surname, number)
        domain = self.config.domain
        name = f"{nickname}@{domain}"
        if kind == "guests":
            name = f"{nickname}_fabrikam.example{_GUEST}@{domain}"
        attributes: dict[str, object] = {
            "givenname": given,
            "surname": surname,
            "displayname": f"{given} {surname}",
            "mail": f"{nickname}@{domain}",
            "mailnickname": nickname,
            "department": self._pick(_DEPARTMENTS, "department", number),
            "jobtitle": self._pick(_TITLES, "title", number),
            "employeeid": str(100_000 + number),
            "telephonenumber": f"+1 555 {number % 10_000_000:07d}",
            "preferredlanguage": "en-US",
            "usertype": "Guest" if kind == "guests" else "Member",
        }
        if kind == "missing":
            for missing in ("mail", "givenname", "department", "jobtitle"):
                del attributes[missing]
        if self.config.managers and number:
            attributes["manager"] = self._id((number - 1) // 10)
        return User(
            self._id(number),
            name,
            attributes,
            kind != "disabled",
            kind != "unassigned",
            kind == "soft_deleted",
        )

    def nickname(self, given: str, surname: str, number: int) -> str:
        """What stands before the @: letters of ASCII, and a number, so that it is unique."""
        plain = without_diacritics(f"{given[:1]}{surname}").lower()
        letters = "".join(letter for letter in plain if letter.isascii() and letter.isalnum())
        return f"{letters or 'user'}{number:05d}"

    def _pick(self, pool: Sequence[str], what: str, number: int) -> str:
        return pool[int(self._chance.draw(what, number) * len(pool))]

    def _id(self, number: int) -> str:
        return self._chance.guid("user", number)


# -- scope -------------------------------------------------------------------------------------------------
# Source: Microsoft Learn, "Scoping users or groups to be provisioned with scoping filters": clauses of a filter are
# joined by AND, filters by OR; a null value makes a clause fail; EQUALS and Includes are case-sensitive.


class Clause(NamedTuple):
    """A clause of a scoping filter."""

    attribute: str
    operator: str
    value: str = ""


class Scope(NamedTuple):
    """Who is provisioned."""

    assigned_only: bool = True
    filters: tuple[tuple[Clause, ...], ...] = ()
    """a user is in scope if all clauses of one filter hold"""


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


def check_clause(clause: Clause) -> None:
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


def evaluate_scope(user: User, scope: Scope) -> Evaluation:
    """Whether a user is in scope. Raises UsageError where a pattern takes too long."""
    passed = not scope.filters or any(all(_holds(user, clause) for clause in each) for each in scope.filters)
    return Evaluation(user.enabled and not user.deleted, user.assigned or not scope.assigned_only, passed)


def _holds(user: User, clause: Clause) -> bool:
    value = as_value(user.attribute(clause.attribute))
    if value is None or value == ():
        return clause.operator == "IS NULL"
    return OPERATORS[clause.operator](text_of(value), clause.value)
