"""Files: Get-Content, notepad, Get-ChildItem, Set-Location, Copy-Item, Expand-Archive, Remove-Item, icacls."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Sequence
from typing import Any, Final

from mockhost.elements import decoded
from mockhost.errors import UsageError
from mockhost.windows import powershell
from mockhost.windows.config import below_c, windows_path
from mockhost.windows.drive import check_room
from mockhost.windows.events_commands import local
from mockhost.windows.machine import Grant, Machine
from mockhost.windows.powershell import CommandFailed, failed
from mockhost.windows.shell import HOME, Call, Done, cmdlet, program

_PROTECTED: Final = ("program files", "windows", "programdata")


def may_write(call: Call, path: str) -> bool:
    """Whether the window may change a file: below Program Files only an administrator's."""
    return call.elevated or path.casefold().partition("/")[0] not in _PROTECTED


def _missing(command: str, path: str) -> CommandFailed:
    return failed(command, "PathNotFound", path=windows_path(path))


def _denied(command: str, path: str) -> CommandFailed:
    return failed(command, "denied", path=windows_path(path))


@cmdlet("Get-Content")
def get_content(call: Call, path: str, *, raw: bool = False) -> Done:
    """Shows a file."""
    place = call.path(path)
    data = call.machine.drive.read(place)
    if data is None:
        raise (_missing if call.entries(place) is None else _denied)("Get-Content", place)
    text = decoded(data).replace("\r\n", "\n")
    return Done(
        text if text.endswith("\n") or not text else text + "\n", {"path": windows_path(place), "text": text}
    )


@program("notepad")
def notepad(call: Call, words: Sequence[str]) -> Done:
    """Edits a file: opens your editor, or replaces a text: notepad FILE /replace OLD NEW."""
    if not words:
        raise CommandFailed("usage: notepad FILE, or notepad FILE /replace OLD NEW")
    place = call.path(words[0])
    data = call.machine.drive.read(place)
    rest = list(words[1:])
    if not rest:
        text = "" if data is None else decoded(data).replace("\r\n", "\n")
        return Done(f"{windows_path(place)}\n", edit={"path": windows_path(place), "text": text})
    if rest[0].casefold() == "/save" and call.input is not None:
        new = call.input.replace("\n", "\r\n") if b"\r\n" in (data or b"") else call.input
    elif rest[0].casefold() == "/replace" and len(rest) == 3:
        if data is None:
            raise CommandFailed(f"Cannot find the {windows_path(place)} file.")
        text = decoded(data)
        rest = [each.replace("\n", "\r\n") if b"\r\n" in data else each for each in rest]
        if not rest[1] or rest[1] not in text:
            raise CommandFailed(f"Cannot find {rest[1]!r} in {windows_path(place)}.")
        size = len(text) + text.count(rest[1]) * (len(rest[2]) - len(rest[1]))
        check_room(call.machine.drive, {place: size})  # before the text is there
        new = text.replace(rest[1], rest[2])
    else:
        raise CommandFailed("usage: notepad FILE, or notepad FILE /replace OLD NEW")
    if not may_write(call, place):
        raise CommandFailed(f"{windows_path(place)}\nAccess is denied.", 5)
    encoding = "utf-16" if (data or b"").startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8"
    mark = b"\xef\xbb\xbf" if (data or b"").startswith(b"\xef\xbb\xbf") else b""
    call.write(place, mark + new.encode(encoding))
    call.machine.look()
    return Done(f"{windows_path(place)} is saved.\n", {"path": windows_path(place)})


@cmdlet("Get-ChildItem")
def list_folder(call: Call, path: str = ".", *, recurse: bool = False, name: bool = False) -> Done:
    """Lists a folder."""
    place = call.path(path)
    drive, found = call.machine.drive, list[dict[str, Any]]()
    entries = call.entries(place)
    if recurse:
        for each in drive.files(place):
            found.append({"Name": windows_path(each), "Length": len(drive.read(each) or b"")})
    elif entries is not None:
        for entry in entries:
            at = entry.modified
            found.append(
                {
                    "Mode": "d-----" if entry.is_folder else "-a----",
                    "LastWriteTime": "" if at is None else local(at, call.machine.config),
                    "Length": "" if entry.is_folder else entry.size,
                    "Name": entry.name,
                }
            )
    elif (data := drive.read(place)) is not None:
        shown = {"Name": place.rpartition("/")[2], "Length": len(data)}
        return Done(f"{windows_path(place)}\n", [shown])
    if (recurse or entries is None) and not found:
        raise _missing("Get-ChildItem", place)
    if recurse or name:
        return Done("".join(f"{each['Name']}\n" for each in found), found)
    rows = [f"{e['Mode']:<8}{e['LastWriteTime']:>25} {e['Length']:>14} {e['Name']}\n" for e in found]
    return Done(powershell.shown("directory", path=windows_path(place)) + "".join(rows) + "\n\n", found)


@cmdlet("Set-Location")
def set_location(call: Call, path: str = "~") -> Done:
    """Goes to a folder."""
    place = HOME if path == "~" else call.path(path)
    if call.entries(place) is None:
        raise _missing("Set-Location", place)
    return Done("", windows_path(place), session=call.session._replace(location=place))


@cmdlet("Copy-Item")
def copy_item(call: Call, path: str, destination: str, *, recurse: bool = False) -> str:
    """Copies a file, or with -Recurse a folder."""
    drive, source, target = call.machine.drive, call.path(path), call.path(destination)
    found = list(drive.files(source))
    if not found:
        raise _missing("Copy-Item", source)
    if call.entries(target) is not None:
        target = f"{target}/{source.rpartition('/')[2]}"
    if not may_write(call, target):
        raise _denied("Copy-Item", target)
    if drive.read(source) is None and not recurse:
        return ""  # the folder alone, as Copy-Item does
    check_room(drive, {target + each[len(source) :]: len(drive.read(each) or b"") for each in found})
    for each in found:
        data = drive.read(each)
        if data is not None:
            drive.write(target + each[len(source) :], data, call.machine.now)
    return ""


@cmdlet("Expand-Archive")
def expand_archive(call: Call, path: str, destination_path: str = "") -> Done:
    """Unpacks a zip file into a folder: by default one of its name, in the current folder."""
    name, drive, source = "Expand-Archive", call.machine.drive, call.path(path)
    data = drive.read(source)
    if data is None:
        raise failed(name, "ArchiveCmdletPathNotFound", path=path)
    target = call.path(destination_path or source.rpartition("/")[2].rpartition(".")[0])
    if not may_write(call, target):
        raise _denied(name, target)
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            # None of the paths leads out of the folder.
            files = {
                each: f"{target}/{below_c(each.filename)}" for each in archive.infolist() if not each.is_dir()
            }
            check_room(drive, {place: each.file_size for each, place in files.items()})
            for each, place in files.items():
                drive.write(place, archive.read(each), call.machine.now)
    except (zipfile.BadZipFile, RuntimeError, NotImplementedError, zlib.error, EOFError, UsageError):
        raise failed(name, "InvalidArchive", path=windows_path(source)) from None
    return Done("", {"path": windows_path(target)})


@cmdlet("Remove-Item")
def remove_item(call: Call, path: str, *, recurse: bool = False, force: bool = False) -> str:
    """Removes a file, or with -Recurse a folder."""
    place, machine = call.path(path), call.machine
    found = list(machine.drive.files(place))
    if not found:
        raise _missing("Remove-Item", place)
    if not place or not may_write(call, place):
        raise _denied("Remove-Item", place)
    if machine.drive.read(place) is None and not recurse:
        raise failed("Remove-Item", "DirectoryNotEmpty", path=windows_path(place))
    machine.drive.remove(place)
    return ""


@program("icacls")
def icacls(call: Call, words: Sequence[str]) -> Done:
    """Shows who may do what with a folder, and grants it: icacls FOLDER /grant "NETWORK SERVICE:(OI)(CI)F".

    /remove "ACCOUNT" takes back what was granted.
    """
    if not words:
        raise CommandFailed('usage: icacls FOLDER [/grant "ACCOUNT:(OI)(CI)F" | /remove "ACCOUNT"]')
    machine, place = call.machine, call.path(words[0])
    names = [name for name in machine.server.host.configured if _covers(place, machine.cache_folder(name))]
    if not names and not any(True for _ in machine.drive.files(place)):
        raise CommandFailed(f"{windows_path(place)}: The system cannot find the file specified.", 2)
    if len(words) == 1:
        return Done(_shown(machine, place, names))
    verb, *said = words[1:]
    if verb.casefold() not in ("/grant", "/grant:r", "/remove") or not said:
        raise CommandFailed(f'Invalid parameter "{verb}"', 87)
    if not call.elevated:
        raise CommandFailed(
            f"{windows_path(place)}: Access is denied.\nSuccessfully processed 0 files; Failed processing 1"
            " files",
            5,
        )
    account, _, rights = said[0].partition(":")
    if verb.casefold() != "/remove" and not (account and rights):
        raise CommandFailed(f'Invalid parameter "{said[0]}"', 87)
    key = (place.casefold(), account.casefold())
    if verb.casefold() == "/remove":
        gone = machine.grants.pop(key, None)
        for name in gone.opened if gone else ():
            if not _is_granted(machine, machine.cache_folder(name)):
                machine.server.set(f"connectors.{name}.dll", "access_denied")
    else:
        denied = [name for name in names if machine.server.host.configured[name].dll == "access_denied"]
        grant = Grant(account, rights.upper(), tuple(denied))
        machine.grants[key] = grant
        for name in denied if _lets_in(machine, grant) else ():
            machine.server.set(f"connectors.{name}.dll", "loadable")
    return Done(
        f"processed file: {windows_path(place)}\nSuccessfully processed 1 files; Failed processing 0 files\n"
    )


def _covers(place: str, folder: str) -> bool:
    return f"{folder}/".casefold().startswith(f"{place}/".casefold())


def _is_account(machine: Machine, said: str) -> bool:
    """Whether the host's service runs as this account; the authority may be left out."""
    account = machine.config.service("host").account.casefold()
    return said.casefold() in (account, account.rpartition("\\")[2])


def _lets_in(machine: Machine, grant: Grant) -> bool:
    """Whether a grant gives the host's account full control: it is the account's, or everybody's."""
    named = _is_account(machine, grant.account) or grant.account.casefold() == "everyone"
    return named and grant.rights.rstrip(")").endswith("F")


def _is_granted(machine: Machine, folder: str) -> bool:
    return any(
        _covers(place, folder) and _lets_in(machine, grant) for (place, _), grant in machine.grants.items()
    )


def _shown(machine: Machine, place: str, names: list[str]) -> str:
    account = machine.config.service("host").account
    granted = [grant for (where, _), grant in machine.grants.items() if _covers(where, place)]
    others = [grant for grant in granted if not _is_account(machine, grant.account)]
    denied = any(
        machine.server.host.configured[name].dll == "access_denied"
        or any(name in each.opened for each in others)
        for name in names
    ) and not any(_lets_in(machine, grant) for grant in granted if grant not in others)
    rights = [(account, "(OI)(CI)(RX)" if denied else "(OI)(CI)(F)"), ("NT AUTHORITY\\SYSTEM", "(OI)(CI)(F)"),
              ("BUILTIN\\Administrators", "(OI)(CI)(F)"), ("BUILTIN\\Users", "(OI)(CI)(RX)")]  # fmt: skip
    rights += [(grant.account, grant.rights) for grant in others]
    path = windows_path(place)
    lines = [f"{path if i == 0 else ' ' * len(path)} {who}:{what}" for i, (who, what) in enumerate(rights)]
    return "\n".join([*lines, "", "Successfully processed 1 files; Failed processing 0 files", ""])
