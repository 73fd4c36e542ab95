"""An application whose answer meets a fault, carried by each of TCP, TLS 1.2 and TLS 1.3."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from mockhost.clock import Chance
from mockhost.faults.contract import Context, Draft
from mockhost.faults.parameters import Chosen, read
from tests.server.conftest import certificates, offer, recorder, serve, transport

BODY = b'{"totalResults":0,"Resources":[' + b" " * 367 + b"]}"
assert len(BODY) == 400
HEADERS = (("Content-Type", "application/scim+json; charset=utf-8"),)


def chosen(said: object) -> Chosen:
    """The one fault that a rule names."""
    (fault,) = read(said)
    return fault


def context(seed: int = 7, ordinal: int = 1) -> Context:
    """What a fault of the transport may ask: chance, and nothing else."""
    nobody: Any = None
    return Context(nobody, None, nobody, 0.0, Chance(seed), "rule", ordinal, {}, nobody)


class Faulty:
    """Answers 400 bytes; on /faulty with the fault applied. /streamed and /streamed/faulty have no length."""

    def __init__(self, said: object) -> None:
        self.chosen = chosen(said)

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        draft = Draft(200, HEADERS, BODY)
        if path.endswith("/faulty"):
            assert self.chosen.fault.answer is not None
            draft = self.chosen.fault.answer(draft, self.chosen.parameters, context())
            environ["mockhost.plan"] = draft.plan
        start_response(f"{draft.status} ", list(draft.headers))
        body = draft.whole_body()
        return iter([body[:150], body[150:]]) if path.startswith("/streamed") else [body]


__all__ = ["BODY", "Faulty", "certificates", "chosen", "context", "offer", "recorder", "serve", "transport"]
