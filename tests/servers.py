"""Real servers for slow tests, each in a folder of its own and run by a user without rights."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from mockhost.connectors.systems.directory import Directory

PATIENCE = 60
"""Seconds for a server to start."""


def program(name: str, *folders: str) -> str:
    """The path of a program; the test is skipped where it is not installed."""
    found = shutil.which(name, path=os.pathsep.join([os.environ.get("PATH", ""), *folders]))
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


def plain_user(name: str) -> dict[str, Any]:
    """For `subprocess`: a user without rights, where the tests run as root; no server likes to be root."""
    if os.name == "nt" or os.geteuid() != 0:
        return {}
    import pwd

    for each in (name, "nobody"):
        with contextlib.suppress(KeyError):
            entry = pwd.getpwnam(each)
            return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
    pytest.skip("there is no user without rights")


@contextlib.contextmanager
def folder_of(user: dict[str, Any]) -> Iterator[Path]:
    """A folder that belongs to a user."""
    with tempfile.TemporaryDirectory(prefix="mockhost-test-", ignore_cleanup_errors=True) as name:
        if user:
            os.chown(name, user["user"], user["group"])
        yield Path(name)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def running(command: Sequence[str], port: int, **how: Any) -> Iterator[subprocess.Popen[bytes]]:
    """A server, once its port answers."""
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, **how)
        try:
            for _ in range(PATIENCE * 20):
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                    break
                if process.poll() is not None:
                    log.seek(0)
                    pytest.fail(f"{command[0]} ended: {log.read().decode(errors='replace')[-2000:]}")
                threading.Event().wait(0.05)
            else:
                pytest.fail(f"{command[0]} does not answer")
            yield process
        finally:
            process.terminate()
            try:
                process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


class Postgres(NamedTuple):
    """A PostgreSQL with one user and a password."""

    port: int

    @property
    def url(self) -> str:
        return f"postgresql+psycopg://hr:canary-of-a-password@127.0.0.1:{self.port}/postgres"

    def wait(self) -> None:
        """Until it takes connections: its port answers earlier."""
        import psycopg

        for _ in range(PATIENCE * 20):
            try:
                self.run("SELECT 1")
            except psycopg.OperationalError:
                threading.Event().wait(0.05)
            else:
                return
        pytest.fail("the database does not start")

    def run(self, *statements: str) -> list[Any]:
        """Execute statements, each on its own; the rows of the last."""
        import psycopg

        plain = self.url.replace("+psycopg", "")
        with psycopg.connect(plain, autocommit=True) as connection:
            for statement in statements:
                cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []


class MariaDb(NamedTuple):
    """A MariaDB with one user and a password."""

    port: int

    @property
    def url(self) -> str:
        return f"mysql+pymysql://hr:canary-of-a-password@127.0.0.1:{self.port}/hr"

    def run(self, *statements: str) -> list[Any]:
        """Execute statements, each on its own; the rows of the last."""
        import pymysql

        given = {"user": "hr", "password": "canary-of-a-password", "database": "hr", "autocommit": True}
        with (
            contextlib.closing(pymysql.connect(host="127.0.0.1", port=self.port, **given)) as connection,
            connection.cursor() as cursor,
        ):
            for statement in statements:
                cursor.execute(statement)
            return [*cursor.fetchall()]


@contextlib.contextmanager
def mariadb() -> Iterator[MariaDb]:
    """A MariaDB of Debian's packages, or whichever is on the path."""
    server, install = program("mariadbd", "/usr/sbin"), program("mariadb-install-db")
    user, port = plain_user("mysql"), free_port()
    with folder_of(user) as folder:
        data, first = folder / "data", folder / "first.sql"
        first.write_text(
            "CREATE DATABASE hr CHARACTER SET utf8mb4;\n"
            "CREATE USER hr@'127.0.0.1' IDENTIFIED BY 'canary-of-a-password';\n"
            "GRANT ALL ON hr.* TO hr@'127.0.0.1';\n"
        )
        first.chmod(0o644)
        made = [
            install,
            "--no-defaults",
            f"--datadir={data}",
            "--skip-test-db",
            "--auth-root-authentication-method=normal",
        ]
        subprocess.run(made, check=True, capture_output=True, cwd=folder, **user)
        options = {"datadir": data, "port": port, "bind-address": "127.0.0.1", "init-file": first}
        options |= {"socket": folder / "socket", "pid-file": folder / "pid", "skip-name-resolve": "ON"}
        command = [server, "--no-defaults", *(f"--{k}={v}" for k, v in options.items())]
        with running(command, port, cwd=folder, **user):
            yield MariaDb(port)


@contextlib.contextmanager
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL of Debian's packages, or whichever is on the path."""
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin")) if os.name != "nt" else []
    folders = [str(each) for each in reversed(versions)]
    server, initdb = program("postgres", *folders), program("initdb", *folders)
    user, port = plain_user("postgres"), free_port()
    with folder_of(user) as folder:
        secret = folder / "secret"
        secret.write_text("canary-of-a-password\n")
        secret.chmod(0o644)
        made = [initdb, "-D", str(folder / "data"), "-U", "hr", "-A", "scram-sha-256", f"--pwfile={secret}"]
        made += ["-E", "UTF8", "--locale=C", "--no-sync"]
        subprocess.run(made, check=True, capture_output=True, cwd=folder, **user)
        options = {"port": port, "listen_addresses": "127.0.0.1", "fsync": "off"}
        options["unix_socket_directories"] = ""
        command = [server, "-D", str(folder / "data"), *(f"--{k}={v}" for k, v in options.items())]
        with running(command, port, cwd=folder, **user):
            started = Postgres(port)
            started.wait()
            yield started


class OpenLdap(NamedTuple):
    """An OpenLDAP below dc=lab, with an administrator who may do all and a reader who may not write."""

    port: int
    password: str = "canary-of-a-password"

    @property
    def url(self) -> str:
        return f"ldap://127.0.0.1:{self.port}"

    def directory(self, user: str = "cn=admin,dc=lab", password: str = "") -> Directory:
        return Directory(self.url, user, password or self.password, PATIENCE)

    def add(self, dn: str, **attributes: str) -> None:
        """Add an entry as another program does."""
        with self.directory().session() as session:
            session.add(dn, {name: [value.encode()] for name, value in attributes.items()})

    def person(self, name: str) -> None:
        """Add a person below ou=people."""
        mail = f"{name}@contoso.example"
        self.add(f"cn={name},ou=people,dc=lab", objectClass="inetOrgPerson", cn=name, sn="S", mail=mail)

    def delete(self, name: str) -> None:
        """Delete a person."""
        with self.directory().session() as session:
            session.delete(f"cn={name},ou=people,dc=lab")


# With what the scenarios' users have of Active Directory. Its object identifiers are from Microsoft's [MS-ADSC] and
# [MS-ADA] documents; a GUID is a text here.
LDAP = """
include {schemas}/core.schema
include {schemas}/cosine.schema
include {schemas}/inetorgperson.schema
attributetype ( 1.2.840.113556.1.4.2 NAME 'objectGUID' EQUALITY caseIgnoreMatch
  SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 SINGLE-VALUE )
attributetype ( 1.2.840.113556.1.4.656 NAME 'userPrincipalName' EQUALITY caseIgnoreMatch
  SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 SINGLE-VALUE )
attributetype ( 1.2.840.113556.1.4.1853 NAME 'msDS-UserAccountDisabled' EQUALITY booleanMatch
  SYNTAX 1.3.6.1.4.1.1466.115.121.1.7 SINGLE-VALUE )
objectclass ( 1.2.840.113556.1.5.9 NAME 'user' SUP organizationalPerson STRUCTURAL
  MAY ( displayName $ givenName $ mail $ userPrincipalName $ objectGUID $ msDS-UserAccountDisabled ) )
modulepath /usr/lib/ldap
moduleload back_mdb
moduleload unique
database mdb
suffix "dc=lab"
rootdn "cn=admin,dc=lab"
rootpw {password}
directory {folder}
envflags nosync
access to attrs=userPassword by anonymous auth by * none
access to * by * read
overlay unique
unique_uri ldap:///?mail?sub
"""


@contextlib.contextmanager
def openldap() -> Iterator[OpenLdap]:
    """An OpenLDAP of Debian's packages."""
    server = program("slapd", "/usr/sbin")
    user, port = plain_user("openldap"), free_port()
    with folder_of(user) as folder:
        config = folder / "slapd.conf"
        made = OpenLdap(port)
        config.write_text(LDAP.format(schemas="/etc/ldap/schema", password=made.password, folder=folder))
        with running([server, "-f", str(config), "-h", made.url, "-d", "0"], port, cwd=folder, **user):
            made.add("dc=lab", objectClass="domain", dc="lab")
            made.add(
                "cn=reader,dc=lab", objectClass="person", cn="reader", sn="R", userPassword=made.password
            )
            yield made
