"""A host that notes, while a check is played, which assumptions each of its answers rests on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from mockhost.api import MockHost
from mockhost.connectors.ecma import behaviours
from mockhost.expect.steps import Alternative
from mockhost.web.assumptions import Recorder

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication


class RecordedHost(MockHost):
    """See `of`."""

    read: set[str]
    _recorder: Recorder | None = None

    @classmethod
    @contextmanager
    def of(cls, scenario: str, sets: Sequence[str]) -> Iterator[RecordedHost]:
        """Run a scenario on a fresh host without a control plane."""
        with behaviours.recording() as read:
            host = cls(scenario, control=False, sets=sets)
            host.read = read
            with host:
                yield host

    def _data_app(self) -> WSGIApplication:
        self._recorder = Recorder(super()._data_app(), self.runtime, self.read)
        return self._recorder

    def alternatives(self) -> list[Alternative]:
        """How the exchanges since the last call could have been answered."""
        taken = [] if self._recorder is None else self._recorder.take()
        return [Alternative(*each) for each in taken]
