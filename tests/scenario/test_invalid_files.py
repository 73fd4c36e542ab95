"""The folder of broken files, one mistake each: every file's report stands beside it, as it must be printed.

To add a case, drop a file into `invalid/` and its report, as `<file>.txt`, beside it.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from mockhost.errors import Problem, ScenarioError
from mockhost.scenario import loader
from tests.machine import copy_folder

FOLDER = Path(__file__).parent / "invalid"
FILES = sorted(path.name for path in FOLDER.iterdir() if path.suffix in (".yaml", ".json"))


@pytest.mark.parametrize("name", FILES)
def test_a_mistake_is_told_with_its_place_and_a_hint(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """File, line, column, path, what is wrong and what to try: exactly the lines beside the file."""
    monkeypatch.chdir(FOLDER)
    with pytest.raises(ScenarioError) as caught:
        loader.load(f"./{name}", env={})
    expected = (FOLDER / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    assert list(map(str, caught.value.problems)) == expected


HINTS = re.compile(
    r"did you mean (?P<meant>'.+')\?|quote it: (?P<quoted>\".*\")|(?P<unquoted>write it without quotes)"
    r"|write it as a list: (?P<listed>\[.*\])|write (?P<said>true|false|'[a-z_]+'|\{.+\}|[a-z]+_[a-z]+|hang)"
)
"""The hints that can be obeyed by putting one text into the place of another."""


def obeyed(text: str, problem: Problem) -> str | None:
    """The file's text after the hint of a problem was obeyed where it stands; None for a hint in prose."""
    found = HINTS.fullmatch(problem.hint)
    if found is None or not problem.line:
        return None
    lines = text.splitlines(keepends=True)
    before, rest = (
        lines[problem.line - 1][: problem.column - 1],
        lines[problem.line - 1][problem.column - 1 :],
    )
    token = re.match(r"\"[^\"]*\"|'[^']*'|[^\s,:\]}]+(?::[^\s,\]}]+)*", rest)
    assert token is not None
    written = token[0]
    if found["unquoted"]:
        new = written.strip("\"'")
    elif found["quoted"] or found["listed"]:
        new = found["quoted"] or found["listed"]
    else:
        new = (found["meant"] or found["said"]).strip("'")
    if rest.startswith("[") and found["meant"]:
        return None  # the place is the list's
    lines[problem.line - 1] = before + new + rest[len(written) :]
    return "".join(lines)


def problems_of(file: Path) -> set[tuple[str, str]]:
    """What is wrong with a file, by path and message."""
    try:
        loader.load(f"./{file.name}", env={})
    except ScenarioError as error:
        return {(problem.path, problem.message) for problem in error.problems}
    return set()


def test_a_hint_that_is_obeyed_makes_the_file_better(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every hint of the folder that says what to write: its problem is gone, and no other comes at its place."""
    copy_folder(FOLDER, tmp_path / "invalid")
    monkeypatch.chdir(tmp_path / "invalid")
    tried = 0
    for name in FILES:
        file, text = Path(name), (FOLDER / name).read_bytes().decode("utf-8", "replace")
        with pytest.raises(ScenarioError) as caught:
            loader.load(f"./{name}", env={})
        for problem in caught.value.problems:
            better = obeyed(text, problem) if problem.file == name else None
            if better is None:
                continue
            file.write_bytes(better.encode())
            left = problems_of(file)
            assert (problem.path, problem.message) not in left, str(problem)
            assert not [path for path, _ in left if path == problem.path], str(problem)
            tried += 1
        shutil.copyfile(FOLDER / name, file)
    assert tried >= 55


def test_there_are_many_of_them_and_no_report_without_a_file() -> None:
    """Reports and files belong together."""
    assert len(FILES) >= 90
    assert {path.stem for path in FOLDER.glob("*.txt")} == set(FILES)


def test_all_mistakes_come_at_once_each_in_its_own_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Parent and child, shape and meaning, `--set` and data file: one report, the child's problems first."""
    monkeypatch.chdir(tmp_path)
    Path("parent.yaml").write_text(
        "format: 1\n"
        "extends: basics/healthy\n"
        "host: {service: stoped}\n"
        "connectors:\n"
        "  SQL:\n"
        "    system: {objects_file: more.csv}\n"
    )
    Path("more.csv").write_text("ContosoLogin,FirstName,LastName\nbob,Bob,\n")
    Path("child.yaml").write_text(
        "format: 1\n"
        "extends: ./parent.yaml\n"
        "title: 5\n"
        "connectors:\n"
        "  SQL:\n"
        "    anchor: ContosoLogon\n"
        "cure:\n"
        "  - {advanec: 4m}\n"
    )
    with pytest.raises(ScenarioError) as caught:
        loader.load("child.yaml", sets=["host.debug=maybe"], env={})
    assert [str(problem).partition(": ")[0] for problem in caught.value.problems] == [
        "child.yaml:3:8",
        "child.yaml:6:13",
        "child.yaml:8:6",
        "parent.yaml:3:17",
        "--set host.debug",
        "more.csv:2:1",
    ]
    assert str(caught.value).startswith("6 problems in the scenario:\n")


def test_one_mistake_does_not_make_others_of_what_depends_on_it(tmp_path: Path) -> None:
    """A column whose type is wrong is still a column: anchor, selection and objects may name it."""
    file = tmp_path / "x.yaml"
    file.write_text(
        "format: 1\n"
        "connectors:\n"
        "  SQL:\n"
        "    secret_token: visibly-fake\n"
        "    anchor: Login\n"
        "    selected_attributes: [Login]\n"
        "    system:\n"
        "      columns: {Login: {typ: string}, Age: intger}\n"
        "      objects: [{Login: bob, Age: 3}]\n"
    )
    with pytest.raises(ScenarioError) as caught:
        loader.load(str(file), env={})
    assert [problem.path for problem in caught.value.problems] == [
        "$.connectors.SQL.system.columns.Login.typ",
        "$.connectors.SQL.system.columns.Age",
    ]
