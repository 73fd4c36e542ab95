"""Attribute values as a client sends them, made into what the attribute's type holds (RFC 7643 2.3).

What the provisioning service sends is not always of the declared type: booleans come as "True" and "False"
(Microsoft Learn, Known issues and resolutions with SCIM 2.0 protocol compliance, heading "Flags to alter the
SCIM behavior"). Such spellings are understood; everything else that doesn't fit is refused.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Final

import orjson

from mockhost.scim.attributes import AttributeInfo
from mockhost.scim.errors import ScimError, shown
from mockhost.scim.filters import instant

_INTEGER = re.compile(r"[+-]?[0-9]{1,19}").fullmatch
_DECIMAL = re.compile(r"[+-]?[0-9]{1,40}(?:\.[0-9]{1,40})?(?:[eE][+-]?[0-9]{1,3})?").fullmatch
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]*={0,2}").fullmatch
_URI_REFERENCE = re.compile(r"(?:[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=-]|%[0-9A-Fa-f]{2})+").fullmatch
_LARGEST: Final = 2**63
_EXACT = 2**53  # beyond it a float can mean several whole numbers

SIMPLE_TYPES: Final = ("string", "boolean", "integer", "decimal", "dateTime", "binary", "reference")


def coerce(type_: str, value: object, name: str = "the value") -> object:
    """`value` as an attribute of a simple type holds it; null stays None, a list is taken value by value.

    A value in an object is used itself (`unwrapped`).
    "True" and "false" become booleans, "12" and 12.0 integers (of 64 bits); a binary value stays its base64
    text. An unknown type is taken for a string. Raises ScimError 400 `invalidValue`, which calls the attribute
    `name`.
    """
    if value is None:
        return None
    convert = _CONVERSIONS.get(type_, _string)
    if isinstance(value, (list, tuple)):
        # A list in the list is not looked into: no simple value is one.
        return [_converted(convert, type_, item, name) for item in value]
    return _converted(convert, type_, value, name)


def _converted(convert: Callable[[object], object], type_: str, value: object, name: str) -> object:
    if not isinstance(value, str) and isinstance(value, Mapping) and (value := unwrapped(value)) is None:
        return None
    converted = convert(value)
    if converted is None:
        wanted = _WANTED.get(type_, _WANTED["string"])
        raise ScimError(400, "invalidValue", f"{name} takes {wanted}, not {shown(value)}.")
    return converted


_WRAPPING: Final = frozenset({"$ref", "value"})


def unwrapped(value: Mapping[str, object]) -> object:
    """The single value in `{"$ref": null, "value": "User X"}`, as Entra sends one now and then; else the object.

    Microsoft Learn, Develop and plan provisioning for a SCIM endpoint, has members in this shape; reports of single
    values in it are in the threads of servers that met them.
    """
    return value["value"] if "value" in value and value.keys() <= _WRAPPING else value


def _string(value: object) -> object:
    return value if isinstance(value, str) else None


def _boolean(value: object) -> object:
    if isinstance(value, str):
        return {"true": True, "false": False}.get(value.lower())
    return value if isinstance(value, bool) else None


def _integer(value: object) -> object:
    if isinstance(value, bool):
        return None
    if isinstance(value, str) and _INTEGER(value):
        value = int(value)
    if isinstance(value, float) and value.is_integer() and abs(value) <= _EXACT:
        value = int(value)
    return value if isinstance(value, int) and -_LARGEST <= value < _LARGEST else None


def _decimal(value: object) -> object:
    if isinstance(value, bool):
        return None
    if isinstance(value, str) and _DECIMAL(value):
        value = float(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if isinstance(value, int) and -_LARGEST <= value < _LARGEST else None


def _date_time(value: object) -> object:
    return value if isinstance(value, str) and instant(value) is not None else None


def _binary(value: object) -> object:
    if not isinstance(value, str) or not _BASE64(value):
        return None
    # Four characters are three bytes; a lone one over is never written, whether or not `=` fills up.
    return value if len(value.rstrip("=")) % 4 != 1 else None


_CONVERSIONS: Final[dict[str, Callable[[object], object]]] = {
    "string": _string,
    "boolean": _boolean,
    "integer": _integer,
    "decimal": _decimal,
    "dateTime": _date_time,
    "binary": _binary,
    "reference": _string,
}
_WANTED: Final = {
    "string": "a string",
    "boolean": "true or false",
    "integer": "a whole number of 64 bits",
    "decimal": "a number",
    "dateTime": "a date-time such as '2026-01-01T00:00:00Z'",
    "binary": "base64 text",
    "reference": "a string that is a URI or an id",
}


_EXACTLY: Final[dict[str, tuple[type, ...]]] = {
    "boolean": (bool,),
    "integer": (int,),
    "decimal": (int, float),
}


def _refuse_other_types(info: AttributeInfo, value: object) -> None:
    """No "True" for true and no 5.0 for 5, where the attribute is `exact`."""
    if value is not None and not isinstance(value, _EXACTLY.get(info.type, (str,))):
        raise ScimError(
            400,
            "invalidValue",
            f"{info.name} takes {_WANTED.get(info.type, 'a string')}, not {shown(value)}.",
        )


_COUNTED = {0: "an empty array", 1: "an array"}


def single(info: AttributeInfo, value: object) -> object:
    """The one value of a single-valued attribute, which may come in an array of one. Raises ScimError."""
    if not isinstance(value, (list, tuple)):
        return value
    if len(value) != 1 or info.exact:
        raise ScimError(
            400, "invalidValue", f"{info.name} takes one value, not {_COUNTED.get(len(value), len(value))}."
        )
    return value[0]


def simple(info: AttributeInfo, value: object) -> object:
    """The value, or the list of values, of an attribute that isn't complex. Raises ScimError."""
    if info.multi_valued:
        items = value if isinstance(value, (list, tuple)) else [value]
        made = [_one(info, item) for item in items if item is not None]
        return [item for item in made if item is not None]
    return _one(info, single(info, value))


def _one(info: AttributeInfo, item: object) -> object:
    if isinstance(item, (list, tuple)):
        raise ScimError(400, "invalidValue", f"{info.name} takes no array in an array.")
    if info.exact:
        _refuse_other_types(info, item)
        if info.type == "reference" and isinstance(item, str) and not _URI_REFERENCE(item):
            raise ScimError(400, "invalidValue", f"{info.name} takes a URI (RFC 3986), not {shown(item)}.")
    return coerce(info.type, item, info.name)


def part(info: AttributeInfo, name: str, refuse: bool) -> AttributeInfo | None:
    """A sub-attribute that a value may state; None for one to be passed over: read-only, or unknown.

    Raises ScimError where unknown ones are to be refused.
    """
    sub = info.sub_attribute(name)
    if sub is None and refuse:
        raise ScimError(400, "invalidValue", f"{info.name} has no sub-attribute {shown(name)}.")
    return None if sub is None or sub.mutability == "readOnly" else sub


def element(info: AttributeInfo, item: object, refuse: bool) -> object:
    """One value of an attribute, complex or not, in the schema's spelling. Raises ScimError.

    A bare value is read as the `value` of a complex one, as Entra sends managers.
    """
    if info.type != "complex":
        return _one(info, item)
    item = _spelt_out(info, item)
    if not isinstance(item, Mapping):
        if isinstance(item, (list, tuple)) or info.exact or info.sub_attribute("value") is None:
            raise ScimError(400, "invalidValue", f"{info.name} takes an object, not {shown(item)}.")
        item = {"value": item}
    found: dict[str, object] = {}
    for name, value in item.items():
        sub = part(info, name, refuse)
        if sub is not None and value is not None:
            found[sub.name] = simple(sub, value)
    return found


def _spelt_out(info: AttributeInfo, value: object) -> object:
    """A complex value that came as JSON in a string (Captain-P-Goldfish/SCIM-SDK issues 516, 691)."""
    if info.exact or not isinstance(value, str) or value[:1] not in ("{", "["):
        return value
    try:
        found = orjson.loads(value)
    except orjson.JSONDecodeError:
        return value
    return found if isinstance(found, (dict, list)) else value


def elements(info: AttributeInfo, value: object, refuse: bool) -> list[object]:
    """The values of a multi-valued attribute, without empty ones; a single one needs no array."""
    if info.type == "complex":
        value = _spelt_out(info, value)
    items: Iterable[object] = value if isinstance(value, (list, tuple)) else (value,)
    made = [element(info, item, refuse) for item in items if item is not None]
    return [found for found in made if found not in ({}, None)]
