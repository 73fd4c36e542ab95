"""A secret put in each place where a text can come from is in nothing that leaves."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote, unquote

import pytest

from mockhost import MockHost
from mockhost.cli.live import Live
from mockhost.cli.run import record_of
from mockhost.cli.terminal import Terminal
from mockhost.errors import MockhostError, VerificationError
from mockhost.pytest_plugin.findings import Evidence, Gathered, redact

CANARY = "ca/na&ry-47+5ecret~x"
ECMA = "urn:ietf:params:scim:schemas:extension:ECMA2Host:2.0:User"


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Iterator[MockHost]:
    """A host whose scenario takes the canary from the environment, as a token of its timeline and as a title."""
    monkeypatch.setenv("CANARY", CANARY)
    document = {
        "title": "about ${canary}",
        "extends": "basics/healthy",
        "vars": {"canary": {"env": "CANARY"}},
        "timeline": [{"at": "60s", "set": {"connectors.SQL.secret_token": "${canary}"}}],
    }
    with MockHost(document, control_token="control-canary") as started:
        yield started


def spellings(text: str) -> set[str]:
    """The canary as it may be written, and what shows that half of it got out."""
    written = {text, quote(text, safe=""), quote(text), json.dumps(text)[1:-1]}
    return written | {base64.b64encode(text.encode()).decode().rstrip("=")[:-1]}


def speak(host: MockHost) -> None:
    """Put the canary wherever a client or an operator can put a text."""
    base = host.url("SQL")
    encoded = quote(CANARY, safe="")
    host.add_rule(
        {"name": f"rule {CANARY}", "when": {"operation": "get_user", "id": "nobody"}, "fault": "html"}
    )
    host.add_rule({"when": {"operation": "schemas"}, "set_state": f"state {CANARY}"})
    with host.session("SQL") as session:
        session.get(f"{base}/Schemas")
        session.get(f"{base}/Users/{encoded}")
        session.get(
            f"{base}/Users", params={"filter": f'ContosoLogin eq "{CANARY}"', "access_token": "q-" + CANARY}
        )
        session.get(f"{base}/nothing/{encoded}", headers={"X-Note": encoded})
        session.get(f"{base}/Users", headers={"Cookie": f"session={encoded}", "X-Api-Key": encoded})
        session.get(f"{base}/Users", auth=("bob", CANARY))
        session.post(
            f"{base}/Users", json={"schemas": [ECMA], ECMA: {"ContosoLogin": CANARY, "note": [CANARY]}}
        )
        session.post(f"{base}/Users", data=json.dumps({"x": CANARY}).encode("utf-16"))
        session.post(f"{base}/Users", data=b"\0" + CANARY.encode())
        session.post(f"{base}/Users", data={"client_secret": CANARY})
        session.patch(
            f"{base}/Users/{encoded}", json={"Operations": [{"op": "Add", "path": "x", "value": CANARY}]}
        )
    host.clock.advance(61)
    host.runtime.events.publish("bug", {"error": f"ValueError: {CANARY}", "place": "x.py:1"})
    host.runtime.events.publish("state", {"what": "happening", "problem": f"no {CANARY}", CANARY: [CANARY]})


def everything(host: MockHost, lines: str) -> Iterator[tuple[str, str]]:
    """All that leaves, by what it is."""
    yield "live lines", lines
    with host.session("SQL") as session:
        session.headers["Authorization"] = f"Bearer {host.control_token}"
        for form in ("json", "har", "curl", "table"):
            yield form, session.get(f"{host.control_url}/v1/journal", params={"format": form}).text
        for page in (
            "host",
            "connectors",
            "rules",
            "states",
            "scenario?document=true",
            "connections",
            "health",
        ):
            yield page, session.get(f"{host.control_url}/v1/{page}").text
        url = f"{host.control_url}/v1/verify"
        yield "verify", session.post(url, json={"attributes": {"ContosoLogin": "x"}, "status": 299}).text
        yield "an error", session.put(f"{host.control_url}/v1/states", json={"state": CANARY}).text
    with pytest.raises(VerificationError) as failed:
        host.verify(target={"contains": CANARY}, status=299)
    yield "a failed verify", str(failed.value)
    yield "reprs", repr([*host.journal, *host.journal.connections, host.told("SQL"), host.truth("SQL"), host])
    yield "near misses", repr([host.near_miss(each) for each in host.journal])
    yield "the journal of run", record_of(host)
    evidence = Evidence("test_x", [Gathered.of(host, [])])
    yield "evidence", evidence.text() + json.dumps(evidence._json(), default=str)
    report = SimpleNamespace(
        longrepr=SimpleNamespace(lines=[f"E assert '{CANARY}' == 1"], more=[("x", CANARY)])
    )
    redact(report, [host.journal.sink])  # type: ignore[arg-type]  # shaped like pytest's
    yield "an assertion", repr(report)


@pytest.mark.parametrize("as_json", [False, True], ids=["text", "json"])
def test_a_canary_is_in_nothing_that_leaves(host: MockHost, as_json: bool) -> None:
    """Whatever the encoding; only memory keeps it, so that assertions can compare it."""
    stream = io.StringIO()
    live = Live(host.runtime.events, host.journal.sink, Terminal(stream), as_json=as_json)
    live.start()
    speak(host)
    live.stop(30)
    leaks = [
        (what, spelling, text[max(0, text.find(spelling) - 60) : text.find(spelling) + 40])
        for what, text in everything(host, stream.getvalue())
        for spelling in spellings(CANARY) | {"control-canary", unquote(CANARY)}
        if spelling in text or spelling in unquote(text)
    ]
    assert leaks == []
    assert any(CANARY in str(exchange.who) for exchange in host.journal)
    host.verify(header={"X-Api-Key": quote(CANARY, safe="")})


FAILING = """\
def test_it(mockhost, mockhost_client):
    secret = mockhost.connectors()["SQL"].secret_token
    mockhost_client.get("/Users/" + secret, headers={"X-Api-Key": secret})
    answer = mockhost_client.post("/Users", json={"userName": secret, "password": secret})
    assert answer.json() == {"detail": secret}
"""


def test_a_failed_test_leaves_no_canary_in_its_output_and_its_artifacts(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A whole run of pytest: what it prints, its JUnit report, and every file of the folder of artifacts."""
    secret = "ca-na-ry-47-5ecret~x"
    monkeypatch.setenv("CANARY", secret)
    pytester.makefile(
        ".yaml",
        mine="format: 1\nextends: basics/healthy\nvars: {c: {env: CANARY}}\n"
        "connectors: {SQL: {secret_token: '${c}'}}\ntitle: about ${c}\n",
    )
    pytester.makepyfile("import pytest\npytestmark = pytest.mark.mockhost('./mine.yaml')\n" + FAILING)
    pytester.makeini("[pytest]\njunit_logging = all\n")
    result = pytester.runpytest_subprocess(
        "--mockhost-artifacts=kept", "--junitxml=report.xml", "-p", "no:randomly"
    )
    result.assert_outcomes(failed=1)
    files = [file for file in (pytester.path / "kept").rglob("*") if file.is_file()]
    assert files
    texts = [result.stdout.str(), result.stderr.str(), (pytester.path / "report.xml").read_text("utf-8")]
    texts += [file.read_text("utf-8") for file in files]
    assert [text[max(0, text.find(secret) - 80) :][:160] for text in texts if secret in unquote(text)] == []


WRONG: dict[str, dict[str, Any]] = {
    "number": {"seed": "${c}"},
    "choice": {"host": {"tls": {"key": "${c}"}}},
    "certificate": {"host": {"tls": {"names": ["${c} x"]}}},
    "pattern": {"rules": [{"when": {"header": {"X": {"matches": "(${c}"}}}, "fault": "html"}]},
    "fault": {"rules": [{"fault": "${c}"}]},
    "parameter": {"rules": [{"fault": {"http_error": "${c}"}}]},
    "state": {
        "rules": [{"when": {"in_state": "${c}"}, "fault": "html"}],
        "states": {"initial": "a", "a": {}},
    },
    "template": {"rules": [{"reply": {"body": "{{${c}}}"}}]},
    "file": {"rules": [{"reply": {"body_file": "${c}"}}]},
    "duration": {"rules": [{"delay": "${c}"}]},
    "column": {"connectors": {"SQL": {"anchor": "${c}"}}},
    "behaviour": {"connectors": {"SQL": {"behaviours": {"filter_grammar": "${c}"}}}},
    "setting": {"timeline": [{"at": "1s", "set": {"host.tls": "${c}"}}]},
    "date": {"clock": {"start": "${c}"}},
    "connector": {"expect": [{"send": "find", "connector": "${c}"}]},
}


@pytest.mark.parametrize(
    "secret",
    [CANARY, "se'c5ecretr", "se\"c'r\\et\nli5ecretne", "sé5ecret\x01☃", "5ecret" * 40, "a5ecret" + "b" * 300],
    ids=["plain", "quote", "escapes", "unicode", "long", "longer"],
)
@pytest.mark.parametrize("what", WRONG)
def test_no_report_of_a_scenario_shows_a_value_of_the_environment(
    what: str, secret: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However the message quotes or shortens it."""
    monkeypatch.setenv("CANARY", secret)
    document = {"extends": "basics/healthy", "vars": {"c": {"env": "CANARY"}}, **WRONG[what]}
    with pytest.raises(MockhostError) as failed, MockHost(document, control=False):
        pass
    assert "5ecret" not in str(failed.value)
