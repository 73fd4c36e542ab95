"""Exchanges to a scenario that answers as the recorded server did.

Requests are told apart by method, path, query, filter and JSON body. Repeats become a sequence. A GUID or a date that a
request brings, and that no answer before had, is a value of the client's own: it is matched whatever it is, and
captured into the answer.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final
from urllib.parse import parse_qsl

from mockhost import __version__
from mockhost.errors import UsageError
from mockhost.record.recorded import REMOVED, Recorded

TOKEN: Final = "a-fake-recorded-token"
LARGEST: Final = 1024 * 1024
"""Bytes of a scenario file (format 1)."""
MOST_STEPS: Final = 100
_GUID = r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}"
_DATE = r"\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)"
_OWN = re.compile(f"{_GUID}|{_DATE}")
_FILTERED = re.compile(rf'\s*([\w:.$-]+)\s+eq\s+"({_GUID}|{_DATE})"\s*', re.IGNORECASE)


def document(exchanges: Sequence[Recorded], name: str, title: str) -> dict[str, Any]:
    """The scenario's document. Raises UsageError where there is nothing to write."""
    if not exchanges:
        raise UsageError(
            "no exchange was recorded",
            hint="a proxy records what passes through it until Ctrl-C; in a HAR file, --base says what is /scim",
        )
    seen: set[str] = set()
    """what answers had, and no request before"""
    clients: set[str] = set()
    whens: dict[str, dict[str, Any]] = {}
    replies: dict[str, list[dict[str, Any]]] = {}
    for each in exchanges:
        own: dict[str, str] = {}
        when = _when(each, name, seen, own)
        key = json.dumps(when, sort_keys=True)
        whens.setdefault(key, when)
        replies.setdefault(key, []).append(_reply(each, own))
        clients.update(own)
        seen.update(_OWN.findall(each.answer.decode("utf-8", "replace")))
        seen -= clients
    rules = [_rule(whens[key], replies[key]) for key in whens]
    rules.append(_nothing(name))
    return {
        "format": 1,
        "title": escaped(title),
        "tags": ["recorded"],
        "connectors": {name: {"kind": "scim", "secret_token": TOKEN}},
        "rules": rules,
        "expect": list(_steps(exchanges, name)),
    }


def fitting(
    exchanges: Sequence[Recorded], name: str, title: str, *, as_json: bool
) -> tuple[dict[str, Any], str, int]:
    """The document of as many exchanges as fit into a scenario file, the first ones; its text; and how many these are.

    An exchange that alone is larger than a file is left out. Raises UsageError where there is nothing to write.
    """

    def made_of(chosen: Sequence[Recorded]) -> tuple[dict[str, Any], str]:
        made = document(chosen, name, title)
        return made, written(made, as_json=as_json)

    def fits(text: str) -> bool:
        return len(text.encode()) <= LARGEST

    small = [
        each for each in exchanges
        if len(each.body) + len(each.answer) < LARGEST // 16 or fits(made_of([each])[1])
    ]  # fmt: skip
    if exchanges and not small:
        raise UsageError(
            "no exchange fits into a scenario file, which may have 1 MiB",
            hint="ask for smaller pages, with count=",
        )
    made, text = made_of(small[:1])
    count, too_many, step = 1, len(small) + 1, 64
    while count + 1 < too_many:
        more = (count + too_many) // 2 if too_many <= len(small) else min(count + step, len(small))
        longer, found = made_of(small[:more])
        if fits(found):
            made, text, count, step = longer, found, more, step * 2
        else:
            too_many = more
    return made, text, count


def written(document: Mapping[str, Any], *, as_json: bool) -> str:
    """The document as a file's text: JSON, or YAML with a rule a line."""
    if as_json:
        return _escaped(json.dumps(document, indent=1, ensure_ascii=False)) + "\n"
    lines = [f"# Recorded by mockhost {__version__}."]
    for key, value in document.items():
        if key in ("rules", "expect"):
            lines += [f"{key}:", *(f"- {_yaml(each)}" for each in value)]
        else:
            lines.append(f"{key}: {_yaml(value)}")
    return "\n".join(lines) + "\n"


def _yaml(value: object) -> str:
    return _escaped(json.dumps(value, ensure_ascii=False))


def _escaped(text: str) -> str:
    """JSON is YAML, but for what some readers do with line separators and DEL; half a surrogate pair is no UTF-8."""
    return re.sub(
        r"[\x7f-\x9f\u2028\u2029\ufeff\ud800-\udfff]", lambda found: f"\\u{ord(found[0]):04x}", text
    )


def escaped(value: Any) -> Any:
    """A value in whose texts `${` stands for itself."""
    if isinstance(value, str):
        return value.replace("${", "$${")
    if isinstance(value, Mapping):
        return {escaped(key): escaped(item) for key, item in value.items()}
    return [escaped(item) for item in value] if isinstance(value, list) else value


# -- requests --------------------------------------------------------------------------------------------------


def _when(each: Recorded, name: str, seen: set[str], own: dict[str, str]) -> dict[str, Any]:
    """The conditions; fills `own` with the client's values and the expressions that stand for them."""
    when: dict[str, Any] = {
        "connector": name,
        "method": each.method,
        "path": escaped(f"/ecma2host_{name}/scim{each.path}"),
        "verdict": "unauthorized" if each.status == 401 else {"not": "unauthorized"},
    }
    fields = dict(reversed(parse_qsl(each.query, keep_blank_values=True)))
    when["query"] = {key: _field(key, value, seen, own) for key, value in sorted(fields.items())}
    # These fields in any order, and no other: a request with another one was not recorded.
    when["query"][""] = {"matches": f"^[^&]*(?:&[^&]*){{{each.query.count('&')}}}$"} if each.query else ""
    found = _json(each.body)
    if found is not None:
        leaves = dict(_leaves(found[0], ""))
        for pointer, value in leaves.items():
            if isinstance(value, str) and _OWN.fullmatch(value) and value not in seen:
                own.setdefault(value, f"{{{{request.body{pointer}}}}}")
        if any(isinstance(value, str) and (value in own or REMOVED in value) for value in leaves.values()):
            when["body"] = {pointer: _leaf(value, own) for pointer, value in leaves.items()}
        else:
            when["body"] = {"": {"equals": escaped(found[0])}}
    return when


def _field(key: str, value: str, seen: set[str], own: dict[str, str]) -> Any:
    if REMOVED in value:
        return {"absent": False}
    filtered = _FILTERED.fullmatch(value) if key.lower() == "filter" else None
    if filtered is None or filtered[2] in seen:
        return escaped(value)
    own.setdefault(filtered[2], f"{{{{request.attributes.{filtered[1]}}}}}")
    before, after = value[: filtered.start(2)], value[filtered.end(2) :]
    return {"matches": escaped(f"^{re.escape(before)}(?:{_GUID}|{_DATE}){re.escape(after)}$")}


def _leaf(value: object, own: Mapping[str, str]) -> Any:
    free = isinstance(value, str) and (value in own or REMOVED in value)
    return {"absent": False} if free else {"equals": escaped(value)}


def _leaves(value: object, pointer: str) -> Iterator[tuple[str, object]]:
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from _leaves(item, f"{pointer}/{str(key).replace('~', '~0').replace('/', '~1')}")
    elif isinstance(value, list) and value:
        for place, item in enumerate(value):
            yield from _leaves(item, f"{pointer}/{place}")
    else:
        yield pointer, value


def _json(data: bytes) -> tuple[Any] | None:
    if not data:
        return None
    try:
        return (json.loads(data),)
    except (ValueError, RecursionError):
        return None


# -- answers ---------------------------------------------------------------------------------------------------


def _reply(each: Recorded, own: Mapping[str, str]) -> dict[str, Any]:
    """A literal answer: the body as the text that it was, so that it is the same bytes."""
    reply: dict[str, Any] = {"status": each.status}
    try:
        text = each.answer.decode()
    except UnicodeDecodeError:
        import base64

        reply["body_base64"] = base64.b64encode(each.answer).decode("ascii")
        text = ""
    headers = dict(each.headers)
    all_text = text + "".join(headers.values())
    fills = {value: said for value, said in own.items() if value in all_text}
    if "{{" in all_text or not fills:
        reply["template"] = False
        fills = {}
    for value, said in fills.items():
        text = text.replace(value, said)
        headers = {key: held.replace(value, said) for key, held in headers.items()}
    if headers:
        reply["headers"] = escaped(headers)
    if text:
        reply["body"] = escaped(text)
    return reply


def _rule(when: Mapping[str, Any], replies: Sequence[dict[str, Any]]) -> dict[str, Any]:
    if all(reply == replies[0] for reply in replies):
        return {"when": when, "reply": replies[0]}
    steps: list[dict[str, Any]] = []
    for reply in replies:
        if steps and steps[-1]["reply"] == reply:
            steps[-1]["times"] = steps[-1].get("times", 1) + 1
        else:
            steps.append({"reply": reply})
    return {"when": when, "sequence": steps}


def _nothing(name: str) -> dict[str, Any]:
    """The last rule: what was not recorded says so."""
    detail = "nothing was recorded for this request"
    body = {"schemas": ["urn:ietf:params:scim:api:messages:2.0:Error"], "detail": detail, "status": "501"}
    when = {"connector": name, "verdict": {"not": "unauthorized"}}
    return {"name": "not recorded", "when": when, "reply": {"status": 501, "body": body}}


def _steps(exchanges: Iterable[Recorded], name: str) -> Iterator[dict[str, Any]]:
    """What `mockhost check` plays: the first exchanges in their order, by status and, where there is one, id."""
    for each in list(exchanges)[:MOST_STEPS]:
        step: dict[str, Any] = {"send": "raw", "connector": name, "method": each.method}
        step["path"] = escaped(each.path + (f"?{each.query}" if each.query else ""))
        if each.body:
            step["body"] = escaped(each.body.decode("utf-8", "replace"))
            step["headers"] = {"Content-Type": "application/scim+json"}
        if each.status == 401:
            step["as"] = {"secret_token": None}
        gets: dict[str, Any] = {"status": each.status}
        found = _json(each.answer)
        if found is not None and isinstance(found[0], dict):
            kept = {f"/{key}": found[0][key] for key in ("id", "totalResults") if key in found[0]}
            if kept:
                gets["body"] = escaped(kept)
        yield {**step, "gets": gets}
