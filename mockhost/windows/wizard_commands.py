"""The configuration wizard: wizard PAGE [CONNECTOR] [name=value …], with what keeps it from opening or going on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from mockhost import exe_config
from mockhost.connectors.ecma import dn as dns
from mockhost.connectors.ecma.config import ConnectorConfig
from mockhost.connectors.ecma.kinds import KINDS
from mockhost.errors import MockhostError, did_you_mean
from mockhost.windows import configuration
from mockhost.windows.config import FILES, SOURCES, windows_path
from mockhost.windows.files_commands import may_write
from mockhost.windows.machine import Machine, win32
from mockhost.windows.powershell import CommandFailed, shown
from mockhost.windows.shell import Call, Done, program


@program("wizard")
def wizard(call: Call, words: Sequence[str]) -> Done:
    """Shows its pages and sets their fields: wizard PAGE [CONNECTOR] [FIELD=VALUE].

    Pages: settings, properties, connectivity, object-types, select-attributes, finish, export and import.
    """
    page, *rest = [word for word in words if word] or ["settings"]
    if rest and f"{page}-{rest[0]}".casefold() in _PAGES:  # object types
        page, rest = f"{page}-{rest[0]}", rest[1:]
    if page.casefold() not in _PAGES:
        hint = did_you_mean(page, _PAGES)
        raise CommandFailed(f"the wizard has no page {page!r}; {hint or 'pages: ' + ', '.join(_PAGES)}")
    if not call.machine.server.host.running and call.machine.config.service("host").state == "absent":
        raise CommandFailed("the wizard is not installed; setup install brings it")
    if not call.elevated and not {*SOURCES} <= call.machine.logs.registered:
        raise CommandFailed(shown("wizard_unregistered"))
    logs, now = call.machine.logs, call.machine.now
    logs.wizard = _levels(call.machine)
    call.machine.catch_up()
    try:
        done = _PAGES[page.casefold()](call, rest)
    except (CommandFailed, MockhostError) as error:
        logs.trace(now, "wizard_failed", why=error)
        raise
    logs.trace(now, "wizard_saved" if page.casefold() in ("finish", "import") else "wizard_page", page=page)
    return done


def _levels(machine: Machine) -> dict[str, int]:
    """The levels in the wizard's own exe.config. Raises CommandFailed where it lets no wizard start."""
    data = machine.drive.read(FILES["wizard_config"])
    found = exe_config.parse(b"<configuration />" if data is None else data)
    if found.refused is not None:
        by_windows = found.refused.by == exe_config.SIDE_BY_SIDE
        raise CommandFailed(
            win32(14001) if by_windows else found.refused.exception, 14001 if by_windows else 1
        )
    return {name: source.levels for name, source in found.sources.items()}


def _check_elevated(call: Call) -> None:
    """Raise CommandFailed in a window that is not an administrator's."""
    if not call.elevated:
        raise CommandFailed(shown("wizard_denied"), 5)


def _connector(call: Call, rest: Sequence[str]) -> tuple[str, ConnectorConfig, dict[str, str]]:
    """The connector and the values that a page is given."""
    pages: Mapping[str, ConnectorConfig] = call.machine.server.host.configured
    names = [word for word in rest if "=" not in word]
    said = {
        name.casefold(): value for name, _, value in (word.partition("=") for word in rest if "=" in word)
    }
    name = names[0] if names else next(iter(pages), "")
    if name not in pages:
        raise CommandFailed(f"there is no connector {name!r}; {did_you_mean(name, pages)}")
    if said:
        _check_elevated(call)
    return name, pages[name], said


def _set(machine: Machine, name: str, values: Mapping[str, object]) -> None:
    for path, value in values.items():
        machine.server.set(f"connectors.{name}.{path}", value)


def _take(said: dict[str, str], known: Mapping[str, str]) -> dict[str, str]:
    """What was said, by what it is in a scenario."""
    for name in said:
        if name not in known:
            raise CommandFailed(f"the page has no field {name!r}; known: {', '.join(known)}")
    return {known[name]: value for name, value in said.items()}


def _shown(title: str, rows: Mapping[str, object]) -> Done:
    width = max(map(len, rows)) + 2
    text = "".join(
        f"  {name + ':':<{width}}{'' if value is None else value}\n" for name, value in rows.items()
    )
    return Done(f"{title}\n{text}", dict(rows))


def _switch(said: str) -> bool:
    if said.casefold() not in ("on", "off", "true", "false"):
        raise CommandFailed(f"{said!r} is neither on nor off")
    return said.casefold() in ("on", "true")


def _settings(call: Call, rest: Sequence[str]) -> Done:
    """Port, and the certificate with its expiry; `generate` makes a new one."""
    machine = call.machine
    if [word.casefold() for word in rest] == ["generate"]:
        _check_elevated(call)
        machine.server.set("host.tls", None)
    elif rest:
        raise CommandFailed("usage: wizard settings [generate]")
    found = machine.server.certificates.describe()
    rows: dict[str, object] = {"Port": 8585, "Certificate": found.get("thumbprint", "none")}
    if found["mode"] == "certificate":
        rows |= {"Names": ", ".join(map(str, found["names"] if isinstance(found["names"], list) else ())),
                 "Expires": str(found["not_after"])[:10], "State": found["state"]}  # fmt: skip
    return _shown("Settings", rows)


def _properties(call: Call, rest: Sequence[str]) -> Done:
    name, page, said = _connector(call, rest)
    values: dict[str, Any] = dict(_take(said, {"autosync": "import.every", "token": "secret_token"}))
    if "import.every" in values:
        minutes = str(values["import.every"])
        if not minutes.isdecimal() or not 0 < int(minutes) <= 999_999:
            raise CommandFailed("the autosync timer is a number of minutes")
        values["import.every"] = f"{int(minutes)}m"
    _set(call.machine, name, values)
    page = call.machine.server.host.configured[name]
    every = page.imports.every
    return _shown("Properties", {"Name": name, "Autosync timer (minutes)": None if every is None else f"{every / 60:g}",
                                 "Secret Token": "*" * 12, "Extension DLL": KINDS[page.kind].dll})  # fmt: skip


def _connectivity(call: Call, rest: Sequence[str]) -> Done:
    """For SQL the file DSN is read, which must be there and in UTF-8 (Microsoft Learn, known issues)."""
    name, page, said = _connector(call, rest)
    known = {"dn-is-anchor": "dn.is_anchor"}
    _set(call.machine, name, {path: _switch(value) for path, value in _take(said, known).items()})
    page = call.machine.server.host.configured[name]
    rows: dict[str, object] = {}
    if page.kind == "generic_sql":
        path = f"{name}.dsn"
        data = call.machine.drive.read(path)
        try:
            is_read = data is not None and "[ODBC]" in data.decode("utf-8")
        except UnicodeDecodeError:
            is_read = False
        if not is_read:
            raise CommandFailed(shown("wizard_no_dsn"))
        connection = call.machine.config.connection(name)
        rows = {"DSN File": f"C:\\{path}", "User Name": connection.user, "Password": "*" * 8}
    return _shown("Connectivity", {**rows, "DN is Anchor": "on" if page.dn.is_anchor else "off"})


def _object_types(call: Call, rest: Sequence[str]) -> Done:
    """A DN that is not generated must be in LDAP style, where the connector asks for that."""
    name, page, said = _connector(call, rest)
    values: dict[str, object] = dict(_take(said, {"autogenerated": "dn.autogenerated", "anchor": "anchor"}))
    if "dn.autogenerated" in values:
        values["dn.autogenerated"] = _switch(str(values["dn.autogenerated"]))
    _set(call.machine, name, values)
    page = call.machine.server.host.configured[name]
    if (problem := _dn_problem(call.machine, name, page)) is not None:
        raise CommandFailed(problem)
    dn = "(generated)" if page.dn.autogenerated else page.anchor if page.dn.is_anchor else "-dn-"
    return _shown("Object Types", {"Target object": page.object_type, "Anchor": page.anchor, "DN": dn,
                                   "Autogenerated": "on" if page.dn.autogenerated else "off"})  # fmt: skip


def _dn_problem(machine: Machine, name: str, page: ConnectorConfig) -> str | None:
    """The error for the DN of the first object, if that is its anchor and not in LDAP style."""
    if (page.dn.autogenerated and not page.dn.is_anchor) or KINDS[page.kind].dn_style != "ldap":
        return None
    host = machine.server.host
    system = host.system(name)
    if not system.waits:
        first = next((values for _, values in system.snapshot().records()), None)
    else:  # what the service has read of it
        first = next(host.connectors[name].space.snapshot(), None) if name in host.connectors else None
    value = None if first is None else system.values(first).get(page.anchor)
    if not isinstance(value, str) or page.kind != "generic_sql":
        return None
    try:
        dns.parse(value)
    except dns.InvalidDN as error:
        return str(error)
    return None


def _select_attributes(call: Call, rest: Sequence[str]) -> Done:
    name, page, said = _connector(call, rest)
    chosen = list(page.selected_attributes)
    columns = {column.name.casefold(): column.name for column in page.system.columns}
    for verb, value in _take(said, {"add": "add", "remove": "remove"}).items():
        if value.casefold() not in columns:
            raise CommandFailed(
                f"the schema has no attribute {value!r}; {did_you_mean(value, columns.values())}"
            )
        attribute = columns[value.casefold()]
        if verb == "add" and attribute not in chosen:
            chosen.append(attribute)
        if verb == "remove" and attribute in chosen:
            chosen.remove(attribute)
    if said:
        _set(call.machine, name, {"selected_attributes": chosen})
    left = [each for each in columns.values() if each not in chosen]
    return _shown("Select Attributes", {"Selected": ", ".join(chosen), "Not selected": ", ".join(left)})


def _export(call: Call, rest: Sequence[str]) -> Done:
    """Write the connectors' pages into a file on C:, without their secrets."""
    machine = call.machine
    path = call.path(rest[0] if rest else "Configuration.xml")
    if not may_write(call, path):
        raise CommandFailed(shown("wizard_denied"), 5)
    call.write(path, configuration.of(machine.server.scenario, machine.now))
    return Done(f"{windows_path(path)}\n", {"path": windows_path(path)})


def _import(call: Call, rest: Sequence[str]) -> Done:
    """Take over the pages of a file on C: for connectors that there are. Their secret tokens stay."""
    machine = call.machine
    path = call.path(rest[0] if rest else "Configuration.xml")
    data = machine.drive.read(path)
    if data is None:
        raise CommandFailed(f"Could not find file '{windows_path(path)}'.", 2)
    _check_elevated(call)
    found, known = configuration.pages(data, windows_path(path)), machine.server.host.configured
    taken = [name for name in found if name in known]
    machine.server.set("connectors", {name: found[name] for name in taken})
    lines = [f"{name}: imported" for name in taken]
    lines += [f"{name}: the mock has no such connector; mockhost import-config makes a scenario of the file"
              for name in found if name not in known]  # fmt: skip
    return Done("\n".join([*lines, _finish(call, ()).text]), {"connectors": taken})


def _finish(call: Call, rest: Sequence[str]) -> Done:
    """Save: as an administrator it registers the event sources. The service is not started by it."""
    machine = call.machine
    _check_elevated(call)
    machine.catch_up()
    machine.logs.registered = {*SOURCES}
    machine.config = machine.config._replace(event_sources=SOURCES)
    running = "is running: restart it" if machine.server.host.running else "is not running: start it"
    return Done(
        f"The configuration is saved. The service Microsoft ECMA2Host {running} for the host to use it.\n"
    )


_PAGES: Final[Mapping[str, Callable[[Call, Sequence[str]], Done]]] = {
    "settings": _settings,
    "properties": _properties,
    "connectivity": _connectivity,
    "object-types": _object_types,
    "select-attributes": _select_attributes,
    "finish": _finish,
    "export": _export,
    "import": _import,
}
