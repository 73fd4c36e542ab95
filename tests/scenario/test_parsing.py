"""Reading: what a text means, where everything in it stands, and where patience ends."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mockhost import nesting
from mockhost.scenario import parsing
from mockhost.scenario.parsing import ALIAS_LIMIT, NODE_LIMIT, core_scalar, nearest, plain


def read(text: str, *, as_json: bool = False) -> object:
    """The value of a text without problems."""
    reading = parsing.parse(text.encode(), "x", as_json=as_json)
    assert reading.problems == ()
    assert reading.root is not None
    return plain(reading.root)


def problems(text: str | bytes, *, as_json: bool = False) -> list[str]:
    """The problems of a text."""
    data = text.encode() if isinstance(text, str) else text
    return list(map(str, parsing.parse(data, "x", as_json=as_json).problems))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no", "no"),
        ("Yes", "Yes"),
        ("on", "on"),
        ("true", True),
        ("FALSE", False),
        ("~", None),
        ("null", None),
        ("''", ""),
        ("0123", 123),
        ("-7", -7),
        ("+7", 7),
        ("0o17", 15),
        ("0x1F", 31),
        ("0b1", "0b1"),
        ("1_000", "1_000"),
        ("190:20:30", "190:20:30"),
        ("2026-01-01", "2026-01-01"),
        ("2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z"),
        (".5", 0.5),
        ("1.", 1.0),
        ("1e3", 1000.0),
        (".inf", ".inf"),
        (".nan", ".nan"),
        ("1e999", "1e999"),
        ("9" * 40, "9" * 40),
        ("=", "="),
        ("<<", "<<"),
        ("'12'", "12"),
        ("! 12", None),
    ],
)
def test_scalars_are_those_of_the_core_schema_of_yaml_1_2(text: str, value: object) -> None:
    """YAML 1.2.2, 10.3.2; numbers that nobody can mean stay texts. (A bare `!` is a tag, and refused.)"""
    if text.startswith("!"):
        assert problems(f"a: {text}")
    else:
        assert read(f"a: {text}") == {"a": value}


def test_keys_are_texts_as_written() -> None:
    """Whatever they look like; an empty one must be quoted, as JSON pointers need it."""
    assert read('1: a\nno: b\n0x1: c\n"": d\n~: e') == {"1": "a", "no": "b", "0x1": "c", "": "d", "~": "e"}
    assert problems(": x") == ["x:1:1: $: a key is missing before ':'"]
    assert problems("? [a]\n: x\nb: c") == ["x:1:3: $: a key must be a text, not a list, a map or an alias"]
    assert problems("? {a: [1, {b: 2}]}\n: x")[0].startswith("x:1:3: $: a key must be a text")


def test_every_value_knows_its_place() -> None:
    """Lines and columns from 1; a key's place is its own."""
    reading = parsing.parse(b"a:\n  - b: 1\n    c: [x, {d: y}]\n# more\ne: |\n  text\n", "x")
    assert reading.root is not None
    places = {}
    for path in (("a",), ("a", 0, "b"), ("a", 0, "c", 1, "d"), ("e",), ("a", 0, "nothing")):
        node, entry = nearest(reading.root, path)
        places[path] = (node.line, node.column, None if entry is None else (entry.line, entry.column))
    assert places == {
        ("a",): (2, 3, (1, 1)),
        ("a", 0, "b"): (2, 8, (2, 5)),
        ("a", 0, "c", 1, "d"): (3, 16, (3, 13)),
        ("e",): (5, 4, (5, 1)),
        ("a", 0, "nothing"): (2, 5, None),
    }


def test_aliases_are_understood_within_limits() -> None:
    """An alias is the value of its anchor; one in its own anchor, and a bomb, are problems."""
    assert read("a: &x [1]\nb: *x") == {"a": [1], "b": [1]}
    assert problems("a: &x [*x]") == ["x:1:8: $.a[0]: alias *x stands inside its own anchor"]
    assert "more than" in problems("a: &x 1\nb: [" + ", ".join(["*x"] * (ALIAS_LIMIT + 1)) + "]")[0]
    bomb = "a: &a [" + "1, " * 400 + "]\n"
    bomb += "b: &b [" + "*a, " * 30 + "]\nc: &c [" + "*b, " * 30 + "]\nd: [" + "*c, " * 30 + "]\n"
    assert problems(bomb)[0].endswith("objects_file")
    nested = "a: &a " + "[" * 40 + "]" * 40 + "\nb: " + "[" * 40 + "*a" + "]" * 40
    assert problems(nested)[-1].endswith(f"more than {nesting.LIMIT} levels deep")


@pytest.mark.parametrize("as_json", [False, True])
def test_depth_and_size_end_somewhere(as_json: bool) -> None:
    """With one problem each, and no exception of a parser."""
    assert "levels deep" in problems("[" * 100 + "]" * 100, as_json=as_json)[0]
    assert "levels deep" in problems("[" * 100_000 + "]" * 100_000, as_json=as_json)[0]
    assert problems(b"a" * (parsing.SIZE_LIMIT + 1), as_json=as_json) == [
        "x: $: larger than 1 MiB; put many objects into a file of their own: objects_file"
    ]


def test_a_file_of_very_many_values_is_refused() -> None:
    """Before it takes all memory."""
    assert f"more than {NODE_LIMIT:,} values" in problems("[" + "1," * NODE_LIMIT + "1]", as_json=True)[0]


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"a: \xff", "x:1:4: $: this is not UTF-8; save the file in UTF-8"),
        ("a: b".encode("utf-16"), "x:1:1: $: this is not UTF-8; save the file in UTF-8"),
        (b"a: b\nc: \x00", "x:2:4: $: this is not YAML: the character '\\x00' is not allowed"),
        (b'a: "\\ud800"', "x:1:4: $: an escape that is not a character: half of a surrogate pair"),
        (
            b'a: b\nc: "\\U00110000"',
            "x:2:5: $: an escape that is not a character: the last one is \\U0010ffff",
        ),
        (b'a: "\\Uffffffff"', "x:1:5: $: an escape that is not a character: the last one is \\U0010ffff"),
        (b"", "x:1:1: $: the file is empty; 'mockhost init' writes one to start from"),
        (b"a: [1, 2", "x:1:4: $: this is not YAML: expected ',' or ']', but got '<stream end>'"),
        (b"a: %b", "x:1:4: $: this is not YAML: found character '%' that cannot start any token"),
    ],
)
def test_what_can_not_be_read_is_a_problem_with_a_place(data: bytes, problem: str) -> None:
    """Never an exception."""
    assert problems(data) == [problem]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('{"a": NaN}', "x:1:1: $: this is not JSON: NaN is not a JSON number"),
        ('{"a": "\\ud800"}', "x:1:7: $: an escape that is not a character: half of a surrogate pair"),
        ('{"a": 1, "a": 2}', "x:1:10: $.a: the key 'a' stands here twice; first in line 1"),
        ("{'a': 1}", "x:1:2: $: this is not JSON: Expecting property name enclosed in double quotes"),
    ],
)
def test_json_is_read_as_json(text: str, problem: str) -> None:
    """Not as the YAML that it nearly is."""
    assert problems(text, as_json=True) == [problem]


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**20), 10**20) | st.text() | st.floats(-1e9, 1e9),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=20), inner, max_size=4),
    max_leaves=20,
)


@given(_JSON, st.sampled_from([None, 1, "\t"]), st.booleans())
def test_any_json_reads_back_as_itself(value: Any, indent: Any, ensure_ascii: bool) -> None:
    """Whatever its layout."""
    text = json.dumps(value, indent=indent, ensure_ascii=ensure_ascii)
    assert read(text, as_json=True) == value


@given(_JSON)
def test_json_is_yaml(value: Any) -> None:
    """Escaped JSON without tabs means the same when it is read as YAML (whose keys are limited in length)."""
    assert read(json.dumps({"a": value}, indent=1)) == {"a": value}


@given(st.text(max_size=8))
def test_a_plain_scalar_is_a_text_unless_it_looks_like_something_else(text: str) -> None:
    """Nothing raises, and texts come back unchanged."""
    value = core_scalar(text)
    assert isinstance(value, (bool, int, float)) or value is None or value == text


def test_a_file_is_read_by_its_suffix(tmp_path: Path) -> None:
    """`.json` as JSON, everything else as YAML."""
    file = tmp_path / "x.json"
    file.write_text("a: 1")
    assert "not JSON" in str(parsing.read(file, "x.json").problems[0])
    other = tmp_path / "x.yaml"
    other.write_text("a: 1")
    assert parsing.read(other, "x.yaml").problems == ()
