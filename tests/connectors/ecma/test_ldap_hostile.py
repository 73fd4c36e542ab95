"""Directories that are hostile or broken: each ends as an error of the directory, soon, and with little memory."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from mockhost.connectors.ecma.config import Column
from mockhost.connectors.systems import directory, ldap
from mockhost.connectors.systems.directory import Directory, DirectoryError, Entry

BIND = 0x60
PAGED = b"1.2.840.113556.1.4.319"
Answer = Callable[[int], bytes]


def ber(tag: int, *parts: bytes) -> bytes:
    """An element of BER (X.690), its length in four octets."""
    octets = b"".join(parts)
    return bytes([tag, 0x84]) + len(octets).to_bytes(4, "big") + octets


def message(number: int, *parts: bytes) -> bytes:
    return ber(0x30, ber(2, number.to_bytes(4, "big")), *parts)


def result(tag: int, code: int = 0, *more: bytes) -> bytes:
    return ber(tag, ber(10, bytes([code])), ber(4), ber(4), *more)


def entry(name: bytes, value: bytes = b"x") -> bytes:
    held = ber(0x30, ber(4, b"cn"), ber(0x31, ber(4, value)))
    return ber(0x64, ber(4, name), ber(0x30, held))


def more_pages(cookie: bytes) -> bytes:
    return ber(0xA0, ber(0x30, ber(4, PAGED), ber(4, cookie)))


def nested(number: int) -> bytes:
    found = b""
    for _ in range(3_000):
        found = ber(0x30, found)
    return message(number, found)


@contextmanager
def serving(answer: Answer, *, binds: bool = True, endless: bool = False) -> Iterator[Directory]:
    """A directory that binds everyone and then answers like this."""

    def serve() -> None:
        while True:
            try:
                link, _ = listener.accept()
            except OSError:
                return
            with link:
                try:
                    while asked := link.recv(65_536):
                        head = 2 + (asked[1] & 0x7F if asked[1] & 0x80 else 0)
                        number = int.from_bytes(asked[head + 2 : head + 2 + asked[head + 1]], "big")
                        if binds and asked[head + 2 + asked[head + 1]] == BIND:
                            link.sendall(message(number, result(0x61)))
                            continue
                        link.sendall(answer(number))
                        while endless:
                            link.sendall(answer(number))
                except OSError:
                    continue

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield Directory(f"ldap://127.0.0.1:{listener.getsockname()[1]}", "cn=u", "secret", 5.0)
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(5.0)


def found(at: Directory) -> list[Entry]:
    with at.session() as session:
        return list(session.search("dc=x", "(cn=*)", ["cn"]))


@pytest.mark.parametrize(
    "answer",
    [
        lambda number: message(number, b"\x64\x05\x04\x7f\0\0\0"),
        lambda number: message(number, ber(0x64)),
        lambda number: message(number, ber(0x7E, b"abc")),
        lambda number: message(number, ber(0x65, ber(10, b"\x7f" * 15), ber(4), ber(4))),
        lambda number: message(number, result(0x65), more_pages(b"\x30\x7f")),
        lambda number: message(number, result(0x65), ber(0xA0, ber(0x30, ber(4, PAGED)))),
        lambda number: message(number + 1, result(0x65)),
        lambda number: message(number, result(0x65, 10, ber(0xA3, ber(4, b"ldap://127.0.0.1:9/")))),
        lambda number: message(0, result(0x78, 52)),
        nested,
    ],
)
@pytest.mark.parametrize("binds", [True, False])
def test_an_answer_that_is_wrong_is_an_error_of_the_directory(answer: Answer, binds: bool) -> None:
    with serving(answer, binds=binds) as at, pytest.raises(DirectoryError) as raised:
        found(at)
    assert "secret" not in str(raised.value)


def test_an_answer_without_an_end_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """By its length, and by the time that it takes."""

    def answer(number: int) -> bytes:
        return message(number, entry(b"cn=a,dc=x", b"a" * 10_000))

    monkeypatch.setattr(directory, "_MOST", 200_000)
    with (
        serving(answer, endless=True) as at,
        pytest.raises(DirectoryError, match="longer than 200,000 bytes"),
    ):
        found(at)
    monkeypatch.setattr(directory, "_LONGEST", 0)
    with serving(answer, endless=True) as at, pytest.raises(DirectoryError, match="take too long"):
        found(at)


def test_pages_without_an_end_end(monkeypatch: pytest.MonkeyPatch) -> None:
    cookie = more_pages(ber(0x30, ber(2, b"\0"), ber(4, b"more")))
    monkeypatch.setattr(directory, "_MOST_ENTRIES", 3)

    def page(number: int) -> bytes:
        return message(number, entry(b"no dn")) + message(number, result(0x65), cookie)

    with serving(page) as at, pytest.raises(DirectoryError, match="more than 3"):
        found(at)


@pytest.mark.parametrize("text", ["9" * 5_000, "--5", "-", "", "5\0", "five"])
def test_what_is_no_number_stays_a_text(text: str) -> None:
    assert ldap._read(Column("n", "integer"), text.encode()) == text


def test_a_dn_that_can_not_be_read_is_the_directorys_to_refuse() -> None:
    assert ldap._depth("no dn at all") == 0
    assert ldap._depth("cn=a,dc=x") == 2
