"""Code, messages and pages do without the phrases that plain_english.toml lists."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PHRASES: dict[str, str] = tomllib.loads((ROOT / "tests" / "plain_english.toml").read_text("utf-8"))["phrases"]
FOUND = re.compile(rf"(?<![\w\"'@/.-])(?:{'|'.join(map(re.escape, PHRASES))})(?![\w\"'@-])", re.IGNORECASE)
FOLDERS = ("mockhost", "docs", "tools", "docker", "scenarios")
WRITTEN = {".py", ".md", ".toml", ".json", ".yaml", ".sh"}
RECORDED = {"played.json", "shipped.json"}
"""Files with what a host answered, or with copies of other files."""


def files() -> list[Path]:
    """Everything that a user or a contributor reads, besides tests."""
    found = [file for folder in FOLDERS for file in (ROOT / folder).rglob("*") if file.suffix in WRITTEN]
    return [*sorted(file for file in found if file.name not in RECORDED), *sorted(ROOT.glob("*.md"))]


def problems(text: str) -> list[str]:
    """The phrases in a text: where, which, and what to write."""
    return [
        f"{number}: {phrase!r}; write: {PHRASES[phrase.lower()]}"
        for number, line in enumerate(text.splitlines(), 1)
        for phrase in FOUND.findall(line)
    ]


def test_no_file_has_a_phrase_of_the_list() -> None:
    """All of them at once, each with what to write."""
    found = [
        f"{file.relative_to(ROOT).as_posix()}:{problem}"
        for file in files()
        for problem in problems(file.read_text("utf-8"))
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("Whoever asks is told anew.", 2),
        ('find_user("nobody") and nobody@contoso.example, /Users/nobody', 0),
        ("`manewtoken` and forevermore", 0),
        ("it waits for ever", 1),
    ],
)
def test_phrases_are_found_as_words_and_not_in_data(text: str, count: int) -> None:
    assert len(problems(text)) == count


IS_NO = re.compile(r"(?<![Tt]here )\b(?:is|are) no (?!longer|more|such|cure)\w+")


def messages(file: Path) -> list[str]:
    """The texts of a module that are not documentation."""
    parts = list(ast.walk(ast.parse(file.read_text("utf-8"))))
    documentation = {id(part.value) for part in parts if isinstance(part, ast.Expr)}
    return [
        part.value
        for part in parts
        if isinstance(part, ast.Constant) and isinstance(part.value, str) and id(part) not in documentation
    ]


def test_messages_say_what_a_value_is_not() -> None:
    """`'abc' is not a valid port`, rather than `'abc' is no port`."""
    files = sorted((ROOT / "mockhost").rglob("*.py"))
    found = [f"{file.name}: {text}" for file in files for text in messages(file) if IS_NO.search(text)]
    schemas = [ROOT / "mockhost" / room / "schema.json" for room in ("scenario", "entra", "labs")]
    found += [
        f"{file.parent.name}: {text}"
        for file in schemas
        for text in re.findall(r'"\{value\} is no .*?"', file.read_text("utf-8"))
    ]
    assert not found, "\n".join(found)
