"""Read XML and text that a user wrote or copied: XML safely, and with the place of each element.

The configuration files of the Windows server are XML. They may come from anywhere, so a document type is refused, and
with it every entity, external reference and entity bomb; size, depth and number of elements have limits.
"""

from __future__ import annotations

import codecs
from typing import Any, Final

from mockhost.errors import MockhostError, Problem

LARGEST: Final = 10 << 20
"""Bytes of a file."""
DEEPEST: Final = 64
"""Elements in each other."""
MOST_MARKUP: Final = 400_000
"""Tags, and quotation marks of attributes, in a file: what bounds the memory that its elements take."""

# Codes of expat (expat.h, enum XML_Error) whose own texts do not say what to do.
_NO_ELEMENT, _UNCLOSED, _MISMATCHED, _JUNK = 3, 5, 7, 9
_ENCODINGS: Final = {18, 19}


_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


class XmlError(MockhostError):
    """XML that can't be read, and where. `is_cut_off`: the file ends too early. `is_outside`: text after the root."""

    def __init__(self, problem: Problem, *, is_cut_off: bool = False, is_outside: bool = False) -> None:
        super().__init__(str(problem))
        self.problem = problem
        self.is_cut_off = is_cut_off
        self.is_outside = is_outside


class Element:
    """An element with its attributes, its text (without that of its children), and its place in the file."""

    __slots__ = ("attributes", "children", "column", "end", "line", "start", "tag", "text")

    def __init__(self, tag: str, attributes: dict[str, str], line: int, column: int, start: int) -> None:
        self.tag = tag
        self.attributes = attributes
        self.text = ""
        self.children: list[Element] = []
        self.line = line
        """counts from 1, as does the column"""
        self.column = column
        self.start = start
        """the byte with which its start tag begins"""
        self.end = start
        """the byte with which its end tag begins; behind the element if it has none"""

    def all(self, *path: str) -> list[Element]:
        """The elements below this one whose tags are `path`."""
        found = [self]
        for tag in path:
            found = [child for element in found for child in element.children if child.tag == tag]
        return found

    def first(self, *path: str) -> Element | None:
        """The first of `all(path)`."""
        return next(iter(self.all(*path)), None)

    def value(self, *path: str) -> str:
        """The text of the first of `all(path)`, without white space around it; empty if there is none."""
        found = self.first(*path)
        return found.text.strip() if found else ""


def short(name: str) -> str:
    """A name of a file for a message; a stranger's may be as long as the file."""
    return name if len(name) <= 80 else f"{name[:79]}…"


class _Builder:
    """Collects the elements while the parser reads."""

    def __init__(self) -> None:
        self.open: list[Element] = []
        self.texts: list[list[str]] = []
        self.root: Element | None = None
        self.at: Any = None
        """the parser, which knows the place"""

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        at = self.at
        place = at.CurrentLineNumber, at.CurrentColumnNumber + 1, at.CurrentByteIndex
        element = Element(tag, attributes, *place)
        if len(self.open) >= DEEPEST:
            raise _Limit(f"elements are nested more than {DEEPEST} levels deep", "remove the innermost ones")
        if self.open:
            self.open[-1].children.append(element)
        else:
            self.root = element
        self.open.append(element)
        self.texts.append([])

    def data(self, text: str) -> None:
        self.texts[-1].append(text)

    def end(self, tag: str) -> None:
        element = self.open.pop()
        element.text = "".join(self.texts.pop())
        element.end = self.at.CurrentByteIndex

    def close(self) -> None:
        """Nothing to do: the root is kept."""

    def path(self) -> str:
        if not self.root:
            return "file"
        return "/".join(short(element.tag) for element in self.open) or short(self.root.tag)


class _Limit(Exception):
    """A limit that the file exceeds: a message and a hint."""


def read(data: bytes, file: str) -> Element:
    """The root of the XML in `data`; `file` names it in messages. Raises XmlError."""
    if len(data) > LARGEST:
        size = f"{LARGEST >> 20} MiB"
        raise XmlError(
            Problem(file, 0, 0, "file", f"is larger than {size}", "a configuration file is smaller")
        )
    if data.count(b"<") + data.count(b'"') + data.count(b"'") > MOST_MARKUP:
        raise XmlError(Problem(file, 0, 0, "file", f"has more than {MOST_MARKUP:,} tags and quotation marks"))
    return _parse(data, file)


def _parse(data: bytes, file: str) -> Element:
    from defusedxml.common import DefusedXmlException
    from defusedxml.ElementTree import DefusedXMLParser, ParseError

    builder = _Builder()
    parser = DefusedXMLParser(target=builder, forbid_dtd=True)
    at = builder.at = parser.parser

    def problem(message: str, hint: str = "") -> Problem:
        return Problem(file, at.CurrentLineNumber, at.CurrentColumnNumber + 1, builder.path(), message, hint)

    try:
        parser.feed(data)
        parser.close()
    except DefusedXmlException:
        hint = "remove <!DOCTYPE …>; no configuration file needs one"
        raise XmlError(problem("has a document type, which is not read", hint)) from None
    except _Limit as limit:
        raise XmlError(problem(*limit.args)) from None
    except ParseError as error:
        line, column = error.position
        message, hint = _words(error.code, str(error), builder)
        found = Problem(file, line, column + 1, builder.path(), message, hint)
        cut = error.code in {_NO_ELEMENT, _UNCLOSED} and builder.root is not None
        raise XmlError(found, is_cut_off=cut, is_outside=error.code == _JUNK) from None
    except (LookupError, ValueError):  # of Python's codecs, for the encoding that the file declares
        raise XmlError(problem("declares an encoding that is not known", 'write encoding="utf-8"')) from None
    assert builder.root is not None
    return builder.root


def _words(code: int, text: str, builder: _Builder) -> tuple[str, str]:
    """What a parser's error means, and what to do."""
    if code in {_NO_ELEMENT, _UNCLOSED} and builder.root is None:
        return ("is cut off in its first element" if code == _UNCLOSED else "has no element"), (
            "the file is empty or cut off; restore it from its backup"
        )
    if code in {_NO_ELEMENT, _UNCLOSED}:
        where = "in the middle of a tag" if code == _UNCLOSED else f"before </{short(builder.open[-1].tag)}>"
        return f"the file ends {where}", "it is cut off here; complete it, or restore it from its backup"
    if code == _JUNK:
        assert builder.root is not None
        end = f"</{short(builder.root.tag)}>"
        return f"there is something after {end}", f"move it above the line with {end}, which ends the file"
    if code == _MISMATCHED:
        return (
            f"expected </{short(builder.open[-1].tag)}> here",
            "each element ends before the one around it does",
        )
    if code in _ENCODINGS:
        return (
            "the file has another encoding than it declares",
            "save it as UTF-8; Notepad calls UTF-16 'Unicode'",
        )
    return f"is not well-formed XML: {text.partition(':')[0]}", "correct it, or restore it from its backup"


def decoded(data: bytes) -> str:
    """The text of a file: by its byte order mark, else as UTF-8; what cannot be read is replaced.

    `>` of Windows PowerShell writes UTF-16 with a mark (Microsoft Learn, about_Character_Encoding).
    """
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return data[len(mark) :].decode(encoding, "replace")
    return data.decode("utf-8", "replace")
