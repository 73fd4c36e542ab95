"""Drive C: as files: edits count when the service next starts, and nothing leads out of its folder."""

from __future__ import annotations

import io
import os
import zipfile
from pathlib import Path

import pytest

from mockhost import MockHost
from mockhost.errors import ScenarioError, UsageError
from mockhost.running import Command
from tests.windows.conftest import HOST, SERVICE, Open, Window

BELOW = SERVICE.removeprefix("C:\\").replace("\\", "/")


def debug(run: Window) -> tuple[bool, bool]:
    """Debug as configured, and as the running service has read it."""
    found = run.host.call("get_host")
    return found["configured"]["debug"], found["effective"]["debug"]


def test_an_edit_counts_when_the_service_next_starts(window: Open, tmp_path: Path) -> None:
    run = window("documented/debug_not_restarted", drive=tmp_path / "c")
    assert debug(run) == (True, False)
    file = tmp_path / "c" / BELOW
    file.write_text(file.read_text().replace('"true"', '"false"'))
    assert debug(run) == (False, False)
    file.write_text(file.read_text().replace('"false"', '"true"'))
    run.fine(f"Restart-Service {HOST}")
    assert debug(run) == (True, True)


CONFIGURATION = "Program Files/Microsoft ECMA2Host/Service/Configuration/Configuration.xml"


def test_an_edit_of_the_connectors_file_counts_when_the_service_next_starts(
    window: Open, tmp_path: Path
) -> None:
    run = window(drive=tmp_path / "c", connectors={"SQL": {"import": {"full_takes": "3m"}}})
    file = tmp_path / "c" / CONFIGURATION
    edited = file.read_text().replace("<AutosyncTimer>120<", "<AutosyncTimer>40<", 1)
    file.write_text(edited)

    def timers() -> tuple[float, float]:
        found = run.host.call("get_host")
        return tuple(
            found[key]["connectors"]["SQL"]["import"]["every"] for key in ("configured", "effective")
        )

    assert timers() == (2_400, 7_200)
    run.fine(f"Restart-Service {HOST}")
    assert timers() == (2_400, 2_400)
    assert run.host.runtime.host.configured["SQL"].imports.full_takes == 180
    assert file.read_text() == edited
    again = window(drive=tmp_path / "c")
    assert again.host.runtime.host.configured["SQL"].imports.every == 2_400


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("</Configuration>", "", "There is an error in XML document"),
        ("<Name>ContosoLogin<", "<Name>Nothing<", "Nothing"),
        ("<Configuration ", "<!DOCTYPE x []><Configuration ", "document type"),
    ],
)
def test_a_connectors_file_that_can_not_be_used_ends_the_service(
    window: Open, old: str, new: str, says: str
) -> None:
    run = window()
    path = f"C:\\{CONFIGURATION}".replace("/", "\\")
    original = run.fine(f"Get-Content '{path}'")
    run.fine(f"notepad '{path}' /replace '{old}' '{new}'")
    assert run(f"Restart-Service {HOST}").exit == 1
    assert run(f"sc.exe start {HOST}").exit == 1053
    assert says in run.fine("Get-WinEvent Application -MaxEvents 1 -Format List")
    run.host.windows(f"notepad '{path}' /save", input=original, elevated=True)
    run.fine(f"Start-Service {HOST}")


def test_the_last_word_wins_wherever_it_is_said(window: Open, tmp_path: Path) -> None:
    """A setting that is changed is in the file, and the other way round."""
    run = window(drive=tmp_path / "c")
    run.host.set("host.debug", True)
    assert '"true"' in (tmp_path / "c" / BELOW).read_text()
    run.fine(f"notepad '{SERVICE}' /replace '\"true\"' '\"false\"'")
    assert debug(run) == (False, False)


def test_a_folder_is_kept_from_run_to_run_and_reset_puts_it_back(window: Open, tmp_path: Path) -> None:
    folder = tmp_path / "c"
    first = window(drive=folder)
    file = folder / BELOW
    original = file.read_text()
    file.write_text(original.replace('"false"', '"true"'))
    first.host.stop()
    again = window(drive=folder)
    assert debug(again) == (True, True)
    again.fine(rf"Copy-Item '{SERVICE}' C:\backup.config")
    again.host.reset()
    assert file.read_text() == original
    assert not (folder / "backup.config").exists()
    assert debug(again) == (False, False)


def test_a_folder_of_a_broken_file_begins_stopped(window: Open, tmp_path: Path) -> None:
    folder = tmp_path / "c"
    window(drive=folder).host.stop()
    (folder / BELOW).write_text("<configuration>")
    run = window(drive=folder)
    assert "Stopped" in run.fine(f"Get-Service {HOST}")


def test_a_folder_with_other_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("x")
    with pytest.raises(UsageError, match="other files"):
        MockHost(control=False, drive=tmp_path)
    assert (tmp_path / "mine.txt").read_text() == "x"


@pytest.mark.skipif(os.name == "nt", reason="links need a right there")
def test_nothing_leads_out_of_the_folder(window: Open, tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("x")
    run = window(drive=tmp_path / "c")
    (tmp_path / "c" / "link.txt").symlink_to(secret)
    (tmp_path / "c" / "out").symlink_to(tmp_path)
    for command in (r"Get-Content C:\link.txt", r"Get-Content C:\out\secret.txt", r"Remove-Item C:\link.txt",
                    r"notepad C:\link.txt /replace x y", r"Get-Content C:\..\..\secret.txt",
                    r"Copy-Item C:\out\secret.txt C:\x", r"Remove-Item C:\out -r"):  # fmt: skip
        done = run(command)
        assert done.exit, command
        assert "Traceback" not in done.output
    assert secret.read_text() == "x"


def test_a_fork_leaves_the_folder_alone(window: Open, tmp_path: Path) -> None:
    run = window(drive=tmp_path / "c")
    twin = run.host.runtime.fork()
    machine = twin.state.machine
    assert machine is not None
    assert machine.server is twin
    machine.drive.remove("Program Files")
    twin.service("stop")
    assert (tmp_path / "c" / BELOW).is_file()
    assert run.host.runtime.host.running


def test_who_is_no_administrator_saves_nothing_below_program_files(window: Open) -> None:
    run = window(elevated=False)
    before = run.fine(f"Get-Content '{SERVICE}'")
    assert "Access is denied." in run(f"notepad '{SERVICE}' /replace false true").output
    assert "denied" in run(f"Copy-Item '{SERVICE}' '{SERVICE}.bak'").output
    assert "denied" in run(f"Remove-Item '{SERVICE}'").output
    assert run.fine(f"Get-Content '{SERVICE}'") == before
    run.fine(rf"Copy-Item '{SERVICE}' C:\Users\Administrator\copy.config")
    assert "copy.config" in run.fine("dir")


def test_folders_are_listed_and_gone_to(window: Open) -> None:
    run = window()
    run.fine(r"cd 'C:\program files\microsoft ecma2host'")
    assert "Directory: C:\\program files\\microsoft ecma2host" in run.fine("dir")
    run.fine("cd ..")
    assert "Microsoft ECMA2Host" in run.fine("dir -Name")
    assert "does not exist" in run(r"cd C:\nowhere").output
    assert BELOW.replace("/", "\\") in run.fine(r"dir C:\ -Recurse")
    run.fine(r"Remove-Item 'C:\Program Files\Microsoft ECMA2Host' -r")
    assert "does not exist" in run(f"Get-Content '{SERVICE}'").output


def test_rights_on_the_cache_folder_are_what_lets_the_dll_load(window: Open) -> None:
    run = window("documented/dll_access_denied")
    folder = r"'C:\Program Files\Microsoft ECMA2Host\Service\ECMA\Cache'"
    assert "NETWORK SERVICE:(OI)(CI)(RX)" in run.fine(f"icacls {folder}")
    run.fine(f"icacls {folder} /grant 'NETWORK SERVICE:(OI)(CI)F'")
    assert "NETWORK SERVICE:(OI)(CI)(F)" in run.fine(f"icacls {folder}")
    run.fine(f"Restart-Service {HOST}")
    assert run.host.runtime.host.connectors["SQL"].config.dll == "loadable"


def test_full_control_for_everyone_lets_the_dll_load_until_it_is_taken_back(window: Open) -> None:
    run = window("documented/dll_access_denied")
    folder = r"'C:\Program Files\Microsoft ECMA2Host\Service\ECMA\Cache'"
    run.fine(f"icacls {folder} /grant 'Everyone:(OI)(CI)F'")
    shown = run.fine(f"icacls {folder}")
    assert "Everyone:(OI)(CI)F" in shown
    assert "NETWORK SERVICE:(OI)(CI)(RX)" in shown
    assert run.host.runtime.host.configured["SQL"].dll == "loadable"
    run.fine(f"icacls {folder} /remove Everyone")
    assert "Everyone" not in run.fine(f"icacls {folder}")
    assert run.host.runtime.host.configured["SQL"].dll == "access_denied"


def test_a_zip_file_is_unpacked_into_a_folder_and_leads_nowhere_else(window: Open) -> None:
    run = window()
    path = run.host.windows("CollectTroubleshootingInfo", elevated=True).data["path"]
    run.fine(rf"Expand-Archive '{path}' C:\Temp\bundle")
    assert "secrets_redacted" in run.fine(r"Get-Content C:\Temp\bundle\MANIFEST.json")
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("../outside.txt", "x")
    run.host.runtime.around().drive.write("Temp/bad.zip", stream.getvalue(), 0.0)
    run.host.runtime.around().drive.write("Temp/no.zip", b"PK", 0.0)
    for name in ("bad", "no"):
        assert "not a zip file" in run(rf"Expand-Archive C:\Temp\{name}.zip").output
    assert "does not exist" in run(r"Expand-Archive C:\Temp\none.zip").output


def test_setup_brings_files_as_they_are_delivered(window: Open) -> None:
    """What a scenario has changed in them is gone with the folder."""
    run = window("documented/setup_service_exists", machine={"trace": {"ECMA2Host": "Error"}})
    assert 'switchValue="Error"' in run.fine(f"Get-Content '{SERVICE}'")
    assert "STOPPED" in run.fine(f"sc.exe query {HOST}")
    assert run(f"sc.exe start {HOST}").exit == 2
    run.fine("setup uninstall")
    assert run(f"sc.exe query {HOST}").exit == 1060
    run.fine(r"Remove-Item 'C:\Program Files\Microsoft ECMA2Host' -Recurse")
    run.fine("setup install")
    assert 'switchValue="Error"' not in run.fine(f"Get-Content '{SERVICE}'")


def test_a_folder_is_not_a_file(window: Open) -> None:
    run = window()
    run.fine("Copy-Item C:\\SQL.dsn a.txt")
    for command in ("Get-Content 'C:\\Program Files'", "wizard export C:\\", "wizard export a.txt\\b.xml"):
        assert "denied" in run(command).output
    for place in ("C:\\", ".", "C:\\Program Files", "a.txt\\b"):
        assert run.host.windows(f"notepad '{place}' /save", elevated=True, input="x").exit == 5


def test_the_limits_of_a_drive_hold(window: Open) -> None:
    run = window()
    done = run.host.windows("notepad x.txt /save", elevated=True, input="x" * 1_000_000)
    assert done.exit == 0
    with pytest.raises(UsageError, match="longer"):
        run.host.windows("notepad x.txt /save", input="x" * 2_000_000)


@pytest.mark.parametrize("in_folder", [False, True])
def test_a_drive_that_is_full_is_a_full_disk(
    window: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, in_folder: bool
) -> None:
    """Of bytes or of files, in memory and in a folder: commands say so as on Windows, and write nothing."""
    run = window(drive=tmp_path / "c" if in_folder else None)
    drive = run.host.runtime.around().drive
    files, size = drive.used()
    monkeypatch.setattr("mockhost.windows.drive.MOST_BYTES", size + 1_000)
    monkeypatch.setattr("mockhost.windows.drive.MOST_FILES", files + 1)
    name = r"C:\x.txt"

    def save(text: str) -> Command:
        return run.host.windows(f"notepad {name} /save", elevated=True, input=text)

    for command, done in (
        ("too long", save("x" * 1_001)),
        ("CollectTroubleshootingInfo", run("CollectTroubleshootingInfo")),
        ("two files more", run(r"Copy-Item 'C:\Program Files' C:\copy -Recurse")),
    ):
        assert done.exit, command
        assert "There is not enough space on the disk." in done.output, command
        assert drive.used() == (files, size), command
    assert "WriteError: (:) [Copy-Item]" in run(r"Copy-Item 'C:\Program Files' C:\copy -Recurse").output
    assert save("x" * 1_000).exit == 0
    assert run.host.windows(rf"notepad {name} /replace x {'y' * 5_000}", elevated=True).exit == 112
    assert save("y" * 999).exit == 0
    assert save("z" * 1_001).exit == 112
    run.fine(f"Remove-Item {name}")
    assert drive.used() == (files, size)


def test_null_is_not_a_file(tmp_path: Path) -> None:
    """As everywhere in scenarios, it takes back what a parent says; a file is removed by a command."""
    file = tmp_path / "x.yaml"
    file.write_text(f"format: 1\nextends: basics/healthy\nmachine: {{files: {{'{SERVICE}': null}}}}\n")
    with pytest.raises(ScenarioError, match="no parent has one to remove"):
        MockHost(str(file), control=False)
