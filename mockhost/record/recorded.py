"""Exchanges as they are kept, from the journal or a HAR file, without secrets; and the scenario that answers the same.

In a scenario requests are told apart by method, path, query, filter and JSON body. Repeats become a sequence. A GUID or
a date that a request brings, and that no answer before had, is a value of the client's own: it is matched whatever it
is, and captured into the answer.
"""

from __future__ import annotations

import base64
import copy
import json
import re
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qsl, urlsplit

from mockhost import __version__
from mockhost.errors import UsageError, reason_of
from mockhost.exchange import Exchange
from mockhost.journal import Journal

REMOVED: Final = "removed-secret"
"""In the place of a secret."""
_MARKS = re.compile(r"tok…\(len \d+\)(?: [0-9a-f]{4,64})?|\[redacted\]|\[Redact\]")
"""How the journal, and HAR files of mockhost and of browsers, write a secret that they hide."""
KEPT_HEADERS: Final = ("content-type", "location", "etag", "www-authenticate", "retry-after", "allow")
"""Headers of an answer that a client acts on; the rest is the connection's or the server's own."""
_ENDPOINT = re.compile(
    r"/(?:Users|Groups|Schemas|ResourceTypes|ServiceProviderConfig|Bulk|Me|\.search|Devices|cache)(?=/|$)",
    re.I,
)
STATUSES: Final = range(200, 600)
"""What an answer of a scenario may have (schema.json)."""
MOST_BYTES: Final = 64 * 1024 * 1024
"""Of a HAR file."""


class Recorded(NamedTuple):
    """A request below the server's URL, and its answer; without secrets."""

    method: str
    path: str
    """below the server's URL, as it was sent"""
    query: str
    body: bytes
    status: int
    headers: tuple[tuple[str, str], ...]
    answer: bytes


def of_exchange(exchange: Exchange, base: str, journal: Journal) -> Recorded | None:
    """A recorded exchange from one whose path begins with `base`; None for one without an answer to play again."""
    plain = copy.copy(exchange)
    body = _uncompressed(exchange.body, exchange.headers)
    answer = (
        None if exchange.answer_body is None else _uncompressed(exchange.answer_body, exchange.answer_headers)
    )
    if body is None or answer is None:
        return None
    plain.body, plain.answer_body = body, answer
    # Without its name, or the sink takes the body for one that it can't look into.
    plain.headers = tuple(pair for pair in exchange.headers if pair[0].lower() != "content-encoding")
    e = journal.sink.shown(plain)
    path, _, query = e.target.partition("?")
    if (
        e.status is None
        or e.status not in STATUSES
        or e.answer_body is None
        or not path.startswith(base)
        or e.answer_digest is not None
    ):
        return None
    headers = [(name, value) for name, value in e.answer_headers if name.lower() in KEPT_HEADERS]
    return Recorded(
        e.method,
        _plain(path[len(base) :]),
        _plain(query),
        _plain_bytes(e.body),
        e.status,
        tuple((name, _plain(value)) for name, value in headers),
        _plain_bytes(e.answer_body),
    )


def _uncompressed(data: bytes, headers: Iterable[tuple[str, str]]) -> bytes | None:
    """A body as it is without its coding (RFC 9110 8.4.1); None for one that can't be read, or is too large.

    What it hides could not be removed from it. HAR files of browsers have bodies without their coding, and its name.
    """
    encoding = next(
        (value.strip().lower() for name, value in headers if name.lower() == "content-encoding"), ""
    )
    if encoding in ("", "identity") or not data:
        return data
    if encoding in ("gzip", "x-gzip", "deflate"):
        inflating = zlib.decompressobj(zlib.MAX_WBITS | 32)  # 32: by its header, of gzip or of zlib
        try:
            found = inflating.decompress(data, MOST_BYTES)
        except zlib.error:
            pass
        else:
            return None if inflating.unconsumed_tail or not inflating.eof else found
    try:
        data.decode()
    except UnicodeDecodeError:
        return None
    return data


def _plain(text: str) -> str:
    return _MARKS.sub(REMOVED, text)


def _plain_bytes(data: bytes) -> bytes:
    try:
        return _plain(data.decode()).encode()
    except UnicodeDecodeError:
        return data


def json_of(
    data: bytes | str, hook: Callable[[list[tuple[str, Any]]], Any] | None = None
) -> tuple[Any] | None:
    """A body as JSON, in a tuple; None for one that is not JSON. hook: makes an object of its pairs."""
    try:
        return (json.loads(data, object_pairs_hook=hook),)
    except (ValueError, RecursionError):
        return None


def read_har(file: Path, base: str | None) -> tuple[list[Recorded], list[str]]:
    """The SCIM exchanges of a HAR file, and what was left out and why.

    base: the URL that stands for /scim; without one, what stands before the name of an endpoint in each URL. Raises
    UsageError for a file that is not one.
    """
    entries = _entries(file)
    journal = Journal(key=b"a key for this file only")
    found: list[Recorded] = []
    left_out: list[str] = []
    for number, entry in enumerate(entries, 1):
        try:
            exchange = _exchange(entry)
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
            left_out.append(f"entry {number} is left out: {_why_unread(error)}")
            continue
        url = urlsplit(str(entry["request"]["url"]))
        before = _before(url.path, f"{url.scheme}://{url.netloc}", base)
        made = None if before is None else of_exchange(exchange, before, journal)
        if made is None:
            left_out.append(f"entry {number} is left out: {_why_left_out(before, exchange)}")
        else:
            found.append(made)
    return found, left_out


def _why_unread(error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"{error} is missing in it"
    if isinstance(error, ValueError):  # of a URL, a number, base64 or half of a surrogate pair
        return f"it can't be read: {error}"
    return "it is not a request with its answer"


def _why_left_out(before: str | None, exchange: Exchange) -> str:
    if before is None:
        return "its URL is not below the server's"
    if exchange.status is None or exchange.status in STATUSES:
        return "it has no answer"
    return f"no scenario answers with {exchange.status}, only with 200 to 599"


def _entries(file: Path) -> list[Any]:
    try:
        if file.stat().st_size > MOST_BYTES:
            raise UsageError(f"{file} has more than {MOST_BYTES >> 20} MiB")
        document = json.loads(file.read_text("utf-8-sig"))
        entries = document["log"]["entries"]
    except OSError as error:
        raise UsageError(f"{file} can't be read: {reason_of(error)}") from None
    except (ValueError, KeyError, TypeError, RecursionError):
        raise UsageError(f"{file} is not a HAR file", hint="a HAR file is JSON with log.entries") from None
    if not isinstance(entries, list):
        raise UsageError(f"{file} is not a HAR file", hint="log.entries is not a list")
    return entries


def _before(path: str, origin: str, base: str | None) -> str | None:
    """What of a path stands before the part below /scim; None: it is no path of the server's."""
    if base is not None:
        wanted = urlsplit(base.rstrip("/"))
        same = origin.lower() == f"{wanted.scheme}://{wanted.netloc}".lower()
        return wanted.path if same and (path + "/").startswith(wanted.path + "/") else None
    endpoint = _ENDPOINT.search(path)
    return None if endpoint is None else path[: endpoint.start()]


def _exchange(entry: Mapping[str, Any]) -> Exchange:
    request, response = entry["request"], entry["response"]
    url = urlsplit(str(request["url"]))
    posted = request.get("postData") or {}
    body = str(posted.get("text", "")).encode()
    if posted.get("comment") == "base64":
        body = base64.b64decode(body)
    content = response.get("content") or {}
    answer = str(content.get("text", "")).encode()
    if content.get("encoding") == "base64":
        answer = base64.b64decode(answer)
    status = int(response["status"])
    return Exchange(
        at=0.0,
        method=str(request["method"]).upper(),
        target=url.path + (f"?{url.query}" if url.query else ""),
        headers=tuple(_pairs(request)),
        body=body,
        status=status or None,
        answer_headers=tuple(_pairs(response)),
        answer_body=answer if status else None,
    )


def _pairs(message: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for each in message.get("headers") or ():
        yield str(each["name"]), str(each["value"])


# -- to a scenario ----------------------------------------------------------------------------------------------

TOKEN: Final = "a-fake-recorded-token"
LARGEST: Final = 1024 * 1024
"""Bytes of a scenario file (format 1)."""
MOST_STEPS: Final = 100
_GUID = r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}"
_DATE = r"\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)"
_OWN = re.compile(f"{_GUID}|{_DATE}")
_FILTERED = re.compile(rf'\s*([\w:.$-]+)\s+eq\s+"({_GUID}|{_DATE})"\s*', re.IGNORECASE)


def scenario_of(exchanges: Sequence[Recorded], name: str, title: str) -> dict[str, Any]:
    """The scenario's document. Raises UsageError where there is nothing to write."""
    if not exchanges:
        raise UsageError(
            "no exchange was recorded",
            hint="a proxy records what passes through it until Ctrl-C; in a HAR file, --base says what is /scim",
        )
    seen: set[str] = set()
    """what answers had, and no request before"""
    clients: set[str] = set()
    whens: dict[str, dict[str, Any]] = {}
    replies: dict[str, list[dict[str, Any]]] = {}
    for each in exchanges:
        own: dict[str, str] = {}
        when = _when(each, name, seen, own)
        key = json.dumps(when, sort_keys=True)
        whens.setdefault(key, when)
        replies.setdefault(key, []).append(_reply(each, own))
        clients.update(own)
        seen.update(_OWN.findall(each.answer.decode("utf-8", "replace")))
        seen -= clients
    rules = [_rule(whens[key], replies[key]) for key in whens]
    rules.append(_nothing(name))
    return {
        "format": 1,
        "title": escaped(title),
        "tags": ["recorded"],
        "connectors": {name: {"kind": "scim", "secret_token": TOKEN}},
        "rules": rules,
        "expect": list(_steps(exchanges, name)),
    }


def fitting(
    exchanges: Sequence[Recorded], name: str, title: str, *, as_json: bool
) -> tuple[dict[str, Any], str, int]:
    """The document of as many exchanges as fit into a scenario file, the first ones; its text; and how many these are.

    An exchange that alone is larger than a file is left out. Raises UsageError where there is nothing to write.
    """

    def made_of(chosen: Sequence[Recorded]) -> tuple[dict[str, Any], str]:
        made = scenario_of(chosen, name, title)
        return made, written(made, as_json=as_json)

    def fits(text: str) -> bool:
        return len(text.encode()) <= LARGEST

    small = [
        each for each in exchanges
        if len(each.body) + len(each.answer) < LARGEST // 16 or fits(made_of([each])[1])
    ]  # fmt: skip
    if exchanges and not small:
        raise UsageError(
            "no exchange fits into a scenario file, which may have 1 MiB",
            hint="ask for smaller pages, with count=",
        )
    made, text = made_of(small[:1])
    count, too_many, step = 1, len(small) + 1, 64
    while count + 1 < too_many:
        more = (count + too_many) // 2 if too_many <= len(small) else min(count + step, len(small))
        longer, found = made_of(small[:more])
        if fits(found):
            made, text, count, step = longer, found, more, step * 2
        else:
            too_many = more
    return made, text, count


def written(document: Mapping[str, Any], *, as_json: bool) -> str:
    """The document as a file's text: JSON, or YAML with a rule a line."""
    if as_json:
        return _escaped(json.dumps(document, indent=1, ensure_ascii=False)) + "\n"
    lines = [f"# Recorded by mockhost {__version__}."]
    for key, value in document.items():
        if key in ("rules", "expect"):
            lines += [f"{key}:", *(f"- {_yaml(each)}" for each in value)]
        else:
            lines.append(f"{key}: {_yaml(value)}")
    return "\n".join(lines) + "\n"


def _yaml(value: object) -> str:
    return _escaped(json.dumps(value, ensure_ascii=False))


def _escaped(text: str) -> str:
    """JSON is YAML, but for what some readers do with line separators and DEL; half a surrogate pair is no UTF-8."""
    return re.sub(
        r"[\x7f-\x9f\u2028\u2029\ufeff\ud800-\udfff]", lambda found: f"\\u{ord(found[0]):04x}", text
    )


def escaped(value: Any) -> Any:
    """A value in whose texts `${` stands for itself."""
    if isinstance(value, str):
        return value.replace("${", "$${")
    if isinstance(value, Mapping):
        return {escaped(key): escaped(item) for key, item in value.items()}
    return [escaped(item) for item in value] if isinstance(value, list) else value


# -- requests --------------------------------------------------------------------------------------------------


def _when(each: Recorded, name: str, seen: set[str], own: dict[str, str]) -> dict[str, Any]:
    """The conditions; fills `own` with the client's values and the expressions that stand for them."""
    when: dict[str, Any] = {
        "connector": name,
        "method": each.method,
        "path": escaped(f"/ecma2host_{name}/scim{each.path}"),
        "verdict": "unauthorized" if each.status == 401 else {"not": "unauthorized"},
    }
    fields = dict(reversed(parse_qsl(each.query, keep_blank_values=True)))
    when["query"] = {key: _field(key, value, seen, own) for key, value in sorted(fields.items())}
    # These fields in any order, and no other: a request with another one was not recorded.
    when["query"][""] = {"matches": f"^[^&]*(?:&[^&]*){{{each.query.count('&')}}}$"} if each.query else ""
    found = json_of(each.body)
    if found is not None:
        leaves = dict(_leaves(found[0], ""))
        for pointer, value in leaves.items():
            if isinstance(value, str) and _OWN.fullmatch(value) and value not in seen:
                own.setdefault(value, f"{{{{request.body{pointer}}}}}")
        if any(isinstance(value, str) and (value in own or REMOVED in value) for value in leaves.values()):
            when["body"] = {pointer: _leaf(value, own) for pointer, value in leaves.items()}
        else:
            when["body"] = {"": {"equals": escaped(found[0])}}
    return when


def _field(key: str, value: str, seen: set[str], own: dict[str, str]) -> Any:
    if REMOVED in value:
        return {"absent": False}
    filtered = _FILTERED.fullmatch(value) if key.lower() == "filter" else None
    if filtered is None or filtered[2] in seen:
        return escaped(value)
    own.setdefault(filtered[2], f"{{{{request.attributes.{filtered[1]}}}}}")
    before, after = value[: filtered.start(2)], value[filtered.end(2) :]
    return {"matches": escaped(f"^{re.escape(before)}(?:{_GUID}|{_DATE}){re.escape(after)}$")}


def _leaf(value: object, own: Mapping[str, str]) -> Any:
    free = isinstance(value, str) and (value in own or REMOVED in value)
    return {"absent": False} if free else {"equals": escaped(value)}


def _leaves(value: object, pointer: str) -> Iterator[tuple[str, object]]:
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from _leaves(item, f"{pointer}/{str(key).replace('~', '~0').replace('/', '~1')}")
    elif isinstance(value, list) and value:
        for place, item in enumerate(value):
            yield from _leaves(item, f"{pointer}/{place}")
    else:
        yield pointer, value


# -- answers ---------------------------------------------------------------------------------------------------


def _reply(each: Recorded, own: Mapping[str, str]) -> dict[str, Any]:
    """A literal answer: the body as the text that it was, so that it is the same bytes."""
    reply: dict[str, Any] = {"status": each.status}
    try:
        text = each.answer.decode()
    except UnicodeDecodeError:
        reply["body_base64"] = base64.b64encode(each.answer).decode("ascii")
        text = ""
    headers = dict(each.headers)
    all_text = text + "".join(headers.values())
    fills = {value: said for value, said in own.items() if value in all_text}
    if "{{" in all_text or not fills:
        reply["template"] = False
        fills = {}
    for value, said in fills.items():
        text = text.replace(value, said)
        headers = {key: held.replace(value, said) for key, held in headers.items()}
    if headers:
        reply["headers"] = escaped(headers)
    if text:
        reply["body"] = escaped(text)
    return reply


def _rule(when: Mapping[str, Any], replies: Sequence[dict[str, Any]]) -> dict[str, Any]:
    if all(reply == replies[0] for reply in replies):
        return {"when": when, "reply": replies[0]}
    steps: list[dict[str, Any]] = []
    for reply in replies:
        if steps and steps[-1]["reply"] == reply:
            steps[-1]["times"] = steps[-1].get("times", 1) + 1
        else:
            steps.append({"reply": reply})
    return {"when": when, "sequence": steps}


def _nothing(name: str) -> dict[str, Any]:
    """The last rule: what was not recorded says so."""
    detail = "nothing was recorded for this request"
    body = {"schemas": ["urn:ietf:params:scim:api:messages:2.0:Error"], "detail": detail, "status": "501"}
    when = {"connector": name, "verdict": {"not": "unauthorized"}}
    return {"name": "not recorded", "when": when, "reply": {"status": 501, "body": body}}


def _steps(exchanges: Iterable[Recorded], name: str) -> Iterator[dict[str, Any]]:
    """What `mockhost check` plays: the first exchanges in their order, by status and, where there is one, id."""
    for each in list(exchanges)[:MOST_STEPS]:
        step: dict[str, Any] = {"send": "raw", "connector": name, "method": each.method}
        step["path"] = escaped(each.path + (f"?{each.query}" if each.query else ""))
        if each.body:
            step["body"] = escaped(each.body.decode("utf-8", "replace"))
            step["headers"] = {"Content-Type": "application/scim+json"}
        if each.status == 401:
            step["as"] = {"secret_token": None}
        gets: dict[str, Any] = {"status": each.status}
        found = json_of(each.answer)
        if found is not None and isinstance(found[0], dict):
            kept = {f"/{key}": found[0][key] for key in ("id", "totalResults") if key in found[0]}
            if kept:
                gets["body"] = escaped(kept)
        yield {**step, "gets": gets}
