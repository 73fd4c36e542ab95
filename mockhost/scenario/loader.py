"""Loading: a name, a file or a dict in; a `Scenario` out, or all of its problems at once."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path as FilePath
from typing import NoReturn

from mockhost.errors import Problem, ScenarioError, UsageError, did_you_mean
from mockhost.rules.rule import Rule
from mockhost.scenario import build, naming, outside, schema, shape, steps, variables, words
from mockhost.scenario.chain import Chain
from mockhost.scenario.layers import FileLayer, Findings, Layer, WordsLayer, merge_all
from mockhost.scenario.merge import idle_nulls, plain_document
from mockhost.scenario.model import Scenario
from mockhost.scenario.sources import OPERATOR, Beside, Source
from mockhost.scenario.words import stacked


def load(
    name_or_path: str | os.PathLike[str],
    *,
    sets: Sequence[str] = (),
    overrides: Mapping[str, object] | None = None,
    env: Mapping[str, str] | None = None,
    source: Source = OPERATOR,
) -> Scenario:
    """Load a scenario by its name on a shelf (`basics/healthy`) or as a file (`./mine.yaml`).

    sets: `PATH=VALUE` texts, laid over the file in order; overrides: a document, or values by dotted path, over
    those. All follow the merge rule of `extends`. env: where variables come from (default: the environment).
    source: whose the name and the overrides are, which decides what they may name; `sets` are always the operator's.
    Raises ScenarioError with the problems of the whole chain of files, UsageError for a name or file that
    isn't there.
    """
    outside.forget()
    env = os.environ if env is None else env
    found, whose = source.find(os.fspath(name_or_path), env)
    said = [*words.layers(sets, None, OPERATOR), *words.layers((), overrides, source)]
    name, origin = found.name or found.file.stem, str(found.file.absolute())
    chain = Chain(env)
    chain.read_file(found, whose)
    return _of_chain(chain, said, name, origin)


def load_document(
    document: Mapping[str, object],
    *,
    sets: Sequence[str] = (),
    overrides: Mapping[str, object] | None = None,
    env: Mapping[str, str] | None = None,
    name: str = "(document)",
    folder: str | os.PathLike[str] | None = None,
    source: Source = OPERATOR,
) -> Scenario:
    """Load a scenario that Python made, or that came over the network. `format` may be left out.

    folder: where `extends: ./...` and data files are looked up (default: the working folder, and data files may
    then be anywhere). source: whose the document and the overrides are. Otherwise as `load`.
    """
    outside.forget()
    env = os.environ if env is None else env
    whose = source if folder is None else Beside(FilePath(folder))
    chain = Chain(env)
    chain.read_parents_of(WordsLayer(name, plain_document(document, name), whose))
    said = [*words.layers(sets, None, OPERATOR), *words.layers((), overrides, source)]
    return _of_chain(chain, said, name, None)


def with_overrides(
    scenario: Scenario,
    overrides: Mapping[str, object] | str | None = None,
    *,
    sets: Sequence[str] = (),
    env: Mapping[str, str] | None = None,
    source: Source = OPERATOR,
) -> Scenario:
    """The scenario with more laid over it, checked again. The given one stays as it is.

    overrides: a document, values by dotted path (`{"host.debug": True}`), or one `PATH=VALUE`. source: whose they and
    `sets` are, which decides what they may name.
    Raises ScenarioError if the result is no scenario, UsageError for a path that can't be one.
    """
    if isinstance(overrides, str):
        sets, overrides = [*sets, overrides], None
    env = scenario.trail.env if env is None else env
    layers = stacked(scenario.trail.layers, words.layers(sets, overrides, source))
    return _assemble(layers, scenario.name, scenario.origin, scenario.parent, env)


def live_rule(document: Mapping[str, object], scenario: Scenario, source: Source = OPERATOR) -> Rule:
    """A rule that comes while the host runs, with the bodies of its files read.

    source: whose it is, which decides what it may name. Raises UsageError with all that is wrong with it.
    """
    layers = [WordsLayer("the rule", {"rules": [plain_document(document, "the rule")]}, source)]
    given = variables.values(scenario.document, scenario.trail.env, scenario.trail.layers)
    findings = Findings(layers, hide=given.secrets)
    filled = variables.filled_settings(layers[0].document, given, findings)
    shape.judge({"format": 1, **filled}, findings)
    sound = findings.sound(filled)
    assert isinstance(sound, dict)
    said = naming.settled(sound, findings)
    columns = {n: {c.name: c for c in page.system.columns} for n, page in scenario.connectors.items()}
    states = (scenario.states, *scenario.connector_states.values())
    rules = steps.parse_rules(said["rules"], columns, states, findings, live=True)
    found = [p._replace(path=p.path.replace("$.rules[0]", "$", 1)) for p in findings.problems]
    if len(found) == 1:
        raise UsageError(f"invalid rule: {found[0].path}: {found[0].message}", hint=found[0].hint)
    if found:
        texts = [f"{p.path}: {p.message}" + (f" ({p.hint})" if p.hint else "") for p in found]
        raise UsageError(f"invalid rule: {'; '.join(texts)}")
    return rules[0]


# -- putting together -----------------------------------------------------------------------------------------


def _of_chain(chain: Chain, said: Sequence[Layer], name: str, origin: str | None) -> Scenario:
    layers = [*chain.layers, *said]
    if not chain.layers:
        _raise(chain.problems, layers)
    whole = not chain.broken
    return _assemble(layers, name, origin, chain.parent, chain.env, chain.problems, whole=whole)


def _assemble(
    layers: Sequence[Layer],
    name: str,
    origin: str | None,
    parent: str | None,
    env: Mapping[str, str],
    problems: Sequence[Problem] = (),
    *,
    whole: bool = True,
) -> Scenario:
    """The scenario that the layers make.

    problems: those of reading; whole: whether every file could be read. Raises ScenarioError with all problems.
    """
    # each file's own format was checked when it was read
    document = {"format": 1, **{key: value for key, value in merge_all(layers).items() if key != "format"}}
    given = variables.values(document, env, layers)
    findings = Findings(layers, hide=given.secrets)
    variables.report_unset(document, given, findings)
    filled = variables.filled(document, given, findings)
    shape.judge(filled, findings)
    _judge_nulls(layers, findings)
    made = None
    if whole:
        made = build.scenario(
            filled,
            findings,
            document=document,
            name=name,
            origin=origin,
            parent=parent,
            secrets=given.secrets,
            env=env,
        )
    if made is None or problems:
        _raise([*problems, *findings.problems], layers)
    assert made is not None
    return made


def _judge_nulls(layers: Sequence[Layer], findings: Findings) -> None:
    """Report a null, said beside the files, for a key that nothing can have: merging leaves no trace of it."""
    for layer in layers:
        if isinstance(layer, WordsLayer):
            for path in idle_nulls({}, layer.document):
                if schema.at(path[:-1]) and not schema.at(path):
                    known = schema.known_keys(path[:-1])
                    findings.add(
                        path, f"unknown key {path[-1]!r}", did_you_mean(str(path[-1]), known), key=True
                    )


def _raise(problems: Sequence[Problem], layers: Sequence[Layer]) -> NoReturn:
    files = [layer.shown for layer in reversed(layers) if isinstance(layer, FileLayer)]

    def order(problem: Problem) -> tuple[int, str, int, int]:
        known = files.index(problem.file) if problem.file in files else len(files)
        return known, problem.file, problem.line, problem.column

    raise ScenarioError(sorted(dict.fromkeys(problems), key=order))
