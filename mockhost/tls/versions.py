"""Which versions of TLS a context speaks, and whether this machine's OpenSSL can speak the old ones at all.

TLS 1.0 and 1.1 are deprecated (RFC 8996). OpenSSL 3 keeps their signatures, SHA-1 with MD5, for its lowest
security level, and some systems' builds and policies leave them out altogether.
"""

from __future__ import annotations

import functools
import ssl
import warnings

from mockhost import clock
from mockhost.errors import UsageError
from mockhost.tls.authority import Authority, mint
from mockhost.tls.config import TlsConfig

_VERSIONS = {
    "1.0": ssl.TLSVersion.TLSv1,
    "1.1": ssl.TLSVersion.TLSv1_1,
    "1.2": ssl.TLSVersion.TLSv1_2,
    "1.3": ssl.TLSVersion.TLSv1_3,
}
_OLD = ("1.0", "1.1")
_TURNS = 8


def limit(context: ssl.SSLContext, lowest: str, highest: str) -> None:
    """Let a context speak these versions and those between them. Raises UsageError where that can't be."""
    for version in (lowest, highest):
        if version not in _VERSIONS:
            raise UsageError(f"no such version of TLS: {version!r}", hint=f"known: {', '.join(_VERSIONS)}")
    if _VERSIONS[lowest] > _VERSIONS[highest]:
        raise UsageError(f"the oldest version of TLS, {lowest}, is newer than the newest, {highest}")
    if highest in _OLD and (why := unspoken(highest)):
        raise UsageError(why)
    _limit(context, lowest, highest)


def _limit(context: ssl.SSLContext, lowest: str, highest: str) -> None:
    if lowest in _OLD:
        context.set_ciphers("DEFAULT:@SECLEVEL=0")
        # A scenario asks for them on purpose; a process in which warnings are errors could not follow it.
        warnings.filterwarnings("ignore", r"ssl\.TLSVersion\.TLSv1", DeprecationWarning)
    context.maximum_version = _VERSIONS[highest]
    context.minimum_version = _VERSIONS[lowest]


@functools.cache
def unspoken(version: str) -> str | None:
    """Why this machine can't speak an old version, in words; None if it can, which a handshake in memory shows."""
    name = f"TLS {version}"
    if not (ssl.HAS_TLSv1 if version == "1.0" else ssl.HAS_TLSv1_1):
        return f"{ssl.OPENSSL_VERSION} was built without {name}"
    now = clock.wall_now()
    minted = mint(TlsConfig(), authority=Authority(), virtual_now=now, wall_now=now)
    server, client = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
    try:
        for context in (server, client):
            _limit(context, version, version)
        minted.load_into(server)
        _shake(server, client)
    except (ssl.SSLError, ValueError) as problem:
        return f"{ssl.OPENSSL_VERSION} does not speak {name}: {getattr(problem, 'reason', None) or problem}"
    return None


def _shake(server: ssl.SSLContext, client: ssl.SSLContext) -> None:
    """A handshake in memory. Raises ssl.SSLError where there is none."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    waiting = [
        client.wrap_bio(to_client, to_server),
        server.wrap_bio(to_server, to_client, server_side=True),
    ]
    for _ in range(_TURNS):
        for side in tuple(waiting):
            try:
                side.do_handshake()
                waiting.remove(side)
            except ssl.SSLWantReadError:
                continue
    if waiting:
        raise ssl.SSLError("the handshake does not come to an end")
