"""Secrets taken out of an exchange before the journal keeps it. Three kinds, each with its own rule.

* *Credentials*: the value of `Authorization` is never kept, right or wrong. It becomes `Bearer tok…(len 24)` and a
  fingerprint, an HMAC-SHA256 under the run's key, by which two tokens can be told apart but not guessed.
* *Known secrets*: the connectors' secret tokens and the values that came from the environment are replaced wherever
  they stand, also percent-encoded, JSON-escaped or XML-escaped, up to three times over. Values of fewer than four
  characters are left alone: replacing every `1` would leave no journal.
* *Passwords*: the value of `export_password` (Microsoft Learn, "Generic SQL connector tutorial", attribute
  mappings) and of the attributes that directories and SCIM (RFC 7643 4.1.1 `password`) keep passwords in, in JSON,
  PATCH and filters. Where a body can't be parsed, everything from the name on goes. What was found is then
  looked for in the rest of the exchange, the answer included.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
import re
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from mockhost.journal.entries import Exchange, Headers, as_text
from mockhost.journal.escapes import (
    ENTITY_BEGINS,
    MARK,
    ROUNDS,
    escapes,
    forms,
    plainer,
    scrubbed,
    unpercent,
)
from mockhost.journal.passwords import (
    LENIENT,
    MOST,
    cut,
    cut_line,
    cut_unparsed,
    names_password,
    without_passwords,
)

SHORTEST: Final = 4
"""Secrets of fewer characters are not looked for."""
_CACHE_ENTRIES = 256
_CACHE_TEXT = 4_096
# Limits on what is taken apart: the time that it takes is every other request's. What exceeds them is not kept.
_MOST_ESCAPES = 20_000
_LONGEST_LINE = 16 * 1024
_LONGEST_BODY = 128 * 1024
_LONGEST_PASSWORD = 2 * 1024
_QUOTED_AT_LEAST = 32
_OVERHEAD = 1_500
"""About the bytes of memory that an exchange takes besides its texts."""

_SCHEMES = frozenset(
    {
        "apikey",
        "aws4-hmac-sha256",
        "basic",
        "bearer",
        "digest",
        "dpop",
        "hoba",
        "mutual",
        "negotiate",
        "ntlm",
        "token",
    }
)
_CREDENTIAL = r"(?s)([^\s,]+)([ \t]+)(.*)"


class Body(NamedTuple):
    """A body as it may be kept: at most the limit's bytes, the digest if it was cut, the passwords found in it."""

    kept: bytes
    digest: str | None
    told: list[str]


class Redactor:
    """Takes secrets out of exchanges, under one run's key. Not thread-safe for `learn`; the rest may run beside it."""

    __slots__ = ("_bytes", "_forms", "_headers", "_key", "_seen")

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._forms: tuple[str, ...] = ()
        self._bytes: tuple[bytes, ...] = ()
        self._headers: dict[Headers, tuple[tuple[tuple[str, str], ...], int, bool]] = {}
        self._seen: dict[str, str] = {}

    def learn(self, secrets: Iterable[str]) -> None:
        """These, and no others, are the known secrets from now on."""
        known = {form for secret in secrets if len(secret) >= SHORTEST for form in forms(secret)}
        self._forms = tuple(sorted(known, key=lambda form: (-len(form), form)))
        written = known | {
            json.dumps(form, ensure_ascii=ascii_only)[1:-1] for form in known for ascii_only in (True, False)
        }
        self._bytes = tuple(
            {form.encode("utf-8", "surrogatepass") for form in written} | set(_latin(written))
        )
        self.forget()

    def forget(self) -> None:
        """Drop what was remembered of earlier requests to be quick."""
        self._headers = {}
        self._seen = {}

    def fingerprint(self, token: str) -> str:
        """16 hex digits that are the same for the same token, within one run only."""
        raw = as_text(token).encode("utf-8", "surrogatepass")
        return hmac.new(self._key, raw, hashlib.sha256).hexdigest()[:16]

    def credential(self, value: str) -> str:
        """The value of an `Authorization` header as it is kept: `Bearer tok…(len 24) 0f1e2d3c4b5a6978`."""
        known = self._seen.get(value)
        if known is not None:
            return known
        scheme, blank, token = "", "", value.strip(" \t")
        found = re.fullmatch(_CREDENTIAL, token)
        if token.casefold() in _SCHEMES:
            scheme, token = token, ""
        elif found is not None and found[1].casefold() in _SCHEMES:
            scheme, blank, token = found.groups()
        kept = f"{scheme}{blank}tok…(len {len(token)}) {self.fingerprint(token)}" if token else scheme
        if len(value) <= _CACHE_TEXT:
            if len(self._seen) >= _CACHE_ENTRIES:
                self._seen = {}
            self._seen[value] = kept
        return kept

    def is_clean(self, *parts: str) -> bool:
        """Whether no known secret and no password can stand in the texts; quick where they are clean.

        They may be wire text: bytes read as Latin-1.
        """
        text = parts[0] if len(parts) == 1 else " ".join(parts)
        for form in self._forms:
            if form in text:
                return False
        if "%" in text or "\\" in text or "&" in text:
            for part in parts:
                if ("%" in part or "\\" in part or "&" in part) and not self._is_clean_within(part):
                    return False
        return not names_password(text)

    def _is_clean_within(self, text: str) -> bool:
        """Whether a text is clean with its escapes undone."""
        if len(text) > _MOST_ESCAPES and escapes(text) > _MOST_ESCAPES:
            return False
        if "%" in text:
            text = unpercent(text)
            for form in self._forms:
                if form in text:
                    return False
            if names_password(text):
                return False
        if "\\" in text or "%" in text or ("&" in text and re.search(ENTITY_BEGINS, text)):
            for _ in range(ROUNDS):
                text = plainer(text)
                if any(form in text for form in self._forms) or names_password(text):
                    return False
        return True

    def scrub(self, text: str) -> str:
        """The text without known secrets."""
        return scrubbed(text, self._forms)

    def is_free(self, data: bytes) -> bool:
        """Whether no known secret stands in the data, as it is or JSON-escaped."""
        return not any(form in data for form in self._bytes)

    def words(self, text: str) -> str:
        """A sentence of ours without known secrets and passwords."""
        return text if self.is_clean(text) else self.scrub(cut(text, LENIENT)[0])

    def exchange(self, exchange: Exchange, limit: int) -> None:
        """Redact the whole exchange in place and set its lengths and `size`. Bodies are kept to `limit` bytes.

        Most exchanges hold nothing secret but their credential: one look at all of their text together says so.
        """
        e = exchange
        body, answer = e.body, e.answer_body
        e.body_length = len(body)
        e.answer_length = e.streamed if answer is None else len(answer)
        try:
            known = self._headers.get(tuple(e.headers))
        except TypeError:  # pairs that are lists
            known = None
        e.headers, size, compressed = known or self._new_headers(e.headers)
        e.answer_headers = answers = tuple(e.answer_headers)
        parts = [f"{e.method} {e.target} {e.connector} {e.who} {e.rule} {e.reason} {e.bug}", *e.native]
        for pair in answers:
            parts += pair
        if body:
            parts.append(_readable(body))
        if answer:
            parts.append(_readable(answer))
        if compressed and body:
            # What is compressed can't be looked into here, so nothing of it is kept.
            e.body = b""
        if not self.is_clean(*parts) or b"\0" in body or (answer and b"\0" in answer):
            self._scrub(e, limit)
        elif e.body_length > limit or (e.answer_length or 0) > limit:
            _shorten(e, limit)
        e.size = _OVERHEAD + size + 2 * len(e.target) + len(e.body) + len(e.answer_body or b"")

    def _new_headers(self, headers: Headers) -> tuple[tuple[tuple[str, str], ...], int, bool]:
        """Request headers as they are kept, their size, and whether they announce a compressed body.

        Most requests repeat the headers of another, so this is remembered.
        """
        key = tuple((name, value) for name, value in headers)
        text = "\n".join([f"{name} {value}" for name, value in key if not _is_credential(name)])
        clean = all(name[:1].strip() for name, _ in key) and self.is_clean(text)
        kept = tuple([self._header(name, value, clean) for name, value in key])
        size = len(text) + 64
        compressed = any(
            name.casefold() == "content-encoding" and value.strip().casefold() not in {"", "identity"}
            for name, value in key
        )
        if size <= _CACHE_TEXT:
            if len(self._headers) >= _CACHE_ENTRIES:
                self._headers = {}
            self._headers[key] = kept, size, compressed
        return kept, size, compressed

    def _scrub(self, e: Exchange, limit: int) -> None:
        """The exchange part by part, when something in it may be secret."""
        told = self._scrub_line(e)
        e.body, e.body_digest, found = self.body(e.body, limit, request=True)
        if e.answer_body is not None:
            e.answer_body, e.answer_digest, _ = self.body(e.answer_body, limit, request=False)
        if told or found:
            self._scrub_told(e, told + found)

    def _header(self, name: str, value: str, clean: bool) -> tuple[str, str]:
        if _is_credential(name):
            return name, self.credential(value)
        if clean:
            return name, value
        if not name[:1].strip():  # of a malformed head: the rest of the header before it
            return MARK, MARK
        return self.scrub(name), self._cut_line(value)[0]

    def _cut_line(self, line: str) -> tuple[str, list[str]]:
        """A target or header value that may hold something secret: without it, and the passwords that were in it."""
        if len(line) > _LONGEST_LINE:
            return MARK, []
        kept, told = cut_line(line)
        return self.scrub(kept), told

    def _scrub_line(self, e: Exchange) -> list[str]:
        """Everything but the bodies, when something in it may be secret; gives the passwords that were found."""
        e.target, told = self._cut_line(e.target)
        answers = []
        for name, value in e.answer_headers:
            kept, found = self._cut_line(value)
            told += found
            answers.append((self.scrub(name), kept))
        e.answer_headers = tuple(answers)
        for name in ("who", "reason", "bug"):
            if (value := getattr(e, name)) is not None:
                kept, found = cut(value, LENIENT)
                told += found
                setattr(e, name, kept)
        e.native = tuple(cut(statement, LENIENT)[0] for statement in e.native)
        self._scrub_words(e, self._forms)
        return told

    def _scrub_told(self, e: Exchange, told: Iterable[str]) -> None:
        """Take the passwords of this exchange out of everything else that it holds."""
        values = set(told)
        if e.who is not None and (e.who in values or as_text(e.who) in values):
            e.who = MARK
        # Messages quote the beginning of a long value only.
        looked_for = {value for value in values if SHORTEST <= len(value) <= _LONGEST_PASSWORD}
        looked_for |= {value[:_QUOTED_AT_LEAST] for value in values if len(value) > _QUOTED_AT_LEAST}
        wanted = {form for value in looked_for for form in forms(value)} - {MARK}
        if not wanted:
            return
        e.target = scrubbed(e.target, wanted)
        e.headers = tuple((scrubbed(name, wanted), scrubbed(value, wanted)) for name, value in e.headers)
        e.answer_headers = tuple((name, scrubbed(value, wanted)) for name, value in e.answer_headers)
        self._scrub_words(e, wanted)
        e.body = _scrubbed_body(e.body, wanted)
        if e.answer_body:
            e.answer_body = _scrubbed_body(e.answer_body, wanted)

    def _scrub_words(self, e: Exchange, wanted: Iterable[str]) -> None:
        """The short texts of an exchange, all but the target and the headers."""
        e.method = scrubbed(e.method, wanted)
        for name in ("connector", "who", "rule", "reason", "bug"):
            value = getattr(e, name)
            if value is not None:
                setattr(e, name, scrubbed(value, wanted))
        e.native = tuple(scrubbed(statement, wanted) for statement in e.native)

    def scrub_again(self, e: Exchange) -> None:
        """Take secrets that became known later out of an exchange that is kept already."""
        e.target = self.scrub(e.target)
        e.headers = tuple((self.scrub(name), self.scrub(value)) for name, value in e.headers)
        e.answer_headers = tuple((self.scrub(name), self.scrub(value)) for name, value in e.answer_headers)
        self._scrub_words(e, self._forms)
        e.body = _scrubbed_body(e.body, self._forms)
        if e.answer_body:
            e.answer_body = _scrubbed_body(e.answer_body, self._forms)

    def body(self, raw: bytes, limit: int, *, request: bool) -> Body:
        """A body without secrets. `request`: whoever wrote it meant it, so an unparsable one is cut early."""
        told: list[str] = []
        text = _readable(raw)
        if escapes(text) > _MOST_ESCAPES:
            raw = MARK.encode()
        elif "\0" in text or not self.is_clean(text):
            if len(raw) > _LONGEST_BODY or text.casefold().count("passw") > MOST:
                raw = MARK.encode()
            else:
                raw, told = self._clean_body(raw, request=request)
        return Body(*_shortened(raw, limit), told)

    def _clean_body(self, raw: bytes, *, request: bool) -> tuple[bytes, list[str]]:
        text, encoding = _decoded(raw)
        if "\0" in text and not self.is_clean(text.replace("\0", "")):
            return MARK.encode(), []
        told: list[str] = []
        if not self.is_clean(text):
            text, told = self._clean_text(text, request=request)
        return text.encode(encoding, "surrogateescape" if encoding == "utf-8" else "surrogatepass"), told

    def _clean_text(self, text: str, *, request: bool) -> tuple[str, list[str]]:
        told: list[str] = []
        try:
            json.loads(text.removeprefix("\ufeff"))
        except (ValueError, RecursionError):
            text, told = cut_unparsed(text, request=request)
        else:
            text, told = without_passwords(text)
        return self.scrub(text), told


def _readable(body: bytes) -> str:
    """A body as text in which secrets can be looked for, whatever its bytes."""
    return body.decode("ascii") if body.isascii() else body.decode("utf-8", "surrogateescape")


def _is_credential(name: str) -> bool:
    """`Authorization` and `Proxy-Authorization`, also as a malformed head may spell them."""
    return "authorization" in name.casefold()


def _decoded(raw: bytes) -> tuple[str, str]:
    """A body as text, and the encoding that gives it back. JSON may be in UTF-16 or UTF-32 (RFC 4627 3)."""
    encoding = json.detect_encoding(raw).replace("utf-8-sig", "utf-8")
    if encoding != "utf-8":
        try:
            return raw.decode(encoding, "surrogatepass"), encoding
        except UnicodeError:
            pass
    return raw.decode("utf-8", "surrogateescape"), "utf-8"


def _scrubbed_body(raw: bytes, wanted: Iterable[str]) -> bytes:
    text, encoding = _decoded(raw)
    clean = scrubbed(text, wanted)
    if clean == text:
        return raw
    return clean.encode(encoding, "surrogateescape" if encoding == "utf-8" else "surrogatepass")


def _latin(known: Iterable[str]) -> Iterator[bytes]:
    for form in known:
        with contextlib.suppress(UnicodeEncodeError):
            yield form.encode("latin-1")


def _shortened(body: bytes, limit: int) -> tuple[bytes, str | None]:
    """What is kept of a body, and the SHA-256 of all of it if that is not the whole."""
    return (body, None) if len(body) <= limit else (body[:limit], hashlib.sha256(body).hexdigest())


def _shorten(e: Exchange, limit: int) -> None:
    e.body, e.body_digest = _shortened(e.body, limit)
    if e.answer_body is not None:
        e.answer_body, e.answer_digest = _shortened(e.answer_body, limit)
