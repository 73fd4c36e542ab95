"""What a shell offers at Tab."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from mockhost.api import MockHost
from tests.cli.conftest import Invoke


def offered(invoke: Invoke, *words: str) -> list[str]:
    """What is offered for the last word, in bash."""
    line = " ".join(["mockhost", *words])
    env = {"_MOCKHOST_COMPLETE": "bash_complete", "COMP_WORDS": line, "COMP_CWORD": str(len(words))}
    result = invoke(prog_name="mockhost", env=env)
    assert result.exit_code == 0, result.output
    assert result.stderr == ""
    return [each.partition(",")[2] for each in result.stdout.splitlines() if each]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("ser",), ["serve"]),
        (("serve", "documented/cache_st"), ["documented/cache_stale"]),
        (("serve", "cache_clo"), ["cache_closed"]),
        (("run", "cache_clo"), ["cache_closed"]),
        (("check", "cache_clo"), ["cache_closed"]),
        (("scenarios", "show", "cache_clo"), ["cache_closed"]),
        (("control", "use", "cache_clo"), ["cache_closed"]),
        (("run", "--each", "doc"), ["documented"]),
        (("faults", "truncated_b"), ["truncated_body"]),
        (("behaviours", "patch_rep"), ["patch_reply"]),
        (("control", "call", "get_hea"), ["get_health"]),
        (("lab", "start", "L01"), ["L01-no-answer"]),
        (("control", "service", "rest"), ["restart"]),
        (("control", "journal", "--form"), ["--format"]),
        (("serve", "nothing-like-that"), []),
        (("control", "--url", "http://127.0.0.1:1", "cache", "S"), []),
        (("control", "--url", "nonsense://", "cache", "S"), []),
        (("control", "--ready-file", "none.json", "cache", "S"), []),
    ],
)  # fmt: skip
def test_names_are_offered(invoke: Invoke, words: tuple[str, ...], expected: list[str]) -> None:
    """Without a message and without an error, whatever stands before."""
    assert offered(invoke, *words) == expected


def test_a_path_is_completed_by_the_shell(invoke: Invoke) -> None:
    env = {"_MOCKHOST_COMPLETE": "bash_complete", "COMP_WORDS": "mockhost serve ./m", "COMP_CWORD": "2"}
    assert invoke(prog_name="mockhost", env=env).stdout == "file,./m\n"


def test_connectors_are_those_of_the_running_host(invoke: Invoke) -> None:
    with MockHost("basics/healthy") as host:
        where = ("control", "--url", host.control_url)
        assert offered(invoke, *where, "cache", "S") == ["SQL"]
        assert offered(invoke, *where, "journal", "--connector", "L") == ["LDAP"]
        assert offered(invoke, *where, "reset", "--connector", "L") == ["LDAP"]


@pytest.mark.parametrize("words", ["serve cache_", "faults trunc", "behaviours patch", "control call get"])
def test_nothing_heavy_is_imported(words: str) -> None:
    """Tab is pressed all the time."""
    code = (
        "import sys\n"
        "from mockhost.cli import main\n"
        "main([])\n"
        "heavy = {'flask', 'cryptography', 'requests', 'ruamel', 'jsonschema', 'faker', 'regex'}\n"
        "print('heavy', sorted(heavy & set(sys.modules)))\n"
    )
    env = {
        "_MOCKHOST_COMPLETE": "bash_complete",
        "COMP_WORDS": f"mockhost {words}",
        "COMP_CWORD": str(len(words.split())),
    }
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, **env}, capture_output=True, text=True, check=True
    )
    assert "plain," in done.stdout
    assert "heavy []" in done.stdout


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_gets_its_script(invoke: Invoke, shell: str) -> None:
    result = invoke(prog_name="mockhost", env={"_MOCKHOST_COMPLETE": f"{shell}_source"})
    assert result.exit_code == 0
    assert f"_MOCKHOST_COMPLETE={shell}_complete" in result.stdout
