"""What was compiled of the shipped scenarios: current, equal to the slow way, and quick because it needs nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from mockhost.errors import ScenarioError
from mockhost.scenario import compiling, loader, shelves, shipped
from mockhost.scenario.model import Scenario
from tools import compile_scenarios

NAMES = shelves.names(env={})


def _comparable(scenario: Scenario) -> tuple[object, ...]:
    return tuple(scenario._replace(trail=scenario.trail._replace(layers=()), document={}))


@pytest.mark.parametrize("name", NAMES)
def test_a_compiled_scenario_is_the_same_as_its_file(name: str) -> None:
    """Every field, and the merged document."""
    slow = loader.load(name, env={}, compiled=False)
    entry = shipped.current(name, shelves.path_of(name, {}))
    assert entry is not None, "run: python tools/compile_scenarios.py"
    quick = loader.load(name, env={})
    assert _comparable(quick) == _comparable(slow)
    assert quick.document == slow.document
    assert set(quick.files) == set(slow.files)


@pytest.mark.slow
def test_shipped_json_is_current_and_has_a_line_for_each() -> None:
    """Whoever changes a scenario compiles it; one line each, so that a diff shows which."""
    assert compiling.is_current(), "run: python tools/compile_scenarios.py"
    assert list(json.loads(shipped.CACHE_FILE.read_text(encoding="utf-8"))) == sorted(NAMES)
    assert compile_scenarios.main(["--check"]) == 0


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
    """A folder in the place of the shipped scenarios, with two of them compiled."""
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
    cache = tmp_path / "shipped.json"
    monkeypatch.setattr(shipped, "CACHE_FILE", cache)
    for module in (shelves, shipped, compiling):
        monkeypatch.setattr(module, "shipped_root", lambda: root)
    assert compiling.compile_shipped()
    return root


def test_compiling_twice_changes_nothing(shelf: Path) -> None:
    """And a change of anything makes it stale."""
    assert not compiling.compile_shipped()
    assert compiling.is_current()
    (shelf / "basics" / "data" / "people.csv").write_text("Login\nbob\n")
    assert not compiling.is_current()
    assert not compiling.is_current(shelf / "nothing.json")


@pytest.mark.parametrize("changed", ["basics/base.yaml", "basics/data/people.csv"])
def test_a_changed_file_is_read_anew(shelf: Path, changed: str) -> None:
    """Also where it is only a parent's, or data: what was compiled counts for the same bytes alone."""
    assert shipped.current("child", shelf / "child.yaml") is not None
    file = shelf / changed
    file.write_text(file.read_text().replace("ann", "bob").replace("title: base", "title: other"))
    assert shipped.current("child", shelf / "child.yaml") is None
    scenario = loader.load("child", env={})
    assert (scenario.title, scenario.connectors["HR"].system.objects[0]["Login"]) != ("base", "ann")


def test_line_ends_of_a_checkout_change_nothing(shelf: Path) -> None:
    """Git on Windows writes its own."""
    file = shelf / "child.yaml"
    file.write_bytes(file.read_bytes().replace(b"\n", b"\r\n"))
    assert shipped.current("child", file) is not None


def test_a_compiled_scenario_finds_data_steps_and_secrets_as_its_files_do(shelf: Path) -> None:
    """Data beside the parent, no steps of a removed connector, and a variable judged where it comes from outside."""
    scenario = loader.load("child", env={})
    assert scenario.expect == ({"send": "cache"},)
    assert scenario.connectors["HR"].system.objects == ({"Login": "ann"},)
    assert scenario.rules == ({"name": "rules[0]", "reply": {"body": "Login\nann\n"}},)
    assert set(scenario.files) == {
        shelf / "child.yaml",
        shelf / "basics/base.yaml",
        shelf / "basics/data/people.csv",
    }
    assert loader.load("child", env={"BASE_TOKEN": "abc"}).secrets == ("abc",)
    with pytest.raises(ScenarioError, match=r"base\.yaml:6:19: .*visible ASCII"):
        loader.load("child", env={"BASE_TOKEN": "a b"})


def test_problems_on_top_of_a_compiled_scenario_are_found_in_its_files(shelf: Path, tmp_path: Path) -> None:
    """Only then are they read."""
    with pytest.raises(ScenarioError) as caught:
        loader.load(
            "child",
            overrides={"connectors": {"HR": {"system": {"columns": {"Login": None, "Id": "string"}}}}},
            env={},
        )
    assert [(Path(p.file).name, p.line) for p in caught.value.problems][:1] == [("base.yaml", 7)]


def test_a_broken_cache_is_as_good_as_none(shelf: Path) -> None:
    """It is only a cache."""
    shipped.CACHE_FILE.unlink()
    assert loader.load("child", env={}).title == "base"


def test_the_tool_writes_checks_and_reports(shelf: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 0 or 1, and what to do."""
    assert compile_scenarios.main([]) == 0
    (shelf / "new.yaml").write_text("format: 1\nextends: child\ntitle: new\n")
    assert compile_scenarios.main(["--check"]) == 1
    assert "run: python tools/compile_scenarios.py" in capsys.readouterr().err
    assert compile_scenarios.main([]) == 0
    assert compile_scenarios.main(["--check"]) == 0
    (shelf / "broken.yaml").write_text("format: 1\nextends: child\ntitel: new\n")
    assert compile_scenarios.main([]) == 1
    assert "did you mean 'title'?" in capsys.readouterr().err
