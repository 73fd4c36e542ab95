"""Events: Get-WinEvent, wevtutil."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from mockhost.errors import CannotRun, UsageError
from mockhost.windows import rendering
from mockhost.windows.eventlog import LEVEL_NAMES, Record, newest
from mockhost.windows.powershell import CommandFailed, failed, table
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
    return Done(_rendered(call, chosen, format), [rendering.as_json(each) for each in chosen])


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
            records = rendering.select(records, xpath, call.machine.now)
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
        from mockhost.clock import parse_iso

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

        return json.dumps([rendering.as_json(each) for each in records], ensure_ascii=False, indent=2) + "\n"
    if form.casefold() == "table":
        return rendering.table(records, machine, call.session.width)
    writers = {
        "list": rendering.listed, "xml": rendering.all_xml, "csv": rendering.all_csv,
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
    return Done(
        "".join(f"{rendering.xml(each)}\n" for each in records), [rendering.as_json(each) for each in records]
    )
