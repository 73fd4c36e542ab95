"""Text as it reads with its escapes undone, and the way back to where in the original a stretch of it stands.

Percent escapes (RFC 3986 2.1), JSON's (RFC 8259 7) and XML's, up to three times over and mixed: a client that hides
something by accident has encoded it once more than expected.
"""

from __future__ import annotations

import base64
import contextlib
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple
from urllib.parse import quote, quote_plus

MARK: Final = "[redacted]"
"""What stands in the place of something secret."""
ROUNDS: Final = 3
"""How often escapes are undone."""

# Patterns are text here and compiled when they are first needed (`re` remembers them): most runs need few of them.
_ESCAPE = (
    r"%[0-9A-Fa-f]{2}|\\u[0-9A-Fa-f]{4}|\\[\"\\/bfnrt]"
    r"|&(?:amp|lt|gt|quot|apos|\#[0-9]{1,6}|\#[xX][0-9A-Fa-f]{1,5});"
)
_SHORTEST_BASE64 = 8
_URL_SAFE = str.maketrans("+/", "-_")
_LETTER = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_ENTITY = {"amp": "&", "lt": "<", "gt": ">", "quot": '"', "apos": "'"}


class View(NamedTuple):
    """A text with its escapes undone: `starts[i]` is where in the original its i-th character began.

    `starts` is None for the original itself.
    """

    text: str
    starts: Sequence[int] | None = None

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Where a stretch of this text stands in the original."""
        return (start, end) if self.starts is None else (self.starts[start], self.starts[end])


def views(text: str) -> Iterator[View]:
    """The text itself, and as it reads with its escapes undone once, twice and three times."""
    view = View(text)
    yield view
    for _ in range(ROUNDS):
        deeper = _unescaped(view)
        if deeper is None:
            return
        view = deeper
        yield view


def _unescaped(view: View) -> View | None:
    text, known = view
    if not any(mark in text for mark in "%\\&"):
        return None
    starts = range(len(text) + 1) if known is None else known
    parts: list[str] = []
    origins: list[int] = []
    at = 0
    for found in re.finditer(_ESCAPE, text):
        start, end = found.span()
        parts += (text[at:start], _character(found[0]))
        origins += starts[at:start]
        origins.append(starts[start])
        at = end
    if not parts:
        return None
    parts.append(text[at:])
    origins += starts[at:]
    return View("".join(parts), origins)


def _character(escape: str) -> str:
    if escape[0] == "%":
        return chr(int(escape[1:], 16))
    if escape[0] == "\\":
        return chr(int(escape[2:], 16)) if escape[1] == "u" else _LETTER.get(escape[1], escape[1])
    name = escape[1:-1]
    if name[0] != "#":
        return _ENTITY[name]
    code = int(name[2:], 16) if name[1] in "xX" else int(name[1:])
    return chr(code)


def forms(secret: str) -> set[str]:
    """How a secret may read in text: as it is, its UTF-8 read as Latin-1, as UTF-16 units, with `+` for blanks.

    A secret that holds what looks like an escape is also taken as the usual encoders write it, because undoing all
    escapes at once would undo its own, too.
    """
    found = {secret}
    if not secret.isascii():
        found.add(secret.encode("utf-8", "surrogatepass").decode("latin-1"))
        units = secret.encode("utf-16-le", "surrogatepass")
        found.add("".join(chr(units[i] | units[i + 1] << 8) for i in range(0, len(units), 2)))
        with contextlib.suppress(UnicodeEncodeError):
            found.add(secret.encode("latin-1").decode("utf-8", "surrogateescape"))
    if re.search(r"[%\\&]", secret):
        found.update(_encoded_forms(secret))
    found.update(_base64_forms(secret.encode("utf-8", "surrogatepass")))
    return found | {form.replace(" ", "+") for form in found}


def _base64_forms(secret: bytes) -> Iterator[str]:
    """What of a secret is the same in every Base64 text that it is a part of, such as `user:secret` of Basic."""
    for before in range(3):
        encoded = base64.b64encode(b"\0" * before + secret).decode("ascii")
        # The first characters depend on what stands before it, the last on what follows.
        kept = encoded[
            (0, 2, 3)[before] : len(encoded.rstrip("=")) - (0 if (before + len(secret)) % 3 == 0 else 1)
        ]
        if len(kept) >= _SHORTEST_BASE64:
            yield from (kept, kept.translate(_URL_SAFE))


def _encoded_forms(secret: str) -> Iterator[str]:
    for safe in ("", "/", "/:=@,;!$'()*~"):
        for quoted in (
            quote(secret, safe, errors="surrogatepass"),
            quote_plus(secret, safe, errors="surrogatepass"),
        ):
            yield quoted
            yield re.sub("%[0-9A-F]{2}", lambda found: found[0].lower(), quoted)
    for ascii_only in (True, False):
        inner = json.dumps(secret, ensure_ascii=ascii_only)[1:-1]
        yield inner
        yield inner.replace("/", "\\/")
    plain = secret.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    yield plain
    for quote_mark in ("&quot;", "&#34;"):
        for apostrophe in ("'", "&#39;", "&#x27;", "&apos;"):
            yield plain.replace('"', quote_mark).replace("'", apostrophe)


def _occurrences(text: str, wanted: Iterable[str]) -> list[tuple[int, int]]:
    """Where any of the wanted texts stands in `text` or in what it says with its escapes undone."""
    spans = []
    for view in views(text):
        for form in wanted:
            at = view.text.find(form)
            while at >= 0:
                spans.append(view.span(at, at + len(form)))
                at = view.text.find(form, at + len(form))
    return spans


def replaced(text: str, spans: Iterable[tuple[int, int] | tuple[int, int, str]]) -> str:
    """The text with every span replaced by the mark, or by what it names; what begins in another goes with it."""
    parts: list[str] = []
    at = 0
    for start, end, *mark in sorted(spans, key=lambda span: (span[0], -span[1])):
        if start > at or (start == at and (mark or not parts)):
            parts += (text[at:start], mark[0] if mark else MARK)
        at = max(at, end)
    return "".join(parts) + text[at:] if parts else text


def scrubbed(text: str, wanted: Iterable[str]) -> str:
    """The text without any occurrence of the wanted texts."""
    return replaced(text, _occurrences(text, wanted))
