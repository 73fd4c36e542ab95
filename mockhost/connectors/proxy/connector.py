"""A connector of kind `proxy`: what rules leave alone goes to the target and comes back byte for byte."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any, NoReturn
from urllib.parse import unquote

import orjson

from mockhost.client import answers
from mockhost.client.answers import Malformed
from mockhost.clock import Chance
from mockhost.connectors.contract import (
    ELSEWHERE,
    ROOT,
    Answer,
    Connector,
    NotAllowed,
    Refused,
    Resource,
    Service,
    Steps,
    scim_error,
    token_problem,
)
from mockhost.connectors.proxy.target import HELD, Failed, ProxyConfig, Reply, Target
from mockhost.errors import ProtocolAnswer, UsageError
from mockhost.exchange import BrokenOff, Exchange, RawHead
from mockhost.scim.errors import ScimError
from mockhost.slices import Pause
from mockhost.slices import Steps as Work

BEHAVIOURS: Mapping[str, object] = MappingProxyType(
    {"scim_content_type": "application/scim+json", "error_status_type": "string"}
)
"""How refusals of ours are worded."""
_WAITED_FOR = 256 * 1024
"""A body of a known length up to this many bytes is read whole; others go on piece by piece."""
_GET = ("GET", "HEAD")
_BELOW = re.compile(r"/*[^/?]*/+[^/?]*")
"""What stands for the target's URL in a request's path: `/ecma2host_NAME/scim`."""
_HOP_BY_HOP = frozenset(
    {"connection", "keep-alive", "proxy-connection", "proxy-authorization", "te", "upgrade", "expect", "host"}
)
"""Headers of a request about its own connection (RFC 9110 7.6.1), and `Host`, which is the target's."""


def _members(noun: str) -> Resource:
    return Resource(
        {**dict.fromkeys(_GET, f"list_{noun}s"), "POST": f"create_{noun}"},
        {
            **dict.fromkeys(_GET, f"get_{noun}"),
            **{"PUT": f"replace_{noun}", "PATCH": f"patch_{noun}", "DELETE": f"delete_{noun}"},
        },
        "search",
    )


def _discovery(operation: str) -> Resource:
    return Resource(dict.fromkeys(_GET, operation), dict.fromkeys(_GET, operation))


OPERATIONS: Mapping[str, Resource] = {
    ROOT: Resource(dict.fromkeys(_GET, "list_resources")),
    "users": _members("user"),
    "groups": _members("group"),
    "schemas": _discovery("schemas"),
    "resourcetypes": _discovery("resource_types"),
    "serviceproviderconfig": _discovery("service_provider_config"),
    "bulk": Resource({"POST": "bulk"}),
    "me": Resource(dict.fromkeys((*_GET, "POST", "PUT", "PATCH", "DELETE"), "me")),
    ".search": Resource({"POST": "search"}),
    "cache": Resource({"GET": "cache"}),
    ELSEWHERE: Resource({}),
}
"""What a request is called by its path (RFC 7644 3.2; `cache` is an ECMA host's). Everything else is passed on, too."""


class ProxyConnector:
    """A connector whose answers are those of another server."""

    kind = "proxy"
    standard = True
    identifier = "userName"
    behaviours = BEHAVIOURS
    operations = OPERATIONS

    def __init__(self, name: str, secret_token: str, config: ProxyConfig, service: Service) -> None:
        """Raises UsageError for a target that leads nowhere."""
        self.name = name
        self.secret_token = secret_token
        self._service = service
        self._config = config
        self._target = _target(config)
        self._withheld = False
        """whether requests are answered without the target, see `trial`"""

    @property
    def running(self) -> bool:
        return self._service.running

    @property
    def reads_whole(self) -> bool:
        """Whether every answer is read whole."""
        return self._config.whole

    def keep_whole(self) -> None:
        """Have answers read whole and uncompressed from now on, for a recording."""
        self._config = self._config._replace(whole=True)

    def configure(self, secret_token: str, config: ProxyConfig) -> None:
        """Take over a changed configuration at once; requests that are under way end with the old one."""
        self.secret_token = secret_token
        config = config._replace(whole=self._config.whole)
        if config != self._config:
            old, self._target = self._target, _target(config)
            self._config = config
            old.close()

    # -- requests -----------------------------------------------------------------------------------------

    def admit(self, call: Exchange) -> Refused | None:
        """The target decides; only who is to get the target's token has to show ours."""
        if self._config.token is None:
            return None
        return token_problem(call, self.name, self.secret_token)

    def answer(self, operation: str, call: Exchange) -> Answer | Steps:
        return _stand_in(operation, call) if self._withheld else self._passed_on(call)

    def _passed_on(self, call: Exchange) -> Steps:
        config, target = self._config, self._target
        has_rule = call.rule is not None
        answer = yield lambda pause: _ask(target, config, call, pause, has_rule=has_rule)
        assert isinstance(answer, Answer)
        return answer

    def refuse(self, problem: ProtocolAnswer, call: Exchange) -> Answer:
        if isinstance(problem, ScimError):
            return scim_error(problem, BEHAVIOURS)
        status, text = 404, problem.message
        extra: tuple[tuple[str, str], ...] = ()
        if isinstance(problem, NotAllowed):
            status = 405
        elif isinstance(problem, Refused) and problem.verdict == "unauthorized":
            status, text = 401, "Authorization has been denied for this request."
            extra = (("WWW-Authenticate", "Bearer"),)
        answer = scim_error(ScimError(status, None, text), BEHAVIOURS)
        return answer._replace(headers=(*answer.headers, *extra), reason=problem.message)

    def matches(self, call: Exchange) -> Work[int]:
        """The target is asked nothing of its own accord: a find by a GUID counts as a probe."""
        yield from ()
        return 0

    @contextmanager
    def trial(self) -> Iterator[None]:
        """Nothing can be taken back from a real server, so in here it is not asked."""
        before, self._withheld = self._withheld, True
        try:
            yield
        finally:
            self._withheld = before

    # -- for people who operate the mock ------------------------------------------------------------------

    def on_demand(self, name: str, chance: Chance) -> Connector:
        raise UsageError(f"connector {self.name} is a proxy, of which there is only one")

    def check_change(self, change: Mapping[str, object]) -> None:
        raise UsageError(
            f"connector {self.name} is a proxy, whose objects are its target's",
            hint="change them there, or with requests through the proxy",
        )

    def change(self, change: Mapping[str, Any]) -> int:
        self.check_change(change)
        return 0

    def objects(self) -> Iterator[dict[str, object]]:
        return iter(())

    def cached(self, base_url: str) -> Iterator[dict[str, object]]:
        return iter(())

    def copies(self) -> Iterator[dict[str, object]]:
        return iter(())

    def import_now(self, profile: str) -> NoReturn:
        raise UsageError(f"connector {self.name} is a proxy, which has no imports")

    def settings(self, *, effective: bool) -> dict[str, object]:
        config = self._config
        return {
            "kind": self.kind,
            "target": config.target,
            "verify": config.verify,
            "timeout": config.timeout,
            "credentials": "client" if config.token is None else "token",
        }

    def state(self) -> dict[str, object]:
        return {
            **{"running": self.running, "importing": False, "objects": 0, "cached": 0},
            **{"last_import": None, "import_problem": None},
        }

    def reset(self) -> None:
        """Nothing: the target's objects stay as they are."""

    def separate(self) -> None:
        self._target = _target(self._config)

    def close(self) -> None:
        self._target.close()


def make(*, name: str, secret_token: str, config: ProxyConfig, service: Service, **_: object) -> Connector:
    """What `kinds.KINDS` leads to."""
    return ProxyConnector(name, secret_token, config, service)


def _target(config: ProxyConfig) -> Target:
    try:
        return Target(config)
    except ValueError as problem:
        raise UsageError(str(problem), hint="a target is like https://scim.example/scim/v2") from None


# -- to the target ---------------------------------------------------------------------------------------------


def _ask(target: Target, config: ProxyConfig, call: Exchange, pause: Pause, *, has_rule: bool) -> Answer:
    """Ask the target. Whatever it does becomes an answer."""
    whole = has_rule or config.whole
    below = _BELOW.sub("", call.target, count=1)
    if _leads_out(below):
        return _failed(Failed("the path leads out of the target's URL by '..'", 404), has_rule=True)
    path = target.path + below
    try:
        reply = target.ask(
            call.method, path or "/", _headers(target, config, call, plain=whole), _framed(call), pause
        )
    except Failed as failed:
        return _failed(failed, has_rule=has_rule)
    call.upstream = reply.times
    try:
        return _answered(reply, call, whole=whole)
    except Malformed as problem:
        reply.close()
        return _failed(Failed(f"the target's answer can't be read: {problem}"), has_rule=has_rule)


def _leads_out(below: str) -> bool:
    """Whether a path has a segment `..` (RFC 3986 5.2.4), however a server may read it.

    Who may use the target's token below its URL may not use it elsewhere on the host.
    """
    return ".." in re.split(r"[/\\]", unquote(below.partition("?")[0]))


def _headers(target: Target, config: ProxyConfig, call: Exchange, *, plain: bool) -> list[tuple[str, str]]:
    """The client's headers, but for those about its own connection. plain: the body is asked for uncompressed."""
    dropped = set(_HOP_BY_HOP)
    for name, value in call.headers:
        if name.lower() == "connection":
            dropped.update(each.strip().lower() for each in value.split(","))
    dropped -= {"content-length", "transfer-encoding", "authorization", "content-type"}
    if plain:
        dropped.add("accept-encoding")
    found = [("Host", target.where.authority)]
    found += [pair for pair in call.headers if pair[0].lower() not in dropped]
    if config.token is not None:
        found = [pair for pair in found if pair[0].lower() != "authorization"]
        found.append(("Authorization", f"Bearer {config.token}"))
    return found


def _framed(call: Exchange) -> bytes:
    """The body as its headers announce it."""
    if call.header("transfer-encoding") is None:
        return call.body
    chunk = b"%x\r\n%b\r\n" % (len(call.body), call.body) if call.body else b""
    return chunk + b"0\r\n\r\n"


def _failed(failed: Failed, *, has_rule: bool) -> Answer:
    """A gateway's answer; or, where no rule needs one, the same end that the target's connection came to."""
    if failed.status is None and not has_rule:
        return Answer(0, body=_broken(None, _end(failed.ends)), reason=failed.problem)
    error = scim_error(ScimError(failed.status or 502, None, failed.problem), BEHAVIOURS)
    return error._replace(reason=failed.problem)


def _answered(reply: Reply, call: Exchange, *, whole: bool) -> Answer:
    """The target's answer, with its body or with what reads it. Raises Malformed."""
    head = reply.answer
    status = head.status or 0
    bodiless = call.method == "HEAD" or status in (204, 304)
    encodings = ",".join(head.values("transfer-encoding")).lower()
    chunked = "chunked" in encodings
    length = None if chunked or bodiless else answers.content_length(head)
    if any("\r" in name or "\0" in name for name, _ in head.headers):
        raise answers.Malformed("a header's name has a line break or a NUL in it")
    raw = RawHead(_block(head), 0 if bodiless else length, chunked and not bodiless, head.closes)
    answer = Answer(status, tuple(_one_length(head.headers)), raw=raw)
    if bodiless or whole or (length is not None and length <= _WAITED_FOR):
        return _held(reply, answer, call)
    return answer._replace(body=_rest(b"", reply.pieces(), reply, call))


def _held(reply: Reply, answer: Answer, call: Exchange) -> Answer:
    """The answer with its body in one piece, if that is not too large."""
    body, pieces = bytearray(), reply.pieces()
    for piece in pieces:
        body += piece
        if len(body) > HELD:
            return answer._replace(body=_rest(bytes(body), pieces, reply, call))
    call.upstream = reply.times
    if not reply.problem:
        return answer._replace(body=bytes(body))
    if call.rule is None:
        return answer._replace(body=_broken(bytes(body), _end(reply.ended)), reason=reply.problem)
    return answer._replace(body=bytes(body), reason=reply.problem)


def _rest(first: bytes, pieces: Iterator[bytes], reply: Reply, call: Exchange) -> Iterator[bytes]:
    try:
        yield first
        yield from pieces
    finally:
        reply.close()
        call.upstream = reply.times
    if reply.problem:
        call.reason = reply.problem
        raise BrokenOff(_end(reply.ended))


def _broken(body: bytes | None, how: str) -> Iterator[bytes]:
    if body is not None:
        yield body
    raise BrokenOff(how)


def _end(ended: str) -> str:
    return ended if ended in ("fin", "close_notify") else "rst"


def _block(head: answers.Answer) -> bytes:
    """The head as it goes out: as it came, but for the version, which is each server's own (RFC 9110 2.5).

    Empty for one whose lines don't end as HTTP has it, or that has a NUL: it is composed again.
    """
    raw = head.raw
    lines = raw.count(b"\n")
    if (
        raw.count(b"\r\n") != lines
        or raw.count(b"\r") != lines
        or b"\n " in raw
        or b"\n\t" in raw
        or b"\0" in raw
    ):
        return b""
    return b"HTTP/1.1" + raw[len("HTTP/1.1") :]


def _one_length(headers: list[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """The headers with one Content-Length of one value, as the server reads it.

    A carriage return or NUL in a value becomes a space (RFC 9110 5.5): a client could take what follows for another
    header, or end the value there.
    """
    seen = False
    for name, value in headers:
        if name.lower() == "content-length":
            if seen:
                continue
            seen, value = True, value.partition(",")[0].strip()
        yield name, value.replace("\r", " ").replace("\0", " ")


def _stand_in(operation: str, call: Exchange) -> Answer:
    """What a target might have answered to a write that it must not see: for faults that damage the answer."""
    reason = "the target never saw the request; this is what an answer might have been"
    verb = operation.partition("_")[0]
    if verb == "delete":
        return Answer(204, reason=reason)
    document = call.document()
    body: dict[str, object] = dict(document) if isinstance(document, Mapping) and verb != "patch" else {}
    body["id"] = call.id or "00000000-0000-0000-0000-000000000000"
    headers = (("Content-Type", "application/scim+json"),)
    return Answer(201 if verb == "create" else 200, headers, orjson.dumps(body), reason)
