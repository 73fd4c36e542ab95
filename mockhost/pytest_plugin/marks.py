"""What the markers `mockhost` and `mockhost_each` ask for, and what the ini keys say."""

from __future__ import annotations

import os
import unittest
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest

from mockhost.errors import MockhostError, UsageError, did_you_mean
from mockhost.scenario import schema, shelves

OPTIONS: Final = ("tls", "seed", "clock", "sets", "strict", "allow_unused")
"""What a marker can say beside the keys of a scenario."""
SELECTIONS: Final = (
    "shelf",
    "faults",
    "group",
    "tag",
    "cause",
    "client_should",
    "exclude",
    "xfail",
)
"""What `mockhost_each` can select by."""


class Asked(NamedTuple):
    """What one test asks of its host."""

    scenario: Any
    """None: what the fixture `mockhost_scenario` says"""
    overrides: dict[str, Any]
    options: dict[str, Any]


def asked(marks: Iterable[pytest.Mark]) -> Asked:
    """What markers ask for together; the nearest to the test comes first, as `iter_markers` gives them.

    A marker without a scenario is laid over those further out; one with a scenario replaces them. Options stay.
    """
    scenario: Any = None
    overrides: dict[str, Any] = {}
    options: dict[str, Any] = {}
    for mark in reversed(list(marks)):
        said, keys, more = of_call(mark.args, mark.kwargs)
        if said is not None:
            scenario, overrides = said, {}
        overrides = _laid_over(overrides, keys)
        options.update(more)
    return Asked(scenario, overrides, options)


def asked_by(node: pytest.Item | pytest.Collector) -> Asked:
    """What a test's markers ask for.

    Where its `mockhost_each` is nearer than a scenario of `mockhost`, that scenario and what it is laid over do not
    count.
    """
    marks = list(node.iter_markers("mockhost"))
    if isinstance(node, pytest.Item) and is_each(node):
        named = (i for i, mark in enumerate(marks) if mark.args)
        marks = marks[: next(named, len(marks))]
    return asked(marks)


def is_each(node: pytest.Item) -> bool:
    """Whether `mockhost_each` chooses the scenario of a test, and no `mockhost` that is nearer to it."""
    each, one = _depth(node, "mockhost_each"), _depth(node, "mockhost", with_arguments=True)
    return each > 0 and each >= one


def _depth(node: pytest.Item, name: str, *, with_arguments: bool = False) -> int:
    """How near to the test the nearest of these markers is: the higher the nearer, 0 if there is none."""
    found = node.iter_markers_with_node(name)
    return next((len(at.listchain()) for at, mark in found if mark.args or not with_arguments), 0)


def of_call(args: Sequence[Any], kwargs: Mapping[str, Any]) -> Asked:
    """What one marker, or one call of the factory, asks for. Raises UsageError."""
    if len(args) > 1:
        raise UsageError("there can be one scenario only", hint="mockhost_each takes several")
    keys = dict(kwargs)
    options: dict[str, Any] = {
        name: keys.pop(name) for name in OPTIONS if name in keys and _is_option(name, keys[name])
    }
    return Asked(args[0] if args else None, _nested(keys), options)


def _is_option(name: str, value: object) -> bool:
    # `clock="wall"` is how clocks run where a scenario says nothing, `clock={"start": ...}` a key of the scenario.
    return name != "clock" or isinstance(value, str)


def _nested(keys: Mapping[str, Any]) -> dict[str, Any]:
    """`{"host.debug": True}` as `{"host": {"debug": True}}`."""
    found: dict[str, Any] = {}
    for key, value in keys.items():
        for part in reversed(key.split(".")[1:]):
            value = {part: value}
        found = _laid_over(found, {key.partition(".")[0]: value})
    return found


def _laid_over(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """The merge rule of `extends`, except that null stays: it has yet to remove something."""
    result = dict(base)
    for key, value in over.items():
        below = result.get(key)
        both = isinstance(below, Mapping) and isinstance(value, Mapping)
        result[key] = _laid_over(below, value) if both else value  # type: ignore[arg-type]  # it is a map then
    return result


def found_beside(scenario: Any, folders: Iterable[Path]) -> Any:
    """A relative path is looked for beside the test first, then where pytest's ini file is, then where pytest runs."""
    if isinstance(scenario, (str, os.PathLike)):
        text = os.fspath(scenario)
        if shelves.looks_like_file(text) and not os.path.isabs(text):
            return next((str(folder / text) for folder in folders if (folder / text).is_file()), text)
    return scenario


# -- looking them over at collection --------------------------------------------------------------------------


def problems(items: Iterable[pytest.Item]) -> list[str]:
    """What is wrong with the markers of these tests, each once, with the tests that have them."""
    found: dict[str, list[str]] = {}
    for item in items:
        for text in _problems_of(item):
            found.setdefault(text, []).append(item.name)
    return [f"{_listed(names)}: {text}" for text, names in found.items()]


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more


def _problems_of(item: pytest.Item) -> Iterable[str]:
    marks = list(item.iter_markers("mockhost"))
    folders = (item.path.parent, item.config.rootpath)
    for mark in marks:
        try:
            said = of_call(mark.args, mark.kwargs)
            judge_keys(said.overrides)
            if isinstance(said.scenario, (str, os.PathLike)):
                shelves.find(os.fspath(found_beside(said.scenario, folders)))
            elif said.scenario is not None and not isinstance(said.scenario, Mapping):
                _judge_loaded(said.scenario)
        except UsageError as error:
            yield f"@pytest.mark.mockhost: {error}"
    if is_each(item):
        if _is_of_unittest(item) and not hasattr(item, "callspec"):
            yield (
                "@pytest.mark.mockhost_each: a unittest.TestCase can't be run for each scenario; "
                "loop over them with self.subTest and mockhost.use"
            )
        elif _depth(item, "mockhost_each") == _depth(item, "mockhost", with_arguments=True):
            yield "@pytest.mark.mockhost_each: the marker mockhost names a scenario, too; leave one of them out"


def _is_of_unittest(item: pytest.Item) -> bool:
    """Whether it is of a TestCase that is marked itself, or has a host."""
    is_case = issubclass(getattr(item, "cls", None) or object, unittest.TestCase)
    module = item.getparent(pytest.Module)
    within = 0 if module is None else len(module.listchain())
    has_host = "mockhost_scenario" in getattr(item, "fixturenames", ())
    return is_case and (has_host or _depth(item, "mockhost_each") > within)


def _judge_loaded(scenario: Any) -> None:
    """Raises UsageError for what is no Scenario either."""
    from mockhost.scenario.model import Scenario

    if not isinstance(scenario, Scenario):
        shelves.text_of(scenario)


def judge_keys(keys: Iterable[str]) -> None:
    """Raises UsageError for a key that no scenario has, naming near ones."""
    known = {*schema.known_keys(()), *OPTIONS}
    for key in keys:
        if key not in known:
            raise UsageError(f"a scenario has no key {key!r}", hint=did_you_mean(key, known))


# -- mockhost_each ----------------------------------------------------------------------------------------------


def parametrize(metafunc: pytest.Metafunc) -> None:
    """Have a test run once for each scenario that its marker selects."""
    mark = metafunc.definition.get_closest_marker("mockhost_each")
    assert mark is not None
    if not is_each(metafunc.definition):
        return
    if "mockhost_scenario" not in metafunc.fixturenames:
        if not any(each.name == mark.name for each in metafunc.definition.own_markers):
            return  # it is for the other tests of the class or the module
        raise pytest.Collector.CollectError(
            f"{metafunc.definition.name}: @pytest.mark.mockhost_each is for tests with the fixture mockhost"
        )
    shared = sorted({"mockhost_module", "mockhost_session"} & set(metafunc.fixturenames))
    if shared:
        raise pytest.Collector.CollectError(
            f"{metafunc.definition.name}: @pytest.mark.mockhost_each is for the fixture mockhost; "
            f"{shared[0]} has one scenario for all tests"
        )
    try:
        folders = (metafunc.definition.path.parent, metafunc.config.rootpath)
        names = selected([found_beside(name, folders) for name in mark.args], mark.kwargs)
        failing = _failing(mark.kwargs.get("xfail", {}), names)
    except MockhostError as error:
        raise pytest.Collector.CollectError(
            f"{metafunc.definition.name}: @pytest.mark.mockhost_each: {error}"
        ) from None
    metafunc.parametrize(
        "mockhost_scenario",
        [pytest.param(name, marks=failing.get(name, ())) for name in names],
        ids=[_id(name) for name in names],
    )


def _id(name: str) -> str:
    """The name of a scenario, or of its file."""
    return Path(name).stem if shelves.looks_like_file(name) else name


def selected(names: Sequence[str | os.PathLike[str]], by: Mapping[str, Any]) -> list[str]:
    """The names of the scenarios that a `mockhost_each` selects, in order. Raises UsageError if there is none."""
    for word in by:
        if word not in SELECTIONS:
            raise UsageError(f"there is no {word!r}", hint=did_you_mean(word, SELECTIONS))
    excluded = _texts(by.get("exclude"))
    given = [shelves.text_of(name) for name in names]
    for name in (*given, *excluded):
        shelves.find(name)
    found = list(dict.fromkeys([*given, *_of_shelf(by), *_of_faults(by)]))
    if not given and not any(by.get(word) for word in ("shelf", "faults", "group")):
        found = shelves.names()
    found = [name for name in _filtered(found, by) if name not in excluded]
    if not found:
        raise UsageError("no scenario is left", hint="'mockhost scenarios' lists what there is")
    return found


def _of_shelf(by: Mapping[str, Any]) -> list[str]:
    return [name for shelf in _texts(by.get("shelf")) for name in shelves.names(shelf)]


def _of_faults(by: Mapping[str, Any]) -> list[str]:
    """The scenarios of single faults, of whole groups, or of all (`faults=True`)."""
    if not by.get("faults") and not by.get("group"):
        return []
    from mockhost import faults

    wanted = list(faults.FAULTS) if by.get("faults") is True else _texts(by.get("faults"))
    for group in _texts(by.get("group")):
        if group not in faults.GROUPS:
            raise UsageError(
                f"there is no group {group!r} of faults", hint=did_you_mean(group, faults.GROUPS)
            )
        wanted += [name for name, its in faults.FAULTS.items() if its == group]
    for name in wanted:
        faults.find(name)
    there = set(shelves.names())
    found = [f"faults/{faults.ALIASES.get(name, name)}" for name in wanted]
    return [name for name in found if name in there]


def _filtered(names: list[str], by: Mapping[str, Any]) -> list[str]:
    wanted = {word: set(_texts(by.get(word))) for word in ("tag", "cause", "client_should")}
    if not any(wanted.values()):
        return names
    from mockhost.scenario import catalogue

    shelved = dict.fromkeys(name.partition("/")[0] for name in names if not shelves.looks_like_file(name))
    entries = {entry["name"]: entry for shelf in shelved for entry in catalogue.entries(shelf)}

    def fits(name: str) -> bool:
        entry = entries[name]
        said = {
            "tag": set(entry["tags"]),
            "cause": {entry["cause"]},
            "client_should": {entry["client_should"]},
        }
        return all(not some or some & said[word] for word, some in wanted.items())

    for word, some in wanted.items():
        known = {
            text for e in entries.values() for text in (e["tags"] if word == "tag" else [e[word]]) if text
        }
        for text in some - known:
            raise UsageError(f"no scenario has the {word} {text!r}", hint=did_you_mean(text, known))
    return [name for name in names if name in entries and fits(name)]


def _failing(said: Mapping[str, str], names: Sequence[str]) -> dict[str, pytest.MarkDecorator]:
    """The scenarios that are known to fail, by name, with the reason."""
    if not isinstance(said, Mapping):
        raise UsageError(
            f"xfail is a dict of names and reasons, not {said!r}",
            hint='for example xfail={"documented/cache_stale": "the client trusts the cache"}',
        )
    for name in said:
        if name not in names:
            raise UsageError(
                f"xfail names {name!r}, which is not selected", hint=did_you_mean(str(name), names)
            )
    return {name: pytest.mark.xfail(reason=reason, strict=True) for name, reason in said.items()}


def _texts(value: object) -> list[str]:
    if value is None or isinstance(value, bool):
        return []
    if isinstance(value, str):
        return [value]
    if not isinstance(value, Iterable):
        raise UsageError(f"expected a text or a list of texts, not {value!r}")
    return [str(each) for each in value]


# -- ini keys, as pytest reads them from ini files and from TOML -----------------------------------------------------

_KINDS: dict[str, tuple[tuple[type, ...], str]] = {
    "mockhost_scenario": ((str,), "a name or a path"),
    "mockhost_tls": ((str, bool), "true, false or empty"),
    "mockhost_seed": ((str, int), "a number"),
    "mockhost_clock": ((str,), "frozen or wall"),
    "mockhost_listen": ((str, list), "a list of addresses"),
    "mockhost_strict": ((bool,), "true or false"),
    "mockhost_allow_unused": ((bool,), "true or false"),
}


def ini(config: pytest.Config, name: str) -> Any:
    """The value of an ini key. Raises UsageError for one of another kind.

    pytest 9 has values of their own kinds in TOML, and takes those alone that are of the key's kind.
    """
    kinds, words = _KINDS[name]
    try:
        value = config.getini(name)
    except (TypeError, ValueError, pytest.UsageError):
        value = getattr(config, "_inicfg", {}).get(name)
        value = getattr(value, "value", value)
        if bool in kinds and str(value).lower() in ("true", "false"):
            value = str(value).lower() == "true"
        if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
            raise pytest.UsageError(f"{name} is {words}, not {value!r}") from None
    return value
