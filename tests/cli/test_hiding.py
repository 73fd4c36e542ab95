"""What a scenario takes from the environment is printed by no verb."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from mockhost.api import MockHost
from mockhost.cli import shells, start_page, telling
from mockhost.cli.terminal import Terminal
from mockhost.scenario import loader
from tests.cli.conftest import Invoke
from tests.cli.programs import Program

SECRET = "hush & hush/from the=environment"
TOKEN = "hush-hush-from-the-environment"
FILE = """\
format: 1
extends: basics/healthy
vars: {token: {env: SQL_TOKEN}, who: {env: SQL_WHO}}
connectors: {SQL: {secret_token: "${token}"}}
expect:
  - {send: find, filter: 'ContosoLogin eq "${who}"', gets: {status: 418}}
  - {send: get, id: "${who}", gets: {status: 404, detail: "no ${who}"}}
"""


@pytest.mark.parametrize("before", [0, 200, *range(300, 420, 6)])
def test_no_part_of_it_is_printed_where_a_text_is_cut(
    invoke: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: int
) -> None:
    """What differs, and the body: whatever stands before it."""
    monkeypatch.setenv("SQL_TOKEN", TOKEN)
    reply = {"status": 200, "body": "x" * before + "${token}"}
    document = {
        **{"format": 1, "extends": "basics/healthy", "vars": {"token": {"env": "SQL_TOKEN"}}},
        "rules": [{"when": {"operation": "find_users"}, "reply": reply}],
        "expect": [{"send": "find", "filter": 'ContosoLogin eq "bob"', "gets": {"body": "another"}}],
    }
    (tmp_path / "cut.yaml").write_text(json.dumps(document), "utf-8")
    for form in ("text", "json"):
        output = invoke("check", str(tmp_path / "cut.yaml"), "--format", form).output
        assert "expected 'another'" in output
        assert TOKEN[:6] not in output


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A scenario whose steps fail, with a token and a name from the environment."""
    monkeypatch.setenv("SQL_TOKEN", TOKEN)
    monkeypatch.setenv("SQL_WHO", SECRET)
    (tmp_path / "mine.yaml").write_text(FILE, "utf-8")
    return str(tmp_path / "mine.yaml")


@pytest.mark.parametrize(
    "words",
    [
        ("check", "{file}"),
        ("check", "{file}", "--format", "json"),
        ("check", "{file}", "--format", "junit"),
        ("scenarios", "show", "{file}"),
        ("scenarios", "show", "{file}", "--format", "json"),
        ("validate", "{file}", "--resolved"),
        ("run", "{file}", "--", "false"),
    ],
    ids=lambda words: " ".join(words),
)
def test_no_verb_prints_it(invoke: Invoke, file: str, words: tuple[str, ...]) -> None:
    """Neither as it is nor as it stands in a URL; the rest is told."""
    result = invoke(*(word.format(file=file) for word in words))
    assert result.exit_code in (0, 1), result.output
    for form in (SECRET, "from%20the", "from+the", TOKEN):
        assert form not in result.output
    if words[0] == "check":
        assert "[redacted]" in result.output
        assert "expected 418" in result.output


@pytest.mark.parametrize("width", range(30, 90, 3))
def test_a_value_with_spaces_is_not_printed_in_two_lines(
    invoke: Invoke, file: str, monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    """It is hidden before lines are made, which end where the terminal does."""
    monkeypatch.setenv("COLUMNS", str(width))
    Path(file).write_text(f'{FILE}why: "${{who}}, as ${{who}} and ${{who}} say"\n', "utf-8")
    shown = " ".join(invoke("scenarios", "show", file).stdout.split())
    assert "[redacted]" in shown
    assert "hush" not in shown.replace(TOKEN, "")


@pytest.mark.parametrize("form", ["text", "json", "junit"])
def test_a_value_is_not_printed_in_part_where_a_body_is_cut(invoke: Invoke, file: str, form: str) -> None:
    """A long body is hidden before it is cut; so is one whose blanks are made one."""
    expect = "  - {send: get, id: u, gets: {status: 418, body: long}}\n"
    reply = 'rules: [{when: {operation: get_user}, reply: {status: 200, body: "%s${who}"}}]\n'
    for before in range(286, 300, 3):
        Path(file).write_text(FILE + expect + reply % ("y" * before), "utf-8")
        assert "hush" not in invoke("check", file, "--format", form).output.replace(TOKEN, "")


def test_the_start_page_names_the_variable_instead(file: str) -> None:
    """And the curl line has the shell look it up, so that it still works as pasted."""
    with MockHost(file, client={"LDAP": {"secret_token": "${token}"}}) as host:
        facts = start_page.facts_of(host, file, state_kept=False, ipv6_wanted=False)
        text = "\n".join(start_page.render(facts, Terminal(io.StringIO()), "sh"))
    assert TOKEN not in text
    assert "secret token   what SQL_TOKEN holds" in text
    assert '-H "Authorization: Bearer $SQL_TOKEN" ' in text
    assert "the truth is staple-paper-clip" in text


def test_the_start_page_hides_before_it_makes_lines(
    start: Callable[..., Program], file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One process shows many ends of a line: the value stands often, with one more sign before each."""
    monkeypatch.setenv("COLUMNS", "48")
    many = " ".join(f"{'x' * count} ${{who}}" for count in range(1, 30))
    Path(file).write_text(
        f'{FILE}title: "{many}"\nwhy: "{many}"\ncause: mine\ncure: [{{note: "{many}", service: restart}}]\n',
        "utf-8",
    )
    program = start("serve", file, "--port", "0", "--control-port", "0")
    program.out.until("Ctrl-C")
    program.tell()
    assert program.code() == 0
    shown = " ".join(" ".join(program.out.seen).split())
    assert shown.count("[redacted]") >= 3 * 29
    assert "hush" not in shown


@pytest.mark.parametrize(
    ("shell", "word"), [("sh", "$T"), ("fish", "$T"), ("powershell", "$env:T"), ("cmd", "%T%")]
)
def test_each_shell_looks_a_variable_up_in_its_own_way(shell: str, word: str) -> None:
    line = shells.curl("https://h/x", "the-token", None, shell, variable="T")
    assert f'"Authorization: Bearer {word}" ' in line
    assert "the-token" not in line


def test_serve_prints_it_neither_for_people_nor_for_programs(
    start: Callable[..., Program], file: str
) -> None:
    for form in ("text", "json"):
        program = start("serve", file, "--port", "0", "--control-port", "0", "--log-format", form)
        program.out.until("Ctrl-C" if form == "text" else '"event": "ready"')
        program.tell()
        assert program.code() == 0
        assert TOKEN not in "\n".join(program.out.seen) + program.out.rest() + program.err.rest()


def test_what_is_hidden_and_what_is_too_short_to_be() -> None:
    """Lists and maps are gone through; a value of three characters would take half of every text with it."""
    document = {
        "extends": "basics/healthy",
        "vars": {"a": {"env": "A"}, "b": {"env": "B"}, "c": {"env": "C", "default": "x"}},
    }
    scenario = loader.load_document(document, env={"A": "long-one", "B": "and"})
    hide = telling.hider(scenario)
    assert hide("the long-one and another") == "the [redacted] and another"
    assert telling.hidden({"a": ["long-one", 1, None]}, hide) == {"a": ["[redacted]", 1, None]}
    assert telling.variables(scenario) == {"long-one": "A", "and": "B"}
    assert json.dumps(telling.hidden({}, hide)) == "{}"
