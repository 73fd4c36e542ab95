"""Workflows, issue forms and hooks: valid by their schemas, and in step with what the project supports."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

ROOT = Path(__file__).parent.parent
GITHUB = ROOT / ".github"
WORKFLOWS = sorted((GITHUB / "workflows").glob("*.yml"))
FORMS = sorted(each for each in (GITHUB / "ISSUE_TEMPLATE").glob("*.yml") if each.name != "config.yml")
SCHEMAS = [
    *((each, "vendor.github-workflows") for each in WORKFLOWS),
    *((each, "vendor.github-issue-forms") for each in FORMS),
    (GITHUB / "ISSUE_TEMPLATE" / "config.yml", "vendor.github-issue-config"),
    (GITHUB / "dependabot.yml", "vendor.dependabot"),
]


def document(path: Path) -> Any:
    return YAML(typ="safe", pure=True).load(path)


def check(schema: str, path: Path, capsys: pytest.CaptureFixture[str]) -> str:
    """What is wrong with a file by a schema that check-jsonschema ships; nothing if it is valid."""
    checker = pytest.importorskip("check_jsonschema")
    with pytest.raises(SystemExit) as ended:
        checker.main(["--builtin-schema", schema, str(path)], standalone_mode=True)
    output = capsys.readouterr()
    return "" if ended.value.code in (0, None) else output.out + output.err


@pytest.mark.parametrize(("path", "schema"), SCHEMAS, ids=lambda value: getattr(value, "name", value))
def test_the_schema_takes_it(path: Path, schema: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert check(schema, path, capsys) == ""


def test_the_check_finds_a_mistake(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "release.yml"
    path.write_text(WORKFLOWS[0].read_text("utf-8").replace("runs-on:", "run-on:"), "utf-8")
    assert "run-on" in check("vendor.github-workflows", path, capsys)


def test_every_file_is_checked() -> None:
    assert {each for each in GITHUB.rglob("*.yml")} == {path for path, _ in SCHEMAS}


def test_tests_run_on_every_supported_python_and_system() -> None:
    """The classifiers of pyproject.toml say which."""
    text = (ROOT / "pyproject.toml").read_text("utf-8")
    matrix = document(GITHUB / "workflows" / "test.yml")["jobs"]["test"]["strategy"]["matrix"]
    assert matrix["python"] == re.findall(r'"Programming Language :: Python :: (3\.\d+)"', text)
    assert matrix["os"] == ["ubuntu-latest", "macos-latest", "windows-latest"]


def test_only_the_steps_that_publish_may_write() -> None:
    for path in WORKFLOWS:
        workflow = document(path)
        assert workflow["permissions"] == {"contents": "read"}
        for name, job in workflow["jobs"].items():
            written = {scope for scope, right in job.get("permissions", {}).items() if right == "write"}
            allowed = {"pypi": {"id-token"}, "image": {"packages"}, "publish": {"contents"}}
            assert written == (allowed.get(name, set()) if path.name == "release.yml" else set()), name


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_actions_are_pinned_by_their_major_version(path: Path) -> None:
    used = re.findall(r"uses: (\S+)", path.read_text("utf-8"))
    assert used
    assert [each for each in used if not re.fullmatch(r"[\w-]+/[\w-]+@(release/)?v\d+", each)] == []


def test_a_release_is_checked_before_anything_is_built() -> None:
    jobs = document(GITHUB / "workflows" / "release.yml")["jobs"]
    runs = [step["run"] for step in jobs["build"]["steps"] if "run" in step]
    assert runs[0].startswith("python tools/release.py")
    assert all("build" in job["needs"] or name == "publish" for name, job in jobs.items() if name != "build")
    assert jobs["publish"]["needs"] == ["pypi", "image"]


@pytest.mark.parametrize("path", FORMS, ids=lambda path: path.name)
def test_a_form_asks_for_the_versions(path: Path) -> None:
    labels = {each["attributes"].get("label"): each for each in document(path)["body"]}
    assert labels["Output of `mockhost version --verbose`"]["validations"] == {"required": True}


def test_hooks_run_what_the_environment_has() -> None:
    """No hook brings a version of its own that could differ from constraints.txt."""
    repositories = document(ROOT / ".pre-commit-config.yaml")["repos"]
    assert [each["repo"] for each in repositories] == ["local"]
    for hook in repositories[0]["hooks"]:
        assert (hook["language"], hook["entry"].split()[0]) == ("system", ".venv/bin/python"), hook["id"]
