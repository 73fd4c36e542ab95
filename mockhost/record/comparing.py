"""The same requests to two servers, and what differs between their answers, in words."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

from mockhost.client.observation import Observation, Session
from mockhost.record.recorded import KEPT_HEADERS, Recorded, json_of

TYPE: Final = "application/scim+json"
_GUID = "6b57c8be-1497-4b4f-9c07-2f4031f775a0"


class Server(NamedTuple):
    """One of the two, and how a client gets in."""

    url: str
    token: str | None = None
    ca_file: str | None = None
    verify: bool = True


class Asked(NamedTuple):
    """A request, below the server's URL."""

    method: str
    path: str
    body: bytes = b""
    made: str | None = None
    """the id of what it created when it was recorded; later requests have it in their paths and bodies"""


READING: Final = (
    Asked("GET", "/ServiceProviderConfig"),
    Asked("GET", "/ResourceTypes"),
    Asked("GET", "/Schemas"),
    Asked("GET", "/Users?count=1"),
    Asked("GET", "/Users?startIndex=1&count=0"),
    Asked("GET", f"/Users?filter=userName%20eq%20%22{_GUID}%22"),
    Asked("GET", "/Users?filter=userName%20eq"),
    Asked("GET", f"/Users/{_GUID}"),
    Asked("GET", "/Groups?count=1"),
    Asked("GET", "/NoSuchEndpoint"),
    Asked("PUT", "/Users", b"{}"),
)
"""What is asked unless a recording says otherwise: it changes nothing."""


class Compared(NamedTuple):
    """One request, and what differs between the two answers; none: they are alike."""

    asked: Asked
    differences: tuple[str, ...]
    silent: str = ""
    """where neither server answered: what was seen of the two"""


def compare(
    one: Server, other: Server, requests: Sequence[Asked], timeout: float = 30.0
) -> Iterator[Compared]:
    """Ask both, one request after the other.

    An id that each server made for itself is the same to both: where the answers have different values in its place,
    later requests bring each its own, in place of the one that was recorded. Dates of `meta` and each server's own URL
    are not compared, nor whether a connection is kept after a whole answer.
    """
    own: dict[str, str] = {}
    """the second server's ids by those of the first"""
    recorded: tuple[dict[str, str], dict[str, str]] = {}, {}
    """each server's ids by those of the recording"""
    with _session(one, timeout) as first, _session(other, timeout) as second:
        for each in requests:
            here = _sent(first, one, _for(each, recorded[0]))
            there = _sent(second, other, _for(each, {**recorded[1], **own}))
            mine, its = _made(here), _made(there)
            if mine and its:
                own[mine] = its
            if each.made:
                recorded[0].update({each.made: mine} if mine else {})
                recorded[1].update({each.made: its} if its else {})
            silent = "" if here.status or there.status else f"A: {here.describe()}; B: {there.describe()}"
            yield Compared(each, tuple(_differences(here, there, one, other, own)), silent)


def requests_of(exchanges: Sequence[Recorded]) -> list[Asked]:
    """The requests of a recording."""
    return [
        Asked(
            each.method,
            each.path + (f"?{each.query}" if each.query else ""),
            each.body,
            _id(each.answer) if each.status == 201 else None,
        )
        for each in exchanges
    ]


def _for(asked: Asked, ids: dict[str, str]) -> Asked:
    """The request with a server's own ids."""
    if not ids:
        return asked
    body = _with(asked.body.decode("utf-8", "surrogateescape"), ids).encode("utf-8", "surrogateescape")
    return asked._replace(path=_with(asked.path, ids), body=body)


def _session(server: Server, timeout: float) -> Session:
    trusts = ("ca",) if server.verify else ("anything",)
    return Session(server.url, ca_file=server.ca_file, timeout=timeout, trusts=trusts)


def _sent(session: Session, server: Server, asked: Asked) -> Observation:
    headers = [("Accept", TYPE)]
    if server.token:
        headers.append(("Authorization", f"Bearer {server.token}"))
    if asked.body:
        headers.append(("Content-Type", TYPE))
    target = urlsplit(server.url).path.rstrip("/") + asked.path
    return session.exchange(asked.method, target, headers, asked.body or None)


def _with(text: str, own: dict[str, str]) -> str:
    for here, there in own.items():
        text = text.replace(here, there)
    return text


def _made(seen: Observation) -> str | None:
    """The id of what a server created."""
    return _id(seen.body) if seen.status == 201 else None


def _id(data: bytes) -> str | None:
    """The id in a document; a short one may stand for something else elsewhere, and is the same on both servers."""
    document = (json_of(data) or (None,))[0]
    found = document.get("id") if isinstance(document, dict) else None
    return found if isinstance(found, str) and len(found) > 3 else None


def _differences(
    here: Observation, there: Observation, one: Server, other: Server, own: dict[str, str]
) -> Iterator[str]:
    if here.status != there.status:
        yield f"status: {_status(here)} and {_status(there)}"
    elif here.words != there.words and not (here.complete and there.complete):
        yield f"the connection: {here.describe()} and {there.describe()}"
    plain = _plain(one, other)
    for name in KEPT_HEADERS:
        mine, its = here.header(name), there.header(name)
        if name == "etag":
            mine, its = (value and "present" for value in (mine, its))
        if name == "content-type":
            mine, its = (value and re.sub(r"\s", "", value.lower()) for value in (mine, its))
        if plain(_with(mine or "", own)) != plain(its or ""):
            yield f"header {name}: {mine or 'absent'} and {its or 'absent'}"
    ours, theirs = json_of(here.body), json_of(there.body)
    if ours is None or theirs is None:
        if here.body != there.body:
            yield f"body: {_shown(here.text)} and {_shown(there.text)}"
        return
    yield from _between(ours[0], theirs[0], "", lambda text: plain(_with(text, own)), plain)


def _status(seen: Observation) -> str:
    return seen.describe() if seen.status is None else str(seen.status)


def _plain(*servers: Server) -> Callable[[str], str]:
    """Texts without the servers' URLs: a recording has that of the server that it was made of."""
    urls = [server.url.rstrip("/") for server in servers]
    urls += [urlsplit(url).path for url in urls]
    longest = sorted(filter(None, urls), key=len, reverse=True)
    found = re.compile("|".join(map(re.escape, longest)) or "(?!)", re.IGNORECASE)
    return lambda text: found.sub("", text) if "/" in text else text


_DATES = ("created", "lastmodified", "version")


def _between(
    one: Any, other: Any, pointer: str, to_one: Callable[[str], str], to_other: Callable[[str], str]
) -> Iterator[str]:
    """What differs between two documents."""
    where = pointer or "the body"
    if isinstance(one, dict) and isinstance(other, dict):
        for key in dict.fromkeys((*one, *other)):
            below = f"{pointer}/{key}"
            if pointer.endswith("/meta") and key.lower() in _DATES and key in one and key in other:
                continue
            if key not in other:
                yield f"{below}: {_value(one[key])} and absent"
            elif key not in one:
                yield f"{below}: absent and {_value(other[key])}"
            else:
                yield from _between(one[key], other[key], below, to_one, to_other)
    elif isinstance(one, list) and isinstance(other, list):
        if len(one) != len(other):
            yield f"{where}: {len(one)} and {len(other)} entries"
        for place, (mine, its) in enumerate(zip(one, other, strict=False)):
            yield from _between(mine, its, f"{pointer}/{place}", to_one, to_other)
    elif isinstance(one, str) and isinstance(other, str):
        if to_one(one) != to_other(other):
            yield f"{where}: {_value(one)} and {_value(other)}"
    elif type(one) is not type(other) or one != other:
        yield f"{where}: {_value(one)} and {_value(other)}"


def _value(value: Any) -> str:
    return _shown(json.dumps(value, ensure_ascii=False))


def _shown(text: str) -> str:
    text = "".join(letter if letter.isprintable() else "?" for letter in text)
    return text if len(text) <= 80 else text[:77] + "…"
