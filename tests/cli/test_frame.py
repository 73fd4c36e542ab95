"""What every verb has in common: exit codes, messages, help, options and where their values come from."""

from __future__ import annotations

import importlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import click
import pytest

from mockhost import __version__
from mockhost.cli import outcome
from mockhost.cli.options import Hosting, Setting
from mockhost.cli.verbs import VERBS, mockhost
from mockhost.errors import CannotRun, MockhostError, Problem, ScenarioError, UsageError
from tests.cli.conftest import Invoke
from tests.cli.programs import DEADLINE, ROOT, Program
from tools.docs import cli as cli_reference

COMMANDS = list(cli_reference.commands(mockhost, ("mockhost",)))


@pytest.mark.parametrize("path", [path[1:] for path, _ in COMMANDS], ids=" ".join)
def test_every_verb_helps(invoke: Invoke, path: tuple[str, ...]) -> None:
    """In eighty columns, with the words that call it and a sentence that says what it does.

    The mark before lines that stay as they are is a control character for click, not the two letters of a raw text.
    """
    for flag in ("--help", "-h"):
        result = invoke(*path, flag, terminal_width=80)
        assert result.exit_code == 0
        assert not [line for line in result.stdout.splitlines() if len(line) > 80]
        assert "\\b" not in result.stdout
        assert "\b" not in result.stdout
        assert " ".join(("mockhost", *path)) in result.stdout
        assert len(result.stdout.splitlines()) > 4


@pytest.mark.parametrize(
    "path", [path[1:] for path, verb in COMMANDS if isinstance(verb, click.Group)], ids=" ".join
)
def test_the_list_of_verbs_has_whole_sentences(invoke: Invoke, path: tuple[str, ...]) -> None:
    """Also in eighty columns, where one line is too short for some of them."""
    result = invoke(*path, "--help", terminal_width=80)
    listed = result.stdout.partition("Commands:")[2]
    assert listed
    assert "..." not in listed
    assert max(map(len, listed.splitlines())) <= 80


@pytest.mark.parametrize("path", [path for path, _ in COMMANDS], ids=" ".join)
def test_every_verb_and_option_is_in_the_reference(path: tuple[str, ...]) -> None:
    """A verb that is added without its page fails here."""
    text = cli_reference.PAGE.read_text("utf-8")
    command = dict(COMMANDS)[path]
    section = text.partition(f" {' '.join(path)}\n\n```text\n")[2].partition("\n```\n")[0]
    assert section
    for parameter in command.params:
        if isinstance(parameter, click.Option) and not parameter.hidden:
            assert any(flag in section for flag in parameter.opts), parameter.name


def test_the_reference_is_current() -> None:
    assert cli_reference.PAGE.read_text("utf-8") == cli_reference.page()


@pytest.mark.parametrize(
    "path", [path for path, command in COMMANDS if not isinstance(command, click.Group)], ids=" ".join
)
def test_every_verb_shows_how_it_is_called(path: tuple[str, ...]) -> None:
    """Its help has an example, or the help of the group that it is in has one."""
    texts = [dict(COMMANDS)[path[:length]].help or "" for length in range(2, len(path) + 1)]
    assert any(f"mockhost {path[1]}" in text for text in texts)


def test_every_variable_is_named_after_its_option() -> None:
    """And `--help` names it."""
    for path, command in COMMANDS:
        for parameter in command.params:
            if isinstance(parameter, click.Option) and parameter.envvar and not parameter.hidden:
                longest = max(parameter.opts, key=len).removeprefix("--").upper().replace("-", "_")
                assert parameter.envvar in (f"MOCKHOST_{longest}", f"MOCKHOST_CONTROL_{longest}"), path
                assert str(parameter.envvar) in (parameter.help or ""), path


@pytest.mark.skipif(os.name == "nt", reason="containers of Linux")
def test_the_first_process_of_a_container_can_be_ended() -> None:
    """Linux gives it no default action: `docker stop` would wait for nothing."""
    script = """if True:
        import os, signal
        from mockhost import cli
        os.getpid = lambda: 1
        cli.main = lambda **_: signal.raise_signal(signal.SIGTERM)
        cli.program()
    """
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, timeout=DEADLINE, check=False
    )
    assert done.returncode == 128 + signal.SIGTERM


def test_the_version_is_the_packages(invoke: Invoke) -> None:
    assert invoke("--version").stdout == f"mockhost {__version__}\n"


def test_the_module_is_the_command() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "mockhost", "--version"],
        cwd=ROOT, capture_output=True, text=True, timeout=DEADLINE, check=True,
    )  # fmt: skip
    assert done.stdout == f"mockhost {__version__}\n"


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (("serv",), "did you mean 'serve'?"),
        (("serve", "--prot", "1"), "--port"),
        (("serve", "--port", "70000"), "70000"),
        (("serve", "--set", "novalue"), "PATH=VALUE"),
        (("scenarios", "sho"), "did you mean 'show'?"),
        (("validate",), "FILE"),
        (("test-connection",), "URL"),
        ((), "Usage: mockhost"),
    ],
)
def test_wrong_usage_is_one_message_and_exit_code_2(
    invoke: Invoke, words: tuple[str, ...], hint: str
) -> None:
    result = invoke(*words)
    assert result.exit_code == 2
    assert hint in result.stderr
    assert result.stdout == ""
    assert not words or result.stderr.count("\n") == 1


def raising(error: BaseException) -> Callable[..., None]:
    def make(*_: object) -> None:
        raise error

    return make


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (UsageError("no such thing", hint="try that"), 2, "mockhost: no such thing; try that\n"),
        (CannotRun("port 1 is in use", hint="take 2"), 4, "mockhost: port 1 is in use; take 2\n"),
        (MockhostError("not fine"), 1, "mockhost: not fine\n"),
        (ScenarioError([Problem("a.yaml", 1, 2, "$.x", "odd", "even")]), 1, "a.yaml:1:2: $.x: odd; even"),
        (outcome.Failed(""), 1, ""),
        (FileNotFoundError(2, "No such file or directory", "x.pem"), 2, "mockhost: x.pem: No such file"),
        (PermissionError(13, "Permission denied", "x.pem"), 4, "mockhost: x.pem: Permission denied\n"),
        (OSError(24, "Too many open files"), 4, "mockhost: Too many open files\n"),
        (MemoryError(), 4, "memory"),
        (KeyboardInterrupt(), 130, ""),
        (click.Abort(), 130, ""),
        (BrokenPipeError(), 0, ""),
    ],
)
def test_every_error_is_one_message_and_a_code(
    invoke: Invoke, monkeypatch: pytest.MonkeyPatch, error: BaseException, code: int, message: str
) -> None:
    monkeypatch.setattr(Hosting, "make", raising(error))
    result = invoke("run", "--", sys.executable, "-c", "")
    assert result.exit_code == code
    assert message in result.stderr
    assert "Traceback" not in result.output


def test_a_bug_of_ours_is_one_line_with_what_to_report(
    invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What, where, and which versions; never a traceback."""
    monkeypatch.setattr(Hosting, "make", raising(KeyError("over\nthere")))
    result = invoke("run", "--", sys.executable, "-c", "")
    assert result.exit_code == 4
    assert result.stderr.count("\n") == 1
    for part in ("bug in mockhost", "KeyError", "cli/run.py:", __version__, "please report"):
        assert part in result.stderr


def test_a_broken_pipe_is_quiet(start: Callable[..., Program]) -> None:
    """`mockhost schema | head -1`."""
    words = [sys.executable, "-m", "mockhost", "schema"]
    with subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(DEADLINE) == 0


def test_a_bug_on_another_thread_is_one_line_too() -> None:
    script = (
        "import threading\n"
        "from mockhost.cli import outcome\n"
        "outcome.prepare()\n"
        "thread = threading.Thread(target=lambda: {}['gone'])\n"
        "thread.start(); thread.join()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=DEADLINE, check=True
    )
    assert done.stderr.count("\n") == 1
    assert "bug in mockhost: KeyError: 'gone'" in done.stderr


def test_an_output_without_our_characters_gets_plainer_ones() -> None:
    """A console in an old code page is no reason to fail."""
    words = ("scenarios", "show", "documented/first_import_running")
    done = subprocess.run(
        [sys.executable, "-m", "mockhost", *words],
        cwd=ROOT, env={**os.environ, "PYTHONIOENCODING": "ascii"}, capture_output=True, timeout=DEADLINE, check=True,
    )  # fmt: skip
    assert done.stdout.isascii()
    assert done.stderr == b""


def test_a_verb_is_imported_when_it_is_asked_for() -> None:
    """`mockhost --version` pays for no verb, and none pays for the heavy ones before it needs them."""
    script = "import sys; import mockhost.cli.verbs; print(*[m for m in sys.modules if m.startswith('mockhost.cli.')])"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=DEADLINE, check=True
    )
    assert set(done.stdout.split()) == {
        f"mockhost.cli.{name}" for name in ("verbs", "outcome", "signals", "terminal")
    }


HEAVY = {
    "cryptography",
    "faker",
    "flask",
    "jsonschema",
    "requests",
    "ruamel",
    "http.client",
    "urllib.request",
}


@pytest.mark.parametrize("where", VERBS.values())
def test_a_verbs_module_costs_little(where: str) -> None:
    module, _, name = f"mockhost.cli.{where}".partition(":")
    script = f"import sys, {module}; print(*sys.modules.keys() & {HEAVY!r})"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=DEADLINE, check=True
    )
    assert done.stdout.split() == []
    assert getattr(importlib.import_module(module), name).name


# -- options and the environment ----------------------------------------------------------------------------


@pytest.fixture
def given(invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> Callable[..., dict[str, Any]]:
    """What `serve` makes of its options and the environment."""

    def ask(*words: str, **env: str) -> dict[str, Any]:
        seen: dict[str, Any] = {}

        def make(hosting: Hosting, scenario: str) -> None:
            seen.update(hosting._asdict(), scenario=scenario)
            raise CannotRun("seen")

        for name, value in env.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(Hosting, "make", make)
        result = invoke("serve", *words)
        assert result.exit_code == 4, result.output
        return seen

    return ask


@pytest.mark.parametrize(
    ("words", "env", "option", "expected"),
    [
        ([], {}, "scenario", "basics/healthy"),
        ([], {"MOCKHOST_SCENARIO": "a"}, "scenario", "a"),
        (["b"], {"MOCKHOST_SCENARIO": "a"}, "scenario", "b"),
        ([], {}, "port", 8585),
        ([], {"MOCKHOST_PORT": "1"}, "port", 1),
        (["--port", "2"], {"MOCKHOST_PORT": "1"}, "port", 2),
        (["--port", "8585"], {"MOCKHOST_PORT": "1"}, "port", 8585),
        ([], {}, "control_port", 8586),
        ([], {"MOCKHOST_CONTROL_PORT": "1"}, "control_port", 1),
        ([], {"MOCKHOST_CONTROL_HOST": "::1"}, "control_host", "::1"),
        ([], {"MOCKHOST_CONTROL_TOKEN": "t"}, "control_token", "t"),
        ([], {}, "seed", None),
        ([], {"MOCKHOST_SEED": "0"}, "seed", 0),
        (["--seed", "3"], {"MOCKHOST_SEED": "1"}, "seed", 3),
        ([], {}, "host", ()),
        ([], {"MOCKHOST_HOST": "127.0.0.1 ::1"}, "host", ("127.0.0.1", "::1")),
        (["--host", "0.0.0.0", "--host", "::"], {"MOCKHOST_HOST": "x"}, "host", ("0.0.0.0", "::")),
        ([], {"MOCKHOST_TLS_NAME": "a,b c"}, "tls_name", ("a", "b", "c")),
        ([], {"MOCKHOST_PUBLIC_NAME": "{hostname},localhost"}, "public_name", ("{hostname}", "localhost")),
        ([], {"MOCKHOST_STATE": ""}, "state", None),
        ([], {}, "tls", None),
        ([], {"MOCKHOST_NO_TLS": "1"}, "tls", False),
        ([], {"MOCKHOST_NO_TLS": "0"}, "tls", None),
        (["--tls"], {"MOCKHOST_NO_TLS": "1"}, "tls", True),
        (["--no-tls"], {}, "tls", False),
        ([], {"MOCKHOST_SET": "a=1"}, "set", ("a=1",)),
        ([], {"MOCKHOST_SET": "a.b=1 c=x y\td=2"}, "set", ("a.b=1", "c=x y", "d=2")),
        ([], {"MOCKHOST_SET": "a=x b=y\nc=2\n"}, "set", ("a=x b=y", "c=2")),
        (["--set", "b=2", "--set", "c=3 d=4"], {"MOCKHOST_SET": "a=1"}, "set", ("b=2", "c=3 d=4")),
    ],
)
def test_a_flag_goes_before_the_environment(
    given: Callable[..., dict[str, Any]], words: list[str], env: dict[str, str], option: str, expected: object
) -> None:
    """Also a flag that says what the default says."""
    assert given(*words, **env)[option] == expected


@pytest.mark.parametrize(
    ("hosts", "addresses", "ipv6"),
    [
        ((), (), True),
        (("localhost",), ("127.0.0.1", "::1"), True),
        (("0.0.0.0",), ("0.0.0.0",), False),
        (("::1", "localhost"), ("::1", "127.0.0.1"), True),
    ],
)
def test_localhost_is_two_addresses(hosts: tuple[str, ...], addresses: tuple[str, ...], ipv6: bool) -> None:
    hosting = Hosting(hosts, 0, "127.0.0.1", 0, None, (), None, None, (), None)
    assert hosting.addresses == addresses
    assert hosting.wants_ipv6 is ipv6


def test_a_setting_needs_a_path() -> None:
    with pytest.raises(click.BadParameter, match=r"host\.debug=true"):
        Setting().convert("=x", None, None)
