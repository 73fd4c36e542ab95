"""The `.exe.config` files of the service, the wizard and the agent: read, judged as Windows and .NET do, and changed.

Documented: Microsoft Learn, "Troubleshoot on-premises application provisioning", "Turn on verbose logging" and "Query
the ECMA Host Cache". What .NET makes of `switchValue` follows microsoft/referencesource: TraceSource.Initialize calls
Enum.Parse(typeof(SourceLevels), switchValue), which regards case.

Assumed: a file that is not well-formed is refused before .NET runs, by the side-by-side loader (error 14001); one that
is well-formed but refused by .NET ends the service when it reads its settings or writes its first trace.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple
from xml.sax.saxutils import escape

from mockhost import elements, facts
from mockhost.elements import Element, XmlError, short
from mockhost.errors import Problem, UsageError, did_you_mean

LEVELS: Final[Mapping[str, int]] = {
    "Off": 0x0,
    "Critical": 0x1,
    "Error": 0x3,
    "Warning": 0x7,
    "Information": 0xF,
    "Verbose": 0x1F,
    "ActivityTracing": 0xFF00,
    "All": 0xFFFFFFFF,
}
"""System.Diagnostics.SourceLevels."""

EVENT_TYPES: Final[Mapping[str, int]] = {
    "Critical": 0x1,
    "Error": 0x2,
    "Warning": 0x4,
    "Information": 0x8,
    "Verbose": 0x10,
    "Start": 0x100,
    "Stop": 0x200,
    "Suspend": 0x400,
    "Resume": 0x800,
    "Transfer": 0x1000,
}
"""System.Diagnostics.TraceEventType; a source writes an event if its bit is in the source's levels."""

SOURCES: Final = ("ConnectorsLog", "ECMA2Host")
"""The trace sources of service and wizard."""

SERVICE: Final = "Program Files/Microsoft ECMA2Host/Service/Microsoft.ECMA2Host.Service.exe.config"
WIZARD: Final = "Program Files/Microsoft ECMA2Host/Wizard/Microsoft.ECMA2Host.ConfigWizard.exe.config"
AGENT: Final = (
    "Program Files/Microsoft Azure AD Connect Provisioning Agent/AADConnectProvisioningAgent.exe.config"
)
"""Where the files are, below drive C:."""

SIDE_BY_SIDE, DOTNET = "side_by_side", "dotnet"

# Top-level elements that .NET Framework 4 knows from its machine.config. Assumed to be complete enough.
_SECTIONS: Final = frozenset({
    "appSettings", "assemblyBinding", "configProtectedData", "configSections", "connectionStrings",
    "cryptographySettings", "linkedConfiguration", "location", "mscorlib", "runtime",
    "satelliteassemblies", "startup", "strongNames", "system.applicationHost", "system.codedom",
    "system.data", "system.data.dataset", "system.data.odbc", "system.data.oledb",
    "system.data.oracleclient", "system.data.sqlclient", "system.diagnostics", "system.identityModel",
    "system.identityModel.services", "system.net", "system.runtime.caching", "system.runtime.remoting",
    "system.runtime.serialization", "system.serviceModel", "system.serviceModel.activation",
    "system.transactions", "system.web", "system.web.extensions", "system.webServer",
    "system.windows.forms", "system.xaml.hosting", "system.xml.serialization", "uri", "windows",
})  # fmt: skip


class Source(NamedTuple):
    """A trace source: which events it writes."""

    name: str
    switch_value: str
    """as written; empty if the file does not set it"""
    levels: int
    """the bits of `LEVELS`"""

    def writes(self, event_type: str) -> bool:
        """Whether it writes events of a type of `EVENT_TYPES`."""
        return bool(self.levels & EVENT_TYPES[event_type])


class Refusal(NamedTuple):
    """Why the program does not start with this file, or ends soon after."""

    by: str
    """side_by_side: Windows does not start it (14001); dotnet: an unhandled exception ends it (1026)"""
    problem: Problem
    exception: str
    """the exception's type and text; for side_by_side what the SideBySide event says of the file"""


class ExeConfig(NamedTuple):
    """What a file sets. Of a refused one: what could be read, else the defaults."""

    debug: bool = False
    """appSettings/Debug: the cache can be queried, and requests need no token"""
    sources: Mapping[str, Source] = {}
    """the sources of `SOURCES`, and any other one in the file"""
    proxy: str | None = None
    """system.net/defaultProxy/proxy@proxyaddress, where the proxy is enabled"""
    problems: tuple[Problem, ...] = ()
    """everything wrong or noteworthy, in the order of the file"""
    refused: Refusal | None = None


def parse_levels(text: str) -> int:
    """The bits of a `switchValue`, as Enum.Parse reads it. Raises ValueError with .NET's exception.

    Names as they are written in `LEVELS`, several with commas, or a whole number of 32 bits.
    """
    written = text.strip()
    if not written:
        raise ValueError(
            "System.ArgumentException: Must specify valid information for parsing in the string."
        )
    if re.fullmatch(r"[+-]?[0-9]+", written):
        number = int(written) if len(written) < 20 else 1 << 32
        if not -(1 << 31) <= number < 1 << 31:
            raise ValueError(
                "System.OverflowException: Value was either too large or too small for an Int32."
            )
        return number & 0xFFFFFFFF
    bits = 0
    for name in written.split(","):
        if name.strip() not in LEVELS:
            raise ValueError(f"System.ArgumentException: Requested value '{short(written)}' was not found.")
        bits |= LEVELS[name.strip()]
    return bits


def parse(data: bytes, file: str = "exe.config") -> ExeConfig:
    """Read a file's bytes. Never raises: whatever is wrong is in `problems`, and `refused` says what it leads to."""
    try:
        root = elements.read(data, file)
    except XmlError as error:
        problem = _explained(error)
        refusal = Refusal(SIDE_BY_SIDE, problem, "Invalid Xml syntax.")
        return ExeConfig(sources=_sources({}), problems=(problem,), refused=refusal)
    reading = _Reading(file)
    reading.sections(root)
    debug, sources, proxy = reading.debug(root), reading.sources(root), reading.proxy(root)
    problems = sorted(reading.problems, key=_place)
    refused = min(reading.refusals, key=lambda refusal: _place(refusal.problem), default=None)
    return ExeConfig(debug, sources, proxy, tuple(problems), refused)


def _place(problem: Problem) -> tuple[int, int]:
    return problem.line, problem.column


def _explained(error: XmlError) -> Problem:
    """The problem with what it most likely comes from: the page's sample, or its block for the proxy."""
    if error.is_cut_off:
        hint = "the sample on Microsoft's page is cut off; paste the whole element, up to </configuration>"
        return error.problem._replace(hint=hint)
    return error.problem


def _sources(found: Mapping[str, Source]) -> dict[str, Source]:
    """A source that the file does not have writes nothing: the default of TraceSource is Off."""
    return {name: Source(name, "", 0) for name in SOURCES} | dict(found)


class _Reading:
    """Reads one well-formed file and collects what is wrong with it."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.problems: list[Problem] = []
        self.refusals: list[Refusal] = []

    def note(self, element: Element, path: str, message: str, hint: str = "") -> Problem:
        problem = Problem(self.file, element.line, element.column, short(path), message, hint)
        self.problems.append(problem)
        return problem

    def refuse(self, element: Element, path: str, message: str, hint: str, exception: str) -> None:
        problem = self.note(element, path, message, hint)
        self.refusals.append(Refusal(DOTNET, problem, exception))

    def configuration_error(self, element: Element, path: str, message: str, hint: str, text: str) -> None:
        exception = f"System.Configuration.ConfigurationErrorsException: {text} (line {element.line})"
        self.refuse(element, path, message, hint, exception)

    def sections(self, root: Element) -> None:
        """Judge the elements that .NET reads when it first needs a setting."""
        if root.tag != "configuration":
            hint = "the root of the file is <configuration>"
            text = "Configuration system failed to initialize"
            self.configuration_error(root, root.tag, f"the root is <{short(root.tag)}>", hint, text)
            return
        declared = {child.attributes.get("name", "") for child in _descendants(root.first("configSections"))}
        seen: set[str] = set()
        for child in root.children:
            name = child.tag.rpartition("}")[2]
            if name in seen - {"location"}:
                text = "Sections must only appear once per config file."
                self.configuration_error(child, f"configuration/{name}", "a second section of this name",
                                         "put its content into the first one", text)  # fmt: skip
            seen.add(name)
            if name not in _SECTIONS | declared:
                hint = did_you_mean(name, _SECTIONS) or "remove it, or declare it in <configSections>"
                text = f"Unrecognized configuration section {short(name)}."
                self.configuration_error(child, f"configuration/{name}", "no such section", hint, text)
            for attribute in {"configSource", "file"} & child.attributes.keys():
                self.note(
                    child, f"configuration/{name}/@{attribute}", "names another file, which is not read"
                )

    def debug(self, root: Element) -> bool:
        """The last Debug of appSettings; without one, false."""
        add = _debug_setting(root)
        for child in [child for settings in root.all("appSettings") for child in settings.children]:
            path = f"configuration/appSettings/{child.tag}"
            if child.tag not in {"add", "remove", "clear"}:
                text = f"Unrecognized element '{short(child.tag)}'."
                self.configuration_error(child, path, "only <add>, <remove> and <clear> are in here",
                                         "move it out of <appSettings>", text)  # fmt: skip
            elif child.tag != "clear" and "key" not in child.attributes:
                text = "Required attribute 'key' not found."
                self.configuration_error(child, path, "has no key", 'add key="…"', text)
        written = add.attributes.get("value", "") if add else "false"
        if add and written.strip().lower() not in {"true", "false"}:
            self.note(add, "configuration/appSettings/add[Debug]", f"{short(written)!r} is not true or false",
                      "counts as false here; how the real host reads it is not published")  # fmt: skip
        return written.strip().lower() == "true"

    def sources(self, root: Element) -> dict[str, Source]:
        """Every source by its name; of two with the same name, the last one."""
        found = {}
        for element in root.all("system.diagnostics", "sources", "source"):
            name = element.attributes.get("name", "")
            path = f"configuration/system.diagnostics/sources/source[{name}]"
            if not name:
                text = "Required attribute 'name' not found."
                self.configuration_error(element, path, "has no name", 'add name="ECMA2Host"', text)
                continue
            if name not in SOURCES and name.lower() in map(str.lower, SOURCES):
                self.note(element, path, "the host has no such source", did_you_mean(name, SOURCES))
            found[name] = Source(name, element.attributes.get("switchValue", ""), self.levels(element, path))
        return _sources(found)

    def levels(self, element: Element, path: str) -> int:
        value, name = element.attributes.get("switchValue", ""), element.attributes.get("switchName")
        if name:
            self.note(element, path, f"switchName {short(name)!r} is not read", "use switchValue")
            if value:
                text = "Only one of the attributes 'switchName' and 'switchValue' may be set."
                self.configuration_error(element, path, "has both switchName and switchValue",
                                         "remove switchName", text)  # fmt: skip
        if not value:
            return 0
        try:
            return parse_levels(value)
        except ValueError as error:
            hint = did_you_mean(value, LEVELS) or f"use one of {', '.join(LEVELS)}"
            self.refuse(element, path, f"switchValue {short(value)!r} is not a level", hint, str(error))
            return 0

    def proxy(self, root: Element) -> str | None:
        """The address of the outbound proxy ("Agent times out or certificate is invalid")."""
        default = root.first("system.net", "defaultProxy")
        proxy = default and default.first("proxy")
        if not default or not proxy or default.attributes.get("enabled", "true").lower() != "true":
            return None
        address = proxy.attributes.get("proxyaddress") or None
        if address and "[proxy-" in address:
            self.note(proxy, "configuration/system.net/defaultProxy/proxy",
                      f"proxyaddress {short(address)!r} still has a placeholder of the page",
                      "write your proxy's")  # fmt: skip
        return address


def default(path: str) -> bytes:
    """A file as setup installs it: SERVICE, WIZARD or AGENT.

    Assumed, where the page does not print it: Debug is false, and the agent's file has no proxy. The level is Verbose,
    as the page says.
    """
    return facts.file(path.rpartition("/")[2]).replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def _descendants(element: Element | None) -> Iterator[Element]:
    for child in element.children if element else ():
        yield child
        yield from _descendants(child)


def _debug_setting(root: Element) -> Element | None:
    """The element that sets Debug: keys regard no case, and the last one of appSettings counts."""
    add = None
    for child in [child for settings in root.all("appSettings") for child in settings.children]:
        is_debug = child.attributes.get("key", "").lower() == "debug"
        if child.tag == "clear" or (child.tag == "remove" and is_debug):
            add = None
        elif child.tag == "add" and is_debug:
            add = child
    return add


def set_debug(data: bytes, value: bool, file: str = "exe.config") -> bytes:
    """The file with another `appSettings/Debug`, and every other byte as it was. Raises XmlError."""
    root = elements.read(data, file)
    written = "true" if value else "false"
    editing = _Editing(data)
    add = _debug_setting(root)
    if add:
        return editing.attribute(add, "value", written)
    setting = f'<add key="Debug" value="{written}" />'
    settings = root.all("appSettings")
    if not settings:
        return editing.child(root, f"<appSettings>{setting}</appSettings>")
    return editing.child(settings[-1], setting)


def set_switch(data: bytes, value: str, *names: str, file: str = "exe.config") -> bytes:
    """The file with another `switchValue` of these sources (default: both of the host), all else as it was.

    `value` is not judged: the file may be given a level that .NET refuses. Raises XmlError, and UsageError for a
    source that the file does not have.
    """
    for name in names or SOURCES:
        root = elements.read(data, file)
        found = root.all("system.diagnostics", "sources", "source")
        alike = [element for element in found if element.attributes.get("name") == name]
        if not alike:
            hint = did_you_mean(name, [element.attributes.get("name", "") for element in found])
            raise UsageError(f"{file} has no source {name!r}", hint=hint)
        data = _Editing(data).attribute(alike[-1], "switchValue", value)
    return data


_ATTRIBUTE: Final = re.compile(r"""[ \t\r\n]+([^ \t\r\n=/>]+)[ \t\r\n]*=[ \t\r\n]*("[^"]*"|'[^']*')""")


class _Editing:
    """Changes a few characters of a well-formed file, in its own encoding."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        wide = {b"\xff\xfe": "utf-16-le", b"<\0": "utf-16-le", b"\xfe\xff": "utf-16-be", b"\0<": "utf-16-be"}
        self.encoding = wide.get(data[:2], "")
        self.width = 2 if self.encoding else 1
        # One character for each unit of the encoding, so that places in text and data agree.
        if self.encoding:
            order, count = "<" if self.encoding.endswith("le") else ">", len(data) // 2
            self.text = "".join(map(chr, struct.unpack(f"{order}{count}H", data[: count * 2])))
        else:
            self.text = data.decode("latin-1")
            declared = re.match(r'[^<]*<\?xml[^>]*encoding[ ]*=[ ]*["\']([\w.-]+)', self.text)
            self.encoding = declared[1] if declared else "utf-8"

    def put(self, start: int, end: int, text: str) -> bytes:
        new = text.encode(self.encoding, "xmlcharrefreplace")
        return self.data[: start * self.width] + new + self.data[end * self.width :]

    def attribute(self, element: Element, name: str, value: str) -> bytes:
        """The file with another value of the element's attribute, which is added if it is not there."""
        written = escape(value, {'"': "&quot;", "'": "&apos;"})
        place = start = self._after_name(element)
        while found := _ATTRIBUTE.match(self.text, place):
            if found[1] == name:
                return self.put(found.start(2) + 1, found.end(2) - 1, written)
            place = found.end()
        return self.put(start, start, f' {name}="{written}"')

    def child(self, element: Element, text: str) -> bytes:
        """The file with one more element at the end of this one, on a line of its own."""
        place = start = self._after_name(element)
        end = element.end // self.width
        while found := _ATTRIBUTE.match(self.text, place):
            place = found.end()
        if empty := re.compile(r"[ \t\r\n]*/>").match(self.text, place):
            name = self.text[element.start // self.width + 1 : start]
            return self.put(place, empty.end(), f">{text}</{name}>")
        line = "\r\n" if "\r\n" in self.text else "\n"
        before = self.text[:end].rpartition("\n")[2]
        if before.strip(" \t"):
            return self.put(end, end, text)
        return self.put(end, end, f"  {text}{line}{before}")

    def _after_name(self, element: Element) -> int:
        """Where the name of the element's start tag ends."""
        found = re.compile(r"<[^ \t\r\n/>]+").match(self.text, element.start // self.width)
        assert found
        return found.end()
