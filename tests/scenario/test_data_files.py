"""Objects in a file beside the scenario: CSV and JSON, and how far a scenario may reach."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mockhost.ecma.config import Column
from mockhost.errors import ScenarioError
from mockhost.scenario import data, loader

COLUMNS = {
    column.name: column
    for column in (
        Column("Login"),
        Column("Age", type="integer"),
        Column("Active", type="boolean"),
        Column("Phones", multi_valued=True),
    )
}


def table(folder: Path, name: str, text: str) -> data.Table:
    """A data file, read."""
    file = folder / name
    file.write_bytes(text.encode())
    return data.table(data.locate(folder, name), COLUMNS)


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_csv_cells_take_the_type_of_their_column(tmp_path: Path, delimiter: str) -> None:
    """Whatever separates them; an empty cell is no value, `|` separates the values of a list."""
    text = 'Login,Age,Active,Phones\r\nbob,042,TRUE,1|2\r\n"a\nb",,0,\r\n\r\nann,old,maybe,3\r\n'
    read = table(tmp_path, "x.csv", "\ufeff" + text.replace(",", delimiter))
    assert read.rows == [
        {"Login": "bob", "Age": 42, "Active": True, "Phones": ["1", "2"]},
        {"Login": "a\nb", "Active": False},
        {"Login": "ann", "Age": "old", "Active": "maybe", "Phones": ["3"]},
    ]
    assert list(read.lines) == [2, 3, 6]


def test_json_rows_are_as_written(tmp_path: Path) -> None:
    """A list of maps."""
    assert table(tmp_path, "x.json", '[{"Login": "bob", "Age": 3}]').rows == [{"Login": "bob", "Age": 3}]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("x.csv", "", "x.csv has no header row"),
        ("x.csv", "Login,Login\na,b\n", "x.csv: the header names 'Login' twice"),
        ("x.csv", 'Login\n"a\n', "x.csv:2:1 is not CSV"),
        ("x.csv", "Login\na,b\n", "x.csv:2:1: 2 cells, but the header has 1"),
        ("x.json", "[", "x.json:1:2 is not JSON"),
        ("x.json", "{}", "x.json is no list of objects"),
        ("x.json", "[1]", "x.json is no list of objects"),
        ("x.json", "[" * 100_000, "x.json is not JSON that can be used"),
        ("x.json", "[" + "1" * 5_000 + "]", "x.json is no"),
    ],
)
def test_a_malformed_file_is_a_problem(tmp_path: Path, name: str, text: str, message: str) -> None:
    """With its line, where there is one."""
    with pytest.raises(data.DataProblem) as caught:
        table(tmp_path, name, text)
    assert str(caught.value).startswith(message)


def test_what_is_not_utf_8_or_too_large_is_a_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And not half read."""
    file = tmp_path / "x.csv"
    file.write_bytes(b"Login\n\xff\n")
    with pytest.raises(data.DataProblem, match="is not UTF-8"):
        data.table(file, COLUMNS)
    monkeypatch.setattr(data, "SIZE_LIMIT", 3)
    with pytest.raises(data.DataProblem, match="is larger than"):
        data.table(file, COLUMNS)


@pytest.mark.parametrize("name", ["../secret.csv", "sub/../../secret.csv", "/etc/passwd", "..", ".", "a\0b"])
def test_a_scenario_reaches_no_file_outside_its_folder(tmp_path: Path, name: str) -> None:
    """Neither by `..` nor by an absolute path; a folder is no file."""
    (tmp_path / "secret.csv").write_text("Login\nroot\n")
    (tmp_path / "scenarios" / "sub").mkdir(parents=True)
    with pytest.raises(data.DataProblem):
        data.locate(tmp_path / "scenarios", name)


@pytest.mark.skipif(
    not hasattr(os, "symlink") or os.name == "nt", reason="symbolic links need rights on Windows"
)
def test_a_symbolic_link_leads_nowhere_else(tmp_path: Path) -> None:
    """What counts is where the file is."""
    (tmp_path / "secret.csv").write_text("Login\nroot\n")
    (tmp_path / "scenarios").mkdir()
    (tmp_path / "scenarios" / "x.csv").symlink_to(tmp_path / "secret.csv")
    with pytest.raises(data.DataProblem, match="is not in the scenario's folder"):
        data.locate(tmp_path / "scenarios", "x.csv")


def test_a_parents_data_file_is_looked_for_beside_the_parent(tmp_path: Path) -> None:
    """And one that is set on the command line, from the working folder."""
    base = tmp_path / "base"
    base.mkdir()
    (base / "more.csv").write_text("ContosoLogin,FirstName,LastName\nbob,Bob,Kelly\n")
    (base / "base.yaml").write_text(
        "format: 1\nextends: basics/empty\nconnectors: {SQL: {system: {objects_file: more.csv}}}\n"
    )
    child = tmp_path / "child.yaml"
    child.write_text("format: 1\nextends: ./base/base.yaml\n")
    scenario = loader.load(child, env={})
    assert [row["ContosoLogin"] for row in scenario.connectors["SQL"].system.objects] == ["bob"]
    assert base / "more.csv" in scenario.files
    elsewhere = tmp_path / "elsewhere.csv"
    elsewhere.write_text("ContosoLogin,FirstName,LastName\nann,Ann,Kelly\n")
    changed = loader.load(child, sets=[f"connectors.SQL.system.objects_file={elsewhere}"], env={})
    assert [row["ContosoLogin"] for row in changed.connectors["SQL"].system.objects] == ["ann"]


def test_very_many_bad_rows_are_not_all_listed(tmp_path: Path) -> None:
    """Twenty, and how many there are."""
    rows = "".join(f"user{n},,x\n" for n in range(100))
    (tmp_path / "bad.csv").write_text("ContosoLogin,FirstName,LastName\n" + rows)
    file = tmp_path / "x.yaml"
    file.write_text(
        "format: 1\nextends: basics/empty\nconnectors: {SQL: {system: {objects_file: bad.csv}}}\n"
    )
    with pytest.raises(ScenarioError) as caught:
        loader.load(file, env={})
    assert len(caught.value.problems) == 21
    assert "bad.csv has 100 problems; the first 20 are listed" in str(caught.value)
