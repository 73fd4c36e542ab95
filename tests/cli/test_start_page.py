"""What `serve` says first, and the lines after it."""

from __future__ import annotations

import io
import json
import os
import sys
from pathlib import Path

import pytest

from mockhost.api import MockHost
from mockhost.cli import shells, start_page
from mockhost.cli.live import Live, json_line, text_line
from mockhost.cli.start_page import Facts, Told
from mockhost.cli.terminal import Terminal
from mockhost.journal import Connection, EventBus, Exchange, Sink
from mockhost.scenario import shelves
from tests.cli.programs import DEADLINE

PLAIN = Terminal(io.StringIO())
URL = "https://localhost:1/ecma2host_SQL/scim"
FACTS = Facts(
    scenario="mine",
    called="./mine.yaml",
    title="A title",
    why="",
    cause=None,
    client_should=None,
    cure=(),
    connectors=(Told("SQL", URL, "tok", True, URL, "tok"),),
    about="SQL",
    tls="certificate",
    listening=True,
    ca_file="/x/trust.pem",
    control_url="http://127.0.0.1:8586",
    control_token=None,
    addresses=("127.0.0.1:1",),
    ipv6_missing=False,
    state_kept=False,
)  # fmt: skip


def page(facts: Facts, shell: str = "sh") -> str:
    return "\n".join(start_page.render(facts, PLAIN, shell))


def test_a_container_says_what_to_type_outside() -> None:
    """Its files are not the reader's, and its control plane is reached through it."""
    cure = ({"service": "restart"},)
    facts = FACTS._replace(
        container="3f2a1b4c5d6e", cause="x", cure=cure, control_token="t", control_url="http://localhost:8586"
    )
    text = page(facts)
    for part in (
        "docker cp 3f2a1b4c5d6e:/x/trust.pem trust.pem",
        "--cacert trust.pem",
        "docker exec 3f2a1b4c5d6e mockhost control status",
        "docker exec 3f2a1b4c5d6e mockhost scenarios show",
        "docker exec 3f2a1b4c5d6e mockhost control service restart",
        "token: t",
    ):
        assert part in text
    assert "--token" not in text
    assert "docker" not in page(FACTS._replace(cause="x", cure=cure))


def test_a_proxy_shows_its_target_and_whose_token_it_wants() -> None:
    """It asks for no token of its own: the client's credentials go on, and the curl line has a placeholder."""
    told = Told("TARGET", URL, "", True, URL, "", target="https://scim.example/v2")
    text = page(FACTS._replace(connectors=(told,)))
    assert "target         https://scim.example/v2" in text
    assert "secret token   (the one of the target)" in text
    assert "'Authorization: Bearer TOKEN'" in text
    emptied = told._replace(true_token="tok", target="")
    assert "'Authorization: Bearer '" in page(FACTS._replace(connectors=(emptied,)))


def test_a_proxy_before_a_scenario_is_what_the_page_is_about() -> None:
    proxy = {"TARGET": {"kind": "proxy", "target": "http://127.0.0.1:9/scim"}}
    with MockHost("basics/healthy", connectors=proxy) as host:
        facts = start_page.facts_of(host, "basics/healthy", state_kept=False, ipv6_wanted=False)
    assert {told.connector for told in facts.connectors} > {"TARGET"}
    assert facts.about == "TARGET"


def test_a_program_that_is_not_on_the_path_is_called_by_its_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As `make serve` starts it. What is printed can be pasted into another terminal."""
    (tmp_path / "mockhost").touch()
    monkeypatch.setattr(sys, "argv", [str(tmp_path / "mockhost"), "serve"])
    monkeypatch.setenv("PATH", "/nowhere")
    assert start_page.control_words(FACTS)[0] == str(tmp_path / "mockhost")
    monkeypatch.setenv("PATH", f"/nowhere{os.pathsep}{tmp_path}")
    assert start_page.control_words(FACTS)[0] == "mockhost"
    monkeypatch.setattr(sys, "argv", ["/x/mockhost/__main__.py", "serve"])
    assert start_page.control_words(FACTS)[0] == "mockhost"


def test_a_healthy_host_says_where_and_with_what() -> None:
    text = page(FACTS)
    for part in (
        "https://localhost:1/ecma2host_SQL/scim",
        "tok",
        "/x/trust.pem",
        "curl -sS",
        "http://127.0.0.1:8586",
        "mockhost control status",
        "--state DIR",
    ):
        assert part in text
    for part in ("Wrong on purpose", "told", "IPv6", "token:"):
        assert part not in text


def test_the_curl_line_is_about_what_the_scenario_is_about() -> None:
    """A connector of which the client was told something else comes before the others."""
    other = FACTS.connectors[0]._replace(connector="LDAP", secret_token="other")
    facts = FACTS._replace(connectors=(*FACTS.connectors, other))
    assert "Bearer tok" in page(facts)
    assert "Bearer other" in page(facts._replace(about="LDAP"))


def test_how_to_trust_is_a_page_of_the_docs() -> None:
    text = page(FACTS)
    assert "docs/how-to/trust-the-certificate.md" in text
    assert "update-ca-certificates" not in text


def test_there_is_a_line_that_finds_nobody_and_one_that_finds_lisa() -> None:
    facts = FACTS._replace(connectors=(FACTS.connectors[0]._replace(lisa="ContosoLogin"),))
    assert "filter=ContosoLogin%20eq%20%22ljacobson%22" in page(facts)
    assert "Lisa" not in page(FACTS)
    assert "Search as the portal's probe does:" in page(FACTS)


@pytest.mark.parametrize(
    ("changed", "part"),
    [
        ({}, None),
        ({"addresses": ("0.0.0.0:1",)}, "--public-name box"),
        ({"addresses": ("127.0.0.1:1", "[::]:1")}, "--public-name box"),
        ({"addresses": ("0.0.0.0:1",), "container": "3f2a1b4c5d6e"}, "MOCKHOST_PUBLIC_URL"),
        ({"public_url": "https://scim.contoso.example"}, "Clients reach it at https://scim.contoso.example."),
        (
            {"public_url": "https://scim.contoso.example", "tls": "plain_http"},
            "The proxy there has the certificate.",
        ),
    ],
)
def test_how_others_reach_a_host_is_said_where_they_can(changed: dict[str, object], part: str | None) -> None:
    text = page(FACTS._replace(machine="box", **changed))  # type: ignore[arg-type]  # the fields' own types
    if part is None:
        assert "reach" not in text
    else:
        assert part in " ".join(text.split())


def test_a_host_with_a_name_of_its_own_says_that_others_reach_it_by_that() -> None:
    told = FACTS.connectors[0]._replace(true_url="https://mock.lab:1/ecma2host_SQL/scim")
    text = page(FACTS._replace(connectors=(told,), addresses=("0.0.0.0:1",)))
    assert "Other machines reach it at https://mock.lab:1" in text


@pytest.mark.parametrize(
    ("changed", "part"),
    [
        ({"tls": "plain_http", "ca_file": None}, "plain HTTP: there is no certificate"),
        ({"tls": "none"}, "no certificate on the port: every TLS handshake"),
        ({"listening": False}, "The service is stopped: the port is held and refuses connections."),
        ({"ipv6_missing": True}, "This machine has no IPv6"),
        ({"control_token": "sesame"}, "token: sesame"),
        ({"control_url": "http://127.0.0.1:9"}, "mockhost control --url http://127.0.0.1:9 status"),
        (
            {
                "control_url": "http://h:9",
                "control_token": "t",
                "cause": "odd",
                "cure": ({"service": "restart"},),
            },
            "1. mockhost control --url http://h:9 --token t service restart",
        ),
        ({"cause": "odd"}, "mockhost scenarios show ./mine.yaml"),
        ({"cause": "odd", "client_should": "fix_configuration"}, "A good client should: fix configuration."),
        (
            {"cause": "odd", "cure": ({"advance": 240.0, "note": "wait"},)},
            "2. mockhost control clock advance 4m",
        ),
    ],
)
def test_what_is_special_is_said(changed: dict[str, object], part: str) -> None:
    assert part in page(FACTS._replace(**changed))  # type: ignore[arg-type]  # the fields' own types, in a table


def test_where_the_client_was_told_something_else_the_truth_stands_beside_it() -> None:
    told = FACTS.connectors[0]._replace(url="https://localhost:1/other", secret_token="the-old-one")
    text = page(FACTS._replace(connectors=(told,), cause="odd"))
    assert "the truth is https://localhost:1/ecma2host_SQL/scim" in text
    assert "the truth is tok" in text
    assert "Bearer the-old-one" in text
    gone = told._replace(true_url=None, true_token=None)
    assert "no connector of this name" in page(FACTS._replace(connectors=(gone,)))


def test_a_first_import_that_failed_is_said_but_not_to_a_learner(tmp_path: Path) -> None:
    """A database that cannot be read is seen where the host is started, not with the first empty find."""
    pytest.importorskip("sqlalchemy")
    system = {"columns": {"login": "string"}, "sql": {"url": f"sqlite:///{tmp_path}/hr.db", "table": "staff"}}
    connector = {"kind": "generic_sql", "secret_token": "t", "anchor": "login", "system": system}
    with MockHost({"format": 1, "connectors": {"SQL": connector}}) as host:
        problem = host.status()["connectors"]["SQL"]["import_problem"]
        facts = start_page.facts_of(host, "mine", state_kept=False, ipv6_wanted=False)
    said = " ".join(page(facts).split())
    assert f"the first import failed: {' '.join(problem.split())}" in said
    assert "import failed" not in page(start_page.blinded(facts, None))


def test_a_client_that_was_told_to_trust_nothing_gets_a_curl_line_that_trusts_nothing() -> None:
    told = FACTS.connectors[0]._replace(trusted=False)
    text = page(FACTS._replace(connectors=(told,)))
    assert "--cacert" not in text
    assert "configured to trust only" in text


@pytest.mark.parametrize("name", [name for name in shelves.names() if name != "basics/million"])
def test_every_scenario_has_a_page(name: str) -> None:
    """Its cause stands there, and nothing on it is left open."""
    with MockHost(name) as host:
        facts = start_page.facts_of(host, name, state_kept=False, ipv6_wanted=True)
        text = page(facts)
        assert (host.scenario.cause or name) in text
        assert "None" not in text
        for told in facts.connectors:
            assert told.url in text
        assert start_page.as_json(facts, host.ready())["event"] == "ready"
        # At 80 columns only a single word, such as a path, a URL or the JSON of a change, is longer than a line.
        path = str(host.ca_file)
        for line in start_page.render(facts, Terminal(io.StringIO(), width=80), "sh"):
            words = shells._WORD.findall(line.replace(path, "-" * len(path)))
            longest = max(words, key=len, default="")
            assert len(line) <= 80 or len(longest) > 40, line


def test_after_another_scenario_each_difference_is_said() -> None:
    true = {"SQL": {"url": "https://h/a", "secret_token": "t"}}
    told = {
        "SQL": {"url": "https://h/b", "secret_token": "t", "trusted": False},
        "sql": {"url": "https://h/c", "secret_token": "t", "trusted": True},
    }
    text = "\n".join(start_page.begun({"title": "A title", "cause": None}, true, told, PLAIN))
    for part in (
        "A title",
        "the tenant URL https://h/b",
        "the truth is https://h/a",
        "sql: ",
        "trusts already",
    ):
        assert part in text
    for part in ("wrong on purpose", "a good client", "secret token"):
        assert part not in text


# -- live lines ---------------------------------------------------------------------------------------------


def exchange() -> Exchange:
    return Exchange(
        at=0.0, method="GET", target="/ecma2host_SQL/scim/Users/\x1b[31mx", connector="SQL", status=401
    )


def test_a_line_of_json_is_one_line_and_names_its_kind() -> None:
    for kind, data in (
        ("exchange", exchange()),
        ("connection", Connection(number=1, at=0.0, peer="127.0.0.1")),
        ("state", {"what": "service", "action": "stop", "service": "stopped"}),
    ):
        line = json_line(kind, data)
        assert "\n" not in line
        assert json.loads(line)["event"] == kind


@pytest.mark.parametrize(
    ("data", "part"),
    [
        ({"what": "reset", "epoch": 1, "scenario": "basics/healthy"}, "a fresh start with basics/healthy"),
        ({"what": "service", "action": "stop", "service": "stopped"}, "stop; now stopped"),
        ({"what": "clock", "now": "2026-01-01T00:00:00.000Z"}, "it reads 2026-01-01T00:00:00.000Z"),
        ({"what": "set", "path": "host.debug", "applied": "at restart"}, "host.debug was set, effective at restart"),
        ({"what": "import", "connector": "SQL", "profile": "full"}, "SQL: a full import began"),
        ({"what": "timeline", "problem": "connector SQL is not running"}, "can't happen: connector SQL is not running"),
        ({"what": "change", "connectors": ["SQL"]}, "behind the host's back: SQL"),
        ({"what": "something new"}, "something new"),
        ({"error": "KeyError: 'x'", "place": "views.py:1"}, "a bug in mockhost: KeyError: 'x' at views.py:1"),
    ],
)  # fmt: skip
def test_what_was_operated_is_a_line_too(data: dict[str, object], part: str) -> None:
    assert part in text_line("state", data, PLAIN)


def test_what_a_client_sends_can_do_nothing_to_the_terminal() -> None:
    assert "\x1b" not in text_line("exchange", exchange(), PLAIN)
    assert "\x1b" not in text_line("state", {"what": "reset", "scenario": "\x1b[2J"}, PLAIN)


def test_what_happened_before_the_end_is_still_written() -> None:
    bus, stream = EventBus(), io.StringIO()
    live = Live(bus, Sink(b"k" * 32), Terminal(stream))
    for number in range(3):
        bus.publish("state", {"what": "reset", "scenario": f"number-{number}"})
    live.start()
    bus.close()
    live.stop(DEADLINE)
    assert stream.getvalue().count("\n") == 3


class Gone(io.StringIO):
    """A stream whose reader went away."""

    def write(self, text: str) -> int:
        raise BrokenPipeError


def test_a_reader_that_went_away_costs_lines_and_nothing_else() -> None:
    bus = EventBus()
    live = Live(bus, Sink(b"k" * 32), Terminal(Gone()))
    live.start()
    bus.publish("state", {"what": "reset"})
    live.stop(DEADLINE)
    bus.publish("state", {"what": "reset"})
    assert not bus.listening
