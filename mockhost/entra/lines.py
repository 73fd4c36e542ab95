"""Steps in the portal as lines that people type, such as `agent restart agent-1`, and back."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from mockhost.entra.agent import ACTIONS
from mockhost.entra.enterprise import VERBS
from mockhost.errors import UsageError, did_you_mean

HELP = (
    ("show", "credentials, agents, the job, its quarantine"),
    ("enter tenant-url URL", "enter another tenant URL"),
    ("enter secret-token TOKEN", "enter another secret token"),
    ("test-connection", "test what is entered"),
    ("save", "save what is entered, and refresh the target attribute list"),
    ("attributes", "refresh the target attribute list, and show it"),
    ("agent ACTION NAME", f"{', '.join(ACTIONS)}"),
    ("agent machine NAME KEY=VALUE", "change the agent's machine: proxy, execution_policy, may_log_on"),
    ("users", "the users of the directory"),
    ("user NAME KEY=VALUE", "change a user, or add one: assigned=false, surname=Lee"),
    ("user NAME remove", "take a user away from the directory"),
    ("on-demand USER", "provision one user now"),
    ("cycle [initial]", "wait for the next cycle, and run it"),
    ("start, stop", "start or stop provisioning"),
    ("restart [SCOPE]", "restart provisioning: Full, Escrows, QuarantineState, Watermark, ForceDeletes"),
    ("allow-deletes", "allow the deletes that were held back"),
    ("log [user=TEXT] [status=S] [action=A]", "the provisioning log"),
)
"""Each line, and what it does."""
_LONGEST = 8_192


def parse(line: str) -> Any:
    """The step that a line means. Raises UsageError."""
    if len(line) > _LONGEST:
        raise UsageError(f"the line has more than {_LONGEST} characters")
    try:
        # Not as POSIX has it: a backslash is a character like any other.
        lexer = shlex.shlex(line, posix=True, punctuation_chars=False)
        lexer.whitespace_split, lexer.escape, lexer.commenters = True, "", ""
        return of_words(list(lexer))
    except ValueError as error:
        raise UsageError(f"{line!r}: {str(error).lower()}") from None


def of_words(words: Sequence[str]) -> Any:
    """The same for a line that is in words already."""
    verb, *rest = words or ["show"]
    name = verb.lower().replace("-", "_")
    if name in _ARGUMENTS:
        return _ARGUMENTS[name](rest)
    if name not in VERBS or name == "change":
        known = [each.replace("_", "-") for each in VERBS if each != "change"] + ["user"]
        hint = did_you_mean(verb, known) or f"known: {', '.join(known)}"
        raise UsageError(f"the portal knows no {verb!r}", hint=hint)
    if rest:
        raise UsageError(f"{verb} takes nothing more, not {' '.join(rest)!r}")
    return name


def words(step: object) -> list[str] | None:
    """A step as the words of a line; None where no line says it."""
    if isinstance(step, str):
        return [step.replace("_", "-")]
    if not isinstance(step, Mapping) or len(step) != 1:
        return None
    verb, argument = next(iter(step.items()))
    found = [str(verb).replace("_", "-")]
    if verb == "enter":
        if not isinstance(argument, Mapping) or len(argument) != 1:
            return None
        key, value = next(iter(argument.items()))
        return [*found, str(key).replace("_", "-"), str(value)]
    if verb == "agent" and isinstance(argument, Mapping) and len(argument) == 1:
        name, action = next(iter(argument.items()))
        if isinstance(action, Mapping):
            return [*found, "machine", str(name), *_pairs(action)]
        return [*found, str(action), str(name)]
    if verb == "change":
        return _of_change(argument)
    if isinstance(argument, (list, tuple)):
        return [*found, *map(str, argument)]
    if isinstance(argument, Mapping):
        return [*found, *_pairs(argument)]
    return found if argument is None else [*found, str(argument)]


def _of_change(argument: object) -> list[str] | None:
    """`user NAME …` for a change of one user's plain attributes."""
    users = argument.get("users") if isinstance(argument, Mapping) and len(argument) == 1 else None
    if not isinstance(users, Mapping) or len(users) != 1:
        return None
    name, values = next(iter(users.items()))
    if values is None:
        return ["user", str(name), "remove"]
    if not isinstance(values, Mapping) or any(isinstance(each, (Mapping, list)) for each in values.values()):
        return None
    return ["user", str(name), *_pairs(values)]


def _pairs(values: Mapping[str, object]) -> list[str]:
    return [f"{key}={_written(value)}" for key, value in values.items()]


def _written(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else "" if value is None else str(value)


# -- lines with arguments ------------------------------------------------------------------------------------------


def _enter(rest: Sequence[str]) -> Any:
    if len(rest) != 2:
        raise UsageError("enter what?", hint="enter tenant-url URL, or enter secret-token TOKEN")
    return {"enter": {rest[0].lower().replace("-", "_"): rest[1]}}


def _agent(rest: Sequence[str]) -> Any:
    action, *more = rest or [""]
    if action.lower() == "machine" and len(more) > 1:
        return {"agent": {more[0]: _values(more[1:])}}
    if action.lower() not in ACTIONS:
        hint = did_you_mean(action, ACTIONS) or f"known: {', '.join(ACTIONS)}, machine"
        raise UsageError(f"{action!r} is not done to an agent", hint=hint)
    if len(more) != 1:
        raise UsageError(f"agent {action} whom?", hint=f"agent {action} agent-1")
    return {"agent": {more[0]: action.lower()}}


def _user(rest: Sequence[str]) -> Any:
    if len(rest) < 2:
        raise UsageError("user whom, and what of it?", hint="user ann@contoso.example assigned=false")
    name, *more = rest
    if [each.lower() for each in more] == ["remove"]:
        return {"change": {"users": {name: None}}}
    return {"change": {"users": {name: _values(more)}}}


def _values(words: Sequence[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for each in words:
        key, sign, value = each.partition("=")
        if not sign or not key:
            raise UsageError(f"{each!r} is not KEY=VALUE")
        found[key] = {"true": True, "false": False, "": None}.get(value.lower(), value)
    return found


def _on_demand(rest: Sequence[str]) -> Any:
    if len(rest) != 1:
        raise UsageError("on-demand whom?", hint="on-demand ann@contoso.example")
    return {"on_demand": rest[0]}


def _cycle(rest: Sequence[str]) -> Any:
    if [each.lower() for each in rest] not in ([], ["initial"]):
        raise UsageError(f"cycle takes initial, not {' '.join(rest)!r}")
    return {"cycle": "initial"} if rest else "cycle"


def _log(rest: Sequence[str]) -> Any:
    return {"log": _values(rest)} if rest else "log"


_ARGUMENTS = {
    "enter": _enter,
    "agent": _agent,
    "user": _user,
    "on_demand": _on_demand,
    "cycle": _cycle,
    "restart": lambda rest: {"restart": list(rest)} if rest else "restart",
    "log": _log,
}
