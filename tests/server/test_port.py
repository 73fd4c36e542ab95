"""One port on several addresses: taken, held while closed, opened again."""

from __future__ import annotations

import errno
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from mockhost.errors import CannotRun, UsageError
from mockhost.server.listener import Listener
from tests.server.conftest import Recorder, Serve, hello
from tests.server.raw import RawClient, get

HAS_IPV6 = socket.has_ipv6


@contextmanager
def other(host: str = "127.0.0.1", port: int = 0, *options: int, listen: bool = True) -> Iterator[int]:
    """Somebody else's socket; gives its port."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as sock:
        for option in options:
            sock.setsockopt(socket.SOL_SOCKET, option, 1)
        sock.bind((host, port))
        if listen:
            sock.listen()
        yield sock.getsockname()[1]


def refused(port: int, host: str = "127.0.0.1") -> bool:
    try:
        socket.create_connection((host, port), timeout=5).close()
    except ConnectionRefusedError:
        return True
    return False


def takers(port: int) -> list[str]:
    """Who could take the port now: with no options, SO_REUSEADDR, SO_REUSEPORT, on the wildcard, unlistening."""
    ways: dict[str, tuple[str, tuple[int, ...], bool]] = {
        "plain": ("127.0.0.1", (), True),
        "reuseaddr": ("127.0.0.1", (socket.SO_REUSEADDR,), True),
        "reuseaddr, bound only": ("127.0.0.1", (socket.SO_REUSEADDR,), False),
        "reuseport": ("127.0.0.1", (socket.SO_REUSEADDR, getattr(socket, "SO_REUSEPORT", 15)), True),
        "wildcard": ("0.0.0.0", (socket.SO_REUSEADDR,), True),
    }
    able = []
    for name, (host, options, listen) in ways.items():
        try:
            with other(host, port, *options, listen=listen):
                able.append(name)
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
    return able


def test_bound_is_not_open(recorder: Recorder) -> None:
    """A bound port refuses connections until it is opened, and is already ours."""
    listener = Listener(hello, hosts=("127.0.0.1",), observer=recorder)
    try:
        port = listener.bind()
        assert listener.port == port == listener.bind()
        assert refused(port)
        assert not listener.is_open
        if sys.platform == "linux":
            assert takers(port) == []
        listener.open()
        assert listener.is_open
        with RawClient(port) as client:
            assert client.ask(get("/")).body == b"hello"
    finally:
        listener.shutdown()
    assert listener.port == 0


@pytest.mark.skipif(
    sys.platform != "linux", reason="elsewhere the port is held by a second socket, as best it can be"
)
@pytest.mark.parametrize("connected", [False, True], ids=["unused", "with old connections"])
def test_a_closed_port_refuses_and_is_kept_from_everybody(serve: Serve, connected: bool) -> None:
    """Stopping the service leaves nothing that answers and no gap for another process, time and again."""
    listener = serve(hello)
    clients = []
    for _ in range(3):
        if connected:
            with RawClient(listener.port) as client:
                client.ask(get("/", "Connection: close"))
                client.until_end()  # the server's side goes into TIME_WAIT
            clients.append(RawClient(listener.port))
            clients[-1].ask(get("/"))
        listener.close()
        assert refused(listener.port)
        assert takers(listener.port) == []
        listener.open()
        assert takers(listener.port) == []
        with RawClient(listener.port) as client:
            assert client.ask(get("/")).body == b"hello"
    for client in clients:
        client.close()


def test_four_listeners_open_and_close_side_by_side(serve: Serve) -> None:
    """Port 0 beside three others: each keeps its own port through any number of stops and starts."""
    listeners = [serve(hello, name=f"data{number}") for number in range(4)]
    ports = [listener.port for listener in listeners]
    assert len(set(ports)) == 4
    for round_ in range(8):
        one = listeners[round_ % 4]
        one.close()
        one.close()
        assert [refused(port) for port in ports] == [listener is one for listener in listeners]
        one.open()
        one.open()
        assert [listener.port for listener in listeners] == ports
        for port in ports:
            with RawClient(port) as client:
                assert client.ask(get("/")).body == b"hello"


def test_connections_of_before_end_when_the_port_closes(serve: Serve, recorder: Recorder) -> None:
    """An idle one by FIN; nobody talks to a stopped service over an old connection."""
    listener = serve(hello)
    with RawClient(listener.port) as client:
        client.ask(get("/"))
        listener.close()
        assert client.until_end() == (b"", "fin", False)
    assert recorder.wait("closed") == [(1, "cut")]


@pytest.mark.skipif(not HAS_IPV6, reason="needs IPv6")
def test_both_loopback_addresses_share_one_port(serve: Serve) -> None:
    """`localhost` is two addresses; the port is taken on both or on neither."""
    listener = serve(hello, hosts=("127.0.0.1", "::1"))
    if len(listener.addresses) == 1:
        pytest.skip("this machine has no ::1")
    assert listener.addresses == (("127.0.0.1", listener.port), ("::1", listener.port))
    for host in ("127.0.0.1", "::1"):
        with RawClient(listener.port, host=host) as client:
            assert client.ask(get("/")).body == b"hello"
    listener.close()
    assert refused(listener.port)
    assert refused(listener.port, "::1")


def test_an_absent_ipv6_address_is_left_out(serve: Serve) -> None:
    """A machine without IPv6, or without that address, still serves; `addresses` says what is bound."""
    listener = serve(hello, hosts=("127.0.0.1", "2001:db8::1"))
    assert listener.addresses == (("127.0.0.1", listener.port),)


@pytest.mark.skipif(not HAS_IPV6, reason="needs IPv6")
def test_port_0_looks_for_one_that_is_free_everywhere(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    """A port that is free on the first address only is passed over."""
    from mockhost.server.ports import Port

    free = Port._free_port
    try:
        with other("::1") as taken:
            offered = [taken]
            monkeypatch.setattr(Port, "_free_port", lambda self: offered.pop() if offered else free(self))
            listener = serve(hello, hosts=("127.0.0.1", "::1"))
            assert offered == []
            assert listener.port != taken
            assert len(listener.addresses) == 2
    except OSError:
        pytest.skip("this machine has no ::1")


@pytest.mark.parametrize(
    ("host", "message"),
    [
        ("127.0.0.1", "port {port} on 127.0.0.1 is in use"),
        ("192.0.2.1", "192.0.2.1 is not an address of this machine"),
        ("a" * 70, "a" * 70 + " is not an address of this machine"),
        ("\udcff", "\udcff is not an address of this machine"),
        ("a\0b", "a\0b is not an address of this machine"),
    ],
)
@pytest.mark.parametrize(("name", "options"), [("data", "--"), ("control", "--control-")])
@pytest.mark.parametrize("free", [False, True])
def test_what_can_not_be_bound_is_said_in_words(
    serve: Serve, host: str, message: str, name: str, options: str, free: bool
) -> None:
    """Naming the port, the address and the option to try; never a bare errno."""
    if free and "in use" in message:
        pytest.skip("a free port is not in use")
    with other() as port, pytest.raises(CannotRun) as caught:
        serve(hello, hosts=(host,), port=0 if free else port, name=name)
    assert caught.value.message == message.format(port=port)
    assert f"{options}port" in caught.value.hint or f"{options}host" in caught.value.hint


@pytest.mark.parametrize(("hosts", "port"), [((), 0), (("127.0.0.1",), 65_536), (("127.0.0.1",), -1)])
def test_what_is_no_port_and_no_address_is_said_in_words(
    serve: Serve, hosts: tuple[str, ...], port: int
) -> None:
    with pytest.raises(UsageError, match=r"not a valid port|no address"):
        serve(hello, hosts=hosts, port=port)


def test_a_port_with_old_connections_can_be_taken_again(serve: Serve) -> None:
    """A restart within the minute that TIME_WAIT lasts, as in every test that uses a fixed port."""
    first = serve(hello)
    port = first.port
    with RawClient(port) as client:
        client.ask(get("/", "Connection: close"))
        client.until_end()
    first.shutdown()
    second = serve(hello, port=port)
    assert second.port == port
    if sys.platform == "linux":
        second.close()
        assert takers(port) == []
