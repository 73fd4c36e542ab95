"""What the certificate page of the wizard sets, as plain values: the certificate on the port, and TLS versions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class TlsConfig(NamedTuple):
    """The certificate on the port and what is done with it. `valid` is relative to the virtual clock's now."""

    mode: str = "certificate"
    """certificate | none (bound port, no certificate: the handshake is reset) | plain_http"""
    names: tuple[str, ...] = ("localhost",)
    valid: tuple[float, float] = (-86_400.0, 730 * 86_400.0)
    issuer: str = "self"
    """self (as the wizard's 'Generate certificate') | ca (a CA that clients are configured to trust) | untrusted"""
    key: str = "ec-p256"
    """ec-p256 | ec-p384 | rsa-2048 | rsa-3072 | rsa-4096"""
    usage: str = "server"
    """extended key usage: server | client | none"""
    minimum_version: str = "1.2"
    maximum_version: str = "1.3"
    """1.0 | 1.1 | 1.2 | 1.3, as is `minimum_version`"""
    client_certificate: str = "none"
    """none | requested | required: whether clients are asked for a certificate of their own"""
    intermediate: str = "none"
    """none | sent | missing: whether a CA between signs it where `issuer` is ca, and whether clients are sent that"""

    def laid_over(self, host: TlsConfig) -> TlsConfig:
        """The host's own configuration, changed for one connection: what is empty here is as there.

        A version that is set alone moves the other one with it where they would cross: `maximum_version: "1.1"`
        on a host that speaks 1.2 and newer means 1.1 alone.
        """
        said = {name: value for name, value in self._asdict().items() if value not in _EMPTY}
        whole = host._replace(**said)
        if whole.minimum_version > whole.maximum_version:
            if "minimum_version" not in said:
                return whole._replace(minimum_version=whole.maximum_version)
            if "maximum_version" not in said:
                return whole._replace(maximum_version=whole.minimum_version)
        return whole


_EMPTY = ("", (), (0.0, 0.0))
AS_THE_HOST = TlsConfig(
    names=(),
    valid=(0.0, 0.0),
    issuer="",
    key="",
    usage="",
    minimum_version="",
    maximum_version="",
    client_certificate="",
    intermediate="",
)
"""For one connection: a certificate with every property as the host's own. See `TlsConfig.laid_over`."""
TLS_WORDS: Mapping[str, TlsConfig] = {
    "expired": AS_THE_HOST._replace(valid=(-730 * 86_400.0, -86_400.0)),
    "not_yet_valid": AS_THE_HOST._replace(valid=(86_400.0, 731 * 86_400.0)),
    "wrong_name": AS_THE_HOST._replace(names=("ecma-server-01.contoso.lab",)),
    "untrusted": AS_THE_HOST._replace(issuer="untrusted"),
    "wrong_usage": AS_THE_HOST._replace(usage="client"),
    "none": AS_THE_HOST._replace(mode="none"),
    "plain_http": AS_THE_HOST._replace(mode="plain_http"),
}
"""The shorthands of `host.tls`, each what it changes."""
