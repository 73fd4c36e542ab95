"""What a peer sent, as it may be printed: without our own secret, and without what controls a terminal."""

from __future__ import annotations

import html
import re
from collections.abc import Callable

HIDDEN = "(hidden)"
_LEAST = 5
"""Characters; a shorter secret would hide words that are none."""
_MOST = 4_096


def printable(text: str) -> str:
    """A text on one line in which every character that controls a terminal is an escape."""
    if text.isprintable():
        return text
    return "".join(
        c if c.isprintable() else " " if c.isspace() else c.encode("unicode_escape").decode("ascii")
        for c in text
    )


def cut(text: str, limit: int, hide: Callable[[str], str]) -> str:
    """The beginning of a text, without secrets: those are hidden first, as none is recognized by its half."""
    shown = hide(text)
    return shown if len(shown) <= limit else f"{shown[:limit]}…"


def hider(*secrets: str | None) -> Callable[[str], str]:
    """A function that replaces the secrets in a text: plain, and as HTML, JSON and URLs write their characters."""
    known = [secret.strip()[:_MOST] for secret in secrets if secret and len(secret.strip()) >= _LEAST]
    if not known:
        return lambda text: text
    found = re.compile(
        "|".join("".join(map(_written, secret)) for secret in sorted(known, key=len, reverse=True))
    )
    return lambda text: found.sub(HIDDEN, text)


def _written(character: str) -> str:
    """A pattern for every way to write a character."""
    if character.isascii() and character.isalnum():
        return character
    code = ord(character)
    forms = ["".join(f"%(?i:{byte:02x})" for byte in character.encode("utf-8", "surrogatepass"))]
    forms += [rf"\\u(?i:{code:04x})", rf"&\#0{{0,8}}{code};", rf"&\#(?i:x0{{0,8}}{code:x});"]
    # The character itself comes last, as it is how some of the others begin.
    forms += [re.escape(html.escape(character)), rf"\\{re.escape(character)}", re.escape(character)]
    return f"(?:{'|'.join(dict.fromkeys(forms))})"
