"""A directory of the mock's own: OpenLDAP's slapd as a child process, in a private folder, on a socket in it.

Its configuration is a fixed text: nothing that a scenario says goes into it. It ends with this process, however that
ends: a shell waits for the end of a pipe that only this process holds.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from urllib.parse import quote

from mockhost.errors import CannotRun, NotInstalled
from mockhost.temporary import PrivateFolder

ADMINISTRATOR: Final = "cn=mockhost"
SETTINGS: Final = "cn=config"
MOST: Final = 8
"""How many directories one process has at a time."""
_PLACES: Final = (
    "/usr/sbin",
    "/usr/local/sbin",
    "/usr/libexec",
    "/usr/lib/openldap",
    "/opt/homebrew/opt/openldap/libexec",
)
_SCHEMAS: Final = (
    "/etc/ldap/schema",
    "/etc/openldap/schema",
    "/usr/local/etc/openldap/schema",
    "/opt/homebrew/etc/openldap/schema",
)
_MODULES: Final = ("/usr/lib/ldap", "/usr/lib64/openldap", "/usr/lib/openldap")
_PATIENCE: Final = 10.0
_PARENT: Final = '"$@" & child=$!; read -r line; kill "$child"; wait "$child"'
"""Ends the command when this end of the pipe is gone; a command in the background reads from /dev/null."""
_running: list[Slapd] = []
_counting = threading.Lock()


class Slapd:
    """A slapd with an empty directory, or with the entries of another, once it is started. Raises CannotRun."""

    def __init__(self, source: Slapd | None = None) -> None:
        program = shutil.which("slapd", path=os.pathsep.join([os.environ.get("PATH", ""), *_PLACES]))
        schemas = next(
            (Path(each) for each in _SCHEMAS if Path(each, "inetorgperson.schema").is_file()), None
        )
        if program is None or schemas is None or not hasattr(socket, "AF_UNIX"):
            message = "a directory of the mock's own needs slapd, which is not installed"
            raise NotInstalled(message, hint="run: apt-get install slapd, or name a directory with a url")
        with _counting:
            if len(_running) >= MOST:
                raise CannotRun(
                    f"there are {MOST} directories of the mock's own already", hint="end another one"
                )
            _running.append(self)
        self._folder = PrivateFolder()
        self._read_only = threading.Lock()
        self.password = secrets.token_hex(16)
        self._program = program
        self._process: subprocess.Popen[bytes] | None = None
        try:
            self._configure(schemas)
            if source is not None and source._process is not None:
                self._copy(source)
        except BaseException:
            self.close()
            raise

    def start(self) -> None:
        """Start it, unless it runs. Raises CannotRun."""
        if self._process is not None:
            return
        self._process = self._run()
        try:
            self._wait()
        except BaseException:
            self.close()
            raise

    @property
    def url(self) -> str:
        return "ldapi://" + quote(str(self._socket), safe="")

    @property
    def _socket(self) -> Path:
        return self._folder.path / "ldapi"

    @property
    def _settings(self) -> Path:
        return self._folder.path / "slapd.conf"

    def _configure(self, schemas: Path) -> None:
        folder = self._folder.path
        lines = [f"include {schemas}/{name}.schema" for name in ("core", "cosine", "nis", "inetorgperson")]
        modules = next((each for each in _MODULES if list(Path(each).glob("back_mdb*"))), None)
        lines += [f"modulepath {modules}", "moduleload back_mdb"] if modules else []
        lines += ["sizelimit unlimited", "database config", f"rootdn {SETTINGS}", f"rootpw {self.password}"]
        lines += ["database mdb", 'suffix ""', f"rootdn {ADMINISTRATOR}", f"rootpw {self.password}"]
        lines += [f"directory {folder}", "maxsize 1073741824", "envflags nosync", "index objectClass eq"]
        self._settings.touch(mode=0o600)
        self._settings.write_text("\n".join(lines) + "\n")

    def _copy(self, source: Slapd) -> None:
        """Take over the entries of a running directory, with what the directory itself keeps of them."""
        entries = self._folder.path / "entries.ldif"
        entries.touch(mode=0o600)
        # Both are modes of slapd; reading a database of mdb beside the running server is safe (man slapcat).
        for mode, of in (("cat", source), ("add", self)):
            tool = [self._program, "-T", mode, "-n", "1", "-f", str(of._settings), "-l", str(entries)]
            tool += ["-q"] if mode == "add" else []
            done = subprocess.run(tool, capture_output=True, check=False)
            if done.returncode:
                said = " ".join(done.stderr.decode(errors="replace").split())[-300:]
                raise CannotRun(f"the directory can't be copied: {said}")
        entries.unlink()

    def _run(self) -> subprocess.Popen[bytes]:
        command = [self._program, "-f", str(self._settings), "-h", self.url, "-d", "0"]
        with (self._folder.path / "log").open("wb") as log:
            return subprocess.Popen(
                ["/bin/sh", "-c", _PARENT, "mockhost", *command],
                stdin=subprocess.PIPE, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip

    def _wait(self) -> None:
        """Until it answers. Raises CannotRun with what it says."""
        for _ in range(round(_PATIENCE / 0.01)):
            with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as probe:
                probe.connect(str(self._socket))
                return
            said = (self._folder.path / "log").read_text(errors="replace").strip()
            if said:
                raise CannotRun(f"slapd does not start: {' '.join(said.split())[-300:]}")
            threading.Event().wait(0.01)
        raise CannotRun(f"slapd does not answer within {_PATIENCE:.0f} s")

    @contextlib.contextmanager
    def read_only(self) -> Iterator[None]:
        """Let the directory refuse all changes; those who want it to wait for each other."""
        from mockhost.connectors.systems.directory import Directory

        directory = Directory(self.url, SETTINGS, self.password, _PATIENCE)
        with self._read_only, directory.session() as session:
            place = "olcDatabase={1}mdb,cn=config"
            session.modify(place, {"olcReadOnly": [b"TRUE"]})
            try:
                yield
            finally:
                session.modify(place, {"olcReadOnly": [b"FALSE"]})

    def close(self) -> None:
        """End it, and remove what it had. May be called twice."""
        process = self._process
        if process is not None and process.poll() is None:
            assert process.stdin is not None
            process.stdin.close()
            try:
                process.wait(_PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._folder.remove()
        with _counting:
            if self in _running:
                _running.remove(self)
