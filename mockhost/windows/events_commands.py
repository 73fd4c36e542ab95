"""Events: Get-WinEvent, wevtutil; their records as tables, XML, CSV and JSON, and filters by XPath.

The XML is that of Event Viewer's "XML View" for a classic record, namespace
`http://schemas.microsoft.com/win/2004/08/events/event`. Records are stored in UTC and shown in the server's zone.
"""

from __future__ import annotations

import csv
import datetime
import io
import re
import zoneinfo
from collections.abc import Iterable, Sequence
from typing import Any, Final
from xml.etree import ElementTree
from xml.sax.saxutils import escape, quoteattr

from mockhost.clock import monotonic, parse_iso
from mockhost.errors import CannotRun, UsageError
from mockhost.windows.config import MachineConfig
from mockhost.windows.eventlog import LEVEL_NAMES, Record, newest
from mockhost.windows.powershell import CommandFailed, failed, shown, table
from mockhost.windows.shell import Call, Done, cmdlet, program

_FORMATS: Final = ("Table", "List", "Xml", "Csv", "Json")


@cmdlet("Get-WinEvent", waits=True)
def get_win_event(
    call: Call,
    log_name: list[str] | None = None,
    *,
    max_events: int | None = None,
    filter_xpath: str | None = None,
    list_log: str | None = None,
    provider_name: str | None = None,
    level: str | None = None,
    after: str | None = None,
    text: str | None = None,
    oldest: bool = False,
    format: str = "Table",
) -> Done:
    """Shows events: -LogName -MaxEvents -FilterXPath, and -Level -After -Text -Format Table|List|Xml|Csv|Json."""
    exist = {name: log for name, log in call.machine.events().items() if log.exists}
    if list_log is not None:
        found = [log for name, log in exist.items() if list_log.strip("*").casefold() in name.casefold()]
        rows = [("Circular", str(log.size), str(len(log.records)), log.name) for log in found]
        data = [
            {"LogName": log.name, "RecordCount": len(log.records), "MaximumSizeInBytes": log.size}
            for log in found
        ]
        return Done(
            table({"LogMode": 8, "MaximumSizeInBytes": -18, "RecordCount": -11, "LogName": 40}, rows), data
        )
    if not log_name and provider_name is None:
        raise failed("Get-WinEvent", "MissingMandatoryParameter", names="LogName")
    by_name = {name.casefold(): name for name in exist}
    for name in log_name or ():
        if name.casefold() not in by_name:
            raise failed("Get-WinEvent", "NoMatchingLogsFound", name=name)
    records = newest(exist[by_name[name.casefold()]] for name in log_name or exist)
    chosen = _chosen(call, records, filter_xpath, provider_name, level, after, text)
    if oldest:
        chosen.reverse()
    if max_events is not None:
        if max_events < 1:
            raise failed(
                "Get-WinEvent", "ParameterArgumentValidationError", name="MaxEvents", value=max_events
            )
        chosen = chosen[:max_events]
    if not chosen:
        raise failed("Get-WinEvent", "NoMatchingEventsFound")
    return Done(_rendered(call, chosen, format), [as_json(each) for each in chosen])


def _chosen(
    call: Call,
    records: list[Record],
    xpath: str | None,
    provider: str | None,
    level: str | None,
    after: str | None,
    text: str | None,
) -> list[Record]:
    if xpath is not None:
        try:
            records = select(records, xpath, call.machine.now)
        except (UsageError, CannotRun) as error:
            raise failed("Get-WinEvent", "invalid_query", why=error) from None
    if provider is not None:
        records = [each for each in records if each.source.casefold() == provider.casefold()]
    if level is not None:
        numbers = {name.casefold(): number for number, name in LEVEL_NAMES.items()}
        # Verbose has a number of its own, which no classic record has: filtering by it finds nothing
        numbers |= {"verbose": 5, "critical": 1}
        if level.casefold() not in numbers and level not in tuple("12345"):
            raise CommandFailed(
                f"there is no level {level!r}; known: Critical, Error, Warning, Information, Verbose"
            )
        wanted = numbers.get(level.casefold()) or int(level)
        records = [each for each in records if each.level == wanted]
    if after is not None:
        try:
            since = parse_iso(after)
        except ValueError:
            raise CommandFailed(f"{after!r} is not a date; write it like 2026-01-31T09:05:00") from None
        records = [each for each in records if each.at >= since]
    if text is not None:
        records = [each for each in records if text.casefold() in each.text.casefold()]
    return list(records)


def _rendered(call: Call, records: list[Record], form: str) -> str:
    machine = call.machine.config
    if form.casefold() == "json":
        import json

        return json.dumps([as_json(each) for each in records], ensure_ascii=False, indent=2) + "\n"
    if form.casefold() == "table":
        return as_table(records, machine, call.session.width)
    writers = {
        "list": listed, "xml": all_xml, "csv": all_csv,
    }  # fmt: skip
    if form.casefold() not in writers:
        raise CommandFailed(f"there is no format {form!r}; known: {', '.join(_FORMATS)}")
    return writers[form.casefold()](records, machine)


@program("wevtutil", waits=True)
def wevtutil(call: Call, words: Sequence[str]) -> Done:
    """Reads events as XML: wevtutil qe LOG [/c:N]; clears a log: wevtutil cl LOG."""
    verb, *rest = [*words, ""]
    by_name = {name.casefold(): log for name, log in call.machine.events().items()}
    log = by_name.get(rest[0].casefold()) if rest else None
    if verb not in ("qe", "cl") or log is None:
        raise CommandFailed(
            "usage: wevtutil qe LOG [/c:N], or wevtutil cl LOG; Get-WinEvent -ListLog * lists the logs"
        )
    if verb == "cl":
        if not call.elevated:
            raise CommandFailed("Failed to clear log.\nAccess is denied.", 5)
        with call.machine.server.lock:
            call.machine.logs.logs[log.name].clear()
        return Done()
    records = list(log.records)
    for word in rest[1:]:
        if word.startswith("/c:") and word[3:].isdecimal():
            records = records[: int(word[3:])]
    return Done("".join(f"{xml(each)}\n" for each in records), [as_json(each) for each in records])


# -- records as people and programs read them ---------------------------------------------------------------------

NAMESPACE: Final = "http://schemas.microsoft.com/win/2004/08/events/event"
FORMATS: Final = {
    "en-US": ("%-m/%-d/%Y %-I:%M:%S %p", "%-m/%-d/%Y"),
    "en-GB": ("%d/%m/%Y %H:%M:%S", "%d/%m/%Y"),
    "de-DE": ("%d.%m.%Y %H:%M:%S", "%d.%m.%Y"),
    "fr-FR": ("%d/%m/%Y %H:%M:%S", "%d/%m/%Y"),
}
"""How a culture writes a moment and a day."""
_NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
LONGEST_XPATH: Final = 2_000
_LONGEST_SELECT: float = 5
"""Seconds that choosing events by XPath may take."""
_ABSOLUTE: Final = re.compile(r"(?:^|[\[(=<>@/]|[\w)\]*']\s*\*)\s*/")
"""A path from the root, or with `//`: Windows knows the axes child and attribute only, and neither of these
("Consuming Events", XPath 1.0 limitations). Nested in predicates they would take exponential time."""
_ELEMENTS: Final = (
    *("Event", "System", "Provider", "EventID", "Level", "Task", "Keywords", "TimeCreated", "EventRecordID"),
    *("Execution", "Channel", "Computer", "EventData", "Data"),
)
_NAMES: Final = {
    *_ELEMENTS,
    "and",
    "or",
    "timediff",
    "Name",
    "SystemTime",
    "Qualifiers",
    "ProcessID",
    "ThreadID",
}
_TOKEN: Final = re.compile(
    r"""\s+|(?P<name>[A-Za-z_][\w.-]*)|\d+|'[^']*'|"[^"]*"|[][()@*=/]|[<>!]=?|(?P<wrong>.)""", re.DOTALL
)


_NO_PATH: Final = re.compile(r"""'[^']*'|"[^"]*"|\band\b|\bor\b""")
"""What stands between paths."""


def local(at: float, machine: MachineConfig) -> str:
    """A moment as the server shows it: `1/31/2026 9:05:00 AM`."""
    # UTC is there also where the system has no zones and the package tzdata is not installed
    zone = datetime.UTC if machine.time_zone == "UTC" else zoneinfo.ZoneInfo(machine.time_zone)
    when = datetime.datetime.fromtimestamp(at, zone)
    words = FORMATS[machine.culture][0]
    plain = {"%-m": str(when.month), "%-d": str(when.day), "%-I": str((when.hour - 1) % 12 + 1)}
    plain["%p"] = "AM" if when.hour < 12 else "PM"
    for word, text in plain.items():
        words = words.replace(word, text)
    return when.strftime(words)


def utc(at: float) -> str:
    """A moment as a record has it: `2026-01-31T09:05:00.0000000Z`."""
    when = datetime.datetime.fromtimestamp(at, datetime.UTC)
    return when.strftime("%Y-%m-%dT%H:%M:%S.%f") + "0Z"


def xml(record: Record, *, namespace: bool = True, machine: MachineConfig | None = None) -> str:
    """One event as XML. machine: adds the rendering in its culture, as an export has it."""
    attribute = f' xmlns="{NAMESPACE}"' if namespace else ""
    rendering = ""
    if machine is not None:
        rendering = (
            f"<RenderingInfo Culture={quoteattr(machine.culture)}><Message>{_xml(record.text)}</Message>"
            f"<Level>{record.level_name}</Level><Task></Task><Opcode></Opcode><Channel></Channel><Provider></Provider>"
            "<Keywords><Keyword>Classic</Keyword></Keywords></RenderingInfo>"
        )
    return (
        f"<Event{attribute}><System><Provider Name={quoteattr(record.source)} />"
        "<EventID"
        f' Qualifiers="0">{record.event_id}</EventID><Version>0</Version><Level>{record.level}</Level>'
        "<Task>0</Task><Opcode>0</Opcode><Keywords>0x80000000000000</Keywords>"
        f'<TimeCreated SystemTime="{utc(record.at)}"'
        f" /><EventRecordID>{record.id}</EventRecordID><Correlation />"
        f'<Execution ProcessID="4321" ThreadID="0" /><Channel>{_xml(record.log)}</Channel>'
        f"<Computer>{_xml(record.computer)}</Computer><Security /></System>"
        f"<EventData><Data>{_xml(record.text)}</Data></EventData>{rendering}</Event>"
    )


def _xml(text: str) -> str:
    """Text for XML 1.0, which can't carry most control characters."""
    return escape(_NOT_IN_XML.sub("\N{REPLACEMENT CHARACTER}", text))


def all_xml(records: Iterable[Record], machine: MachineConfig) -> str:
    """What "Save all events as XML" writes."""
    head = '<?xml version="1.0" encoding="utf-8" standalone="yes"?>\n<Events>'
    return head + "".join(xml(record, machine=machine) for record in records) + "</Events>\n"


def all_csv(records: Iterable[Record], machine: MachineConfig) -> str:
    """What "Save all events as CSV" writes: the message is a column without a name."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\r\n")
    writer.writerow(["Level", "Date and Time", "Source", "Event ID", "Task Category"])
    for r in records:
        writer.writerow([r.level_name, local(r.at, machine), r.source, r.event_id, "None", r.text])
    return stream.getvalue()


def as_json(record: Record) -> dict[str, Any]:
    """The record as readers of .evtx files print it."""
    return {
        "Event": {
            "System": {
                "Provider": {"Name": record.source},
                "EventID": record.event_id,
                "Level": record.level,
                "TimeCreated": {"SystemTime": utc(record.at)},
                "EventRecordID": record.id,
                "Channel": record.log,
                "Computer": record.computer,
            },
            "EventData": {"Data": record.text},
        }
    }


def as_table(records: Sequence[Record], machine: MachineConfig, width: int = 0) -> str:
    """What `Get-WinEvent` prints: a table for each source in a row, with the first line of each message.

    width: columns of the window; 0: about 110.
    """
    room = max(width - 53, 20) if width else 60
    lines: list[str] = []
    source = None
    for r in records:
        if r.source != source:
            source = r.source
            lines += shown("events", source=source).splitlines()
        first = r.text.partition("\n")[0].rstrip("\r")
        first = first if len(first) <= room else first[: room - 3] + "..."
        lines.append(f"{local(r.at, machine):<24}{r.event_id:>10} {r.level_name:<16} {first}".rstrip())
    return "\n".join([*lines, "", ""]) if lines else ""


def listed(records: Sequence[Record], machine: MachineConfig) -> str:
    """What `Get-WinEvent | Format-List` prints: the whole message."""
    found = []
    for r in records:
        message = "\n".join(["", *r.text.split("\n")]).replace("\n", "\n               ").lstrip()
        found.append(
            f"\nTimeCreated  : {local(r.at, machine)}\nProviderName : {r.source}\nId           :"
            f" {r.event_id}\nMessage      : {message}\n"
        )
    return "".join(found) + "\n" if found else ""


def select(records: Iterable[Record], xpath: str, now: float) -> list[Record]:
    """The records that an XPath expression of Event Viewer's selects, such as `*[System[(Level=2)]]`.

    `timediff(@SystemTime)` is the age in milliseconds. Only what Event Viewer takes is let through to the library.
    Raises UsageError, also for an expression that takes too long, and CannotRun without the library.
    """
    try:
        import elementpath
    except ImportError:
        hint = "pip install 'mockhost[windows]'"
        raise CannotRun("XPath needs the package elementpath", hint=hint) from None
    if len(xpath) > LONGEST_XPATH:
        raise UsageError(f"the XPath is longer than {LONGEST_XPATH} characters")
    for token in _TOKEN.finditer(xpath):
        name = token["name"]
        if token["wrong"] or (name and name not in _NAMES):
            hint = f"it can use and, or, comparisons, timediff(@SystemTime) and {', '.join(_ELEMENTS)}"
            raise UsageError(f"The specified query is invalid: {token[0]!r} is not known here", hint=hint)
    if _ABSOLUTE.search(_NO_PATH.sub("=", xpath)):
        hint = "begin with * or Event, and name each element on the way, as in *[System[(Level=2)]]"
        raise UsageError(
            "The specified query is invalid: a path from the root or // is not known here", hint=hint
        )
    until = monotonic() + _LONGEST_SELECT
    # timediff() is Windows' own, and its argument is always the same attribute: each record has its age beside it.
    plain = re.sub(r"timediff\s*\(\s*@SystemTime\s*\)", "@Age", xpath)
    found = []
    try:
        wanted = elementpath.Selector(f"boolean({plain})", parser=elementpath.XPath2Parser)
        for record in records:
            if monotonic() > until:
                hint = "use a shorter expression, or -MaxEvents with -Level, -After or -Text"
                raise UsageError(f"The query took longer than {_LONGEST_SELECT:g} seconds", hint=hint)
            root = ElementTree.fromstring(xml(record, namespace=False))
            created = root.find("System/TimeCreated")
            assert created is not None
            created.set("Age", str(int((now - record.at) * 1000)))
            holder = ElementTree.Element("Events")
            holder.append(root)
            if wanted.select(holder):
                found.append(record)
    except (elementpath.ElementPathError, ValueError, ArithmeticError, TypeError, RecursionError) as error:
        raise UsageError(f"The specified query is invalid: {str(error)[:200]}") from None
    return found
