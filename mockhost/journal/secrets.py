"""What is secret in a text: by the name that stands beside a value, and by the look of the value itself.

A text is taken apart by its own format (JSON, form fields, multipart, XML, lines of `name: value`, filters), and a
string inside of it is a text again. So the rest stays as it was sent. What has no known format, or is broken, is cut
from the first secret on. Each text is read a fixed number of times, whatever it holds.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator, Mapping
from typing import Final
from urllib.parse import quote, unquote, unquote_plus

from mockhost.journal.escapes import MARK, replaced, views
from mockhost.matching import is_matcher

SHORTEST: Final = 4
"""Values of fewer characters are not looked for elsewhere: replacing every `1` would leave no journal."""
DEEPEST: Final = 4
"""Texts within texts that are taken apart; what is deeper and may hold a secret is not shown."""
_LONGEST_NAME = 256
_LONGEST_READ = 2 * 1024
_MOST_QUOTED = 20

# Names are compared without case and without what stands between their letters. What may follow a name is in _NAME.
_ANY = (
    "password|passwd|passphrase|passcode|unicodepwd|pwd|secret|secretkey|apikey|accesskey|accesskeyid|accountkey"
    "|privatekey|signingkey|encryptionkey|subscriptionkey|functionskey|authkey|masterkey|securitykey|sharedkey|hostkey"
    "|(?<!page)(?<!continuation)(?<!delta)(?<!sync)(?<!skip)token|credentials?|connectionstring|connstr|assertion"
    "|samlresponse|samlart|authorization|authentication|cookies?|sessionid|sessid|signature|jwt|codeverifier"
    "|devicecode|usercode|totp|bearer"
)
_NAME: Final = (
    rf"(?:{_ANY}|^(?:pass|auth|pw|sid|sig|sas|otp))(?:s|old|new|hash|digest|confirm(?:ation)?|value|[0-9]+)?$"
)
_IN_FORM: Final = frozenset({"key", "code", "session"})
"""Names that mean a credential as a field of a form or a query, and anything else elsewhere."""
_SCHEMES: Final = "bearer|basic|digest|negotiate|ntlm|dpop|hoba|mutual|apikey|token|aws4-hmac-sha256"
SCHEMES: Final = frozenset(_SCHEMES.split("|"))
_SHAPES: Final = (
    r"(?<![\w-])eyJ[\w-]{6,}\.[\w-]+(?:\.[\w-]*){0,3}"  # JWT and JWE
    r"|(?s:-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----.*?(?:-----END [A-Z ]{0,40}-----|\Z))"
    r"|\b(?:AKIA|ASIA|AROA|AIDA)[A-Z0-9]{12,124}\b"
    r"|\b(?:gh[pousr]_\w{16,}|github_pat_\w{16,}|glpat-[\w-]{16,}|xox[a-z]-[\w-]{8,}|AIza[\w-]{30,}"
    r"|[sr]k_(?:live|test)_\w{8,}|sk-[\w-]{16,}|SG\.[\w-]{16,}\.[\w-]{16,}|npm_\w{30,}|pypi-[\w-]{30,})"
    r"|(?<=://)[^/\s:@]*:[^/\s@]*(?=@)"
    rf"|\b(?i:{_SCHEMES})[ \t]+(?!tok…)(?![\w-]+[ \t]*=)(?=\S*[0-9._~+/=-]|\S{{20}})[^\s,;\"'<>&\\]{{6,}}"
    r"|\b(?i:digest)[ \t]+(?=\w+=)(?i:username)=[^\r\n]*"
)
_PLACE: Final = (  # a name, and what says that a value follows: an operator of a filter, a bracket, `=` or `:`
    r"(?<![\w$-])([\w$-]+)(?:(\[)|([\s+]+(?:eq|ne|co|sw|ew|gt|ge|lt|le)(?=[\s+])[\s+]*)|[\\\"'\]]{0,4}\s{0,8}([=:]))"
)
_QUOTED: Final = r'(?s)"((?:[^"\\]|\\.)*)"'
_TAG: Final = r"<(/?)([\w.:-]+)(?![\w.:-])([^<>]*)>"
_TOKEN: Final = r'(?s)"(?:[^"\\]|\\.)*"|[{}\[\]:,]|[^\s{}\[\]:,"]+'
_HINTS: Final = (
    "pass|pwd|secret|key|token|credential|conn|assertion|saml|auth|cookie|sess|sig|sid|jwt|code|otp|bearer"
    "|basic|digest|negotiate|ntlm|dpop|hoba|mutual|hmac|eyj|-----begin|akia|asia|aroa|aida|gh|glpat|xox|aiza"
    "|k_live_|k_test_|sk-|sg.|npm_|pypi-|://|pw|sas"
)
"""Of every secret that is found here one of these is a part: most texts have none, which is seen quickly."""
_EACH_HINT: Final = tuple(_HINTS.split("|"))


def is_secret(name: str, *, in_form: bool = False) -> bool:
    """Whether a name (of an attribute with or without its schema, of a header, field or element) is a secret's."""
    if len(name) > _LONGEST_NAME:
        return False
    for _ in range(3):
        if "%" not in name:
            break
        name = unquote_plus(name)
    last = re.split(r"[:.\[\]/]", name.rstrip("]: ").rpartition("].")[2])[-1]
    folded = re.sub(r"[\W_]+", "", last.casefold())
    return re.search(_NAME, folded) is not None or (in_form and folded in _IN_FORM)


def may_hold_secrets(text: str) -> bool:
    """Whether a text can hold anything that is found here; quick where it can't."""
    return any(_has_hint(view.text) for view in views(text))


def _has_hint(text: str) -> bool:
    folded = text.casefold()
    return any(hint in folded for hint in _EACH_HINT)


class Finder:
    """Takes secrets out of texts, and remembers their values: they may be repeated elsewhere."""

    def __init__(self) -> None:
        self.found: set[str] = set()

    def text(self, text: str, depth: int = 0) -> str:
        """Any text, by its format."""
        if not may_hold_secrets(text):
            return text
        if depth > DEEPEST:
            return MARK
        begin = text.lstrip("\ufeff \t\r\n")[:1]
        if begin and begin in '{["':
            return self._json(text, depth)
        if re.search(r"(?im)^content-disposition:", text):
            return self._multipart(text, depth)
        if re.match(r"[^\s=&<>\"'{]+=", text) and not re.search(r"[\s<>;]", text):
            return self.form(text, depth)
        return self._plain(text)

    def sentence(self, text: str) -> str:
        """A sentence of ours, which may quote a client: what looks like a secret, and `name=value`."""
        return self._plain(text, sentence=True) if may_hold_secrets(text) else text

    def hide(self, value: str) -> str:
        """Remember a secret value; gives what is shown instead."""
        self.found.update(_readings(value))
        return MARK

    # ---- form fields and queries ----

    def form(self, text: str, depth: int = 0) -> str:
        """`name=value&name=value`, as a query or a body."""
        if not may_hold_secrets(text):
            return text
        fields = text.split("&")
        for place, field in enumerate(fields):
            fields[place] = self._field(field, depth)
            if fields[place] != field and field[:7].casefold() == "filter=":
                # An `&` in a filter's value that was not escaped begins no new field.
                return "&".join([*fields[: place + 1], *map(self.hide, fields[place + 1 :])])
        return "&".join(fields)

    def _field(self, pair: str, depth: int) -> str:
        name, equals, value = pair.partition("=")
        if not equals:
            return self._plain(pair)
        plain = unquote_plus(value)
        # A server that takes a plus for a plus repeats the value with it.
        if value and is_secret(unquote_plus(name), in_form=True):
            self.hide(unquote(value))
            return f"{name}={self.hide(plain)}"
        kept = self.text(plain, depth + 1)
        if kept != plain and "+" in value:
            self.text(unquote(value), depth + 1)
        return pair if kept == plain else f"{name}={quote(kept, safe='[]()!*,:;/@$ ').replace(' ', '+')}"

    # ---- multipart ----

    def _multipart(self, text: str, depth: int) -> str:
        return "".join(
            piece if place % 2 else self._part(piece, depth)
            for place, piece in enumerate(re.split(r"((?:\r?\n|\A)--)", text))
        )

    def _part(self, part: str, depth: int) -> str:
        blank = re.search(r"\r?\n\r?\n", part)
        if blank is None:
            return self._plain(part)
        head, content = part[: blank.start()], part[blank.end() :]
        named = re.search(r"(?i)\bname=\"?([^\";\r\n]*)", head)
        if named is not None and content.strip() and is_secret(named[1], in_form=True):
            return head + blank[0] + self.hide(content)
        return head + blank[0] + self.text(content, depth + 1)

    # ---- JSON ----

    def _json(self, text: str, depth: int) -> str:
        """JSON with the values of secrets replaced, still JSON. Broken JSON is read as far as it goes."""
        end, broken = len(text), True
        try:
            json.loads(text.removeprefix("\ufeff"), strict=False)
            broken = False
        except json.JSONDecodeError as error:
            end = error.pos + text.startswith("\ufeff")
        except (ValueError, RecursionError):
            end = 0
        reader = _Reader(self, text, end, depth)
        reader.read()
        tail = text[end:]
        if broken:
            reader.hide_open()
            if tail.strip() and (reader.found or may_hold_secrets(tail)):
                tail = self.hide(tail)
        return replaced(text[:end], reader.replacements()) + tail

    # ---- anything else ----

    def _plain(self, text: str, *, sentence: bool = False) -> str:
        text = replaced(text, self._spans(text, sentence=sentence))
        cut = len(text)
        for view in views(text):  # what is hidden in escapes has an unknown end: all that follows goes
            if view.starts is not None:
                spans = self._spans(view.text, sentence=sentence)
                starts = (view.span(a, b)[0] for a, b in spans if view.text[a:b].strip() != MARK)
                cut = min(cut, min(starts, default=cut))
        return text if cut == len(text) else text[:cut] + self.hide(text[cut:])

    def _spans(self, text: str, *, sentence: bool) -> list[tuple[int, int]]:
        """Where a text of no particular format has secrets."""
        spans = []
        for found in re.finditer(_SHAPES, text):
            start, end = found.span()
            scheme = re.match(rf"(?i)(?:{_SCHEMES})[ \t]+", found[0])
            spans.append(self._span(text, start + (scheme.end() if scheme else 0), end))
        end = 0
        for found in re.finditer(_PLACE, text):
            if found.start() >= end and is_secret(found[1]):
                start, end = _value(text, found, sentence=sentence)
                if start < end:
                    spans.append(self._span(text, start, end))
        return spans + list(self._elements(text)) if "<" in text else spans

    def _span(self, text: str, start: int, end: int) -> tuple[int, int]:
        if text[start:end] != MARK:
            self.hide(text[start:end])
        return start, end

    def _elements(self, text: str) -> Iterator[tuple[int, int]]:
        """The contents of XML elements with a secret's name; of one that does not end, everything."""
        name, start = None, 0
        for found in re.finditer(_TAG, text):
            closes, tag = found[1], found[2].casefold()
            if name is None and not closes and not found[3].endswith("/") and is_secret(tag):
                name, start = tag, found.end()
            elif closes and tag == name:
                if text[start : found.start()].strip():
                    yield self._span(text, start, found.start())
                name = None
        if name is not None and text[start:].strip():
            yield self._span(text, start, len(text))


def _readings(value: str) -> Iterator[str]:
    """What a secret's text may mean, in whatever escapes: all of it, and what stands in quotes."""
    yield value
    for view in views(value[:_LONGEST_READ]):
        for plain in {view.text, view.text.replace("+", " ")}:
            yield from (plain.strip(), plain.strip().strip("\"'"))
            for found in itertools.islice(re.finditer(_QUOTED, plain), _MOST_QUOTED):
                if not is_secret(found[1]):
                    yield found[1]


def _value(text: str, found: re.Match[str], *, sentence: bool) -> tuple[int, int]:
    """Where the value stands that belongs to a secret's name; nowhere, if none follows."""
    start = found.end()
    if found[2] or found[3]:  # a filter: where its value ends is for the client to know
        return start, len(text)
    quoted = re.compile(r"\s*\\*([\"'])").match(text, start)
    if found[4] == ":" and sentence and not (quoted and found[0].rstrip(" :")[-1:] in "\"'"):
        return start, start
    if quoted is not None:
        mark = re.escape(quoted[1])
        closing = re.compile(rf"(?s)(?:[^\\{mark}]|\\.)*").match(text, quoted.end())
        return quoted.end(), closing.end() if closing is not None else len(text)
    stop = re.compile(r"[\r\n]" if found[4] == ":" else r"[;&\r\n<\"']").search(text, start)
    blank = re.compile(r"[ \t]*").match(text, start)
    return blank.end() if blank else start, stop.start() if stop else len(text)


class _Open:
    """An object or array that the reader is inside of."""

    __slots__ = ("is_object", "key", "names_secret", "start", "values", "wants_key")

    def __init__(self, start: int, *, is_object: bool) -> None:
        self.start = start
        self.is_object = self.wants_key = is_object
        self.key: str | None = None
        self.names_secret = False
        """some member's value is the name of a secret, as a PATCH operation's path is"""
        self.values: list[tuple[int, int]] = []
        """where its members called `value` stand"""


class _Reader:
    """Reads JSON token by token and notes what to replace."""

    def __init__(self, finder: Finder, text: str, end: int, depth: int) -> None:
        self.spans: list[tuple[int, int, str]] = []
        """what to replace, and by what"""
        self._secret: list[tuple[int, int]] = []
        self._finder = finder
        self._text = text
        self._end = end
        self._depth = depth
        self._stack: list[_Open] = []

    @property
    def found(self) -> bool:
        """Whether there is a secret in what was read, or the reader stopped before the value of one."""
        key = self._stack[-1].key if self._stack else None
        return bool(self.spans or self._secret) or (key is not None and is_secret(key))

    def read(self) -> None:
        """Read to the end of what is JSON."""
        for found in re.compile(_TOKEN).finditer(self._text, 0, self._end):
            token = found[0]
            top = self._stack[-1] if self._stack else None
            if token in "{[":
                self._stack.append(_Open(found.start(), is_object=token == "{"))
            elif token in "}]":
                self._close(found.end())
            elif token == ",":
                if top is not None:
                    top.key, top.wants_key = None, top.is_object
            elif token[0] == '"' and top is not None and top.wants_key:
                top.key, top.wants_key = _string(token), False
            elif token != ":":
                if token[0] == '"':
                    self._read_string(token, found.start(), top)
                self._place(found.start(), found.end())

    def hide_open(self) -> None:
        """The text broke off: in what was not closed a value may be a secret's whose name never came."""
        for each in self._stack:
            self._secret += each.values

    def replacements(self) -> list[tuple[int, int, str]]:
        """All that is to be replaced. Of secrets in each other the outermost counts; flags alone are no secret."""
        at = 0
        for start, end in sorted(self._secret, key=lambda span: (span[0], -span[1])):
            if start >= at:
                at = end
                if scalars := list(_scalars(self._text[start:end])):
                    self._finder.found.update(scalars)
                    self.spans.append((start, end, f'"{MARK}"'))
        return self.spans

    def _read_string(self, token: str, start: int, top: _Open | None) -> None:
        value = _string(token)
        if top is not None and top.key is not None and is_secret(value):
            top.names_secret = True
        kept = self._finder.text(value, self._depth + 1)
        if kept != value:
            self.spans.append((start, start + len(token), json.dumps(kept, ensure_ascii=False)))

    def _close(self, end: int) -> None:
        closed = self._stack.pop()
        if closed.names_secret:
            self._secret += closed.values
        self._place(closed.start, end)

    def _place(self, start: int, end: int) -> None:
        """A value has ended: see what its name makes of it."""
        if not self._stack or self._stack[-1].key is None:
            return
        if self._stack[-1].key.casefold() == "value":
            self._stack[-1].values.append((start, end))
        if is_secret(self._stack[-1].key):
            self._secret.append((start, end))


def _string(token: str) -> str:
    value = json.loads(token, strict=False)
    assert isinstance(value, str)
    return value


def _scalars(value: str) -> Iterator[str]:
    """Every string and number in a JSON value, but no member's name."""
    tokens = re.findall(_TOKEN, value)
    for token, following in zip(tokens, [*tokens[1:], ""], strict=True):
        if following != ":" and token not in ("{", "}", "[", "]", ":", ",", "true", "false", "null", '""'):
            yield _string(token) if token[0] == '"' else token


# -- secret tokens in rules, states and the timeline ---------------------------------------------------------


_SECRET: Final = "secret_token"
_FAULT: Final = "token_rotated"


def tokens_in(document: object) -> list[str]:
    """The secret tokens in a rule, or in any document that has rules, states or happenings in it.

    There are three places: what is `set` to be a connector's or client's secret token, the new token of the fault
    `token_rotated`, and the credentials in the headers that a rule asks for or answers with.
    """
    return [token for token in _found(document) if token]


def _found(value: object) -> Iterator[str]:
    if isinstance(value, (list, tuple)):
        for each in value:
            yield from _found(each)
    elif isinstance(value, Mapping):
        for name, each in value.items():
            if name == "set":
                yield from _set(each)
            elif name == _FAULT:
                token = each.get("token") if isinstance(each, Mapping) else each
                yield from [token] if isinstance(token, str) else ()
            elif name in ("header", "headers") and isinstance(each, Mapping):
                for header, said in each.items():
                    if "authorization" in str(header).casefold():
                        yield from _credentials(said)
            else:
                yield from _found(each)


def _set(value: object) -> Iterator[str]:
    """The tokens in what is set: by a dotted path, or deep in a document."""
    if isinstance(value, Mapping):
        for name, each in value.items():
            if str(name).rpartition(".")[2] == _SECRET:
                yield from [each] if isinstance(each, str) else ()
            else:
                yield from _set(each)


def _credentials(said: object) -> Iterator[str]:
    """The tokens in an expectation of a credential, or in one: `Bearer TOKEN`, without the scheme."""
    if isinstance(said, str):
        yield said.strip().rpartition(" ")[2]
    elif isinstance(said, (list, tuple)):
        for each in said:
            yield from _credentials(each)
    elif isinstance(said, Mapping) and is_matcher(said):
        for word in ("equals", "any_of", "not"):
            yield from _credentials(said.get(word))
