"""What clients elsewhere call a host, and the token that they operate it with."""

from __future__ import annotations

import os
import socket
import stat
from pathlib import Path

import pytest

from mockhost.cli.options import Hosting, kept_token, public_names
from mockhost.errors import CannotRun, UsageError


@pytest.mark.parametrize(
    ("said", "machine", "names"),
    [
        ((), "box", ()),
        (("{hostname}", "localhost"), "host", ("host", "localhost")),
        (("{hostname}", "localhost"), "3f2a1b4c5d6e", ("localhost", "3f2a1b4c5d6e")),
        (("{hostname}",), "3f2a1b4c5d6e", ("3f2a1b4c5d6e",)),
        (("{hostname}.mock.svc", "{hostname}"), "mock-0", ("mock-0.mock.svc", "mock-0")),
        (("a", "b", "a"), "box", ("a", "b")),
    ],
)
def test_a_name_that_docker_made_up_is_not_for_urls(
    said: tuple[str, ...], machine: str, names: tuple[str, ...]
) -> None:
    """Nobody outside knows a container's ID as a name; the certificate has it all the same."""
    assert public_names(said, machine) == names


def hosting(tmp_path: Path, **said: object) -> Hosting:
    plain = Hosting(("127.0.0.1",), 0, "127.0.0.1", 0, None, (), None, None, (), None)
    return plain._replace(**said)  # type: ignore[arg-type]  # as the options give them


def test_the_first_public_name_is_the_one_in_urls_and_all_are_in_the_certificate(tmp_path: Path) -> None:
    """Also on loopback: there a tunnel may lead to it."""
    given = hosting(tmp_path, public_name=("mock.contoso.lab", "{hostname}"), tls_name=("other.lab",))
    with given.make("basics/healthy") as host:
        assert host.truth("SQL").url.startswith("https://mock.contoso.lab:")
        minted = host.runtime.certificates.minted
        assert minted is not None
        assert {"mock.contoso.lab", "other.lab", "localhost", socket.gethostname()} <= set(minted.names)
        assert host.control_url.startswith("http://127.0.0.1:")


def test_an_address_is_a_name_too(tmp_path: Path) -> None:
    """In brackets, where it is one of IPv6."""
    with hosting(tmp_path, public_name=("2001:db8::7",), control_host="::").make("basics/healthy") as host:
        assert host.truth("SQL").url.startswith("https://[2001:db8::7]:")
        assert host.control_url.startswith("http://[2001:db8::7]:")
        minted = host.runtime.certificates.minted
        assert minted is not None
        assert "2001:db8::7" in minted.names


def test_two_colons_are_every_address(tmp_path: Path) -> None:
    """Of IPv4, and of IPv6 where the machine has it, as sockets of both kinds have it."""
    given = hosting(tmp_path, control_host="::", public_name=("localhost",))
    with given.make("basics/healthy") as host:
        assert host.control_listener is not None
        assert "0.0.0.0" in [address for address, _ in host.control_listener.addresses]
        assert host.control_url.startswith("http://localhost:")


def test_the_token_is_kept_with_the_state(tmp_path: Path) -> None:
    """Made up once, for its owner only, where the control plane needs one and nobody gave it."""
    state = tmp_path / "state"
    tokens = {hosting(tmp_path, control_host="0.0.0.0", state=state).make("basics/healthy").control_token}
    tokens.add(hosting(tmp_path, control_host="0.0.0.0", state=state).make("basics/healthy").control_token)
    assert tokens == {kept_token(state)}
    assert len(kept_token(state)) >= 24
    if os.name != "nt":
        assert stat.S_IMODE((state / "control-token").stat().st_mode) == 0o600
    assert hosting(tmp_path, state=state).make("basics/healthy").control_token is None
    given = hosting(tmp_path, control_host="0.0.0.0", control_token="mine", state=state)
    assert given.make("basics/healthy").control_token == "mine"


@pytest.mark.parametrize("text", ["", "two words", "ein schlüssel", "a\nb"])
def test_what_is_no_token_is_told_apart(tmp_path: Path, text: str) -> None:
    (tmp_path / "control-token").write_text(text, "utf-8")
    with pytest.raises(UsageError, match="does not hold a valid token"):
        kept_token(tmp_path)


def test_a_token_that_cannot_be_kept_says_where(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", "utf-8")
    with pytest.raises(CannotRun, match="control-token"):
        kept_token(tmp_path / "file")


def test_a_folder_that_nothing_can_be_kept_in_says_what_to_do(tmp_path: Path) -> None:
    """A container's root may be read-only: then a volume is what is missing."""
    (tmp_path / "file").write_text("", "utf-8")
    with pytest.raises(CannotRun, match=r"nothing can be kept in .*file, the folder of --state: ") as raised:
        hosting(tmp_path, state=tmp_path / "file").make("basics/healthy")
    assert "a volume or a tmpfs there" in raised.value.hint
    assert "MOCKHOST_STATE=" in raised.value.hint
