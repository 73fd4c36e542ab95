"""The alerts of TLS by name (RFC 8446 6 and B.2, RFC 5246 7.2, RFC 6066 9, RFC 7507 3).

The names that RFC 5246 marks as reserved, because only SSL 3.0 and TLS 1.0 sent them, stand here without that mark.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

ALERTS: Final[Mapping[str, int]] = MappingProxyType(
    {
        "close_notify": 0,
        "unexpected_message": 10,
        "bad_record_mac": 20,
        "decryption_failed": 21,
        "record_overflow": 22,
        "decompression_failure": 30,
        "handshake_failure": 40,
        "no_certificate": 41,
        "bad_certificate": 42,
        "unsupported_certificate": 43,
        "certificate_revoked": 44,
        "certificate_expired": 45,
        "certificate_unknown": 46,
        "illegal_parameter": 47,
        "unknown_ca": 48,
        "access_denied": 49,
        "decode_error": 50,
        "decrypt_error": 51,
        "export_restriction": 60,
        "protocol_version": 70,
        "insufficient_security": 71,
        "internal_error": 80,
        "inappropriate_fallback": 86,
        "user_canceled": 90,
        "no_renegotiation": 100,
        "missing_extension": 109,
        "unsupported_extension": 110,
        "certificate_unobtainable": 111,
        "unrecognized_name": 112,
        "bad_certificate_status_response": 113,
        "bad_certificate_hash_value": 114,
        "unknown_psk_identity": 115,
        "certificate_required": 116,
        "no_application_protocol": 120,
    }
)
"""Every alert and its code on the wire."""
