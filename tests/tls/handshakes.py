"""Handshakes in memory: two contexts, no sockets."""

from __future__ import annotations

import ssl
from typing import NamedTuple

_TURNS = 10
VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}


class Shaken(NamedTuple):
    """What a client knows after a handshake and one read."""

    client: ssl.SSLObject
    server: ssl.SSLObject
    refused: ssl.SSLError | None
    """why the client has no session, or lost it at once"""
    server_error: ssl.SSLError | None

    @property
    def der(self) -> bytes | None:
        return self.client.getpeercert(binary_form=True)


def trusting(bundle: str, version: str | None = None) -> ssl.SSLContext:
    """A client as strict as Python's default that trusts what is in `bundle`."""
    context = ssl.create_default_context(cadata=bundle)
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    context.minimum_version = VERSIONS["1.2"]  # not every build of Python sets it
    if version is not None:
        context.minimum_version = context.maximum_version = VERSIONS[version]
    return context


def careless(version: str | None = None) -> ssl.SSLContext:
    """A client that takes any certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.minimum_version = VERSIONS["1.2"]
    if version is not None:
        context.minimum_version = context.maximum_version = VERSIONS[version]
    return context


def shake(
    server: ssl.SSLContext | None,
    client: ssl.SSLContext,
    *,
    name: str = "localhost",
    session: ssl.SSLSession | None = None,
) -> Shaken:
    """Let the two talk until neither has anything to say; a byte goes to the client so that it gets its ticket."""
    assert server is not None
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ours = client.wrap_bio(to_client, to_server, server_hostname=name, session=session)
    theirs = server.wrap_bio(to_server, to_client, server_side=True)
    errors: dict[ssl.SSLObject, ssl.SSLError] = {}
    done: set[ssl.SSLObject] = set()
    for _ in range(_TURNS):
        for side in (ours, theirs):
            if side in errors or side in done:
                continue
            try:
                side.do_handshake()
                done.add(side)
            except ssl.SSLWantReadError:
                continue
            except ssl.SSLError as problem:
                errors[side] = problem
    if ours in done:
        try:
            if theirs in done:
                theirs.write(b"!")
            ours.read(1)
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLError as problem:
            errors[ours] = problem
    return Shaken(ours, theirs, errors.get(ours), errors.get(theirs))


def code(shaken: Shaken) -> int:
    """OpenSSL's code for a certificate that the client refused; 0 where it did not."""
    if isinstance(shaken.refused, ssl.SSLCertVerificationError):
        return shaken.refused.verify_code
    assert shaken.refused is None
    return 0
