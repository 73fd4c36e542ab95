"""What each `send` of a step puts on the wire."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from mockhost.client import dialect
from mockhost.client.dialect import CONTENT_TYPE, Request
from mockhost.clock import fresh_guid
from mockhost.errors import UsageError, did_you_mean
from mockhost.scim.messages import ECMA_USER

Step = Mapping[str, object]
_Base = dialect.Base
_JSON = (("Content-Type", CONTENT_TYPE),)


def request_of(step: Step, tenant_url: str, kind: str = "") -> Request:
    """The request of a step that sends, below `tenant_url`, to a connector of a kind: attributes are the standard's own
    with `scim`, the host's extension's with others. Raises UsageError for one that says too little.
    """
    send = str(step["send"])
    if send not in _REQUESTS:
        raise UsageError(f"nothing is sent by {send!r}", hint=did_you_mean(send, _REQUESTS))
    extension = "" if kind in ("scim", "proxy") else ECMA_USER
    return _REQUESTS[send](dialect.base_of(tenant_url, extension), step)


def headers_of(request: Request, secret_token: str | None, own: Step) -> Sequence[tuple[str, str]]:
    """The service's headers, those of the request, and the step's own, of which None takes one away."""
    pairs = [] if secret_token is None else [("Authorization", f"Bearer {secret_token}")]
    pairs += request.headers
    named = {name.lower() for name in own}
    kept = [pair for pair in pairs if pair[0].lower() not in named]
    return [*kept, *((name, str(value)) for name, value in own.items() if value is not None)]


def mapping(step: Mapping[str, object], key: str) -> Mapping[str, object]:
    value = step.get(key)
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise UsageError(f"{key!r} is a map, not {value!r}")
    return value


def _needed(step: Mapping[str, object], key: str) -> object:
    if key not in step:
        raise UsageError(f"'send: {step.get('send')}' needs {key!r}")
    return step[key]


def _test_connection(base: _Base, step: Step) -> Request:
    own = mapping(step, "probe")
    default = dialect.PROBE_ATTRIBUTE if base.extension else "userName"
    attribute = str(own.get("attribute", default))
    return Request(
        "GET", base.target("/Users", dialect.probe(str(own.get("value", fresh_guid())), attribute))
    )


def _projection(step: Step) -> list[str]:
    attributes, excluded = _names(step, "attributes"), _names(step, "excluded_attributes")
    return dialect.query(attributes=attributes, excluded=excluded)


def _names(step: Step, key: str) -> list[str]:
    value = step.get(key, ())
    if not isinstance(value, (list, tuple)):
        raise UsageError(f"{key!r} is a list of names, not {value!r}")
    return [str(name) for name in value]


def _find(base: _Base, step: Step) -> Request:
    where, text = mapping(step, "where"), step.get("filter")
    if not where and text is None and step["send"] == "find":
        raise UsageError("'send: find' needs 'filter' or 'where'")
    keys = dialect.query(
        attributes=_names(step, "attributes"),
        excluded=_names(step, "excluded_attributes"),
        start_index=step.get("start_index"),
        count=step.get("count"),
        equals=where,
        filter_text=None if text is None else str(text),
        extension=base.extension,
    )
    return Request("GET", base.target("/Users", keys))


def _get(base: _Base, step: Step) -> Request:
    return Request("GET", base.target(dialect.user_path(_needed(step, "id")), _projection(step)))


def _resource(base: _Base, step: Step) -> bytes:
    if "body" in step:
        return _body(step["body"])
    return dialect.as_json(dialect.resource(mapping(step, "attributes"), base.extension))


def _create(base: _Base, step: Step) -> Request:
    return Request("POST", base.target("/Users"), _JSON, _resource(base, step))


def _replace(base: _Base, step: Step) -> Request:
    return Request("PUT", base.target(dialect.user_path(_needed(step, "id"))), _JSON, _resource(base, step))


def _patch(base: _Base, step: Step) -> Request:
    operations = step.get("operations")
    if "body" in step:
        body = _body(step["body"])
    elif isinstance(operations, (list, tuple)):
        body = dialect.as_json(dialect.patch_body(operations))
    else:
        changes = dialect.patch(mapping(step, "set"), new_dialect=base.new_dialect, extension=base.extension)
        body = dialect.as_json(changes)
    return Request("PATCH", base.target(dialect.user_path(_needed(step, "id"))), _JSON, body)


def _delete(base: _Base, step: Step) -> Request:
    return Request("DELETE", base.target(dialect.user_path(_needed(step, "id"))))


def _raw(base: _Base, step: Step) -> Request:
    target = str(step["target"]) if "target" in step else base.path + str(step.get("path", ""))
    method = str(step.get("method", "GET"))
    if "body" not in step:
        return Request(method, target or "/")
    return Request(method, target or "/", _JSON, _body(step["body"]))


def _body(body: object) -> bytes:
    """A text as it is, anything else as JSON."""
    return body.encode("utf-8", "surrogatepass") if isinstance(body, str) else dialect.as_json(body)


_REQUESTS: dict[str, Callable[[_Base, Step], Request]] = {
    "test_connection": _test_connection,
    "find": _find,
    "list": _find,
    "get": _get,
    "create": _create,
    "replace": _replace,
    "patch": _patch,
    "delete": _delete,
    "schemas": lambda base, step: Request("GET", base.target("/Schemas")),
    "cache": lambda base, step: Request("GET", base.target("/cache")),
    "raw": _raw,
}
"""What each `send` sends, below the tenant URL."""
