"""Turn a text into words, without what differs from one machine or user to the next.

GUIDs, hosts, ports, users, numbers, folders of paths, quotes, case, line breaks and Unicode spaces are left out, and
the escapes of JSON and HTML are undone. What stays of a path is the name of the file.
"""

from __future__ import annotations

import html
import re
import tomllib
import unicodedata
from functools import cache
from http import HTTPStatus
from pathlib import Path
from typing import NamedTuple

LIMIT = 30_000
"""Characters of a text that are looked at; of a longer one, the first and the last half of it."""
VOCABULARY = Path(__file__).with_name("vocabulary.toml")

_STATUSES = frozenset(str(status.value) for status in HTTPStatus if status.value >= 400)
_QUOTES = str.maketrans({**dict.fromkeys("‘’‚‛′`´ʼ＇", "'"), **dict.fromkeys("“”„‟″«»＂", '"')})
_MOJIBAKE = re.compile("â€[™˜œ\x9d“”\x99\x98\x9c]?")
_SOFT = "\ue000"
"""Put before a word that stands alone between quotes: a name, usually, and not a part of the message."""
_FILE = "\ue001"
"""Put before the name of a file whose folder was left out: it counts less in a text that was seen."""

_ANSI = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")
_BACKSLASHES = re.compile(r"\\{2,}")
_HEX = re.compile(r"\\u([0-9a-fA-F]{4})")
_PERCENT = re.compile(r"%([2-7][0-9A-Fa-f])")
_LINE_END = re.compile(r"\\r\\n|\\[nrt](?![a-z])")
_LATE_LINE_END = re.compile(r"\\[nrt]")
_VARIABLE = re.compile(
    r"""
      \bfile:/{2,3}(?=[A-Za-z]:)                                            # the scheme of a Windows path
    | \b[A-Za-z]:(?:[\\/]+[^\\/:*?"'<>|\r\n]{1,120})*[\\/]+                 # C:\Program Files\x\
    | \b[a-z][a-z0-9+.-]{1,20}://[^\s"'<>\\)\]}]*                           # a URL
    | (?<![\w.])/(?:[\w.@+~-]{1,120}/)+                                     # /usr/lib/
    | [\w.+-]{1,80}@[\w-]{1,80}(?:\.[\w-]{1,80}){1,6}                       # a user
    | \b[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}\b                     # a GUID
    | \b\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?
    | \[[0-9a-f]*:[0-9a-f:.]*\](?::\d+)? | (?<![\w:])::1\b                  # IPv6
    | \b\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?\b                                  # IPv4
    | \b[\w-]{1,63}(?:\.[\w-]{1,63}){0,6}:\d{2,5}\b                         # host:port
    | \blocalhost\b
    | \b(?:[a-z0-9-]{1,63}\.){1,6}(?:com|org|io|lab|local|internal|corp|example|test|invalid|lan|eu|cloud)\b(?!\.\w)
    | \b(?:[a-z0-9-]{1,63}\.){2,6}net\b(?!\.\w)
    | \b0x[0-9a-f]+\b
    """,
    re.VERBOSE | re.IGNORECASE,
)
_QUOTED = re.compile(r"""(['"])([^\s'"]{1,80})\1""")
_APOSTROPHE = re.compile(r"(?<=[^\W_])'+(?=[^\W_])")
_WORD = re.compile(rf"[{_SOFT}{_FILE}]*\w+")
_SEGMENTS = (
    re.compile(r"[\"'\r\n{}\[\]()<>]|:\s|\s[-\u2013\u2014|]\s"),
    re.compile(r"[\"'{}\[\]()<>]|:\s|\s[-\u2013\u2014|]\s"),
    re.compile(r"[{}\[\]()<>]|:\s|\s[-\u2013\u2014|]\s"),
)
"""What stands around a message: with line breaks or without, as the message may have some; with quotes or without."""
_NUMBER = re.compile(r"\d+(?:ms|s|m|h|d|b|kb|mb|th|st|nd|rd)?")


class Word(NamedTuple):
    """A word of a text, folded, and how much it says about the cause of an error."""

    text: str
    weight: float


class Words(NamedTuple):
    """A text, as it is compared."""

    words: tuple[Word, ...]
    statuses: frozenset[str]
    """the statuses of HTTP among its numbers"""

    @property
    def weight(self) -> float:
        """The weight of all words."""
        return sum(word.weight for word in self.words)


class Vocabulary(NamedTuple):
    """Words and phrases that many messages share."""

    noise: frozenset[str]
    common: frozenset[str]
    phrases: frozenset[tuple[str, ...]]
    samples: frozenset[str]


@cache
def vocabulary() -> Vocabulary:
    """What vocabulary.toml has."""
    data = tomllib.loads(VOCABULARY.read_text(encoding="utf-8"))
    phrases = (tuple(re.findall(r"\w+", phrase.casefold())) for phrase in data["phrases"])
    return Vocabulary(
        frozenset(data["noise"].split()),
        frozenset(data["common"].split()),
        frozenset(phrases),
        frozenset(data["samples"].split()),
    )


def normalize(text: str, *, files: bool = False) -> Words:
    """The words of a text in order, and the statuses that it names. `files`: names of files count in full."""
    found: list[Word] = []
    statuses: set[str] = set()
    for part in _WORD.findall(_invariant(text)):
        soft = _SOFT in part or (_FILE in part and not files)
        original = part.lstrip(_SOFT + _FILE).strip("_")
        folded = original.casefold()
        if folded in _STATUSES:
            statuses.add(folded)
        if not folded or _NUMBER.fullmatch(folded):
            continue
        weight = _weight(original, folded)
        found.append(Word(folded, min(weight, 0.6) if soft else weight))
    return Words(tuple(found), frozenset(statuses))


def segments(text: str) -> set[tuple[str, ...]]:
    """The short pieces of a text that stand by themselves: between quotes, after a colon, on a line."""
    plain = _plain(_cut(text))
    pieces = {part.strip() for pattern in _SEGMENTS for part in pattern.split(plain)[:400]}
    return {tuple(word.text for word in normalize(piece).words) for piece in pieces if 2 < len(piece) < 120}


def _weight(original: str, folded: str) -> float:
    known = vocabulary()
    if folded in known.noise:
        return 0.2
    if folded in known.common:
        return 1.0
    if folded.endswith(("error", "exception")):
        return 1.5  # a class of errors, raised for many causes
    if len(folded) >= 9 and (("_" in folded) or (sum(map(str.isupper, original)) > 1) or len(folded) > 15):
        return 6.0  # an identifier: ECONNREFUSED, CERT_HAS_EXPIRED, HttpRequestException
    return 2.5


def _invariant(text: str) -> str:
    """The text without what varies."""
    text = _plain(_cut(text))
    text = _LINE_END.sub(" ", text)
    text = text.replace("\\/", "/")
    text = _VARIABLE.sub(_replacement, text)
    text = _LATE_LINE_END.sub(" ", text)
    text = text.replace("\\", " ")
    text = _QUOTED.sub(_softened, text)
    return _APOSTROPHE.sub("", text)


def _cut(text: str) -> str:
    return text if len(text) <= LIMIT else f"{text[: LIMIT // 2]} {text[-LIMIT // 2 :]}"


def _plain(text: str) -> str:
    """The text without escapes, with straight quotes and one form of each character."""
    text = _BACKSLASHES.sub(r"\\", _ANSI.sub("", text))
    for _ in range(2):
        if "&" in text:
            text = html.unescape(text)
    text = _HEX.sub(lambda found: chr(int(found[1], 16)), text)
    text = _PERCENT.sub(lambda found: chr(int(found[1], 16)), text)
    text = re.sub(r"\\([\"'])", r"\1", text)
    text = _MOJIBAKE.sub("'", text)
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
        text = "".join(char for char in text if unicodedata.category(char) not in ("Cf", "Cs"))
        text = text.translate(_QUOTES)
    return text.replace("`", "'")


def _replacement(found: re.Match[str]) -> str:
    return f" {_FILE}" if found[0][-1] in "\\/" and ":" not in found[0][2:] else " "


def _softened(found: re.Match[str]) -> str:
    inner = found[2]
    return f" {_SOFT}{inner} " if re.fullmatch(r"\w+", inner) else f" {inner} "
