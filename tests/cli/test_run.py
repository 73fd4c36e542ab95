"""`mockhost run`, as a program."""

from __future__ import annotations

import json
import os
import signal
import sys
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path

import pytest

from mockhost import MockHost
from mockhost.cli import run
from mockhost.cli.options import Hosting
from tests.cli.conftest import Invoke
from tests.cli.programs import Program

Start = Callable[..., Program]
posix = pytest.mark.skipif(os.name == "nt", reason="signals are POSIX's")

PROBE = """\
import os, sys, ssl, urllib.request
url, token = os.environ["MOCKHOST_SQL_URL"], os.environ["MOCKHOST_SQL_TOKEN"]
request = urllib.request.Request(url + "/schemas", headers={"Authorization": "Bearer " + token})
try:
    with urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler()).open(request) as a:
        print("status", a.status)
except urllib.error.HTTPError as error:
    print("status", error.code)
    sys.exit(7)
"""


def test_a_command_finds_the_host_by_its_environment(start: Start) -> None:
    """URL, secret token and what to trust: nothing has to be configured."""
    program = start("run", "basics/healthy", "--", sys.executable, "-c", PROBE)
    assert program.code() == 0
    assert program.out.rest() == "status 200"
    assert program.err.rest() == ""


def test_a_failed_command_leaves_its_exit_code_and_the_journal(start: Start) -> None:
    """As the client was told: a wrong token, and the journal says why it was refused."""
    program = start("run", "documented/secret_token_mismatch", "--", sys.executable, "-c", PROBE)
    assert program.code() == 7
    assert program.out.rest() == "status 401"
    journal = program.err.rest()
    assert "exit code 7" in journal
    assert "schemas" in journal
    assert "secret token" in journal
    assert "the-old-one" not in journal


def test_everything_after_the_dashes_is_the_commands(start: Start) -> None:
    """Also what looks like an option or like more dashes."""
    script = "import sys; print(sys.argv[1:])"
    program = start("run", "--", sys.executable, "-c", script, "--port", "x", "--", "--help")
    assert program.code() == 0
    assert program.out.rest() == "['--port', 'x', '--', '--help']"


@posix
def test_a_command_that_a_signal_ended_is_128_and_the_signal(start: Start) -> None:
    program = start(
        "run", "--", sys.executable, "-c", "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
    )
    assert program.code() == 128 + signal.SIGKILL


@posix
@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT", "SIGUSR1"])
def test_signals_are_for_the_command(start: Start, name: str) -> None:
    """It may end in its own way, and how it ends is how `run` ends."""
    number = signal.Signals[name]
    script = (
        "import signal, sys\n"
        f"signal.signal(signal.{name}, lambda *_: (print('told'), sys.exit(5)))\n"
        "print('up', flush=True)\n"
        "signal.pause()\n"
    )
    program = start("run", "--", sys.executable, "-c", script)
    program.out.until("up")
    program.tell(number)
    assert program.code() == 5
    assert program.out.rest().endswith("told")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("run", "basics/healthy"), "there is no command to run; put it after --"),
        (("run", "basics/healthy", "--"), "there is no command to run"),
        (("run", "--", "no-such-command-anywhere"), "there is no command 'no-such-command-anywhere'"),
        (("run", "basics/healthy", "--each", "basics", "--", "true"), "either a scenario"),
        (("run", "basics/helthy", "--", sys.executable, "-c", ""), "did you mean 'basics/healthy'?"),
        (("run", "--each", "nothing", "--", sys.executable, "-c", ""), "there is no shelf 'nothing'"),
        (("run", "--port", "x", "--", "true"), "--port"),
    ],
)
def test_wrong_usage_is_exit_code_2(invoke: Invoke, words: tuple[str, ...], message: str) -> None:
    result = invoke(*words)
    assert result.exit_code == 2
    assert message in result.output
    assert "Traceback" not in result.output


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A shelf `mine` with a sound scenario, one with another token, and a broken one."""
    folder = tmp_path / "mine"
    folder.mkdir()
    head = "format: 1\nextends: basics/healthy\n"
    (folder / "a_sound.yaml").write_text(head, "utf-8")
    (folder / "b_token.yaml").write_text(head + "client: {SQL: {secret_token: the-old-one}}\n", "utf-8")
    (folder / "c_broken.yaml").write_text(head + "sed: 1\n", "utf-8")
    monkeypatch.setenv("MOCKHOST_SCENARIOS", str(tmp_path))
    return folder


def test_a_command_runs_once_for_each_scenario_of_a_shelf(start: Start, shelf: Path, tmp_path: Path) -> None:
    """One that can't be used does not keep the others from being tried; the report has a case for each."""
    report = tmp_path / "report.xml"
    program = start("run", "--each", "mine", "--junit", str(report), "--", sys.executable, "-c", PROBE)
    assert program.code() == 1
    assert program.out.rest().splitlines() == ["status 200", "status 401"]
    summary = program.err.rest()
    assert "did you mean 'seed'?" in summary
    assert "1 of 3 scenarios fine" in summary
    cases = ET.parse(report).getroot().iter("testcase")
    said = ("failure", "error")
    outcomes = {case.get("name"): [child.tag for child in case if child.tag in said] for case in cases}
    assert outcomes == {"mine/a_sound": [], "mine/b_token": ["failure"], "mine/c_broken": ["error"]}


FACTS = """\
import os
for name in ("SCENARIO", "TITLE", "CAUSE", "CLIENT_SHOULD"):
    print(os.environ["MOCKHOST_" + name])
print(os.environ["MOCKHOST_CA_FILE"] == os.environ["SSL_CERT_FILE"])
"""


def test_the_command_learns_what_is_played(start: Start) -> None:
    """So that one test suite can expect the right thing of every scenario."""
    program = start("run", "documented/cache_closed", "--", sys.executable, "-c", FACTS)
    assert program.code() == 0
    name, title, *rest = program.out.rest().splitlines()
    assert name == "documented/cache_closed"
    assert title
    assert rest == ["cache_closed", "report", "True"]


def test_connectors_that_differ_in_case_have_variables_of_their_own() -> None:
    """A number tells them apart; one that is called as the control plane is gets one, too."""
    own = {"secret_token": "visibly-fake", "anchor": "Login", "system": {"columns": {"Login": "string"}}}
    connectors = {"SQL": own, "sql": own, "Control": own}
    with MockHost({"format": 1, "connectors": connectors}, tls=False) as host:
        env, control_url = host.env(), host.control_url
    assert env["MOCKHOST_SQL_URL"].endswith("/ecma2host_SQL/scim")
    assert env["MOCKHOST_SQL_2_URL"].endswith("/ecma2host_sql/scim")
    assert env["MOCKHOST_CONTROL_2_URL"].endswith("/ecma2host_Control/scim")
    assert env["MOCKHOST_CONTROL_URL"] == control_url


@posix
def test_a_command_that_takes_too_long_is_ended_with_what_it_started(start: Start, tmp_path: Path) -> None:
    """Its outcome is a time-out in words, in the exit code and in the report."""
    report = tmp_path / "report.xml"
    child = "trap 'echo child ended; exit' TERM; sleep 3600 & wait"
    script = f"trap 'wait; exit 1' TERM; ({child}) & echo begun; wait"
    program = start(
        "run", "basics/empty", "--timeout", "500ms", "--junit", str(report), "--", "sh", "-c", script
    )
    assert program.code() == 124
    assert program.out.rest().splitlines() == ["begun", "child ended"]
    assert "timed out" in program.err.rest()
    (case,) = ET.parse(report).getroot().iter("testcase")
    (failure,) = case.iter("failure")
    assert (failure.get("type"), failure.get("message")) == ("timeout", "timed out")


def test_the_report_has_the_last_of_the_output_and_no_secrets(start: Start, tmp_path: Path) -> None:
    """Both streams, passed on as well; and what was played, as properties."""
    report = tmp_path / "report.xml"
    script = (
        "import os, sys; print('x' * 70_000 + '\\nlast line'); sys.stdout.flush();"
        "print('token', os.environ['MOCKHOST_SQL_TOKEN'], file=sys.stderr)"
    )
    program = start(
        "run", "documented/cache_closed", "--junit", str(report), "--", sys.executable, "-c", script
    )
    assert program.code() == 0
    assert program.out.rest().endswith("last line")
    assert "token correct-horse-battery" in program.err.rest()
    (case,) = ET.parse(report).getroot().iter("testcase")
    output = case.findtext("system-out") or ""
    assert len(output) <= 65_536
    assert "last line" in output
    assert "correct-horse-battery" not in report.read_text("utf-8")
    properties = {each.get("name"): each.get("value") for each in case.iter("property")}
    assert properties["MOCKHOST_CAUSE"] == "cache_closed"


def test_the_report_has_no_value_of_the_environment(start: Start, tmp_path: Path) -> None:
    """Neither in its properties nor in what the command wrote."""
    scenario, report = tmp_path / "mine.json", tmp_path / "report.xml"
    document = {
        "format": 1,
        "extends": "basics/healthy",
        "title": "about ${c}",
        "vars": {"c": {"env": "CANARY"}},
        "connectors": {"SQL": {"secret_token": "${c}"}},
    }
    scenario.write_text(json.dumps(document))
    script = "import os; print(os.environ['MOCKHOST_TITLE'], os.environ['MOCKHOST_SQL_TOKEN']); exit(1)"
    words = ("run", str(scenario), "--junit", str(report), "--", sys.executable, "-c", script)
    program = start(*words, env={"CANARY": "ca/na&ry-5ecret~x"})
    assert program.code() == 1
    assert "about ca/na&ry-5ecret~x" in program.out.rest()
    assert "5ecret" not in report.read_text("utf-8")


def test_progress_is_shown_before_each_scenario_and_its_result_after_it(start: Start, shelf: Path) -> None:
    program = start("run", "--each", "mine", "--", sys.executable, "-c", PROBE)
    assert program.code() == 1
    lines = program.err.rest().splitlines()
    order = [
        next(i for i, line in enumerate(lines) if line.startswith(begin))
        for begin in (
            "[1/3] mine/a_sound",
            "✓ mine/a_sound: ok",
            "[2/3] mine/b_token",
            "✗ mine/b_token: exit code 7",
            "[3/3] mine/c_broken",
            "✗ mine/c_broken: could not run",
        )
    ]
    assert order == sorted(order)


def test_no_proxy_stands_between_the_command_and_the_host() -> None:
    """A machine behind a proxy would ask it for localhost."""

    class Host:
        def env(self) -> dict[str, str]:
            return {"MOCKHOST_SQL_URL": "https://localhost:1/x", "SSL_CERT_FILE": "/trust.pem"}

    plain = run.environment(Host(), {"PATH": "/bin"})  # type: ignore[arg-type]  # all that is asked of a host
    assert "NO_PROXY" not in plain
    proxied = run.environment(Host(), {"https_proxy": "http://p", "NO_PROXY": "a"})  # type: ignore[arg-type]
    assert proxied["NO_PROXY"] == "a,localhost,127.0.0.1,::1"
    curl = run.environment(Host(), {"CURL_CA_BUNDLE": "/etc/ca.pem"})  # type: ignore[arg-type]
    assert curl["CURL_CA_BUNDLE"] == "/trust.pem"


@posix
def test_a_signal_while_the_host_starts_ends_run(invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    """There is no command yet that could be told."""

    def make(hosting: Hosting, scenario: str) -> None:
        os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(Hosting, "make", make)
    result = invoke("run", "--", sys.executable, "-c", "")
    assert result.exit_code == 128 + signal.SIGTERM
    assert "Traceback" not in result.output
