"""Whether a scenario is as the schema has it; what isn't, is told in our own words.

Where a value may be one of several things, only the alternative that it is most like is reported.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

from mockhost.errors import did_you_mean
from mockhost.scenario import schema
from mockhost.scenario.documents import JSON_TYPES, Path, is_of
from mockhost.scenario.layers import Findings
from mockhost.scenario.parsing import core_scalar
from mockhost.scenario.schema import Schema


class Failure(Protocol):
    """What is used of a jsonschema ValidationError."""

    validator: str
    validator_value: Any
    instance: Any
    schema: Schema
    message: str
    relative_path: Sequence[str | int]
    absolute_path: Sequence[str | int]
    relative_schema_path: Sequence[str | int]
    absolute_schema_path: Sequence[str | int]
    context: Sequence[Failure]


@functools.cache
def _library_validator() -> Any:
    import jsonschema

    library: Any = jsonschema

    def pattern(validator: object, rule: str, value: object, part: Schema) -> Iterator[Any]:
        if isinstance(value, str) and schema.pattern(rule).search(value) is None:
            yield library.ValidationError(f"{value!r} does not match {rule!r}")

    plain = library.Draft202012Validator
    types = plain.TYPE_CHECKER.redefine("integer", lambda _, value: is_of(value, "integer"))
    return library.validators.extend(plain, {"pattern": pattern}, type_checker=types)(schema.root())


FAILURE_LIMIT = 1_000
"""How many failures of a document are looked at: more is not a scenario, and each takes up to a millisecond."""


def failures(value: object, part: Schema | None = None) -> list[Failure]:
    """What jsonschema finds wrong with `value` (as a scenario, or as what `part` describes), up to a limit."""
    validator = _library_validator()
    if part is not None:
        validator = validator.evolve(schema={**part, "$defs": schema.root()["$defs"]})
    return list(itertools.islice(validator.iter_errors(value), FAILURE_LIMIT))


def judge(document: Mapping[str, object], findings: Findings, whole: Schema | None = None) -> None:
    """Report to `findings` whatever in `document` isn't as the schema has it.

    whole: another schema than the scenario's; it has no `$defs` of its own.
    """
    if not schema.accepts(document, whole or schema.root(), whole or schema.root()):
        _tell_all(failures(document, whole), (), findings)


def judge_part(value: object, path: Path, where: Path, findings: Findings) -> None:
    """Report what is wrong with `value` as a value for `path`; it stands at `where`."""
    parts = schema.at(path)[-1:]
    if parts and not schema.accepts(value, parts[0], schema.root()):
        _tell_all(failures(value, parts[0]), where, findings)


def _tell_all(errors: Sequence[Failure], prefix: Path, findings: Findings) -> None:
    if len(errors) >= FAILURE_LIMIT:
        findings.add(prefix, f"{FAILURE_LIMIT:,} problems or more; only the first are listed")
    for error in sorted(errors, key=lambda e: e.validator == "required"):
        path = (*prefix, *error.absolute_path)
        if findings.has_given_up(path):
            continue
        if error.validator == "anyOf" and _says(error) is None:
            _tell_alternatives(error, prefix, findings)
        elif error.validator == "required":
            tell_missing(error.validator_value, error.instance, path, findings)
        else:
            _tell(error, path, findings)


def tell_missing(keys: Iterable[str], value: Mapping[str, object], path: Path, findings: Findings) -> None:
    """Report which of `keys` the map at `path` lacks, unless an unknown key there is one of them mistyped."""
    for key in keys:
        if key not in value and not mistyped(key, path, findings):
            findings.add_missing(path, key)


def mistyped(key: str, path: Path, findings: Findings) -> bool:
    """Whether an unknown key was reported at `path` that may be meant as `key`."""
    wrong = [p[-1] for p in findings.paths if p[:-1] == path and len(p) > len(path)]
    return any(_alike(str(other), key) for other in wrong)


def _alike(written: str, meant: str) -> bool:
    return did_you_mean(written, [meant]).startswith("did")


def _tell_alternatives(error: Failure, prefix: Path, findings: Findings) -> None:
    """Report the alternative that the value is most like: one of its type, with the fewest mistakes."""
    branches: dict[object, list[Failure]] = {}
    for inner in error.context or ():
        branches.setdefault(inner.relative_schema_path[0], []).append(inner)
    alike = [
        b for b in branches.values() if not any(e.validator == "type" and not e.relative_path for e in b)
    ]
    if alike:
        _tell_all(min(alike, key=len), prefix, findings)
        return
    kinds = {kind for part in schema.alternatives(error.schema) for kind in schema.types_of(part)}
    _tell_type(error, sorted(kinds, key=list(JSON_TYPES).index), (*prefix, *error.absolute_path), findings)


_EXPECTED = {
    "string": "a text",
    "boolean": "true or false",
    "integer": "a whole number",
    "number": "a number",
    "array": "a list",
    "object": "a map",
    "null": "nothing",
}


def kind_of(value: object) -> str:
    """What a value is, in words."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "a boolean"
    for kind in ("string", "integer", "number", "array", "object"):
        if is_of(value, kind):
            return "a number" if kind == "integer" else _EXPECTED[kind]
    return f"a {type(value).__name__}"


def shown(value: object, raw: str | None = None) -> str:
    """A value for a message, shortened."""
    if isinstance(value, (dict, list)):
        return "this"
    text = raw if raw is not None and not isinstance(value, str) else repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


def _says(error: Failure) -> str | None:
    said: str | None = error.schema.get("x-says", {}).get(error.validator)
    return said


def _tell_type(error: Failure, kinds: Sequence[str], path: Path, findings: Findings) -> None:
    value = error.instance
    raw = findings.raw(path, value)
    *others, last = (_EXPECTED[kind] for kind in kinds)
    expected = f"{', '.join(others)} or {last}" if others else last
    hint = ""
    if isinstance(value, (int, float)) and (better := _instead_of_number(raw, value, path, error)):
        hint = better
    elif isinstance(value, (bool, int, float)) and "string" in kinds:
        hint = f'quote it: "{raw}"'
    elif "array" in kinds and not isinstance(value, (dict, list)) and value is not None:
        hint = f"write it as a list: [{raw}]"
    elif isinstance(value, str) and takes_parsed(value, kinds):
        hint = "write it without quotes"
    elif isinstance(value, str) and "boolean" in kinds:
        hint = boolean_hint(value)
    findings.add(path, f"expected {expected}, got {_got(value, raw)}", hint)


def _got(value: object, raw: str | None) -> str:
    """What there is in place of what was expected: its kind, and a short value."""
    if value is None:
        return "no value"
    kind = kind_of(value)
    return kind if isinstance(value, (dict, list)) else f"the {kind.removeprefix('a ')} {shown(value, raw)}"


def _instead_of_number(raw: str, value: float, path: Path, error: Failure) -> str:
    """What to write where a number is not all that is needed: a status, or a duration without its unit."""
    if any(
        "not a duration" in part.get("x-says", {}).get("type", "")
        for part in schema.alternatives(error.schema)
    ):
        return f"write a unit: {raw}ms, {raw}s"
    key = next((part for part in reversed(path) if isinstance(part, str)), "")
    if key == "fault":
        return (
            f"write {{http_error: {raw}}}" if 400 <= value <= 599 else "write the name of a fault, e.g. hang"
        )
    if key in ("reply", "gets") and 100 <= value <= 599:
        return f"write {{status: {raw}}}"
    return ""


_SWITCHES = {"yes": "true", "on": "true", "y": "true", "no": "false", "off": "false", "n": "false"}


def boolean_hint(text: str) -> str:
    """What to write for a word that older YAML took for a boolean."""
    word = _SWITCHES.get(text.lower())
    return f"write {word}" if word else ""


def takes_parsed(value: str, kinds: Iterable[str]) -> bool:
    """Whether a text would be of one of the types if it were written without quotes."""
    read = core_scalar(value)
    return not isinstance(read, str) and read is not None and any(is_of(read, kind) for kind in kinds)


def _tell(error: Failure, path: Path, findings: Findings) -> None:
    value, rule = error.instance, error.validator_value
    said = _says(error)
    if said is not None:
        if said:
            raw = findings.raw(path, value)
            key = "propertyNames" in error.absolute_schema_path
            target = (*path, value) if key else path
            findings.add(target, said.replace("{value}", shown(value, raw)), key=key)
        return
    if error.validator == "type":
        _tell_type(error, [rule] if isinstance(rule, str) else list(rule), path, findings)
    elif error.validator == "additionalProperties":
        known = error.schema.get("properties", {})
        for key in value:
            if key not in known:
                meant = _MEANT.get(str(key).lower(), "")
                hint = f"write {meant!r}" if meant in known else did_you_mean(key, known)
                findings.add((*path, key), f"unknown key {key!r}", hint, key=True)
    elif error.validator == "enum":
        if isinstance(value, str):
            findings.add(path, f"{shown(value)} is not known here", did_you_mean(value, rule))
        else:
            _tell_type(error, ["string"], path, findings)
    else:
        saying = _SAYINGS.get(str(error.validator), error.message)
        findings.add(path, saying.replace("{rule}", str(rule)).replace("{value}", shown(value)))


_MEANT = {
    **dict.fromkeys(("wait", "sleep", "pause"), "advance"),
    **dict.fromkeys(("on", "if", "match", "request"), "when"),
    **dict.fromkeys(("response", "respond", "then", "return", "answer"), "reply"),
    **dict.fromkeys(("latency", "slow"), "delay"),
    **dict.fromkeys(("faults", "error", "fail"), "fault"),
    **dict.fromkeys(("token", "secret", "password"), "secret_token"),
    **dict.fromkeys(("users", "data", "rows"), "objects"),
    **dict.fromkeys(("code", "status_code", "statuscode"), "status"),
    **dict.fromkeys(("base", "parent", "inherits", "from"), "extends"),
    "request_count": "nth",
}
"""Words of other tools and of other files, and the key that they stand for here."""
_SAYINGS = {
    "minimum": "{value} is too small; at least {rule}",
    "maximum": "{value} is too large; at most {rule}",
    "exclusiveMinimum": "{value} is too small; it must be more than {rule}",
    "minItems": "too few entries; {rule} at least",
    "maxItems": "too many entries; {rule} at most",
    "minLength": "an empty text",
    "minProperties": "an empty map; {rule} entry at least",
    "maxProperties": "too many entries; {rule} at most",
    "uniqueItems": "an entry stands here twice",
}
