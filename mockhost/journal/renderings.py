"""The journal as people and programs read it: JSON, a table, HAR 1.2, curl lines, and the lines on a terminal.

Every function takes what it shows from the sink (`shown`), and text for a terminal is made printable: what a client
sent is never trusted.
"""

from __future__ import annotations

import base64
import hashlib
import shlex
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from http import HTTPStatus
from typing import Final
from urllib.parse import unquote_plus

import orjson

from mockhost import __version__, facts
from mockhost.clock import iso, local_time
from mockhost.exchange import Connection, Exchange, Headers, Upstream
from mockhost.journal.sink import Shown, Sink, printable, shown, shown_connection

COLUMNS: Final = ("#", "time", "connector", "operation", "who", "status", "ms", "reason")
_RIGHT = frozenset({"#", "status", "ms"})
_WIDEST = {"connector": 24, "operation": 24, "who": 40}
_NARROWEST = 9

_FACTS: Final = facts.read("handshakes")
ALERTS: Final[Mapping[str, str]] = _FACTS["alerts"]
"""What a client says with a TLS alert (RFC 8446 6.2, RFC 5246 7.2), in words."""
_ERRORS: Final[Mapping[str, str]] = _FACTS["handshake_errors"]
"""How else a handshake fails, in words."""

_GREEN, _YELLOW, _RED, _DIM, _PLAIN = "\033[32m", "\033[33m", "\033[31m", "\033[2m", "\033[0m"


def _body_json(body: bytes, length: int, digest: str | None) -> dict[str, object] | None:
    """A body as JSON data, as text where it is text; None if there was none. `digest` as in `Exchange.body_digest`."""
    if not length:
        return None
    sha256 = digest or hashlib.sha256(body).hexdigest()
    described: dict[str, object] = {"length": length, "kept": len(body), "sha256": sha256}
    try:
        described["text"] = body.decode("utf-8")
    except UnicodeDecodeError as error:
        # A character that was cut in two at the limit does not make a text binary.
        if digest is not None and error.start > len(body) - 4:
            described["text"] = body[: error.start].decode("utf-8")
        else:
            described["base64"] = base64.b64encode(body).decode("ascii")
    return described


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1_000, 3)


def to_json(exchange: Exchange) -> dict[str, object]:
    """An exchange as JSON data. A body's `sha256` is that of the whole; of one that had secrets, of what is shown."""
    e = shown(exchange)
    return {
        "number": e.number,
        "epoch": e.epoch,
        "at": iso(e.at),
        "connection": e.connection,
        "connector": e.connector,
        "operation": e.operation,
        "probe": e.probe,
        "verdict": e.verdict,
        "who": e.who,
        "id": e.id_concerned,
        "method": e.method,
        "target": e.target,
        "status": e.status,
        "took_ms": _ms(e.took),
        "rule": e.rule,
        "faults": list(e.faults),
        "delay_ms": _ms(e.delay),
        "reason": e.reason,
        "native": list(e.native),
        "bug": e.bug,
        "request": {
            "headers": [[name, value] for name, value in e.headers],
            "body": _body_json(e.body, e.body_length, e.body_digest),
        },
        "answer": {
            "headers": [[name, value] for name, value in e.answer_headers],
            "body": None
            if e.answer_body is None
            else _body_json(e.answer_body, e.answer_length or 0, e.answer_digest),
            "streamed": e.streamed,
        },
        **({} if e.upstream is None else {"upstream": _upstream(e.upstream)}),
    }


def _upstream(times: Upstream) -> dict[str, float | None]:
    return {f"{name}_ms": _ms(seconds) for name, seconds in times._asdict().items()}


def connection_json(connection: Connection) -> dict[str, object]:
    """A connection as JSON data; `alert` is the name of the TLS alert by which the client ended the handshake."""
    c = shown_connection(connection)
    return {
        "number": c.number,
        "epoch": c.epoch,
        "at": iso(c.at),
        "peer": c.peer,
        "tls": c.tls,
        "error": c.error,
        "alert": c.error if c.error in ALERTS else None,
        "exchanges": c.exchanges,
        "rule": c.rule,
        "closed_by": c.closed_by,
        "closed_at": None if c.closed_at is None else iso(c.closed_at),
    }


# ---- for terminals ----


def _cells(text: str) -> int:
    """How many columns of a terminal a printable text takes."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text
    )


def _clip(text: str, width: int) -> str:
    """The text in at most `width` columns, with an ellipsis if something is missing."""
    if len(text) <= width and _cells(text) <= width:
        return text
    taken, at = 0, 0
    for at, character in enumerate(text):  # noqa: B007  # where it stopped counts
        taken += _cells(character)
        if taken > width - 1:
            break
    return text[:at] + "…" if width > 0 else ""


def _pad(text: str, width: int, *, right: bool = False) -> str:
    fill = " " * max(0, width - _cells(text))
    return fill + text if right else text + fill


def _who(exchange: Shown) -> str:
    """The user concerned; for what concerns no user, what was asked for."""
    who = exchange.who if exchange.who is not None else exchange.id_concerned
    if who is not None:
        return printable(who)
    if exchange.connector is None or exchange.operation == "unknown":
        return printable(f"{exchange.method} {exchange.path}")
    return "-"


def _reason(exchange: Shown) -> str:
    """Why it came out as it did, in words; empty for an ordinary answer."""
    if exchange.bug is not None:
        return printable(f"a bug in mockhost: {exchange.bug}")
    parts = [exchange.reason] if exchange.reason else []
    if exchange.rule is not None:
        faults = f" ({', '.join(exchange.faults)})" if exchange.faults else ""
        parts.append(f"rule {exchange.rule!r}{faults}")
    if exchange.probe:
        parts.append("probe")
    return printable("; ".join(parts))


def _row(exchange: Shown) -> tuple[str, ...]:
    return (
        str(exchange.number),
        local_time(exchange.at),
        printable(exchange.connector or "-"),
        printable(exchange.operation),
        _who(exchange),
        "-" if exchange.status is None else str(exchange.status),
        "-" if exchange.took is None else f"{exchange.took * 1_000:.1f}",
        _reason(exchange),
    )


def table(
    entries: Iterable[Exchange],
    width: int | None = None,
    *,
    marked: frozenset[int] = frozenset(),
    note: Callable[[Exchange], str] | None = None,
) -> str:
    """The entries as aligned rows under a head. No line is wider than `width`; rows of `marked` numbers get a `>`.

    `note` gives what else there is to say of an exchange, in a line below it; mostly nothing.
    """
    chosen = [shown(each) for each in entries]
    if not chosen:
        return "(no exchanges)"
    rows = [COLUMNS, *(_row(each) for each in chosen)]
    columns = list(zip(*rows, strict=True))
    widths = [
        min(max(map(_cells, cells)), _WIDEST.get(name, 10_000))
        for name, cells in zip(COLUMNS, columns, strict=True)
    ]
    if width is not None:  # names give way to status and time
        wide = sum(widths[:-1]) + 2 * (len(widths) - 2) + (2 if marked else 0)
        for at in map(COLUMNS.index, ("who", "operation", "connector")):
            less = min(max(wide - width, 0), max(widths[at] - _NARROWEST, 0))
            widths[at] -= less
            wide -= less
    lines = []
    for row, entry in zip(rows, [None, *chosen], strict=True):
        cells = [
            _pad(_clip(cell, size), size, right=name in _RIGHT)
            for name, cell, size in zip(COLUMNS, row, widths, strict=True)
        ]
        mark = "" if not marked else "> " if entry is not None and entry.number in marked else "  "
        line = (mark + "  ".join(cells)).rstrip()
        if width is None or _cells(line) <= width:
            lines.append(line)
        elif entry is None or not row[-1]:
            lines.append(_clip((mark + "  ".join(cells[:-1])).rstrip(), width))
        else:  # why something went wrong is what people look for: it gets a line of its own
            lines += [
                _clip((mark + "  ".join(cells[:-1])).rstrip(), width),
                _clip(f"{mark}   {row[-1]}", width),
            ]
        more = printable(note(entry)) if note is not None and entry is not None else ""
        if more:
            lines.append(f"{mark}   {more}" if width is None else _clip(f"{mark}   {more}", width))
    return "\n".join(lines)


def _coloured(text: str, status: int | None) -> str:
    return (
        f"{_RED if status is None or status >= 500 else _YELLOW if status >= 400 else _GREEN}{text}{_PLAIN}"
    )


def live_line(exchange: Exchange, colour: bool = False) -> str:
    """One line for an exchange: `14:03:59  SQL   find_users   bob        200    1.2 ms  why, if refused`."""
    _, time, connector, operation, who, status, took, reason = _row(shown(exchange))
    status = _pad(status, 3, right=True)
    coloured = _coloured(status, exchange.status) if colour else status
    line = (
        f"{time}  {_pad(_clip(connector, 24), 5)} {_pad(operation, 12)} {_pad(_clip(who, 40), 10)} "
        f"{coloured} {took:>6} ms"
    )
    if not reason:
        return line
    return f"{line}  {_DIM}{reason}{_PLAIN}" if colour else f"{line}  {reason}"


_CLOSERS = {
    "client": "the client",
    "server": "the host",
    "timeout": "a time-out",
    "limit": "the limit on connections",
    "cut": "a reset or stop of the host",
}


def connection_line(connection: Connection, colour: bool = False) -> str:
    """One line for a connection; for one that never became one, what went wrong and which alert said so."""
    c = shown_connection(connection)
    head = f"{local_time(c.at)}  connection {c.number} from {printable(c.peer)}: "
    if c.error is None:
        by = f", closed by {_CLOSERS.get(c.closed_by, c.closed_by)}" if c.closed_by else ""
        count = "1 exchange" if c.exchanges == 1 else f"{c.exchanges} exchanges"
        return f"{head}{c.tls or 'no TLS'}, {count}{by}"
    if c.error in ALERTS:
        text = f"the client sent the alert {c.error} ({ALERTS[c.error]})"
    else:
        text = _ERRORS.get(c.error, printable(c.error.replace("_", " ")))
    failed = "" if c.error.startswith("planned ") else "TLS handshake failed: "
    told = f"{failed}{text}" if c.tls is None else f"{c.tls}: {text}"
    return head + (f"{_RED}{told}{_PLAIN}" if colour else told)


# ---- for other tools ----


def url_of(exchange: Exchange) -> str:
    """The absolute URL of a request, from its `Host`; `localhost` where it sent none."""
    exchange = shown(exchange)
    target = exchange.target
    if not target.startswith("/"):
        return target if "://" in target else f"{exchange.scheme}://{_host(exchange)}/"
    return f"{exchange.scheme}://{_host(exchange)}{target}"


def _values(headers: Headers, name: str) -> list[str]:
    """Every value of a header of what is shown."""
    return [value for key, value in headers if key.casefold() == name]


def _host(exchange: Shown) -> str:
    values = _values(exchange.headers, "host")
    return values[0] if values and values[0] else "localhost"


_OUR_OWN = frozenset(
    [
        "number",
        "epoch",
        "connector",
        "operation",
        "probe",
        "verdict",
        "who",
        "upstream",
        "rule",
        "faults",
        "reason",
        "native",
        "bug",
    ]
)


def har(entries: Iterable[Exchange]) -> dict[str, object]:
    """The entries as a HAR 1.2 document; what HAR has no member for stands under `_mockhost`."""
    return {
        "log": {
            "version": "1.2",
            "creator": {"name": "mockhost", "version": __version__},
            "entries": [_har_entry(shown(each)) for each in entries],
        }
    }


def _har_entry(e: Shown) -> dict[str, object]:
    took = -1.0 if e.took is None else round(e.took * 1_000, 3)
    return {
        "startedDateTime": iso(e.at),
        "time": max(took, 0.0),
        "request": _har_request(e),
        "response": _har_response(e),
        "cache": {},
        "timings": {"send": 0, "wait": max(took, 0.0), "receive": 0},
        "connection": str(e.connection),
        "_mockhost": {name: value for name, value in to_json(e).items() if name in _OUR_OWN},
    }


def _har_headers(headers: Headers) -> list[dict[str, str]]:
    return [{"name": name, "value": value} for name, value in headers]


def _har_request(e: Shown) -> dict[str, object]:
    query = e.target.partition("?")[2]
    pairs = [pair.partition("=") for pair in query.split("&") if pair]
    request: dict[str, object] = {
        "method": e.method,
        "url": url_of(e),
        "httpVersion": "HTTP/1.1",
        "cookies": [],
        "headers": _har_headers(e.headers),
        "queryString": [
            {"name": unquote_plus(name), "value": unquote_plus(value)} for name, _, value in pairs
        ],
        "headersSize": -1,
        "bodySize": e.body_length,
    }
    if e.body_length:
        kind = _values(e.headers, "content-type")
        data: dict[str, object] = {"mimeType": kind[0] if kind else "", "params": []}
        body = _body_json(e.body, e.body_length, e.body_digest) or {}
        data["text"] = body.get("text", body.get("base64", ""))
        if "base64" in body:
            data["comment"] = "base64"
        request["postData"] = data
    return request


def _har_response(e: Shown) -> dict[str, object]:
    kind = _values(e.answer_headers, "content-type")
    content: dict[str, object] = {"size": e.answer_length or 0, "mimeType": kind[0] if kind else "x-unknown"}
    body = _body_json(e.answer_body or b"", e.answer_length or 0, e.answer_digest) or {}
    if e.answer_body is not None and "text" in body:
        content["text"] = body["text"]
    elif e.answer_body is not None and "base64" in body:
        content.update(text=body["base64"], encoding="base64")
    location = _values(e.answer_headers, "location")
    return {
        # HAR has no word for "no answer"; browsers write status 0, too.
        "status": e.status or 0,
        "statusText": _phrase(e.status),
        "httpVersion": "HTTP/1.1",
        "cookies": [],
        "headers": _har_headers(e.answer_headers),
        "content": content,
        "redirectURL": location[0] if location and e.status in {301, 302, 303, 307, 308} else "",
        "headersSize": -1,
        "bodySize": -1 if e.answer_length is None else e.answer_length,
    }


def _phrase(status: int | None) -> str:
    try:
        return HTTPStatus(status or 0).phrase
    except ValueError:
        return ""


_OF_THE_CONNECTION = frozenset({"host", "content-length", "connection", "transfer-encoding", "expect"})


def curl(exchange: Exchange, *, ca_file: str | None = None) -> str:
    """A line for a POSIX shell that sends the request again, with `$TOKEN` where the credential stood.

    `ca_file`: the CA to trust; without one curl gets `-k` and does not verify, as a pasted line should work.
    """
    e = shown(exchange)
    words = ["curl", *_method_words(e)]
    if e.scheme == "https":
        words += ["--cacert", shlex.quote(ca_file)] if ca_file else ["-k"]
    words += _target_words(e)
    for name, value in e.headers:
        if name.casefold() not in _OF_THE_CONNECTION:
            words += ["-H", _header_word(name, value)]
    if not e.body_length:
        return " ".join(words)
    if not _values(e.headers, "content-type"):
        words += ["-H", "Content-Type:"]
    words.append("--data-binary")
    note = f"  # {len(e.body)} of the body's {e.body_length} bytes" if e.body_digest or not e.body else ""
    if (text := _shell_text(e.body)) is not None:
        return " ".join([*words, shlex.quote(text)]) + note
    return f"printf '{_octal(e.body)}' | " + " ".join([*words, "@-"]) + note


def _method_words(e: Shown) -> list[str]:
    if e.method == "HEAD":
        return ["--head"]
    if e.method == "GET" and not e.body_length:
        return []
    return ["-X", _word(e.method)]


def _target_words(e: Shown) -> list[str]:
    target = e.target
    base = f"{e.scheme}://{_host(e)}"
    if (
        not target.startswith("/")
        or not target.isascii()
        or not target.isprintable()
        or set(target) & set(" #")
    ):
        return ["--request-target", _word(target), _word(f"{base}/")]
    words = ["--globoff"] if set(target) & set("[]{}") else []
    if "/." in target:
        words.append("--path-as-is")
    return [*words, _word(base + target)]


def _header_word(name: str, value: str) -> str:
    """One `-H`, with `$TOKEN` for a credential."""
    if "tok…(len " in value:
        before = f"{name}: {value.partition('tok…')[0]}"
        plain = name.casefold() in {"authorization", "proxy-authorization"} and before.isprintable()
        return f'"{before}$TOKEN"' if plain else f'{_word(before)}"$TOKEN"'
    # curl takes `Name:` as "do not send it"; with a semicolon it sends an empty value.
    return _word(f"{name}: {value}" if value else f"{name};")


def _word(text: str) -> str:
    """A word of a POSIX shell, in printable characters only."""
    return shlex.quote(text) if text.isprintable() else f"\"$(printf '{_octal(text.encode())}')\""


def _octal(data: bytes) -> str:
    """Bytes for `printf`: as they are where a terminal and the shell take them so."""
    return "".join(
        chr(byte) if 32 <= byte < 127 and byte not in b"'\\%" else f"\\{byte:03o}" for byte in data
    )


def _shell_text(body: bytes) -> str | None:
    """The body in the form of a shell's word, or None; a word that begins with `@` would name a file."""
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        return None
    plain = text.replace("\n", "").replace("\t", "").isprintable()
    return text if plain and not text.startswith("@") else None


def plainly(sink: Sink, value: object) -> object:
    """Data as JSON and without secrets."""
    if isinstance(value, Connection):
        return connection_json(value)
    return sink.data(orjson.loads(rendered(value)))


def rendered(value: object) -> bytes:
    """JSON in one line. Bytes become base64, and what JSON has no word for its text."""
    return orjson.dumps(value, default=_default, option=orjson.OPT_NON_STR_KEYS)


def _default(value: object) -> object:
    if isinstance(value, tuple):
        return value._asdict() if hasattr(value, "_asdict") else list(value)
    if isinstance(value, (bytes, bytearray)):
        return base64.b64encode(value).decode("ascii")
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, (set, frozenset)):
        return sorted(value, key=str)
    return str(value)
