"""Faults of TLS: certificates, versions and handshakes that go wrong, for one connection at a time."""
