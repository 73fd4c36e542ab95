"""The URL under which clients reach a host that stands behind a proxy, an Ingress, a mapped port or another name."""

from __future__ import annotations

import ipaddress
import re
from typing import NamedTuple
from urllib.parse import urlsplit

from mockhost.errors import UsageError

_DEFAULT_PORTS = {"http": 80, "https": 443}
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")


class PublicUrl(NamedTuple):
    """A scheme, a host and a port. `str` gives the URL without a slash at its end and without a default port."""

    scheme: str
    host: str
    """a DNS name in lower case, or an address without brackets"""
    port: int

    @property
    def authority(self) -> str:
        """The host as a URL has it, with its port unless that is the scheme's own."""
        port = "" if self.port == _DEFAULT_PORTS[self.scheme] else f":{self.port}"
        return f"{self.url_host}{port}"

    @property
    def url_host(self) -> str:
        """The host as a URL has it: an IPv6 address is in brackets."""
        return in_url(self.host)

    @property
    def is_loopback(self) -> bool:
        """Whether it leads to the machine itself."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}"

    def check(self, *, plain_http: bool) -> None:
        """Raise UsageError if clients of this URL cannot reach a host that speaks plain HTTP, or TLS."""
        if self.scheme == "http" and not plain_http:
            raise UsageError(
                f"the public URL {self} is plain HTTP, but the host speaks TLS",
                hint=f"add --no-tls (tls=False), or make it https://{self.authority}",
            )


def in_url(name: str) -> str:
    """A host name or an address as a URL has it: an IPv6 address is in brackets."""
    return f"[{name}]" if ":" in name and not name.startswith("[") else name


def check_name(name: str) -> None:
    """Raise UsageError for what can't be the host of a URL: no DNS name, in letters of any language, and no address."""
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        try:
            is_name = _is_dns_name(name.lower().encode("idna").decode("ascii"))
        except UnicodeError:
            is_name = False
        if not is_name:
            hint = "give a DNS name such as scim.contoso.example, or an IP address"
            raise UsageError(f"{name!r} can't be the host of a URL", hint=hint) from None


def _is_dns_name(name: str) -> bool:
    return len(name) <= 253 and all(map(_LABEL.fullmatch, name.removesuffix(".").split(".")))


def parse(text: str) -> PublicUrl:
    """Read `https://scim.contoso.example` or `https://scim.contoso.example:8443`. Raises UsageError."""

    def wrong(why: str, hint: str = "for example https://scim.contoso.example:8443") -> UsageError:
        return UsageError(f"{text!r} is not a valid public URL: {why}", hint=hint)

    if "@" in text:  # not quoted: it may hold a password
        raise UsageError(
            "the public URL has a user name or password", hint="leave it out: clients send a secret token"
        )
    if any(not "!" <= letter <= "~" for letter in text):
        raise wrong(
            "it has blanks or letters outside ASCII", "write an international name in its form with xn--"
        )
    try:
        parts = urlsplit(text)
        name, port = parts.hostname, parts.port
    except ValueError as error:
        raise wrong(str(error)) from None
    if parts.scheme not in _DEFAULT_PORTS:
        raise wrong("it must begin with https:// or http://")
    if not name:
        raise wrong("it has no host name")
    if parts.path not in ("", "/"):
        raise wrong(
            f"it has the path {parts.path}, and the host's own paths begin with /ecma2host_",
            "leave the path out; a proxy that adds one cannot be imitated",
        )
    if "?" in text or "#" in text:
        raise wrong("it has a query or a fragment")
    if port == 0 or parts.netloc.endswith(":"):
        raise wrong("the port must be a number from 1 to 65535")
    return PublicUrl(parts.scheme, _host(name), port or _DEFAULT_PORTS[parts.scheme])


def _host(name: str) -> str:
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        if not _is_dns_name(name) or name.removesuffix(".").rpartition(".")[2].isdecimal():
            raise UsageError(
                f"{name!r} is not a valid host name in a public URL",
                hint="for example https://scim.contoso.example:8443",
            ) from None
        return name.removesuffix(".")
    if address.is_unspecified:
        raise UsageError(
            f"{name} is every address of this machine, so no client can use it in a URL",
            hint="give the name that clients use in --public-url, and what to bind in --host",
        )
    return str(address)
