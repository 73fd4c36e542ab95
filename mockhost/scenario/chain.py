"""A scenario file with its parents: the chain of `extends`, read and checked file by file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path as FilePath

from mockhost.errors import Problem, UsageError, did_you_mean
from mockhost.scenario import parsing, schema, shape, shelves, shipped
from mockhost.scenario.layers import FileLayer, Layer, shown_name
from mockhost.scenario.merge import Document, idle_nulls, merged
from mockhost.scenario.nodes import plain
from mockhost.scenario.paths import Path, written
from mockhost.scenario.sources import Source

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
        if found.name is not None and (ahead := shipped.document(file)) is not None:
            return FileLayer(file, ahead, source)
        try:
            reading = parsing.read(found.file, shown)
        except OSError as error:
            raise UsageError(f"{shown} can't be read: {error.strerror or type(error).__name__}") from None
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
