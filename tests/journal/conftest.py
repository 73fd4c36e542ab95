"""A journal, and a way to put exchanges into it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from mockhost.journal import Exchange, Journal
from tests.journal.exchanges import KEY, TOKEN, make


@pytest.fixture
def journal() -> Journal:
    """An empty journal that knows the secret token of connector SQL."""
    journal = Journal(key=KEY)
    journal.secrets = [TOKEN]
    return journal


@pytest.fixture
def add(journal: Journal) -> Callable[..., Exchange]:
    """Add an exchange: a find of bob in SQL, except for what is said otherwise."""

    def add(**fields: object) -> Exchange:
        exchange = make(**fields)
        assert journal.add(exchange)
        return exchange

    return add
