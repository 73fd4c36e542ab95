"""Replaces people in recorded exchanges: the same person by the same replacement everywhere, and none is left."""

from __future__ import annotations

import datetime
import json
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple
from urllib.parse import quote, unquote

from mockhost.errors import UsageError
from mockhost.record.recorded import Recorded, json_of

_NAMES: Final = frozenset(
    ("username", "externalid", "displayname", "nickname", "profileurl", "formatted", "familyname", "givenname",
     "middlename", "employeenumber", "streetaddress", "postalcode", "locality", "title")
)  # fmt: skip
"""Attributes that say who a person is (RFC 7643 4.1 and 4.3)."""
_VALUED: Final = frozenset({"emails", "phonenumbers", "ims", "photos", "addresses"})
"""Multi-valued attributes whose every `value` and `display` does."""
_DISPLAYED: Final = frozenset({"manager", "members"})
"""Attributes whose `display` and `displayName` do; their `value` is an id."""
_SHORTEST: Final = 3
_OF_PROTOCOL: Final = frozenset(
    {"user", "group", "users", "groups", "true", "false", "null", "work", "home", "other"}
)
_EXTENSION: Final = "urn:ietf:params:scim:schemas:extension:ecma2host:"
"""The schemas of an ECMA host's attributes, whose names its configuration makes up (Microsoft Learn, "ECMA Connector
Host generic SQL connector", which shows `urn:ietf:params:scim:schemas:extension:ECMA2Host:2.0:User:ContosoLogin`)."""
_FILTER = re.compile(
    r'[\w:.$\])-]\s+(?:eq|ne|co|sw|ew|gt|ge|lt|le)\s+(?:"((?:[^"\\]|\\.)*)"|(-?\d[\d.]*))', re.IGNORECASE
)
"""A comparison (RFC 7644 3.4.2.2): its text, or its number."""
_GUID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", re.IGNORECASE)
_DATE = re.compile(r"\d{4}-\d\d-\d\d(?P<time>T[\d:.]+(?:Z|[+-]\d\d:?\d\d)?)?")
_PLAIN_KEY = re.compile(r"[\w:.$-]*")


class Report(NamedTuple):
    """What was replaced: how many values, and at how many places; what was too short or too common to replace."""

    values: int
    places: int
    kept: int


def scrubbed(exchanges: Sequence[Recorded]) -> tuple[list[Recorded], Report]:
    """The exchanges with other people in them. Raises UsageError if an original is left, which it does not repeat."""
    originals: dict[str, str] = {}
    numbers: dict[str, str] = {}
    kept: set[str] = set()
    for each in exchanges:
        for value in _originals(each):
            text = str(value)
            if len(text) < _SHORTEST or text.casefold() in _OF_PROTOCOL:
                kept.add(text)
            elif not isinstance(value, str):
                numbers.setdefault(text, str(_FIRST_NUMBER + len(numbers)))
            elif folded_case(text) not in originals:
                originals[folded_case(text)] = _instead(text, len(originals) + 1)
    if not originals and not numbers:
        return list(exchanges), Report(0, 0, len(kept))
    whole = Replacing(originals, numbers)
    done = [_of_exchange(each, whole) for each in exchanges]
    left = sum(whole.is_in(text) for each in done for text in _texts(each))
    if left:
        raise UsageError(
            f"{left} places still hold a value of a person after all were replaced",
            hint="nothing was written; record without these requests",
        )
    return done, Report(len(originals) + len(numbers), whole.places, len(kept))


class Replacing:
    """Replaces originals as whole words, in any case, also as they are written in URLs and JSON.

    numbers: replaced in filters and in the attributes of an ECMA host only, for others count and number pages.
    """

    def __init__(self, originals: Mapping[str, str], numbers: Mapping[str, str]) -> None:
        self._instead: dict[str, str] = {}
        self._numbers = numbers
        for value, instead in originals.items():
            for form, new in _forms(value, instead):
                self._instead.setdefault(form, new)
        # Thousands of originals in megabytes of text: looked up by how they begin, and not tried one by one.
        lengths: dict[str, set[int]] = {}
        for form in self._instead:
            lengths.setdefault(_TOKEN.findall(form)[0], set()).add(len(form))
        self._lengths = {first: sorted(found, reverse=True) for first, found in lengths.items()}
        self.places = 0

    def number(self, number: float) -> float:
        """What stands for a number of a person's."""
        instead = self._numbers.get(str(number))
        if instead is None:
            return number
        self.places += 1
        return int(instead)

    def filter(self, text: str) -> str:
        """A filter with every original replaced, numbers too."""

        def instead(found: re.Match[str]) -> str:
            start, end = found.start(2) - found.start(), found.end(2) - found.start()
            return found[0][:start] + str(self.number(_number(found[2]))) + found[0][end:]

        text = self.text(text)
        return _FILTER.sub(lambda found: instead(found) if found[2] else found[0], text)

    def text(self, text: str) -> str:
        """The text with every original replaced."""

        parts, end = [], 0
        for start, stop, instead in self._found(text):
            self.places += 1
            parts += [text[end:start], instead]
            end = stop
        return "".join([*parts, text[end:]]) if parts else text

    def is_in(self, text: str) -> bool:
        """Whether an original is in a text, as it is or unquoted."""
        return any(next(self._found(each), None) is not None for each in (text, unquote(text)))

    def _found(self, text: str) -> Iterator[tuple[int, int, str]]:
        """Where originals are as whole words, the longest at each place, and what stands for them."""
        folded, end = folded_case(text), 0
        for token in _TOKEN.finditer(folded):
            start = token.start()
            lengths = self._lengths.get(token[0])
            if lengths is None or start < end or _is_word(folded[start - 1 : start]):
                continue
            for length in lengths:
                instead = self._instead.get(folded[start : start + length])
                if instead is not None and not _is_word(folded[start + length : start + length + 1]):
                    end = start + length
                    yield start, end, instead
                    break


_TOKEN = re.compile(r"\w+|\W")


def _is_word(letter: str) -> bool:
    return letter.isalnum() or letter == "_"


def folded_case(text: str) -> str:
    """The text in lower case, and as long as it was: a few letters become two, and stay as they are."""
    lower = text.lower()
    if len(lower) == len(text):
        return lower
    return "".join(each if len(each.lower()) > 1 else each.lower() for each in text)


def _forms(value: str, instead: str) -> Iterator[tuple[str, str]]:
    """How a value may be written: its letters composed or not (Unicode Annex 15), and quoted as in URLs."""
    for form in dict.fromkeys((value, *(unicodedata.normalize(name, value) for name in ("NFC", "NFD")))):
        yield form, instead
        for safe in ("", "@", "@+", "/:@"):
            yield folded_case(quote(form, safe=safe)), quote(instead, safe=safe)


_FIRST_NUMBER: Final = 90_000_001
"""The first of the numbers that stand for others."""


def _number(text: str) -> float:
    try:
        return int(text)
    except ValueError:
        return float(text)


def _instead(value: str, number: int) -> str:
    """A value of the same form: what a client recognises as an ID, a date or an address stays one."""
    if _GUID.fullmatch(value):
        return f"00000000-0000-4000-8000-{number:012d}"
    if (date := _DATE.fullmatch(value)) is not None:
        day = datetime.date(2000, 1, 1) + datetime.timedelta(days=number)
        return f"{day}T00:00:00Z" if date["time"] else str(day)
    if "@" in value:
        return f"person{number}@people.invalid"
    if re.fullmatch(r"(?:tel:)?[+()\d][\d\s().+-]{5,}", value):
        return f"+1 555 01{number:05d}"
    if value.lower().startswith(("http:", "https:")):
        return f"https://people.invalid/{number}"
    return f"Person-{number}"


class _Twice(dict[str, Any]):
    """An object with a key that is there more than once: all of its pairs, where `json` keeps the last."""

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        self._pairs = pairs

    def items(self) -> Any:
        """All pairs."""
        return self._pairs

    def __eq__(self, other: object) -> bool:
        """Like no other, so that it is written again, with each key once."""
        return self is other


def _parsed(data: bytes | str) -> tuple[Any] | None:
    """A body as JSON, in a tuple, null for an empty one; None for one that is not JSON."""
    return json_of(data, _object) if data else (None,)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    plain = dict(pairs)
    return plain if len(plain) == len(pairs) else _Twice(pairs)


def _originals(each: Recorded) -> Iterator[str | float]:
    for data in (each.body, each.answer):
        yield from _people((_parsed(data) or (None,))[0], "")
    for part in each.query.split("&"):
        if _is_filter(part):
            yield from _filtered(unquote(part.replace("+", " ")))


def _is_filter(part: str) -> bool:
    return unquote(part.partition("=")[0]).casefold() == "filter"


def _filtered(text: str) -> Iterator[str | float]:
    """The values that a filter compares with, or the brackets of a path: who was looked for."""
    for found in _FILTER.finditer(text):
        if found[2]:
            yield _number(found[2])
        else:
            yield re.sub(r"\\(.)", r"\1", found[1])


def _is_person(path: str) -> bool:
    """Whether a path of a PATCH leads to a value of a person."""
    if path.casefold().startswith(_EXTENSION):
        return True
    names = [part.casefold() for part in re.split(r"[.:\[\]]", re.sub(r"\[[^\]]*\]", "", path)) if part]
    return bool(names) and (names[-1] in _NAMES or bool(_VALUED & set(names)))


def _people(value: Any, attribute: str) -> Iterator[str | float]:
    """The values of people in a document; `attribute`: the one that it is in, in lower case."""
    if isinstance(value, list):
        for item in value:
            yield from _people(item, attribute)
    elif isinstance(value, dict):
        if any(str(each).endswith((":Schema", ":ResourceType", ":ServiceProviderConfig")) for each in
               (value["schemas"] if isinstance(value.get("schemas"), list) else ())):  # fmt: skip
            return
        path = value.get("path")
        if isinstance(path, str) and "op" in value:
            yield from _filtered(path)
            if _is_person(path):
                yield from _strings(value.get("value"))
        for key, item in value.items():
            yield from _filtered(key)
            if key.casefold().startswith(_EXTENSION):
                yield from _strings(item)
            else:
                yield from _member(key.rpartition(":")[2].casefold(), item, attribute)


def _member(name: str, item: Any, attribute: str) -> Iterator[str | float]:
    if isinstance(item, str):
        if name == "filter":
            yield from _filtered(item)
        is_value = attribute in _VALUED and name in ("value", "display", "formatted")
        is_shown = attribute in _DISPLAYED and name in ("display", "displayname")
        if name in _NAMES or is_value or is_shown or (name in _VALUED) or ("." in name and _is_person(name)):
            yield item
    else:
        yield from _people(item, name if name not in ("value", "resources", "operations") else attribute)


def _strings(value: Any) -> Iterator[str | float]:
    if isinstance(value, (str, int, float)) and not isinstance(value, bool):
        yield value
    elif isinstance(value, dict):
        for key, item in value.items():
            if key not in ("type", "primary", "$ref"):
                yield from _strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from _strings(item)


def _of_exchange(each: Recorded, replacing: Replacing) -> Recorded:
    return each._replace(
        path="/".join(_unquoted(part, replacing, "") for part in each.path.split("/")),
        query="&".join(
            _unquoted(part, replacing, "=", is_filter=_is_filter(part)) for part in each.query.split("&")
        ),
        body=_of_body(each.body, replacing),
        headers=tuple((name, replacing.text(value)) for name, value in each.headers),
        answer=_of_body(each.answer, replacing),
    )


def _unquoted(part: str, replacing: Replacing, safe: str, *, is_filter: bool = False) -> str:
    """A part of a URL, which is written again if something in it was replaced."""
    plain = unquote(part.replace("+", " "))
    done = replacing.filter(plain) if is_filter else replacing.text(plain)
    return part if done == plain else quote(done, safe=safe)


def _of_body(data: bytes, replacing: Replacing) -> bytes:
    """A body: JSON by its strings, whatever escapes they are written with, and anything else as text."""
    found = _parsed(data)
    if found is None:
        return replacing.text(data.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")
    done = _replaced(found[0], replacing)
    if done == found[0]:
        return data
    return json.dumps(done, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")


def _replaced(value: Any, replacing: Replacing, *, is_person: bool = False) -> Any:
    """is_person: whether it is in the attributes of an ECMA host, or what a PATCH of one of these has."""
    if isinstance(value, str):
        return replacing.text(value)
    if isinstance(value, dict):
        path = value.get("path")
        has_path = isinstance(path, str) and "op" in value and _is_person(path)
        return {
            key if _PLAIN_KEY.fullmatch(key) else replacing.filter(key): replacing.filter(item)
            if isinstance(item, str) and key.casefold() in ("filter", "path")
            else _replaced(
                item, replacing, is_person=is_person or has_path or key.casefold().startswith(_EXTENSION)
            )
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [_replaced(item, replacing, is_person=is_person) for item in value]
    if is_person and isinstance(value, (int, float)) and not isinstance(value, bool):
        return replacing.number(value)
    return value


def _texts(each: Recorded) -> Iterator[str]:
    """What is written of an exchange, but for the plain names of attributes, which are nobody's."""
    yield from (each.path, each.query, *(value for _, value in each.headers))
    for data in (each.body, each.answer):
        text = data.decode("utf-8", "replace")
        found = _parsed(text)
        yield from (text,) if found is None else _values(found[0])


def _values(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, item in value.items():
            if not _PLAIN_KEY.fullmatch(key):
                yield key
            yield from _values(item)
    elif isinstance(value, list):
        for item in value:
            yield from _values(item)
