"""A scenario as one document that names nothing outside itself: what a client sends to a host elsewhere.

Parents are merged in, data files are written into it, variables have the values that they have here. Those that came
from the environment are marked `secret`, so that they are redacted there as well.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path as FilePath
from typing import Any

from mockhost.errors import UsageError
from mockhost.scenario import data, loader, naming, shelves, variables
from mockhost.scenario.documents import Path, value_at
from mockhost.scenario.layers import LISTS, without_leftovers
from mockhost.scenario.layers import locate as locate_file
from mockhost.scenario.model import Scenario
from mockhost.scenario.naming import FILE, OUTSIDE, VARIABLE, Mention
from mockhost.scenario.outside import OWN
from mockhost.scenario.sources import OPERATOR, DataProblem, Source
from mockhost.scenario.system import columns_of

_Locate = Callable[[Mention], FilePath]


def arguments(operation: str, given: Mapping[str, Any], env: Mapping[str, str]) -> dict[str, Any]:
    """The arguments of an operation on a host elsewhere, with what their documents name here written into them.

    Raises UsageError, ScenarioError.
    """
    made = dict(given)
    if operation == "use_scenario":
        return _of_scenario(made, env)
    if operation in ("set_host", "patch_host") and isinstance(said := made.get("set"), Mapping):
        made["set"] = settings(said, env)
    if operation == "add_rule" and isinstance(said := made.get("rule"), Mapping):
        made["rule"] = rule(said, env)
    return made


def _of_scenario(given: dict[str, Any], env: Mapping[str, str]) -> dict[str, Any]:
    named, laid_over = given.get("scenario"), given.get("overrides")
    overrides = laid_over if isinstance(laid_over, Mapping) else {}
    if isinstance(named, Mapping):
        loaded = loader.load_document(named, overrides=overrides, env=env)
    elif isinstance(named, str) and (shelves.looks_like_file(named) or names_something(overrides)):
        loaded = loader.load(named, overrides=overrides, env=env)
    else:
        return given
    rest = {word: value for word, value in given.items() if word not in ("scenario", "overrides")}
    return {**sent(loaded), **rest}


def sent(scenario: Scenario) -> dict[str, Any]:
    """The arguments of `use_scenario` for a scenario that was loaded here."""
    return {"scenario": document(scenario), "name": scenario.name}


def document(scenario: Scenario) -> dict[str, Any]:
    """The document. Raises UsageError for a file that is gone, and for what can't be written into a document."""
    layers, env = scenario.trail.layers, scenario.trail.env
    whole = without_leftovers(scenario.document, layers, scenario.connectors)
    for key in LISTS:
        if key in whole:
            whole[key] = [entry for entry in whole[key] if entry is not None]
    given = variables.values(scenario.document, env, layers)

    def locate(each: Mention) -> FilePath:
        return locate_file(layers, each.path, variables.text(each.text, given))

    return _inlined(whole, list(naming.mentions(whole)), locate, env)


def rule(document: Mapping[str, Any], env: Mapping[str, str], source: Source = OPERATOR) -> dict[str, Any]:
    """A live rule with the bodies that it names in files written into it. Raises UsageError."""
    rules = {"rules": [dict(document)]}
    named = list(naming.mentions(rules))
    done = _inlined(rules, named, lambda each: source.locate(each.text), env, is_filled=False)
    made: dict[str, Any] = done["rules"][0]
    return made


def settings(values: Mapping[str, Any], env: Mapping[str, str], source: Source = OPERATOR) -> dict[str, Any]:
    """Settings by dotted path with what they name written into them. Raises UsageError."""
    return _inlined(values, list(naming.in_settings(values)), lambda each: source.locate(each.text), env)


def names_something(values: Mapping[str, Any]) -> bool:
    """Whether settings by dotted path name a file or an environment variable."""
    return any(True for _ in naming.in_settings(values))


def _inlined(
    value: Mapping[str, Any],
    named: Iterable[Mention],
    locate: _Locate,
    env: Mapping[str, str],
    *,
    is_filled: bool = True,
) -> dict[str, Any]:
    """`value` with what it names written into it. is_filled: whether the host replaces variables in its texts."""
    result: Any = value
    for each in named:
        try:
            if each.kind == VARIABLE:
                result = _with_variable(result, each, env)
            elif each.kind == FILE and each.path[-1] == "body_file":
                content = data.text_or_bytes(data.content(locate(each)))
                if isinstance(content, str) and (is_filled or each.is_later):
                    content = content.replace("${", "$${")
                result = _with_body(result, each.path, content)
            elif each.kind == FILE:
                result = _with_objects(result, each, locate)
            elif each.kind == OUTSIDE and not _is_own(value_at(value, each.path)):
                message = "a connected system outside of the process can't be sent to a running host"
                raise UsageError(message, hint="start a host with the scenario file")
        except DataProblem as problem:
            raise UsageError(problem.message, hint=problem.hint) from None
    return dict(result)


def _is_own(said: object) -> bool:
    """Whether a system is a database or directory of the mock's own, which every host can make."""
    return isinstance(said, Mapping) and said.get("url") in OWN


def _with_body(value: Any, path: Path, body: str | bytes) -> Any:
    reply = value_at(value, path[:-1])
    assert isinstance(reply, Mapping)
    said = (
        {"body": body} if isinstance(body, str) else {"body_base64": base64.b64encode(body).decode("ascii")}
    )
    kept = {word: item for word, item in reply.items() if word != "body_file"}
    return naming.replaced(value, path[:-1], {**kept, **said})


def _with_objects(value: Any, each: Mention, locate: _Locate) -> Any:
    if each.is_later:
        raise UsageError(
            f"objects_file can't be sent in a setting: {each.text}",
            hint="write the objects, or begin again with the whole scenario (mockhost control use)",
        )
    place = each.path[:-1]
    page, said = value_at(value, place[:-1]), value_at(value, place)
    assert isinstance(page, Mapping)
    assert isinstance(said, Mapping)
    rows = data.table(locate(each), columns_of(page)).rows
    kept = {word: item for word, item in said.items() if word != "objects_file"}
    objects = [*kept.get("objects", ()), *(naming.escaped(dict(row)) for row in rows)]
    return naming.replaced(value, place, {**kept, "objects": objects})


def _with_variable(value: Any, each: Mention, env: Mapping[str, str]) -> Any:
    last = each.path[-1]
    if last == "env":
        declared = value_at(value, each.path[:-1])
        assert isinstance(declared, Mapping)
        return naming.replaced(value, each.path[:-1], _value_of(each.text, declared, env))
    # By dotted path: {"vars.token.env": "SQL_TOKEN"}
    above = value_at(value, each.path[:-1])
    assert isinstance(above, Mapping)
    assert isinstance(last, str)
    kept = {word: item for word, item in above.items() if word != last}
    kept[last.removesuffix(".env")] = _value_of(each.text, {}, env)
    return naming.replaced(value, each.path[:-1], kept)


def _value_of(variable: str, declared: Mapping[str, Any], env: Mapping[str, str]) -> object:
    found = env.get(variable)
    if found is not None:
        return {"value": found, "secret": True}
    if "default" not in declared:
        raise UsageError(f"the environment has no variable {variable}", hint="set it, or write a default")
    return declared["default"]
