"""Writing to people: colours and characters that the other side can take."""

from __future__ import annotations

import io
import json

import pytest

from mockhost import paragraphs
from mockhost.cli import terminal


class Screen(io.TextIOWrapper):
    """A stream with an encoding that may be a terminal."""

    def __init__(self, encoding: str, interactive: bool) -> None:
        self.bytes = io.BytesIO()
        super().__init__(self.bytes, encoding=encoding)
        self.interactive = interactive

    def isatty(self) -> bool:
        return self.interactive


@pytest.mark.parametrize(
    ("env", "interactive", "expected"),
    [
        ({}, True, True),
        ({}, False, False),
        ({"NO_COLOR": "1"}, True, False),
        ({"NO_COLOR": ""}, True, True),
        ({"FORCE_COLOR": "1"}, False, True),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, True, False),
        ({"CLICOLOR_FORCE": "1"}, False, True),
        ({"TERM": "dumb"}, True, False),
    ],
)
def test_colours_are_for_terminals_unless_somebody_says_otherwise(
    env: dict[str, str], interactive: bool, expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.name", "posix")
    shown = terminal.of(Screen("utf-8", interactive), env)
    assert shown.colour is expected
    assert (shown.styled("x", "red", "bold") == "\033[31;1mx\033[0m") is expected


def test_a_stream_without_the_characters_gets_plainer_ones() -> None:
    """Never an error, whatever the encoding; what has no likeness becomes an escape."""
    screen = Screen("ascii", False)
    terminal.of(screen, {}).line("a · b … ✓ ü")
    assert screen.bytes.getvalue() == b"a - b ... + \\xfc\n"


def test_a_name_keeps_its_letters_where_the_stream_has_them() -> None:
    screen = Screen("cp1252", False)
    terminal.of(screen, {}).line("✓ Müller")
    assert screen.bytes.getvalue() == "+ Müller\n".encode("cp1252")


def test_json_is_json_in_every_encoding() -> None:
    screen = Screen("ascii", False)
    terminal.of(screen, {}).json({"a": "ü✓"})
    assert b'"\\u00fc\\u2713"' in screen.bytes.getvalue()


def test_json_stays_json_with_characters_that_control_a_terminal() -> None:
    screen = Screen("utf-8", False)
    document = {"a": "ü\x1b[31m\x7f\x9b\u202e"}
    terminal.of(screen, {"FORCE_COLOR": "1"}).json(document)
    text = screen.bytes.getvalue().decode()
    assert json.loads(text) == document
    assert text.replace("\n", "").isprintable()


@pytest.mark.parametrize(("env", "expected"), [({"COLUMNS": "72"}, 72), ({"COLUMNS": "x"}, None), ({}, None)])
def test_nobody_counts_columns_in_a_pipe(env: dict[str, str], expected: int | None) -> None:
    assert terminal.of(Screen("utf-8", False), env).width == expected


def test_columns_are_aligned_and_end_without_blanks() -> None:
    assert paragraphs.columns([("a", "b"), ("long", "c"), ("x",)]) == ["a     b", "long  c", "x"]
    assert paragraphs.columns([]) == []


def test_styles_take_no_room_and_wide_letters_take_two() -> None:
    rows = [("\033[31mab\033[0m", "x"), ("日", "x"), ("abc", "x")]
    assert paragraphs.columns(rows) == ["\033[31mab\033[0m   x", "日   x", "abc  x"]


def test_long_words_stay_whole() -> None:
    """A path that is broken in two can't be pasted."""
    assert paragraphs.wrapped("see /a/very/long/path-with-dashes now", 10, "  ") == [
        "  see",
        "  /a/very/long/path-with-dashes",
        "  now",
    ]
