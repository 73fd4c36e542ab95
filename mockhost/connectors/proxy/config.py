"""What a connector of kind `proxy` is configured with."""

from __future__ import annotations

import ssl
from typing import NamedTuple

HELD = 16 * 1024 * 1024
"""Bytes of an answer that are read whole where a rule or a recording needs the body."""
TIMEOUT = 30.0


class ProxyConfig(NamedTuple):
    """Where requests go, and how."""

    target: str
    """the URL that stands for `/scim`, without a trailing slash"""
    token: str | None = None
    """sent to the target as the bearer token, in place of the client's credentials"""
    verify: bool = True
    """whether the target's certificate is checked"""
    ca: str | None = None
    """what to trust instead of the machine's store, as PEM"""
    timeout: float = TIMEOUT
    """seconds until the target's head is complete, and without progress of its body"""
    whole: bool = False
    """whether every answer is read whole before it goes on: for a recording"""

    def __repr__(self) -> str:
        """Without the token."""
        return f"<ProxyConfig {self.target}>"


def ca_problem(pem: str) -> str | None:
    """What is wrong with certificates in PEM form."""
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=pem)
    except (ssl.SSLError, ValueError, TypeError):  # TypeError: not ASCII
        return "these are not certificates in PEM form"
    return None
