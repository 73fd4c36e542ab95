"""The journal: what was asked, what was answered, and what carried it; bounded, and without secrets.

Entries are redacted when they are written (`redaction`), rendered and compared only when somebody looks
(`renderings`, `verification`), so that a request pays for its safety and for nothing else.
"""

from __future__ import annotations

from mockhost.journal.entries import OPERATIONS, Connection, Exchange
from mockhost.journal.events import Event, EventBus, Subscription
from mockhost.journal.record import Journal
from mockhost.journal.verification import VerifyResult

__all__ = [
    "OPERATIONS",
    "Connection",
    "Event",
    "EventBus",
    "Exchange",
    "Journal",
    "Subscription",
    "VerifyResult",
]
