"""Compare a text that a user has seen with a known text.

A text becomes words, without what differs from one machine or user to the next: GUIDs, hosts, ports, users, numbers,
folders of paths, quotes, case, line breaks and Unicode spaces are left out, and the escapes of JSON and HTML are
undone. What stays of a path is the name of the file.

Either text may be a part of the other: a known text stands inside a log line, or only a piece of it was copied. Words
count by what they say; matched words must be in runs, so that two long texts which merely share common words do not
match.
"""

from __future__ import annotations

import html
import re
import tomllib
import unicodedata
from collections.abc import Iterable
from difflib import Match as SequenceMatch
from difflib import SequenceMatcher
from functools import cache
from http import HTTPStatus
from pathlib import Path
from typing import NamedTuple

# -- words of a text -----------------------------------------------------------------------------------------


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


# -- comparing them ------------------------------------------------------------------------------------------


_WHOLE = 0.8
"""Which part of the known text must be there for it to count as there."""
_PIECE = 0.3
"""Which part of it is enough where the matched words say much by themselves."""
_MUCH = 6.5
"""The weight of words that say much by themselves: about three that are not common."""
_SOME = 4.5
_NEARLY = 0.75
"""Which part of what was seen a stock phrase has to be."""
_FRAGMENT = 0.85
"""Which part of the text that was seen must be found for it to count as a piece of the known one."""
_LONE = 4.0
"""The weight of a word that matches without neighbours: an identifier."""
_STANDS_ALONE = 1.5
"""The weight of a short text that is found where it stands by itself."""
_UNBROKEN = 3.4
"""The weight of a text that is found where it is there in one piece."""
_STOCK = 0.15
_MIXED = 0.6
"""A text of which more than this is stock phrases is such a phrase itself."""


ANY = "*"
"""Replaces a word of a known text that is the name of a user."""


class Known(NamedTuple):
    """A text of the catalogue, ready to be compared."""

    words: tuple[str, ...]
    weights: tuple[float, ...]
    """stock phrases among other words count less"""
    total: float
    statuses: frozenset[str]
    stock: bool
    """whether it is little more than a stock phrase"""
    answer: bool
    """whether it is a whole answer: then nearly all of what was seen must be in it"""


class Match(NamedTuple):
    """How two texts fit. `score` is 1 for the same text, and from 0.75 on where one is inside of the other."""

    score: float
    fits: bool
    """whether that is enough to say that the one is the other"""
    of_known: float
    """which part of the known text was found"""
    of_seen: float
    """which part of the text that was seen it explains"""


NONE = Match(0.0, False, 0.0, 0.0)


def known(text: str, *, answer: bool = False) -> Known:
    """A text of the catalogue, ready to be compared."""
    found = normalize(text, files=True)
    samples = vocabulary().samples
    words = tuple(ANY if word.text in samples else word.text for word in found.words)
    weights = [0.0 if word.text in samples else word.weight for word in found.words]
    inside = _in_phrases(words)
    stock = sum(weights[i] for i in inside) > _MIXED * (sum(weights) or 1)
    if not stock:
        for i in inside:
            weights[i] *= _STOCK
    return Known(words, tuple(weights), sum(weights), found.statuses, stock, answer)


def _in_phrases(words: tuple[str, ...]) -> set[int]:
    """The places of the words that belong to a stock phrase."""
    inside: set[int] = set()
    for phrase in vocabulary().phrases:
        size = len(phrase)
        for start in range(len(words) - size + 1):
            if words[start : start + size] == phrase:
                inside.update(range(start, start + size))
    return inside


class Seen:
    """A text that a user has seen, prepared once and compared with many."""

    def __init__(self, text: str) -> None:
        found: Words = normalize(text)
        self.words = tuple(word.text for word in found.words)
        self._weights = tuple(word.weight for word in found.words)
        self._total = sum(self._weights)
        self._statuses = found.statuses
        self._set = frozenset(self.words)
        self._runs = SequenceMatcher(None, "", self.words, autojunk=False)
        self._last = self.words[-1] if self.words else ""
        self._segments = segments(text)

    def match(self, other: Known) -> Match:
        """How well the known text fits. Both may have anything around the part that fits."""
        if not self.words or not other.total:
            return NONE
        if other.statuses and self._statuses and not (other.statuses & self._statuses):
            return NONE
        if self.words == other.words:
            return Match(1.0, True, 1.0, 1.0)
        if other.total >= _STANDS_ALONE and self._stands_alone(other):
            return Match(
                0.75 + 0.25 * min(other.total / self._total, 1.0), True, 1.0, other.total / self._total
            )
        if self._set.isdisjoint(other.words):
            return NONE
        most = sum(w for word, w in zip(other.words, other.weights, strict=True) if word in self._set)
        if most < 0.5 * _PIECE * other.total:
            inside = frozenset(other.words)
            found = sum(w for word, w in zip(self.words, self._weights, strict=True) if word in inside)
            if found < 0.5 * self._total:
                return NONE
        return self._compare(other)

    def _stands_alone(self, other: Known) -> bool:
        """Whether one of the short pieces of what was seen is the known text."""
        if ANY not in other.words:
            return other.words in self._segments
        size = len(other.words)
        return any(
            len(piece) == size and all(b in (ANY, a) for a, b in zip(piece, other.words, strict=True))
            for piece in self._segments
        )

    def _compare(self, other: Known) -> Match:
        self._runs.set_seq1(other.words)
        matched = seen = 0.0
        longest_run = 0
        before: tuple[int, int] | None = None
        blocks = [block for block in self._runs.get_matching_blocks() if block.size]
        for number, (start, place, size) in enumerate(blocks):
            ours = sum(other.weights[start : start + size])
            raw = sum(self._weights[place : place + size])
            around = blocks[max(number - 1, 0) : number + 2]
            if (
                size == 1
                and raw < _LONE
                and len(other.words) > 1
                and not _has_neighbour(blocks[number], around)
            ):
                continue
            matched += ours
            seen += raw
            longest_run = max(longest_run, size)
            before = (start + size, place + size)
            following = blocks[number + 1].b if number + 1 < len(blocks) else len(self.words)
            if other.words[before[0] : before[0] + 1] == (ANY,) and before[1] < following:
                seen += self._weights[before[1]]  # the name of another user
        if before is not None and self._cut_off(other, *before):
            matched += other.weights[before[0]]
            seen += self._weights[-1]
            longest_run += 1
        of_known = min(matched / other.total, 1.0)
        of_seen = min(seen / self._total, 1.0)
        score = 0.75 * max(of_known, of_seen) + 0.25 * min(of_known, of_seen)
        whole = of_known >= _WHOLE and (of_seen >= _NEARLY if other.stock else matched >= _SOME)
        whole = whole or (of_known >= 0.95 and of_seen >= (_NEARLY if other.stock else 0.6))
        whole = whole or (longest_run >= len(other.words) and other.total >= _UNBROKEN and not other.stock)
        piece = of_known >= _PIECE and matched >= _MUCH and not other.stock
        unbroken = longest_run == len(self.words) >= 2 and matched >= 1
        fragment = of_seen >= _FRAGMENT and (matched >= _SOME or unbroken or self._total >= _LONE <= matched)
        fits = whole or piece or (fragment and not (other.stock and of_known < 0.5))
        if other.answer:
            entire = longest_run >= len(other.words)
            fits = of_seen >= (0.4 if entire else 0.6) and of_known >= 0.4
        return Match(score, fits, of_known, of_seen)

    def _cut_off(self, other: Known, start: int, place: int) -> bool:
        """Whether what was seen ends within the next word of the known text."""
        at_end = place == len(self.words) - 1 and start < len(other.words)
        return at_end and other.words[start].startswith(self._last)


def _has_neighbour(block: SequenceMatch, around: Iterable[SequenceMatch]) -> bool:
    """Whether a longer block is not more than two words away, in both texts."""
    for other in around:
        first, second = sorted((block, other))
        near = second.a - first.a - first.size <= 2 and second.b - first.b - first.size <= 2
        if other.size > 1 and near:
            return True
    return False
