"""What the first releases of a supported Python lack, or do wrong, is not used."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCES = [
    *(path for room in ("mockhost", "tools", "bench", "conformance") for path in (ROOT / room).rglob("*.py")),
    *(path for path in (ROOT / "tests").rglob("*.py") if path != Path(__file__)),
]
# Escapes and character classes are skipped; what is left are atomic groups and possessive quantifiers.
BROKEN = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|(\(\?>|(?:[*+?]|\{[0-9]*,?[0-9]*\})\+)", re.DOTALL)
NO_PATTERNS = {
    "%/:@!$&'()*+,;=~",  # characters that a URL keeps
    "!#$%&'*+-.^_`|~09azAZ",  # characters of a token in HTTP
    "*+?{",  # what begins a quantifier
    "/:@!$&'()*+,;=~",  # the same without the percent sign
    "++",  # in the test of those that are refused
}


def broken(pattern: str) -> bool:
    """Whether an atomic group or a possessive quantifier is in a regular expression.

    Both came with Python 3.11, and do not match what they should before 3.11.5 (CPython issues 101955 and 106052).
    """
    return any(found[1] for found in BROKEN.finditer(pattern))


def literals(path: Path) -> Iterator[tuple[int, str]]:
    """(line, text) of every string that a module writes, docstrings aside; what an f-string fills in is an `x`."""
    tree = ast.parse(path.read_text("utf-8"))
    skipped: set[ast.AST] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr):  # a docstring, of whatever
            skipped.add(node.value)
        elif isinstance(node, ast.JoinedStr):
            skipped.update(node.values)
            parts = (part.value if isinstance(part, ast.Constant) else "x" for part in node.values)
            yield node.lineno, "".join(map(str, parts))
        elif isinstance(node, ast.Constant) and node not in skipped:
            if isinstance(node.value, str):
                yield node.lineno, node.value
            elif isinstance(node.value, bytes):
                yield node.lineno, node.value.decode("latin-1")


def patterns_of_schemas(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("pattern"), str):
            yield value["pattern"]
        for key, item in value.items():
            yield key  # of patternProperties
            yield from patterns_of_schemas(item)
    elif isinstance(value, list):
        for item in value:
            yield from patterns_of_schemas(item)


def test_no_regexp_has_an_atomic_group_or_a_possessive_quantifier() -> None:
    found = {
        f"{path.relative_to(ROOT)}:{line}: {text}"
        for path in SOURCES
        for line, text in literals(path)
        if broken(text) and text not in NO_PATTERNS
    }
    assert not found


def test_no_schema_has_an_atomic_group_or_a_possessive_quantifier() -> None:
    files = [path for path in (ROOT / "mockhost").rglob("*.json") if "schema" in path.name]
    assert files
    assert not [
        text
        for path in files
        for text in patterns_of_schemas(json.loads(path.read_text("utf-8")))
        if broken(text)
    ]


@pytest.mark.parametrize("pattern", ["(?:a|b)*+c", "a++", "[+*]?+", r"\\++", "a{1,2}+", "a{2}+", "(?>a)b"])
def test_what_is_looked_for_is_found(pattern: str) -> None:
    assert broken(pattern)


@pytest.mark.parametrize(
    "pattern", ["[*+]", r"\*+", r"\++", "[]*+]", r"[\]*+]", "a+", "(?:a+)?", r"a{2}\+", "a?b+"]
)
def test_what_only_looks_like_it_is_not(pattern: str) -> None:
    assert not broken(pattern)
