"""The one way out of the journal: what people and programs are shown has no secrets and nothing unprintable.

The journal keeps exchanges as they were, so rules and `verify` compare real values. Whatever shows one (a line, a
table, JSON, HAR, curl, a message, a repr) takes it from `shown`; any other text or data that leaves goes through
`Sink.text` or `Sink.data`. Three kinds of secrets are taken out:

* *Credentials* by the name beside them or by their look (`mockhost.journal.secrets`). A header's becomes
  `Bearer tok…(len 24)` and a fingerprint, an HMAC-SHA256 under the run's key, by which two can be distinguished but not
  guessed; any other becomes `[redacted]`, and so does whatever repeats it in the same exchange.
* *Known secrets* (secret tokens, the control plane's token, values from the environment) wherever they stand: also
  percent-encoded, JSON-escaped, XML-escaped, up to three times over, in Base64 and in UTF-16.
* Bodies that can't be looked into (compressed ones) are not shown.
"""

from __future__ import annotations

import copy
import hashlib
import hmac
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from mockhost.clock import fresh_key
from mockhost.exchange import Connection, Exchange, as_text
from mockhost.journal.escapes import MARK, forms, scrubbed
from mockhost.journal.secrets import SCHEMES, SHORTEST, Finder, is_secret

MOST: Final = 200
"""Values found in one exchange that are looked for in the rest of it; with more, the rest is not shown."""
_LONGEST: Final = 2 * 1024
_QUOTED: Final = 32
_COMPRESSED: Final = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd", b"PK\x03\x04")
_WORDS: Final = ("method", "connector", "id", "who", "rule", "reason", "bug")


def printable(text: str) -> str:
    """Text for a terminal: every control, invisible or direction-changing character as an escape."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def printable_lines(text: str) -> str:
    """The same for a text of several lines."""
    return "\n".join(map(printable, text.split("\n")))


class Shown(Exchange):
    """An exchange as it may be shown: readable text without secrets. Only a sink makes one."""

    __slots__ = ()


class Sink:
    """Takes secrets out of what leaves, under one run's key. Thread-safe."""

    __slots__ = ("_key", "_known", "_secrets")

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._secrets: tuple[str, ...] = ()
        self._known: tuple[tuple[str, ...], tuple[bytes, ...]] | None = ((), ())

    def learn(self, secrets: Iterable[str]) -> None:
        """These, and no others, are the known secrets from now on."""
        self._secrets = tuple(secret for secret in secrets if len(secret) >= SHORTEST)
        self._known = None

    @property
    def secrets(self) -> tuple[str, ...]:
        """The known secrets; another tuple after each `learn`."""
        return self._secrets

    def _looked_for(self) -> tuple[tuple[str, ...], tuple[bytes, ...]]:
        """What known secrets look like in text, and in bytes of wide encodings; worked out when it is first needed."""
        known = self._known
        if known is None:
            secrets = self._secrets
            texts = {form for secret in secrets for form in forms(secret)}
            encodings = ("utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be")
            wide = {secret.encode(encoding, "surrogatepass") for secret in secrets for encoding in encodings}
            known = tuple(sorted(texts, key=lambda form: (-len(form), form))), tuple(wide)
            if secrets is self._secrets:
                self._known = known
        return known

    @property
    def _forms(self) -> tuple[str, ...]:
        return self._looked_for()[0]

    # ---- credentials ----

    def fingerprint(self, token: str) -> str:
        """16 hex digits that are the same for the same token, within one run only."""
        raw = as_text(token).encode("utf-8", "surrogatepass")
        return hmac.new(self._key, raw, hashlib.sha256).hexdigest()[:16]

    def credential(self, value: str) -> str:
        """A credential as it is shown: `Bearer tok…(len 24) 0f1e2d3c4b5a6978`."""
        scheme, blank, token = "", "", value.strip(" \t")
        found = re.fullmatch(r"(?s)([^\s,]+)([ \t]+)(.*)", token)
        if token.casefold() in SCHEMES:
            scheme, token = token, ""
        elif found is not None and found[1].casefold() in SCHEMES:
            scheme, blank, token = found.groups()
        return f"{scheme}{blank}tok…(len {len(token)}) {self.fingerprint(token)}" if token else scheme

    def expected(self, name: str, value: object) -> object:
        """An expected value of a header, attribute or field, as it is shown."""
        if not is_secret(name):
            return value
        if isinstance(value, str):
            return self.credential(value)
        if isinstance(value, Mapping):
            return {word: self.expected(name, inner) for word, inner in value.items()}
        return [self.expected(name, each) for each in value] if isinstance(value, (list, tuple)) else value

    # ---- texts and data ----

    def known(self, text: str) -> str:
        """A text without known secrets, and with everything else that it has."""
        return scrubbed(text, self._forms)

    def text(self, text: str, *about: Exchange) -> str:
        """A text of ours without secrets; `about`: exchanges whose secrets it may quote."""
        wanted = set(self._forms)
        for exchange in about:
            finder = Finder()
            self._take_apart(exchange, finder)
            wanted |= _wanted(finder)
        return scrubbed(Finder().sentence(text), wanted)

    def data(self, value: Any) -> Any:
        """JSON data without secrets, in the values and in the names; what a secret's name names is one."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {self.text(str(name)): self._member(str(name), inner) for name, inner in value.items()}
        return [self.data(each) for each in value] if isinstance(value, (list, tuple)) else value

    def _member(self, name: str, value: Any) -> Any:
        if not is_secret(name):
            return self.data(value)
        if isinstance(value, (list, tuple)):
            return [self._member(name, each) for each in value]
        secret = isinstance(value, (str, int, float)) and not isinstance(value, bool) and value != ""
        return MARK if secret else self.data(value)

    # ---- exchanges ----

    def shown(self, exchange: Exchange) -> Shown:
        """The exchange as it may be shown."""
        if isinstance(exchange, Shown):
            return exchange
        finder = Finder()
        e = self._take_apart(exchange, finder)
        wanted = _wanted(finder) | set(self._forms)
        hide = (lambda text: scrubbed(text, wanted)) if len(finder.found) <= MOST else _nothing
        e.target = scrubbed(e.target, wanted)
        e.headers = tuple((scrubbed(name, wanted), scrubbed(value, wanted)) for name, value in e.headers)
        e.answer_headers = tuple((hide(name), hide(value)) for name, value in e.answer_headers)
        for name in _WORDS:
            if isinstance(text := getattr(e, name), str):
                setattr(e, name, MARK if name in ("id", "who") and text in finder.found else hide(text))
        e.native = tuple(map(hide, e.native))
        e.body = _recoded(e.body, lambda text: scrubbed(text, wanted))
        if e.answer_body is not None:
            e.answer_body = _recoded(e.answer_body, hide)
        if e.body != exchange.body:  # a digest could be used to guess what was taken out
            e.body_digest = e.body_digest and hashlib.sha256(e.body).hexdigest()
        if e.answer_body != exchange.answer_body:
            e.answer_digest = e.answer_digest and hashlib.sha256(e.answer_body or b"").hexdigest()
        return e

    def brief(self, exchange: Exchange) -> Shown:
        """The same for a list, without what takes long to look through: most headers, and the answer's.

        What a credential was is still known: `Authorization`, cookies and the request's body are looked through.
        """
        e = copy.copy(exchange)
        e.known_who, e.id = exchange.who, exchange.id_concerned
        e.headers = tuple(pair for pair in e.headers if _is_credential(pair[0]))
        e.answer_headers, e.answer_body = (), None
        return self.shown(e)

    def _take_apart(self, exchange: Exchange, finder: Finder) -> Shown:
        """A copy in readable text whose credentials are taken out; what they were is in the finder."""
        e = Shown.__new__(Shown)
        for slot in Exchange.__slots__:
            setattr(e, slot, getattr(exchange, slot))
        e.who = exchange.who
        path, mark, query = as_text(e.target).partition("?")
        e.target = finder.text(path) + mark + finder.form(query)
        e.headers = self._headers(e.headers, finder)
        e.answer_headers = self._headers(e.answer_headers, finder)
        compressed = any(
            name.casefold() == "content-encoding" and value.strip().casefold() not in ("", "identity")
            for name, value in e.headers
        )
        e.body = self._body(e.body, finder, compressed=compressed)
        if e.answer_body:
            e.answer_body = self._body(e.answer_body, finder)
        for name in _WORDS:
            if isinstance(text := getattr(e, name), str):
                setattr(e, name, finder.sentence(as_text(text) if name == "method" else text))
        e.native = tuple(map(finder.sentence, e.native))
        return e

    def _headers(self, headers: Iterable[tuple[str, str]], finder: Finder) -> tuple[tuple[str, str], ...]:
        shown: list[tuple[str, str]] = []
        before = ""
        for name, value in ((as_text(name), as_text(value)) for name, value in headers):
            if not name[:1].strip():  # of a malformed head: the rest of the header before it
                before += _squeezed(name + value)
                if shown and any(form in before for form in self._forms):
                    shown[-1] = shown[-1][0], MARK
                shown.append((MARK, MARK))
                continue
            before = _squeezed(value)
            shown.append((finder.sentence(name), self._header(name, value, finder)))
        return tuple(shown)

    def _header(self, name: str, value: str, finder: Finder) -> str:
        folded = name.strip().casefold()
        if "authorization" in folded:
            scheme, _, token = value.strip().partition(" ")
            if token or scheme.casefold() not in SCHEMES:
                finder.hide(token.strip() or scheme)
            return self.credential(value)
        if folded in ("cookie", "cookie2", "set-cookie", "set-cookie2"):
            first, *rest = value.split(";")
            if folded.startswith("set"):
                return ";".join([_cookie(first, finder), *map(finder.sentence, rest)])
            return ";".join(_cookie(each, finder) for each in (first, *rest))
        if is_secret(name):
            finder.hide(value.strip())
            return self.credential(value)
        kept = finder.text(value)
        split = any(form in _squeezed(kept) for form in self._forms) and kept == self.known(kept)
        return MARK if split else kept

    def _body(self, raw: bytes, finder: Finder, *, compressed: bool = False) -> bytes:
        if not raw:
            return raw
        if compressed or raw.startswith(_COMPRESSED):  # it can't be looked into here
            return b""
        kept = _recoded(raw, finder.text)
        squeezed = kept.replace(b"\0", b"")
        hidden = (
            squeezed != kept and _recoded(squeezed, lambda text: self.known(finder.text(text))) != squeezed
        )
        return MARK.encode() if hidden or any(form in kept for form in self._looked_for()[1]) else kept

    def connection(self, connection: Connection) -> Connection:
        """A connection as it may be shown."""
        shown = copy.copy(connection)
        shown.peer = self.text(connection.peer)
        shown.error = connection.error and self.text(connection.error)
        shown.rule = connection.rule and self.text(connection.rule)
        return shown


_UNKNOWN: Final = Sink(fresh_key())


def shown(exchange: Exchange) -> Shown:
    """An exchange as it may be shown, by the sink of the journal that keeps it."""
    return (exchange.sink if isinstance(exchange.sink, Sink) else _UNKNOWN).shown(exchange)


def shown_connection(connection: Connection) -> Connection:
    """A connection as it may be shown, by the sink of the journal that keeps it."""
    return (connection.sink or _UNKNOWN).connection(connection)


def _is_credential(header: str) -> bool:
    folded = header.casefold()
    return "authorization" in folded or "cookie" in folded or is_secret(folded)


def _nothing(text: str) -> str:
    return MARK if text else text


def _wanted(finder: Finder) -> set[str]:
    """What to look for because it was found: also the beginning of a long value, which is all that messages quote."""
    values = {value for value in finder.found if SHORTEST <= len(value) <= _LONGEST}
    values |= {value[:_QUOTED] for value in finder.found if len(value) > _QUOTED}
    return {form for value in sorted(values)[:MOST] for form in forms(value)} - {MARK}


def _cookie(pair: str, finder: Finder) -> str:
    name, equals, value = pair.partition("=")
    if not equals:
        return finder.hide(pair) if pair.strip() else pair
    return f"{name}={finder.hide(value.strip())}" if value.strip() else pair


def _squeezed(text: str) -> str:
    return re.sub(r"[ \t\r\n]+", "", text)


def _recoded(raw: bytes, change: Any) -> bytes:
    """A body whose text was changed, in its own encoding. JSON may be in UTF-16 or UTF-32 (RFC 4627 3)."""
    encoding, errors = "utf-8", "surrogateescape"
    if b"\0" in raw or raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
        guessed = json.detect_encoding(raw)
        try:
            if guessed not in ("utf-8", "utf-8-sig") and raw.decode(guessed).encode(guessed):
                encoding, errors = guessed, "strict"
        except UnicodeError:
            pass
    text = raw.decode(encoding, errors)
    kept = change(text)
    return (
        raw if kept == text else kept.encode(encoding, "surrogateescape" if errors != "strict" else "replace")
    )
