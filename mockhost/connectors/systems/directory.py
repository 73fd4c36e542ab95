"""A directory as ldap3 reaches it: sessions with time limits, paged results, what a server says.

Nothing of ldap3 is imported until there is a connector whose system is `ldap`.
"""

from __future__ import annotations

import math
import socket
import ssl
import threading
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

from mockhost.clock import monotonic
from mockhost.connectors.ecma.dn import parse
from mockhost.errors import UsageError

OWN: Final = "ldap://"
"""The URL of a directory of the mock's own."""
INSTALL: Final = "pip install 'mockhost[ldap]'"
TROUBLES: Final = ("none", "unavailable", "read_only")
"""What can be wrong with a directory."""
_PAGED: Final = "1.2.840.113556.1.4.319"
PAGE: Final = 500
"""Entries that are read at a time (RFC 2696)."""
_MOST: Final = 256 * 1024 * 1024
"""Bytes that a server may send in one session."""
_MOST_ENTRIES: Final = 1_000_000
"""Entries that a search may find."""
_LONGEST: Final = 60
"""How many times its time limit a session may take."""


class Entry(NamedTuple):
    """An entry: its DN, and the octets of its attributes by name in lower case, without options.

    Values with a language or another option are left out where there are some without; `;binary` is not counted as one.
    """

    dn: str
    attributes: Mapping[str, Sequence[bytes]]


class DirectoryError(Exception):
    """What a server answered, or why it did not: the result code of RFC 4511 (None), its name, and words."""

    def __init__(self, result: int | None, name: str, words: str) -> None:
        super().__init__(f"{name}: {words}" if words else name)
        self.result = result
        self.name = name
        self.words = words


def missing_package() -> UsageError | None:
    """The error for a host on which ldap3 is not installed, with the line to type; or None."""
    if find_spec("ldap3") is not None:
        return None
    message = "a connected system in a directory needs the package ldap3, which is not installed"
    return UsageError(message, hint=f"run: {INSTALL}")


def check_url(text: str) -> None:
    """Raise UsageError for what is no URL of a directory."""
    try:
        parts = urlsplit(text)
        sound = parts.scheme in ("ldap", "ldaps") and (parts.hostname or text == OWN) and parts.port != 0
    except ValueError:
        sound = False
    if not sound:
        raise UsageError(
            "not a URL of a directory", hint="write ldap://server, ldaps://server:636 or ldap://"
        )
    if parts.username or parts.password or parts.path.strip("/") or parts.query:
        raise UsageError(
            "the URL has more than a server and a port", hint="write 'user', 'password' and 'base' as keys"
        )


def _ldap3() -> Any:
    with warnings.catch_warnings():  # ldap3 uses names of pyasn1 that are deprecated
        warnings.simplefilter("ignore", DeprecationWarning)
        import ldap3
    return ldap3


class Directory:
    """Where a directory is, and as whom it is used. Thread-safe."""

    def __init__(self, url: str, user: str, password: str, timeout: float) -> None:
        self._url = url if url == OWN else url.rstrip("/")  # which ldap3 takes for a part of the port
        self._user = user
        self._password = password
        self._timeout = timeout
        self._mine = threading.local()

    @contextmanager
    def trial(self) -> Iterator[None]:
        """Write nothing of what this thread writes within: only whether entries are there is looked up.

        A directory has no transactions. OpenLDAP's No-Op control is left alone: after an add with it that brings a new
        attribute, back-mdb (2.5) can't read later entries with that attribute.
        """
        outer = self.on_trial
        self._mine.trial = True
        try:
            yield
        finally:
            self._mine.trial = outer

    @property
    def on_trial(self) -> bool:
        return bool(getattr(self._mine, "trial", False))

    @contextmanager
    def session(self, *, unavailable: bool = False, schema: bool = False) -> Iterator[Session]:
        """A connection of its own, bound. `unavailable`: to a port of this machine that refuses it.

        Raises DirectoryError; so does what is done in it.
        """
        with socket.socket() as closed:
            url = self._url
            if unavailable:
                closed.bind(("127.0.0.1", 0))
                url = f"ldap://127.0.0.1:{closed.getsockname()[1]}"
            connection = self._open(url, schema)
        try:
            yield Session(connection, on_trial=self.on_trial)
        finally:
            with suppress(Exception):
                connection.unbind()

    def _open(self, url: str, schema: bool) -> Any:
        ldap3 = _ldap3()
        with _told():
            tls = ldap3.Tls(validate=ssl.CERT_REQUIRED) if url.startswith("ldaps:") else None
            info = ldap3.SCHEMA if schema else ldap3.NONE
            server = ldap3.Server(url, connect_timeout=self._timeout, get_info=info, tls=tls)
            connection = ldap3.Connection(
                server,
                self._user or None,
                self._password or None,
                authentication=ldap3.SIMPLE if self._user else ldap3.ANONYMOUS,
                receive_timeout=math.ceil(self._timeout),
                auto_referrals=False,
                check_names=False,
                return_empty_attributes=False,
                raise_exceptions=False,
            )
        try:
            with _told():
                connection.open(read_server_info=False)
                connection.socket = _Bounded(connection.socket, self._timeout)
                connection.bind(read_server_info=schema)
            _check(connection.result)
        except DirectoryError:
            with suppress(Exception):
                connection.unbind()
            if connection.socket is not None:  # ldap3 leaves it open where it could not connect
                connection.socket.close()
            raise
        return connection


class _Bounded:
    """A socket that receives for some time, and some bytes: ldap3 keeps all of an answer, however long it gets."""

    def __init__(self, over: Any, timeout: float) -> None:
        self._over = over
        self._until = monotonic() + _LONGEST * timeout
        self._left = _MOST

    def __getattr__(self, name: str) -> Any:
        return getattr(self._over, name)

    def recv(self, size: int) -> bytes:
        """What comes next. Raises OSError beyond the limits."""
        if monotonic() > self._until:
            raise OSError("the directory's answers take too long")
        data: bytes = self._over.recv(size)
        self._left -= len(data)
        if self._left < 0:
            raise OSError(f"the directory's answers are longer than {_MOST:,} bytes")
        return data


class Session:
    """One connection. Each method raises DirectoryError."""

    def __init__(self, connection: Any, *, on_trial: bool) -> None:
        self._connection = connection
        self._on_trial = on_trial

    @property
    def schema(self) -> Any:
        """ldap3's form of the server's schema, or None."""
        return self._connection.server.schema

    def search(self, base: str, where: str, names: Sequence[str], scope: str = "SUBTREE") -> Iterator[Entry]:
        """The entries that match a filter, page by page; referrals are left out."""
        cookie: bytes | None = None
        found = 0
        while True:
            with _told():
                paging = {"paged_size": PAGE, "paged_cookie": cookie} if scope == "SUBTREE" else {}
                self._connection.search(base, where, scope, attributes=list(names), **paging)
            _check(self._connection.result)
            with _told():
                entries = [_entry(each) for each in self._connection.response or () if each["type"] == _ENTRY]
                controls = self._connection.result.get("controls") or {}
                cookie = controls.get(_PAGED, {}).get("value", {}).get("cookie")
            yield from entries
            found += len(entries)
            if found > _MOST_ENTRIES:
                raise DirectoryError(None, "tooManyEntries", f"a search finds more than {_MOST_ENTRIES:,}")
            if not cookie:
                return

    def exists(self, dn: str) -> bool:
        """Whether there is an entry."""
        try:
            return any(True for _ in self.search(dn, "(objectClass=*)", ["1.1"], "BASE"))
        except DirectoryError as error:
            if error.result == NO_SUCH_OBJECT:
                return False
            raise

    def add(self, dn: str, attributes: Mapping[str, Sequence[bytes]]) -> None:
        """Add an entry."""
        if self._on_trial:
            if self.exists(dn):
                raise DirectoryError(ENTRY_ALREADY_EXISTS, "entryAlreadyExists", "")
            parent = parse(dn).parent()
            if parent is not None and not self.exists(str(parent)):
                raise DirectoryError(NO_SUCH_OBJECT, "noSuchObject", "")
            return
        with _told():
            self._connection.add(dn, attributes=dict(attributes))
        _check(self._connection.result)

    def modify(self, dn: str, attributes: Mapping[str, Sequence[bytes]]) -> None:
        """Replace the values of attributes; with none, an attribute goes."""
        changes = {name: [("MODIFY_REPLACE", list(values))] for name, values in attributes.items()}
        if self._on_trial:
            self._need(dn)
            return
        with _told():
            self._connection.modify(dn, changes)
        _check(self._connection.result)

    def delete(self, dn: str) -> None:
        """Delete an entry."""
        if self._on_trial:
            self._need(dn)
            return
        with _told():
            self._connection.delete(dn)
        _check(self._connection.result)

    def _need(self, dn: str) -> None:
        if not self.exists(dn):
            raise DirectoryError(NO_SUCH_OBJECT, "noSuchObject", "")


_ENTRY: Final = "searchResEntry"


def _entry(found: Mapping[str, Any]) -> Entry:
    # Those without options come last, and stay.
    held = sorted(found["raw_attributes"].items(), key=lambda each: ";" not in each[0])
    return Entry(found["dn"], {name.partition(";")[0].lower(): values for name, values in held})


NO_SUCH_OBJECT: Final = 32
ENTRY_ALREADY_EXISTS: Final = 68
"""Result codes (RFC 4511, Appendix A)."""


def _check(result: Mapping[str, Any]) -> None:
    if result["result"] != 0:
        raise DirectoryError(result["result"], result["description"], result["message"] or "")


@contextmanager
def _told() -> Iterator[None]:
    """Turns what ldap3 raises into a DirectoryError.

    Its decoder trusts a server: it raises IndexError, KeyError, RecursionError and others for BER that is wrong.
    """
    from ldap3.core.exceptions import LDAPException

    try:
        yield
    except (LDAPException, OSError, UnicodeError) as error:
        raise DirectoryError(None, type(error).__name__, str(error)) from None
    except Exception as error:
        what = f"an answer can't be read ({type(error).__name__})"
        raise DirectoryError(None, "malformedAnswer", what) from None
