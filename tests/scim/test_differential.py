"""Random filters and random PATCHes through ours and through scim2-models, an independent implementation.

Every disagreement was mended or is in the tables below, each with an example that is tried, and with its reason
in docs/scim-differences.md. A disagreement that no row explains fails.
"""

from __future__ import annotations

import copy
import json
import re
import unicodedata
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mockhost.scim import filters, grammar, messages, patch
from mockhost.scim.attributes import AttributeInfo, Schema, fold, read
from mockhost.scim.errors import ScimError
from mockhost.scim.filters import instant
from mockhost.scim.grammar import AttrPath

scim2 = pytest.importorskip("scim2_models")

DIFFERENCES = Path(__file__).parents[2] / "docs" / "scim-differences.md"
THOROUGH = settings(max_examples=max(300, settings.default.max_examples if settings.default else 0))

CORE_URN = "urn:ietf:params:scim:schemas:core:2.0:Thing"
EXT_URN = "urn:example:params:scim:schemas:extension:2.0:Thing"


def _named(*infos: AttributeInfo) -> dict[str, AttributeInfo]:
    return {info.name: info for info in infos}


CORE = _named(
    AttributeInfo("text"),
    AttributeInfo("exact", case_exact=True),
    AttributeInfo("flag", "boolean"),
    AttributeInfo("whole", "integer"),
    AttributeInfo("real", "decimal"),
    AttributeInfo("moment", "dateTime"),
    AttributeInfo("place", "complex", sub=_named(AttributeInfo("city"), AttributeInfo("zip", "integer"))),
    AttributeInfo("words", multi_valued=True),
    AttributeInfo(
        "items",
        "complex",
        multi_valued=True,
        sub=_named(AttributeInfo("value"), AttributeInfo("type"), AttributeInfo("primary", "boolean")),
    ),
)
EXTENSION = _named(AttributeInfo("label"), AttributeInfo("level", "integer"))
OURS = Schema(CORE, {EXT_URN: EXTENSION})


def _their_schema(urn: str, name: str, attributes: Mapping[str, AttributeInfo]) -> Any:
    definitions = [messages.definition_of(info) for info in attributes.values()]
    resource = messages.schema_resource(urn, name, definitions, location="https://localhost/Schemas")
    return scim2.Schema.model_validate(resource)


_core_model: Any = scim2.Resource.from_schema(_their_schema(CORE_URN, "Thing", CORE))
_extension_model: Any = scim2.Extension.from_schema(_their_schema(EXT_URN, "ThingExtension", EXTENSION))
THEIRS: Any = _core_model[_extension_model]

# -- what is random -----------------------------------------------------------------------------------------------

TEXTS = ["a", "A", "b", "ab", "true", "12", "straße", "STRASSE", "é", "e\u0301", "2011-05-13T04:42:34Z"]
MOMENTS = ["2011-05-13T04:42:34Z", "2011-05-13T06:42:34+02:00", "2012-05-13T04:42:34Z"]
texts = st.sampled_from(TEXTS)
KINDS = {
    **{
        "text": "string",
        "TEXT": "string",
        f"{CORE_URN}:text": "string",
        "exact": "string",
        "flag": "boolean",
    },
    **{"whole": "integer", "real": "decimal", "moment": "dateTime", "place.city": "string"},
    **{"place.zip": "integer", "words": "string", "items": "string", "items.value": "string"},
    **{"items.type": "string", "items.primary": "boolean", "nope": "unknown"},
    **{f"{EXT_URN}:label": "string", f"{EXT_URN}:level": "integer"},
}
VALUES = {
    "string": texts,
    "boolean": st.booleans(),
    "integer": st.sampled_from([0, 1, 12]),
    "decimal": st.sampled_from([0.5, 1.0, 12]),
    "dateTime": st.sampled_from(MOMENTS),
    "unknown": texts,
}


def _some(values: dict[str, st.SearchStrategy[Any]]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=values)


_items = _some({"value": texts, "type": st.sampled_from(["work", "home"]), "primary": st.booleans()})
things = _some(
    {
        **{name: VALUES[CORE[name].type] for name in ("text", "exact", "flag", "whole", "real", "moment")},
        "place": _some({"city": texts, "zip": VALUES["integer"]}),
        "words": st.lists(texts, max_size=2),
        "items": st.lists(_items, max_size=2),
        EXT_URN: _some({"label": texts, "level": VALUES["integer"]}),
    }
).map(lambda found: {"schemas": [CORE_URN, EXT_URN], "id": "1", **found})


class Leaf(NamedTuple):
    """One comparison, perhaps in brackets."""

    path: str
    op: str
    value: object
    inside: str = ""

    def __str__(self) -> str:
        text = f"{self.path} pr" if self.op == "pr" else f"{self.path} {self.op} {json.dumps(self.value)}"
        return f"{self.inside}[{text}]" if self.inside else text

    @property
    def whole_path(self) -> str:
        return f"{self.inside}.{self.path}" if self.inside else self.path


@st.composite
def leaves(draw: st.DrawFn) -> Leaf:
    if inside := draw(st.sampled_from(["", "", "", "items"])):
        path = draw(st.sampled_from(["value", "type", "primary"]))
    else:
        path = draw(st.sampled_from(sorted(KINDS)))
    fitting = VALUES[KINDS[f"{inside}.{path}" if inside else path]]
    value = draw(st.one_of(fitting, fitting, fitting, st.none(), *VALUES.values()))
    op = draw(st.sampled_from(["eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le", "pr"]))
    return Leaf(path, op, value, inside)


def _joined(children: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.tuples(children, st.sampled_from([" and ", " or ", " AND ", " Or "]), children).map("".join),
        children.map(lambda text: f"not ({text})"),
        children.map(lambda text: f"({text})"),
    )


def our_verdict(text: str, thing: dict[str, Any]) -> object:
    def resolve(path: AttrPath) -> Callable[[dict[str, Any]], object] | None:
        return None if OURS.attribute(path) is None else lambda resource: read(resource, path)

    def case_exact(path: AttrPath) -> bool:
        info = OURS.attribute(path)
        return info is not None and info.case_exact

    try:
        parsed = grammar.parse(text, lenient=False)
        return filters.predicate(parsed, resolve, case_exact=case_exact)(thing)
    except ScimError as error:
        return error.scim_type


def their_verdict(text: str, thing: dict[str, Any]) -> object:
    try:
        return scim2.ScimFilter[THEIRS](text).match(THEIRS.model_validate(thing))
    except scim2.SCIMException as error:
        return error.scim_type


# -- filters: where we differ -------------------------------------------------------------------------------------


class FilterDifference(NamedTuple):
    name: str
    applies: Callable[[Leaf, dict[str, Any]], bool]
    example: tuple[str, dict[str, Any]]
    ours: object
    theirs: object


def _values(leaf: Leaf, thing: dict[str, Any]) -> list[object]:
    """The values that a leaf compares."""
    parsed = grammar.parse(f"{leaf.whole_path} pr")
    assert isinstance(parsed, grammar.Present)
    head, *rest = [parsed.path.name.lower(), *([parsed.path.sub] if parsed.path.sub else [])]
    holder = thing.get(EXT_URN, {}) if leaf.path.startswith(EXT_URN) else thing
    values = holder.get(head, [])
    values = values if isinstance(values, list) else [values]
    for name in rest or (["value"] if head == "items" else []):
        values = [value[name] for value in values if name in value]
    return values


def _is_of_another_type(leaf: Leaf, thing: dict[str, Any]) -> bool:
    kind, value = KINDS[leaf.whole_path], leaf.value
    fits = {
        "string": isinstance(value, str),
        "boolean": isinstance(value, bool),
        "integer": isinstance(value, int) and not isinstance(value, bool),
        "decimal": isinstance(value, (int, float)) and not isinstance(value, bool),
        "dateTime": isinstance(value, str) and instant(value) is not None,
        "unknown": True,
    }
    return leaf.op != "pr" and value is not None and not fits[kind]


def _is_text_beyond_ascii(leaf: Leaf, thing: dict[str, Any]) -> bool:
    compared = (leaf.value, *_values(leaf, thing))
    return any(isinstance(v, str) and fold(v) != unicodedata.normalize("NFC", v).lower() for v in compared)


def _is_a_moment_in_a_string(leaf: Leaf, thing: dict[str, Any]) -> bool:
    return (
        isinstance(leaf.value, str) and instant(leaf.value) is not None and KINDS[leaf.whole_path] == "string"
    )


def _orders_booleans(leaf: Leaf, thing: dict[str, Any]) -> bool:
    ordered = leaf.op in ("gt", "ge", "lt", "le", "co", "sw", "ew")
    return ordered and (isinstance(leaf.value, bool) or KINDS[leaf.whole_path] == "boolean")


def _is_ne_of_many(leaf: Leaf, thing: dict[str, Any]) -> bool:
    return leaf.op == "ne" and bool(re.match("words|items", leaf.path)) and len(_values(leaf, thing)) > 1


def _compares_an_empty_array_with_null(leaf: Leaf, thing: dict[str, Any]) -> bool:
    return leaf.value is None and thing.get(leaf.path.partition(".")[0]) == []


def _compares_moments_by_parts(leaf: Leaf, thing: dict[str, Any]) -> bool:
    return KINDS[leaf.whole_path] == "dateTime" and leaf.op in ("co", "sw", "ew")


FILTER_DIFFERENCES = (
    FilterDifference(
        "a value of another type",
        _is_of_another_type,
        ('whole eq "a"', {"whole": 1}),
        False,
        "invalidFilter",
    ),
    FilterDifference(
        "text beyond ASCII",
        _is_text_beyond_ascii,
        ('text eq "e\u0301"', {"text": "é"}),
        False,
        True,
    ),
    FilterDifference(
        "date-times in a string attribute",
        _is_a_moment_in_a_string,
        ('text eq "2011-05-13T06:42:34+02:00"', {"text": "2011-05-13T04:42:34Z"}),
        True,
        False,
    ),
    FilterDifference(
        "what booleans can't be asked",
        _orders_booleans,
        ('flag co "t"', {"flag": True}),
        False,
        "invalidFilter",
    ),
    FilterDifference(
        "ne on several values",
        _is_ne_of_many,
        ('words ne "a"', {"words": ["a", "b"]}),
        True,
        False,
    ),
    FilterDifference(
        "null and the empty array",
        _compares_an_empty_array_with_null,
        ("words eq null", {"words": []}),
        True,
        False,
    ),
    FilterDifference(
        "a part of a date-time",
        _compares_moments_by_parts,
        ('moment sw "2011-05-13T04:42:34Z"', {"moment": "2011-05-13T04:42:34Z"}),
        True,
        False,
    ),
)


@pytest.mark.parametrize("row", FILTER_DIFFERENCES, ids=lambda row: row.name)
def test_each_listed_difference_between_filters_is_still_one(row: FilterDifference) -> None:
    """A row whose example no longer differs is taken out of the table."""
    text, thing = row.example
    thing = {"schemas": [CORE_URN, EXT_URN], **thing}
    assert our_verdict(text, thing) == row.ours
    assert their_verdict(text, thing) == row.theirs


@THOROUGH
@given(leaf=leaves(), thing=things)
def test_comparisons_agree_or_the_difference_is_listed(leaf: Leaf, thing: dict[str, Any]) -> None:
    """One comparison over one resource."""
    if our_verdict(str(leaf), thing) != their_verdict(str(leaf), thing):
        assert [row.name for row in FILTER_DIFFERENCES if row.applies(leaf, thing)], str(leaf)


@pytest.mark.slow
@THOROUGH
@given(data=st.data(), thing=things)
def test_trees_of_agreed_comparisons_agree(data: st.DataObject, thing: dict[str, Any]) -> None:
    """and, or, not and parentheses in any mixture: precedence and evaluation are the same."""
    agreed = [
        str(leaf)
        for leaf in data.draw(st.lists(leaves(), min_size=3, max_size=6))
        if our_verdict(str(leaf), thing) == their_verdict(str(leaf), thing) in (True, False)
    ]
    agreed.append("text pr")
    text = data.draw(st.recursive(st.sampled_from(agreed), _joined, max_leaves=8))
    assert our_verdict(text, thing) == their_verdict(text, thing)


# -- the grammar --------------------------------------------------------------------------------------------------

PIECES = [*'()[]"\\.:,-_$ae1 \t', " and ", " or ", "not ", "not(", " pr", " eq ", "].value", "\\u00e9", "\\n"]
PIECES += ["1e5", "01", "-0", "urn:a:b:", "$ref", "é", "true", "null", 'items[type eq "work"]', '"a"', "text"]


@st.composite
def damaged_filters(draw: st.DrawFn) -> str:
    text = draw(st.recursive(leaves().map(str), _joined, max_leaves=4))
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(text)))
        text = text[:at] + draw(st.sampled_from(["", *PIECES])) + text[at + draw(st.integers(0, 1)) :]
    return text


class GrammarDifference(NamedTuple):
    name: str
    applies: Callable[[str], bool]
    example: str
    ours: bool


GRAMMAR_DIFFERENCES = (
    GrammarDifference(
        "URIs that are no URN",
        lambda text: re.search(r"(?i)(?<!\w)(?!urn:)[a-z][a-z0-9+.-]*:", text) is not None,
        'http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group:displayName eq "a"',
        True,
    ),
    GrammarDifference(
        "URNs of any characters",
        lambda text: re.search(r"(?i)urn:[^\s\"()\[\]]*(::|:[^a-z0-9]|[^\w.:-])", text) is not None,
        "urn:a:-b:text pr",
        True,
    ),
    GrammarDifference(
        "what booleans can't be asked",
        lambda text: re.search(r"(?i)\b(gt|ge|lt|le)\s*(true|false)", text) is not None,
        "flag gt true",
        False,
    ),
    GrammarDifference(
        "a number that a word follows",
        lambda text: re.search(r"(?i)[0-9](and|or)|[0-9.](?=[a-z_$-])", text) is not None,
        "whole eq 1and text pr",
        False,
    ),
    GrammarDifference(
        "a blank before a sub-attribute",
        lambda text: re.search(r"\]\s+\.|\]\s*\.\s|\]\.[^\s]*[.:]", text) is not None,
        'items[type eq "work"] .value pr',
        False,
    ),
)


def _ours_of(text: str) -> str | None:
    try:
        return grammar.render(grammar.parse(text, lenient=False))
    except ScimError:
        return None


def _theirs_of(text: str) -> str | None:
    try:
        return str(scim2.ScimFilter(text).ast)
    except scim2.SCIMException:
        return None


@pytest.mark.parametrize("row", GRAMMAR_DIFFERENCES, ids=lambda row: row.name)
def test_each_listed_difference_between_grammars_is_still_one(row: GrammarDifference) -> None:
    """A row whose example no longer differs is taken out of the table."""
    assert (_ours_of(row.example) is not None) is row.ours
    assert (_theirs_of(row.example) is None) is row.ours


@pytest.mark.slow
@THOROUGH
@given(text=damaged_filters())
def test_texts_are_read_alike(text: str) -> None:
    """What the one refuses the other refuses, and what both read means the same to both."""
    ours, theirs = _ours_of(text), _theirs_of(text)
    if (ours is None) is not (theirs is None):
        assert [row.name for row in GRAMMAR_DIFFERENCES if row.applies(text)], (ours, theirs)
    elif theirs is not None:
        assert ours == _ours_of(theirs)


# -- PATCH --------------------------------------------------------------------------------------------------------

PATCH_TEXTS = st.sampled_from(["a", "A", "b", "ab"])
_types = st.sampled_from(["work", "home"])
_element = _some({"value": PATCH_TEXTS, "type": _types, "primary": st.booleans()}).filter(bool)
_places = _some({"city": PATCH_TEXTS, "zip": st.sampled_from([1, 12])}).filter(bool)
_extensions = _some({"label": PATCH_TEXTS, "level": st.sampled_from([1, 12])}).filter(bool)
PATCHED: dict[str, st.SearchStrategy[Any]] = {
    **dict.fromkeys(("text", "exact", "TEXT", "place.city", f"{EXT_URN}:label", "nope"), PATCH_TEXTS),
    **dict.fromkeys(("whole", "place.zip", f"{EXT_URN}:level"), st.sampled_from([1, 12])),
    "flag": st.sampled_from([True, False, "True", "False"]),
    "place": _places,
    "words": st.lists(PATCH_TEXTS, max_size=2),
    "items": st.lists(_element, max_size=2),
    EXT_URN: _extensions,
    "items.type": _types,
    'items[type eq "work"]': _element,
    'items[type eq "work"].value': PATCH_TEXTS,
    'items[value eq "a"].primary': st.booleans(),
    'items[value eq "a" and type eq "home"].type': _types,
    'items[not (type eq "work")].value': PATCH_TEXTS,
    'items[primary eq "True"].value': PATCH_TEXTS,
    'words[value eq "a"]': PATCH_TEXTS,
}


def _with_one_primary(thing: dict[str, Any]) -> dict[str, Any]:
    seen = False
    for element in thing.get("items", ()):
        if element.get("primary"):
            element["primary"] = not seen
            seen = True
    return thing


patched_things = _some(
    {
        **{name: PATCHED[name] for name in ("text", "exact", "whole", "place")},
        "flag": st.booleans(),
        "words": st.lists(st.sampled_from(["a", "b", "ab"]), min_size=1, max_size=2, unique=True),
        "items": st.lists(
            _element, min_size=1, max_size=2, unique_by=lambda e: json.dumps(e, sort_keys=True)
        ),
        EXT_URN: _extensions,
    }
).map(lambda found: _with_one_primary({"schemas": [CORE_URN, EXT_URN], "id": "1", **found}))


@st.composite
def operations(draw: st.DrawFn) -> dict[str, Any]:
    op = draw(st.sampled_from(["add", "Add", "replace", "Replace", "remove", "Remove"]))
    if op.lower() != "remove" and draw(st.integers(0, 5)) == 0:
        keys = draw(st.lists(st.sampled_from([k for k in PATCHED if "[" not in k]), max_size=3, unique=True))
        return {"op": op, "value": {key: draw(PATCHED[key]) for key in keys}}
    path = draw(st.sampled_from(sorted(PATCHED)))
    if op.lower() != "remove":
        return {
            "op": op,
            "path": path,
            "value": None if draw(st.integers(0, 15)) == 15 else draw(PATCHED[path]),
        }
    if path in ("items", "words") and draw(st.booleans()):
        return {"op": op, "path": path, "value": draw(PATCHED["items"])}
    return {"op": op, "path": path}


def _normal(value: object) -> Any:
    """Without what is unassigned, and without an order of elements, which SCIM doesn't have (RFC 7643 2.4)."""
    if isinstance(value, dict):
        return {key: normal for key, item in value.items() if (normal := _normal(item)) not in (None, {}, [])}
    if isinstance(value, list):
        normals = (_normal(item) for item in value)
        return sorted(
            (n for n in normals if n not in (None, {}, [])), key=lambda n: json.dumps(n, sort_keys=True)
        )
    return value


def _state(thing: Mapping[str, object]) -> Any:
    return _normal({key: value for key, value in thing.items() if key not in ("schemas", "id", "meta")})


def our_state(thing: dict[str, Any], *sent: dict[str, Any]) -> Any:
    try:
        after = patch.apply(copy.deepcopy(thing), {"Operations": list(sent)}, schema=OURS, unmatched="always")
    except ScimError as error:
        return error.scim_type
    return _state(after)


def their_state(thing: dict[str, Any], *sent: dict[str, Any]) -> Any:
    policy = scim2.ScimPolicy(
        unknown=scim2.ScimPolicy.Unknown.ignore,
        remove_value_as_filter=scim2.ScimPolicy.RemoveValue.apply,
        unmatched_path_filter=scim2.ScimPolicy.UnmatchedPathFilter.create,
    )
    message = {"schemas": [messages.PATCH_OP], "Operations": copy.deepcopy(list(sent))}
    resource = THEIRS.model_validate(copy.deepcopy(thing))
    try:
        with policy:
            wanted = scim2.PatchOp[THEIRS].model_validate(
                message, scim_ctx=scim2.Context.RESOURCE_PATCH_REQUEST
            )
            wanted.patch(resource)
    except scim2.SCIMException as error:
        return error.scim_type
    except ValueError as error:  # what pydantic makes of a SCIMException in a validator
        found = re.search(r"type=scim_(\w+)", str(error))
        return found[1] if found else str(error)
    return _state(resource.model_dump())


class PatchDifference(NamedTuple):
    name: str
    applies: Callable[[dict[str, Any], dict[str, Any]], bool]
    example: tuple[dict[str, Any], dict[str, Any]]
    ours: object
    theirs: object


def _path(operation: dict[str, Any]) -> str:
    return str(operation.get("path") or "")


def _named_values(operation: dict[str, Any]) -> dict[str, Any]:
    """What an operation sets, by path."""
    value = operation.get("value")
    return {_path(operation): value} if _path(operation) else value if isinstance(value, dict) else {}


def _pairs(elements: object) -> list[tuple[str, object]]:
    found = elements if isinstance(elements, list) else [elements]
    return [(str(e["value"]).lower(), e.get("type")) for e in found if isinstance(e, dict) and "value" in e]


def _adds_a_known_value(thing: dict[str, Any], operation: dict[str, Any]) -> bool:
    values = _named_values(operation).get("items") or []
    pairs = _pairs([*thing.get("items", []), *values])
    return operation["op"].lower() == "add" and any(
        value == other and (kind == known or kind is None or known is None)
        for i, (value, kind) in enumerate(pairs)
        for other, known in pairs[:i]
    )


def _adds_twice(thing: dict[str, Any], operation: dict[str, Any]) -> bool:
    for name in ("words", "items"):
        values = [json.dumps(v, sort_keys=True).lower() for v in _named_values(operation).get(name) or []]
        if operation["op"].lower() == "add" and len(set(values)) < len(values):
            return True
    return False


def _removes_by_value(thing: dict[str, Any], operation: dict[str, Any]) -> bool:
    """A value that states more than `value` and `type`, or objects where the attribute's values are none."""
    if operation["op"].lower() != "remove" or not operation.get("value"):
        return False
    return _path(operation) == "words" or any({"value", "primary"} <= set(v) for v in operation["value"])


PATCH_DIFFERENCES = (
    PatchDifference(
        "null in an add",
        lambda thing, op: op["op"].lower() == "add" and None in _named_values(op).values(),
        ({"text": "a"}, {"op": "add", "path": "text", "value": None}),
        {"text": "a"},
        "invalidValue",
    ),
    PatchDifference(
        "null in a replace",
        lambda thing, op: op["op"].lower() == "replace" and None in _named_values(op).values(),
        ({"items": [{"type": "work"}]}, {"op": "replace", "path": 'items[type eq "work"]', "value": None}),
        {},
        "invalidValue",
    ),
    PatchDifference(
        "a sub-attribute of values that aren't there",
        lambda thing, op: "items.type" in _named_values(op),
        ({}, {"op": "replace", "path": "items.type", "value": "work"}),
        {"items": [{"type": "work"}]},
        {},
    ),
    PatchDifference(
        "replacing what brackets choose",
        lambda thing, op: op["op"].lower() == "replace" and _path(op).endswith("]"),
        (
            {"items": [{"type": "work", "value": "a"}]},
            {"op": "replace", "path": 'items[type eq "work"]', "value": {"type": "work", "primary": True}},
        ),
        {"items": [{"type": "work", "primary": True}]},
        {"items": [{"type": "work", "primary": True, "value": "a"}]},
    ),
    PatchDifference(
        "the same value with other sub-attributes",
        _adds_a_known_value,
        (
            {"items": [{"value": "a", "type": "work"}]},
            {"op": "add", "path": "items", "value": [{"value": "a"}]},
        ),
        {"items": [{"value": "a", "type": "work"}]},
        {"items": [{"value": "a", "type": "work"}, {"value": "a"}]},
    ),
    PatchDifference(
        "the same value twice in one add",
        _adds_twice,
        ({}, {"op": "add", "path": "words", "value": ["a", "a"]}),
        {"words": ["a"]},
        {"words": ["a", "a"]},
    ),
    PatchDifference(
        "removing by value",
        _removes_by_value,
        (
            {"items": [{"value": "a"}]},
            {"op": "remove", "path": "items", "value": [{"value": "a", "primary": False}]},
        ),
        {},
        {"items": [{"value": "a"}]},
    ),
)


@pytest.mark.parametrize("row", PATCH_DIFFERENCES, ids=lambda row: row.name)
def test_each_listed_difference_between_patches_is_still_one(row: PatchDifference) -> None:
    """A row whose example no longer differs is taken out of the table."""
    thing, operation = row.example
    thing = {"schemas": [CORE_URN, EXT_URN], **thing}
    assert our_state(thing, operation) == row.ours
    assert their_state(thing, operation) == row.theirs


@pytest.mark.slow
@THOROUGH
@given(thing=patched_things, sent=st.lists(operations(), min_size=1, max_size=3))
def test_patches_agree_or_the_difference_is_listed(thing: dict[str, Any], sent: list[dict[str, Any]]) -> None:
    """The state after each operation, or the kind of refusal."""
    for operation in sent:
        ours, theirs = our_state(thing, operation), their_state(thing, operation)
        if ours != theirs:
            assert [row.name for row in PATCH_DIFFERENCES if row.applies(thing, operation)], (ours, theirs)
            return
        if isinstance(ours, str):
            return
        thing = {"schemas": [CORE_URN, EXT_URN], "id": "1", **copy.deepcopy(ours)}


# -- the page -----------------------------------------------------------------------------------------------------

ROWS = sorted({row.name for row in (*FILTER_DIFFERENCES, *GRAMMAR_DIFFERENCES, *PATCH_DIFFERENCES)})


def test_the_page_of_differences_lists_exactly_these() -> None:
    """docs/scim-differences.md gives the reason of each, and of nothing else."""
    listed = re.findall(r"^### (.+)$", DIFFERENCES.read_text("utf-8"), re.MULTILINE)
    assert sorted(listed) == ROWS


def test_normal_forms_are_compared_on_purpose() -> None:
    """The random texts hold the two spellings of one letter that the row on Unicode is about."""
    assert unicodedata.normalize("NFC", "e\u0301") == "é"
    assert {"é", "e\u0301"} <= set(TEXTS)
