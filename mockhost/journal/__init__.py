"""The journal: what was asked, what was answered, and what carried it; bounded, and shown without secrets.

Entries are kept as they were, and are redacted (`sink`), rendered and compared only when they are read
(`renderings`, `verification`), so that a request pays for none of it.
"""

from __future__ import annotations

from mockhost.exchange import OPERATIONS, Connection, Exchange
from mockhost.journal.events import Event, EventBus, Subscription
from mockhost.journal.record import Journal
from mockhost.journal.sink import Sink
from mockhost.journal.verification import VerifyResult

__all__ = [
    "OPERATIONS",
    "Connection",
    "Event",
    "EventBus",
    "Exchange",
    "Journal",
    "Sink",
    "Subscription",
    "VerifyResult",
]
