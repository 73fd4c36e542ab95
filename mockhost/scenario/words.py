"""What is said beside files: `--set PATH=VALUE`, and the overrides of tests and live changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mockhost.errors import UsageError
from mockhost.scenario import parsing, schema
from mockhost.scenario.layers import Layer, WordsLayer
from mockhost.scenario.merge import Document, at_path, plain_document
from mockhost.scenario.nodes import core_scalar
from mockhost.scenario.paths import Path
from mockhost.scenario.sources import Source

OVERRIDES = "overrides"
"""How problems name what a test or a live change said."""


def layers(sets: Sequence[str], overrides: Mapping[str, object] | None, source: Source) -> list[WordsLayer]:
    """What was said, as layers: the sets in order, then the overrides (a document, or values by dotted path).

    source: whose they are.
    Raises UsageError for what can't be read.
    """
    found: list[WordsLayer] = []
    for text in sets:
        dotted, value = parse_set(text)
        found.append(WordsLayer(f"--set {dotted}", at_path(dotted, value), source))
    if overrides:
        document: Document = {}
        for key, value in plain_document(overrides, OVERRIDES).items():
            part = at_path(key, value) if "." in key else {key: value}
            document = _overlaid(document, part)
        found.append(WordsLayer(OVERRIDES, document, source))
    for layer in found:
        if "extends" in layer.document:
            raise UsageError("'extends' can be said in a scenario file only")
    return found


def stacked(below: Sequence[Layer], above: Sequence[WordsLayer]) -> list[Layer]:
    """The layers of both. Overrides on overrides become one where that means the same.

    A host that is changed ten thousand times while it runs must not remember each change.
    """
    result = list(below)
    for layer in above:
        last = result[-1] if result else None
        if (
            isinstance(last, WordsLayer)
            and last.label == layer.label
            and last.whose == layer.whose
            and _may_be_one(last.document, layer.document)
        ):
            result[-1] = WordsLayer(layer.label, _overlaid(last.document, layer.document), layer.whose)
        else:
            result.append(layer)
    return result


def _may_be_one(base: Document, over: Document) -> bool:
    """Whether no map of `over` lies on something else in `base`: it would have to replace what is further below."""
    for key, value in over.items():
        if key not in base or not isinstance(value, dict):
            continue
        below = base[key]
        if not isinstance(below, dict) or not _may_be_one(below, value):
            return False
    return True


def _overlaid(base: Document, over: Document) -> Document:
    """Two overrides as one: as merging, but nulls stay, because they have yet to remove something."""
    result = dict(base)
    for key, value in over.items():
        below = result.get(key)
        if isinstance(below, dict) and isinstance(value, dict):
            result[key] = _overlaid(below, value)
        else:
            result[key] = value
    return result


def _is_whole(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def parse_set(text: str) -> tuple[str, object]:
    """The path and the value of a `PATH=VALUE`. Raises UsageError.

    The value is read as YAML 1.2 (a scalar, or a list or map in flow style), but stays a text where the schema
    wants one: `connectors.SQL.secret_token=123456` needs no quotes.
    """
    if not _is_whole(text):
        raise UsageError(
            f"{text!a} has half of a surrogate pair in it", hint="is the terminal's encoding UTF-8?"
        )
    dotted, equals, raw = text.partition("=")
    if not equals:
        raise UsageError(f"{text!r} is no PATH=VALUE", hint="write it like host.debug=true")
    dotted = dotted.strip().removeprefix("$.")
    at_path(dotted, None)
    where: Path = tuple(dotted.split("."))
    if raw == "" and schema.takes_text(where):
        return dotted, ""
    value, problem = parsing.flow(raw) if raw.lstrip()[:1] in ("[", "{", '"', "'") else (core_scalar(raw), "")
    if problem or (value is not None and not schema.takes(value, where)):
        if schema.takes_text(where):
            return dotted, raw
        if problem:
            raise UsageError(f"the value of {dotted} can't be read: {problem}")
    return dotted, value
