"""Fixtures: a command line, and windows of a host without ports, in which commands run one after another."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from mockhost import MockHost
from mockhost.running import Command
from tests.cli.conftest import invoke

__all__ = ["invoke"]

SERVICE = r"C:\Program Files\Microsoft ECMA2Host\Service\Microsoft.ECMA2Host.Service.exe.config"
HOST = "'Microsoft ECMA2Host'"


class Window:
    """Runs commands in one session."""

    def __init__(self, host: MockHost, *, elevated: bool) -> None:
        self.host = host
        self.elevated = elevated
        self.session: Any = None

    def __call__(self, command: str) -> Command:
        done = self.host.windows(command, elevated=self.elevated, session=self.session)
        self.session = done.session
        return done

    def fine(self, command: str) -> str:
        """What a command shows that must not fail."""
        done = self(command)
        assert done.exit == 0, done.output
        return done.output


Open = Callable[..., Window]


@pytest.fixture
def window() -> Iterator[Open]:
    """Makes a host, which is not started, and a window on its server."""
    made: list[MockHost] = []

    def open_window(scenario: Any = "basics/healthy", *, elevated: bool = True, **overrides: Any) -> Window:
        host = MockHost(scenario, control=False, **overrides)
        made.append(host)
        return Window(host, elevated=elevated)

    yield open_window
    for host in made:
        host.stop()
