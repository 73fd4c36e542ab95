"""Lines to paste: each shell gives the words back as they were."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mockhost.cli import shells
from tests.machine import needs

WORDS = st.text(st.characters(blacklist_categories=["Cs", "Cc"]), min_size=1)


@given(WORDS)
def test_a_posix_shell_gives_a_word_back(word: str) -> None:
    assert shlex.split(shells.quoted(word, "sh")) == [word]


@needs("sh", "-c", "echo sh")
def test_a_real_shell_gives_awkward_words_back() -> None:
    """Not only by shlex's opinion: `sh` itself is asked."""
    words = ["it's", 'a "b"', "$HOME", "`id`", "a\\", "!!", "%22", "ünïcode", "~", "*"]
    line = "printf '%s\\n' " + shells.command_line(words, "sh")
    done = subprocess.run(["sh", "-c", line], capture_output=True, text=True, check=True, encoding="utf-8")
    assert done.stdout.splitlines() == words


@given(WORDS)
def test_fish_gives_a_word_back(word: str) -> None:
    """fish, "Quotes": between single quotes only `\\'` and `\\\\` are escapes."""
    text = shells.quoted(word, "fish")
    if text != word:
        text = text[1:-1].replace("\\\\", "\0").replace("\\'", "'").replace("\0", "\\")
    assert text == word


@given(WORDS)
def test_powershell_gives_a_word_back(word: str) -> None:
    """about_Quoting_Rules: between single quotes only a doubled quote means something else."""
    text = shells.quoted(word, "powershell")
    if text != word:
        text = text[1:-1]
        for quote in "'‘’‚‛":
            text = text.replace(quote * 2, quote)
    assert text == word


@given(WORDS)
def test_the_c_runtime_gives_a_word_of_cmd_back(word: str) -> None:
    """Microsoft Learn, "Parsing C command-line arguments": backslashes count only before a quote."""
    text = shells.quoted(word, "cmd")
    if text == word:
        return
    assert text[0] == text[-1] == '"'
    out, slashes, closed = "", 0, False
    for character in text[1:]:
        assert not closed
        if character == "\\":
            slashes += 1
            continue
        if character == '"':
            out += "\\" * (slashes // 2)
            if slashes % 2:
                out += '"'
            else:
                closed = True
        else:
            out += "\\" * slashes + character
        slashes = 0
    assert closed
    assert out == word


@pytest.mark.parametrize(
    ("shell", "url"),
    [
        ("sh", "-G https://h:1/x/scim/Users -d 'filter=PLACEHOLDER%20eq%20%22"),
        ("fish", "-G https://h:1/x/scim/Users -d 'filter=PLACEHOLDER%20eq%20%22"),
        ("powershell", "-G https://h:1/x/scim/Users -d 'filter=PLACEHOLDER%20eq%20%22"),
        ("cmd", '-G https://h:1/x/scim/Users -d "filter=PLACEHOLDER%20eq%20%22'),
    ],
)
def test_the_curl_line_is_the_portals_probe(shell: str, url: str) -> None:
    line = shells.curl("https://h:1/x/scim/", "tok`en;<=>?@", "/a b/trust.pem", shell, windows=False)
    assert url in line
    quote = '"' if shell == "cmd" else "'"
    assert f"-H {quote}Authorization: Bearer tok`en;<=>?@{quote}" in line
    assert f"--cacert {quote}/a b/trust.pem{quote}" in line


@pytest.mark.parametrize(
    ("shell", "end"), [("sh", " \\"), ("fish", " \\"), ("powershell", " `"), ("cmd", " ^")]
)
def test_a_command_is_folded_between_words(shell: str, end: str) -> None:
    """An option stays with its value; pasted, the lines are the command."""
    url, file = "https://localhost:8585/ecma2host_SQL/scim", "/tmp/mockhost-trust-bsr7reh2/trust.pem"
    line = shells.curl(url, "correct horse 'battery'", file, shell, windows=False)
    lines = shells.folded(line, shell, 80)
    assert max(map(len, lines)) <= 80
    assert len(lines) > 2
    assert " ".join(each.removesuffix(end).strip() for each in lines) == line
    assert all(each.endswith(end) for each in lines[:-1])
    assert shells.folded(line, shell, None) == [f"  {line}"]


def test_a_quote_inside_of_quotes_is_not_folded_where_a_backslash_escapes_it() -> None:
    line = shells.command_line(
        ["mockhost", "control", "change", '{"SQL": {"add": [{"a": "b c"}]}}'] * 3, "cmd"
    )
    assert shells.folded(line, "cmd", 40) == [f"  {line}"]


def test_the_curl_line_trusts_nothing_that_the_client_was_not_told_to_trust() -> None:
    assert "--cacert" not in shells.curl("https://h/x", "t", None, "sh")
    assert "--cacert" not in shells.curl("http://h/x", "t", "/trust.pem", "sh")


def test_on_windows_curl_is_curl() -> None:
    """`curl` alone is another command in Windows PowerShell, and Schannel wants to know about revocation."""
    line = shells.curl("https://h/x", "t", "C:\\t.pem", "powershell", windows=True)
    assert line.startswith("curl.exe ")
    assert "--ssl-no-revoke" in line


@pytest.mark.parametrize(
    ("env", "expected"),
    [
        ({}, False),
        ({"HTTPS_PROXY": "http://p:3128"}, True),
        ({"https_proxy": "http://p:3128", "no_proxy": "a, localhost"}, False),
        ({"ALL_PROXY": "socks5://p", "NO_PROXY": "*"}, False),
    ],
)
def test_a_proxy_is_passed_by(env: dict[str, str], expected: bool) -> None:
    assert shells.behind_proxy(env) is expected
    assert ("--noproxy" in shells.curl("https://h/x", "t", None, "sh", proxy=expected)) is expected


@pytest.mark.parametrize(
    ("env", "expected"),
    [
        ({"PSModulePath": "C:\\a;C:\\b"}, "cmd"),
        ({"PSModulePath": "C:\\Users\\me\\PowerShell;C:\\a;C:\\b"}, "powershell"),
        ({"SHELL": "/usr/bin/bash.exe", "PSModulePath": "a;b;c"}, "sh"),
    ],
)
def test_windows_shells_are_told_apart(env: dict[str, str], expected: str) -> None:
    assert shells.detect(env, windows=True) == expected


def process(proc: Path, pid: int, name: str, parent: int) -> None:
    (proc / str(pid)).mkdir()
    (proc / str(pid) / "stat").write_text(f"{pid} ({name}) S {parent} 1 1 0")


@pytest.mark.parametrize(
    ("chain", "expected"),
    [
        (["zsh"], "sh"),
        (["make", "fish"], "fish"),
        (["sh", "make", "fish"], "fish"),
        (["python3", "pwsh"], "powershell"),
        (["sh", "cron"], "sh"),
        (["odd (name)", "bash"], "sh"),
        (["systemd"], None),
    ],
)
def test_the_shell_is_looked_for_among_the_ancestors(
    tmp_path: Path, chain: list[str], expected: str | None
) -> None:
    """`make` runs its lines in `sh`; what counts is the shell that a person types into."""
    for pid, name in enumerate(chain, 10):
        process(tmp_path, pid, name, pid + 1)
    assert shells._ancestor(10, tmp_path) == expected
