"""Loading: a name, a file or a dict in; a `Scenario` out, or all of its problems at once."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path as FilePath
from typing import Any, NamedTuple, NoReturn

from mockhost.errors import Problem, ScenarioError, UsageError, did_you_mean, reason_of
from mockhost.nesting import merged
from mockhost.public_url import PublicUrl
from mockhost.rules.rule import Rule
from mockhost.scenario import (
    build,
    naming,
    outside,
    parsing,
    schema,
    shape,
    shelves,
    steps,
    variables,
)
from mockhost.scenario.documents import Document, Path, idle_nulls, plain_document, written
from mockhost.scenario.layers import (
    FileLayer,
    Findings,
    Layer,
    WordsLayer,
    merge_all,
    shown_name,
    stacked,
    word_layers,
)
from mockhost.scenario.model import Scenario
from mockhost.scenario.parsing import plain
from mockhost.scenario.sources import OPERATOR, Beside, Source


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
    said = [*word_layers(sets, None, OPERATOR), *word_layers((), overrides, source)]
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
    said = [*word_layers(sets, None, OPERATOR), *word_layers((), overrides, source)]
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
    layers = stacked(scenario.trail.layers, word_layers(sets, overrides, source))
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


# -- a file with its parents ---------------------------------------------------------------------------------


PARENTS_LIMIT = 16


class Chain:
    """What a scenario and its parents hold, and what is wrong with reading them. env: where the shelves are."""

    def __init__(self, env: Mapping[str, str]) -> None:
        self.env = env
        self.layers: list[Layer] = []
        """the eldest first"""
        self.problems: list[Problem] = []
        self.parent: str | None = None
        """what the scenario extends, as `loader.load` finds it"""
        self.broken = False
        """whether a parent could not be read, so that much may be missing"""
        self._seen: list[FilePath] = []

    def read_file(self, found: shelves.Found, source: Source) -> None:
        """Read a file and its parents. Raises UsageError if a file can't be read at all."""
        layer = self._read(found, source)
        if layer is not None:
            self.read_parents_of(layer)
        if not self.broken:
            self._check_nulls()

    def read_parents_of(self, layer: Layer) -> None:
        """Take `layer` as the scenario and read its parents, as far as its source may name them."""
        self.layers = [layer]
        self._check_format(layer, needed=isinstance(layer, FileLayer))
        while (said := layer.document.get("extends")) is not None:
            named = self._find(said, layer)
            if named is None:
                self.broken = True
                break
            found, source = named
            if len(self.layers) == 1:
                self.parent = found.name or str(found.file.resolve())
            parent = self._read(found, source)
            if parent is None:
                self.broken = True
                break
            self._check_format(parent, needed=True)
            self.layers.append(parent)
            layer = parent
        self.layers.reverse()

    def _find(self, said: object, layer: Layer) -> tuple[shelves.Found, Source] | None:
        """The file that `extends` means, and its source; None and a problem if it can't be had."""
        path: Path = ("extends",)
        if not isinstance(said, str) or not said:
            self._add(layer, path, "'extends' is one name or file", "such as basics/healthy or ./base.yaml")
            return None
        try:
            found, source = layer.source(path).find(said, self.env)
        except UsageError as error:
            self._add(layer, path, error.message, error.hint)
            return None
        file = found.file.resolve()
        if file in self._seen:
            ring = [seen.name for seen in self._seen[self._seen.index(file) :]]
            self._add(layer, path, f"it extends itself: {' -> '.join([*ring, ring[0]])}")
            return None
        if len(self._seen) >= PARENTS_LIMIT:
            self._add(layer, path, f"more than {PARENTS_LIMIT} files extend each other")
            return None
        return found, source

    def _read(self, found: shelves.Found, source: Source) -> FileLayer | None:
        file, shown = found.file.absolute(), shown_name(found.file)
        self._seen.append(found.file.resolve())
        if found.name is not None and (ahead := shelves.parsed_ahead(file)) is not None:
            return FileLayer(file, ahead, source)
        try:
            reading = parsing.read(found.file, shown)
        except OSError as error:
            raise UsageError(f"{shown} can't be read: {reason_of(error)}") from None
        self.problems.extend(reading.problems)
        root = reading.root
        if root is None:
            return None
        document = plain(root)
        if not isinstance(document, dict):
            message = f"a scenario is a map of keys, and this is {shape.kind_of(document)}"
            problem = Problem(shown, root.line, root.column, "$", message, "begin with 'format: 1'")
            self.problems.append(problem)
            return None
        return FileLayer(file, document, source, root=root, spoilt=reading.spoilt)

    def _add(self, layer: Layer, path: Path, message: str, hint: str = "", *, key: bool = False) -> None:
        where = layer.place(path, key=key)
        self.problems.append(Problem(where.file, where.line, where.column, written(path), message, hint))

    def _check_format(self, layer: Layer, *, needed: bool) -> None:
        said = layer.document.get("format")
        if said is None and needed:
            self._add(layer, (), "the key 'format' is missing", "begin with 'format: 1'")
        elif said is not None and (isinstance(said, bool) or said != 1):
            shown = shape.shown(said, layer.raw(("format",)))
            hint = "write it without quotes" if said == "1" else "this mockhost reads 'format: 1'"
            self._add(layer, ("format",), f"format {shown} is not known", hint)

    def _check_nulls(self) -> None:
        """Report nulls that remove nothing, where that can only be a slip."""
        document: Document = {}
        for layer in self.layers:
            if isinstance(layer, FileLayer):
                for path in idle_nulls(document, layer.document):
                    if schema.is_declared(path):
                        continue
                    known = schema.known_keys(path[:-1])
                    if known:
                        message, hint = f"unknown key {path[-1]!r}", did_you_mean(str(path[-1]), known)
                    else:
                        message, hint = f"{path[-1]!r} has no value, and no parent has one to remove", ""
                    self._add(layer, path, message, hint, key=True)
            document = merged(document, layer.document)


# -- what a host lays over every scenario --------------------------------------------------------------------


def listed(name: str, given: object, items: str, kinds: tuple[type, ...] = (str,)) -> tuple[Any, ...]:
    """An argument that is a list, such as `sets`. Raises UsageError for a text: its letters are a list, too."""
    if isinstance(given, (str, bytes, Mapping)) or not isinstance(given, Iterable):
        hint = f"write [{given!r}]" if isinstance(given, str) else ""
        raise UsageError(f"{name} is a list of {items}, not {given!r}", hint=hint)
    for item in (made := tuple(given)):
        if not isinstance(item, kinds):
            raise UsageError(f"{name} is a list of {items}, and {item!r} is none")
    return made


class Terms(NamedTuple):
    """Choices of the host that count whatever the scenario says: see `MockHost`."""

    tls: bool | None = None
    seed: int | None = None
    sets: tuple[str, ...] = ()
    clock: str = "frozen"
    public_url: PublicUrl | None = None

    @classmethod
    def of(
        cls,
        tls: object = None,
        seed: Any = None,
        sets: object = (),
        clock: Any = "frozen",
        public_url: PublicUrl | None = None,
    ) -> Terms:
        """The same of what a caller gives. Raises UsageError for values that would mean something else."""
        if tls is not None and not isinstance(tls, bool):
            raise UsageError(f"tls is True, False or None, not {tls!r}")
        return cls(tls, seed, listed("sets", sets, "PATH=VALUE"), clock, public_url)

    def load(
        self,
        scenario: str | os.PathLike[str] | Mapping[str, Any] | Scenario,
        overrides: Mapping[str, Any],
        source: Source = OPERATOR,
    ) -> Scenario:
        """Load a scenario with these terms laid over it. Raises ScenarioError, UsageError.

        source: whose the scenario and the overrides are, which decides what they may name.
        """
        if isinstance(scenario, Scenario):
            loaded = scenario
            if overrides or self.sets:
                loaded = with_overrides(loaded, overrides, sets=self.sets)
        elif isinstance(scenario, Mapping):
            loaded = load_document(scenario, sets=self.sets, overrides=overrides, source=source)
        else:
            loaded = load(
                shelves.text_of(scenario), sets=self.sets, overrides=overrides or None, source=source
            )
        forced: dict[str, Any] = {} if self.seed is None else {"seed": self.seed}
        if self.tls is False:
            forced["host"] = {"tls": "plain_http"}
        elif self.tls and loaded.host.tls.mode == "plain_http":
            forced["host"] = {"tls": {"mode": "certificate"}}
        said = loaded.document.get("clock")
        if not (isinstance(said, Mapping) and ("mode" in said or "speed" in said)):
            forced["clock"] = {"mode": self.clock}
        if forced:
            loaded = with_overrides(loaded, forced)
        if self.public_url is not None:
            self.public_url.check(plain_http=loaded.host.tls.mode == "plain_http")
        return loaded
