"""An exchange as something to keep: a step of a scenario, or a test for pytest.

Both say what was sent and which status came. A credential is never in them: the client's own is sent.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Final

from mockhost.exchange import Exchange
from mockhost.journal.sink import Shown, shown

_ALWAYS: Final = frozenset({
    *("host", "content-length", "connection", "transfer-encoding", "expect", "authorization", "user-agent"),
    *("accept", "accept-encoding", "accept-language"),
})  # fmt: skip
"""Headers that every client sends on its own; they are not repeated."""
_TYPE: Final = "application/scim+json; charset=utf-8"
"""The type of bodies that a step, and a session of a host in a test, sends anyway."""
_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*(/[A-Za-z0-9_][A-Za-z0-9_.-]*)*")
_MISSING: Final = object()


def step(exchange: Exchange, scenario: str = "") -> str:
    """The exchange as one step of `expect` or `cured`, in YAML."""
    e = shown(exchange)
    path = _below(e)
    lines = ["- send: raw"]
    lines += [] if e.connector is None else [f"  connector: {_value(e.connector)}"]
    lines += [f"  method: {_value(e.method)}"]
    lines += [f"  target: {_value(e.target)}" if path is None else f"  path: {_value(path)}"]
    headers: dict[str, str | None] = {**_headers(e)}
    if not any(name.casefold() == "authorization" for name, _ in e.headers):
        headers["Authorization"] = None
    lines += [f"  headers: {_value(headers)}"] if headers else []
    body = _body(e)
    lines += [] if body is _MISSING else [f"  body: {_value(body)}"]
    lines += [f"  # {note}" for note in _notes(e)]
    lines += ["  # no answer came: say how it ends, such as gets: {ends: rst}"] if e.status is None else []
    lines += [] if e.status is None else [f"  gets: {{status: {e.status}}}"]
    return "\n".join(lines) + "\n"


def pytest(exchange: Exchange, scenario: str) -> str:
    """The exchange as a test that uses the fixture `mockhost`."""
    e = shown(exchange)
    path, body, headers = _below(e), _body(e), _headers(e)
    imports = ["import pytest"] if _NAME.fullmatch(scenario) else []
    imports += ["import requests"] if e.status is None else []
    if e.status is None and "import pytest" not in imports:
        imports.insert(0, "import pytest")
    mark = [f"@pytest.mark.mockhost({_python(scenario)})"] if _NAME.fullmatch(scenario) else []
    name = re.sub(r"\W+", "_", f"test_{e.operation}_{'fails' if e.status is None else e.status}")
    about = "" if e.connector is None else _python(e.connector)
    base = f"mockhost.url({about})"
    where = (
        f"{base} + {_python(path)}"
        if path is not None
        else f"requests.compat.urljoin({base}, {_python(e.target)})"
    )
    if path is None and "import requests" not in imports:
        imports.append("import requests")
    call = [f"{_python(e.method)}, {where}"]
    call += [f"headers={headers!a}"] if headers else []
    call += (
        [] if body is _MISSING else [f"data={body!a}" if isinstance(body, str) else f"json={_python(body)}"]
    )
    no_token = not any(name.casefold() == "authorization" for name, _ in e.headers)
    lines = [*imports, *(["", ""] if imports else []), *mark, f"def {name}(mockhost):"]
    lines += [f"    session = mockhost.session({about})"]
    lines += ['    del session.headers["Authorization"]'] if no_token else []
    lines += [f"    # {note}" for note in _notes(e)]
    sends = f"session.request({', '.join(call)})"
    if e.status is None:
        lines += ["    with pytest.raises(requests.RequestException):", f"        {sends}"]
    else:
        lines += [f"    answer = {sends}", f"    assert answer.status_code == {e.status}"]
    return "\n".join(lines) + "\n"


FORMATS: Final[Mapping[str, Callable[[Exchange, str], str]]] = {"step": step, "pytest": pytest}
"""What an exchange can be retold as: the exchange and the name of the scenario in, text out."""


def _below(e: Shown) -> str | None:
    """What follows the tenant URL; None for a request that went elsewhere."""
    base = f"/ecma2host_{e.connector}/scim"
    return e.target[len(base) :] if e.connector is not None and e.target.startswith(base) else None


def _headers(e: Shown) -> dict[str, str]:
    kept = {name: value for name, value in e.headers if name.casefold() not in _ALWAYS}
    return {n: v for n, v in kept.items() if not (n.casefold() == "content-type" and v == _TYPE)}


def _body(e: Shown) -> object:
    if not e.body:
        return _MISSING
    text = e.body.decode("utf-8", "replace")
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _notes(e: Shown) -> list[str]:
    notes = []
    if e.body_digest is not None:
        notes.append(f"the journal kept {len(e.body)} of the body's {e.body_length} bytes")
    if e.verdict == "unauthorized" and any(name.casefold() == "authorization" for name, _ in e.headers):
        notes.append("it was sent with a token that is not the host's; this sends the client's own")
    return notes


def _value(value: object) -> str:
    """A value in YAML's flow style, which JSON in ASCII is."""
    return json.dumps(value)


def _python(value: object) -> str:
    """A value as Python's source, in ASCII."""
    return (
        ascii(value).replace("'", '"')
        if isinstance(value, str) and not set(value) & set("'\"\\")
        else ascii(value)
    )
