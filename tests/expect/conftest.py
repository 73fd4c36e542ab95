"""Fixtures: peers, the certificates that they present, a port where nothing listens."""

from __future__ import annotations

from tests.client.conftest import closed_port, peers, present

__all__ = ["closed_port", "peers", "present"]
