"""Objects in a file beside the scenario: CSV and JSON, and how far a scenario may reach."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mockhost.connectors.ecma.config import Column
from mockhost.errors import ScenarioError
from mockhost.scenario import data, loader
from mockhost.scenario.sources import Beside

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
    return data.table(Beside(folder).locate(name), COLUMNS)


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_csv_cells_take_the_type_of_their_column(tmp_path: Path, delimiter: str) -> None:
    """Whatever separates them; an empty cell is no value, `|` separates the values of a list."""
    text = 'Login,Age,Active,Phones\r\nbob,042,TRUE,1|2\r\n"a\nb",,0,\r\n\r\nann,old,maybe,3\r\n'
    read = table(tmp_path, "x.csv", "\ufeff" + text.replace(",", delimiter))
    assert list(read.rows) == [
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
        ("x.csv", 'Login\n"a\n', "x.csv:2:1 is not CSV"),
        ("x.json", "[", "x.json:1:2 is not JSON"),
        ("x.json", "{}", "x.json is not a list of objects"),
        ("x.json", "[1]", "x.json is not a list of objects"),
        ("x.json", "[" * 100_000, "x.json is not JSON that can be used"),
        ("x.json", "[" + "1" * 5_000 + "]", "x.json is no"),
    ],
)
def test_a_malformed_file_is_a_problem(tmp_path: Path, name: str, text: str, message: str) -> None:
    """With its line, where there is one."""
    with pytest.raises(data.DataProblem) as caught:
        table(tmp_path, name, text)
    assert str(caught.value).startswith(message)


def problems(folder: Path, text: str | bytes) -> list[str]:
    """What is wrong with a data file of a scenario whose parent has the columns ContosoLogin, FirstName and more."""
    (folder / "people.csv").write_bytes(text if isinstance(text, bytes) else text.encode())
    file = folder / "x.yaml"
    file.write_text(
        "format: 1\nextends: basics/empty\nconnectors: {SQL: {system: {objects_file: people.csv}}}\n"
    )
    try:
        loader.load(file, env={})
    except ScenarioError as error:
        return [f"{each.line}:{each.column} {each.message}" for each in error.problems]
    return []


def test_every_row_of_another_length_is_reported(tmp_path: Path) -> None:
    """All at once, each with its line; empty cells at the end of a row are those of a spreadsheet."""
    text = "ContosoLogin,FirstName,LastName\nann,Ann\nbob,Bob,Kelly,more\neve,Eve,King,,\n,,\n\ncid,Cid\n"
    assert problems(tmp_path, text) == [
        "2:1 2 cells, but the header has 3",
        "3:1 4 cells, but the header has 3",
        "7:1 2 cells, but the header has 3",
    ]


def test_a_header_that_does_not_fit_is_reported_with_the_column_of_each_name(tmp_path: Path) -> None:
    """Unknown, twice, empty."""
    text = "sep=;\nContosoLogin;Frist;FirstName;;LastName;LastName\nann;x;Ann;;Lee;Lee\n"
    assert problems(tmp_path, text) == [
        "2:1 the header has an empty cell",
        "2:14 the connected system has no column 'Frist'",
        "2:31 the header names 'LastName' 2 times",
    ]


POWERSHELL = '"ContosoLogin","FirstName","LastName"\r\n"ann","Ann; the first","Lee"\r\n'


@pytest.mark.parametrize(
    "data",
    [
        ("#TYPE System.Management.Automation.PSCustomObject\r\n" + POWERSHELL).encode(),
        POWERSHELL.encode("utf-16"),
        ("\ufeff" + POWERSHELL).encode("utf-16-be"),
        POWERSHELL.replace('","', '"\t"').encode("utf-16"),
        ("sep=;\r\n" + POWERSHELL.replace('","', '";"')).encode("utf-8-sig"),
        POWERSHELL.replace("\r\n", "\n").encode(),
        ("SEP=|\n" + POWERSHELL.replace('","', '"|"')).encode(),
    ],
    ids=["type line", "utf-16-le", "utf-16-be", "tabs", "sep", "line feeds", "any separator"],
)
def test_files_of_powershell_and_spreadsheets_are_read(tmp_path: Path, data: bytes) -> None:
    """As Export-Csv of Windows PowerShell and Excel write them."""
    assert problems(tmp_path, data) == []


def test_a_code_page_is_reported_with_the_line(tmp_path: Path) -> None:
    """Excel's plain CSV is in the code page of the machine."""
    text = "ContosoLogin,FirstName,LastName\nann,Ann,Lee\nbob,J\xf6rg,Kelly\n".encode("latin-1")
    (found,) = problems(tmp_path, text)
    assert "people.csv:" in found
    assert "is not UTF-8" in found


def test_a_row_of_csv_takes_little_memory(tmp_path: Path) -> None:
    """A tuple, not a map: 20,000 rows of three short cells below 400 bytes each, texts included."""
    import tracemalloc

    text = "Login,Age,Active\n" + "".join(f"user{n:07d},{n},true\n" for n in range(20_000))
    tracemalloc.start()
    try:
        read = table(tmp_path, "x.csv", text)
        taken = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert len(read.rows) == 20_000
    assert taken < 400 * 20_000


def test_a_header_of_very_many_columns_is_read_in_one_pass(tmp_path: Path) -> None:
    """What is wrong with each of 30,000 names is counted, and only some are listed."""
    text = ",".join(f"Column{n}" for n in range(30_000)) + "\n" + ",".join(["x"] * 30_000) + "\n"
    found = problems(tmp_path, text)
    assert len(found) == 21
    assert any("the first 20 are listed" in each for each in found)


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
        Beside(tmp_path / "scenarios").locate(name)


@pytest.mark.skipif(
    not hasattr(os, "symlink") or os.name == "nt", reason="symbolic links need rights on Windows"
)
def test_a_symbolic_link_leads_nowhere_else(tmp_path: Path) -> None:
    """What counts is where the file is."""
    (tmp_path / "secret.csv").write_text("Login\nroot\n")
    (tmp_path / "scenarios").mkdir()
    (tmp_path / "scenarios" / "x.csv").symlink_to(tmp_path / "secret.csv")
    with pytest.raises(data.DataProblem, match="is not in the folder of the file that names it"):
        Beside(tmp_path / "scenarios").locate("x.csv")


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
