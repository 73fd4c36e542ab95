"""Replaces people in recorded exchanges: the same person by the same replacement everywhere, and none is left."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple
from urllib.parse import quote, unquote

from mockhost.errors import UsageError
from mockhost.record.recorded import Recorded

_NAMES: Final = frozenset(
    {
        *(
            "username",
            "externalid",
            "displayname",
            "nickname",
            "profileurl",
            "formatted",
            "familyname",
            "givenname",
        ),
        *("middlename", "employeenumber", "streetaddress", "postalcode", "locality", "title"),
    }
)
"""Attributes that say who a person is (RFC 7643 4.1 and 4.3)."""
_VALUED: Final = frozenset({"emails", "phonenumbers", "ims", "photos", "addresses"})
"""Multi-valued attributes whose every `value` and `display` does."""
_DISPLAYED: Final = frozenset({"manager", "members"})
"""Attributes whose `display` and `displayName` do; their `value` is an id."""
_SHORTEST: Final = 3
_OF_PROTOCOL: Final = frozenset(
    {"user", "group", "users", "groups", "true", "false", "null", "work", "home", "other"}
)
_SCHEMA: Final = "urn:ietf:params:scim:schemas:core:2.0:"
_FILTER = re.compile(r'([\w:.$-]+)\s+(?:eq|ne|co|sw|ew)\s+"((?:[^"\\]|\\.)*)"', re.IGNORECASE)


class Report(NamedTuple):
    """What was replaced: how many values, and at how many places; what was too short or too common to replace."""

    values: int
    places: int
    kept: int


def scrubbed(exchanges: Sequence[Recorded]) -> tuple[list[Recorded], Report]:
    """The exchanges with other people in them. Raises UsageError if an original is left, which it does not repeat."""
    originals: dict[str, str] = {}
    kept: set[str] = set()
    for each in exchanges:
        for value in _originals(each):
            if len(value) < _SHORTEST or value.casefold() in _OF_PROTOCOL:
                kept.add(value)
            elif value.casefold() not in originals:
                originals[value.casefold()] = _instead(value, len(originals) + 1)
    if not originals:
        return list(exchanges), Report(0, 0, len(kept))
    whole = Replacing(originals)
    done = [_of_exchange(each, whole) for each in exchanges]
    left = sum(whole.is_in(text) for each in done for text in _texts(each))
    if left:
        raise UsageError(
            f"{left} places still hold a value of a person after all were replaced",
            hint="nothing was written; record without these requests",
        )
    return done, Report(len(originals), whole.places, len(kept))


class Replacing:
    """Replaces originals as whole words, in any case, also as they are written in URLs and JSON."""

    def __init__(self, originals: Mapping[str, str]) -> None:
        self._instead: dict[str, str] = {}
        for value, instead in originals.items():
            for form, new in _forms(value, instead):
                self._instead.setdefault(form, new)
        longest = sorted(self._instead, key=len, reverse=True)
        self._found = re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, longest))})(?!\w)", re.IGNORECASE)
        self.places = 0

    def text(self, text: str) -> str:
        """The text with every original replaced."""

        def instead(found: re.Match[str]) -> str:
            self.places += 1
            return self._instead.get(found[0].casefold()) or self._instead[found[0].lower()]

        return self._found.sub(instead, text)

    def is_in(self, text: str) -> bool:
        """Whether an original is in a text, as it is or unquoted."""
        return any(self._found.search(each) is not None for each in (text, unquote(text)))


def _forms(value: str, instead: str) -> Iterator[tuple[str, str]]:
    yield value, instead
    for safe in ("", "@", "@+", "/:@"):
        yield quote(value, safe=safe).casefold(), quote(instead, safe=safe)


def _instead(value: str, number: int) -> str:
    if "@" in value:
        return f"person{number}@people.invalid"
    if re.fullmatch(r"(?:tel:)?[+()\d][\d\s().+-]{5,}", value):
        return f"+1 555 01{number:05d}"
    if value.lower().startswith(("http:", "https:")):
        return f"https://people.invalid/{number}"
    return f"Person-{number}"


def _originals(each: Recorded) -> Iterator[str]:
    for data in (each.body, each.answer):
        try:
            document = json.loads(data) if data else None
        except (ValueError, RecursionError):
            continue
        yield from _people(document, "")
    for attribute, value in _FILTER.findall(unquote(each.query.replace("+", " "))):
        if _is_person(attribute):
            yield value


def _is_person(path: str) -> bool:
    """Whether a path of a filter or a PATCH leads to a value of a person."""
    names = [part.casefold() for part in re.split(r"[.:\[\]]", re.sub(r"\[[^\]]*\]", "", path)) if part]
    return bool(names) and (names[-1] in _NAMES or bool(_VALUED & set(names)))


def _people(value: Any, attribute: str) -> Iterator[str]:
    """The values of people in a document; `attribute`: the one that it is in, in lower case."""
    if isinstance(value, list):
        for item in value:
            yield from _people(item, attribute)
    elif isinstance(value, dict):
        if any(str(each).endswith((":Schema", ":ResourceType", ":ServiceProviderConfig")) for each in
               (value["schemas"] if isinstance(value.get("schemas"), list) else ())):  # fmt: skip
            return
        path = value.get("path")
        if isinstance(path, str) and "op" in value and _is_person(path):
            yield from _strings(value.get("value"))
        for key, item in value.items():
            yield from _member(key.rpartition(":")[2].casefold(), item, attribute)
    return


def _member(name: str, item: Any, attribute: str) -> Iterator[str]:
    if isinstance(item, str):
        is_value = attribute in _VALUED and name in ("value", "display", "formatted")
        is_shown = attribute in _DISPLAYED and name in ("display", "displayname")
        if name in _NAMES or is_value or is_shown or (name in _VALUED) or ("." in name and _is_person(name)):
            yield item
    else:
        yield from _people(item, name if name not in ("value", "resources", "operations") else attribute)


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
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
        query="&".join(_unquoted(part, replacing, "=") for part in each.query.split("&")),
        body=_of_body(each.body, replacing),
        headers=tuple((name, replacing.text(value)) for name, value in each.headers),
        answer=_of_body(each.answer, replacing),
    )


def _unquoted(part: str, replacing: Replacing, safe: str) -> str:
    """A part of a URL, which is written again if something in it was replaced."""
    plain = unquote(part.replace("+", " "))
    done = replacing.text(plain)
    return part if done == plain else quote(done, safe=safe)


def _of_body(data: bytes, replacing: Replacing) -> bytes:
    """A body: JSON by its strings, whatever escapes they are written with, and anything else as text."""
    try:
        document = json.loads(data) if data else None
    except (ValueError, RecursionError):
        return replacing.text(data.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")
    done = _replaced(document, replacing)
    if done == document:
        return data
    return json.dumps(done, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")


def _replaced(value: Any, replacing: Replacing) -> Any:
    if isinstance(value, str):
        return replacing.text(value)
    if isinstance(value, dict):
        return {key: _replaced(item, replacing) for key, item in value.items()}
    return [_replaced(item, replacing) for item in value] if isinstance(value, list) else value


def _texts(each: Recorded) -> Iterator[str]:
    yield from (each.path, each.query, *(value for _, value in each.headers))
    for data in (each.body, each.answer):
        text = data.decode("utf-8", "replace")
        yield text
        try:
            yield json.dumps(json.loads(text), ensure_ascii=False) if text else ""
        except (ValueError, RecursionError):
            continue
