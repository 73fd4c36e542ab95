"""The shipped scenarios, parsed ahead: current, equal to their files, and quick because they need no YAML."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from mockhost.errors import ScenarioError
from mockhost.scenario import loader, parsing, shelves
from mockhost.scenario.parsing import plain
from tools.docs import File
from tools.docs import shipped as generator
from tools.docs.__main__ import main as generate

NAMES = shelves.names(env={})


@pytest.mark.parametrize("name", NAMES)
def test_a_document_parsed_ahead_is_that_of_its_file(name: str) -> None:
    """Every value; and a scenario made from it has no problem."""
    file = shelves.path_of(name, {})
    reading = parsing.read(file, name)
    assert reading.root is not None
    assert not reading.problems
    assert shelves.parsed_ahead(file) == plain(reading.root), "run: python -m tools.docs shipped"
    assert loader.load(name, env={}).title


@pytest.mark.slow
def test_shipped_json_is_current_and_has_a_line_for_each() -> None:
    """Whoever changes a scenario parses it again; one line each, so that a diff shows which."""
    assert generate(["--check", "shipped"]) == 0
    found = json.loads(shelves.PARSED_FILE.read_text(encoding="utf-8"))
    assert [file.rpartition(".")[0] for file in found] == sorted(NAMES)


def test_a_shipped_scenario_is_loaded_without_yaml_and_json_schema() -> None:
    """Nor with anything else that is heavy; also with a setting laid over it, and a crowd."""
    code = (
        "import sys\n"
        "from mockhost.scenario import loader\n"
        "loader.load('documented/first_import_running')\n"
        "loader.load('basics/healthy', sets=['connectors.SQL.system.people=5', 'host.tls=expired'],"
        " overrides={'clock': {'mode': 'frozen'}})\n"
        "heavy = {'ruamel', 'jsonschema', 'faker', 'cryptography', 'flask', 'requests'}\n"
        "print(sorted(heavy & {name.partition('.')[0] for name in sys.modules}))\n"
    )
    root = Path(__file__).parents[2]
    ran = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=False)
    assert (ran.stderr, ran.stdout.strip()) == ("", "[]")


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in the place of the shipped scenarios, with two of them parsed ahead."""
    root = tmp_path / "scenarios"
    (root / "basics" / "data").mkdir(parents=True)
    (root / "basics" / "base.yaml").write_text(
        "format: 1\n"
        "title: base\n"
        "vars: {token: {env: BASE_TOKEN, default: visibly-fake}}\n"
        "connectors:\n"
        "  HR:\n"
        "    secret_token: ${token}\n"
        "    anchor: Login\n"
        "    system: {columns: {Login: string}, objects_file: data/people.csv}\n"
        "  Old:\n"
        "    secret_token: visibly-fake\n"
        "    anchor: Login\n"
        "    system: {columns: {Login: string}}\n"
        "expect: [{send: cache, connector: Old}, {send: cache}]\n"
        "rules: [{reply: {body_file: data/people.csv}}]\n"
    )
    (root / "basics" / "data" / "people.csv").write_text("Login\nann\n")
    (root / "child.yaml").write_text("format: 1\nextends: basics/base\nconnectors: {Old: null}\n")
    monkeypatch.setattr(shelves, "PARSED_FILE", tmp_path / "shipped.json")
    monkeypatch.setattr(generator, "FILES", (File(shelves.PARSED_FILE, generator.text),))
    monkeypatch.setattr(shelves, "shipped_root", lambda: root)
    assert generate(["shipped"]) == 0
    return root


def test_a_changed_file_is_read_again(shelf: Path) -> None:
    """Also where it is a parent: what was parsed ahead counts for the same bytes only."""
    file = shelf / "basics" / "base.yaml"
    assert shelves.parsed_ahead(file) is not None
    file.write_text(file.read_text().replace("title: base", "title: other"))
    assert shelves.parsed_ahead(file) is None
    assert shelves.parsed_ahead(shelf / "child.yaml") is not None
    assert loader.load("child", env={}).title == "other"


def test_line_ends_of_a_checkout_change_nothing(shelf: Path) -> None:
    """Git on Windows writes its own."""
    file = shelf / "child.yaml"
    file.write_bytes(file.read_bytes().replace(b"\n", b"\r\n"))
    assert shelves.parsed_ahead(file) is not None


def test_data_and_variables_are_not_parsed_ahead(shelf: Path) -> None:
    """Data beside the parent, no steps of a removed connector, and a variable validated where it comes from outside."""
    scenario = loader.load("child", env={})
    assert scenario.expect == ({"send": "cache"},)
    assert scenario.connectors["HR"].system.objects == ({"Login": "ann"},)
    assert [rule.document["reply"] for rule in scenario.rules] == [{"body": "Login\nann\n"}]
    assert set(scenario.files) == {
        shelf / "child.yaml",
        shelf / "basics/base.yaml",
        shelf / "basics/data/people.csv",
    }
    assert loader.load("child", env={"BASE_TOKEN": "abc"}).secrets == ("abc",)
    with pytest.raises(ScenarioError, match=r"base\.yaml:6:19: .*visible ASCII"):
        loader.load("child", env={"BASE_TOKEN": "a b"})


def test_problems_on_top_of_a_shipped_scenario_are_found_in_its_files(shelf: Path) -> None:
    """Only then are they read."""
    overrides = {"connectors": {"HR": {"system": {"columns": {"Login": None, "Id": "string"}}}}}
    with pytest.raises(ScenarioError) as caught:
        loader.load("child", overrides=overrides, env={})
    assert [(Path(p.file).name, p.line) for p in caught.value.problems][:1] == [("base.yaml", 7)]


def test_without_the_file_everything_is_parsed(shelf: Path) -> None:
    """It is only a cache."""
    shelves.PARSED_FILE.unlink()
    assert loader.load("child", env={}).title == "base"


def test_the_tool_writes_checks_and_reports(shelf: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 0 or 1, and what to do."""
    assert generate(["--check", "shipped"]) == 0
    (shelf / "new.yaml").write_text("format: 1\nextends: child\ntitle: new\n")
    assert generate(["--check", "shipped"]) == 1
    assert "run: python -m tools.docs shipped" in capsys.readouterr().err
    assert generate(["shipped"]) == 0
    assert generate(["--check", "shipped"]) == 0
    (shelf / "broken.yaml").write_text("format: 1\nextends: [\n")
    assert generate(["shipped"]) == 1
    assert "this is not YAML" in capsys.readouterr().err
