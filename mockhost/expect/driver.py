"""Lets `expect` operate a running host, in this process or behind a control plane."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mockhost.errors import UsageError

if TYPE_CHECKING:
    from mockhost.running import ClientTarget, RunningHost


class HostDriver:
    """The verbs of steps, done to a running host."""

    def __init__(self, host: RunningHost) -> None:
        self._host = host

    def advance(self, seconds: float) -> None:
        """Raises UsageError if the timeline has something on the way that can't happen."""
        problems = self._host.call("advance_clock", by=seconds)["problems"]
        if problems:
            raise UsageError(f"what the timeline has on the way can't happen: {'; '.join(problems)}")

    def service(self, action: str) -> None:
        self._host.service(action)

    def set(self, path: str, value: object) -> None:
        self._host.set(path, value)

    def change(self, changes: Mapping[str, object]) -> None:
        self._host.change(changes)

    def import_now(self, connector: str, profile: str) -> None:
        self._host.import_now(connector, profile)

    def verify(self, spec: Mapping[str, object]) -> tuple[bool, str]:
        result = self._host.call("verify", spec=spec)
        return result["ok"], result["text"]

    def windows(
        self, command: str, elevated: bool | None, session: Mapping[str, object]
    ) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self._host.call(
            "windows", command=command, elevated=elevated, session=dict(session)
        )
        return found

    def portal(self, step: object, timeout: float) -> Mapping[str, Any]:
        """Do a step of a scenario's `entra`; its result."""
        found: Mapping[str, Any] = self._host.call("portal", step=step, timeout=timeout)["result"]
        return found

    def near_miss(self) -> str:
        last = next(reversed(self._host.journal.entries()), None)
        found = None if last is None else self._host.near_miss(last)
        return "" if found is None else str(found.text)

    def targets(self) -> Mapping[str, ClientTarget]:
        return self._host.clients()

    def truth(self) -> Mapping[str, ClientTarget]:
        return self._host.connectors()
