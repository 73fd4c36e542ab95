"""`mockhost proxy`, as a program."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from mockhost import MockHost
from mockhost.client.observation import exchange
from tests.cli.conftest import Invoke
from tests.cli.programs import Program

Start = Callable[..., Program]
ANY = ("--port", "0", "--control-port", "0", "--log-format", "json")


def test_a_proxy_stands_before_a_server(start: Start, tmp_path: Path) -> None:
    """The ready file is serve's; rules come from a scenario, and its own connectors stay beside the target."""
    (tmp_path / "faults.yaml").write_text(
        "format: 1\nextends: basics/healthy\nrules:\n"
        "  - {when: {connector: TARGET, operation: schemas}, reply: {status: 418}}\n"
    )
    file = tmp_path / "ready.json"
    with MockHost("basics/scim", control=False) as real:
        url, token = real.url("SCIM"), real.token("SCIM")
        options = ("--target-ca", str(real.ca_file), "--target-token", token, "--target-timeout", "20s")
        program = start(
            "proxy", url, str(tmp_path / "faults.yaml"), *ANY, *options, "--ready-file", str(file)
        )
        program.ready()
        ready = json.loads(file.read_text("utf-8"))
        assert set(ready["connectors"]) == {"SQL", "LDAP", "TARGET"}
        made = ready["connectors"]["TARGET"]
        assert made["url"].endswith("/ecma2host_TARGET/scim")
        assert made["secret_token"] not in ("", token)
        for path, status in (("/Users", 200), ("/Schemas", 418)):
            seen = exchange(
                made["url"],
                "GET",
                "/ecma2host_TARGET/scim" + path,
                {"Authorization": f"Bearer {made['secret_token']}"},
                ca_file=ready["ca_file"],
                timeout=60.0,
            )
            assert seen.status == status
        assert [entry.operation for entry in real.journal] == ["list_users"]
        shown = exchange(ready["control"]["url"], "GET", "/v1/scenario", timeout=60.0)
        assert token not in shown.text
        program.tell()
        assert program.code() == 0
    assert token not in program.out.rest()
    assert not file.exists()


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["nonsense"], "is not an http or https URL"),
        (["https://user:canary@a.example"], "has no user name and password"),
        (["https://a.example", "--no-target-verify", "--target-ca", __file__], "has no use"),
        (["https://a.example", "--name", "a b"], "can't name a connector"),
        (["https://a.example", "--target-timeout", "0"], "is not a length of time"),
        ([], "Missing argument 'TARGET'"),
    ],
)
def test_a_target_that_cannot_be(words: list[str], problem: str, invoke: Invoke) -> None:
    """A message, an exit code, and no password of a URL."""
    result = invoke("proxy", *words, "--port", "0", "--control-port", "0")
    assert result.exit_code in (1, 2)
    assert problem in " ".join(result.output.split())
    assert "canary" not in result.output


def test_a_recording_is_written_at_the_end(start: Start, tmp_path: Path) -> None:
    """`record` is a proxy that writes a scenario when it is told to end."""
    out = tmp_path / "recorded.yaml"
    with MockHost("basics/scim", tls=False, control=False) as real:
        program = start("record", real.url("SCIM"), "--out", str(out), "--no-tls", *ANY)
        ready = program.ready()
        url = ready["connectors"]["TARGET"]["url"]
        headers = {"Authorization": f"Bearer {real.token('SCIM')}"}
        seen = exchange(url, "GET", "/ecma2host_TARGET/scim/Users?count=1", headers, timeout=60.0)
        assert seen.status == 200
        program.tell()
        assert program.code() == 0
        assert real.token("SCIM") not in out.read_text("utf-8")
    with MockHost(str(out), tls=False, control=False) as replay:
        answer = exchange(
            replay.url(), "GET", "/ecma2host_TARGET/scim/Users?count=1", replay.headers("TARGET")
        )
    assert answer.body == seen.body
