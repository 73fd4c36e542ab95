"""Steps in the portal as lines that people type, such as `agent restart agent-1`, and back; and what comes of them.

Lines for people are without colours, which the command line adds.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from mockhost import facts
from mockhost.client.printing import printable
from mockhost.entra import records
from mockhost.entra.agent import ACTIONS
from mockhost.entra.enterprise import VERBS
from mockhost.entra.portal import PortalVerdict
from mockhost.errors import UsageError, did_you_mean
from mockhost.paragraphs import columns, wrapped

HELP = tuple(
    (line, does.replace("{actions}", ", ".join(ACTIONS)))
    for line, does in facts.beside(__file__, "texts.toml")["help"]
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


WIDTH = 100
FINE, WRONG = "✓", "✗"
BANNER = "Provisioning has been quarantined. See quarantine details for more information"
_TITLES = {
    "import": "Import {type} from Microsoft Entra ID",
    "scoping": "Determine if {type} is in scope",
    "matching": "Match {type} between Microsoft Entra ID and {app}",
    "processing": "Process {type}",
    "referenceResolution": "Resolve references of {type}",
    "export": "Perform action",
}


def lines(
    verb: str,
    result: Mapping[str, Any],
    width: int = WIDTH,
    title_of: Callable[[str], str] = lambda name: "",
) -> list[str]:
    """The result of a step in lines. title_of: the title of a scenario by its name."""
    if "execution" in result:
        return cycle_lines(result["execution"], width, title_of)
    if "ok" in result:
        return verdict_page(result, width, title_of)
    return _BY_VERB.get(verb, _done)(result, width)


def went_well(verb: str, result: Mapping[str, Any]) -> bool:
    """Whether nothing of a step failed."""
    if verb == "cycle":
        return result["state"] == "Succeeded" and result["quarantine"] is None
    if "record" in result:
        return bool(result["record"]["provisioningStatusInfo"]["status"] != "failure")
    return bool(result.get("ok", True)) and not result.get("error")


def verdict_page(
    result: Mapping[str, Any], width: int = WIDTH, title_of: Callable[[str], str] = lambda name: ""
) -> list[str]:
    """What Test connection shows."""
    verdict = PortalVerdict(**result["verdict"])
    mark = FINE if verdict.ok else WRONG
    head = f"{mark} Testing connection to {result['app']}"
    return [head, *verdict_lines(verdict, width, title_of), *source_lines(verdict, width)]


def verdict_lines(
    verdict: PortalVerdict, width: int = WIDTH, title_of: Callable[[str], str] = lambda name: ""
) -> list[str]:
    """What the portal says, the most likely cause, and the next step. title_of: the title of a scenario by its name."""
    found = [f"  {verdict.title}"] + ([f"  Error code: {verdict.code}"] if verdict.code else [])
    found += wrapped(printable(verdict.text), width, "  ")
    if verdict.also:
        found += wrapped(f"Also seen in its place: {printable(verdict.also)}", width, "  ")
    return found + next_lines(verdict, width, title_of)


def next_lines(
    verdict: PortalVerdict, width: int, title_of: Callable[[str], str] = lambda name: ""
) -> list[str]:
    """The most likely cause, by the scenario that reproduces it, and the next step on the real machine."""
    found: list[str] = []
    if verdict.likely:
        show = f"mockhost scenarios show {verdict.likely}"
        title = title_of(verdict.likely)
        found += [*_behind("likely", title, width), f"          {show}"] if title else [f"  likely  {show}"]
    return found + (_behind("next", verdict.next, width) if verdict.next else [])


def source_lines(verdict: PortalVerdict, width: int = WIDTH) -> list[str]:
    """How sure the words are."""
    source = f": {verdict.source}" if verdict.source else ""
    return wrapped(f"Words {verdict.evidence}{source}", width, "  ")


def _behind(label: str, text: str, width: int) -> list[str]:
    """A text behind a label, wrapped and aligned."""
    first, *more = wrapped(text, width - 10) or [""]
    return [f"  {label:<6}  {first}", *(f"          {line}" for line in more)]


def cycle_lines(
    execution: Mapping[str, Any], width: int = WIDTH, title_of: Callable[[str], str] = lambda name: ""
) -> list[str]:
    """A cycle: how it went, how many users, its quarantine, and when the next one is due."""
    kind = "initial cycle" if execution["initial"] else "incremental cycle"
    quarantine, counts = execution["quarantine"], execution["counts"]
    fine = execution["state"] == "Succeeded" and quarantine is None
    found = [f"{FINE if fine else WRONG} {kind} at {execution['timeBegan']}: {execution['state']}"]
    if execution["verdict"] is not None:
        verdict = PortalVerdict(**execution["verdict"])
        found += [*verdict_lines(verdict, width, title_of), *source_lines(verdict, width)]
    by_status = [f"{counts[name]} {name}" for name in records.STATUSES if name in counts]
    by_action = [f"{counts[name]} {name}" for name in records.ACTIONS if name in counts]
    imported = counts["imported"]
    text = f"  {imported} user{'' if imported == 1 else 's'} looked at"
    found.append(text + (f": {', '.join(by_status)} ({', '.join(by_action)})" if by_status else ""))
    if quarantine is not None:
        # The portal's words are above, where the probe failed.
        error = quarantine["error"]
        message = error["code"] if execution["verdict"] is not None else error["message"]
        found.append(f"  {BANNER}")
        text = f"{quarantine['reason']}, attempt {quarantine['seriesCount']}; {printable(message)}"
        found += wrapped(text, width, "  ")
    return [*found, f"  next cycle at {execution['nextRun']}"]


def step_lines(record: Mapping[str, Any], app: str, width: int = WIDTH) -> list[str]:
    """The numbered steps of on-demand provisioning, each with its details; then the modified attributes."""
    kind, found, number, before = record["targetIdentity"]["identityType"], [], 0, ""
    steps = record["provisioningSteps"]
    for step in steps:
        stage = step["provisioningStepType"]
        if stage != before:  # the portal has four, and several entries in one of them
            number, before = number + 1, stage
            alike = [each for each in steps if each["provisioningStepType"] == stage]
            fine = all(each["status"] in ("success", "skipped") for each in alike)
            title = _TITLES[stage].format(type=kind, app=app)
            found.append(f"{FINE if fine else WRONG} {number}. {title}")
            if stage == "import":
                identity = [("ID:", record["sourceIdentity"]["id"]), ("Type:", kind)]
                found += [f"     {line}" for line in ("Identity Details", *columns(identity))]
        found += [f"     {step['name']}", f"     Result: {step['status'].capitalize()}"]
        found += wrapped(f"Description: {printable(step['description'])}", width, "     ")
        found += [f"     {line}" for line in columns(_details(step))]
    if record["modifiedProperties"]:
        rows = [
            (each["displayName"], printable(each["newValue"] or "")) for each in record["modifiedProperties"]
        ]
        found += ["", *columns([("Property name", "New value"), *rows])]
    return found


def _details(step: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [(f"{key}:", printable(value)) for key, value in step["details"].items()]


def log_lines(found: Iterable[Mapping[str, Any]]) -> list[str]:
    """The provisioning log as the portal's list."""
    rows = [tuple(map(printable, records.row(each))) for each in found]
    return columns([records.COLUMNS, *rows]) if rows else ["the log is empty"]


def attribute_lines(attributes: Iterable[Mapping[str, Any]]) -> list[str]:
    """The target attribute list."""
    marks = {"primary_key": "primary key", "required": "required"}
    rows = [
        (printable(each["name"]), printable(each["type"]), *(text if each[key] else "" for key, text in marks.items()))
        for each in attributes
    ]  # fmt: skip
    return columns(rows) if rows else ["the target attribute list is empty; is the host on? then refresh it"]


def show_lines(result: Mapping[str, Any], width: int = WIDTH) -> list[str]:
    """The overview: what is not there is left out."""
    there = {key: value for key, value in result.items() if value not in (None, [], {})}
    room = width - max(map(len, there), default=0) - 2
    rows: list[tuple[str, str]] = []
    for key, value in there.items():
        first, *more = wrapped(_cell(value), room) or [""]
        rows += [(key, first), *(("", line) for line in more)]
    return columns(rows)


def _cell(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(
            f"{printable(str(key))}: {_cell(item)}" for key, item in value.items() if item not in (None, "")
        )
    if isinstance(value, (list, tuple)):
        return "; ".join(map(_cell, value))
    return str(value).lower() if isinstance(value, bool) else printable(str(value))


# -- by verb -------------------------------------------------------------------------------------------------------


def _done(result: Mapping[str, Any], width: int) -> list[str]:
    return ["done"]


def _of_cycle(result: Mapping[str, Any], width: int) -> list[str]:
    return [f"{WRONG} no cycle was run: {result['error']}"]


def _of_agents(result: Mapping[str, Any], width: int) -> list[str]:
    found = wrapped(f"{WRONG} {printable(result['error'])}", width) if result["error"] else []
    found += wrapped(printable(result["hint"]), width, "  ") if result["error"] and result["hint"] else []
    return [*found, *columns([(printable(name), state) for name, state in result["agents"].items()])]


def _of_save(result: Mapping[str, Any], width: int) -> list[str]:
    if result["error"]:
        return [f"{WRONG} not saved: {result['error']}"]
    return [f"{FINE} saved; {refreshed(result)}"]


def refreshed(result: Mapping[str, Any]) -> str:
    """What came of asking for the target attributes."""
    if result["why"]:
        return f"the target attribute list stays as it was: {printable(result['why'])}"
    return f"{result['known']} target attributes, {result['new']} of them new"


def _of_attributes(result: Mapping[str, Any], width: int) -> list[str]:
    told = [refreshed(result)] if "why" in result else []
    return [*attribute_lines(result["attributes"]), *told]


def _of_users(result: Mapping[str, Any], width: int) -> list[str]:
    rows = []
    for name, user in result["users"].items():
        state = [
            *(["disabled"] if not user["enabled"] else []),
            *(["not assigned"] if not user["assigned"] else []),
            *(["deleted"] if user["deleted"] else []),
            *([user["error"]] if user["error"] else []),
        ]
        target = f"linked to {printable(user['target'])}" if user["target"] else "not linked"
        rows.append((printable(name), target, ", ".join(state)))
    return columns(rows) if rows else ["there are no users in the directory; 'user ann surname=Lee' adds one"]


def _of_enter(result: Mapping[str, Any], width: int) -> list[str]:
    note = "as saved" if result["saved_is_entered"] else "not saved yet: cycles use what was saved"
    return [f"entered: {_cell(result['entered'])}", note]


_BY_VERB: Mapping[str, Callable[[Mapping[str, Any], int], list[str]]] = {
    "show": show_lines,
    "users": _of_users,
    "enter": _of_enter,
    "save": _of_save,
    "attributes": _of_attributes,
    "agent": _of_agents,
    "cycle": _of_cycle,
    "on_demand": lambda result, width: step_lines(result["record"], result["app"], width),
    "log": lambda result, width: log_lines(result["records"]),
}
