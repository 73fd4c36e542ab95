"""`mockhost control`: a running host operated through its control plane."""

from __future__ import annotations

import contextlib
import json
import socket
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from mockhost import operations
from mockhost.api import MockHost
from mockhost.cli import asking, control_journal, planes
from mockhost.cli.control_journal import Statuses
from mockhost.cli.planes import ReadyFile, noted
from mockhost.client.control import ControlPlane
from mockhost.errors import CannotRun, UsageError
from mockhost.runtime import Runtime
from mockhost.runtime.operations import host as operated
from mockhost.scenario.sources import Beside
from tests.cli.conftest import Invoke
from tests.cli.programs import Program

Control = Callable[..., Result]


@pytest.fixture(scope="module")
def running() -> Iterator[MockHost]:
    with MockHost("basics/healthy") as host:
        yield host


@pytest.fixture
def host(running: MockHost) -> MockHost:
    running.use("basics/healthy")
    return running


@pytest.fixture
def control(invoke: Invoke, host: MockHost) -> Control:
    """`mockhost control WORDS…` against a healthy host."""

    def run(*words: str, **rest: object) -> Result:
        result = invoke("control", "--url", host.control_url, *words, **rest)
        assert "Traceback" not in result.output
        return result

    return run


def shown(control: Control, *words: str) -> Any:
    result = control(*words, "--format", "json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def find(host: MockHost, value: str = "nobody") -> int:
    """A search, as a client; the status."""
    session = host.session("SQL")
    with session.get(f"{host.url('SQL')}/Users", params={"filter": f'ContosoLogin eq "{value}"'}) as answer:
        session.close()
        return answer.status_code


def test_status_shows_configured_beside_effective(control: Control, host: MockHost) -> None:
    """As on the real host, Debug counts from the next start of the service on."""
    assert "effective at restart" in control("set", "host.debug=true").stdout
    status = shown(control, "status")
    assert (status["configured"]["debug"], status["effective"]["debug"]) == (True, False)
    assert status["restart_pending"] is True
    text = control("status").stdout
    assert "mockhost control service restart" in text
    assert [line.split() for line in text.splitlines() if line.startswith("debug")] == [
        ["debug", "true", "false"]
    ]
    assert control("service", "restart").exit_code == 0
    assert shown(control, "status")["effective"]["debug"] is True


def test_what_takes_effect_at_once_says_so(control: Control, host: MockHost) -> None:
    result = control(
        "set", "connectors.SQL.behaviours.unauthorized_status=403", "client.SQL.secret_token=12345"
    )
    assert result.stdout.count("effective now") == 2
    assert host.told("SQL").secret_token == "12345"


def test_a_bad_value_is_refused_with_the_whole_report(control: Control, host: MockHost) -> None:
    """And none of the others is set either."""
    result = control("set", "seed=3", "host.dbug=true")
    assert result.exit_code == 1
    assert "did you mean 'debug'?" in result.stderr
    assert host.runtime.scenario.seed != 3


def test_the_service_stops_and_starts(control: Control, host: MockHost) -> None:
    assert control("service", "stop").stdout == "the service is stopped\n"
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", host.port), 5)
    assert "not running" in control("status").stdout
    assert control("service", "start").stdout == "the service is running\n"
    assert find(host) == 200


def test_use_says_what_is_wrong_now_and_what_the_client_was_told(control: Control, host: MockHost) -> None:
    said = control("use", "documented/secret_token_mismatch").stdout.splitlines()
    assert said[0] == "a fresh start with documented/secret_token_mismatch"
    assert said[1] == host.scenario.title
    assert "wrong on purpose: secret_token_mismatch" in said
    assert "a good client should: fix configuration" in said
    assert f"SQL: the client is configured with the secret token {host.told('SQL').secret_token}" in said
    assert f"     the truth is {host.truth('SQL').secret_token}" in said
    assert control("use", "basics/healthy").stdout.splitlines()[1:] == ["A healthy host"]


def test_another_scenario_by_name_and_by_file(control: Control, host: MockHost, tmp_path: Path) -> None:
    assert "documented/secret_token_mismatch" in control("use", "documented/secret_token_mismatch").stdout
    assert find(host) == 401
    file = tmp_path / "mine.yaml"
    file.write_text("format: 1\nextends: basics/healthy\ntitle: Mine\n", "utf-8")
    assert control("use", str(file), "--set", "seed=9").exit_code == 0
    assert host.runtime.scenario.seed == 9
    assert control("reset").exit_code == 0
    assert find(host) == 200
    assert shown(control, "status")["scenario"]["title"] == "Mine"


def test_one_connector_is_reset(control: Control, host: MockHost) -> None:
    """With what it holds; the others stay as they are."""
    bob = {"ContosoLogin": "bob", "FirstName": "Bob", "LastName": "B"}
    control("change", json.dumps({"SQL": {"insert": [bob]}}))
    assert control("reset", "--connector", "SQL").stdout == "SQL: a fresh start, 5 objects in the system\n"
    assert not host.objects("SQL", ContosoLogin="bob")
    result = control("reset", "--connector", "sql")
    assert result.exit_code == 2
    assert "did you mean 'SQL'?" in result.stderr


def test_connectors_that_sprang_up_are_shown_and_reset(
    control: Control, host: MockHost, tmp_path: Path
) -> None:
    """As those of the scenario; with counts of rules of their own."""
    file = tmp_path / "tenants.yaml"
    file.write_text(
        "{format: 1, extends: basics/scim, on_demand: {template: SCIM, max: 3},"
        " rules: [{name: lost, when: {operation: create_user, nth: 2}, reply: {status: 503}}]}",
        "utf-8",
    )
    control("use", str(file))
    with host.session("SCIM") as session:
        url = host.url("SCIM").replace("_SCIM/", "_alpha/")
        assert session.post(f"{url}/Users", json={"userName": "ann"}).status_code == 201
    assert "alpha  running  1 object in the system" in control("status").stdout
    assert "ann" in control("objects", "alpha").stdout
    assert "0/1" in control("rules", "list", "--connector", "alpha").stdout
    assert "0/0" in control("rules", "list").stdout
    assert "no imports" in control("import", "alpha").stderr
    assert control("change", "{alpha: {insert: [{userName: bob}]}}").stdout == "alpha: 1 object changed\n"
    assert control("reset", "--connector", "alpha").stdout.startswith("alpha: a fresh start, 0 objects")


def test_an_import_that_failed_says_why(control: Control, host: MockHost) -> None:
    """At once, and in the status until one has done its work."""
    host.runtime.host.connectors["SQL"].space.fail_imports("the file server is gone")
    assert control("import", "SQL").stdout == "SQL: the full import failed: the file server is gone\n"
    assert "SQL: the last import failed: the file server is gone" in control("status").stdout


def test_states_are_shown_and_set(control: Control, host: MockHost) -> None:
    """Where none are named, any name is one."""
    assert control("states", "list").stdout.split() == ["host", "Started"]
    assert control("states", "set", "Rotated").stdout == "the state is Rotated\n"
    assert shown(control, "states", "list") == {"host": "Rotated", "connectors": {}}
    assert control("states", "set", "Rotated", "--connector", "sql").exit_code == 2


def test_what_hangs_is_released(control: Control, host: MockHost) -> None:
    """So many answers go on."""
    host.fail_next("find_users", fault="hang")
    statuses: list[int] = []
    thread = threading.Thread(target=lambda: statuses.append(find(host)), daemon=True)
    thread.start()
    for _ in range(3_000):
        if control("release").stdout == "1 answer released\n":
            break
        thread.join(0.01)
    thread.join(10)
    assert statuses == [200]
    assert control("release").stdout == "0 answers released\n"


def test_the_journal_says_which_rule_came_close(control: Control, host: MockHost) -> None:
    """And why it did not fire."""
    control(
        "rules", "add", '{"name": "third", "when": {"operation": "find_users", "nth": 3}, "fault": "html"}'
    )
    find(host)
    assert "rule 'third' matched but did not fire; nth: this is match 1" in control("journal").stdout
    [entry] = shown(control, "journal")
    assert entry["near_miss"]["closest"]["condition"] == "nth"


def test_a_file_is_read_here_and_sent_as_one_document(
    control: Control, host: MockHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The host reads no file for anybody: parents, data files and variables are those of the caller."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OF_THE_CALLER", "fake-of-the-caller")
    (tmp_path / "page.txt").write_text("a page")
    (tmp_path / "parent.yaml").write_text("format: 1\nextends: basics/healthy\ntitle: From afar\n", "utf-8")
    (tmp_path / "mine.yaml").write_text(
        "format: 1\nextends: ./parent.yaml\nvars: {t: {env: OF_THE_CALLER}}\n"
        "connectors: {SQL: {secret_token: '${t}'}}\nrules: [{reply: {body_file: page.txt}}]\n",
        "utf-8",
    )
    result = control("use", "./mine.yaml", "--set", "seed=5")
    assert (result.exit_code, result.stdout) == (0, "a fresh start with mine\nFrom afar\n")
    scenario = host.runtime.scenario
    assert (scenario.title, scenario.seed, scenario.origin) == ("From afar", 5, None)
    assert scenario.rules[0].document["reply"] == {"body": "a page"}
    assert host.truth("SQL").secret_token == "fake-of-the-caller"
    assert control("use", "basics/empty", "--set", 'rules=[{reply: {body_file: "page.txt"}}]').exit_code == 0
    assert host.runtime.scenario.rules[0].document["reply"] == {"body": "a page"}
    assert control("set", 'rules=[{reply: {body_file: "parent.yaml"}}]').exit_code == 0
    assert "From afar" in str(host.runtime.scenario.rules[0].document["reply"])
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "rule.json").write_text('{"name": "r", "reply": {"body_file": "b.txt"}}')
    (tmp_path / "below" / "b.txt").write_text("beside the rule")
    assert control("rules", "add", "@below/rule.json").exit_code == 0
    assert host.rules[0]["reply"] == {"body": "beside the rule"}
    result = control("use", "basics/nothing-like-that")
    assert (result.exit_code, "there is no scenario" in result.stderr) == (2, True)


def test_a_scenario_on_a_shelf_of_the_callers_own_is_sent(
    control: Control, host: MockHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The host has other shelves."""
    (tmp_path / "own.yaml").write_text("format: 1\nextends: basics/healthy\ntitle: On my shelf\n", "utf-8")
    monkeypatch.setenv("MOCKHOST_SCENARIOS", str(tmp_path))
    monkeypatch.setattr("mockhost.scenario.sources.Network.find", _find_nothing)
    assert control("use", "own").exit_code == 0
    assert host.runtime.scenario.title == "On my shelf"


def _find_nothing(self: object, text: str, env: object) -> object:
    if text == "own":
        raise UsageError("there is no scenario 'own'")
    return Beside(Path()).find(text, {})


def test_the_clock_moves_on_by_a_duration(control: Control, host: MockHost) -> None:
    before = host.clock.now()
    assert control("clock", "advance", "40m").exit_code == 0
    assert host.clock.now() - before == 2_400
    assert shown(control, "clock", "show")["now"] == host.clock.iso()
    assert host.clock.iso() in control("clock", "show").stdout
    result = control("clock", "advance", "40")
    assert result.exit_code == 2
    assert "write a number with a unit" in result.stderr


def test_a_change_behind_the_hosts_back_is_stale_until_the_next_import(
    control: Control, host: MockHost
) -> None:
    bob = {"ContosoLogin": "bob", "FirstName": "Bob", "LastName": "B"}
    assert control("change", json.dumps({"SQL": {"insert": [bob]}})).stdout == "SQL: 1 object changed\n"
    assert "bob" in control("objects", "SQL").stdout
    assert "bob" not in control("cache", "SQL").stdout
    assert "done" in control("import", "SQL").stdout
    assert [each["id"] for each in shown(control, "cache", "SQL")].count("bob") == 1
    assert "1 not shown" in control("objects", "SQL", "--count", "5").stdout


def test_an_import_that_takes_time_says_what_ends_it(control: Control) -> None:
    control("use", "documented/first_import_running")
    assert "clock advance" in control("import", "SQL").stdout
    assert "importing" in control("status").stdout


@pytest.mark.parametrize("source", ["word", "file", "input"])
def test_a_document_comes_as_a_word_a_file_or_standard_input(
    control: Control, host: MockHost, tmp_path: Path, source: str
) -> None:
    """In JSON or YAML, as a scenario file has it."""
    text = "{SQL: {delete: [{ContosoLogin: awhite}]}}"
    (tmp_path / "change.yaml").write_text("SQL:\n  delete:\n    - ContosoLogin: awhite\n", "utf-8")
    word = {"word": text, "file": f"@{tmp_path / 'change.yaml'}", "input": "-"}[source]
    assert control("change", word, input=text).exit_code == 0
    assert not host.objects("SQL", ContosoLogin="awhite")


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("import", "sql"), 2, "did you mean 'SQL'?"),
        (("change", "{sql: {delete: []}}"), 2, "did you mean 'SQL'?"),
        (("change", "{SQL: {remove: []}}"), 2, "remove"),
        (("change", "[1]"), 2, "is a map"),
        (("change", "{"), 2, "can't be read"),
        (("change", "@nothing.json"), 2, "nothing.json can't be read"),
        (("objects", "X Y"), 2, "there is no connector 'X Y'"),
        (("rules", "remove", "nope"), 2, "there is no rule 'nope'"),
        (("rules", "add", '{"when": {"opration": "x"}}'), 2, "did you mean 'operation'?"),
        (("use", "basics/helthy"), 2, "did you mean 'basics/healthy'?"),
        (("use", "./nothing.yaml"), 2, "there is no such file"),
        (("verify", "operation"), 2, "KEY=VALUE"),
        (("verify", "opration=x"), 2, "did you mean 'operation'?"),
        (("verify", "fault=htm"), 2, "did you mean 'html'?"),
        (("service", "halt"), 2, "halt"),
        (("rules", "list", "--connector", "sql"), 2, "did you mean 'SQL'?"),
    ],
)
def test_what_cant_be_is_one_message(
    control: Control, words: tuple[str, ...], code: int, message: str
) -> None:
    result = control(*words)
    assert result.exit_code == code
    assert message in result.stderr
    assert result.stderr.count("\n") == 1
    assert result.stdout == ""


def test_live_rules_go_before_all_others(control: Control, host: MockHost) -> None:
    rule = '{"when": {"operation": "find_users"}, "reply": {"status": 418}}'
    assert control("rules", "add", rule, "--name", "teapot").stdout == "teapot\n"
    assert find(host) == 418
    assert [each["name"] for each in shown(control, "rules", "list")] == ["teapot"]
    assert "teapot  live" in control("rules", "list").stdout
    assert control("rules", "remove", "teapot").exit_code == 0
    assert find(host) == 200
    control("rules", "add", rule)
    assert control("rules", "clear").stdout == "1 live rule removed\n"
    assert control("rules", "list").stdout == "(no rules)\n"


@pytest.mark.parametrize(
    ("form", "part"),
    [("table", "find_users"), ("json", '"operation": "find_users"'), ("har", '"1.2"'), ("curl", "$TOKEN")],
)
def test_the_journal_in_every_form(control: Control, host: MockHost, form: str, part: str) -> None:
    find(host)
    result = control("journal", "--format", form)
    assert result.exit_code == 0
    assert part in result.stdout
    assert host.truth("SQL").secret_token not in result.stdout


def test_the_journal_is_narrowed(control: Control, host: MockHost) -> None:
    find(host)
    find(host, "ljacobson")
    assert len(shown(control, "journal")) == 2
    assert [each["who"] for each in shown(control, "journal", "--since", "1")] == ["ljacobson"]
    assert [each["who"] for each in shown(control, "journal", "--last", "1")] == ["ljacobson"]
    for words in (
        ("--connector", "LDAP"),
        ("--operation", "create_user"),
        ("--status", "401", "--status", "404"),
    ):
        assert shown(control, "journal", *words) == []
    assert len(shown(control, "journal", "--status", "401", "--status", "200")) == 2
    assert control("journal", "--clear").stdout == "2 exchanges forgotten\n"
    assert control("journal").stdout == "(no exchanges)\n"
    assert control("journal", "--format", "curl").stdout == ""


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("operation=find_users", "count.exactly=1"), 0),
        (("operation=find_users", "connector=SQL", "status=200"), 0),
        (('{"operation": "find_users", "count": 1}',), 0),
        (("operation=create_user",), 1),
        (("operation=find_users", "count.never=true"), 1),
        (("fault=html",), 1),
        (
            (
                '{"who": "nobody", "all": [{"operation": "find_users", "count": 1}, {"method": "DELETE", "count": 0}]}',
            ),
            0,
        ),
        (('{"connector": "SQL", "all": [{"operation": "find_users"}, {"operation": "patch_user"}]}',), 1),
    ],
)
def test_verify_is_an_exit_code(control: Control, host: MockHost, words: tuple[str, ...], code: int) -> None:
    find(host)
    for form in ("text", "json"):
        result = control("verify", *words, "--format", form)
        assert result.exit_code == code
        assert result.stdout


def test_connections_that_never_became_one_are_shown(control: Control, host: MockHost) -> None:
    with socket.create_connection(("127.0.0.1", host.port), 5) as raw:
        raw.sendall(b"this is no handshake\r\n\r\n")
        with contextlib.suppress(ConnectionError):
            while raw.recv(100):
                pass
    found = shown(control, "connections")
    assert [bool(each["error"]) for each in found] == [True]
    assert found[0]["error"] in control("connections").stdout


def test_the_truth_is_shown_when_it_is_asked_for(control: Control) -> None:
    control("use", "documented/secret_token_mismatch")
    document = shown(control, "truth")
    assert document["clients"]["SQL"]["secret_token"] == "the-old-one"
    text = control("truth").stdout
    assert "correct-horse-battery" in text
    assert "the-old-one" in text


# -- which host is meant -------------------------------------------------------------------------------------


def test_the_one_host_that_runs_is_found(
    invoke: Invoke, host: MockHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a URL; with several that run, one is to be named. What a killed host left is not one."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(planes, "DEFAULT_URL", "http://127.0.0.1:1")
    notes = [noted(host.ready()["control"]), noted({"url": "http://127.0.0.1:1", "token": None})]
    assert invoke("control", "status").exit_code == 0
    assert invoke("windows", "Get-Service").exit_code == 0
    with MockHost("basics/empty") as other:
        notes.append(noted(other.ready()["control"]))
        result = invoke("control", "status")
        assert result.exit_code == 2
        assert other.control_url in result.output
        assert invoke("control", "--url", other.control_url, "status").exit_code == 0
        monkeypatch.setattr(planes, "DEFAULT_URL", other.control_url)
        assert "basics/empty" in invoke("control", "status").output
    for note in notes:
        assert note is not None
        note.remove()
    assert list(tmp_path.iterdir()) == []


def test_the_host_may_be_named_before_or_after_the_verb(
    invoke: Invoke, host: MockHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By URL, by ready file, or by the environment; a flag goes before the environment."""
    file = tmp_path / "ready.json"
    ReadyFile(file).write(host.ready())
    url = host.control_url
    for words in (
        ("--url", url, "status"),
        ("status", "--url", url),
        ("clock", "show", f"--url={url}"),
        ("--ready-file", str(file), "status"),
        ("status", "--ready-file", str(file)),
    ):
        assert invoke("control", *words).exit_code == 0, words
    monkeypatch.setenv("MOCKHOST_CONTROL_URL", "http://127.0.0.1:1")
    assert invoke("control", "status").exit_code == 4
    assert invoke("control", "status", "--ready-file", str(file)).exit_code == 0
    assert invoke("control", "status", "--url", url).exit_code == 0
    monkeypatch.delenv("MOCKHOST_CONTROL_URL")
    monkeypatch.setenv("MOCKHOST_READY_FILE", str(file))
    assert invoke("control", "status").exit_code == 0


def test_a_token_is_asked_for_and_given(
    invoke: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with MockHost("basics/healthy", control_token="open-sesame") as guarded:
        url = guarded.control_url
        for words in (("status",), ("status", "--token", "wrong")):
            result = invoke("control", "--url", url, *words)
            assert result.exit_code == 2
            assert "token" in result.stderr
        assert invoke("control", "--url", url, "--token", "open-sesame", "status").exit_code == 0
        file = tmp_path / "ready.json"
        ReadyFile(file).write(guarded.ready())
        assert invoke("control", "--ready-file", str(file), "status").exit_code == 0
        monkeypatch.setenv("MOCKHOST_CONTROL_TOKEN", "open-sesame")
        assert invoke("control", "--url", url, "status").exit_code == 0


@pytest.mark.parametrize("token", ["\xfc", "\U0001f600", "\udcff", "a\r\nX: y", "a b", "\x7f"])
@pytest.mark.parametrize(
    "words",
    [
        ("control", "--url", "http://127.0.0.1:1", "status", "--token"),
        ("windows", "--url", "http://127.0.0.1:1", "--token"),
        ("serve", "--port", "0", "--control-port", "0", "--control-token"),
    ],
)
def test_a_token_that_no_header_can_have_is_refused_on_both_sides(
    invoke: Invoke, token: str, words: tuple[str, ...]
) -> None:
    """Before anything is sent or started: clients send it in different encodings, or not at all."""
    result = invoke(*words, token)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "the control plane's token has a character in it that is not visible ASCII" in result.stderr


def test_a_public_name_that_leads_nowhere_from_here_is_passed_over(invoke: Invoke, tmp_path: Path) -> None:
    """In a container the name is for its clients; `control` runs beside the host."""
    with MockHost("basics/healthy", control_host="::", public_name="mock.contoso.invalid") as host:
        file = tmp_path / "ready.json"
        ReadyFile(file).write(host.ready())
        assert invoke("control", "--ready-file", str(file), "status").exit_code == 0
    result = invoke("control", "--ready-file", str(file), "status")
    assert result.exit_code == 4
    assert "mock.contoso.invalid" in result.stderr


def test_no_host_is_exit_code_4_and_says_what_to_try(invoke: Invoke) -> None:
    result = invoke("control", "--url", "http://127.0.0.1:1", "status")
    assert result.exit_code == 4
    assert "mockhost serve" in result.stderr


@pytest.mark.parametrize("url", ["https://127.0.0.1:1", "http://", "http://h:99999", "ftp://h"])
def test_what_is_no_url_is_wrong_usage(url: str) -> None:
    with pytest.raises(UsageError, match="not the URL of a control plane"):
        ControlPlane(url)


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi",
        b"HTTP/1.1 500 Oops\r\nContent-Length: 2\r\n\r\n{}",
        b"SSH-2.0-OpenSSH\r\n",
        b"",
    ],
)
def test_something_else_that_answers_is_told_apart(answer: bytes) -> None:
    """Another program on the port must not look like a bug of ours."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            with server.accept()[0] as peer:
                peer.recv(10_000)
                peer.sendall(answer)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        with pytest.raises(CannotRun):
            ControlPlane(f"127.0.0.1:{server.getsockname()[1]}").call("get_health")
        thread.join(5)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["a=1", "b=x", "c.d=true", "c.e=two words"], {"a": 1, "b": "x", "c": {"d": True, "e": "two words"}}),
        (['{"a": [1]}'], {"a": [1]}),
        (['a={"equals": "x"}'], {"a": {"equals": "x"}}),
        (["a=b=c"], {"a": "b=c"}),
    ],
)
def test_conditions_are_words_or_a_document(words: list[str], expected: dict[str, object]) -> None:
    assert asking.pairs(words, "it") == expected


def test_check_says_what_holds_and_when_it_is_cured(control: Control, host: MockHost) -> None:
    """By its words, its exit code, and what status says from then on."""
    host.use("documented/secret_token_mismatch")
    assert "wrong on purpose: secret_token_mismatch" in control("status").stdout
    found = control("check")
    assert found.exit_code == 1
    assert found.stdout.splitlines()[:2] == [
        "documented/secret_token_mismatch: not cured: expect holds",
        "expect: the symptom still shows",
    ]
    assert "\n  holds    test_connection" in found.stdout
    assert "\ncured: does not hold\n  ✗ " in found.stdout
    host.set("client.SQL.secret_token", host.truth("SQL").secret_token)
    found = control("check")
    assert found.exit_code == 0
    assert found.stdout.splitlines()[:2] == [
        "documented/secret_token_mismatch: cured",
        "expect: the symptom no longer shows",
    ]
    assert "✗" not in found.stdout
    assert json.loads(control("check", "--format", "json").stdout)["cured"] is True
    status = control("status").stdout
    assert "wrong on purpose" not in status
    assert "cured: secret_token_mismatch" in status
    assert len(host.journal) == 0
    host.reset()
    assert "wrong on purpose: secret_token_mismatch" in control("status").stdout


def test_check_of_a_healthy_host_shows_what_should_be_seen(control: Control) -> None:
    """Where nothing is wrong on purpose, `expect` is no symptom."""
    found = control("check")
    assert found.stdout.splitlines()[:2] == ["basics/healthy: cured", "expect: holds"]
    assert "✓" in found.stdout


def test_check_watches_until_the_cure_holds(
    control: Control, host: MockHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What has not changed is not said again."""
    host.use("documented/service_stopped")
    monkeypatch.setattr(control_journal, "INTERVAL", 0.01)
    checks: list[object] = []
    remember = operated._remember

    def count(runtime: Runtime, cured: bool, epoch: int) -> None:
        checks.append(cured)
        remember(runtime, cured, epoch)
        if len(checks) == 3:
            host.service("start")

    monkeypatch.setattr(operated, "_remember", count)
    result = control("check", "--watch")
    assert result.exit_code == 0, result.output
    assert result.stdout.count("not cured") == 1
    assert result.stdout.count("documented/service_stopped: cured") == 1
    assert checks == [False, False, False, True]


def test_any_operation_is_called_by_its_name(control: Control, host: MockHost) -> None:
    """With its arguments as words or as a document; without a name they are listed."""
    listed = control("call").stdout
    assert all(each.name in listed for each in operations.TABLE)
    assert json.loads(control("call", "get_objects", "name=SQL", "count=2").stdout)["total"] == 5
    assert "BEGIN CERTIFICATE" in control("call", "get_ca").stdout
    assert json.loads(control("call", "set_host", 'set={"host.debug": true}').stdout)["restart_pending"]
    assert json.loads(control("call", "verify", "operation=find_users", "count.never=true").stdout)["ok"]
    rule = '{"name": "mine", "when": {"operation": "me"}, "fault": "html"}'
    assert json.loads(control("call", "add_rule", rule).stdout) == {"name": "mine"}
    changed = control("call", "change_system", "name=SQL", 'insert=[{"ContosoLogin": "carol"}]')
    assert json.loads(changed.stdout)["objects"] == 1
    for words, said in (
        (["get_clok"], "did you mean 'get_clock'?"),
        (["get_objects"], "needs 'name'"),
        (["get_clock", "by=4m"], "no argument 'by'"),
        (["stream_events"], "curl -N"),
    ):
        result = control("call", *words)
        assert result.exit_code == 2
        assert said in result.stderr


@pytest.mark.parametrize(
    ("text", "numbers"),
    [("404", 1), ("4xx", 100), ("4XX", 100), ("401,5xx", 101), ("404, 404", 1)],
)
def test_a_status_may_be_a_class_or_a_list(control: Control, host: MockHost, text: str, numbers: int) -> None:
    find(host)
    assert control("journal", "--status", text).stdout.strip() == "(no exchanges)"
    assert len(set(Statuses().convert(text, None, None))) == numbers


@pytest.mark.parametrize("text", ["6xx", "4x", "0404", "", "404,", "40", "-1", "x"])
def test_what_is_no_status_is_refused(control: Control, text: str) -> None:
    result = control("journal", "--status", text)
    assert result.exit_code == 2
    assert "not a valid status" in result.stderr


def test_follow_shows_what_there_is_and_what_comes_until_the_host_ends(start: Callable[..., Program]) -> None:
    """Also across a reset, whose journal begins again; only what the filters want."""
    host = MockHost("documented/secret_token_mismatch").start()
    find(host)
    words = ("control", "--url", host.control_url, "journal", "--follow", "--status", "4xx")
    text, lines = start(*words), start(*words, "--format", "json")
    assert "401" in text.out.until("find_users")
    assert json.loads(lines.out.until("find_users"))["status"] == 401
    host.use("basics/healthy")
    find(host)
    host.session("SQL").get(f"{host.url('SQL')}/Users/gone")
    assert "404" in text.out.until("get_user")
    assert json.loads(lines.out.until("get_user"))["status"] == 404
    host.stop()
    for program in (text, lines):
        assert "the host has ended" in program.err.until("ended")
        assert program.code() == 0
        assert " 200 " not in program.out.rest()


@pytest.mark.parametrize("words", [("--clear",), ("--format", "har"), ("--format", "curl")])
def test_what_cannot_be_followed_is_refused(control: Control, words: tuple[str, ...]) -> None:
    result = control("journal", "--follow", *words)
    assert (result.exit_code, "--follow does not go with" in result.stderr) == (2, True)


@pytest.mark.parametrize("verb", ["status", "journal", "use", "clock", "verify"])
def test_a_verb_of_control_says_where_it_is(invoke: Invoke, verb: str) -> None:
    result = invoke(verb)
    assert result.exit_code == 2
    assert f"mockhost control {verb}" in result.stderr


def test_a_table_fits_the_terminal(control: Control, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a terminal it is whole."""
    assert "jgarcia@contoso.example" in control("objects", "SQL").stdout
    assert "what is cut" not in control("objects", "SQL").stdout
    for width in (80, 30, 8):
        monkeypatch.setenv("COLUMNS", str(width))
        for verb in (("objects", "SQL"), ("objects", "LDAP")):
            *table, below = control(*verb).stdout.splitlines()
            assert below.endswith("objects; --format json shows what is cut")
            assert all(len(line) <= width for line in table)
            assert "…" in table[1]
    monkeypatch.setenv("COLUMNS", "80")
    assert all(len(line) <= 80 for verb in ("status", "call") for line in control(verb).stdout.splitlines())
