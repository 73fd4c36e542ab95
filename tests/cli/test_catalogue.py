"""`scenarios`, `scenarios show`, `init`, `validate` and `schema`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from mockhost.scenario import shelves
from tests.cli.conftest import Invoke

HEAD = "format: 1\nextends: basics/healthy\n"


def test_the_catalogue_is_a_list_of_objects(invoke: Invoke) -> None:
    """name, title, cause, client_should, reproduces, tags: what programs and labs choose by."""
    listed = json.loads(invoke("scenarios", "--format", "json").stdout)
    assert [each["name"] for each in listed] == shelves.names()
    for each in listed:
        assert each.keys() == {"name", "title", "cause", "client_should", "reproduces", "tags"}
        assert each["title"]


def test_the_catalogue_for_people_names_every_scenario(invoke: Invoke) -> None:
    shown = invoke("scenarios").stdout
    for name in shelves.names():
        assert name in shown


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The ECMA host is currently importing data from the target application", "documented/first_import_running"),
        ("Invalid LDAP style of object's DN. DN: bob@contoso.com", "documented/dn_is_anchor"),
        ("cannot insert the VALUE null", "documented/required_column_missing"),
        ("Could not load file or assembly 'file:///C:/x/y.dll' or one of its dependencies. Access is denied.",
         "documented/dll_access_denied"),
    ],
)  # fmt: skip
def test_a_scenario_is_found_by_the_text_of_its_error(invoke: Invoke, text: str, expected: str) -> None:
    """Pasted as it stands in a log, with names and ids of its own in it."""
    found = json.loads(invoke("scenarios", "--text", text, "--format", "json").stdout)
    assert expected in [each["name"] for each in found]
    assert len(found) < len(shelves.names()) / 2


def test_tags_and_causes_narrow_the_list(invoke: Invoke) -> None:
    by_cause = json.loads(invoke("scenarios", "--cause", "secret_token_mismatch", "--format", "json").stdout)
    assert [each["name"] for each in by_cause] == ["documented/secret_token_mismatch"]
    by_tag = json.loads(invoke("scenarios", "--tag", "authentication", "--format", "json").stdout)
    assert by_tag
    assert all("authentication" in each["tags"] for each in by_tag)
    shelf = json.loads(invoke("scenarios", "--shelf", "basics", "--format", "json").stdout)
    assert all(each["name"].startswith("basics/") for each in shelf)


def test_an_unknown_cause_gets_a_hint(invoke: Invoke) -> None:
    result = invoke("scenarios", "--cause", "secret_token_missmatch")
    assert result.exit_code == 1
    assert "did you mean 'secret_token_mismatch'?" in result.stdout


def test_the_list_is_grouped_by_shelf_and_fits_80_columns(invoke: Invoke) -> None:
    shown = invoke("scenarios").stdout.splitlines()
    assert [
        line.partition(":")[0] for line in shown if line and not line.startswith(" ")
    ] == shelves.shelves()
    for line in (*shown, *invoke("scenarios", "--text", "connection reset by peer").stdout.splitlines()):
        assert len(line) <= 80, line


def test_a_scenario_is_shown_in_the_width_of_the_terminal(
    invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    """But for the commands of its cure, and what has no spaces."""
    monkeypatch.setenv("COLUMNS", "80")
    shown = invoke("scenarios", "show", "documented/dn_is_anchor").stdout
    assert all(len(line) <= 80 for line in shown.splitlines() if not line.startswith("file "))
    assert "  2. mockhost control set connectors.SQL.dn.is_anchor=false\n" in shown


def test_words_are_searched_for(invoke: Invoke) -> None:
    """`mockhost scenarios WORD…`, with the options before or the format behind."""
    shown = invoke("scenarios", "cache").stdout
    assert "documented/cache_stale" in shown
    assert "documented/secret_token_mismatch" not in shown
    for order in (("--format", "json", "cache", "stale"), ("cache", "stale", "--format", "json")):
        listed = json.loads(invoke("scenarios", *order).stdout)
        assert {"documented/cache_stale", "faults/cache_stale"} <= {each["name"] for each in listed}
    assert invoke("scenarios", "xyzzy").exit_code == 1
    shelved = json.loads(invoke("scenarios", "cache", "--shelf", "faults", "--format", "json").stdout)
    assert {each["name"].partition("/")[0] for each in shelved} == {"faults"}


@pytest.mark.parametrize("form", ["text", "json"])
def test_exit_code_1_where_no_text_matches(invoke: Invoke, form: str) -> None:
    """The nearest, and where to go on."""
    result = invoke("scenarios", "--text", "Could not load file or assembly 'Foo.Bar'", "--format", form)
    assert result.exit_code == 1
    if form == "json":
        assert json.loads(result.stdout) == []
    else:
        assert "nearest: " in result.stdout
        assert "mockhost scenarios WORD" in result.stdout


def test_what_no_scenario_reproduces_gets_a_card(invoke: Invoke) -> None:
    """The heading of the page, and Microsoft's cure."""
    text = "Size of input ExternalSecret data is invalid."
    result = invoke("scenarios", "--text", text)
    assert result.exit_code == 0
    assert "no scenario reproduces this" in result.stdout
    assert "The secret token is too long for the portal" in result.stdout
    (card,) = json.loads(invoke("scenarios", "--text", text, "--format", "json").stdout)
    assert card["name"] is None
    assert card["cure"] == "Use a shorter secret token."
    assert card["score"] == 1.0


def test_a_short_name_is_shown_and_a_shared_one_is_refused(invoke: Invoke) -> None:
    assert "documented/service_stopped" in invoke("scenarios", "show", "service_stopped").stdout
    refused = invoke("scenarios", "show", "cache_stale")
    assert refused.exit_code == 2
    assert "documented/cache_stale or faults/cache_stale" in refused.stderr


def test_a_tag_that_is_there_gets_no_hint(invoke: Invoke) -> None:
    """Where nothing has all of what was asked for."""
    assert invoke("scenarios", "cache", "--tag", "dummy-user").stdout == "no matching scenario\n"


def test_a_broken_scenario_does_not_hide_the_others(
    invoke: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "broken.yaml").write_text(HEAD + "sed: 1\n", "utf-8")
    monkeypatch.setenv("MOCKHOST_SCENARIOS", str(tmp_path))
    listed = json.loads(invoke("scenarios", "--format", "json").stdout)
    assert {each["name"]: each.get("problems") for each in listed}["mine/broken"] == 1
    assert "mockhost validate mine/broken" in " ".join(invoke("scenarios").stdout.split())


@pytest.mark.parametrize("name", shelves.names())
def test_every_scenario_can_be_told_in_words(invoke: Invoke, name: str) -> None:
    result = invoke("scenarios", "show", name)
    assert result.exit_code == 0, result.output
    assert name in result.stdout
    as_json = json.loads(invoke("scenarios", "show", name, "--format", "json").stdout)
    assert as_json["name"] == name


def test_a_cure_is_told_as_commands(invoke: Invoke) -> None:
    shown = invoke("scenarios", "show", "documented/first_import_running").stdout
    assert "mockhost control clock advance 4m" in shown


def test_the_source_of_a_scenario_is_printed_as_it_is(invoke: Invoke) -> None:
    file = shelves.find("basics/healthy").file
    assert invoke("scenarios", "show", "basics/healthy", "--source").stdout == file.read_text("utf-8")


@pytest.mark.parametrize("name", ["mine.yaml", "mine.json"])
def test_init_writes_a_file_that_is_valid_and_proves_itself(
    invoke: Invoke, tmp_path: Path, name: str
) -> None:
    file = tmp_path / name
    assert invoke("init", str(file)).exit_code == 0
    assert invoke("validate", str(file)).exit_code == 0
    checked = invoke("check", str(file), "--prove")
    assert checked.exit_code == 0, checked.output


def test_init_overwrites_nothing(invoke: Invoke, tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("mine", "utf-8")
    result = invoke("init", str(file))
    assert result.exit_code == 2
    assert "--force" in result.stderr
    assert file.read_text("utf-8") == "mine"
    assert invoke("init", str(file), "--force").exit_code == 0


@pytest.mark.parametrize(
    ("name", "words", "code", "message"),
    [
        ("mine.txt", (), 2, "ends in .yaml, .yml or .json"),
        ("no/mine.yaml", (), 4, "can't be written"),
        ("mine.yaml", ("--extends", "basics/helthy"), 2, "did you mean 'basics/healthy'?"),
    ],
)
def test_init_says_what_it_cant_do(
    invoke: Invoke, tmp_path: Path, name: str, words: tuple[str, ...], code: int, message: str
) -> None:
    result = invoke("init", str(tmp_path / name), *words)
    assert result.exit_code == code
    assert message in result.stderr


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a sound file, two broken ones, and a JSON file that is no scenario."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sound.yaml").write_text(HEAD, "utf-8")
    (tmp_path / "one.yaml").write_text(HEAD + "sed: 1\n", "utf-8")
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "two.yaml").write_text(HEAD + "seed: x\nhost: {debug: 3}\n", "utf-8")
    (tmp_path / "people.json").write_text("[]", "utf-8")
    return tmp_path


def test_validate_tells_every_problem_of_every_file(invoke: Invoke, folder: Path) -> None:
    """file, line, column, path, what is wrong, what to try; all at once."""
    result = invoke("validate", ".")
    assert result.exit_code == 1
    assert "one.yaml:3:1: $.sed: unknown key 'sed'; did you mean 'seed'?" in result.stdout
    assert "two.yaml:3:7: $.seed" in result.stdout
    assert "two.yaml:4:" in result.stdout
    assert "3 problems in 2 files; 1 of 3 fine" in result.stdout


def test_validate_for_programs_says_the_same(invoke: Invoke, folder: Path) -> None:
    result = invoke("validate", ".", "--format", "json")
    assert result.exit_code == 1
    documents = json.loads(result.stdout)
    assert [(Path(each["file"]).name, each["valid"], len(each["problems"])) for each in documents] == [
        ("one.yaml", False, 1),
        ("sound.yaml", True, 0),
        ("two.yaml", False, 2),
    ]
    assert documents[0]["problems"][0].keys() == {"file", "line", "column", "path", "message", "hint"}


def test_validate_annotates_a_workflow(invoke: Invoke, folder: Path) -> None:
    """GitHub shows an annotation at the line; its text must not end at the first odd character."""
    result = invoke("validate", "one.yaml", "--format", "github")
    assert result.exit_code == 1
    assert result.stdout.startswith("::error file=one.yaml,line=3,col=1,title=scenario::$.sed: unknown key")
    assert result.stdout.count("\n") == 1


@pytest.mark.parametrize("form", ["text", "json", "github"])
def test_exit_codes_do_not_depend_on_the_format(invoke: Invoke, folder: Path, form: str) -> None:
    codes = [
        invoke("validate", *files, "--format", form).exit_code
        for files in (["sound.yaml"], ["sound.yaml", "one.yaml"], ["one.yaml", "missing.yaml"])
    ]
    assert codes == [0, 1, 2]


DOUBTFUL = "format: 1\nextends: basics/healthy\nrules: [{when: {connector: sql}, reply: normal}]\n"
WARNING = "no connector 'sql': the rule never fires for it"


def test_validate_warns_of_what_has_no_effect(invoke: Invoke, tmp_path: Path) -> None:
    """Which is fine, unless it is to be strict; in every format."""
    file = tmp_path / "doubtful.yaml"
    file.write_text(DOUBTFUL, "utf-8")
    result = invoke("validate", str(file))
    assert result.exit_code == 0
    assert f"{file}:3:28: $.rules[0].when.connector: warning: {WARNING}; did you mean 'SQL'?" in result.stdout
    assert "fine, 1 warning" in result.stdout
    (document,) = json.loads(invoke("validate", "--format", "json", str(file)).stdout)
    assert document["valid"] is True
    assert [each["message"] for each in document["warnings"]] == [WARNING]
    assert "::warning file=" in invoke("validate", "--format", "github", str(file)).stdout
    strict = invoke("validate", "--strict", str(file))
    assert strict.exit_code == 1
    assert f": {WARNING}" in strict.stdout
    assert "warning" not in strict.stdout


@pytest.mark.parametrize("verb", ["validate", "check"])
def test_a_folder_without_a_scenario_is_a_wrong_usage(invoke: Invoke, tmp_path: Path, verb: str) -> None:
    """Nothing that was looked at is nothing that is fine."""
    (tmp_path / "people.json").write_text("[]", "utf-8")
    result = invoke(verb, str(tmp_path))
    assert result.exit_code == 2
    assert f"there is no scenario in the folder {tmp_path}" in result.stderr


def test_a_shelf_and_a_name_can_be_validated(invoke: Invoke) -> None:
    assert invoke("validate", "basics", "documented/secret_token_mismatch").exit_code == 0


def test_resolved_shows_where_each_value_comes_from(invoke: Invoke, folder: Path) -> None:
    (folder / "mine.yaml").write_text(HEAD + "seed: 7\n", "utf-8")
    shown = invoke("validate", "mine.yaml", "--resolved", "--set", "host.debug=true").stdout
    lines = {line.partition("#")[0].strip(): line.partition("# ")[2] for line in shown.splitlines()}
    assert lines["seed: 7"] == "mine.yaml:3:7"
    assert lines["debug: true"] == "--set host.debug"
    assert lines["service: running"] == "default"
    assert "healthy.yaml" in lines["anchor: ContosoLogin"]
    document = json.loads(invoke("validate", "mine.yaml", "--resolved", "--format", "json").stdout)[0]
    assert document["origins"]["$.seed"] == "mine.yaml:3:7"
    assert document["resolved"]["seed"] == 7


def test_secrets_from_the_environment_are_not_resolved(
    invoke: Invoke, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SQL_TOKEN", "from-the-environment")
    text = HEAD + "vars: {token: {env: SQL_TOKEN}}\nconnectors: {SQL: {secret_token: '${token}'}}\n"
    (folder / "mine.yaml").write_text(text, "utf-8")
    for form in ("text", "json"):
        shown = invoke("validate", "mine.yaml", "--resolved", "--format", form).output
        assert "${token}" in shown
        assert "from-the-environment" not in shown


def test_the_schema_is_printed_as_json(invoke: Invoke) -> None:
    schema = json.loads(invoke("schema").stdout)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert "connectors" in schema["properties"]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
@pytest.mark.parametrize("words", [("show", "basics/healthy", "--source"), ("show", "basics/healthy"), ()])
def test_output_that_cannot_be_written_is_not_blamed_on_the_scenario(words: tuple[str, ...]) -> None:
    with open("/dev/full", "w") as full:
        command = [sys.executable, "-m", "mockhost", "scenarios", *words]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True)
    assert (done.returncode, done.stderr) == (4, "mockhost: No space left on device\n")
