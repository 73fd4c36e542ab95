"""What the function of a fault gets and returns: plain data.

It sees no socket, no clock and no Flask. What it needs is in the `Context`, which makes it repeatable.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, MutableMapping
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple, Protocol

from mockhost.clock import Chance
from mockhost.plans import AS_IS, TransportPlan

if TYPE_CHECKING:
    from mockhost.connectors.ecma.host import Host
    from mockhost.connectors.ecma.running import RunningConnector


class Draft(NamedTuple):
    """An answer on its way out. `body` is bytes, or pieces of them, to be read once, for what is too large to hold."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | Iterable[bytes] = b""
    plan: TransportPlan = AS_IS
    reason: str = ""
    """for people who look at the mock, never on the wire"""

    def whole_body(self) -> bytes:
        """All of the body in one piece."""
        return self.body if isinstance(self.body, bytes) else b"".join(self.body)

    def header(self, name: str) -> str | None:
        """The first value of a header, whose name is taken in any case."""
        folded = name.lower()
        return next((value for key, value in self.headers if key.lower() == folded), None)

    def with_header(self, name: str, value: str | None) -> Draft:
        """The draft with this one value of a header, in the place of those it had; None: without the header."""
        folded, headers, put = name.lower(), [], value is None
        for pair in self.headers:
            if pair[0].lower() != folded:
                headers.append(pair)
            elif not put:
                headers.append((pair[0], str(value)))
                put = True
        if not put:
            headers.append((name, str(value)))
        return self._replace(headers=tuple(headers))


class Asked(Protocol):
    """The request, as far as faults look at it. Names and texts are decoded; unknown is None or ABSENT."""

    @property
    def operation(self) -> str: ...
    @property
    def connector(self) -> str | None: ...
    @property
    def id(self) -> str | None: ...
    @property
    def method(self) -> str: ...
    @property
    def path(self) -> str: ...
    @property
    def target(self) -> str:
        """path and query as on the wire"""

    def header(self, name: str) -> str | None: ...
    def attribute(self, name: str) -> object: ...


class Operator(Protocol):
    """What a fault on the host may do to the running mock, beside changing the host itself."""

    @property
    def host(self) -> Host: ...
    def set(self, path: str, value: object) -> object: ...
    def change(self, changes: Mapping[str, object]) -> int: ...
    def import_now(self, name: str, profile: str = "full") -> None: ...
    def service(self, action: str) -> None: ...
    def refuse(self, seconds: float) -> None:
        """Close the port for so many virtual seconds."""


class Context(NamedTuple):
    """What a fault may ask while it is carried out, for one exchange."""

    asked: Asked
    connector: RunningConnector | None
    """the running connector of the ECMA host that the request goes to, if it goes to one"""
    operator: Operator
    now: float
    """virtual seconds since 1970"""
    chance: Chance
    name: str
    """the rule's name"""
    ordinal: int
    """which match of the rule this is, counting from 1"""
    memory: MutableMapping[str, object]
    """what the fault wants to remember for this rule; empty again after a reset"""
    error: Callable[[int, str, str | None], Draft]
    """(status, text, scimType or None) -> a refusal as this stack words it"""
    behaviours: Mapping[str, object] = MappingProxyType({})
    """those of the connector that the request goes to, else the host's"""
    standard: bool = False
    """whether that is a connector of kind scim, whose refusals are SCIM errors"""

    def draw(self, what: str = "") -> float:
        """A number in [0, 1), the same each time for the same seed, rule, match and `what`."""
        return self.chance.draw(f"{self.name}\0{what}", self.ordinal)

    def octets(self, count: int, what: str = "") -> bytes:
        """So many bytes that look random, the same each time as with `draw`."""
        blocks = range(0, count, 64)
        data = b"".join(
            self.chance.digest(f"{self.name}\0{what}\0{block}", self.ordinal, 64) for block in blocks
        )
        return data[:count]
