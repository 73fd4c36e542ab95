"""Command lines are read as Windows PowerShell 5.1 reads them, one command and no expressions."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mockhost.windows import powershell
from mockhost.windows.powershell import CommandFailed, bind, parameters_of, split


def example(call: object, name: str, path: str = "", *, max_events: int = 0, message: str = "", force: bool = False,
            many: list[str] | None = None) -> str:  # fmt: skip
    """Something to bind to."""
    return ""


PARAMETERS = parameters_of(example)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("Get-Service 'Microsoft ECMA2Host'", ["Get-Service", "Microsoft ECMA2Host"]),
        ('a \'it\'\'s\' "say ""x""" b` c', ["a", "it's", 'say "x"', "b c"]),
        (r"& 'C:\a b\c.ps1' -X y", [r"C:\a b\c.ps1", "-X", "y"]),
        ("a b,c , d", ["a", "b", "c", "d"]),
        ("", []),
    ],
)
def test_a_line_is_split_into_words(line: str, words: list[str]) -> None:
    assert [word.text for word in split(line)] == words


@pytest.mark.parametrize(
    "line", ["a | b", "a; b", "$x", "a (1)", "a @{x=1}", '"$x"', "'open", "a > b", "a" * 9_000]
)
def test_what_is_more_than_a_command_is_refused_in_a_sentence(line: str) -> None:
    with pytest.raises(CommandFailed) as refused:
        split(line)
    assert 10 < len(str(refused.value)) < 250


@pytest.mark.parametrize(
    ("line", "given_"),
    [
        ("x", {"name": "x"}),
        ("-NAME x -path y", {"name": "x", "path": "y"}),
        ("-pa y -max 3 x", {"path": "y", "max_events": 3, "name": "x"}),
        ("-max:3 x y -f", {"max_events": 3, "name": "x", "path": "y", "force": True}),
        ("x -force:$false -many a, b,c", {"name": "x", "force": False, "many": ["a", "b", "c"]}),
        ("'-name'", {"name": "-name"}),
        ("\u2013name \u201cx y\u201d", {"name": "x y"}),
    ],
)
def test_parameters_are_bound_in_any_case_shortened_and_by_position(
    line: str, given_: dict[str, object]
) -> None:
    line = line.replace("$false", "false")
    assert bind("Test", PARAMETERS, split(line)) == given_


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("x -wrong 1", "cannot be found that matches parameter name 'wrong'"),
        ("x -m 1", "ambiguous. Possible matches include: -MaxEvents -Message -Many."),
        ("-path y", "missing mandatory parameters: Name"),
        ("x y z", "A positional parameter cannot be found that accepts argument 'z'"),
        ("x -max many", 'Cannot convert value "many" to type "System.Int32"'),
        ("x -path", "Missing an argument for parameter 'Path'"),
        ("x -path a -path b", "'Path' is specified more than once"),
    ],
)
def test_what_does_not_bind_is_said_in_its_words(line: str, says: str) -> None:
    with pytest.raises(CommandFailed, match=says.replace(".", r"\.")):
        bind("Test", PARAMETERS, split(line))


@given(
    st.lists(
        st.text(st.characters(blacklist_categories=["Cs"]), min_size=1, max_size=20), min_size=1, max_size=5
    )
)
def test_words_of_a_shell_arrive_as_they_were(words: list[str]) -> None:
    """Whatever is in them, the line that is made of them has the same words."""
    assert [word.text for word in split(powershell.join(words))] == words


def test_an_error_has_its_place_and_fits_the_window() -> None:
    shown = powershell.placed(powershell.unknown("Get-Servic").shown, "Get-Servic x")
    assert "\nAt line:1 char:1\n+ Get-Servic x\n+ ~~~~~~~~~~~~\n    + CategoryInfo" in shown
    narrow = powershell.wrapped(shown, 40).split("\n")
    assert max(map(len, narrow)) <= 40
    assert " ".join(narrow).split() == shown.split()


@pytest.mark.parametrize("part", ["errors", "shown", "files", "scripts"])
def test_each_text_has_a_command_that_shows_it(part: str) -> None:
    """A text whose name has a typo, or whose command is gone, would stay in `texts.toml` unseen."""
    code = "".join(file.read_text("utf-8") for file in Path(powershell.__file__).parent.glob("*.py"))
    assert [name for name in powershell.texts()[part] if f'"{name}"' not in code] == []


def test_the_parts_of_an_error_are_those_that_are_read() -> None:
    for row in powershell.texts()["errors"].values():
        assert {"category", "text"} <= row.keys() <= {"category", "text", "id"}
