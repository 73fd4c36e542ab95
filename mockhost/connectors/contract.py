"""What a connector is to the rest of the mock: it answers operations, keeps objects, and can be looked at and reset.

Each kind is a folder beside this module, named in `kinds.KINDS`. A kind never sees HTTP's grammar, Flask or a
socket: the data plane routes a request, checks its secret token, and hands over the exchange; what comes back is an
`Answer`, or the steps that lead to one where that takes work outside the runtime's lock.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Protocol, TypeAlias, runtime_checkable

import orjson

from mockhost import slices
from mockhost.clock import Chance
from mockhost.errors import ProtocolAnswer
from mockhost.exchange import Exchange, RawHead, header_values
from mockhost.plans import TransportPlan
from mockhost.scim.errors import ScimError

if TYPE_CHECKING:
    from mockhost.connectors.kept import Kept

ROOT = "/"
"""The resource of a request for `/scim` itself."""
UNKNOWN = "unknown"
"""The operation of a request that belongs to no connector."""
ELSEWHERE = "*"
"""The key of a connector's operations that takes whatever no other row takes, by any method and at any depth."""


class Resource(NamedTuple):
    """What can be done with a path segment below `/scim`: operations by method."""

    collection: Mapping[str, str]
    """on the segment itself"""
    item: Mapping[str, str] | None = None
    """on what is below it; None: nothing is"""
    search: str | None = None
    """the operation of `POST …/.search`"""
    search_is_an_id: bool = False
    """whether `.search` with another method is an item's id"""


class Answer(NamedTuple):
    """What goes back to the client. `body` is bytes, or pieces of them for what is too large to hold.

    Pieces may raise `exchange.BrokenOff`; with status 0 they do so at once, and the connection ends without an answer.
    """

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | Iterable[bytes] = b""
    reason: str = ""
    """for people who look at the mock, never on the wire: why it was refused"""
    native: tuple[str, ...] = ()
    """the calls that the connected system saw, as its own log would show them"""
    plan: TransportPlan | None = None
    """what happens to it on its way out; connectors leave it alone"""
    raw: RawHead | None = None
    """the head as another server wrote it, which goes out as it is"""


Steps: TypeAlias = "slices.Steps[Answer]"
"""An answer that takes work outside the lock."""


def scim(
    status: int,
    document: object,
    behaviours: Mapping[str, object],
    headers: tuple[tuple[str, str], ...] = (),
    native: tuple[str, ...] = (),
) -> Answer:
    """A SCIM message or resource as JSON."""
    kind = ("Content-Type", str(behaviours["scim_content_type"]))
    return Answer(status, (kind, *headers), orjson.dumps(document), native=native)


def scim_error(error: ScimError, behaviours: Mapping[str, object]) -> Answer:
    """A SCIM error (RFC 7644 3.12)."""
    as_what = str(behaviours["error_status_type"])
    return scim(error.status, error.body(status_as=as_what), behaviours)._replace(reason=error.detail)


def coding_of(given: str | None) -> str:
    """The content coding of a body, which no connector understands (415, RFC 9110 15.5.16); empty: there is none."""
    coding = (given or "").strip()[:40]
    return "" if coding.lower() == "identity" else coding


class Refused(ProtocolAnswer):
    """A request that is not let in. `verdict` is what rules and the journal call it."""

    verdict: ClassVar[str]


class NotFound(Refused):
    """Nothing is served at the path; the message says why, for people who look at the mock."""

    verdict = "not_found"


class NotAllowed(Refused):
    """The path does not take the method."""

    verdict = "method_not_allowed"

    def __init__(self) -> None:
        super().__init__("the path does not take the method")


class Unauthorized(Refused):
    """The secret token is missing or wrong; the message says which."""

    verdict = "unauthorized"


def token_problem(call: Exchange, name: str, secret_token: str) -> Unauthorized | None:
    """What is wrong with the secret token that a request brings; None: nothing.

    Two headers are one value with a comma in it, and no token (RFC 9110 5.3; inferred: so does Katana's
    IHeaderDictionary.Get).
    """
    given = call.header("authorization")
    if given is None:
        return Unauthorized("no Authorization header")
    scheme, _, token = given.strip().partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        return Unauthorized("the Authorization header is not of the form 'Bearer <secret token>'")
    if hmac.compare_digest(token.strip().encode("latin-1", "replace"), secret_token.encode()):
        return None
    if len(header_values(call.headers, "authorization")) > 1:
        return Unauthorized("more than one Authorization header")
    return Unauthorized(f"the secret token is not the one of connector {name}")


class Service(Protocol):
    """The connector host around a connector, as far as it may ask."""

    @property
    def running(self) -> bool: ...
    @property
    def debug(self) -> bool:
        """the value of Debug that the service read when it started"""


class Connector(Protocol):
    """One connector. Not thread-safe: the runtime's lock guards it."""

    @property
    def name(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def secret_token(self) -> str: ...
    @property
    def running(self) -> bool:
        """whether requests reach it"""

    @property
    def behaviours(self) -> Mapping[str, object]:
        """named choices that its answers follow; faults follow them, too"""

    @property
    def identifier(self) -> str:
        """the attribute by which a create names its user: an anchor, `userName`"""

    @property
    def standard(self) -> bool:
        """whether it is a SCIM service provider, which words every refusal as a SCIM error (RFC 7644 3.12)"""

    @property
    def operations(self) -> Mapping[str, Resource]:
        """what is served below `/scim`, by the first path segment in lower case"""

    def admit(self, call: Exchange) -> Refused | None:
        """None for a request that may go on to its operation, else the problem: NotAllowed or Unauthorized."""

    def answer(self, operation: str, call: Exchange) -> Answer | Steps:
        """Perform an operation. Raises ProtocolAnswer, which `refuse` words."""

    def refuse(self, problem: ProtocolAnswer, call: Exchange) -> Answer:
        """Word a refusal: NotFound, NotAllowed, Unauthorized, ScimError, or one of the connector's own."""

    def matches(self, call: Exchange) -> slices.Steps[int]:
        """How many objects the filter of a find matches. Raises ScimError."""

    def trial(self) -> AbstractContextManager[None]:
        """In this context everything that is written is taken back at its end."""

    def on_demand(self, name: str, chance: Chance) -> Connector:
        """A connector like it of another name, with objects and chance of its own. Raises UsageError if it can't."""

    def check_change(self, change: Mapping[str, object]) -> None:
        """Raise UsageError for what `change` cannot do; nothing is changed."""

    def change(self, change: Mapping[str, Any]) -> int:
        """Insert, update and delete objects behind the clients' back; how many it touched. Raises UsageError."""

    def objects(self) -> Iterator[dict[str, object]]:
        """The objects of the target application, as plain JSON.

        Other operations may be called before all of it is read.
        """

    def cached(self, base_url: str) -> Iterator[dict[str, object]]:
        """The resources that queries are answered from, as plain JSON; as with `objects`."""

    def copies(self) -> Iterator[dict[str, object]]:
        """What queries are answered from, by the columns of the target application; as with `objects`."""

    def import_now(self, profile: str) -> None:
        """Begin an import run: `full` or `delta`. Raises UsageError if there is none."""

    def settings(self, *, effective: bool) -> dict[str, object]:
        """The configuration without secret token and data, as plain JSON: as configured, or as it is in effect."""

    def state(self) -> dict[str, object]:
        """running, importing, objects, cached, last_import, import_problem, as plain JSON."""

    def reset(self) -> None:
        """Go back to the objects of the start. Raises UsageError if the target application can't."""


@runtime_checkable
class Waits(Protocol):
    """A connector whose target application may be outside of the process."""

    @property
    def outside(self) -> object:
        """The application that is waited for, or None.

        For one that is waited for, `change` and `objects` are called without the lock.
        """

    def tried(self, steps: Steps) -> Steps:
        """The steps of an answer, of which everything that is written is taken back."""


def outside(connector: Connector) -> object:
    """What a connector waits for outside of the process; None: nothing."""
    return connector.outside if isinstance(connector, Waits) else None


@runtime_checkable
class Closes(Protocol):
    """A connector that holds something outside of the process, such as connections."""

    def separate(self) -> None:
        """Become a fork's own: share none of it with the original, which keeps what it has."""

    def close(self) -> None:
        """Let go of it. The connector is not asked again."""


@runtime_checkable
class Keeps(Protocol):
    """A connector whose objects can be kept in a folder. Its `reset` forgets what is kept of it."""

    def keep(self, kept: Kept) -> None:
        """Take over what was kept of it, and keep what is changed from now on. Raises UsageError, CannotRun."""
