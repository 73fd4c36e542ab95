"""The certificate on the data plane's port: sound, expired, misnamed or untrusted; made at start, never
shipped.

| module           | what is in it                                                                     |
|------------------|-----------------------------------------------------------------------------------|
| `certificate.py` | keys, names, dates: one certificate as a scenario describes it                    |
| `authority.py`   | the mock's own CA, what `--state` keeps, and `mint`                               |
| `versions.py`    | which versions of TLS are spoken, and whether this OpenSSL can speak the old ones |
| `serving.py`     | `ssl` contexts, the bundle for clients, and `Certificates`, true to the clock     |

Importing it costs `ssl`; cryptography is imported by whatever mints first.
"""

from __future__ import annotations

from mockhost.tls.authority import Authority, mint
from mockhost.tls.certificate import Minted, names_of
from mockhost.tls.serving import Certificates, server_context, trust_bundle
from mockhost.tls.versions import unspoken

__all__ = [
    "Authority",
    "Certificates",
    "Minted",
    "mint",
    "names_of",
    "server_context",
    "trust_bundle",
    "unspoken",
]
