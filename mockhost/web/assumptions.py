"""Which assumptions about the real host an answer rests on: what `mockhost check` names.

A behaviour that is assumed, and read while a request is answered, is given each of its other values in turn; where
the host would then answer otherwise, the answer rests on it. Writes are taken back, rules and journal see nothing of
it. What an import decided shows in all later bodies.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeAlias

from mockhost.connectors.contract import Answer
from mockhost.connectors.ecma import behaviours as known
from mockhost.runtime import Runtime
from mockhost.slices import Steps, within
from mockhost.web.handling import Handling

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

OF_IMPORTS = frozenset({"duplicate_anchor_import", "failed_import_keeps_cache"})
"""Behaviours that are read, where they decide anything, by an import and not by a request."""
_PIECES = 2
"""How much of a streamed body is compared."""
Shown: TypeAlias = "tuple[int, tuple[tuple[str, str], ...], bytes]"
"""Status, headers and body of an answer."""
Alternative: TypeAlias = "tuple[str, Shown | None, Shown | None]"
"""A behaviour that was assumed, the answer, and the answer under another value; None for what an import decided."""
Change: TypeAlias = "Callable[[Mapping[str, Any]], Mapping[str, Any]]"
"""What makes other behaviours of those that hold."""


class Recorder:
    """The data plane's application, with what each answer rests on noted before it is given."""

    def __init__(self, app: WSGIApplication, runtime: Runtime, read: set[str]) -> None:
        self._app = app
        self._runtime = runtime
        self._read = read
        self._meanwhile: set[str] = set()
        self._alternatives: list[Alternative] = []

    def take(self) -> list[Alternative]:
        """The assumptions that the exchanges since the last call rest on."""
        found, self._alternatives = self._alternatives, []
        return found

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        epoch = Handling(self._runtime, environ).admission.epoch
        self._runtime.run(epoch, self._noting(environ))
        return self._app(environ, start_response)

    def _noting(self, environ: WSGIEnvironment) -> Steps[None]:
        self._runtime.clock.run_due()
        self._meanwhile |= self._read & OF_IMPORTS
        self._read.clear()
        found: list[Alternative] = [(name, None, None) for name in sorted(self._meanwhile)]
        read = set[str]()
        actual = yield from self._answered(environ, lambda values: known.Recording(values, read))
        for name in sorted(_assumed(read)):
            for other in known.possible(name):
                shown = yield from self._answered(environ, functools.partial(_with, name, other))
                if shown != actual:
                    found.append((name, actual, shown))
        self._alternatives += found

    def _answered(self, environ: WSGIEnvironment, change: Change) -> Steps[Shown]:
        """What the host would answer with changed behaviours."""
        steps = Handling(self._runtime, environ).unruled()
        return _shown((yield from within(lambda: self._under(change), steps)))

    @contextmanager
    def _under(self, change: Change) -> Iterator[None]:
        """The host and its connectors with changed behaviours for now."""
        host = self._runtime.host
        whole, own = host.behaviours, [(each, each.behaviours) for each in host.connectors.values()]
        try:
            host.behaviours = change(whole)
            for connector, values in own:
                connector.behave(change(values))
            yield
        finally:
            host.behaviours = whole
            for connector, values in own:
                connector.behave(values)


def _with(name: str, value: object, values: Mapping[str, Any]) -> Mapping[str, Any]:
    return {**values, name: value}


def _assumed(names: Iterable[str]) -> set[str]:
    return {name for name in names if known.TABLE[name].evidence == "assumed"}


def _shown(answer: Answer) -> Shown:
    body = answer.body
    return (
        answer.status,
        answer.headers,
        body if isinstance(body, bytes) else b"".join(itertools.islice(body, _PIECES)),
    )
